//! Pages: the part that all locales share, and a text per locale.

use serde_json::{Value, json};
use tests::on_both_databases;

use super::{Desk, public, seen, seen_with, together};

/// What must not move when another document is saved.
fn standing(document: &Value) -> Value {
    let mut standing = json!({});
    for field in ["version", "publishedVersion", "state", "changedAt", "changedBy"] {
        standing[field] = document[field].clone();
    }
    standing
}

on_both_databases! {
    async fn the_public_sees_each_step_of_a_page_s_life_and_no_draft(app: TestApp) {
        let desk = Desk::of(&app).await;
        let page = desk.page("news").await;
        assert_eq!((&page["version"], &page["state"]), (&json!(1), &json!("NEVER_PUBLISHED")));
        assert_eq!(public(&app, "news", "en").await, Value::Null, "created");
        let text = desk.text(&page, "en", "News", "First").await;
        desk.publish(&[&page]).await;
        assert_eq!(public(&app, "news", "en").await, Value::Null, "published without a text");
        let text = desk.publish(&[&text]).await.remove(0);
        assert_eq!(text["state"], "PUBLISHED");
        assert_eq!(public(&app, "news", "en").await["body"]["markdown"], "First");
        assert_eq!(public(&app, "news", "ja").await, Value::Null, "nothing was written in Japanese");

        let text = desk.write(&text, "Second").await;
        assert_eq!((&text["state"], &text["publishedVersion"]), (&json!("MODIFIED"), &json!(1)));
        assert_eq!(public(&app, "news", "en").await["body"]["markdown"], "First", "saved");
        let text = desk.publish(&[&text]).await.remove(0);
        assert_eq!(public(&app, "news", "en").await["body"]["markdown"], "Second", "published");
        let text = desk.done("unpublish", seen(&text)).await;
        assert_eq!((&text["state"], &text["publishedVersion"]), (&json!("UNPUBLISHED"), &Value::Null));
        assert_eq!(public(&app, "news", "en").await, Value::Null, "unpublished");
        desk.publish(&[&text]).await;
        let page = desk.done("archive", seen(&desk.now(&page).await)).await;
        assert_eq!(page["state"], "ARCHIVED");
        assert_eq!(desk.now(&text).await["state"], "ARCHIVED", "with its texts");
        assert_eq!(public(&app, "news", "en").await, Value::Null, "archived");
        let page = desk.done("unarchive", seen(&page)).await;
        assert_eq!((&page["state"], &desk.now(&text).await["state"]), (&json!("UNPUBLISHED"), &json!("UNPUBLISHED")));
        assert_eq!(public(&app, "news", "en").await, Value::Null, "brought back as drafts");
        desk.publish(&[&text, &page]).await;
        assert_eq!(public(&app, "news", "en").await["body"]["markdown"], "Second");
    }

    async fn an_archived_page_takes_neither_changes_nor_texts_until_it_is_brought_back(app: TestApp) {
        let desk = Desk::of(&app).await;
        let (page, texts) = desk.published("news", &["en"]).await;
        let page = desk.done("archive", seen(&page)).await;
        let text = desk.now(&texts[0]).await;
        assert_eq!(desk.refused("pageUpdate", seen_with(&page, &json!({ "position": 3 }))).await, ["input.id ARCHIVED"]);
        assert_eq!(desk.refused("publish", seen(&page)).await, ["input.id ARCHIVED"]);
        assert_eq!(desk.refused("archive", seen(&page)).await, ["input.id ARCHIVED"]);
        assert_eq!(desk.refused("unpublish", seen(&page)).await, ["input.id NOTHING_PUBLISHED"]);
        assert_eq!(desk.refused("unarchive", seen(&text)).await, ["input.id ARCHIVED"], "its page is archived");
        let input = json!({ "pageId": page["id"], "locale": "en", "expectedVersion": 1, "body": "New" });
        assert_eq!(desk.refused("pageTextSave", input).await, ["input.pageId ARCHIVED"]);
        let input = json!({ "pageId": page["id"], "locale": "ja", "expectedVersion": 0, "title": "新着" });
        assert_eq!(desk.refused("pageTextSave", input).await, ["input.pageId ARCHIVED"]);
        let input = json!({ "slug": "below-news", "parentId": page["id"] });
        assert_eq!(desk.refused("pageCreate", input).await, ["input.parentId ARCHIVED"]);
        desk.done("unarchive", seen(&page)).await;
        desk.write(&text, "New").await;
    }

    async fn saving_one_locale_touches_no_other_and_not_what_they_share(app: TestApp) {
        let desk = Desk::of(&app).await;
        let (page, texts) = desk.published("news", &["en", "ja"]).await;
        app.clock().advance(chrono::Duration::minutes(1));
        let ja = desk.write(&texts[1], "改訂").await;
        assert_eq!((&ja["version"], &ja["state"]), (&json!(2), &json!("MODIFIED")));
        assert_ne!(ja["changedAt"], texts[1]["changedAt"]);
        for before in [&page, &texts[0]] {
            assert_eq!(standing(&desk.now(before).await), standing(before));
        }
        desk.publish(&[&ja]).await;
        for before in [&page, &texts[0]] {
            assert_eq!(standing(&desk.now(before).await), standing(before));
        }
        assert_eq!(public(&app, "news", "en").await["body"]["markdown"], "First");
        assert_eq!(public(&app, "news", "ja").await["body"]["markdown"], "改訂");
    }

    async fn a_change_of_what_locales_share_marks_no_locale_as_changed(app: TestApp) {
        let desk = Desk::of(&app).await;
        let (page, texts) = desk.published("news", &["en", "ja"]).await;
        app.clock().advance(chrono::Duration::minutes(1));
        let page = desk.done("pageUpdate", seen_with(&page, &json!({ "slug": "press", "position": 9 }))).await;
        assert_eq!((&page["version"], &page["state"]), (&json!(2), &json!("MODIFIED")));
        desk.publish(&[&page]).await;
        for before in &texts {
            assert_eq!(standing(&desk.now(before).await), standing(before));
        }
    }

    async fn what_is_left_out_stays_what_is_null_goes_and_what_is_needed_must_not_be_null(app: TestApp) {
        let desk = Desk::of(&app).await;
        let page = desk.page("news").await;
        let text = desk.text(&page, "en", "News", "Body").await;
        let save = |version: i64, more: Value| {
            let mut input = json!({ "pageId": page["id"], "locale": "en", "expectedVersion": version });
            for (name, value) in more.as_object().expect("fields") {
                input[name] = value.clone();
            }
            input
        };
        let full = json!({ "summary": "S", "description": "D", "signature": "G" });
        desk.done("pageTextSave", save(1, full)).await;
        let kept = desk.done("pageTextSave", save(2, json!({ "title": "Novelties" }))).await["content"].clone();
        let expected = json!({
            "pageId": page["id"], "locale": "en", "title": "Novelties", "summary": "S", "description": "D",
            "signature": "G", "body": { "markdown": "Body" },
        });
        assert_eq!(kept, expected);
        let clear = json!({ "summary": null, "description": null, "signature": null });
        let cleared = desk.done("pageTextSave", save(3, clear)).await["content"].clone();
        assert_eq!(
            (&cleared["summary"], &cleared["description"], &cleared["signature"], &cleared["title"]),
            (&Value::Null, &Value::Null, &Value::Null, &json!("Novelties"))
        );
        let nulls = save(4, json!({ "title": null, "body": null }));
        assert_eq!(desk.refused("pageTextSave", nulls).await, ["input.title REQUIRED", "input.body REQUIRED"]);
        assert_eq!(desk.now(&text).await["version"], 4, "what was refused wrote nothing");
        let untitled = json!({ "pageId": page["id"], "locale": "ja", "expectedVersion": 0 });
        assert_eq!(desk.refused("pageTextSave", untitled).await, ["input.title REQUIRED"]);
        let mut faults = desk.refused("pageUpdate", seen_with(&page, &json!({ "slug": null, "position": null }))).await;
        faults.sort();
        assert_eq!(faults, ["input.position REQUIRED", "input.slug REQUIRED"]);
        let mut faults = desk.refused("pageCreate", json!({ "slug": "Not one", "position": -1, "parentId": "x" })).await;
        faults.sort();
        assert_eq!(faults, ["input.parentId UNKNOWN", "input.position OUT_OF_RANGE", "input.slug FORMAT"]);
    }

    async fn a_renamed_page_is_found_by_every_name_it_had(app: TestApp) {
        let desk = Desk::of(&app).await;
        let (page, _) = desk.published("name-a", &["en"]).await;
        let moved = async |slug: &str| public(&app, slug, "en").await["movedTo"].clone();
        let draft = desk.done("pageUpdate", seen_with(&page, &json!({ "slug": "name-b" }))).await;
        assert_eq!(public(&app, "name-b", "en").await, Value::Null, "a draft renames nothing");
        assert_eq!(moved("name-a").await, Value::Null);
        let page = desk.publish(&[&draft]).await.remove(0);
        assert_eq!((moved("name-a").await, moved("name-b").await), (json!("name-b"), Value::Null));
        let page = desk.done("pageUpdate", seen_with(&page, &json!({ "slug": "name-c" }))).await;
        let page = desk.publish(&[&page]).await.remove(0);
        assert_eq!((moved("name-a").await, moved("name-b").await), (json!("name-c"), json!("name-c")));
        assert_eq!(moved("name-c").await, Value::Null);
        let page = desk.done("pageUpdate", seen_with(&page, &json!({ "slug": "name-a" }))).await;
        let page = desk.publish(&[&page]).await.remove(0);
        assert_eq!((moved("name-b").await, moved("name-c").await), (json!("name-a"), json!("name-a")));
        assert_eq!(public(&app, "name-a", "en").await["slug"], "name-a");
        assert_eq!(moved("name-a").await, Value::Null, "back to its first name");

        for former in ["name-b", "name-c"] {
            assert_eq!(desk.refused("pageCreate", json!({ "slug": former })).await, ["input.slug RESERVED"]);
        }
        desk.done("unpublish", seen(&page)).await;
        for name in ["name-a", "name-b", "name-c"] {
            assert_eq!(public(&app, name, "en").await, Value::Null, "an old name leads to nothing that is not public");
        }
    }

    async fn a_page_that_comes_back_under_another_name_is_found_by_the_one_it_had(app: TestApp) {
        let desk = Desk::of(&app).await;
        let page = desk.page("spring").await;
        let text = desk.text(&page, "en", "Spring", "Open").await;
        desk.publish(&[&page, &text]).await;
        let page = desk.done("unpublish", seen(&desk.now(&page).await)).await;
        let moved = "{ page(slug: \"spring\", locale: \"en\") { movedTo } }";
        assert_eq!(app.anonymous().run(moved, json!({})).await.at("/data/page"), &Value::Null);
        let page = desk.done("pageUpdate", seen_with(&page, &json!({ "slug": "summer" }))).await;
        desk.publish(&[&page, &desk.now(&text).await]).await;
        assert_eq!(app.anonymous().run(moved, json!({})).await.at("/data/page/movedTo"), "summer");
        assert_eq!(desk.refused("pageCreate", json!({ "slug": "spring" })).await, ["input.slug RESERVED"]);
    }

    async fn a_name_that_is_taken_or_kept_is_refused(app: TestApp) {
        let desk = Desk::of(&app).await;
        let draft = desk.page("draft-name").await;
        let (other, _) = desk.published("other-name", &["en"]).await;
        let renamed = desk.done("pageUpdate", seen_with(&other, &json!({ "slug": "next-name" }))).await;
        for (slug, fault) in [
            ("about-us", "input.slug TAKEN"),
            ("draft-name", "input.slug TAKEN"),
            ("next-name", "input.slug TAKEN"),
            ("graphql", "input.slug RESERVED"),
            ("studio", "input.slug RESERVED"),
        ] {
            assert_eq!(desk.refused("pageCreate", json!({ "slug": slug })).await, [fault], "{slug}");
            if slug != "draft-name" {
                let update = seen_with(&draft, &json!({ "slug": slug }));
                assert_eq!(desk.refused("pageUpdate", update).await, [fault], "{slug}");
            }
        }
        desk.publish(&[&renamed]).await;
        assert_eq!(desk.refused("pageCreate", json!({ "slug": "other-name" })).await, ["input.slug RESERVED"]);
        desk.done("pageUpdate", seen_with(&draft, &json!({ "slug": "draft-name" }))).await;
    }

    async fn a_page_never_becomes_its_own_ancestor(app: TestApp) {
        let desk = Desk::of(&app).await;
        let a = desk.page("loop-a").await;
        let b = desk.done("pageCreate", json!({ "slug": "loop-b", "parentId": a["id"] })).await;
        let c = desk.done("pageCreate", json!({ "slug": "loop-c", "parentId": b["id"] })).await;
        for below in [&a, &b, &c] {
            let update = seen_with(&a, &json!({ "parentId": below["id"] }));
            assert_eq!(desk.refused("pageUpdate", update).await, ["input.parentId PARENT_LOOP"]);
        }
        let unknown = json!({ "slug": "loop-d", "parentId": desk.text(&a, "en", "A", "").await["id"] });
        assert_eq!(desk.refused("pageCreate", unknown).await, ["input.parentId UNKNOWN"], "a text is no page");

        // As drafts they are no loop, for the public they would be one.
        let public = desk.publish(&[&a, &b, &c]).await;
        let c = desk.done("pageUpdate", seen_with(&public[2], &json!({ "parentId": null }))).await;
        let a = desk.done("pageUpdate", seen_with(&public[0], &json!({ "parentId": c["id"] }))).await;
        let b = desk.now(&b).await;
        assert_eq!(b["state"], "PUBLISHED");
        assert_eq!(desk.refused("publish", seen(&a)).await, ["parentId PARENT_LOOP"]);
        assert_eq!(desk.run("publishMany", together(&[&a, &c])).await.done()[0]["state"], "PUBLISHED");
    }

    async fn a_page_that_others_stand_below_stays_until_they_are_gone(app: TestApp) {
        let desk = Desk::of(&app).await;
        let (above, _) = desk.published("above", &["en"]).await;
        let (below, _) = desk.published("below", &["en"]).await;
        let below = desk.done("pageUpdate", seen_with(&below, &json!({ "parentId": above["id"] }))).await;
        let below = desk.publish(&[&below]).await.remove(0);
        assert_eq!(public(&app, "below", "en").await["parent"]["slug"], "above");
        for mutation in ["unpublish", "archive"] {
            assert_eq!(desk.refused(mutation, seen(&above)).await, ["input.id IN_USE"]);
            assert!(public(&app, "above", "en").await.is_object(), "with its text");
        }
        desk.done("unpublish", seen(&below)).await;
        desk.done("unpublish", seen(&above)).await;
        assert_eq!(public(&app, "above", "en").await, Value::Null);
        assert_eq!(desk.refused("publish", seen(&below)).await, ["parentId NOT_PUBLISHED"]);
    }

    async fn a_page_moves_and_pages_change_places_when_that_is_published(app: TestApp) {
        let desk = Desk::of(&app).await;
        let children = async || -> Vec<String> {
            let about = public(&app, "about-us", "en").await;
            let slugs = about["children"].as_array().expect("children").iter();
            slugs.map(|child| child["slug"].as_str().expect("a slug").to_owned()).collect()
        };
        let before = children().await;
        assert_eq!(before.len(), 5);
        let mut documents = Vec::new();
        for slug in before.iter().rev() {
            documents.push(desk.find(json!({ "page": slug })).await);
        }
        let all: Vec<&Value> = documents.iter().collect();
        let reordered = desk.done("reorder", together(&all)).await;
        assert_eq!(children().await, before, "an order is a draft, too");
        let drafts = reordered.as_array().expect("documents");
        let unmoved = &drafts[2];
        assert_eq!((&unmoved["state"], &unmoved["version"]), (&json!("PUBLISHED"), &json!(1)), "it stood there before");
        let moved: Vec<&Value> = drafts.iter().collect();
        desk.publish(&moved).await;
        assert_eq!(children().await, before.iter().rev().cloned().collect::<Vec<_>>());
        assert_eq!(desk.refused("reorder", together(&all)).await, ["VERSION_CONFLICT"; 4], "of each that was moved");
        let text = desk.find(json!({ "pageText": { "slug": "staff", "locale": "en" } })).await;
        let country = desk.find(json!({ "country": "CN" })).await;
        for stranger in [&text, &country] {
            let mixed = together(&[&desk.now(drafts.first().expect("one")).await, stranger]);
            assert_eq!(desk.refused("reorder", mixed).await, ["input.documents.1.id NO_ORDER"]);
        }

        let top = desk.now(&drafts[0]).await;
        let top = desk.done("pageUpdate", seen_with(&top, &json!({ "parentId": null }))).await;
        desk.publish(&[&top]).await;
        assert_eq!(children().await.len(), 4);
    }

    async fn editors_read_what_is_written_and_never_a_fallback(app: TestApp) {
        let desk = Desk::of(&app).await;
        let (page, _) = desk.published("news", &["en"]).await;
        assert_eq!(desk.find(json!({ "pageText": { "slug": "news", "locale": "ja" } })).await, Value::Null);
        let fallback = "{ page(slug: \"news\", locale: \"ja\") { title isFallback } }";
        let reply = app.anonymous().run(fallback, json!({})).await;
        assert_eq!(reply.data()["page"], json!({ "title": "news en", "isFallback": true }), "the public does");
        let texts = "query($id: ID!) { documents(filter: { ownerId: $id }) { totalCount nodes { locale title } } }";
        let texts = desk.ask(texts, json!({ "id": page["id"] })).await;
        assert_eq!(texts["documents"], json!({ "totalCount": 1, "nodes": [{ "locale": "en", "title": "news en" }] }));
    }

    async fn a_body_may_be_long_but_not_longer_than_its_limit(app: TestApp) {
        let desk = Desk::of(&app).await;
        let page = desk.page("long").await;
        let longest = "あ".repeat(200_000);
        let text = desk.text(&page, "ja", "長い", &longest).await;
        desk.publish(&[&page, &text]).await;
        assert_eq!(public(&app, "long", "ja").await["body"]["markdown"], longest.as_str());
        let roomy = app.with(|config| config.max_body_bytes = 8 * 1024 * 1024).await;
        let desk = Desk { client: roomy.bearer(desk.client.token().expect("a token")) };
        for body in ["a".repeat(200_001), "あ".repeat(700_000)] {
            let input = json!({ "pageId": page["id"], "locale": "ja", "expectedVersion": 1, "body": body });
            assert_eq!(desk.refused("pageTextSave", input).await, ["input.body TOO_LONG"]);
        }
        assert_eq!(desk.now(&text).await["version"], 1);
    }
}
