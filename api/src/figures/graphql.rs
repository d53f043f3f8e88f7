//! What all figures have in common for front ends and editors.

use async_graphql::Enum;

/// What kind of figure this is, after the SDMX code list OBS_STATUS. The first six have a value; the others say why there
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
