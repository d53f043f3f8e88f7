//! The promises that need a real process or a whole database of its own.
//!
//! `process` starts the binary and listens to it, `http` talks to it, `blank` has databases without anything in them,
//! `ledger` knows which tables must agree with each other.

#![expect(clippy::expect_used, clippy::panic, reason = "tests stop where they stand, and so do their helpers")]

mod blank;
mod http;
mod ledger;
mod node;
mod process;
mod proxy;

mod audit;
mod backup;
mod cli;
mod compose;
mod constraints;
mod dataset;
mod disclosure;
mod disk;
mod documents;
mod drift;
mod durability;
mod graphql_js;
mod hanging_up;
mod lost;
mod mixed;
mod outage;
mod people;
mod reference;
mod replicas;
mod settings;
mod typescript_client;
mod upgrade;
