//! Accounts: create, disable, set the password. For the command line today, for administrators tomorrow.

use entities::{Email, Role, Rule, account, session};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter,
};
use uuid::Uuid;

use crate::{
    access::{Administrator, audit, password},
    error::{Error, Result},
    state::State,
};

/// An account to be.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// The address it signs in with.
    pub email: Email,
    /// What it may do.
    pub role: Role,
    /// Its first password.
    pub password: String,
}

/// Creates an account.
///
/// # Errors
/// [`Error::Invalid`] when the address is taken or the password too short.
pub async fn create(state: &State, administrator: &Administrator, new: NewAccount) -> Result<Uuid> {
    let hash = hash_checked(state, &new.password).await?;
    let transaction = state.database().begin_write().await?;
    if find_by_email(&transaction, &new.email).await?.is_some() {
        return Err(Error::invalid(["email"], Rule::Taken));
    }
    let id = insert(state, &transaction, new.email, new.role, hash).await?;
    record(state, &transaction, administrator, "user add").await?;
    transaction.commit().await?;
    Ok(id)
}

/// Creates the first account, an administrator; does nothing when there is an account already.
///
/// # Errors
/// [`Error::Invalid`] when the password is too short.
pub async fn create_first(state: &State, administrator: &Administrator, email: Email, password: &str) -> Result<bool> {
    let hash = hash_checked(state, password).await?;
    let transaction = state.database().begin_write().await?;
    if any(&transaction).await? {
        return Ok(false);
    }
    insert(state, &transaction, email, Role::Administrator, hash).await?;
    record(state, &transaction, administrator, "user add").await?;
    transaction.commit().await?;
    Ok(true)
}

/// Sets a new password and ends all sessions of the account.
///
/// # Errors
/// [`Error::NotFound`], or [`Error::Invalid`] when the password is too short.
pub async fn set_password(state: &State, administrator: &Administrator, email: &Email, password: &str) -> Result<()> {
    let hash = hash_checked(state, password).await?;
    let change = account::ActiveModel { password_hash: Set(hash), ..Default::default() };
    change_and_end_sessions(state, administrator, "user password", email, change).await
}

/// Shuts an account out and ends all its sessions.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn disable(state: &State, administrator: &Administrator, email: &Email) -> Result<()> {
    let change = account::ActiveModel { disabled_at: Set(Some(state.now())), ..Default::default() };
    change_and_end_sessions(state, administrator, "user disable", email, change).await
}

/// The account with this address.
///
/// # Errors
/// When the database cannot be read.
pub async fn find_by_email(connection: &impl ConnectionTrait, email: &Email) -> Result<Option<account::Model>> {
    Ok(account::Entity::find().filter(account::COLUMN.email.eq(email.clone())).one(connection).await?)
}

/// The address of an account.
///
/// # Errors
/// When the database cannot be read, or has no such account.
pub async fn email(state: &State, id: Uuid) -> Result<String> {
    let account = account::Entity::find_by_id(id).one(state.database().reader()).await?;
    account.map(|account| account.email.into()).ok_or_else(|| Error::internal(format!("account {id} is missing")))
}

/// Whether there is any account.
///
/// # Errors
/// When the database cannot be read.
pub async fn any(connection: &impl ConnectionTrait) -> Result<bool> {
    Ok(account::Entity::find().one(connection).await?.is_some())
}

async fn hash_checked(state: &State, password: &str) -> Result<String> {
    password::check(password).map_err(|rule| Error::invalid(["password"], rule))?;
    password::hash(state, password).await
}

async fn insert(
    state: &State,
    transaction: &DatabaseTransaction,
    email: Email,
    role: Role,
    password_hash: String,
) -> Result<Uuid> {
    let id = state.new_id();
    let row = account::ActiveModel {
        id: Set(id),
        email: Set(email),
        password_hash: Set(password_hash),
        role: Set(role),
        disabled_at: Set(None),
        created_at: Set(state.now()),
    };
    account::Entity::insert(row).exec(transaction).await?;
    Ok(id)
}

async fn change_and_end_sessions(
    state: &State,
    administrator: &Administrator,
    action: &'static str,
    email: &Email,
    change: account::ActiveModel,
) -> Result<()> {
    let transaction = state.database().begin_write().await?;
    let account = find_by_email(&transaction, email).await?.ok_or(Error::NotFound("the account"))?;
    account::ActiveModel { id: Set(account.id), ..change }.update(&transaction).await?;
    session::Entity::update_many()
        .filter(session::COLUMN.account_id.eq(account.id))
        .filter(session::COLUMN.ended_at.is_null())
        .set(session::ActiveModel { ended_at: Set(Some(state.now())), ..Default::default() })
        .exec(&transaction)
        .await?;
    record(state, &transaction, administrator, action).await?;
    Ok(transaction.commit().await?)
}

async fn record(
    state: &State,
    transaction: &DatabaseTransaction,
    administrator: &Administrator,
    action: &'static str,
) -> Result<()> {
    audit::record(transaction, state.now(), audit::Entry::done(administrator.actor(), action)).await
}
