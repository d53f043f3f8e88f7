//! The API tokens that work, and the accounts for which another provider vouches, in memory: so that a front end reads what is
//! published without the database. And their last uses, which are noted beside the requests.
//!
//! Whoever ends a token, or an account, appends a change with [`TAG`]; each process loads the tokens again when it hears of
//! it. Drafts and writes do not rely on this: they ask the database ([`live`](super::live)).

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};
use entities::{account, api_token};
use sea_orm::{ActiveValue::Set, Condition, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::hash;
use crate::{
    access::{account as accounts, issuer::Issuers},
    database::Database,
    error::Result,
    state::State,
};

/// The tag of a change of tokens, or of the accounts that they act for, in the change feed.
pub const TAG: &str = "api-tokens";
/// How often uses are written down.
pub const NOTED_EVERY: Duration = Duration::from_mins(1);

/// The tokens that worked when they were loaded, and the accounts of people whom other providers vouch for.
#[derive(Debug, Default)]
pub struct ApiTokens {
    /// Id and end, by hash.
    known: HashMap<String, (Uuid, DateTime<Utc>)>,
    /// By issuer and subject.
    foreign: HashMap<String, HashMap<String, account::Model>>,
}

impl ApiTokens {
    /// Reads the tokens that work at `now` and later.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn load(database: &Database, issuers: &Issuers, now: DateTime<Utc>) -> Result<Self> {
        let rows = api_token::Entity::find()
            .filter(api_token::COLUMN.revoked_at.is_null())
            .filter(api_token::COLUMN.expires_at.gt(now))
            .find_also_related(account::Entity)
            .all(database.reader())
            .await?;
        let stand =
            |account: &Option<account::Model>| account.as_ref().is_some_and(|it| accounts::stands(issuers, it, now));
        let mut rows: Vec<api_token::Model> =
            rows.into_iter().filter(|(_, account)| stand(account)).map(|(token, _)| token).collect();
        loop {
            let ids: HashSet<Uuid> = rows.iter().map(|token| token.id).collect();
            rows.retain(|token| token.parent_id.is_none_or(|parent| ids.contains(&parent)));
            if rows.len() == ids.len() {
                break;
            }
        }
        let mut foreign: HashMap<String, HashMap<String, account::Model>> = HashMap::new();
        if !issuers.is_empty() {
            let accounts = account::Entity::find().filter(account::COLUMN.issuer.is_not_null());
            for account in accounts.all(database.reader()).await? {
                if let Some((issuer, subject)) = account.issuer.clone().zip(account.subject.clone()) {
                    foreign.entry(issuer).or_default().insert(subject, account);
                }
            }
        }
        let known = rows.into_iter().map(|token| (token.hash, (token.id, token.expires_at))).collect();
        Ok(Self { known, foreign })
    }

    /// The account of the person whom a provider calls this, if it is known.
    #[must_use]
    pub fn foreign(&self, issuer: &str, subject: &str) -> Option<&account::Model> {
        self.foreign.get(issuer)?.get(subject)
    }

    /// The id of the token with this text, if it is known to work at `now`.
    #[must_use]
    pub fn find(&self, text: &str, now: DateTime<Utc>) -> Option<Uuid> {
        let (id, expires_at) = self.known.get(&hash(text))?;
        (now < *expires_at).then_some(*id)
    }
}

/// What is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Used {
    /// An API token.
    Token(Uuid),
    /// An account, by somebody for whom another provider vouches.
    Account(Uuid),
}

/// When tokens and accounts were last used, as far as that is not in the database yet.
#[derive(Debug, Default)]
pub struct Uses(Mutex<HashMap<Used, DateTime<Utc>>>);

impl Uses {
    /// Remembers a use at `at`.
    pub fn note(&self, used: Used, at: DateTime<Utc>) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let noted = noted.entry(used).or_insert(at);
        *noted = at.max(*noted);
    }

    /// The last use, if that is not in the database yet.
    #[must_use]
    pub fn of(&self, used: Used) -> Option<DateTime<Utc>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&used).copied()
    }

    fn take(&self) -> HashMap<Used, DateTime<Utc>> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Writes the uses down, all in one transaction. They stay in memory when that fails.
///
/// # Errors
/// When the database cannot be written.
pub async fn write_uses(state: &State) -> Result<()> {
    let uses = state.uses().take();
    if uses.is_empty() {
        return Ok(());
    }
    let written = write(state, &uses).await;
    if written.is_err() {
        for (it, at) in uses {
            state.uses().note(it, at);
        }
    }
    written
}

async fn write(state: &State, uses: &HashMap<Used, DateTime<Utc>>) -> Result<()> {
    let transaction = state.database().begin_write().await?;
    for (it, at) in uses {
        // Another process may have written a later one.
        match it {
            Used::Token(id) => {
                let column = api_token::COLUMN.last_used_at;
                api_token::Entity::update_many()
                    .filter(api_token::COLUMN.id.eq(*id))
                    .filter(Condition::any().add(column.is_null()).add(column.lt(*at)))
                    .set(api_token::ActiveModel { last_used_at: Set(Some(*at)), ..Default::default() })
                    .exec(&*transaction)
                    .await?;
            }
            Used::Account(id) => {
                let column = account::COLUMN.last_seen_at;
                account::Entity::update_many()
                    .filter(account::COLUMN.id.eq(*id))
                    .filter(Condition::any().add(column.is_null()).add(column.lt(*at)))
                    .set(account::ActiveModel { last_seen_at: Set(Some(*at)), ..Default::default() })
                    .exec(&*transaction)
                    .await?;
            }
        }
    }
    transaction.commit().await
}
