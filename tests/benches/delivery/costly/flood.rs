//! The flood: a process that sends all costly requests at once, as far as it is told to.
//!
//! It is told on standard input, a mode a line, and ends with it. Its threads run only when no other thread wants to, for a
//! real attacker has processors of its own.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{BufRead, BufReader, Read as _, Write as _},
    net::SocketAddr,
    process::{Child, ChildStdin, ChildStdout, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, ensure};
use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
};
use tokio::{sync::watch, time::sleep};

use super::{HANGS_UP_AFTER, material::Material, network, requests};
use crate::{load::Connection, process::this_executable};

/// How many requests are under way at once.
const AT_ONCE: usize = 24;
/// How many connections have sent half of a body.
const SLOW: usize = 32;
/// For how long those stay open.
const SLOW_FOR: Duration = Duration::from_secs(1);

/// What it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// Nothing.
    Rest,
    /// It makes requests and sends none.
    Make,
    /// It sends them.
    Send,
}

impl Mode {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::Make => "make",
            Self::Send => "send",
        }
    }
}

/// The process, as seen from outside.
pub struct Flood {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Flood {
    /// Starts it, at rest.
    ///
    /// # Errors
    /// When it does not get ready.
    pub fn start(server: SocketAddr) -> anyhow::Result<Self> {
        let mut command = this_executable()?;
        command.args(["flood", &server.to_string()]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut output = BufReader::new(child.stdout.take().context("a pipe")?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        ensure!(line.trim() == "ready", "the flood is not ready: {line}");
        Ok(Self { input: child.stdin.take(), child, output })
    }

    /// Tells it what to do.
    ///
    /// # Errors
    /// When it has ended.
    pub fn set(&mut self, mode: Mode) -> anyhow::Result<()> {
        let input = self.input.as_mut().context("the flood has ended")?;
        Ok(writeln!(input, "{}", mode.as_str())?)
    }

    /// Ends it, and returns what it says of what it sent.
    ///
    /// # Errors
    /// When it failed.
    pub fn stop(&mut self) -> anyhow::Result<String> {
        self.input = None;
        let mut said = String::new();
        self.output.read_to_string(&mut said)?;
        let status = self.child.wait()?;
        ensure!(status.success(), "the flood ended with {status}");
        Ok(said.trim().to_owned())
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        // After `stop` there is nothing left to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What became of the requests, by status; 0 for those on which the client hung up.
type Statuses = Arc<Mutex<BTreeMap<u16, usize>>>;

/// Is that process.
///
/// # Errors
/// When the server refuses what is needed beforehand.
pub fn run(server: SocketAddr) -> anyhow::Result<()> {
    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle)
        .map_err(|error| anyhow::anyhow!("the flood cannot lower its priority: {error}"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let material = Arc::new(Material::gather(server, "flood").await?);
        let requests = Arc::new(requests::requests(&material));
        let slow = Arc::new(requests::slow_body());
        let (tell, mode) = watch::channel(Mode::Rest);
        // Far from those that were measured one by one.
        let (numbers, statuses) = (Arc::new(AtomicUsize::new(100_000)), Statuses::default());
        for place in 0..AT_ONCE + SLOW {
            let (mut mode, numbers) = (mode.clone(), Arc::clone(&numbers));
            let (slow, requests, statuses) = (Arc::clone(&slow), Arc::clone(&requests), Arc::clone(&statuses));
            tokio::spawn(async move {
                // Each begins at another one.
                let mut next = place * requests.len() / AT_ONCE;
                loop {
                    let now = *mode.borrow_and_update();
                    if now == Mode::Rest {
                        if mode.changed().await.is_err() {
                            return;
                        }
                        continue;
                    }
                    let number = numbers.fetch_add(1, Ordering::Relaxed);
                    let Some(costly) = requests.get(next % requests.len()) else { return };
                    next += 1;
                    if place >= AT_ONCE {
                        if now == Mode::Send {
                            let _ = send_half(server, number, &slow).await;
                        } else {
                            sleep(SLOW_FOR).await;
                        }
                        continue;
                    }
                    let request = (costly.make)(number);
                    if now == Mode::Make {
                        tokio::task::yield_now().await;
                        continue;
                    }
                    // Every second one, and another half of them the next time.
                    let hangs_up = (next + next / requests.len()).is_multiple_of(2);
                    let part = costly.sent_when_hung_up;
                    let status = send(server, number, &request, hangs_up.then_some(part)).await.unwrap_or_default();
                    let mut statuses = statuses.lock().unwrap_or_else(PoisonError::into_inner);
                    *statuses.entry(status).or_default() += 1;
                }
            });
        }
        println!("ready");
        listen(tell).await;
        let statuses = statuses.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let total: usize = statuses.values().sum();
        let mut said = format!("{total} requests");
        for (status, count) in statuses {
            let _ = match status {
                0 => write!(said, ", {count} hung up"),
                _ => write!(said, ", {count} answered with {status}"),
            };
        }
        println!("{said}");
        Ok(())
    })
}

/// Follows what standard input says, until it ends.
async fn listen(tell: watch::Sender<Mode>) {
    let reading = tokio::task::spawn_blocking(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            let mode = [Mode::Rest, Mode::Make, Mode::Send].into_iter().find(|mode| mode.as_str() == line);
            tell.send_replace(mode.unwrap_or(Mode::Rest));
        }
    });
    let _ = reading.await;
}

/// Sends a request and reads its answer, or sends so many hundredths of it and hangs up; returns the status.
async fn send(server: SocketAddr, number: usize, request: &[u8], hangs_up: Option<usize>) -> anyhow::Result<u16> {
    let mut connection = Connection::open_from(network(number), server).await?;
    match hangs_up {
        None => Ok(connection.ask(request).await?.status),
        Some(part) => {
            connection.hang_up(request.get(..request.len() * part / 100).unwrap_or(request), HANGS_UP_AFTER).await?;
            Ok(0)
        }
    }
}

async fn send_half(server: SocketAddr, number: usize, request: &[u8]) -> anyhow::Result<()> {
    let connection = Connection::open_from(network(number), server).await?;
    connection.hang_up(request.get(..request.len() / 2).unwrap_or(request), SLOW_FOR).await
}
