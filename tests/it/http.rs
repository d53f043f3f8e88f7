//! What HTTP clients see.

mod cors;
mod graphql;
mod probes;
mod server;
