//! What statuses are called and how they are shown.

use async_graphql::{Object, SimpleObject};
use entities::{Flags, Locale};

use crate::{
    figures::{graphql::ObservationStatus, status},
    graphql::{Input, language},
};

/// A status of figures, and how to show it.
#[derive(SimpleObject)]
pub struct ObservationStatusLabel {
    /// The status.
    status: ObservationStatus,
    /// Its code in the SDMX code list OBS_STATUS.
    sdmx_code: &'static str,
    /// What stands beside a figure of this status, or in its place when it has no value. Empty for `FINAL`.
    sign: &'static str,
    /// What it is called.
    label: &'static str,
    /// What it says, in a sentence.
    description: &'static str,
    /// Whether a figure of this status has a value.
    has_value: bool,
}

/// Queries about statuses.
#[derive(Default)]
pub struct StatusQuery;

#[Object]
impl StatusQuery {
    /// Every status that a figure can have, what matters most first: of a figure with several, the first of them is
    /// `status`. In Japanese for `ja` and in English otherwise.
    async fn observation_statuses(
        &self,
        #[graphql(desc = "The language to say it in.")] locale: Option<Input<Locale>>,
    ) -> Vec<ObservationStatusLabel> {
        let language = language(locale);
        let label = |status: entities::ObservationStatus| ObservationStatusLabel {
            status: status.into(),
            sdmx_code: status::sdmx_code(status),
            sign: status::sign(status, language),
            label: status::label(status, language),
            description: status::description(status, language),
            has_value: status.has_value(),
        };
        Flags::PRECEDENCE.into_iter().map(label).collect()
    }
}
