//! Where the variables of an operation stand, which decides how their values are read.
//!
//! A variable may stand where null is not allowed although its own type allows it, when a default, its own or that of the place,
//! makes up for a value that is left out (`IsVariableUsageAllowed` of the specification). Validation accepts that, and an
//! explicit null would be found in the middle of execution.

use std::collections::{BTreeSet, HashSet};

use apollo_compiler::{
    Name, Node, Schema, ast,
    executable::{ExecutableDocument, Operation, Selection, SelectionSet},
    schema::ExtendedType,
};

/// Where the variables of an operation stand, in it or in a fragment that it spreads.
#[derive(Default)]
pub(super) struct Uses {
    /// Those that must not be null.
    pub(super) never_null: BTreeSet<Name>,
    /// Those that stand elsewhere than in the arguments of mutations: no resolver reports the rules that they break.
    pub(super) outside_mutations: BTreeSet<Name>,
}

impl Uses {
    /// Those of this operation.
    pub(super) fn of(schema: &Schema, document: &ExecutableDocument, operation: &Operation) -> Self {
        let mut search = Search { schema, document, seen: HashSet::new(), found: Self::default() };
        if !operation.variables.is_empty() {
            search.directives(&operation.directives);
            search.selections(&operation.selection_set);
        }
        search.found
    }
}

struct Search<'a> {
    schema: &'a Schema,
    document: &'a ExecutableDocument,
    /// The fragments that were looked at.
    seen: HashSet<&'a Name>,
    found: Uses,
}

impl<'a> Search<'a> {
    fn selections(&mut self, set: &'a SelectionSet) {
        let mutates = self.schema.schema_definition.mutation.as_ref().is_some_and(|root| **root == set.ty);
        for selection in &set.selections {
            self.directives(selection.directives());
            match selection {
                Selection::Field(field) => {
                    for argument in &field.arguments {
                        if let Some(definition) = field.definition.argument_by_name(&argument.name) {
                            self.value(&definition.ty, definition.ty.is_non_null(), &argument.value, mutates);
                        }
                    }
                    if let Some(set) = &field.selection_set {
                        self.selections(set);
                    }
                }
                Selection::InlineFragment(fragment) => self.selections(&fragment.selection_set),
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = self.document.fragments.get(&spread.fragment_name)
                        && self.seen.insert(&fragment.name)
                    {
                        self.directives(&fragment.directives);
                        self.selections(&fragment.selection_set);
                    }
                }
            }
        }
    }

    fn directives(&mut self, directives: &ast::DirectiveList) {
        for directive in directives {
            let Some(definition) = self.schema.directive_definitions.get(&directive.name) else { continue };
            for argument in &directive.arguments {
                if let Some(definition) = definition.argument_by_name(&argument.name) {
                    self.value(&definition.ty, definition.ty.is_non_null(), &argument.value, false);
                }
            }
        }
    }

    fn value(&mut self, ty: &ast::Type, never_null: bool, value: &Node<ast::Value>, mutates: bool) {
        match &**value {
            ast::Value::Variable(name) => {
                if never_null {
                    self.found.never_null.insert(name.clone());
                }
                if !mutates {
                    self.found.outside_mutations.insert(name.clone());
                }
            }
            ast::Value::List(items) => {
                let ty = ty.item_type();
                for item in items {
                    self.value(ty, ty.is_non_null(), item, mutates);
                }
            }
            ast::Value::Object(members) => {
                let Some(ExtendedType::InputObject(input)) = self.schema.types.get(ty.inner_named_type()) else {
                    return;
                };
                for (key, member) in members {
                    if let Some(field) = input.fields.get(key) {
                        // The one field of a @oneOf object is never null, though its type allows it.
                        self.value(&field.ty, field.ty.is_non_null() || input.is_one_of(), member, mutates);
                    }
                }
            }
            _ => {}
        }
    }
}
