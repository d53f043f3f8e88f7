//! A link ends with the right of whoever made it, is listed, and can be ended by those who look after it.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::Duration;
use serde_json::{Value, json};
use tests::{ADMINISTRATOR, Client, EDITOR, READER, STATISTICIAN, TestApp, on_both_databases, start};
use uuid::Uuid;

use super::{document, draft, preview};

const LIST: &str =
    "query($id: ID, $first: Int, $after: String) { previews(documentId: $id, first: $first, after: $after) {
    edges { cursor } pageInfo { hasNextPage endCursor }
    nodes { id token documentId kind version createdBy createdAt expiresAt apiTokenId }
} }";

async fn listed(client: &Client) -> Vec<Value> {
    let reply = client.run(LIST, json!({})).await;
    reply.at("/data/previews/nodes").as_array().unwrap_or_else(|| panic!("{}", reply.text())).clone()
}

async fn code(app: &TestApp, token: &str) -> u16 {
    let reply = app.anonymous().previewing(token).run("{ site { name } }", json!({})).await;
    if reply.status() != 200 {
        assert_eq!((reply.status(), reply.code()), (403, "PREVIEW_ENDED"));
    }
    reply.status()
}

async fn role(app: &TestApp, email: &str, role: &str) {
    let administrator = app.administrator().await;
    let accounts = administrator.run("{ accounts { nodes { id email } } }", json!({})).await;
    let accounts = accounts.at("/data/accounts/nodes").as_array().expect("accounts").clone();
    let account = accounts.iter().find(|account| account["email"] == email).expect("the account");
    administrator.done("accountUpdate", json!({ "id": account["id"], "role": role })).await;
}

on_both_databases! {
    async fn a_link_ends_when_the_role_of_its_maker_no_longer_reads_what_it_shows(app: TestApp) {
        let other = app.reopen().await;
        let editor = app.editor().await;
        let text = draft(&editor, "about-us", "Seen").await;
        let sheet = document(&editor, json!({ "yearSheet": { "category": "TRAVEL", "year": 2018 } })).await;
        let (page, figures) = (preview(&editor, &text).await, preview(&editor, &sheet).await);
        for app in [&app, &other] {
            assert_eq!((code(app, &page).await, code(app, &figures).await), (200, 200));
        }
        role(&app, EDITOR.email, "READER").await;
        for app in [&app, &other] {
            assert_eq!((code(app, &page).await, code(app, &figures).await), (200, 403), "a reader reads drafts of pages");
        }
        role(&app, EDITOR.email, "STATISTICIAN").await;
        assert_eq!(code(&other, &figures).await, 200, "what counts is the right of now");
    }

    async fn a_link_ends_with_the_token_that_it_was_made_with(app: TestApp) {
        let administrator = app.administrator().await;
        let text = draft(&administrator, "about-us", "Seen").await;
        let token = |days: i64| {
            json!({ "name": "A script", "capabilities": ["READ_DRAFTS"], "expiresAt": start() + Duration::days(days) })
        };
        let mut made = Vec::new();
        for days in [1, 2] {
            let payload = administrator.done("apiTokenCreate", token(days)).await;
            let script = app.bearer(payload["token"].as_str().expect("a token"));
            app.clock().advance(Duration::seconds(1));
            let input = json!({ "id": text["id"], "version": text["version"], "minutes": 7 * 24 * 60 });
            let link = script.done("previewCreate", input).await["preview"]["token"].as_str().expect("a token").to_owned();
            made.push((payload["apiToken"]["id"].clone(), link));
        }
        app.clock().advance(Duration::seconds(1));
        let own = preview(&administrator, &text).await;
        assert_eq!((code(&app, &made[0].1).await, code(&app, &made[1].1).await, code(&app, &own).await), (200, 200, 200));
        let tokens: Vec<Value> = listed(&administrator).await.iter().map(|row| row["apiTokenId"].clone()).collect();
        assert_eq!(tokens, [Value::Null, made[1].0.clone(), made[0].0.clone()]);

        administrator.done("apiTokenRevoke", json!({ "id": made[1].0 })).await;
        assert_eq!((code(&app, &made[0].1).await, code(&app, &made[1].1).await), (200, 403), "revoked");
        app.clock().advance(Duration::minutes(30));
        assert_eq!(code(&app, &own).await, 200);
        app.clock().advance(Duration::days(1));
        assert_eq!(code(&app, &made[0].1).await, 403, "expired before the link");
    }

    async fn the_audit_log_names_document_version_and_link(app: TestApp) {
        let editor = app.editor().await;
        let reader = app.bearer(&app.sign_in(READER).await.access_token);
        let text = draft(&editor, "about-us", "Seen").await;
        let input = json!({ "id": text["id"], "version": text["version"] });
        let made = editor.done("previewCreate", input).await["preview"].clone();
        reader.mutate("previewRevoke", json!({ "id": made["id"] })).await;
        editor.done("previewRevoke", json!({ "id": made["id"] })).await;
        let log = "{ auditLog(first: 3) { nodes { action outcome documentId version targetId } } }";
        let log = app.administrator().await.run(log, json!({})).await;
        let entries = log.at("/data/auditLog/nodes").as_array().expect("entries").clone();
        // Signing in comes after.
        let entries: Vec<Value> = entries.into_iter().filter(|entry| entry["action"] != "signIn").collect();
        let entry = |action: &str, outcome: &str| {
            json!({
                "action": action, "outcome": outcome, "documentId": text["id"], "version": text["version"],
                "targetId": made["id"],
            })
        };
        assert_eq!(entries, [entry("previewRevoke", "DONE"), entry("previewRevoke", "REFUSED")]);
        let all = "{ auditLog(filter: { action: \"previewCreate\" }) { nodes { action outcome documentId version targetId } } }";
        let all = app.administrator().await.run(all, json!({})).await;
        assert_eq!(all.at("/data/auditLog/nodes"), &json!([entry("previewCreate", "DONE")]));
    }

    async fn a_token_that_reads_no_figures_makes_no_link_to_drafts_of_them(app: TestApp) {
        let administrator = app.administrator().await;
        let sheet = document(&administrator, json!({ "yearSheet": { "category": "TRAVEL", "year": 2018 } })).await;
        let input = json!({ "name": "A script", "capabilities": ["READ_DRAFTS"], "expiresAt": start() + Duration::days(1) });
        let token = administrator.done("apiTokenCreate", input).await["token"].clone();
        let script = app.bearer(token.as_str().expect("a token"));
        let input = json!({ "id": sheet["id"], "version": sheet["version"] });
        let refused = script.mutate("previewCreate", input).await;
        let missing = json!({ "id": "RG9jdW1lbnQ6MDAwMDAwMDAtMDAwMC0wMDAwLTAwMDAtMDAwMDAwMDAwMDAw", "version": 1 });
        let missing = script.mutate("previewCreate", missing).await;
        assert_eq!(refused.user_codes("previewCreate"), ["BAD_USER_INPUT"]);
        assert_eq!(refused.text(), missing.text(), "as if there were no such document");
    }

    async fn links_are_listed_for_their_makers_and_for_those_who_publish_what_they_show(app: TestApp) {
        let clients = [ADMINISTRATOR, EDITOR, STATISTICIAN, READER];
        let mut sessions = Vec::new();
        for credentials in clients {
            sessions.push(app.bearer(&app.sign_in(credentials).await.access_token));
        }
        let [administrator, editor, statistician, reader] = sessions.try_into().unwrap_or_else(|_| panic!("four"));
        let text = draft(&editor, "about-us", "Seen").await;
        let sheet = document(&editor, json!({ "yearSheet": { "category": "TRAVEL", "year": 2018 } })).await;
        let site = document(&editor, json!({ "site": true })).await;
        for (client, shown) in [(&reader, &text), (&editor, &text), (&statistician, &sheet), (&reader, &site)] {
            app.clock().advance(Duration::seconds(1));
            preview(client, shown).await;
        }
        let makers = async |client: &Client| -> Vec<(String, String)> {
            let name = |value: &Value| value.as_str().expect("a text").to_owned();
            listed(client).await.iter().map(|row| (name(&row["createdBy"]), name(&row["kind"]))).collect()
        };
        let row = |credentials: tests::Credentials, kind: &str| (credentials.email.to_owned(), kind.to_owned());
        let (texts, sheets) = ([row(EDITOR, "PAGE_TEXT"), row(READER, "PAGE_TEXT")], row(STATISTICIAN, "YEAR_SHEET"));
        let of_site = row(READER, "SITE");
        let [of_editor, of_reader] = texts.clone();
        assert_eq!(makers(&administrator).await, [of_site.clone(), sheets.clone(), of_editor.clone(), of_reader.clone()]);
        assert_eq!(makers(&editor).await, [sheets.clone(), of_editor, of_reader.clone()]);
        assert_eq!(makers(&statistician).await, [sheets]);
        assert_eq!(makers(&reader).await, [of_site, of_reader]);
        let first = &listed(&administrator).await[0];
        assert_eq!((&first["documentId"], &first["version"]), (&site["id"], &site["version"]));
        assert_eq!((&first["token"], &first["apiTokenId"]), (&Value::Null, &Value::Null), "a token is told once");
        assert_eq!(app.anonymous().run(LIST, json!({})).await.code(), "UNAUTHENTICATED");

        // Page by page, and of one document only.
        let mut seen = Vec::new();
        let mut after = Value::Null;
        loop {
            let reply = administrator.run(LIST, json!({ "first": 1, "after": after })).await;
            seen.extend(reply.at("/data/previews/nodes").as_array().expect("nodes").iter().map(|row| row["id"].clone()));
            after = reply.at("/data/previews/pageInfo/endCursor").clone();
            if reply.at("/data/previews/pageInfo/hasNextPage") == false {
                break;
            }
        }
        let all: Vec<Value> = listed(&administrator).await.iter().map(|row| row["id"].clone()).collect();
        assert_eq!(seen, all);
        let of_text = administrator.run(LIST, json!({ "id": text["id"] })).await;
        assert_eq!(of_text.at("/data/previews/nodes").as_array().map(Vec::len), Some(2));
        // What has ended is not listed.
        administrator.done("previewRevoke", json!({ "id": all[0] })).await;
        assert_eq!(listed(&administrator).await.len(), 3);
        app.clock().advance(Duration::hours(1));
        let administrator = app.bearer(&app.sign_in(ADMINISTRATOR).await.access_token);
        assert_eq!(listed(&administrator).await, [] as [Value; 0]);
    }

    async fn a_link_is_ended_by_its_maker_and_by_those_who_publish_what_it_shows(app: TestApp) {
        let (administrator, editor) = (app.administrator().await, app.editor().await);
        let reader = app.bearer(&app.sign_in(READER).await.access_token);
        let statistician = app.bearer(&app.sign_in(STATISTICIAN).await.access_token);
        let text = draft(&editor, "about-us", "Seen").await;
        let input = json!({ "id": text["id"], "version": text["version"] });
        for (maker, ends, may) in [
            (&reader, &reader, true), (&reader, &editor, true), (&reader, &administrator, true),
            (&editor, &reader, false), (&editor, &statistician, false),
        ] {
            let made = maker.done("previewCreate", input.clone()).await["preview"].clone();
            let reply = ends.mutate("previewRevoke", json!({ "id": made["id"] })).await;
            let expected: &[&str] = if may { &[] } else { &["FORBIDDEN"] };
            assert_eq!(reply.user_codes("previewRevoke"), expected);
            let status = code(&app, made["token"].as_str().expect("a token")).await;
            assert_eq!(status, if may { 403 } else { 200 });
        }
        // Whether there is such a link is for those who may end any.
        let nothing = BASE64_URL_SAFE_NO_PAD.encode(format!("Preview:{}", Uuid::nil()));
        for (client, codes) in [(&reader, ["FORBIDDEN"]), (&editor, ["FORBIDDEN"]), (&administrator, ["NOT_FOUND"])] {
            assert_eq!(client.mutate("previewRevoke", json!({ "id": nothing })).await.user_codes("previewRevoke"), codes);
        }
    }
}
