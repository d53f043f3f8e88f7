//! Folders for databases that nobody will miss.

use std::{process::Command, sync::LazyLock};

use tempfile::{Builder, TempDir};

/// What a test run may need at once, in KiB.
const ENOUGH: u64 = 1024 * 1024;

/// A new folder: in memory where there is enough of it, which makes the tests several times as fast, else where
/// temporary files go.
pub(crate) fn folder(prefix: &str) -> TempDir {
    static MEMORY: LazyLock<bool> = LazyLock::new(|| has_room("/dev/shm"));
    let mut builder = Builder::new();
    builder.prefix(prefix);
    let in_memory = MEMORY.then(|| builder.tempdir_in("/dev/shm").ok()).flatten();
    in_memory.unwrap_or_else(|| builder.tempdir().expect("a folder"))
}

/// Whether there is [`ENOUGH`] space. A container often has 64 MiB there.
fn has_room(folder: &str) -> bool {
    let output = Command::new("df").args(["-Pk", folder]).output();
    let text = output.ok().and_then(|output| String::from_utf8(output.stdout).ok()).unwrap_or_default();
    let available = text.lines().nth(1).and_then(|line| line.split_whitespace().nth(3)?.parse().ok());
    available.is_some_and(|available: u64| available >= ENOUGH)
}
