//! Invariants that neither types nor lints can hold: which file may name what, and that the map shows the land.

use std::{
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every Rust file below a folder: its path from the root, and its code without comments.
fn sources(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if entry.is_dir() {
                open.push(entry);
            } else if entry.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&entry).expect("a file");
                let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
                let path = entry.strip_prefix(root()).expect("below the root").to_string_lossy().replace('\\', "/");
                found.push((path, code.join("\n")));
            }
        }
    }
    assert!(!found.is_empty(), "{folder} has no Rust file");
    found
}

/// The files below `folder` that name `word`, less those that may.
fn offenders(folder: &str, word: &str, may: impl Fn(&str) -> bool) -> Vec<String> {
    sources(folder).into_iter().filter(|(path, code)| code.contains(word) && !may(path)).map(|(path, _)| path).collect()
}

#[test]
fn graphql_stays_in_its_faces() {
    let face = |path: &str| {
        path.ends_with("/graphql.rs")
            || ["api/src/graphql/", "api/src/document/graphql/", "api/src/schema", "api/src/http"]
                .iter()
                .any(|room| path.starts_with(room))
    };
    assert_eq!(offenders("api/src", "async_graphql", face), [] as [&str; 0]);
    for folder in ["entities/src", "migration/src", "seed/src"] {
        assert_eq!(offenders(folder, "async_graphql", |_| false), [] as [&str; 0]);
    }
}

#[test]
fn http_stays_at_the_door() {
    let door = |path: &str| path.starts_with("api/src/http") || path == "api/src/error/code.rs";
    assert_eq!(offenders("api/src", "poem::", door), [] as [&str; 0]);
}

#[test]
fn rooms_import_only_what_is_below_them() {
    // The GraphQL faces stand outside the rooms: they may show what a neighbour has.
    let face = |path: &str| path.ends_with("graphql.rs");
    for (room, stranger) in [
        ("api/src/content", "figures"),
        ("api/src/figures", "content"),
        ("api/src/access", "content"),
        ("api/src/access", "figures"),
        ("api/src/access", "editorial"),
        ("api/src/access", "delivery"),
        ("api/src/editorial", "content"),
        ("api/src/editorial", "figures"),
        ("api/src/editorial", "delivery"),
        ("api/src/content", "delivery"),
        ("api/src/figures", "delivery"),
    ] {
        for word in [format!("crate::{stranger}"), format!("\n    {stranger}::"), format!("\n    {stranger},")] {
            assert_eq!(offenders(room, &word, face), [] as [&str; 0], "{room} names {stranger}");
        }
    }
}

#[test]
fn databases_differ_in_one_place() {
    let database = |path: &str| ["api/src/database.rs", "api/src/database/write.rs"].contains(&path);
    assert_eq!(offenders("api/src", "DbBackend", database), [] as [&str; 0]);
    assert_eq!(offenders("api/src", "execute_unprepared", database), [] as [&str; 0]);
    assert_eq!(offenders("api/src", "Statement::from", database), [] as [&str; 0]);
}

#[test]
fn only_the_command_line_acts_without_an_account() {
    let operator = |path: &str| ["api/src/cli.rs", "api/src/setup.rs", "api/src/access.rs"].contains(&path);
    assert_eq!(offenders("api/src", "command_line()", operator), [] as [&str; 0]);
}

#[test]
fn every_file_has_a_word_about_itself_and_a_place_in_the_tree() {
    for folder in ["api/src", "entities/src", "migration/src", "seed/src"] {
        for (path, _) in sources(folder) {
            let text = fs::read_to_string(root().join(&path)).expect("a file");
            assert!(text.starts_with("//!"), "{path} does not say what it is");
            let file = Path::new(&path);
            let stem = file.file_stem().and_then(|stem| stem.to_str()).expect("a name");
            if ["lib", "main"].contains(&stem) {
                continue;
            }
            let folder = file.parent().expect("a folder");
            let parents = [folder.with_extension("rs"), folder.join("lib.rs")];
            let declared = parents
                .iter()
                .filter_map(|parent| fs::read_to_string(root().join(parent)).ok())
                .any(|parent| parent.lines().any(|line| line.trim_end().ends_with(&format!("mod {stem};"))));
            assert!(declared, "no file declares {path}");
        }
    }
}

#[test]
fn every_path_named_in_the_architecture_exists() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let mut named = 0;
    for (index, word) in text.split('`').enumerate() {
        let path = word.trim_end_matches('/');
        let ending = Path::new(path).extension().and_then(|extension| extension.to_str());
        let is_path = index % 2 == 1
            && !path.contains(|c: char| c.is_whitespace() || "<>*{}():$\"".contains(c))
            && !path.starts_with('/')
            && (path.contains('/')
                || ending.is_some_and(|ending| ["rs", "toml", "md", "yml", "graphql"].contains(&ending)));
        if is_path {
            named += 1;
            let places = ["", "api/src", "api", "tests"].map(|folder| root().join(folder).join(path));
            assert!(places.iter().any(|place| place.exists()), "ARCHITECTURE.md names {path}, which is not there");
        }
    }
    assert!(named > 30, "the map names only {named} paths");
}
