//! The command line: what an operator can do, and how the process starts and ends.

mod documents;
mod reference;

use std::{
    io::{IsTerminal, Read, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context as _, bail};
use chrono::SecondsFormat;
use clap::{Parser, Subcommand, ValueEnum};
use entities::{Email, Locale, Role};
use sea_orm::ActiveEnum;
use seed::{Dataset, Files};
use tokio::net::TcpListener;

use crate::{
    access::{
        Actor, Administrator, Editor,
        account::{self, AccountState, NewAccount},
        api_token::memory,
        audit::{self, Mark},
        key, password, quota,
    },
    background::{Tasks, repeat},
    backup,
    compute_pool::Client,
    config::{Config, LogFormat},
    database::{self, Database},
    dataset::{self, Terms},
    delivery,
    document::schedule,
    http::{self, server},
    retention, schema, setup,
    state::{Clock, Random, State},
    transaction::{Origin, Transaction},
};

/// How often the head of the audit log is written into the process's log.
const MARKING_INTERVAL: Duration = Duration::from_hours(1);
/// How often the write-ahead log of SQLite is folded into the file, beside what SQLite does by itself when the log is full.
const FOLDING_INTERVAL: Duration = Duration::from_secs(30);
/// How often it is tried whether the database can be written again, after that failed.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);

/// A content backend for institutions that publish pages, people and yearly figures.
///
/// Without a command it serves. The first start makes the database, fills it with a dataset, creates an administrator and
/// prints the password once.
#[derive(Debug, Parser)]
#[command(name = "almanac", version, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    config: Config,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API, as without a command. Brings the schema up to date first. On SIGTERM or SIGINT, requests in flight get 20 s to
    /// finish.
    Serve,
    /// Bring the database to this version's schema, and nothing else.
    Migrate,
    /// Bring a dataset folder in and publish it: all of it, or nothing when it has a fault.
    Import {
        /// The dataset folder.
        dir: PathBuf,
        /// Why; kept in the history of everything that changes.
        #[arg(long, default_value = "Imported from a dataset")]
        reason: String,
        /// Let the folder bring a disclosure policy that hides fewer small counts than the one in force. Without it such a
        /// folder is refused.
        #[arg(long)]
        weaken_disclosure: bool,
    },
    /// Write what is published into a dataset folder. Prints the files of a dataset that it left there because no export wrote
    /// them.
    Export {
        /// The folder: absent, empty, or a dataset to be replaced.
        dir: PathBuf,
    },
    /// Copy the SQLite file as it is now, beside a running server. The copy is complete, readable by its owner only, and never
    /// replaces a file. PostgreSQL is backed up with `pg_dump`.
    Backup {
        /// The file to write; it must not exist yet.
        file: PathBuf,
    },
    /// Print the GraphQL schema.
    Schema,
    /// Write the tables of settings, commands, error codes and limits into a folder, as `docs/reference` has them.
    #[command(hide = true)]
    Reference {
        /// The folder; it must be there.
        dir: PathBuf,
    },
    /// Manage accounts.
    #[command(subcommand)]
    User(User),
    /// Manage the keys that sign access tokens.
    #[command(subcommand)]
    Key(Key),
    /// Look after the audit log.
    #[command(subcommand)]
    Audit(Audit),
    /// Say which GraphQL documents front ends may run by name.
    #[command(subcommand)]
    Documents(documents::Documents),
}

#[derive(Debug, Subcommand)]
enum User {
    /// Create an account.
    Add {
        /// The address it signs in with.
        email: Email,
        /// What it may do.
        #[arg(long, value_enum)]
        role: RoleName,
        /// A locale of a translator, such as `vi`; at least one, repeat for more.
        #[arg(long = "locale", value_name = "TAG")]
        locales: Vec<Locale>,
        /// Read the password from standard input. Without it, a random one is made and printed once.
        #[arg(long)]
        password_stdin: bool,
    },
    /// List the accounts, a line each: address, role, state, locales, and when it was last seen, separated by tabs.
    List,
    /// Disable an account and end its sessions.
    Disable {
        /// Its address.
        email: Email,
    },
    /// Enable a disabled account.
    Enable {
        /// Its address.
        email: Email,
    },
    /// Set a new password and end the account's sessions.
    Password {
        /// Its address.
        email: Email,
        /// Read the password from standard input. Without it, a random one is made and printed once.
        #[arg(long)]
        password_stdin: bool,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum RoleName {
    /// Everything an editor may, and the accounts.
    Administrator,
    /// Writing and publishing all content and figures.
    Editor,
    /// Writing texts in the locales named with --locale.
    Translator,
    /// Writing and publishing figures.
    Statistician,
    /// Reading drafts.
    Reader,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Administrator => Self::Administrator,
            RoleName::Editor => Self::Editor,
            RoleName::Translator => Self::Translator,
            RoleName::Statistician => Self::Statistician,
            RoleName::Reader => Self::Reader,
        }
    }
}

#[derive(Debug, Subcommand)]
enum Audit {
    /// Check that no entry of the audit log was changed or removed, and print the last one. Writes nothing.
    Verify {
        /// What an earlier run printed: an entry and its hash, kept where nobody who can write to the database reaches it.
        /// Without it, entries cut off the end go unnoticed.
        #[arg(long, value_name = "SEQ:HASH")]
        expect: Option<Mark>,
    },
}

#[derive(Debug, Subcommand)]
enum Key {
    /// Make a new signing key, which signs from five seconds later on. Tokens that are out stay valid until they expire;
    /// running servers follow by themselves.
    Rotate,
}

/// Parses the command line and carries it out.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Err(error) = start_logging(&cli.config) {
        return fail(&error);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.into()),
    };
    match runtime.block_on(run(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(error: &anyhow::Error) -> ExitCode {
    // Standard error may be closed; there is nowhere left to say so.
    let _ = writeln!(std::io::stderr(), "almanac: {error:#}");
    ExitCode::FAILURE
}

fn start_logging(config: &Config) -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_new(&config.log).context("--log")?;
    // Where the log cannot be written, as on a full disk, there is nowhere to say so, and saying it would panic.
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).log_internal_errors(false);
    match config.log_format {
        LogFormat::Text => builder.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => builder.json().try_init(),
    }
    .map_err(|error| anyhow::anyhow!(error))
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    let config = cli.config;
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => serve(config).await,
        Command::Schema => say(&schema::sdl()),
        Command::Reference { dir } => reference::write(&dir),
        Command::Migrate => {
            create_database(&config)?;
            open_database(&config).await?.migrate().await?;
            say("The database has this version's schema.\n")
        }
        Command::Import { dir, reason, weaken_disclosure } => {
            let files = Files::read(&dir).with_context(|| format!("{} cannot be read", dir.display()))?;
            let dataset = Dataset::parse(&files)?;
            create_database(&config)?;
            let state = open(config).await?;
            let mut transaction = begin(&state).await?;
            let terms = Terms { reason: &reason, may_weaken_disclosure: weaken_disclosure };
            let imported = dataset::import(&mut transaction, &Editor::command_line(), &dataset, terms).await?;
            let dataset::Imported { added, changed, unchanged } = imported;
            if added + changed > 0 {
                transaction.commit("import").await?;
            }
            say(&format!("{added} added, {changed} changed, {unchanged} unchanged.\n"))
        }
        Command::Export { dir } => {
            let state = open(config).await?;
            let dataset = dataset::export(state.database()).await?;
            let written = dataset.render().write(&dir);
            let left = written.with_context(|| format!("{} cannot be written", dir.display()))?;
            say(&left.iter().map(|path| format!("Left {path}, which no export wrote.\n")).collect::<String>())
        }
        Command::Backup { file } => {
            // As it is: a backup before an upgrade is one of the old schema.
            let database = open_database(&config).await?;
            backup::write(&database, &file).await?;
            Ok(database.close().await?)
        }
        Command::User(command) => user(&open(config).await?, command).await,
        Command::Key(Key::Rotate) => {
            let mut transaction = begin(&open(config).await?).await?;
            let id = key::rotate(&mut transaction, &Administrator::command_line()).await?;
            transaction.commit("key rotate").await?;
            say(&format!("In {} seconds, key {id} signs.\n", key::HANDOVER.num_seconds()))
        }
        Command::Documents(command) => {
            documents::run(&open(config).await?, &Administrator::command_line(), command).await
        }
        Command::Audit(Audit::Verify { expect }) => {
            // As it is: a check that begins with migrations would be no check.
            let database = open_database(&config).await?;
            let reading = database.begin_read().await?;
            let sound = audit::verify(&reading, expect.as_ref()).await??;
            let last = sound.last.map_or_else(String::new, |last| format!("The last is {last}\n"));
            say(&format!("{} entries, all as they were written.\n{last}", sound.entries))
        }
    }
}

async fn user(state: &State, command: User) -> anyhow::Result<()> {
    let administrator = Administrator::command_line();
    match command {
        User::Add { email, role, locales, password_stdin } => {
            let (password, made) = new_password(state, password_stdin)?;
            let hash = password::hash(state, &Client::PROCESS, &email, &password).await?;
            let new = NewAccount { email, role: role.into(), locales, password: Some(hash) };
            let mut transaction = begin(state).await?;
            account::create(&mut transaction, &administrator, new).await?;
            transaction.commit("user add").await?;
            tell_password(&password, made)
        }
        User::Disable { email } => {
            let mut transaction = begin(state).await?;
            account::disable(&mut transaction, &administrator, &email).await?;
            Ok(transaction.commit("user disable").await?)
        }
        User::Enable { email } => {
            let mut transaction = begin(state).await?;
            account::enable(&mut transaction, &administrator, &email).await?;
            Ok(transaction.commit("user enable").await?)
        }
        User::List => {
            let accounts = account::all(state.database().reader(), &administrator).await?;
            say(&accounts.iter().map(line).collect::<anyhow::Result<String>>()?)
        }
        User::Password { email, password_stdin } => {
            let (password, made) = new_password(state, password_stdin)?;
            let hash = password::hash(state, &Client::PROCESS, &email, &password).await?;
            let mut transaction = begin(state).await?;
            account::set_password(&mut transaction, &administrator, &email, hash).await?;
            transaction.commit("user password").await?;
            tell_password(&password, made)
        }
    }
}

/// An account as a line of a list. Names as in the API; `-` stands for nothing.
fn line(account: &entities::account::Model) -> anyhow::Result<String> {
    let role = account.role.into_value();
    let state = match account::state(account) {
        AccountState::Invited => "INVITED",
        AccountState::Active => "ACTIVE",
        AccountState::Disabled => "DISABLED",
        AccountState::Unvouched => "UNVOUCHED",
    };
    let locales: Vec<String> = serde_json::from_value(account.locales.clone())?;
    let locales = if locales.is_empty() { "-".to_owned() } else { locales.join(",") };
    let seen = account.last_seen_at.map_or_else(|| "-".to_owned(), |at| at.to_rfc3339_opts(SecondsFormat::Secs, true));
    Ok(format!("{}\t{role}\t{state}\t{locales}\t{seen}\n", account.email))
}

async fn begin(state: &State) -> anyhow::Result<Transaction> {
    Ok(Transaction::begin(state, Actor::CommandLine, Origin::default()).await?)
}

/// A password from standard input, or a random one; and whether it is the latter.
fn new_password(state: &State, from_stdin: bool) -> anyhow::Result<(String, bool)> {
    if !from_stdin {
        return Ok((setup::random_password(state), true));
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("standard input cannot be read")?;
    Ok((text.trim_end_matches(['\r', '\n']).to_owned(), false))
}

fn tell_password(password: &str, made: bool) -> anyhow::Result<()> {
    if made { say(&format!("The password is {password}\n")) } else { Ok(()) }
}

fn say(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        // Whoever reads only the first lines of the schema has not done anything wrong.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}

/// Makes the database's place on disk, for the commands that start with nothing.
fn create_database(config: &Config) -> anyhow::Result<()> {
    if config.database_url.is_none() {
        create_private(&config.data_dir)
            .with_context(|| format!("the data folder {} cannot be made", config.data_dir.display()))?;
    }
    let url = config.database_url();
    database::create_file(&url).with_context(|| format!("{url} cannot be made"))
}

/// Makes a folder that is for its owner alone. One that is there already stays as it is: others may have a reason to read it,
/// and the files that are made in it are for their owner alone.
fn create_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)?;
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(folder)?.permissions());
        if mode & 0o077 != 0 {
            tracing::warn!(folder = %folder.display(), "the data folder is open to others; chmod 700 closes it");
        }
    }
    Ok(())
}

async fn open_database(config: &Config) -> anyhow::Result<Database> {
    let url = config.database_url();
    if !["sqlite:", "postgres:", "postgresql:"].iter().any(|scheme| url.starts_with(scheme)) {
        bail!("--database-url must begin with sqlite:// or postgres://");
    }
    if let Some(file) = database::file(&url).filter(|file| !file.exists()) {
        bail!("there is no database {}; `almanac` makes one", file.display());
    }
    let password = config.database_password_file.as_deref().map(setup::read_password).transpose()?;
    Database::open(&url, password).await.map_err(|error| {
        // A URL that cannot be read is repeated by whoever failed to read it, and may have a password in it.
        let cause = format!("{:#}", anyhow::Error::from(error)).replace(&url, "the URL");
        anyhow::anyhow!("the database cannot be opened: {cause}")
    })
}

async fn open(config: Config) -> anyhow::Result<State> {
    let database = open_database(&config).await?;
    let random = Random::from_system()?;
    Ok(setup::open(config, database, Clock::System, random).await?)
}

async fn serve(config: Config) -> anyhow::Result<()> {
    // From the start: who is told that the server is there may ask it to stop.
    let stop = server::stop_signal()?;
    let listener = TcpListener::bind(config.bind).await.with_context(|| format!("cannot listen on {}", config.bind))?;
    // Port 0 asks for any free port; from here on it is known which.
    let config = Config { bind: listener.local_addr()?, ..config };
    create_database(&config)?;
    let state = open(config).await?;
    let first = setup::fill(&state).await?;
    say(&greeting(state.config().bind, first))?;
    let mut tasks = Tasks::default();
    tasks.keep(&state, "follows the change feed", delivery::feed::follow(state.clone()));
    tasks.keep(&state, "carries out schedules", schedule::follow(state.clone()));
    let complaint = "the write-ahead log cannot be folded into the database";
    let fold = repeat(state.clone(), FOLDING_INTERVAL, complaint, async |state| state.database().fold_log().await);
    tasks.keep(&state, "folds the write-ahead log", fold);
    let complaint = "the database cannot be written";
    let probe = repeat(state.clone(), PROBE_INTERVAL, complaint, async |state| state.database().probe_writes().await);
    tasks.keep(&state, "finds out whether the database can be written", probe);
    tasks.start(&state, "shares quotas", quota::follow(state.clone()));
    let unnoted = "the last uses of API tokens cannot be written down";
    let note = repeat(state.clone(), memory::NOTED_EVERY, unnoted, async |state| memory::write_uses(&state).await);
    tasks.keep(&state, "writes down the last uses of API tokens", note);
    let complaint = "the head of the audit log cannot be read";
    let mark = repeat(state.clone(), MARKING_INTERVAL, complaint, async |state| audit::log_head(&state).await);
    tasks.keep(&state, "logs the head of the audit log", mark);
    tasks.start(&state, "reads texts ahead", fill(state.clone()));
    tasks.keep(&state, "writes checkpoints", delivery::checkpoint::follow(state.clone()));
    tasks.keep(&state, "removes what is over", retention::follow(state.clone()));
    let settings = server::Settings {
        max_connections: usize::try_from(state.config().max_connections)?,
        max_connections_per_network: match state.config() {
            config if config.trusted_proxies > 0 => 0,
            config => usize::try_from(config.max_connections_per_network)?,
        },
        ..server::Settings::default()
    };
    let stop = async {
        tokio::select! {
            () = stop => {}
            _ = state.failed() => {}
        }
    };
    server::serve(listener, http::app(&state)?, settings, stop).await?;
    drop(tasks);
    if let Err(error) = memory::write_uses(&state).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "{unnoted}");
    }
    state.database().clone().close().await?;
    match state.failure() {
        // Whoever starts it again has it begin with what the database says.
        Some(reason) => bail!("{reason}"),
        None => Ok(()),
    }
}

/// Brings the texts of pages into memory, as far as there is room, so that they are there when the database is not.
async fn fill(state: State) {
    if let Err(error) = state.bodies().fill(state.database().reader(), None).await {
        // They are read when somebody asks for them.
        tracing::warn!(error = &error as &dyn std::error::Error, "the texts of pages cannot be read ahead");
    }
}

fn greeting(address: std::net::SocketAddr, first: Option<setup::FirstSignIn>) -> String {
    let mut text = format!(
        "Almanac serves\n  GraphQL    http://{address}/graphql\n  health     http://{address}/healthz, http://{address}/readyz\n  \
         public keys http://{address}/.well-known/jwks.json\n"
    );
    if let Some(first) = first {
        text += "First administrator\n";
        text += &format!("  e-mail     {}\n", first.email);
        text += &match first.password {
            Some(password) => format!("  password   {password}  (shown this once)\n"),
            None => "  password   as in the password file\n".to_owned(),
        };
    }
    text
}
