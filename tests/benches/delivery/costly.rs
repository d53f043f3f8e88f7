//! Costly requests: what each of them costs the server, and what another client notices while all of them are sent.
//! `cargo bench -p tests -- costly`. Unlike the other numbers, these have limits that fail the run.
//!
//! `requests.rs` and `writes.rs` list the requests, `files.rs` makes files to be imported, `material.rs` has what they need,
//! `flood.rs` sends all of them.
//!
//! **Each by itself**: the processor time of the server and the growth of its peak memory, from when it is at rest until it
//! is at rest again, first for a request whose answer is read to the end, then for one whose client hangs up. A value over
//! its limit is measured again, twice at most, and the least of them counts: what else the machine does only adds to it. This
//! server gives memory back as soon as it is free (`MIMALLOC_PURGE_DELAY=0`), so that what a request takes is not hidden by
//! what the one before has left; that takes it a little more time.

//!
//! **All together**: the flood is a process of its own, which sends them at once on many connections, from as many
//! networks, and hangs up on every second one. Meanwhile this process, from a network of its own, asks for a page that the
//! response cache has, and for one that it has not. In turn with that, the same is measured at rest: the flood then makes
//! the same requests and sends none, so that the processor time of *making* them, which a real attacker spends elsewhere,
//! is in both. Its threads run only when no other thread wants to. What the server does with the requests is all that
//! differs. The limit is on the ratio of the two p99.
//!
//! The server is the one that is shipped, with the worker threads and the compute pool that it has on this machine. Only
//! `--rate-limit` is off: with it, all but a few of the requests would be refused. The throttle of sign-ins is on.

mod files;
mod flood;
mod material;
mod requests;
mod writes;

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use tests::big_dataset;
use tokio::time::sleep;

pub use self::flood::run as flood;
use self::{
    flood::{Flood, Mode},
    material::Material,
    requests::Costly,
};
use crate::{
    database::{Data, Databases},
    load::Connection,
    process::{Server, Start},
    reading::{data, post},
    report::percentile,
};

/// The most processor time of the server that a request may take.
const MAX_TIME: Duration = Duration::from_millis(100);
/// The most by which a request may make its memory grow, in bytes.
const MAX_GROWTH: u64 = 32_000_000;
/// The most memory that the server may have while all of them are sent, in bytes.
const MAX_MEMORY: u64 = 512_000_000;
/// How often another client's p99 may go into its p99 during the flood.
const MAX_SLOWDOWN: f64 = 2.0;
/// How often a value over its limit is measured.
const TRIES: usize = 3;
/// How long a client waits before it hangs up: long enough for the server to have begun.
const HANGS_UP_AFTER: Duration = Duration::from_millis(5);
/// How long the server must have done nothing to be at rest.
const REST: Duration = Duration::from_millis(60);
/// The most processor time that counts as nothing: what it does by itself.
const NOTHING: Duration = Duration::from_micros(700);
/// The pause between two requests of the other client.
const PAUSE: Duration = Duration::from_millis(1);

/// What of it to measure.
#[derive(Args, Clone, Debug)]
pub struct Choice {
    /// Fewer and shorter rounds of all together.
    #[arg(long)]
    quick: bool,
    /// Only requests whose names have this in them, each by itself.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Only all of them together.
    #[arg(long, conflicts_with = "only")]
    together: bool,
}

/// Measures, and tells.
///
/// # Errors
/// When something cannot be measured, an answer is not what it should be, or a limit is passed.
pub fn main(choice: &Choice) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut over = Vec::new();
    runtime.block_on(async {
        let mut databases = Databases::new()?;
        if !choice.together {
            each(&mut databases, choice, &mut over).await?;
        }

        if choice.only.is_none() {
            together(&mut databases, choice, &mut over).await?;
        }
        anyhow::Ok(())
    })?;
    if over.is_empty() {
        println!("\nNo limit is passed.");
        return Ok(());
    }
    bail!("over the limit:\n{}", over.join("\n"))
}

fn server(databases: &mut Databases, gives_back: bool) -> anyhow::Result<Server> {
    let workers = std::thread::available_parallelism()?.get();
    Server::start(&Start { database: databases.copy(Data::Costly)?, workers, core: None, cached: true, gives_back })
}

/// The network with this number, of those that attackers have.
fn network(number: usize) -> Ipv4Addr {
    let byte = |value: usize| u8::try_from(value).unwrap_or_default();
    Ipv4Addr::new(127, 1, byte(number / 250 % 250), byte(number % 250 + 1))
}

/// What one request cost.
#[derive(Clone, Copy, Debug)]
struct Cost {
    time: Duration,
    /// In bytes.
    growth: u64,
}

impl Cost {
    fn fits(self) -> bool {
        self.time <= MAX_TIME && self.growth <= MAX_GROWTH
    }
}

/// Waits until the server is at rest, and returns the processor time that it has taken by then.
async fn settle(server: &Server) -> anyhow::Result<Duration> {
    let (started, mut before) = (Instant::now(), server.processor_time()?);
    loop {
        sleep(REST).await;
        let now = server.processor_time()?;
        if now.saturating_sub(before) < NOTHING {
            return Ok(now);
        }
        ensure!(started.elapsed() < Duration::from_mins(1), "the server does not come to rest");
        before = now;
    }
}

/// What every request costs by itself.
async fn each(databases: &mut Databases, choice: &Choice, over: &mut Vec<String>) -> anyhow::Result<()> {
    let server = server(databases, true)?;
    let material = Arc::new(Material::gather(server.address(), "each").await?);
    println!("| request | by | read: CPU ms | memory MB | hung up: CPU ms | memory MB | answer |");
    println!("|---|---|--:|--:|--:|--:|---|");
    let mut number = 0;
    for costly in requests::requests(&material) {
        if choice.only.as_ref().is_some_and(|only| !costly.name.contains(only)) {
            continue;
        }
        // What is mapped when code runs for the first time is not the request's doing.
        let status = match ask(&server, &costly, &mut number).await {
            Ok(status) => status,
            Err(error) => {
                let line = format!("{error:#}");
                println!("{line}");
                over.push(line);
                continue;
            }
        };
        let mut costs = Vec::new();
        for hangs_up in [false, true] {
            let mut least: Option<Cost> = None;
            for _ in 0..TRIES {
                let before = settle(&server).await?;
                server.forget_peak()?;
                let resident = server.resident_bytes()?;
                if hangs_up {
                    hang_up(&server, &costly, &mut number).await?;
                } else {
                    ask(&server, &costly, &mut number).await?;
                }
                let time = settle(&server).await?.saturating_sub(before);
                let growth = server.peak_bytes()?.saturating_sub(resident);
                let cost = least.map_or(Cost { time, growth }, |least| Cost {
                    time: time.min(least.time),
                    growth: growth.min(least.growth),
                });
                least = Some(cost);
                if cost.fits() {
                    break;
                }
            }
            costs.push(least.context("a cost")?);
        }
        let by = if costly.signed_in { "editor" } else { "anybody" };
        let cell = |cost: &Cost| format!("{:.1} | {:.1}", millis(cost.time), megabytes(cost.growth));
        let cells: Vec<String> = costs.iter().map(cell).collect();
        let line = format!("| {} | {by} | {} | {status} |", costly.name, cells.join(" | "));
        println!("{line}");
        if costs.iter().any(|cost| !cost.fits()) {
            over.push(line);
        }
    }
    server.stop()
}

/// Sends a request and reads its answer, which must be of its kind.
async fn ask(server: &Server, costly: &Costly, number: &mut usize) -> anyhow::Result<u16> {
    *number += 1;
    let mut connection = Connection::open_from(network(*number), server.address()).await?;
    let answer = connection.ask(&(costly.make)(*number)).await.with_context(|| costly.name.clone())?;
    let has_part = answer.body.windows(costly.part.len().max(1)).any(|bytes| bytes == costly.part.as_bytes());
    if !costly.statuses.contains(&answer.status) || !(costly.part.is_empty() || has_part) {
        let start = answer.body.get(..600).unwrap_or(answer.body);
        bail!("{}: status {}, {}", costly.name, answer.status, String::from_utf8_lossy(start));
    }
    Ok(answer.status)
}

/// Sends a request, or as much of it as it says, and hangs up.
async fn hang_up(server: &Server, costly: &Costly, number: &mut usize) -> anyhow::Result<()> {
    *number += 1;
    let request = (costly.make)(*number);
    let connection = Connection::open_from(network(*number), server.address()).await?;
    let part = request.get(..request.len() * costly.sent_when_hung_up / 100).unwrap_or(&request);
    // A server that refuses it early closes the connection itself.
    let _ = connection.hang_up(part, HANGS_UP_AFTER).await;
    Ok(())
}

/// What another client notices of all of them at once.
async fn together(databases: &mut Databases, choice: &Choice, over: &mut Vec<String>) -> anyhow::Result<()> {
    let server = server(databases, false)?;
    let mut flood = Flood::start(server.address())?;
    let (rounds, length) = if choice.quick { (3, Duration::from_secs(2)) } else { (8, Duration::from_secs(4)) };
    let mut latencies: BTreeMap<(&str, Mode), Vec<Duration>> = BTreeMap::new();
    let mut client = OtherClient::new(&server).await?;
    client.ask_for(Duration::from_millis(500)).await?;
    for _ in 0..rounds {
        for mode in [Mode::Rest, Mode::Make, Mode::Send] {
            flood.set(mode)?;
            // A moment to get going.
            sleep(Duration::from_millis(300)).await;
            for (what, measured) in client.ask_for(length).await? {
                latencies.entry((what, mode)).or_default().extend(measured);
            }
            flood.set(Mode::Rest)?;
            settle(&server).await?;
        }
    }
    let sent = flood.stop()?;
    let memory = server.peak_bytes()?;
    println!("\nAll together: {sent}");
    println!(
        "\n| another client asks for | p99 ms, flood at rest | p99 ms, flood makes requests | p99 ms, flood sends them | times |"
    );
    println!("|---|--:|--:|--:|--:|");
    for what in OtherClient::ASKS {
        let mut p99 = |mode| {
            let mut latencies = latencies.remove(&(what, mode)).unwrap_or_default();
            latencies.sort_unstable();
            millis(percentile(&latencies, 99))
        };
        let [rest, quiet, busy] = [Mode::Rest, Mode::Make, Mode::Send].map(&mut p99);
        let times = busy / quiet;
        let line = format!("| {what} | {rest:.2} | {quiet:.2} | {busy:.2} | {times:.2} |");
        println!("{line}");
        if times > MAX_SLOWDOWN {
            over.push(line);
        }
    }
    let line = format!("peak memory of the server: {:.0} MB", megabytes(memory));
    println!("\n{line}");
    if memory > MAX_MEMORY {
        over.push(line);
    }
    server.stop()
}

/// A client that has no part in the flood.
struct OtherClient {
    connection: Connection,
    hit: Vec<u8>,
    body: Vec<u8>,
    asked: u32,
}

impl OtherClient {
    /// What it asks for, in turn.
    const ASKS: [&'static str; 2] = ["a page, from the response cache", "a page, not from the response cache"];

    async fn new(server: &Server) -> anyhow::Result<Self> {
        let mut connection = Connection::open(server.address()).await?;
        let hit = Self::request(big_dataset::PAGES / 2 + 1);
        let answer = connection.ask(&hit).await?;
        data(&answer)?;
        let body = answer.body.to_vec();
        Ok(Self { connection, hit, body, asked: 0 })
    }

    fn request(page: u32) -> Vec<u8> {
        let document = "query($slug: Slug!) { page(slug: $slug, locale: \"en\") { slug title summary body { html } } }";
        post(document, &format!("{{\"slug\":\"{}\"}}", big_dataset::slug(page)), "")
    }

    /// Asks for a while, and returns how long the answers took.
    async fn ask_for(&mut self, length: Duration) -> anyhow::Result<[(&'static str, Vec<Duration>); 2]> {
        let (mut hits, mut misses) = (Vec::new(), Vec::new());
        let started = Instant::now();
        while started.elapsed() < length {
            // Another page each time, so that most of them are not in the response cache.
            self.asked = (self.asked + 1) % big_dataset::PAGES;
            let miss = Self::request(self.asked);
            let before = Instant::now();
            let answer = self.connection.ask(&self.hit).await?;
            hits.push(before.elapsed());
            ensure!(answer.status == 200 && answer.body == self.body, "an answer differs from the first");
            sleep(PAUSE).await;
            let before = Instant::now();
            let answer = self.connection.ask(&miss).await?;
            misses.push(before.elapsed());
            data(&answer)?;
            sleep(PAUSE).await;
        }
        let [hit, miss] = Self::ASKS;
        Ok([(hit, hits), (miss, misses)])
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Beyond 4 GB it is no longer exact, nor of interest.
fn megabytes(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)) / 1e6
}
