//! Moments, days and local times of the years 0001 to 9999: those that RFC 3339 can write, that both databases store, and
//! that SQLite, which compares them as texts, puts in the right order. Every moment that comes from outside is one of these.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{Rule, text::required};

const YEARS: std::ops::RangeInclusive<i32> = 1..=9_999;

fn in_calendar<T: Datelike>(value: T) -> Result<T, Rule> {
    if YEARS.contains(&value.year()) { Ok(value) } else { Err(Rule::OutsideCalendar) }
}

/// A moment (RFC 3339), such as `2026-04-01T09:00:00Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "DateTime<Utc>", into = "DateTime<Utc>")]
pub struct Moment(DateTime<Utc>);

impl Moment {
    /// A moment that somebody names.
    ///
    /// # Errors
    /// [`Rule::OutsideCalendar`].
    pub fn new(at: DateTime<Utc>) -> Result<Self, Rule> {
        in_calendar(at).map(Self)
    }

    /// The moment.
    #[must_use]
    pub const fn get(self) -> DateTime<Utc> {
        self.0
    }

    /// A moment that the clock or the database tells; the nearest one that can be written where that is none.
    #[must_use]
    pub fn nearest(at: DateTime<Utc>) -> Self {
        // The last millisecond, since that is what both databases keep.
        let bound = |text: &str| text.parse::<DateTime<Utc>>().unwrap_or_default();
        match at.year() {
            ..1 => Self(bound("0001-01-01T00:00:00Z")),
            10_000.. => Self(bound("9999-12-31T23:59:59.999Z")),
            _ => Self(at),
        }
    }
}

/// What the clock or the database tells: [`Moment::nearest`].
impl From<DateTime<Utc>> for Moment {
    fn from(at: DateTime<Utc>) -> Self {
        Self::nearest(at)
    }
}

impl From<Moment> for DateTime<Utc> {
    fn from(moment: Moment) -> Self {
        moment.0
    }
}

impl FromStr for Moment {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        required(text)?;
        // More digits than four are a year that RFC 3339 cannot write. The other reader of Chrono knows them.
        let parsed =
            DateTime::parse_from_rfc3339(text).map(|at| at.to_utc()).or_else(|_| text.parse::<DateTime<Utc>>());
        let at = parsed.map_err(|_| Rule::Format { expected: "a moment (RFC 3339), such as 2026-04-01T09:00:00Z" })?;
        Self::new(at)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_rfc3339())
    }
}

/// A day (RFC 3339), such as `2026-04-01`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "NaiveDate", into = "NaiveDate")]
pub struct Date(NaiveDate);

impl Date {
    /// The day.
    #[must_use]
    pub const fn get(self) -> NaiveDate {
        self.0
    }
}

/// What is computed, or what an earlier Almanac stored: the nearest day that can be written.
impl From<NaiveDate> for Date {
    fn from(day: NaiveDate) -> Self {
        let first = NaiveDate::from_ymd_opt(1, 1, 1).unwrap_or_default();
        let last = NaiveDate::from_ymd_opt(9_999, 12, 31).unwrap_or_default();
        Self(day.clamp(first, last))
    }
}

impl From<Date> for NaiveDate {
    fn from(date: Date) -> Self {
        date.0
    }
}

impl FromStr for Date {
    type Err = Rule;

    /// Only the form that is written back: Chrono also reads days without their zeros and with spaces.
    fn from_str(text: &str) -> Result<Self, Rule> {
        required(text)?;
        let day = text.parse::<NaiveDate>().ok().filter(|day| day.to_string() == text);
        in_calendar(day.ok_or(Rule::Format { expected: "a day, such as 2026-04-01" })?).map(Self)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A date and time of day without a zone (ISO 8601), such as `2026-04-01T09:00:00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalDateTime(NaiveDateTime);

impl LocalDateTime {
    /// The date and time.
    #[must_use]
    pub const fn get(self) -> NaiveDateTime {
        self.0
    }
}

impl FromStr for LocalDateTime {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        required(text)?;
        let form = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"];
        let at = form.into_iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
        let expected = "a date and time without an offset, such as 2026-04-01T09:00:00";
        in_calendar(at.ok_or(Rule::Format { expected })?).map(Self)
    }
}

impl fmt::Display for LocalDateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.format("%Y-%m-%dT%H:%M:%S%.f").fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_lie_in_the_years_that_can_be_written_wherever_their_offset_is() {
        for (text, utc) in [
            ("2026-04-01T09:00:00Z", "2026-04-01T09:00:00+00:00"),
            ("2026-04-01T09:00:00.25+09:00", "2026-04-01T00:00:00.250+00:00"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+00:00"),
            ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59+00:00"),
        ] {
            assert_eq!(text.parse::<Moment>().map(|moment| moment.to_string()).as_deref(), Ok(utc), "{text}");
        }
        for outside in [
            "0001-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59-00:01",
            "+10000-01-01T00:00:00Z",
            "+12026-04-01T09:00:00Z",
            "-262143-01-01T00:00:00Z",
            "0000-12-31T00:00:00Z",
        ] {
            assert_eq!(outside.parse::<Moment>(), Err(Rule::OutsideCalendar), "{outside}");
        }
        for malformed in ["2026-04-01", "2026-04-01T09:00:00", "yesterday", "+999999999-01-01T00:00:00Z"] {
            assert!(matches!(malformed.parse::<Moment>(), Err(Rule::Format { .. })), "{malformed}");
        }
        assert_eq!("".parse::<Moment>(), Err(Rule::Required));
    }

    #[test]
    fn what_the_clock_says_is_brought_to_the_nearest_moment_that_can_be_written() {
        assert_eq!(Moment::nearest(DateTime::<Utc>::MIN_UTC).to_string(), "0001-01-01T00:00:00+00:00");
        assert_eq!(Moment::nearest(DateTime::<Utc>::MAX_UTC).to_string(), "9999-12-31T23:59:59.999+00:00");
    }

    #[test]
    fn days_and_local_times_lie_in_the_same_years() {
        assert_eq!("2026-04-01".parse::<Date>().map(|date| date.to_string()).as_deref(), Ok("2026-04-01"));
        assert_eq!("2026-4-1".parse::<Date>(), Err(Rule::Format { expected: "a day, such as 2026-04-01" }));
        for (text, full) in
            [("2026-04-01T09:00", "2026-04-01T09:00:00"), ("2026-04-01T09:00:30", "2026-04-01T09:00:30")]
        {
            assert_eq!(text.parse::<LocalDateTime>().map(|at| at.to_string()).as_deref(), Ok(full), "{text}");
        }
        assert_eq!("+12026-04-01".parse::<Date>(), Err(Rule::OutsideCalendar));
        assert_eq!("0000-04-01".parse::<Date>(), Err(Rule::OutsideCalendar));
        assert_eq!("+12026-04-01T09:00:00".parse::<LocalDateTime>(), Err(Rule::OutsideCalendar));
        assert!(matches!("2026-04-01T09:00:00Z".parse::<LocalDateTime>(), Err(Rule::Format { .. })));
    }
}
