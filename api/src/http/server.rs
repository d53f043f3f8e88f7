//! The accept loop: from a listening socket to calls of the application, and to an orderly stop.
//!
//! poem's own server knows no time limit for a request head, does not set `TCP_NODELAY` and spins when the process runs
//! out of file descriptors, so connections are accepted here and served by hyper. HTTP/1.1 only: a proxy in front speaks
//! HTTP/2 with browsers, and telling the versions apart on one port would need a time limit of its own.
//!
//! What does not belong here: anything about one request. In particular the time to read a request body is limited by
//! whoever reads it.

mod connections;
mod progress;

use std::{convert::Infallible, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use poem::{
    Endpoint, EndpointExt, IntoEndpoint, Response,
    http::{StatusCode, header, uri::Scheme},
    middleware::CatchPanic,
    web::{LocalAddr, RemoteAddr},
};
use tokio::{
    net::TcpListener,
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};

pub use self::connections::Connections;
use self::{
    connections::{Place, Places},
    progress::{Progress, TrackedBody, TrackedStream},
};
use super::{
    graphql::INTERNAL_SERVER_ERROR,
    request_head::{self, Objection},
    request_tracing::Arrival,
};
use crate::access::network::Network;

/// How connections are treated.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Time for a request head to arrive, from the opening of the connection or from the first byte of the head.
    pub header_timeout: Duration,
    /// Time that a connection may be silent between requests, or stall while a response is sent. Longer than that of
    /// the proxy in front, which otherwise sends requests into connections that are just closing.
    pub idle_timeout: Duration,
    /// Connections that are served at the same time. Beyond that, silent ones make room; where none is silent, the process
    /// only tells whether it is alive.
    pub max_connections: usize,
    /// Those of them that one network may have: an IPv4 address, or an IPv6 /64. 0 sets no limit, as behind a proxy, from
    /// where they all come.
    pub max_connections_per_network: usize,
    /// Time that requests in flight get to finish when the server stops.
    pub shutdown_grace: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            max_connections: 1_024,
            max_connections_per_network: 256,
            shutdown_grace: Duration::from_secs(20),
        }
    }
}

/// Bytes of a request head at most. A GET request carries its GraphQL document there.
const HEAD_BYTES: usize = 128 * 1024;

/// Connections beyond the most that are served, for those who ask whether the process is alive.
const RESERVE: usize = 64;
/// Time for a request head on one of these.
const RESERVE_TIMEOUT: Duration = Duration::from_secs(2);
/// Files that a process has open beside its connections: the database, the log, fonts.
const OTHER_FILES: usize = 192;

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
    let Settings { max_connections: total, max_connections_per_network: network, .. } = settings;
    allow_open_files(total + RESERVE + OTHER_FILES);
    let places = Connections::new(Places { total, network, reserve: RESERVE });
    let (stopping, _) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);

    loop {
        tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, remote_address)) => {
                    let progress = Progress::new();
                    if let Some(place) = places.admit(Network::of(remote_address.ip()), &progress) {
                        let stream = TrackedStream::new(stream, progress.clone());
                        let ends = Ends { local_address, remote_address };
                        let stopping = stopping.subscribe();
                        let connection =
                            serve_connection(stream, ends, place, progress, app.clone(), &settings, stopping);
                        connections.spawn(connection);
                    } else {
                        tracing::debug!(%remote_address, "connection closed: there are too many");
                    }
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

/// Raises the limit on open files that the system has set, as far as it lets us.
fn allow_open_files(files: usize) {
    #[cfg(unix)]
    {
        use nix::sys::resource::{Resource, getrlimit, setrlimit};
        let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return };
        let files = files as u64;
        if soft < files {
            let allowed = files.min(hard);
            if let Err(error) = setrlimit(Resource::RLIMIT_NOFILE, allowed, hard) {
                tracing::warn!(%error, "the limit on open files cannot be raised");
            }
        }
        if hard < files {
            tracing::warn!(hard, files, "the system lets this process open fewer files than there may be connections");
        }
    }
}

/// The addresses of a connection.
#[derive(Clone, Copy)]
struct Ends {
    local_address: SocketAddr,
    remote_address: SocketAddr,
}

fn serve_connection<E>(
    stream: TrackedStream,
    Ends { local_address, remote_address }: Ends,
    place: Place,
    progress: Progress,
    app: Arc<E>,
    settings: &Settings,
    mut stopping: watch::Receiver<bool>,
) -> impl Future<Output = ()> + use<E>
where
    E: Endpoint + 'static,
{
    let Settings { header_timeout, idle_timeout, .. } = *settings;
    let is_reserve = place.is_reserve;
    let header_timeout = if is_reserve { RESERVE_TIMEOUT } else { header_timeout };
    async move {
        stream.send_without_delay();
        let service = service_fn(|mut request: hyper::Request<Incoming>| {
            let in_flight = progress.begin_request();
            let (app, connections) = (&app, place.connections.clone());
            let mut arrival = Arrival::new(&request, connections.clone());
            let reserve = is_reserve.then_some(Objection::TooManyConnections);
            async move {
                arrival.is_seen();
                if let Some(objection) = request_head::check(&request).or(reserve) {
                    request.extensions_mut().insert(objection);
                }
                request.extensions_mut().insert(connections);
                let request =
                    (request, LocalAddr(local_address.into()), RemoteAddr(remote_address.into()), Scheme::HTTP);
                let response: hyper::Response<_> = app.get_response(request.into()).await.into();
                Ok::<_, Infallible>(response.map(|body| TrackedBody::new(body, in_flight)))
            }
        });
        // hyper's own limit for the request head starts when the previous response ends, which would make it a limit
        // for idle connections, too. Ours are separate.
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(None)
            .max_header_size(HEAD_BYTES)
            .keep_alive(!is_reserve)
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
                () = place.close.notified() => {
                    tracing::debug!(%remote_address, "connection closed: others need the place");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_errors_of_one_connection_are_passed_over() {
        assert!(concerns_one_connection(&io::ErrorKind::ConnectionAborted.into()));
        let too_many_open_files = io::Error::from_raw_os_error(24);
        assert!(!concerns_one_connection(&too_many_open_files));
    }
}
