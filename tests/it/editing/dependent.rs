//! Documents that need each other: they go out together, come back together, and are not taken from one another unseen.

use serde_json::{Value, json};
use tests::on_both_databases;

use super::{Desk, fault, public, seen, seen_with, together};

async fn check(desk: &Desk, document: &Value) -> Vec<String> {
    let query = "query($id: ID!) { publishCheck(ids: [$id]) { __typename code path rule message } }";
    let found = desk.ask(query, json!({ "id": document["id"] })).await;
    found["publishCheck"].as_array().expect("blockers").iter().map(fault).collect()
}

on_both_databases! {
    async fn texts_that_were_withdrawn_with_a_page_come_back_with_it(app: TestApp) {
        let desk = Desk::of(&app).await;
        let (page, texts) = desk.published("comes-back", &["ja", "en"]).await;
        // Withdrawn by itself, and so not with the page.
        desk.done("unpublish", seen(&texts[1])).await;
        for (away, back) in [("unpublish", None), ("archive", Some("unarchive"))] {
            let page = desk.now(&page).await;
            desk.done(away, seen(&page)).await;
            assert_eq!(public(&app, "comes-back", "ja").await, Value::Null);
            if let Some(back) = back {
                desk.done(back, seen(&page)).await;
            }
            desk.done("publish", seen(&page)).await;
            let shown = public(&app, "comes-back", "ja").await;
            assert_eq!((&shown["title"], &shown["availableLocales"]), (&json!("comes-back ja"), &json!(["ja"])), "{away}");
        }
        assert_eq!(desk.now(&texts[1]).await["state"], "UNPUBLISHED");
    }

    async fn a_text_that_was_changed_since_does_not_come_back_by_itself(app: TestApp) {
        let desk = Desk::of(&app).await;
        let (page, texts) = desk.published("changed-since", &["ja", "en"]).await;
        desk.done("unpublish", seen(&page)).await;
        let draft = desk.write(&desk.now(&texts[0]).await, "Not read by anybody yet").await;
        desk.done("publish", seen(&page)).await;
        assert_eq!(public(&app, "changed-since", "ja").await, Value::Null);
        assert!(public(&app, "changed-since", "en").await.is_object());
        assert_eq!(desk.now(&draft).await["state"], "UNPUBLISHED");
    }

    async fn the_texts_of_a_staff_record_come_back_with_it(app: TestApp) {
        let desk = Desk::of(&app).await;
        let member = desk.done("staffMemberCreate", json!({ "slug": "doctor", "position": 90 })).await;
        let text = json!({ "staffId": member["id"], "locale": "ja", "expectedVersion": 0, "name": "医師", "role": "内科" });
        let text = desk.done("staffTextSave", text).await;
        desk.publish(&[&member, &text]).await;
        desk.done("unpublish", seen(&member)).await;
        desk.done("publish", seen(&member)).await;
        assert_eq!(desk.now(&text).await["state"], "PUBLISHED");
    }

    async fn a_new_country_and_its_first_figures_are_prepared_and_published_together(app: TestApp) {
        let desk = Desk::of(&app).await;
        let names = json!([{ "locale": "en", "text": "New Zealand" }, { "locale": "ja", "text": "ニュージーランド" }]);
        let country = desk.done("countrySave", json!({ "code": "NZ", "expectedVersion": 0, "names": names })).await;
        let labels = json!([{ "locale": "en", "name": "Second opinion" }, { "locale": "ja", "name": "セカンドオピニオン" }]);
        let category =
            desk.done("categorySave", json!({ "code": "OPINION", "expectedVersion": 0, "labels": labels })).await;
        let sheet = json!({
            "category": "OPINION", "year": 2023, "expectedVersion": 0, "total": 4, "counts": [{ "country": "NZ", "value": 4 }],
        });
        let mut at_once = sheet.clone();
        at_once["publish"] = true.into();
        assert_eq!(
            desk.refused("visitCountsUpdate", at_once).await,
            ["input.category NOT_PUBLISHED", "input.counts.0.country NOT_PUBLISHED"]
        );
        let sheet = desk.done("visitCountsUpdate", sheet).await;
        assert_eq!(check(&desk, &sheet).await, ["category NOT_PUBLISHED", "counts.NZ.country NOT_PUBLISHED"]);
        let (page, texts) = {
            let page = desk.page("opinion").await;
            let text = desk.text(&page, "ja", "セカンドオピニオン", "ご案内").await;
            (page, text)
        };
        let mut all = together(&[&sheet, &texts, &page, &category, &country]);
        all["kind"] = "RELEASE".into();
        desk.done("publishMany", all).await;
        let query = "{ factSheet(categories: [\"OPINION\"], from: 2023, to: 2023) { categories { countries {
            country { code } counts { value }
        } } } }";
        let shown = app.anonymous().run(query, json!({})).await;
        assert_eq!(shown.at("/data/factSheet/categories/0/countries/0/counts/0/value"), 4, "{}", shown.text());
        assert!(public(&app, "opinion", "ja").await.is_object());
    }

    async fn a_kind_of_release_without_figures_is_refused(app: TestApp) {
        let desk = Desk::of(&app).await;
        let page = desk.page("no-figures").await;
        let mut input = together(&[&page]);
        input["kind"] = "RELEASE".into();
        assert_eq!(desk.refused("publishMany", input).await, ["input.kind ONLY_FOR_FIGURES"]);
    }

    async fn a_country_that_is_archived_or_unknown_stands_in_no_draft(app: TestApp) {
        let desk = Desk::of(&app).await;
        let names = json!([{ "locale": "en", "text": "New Zealand" }]);
        let country = desk.done("countrySave", json!({ "code": "NZ", "expectedVersion": 0, "names": names })).await;
        desk.done("archive", seen(&country)).await;
        for code in ["NZ", "AQ"] {
            let sheet = json!({
                "category": "TRAVEL", "year": 1999, "expectedVersion": 0, "counts": [{ "country": code, "value": 4 }],
            });
            assert_eq!(desk.refused("visitCountsUpdate", sheet).await, ["input.counts.0.country UNKNOWN"], "{code}");
        }
    }

    async fn a_page_that_published_pages_link_to_is_withdrawn_only_on_purpose(app: TestApp) {
        let desk = Desk::of(&app).await;
        let (target, texts) = desk.published("target", &["ja", "en"]).await;
        let (linking, linking_texts) = desk.published("linking", &["en"]).await;
        let text = desk.write(&linking_texts[0], "See [there](/en/%74arget#top).").await;
        desk.publish(&[&text]).await;
        for mutation in ["unpublish", "archive"] {
            let outcome = desk.run(mutation, seen(&target)).await;
            assert_eq!(outcome.errors[0]["message"], "published pages link to it: linking");
            assert_eq!(outcome.faults(), ["input.id LINKED_FROM"], "{mutation}");
        }
        // As long as a text of it is public, the links are alive.
        desk.done("unpublish", seen(&texts[0])).await;
        assert_eq!(desk.refused("unpublish", seen(&texts[1])).await, ["input.id LINKED_FROM"]);
        // A draft without the link changes nothing for readers.
        let text = desk.write(&desk.now(&text).await, "Nothing").await;
        assert_eq!(desk.refused("unpublish", seen(&target)).await, ["input.id LINKED_FROM"]);
        let broken = desk.done("archive", seen_with(&target, &json!({ "breakLinks": true }))).await;
        assert_eq!(broken["state"], "ARCHIVED");
        assert!(public(&app, "linking", "en").await.is_object());
        desk.publish(&[&text]).await;
        desk.done("unpublish", seen(&linking)).await;
    }

    async fn a_link_or_an_image_is_seen_however_it_is_written(app: TestApp) {
        let desk = Desk::of(&app).await;
        let page = desk.page("links").await;
        let text = desk.text(&page, "ja", "Links", "").await;
        desk.publish(&[&page]).await;
        for (body, faults) in [
            ("[a](/%6eope)", vec!["body DEAD_LINK"]),
            ("[a](/ABOUT-US)", vec!["body DEAD_LINK"]),
            ("[a](/%41bout-us)", vec!["body DEAD_LINK"]),
            ("[a](/%61bout-us)", vec![]),
            ("[a](/about%2Dus/)", vec![]),
            ("![\u{200b}](a.png)", vec!["body IMAGE_TEXT"]),
            ("![\u{feff}\u{2060}\u{ad}](a.png)", vec!["body IMAGE_TEXT"]),
            ("![\u{3000}](a.png)", vec!["body IMAGE_TEXT"]),
            ("![図](a.png)", vec![]),
            ("[a](/about-us%20) [b](/about-us;x) [c](/about-us\u{200b})", vec!["body DEAD_LINK"; 3]),
            ("[a](/fr/about-us)", vec!["body DEAD_LINK"]),
            ("[a](/en/about-us) [b](/departments/about-us)", vec![]),
            ("[a](javascript:alert%281%29) <a href=\"ftp://example.org\">b</a>", vec!["body LINK_SCHEME"; 2]),
            ("![図](data:image/png;base64,AA)", vec!["body LINK_SCHEME"]),
            ("[a](HTTPS://example.org) [b](mailto:a@example.org) [c](tel:+81-3)", vec![]),
        ] {
            let text = desk.write(&desk.now(&text).await, body).await;
            assert_eq!(check(&desk, &text).await, faults, "{body:?}");
        }
    }

    async fn a_conflict_names_its_place_in_the_list(app: TestApp) {
        let desk = Desk::of(&app).await;
        let [first, second] = [desk.page("first").await, desk.page("second").await];
        desk.done("pageUpdate", seen_with(&second, &json!({ "position": 7 }))).await;
        for mutation in ["publishMany", "reorder"] {
            let outcome = desk.run(mutation, together(&[&first, &second])).await;
            assert_eq!(outcome.errors[0]["path"], json!(["input", "documents", "1", "expectedVersion"]), "{mutation}");
            assert_eq!(outcome.errors[0]["currentVersion"], 2);
        }
        // All of them are told.
        desk.done("pageUpdate", seen_with(&first, &json!({ "position": 7 }))).await;
        for mutation in ["publishMany", "reorder"] {
            let outcome = desk.run(mutation, together(&[&first, &second])).await;
            let places: Vec<_> = outcome.errors.iter().map(|error| error["path"][2].clone()).collect();
            assert_eq!(places, ["0", "1"], "{mutation}");
        }
        let change = |category: &str, version: i64| json!({ "category": category, "year": 2022, "expectedVersion": version, "total": 1 });
        let query = "mutation($input: VisitCountsBulkUpdateInput!) { visitCountsBulkUpdate(input: $input) { errors {
            code path
        } } }";
        let conflict = |place: &str| json!({ "code": "VERSION_CONFLICT", "path": ["input", "sheets", place, "expectedVersion"] });
        let missing = json!({ "code": "NOT_FOUND", "path": ["input", "sheets", "2"] });
        let mut unknown = change("TRAVEL", 1);
        unknown["year"] = json!(2099);
        desk.done("visitCountsUpdate", change("TRAVEL", 1)).await;
        for (sheets, expected) in [
            (json!([change("TRAVEL", 2), change("RESIDENT", 9)]), json!([conflict("1")])),
            (json!([change("TRAVEL", 9), change("RESIDENT", 9), unknown]), json!([conflict("0"), conflict("1"), missing])),
            (json!([change("TRAVEL", 1), change("RESIDENT", 0)]), json!([conflict("1")])),
        ] {
            let reply = desk.client.run(query, json!({ "input": { "sheets": sheets } })).await;
            assert_eq!(reply.at("/data/visitCountsBulkUpdate/errors"), &expected);
        }
    }
}
