//! Triggers that let rows of a table be inserted and read, and nothing else.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

/// Makes `table`, with this primary key, refuse every update, deletion and replacement.
pub(crate) async fn protect(manager: &SchemaManager<'_>, table: &str, key: &[&str]) -> Result<(), DbErr> {
    let sql = match manager.get_database_backend() {
        DbBackend::Sqlite => {
            // INSERT OR REPLACE deletes without a word to the trigger for deletions.
            let same_key: Vec<String> = key.iter().map(|column| format!("{column} = NEW.{column}")).collect();
            let replaced = format!("WHEN EXISTS (SELECT 1 FROM {table} WHERE {})", same_key.join(" AND "));
            [("UPDATE", ""), ("DELETE", ""), ("INSERT", replaced.as_str())]
                .map(|(verb, condition)| {
                    format!(
                        "CREATE TRIGGER {table}_refuse_{verb} BEFORE {verb} ON {table} {condition} \
                         BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END;"
                    )
                })
                .join("\n")
        }
        _ => format!(
            "CREATE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$; \
             CREATE TRIGGER {table}_refuse BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} \
             FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuse();"
        ),
    };
    manager.get_connection().execute_unprepared(&sql).await.map(drop)
}

/// Lets the rows of `table` be changed again, until the next [`protect`].
pub(crate) async fn release(manager: &SchemaManager<'_>, table: &str) -> Result<(), DbErr> {
    let sql = match manager.get_database_backend() {
        DbBackend::Sqlite => {
            ["UPDATE", "DELETE", "INSERT"].map(|verb| format!("DROP TRIGGER {table}_refuse_{verb};")).join("\n")
        }
        _ => format!("DROP TRIGGER {table}_refuse ON {table}; DROP FUNCTION {table}_refuse();"),
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
