//! Whether a scheduled withdrawal breaks the links of published pages. Schedules that are already set did so.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = boolean("break_links").default(true).to_owned();
        manager.alter_table(Table::alter().table("schedules").add_column(column).to_owned()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("schedules").drop_column("break_links").to_owned()).await
    }
}
