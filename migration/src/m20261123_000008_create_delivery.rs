//! The documents that front ends run by name.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("trusted_documents")
                    .col(text("id").primary_key().check(Expr::cust("length(id) BETWEEN 1 AND 128")))
                    .col(text("body"))
                    .col(timestamp_with_time_zone("added_at"))
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("trusted_documents").to_owned()).await
    }
}
