//! What HTTP clients see.

mod cors;
mod documents;
mod graphql;
mod probes;
mod server;
