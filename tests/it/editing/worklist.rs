//! The editors' work list.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tests::{ADMINISTRATOR, EDITOR, on_both_databases};

use super::{Desk, seen, seen_with};

async fn list(desk: &Desk, filter: Value) -> Value {
    let query = "query($filter: DocumentFilter) { documents(filter: $filter, first: 100) {
        totalCount counts { state count } nodes { id kind key state changedAt changedBy ownerId locale }
    } }";
    desk.ask(query, json!({ "filter": filter })).await["documents"].clone()
}

async fn ids(desk: &Desk, filter: Value) -> BTreeSet<String> {
    let found = list(desk, filter).await;
    let nodes = found["nodes"].as_array().expect("documents");
    assert_eq!(found["totalCount"], nodes.len(), "all fit on one page");
    nodes.iter().map(id).collect()
}

fn id(document: &Value) -> String {
    document["id"].as_str().expect("an id").to_owned()
}

fn set(documents: &[&Value]) -> BTreeSet<String> {
    documents.iter().map(|document| id(document)).collect()
}

on_both_databases! {
    async fn each_condition_narrows_the_list_and_all_hold_together(app: TestApp) {
        let (desk, other) = (Desk::of(&app).await, Desk::of_administrator(&app).await);
        app.clock().advance(chrono::Duration::minutes(1));
        let since = json!({ "changedSince": "2026-01-15T00:01:00Z" });
        let (news, news_texts) = desk.published("news", &["en", "ja"]).await;
        let (press, press_texts) = other.published("press", &["en"]).await;
        let modified = other.write(&news_texts[0], "Second").await;
        let archived = desk.done("archive", seen(&desk.page("old").await)).await;
        let draft = desk.page("draft").await;
        let scheduled = desk.page("scheduled").await;
        let plan = json!({ "action": "PUBLISH", "at": "2027-01-15T00:00:00", "timeZone": "Asia/Tokyo" });
        desk.done("schedule", seen_with(&scheduled, &plan)).await;
        let withdrawn = desk.page("withdrawn").await;
        desk.publish(&[&withdrawn]).await;
        desk.done("unpublish", seen(&withdrawn)).await;

        let with = |more: Value| {
            let mut filter = since.clone();
            for (name, value) in more.as_object().expect("fields") {
                filter[name] = value.clone();
            }
            filter
        };
        for (more, expected) in [
            (json!({}), set(&[&news, &news_texts[0], &news_texts[1], &press, &press_texts[0], &draft, &scheduled, &withdrawn])),
            (json!({ "state": ["MODIFIED"] }), set(&[&modified])),
            (json!({ "state": ["ARCHIVED", "SCHEDULED"] }), set(&[&archived, &scheduled])),
            (json!({ "state": ["NEVER_PUBLISHED"] }), set(&[&draft])),
            (json!({ "state": ["UNPUBLISHED"] }), set(&[&withdrawn])),
            (json!({ "state": [] }), set(&[])),
            (json!({ "kind": ["PAGE_TEXT"] }), set(&[&news_texts[0], &news_texts[1], &press_texts[0]])),
            (json!({ "locale": "ja" }), set(&[&news_texts[1]])),
            (json!({ "missingLocale": "ja" }), set(&[&press, &draft, &scheduled, &withdrawn])),
            (json!({ "missingLocale": "en", "state": ["NEVER_PUBLISHED"] }), set(&[&draft])),
            (json!({ "editor": ADMINISTRATOR.email }), set(&[&press, &press_texts[0], &news_texts[0]])),
            (json!({ "editor": EDITOR.email, "kind": ["PAGE_TEXT"] }), set(&[&news_texts[1]])),
            (json!({ "ownerId": news["id"] }), set(&[&news_texts[0], &news_texts[1]])),
            (json!({ "ownerId": news["id"], "locale": "en", "state": ["PUBLISHED"] }), set(&[])),
            (json!({ "failedSchedule": true }), set(&[])),
            (json!({ "changedSince": "2026-01-15T00:01:01Z" }), set(&[])),
        ] {
            assert_eq!(ids(&desk, with(more.clone())).await, expected, "{more}");
        }

        let found = list(&desk, with(json!({ "state": ["MODIFIED"] }))).await;
        let count = |state: &str, count: u64| json!({ "state": state, "count": count });
        let expected = json!([
            count("NEVER_PUBLISHED", 1), count("SCHEDULED", 1), count("PUBLISHED", 4), count("MODIFIED", 1),
            count("UNPUBLISHED", 1), count("ARCHIVED", 1),
        ]);
        assert_eq!(found["counts"], expected, "whatever states are asked for");
        let query = "{ documents(filter: { editor: \"nobody@example.org\" }) { totalCount } }";
        let reply = desk.client.run(query, json!({})).await;
        assert_eq!(reply.at("/data/documents/totalCount"), 0, "no account, no documents, and no word about which it is");
        assert_eq!(app.anonymous().run("{ documents { totalCount } }", json!({})).await.code(), "UNAUTHENTICATED");
    }

    async fn countries_and_categories_without_a_name_in_a_locale_are_found(app: TestApp) {
        let desk = Desk::of(&app).await;
        let missing = json!({ "missingLocale": "ja", "kind": ["COUNTRY", "CATEGORY", "SITE", "STAFF_MEMBER"] });
        assert_eq!(ids(&desk, missing.clone()).await, set(&[]));
        let names = json!([{ "locale": "en", "text": "Fiji" }]);
        let country = desk.done("countrySave", json!({ "code": "FJ", "expectedVersion": 0, "names": names })).await;
        let member = desk.done("staffMemberCreate", json!({ "slug": "somebody" })).await;
        assert_eq!(ids(&desk, missing.clone()).await, set(&[&country, &member]));
        let names = json!([{ "locale": "en", "text": "Fiji" }, { "locale": "ja", "text": "フィジー" }]);
        desk.done("countrySave", json!({ "code": "FJ", "expectedVersion": 1, "names": names })).await;
        assert_eq!(ids(&desk, missing).await, set(&[&member]));
    }

    async fn a_walk_through_the_list_misses_nothing_and_repeats_nothing_while_others_save(app: TestApp) {
        let desk = Desk::of(&app).await;
        let mut pages = Vec::new();
        for number in 0..9 {
            // Three at each moment: the id decides among them.
            if number % 3 == 0 {
                app.clock().advance(chrono::Duration::seconds(1));
            }
            pages.push(desk.page(&format!("page-{number}")).await);
        }
        let query = "query($after: String) {
            documents(filter: { changedSince: \"2026-01-15T00:00:01Z\", kind: [PAGE] }, first: 2, after: $after) {
                nodes { id changedAt } pageInfo { hasNextPage endCursor }
            }
        }";
        let (mut found, mut after): (Vec<Value>, Value) = (Vec::new(), Value::Null);
        let mut moved = Vec::new();
        loop {
            let part = desk.ask(query, json!({ "after": after })).await["documents"].clone();
            found.extend(part["nodes"].as_array().expect("documents").clone());
            // Somebody creates one and saves one that was read: they go to the front and shift all that was read.
            app.clock().advance(chrono::Duration::seconds(1));
            desk.page(&format!("new-{}", found.len())).await;
            let read = desk.now(&found[0]).await;
            moved.push(desk.done("pageUpdate", seen_with(&read, &json!({ "position": found.len() }))).await);
            if part["pageInfo"]["hasNextPage"] == false {
                break;
            }
            after = part["pageInfo"]["endCursor"].clone();
        }
        assert!(moved.len() > 3);
        let once: BTreeSet<String> = found.iter().map(id).collect();
        assert_eq!((found.len(), once), (9, pages.iter().map(id).collect()));
        let mut order: Vec<(String, String)> =
            found.iter().map(|one| (one["changedAt"].as_str().expect("a moment").to_owned(), id(one))).collect();
        let as_found: Vec<_> = order.iter().map(|(at, _)| at.clone()).collect();
        order.sort_by(|one, other| other.0.cmp(&one.0));
        assert_eq!(as_found, order.into_iter().map(|(at, _)| at).collect::<Vec<_>>(), "what was changed last comes first");
    }

    async fn the_list_costs_the_same_number_of_statements_however_long_it_is(app: TestApp) {
        let desk = Desk::of(&app).await;
        // Newer than the example, which nobody has an address for.
        app.clock().advance(chrono::Duration::seconds(1));
        for number in 0..5 {
            let (_, texts) = desk.published(&format!("page-{number}"), &["en", "ja"]).await;
            desk.write(&texts[0], "Second").await;
            desk.done("leaseTake", json!({ "id": texts[1]["id"] })).await;
        }
        let query = "query($first: Int) { documents(first: $first) { totalCount counts { count } nodes {
            id title state changedBy lease { holder } schedules { createdBy } content { __typename } published { __typename }
        } } }";
        let mut costs = Vec::new();
        for first in [3, 30, 100] {
            app.statements().reset();
            let found = desk.ask(query, json!({ "first": first })).await;
            assert!(found["documents"]["nodes"].as_array().is_some_and(|nodes| nodes.len() > 2));
            costs.push(app.statements().so_far());
        }
        assert_eq!(costs, [costs[0]; 3]);
        assert!(costs[0] <= 10, "{costs:?}");
    }
}
