//! The change feed in the database: whoever changes what the processes hold in memory appends one change, in the
//! transaction that made it, and whoever follows reads them in order. `delivery/feed.rs` follows.

pub mod head;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use entities::{change, clock_correction};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter,
    QueryOrder, sea_query::IntoIden, sea_query::OnConflict,
};

use crate::{
    database::{self, Database},
    error::{Error, Result},
};

/// One transaction that changed what the public sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its place in the feed, from 1.
    pub seq: i64,
    /// What it changed, such as `pages`.
    pub tags: Vec<String>,
}

/// The number of the newest change; 0 when there is none.
///
/// # Errors
/// When the database cannot be read.
pub async fn latest(connection: &impl ConnectionTrait) -> Result<i64> {
    let newest = change::Entity::find().order_by_desc(change::COLUMN.seq).one(connection).await?;
    Ok(newest.map_or(0, |change| change.seq))
}

/// The changes after `seq` that are there now, in order. One may still be on its way: [`stable_changes`] finds out.
///
/// # Errors
/// When the database cannot be read.
pub async fn since(connection: &impl ConnectionTrait, seq: i64) -> Result<Vec<Change>> {
    let rows = change::Entity::find().filter(change::COLUMN.seq.gt(seq)).order_by_asc(change::COLUMN.seq);
    let rows = rows.all(connection).await?;
    rows.into_iter().map(|row| Ok(Change { seq: row.seq, tags: serde_json::from_value(row.tags)? })).collect()
}

/// The last of `changes` up to which no number after `seq` is missing; `seq` itself when the very next one is.
#[must_use]
pub fn contiguous_until(seq: i64, changes: &[Change]) -> i64 {
    let in_a_row = (seq + 1..).zip(changes).take_while(|(expected, change)| *expected == change.seq);
    in_a_row.last().map_or(seq, |(number, _)| number)
}

/// A number up to which no change is on its way: each one that is missing stays missing. Only this file makes it, so that
/// no snapshot can pass over a gap that is still to be filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StableUntil(i64);

impl StableUntil {
    /// The number.
    #[must_use]
    pub const fn seq(self) -> i64 {
        self.0
    }
}

/// The changes after `seq` that are there, in order, and how far they are stable. Where a number is missing, this takes a
/// turn among the writers: what is missing then, while nobody else is about to append, stays missing. A writer that did not
/// wait for its turn and has not ended yet is not waited for; the gap stays open then.
///
/// # Errors
/// When the database cannot be read, or other writers take too long.
pub async fn stable_changes(database: &Database, seq: i64) -> Result<(Vec<Change>, StableUntil)> {
    let changes = since(database.reader(), seq).await?;
    let contiguous = contiguous_until(seq, &changes);
    if changes.last().is_none_or(|last| last.seq == contiguous) {
        return Ok((changes, StableUntil(contiguous)));
    }
    let Some(turn) = database.begin_exclusive().await? else { return Ok((changes, StableUntil(contiguous))) };
    let changes = since(&*turn, seq).await?;
    let newest = changes.last().map_or(seq, |last| last.seq);
    Ok((changes, StableUntil(newest)))
}

/// How far the feed is stable, for a process that knows nothing of it yet.
///
/// # Errors
/// When the database cannot be read, or other writers take too long.
pub async fn stable_until(database: &Database) -> Result<StableUntil> {
    match database.begin_exclusive().await? {
        Some(turn) => Ok(StableUntil(latest(&*turn).await?)),
        None => Ok(StableUntil(0)),
    }
}

/// Appends a change and returns its number. The transaction must come from `Database::begin_write`, which lets one
/// writer in at a time: so numbers have no gaps and follow the order of the commits. A writer past that lock may take a
/// number first; then this takes the next.
///
/// # Errors
/// When the database cannot be written; [`Error::Busy`] when another writer holds the number and does not end.
pub async fn append(
    transaction: &DatabaseTransaction,
    now: DateTime<Utc>,
    tags: impl IntoIterator<Item = String>,
) -> Result<i64> {
    let tags: Vec<String> = tags.into_iter().collect();
    for _ in 0..ATTEMPTS {
        let newest = head::newest(transaction, None).await?;
        let seq = newest.as_ref().map_or(0, |newest| newest.seq) + 1;
        // The clock was set back: what came before was made no later than this, whatever it says.
        let is_correction = newest.is_some_and(|newest| newest.at > now);
        let mut told = tags.clone();
        if is_correction {
            told.extend([tag::CLOCK, tag::FIGURES].map(str::to_owned).into_iter().filter(|tag| !tags.contains(tag)));
        }
        let row = change::ActiveModel { seq: Set(seq), tags: Set(serde_json::Value::from_iter(told)), at: Set(now) };
        if insert_unless_taken(transaction, row, change::Column::Seq).await? {
            if is_correction {
                let correction = clock_correction::ActiveModel { seq: Set(seq), at: Set(now) };
                clock_correction::Entity::insert(correction).exec(transaction).await?;
            }
            database::announce(transaction).await?;
            return Ok(seq);
        }
    }
    Err(Error::Busy(Arc::new(DbErr::RecordNotInserted)))
}

/// How often a number that another writer took is replaced by the next.
pub(crate) const ATTEMPTS: usize = 10;

/// Inserts a row whose number is taken from the rows before; false when another writer has taken it first. Waits for one
/// that is about to.
///
/// # Errors
/// When the database cannot be written.
pub(crate) async fn insert_unless_taken<A>(
    transaction: &DatabaseTransaction,
    row: A,
    number: impl IntoIden,
) -> Result<bool>
where
    A: ActiveModelTrait,
{
    let unless_taken = OnConflict::column(number).do_nothing().to_owned();
    match <A::Entity as EntityTrait>::insert(row).on_conflict(unless_taken).exec_without_returning(transaction).await {
        Ok(rows) => Ok(rows == 1),
        Err(DbErr::RecordNotInserted) => Ok(false),
        Err(error) => Err(error.into()),
    }
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
    /// When what was published before was published: the clock was set back.
    pub const CLOCK: &str = "clock";

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_counts_as_reached_when_none_before_it_is_missing() {
        let changes = |numbers: &[i64]| -> Vec<Change> {
            numbers.iter().map(|seq| Change { seq: *seq, tags: Vec::new() }).collect()
        };
        for (seq, numbers, expected) in
            [(0, &[][..], 0), (4, &[], 4), (4, &[5, 6, 7], 7), (4, &[6, 7], 4), (4, &[5, 7], 5), (0, &[1], 1)]
        {
            assert_eq!(contiguous_until(seq, &changes(numbers)), expected, "{seq} {numbers:?}");
        }
    }
}
