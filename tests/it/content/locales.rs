//! `locale` and `fallback`, wherever they are asked for.

use seed::{Dataset, Files};
use serde_json::{Value, json};
use tests::{TestApp, commands, on_both_databases};

/// The example with a third locale, Vietnamese, in which next to nothing is written.
async fn with_vietnamese(app: &TestApp) {
    let mut dataset = Dataset::parse(&Files::example()).expect("the example has no fault");
    let vi: entities::Locale = "vi".parse().expect("a locale");
    dataset.site.locales.push(seed::SiteLocale {
        code: vi.clone(),
        name: "Tiếng Việt".parse().expect("a line"),
        direction: entities::TextDirection::LeftToRight,
        fallback: ["en", "ja"].map(|code| code.parse().expect("a locale")).to_vec(),
    });
    let page = dataset.pages.iter_mut().find(|page| page.slug.as_str() == "about-us").expect("a page");
    let mut text = page.texts.values().next().expect("a text").clone();
    text.title = "Giới thiệu".parse().expect("a line");
    page.texts.insert(vi, text);
    commands::import(app.state(), &dataset, "Vietnamese").await.expect("the dataset fits");
}

const DOCUMENT: &str = r#"query($fallback: [Locale!]) {
    site(locale: "vi", fallback: $fallback) { name requestedLocale servedLocale isFallback }
    about: page(slug: "about-us", locale: "vi", fallback: $fallback) {
        title requestedLocale servedLocale isFallback children { slug requestedLocale servedLocale isFallback }
    }
    staff(locale: "vi", fallback: $fallback) { name requestedLocale servedLocale isFallback }
    countries(locale: "vi", fallback: $fallback) { code name requestedLocale servedLocale isFallback }
    factSheet(locale: "vi", fallback: $fallback, categories: ["TRAVEL"], to: 2018) { categories {
        category { name servedLocale isFallback }
        yearlyTotals { note noteLocale }
        countries { country { name servedLocale isFallback } counts { note noteLocale } }
    } }
    pages(locale: "vi", fallback: $fallback) { totalCount nodes { slug servedLocale } }
}"#;

on_both_databases! {
    async fn a_missing_text_falls_back_in_order_and_says_so_at_every_depth(app: TestApp) {
        with_vietnamese(&app).await;
        let reply = app.anonymous().run(DOCUMENT, json!({})).await;
        let data = reply.data();
        // Written in Vietnamese, so served as itself; what stands below it is not.
        assert_eq!(data["about"]["title"], "Giới thiệu");
        assert_eq!(data["about"]["isFallback"], false);
        let english = json!({ "requestedLocale": "vi", "servedLocale": "en", "isFallback": true });
        for pointer in ["/site", "/about/children/0", "/staff/0", "/countries/0"] {
            let found = data.pointer(pointer).expect(pointer);
            for field in ["requestedLocale", "servedLocale", "isFallback"] {
                assert_eq!(found[field], english[field], "{pointer} {field}");
            }
        }
        let category = &data["factSheet"]["categories"][0];
        assert_eq!(category["category"]["servedLocale"], "en");
        assert_eq!(category["yearlyTotals"][0]["noteLocale"], "en");
        assert_eq!(category["countries"][0]["country"]["isFallback"], true);
        assert_eq!(category["countries"][0]["counts"][0]["noteLocale"], "en");
        assert_eq!(data["pages"]["totalCount"], 6);
    }

    async fn a_request_may_name_its_own_fallback(app: TestApp) {
        with_vietnamese(&app).await;
        let reply = app.anonymous().run(DOCUMENT, json!({ "fallback": ["ja"] })).await;
        let data = reply.data();
        assert_eq!(data["staff"][0]["servedLocale"], "ja");
        assert_eq!(data["staff"][0]["name"], "下井辰徳");
        assert_eq!(data["countries"][0]["name"], "中国");
    }

    async fn without_fallback_what_is_not_written_is_absent_and_never_passes_for_written(app: TestApp) {
        with_vietnamese(&app).await;
        let reply = app.anonymous().run(DOCUMENT, json!({ "fallback": [] })).await;
        let data = reply.data();
        assert_eq!(data["about"]["title"], "Giới thiệu");
        assert_eq!(data["about"]["children"], json!([]));
        assert_eq!(data["staff"], json!([]));
        assert_eq!(data["pages"]["nodes"], json!([{ "slug": "about-us", "servedLocale": "vi" }]));
        assert_eq!(data["site"]["name"], Value::Null);
        assert_eq!(data["site"]["servedLocale"], Value::Null);
        let expected = json!({
            "code": "CN", "name": null, "requestedLocale": "vi", "servedLocale": null, "isFallback": false
        });
        assert_eq!(data["countries"][0], expected);
        assert_eq!(data["factSheet"]["categories"][0]["yearlyTotals"][0], json!({ "note": null, "noteLocale": null }));
    }

    async fn a_locale_that_the_site_does_not_have_is_refused_wherever_it_stands(app: TestApp) {
        let fields = [
            "site(LOCALE) { name }",
            "page(slug: \"about-us\", LOCALE) { slug }",
            "pages(LOCALE) { totalCount }",
            "staff(LOCALE) { name }",
            "countries(LOCALE) { name }",
            "categories(LOCALE) { name }",
            "factSheet(LOCALE) { years }",
        ];
        for field in fields {
            for (arguments, path, rule) in [
                ("locale: \"fr\"", json!(["locale"]), "UNKNOWN"),
                ("locale: \"not a tag\"", json!(["locale"]), "FORMAT"),
                ("fallback: [\"en\", \"fr\"]", json!(["fallback", "1"]), "UNKNOWN"),
            ] {
                let document = format!("{{ {} }}", field.replace("LOCALE", arguments));
                let reply = app.anonymous().run(&document, json!({})).await;
                assert_eq!(reply.code(), "BAD_USER_INPUT", "{document}");
                assert_eq!(reply.at("/errors/0/extensions/faults/0/path"), &path, "{document}");
                assert_eq!(reply.at("/errors/0/extensions/faults/0/rule"), rule, "{document}");
            }
        }
    }

    async fn the_locales_are_listed_in_their_order_with_what_a_language_menu_needs(app: TestApp) {
        let document = "{ locales { code name direction isDefault fallback } site { defaultLocale locales { code } } }";
        let reply = app.anonymous().run(document, json!({})).await;
        let expected = json!([
            { "code": "ja", "name": "日本語", "direction": "LEFT_TO_RIGHT", "isDefault": true, "fallback": ["en"] },
            { "code": "en", "name": "English", "direction": "LEFT_TO_RIGHT", "isDefault": false, "fallback": ["ja"] },
        ]);
        assert_eq!(reply.data()["locales"], expected);
        assert_eq!(reply.data()["site"]["defaultLocale"], "ja");
    }
}
