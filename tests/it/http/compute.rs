//! What takes long: who has to wait, who is refused, what it draws from the quota, and what becomes of it when the client
//! hangs up.

use api::{compute_pool::Priority, http::server::Settings};
use serde_json::json;
use tests::{Crowd, EDITOR, Reply, TestApp};
use tokio::{io::AsyncReadExt, time::timeout};

use super::{
    server::PATIENCE,
    wire::{Wire, get, metric, post, rest, status},
};

/// Jobs of one client that may wait.
const WAITING: usize = 64;

/// A query that is long enough to be read in the pool.
fn long_query(number: usize) -> String {
    json!({ "query": format!("{{ site {{ name }} }} # {number} {}", "x".repeat(4_000)) }).to_string()
}

async fn behind_a_proxy() -> TestApp {
    TestApp::new().await.with(|config| config.trusted_proxies = 1).await
}

#[tokio::test(flavor = "multi_thread")]
async fn who_hangs_up_leaves_the_queue_and_is_in_the_log_all_the_same() {
    let app = behind_a_proxy().await;
    let pool = app.state().compute_pool();
    let wire = Wire::serve(&app, Settings::default()).await;
    let crowd = Crowd::take_permits(pool, Priority::Idle).await;
    let mut clients = Vec::new();
    for number in 0..10 {
        clients
            .push(wire.send(&get(&format!("/figures/chart.png?locale=en&width={}", 400 + number), "192.0.2.1")).await);
        clients.push(wire.send(&post("/graphql", "192.0.2.1", &long_query(number))).await);
    }
    pool.until(Priority::Idle, |load| load.waiting == 20).await;
    drop(clients);
    pool.until(Priority::Idle, |load| load.waiting == 0).await;
    while metric(&wire, "almanac_requests_hung_up_total").await < 20 {}
    assert_eq!(pool.load(Priority::Idle).running, crowd.permits(), "no job has begun");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_in_the_making_keeps_its_permit_when_its_client_hangs_up() {
    let app = TestApp::new().await;
    let pool = app.state().compute_pool();
    let wire = Wire::serve(&app, Settings::default()).await;
    let permits = pool.load(Priority::Idle).permits;
    let mut clients = Vec::new();
    for number in 0..permits * 3 {
        clients.push(wire.send(&get(&format!("/figures/chart.png?locale=en&width={}", 400 + number), "")).await);
    }
    let begun = pool.until(Priority::Idle, |load| load.running == permits && load.waiting == 2 * permits);
    timeout(PATIENCE, begun).await.expect("as many begin as there are permits, and the others wait");
    drop(clients);
    while metric(&wire, "almanac_requests_hung_up_total").await < 3 * permits as u64 {}
    let begun = metric(&wire, "almanac_compute_jobs_abandoned_total").await;
    assert!(begun >= 1, "some were begun when their clients hung up");
    pool.until(Priority::Idle, |load| load.running == 0 && load.waiting == 0).await;
    let made = wire.ask(&get("/figures/chart.svg", "")).await;
    assert_eq!(status(&made), 200, "and every permit came back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_asks_for_too_much_is_refused_and_another_one_is_not() {
    let app = behind_a_proxy().await;
    let pool = app.state().compute_pool();
    let wire = Wire::serve(&app, Settings::default()).await;
    let crowd = Crowd::take_permits(pool, Priority::Idle).await;
    let mut greedy = Vec::new();
    for number in 0..WAITING {
        greedy.push(wire.send(&post("/graphql", "192.0.2.1", &long_query(number))).await);
    }
    pool.until(Priority::Idle, |load| load.waiting == WAITING).await;
    for request in [
        post("/graphql", "192.0.2.1", &long_query(WAITING)),
        post("/graphql", "2001:db8::1, 192.0.2.1", &long_query(WAITING)),
        get("/figures/chart.svg?width=500", "192.0.2.1"),
    ] {
        let refused = wire.ask(&request).await.to_lowercase();
        assert_eq!(status(&refused), 503, "{refused}");
        assert!(refused.contains("retry-after: 1\r\n") && refused.contains("\"overloaded\""), "{refused}");
    }
    let mut honest = wire.send(&post("/graphql", "192.0.2.2", &long_query(0))).await;
    pool.until(Priority::Idle, |load| load.waiting == WAITING + 1).await;
    let one = wire.ask(&post("/graphql", "192.0.2.1", &json!({ "query": "{ site { name } }" }).to_string())).await;
    assert_eq!(status(&one), 200, "what is short does not wait");
    drop(crowd);
    assert_eq!(status(&rest(&mut honest).await), 200);
    for mut client in greedy {
        let mut begin = [0; 12];
        client.read_exact(&mut begin).await.expect("a response");
        assert_eq!(&begin, b"HTTP/1.1 200");
    }
    assert!(metric(&wire, "almanac_compute_jobs_refused_total").await >= 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_document_of_an_editor_is_read_in_the_pool_once_and_a_long_text_needs_no_permit() {
    let app = TestApp::new().await;
    let pool = app.state().compute_pool();
    let editor = app.editor().await;
    let long = json!({ "query": format!("{{ site {{ name }} }} # {}", "x".repeat(4_000)) });
    let crowd = Crowd::take_permits(pool, Priority::Normal).await;
    let asked = tokio::spawn({
        let (editor, long) = (editor.clone(), long.clone());
        async move { editor.post(&long).await.status() }
    });
    pool.until(Priority::Normal, |load| load.waiting == 1).await;
    let text = json!({
        "query": "query($slug: String!) { page(slug: $slug) { title } }",
        "variables": { "slug": "x".repeat(20_000) }
    });
    let answered = editor.post(&text).await;
    assert!(answered.status() < 500, "{}", answered.text());
    assert_eq!(pool.load(Priority::Normal).waiting, 1, "a text is not read as a document is");
    drop(crowd);
    assert_eq!(asked.await.expect("an answer"), 200);

    let _crowd = Crowd::take_permits(pool, Priority::Normal).await;
    assert_eq!(editor.post(&long).await.status(), 200, "what was read is not read again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_document_whose_editor_hangs_up_is_never_read() {
    let app = TestApp::new().await;
    let pool = app.state().compute_pool();
    let editor = app.editor().await;
    let wire = Wire::serve(&app, Settings::default()).await;
    let token = editor.token().expect("a token").to_owned();
    let crowd = Crowd::take_permits(pool, Priority::Normal).await;
    let request =
        post("/graphql", "", &long_query(0)).replacen("\r\n", &format!("\r\nAuthorization: Bearer {token}\r\n"), 1);
    let client = wire.send(&request).await;
    pool.until(Priority::Normal, |load| load.waiting == 1).await;
    drop(client);
    pool.until(Priority::Normal, |load| load.waiting == 0).await;
    while metric(&wire, "almanac_requests_hung_up_total").await < 1 {}
    assert_eq!(pool.load(Priority::Normal).running, crowd.permits(), "it has not begun");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_runs_is_noticed_to_be_abandoned_when_its_client_hangs_up() {
    let app = TestApp::new().await;
    let pool = app.state().compute_pool();
    let wire = Wire::serve(&app, Settings::default()).await;
    // The engine answers what asks for earlier figures.
    let part = |name: char| format!("{name}: __schema {{ types {{ name fields {{ name args {{ name }} }} }} }}");
    let parts: String = ('a'..='d').map(part).collect();
    let query = json!({ "query": format!("{{ vintages {{ year }} {parts} }}") }).to_string();
    let client = wire.send(&post("/graphql", "", &query)).await;
    timeout(PATIENCE, pool.until(Priority::Idle, |load| load.running == 1)).await.expect("it runs");
    drop(client);
    while metric(&wire, "almanac_requests_hung_up_total").await < 1 {}
    assert_eq!(metric(&wire, "almanac_compute_jobs_abandoned_total").await, 1);
    timeout(PATIENCE, pool.until(Priority::Idle, |load| load.running == 0)).await.expect("the permit comes back");
}

#[tokio::test]
async fn passwords_wait_for_a_permit_and_are_refused_beyond_the_queue() {
    let app = TestApp::new().await;
    let crowd = Crowd::fill(app.state().compute_pool(), Priority::Normal).await;
    let refused = app.try_sign_in(EDITOR.email, EDITOR.password).await;
    assert_eq!((refused.code(), refused.header("retry-after")), ("OVERLOADED", Some("1")));
    assert_eq!(refused.at("/errors/0/message"), "the server has too much to do; try again in a moment");
    drop(crowd);
    app.state().compute_pool().until(Priority::Normal, |load| load.waiting == 0).await;
    app.sign_in(EDITOR).await;
}

#[tokio::test]
async fn an_operation_that_costs_much_is_worked_out_in_the_pool_however_short_it_is() {
    let app = TestApp::new().await;
    let pool = app.state().compute_pool();
    let figures: String =
        (0..30).map(|alias| format!("a{alias}:factSheet{{categories{{countries{{counts{{value}}}}}}}}")).collect();
    let list =
        "documents(first: 100) { nodes { id key title version state changedAt changedBy published { __typename } } }";
    let documents: String = (0..10).map(|alias| format!("b{alias}: {list} ")).collect();
    let asked = [
        (app.anonymous(), Priority::Idle, format!("{{{figures}}}")),
        (app.editor().await, Priority::Normal, format!("{{ {documents} }}")),
    ];
    for (client, priority, query) in asked {
        let crowd = Crowd::take_permits(pool, priority).await;
        let freed = async {
            timeout(PATIENCE, pool.until(priority, |load| load.waiting == 1)).await.expect("it waits for a permit");
            drop(crowd);
        };
        let (reply, ()) = tokio::join!(client.run(&query, json!({})), freed);
        assert!(reply.data().is_object());
    }
}

fn left(reply: &Reply) -> u64 {
    let header = reply.header("ratelimit").expect("what is left");
    header.strip_prefix("\"cost\";r=").and_then(|rest| rest.split(';').next()?.parse().ok()).expect("points")
}

#[tokio::test]
async fn files_and_pictures_draw_what_they_cost_and_nothing_more_when_they_are_in_memory() {
    let app = TestApp::new().await;
    let reader = app.bearer(&app.sign_in(tests::READER).await.access_token);
    let drawn = async |path: &str| {
        let before = left(&reader.run("{", json!({})).await);
        let reply = reader.get(path).await;
        assert_eq!(reply.status(), 200, "{path}");
        before - left(&reply)
    };
    let csv = drawn("/figures/fact-sheet.csv").await;
    let workbook = drawn("/figures/fact-sheet.xlsx").await;
    let chart = drawn("/figures/chart.svg").await;
    let (small, large) =
        (drawn("/figures/chart.png?locale=en&scale=1").await, drawn("/figures/chart.png?locale=en&scale=2").await);
    assert!(
        csv < workbook && csv < chart && chart < small && small < large,
        "{csv} {workbook} {chart} {small} {large}"
    );
    assert_eq!(large - small, 800 * 450 * 3 / 40, "by the pixel");

    let app = app.with(|config| config.rate_limit = 5_000).await;
    let anonymous = app.anonymous();
    for _ in 0..100 {
        assert_eq!(anonymous.get("/figures/chart.svg").await.status(), 200, "what is in memory draws one point");
    }
    let policy = anonymous.get("/figures/chart.svg").await;
    assert_eq!(policy.header("ratelimit-policy"), Some("\"cost\";q=5000;w=60"));
    assert_eq!(policy.header("ratelimit"), None, "caches may keep it");
    assert_eq!(anonymous.get("/figures/chart.svg?width=700").await.status(), 200);
    assert_eq!(anonymous.get("/figures/chart.svg?width=701").await.status(), 200, "whoever has a point left is served");
    let refused = anonymous.get("/figures/chart.svg?width=702").await;
    assert_eq!((refused.status(), refused.code()), (429, "RATE_LIMITED"));
    assert!(refused.header("retry-after").is_some());
    assert_eq!(app.anonymous().run("{ site { name } }", json!({})).await.status(), 429, "it is one quota");
}
