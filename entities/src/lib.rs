//! What is stored: one table a file, and the values that its columns hold.
//!
//! This crate knows neither GraphQL nor HTTP, runs no statement, and depends on nothing of ours. An entity carries
//! its columns, its relations and nothing else; what may be written to it is decided in `api`.

mod moment;
mod number;
mod observation;
mod rule;
mod text;
mod wording;

pub mod account;
pub mod account_link;
pub mod api_token;
pub mod audit_entry;
pub mod category;
pub mod category_name;
pub mod change;
pub mod clock_correction;
pub mod country;
pub mod country_name;
pub mod disclosure;
pub mod document;
pub mod document_locale;
pub mod fact_sheet_metadata;
pub mod figure_checkpoint;
pub mod idempotency_key;
pub mod key;
pub mod lease;
pub mod page;
pub mod page_redirect;
pub mod page_text;
pub mod preview;
pub mod publication;
pub mod rate_limit;
pub mod refresh_token;
pub mod revision;
pub mod schedule;
pub mod session;
pub mod site;
pub mod site_locale;
pub mod staff;
pub mod staff_text;
pub mod trusted_document;
pub mod visit_count;
pub mod write_lock;
pub mod yearly_total;

pub use account::Role;
pub use audit_entry::{ActorKind, AuditOutcome};
pub use disclosure::{DisclosureMethod, DisclosurePolicy};
pub use document::{DocumentKind, DocumentState};
pub use fact_sheet_metadata::{BreakKind, PeriodKind};
pub use key::KeyPurpose;
pub use moment::{Date, LocalDateTime, Moment};
pub use number::{Count, Position, Threshold, Version, Year};
pub use observation::{Flags, Observation, ObservationStatus};
pub use publication::ReleaseKind;
pub use revision::RevisionAction;
pub use rule::{Language, Rule, Unexplained};
pub use schedule::{ScheduleAction, ScheduleOutcome};
pub use text::{
    CategoryCode, CountryCode, Email, Line, Locale, Localized, Markdown, Prose, Slug, TextDirection, Url, is_visible,
};
pub use wording::{Flaw, Form};
