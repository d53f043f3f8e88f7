//! The newest change that a process has served, told from every other one: by that it notices that its database lost it, and
//! after which moment the next one is made.

use chrono::{DateTime, TimeDelta, Utc};
use entities::change;
use sea_orm::{ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};

use crate::error::{Error, Result};

/// How far the clocks of several servers may differ. A change that is made so much before its predecessor was made just after
/// it; more than that, and the clock was set back.
pub const MAX_CLOCK_SKEW: TimeDelta = TimeDelta::minutes(1);

/// A change as it stands in the feed. Another one with its number was made at another moment, or changed something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its place in the feed.
    pub seq: i64,
    /// When it was made.
    pub at: DateTime<Utc>,
    tags: serde_json::Value,
}

impl From<change::Model> for Head {
    fn from(row: change::Model) -> Self {
        Self { seq: row.seq, at: row.at, tags: row.tags }
    }
}

/// The change with this number.
///
/// # Errors
/// When the database cannot be read.
pub async fn find(connection: &impl ConnectionTrait, seq: i64) -> Result<Option<Head>> {
    Ok(change::Entity::find_by_id(seq).one(connection).await?.map(Head::from))
}

/// The newest change in the feed.
///
/// # Errors
/// When the database cannot be read; [`Error::FeedWentBack`] when it does not have the change `known` any more, which this
/// process has served.
pub async fn newest(connection: &impl ConnectionTrait, known: Option<&Head>) -> Result<Option<Head>> {
    let Some(known) = known else {
        let newest = change::Entity::find().order_by_desc(change::COLUMN.seq).one(connection).await?;
        return Ok(newest.map(Head::from));
    };
    let rows = change::Entity::find().filter(change::COLUMN.seq.gte(known.seq)).order_by_asc(change::COLUMN.seq);
    let mut rows = rows.all(connection).await?.into_iter().map(Head::from);
    match rows.next() {
        Some(first) if first == *known => Ok(Some(rows.next_back().unwrap_or(first))),
        _ => Err(Error::FeedWentBack { seq: known.seq }),
    }
}

/// The moment of what is done now, after this change: what the clock says, or just after the change when the clock is behind,
/// as long as clocks may differ so much. When it is further behind, it was ahead before, and is believed now.
#[must_use]
pub fn moment(clock: DateTime<Utc>, newest: Option<&Head>) -> DateTime<Utc> {
    match newest {
        Some(newest) if newest.at > clock && newest.at - clock <= MAX_CLOCK_SKEW => {
            newest.at + TimeDelta::milliseconds(1)
        }
        _ => clock,
    }
}

/// Whether the clock must have been ahead when this change was made.
#[must_use]
pub fn is_from_the_future(clock: DateTime<Utc>, newest: Option<&Head>) -> bool {
    newest.is_some_and(|newest| newest.at - clock > MAX_CLOCK_SKEW)
}

/// Whether something that lasts for a while was made by now. What a clock that was ahead made would last far too long.
#[must_use]
pub fn has_begun(made: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    made - now <= MAX_CLOCK_SKEW
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_moment_of_what_is_done_comes_after_what_was_done_unless_the_clock_was_set_back() {
        let clock = DateTime::from_timestamp_millis(1_800_000_000_000).expect("a moment");
        let head = |ahead: TimeDelta| Head { seq: 1, at: clock + ahead, tags: serde_json::Value::Null };
        assert_eq!(moment(clock, None), clock);
        for (ahead, expected, is_ahead) in [
            (TimeDelta::days(-400), TimeDelta::zero(), false),
            (TimeDelta::milliseconds(-1), TimeDelta::zero(), false),
            (TimeDelta::zero(), TimeDelta::zero(), false),
            (TimeDelta::milliseconds(1), TimeDelta::milliseconds(2), false),
            (TimeDelta::seconds(60), TimeDelta::milliseconds(60_001), false),
            (TimeDelta::milliseconds(60_001), TimeDelta::zero(), true),
            (TimeDelta::days(400), TimeDelta::zero(), true),
        ] {
            let head = head(ahead);
            assert_eq!(moment(clock, Some(&head)), clock + expected, "{ahead}");
            assert_eq!(is_from_the_future(clock, Some(&head)), is_ahead, "{ahead}");
        }
    }
}
