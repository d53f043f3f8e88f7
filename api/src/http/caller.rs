//! From the headers of a request to the caller: token, request id, network.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use poem::{Request, http::header};

use crate::{
    access::{Caller, Credential, api_token, identity, token},
    error::{Error, Result},
    idempotency,
    state::State,
    transaction::Origin,
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
/// [`Error::Unauthenticated`] when there is an `Authorization` header and it does not hold one valid token: a caller
/// whose token has expired must learn so, not silently become anonymous.
pub(super) async fn identify(state: &State, request: &Request, request_id: String) -> Result<Caller> {
    let address = address(state, request);
    let mut caller = Caller {
        credential: None,
        network: address.map(network).unwrap_or_default(),
        origin: Origin { request_id: Some(request_id), network: address.map(prefix), api_token: None },
    };
    let mut authorizations = request.headers().get_all(header::AUTHORIZATION).iter();
    match (authorizations.next(), authorizations.next()) {
        (None, _) => {}
        (Some(_), Some(_)) => return Err(Error::Unauthenticated),
        (Some(authorization), None) => {
            let authorization = authorization.to_str().map_err(|_| Error::Unauthenticated)?;
            let (scheme, token) = authorization.split_once(' ').ok_or(Error::Unauthenticated)?;
            if !scheme.eq_ignore_ascii_case("bearer") {
                return Err(Error::Unauthenticated);
            }
            let token = token.trim();
            caller.credential = Some(if token.starts_with(api_token::PREFIX) {
                let id = api_token::identify(state, token).await?;
                caller.origin.api_token = Some(id);
                Credential::ApiToken(id)
            } else {
                match token::verify(state, token) {
                    Ok(claims) => Credential::Session(claims),
                    Err(_) if !state.issuers().is_empty() => {
                        Credential::Foreign(identity::account(state, &caller.origin, token).await?)
                    }
                    Err(error) => return Err(error),
                }
            });
        }
    }
    Ok(caller)
}

/// The idempotency key of a request, as the client made it up.
///
/// # Errors
/// A message for the client when it is no key.
pub(super) fn idempotency_key(request: &Request) -> Result<Option<String>, &'static str> {
    let mut keys = request.headers().get_all("idempotency-key").iter();
    match (keys.next(), keys.next()) {
        (None, _) => Ok(None),
        (Some(key), None) => match key.to_str() {
            Ok(key) if (1..=idempotency::MAX_KEY).contains(&key.len()) => Ok(Some(key.to_owned())),
            _ => Err("The header Idempotency-Key must have 1 to 255 visible ASCII characters."),
        },
        (Some(_), Some(_)) => Err("The header Idempotency-Key must stand once."),
    }
}

/// An address, with or without a port.
fn parse_address(text: &str) -> Option<IpAddr> {
    text.parse().or_else(|_| text.parse().map(|address: SocketAddr| address.ip())).ok()
}

/// The address that a request comes from, if it can be told.
fn address(state: &State, request: &Request) -> Option<IpAddr> {
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
    address.map(|address| address.to_canonical())
}

/// The network that a request comes from, as [`Caller::network`] has it.
pub(super) fn network_of(state: &State, request: &Request) -> String {
    address(state, request).map(network).unwrap_or_default()
}

/// What counts as one client when attempts are counted.
fn network(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        // One household or ward gets a /64; its addresses change by the hour.
        IpAddr::V6(address) => format!("{:x?}", &address.segments()[..4]),
    }
}

/// What the audit log keeps of an address: enough to tell the ward from the world, too little to name a person.
fn prefix(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            format!("{}/48", Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
        }
    }
}
