//! The door: routes, and what a request carries before any resolver sees it.
//!
//! `graphql` speaks GraphQL over HTTP, `documents` finds the document that is asked for, `server` accepts connections, `cors` decides which pages may
//! read answers. What a request asks for is read in `graphql/request.rs`, how much it may ask for is decided in `schema/limits.rs`, what it may
//! do in `access.rs`.

mod bodies;
mod caller;
mod cors;
mod documents;
mod figures;
mod freshness;
mod graphql;
mod language;
mod media_type;
mod meter;
mod metrics;
mod parameters;
mod request_head;
mod request_tracing;
pub mod server;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use poem::{
    Endpoint, EndpointExt, IntoResponse, Request, Response, Route, get, handler,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    web::{Data, Json},
};
use serde_json::json;
use tokio::time::timeout;

pub(crate) use self::graphql::Service;
use self::{
    bodies::BodyMemory,
    caller::RequestId,
    cors::Cors,
    documents::Resolver,
    figures::Figures,
    graphql::{Executed, Prepared, Refusal},
    media_type::{MediaType, codings},
    meter::Meter,
    parameters::{BodySettings, Received, RequestedDocument},
    request_head::Objection,
    request_tracing::HungUp,
};
pub use self::{cors::InvalidOrigin, request_tracing::observed};
use crate::{
    access::{Caller, Credential, audit::sha256},
    database::Failure,
    delivery::{
        answer::{Answer, Coding},
        change_token, documents as trusted,
        snapshot::Snapshot,
    },
    error::{Code, Error, Result},
    graphql::{Asking, Budget, RequestContext},
    idempotency::KeyedRequest,
    schema::{self, MAX_COST, limits::Limits},
    state::State,
};

/// [`change_token::HEADER`], read once.
const CHANGE_TOKEN: HeaderName = HeaderName::from_static(change_token::HEADER);
/// The header that bears the token of a preview.
pub const PREVIEW: HeaderName = HeaderName::from_static("almanac-preview");
/// Time in which a request body must have arrived.
const BODY_TIMEOUT: Duration = Duration::from_secs(20);
/// Bytes of memory for request bodies, all together; more where a single one may take a large part of that.
const BODY_MEMORY: usize = 32 * 1024 * 1024;
/// Time in which the database must answer to count as reachable; probes are impatient.
const READY_TIMEOUT: Duration = Duration::from_secs(1);

/// Everything that is served, as one endpoint: for the accept loop and for tests alike.
///
/// # Errors
/// When `--allowed-origins` names something that is no origin.
pub fn app(state: &State) -> Result<impl Endpoint<Output = Response> + 'static> {
    let limit = usize::try_from(state.config().max_body_bytes).map_err(Error::internal)?;
    let memory = BodyMemory::new(BODY_MEMORY.max(limit * 4));
    let body = BodySettings { limit, timeout: BODY_TIMEOUT, memory: memory.clone() };
    let (service, documents) = (service(state)?, Resolver::new(state.clone())?);
    let config = state.config();
    let shared = match config.shared_max_age {
        0 => "public, no-cache".to_owned(),
        age => format!("public, max-age=0, s-maxage={age}, stale-while-revalidate={}", config.stale_while_revalidate),
    };
    let shared = HeaderValue::try_from(shared).map_err(Error::internal)?;
    let cors = Cors::new(&state.config().allowed_origins).map_err(Error::internal)?;
    let graphql =
        Graphql { service, documents, body, state: state.clone(), shared, policy: meter::policy(config.rate_limit) };
    let hung_up = HungUp::default();
    let others = Route::new()
        .at("/figures/:name", Figures::new(state.clone()))
        .at("/healthz", get(healthz))
        .at("/readyz", get(readyz))
        .at("/metrics", get(metrics::metrics))
        .at("/.well-known/jwks.json", get(jwks))
        .catch_all_error(async |error| unrouted(&error))
        .with(cors.clone())
        .data(state.clone())
        .data(hung_up.clone())
        .data(memory);
    Ok(request_tracing::counting(state, hung_up, Doors { graphql, cors, others }))
}

/// `/graphql`, where nearly all requests go, beside everything else.
struct Doors<E> {
    graphql: Graphql,
    cors: Cors,
    others: E,
}

impl<E: Endpoint<Output = Response>> Endpoint for Doors<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        if let Some(objection) = request.extensions().get::<Objection>()
            && let Some(refusal) = objection.refuses(request.uri().path())
        {
            let mut response = refusal.into_response(MediaType::Json, |error| error);
            private(&mut response);
            return Ok(response);
        }
        if request.uri().path() != "/graphql" {
            // Apart, since a future is moved with everything that it may ever hold.
            return Box::pin(self.others.call(request)).await;
        }
        if let Some(preflight) = self.cors.preflight(&request) {
            return Ok(preflight);
        }
        let mut response = self.graphql.respond(&mut request).await;
        self.cors.mark(&request, &mut response);
        Ok(response)
    }
}

/// GraphQL over HTTP, as it is served and as documents are checked that are served later.
///
/// # Errors
/// When our own schema is not valid, which a test rules out.
pub(crate) fn service(state: &State) -> Result<Service> {
    Service::new(schema::schema(state.clone()), Limits::default(), state.compute_pool().clone())
}

/// `/graphql`.
struct Graphql {
    service: Service,
    documents: Resolver,
    body: BodySettings,
    state: State,
    /// The `Cache-Control` of what everybody may see.
    shared: HeaderValue,
    /// The `RateLimit-Policy`, if there is a limit.
    policy: Option<HeaderValue>,
}

impl Graphql {
    /// The response to a request, whatever becomes of it.
    async fn respond(&self, request: &mut Request) -> Response {
        let id = caller::named(&self.state, request);
        let now = self.state.now();
        let mut meter = Meter::new(&self.state, now);
        let negotiated = MediaType::negotiate(request.headers());
        let media_type = negotiated.unwrap_or(MediaType::Json);
        let answer = match negotiated {
            Some(media_type) => self.answer(request, &id, media_type, &mut meter).await,
            None => {
                let message = "The response can be application/graphql-response+json or application/json.";
                Err(Refusal::new(Code::NotAcceptable, message))
            }
        };
        let mut response = answer.unwrap_or_else(|refusal| {
            let refusal = meter.charge_refused(request).err().unwrap_or(refusal);
            let language = language::accepted(request.headers());
            let present = |error| schema::present(error, id.as_str(), language);
            let mut response = refusal.into_response(media_type, present);
            if response.status() == StatusCode::UNAUTHORIZED {
                let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
                response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
            }
            private(&mut response);
            response
        });
        freshness::mark(&self.state, now, &mut response);
        let is_shared = response.headers().get(header::CACHE_CONTROL) == Some(&self.shared);
        meter.tell(self.policy.as_ref(), is_shared, &mut response);
        response
    }

    async fn answer(
        &self,
        request: &mut Request,
        id: &RequestId,
        media_type: MediaType,
        meter: &mut Meter<'_>,
    ) -> Result<Response, Refusal> {
        let caller = caller::identify(&self.state, request, id).await?;
        meter.identify(&caller)?;
        let key = caller::idempotency_key(request).map_err(|message| Refusal::new(Code::BadRequest, message))?;
        let is_public = caller.credential.is_none() && !request.headers().contains_key(PREVIEW);
        let snapshot = freshness::snapshot(&self.state, &caller, request).await?;
        let received = Received::read(request, &self.body, caller.origin.network).await?;
        let answers = self.state.answers();
        if is_public && let Some(answer) = answers.recall(received.sent(), &snapshot) {
            meter.charge(meter::LEAST)?;
            return Ok(self.give(request, media_type, &answer, snapshot.newest()));
        }
        // Most requests have been answered by now, and a future is moved with everything that it may ever hold.
        Box::pin(self.work_out(Asked { request, id, media_type, caller, key, is_public, snapshot, received }, meter))
            .await
    }

    /// Answers what was not asked before, or what is not for everybody.
    async fn work_out(&self, asked: Asked<'_>, meter: &mut Meter<'_>) -> Result<Response, Refusal> {
        let Asked { request, id, media_type, caller, key, is_public, snapshot, received } = asked;
        let answers = self.state.answers();
        let restricted = self.documents.restricts(&caller);
        let mut depends_on_trust = restricted;
        let find = |document: RequestedDocument| {
            depends_on_trust |= !matches!(document, RequestedDocument::Text(_));
            self.documents.resolve(&self.service, document, restricted)
        };
        let asking =
            |snapshot| Asking { state: self.state.clone(), reading: Arc::new(self.state.reading_of(snapshot)) };
        let prepared = self.service.prepare(&caller, &received, find, &asking(Arc::clone(&snapshot))).await?;
        let operation = prepared.operation.operation.clone();
        let language = language::accepted(request.headers());
        let name = id.clone();
        let present = move |error| schema::present(error, name.as_str(), language);
        let is_from_memory = matches!(caller.credential, Some(Credential::ApiToken(_) | Credential::Foreign(_)));
        if !prepared.operation.is_public && is_from_memory {
            // Drafts and writes do not rely on what this process has heard of a token or an account: one that has ended is told so
            // here, too.
            caller.editor(&self.state, self.state.database().reader()).await?;
        }
        let idempotency = key.map(|key| KeyedRequest::new(key, fingerprint(&prepared)));
        let context = |snapshot| {
            // What a mutation answers is bounded in bytes alone: it is as long as what was sent asks for.
            let max_cost = if prepared.is_query() { MAX_COST } else { usize::MAX };
            let budget = Budget::new(self.state.response_memory(), max_cost);
            RequestContext { caller, asking: asking(snapshot), idempotency, budget: Arc::new(budget), language }
        };
        if !is_public || !prepared.operation.is_lasting {
            meter.charge(meter::price(&prepared))?;
            let executed = self.service.execute(&prepared, context(snapshot), present).await;
            meter.settle(prepared.excess());
            let mut response = executed?.into_response(media_type);
            private(&mut response);
            response.extensions_mut().insert(operation);
            return Ok(response);
        }

        let key = prepared.key(depends_on_trust);
        let mut response = match answers.get(&key, &snapshot).await {
            Ok(answer) => {
                meter.charge(meter::LEAST)?;
                answers.note(received.sent(), &key);
                self.give(request, media_type, &answer, snapshot.newest())
            }
            Err(turn) => {
                meter.charge(meter::price(&prepared))?;
                let executed = self.service.execute(&prepared, context(snapshot), present).await;
                meter.settle(prepared.excess());
                let executed = executed?;
                if executed.is_shareable {
                    let Executed { body, reading, .. } = executed;
                    let mut tags = reading.tags();
                    if depends_on_trust {
                        tags.push(trusted::TAG.to_owned());
                    }
                    let answer = Arc::new(Answer::new(reading.seq(), tags, body));
                    if let Some(turn) = turn {
                        turn.keep(&answer);
                        answers.note(received.sent(), &key);
                    }
                    self.give(request, media_type, &answer, reading.newest())
                } else {
                    let mut response = executed.into_response(media_type);
                    private(&mut response);
                    response
                }
            }
        };
        response.extensions_mut().insert(operation);
        Ok(response)
    }

    /// An answer that everybody may see, in the form that this client takes, or word that it has it already. It holds as of
    /// change `seq`.
    fn give(&self, request: &Request, media_type: MediaType, answer: &Answer, seq: i64) -> Response {
        let (coding, bytes) = answer.bytes(codings(request.headers()));
        let by_get = *request.method() == Method::GET;
        let is_known = by_get && names(request, answer);
        let mut response = Response::default();
        let headers = response.headers_mut();
        headers.reserve(HEADERS);
        if !is_known {
            headers.insert(header::CONTENT_TYPE, media_type.content_type());
            if coding != Coding::Identity {
                headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.as_str()));
            }
        }
        headers.insert(header::VARY, HeaderValue::from_static(VARY));
        // Whoever shows it to another process reads nothing older there.
        if let Ok(token) = HeaderValue::from_maybe_shared(Bytes::from(change_token::encode(seq.max(answer.seq())))) {
            headers.insert(CHANGE_TOKEN, token);
        }
        if by_get {
            headers.insert(header::CACHE_CONTROL, self.shared.clone());
            tag_answer(headers, answer, coding);
        } else {
            // What was posted is not for others to keep, whatever the answer.
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(PRIVATE));
        }
        if is_known {
            response.set_status(StatusCode::NOT_MODIFIED);
        } else {
            response.set_body(bytes.clone());
        }
        response
    }
}

/// A request on its way to an answer.
struct Asked<'a> {
    request: &'a Request,
    id: &'a RequestId,
    media_type: MediaType,
    caller: Caller,
    /// The idempotency key.
    key: Option<String>,
    /// Whether it is asked for what everybody may see.
    is_public: bool,
    snapshot: Arc<Snapshot>,
    received: Received,
}

/// Says which answer it is, and what it depends on: for caches that are told to forget what bears a tag.
fn tag_answer(headers: &mut HeaderMap, answer: &Answer, coding: Coding) {
    let labels = answer.labels();
    let told =
        [(header::ETAG, labels.etag(coding)), (SURROGATE_KEY, &labels.by_spaces), (CACHE_TAG, &labels.by_commas)];
    for (name, value) in told {
        if let Ok(value) = HeaderValue::from_maybe_shared(value.clone()) {
            headers.insert(name, value);
        }
    }
}

/// Whether the client says that it has this answer.
fn names(request: &Request, answer: &Answer) -> bool {
    let known = request.headers().get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    known.flat_map(|value| value.split(',')).map(str::trim).any(|etag| etag == "*" || answer.labels().is_named(etag))
}

/// SHA-256 of everything that a request asks for: document, operation and variables.
fn fingerprint(prepared: &Prepared) -> String {
    sha256(&prepared.operation.key(&prepared.variables))
}

/// The headers by which caches are told to forget, in the words of Fastly and Varnish, and of Cloudflare.
const SURROGATE_KEY: HeaderName = HeaderName::from_static("surrogate-key");
const CACHE_TAG: HeaderName = HeaderName::from_static("cache-tag");
/// Room for all headers of an answer, those added further out included.
const HEADERS: usize = 14;
/// The `Cache-Control` of what only the one who asked may see.
const PRIVATE: &str = "private, no-store";
/// What decides on an answer beside its address.
const VARY: &str = "Accept, Accept-Encoding, Authorization, Almanac-Preview";

fn private(response: &mut Response) {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(PRIVATE));
}

/// The process is alive, and goes on.
#[handler]
fn healthz(state: Data<&State>) -> Response {
    match state.failure() {
        None => Json(json!({ "status": "ok" })).into_response(),
        Some(reason) => {
            Json(json!({ "status": &*reason })).with_status(StatusCode::SERVICE_UNAVAILABLE).into_response()
        }
    }
}

/// The process can do all its work: the database answers, and can be written as far as is known. Reads go on without it,
/// and the body says how old they are.
#[handler]
async fn readyz(state: Data<&State>) -> Response {
    let broken = match timeout(READY_TIMEOUT, state.database().ping()).await {
        Ok(Ok(())) => state.database().write_failure(),
        _ => Some(Failure::Unreachable),
    };
    let failure = state.failure();
    let text = failure.as_deref().or_else(|| broken.map(Failure::as_str));
    let status = if text.is_none() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let text = text.unwrap_or("ok");
    let age = state.feed().age(state.now()).as_secs();
    let body = json!({ "status": text, "change": state.snapshot().seq, "seenSecondsAgo": age });
    Json(body).with_status(status).into_response()
}

/// The public keys of access tokens (RFC 7517).
#[handler]
fn jwks(state: Data<&State>) -> Response {
    Json(state.keys().jwks(state.now()))
        .with_content_type("application/jwk-set+json")
        .with_header(header::CACHE_CONTROL, "public, max-age=300")
        .into_response()
}

/// There is nothing at the address, or not for this method.
fn unrouted(error: &poem::Error) -> Response {
    let (code, message) = match error.status() {
        // Whatever takes other methods answers for itself.
        StatusCode::METHOD_NOT_ALLOWED => {
            return Refusal::method("GET, HEAD", "this address is for reading")
                .into_response(MediaType::Json, |error| error);
        }
        StatusCode::NOT_FOUND => (Code::NotFoundPath, "there is nothing at this address"),
        _ => (Code::Internal, "internal error"),
    };
    Refusal::new(code, message).into_response(MediaType::Json, |error| error)
}
