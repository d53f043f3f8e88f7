//! Numbers that are valid because they exist, as the texts of `text.rs` are.

use std::{fmt, str::FromStr};

use sea_orm::DeriveValueType;
use serde::{Deserialize, Serialize};

use crate::{Rule, text::required};

/// A calendar year from 1900 to 2200.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, DeriveValueType)]
#[serde(try_from = "i64", into = "i64")]
pub struct Year(i32);

impl Year {
    /// The first year that can be recorded.
    pub const MIN: i64 = 1900;
    /// The last year that can be recorded.
    pub const MAX: i64 = 2200;

    /// The year as a number.
    #[must_use]
    pub const fn get(self) -> i32 {
        self.0
    }
}

/// A number of visits, zero included. At most [`Count::MAX`], the largest GraphQL `Int`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, DeriveValueType,
)]
#[serde(try_from = "i64", into = "i64")]
pub struct Count(i64);

impl Count {
    /// The largest count, and the largest sum of counts that can be published.
    pub const MAX: i64 = i32::MAX as i64;

    /// The count as a number.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }
}

/// The number of a document's newest revision; 0 stands for a document that does not exist yet.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, DeriveValueType,
)]
#[serde(try_from = "i64", into = "i64")]
pub struct Version(i64);

impl Version {
    /// The version of a document that does not exist yet.
    pub const NONE: Self = Self(0);
    /// The largest version, the largest GraphQL `Int`.
    pub const MAX: i64 = i32::MAX as i64;

    /// The version as a number.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The version after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// A place in a hand-made order, lowest first.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, DeriveValueType,
)]
#[serde(try_from = "i64", into = "i64")]
pub struct Position(i32);

impl Position {
    /// The largest position.
    pub const MAX: i64 = 1_000_000;

    /// The position as a number.
    #[must_use]
    pub const fn get(self) -> i32 {
        self.0
    }
}

/// The count from which on a count no longer points to a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, DeriveValueType)]
#[serde(try_from = "i64", into = "i64")]
pub struct Threshold(i32);

impl Threshold {
    /// The smallest that hides anything: only ones are small.
    pub const MIN: i64 = 2;
    /// The smallest with which a count that is withheld for being small can be more than one number.
    pub const MIN_WITHHELD: i64 = 3;
    /// The largest: beyond, hardly any figure would be left.
    pub const MAX: i64 = 1_000;

    /// The threshold as a number.
    #[must_use]
    pub const fn get(self) -> i32 {
        self.0
    }
}

/// The smallest count that Japanese health statistics publish.
impl Default for Threshold {
    fn default() -> Self {
        Self(10)
    }
}

/// Gives a number type its range check and its ways in and out.
macro_rules! number_value {
    ($name:ident: $repr:ty, $min:expr, $max:expr) => {
        impl TryFrom<i64> for $name {
            type Error = Rule;
            fn try_from(number: i64) -> Result<Self, Rule> {
                match <$repr>::try_from(number) {
                    Ok(inner) if ($min..=$max).contains(&number) => Ok(Self(inner)),
                    _ => Err(Rule::OutOfRange { min: $min, max: $max }),
                }
            }
        }

        impl From<$name> for i64 {
            fn from(value: $name) -> Self {
                Self::from(value.0)
            }
        }

        impl FromStr for $name {
            type Err = Rule;
            fn from_str(text: &str) -> Result<Self, Rule> {
                required(text)?;
                // Only the form that is written back: no sign, no leading zero, ASCII digits.
                let canonical = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
                let signed = text.strip_prefix('-').is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit()));
                match text.parse::<i64>() {
                    Ok(number) if canonical || signed => Self::try_from(number),
                    Err(_) if canonical => Err(Rule::OutOfRange { min: $min, max: $max }),
                    _ => Err(Rule::NotAnInteger),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number_value!(Year: i32, Self::MIN, Self::MAX);
number_value!(Count: i64, 0, Self::MAX);
number_value!(Version: i64, 0, Self::MAX);
number_value!(Position: i32, 0, Self::MAX);
number_value!(Threshold: i32, Self::MIN, Self::MAX);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_only_in_the_form_they_are_written() {
        assert_eq!("2022".parse::<Year>().map(Year::get), Ok(2022));
        assert_eq!("1899".parse::<Year>(), Err(Rule::OutOfRange { min: 1900, max: 2200 }));
        assert_eq!("-1".parse::<Count>(), Err(Rule::OutOfRange { min: 0, max: Count::MAX }));
        assert_eq!("99999999999999999999".parse::<Count>(), Err(Rule::OutOfRange { min: 0, max: Count::MAX }));
        for bad in ["1.5", "1,000", "+1", "01", "１", "x", "1 "] {
            assert_eq!(bad.parse::<Count>(), Err(Rule::NotAnInteger), "{bad}");
        }
    }
}
