//! What all figures have in common for front ends and editors.

use async_graphql::{Enum, Object, SimpleObject};
use entities::{Count, Flags, Observation, Threshold};

use crate::{
    figures::disclosure::{self, Figure},
    graphql::{Scalar, enums, object},
};

/// What kind of figure this is, after the SDMX code list `OBS_STATUS`. The first six have a value; the others say why there
/// is none. Zero is a value.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "entities::ObservationStatus")]
pub enum ObservationStatus {
    /// Normal and final (SDMX `A`).
    Final,
    /// Published before it is final (SDMX `P`).
    Provisional,
    /// Estimated by a method (SDMX `E`).
    Estimated,
    /// Placed or derived by the publisher, not reported in this form (SDMX `I`).
    Imputed,
    /// Changed since it was first published (SDMX `A`).
    Revised,
    /// Not comparable with the years before (SDMX `B`).
    Break,
    /// No figure is known (SDMX `O`). Not the same as zero.
    Missing,
    /// A figure cannot exist (SDMX `M`).
    NotApplicable,
    /// Known and withheld (SDMX `Q`).
    Suppressed,
    /// Not known yet, expected later (SDMX `O`).
    NotYet,
}

/// Why figures are published, after the revision policies of official statistics.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "entities::ReleaseKind")]
pub enum ReleaseKind {
    /// Figures come out for the first time.
    Release,
    /// Published figures change because better data or a better method is there.
    Revision,
    /// Published figures change because they were wrong.
    Correction,
}

/// What was done to a figure before it was shown, after the SDMX code list `CONF_STATUS`. Kept apart from what kind of
/// figure it is.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "disclosure::Confidentiality")]
pub enum Confidentiality {
    /// It is shown as it is (SDMX `F`).
    Free,
    /// It is rounded.
    Rounded,
    /// It is withheld, by itself or because others could be computed from it (SDMX `C`).
    Withheld,
    /// It is withheld, and counted in the row of the others (SDMX `C`).
    Merged,
}

enums!(ObservationStatus, Confidentiality);

/// A figure as the public sees it, apart from where it belongs.
#[derive(Clone, Copy)]
pub struct PublishedFigure {
    /// None where there is no figure at all: it is missing.
    observation: Option<Observation>,
    confidentiality: disclosure::Confidentiality,
}

impl PublishedFigure {
    /// What to serve of a figure; where there is none, it is missing.
    pub fn new(figure: Option<&Figure>) -> Self {
        Self {
            observation: figure.map(Figure::observation),
            confidentiality: figure.map(Figure::confidentiality).unwrap_or_default(),
        }
    }

    fn all_flags(&self) -> Flags {
        self.observation.map_or(entities::ObservationStatus::Missing.into(), Observation::flags)
    }
}

object! {
[
/// A figure as the public sees it, apart from where it belongs: a value exactly when its status has one.
#[Object]
]
impl PublishedFigure {
    /// The number; null when the status says why there is none. Zero is a value.
    fn value(&self) -> Option<Scalar<Count>> {
        self.observation.and_then(Observation::value).map(Scalar)
    }

    /// What kind of figure it is, or why there is none: the first of `flags`.
    fn status(&self) -> ObservationStatus {
        self.all_flags().principal().into()
    }

    /// Everything that it is, what matters most first.
    fn flags(&self) -> Vec<ObservationStatus> {
        self.all_flags().iter().map(Into::into).collect()
    }

    /// What was done to it before it was shown.
    fn confidentiality(&self) -> Confidentiality {
        self.confidentiality.into()
    }
}
}

/// What is done about counts so small that they could point to a person, before they are shown.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "entities::DisclosureMethod")]
pub enum DisclosureMethod {
    /// Nothing.
    Off,
    /// Editors are told of them; they are shown.
    Warn,
    /// They are withheld, together with others from which they could be computed.
    Suppress,
    /// Every figure is rounded to a multiple of the threshold.
    Round,
    /// They are withheld and counted together in a row of their own.
    Merge,
}

/// What is done about small counts.
#[derive(SimpleObject)]
pub struct DisclosurePolicy {
    /// What is done.
    method: DisclosureMethod,
    /// A count from 1 to just below this is small; for `ROUND`, the base. At least 3 for `SUPPRESS` and `MERGE`.
    threshold: Scalar<Threshold>,
}

impl From<entities::DisclosurePolicy> for DisclosurePolicy {
    fn from(policy: entities::DisclosurePolicy) -> Self {
        Self { method: policy.method.into(), threshold: Scalar(policy.threshold) }
    }
}
