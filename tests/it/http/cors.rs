//! Which pages of other origins may read answers.

use poem::http::{HeaderMap, Method};
use serde_json::json;
use tests::TestApp;

/// Status and headers of the answer to a page of `origin`.
async fn send(origins: &[&str], method: Method, origin: Option<&'static str>) -> (u16, HeaderMap) {
    let app = TestApp::new().await;
    let app = app.with(|config| config.allowed_origins = origins.iter().map(ToString::to_string).collect()).await;
    let client = app.raw();
    let mut request = client.request(method.clone(), "/graphql");
    if let Some(origin) = origin {
        request = request.header("origin", origin);
    }
    if method == Method::OPTIONS {
        request = request.header("access-control-request-method", "POST");
    } else {
        request = request.body_json(&json!({ "query": "{ locales { code } }" }));
    }
    let response = request.send().await.0;
    (response.status().as_u16(), response.headers().clone())
}

/// What decides on an answer that everybody may see.
const SHARED: &str = "Accept, Accept-Encoding, Authorization, Almanac-Preview";

fn vary(headers: &HeaderMap) -> Vec<&str> {
    headers.get_all("vary").iter().filter_map(|value| value.to_str().ok()).collect()
}

#[tokio::test]
async fn without_origins_nothing_is_added() {
    let (status, headers) = send(&[], Method::POST, Some("https://a.example")).await;
    assert_eq!((status, vary(&headers)), (200, vec![SHARED]));
    assert!(!headers.contains_key("access-control-allow-origin"));
    let (status, headers) = send(&[], Method::OPTIONS, Some("https://a.example")).await;
    assert_eq!(status, 405, "a preflight is a method like any other");
    assert!(!headers.contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn a_listed_origin_may_read_and_send_cookies() {
    let (status, headers) = send(&["https://a.example"], Method::POST, Some("https://a.example")).await;
    assert_eq!(status, 200);
    assert_eq!(headers["access-control-allow-origin"], "https://a.example");
    assert_eq!(headers["access-control-allow-credentials"], "true");
    assert_eq!(vary(&headers), [SHARED, "Origin"]);
}

#[tokio::test]
async fn any_other_origin_is_answered_but_may_not_read() {
    for origin in [Some("https://b.example"), Some("null"), Some("https://a.example.evil"), None] {
        for method in [Method::POST, Method::OPTIONS] {
            let (_, headers) = send(&["https://a.example"], method, origin).await;
            assert!(!headers.contains_key("access-control-allow-origin"), "{origin:?}");
            assert!(!headers.contains_key("access-control-allow-credentials"), "{origin:?}");
            assert!(vary(&headers).contains(&"Origin"), "{origin:?}");
        }
    }
}

#[tokio::test]
async fn a_preflight_says_what_may_be_sent() {
    let (status, headers) = send(&["https://a.example"], Method::OPTIONS, Some("https://a.example")).await;
    assert_eq!(status, 204);
    assert_eq!(headers["access-control-allow-methods"], "GET, HEAD, POST, OPTIONS");
    let allowed = headers["access-control-allow-headers"].to_str().expect("ASCII");
    for header in ["accept", "almanac-change-token", "authorization", "content-type"] {
        assert!(allowed.split(", ").any(|name| name == header), "{allowed}");
    }
}

#[tokio::test]
async fn the_wildcard_never_comes_with_credentials() {
    for method in [Method::POST, Method::OPTIONS] {
        let (_, headers) = send(&["*"], method, Some("https://a.example")).await;
        assert_eq!(headers["access-control-allow-origin"], "*");
        assert!(!headers.contains_key("access-control-allow-credentials"));
    }
}

#[tokio::test]
async fn a_page_may_read_refusals_too() {
    let app = TestApp::new().await;
    let app = app.with(|config| config.allowed_origins = vec!["https://a.example".to_owned()]).await;
    let client = app.raw();
    for (address, status) in [("/nope", 404), ("/graphql", 401)] {
        let request = client.get(address).header("origin", "https://a.example").header("authorization", "Bearer x");
        let response = request.send().await.0;
        assert_eq!(response.status().as_u16(), status);
        assert_eq!(response.headers()["access-control-allow-origin"], "https://a.example", "{address}");
        let exposed = response.headers()["access-control-expose-headers"].to_str().expect("ASCII");
        for header in ["almanac-change-token", "almanac-snapshot-age", "retry-after", "x-request-id"] {
            assert!(exposed.split(", ").any(|name| name == header), "{exposed}");
        }
    }
}

#[tokio::test]
async fn what_is_no_origin_is_refused_at_the_start() {
    let app = TestApp::new().await;
    let mut config = app.state().config().clone();
    config.allowed_origins = vec!["https://a.example/path".to_owned()];
    let clock = app.clock().clone();
    let random = api::state::Random::from_system().expect("random numbers");
    let database = app.state().database().clone();
    let state = api::state::State::open(config, database, clock, random).await.expect("opens");
    assert!(api::http::app(&state).is_err());
}
