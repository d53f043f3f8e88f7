//! One-time links with which somebody sets the password of an account: the first one of whoever was invited, a new one
//! of whoever has forgotten theirs. The database has only the hash of the secret in a link.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, Duration, Utc};
use entities::{Email, Rule, account, account_link};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ConnectionTrait, EntityTrait};
use uuid::Uuid;

use crate::{
    access::{
        Actor, Administrator, Caller, account as accounts,
        account::NewAccount,
        audit::sha256,
        delegation::Delegation,
        password::Hashed,
        permission::Capability,
        session::{self, SignedIn},
    },
    change::head,
    error::{Error, Result},
    state::State,
    transaction::Transaction,
};

/// How long a link lasts.
pub const LASTS: Duration = Duration::days(7);

/// A new link.
#[derive(Clone)]
pub struct Link {
    /// The secret: 256 random bits. It is shown this once.
    pub token: String,
    /// The address for the account's owner. The secret is its fragment, which no browser sends and no server logs.
    pub url: String,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

/// Creates an account without a password, and the link with which its owner sets one.
///
/// # Errors
/// As [`accounts::create`].
pub async fn invite(
    transaction: &mut Transaction,
    administrator: &Administrator,
    new: NewAccount,
) -> Result<(account::Model, Link)> {
    let account = accounts::create(transaction, administrator, new).await?;
    let link = insert(transaction, administrator, account.id).await?;
    Ok((account, link))
}

/// Makes a link for an account; the one before ends.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`] when the account is shut out or signs in elsewhere; [`Error::Forbidden`] when
/// it may do more than whoever asks, who would get hold of it.
pub async fn create(
    transaction: &mut Transaction,
    administrator: &Administrator,
    account: Uuid,
) -> Result<(account::Model, Link)> {
    let account = accounts::find(transaction.connection(), account).await?;
    transaction.targets(accounts::TYPE_NAME, account.id);
    if account.issuer.is_some() {
        return Err(Error::invalid(["id"], Rule::ForeignAccount));
    }
    if account.disabled_at.is_some() {
        return Err(Error::invalid(["id"], Rule::AccountDisabled));
    }
    accounts::cover(administrator, &account)?;
    accounts::end_links(transaction, account.id).await?;
    let link = insert(transaction, administrator, account.id).await?;
    Ok((account, link))
}

/// Whose password a link sets. Looked up before the transaction in which it is used: the new password is hashed between.
///
/// # Errors
/// [`Error::LinkEnded`]; [`Error::RateLimited`].
pub async fn owner(state: &State, caller: &Caller, token: &str) -> Result<Email> {
    state.throttle().attempt_from(caller.origin.network)?;
    let (_, account) = open(state, state.database().reader(), token, state.now()).await?;
    Ok(account.email)
}

/// Nothing, if this link is one of ours, used or not, to an account that is not shut out.
///
/// # Errors
/// [`Error::LinkEnded`].
pub async fn admit(transaction: &Transaction, token: &str) -> Result<()> {
    let found = account_link::Entity::find_by_id(sha256(token.as_bytes()))
        .find_also_related(account::Entity)
        .one(transaction.connection())
        .await?;
    match found {
        Some((_, Some(account))) if account.disabled_at.is_none() => Ok(()),
        _ => Err(Error::LinkEnded),
    }
}

/// Exchanges a link for a password: sets it, ends the sessions of the account, and starts one.
///
/// # Errors
/// [`Error::LinkEnded`].
pub async fn redeem(transaction: &mut Transaction, token: &str, password: Hashed) -> Result<SignedIn> {
    let now = transaction.now();
    let (link, account) = open(transaction.state(), transaction.connection(), token, now).await?;
    transaction.acts_as(Actor::Account(account.id));
    transaction.targets(accounts::TYPE_NAME, account.id);
    let used = account_link::ActiveModel { hash: Set(link.hash), used_at: Set(Some(now)), ..Default::default() };
    used.update(transaction.connection()).await?;
    let account = accounts::replace_password(transaction, account.id, password, None).await?;
    session::start(transaction, account).await
}

/// The link with this secret and its account, if both are good, and whoever made the link may still let somebody into that
/// account.
async fn open(
    state: &State,
    connection: &impl ConnectionTrait,
    token: &str,
    now: DateTime<Utc>,
) -> Result<(account_link::Model, account::Model)> {
    let found = account_link::Entity::find_by_id(sha256(token.as_bytes()))
        .find_also_related(account::Entity)
        .one(connection)
        .await?;
    match found {
        Some((link, Some(account)))
            if link.used_at.is_none()
                && head::has_begun(link.created_at, now)
                && now < link.expires_at
                && account.disabled_at.is_none()
                && account.issuer.is_none() =>
        {
            if let Some(maker) = link.created_by {
                let maker = Delegation::stored(maker, link.api_token_id, link.scopes.clone());
                let grants = maker.grants(state, connection).await?.ok_or(Error::LinkEnded)?;
                if !grants.include(Capability::ManagePeople) || !grants.cover(&accounts::grants(&account)?) {
                    return Err(Error::LinkEnded);
                }
            }
            Ok((link, account))
        }
        _ => Err(Error::LinkEnded),
    }
}

async fn insert(transaction: &Transaction, administrator: &Administrator, account: Uuid) -> Result<Link> {
    let state = transaction.state();
    let token = BASE64_URL_SAFE_NO_PAD.encode(state.random().bytes::<32>());
    let maker = administrator.delegation().ok();
    let expires_at = transaction.now() + LASTS;
    let expires_at = maker.map_or(expires_at, |maker| maker.bounded(expires_at));
    let row = account_link::ActiveModel {
        // The secret has 256 random bits, so a plain hash keeps it as well as a slow one.
        hash: Set(sha256(token.as_bytes())),
        account_id: Set(account),
        created_by: Set(maker.map(|maker| maker.account)),
        api_token_id: Set(maker.and_then(|maker| maker.api_token)),
        scopes: Set(maker.and_then(|maker| maker.scopes.clone())),
        created_at: Set(transaction.now()),
        expires_at: Set(expires_at),
        used_at: Set(None),
    };
    account_link::Entity::insert(row).exec(transaction.connection()).await?;
    let url = format!("{}/account-link#{token}", state.config().public_url());
    Ok(Link { token, url, expires_at })
}
