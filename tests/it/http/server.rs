//! What a client sees of the accept loop, over a real socket. The application behind it is a small one, with an address
//! for each thing that can go wrong.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use api::http::server::{Settings, serve};
use poem::{Route, endpoint::make};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Notify, oneshot},
    task::JoinHandle,
    time::timeout,
};

/// No test is meant to wait this long.
pub const PATIENCE: Duration = Duration::from_secs(10);
const SHORT: Duration = Duration::from_millis(50);

struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    running: JoinHandle<std::io::Result<()>>,
    /// A request for `/wait` has arrived.
    arrived: Arc<Notify>,
    /// Lets a request for `/wait` finish.
    proceed: Arc<Notify>,
}

async fn start(settings: Settings) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (arrived, proceed) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let wait = {
        let (arrived, proceed) = (arrived.clone(), proceed.clone());
        make(move |_| {
            let (arrived, proceed) = (arrived.clone(), proceed.clone());
            async move {
                arrived.notify_one();
                proceed.notified().await;
                "waited"
            }
        })
    };
    let app = Route::new()
        .at("/", make(|request| async move { format!("from {}", request.remote_addr()) }))
        .at("/big", make(|_| async { "x".repeat(64 * 1024 * 1024) }))
        .at("/panic", make(|_| async { if true { panic!("on purpose") } else { "" } }))
        .at("/wait", wait);
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(serve(listener, app, settings, async move {
        stopped.await.ok();
    }));
    Server { address, stop, running, arrived, proceed }
}

async fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(server.address).await.expect("connects")
}

async fn send(stream: &mut TcpStream, bytes: &str) {
    stream.write_all(bytes.as_bytes()).await.expect("writes");
}

/// Reads one response whose length is announced.
async fn response(stream: &mut TcpStream) -> String {
    let read = async {
        let mut bytes = Vec::new();
        loop {
            let byte = stream.read_u8().await.expect("a response");
            bytes.push(byte);
            if bytes.ends_with(b"\r\n\r\n") {
                break;
            }
        }
        let head = String::from_utf8(bytes).expect("UTF-8").to_lowercase();
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
        let mut body = vec![0; length.expect("a length").parse().expect("a number")];
        stream.read_exact(&mut body).await.expect("a body");
        head + &String::from_utf8(body).expect("UTF-8")
    };
    timeout(PATIENCE, read).await.expect("in time")
}

/// Waits until the server closes the connection, having sent nothing more.
async fn closed(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    let end = timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("closed in time");
    assert!(end.is_err() || rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
}

const GET: &str = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[tokio::test]
async fn a_connection_serves_one_request_after_the_other() {
    let server = start(Settings::default()).await;
    let mut stream = connect(&server).await;
    let local = stream.local_addr().expect("an address");
    for _ in 0..3 {
        send(&mut stream, GET).await;
        let response = response(&mut stream).await;
        assert!(response.starts_with("http/1.1 200") && response.contains(&local.to_string()), "{response}");
    }
}

#[tokio::test]
async fn a_connection_that_says_nothing_or_speaks_slowly_is_closed() {
    let server = start(Settings { header_timeout: SHORT, ..Settings::default() }).await;
    for beginning in ["", "GET / HTTP/1.1\r\nHost: loc"] {
        let mut stream = connect(&server).await;
        send(&mut stream, beginning).await;
        closed(&mut stream).await;
    }
    // A byte now and then does not help.
    let mut stream = connect(&server).await;
    let trickle = async {
        while timeout(SHORT / 10, stream.read_u8()).await.is_err() {
            stream.write_all(b"G").await.ok();
        }
    };
    timeout(PATIENCE, trickle).await.expect("closed in time");
}

#[tokio::test]
async fn the_time_for_a_head_starts_anew_with_every_request() {
    let server = start(Settings { header_timeout: SHORT, ..Settings::default() }).await;
    let mut stream = connect(&server).await;
    send(&mut stream, GET).await;
    response(&mut stream).await;
    send(&mut stream, "GET / HT").await;
    closed(&mut stream).await;
}

#[tokio::test]
async fn an_idle_connection_is_closed_but_not_as_soon_as_a_slow_head() {
    let server = start(Settings { header_timeout: PATIENCE * 2, idle_timeout: SHORT, ..Settings::default() }).await;
    let mut stream = connect(&server).await;
    send(&mut stream, GET).await;
    response(&mut stream).await;
    closed(&mut stream).await;

    let server = start(Settings { header_timeout: SHORT, idle_timeout: SHORT * 20, ..Settings::default() }).await;
    let mut stream = connect(&server).await;
    send(&mut stream, GET).await;
    response(&mut stream).await;
    timeout(SHORT * 4, stream.read_u8()).await.expect_err("still open after the time for a head");
    send(&mut stream, GET).await;
    response(&mut stream).await;
}

#[tokio::test]
async fn a_client_that_does_not_read_its_response_is_cut_off() {
    let server = start(Settings { idle_timeout: SHORT, ..Settings::default() }).await;
    let mut deaf = connect(&server).await;
    send(&mut deaf, "GET /big HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    // A server that waits for it does not stop.
    deaf.read_u8().await.expect("the response has begun");
    server.stop.send(()).expect("running");
    timeout(PATIENCE, server.running).await.expect("returns in time").expect("does not panic").expect("no error");
}

#[tokio::test]
async fn a_response_may_take_longer_than_a_connection_may_be_idle() {
    let server = start(Settings { idle_timeout: SHORT * 4, ..Settings::default() }).await;
    let mut stream = connect(&server).await;
    send(&mut stream, "GET /big HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    let mut response = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut response)).await.expect("in time").expect("not cut off");
    assert!(response.len() > 64 * 1024 * 1024, "{}", response.len());
}

#[tokio::test]
async fn the_connection_that_is_silent_longest_makes_room() {
    let server = start(Settings { max_connections: 2, ..Settings::default() }).await;
    let mut busy = connect(&server).await;
    send(&mut busy, "GET /wait HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    server.arrived.notified().await;
    let mut silent = connect(&server).await;
    send(&mut silent, GET).await;
    response(&mut silent).await;
    let mut new = connect(&server).await;
    send(&mut new, GET).await;
    assert!(response(&mut new).await.starts_with("http/1.1 200"));
    closed(&mut silent).await;
    server.proceed.notify_one();
    assert!(response(&mut busy).await.ends_with("waited"), "what is being answered is not cut off");
}

#[tokio::test]
async fn a_stop_finishes_requests_in_flight_and_closes_everything_else_at_once() {
    let server = start(Settings { shutdown_grace: PATIENCE, ..Settings::default() }).await;
    let mut untouched = connect(&server).await;
    let mut idle = connect(&server).await;
    send(&mut idle, GET).await;
    response(&mut idle).await;
    let mut busy = connect(&server).await;
    send(&mut busy, "GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    server.arrived.notified().await;

    server.stop.send(()).expect("running");
    closed(&mut untouched).await;
    closed(&mut idle).await;
    assert!(!server.running.is_finished());
    TcpStream::connect(server.address).await.expect_err("no longer listening");

    server.proceed.notify_one();
    let response = response(&mut busy).await;
    assert!(response.ends_with("waited") && response.contains("connection: close"), "{response}");
    closed(&mut busy).await;
    timeout(PATIENCE, server.running).await.expect("returns in time").expect("does not panic").expect("no error");
}

#[tokio::test]
async fn a_response_on_its_way_survives_the_stop() {
    let server = start(Settings::default()).await;
    let mut stream = connect(&server).await;
    send(&mut stream, "GET /big HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    stream.read_u8().await.expect("the response has begun");
    server.stop.send(()).expect("running");
    let mut rest = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("in time").expect("not cut off");
    assert!(rest.len() > 64 * 1024 * 1024, "{}", rest.len());
}

#[tokio::test]
async fn the_grace_has_an_end() {
    let server = start(Settings { shutdown_grace: SHORT, ..Settings::default() }).await;
    let mut stream = connect(&server).await;
    send(&mut stream, "GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    server.arrived.notified().await;
    server.stop.send(()).expect("running");
    closed(&mut stream).await;
    timeout(PATIENCE, server.running).await.expect("returns in time").expect("does not panic").expect("no error");
}

#[tokio::test]
async fn a_panic_is_answered_and_the_connection_goes_on() {
    let server = start(Settings::default()).await;
    let mut stream = connect(&server).await;
    send(&mut stream, "GET /panic HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    let response_to_panic = response(&mut stream).await;
    assert!(response_to_panic.starts_with("http/1.1 500"), "{response_to_panic}");
    assert!(response_to_panic.ends_with(r#""extensions":{"code":"INTERNAL"}}]}"#), "{response_to_panic}");
    send(&mut stream, GET).await;
    assert!(response(&mut stream).await.starts_with("http/1.1 200"));
}

#[tokio::test]
async fn an_endless_head_is_refused() {
    let server = start(Settings::default()).await;
    let mut stream = connect(&server).await;
    let head = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: {}\r\n\r\n", "x".repeat(200_000));
    // The server may hang up before it has read everything.
    stream.write_all(head.as_bytes()).await.ok();
    let mut answer = [0; 12];
    timeout(PATIENCE, stream.read_exact(&mut answer)).await.expect("in time").expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 431");
}
