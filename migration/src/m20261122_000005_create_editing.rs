//! What editors need beyond saving and publishing: states, schedules, leases, previews, former slugs.

use sea_orm_migration::{prelude::*, schema::*, sea_orm::DbBackend};

use crate::constraint::CheckChange;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const CHECKS: [CheckChange; 5] = [
    CheckChange {
        table: "revisions",
        name: "revisions_action_check",
        before: "\"action\" IN ('SAVE', 'IMPORT')",
        after: "\"action\" IN ('SAVE', 'IMPORT', 'RESTORE')",
    },
    CheckChange {
        table: "publications",
        name: "publications_actor_kind_check",
        before: "\"actor_kind\" IN ('ACCOUNT', 'COMMAND_LINE')",
        after: "\"actor_kind\" IN ('ACCOUNT', 'COMMAND_LINE', 'SCHEDULE')",
    },
    CheckChange {
        table: "publications",
        name: "publications_check",
        before: "(actor_kind = 'ACCOUNT') = (editor_id IS NOT NULL)",
        after: "(actor_kind = 'COMMAND_LINE') = (editor_id IS NULL)",
    },
    CheckChange {
        table: "audit_entries",
        name: "audit_entries_actor_kind_check",
        before: "\"actor_kind\" IN ('ANONYMOUS', 'ACCOUNT', 'COMMAND_LINE')",
        after: "\"actor_kind\" IN ('ANONYMOUS', 'ACCOUNT', 'COMMAND_LINE', 'SCHEDULE')",
    },
    CheckChange {
        table: "audit_entries",
        name: "audit_entries_check1",
        before: "(actor_kind = 'ACCOUNT') = (actor_id IS NOT NULL)",
        after: "(actor_kind IN ('ACCOUNT', 'SCHEDULE')) = (actor_id IS NOT NULL)",
    },
];

/// What the earlier columns and tables say about the new ones. What an earlier Almanac saved, it also published, so
/// that the live tables know all of it.
const FILL: &str = "
    UPDATE documents SET owner_id = (SELECT page_id FROM page_texts WHERE document_id = documents.id)
        WHERE kind = 'PAGE_TEXT';
    UPDATE documents SET owner_id = (SELECT staff_id FROM staff_texts WHERE document_id = documents.id)
        WHERE kind = 'STAFF_TEXT';
    UPDATE documents SET first_published_at = (
        SELECT published_at FROM publications
        WHERE document_id = documents.id AND number IS NOT NULL ORDER BY change_seq LIMIT 1
    );
    INSERT INTO document_locales (document_id, locale)
        SELECT document_id, locale FROM page_texts
        UNION SELECT document_id, locale FROM staff_texts
        UNION SELECT document_id, locale FROM countries JOIN country_names ON country = code
        UNION SELECT document_id, locale FROM categories JOIN category_names ON category = code;
";

/// An archived document is the first thing to see; one with a schedule says so whatever else it is.
const STATE: &str = "CASE WHEN archived_at IS NOT NULL THEN 'ARCHIVED' \
     WHEN due_at IS NOT NULL THEN 'SCHEDULED' \
     WHEN first_published_at IS NULL THEN 'NEVER_PUBLISHED' \
     WHEN published_number IS NULL THEN 'UNPUBLISHED' \
     WHEN published_number = version THEN 'PUBLISHED' \
     ELSE 'MODIFIED' END";

const ARCHIVED_CHECK: &str = "documents_archived_check";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for check in CHECKS {
            check.apply(manager).await?;
        }
        add_column(manager, "audit_entries", text_null("network")).await?;
        add_column(manager, "audit_entries", uuid_null("api_token_id")).await?;
        add_column(manager, "staff", text_null("email")).await?;
        add_column(manager, "staff", text_null("telephone")).await?;
        let mut required_locales = json("required_locales");
        required_locales.default("[]");
        add_column(manager, "site", required_locales).await?;

        let renamed = Table::alter().table("documents").rename_column("publish_at", "due_at").to_owned();
        manager.alter_table(renamed).await?;
        let mut owner = uuid_null("owner_id");
        // A key of one column is the one thing about keys that both databases can add to a table with a column.
        owner.extra("REFERENCES documents (id)");
        add_column(manager, "documents", owner).await?;
        let mut first_published = timestamp_with_time_zone_null("first_published_at");
        // SQLite takes a new check only from a new column.
        first_published.check((ARCHIVED_CHECK, Expr::cust("archived_at IS NULL OR published_number IS NULL")));
        add_column(manager, "documents", first_published).await?;
        // SQLite computes an added column when it is read, PostgreSQL (before 18) when the row is written.
        let mut state = text("state");
        state.generated(Expr::cust(STATE), !is_sqlite(manager));
        add_column(manager, "documents", state).await?;
        manager
            .create_index(Index::create().name("documents_owner").table("documents").col("owner_id").to_owned())
            .await?;

        manager
            .create_table(
                Table::create()
                    .table("document_locales")
                    .col(uuid("document_id"))
                    .col(text("locale"))
                    .primary_key(Index::create().col("document_id").col("locale"))
                    .foreign_key(ForeignKey::create().from("document_locales", "document_id").to("documents", "id"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create().name("document_locales_locale").table("document_locales").col("locale").to_owned(),
            )
            .await?;
        fill(manager).await?;

        create_schedules(manager).await?;
        create_helpers(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["page_redirects", "previews", "idempotency_keys", "leases", "schedules", "document_locales"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }

        manager.drop_index(Index::drop().name("documents_owner").table("documents").to_owned()).await?;
        drop_column(manager, "documents", "state").await?;
        if !is_sqlite(manager) {
            // There it belongs to the columns that it names, not to the one that it came with.
            let sql = format!("ALTER TABLE documents DROP CONSTRAINT {ARCHIVED_CHECK}");
            manager.get_connection().execute_unprepared(&sql).await?;
        }
        drop_column(manager, "documents", "first_published_at").await?;
        drop_column(manager, "documents", "owner_id").await?;
        let renamed = Table::alter().table("documents").rename_column("due_at", "publish_at").to_owned();
        manager.alter_table(renamed).await?;

        drop_column(manager, "site", "required_locales").await?;
        drop_column(manager, "staff", "telephone").await?;
        drop_column(manager, "staff", "email").await?;
        drop_column(manager, "audit_entries", "api_token_id").await?;
        drop_column(manager, "audit_entries", "network").await?;
        for check in CHECKS {
            check.take_back(manager).await?;
        }
        Ok(())
    }
}

fn is_sqlite(manager: &SchemaManager<'_>) -> bool {
    manager.get_database_backend() == DbBackend::Sqlite
}

async fn add_column(manager: &SchemaManager<'_>, table: &'static str, column: ColumnDef) -> Result<(), DbErr> {
    manager.alter_table(Table::alter().table(table).add_column(column).to_owned()).await
}

async fn drop_column(manager: &SchemaManager<'_>, table: &'static str, column: &'static str) -> Result<(), DbErr> {
    manager.alter_table(Table::alter().table(table).drop_column(column).to_owned()).await
}

async fn fill(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let locale_of_name = if is_sqlite(manager) {
        "SELECT document_id, key FROM site, json_each(site.name)"
    } else {
        "SELECT document_id, json_object_keys(name) FROM site"
    };
    let of_site = format!("INSERT INTO document_locales (document_id, locale) {locale_of_name}");
    manager.get_connection().execute_unprepared(FILL).await?;
    manager.get_connection().execute_unprepared(&of_site).await.map(drop)
}

async fn create_schedules(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table("schedules")
                .col(uuid("id").primary_key())
                .col(uuid("document_id"))
                .col(big_integer("version").check(Expr::cust("version >= 1")))
                .col(text("action").check(Expr::col("action").is_in(["PUBLISH", "UNPUBLISH"])))
                .col(timestamp_with_time_zone("due_at"))
                .col(text("time_zone").check(not_blank("time_zone")))
                .col(text_null("release_kind").check(Expr::col("release_kind").is_in([
                    "RELEASE",
                    "REVISION",
                    "CORRECTION",
                ])))
                .col(text_null("reason"))
                .col(uuid("created_by"))
                .col(timestamp_with_time_zone("created_at"))
                .col(text_null("outcome").check(Expr::col("outcome").is_in(["DONE", "FAILED", "CANCELLED"])))
                .col(json_null("failure"))
                .col(timestamp_with_time_zone_null("settled_at"))
                .check(Expr::cust("(outcome IS NULL) = (settled_at IS NULL)"))
                .check(Expr::cust("(outcome IS NOT NULL AND outcome = 'FAILED') = (failure IS NOT NULL)"))
                .foreign_key(ForeignKey::create().from("schedules", "document_id").to("documents", "id"))
                .foreign_key(
                    ForeignKey::create()
                        .name("schedules_revision")
                        .from("schedules", ("document_id", "version"))
                        .to("revisions", ("document_id", "number")),
                )
                .foreign_key(ForeignKey::create().from("schedules", "created_by").to("accounts", "id"))
                .to_owned(),
        )
        .await?;
    // What is settled is history; of what is to come, a document has one of each kind.
    manager
        .create_index(
            Index::create()
                .unique()
                .name("schedules_pending")
                .table("schedules")
                .col("document_id")
                .col("action")
                .and_where(Expr::col("outcome").is_null())
                .to_owned(),
        )
        .await?;
    manager
        .create_index(
            Index::create()
                .name("schedules_due")
                .table("schedules")
                .col("due_at")
                .and_where(Expr::col("outcome").is_null())
                .to_owned(),
        )
        .await
}

/// Tables that nothing published depends on: leases, keys of requests, previews, and where pages were before.
async fn create_helpers(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table("leases")
                .col(uuid("document_id").primary_key())
                .col(uuid("account_id"))
                .col(timestamp_with_time_zone("taken_at"))
                .col(timestamp_with_time_zone("expires_at"))
                .col(uuid_null("taken_from"))
                .foreign_key(ForeignKey::create().from("leases", "document_id").to("documents", "id"))
                .foreign_key(ForeignKey::create().from("leases", "account_id").to("accounts", "id"))
                .foreign_key(ForeignKey::create().from("leases", "taken_from").to("accounts", "id"))
                .to_owned(),
        )
        .await?;

    manager
        .create_table(
            Table::create()
                .table("idempotency_keys")
                .col(text("key_hash").check(Expr::cust("length(key_hash) = 64")))
                .col(text("field"))
                .col(text("request_hash").check(Expr::cust("length(request_hash) = 64")))
                .col(blob("answer"))
                .col(timestamp_with_time_zone("created_at"))
                .primary_key(Index::create().col("key_hash").col("field"))
                .to_owned(),
        )
        .await?;
    manager
        .create_index(
            Index::create().name("idempotency_keys_created").table("idempotency_keys").col("created_at").to_owned(),
        )
        .await?;

    manager
        .create_table(
            Table::create()
                .table("previews")
                .col(uuid("id").primary_key())
                .col(uuid("document_id"))
                .col(big_integer("version"))
                .col(uuid("created_by"))
                .col(timestamp_with_time_zone("created_at"))
                .col(timestamp_with_time_zone("expires_at"))
                .col(timestamp_with_time_zone_null("revoked_at"))
                .foreign_key(
                    ForeignKey::create()
                        .name("previews_revision")
                        .from("previews", ("document_id", "version"))
                        .to("revisions", ("document_id", "number")),
                )
                .foreign_key(ForeignKey::create().from("previews", "created_by").to("accounts", "id"))
                .to_owned(),
        )
        .await?;

    manager
        .create_table(
            Table::create()
                .table("page_redirects")
                .col(text("slug").primary_key().check(slug("slug")))
                .col(uuid("page_id"))
                .foreign_key(ForeignKey::create().from("page_redirects", "page_id").to("documents", "id"))
                .to_owned(),
        )
        .await
}

fn not_blank(column: &'static str) -> Expr {
    Expr::cust(format!("trim({column}) <> ''"))
}

/// What `pages` asks of a slug.
fn slug(column: &'static str) -> Expr {
    Expr::cust(format!("{column} <> '' AND {column} = lower({column}) AND {column} NOT LIKE '%/%'"))
}
