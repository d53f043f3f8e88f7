//! An entry of the audit log names what it was about when that is no document: a preview.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in [text_null("target_kind"), uuid_null("target_id")] {
            manager.alter_table(Table::alter().table("audit_entries").add_column(column).to_owned()).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in ["target_id", "target_kind"] {
            manager.alter_table(Table::alter().table("audit_entries").drop_column(column).to_owned()).await?;
        }
        Ok(())
    }
}
