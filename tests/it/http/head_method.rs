//! HEAD: what GET answers, without its body (RFC 9110, section 9.3.2).

use poem::http::{HeaderMap, Method};
use tests::{Reply, TestApp};

const QUERY: &str = "/graphql?query=%7Blocales%7Bcode%7D%7D";

async fn ask(app: &TestApp, method: Method, address: &str, headers: &[(&'static str, &str)]) -> Reply {
    let client = app.raw();
    let request = client.request(method, address);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    Reply::read(request.send().await).await
}

/// The headers that do not differ from request to request. The length of a body that is sent is added further out.
fn headers(reply: &Reply) -> HeaderMap {
    let mut headers = reply.headers().clone();
    for name in ["x-request-id", "content-length", "ratelimit"] {
        headers.remove(name);
    }
    headers
}

#[tokio::test]
async fn head_is_answered_as_get_without_a_body() {
    let app = TestApp::new().await;
    for (address, status) in [
        (QUERY, 200),
        ("/graphql?query=%7Bnope%7D", 400),
        ("/graphql", 400),
        ("/healthz", 200),
        ("/readyz", 200),
        ("/.well-known/jwks.json", 200),
        ("/figures/fact-sheet.csv", 200),
        ("/figures/chart.svg", 200),
        ("/figures/nope.csv", 404),
        ("/nope", 404),
    ] {
        let accept = [("accept", "application/graphql-response+json, */*;q=0.5")];
        let get = ask(&app, Method::GET, address, &accept).await;
        let head = ask(&app, Method::HEAD, address, &accept).await;
        assert_eq!((get.status(), head.status()), (status, status), "{address}");
        assert_eq!(headers(&head), headers(&get), "{address}");
        assert_eq!(head.bytes(), b"", "{address}");
        assert!(!get.bytes().is_empty(), "{address}");
        assert_eq!(head.header("content-length"), Some(get.bytes().len().to_string().as_str()), "{address}");
    }
}

#[tokio::test]
async fn head_runs_no_mutation_and_knows_what_the_client_has() {
    let app = TestApp::new().await;
    let mutation = "/graphql?query=mutation%7BsignOut%7BsignedOut%7D%7D";
    let refused = ask(&app, Method::HEAD, mutation, &[]).await;
    assert_eq!((refused.status(), refused.header("allow")), (405, Some("POST")));
    let etag = ask(&app, Method::GET, QUERY, &[]).await.header("etag").expect("an answer to keep").to_owned();
    let known = ask(&app, Method::HEAD, QUERY, &[("if-none-match", &etag)]).await;
    assert_eq!((known.status(), known.bytes(), known.header("content-length")), (304, &b""[..], None));
    assert_eq!(known.header("etag"), Some(etag.as_str()));
}
