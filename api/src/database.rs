//! The database, and every difference between SQLite and PostgreSQL outside `migration`.
//!
//! Writes are serialised on both (`write`). So the change feed and the audit chain have no gaps and commit in the order of
//! their numbers, and reading a version before writing the next needs no retry.
//!
//! `failure` says what an error means, `failover` finds the server of PostgreSQL that accepts writes, `listener` hears of
//! changes, `file` looks after the file of SQLite.

mod failover;
mod failure;
mod file;
mod listener;
mod write;

use std::{fs::OpenOptions, io, path::Path, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use sea_orm::{
    AccessMode, ConnAcquireErr, ConnectOptions, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend,
    DbErr, IsolationLevel, RuntimeErr, Statement, TransactionOptions, TransactionTrait,
    sqlx::{
        self, Connection,
        sqlite::{SqliteConnection, SqliteJournalMode, SqliteSynchronous},
    },
};
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep, timeout},
};

use self::write::WriteHealth;
pub use self::{
    failure::{Failure, may_be_in_log, was_in_no_transaction},
    listener::Listener,
    write::WriteTransaction,
};
use crate::error::{Error, Result};

/// How long a statement waits for a connection or a lock.
const PATIENCE: Duration = Duration::from_secs(5);
const SQLITE_READERS: u32 = 4;
/// One of them listens.
const POSTGRES_CONNECTIONS: u32 = 17;
/// The pages of a write-ahead log, of 4 KiB each, from which on it is worth waiting for a quiet moment to cut it off.
const LARGE_LOG: i64 = 4_096;

/// A pool to write with and a pool to read with; on PostgreSQL they are the same.
#[derive(Clone, Debug)]
pub struct Database {
    writer: DatabaseConnection,
    reader: DatabaseConnection,
    // One writer of this process at a time gets in line for the lock of all processes: those that wait here hold no
    // connection, so whoever is writing can still read.
    writing: Arc<Semaphore>,
    health: Arc<WriteHealth>,
}

impl Database {
    /// Opens `sqlite://path` or `postgres://...`, the latter with `password` if there is one. The URL may name several
    /// servers of PostgreSQL, separated by commas: the first that accepts writes is used, also after a failover.
    ///
    /// # Errors
    /// When the URL names neither, or the database is not there or cannot be reached.
    pub async fn open(url: &str, password: Option<String>) -> Result<Self> {
        if url.starts_with("sqlite:") {
            // One writing connection is a fair queue; SQLite's own lock is a lottery (and never upgrades a read).
            let writer = connect_patiently(sqlite(url, 1)).await?;
            let reader = connect_patiently(sqlite(url, SQLITE_READERS)).await?;
            Ok(Self::over(writer, reader))
        } else {
            let pool = failover::connect(url, password.as_deref(), POSTGRES_CONNECTIONS, PATIENCE).await;
            let pool = DatabaseConnection::from(pool.map_err(connection_error)?);
            Ok(Self::over(pool.clone(), pool))
        }
    }

    fn over(writer: DatabaseConnection, reader: DatabaseConnection) -> Self {
        Self { writer, reader, writing: Arc::new(Semaphore::new(1)), health: Arc::default() }
    }

    /// Calls `callback` for every statement from now on, on the clones made from now on.
    pub fn on_statement(&mut self, callback: impl Fn() + Clone + Send + Sync + 'static) {
        let also = callback.clone();
        self.writer.set_metric_callback(move |_| callback());
        self.reader.set_metric_callback(move |_| also());
    }

    /// A connection for single reads.
    #[must_use]
    pub fn reader(&self) -> &DatabaseConnection {
        &self.reader
    }

    /// A connection for what the processes of this database tell each other beside content; nothing on SQLite, which serves
    /// one process. What is written there is in nobody's transaction, and no change.
    #[must_use]
    pub fn shared(&self) -> Option<&DatabaseConnection> {
        self.is_postgres().then_some(&self.writer)
    }

    /// A transaction that sees one state of the database and cannot write.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn begin_read(&self) -> Result<DatabaseTransaction> {
        let options = match self.reader.get_database_backend() {
            // A deferred transaction in WAL mode reads one snapshot; the levels do not exist here.
            DbBackend::Sqlite => TransactionOptions::default(),
            _ => TransactionOptions {
                isolation_level: Some(IsolationLevel::RepeatableRead),
                access_mode: Some(AccessMode::ReadOnly),
                ..TransactionOptions::default()
            },
        };
        let reader = self.reader.clone();
        let begin = async move {
            match reader.begin_with_options(options).await {
                Err(error) if is_lost(&error) => Ok(reader.begin_with_options(options).await?),
                result => Ok(result?),
            }
        };
        uncancelled(begin).await
    }

    /// Starts to hear of changes that are committed from now on, in whatever process; nothing where the database cannot
    /// tell. Holds one connection.
    ///
    /// # Errors
    /// When the database cannot be reached, or something between here and there does not pass `LISTEN` on.
    pub async fn listen(&self) -> Result<Option<Listener>> {
        if self.reader.get_database_backend() != DbBackend::Postgres {
            return Ok(None);
        }
        let pool = self.reader.get_postgres_connection_pool();
        Ok(Some(Listener::open(pool).await.map_err(connection_error)?))
    }

    /// Folds the write-ahead log of SQLite into the file, as far as no reader is in the way, and cuts it off when it has
    /// grown large and nobody writes. Does nothing for any other database.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn fold_log(&self) -> Result<()> {
        if !self.is_file() {
            return Ok(());
        }
        let (reader, writer) = (self.reader.get_sqlite_connection_pool(), self.writer.get_sqlite_connection_pool());
        let log = file::checkpoint(reader, file::Checkpoint::Passive).await.map_err(query_error)?;
        if log.pages >= LARGE_LOG
            && log.pages == log.folded
            && let Ok(_turn) = self.writing.try_acquire()
        {
            file::checkpoint(writer, file::Checkpoint::Truncate).await.map_err(query_error)?;
        }
        Ok(())
    }

    /// Whether the database is a file of this machine.
    #[must_use]
    pub fn is_file(&self) -> bool {
        self.reader.get_database_backend() == DbBackend::Sqlite
    }

    fn is_postgres(&self) -> bool {
        self.writer.get_database_backend() == DbBackend::Postgres
    }

    /// Copies the database, as it is at one moment, into an empty file, beside whoever reads and writes it. Only for a
    /// database that is a file.
    ///
    /// # Errors
    /// When either file cannot be read or written.
    pub async fn copy_into(&self, path: &Path) -> Result<()> {
        Ok(file::copy(self.reader.get_sqlite_connection_pool(), path).await.map_err(query_error)?)
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), DbErr> {
        self.reader.ping().await
    }

    /// Closes every connection; on SQLite this also folds the write-ahead log into the file.
    ///
    /// # Errors
    /// When a connection cannot be closed.
    pub async fn close(self) -> Result<()> {
        // One after the other: of two connections that close at the same moment, neither is the last, and the log would stay.
        let read = self.reader.close().await;
        self.writer.close().await?;
        Ok(read?)
    }
}

/// Marks the point to which [`roll_back_to_savepoint`] leads back from now on.
///
/// # Errors
/// When the database cannot be written.
pub async fn savepoint(transaction: &DatabaseTransaction) -> Result<()> {
    transaction.execute_unprepared("SAVEPOINT checkpoint").await?;
    Ok(())
}

/// Takes back what was written since the last [`savepoint`]. Also heals a transaction that PostgreSQL holds to be failed.
///
/// # Errors
/// When the database cannot be written.
pub async fn roll_back_to_savepoint(transaction: &DatabaseTransaction) -> Result<()> {
    transaction.execute_unprepared("ROLLBACK TO SAVEPOINT checkpoint").await?;
    Ok(())
}

/// Gives work up that takes longer than `limit`. A host that falls silent without closing its connections would hold up
/// whoever waits for it for a quarter of an hour, and with it all who wait for their turn to write.
///
/// # Errors
/// Those of the work; or that the database cannot be reached.
pub async fn in_time<T>(limit: Duration, work: impl Future<Output = Result<T>>) -> Result<T> {
    timeout(limit, work).await.unwrap_or_else(|_| Err(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout).into()))
}

/// The clock of the server, where the database is one; nothing where it is a file of this machine.
///
/// # Errors
/// When the database cannot be read.
pub async fn clock(connection: &impl ConnectionTrait) -> Result<Option<DateTime<Utc>>> {
    if connection.get_database_backend() != DbBackend::Postgres {
        return Ok(None);
    }
    let statement = Statement::from_string(DbBackend::Postgres, "SELECT clock_timestamp()");
    let row = connection.query_one_raw(statement).await?;
    Ok(row.map(|row| row.try_get_by_index(0)).transpose()?)
}

/// Tells whoever listens, when the transaction commits, that there is a change.
///
/// # Errors
/// When the database cannot be written.
pub async fn announce(transaction: &DatabaseTransaction) -> Result<()> {
    if transaction.get_database_backend() == DbBackend::Postgres {
        transaction.execute_unprepared(&format!("SELECT pg_notify({}, '')", listener::CHANNEL)).await?;
    }
    Ok(())
}

fn connection_error(error: sqlx::Error) -> DbErr {
    DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error)))
}

fn query_error(error: sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(Arc::new(error)))
}

/// Connects, and tries again while another process is switching the same new file to write-ahead logging: that is the one
/// lock that SQLite does not wait for by itself.
async fn connect_patiently(options: ConnectOptions) -> Result<DatabaseConnection> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match sea_orm::Database::connect(options.clone()).await {
            Err(error) if Failure::of(&error) == Failure::Busy && Instant::now() < deadline => {
                sleep(Duration::from_millis(20)).await;
            }
            result => return Ok(result?),
        }
    }
}

/// Whether a connection broke, which says nothing about the next one.
fn is_lost(error: &DbErr) -> bool {
    Failure::of(error) == Failure::Unreachable && !matches!(error, DbErr::ConnectionAcquire(_))
}

/// Does work to its end, even when nobody waits for it any more. The driver loses track of a transaction whose beginning
/// is abandoned half-way: the connection would go back to the pool inside of it.
async fn uncancelled<T: Send + 'static>(work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    tokio::spawn(work).await.map_err(Error::internal)?
}

/// Whether a connection of SQLite that comes back is outside of any transaction, in its own eyes and in the driver's. One
/// that is not is closed, and what it has not committed is gone: on it every later transaction would be a part of the one
/// that was never ended, acknowledged and never committed. That is so after a COMMIT and a ROLLBACK that failed, as both
/// do on a full disk.
async fn is_outside_of_transactions(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    // What is still to be rolled back is rolled back first. BEGIN fails inside of a transaction.
    let begins = sqlx::raw_sql("BEGIN; ROLLBACK").execute(&mut *connection).await;
    let is_outside = begins.is_ok() && !connection.is_in_transaction();
    if !is_outside {
        tracing::debug!("a connection that was left inside of a transaction is closed");
    }
    Ok(is_outside)
}

/// The file of an SQLite database.
#[must_use]
pub fn file(url: &str) -> Option<&Path> {
    let path = url.strip_prefix("sqlite://")?;
    Some(Path::new(path.split_once('?').map_or(path, |(path, _)| path)))
}

/// Makes the file of `sqlite://path` when it is absent, readable by its owner only: password hashes and signing keys are
/// in it. Does nothing for any other database.
///
/// # Errors
/// When the file cannot be made.
pub fn create_file(url: &str) -> io::Result<()> {
    let Some(path) = file(url) else { return Ok(()) };
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

fn sqlite(url: &str, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .acquire_timeout(PATIENCE)
        .test_before_acquire(false)
        .sqlx_logging(false)
        .map_sqlx_sqlite_pool_opts(|pool| {
            pool.after_release(|connection, _| Box::pin(is_outside_of_transactions(connection)))
        })
        .map_sqlx_sqlite_opts(|options| {
            options
                .foreign_keys(true)
                .busy_timeout(PATIENCE)
                .journal_mode(SqliteJournalMode::Wal)
                // An acknowledged write survives a power cut, not only a crash of the process.
                .synchronous(SqliteSynchronous::Full)
                // What a statement may have to take back would go to a file otherwise.
                .pragma("temp_store", "MEMORY")
                // A log that grew beside a long reader is cut off when it begins anew.
                .pragma("journal_size_limit", (LARGE_LOG * 4_096).to_string())
        });
    options
}
