//! The addresses beside `/graphql`, and what every answer has.

use chrono::Duration;
use poem::http::Method;
use serde_json::json;
use tests::{Reply, TestApp, on_both_databases};

on_both_databases! {
    async fn a_process_is_ready_exactly_while_its_database_answers(app: TestApp) {
        let ready = app.anonymous().get("/readyz").await;
        assert_eq!((ready.status(), ready.at("/status")), (200, &json!("ok")));
        assert_eq!(ready.at("/change"), &json!(app.state().snapshot().seq));
        assert_eq!(ready.at("/seenSecondsAgo"), 0);

        app.state().database().clone().close().await.expect("closes");
        app.clock().advance(Duration::seconds(61));
        let not_ready = app.anonymous().get("/readyz").await;
        assert_eq!((not_ready.status(), not_ready.at("/status")), (503, &json!("database unreachable")));
        assert_eq!(not_ready.at("/seenSecondsAgo"), 61);
        let alive = app.anonymous().get("/healthz").await;
        assert_eq!((alive.status(), alive.json()), (200, &json!({ "status": "ok" })));
        let reply = app.anonymous().run("{ page(slug: \"about-us\") { slug } }", json!({})).await;
        assert_eq!(reply.at("/data/page/slug"), "about-us", "what is published is served on");
    }
}

#[tokio::test]
async fn the_public_keys_are_a_key_set_without_anything_secret() {
    let keys = TestApp::new().await.anonymous().get("/.well-known/jwks.json").await;
    assert_eq!(keys.status(), 200);
    assert_eq!(keys.header("content-type"), Some("application/jwk-set+json"));
    assert_eq!(keys.header("cache-control"), Some("public, max-age=300"));
    let list = keys.at("/keys").as_array().expect("a list");
    assert_eq!(list.len(), 1);
    let mut members: Vec<_> = list[0].as_object().expect("an object").keys().map(String::as_str).collect();
    members.sort_unstable();
    assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x"], "no private member, such as d");
    assert_eq!((&list[0]["kty"], &list[0]["crv"]), (&json!("OKP"), &json!("Ed25519")));
    assert_eq!((&list[0]["alg"], &list[0]["use"]), (&json!("EdDSA"), &json!("sig")));
}

#[tokio::test]
async fn what_is_not_there_is_said_in_json() {
    let app = TestApp::new().await;
    for address in ["/", "/graphql/", "/nope", "/.well-known/", "/healthz/x", "/../etc/passwd"] {
        let reply = app.anonymous().get(address).await;
        assert_eq!((reply.status(), reply.code()), (404, "NOT_FOUND_PATH"), "{address}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
    }
    for address in ["/healthz", "/readyz", "/.well-known/jwks.json"] {
        let reply = Reply::read(app.raw().request(Method::POST, address).send().await).await;
        assert_eq!((reply.status(), reply.code()), (405, "METHOD_NOT_ALLOWED"), "{address}");
    }
}

#[tokio::test]
async fn a_request_keeps_its_harmless_name_and_gets_a_new_one_else() {
    let app = TestApp::new().await;
    let client = app.raw();
    let named = async |name: &[u8]| {
        let name = poem::http::HeaderValue::from_bytes(name).expect("a header");
        let reply = Reply::read(client.get("/healthz").header("x-request-id", name).send().await).await;
        reply.header("x-request-id").expect("a name").to_owned()
    };
    let longest = "a".repeat(64);
    for harmless in ["a", "01HZX-3.b_c", longest.as_str()] {
        assert_eq!(named(harmless.as_bytes()).await, harmless);
    }
    let too_long = "a".repeat(65);
    for harmful in ["", "a b", "a\"b", "{}", "<script>", "a;b", "\u{e9}", too_long.as_str()] {
        let given = named(harmful.as_bytes()).await;
        assert!(given.parse::<uuid::Uuid>().is_ok_and(|id| id.get_version_num() == 7), "{harmful}: {given}");
    }
    let first = app.anonymous().get("/healthz").await;
    let second = app.anonymous().get("/healthz").await;
    assert_ne!(first.header("x-request-id").expect("a name"), second.header("x-request-id").expect("a name"));
}

#[tokio::test]
async fn every_answer_bears_the_name_of_its_request_and_is_not_to_be_guessed_at() {
    let app = TestApp::new().await;
    for address in ["/graphql", "/healthz", "/readyz", "/.well-known/jwks.json", "/nope"] {
        let reply = app.anonymous().get(address).await;
        assert!(reply.header("x-request-id").is_some(), "{address}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{address}");
    }
}
