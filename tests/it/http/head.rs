//! The heads of requests: what HTTP asks of them, and how long they may be.

use api::http::server::Settings;
use serde_json::json;
use tests::TestApp;

use super::wire::{Wire, get, post, status};

const SITE: &str = "/graphql?query=%7Bsite%7Bname%7D%7D";

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_another_server_could_understand_otherwise_is_refused() {
    let app = TestApp::new().await;
    let wire = Wire::serve(&app, Settings::default()).await;
    let body = json!({ "query": "{ site { name } }" }).to_string();
    let chunks = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let length = body.len();
    let posted = |headers: &str, body: &str| {
        format!(
            "POST /graphql HTTP/1.1\r\nHost: almanac\r\nConnection: close\r\nContent-Type: application/json\r\n\
             {headers}\r\n\r\n{body}"
        )
    };
    let got = |version: &str, target: &str, headers: &str| {
        format!("GET {target} HTTP/{version}\r\n{headers}Connection: close\r\n\r\n")
    };
    for (request, expected) in [
        (got("1.1", SITE, "Host: almanac\r\n"), 200),
        (got("1.1", SITE, ""), 400),
        (got("1.1", "/healthz", ""), 400),
        (got("1.1", "/nope", "Host: almanac\r\nHost: almanac\r\n"), 400),
        (got("1.1", SITE, "Host: almanac\r\nHost: other\r\n"), 400),
        (got("1.1", SITE, "Host: alma nac\r\n"), 400),
        (got("1.1", SITE, "Host: editor@almanac\r\n"), 400),
        (got("1.1", SITE, "Host:\r\n"), 200),
        (got("1.0", SITE, ""), 200),
        (got("1.0", SITE, "Host: almanac\r\nHost: almanac\r\n"), 400),
        (got("2.0", SITE, "Host: almanac\r\n"), 400),
        (got("1.1", &format!("http://almanac{SITE}"), "Host: almanac\r\n"), 200),
        (got("1.1", &format!("http://other{SITE}"), "Host: almanac\r\n"), 200),
        (got("1.1", &format!("ftp://almanac{SITE}"), "Host: almanac\r\n"), 400),
        (got("1.1", "almanac", "Host: almanac\r\n"), 400),
        ("CONNECT almanac:443 HTTP/1.1\r\nHost: almanac\r\nConnection: close\r\n\r\n".to_owned(), 400),
        (posted(&format!("Content-Length: {length}"), &body), 200),
        (posted(&format!("Content-Length: {length}\r\nContent-Length: {length}"), &body), 200),
        (posted(&format!("Content-Length: {length}\r\nContent-Length: 5"), &body), 400),
        (posted("Content-Length: +5", &body), 400),
        (posted("Transfer-Encoding: chunked", &chunks), 200),
        (posted("Transfer-Encoding: CHUNKED", &chunks), 200),
        (posted("Transfer-Encoding: gzip", &body), 400),
        (posted("Transfer-Encoding: gzip, chunked", &chunks), 400),
        (posted("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked", &chunks), 400),
        (posted("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", &chunks), 400),
        (posted("Transfer-Encoding: chunked, identity", &chunks), 400),
        (posted(&format!("Content-Encoding: gzip\r\nContent-Length: {length}"), &body), 415),
        (got("1.1", SITE, "Host: almanac\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\n"), 401),
        (got("1.1", SITE, "Host: almanac\r\nAlmanac-Preview: a\r\nAlmanac-Preview: b\r\n"), 400),
    ] {
        let response = wire.ask(&request).await;
        assert_eq!(status(&response), expected, "{request}\n{response}");
    }
    let refused = wire.ask(&got("1.1", SITE, "")).await.to_lowercase();
    assert!(refused.contains("\"bad_request\"") && refused.contains("the header host is missing."), "{refused}");
    assert!(refused.contains("x-request-id: ") && refused.contains("cache-control: private, no-store"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_with_two_lengths_is_read_by_its_chunks_and_nothing_is_read_after_it() {
    let app = TestApp::new().await;
    let wire = Wire::serve(&app, Settings::default()).await;
    let body = json!({ "query": "{ site { name } }" }).to_string();
    let smuggled = "GET /healthz HTTP/1.1\r\nHost: almanac\r\n\r\n";
    for lengths in
        ["Content-Length: 3\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 3"]
    {
        let request = format!(
            "POST /graphql HTTP/1.1\r\nHost: almanac\r\nContent-Type: application/json\r\n{lengths}\r\n\r\n\
             {:x}\r\n{body}\r\n0\r\n\r\n{smuggled}",
            body.len()
        );
        // It would wait for more requests if the server did not close the connection.
        let response = wire.ask(&request).await;
        assert_eq!((status(&response), response.matches("HTTP/1.1").count()), (200, 1), "{response}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_may_be_as_long_as_the_readme_says() {
    let app = TestApp::new().await;
    let wire = Wire::serve(&app, Settings::default()).await;
    let target = |bytes: usize| format!("/healthz?{}", "x".repeat(bytes - "/healthz?".len()));
    // Host, X-Forwarded-For and Connection are there already.
    let with = |headers: usize| {
        get("/healthz", "").replacen("\r\n", &format!("\r\n{}", "X-More: y\r\n".repeat(headers - 3)), 1)
    };
    for (request, expected) in [
        (get(&target(65_534), ""), 200),
        (get(&target(65_535), ""), 414),
        (with(100), 200),
        (with(101), 431),
        (get("/healthz", "").replacen("\r\n", &format!("\r\nX-Long: {}\r\n", "y".repeat(120_000)), 1), 200),
        (get("/healthz", "").replacen("\r\n", &format!("\r\nX-Long: {}\r\n", "y".repeat(140_000)), 1), 431),
    ] {
        let response = wire.ask(&request).await;
        assert_eq!(status(&response), expected, "{} bytes", request.len());
        assert!(expected == 200 || response.ends_with("\r\n\r\n"), "no body: {response}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_does_not_serve_a_method_says_which_ones_it_does() {
    let app = TestApp::new().await;
    let wire = Wire::serve(&app, Settings::default()).await;
    for (path, allowed) in [
        ("/healthz", "get, head"),
        ("/readyz", "get, head"),
        ("/metrics", "get, head"),
        ("/.well-known/jwks.json", "get, head"),
        ("/figures/chart.svg", "get, head"),
        ("/figures/fact-sheet", "get, head"),
    ] {
        for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"] {
            let response = wire.ask(&post(path, "", "{}").replacen("POST", method, 1)).await.to_lowercase();
            assert_eq!(status(&response), 405, "{method} {path}: {response}");
            assert!(response.contains(&format!("allow: {allowed}\r\n")), "{method} {path}: {response}");
            assert!(response.contains("\"method_not_allowed\""), "{method} {path}: {response}");
        }
        for method in ["GET", "HEAD"] {
            let response = wire.ask(&get(path, "").replacen("GET", method, 1)).await;
            assert_eq!(status(&response), 200, "{method} {path}: {response}");
            assert!(method == "GET" || response.ends_with("\r\n\r\n"), "{method} {path}: {response}");
        }
    }
    let response = wire.ask(&post("/graphql", "", "{}").replacen("POST", "PUT", 1)).await.to_lowercase();
    assert!(status(&response) == 405 && response.contains("allow: get, head, post\r\n"), "{response}");
}

#[tokio::test]
async fn a_refused_value_is_not_sent_back_whole() {
    let app = TestApp::new().await;
    let long = "x".repeat(50_000);
    for body in [
        json!({ "query": "query A { site { name } }", "operationName": "x".repeat(1_000_000) }),
        json!({ "query": format!("{{ {long} }}") }),
        json!({ "query": format!("{{ page(slug: \"{long}\") {{ slug }} }}") }),
        json!({ "query": format!("{{ pages(after: \"{long}\") {{ totalCount }} }}") }),
        json!({ "query": format!("{{ pages(locale: \"{long}\") {{ totalCount }} }}") }),
        json!({ "query": format!("{{ visitCounts(by: {long}) {{ total }} }}") }),
        json!({ "query": "query($s: Slug!) { page(slug: $s) { slug } }", "variables": { "s": "X".repeat(500_000) } }),
        json!({ "query": "query($s: Int) { pages(first: $s) { totalCount } }", "variables": { "s": long } }),
        json!({ "query": "{ site { name } }", "documentId": long }),
        json!({ "documentId": long }),
        json!({ "query": "{ site { name } }", "extensions": { "persistedQuery": { "version": 1, "sha256Hash": long } } }),
    ] {
        let reply = app.anonymous().post(&body).await;
        assert!(reply.json().get("errors").is_some(), "{}", reply.text());
        assert!(reply.bytes().len() < 5_000, "{} bytes: {:.200}", reply.bytes().len(), reply.text());
    }
    for path in [
        format!("/figures/chart.svg?{long}=1"),
        format!("/figures/chart.svg?category={long}"),
        format!("/figures/chart.svg?{}", "z=1&".repeat(10_000)),
    ] {
        let reply = app.anonymous().get(&path).await;
        assert_eq!((reply.status(), reply.code()), (400, "BAD_USER_INPUT"));
        assert!(reply.bytes().len() < 10_000, "{} bytes", reply.bytes().len());
    }
}
