//! What HTTP clients see.

mod coercion;
mod compute;
mod connections;
mod cors;
mod documents;
mod graphql;
mod head;
mod head_method;
mod probes;
mod server;
mod wire;
