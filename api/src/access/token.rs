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

/// A kind of token of ours. One of another kind does not pass for it.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Its media type.
    pub media_type: &'static str,
    /// For whom it is.
    pub audience: &'static str,
}

/// Access tokens (RFC 9068, section 2.1).
const ACCESS: Kind = Kind { media_type: "at+jwt", audience: "almanac" };

/// What an access token says, beside what every token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The account.
    pub sub: Uuid,
    /// The session.
    pub sid: Uuid,
    /// When the token was issued, in Unix seconds.
    pub iat: i64,
}

/// What every token says, around the claims of its kind. Times are Unix seconds.
#[derive(Clone, Serialize, Deserialize)]
struct Envelope<C> {
    /// Who issued it: the public URL.
    iss: String,
    /// For whom.
    aud: String,
    /// From when on it is valid.
    nbf: i64,
    /// Until when.
    exp: i64,
    #[serde(flatten)]
    claims: C,
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
    let claims = Claims { sub: account.id, sid: session, iat: now.timestamp() };
    Ok(AccessToken { token: sign(state, ACCESS, (now, expires_at), claims)?, expires_at })
}

/// Signs the claims of a token of this kind with the current key. It is valid from the first moment to the second.
///
/// # Errors
/// When every key is retired.
pub fn sign(
    state: &State,
    kind: Kind,
    (now, expires_at): (DateTime<Utc>, DateTime<Utc>),
    claims: impl Serialize,
) -> Result<String> {
    let keys = state.keys();
    let key = keys.current(state.now())?;
    let header =
        Header { typ: Some(kind.media_type.to_owned()), kid: Some(key.id.clone()), ..Header::new(Algorithm::EdDSA) };
    let envelope = Envelope {
        iss: state.config().public_url(),
        aud: kind.audience.to_owned(),
        nbf: now.timestamp(),
        exp: expires_at.timestamp(),
        claims,
    };
    encode(&header, &envelope, &key.encoding).map_err(Error::internal)
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

/// The claims of an access token that is valid now.
///
/// # Errors
/// [`Error::Unauthenticated`] for every other token, whatever is wrong with it.
pub fn verify(state: &State, token: &str) -> Result<Claims> {
    open(state, ACCESS, token)
        .filter(|claims: &Claims| claims.iat <= state.now().timestamp())
        .ok_or(Error::Unauthenticated)
}

/// The claims of a token of this kind that is valid now: ours, untouched, not too early, not too late by a
/// second.
#[must_use]
pub fn open<C: DeserializeOwned + Clone>(state: &State, kind: Kind, token: &str) -> Option<C> {
    if !is_understood(&object(token.split('.').next()?)?) {
        return None;
    }
    let header = decode_header(token).ok()?;
    let keys = state.keys();
    let key = keys.verifying(&header.kid?, state.now())?;
    if header.typ.as_deref() != Some(kind.media_type) {
        return None;
    }
    // The algorithm is ours, never the header's.
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_audience(&[kind.audience]);
    validation.set_issuer(&[state.config().public_url()]);
    validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud"]);
    // The library would read the system's clock; times are compared below, with ours and without leeway.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    let Envelope { nbf, exp, claims, .. } = decode::<Envelope<C>>(token, &key.decoding, &validation).ok()?.claims;
    let now = state.now().timestamp();
    (nbf <= now && now < exp).then_some(claims)
}
