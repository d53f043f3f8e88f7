//! Tokens with which programs act for the account that made them, narrowed to some capabilities and locales, until they
//! expire or are revoked. A token is shown once; the database has only its hash.

pub mod graphql;
pub mod memory;

use std::collections::BTreeSet;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, Duration, Utc};
use entities::{Line, Locale, Rule, account, api_token};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use uuid::Uuid;

use self::memory::Used;
use crate::{
    access::{
        Administrator, account as accounts,
        audit::sha256,
        permission::{Capability, Grants},
    },
    error::{Error, Fault, Result},
    state::State,
    transaction::Transaction,
};

/// How every token begins, so that it is told from an access token here, and found by scanners where it has leaked.
pub const PREFIX: &str = "alm_";
/// The longest that a token may last, in days: a year, and a day for whoever renews it on the same date.
pub const LONGEST_DAYS: i64 = 366;

/// A token to be.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// What its owner calls it.
    pub name: Line,
    /// What it may do.
    pub capabilities: Vec<Capability>,
    /// The locales in which it may write; none for all in which its owner may.
    pub locales: Option<Vec<Locale>>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

/// A token and whose it is.
#[derive(Clone, Debug)]
pub struct Owned {
    /// The token.
    pub token: api_token::Model,
    /// The address of the account that it acts for.
    pub owner: String,
}

impl Owned {
    /// What it may do at most.
    ///
    /// # Errors
    /// When what is stored is damaged.
    pub fn capabilities(&self) -> Result<Vec<Capability>> {
        Ok(serde_json::from_value(self.token.capabilities.clone())?)
    }

    /// The locales in which it may write; none when it is not limited to any.
    ///
    /// # Errors
    /// When what is stored is damaged.
    pub fn locales(&self) -> Result<Option<Vec<Locale>>> {
        locales(&self.token)
    }
}

/// What global ids of API tokens, and the audit log, call a token.
pub const TYPE_NAME: &str = "ApiToken";

/// Makes a token for the account that acts; returns it with its secret text, which nobody can read again.
///
/// # Errors
/// [`Error::Invalid`] when it would allow more than whoever makes it has, or has no good end; [`Error::Forbidden`] at the
/// command line, which is no account.
pub async fn create(
    transaction: &mut Transaction,
    administrator: &Administrator,
    new: NewToken,
) -> Result<(String, Owned)> {
    let maker = administrator.delegation()?;
    let (own, now) = (administrator.grants(), transaction.now());
    let mut faults = Vec::new();
    faults.extend(capabilities_beyond(own, &new.capabilities));
    let requested = new.locales.as_deref().unwrap_or_default();
    if new.locales.is_some() && requested.is_empty() {
        faults.push(Fault::new(["locales"], Rule::Required));
    }
    faults.extend(accounts::unusable(transaction, requested).await?);
    faults.extend(locales_beyond(own, requested));
    if new.expires_at <= now {
        faults.push(Fault::new(["expiresAt"], Rule::InThePast));
    } else if new.expires_at > now + Duration::days(LONGEST_DAYS) {
        faults.push(Fault::new(["expiresAt"], Rule::TooFarAhead { days: LONGEST_DAYS }));
    } else if maker.is_outlived_by(new.expires_at) {
        faults.push(Fault::new(["expiresAt"], Rule::OutlivesToken));
    }
    if !faults.is_empty() {
        return Err(Error::Invalid(faults));
    }
    // Whoever is limited to some locales hands out no token for all of them.
    let locales = new.locales.or_else(|| own.locales().map(|own| own.iter().cloned().collect()));
    let state = transaction.state();
    let text = format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(state.random().bytes::<32>()));
    let row = api_token::ActiveModel {
        id: Set(state.new_id()),
        account_id: Set(maker.account),
        name: Set(new.name.into()),
        hash: Set(hash(&text)),
        capabilities: Set(serde_json::to_value(new.capabilities)?),
        locales: Set(locales.map(serde_json::to_value).transpose()?),
        created_at: Set(now),
        expires_at: Set(new.expires_at),
        last_used_at: Set(None),
        revoked_at: Set(None),
        parent_id: Set(maker.api_token),
    };
    let token = row.insert(transaction.connection()).await?;
    transaction.targets(TYPE_NAME, token.id);
    transaction.tag([memory::TAG.to_owned()]);
    let owner = accounts::find(transaction.connection(), maker.account).await?.email.into();
    Ok((text, Owned { token, owner }))
}

/// A fault for each capability that whoever makes a token does not have, or that stands twice, or when there is none.
fn capabilities_beyond(own: &Grants, capabilities: &[Capability]) -> Vec<Fault> {
    if capabilities.is_empty() {
        return vec![Fault::new(["capabilities"], Rule::Required)];
    }
    let fault = |(index, capability): (usize, &Capability)| {
        let rule = if !own.include(*capability) {
            let allowed: Vec<&str> = own.capabilities().map(Capability::as_str).collect();
            Rule::NotOneOf { allowed: allowed.join(", ") }
        } else if capabilities[..index].contains(capability) {
            Rule::Duplicate
        } else {
            return None;
        };
        Some(Fault::new(["capabilities".to_owned(), index.to_string()], rule))
    };
    capabilities.iter().enumerate().filter_map(fault).collect()
}

/// A fault for each locale in which whoever makes a token may not write.
fn locales_beyond(own: &Grants, locales: &[Locale]) -> Vec<Fault> {
    let Some(own) = own.locales() else { return Vec::new() };
    let allowed = own.iter().map(Locale::as_str).collect::<Vec<_>>().join(", ");
    let beyond = locales.iter().enumerate().filter(|(_, locale)| !own.contains(*locale));
    let fault = |index: usize| {
        Fault::new(["locales".to_owned(), index.to_string()], Rule::NotOneOf { allowed: allowed.clone() })
    };
    beyond.map(|(index, _)| fault(index)).collect()
}

/// Ends a token before its time, and with it all that were made with it.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn revoke(transaction: &mut Transaction, _: &Administrator, id: Uuid) -> Result<Owned> {
    let found = api_token::Entity::find_by_id(id).one(transaction.connection()).await?;
    let token = found.ok_or(Error::not_found("the token"))?;
    transaction.targets(TYPE_NAME, id);
    let owner = accounts::find(transaction.connection(), token.account_id).await?.email.into();
    if token.revoked_at.is_some() {
        return Ok(Owned { token, owner });
    }
    let now = transaction.now();
    let mut family = vec![id];
    while !family.is_empty() {
        let children = api_token::Entity::find().filter(api_token::COLUMN.parent_id.is_in(family.iter().copied()));
        let children = children.all(transaction.connection()).await?.into_iter().map(|child| child.id).collect();
        api_token::Entity::update_many()
            .filter(api_token::COLUMN.id.is_in(family))
            .filter(api_token::COLUMN.revoked_at.is_null())
            .set(api_token::ActiveModel { revoked_at: Set(Some(now)), ..Default::default() })
            .exec(transaction.connection())
            .await?;
        family = children;
    }
    transaction.tag([memory::TAG.to_owned()]);
    let token = api_token::Model { revoked_at: Some(now), ..token };
    Ok(Owned { token, owner })
}

/// All tokens, the newest first, with those that have ended.
///
/// # Errors
/// When the database cannot be read.
pub async fn all(state: &State, _: &Administrator) -> Result<Vec<Owned>> {
    let tokens = api_token::Entity::find()
        .find_also_related(account::Entity)
        .order_by_desc(api_token::COLUMN.created_at)
        .order_by_desc(api_token::COLUMN.id);
    Ok(owned(state, tokens.all(state.database().reader()).await?))
}

/// The tokens with these ids, also those that have ended.
///
/// # Errors
/// When the database cannot be read.
pub async fn among(state: &State, _: &Administrator, ids: &BTreeSet<Uuid>) -> Result<Vec<Owned>> {
    let tokens = api_token::Entity::find()
        .find_also_related(account::Entity)
        .filter(api_token::COLUMN.id.is_in(ids.iter().copied()));
    Ok(owned(state, tokens.all(state.database().reader()).await?))
}

fn owned(state: &State, rows: Vec<(api_token::Model, Option<account::Model>)>) -> Vec<Owned> {
    let owned = |(mut token, account): (api_token::Model, Option<account::Model>)| {
        token.last_used_at = token.last_used_at.max(state.uses().of(Used::Token(token.id)));
        account.map(|account| Owned { token, owner: account.email.into() })
    };
    rows.into_iter().filter_map(owned).collect()
}

/// The id of the token with this text, if it and its account still live as far as this process knows. Notes that it is
/// used. Whoever reads drafts or writes must ask [`live`] as well.
///
/// # Errors
/// [`Error::Unauthenticated`] for every other token, whatever is wrong with it.
pub async fn identify(state: &State, text: &str) -> Result<Uuid> {
    let now = state.now();
    if let Some(id) = state.api_tokens().find(text, now) {
        state.uses().note(Used::Token(id), now);
        return Ok(id);
    }
    // Made in another process a moment ago, or none at all.
    let found = api_token::Entity::find()
        .filter(api_token::COLUMN.hash.eq(hash(text)))
        .find_also_related(account::Entity)
        .one(state.database().reader())
        .await?;
    let (token, _) = living(state, found)?;
    state.uses().note(Used::Token(token.id), now);
    Ok(token.id)
}

/// A token that has not ended.
#[derive(Clone, Debug)]
pub struct Live {
    /// The token.
    pub token: api_token::Model,
    /// What its account may do at this moment, narrowed to what the token may.
    pub grants: Grants,
}

/// The token with this id, and what it may do at this moment.
///
/// # Errors
/// [`Error::Unauthenticated`] when it, the token with which it was made, or its account has ended.
pub async fn live(state: &State, connection: &impl ConnectionTrait, id: Uuid) -> Result<Live> {
    let found = api_token::Entity::find_by_id(id).find_also_related(account::Entity).one(connection).await?;
    let (token, account) = living(state, found)?;
    // Ended with its parent when that was revoked, unless that was done past us.
    let mut parent = token.parent_id;
    while let Some(id) = parent {
        let found = api_token::Entity::find_by_id(id).one(connection).await?;
        parent = found.filter(|token| is_live(state, token)).ok_or(Error::Unauthenticated)?.parent_id;
    }
    let capabilities: Vec<Capability> = serde_json::from_value(token.capabilities.clone())?;
    let grants = accounts::grants(&account)?.narrowed(&capabilities, locales(&token)?);
    Ok(Live { token, grants })
}

fn living(
    state: &State,
    found: Option<(api_token::Model, Option<account::Model>)>,
) -> Result<(api_token::Model, account::Model)> {
    match found {
        Some((token, Some(account)))
            if is_live(state, &token) && accounts::stands(state.issuers(), &account, state.now()) =>
        {
            Ok((token, account))
        }
        _ => Err(Error::Unauthenticated),
    }
}

fn is_live(state: &State, token: &api_token::Model) -> bool {
    token.revoked_at.is_none() && state.now() < token.expires_at
}

fn locales(token: &api_token::Model) -> Result<Option<Vec<Locale>>> {
    Ok(token.locales.clone().map(serde_json::from_value).transpose()?)
}

/// The token has 256 random bits, so a plain hash keeps it as well as a slow one.
fn hash(text: &str) -> String {
    sha256(text.as_bytes())
}
