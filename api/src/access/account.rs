//! Accounts: create, disable, set the password.

use entities::{Email, Locale, Role, Rule, account, session};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use crate::{
    access::{Administrator, password::Hashed, permission::Grants},
    error::{Error, Result},
    state::State,
    transaction::Transaction,
};

/// An account to be.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// The address it signs in with.
    pub email: Email,
    /// What it may do.
    pub role: Role,
    /// The locales of a translator.
    pub locales: Vec<Locale>,
    /// Its first password; none for an account that sets it itself by a link.
    pub password: Option<Hashed>,
}

/// Creates an account.
///
/// # Errors
/// [`Error::Invalid`] when the address is taken, or locales and role do not fit.
pub async fn create(transaction: &mut Transaction, _: &Administrator, new: NewAccount) -> Result<Uuid> {
    if find_by_email(transaction.connection(), &new.email).await?.is_some() {
        return Err(Error::invalid(["email"], Rule::Taken));
    }
    insert(transaction, new).await
}

/// Creates the first account, an administrator; does nothing when there is an account already.
///
/// # Errors
/// When the database cannot be written.
pub async fn create_first(
    transaction: &mut Transaction,
    _: &Administrator,
    email: Email,
    password: Hashed,
) -> Result<bool> {
    if any(transaction.connection()).await? {
        return Ok(false);
    }
    let new = NewAccount { email, role: Role::Administrator, locales: Vec::new(), password: Some(password) };
    insert(transaction, new).await?;
    Ok(true)
}

/// Sets a new password and ends all sessions of the account.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn set_password(
    transaction: &mut Transaction,
    _: &Administrator,
    email: &Email,
    password: Hashed,
) -> Result<()> {
    let change = account::ActiveModel { password_hash: Set(Some(password.into())), ..Default::default() };
    change_and_end_sessions(transaction, email, change).await
}

/// Shuts an account out and ends all its sessions.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn disable(transaction: &mut Transaction, _: &Administrator, email: &Email) -> Result<()> {
    let change = account::ActiveModel { disabled_at: Set(Some(transaction.now())), ..Default::default() };
    change_and_end_sessions(transaction, email, change).await
}

/// What an account may do by its role.
///
/// # Errors
/// When the stored locales are damaged.
pub fn grants(account: &account::Model) -> Result<Grants> {
    Ok(Grants::of(account.role, serde_json::from_value(account.locales.clone())?))
}

/// The account with this id, unless it is shut out.
///
/// # Errors
/// When the database cannot be read.
pub async fn live(connection: &impl ConnectionTrait, id: Uuid) -> Result<Option<account::Model>> {
    let found = account::Entity::find_by_id(id).one(connection).await?;
    Ok(found.filter(|account| account.disabled_at.is_none()))
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

async fn insert(transaction: &Transaction, new: NewAccount) -> Result<Uuid> {
    let id = transaction.state().new_id();
    let row = account::ActiveModel {
        id: Set(id),
        email: Set(new.email),
        password_hash: Set(new.password.map(String::from)),
        role: Set(new.role),
        locales: Set(serde_json::to_value(new.locales)?),
        issuer: Set(None),
        subject: Set(None),
        disabled_at: Set(None),
        last_seen_at: Set(None),
        created_at: Set(transaction.now()),
    };
    account::Entity::insert(row).exec(transaction.connection()).await?;
    Ok(id)
}

async fn change_and_end_sessions(transaction: &Transaction, email: &Email, change: account::ActiveModel) -> Result<()> {
    let account = find_by_email(transaction.connection(), email).await?.ok_or(Error::NotFound("the account"))?;
    account::ActiveModel { id: Set(account.id), ..change }.update(transaction.connection()).await?;
    session::Entity::update_many()
        .filter(session::COLUMN.account_id.eq(account.id))
        .filter(session::COLUMN.ended_at.is_null())
        .set(session::ActiveModel { ended_at: Set(Some(transaction.now())), ..Default::default() })
        .exec(transaction.connection())
        .await?;
    Ok(())
}
