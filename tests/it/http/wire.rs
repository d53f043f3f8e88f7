//! A whole Almanac behind a real socket, and clients that write their requests themselves and hang up when they like.

use std::net::SocketAddr;

use api::http::server::{Settings, serve};
use tests::TestApp;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::timeout,
};

use super::server::PATIENCE;

/// A server; it stops when it is dropped.
pub struct Wire {
    address: SocketAddr,
    running: JoinHandle<std::io::Result<()>>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.running.abort();
    }
}

impl Wire {
    /// Serves the app.
    pub async fn serve(app: &TestApp, settings: Settings) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let endpoint = api::http::app(app.state()).expect("settings that can be served");
        let running = tokio::spawn(serve(listener, endpoint, settings, std::future::pending()));
        Self { address, running }
    }

    /// A connection.
    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("connects")
    }

    /// A connection from this address of the machine: on Linux, all of 127.0.0.0/8 are.
    #[cfg(target_os = "linux")]
    pub async fn connect_from(&self, address: [u8; 4]) -> TcpStream {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.bind((address, 0).into()).expect("an address of this machine");
        socket.connect(self.address).await.expect("connects")
    }

    /// Sends bytes on a connection of their own, which stays open.
    pub async fn send(&self, request: &str) -> TcpStream {
        let mut stream = self.connect().await;
        stream.write_all(request.as_bytes()).await.expect("writes");
        stream
    }

    /// Sends a request on a connection of its own, and reads what comes back. The request asks to close the connection.
    pub async fn ask(&self, request: &str) -> String {
        rest(&mut self.send(request).await).await
    }
}

/// A request by GET, from this network if the server stands behind a proxy.
pub fn get(path: &str, network: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: almanac\r\nX-Forwarded-For: {network}\r\nConnection: close\r\n\r\n")
}

/// A request by POST.
pub fn post(path: &str, network: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: almanac\r\nX-Forwarded-For: {network}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

/// Everything that still comes, until the server closes the connection. Bytes that are no text are left out.
pub async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("an end in time").ok();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The status of a response.
#[track_caller]
pub fn status(response: &str) -> u16 {
    let status = response.split(' ').nth(1).and_then(|status| status.parse().ok());
    status.unwrap_or_else(|| panic!("no response: {response:?}"))
}

/// A value of `/metrics`.
pub async fn metric(wire: &Wire, name: &str) -> u64 {
    let response = wire.ask(&get("/metrics", "192.0.2.250")).await;
    let line = response.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|value| value.trim().parse().ok()).unwrap_or_else(|| panic!("no {name}: {response}"))
}
