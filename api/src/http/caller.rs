//! From the headers of a request to the caller: token, request id, network.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use poem::{
    Request,
    http::{HeaderName, header},
};
use uuid::Uuid;

use crate::{
    access::{Caller, Credential, api_token, identity, network::Network, token},
    error::{Error, Result},
    idempotency,
    state::State,
    transaction::Origin,
};

/// The header that names a request, in both directions.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The header that makes a mutation safe to send again.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The most characters of a request id that a client may choose.
const MAX_REQUEST_ID: usize = 64;

/// The name of a request, for everything that looks at it.
#[derive(Clone, Debug)]
pub(super) struct RequestId(Arc<str>);

impl RequestId {
    /// The name.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name of a request: the client's if it is harmless to log, else a new one.
pub(super) fn request_id(state: &State, request: &Request) -> RequestId {
    let harmless = |id: &&str| {
        (1..=MAX_REQUEST_ID).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    let chosen = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()).filter(harmless);
    RequestId(match chosen {
        Some(id) => id.into(),
        None => Arc::from(&*state.new_id().hyphenated().encode_lower(&mut Uuid::encode_buffer())),
    })
}

/// The name that the request was given at the door.
pub(super) fn named(state: &State, request: &Request) -> RequestId {
    request.extensions().get().cloned().unwrap_or_else(|| request_id(state, request))
}

/// Who sends the request.
///
/// # Errors
/// [`Error::Unauthenticated`] when there is an `Authorization` header and it does not hold one valid token: a caller
/// whose token has expired must learn so, not silently become anonymous.
pub(super) async fn identify(state: &State, request: &Request, id: &RequestId) -> Result<Caller> {
    let origin = Origin { request_id: Some(Arc::clone(&id.0)), network: network(state, request), api_token: None };
    let mut caller = Caller { credential: None, origin };
    if request.headers().contains_key(header::AUTHORIZATION) {
        // Apart, since most requests are anonymous and a future is moved with everything that it may ever hold.
        Box::pin(authenticate(state, request, &mut caller)).await?;
    }
    Ok(caller)
}

async fn authenticate(state: &State, request: &Request, caller: &mut Caller) -> Result<()> {
    let mut authorizations = request.headers().get_all(header::AUTHORIZATION).iter();
    let (Some(authorization), None) = (authorizations.next(), authorizations.next()) else {
        return Err(Error::Unauthenticated);
    };
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
                Credential::Foreign(identity::identify(state, &caller.origin, token).await?)
            }
            Err(error) => return Err(error),
        }
    });
    Ok(())
}

/// The idempotency key of a request, as the client made it up.
///
/// # Errors
/// A message for the client when it is no key.
pub(super) fn idempotency_key(request: &Request) -> Result<Option<String>, &'static str> {
    let mut keys = request.headers().get_all(IDEMPOTENCY_KEY).iter();
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
    if proxies == 0 {
        request.remote_addr().as_socket_addr().map(SocketAddr::ip)
    } else {
        let forwarded = request.headers().get_all("x-forwarded-for").iter();
        let addresses: Vec<&str> =
            forwarded.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).collect();
        // Only what our own proxies appended can be trusted; whatever stands further left, a client may have made up.
        addresses.iter().rev().nth(proxies - 1).and_then(|address| parse_address(address.trim()))
    }
}

/// The network that a request comes from, as far as it can be told.
pub(super) fn network(state: &State, request: &Request) -> Network {
    address(state, request).map(Network::of).unwrap_or_default()
}
