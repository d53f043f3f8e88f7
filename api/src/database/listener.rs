//! Hears when a change is committed, so that a process need not keep asking. What is heard is only that there is
//! something: `delivery/feed.rs` reads what it is, and asks from time to time even when nothing is heard.

use std::sync::Arc;

use sea_orm::{
    DbErr, RuntimeErr,
    sqlx::{self, AssertSqlSafe, PgPool, Row, postgres::PgListener},
};

use crate::error::Result;

/// SQL for the name of the channel: one for each schema, as there is one change feed for each. A hash, because a channel
/// has a shorter name than a schema may have.
pub(super) const CHANNEL: &str = "'almanac_' || md5(current_schema())";

/// One connection that listens.
pub struct Listener(PgListener);

impl Listener {
    /// Starts to listen.
    pub(super) async fn open(pool: &PgPool) -> Result<Self, sqlx::Error> {
        let row = sqlx::raw_sql(AssertSqlSafe(format!("SELECT {CHANNEL}"))).fetch_one(pool).await?;
        let channel: String = row.try_get(0)?;
        let mut listener = PgListener::connect_with(pool).await?;
        // What is missed between two connections is the feed's to look for, so the feed must know of it.
        listener.eager_reconnect(false);
        listener.listen(&channel).await?;
        Ok(Self(listener))
    }

    /// Waits until something was announced. May be dropped while it waits.
    ///
    /// # Errors
    /// When the connection is lost: announcements may have been missed, and no more will come.
    pub async fn heard(&mut self) -> Result<()> {
        let received = self.0.try_recv().await;
        let lost = || sqlx::Error::Io(std::io::ErrorKind::UnexpectedEof.into());
        match received.and_then(|notification| notification.ok_or_else(lost)) {
            // Many announcements are one reason to look.
            Ok(_) => while self.0.next_buffered().is_some() {},
            Err(error) => return Err(DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error))).into()),
        }
        Ok(())
    }
}
