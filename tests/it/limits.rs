//! Hostile requests through the real door: each meets a limit, none of them hurts the next one.

use poem::{Endpoint, Response, test::TestClient};
use serde_json::{Value, json};
use tests::{Reply, TestApp};

async fn post(client: &TestClient<impl Endpoint<Output = Response>>, body: impl Into<poem::Body>) -> Reply {
    let request = client.post("/graphql").header("accept", "application/graphql-response+json");
    Reply::read(request.content_type("application/json").body(body).send().await).await
}

/// Lists inside each other as JSON text, which no `Value` of that depth could be written or dropped as.
fn nested(levels: usize) -> String {
    "[".repeat(levels) + &"]".repeat(levels)
}

fn aliases(count: usize) -> String {
    let fields: String = (0..count).map(|n| format!("a{n}:locales{{code}}")).collect();
    format!("{{{fields}}}")
}

fn directives(count: usize) -> String {
    let fields: String = (0..count).map(|n| format!("a{n}:locales@skip(if: false){{code}}")).collect();
    format!("{{{fields}}}")
}

/// A chain of fragments, each of which spreads the next one twice.
fn doubling(levels: usize) -> String {
    let chain = (0..levels).map(|level| format!(" fragment F{level} on Query {{ ...F{0} ...F{0} }}", level + 1));
    format!("{{ ...F0 }} fragment F{levels} on Query {{ locales {{ code }} }}{}", chain.collect::<String>())
}

/// The slug of an ancestor of a page.
fn deep(levels: usize) -> String {
    format!("{{page(slug:\"about-us\"){{{}slug{}}}}}", "parent{".repeat(levels), "}".repeat(levels))
}

/// A hostile body, with the code that it meets and, for a limit, its name.
fn corpus() -> Vec<(&'static str, Vec<u8>, &'static str, Option<&'static str>)> {
    let query = |document: &str| json!({ "query": document }).to_string().into_bytes();
    let variable = |value: &str| {
        let query = "query($n: [ID!]!) { nodes(ids: $n) { id } }";
        format!("{{\"query\":\"{query}\",\"variables\":{{\"n\":{value}}}}}").into_bytes()
    };
    let limit = "LIMIT_EXCEEDED";
    let objects = |levels: usize| "{a:".repeat(levels) + "1" + &"}".repeat(levels);
    let ids = |count: usize| "\"x\",".repeat(count);
    vec![
        ("10,000 aliases", query(&aliases(10_000)), limit, Some("document_bytes")),
        ("1,000 aliases", query(&aliases(1_000)), limit, Some("tokens")),
        ("101 aliases", query(&aliases(101)), limit, Some("aliases")),
        (
            "lists in an argument",
            query(&format!("{{ nodes(ids: {}) {{ id }} }}", nested(5_000))),
            limit,
            Some("nesting"),
        ),
        (
            "objects in an argument",
            query(&format!("{{ pages(filter: {}) {{ totalCount }} }}", objects(5_000))),
            limit,
            Some("nesting"),
        ),
        ("open brackets only", query(&"[".repeat(50_000)), limit, Some("nesting")),
        ("a list of 1,001", query(&format!("{{ nodes(ids: [{}]) {{ id }} }}", ids(1_001))), limit, Some("list_items")),
        (
            "lists in a type",
            query(&format!("query($a: {}Int{}) {{ locales {{ code }} }}", "[".repeat(5_000), "]".repeat(5_000))),
            limit,
            Some("nesting"),
        ),
        ("lists in a variable", variable(&nested(5_000)), "BAD_REQUEST", None),
        ("lists in a variable, less deep", variable(&nested(100)), limit, Some("variable_nesting")),
        ("objects in a variable", variable(&("{\"a\":".repeat(5_000) + "1" + &"}".repeat(5_000))), "BAD_REQUEST", None),
        ("a variable of 1,001", variable(&format!("[{}\"x\"]", ids(1_000))), limit, Some("list_items")),
        (
            "lists in extensions",
            format!("{{\"query\":\"{{ locales {{ code }} }}\",\"extensions\":{{\"a\":{}}}}}", nested(100)).into_bytes(),
            limit,
            Some("variable_nesting"),
        ),
        ("fragments that double", query(&doubling(28)), limit, Some("selections")),
        ("fragments that double for long", query(&doubling(300)), limit, Some("nesting")),
        (
            "fragments in a circle",
            query("{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }"),
            "GRAPHQL_VALIDATION_FAILED",
            None,
        ),
        (
            "a fragment in itself, below fields",
            query("{ page(slug: \"a\") { ...A } } fragment A on Page { children { ...A } }"),
            "GRAPHQL_VALIDATION_FAILED",
            None,
        ),
        (
            "inline fragments",
            query(&format!("{{ {}locales{{code}}{} }}", "...{".repeat(5_000), "}".repeat(5_000))),
            limit,
            Some("nesting"),
        ),
        ("directives", query(&directives(51)), limit, Some("directives")),
        (
            "a flood of directives",
            query(&format!("{{ locales {} {{ code }} }}", "@a".repeat(10_000))),
            limit,
            Some("directives"),
        ),
        ("a deep selection", query(&deep(15)), limit, Some("depth")),
        ("a very deep selection", query(&deep(5_000)), limit, Some("nesting")),
        ("2,001 fields", query(&format!("{{ {} }}", "locales{code} ".repeat(1_001))), limit, None),
        (
            "many operations",
            query(&(0..1_001).map(|n| format!("query Q{n} {{locales{{code}}}}")).collect::<String>()),
            limit,
            None,
        ),
        (
            "a wide and dear query",
            query(&format!(
                "{{ pages(first: 100) {{ nodes {{ {}slug{} }} }} }}",
                "parent { children { ".repeat(6),
                " } }".repeat(6)
            )),
            limit,
            Some("cost"),
        ),
        ("10 MB", query(&" ".repeat(10 * 1024 * 1024)), "PAYLOAD_TOO_LARGE", None),
        (
            "1 MB of comments",
            query(&format!("#{}\n{{ locales {{ code }} }}", "x".repeat(1024 * 1024))),
            limit,
            Some("document_bytes"),
        ),
        ("invalid UTF-8", b"{\"query\":\"{ locales { code } } # \xff\xfe\"}".to_vec(), "BAD_REQUEST", None),
        ("half a surrogate", b"{\"query\":\"{ locales { code } } # \\ud800\"}".to_vec(), "BAD_REQUEST", None),
        ("a flood of JSON brackets", b"[".repeat(1024 * 1024), "BAD_REQUEST", None),
        ("a flood of JSON members", b"{\"query\":".repeat(100_000), "BAD_REQUEST", None),
        (
            "a batch",
            format!("[{}]", vec![json!({ "query": "{ locales { code } }" }).to_string(); 2].join(",")).into_bytes(),
            "BAD_REQUEST",
            None,
        ),
        ("an empty batch", b"[]".to_vec(), "BAD_REQUEST", None),
        ("a string without an end", query("{ page(slug: \"\"\"about"), "GRAPHQL_PARSE_FAILED", None),
        ("a flood of quotation marks", query(&"\"\"\"".repeat(15_000)), limit, Some("tokens")),
        (
            "a number without an end",
            query(&format!("{{ pages(first: {}) {{ totalCount }} }}", "9".repeat(10_000))),
            "GRAPHQL_VALIDATION_FAILED",
            None,
        ),
        ("a name without an end", query(&format!("{{ {} }}", "a".repeat(60_000))), "GRAPHQL_VALIDATION_FAILED", None),
        ("a null byte", query("{ locales { code } }\0"), "GRAPHQL_PARSE_FAILED", None),
    ]
}

#[tokio::test]
async fn hostile_requests_are_refused_and_the_next_one_is_answered() {
    let app = TestApp::new().await;
    let client = app.raw();
    app.statements().reset();
    for (name, body, code, limit) in corpus() {
        let reply = post(&client, body).await;
        assert_eq!(reply.code(), code, "{name}: {}", &reply.text()[..reply.text().len().min(500)]);
        assert!(reply.json().get("data").is_none(), "{name}");
        assert!((400..500).contains(&reply.status()), "{name}: {}", reply.status());
        if let Some(limit) = limit {
            assert_eq!(reply.at("/errors/0/extensions/limit"), limit, "{name}");
            assert!(reply.at("/errors/0/extensions/maximum").is_u64(), "{name}");
        }
        assert!(reply.text().len() < 64 * 1024, "{name}: an answer of {} bytes", reply.text().len());
    }
    assert_eq!(app.statements().so_far(), 0, "none of them has reached the database");
    let reply = app.anonymous().run("{ page(slug: \"about-us\") { slug } }", json!({})).await;
    assert_eq!(reply.data(), &json!({ "page": { "slug": "about-us" } }));
}

#[tokio::test]
async fn what_is_just_within_the_limits_is_answered() {
    let client = TestApp::new().await.raw();
    for (name, document, variables) in [
        ("100 aliases", aliases(100), json!({})),
        ("15 fields deep", deep(13), json!({})),
        ("50 directives", directives(50), json!({})),
        ("fragments that double five times", doubling(5), json!({})),
        ("100 ids", "query($n: [ID!]!) { nodes(ids: $n) { id } }".to_owned(), json!({ "n": vec!["x"; 100] })),
        ("the introspection query of an IDE", include_str!("introspection.graphql").to_owned(), json!({})),
    ] {
        let reply = post(&client, json!({ "query": document, "variables": variables }).to_string()).await;
        assert_eq!((reply.status(), reply.errors()), (200, &[] as &[Value]), "{name}");
    }
}

#[tokio::test]
async fn hostile_documents_meet_the_same_limits_over_get() {
    let client = TestApp::new().await.raw();
    for (document, limit) in [(aliases(101), "aliases"), (doubling(28), "selections"), (deep(15), "depth")] {
        let request = client.get("/graphql").header("accept", "application/graphql-response+json");
        let reply = Reply::read(request.query("query", &document).send().await).await;
        assert_eq!((reply.status(), reply.code()), (400, "LIMIT_EXCEEDED"));
        assert_eq!(reply.at("/errors/0/extensions/limit"), limit);
    }
}

#[tokio::test]
async fn many_hostile_requests_at_once_leave_the_app_as_it_was() {
    let app = TestApp::new().await;
    let mut attacks = tokio::task::JoinSet::new();
    for (name, body, code, _) in corpus() {
        for _ in 0..4 {
            let (client, body) = (app.raw(), body.clone());
            attacks.spawn(async move { assert_eq!(post(&client, body).await.code(), code, "{name}") });
        }
    }
    while let Some(attack) = attacks.join_next().await {
        attack.expect("an answer");
    }
    let reply = app.anonymous().run("{ locales { code } }", json!({})).await;
    assert!(reply.data()["locales"].is_array());
}
