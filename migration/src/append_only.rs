//! Triggers that let rows of a table be inserted and read, and nothing else.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

/// Makes `table` refuse every update and deletion.
pub(crate) async fn protect(manager: &SchemaManager<'_>, table: &str) -> Result<(), DbErr> {
    let sql = match manager.get_database_backend() {
        DbBackend::Sqlite => ["UPDATE", "DELETE"]
            .map(|verb| {
                format!(
                    "CREATE TRIGGER {table}_refuse_{verb} BEFORE {verb} ON {table} \
                     BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END;"
                )
            })
            .join("\n"),
        _ => format!(
            "CREATE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$; \
             CREATE TRIGGER {table}_refuse BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} \
             FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuse();"
        ),
    };
    manager.get_connection().execute_unprepared(&sql).await.map(drop)
}

/// Removes what [`protect`] left behind when the table itself is gone.
pub(crate) async fn forget(manager: &SchemaManager<'_>, table: &str) -> Result<(), DbErr> {
    match manager.get_database_backend() {
        // A table takes its triggers along.
        DbBackend::Sqlite => Ok(()),
        _ => manager
            .get_connection()
            .execute_unprepared(&format!("DROP FUNCTION IF EXISTS {table}_refuse()"))
            .await
            .map(drop),
    }
}
