//! Connections without number and bodies that never end: who is served all the same.

use api::{compute_pool::Priority, http::server::Settings};
use serde_json::json;
use tests::{Crowd, TestApp};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::wire::{Wire, get, metric, post, rest, status};

const SITE: &str = "GET /graphql?query=%7Bsite%7Bname%7D%7D HTTP/1.1\r\nHost: almanac\r\n\r\n";

/// Sends a request on a connection that stays open, and reads the first bytes of the answer.
#[cfg(target_os = "linux")]
async fn begin(stream: &mut TcpStream, request: &str) -> u16 {
    stream.write_all(request.as_bytes()).await.expect("writes");
    let mut head = [0; 12];
    stream.read_exact(&mut head).await.expect("an answer");
    status(&String::from_utf8_lossy(&head))
}

#[cfg(target_os = "linux")]
async fn ask_from(wire: &Wire, address: [u8; 4], request: &str) -> String {
    let mut stream = wire.connect_from(address).await;
    stream.write_all(request.as_bytes()).await.expect("writes");
    rest(&mut stream).await
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn connections_that_asked_once_and_stay_silent_keep_nobody_out() {
    let app = TestApp::new().await;
    let settings = Settings { max_connections: 8, max_connections_per_network: 3, ..Settings::default() };
    let wire = Wire::serve(&app, settings).await;
    let mut silent = Vec::new();
    for number in 0..60 {
        let mut stream = wire.connect_from([127, 0, 1, 1 + number % 4]).await;
        assert_eq!(begin(&mut stream, SITE).await, 200, "connection {number}");
        silent.push(stream);
    }
    for path in ["/healthz", "/graphql?query=%7Bsite%7Bname%7D%7D"] {
        assert_eq!(status(&ask_from(&wire, [127, 0, 1, 9], &get(path, "")).await), 200, "{path}");
    }
    assert!(metric(&wire, "almanac_connections").await <= 8);
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_keeps_all_connections_busy_gives_way_to_another() {
    let app = TestApp::new().await;
    let settings = Settings { max_connections: 4, max_connections_per_network: 4, ..Settings::default() };
    let wire = Wire::serve(&app, settings).await;
    let pool = app.state().compute_pool();
    let _crowd = Crowd::take_permits(pool, Priority::Idle).await;
    let mut busy = Vec::new();
    for number in 0..4_usize {
        busy.push(wire.send(&get(&format!("/figures/chart.svg?width={}", 400 + number), "")).await);
        pool.until(Priority::Idle, |load| load.waiting == number + 1).await;
    }
    let refused = wire.ask(&get("/graphql?query=%7Bsite%7Bname%7D%7D", "")).await.to_lowercase();
    assert_eq!(status(&refused), 503, "{refused}");
    assert!(refused.contains("\"overloaded\"") && refused.contains("retry-after: 1\r\n"), "{refused}");
    assert_eq!(status(&wire.ask(&get("/healthz", "")).await), 200);
    let other = ask_from(&wire, [127, 0, 1, 1], &get("/graphql?query=%7Bsite%7Bname%7D%7D", "")).await;
    assert_eq!(status(&other), 200, "{other}");
    pool.until(Priority::Idle, |load| load.waiting == 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_proxy_no_answer_is_cut_off_and_health_is_told_all_the_same() {
    let app = TestApp::new().await.with(|config| config.trusted_proxies = 1).await;
    let settings = Settings { max_connections: 2, max_connections_per_network: 0, ..Settings::default() };
    let wire = Wire::serve(&app, settings).await;
    let pool = app.state().compute_pool();
    let crowd = Crowd::take_permits(pool, Priority::Idle).await;
    let mut busy = [400, 401].map(|width| get(&format!("/figures/chart.svg?width={width}"), "192.0.2.1"));
    let mut waiting = Vec::new();
    for request in &mut busy {
        waiting.push(wire.send(request).await);
    }
    pool.until(Priority::Idle, |load| load.waiting == 2).await;
    // More of them than there are places for such questions; they say nothing.
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(wire.connect().await);
    }
    for _ in 0..3 {
        assert_eq!(status(&wire.ask(&get("/healthz", "192.0.2.2")).await), 200);
        assert_eq!(status(&wire.ask(&get("/readyz", "192.0.2.2")).await), 503);
    }
    drop(crowd);
    for mut stream in waiting {
        assert_eq!(status(&rest(&mut stream).await), 200);
    }
}

/// The largest body that is read.
const BODY: usize = 2 * 1024 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn slow_bodies_take_no_more_memory_than_there_is_for_them() {
    let app = TestApp::new().await.with(|config| config.trusted_proxies = 1).await;
    let wire = Wire::serve(&app, Settings::default()).await;
    let part = BODY - 100_000;
    let head = |network: &str| {
        format!(
            "POST /graphql HTTP/1.1\r\nHost: almanac\r\nX-Forwarded-For: {network}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {BODY}\r\n\r\n{}",
            " ".repeat(part)
        )
    };
    let mut bodies = Vec::new();
    for number in 0..20_u64 {
        bodies.push(wire.send(&head("192.0.2.1")).await);
        // Half of 32 MiB; what is beyond it is refused or makes room.
        let expected = (number + 1).min(8) * part as u64;
        while metric(&wire, "almanac_request_body_bytes").await < expected {}
    }
    assert!(metric(&wire, "almanac_request_body_bytes").await <= 16 * 1024 * 1024);
    let query = json!({ "query": "{ site { name } }" }).to_string();
    assert_eq!(status(&wire.ask(&post("/graphql", "192.0.2.1", &query)).await), 200, "a short one has room");
    let long = format!("{query}{}", " ".repeat(BODY - query.len()));
    assert_eq!(status(&wire.ask(&post("/graphql", "192.0.2.2", &long)).await), 200, "so has another network");
    let mut refused = 0;
    for mut body in bodies {
        // Those that were given up have their answer already; the others get theirs for a body that is only blanks.
        body.write_all(" ".repeat(BODY - part).as_bytes()).await.ok();
        match status(&rest(&mut body).await) {
            408 | 503 => refused += 1,
            other => assert_eq!(other, 400),
        }
    }
    assert_eq!(refused, 12);
    assert_eq!(metric(&wire, "almanac_request_body_bytes").await, 0);
}
