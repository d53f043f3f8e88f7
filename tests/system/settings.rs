//! The settings, as `--help` and README.md tell them.

use std::{collections::BTreeSet, fs, path::Path};

use tests::TestApp;

use crate::process::{almanac, run};

/// The settings in `--help`: flag, variable, default.
async fn in_the_help() -> BTreeSet<[String; 3]> {
    let help = run(almanac(&["--help"]), "").await.ok().output;
    let bracketed = |entry: &str, name: &str| {
        let (_, rest) = entry.split_once(&format!("[{name}: "))?;
        rest.split_once(']').map(|(value, _)| value.trim_end_matches('=').to_owned())
    };
    let setting = |entry: &str| {
        let flag = entry.split_whitespace().next()?;
        Some([format!("--{flag}"), bracketed(entry, "env")?, bracketed(entry, "default").unwrap_or_default()])
    };
    help.split("\n      --").skip(1).filter_map(setting).collect()
}

/// The settings in README.md: flag, variable, default.
fn in_the_readme() -> BTreeSet<[String; 3]> {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = fs::read_to_string(readme).expect("README.md");
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(|cell| cell.trim_matches([' ', '`'])).collect();
        match cells[..] {
            [_, flag, variable, default, ..] => Some([flag, variable, default].map(str::to_owned)),
            _ => None,
        }
    };
    readme.lines().filter(|line| line.starts_with("| `--")).filter_map(row).collect()
}

#[tokio::test]
async fn the_readme_lists_the_settings_that_the_help_lists() {
    let help = in_the_help().await;
    assert!(help.len() >= 16, "{help:?}");
    assert_eq!(in_the_readme(), help);
}

#[tokio::test]
async fn the_help_documents_every_setting() {
    let help = run(almanac(&["--help"]), "").await.ok().output;
    let app = TestApp::new().await;
    let debug = format!("{:#?}", app.state().config());
    let fields: Vec<&str> = debug
        .lines()
        .filter_map(|line| line.strip_prefix("    "))
        .filter(|line| line.starts_with(|first: char| first.is_ascii_lowercase()))
        .filter_map(|line| line.split_once(": ").map(|(field, _)| field))
        .collect();
    assert_eq!(fields.len(), 26, "{debug}");
    for field in fields {
        let flag = format!("--{}", field.replace('_', "-"));
        let variable = format!("[env: ALMANAC_{}", field.to_uppercase());
        // A flag that takes no value ends its line.
        let at = [" ", "\n"].iter().find_map(|end| help.find(&format!("{flag}{end}")));
        let at = at.unwrap_or_else(|| panic!("no {flag} in {help}"));
        let entry = help[at..].split("\n      --").next().expect("an entry");
        assert!(entry.contains(&variable), "{variable}: {entry}");
        let explained = entry.lines().nth(1).unwrap_or_default().trim();
        assert!(explained.len() > 8 && !explained.starts_with('['), "{flag} is not explained: {entry}");
    }
}

#[tokio::test]
async fn the_help_keeps_the_password_of_the_environment_to_itself() {
    let mut command = almanac(&["--help"]);
    command.env("ALMANAC_DATABASE_URL", "postgres://almanac:the-secret@localhost/almanac");
    let help = run(command, "").await.ok().output;
    assert!(help.contains("ALMANAC_DATABASE_URL") && !help.contains("the-secret"), "{help}");
}
