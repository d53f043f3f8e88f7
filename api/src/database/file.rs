//! The file of SQLite: its write-ahead log, and copies of it.

use std::path::Path;

use sea_orm::sqlx::{self, Row, SqlitePool};

/// How a write-ahead log is folded into the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Checkpoint {
    /// As far as it goes without waiting for anybody.
    Passive,
    /// All of it, and the log is cut off. Waits for readers of older states, and writers wait for it.
    Truncate,
}

/// What a checkpoint found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Log {
    /// How many pages the log has.
    pub pages: i64,
    /// How many of them are in the file now.
    pub folded: i64,
}

/// Folds the log into the file.
pub(super) async fn checkpoint(pool: &SqlitePool, how: Checkpoint) -> Result<Log, sqlx::Error> {
    let pragma = match how {
        Checkpoint::Passive => "PRAGMA wal_checkpoint(PASSIVE)",
        Checkpoint::Truncate => "PRAGMA wal_checkpoint(TRUNCATE)",
    };
    let row = sqlx::query(pragma).fetch_one(pool).await?;
    Ok(Log { pages: row.try_get(1)?, folded: row.try_get(2)? })
}

/// Copies the database into an empty file, as it is when this begins. Others read and write on meanwhile.
pub(super) async fn copy(pool: &SqlitePool, path: &Path) -> Result<(), sqlx::Error> {
    let path = path.to_str().ok_or_else(|| sqlx::Error::Configuration("the path is not UTF-8".into()))?;
    sqlx::query("VACUUM INTO ?").bind(path).execute(pool).await?;
    Ok(())
}
