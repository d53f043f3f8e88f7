//! What HTTP clients see.

mod compute;
mod connections;
mod cors;
mod documents;
mod graphql;
mod head;
mod probes;
mod server;
mod wire;
