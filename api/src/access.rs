//! Who may do what. This room knows accounts, sessions, tokens, keys and the audit log, and no other room.
//!
//! A permission is a value, not a check: a function that reads drafts or writes takes [`Editor`] or a narrower
//! capability, whose fields are private and which only this file makes. So a resolver that forgot to ask does not
//! compile. What each role may do stands in one table, `access/permission.rs`. Start reading at [`Caller::editor`].

use entities::{ActorKind, DocumentKind, Locale};
use sea_orm::{ConnectionTrait, Iterable};
use uuid::Uuid;

use crate::{
    error::{Error, Result},
    state::State,
    transaction::Origin,
};

pub mod account;
pub mod api_token;
pub mod audit;
pub mod confidential;
pub mod delegation;
pub mod device;
pub mod graphql;
pub mod identity;
pub mod issuer;
pub mod key;
pub mod link;
pub mod network;
pub mod password;
pub mod permission;
pub mod quota;
pub mod session;
pub mod throttle;
pub mod token;

use delegation::Delegation;
use permission::{Action, Capability, Grants};

/// Who sent a request, as far as the request itself proves it.
#[derive(Clone, Debug)]
pub struct Caller {
    /// What a valid token says, if there was a token. A bad token never gets this far.
    pub credential: Option<Credential>,
    /// The name of the request and where it came from: for the audit log, and for what is counted by network.
    pub origin: Origin,
}

/// A token that was valid when the request arrived.
#[derive(Clone, Debug)]
pub enum Credential {
    /// An access token of one of our sessions.
    Session(token::Claims),
    /// An API token, by its id.
    ApiToken(Uuid),
    /// A token of another identity provider.
    Foreign(identity::Foreign),
}

impl Caller {
    /// The capability to read drafts and to write as far as role and token allow: for somebody whose session, account
    /// and token still live. Read from the database each time: signing out, disabling an account and changing a role
    /// take effect at once, not when the token expires.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] without a token, or when what it stands for has ended since it was issued.
    pub async fn editor(&self, state: &State, connection: &impl ConnectionTrait) -> Result<Editor> {
        let (grants, delegation) = match self.credential.as_ref().ok_or(Error::Unauthenticated)? {
            Credential::Session(claims) => {
                let account = session::live_account(connection, claims, state.now()).await?;
                (account::grants(&account)?, Delegation::session(account.id))
            }
            Credential::ApiToken(id) => {
                let live = api_token::live(state, connection, *id).await?;
                (live.grants, Delegation::api_token(live.token.account_id, live.token.id, live.token.expires_at))
            }
            // What this very token says, whatever another one of the same person says.
            Credential::Foreign(foreign) => {
                let account = account::live(connection, foreign.account).await?.ok_or(Error::Unauthenticated)?;
                (foreign.grants.clone(), Delegation::foreign(account.id, &foreign.grants)?)
            }
        };
        Ok(Editor { actor: Actor::Account(delegation.account), grants, delegation: Some(delegation) })
    }
}

/// Who did something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Somebody who is not signed in.
    Anonymous,
    /// A signed-in account.
    Account(Uuid),
    /// A schedule that this account had set.
    Schedule(Uuid),
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
            Self::Schedule(_) => ActorKind::Schedule,
            Self::CommandLine => ActorKind::CommandLine,
        }
    }

    /// The account, when there is one.
    #[must_use]
    pub const fn account(self) -> Option<Uuid> {
        match self {
            Self::Account(id) | Self::Schedule(id) => Some(id),
            Self::Anonymous | Self::CommandLine => None,
        }
    }
}

/// The capability to read drafts and to write, as far as its grants go.
#[derive(Clone, Debug)]
pub struct Editor {
    actor: Actor,
    grants: Grants,
    /// On whose authority things act that this one makes; nobody's at the command line.
    delegation: Option<Delegation>,
}

impl Editor {
    /// The operator at the server's command line, who needs no account. Named so that it shows in review;
    /// `tests/it/tidy.rs` allows it in `cli.rs` and `setup.rs` only.
    #[must_use]
    pub fn command_line() -> Self {
        let grants = Grants::of(entities::Role::Administrator, Vec::new());
        Self { actor: Actor::CommandLine, grants, delegation: None }
    }

    /// A schedule that is due, which acts on the authority of the credential that set it.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when that credential has ended by now.
    pub async fn of_schedule(state: &State, connection: &impl ConnectionTrait, delegation: Delegation) -> Result<Self> {
        let grants = delegation.grants(state, connection).await?.ok_or(Error::Forbidden)?;
        Ok(Self { actor: Actor::Schedule(delegation.account), grants, delegation: Some(delegation) })
    }

    /// The credential to be stored with what this editor makes and what acts later.
    ///
    /// # Errors
    /// [`Error::Forbidden`] at the command line, which is no account.
    pub fn delegation(&self) -> Result<&Delegation> {
        self.delegation.as_ref().ok_or(Error::Forbidden)
    }

    /// Who it is.
    #[must_use]
    pub const fn actor(&self) -> Actor {
        self.actor
    }

    /// What they may do.
    #[must_use]
    pub const fn grants(&self) -> &Grants {
        &self.grants
    }

    /// Nothing, if this action on a document of this kind is allowed; `locale` is the one that the document is in.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub fn permit(&self, action: Action, kind: DocumentKind, locale: Option<&Locale>) -> Result<()> {
        if self.grants.allow(action, kind, locale) { Ok(()) } else { Err(Error::Forbidden) }
    }

    /// Nothing, if this action on this document is allowed. Otherwise [`Error::Forbidden`] for an editor who may read
    /// documents of this kind, and `missing` for one who may not: a refusal must not tell that the document exists.
    ///
    /// # Errors
    /// Those two.
    pub fn permit_found(
        &self,
        action: Action,
        kind: DocumentKind,
        locale: Option<&Locale>,
        missing: impl FnOnce() -> Error,
    ) -> Result<()> {
        self.permit(action, kind, locale)
            .map_err(|refusal| if self.grants.allow(Action::Read, kind, None) { refusal } else { missing() })
    }

    /// Nothing, if this action is allowed on documents of at least one kind: asked before it is looked up whether the
    /// document exists.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub fn permit_any(&self, action: Action) -> Result<()> {
        if DocumentKind::iter().any(|kind| self.grants.allow_somewhere(action, kind)) {
            Ok(())
        } else {
            Err(Error::Forbidden)
        }
    }

    /// The capability to manage people, if it is among the grants.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub fn administrator(&self) -> Result<Administrator> {
        self.require(Capability::ManagePeople)?;
        Ok(Administrator { editor: self.clone() })
    }

    /// Nothing, if the grants include this.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub fn require(&self, capability: Capability) -> Result<()> {
        if self.grants.include(capability) { Ok(()) } else { Err(Error::Forbidden) }
    }
}

/// The capability to read what was counted, whatever the disclosure policy keeps from the public: made by
/// [`confidential::read_published`].
#[derive(Clone, Copy, Debug)]
pub struct TrueValues(());

/// The capability to create, change and disable accounts, to hand out tokens, to rotate keys, and to say which documents
/// are trusted.
#[derive(Clone, Debug)]
pub struct Administrator {
    editor: Editor,
}

impl Administrator {
    /// The operator at the server's command line. See [`Editor::command_line`].
    #[must_use]
    pub fn command_line() -> Self {
        Self { editor: Editor::command_line() }
    }

    /// Who acts.
    #[must_use]
    pub const fn actor(&self) -> Actor {
        self.editor.actor
    }

    /// The credential to be stored with what they make and what acts later. See [`Editor::delegation`].
    ///
    /// # Errors
    /// [`Error::Forbidden`] at the command line, which is no account.
    pub fn delegation(&self) -> Result<&Delegation> {
        self.editor.delegation()
    }

    /// What they may do themselves: nobody hands out more.
    #[must_use]
    pub const fn grants(&self) -> &Grants {
        &self.editor.grants
    }
}
