//! Variables and literals are read before anything runs; and what several mutations in one request promise.

use serde_json::{Value, json};
use tests::{Client, Reply, TestApp, on_both_databases};

/// Refused as a whole: nothing ran.
#[track_caller]
fn assert_nothing_ran(reply: &Reply, path: &Value) {
    assert_eq!((reply.status(), reply.code()), (400, "BAD_USER_INPUT"), "{}", reply.text());
    assert!(reply.json().get("data").is_none(), "{}", reply.text());
    assert_eq!(reply.at("/errors/0/extensions/faults/0/path"), path, "{}", reply.text());
    assert!(reply.at("/errors/0/extensions/faults/0/rule").is_string(), "{}", reply.text());
    assert!(reply.at("/errors/0/locations/0/line").is_u64(), "{}", reply.text());
}

async fn version(editor: &Client, year: i32) -> Value {
    let query = "query($year: Year!) { yearSheet(category: \"RESIDENT\", year: $year) { version } }";
    editor.run(query, json!({ "year": year })).await.at("/data/yearSheet/version").clone()
}

async fn slugs(editor: &Client) -> Vec<String> {
    let query = "{ documents(filter: { kind: [PAGE] }, first: 100) { nodes { key } } }";
    let reply = editor.run(query, json!({})).await;
    let nodes = reply.at("/data/documents/nodes").as_array().expect("a list");
    nodes.iter().map(|node| node["key"].as_str().expect("a key").replace("PAGE/", "")).collect()
}

on_both_databases! {
    async fn a_whole_number_may_be_written_with_a_fraction(app: TestApp) {
        let pages = "query($n: Int) { pages(first: $n) { nodes { slug } } }";
        let reply = app.anonymous().run(pages, json!({ "n": 1.0 })).await;
        assert_eq!(reply.data()["pages"]["nodes"].as_array().map(Vec::len), Some(1));
        let sheet = "query($year: Year!) { figureHistory(category: \"TRAVEL\", year: $year) { kind } }";
        assert_eq!(
            app.anonymous().run(sheet, json!({ "year": 2018.0 })).await.data(),
            app.anonymous().run(sheet, json!({ "year": 2018 })).await.data(),
        );
        let editor = app.editor().await;
        let input = json!({
            "category": "RESIDENT", "year": 2023.0, "expectedVersion": 0.0, "total": 48.0,
            "counts": [{ "country": "CN", "value": 48.0 }],
        });
        editor.done("visitCountsUpdate", input.clone()).await;
        assert_eq!(version(&editor, 2023).await, 1);
        for (place, value) in [("/year", 2023.5), ("/expectedVersion", 0.5), ("/total", 48.5), ("/counts/0/value", 1.5)] {
            let mut input = input.clone();
            *input.pointer_mut(place).expect("a place") = json!(value);
            let reply = editor.mutate("visitCountsUpdate", input).await;
            let refused = reply.json().get("data").is_none() || reply.user_codes("visitCountsUpdate") == ["BAD_USER_INPUT"];
            assert!(refused, "{place}: {}", reply.text());
        }
        assert_eq!(app.anonymous().run(pages, json!({ "n": 1.5 })).await.status(), 400);
        assert_eq!(version(&editor, 2023).await, 1);
    }

    async fn a_null_where_a_default_stands_for_what_is_left_out_stops_a_request_before_it_writes(app: TestApp) {
        let editor = app.editor().await;
        let before = slugs(&editor).await;
        let create = "a: pageCreate(input: { slug: \"half-done\" }) { errors { code } }";
        for (declared, place) in [
            ("$v: Boolean", "b: pageCreate(input: { slug: \"other\", replaceRedirect: $v }) { errors { code } }"),
            ("$v: Boolean = true", "b: pageCreate(input: { slug: \"other\", replaceRedirect: $v }) { errors { code } }"),
            ("$v: Boolean = true", "b: pageCreate(input: { slug: \"other\" }) @include(if: $v) { errors { code } }"),
            ("$v: Boolean = true", "...F } fragment F on Mutation { b: pageCreate(input: { slug: \"other\" }) @skip(if: $v) { errors { code } }"),
            ("$v: ErrorPolicy", "b: visitCountsBulkUpdate(input: { sheets: [], errorPolicy: $v }) { errors { code } }"),
            ("$v: Version = 1", "b: visitCountsUpdate(input: { category: \"TRAVEL\", year: 2030, expectedVersion: $v }) { errors { code } }"),
        ] {
            let text = format!("mutation({declared}) {{ {create} {place} }}");
            let reply = editor.run(&text, json!({ "v": null })).await;
            assert_nothing_ran(&reply, &json!(["$v"]));
            assert_eq!(reply.at("/errors/0/extensions/faults/0/rule"), "REQUIRED", "{text}");
            assert_eq!(slugs(&editor).await, before, "{text}");
        }
        // A scalar that breaks its rule is in the payload of the mutation whose input it is; elsewhere nobody would tell of it.
        for text in [
            "mutation($v: Locale) { a: pageCreate(input: { slug: \"half-done\" }) { errors { message(locale: $v) } } }",
            "mutation($v: Locale!) { a: pageCreate(input: { slug: \"half-done\" }) { document { schedules { failureMessage(locale: $v) } } } }",
        ] {
            assert_nothing_ran(&editor.run(text, json!({ "v": "no locale!" })).await, &json!(["$v"]));
            assert_eq!(slugs(&editor).await, before, "{text}");
        }
        let one_of = "query($v: Slug! = \"a\") { document(by: { page: $v }) { id } }";
        assert_nothing_ran(&editor.run(one_of, json!({ "v": null })).await, &json!(["$v"]));
        let one_of = "query($v: Slug = \"a\") { document(by: { page: $v }) { id } }";
        assert_eq!(editor.run(one_of, json!({ "v": null })).await.status(), 400);
        let query = "query($v: OrderDirection) { pages(order: { field: SLUG, direction: $v }) { totalCount } }";
        assert_nothing_ran(&app.anonymous().run(query, json!({ "v": null })).await, &json!(["$v"]));
        // What is left out has its default, and null may stand where the place allows it, in this operation if not in another.
        assert_eq!(app.anonymous().run(query, json!({})).await.status(), 200);
        let two = "query A($v: Boolean = true) { pages @include(if: $v) { totalCount } }
            query B($v: Int = 1) { pages(first: $v) { totalCount } }";
        for (operation, status) in [("A", 400), ("B", 200)] {
            let body = json!({ "query": two, "operationName": operation, "variables": { "v": null } });
            assert_eq!(app.anonymous().post(&body).await.status(), status, "{operation}");
        }
    }

    async fn a_bad_value_anywhere_stops_a_request_before_it_writes(app: TestApp) {
        let editor = app.editor().await;
        let two = "mutation($a: VisitCountsUpdateInput!, $b: ScheduleInput!) {
            a: visitCountsUpdate(input: $a) { errors { code } }
            b: schedule(input: $b) { errors { code } }
        }";
        let sheet = json!({ "category": "RESIDENT", "year": 2023, "expectedVersion": 0, "publish": true, "total": 1 });
        let schedule = |at: Value| {
            json!({ "id": "x", "expectedVersion": 1, "action": "PUBLISH", "at": at, "timeZone": "Asia/Tokyo" })
        };
        for at in [json!("soon"), json!("2026-02-30T09:00:00"), json!(1), json!(null), json!({})] {
            let variables = json!({ "a": sheet, "b": schedule(at.clone()) });
            assert_nothing_ran(&editor.run(two, variables).await, &json!(["$b", "at"]));
        }
        for (key, value) in [("action", json!("DELETE")), ("nope", json!(1)), ("expectedVersion", json!("1"))] {
            let mut bad = schedule(json!("2030-01-01T09:00:00"));
            bad[key] = value;
            assert_nothing_ran(&editor.run(two, json!({ "a": sheet, "b": bad })).await, &json!(["$b", key]));
        }
        // In a literal, alone and beside variables, and in the default of a variable.
        let literal = "mutation($a: VisitCountsUpdateInput!, $id: ID!) {
            a: visitCountsUpdate(input: $a) { errors { code } }
            b: schedule(input: { id: $id, expectedVersion: 1, action: PUBLISH, at: \"soon\", timeZone: \"Asia/Tokyo\" }) {
                errors { code }
            }
        }";
        let reply = editor.run(literal, json!({ "a": sheet, "id": "x" })).await;
        assert_nothing_ran(&reply, &json!(["input", "at"]));
        assert_eq!(version(&editor, 2023).await, 0, "nothing of it was written");
    }

    async fn of_several_mutations_each_stands_by_itself(app: TestApp) {
        let editor = app.editor().await;
        let document = "mutation($a: PageCreateInput!, $b: PageCreateInput!, $c: PageCreateInput!) {
            a: pageCreate(input: $a) { document { key } errors { code path } }
            b: pageCreate(input: $b) { document { key } errors { code path } }
            c: pageCreate(input: $c) { document { key } errors { code path } }
        }";
        // What breaks a rule is told in the payload, and stops nothing.
        let variables = json!({ "a": { "slug": "first" }, "b": { "slug": "No Slug" }, "c": { "slug": "third" } });
        let reply = editor.run(document, variables).await;
        let data = reply.data();
        assert_eq!((&data["a"]["errors"], &data["c"]["errors"]), (&json!([]), &json!([])));
        assert_eq!(data["b"]["errors"], json!([{ "code": "BAD_USER_INPUT", "path": ["input", "slug"] }]));
        assert_eq!(data["b"]["document"], Value::Null);
        let found = slugs(&editor).await;
        assert!(["first", "third"].iter().all(|slug| found.iter().any(|found| found == slug)), "{found:?}");
    }

    async fn what_was_done_before_a_mutation_that_fails_stays_and_what_comes_after_it_is_not_done(app: TestApp) {
        let editor = app.editor().await;
        // The third has nobody to act for any more: that is no outcome but an error.
        let document = "mutation {
            a: pageCreate(input: { slug: \"before\" }) { document { key } }
            b: signOut { signedOut }
            c: pageCreate(input: { slug: \"failing\" }) { document { key } }
            d: pageCreate(input: { slug: \"after\" }) { document { key } }
        }";
        let reply = editor.run(document, json!({})).await;
        assert_eq!((reply.status(), reply.at("/data"), reply.code()), (200, &Value::Null, "UNAUTHENTICATED"));
        assert_eq!(reply.at("/errors/0/path"), &json!(["c"]));
        assert_eq!(reply.errors().len(), 1, "what comes after it is not even tried");
        let found = slugs(&app.administrator().await).await;
        assert!(found.iter().any(|slug| slug == "before"), "{found:?}");
        assert!(!found.iter().any(|slug| slug == "failing" || slug == "after"), "{found:?}");
    }
}

#[tokio::test]
async fn a_bad_scalar_stops_a_query_wherever_it_stands() {
    let app = TestApp::new().await;
    let client = app.anonymous();
    for (document, variables, path) in [
        ("query($s: Slug!) { page(slug: $s) { slug } locales { code } }", json!({ "s": "No Slug" }), json!(["$s"])),
        ("{ page(slug: \"No Slug\") { slug } locales { code } }", json!({}), json!(["slug"])),
        ("query($l: [Locale!]) { site(fallback: $l) { name } }", json!({ "l": ["en", "!"] }), json!(["$l", "1"])),
        ("query($l: Locale!) { site(fallback: [\"en\", $l]) { name } }", json!({ "l": 1 }), json!(["$l"])),
        ("{ site(fallback: [\"en\", \"!\"]) { name } }", json!({}), json!(["fallback", "1"])),
        ("query($l: Locale = \"!\") { site(locale: $l) { name } }", json!({}), json!(["$l"])),
        ("query($t: DateTime) { factSheet(asOf: $t) { years } }", json!({ "t": "2026-01-01" }), json!(["$t"])),
        ("{ factSheet(asOf: \"yesterday\") { years } }", json!({}), json!(["asOf"])),
        ("{ factSheet(from: 12) { years } }", json!({}), json!(["from"])),
        (
            "query($f: PageFilter) { pages(filter: $f) { totalCount } }",
            json!({ "f": { "parent": "!" } }),
            json!(["$f", "parent"]),
        ),
        ("{ pages(filter: { parent: \"!\" }) { totalCount } }", json!({}), json!(["filter", "parent"])),
    ] {
        let reply = client.run(document, variables).await;
        assert_nothing_ran(&reply, &path);
    }
}

#[tokio::test]
async fn every_variable_that_does_not_fit_is_named() {
    let app = TestApp::new().await;
    let document = "query($s: Slug!, $n: Int!, $l: Locale) { page(slug: $s, locale: $l) { slug } pages(first: $n) { totalCount } }";
    let reply = app.anonymous().run(document, json!({ "s": "!", "l": "!" })).await;
    let faults = reply.at("/errors/0/extensions/faults").as_array().expect("faults");
    let found: Vec<_> = faults.iter().map(|fault| (&fault["path"][0], &fault["rule"])).collect();
    assert_eq!(
        found,
        [(&json!("$s"), &json!("FORMAT")), (&json!("$n"), &json!("REQUIRED")), (&json!("$l"), &json!("FORMAT")),]
    );
    // Values and names out of the request are repeated only so far.
    let long = "x".repeat(100_000);
    let reply = app
        .anonymous()
        .run("query($f: PageFilter) { pages(filter: $f) { totalCount } }", json!({ "f": { long: 1 } }))
        .await;
    assert_eq!(reply.code(), "BAD_USER_INPUT");
    assert!(reply.text().len() < 2_000, "{}", reply.text().len());
}
