//! `docker-compose.yml` and `Dockerfile` at the root of the workspace.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use compose_spec::{Compose, Resource, Service, ShortOrLong, secret::Source};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::process::{Server, almanac, run};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn compose() -> Compose {
    let compose = Compose::options().from_yaml_str(&read("docker-compose.yml"));
    compose.unwrap_or_else(|error| panic!("docker-compose.yml: {error}"))
}

/// The environment of a service.
fn environment(service: &Service) -> BTreeMap<String, String> {
    let map = service.environment.clone().into_map().expect("an environment");
    let value = |value: Option<compose_spec::Value>| value.map(|value| value.to_string()).unwrap_or_default();
    map.into_iter().map(|(name, text)| (name.as_str().to_owned(), value(text))).collect()
}

/// The environment of the service that runs the binary.
fn settings() -> BTreeMap<String, String> {
    let compose = compose();
    let service = compose.services.values().find(|service| service.build.is_some());
    environment(service.expect("a service that is built here"))
}

/// The instructions of the Dockerfile, one a line.
fn dockerfile() -> Vec<String> {
    let text = read("Dockerfile").replace("\\\n", " ");
    let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

/// The instructions of the last stage that begin with this word.
fn last_stage(instruction: &str) -> Vec<String> {
    let lines = dockerfile();
    let from = lines.iter().rposition(|line| line.starts_with("FROM ")).expect("a stage");
    let found = lines[from..].iter().filter_map(|line| line.strip_prefix(instruction)?.strip_prefix(' '));
    found.map(str::to_owned).collect()
}

#[test]
fn the_compose_file_is_one_and_refers_to_nothing_that_it_does_not_have() {
    compose().validate_all().expect("networks, volumes, configs and secrets that exist");
}

#[tokio::test]
async fn every_setting_is_one_that_the_binary_has() {
    let help = run(almanac(&["--help"]), "").await.ok().output;
    let mut names: Vec<String> = settings().into_keys().filter(|name| name.starts_with("ALMANAC_")).collect();
    assert!(!names.is_empty());
    for line in last_stage("ENV") {
        names.extend(line.split_whitespace().filter_map(|pair| pair.split_once('=')).map(|(name, _)| name.to_owned()));
    }
    for name in names.iter().filter(|name| name.starts_with("ALMANAC_")) {
        let known = [format!("[env: {name}="), format!("[env: {name}]")];
        assert!(known.iter().any(|known| help.contains(known)), "the binary has no {name}");
    }
}

#[tokio::test]
async fn every_setting_has_a_value_that_the_binary_accepts() {
    // What is set on no value at all comes from the operator's own environment.
    let set = settings().into_iter().filter(|(_, value)| !value.is_empty() && !value.contains("${"));
    let mut command = almanac(&["schema"]);
    command.envs(set);
    run(command, "").await.ok();
}

#[test]
fn no_password_stands_in_the_compose_file() {
    let compose = compose();
    for (name, service) in &compose.services {
        for (variable, value) in environment(service) {
            let secret = ["PASSWORD", "SECRET", "TOKEN", "PASSPHRASE"].iter().any(|word| variable.contains(word));
            let harmless = variable.ends_with("_FILE") || variable == "ALMANAC_ACCESS_TOKEN_MINUTES";
            assert!(!secret || harmless, "{name}: {variable} belongs in a file");
            if let Some((_, rest)) = value.split_once("://") {
                let user = rest.split('/').next().and_then(|authority| authority.rsplit_once('@'));
                assert!(user.is_none_or(|(user, _)| !user.contains(':')), "{name}: {variable} has a password in it");
            }
            if variable.ends_with("_PASSWORD_FILE") {
                let file = value.strip_prefix("/run/secrets/");
                let file = file.unwrap_or_else(|| panic!("{name}: {variable} is no secret: {value}"));
                let granted = service.secrets.iter().any(|secret| match secret {
                    ShortOrLong::Short(source) => source.as_str() == file,
                    ShortOrLong::Long(secret) => secret.source.as_str() == file,
                });
                assert!(granted, "{name} is not given {file}");
            }
        }
    }
    for (name, secret) in &compose.secrets {
        if let Resource::Compose(secret) = secret {
            assert!(matches!(secret.source, Source::File(_)), "{name} comes from a file");
        }
    }
}

#[test]
fn the_files_of_the_secrets_stay_out_of_version_control_and_of_the_image() {
    for list in [".gitignore", ".dockerignore"] {
        let text = read(list);
        let ignored = |line: &str| line.trim().trim_matches('/').trim_end_matches("/*") == "secrets";
        assert!(text.lines().any(|line| ignored(line) || line.trim() == "*"), "{list} does not name secrets");
    }
}

#[test]
fn the_image_is_built_here_runs_without_privileges_and_tells_its_health() {
    let compose = compose();
    let built: Vec<&Service> = compose.services.values().filter(|service| service.build.is_some()).collect();
    let [service] = built[..] else { panic!("one service is built here") };
    let instructions = service.build.clone().map(ShortOrLong::into_long).expect("it is built");
    assert_eq!(instructions.dockerfile, None, "nothing but Dockerfile");
    assert!(root().join("Dockerfile").is_file());
    assert!(service.user.is_none(), "the image says who runs it");

    let user = last_stage("USER").pop().expect("a user");
    let name = user.split(':').next().unwrap_or_default();
    assert!(!["", "root", "0"].contains(&name), "the image runs as {user}");
    let health = last_stage("HEALTHCHECK").pop().expect("a health check");
    assert!(health.contains("CMD") && health.contains("/healthz"), "{health}");
    assert_ne!(health, "NONE");
    // In this form the signal that stops a container reaches the process itself.
    assert!(
        last_stage("ENTRYPOINT").pop().is_some_and(|entry| entry.starts_with("[\"")),
        "{:?}",
        last_stage("ENTRYPOINT")
    );
}

#[test]
fn the_image_is_built_with_the_pinned_compiler() {
    let toolchain = read("rust-toolchain.toml");
    let channel = toolchain.lines().find_map(|line| line.strip_prefix("channel = ")).expect("a channel");
    let version = channel.trim_matches('"');
    let from = dockerfile().into_iter().find(|line| line.starts_with("FROM rust:")).expect("a compiler");
    assert!(from.starts_with(&format!("FROM rust:{version}")), "{from}, but rust-toolchain.toml says {version}");
}

#[tokio::test]
async fn the_health_check_is_answered() {
    let health = last_stage("HEALTHCHECK").pop().expect("a health check");
    // What it sends, if it speaks HTTP by hand.
    let Some(rest) = health.split("printf '").nth(1) else { return };
    let request = rest.split('\'').next().expect("a request").replace("\\\\r", "\r").replace("\\\\n", "\n");
    let expected =
        health.split("grep -q '").nth(1).and_then(|rest| rest.split('\'').next()).expect("what it looks for");

    let folder = tempfile::TempDir::new().expect("a folder");
    let mut command = almanac(&["--bind", "127.0.0.1:0"]);
    command.current_dir(folder.path());
    let server = Server::start(command).await;
    let mut stream = TcpStream::connect(server.address()).await.expect("a connection");
    stream.write_all(request.as_bytes()).await.expect("the request is sent");
    let mut response = String::new();
    let read = tokio::time::timeout(crate::process::PATIENCE, stream.read_to_string(&mut response)).await;
    read.expect("the server closes the connection").expect("an answer");
    assert!(response.contains(&expected.replace("\\\"", "\"")), "{expected}: {response}");
    server.stop().await;
}
