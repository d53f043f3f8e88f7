//! From the document of apollo-compiler to the engine's: what the planner and the executor read.
//!
//! Its values may be nested as deep as the limits allow; they are checked before.

use std::collections::{HashMap, hash_map::Entry};

use apollo_compiler::{Node, ast, parser::SourceSpan};
use async_graphql::{
    Name, Number, Pos, Positioned, Value as ConstValue,
    parser::types::{
        BaseType, Directive, DocumentOperations, ExecutableDocument, Field, FragmentDefinition, FragmentSpread,
        InlineFragment, OperationDefinition, OperationType, Selection, SelectionSet, Type, TypeCondition,
        VariableDefinition,
    },
};
use async_graphql_value::Value;

use super::{RequestError, source::Source};
use crate::error::Code;

/// The engine's document.
///
/// # Errors
/// When two operations or two fragments cannot be told apart.
pub(super) fn document(ast: &ast::Document, source: &Source<'_>) -> Result<ExecutableDocument, RequestError> {
    let convert = Convert { source };
    let (mut single, mut operations, mut fragments) = (None, HashMap::new(), HashMap::new());
    for definition in &ast.definitions {
        match definition {
            ast::Definition::OperationDefinition(node) => {
                let operation = convert.at(node, convert.operation(node));
                match &node.name {
                    None if single.is_none() => single = Some(operation),
                    None => return Err(convert.refuse(node, "There are several operations without a name.")),
                    Some(named) => match operations.entry(name(named)) {
                        Entry::Vacant(place) => _ = place.insert(operation),
                        Entry::Occupied(_) => {
                            return Err(convert.refuse(node, "There are several operations of the same name."));
                        }
                    },
                }
            }
            ast::Definition::FragmentDefinition(node) => match fragments.entry(name(&node.name)) {
                Entry::Vacant(place) => _ = place.insert(convert.at(node, convert.fragment(node))),
                Entry::Occupied(_) => {
                    return Err(convert.refuse(node, "There are several fragments of the same name."));
                }
            },
            // Of a type system: validation refuses it.
            _ => {}
        }
    }
    let operations = match (single, operations.is_empty()) {
        (Some(operation), true) => DocumentOperations::Single(operation),
        (None, _) => DocumentOperations::Multiple(operations),
        (Some(operation), false) => {
            let message = "An operation without a name must be the only one.";
            return Err(RequestError::at(Code::GraphqlValidationFailed, message, Some(operation.pos)));
        }
    };
    Ok(ExecutableDocument { operations, fragments })
}

/// A value without variables; one that stands for a variable is null.
pub(super) fn constant(value: &ast::Value) -> ConstValue {
    match value {
        ast::Value::Null | ast::Value::Variable(_) => ConstValue::Null,
        ast::Value::Boolean(value) => ConstValue::Boolean(*value),
        ast::Value::Enum(value) => ConstValue::Enum(name(value)),
        ast::Value::String(value) => ConstValue::String(value.clone()),
        ast::Value::Int(value) => ConstValue::Number(number(value.as_str())),
        ast::Value::Float(value) => ConstValue::Number(number(value.as_str())),
        ast::Value::List(items) => ConstValue::List(items.iter().map(|item| constant(item)).collect()),
        ast::Value::Object(members) => {
            ConstValue::Object(members.iter().map(|(key, value)| (name(key), constant(value))).collect())
        }
    }
}

/// A number as it is written. One that is beyond all numbers is the largest: no type of ours takes either.
fn number(written: &str) -> Number {
    let whole = written.parse::<i64>().map(Number::from).ok();
    whole
        .or_else(|| written.parse().ok().and_then(Number::from_f64))
        .or_else(|| Number::from_f64(f64::MAX))
        .unwrap_or_else(|| Number::from(i64::MAX))
}

fn name(name: &ast::NamedType) -> Name {
    Name::new(name.as_str())
}

struct Convert<'a> {
    source: &'a Source<'a>,
}

impl Convert<'_> {
    fn place(&self, span: Option<SourceSpan>) -> Pos {
        span.map_or_else(Pos::default, |span| self.source.position(span.offset()))
    }

    fn at<T, U>(&self, node: &Node<T>, converted: U) -> Positioned<U> {
        Positioned::new(converted, self.place(node.location()))
    }

    fn name(&self, found: &ast::NamedType) -> Positioned<Name> {
        Positioned::new(name(found), self.place(found.location()))
    }

    fn refuse<T>(&self, node: &Node<T>, message: &str) -> RequestError {
        RequestError::at(Code::GraphqlValidationFailed, message, Some(self.place(node.location())))
    }

    fn operation(&self, operation: &ast::OperationDefinition) -> OperationDefinition {
        let variables = operation.variables.iter().map(|node| self.at(node, self.variable(node)));
        OperationDefinition {
            ty: match operation.operation_type {
                ast::OperationType::Query => OperationType::Query,
                ast::OperationType::Mutation => OperationType::Mutation,
                ast::OperationType::Subscription => OperationType::Subscription,
            },
            variable_definitions: variables.collect(),
            directives: self.directives(&operation.directives),
            selection_set: self.selections(&operation.selection_set),
        }
    }

    fn variable(&self, variable: &ast::VariableDefinition) -> VariableDefinition {
        VariableDefinition {
            name: self.name(&variable.name),
            var_type: self.at(&variable.ty, ty(&variable.ty)),
            directives: self.directives(&variable.directives),
            default_value: variable.default_value.as_ref().map(|node| self.at(node, constant(node))),
        }
    }

    fn fragment(&self, fragment: &ast::FragmentDefinition) -> FragmentDefinition {
        FragmentDefinition {
            type_condition: self.type_condition(&fragment.type_condition),
            directives: self.directives(&fragment.directives),
            selection_set: self.selections(&fragment.selection_set),
        }
    }

    fn type_condition(&self, on: &ast::NamedType) -> Positioned<TypeCondition> {
        let on = self.name(on);
        let position = on.pos;
        Positioned::new(TypeCondition { on }, position)
    }

    fn selections(&self, selections: &[ast::Selection]) -> Positioned<SelectionSet> {
        let one = |selection: &ast::Selection| match selection {
            ast::Selection::Field(node) => {
                let field = self.at(node, self.field(node));
                let position = field.pos;
                Positioned::new(Selection::Field(field), position)
            }
            ast::Selection::FragmentSpread(node) => {
                let spread = FragmentSpread {
                    fragment_name: self.name(&node.fragment_name),
                    directives: self.directives(&node.directives),
                };
                let spread = self.at(node, spread);
                let position = spread.pos;
                Positioned::new(Selection::FragmentSpread(spread), position)
            }
            ast::Selection::InlineFragment(node) => {
                let fragment = InlineFragment {
                    type_condition: node.type_condition.as_ref().map(|on| self.type_condition(on)),
                    directives: self.directives(&node.directives),
                    selection_set: self.selections(&node.selection_set),
                };
                let fragment = self.at(node, fragment);
                let position = fragment.pos;
                Positioned::new(Selection::InlineFragment(fragment), position)
            }
        };
        let items: Vec<Positioned<Selection>> = selections.iter().map(one).collect();
        let position = items.first().map_or_else(Pos::default, |first| first.pos);
        Positioned::new(SelectionSet { items }, position)
    }

    fn field(&self, field: &ast::Field) -> Field {
        Field {
            alias: field.alias.as_ref().map(|alias| self.name(alias)),
            name: self.name(&field.name),
            arguments: self.arguments(&field.arguments),
            directives: self.directives(&field.directives),
            selection_set: field.selection_set.as_ref().map(|set| self.selections(set)).unwrap_or_default(),
        }
    }

    fn directives(&self, directives: &ast::DirectiveList) -> Vec<Positioned<Directive>> {
        let one = |node: &Node<ast::Directive>| {
            self.at(node, Directive { name: self.name(&node.name), arguments: self.arguments(&node.arguments) })
        };
        directives.iter().map(one).collect()
    }

    fn arguments(&self, arguments: &[Node<ast::Argument>]) -> Vec<(Positioned<Name>, Positioned<Value>)> {
        let one = |node: &Node<ast::Argument>| (self.name(&node.name), self.at(&node.value, value(&node.value)));
        arguments.iter().map(one).collect()
    }
}

fn value(written: &ast::Value) -> Value {
    match written {
        ast::Value::Variable(variable) => Value::Variable(name(variable)),
        ast::Value::List(items) => Value::List(items.iter().map(|item| value(item)).collect()),
        ast::Value::Object(members) => {
            Value::Object(members.iter().map(|(key, member)| (name(key), value(member))).collect())
        }
        other => constant(other).into_value(),
    }
}

fn ty(written: &ast::Type) -> Type {
    let base = match written {
        ast::Type::Named(named) | ast::Type::NonNullNamed(named) => BaseType::Named(name(named)),
        ast::Type::List(item) | ast::Type::NonNullList(item) => BaseType::List(Box::new(ty(item))),
    };
    Type { base, nullable: !written.is_non_null() }
}
