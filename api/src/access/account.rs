//! Accounts: create, list, change, shut out, let in again, set the password.
//!
//! Nobody hands out more than they have: a token that may manage people, and nothing else, makes no administrator. And
//! somebody stays who can manage people: see [`Rule::LastAdministrator`].

pub mod graphql;

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use entities::{Email, Locale, Role, Rule, account, account_link, session};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use crate::{
    access::{Actor, Administrator, api_token::memory, issuer::Issuers, password::Hashed, permission::Grants},
    error::{Error, Fault, Result},
    locale,
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

/// What is to change of an account; what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// What it may do.
    pub role: Option<Role>,
    /// The locales of a translator.
    pub locales: Option<Vec<Locale>>,
}

/// How an account is named.
#[derive(Clone, Debug)]
pub enum Which<'a> {
    /// By its address.
    Email(&'a Email),
    /// By its id.
    Id(Uuid),
}

impl<'a> From<&'a Email> for Which<'a> {
    fn from(email: &'a Email) -> Self {
        Self::Email(email)
    }
}

impl From<Uuid> for Which<'_> {
    fn from(id: Uuid) -> Self {
        Self::Id(id)
    }
}

/// Whether somebody can sign in to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountState {
    /// It has no password yet.
    Invited,
    /// Its owner can sign in.
    Active,
    /// It is shut out.
    Disabled,
    /// Its identity provider gives it no role here any more.
    Unvouched,
}

/// Whether somebody can sign in to this account.
#[must_use]
pub const fn state(account: &account::Model) -> AccountState {
    match account {
        account::Model { disabled_at: Some(_), .. } => AccountState::Disabled,
        account::Model { unvouched_at: Some(_), .. } => AccountState::Unvouched,
        account::Model { password_hash: None, issuer: None, .. } => AccountState::Invited,
        _ => AccountState::Active,
    }
}

/// What global ids of accounts, and the audit log, call an account.
pub const TYPE_NAME: &str = "Account";

/// Creates an account.
///
/// # Errors
/// [`Error::Invalid`] when the address is taken, or locales and role do not fit; [`Error::Forbidden`] when the account
/// could do more than whoever creates it.
pub async fn create(
    transaction: &mut Transaction,
    administrator: &Administrator,
    new: NewAccount,
) -> Result<account::Model> {
    let mut faults = Vec::new();
    if find_by_email(transaction.connection(), &new.email).await?.is_some() {
        faults.push(Fault::new(["email"], Rule::Taken));
    }
    faults.extend(misfits(transaction, new.role, &new.locales).await?);
    if !faults.is_empty() {
        return Err(Error::Invalid(faults));
    }
    hand_out(administrator, new.role, &new.locales)?;
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

/// Changes what an account may do.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`] when locales and role do not fit, or nobody would be left to manage people;
/// [`Error::Forbidden`] when the account could do more than whoever changes it.
pub async fn update(
    transaction: &mut Transaction,
    administrator: &Administrator,
    id: Uuid,
    change: Change,
) -> Result<account::Model> {
    let account = find(transaction.connection(), id).await?;
    transaction.targets(TYPE_NAME, id);
    let role = change.role.unwrap_or(account.role);
    let locales = match change.locales {
        Some(locales) => locales,
        None => serde_json::from_value(account.locales.clone())?,
    };
    let mut faults = misfits(transaction, role, &locales).await?;
    if role != Role::Administrator {
        faults.extend(last_administrator(transaction, administrator, &account).await?);
    }
    if !faults.is_empty() {
        return Err(Error::Invalid(faults));
    }
    hand_out(administrator, role, &locales)?;
    let locales = Set(serde_json::to_value(locales)?);
    let changed = account::ActiveModel { id: Set(id), role: Set(role), locales, ..Default::default() };
    Ok(changed.update(transaction.connection()).await?)
}

/// Sets a new password. Ends all sessions of the account and the link to set its password with.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`] when the account signs in elsewhere.
pub async fn set_password(
    transaction: &mut Transaction,
    _: &Administrator,
    email: &Email,
    password: Hashed,
) -> Result<()> {
    let account = find(transaction.connection(), email).await?;
    transaction.targets(TYPE_NAME, account.id);
    if account.issuer.is_some() {
        return Err(Error::invalid(["email"], Rule::ForeignAccount));
    }
    replace_password(transaction, account.id, password, None).await?;
    Ok(())
}

/// Sets a new password. Ends the sessions of the account but for `keep`, and the link to set its password with.
pub(super) async fn replace_password(
    transaction: &Transaction,
    id: Uuid,
    password: Hashed,
    keep: Option<Uuid>,
) -> Result<account::Model> {
    end_sessions(transaction, id, keep).await?;
    end_links(transaction, id).await?;
    let change = account::ActiveModel { id: Set(id), password_hash: Set(Some(password.into())), ..Default::default() };
    Ok(change.update(transaction.connection()).await?)
}

/// Shuts an account out: ends all its sessions and the link to set its password with. Its access tokens and API tokens
/// count for nothing from now on, since every use asks for the account.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`] when nobody would be left to manage people.
pub async fn disable(
    transaction: &mut Transaction,
    administrator: &Administrator,
    which: impl Into<Which<'_>>,
) -> Result<account::Model> {
    let account = find(transaction.connection(), which).await?;
    transaction.targets(TYPE_NAME, account.id);
    if let Some(fault) = last_administrator(transaction, administrator, &account).await? {
        return Err(Error::Invalid(vec![fault]));
    }
    end_sessions(transaction, account.id, None).await?;
    end_links(transaction, account.id).await?;
    let disabled_at = Set(Some(account.disabled_at.unwrap_or_else(|| transaction.now())));
    if account.disabled_at.is_none() {
        transaction.tag([memory::TAG.to_owned()]);
    }
    let change = account::ActiveModel { id: Set(account.id), disabled_at, ..Default::default() };
    Ok(change.update(transaction.connection()).await?)
}

/// Lets an account in again. Its sessions stay ended; its API tokens work as long as they last.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Forbidden`] when the account may do more than whoever lets it in.
pub async fn enable(
    transaction: &mut Transaction,
    administrator: &Administrator,
    which: impl Into<Which<'_>>,
) -> Result<account::Model> {
    let account = find(transaction.connection(), which).await?;
    transaction.targets(TYPE_NAME, account.id);
    cover(administrator, &account)?;
    if account.disabled_at.is_some() {
        transaction.tag([memory::TAG.to_owned()]);
    }
    let change = account::ActiveModel { id: Set(account.id), disabled_at: Set(None), ..Default::default() };
    Ok(change.update(transaction.connection()).await?)
}

/// All accounts, by their addresses in the order of code points. An institution has as many as it has people.
///
/// # Errors
/// When the database cannot be read.
pub async fn all(connection: &impl ConnectionTrait, _: &Administrator) -> Result<Vec<account::Model>> {
    let mut accounts = account::Entity::find().all(connection).await?;
    accounts.sort_by(|a, b| a.email.cmp(&b.email));
    Ok(accounts)
}

/// The accounts with these ids.
///
/// # Errors
/// When the database cannot be read.
pub async fn among(
    connection: &impl ConnectionTrait,
    _: &Administrator,
    ids: &BTreeSet<Uuid>,
) -> Result<Vec<account::Model>> {
    Ok(account::Entity::find().filter(account::COLUMN.id.is_in(ids.iter().copied())).all(connection).await?)
}

/// What an account may do by its role.
///
/// # Errors
/// When the stored locales are damaged.
pub fn grants(account: &account::Model) -> Result<Grants> {
    Ok(Grants::of(account.role, serde_json::from_value(account.locales.clone())?))
}

/// What this account may do by itself at this moment, for what acts in its name; nothing when it is shut out, when its
/// provider gives it no role any more or has not vouched for it for long, or when that provider is not trusted any more.
///
/// # Errors
/// When the database cannot be read.
pub async fn standing(state: &State, connection: &impl ConnectionTrait, id: Uuid) -> Result<Option<Grants>> {
    let found = account::Entity::find_by_id(id).one(connection).await?;
    found.filter(|account| stands(state.issuers(), account, state.now())).as_ref().map(grants).transpose()
}

/// Whether what acts in the name of this account may act at all.
pub(super) fn stands(issuers: &Issuers, account: &account::Model, now: DateTime<Utc>) -> bool {
    account.disabled_at.is_none()
        && account.unvouched_at.is_none()
        && account.issuer.as_deref().is_none_or(|issuer| issuers.vouch(issuer, account.last_seen_at, now))
}

/// Nothing, if whoever acts may do all that the account may: they are about to hand that out.
///
/// # Errors
/// [`Error::Forbidden`].
pub(super) fn cover(administrator: &Administrator, account: &account::Model) -> Result<()> {
    if administrator.grants().cover(&grants(account)?) { Ok(()) } else { Err(Error::Forbidden) }
}

/// The account with this id, unless it is shut out.
///
/// # Errors
/// When the database cannot be read.
pub async fn live(connection: &impl ConnectionTrait, id: Uuid) -> Result<Option<account::Model>> {
    let found = account::Entity::find_by_id(id).one(connection).await?;
    Ok(found.filter(|account| account.disabled_at.is_none()))
}

/// The account with this id or address.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn find(connection: &impl ConnectionTrait, which: impl Into<Which<'_>>) -> Result<account::Model> {
    let found = match which.into() {
        Which::Email(email) => find_by_email(connection, email).await?,
        Which::Id(id) => account::Entity::find_by_id(id).one(connection).await?,
    };
    found.ok_or(Error::not_found("the account"))
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

/// The addresses of these accounts.
///
/// # Errors
/// When the database cannot be read.
pub async fn emails(connection: &impl ConnectionTrait, accounts: BTreeSet<Uuid>) -> Result<HashMap<Uuid, String>> {
    if accounts.is_empty() {
        return Ok(HashMap::new());
    }
    let found = account::Entity::find().filter(account::COLUMN.id.is_in(accounts)).all(connection).await?;
    Ok(found.into_iter().map(|account| (account.id, account.email.into())).collect())
}

/// Whether there is any account.
///
/// # Errors
/// When the database cannot be read.
pub async fn any(connection: &impl ConnectionTrait) -> Result<bool> {
    Ok(account::Entity::find().one(connection).await?.is_some())
}

async fn insert(transaction: &mut Transaction, new: NewAccount) -> Result<account::Model> {
    let row = account::ActiveModel {
        id: Set(transaction.state().new_id()),
        email: Set(new.email),
        password_hash: Set(new.password.map(String::from)),
        role: Set(new.role),
        locales: Set(serde_json::to_value(new.locales)?),
        issuer: Set(None),
        subject: Set(None),
        vouched_at: Set(None),
        unvouched_at: Set(None),
        disabled_at: Set(None),
        last_seen_at: Set(None),
        created_at: Set(transaction.now()),
    };
    let account = row.insert(transaction.connection()).await?;
    transaction.targets(TYPE_NAME, account.id);
    Ok(account)
}

/// What is wrong with these locales for this role.
async fn misfits(transaction: &Transaction, role: Role, locales: &[Locale]) -> Result<Vec<Fault>> {
    let mut faults = Vec::new();
    if (role == Role::Translator) == locales.is_empty() {
        faults.push(Fault::new(["locales"], Rule::LocalesOfRole));
    }
    faults.extend(unusable(transaction, locales).await?);
    Ok(faults)
}

/// A fault for each locale that the site does not offer or that stands twice, at `locales` and its position.
pub(super) async fn unusable(transaction: &Transaction, locales: &[Locale]) -> Result<Vec<Fault>> {
    if locales.is_empty() {
        return Ok(Vec::new());
    }
    let offered = locale::offered(transaction.connection()).await?;
    let fault = |(index, locale): (usize, &Locale)| {
        let rule = if locales[..index].contains(locale) {
            Rule::Duplicate
        } else if offered.contains(locale) {
            return None;
        } else {
            Rule::Unknown
        };
        Some(Fault::new(["locales".to_owned(), index.to_string()], rule))
    };
    Ok(locales.iter().enumerate().filter_map(fault).collect())
}

/// Nothing, if whoever acts may do all that this role in these locales may.
fn hand_out(administrator: &Administrator, role: Role, locales: &[Locale]) -> Result<()> {
    let grants = Grants::of(role, locales.to_vec());
    if administrator.grants().cover(&grants) { Ok(()) } else { Err(Error::Forbidden) }
}

/// A fault when an account that is about to lose its role or its access is the one that acts, or the only one left that
/// can manage people. The operator at the command line may do that: whoever is there makes another one.
async fn last_administrator(
    transaction: &Transaction,
    administrator: &Administrator,
    account: &account::Model,
) -> Result<Option<Fault>> {
    if account.role != Role::Administrator || administrator.actor() == Actor::CommandLine {
        return Ok(None);
    }
    let last = state(account) == AccountState::Active
        && account::Entity::find()
            .filter(account::COLUMN.id.ne(account.id))
            .filter(account::COLUMN.role.eq(Role::Administrator))
            .filter(account::COLUMN.disabled_at.is_null())
            .filter(account::COLUMN.unvouched_at.is_null())
            .filter(
                Condition::any()
                    .add(account::COLUMN.password_hash.is_not_null())
                    .add(account::COLUMN.issuer.is_not_null()),
            )
            .one(transaction.connection())
            .await?
            .is_none();
    let own = administrator.actor().account() == Some(account.id);
    Ok((last || own).then(|| Fault::new(["id"], Rule::LastAdministrator)))
}

/// Ends the sessions of an account that have not ended, but for one.
async fn end_sessions(transaction: &Transaction, account: Uuid, keep: Option<Uuid>) -> Result<()> {
    let mut sessions = session::Entity::update_many()
        .filter(session::COLUMN.account_id.eq(account))
        .filter(session::COLUMN.ended_at.is_null());
    if let Some(keep) = keep {
        sessions = sessions.filter(session::COLUMN.id.ne(keep));
    }
    sessions
        .set(session::ActiveModel { ended_at: Set(Some(transaction.now())), ..Default::default() })
        .exec(transaction.connection())
        .await?;
    Ok(())
}

/// Ends the links to set the password of an account with that have not been used.
pub(super) async fn end_links(transaction: &Transaction, account: Uuid) -> Result<()> {
    let now: DateTime<Utc> = transaction.now();
    account_link::Entity::update_many()
        .filter(account_link::COLUMN.account_id.eq(account))
        .filter(account_link::COLUMN.used_at.is_null())
        .filter(account_link::COLUMN.expires_at.gt(now))
        .set(account_link::ActiveModel { expires_at: Set(now), ..Default::default() })
        .exec(transaction.connection())
        .await?;
    Ok(())
}
