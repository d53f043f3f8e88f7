//! Every setting: its meaning, its environment variable and its default. `almanac --help` prints this file.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, ValueEnum};
use entities::Email;

/// The settings of one process.
#[derive(Args, Clone, Debug)]
pub struct Config {
    /// Where the data lives: `sqlite://path/to/file.db` or `postgres://user:password@host/database`, with commas between
    /// several hosts of which one accepts writes. Without it, an SQLite file in the data folder.
    #[arg(long, env = "ALMANAC_DATABASE_URL", global = true, hide_env_values = true, value_name = "URL")]
    pub database_url: Option<String>,

    /// A file with the password for PostgreSQL, instead of one in the URL.
    #[arg(long, env = "ALMANAC_DATABASE_PASSWORD_FILE", global = true, value_name = "FILE")]
    pub database_password_file: Option<PathBuf>,

    /// The folder for the SQLite file; created when absent.
    #[arg(long, env = "ALMANAC_DATA_DIR", global = true, default_value = "data", value_name = "DIR")]
    pub data_dir: PathBuf,

    /// The address to listen on.
    #[arg(long, env = "ALMANAC_BIND", global = true, default_value = "127.0.0.1:8080", value_name = "ADDRESS:PORT")]
    pub bind: SocketAddr,

    /// The address under which clients reach this Almanac; the issuer of its access tokens. All replicas share it.
    /// Without it, http:// and the address listened on.
    #[arg(long, env = "ALMANAC_PUBLIC_URL", global = true, value_name = "URL")]
    pub public_url: Option<String>,

    /// The dataset folder that fills an empty database. Without it, the built-in example: the international medical
    /// care section of a cancer hospital.
    #[arg(long, env = "ALMANAC_DATASET", global = true, value_name = "DIR")]
    pub dataset: Option<PathBuf>,

    /// The address of the administrator who is created when there is no account at all.
    #[arg(
        long,
        env = "ALMANAC_ADMIN_EMAIL",
        global = true,
        default_value = "admin@example.org",
        value_parser = |text: &str| text.parse::<Email>(),
        value_name = "EMAIL"
    )]
    pub admin_email: Email,

    /// A file with that administrator's password. Without it, a random one is made and printed once.
    #[arg(long, env = "ALMANAC_ADMIN_PASSWORD_FILE", global = true, value_name = "FILE")]
    pub admin_password_file: Option<PathBuf>,

    /// A TOML file with the identity providers whose tokens are taken beside ours; the form is in docs/people.md.
    #[arg(long, env = "ALMANAC_TRUSTED_ISSUERS", global = true, value_name = "FILE")]
    pub trusted_issuers: Option<PathBuf>,

    /// Origins whose scripts may call the API, such as `https://www.example.org`; repeat or separate by commas.
    /// `*` allows every origin, without credentials. Without it, only scripts of the API's own origin.
    #[arg(long, env = "ALMANAC_ALLOWED_ORIGINS", global = true, value_delimiter = ',', value_name = "ORIGIN")]
    pub allowed_origins: Vec<String>,

    /// Minutes until an access token expires.
    #[arg(
        long,
        env = "ALMANAC_ACCESS_TOKEN_MINUTES",
        global = true,
        default_value_t = 10,
        value_parser = clap::value_parser!(u16).range(1..=60),
        value_name = "N"
    )]
    pub access_token_minutes: u16,

    /// Days until a session ends, however often it is refreshed.
    #[arg(
        long,
        env = "ALMANAC_SESSION_DAYS",
        global = true,
        default_value_t = 30,
        value_parser = clap::value_parser!(u16).range(1..=365),
        value_name = "N"
    )]
    pub session_days: u16,

    /// Connections served at once. Beyond that the one that is silent longest is closed, and where none is silent, only
    /// `/healthz` is answered.
    #[arg(
        long,
        env = "ALMANAC_MAX_CONNECTIONS",
        global = true,
        default_value_t = 1024,
        value_parser = clap::value_parser!(u32).range(1..=100_000),
        value_name = "N"
    )]
    pub max_connections: u32,

    /// Connections of one network, an IPv4 address or an IPv6 /64; 0 sets no limit. Does not hold behind trusted proxies,
    /// from where all connections come.
    #[arg(
        long,
        env = "ALMANAC_MAX_CONNECTIONS_PER_NETWORK",
        global = true,
        default_value_t = 256,
        value_parser = clap::value_parser!(u32).range(0..=100_000),
        value_name = "N"
    )]
    pub max_connections_per_network: u32,

    /// The largest request body, in bytes.
    #[arg(
        long,
        env = "ALMANAC_MAX_BODY_BYTES",
        global = true,
        default_value_t = 2 * 1024 * 1024,
        value_parser = clap::value_parser!(u32).range(1024..=67_108_864),
        value_name = "N"
    )]
    pub max_body_bytes: u32,

    /// Points of cost that each caller may draw in a minute: an account, an API token, or else a network; 0 sets no limit.
    #[arg(long, env = "ALMANAC_RATE_LIMIT", global = true, default_value_t = 2_000_000, value_name = "POINTS")]
    pub rate_limit: u64,

    /// Bytes of memory for answers that are kept until something that they show changes; 0 keeps none.
    #[arg(
        long,
        env = "ALMANAC_RESPONSE_CACHE_BYTES",
        global = true,
        default_value_t = 32 * 1024 * 1024,
        value_name = "N"
    )]
    pub response_cache_bytes: u64,

    /// The longest response, in bytes, whatever it was thought to cost. Twice as much, and what the response cache has, is
    /// the memory for all responses that are being written and sent.
    #[arg(
        long,
        env = "ALMANAC_MAX_RESPONSE_BYTES",
        global = true,
        default_value_t = 64 * 1024 * 1024,
        value_parser = clap::value_parser!(u64).range(65_536..),
        value_name = "N"
    )]
    pub max_response_bytes: u64,

    /// Seconds for which caches in front may serve an answer without asking (`s-maxage`); 0 has them ask each time.
    #[arg(long, env = "ALMANAC_SHARED_MAX_AGE", global = true, default_value_t = 5, value_name = "SECONDS")]
    pub shared_max_age: u32,

    /// Seconds for which caches in front may serve an answer that is older while they ask for the next one.
    #[arg(long, env = "ALMANAC_STALE_WHILE_REVALIDATE", global = true, default_value_t = 5, value_name = "SECONDS")]
    pub stale_while_revalidate: u32,

    /// Bytes of memory for the texts of pages. Those that do not fit are read from the database when somebody asks.
    #[arg(
        long,
        env = "ALMANAC_PAGE_BODY_BYTES",
        global = true,
        default_value_t = 64 * 1024 * 1024,
        value_parser = clap::value_parser!(u64).range(65_536..),
        value_name = "N"
    )]
    pub page_body_bytes: u64,

    /// Bytes of memory for earlier states of figures that were asked for. What does not fit is read from the database again.
    #[arg(
        long,
        env = "ALMANAC_EARLIER_FIGURES_BYTES",
        global = true,
        default_value_t = 64 * 1024 * 1024,
        value_parser = clap::value_parser!(u64).range(65_536..),
        value_name = "N"
    )]
    pub earlier_figures_bytes: u64,

    /// How many reverse proxies stand in front, each appending to `X-Forwarded-For`. Throttling counts the address that
    /// the outermost of them saw.
    #[arg(long, env = "ALMANAC_TRUSTED_PROXIES", global = true, default_value_t = 0, value_name = "N")]
    pub trusted_proxies: u8,

    /// Lets those who are not signed in run trusted documents only: what `almanac documents add` has added, by its id or
    /// word by word, and what it takes to sign in.
    // A word that is neither yes nor no is an error: nobody should believe in a restriction that is not there.
    #[arg(
        long,
        env = "ALMANAC_TRUSTED_DOCUMENTS_ONLY",
        global = true,
        value_parser = clap::builder::BoolishValueParser::new()
    )]
    pub trusted_documents_only: bool,

    /// What to log: a level (`error`, `warn`, `info`, `debug`) or a filter such as `info,api::http=debug`.
    #[arg(
        long,
        env = "ALMANAC_LOG",
        global = true,
        default_value = "info,sea_orm_migration=warn,sqlx=warn",
        value_name = "FILTER"
    )]
    pub log: String,

    /// How to log.
    #[arg(long, env = "ALMANAC_LOG_FORMAT", global = true, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for collectors.
    Json,
}

impl Config {
    /// The database to open.
    #[must_use]
    pub fn database_url(&self) -> String {
        self.database_url.clone().unwrap_or_else(|| format!("sqlite://{}", self.data_dir.join("almanac.db").display()))
    }

    /// The address under which clients reach this Almanac, without a slash at the end.
    #[must_use]
    pub fn public_url(&self) -> String {
        match &self.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{}", self.bind),
        }
    }
}
