//! How fast Almanac is: `cargo bench -p tests`, and `-- --help` for what can be chosen.
//!
//! A server runs in a process of its own and is asked over real connections. What counts is its processor time for a
//! request, held against the processor time for as many bytes without GraphQL, the ceiling, measured in turn with it: the
//! ratio says the same on a fast machine, a slow one and a noisy one. `reading.rs` and `updating.rs` say what is asked,
//! `tests/src/big_dataset.rs` on what, `load.rs` how it is timed, `process.rs` is the server, `report.rs` the table.
//! `costly.rs` is apart, `cargo bench -p tests -- costly`: what requests cost that are made to cost much.
//!
//! No number fails a run, but for those of `costly.rs`. An answer that is an error or differs from the first does.

#![expect(clippy::print_stderr, reason = "a benchmark is a report")]
#![cfg_attr(target_os = "linux", expect(clippy::print_stdout, reason = "a benchmark is a report"))]

#[cfg(target_os = "linux")]
mod costly;
#[cfg(target_os = "linux")]
mod database;
#[cfg(target_os = "linux")]
mod load;
#[cfg(target_os = "linux")]
mod process;
#[cfg(target_os = "linux")]
mod reading;
#[cfg(target_os = "linux")]
mod report;
#[cfg(target_os = "linux")]
mod run;
#[cfg(target_os = "linux")]
mod updating;

/// As in the binary that is measured.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    match run::main() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("delivery: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("delivery: measuring takes the processor clocks of Linux");
}
