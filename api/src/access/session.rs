//! Sessions: sign in, refresh, sign out. A refresh token works once; presenting a used one ends its session, because
//! either the thief or the owner holds the other half.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, Duration, Utc};
use entities::{Email, account, refresh_token, session};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, DatabaseTransaction, EntityTrait};
use uuid::Uuid;

use crate::{
    access::{
        Actor, Caller, account as accounts,
        audit::{self, sha256},
        password,
        token::{self, AccessToken, Claims},
    },
    error::{Code, Error, Result},
    state::State,
};

/// What a client holds after signing in or refreshing.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// Whose session it is.
    pub account: account::Model,
    /// To be sent with every request.
    pub access: AccessToken,
    /// To be exchanged, once, for the next pair.
    pub refresh_token: String,
}

/// Starts a session.
///
/// # Errors
/// [`Error::InvalidCredentials`], alike for an unknown address, a wrong password and a disabled account, after the same
/// work; [`Error::RateLimited`].
pub async fn sign_in(state: &State, caller: &Caller, email: &Email, password: &str) -> Result<SignedIn> {
    state.throttle().attempt(email, &caller.network)?;
    let account = accounts::find_by_email(state.database().reader(), email).await?;
    let hash = account.as_ref().map(|account| account.password_hash.as_str());
    let right = password::verify(state, password, hash).await?;

    let transaction = state.database().begin_write().await?;
    let request = Some(caller.request_id.as_str());
    // Read again: the account may have been disabled while the password was being hashed.
    let account = match account {
        Some(account) if right => account::Entity::find_by_id(account.id)
            .one(&transaction)
            .await?
            .filter(|now| now.disabled_at.is_none() && now.password_hash == account.password_hash),
        _ => None,
    };
    let Some(account) = account else {
        let entry = audit::Entry::refused(Actor::Anonymous, "signIn", Code::InvalidCredentials).request(request);
        audit::record(&transaction, state.now(), entry).await?;
        transaction.commit().await?;
        return Err(Error::InvalidCredentials);
    };

    let now = state.now();
    let session = state.new_id();
    let row = session::ActiveModel {
        id: Set(session),
        account_id: Set(account.id),
        created_at: Set(now),
        expires_at: Set(now + Duration::days(i64::from(state.config().session_days))),
        ended_at: Set(None),
    };
    session::Entity::insert(row).exec(&transaction).await?;
    let signed_in = hand_out(state, &transaction, account, session).await?;
    let entry = audit::Entry::done(Actor::Account(signed_in.account.id), "signIn").request(request);
    audit::record(&transaction, now, entry).await?;
    transaction.commit().await?;
    Ok(signed_in)
}

/// Exchanges a refresh token for the next pair.
///
/// # Errors
/// [`Error::SessionEnded`] when the token is unknown, was used before, or belongs to a session that is over.
pub async fn refresh(state: &State, caller: &Caller, token: &str) -> Result<SignedIn> {
    let now = state.now();
    let transaction = state.database().begin_write().await?;
    let found =
        refresh_token::Entity::find_by_id(hash(token)).find_also_related(session::Entity).one(&transaction).await?;
    let Some((token, Some(session))) = found else { return Err(Error::SessionEnded) };
    let account = account::Entity::find_by_id(session.account_id).one(&transaction).await?;
    let Some(account) = account.filter(|account| is_live(&session, account, now)) else {
        return Err(Error::SessionEnded);
    };
    let request = Some(caller.request_id.as_str());
    let actor = Actor::Account(account.id);
    if token.used_at.is_some() {
        end(state, &transaction, session.id).await?;
        let entry = audit::Entry::refused(actor, "refreshSession", Code::SessionEnded).request(request);
        audit::record(&transaction, now, entry).await?;
        transaction.commit().await?;
        return Err(Error::SessionEnded);
    }
    refresh_token::ActiveModel { hash: Set(token.hash), used_at: Set(Some(now)), ..Default::default() }
        .update(&transaction)
        .await?;
    let signed_in = hand_out(state, &transaction, account, session.id).await?;
    audit::record(&transaction, now, audit::Entry::done(actor, "refreshSession").request(request)).await?;
    transaction.commit().await?;
    Ok(signed_in)
}

/// Ends the session of the caller's access token.
///
/// # Errors
/// [`Error::Unauthenticated`] without a token, or when its session has ended already.
pub async fn sign_out(state: &State, caller: &Caller) -> Result<()> {
    let claims = caller.claims.as_ref().ok_or(Error::Unauthenticated)?;
    let account = live_account(state, claims).await?;
    let transaction = state.database().begin_write().await?;
    end(state, &transaction, claims.sid).await?;
    let entry = audit::Entry::done(Actor::Account(account.id), "signOut").request(Some(&caller.request_id));
    audit::record(&transaction, state.now(), entry).await?;
    Ok(transaction.commit().await?)
}

/// The account behind a token, if its session still lives.
///
/// # Errors
/// [`Error::Unauthenticated`] when session or account have ended.
pub async fn live_account(state: &State, claims: &Claims) -> Result<account::Model> {
    let found = session::Entity::find_by_id(claims.sid)
        .find_also_related(account::Entity)
        .one(state.database().reader())
        .await?;
    match found {
        Some((session, Some(account))) if account.id == claims.sub && is_live(&session, &account, state.now()) => {
            Ok(account)
        }
        _ => Err(Error::Unauthenticated),
    }
}

/// Whether a session still counts: neither it nor its account has ended.
fn is_live(session: &session::Model, account: &account::Model, now: DateTime<Utc>) -> bool {
    session.ended_at.is_none() && now < session.expires_at && account.disabled_at.is_none()
}

async fn hand_out(
    state: &State,
    transaction: &DatabaseTransaction,
    account: account::Model,
    session: Uuid,
) -> Result<SignedIn> {
    let refresh_token = BASE64_URL_SAFE_NO_PAD.encode(state.random().bytes::<32>());
    let row = refresh_token::ActiveModel {
        hash: Set(hash(&refresh_token)),
        session_id: Set(session),
        created_at: Set(state.now()),
        used_at: Set(None),
    };
    refresh_token::Entity::insert(row).exec(transaction).await?;
    let access = token::issue(state, &account, session)?;
    Ok(SignedIn { account, access, refresh_token })
}

async fn end(state: &State, transaction: &DatabaseTransaction, session: Uuid) -> Result<()> {
    session::ActiveModel { id: Set(session), ended_at: Set(Some(state.now())), ..Default::default() }
        .update(transaction)
        .await?;
    Ok(())
}

/// The token has 256 random bits, so a plain hash keeps it as well as a slow one.
fn hash(token: &str) -> String {
    sha256(token.as_bytes())
}
