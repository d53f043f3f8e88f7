//! Which variables must not be null, though their types allow it: those that stand where null is not allowed and a default,
//! of the variable or of the place, makes up for a value that is left out. Validation accepts them
//! (`IsVariableUsageAllowed` of the specification), and an explicit null would be found in the middle of execution.

use std::collections::{BTreeSet, HashSet};

use apollo_compiler::{
    Name, Node, Schema, ast,
    executable::{ExecutableDocument, Operation, Selection, SelectionSet},
    schema::ExtendedType,
};

/// The variables of this operation that stand, in it or in a fragment that it spreads, where null is not allowed.
pub(super) fn never_null(schema: &Schema, document: &ExecutableDocument, operation: &Operation) -> BTreeSet<Name> {
    let mut search = Search { schema, document, seen: HashSet::new(), found: BTreeSet::new() };
    if !operation.variables.is_empty() {
        search.directives(&operation.directives);
        search.selections(&operation.selection_set);
    }
    search.found
}

struct Search<'a> {
    schema: &'a Schema,
    document: &'a ExecutableDocument,
    /// The fragments that were looked at.
    seen: HashSet<&'a Name>,
    found: BTreeSet<Name>,
}

impl<'a> Search<'a> {
    fn selections(&mut self, set: &'a SelectionSet) {
        for selection in &set.selections {
            self.directives(selection.directives());
            match selection {
                Selection::Field(field) => {
                    for argument in &field.arguments {
                        if let Some(definition) = field.definition.argument_by_name(&argument.name) {
                            self.value(&definition.ty, &argument.value);
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
        for directive in directives.iter() {
            let Some(definition) = self.schema.directive_definitions.get(&directive.name) else { continue };
            for argument in &directive.arguments {
                if let Some(definition) = definition.argument_by_name(&argument.name) {
                    self.value(&definition.ty, &argument.value);
                }
            }
        }
    }

    fn value(&mut self, ty: &ast::Type, value: &Node<ast::Value>) {
        match &**value {
            ast::Value::Variable(name) if ty.is_non_null() => {
                self.found.insert(name.clone());
            }
            ast::Value::List(items) => items.iter().for_each(|item| self.value(ty.item_type(), item)),
            ast::Value::Object(members) => {
                let Some(ExtendedType::InputObject(input)) = self.schema.types.get(ty.inner_named_type()) else { return };
                for (key, member) in members {
                    if let Some(field) = input.fields.get(key) {
                        self.value(&field.ty, member);
                    }
                }
            }
            _ => {}
        }
    }
}
