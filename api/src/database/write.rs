//! Writing: one transaction at a time in all processes, and whether writing works.
//!
//! SQLite has one writer by nature. On PostgreSQL a writer locks the row of `write_lock`, which takes the privilege to
//! change that table: a role that may only connect, or only read, cannot hold writers up.

use std::{
    ops::Deref,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use entities::write_lock;
use migration::{Migrator, MigratorTrait};
use sea_orm::{
    ActiveValue::Set, ConnAcquireErr, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait, QueryFilter,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, timeout, timeout_at},
};

use super::{Database, Failure, PATIENCE, is_lost, uncancelled};
use crate::error::{Error, Result};

/// How long a commit may take. What became of one that takes longer is not known.
const COMMIT_PATIENCE: Duration = Duration::from_secs(20);
/// How much is written to find out whether there is room again: as much as a large mutation writes.
const PROBE_BYTES: usize = 256 * 1024;
/// Two processes that make the first table of an empty database at once.
const INSTALL_ATTEMPTS: usize = 5;

/// The one transaction that may write. Rolled back when dropped.
pub struct WriteTransaction {
    inner: DatabaseTransaction,
    health: Arc<WriteHealth>,
    _turn: OwnedSemaphorePermit,
}

impl WriteTransaction {
    /// Makes it durable.
    ///
    /// # Errors
    /// When the database does not confirm it. Whether it was carried out all the same can be asked on another connection
    /// only (`transaction.rs`).
    pub async fn commit(self) -> Result<()> {
        let too_late = |_| Err(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout));
        let done = timeout(COMMIT_PATIENCE, self.inner.commit()).await.unwrap_or_else(too_late);
        done.map_err(|error| {
            let error = Error::from(error);
            self.health.note(&error);
            error
        })
    }

    /// Commits a write that nothing reads, on SQLite: its pages take the place of those that a failed commit left in the log.
    ///
    /// # Errors
    /// When it is not durable.
    pub async fn overwrite(self) -> Result<()> {
        // Each time another value: SQLite writes no page for one that is there already.
        self.execute_unprepared("UPDATE write_lock SET probe = randomblob(16)").await?;
        self.commit().await
    }
}

impl Deref for WriteTransaction {
    type Target = DatabaseTransaction;

    fn deref(&self) -> &DatabaseTransaction {
        &self.inner
    }
}

/// What a transaction is for.
#[derive(Clone, Copy, Debug)]
enum Purpose {
    /// Anything but the schema.
    Content,
    /// The schema, of a database that may have no table yet.
    Migration,
}

/// Whether the last attempts to write failed for a reason that holds for all of them.
#[derive(Debug, Default)]
pub(super) struct WriteHealth(Mutex<Option<Failure>>);

impl WriteHealth {
    fn note(&self, error: &Error) {
        if let Some(failure) = error.failure().filter(|failure| failure.stops_writing()) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
        }
    }

    fn get(&self) -> Option<Failure> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Database {
    /// The transaction that may write: one at a time, in all processes. Rolled back when dropped.
    ///
    /// # Errors
    /// When the database cannot be reached, or other writers take too long: within five seconds on PostgreSQL, twice
    /// that on SQLite.
    pub async fn begin_write(&self) -> Result<WriteTransaction> {
        self.begin(Purpose::Content).await
    }

    /// A turn to write in which no change is on its way: each number that is missing now stays missing. Nothing when a
    /// writer that did not wait for its turn is about to append a change.
    ///
    /// # Errors
    /// When the database cannot be reached, or other writers take too long.
    pub async fn begin_exclusive(&self) -> Result<Option<WriteTransaction>> {
        let transaction = self.begin_write().await?;
        if self.is_postgres() {
            // Each open insertion stands in the way of this lock. Waiting for it would hold up all who insert.
            match transaction.execute_unprepared("LOCK TABLE changes IN SHARE MODE NOWAIT").await {
                Err(error) if Failure::of(&error) == Failure::Busy => return Ok(None),
                result => result?,
            };
        }
        Ok(Some(transaction))
    }

    /// Carries out the migrations that are still to come, all or none.
    ///
    /// # Errors
    /// When one fails, or when the database was migrated by a newer Almanac.
    pub async fn migrate(&self) -> Result<()> {
        if self.is_postgres() {
            self.install_migrator().await?;
        }
        let transaction = self.begin(Purpose::Migration).await?;
        Migrator::up(&*transaction, None).await?;
        transaction.commit().await
    }

    /// What is known to keep writers from writing, if anything is.
    #[must_use]
    pub fn write_failure(&self) -> Option<Failure> {
        self.health.get()
    }

    /// Takes note of an error that a writer met, if it is one that all writers will meet.
    pub fn note_failure(&self, error: &Error) {
        self.health.note(error);
    }

    /// Finds out whether writing works again, if it did not.
    ///
    /// # Errors
    /// When it still does not.
    pub async fn probe_writes(&self) -> Result<()> {
        if self.write_failure().is_none() {
            return Ok(());
        }
        for probe in [Some(vec![0; PROBE_BYTES]), None] {
            let transaction = self.begin_write().await?;
            if self.is_postgres() && !may_insert_everywhere(&*transaction).await? {
                return Err(Error::internal("the role may not insert into every table"));
            }
            write_probe(&transaction, probe).await?;
            transaction.commit().await?;
        }
        self.health.clear();
        Ok(())
    }

    /// Waits for the turn in this process, then begins.
    async fn begin(&self, purpose: Purpose) -> Result<WriteTransaction> {
        let deadline = Instant::now() + PATIENCE;
        let busy = |_| Error::Busy(Arc::new(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout)));
        let turn = timeout_at(deadline, Arc::clone(&self.writing).acquire_owned()).await.map_err(busy)?;
        let turn = turn.map_err(Error::internal)?;
        let (database, health) = (self.clone(), Arc::clone(&self.health));
        let begun = uncancelled(async move {
            let inner = database.begin_locked(purpose).await?;
            Ok(WriteTransaction { inner, health, _turn: turn })
        });
        let begun = if self.is_postgres() { timeout_at(deadline, begun).await.map_err(busy)? } else { begun.await };
        if let Err(error) = &begun {
            self.health.note(error);
        }
        begun
    }

    async fn begin_locked(&self, purpose: Purpose) -> Result<DatabaseTransaction> {
        if !self.is_postgres() {
            let options = TransactionOptions {
                sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
                ..TransactionOptions::default()
            };
            // Fails inside of a transaction: what has begun here is the outermost.
            return Ok(self.writer.begin_with_options(options).await?);
        }
        match self.lock(purpose).await {
            // It was lost between its test and its use; nothing is written yet, so another one is as good.
            Err(Error::Unavailable(error)) if is_lost(&error) => self.lock(purpose).await,
            result => result,
        }
    }

    async fn lock(&self, purpose: Purpose) -> Result<DatabaseTransaction> {
        // PostgreSQL itself would wait for ever.
        let patience = format!("SET LOCAL lock_timeout = {}", PATIENCE.as_millis());
        let transaction = self.writer.begin().await?;
        match purpose {
            Purpose::Content => {
                let locked = transaction.execute_unprepared(&format!("{patience}; {LOCK_ROW}")).await?;
                if locked.rows_affected() != 1 {
                    return Err(Error::internal("the row of write_lock is missing, and nothing else can be locked"));
                }
            }
            Purpose::Migration => {
                let lock = format!("{patience}; LOCK TABLE seaql_migrations IN EXCLUSIVE MODE");
                transaction.execute_unprepared(&lock).await?;
                if exists(&transaction, "write_lock").await? {
                    transaction.execute_unprepared(LOCK_ROW).await?;
                }
                // A step may have to wait until a long reader is done with a table.
                transaction.execute_unprepared("SET LOCAL lock_timeout TO DEFAULT").await?;
            }
        }
        Ok(transaction)
    }

    /// Makes the migrator's table, which the first migration locks.
    async fn install_migrator(&self) -> Result<()> {
        let mut attempts = 1..INSTALL_ATTEMPTS;
        while !exists(&self.writer, "seaql_migrations").await? {
            match Migrator::install(&self.writer).await {
                // Another process makes it at this moment, which `IF NOT EXISTS` does not see.
                Err(error) if attempts.next().is_none() => return Err(error.into()),
                Err(_) | Ok(()) => {}
            }
        }
        Ok(())
    }
}

const LOCK_ROW: &str = "SELECT id FROM write_lock WHERE id = 1 FOR UPDATE";

async fn write_probe(transaction: &DatabaseTransaction, probe: Option<Vec<u8>>) -> Result<()> {
    write_lock::Entity::update_many()
        .set(write_lock::ActiveModel { probe: Set(probe), ..Default::default() })
        .filter(write_lock::COLUMN.id.eq(write_lock::ID))
        .exec(transaction)
        .await?;
    Ok(())
}

/// Whether PostgreSQL has this table, where it looks for tables.
async fn exists(connection: &impl ConnectionTrait, table: &str) -> Result<bool> {
    ask(connection, &format!("SELECT to_regclass('{table}') IS NOT NULL")).await
}

async fn may_insert_everywhere(connection: &impl ConnectionTrait) -> Result<bool> {
    let sql = "SELECT bool_and(has_table_privilege(oid, 'INSERT')) FROM pg_class \
               WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND relname <> 'seaql_migrations'";
    ask(connection, sql).await
}

async fn ask(connection: &impl ConnectionTrait, sql: &str) -> Result<bool> {
    let statement = Statement::from_string(DbBackend::Postgres, sql);
    let row =
        connection.query_one_raw(statement).await?.ok_or_else(|| Error::internal("a question without an answer"))?;
    Ok(row.try_get_by_index(0)?)
}
