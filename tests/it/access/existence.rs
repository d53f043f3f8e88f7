//! What those are answered who may write but not read: versions, and nothing of what stands in drafts. That nothing tells
//! whether something exists is held by `may_know.rs`.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::Duration;
use serde_json::{Value, json};
use tests::{Client, EDITOR, TestApp, on_both_databases};

/// The global id of a thing of this type that does not exist.
pub fn absent(type_name: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("{type_name}:01900000-0000-7000-8000-000000000000"))
}

async fn client_with(app: &TestApp, capability: &str) -> Client {
    let expires = app.state().now() + Duration::days(1);
    let input = json!({ "name": "A script", "capabilities": [capability], "expiresAt": expires });
    let made = app.administrator().await.done("apiTokenCreate", input).await;
    app.bearer(made["token"].as_str().expect("a token"))
}

async fn save(editor: &Client, mutation: &str, input: Value) -> String {
    let payload = editor.done(mutation, input).await;
    let saved = if mutation == "visitCountsUpdate" { &payload["yearSheet"] } else { &payload["document"] };
    saved["id"].as_str().expect("an id").to_owned()
}

on_both_databases! {
    async fn a_caller_who_may_write_but_not_read_drafts_is_answered_with_versions_only(app: TestApp) {
        let editor = app.bearer(&app.sign_in(EDITOR).await.access_token);
        let page = save(&editor, "pageCreate", json!({ "slug": "secret" })).await;
        let client = client_with(&app, "WRITE_CONTENT").await;
        let answer = "written { documentId kind version publishedVersion state } document { key title content { __typename } }
            errors { code ... on VersionConflict { currentVersion changedBy changedFields attemptedFields current { key } } }";
        let update = format!("mutation($input: PageUpdateInput!) {{ pageUpdate(input: $input) {{ {answer} }} }}");
        let input = |version: i64| json!({ "input": { "id": page, "expectedVersion": version, "position": 9 } });
        let done = client.run(&update, input(1)).await;
        let written = json!({ "documentId": page, "kind": "PAGE", "version": 2, "publishedVersion": null, "state": "NEVER_PUBLISHED" });
        assert_eq!(done.at("/data/pageUpdate"), &json!({ "written": written, "document": null, "errors": [] }));
        let late = client.run(&update, input(1)).await;
        let conflict = late.at("/data/pageUpdate/errors/0");
        let expected = json!({
            "code": "VERSION_CONFLICT", "currentVersion": 2, "changedBy": null, "changedFields": [], "attemptedFields": [],
            "current": null
        });
        assert_eq!(conflict, &expected, "{}", late.text());
        for mutation in ["leaseTake", "leaseRelease"] {
            let field = format!(
                "mutation($id: ID!) {{ {mutation}(input: {{ id: $id }}) {{ document {{ key }} errors {{ code }} }} }}"
            );
            let reply = client.run(&field, json!({ "id": page })).await;
            assert_eq!(reply.at(&format!("/data/{mutation}")), &json!({ "document": null, "errors": [] }));
        }
    }

    async fn a_caller_who_may_publish_but_not_read_drafts_is_not_told_what_is_wrong_with_them(app: TestApp) {
        let editor = app.bearer(&app.sign_in(EDITOR).await.access_token);
        let page = save(&editor, "pageCreate", json!({ "slug": "secret" })).await;
        let body = "[x](/merger-with-another-hospital) ![](/media/unreleased.png)";
        let text = json!({ "pageId": page, "locale": "en", "expectedVersion": 0, "title": "Secret", "body": body });
        let text = save(&editor, "pageTextSave", text).await;
        let client = client_with(&app, "PUBLISH_CONTENT").await;
        let documents = json!([{ "id": page, "expectedVersion": 1 }, { "id": text, "expectedVersion": 1 }]);
        let refused = client.mutate("publishMany", json!({ "documents": documents })).await;
        assert_eq!(refused.user_codes("publishMany"), ["PUBLISH_BLOCKED"], "{}", refused.text());
        assert!(!refused.text().contains("merger") && !refused.text().contains("unreleased"), "{}", refused.text());
        let told = editor.mutate("publishMany", json!({ "documents": documents })).await;
        assert!(told.text().contains("merger") && told.text().contains("unreleased"), "{}", told.text());
    }

    async fn the_work_list_does_not_tell_who_has_an_account(app: TestApp) {
        let reader = app.bearer(&app.sign_in(tests::READER).await.access_token);
        let query = "query($email: String!) { documents(filter: { editor: $email }) { totalCount nodes { id } } }";
        let known = reader.run(query, json!({ "email": tests::READER.email })).await;
        let unknown = reader.run(query, json!({ "email": "unknown@example.org" })).await;
        assert_eq!(known.text(), unknown.text());
    }
}
