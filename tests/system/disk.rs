//! A disk that is full, empty, and full again, under load and with the process killed in between: what was acknowledged is
//! what can be read, and what is there after a restart.
#![cfg(target_os = "linux")]

use std::{
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
};

use entities::document;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};
use tests::Backend;
use tokio::{sync::watch, task::JoinSet, time::timeout};

use crate::{
    blank::Blank,
    durability::{ADMIN, PASSWORD},
    http::{Answer, Client},
    ledger,
    process::{PATIENCE, Server},
};

const ROUNDS: usize = 200;
/// After so many rounds the process is killed.
const ROUNDS_PER_PROCESS: usize = 20;
const WRITERS: i32 = 4;

const UPDATE: &str = "mutation($input: VisitCountsUpdateInput!) { visitCountsUpdate(input: $input) {
    yearSheet { version } errors { code message }
} }";
const VERSION: &str = r#"query($year: Year!) { yearSheet(category: "RESIDENT", year: $year) { version } }"#;
const PUBLIC: &str =
    r#"{ factSheet(categories: ["RESIDENT"], from: 2030) { categories { countries { counts { value } } } } }"#;

/// What a writer was told.
#[derive(Default)]
struct Told {
    acknowledged: AtomicI64,
    refused: AtomicU64,
    unknown: AtomicU64,
}

struct Load {
    stop: AtomicBool,
    server: watch::Receiver<Client>,
    told: [Told; WRITERS as usize],
}

impl Load {
    fn acknowledged(&self) -> Vec<i64> {
        self.told.iter().map(|told| told.acknowledged.load(Ordering::SeqCst)).collect()
    }

    fn refused(&self) -> Vec<u64> {
        self.told.iter().map(|told| told.refused.load(Ordering::SeqCst)).collect()
    }

    /// Waits until each of these numbers has grown.
    async fn more<T: Copy + PartialOrd>(&self, what: &str, numbers: impl Fn(&Self) -> Vec<T>) {
        let before = numbers(self);
        until(what, async || numbers(self).iter().zip(&before).all(|(now, before)| now > before)).await;
    }

    /// The version of a writer's sheet, from whichever server there is.
    async fn version(&self, writer: i32) -> i64 {
        loop {
            let client = self.server.borrow().clone();
            if let Ok(answer) = client.try_run(VERSION, json!({ "year": 2030 + writer })).await
                && refusal(&answer).is_none()
            {
                return answer.json.pointer("/data/yearSheet/version").and_then(Value::as_i64).unwrap_or_default();
            }
            tokio::task::yield_now().await;
        }
    }
}

async fn until(what: &str, ask: impl AsyncFn() -> bool) {
    let asking = async {
        while !ask().await {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, asking).await.unwrap_or_else(|_| panic!("{what} in time"));
}

/// The code of the one error that a full disk may cause.
#[track_caller]
fn refusal(answer: &Answer) -> Option<String> {
    let code = answer.json.pointer("/errors/0/extensions/code")?.as_str()?.to_owned();
    let expected = ["STORAGE_FULL", "UNAVAILABLE", "OUTCOME_UNKNOWN"].contains(&code.as_str());
    assert!(expected && answer.status == 200, "{} {}", answer.status, answer.text);
    Some(code)
}

/// Sets the residents of a year to 1, 2, 3 and so on, so that the value tells which version it is of.
async fn write(load: Arc<Load>, writer: i32) -> i64 {
    let told = &load.told[usize::try_from(writer).expect("small")];
    let mut version = 0;
    while !load.stop.load(Ordering::SeqCst) {
        let input = json!({
            "category": "RESIDENT", "year": 2030 + writer, "expectedVersion": version, "publish": true,
            "kind": if version == 0 { "RELEASE" } else { "REVISION" }, "reason": "Counted on",
            "counts": [{ "country": "CN", "value": version + 1 }],
        });
        let client = load.server.borrow().clone();
        let in_doubt = match client.try_run(UPDATE, json!({ "input": input })).await {
            Ok(answer) => match refusal(&answer) {
                None => {
                    assert_eq!(answer.at("/data/visitCountsUpdate/errors"), &json!([]), "{}", answer.text);
                    version = answer.number_at("/data/visitCountsUpdate/yearSheet/version");
                    told.acknowledged.store(version, Ordering::SeqCst);
                    continue;
                }
                Some(code) => {
                    told.refused.fetch_add(1, Ordering::SeqCst);
                    let is_unknown = code == "OUTCOME_UNKNOWN";
                    told.unknown.fetch_add(u64::from(is_unknown), Ordering::SeqCst);
                    is_unknown
                }
            },
            // The process was killed.
            Err(_) => true,
        };
        let now = load.version(writer).await;
        assert!(now == version || (in_doubt && now == version + 1), "{now}, though {version} was acknowledged");
        version = now;
    }
    version
}

/// The same command, whose log goes where there is no room.
fn without_room_for_its_log(command: &Command) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.env_clear().args(["-c", r#"exec "$0" "$@" 2>/dev/full"#]).arg(command.get_program()).args(command.get_args());
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.current_dir(command.get_current_dir().expect("a folder"));
    shell
}

#[tokio::test]
async fn a_log_that_cannot_be_written_is_in_nobodys_way() {
    let blank = Blank::on(Backend::Sqlite).await.expect("SQLite is always there");
    let password = blank.file("password", PASSWORD);
    let command = blank.serve(&["--admin-password-file", &password, "--log", "trace"]);
    let server = Server::start(without_room_for_its_log(&command)).await;
    let client = server.anonymous().sign_in(ADMIN, PASSWORD).await;
    let input = json!({ "category": "RESIDENT", "year": 2030, "expectedVersion": 0, "total": 1 });
    let answer = client.run(UPDATE, json!({ "input": input })).await;
    assert_eq!(answer.number_at("/data/visitCountsUpdate/yearSheet/version"), 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_disk_that_is_full_again_and_again_exactly_what_was_acknowledged_is_there() {
    let blank = Blank::on(Backend::Sqlite).await.expect("SQLite is always there");
    let password = blank.file("password", PASSWORD);
    // The name by which a token is known outlives the process and its port.
    let public_url = ["--public-url", "https://almanac.example.org"];
    let arguments =
        [&public_url[..], &["--admin-password-file", &password, "--log", "off", "--rate-limit", "0"]].concat();
    let start = async || Server::start(blank.serve(&arguments)).await;
    let mut server = start().await;
    let token = server.anonymous().sign_in(ADMIN, PASSWORD).await.token().expect("a token").to_owned();
    let (here, there) = watch::channel(server.anonymous().bearer(&token));
    let load = Arc::new(Load { stop: AtomicBool::new(false), server: there, told: Default::default() });
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let load = Arc::clone(&load);
        writers.spawn(async move { (writer, write(load, writer).await) });
    }

    let connection = blank.connect().await;
    for round in 1..=ROUNDS {
        load.more("writes", Load::acknowledged).await;
        server.signal("USR1");
        load.more("refusals", Load::refused).await;
        let client = server.anonymous();
        let read = client.run(PUBLIC, json!({})).await;
        assert!(read.status == 200 && read.json.get("errors").is_none(), "{}", read.text);
        let probe = client.get("/readyz").await.expect("an answer");
        assert_eq!(probe.status, 503, "{}", probe.text);
        if round % ROUNDS_PER_PROCESS == 0 {
            // Every other time with a disk that has room again.
            if round % (2 * ROUNDS_PER_PROCESS) == 0 {
                server.signal("USR2");
                load.more("writes before the kill", Load::acknowledged).await;
            }
            server.kill().await;
            server = start().await;
            here.send_replace(server.anonymous().bearer(&token));
        } else {
            server.signal("USR2");
        }
        // Another connection reads what was acknowledged.
        let acknowledged = load.acknowledged();
        for (year, acknowledged) in (2030..).zip(acknowledged) {
            let key = format!("YEAR_SHEET/RESIDENT/{year}");
            let found = document::Entity::find().filter(document::Column::Key.eq(&key)).one(&connection).await;
            let version = found.expect("a read").map_or(0, |sheet| sheet.version.get());
            assert!(version >= acknowledged, "{key}: {version}, though {acknowledged} was acknowledged");
        }
    }
    load.more("writes at the end", Load::acknowledged).await;
    load.stop.store(true, Ordering::SeqCst);
    let mut written = writers.join_all().await;
    written.sort_unstable();
    let versions: Vec<i64> = written.into_iter().map(|(_, version)| version).collect();
    let client = server.anonymous();
    until("the server to be ready", async || client.get("/readyz").await.expect("an answer").status == 200).await;

    let public = async |client: &Client| {
        let answer = client.run(PUBLIC, json!({})).await;
        let counts = answer.at("/data/factSheet/categories/0/countries/0/counts").as_array().expect("counts").clone();
        counts.iter().map(|count| count["value"].as_i64().unwrap_or_default()).collect::<Vec<_>>()
    };
    assert_eq!(public(&client).await, versions);
    server.stop().await;
    let server = start().await;
    assert_eq!(public(&server.anonymous()).await, versions, "after the restart, too");
    server.stop().await;
    ledger::verify(&connection).await;
}
