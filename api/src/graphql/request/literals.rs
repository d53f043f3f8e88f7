//! What validation leaves out of literals: whether those of custom scalars can be read, whether an object names a field
//! twice, and a few steps on the way.

use std::collections::HashSet;

use apollo_compiler::{
    Name, Node, Schema, ast,
    executable::{ExecutableDocument, Selection, SelectionSet},
    parser::SourceSpan,
    schema::ExtendedType,
};

use super::{
    RequestError, convert,
    scalars::{self, Misfit},
    source::Source,
};
use crate::error::{Code, Fault};

/// Checks every literal of a document that has passed validation.
///
/// # Errors
/// All that is wrong with them.
pub(super) fn check(schema: &Schema, document: &ExecutableDocument, source: &Source<'_>) -> Result<(), RequestError> {
    let mut checking = Checking { schema, source, errors: Vec::new(), faults: Vec::new() };
    for operation in document.operations.iter() {
        for variable in &operation.variables {
            if let Some(default) = &variable.default_value {
                let path = vec![format!("${}", variable.name)];
                checking.value(&variable.ty, default, path, operation.operation_type == ast::OperationType::Mutation);
                checking.refuse_at(default.location());
            }
        }
        checking.directives(&operation.directives);
        checking.selections(&operation.selection_set);
    }
    for fragment in document.fragments.values() {
        checking.directives(&fragment.directives);
        checking.selections(&fragment.selection_set);
    }
    RequestError::all(checking.errors)
}

struct Checking<'a> {
    schema: &'a Schema,
    source: &'a Source<'a>,
    errors: Vec<RequestError>,
    /// Of the arguments of one field.
    faults: Vec<Fault>,
}

impl Checking<'_> {
    fn selections(&mut self, set: &SelectionSet) {
        let mutates = self.schema.schema_definition.mutation.as_ref().is_some_and(|root| **root == set.ty);
        for selection in &set.selections {
            self.directives(selection.directives());
            match selection {
                Selection::Field(field) => {
                    for argument in &field.arguments {
                        if let Some(definition) = field.definition.argument_by_name(&argument.name) {
                            let path = vec![argument.name.to_string()];
                            self.value(&definition.ty, &argument.value, path, mutates);
                        }
                    }
                    self.refuse_at(field.location());
                    if let Some(set) = &field.selection_set {
                        self.selections(set);
                    }
                }
                Selection::InlineFragment(fragment) => self.selections(&fragment.selection_set),
                // Each is checked by itself.
                Selection::FragmentSpread(_) => {}
            }
        }
    }

    /// Tells all that is wrong at one place.
    fn refuse_at(&mut self, place: Option<SourceSpan>) {
        if !self.faults.is_empty() {
            let place = place.map_or_else(Default::default, |span| self.source.position(span.offset()));
            self.errors.push(RequestError::invalid(std::mem::take(&mut self.faults), place));
        }
    }

    /// The arguments of directives are of built-in types, which validation knows; they may name keys twice all the same.
    fn directives(&mut self, directives: &ast::DirectiveList) {
        for argument in directives.iter().flat_map(|directive| &directive.arguments) {
            self.keys(&argument.value);
        }
    }

    /// `leaves_rules`: whether the resolver reports broken rules itself.
    fn value(&mut self, ty: &ast::Type, value: &Node<ast::Value>, path: Vec<String>, leaves_rules: bool) {
        if matches!(**value, ast::Value::Variable(_) | ast::Value::Null) {
            return;
        }
        if let (true, ast::Value::List(items)) = (ty.is_list(), &**value) {
            for (index, item) in items.iter().enumerate() {
                self.value(ty.item_type(), item, extended(&path, &index), leaves_rules);
            }
            return;
        }
        let name = ty.inner_named_type();
        match (self.schema.types.get(name), &**value) {
            (Some(ExtendedType::InputObject(input)), ast::Value::Object(members)) => {
                self.unique(members);
                for (key, member) in members {
                    if let Some(field) = input.fields.get(key) {
                        self.value(&field.ty, member, extended(&path, key), leaves_rules);
                    }
                }
            }
            (Some(ExtendedType::Scalar(scalar)), _) if !scalar.is_built_in() => {
                self.keys(value);
                let read = scalars::reader(name).map_or(Ok(()), |read| read(&convert::constant(value)));
                let rule = match read {
                    Err(Misfit::Unreadable(rule)) => rule,
                    Err(Misfit::Invalid(rule)) if !leaves_rules => rule,
                    _ => return,
                };
                self.faults.push(Fault { path, rule });
            }
            _ => {}
        }
    }

    fn keys(&mut self, value: &ast::Value) {
        match value {
            ast::Value::List(items) => items.iter().for_each(|item| self.keys(item)),
            ast::Value::Object(members) => {
                self.unique(members);
                for (_, member) in members {
                    self.keys(member);
                }
            }
            _ => {}
        }
    }

    fn unique(&mut self, members: &[(Name, Node<ast::Value>)]) {
        let mut seen = HashSet::new();
        for (name, _) in members {
            if !seen.insert(name) {
                let place = name.location().map(|span| self.source.position(span.offset()));
                let message = "An input object names a field twice.";
                self.errors.push(RequestError::at(Code::GraphqlValidationFailed, message, place));
            }
        }
    }
}

fn extended(path: &[String], step: &impl ToString) -> Vec<String> {
    path.iter().cloned().chain([step.to_string()]).collect()
}

/// Gives every list in an argument an end that is no item of another list. Tells whether there are two lists of different
/// lengths; otherwise the document is left half done.
pub(super) fn end_lists(document: &mut ast::Document) -> bool {
    let mut lengths = HashSet::new();
    for definition in &mut document.definitions {
        match definition {
            ast::Definition::OperationDefinition(node) => end_in_set(&mut node.make_mut().selection_set, &mut lengths),
            ast::Definition::FragmentDefinition(node) => end_in_set(&mut node.make_mut().selection_set, &mut lengths),
            _ => {}
        }
    }
    lengths.len() > 1
}

fn end_in_set(set: &mut [ast::Selection], lengths: &mut HashSet<usize>) {
    for selection in set {
        match selection {
            ast::Selection::Field(field) => {
                let field = field.make_mut();
                for argument in &mut field.arguments {
                    end(argument.make_mut().value.make_mut(), lengths);
                }
                end_in_set(field.selection_set.as_deref_mut().unwrap_or_default(), lengths);
            }
            ast::Selection::InlineFragment(fragment) => end_in_set(&mut fragment.make_mut().selection_set, lengths),
            ast::Selection::FragmentSpread(_) => {}
        }
    }
}

fn end(value: &mut ast::Value, lengths: &mut HashSet<usize>) {
    match value {
        ast::Value::List(items) => {
            lengths.insert(items.len());
            for item in items.iter_mut() {
                end(item.make_mut(), lengths);
            }
            // Names that begin so are kept for introspection: no enum of ours has it.
            items.push(Node::new(ast::Value::Enum(apollo_compiler::name!(__end))));
        }
        ast::Value::Object(members) => members.iter_mut().for_each(|(_, member)| end(member.make_mut(), lengths)),
        _ => {}
    }
}

/// The byte at which a selection set stands that selects nothing, if there is one: a draft of the grammar allows it, the engine cannot
/// tell it from none.
pub(super) fn empty_selection(document: &ast::Document) -> Option<usize> {
    fn offset(span: Option<SourceSpan>) -> usize {
        span.map_or(0, |span| span.offset())
    }
    fn within(set: &[ast::Selection]) -> Option<usize> {
        set.iter().find_map(|selection| match selection {
            ast::Selection::Field(field) => match field.selection_set.as_deref() {
                Some([]) => Some(offset(field.location())),
                Some(set) => within(set),
                None => None,
            },
            ast::Selection::InlineFragment(fragment) if fragment.selection_set.is_empty() => {
                Some(offset(fragment.location()))
            }
            ast::Selection::InlineFragment(fragment) => within(&fragment.selection_set),
            ast::Selection::FragmentSpread(_) => None,
        })
    }
    document.definitions.iter().find_map(|definition| {
        let set = match definition {
            ast::Definition::OperationDefinition(operation) => &operation.selection_set,
            ast::Definition::FragmentDefinition(fragment) => &fragment.selection_set,
            _ => return None,
        };
        if set.is_empty() { Some(offset(definition.location())) } else { within(set) }
    })
}
