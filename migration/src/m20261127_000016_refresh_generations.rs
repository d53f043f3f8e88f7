//! A refresh token belongs to a generation of its session: two tabs that refresh at the same moment get two tokens, which
//! are one generation, and count as used together.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// Tokens from before this step are generations of their own, in the order in which they were handed out.
const FILL: &str = "
    UPDATE refresh_tokens SET exchanges = 1 WHERE used_at IS NOT NULL;
    UPDATE refresh_tokens SET generation = (
        SELECT count(*) FROM refresh_tokens AS earlier
        WHERE earlier.session_id = refresh_tokens.session_id
        AND (earlier.created_at < refresh_tokens.created_at
            OR (earlier.created_at = refresh_tokens.created_at AND earlier.hash < refresh_tokens.hash))
    );
";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, check) in [("generation", "generation >= 0"), ("exchanges", "exchanges BETWEEN 0 AND 2")] {
            let mut column = integer(name);
            column.default(0).check(Expr::cust(check));
            manager.alter_table(Table::alter().table("refresh_tokens").add_column(column).to_owned()).await?;
        }
        manager.get_connection().execute_unprepared(FILL).await?;
        let index = Index::create()
            .name("refresh_tokens_generation")
            .table("refresh_tokens")
            .col("session_id")
            .col("generation")
            .to_owned();
        manager.create_index(index).await?;
        manager.drop_index(Index::drop().name("refresh_tokens_session").table("refresh_tokens").to_owned()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let index = Index::create().name("refresh_tokens_session").table("refresh_tokens").col("session_id").to_owned();
        manager.create_index(index).await?;
        manager.drop_index(Index::drop().name("refresh_tokens_generation").table("refresh_tokens").to_owned()).await?;
        for column in ["exchanges", "generation"] {
            manager.alter_table(Table::alter().table("refresh_tokens").drop_column(column).to_owned()).await?;
        }
        Ok(())
    }
}
