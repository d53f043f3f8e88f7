//! Sessions: sign in, refresh, sign out. A refresh token works once, and once more for a moment; presenting it later ends
//! its session, because either the thief or the owner holds the other half.
//!
//! The two tokens that two tabs get at the same moment are one generation. What is used of a generation is used of all of
//! it: it is exchanged twice at most, and within [`GRACE`]. So a session never has more than two tokens that work, however
//! often and by how many it is refreshed.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, Duration, Utc};
use entities::{Email, account, refresh_token, session};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ConnectionTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use crate::{
    access::{
        Actor, Caller, Credential, account as accounts,
        audit::sha256,
        device,
        password::{self, Hashed},
        permission::Grants,
        token::{self, AccessToken, Claims},
    },
    change::head,
    compute_pool::Client,
    error::{Error, Result},
    state::State,
    transaction::Transaction,
};

/// What a client holds after signing in or refreshing.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// Whose session it is.
    pub account: account::Model,
    /// What it may do.
    pub grants: Grants,
    /// To be sent with every request.
    pub access: AccessToken,
    /// To be exchanged, once, for the next pair.
    pub refresh_token: String,
    /// Proves later that the account has signed in on this device.
    pub device_token: String,
}

/// How long a used refresh token is taken once more: two tabs may refresh at the same moment, and an answer may get lost
/// on its way.
pub const GRACE: Duration = Duration::seconds(10);
/// How often a generation is exchanged at most: by two tabs.
const EXCHANGES: i32 = 2;

/// Somebody who has proven to know an account's password.
#[derive(Debug)]
pub struct Verified(account::Model);

/// Checks address and password; `device_token` is one that the device got when it signed in before. Takes as long as a password hash does, whatever the outcome: never call it while other
/// writers wait.
///
/// # Errors
/// [`Error::InvalidCredentials`], alike for an unknown address, a wrong password and a disabled account;
/// [`Error::RateLimited`].
pub async fn verify(
    state: &State,
    caller: &Caller,
    email: &Email,
    password: &str,
    device_token: Option<&str>,
) -> Result<Verified> {
    let device = match device_token {
        Some(device_token) => device::recognise(state, email, device_token).await?,
        None => None,
    };
    match device {
        Some(device) => state.throttle().attempt_on(email, device)?,
        None => state.throttle().attempt(email, caller.origin.network)?,
    }
    check_password(state, caller, email, password).await
}

async fn check_password(state: &State, caller: &Caller, email: &Email, password: &str) -> Result<Verified> {
    let account = accounts::find_by_email(state.database().reader(), email).await?;
    let hash = account.as_ref().and_then(|account| account.password_hash.as_deref());
    let right = password::verify(state, &Client::of(caller), password, hash).await?;
    account.filter(|_| right).map(Verified).ok_or(Error::InvalidCredentials)
}

/// A change of password that is fit to be carried out.
#[derive(Debug)]
pub struct NewPassword {
    session: Uuid,
    seen: Verified,
    password: Hashed,
}

/// Checks the current password of somebody who is signed in, and hashes the new one. Never call it while other writers
/// wait.
///
/// # Errors
/// [`Error::InvalidCredentials`]; [`Error::RateLimited`]; [`Error::Invalid`] at `newPassword` when that is too weak;
/// [`Error::Forbidden`] for whoever is not signed in with a session of ours; [`Error::Unauthenticated`].
pub async fn prepare_password(state: &State, caller: &Caller, current: &str, new: &str) -> Result<NewPassword> {
    let Credential::Session(claims) = caller.credential.as_ref().ok_or(Error::Unauthenticated)? else {
        return Err(Error::Forbidden);
    };
    let account = live_account(state.database().reader(), claims, state.now()).await?;
    // A session is a known device.
    state.throttle().attempt_on(&account.email, claims.sid)?;
    let seen = check_password(state, caller, &account.email, current).await?;
    let password = password::hash_field(state, &Client::of(caller), &account.email, new, "newPassword").await?;
    Ok(NewPassword { session: claims.sid, seen, password })
}

/// Changes the password and ends every other session of the account; the one that asks goes on.
///
/// # Errors
/// [`Error::InvalidCredentials`] when the account has changed since its password was checked.
pub async fn change_password(transaction: &mut Transaction, new: NewPassword) -> Result<()> {
    let NewPassword { session, seen: Verified(seen), password } = new;
    let account = accounts::live(transaction.connection(), seen.id).await?;
    let account = account.filter(|now| now.password_hash == seen.password_hash).ok_or(Error::InvalidCredentials)?;
    accounts::replace_password(transaction, account.id, password, Some(session)).await?;
    Ok(())
}

/// An account that may be signed in to, and whose password was shown.
#[derive(Debug)]
pub struct Admitted(account::Model);

/// Whether an account may be signed in to at this moment.
///
/// # Errors
/// [`Error::InvalidCredentials`] when the account has changed since its password was checked.
pub async fn admit(transaction: &mut Transaction, Verified(seen): Verified) -> Result<Admitted> {
    let account = accounts::live(transaction.connection(), seen.id).await?;
    let account = account.filter(|now| now.password_hash == seen.password_hash).ok_or(Error::InvalidCredentials)?;
    transaction.acts_as(Actor::Account(account.id));
    Ok(Admitted(account))
}

/// Starts a session.
///
/// # Errors
/// When the database cannot be written.
pub async fn sign_in(transaction: &Transaction, Admitted(account): Admitted) -> Result<SignedIn> {
    start(transaction, account).await
}

/// Starts a session for an account.
///
/// # Errors
/// When the database cannot be written.
pub(super) async fn start(transaction: &Transaction, account: account::Model) -> Result<SignedIn> {
    let (state, now) = (transaction.state(), transaction.now());
    let session = state.new_id();
    let row = session::ActiveModel {
        id: Set(session),
        account_id: Set(account.id),
        created_at: Set(now),
        expires_at: Set(now + Duration::days(i64::from(state.config().session_days))),
        ended_at: Set(None),
    };
    session::Entity::insert(row).exec(transaction.connection()).await?;
    hand_out(transaction, account, session, 0).await
}

/// A refresh token of a session that goes on.
#[derive(Debug)]
pub struct Continued {
    token: refresh_token::Model,
    account: account::Model,
}

/// The refresh token with this text, if its session goes on.
///
/// # Errors
/// [`Error::SessionEnded`] when the token is unknown or belongs to a session that is over.
pub async fn continued(transaction: &mut Transaction, token: &str) -> Result<Continued> {
    let now = transaction.now();
    let found = refresh_token::Entity::find_by_id(hash(token))
        .find_also_related(session::Entity)
        .one(transaction.connection())
        .await?;
    let Some((token, Some(session))) = found else { return Err(Error::SessionEnded) };
    let account = account::Entity::find_by_id(session.account_id).one(transaction.connection()).await?;
    let Some(account) = account.filter(|account| is_live(&session, account, now)) else {
        return Err(Error::SessionEnded);
    };
    transaction.acts_as(Actor::Account(account.id));
    Ok(Continued { token, account })
}

/// Exchanges a refresh token for the next pair. A token that was used a moment ago ([`GRACE`]) is taken once more.
///
/// # Errors
/// [`Error::SessionEnded`] when the token was used before; also when a third one asks within the moment, which ends
/// nothing.
pub async fn refresh(transaction: &mut Transaction, Continued { token, account }: Continued) -> Result<SignedIn> {
    let (now, session) = (transaction.now(), token.session_id);
    let generation = refresh_token::Entity::find()
        .filter(refresh_token::COLUMN.session_id.eq(session))
        .filter(refresh_token::COLUMN.generation.eq(token.generation))
        .all(transaction.connection())
        .await?;
    if generation.iter().filter_map(|token| token.used_at).min().is_some_and(|used_at| now >= used_at + GRACE) {
        end(transaction, session).await?;
        // The session stays ended although the refresh is refused.
        transaction.checkpoint().await?;
        return Err(Error::SessionEnded);
    }
    if generation.iter().map(|token| token.exchanges).sum::<i32>() >= EXCHANGES {
        return Err(Error::SessionEnded);
    }
    let next = token.generation + 1;
    let used = refresh_token::ActiveModel {
        hash: Set(token.hash),
        used_at: Set(Some(token.used_at.unwrap_or(now))),
        exchanges: Set(token.exchanges + 1),
        ..Default::default()
    };
    used.update(transaction.connection()).await?;
    hand_out(transaction, account, session, next).await
}

/// Ends a session.
///
/// # Errors
/// When the database cannot be written.
pub async fn sign_out(transaction: &Transaction, claims: &Claims) -> Result<()> {
    end(transaction, claims.sid).await
}

/// The account behind a token, if its session still lives.
///
/// # Errors
/// [`Error::Unauthenticated`] when session or account have ended.
pub async fn live_account(
    connection: &impl ConnectionTrait,
    claims: &Claims,
    now: DateTime<Utc>,
) -> Result<account::Model> {
    let found = session::Entity::find_by_id(claims.sid).find_also_related(account::Entity).one(connection).await?;
    match found {
        Some((session, Some(account))) if account.id == claims.sub && is_live(&session, &account, now) => Ok(account),
        _ => Err(Error::Unauthenticated),
    }
}

/// Whether a session still counts: neither it nor its account has ended.
fn is_live(session: &session::Model, account: &account::Model, now: DateTime<Utc>) -> bool {
    session.ended_at.is_none()
        && head::has_begun(session.created_at, now)
        && now < session.expires_at
        && account.disabled_at.is_none()
}

/// Hands out the next pair of tokens, and notes that the account was seen.
async fn hand_out(
    transaction: &Transaction,
    account: account::Model,
    session: Uuid,
    generation: i32,
) -> Result<SignedIn> {
    let (state, now) = (transaction.state(), transaction.now());
    let refresh_token = BASE64_URL_SAFE_NO_PAD.encode(state.random().bytes::<32>());
    let row = refresh_token::ActiveModel {
        hash: Set(hash(&refresh_token)),
        session_id: Set(session),
        created_at: Set(now),
        used_at: Set(None),
        generation: Set(generation),
        exchanges: Set(0),
    };
    refresh_token::Entity::insert(row).exec(transaction.connection()).await?;
    let seen = account::ActiveModel { id: Set(account.id), last_seen_at: Set(Some(now)), ..Default::default() };
    let account = seen.update(transaction.connection()).await?;
    let access = token::issue(state, &account, session)?;
    let device_token = device::issue(state, &account, session)?;
    Ok(SignedIn { grants: accounts::grants(&account)?, account, access, refresh_token, device_token })
}

async fn end(transaction: &Transaction, session: Uuid) -> Result<()> {
    session::ActiveModel { id: Set(session), ended_at: Set(Some(transaction.now())), ..Default::default() }
        .update(transaction.connection())
        .await?;
    Ok(())
}

/// The token has 256 random bits, so a plain hash keeps it as well as a slow one.
fn hash(token: &str) -> String {
    sha256(token.as_bytes())
}
