//! Memory for response bodies, from the moment they are written until they are sent: bounded for one response
//! (`--max-response-bytes`) and for all of them together, whatever a request was thought to cost.
//!
//! A body that outgrows `UNCOUNTED` bytes reserves memory as it grows, and gives it back when the last reference to its
//! bytes is dropped: when a slow client has taken them all, or has hung up.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;

use crate::{compute_pool::Cancellation, error::Error};

/// A body up to this size is not counted: there are no more of them than connections.
const UNCOUNTED: usize = 64 * 1024;
/// Memory is reserved in steps of this size.
const STEP: usize = 256 * 1024;
/// How many of the largest responses fit into memory at once, beside those that the cache keeps.
const LARGEST_AT_ONCE: usize = 2;

/// Why a response is not written to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// It is longer than a response may be.
    TooLong,
    /// It has more fields or bytes than its operation may cost.
    TooExpensive,
    /// Too much memory is taken by other responses. It may succeed when those are sent.
    OutOfMemory,
    /// Its client has hung up.
    Abandoned,
}

impl Overflow {
    /// What the client is told who asked for the response.
    #[must_use]
    pub fn error(self, memory: &ResponseMemory) -> Error {
        match self {
            Self::TooLong | Self::TooExpensive => Error::ResponseTooLong { max: memory.max_response },
            Self::OutOfMemory => Error::Overloaded,
            // Nobody reads it.
            Self::Abandoned => Error::internal("the client has hung up"),
        }
    }
}

/// What response bodies take, and what they may take.
#[derive(Debug)]
pub struct ResponseMemory {
    max_response: usize,
    capacity: usize,
    reserved: AtomicUsize,
}

impl ResponseMemory {
    /// Memory for responses of at most `max_response` bytes each, of which a cache keeps some of `cached` bytes together.
    #[must_use]
    pub fn new(max_response: u64, cached: u64) -> Self {
        let bytes = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let max_response = bytes(max_response);
        let capacity = max_response.saturating_mul(LARGEST_AT_ONCE).saturating_add(bytes(cached));
        Self { max_response, capacity, reserved: AtomicUsize::new(0) }
    }

    /// The longest response, in bytes.
    #[must_use]
    pub const fn max_response(&self) -> usize {
        self.max_response
    }

    /// Bytes that are reserved now.
    #[must_use]
    pub fn reserved(&self) -> usize {
        self.reserved.load(Ordering::Relaxed)
    }
}

/// The memory of one response. It is given back when this is dropped.
#[derive(Debug)]
pub struct Reservation {
    memory: Arc<ResponseMemory>,
    bytes: usize,
}

impl Reservation {
    /// Nothing yet.
    #[must_use]
    pub fn new(memory: &Arc<ResponseMemory>) -> Self {
        Self { memory: Arc::clone(memory), bytes: 0 }
    }

    /// What it is a part of.
    #[must_use]
    pub const fn memory(&self) -> &Arc<ResponseMemory> {
        &self.memory
    }

    /// Reserves memory for a body of this length, and returns the length up to which there is some now.
    ///
    /// # Errors
    /// When a response may not be that long, or there is no memory for it.
    pub fn extend(&mut self, length: usize) -> Result<usize, Overflow> {
        if length > self.memory.max_response {
            return Err(Overflow::TooLong);
        }
        self.reserve(length).map(|room| room.min(self.memory.max_response))
    }

    /// Reserves this much memory for what a response is made of, and returns how much there is now.
    ///
    /// # Errors
    /// When there is none, or there will never be so much.
    pub fn reserve(&mut self, bytes: usize) -> Result<usize, Overflow> {
        if bytes <= self.bytes.max(UNCOUNTED) {
            return Ok(self.bytes.max(UNCOUNTED));
        }
        if bytes > self.memory.capacity {
            return Err(Overflow::TooLong);
        }
        let wanted = bytes.checked_next_multiple_of(STEP).ok_or(Overflow::TooLong)?.min(self.memory.capacity);
        let (memory, more) = (&self.memory, wanted - self.bytes);
        let take = |reserved: usize| reserved.checked_add(more).filter(|sum| *sum <= memory.capacity);
        memory.reserved.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).map_err(|_| Overflow::OutOfMemory)?;
        self.bytes = wanted;
        Ok(wanted)
    }

    /// Gives the memory back before this is dropped.
    pub fn release(&mut self) {
        self.memory.reserved.fetch_sub(self.bytes, Ordering::Relaxed);
        self.bytes = 0;
    }

    /// These bytes, with whose last reference the memory is given back.
    #[must_use]
    pub fn attach(self, body: Vec<u8>) -> Bytes {
        if self.bytes == 0 { body.into() } else { Bytes::from_owner(Held { body, _reservation: self }) }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.release();
    }
}

/// A body that is bounded while it is written, and that nobody writes on when its client has hung up. Flushing it asks
/// whether it takes more.
#[derive(Debug)]
pub struct BodyWriter {
    body: Vec<u8>,
    room: usize,
    reservation: Reservation,
    /// The memory that it is made in.
    workspace: Reservation,
    worked_in: usize,
    cancellation: Cancellation,
    overflow: Option<Overflow>,
}

impl BodyWriter {
    /// An empty body, for whoever this tells of.
    #[must_use]
    pub fn new(memory: &Arc<ResponseMemory>, cancellation: &Cancellation) -> Self {
        let (reservation, workspace) = (Reservation::new(memory), Reservation::new(memory));
        let cancellation = cancellation.clone();
        Self { body: Vec::new(), room: 0, reservation, workspace, worked_in: 0, cancellation, overflow: None }
    }

    /// Reserves this much more memory for what the body is made of, until it is finished.
    ///
    /// # Errors
    /// When there is none, which [`BodyWriter::finish`] tells, too.
    pub fn reserve_workspace(&mut self, bytes: usize) -> io::Result<()> {
        self.worked_in = self.worked_in.saturating_add(bytes);
        let reserved = self.workspace.reserve(self.worked_in).map(drop);
        self.goes_on(reserved)
    }

    /// Nothing, as long as the body takes more.
    fn goes_on(&mut self, found: Result<(), Overflow>) -> io::Result<()> {
        let found = if self.cancellation.is_cancelled() { Err(Overflow::Abandoned) } else { found };
        self.overflow = self.overflow.or(found.err());
        match self.overflow {
            None => Ok(()),
            Some(_) => {
                // What was written is of no use, and gives its memory back at once.
                self.body = Vec::new();
                self.room = 0;
                self.reservation.release();
                self.workspace.release();
                Err(io::ErrorKind::FileTooLarge.into())
            }
        }
    }

    /// What was written.
    ///
    /// # Errors
    /// When there was more than there is room for.
    pub fn finish(self) -> Result<Bytes, Overflow> {
        match self.overflow {
            Some(overflow) => Err(overflow),
            None => Ok(self.reservation.attach(self.body)),
        }
    }
}

impl io::Write for BodyWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.body.len().saturating_add(bytes.len());
        let extended = match self.overflow {
            None if length > self.room => self.reservation.extend(length).map(|room| self.room = room),
            _ => Ok(()),
        };
        self.goes_on(extended)?;
        self.body.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.goes_on(Ok(()))
    }
}

struct Held {
    body: Vec<u8>,
    _reservation: Reservation,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn write(memory: &Arc<ResponseMemory>, length: usize) -> Result<Bytes, Overflow> {
        let mut body = BodyWriter::new(memory, &Cancellation::default());
        // Why it was not taken is told when it is finished.
        let _ = body.write_all(&vec![b'1'; length]);
        body.finish()
    }

    #[test]
    fn memory_is_given_back_with_the_last_reference_to_a_body() {
        let memory = Arc::new(ResponseMemory::new(1_000_000, 0));
        let body = write(&memory, 900_000).unwrap();
        let sending = body.slice(100..);
        drop(body);
        assert!(memory.reserved() >= 900_000);
        assert_eq!(write(&memory, 1_000_000).map(|body| body.len()), Err(Overflow::OutOfMemory));
        drop(sending);
        assert_eq!(memory.reserved(), 0);
        assert_eq!(write(&memory, 1_000_000).map(|body| body.len()), Ok(1_000_000));
        assert_eq!(write(&memory, 1_000_001).map(|body| body.len()), Err(Overflow::TooLong));
        assert_eq!(memory.reserved(), 0);
    }

    #[test]
    fn a_body_takes_no_more_when_its_client_hangs_up_and_gives_its_memory_back_at_once() {
        let memory = Arc::new(ResponseMemory::new(1_000_000, 0));
        let cancellation = Cancellation::default();
        let mut body = BodyWriter::new(&memory, &cancellation);
        body.reserve_workspace(500_000).unwrap();
        body.write_all(&vec![b'1'; 100_000]).unwrap();
        body.flush().unwrap();
        assert!(memory.reserved() >= 600_000);
        cancellation.cancel();
        assert!(body.flush().is_err() && body.write_all(b"1").is_err());
        assert_eq!(memory.reserved(), 0);
        assert_eq!(body.finish(), Err(Overflow::Abandoned));
    }

    #[test]
    fn what_a_body_is_made_of_has_an_end_and_is_counted_until_the_body_is_finished() {
        let memory = Arc::new(ResponseMemory::new(1_000_000, 0));
        let mut body = BodyWriter::new(&memory, &Cancellation::default());
        body.reserve_workspace(1_000_000).unwrap();
        body.reserve_workspace(900_000).unwrap();
        let mut other = BodyWriter::new(&memory, &Cancellation::default());
        assert!(other.reserve_workspace(300_000).is_err());
        assert_eq!(other.finish(), Err(Overflow::OutOfMemory), "there may be room for it later");
        assert_eq!(body.finish().map(|body| body.len()), Ok(0));
        assert_eq!(memory.reserved(), 0);
        let mut body = BodyWriter::new(&memory, &Cancellation::default());
        assert!(body.reserve_workspace(2_000_001).is_err());
        assert_eq!(body.finish(), Err(Overflow::TooLong), "there will never be room for it");
    }

    #[test]
    fn small_bodies_are_not_counted() {
        let memory = Arc::new(ResponseMemory::new(100_000, 0));
        let bodies: Vec<_> = (0..100).map(|_| write(&memory, UNCOUNTED).unwrap()).collect();
        assert_eq!((bodies.len(), memory.reserved()), (100, 0));
    }
}
