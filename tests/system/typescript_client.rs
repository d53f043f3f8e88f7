//! The typed TypeScript client of docs/clients.md, as it is printed: its files, its commands, against a server.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use tests::Backend;

use crate::{blank::Blank, node, process::Server};

/// Where the server of the docs listens.
const ADDRESS: &str = "127.0.0.1:8080";

/// What docs/clients.md prints under "A typed TypeScript client".
struct Printed {
    /// The files, by the name that stands above each.
    files: BTreeMap<String, String>,
    /// The lines of the blocks of commands, in order, without their comments.
    commands: Vec<String>,
}

fn printed() -> Printed {
    let text = fs::read_to_string(repository().join("docs/clients.md")).expect("docs/clients.md");
    let section = text.split_once("\n## A typed TypeScript client\n").expect("the section").1;
    let section = section.split("\n## ").next().expect("its text");
    let (mut files, mut commands, mut name) = (BTreeMap::new(), Vec::new(), None);
    let mut lines = section.lines();
    while let Some(line) = lines.next() {
        if let Some(info) = line.strip_prefix("```") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            if info == "sh" {
                let command = |line: &&str| line.split("  #").next().expect("a command").trim().to_owned();
                commands.extend(block.iter().map(command));
            } else {
                let name: String = name.take().expect("the name of a file above its text");
                files.insert(name, block.join("\n") + "\n");
            }
        } else if let Some(named) = line.strip_prefix('`').and_then(|line| line.strip_suffix("`:")) {
            name = Some(named.to_owned());
        }
    }
    Printed { files, commands }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Runs a command as a shell does, and returns whether it succeeded and all that it said.
async fn shell(folder: &Path, command: &str) -> (bool, String) {
    let mut shell = Command::new("sh");
    shell.current_dir(folder).args(["-c", command]).env("npm_config_offline", "true").env("NO_COLOR", "1");
    let finished = tokio::task::spawn_blocking(move || shell.output()).await.expect("it is waited for");
    let finished = finished.expect("a shell runs");
    let said = [finished.stdout, finished.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    (finished.status.success(), said.concat())
}

#[tokio::test]
async fn the_typed_client_of_the_readme_runs_as_it_is_printed() {
    let Some(project) = node::program("typescript-client") else { return };
    let Printed { files, commands } = printed();
    assert_eq!(files.keys().collect::<Vec<_>>(), ["codegen.ts", "src/almanac.ts", "src/main.ts", "tsconfig.json"]);
    let blank = Blank::on(Backend::Sqlite).await.expect("SQLite is always there");
    let server = Server::start(blank.serve(&["--log", "warn"])).await;
    let folder = blank.folder().join("client");
    fs::create_dir_all(folder.join("src")).expect("a folder");
    fs::copy(repository().join("api/schema.graphql"), folder.join("schema.graphql")).expect("a copy of the schema");
    for (name, text) in &files {
        let text = text.replace(ADDRESS, &server.address().to_string());
        fs::write(folder.join(name), text).expect("a file");
    }

    // The packages are those of the lock file, which are installed: a test asks no registry.
    let mut said = Vec::new();
    for command in &commands {
        if let Some(packages) = command.strip_prefix("npm install --save-dev ") {
            let lock = fs::read_to_string(project.join("package.json")).expect("package.json");
            let lock: Value = serde_json::from_str(&lock).expect("JSON");
            let mut wanted: Vec<&str> = packages.split(' ').collect();
            wanted.sort_unstable();
            let locked: Vec<&String> = lock["devDependencies"].as_object().expect("packages").keys().collect();
            assert_eq!(wanted, locked, "tests/typescript-client has what docs/clients.md installs");
            std::os::unix::fs::symlink(project.join("node_modules"), folder.join("node_modules")).expect("a link");
            continue;
        }
        let (succeeded, output) = shell(&folder, command).await;
        assert!(succeeded, "{command}\n{output}");
        said.push(output);
    }
    assert_eq!(commands.len(), 5, "{commands:?}");
    let output = said.last().expect("an output");
    assert!(output.contains(" en\n"), "the greeting is served in English: {output}");
    assert!(output.contains("2018 64 1\n"), "the total of 2018 differs from its sum by one: {output}");

    // A variable and a field that the schema does not have are errors, as docs/clients.md says.
    let main = folder.join("src/main.ts");
    let right = fs::read_to_string(&main).expect("main.ts");
    fs::write(&main, right.replace("{ slug: \"president-greeting\"", "{ slag: \"president-greeting\""))
        .expect("a file");
    let (succeeded, output) = shell(&folder, "npx tsc").await;
    assert!(!succeeded && output.contains("slag"), "{output}");
    fs::write(&main, right.replace("{ title servedLocale", "{ titel servedLocale")).expect("a file");
    let (succeeded, output) = shell(&folder, "npx graphql-codegen").await;
    assert!(!succeeded && output.contains("titel"), "{output}");
}
