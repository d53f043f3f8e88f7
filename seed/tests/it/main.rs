//! The promises of the dataset format.

mod example;
mod faults;
mod folder;
mod round_trip;
