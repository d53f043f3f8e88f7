//! The settings, as `--help` tells them.

use tests::TestApp;

use crate::process::{almanac, run};

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
