//! Drafts, versions and publishing, the same for every kind of document.
//!
//! A document is a stack of revisions. Saving appends one; publishing projects one into the live tables. All of it goes
//! through an [`Edit`], an editor at work in a transaction. What a kind of document holds and where it is
//! projected is the kind's own business: it implements [`Kind`] (`content`, `figures`).
//!
//! What is done to documents of any kind, whatever it holds, stands above this room in `document`.

pub mod diff;
pub mod edit;
mod kind;
pub mod revision;
pub mod schedule;

pub use edit::{Base, Edit, Release};
pub use kind::Kind;
