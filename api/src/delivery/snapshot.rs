//! Everything that the public may read, in memory, as of one change. A public resolver reads this and nothing else.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use sea_orm::DatabaseTransaction;

use crate::{change, content, database::Database, error::Result, figures};

/// One state of the published content. Never changed; replaced as a whole.
#[derive(Debug)]
pub struct Snapshot {
    /// The newest change that it contains.
    pub seq: i64,
    /// The site, pages and staff.
    pub content: content::Published,
    /// Countries, categories and figures.
    pub figures: Arc<figures::Published>,
}

impl Snapshot {
    /// Reads the live tables, all as of the same moment.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn load(database: &Database, now: DateTime<Utc>) -> Result<Self> {
        let transaction = database.begin_read().await?;
        let snapshot = Self::read(&transaction, now).await?;
        transaction.commit().await?;
        Ok(snapshot)
    }

    /// Reads the live tables as this transaction sees them, at `now`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn read(transaction: &DatabaseTransaction, now: DateTime<Utc>) -> Result<Self> {
        let seq = change::latest(transaction).await?;
        let content = content::Published::load(transaction).await?;
        let figures = Arc::new(figures::Published::load(transaction, now).await?);
        Ok(Self { seq, content, figures })
    }
}
