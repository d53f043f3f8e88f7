//! A figure as SDMX sees it: one or more statuses, and a value exactly when they have one.

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

/// Every status of a figure: a set that is never empty and never contradicts itself. `FINAL` says that there is nothing
/// to say, and a status without value says why there is none, so both stand alone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flags(u16);

impl Flags {
    /// Normal and final, and nothing more to say.
    pub const FINAL: Self = Self(bit(ObservationStatus::Final));

    /// The order in which one status is chosen for a reader who is shown only one. After the SDMX guideline on
    /// `OBS_STATUS`, a break comes first, then the reasons for there being no value; of the others, what makes a figure
    /// less certain comes before what tells of its past.
    pub const PRECEDENCE: [ObservationStatus; 10] = [
        ObservationStatus::Break,
        ObservationStatus::Missing,
        ObservationStatus::NotApplicable,
        ObservationStatus::Suppressed,
        ObservationStatus::NotYet,
        ObservationStatus::Imputed,
        ObservationStatus::Estimated,
        ObservationStatus::Provisional,
        ObservationStatus::Revised,
        ObservationStatus::Final,
    ];

    /// # Errors
    /// [`Rule::Required`] for none; [`Rule::StatusesContradict`] when one that stands alone stands with others.
    pub fn new(statuses: impl IntoIterator<Item = ObservationStatus>) -> Result<Self, Rule> {
        let bits = statuses.into_iter().fold(0, |bits, status| bits | bit(status));
        let alone = |status: &ObservationStatus| *status == ObservationStatus::Final || !status.has_value();
        let flags = Self(bits);
        match bits.count_ones() {
            0 => Err(Rule::Required),
            1 => Ok(flags),
            _ if flags.iter().any(|status| alone(&status)) => Err(Rule::StatusesContradict),
            _ => Ok(flags),
        }
    }

    /// The one that comes first by [`Flags::PRECEDENCE`].
    #[must_use]
    pub fn principal(self) -> ObservationStatus {
        self.iter().next().unwrap_or(ObservationStatus::Final)
    }

    /// All of them, by [`Flags::PRECEDENCE`].
    pub fn iter(self) -> impl Iterator<Item = ObservationStatus> {
        Self::PRECEDENCE.into_iter().filter(move |status| self.contains(*status))
    }

    /// All but the principal one, by [`Flags::PRECEDENCE`].
    pub fn others(self) -> impl Iterator<Item = ObservationStatus> {
        self.iter().skip(1)
    }

    /// Whether this is one of them.
    #[must_use]
    pub const fn contains(self, status: ObservationStatus) -> bool {
        self.0 & bit(status) != 0
    }

    /// These and `REVISED`, where there is a value; `REVISED` instead of `FINAL`.
    #[must_use]
    pub fn revised(self) -> Self {
        if !self.principal().has_value() {
            return self;
        }
        Self((self.0 & !bit(ObservationStatus::Final)) | bit(ObservationStatus::Revised))
    }

    /// These without `REVISED`; `FINAL` where nothing else is left.
    #[must_use]
    pub fn unrevised(self) -> Self {
        match self.0 & !bit(ObservationStatus::Revised) {
            0 => ObservationStatus::Final.into(),
            bits => Self(bits),
        }
    }
}

const fn bit(status: ObservationStatus) -> u16 {
    1 << status as u16
}

impl From<ObservationStatus> for Flags {
    fn from(status: ObservationStatus) -> Self {
        Self(bit(status))
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// As in a file: the statuses by precedence, separated by a space (`IMPUTED REVISED`).
impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.iter().map(ObservationStatus::as_str).collect();
        f.write_str(&names.join(" "))
    }
}

impl FromStr for Flags {
    type Err = Rule;
    fn from_str(text: &str) -> Result<Self, Rule> {
        if text.is_empty() {
            return Err(Rule::Required);
        }
        Self::new(text.split(' ').map(str::parse).collect::<Result<Vec<ObservationStatus>, Rule>>()?)
    }
}

/// Statuses together with a value exactly when they have one; a contradiction cannot be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Observation {
    value: Option<Count>,
    flags: Flags,
}

/// As it is stored: one status apart from the others, of which there seldom are any.
#[derive(Serialize, Deserialize)]
struct Stored {
    value: Option<Count>,
    status: ObservationStatus,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    flags: Vec<ObservationStatus>,
}

impl TryFrom<Stored> for Observation {
    type Error = Rule;
    fn try_from(stored: Stored) -> Result<Self, Rule> {
        Self::new(stored.value, Flags::new(stored.flags.into_iter().chain([stored.status]))?)
    }
}

impl From<Observation> for Stored {
    fn from(Observation { value, flags }: Observation) -> Self {
        Self { value, status: flags.principal(), flags: flags.others().collect() }
    }
}

impl Observation {
    /// # Errors
    /// [`Rule::ValueMissing`] or [`Rule::ValueNotAllowed`] when value and statuses contradict each other.
    pub fn new(value: Option<Count>, flags: impl Into<Flags>) -> Result<Self, Rule> {
        let flags = flags.into();
        match (value.is_some(), flags.principal().has_value()) {
            (false, true) => Err(Rule::ValueMissing),
            (true, false) => Err(Rule::ValueNotAllowed),
            _ => Ok(Self { value, flags }),
        }
    }

    /// A final figure.
    #[must_use]
    pub const fn known(value: Count) -> Self {
        Self { value: Some(value), flags: Flags::FINAL }
    }

    /// The figure, if the statuses have one.
    #[must_use]
    pub const fn value(self) -> Option<Count> {
        self.value
    }

    /// The status for a reader who is shown only one.
    #[must_use]
    pub fn status(self) -> ObservationStatus {
        self.flags.principal()
    }

    /// All statuses.
    #[must_use]
    pub const fn flags(self) -> Flags {
        self.flags
    }

    /// The same figure as one that was changed after it was published ([`Flags::revised`]).
    #[must_use]
    pub fn revised(self) -> Self {
        Self { flags: self.flags.revised(), ..self }
    }

    /// The same figure as if it had never been changed ([`Flags::unrevised`]).
    #[must_use]
    pub fn unrevised(self) -> Self {
        Self { flags: self.flags.unrevised(), ..self }
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

    #[test]
    fn of_several_statuses_the_one_that_matters_most_is_shown_first() {
        use ObservationStatus::{Break, Final, Imputed, Missing, Provisional, Revised};
        let flags = Flags::new([Revised, Provisional, Break, Imputed]);
        assert_eq!(flags.as_ref().map(|flags| flags.iter().collect()), Ok(vec![Break, Imputed, Provisional, Revised]));
        assert_eq!("REVISED PROVISIONAL BREAK IMPUTED".parse(), flags);
        assert_eq!(flags.map(|flags| flags.to_string()), Ok("BREAK IMPUTED PROVISIONAL REVISED".to_owned()));
        assert_eq!(Flags::new([]), Err(Rule::Required));
        for contradiction in [[Final, Imputed], [Missing, Break], [Missing, ObservationStatus::NotYet]] {
            assert_eq!(Flags::new(contradiction), Err(Rule::StatusesContradict), "{contradiction:?}");
        }
        assert_eq!(Flags::from(Final).revised(), Revised.into());
        assert_eq!(Flags::from(Missing).revised(), Missing.into());
        assert_eq!(Flags::from(Revised).unrevised(), Final.into());
        assert_eq!(Flags::from(Imputed).revised().unrevised(), Imputed.into());
    }

    #[test]
    fn one_status_is_stored_as_it_always_was() -> Result<(), serde_json::Error> {
        let old = r#"{"value":3,"status":"IMPUTED"}"#;
        let several = r#"{"value":3,"status":"IMPUTED","flags":["REVISED"]}"#;
        for stored in [old, several] {
            assert_eq!(serde_json::to_string(&serde_json::from_str::<Observation>(stored)?)?, stored);
        }
        for contradiction in [r#"{"value":3,"status":"MISSING"}"#, r#"{"value":3,"status":"FINAL","flags":["BREAK"]}"#]
        {
            assert!(serde_json::from_str::<Observation>(contradiction).is_err(), "{contradiction}");
        }
        Ok(())
    }
}
