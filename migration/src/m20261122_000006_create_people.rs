//! More kinds of accounts, foreign identities, links to set a password with, and tokens for programs.

use sea_orm_migration::{prelude::*, schema::*};

use crate::constraint::{CheckChange, allow_null, refuse_null};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const ROLE: CheckChange = CheckChange {
    table: "accounts",
    name: "accounts_role_check",
    before: "\"role\" IN ('ADMINISTRATOR', 'EDITOR')",
    after: "\"role\" IN ('ADMINISTRATOR', 'EDITOR', 'TRANSLATOR', 'STATISTICIAN', 'READER')",
};

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        ROLE.apply(manager).await?;
        allow_null(manager, "accounts", "password_hash").await?;
        let mut locales = json("locales");
        locales.default("[]");
        let mut subject = text_null("subject");
        subject.check(("accounts_identity_check", Expr::cust("(issuer IS NULL) = (subject IS NULL)")));
        for column in [locales, text_null("issuer"), subject, timestamp_with_time_zone_null("last_seen_at")] {
            manager.alter_table(Table::alter().table("accounts").add_column(column).to_owned()).await?;
        }
        manager
            .create_index(
                Index::create()
                    .unique()
                    .name("accounts_issuer_subject")
                    .table("accounts")
                    .col("issuer")
                    .col("subject")
                    .to_owned(),
            )
            .await?;

        manager
            .create_table(
                Table::create()
                    .table("account_links")
                    .col(text("hash").primary_key().check(Expr::cust("length(hash) = 64")))
                    .col(uuid("account_id"))
                    .col(uuid_null("created_by"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone("expires_at"))
                    .col(timestamp_with_time_zone_null("used_at"))
                    .foreign_key(ForeignKey::create().from("account_links", "account_id").to("accounts", "id"))
                    .foreign_key(ForeignKey::create().from("account_links", "created_by").to("accounts", "id"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create().name("account_links_account").table("account_links").col("account_id").to_owned(),
            )
            .await?;

        manager
            .create_table(
                Table::create()
                    .table("api_tokens")
                    .col(uuid("id").primary_key())
                    .col(uuid("account_id"))
                    .col(text("name").check(Expr::cust("trim(name) <> ''")))
                    .col(text("hash").unique_key().check(Expr::cust("length(hash) = 64")))
                    .col(json("capabilities"))
                    .col(json_null("locales"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone("expires_at"))
                    .col(timestamp_with_time_zone_null("last_used_at"))
                    .col(timestamp_with_time_zone_null("revoked_at"))
                    .foreign_key(ForeignKey::create().from("api_tokens", "account_id").to("accounts", "id"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(Index::create().name("api_tokens_account").table("api_tokens").col("account_id").to_owned())
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["api_tokens", "account_links"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        manager.drop_index(Index::drop().name("accounts_issuer_subject").table("accounts").to_owned()).await?;
        for column in ["last_seen_at", "subject", "issuer", "locales"] {
            manager.alter_table(Table::alter().table("accounts").drop_column(column).to_owned()).await?;
        }
        refuse_null(manager, "accounts", "password_hash").await?;
        ROLE.take_back(manager).await
    }
}
