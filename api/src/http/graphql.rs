//! GraphQL over HTTP: from an HTTP request to a GraphQL request, and from its result to an HTTP response.
//!
//! Follows the draft of the GraphQL-over-HTTP specification. The steps are [`MediaType::negotiate`],
//! [`Received::read`](super::parameters::Received), [`Service::prepare`], [`Service::execute`], and [`Executed::into_response`] or
//! [`Refusal::into_response`]; `http.rs` takes them, and puts between them what was answered before.
//!
//! Cross-site request forgery is closed by the content type: a browser asks for permission (CORS preflight) before it
//! sends `application/json` to another origin, and nothing but `application/json` is read here. Mutations never run on
//! GET. Batches are refused, since limits hold per request.
//!
//! What does not belong here: who the caller is, what errors may say, caching, rate limits, and routes.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_graphql::{ServerError, Variables, parser::types::OperationType};
use bytes::Bytes;
use poem::{
    IntoResponse, Response,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
};
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    media_type::MediaType,
    parameters::{Parameters, Received, RequestedDocument},
};
use crate::{
    access::{Caller, quota::Exceeded},
    compute_pool::{Cancellation, Client, ComputePool, Priority},
    delivery::{
        answer::AnswerKey,
        change_token,
        reading::{MAX_CHILDREN, Reading},
        response_memory::{Overflow, ResponseMemory},
    },
    error::{Code, Error},
    graphql::{
        Asking, RequestContext, Writer,
        request::{OperationCache, PreparedOperation, RequestError},
    },
    schema::{
        MAX_COST, Schema,
        limits::{LimitExceeded, Limits},
        shorten, with_code,
    },
};

/// The longest request of an anonymous client, in bytes, that is read and answered where it came in; the longest document of
/// any client that is read there.
const LARGE_REQUEST_BYTES: usize = 2 * 1024;
/// The same of clients that are signed in: their texts are long, their documents are not.
const LARGE_REQUEST_OF_EDITORS_BYTES: usize = 64 * 1024;
/// The longest operation of an anonymous client, in bytes, that a persisted operation may have and be answered where the
/// request came in.
const LARGE_OPERATION_BYTES: usize = 8 * LARGE_REQUEST_BYTES;
/// What an operation costs at most that is answered where it came in: more would keep others waiting for that thread.
const EXPENSIVE_COST: usize = 5_000;

/// Bytes of large requests of editors that are worked on at once. What is read from a request, its variables and what becomes of
/// them, takes up to twenty times its bytes.
const LARGE_REQUESTS_AT_ONCE: usize = 4 * 1024 * 1024;

/// The schema as it is served over HTTP.
pub struct Service {
    schema: Schema,
    operations: OperationCache,
    pool: ComputePool,
    /// A permit is a kibibyte.
    large_requests: Arc<Semaphore>,
}

/// What a request asks to be run.
pub struct Prepared {
    /// The operation.
    pub operation: Arc<PreparedOperation>,
    /// The variables, complete.
    pub variables: Variables,
    /// What it was estimated to cost.
    pub cost: usize,
    /// What its response came to, in points, as far as it was written.
    counted: AtomicUsize,
    /// Additions to the protocol.
    pub extensions: Map<String, Value>,
    /// Whether a stranger asks for so much that it may take long.
    is_long: bool,
    /// The turn of a large request, until it is answered.
    turn: Option<OwnedSemaphorePermit>,
}

impl Prepared {
    /// Whether it only reads.
    pub fn is_query(&self) -> bool {
        self.operation.operation.kind == OperationType::Query
    }

    /// What its response came to beyond what was estimated, in points.
    pub fn excess(&self) -> u64 {
        let excess = self.counted.load(Ordering::Relaxed).saturating_sub(self.cost);
        u64::try_from(excess).unwrap_or(u64::MAX)
    }

    /// Notes what a response came to, in points. Of one that is made again, the dearest counts.
    fn count(&self, points: usize) {
        self.counted.fetch_max(points, Ordering::Relaxed);
    }

    /// Whether the answer is to name what it depends on.
    fn wants_tags(&self) -> bool {
        self.extensions.get("cacheTags") == Some(&Value::Bool(true))
    }

    /// What the answer is found by: the same for all requests that ask for the same. An answer that somebody got because
    /// the document is trusted is kept apart, since it ends with the trust.
    pub fn key(&self, depends_on_trust: bool) -> AnswerKey {
        let mut key = self.operation.key(&self.variables);
        key.extend([self.wants_tags(), depends_on_trust].map(u8::from));
        key.into()
    }
}

/// An operation that was carried out.
pub struct Executed {
    /// The body of the response.
    pub body: Bytes,
    /// What it was answered from.
    pub reading: Arc<Reading>,
    /// Whether it is free of errors, and whoever asks gets the same.
    pub is_shareable: bool,
    headers: HeaderMap,
}

impl Service {
    /// Serves this schema within these limits; what may take long is done in the pool. Expensive: meant to be called once.
    ///
    /// # Errors
    /// When our own schema is not valid, which a test rules out.
    pub fn new(schema: Schema, limits: Limits, pool: ComputePool) -> Result<Self, Error> {
        let large_requests = Arc::new(Semaphore::new(LARGE_REQUESTS_AT_ONCE / 1024));
        Ok(Self { schema, operations: OperationCache::new(limits)?, pool, large_requests })
    }

    /// Nothing, if the document is within the limits, well-formed and valid, whatever values its variables will have.
    ///
    /// # Errors
    /// What a client would be told who sends the document.
    pub fn validate(&self, text: &str) -> Result<(), Refusal> {
        Ok(self.operations.validate(text)?)
    }

    /// Finds out what a request asks to be run, and whether it may be. `find` gives the text of the document that it asks
    /// for.
    ///
    /// # Errors
    /// When it is not well-formed, or asks for what there is not; when it goes over a limit, cannot be parsed, is not valid,
    /// or costs too much.
    pub async fn prepare<F: Future<Output = Result<Arc<str>, Refusal>> + Send>(
        &self,
        caller: &Caller,
        received: &Received,
        find: impl FnOnce(RequestedDocument) -> F + Send,
        asking: &Asking,
    ) -> Result<Arc<Prepared>, Refusal> {
        let bytes = received.sent().sent.len();
        let is_stranger = caller.credential.is_none();
        let is_long = bytes > if is_stranger { LARGE_REQUEST_BYTES } else { LARGE_REQUEST_OF_EDITORS_BYTES };
        let turn = self.turn(bytes).await?;
        let prepare = async {
            let (document, parameters) = received.parse()?;
            let name = parameters.operation_name.as_deref();
            let is_new = document.text().is_some_and(|text| self.is_new_and_long(text, name));
            let is_apart = !is_long && is_new;
            let check =
                async { self.check(&find(document).await?, parameters, caller, asking, is_long, is_apart).await };
            self.in_pool_if(is_apart, caller, check).await?
        };
        let mut prepared = self.in_pool_if(is_long, caller, prepare).await??;
        prepared.turn = turn;
        Ok(Arc::new(prepared))
    }

    /// The turn of a request of this length, if it is large: only so many are worked on at once.
    async fn turn(&self, bytes: usize) -> Result<Option<OwnedSemaphorePermit>, Refusal> {
        if bytes <= LARGE_REQUEST_OF_EDITORS_BYTES {
            return Ok(None);
        }
        let permits = u32::try_from(bytes.min(LARGE_REQUESTS_AT_ONCE) / 1024).map_err(Error::internal)?;
        let turn = Arc::clone(&self.large_requests).acquire_many_owned(permits).await;
        turn.map(Some).map_err(|closed| Error::internal(closed).into())
    }

    /// Whether it takes long to read this document: it has not been read lately.
    fn is_new_and_long(&self, text: &str, name: Option<&str>) -> bool {
        text.len() > LARGE_REQUEST_BYTES && self.operations.get(text, name).is_none()
    }

    async fn check(
        &self,
        text: &Arc<str>,
        parameters: Parameters,
        caller: &Caller,
        asking: &Asking,
        is_long: bool,
        is_apart: bool,
    ) -> Result<Prepared, Refusal> {
        let Parameters { operation_name, variables, extensions, method } = parameters;
        let name = operation_name.as_deref();
        self.operations.check_variables(&variables, &extensions)?;
        // A short request may ask for a long document by its name. What takes as long as the document is done apart, too,
        // unless it is so already; what was done before takes no time.
        let is_stranger = caller.credential.is_none();
        let takes_long = !is_long && !is_apart && self.is_new_and_long(text, name);
        let operation = self.in_pool_if(takes_long, caller, async { self.operations.prepare(text, name) }).await??;
        check_operation_type(operation.operation.kind, &method)?;
        let variables = operation.coerce(variables)?;
        let cost = operation.estimate(&variables, asking)?;
        let is_long = is_stranger && (is_long || text.len() > LARGE_OPERATION_BYTES);
        Ok(Prepared { operation, variables, cost, counted: AtomicUsize::new(0), extensions, is_long, turn: None })
    }

    /// Carries it out: from the plan, or by the engine where there is none or an error has to be told. `present` sees every
    /// error before a client does. An error that already bears `extensions.code` is fit to be shown; any other one comes
    /// from a resolver and is the caller's to judge.
    ///
    /// # Errors
    /// When it fails validation after all; then nothing was executed. When it reads too much.
    pub async fn execute(
        &self,
        prepared: &Arc<Prepared>,
        mut context: RequestContext,
        present: impl Fn(ServerError) -> ServerError + Clone + Send + Sync + 'static,
    ) -> Result<Executed, Refusal> {
        let (client, priority) = (Client::of(&context.caller), priority(&context.caller));
        loop {
            let may_take_long = prepared.is_long || prepared.cost > EXPENSIVE_COST || context.asking.reading.is_large();
            let written = if may_take_long {
                let (prepared, asking) = (Arc::clone(prepared), context.asking.clone());
                let work = async move |cancellation: Cancellation| Self::write(&prepared, &asking, &cancellation).await;
                self.pool.run_async(priority, &client, work).await?
            } else {
                Self::write(prepared, &context.asking, &Cancellation::default()).await
            };
            let Some(written) = written else { break };
            match complete(&context.asking).await? {
                Some(asking) => context.asking = asking,
                None => return written,
            }
        }
        loop {
            let is_large = prepared.is_long || prepared.cost > EXPENSIVE_COST || context.asking.reading.is_large();
            // Mutations hold what other writers wait for.
            let may_take_long = is_large && prepared.is_query();
            let executed = if may_take_long {
                let (schema, prepared, context) = (self.schema.clone(), Arc::clone(prepared), context.clone());
                let present = present.clone();
                let work = async move |cancellation: Cancellation| {
                    context.budget.until(cancellation);
                    Self::run(&schema, &prepared, &context, &present).await
                };
                self.pool.run_async(priority, &client, work).await?
            } else if context.caller.credential.is_some() || !prepared.is_query() {
                let (schema, prepared, context) = (self.schema.clone(), Arc::clone(prepared), context.clone());
                let present = present.clone();
                let work = async move { Self::run(&schema, &prepared, &context, &present).await };
                self.pool.run_with_database(work).await?
            } else {
                Self::run(&self.schema, prepared, &context, &present).await
            };
            // Only queries read what is published, so nothing is done twice.
            match complete(&context.asking).await? {
                Some(asking) => {
                    context.budget = Arc::new(context.budget.anew());
                    context.asking = asking;
                }
                None => return executed,
            }
        }
    }

    /// Works on this in the pool if it `may_take_long`.
    async fn in_pool_if<T: Send>(
        &self,
        may_take_long: bool,
        caller: &Caller,
        work: impl Future<Output = T> + Send,
    ) -> Result<T, Refusal> {
        if !may_take_long {
            return Ok(work.await);
        }
        self.pool.run_in_place(priority(caller), &Client::of(caller), work).await.map_err(Refusal::from)
    }

    /// The answer from the plan; nothing, if there is none or an error has to be told.
    async fn write(
        prepared: &Prepared,
        asking: &Asking,
        cancellation: &Cancellation,
    ) -> Option<Result<Executed, Refusal>> {
        let plan = prepared.operation.plan(&prepared.variables)?;
        let memory = asking.state.response_memory();
        let mut out = Writer::new(memory, MAX_COST).until(cancellation);
        out.raw(br#"{"data":"#);
        plan.write(asking, &prepared.variables, &mut out).ok()?;
        prepared.count(out.overflow().map_or_else(|| out.cost(), |_| MAX_COST));
        let reading = Arc::clone(&asking.reading);
        let headers = HeaderMap::new();
        Self::close(&mut out, prepared, &reading, &headers);
        let body = out.finish().map_err(|overflow| refuse_overflow(overflow, memory));
        Some(body.map(|body| Executed { body, reading, is_shareable: true, headers }))
    }

    /// The answer of the engine.
    async fn run(
        schema: &Schema,
        prepared: &Prepared,
        context: &RequestContext,
        present: &(impl Fn(ServerError) -> ServerError + Sync),
    ) -> Result<Executed, Refusal> {
        let operation = &prepared.operation;
        let mut request = async_graphql::Request::new(operation.text().as_ref()).variables(prepared.variables.clone());
        request.operation_name.clone_from(&operation.operation.name);
        request.set_parsed_query(operation.document.clone());
        let response = schema.execute(request.data(context.clone())).await;
        let memory = context.asking.state.response_memory();
        prepared.count(context.budget.cost());
        // A mutation that stopped there has been undone, and tells so in its place; others beside it have not.
        if let Some(overflow) = context.budget.overflow()
            && prepared.is_query()
        {
            return Err(refuse_overflow(overflow, memory));
        }
        let is_shareable = response.errors.is_empty() && response.http_headers.is_empty();
        let mut headers = response.http_headers;
        let mut body = Writer::new(memory, usize::MAX);
        body.raw(b"{");
        if !response.errors.is_empty() {
            // Errors come first, as the specification suggests, so that they are hard to overlook.
            let errors: Vec<ServerError> = response.errors.into_iter().map(present).collect();
            if let Some(seconds) = retry_after(&errors) {
                headers.insert(header::RETRY_AFTER, seconds.into());
            }
            body.raw(br#""errors":"#);
            append(&mut body, &errors)?;
            body.raw(b",");
        }
        body.raw(br#""data":"#);
        append(&mut body, &response.data)?;
        // The values are gone before the response is sent.
        drop(response.data);
        let reading = Arc::clone(&context.asking.reading);
        Self::close(&mut body, prepared, &reading, &headers);
        let body = body.finish().map_err(|overflow| refuse_overflow(overflow, memory))?;
        Ok(Executed { body, reading, is_shareable, headers })
    }

    /// Ends the body of a response with what it cost, on request with what it depends on, and with the token of the change
    /// that it made, for clients that do not get to see headers.
    fn close(body: &mut Writer, prepared: &Prepared, reading: &Reading, headers: &HeaderMap) {
        let (estimate, counted) = (prepared.cost, prepared.counted.load(Ordering::Relaxed));
        let total = estimate.max(counted);
        let mut extensions =
            format!(r#","extensions":{{"cost":{{"total":{total},"estimate":{estimate},"maximum":{MAX_COST}}}"#);
        if let Some(token) = headers.get(change_token::HEADER).and_then(|token| token.to_str().ok()) {
            extensions += &format!(r#","changeToken":{}"#, Value::from(token));
        }
        if prepared.wants_tags() {
            extensions += &format!(r#","cacheTags":{}"#, Value::from(reading.tags()));
        }
        extensions += "}}";
        body.raw(extensions.as_bytes());
    }
}

impl Executed {
    /// The response to the one who asked.
    pub fn into_response(self, media_type: MediaType) -> Response {
        let mut response = response(media_type, self.body);
        // Headers of this module stand: a resolver may add to them, not change the type of the body.
        for (name, value) in &self.headers {
            if name != header::CONTENT_TYPE {
                response.headers_mut().append(name, value.clone());
            }
        }
        response
    }
}

/// What to ask again when an answer turned out to read more than was there for it, or nothing.
///
/// # Errors
/// When it reads more than one may: its cost could not tell. When the database cannot be read.
async fn complete(asking: &Asking) -> Result<Option<Asking>, Refusal> {
    let Asking { state, reading } = asking;
    let reading = if reading.is_exhausted() {
        let exceeded = LimitExceeded { limit: "children", maximum: MAX_CHILDREN, actual: MAX_CHILDREN + 1 };
        reading.enlarge().ok_or(exceeded)?
    } else if reading.is_incomplete() {
        reading.fetch(state.database()).await?
    } else {
        return Ok(None);
    };
    Ok(Some(Asking { state: state.clone(), reading: Arc::new(reading) }))
}

/// Appends a value as JSON.
fn append(body: &mut Writer, value: &impl Serialize) -> Result<(), Refusal> {
    match serde_json::to_writer(&mut *body, value) {
        // Why it has stopped is told when the body is finished.
        Err(error) if body.overflow().is_none() => {
            tracing::error!(%error, "a GraphQL response cannot be encoded");
            Err(Refusal::new(Code::Internal, "internal error"))
        }
        _ => Ok(()),
    }
}

/// Refuses a request whose response is not written to its end.
pub(super) fn refuse_overflow(overflow: Overflow, memory: &ResponseMemory) -> Refusal {
    let exceeded = |limit, maximum: usize| LimitExceeded { limit, maximum, actual: maximum.saturating_add(1) };
    match overflow {
        Overflow::TooLong => exceeded("response_bytes", memory.max_response()).into(),
        Overflow::TooExpensive => exceeded("cost", MAX_COST).into(),
        Overflow::OutOfMemory | Overflow::Abandoned => overflow.error(memory).into(),
    }
}

/// Those who are signed in do not wait for strangers; and they use the database, so that others would wait for the connections that
/// they hold at idle priority.
const fn priority(caller: &Caller) -> Priority {
    if caller.credential.is_some() { Priority::Normal } else { Priority::Idle }
}

/// The HTTP status of a refusal. Clients that take `application/json` expect 200 for everything that came out of
/// GraphQL, however it ended, so that they can tell it from an answer of some proxy.
const fn status(code: Code, media_type: MediaType) -> StatusCode {
    match (code, media_type) {
        (
            Code::GraphqlParseFailed
            | Code::GraphqlValidationFailed
            | Code::OperationResolutionFailure
            | Code::DocumentNotFound
            | Code::PersistedQueryNotFound
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
    /// Seconds after which the same request may be sent again.
    retry_after: Option<i64>,
}

impl Refusal {
    /// Refuses with one error.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, errors: vec![with_code(ServerError::new(message, None), code)], allow: None, retry_after: None }
    }

    /// Refuses the method, and says which ones the address or the operation takes.
    pub fn method(allow: &'static str, message: &str) -> Self {
        Self { allow: Some(allow), ..Self::new(Code::MethodNotAllowed, message) }
    }

    /// The code that decides on the HTTP status.
    pub const fn code(&self) -> Code {
        self.code
    }

    /// What is wrong, each with its place in the document if it has one.
    pub fn messages(&self) -> impl Iterator<Item = String> {
        self.errors.iter().map(|error| match error.locations.first() {
            Some(place) => format!("{}:{}: {}", place.line, place.column, error.message),
            None => error.message.clone(),
        })
    }

    /// The response, without a `data` member. For `present` see [`Service::execute`].
    pub fn into_response(self, media_type: MediaType, present: impl Fn(ServerError) -> ServerError) -> Response {
        let errors: Vec<ServerError> = self.errors.into_iter().map(present).map(shorten).collect();
        let retry_after = self.retry_after.or_else(|| retry_after(&errors)?.try_into().ok());
        let mut response = match serde_json::to_vec(&HashMap::from([("errors", errors)])) {
            Ok(body) => response(media_type, body).with_status(status(self.code, media_type)).into_response(),
            Err(_) => response(media_type, INTERNAL_SERVER_ERROR)
                .with_status(StatusCode::INTERNAL_SERVER_ERROR)
                .into_response(),
        };
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        if let Some(allow) = self.allow {
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
        }
        response
    }
}

impl From<Error> for Refusal {
    /// Said in the language of the client, and logged, where the error is presented.
    fn from(error: Error) -> Self {
        let mut refusal = Self::new(error.code(), error.to_string());
        for told in &mut refusal.errors {
            told.source = Some(Arc::new(error.clone()));
        }
        refusal
    }
}

impl From<Exceeded> for Refusal {
    fn from(exceeded: Exceeded) -> Self {
        Self { retry_after: Some(exceeded.reset), ..Error::QuotaExceeded(exceeded.reset).into() }
    }
}

impl From<RequestError> for Refusal {
    fn from(RequestError { code, errors }: RequestError) -> Self {
        Self { code, errors, allow: None, retry_after: None }
    }
}

impl From<LimitExceeded> for Refusal {
    fn from(exceeded: LimitExceeded) -> Self {
        RequestError::from(exceeded).into()
    }
}

/// Refuses a mutation that came by GET.
fn check_operation_type(kind: OperationType, method: &Method) -> Result<(), Refusal> {
    if kind == OperationType::Mutation && method == Method::GET {
        return Err(Refusal::method("POST", "A mutation must be sent with POST."));
    }
    Ok(())
}

/// After how many seconds it is worth asking again, when something was missing that comes back by itself.
fn retry_after(errors: &[ServerError]) -> Option<u64> {
    let code = |error: &ServerError| match error.extensions.as_ref()?.get("code")? {
        async_graphql::Value::String(code) => Code::ALL.iter().copied().find(|known| known.as_str() == code),
        _ => None,
    };
    errors.iter().filter_map(code).filter_map(Code::retry_after).max()
}

/// A response of this type.
pub fn response(media_type: MediaType, body: impl Into<poem::Body>) -> Response {
    Response::builder()
        .header(header::CONTENT_TYPE, media_type.content_type())
        .header(header::VARY, HeaderValue::from_static("Accept"))
        .body(body)
}

/// The body of a response when everything else failed.
pub const INTERNAL_SERVER_ERROR: &str = r#"{"errors":[{"message":"internal error","extensions":{"code":"INTERNAL"}}]}"#;
