//! The processes that are measured: this executable once more, started with a hidden command.
//!
//! `Command::Make` fills a database, `Command::Serve` serves one, by the same steps as `api/src/cli.rs`, and serves bytes
//! beside it that no GraphQL has a part in: the ceiling. `Server` is such a process as seen from outside.
//!
//! What does not belong here: requests (`load.rs`).

use std::{
    io::{self, BufRead, BufReader, Read},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use api::{
    config::Config,
    database::{self, Database},
    delivery,
    document::schedule,
    http::{self, server},
    setup,
    state::{Clock, Random, State},
};
use clap::{Args, Subcommand};
use nix::{
    sched::{CpuSet, sched_setaffinity},
    time::clock_getcpuclockid,
    unistd::Pid,
};
use poem::{Body, Endpoint, Request, Response};
use tests::{attacks::crowd, big_dataset, dataset::page};
use tokio::{net::TcpListener, sync::oneshot};

use crate::{costly, database::Data, reading::READS};

/// The administrator whom every measured database has.
pub const EMAIL: &str = "admin@example.org";
/// That administrator's password.
pub const PASSWORD: &str = "measured by the microsecond";

/// Where the ceiling is served: `CEILING` and a number of bytes.
pub const CEILING: &str = "/bench/static/";
/// A number of a million digits, which is JSON.
static DIGITS: [u8; 4 << 20] = [b'1'; 4 << 20];

/// What this executable does in the processes that it starts.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a database that can be served: with its content and its administrator.
    #[command(hide = true)]
    Make {
        #[command(flatten)]
        config: Config,
        /// What is in it.
        #[arg(long)]
        data: Data,
    },
    /// Serve a database.
    #[command(hide = true)]
    Serve(Serve),
    /// Send costly requests to a server.
    #[command(hide = true)]
    Flood {
        /// Where it listens.
        server: SocketAddr,
    },
    /// Measure what costly requests cost, and what another client notices of them. Limits that are passed fail the run.
    Costly(costly::Choice),
}

/// How a process serves.
#[derive(Args, Debug)]
pub struct Serve {
    #[command(flatten)]
    config: Config,
    /// Threads that answer requests.
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// The core to stay on.
    #[arg(long)]
    core: Option<usize>,
}

impl Command {
    /// Carries it out, in a process of its own.
    ///
    /// # Errors
    /// When the database cannot be made, or the address not be listened on.
    pub fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Make { config, data } => runtime(1)?.block_on(make(config, data)),
            Self::Serve(Serve { config, workers, core }) => {
                // Before there are threads, for they stay where the first one was.
                core.map(stay_on).transpose()?;
                let filter = tracing_subscriber::EnvFilter::try_new(&config.log)?;
                tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
                runtime(workers)?.block_on(serve(config))
            }
            Self::Flood { server } => costly::flood(server),
            Self::Costly(choice) => costly::main(&choice),
        }
    }
}

fn runtime(workers: usize) -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build()
}

/// Keeps this process on one core.
///
/// # Errors
/// When the machine has no such core.
pub fn stay_on(core: usize) -> anyhow::Result<()> {
    let mut cores = CpuSet::new();
    cores.set(core)?;
    sched_setaffinity(Pid::from_raw(0), &cores).with_context(|| format!("there is no core {core}"))
}

async fn open(config: Config) -> anyhow::Result<State> {
    let url = config.database_url();
    database::create_file(&url)?;
    let database = Database::open(&url, None).await?;
    Ok(setup::open(config, database, Clock::System, Random::from_system()?).await?)
}

async fn make(config: Config, data: Data) -> anyhow::Result<()> {
    let state = open(config).await?;
    let dataset = match data {
        Data::Seeded => None,
        Data::Big => Some(big_dataset::big(big_dataset::PAGES)?),
        Data::Costly => {
            let mut dataset = big_dataset::big(big_dataset::PAGES)?;
            dataset.pages.push(page("about-us", None, 1, &["ja", "en"], "About us", "A text"));
            crowd(&mut dataset);
            Some(dataset)
        }
    };
    if let Some(dataset) = dataset {
        tests::commands::import(&state, &dataset, "Made for measuring").await?;
    }
    setup::fill(&state).await?;
    let reads = READS.iter().filter(|read| read.data == data && read.is_fixed());
    let documents: Vec<(&str, String)> = reads.map(|read| (read.name, read.text())).collect();
    let documents: Vec<(&str, &str)> = documents.iter().map(|(id, text)| (*id, text.as_str())).collect();
    tests::commands::trust(&state, &documents).await?;
    Ok(state.database().clone().close().await?)
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let listener = TcpListener::bind(config.bind).await?;
    let config = Config { bind: listener.local_addr()?, ..config };
    // Whoever started this process may connect from now on, and waits in the queue until it is open.
    println!("{}", config.bind);
    let stop = end_of_input();
    let state = open(config).await?;
    setup::fill(&state).await?;
    let following = tokio::spawn(delivery::feed::follow(state.clone()));
    let scheduling = tokio::spawn(schedule::follow(state.clone()));
    let app = Measured { app: http::app(&state)?, ceiling: http::observed(&state, poem::endpoint::make_sync(ceiling)) };
    let settings = server::Settings {
        max_connections: usize::try_from(state.config().max_connections)?,
        ..server::Settings::default()
    };
    server::serve(listener, app, settings, stop).await?;
    following.abort();
    scheduling.abort();
    Ok(state.database().clone().close().await?)
}

/// Ready when standard input ends: when the process that started this one wants it to, or is gone.
fn end_of_input() -> impl Future<Output = ()> {
    let (sender, ended) = oneshot::channel::<()>();
    std::thread::spawn(move || {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        drop(sender);
    });
    async move {
        let _ = ended.await;
    }
}

/// The application, with the ceiling beside it.
struct Measured<A, C> {
    app: A,
    ceiling: C,
}

impl<A: Endpoint<Output = Response>, C: Endpoint<Output = Response>> Endpoint for Measured<A, C> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        if request.uri().path().starts_with(CEILING) {
            self.ceiling.call(request).await
        } else {
            self.app.call(request).await
        }
    }
}

/// As many bytes as the address says, as JSON.
fn ceiling(request: Request) -> Response {
    let bytes = request.uri().path().strip_prefix(CEILING).and_then(|bytes| bytes.parse().ok());
    let body: &'static [u8] = bytes.and_then(|bytes: usize| DIGITS.get(..bytes)).unwrap_or_default();
    Response::builder().content_type("application/json").body(Body::from(body))
}

/// How a server is started.
#[derive(Clone, Debug)]
pub struct Start {
    /// The database file.
    pub database: PathBuf,
    /// Threads that answer requests.
    pub workers: usize,
    /// The core that they share, if they are to stay on one.
    pub core: Option<usize>,
    /// Whether answers may come from the response cache.
    pub cached: bool,
    /// Whether it gives memory back to the system as soon as it is free, so that what a request takes is not hidden by what
    /// the one before has left.
    pub gives_back: bool,
}

/// A process that serves.
pub struct Server {
    child: Child,
    // Its end is what ends the process.
    input: Option<ChildStdin>,
    address: SocketAddr,
    started: Instant,
}

impl Server {
    /// Starts a process. It may not be ready yet, but connections to it wait.
    ///
    /// # Errors
    /// When it ends instead.
    pub fn start(start: &Start) -> anyhow::Result<Self> {
        let started = Instant::now();
        let mut command = this_executable()?;
        command.arg("serve").args(settings(&start.database)).args(["--bind", "127.0.0.1:0", "--log", "warn"]);
        command.args(["--access-token-minutes", "60", "--workers", &start.workers.to_string()]);
        if let Some(core) = start.core {
            command.args(["--core", &core.to_string()]);
        }
        // All of the load is one caller, who asks for more in a minute than anybody may.
        command.args(["--rate-limit", "0"]);
        if start.gives_back {
            command.env("MIMALLOC_PURGE_DELAY", "0");
        }
        if !start.cached {
            command.args(["--response-cache-bytes", "0"]);
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("a pipe")?).read_line(&mut line)?;
        let address = line.trim().parse().context("the server ended instead of serving")?;
        Ok(Self { input: child.stdin.take(), child, address, started })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Since when it has been there.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// The processor time that all threads of the process have taken so far.
    ///
    /// # Errors
    /// When the process has ended.
    pub fn processor_time(&self) -> anyhow::Result<Duration> {
        let process = Pid::from_raw(i32::try_from(self.child.id())?);
        Ok(clock_getcpuclockid(process)?.now()?.into())
    }

    /// The memory of the process that is in RAM, in bytes.
    ///
    /// # Errors
    /// When the process has ended.
    pub fn resident_bytes(&self) -> anyhow::Result<u64> {
        self.status("VmRSS:")
    }

    /// The most memory of the process that was in RAM since [`Server::forget_peak`], in bytes.
    ///
    /// # Errors
    /// When the process has ended.
    pub fn peak_bytes(&self) -> anyhow::Result<u64> {
        self.status("VmHWM:")
    }

    /// Has the peak begin anew.
    ///
    /// # Errors
    /// When the process has ended.
    pub fn forget_peak(&self) -> anyhow::Result<()> {
        Ok(std::fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5")?)
    }

    fn status(&self, name: &str) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("no {name}"))?;
        let kibibytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kibibytes * 1024)
    }

    /// Stops it in an orderly way.
    ///
    /// # Errors
    /// When it does not end as it should.
    pub fn stop(mut self) -> anyhow::Result<()> {
        self.input = None;
        let status = self.child.wait()?;
        ensure!(status.success(), "the server ended with {status}");
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After `stop` there is nothing left to kill, or to say.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes a database in a process of its own.
///
/// # Errors
/// When that fails.
pub fn make_database(file: &Path, password_file: &Path, data: Data) -> anyhow::Result<()> {
    let mut command = this_executable()?;
    command.arg("make").args(settings(file)).arg("--admin-password-file").arg(password_file);
    command.args(["--data", data.name()]);
    let status = command.status()?;
    ensure!(status.success(), "the database could not be made: {status}");
    Ok(())
}

/// This executable, in an empty environment: what is measured must not depend on settings of the shell.
pub fn this_executable() -> io::Result<std::process::Command> {
    let mut command = std::process::Command::new(std::env::current_exe()?);
    command.env_clear();
    Ok(command)
}

fn settings(database: &Path) -> [String; 4] {
    let url = format!("sqlite://{}", database.display());
    ["--database-url".to_owned(), url, "--admin-email".to_owned(), EMAIL.to_owned()]
}
