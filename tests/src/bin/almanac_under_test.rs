//! The binary `almanac` once more, because Cargo tells a test only where the binaries of its own package are.

use std::process::ExitCode;

fn main() -> ExitCode {
    api::cli::main()
}
