//! From the headers of a request to the caller: token, request id, network.

use std::net::{IpAddr, SocketAddr};

use poem::{Request, http::header};

use crate::{
    access::{Caller, token},
    error::{Error, Result},
    state::State,
};

/// The header that names a request, in both directions.
pub(super) const REQUEST_ID: &str = "x-request-id";
/// The most characters of a request id that a client may choose.
const MAX_REQUEST_ID: usize = 64;

/// The name of a request: the client's if it is harmless to log, else a new one.
pub(super) fn request_id(state: &State, request: &Request) -> String {
    let harmless = |id: &&str| {
        (1..=MAX_REQUEST_ID).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    request.header(REQUEST_ID).filter(harmless).map_or_else(|| state.new_id().to_string(), str::to_owned)
}

/// Who sends the request.
///
/// # Errors
/// [`Error::Unauthenticated`] when there is an `Authorization` header and it does not hold one valid access token: a
/// caller whose token has expired must learn so, not silently become anonymous.
pub(super) fn identify(state: &State, request: &Request, request_id: String) -> Result<Caller> {
    let mut authorizations = request.headers().get_all(header::AUTHORIZATION).iter();
    let claims = match (authorizations.next(), authorizations.next()) {
        (None, _) => None,
        (Some(_), Some(_)) => return Err(Error::Unauthenticated),
        (Some(authorization), None) => {
            let authorization = authorization.to_str().map_err(|_| Error::Unauthenticated)?;
            let (scheme, token) = authorization.split_once(' ').ok_or(Error::Unauthenticated)?;
            if !scheme.eq_ignore_ascii_case("bearer") {
                return Err(Error::Unauthenticated);
            }
            Some(token::verify(state, token.trim())?)
        }
    };
    Ok(Caller { claims, request_id, network: network(state, request) })
}

/// An address, with or without a port.
fn parse_address(text: &str) -> Option<IpAddr> {
    text.parse().or_else(|_| text.parse().map(|address: SocketAddr| address.ip())).ok()
}

/// The network that a request comes from; empty when it cannot be told.
fn network(state: &State, request: &Request) -> String {
    let proxies = usize::from(state.config().trusted_proxies);
    let address = if proxies == 0 {
        request.remote_addr().as_socket_addr().map(SocketAddr::ip)
    } else {
        let forwarded = request.headers().get_all("x-forwarded-for").iter();
        let addresses: Vec<&str> =
            forwarded.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).collect();
        // Only what our own proxies appended can be trusted; whatever stands further left, a client may have made up.
        addresses.iter().rev().nth(proxies - 1).and_then(|address| parse_address(address.trim()))
    };
    match address.map(|address| address.to_canonical()) {
        Some(IpAddr::V4(address)) => address.to_string(),
        // One household or ward gets a /64; its addresses change by the hour.
        Some(IpAddr::V6(address)) => format!("{:x?}", &address.segments()[..4]),
        None => String::new(),
    }
}
