//! The door: routes, and what a request carries before any resolver sees it.
//!
//! `graphql` speaks GraphQL over HTTP, `server` accepts connections, `cors` decides which pages may read answers. What a
//! request may ask for is decided in `schema/limits.rs`, what it may do in `access.rs`.

mod caller;
mod cors;
mod figures;
mod graphql;
mod media_type;
mod parameters;
pub mod server;

use std::time::Duration;

use poem::{
    Endpoint, EndpointExt, IntoResponse, Request, Response, Route, get, handler,
    http::{HeaderValue, StatusCode, header},
    web::{Data, Json},
};
use serde_json::json;
use tokio::time::{Instant, timeout};

pub use self::cors::InvalidOrigin;
use self::{
    cors::Cors,
    figures::Figures,
    graphql::{Operation, Refusal, Service},
    media_type::MediaType,
    parameters::BodySettings,
};
use crate::{
    access::audit::sha256,
    document::preview,
    error::{Code, Error, Result},
    graphql::RequestContext,
    idempotency::KeyedRequest,
    schema::{self, limits::Limits},
    state::State,
};

/// The header that bears the token of a preview.
pub const PREVIEW: &str = "almanac-preview";
/// Time in which a request body must have arrived.
const BODY_TIMEOUT: Duration = Duration::from_secs(20);
/// Time in which the database must answer to count as reachable; probes are impatient.
const READY_TIMEOUT: Duration = Duration::from_secs(1);

/// Everything that is served, as one endpoint: for the accept loop and for tests alike.
///
/// # Errors
/// When `--allowed-origins` names something that is no origin.
pub fn app(state: &State) -> Result<impl Endpoint<Output = Response> + 'static> {
    let body = BodySettings {
        limit: usize::try_from(state.config().max_body_bytes).map_err(Error::internal)?,
        timeout: BODY_TIMEOUT,
    };
    let service = Service::new(schema::schema(state.clone()), Limits::default(), body).map_err(Error::internal)?;
    let cors = Cors::new(&state.config().allowed_origins).map_err(Error::internal)?;
    let routes = Route::new()
        .at("/graphql", Graphql { service, state: state.clone() })
        .at("/figures/:name", Figures::new(state.clone()))
        .at("/healthz", get(healthz))
        .at("/readyz", get(readyz))
        .at("/.well-known/jwks.json", get(jwks))
        .catch_all_error(async |error| unrouted(&error))
        .with(cors)
        .data(state.clone());
    Ok(Observed { inner: routes, state: state.clone() })
}

/// The name of a request, for everything that looks at it.
#[derive(Clone)]
struct RequestId(String);

/// Names each request, logs how it ended, and adds the headers that every answer has.
struct Observed<E> {
    inner: E,
    state: State,
}

impl<E: Endpoint> Endpoint for Observed<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let started = Instant::now();
        let id = caller::request_id(&self.state, &request);
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        request.extensions_mut().insert(RequestId(id.clone()));
        let mut response = self.inner.get_response(request).await;
        // No query string, no body, no header: a token, a password or an address could stand there.
        tracing::info!(
            request.id = id,
            http.method = %method,
            http.path = path,
            http.status = response.status().as_u16(),
            graphql.operation = response.extensions().get::<Operation>().and_then(|operation| operation.name.as_deref()),
            duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            "request"
        );
        let headers = response.headers_mut();
        if let Ok(id) = HeaderValue::from_str(&id) {
            headers.insert(caller::REQUEST_ID, id);
        }
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        Ok(response)
    }
}

/// `/graphql`.
struct Graphql {
    service: Service,
    state: State,
}

impl Endpoint for Graphql {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let id = request.extensions().get::<RequestId>().map_or_else(String::new, |id| id.0.clone());
        let media_type = MediaType::negotiate(request.headers()).unwrap_or(MediaType::Json);
        let (context, key) = match self.prepare(&request, &id).await {
            Ok(prepared) => prepared,
            Err(refusal) => {
                let mut response = refusal.into_response(media_type, |error| error);
                if response.status() == StatusCode::UNAUTHORIZED {
                    let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
                    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
                }
                private(&mut response);
                return Ok(response);
            }
        };
        let present = |error| schema::present(error, &id);
        let prepare = |request: async_graphql::Request| {
            let idempotency = key.map(|key| KeyedRequest { key, fingerprint: fingerprint(&request) });
            request.data(RequestContext { idempotency, ..context })
        };
        let mut response = self.service.respond(request, prepare, present).await;
        // Nothing is shared until answers carry what it takes to keep them fresh.
        private(&mut response);
        Ok(response)
    }
}

impl Graphql {
    /// What the headers of a request say: who asks, what they see, and the idempotency key.
    async fn prepare(&self, request: &Request, id: &str) -> Result<(RequestContext, Option<String>), Refusal> {
        let refuse = |error: Error| {
            schema::log(&error, id);
            Refusal::new(error.code(), error.to_string())
        };
        let caller = caller::identify(&self.state, request, id.to_owned()).await.map_err(refuse)?;
        let key = caller::idempotency_key(request).map_err(|message| Refusal::new(Code::BadRequest, message))?;
        let snapshot = match request.header(PREVIEW) {
            Some(token) => preview::snapshot(&self.state, token).await.map_err(refuse)?,
            None => self.state.snapshot(),
        };
        Ok((RequestContext { caller, snapshot, idempotency: None }, key))
    }
}

/// SHA-256 of everything that a request asks for: document, operation and variables.
fn fingerprint(request: &async_graphql::Request) -> String {
    let parts = (&request.query, &request.operation_name, &request.variables);
    // They came in as JSON, so they can go out as JSON.
    sha256(&serde_json::to_vec(&parts).unwrap_or_default())
}

fn private(response: &mut Response) {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
}

/// The process is alive.
#[handler]
fn healthz() -> Json<serde_json::Value> {
    Json(json!({ "status": "ok" }))
}

/// The process can do its work: the database answers. Reads go on without it.
#[handler]
async fn readyz(state: Data<&State>) -> Response {
    match timeout(READY_TIMEOUT, state.database().ping()).await {
        Ok(Ok(())) => Json(json!({ "status": "ok", "change": state.snapshot().seq })).into_response(),
        _ => Json(json!({ "status": "database unreachable", "change": state.snapshot().seq }))
            .with_status(StatusCode::SERVICE_UNAVAILABLE)
            .into_response(),
    }
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
        StatusCode::METHOD_NOT_ALLOWED => (Code::MethodNotAllowed, "this address does not serve this method"),
        StatusCode::NOT_FOUND => (Code::NotFoundPath, "there is nothing at this address"),
        _ => (Code::Internal, "internal error"),
    };
    Refusal::new(code, message).into_response(MediaType::Json, |error| error)
}
