//! People whom another identity provider vouches for. Each has an account of their own, made when they first come, so that
//! what they write has an author. What they may do is what the very token says that they send. Whether they may come at all
//! is also ours to say: a disabled account stays out.
//!
//! The account keeps what the provider said last (`Statement`): that is what counts for what its owner made and what acts
//! while they are away (`delegation.rs`).

use chrono::{DateTime, Utc};
use entities::{Role, account};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ConnectionTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use crate::{
    access::{
        Actor, account as accounts,
        api_token::memory::{self, Used},
        issuer::{ForeignIdentity, ForeignRole, IssuerError},
        permission::Grants,
    },
    error::{Error, Result},
    state::State,
    transaction::{Origin, Transaction},
};

/// Who sends a token of another provider, and what that token says they may do.
#[derive(Clone, Debug)]
pub struct Foreign {
    /// Their account.
    pub account: Uuid,
    /// What they are to this Almanac by this token.
    pub role: Role,
    /// What this token lets them do.
    pub grants: Grants,
}

/// What a provider says of somebody at a moment.
struct Statement<'a> {
    /// The role that it gives them here, if it gives them one.
    role: Option<&'a ForeignRole>,
    /// When it said so.
    issued_at: DateTime<Utc>,
}

impl Statement<'_> {
    /// Whether it is other than what is known of an account, and counts. The newer one counts; of two that are of the same
    /// moment, the one that allows less.
    fn changes(&self, account: &account::Model) -> Result<bool> {
        let known = if account.unvouched_at.is_some() { None } else { Some(accounts::grants(account)?) };
        let said = self.role.map(|role| Grants::of(role.role, role.locales.clone()));
        if known == said {
            return Ok(false);
        }
        Ok(match account.vouched_at {
            Some(at) if self.issued_at == at => match (&known, &said) {
                (Some(known), Some(said)) => known.cover(said),
                (known, _) => known.is_some(),
            },
            at => at.is_none_or(|at| at < self.issued_at),
        })
    }
}

/// Who sends this token of another provider. Their account is made when they first come, and learns what the provider says
/// by now.
///
/// # Errors
/// [`Error::Unauthenticated`] when the token is not valid or the account is shut out; [`Error::Forbidden`] when the
/// provider gives no role here, no address, or one that belongs to another account; [`Error::ProviderUnavailable`].
pub async fn identify(state: &State, origin: &Origin, token: &str) -> Result<Foreign> {
    let identity = state.issuers().verify(token, state.now()).await.map_err(|error| match error {
        IssuerError::Invalid => Error::Unauthenticated,
        IssuerError::Unavailable => Error::ProviderUnavailable,
    })?;
    let statement =
        Statement { role: identity.role.as_ref(), issued_at: identity.issued_at.unwrap_or_else(|| state.now()) };
    let known = state.api_tokens().foreign(&identity.issuer, &identity.subject).cloned();
    let account = match known {
        // Drafts and writes ask the database whether it still is as it is known.
        Some(known) if is_as_known(state, &known, &statement)? => known.id,
        _ => match find(state.database().reader(), &identity).await? {
            Some(known) if known.disabled_at.is_some() => return Err(Error::Unauthenticated),
            Some(known) if is_as_known(state, &known, &statement)? => known.id,
            None if identity.role.is_none() => return Err(Error::Forbidden),
            _ => enter(state, origin, &identity, &statement).await?,
        },
    };
    state.uses().note(Used::Account(account), state.now());
    let ForeignRole { role, locales } = identity.role.clone().ok_or(Error::Forbidden)?;
    Ok(Foreign { account, role, grants: Grants::of(role, locales) })
}

/// Whether the account may come in and there is nothing to write down.
fn is_as_known(state: &State, known: &account::Model, statement: &Statement<'_>) -> Result<bool> {
    Ok(known.disabled_at.is_none() && !statement.changes(known)? && is_vouched_for(state, known))
}

/// Whether the provider has vouched for an account lately, or says that it does not.
fn is_vouched_for(state: &State, account: &account::Model) -> bool {
    let issuer = account.issuer.as_deref().unwrap_or_default();
    account.unvouched_at.is_some() || state.issuers().vouch(issuer, account.last_seen_at, state.now())
}

async fn find(connection: &impl ConnectionTrait, identity: &ForeignIdentity) -> Result<Option<account::Model>> {
    let found = account::Entity::find()
        .filter(account::COLUMN.issuer.eq(identity.issuer.clone()))
        .filter(account::COLUMN.subject.eq(identity.subject.clone()));
    Ok(found.one(connection).await?)
}

/// Makes the account, or notes what the provider says by now.
async fn enter(state: &State, origin: &Origin, identity: &ForeignIdentity, statement: &Statement<'_>) -> Result<Uuid> {
    let mut transaction = Transaction::begin(state, Actor::Anonymous, origin.clone()).await?;
    // Read again: two requests may come at once.
    let id = match find(transaction.connection(), identity).await? {
        Some(known) if known.disabled_at.is_some() => return Err(Error::Unauthenticated),
        Some(known) => {
            let mut change = account::ActiveModel {
                id: Set(known.id),
                last_seen_at: Set(Some(transaction.now())),
                ..Default::default()
            };
            if statement.changes(&known)? {
                change.vouched_at = Set(Some(statement.issued_at));
                change.unvouched_at = Set(statement.role.is_none().then(|| transaction.now()));
                if let Some(role) = statement.role {
                    change.role = Set(role.role);
                    change.locales = Set(serde_json::to_value(&role.locales)?);
                }
            } else if is_vouched_for(state, &known) {
                return Ok(known.id);
            }
            change.update(transaction.connection()).await?;
            transaction.tag([memory::TAG.to_owned()]);
            known.id
        }
        None => {
            let (role, email) = statement.role.zip(identity.email.clone()).ok_or(Error::Forbidden)?;
            if accounts::find_by_email(transaction.connection(), &email).await?.is_some() {
                // Whoever controls the provider must not become somebody who has an account of ours.
                return Err(Error::Forbidden);
            }
            let id = state.new_id();
            let row = account::ActiveModel {
                id: Set(id),
                email: Set(email),
                password_hash: Set(None),
                role: Set(role.role),
                locales: Set(serde_json::to_value(&role.locales)?),
                issuer: Set(Some(identity.issuer.clone())),
                subject: Set(Some(identity.subject.clone())),
                vouched_at: Set(Some(statement.issued_at)),
                unvouched_at: Set(None),
                disabled_at: Set(None),
                last_seen_at: Set(Some(transaction.now())),
                created_at: Set(transaction.now()),
            };
            account::Entity::insert(row).exec(transaction.connection()).await?;
            transaction.tag([memory::TAG.to_owned()]);
            id
        }
    };
    transaction.acts_as(Actor::Account(id));
    let action = if statement.role.is_some() { "foreignSignIn" } else { "foreignRoleLost" };
    transaction.commit(action).await?;
    Ok(id)
}
