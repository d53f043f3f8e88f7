//! What callers have drawn of their quotas, for processes that share a database.

use sea_orm_migration::{prelude::*, schema::*, sea_orm::DbBackend};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("rate_limits")
                    .col(text("subject").check(Expr::cust("length(subject) = 64")))
                    .col(big_integer("window_start"))
                    .col(big_integer("used").check(Expr::cust("used >= 0")))
                    .primary_key(Index::create().col("subject").col("window_start"))
                    .to_owned(),
            )
            .await?;
        if manager.get_database_backend() == DbBackend::Postgres {
            // Counts of the last minute are worth neither a write-ahead log nor a place on standbys.
            manager.get_connection().execute_unprepared("ALTER TABLE rate_limits SET UNLOGGED").await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("rate_limits").to_owned()).await
    }
}
