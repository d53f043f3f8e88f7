//! Operations that were seen before, so that they need not be read again: parsed, validated, priced and planned.
//!
//! An operation is kept once it is valid. Its variables are coerced and its cost is estimated each time; the plan, which
//! depends on them, too, is kept for the values that came lately.

use std::{
    collections::HashMap,
    hash::{Hash, Hasher},
    sync::{Arc, Mutex, PoisonError},
};

use apollo_compiler::{Schema, ast};
use async_graphql::{
    Name, Pos, Value as ConstValue, Variables,
    parser::types::{
        BaseType, DocumentOperations, ExecutableDocument, OperationDefinition, OperationType, Selection, SelectionSet,
    },
};
use quick_cache::{Equivalent, Weighter, sync::Cache};
use serde_json::{Map, Value};

use super::{
    RequestError,
    coercion::Variable,
    error::MAX_ERRORS,
    uses::Uses,
    validation::{Checked, Validator},
};
use crate::{
    error::{Code, Fault, Result},
    graphql::{Asking, OperationPlan, switches},
    schema::{
        self,
        cost::CostPlan,
        limits::{self, Limits},
    },
};

/// Bytes that all operations may take together, as estimated from their source texts.
const MEMORY: u64 = 16 * 1024 * 1024;
/// A parsed and planned operation takes about this many times its source text.
const GROWTH: u64 = 12;
/// How many plans are kept of one operation: they depend on the variables of `@skip` and `@include`.
const VARIANTS: usize = 16;

/// What a document and an operation name ask for. Found in the extensions of a response, for logs and metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Query or mutation.
    pub kind: OperationType,
}

/// An operation that is ready to be run.
pub struct PreparedOperation {
    /// What the variables are held against.
    schema: &'static Schema,
    text: Arc<str>,
    /// The operation that the request named.
    asked: Option<String>,
    /// Whether its answers hold until something that they show changes.
    pub is_lasting: bool,
    /// Whether it asks for nothing but what is published: whoever sends it, no draft is read and nothing written.
    pub is_public: bool,
    /// The operation and its fragments, without others that stood beside it.
    pub document: ExecutableDocument,
    /// What is run.
    pub operation: Operation,
    variables: Vec<Variable>,
    switches: Vec<Name>,
    cost: CostPlan,
    /// By the values of `switches`.
    plans: Variants<Vec<bool>, Option<Arc<OperationPlan>>>,
}

/// What depends on the variables, for the values that came lately.
struct Variants<K, V>(Mutex<Vec<(K, V)>>);

impl<K, V> Default for Variants<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K, V: Clone> Variants<K, V> {
    fn get(&self, fits: impl Fn(&K) -> bool) -> Option<V> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|(key, _)| fits(key)).map(|(_, value)| value.clone())
    }

    fn put(&self, key: K, value: V) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() == VARIANTS {
            known.remove(0);
        }
        known.push((key, value));
    }
}

impl PreparedOperation {
    fn new(
        schema: &'static Schema,
        text: &Arc<str>,
        asked: Option<&str>,
        checked: &Checked,
    ) -> Result<Self, RequestError> {
        let document = only(&checked.document, select_operation(&checked.document, asked)?.0);
        let (name, definition) = select_operation(&document, None)?;
        let operation = Operation { name: name.map(str::to_owned), kind: definition.ty };
        let uses = checked.typed.operations.get(name).map(|operation| Uses::of(schema, &checked.typed, operation));
        let uses = uses.unwrap_or_default();
        let mutates = operation.kind == OperationType::Mutation;
        let variables = definition.variable_definitions.iter().map(|definition| Variable {
            name: definition.node.name.node.clone(),
            may_be_null: !uses.never_null.contains(definition.node.name.node.as_str()),
            leaves_rules: mutates && !uses.outside_mutations.contains(definition.node.name.node.as_str()),
            ty: type_of(&definition.node.var_type.node),
            default: definition.node.default_value.as_ref().map(|value| value.node.clone()),
            place: definition.pos,
        });
        let (cost, switches) = (CostPlan::new(&document, definition), switches(&document, definition));
        Ok(Self {
            schema,
            text: Arc::clone(text),
            asked: asked.map(str::to_owned),
            is_lasting: asks_only(&document, definition, |field| schema::LASTING.contains(&field)),
            is_public: asks_only(&document, definition, |field| {
                schema::LASTING.contains(&field) || schema::PASSING.contains(&field)
            }),
            operation,
            variables: variables.collect(),
            switches,
            cost,
            plans: Variants::default(),
            document,
        })
    }

    /// The source text.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// The document, the operation and these variables as bytes, the same however they were sent.
    pub fn key(&self, variables: &Variables) -> Vec<u8> {
        let mut key = self.text.as_bytes().to_vec();
        for part in
            [self.asked.as_deref().unwrap_or_default().as_bytes(), &serde_json::to_vec(variables).unwrap_or_default()]
        {
            // Neither a document nor JSON has this byte.
            key.push(0);
            key.extend_from_slice(part);
        }
        key
    }

    fn definition(&self) -> Option<&OperationDefinition> {
        let name = self.operation.name.as_deref();
        let mut operations = self.document.operations.iter();
        operations.find(|(found, _)| found.map(Name::as_str) == name).map(|(_, operation)| &operation.node)
    }

    /// The variables that a request sends, coerced, and with defaults. Absence has a meaning of its own, such as the default
    /// of an argument, and is left alone.
    ///
    /// # Errors
    /// All that do not fit their types.
    pub fn coerce(&self, mut sent: Map<String, Value>) -> Result<Variables, RequestError> {
        let mut complete = Variables::default();
        let mut refused: Option<(Pos, Vec<Fault>)> = None;
        let mut refuse = |variable: &Variable, faults| {
            refused.get_or_insert_with(|| (variable.place, Vec::new())).1.extend(faults);
        };
        for variable in &self.variables {
            let value = match (sent.remove(variable.name.as_str()), &variable.default) {
                (Some(Value::Null), _) if !variable.may_be_null => {
                    refuse(variable, vec![variable.missing()]);
                    continue;
                }
                (Some(value), _) => match variable.coerce(self.schema, value) {
                    Ok(value) => value,
                    Err(faults) => {
                        refuse(variable, faults);
                        continue;
                    }
                },
                (None, Some(default)) => default.clone(),
                (None, None) if variable.ty.is_non_null() => {
                    refuse(variable, vec![variable.missing()]);
                    continue;
                }
                (None, None) => continue,
            };
            complete.insert(variable.name.clone(), value);
        }
        match refused {
            None => Ok(complete),
            Some((place, mut faults)) => {
                faults.truncate(MAX_ERRORS);
                Err(RequestError::invalid(faults, place))
            }
        }
    }

    /// What it is estimated to cost with these variables.
    ///
    /// # Errors
    /// When that is more than an operation may cost.
    pub fn estimate(&self, variables: &Variables, asking: &Asking) -> Result<usize, RequestError> {
        let by_engine = self.operation.kind == OperationType::Query && self.plan(variables).is_none();
        Ok(self.cost.estimate(variables, by_engine, Some(asking))?)
    }

    /// How to answer without the engine, if that can be done.
    pub fn plan(&self, variables: &Variables) -> Option<Arc<OperationPlan>> {
        let value = |name: &Name| match variables.get(name) {
            Some(ConstValue::Boolean(value)) => Some(*value),
            _ => None,
        };
        let values: Vec<bool> = self.switches.iter().map(value).collect::<Option<_>>()?;
        if let Some(plan) = self.plans.get(|known| *known == values) {
            return plan;
        }
        let switches: HashMap<Name, bool> = self.switches.iter().cloned().zip(values.iter().copied()).collect();
        let plan = self.definition().filter(|operation| operation.ty == OperationType::Query).and_then(|operation| {
            OperationPlan::new(&self.document, operation, schema::ROOTS, &switches).map(Arc::new)
        });
        self.plans.put(values, plan.clone());
        plan
    }
}

/// The operations that were seen lately.
pub struct OperationCache {
    validator: &'static Validator,
    limits: Limits,
    cache: Cache<OperationKey, Arc<PreparedOperation>, BySize>,
}

#[derive(Clone, PartialEq, Eq)]
struct OperationKey {
    text: Arc<str>,
    operation: Option<String>,
}

impl Hash for OperationKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Asked { text: &self.text, operation: self.operation.as_deref() }.hash(state);
    }
}

/// The same without owning it.
#[derive(Hash)]
struct Asked<'a> {
    text: &'a str,
    operation: Option<&'a str>,
}

impl Equivalent<OperationKey> for Asked<'_> {
    fn equivalent(&self, key: &OperationKey) -> bool {
        self.text == key.text.as_ref() && self.operation == key.operation.as_deref()
    }
}

#[derive(Clone)]
struct BySize;

impl Weighter<OperationKey, Arc<PreparedOperation>> for BySize {
    fn weight(&self, key: &OperationKey, _: &Arc<PreparedOperation>) -> u64 {
        u64::try_from(key.text.len()).unwrap_or(u64::MAX).saturating_mul(GROWTH) + 1_000
    }
}

impl OperationCache {
    /// Holds operations against the schema, within these limits.
    ///
    /// # Errors
    /// When our own schema is not valid.
    pub fn new(limits: Limits) -> Result<Self> {
        let cache = Cache::with_weighter(1_000, MEMORY, BySize);
        Ok(Self { validator: Validator::get()?, limits, cache })
    }

    /// Holds the variables of a request, and its additions to the protocol, against the limits.
    ///
    /// # Errors
    /// When they go over one.
    pub fn check_variables(
        &self,
        variables: &Map<String, Value>,
        extensions: &Map<String, Value>,
    ) -> Result<(), RequestError> {
        limits::check_variables(variables, &self.limits)?;
        Ok(limits::check_variables(extensions, &self.limits)?)
    }

    /// An operation, if it was seen lately.
    pub fn get(&self, text: &str, operation: Option<&str>) -> Option<Arc<PreparedOperation>> {
        self.cache.get(&Asked { text, operation })
    }

    /// An operation; reads it if it is new.
    ///
    /// # Errors
    /// When it goes over a limit, cannot be parsed, is not valid, or when there is no such operation.
    pub fn prepare(&self, text: &Arc<str>, operation: Option<&str>) -> Result<Arc<PreparedOperation>, RequestError> {
        if let Some(known) = self.get(text, operation) {
            return Ok(known);
        }
        let checked = self.validator.check(text, &self.limits)?;
        let prepared = Arc::new(PreparedOperation::new(self.validator.schema(), text, operation, &checked)?);
        let key = OperationKey { text: Arc::clone(text), operation: operation.map(str::to_owned) };
        self.cache.insert(key, Arc::clone(&prepared));
        Ok(prepared)
    }

    /// Nothing, if the document is within the limits, well-formed and valid, whatever values its variables will have. What it
    /// costs is computed with the shortest lists that its variables allow for.
    ///
    /// # Errors
    /// What a client would be told who sends the document.
    pub fn validate(&self, text: &str) -> Result<(), RequestError> {
        let document = self.validator.check(text, &self.limits)?.document;
        for (name, _) in document.operations.iter() {
            let one = only(&document, name.map(Name::as_str));
            let (_, operation) = select_operation(&one, None)?;
            CostPlan::new(&one, operation).estimate(&Variables::default(), false, None)?;
        }
        Ok(())
    }
}

fn type_of(ty: &async_graphql::parser::types::Type) -> ast::Type {
    let ty_of_base = match &ty.base {
        BaseType::Named(name) => ast::Type::Named(apollo_compiler::Name::new_unchecked(name.as_str())),
        BaseType::List(item) => type_of(item).list(),
    };
    if ty.nullable { ty_of_base } else { ty_of_base.non_null() }
}

/// One operation and the fragments that it spreads. The document is valid, so that each is there and none contains itself.
fn only(document: &ExecutableDocument, name: Option<&str>) -> ExecutableDocument {
    let operations = match &document.operations {
        DocumentOperations::Single(operation) => DocumentOperations::Single(operation.clone()),
        DocumentOperations::Multiple(operations) => {
            let named = operations.iter().filter(|(found, _)| Some(found.as_str()) == name);
            DocumentOperations::Multiple(named.map(|(name, operation)| (name.clone(), operation.clone())).collect())
        }
    };
    let mut fragments = HashMap::new();
    let mut open: Vec<&SelectionSet> = Vec::new();
    let sets = document.operations.iter().filter(|(found, _)| found.map(Name::as_str) == name);
    open.extend(sets.map(|(_, operation)| &operation.node.selection_set.node));
    while let Some(set) = open.pop() {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => open.push(&field.node.selection_set.node),
                Selection::InlineFragment(fragment) => open.push(&fragment.node.selection_set.node),
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    if let (false, Some(fragment)) = (fragments.contains_key(name), document.fragments.get(name)) {
                        fragments.insert(name.clone(), fragment.clone());
                        open.push(&fragment.node.selection_set.node);
                    }
                }
            }
        }
    }
    ExecutableDocument { operations, fragments }
}

/// Whether an operation is a query for nothing but such fields.
fn asks_only(document: &ExecutableDocument, operation: &OperationDefinition, is_meant: fn(&str) -> bool) -> bool {
    let mut open = vec![&operation.selection_set.node];
    while let Some(set) = open.pop() {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) if is_meant(field.node.name.node.as_str()) => {}
                Selection::Field(_) => return false,
                Selection::InlineFragment(fragment) => open.push(&fragment.node.selection_set.node),
                Selection::FragmentSpread(spread) => {
                    // Validation sees to it that it is there, and that no fragment contains itself.
                    match document.fragments.get(&spread.node.fragment_name.node) {
                        Some(fragment) => open.push(&fragment.node.selection_set.node),
                        None => return false,
                    }
                }
            }
        }
    }
    operation.ty == OperationType::Query
}

fn select_operation<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Result<(Option<&'a str>, &'a OperationDefinition), RequestError> {
    let refuse = |message| Err(RequestError::new(Code::OperationResolutionFailure, message));
    let mut operations = document
        .operations
        .iter()
        .map(|(name, operation)| (name.map(Name::as_str), &operation.node))
        .filter(|(candidate, _)| name.is_none() || *candidate == name);
    match (operations.next(), operations.next()) {
        (Some(operation), None) => Ok(operation),
        (None, _) => refuse("The document has no operation with the name that \"operationName\" says."),
        (Some(_), Some(_)) => {
            refuse("The document has several operations: \"operationName\" must say which one to run.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_read_once_and_by_itself() {
        let operations = OperationCache::new(Limits::default()).expect("a schema");
        let text: Arc<str> = "query A { locales { code } } query B($n: Int) { pages(first: $n) { ...F } }
            query C($n: [ID!]!) { nodes(ids: $n) { ...G } } fragment F on PageConnection { totalCount } fragment G on Node { id }"
            .into();
        let first = operations.prepare(&text, Some("B")).expect("valid");
        let again = operations.prepare(&text, Some("B")).expect("valid");
        assert!(Arc::ptr_eq(&first, &again));
        assert_eq!(first.document.operations.iter().count(), 1);
        assert_eq!(first.document.fragments.keys().map(Name::as_str).collect::<Vec<_>>(), ["F"]);
        for number in 0..200 {
            let variables = first.coerce(Map::from_iter([("n".to_owned(), Value::from(number))])).expect("they fit");
            assert!(first.plan(&variables).is_some());
        }
        assert!(operations.prepare(&text, None).is_err(), "which one is not said");
        assert!(operations.prepare(&text, Some("D")).is_err(), "there is none");
    }

    #[test]
    fn the_cost_is_that_of_the_operation_that_runs() {
        let operations = OperationCache::new(Limits::default()).expect("a schema");
        let text: Arc<str> =
            "query A { locales { code } } query B($n: Int!) { pages(first: $n) { nodes { slug } } }".into();
        let cost = |name: &str, variables: Map<String, Value>| {
            let operation = operations.prepare(&text, Some(name)).expect("valid");
            let variables = operation.coerce(variables).expect("they fit");
            operation.cost.estimate(&variables, false, None).expect("not too much")
        };
        let of = |number: u64| Map::from_iter([("n".to_owned(), Value::from(number))]);
        let cheap = cost("A", Map::new());
        assert!(cheap < 20, "{cheap}");
        let (one, hundred) = (cost("B", of(1)), cost("B", of(100)));
        assert_eq!(hundred - one, 99, "a point for each page");
        assert_eq!(cost("B", of(1)), one, "whatever was asked before");
    }

    #[test]
    fn operations_take_no_more_than_their_room() {
        let operations = OperationCache::new(Limits::default()).expect("a schema");
        let mut first = true;
        for number in 0..60 {
            // The longest that is read: a document of two selections and a comment.
            let text: Arc<str> = format!("{{ locales {{ code }} }} # {number:02} {}", "x".repeat(60_000)).into();
            assert!(operations.prepare(&text, None).is_ok(), "document {number}");
            assert!(operations.cache.weight() <= MEMORY, "{} bytes", operations.cache.weight());
            first &= operations.cache.len() == number + 1;
        }
        assert!(!first, "together they are more than there is room for");
        assert!(operations.cache.weight() > MEMORY / 2, "the room is used");
    }
}
