//! How long responses may be, whatever they were thought to cost, and what those take that are on their way.

use serde_json::{Value, json};
use tests::{Client, Reply, TestApp, on_both_databases};

use super::{find, import, page};

/// The smallest limit that the setting takes.
const LIMIT: u64 = 65_536;

/// A process whose responses are short, over content of which some is long.
async fn narrow(app: &TestApp) -> TestApp {
    let body = "A text in which nothing is remarkable. ".repeat(3_000);
    let locale: entities::Locale = "ja".parse().expect("a locale");
    let note: entities::Prose = "Reported late, ".repeat(40).trim_end().parse().expect("a note");
    import(app, |dataset| {
        dataset.pages.push(page("long", None, 60, &["ja"], "Long", &body));
        dataset.visit_counts.iter_mut().for_each(|count| drop(count.note.insert(locale.clone(), note.clone())));
    })
    .await;
    app.with(|config| config.max_response_bytes = LIMIT).await
}

#[track_caller]
fn is_too_long(reply: &Reply, what: &str) {
    let text = reply.text().chars().take(300).collect::<String>();
    assert_eq!((reply.status(), reply.code()), (400, "LIMIT_EXCEEDED"), "{what}: {text}");
    assert!(reply.json().get("data").is_none(), "{what}");
}

const LONG: &str = "page(slug: \"long\") { body { markdown html } }";

on_both_databases! {
    async fn no_response_is_longer_than_the_setting_whoever_writes_it(app: TestApp) {
        let narrow = narrow(&app).await;
        let (anonymous, editor) = (narrow.anonymous(), narrow.editor().await);
        let by_engine = format!("{{ {LONG} vintages {{ year }} }}");
        let introspection = include_str!("../introspection.graphql");
        for (what, document) in [("the plan", &*format!("{{ {LONG} }}")), ("the engine", &*by_engine), ("introspection", introspection)] {
            let reply = anonymous.run(document, json!({})).await;
            is_too_long(&reply, what);
            assert_eq!(reply.at("/errors/0/extensions/limit"), "response_bytes", "{what}");
            assert_eq!(reply.at("/errors/0/extensions/maximum"), LIMIT, "{what}");
        }
        let draft = "{ document(by: { pageText: { slug: \"long\", locale: \"ja\" } }) {
            content { ... on PageTextContent { body { markdown } } }
        } }";
        is_too_long(&editor.run(draft, json!({})).await, "a draft");
        for address in ["/figures/fact-sheet.json", "/figures/fact-sheet.csv", "/figures/chart.png?scale=4"] {
            let reply = anonymous.get(address).await;
            is_too_long(&reply, address);
            assert_eq!(reply.at("/errors/0/extensions/limit"), "response_bytes", "{address}");
            assert_eq!(reply.at("/errors/0/extensions/maximum"), LIMIT, "{address}");
        }
        // What is shorter is answered as ever.
        for address in ["/figures/fact-sheet.jsonld", "/figures/chart.svg"] {
            assert_eq!(anonymous.get(address).await.status(), 200, "{address}");
        }
        let reply = anonymous.run("{ page(slug: \"long\") { title } vintages { year } }", json!({})).await;
        assert_eq!(reply.at("/data/page/title"), "Long");
        assert_eq!(narrow.state().response_memory().reserved(), 0, "nothing is held for what was refused");
    }

    async fn no_file_or_picture_is_longer_than_the_setting_whatever_its_format(app: TestApp) {
        // Shorter than any of them.
        let narrow = app.with(|config| config.max_response_bytes = 200).await;
        // Too little for the answer to a sign-in, too.
        let editor = narrow.bearer(app.editor().await.token().expect("a token"));
        for route in ["/figures/fact-sheet", "/figures/chart"] {
            let formats = formats(&app, route).await;
            assert!(formats.len() >= 3, "{route}: {formats:?}");
            for format in &formats {
                let made = app.anonymous().with("accept", format).get(route).await;
                assert_eq!(made.status(), 200, "{route}, {format}: {}", made.text());
                assert!(made.header("content-type").is_some_and(|of| of.starts_with(format.as_str())), "{route}, {format}");
                assert!(made.bytes().len() > 200, "{route}, {format}");
                for client in [narrow.anonymous(), editor.clone()] {
                    let reply = client.with("accept", format).get(route).await;
                    is_too_long(&reply, format);
                    assert_eq!(reply.at("/errors/0/extensions/limit"), "response_bytes", "{format}");
                    assert_eq!(reply.at("/errors/0/extensions/maximum"), 200, "{format}");
                }
            }
        }
        assert_eq!(narrow.state().response_memory().reserved(), 0, "nothing is held for what was refused");
    }

    async fn a_mutation_whose_response_would_be_too_long_changes_nothing(app: TestApp) {
        let narrow = narrow(&app).await;
        let editor = narrow.editor().await;
        let by = json!({ "pageText": { "slug": "long", "locale": "ja" } });
        let page = find(&editor, json!({ "page": "long" })).await;
        let before = find(&editor, by.clone()).await;
        let input = json!({
            "pageId": page["id"], "locale": "ja", "expectedVersion": before["version"], "title": "Longer"
        });
        let save = |selection: &str| {
            format!(
                "mutation($input: PageTextSaveInput!) {{ pageTextSave(input: $input) {{
                    document {{ version {selection} }} errors {{ code }}
                }} }}"
            )
        };
        let whole = save("content { ... on PageTextContent { body { markdown html text } } }");
        let reply = editor.run(&whole, json!({ "input": input })).await;
        assert_eq!(reply.code(), "LIMIT_EXCEEDED", "{}", reply.text());
        assert_eq!(find(&editor, by.clone()).await, before);
        let reply = editor.run(&save(""), json!({ "input": input })).await;
        assert_eq!(reply.at("/data/pageTextSave/document/version"), &Value::from(before["version"].as_i64().expect("a number") + 1));
    }
}

/// The formats of a route, as it tells those who take none of them.
async fn formats(app: &TestApp, route: &str) -> Vec<String> {
    let refused = app.anonymous().with("accept", "text/x-none").get(route).await;
    assert_eq!(refused.code(), "NOT_ACCEPTABLE");
    let message = refused.at("/errors/0/message").as_str().expect("a message");
    let listed = message.strip_prefix("this address serves ").expect("the formats");
    listed.split(", ").map(str::to_owned).collect()
}

#[tokio::test]
async fn a_response_is_counted_until_its_client_has_it_or_is_gone() {
    let app = TestApp::new().await.with(|config| config.response_cache_bytes = 0).await;
    let memory = app.state().response_memory();
    let client = app.raw();
    let query = json!({ "query": include_str!("../introspection.graphql") });
    let unread = client.post("/graphql").body_json(&query).send().await;
    let one = memory.reserved();
    assert!(one > 100_000, "{one}");
    let other = client.post("/graphql").body_json(&query).send().await;
    assert_eq!(memory.reserved(), 2 * one);
    drop(unread);
    assert_eq!(memory.reserved(), one);
    let text = other.0.into_body().into_string().await.expect("a body");
    assert!(text.contains("__schema"));
    assert_eq!(memory.reserved(), 0);
}

#[tokio::test]
async fn what_the_cache_keeps_is_counted_once_however_often_it_is_sent() {
    let app = TestApp::new().await;
    let memory = app.state().response_memory();
    let ask = |client: Client| async move { client.run(include_str!("../introspection.graphql"), json!({})).await };
    ask(app.anonymous()).await;
    let kept = memory.reserved();
    for _ in 0..10 {
        assert_eq!(ask(app.anonymous()).await.status(), 200);
    }
    assert_eq!(memory.reserved(), kept);
}
