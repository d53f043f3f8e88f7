//! What is to be published or withdrawn at a moment to come. A schedule names one version: when the document has moved
//! on by then, or cannot be published, the schedule fails and says why; it never publishes what nobody looked at.

use chrono::{DateTime, LocalResult, TimeZone, Utc};
use chrono_tz::Tz;
use entities::{LocalDateTime, Moment, Rule, ScheduleAction, ScheduleOutcome, document, schedule};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};

use crate::error::{Fault, Result};

/// Which of the two moments, when a local time occurs twice because the clocks are set back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occurrence {
    /// The earlier one.
    First,
    /// The later one.
    Second,
}

/// The moment at which it is this time in this zone, unless the time says itself which moment it is.
///
/// # Errors
/// The fault of a time that does not exist there, that occurs twice and does not say which is meant, or that is outside
/// the calendar elsewhere.
pub fn moment(at: LocalDateTime, zone: Tz, occurrence: Option<Occurrence>) -> Result<Moment, Fault> {
    if let Some(moment) = at.moment() {
        return Ok(moment);
    }
    let moment = match (zone.from_local_datetime(&at.get()), occurrence) {
        (LocalResult::Single(moment), _)
        | (LocalResult::Ambiguous(moment, _), Some(Occurrence::First))
        | (LocalResult::Ambiguous(_, moment), Some(Occurrence::Second)) => moment.to_utc(),
        (LocalResult::Ambiguous(..), None) => return Err(Fault::new(["occurrence"], Rule::AmbiguousTime)),
        (LocalResult::None, _) => return Err(Fault::new(["at"], Rule::NonexistentTime)),
    };
    Moment::new(moment).map_err(|rule| Fault::new(["at"], rule))
}

/// The schedules of a document that have not been carried out yet, the next one first.
///
/// # Errors
/// When the database cannot be read.
pub async fn pending(connection: &impl ConnectionTrait, document: uuid::Uuid) -> Result<Vec<schedule::Model>> {
    let pending = schedule::Entity::find()
        .filter(schedule::COLUMN.document_id.eq(document))
        .filter(schedule::COLUMN.outcome.is_null());
    Ok(pending.order_by_asc(schedule::COLUMN.due_at).all(connection).await?)
}

/// Calls off what is pending of these actions, because it was done by hand, and notes when the next one is due.
///
/// # Errors
/// When the database cannot be written.
pub(crate) async fn settle(
    connection: &impl ConnectionTrait,
    document: &document::Model,
    actions: &[ScheduleAction],
    now: DateTime<Utc>,
) -> Result<()> {
    if document.due_at.is_none() {
        return Ok(());
    }
    schedule::Entity::update_many()
        .filter(schedule::COLUMN.document_id.eq(document.id))
        .filter(schedule::COLUMN.action.is_in(actions.iter().copied()))
        .filter(schedule::COLUMN.outcome.is_null())
        .set(schedule::ActiveModel {
            outcome: Set(Some(ScheduleOutcome::Cancelled)),
            settled_at: Set(Some(now)),
            ..Default::default()
        })
        .exec(connection)
        .await?;
    note_due(connection, document.id).await
}

/// Notes on the document when its next schedule is due.
///
/// # Errors
/// When the database cannot be written.
pub(crate) async fn note_due(connection: &impl ConnectionTrait, document: uuid::Uuid) -> Result<()> {
    let next = pending(connection, document).await?.first().map(|schedule| schedule.due_at);
    document::ActiveModel { id: Set(document), due_at: Set(next), ..Default::default() }.update(connection).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, zone: Tz, occurrence: Option<Occurrence>) -> Result<String, Rule> {
        let at = text.parse().unwrap_or_else(|error| panic!("{error}"));
        moment(at, zone, occurrence).map(|moment| moment.to_string()).map_err(|fault| fault.rule)
    }

    #[test]
    fn a_local_time_is_a_moment_of_its_zone() {
        assert_eq!(at("2026-04-01T09:00:00", Tz::Asia__Tokyo, None).as_deref(), Ok("2026-04-01T00:00:00+00:00"));
    }

    #[test]
    fn a_time_that_occurs_twice_must_say_which_and_one_that_is_skipped_is_refused() {
        let (zone, twice) = (Tz::Europe__Berlin, "2026-10-25T02:30:00");
        assert_eq!(at(twice, zone, None), Err(Rule::AmbiguousTime));
        assert_eq!(at(twice, zone, Some(Occurrence::First)).as_deref(), Ok("2026-10-25T00:30:00+00:00"));
        assert_eq!(at(twice, zone, Some(Occurrence::Second)).as_deref(), Ok("2026-10-25T01:30:00+00:00"));
        assert_eq!(at("2026-03-29T02:30:00", zone, None), Err(Rule::NonexistentTime));
        assert_eq!(at("2026-10-25 02:30+02:00", zone, None).as_deref(), Ok("2026-10-25T00:30:00+00:00"));
        assert_eq!(at("2026-03-29T02:30Z", zone, None).as_deref(), Ok("2026-03-29T02:30:00+00:00"));
    }
}
