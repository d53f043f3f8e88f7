//! Load: connections that are kept alive, requests that are ready to send, and how long answers took.
//!
//! The reader of HTTP knows only what Almanac sends. It takes no memory for an answer and looks at every byte of it: an
//! answer that differs from what was expected ends the run.

use std::{
    net::{Ipv4Addr, SocketAddr},
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    task::JoinSet,
};

use crate::process::Server;

/// How many connections ask at the same time.
pub const CONNECTIONS: usize = 32;
/// Digits of the number that makes a request unlike any other.
pub const NUMBER_DIGITS: usize = 8;

/// A connection that is kept alive.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer, as long as it is in the buffer.
pub struct Answer<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The head, in lower case where Almanac writes it so: names of headers.
    head: &'a str,
    /// The body as it was sent.
    pub body: &'a [u8],
}

impl<'a> Answer<'a> {
    /// The value of a header; names are in lower case.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        header(self.head, name)
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.split("\r\n").skip(1).find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens.
    pub async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(64 * 1024) })
    }

    /// Connects from this address of the machine: another network, as the server sees it.
    ///
    /// # Errors
    /// When nobody listens, or there is no such address.
    pub async fn open_from(source: Ipv4Addr, address: SocketAddr) -> anyhow::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((source, 0).into())?;
        let stream = socket.connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(64 * 1024) })
    }

    /// Sends a part of a request, and hangs up a moment later.
    ///
    /// # Errors
    /// When the connection is closed.
    pub async fn hang_up(mut self, part: &[u8], after: Duration) -> anyhow::Result<()> {
        self.stream.write_all(part).await?;
        tokio::time::sleep(after).await;
        Ok(())
    }

    /// Sends a request and waits for the whole answer.
    ///
    /// # Errors
    /// When the connection is closed, or the answer is not what Almanac sends.
    pub async fn ask(&mut self, request: &[u8]) -> anyhow::Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let (status, body) = loop {
            ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "the server closed the connection");
            if let Some(end) = self.buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break Self::read_head(&self.buffer, end)?;
            }
        };
        self.buffer.reserve(body.end.saturating_sub(self.buffer.len()));
        while self.buffer.len() < body.end {
            ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "the server cut an answer off");
        }
        ensure!(self.buffer.len() == body.end, "the server sent more than an answer");
        let (head, body) = self.buffer.split_at(body.start);
        Ok(Answer { status, head: std::str::from_utf8(head)?, body })
    }

    /// The status, and where the body is.
    fn read_head(buffer: &[u8], end: usize) -> anyhow::Result<(u16, Range<usize>)> {
        let head = std::str::from_utf8(buffer.get(..end).context("a head")?)?;
        let status = head.split(' ').nth(1).context("an answer without a status")?.parse()?;
        let length = match header(head, "content-length") {
            // May say how long the body would be that is not sent.
            _ if status == 304 => 0,
            Some(length) => length.parse()?,
            None => bail!("an answer without its length: {head}"),
        };
        let start = end + 4;
        Ok((status, start..start + length))
    }
}

/// A request that is ready to send, and the answer to expect.
#[derive(Clone, Debug)]
pub struct Call {
    /// The request, head and body.
    pub request: Vec<u8>,
    /// Where in the request a number stands that no other request has, [`NUMBER_DIGITS`] long.
    pub number: Option<usize>,
    /// The HTTP status to expect.
    pub status: u16,
    /// The body to expect.
    pub body: Vec<u8>,
}

/// What one window of load came to.
#[derive(Clone, Debug)]
pub struct Window {
    /// How long each answer took.
    pub latencies: Vec<Duration>,
    /// The processor time of the server for all of them.
    pub processor_time: Duration,
    /// From the first request to the last answer.
    pub elapsed: Duration,
}

impl Window {
    /// The processor time of the server for one request, in microseconds.
    pub fn microseconds_per_request(&self) -> f64 {
        self.processor_time.as_secs_f64() * 1e6 / self.requests()
    }

    /// Answers in a second.
    pub fn requests_per_second(&self) -> f64 {
        self.requests() / self.elapsed.as_secs_f64()
    }

    fn requests(&self) -> f64 {
        u32::try_from(self.latencies.len()).unwrap_or(u32::MAX).into()
    }
}

/// Someone who asks again and again.
pub trait Client: Send + 'static {
    /// Asks once and looks at the answer.
    fn turn(&mut self) -> impl Future<Output = anyhow::Result<()>> + Send;
}

/// Lets every client ask again and again for a while, and gives them back.
///
/// # Errors
/// When an answer is not what was expected.
pub async fn window<C: Client>(server: &Server, clients: Vec<C>, length: Duration) -> anyhow::Result<(Window, Vec<C>)> {
    let (count, before, start) = (clients.len(), server.processor_time()?, Instant::now());
    let mut running = JoinSet::new();
    for mut client in clients {
        running.spawn(async move {
            let mut latencies = Vec::with_capacity(4096);
            let mut now = start;
            while now < start + length {
                client.turn().await?;
                let then = Instant::now();
                latencies.push(then - now);
                now = then;
            }
            anyhow::Ok((latencies, client))
        });
    }
    let (mut latencies, mut clients) = (Vec::new(), Vec::with_capacity(count));
    while let Some(ended) = running.join_next().await {
        let (more, client) = ended??;
        latencies.extend(more);
        clients.push(client);
    }
    // Nothing is in flight before and after, so the time belongs to exactly these requests.
    let elapsed = start.elapsed();
    let processor_time = server.processor_time()?.saturating_sub(before);
    Ok((Window { latencies, processor_time, elapsed }, clients))
}

/// [`CONNECTIONS`] connections to a server, on which calls are measured.
pub struct Load {
    connections: Vec<Connection>,
    numbers: Arc<AtomicU64>,
}

impl Load {
    /// Opens the connections.
    ///
    /// # Errors
    /// When nobody listens.
    pub async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let mut connections = Vec::with_capacity(CONNECTIONS);
        for _ in 0..CONNECTIONS {
            connections.push(Connection::open(address).await?);
        }
        Ok(Self { connections, numbers: Arc::default() })
    }

    /// One of the connections, for requests that are not measured.
    ///
    /// # Errors
    /// When they were lost with a window that failed.
    pub fn connection(&mut self) -> anyhow::Result<&mut Connection> {
        self.connections.first_mut().context("no connection is left")
    }

    /// Sends a call on every connection, again and again, for a while.
    ///
    /// # Errors
    /// When an answer is not what the call expects.
    pub async fn window(&mut self, server: &Server, call: &Arc<Call>, length: Duration) -> anyhow::Result<Window> {
        let asking = std::mem::take(&mut self.connections).into_iter().map(|connection| Asking {
            connection,
            request: call.request.clone(),
            call: Arc::clone(call),
            numbers: Arc::clone(&self.numbers),
        });
        let (window, asked) = window(server, asking.collect(), length).await?;
        self.connections = asked.into_iter().map(|asking| asking.connection).collect();
        Ok(window)
    }
}

/// A connection that sends one call.
struct Asking {
    connection: Connection,
    request: Vec<u8>,
    call: Arc<Call>,
    numbers: Arc<AtomicU64>,
}

impl Client for Asking {
    async fn turn(&mut self) -> anyhow::Result<()> {
        let digits = self.call.number.and_then(|start| self.request.get_mut(start..start + NUMBER_DIGITS));
        if let Some(digits) = digits {
            let mut number = self.numbers.fetch_add(1, Ordering::Relaxed);
            for digit in digits.iter_mut().rev() {
                *digit = b"0123456789"[usize::try_from(number % 10)?];
                number /= 10;
            }
        }
        let answer = self.connection.ask(&self.request).await?;
        if answer.status != self.call.status || answer.body != self.call.body {
            let text = String::from_utf8_lossy(answer.body.get(..500).unwrap_or(answer.body)).into_owned();
            bail!("an answer differs from the first: status {}, {text}", answer.status);
        }
        Ok(())
    }
}
