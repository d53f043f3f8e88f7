//! A database that an earlier Almanac has filled: brought to the schema of this one, with all that it knows.

use std::collections::{BTreeMap, BTreeSet};

use api::database::Database;
use entities::{
    Count, DisclosureMethod, DocumentState, ObservationStatus, Role, account, document, document_locale, refresh_token,
    site, visit_count, yearly_total,
};
use migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, DatabaseConnection, EntityTrait, QueryOrder, TransactionTrait};
use tests::Backend;
use uuid::Uuid;

use crate::blank::{Blank, on_each_database};

/// How many steps the first Almanac had.
const FIRST: u32 = 4;

/// What the first Almanac left behind. `{1}` is the id that ends in 1; `2026-01-1N` stands for `2026-01-1N` at midnight.
const FILLED: &[&str] = &[
    "INSERT INTO accounts (id, email, password_hash, role, created_at)
         VALUES ({99}, 'editor@example.org', '$argon2id$', 'EDITOR', {2026-01-10})",
    "INSERT INTO documents (id, kind, key, version, created_at) VALUES
         ({1}, 'SITE', 'SITE/', 1, {2026-01-10}),
         ({2}, 'PAGE', 'PAGE/about-us', 2, {2026-01-10}),
         ({3}, 'PAGE_TEXT', 'PAGE_TEXT/en', 1, {2026-01-10}),
         ({4}, 'STAFF_MEMBER', 'STAFF_MEMBER/ito', 1, {2026-01-10}),
         ({5}, 'STAFF_TEXT', 'STAFF_TEXT/ja', 1, {2026-01-10}),
         ({6}, 'COUNTRY', 'COUNTRY/JP', 1, {2026-01-10}),
         ({7}, 'CATEGORY', 'CATEGORY/TRAVEL', 1, {2026-01-10}),
         ({8}, 'YEAR_SHEET', 'YEAR_SHEET/TRAVEL/2020', 2, {2026-01-10}),
         ({9}, 'YEAR_SHEET', 'YEAR_SHEET/TRAVEL/2021', 1, {2026-01-10})",
    "INSERT INTO revisions (document_id, number, content, action, actor_kind, created_at)
         SELECT id, 1, '{}', 'IMPORT', 'COMMAND_LINE', created_at FROM documents",
    "INSERT INTO revisions (document_id, number, content, action, actor_kind, editor_id, created_at)
         SELECT id, 2, '{}', 'SAVE', 'ACCOUNT', {99}, {2026-01-12} FROM documents WHERE version = 2",
    "INSERT INTO changes (seq, tags, at) VALUES (1, '[]', {2026-01-11}), (2, '[]', {2026-01-12})",
    "INSERT INTO publications (document_id, change_seq, number, actor_kind, published_at)
         SELECT id, 1, 1, 'COMMAND_LINE', {2026-01-11} FROM documents WHERE key <> 'YEAR_SHEET/TRAVEL/2021'",
    "INSERT INTO publications (document_id, change_seq, number, actor_kind, editor_id, published_at)
         VALUES ({2}, 2, 2, 'ACCOUNT', {99}, {2026-01-12})",
    "UPDATE documents SET published_number = (SELECT max(number) FROM publications WHERE document_id = documents.id)",
    "INSERT INTO site_locales (locale, position, name, direction, fallback)
         VALUES ('ja', 0, '日本語', 'ltr', '[]'), ('en', 1, 'English', 'ltr', '[]')",
    "INSERT INTO site (document_id, default_locale, name) VALUES ({1}, 'ja', '{\"ja\": \"課\", \"en\": \"Section\"}')",
    "INSERT INTO pages (document_id, slug, position) VALUES ({2}, 'about-us', 0)",
    "INSERT INTO page_texts (document_id, page_id, locale, title, body, published_at)
         VALUES ({3}, {2}, 'en', 'About us', '', {2026-01-11})",
    "INSERT INTO staff (document_id, slug, position) VALUES ({4}, 'ito', 0)",
    "INSERT INTO staff_texts (document_id, staff_id, locale, name, role) VALUES ({5}, {4}, 'ja', '伊藤', '課長')",
    "INSERT INTO countries (code, document_id, position) VALUES ('JP', {6}, 0)",
    "INSERT INTO country_names (country, locale, name) VALUES ('JP', 'ja', '日本'), ('JP', 'en', 'Japan')",
    "INSERT INTO categories (code, document_id, position) VALUES ('TRAVEL', {7}, 0)",
    "INSERT INTO category_names (category, locale, name) VALUES ('TRAVEL', 'en', 'Travel')",
    "INSERT INTO visit_counts (category, country, year, value, status, note)
         VALUES ('TRAVEL', 'JP', 2020, 3, 'IMPUTED', '{}'), ('TRAVEL', 'JP', 2021, NULL, 'MISSING', '{}')",
    "INSERT INTO yearly_totals (category, year, value, note) VALUES ('TRAVEL', 2020, 3, '{}')",
    "INSERT INTO audit_entries (seq, at, actor_kind, actor_id, action, outcome, previous_hash, hash)
         VALUES (1, {2026-01-12}, 'ACCOUNT', {99}, 'signIn', 'DONE', '', {hash})",
    "INSERT INTO sessions (id, account_id, created_at, expires_at) VALUES ({1}, {99}, {2026-01-10}, {2026-01-13})",
    "INSERT INTO refresh_tokens (hash, session_id, created_at, used_at)
         VALUES ({hash}, {1}, {2026-01-10}, {2026-01-11}), (replace({hash}, '0', '1'), {1}, {2026-01-11}, NULL)",
];

/// Rows that the first Almanac had no words for.
const NEW: &[&str] = &[
    "INSERT INTO changes (seq, tags, at) VALUES (3, '[]', {2026-01-13})",
    "INSERT INTO publications (document_id, change_seq, actor_kind, editor_id, published_at)
         VALUES ({3}, 3, 'SCHEDULE', {99}, {2026-01-13})",
    "INSERT INTO revisions (document_id, number, content, action, actor_kind, created_at)
         VALUES ({3}, 2, '{}', 'RESTORE', 'COMMAND_LINE', {2026-01-13})",
    "INSERT INTO audit_entries (seq, at, actor_kind, actor_id, action, outcome, previous_hash, hash)
         VALUES (2, {2026-01-13}, 'SCHEDULE', {99}, 'publish', 'DONE', {hash}, {hash})",
    "UPDATE accounts SET role = 'TRANSLATOR', password_hash = NULL",
    "INSERT INTO documents (id, kind, key, version, created_at)
         VALUES ({10}, 'FACT_SHEET_METADATA', 'FACT_SHEET_METADATA/fact-sheet', 0, {2026-01-13})",
    "INSERT INTO fact_sheet_metadata (document_id, content) VALUES ({10}, '{}')",
    "UPDATE yearly_totals SET status = 'PROVISIONAL', flags = '[\"REVISED\"]'",
    "UPDATE site SET disclosure_method = 'SUPPRESS', disclosure_threshold = 5",
    "INSERT INTO trusted_documents (id, body, added_at) VALUES ('menu', '{ pages { nodes { slug } } }', {2026-01-13})",
];

fn id(number: u8) -> Uuid {
    Uuid::from_u128(number.into())
}

fn sql(statement: &str, backend: Backend) -> String {
    let mut sql = statement.replace("{hash}", &format!("'{}'", "0".repeat(64)));
    for day in 10..=13 {
        sql = sql.replace(&format!("{{2026-01-{day}}}"), &format!("'2026-01-{day} 00:00:00+00:00'"));
    }
    for number in (1..=10).chain([99]) {
        let literal = match backend {
            Backend::Sqlite => format!("X'{}'", id(number).simple()),
            Backend::Postgres => format!("'{}'", id(number)),
        };
        sql = sql.replace(&format!("{{{number}}}"), &literal);
    }
    sql
}

async fn run(connection: &impl ConnectionTrait, backend: Backend, statements: &[&str]) {
    for statement in statements {
        let sql = sql(statement, backend);
        connection.execute_unprepared(&sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
}

/// A database as the first Almanac left it, and a connection that has seen it so.
async fn filled(blank: &Blank) -> DatabaseConnection {
    let connection = blank.connect().await;
    Migrator::up(&connection, Some(FIRST)).await.expect("the first steps");
    run(&connection, blank.backend(), FILLED).await;
    connection
}

async fn upgrade(blank: &Blank) {
    let database = Database::open(blank.url(), None).await.expect("the database opens");
    database.migrate().await.expect("the steps that are new");
    database.close().await.expect("the database closes");
}

on_each_database! {
    async fn what_the_first_almanac_stored_is_there_with_all_that_is_new(blank: Blank) {
        let connection = filled(&blank).await;
        upgrade(&blank).await;

        let documents = document::Entity::find().all(&connection).await.expect("documents");
        let owners: BTreeMap<Uuid, Uuid> =
            documents.iter().filter_map(|document| Some((document.id, document.owner_id?))).collect();
        assert_eq!(owners, BTreeMap::from([(id(3), id(2)), (id(5), id(4))]));
        let mut locales = BTreeMap::<Uuid, BTreeSet<String>>::new();
        for row in document_locale::Entity::find().all(&connection).await.expect("locales") {
            locales.entry(row.document_id).or_default().insert(row.locale.into());
        }
        let list = |locales: &[&str]| locales.iter().map(|&locale| locale.to_owned()).collect::<BTreeSet<_>>();
        let both = list(&["en", "ja"]);
        let expected = [(1, both.clone()), (3, list(&["en"])), (5, list(&["ja"])), (6, both), (7, list(&["en"]))];
        assert_eq!(locales, expected.map(|(number, locales)| (id(number), locales)).into());
        for document in &documents {
            let (first, state) = match document.key.as_str() {
                "YEAR_SHEET/TRAVEL/2021" => (None, DocumentState::NeverPublished),
                "YEAR_SHEET/TRAVEL/2020" => (Some("2026-01-11"), DocumentState::Modified),
                _ => (Some("2026-01-11"), DocumentState::Published),
            };
            assert_eq!(document.state, state, "{}", document.key);
            let published = document.first_published_at.map(|at| at.date_naive().to_string());
            assert_eq!(published.as_deref(), first, "{}", document.key);
            assert_eq!((document.due_at, document.archived_at), (None, None), "{}", document.key);
        }
        let account = account::Entity::find_by_id(id(99)).one(&connection).await.expect("accounts").expect("the editor");
        assert_eq!((account.role, account.password_hash.as_deref()), (Role::Editor, Some("$argon2id$")));
        assert_eq!((account.locales, account.issuer, account.subject), ("[]".parse().expect("JSON"), None, None));

        // Whoever is signed in stays so: each token is of a generation of its own.
        let tokens = refresh_token::Entity::find().order_by_asc(refresh_token::COLUMN.created_at);
        let tokens = tokens.all(&connection).await.expect("tokens");
        let found: Vec<_> = tokens.iter().map(|token| (token.generation, token.exchanges)).collect();
        assert_eq!(found, [(0, 1), (1, 0)]);

        // Figures are what they were, and no more than that.
        let nothing = serde_json::json!([]);
        let counts = visit_count::Entity::find().order_by_asc(visit_count::COLUMN.year);
        let counts = counts.all(&connection).await.expect("counts");
        let found: Vec<_> = counts.iter().map(|row| (row.value.map(Count::get), row.status, &row.flags)).collect();
        assert_eq!(found, [
            (Some(3), ObservationStatus::Imputed, &nothing),
            (None, ObservationStatus::Missing, &nothing),
        ]);
        let total = yearly_total::Entity::find().one(&connection).await.expect("totals").expect("a total");
        assert_eq!((total.value.get(), total.status, total.flags), (3, ObservationStatus::Final, nothing));
        // Small counts are shown as before, and editors are told.
        let site = site::Entity::find().one(&connection).await.expect("the site").expect("a site");
        assert_eq!((site.disclosure_method, site.disclosure_threshold.get()), (DisclosureMethod::Warn, 10));
    }

    async fn the_state_of_a_document_follows_what_it_is_computed_from(blank: Blank) {
        let connection = filled(&blank).await;
        upgrade(&blank).await;
        for (change, expected) in [
            ("due_at = {2026-01-13}", DocumentState::Scheduled),
            ("due_at = NULL, published_number = NULL", DocumentState::Unpublished),
            ("first_published_at = NULL", DocumentState::NeverPublished),
            ("archived_at = {2026-01-13}, due_at = {2026-01-13}", DocumentState::Archived),
        ] {
            run(&connection, blank.backend(), &[&format!("UPDATE documents SET {change} WHERE id = {{2}}")]).await;
            let document = document::Entity::find_by_id(id(2)).one(&connection).await.expect("documents");
            assert_eq!(document.expect("the page").state, expected, "{change}");
        }
    }

    async fn the_new_rules_hold_for_whoever_was_connected_and_whoever_comes(blank: Blank) {
        let before = filled(&blank).await;
        upgrade(&blank).await;
        for connection in [before, blank.connect().await] {
            let transaction = connection.begin().await.expect("a transaction");
            run(&transaction, blank.backend(), NEW).await;
            transaction.rollback().await.expect("the transaction is rolled back");
        }
    }

    async fn a_step_is_not_taken_back_over_rows_that_only_it_lets_in(blank: Blank) {
        let connection = filled(&blank).await;
        upgrade(&blank).await;
        let steps = u32::try_from(Migrator::migrations().len()).expect("a few steps") - FIRST;
        for row in ["UPDATE accounts SET role = 'READER'", "UPDATE accounts SET password_hash = NULL", NEW[2], NEW[3], NEW[5]] {
            let transaction = connection.begin().await.expect("a transaction");
            run(&transaction, blank.backend(), &[row]).await;
            Migrator::down(&transaction, Some(steps)).await.expect_err(row);
            transaction.rollback().await.expect("the transaction is rolled back");
        }
        // Nothing of it is left, and without such rows there is a way down.
        run(&connection, blank.backend(), &["UPDATE accounts SET role = 'READER'", "UPDATE accounts SET role = 'EDITOR'"])
            .await;
        Migrator::down(&connection, Some(steps)).await.expect("the way down");
    }
}
