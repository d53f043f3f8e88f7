//! Documents made to cost more than they look: what each costs, and what somebody else notices meanwhile.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::ensure;
use aws_lc_rs::digest::{SHA256, digest};
use serde_json::json;
use tests::attacks::{BY_ENGINE, attacks};
use tokio::time::sleep;

use crate::{
    load::{Call, Connection},
    process::Server,
    reading::{post, post_body},
};

/// The pause between two requests of somebody who is not in a hurry.
const PAUSE: Duration = Duration::from_millis(1);

/// What one document cost.
#[derive(Clone, Debug)]
pub struct Cost {
    /// What is hostile about it.
    pub name: &'static str,
    /// The processor time of the server.
    pub time: Duration,
    /// By how much the memory of the server grew while it was answered, in bytes.
    pub memory: u64,
    /// The points that it cost; none for one that was refused.
    pub points: Option<u64>,
}

/// All requests, as unlike others as their comment: each document as it is, and with a field that only the engine answers.
fn requests(comment: &str, token: &str) -> Vec<(&'static str, Vec<u8>)> {
    let mut requests = persisted(comment);
    for attack in attacks() {
        let mut by_engine = attack.document.clone();
        if let Some(start) = by_engine.find('{') {
            by_engine.insert_str(start + 1, BY_ENGINE);
        }
        for document in [attack.document, by_engine] {
            let document = format!("{document} # {comment}");
            let token = if attack.signed_in { token } else { "" };
            requests.push((attack.name, post(&document, &attack.variables.to_string(), token)));
        }
    }
    requests
}

/// A long operation that is sent once with its hash, and then short requests for it, each with another variable.
fn persisted(comment: &str) -> Vec<(&'static str, Vec<u8>)> {
    let fields: String = (0..90).map(|number| format!("a{number}: pages(first: $first) {{ totalCount }} ")).collect();
    let document = format!("query($first: Int) {{ {fields} {} }} # {comment}", "site { name } ".repeat(800));
    let hash: String = digest(&SHA256, document.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let extensions = json!({ "persistedQuery": { "version": 1, "sha256Hash": hash } });
    let body = json!({ "query": document, "variables": { "first": 1 }, "extensions": extensions });
    let again = |first: u32| json!({ "variables": { "first": first }, "extensions": extensions });
    let requests = std::iter::once(("a long operation, to be asked for by its hash", body.to_string()));
    let again = (2..6).map(|first| ("a long operation by its hash, with another variable", again(first).to_string()));
    requests.chain(again).map(|(name, body)| (name, post_body(&body, ""))).collect()
}

/// What each of them costs when the server has never seen it.
///
/// # Errors
/// When the server does not answer.
pub async fn costs(server: &Server, token: &str) -> anyhow::Result<Vec<Cost>> {
    let mut connection = Connection::open(server.address()).await?;
    let mut costs = Vec::new();
    for (_, request) in requests("at first", token) {
        // What is mapped when code runs for the first time is no document's doing.
        connection.ask(&request).await?;
    }
    for (name, request) in requests("then", token) {
        server.forget_peak()?;
        let (time, memory) = (server.processor_time()?, server.resident_bytes()?);
        let answer = connection.ask(&request).await?;
        let status = answer.status;
        ensure!(status == 200 || status == 400, "{name}: status {status}");
        let points = points(answer.body);
        let time = server.processor_time()?.saturating_sub(time);
        let memory = server.peak_bytes()?.saturating_sub(memory);
        eprintln!("{name}: {} µs, {} kB", time.as_micros(), memory / 1_000);
        costs.push(Cost { name, time, memory, points });
    }
    Ok(costs)
}

/// What an answer says that it cost: at its end, behind what may be megabytes.
fn points(body: &[u8]) -> Option<u64> {
    let end = body.len().saturating_sub(400);
    let end = String::from_utf8_lossy(body.get(end..)?).into_owned();
    let (_, total) = end.rsplit_once("\"cost\":{\"total\":")?;
    total.split(',').next()?.parse().ok()
}

/// How long the answers to a call take that is sent now and then for a while; with or without somebody who sends one
/// hostile document after the other.
///
/// # Errors
/// When an answer is not the expected one.
pub async fn latencies(
    server: &Server,
    token: &str,
    call: &Arc<Call>,
    length: Duration,
    under_attack: bool,
) -> anyhow::Result<Vec<Duration>> {
    let done = Arc::new(AtomicBool::new(!under_attack));
    let attacker = tokio::spawn({
        let (done, address, requests) = (Arc::clone(&done), server.address(), requests("later", token));
        async move {
            let mut connection = Connection::open(address).await?;
            let mut requests = requests.iter().cycle();
            while let (false, Some((_, request))) = (done.load(Ordering::Relaxed), requests.next()) {
                connection.ask(request).await?;
            }
            anyhow::Ok(())
        }
    });
    let (mut connection, start) = (Connection::open(server.address()).await?, Instant::now());
    let mut latencies = Vec::new();
    while start.elapsed() < length {
        let began = Instant::now();
        let answer = connection.ask(&call.request).await?;
        latencies.push(began.elapsed());
        ensure!(answer.status == call.status && answer.body == call.body, "an answer differs from the first");
        sleep(PAUSE).await;
    }
    done.store(true, Ordering::Relaxed);
    attacker.await??;
    Ok(latencies)
}
