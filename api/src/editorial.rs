//! Drafts, versions and publishing, the same for every kind of document.
//!
//! A document is a stack of revisions. Saving appends one; publishing projects one into the live tables. All of it goes
//! through an [`Edit`], the one transaction in which an editor writes. What a kind of document holds and where it is
//! projected is the kind's own business: it implements [`Kind`] (`content`, `figures`).
//!
//! Restoring, schedules, comparison and preview will stand beside [`edit`].

pub mod edit;
mod kind;
pub mod revision;

pub use edit::{Edit, Release, Saved};
pub use kind::Kind;
