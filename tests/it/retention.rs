//! What is over is removed by rule, and nothing else.

use api::retention::{self, CREDENTIALS, SCHEDULES};
use chrono::Duration;
use entities::{
    account_link, audit_entry, idempotency_key, lease, preview, publication, refresh_token, revision, schedule, session,
};
use sea_orm::{EntityTrait, PaginatorTrait};
use serde_json::json;
use tests::{ADMINISTRATOR, EDITOR, TestApp, on_both_databases};

/// How many rows there are of what is over some time: sessions, refresh tokens, previews, links, leases, keys, schedules.
async fn rows(app: &TestApp) -> [u64; 7] {
    let reader = app.state().database().reader();
    macro_rules! count {
        ($($table:ident)+) => {[$($table::Entity::find().count(reader).await.expect("a number")),+]};
    }
    count!(session refresh_token preview account_link lease idempotency_key schedule)
}

async fn history(app: &TestApp) -> [u64; 3] {
    let reader = app.state().database().reader();
    [
        revision::Entity::find().count(reader).await.expect("a number"),
        publication::Entity::find().count(reader).await.expect("a number"),
        audit_entry::Entity::find().count(reader).await.expect("a number"),
    ]
}

async fn prune(app: &TestApp) {
    retention::prune(app.state()).await.expect("pruned");
}

on_both_databases! {
    async fn what_is_over_is_removed_by_rule_and_history_is_not(app: TestApp) {
        let session = app.sign_in(EDITOR).await;
        app.refresh(&session.refresh_token).await;
        let administrator = app.bearer(&app.sign_in(ADMINISTRATOR).await.access_token);
        let page = administrator.run("{ document(by: { page: \"about-us\" }) { id version } }", json!({})).await;
        let (id, version) = (page.at("/data/document/id"), page.at("/data/document/version"));
        administrator.done("previewCreate", json!({ "id": id, "version": version })).await;
        administrator.run("mutation($id: ID!) { leaseTake(input: { id: $id }) { errors { code } } }", json!({ "id": id })).await;
        administrator.keyed("a key").done("accountInvite", json!({ "email": "new@example.org", "role": "READER" })).await;
        let plan = json!({
            "id": id, "expectedVersion": version, "action": "UNPUBLISH", "at": "2030-01-01T00:00:00", "timeZone": "UTC",
        });
        administrator.done("schedule", plan.clone()).await;
        // The first is called off by the second, which is pending.
        administrator.done("schedule", plan).await;
        assert_eq!(rows(&app).await, [2, 3, 1, 1, 1, 1, 2]);
        let kept = history(&app).await;

        prune(&app).await;
        assert_eq!(rows(&app).await, [2, 3, 1, 1, 1, 1, 2], "nothing is over");
        app.clock().advance(Duration::hours(25));
        prune(&app).await;
        assert_eq!(rows(&app).await, [2, 3, 1, 1, 0, 0, 2]);
        app.clock().advance(Duration::days(7) + CREDENTIALS);
        prune(&app).await;
        assert_eq!(rows(&app).await, [2, 3, 0, 0, 0, 0, 2], "sessions last for thirty days");
        app.clock().advance(Duration::days(30));
        prune(&app).await;
        assert_eq!(rows(&app).await, [0, 0, 0, 0, 0, 0, 2]);
        app.clock().advance(SCHEDULES);
        prune(&app).await;
        assert_eq!(rows(&app).await, [0, 0, 0, 0, 0, 0, 1], "one is still to come");
        assert_eq!(history(&app).await, kept);
        assert_eq!(app.try_refresh(&session.refresh_token).await.at("/data/refreshSession/errors/0/code"), "SESSION_ENDED");
    }
}
