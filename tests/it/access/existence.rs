//! Only callers who may know that a document exists are told so: everybody else gets, letter by letter, the answer for a
//! document that does not exist. Tried with a token of each single capability, the narrowest callers there are.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::Duration;
use serde_json::{Value, json};
use tests::{Client, EDITOR, Reply, TestApp, on_both_databases};

const CAPABILITIES: [&str; 10] = [
    "READ_DRAFTS",
    "WRITE_TEXTS",
    "WRITE_CONTENT",
    "PUBLISH_CONTENT",
    "WRITE_FIGURES",
    "PUBLISH_FIGURES",
    "MANAGE_SITE",
    "MANAGE_PEOPLE",
    "READ_AUDIT",
    "READ_CONFIDENTIAL",
];

/// The global id of a thing of this type that does not exist.
pub fn absent(type_name: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("{type_name}:01900000-0000-7000-8000-000000000000"))
}

/// A document that was never published, and what may be known of it with one capability.
struct Secret {
    kind: &'static str,
    id: String,
    /// Who may read it.
    reading: &'static str,
    /// Who may save it, and who may publish it.
    writing: [&'static str; 2],
    /// A selector for `document(by:)`, and the same for what does not exist.
    by: [Value; 2],
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

/// A draft of each kind that there can be several of, none of them published.
async fn secrets(editor: &Client) -> Vec<Secret> {
    let name = json!([{ "locale": "en", "text": "Secret" }]);
    let page = save(editor, "pageCreate", json!({ "slug": "secret" })).await;
    let text = json!({ "pageId": page, "locale": "en", "expectedVersion": 0, "title": "Secret" });
    let text = save(editor, "pageTextSave", text).await;
    let member = save(editor, "staffMemberCreate", json!({ "slug": "secret" })).await;
    let country = save(editor, "countrySave", json!({ "code": "NZ", "expectedVersion": 0, "names": name })).await;
    let label = json!([{ "locale": "en", "name": "Secret" }]);
    let category =
        save(editor, "categorySave", json!({ "code": "SECRET", "expectedVersion": 0, "labels": label })).await;
    let sheet = json!({ "category": "TRAVEL", "year": 1999, "expectedVersion": 0, "total": 7 });
    let sheet = save(editor, "visitCountsUpdate", sheet).await;
    let content = ["WRITE_CONTENT", "PUBLISH_CONTENT"];
    let figures = ["WRITE_FIGURES", "PUBLISH_FIGURES"];
    let secret = |kind, id, reading, writing, by| Secret { kind, id, reading, writing, by };
    let texts = ["WRITE_TEXTS", "PUBLISH_CONTENT"];
    let text_by = |slug: &str| json!({ "pageText": { "slug": slug, "locale": "en" } });
    let sheet_by = |year: i32| json!({ "yearSheet": { "category": "TRAVEL", "year": year } });
    vec![
        secret("PAGE", page, "READ_DRAFTS", content, [json!({ "page": "secret" }), json!({ "page": "none" })]),
        secret("PAGE_TEXT", text, "READ_DRAFTS", texts, [text_by("secret"), text_by("none")]),
        secret(
            "STAFF_MEMBER",
            member,
            "READ_DRAFTS",
            content,
            [json!({ "staffMember": "secret" }), json!({ "staffMember": "none" })],
        ),
        secret("COUNTRY", country, "READ_DRAFTS", figures, [json!({ "country": "NZ" }), json!({ "country": "AQ" })]),
        secret(
            "CATEGORY",
            category,
            "READ_DRAFTS",
            figures,
            [json!({ "category": "SECRET" }), json!({ "category": "NONE" })],
        ),
        // Saving figures takes reading them, too, so one capability alone does not do.
        secret("YEAR_SHEET", sheet, "READ_CONFIDENTIAL", ["", ""], [sheet_by(1999), sheet_by(1998)]),
    ]
}

/// What can be asked of a document by its id, with the capability that it takes: 0 to save, 1 to publish, 2 to read.
fn by_id(id: &str, version: i64) -> Vec<(&'static str, usize, Value)> {
    let seen = json!({ "id": id, "expectedVersion": version });
    let with = |field: &str, value: Value| {
        let mut input = seen.clone();
        input[field] = value;
        input
    };
    let mut schedule = with("at", json!("2030-01-01T09:00:00"));
    (schedule["action"], schedule["timeZone"]) = (json!("PUBLISH"), json!("Asia/Tokyo"));
    vec![
        ("leaseTake", 0, json!({ "id": id })),
        ("leaseRelease", 0, json!({ "id": id })),
        ("restore", 0, with("version", json!(1))),
        ("reorder", 0, json!({ "documents": [seen] })),
        ("unpublish", 1, seen.clone()),
        ("unarchive", 1, seen.clone()),
        ("schedule", 1, schedule),
        ("publish", 1, seen.clone()),
        ("publishMany", 1, json!({ "documents": [seen] })),
        ("archive", 1, seen),
    ]
}

const QUERIES: [&str; 5] = [
    "query($id: ID!) { document(by: { id: $id }) { key title } }",
    "query($id: ID!) { history(id: $id) { revisions { version } } }",
    "query($id: ID!) { diff(id: $id, a: 1, b: 1) { path } }",
    "query($id: ID!) { publishCheck(ids: [$id]) { rule } }",
    "query($id: ID!) { node(id: $id) { __typename ... on Document { key } } }",
];

/// The answer without the id that was asked for.
fn without(reply: &Reply, id: &str) -> String {
    reply.text().replace(id, "")
}

/// The newest version of a document.
async fn version(editor: &Client, id: &str) -> i64 {
    let reply = editor.run("query($id: ID!) { document(by: { id: $id }) { version } }", json!({ "id": id })).await;
    reply.at("/data/document/version").as_i64().expect("a version")
}

on_both_databases! {
    async fn a_document_is_told_from_one_that_does_not_exist_only_by_callers_who_may_know_of_it(app: TestApp) {
        let editor = app.bearer(&app.sign_in(EDITOR).await.access_token);
        let secrets = secrets(&editor).await;
        for capability in CAPABILITIES {
            let client = client_with(&app, capability).await;
            for Secret { kind, id, reading, writing, by } in &secrets {
                let none = absent("Document");
                let cell = |what: &str| format!("{capability} {what} {kind}");
                if capability != *reading {
                    for query in QUERIES {
                        let found = client.run(query, json!({ "id": id })).await;
                        let missing = client.run(query, json!({ "id": none })).await;
                        assert_eq!(without(&found, id), without(&missing, &none), "{}", cell(query));
                    }
                    let query = "query($by: DocumentSelector!) { document(by: $by) { key } }";
                    let found = client.run(query, json!({ "by": by[0] })).await;
                    let missing = client.run(query, json!({ "by": by[1] })).await;
                    assert_eq!(found.text(), missing.text(), "{}", cell("by key"));
                }
                let version = version(&editor, id).await;
                for ((mutation, action, found), (_, _, missing)) in by_id(id, version).into_iter().zip(by_id(&none, version)) {
                    if capability == *reading || writing[action] == capability {
                        continue;
                    }
                    let found = client.mutate(mutation, found).await;
                    let missing = client.mutate(mutation, missing).await;
                    assert_eq!(without(&found, id), without(&missing, &none), "{}", cell(mutation));
                }
            }
        }
    }

    async fn a_save_by_natural_key_does_not_tell_whether_the_document_exists(app: TestApp) {
        let editor = app.bearer(&app.sign_in(EDITOR).await.access_token);
        secrets(&editor).await;
        let name = json!([{ "locale": "en", "text": "New" }]);
        let label = json!([{ "locale": "en", "name": "New" }]);
        let country = |code: &str| json!({ "code": code, "expectedVersion": 5, "names": name });
        let category = |code: &str| json!({ "code": code, "expectedVersion": 5, "labels": label });
        let sheet = |year: i32| json!({ "category": "TRAVEL", "year": year, "expectedVersion": 5, "total": 1 });
        let saves = [
            ("countrySave", [country("NZ"), country("AQ")]),
            ("categorySave", [category("SECRET"), category("NONE")]),
            ("visitCountsUpdate", [sheet(1999), sheet(1998)]),
            ("pageCreate", [json!({ "slug": "secret" }), json!({ "slug": "none" })]),
            ("staffMemberCreate", [json!({ "slug": "secret" }), json!({ "slug": "none" })]),
        ];
        for capability in CAPABILITIES {
            let client = client_with(&app, capability).await;
            for (mutation, [found, missing]) in &saves {
                // A new document needs a key that is free, so those who may make one learn whether it is.
                let may_know = match *mutation {
                    "countrySave" | "categorySave" => capability == "WRITE_FIGURES",
                    "pageCreate" | "staffMemberCreate" => capability == "WRITE_CONTENT",
                    _ => false,
                };
                if may_know {
                    continue;
                }
                let found = client.mutate(mutation, found.clone()).await;
                let missing = client.mutate(mutation, missing.clone()).await;
                assert_eq!(found.text(), missing.text(), "{capability} {mutation}");
            }
        }
    }

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

    async fn the_work_list_does_not_tell_who_has_an_account(app: TestApp) {
        let reader = app.bearer(&app.sign_in(tests::READER).await.access_token);
        let query = "query($email: String!) { documents(filter: { editor: $email }) { totalCount nodes { id } } }";
        let known = reader.run(query, json!({ "email": tests::READER.email })).await;
        let unknown = reader.run(query, json!({ "email": "unknown@example.org" })).await;
        assert_eq!(known.text(), unknown.text());
    }
}
