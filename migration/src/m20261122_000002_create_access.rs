//! Sessions, refresh tokens, keys and the audit log.

use sea_orm_migration::{prelude::*, schema::*};

use crate::append_only;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("sessions")
                    .col(uuid("id").primary_key())
                    .col(uuid("account_id"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone("expires_at"))
                    .col(timestamp_with_time_zone_null("ended_at"))
                    .foreign_key(ForeignKey::create().from("sessions", "account_id").to("accounts", "id"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(Index::create().name("sessions_account").table("sessions").col("account_id").to_owned())
            .await?;

        manager
            .create_table(
                Table::create()
                    .table("refresh_tokens")
                    .col(text("hash").primary_key().check(Expr::cust("length(hash) = 64")))
                    .col(uuid("session_id"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone_null("used_at"))
                    .foreign_key(ForeignKey::create().from("refresh_tokens", "session_id").to("sessions", "id"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create().name("refresh_tokens_session").table("refresh_tokens").col("session_id").to_owned(),
            )
            .await?;

        manager
            .create_table(
                Table::create()
                    .table("keys")
                    .col(text("id").primary_key())
                    .col(text("purpose").check(Expr::col("purpose").is_in(["ACCESS_TOKEN", "CURSOR"])))
                    .col(blob("secret").check(Expr::cust("length(secret) >= 32")))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone_null("retired_at"))
                    .to_owned(),
            )
            .await?;

        manager
            .create_table(
                Table::create()
                    .table("audit_entries")
                    .col(big_integer("seq").primary_key().check(Expr::cust("seq >= 1")))
                    .col(timestamp_with_time_zone("at"))
                    .col(text("actor_kind").check(Expr::col("actor_kind").is_in([
                        "ANONYMOUS",
                        "ACCOUNT",
                        "COMMAND_LINE",
                    ])))
                    .col(uuid_null("actor_id"))
                    .col(text("action"))
                    .col(text("outcome").check(Expr::col("outcome").is_in(["DONE", "REFUSED"])))
                    .col(text_null("code"))
                    .col(uuid_null("document_id"))
                    .col(big_integer_null("version"))
                    .col(text_null("request_id"))
                    .col(
                        text("previous_hash")
                            .check(Expr::cust("length(previous_hash) = CASE WHEN seq = 1 THEN 0 ELSE 64 END")),
                    )
                    .col(text("hash").check(Expr::cust("length(hash) = 64")))
                    .check(Expr::cust("(actor_kind = 'ACCOUNT') = (actor_id IS NOT NULL)"))
                    .check(Expr::cust("(outcome = 'REFUSED') = (code IS NOT NULL)"))
                    .to_owned(),
            )
            .await?;
        append_only::protect(manager, "audit_entries", &["seq"]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["audit_entries", "keys", "refresh_tokens", "sessions"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        append_only::forget(manager, "audit_entries").await
    }
}
