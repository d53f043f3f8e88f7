//! Accounts, documents, revisions, changes and publications: the editorial core.

use sea_orm_migration::{prelude::*, schema::*, sea_orm::DbBackend};

use crate::append_only;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const DOCUMENT_KINDS: [&str; 8] =
    ["SITE", "PAGE", "PAGE_TEXT", "STAFF_MEMBER", "STAFF_TEXT", "COUNTRY", "CATEGORY", "YEAR_SHEET"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("accounts")
                    .col(uuid("id").primary_key())
                    .col(text("email").unique_key().check(Expr::cust("email = lower(email)")))
                    .col(text("password_hash").check(Expr::cust("password_hash LIKE '$argon2id$%'")))
                    .col(text("role").check(Expr::col("role").is_in(["ADMINISTRATOR", "EDITOR"])))
                    .col(timestamp_with_time_zone_null("disabled_at"))
                    .col(timestamp_with_time_zone("created_at"))
                    .to_owned(),
            )
            .await?;

        let mut documents = Table::create()
            .table("documents")
            .col(uuid("id").primary_key())
            .col(text("kind").check(Expr::col("kind").is_in(DOCUMENT_KINDS)))
            .col(text("key").unique_key())
            .col(big_integer("version").check(Expr::cust("version >= 0")))
            .col(big_integer_null("published_number"))
            .col(timestamp_with_time_zone_null("publish_at"))
            .col(timestamp_with_time_zone_null("archived_at"))
            .col(timestamp_with_time_zone("created_at"))
            .check(Expr::cust("published_number BETWEEN 1 AND version"))
            .to_owned();
        // Documents and revisions refer to each other. SQLite can state it only here, PostgreSQL only afterwards.
        let mut published_revision = ForeignKey::create()
            .name("documents_published_revision")
            .from("documents", ("id", "published_number"))
            .to("revisions", ("document_id", "number"))
            .to_owned();
        let sqlite = manager.get_database_backend() == DbBackend::Sqlite;
        if sqlite {
            documents.foreign_key(&mut published_revision);
        }
        manager.create_table(documents).await?;

        manager
            .create_table(
                Table::create()
                    .table("revisions")
                    .col(uuid("document_id"))
                    .col(big_integer("number").check(Expr::cust("number >= 1")))
                    .col(json("content"))
                    .col(text("action").check(Expr::col("action").is_in(["SAVE", "IMPORT"])))
                    .col(text_null("reason"))
                    .col(text("actor_kind").check(Expr::col("actor_kind").is_in(["ACCOUNT", "COMMAND_LINE"])))
                    .col(uuid_null("editor_id"))
                    .col(timestamp_with_time_zone("created_at"))
                    .primary_key(Index::create().col("document_id").col("number"))
                    .check(Expr::cust("(actor_kind = 'ACCOUNT') = (editor_id IS NOT NULL)"))
                    .foreign_key(ForeignKey::create().from("revisions", "document_id").to("documents", "id"))
                    .foreign_key(ForeignKey::create().from("revisions", "editor_id").to("accounts", "id"))
                    .to_owned(),
            )
            .await?;
        if !sqlite {
            manager.create_foreign_key(published_revision).await?;
        }

        manager
            .create_table(
                Table::create()
                    .table("changes")
                    .col(big_integer("seq").primary_key().check(Expr::cust("seq >= 1")))
                    .col(json("tags"))
                    .col(timestamp_with_time_zone("at"))
                    .to_owned(),
            )
            .await?;

        manager
            .create_table(
                Table::create()
                    .table("publications")
                    .col(uuid("document_id"))
                    .col(big_integer("change_seq"))
                    .col(big_integer_null("number"))
                    .col(text_null("release_kind").check(Expr::col("release_kind").is_in([
                        "RELEASE",
                        "REVISION",
                        "CORRECTION",
                    ])))
                    .col(text_null("reason"))
                    .col(text("actor_kind").check(Expr::col("actor_kind").is_in(["ACCOUNT", "COMMAND_LINE"])))
                    .col(uuid_null("editor_id"))
                    .col(timestamp_with_time_zone("published_at"))
                    .primary_key(Index::create().col("document_id").col("change_seq"))
                    .check(Expr::cust("(actor_kind = 'ACCOUNT') = (editor_id IS NOT NULL)"))
                    .check(Expr::cust("release_kind IS NULL OR release_kind = 'RELEASE' OR reason IS NOT NULL"))
                    .foreign_key(ForeignKey::create().from("publications", "document_id").to("documents", "id"))
                    .foreign_key(ForeignKey::create().from("publications", "change_seq").to("changes", "seq"))
                    .foreign_key(ForeignKey::create().from("publications", "editor_id").to("accounts", "id"))
                    .foreign_key(
                        ForeignKey::create()
                            .name("publications_revision")
                            .from("publications", ("document_id", "number"))
                            .to("revisions", ("document_id", "number")),
                    )
                    .to_owned(),
            )
            .await?;

        append_only::protect(manager, "revisions", &["document_id", "number"]).await?;
        append_only::protect(manager, "changes", &["seq"]).await?;
        append_only::protect(manager, "publications", &["document_id", "change_seq"]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Dropping a table deletes its rows first; documents must let go of their revisions.
        let unpublish = Query::update().table("documents").value("published_number", Expr::null()).to_owned();
        manager.execute(unpublish).await?;
        if manager.get_database_backend() != DbBackend::Sqlite {
            let key = ForeignKey::drop().table("documents").name("documents_published_revision").to_owned();
            manager.drop_foreign_key(key).await?;
        }
        for table in ["publications", "changes", "revisions"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
            append_only::forget(manager, table).await?;
        }
        for table in ["documents", "accounts"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}
