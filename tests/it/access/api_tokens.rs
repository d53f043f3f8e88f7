//! API tokens: made once, narrowed, used by programs, and ended.

use api::{
    access::api_token::memory::{self, Used},
    delivery::feed,
};
use chrono::{DateTime, Duration, SubsecRound, Utc};
use entities::{api_token, audit_entry};
use sea_orm::{ConnectionTrait, EntityTrait, QueryOrder, Statement};
use serde_json::{Value, json};
use tests::{ADMINISTRATOR, Client, EDITOR, Reply, TestApp, on_both_databases, start};

use super::people::{faults, id_of, mutate};

const SELECTION: &str =
    "token apiToken { id name capabilities locales owner createdAt expiresAt lastUsedAt revokedAt }";

async fn create(client: &Client, input: Value) -> Reply {
    mutate(client, "apiTokenCreate", "ApiTokenCreateInput", input, SELECTION).await
}

/// A token of the administrator with these capabilities, for a day.
async fn token(app: &TestApp, capabilities: &[&str]) -> String {
    let input = json!({ "name": "A script", "capabilities": capabilities, "expiresAt": start() + Duration::days(1) });
    let reply = create(&app.administrator().await, input).await;
    reply.at("/data/apiTokenCreate/token").as_str().unwrap_or_else(|| panic!("{}", reply.text())).to_owned()
}

async fn rows(app: &TestApp) -> Vec<api_token::Model> {
    let tokens = api_token::Entity::find().order_by_asc(api_token::COLUMN.id);
    tokens.all(app.state().database().reader()).await.expect("tokens")
}

const INVITE: &str = "mutation($role: Role!) { accountInvite(input: { email: \"new@example.org\", role: $role }) {
    account { id } errors { code }
} }";

on_both_databases! {
    async fn a_token_acts_for_its_owner_and_is_listed_without_its_text(app: TestApp) {
        let text = token(&app, &["READ_DRAFTS", "READ_AUDIT"]).await;
        assert!(text.starts_with("alm_") && text.len() == 47, "{text}");
        let client = app.bearer(&text);
        let viewer = client.run("{ viewer { email capabilities locales } }", json!({})).await;
        let expected = json!({
            "email": ADMINISTRATOR.email, "capabilities": ["READ_DRAFTS", "READ_AUDIT"], "locales": null
        });
        assert_eq!(viewer.at("/data/viewer"), &expected);
        let document = "{ apiTokens { name capabilities locales owner createdAt expiresAt lastUsedAt revokedAt } }";
        let listed = app.administrator().await.run(document, json!({})).await;
        assert!(!listed.text().contains(&text));
        let listed = &listed.at("/data/apiTokens/0");
        assert_eq!((&listed["name"], &listed["owner"]), (&json!("A script"), &json!(ADMINISTRATOR.email)));
        assert_eq!((&listed["locales"], &listed["revokedAt"]), (&Value::Null, &Value::Null));
        assert!(listed["lastUsedAt"].is_string());
    }

    async fn a_token_without_read_drafts_cannot_read_documents(app: TestApp) {
        let client = app.bearer(&token(&app, &["READ_AUDIT"]).await);
        assert_eq!(client.run("{ documents { totalCount } }", json!({})).await.code(), "FORBIDDEN");
        let may = app.bearer(&token(&app, &["READ_DRAFTS"]).await);
        assert!(may.run("{ documents { totalCount } }", json!({})).await.at("/data/documents/totalCount").is_u64());
    }

    async fn a_token_cannot_be_used_after_it_has_expired(app: TestApp) {
        let client = app.bearer(&token(&app, &["READ_DRAFTS"]).await);
        app.clock().advance(Duration::days(1) - Duration::milliseconds(1));
        assert_eq!(client.run("{ viewer { email } }", json!({})).await.at("/data/viewer/email"), ADMINISTRATOR.email);
        app.clock().advance(Duration::milliseconds(1));
        for document in ["{ viewer { email } }", "{ pages { totalCount } }"] {
            let reply = client.run(document, json!({})).await;
            assert_eq!((reply.status(), reply.code()), (401, "UNAUTHENTICATED"), "never silently anonymous");
        }
    }

    async fn a_revoked_token_is_refused_at_once_in_every_process(app: TestApp) {
        let (text, replica) = (token(&app, &["READ_DRAFTS"]).await, app.reopen().await);
        assert_eq!(replica.bearer(&text).run("{ viewer { email } }", json!({})).await.status(), 200);
        let listed = app.administrator().await.run("{ apiTokens { id } }", json!({})).await;
        let input = json!({ "id": listed.at("/data/apiTokens/0/id") });
        let selection = "apiToken { revokedAt }";
        let revoke = async |input: Value| {
            mutate(&app.administrator().await, "apiTokenRevoke", "ApiTokenRevokeInput", input, selection).await
        };
        let revoked = revoke(input.clone()).await;
        assert!(revoked.at("/data/apiTokenRevoke/apiToken/revokedAt").is_string());
        for app in [&app, &replica] {
            let reply = app.bearer(&text).run("{ viewer { email } }", json!({})).await;
            assert_eq!((reply.status(), reply.code()), (401, "UNAUTHENTICATED"));
        }
        app.clock().advance(Duration::minutes(1));
        assert_eq!(revoke(input).await.data(), revoked.data(), "the first moment stays");
        let wrong = revoke(json!({ "id": id_of(&app, EDITOR).await })).await;
        assert_eq!(faults(&wrong, "apiTokenRevoke"), [("input.id".to_owned(), "UNKNOWN".to_owned())]);
    }

    async fn what_is_no_token_of_ours_is_refused_whatever_it_looks_like(app: TestApp) {
        let text = token(&app, &["READ_DRAFTS"]).await;
        let last = if text.ends_with('A') { "B" } else { "A" };
        let forged = format!("{}{last}", &text[..text.len() - 1]);
        for wrong in ["alm_", "alm_unknown", &forged, &text[4..], &text.to_uppercase()] {
            let reply = app.bearer(wrong).run("{ pages { totalCount } }", json!({})).await;
            assert_eq!((reply.status(), reply.code()), (401, "UNAUTHENTICATED"), "{wrong}");
        }
    }

    async fn the_text_of_a_token_is_nowhere_in_the_database(app: TestApp) {
        let input = json!({ "name": "A script", "capabilities": ["READ_DRAFTS"], "expiresAt": start() + Duration::days(1) });
        let reply = create(&app.administrator().await.keyed("a key"), input).await;
        let text = reply.at("/data/apiTokenCreate/token").as_str().expect("a token").to_owned();
        app.bearer(&text).run("{ viewer { email } }", json!({})).await;
        let connection = app.state().database().reader();
        let backend = connection.get_database_backend();
        let tables = match app.backend() {
            tests::Backend::Sqlite => "SELECT name FROM sqlite_schema WHERE type = 'table'",
            tests::Backend::Postgres => "SELECT table_name::text FROM information_schema.tables WHERE table_schema = current_schema()",
        };
        let tables = connection.query_all_raw(Statement::from_string(backend, tables)).await.expect("tables");
        assert!(tables.len() > 20, "{}", tables.len());
        for table in tables {
            let table: String = table.try_get_by_index(0).expect("a name");
            let columns = match app.backend() {
                tests::Backend::Sqlite => format!("SELECT name FROM pragma_table_info('{table}')"),
                tests::Backend::Postgres => format!(
                    "SELECT column_name::text FROM information_schema.columns \
                     WHERE table_schema = current_schema() AND table_name = '{table}'"
                ),
            };
            let columns = connection.query_all_raw(Statement::from_string(backend, columns)).await.expect("columns");
            for column in columns {
                let column: String = column.try_get_by_index(0).expect("a name");
                // The secret part, as text and as the text of its bytes.
                let hex: String = text[4..].bytes().map(|byte| format!("{byte:02x}")).collect();
                let sql = match app.backend() {
                    tests::Backend::Sqlite => format!(
                        "SELECT count(*) FROM \"{table}\" WHERE CAST(\"{column}\" AS TEXT) LIKE '%{0}%' \
                         OR lower(hex(\"{column}\")) LIKE '%{hex}%'",
                        &text[4..]
                    ),
                    tests::Backend::Postgres => format!(
                        "SELECT count(*) FROM \"{table}\" WHERE \"{column}\"::text LIKE '%{0}%' \
                         OR \"{column}\"::text LIKE '%{hex}%'",
                        &text[4..]
                    ),
                };
                let found = connection.query_one_raw(Statement::from_string(backend, sql.clone())).await;
                let found: i64 = found.expect(&sql).expect("a row").try_get_by_index(0).expect("a number");
                assert_eq!(found, 0, "{table}.{column}");
            }
        }
        assert_eq!(rows(&app).await[0].hash, api::access::audit::sha256(text.as_bytes()));
    }

    async fn every_fault_of_a_new_token_is_named(app: TestApp) {
        let administrator = app.administrator().await;
        let input = json!({ "name": " ", "capabilities": [], "locales": [], "expiresAt": start() });
        let reply = create(&administrator, input).await;
        assert_eq!(faults(&reply, "apiTokenCreate"), [("input.name".to_owned(), "REQUIRED".to_owned())]);
        let fault = |path: &str, rule: &str| (format!("input.{path}"), rule.to_owned());
        let input = json!({ "name": "A script", "capabilities": [], "locales": [], "expiresAt": start() });
        let expected = [fault("capabilities", "REQUIRED"), fault("locales", "REQUIRED"), fault("expiresAt", "IN_THE_PAST")];
        assert_eq!(faults(&create(&administrator, input).await, "apiTokenCreate"), expected);
        let late = start() + Duration::days(366) + Duration::milliseconds(1);
        let input = json!({
            "name": "A script", "capabilities": ["READ_DRAFTS", "READ_DRAFTS"], "locales": ["en", "xx"], "expiresAt": late
        });
        let expected = [fault("capabilities.1", "DUPLICATE"), fault("locales.1", "UNKNOWN"), fault("expiresAt", "TOO_FAR_AHEAD")];
        assert_eq!(faults(&create(&administrator, input).await, "apiTokenCreate"), expected);
        assert_eq!(rows(&app).await.len(), 0);
        let last = json!({ "name": "A script", "capabilities": ["READ_DRAFTS"], "expiresAt": start() + Duration::days(366) });
        assert_eq!(create(&administrator, last).await.user_codes("apiTokenCreate"), [] as [&str; 0]);
    }

    async fn a_token_never_hands_out_more_than_it_has(app: TestApp) {
        let client = app.bearer(&token(&app, &["MANAGE_PEOPLE", "READ_DRAFTS"]).await);
        let ends = start() + Duration::days(1);
        let input = |capabilities: &[&str]| json!({ "name": "Child", "capabilities": capabilities, "expiresAt": ends });
        let more = create(&client, input(&["READ_DRAFTS", "READ_AUDIT"])).await;
        assert_eq!(faults(&more, "apiTokenCreate"), [("input.capabilities.1".to_owned(), "NOT_ONE_OF".to_owned())]);
        assert_eq!(create(&client, input(&["READ_DRAFTS"])).await.user_codes("apiTokenCreate"), [] as [&str; 0]);

        // Nor by way of an account.
        let invite = async |role: &str| client.run(INVITE, json!({ "role": role })).await;
        assert_eq!(invite("ADMINISTRATOR").await.user_codes("accountInvite"), ["FORBIDDEN"]);
        let invited = invite("READER").await;
        assert_eq!(invited.user_codes("accountInvite"), [] as [&str; 0]);
        let id = invited.at("/data/accountInvite/account/id");
        let raise = json!({ "id": id, "role": "EDITOR" });
        let raised = mutate(&client, "accountUpdate", "AccountUpdateInput", raise, "account { id }").await;
        assert_eq!(raised.user_codes("accountUpdate"), ["FORBIDDEN"]);
        let takeover = json!({ "id": id_of(&app, ADMINISTRATOR).await });
        let link = mutate(&client, "accountLinkCreate", "AccountInput", takeover, "link { token }").await;
        assert_eq!(link.user_codes("accountLinkCreate"), ["FORBIDDEN"]);
    }

    async fn a_token_limited_to_locales_makes_only_tokens_limited_to_them(app: TestApp) {
        let ends = start() + Duration::days(1);
        let limited = json!({
            "name": "English", "capabilities": ["MANAGE_PEOPLE", "WRITE_TEXTS"], "locales": ["en"], "expiresAt": ends
        });
        let reply = create(&app.administrator().await, limited).await;
        let client = app.bearer(reply.at("/data/apiTokenCreate/token").as_str().expect("a token"));
        let child = json!({ "name": "Child", "capabilities": ["WRITE_TEXTS"], "expiresAt": ends });
        assert_eq!(create(&client, child).await.at("/data/apiTokenCreate/apiToken/locales"), &json!(["en"]));
        let other = json!({ "name": "Child", "capabilities": ["WRITE_TEXTS"], "locales": ["ja"], "expiresAt": ends });
        let expected = [("input.locales.0".to_owned(), "NOT_ONE_OF".to_owned())];
        assert_eq!(faults(&create(&client, other).await, "apiTokenCreate"), expected);
        assert_eq!(client.run(INVITE, json!({ "role": "READER" })).await.user_codes("accountInvite"), ["FORBIDDEN"]);
    }

    async fn the_last_use_is_told_at_once_and_written_down_beside_the_requests(app: TestApp) {
        let client = app.bearer(&token(&app, &["READ_DRAFTS"]).await);
        let stored = async || rows(&app).await[0].last_used_at.map(|at| at.trunc_subsecs(3));
        let administrator = app.administrator().await;
        let told = async || {
            let listed = administrator.run("{ apiTokens { lastUsedAt } }", json!({})).await;
            listed.at("/data/apiTokens/0/lastUsedAt").as_str().map(|at| at.parse::<DateTime<Utc>>().expect("a moment"))
        };
        assert_eq!((stored().await, told().await), (None, None));
        for _ in 0..3 {
            app.clock().advance(Duration::seconds(1));
            assert_eq!(client.run("{ pages { totalCount } }", json!({})).await.status(), 200);
        }
        let used = Some(app.clock().now());
        assert_eq!((stored().await, told().await), (None, used));
        app.clock().advance(Duration::seconds(1));
        memory::write_uses(app.state()).await.expect("written");
        assert_eq!((stored().await, told().await), (used, used));
        // What another process has seen since is not taken back.
        let replica = app.reopen().await;
        replica.bearer(client.token().expect("a token")).run("{ pages { totalCount } }", json!({})).await;
        app.state().uses().note(Used::Token(rows(&app).await[0].id), start());
        let later = Some(app.clock().now());
        memory::write_uses(replica.state()).await.expect("written");
        memory::write_uses(app.state()).await.expect("written");
        assert_eq!(stored().await, later);
    }

    async fn a_front_end_with_a_token_reads_what_is_published_from_memory(app: TestApp) {
        let client = app.bearer(&token(&app, &["READ_DRAFTS"]).await);
        let changes = "{ figureChanges(since: \"2026-01-14T00:00:00Z\") { figures { after { value } } } }";
        // What was public earlier is read when it is first asked for.
        app.anonymous().run(changes, json!({})).await;
        app.statements().reset();
        for document in ["{ pages { totalCount } }", "{ staff { name } countries { name } }", changes] {
            let reply = client.run(document, json!({})).await;
            assert_eq!(reply.data(), app.anonymous().run(document, json!({})).await.data());
            assert_eq!(reply.header("cache-control"), Some("private, no-store"));
        }
        assert_eq!(client.get("/figures/fact-sheet.csv").await.status(), 200);
        assert_eq!(app.statements().so_far(), 0);
        // A token that was made elsewhere works at once, too.
        let replica = app.reopen().await;
        let newer = app.bearer(&token(&replica, &["READ_DRAFTS"]).await);
        assert_eq!(newer.run("{ pages { totalCount } }", json!({})).await.status(), 200);
    }

    async fn reads_with_a_token_end_with_it_as_soon_as_that_is_heard(app: TestApp) {
        let replica = app.reopen().await;
        let administrator = app.administrator().await;
        let ends = start() + Duration::days(1);
        let made = async || {
            let input = json!({ "name": "A site", "capabilities": ["READ_DRAFTS"], "expiresAt": ends });
            let made = administrator.done("apiTokenCreate", input).await;
            feed::look(replica.state()).await.expect("the feed can be read");
            (made["token"].as_str().expect("a token").to_owned(), made["apiToken"]["id"].clone())
        };
        let reads = async |app: &TestApp, token: &str| {
            let reply = app.bearer(token).run("{ pages { totalCount } }", json!({})).await;
            assert!(reply.status() == 200 || (reply.status(), reply.code()) == (401, "UNAUTHENTICATED"), "{}", reply.text());
            reply.status() == 200
        };
        let (revoked, id) = made().await;
        administrator.done("apiTokenRevoke", json!({ "id": id })).await;
        assert!(!reads(&app, &revoked).await, "in this process at once");
        let drafts = replica.bearer(&revoked).run("{ documents { totalCount } }", json!({})).await;
        assert_eq!(drafts.status(), 401, "drafts are not waited for");
        feed::look(replica.state()).await.expect("the feed can be read");
        assert!(!reads(&replica, &revoked).await, "in the other one when it has heard");

        // The same when the account is shut out that it acts for, and let in again.
        let editor = id_of(&app, EDITOR).await;
        administrator.done("accountUpdate", json!({ "id": editor, "role": "ADMINISTRATOR" })).await;
        let owner = app.bearer(&app.sign_in(EDITOR).await.access_token);
        let input = json!({ "name": "A site", "capabilities": ["READ_DRAFTS"], "expiresAt": ends });
        let theirs = owner.done("apiTokenCreate", input).await["token"].as_str().expect("a token").to_owned();
        for (mutation, expected) in [("accountDisable", false), ("accountEnable", true)] {
            administrator.done(mutation, json!({ "id": editor })).await;
            feed::look(replica.state()).await.expect("the feed can be read");
            assert_eq!((reads(&app, &theirs).await, reads(&replica, &theirs).await), (expected, expected), "{mutation}");
        }
        app.clock().advance(Duration::days(1));
        assert!(!reads(&app, &theirs).await, "a token ends when it says, without a change");
    }

    async fn what_a_token_does_is_in_the_audit_log_under_its_id(app: TestApp) {
        let client = app.bearer(&token(&app, &["MANAGE_PEOPLE", "READ_DRAFTS"]).await);
        let reply = client.run(INVITE, json!({ "role": "READER" })).await;
        assert_eq!(reply.user_codes("accountInvite"), [] as [&str; 0]);
        let last = audit_entry::Entity::find().order_by_desc(audit_entry::COLUMN.seq);
        let last = last.one(app.state().database().reader()).await.expect("readable").expect("an entry");
        assert_eq!((last.action.as_str(), last.api_token_id), ("accountInvite", Some(rows(&app).await[0].id)));
        assert!(last.actor_id.is_some());
    }

    async fn a_token_has_no_session_to_sign_out_and_no_password_to_change(app: TestApp) {
        let client = app.bearer(&token(&app, &["MANAGE_PEOPLE"]).await);
        let reply = client.run("mutation { signOut { signedOut errors { code } } }", json!({})).await;
        assert_eq!(reply.user_codes("signOut"), ["FORBIDDEN"]);
        let input = json!({ "currentPassword": ADMINISTRATOR.password, "newPassword": "otters whistle by the marsh" });
        let reply = mutate(&client, "passwordChange", "PasswordChangeInput", input, "changed").await;
        assert_eq!(reply.user_codes("passwordChange"), ["FORBIDDEN"]);
    }

    async fn a_token_loses_what_its_owner_loses(app: TestApp) {
        let administrator = app.administrator().await;
        let id = id_of(&app, EDITOR).await;
        let update = async |role: &str| {
            let input = json!({ "id": id, "role": role });
            mutate(&administrator, "accountUpdate", "AccountUpdateInput", input, "account { role }").await
        };
        update("ADMINISTRATOR").await;
        let owner = app.bearer(&app.sign_in(EDITOR).await.access_token);
        let input = json!({
            "name": "A script", "capabilities": ["READ_AUDIT", "READ_DRAFTS"], "expiresAt": start() + Duration::days(1)
        });
        let made = create(&owner, input).await;
        let client = app.bearer(made.at("/data/apiTokenCreate/token").as_str().expect("a token"));
        assert_eq!(client.run("{ auditLog { edges { cursor } } }", json!({})).await.status(), 200);
        update("READER").await;
        assert_eq!(client.run("{ auditLog { edges { cursor } } }", json!({})).await.code(), "FORBIDDEN");
        assert!(client.run("{ documents { totalCount } }", json!({})).await.at("/data/documents/totalCount").is_u64());
    }

    async fn a_token_that_may_not_read_figures_learns_none_from_what_it_writes(app: TestApp) {
        // Whoever writes figures is told how they stand and what they sum to.
        let blind = app.bearer(&token(&app, &["READ_DRAFTS", "WRITE_FIGURES", "PUBLISH_FIGURES"]).await);
        let sees = app.bearer(&token(&app, &["WRITE_FIGURES", "READ_CONFIDENTIAL", "PUBLISH_FIGURES"]).await);
        let change = json!({ "category": "RESIDENT", "year": 2022, "expectedVersion": 1, "total": 1 });
        let mut one = change.clone();
        (one["publish"], one["kind"], one["reason"]) = (true.into(), "CORRECTION".into(), "To see".into());
        let mut several = json!({ "sheets": [change], "publish": true, "kind": "CORRECTION", "reason": "To see" });
        for is_dry in [false, true] {
            several["dryRun"] = is_dry.into();
            for (mutation, input) in [("visitCountsUpdate", &one), ("visitCountsBulkUpdate", &several)] {
                let reply = blind.mutate(mutation, input.clone()).await;
                assert_eq!(reply.user_codes(mutation), ["FORBIDDEN"], "{mutation} {}", reply.text());
                let reply = sees.mutate(mutation, input.clone()).await;
                assert_eq!(reply.user_codes(mutation), ["PUBLISH_BLOCKED"], "{mutation} {}", reply.text());
            }
        }
        one["publish"] = false.into();
        app.editor().await.done("visitCountsUpdate", one).await;
        let found = "{ document(by: { yearSheet: { category: \"RESIDENT\", year: 2022 } }) { id version } }";
        let found = app.editor().await.run(found, json!({})).await.data()["document"].clone();
        let seen = json!({ "id": found["id"], "expectedVersion": found["version"], "kind": "CORRECTION", "reason": "To see" });
        // As if there were no such document.
        let reply = blind.mutate("publish", seen.clone()).await;
        assert_eq!(reply.user_codes("publish"), ["BAD_USER_INPUT"], "{}", reply.text());
        assert_eq!(sees.mutate("publish", seen).await.user_codes("publish"), ["PUBLISH_BLOCKED"]);
    }
}
