//! Several processes on one database: what one has written, the others serve; what a client has written, it reads.

use std::time::Duration;

use api::{change, delivery::feed};
use sea_orm::{ConnectOptions, ConnectionTrait, DatabaseConnection, Statement, TransactionTrait};
use serde_json::{Value, json};
use tests::{Backend, Client, Reply, TestApp, on_both_databases};
use tokio::{task::JoinSet, time::timeout};

/// No test is meant to wait this long.
const PATIENCE: Duration = Duration::from_mins(1);
const TOKEN: &str = "almanac-change-token";
const AGE: &str = "almanac-snapshot-age";

/// Publishes the residents of one country in 2030, which nobody has counted yet.
async fn publish(editor: &Client, value: i32) -> Reply {
    let input = json!({
        "category": "RESIDENT", "year": 2030, "expectedVersion": 0, "publish": true,
        "counts": [{ "country": "CN", "value": value }],
    });
    let reply = editor.mutate("visitCountsUpdate", input).await;
    assert_eq!(reply.user_errors("visitCountsUpdate"), [] as [Value; 0]);
    reply
}

/// What the public reads of 2030.
async fn published(client: &Client) -> Reply {
    let query =
        "{ factSheet(categories: [\"RESIDENT\"], from: 2030) { categories { countries { counts { value } } } } }";
    client.run(query, json!({})).await
}

fn value(reply: &Reply) -> Option<i64> {
    reply.data().pointer("/factSheet/categories/0/countries/0/counts/0/value").and_then(Value::as_i64)
}

/// Asks until the answer is yes.
async fn until(ask: impl AsyncFn() -> bool) {
    let asking = async {
        while !ask().await {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, asking).await.expect("it happens in time");
}

/// A connection past the product.
async fn connect(app: &TestApp) -> DatabaseConnection {
    let mut options = ConnectOptions::new(app.database_url());
    options.max_connections(1).sqlx_logging(false);
    sea_orm::Database::connect(options).await.expect("a connection")
}

/// A statement that appends a change past the product.
fn insert(seq: i64, tag: &str) -> String {
    format!("INSERT INTO changes (seq, tags, at) VALUES ({seq}, '[\"{tag}\"]', '2026-01-15 00:00:00+00:00')")
}

async fn number(connection: &impl ConnectionTrait, sql: &str) -> i64 {
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let row = connection.query_one_raw(statement).await.expect("a query").expect("a row");
    row.try_get_by_index(0).expect("a number")
}

on_both_databases! {
    async fn whoever_bears_the_token_of_a_change_reads_it_on_every_process(app: TestApp) {
        let other = app.reopen().await;
        let written = publish(&app.editor().await, 7).await;
        let token = written.header(TOKEN).expect("a token");
        assert_eq!(written.at("/extensions/changeToken"), token);
        assert_eq!(value(&published(&other.anonymous()).await), None, "nothing has told the other process yet");
        let bearer = other.anonymous().with(TOKEN, token);
        assert_eq!(value(&published(&bearer).await), Some(7));
        assert_eq!(value(&published(&other.anonymous()).await), Some(7), "and from then on everybody");
    }

    async fn a_file_of_figures_contains_the_change_that_is_named(app: TestApp) {
        let other = app.reopen().await;
        let written = publish(&app.editor().await, 4_711).await;
        let address = "/figures/fact-sheet.csv?from=2030";
        assert!(!other.anonymous().get(address).await.text().contains("4711"));
        let bearer = other.anonymous().with(TOKEN, written.header(TOKEN).expect("a token"));
        let file = bearer.get(address).await;
        assert!(file.status() == 200 && file.text().contains("4711"), "{}", file.text());
    }

    async fn only_what_the_public_can_see_has_a_token_and_a_repeated_request_has_the_same(app: TestApp) {
        let editor = app.editor().await;
        let draft = editor.mutate("pageCreate", json!({ "slug": "draft" })).await;
        assert_eq!((draft.header(TOKEN), draft.json().pointer("/extensions/changeToken")), (None, None));
        let refused = editor.mutate("pageCreate", json!({ "slug": "draft" })).await;
        assert_eq!(refused.header(TOKEN), None);

        let keyed = editor.keyed("a key");
        let first = publish(&keyed, 7).await;
        // Something newer, and another process that knows of neither.
        editor.mutate("publish", json!({ "id": draft.at("/data/pageCreate/document/id"), "expectedVersion": 1 })).await;
        let second = publish(&app.reopen().await.bearer(keyed.token().expect("a token")).keyed("a key"), 7).await;
        assert!(first.header(TOKEN).is_some());
        assert_eq!((first.header(TOKEN), first.text()), (second.header(TOKEN), second.text()));
    }

    async fn a_change_that_is_not_there_is_an_error_that_says_to_try_again(app: TestApp) {
        let ahead = app.anonymous().with(TOKEN, "1.999999");
        for reply in [published(&ahead).await, ahead.get("/figures/fact-sheet.csv").await] {
            assert_eq!((reply.status(), reply.code()), (503, "CHANGE_NOT_SEEN"));
            assert_eq!(reply.header("retry-after"), Some("1"));
            assert!(reply.json().get("data").is_none());
        }
        let known = app.anonymous().with(TOKEN, &format!("1.{}", app.state().snapshot().seq));
        app.state().database().clone().close().await.expect("closes");
        assert_eq!(published(&ahead).await.code(), "CHANGE_NOT_SEEN", "without a database, too");
        assert_eq!(published(&known).await.status(), 200, "what is in memory needs no database");
    }

    async fn however_many_readers_name_a_change_that_is_not_there_the_database_is_asked_a_few_times(app: TestApp) {
        app.statements().reset();
        let mut readers = JoinSet::new();
        for _ in 0..50 {
            let client = app.anonymous().with(TOKEN, "1.999999");
            readers.spawn(async move { published(&client).await.status() });
        }
        assert_eq!(readers.join_all().await, [503; 50]);
        // One look is for all; a slow machine has time for another one before the first reader is answered.
        assert!(app.statements().so_far() <= 10, "{}", app.statements().so_far());
    }

    async fn an_answer_that_may_be_old_says_how_old_until_the_feed_is_seen_again(app: TestApp) {
        for address in ["/graphql?query={site{name}}", "/graphql", "/figures/fact-sheet.csv", "/figures/nonsense"] {
            let client = app.anonymous();
            feed::look(app.state()).await.expect("a look");
            assert_eq!(client.get(address).await.header(AGE), None, "{address}");
            app.clock().advance(chrono::Duration::seconds(2));
            assert_eq!(client.get(address).await.header(AGE), None, "{address}");
            app.clock().advance(chrono::Duration::seconds(9));
            assert_eq!(client.get(address).await.header(AGE), Some("11"), "{address}");
        }
        app.state().database().clone().close().await.expect("closes");
        feed::look(app.state()).await.expect_err("no look");
        assert_eq!(published(&app.anonymous()).await.header(AGE), Some("11"));
    }

    async fn a_process_hears_of_a_change_where_the_database_can_tell(app: TestApp) {
        let listener = app.state().database().listen().await.expect("a connection");
        assert_eq!(listener.is_some(), app.backend() == Backend::Postgres);
        publish(&app.editor().await, 7).await;
        if let Some(mut listener) = listener {
            timeout(PATIENCE, listener.heard()).await.expect("in time").expect("heard");
        }
    }

    async fn numbers_that_were_never_given_do_not_hold_up_those_after_them(app: TestApp) {
        let before = app.state().snapshot().seq;
        let connection = connect(&app).await;
        connection.execute_unprepared(&insert(before + 5, "later")).await.expect("a change");
        feed::look(app.state()).await.expect("a look");
        assert_eq!(app.state().snapshot().seq, before + 5);
        assert_eq!(app.reopen().await.state().snapshot().seq, before + 5, "nor in a process that starts");
        let written = publish(&app.editor().await, 7).await;
        assert_eq!(written.header(TOKEN), Some(format!("1.{}", before + 6).as_str()));
    }
}

#[tokio::test]
async fn what_is_no_token_is_a_bad_request() {
    let app = TestApp::new().await;
    for token in ["", "nonsense", "7", "1.", "1.-7", "2.7", "1.7.7"] {
        let reply = published(&app.anonymous().with(TOKEN, token)).await;
        assert_eq!((reply.status(), reply.code()), (400, "BAD_REQUEST"), "{token}");
        let reply = app.anonymous().with(TOKEN, token).get("/figures/fact-sheet.csv").await;
        assert_eq!((reply.status(), reply.code()), (400, "BAD_REQUEST"), "{token}");
    }
    let twice = app.anonymous().with(TOKEN, "1.1").with(TOKEN, "1.1");
    assert_eq!(published(&twice).await.code(), "BAD_REQUEST");
}

/// Past the lock that writers take turns by, two changes commit in the wrong order.
#[tokio::test]
async fn a_change_that_commits_after_its_successor_is_not_passed_over() {
    let Some(app) = TestApp::on(Backend::Postgres).await else { return };
    let before = app.state().snapshot().seq;
    let (first, second) = (connect(&app).await, connect(&app).await);
    let late = first.begin().await.expect("a transaction");
    late.execute_unprepared(&insert(before + 1, "late")).await.expect("a change");
    let rename = "UPDATE pages SET slug = 'late' WHERE slug = 'about-us'";
    late.execute_unprepared(rename).await.expect("what the change is about");
    second.execute_unprepared(&insert(before + 2, "early")).await.expect("a change");

    feed::look(app.state()).await.expect("a look, which waits for nobody");
    let snapshot = app.state().snapshot();
    assert_eq!(
        (snapshot.seq, snapshot.newest()),
        (before, before + 2),
        "a number is missing, so the next does not count"
    );
    assert_eq!(app.anonymous().get("/readyz").await.at("/change"), before);
    let replica = app.reopen().await;
    let (changes, stable) = change::stable_changes(app.state().database(), before).await.expect("changes");
    assert_eq!((changes.len(), stable.seq()), (1, before), "nor in a process that starts");

    late.commit().await.expect("the late one commits");
    for app in [&app, &replica] {
        feed::look(app.state()).await.expect("a look");
        assert_eq!(app.state().snapshot().seq, before + 2);
        let page = app.anonymous().run("{ page(slug: \"late\") { slug } }", json!({})).await;
        assert_eq!(page.at("/data/page/slug"), "late", "what the late one is about is served");
    }
    let (changes, stable) = change::stable_changes(app.state().database(), before).await.expect("changes");
    let tags: Vec<String> = changes.into_iter().flat_map(|change| change.tags).collect();
    assert_eq!((tags, stable.seq()), (vec!["late".to_owned(), "early".to_owned()], before + 2));
}

/// What the public reads that late changes may have a part in.
async fn everything(app: &TestApp) -> Vec<String> {
    let mut read = Vec::new();
    for document in [
        "{ factSheet(categories: [\"RESIDENT\"], from: 2020) { categories { countries { counts { value } } } } }",
        "{ vintages { category year publishedAt kind } }",
        "{ page(slug: \"about-us\") { slug } pages(first: 5) { nodes { slug } } }",
    ] {
        let reply = app.anonymous().run(document, json!({})).await;
        assert!(reply.errors().is_empty(), "{}", reply.text());
        read.push(reply.text().to_owned());
    }
    read
}

/// The same, when the process that looks on is the one that writes: its own change comes after both.
#[tokio::test]
async fn a_process_that_writes_does_not_pass_over_a_change_that_commits_late() {
    let Some(app) = TestApp::on(Backend::Postgres).await else { return };
    let (editor, other) = (app.editor().await, app.reopen().await);
    let (first, second) = (connect(&app).await, connect(&app).await);
    let figure = "UPDATE visit_counts SET value = 4711 WHERE category = 'RESIDENT' AND country = 'CN' \
                  AND year = (SELECT max(year) FROM visit_counts WHERE category = 'RESIDENT' AND country = 'CN')";
    // As when a sheet is published once more.
    let publication = |seq: i64| {
        format!(
            "INSERT INTO publications (change_seq, document_id, number, published_at, release_kind, reason, actor_kind) \
             SELECT {seq}, document_id, number, published_at, release_kind, reason, actor_kind FROM publications \
             WHERE document_id = (SELECT id FROM documents WHERE kind = 'YEAR_SHEET' ORDER BY key LIMIT 1) LIMIT 1"
        )
    };
    for late_statement in [figure.to_owned(), publication(app.state().snapshot().seq + 4)] {
        let before = app.state().snapshot().seq;
        let late = first.begin().await.expect("a transaction");
        late.execute_unprepared(&insert(before + 1, "figures")).await.expect("a change");
        late.execute_unprepared(&late_statement).await.expect("what the change is about");
        second.execute_unprepared(&insert(before + 2, "early")).await.expect("a change");

        let (value, version) = (before, i64::from(late_statement != figure));
        let input = json!({
            "category": "RESIDENT", "year": 2030, "expectedVersion": version, "publish": true, "reason": "Again",
            "kind": if version == 0 { "RELEASE" } else { "REVISION" }, "counts": [{ "country": "CN", "value": value }],
        });
        let written = editor.mutate("visitCountsUpdate", input).await;
        assert_eq!(written.user_errors("visitCountsUpdate"), [] as [Value; 0]);
        let token = written.header(TOKEN).expect("a token");
        assert_eq!(token, format!("1.{}", before + 3));
        for app in [&app, &other] {
            let read = published(&app.anonymous().with(TOKEN, token)).await;
            assert_eq!(self::value(&read), Some(value), "what was written is read, whatever is still to come");
            assert_eq!(read.header(TOKEN), Some(token), "and never unread");
            assert_eq!(app.state().snapshot().seq, before);
        }
        let without = [everything(&app).await, everything(&other).await];
        assert_eq!(without[0], without[1]);

        late.commit().await.expect("the late one commits");
        let fresh = everything(&app.reopen().await).await;
        assert_ne!(fresh, without[0]);
        for app in [&app, &other] {
            feed::look(app.state()).await.expect("a look");
            assert_eq!(app.state().snapshot().seq, before + 3);
            assert_eq!(everything(app).await, fresh, "as a process serves it that has just begun");
        }
    }
}

#[tokio::test]
async fn a_mutation_whose_number_is_taken_by_another_writer_takes_the_next() {
    let Some(app) = TestApp::on(Backend::Postgres).await else { return };
    let before = app.state().snapshot().seq;
    let (first, watcher) = (connect(&app).await, connect(&app).await);
    let faster = first.begin().await.expect("a transaction");
    faster.execute_unprepared(&insert(before + 1, "taken")).await.expect("a change");
    let editor = app.editor().await;
    let keyed = editor.keyed("a key");
    let writing = tokio::spawn({
        let keyed = keyed.clone();
        async move { publish(&keyed, 7).await }
    });
    let held_up = "SELECT count(*) FROM pg_locks WHERE NOT granted";
    until(async || number(&watcher, held_up).await == 1).await;
    faster.commit().await.expect("the other one commits");
    let written = timeout(PATIENCE, writing).await.expect("in time").expect("no panic");
    let token = format!("1.{}", before + 2);
    assert_eq!(written.header(TOKEN), Some(token.as_str()));
    assert_eq!(publish(&keyed, 7).await.header(TOKEN), Some(token.as_str()), "the answer that was kept names it, too");
    assert_eq!(app.state().snapshot().seq, before + 2);

    let endless = first.begin().await.expect("a transaction");
    endless.execute_unprepared(&insert(before + 3, "endless")).await.expect("a change");
    let input = json!({
        "category": "RESIDENT", "year": 2031, "expectedVersion": 0, "publish": true,
        "counts": [{ "country": "CN", "value": 8 }],
    });
    let refused = timeout(PATIENCE, editor.mutate("visitCountsUpdate", input.clone())).await.expect("in time");
    assert_eq!((refused.code(), refused.header("retry-after")), ("UNAVAILABLE", Some("1")));
    assert_eq!(refused.at("/errors/0/message"), "the database is busy; try again");
    endless.rollback().await.expect("it ends");
    editor.done("visitCountsUpdate", input).await;
}

/// As when PostgreSQL restarts, but at a moment of the test's choosing.
#[tokio::test]
async fn when_all_connections_break_the_first_writer_notices_nothing_and_the_feed_goes_on() {
    let Some(app) = TestApp::on(Backend::Postgres).await else { return };
    let follower = app.reopen().await;
    let following = tokio::spawn(feed::follow(follower.state().clone()));
    let watcher = connect(&app).await;
    let listening = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'";
    let editor = app.editor().await;
    for expected in 0..3 {
        until(async || number(&watcher, listening).await == 1).await;
        let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()";
        assert!(number(&watcher, end).await >= 2);
        let input = json!({
            "category": "RESIDENT", "year": 2030, "expectedVersion": expected, "publish": true, "reason": "Again",
            "kind": if expected == 0 { "RELEASE" } else { "REVISION" },
            "counts": [{ "country": "CN", "value": expected + 1 }],
        });
        editor.done("visitCountsUpdate", input).await;
        until(async || value(&published(&follower.anonymous()).await) == Some(expected + 1)).await;
    }
    following.abort();
}

#[tokio::test]
async fn a_writer_that_never_ends_is_not_waited_for_without_end() {
    let Some(app) = TestApp::on(Backend::Postgres).await else { return };
    let editor = app.editor().await;
    let other = app.reopen().await;
    let endless = other.state().database().begin_write().await.expect("a turn");
    let input = json!({ "slug": "patient" });
    let refused = timeout(PATIENCE, editor.mutate("pageCreate", input.clone())).await.expect("in time");
    assert_eq!((refused.code(), refused.header("retry-after")), ("UNAVAILABLE", Some("1")));
    drop(endless);
    editor.done("pageCreate", input).await;
}

/// As when the host of the database falls silent in the middle of a write.
#[tokio::test]
async fn a_write_that_gets_no_answer_is_given_up_and_leaves_the_way_to_the_next() {
    let Some(app) = TestApp::on(Backend::Postgres).await else { return };
    let editor = app.editor().await;
    let (first, watcher) = (connect(&app).await, connect(&app).await);
    let silence = first.begin().await.expect("a transaction");
    silence.execute_unprepared("LOCK TABLE revisions IN ACCESS EXCLUSIVE MODE").await.expect("a lock");
    let writing = tokio::spawn({
        let editor = editor.clone();
        async move { editor.mutate("pageCreate", json!({ "slug": "silence" })).await }
    });
    let held_up = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'revisions'::regclass";
    until(async || number(&watcher, held_up).await == 1).await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(31)).await;
    tokio::time::resume();
    let refused = timeout(PATIENCE, writing).await.expect("in time").expect("no panic");
    assert_eq!(refused.code(), "UNAVAILABLE");
    silence.rollback().await.expect("the silence ends");
    editor.done("pageCreate", json!({ "slug": "silence" })).await;
}
