//! The promises of the dataset format.

#![expect(clippy::panic, reason = "tests stop where they stand, and so do their helpers")]

mod example;
mod faults;
mod folder;
mod round_trip;
