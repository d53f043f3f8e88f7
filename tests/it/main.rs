//! The promises, as one binary.

mod content;
mod docs;
mod figures;
mod http;
mod schema;
mod statements;
mod tidy;
