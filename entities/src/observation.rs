//! A figure as SDMX sees it: a status, and a value exactly when the status has one.

use std::{fmt, str::FromStr};

use sea_orm::DeriveValueType;
use serde::{Deserialize, Serialize};

use crate::{Count, Rule};

/// What kind of figure this is, after the SDMX code list `OBS_STATUS`. The first six have a value; the others say
/// why there is none. Zero is a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, DeriveValueType)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(value_type = "String", column_type = "Text")]
pub enum ObservationStatus {
    /// Normal and final (SDMX `A`).
    Final,
    /// Published before it is final (SDMX `P`).
    Provisional,
    /// Estimated by a method (SDMX `E`).
    Estimated,
    /// Placed or derived by the publisher, not reported in this form (SDMX `I`).
    Imputed,
    /// Changed since it was first published (no code of its own in SDMX; `A`).
    Revised,
    /// Not comparable with the years before (SDMX `B`).
    Break,
    /// Not known (SDMX `O`).
    Missing,
    /// Cannot exist (SDMX `M`).
    NotApplicable,
    /// Known and withheld (SDMX `Q`).
    Suppressed,
    /// Not known yet, expected later (SDMX `O`).
    NotYet,
}

impl ObservationStatus {
    /// Every status, in the order of the code list.
    pub const ALL: [Self; 10] = [
        Self::Final,
        Self::Provisional,
        Self::Estimated,
        Self::Imputed,
        Self::Revised,
        Self::Break,
        Self::Missing,
        Self::NotApplicable,
        Self::Suppressed,
        Self::NotYet,
    ];

    /// The name as it is stored and sent (`NOT_APPLICABLE`).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Final => "FINAL",
            Self::Provisional => "PROVISIONAL",
            Self::Estimated => "ESTIMATED",
            Self::Imputed => "IMPUTED",
            Self::Revised => "REVISED",
            Self::Break => "BREAK",
            Self::Missing => "MISSING",
            Self::NotApplicable => "NOT_APPLICABLE",
            Self::Suppressed => "SUPPRESSED",
            Self::NotYet => "NOT_YET",
        }
    }

    /// Whether a figure of this status has a value.
    #[must_use]
    pub const fn has_value(self) -> bool {
        !matches!(self, Self::Missing | Self::NotApplicable | Self::Suppressed | Self::NotYet)
    }
}

impl fmt::Display for ObservationStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ObservationStatus {
    type Err = Rule;
    fn from_str(text: &str) -> Result<Self, Rule> {
        if text.is_empty() {
            return Err(Rule::Required);
        }
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| Rule::NotOneOf { allowed: Self::ALL.map(Self::as_str).join(", ") })
    }
}

/// A status together with a value exactly when the status has one; a contradiction cannot be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Observation {
    value: Option<Count>,
    status: ObservationStatus,
}

#[derive(Deserialize)]
struct Unchecked {
    value: Option<Count>,
    status: ObservationStatus,
}

impl TryFrom<Unchecked> for Observation {
    type Error = Rule;
    fn try_from(unchecked: Unchecked) -> Result<Self, Rule> {
        Self::new(unchecked.value, unchecked.status)
    }
}

impl Observation {
    /// # Errors
    /// [`Rule::ValueMissing`] or [`Rule::ValueNotAllowed`] when value and status contradict each other.
    pub const fn new(value: Option<Count>, status: ObservationStatus) -> Result<Self, Rule> {
        match (value.is_some(), status.has_value()) {
            (false, true) => Err(Rule::ValueMissing),
            (true, false) => Err(Rule::ValueNotAllowed),
            _ => Ok(Self { value, status }),
        }
    }

    /// The figure, if the status has one.
    #[must_use]
    pub const fn value(self) -> Option<Count> {
        self.value
    }

    /// The status.
    #[must_use]
    pub const fn status(self) -> ObservationStatus {
        self.status
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_stands_exactly_where_the_status_has_one() {
        let one = Count::try_from(1).ok();
        for status in ObservationStatus::ALL {
            assert_eq!(Observation::new(one, status).is_ok(), status.has_value(), "{status}");
            assert_eq!(Observation::new(None, status).is_ok(), !status.has_value(), "{status}");
            assert_eq!(status.as_str().parse(), Ok(status));
        }
    }
}
