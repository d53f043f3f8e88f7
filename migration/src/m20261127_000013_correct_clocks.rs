//! Where the moments of changes go back, a clock was ahead before: what was published until then was published no later.

use sea_orm_migration::{prelude::*, schema::*};

use crate::append_only;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const FILL: &str = "
    INSERT INTO clock_corrections (seq, at)
        SELECT seq, at FROM (SELECT seq, at, lag(at) OVER (ORDER BY seq) AS before FROM changes) followed
        WHERE at < before
";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("clock_corrections")
            .col(big_integer("seq").primary_key())
            .col(timestamp_with_time_zone("at"))
            .to_owned();
        manager.create_table(table).await?;
        manager.get_connection().execute_unprepared(FILL).await?;
        append_only::protect(manager, "clock_corrections", &["seq"]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("clock_corrections").to_owned()).await?;
        append_only::forget(manager, "clock_corrections").await
    }
}
