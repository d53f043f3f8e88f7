//! When a process cannot go on, it says so and stops, and writes nothing meanwhile.

use api::{background::Tasks, delivery::feed};
use sea_orm::ConnectionTrait;
use serde_json::json;
use tests::{Backend, Client, TestApp, on_both_databases};

/// Does to the database what nobody can do through it: history is protected by triggers.
async fn force(app: &TestApp, statements: &[&str]) {
    let transaction = app.state().database().begin_write().await.expect("a turn");
    let release = match app.backend() {
        Backend::Sqlite => ["changes", "publications"]
            .map(|table| format!("DROP TRIGGER {table}_refuse_UPDATE; DROP TRIGGER {table}_refuse_DELETE;"))
            .concat(),
        Backend::Postgres => {
            ["changes", "publications"].map(|table| format!("DROP TRIGGER {table}_refuse ON {table};")).concat()
        }
    };
    transaction.execute_unprepared(&release).await.expect("no triggers");
    for statement in statements {
        transaction.execute_unprepared(statement).await.expect(statement);
    }
    transaction.commit().await.expect("a commit");
}

const NEWEST: &str = "(SELECT max(seq) FROM changes)";

async fn publish(editor: &Client) {
    let saved = editor.done("countrySave", json!({ "code": "FR", "expectedVersion": 0, "position": 90, "names": [{ "locale": "en", "text": "France" }, { "locale": "ja", "text": "フランス" }] })).await["document"].clone();
    editor.done("publish", json!({ "id": saved["id"], "expectedVersion": saved["version"] })).await;
}

async fn assert_stopped(app: &TestApp, editor: &Client) {
    let message = "the database is older than what this server has served; the server stops";
    for address in ["/readyz", "/healthz"] {
        let reply = app.anonymous().get(address).await;
        assert_eq!((reply.status(), reply.at("/status")), (503, &json!(message)), "{address}");
    }
    let refused =
        editor.mutate("countrySave", json!({ "code": "DE", "expectedVersion": 0, "position": 91, "names": [] })).await;
    assert_eq!(refused.code(), "UNAVAILABLE");
    assert_eq!(app.state().failed().await.as_ref(), message, "which ends the process");
}

on_both_databases! {
    async fn a_process_whose_database_has_lost_what_it_served_stops(app: TestApp) {
        let editor = app.editor().await;
        publish(&editor).await;
        let other = app.reopen().await;
        let editor_of_other = other.editor().await;
        let publications = format!("DELETE FROM publications WHERE change_seq = {NEWEST}");
        force(&app, &[&publications, &format!("DELETE FROM changes WHERE seq = {NEWEST}")]).await;
        assert!(feed::look(app.state()).await.is_err());
        assert_stopped(&app, &editor).await;

        // One that does not look before it writes is stopped by the write.
        let refused = editor_of_other.mutate("countrySave", json!({ "code": "DE", "expectedVersion": 0, "position": 91, "names": [] })).await;
        assert_eq!(refused.code(), "UNAVAILABLE");
        assert_stopped(&other, &editor_of_other).await;

        let fresh = app.reopen().await;
        assert_eq!(fresh.anonymous().get("/healthz").await.status(), 200, "a new one begins with what is there");
    }

    async fn a_process_whose_database_went_another_way_stops(app: TestApp) {
        let editor = app.editor().await;
        publish(&editor).await;
        // As many changes as before, and more, but not the same.
        force(&app, &[
            &format!("UPDATE changes SET tags = '[\"pages\"]' WHERE seq = {NEWEST}"),
            &format!("INSERT INTO changes (seq, tags, at) SELECT seq + 1, tags, at FROM changes WHERE seq = {NEWEST}"),
        ]).await;
        assert!(feed::look(app.state()).await.is_err());
        assert_stopped(&app, &editor).await;
    }

    async fn a_task_that_ends_though_it_should_go_on_stops_the_process(app: TestApp) {
        let other = app.reopen().await;
        let mut tasks = Tasks::default();
        tasks.start(app.state(), "may end", async {});
        tasks.keep(other.state(), "goes on", async {});
        assert_eq!(other.state().failed().await.as_ref(), "the task that goes on has ended");
        assert_eq!(app.anonymous().get("/healthz").await.status(), 200);
        tasks.start(app.state(), "panics", async { panic!("on purpose") });
        assert_eq!(app.state().failed().await.as_ref(), "the task that panics has panicked");
        assert_eq!(app.anonymous().get("/healthz").await.status(), 503);
    }
}
