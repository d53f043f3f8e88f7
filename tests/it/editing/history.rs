//! What became of a document, what differs between two versions, and bringing one back.

use api::document::schedule::run_due;
use seed::{Dataset, Files};
use serde_json::{Value, json};
use tests::{ADMINISTRATOR, EDITOR, commands, on_both_databases};

use super::{Desk, public, seen, seen_with};

async fn history(desk: &Desk, document: &Value, more: &str) -> Value {
    let query = format!(
        "query($id: ID!) {{ history(id: $id{more}) {{
        revisions {{ version action reason createdAt actor createdBy
            content {{ ... on PageTextContent {{ title }} ... on CountryContent {{ code }} }} }}
        publications {{ version publishedAt actor publishedBy kind reason }}
    }} }}"
    );
    desk.ask(&query, json!({ "id": document["id"] })).await["history"].clone()
}

async fn diff(desk: &Desk, document: &Value, a: i64, b: i64) -> Value {
    let query = "query($id: ID!, $a: Version!, $b: Version!) { diff(id: $id, a: $a, b: $b) {
        path before after words { operation text }
    } }";
    desk.ask(query, json!({ "id": document["id"], "a": a, "b": b })).await["diff"].clone()
}

fn restore(document: &Value, version: i64) -> Value {
    seen_with(document, &json!({ "version": version }))
}

on_both_databases! {
    async fn a_history_has_every_version_and_every_change_of_what_the_public_saw(app: TestApp) {
        let (desk, other) = (Desk::of(&app).await, Desk::of_administrator(&app).await);
        let (_, texts) = desk.published("news", &["en"]).await;
        app.clock().advance(chrono::Duration::minutes(1));
        let input = json!({
            "pageId": texts[0]["ownerId"], "locale": "en", "expectedVersion": 1, "title": "Second", "reason": "A typo",
        });
        let text = other.done("pageTextSave", input).await;
        let text = desk.done("publish", seen_with(&text, &json!({ "reason": "Checked" }))).await;
        let text = desk.done("unpublish", seen_with(&text, &json!({ "reason": "Out of date" }))).await;
        desk.done("restore", seen_with(&text, &json!({ "version": 1, "reason": "It was right" }))).await;
        let found = history(&desk, &text, "").await;
        let at = ["2026-01-15T00:00:00+00:00", "2026-01-15T00:01:00+00:00"];
        let revision = |version: i64, action: &str, reason: Value, at: &str, by: &str, title: &str| json!({
            "version": version, "action": action, "reason": reason, "createdAt": at, "actor": "ACCOUNT", "createdBy": by,
            "content": { "title": title },
        });
        assert_eq!(found["revisions"], json!([
            revision(3, "RESTORE", json!("It was right"), at[1], EDITOR.email, "news en"),
            revision(2, "SAVE", json!("A typo"), at[1], ADMINISTRATOR.email, "Second"),
            revision(1, "SAVE", Value::Null, at[0], EDITOR.email, "news en"),
        ]));
        let publication = |version: Value, at: &str, reason: Value| json!({
            "version": version, "publishedAt": at, "actor": "ACCOUNT", "publishedBy": EDITOR.email, "kind": null,
            "reason": reason,
        });
        assert_eq!(found["publications"], json!([
            publication(Value::Null, at[1], json!("Out of date")),
            publication(json!(2), at[1], json!("Checked")),
            publication(json!(1), at[0], Value::Null),
        ]));
        let part = history(&desk, &text, ", first: 1, before: 3").await;
        assert_eq!(part["revisions"].as_array().map(Vec::len), Some(1));
        assert_eq!(part["revisions"][0]["version"], 2);
    }

    async fn a_difference_is_told_by_field_and_inside_texts_by_word(app: TestApp) {
        let desk = Desk::of(&app).await;
        let page = desk.page("news").await;
        let text = desk.text(&page, "en", "News", "We open at nine.").await;
        let input = json!({
            "pageId": page["id"], "locale": "en", "expectedVersion": 1, "summary": "Hours",
            "body": "We open at ten.",
        });
        desk.done("pageTextSave", input).await;
        let expected = json!([
            { "path": "body", "before": "We open at nine.", "after": "We open at ten.", "words": [
                { "operation": "EQUAL", "text": "We open at " },
                { "operation": "DELETE", "text": "nine" },
                { "operation": "INSERT", "text": "ten" },
                { "operation": "EQUAL", "text": "." },
            ] },
            { "path": "summary", "before": null, "after": "Hours", "words": [] },
        ]);
        assert_eq!(diff(&desk, &text, 1, 2).await, expected);
        let back = diff(&desk, &text, 2, 1).await;
        assert_eq!((&back[1]["before"], &back[1]["after"]), (&json!("Hours"), &Value::Null));
        assert_eq!(diff(&desk, &text, 2, 2).await, json!([]));
        let query = "query($id: ID!) { diff(id: $id, a: 1, b: 3) { path } }";
        let reply = desk.client.run(query, json!({ "id": text["id"] })).await;
        assert_eq!(reply.at("/errors/0/extensions/faults/0/path"), &json!(["b"]));
        let reply = app.anonymous().run(query, json!({ "id": text["id"] })).await;
        assert_eq!(reply.code(), "UNAUTHENTICATED");
    }

    async fn what_is_restored_is_a_new_draft_and_publishes_nothing(app: TestApp) {
        let desk = Desk::of(&app).await;
        let (_, texts) = desk.published("news", &["en"]).await;
        let text = desk.write(&texts[0], "Second").await;
        let text = desk.publish(&[&text]).await.remove(0);
        let restored = desk.done("restore", restore(&text, 1)).await;
        assert_eq!((&restored["version"], &restored["state"]), (&json!(3), &json!("MODIFIED")));
        assert_eq!(restored["content"]["body"]["markdown"], "First");
        assert_eq!(public(&app, "news", "en").await["body"]["markdown"], "Second");
        assert_eq!(desk.refused("restore", restore(&restored, 4)).await, ["input.version UNKNOWN"]);
        assert_eq!(desk.refused("restore", restore(&restored, 0)).await, ["input.version UNKNOWN"]);
        assert_eq!(desk.refused("restore", restore(&text, 1)).await, ["VERSION_CONFLICT"]);
    }

    async fn an_old_version_that_breaks_a_rule_by_now_is_not_restored(app: TestApp) {
        let desk = Desk::of(&app).await;
        let page = desk.page("first-name").await;
        let page = desk.done("pageUpdate", seen_with(&page, &json!({ "slug": "second-name" }))).await;
        let (other, _) = desk.published("first-name", &["en"]).await;
        assert_eq!(desk.refused("restore", restore(&page, 1)).await, ["input.slug TAKEN"]);
        let below = desk.done("pageCreate", json!({ "slug": "below", "parentId": other["id"] })).await;
        let below = desk.done("pageUpdate", seen_with(&below, &json!({ "parentId": null }))).await;
        desk.done("archive", seen(&other)).await;
        assert_eq!(desk.refused("restore", restore(&below, 1)).await, ["input.parentId ARCHIVED"]);
        assert_eq!(desk.now(&below).await, below);
    }

    async fn every_way_of_writing_leaves_its_actor(app: TestApp) {
        let desk = Desk::of(&app).await;
        let names = json!([{ "locale": "en", "text": "People's Republic" }]);
        let input = json!({ "code": "CN", "expectedVersion": 1, "names": names });
        let country = desk.done("countrySave", input).await;
        let input = seen_with(&country, &json!({
            "action": "PUBLISH", "at": "2026-01-15T00:01:00", "timeZone": "UTC", "reason": "On time",
        }));
        desk.done("schedule", input).await;
        app.clock().advance(chrono::Duration::minutes(1));
        assert_eq!(run_due(app.state()).await.expect("carried out"), 1);
        let example = Dataset::parse(&Files::example()).expect("the example has no fault");
        let imported = commands::import(app.state(), &example, "As it was").await.expect("the dataset fits");
        assert_eq!(imported.changed, 1);

        let found = history(&desk, &country, "").await;
        let told = |list: &str, fields: [&str; 4]| -> Vec<Vec<Value>> {
            let all = found[list].as_array().expect("a list").iter();
            all.map(|one| fields.iter().map(|field| one[field].clone()).collect()).collect()
        };
        let line = json!("COMMAND_LINE");
        let revisions = told("revisions", ["version", "action", "actor", "createdBy"]);
        assert_eq!(revisions[..2], [
            vec![json!(3), json!("IMPORT"), line.clone(), Value::Null],
            vec![json!(2), json!("SAVE"), json!("ACCOUNT"), json!(EDITOR.email)],
        ]);
        assert_eq!(found["revisions"][0]["reason"], "As it was");
        assert_eq!(revisions[2], [json!(1), json!("IMPORT"), line.clone(), Value::Null], "the example");
        let publications = told("publications", ["version", "actor", "publishedBy", "reason"]);
        assert_eq!(publications[..2], [
            vec![json!(3), line.clone(), Value::Null, json!("As it was")],
            vec![json!(2), json!("SCHEDULE"), json!(EDITOR.email), json!("On time")],
        ]);
        assert_eq!(publications.len(), 3);
    }
}
