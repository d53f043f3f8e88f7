//! The policy on counts so small that they could point to a person.

use std::{fmt, str::FromStr};

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{Rule, Threshold, text::required};

/// What is done about small counts before they are shown.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    EnumIter,
    DeriveActiveEnum,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DisclosureMethod {
    /// Nothing.
    Off,
    /// Editors are told of them; they are shown.
    #[default]
    Warn,
    /// They are withheld, together with others from which they could be computed.
    Suppress,
    /// Every count is rounded to a multiple of the threshold.
    Round,
    /// They are withheld and counted together in a row of their own.
    Merge,
}

impl DisclosureMethod {
    /// Every method, from the one that hides nothing on.
    pub const ALL: [Self; 5] = [Self::Off, Self::Warn, Self::Suppress, Self::Round, Self::Merge];

    /// The name as it is stored and sent (`SUPPRESS`).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "OFF",
            Self::Warn => "WARN",
            Self::Suppress => "SUPPRESS",
            Self::Round => "ROUND",
            Self::Merge => "MERGE",
        }
    }
}

impl fmt::Display for DisclosureMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for DisclosureMethod {
    type Err = Rule;
    fn from_str(text: &str) -> Result<Self, Rule> {
        required(text)?;
        Self::ALL
            .into_iter()
            .find(|method| method.as_str() == text)
            .ok_or_else(|| Rule::NotOneOf { allowed: Self::ALL.map(Self::as_str).join(", ") })
    }
}

/// What the site does about small counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DisclosurePolicy {
    /// What is done.
    pub method: DisclosureMethod,
    /// A count from 1 to just below this is small; for rounding, the base.
    pub threshold: Threshold,
}

impl DisclosurePolicy {
    /// Whether the public may see something else than what was counted.
    #[must_use]
    pub const fn hides(self) -> bool {
        self.withholds() || matches!(self.method, DisclosureMethod::Round)
    }

    /// The smallest count that is shown as it is. Where only ones were withheld, each would be known to be a one.
    #[must_use]
    pub fn least_shown(self) -> i64 {
        let threshold = i64::from(self.threshold.get());
        if self.withholds() { threshold.max(Threshold::MIN_WITHHELD) } else { threshold }
    }

    /// Whether small counts are withheld.
    #[must_use]
    pub const fn withholds(self) -> bool {
        matches!(self.method, DisclosureMethod::Suppress | DisclosureMethod::Merge)
    }

    /// Whether this policy keeps from the public at least what the other one keeps. A partial order: rounding and withholding
    /// each tell what the other does not. A policy that hides nothing but warns is stricter than none at all, and warns of
    /// fewer counts below a smaller threshold.
    #[must_use]
    pub fn is_at_least_as_strict_as(self, other: Self) -> bool {
        use DisclosureMethod::{Merge, Off, Round, Suppress, Warn};
        match (self.method, other.method) {
            (_, Off) | (Suppress | Merge | Round, Warn) => true,
            // What is merged is summed up for all to see.
            (Suppress, Suppress | Merge) | (Merge, Merge) | (Round, Round) | (Warn, Warn) => {
                self.threshold >= other.threshold
            }
            (Off | Warn, _) | (Suppress | Merge, Round) | (Round, Suppress | Merge) | (Merge, Suppress) => false,
        }
    }

    /// Whether a count is small. Nobody is behind a zero.
    #[must_use]
    pub fn is_small(self, count: i64) -> bool {
        count > 0 && count < self.least_shown()
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::{ActiveEnum, Iterable};

    use super::*;

    fn all() -> Vec<DisclosurePolicy> {
        let thresholds = [2, 3, 10, 500].map(|number| Threshold::try_from(number).ok());
        let of = |method| thresholds.into_iter().flatten().map(move |threshold| DisclosurePolicy { method, threshold });
        DisclosureMethod::ALL.into_iter().flat_map(of).collect()
    }

    #[test]
    fn policies_are_partly_ordered_by_what_they_hide() {
        let policies = all();
        assert_eq!(policies.len(), 20);
        for a in &policies {
            assert!(a.is_at_least_as_strict_as(*a));
            for b in &policies {
                let (above, below) = (a.is_at_least_as_strict_as(*b), b.is_at_least_as_strict_as(*a));
                assert!(!(above && below) || a == b || [a, b].iter().all(|one| one.method == DisclosureMethod::Off));
                assert!(!above || a.hides() || !b.hides(), "{a:?} shows what {b:?} hides");
                for c in policies.iter().filter(|c| above && b.is_at_least_as_strict_as(**c)) {
                    assert!(a.is_at_least_as_strict_as(*c), "{a:?} {b:?} {c:?}");
                }
            }
        }
    }

    #[test]
    fn a_method_has_one_name_wherever_it_is_written() -> Result<(), serde_json::Error> {
        assert_eq!(DisclosureMethod::ALL.to_vec(), DisclosureMethod::iter().collect::<Vec<_>>());
        for method in DisclosureMethod::ALL {
            assert_eq!(method.as_str().parse(), Ok(method));
            assert_eq!(method.to_value(), method.as_str());
            assert_eq!(serde_json::to_string(&method)?, format!("\"{method}\""));
        }
        assert_eq!("".parse::<DisclosureMethod>(), Err(Rule::Required));
        let allowed = "OFF, WARN, SUPPRESS, ROUND, MERGE".to_owned();
        assert_eq!("warn".parse::<DisclosureMethod>(), Err(Rule::NotOneOf { allowed }));
        Ok(())
    }
}
