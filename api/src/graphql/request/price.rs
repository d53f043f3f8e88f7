//! What an operation costs, computed by the engine from the annotations of its fields, without executing it.

use std::sync::{Arc, Mutex, PoisonError};

use async_graphql::{
    Name, Response, ServerError, ValidationMode, ValidationResult, Value, Variables,
    extensions::{Extension, ExtensionContext, ExtensionFactory, NextExecute, NextValidation},
    parser::types::{BaseType, ExecutableDocument, Type},
};

use super::RequestError;
use crate::{
    error::Code,
    schema::{self, MAX_COMPLEXITY, Schema, limits::LimitExceeded},
};

/// Computes prices.
pub(super) struct Prices(Schema);

impl Default for Prices {
    fn default() -> Self {
        // Documents have passed our validation. What is beyond the limit is told below.
        let schema = schema::builder().limit_complexity(usize::MAX).validation_mode(ValidationMode::Fast);
        Self(schema.extension(OnlyPrice).finish())
    }
}

impl Prices {
    /// What a valid document costs with these variables.
    ///
    /// # Errors
    /// When it costs more than any may.
    pub(super) async fn of(
        &self,
        document: ExecutableDocument,
        operation: Option<String>,
        variables: Variables,
    ) -> Result<usize, RequestError> {
        let mut request = async_graphql::Request::new("").variables(variables);
        request.operation_name = operation;
        request.set_parsed_query(document);
        let response = self.0.execute(request).await;
        let cost = match response.extensions.get(COST) {
            Some(Value::Number(cost)) => cost.as_u64().and_then(|cost| usize::try_from(cost).ok()),
            _ => None,
        };
        match cost {
            Some(cost) if cost <= MAX_COMPLEXITY => Ok(cost),
            Some(actual) => Err(LimitExceeded { limit: "cost", maximum: MAX_COMPLEXITY, actual }.into()),
            None => {
                tracing::error!(errors = ?response.errors, "an operation has no price");
                Err(RequestError::new(Code::Internal, "internal error"))
            }
        }
    }

    /// Nothing, if a valid document costs no more than it may with the shortest lists that its variables allow for.
    ///
    /// # Errors
    /// When it costs more than any may.
    pub(super) async fn check(&self, document: ExecutableDocument) -> Result<(), RequestError> {
        // Any will do, but the engine insists on one.
        let operation = document.operations.iter().find_map(|(name, _)| name.map(Name::to_string));
        let variables = shortest(&document);
        self.of(document, operation, variables).await.map(|_| ())
    }
}

/// The name under which the price leaves the engine.
const COST: &str = "cost";

/// Stops before anything is executed, and says what the document costs.
struct OnlyPrice;

impl ExtensionFactory for OnlyPrice {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Price::default())
    }
}

#[derive(Default)]
struct Price(Mutex<usize>);

#[async_trait::async_trait]
impl Extension for Price {
    async fn validation(
        &self,
        ctx: &ExtensionContext<'_>,
        next: NextValidation<'_>,
    ) -> Result<ValidationResult, Vec<ServerError>> {
        let result = next.run(ctx).await?;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = result.complexity;
        Ok(result)
    }

    async fn execute(&self, _: &ExtensionContext<'_>, _: Option<&str>, _: NextExecute<'_>) -> Response {
        let cost = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Response::new(Value::Null).extension(COST, cost.into())
    }
}

/// The smallest values of the variables that a price may be computed from, which are the sizes of lists and lists
/// themselves. Those that have a default have a value already.
fn shortest(document: &ExecutableDocument) -> Variables {
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
