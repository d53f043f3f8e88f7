//! The reference implementation: which operations are valid, and what they answer (`tests/graphql-js/`).

use std::process::Command;

use tests::Backend;

use crate::{blank::Blank, node, process::Server};

/// How many operations are compared, unless `ALMANAC_TEST_OPERATIONS` says so.
const OPERATIONS: &str = "300";

#[tokio::test]
async fn what_is_valid_and_what_it_answers_is_what_graphql_js_says() {
    let Some(project) = node::program("graphql-js") else { return };
    let blank = Blank::on(Backend::Sqlite).await.expect("SQLite is always there");
    let server = Server::start(blank.serve(&["--log", "warn", "--rate-limit", "0"])).await;
    let operations = option_env!("ALMANAC_TEST_OPERATIONS").unwrap_or(OPERATIONS);
    let mut differential = Command::new("node");
    differential.current_dir(&project).args(["differential.mjs", "--schema", "../../api/schema.graphql"]);
    differential.args(["--url", &format!("http://{}/graphql", server.address()), "--count", operations]);
    let finished = tokio::task::spawn_blocking(move || differential.output()).await.expect("it is waited for");
    let finished = finished.expect("node runs");
    let [output, log] = [finished.stdout, finished.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(finished.status.success(), "{output}{log}");
    assert!(output.contains(" 0 differences without a reason"), "{output}");
}
