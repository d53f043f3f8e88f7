//! What a connection is doing, as far as its bytes tell: for the time limits, and for who must make room.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use hyper::body::{Body, Frame, SizeHint};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep},
};

/// What a connection is doing, shared by the parts that find out.
#[derive(Clone, Debug)]
pub struct Progress(Arc<Mutex<(Phase, Instant)>>);

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
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
    /// Of a connection that was opened just now.
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new((Phase::New, Instant::now()))))
    }

    /// What the connection does, and since when.
    pub fn get(&self) -> (Phase, Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on it does this.
    pub fn set(&self, phase: Phase) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (phase, Instant::now());
    }

    /// Whether nothing has arrived.
    pub fn untouched(&self) -> bool {
        self.get().0 == Phase::New
    }

    /// A request head has arrived.
    pub fn begin_request(&self) -> InFlight {
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
    pub fn overdue(&self, header_timeout: Duration, idle_timeout: Duration) -> impl Future<Output = ()> {
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
pub struct InFlight(Progress);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.set(Phase::Idle);
    }
}

/// A response body that keeps its request in flight.
pub struct TrackedBody<B> {
    body: B,
    _in_flight: InFlight,
}

impl<B> TrackedBody<B> {
    /// The body of the response to this request.
    pub fn new(body: B, in_flight: InFlight) -> Self {
        Self { body, _in_flight: in_flight }
    }
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
pub struct TrackedStream {
    stream: TcpStream,
    progress: Progress,
}

impl TrackedStream {
    /// Reports to `progress`.
    pub fn new(stream: TcpStream, progress: Progress) -> Self {
        Self { stream, progress }
    }

    /// Sends every packet at once instead of waiting for more to send: a response is written in one go anyway.
    pub fn send_without_delay(&self) {
        if let Err(error) = self.stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY");
        }
    }
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
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn packets_are_sent_without_delay() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stream, _) = tokio::join!(listener.accept(), TcpStream::connect(address));
        let (stream, _) = stream.expect("a connection");
        let stream = TrackedStream::new(stream, Progress::new());
        stream.send_without_delay();
        assert!(stream.stream.nodelay().expect("a socket option"));
    }
}
