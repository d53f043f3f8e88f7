//! Access tokens: short-lived JWTs after RFC 9068, signed with Ed25519.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, Duration, Utc};
use entities::account;
use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header, encode};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
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
    Ok(AccessToken { token: sign(state, TYPE, &claims)?, expires_at })
}

/// Signs claims with the current key, as a token of this media type.
///
/// # Errors
/// When every key is retired.
pub fn sign(state: &State, media_type: &str, claims: &impl Serialize) -> Result<String> {
    let keys = state.keys();
    let key = keys.current(state.now())?;
    let header =
        Header { typ: Some(media_type.to_owned()), kid: Some(key.id.clone()), ..Header::new(Algorithm::EdDSA) };
    encode(&header, claims, &key.encoding).map_err(Error::internal)
}

/// The JSON object that a part of a JWT is, as it was sent.
pub(super) fn object(part: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

/// Whether the header of a JWT asks for nothing that we do not know: an extension that it calls critical (RFC 7515, section
/// 4.1.11) must be understood, and we understand none.
pub(super) fn is_understood(header: &Map<String, Value>) -> bool {
    !header.contains_key("crit")
}

/// When a token is valid: what every token of ours says.
pub trait Lifetime {
    /// When it was issued, in Unix seconds, if it says so.
    fn issued(&self) -> Option<i64> {
        None
    }
    /// From when on, in Unix seconds.
    fn not_before(&self) -> i64;
    /// Until when, in Unix seconds.
    fn expires(&self) -> i64;
}

impl Lifetime for Claims {
    fn issued(&self) -> Option<i64> {
        Some(self.iat)
    }

    fn not_before(&self) -> i64 {
        self.nbf
    }

    fn expires(&self) -> i64 {
        self.exp
    }
}

/// The claims of an access token that is valid now.
///
/// # Errors
/// [`Error::Unauthenticated`] for every other token, whatever is wrong with it.
pub fn verify(state: &State, token: &str) -> Result<Claims> {
    open(state, TYPE, AUDIENCE, token).ok_or(Error::Unauthenticated)
}

/// The claims of a token of this media type and audience that is valid now: ours, untouched, not too early, not from the
/// future, not too late by a second.
#[must_use]
pub fn open<C: DeserializeOwned + Clone + Lifetime>(
    state: &State,
    media_type: &str,
    audience: &str,
    token: &str,
) -> Option<C> {
    if !is_understood(&object(token.split('.').next()?)?) {
        return None;
    }
    let header = decode_header(token).ok()?;
    let keys = state.keys();
    let key = keys.verifying(&header.kid?, state.now())?;
    if header.typ.as_deref() != Some(media_type) {
        return None;
    }
    // The algorithm is ours, never the header's.
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_audience(&[audience]);
    validation.set_issuer(&[state.config().public_url()]);
    validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud"]);
    // The library would read the system's clock; times are compared below, with ours and without leeway.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    let claims = decode::<C>(token, &key.decoding, &validation).ok()?.claims;
    let now = state.now().timestamp();
    let begun = claims.not_before() <= now && claims.issued().is_none_or(|issued| issued <= now);
    (begun && now < claims.expires()).then_some(claims)
}
