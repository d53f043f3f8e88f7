//! The schema that the migrations make: held against the entities, and taken down again.

use std::collections::{BTreeMap, BTreeSet};

use api::database::Database;
use migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, DatabaseConnection};
use tests::{Backend, on_both_databases};

use crate::{
    blank::{Blank, connect, on_each_database},
    ledger::{self, texts},
    process::run,
};

/// What migrations and entities may differ in, and why. Empty is best.
const TOLERATED: [(&str, &str); 1] = [("seaql_migrations", "the migrator's own table, which has no entity of ours")];

/// One table as the database describes it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Table {
    /// Type and whether it may be null.
    columns: BTreeMap<String, String>,
    primary_key: Vec<String>,
    unique: BTreeSet<Vec<String>>,
    /// `(columns) -> table(columns)`
    foreign_keys: BTreeSet<String>,
}

async fn tables(connection: &DatabaseConnection, backend: Backend) -> BTreeMap<String, Table> {
    let names = match backend {
        Backend::Sqlite => "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
        Backend::Postgres => "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()",
    };
    let mut tables = BTreeMap::new();
    for name in texts(connection, names).await {
        let table = match backend {
            Backend::Sqlite => sqlite_table(connection, &name).await,
            Backend::Postgres => postgres_table(connection, &name).await,
        };
        tables.insert(name, table);
    }
    tables
}

/// Names joined by commas, taken apart.
fn list(names: &str) -> Vec<String> {
    names.split(',').map(str::to_owned).collect()
}

async fn sqlite_table(connection: &DatabaseConnection, table: &str) -> Table {
    // The one without the x leaves out the columns that are computed.
    let columns = format!(
        "SELECT name || ' ' || lower(type) || iif(\"notnull\" OR pk > 0, '', ' null') FROM pragma_table_xinfo('{table}')"
    );
    let primary_key = format!("SELECT name FROM pragma_table_info('{table}') WHERE pk > 0 ORDER BY pk");
    // An entity cannot say that a key holds for some of the rows.
    let unique = format!(
        "SELECT (SELECT group_concat(name) FROM (SELECT name FROM pragma_index_info(i.name) ORDER BY seqno)) \
         FROM pragma_index_list('{table}') AS i WHERE \"unique\" AND NOT partial AND origin <> 'pk'"
    );
    let foreign_keys = format!(
        "SELECT '(' || group_concat(\"from\") || ') -> ' || \"table\" || '(' || group_concat(\"to\") || ')' \
         FROM (SELECT * FROM pragma_foreign_key_list('{table}') ORDER BY id, seq) GROUP BY id"
    );
    read(connection, [&columns, &primary_key, &unique, &foreign_keys]).await
}

async fn postgres_table(connection: &DatabaseConnection, table: &str) -> Table {
    let columns = format!(
        "SELECT column_name || ' ' || data_type || coalesce('(' || character_maximum_length || ')', '') \
         || CASE is_nullable WHEN 'YES' THEN ' null' ELSE '' END \
         FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = '{table}'"
    );
    let names = |numbers: &str, table: &str| {
        format!(
            "(SELECT string_agg(a.attname::text, ',' ORDER BY n.place) \
             FROM unnest({numbers}) WITH ORDINALITY AS n(number, place) \
             JOIN pg_attribute a ON a.attnum = n.number AND a.attrelid = {table})"
        )
    };
    let key = names("i.indkey", "i.indrelid");
    let index =
        |filter: &str| format!("SELECT {key} FROM pg_index i WHERE i.indrelid = '{table}'::regclass AND {filter}");
    let primary_key = format!("SELECT unnest(string_to_array(({}), ','))", index("i.indisprimary"));
    let unique = index("i.indisunique AND i.indpred IS NULL AND NOT i.indisprimary");
    let foreign_keys = format!(
        "SELECT '(' || {} || ') -> ' || c.confrelid::regclass::text || '(' || {} || ')' \
         FROM pg_constraint c WHERE c.contype = 'f' AND c.conrelid = '{table}'::regclass",
        names("c.conkey", "c.conrelid"),
        names("c.confkey", "c.confrelid"),
    );
    read(connection, [&columns, &primary_key, &unique, &foreign_keys]).await
}

async fn read(connection: &DatabaseConnection, [columns, primary_key, unique, foreign_keys]: [&str; 4]) -> Table {
    let columns = texts(connection, columns).await.into_iter().map(|column| {
        let (name, kind) = column.split_once(' ').expect("a name and a type");
        (name.to_owned(), kind.to_owned())
    });
    Table {
        columns: columns.collect(),
        primary_key: texts(connection, primary_key).await,
        unique: texts(connection, unique).await.iter().map(|names| list(names)).collect(),
        foreign_keys: texts(connection, foreign_keys).await.into_iter().collect(),
    }
}

/// Every object of ours in the database with its definition: tables, checks, indexes, triggers, functions.
async fn objects(connection: &DatabaseConnection, backend: Backend) -> BTreeSet<String> {
    let sql = match backend {
        Backend::Sqlite => vec![
            "SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_schema \
             WHERE name NOT LIKE 'sqlite_%' AND tbl_name <> 'seaql_migrations'",
        ],
        Backend::Postgres => vec![
            "SELECT relkind::text || ' ' || relname::text FROM pg_class \
             WHERE relnamespace = current_schema()::regnamespace AND relname::text NOT LIKE 'seaql_migrations%'",
            "SELECT table_name || ' ' || column_name || ' ' || data_type || ' ' || is_nullable || ' ' \
             || coalesce(column_default, generation_expression, '') \
             FROM information_schema.columns WHERE table_schema = current_schema() AND table_name <> 'seaql_migrations'",
            "SELECT conrelid::regclass::text || ' ' || conname::text || ' ' || pg_get_constraintdef(oid) \
             FROM pg_constraint WHERE connamespace = current_schema()::regnamespace \
             AND conname::text NOT LIKE 'seaql_migrations%'",
            "SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema() AND tablename <> 'seaql_migrations'",
            "SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid \
             WHERE c.relnamespace = current_schema()::regnamespace AND NOT t.tgisinternal",
            "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = current_schema()::regnamespace",
            "SELECT 'type ' || typname::text FROM pg_type WHERE typnamespace = current_schema()::regnamespace \
             AND typname::text NOT LIKE '%seaql_migrations'",
        ],
    };
    let mut objects = BTreeSet::new();
    for sql in sql {
        objects.extend(texts(connection, sql).await);
    }
    objects
}

on_each_database! {
    async fn the_migrations_make_the_tables_that_the_entities_describe(migrated: Blank) {
        let backend = migrated.backend();
        let entities = Blank::on(backend).await.expect("there was one already");
        let (migrated, entities) = (migrated.connect().await, entities.connect().await);
        Migrator::up(&migrated, None).await.expect("the migrations");
        entities.get_schema_registry("entities::*").apply(&entities).await.expect("the schema of the entities");

        let (mut migrated, entities) = (tables(&migrated, backend).await, tables(&entities, backend).await);
        for (table, _reason) in TOLERATED {
            migrated.remove(table).unwrap_or_else(|| panic!("{table} is tolerated and not there"));
        }
        assert!(entities.len() >= 29, "every entity is linked: {:?}", entities.keys());
        let names = |tables: &BTreeMap<String, Table>| tables.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&migrated), names(&entities));
        for (name, entity) in entities {
            let table = &migrated[&name];
            assert_eq!(table.columns, entity.columns, "columns of {name}");
            assert_eq!(table.primary_key, entity.primary_key, "primary key of {name}");
            assert_eq!(table.unique, entity.unique, "unique keys of {name}");
            // The entities leave out the keys that no query follows.
            let missing: Vec<_> = entity.foreign_keys.difference(&table.foreign_keys).collect();
            assert!(missing.is_empty(), "relations of {name} without a foreign key: {missing:?}");
        }
    }

    async fn the_migrations_can_be_taken_back_to_nothing_and_done_again(blank: Blank) {
        let (connection, backend) = (blank.connect().await, blank.backend());
        Migrator::up(&connection, None).await.expect("the way up");
        let first = objects(&connection, backend).await;
        assert!(first.len() >= 45, "{first:?}");
        Migrator::down(&connection, None).await.expect("the way down");
        assert_eq!(objects(&connection, backend).await, BTreeSet::new());
        Migrator::up(&connection, None).await.expect("the way up again");
        assert_eq!(objects(&connection, backend).await, first);
    }

    async fn every_single_migration_can_be_taken_back_and_done_again(blank: Blank) {
        let (connection, backend) = (blank.connect().await, blank.backend());
        let mut steps = vec![objects(&connection, backend).await];
        for _ in Migrator::migrations() {
            Migrator::up(&connection, Some(1)).await.expect("a step up");
            steps.push(objects(&connection, backend).await);
        }
        while let Some(step) = steps.pop() {
            assert_eq!(objects(&connection, backend).await, step, "with {} steps", steps.len());
            if !steps.is_empty() {
                Migrator::down(&connection, Some(1)).await.expect("a step down");
            }
        }
    }

    async fn a_database_of_a_newer_almanac_is_refused_and_left_alone(blank: Blank) {
        api::database::create_file(blank.url()).expect("a file");
        let database = Database::open(blank.url(), None).await.expect("the database opens");
        database.migrate().await.expect("the migrations");
        let connection = blank.connect().await;
        let newer = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m29990101_000001_of_the_future', 0)";
        connection.execute_unprepared(newer).await.expect("a migration of the future");
        let before = objects(&connection, blank.backend()).await;
        database.migrate().await.expect_err("a newer database");
        database.close().await.expect("the database closes");

        for command in [blank.almanac(&["migrate"]), blank.serve(&[])] {
            let complaint = run(command, "").await.complaint();
            assert!(complaint.contains("m29990101_000001_of_the_future"), "{complaint}");
        }
        assert_eq!(objects(&connection, blank.backend()).await, before);
        assert!(ledger::rows(&connection).await.values().all(|rows| *rows == 0));
    }
}

on_both_databases! {
    async fn a_filled_database_can_be_taken_down_too(app: TestApp) {
        let connection = connect(app.database_url()).await;
        // Down again there are no such roles, and no step takes away what an account may do without being asked.
        connection.execute_unprepared("UPDATE accounts SET role = 'EDITOR' WHERE role <> 'ADMINISTRATOR'").await.expect("roles");
        // Nor is there such a kind, and no step makes a document another one.
        let other_kind = "UPDATE documents SET kind = 'COUNTRY', key = 'COUNTRY/QQ' WHERE kind = 'FACT_SHEET_METADATA'";
        connection.execute_unprepared(other_kind).await.expect("another kind");
        Migrator::down(&connection, None).await.expect("the way down");
        assert_eq!(objects(&connection, app.backend()).await, BTreeSet::new());
    }
}
