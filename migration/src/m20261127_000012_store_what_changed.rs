//! A revision may hold what changed since an earlier one of its document, instead of the whole: a merge patch (RFC 7396).
//! `revision_contents` shows every revision with its whole content, for people who read the database.

use sea_orm_migration::{prelude::*, schema::*, sea_orm::DbBackend};

use crate::append_only;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// SQLite has a function for merge patches; PostgreSQL gets one.
const FUNCTION: &str = "
    CREATE FUNCTION json_merge_patch(target jsonb, patch jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
        SELECT CASE WHEN jsonb_typeof(patch) <> 'object' THEN patch ELSE (
            SELECT coalesce(jsonb_object_agg(name, value), '{}') FROM (
                SELECT coalesce(old.key, new.key) AS name,
                    CASE WHEN new.key IS NULL THEN old.value ELSE json_merge_patch(old.value, new.value) END AS value
                FROM jsonb_each(CASE WHEN jsonb_typeof(target) = 'object' THEN target ELSE '{}' END) old
                FULL JOIN jsonb_each(patch) new ON new.key = old.key
                WHERE new.key IS NULL OR jsonb_typeof(new.value) <> 'null'
            ) merged
        ) END
    $$;
";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut base = big_integer_null("base");
        base.check(("revisions_base_check", Expr::cust("base < number")));
        manager.alter_table(Table::alter().table("revisions").add_column(base).to_owned()).await?;
        let whole = match manager.get_database_backend() {
            DbBackend::Sqlite => "json_patch(base.content, revisions.content)",
            _ => {
                manager.get_connection().execute_unprepared(FUNCTION).await?;
                "json_merge_patch(base.content::jsonb, revisions.content::jsonb)::json"
            }
        };
        let view = format!(
            "CREATE VIEW revision_contents AS
                SELECT revisions.document_id, revisions.number,
                    CASE WHEN revisions.base IS NULL THEN revisions.content ELSE {whole} END AS content,
                    revisions.action, revisions.reason, revisions.actor_kind, revisions.editor_id, revisions.created_at
                FROM revisions
                LEFT JOIN revisions base ON base.document_id = revisions.document_id AND base.number = revisions.base"
        );
        manager.get_connection().execute_unprepared(&view).await.map(drop)
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // An earlier Almanac knows whole contents only.
        append_only::release(manager, "revisions").await?;
        let connection = manager.get_connection();
        connection
            .execute_unprepared(
                "UPDATE revisions SET content = (
                    SELECT whole.content FROM revision_contents whole
                    WHERE whole.document_id = revisions.document_id AND whole.number = revisions.number
                ) WHERE base IS NOT NULL",
            )
            .await?;
        connection.execute_unprepared("DROP VIEW revision_contents").await?;
        if manager.get_database_backend() != DbBackend::Sqlite {
            connection.execute_unprepared("DROP FUNCTION json_merge_patch(jsonb, jsonb)").await?;
        }
        manager.alter_table(Table::alter().table("revisions").drop_column("base").to_owned()).await?;
        append_only::protect(manager, "revisions", &["document_id", "number"]).await
    }
}
