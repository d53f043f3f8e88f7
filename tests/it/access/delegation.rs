//! What acts later than the request that made it: never longer, and never with more, than the credential that made it.

use api::document::schedule::run_due;
use chrono::Duration;
use entities::{AuditOutcome, Role, api_token, audit_entry};
use sea_orm::{ActiveValue::Set, EntityTrait, QueryFilter};
use serde_json::{Value, json};
use tests::{Client, READER, TestApp, commands, on_both_databases, start, tables::audit_log};

use super::people::{faults, id_of, mutate};

/// What a token is asked to be that ends after this many hours.
fn wanted(capabilities: &[&str], hours: i64) -> Value {
    json!({ "name": "A script", "capabilities": capabilities, "expiresAt": start() + Duration::hours(hours) })
}

/// A token that ends after this many hours.
async fn token(app: &TestApp, maker: &Client, capabilities: &[&str], hours: i64) -> Client {
    token_and_id(app, maker, capabilities, hours).await.0
}

/// The same, and its id.
async fn token_and_id(app: &TestApp, maker: &Client, capabilities: &[&str], hours: i64) -> (Client, Value) {
    let made = maker.done("apiTokenCreate", wanted(capabilities, hours)).await;
    (app.bearer(made["token"].as_str().expect("a token")), made["apiToken"]["id"].clone())
}

async fn revoke(app: &TestApp, id: &Value) {
    app.administrator().await.done("apiTokenRevoke", json!({ "id": id })).await;
}

async fn works(client: &Client) -> bool {
    let reply = client.run("{ viewer { email } }", json!({})).await;
    if reply.status() != 200 {
        assert_eq!((reply.status(), reply.code()), (401, "UNAUTHENTICATED"));
    }
    reply.status() == 200
}

const PUBLISHER: [&str; 3] = ["READ_DRAFTS", "WRITE_CONTENT", "PUBLISH_CONTENT"];

/// A new page, and when it is to be published: in a minute.
async fn scheduled(app: &TestApp, client: &Client, slug: &str) -> Value {
    let page = client.done("pageCreate", json!({ "slug": slug })).await["document"].clone();
    client.done("schedule", in_minutes(app, &page, 1)).await;
    page
}

fn in_minutes(app: &TestApp, page: &Value, minutes: i64) -> Value {
    let at = (app.clock().now() + Duration::minutes(minutes)).format("%Y-%m-%dT%H:%M:%S").to_string();
    json!({ "id": page["id"], "expectedVersion": page["version"], "action": "PUBLISH", "at": at, "timeZone": "UTC" })
}

/// How a page stands after the minute, and why it was not published if it was not.
async fn after_a_minute(app: &TestApp, page: &Value) -> (Value, Value) {
    app.clock().advance(Duration::minutes(1));
    assert_eq!(run_due(app.state()).await.expect("schedules are carried out"), 1);
    let query = "query($id: ID!) { document(by: { id: $id }) { state schedules { failureCode } } }";
    let found = app.editor().await.run(query, json!({ "id": page["id"] })).await.data()["document"].clone();
    (found["state"].clone(), found["schedules"][0]["failureCode"].clone())
}

/// What the audit log says of the last schedule that was due.
async fn carried_out(app: &TestApp) -> audit_entry::Model {
    let log = audit_log(app).await;
    log.into_iter().rfind(|entry| entry.action == "schedule").expect("an entry")
}

fn failed() -> (Value, Value) {
    (json!("NEVER_PUBLISHED"), json!("FORBIDDEN"))
}

on_both_databases! {
    async fn a_token_that_a_token_made_does_not_outlive_it(app: TestApp) {
        let maker = app.administrator().await;
        let (parent, id) = token_and_id(&app, &maker, &["MANAGE_PEOPLE", "READ_DRAFTS"], 2).await;
        let input = wanted(&["READ_DRAFTS"], 3);
        let longer = mutate(&parent, "apiTokenCreate", "ApiTokenCreateInput", input, "token").await;
        assert_eq!(faults(&longer, "apiTokenCreate"), [("input.expiresAt".to_owned(), "OUTLIVES_TOKEN".to_owned())]);
        let child = token(&app, &parent, &["MANAGE_PEOPLE", "READ_DRAFTS"], 2).await;
        let grandchild = token(&app, &child, &["READ_DRAFTS"], 1).await;
        let other = token(&app, &app.administrator().await, &["READ_DRAFTS"], 2).await;
        assert!(works(&parent).await && works(&child).await && works(&grandchild).await);

        revoke(&app, &id).await;
        assert!(!works(&parent).await && !works(&child).await && !works(&grandchild).await);
        assert!(works(&other).await);
        let listed = app.administrator().await.run("{ apiTokens { revokedAt } }", json!({})).await;
        let listed = listed.at("/data/apiTokens").as_array().expect("tokens");
        let ended = listed.iter().filter(|token| token["revokedAt"].is_string()).count();
        assert_eq!((listed.len(), ended), (4, 3), "the list says so, too");
    }

    async fn a_token_dies_with_its_parent_though_that_was_ended_in_the_database(app: TestApp) {
        let parent = token(&app, &app.administrator().await, &["MANAGE_PEOPLE", "READ_DRAFTS"], 2).await;
        let child = token(&app, &parent, &["READ_DRAFTS"], 2).await;
        assert!(works(&child).await);
        let transaction = app.state().database().begin_write().await.expect("a turn");
        api_token::Entity::update_many()
            .filter(api_token::COLUMN.parent_id.is_null())
            .set(api_token::ActiveModel { revoked_at: Set(Some(start())), ..Default::default() })
            .exec(&*transaction)
            .await
            .expect("ended");
        transaction.commit().await.expect("committed");
        let drafts = child.run("{ documents { totalCount } }", json!({})).await;
        assert_eq!(drafts.code(), "UNAUTHENTICATED");
    }

    async fn a_schedule_runs_as_the_token_that_set_it_and_the_audit_says_so(app: TestApp) {
        let client = token(&app, &app.administrator().await, &PUBLISHER, 2).await;
        let page = scheduled(&app, &client, "by-a-token").await;
        assert_eq!(after_a_minute(&app, &page).await.0, "PUBLISHED");
        let rows = api_token::Entity::find().all(app.state().database().reader()).await.expect("tokens");
        let last = carried_out(&app).await;
        assert_eq!(last.outcome, AuditOutcome::Done);
        assert_eq!(last.api_token_id, Some(rows[0].id));
        assert_eq!(last.actor_id, Some(rows[0].account_id));
    }

    async fn a_schedule_dies_with_the_token_that_set_it(app: TestApp) {
        let (client, id) = token_and_id(&app, &app.administrator().await, &PUBLISHER, 2).await;
        let page = scheduled(&app, &client, "by-a-token").await;
        revoke(&app, &id).await;
        assert_eq!(after_a_minute(&app, &page).await, failed());
        let rows = api_token::Entity::find().all(app.state().database().reader()).await.expect("tokens");
        let last = carried_out(&app).await;
        assert_eq!(last.outcome, AuditOutcome::Refused);
        assert_eq!((last.api_token_id, last.code.as_deref()), (Some(rows[0].id), Some("FORBIDDEN")));
    }

    async fn a_schedule_is_not_set_for_a_time_after_the_end_of_its_token(app: TestApp) {
        let client = token(&app, &app.administrator().await, &PUBLISHER, 2).await;
        let page = client.done("pageCreate", json!({ "slug": "late" })).await["document"].clone();
        let late = client.mutate("schedule", in_minutes(&app, &page, 121)).await;
        assert_eq!(late.at("/data/schedule/errors/0/rule"), "OUTLIVES_TOKEN");
        client.done("schedule", in_minutes(&app, &page, 120)).await;
    }

    async fn a_schedule_may_no_more_than_the_account_that_set_it_may_by_then(app: TestApp) {
        commands::add(app.state(), "mover@example.org", Role::Editor, &[], "a mover's password").await.expect("an account");
        let signed_in = app.try_sign_in("mover@example.org", "a mover's password").await;
        let mover = app.bearer(signed_in.at("/data/signIn/session/accessToken").as_str().expect("a token"));
        let page = scheduled(&app, &mover, "moved-on").await;
        let accounts = app.administrator().await.run("{ accounts(first: 100) { nodes { id email } } }", json!({})).await;
        let accounts = accounts.at("/data/accounts/nodes").as_array().expect("accounts").clone();
        let id = accounts.iter().find(|account| account["email"] == "mover@example.org").expect("the account")["id"].clone();
        app.administrator().await.done("accountUpdate", json!({ "id": id, "role": "READER" })).await;
        assert_eq!(after_a_minute(&app, &page).await, failed());
    }

    async fn an_invitation_dies_with_the_right_of_who_wrote_it(app: TestApp) {
        let administrator = app.administrator().await;
        let redeem = async |link: &Value| {
            let input = json!({ "token": link["token"], "password": "seven lanterns, one quiet boat" });
            let reply = app.anonymous().mutate("passwordSet", input).await;
            reply.user_codes("passwordSet").into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        let (client, id) = token_and_id(&app, &administrator, &["MANAGE_PEOPLE", "READ_DRAFTS"], 2).await;
        let input = json!({ "email": "new@example.org", "role": "READER" });
        let invited = client.done("accountInvite", input).await;
        let other = client.done("accountLinkCreate", json!({ "id": id_of(&app, READER).await })).await;
        assert_eq!(redeem(&other["link"]).await, [] as [&str; 0]);
        revoke(&app, &id).await;
        assert_eq!(redeem(&invited["link"]).await, ["LINK_ENDED"]);
        // Another administrator writes a new one.
        let again = administrator.done("accountLinkCreate", json!({ "id": invited["account"]["id"] })).await;
        assert_eq!(redeem(&again["link"]).await, [] as [&str; 0]);
    }
}
