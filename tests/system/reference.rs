//! The reference in `docs/reference/` is what the program says of itself.

use std::{collections::BTreeSet, fs, path::Path};

use crate::process::{almanac, run};

/// The files of a folder, by name.
fn files(folder: &Path) -> BTreeSet<(String, String)> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let read = |entry: fs::DirEntry| {
        let text = fs::read_to_string(entry.path()).expect("a text");
        (entry.file_name().to_string_lossy().into_owned(), text)
    };
    entries.map(|entry| read(entry.expect("an entry"))).collect()
}

#[tokio::test]
async fn the_reference_is_what_the_program_writes() {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference");
    let folder = tempfile::tempdir().expect("a folder");
    let target = if std::env::var_os("UPDATE").is_some() { committed.as_path() } else { folder.path() };
    run(almanac(&["reference", target.to_str().expect("UTF-8")]), "").await.ok();
    let (written, committed) = (files(target), files(&committed));
    for (name, text) in &written {
        let lines = text.lines().filter(|line| line.starts_with("| `") || line.starts_with("## ")).count();
        assert!(lines >= 3 || name == "limits.md", "{name} has nothing in it");
    }
    let differing: Vec<&str> = written.symmetric_difference(&committed).map(|(name, _)| name.as_str()).collect();
    assert!(differing.is_empty(), "{differing:?}: run UPDATE=1 cargo test --workspace --test system reference");
}
