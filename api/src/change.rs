//! The writing half of the change feed: whoever changes what the processes hold in memory appends one change, in the
//! transaction that made it. `delivery/feed.rs` is the reading half.

use chrono::{DateTime, Utc};
use entities::change;
use sea_orm::{ActiveValue::Set, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryOrder};

use crate::error::Result;

/// The number of the newest change; 0 when there is none.
///
/// # Errors
/// When the database cannot be read.
pub async fn latest(connection: &impl ConnectionTrait) -> Result<i64> {
    let newest = change::Entity::find().order_by_desc(change::COLUMN.seq).one(connection).await?;
    Ok(newest.map_or(0, |change| change.seq))
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
