//! Whether a document can be run at all, found out without running it: for documents that are kept to be run later.
//!
//! The engine validates all operations of a document, on the way to the one that was asked for; here it stops there.

use async_graphql::{
    Name, Value, Variables,
    parser::{
        parse_query,
        types::{BaseType, ExecutableDocument, Type},
    },
};
use poem::http::Method;

use super::{KnownDocuments, Refusal, check_operation_type, validation_refusal};

impl KnownDocuments {
    /// Nothing, if the document is within the limits, well-formed and valid, whatever values its variables will have.
    /// What it costs is computed with the smallest lists that its variables allow for.
    ///
    /// # Errors
    /// What a client would be told who sends the document.
    pub async fn validate(&self, text: &str) -> Result<(), Refusal> {
        let document = self.parse(text)?;
        for (_, operation) in document.operations.iter() {
            check_operation_type(operation.node.ty, &Method::POST)?;
        }
        let variables = stand_ins(&document);
        let mut request = async_graphql::Request::new("").variables(variables);
        // Any will do, but the engine insists on one.
        request.operation_name = document.operations.iter().find_map(|(name, _)| name.map(Name::to_string));
        request.set_parsed_query(document);
        let errors = self.schema.execute(request).await.errors;
        if errors.is_empty() { Ok(()) } else { Err(validation_refusal(errors)) }
    }
}

/// The names of the operations of a document, in their order; one that has no name has none here.
pub fn operation_names(text: &str) -> Vec<String> {
    let Ok(document) = parse_query(text) else { return Vec::new() };
    let mut operations: Vec<_> = document.operations.iter().collect();
    operations.sort_by_key(|(_, operation)| operation.pos);
    operations.into_iter().filter_map(|(name, _)| name.map(Name::to_string)).collect()
}

/// Values for the variables that a cost may be computed from, which are the sizes of lists and lists themselves: the
/// engine cannot tell the cost without them. Those that have a default have a value already.
fn stand_ins(document: &ExecutableDocument) -> Variables {
    let mut values = Variables::default();
    for (_, operation) in document.operations.iter() {
        for definition in &operation.node.variable_definitions {
            let Type { base, nullable } = &definition.node.var_type.node;
            let value = match base {
                _ if definition.node.default_value.is_some() => continue,
                BaseType::List(_) if !nullable => Value::List(Vec::new()),
                BaseType::Named(name) if name == "Int" && !nullable => Value::from(1),
                BaseType::List(_) => Value::Null,
                BaseType::Named(name) if name == "Int" => Value::Null,
                BaseType::Named(_) => continue,
            };
            values.insert(definition.node.name.node.clone(), value);
        }
    }
    values
}
