//! Countries and categories with their names.

use serde_json::{Value, json};
use tests::{TestApp, on_both_databases};

use super::{Desk, seen, seen_with, together};

/// What the public sees of a country or category, without fallback; null for nothing.
async fn public(app: &TestApp, list: &str, code: &str) -> Value {
    let query = format!("{{ {list}(locale: \"en\", fallback: []) {{ code name }} }}");
    let reply = app.anonymous().run(&query, json!({})).await;
    let all = reply.data()[list].as_array().expect("a list").clone();
    all.into_iter().find(|one| one["code"] == code).unwrap_or_default()
}

async fn first(app: &TestApp, list: &str) -> Value {
    let query = format!("{{ {list} {{ code }} }}");
    app.anonymous().run(&query, json!({})).await.data()[list][0]["code"].clone()
}

on_both_databases! {
    async fn the_public_sees_each_step_of_a_country_s_life_and_no_draft(app: TestApp) {
        let desk = Desk::of(&app).await;
        let names = json!([{ "locale": "en", "text": "Fiji" }, { "locale": "ja", "text": "フィジー" }]);
        let input = json!({ "code": "FJ", "expectedVersion": 0, "position": 99, "names": names });
        let country = desk.done("countrySave", input).await;
        assert_eq!(public(&app, "countries", "FJ").await, Value::Null, "a draft");
        desk.done("publish", seen(&country)).await;
        assert_eq!(public(&app, "countries", "FJ").await["name"], "Fiji");
        let names = json!([{ "locale": "en", "text": "The Fijis" }]);
        let country = desk.done("countrySave", json!({ "code": "FJ", "expectedVersion": 1, "names": names })).await;
        assert_eq!(country["content"]["position"], 99, "what is left out stays");
        assert_eq!(public(&app, "countries", "FJ").await["name"], "Fiji", "saved");
        let country = desk.done("publish", seen(&country)).await;
        assert_eq!(public(&app, "countries", "FJ").await["name"], "The Fijis");
        let country = desk.done("unpublish", seen(&country)).await;
        assert_eq!(public(&app, "countries", "FJ").await, Value::Null, "withdrawn");
        let country = desk.done("archive", seen(&country)).await;
        let late = json!({ "code": "FJ", "expectedVersion": 2, "position": 1 });
        assert_eq!(desk.refused("countrySave", late).await, ["input.code ARCHIVED"]);
        let country = desk.done("unarchive", seen(&country)).await;
        desk.done("publish", seen(&country)).await;
        assert_eq!(public(&app, "countries", "FJ").await["name"], "The Fijis");
    }

    async fn the_public_sees_each_step_of_a_category_s_life_and_no_draft(app: TestApp) {
        let desk = Desk::of(&app).await;
        let labels = json!([{ "locale": "en", "name": "Remote", "description": "By video" }]);
        let input = json!({ "code": "REMOTE", "expectedVersion": 0, "position": 9, "labels": labels });
        let category = desk.done("categorySave", input).await;
        assert_eq!(public(&app, "categories", "REMOTE").await, Value::Null, "a draft");
        let category = desk.done("publish", seen(&category)).await;
        assert_eq!(public(&app, "categories", "REMOTE").await["name"], "Remote");
        let labels = json!([{ "locale": "en", "name": "Telemedicine" }]);
        let saved = desk.done("categorySave", json!({ "code": "REMOTE", "expectedVersion": 1, "labels": labels })).await;
        assert_eq!(saved["content"]["position"], 9, "what is left out stays");
        assert_eq!(saved["content"]["labels"][0]["description"], Value::Null);
        assert_eq!(public(&app, "categories", "REMOTE").await["name"], "Remote", "saved");
        desk.done("unpublish", seen_with(&category, &json!({ "expectedVersion": 2 }))).await;
        assert_eq!(public(&app, "categories", "REMOTE").await, Value::Null, "withdrawn");
        desk.done("publish", seen(&saved)).await;
        assert_eq!(public(&app, "categories", "REMOTE").await["name"], "Telemedicine");
        desk.done("archive", seen(&saved)).await;
        assert_eq!(public(&app, "categories", "REMOTE").await, Value::Null, "archived");
    }

    async fn what_figures_count_by_cannot_be_withdrawn(app: TestApp) {
        let desk = Desk::of(&app).await;
        for (by, list, code) in [("country", "countries", "CN"), ("category", "categories", "RESIDENT")] {
            let document = desk.find(json!({ by: code })).await;
            for mutation in ["unpublish", "archive"] {
                assert_eq!(desk.refused(mutation, seen(&document)).await, ["input.id IN_USE"], "{code}");
                assert_eq!(desk.now(&document).await, document);
                assert_eq!(public(&app, list, code).await["code"], code);
            }
        }
    }

    async fn every_fault_of_the_names_is_told(app: TestApp) {
        let desk = Desk::of(&app).await;
        let names = json!([
            { "locale": "en", "text": "A" }, { "locale": "en", "text": "B" }, { "locale": "no tag", "text": "C" },
            { "locale": "ja", "text": " " },
        ]);
        let mut faults = desk.refused("countrySave", json!({ "code": "fj", "expectedVersion": 0, "names": names })).await;
        faults.sort();
        assert_eq!(faults, ["input.code FORMAT"], "nothing else is known of what is not named");
        let mut faults = desk.refused("countrySave", json!({ "code": "FJ", "expectedVersion": 0, "names": names })).await;
        faults.sort();
        assert_eq!(
            faults,
            ["input.names.1.locale DUPLICATE", "input.names.2.locale FORMAT", "input.names.3.text REQUIRED"]
        );
        let french = json!([{ "locale": "fr", "text": "Fidji" }]);
        let input = json!({ "code": "FJ", "expectedVersion": 0, "names": french });
        assert_eq!(desk.refused("countrySave", input).await, ["input.names.0.locale UNKNOWN"]);
        for (mutation, code, field) in [("countrySave", "CN", "names"), ("categorySave", "RESIDENT", "labels")] {
            let input = json!({ "code": code, "expectedVersion": 1, field: null });
            assert_eq!(desk.refused(mutation, input).await, [format!("input.{field} REQUIRED")]);
            let input = json!({ "code": code, "expectedVersion": 1, "position": null });
            assert_eq!(desk.refused(mutation, input).await, ["input.position REQUIRED"]);
        }
        let input = json!({ "code": "FJ", "expectedVersion": 0 });
        assert_eq!(desk.refused("countrySave", input).await, ["input.names REQUIRED"]);
    }

    async fn countries_and_categories_stand_in_their_new_order_when_that_is_published(app: TestApp) {
        let desk = Desk::of(&app).await;
        for (by, list) in [("country", "countries"), ("category", "categories")] {
            let reply = app.anonymous().run(&format!("{{ {list} {{ code }} }}"), json!({})).await;
            let codes = reply.data()[list].as_array().expect("a list").clone();
            let last = codes.last().expect("a code")["code"].clone();
            let mut order = vec![desk.find(json!({ by: last })).await];
            for code in &codes[..codes.len() - 1] {
                order.push(desk.find(json!({ by: code["code"] })).await);
            }
            let order: Vec<&Value> = order.iter().collect();
            let drafts = desk.done("reorder", together(&order)).await;
            assert_ne!(first(&app, list).await, last);
            let drafts: Vec<&Value> = drafts.as_array().expect("drafts").iter().collect();
            desk.publish(&drafts).await;
            assert_eq!(first(&app, list).await, last);
        }
    }
}
