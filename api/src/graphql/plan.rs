//! What a document selects, worked out once: for each object the fields to write, in order, with fragments written out,
//! equal response keys merged and what `@skip` and `@include` leave out left out.
//!
//! A plan is made of a document that has passed validation; whatever it cannot express (another type's fragment, an
//! interface, introspection) makes no plan, and the engine answers.

use std::collections::HashMap;

use async_graphql::{
    Positioned, Variables,
    parser::types::{Directive, ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet},
};
use async_graphql_value::{ConstValue, Name, Value};

use super::{
    Asking,
    direct::{Member, Shape},
    writer::{Lead, Writer},
};

/// The fields to write of one object.
#[derive(Debug, Default)]
pub struct Plan(Box<[Step]>);

/// One field to write.
#[derive(Debug)]
pub struct Step {
    lead: Lead,
    member: u16,
    plan: Plan,
}

impl Plan {
    /// The number of `__typename`.
    pub const TYPENAME: u16 = u16::MAX;
    /// Added to the number of a list of introspection when what is deprecated is asked for, too.
    pub const WITH_DEPRECATED: u16 = 0x4000;

    /// The fields in order.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }
}

impl Step {
    /// The response key and what else stands before the value.
    pub const fn lead(&self) -> &Lead {
        &self.lead
    }

    /// The number of the field within its type.
    pub const fn member(&self) -> u16 {
        self.member
    }

    /// What to write of the object that the field leads to.
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }
}

/// A field of the query root that can be answered without the engine.
pub struct Root {
    /// Its name.
    pub name: &'static str,
    /// The object type that it leads to.
    pub shape: Option<Shape>,
    /// Writes its answer. An error means that the engine has to answer; what was written until then is of no use.
    pub write: fn(&Asking, &Arguments, &Plan, &mut Writer) -> Result<(), Unfit>,
}

/// Why there is no direct answer: it would not be free of errors, or it cannot be expressed. The engine answers, in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfit;

impl From<crate::error::Error> for Unfit {
    fn from(_: crate::error::Error) -> Self {
        Self
    }
}

/// The arguments of a field of the query root, with their values.
#[derive(Debug, Default)]
pub struct Arguments(Vec<(Name, ConstValue)>);

impl Arguments {
    /// An argument, as the engine would read it: null and absent are what the type makes of them.
    ///
    /// # Errors
    /// [`Unfit`] when the value is not of the type.
    pub fn get<T: async_graphql::InputType>(&self, name: &str) -> Result<T, Unfit> {
        let value = self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value.clone());
        T::parse(value).map_err(|_| Unfit)
    }
}

/// What an operation selects of the query root.
pub struct OperationPlan(Vec<RootStep>);

struct RootStep {
    lead: Lead,
    /// None for `__typename`.
    root: Option<&'static Root>,
    arguments: Vec<(Name, Value)>,
    plan: Plan,
}

impl OperationPlan {
    /// Works out what a query selects; none when only the engine can tell. `switches` are the values of the variables that
    /// `@skip` and `@include` ask for.
    #[must_use]
    pub fn new(
        document: &ExecutableDocument,
        operation: &OperationDefinition,
        roots: &'static [Root],
        switches: &HashMap<Name, bool>,
    ) -> Option<Self> {
        Self::build(document, operation, roots, switches, true)
    }

    /// Works out what a query selects of some roots, as if it selected nothing else.
    #[must_use]
    pub fn part(
        document: &ExecutableDocument,
        operation: &OperationDefinition,
        roots: &'static [Root],
        switches: &HashMap<Name, bool>,
    ) -> Option<Self> {
        Self::build(document, operation, roots, switches, false)
    }

    fn build(
        document: &ExecutableDocument,
        operation: &OperationDefinition,
        roots: &'static [Root],
        switches: &HashMap<Name, bool>,
        whole: bool,
    ) -> Option<Self> {
        let planner = Planner { document, switches };
        if !operation.directives.is_empty() {
            return None;
        }
        let mut steps = Vec::new();
        for merged in planner.collect(&[&operation.selection_set.node], "Query")? {
            let field = merged.first;
            let (root, plan) = if field.name.node == "__typename" {
                (None, Plan::default())
            } else {
                let Some(root) = roots.iter().find(|root| field.name.node == root.name) else {
                    if whole {
                        return None;
                    }
                    continue;
                };
                (Some(root), planner.plan_of(&merged, root.shape)?)
            };
            let arguments = field.arguments.iter();
            let arguments = arguments.map(|(name, value)| (name.node.clone(), value.node.clone())).collect();
            steps.push(RootStep { lead: Lead::new(merged.key, steps.is_empty()), root, arguments, plan });
        }
        Some(Self(steps))
    }

    /// Writes the answer: the value of `data`. `variables` are complete: with defaults, and null for what may be null.
    /// When the writer stops, the answer is of no use.
    ///
    /// # Errors
    /// [`Unfit`] when the engine has to answer.
    pub fn write(&self, asking: &Asking, variables: &Variables, out: &mut Writer) -> Result<(), Unfit> {
        for step in &self.0 {
            out.lead(&step.lead);
            match step.root {
                None => out.string("Query"),
                Some(root) => (root.write)(asking, &step.arguments(variables)?, &step.plan, out)?,
            }
            if out.overflow().is_some() {
                return Ok(());
            }
        }
        out.raw(if self.0.is_empty() { b"{}" } else { b"}" });
        Ok(())
    }
}

impl RootStep {
    fn arguments(&self, variables: &Variables) -> Result<Arguments, Unfit> {
        let mut arguments = Vec::with_capacity(self.arguments.len());
        for (name, value) in &self.arguments {
            let value = match value {
                // An argument that is a variable that was left out is left out, too.
                Value::Variable(variable) => match variables.get(variable) {
                    Some(value) => value.clone(),
                    None => continue,
                },
                value => value.clone().into_const_with(|name| variables.get(&name).cloned().ok_or(Unfit))?,
            };
            arguments.push((name.clone(), value));
        }
        Ok(Arguments(arguments))
    }
}

/// The argument of lists of introspection.
const INCLUDE_DEPRECATED: &str = "includeDeprecated";

/// The names of the variables that `@skip` and `@include` ask for, and lists of introspection.
pub fn switches(document: &ExecutableDocument, operation: &OperationDefinition) -> Vec<Name> {
    let mut names: Vec<Name> = Vec::new();
    let fragments = document.fragments.values().map(|fragment| &fragment.node.selection_set.node);
    let mut open: Vec<&SelectionSet> = std::iter::once(&operation.selection_set.node).chain(fragments).collect();
    while let Some(set) = open.pop() {
        for selection in &set.items {
            let mut arguments: Vec<&Value> = Vec::new();
            let directives = match &selection.node {
                Selection::Field(field) => {
                    open.push(&field.node.selection_set.node);
                    let told = |(name, _): &&(Positioned<Name>, _)| name.node == INCLUDE_DEPRECATED;
                    arguments.extend(field.node.arguments.iter().filter(told).map(|(_, value)| &value.node));
                    &field.node.directives
                }
                Selection::InlineFragment(fragment) => {
                    open.push(&fragment.node.selection_set.node);
                    &fragment.node.directives
                }
                Selection::FragmentSpread(spread) => &spread.node.directives,
            };
            let of_directives = directives.iter().flat_map(|directive| &directive.node.arguments);
            arguments.extend(of_directives.map(|(_, value)| &value.node));
            for value in arguments {
                if let Value::Variable(name) = value
                    && !names.contains(name)
                {
                    names.push(name.clone());
                }
            }
        }
    }
    names
}

/// How many fields are looked through one by one.
const FEW: usize = 16;

/// The fields of one response key.
struct Merged<'a> {
    key: &'a str,
    first: &'a Field,
    /// The selections of all of them.
    sets: Vec<&'a SelectionSet>,
}

struct Planner<'a> {
    document: &'a ExecutableDocument,
    switches: &'a HashMap<Name, bool>,
}

impl<'a> Planner<'a> {
    fn plan_of(&self, merged: &Merged<'a>, shape: Option<Shape>) -> Option<Plan> {
        let Some(shape) = shape else { return Some(Plan::default()) };
        let fields = self.collect(&merged.sets, shape.name)?;
        let step = |(index, merged): (usize, Merged<'a>)| {
            let field = merged.first;
            let (member, plan) = if field.name.node == "__typename" {
                (Plan::TYPENAME, Plan::default())
            } else {
                let Member { number, shape: of } = (shape.member)(&field.name.node)?;
                let number = if field.arguments.is_empty() { number } else { self.with_deprecated(number, field)? };
                (number, self.plan_of(&merged, of)?)
            };
            Some(Step { lead: Lead::new(merged.key, index == 0), member, plan })
        };
        Some(Plan(fields.into_iter().enumerate().map(step).collect::<Option<_>>()?))
    }

    /// The number of a field that has arguments. Only lists of introspection have one: whether to tell what is deprecated.
    fn with_deprecated(&self, number: u16, field: &Field) -> Option<u16> {
        match field.arguments.as_slice() {
            [(name, value)] if name.node == INCLUDE_DEPRECATED => {
                Some(if self.is_true(&value.node)? { number | Plan::WITH_DEPRECATED } else { number })
            }
            _ => None,
        }
    }

    /// A condition, which is a literal or one of the `switches`.
    fn is_true(&self, value: &Value) -> Option<bool> {
        match value {
            Value::Boolean(condition) => Some(*condition),
            Value::Variable(name) => self.switches.get(name).copied(),
            _ => None,
        }
    }

    /// The fields that these selections come to, in the order in which their keys first appear (`CollectFields` of the
    /// specification).
    fn collect(&self, sets: &[&'a SelectionSet], type_name: &str) -> Option<Vec<Merged<'a>>> {
        let mut fields: Vec<Merged<'a>> = Vec::new();
        // A table pays only where there are many.
        let mut places: HashMap<&'a str, usize> = HashMap::new();
        // The last is the next: what a fragment selects comes where the fragment stands.
        let mut open: Vec<std::slice::Iter<'a, Positioned<Selection>>> =
            sets.iter().rev().map(|set| set.items.iter()).collect();
        while let Some(selections) = open.last_mut() {
            let Some(selection) = selections.next() else {
                open.pop();
                continue;
            };
            match &selection.node {
                Selection::Field(field) => {
                    let field = &field.node;
                    if !self.is_included(&field.directives)? {
                        continue;
                    }
                    let key = field.response_key().node.as_str();
                    if fields.len() == FEW {
                        places.extend(fields.iter().enumerate().map(|(place, field)| (field.key, place)));
                    }
                    let place = if fields.len() < FEW {
                        fields.iter().position(|field| field.key == key).unwrap_or(fields.len())
                    } else {
                        *places.entry(key).or_insert(fields.len())
                    };
                    if place == fields.len() {
                        fields.push(Merged { key, first: field, sets: Vec::new() });
                    }
                    fields[place].sets.push(&field.selection_set.node);
                }
                Selection::InlineFragment(fragment) => {
                    let fragment = &fragment.node;
                    let of_type = fragment.type_condition.as_ref().is_none_or(|on| on.node.on.node == type_name);
                    if !of_type {
                        return None;
                    }
                    if self.is_included(&fragment.directives)? {
                        open.push(fragment.selection_set.node.items.iter());
                    }
                }
                Selection::FragmentSpread(spread) => {
                    let fragment = &self.document.fragments.get(&spread.node.fragment_name.node)?.node;
                    if fragment.type_condition.node.on.node != type_name || !fragment.directives.is_empty() {
                        return None;
                    }
                    if self.is_included(&spread.node.directives)? {
                        open.push(fragment.selection_set.node.items.iter());
                    }
                }
            }
        }
        Some(fields)
    }

    /// What `@skip` and `@include` say; none for any other directive.
    fn is_included(&self, directives: &[Positioned<Directive>]) -> Option<bool> {
        let mut included = true;
        for directive in directives {
            let (_, value) = directive.node.arguments.first()?;
            let condition = self.is_true(&value.node)?;
            match directive.node.name.node.as_str() {
                "include" => included &= condition,
                "skip" => included &= !condition,
                _ => return None,
            }
        }
        Some(included)
    }
}
