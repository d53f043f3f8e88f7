//! PostgreSQL for tests: the server that `TEST_DATABASE_URL` names, or a private one for the time of this process.
//!
//! A private server listens on a socket in its own folder and nowhere else, so that nothing can collide. Its keeper is
//! a shell that waits for the end of its standard input, which this process holds: however this process ends, the
//! server stops and its folder vanishes.

use std::{
    collections::BTreeSet,
    fs,
    io::{Read, Write},
    os::unix::{
        fs::{MetadataExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU64, Ordering},
};

use api::{access::audit::sha256, state::Random};
use sea_orm::{ConnectOptions, ConnectionTrait, DatabaseConnection, Statement};
use tokio::sync::{Mutex, OnceCell};

use crate::{database::fill, scratch};

/// Every database of a test run begins with this, then the run.
const PREFIX: &str = "almanac_test_";

/// The server, started or found when first asked for; nothing when there is none.
pub(crate) async fn server() -> Option<&'static Server> {
    static SERVER: OnceCell<Option<Server>> = OnceCell::const_new();
    SERVER
        .get_or_init(|| async {
            match Server::find().await {
                Ok(server) => Some(server),
                Err(reason) => {
                    assert!(!is_required(), "PostgreSQL is required: {reason}");
                    // Straight to the stream: the test runner keeps to itself what a passing test prints.
                    writeln!(std::io::stderr(), "PostgreSQL tests are SKIPPED: {reason}").ok();
                    None
                }
            }
        })
        .await
        .as_ref()
}

/// A server with the template on it.
pub(crate) struct Server {
    url: String,
    run: String,
    next: AtomicU64,
    // A template must have no connection while it is copied.
    copying: Mutex<()>,
    // Its standard input keeps a private server alive.
    keeper: Option<Child>,
}

/// A copy of the template, dropped with this.
pub(crate) struct Copy {
    server: &'static Server,
    name: String,
    url: String,
}

impl Server {
    async fn find() -> Result<Self, String> {
        let (url, keeper) = match variable("TEST_DATABASE_URL") {
            Some(url) => (url, None),
            None => start().map(|(url, keeper)| (url, Some(keeper)))?,
        };
        let random = Random::from_system().expect("random numbers");
        let run = format!("{PREFIX}{}", &sha256(&random.bytes::<32>())[..16]);
        if keeper.is_none() {
            claim(url.clone(), run.clone()).await;
        }
        let server = Self { url, run, next: AtomicU64::new(0), copying: Mutex::new(()), keeper };
        let template = server.template();
        server.execute(&format!("CREATE DATABASE {template}")).await;
        fill(&server.url_of(&template)).await;
        Ok(server)
    }

    fn template(&self) -> String {
        format!("{}_template", self.run)
    }

    /// A fresh copy of the template.
    pub(crate) async fn copy(&'static self) -> Copy {
        let name = format!("{}_{}", self.run, self.next.fetch_add(1, Ordering::SeqCst));
        let copying = self.copying.lock().await;
        self.execute(&format!("CREATE DATABASE {name} TEMPLATE {}", self.template())).await;
        drop(copying);
        Copy { server: self, url: self.url_of(&name), name }
    }

    /// The URL with another database in it.
    fn url_of(&self, database: &str) -> String {
        let (address, parameters) = self.url.split_once('?').map_or((self.url.as_str(), ""), |parts| parts);
        let authority = address.find("://").map_or(0, |at| at + 3);
        let path = address[authority..].find('/').map_or(address.len(), |at| authority + at);
        format!("{}/{database}?{parameters}", &address[..path])
    }

    async fn execute(&self, sql: &str) {
        let connection = connect(&self.url).await;
        connection.execute_unprepared(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        connection.close().await.expect("the connection closes");
    }
}

impl Copy {
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let sql = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        let server = self.server;
        // `drop` cannot wait for a future inside the test's runtime, so it gets one of its own.
        let dropping = std::thread::spawn(move || runtime().block_on(server.execute(&sql)));
        // A private server takes along what is left when this process ends; nobody has to wait for it.
        if server.keeper.is_none() {
            let dropped = dropping.join();
            assert!(dropped.is_ok() || std::thread::panicking(), "the database of a test cannot be dropped");
        }
    }
}

async fn connect(url: &str) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url);
    options.max_connections(1).sqlx_logging(false);
    sea_orm::Database::connect(options).await.expect("PostgreSQL can be reached")
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Whether a test run without PostgreSQL is a failure.
pub(crate) fn is_required() -> bool {
    variable("ALMANAC_REQUIRE_POSTGRES").is_some()
}

#[expect(clippy::disallowed_methods, reason = "where PostgreSQL is, is a setting of the test run")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Marks `run` as alive on a server that others use too, and drops what runs have left behind that are not. The mark is
/// an advisory lock on a connection that stays open for as long as this process lives.
async fn claim(url: String, run: String) {
    let (done, claimed) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        runtime().block_on(async {
            let connection = connect(&url).await;
            let backend = connection.get_database_backend();
            let query = |sql: String| connection.query_all_raw(Statement::from_string(backend, sql));
            let lock = |function: &str, run: &str| format!("SELECT {function}(hashtextextended('{run}', 0)) AS held");
            query(lock("pg_advisory_lock", &run)).await.expect("the lock of this run");
            let databases = query(format!("SELECT datname FROM pg_database WHERE starts_with(datname, '{PREFIX}')"));
            let databases = databases.await.expect("the names of the databases");
            let names = databases.iter().map(|row| row.try_get::<String>("", "datname").expect("a name"));
            let names: Vec<String> = names.collect();
            for other in names.iter().filter_map(|name| run_of(name)).collect::<BTreeSet<_>>() {
                let held = query(lock("pg_try_advisory_lock", other)).await.expect("the lock of another run");
                if !held.iter().any(|row| row.try_get("", "held") == Ok(true)) {
                    continue;
                }
                for name in names.iter().filter(|name| run_of(name) == Some(other)) {
                    query(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await.expect("a leftover goes");
                }
            }
            done.send(()).expect("the run waits for its claim");
            std::future::pending::<()>().await;
        });
    });
    claimed.await.expect("the claim succeeds");
}

/// The run that a database belongs to, when it belongs to one.
fn run_of(database: &str) -> Option<&str> {
    let (run, _) = database.rsplit_once('_')?;
    let id = run.strip_prefix(PREFIX)?;
    (id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(run)
}

/// Starts a private server.
fn start() -> Result<(String, Child), String> {
    let programs = programs().ok_or("neither TEST_DATABASE_URL nor the programs of a server were found")?;
    let owner = owner()?;
    let folder = scratch::folder("almanac-postgres-").keep();
    if let Some((user, group)) = owner {
        chown(&folder, Some(user), Some(group)).expect("the folder can be given away");
    }
    let mut command = Command::new("sh");
    command.args(["-c", KEEPER, "sh"]).arg(&programs).arg(&folder).current_dir(&folder);
    // Keeps a signal from the terminal from reaching the keeper before its work is done.
    command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    if let Some((user, group)) = owner {
        command.uid(user).gid(group);
    }
    let mut keeper = command.spawn().map_err(|error| format!("the shell does not start: {error}"))?;
    let mut output = keeper.stdout.take().expect("a pipe");
    let mut ready = [0; 6];
    if output.read_exact(&mut ready).is_ok() && &ready == b"ready\n" {
        return Ok((format!("postgres://postgres@localhost:5432/postgres?host={}", folder.display()), keeper));
    }
    let mut rest = String::new();
    output.read_to_string(&mut rest).ok();
    let said = String::from_utf8_lossy(&ready).into_owned() + &rest;
    Err(format!("the server in {} does not start: {}", programs.display(), said.trim().replace('\n', " / ")))
}

/// `$1` has the programs, `$2` is the folder. Nothing of a test run has to survive a power cut, so nothing is synced.
const KEEPER: &str = r#"
run() {
    "$1/initdb" -D "$2/data" -U postgres -A trust -E UTF8 --locale=C --no-sync || return
    cat >>"$2/data/postgresql.conf" <<END || return
unix_socket_directories = '$2'
listen_addresses = ''
port = 5432
max_connections = 400
fsync = off
full_page_writes = off
synchronous_commit = off
autovacuum = off
wal_level = minimal
max_wal_senders = 0
max_wal_size = 128MB
END
    "$1/pg_ctl" start -w -D "$2/data" -l "$2/server.log"
}
if run "$1" "$2" >"$2/log" 2>&1; then
    echo ready
    cat >/dev/null
    "$1/pg_ctl" stop -D "$2/data" -m immediate >/dev/null 2>&1
else
    cat "$2/log" "$2/server.log"
fi
cd /
rm -rf "$2"
"#;

/// The folder with the programs of a server: from the search path, else the newest that is installed where the packages
/// of a distribution put them.
pub(crate) fn programs() -> Option<PathBuf> {
    let complete = |folder: &PathBuf| ["initdb", "pg_ctl", "postgres"].iter().all(|name| folder.join(name).is_file());
    let search_path = variable("PATH").unwrap_or_default();
    let from_path = std::env::split_paths(&search_path).find(complete);
    let from_config = || {
        let output = Command::new("pg_config").arg("--bindir").output().ok()?;
        Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim())).filter(complete)
    };
    let installed = || {
        let versions = fs::read_dir("/usr/lib/postgresql").ok()?.filter_map(Result::ok).map(|entry| entry.path());
        let mut versions: Vec<_> = versions.map(|version| version.join("bin")).filter(complete).collect();
        versions.sort_by_key(|folder| major(folder));
        versions.pop()
    };
    from_path.or_else(from_config).or_else(installed)
}

/// The version in `/usr/lib/postgresql/17/bin`.
fn major(folder: &Path) -> u32 {
    folder.iter().rev().nth(1).and_then(|version| version.to_str()?.parse().ok()).unwrap_or_default()
}

/// Who is to run the server, when that is not whoever runs the tests: PostgreSQL refuses to serve the superuser.
pub(crate) fn owner() -> Result<Option<(u32, u32)>, String> {
    let superuser = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    if !superuser {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd").map_err(|error| format!("/etc/passwd: {error}"))?;
    let ids = |name: &str| {
        let user = users.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|user| user[0] == name)?;
        Some((user.get(2)?.parse().ok()?, user.get(3)?.parse().ok()?))
    };
    let found = ids("postgres").or_else(|| ids("nobody"));
    found.map(Some).ok_or_else(|| "the superuser runs the tests, and there is no user postgres or nobody".to_owned())
}
