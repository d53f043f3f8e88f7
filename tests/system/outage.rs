//! PostgreSQL goes away in the middle of work and comes back, or another server takes over from it.

use std::{
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
};

use api::state::Clock;
use chrono::TimeDelta;
use entities::change;
use sea_orm::{EntityTrait, PaginatorTrait};
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::cluster::{Cluster, Member};
use tokio::{task::JoinSet, time::timeout};

use crate::{
    blank::connect,
    http::{Answer, Client},
    ledger,
    process::{PATIENCE, Server, almanac},
};

const ADMIN: &str = "admin@example.org";
const PASSWORD: &str = "a password from a file";
const WRITERS: i32 = 3;

const UPDATE: &str = "mutation($input: VisitCountsUpdateInput!) { visitCountsUpdate(input: $input) {
    yearSheet { version } errors { code message }
} }";
const VERSION: &str = "query($year: Year!) { yearSheet(category: \"RESIDENT\", year: $year) { version } }";
const PUBLIC: &str = "{ factSheet(categories: [\"RESIDENT\"], from: 2030) {
    years categories { countries { country { code } counts { value } } }
} }";

fn serve(folder: &Path, url: &str) -> Command {
    let file = folder.join("password");
    std::fs::write(&file, PASSWORD).expect("a file");
    let file = file.to_str().expect("a path in UTF-8");
    let mut command = almanac(&["serve", "--bind", "127.0.0.1:0", "--admin-password-file", file, "--log", "error"]);
    command.args(["--public-url", "https://almanac.example.org"]);
    command.env("ALMANAC_DATABASE_URL", url).current_dir(folder);
    command
}

/// Asks until the answer is yes.
async fn until(what: &str, ask: impl AsyncFn() -> bool) {
    let asking = async {
        while !ask().await {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, asking).await.unwrap_or_else(|_| panic!("not in time: {what}"));
}

/// What one writer has been told so far.
#[derive(Default)]
struct Told {
    /// The newest version that was acknowledged to it.
    acknowledged: AtomicI64,
    /// How many of its requests were refused.
    refused: AtomicU64,
}

/// What everybody shares.
#[derive(Default)]
struct Load {
    stop: AtomicBool,
    reads: AtomicU64,
    told: [Told; WRITERS as usize],
}

impl Load {
    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::SeqCst)
    }

    fn acknowledged(&self) -> Vec<i64> {
        self.told.iter().map(|told| told.acknowledged.load(Ordering::SeqCst)).collect()
    }

    fn refused(&self) -> Vec<u64> {
        self.told.iter().map(|told| told.refused.load(Ordering::SeqCst)).collect()
    }

    /// Waits until each of the numbers has grown by one, twice over.
    async fn twice_more<T: Copy + PartialOrd>(&self, what: &str, numbers: impl Fn(&Self) -> Vec<T>) {
        for _ in 0..2 {
            let before = numbers(self);
            until(what, async || numbers(self).iter().zip(&before).all(|(now, before)| now > before)).await;
        }
    }
}

/// What an answer says of a write in an outage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    /// It was not carried out.
    NotDone,
    /// Nobody knows.
    Unknown,
}

/// Which of the errors that an outage may cause the answer is, if it is one.
#[track_caller]
fn refusal(answer: &Answer) -> Option<Refusal> {
    let code = answer.json.pointer("/errors/0/extensions/code")?.as_str()?;
    assert_eq!(answer.status, 200, "{}", answer.text);
    match code {
        "UNAVAILABLE" => {
            assert!(answer.head.contains("\r\nretry-after: 1\r\n"), "{}", answer.head);
            Some(Refusal::NotDone)
        }
        "OUTCOME_UNKNOWN" => Some(Refusal::Unknown),
        _ => panic!("{}", answer.text),
    }
}

/// Sets the residents of a year to 1, 2, 3 and so on, so that the value tells which version it is of.
async fn write(load: Arc<Load>, client: Client, writer: i32) -> i64 {
    let (year, told) = (2030 + writer, &load.told[usize::try_from(writer).expect("small")]);
    let mut version = 0;
    while load.goes_on() {
        let kind = if version == 0 { "RELEASE" } else { "REVISION" };
        let input = json!({
            "category": "RESIDENT", "year": year, "expectedVersion": version, "publish": true, "kind": kind,
            "reason": "Counted on", "counts": [{ "country": "CN", "value": version + 1 }],
        });
        let answer = client.run(UPDATE, json!({ "input": input })).await;
        let Some(refused) = refusal(&answer) else {
            assert_eq!(answer.at("/data/visitCountsUpdate/errors"), &json!([]), "{}", answer.text);
            assert_eq!(answer.number_at("/data/visitCountsUpdate/yearSheet/version"), version + 1);
            version += 1;
            told.acknowledged.store(version, Ordering::SeqCst);
            continue;
        };
        told.refused.fetch_add(1, Ordering::SeqCst);
        // Only where the answer says so may the write have been done all the same.
        let now = loop {
            let answer = client.run(VERSION, json!({ "year": year })).await;
            if refusal(&answer).is_none() {
                break answer.json.pointer("/data/yearSheet/version").and_then(Value::as_i64).unwrap_or_default();
            }
            told.refused.fetch_add(1, Ordering::SeqCst);
        };
        let may_be = refused == Refusal::Unknown && now == version + 1;
        assert!(now == version || may_be, "version {now}, though {version} was acknowledged, and then {refused:?}");
        version = now;
    }
    version
}

/// Reads what is public, which must never fail.
async fn read(load: Arc<Load>, client: Client) {
    while load.goes_on() {
        let answer = client.run(PUBLIC, json!({})).await;
        assert!(answer.status == 200 && answer.json.get("errors").is_none(), "{}", answer.text);
        load.reads.fetch_add(1, Ordering::SeqCst);
    }
}

/// An API token of this administrator.
async fn token(administrator: &Client) -> String {
    let document = "mutation($input: ApiTokenCreateInput!) { apiTokenCreate(input: $input) { token errors { code } } }";
    let expires_at = Clock::System.now() + TimeDelta::days(1);
    let input = json!({ "name": "A site", "capabilities": ["READ_DRAFTS"], "expiresAt": expires_at });
    administrator.run(document, json!({ "input": input })).await.text_at("/data/apiTokenCreate/token")
}

/// The residents of each year that was written, as the public reads them.
async fn public(client: &Client) -> Vec<i64> {
    let answer = client.run(PUBLIC, json!({})).await;
    let counts = answer.json.pointer("/data/factSheet/categories/0/countries/0/counts").and_then(Value::as_array);
    counts.into_iter().flatten().map(|count| count["value"].as_i64().unwrap_or_default()).collect()
}

async fn is_ready(client: &Client) -> bool {
    client.get("/readyz").await.expect("an answer").status == 200
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_postgresql_is_away_reads_go_on_and_writes_fail_whole_and_come_back() {
    let Some(mut cluster) = Cluster::start() else { return };
    let folder = TempDir::new().expect("a folder");
    let url = cluster.url(&[Member::First]);
    let here = Server::start(serve(folder.path(), &url)).await;
    let there = Server::start(serve(folder.path(), &url)).await;
    let editor = here.anonymous().sign_in(ADMIN, PASSWORD).await;

    let load = Arc::new(Load::default());
    let (mut writers, mut readers) = (JoinSet::new(), JoinSet::new());
    for writer in 0..WRITERS {
        let server = if writer == 0 { &there } else { &here };
        let client = server.anonymous().bearer(editor.token().expect("a token"));
        let load = Arc::clone(&load);
        writers.spawn(async move { (writer, write(load, client, writer).await) });
    }
    let token = token(&editor).await;
    for server in [&here, &there] {
        readers.spawn(read(Arc::clone(&load), server.anonymous()));
        // A front end that shows a token reads on, too.
        readers.spawn(read(Arc::clone(&load), server.anonymous().bearer(&token)));
    }

    load.twice_more("writes before the outage", Load::acknowledged).await;
    for _ in 0..2 {
        cluster.cut(Member::First);
        load.twice_more("refusals", Load::refused).await;
        let reads = load.reads.load(Ordering::SeqCst);
        until("reads in the outage", async || load.reads.load(Ordering::SeqCst) > reads + 20).await;
        for server in [&here, &there] {
            let probe = server.anonymous().get("/readyz").await.expect("an answer");
            assert_eq!((probe.status, probe.at("/seenSecondsAgo").is_u64()), (503, true), "{}", probe.text);
        }
        cluster.restart(Member::First);
        load.twice_more("writes after the outage", Load::acknowledged).await;
    }
    load.stop.store(true, Ordering::SeqCst);
    readers.join_all().await;
    let mut written = writers.join_all().await;
    written.sort_unstable();
    let versions: Vec<i64> = written.into_iter().map(|(_, version)| version).collect();

    let connection = connect(&url).await;
    let changes = change::Entity::find().count(&connection).await.expect("a number");
    for server in [&here, &there] {
        let client = server.anonymous();
        until("the feed", async || client.get("/readyz").await.expect("an answer").at("/change") == changes).await;
        assert_eq!(public(&client).await, versions, "what was acknowledged is public, everywhere");
    }
    here.stop().await;
    there.stop().await;
    ledger::verify(&connection).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_another_server_takes_over_almanac_moves_to_it_and_keeps_what_was_acknowledged() {
    let Some(mut cluster) = Cluster::start() else { return };
    cluster.follow();
    let folder = TempDir::new().expect("a folder");
    // The standby comes first in the list, and is passed over.
    let url = cluster.url(&[Member::Second, Member::First]);
    let server = Server::start(serve(folder.path(), &url)).await;
    let client = server.anonymous().sign_in(ADMIN, PASSWORD).await;
    let load = Arc::new(Load::default());
    let writing: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (load, client) = (Arc::clone(&load), client.clone());
            tokio::spawn(write(load, client, writer))
        })
        .collect();
    let reading = tokio::spawn(read(Arc::clone(&load), server.anonymous()));
    load.twice_more("writes before the failover", Load::acknowledged).await;
    cluster.cut(Member::First);
    load.twice_more("refusals", Load::refused).await;
    cluster.promote();
    load.twice_more("writes after the failover", Load::acknowledged).await;
    load.stop.store(true, Ordering::SeqCst);
    reading.await.expect("every read succeeded");
    let mut versions = Vec::new();
    for writer in writing {
        versions.push(writer.await.expect("the writer was never told anything wrong"));
    }
    assert!(is_ready(&server.anonymous()).await);
    assert_eq!(public(&server.anonymous()).await, versions);
    server.stop().await;
    ledger::verify(&connect(&cluster.url(&[Member::Second])).await).await;
}
