//! Moments, days and local times of the years 0001 to 9999: those that RFC 3339 can write, that both databases store, and
//! that SQLite, which compares them as texts, puts in the right order. Every moment that comes from outside is one of these.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};
use serde::{Deserialize, Serialize};

use crate::{Form, Rule, text::required};

const YEARS: std::ops::RangeInclusive<i32> = 1..=9_999;

fn in_calendar<T: Datelike>(value: T) -> Result<T, Rule> {
    if YEARS.contains(&value.year()) { Ok(value) } else { Err(Rule::OutsideCalendar) }
}

/// A date and time of day as people and programs write it: with `T` or a space between the two, with or without seconds, and
/// with its offset from UTC if it has one. Nothing is guessed: every part has all its digits.
fn date_and_time(text: &str) -> Option<(NaiveDateTime, Option<FixedOffset>)> {
    let (day, rest) = text.split_once(['T', 't', ' '])?;
    let (time, offset) = match rest.find(['Z', 'z', '+', '-']) {
        Some(place) => (&rest[..place], Some(offset_from_utc(&rest[place..])?)),
        None => (rest, None),
    };
    let time = if offset.is_some() { time.strip_suffix(' ').unwrap_or(time) } else { time };
    Some((day_of_calendar(day)?.and_time(time_of_day(time)?), offset))
}

/// A day in the form that is written back: Chrono also reads days without their zeros and with spaces.
fn day_of_calendar(text: &str) -> Option<NaiveDate> {
    text.parse::<NaiveDate>().ok().filter(|day| day.to_string() == text)
}

/// `09:00`, `09:00:00` or `09:00:00.25`.
fn time_of_day(text: &str) -> Option<NaiveTime> {
    let is_whole = text.bytes().enumerate().all(|(place, byte)| match place {
        2 | 5 => byte == b':',
        8 => byte == b'.',
        _ => byte.is_ascii_digit(),
    });
    let form = match text.len() {
        5 => "%H:%M",
        8 | 10.. => "%H:%M:%S%.f",
        _ => return None,
    };
    // Chrono takes the 60th second of every minute for a leap second. Neither database has one, and no clock here tells one.
    let is_leap_second = text.get(6..8) == Some("60");
    if is_whole && !is_leap_second { NaiveTime::parse_from_str(text, form).ok() } else { None }
}

/// `Z`, `+09:00`, `+0900` or `+09`.
fn offset_from_utc(text: &str) -> Option<FixedOffset> {
    if text.eq_ignore_ascii_case("z") {
        return FixedOffset::east_opt(0);
    }
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let number = |digits: &str| match digits.as_bytes() {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => Some(i32::from(tens - b'0') * 10 + i32::from(ones - b'0')),
        _ => None,
    };
    let (hours, minutes) = match digits.split_at_checked(2)? {
        (hours, "") => (hours, "00"),
        (hours, minutes) => (hours, minutes.strip_prefix(':').unwrap_or(minutes)),
    };
    let (hours, minutes) = (number(hours)?, number(minutes).filter(|minutes| *minutes < 60)?);
    FixedOffset::east_opt(sign * (hours * 60 + minutes) * 60)
}

/// The moment of a date and time with its offset.
fn moment_of(at: NaiveDateTime, offset: FixedOffset) -> Result<Moment, Rule> {
    let at = offset.from_local_datetime(&at).single().ok_or(Rule::OutsideCalendar)?;
    Moment::new(at.to_utc())
}

/// A moment, such as `2026-04-01T09:00:00Z`.
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
        match date_and_time(text) {
            Some((at, Some(offset))) => moment_of(at, offset),
            _ => Err(Rule::Format { expected: Form::Moment }),
        }
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

    fn from_str(text: &str) -> Result<Self, Rule> {
        required(text)?;
        in_calendar(day_of_calendar(text).ok_or(Rule::Format { expected: Form::Date })?).map(Self)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A date and time of day (ISO 8601), such as `2026-04-01T09:00:00`: local to a zone that is named beside it, unless it says
/// its offset from UTC itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LocalDateTime {
    at: NaiveDateTime,
    moment: Option<(Moment, FixedOffset)>,
}

impl LocalDateTime {
    /// The date and time.
    #[must_use]
    pub const fn get(self) -> NaiveDateTime {
        self.at
    }

    /// The moment that it is whatever zone is named, where it says its offset.
    #[must_use]
    pub fn moment(self) -> Option<Moment> {
        self.moment.map(|(moment, _)| moment)
    }
}

impl FromStr for LocalDateTime {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        required(text)?;
        let (at, offset) = date_and_time(text).ok_or(Rule::Format { expected: Form::LocalDateTime })?;
        let at = in_calendar(at)?;
        let moment = offset.map(|offset| moment_of(at, offset).map(|moment| (moment, offset))).transpose()?;
        Ok(Self { at, moment })
    }
}

impl fmt::Display for LocalDateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.at.format("%Y-%m-%dT%H:%M:%S%.f").fmt(f)?;
        self.moment.map_or(Ok(()), |(_, offset)| offset.fmt(f))
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
            ("2026-04-01 09:00+09:00", "2026-04-01T00:00:00+00:00"),
            ("2026-04-01t09:00:00z", "2026-04-01T09:00:00+00:00"),
            ("2026-04-01 09:00:00 +0900", "2026-04-01T00:00:00+00:00"),
            ("2026-04-01T09:00-05", "2026-04-01T14:00:00+00:00"),
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
        for malformed in [
            "2026-04-01T12:34:60Z",
            "2016-12-31T23:59:60Z",
            "2026-04-01T12:34:60.5Z",
            "2026-04-01",
            "2026-04-01T09:00:00",
            "yesterday",
            "+999999999-01-01T00:00:00Z",
            "2026-04-01T09:00:00 UTC",
            "2026-04-01T9:00Z",
            "2026-4-1T09:00Z",
            "2026-04-01  09:00Z",
            "2026-04-01T24:00Z",
            "2026-04-01T09:00:00.Z",
            "2026-04-01T09:00:0Z",
            "2026-04-01T09:00+9",
            "2026-04-01T09:00+24:00",
            "2026-04-01T09:00+09:60",
            "2026-04-01T09:00+09時",
            "2026-04-01T09:00ZZ",
            // What becomes of a plus sign that was not encoded in an address.
            "2026-04-01T09:00:00 09:00",
        ] {
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
        assert_eq!("2026-4-1".parse::<Date>(), Err(Rule::Format { expected: Form::Date }));
        for (text, full, moment) in [
            ("2026-04-01T09:00", "2026-04-01T09:00:00", None),
            ("2026-04-01T09:00:30", "2026-04-01T09:00:30", None),
            ("2026-04-01 09:00", "2026-04-01T09:00:00", None),
            ("2026-04-01 09:00:30.5", "2026-04-01T09:00:30.500", None),
            ("2026-04-01T09:00:00Z", "2026-04-01T09:00:00+00:00", Some("2026-04-01T09:00:00+00:00")),
            ("2026-04-01 09:00+09:00", "2026-04-01T09:00:00+09:00", Some("2026-04-01T00:00:00+00:00")),
        ] {
            let at = text.parse::<LocalDateTime>();
            assert_eq!(at.as_ref().map(ToString::to_string).as_deref(), Ok(full), "{text}");
            assert_eq!(at.ok().and_then(LocalDateTime::moment).map(|at| at.to_string()).as_deref(), moment, "{text}");
        }
        assert_eq!("+12026-04-01".parse::<Date>(), Err(Rule::OutsideCalendar));
        assert_eq!("0000-04-01".parse::<Date>(), Err(Rule::OutsideCalendar));
        assert_eq!("+12026-04-01T09:00:00".parse::<LocalDateTime>(), Err(Rule::OutsideCalendar));
        assert_eq!("0001-01-01T00:00:00+09:00".parse::<LocalDateTime>(), Err(Rule::OutsideCalendar));
        for malformed in ["2026-04-01", "tomorrow", "2026-04-01T9:00", "2026-04-01T09:00 Asia/Tokyo"] {
            assert_eq!(
                malformed.parse::<LocalDateTime>(),
                Err(Rule::Format { expected: Form::LocalDateTime }),
                "{malformed}"
            );
        }
    }
}
