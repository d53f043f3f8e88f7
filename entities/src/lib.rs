//! What is stored: one table a file, and the values that its columns hold.
//!
//! This crate knows neither GraphQL nor HTTP, runs no statement, and depends on nothing of ours. An entity carries
//! its columns, its relations and nothing else; what may be written to it is decided in `api`.

mod observation;
mod rule;
mod value;

pub use observation::{Observation, ObservationStatus};
pub use rule::{Language, Rule};
pub use value::{
    CategoryCode, Count, CountryCode, Email, Line, Locale, Localized, Markdown, Position, Prose, Slug, Version, Year,
};
