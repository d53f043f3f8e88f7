//! The writing half of the change feed: whoever changes what the processes hold in memory appends one change, in the
//! transaction that made it. `delivery/feed.rs` is the reading half.

use chrono::{DateTime, Utc};
use entities::change;
use sea_orm::{ActiveValue::Set, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder};

use crate::error::Result;

/// The number of the newest change; 0 when there is none.
///
/// # Errors
/// When the database cannot be read.
pub async fn latest(connection: &impl ConnectionTrait) -> Result<i64> {
    let newest = change::Entity::find().order_by_desc(change::COLUMN.seq).one(connection).await?;
    Ok(newest.map_or(0, |change| change.seq))
}

/// One transaction that changed what the public sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its number.
    pub seq: i64,
    /// What it changed.
    pub tags: Vec<String>,
}

/// The changes after number `seq`, in order.
///
/// # Errors
/// When the database cannot be read.
pub async fn since(connection: &impl ConnectionTrait, seq: i64) -> Result<Vec<Change>> {
    let rows = change::Entity::find()
        .filter(change::COLUMN.seq.gt(seq))
        .order_by_asc(change::COLUMN.seq)
        .all(connection)
        .await?;
    rows.into_iter().map(|row| Ok(Change { seq: row.seq, tags: serde_json::from_value(row.tags)? })).collect()
}

/// Appends a change and returns its number. The transaction must come from `Database::begin_write`, which lets one
/// writer in at a time: so numbers have no gaps and follow the order of the commits.
///
/// # Errors
/// When the database cannot be written.
pub async fn append(
    transaction: &DatabaseTransaction,
    now: DateTime<Utc>,
    tags: impl IntoIterator<Item = String>,
) -> Result<i64> {
    let seq = latest(transaction).await? + 1;
    let tags = serde_json::Value::from_iter(tags);
    change::Entity::insert(change::ActiveModel { seq: Set(seq), tags: Set(tags), at: Set(now) })
        .exec(transaction)
        .await?;
    Ok(seq)
}

/// What changes and answers are tagged with: an answer holds until a change bears one of its tags. The same tags are sent
/// to caches in front (`Surrogate-Key`, `Cache-Tag`). Documents are named by id, which outlives their slugs.
pub mod tag {
    use uuid::Uuid;

    /// The site's settings. Every answer has it.
    pub const SITE: &str = "site";
    /// All pages, for what lists them.
    pub const PAGES: &str = "pages";
    /// All staff records.
    pub const STAFF: &str = "staff";
    /// All figures, countries and categories.
    pub const FIGURES: &str = "figures";

    /// One page in all its locales.
    #[must_use]
    pub fn page(document: Uuid) -> String {
        format!("page:{document}")
    }

    /// One staff record in all its locales.
    #[must_use]
    pub fn staff_member(document: Uuid) -> String {
        format!("staff:{document}")
    }

    /// The tags of a change of a page.
    #[must_use]
    pub fn of_page(document: Uuid) -> Vec<String> {
        vec![page(document), PAGES.to_owned()]
    }

    /// The tags of a change of a staff record.
    #[must_use]
    pub fn of_staff_member(document: Uuid) -> Vec<String> {
        vec![staff_member(document), STAFF.to_owned()]
    }
}
