//! Two editors at one document: versions decide, leases warn.

use serde_json::{Value, json};
use tests::{ADMINISTRATOR, EDITOR, READER, TestApp, on_both_databases};

use super::{Desk, public, seen_with};

/// Every mutation that names what is there already without saying which version of it was seen, and why it need not.
const WITHOUT_VERSION: [(&str, &str); 23] = [
    ("signIn", "no document"),
    ("refreshSession", "no document"),
    ("signOut", "no document"),
    ("passwordSet", "is about an account"),
    ("passwordChange", "is about an account"),
    ("accountInvite", "is about an account"),
    ("accountLinkCreate", "is about an account"),
    ("accountUpdate", "is about an account"),
    ("accountDisable", "is about an account"),
    ("accountEnable", "is about an account"),
    ("apiTokenCreate", "is about a token"),
    ("apiTokenRevoke", "is about a token"),
    ("pageCreate", "there is none yet"),
    ("staffMemberCreate", "there is none yet"),
    ("visitCountsBulkUpdate", "with each sheet"),
    ("figuresImport", "with each sheet; a dry run tells them"),
    ("publishMany", "with each document"),
    ("reorder", "with each document"),
    ("scheduleCancel", "names a schedule, which never changes"),
    ("leaseTake", "changes no content"),
    ("leaseRelease", "changes no content"),
    ("previewCreate", "names the version to show"),
    ("previewRevoke", "changes no content"),
];

fn save(text: &Value, version: i64, fields: &Value) -> Value {
    let mut input = json!({ "pageId": text["ownerId"], "locale": text["locale"], "expectedVersion": version });
    for (name, value) in fields.as_object().expect("fields") {
        input[name] = value.clone();
    }
    input
}

/// The type with what wraps it, such as `Version!`.
fn written(of: &Value) -> String {
    match of["kind"].as_str() {
        Some("NON_NULL") => written(&of["ofType"]) + "!",
        Some("LIST") => format!("[{}]", written(&of["ofType"])),
        _ => of["name"].as_str().expect("a name").to_owned(),
    }
}

async fn lease(desk: &Desk, document: &Value, take_over: bool) -> (Value, Value) {
    let taken = desk
        .ask(
            "mutation($id: ID!, $over: Boolean!) { leaseTake(input: { id: $id, takeOver: $over }) {
            acquired document { lease { holder since expiresAt takenFrom } } errors { code }
        } }",
            json!({ "id": document["id"], "over": take_over }),
        )
        .await;
    let taken = &taken["leaseTake"];
    assert_eq!(taken["errors"], json!([]));
    (taken["acquired"].clone(), taken["document"]["lease"].clone())
}

#[tokio::test]
async fn every_mutation_that_changes_a_document_must_say_which_version_was_seen() {
    let app = TestApp::new().await;
    let reply = app
        .anonymous()
        .run(
            "{ __schema { mutationType { fields { name args { type { ...T } } } }
            types { name inputFields { name type { ...T } } } } }
        fragment T on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }",
            json!({}),
        )
        .await;
    let types = reply.at("/data/__schema/types").as_array().expect("types");
    let field = |input: &str, field: &str| {
        let found = types.iter().find(|one| one["name"] == input).expect("an input type");
        let fields = found["inputFields"].as_array().expect("fields");
        fields.iter().find(|one| one["name"] == field).map(|one| written(&one["type"]))
    };
    let mut without = Vec::new();
    let mut with = 0;
    for mutation in reply.at("/data/__schema/mutationType/fields").as_array().expect("mutations") {
        let name = mutation["name"].as_str().expect("a name");
        let argument = mutation["args"].as_array().expect("arguments").first();
        let input = argument.map(|argument| written(&argument["type"]).replace('!', ""));
        match input.and_then(|input| field(&input, "expectedVersion")) {
            Some(version) => {
                assert_eq!(version, "Version!", "{name}");
                with += 1;
            }
            None => without.push(name),
        }
    }
    assert_eq!(without, WITHOUT_VERSION.map(|(name, _)| name));
    assert!(with >= 14, "{with}");
    for input in ["PublishManyInput", "ReorderInput"] {
        assert_eq!(field(input, "documents").as_deref(), Some("[SeenInput!]!"));
    }
    assert_eq!(field("SeenInput", "expectedVersion").as_deref(), Some("Version!"));
    let sheets = field("VisitCountsBulkUpdateInput", "sheets");
    assert_eq!(sheets.as_deref(), Some("[YearSheetChangesInput!]!"));
    assert_eq!(field("YearSheetChangesInput", "expectedVersion").as_deref(), Some("Version!"));
}

on_both_databases! {
    async fn who_may_not_do_it_is_told_that_and_not_what_others_did(app: TestApp) {
        let desk = Desk::of(&app).await;
        let page = desk.page("news").await;
        let reader = Desk { client: app.bearer(&app.sign_in(READER).await.access_token) };
        for version in [0, 1, 99] {
            let seen = json!({ "id": page["id"], "expectedVersion": version });
            for mutation in ["publish", "unpublish", "archive", "unarchive", "pageUpdate"] {
                assert_eq!(reader.refused(mutation, seen.clone()).await, ["FORBIDDEN"], "{mutation} {version}");
            }
        }
    }

    async fn leaving_the_version_out_runs_nothing(app: TestApp) {
        let desk = Desk::of(&app).await;
        let page = desk.page("news").await;
        for (mutation, input) in [
            ("pageTextSave(input: { pageId: $id, locale: \"en\", title: \"T\" })", "document { id }"),
            ("pageUpdate(input: { id: $id, position: 2 })", "document { id }"),
            ("publish(input: { id: $id })", "document { id }"),
            ("archive(input: { id: $id, expectedVersion: null })", "document { id }"),
        ] {
            let text = format!("mutation($id: ID!) {{ {mutation} {{ {input} }} }}");
            let reply = desk.client.run(&text, json!({ "id": page["id"] })).await;
            assert_eq!((reply.status(), reply.code()), (400, "GRAPHQL_VALIDATION_FAILED"), "{mutation}");
        }
        assert_eq!(desk.now(&page).await, page);
    }

    async fn who_lost_the_race_is_told_what_both_changed_and_how_it_stands(app: TestApp) {
        let (desk, other) = (Desk::of(&app).await, Desk::of_administrator(&app).await);
        let page = desk.page("news").await;
        let text = desk.text(&page, "en", "News", "Body").await;
        app.clock().advance(chrono::Duration::minutes(1));
        other.done("pageTextSave", save(&text, 1, &json!({ "title": "Theirs", "summary": "S" }))).await;

        let mine = save(&text, 1, &json!({ "body": "Mine", "title": "Mine" }));
        let outcome = desk.run("pageTextSave", mine).await;
        assert_eq!(outcome.faults(), ["VERSION_CONFLICT"]);
        let conflict = &outcome.errors[0];
        assert_eq!(conflict["path"], json!(["input", "expectedVersion"]));
        assert_eq!((&conflict["expectedVersion"], &conflict["currentVersion"]), (&json!(1), &json!(2)));
        assert_eq!(conflict["changedBy"], ADMINISTRATOR.email);
        assert_eq!(conflict["changedAt"], "2026-01-15T00:01:00+00:00");
        assert_eq!(conflict["changedFields"], json!(["summary", "title"]));
        assert_eq!(conflict["attemptedFields"], json!(["body", "title"]));
        assert_eq!(conflict["conflictingFields"], json!(["title"]));
        assert_eq!(conflict["touchesSameFields"], true);
        let expected = json!({
            "id": text["id"], "version": 2, "content": { "title": "Theirs", "body": { "markdown": "Body" } },
        });
        assert_eq!(conflict["current"], expected);
        for language in ["message", "ja"] {
            assert!(conflict[language].as_str().is_some_and(|text| !text.is_empty()), "{conflict}");
        }
        assert_eq!(desk.now(&text).await["content"]["title"], "Theirs", "nothing was written");
    }

    async fn changes_that_do_not_meet_can_be_sent_again_as_they_are(app: TestApp) {
        let (desk, other) = (Desk::of(&app).await, Desk::of_administrator(&app).await);
        let page = desk.page("news").await;
        let text = desk.text(&page, "en", "News", "Body").await;
        other.done("pageTextSave", save(&text, 1, &json!({ "title": "Theirs" }))).await;
        let mine = json!({ "body": "Mine" });
        let outcome = desk.run("pageTextSave", save(&text, 1, &mine)).await;
        let conflict = &outcome.errors[0];
        assert_eq!((&conflict["conflictingFields"], &conflict["touchesSameFields"]), (&json!([]), &json!(false)));
        let merged = desk.done("pageTextSave", save(&text, 2, &mine)).await;
        assert_eq!((&merged["content"]["title"], &merged["content"]["body"]["markdown"]), (&json!("Theirs"), &json!("Mine")));
    }

    async fn a_form_sent_as_a_whole_conflicts_where_it_holds_old_values(app: TestApp) {
        let (desk, other) = (Desk::of(&app).await, Desk::of_administrator(&app).await);
        let page = desk.page("news").await;
        let text = desk.text(&page, "en", "News", "Body").await;
        other.done("pageTextSave", save(&text, 1, &json!({ "title": "Theirs" }))).await;
        // Nobody touched the title in this form.
        let mine = json!({ "title": "News", "summary": null, "body": "Mine" });
        let outcome = desk.run("pageTextSave", save(&text, 1, &mine)).await;
        let conflict = &outcome.errors[0];
        assert_eq!(conflict["attemptedFields"], json!(["body"]));
        assert_eq!((&conflict["conflictingFields"], &conflict["touchesSameFields"]), (&json!(["title"]), &json!(true)));

        let sheet = |version: i64, total: i64, cn: i64, us: i64| json!({
            "category": "TRAVEL", "year": 2029, "expectedVersion": version, "total": total,
            "counts": [{ "country": "CN", "value": cn }, { "country": "US", "value": us }],
        });
        desk.done("visitCountsUpdate", sheet(0, 3, 1, 2)).await;
        other.done("visitCountsUpdate", sheet(1, 3, 7, 2)).await;
        for (form, conflicting) in [
            (sheet(1, 9, 1, 2), json!(["counts.CN.value"])),
            (sheet(1, 9, 7, 2), json!(["counts.CN.value"])),
            (json!({ "category": "TRAVEL", "year": 2029, "expectedVersion": 1, "total": 9 }), json!([])),
        ] {
            let outcome = desk.run("visitCountsUpdate", form.clone()).await;
            assert_eq!(outcome.errors[0]["conflictingFields"], conflicting, "{form}");
        }
    }

    async fn a_version_that_never_was_conflicts_with_everything(app: TestApp) {
        let desk = Desk::of(&app).await;
        let page = desk.page("news").await;
        let text = desk.text(&page, "en", "News", "Body").await;
        // Version 0 says that there is no text yet; 9 has never been.
        for version in [0, 9] {
            let outcome = desk.run("pageTextSave", save(&text, version, &json!({ "title": "Mine" }))).await;
            assert_eq!(outcome.faults(), ["VERSION_CONFLICT"], "{version}");
            let conflict = &outcome.errors[0];
            assert_eq!((&conflict["expectedVersion"], &conflict["currentVersion"]), (&json!(version), &json!(1)));
            assert_eq!(conflict["touchesSameFields"], true, "what was to change of nothing known may be anything");
            let fields = conflict["conflictingFields"].as_array().expect("fields");
            assert!(fields.contains(&json!("title")) && fields.contains(&json!("body")), "{conflict}");
        }
        for mutation in ["publish", "unpublish", "archive", "unarchive"] {
            let input = seen_with(&text, &json!({ "expectedVersion": 9 }));
            let outcome = desk.run(mutation, input).await;
            assert_eq!(outcome.faults(), ["VERSION_CONFLICT"], "{mutation}");
            assert_eq!(outcome.errors[0]["currentVersion"], 1);
        }
        assert_eq!(desk.now(&text).await, text);
        let missing = json!({ "pageId": page["id"], "locale": "ja", "expectedVersion": 1, "title": "T" });
        assert_eq!(desk.refused("pageTextSave", missing).await, ["NOT_FOUND"]);
        let negative = save(&text, -1, &json!({ "title": "T" }));
        assert_eq!(desk.refused("pageTextSave", negative).await, ["input.expectedVersion OUT_OF_RANGE"]);
    }

    async fn a_lease_tells_who_is_at_work_and_since_when(app: TestApp) {
        let (desk, other) = (Desk::of(&app).await, Desk::of_administrator(&app).await);
        let page = desk.page("news").await;
        assert_eq!(page["lease"], Value::Null);
        let (acquired, mine) = lease(&desk, &page, false).await;
        assert_eq!(acquired, true);
        let expected = json!({
            "holder": EDITOR.email, "since": "2026-01-15T00:00:00+00:00", "expiresAt": "2026-01-15T00:05:00+00:00",
            "takenFrom": null,
        });
        assert_eq!(mine, expected);
        app.clock().advance(chrono::Duration::minutes(1));
        let (acquired, seen) = lease(&other, &page, false).await;
        assert_eq!((acquired, seen), (json!(false), expected.clone()));
        let (acquired, longer) = lease(&desk, &page, false).await;
        assert_eq!((acquired, &longer["since"]), (json!(true), &expected["since"]), "one's own is prolonged");
        assert_eq!(longer["expiresAt"], "2026-01-15T00:06:00+00:00");

        let (acquired, _) = lease(&other, &page, true).await;
        assert_eq!(acquired, true);
        let told = desk.now(&page).await["lease"].clone();
        assert_eq!((&told["holder"], &told["takenFrom"]), (&json!(ADMINISTRATOR.email), &json!(EDITOR.email)));
        assert_eq!(told["since"], "2026-01-15T00:01:00+00:00");
        desk.done("leaseRelease", json!({ "id": page["id"] })).await;
        assert_eq!(desk.now(&page).await["lease"], told, "nobody gives back what is somebody else's");
        other.done("leaseRelease", json!({ "id": page["id"] })).await;
        assert_eq!(desk.now(&page).await["lease"], Value::Null);
    }

    async fn a_lease_never_blocks_and_an_expired_one_is_gone(app: TestApp) {
        let (desk, other) = (Desk::of(&app).await, Desk::of_administrator(&app).await);
        let page = desk.page("news").await;
        let text = desk.text(&page, "en", "News", "Body").await;
        lease(&other, &text, false).await;
        let text = desk.write(&text, "Saved all the same").await;
        desk.publish(&[&page, &text]).await;
        assert_eq!(public(&app, "news", "en").await["body"]["markdown"], "Saved all the same");
        app.clock().advance(chrono::Duration::minutes(5));
        assert_eq!(desk.now(&text).await["lease"], Value::Null);
        let (acquired, mine) = lease(&desk, &text, false).await;
        assert_eq!((acquired, &mine["takenFrom"]), (json!(true), &Value::Null));
        assert_eq!(desk.refused("leaseTake", json!({ "id": "x" })).await, ["input.id UNKNOWN"]);
    }
}
