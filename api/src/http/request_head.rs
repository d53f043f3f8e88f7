//! What HTTP/1.1 demands of a request head and hyper leaves to its users (RFC 9110, RFC 9112).
//!
//! hyper itself refuses a body whose length it cannot tell: several lengths that differ, or a transfer coding that does not
//! end in `chunked`; and it closes the connection after a request with both. What passed the door of one server and means
//! something else to the next one is how requests are smuggled, so nothing is guessed here.

use hyper::{
    Request, Version,
    header::{HOST, TRANSFER_ENCODING},
};
use poem::http::{HeaderMap, HeaderValue, Method};

use super::graphql::Refusal;
use crate::error::{Code, Error};

/// Why a request that arrived is not to be carried out. Found in its extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Objection {
    /// Its head breaks a rule of HTTP.
    Malformed(&'static str),
    /// There are too many connections; only the health of the process is told.
    TooManyConnections,
}

impl Objection {
    /// The refusal of a request for this path; nothing where it is answered all the same.
    pub fn refuses(self, path: &str) -> Option<Refusal> {
        match self {
            Self::Malformed(message) => Some(Refusal::new(Code::BadRequest, message)),
            Self::TooManyConnections if path == "/healthz" => None,
            Self::TooManyConnections => Some(Error::Overloaded.into()),
        }
    }
}

/// Nothing, if the head is well-formed.
pub fn check<B>(request: &Request<B>) -> Option<Objection> {
    let headers = request.headers();
    malformed_host(request.version(), headers)
        .or_else(|| malformed_target(request))
        .or_else(|| malformed_coding(headers))
        .map(Objection::Malformed)
}

fn malformed_host(version: Version, headers: &HeaderMap) -> Option<&'static str> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if version >= Version::HTTP_11 => Some("The header Host is missing."),
        (None, _) => None,
        (Some(_), Some(_)) => Some("The header Host must stand once."),
        // An empty one is for targets without an authority.
        (Some(host), None) => (!host.as_bytes().iter().copied().all(is_of_host))
            .then_some("The header Host must be a host, with or without a port."),
    }
}

/// Whether a host or port may have it (RFC 3986, section 3.2); user information is not for this header.
const fn is_of_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'%' | b'!' | b'$'..=b',' | b':' | b';' | b'=' | b'[' | b']')
}

/// The target is a path, or a URL of this scheme as proxies get it.
fn malformed_target<B>(request: &Request<B>) -> Option<&'static str> {
    let uri = request.uri();
    let is_http = uri.scheme_str().is_none_or(|scheme| ["http", "https"].contains(&scheme));
    let is_path = uri.path().starts_with('/') || (*request.method() == Method::OPTIONS && uri.path() == "*");
    (!is_http || !is_path).then_some("The target of the request must be a path or an http URL.")
}

fn malformed_coding(headers: &HeaderMap) -> Option<&'static str> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let is_chunked = |coding: &HeaderValue| coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked");
    match (codings.next(), codings.next()) {
        (None, _) => None,
        (Some(coding), None) if is_chunked(coding) => None,
        _ => Some("The only transfer coding that is read is chunked."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_with_or_without_a_port() {
        for (host, is_good) in [
            ("almanac.example.org", true),
            ("127.0.0.1:8080", true),
            ("[::1]:8080", true),
            ("", true),
            ("a b", false),
            ("user@almanac.example.org", false),
            ("almanac.example.org/x", false),
        ] {
            let headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static(host))]);
            assert_eq!(malformed_host(Version::HTTP_11, &headers).is_none(), is_good, "{host}");
        }
    }
}
