//! The servers of PostgreSQL: one, or several of which one accepts writes. A URL names several with commas between,
//! `postgres://almanac@db1,db2:5433/almanac`, which the driver does not know. The first that accepts writes is used; when
//! it does no longer, the pool moves to the one that does.
//!
//! What one request does when its connection breaks is in `database.rs`.

use std::time::Duration;

use sea_orm::sqlx::{
    self, ConnectOptions, Connection, PgConnection, PgPool, Row,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

/// How often the pool is asked whether it still reaches a server that accepts writes.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);
/// How long a server has to answer that.
const PROBE_PATIENCE: Duration = Duration::from_secs(1);

/// Opens a pool.
///
/// # Errors
/// When the URL cannot be read, or no server that accepts writes is found within `patience`.
pub(super) async fn connect(
    url: &str,
    password: Option<&str>,
    connections: u32,
    patience: Duration,
) -> Result<PgPool, sqlx::Error> {
    let named = Servers::parse(url).map_err(|problem| sqlx::Error::Configuration(problem.into()))?;
    let mut servers = Vec::new();
    for url in &named.urls {
        // A pooler refuses parameters that it does not know, and no float is read here.
        let options = url.parse::<PgConnectOptions>()?.extra_float_digits(None).disable_statement_logging();
        servers.push(password.map_or_else(|| options.clone(), |password| options.clone().password(password)));
    }
    let pool = PgPoolOptions::new().max_connections(connections).acquire_timeout(patience);
    if let ([server], false) = (servers.as_slice(), named.must_accept_writes) {
        return pool.connect_with(server.clone()).await;
    }
    let pool = pool
        // The question about writes tests the connection, too.
        .test_before_acquire(false)
        .before_acquire(|connection, _| Box::pin(accepts_writes(connection)))
        .after_connect(|connection, _| {
            Box::pin(async move { if accepts_writes(connection).await? { Ok(()) } else { Err(read_only()) } })
        });
    let deadline = Instant::now() + patience;
    let first = loop {
        match choose(&servers).await {
            Ok(server) => break server,
            Err(error) if Instant::now() >= deadline => return Err(error),
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
    };
    let pool = pool.connect_with(first.clone()).await?;
    tokio::spawn(watch(pool.clone(), servers));
    Ok(pool)
}

/// Moves the pool whenever it reaches no server that accepts writes, until it is closed. Connections that are open are
/// asked before each use; this is for those that are still to be made.
async fn watch(pool: PgPool, servers: Vec<PgConnectOptions>) {
    let watching = async {
        let mut ticks = interval(PROBE_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if matches!(timeout(PROBE_PATIENCE, pool.acquire()).await, Ok(Ok(_))) {
                continue;
            }
            if let Ok(server) = choose(&servers).await {
                tracing::info!(host = server.get_host(), port = server.get_port(), "the database is reached here now");
                pool.set_connect_options(server.clone());
            }
        }
    };
    // Ends when the pool is closed.
    let _: Result<(), sqlx::Error> = pool.close_event().do_until(watching).await;
}

/// The first server that accepts writes.
async fn choose(servers: &[PgConnectOptions]) -> Result<&PgConnectOptions, sqlx::Error> {
    let mut problem = None;
    for server in servers {
        let asked = async {
            let mut connection = PgConnection::connect_with(server).await?;
            let accepts = accepts_writes(&mut connection).await?;
            connection.close().await?;
            if accepts { Ok(()) } else { Err(read_only()) }
        };
        match timeout(PROBE_PATIENCE, asked).await.unwrap_or(Err(sqlx::Error::PoolTimedOut)) {
            Ok(()) => return Ok(server),
            Err(error) => problem = Some(error),
        }
    }
    Err(problem.unwrap_or_else(read_only))
}

/// Whether the server at the other end is no standby.
async fn accepts_writes(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let row = sqlx::raw_sql("SHOW transaction_read_only").fetch_one(connection).await?;
    Ok(row.try_get::<String, _>(0)? == "off")
}

fn read_only() -> sqlx::Error {
    sqlx::Error::Io(std::io::Error::other("the server does not accept writes"))
}

/// What a URL says of servers.
#[derive(Debug, PartialEq, Eq)]
struct Servers {
    /// A URL for each.
    urls: Vec<String>,
    /// Whether a server that does not accept writes must be passed over.
    must_accept_writes: bool,
}

impl Servers {
    /// Takes a URL apart that may name several servers. Messages repeat nothing of it: a password may be in it.
    fn parse(url: &str) -> Result<Self, &'static str> {
        let (scheme, rest) = url.split_once("://").ok_or("the URL has no ://")?;
        let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let (user, hosts) = authority.rsplit_once('@').map_or(("", authority), |(user, hosts)| (user, hosts));
        let at = if authority.contains('@') { "@" } else { "" };
        let mut demanded = false;
        let mut parameters = Vec::new();
        for parameter in query.into_iter().flat_map(|query| query.split('&')) {
            match parameter.strip_prefix("target_session_attrs=") {
                None => parameters.push(parameter),
                Some("read-write" | "primary") => demanded = true,
                Some("any") => {}
                Some(_) => return Err("Almanac writes: target_session_attrs must be read-write, primary or any"),
            }
        }
        let query = if parameters.is_empty() { String::new() } else { format!("?{}", parameters.join("&")) };
        let hosts: Vec<&str> = hosts.split(',').collect();
        if hosts.len() > 1 && hosts.contains(&"") {
            return Err("a host of the list is empty");
        }
        let must_accept_writes = demanded || hosts.len() > 1;
        let urls = hosts.into_iter().map(|host| format!("{scheme}://{user}{at}{host}{path}{query}")).collect();
        Ok(Self { urls, must_accept_writes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_of_one_server_stays_as_it_is() {
        for url in [
            "postgres://almanac@db/almanac",
            "postgres://almanac:p%40ss,word@[::1]:5433/almanac?sslmode=require&application_name=a,b",
            "postgres://localhost",
            "postgresql:///almanac?host=/run/postgresql",
        ] {
            assert_eq!(Servers::parse(url), Ok(Servers { urls: vec![url.to_owned()], must_accept_writes: false }));
        }
    }

    #[test]
    fn each_server_of_a_list_gets_all_that_the_others_have() {
        let url =
            "postgres://almanac:a,b@db1:5432,[::1]:5433,%2Frun%2Fpg/almanac?sslmode=require&target_session_attrs=any";
        let urls = ["db1:5432", "[::1]:5433", "%2Frun%2Fpg"]
            .map(|host| format!("postgres://almanac:a,b@{host}/almanac?sslmode=require"));
        assert_eq!(Servers::parse(url), Ok(Servers { urls: urls.to_vec(), must_accept_writes: true }));
        for url in urls {
            url.parse::<PgConnectOptions>().expect("the driver can read it");
        }
    }

    #[test]
    fn one_server_may_be_asked_to_accept_writes() {
        for demand in ["read-write", "primary"] {
            let servers = Servers::parse(&format!("postgres://db/almanac?target_session_attrs={demand}"));
            let urls = vec!["postgres://db/almanac".to_owned()];
            assert_eq!(servers, Ok(Servers { urls, must_accept_writes: true }));
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused_without_repeating_it() {
        for url in
            ["postgres:db", "postgres://a:secret@db1,,db2/x", "postgres://a:secret@db/x?target_session_attrs=standby"]
        {
            let problem = Servers::parse(url).expect_err(url);
            assert!(!problem.contains("secret"), "{problem}");
        }
    }
}
