//! The audit log: one entry for everything that was done or refused, chained, and out of reach for changes.

use api::access::{account, audit};
use entities::{ActorKind, AuditOutcome, Role, account as accounts, audit_entry, change, publication, revision};
use sea_orm::{ConnectionTrait, EntityTrait, PaginatorTrait, QueryOrder};
use serde_json::json;
use tests::{ADMINISTRATOR, Backend, EDITOR, Reply, TestApp, commands, on_both_databases};
use uuid::Uuid;

async fn entries(app: &TestApp) -> Vec<audit_entry::Model> {
    let entries = audit_entry::Entity::find().order_by_asc(audit_entry::COLUMN.seq);
    entries.all(app.state().database().reader()).await.expect("the entries")
}

/// Actor, action, outcome and code of each entry after the first `before`.
async fn since(app: &TestApp, before: usize) -> Vec<(Option<Uuid>, String, AuditOutcome, Option<String>)> {
    let entries = entries(app).await.split_off(before);
    entries.into_iter().map(|entry| (entry.actor_id, entry.action, entry.outcome, entry.code)).collect()
}

async fn editor_id(app: &TestApp) -> Option<Uuid> {
    let account =
        account::find_by_email(app.state().database().reader(), &EDITOR.email.parse().expect("an address")).await;
    account.expect("readable").map(|account: accounts::Model| account.id)
}

const UPDATE: &str = "mutation($input: VisitCountsUpdateInput!) { visitCountsUpdate(input: $input) {
    yearSheet { version } errors { code }
} }";

on_both_databases! {
    async fn everything_done_or_refused_leaves_one_entry(app: TestApp) {
        let editor = editor_id(&app).await;
        let (done, refused) = (AuditOutcome::Done, AuditOutcome::Refused);
        let mut before = entries(&app).await.len();
        let mut expect = async |actor, action: &str, outcome, code: Option<&str>| {
            let expected = (actor, action.to_owned(), outcome, code.map(str::to_owned));
            assert_eq!(since(&app, before).await, [expected]);
            before += 1;
        };

        let first = app.sign_in(EDITOR).await;
        expect(editor, "signIn", done, None).await;
        app.try_sign_in(EDITOR.email, "a wrong password").await;
        expect(None, "signIn", refused, Some("INVALID_CREDENTIALS")).await;
        app.try_sign_in("nobody@example.org", "a wrong password").await;
        expect(None, "signIn", refused, Some("INVALID_CREDENTIALS")).await;
        let second = app.refresh(&first.refresh_token).await;
        expect(editor, "refreshSession", done, None).await;
        let client = app.bearer(&second.access_token);
        let input = json!({ "category": "TRAVEL", "year": 2050, "expectedVersion": 0, "total": 1 });
        let reply = client.run(UPDATE, json!({ "input": input })).await;
        assert_eq!(reply.user_codes("visitCountsUpdate"), [] as [&str; 0]);
        expect(editor, "visitCountsUpdate", done, None).await;
        app.clock().advance(chrono::Duration::seconds(10));
        app.try_refresh(&first.refresh_token).await;
        expect(editor, "refreshSession", refused, Some("SESSION_ENDED")).await;
        let third = app.sign_in(EDITOR).await;
        expect(editor, "signIn", done, None).await;
        let reply = app.bearer(&third.access_token).run("mutation { signOut { signedOut } }", json!({})).await;
        assert_eq!(reply.at("/data/signOut/signedOut"), true);
        expect(editor, "signOut", done, None).await;

        commands::add(app.state(), "new@example.org", Role::Editor, &[], "a new password").await.expect("an account");
        expect(None, "user add", done, None).await;
        commands::set_password(app.state(), EDITOR.email, "another password").await.expect("a password");
        expect(None, "user password", done, None).await;
        commands::disable(app.state(), EDITOR.email).await.expect("disabled");
        expect(None, "user disable", done, None).await;
        commands::rotate_key(app.state()).await.expect("rotates");
        expect(None, "key rotate", done, None).await;
        commands::trust(app.state(), &[("menu", "{ site { name } }")]).await.expect("a document");
        expect(None, "documents add", done, None).await;
        commands::distrust(app.state(), &["menu"]).await.expect("no document");
        expect(None, "documents remove", done, None).await;
    }

    async fn what_only_reads_leaves_no_entry_and_what_is_refused_leaves_one(app: TestApp) {
        let editor = app.editor().await;
        let before = entries(&app).await.len();
        let sheet = editor.run("{ yearSheet(category: \"TRAVEL\", year: 2018) { version } }", json!({})).await;
        assert_eq!(sheet.at("/data/yearSheet/version"), 1);
        assert!(app.anonymous().run("{ pages { totalCount } }", json!({})).await.at("/data/pages/totalCount").is_u64());
        assert_eq!(since(&app, before).await, []);
        let input = json!({ "category": "TRAVEL", "year": 2050, "expectedVersion": 7, "total": 1 });
        let refused = editor.run(UPDATE, json!({ "input": input })).await;
        assert_eq!(refused.user_codes("visitCountsUpdate"), ["NOT_FOUND"]);
        let entry =
            (editor_id(&app).await, "visitCountsUpdate".to_owned(), AuditOutcome::Refused, Some("NOT_FOUND".to_owned()));
        assert_eq!(since(&app, before).await, [entry]);
    }

    async fn an_entry_names_actor_request_and_document(app: TestApp) {
        let token = app.sign_in(EDITOR).await.access_token;
        let input = json!({ "category": "TRAVEL", "year": 2050, "expectedVersion": 0, "total": 1 });
        let client = app.raw();
        let request = client.post("/graphql").header("authorization", format!("Bearer {token}"));
        let request = request.header("x-request-id", "a-name-for-it");
        let response = request.body_json(&json!({ "query": UPDATE, "variables": { "input": input } })).send().await;
        assert_eq!(Reply::read(response).await.at("/data/visitCountsUpdate/yearSheet/version"), 1);
        let entry = entries(&app).await.pop().expect("an entry");
        assert_eq!((entry.actor_kind, entry.actor_id), (ActorKind::Account, editor_id(&app).await));
        assert_eq!(entry.request_id.as_deref(), Some("a-name-for-it"));
        assert_eq!(entry.at, app.state().now());
        assert!(entry.document_id.is_some());
        assert_eq!(entry.version.map(i64::from), Some(1));
    }

    async fn every_entry_is_chained_to_the_one_before(app: TestApp) {
        app.sign_in(EDITOR).await;
        app.try_sign_in(ADMINISTRATOR.email, "a wrong password").await;
        // Writers in several processes still make one chain.
        let replica = app.reopen().await;
        tokio::join!(app.sign_in(EDITOR), replica.sign_in(EDITOR), replica.sign_in(ADMINISTRATOR));
        let mut previous = String::new();
        let entries = entries(&app).await;
        assert!(entries.len() >= 7, "{}", entries.len());
        for (seq, entry) in (1..).zip(&entries) {
            assert_eq!((entry.seq, &entry.previous_hash), (seq, &previous));
            assert_eq!(audit::hash(entry).expect("a hash"), entry.hash);
            previous.clone_from(&entry.hash);
        }
        let mut forged = entries[1].clone();
        forged.seq += 1;
        assert_ne!(audit::hash(&forged).expect("a hash"), forged.hash, "a changed entry shows");
    }

    async fn the_database_refuses_to_change_or_drop_what_has_happened(app: TestApp) {
        let editor = app.editor().await;
        let input = json!({
            "category": "TRAVEL", "year": 2050, "expectedVersion": 0, "total": 1, "publish": true, "kind": "RELEASE"
        });
        let reply = editor.run(UPDATE, json!({ "input": input })).await;
        assert_eq!(reply.user_codes("visitCountsUpdate"), [] as [&str; 0]);
        let database = app.state().database().reader();
        let count = async || {
            [
                audit_entry::Entity::find().count(database).await.expect("a number"),
                revision::Entity::find().count(database).await.expect("a number"),
                change::Entity::find().count(database).await.expect("a number"),
                publication::Entity::find().count(database).await.expect("a number"),
            ]
        };
        let before = count().await;
        assert!(before.iter().all(|rows| *rows > 0), "{before:?}");
        for table in ["audit_entries", "revisions", "changes", "publications"] {
            let roundabout = match app.backend() {
                Backend::Sqlite => format!("REPLACE INTO {table} SELECT * FROM {table}"),
                Backend::Postgres => format!("TRUNCATE {table} CASCADE"),
            };
            let column = match table {
                "audit_entries" => "action",
                "changes" => "tags",
                _ => "reason",
            };
            let update = format!("UPDATE {table} SET {column} = {column}");
            for attack in [update, format!("DELETE FROM {table}"), roundabout] {
                let error = database.execute_unprepared(&attack).await.expect_err(&attack);
                assert!(error.to_string().contains("append-only"), "{attack}: {error}");
            }
        }
        assert_eq!(count().await, before);
    }
}
