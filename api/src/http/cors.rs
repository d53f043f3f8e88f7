//! Cross-origin resource sharing: which web pages of other origins may read responses.
//!
//! poem has a middleware for this, but it reflects every origin when none is configured, refuses requests from the
//! server's own pages, and replaces the `Vary` header. What does not belong here: who the caller is. A page that may
//! read responses still has to authenticate.

use poem::{
    Endpoint, Middleware, Request, Response, Result,
    http::{HeaderValue, Method, StatusCode, Uri, header},
};

const METHODS: &str = "GET, HEAD, POST, OPTIONS";
const REQUEST_HEADERS: &str =
    "accept, almanac-change-token, almanac-preview, authorization, content-type, idempotency-key, x-request-id";
const RESPONSE_HEADERS: &str =
    "almanac-change-token, almanac-snapshot-age, etag, ratelimit, ratelimit-policy, retry-after, x-request-id";
/// Seconds for which a browser may remember a preflight; browsers cap it at two hours or less.
const MAX_AGE: &str = "7200";

/// The origins whose pages may read responses, as a middleware.
#[derive(Clone, Debug)]
pub struct Cors {
    origins: Origins,
}

#[derive(Clone, Debug)]
enum Origins {
    Any,
    Only(Vec<HeaderValue>),
}

/// An entry of the list of allowed origins cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOrigin {
    /// It is not what a browser would send.
    #[error(
        "\"{0}\" is not an origin: write it as a browser sends it, such as https://example.com or http://localhost:3000."
    )]
    Malformed(String),
    /// The wildcard leaves nothing for other entries to say.
    #[error("\"*\" allows every origin and must be the only entry.")]
    WildcardNotAlone,
}

impl Cors {
    /// Allows exactly these origins, or every origin if the only entry is `*`. An empty list allows none.
    ///
    /// Listed origins may send cookies along; with `*` no browser sends any.
    pub fn new(allowed_origins: &[impl AsRef<str>]) -> Result<Self, InvalidOrigin> {
        let allowed_origins: Vec<&str> = allowed_origins.iter().map(AsRef::as_ref).collect();
        let origins = match allowed_origins[..] {
            ["*"] => Origins::Any,
            _ if allowed_origins.contains(&"*") => return Err(InvalidOrigin::WildcardNotAlone),
            _ => Origins::Only(allowed_origins.into_iter().map(parse_origin).collect::<Result<_, _>>()?),
        };
        Ok(Self { origins })
    }

    /// The response to a browser that asks beforehand; nothing when it does not.
    pub fn preflight(&self, request: &Request) -> Option<Response> {
        let is_preflight = request.method() == Method::OPTIONS
            && request.headers().contains_key(header::ORIGIN)
            && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if !is_preflight || matches!(&self.origins, Origins::Only(allowed) if allowed.is_empty()) {
            return None;
        }
        let mut response = Response::builder()
            .status(StatusCode::NO_CONTENT)
            .header(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS)
            .header(header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS)
            .header(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE)
            .finish();
        self.mark(request, &mut response);
        Some(response)
    }

    /// Adds to a response what the browser must know about the origin of its request.
    pub fn mark(&self, request: &Request, response: &mut Response) {
        self.mark_for(request.headers().get(header::ORIGIN), response);
    }

    fn mark_for(&self, origin: Option<&HeaderValue>, response: &mut Response) {
        let headers = response.headers_mut();
        match &self.origins {
            Origins::Only(allowed) if allowed.is_empty() => return,
            Origins::Any => {
                headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            }
            Origins::Only(allowed) => {
                // A cache must not hand the response to another origin, whichever came first.
                headers.append(header::VARY, HeaderValue::from_static("Origin"));
                let Some(origin) = origin.filter(|origin| allowed.contains(origin)) else { return };
                headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
                headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            }
        }
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(RESPONSE_HEADERS));
    }
}

/// Reads an origin in the one spelling that browsers use: lower case, no path, no default port.
fn parse_origin(origin: &str) -> Result<HeaderValue, InvalidOrigin> {
    let malformed = || InvalidOrigin::Malformed(origin.to_owned());
    let uri: Uri = origin.parse().map_err(|_| malformed())?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Err(malformed()) };
    let default_port = if scheme == "https" { 443 } else { 80 };
    let canonical = format!("{scheme}://{}", authority.as_str().to_ascii_lowercase());
    if canonical != origin || authority.as_str().contains('@') || authority.port_u16() == Some(default_port) {
        return Err(malformed());
    }
    HeaderValue::from_str(origin).map_err(|_| malformed())
}

impl<E: Endpoint> Middleware<E> for Cors {
    type Output = CorsEndpoint<E>;

    fn transform(&self, endpoint: E) -> Self::Output {
        CorsEndpoint { cors: self.clone(), endpoint }
    }
}

/// An endpoint with [`Cors`] around it.
pub struct CorsEndpoint<E> {
    cors: Cors,
    endpoint: E,
}

impl<E: Endpoint> Endpoint for CorsEndpoint<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        if let Some(preflight) = self.cors.preflight(&request) {
            return Ok(preflight);
        }
        let origin = request.headers().get(header::ORIGIN).cloned();
        let mut response = self.endpoint.get_response(request).await;
        self.cors.mark_for(origin.as_ref(), &mut response);
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_written_as_browsers_send_them() {
        for origin in ["https://example.com", "http://localhost:3000", "https://[::1]:8443"] {
            assert!(Cors::new(&[origin]).is_ok(), "{origin}");
        }
        for origin in [
            "",
            "null",
            "example.com",
            "https://example.com/",
            "https://Example.com",
            "https://example.com:443",
            "http://example.com:80",
            "https://user@example.com",
            "https://example.com/path",
            "https://example.com?",
        ] {
            assert!(Cors::new(&[origin]).is_err(), "{origin}");
        }
        assert_eq!(Cors::new(&["*", "https://example.com"]).err(), Some(InvalidOrigin::WildcardNotAlone));
    }
}
