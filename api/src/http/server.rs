//! The accept loop: from a listening socket to calls of the application, and to an orderly stop.
//!
//! poem's own server knows no time limit for a request head, does not set `TCP_NODELAY` and spins when the process runs
//! out of file descriptors, so connections are accepted here and served by hyper. HTTP/1.1 only: a proxy in front speaks
//! HTTP/2 with browsers, and telling the versions apart on one port would need a time limit of its own.
//!
//! What does not belong here: anything about one request. In particular the time to read a request body is limited by
//! whoever reads it.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use hyper::{
    body::{Body, Frame, Incoming, SizeHint},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use poem::{
    Endpoint, EndpointExt, IntoEndpoint, Response,
    http::{StatusCode, header, uri::Scheme},
    middleware::CatchPanic,
    web::{LocalAddr, RemoteAddr},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{Instant, Sleep, sleep, timeout},
};

use super::graphql::INTERNAL_SERVER_ERROR;

/// How connections are treated.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Time for a request head to arrive, from the opening of the connection or from the first byte of the head.
    pub header_timeout: Duration,
    /// Time that a connection may be silent between requests, or stall while a response is sent. Longer than that of
    /// the proxy in front, which otherwise sends requests into connections that are just closing.
    pub idle_timeout: Duration,
    /// Connections that are served at the same time. Others wait in the queue of the operating system.
    pub max_connections: usize,
    /// Time that requests in flight get to finish when the server stops.
    pub shutdown_grace: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            max_connections: 1_000,
            shutdown_grace: Duration::from_secs(20),
        }
    }
}

/// Bytes of a request head at most. A GET request carries its GraphQL document there.
const HEAD_BYTES: usize = 128 * 1024;

/// Pause after an error that the next attempt to accept a connection is likely to meet again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(250);

/// Serves `app` until `stop` is ready, then lets requests in flight finish and returns.
///
/// A panic in the application becomes a response with status 500. What is not finished after the grace is cut off.
pub async fn serve<E>(
    listener: TcpListener,
    app: E,
    settings: Settings,
    stop: impl Future<Output = ()>,
) -> io::Result<()>
where
    E: IntoEndpoint,
    E::Endpoint: 'static,
{
    let app = Arc::new(app.into_endpoint().with(CatchPanic::new().with_handler(on_panic)));
    let local_address = listener.local_addr()?;
    let permits = Arc::new(Semaphore::new(settings.max_connections));
    let (stopping, _) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);

    loop {
        let accepted = async {
            // The permit comes first: a connection that cannot be served yet is better off unaccepted.
            let permit = permits.clone().acquire_owned().await.map_err(io::Error::other)?;
            listener.accept().await.map(|(stream, remote_address)| (permit, stream, remote_address))
        };
        tokio::select! {
            () = &mut stop => break,
            accepted = accepted => match accepted {
                Ok((permit, stream, remote_address)) => {
                    let connection =
                        serve_connection(stream, local_address, remote_address, app.clone(), &settings, stopping.subscribe());
                    connections.spawn(async move {
                        connection.await;
                        drop(permit);
                    });
                }
                Err(error) if concerns_one_connection(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "cannot accept connections");
                    tokio::select! {
                        () = &mut stop => break,
                        () = sleep(ACCEPT_PAUSE) => {}
                    }
                }
            },
        }
        while connections.try_join_next().is_some() {}
    }

    drop(listener);
    stopping.send_replace(true);
    let finished = async { while connections.join_next().await.is_some() {} };
    if timeout(settings.shutdown_grace, finished).await.is_err() {
        tracing::warn!(connections = connections.len(), "requests in flight are cut off, the grace is over");
        connections.shutdown().await;
    }
    Ok(())
}

/// Listens for the signals that ask the process to stop, SIGTERM and SIGINT, from this call on, and is ready when one came.
///
/// # Errors
/// When the operating system does not let the process listen.
pub fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        Ok(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        })
    }
    #[cfg(not(unix))]
    Ok(async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::error!(%error, "cannot listen for SIGINT");
            std::future::pending::<()>().await;
        }
    })
}

fn on_panic(panic: Box<dyn std::any::Any + Send>) -> Response {
    let message = match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(message), _) => message,
        (None, Some(message)) => message.as_str(),
        (None, None) => "no message",
    };
    tracing::error!(panic = message, "a request handler panicked");
    Response::builder()
        .status(StatusCode::INTERNAL_SERVER_ERROR)
        .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
        .body(INTERNAL_SERVER_ERROR)
}

fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

fn serve_connection<E>(
    stream: TcpStream,
    local_address: SocketAddr,
    remote_address: SocketAddr,
    app: Arc<E>,
    settings: &Settings,
    mut stopping: watch::Receiver<bool>,
) -> impl Future<Output = ()> + use<E>
where
    E: Endpoint + 'static,
{
    let Settings { header_timeout, idle_timeout, .. } = *settings;
    async move {
        send_without_delay(&stream);
        let progress = Progress::new();
        let service = service_fn(|request: hyper::Request<Incoming>| {
            let in_flight = progress.begin_request();
            let app = &app;
            async move {
                let request =
                    (request, LocalAddr(local_address.into()), RemoteAddr(remote_address.into()), Scheme::HTTP);
                let response: hyper::Response<_> = app.get_response(request.into()).await.into();
                Ok::<_, Infallible>(response.map(|body| TrackedBody { body, _in_flight: in_flight }))
            }
        });
        let stream = TrackedStream { stream, progress: progress.clone() };
        // hyper's own limit for the request head starts when the previous response ends, which would make it a limit
        // for idle connections, too. Ours are separate.
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(None)
            .max_header_size(HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        let mut overdue = pin!(progress.overdue(header_timeout, idle_timeout));

        loop {
            tokio::select! {
                // The connection goes first, for it moves the deadline that the second branch looks at.
                biased;
                result = &mut connection => {
                    if let Err(error) = result {
                        tracing::debug!(%error, %remote_address, "connection failed");
                    }
                    return;
                }
                () = &mut overdue => {
                    tracing::debug!(%remote_address, "connection closed: nothing happened for too long");
                    return;
                }
                Ok(()) = stopping.changed() => {
                    // hyper waits for the first request of a connection, even if none has begun to arrive.
                    if progress.untouched() {
                        return;
                    }
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

/// Sends every packet at once instead of waiting for more to send: a response is written in one go anyway.
fn send_without_delay(stream: &TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
}

/// What a connection is doing, shared by the parts that find out.
#[derive(Clone)]
struct Progress(Arc<Mutex<(Phase, Instant)>>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The connection is open and nothing has arrived.
    New,
    /// A request head has begun to arrive.
    Head,
    /// A request is being answered.
    InFlight,
    /// The last response has been produced; it may still be on its way out.
    Idle,
}

impl Progress {
    fn new() -> Self {
        Self(Arc::new(Mutex::new((Phase::New, Instant::now()))))
    }

    fn get(&self) -> (Phase, Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, phase: Phase) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (phase, Instant::now());
    }

    fn untouched(&self) -> bool {
        self.get().0 == Phase::New
    }

    fn begin_request(&self) -> InFlight {
        self.set(Phase::InFlight);
        InFlight(self.clone())
    }

    fn bytes_read(&self) {
        let mut progress = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match progress.0 {
            // The time for the head of the first request began with the connection.
            Phase::New => progress.0 = Phase::Head,
            Phase::Idle => *progress = (Phase::Head, Instant::now()),
            Phase::Head | Phase::InFlight => {}
        }
    }

    fn bytes_written(&self) {
        if self.get().0 == Phase::Idle {
            self.set(Phase::Idle);
        }
    }

    /// Ready when a request head or the next sign of life is late. Must be polled after the connection.
    fn overdue(&self, header_timeout: Duration, idle_timeout: Duration) -> impl Future<Output = ()> {
        let progress = self.clone();
        let mut timer: Option<Pin<Box<Sleep>>> = None;
        std::future::poll_fn(move |cx| {
            let deadline = match progress.get() {
                (Phase::New | Phase::Head, since) => since + header_timeout,
                (Phase::Idle, since) => since + idle_timeout,
                (Phase::InFlight, _) => return Poll::Pending,
            };
            let timer = timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
            if timer.deadline() != deadline {
                timer.as_mut().reset(deadline);
            }
            timer.as_mut().poll(cx)
        })
    }
}

/// Exists from the arrival of a request head until the end of the response body.
struct InFlight(Progress);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.set(Phase::Idle);
    }
}

/// A response body that keeps its request in flight.
struct TrackedBody<B> {
    body: B,
    _in_flight: InFlight,
}

impl<B: Body + Unpin> Body for TrackedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A stream that reports when bytes move.
struct TrackedStream {
    stream: TcpStream,
    progress: Progress,
}

impl AsyncRead for TrackedStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = ready!(Pin::new(&mut self.stream).poll_read(cx, buffer));
        if buffer.filled().len() > before {
            self.progress.bytes_read();
        }
        Poll::Ready(result)
    }
}

impl AsyncWrite for TrackedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes));
        self.progress.bytes_written();
        Poll::Ready(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, slices));
        self.progress.bytes_written();
        Poll::Ready(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn packets_are_sent_without_delay() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stream, _) = tokio::join!(listener.accept(), TcpStream::connect(address));
        let (stream, _) = stream.expect("a connection");
        send_without_delay(&stream);
        assert!(stream.nodelay().expect("a socket option"));
    }

    #[test]
    fn only_errors_of_one_connection_are_passed_over() {
        assert!(concerns_one_connection(&io::ErrorKind::ConnectionAborted.into()));
        let too_many_open_files = io::Error::from_raw_os_error(24);
        assert!(!concerns_one_connection(&too_many_open_files));
    }
}
