//! GraphQL over HTTP: methods, media types, status codes, and who is to blame.

use poem::{
    Endpoint, Response,
    http::Method,
    test::{TestClient, TestResponse},
};
use serde_json::{Value, json};
use tests::{Reply, TestApp, attacks::BY_ENGINE};

const GRAPHQL: &str = "application/graphql-response+json";
const JSON: &str = "application/json";
const LOCALES: &str = "{ locales { code } }";

/// Checks what every response has in common.
async fn read(response: TestResponse, media_type: &str) -> Reply {
    let reply = Reply::read(response).await;
    assert_eq!(reply.header("content-type"), Some(format!("{media_type}; charset=utf-8").as_str()));
    assert!(reply.header("vary").is_some_and(|vary| vary.split(", ").any(|name| name == "Accept")));
    // Only what everybody may see and what was asked for by GET may be kept by others (`tests/it/delivery/caching.rs`).
    let cache_control = reply.header("cache-control").expect("a rule for caches");
    assert!(cache_control == "private, no-store" || reply.header("etag").is_some(), "{cache_control}");
    assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
    for error in reply.errors() {
        assert!(error["message"].is_string() && error["extensions"]["code"].is_string(), "{}", reply.text());
    }
    reply
}

async fn post_as(client: &TestClient<impl Endpoint<Output = Response>>, media_type: &str, body: &Value) -> Reply {
    let response = client.post("/graphql").header("accept", media_type).body_json(body).send().await;
    read(response, media_type).await
}

async fn post(client: &TestClient<impl Endpoint<Output = Response>>, body: Value) -> Reply {
    post_as(client, GRAPHQL, &body).await
}

async fn get(client: &TestClient<impl Endpoint<Output = Response>>, parameters: &[(&str, &str)]) -> Reply {
    let mut request = client.get("/graphql").header("accept", GRAPHQL);
    for (name, value) in parameters {
        request = request.query(*name, value);
    }
    read(request.send().await, GRAPHQL).await
}

/// A refusal: this status, this code, and no data.
#[track_caller]
fn assert_refused(reply: &Reply, status: u16, code: &str) {
    assert_eq!((reply.status(), reply.code()), (status, code), "{}", reply.text());
    assert!(reply.json().get("data").is_none(), "{}", reply.text());
}

#[tokio::test]
async fn a_query_runs_over_post_and_get_and_knows_who_asks() {
    let app = TestApp::new().await;
    let editor = app.editor().await;
    let bearer = format!("Bearer {}", editor.token().expect("signed in"));
    let viewer = json!({ "viewer": { "email": "editor@example.org" } });
    let over_post = editor.run("{ viewer { email } }", json!({})).await;
    assert_eq!((over_post.status(), over_post.data()), (200, &viewer));
    let client = app.raw();
    let over_get = client.get("/graphql").header("authorization", &bearer).query("query", &"{ viewer { email } }");
    let over_get = read(over_get.send().await, JSON).await;
    assert_eq!((over_get.status(), over_get.data()), (200, &viewer));

    let reply = get(
        &client,
        &[
            ("query", "query Q($s: Slug!) { page(slug: $s) { slug } }"),
            ("variables", "{\"s\": \"about-us\"}"),
            ("operationName", "Q"),
        ],
    );
    assert_eq!(reply.await.data(), &json!({ "page": { "slug": "about-us" } }));
}

#[tokio::test]
async fn mutations_run_over_post_only() {
    let app = TestApp::new().await;
    let editor = app.editor().await;
    let bearer = format!("Bearer {}", editor.token().expect("signed in"));
    let client = app.raw();
    for media_type in [GRAPHQL, JSON] {
        let request = client.get("/graphql").header("accept", media_type).header("authorization", &bearer);
        let response = request.query("query", &"mutation { signOut { signedOut } }").send().await;
        response.assert_header("allow", "POST");
        assert_refused(&read(response, media_type).await, 405, "METHOD_NOT_ALLOWED");
    }
    assert!(editor.run("{ viewer { email } }", json!({})).await.at("/data/viewer").is_object(), "still signed in");
    let subscription = json!({ "query": "subscription { signOut { signedOut } }" });
    assert_refused(&post(&client, subscription).await, 400, "GRAPHQL_VALIDATION_FAILED");
    let reply = editor.run("mutation { signOut { signedOut } }", json!({})).await;
    assert_eq!(reply.data(), &json!({ "signOut": { "signedOut": true } }));
}

#[tokio::test]
async fn other_methods_are_refused() {
    let client = TestApp::new().await.raw();
    for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS] {
        let response = client.request(method, "/graphql").send().await;
        response.assert_header("allow", "GET, HEAD, POST");
        assert_refused(&read(response, JSON).await, 405, "METHOD_NOT_ALLOWED");
    }
}

#[tokio::test]
async fn the_operation_name_chooses() {
    let client = TestApp::new().await.raw();
    let query = "query A { a: locales { code } } query B { b: locales { code } } mutation C { signOut { signedOut } }";
    let chosen = post(&client, json!({ "query": query, "operationName": "B" })).await;
    assert!(chosen.data().get("b").is_some() && chosen.data().get("a").is_none());
    let chosen = get(&client, &[("query", query), ("operationName", "A")]).await;
    assert!(chosen.data().get("a").is_some() && chosen.data().get("b").is_none());
    let mutation = get(&client, &[("query", query), ("operationName", "C")]).await;
    assert_refused(&mutation, 405, "METHOD_NOT_ALLOWED");
    for body in [
        json!({ "query": query }),
        json!({ "query": query, "operationName": "D" }),
        json!({ "query": LOCALES, "operationName": "D" }),
    ] {
        assert_refused(&post(&client, body.clone()).await, 400, "OPERATION_RESOLUTION_FAILURE");
        assert_refused(&post_as(&client, JSON, &body).await, 200, "OPERATION_RESOLUTION_FAILURE");
    }
}

#[tokio::test]
async fn request_errors_are_400_or_for_older_clients_200_and_never_have_data() {
    let client = TestApp::new().await.raw();
    let page = "query($s: Slug!) { page(slug: $s) { slug } }";
    for (request, code) in [
        (json!({ "query": "{" }), "GRAPHQL_PARSE_FAILED"),
        (json!({ "query": "{ nope }" }), "GRAPHQL_VALIDATION_FAILED"),
        (json!({ "query": page }), "BAD_USER_INPUT"),
        (json!({ "query": page, "variables": { "s": null } }), "BAD_USER_INPUT"),
        (json!({ "query": page, "variables": { "s": 1 } }), "BAD_USER_INPUT"),
        (json!({ "query": "{ page(slug: 1) { slug } }" }), "BAD_USER_INPUT"),
        (json!({ "query": page, "variables": { "s": "No Slug" } }), "BAD_USER_INPUT"),
        (json!({ "query": "{ page(slug: \"No Slug\") { slug } locales { code } }" }), "BAD_USER_INPUT"),
        (json!({ "query": "{ pages(first: \"1\") { totalCount } }" }), "GRAPHQL_VALIDATION_FAILED"),
        (json!({ "query": "{ ...A } fragment A on Query { ...A }" }), "GRAPHQL_VALIDATION_FAILED"),
        (json!({ "query": "query($n: [Nope!] = [1]) { nodes(ids: $n) { id } }" }), "GRAPHQL_VALIDATION_FAILED"),
    ] {
        assert_refused(&post_as(&client, GRAPHQL, &request).await, 400, code);
        assert_refused(&post_as(&client, JSON, &request).await, 200, code);
    }
}

#[tokio::test]
async fn defaults_of_variables_apply() {
    let client = TestApp::new().await.raw();
    let query = "query($s: Slug! = \"about-us\") { page(slug: $s) { slug } }";
    assert_eq!(post(&client, json!({ "query": query })).await.at("/data/page/slug"), "about-us");
    let unused = "query($s: [[Slug]] = [[\"a\"]]) { locales { code } }";
    let reply = post(&client, json!({ "query": unused })).await;
    assert_eq!(reply.at("/errors/0/message"), "unused variable: `$s`", "the type is known");
}

#[tokio::test]
async fn malformed_requests_are_4xx_for_everyone() {
    let client = TestApp::new().await.raw();
    for request in [
        json!({}),
        json!({ "query": null }),
        json!({ "query": "" }),
        json!({ "query": [LOCALES] }),
        json!({ "query": LOCALES, "variables": [] }),
        json!({ "query": LOCALES, "extensions": "x" }),
        json!({ "query": LOCALES, "operationName": 1 }),
        json!([{ "query": LOCALES }]),
        json!(LOCALES),
    ] {
        assert_refused(&post_as(&client, GRAPHQL, &request).await, 400, "BAD_REQUEST");
        assert_refused(&post_as(&client, JSON, &request).await, 400, "BAD_REQUEST");
    }
    assert_refused(&get(&client, &[]).await, 400, "BAD_REQUEST");
    assert_refused(&get(&client, &[("query", LOCALES), ("query", LOCALES)]).await, 400, "BAD_REQUEST");
    for body in [&b"{\"query\": \"{"[..], b"{\"query\": \"{ locales { code } }\xff\"}", b""] {
        let response = client.post("/graphql").content_type(JSON).body(body.to_vec()).send().await;
        assert_refused(&read(response, JSON).await, 400, "BAD_REQUEST");
    }
}

#[tokio::test]
async fn execution_errors_leave_200_and_the_data_there_is() {
    let client = TestApp::new().await.raw();
    for media_type in [GRAPHQL, JSON] {
        let query = "{ yearSheet(category: \"TRAVEL\", year: 2018) { version } site { defaultLocale } }";
        let reply = post_as(&client, media_type, &json!({ "query": query })).await;
        let data = json!({ "yearSheet": null, "site": { "defaultLocale": "ja" } });
        assert_eq!((reply.status(), reply.at("/data")), (200, &data));
        assert_eq!((reply.code(), reply.at("/errors/0/path")), ("UNAUTHENTICATED", &json!(["yearSheet"])));

        let query = "{ factSheet(from: 2020, to: 2018) { years } site { defaultLocale } }";
        let reply = post_as(&client, media_type, &json!({ "query": query })).await;
        assert_eq!((reply.status(), reply.at("/data")), (200, &Value::Null), "the field is never null");
        assert_eq!((reply.code(), reply.at("/errors/0/path")), ("BAD_USER_INPUT", &json!(["factSheet"])));
    }
}

#[tokio::test]
async fn a_value_that_only_a_resolver_finds_wrong_is_still_the_users_mistake() {
    let client = TestApp::new().await.raw();
    let query = "query($n: Int) { pages(first: $n) { totalCount } }";
    // Whether an `Int` fits is found out before anything runs, whether it is a fair page size only later.
    for (n, status) in [(json!(3_000_000_000_u32), 400), (json!(101), 200), (json!(-1), 200)] {
        let reply = post(&client, json!({ "query": query, "variables": { "n": n } })).await;
        assert_eq!((reply.status(), reply.code()), (status, "BAD_USER_INPUT"), "{n}: {}", reply.text());
    }
    let query = "{ page(slug: \"about-us\", locale: \"fr\") { title } locales { code } }";
    let reply = post(&client, json!({ "query": query })).await;
    assert_eq!((reply.status(), reply.code(), reply.at("/data/page")), (200, "BAD_USER_INPUT", &Value::Null));
    assert_eq!(reply.at("/errors/0/extensions/faults/0/path"), &json!(["locale"]));
    assert_eq!(reply.at("/errors/0/extensions/faults/0/rule"), "UNKNOWN");
    assert!(reply.at("/data/locales").is_array());
}

#[tokio::test]
async fn errors_come_before_data() {
    let client = TestApp::new().await.raw();
    let reply = post(&client, json!({ "query": "{ page(slug: \"about-us\", locale: \"fr\") { title } }" })).await;
    assert!(reply.text().starts_with("{\"errors\":[") && reply.text().contains("],\"data\":{"), "{}", reply.text());
}

#[tokio::test]
async fn only_json_is_read() {
    let client = TestApp::new().await.raw();
    let body = json!({ "query": LOCALES }).to_string();
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16"] {
        let response = client.post("/graphql").content_type(content_type).body(body.clone()).send().await;
        assert_refused(&read(response, JSON).await, 415, "UNSUPPORTED_MEDIA_TYPE");
    }
    let response = client.post("/graphql").body(body.clone()).send().await;
    assert_refused(&read(response, JSON).await, 415, "UNSUPPORTED_MEDIA_TYPE");
    let request = client.post("/graphql").content_type(JSON).header("content-encoding", "gzip");
    let response = request.body(body.clone()).send().await;
    assert_refused(&read(response, JSON).await, 415, "UNSUPPORTED_MEDIA_TYPE");
    let response = client.post("/graphql").content_type("application/json; charset=UTF-8").body(body).send().await;
    assert_eq!(read(response, JSON).await.status(), 200);
}

#[tokio::test]
async fn what_nobody_can_read_is_not_sent() {
    let client = TestApp::new().await.raw();
    let request = client.post("/graphql").header("accept", "text/html").body_json(&json!({ "query": LOCALES }));
    assert_refused(&read(request.send().await, JSON).await, 406, "NOT_ACCEPTABLE");
}

#[tokio::test]
async fn long_bodies_are_refused_whether_or_not_they_announce_it() {
    let app = TestApp::new().await;
    let client = app.with(|config| config.max_body_bytes = 1024).await.raw();
    let long = json!({ "query": format!("{LOCALES}{}", " ".repeat(1024)) }).to_string();
    for announced in [Some(long.len().to_string()), None] {
        let mut request = client.post("/graphql").content_type(JSON);
        if let Some(length) = announced {
            request = request.header("content-length", length);
        }
        let response = request.body(long.clone()).send().await;
        assert_refused(&read(response, JSON).await, 413, "PAYLOAD_TOO_LARGE");
    }
    // Nothing is read when the announcement is already too much.
    let request = client.post("/graphql").content_type(JSON).header("content-length", "999999999999");
    assert_refused(&read(request.body("{}").send().await, JSON).await, 413, "PAYLOAD_TOO_LARGE");
    let just = json!({ "query": LOCALES }).to_string();
    let just = just.clone() + &" ".repeat(1024 - just.len());
    let response = client.post("/graphql").content_type(JSON).body(just).send().await;
    assert_eq!(read(response, JSON).await.status(), 200);
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_given_up() {
    let client = TestApp::new().await.raw();
    let (_writer, reader) = tokio::io::duplex(16);
    tokio::time::pause();
    let request = client.post("/graphql").content_type(JSON).body(poem::Body::from_async_read(reader));
    assert_refused(&read(request.send().await, JSON).await, 408, "REQUEST_TIMEOUT");
}

#[tokio::test]
async fn validation_errors_are_not_unlimited() {
    let client = TestApp::new().await.raw();
    let reply = post(&client, json!({ "query": format!("{{ {} }}", "nope ".repeat(1_900)) })).await;
    assert_eq!(reply.errors().len(), 100);
}

#[tokio::test]
async fn a_token_that_is_no_good_is_refused_with_a_challenge_and_never_as_anonymous() {
    let client = TestApp::new().await.raw();
    for media_type in [GRAPHQL, JSON] {
        let request = client.post("/graphql").header("accept", media_type).header("authorization", "Bearer nonsense");
        let reply = read(request.body_json(&json!({ "query": LOCALES })).send().await, media_type).await;
        assert_refused(&reply, 401, "UNAUTHENTICATED");
        assert_eq!(reply.header("www-authenticate"), Some("Bearer error=\"invalid_token\""));
    }
}

#[tokio::test]
async fn a_variable_that_is_left_out_is_an_argument_that_is_left_out() {
    let app = TestApp::new().await;
    let document = "query($first: Int, $after: String, $parent: Slug) {
        ...Listed
        top: pages(first: $first, filter: { parent: $parent }) { totalCount }
    }
    fragment Listed on Query { pages(first: $first, after: $after) { totalCount nodes { slug } } }";
    let reply = app.anonymous().run(document, json!({})).await;
    assert_eq!(reply.at("/data/pages/nodes").as_array().map(Vec::len), Some(6), "{}", reply.text());
    // In an input object, absence is no condition and null is one: the pages at the top.
    assert_eq!(reply.at("/data/top/totalCount"), 6);
    let reply = app.anonymous().run(document, json!({ "parent": null, "first": 2 })).await;
    assert_eq!(reply.at("/data/pages/nodes").as_array().map(Vec::len), Some(2));
    assert_ne!(reply.at("/data/top/totalCount"), 6);
    // Without the engine and with it.
    for engine in ["", BY_ENGINE] {
        let document = format!("query($told: Boolean) {{ factSheet(confidential: $told) {{ years }} {engine} }}");
        let reply = app.anonymous().run(&document, json!({})).await;
        assert!(reply.at("/data/factSheet/years").is_array(), "{}", reply.text());
    }
}
