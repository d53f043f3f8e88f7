//! Who may do what. This room knows accounts, sessions, tokens, keys and the audit log, and no other room.
//!
//! A permission is a value, not a check: a function that writes takes [`Editor`] or [`Administrator`], whose fields are
//! private and which only this file makes. So a resolver that forgot to ask does not compile. Start reading at
//! [`Caller::editor`].

use entities::{ActorKind, Role};
use uuid::Uuid;

use crate::{
    error::{Error, Result},
    state::State,
};

pub mod account;
pub mod audit;
pub mod graphql;
pub mod key;
pub mod password;
pub mod session;
pub mod throttle;
pub mod token;

/// Who sent a request, as far as the request itself proves it.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The claims of a valid access token, if there was a token. A bad token never gets this far.
    pub claims: Option<token::Claims>,
    /// The name of the request in the log and in the audit log.
    pub request_id: String,
    /// The network that the request came from, for throttling: an IPv4 address, or the /64 of an IPv6 address.
    pub network: String,
}

impl Caller {
    /// The capability to write content, for a signed-in editor or administrator whose session still lives.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] without a token, or when session or account have ended since it was issued.
    pub async fn editor(&self, state: &State) -> Result<Editor> {
        let (account, role) = self.live_account(state).await?;
        match role {
            Role::Administrator | Role::Editor => {
                Ok(Editor { actor: Actor::Account(account), request_id: Some(self.request_id.clone()) })
            }
        }
    }

    /// The account behind the token and its present role, read from the database: signing out, disabling an account
    /// and changing a role take effect at once, not when the token expires.
    async fn live_account(&self, state: &State) -> Result<(Uuid, Role)> {
        let claims = self.claims.as_ref().ok_or(Error::Unauthenticated)?;
        let account = session::live_account(state, claims).await?;
        Ok((account.id, account.role))
    }
}

/// Who did something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Somebody who is not signed in.
    Anonymous,
    /// A signed-in account.
    Account(Uuid),
    /// Somebody at the command line of the server.
    CommandLine,
}

impl Actor {
    /// Its kind, as stored.
    #[must_use]
    pub const fn kind(self) -> ActorKind {
        match self {
            Self::Anonymous => ActorKind::Anonymous,
            Self::Account(_) => ActorKind::Account,
            Self::CommandLine => ActorKind::CommandLine,
        }
    }

    /// The account, when it is one.
    #[must_use]
    pub const fn account(self) -> Option<Uuid> {
        match self {
            Self::Account(id) => Some(id),
            Self::Anonymous | Self::CommandLine => None,
        }
    }
}

/// The capability to write and publish content and figures.
#[derive(Clone, Debug)]
pub struct Editor {
    actor: Actor,
    request_id: Option<String>,
}

impl Editor {
    /// The operator at the server's command line, who needs no account. Named so that it shows in review;
    /// `tests/it/tidy.rs` allows it in `cli.rs` and `setup.rs` only.
    #[must_use]
    pub const fn command_line() -> Self {
        Self { actor: Actor::CommandLine, request_id: None }
    }

    /// Who writes.
    #[must_use]
    pub const fn actor(&self) -> Actor {
        self.actor
    }

    /// The request in which they write.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }
}

/// The capability to create, change and disable accounts and to rotate keys.
#[derive(Clone, Debug)]
pub struct Administrator {
    actor: Actor,
}

impl Administrator {
    /// The operator at the server's command line. See [`Editor::command_line`].
    #[must_use]
    pub const fn command_line() -> Self {
        Self { actor: Actor::CommandLine }
    }

    /// Who acts.
    #[must_use]
    pub const fn actor(&self) -> Actor {
        self.actor
    }
}
