//! How what is published reaches readers: out of memory, kept up to date by the change feed.
//!
//! [`reading`] is the way to a [`snapshot`] and notes what was looked at; [`answer`] keeps what was answered for as long as it
//! holds. Search, live updates and webhooks will stand beside them and follow the same [`feed`].

pub mod answer;
pub mod change_token;
pub mod checkpoint;
pub mod cursor;
pub mod documents;
pub mod feed;
pub mod reading;
pub mod response_memory;
pub mod sizes;
pub mod snapshot;
