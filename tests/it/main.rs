//! The promises, as one binary.

#![expect(clippy::expect_used, clippy::panic, reason = "tests stop where they stand, and so do their helpers")]

mod access;
mod consistency;
mod content;
mod delivery;
mod docs;
mod editing;
mod errors;
mod figures;
mod http;
mod idempotency;
mod japanese;
mod limits;
mod moments;
mod nodes;
mod nul;
mod preview;
mod replicas;
mod retention;
mod schema;
mod statements;
mod stops;
mod storage;
mod tidy;
