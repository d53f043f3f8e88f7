//! JSON on its way out, straight into the body of a response: counted and bounded while it is written.

use std::{io, sync::Arc};

use bytes::Bytes;

use super::{direct::Output, plan::Plan};
use crate::{
    compute_pool::Cancellation,
    delivery::response_memory::{Overflow, Reservation, ResponseMemory},
};

/// Bytes of a response of usual size.
const USUAL: usize = 16 * 1024;

/// What stands before a value in its object: `{"year":`, or `,"value":`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lead {
    /// At most as long as the room for it.
    Short {
        /// The bytes, and some more.
        bytes: [u8; SHORT],
        /// How many of them count.
        length: u8,
    },
    /// Longer.
    Long(Box<[u8]>),
}

/// Bytes that are copied at once.
const SHORT: usize = 16;

impl Lead {
    /// What stands before the value of this response key. It is a name, so nothing in it needs an escape.
    #[must_use]
    pub fn new(key: &str, is_first: bool) -> Self {
        let open: &[u8] = if is_first { b"{\"" } else { b",\"" };
        let parts = [open, key.as_bytes(), b"\":"];
        let mut bytes = [0; SHORT];
        match u8::try_from(key.len() + 4) {
            Ok(length) if usize::from(length) <= SHORT => {
                bytes.iter_mut().zip(parts.into_iter().flatten()).for_each(|(place, byte)| *place = *byte);
                Self::Short { bytes, length }
            }
            _ => Self::Long(parts.concat().into()),
        }
    }
}

/// Bytes of a response body that one point of cost stands for. A field is a point, or as many as it has bytes for.
pub const BYTES_PER_POINT: usize = 100;

/// JSON on its way out. It stops, and writes nothing more, when it gets longer or more expensive than a response may be;
/// what was written until then is of no use.
#[derive(Debug)]
pub struct Writer {
    bytes: Vec<u8>,
    /// The length up to which there is memory; 0 once it has stopped.
    room: usize,
    reservation: Reservation,
    fields: usize,
    max_cost: usize,
    overflow: Option<Overflow>,
    cancellation: Cancellation,
}

impl Writer {
    /// An empty one with room for a response of usual size, which may cost so many points.
    #[must_use]
    pub fn new(memory: &Arc<ResponseMemory>, max_cost: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(USUAL),
            room: USUAL,
            reservation: Reservation::new(memory),
            fields: 0,
            max_cost,
            overflow: None,
            cancellation: Cancellation::default(),
        }
    }

    /// The same, which stops when this tells it so.
    #[must_use]
    pub fn until(self, cancellation: &Cancellation) -> Self {
        Self { cancellation: cancellation.clone(), ..self }
    }

    /// What was written.
    ///
    /// # Errors
    /// When it has stopped.
    pub fn finish(mut self) -> Result<Bytes, Overflow> {
        self.goes_on();
        match self.overflow {
            Some(overflow) => Err(overflow),
            None => Ok(self.reservation.attach(self.bytes)),
        }
    }

    /// Why it has stopped, if it has.
    #[must_use]
    pub const fn overflow(&self) -> Option<Overflow> {
        self.overflow
    }

    /// What it costs so far, in points.
    #[must_use]
    pub fn cost(&self) -> usize {
        self.fields.max(self.bytes.len() / BYTES_PER_POINT)
    }

    /// Whether there is room for more.
    #[inline]
    fn goes_on(&mut self) -> bool {
        self.bytes.len() <= self.room || self.make_room()
    }

    /// Stops where nobody waits for more.
    fn stop_when_abandoned(&mut self) {
        if self.cancellation.is_cancelled() {
            self.stop(Overflow::Abandoned);
        }
    }

    #[cold]
    fn make_room(&mut self) -> bool {
        if self.overflow.is_some() {
            return false;
        }
        let room = if self.cost() > self.max_cost {
            Err(Overflow::TooExpensive)
        } else {
            self.reservation.extend(self.bytes.len())
        };
        match room {
            Ok(room) => self.room = room,
            Err(overflow) => self.stop(overflow),
        }
        self.overflow.is_none()
    }

    fn stop(&mut self, overflow: Overflow) {
        self.overflow.get_or_insert(overflow);
        // What was written gives its memory back at once. One byte is more than there is room for from now on.
        self.bytes = vec![b' '];
        self.room = 0;
        self.reservation.release();
    }

    /// Writes what stands before a value.
    pub fn lead(&mut self, lead: &Lead) {
        match lead {
            Lead::Short { bytes, length } => {
                // To copy a fixed number of bytes and drop some takes a fraction of copying any number.
                let end = self.bytes.len() + usize::from(*length);
                self.bytes.extend_from_slice(bytes);
                self.bytes.truncate(end);
            }
            Lead::Long(bytes) => self.raw(bytes),
        }
    }

    /// Writes something that is JSON already.
    pub fn raw(&mut self, json: &[u8]) {
        self.bytes.extend_from_slice(json);
    }

    /// Writes a string, in quotes and with escapes.
    pub fn string(&mut self, text: &str) {
        let bytes = text.as_bytes();
        self.bytes.push(b'"');
        // Most have nothing to escape, which is found out faster by looking at all of it at once.
        let is_special = |byte: u8| u8::from(byte < b' ') | u8::from(byte == b'"') | u8::from(byte == b'\\');
        if bytes.iter().fold(0, |found, byte| found | is_special(*byte)) == 0 {
            self.bytes.extend_from_slice(bytes);
            self.bytes.push(b'"');
            return;
        }
        let mut written = 0;
        for (index, byte) in bytes.iter().enumerate() {
            if *byte >= b' ' && *byte != b'"' && *byte != b'\\' {
                continue;
            }
            self.bytes.extend_from_slice(&bytes[written..index]);
            written = index + 1;
            match byte {
                b'"' => self.raw(br#"\""#),
                b'\\' => self.raw(br"\\"),
                b'\n' => self.raw(br"\n"),
                b'\r' => self.raw(br"\r"),
                b'\t' => self.raw(br"\t"),
                8 => self.raw(br"\b"),
                12 => self.raw(br"\f"),
                control => {
                    const HEX: &[u8; 16] = b"0123456789abcdef";
                    self.raw(br"\u00");
                    self.bytes.extend([HEX[usize::from(control >> 4)], HEX[usize::from(control & 15)]]);
                }
            }
        }
        self.bytes.extend_from_slice(&bytes[written..]);
        self.bytes.push(b'"');
    }

    /// Writes a whole number.
    pub fn integer(&mut self, number: i64) {
        let digit = |place: i64| b"0123456789"[usize::try_from(number / place % 10).unwrap_or_default()];
        match number {
            // Years and most counts: a known number of bytes is copied faster.
            0..10 => self.bytes.push(digit(1)),
            10..100 => self.bytes.extend_from_slice(&[digit(10), digit(1)]),
            100..1_000 => self.bytes.extend_from_slice(&[digit(100), digit(10), digit(1)]),
            1_000..10_000 => self.bytes.extend_from_slice(&[digit(1_000), digit(100), digit(10), digit(1)]),
            _ => self.raw(itoa::Buffer::new().format(number).as_bytes()),
        }
    }

    /// Writes the fields of an object of this type in the order of the plan.
    pub fn object(&mut self, type_name: &str, plan: &Plan, mut field: impl FnMut(u16, &Plan, &mut Self)) {
        self.fields += plan.steps().len();
        if self.fields > self.max_cost {
            self.stop(Overflow::TooExpensive);
            return;
        }
        for step in plan.steps() {
            self.lead(step.lead());
            match step.member() {
                Plan::TYPENAME => self.string(type_name),
                number => field(number, step.plan(), self),
            }
            if !self.goes_on() {
                return;
            }
        }
        if plan.steps().is_empty() {
            self.bytes.push(b'{');
        }
        self.bytes.push(b'}');
    }

    /// Writes a list.
    pub fn list<T: Output>(&mut self, items: impl IntoIterator<Item = T>, plan: &Plan) {
        let mut first = true;
        for item in items {
            self.bytes.push(if first { b'[' } else { b',' });
            first = false;
            item.write(plan, self);
            self.stop_when_abandoned();
            if !self.goes_on() {
                return;
            }
        }
        if first {
            self.bytes.push(b'[');
        }
        self.bytes.push(b']');
    }
}

impl io::Write for Writer {
    fn write(&mut self, json: &[u8]) -> io::Result<usize> {
        self.raw(json);
        if self.goes_on() { Ok(json.len()) } else { Err(io::ErrorKind::FileTooLarge.into()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_ends_with_the_item_at_which_the_client_hangs_up() {
        let memory = Arc::new(ResponseMemory::new(1_000_000, 0));
        let cancellation = Cancellation::default();
        let mut out = Writer::new(&memory, 10_000).until(&cancellation);
        let mut taken = 0;
        let items = (0..1_000_i64).inspect(|item| {
            taken += 1;
            if *item == 2 {
                cancellation.cancel();
            }
        });
        out.list(items, &Plan::default());
        assert_eq!((taken, out.finish()), (3, Err(Overflow::Abandoned)));
    }
}
