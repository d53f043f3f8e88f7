//! What institutions count: countries, categories, year sheets, and the fact sheet put together from them.
//!
//! A figure is never a bare number: it has a status, and when it has no value, a reason. A published total is data,
//! not a sum. A fact sheet is put together in [`fact_sheet`]; a count is written in [`year_sheet`].

mod published;

pub mod aggregate;
pub mod category;
pub mod chart;
pub mod country;
pub mod disclosure;
pub mod exchange;
pub mod fact_sheet;
pub mod graphql;
pub mod metadata;
pub mod reconciliation;
pub mod region;
pub mod status;
pub mod vintage;
pub mod year_sheet;

pub use published::Published;

use entities::Count;

/// The sum of counts, at most [`Count::MAX`] as every year sheet is checked; none when there is nothing to sum, which is
/// not the same as zero.
fn sum(counts: impl Iterator<Item = Count>) -> Option<i64> {
    counts.map(Count::get).reduce(|sum, count| sum + count)
}
