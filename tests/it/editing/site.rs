//! The site's settings: its locales above all.

use serde_json::{Value, json};
use tests::{TestApp, on_both_databases};

use super::{Desk, look, public, seen, together};

fn locale(code: &str, fallback: &[&str]) -> Value {
    json!({ "code": code, "name": format!("Name of {code}"), "direction": "LEFT_TO_RIGHT", "fallback": fallback })
}

async fn site(desk: &Desk) -> Value {
    desk.find(json!({ "site": true })).await
}

/// Saves the settings on top of what stands.
async fn save(desk: &Desk, fields: Value) -> super::Outcome {
    let mut input = fields;
    input["expectedVersion"] = site(desk).await["version"].clone();
    desk.run("siteSave", input).await
}

async fn set(desk: &Desk, fields: Value) {
    let draft = save(desk, fields).await.done();
    desk.done("publish", seen(&draft)).await;
}

async fn codes(app: &TestApp) -> Vec<Value> {
    let reply = app.anonymous().run("{ locales { code } }", json!({})).await;
    reply.data()["locales"].as_array().expect("locales").iter().map(|one| one["code"].clone()).collect()
}

on_both_databases! {
    async fn a_locale_that_is_added_is_served_at_once_without_a_restart(app: TestApp) {
        let (desk, editor) = (Desk::of_administrator(&app).await, Desk::of(&app).await);
        let replica = app.reopen().await;
        let (page, _) = editor.published("news", &["en"]).await;
        let early = json!({ "pageId": page["id"], "locale": "vi", "expectedVersion": 0, "title": "Tin" });
        assert_eq!(editor.refused("pageTextSave", early.clone()).await, ["input.locale UNKNOWN"]);

        let locales = json!([locale("ja", &["en"]), locale("en", &["ja"]), locale("vi", &["en", "ja"])]);
        let draft = save(&desk, json!({ "locales": locales })).await.done();
        assert_eq!(codes(&app).await, ["ja", "en"], "a draft");
        desk.done("publish", seen(&draft)).await;
        assert_eq!(codes(&app).await, ["ja", "en", "vi"]);
        let text = editor.done("pageTextSave", early).await;
        editor.publish(&[&text]).await;
        look(&replica).await;
        assert_eq!(codes(&replica).await, ["ja", "en", "vi"]);
        for process in [&app, &replica] {
            assert_eq!(public(process, "news", "vi").await["title"], "Tin");
        }
        let about = "{ page(slug: \"about-us\", locale: \"vi\") { servedLocale isFallback } }";
        let reply = replica.anonymous().run(about, json!({})).await;
        assert_eq!(reply.data()["page"], json!({ "servedLocale": "en", "isFallback": true }));
    }

    async fn a_required_locale_comes_first_or_together_with_the_others(app: TestApp) {
        let (desk, editor) = (Desk::of_administrator(&app).await, Desk::of(&app).await);
        set(&desk, json!({ "requiredLocales": ["ja"] })).await;
        let page = editor.page("news").await;
        let en = editor.text(&page, "en", "News", "").await;
        let ja = editor.text(&page, "ja", "新着", "").await;
        editor.publish(&[&page]).await;
        let refused = editor.run("publish", seen(&en)).await;
        assert_eq!(refused.faults(), ["locale REQUIRED_LOCALE"]);
        assert!(refused.errors[0]["message"].as_str().is_some_and(|text| text.contains("ja")), "{:?}", refused.errors);
        assert_eq!(public(&app, "news", "en").await, Value::Null);
        editor.run("publishMany", together(&[&en, &ja])).await.done();
        assert_eq!(public(&app, "news", "en").await["availableLocales"], json!(["ja", "en"]));

        let member = editor.done("staffMemberCreate", json!({ "slug": "somebody" })).await;
        let mut texts = Vec::new();
        for locale in ["en", "ja"] {
            let input = json!({ "staffId": member["id"], "locale": locale, "expectedVersion": 0, "name": "N", "role": "R" });
            texts.push(editor.done("staffTextSave", input).await);
        }
        let outcome = editor.run("publishMany", together(&[&member, &texts[0]])).await;
        assert_eq!(outcome.faults(), ["locale REQUIRED_LOCALE"]);
        editor.publish(&[&texts[0], &member, &texts[1]]).await;
    }

    async fn a_locale_in_use_cannot_be_left_out(app: TestApp) {
        let (desk, editor) = (Desk::of_administrator(&app).await, Desk::of(&app).await);
        let three = json!([locale("ja", &["en"]), locale("en", &["ja"]), locale("vi", &["en"])]);
        let two = json!([locale("ja", &["en"]), locale("en", &["ja"])]);
        set(&desk, json!({ "locales": three })).await;
        let without = save(&desk, json!({ "locales": two })).await.done();
        let page = editor.page("news").await;
        let text = editor.text(&page, "vi", "Tin", "").await;
        editor.publish(&[&page, &text]).await;
        assert_eq!(save(&desk, json!({ "locales": two })).await.faults(), ["input.locales.vi IN_USE"]);
        let outcome = desk.run("publish", seen(&without)).await;
        assert_eq!(outcome.faults(), ["locales.vi IN_USE"], "it came into use after the draft was saved");
        assert_eq!(codes(&app).await, ["ja", "en", "vi"]);
        editor.done("unpublish", seen(&page)).await;
        desk.done("publish", seen(&without)).await;
        assert_eq!(codes(&app).await, ["ja", "en"]);
        // The draft in it stays, but is not to be published.
        let outcome = editor.run("publishMany", together(&[&page, &text])).await;
        assert_eq!(outcome.faults(), ["locale UNKNOWN"]);
    }

    async fn settings_that_do_not_fit_together_are_refused(app: TestApp) {
        let desk = Desk::of_administrator(&app).await;
        let (ja, en) = (locale("ja", &["en"]), locale("en", &["ja"]));
        for (fields, fault) in [
            (json!({ "defaultLocale": "fr" }), &["input.defaultLocale UNKNOWN", "input.name.fr REQUIRED"][..]),
            (json!({ "defaultLocale": "no tag" }), &["input.defaultLocale FORMAT"]),
            (json!({ "defaultLocale": null }), &["input.defaultLocale REQUIRED"]),
            (json!({ "name": null }), &["input.name.ja REQUIRED"]),
            (json!({ "name": [{ "locale": "ja", "text": "名" }, { "locale": "fr", "text": "Nom" }] }), &["input.name.1.locale UNKNOWN"]),
            (json!({ "locales": [ja, en, ja] }), &["input.locales DUPLICATE"]),
            (json!({ "locales": [locale("ja", &["ja"]), en] }), &["input.locales.0.fallback FALLBACK_LOOP"]),
            (json!({ "locales": [locale("ja", &["fr"]), en] }), &["input.locales.0.fallback UNKNOWN"]),
            (json!({ "locales": [ja, en, locale("x y", &[])] }), &["input.locales.2.code FORMAT"]),
            (json!({ "requiredLocales": ["en", "fr"] }), &["input.requiredLocales.1 UNKNOWN"]),
        ] {
            assert_eq!(save(&desk, fields.clone()).await.faults(), fault, "{fields}");
        }
        let settings = site(&desk).await;
        assert_eq!(settings["version"], 1);
        for mutation in ["unpublish", "archive"] {
            assert_eq!(desk.refused(mutation, seen(&settings)).await, ["input.id ALWAYS_PUBLISHED"]);
        }
        let editor = Desk::of(&app).await;
        assert_eq!(save(&editor, json!({ "requiredLocales": [] })).await.faults(), ["FORBIDDEN"]);
    }

    async fn the_site_s_name_and_the_order_of_its_menu_change_when_that_is_published(app: TestApp) {
        let desk = Desk::of_administrator(&app).await;
        let named = json!([{ "locale": "ja", "text": "新しい名" }, { "locale": "en", "text": "New name" }]);
        let menu = json!([locale("en", &["ja"]), locale("ja", &["en"])]);
        let draft = save(&desk, json!({ "name": named, "locales": menu, "defaultLocale": "en" })).await.done();
        let name = async || app.anonymous().run("{ site { name } }", json!({})).await.at("/data/site/name").clone();
        assert_ne!(name().await, "New name");
        desk.done("publish", seen(&draft)).await;
        assert_eq!(name().await, "New name");
        assert_eq!(codes(&app).await, ["en", "ja"]);
    }

    async fn a_locale_that_is_none_or_not_offered_is_told_wherever_it_stands(app: TestApp) {
        let desk = Desk::of(&app).await;
        let page = desk.find(json!({ "page": "about-us" })).await;
        let member = desk.find(json!({ "staffMember": "miyuki-sone" })).await;
        for (code, rule) in [("fr", "UNKNOWN"), ("no tag", "FORMAT")] {
            let text = json!({ "pageId": page["id"], "locale": code, "expectedVersion": 0, "title": "T" });
            assert_eq!(desk.refused("pageTextSave", text).await, [format!("input.locale {rule}")]);
            let text = json!({ "staffId": member["id"], "locale": code, "expectedVersion": 0, "name": "N", "role": "R" });
            assert_eq!(desk.refused("staffTextSave", text).await, [format!("input.locale {rule}")]);
        }
        let reply = desk.client.run(
            "query($by: DocumentSelector!) { document(by: $by) { id } }",
            json!({ "by": { "pageText": { "slug": "about-us", "locale": "no tag" } } }),
        ).await;
        assert_eq!(reply.at("/errors/0/extensions/faults/0/rule"), "FORMAT");
        for argument in ["locale", "missingLocale"] {
            let query = format!("{{ documents(filter: {{ {argument}: \"no tag\" }}) {{ totalCount }} }}");
            let reply = desk.client.run(&query, json!({})).await;
            assert_eq!(reply.at("/errors/0/extensions/faults/0/path"), &json!(["filter", argument]));
            assert_eq!(reply.at("/errors/0/extensions/faults/0/rule"), "FORMAT");
        }
    }
}
