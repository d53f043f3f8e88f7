//! GraphQL over HTTP: from an HTTP request to a GraphQL request, and from its result to an HTTP response.
//!
//! Follows the draft of the GraphQL-over-HTTP specification. [`Service::respond`] does all of it; the steps are public
//! for a caller that puts something between them, such as a cache: [`MediaType::negotiate`], [`Parameters::receive`],
//! [`Service::parse`], [`Service::execute`] and [`write()`] or [`Refusal::into_response`].
//!
//! Cross-site request forgery is closed by the content type: a browser asks for permission (CORS preflight) before it
//! sends `application/json` to another origin, and nothing but `application/json` is read here. Mutations never run on
//! GET. Batches are refused, since limits hold per request.
//!
//! What does not belong here: who the caller is, what errors may say, caching, rate limits, and routes.

use std::collections::{BTreeMap, HashSet};

use async_graphql::{
    ServerError, Variables,
    parser::{
        parse_query, parse_schema,
        types::{
            BaseType, ExecutableDocument, OperationDefinition, OperationType, Selection, SelectionSet,
            TypeSystemDefinition,
        },
    },
};
use poem::{
    Request, Response,
    http::{HeaderValue, Method, StatusCode, header},
};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    error::Code,
    http::{
        media_type::MediaType,
        parameters::{BodySettings, Parameters, bad_request},
    },
    schema::{
        Schema,
        limits::{self, LimitExceeded, Limits},
        with_code,
    },
};

/// The schema as it is served over HTTP.
pub struct Service {
    schema: Schema,
    limits: Limits,
    body: BodySettings,
    /// The names of all types, for [`check_types_of_defaults`].
    types: HashSet<String>,
}

impl Service {
    /// Serves this schema within these limits. Expensive: meant to be called once.
    ///
    /// # Errors
    /// When the schema's own description of itself cannot be parsed, which would be a defect of the engine.
    pub fn new(schema: Schema, limits: Limits, body: BodySettings) -> Result<Self, async_graphql::parser::Error> {
        let mut types = HashSet::from(["Boolean", "Float", "ID", "Int", "String"].map(str::to_owned));
        for definition in parse_schema(schema.sdl())?.definitions {
            if let TypeSystemDefinition::Type(definition) = definition {
                types.insert(definition.node.name.node.to_string());
            }
        }
        Ok(Self { schema, limits, body, types })
    }

    /// Answers one request.
    ///
    /// - `prepare` adds to the request what resolvers need, such as the viewer. The document is parsed at this point.
    /// - `present` sees every error before a client does. An error that already bears `extensions.code` is fit to be
    ///   shown, unless resolvers set codes themselves; any other one comes from a resolver and is the caller's to judge.
    ///
    /// The response has the headers that resolvers set, and in its extensions the [`Operation`] (as soon as it is
    /// known) and the engine's [`async_graphql::CacheControl`] (if the operation was executed).
    pub async fn respond(
        &self,
        mut request: Request,
        prepare: impl FnOnce(async_graphql::Request) -> async_graphql::Request,
        present: impl Fn(ServerError) -> ServerError,
    ) -> Response {
        let Some(media_type) = MediaType::negotiate(request.headers()) else {
            return Refusal::new(
                Code::NotAcceptable,
                "The response can be application/graphql-response+json or application/json.",
            )
            .into_response(MediaType::Json, present);
        };
        let parsed = match Parameters::receive(&mut request, &self.body).await {
            Ok(parameters) => self.parse(parameters),
            Err(refusal) => Err(refusal),
        };
        let (request, operation) = match parsed {
            Ok(parsed) => parsed,
            Err(refusal) => return refusal.into_response(media_type, present),
        };
        let mut response = match self.execute(prepare(request)).await {
            Ok(result) => write(result, media_type, present),
            Err(refusal) => refusal.into_response(media_type, present),
        };
        response.extensions_mut().insert(operation);
        response
    }

    /// Parses the document and chooses the operation, within the limits. Validation and execution are left.
    pub fn parse(&self, parameters: Parameters) -> Result<(async_graphql::Request, Operation), Refusal> {
        let Parameters { query, operation_name, mut variables, extensions, method } = parameters;
        limits::check_variables(&variables, &self.limits)?;
        limits::check_variables(&extensions, &self.limits)?;
        limits::scan(&query, &self.limits)?;
        let document = parse_query(&query).map_err(|error| Refusal {
            code: Code::GraphqlParseFailed,
            errors: vec![with_code(error.into(), Code::GraphqlParseFailed)],
            allow: None,
        })?;
        limits::check(&document, &self.limits)?;

        let (name, definition) = select_operation(&document, operation_name.as_deref())?;
        check_operation_type(definition.ty, &method)?;
        check_required_variables(definition, &variables)?;
        fill_absent_arguments(&document, definition, &mut variables);
        check_types_of_defaults(&document, &self.types)?;
        let operation = Operation { name: name.map(str::to_owned), kind: definition.ty };

        let mut request = async_graphql::Request::new(query).variables(Variables::from_json(Value::Object(variables)));
        request.operation_name.clone_from(&operation.name);
        request.extensions = serde_json::from_value(Value::Object(extensions))
            .map_err(|error| bad_request(format!("The parameter \"extensions\" cannot be used: {error}.")))?;
        request.set_parsed_query(document);
        Ok((request, operation))
    }

    /// Runs a request. An `Err` means that it failed validation and nothing was executed.
    pub async fn execute(&self, request: async_graphql::Request) -> Result<async_graphql::Response, Refusal> {
        let mut response = self.schema.execute(request).await;
        // The engine answers both kinds of failure alike, with `data: null`. Only errors of execution have a path.
        let executed = response.data != async_graphql::Value::Null
            || response.errors.is_empty()
            || response.errors.iter().any(|error| !error.path.is_empty());
        if executed {
            response.errors.iter_mut().filter(|error| is_coercion_error(error)).for_each(|error| {
                error.extensions.get_or_insert_default().set("code", Code::BadUserInput.as_str());
            });
            return Ok(response);
        }
        response.errors.truncate(VALIDATION_ERRORS);
        let code =
            response.errors.first().map_or(Code::GraphqlValidationFailed, |error| validation_code(&error.message));
        let errors = response.errors.into_iter().map(mark_validation).collect();
        Err(Refusal { code, errors, allow: None })
    }
}

/// The HTTP status of a refusal. Clients that take `application/json` expect 200 for everything that came out of
/// GraphQL, however it ended, so that they can tell it from an answer of some proxy.
const fn status(code: Code, media_type: MediaType) -> StatusCode {
    match (code, media_type) {
        (
            Code::GraphqlParseFailed
            | Code::GraphqlValidationFailed
            | Code::OperationResolutionFailure
            | Code::BadUserInput
            | Code::LimitExceeded,
            MediaType::Json,
        ) => StatusCode::OK,
        (code, _) => code.status(),
    }
}

/// Why a request was not executed: in the terms of GraphQL, a request error.
#[derive(Debug)]
pub struct Refusal {
    code: Code,
    errors: Vec<ServerError>,
    /// The `Allow` header of a response with status 405.
    allow: Option<&'static str>,
}

impl Refusal {
    /// Refuses with one error.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, errors: vec![with_code(ServerError::new(message, None), code)], allow: None }
    }

    /// Refuses the method, and says which ones the address or the operation takes.
    pub fn method(allow: &'static str, message: &str) -> Self {
        Self { allow: Some(allow), ..Self::new(Code::MethodNotAllowed, message) }
    }

    /// The code that decides on the HTTP status.
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The response, without a `data` member. For `present` see [`Service::respond`].
    pub fn into_response(self, media_type: MediaType, present: impl Fn(ServerError) -> ServerError) -> Response {
        let errors = self.errors.into_iter().map(present).collect();
        let mut response = encode(&Body { errors, data: None, extensions: None }, media_type);
        if response.status() == StatusCode::OK {
            response.set_status(status(self.code, media_type));
        }
        if let Some(allow) = self.allow {
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
        }
        response
    }
}

impl From<LimitExceeded> for Refusal {
    fn from(exceeded: LimitExceeded) -> Self {
        let mut error = with_code(ServerError::new(exceeded.to_string(), None), Code::LimitExceeded);
        if let Some(extensions) = &mut error.extensions {
            extensions.set("limit", exceeded.limit);
            extensions.set("maximum", exceeded.maximum);
        }
        Self { code: Code::LimitExceeded, errors: vec![error], allow: None }
    }
}

/// The operation that a request runs. Found in the extensions of its response, for logs and metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Query or mutation.
    pub kind: OperationType,
}

fn select_operation<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Result<(Option<&'a str>, &'a OperationDefinition), Refusal> {
    let refuse = |message| Err(Refusal::new(Code::OperationResolutionFailure, message));
    let mut operations = document
        .operations
        .iter()
        .map(|(name, operation)| (name.map(async_graphql::Name::as_str), &operation.node))
        .filter(|(candidate, _)| name.is_none() || *candidate == name);
    match (operations.next(), operations.next()) {
        (Some(operation), None) => Ok(operation),
        (None, _) => refuse(format!("The document has no operation named \"{}\".", name.unwrap_or_default())),
        (Some(_), Some(_)) => {
            refuse("The document has several operations: \"operationName\" must say which one to run.".to_owned())
        }
    }
}

fn check_operation_type(kind: OperationType, method: &Method) -> Result<(), Refusal> {
    match kind {
        OperationType::Mutation if method == Method::GET => {
            Err(Refusal::method("POST", "A mutation must be sent with POST."))
        }
        OperationType::Subscription => Err(bad_request("Subscriptions are not served at this address.")),
        OperationType::Query | OperationType::Mutation => Ok(()),
    }
}

/// Gives null to each variable that was left out and that an argument of a field is: for an argument of ours that is the
/// same as its absence, and the engine cannot tell the cost of a list by a variable that is not there. Inside input
/// objects absence has a meaning of its own, and is left alone.
fn fill_absent_arguments(
    document: &ExecutableDocument,
    operation: &OperationDefinition,
    variables: &mut Map<String, Value>,
) {
    let absent = operation.variable_definitions.iter().map(|definition| &definition.node);
    let absent = absent.filter(|definition| definition.default_value.is_none());
    let absent: HashSet<&str> =
        absent.map(|definition| definition.name.node.as_str()).filter(|name| !variables.contains_key(*name)).collect();
    if absent.is_empty() {
        return;
    }
    let mut found: HashSet<&str> = HashSet::new();
    let fragments = document.fragments.values().map(|fragment| &fragment.node.selection_set.node);
    let mut open: Vec<&SelectionSet> = std::iter::once(&operation.selection_set.node).chain(fragments).collect();
    while let Some(selection_set) = open.pop() {
        for selection in &selection_set.items {
            match &selection.node {
                Selection::Field(field) => {
                    let arguments = field.node.arguments.iter();
                    // The engine does not name its type of values that may hold variables; written out, only a
                    // variable begins with a dollar sign.
                    found.extend(
                        arguments.filter_map(|(_, argument)| {
                            absent.get(argument.node.to_string().strip_prefix('$')?).copied()
                        }),
                    );
                    open.push(&field.node.selection_set.node);
                }
                Selection::InlineFragment(fragment) => open.push(&fragment.node.selection_set.node),
                Selection::FragmentSpread(_) => {}
            }
        }
    }
    variables.extend(found.into_iter().map(|name| (name.to_owned(), Value::Null)));
}

/// Refuses to run without a variable that has no default and may not be null. The engine looks at variables only where
/// they are used, and then reports a field error.
fn check_required_variables(operation: &OperationDefinition, variables: &Map<String, Value>) -> Result<(), Refusal> {
    let refuse = |variable: &str, what: &str| {
        Err(Refusal::new(Code::BadUserInput, format!("The variable \"${variable}\" is required but {what}.")))
    };
    for definition in &operation.variable_definitions {
        let name = definition.node.name.node.as_str();
        match variables.get(name) {
            _ if definition.node.var_type.node.nullable => {}
            Some(Value::Null) => return refuse(name, "null"),
            None if definition.node.default_value.is_none() => return refuse(name, "not provided"),
            _ => {}
        }
    }
    Ok(())
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

fn mark_validation(error: ServerError) -> ServerError {
    let code = validation_code(&error.message);
    with_code(error, code)
}

/// Errors of validation that a client gets to see at most, so that a short document cannot cause a long response.
const VALIDATION_ERRORS: usize = 100;

/// The engine tells what went wrong in validation only by its message.
fn validation_code(message: &str) -> Code {
    // The last two come from arguments that a field's cost is computed from.
    let coercion = ["Invalid value for argument ", "Failed to parse \"", "Expected input type \""];
    if coercion.iter().any(|start| message.starts_with(start)) {
        Code::BadUserInput
    } else if message.starts_with("The recursion depth of the query ") || message == "Query is too complex." {
        Code::LimitExceeded
    } else {
        Code::GraphqlValidationFailed
    }
}

/// Whether a value was found not to fit its type only when a resolver wanted it. The engine does not check everything
/// in validation: custom scalars without an `is_valid` function, and the range of an `Int`.
fn is_coercion_error(error: &ServerError) -> bool {
    let has_code = error.extensions.as_ref().is_some_and(|extensions| extensions.get("code").is_some());
    let reported_by_engine =
        error.message.starts_with("Failed to parse \"") || error.message.starts_with("Expected input type \"");
    !has_code && error.source.is_none() && reported_by_engine
}

/// Encodes the result of an execution. For `present` see [`Service::respond`].
pub fn write(
    result: async_graphql::Response,
    media_type: MediaType,
    present: impl Fn(ServerError) -> ServerError,
) -> Response {
    let errors = result.errors.into_iter().map(present).collect();
    let extensions = (!result.extensions.is_empty()).then_some(&result.extensions);
    let mut response = encode(&Body { errors, data: Some(&result.data), extensions }, media_type);
    // Headers of this module stand: a resolver may add to them, not change the type of the body.
    for (name, value) in &result.http_headers {
        if name != header::CONTENT_TYPE {
            response.headers_mut().append(name, value.clone());
        }
    }
    response.extensions_mut().insert(result.cache_control);
    response
}

/// A GraphQL response. Errors come first, as the specification suggests, so that they are hard to overlook.
#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<ServerError>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a async_graphql::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extensions: Option<&'a BTreeMap<String, async_graphql::Value>>,
}

fn encode(body: &Body<'_>, media_type: MediaType) -> Response {
    let builder = Response::builder()
        .header(header::CONTENT_TYPE, media_type.content_type())
        .header(header::VARY, HeaderValue::from_static("Accept"));
    match serde_json::to_vec(body) {
        Ok(json) => builder.body(json),
        Err(error) => {
            tracing::error!(%error, "a GraphQL response cannot be encoded");
            builder.status(StatusCode::INTERNAL_SERVER_ERROR).body(INTERNAL_SERVER_ERROR)
        }
    }
}

/// The body of a response when everything else failed.
pub const INTERNAL_SERVER_ERROR: &str = r#"{"errors":[{"message":"internal error","extensions":{"code":"INTERNAL"}}]}"#;
