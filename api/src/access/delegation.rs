//! On whose authority something acts that outlives the request which made it: a schedule, a preview, a link, a token.
//!
//! What is stored with such a thing is the credential that made it ([`Delegation`]), never the rights that it had. What it
//! may do is worked out when it acts ([`Delegation::grants`]): what its maker may do by then, narrowed to what the
//! credential allowed. So it dies with its maker's account, role or token, and never does more than they could.

use chrono::{DateTime, Utc};
use sea_orm::ConnectionTrait;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    access::{account as accounts, api_token, permission::Grants},
    error::{Error, Result},
    state::State,
};

/// The credential that made something, as it is stored with it: `created_by`, `api_token_id` and `scopes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delegation {
    /// The account that made it.
    pub account: Uuid,
    /// The API token with which it was made, if it was made with one.
    pub api_token: Option<Uuid>,
    /// What the token of another provider allowed, if it was made with one.
    pub scopes: Option<Value>,
    /// When the credential ends, if it says so for everything that is made with it.
    ends_at: Option<DateTime<Utc>>,
}

impl Delegation {
    /// The credential that is stored with something.
    #[must_use]
    pub const fn stored(account: Uuid, api_token: Option<Uuid>, scopes: Option<Value>) -> Self {
        Self { account, api_token, scopes, ends_at: None }
    }

    /// A session of an account.
    pub(super) const fn session(account: Uuid) -> Self {
        Self::stored(account, None, None)
    }

    /// An API token of an account, which ends at this moment.
    pub(super) const fn api_token(account: Uuid, token: Uuid, ends_at: DateTime<Utc>) -> Self {
        Self { account, api_token: Some(token), scopes: None, ends_at: Some(ends_at) }
    }

    /// A token of another provider that allows its bearer this.
    pub(super) fn foreign(account: Uuid, grants: &Grants) -> Result<Self> {
        Ok(Self::stored(account, None, Some(serde_json::to_value(grants)?)))
    }

    /// A name of the credential, which is the same for each request with it and for no request with another one. Sessions of
    /// one account are one credential.
    #[must_use]
    pub fn credential(&self) -> String {
        match (self.api_token, &self.scopes) {
            (Some(token), _) => format!("token {token}"),
            (None, Some(_)) => format!("foreign {}", self.account),
            (None, None) => self.account.to_string(),
        }
    }

    /// Whether something that is made with this credential would outlive it if it lasted until `end`.
    #[must_use]
    pub fn is_outlived_by(&self, end: DateTime<Utc>) -> bool {
        self.ends_at.is_some_and(|ends_at| ends_at < end)
    }

    /// The end of something that is made with this credential and would last until `end`.
    #[must_use]
    pub fn bounded(&self, end: DateTime<Utc>) -> DateTime<Utc> {
        self.ends_at.map_or(end, |ends_at| ends_at.min(end))
    }

    /// What it allows at this moment; nothing when the account or the token has ended, or when the account's provider
    /// gives it no role any more.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn grants(&self, state: &State, connection: &impl ConnectionTrait) -> Result<Option<Grants>> {
        if let Some(token) = self.api_token {
            return match api_token::live(state, connection, token).await {
                Ok(live) => Ok(Some(live.grants)),
                Err(Error::Unauthenticated) => Ok(None),
                Err(error) => Err(error),
            };
        }
        let Some(standing) = accounts::standing(state, connection, self.account).await? else { return Ok(None) };
        Ok(Some(match &self.scopes {
            Some(scopes) => standing.common(&serde_json::from_value(scopes.clone())?),
            None => standing,
        }))
    }
}
