//! How what is published reaches readers: out of memory, kept up to date by the change feed.
//!
//! Response cache, search, live updates and webhooks will stand beside [`snapshot`] and follow the same [`feed`].

pub mod cursor;
pub mod feed;
pub mod snapshot;
