//! Access tokens: short-lived JWTs after RFC 9068, signed with Ed25519.

use chrono::{DateTime, Duration, Utc};
use entities::account;
use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header, encode};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    error::{Error, Result},
    state::State,
};

/// The audience of every token.
pub const AUDIENCE: &str = "almanac";
/// The media type of an access token (RFC 9068, section 2.1), so that no other kind of JWT passes for one.
const TYPE: &str = "at+jwt";

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who issued it: the public URL.
    pub iss: String,
    /// For whom: [`AUDIENCE`].
    pub aud: String,
    /// The account.
    pub sub: Uuid,
    /// The session.
    pub sid: Uuid,
    /// When it was issued, in Unix seconds.
    pub iat: i64,
    /// From when on it is valid, in Unix seconds.
    pub nbf: i64,
    /// When it expires, in Unix seconds.
    pub exp: i64,
}

/// A signed token and when it expires.
#[derive(Clone, Debug)]
pub struct AccessToken {
    /// The JWT.
    pub token: String,
    /// When it expires.
    pub expires_at: DateTime<Utc>,
}

/// Issues a token for a session of an account.
///
/// # Errors
/// When there is no key to sign with.
pub fn issue(state: &State, account: &account::Model, session: Uuid) -> Result<AccessToken> {
    let now = state.now();
    let expires_at = now + Duration::minutes(i64::from(state.config().access_token_minutes));
    let claims = Claims {
        iss: state.config().public_url(),
        aud: AUDIENCE.to_owned(),
        sub: account.id,
        sid: session,
        iat: now.timestamp(),
        nbf: now.timestamp(),
        exp: expires_at.timestamp(),
    };
    let keys = state.keys();
    let key = keys.current(now)?;
    let header = Header { typ: Some(TYPE.to_owned()), kid: Some(key.id.clone()), ..Header::new(Algorithm::EdDSA) };
    let token = encode(&header, &claims, &key.encoding).map_err(Error::internal)?;
    Ok(AccessToken { token, expires_at })
}

/// The claims of a token that is valid now: ours, untouched, for us, not too early, not too late by a second.
///
/// # Errors
/// [`Error::Unauthenticated`] for every other token, whatever is wrong with it.
pub fn verify(state: &State, token: &str) -> Result<Claims> {
    let header = decode_header(token).map_err(|_| Error::Unauthenticated)?;
    let id = header.kid.ok_or(Error::Unauthenticated)?;
    let keys = state.keys();
    let key = keys.verifying(&id, state.now()).ok_or(Error::Unauthenticated)?;
    if header.typ.as_deref() != Some(TYPE) {
        return Err(Error::Unauthenticated);
    }
    // The algorithm is ours, never the header's.
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_audience(&[AUDIENCE]);
    validation.set_issuer(&[state.config().public_url()]);
    validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
    // The library would read the system's clock; times are compared below, with ours and without leeway.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    let claims = decode::<Claims>(token, &key.decoding, &validation).map_err(|_| Error::Unauthenticated)?.claims;
    let now = state.now().timestamp();
    if claims.nbf <= now && now < claims.exp { Ok(claims) } else { Err(Error::Unauthenticated) }
}
