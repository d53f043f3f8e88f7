//! What an operation costs, estimated from what is published before anything runs.
//!
//! A point stands for a field of the response, or for [`BYTES_PER_POINT`] bytes of it, whichever comes to more; and for what
//! has to be read to get there, which `rules` adds. Lists are counted as long as they can be, as `rules` says. What the
//! response comes to is counted again while it is written, and the larger of the two is what the request costs.
//!
//! What is asked of the schema itself is written once to be measured: how much it lists cannot be told otherwise.
//!
//! An operation is taken apart once ([`CostPlan::new`]); to estimate it with other variables, or over another state of what
//! is published, takes one pass over its fields.

mod rules;

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use async_graphql::{
    Variables,
    parser::types::{ExecutableDocument, OperationDefinition, OperationType, Selection, SelectionSet},
};
use async_graphql_value::{ConstValue, Name, Value};

use self::rules::{Rule, Scope};
use super::{
    INTROSPECTION, MAX_COST,
    introspection::{self, Description, WrittenType},
    limits::LimitExceeded,
};
use crate::{
    delivery::response_memory::Overflow,
    graphql::{Asking, BYTES_PER_POINT, ENGINE_WEIGHT, OperationPlan, Writer, switches},
};

/// Quotes, colon and comma of a field.
const PUNCTUATION: u64 = 4;

/// The costs of introspection that are kept of one operation, for the variables that came lately.
const MEASURED: usize = 8;

/// The fields of an operation, fragments written out, with what each of them counts.
#[derive(Default)]
pub struct CostPlan {
    nodes: Box<[Node]>,
    introspection: Option<Introspection>,
}

/// What an operation asks of the schema itself.
struct Introspection {
    document: ExecutableDocument,
    operation: OperationDefinition,
    measured: Mutex<Vec<(Variables, usize)>>,
}

#[derive(Debug)]
struct Node {
    /// Key and value, without what is below.
    bytes: u64,
    rule: Rule,
    /// Those that a rule asks for.
    arguments: Vec<(Name, Value)>,
    /// The place after all that is below.
    end: usize,
}

/// What an operation comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Estimate {
    fields: u64,
    bytes: u64,
    /// Points for what is read, beside what is written.
    work: u64,
}

impl Estimate {
    fn points(self) -> usize {
        let written = self.fields.max(self.bytes / BYTES_PER_POINT as u64);
        usize::try_from(written.saturating_add(self.work)).unwrap_or(usize::MAX)
    }
}

impl CostPlan {
    /// Takes a valid operation apart. What it asks of the schema itself is not in it: that is written to be measured.
    #[must_use]
    pub fn new(document: &ExecutableDocument, operation: &OperationDefinition) -> Self {
        let Some(description) = introspection::description() else { return Self::default() };
        let root = match operation.ty {
            OperationType::Mutation => "Mutation",
            OperationType::Query | OperationType::Subscription => "Query",
        };
        let mut builder = Builder { document, description, nodes: Vec::new(), introspects: false };
        builder.add(&operation.selection_set.node, root);
        let introspection = builder.introspects.then(|| Introspection {
            document: document.clone(),
            operation: operation.clone(),
            measured: Mutex::default(),
        });
        Self { nodes: builder.nodes.into(), introspection }
    }

    /// What it costs with these variables over what is published; over one item in each list when nothing is. A query that the
    /// engine answers costs more.
    ///
    /// # Errors
    /// When that is more than an operation may cost.
    pub fn estimate(
        &self,
        variables: &Variables,
        by_engine: bool,
        asking: Option<&Asking>,
    ) -> Result<usize, LimitExceeded> {
        let mut estimate = Estimate::default();
        let scope = Scope::new(asking.map(|asking| asking.reading.unnoted()));
        self.add(0, self.nodes.len(), 1, &scope, variables, &mut estimate);
        let introspection = match (&self.introspection, asking) {
            (Some(introspection), Some(asking)) => introspection.measure(variables, asking),
            _ => 0,
        };
        let weight = if by_engine { ENGINE_WEIGHT } else { 1 };
        let actual = estimate.points().saturating_add(introspection).saturating_mul(weight);
        if actual > MAX_COST { Err(LimitExceeded { limit: "cost", maximum: MAX_COST, actual }) } else { Ok(actual) }
    }

    /// Adds the fields from here to there of so many objects.
    fn add(
        &self,
        start: usize,
        end: usize,
        objects: u64,
        scope: &Scope<'_>,
        variables: &Variables,
        estimate: &mut Estimate,
    ) {
        let mut place = start;
        while let Some(node) = self.nodes.get(place).filter(|_| place < end) {
            let arguments = Given { arguments: &node.arguments, variables };
            let (items, work, below) = scope.apply(node.rule, objects, &arguments);
            let bytes = if node.end == place + 1 { objects.max(items) } else { objects };
            estimate.fields = estimate.fields.saturating_add(objects);
            estimate.bytes = estimate.bytes.saturating_add(node.bytes.saturating_mul(bytes));
            estimate.work = estimate.work.saturating_add(work);
            if node.end > place + 1 {
                match &below {
                    Some(below) => self.add(place + 1, node.end, items, below, variables, estimate),
                    None => self.add(place + 1, node.end, items, scope, variables, estimate),
                }
            }
            place = node.end;
        }
    }
}

impl Introspection {
    /// What it costs; more than an operation may cost where it lists too much.
    fn measure(&self, variables: &Variables, asking: &Asking) -> usize {
        let measured = || self.measured.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, cost)) = measured().iter().find(|(known, _)| known == variables) {
            return *cost;
        }
        let (cost, is_known) = self.write(variables, asking);
        if !is_known {
            return cost;
        }
        let mut measured = measured();
        if measured.len() == MEASURED {
            measured.remove(0);
        }
        measured.push((variables.clone(), cost));
        cost
    }

    /// The cost, and whether it is known to its end: where memory is short at this moment, it is not, and the response itself will
    /// be refused for that.
    fn write(&self, variables: &Variables, asking: &Asking) -> (usize, bool) {
        let is_true = |name: &Name| matches!(variables.get(name), Some(ConstValue::Boolean(true)));
        let names = switches(&self.document, &self.operation);
        let switches: HashMap<Name, bool> = names.into_iter().map(|name| (name.clone(), is_true(&name))).collect();
        let Some(plan) = OperationPlan::part(&self.document, &self.operation, INTROSPECTION, &switches) else {
            return (MAX_COST + 1, true);
        };
        let mut out = Writer::new(asking.state.response_memory(), MAX_COST);
        // What does not fit its type is refused elsewhere, and costs nothing here.
        let written = plan.write(asking, variables, &mut out);
        match out.overflow() {
            Some(Overflow::TooExpensive) => (MAX_COST + 1, true),
            Some(Overflow::TooLong) => (out.cost().min(MAX_COST), true),
            Some(Overflow::OutOfMemory | Overflow::Abandoned) => (out.cost().min(MAX_COST), false),
            None => (written.map_or(0, |()| out.cost()), true),
        }
    }
}

/// The arguments of a field in one request.
struct Given<'a> {
    arguments: &'a [(Name, Value)],
    variables: &'a Variables,
}

impl Given<'_> {
    fn find(&self, name: &str) -> Option<&Value> {
        self.arguments.iter().find(|(found, _)| found == name).map(|(_, value)| value)
    }

    fn number(&self, name: &str) -> Option<i64> {
        match self.find(name)? {
            Value::Number(number) => number.as_i64(),
            Value::Variable(variable) => match self.variables.get(variable)? {
                ConstValue::Number(number) => number.as_i64(),
                _ => None,
            },
            _ => None,
        }
    }

    /// The value of an argument, or of a member of it.
    fn get(&self, path: &[&str]) -> Option<ConstValue> {
        let (name, members) = path.split_first()?;
        let mut value = self.find(name)?.clone();
        for member in members {
            value = match value {
                Value::Object(mut object) => object.swap_remove(*member)?,
                Value::Variable(variable) => match self.variables.get(&variable)?.clone() {
                    ConstValue::Object(mut object) => object.swap_remove(*member)?.into_value(),
                    _ => return None,
                },
                _ => return None,
            };
        }
        value.into_const_with(|name| self.variables.get(&name).cloned().ok_or(())).ok()
    }

    fn is_given(&self, name: &str) -> bool {
        self.get(&[name]).is_some_and(|value| value != ConstValue::Null)
    }

    /// How many items a list has; none where there is no list.
    fn length(&self, path: &[&str]) -> Option<u64> {
        match self.get(path)? {
            ConstValue::List(items) => u64::try_from(items.len()).ok(),
            ConstValue::Null => None,
            // A value stands for a list of it.
            _ => Some(1),
        }
    }
}

struct Builder<'a> {
    document: &'a ExecutableDocument,
    description: &'static Description,
    nodes: Vec<Node>,
    introspects: bool,
}

impl Builder<'_> {
    fn add(&mut self, set: &SelectionSet, type_name: &str) {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => {
                    let (field, name) = (&field.node, field.node.name.node.as_str());
                    if INTROSPECTION.iter().any(|root| root.name == name) {
                        self.introspects = true;
                        continue;
                    }
                    let of = self.description.field(type_name, name);
                    let of = of.unwrap_or(WrittenType::TYPENAME);
                    let rule = Rule::of(type_name, name, of);
                    let WrittenType { name: of, is_leaf, .. } = of;
                    let key = field.response_key().node.len() as u64;
                    let value = if is_leaf { rules::leaf_bytes(type_name, name, of) } else { 0 };
                    let place = self.nodes.len();
                    let arguments = if rule.has_arguments() { field.arguments.as_slice() } else { &[] };
                    self.nodes.push(Node {
                        bytes: key + PUNCTUATION + value,
                        rule,
                        arguments: arguments
                            .iter()
                            .map(|(name, value)| (name.node.clone(), value.node.clone()))
                            .collect(),
                        end: 0,
                    });
                    self.add(&field.selection_set.node, of);
                    self.nodes[place].end = self.nodes.len();
                }
                Selection::InlineFragment(fragment) => {
                    let on = fragment.node.type_condition.as_ref().map(|on| on.node.on.node.as_str());
                    self.add(&fragment.node.selection_set.node, on.unwrap_or(type_name));
                }
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = self.document.fragments.get(&spread.node.fragment_name.node) {
                        self.add(&fragment.node.selection_set.node, &fragment.node.type_condition.node.on.node);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::schema::LASTING;

    #[test]
    fn every_list_that_the_public_can_ask_for_has_a_rule() {
        let description = introspection::description().expect("the schema describes itself");
        let is_public = |name: &str| LASTING.contains(&name) || name == "figureChanges";
        let (mut open, mut seen) = (vec!["Query"], BTreeSet::new());
        let mut unknown = Vec::new();
        while let Some(type_name) = open.pop() {
            if !seen.insert(type_name) {
                continue;
            }
            for (name, of) in description.fields(type_name).filter(|(name, _)| type_name != "Query" || is_public(name))
            {
                if Rule::of(type_name, name, of) == Rule::Unknown {
                    unknown.push(format!("{type_name}.{name}"));
                }
                open.push(of.name);
            }
        }
        assert_eq!(unknown, Vec::<String>::new());
        assert!(seen.contains("VisitCount") && seen.contains("FigureDelta"), "{seen:?}");
    }
}
