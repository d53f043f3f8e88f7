//! With which credential something was made that acts later: a token by a token, a schedule, a preview, a link. And what
//! an identity provider has said of an account last.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// What acts later, on the authority of whoever made it.
const DELEGATED: [&str; 3] = ["schedules", "previews", "account_links"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        add_column(manager, "api_tokens", token("parent_id")).await?;
        let parents = Index::create().name("api_tokens_parent").table("api_tokens").col("parent_id").to_owned();
        manager.create_index(parents).await?;
        for table in DELEGATED {
            add_column(manager, table, token("api_token_id")).await?;
            add_column(manager, table, json_null("scopes")).await?;
        }
        add_column(manager, "accounts", timestamp_with_time_zone_null("vouched_at")).await?;
        add_column(manager, "accounts", timestamp_with_time_zone_null("unvouched_at")).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_column(manager, "accounts", "unvouched_at").await?;
        drop_column(manager, "accounts", "vouched_at").await?;
        for table in DELEGATED {
            drop_column(manager, table, "scopes").await?;
            drop_column(manager, table, "api_token_id").await?;
        }
        manager.drop_index(Index::drop().name("api_tokens_parent").table("api_tokens").to_owned()).await?;
        drop_column(manager, "api_tokens", "parent_id").await
    }
}

/// A column that names an API token. A key of one column is the one thing about keys that both databases can add to a
/// table with a column.
fn token(name: &'static str) -> ColumnDef {
    let mut column = uuid_null(name);
    column.extra("REFERENCES api_tokens (id)");
    column
}

async fn add_column(manager: &SchemaManager<'_>, table: &'static str, column: ColumnDef) -> Result<(), DbErr> {
    manager.alter_table(Table::alter().table(table).add_column(column).to_owned()).await
}

async fn drop_column(manager: &SchemaManager<'_>, table: &'static str, column: &'static str) -> Result<(), DbErr> {
    manager.alter_table(Table::alter().table(table).drop_column(column).to_owned()).await
}
