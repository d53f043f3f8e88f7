//! What institutions write: the site's settings, pages and staff records.
//!
//! To add a type: its table in `entities`, a step in `migration`, its [`crate::editorial::Kind`] in a file here, its
//! part of [`Published`], its GraphQL face in `<type>/graphql.rs`, its roots in `schema.rs`, its files in `seed` and
//! `dataset.rs`.

mod draft;
mod list;

pub mod body;
pub mod markdown;
pub mod page;
pub mod published;
pub mod site;
pub mod staff;

pub use list::{List, Order, PageKey, Scope};
pub use published::Published;
