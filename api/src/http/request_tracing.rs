//! What every request has: a name, a line in the log when it has ended, and the headers of every answer.
//!
//! A request ends with its answer, or when its client hangs up. Then hyper drops the future that would have answered it,
//! so the line is written when that is dropped; by [`Arrival`], if the client was gone before anybody looked at the request.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use poem::{
    Endpoint, Request, Response,
    http::{HeaderValue, Method, StatusCode, Uri, header},
};
use tokio::time::Instant;

use super::{
    caller::{self, RequestId},
    server::Connections,
};
use crate::{graphql::request::Operation, state::State};

/// The most characters that the log keeps of what a client chose: a path, or the name of an operation.
const LOGGED_CHARS: usize = 200;

/// How many clients have hung up before they had their answer.
#[derive(Clone, Debug, Default)]
pub(super) struct HungUp(Arc<AtomicU64>);

impl HungUp {
    /// The number.
    pub(super) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// `endpoint`, as everything that is served is: named, logged, with the headers of every answer. By itself it is for what
/// is held against the application (`tests/benches/delivery/`).
pub fn observed<E: Endpoint>(state: &State, endpoint: E) -> impl Endpoint<Output = Response> + use<E> {
    counting(state, HungUp::default(), endpoint)
}

/// The same, counting the clients that hang up.
pub(super) fn counting<E: Endpoint>(
    state: &State,
    hung_up: HungUp,
    endpoint: E,
) -> impl Endpoint<Output = Response> + use<E> {
    RequestTracing { inner: endpoint, state: state.clone(), hung_up }
}

struct RequestTracing<E> {
    inner: E,
    state: State,
    hung_up: HungUp,
}

impl<E: Endpoint> Endpoint for RequestTracing<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let id = caller::request_id(&self.state, &request);
        request.extensions_mut().insert(id.clone());
        let mut entry = Entry {
            started: Instant::now(),
            id,
            method: request.method().clone(),
            uri: request.uri().clone(),
            hung_up: Some(&self.hung_up),
        };
        let is_head = request.method() == Method::HEAD;
        if is_head {
            request.set_method(Method::GET);
        }
        let mut response = self.inner.get_response(request).await;
        if is_head {
            drop_body(&mut response).await;
        }
        entry.end(&response);
        let headers = response.headers_mut();
        if let Ok(id) = HeaderValue::from_str(entry.id.as_str()) {
            headers.insert(caller::REQUEST_ID, id);
        }
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        Ok(response)
    }
}

/// Leaves of the answer to GET what HEAD is answered: the headers, the length of the body among them, wherever one asks
/// (RFC 9110, section 9.3.2).
async fn drop_body(response: &mut Response) {
    let Ok(body) = response.take_body().into_bytes().await else { return };
    // Its answer to GET has no body either.
    if response.status() != StatusCode::NOT_MODIFIED {
        response.headers_mut().insert(header::CONTENT_LENGTH, body.len().into());
    }
}

/// The line of one request in the log. No query string, no body, no header: a token, a password or an address could stand
/// there.
struct Entry<'a> {
    started: Instant,
    id: RequestId,
    method: Method,
    uri: Uri,
    /// Nothing once the request is answered.
    hung_up: Option<&'a HungUp>,
}

impl Entry<'_> {
    fn end(&mut self, response: &Response) {
        self.hung_up = None;
        let operation = response.extensions().get::<Operation>().and_then(|operation| operation.name.as_deref());
        tracing::info!(
            request.id = self.id.as_str(),
            http.method = %self.method,
            http.path = excerpt(self.uri.path()),
            http.status = response.status().as_u16(),
            graphql.operation = operation.map(excerpt),
            duration_ms = self.elapsed(),
            "request"
        );
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        if let Some(hung_up) = self.hung_up {
            hung_up.0.fetch_add(1, Ordering::Relaxed);
            tracing::info!(
                request.id = self.id.as_str(),
                http.method = %self.method,
                http.path = excerpt(self.uri.path()),
                client.hung_up = true,
                duration_ms = self.elapsed(),
                "request"
            );
        }
    }
}

/// A request that has arrived and that nobody has looked at. Without a name: that is given where it is looked at.
pub(super) struct Arrival {
    /// Nothing once it is looked at.
    unseen: Option<(Method, Uri)>,
    connections: Connections,
}

impl Arrival {
    /// Of this request.
    pub(super) fn new<B>(request: &hyper::Request<B>, connections: Connections) -> Self {
        Self { unseen: Some((request.method().clone(), request.uri().clone())), connections }
    }

    /// From now on [`Entry`] has an eye on it.
    pub(super) fn is_seen(&mut self) {
        self.unseen = None;
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        if let Some((method, uri)) = &self.unseen {
            self.connections.count_hung_up();
            tracing::info!(http.method = %method, http.path = excerpt(uri.path()), client.hung_up = true, "request");
        }
    }
}

/// The beginning of a text.
fn excerpt(text: &str) -> &str {
    text.char_indices().nth(LOGGED_CHARS).map_or(text, |(end, _)| &text[..end])
}
