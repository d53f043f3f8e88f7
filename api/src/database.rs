//! The database, and every difference between SQLite and PostgreSQL outside `migration`.
//!
//! Writes are serialised on both: SQLite has one writer by nature, PostgreSQL takes one advisory lock per writing
//! transaction. So the change feed and the audit chain have no gaps and commit in the order of their numbers, and
//! reading a version before writing the next needs no retry.

use std::{fs::OpenOptions, io, ops::Deref, sync::Arc, time::Duration};

use migration::{Migrator, MigratorTrait};
use sea_orm::{
    AccessMode, ConnAcquireErr, ConnectOptions, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend,
    DbErr, IsolationLevel, RuntimeErr, SqliteTransactionMode, TransactionOptions, TransactionTrait,
    sqlx::{
        self,
        sqlite::{SqliteJournalMode, SqliteSynchronous},
    },
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep, timeout},
};

use crate::error::{Error, Result};

/// How long a statement waits for a connection or a lock.
const PATIENCE: Duration = Duration::from_secs(5);
const SQLITE_READERS: u32 = 4;
const POSTGRES_CONNECTIONS: u32 = 16;

/// A pool to write with and a pool to read with; on PostgreSQL they are the same.
#[derive(Clone, Debug)]
pub struct Database {
    writer: DatabaseConnection,
    reader: DatabaseConnection,
    // One writer of this process at a time gets in line for the lock of all processes: those that wait here hold no
    // connection, so whoever is writing can still read.
    writing: Arc<Semaphore>,
}

/// The one transaction that may write. Rolled back when dropped.
pub struct WriteTransaction {
    inner: DatabaseTransaction,
    _turn: OwnedSemaphorePermit,
}

impl WriteTransaction {
    /// Makes it durable.
    ///
    /// # Errors
    /// When the database cannot be written; then nothing is.
    pub async fn commit(self) -> Result<()> {
        Ok(self.inner.commit().await?)
    }
}

impl Deref for WriteTransaction {
    type Target = DatabaseTransaction;

    fn deref(&self) -> &DatabaseTransaction {
        &self.inner
    }
}

impl Database {
    /// Opens `sqlite://path` or `postgres://...`, the latter with `password` if there is one.
    ///
    /// # Errors
    /// When the URL names neither, or the database is not there or cannot be reached.
    pub async fn open(url: &str, password: Option<String>) -> Result<Self> {
        if url.starts_with("sqlite:") {
            // One writing connection is a fair queue; SQLite's own lock is a lottery (and never upgrades a read).
            let writer = connect_patiently(sqlite(url, 1)).await?;
            let reader = connect_patiently(sqlite(url, SQLITE_READERS)).await?;
            Ok(Self { writer, reader, writing: Arc::new(Semaphore::new(1)) })
        } else {
            let mut options = ConnectOptions::new(url);
            options.max_connections(POSTGRES_CONNECTIONS).acquire_timeout(PATIENCE).sqlx_logging(false);
            if let Some(password) = password {
                options.map_sqlx_postgres_opts(move |options| options.password(&password));
            }
            let pool = sea_orm::Database::connect(options).await?;
            Ok(Self { writer: pool.clone(), reader: pool, writing: Arc::new(Semaphore::new(1)) })
        }
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
        Ok(self.reader.begin_with_options(options).await?)
    }

    /// The transaction that may write: one at a time, in all processes. Rolled back when dropped.
    ///
    /// # Errors
    /// When the database cannot be reached, or other writers take too long.
    pub async fn begin_write(&self) -> Result<WriteTransaction> {
        let turn = timeout(PATIENCE, Arc::clone(&self.writing).acquire_owned()).await;
        let turn = turn.map_err(|_| DbErr::ConnectionAcquire(ConnAcquireErr::Timeout))?.map_err(Error::internal)?;
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let transaction = self.writer.begin_with_options(options).await?;
        if self.writer.get_database_backend() == DbBackend::Postgres {
            let lock = "SELECT pg_advisory_xact_lock(hashtextextended('almanac.' || current_schema(), 0))";
            transaction.execute_unprepared(lock).await?;
        }
        Ok(WriteTransaction { inner: transaction, _turn: turn })
    }

    /// Carries out the migrations that are still to come, all or none.
    ///
    /// # Errors
    /// When one fails, or when the database was migrated by a newer Almanac.
    pub async fn migrate(&self) -> Result<()> {
        let transaction = self.begin_write().await?;
        Migrator::up(&*transaction, None).await?;
        transaction.commit().await
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
        self.reader.close().await?;
        Ok(self.writer.close().await?)
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

/// Connects, and tries again while another process is switching the same new file to write-ahead logging: that is the one
/// lock that SQLite does not wait for by itself.
async fn connect_patiently(options: ConnectOptions) -> Result<DatabaseConnection> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match sea_orm::Database::connect(options.clone()).await {
            Err(error) if is_outage(&error) && Instant::now() < deadline => sleep(Duration::from_millis(20)).await,
            result => return Ok(result?),
        }
    }
}

/// Whether the database is out of reach or overloaded, as opposed to a statement being wrong: then trying again helps.
#[must_use]
pub fn is_outage(error: &DbErr) -> bool {
    let (DbErr::Conn(cause) | DbErr::Exec(cause) | DbErr::Query(cause)) = error else {
        return matches!(error, DbErr::ConnectionAcquire(_));
    };
    let RuntimeErr::SqlxError(error) = cause else { return matches!(error, DbErr::Conn(_)) };
    match error.as_ref() {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        // PostgreSQL: class 08 (connection), 53 (resources), 57P (shutting down). SQLite: 5 (busy) and its variants.
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            ["08", "53", "57P"].iter().any(|class| code.len() == 5 && code.starts_with(class))
                || code.parse::<u32>().is_ok_and(|code| code & 0xff == 5)
        }),
        _ => false,
    }
}

/// Makes the file of `sqlite://path` when it is absent, readable by its owner only: password hashes and signing keys are
/// in it. Does nothing for any other database.
///
/// # Errors
/// When the file cannot be made.
pub fn create_file(url: &str) -> io::Result<()> {
    let Some(path) = url.strip_prefix("sqlite://") else { return Ok(()) };
    let path = path.split_once('?').map_or(path, |(path, _)| path);
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
        .map_sqlx_sqlite_opts(|options| {
            options
                .foreign_keys(true)
                .busy_timeout(PATIENCE)
                .journal_mode(SqliteJournalMode::Wal)
                // An acknowledged write survives a power cut, not only a crash of the process.
                .synchronous(SqliteSynchronous::Full)
        });
    options
}
