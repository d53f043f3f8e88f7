//! What is known of a document that was seen before, so that it need not be read again: the parsed document, its
//! operation, what it costs, and the plan by which it is answered without the engine.
//!
//! A document is known once it has passed the limits and the engine's validation. Its variables are looked at each time:
//! those that must be there, what they make the document cost, and, by whoever reads them, whether they fit their types.

pub mod validate;

use std::{
    collections::{HashMap, HashSet},
    hash::{Hash, Hasher},
    sync::{Arc, Mutex, PoisonError},
};

use async_graphql::{
    Positioned, Response, ValidationResult, Value as ConstValue, Variables,
    extensions::{Extension, ExtensionContext, ExtensionFactory, NextExecute, NextValidation},
    parser::types::{BaseType, ExecutableDocument, OperationDefinition, OperationType, Selection, SelectionSet},
};
use async_graphql_value::Name;
use poem::http::Method;
use quick_cache::{Equivalent, Weighter, sync::Cache};
use serde_json::{Map, Value};

use super::{
    graphql::{Operation, Refusal, validation_refusal},
    parameters::bad_request,
};
use crate::{
    error::Code,
    graphql::{OperationPlan, parse, switches},
    schema::{
        self, Schema,
        limits::{self, Limits},
        with_code,
    },
};

/// Bytes that all known documents may take together, as estimated from their source texts.
const MEMORY: u64 = 16 * 1024 * 1024;
/// A parsed and planned document takes about this many times its source text.
const GROWTH: u64 = 12;
/// How many plans and prices are kept of one document: they depend on the variables of `@skip`, `@include` and `first`.
const VARIANTS: usize = 16;

/// A document that was seen before, with the operation that it was asked to run.
pub struct Known {
    text: Arc<str>,
    /// The operation that the request named.
    asked: Option<String>,
    /// Whether its answers hold until something that they show changes.
    pub is_lasting: bool,
    /// Whether it asks for nothing but what is published: whoever sends it, no draft is read and nothing written.
    pub is_public: bool,
    /// Parsed.
    pub document: ExecutableDocument,
    /// What is run.
    pub operation: Operation,
    variables: Vec<Variable>,
    switches: Vec<Name>,
    /// The variables that decide on the cost.
    sizes: Vec<Name>,
    /// By the values of `sizes`.
    costs: Variants<Vec<Option<ConstValue>>, usize>,
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

/// The declaration of a variable.
struct Variable {
    name: Name,
    nullable: bool,
    default: Option<ConstValue>,
}

impl Known {
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

    /// The variables that a request sends, complete: with defaults, and with null for the size of a list that was left out,
    /// where it means the same: the engine cannot tell the cost by a variable that is not there. Elsewhere absence has a
    /// meaning of its own, such as the default of an argument, and is left alone.
    ///
    /// # Errors
    /// When one is missing that must be there. The engine looks at variables only where they are used, and then reports a
    /// field error.
    pub fn complete(&self, mut sent: Map<String, Value>) -> Result<Variables, Refusal> {
        let refuse = |variable: &Name, what: &str| {
            Err(Refusal::new(Code::BadUserInput, format!("The variable \"${variable}\" is required but {what}.")))
        };
        let mut complete = Variables::default();
        for variable in &self.variables {
            let name = &variable.name;
            let value = match (sent.remove(name.as_str()), &variable.default) {
                (Some(Value::Null), _) if !variable.nullable => return refuse(name, "null"),
                (Some(value), _) => ConstValue::from_json(value).map_err(|_| bad_request("A variable is not JSON."))?,
                (None, Some(default)) => default.clone(),
                (None, None) if !variable.nullable => return refuse(name, "not provided"),
                (None, None) if self.sizes.contains(name) => ConstValue::Null,
                (None, None) => continue,
            };
            complete.insert(name.clone(), value);
        }
        Ok(complete)
    }

    /// What these variables make the document cost, if it was worked out lately.
    pub fn cost(&self, variables: &Variables) -> Option<usize> {
        self.costs
            .get(|values| self.sizes.iter().zip(values).all(|(name, value)| variables.get(name) == value.as_ref()))
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

/// The documents that were seen lately.
pub struct KnownDocuments {
    schema: Schema,
    limits: Limits,
    /// The names of all types, for [`check_types_of_defaults`].
    types: HashSet<String>,
    cache: Cache<DocumentKey, Arc<Known>, BySize>,
}

#[derive(Clone, PartialEq, Eq)]
struct DocumentKey {
    text: Arc<str>,
    operation: Option<String>,
}

impl Hash for DocumentKey {
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

impl Equivalent<DocumentKey> for Asked<'_> {
    fn equivalent(&self, key: &DocumentKey) -> bool {
        self.text == key.text.as_ref() && self.operation == key.operation.as_deref()
    }
}

#[derive(Clone)]
struct BySize;

impl Weighter<DocumentKey, Arc<Known>> for BySize {
    fn weight(&self, key: &DocumentKey, _: &Arc<Known>) -> u64 {
        u64::try_from(key.text.len()).unwrap_or(u64::MAX).saturating_mul(GROWTH) + 1_000
    }
}

impl KnownDocuments {
    /// Holds documents against this schema, whose types have these names, within these limits.
    pub fn new(types: HashSet<String>, limits: Limits) -> Self {
        let schema = schema::builder().extension(CheckOnly).finish();
        Self { schema, limits, types, cache: Cache::with_weighter(1_000, MEMORY, BySize) }
    }

    /// Holds the variables of a request, and its additions to the protocol, against the limits.
    ///
    /// # Errors
    /// When they go over one.
    pub fn check_variables(
        &self,
        variables: &Map<String, Value>,
        extensions: &Map<String, Value>,
    ) -> Result<(), Refusal> {
        limits::check_variables(variables, &self.limits)?;
        Ok(limits::check_variables(extensions, &self.limits)?)
    }

    /// What is known of a document; reads it if it is new, with the variables that came with it.
    ///
    /// # Errors
    /// When it goes over a limit, cannot be parsed, is not valid, or has no such operation.
    pub async fn get(
        &self,
        text: &Arc<str>,
        operation: Option<&str>,
        variables: &Map<String, Value>,
        method: &Method,
    ) -> Result<Arc<Known>, Refusal> {
        if let Some(known) = self.cache.get(&Asked { text, operation }) {
            check_operation_type(known.operation.kind, method)?;
            return Ok(known);
        }
        let mut known = self.read(text, operation)?;
        check_operation_type(known.operation.kind, method)?;
        // Its variables are part of what is validated, so a document with bad ones is not known yet.
        let complete = known.complete(variables.clone())?;
        self.price(&known, &complete).await?;
        let asks_only = |is_meant: fn(&str) -> bool| {
            known.definition().is_some_and(|operation| asks_only(&known.document, operation, is_meant))
        };
        (known.is_lasting, known.is_public) = (
            asks_only(|field| schema::LASTING.contains(&field)),
            asks_only(|field| schema::LASTING.contains(&field) || schema::PASSING.contains(&field)),
        );
        let known = Arc::new(known);
        let key = DocumentKey { text: Arc::clone(text), operation: operation.map(str::to_owned) };
        self.cache.insert(key, Arc::clone(&known));
        Ok(known)
    }

    /// What a document costs with these variables. They are complete.
    ///
    /// # Errors
    /// When it is not valid with them, or costs too much.
    pub async fn price(&self, known: &Known, variables: &Variables) -> Result<usize, Refusal> {
        if let Some(cost) = known.cost(variables) {
            return Ok(cost);
        }
        let mut request = async_graphql::Request::new(known.text.as_ref()).variables(variables.clone());
        request.operation_name.clone_from(&known.operation.name);
        request.set_parsed_query(known.document.clone());
        let response = self.schema.execute(request).await;
        if !response.errors.is_empty() {
            return Err(validation_refusal(response.errors));
        }
        let cost = match response.extensions.get(COST) {
            Some(ConstValue::Number(cost)) => cost.as_u64().and_then(|cost| usize::try_from(cost).ok()),
            _ => None,
        };
        let cost = cost.ok_or_else(|| Refusal::new(Code::Internal, "internal error"))?;
        known.costs.put(known.sizes.iter().map(|name| variables.get(name).cloned()).collect(), cost);
        Ok(cost)
    }

    /// Parses a document within the limits, as far as it takes to have the engine validate it.
    fn parse(&self, text: &str) -> Result<ExecutableDocument, Refusal> {
        limits::scan(text, &self.limits)?;
        let document =
            parse(text).map_err(|error| Refusal::parse(with_code(error.into(), Code::GraphqlParseFailed)))?;
        limits::check(&document, &self.limits)?;
        check_types_of_defaults(&document, &self.types)?;
        Ok(document)
    }

    fn read(&self, text: &Arc<str>, asked: Option<&str>) -> Result<Known, Refusal> {
        let document = self.parse(text)?;
        let (name, definition) = select_operation(&document, asked)?;
        let operation = Operation { name: name.map(str::to_owned), kind: definition.ty };
        let variables = definition.variable_definitions.iter().map(|definition| Variable {
            name: definition.node.name.node.clone(),
            nullable: definition.node.var_type.node.nullable,
            default: definition.node.default_value.as_ref().map(|value| value.node.clone()),
        });
        let (sizes, switches) = (sizes(&document, definition), switches(&document, definition));
        Ok(Known {
            text: Arc::clone(text),
            asked: asked.map(str::to_owned),
            operation,
            variables: variables.collect(),
            switches,
            sizes,
            is_lasting: false,
            is_public: false,
            costs: Variants::default(),
            plans: Variants::default(),
            document,
        })
    }
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

/// Stops after validation, and says what the document costs.
struct CheckOnly;

/// The name under which the price goes from the extension to [`KnownDocuments::price`].
const COST: &str = "cost";

impl ExtensionFactory for CheckOnly {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Checking::default())
    }
}

#[derive(Default)]
struct Checking(Mutex<usize>);

#[async_trait::async_trait]
impl Extension for Checking {
    async fn validation(
        &self,
        ctx: &ExtensionContext<'_>,
        next: NextValidation<'_>,
    ) -> Result<ValidationResult, Vec<async_graphql::ServerError>> {
        let result = next.run(ctx).await?;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = result.complexity;
        Ok(result)
    }

    async fn execute(&self, _: &ExtensionContext<'_>, _: Option<&str>, _: NextExecute<'_>) -> Response {
        let cost = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Response::new(ConstValue::Null).extension(COST, cost.into())
    }
}

/// The arguments that declare the size of a list, and with it what a document costs.
const SIZES: [&str; 2] = ["first", "ids"];

/// The variables that declare the size of a list.
fn sizes(document: &ExecutableDocument, operation: &OperationDefinition) -> Vec<Name> {
    let mut sizes = Vec::new();
    let fragments = document.fragments.values().map(|fragment| &fragment.node.selection_set.node);
    let mut open: Vec<&SelectionSet> = std::iter::once(&operation.selection_set.node).chain(fragments).collect();
    while let Some(selection_set) = open.pop() {
        for selection in &selection_set.items {
            match &selection.node {
                Selection::Field(field) => {
                    let declaring = |(name, _): &&(Positioned<Name>, _)| SIZES.contains(&name.node.as_str());
                    for (_, value) in field.node.arguments.iter().filter(declaring) {
                        collect_variables(&value.node, &mut sizes);
                    }
                    open.push(&field.node.selection_set.node);
                }
                Selection::InlineFragment(fragment) => open.push(&fragment.node.selection_set.node),
                Selection::FragmentSpread(_) => {}
            }
        }
    }
    sizes
}

/// The variables in a value. Values are not nested deeper than the limits allow.
fn collect_variables(value: &async_graphql_value::Value, names: &mut Vec<Name>) {
    use async_graphql_value::Value::{List, Object, Variable};
    match value {
        Variable(name) if !names.contains(name) => names.push(name.clone()),
        List(items) => items.iter().for_each(|item| collect_variables(item, names)),
        Object(members) => members.values().for_each(|member| collect_variables(member, names)),
        _ => {}
    }
}

/// Refuses a mutation that came by GET, and what is not served here at all.
///
/// # Errors
/// Exactly then.
pub fn check_operation_type(kind: OperationType, method: &Method) -> Result<(), Refusal> {
    match kind {
        OperationType::Mutation if method == Method::GET => {
            Err(Refusal::method("POST", "A mutation must be sent with POST."))
        }
        OperationType::Subscription => Err(bad_request("Subscriptions are not served at this address.")),
        OperationType::Query | OperationType::Mutation => Ok(()),
    }
}

fn select_operation<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Result<(Option<&'a str>, &'a OperationDefinition), Refusal> {
    let refuse = |message| Err(Refusal::new(Code::OperationResolutionFailure, message));
    let mut operations = document
        .operations
        .iter()
        .map(|(name, operation)| (name.map(Name::as_str), &operation.node))
        .filter(|(candidate, _)| name.is_none() || *candidate == name);
    match (operations.next(), operations.next()) {
        (Some(operation), None) => Ok(operation),
        (None, _) => refuse(format!("The document has no operation named \"{}\".", name.unwrap_or_default())),
        (Some(_), Some(_)) => {
            refuse("The document has several operations: \"operationName\" must say which one to run.".to_owned())
        }
    }
}

/// Refuses a list of a type that does not exist, as the type of a variable with a default: validation panics on it.
fn check_types_of_defaults(document: &ExecutableDocument, types: &HashSet<String>) -> Result<(), Refusal> {
    for (_, operation) in document.operations.iter() {
        for definition in &operation.node.variable_definitions {
            let mut base = &definition.node.var_type.node.base;
            while let BaseType::List(item) = base {
                base = &item.base;
            }
            if let BaseType::Named(name) = base
                && definition.node.default_value.is_some()
                && !types.contains(name.as_str())
            {
                return Err(Refusal::new(Code::GraphqlValidationFailed, format!("Unknown type \"{name}\".")));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn known_documents_take_no_more_than_their_room() {
        let known = KnownDocuments::new(HashSet::new(), Limits::default());
        let (mut first, none) = (true, Map::new());
        for number in 0..60 {
            // The longest that is read: a document of two selections and a comment.
            let text: Arc<str> = format!("{{ locales {{ code }} }} # {number:02} {}", "x".repeat(60_000)).into();
            let got = known.get(&text, None, &none, &Method::POST).await;
            assert!(got.is_ok(), "document {number}");
            assert!(known.cache.weight() <= MEMORY, "{} bytes", known.cache.weight());
            first &= known.cache.len() == number + 1;
        }
        assert!(!first, "together they are more than there is room for");
        assert!(known.cache.weight() > MEMORY / 2, "the room is used");
    }
}
