//! Constraints of tables that exist already and have rows: checks that say something else, columns that may be null.
//!
//! PostgreSQL has statements for this. SQLite has none; its manual (section 7 of the page on ALTER TABLE) has the text
//! of the table edited where it is stored, for changes like these, which leave the rows on disk as they are. The table
//! keeps its rows, triggers and indexes, and a step taken back leaves the very text of before.

use sea_orm_migration::{
    prelude::*,
    sea_orm::{DbBackend, Statement},
};

/// Where a check is, and what it says before and after a step.
pub(crate) struct CheckChange {
    /// The table.
    pub(crate) table: &'static str,
    /// Its name on PostgreSQL; SQLite has none for it.
    pub(crate) name: &'static str,
    /// What it says before the step, letter by letter as it was created.
    pub(crate) before: &'static str,
    /// What it says after the step.
    pub(crate) after: &'static str,
}

impl CheckChange {
    /// The way up.
    pub(crate) async fn apply(&self, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        self.replace(manager, self.before, self.after).await
    }

    /// The way down. Fails when there are rows that only the newer check lets in: they cannot be told in the older
    /// schema.
    pub(crate) async fn take_back(&self, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        self.replace(manager, self.after, self.before).await
    }

    async fn replace(&self, manager: &SchemaManager<'_>, from: &str, to: &str) -> Result<(), DbErr> {
        let Self { table, name, .. } = self;
        match manager.get_database_backend() {
            DbBackend::Sqlite => edit(manager, table, &format!("CHECK ({from})"), &format!("CHECK ({to})")).await,
            _ => {
                let sql = format!("ALTER TABLE {table} DROP CONSTRAINT {name}, ADD CONSTRAINT {name} CHECK ({to})");
                manager.get_connection().execute_unprepared(&sql).await.map(drop)
            }
        }
    }
}

/// Lets a text column of a table be null.
pub(crate) async fn allow_null(manager: &SchemaManager<'_>, table: &str, column: &str) -> Result<(), DbErr> {
    nullability(manager, table, column, ["NOT NULL", "NULL"], "DROP").await
}

/// Lets a text column of a table not be null any more. Fails when there is a row in which it is.
pub(crate) async fn refuse_null(manager: &SchemaManager<'_>, table: &str, column: &str) -> Result<(), DbErr> {
    nullability(manager, table, column, ["NULL", "NOT NULL"], "SET").await
}

async fn nullability(
    manager: &SchemaManager<'_>,
    table: &str,
    column: &str,
    [from, to]: [&str; 2],
    verb: &str,
) -> Result<(), DbErr> {
    match manager.get_database_backend() {
        DbBackend::Sqlite => {
            let declared = |nullability: &str| format!("\"{column}\" text {nullability} ");
            edit(manager, table, &declared(from), &declared(to)).await
        }
        _ => {
            let sql = format!("ALTER TABLE {table} ALTER COLUMN {column} {verb} NOT NULL");
            manager.get_connection().execute_unprepared(&sql).await.map(drop)
        }
    }
}

/// Replaces a part of the stored text of a table, which must be in there exactly once, and holds every row against the
/// new text.
async fn edit(manager: &SchemaManager<'_>, table: &str, from: &str, to: &str) -> Result<(), DbErr> {
    // Outside of a transaction, each statement might have a connection of its own. Inside of one, this is a savepoint.
    let inner = manager.begin().await?;
    let connection = inner.get_connection();
    let statement = |sql: &str, values: Vec<Value>| Statement::from_sql_and_values(DbBackend::Sqlite, sql, values);

    connection.execute_unprepared("PRAGMA writable_schema = ON").await?;
    let edited = connection
        .execute_raw(statement(
            "UPDATE sqlite_schema SET sql = replace(sql, $1, $2) WHERE type = 'table' AND name = $3 \
             AND length(replace(sql, $1, '')) = length(sql) - length($1)",
            vec![from.into(), to.into(), table.into()],
        ))
        .await;
    // First of all: no transaction undoes this one.
    connection.execute_unprepared("PRAGMA writable_schema = OFF").await?;
    if edited?.rows_affected() != 1 {
        return Err(DbErr::Migration(format!("table {table} does not say {from} exactly once")));
    }

    // Whoever has read the schema before, this connection included, reads it again when it has another version.
    let version = connection.query_one_raw(statement("PRAGMA schema_version", vec![])).await?;
    let version: i64 = version.ok_or_else(|| DbErr::Migration("no schema version".to_owned()))?.try_get_by_index(0)?;
    connection.execute_unprepared(&format!("PRAGMA schema_version = {}", version + 1)).await?;

    for row in connection.query_all_raw(statement(&format!("PRAGMA quick_check({table})"), vec![])).await? {
        let found: String = row.try_get_by_index(0)?;
        if found != "ok" {
            return Err(DbErr::Migration(format!("table {table} has rows that break {to}: {found}")));
        }
    }
    inner.commit().await
}
