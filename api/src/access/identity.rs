//! People whom another identity provider vouches for. Each has an account of their own, made when they first come, so that
//! what they write has an author. What they are is the provider's to say, each time; whether they may come at all is also
//! ours: a disabled account stays out.

use entities::account;
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ConnectionTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use crate::{
    access::{
        Actor, account as accounts,
        issuer::{ForeignIdentity, ForeignRole, IssuerError},
    },
    error::{Error, Result},
    state::State,
    transaction::{Origin, Transaction},
};

/// The account of whoever bears this token of another provider, brought up to what the token says.
///
/// # Errors
/// [`Error::Unauthenticated`] when the token is not valid or the account is shut out; [`Error::Forbidden`] when the
/// provider gives no role here, no address, or one that belongs to another account; [`Error::ProviderUnavailable`].
pub async fn account(state: &State, origin: &Origin, token: &str) -> Result<Uuid> {
    let identity = state.issuers().verify(token, state.now()).await.map_err(|error| match error {
        IssuerError::Invalid => Error::Unauthenticated,
        IssuerError::Unavailable => Error::ProviderUnavailable,
    })?;
    let role = identity.role.clone().ok_or(Error::Forbidden)?;
    let known = find(state.database().reader(), &identity).await?;
    if known.as_ref().is_some_and(|known| known.disabled_at.is_some()) {
        return Err(Error::Unauthenticated);
    }
    match known {
        Some(known) if known.role == role.role && known.locales == serde_json::to_value(&role.locales)? => Ok(known.id),
        _ => enter(state, origin, &identity, role).await,
    }
}

async fn find(connection: &impl ConnectionTrait, identity: &ForeignIdentity) -> Result<Option<account::Model>> {
    let found = account::Entity::find()
        .filter(account::COLUMN.issuer.eq(identity.issuer.clone()))
        .filter(account::COLUMN.subject.eq(identity.subject.clone()));
    Ok(found.one(connection).await?)
}

/// Makes the account, or gives it the role that the provider says by now.
async fn enter(state: &State, origin: &Origin, identity: &ForeignIdentity, role: ForeignRole) -> Result<Uuid> {
    let mut transaction = Transaction::begin(state, Actor::Anonymous, origin.clone()).await?;
    // Read again: two requests may come at once.
    let id = match find(transaction.connection(), identity).await? {
        Some(known) if known.disabled_at.is_some() => return Err(Error::Unauthenticated),
        Some(known) => {
            let change = account::ActiveModel {
                id: Set(known.id),
                role: Set(role.role),
                locales: Set(serde_json::to_value(role.locales)?),
                last_seen_at: Set(Some(transaction.now())),
                ..Default::default()
            };
            change.update(transaction.connection()).await?;
            known.id
        }
        None => {
            let email = identity.email.clone().ok_or(Error::Forbidden)?;
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
                locales: Set(serde_json::to_value(role.locales)?),
                issuer: Set(Some(identity.issuer.clone())),
                subject: Set(Some(identity.subject.clone())),
                disabled_at: Set(None),
                last_seen_at: Set(Some(transaction.now())),
                created_at: Set(transaction.now()),
            };
            account::Entity::insert(row).exec(transaction.connection()).await?;
            id
        }
    };
    transaction.acts_as(Actor::Account(id));
    transaction.commit("foreignSignIn").await?;
    Ok(id)
}
