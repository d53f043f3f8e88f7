//! Documents made to cost more than they look: what each costs, and what somebody else notices meanwhile.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::ensure;
use tests::attacks::attacks;
use tokio::time::sleep;

use crate::{
    load::{Call, Connection},
    process::Server,
    reading::post,
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
}

/// All requests, as unlike others as their comment: each document as it is, and with a field that only the engine answers.
fn requests(comment: &str) -> Vec<(&'static str, Vec<u8>)> {
    let mut requests = Vec::new();
    for attack in attacks() {
        let mut by_engine = attack.document.clone();
        if let Some(start) = by_engine.find('{') {
            by_engine.insert_str(start + 1, " __schema { queryType { name } } ");
        }
        for document in [attack.document, by_engine] {
            let document = format!("{document} # {comment}");
            requests.push((attack.name, post(&document, &attack.variables.to_string(), "")));
        }
    }
    requests
}

/// What each of them costs when the server has never seen it.
///
/// # Errors
/// When the server does not answer.
pub async fn costs(server: &Server) -> anyhow::Result<Vec<Cost>> {
    let mut connection = Connection::open(server.address()).await?;
    let mut costs = Vec::new();
    for (_, request) in requests("at first") {
        // What is mapped when code runs for the first time is no document's doing.
        connection.ask(&request).await?;
    }
    for (name, request) in requests("then") {
        server.forget_peak()?;
        let (time, memory) = (server.processor_time()?, server.resident_bytes()?);
        let status = connection.ask(&request).await?.status;
        ensure!(status == 200 || status == 400, "{name}: status {status}");
        let time = server.processor_time()?.saturating_sub(time);
        let memory = server.peak_bytes()?.saturating_sub(memory);
        eprintln!("{name}: {} µs, {} kB", time.as_micros(), memory / 1_000);
        costs.push(Cost { name, time, memory });
    }
    Ok(costs)
}

/// How long the answers to a call take that is sent now and then for a while; with or without somebody who sends one
/// hostile document after the other.
///
/// # Errors
/// When an answer is not the expected one.
pub async fn latencies(
    server: &Server,
    call: &Arc<Call>,
    length: Duration,
    under_attack: bool,
) -> anyhow::Result<Vec<Duration>> {
    let done = Arc::new(AtomicBool::new(!under_attack));
    let attacker = tokio::spawn({
        let (done, address, requests) = (Arc::clone(&done), server.address(), requests("later"));
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
