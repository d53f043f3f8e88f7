//! What content means and who may ask: the library behind the binary `almanac`.
//!
//! The rooms: [`access`] knows who may do what; [`editorial`] keeps drafts and versions; [`content`] and [`figures`] are
//! the two kinds of things that institutions publish; [`delivery`] serves what is published out of memory; [`http`] is
//! the door. [`schema`] puts the GraphQL faces together, [`dataset`] the files. ARCHITECTURE.md has the map.

pub mod access;
pub mod background;
pub mod backup;
pub mod change;
pub mod cli;
pub mod compute_pool;
pub mod config;
pub mod content;
pub mod database;
pub mod dataset;
pub mod delivery;
pub mod document;
pub mod editorial;
pub mod error;
pub mod figures;
pub mod graphql;
pub mod http;
pub mod idempotency;
pub mod locale;
pub mod retention;
pub mod schema;
pub mod setup;
pub mod state;
pub mod transaction;

pub use http::app;
