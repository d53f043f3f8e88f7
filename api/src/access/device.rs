//! Device tokens: proof that an account has signed in on a device before (OWASP, "device cookies").
//!
//! Attempts from a known device are counted apart from all others, so failed attempts by strangers, even ones on the same
//! network, never keep the owner of an account out. The token grants nothing else.

use chrono::Duration;
use entities::{Email, account};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    access::{account as accounts, token},
    error::Result,
    state::State,
};

/// How long a device is remembered after its last refresh.
const LIFETIME: Duration = Duration::days(180);
const DEVICE: token::Kind = token::Kind { media_type: "device+jwt", audience: "almanac-device" };

/// What the token says.
#[derive(Clone, Serialize, Deserialize)]
struct Claims {
    /// The account.
    sub: Uuid,
    /// The session that the device signed in to. A device keeps it through every refresh, so a client cannot collect
    /// tokens of many devices without knowing the password.
    jti: Uuid,
}

/// A token for the device that holds this session of an account.
///
/// # Errors
/// When there is no key to sign with.
pub fn issue(state: &State, account: &account::Model, session: Uuid) -> Result<String> {
    let now = state.now();
    token::sign(state, DEVICE, (now, now + LIFETIME), Claims { sub: account.id, jti: session })
}

/// The device that holds this token, if the token is one of ours for the account with this address.
///
/// # Errors
/// When the database cannot be read.
pub async fn recognise(state: &State, email: &Email, device_token: &str) -> Result<Option<Uuid>> {
    let Some(claims) = token::open::<Claims>(state, DEVICE, device_token) else { return Ok(None) };
    let account = accounts::find_by_email(state.database().reader(), email).await?;
    Ok(account.filter(|account| account.id == claims.sub).map(|_| claims.jti))
}
