//! `page` and `pages`.

use serde_json::{Value, json};
use tests::{TestApp, on_both_databases};

/// Every cursor's page of a list, from its start to its end.
async fn walk(app: &TestApp, arguments: &str, size: usize) -> Vec<String> {
    let mut slugs = Vec::new();
    let mut after = Value::Null;
    loop {
        let document = format!(
            "query($first: Int, $after: String) {{ pages(first: $first, after: $after {arguments}) \
             {{ nodes {{ slug }} pageInfo {{ hasNextPage hasPreviousPage endCursor }} }} }}"
        );
        let reply = app.anonymous().run(&document, json!({ "first": size, "after": after })).await;
        let pages = &reply.data()["pages"];
        let nodes = pages["nodes"].as_array().expect("nodes");
        assert!(nodes.len() <= size);
        assert_eq!(pages["pageInfo"]["hasPreviousPage"], !after.is_null());
        slugs.extend(nodes.iter().map(|node| node["slug"].as_str().expect("a slug").to_owned()));
        if pages["pageInfo"]["hasNextPage"] == false {
            return slugs;
        }
        after = pages["pageInfo"]["endCursor"].clone();
    }
}

on_both_databases! {
    async fn a_page_is_found_by_its_slug_in_the_locale_asked_for(app: TestApp) {
        let document = r#"query($locale: Locale) { page(slug: "mission-and-vision", locale: $locale) {
            slug title summary description requestedLocale servedLocale isFallback availableLocales
            parent { slug } children { slug } body { markdown html text } publishedAt
        } }"#;
        let english = app.anonymous().run(document, json!({ "locale": "en" })).await;
        let japanese = app.anonymous().run(document, json!({ "locale": "ja" })).await;
        let default = app.anonymous().run(document, json!({})).await;

        assert_eq!(english.at("/data/page/servedLocale"), "en");
        assert_eq!(japanese.at("/data/page/servedLocale"), "ja");
        assert_ne!(english.at("/data/page/title"), japanese.at("/data/page/title"));
        assert_eq!(default.data(), japanese.data(), "the site's default locale is Japanese");
        for reply in [&english, &japanese] {
            let page = &reply.data()["page"];
            assert_eq!(page["isFallback"], false);
            assert_eq!(page["requestedLocale"], page["servedLocale"]);
            assert_eq!(page["availableLocales"], json!(["ja", "en"]));
            assert_eq!(page["parent"]["slug"], "about-us");
            assert_eq!(page["children"], json!([]));
            assert_eq!(page["publishedAt"], "2026-01-15T00:00:00+00:00");
            let body = &page["body"];
            assert!(body["html"].as_str().is_some_and(|html| html.contains("<p>")));
            assert!(body["text"].as_str().is_some_and(|text| !text.contains('<') && !text.contains('#')));
        }
    }

    async fn a_page_that_does_not_exist_is_null(app: TestApp) {
        let reply = app.anonymous().run(r#"{ page(slug: "no-such-page") { slug } }"#, json!({})).await;
        assert_eq!(reply.data()["page"], Value::Null);
    }

    async fn pages_come_in_the_order_of_a_table_of_contents(app: TestApp) {
        let slugs = walk(&app, "", 100).await;
        let expected =
            ["about-us", "president-greeting", "director-greeting", "mission-and-vision", "fact-sheet", "staff"];
        assert_eq!(slugs, expected);
    }

    async fn a_list_walked_by_cursor_is_the_whole_list_whatever_the_page_size(app: TestApp) {
        let arguments = [
            "",
            ", order: { field: POSITION, direction: DESC }",
            ", order: { field: SLUG }",
            ", order: { field: SLUG, direction: DESC }",
            ", order: { field: TITLE }",
            ", order: { field: PUBLISHED_AT, direction: DESC }, locale: \"en\"",
            ", filter: { parent: \"about-us\" }",
        ];
        for arguments in arguments {
            let whole = walk(&app, arguments, 100).await;
            assert!(whole.len() >= 5, "{arguments}");
            for size in 1..=whole.len() {
                assert_eq!(walk(&app, arguments, size).await, whole, "{size} {arguments}");
            }
        }
    }

    async fn an_order_descending_is_the_order_ascending_reversed(app: TestApp) {
        for field in ["POSITION", "SLUG", "TITLE", "PUBLISHED_AT"] {
            let ascending = walk(&app, &format!(", order: {{ field: {field} }}"), 100).await;
            let mut descending = walk(&app, &format!(", order: {{ field: {field}, direction: DESC }}"), 100).await;
            descending.reverse();
            assert_eq!(ascending, descending, "{field}");
        }
    }

    async fn filters_narrow_a_list_and_its_total(app: TestApp) {
        let document = r#"{
            top: pages(filter: { parent: null }) { totalCount nodes { slug } }
            below: pages(filter: { parent: "about-us" }, first: 2) { totalCount nodes { slug } }
            chosen: pages(filter: { slugs: ["staff", "fact-sheet", "unknown"] }) { totalCount nodes { slug } }
            nothing: pages(filter: { parent: "unknown" }) { totalCount nodes { slug } }
        }"#;
        let reply = app.anonymous().run(document, json!({})).await;
        let data = reply.data();
        assert_eq!(data["top"], json!({ "totalCount": 1, "nodes": [{ "slug": "about-us" }] }));
        assert_eq!(data["below"]["totalCount"], 5);
        assert_eq!(data["below"]["nodes"].as_array().map(Vec::len), Some(2));
        assert_eq!(data["chosen"]["nodes"], json!([{ "slug": "fact-sheet" }, { "slug": "staff" }]));
        assert_eq!(data["nothing"], json!({ "totalCount": 0, "nodes": [] }));
    }

    async fn a_cursor_of_another_list_or_an_edited_one_is_refused(app: TestApp) {
        let document = "{ pages(first: 1) { pageInfo { endCursor } } }";
        let reply = app.anonymous().run(document, json!({})).await;
        let cursor = reply.at("/data/pages/pageInfo/endCursor").as_str().expect("a cursor").to_owned();
        let mut edited = cursor.clone().into_bytes();
        let last = edited.len() - 3;
        edited[last] = if edited[last] == b'A' { b'B' } else { b'A' };
        let edited = String::from_utf8(edited).expect("still ASCII");
        let cases = [
            ("after: $after, order: { field: SLUG }", cursor.as_str()),
            ("after: $after, locale: \"en\"", &cursor),
            ("after: $after, filter: { parent: \"about-us\" }", &cursor),
            ("after: $after", &edited),
            ("after: $after", "nonsense"),
            ("after: $after", ""),
            ("after: $after", "AAAA"),
        ];
        for (arguments, after) in cases {
            let document = format!("query($after: String) {{ pages({arguments}) {{ totalCount }} }}");
            let reply = app.anonymous().run(&document, json!({ "after": after })).await;
            assert_eq!(reply.code(), "BAD_USER_INPUT", "{arguments} {after}");
            assert_eq!(reply.at("/errors/0/extensions/faults/0/rule"), "FOREIGN_CURSOR");
            assert_eq!(reply.at("/errors/0/extensions/faults/0/path"), &json!(["after"]));
        }
        // The same list goes on where it stopped, in another process as well.
        let reply = app.reopen().await.anonymous().run(
            "query($after: String) { pages(first: 1, after: $after) { nodes { slug } } }",
            json!({ "after": cursor }),
        ).await;
        assert_eq!(reply.at("/data/pages/nodes/0/slug"), "president-greeting");
    }

    async fn a_page_size_out_of_range_is_refused(app: TestApp) {
        for first in [-1, 101, 10_000] {
            let document = "query($first: Int) { pages(first: $first) { totalCount } }";
            let reply = app.anonymous().run(document, json!({ "first": first })).await;
            assert_eq!(reply.code(), "BAD_USER_INPUT");
            assert_eq!(reply.at("/errors/0/path"), &json!(["pages"]));
            assert_eq!(
                reply.at("/errors/0/extensions/faults"),
                &json!([{ "path": ["first"], "rule": "OUT_OF_RANGE", "message": "must be between 0 and 100" }])
            );
        }
    }

    async fn a_slug_that_is_none_is_refused_by_name(app: TestApp) {
        for slug in ["a/b", "About", "", "a b", "a--b"] {
            let reply = app.anonymous().run("query($slug: Slug!) { page(slug: $slug) { slug } }", json!({ "slug": slug })).await;
            assert_eq!(reply.code(), "BAD_USER_INPUT", "{slug:?}");
            assert!(reply.json().get("data").is_none(), "nothing runs");
            assert_eq!(reply.at("/errors/0/extensions/faults/0/path"), &json!(["$slug"]));
            let document = format!("{{ page(slug: {}) {{ slug }} }}", json!(slug));
            let reply = app.anonymous().run(&document, json!({})).await;
            assert!(reply.json().get("data").is_none(), "nothing runs");
            assert_eq!(reply.at("/errors/0/extensions/faults/0/path"), &json!(["slug"]));
        }
    }
}
