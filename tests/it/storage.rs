//! A database that fails in the middle of a write: what is acknowledged is there, what is refused is not, and the next write
//! is as good as any.

use std::{pin::pin, time::Duration};

use api::access::audit;
use entities::document;
use sea_orm::{ConnectionTrait, DbBackend, EntityTrait, QueryFilter, Statement};
use serde_json::{Value, json};
use tests::{
    Backend, Client, Reply, TestApp, on_both_databases,
    sabotage::{Sabotage, empty_disk, fill_disk},
};
use tokio::{select, task::yield_now, time::timeout};

/// No test is meant to wait this long.
const PATIENCE: Duration = Duration::from_mins(1);

/// The ids of the pages with these slugs, as a connection past the product reads them.
async fn stored(connection: &impl ConnectionTrait, slugs: &[&str]) -> Vec<bool> {
    let mut found = Vec::new();
    for slug in slugs {
        let key = document::COLUMN.key.eq(format!("PAGE/{slug}"));
        found.push(document::Entity::find().filter(key).one(connection).await.expect("a read").is_some());
    }
    found
}

async fn create(editor: &Client, slug: &str) -> Reply {
    editor.mutate("pageCreate", json!({ "slug": slug })).await
}

/// A page that takes more room than SQLite has left over.
pub(crate) async fn create_large(editor: &Client, slug: &str) -> Reply {
    let page = create(editor, slug).await;
    if page.json().pointer("/errors").is_some() {
        return page;
    }
    let page_id = page.at("/data/pageCreate/document/id");
    let body = "長い文章です。".repeat(25_000);
    editor
        .mutate(
            "pageTextSave",
            json!({ "pageId": page_id, "locale": "en", "expectedVersion": 0, "title": slug, "body": body }),
        )
        .await
}

async fn reads_go_on(app: &TestApp) {
    let page = app.anonymous().run("{ page(slug: \"about-us\") { slug } }", json!({})).await;
    assert_eq!(page.at("/data/page/slug"), "about-us");
}

async fn the_audit_log_is_sound(app: &TestApp) {
    let reading = app.state().database().begin_read().await.expect("a transaction");
    audit::verify(&reading, None).await.expect("a read").expect("a sound log");
}

/// Asks until the answer is yes.
async fn until(ask: impl AsyncFn() -> bool) {
    let asking = async {
        while !ask().await {
            yield_now().await;
        }
    };
    timeout(PATIENCE, asking).await.expect("it happens in time");
}

on_both_databases! {
    async fn what_is_acknowledged_after_a_failed_write_is_there(app: TestApp) {
        let (editor, sabotage) = (app.editor().await, Sabotage::of(&app).await);
        for (round, fails_at) in ["statement", "commit", "statement", "commit"].into_iter().enumerate() {
            match fails_at {
                "statement" => sabotage.fail_statements("XX000").await,
                _ => sabotage.fail_commits("XX000").await,
            }
            for attempt in 0..3 {
                let slug = format!("failed-{round}-{attempt}");
                let failed = create(&editor, &slug).await;
                assert!(["INTERNAL", "UNAVAILABLE"].contains(&failed.code()), "{}", failed.text());
                assert!(!failed.text().contains("sabotage"), "{}", failed.text());
                assert_eq!(stored(sabotage.connection(), &[&slug]).await, [false]);
                reads_go_on(&app).await;
            }
            sabotage.mend().await;
            // A write that is given up, and a read: on a connection that still was inside of a transaction, everything that
            // comes after them would be a part of it.
            drop(app.state().database().begin_write().await.expect("a turn"));
            drop(app.state().database().begin_read().await.expect("a transaction"));
            for attempt in 0..3 {
                let slug = format!("done-{round}-{attempt}");
                let created = create(&editor, &slug).await;
                assert_eq!(created.user_errors("pageCreate"), [] as [Value; 0]);
                assert_eq!(stored(sabotage.connection(), &[&slug]).await, [true], "{slug} was acknowledged");
            }
        }
        the_audit_log_is_sound(&app).await;
    }

    async fn a_write_that_is_given_up_half_way_leaves_nothing_behind_and_is_in_nobodys_way(app: TestApp) {
        let (editor, sabotage) = (app.editor().await, Sabotage::of(&app).await);
        for step in 0..14 {
            let (abandoned, done) = (format!("abandoned-{step}"), format!("done-{step}"));
            {
                let mut writing = pin!(create(&editor, &abandoned));
                for _ in 0..1 << step {
                    select! {
                        biased;
                        _ = &mut writing => break,
                        () = yield_now() => {}
                    }
                }
            }
            let created = create(&editor, &done).await;
            assert_eq!(created.user_errors("pageCreate"), [] as [Value; 0]);
            assert_eq!(stored(sabotage.connection(), &[&done]).await, [true], "{done} was acknowledged");
        }
        the_audit_log_is_sound(&app).await;
    }

    async fn a_read_that_is_given_up_half_way_leaves_no_transaction_open(app: TestApp) {
        let sabotage = Sabotage::of(&app).await;
        for step in 0..12 {
            let mut reading = pin!(app.state().database().begin_read());
            for _ in 0..1 << step {
                select! {
                    biased;
                    _ = &mut reading => break,
                    () = yield_now() => {}
                }
            }
        }
        let (backend, connection) = (sabotage.connection().get_database_backend(), sabotage.connection());
        let left = match app.backend() {
            // Each open reader stands in the way of cutting the log off.
            Backend::Sqlite => "PRAGMA wal_checkpoint(TRUNCATE)",
            Backend::Postgres => "SELECT count(*)::integer FROM pg_stat_activity \
                WHERE datname = current_database() AND state LIKE 'idle in transaction%'",
        };
        until(async || {
            let row = connection.query_one_raw(Statement::from_string(backend, left)).await.expect("a query");
            row.expect("a row").try_get_by_index::<i32>(0).expect("a number") == 0
        })
        .await;
    }
}

#[tokio::test]
async fn a_full_disk_is_told_as_such_reads_go_on_and_writing_comes_back_by_itself() {
    let app = TestApp::new().await;
    let (editor, sabotage) = (app.editor().await, Sabotage::of(&app).await);
    let probe = async || app.anonymous().get("/readyz").await;
    for round in 0..3 {
        assert_eq!(probe().await.status(), 200);
        fill_disk(app.state().database()).await;
        let refused = create_large(&editor, &format!("large-{round}")).await;
        assert_eq!((refused.status(), refused.code()), (200, "STORAGE_FULL"));
        assert_eq!(refused.at("/errors/0/message"), "the disk of the database is full; try again when there is room");
        assert_eq!(refused.header("retry-after"), Some("10"));
        let not_ready = probe().await;
        let told = (not_ready.status(), not_ready.at("/status"));
        assert_eq!(told, (503, &json!("writing fails: the disk of the database is full")));
        reads_go_on(&app).await;

        let done = format!("done-{round}");
        if round == 0 {
            // Later on the probe has left room of its own.
            fill_disk(app.state().database()).await;
            app.state().database().probe_writes().await.expect_err("no room");
            assert_eq!(probe().await.status(), 503, "the disk is still full");
        }
        empty_disk(app.state().database()).await;
        let created = create_large(&editor, &done).await;
        assert_eq!(created.user_errors("pageTextSave"), [] as [Value; 0]);
        assert_eq!(stored(sabotage.connection(), &[&done]).await, [true]);
        app.state().database().probe_writes().await.expect("there is room");
    }
    assert_eq!(probe().await.status(), 200);
    the_audit_log_is_sound(&app).await;
}

/// What a role may not do is no outage: trying again does not help, and an operator is told.
#[tokio::test]
async fn a_database_that_denies_writing_is_not_said_to_be_away() {
    let app = TestApp::new().await;
    let editor = app.editor().await;
    let transaction = app.state().database().begin_write().await.expect("a turn");
    transaction.execute_unprepared("PRAGMA query_only = 1").await.expect("a setting");
    transaction.commit().await.expect("nothing is written");
    let denied = create(&editor, "denied").await;
    assert_eq!((denied.code(), denied.header("retry-after")), ("INTERNAL", None));
    let probe = app.anonymous().get("/readyz").await;
    assert_eq!((probe.status(), probe.at("/status")), (503, &json!("writing fails: the database denies it")));
    app.state().database().probe_writes().await.expect_err("denied as before");
    reads_go_on(&app).await;
}

#[tokio::test]
async fn postgresql_is_quoted_right_too() {
    let Some(app) = TestApp::on(Backend::Postgres).await else { return };
    let (editor, sabotage) = (app.editor().await, Sabotage::of(&app).await);
    for (code, expected, status) in [
        ("53100", ("STORAGE_FULL", Some("10")), "writing fails: the disk of the database is full"),
        ("58030", ("UNAVAILABLE", Some("1")), "writing fails: the disk of the database fails"),
        ("42501", ("INTERNAL", None), "writing fails: the database denies it"),
        ("40001", ("UNAVAILABLE", Some("1")), "ok"),
        ("22021", ("INTERNAL", None), "ok"),
    ] {
        for fails_at in ["statement", "commit"] {
            match fails_at {
                "statement" => sabotage.fail_statements(code).await,
                _ => sabotage.fail_commits(code).await,
            }
            let refused = create(&editor, &format!("refused-{code}")).await;
            assert_eq!((refused.code(), refused.header("retry-after")), expected, "{code} at the {fails_at}");
            assert_eq!(app.anonymous().get("/readyz").await.at("/status"), status, "{code} at the {fails_at}");
            sabotage.mend().await;
            app.state().database().probe_writes().await.expect("nothing is in the way");
            assert_eq!(app.anonymous().get("/readyz").await.status(), 200);
        }
    }
    assert_eq!(create(&editor, "done").await.user_errors("pageCreate"), [] as [Value; 0]);
}

/// Roles that may connect, and even read everything, cannot hold up those who write.
#[tokio::test]
async fn a_table_that_stays_locked_is_busy_and_no_fault_of_the_server() {
    let Some(app) = TestApp::on(Backend::Postgres).await else { return };
    let (editor, outsider) = (app.editor().await, Sabotage::of(&app).await);
    let run = async |sql: &str| outsider.connection().execute_unprepared(sql).await.expect("done");
    for table in ["documents", "revisions"] {
        run(&format!("BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")).await;
        let input = json!({ "category": "TRAVEL", "year": 2050, "expectedVersion": 0, "total": 1 });
        assert_eq!(editor.mutate("visitCountsUpdate", input).await.code(), "UNAVAILABLE", "{table}");
        run("ROLLBACK").await;
    }
}

#[tokio::test]
async fn who_may_not_write_cannot_hold_up_writers() {
    let Some(app) = TestApp::on(Backend::Postgres).await else { return };
    let (editor, outsider) = (app.editor().await, Sabotage::of(&app).await);
    let run = async |sql: &str| outsider.connection().execute_unprepared(sql).await;
    for (role, may) in [("pg_monitor", &[][..]), ("pg_read_all_data", &["write_lock", "changes", "seaql_migrations"])] {
        run(&format!("SET ROLE {role}")).await.expect("a role");
        for lock in [
            "SELECT id FROM write_lock FOR UPDATE",
            "SELECT id FROM write_lock FOR KEY SHARE",
            "LOCK TABLE write_lock IN ROW SHARE MODE",
            "LOCK TABLE changes IN ROW EXCLUSIVE MODE",
            "LOCK TABLE seaql_migrations IN ROW SHARE MODE",
        ] {
            run("BEGIN").await.expect("a transaction");
            assert!(run(lock).await.expect_err(lock).to_string().contains("permission denied"), "{role}: {lock}");
            run("ROLLBACK").await.expect("the end");
        }
        run("BEGIN").await.expect("a transaction");
        for table in may {
            run(&format!("LOCK TABLE {table} IN ACCESS SHARE MODE")).await.expect("a lock that reading takes");
        }
        let schema = "SELECT pg_advisory_lock(hashtextextended('almanac.' || current_schema(), 0))";
        run(schema).await.expect("everybody may take advisory locks");
        let created = create(&editor, &role.replace('_', "-")).await;
        assert_eq!(created.user_errors("pageCreate"), [] as [Value; 0], "{role}");
        app.reopen().await;
        run("ROLLBACK; RESET ROLE; SELECT pg_advisory_unlock_all()").await.expect("the end");
    }
}

#[tokio::test]
async fn what_takes_the_place_of_a_failed_commit_in_the_log_is_written_each_time() {
    let app = TestApp::on(Backend::Sqlite).await.expect("SQLite is always there");
    let outside = Sabotage::of(&app).await;
    // Differs from its last value when another connection has written a page.
    let version = async || {
        let statement = Statement::from_string(DbBackend::Sqlite, "PRAGMA data_version");
        let row = outside.connection().query_one_raw(statement).await.expect("asked").expect("a row");
        row.try_get_by_index::<i64>(0).expect("a number")
    };
    for _ in 0..3 {
        let before = version().await;
        let turn = app.state().database().begin_write().await.expect("a turn");
        turn.overwrite().await.expect("written");
        assert_ne!(version().await, before);
    }
}
