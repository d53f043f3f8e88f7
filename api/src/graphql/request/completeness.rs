//! Whether the parser kept all that is written: apollo-compiler passes over a name that lacks its colon or its value, where
//! the grammar makes that an error.

use apollo_compiler::{Node, ast};

use super::{RequestError, source::Source};
use crate::{
    error::Code,
    schema::limits::{is_name, names_and_colons},
};

/// A name that the document has, by the byte at which it stands in the text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kept {
    /// The definition that begins here has a keyword before everything else.
    Definition,
    /// A name after `on`.
    Condition,
    /// A name before a colon.
    Label,
    Name,
}

/// Holds the names and colons of a text against those of the document that was read from it.
///
/// # Errors
/// At the first name or colon that the document does not have, or that is missing.
pub(super) fn check(document: &ast::Document, source: &Source<'_>) -> Result<(), RequestError> {
    let mut found = Found { source: source.text(), names: Vec::new() };
    for definition in &document.definitions {
        match definition {
            ast::Definition::OperationDefinition(node) => found.operation(node),
            ast::Definition::FragmentDefinition(node) => found.fragment(node),
            // Of a type system: validation refuses it.
            _ => return Ok(()),
        }
    }
    found.names.sort_unstable();
    found
        .compare()
        .map_err(|(message, offset)| RequestError::at(Code::GraphqlParseFailed, message, Some(source.position(offset))))
}

struct Found<'a> {
    source: &'a str,
    names: Vec<(usize, Kept)>,
}

impl Found<'_> {
    fn compare(self) -> Result<(), (&'static str, usize)> {
        const NO_COLON: &str = "There is no colon between a name and its value.";
        let mut kept = self.names.into_iter().peekable();
        let mut label = None;
        for (offset, token) in names_and_colons(self.source) {
            if !is_name(token) {
                label.take().ok_or(("Expected no colon here.", offset))?;
                continue;
            }
            if let Some(label) = label {
                return Err((NO_COLON, label));
            }
            match kept.peek() {
                Some((start, Kept::Definition)) if *start <= offset => _ = kept.next(),
                Some((_, Kept::Condition)) if token == b"on" => {}
                Some((start, kind)) if *start == offset => {
                    label = (*kind == Kept::Label).then_some(offset);
                    kept.next();
                }
                _ => {
                    return Err((
                        "A name stands here that belongs to nothing: a colon and a value may be missing.",
                        offset,
                    ));
                }
            }
        }
        label.map_or(Ok(()), |label| Err((NO_COLON, label)))
    }

    fn operation(&mut self, operation: &Node<ast::OperationDefinition>) {
        self.definition(operation);
        self.names.extend(operation.name.as_ref().and_then(place).map(|at| (at, Kept::Name)));
        for variable in &operation.variables {
            self.name(&variable.name, Kept::Label);
            self.name(variable.ty.inner_named_type(), Kept::Name);
            if let Some(default) = &variable.default_value {
                self.value(default);
            }
            self.directives(&variable.directives);
        }
        self.directives(&operation.directives);
        self.selections(&operation.selection_set);
    }

    fn fragment(&mut self, fragment: &Node<ast::FragmentDefinition>) {
        self.definition(fragment);
        self.name(&fragment.name, Kept::Name);
        self.name(&fragment.type_condition, Kept::Condition);
        self.directives(&fragment.directives);
        self.selections(&fragment.selection_set);
    }

    fn definition<T>(&mut self, node: &Node<T>) {
        let start = node.location().map(|span| span.offset());
        let has_keyword = start.and_then(|start| self.source.get(start..)).is_some_and(|text| !text.starts_with('{'));
        self.names.extend(start.filter(|_| has_keyword).map(|start| (start, Kept::Definition)));
    }

    fn name(&mut self, name: &ast::NamedType, kind: Kept) {
        self.names.extend(place(name).map(|at| (at, kind)));
    }

    fn selections(&mut self, selections: &[ast::Selection]) {
        for selection in selections {
            match selection {
                ast::Selection::Field(field) => {
                    if let Some(alias) = &field.alias {
                        self.name(alias, Kept::Label);
                    }
                    self.name(&field.name, Kept::Name);
                    self.arguments(&field.arguments);
                    self.directives(&field.directives);
                    self.selections(field.selection_set.as_deref().unwrap_or_default());
                }
                ast::Selection::FragmentSpread(spread) => {
                    self.name(&spread.fragment_name, Kept::Name);
                    self.directives(&spread.directives);
                }
                ast::Selection::InlineFragment(fragment) => {
                    if let Some(on) = &fragment.type_condition {
                        self.name(on, Kept::Condition);
                    }
                    self.directives(&fragment.directives);
                    self.selections(&fragment.selection_set);
                }
            }
        }
    }

    fn directives(&mut self, directives: &ast::DirectiveList) {
        for directive in directives {
            self.name(&directive.name, Kept::Name);
            self.arguments(&directive.arguments);
        }
    }

    fn arguments(&mut self, arguments: &[Node<ast::Argument>]) {
        for argument in arguments {
            self.name(&argument.name, Kept::Label);
            self.value(&argument.value);
        }
    }

    fn value(&mut self, value: &Node<ast::Value>) {
        match &**value {
            ast::Value::Variable(name) | ast::Value::Enum(name) => self.name(name, Kept::Name),
            ast::Value::Null | ast::Value::Boolean(_) => {
                self.names.extend(value.location().map(|span| (span.offset(), Kept::Name)));
            }
            ast::Value::List(items) => items.iter().for_each(|item| self.value(item)),
            ast::Value::Object(members) => {
                for (name, member) in members {
                    self.name(name, Kept::Label);
                    self.value(member);
                }
            }
            ast::Value::String(_) | ast::Value::Int(_) | ast::Value::Float(_) => {}
        }
    }
}

fn place(name: &ast::NamedType) -> Option<usize> {
    name.location().map(|span| span.offset())
}
