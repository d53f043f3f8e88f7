//! The memory that request bodies take, all together, from their first byte until the request is answered.
//!
//! A body grows as its bytes arrive, so what a client announces and does not send costs nothing. A network may take as much
//! as is left for the others: one alone half of the memory, two a third each. When a body finds no room, the slowest of those
//! that are still arriving is given up.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{sync::Notify, time::Instant};

use crate::access::network::Network;

/// A body that is at most this long is not held against what others of its network take.
const SHORT: usize = 16 * 1024;

/// The memory for request bodies. Cloned cheaply: all clones are the same memory.
#[derive(Clone, Debug)]
pub struct BodyMemory(Arc<Mutex<Ledger>>);

#[derive(Debug)]
struct Ledger {
    limit: usize,
    taken: usize,
    by_network: HashMap<Network, usize>,
    /// Those that are arriving or kept, but not those that were given up.
    bodies: HashMap<u64, Held>,
    next_id: u64,
}

#[derive(Debug)]
struct Held {
    network: Network,
    bytes: usize,
    since: Instant,
    is_complete: bool,
    given_up: Arc<Notify>,
}

/// There is no room for the body, and no slower one to give up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom;

/// The memory of one body; free again when it is dropped.
#[derive(Debug)]
pub struct Reservation {
    memory: BodyMemory,
    id: u64,
    given_up: Arc<Notify>,
}

impl BodyMemory {
    /// Room for so many bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        let (by_network, bodies) = (HashMap::new(), HashMap::new());
        Self(Arc::new(Mutex::new(Ledger { limit, taken: 0, by_network, bodies, next_id: 0 })))
    }

    /// Bytes that are taken.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.ledger().taken
    }

    /// The memory of a body of which nothing has arrived yet.
    #[must_use]
    pub fn begin(&self, network: Network) -> Reservation {
        let mut ledger = self.ledger();
        let (id, given_up) = (ledger.next_id, Arc::new(Notify::new()));
        ledger.next_id += 1;
        let since = Instant::now();
        ledger
            .bodies
            .insert(id, Held { network, bytes: 0, since, is_complete: false, given_up: Arc::clone(&given_up) });
        drop(ledger);
        Reservation { memory: self.clone(), id, given_up }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reservation {
    /// Takes the memory for a body that is `bytes` long by now, 0 for one that is not kept.
    ///
    /// # Errors
    /// When there is no room for it, or it was given up for others.
    pub fn resize(&self, bytes: usize) -> Result<(), NoRoom> {
        let mut ledger = self.memory.ledger();
        loop {
            let held = ledger.bodies.get(&self.id).ok_or(NoRoom)?;
            let Some(need) = ledger.need(held, bytes) else { break };
            let victim = ledger.slowest(need).filter(|victim| *victim != self.id).ok_or(NoRoom)?;
            if let Some(held) = ledger.remove(victim) {
                held.given_up.notify_one();
            }
        }
        ledger.set(self.id, bytes);
        Ok(())
    }

    /// The body has arrived: it is kept until its request is answered.
    pub fn complete(&self) {
        if let Some(held) = self.memory.ledger().bodies.get_mut(&self.id) {
            held.is_complete = true;
        }
    }

    /// Ready when the body was given up for others.
    pub async fn given_up(&self) {
        self.given_up.notified().await;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.memory.ledger().remove(self.id);
    }
}

/// Whose bodies are in the way of another one.
#[derive(Clone, Copy)]
enum Need {
    /// Those of its own network.
    OfNetwork(Network),
    /// Anybody's.
    OfAll,
}

impl Ledger {
    /// What is in the way of a body that is `bytes` long now; nothing if it fits.
    fn need(&self, held: &Held, bytes: usize) -> Option<Need> {
        if bytes <= held.bytes {
            return None;
        }
        let taken = self.taken - held.bytes + bytes;
        let own = self.of(held.network) - held.bytes + bytes;
        if taken > self.limit {
            Some(Need::OfAll)
        } else if bytes > SHORT && own > self.limit - taken {
            Some(Need::OfNetwork(held.network))
        } else {
            None
        }
    }

    fn of(&self, network: Network) -> usize {
        self.by_network.get(&network).copied().unwrap_or_default()
    }

    /// The body that has arrived at the lowest rate so far.
    fn slowest(&self, need: Need) -> Option<u64> {
        let concerns = |held: &Held| match need {
            Need::OfNetwork(network) => held.network == network,
            Need::OfAll => true,
        };
        let mut slowest: Option<(u64, u128, u128)> = None;
        // One that holds nothing would make no room.
        for (id, held) in self.bodies.iter().filter(|(_, held)| !held.is_complete && held.bytes > 0 && concerns(held)) {
            let (bytes, time) = (held.bytes as u128, held.since.elapsed().as_micros() + 1);
            if slowest.is_none_or(|(_, known_bytes, known_time)| bytes * known_time < known_bytes * time) {
                slowest = Some((*id, bytes, time));
            }
        }
        slowest.map(|(id, ..)| id)
    }

    fn set(&mut self, id: u64, bytes: usize) {
        let Some(held) = self.bodies.get_mut(&id) else { return };
        let (network, before) = (held.network, std::mem::replace(&mut held.bytes, bytes));
        self.taken = self.taken - before + bytes;
        let own = self.of(network) - before + bytes;
        if own == 0 {
            self.by_network.remove(&network);
        } else {
            self.by_network.insert(network, own);
        }
    }

    fn remove(&mut self, id: u64) -> Option<Held> {
        self.set(id, 0);
        self.bodies.remove(&id)
    }
}

#[cfg(test)]
mod tests {
    use std::{net::IpAddr, time::Duration};

    use tokio::time::advance;

    use super::*;

    const MIB: usize = 1024 * 1024;

    fn network(number: u32) -> Network {
        Network::of(IpAddr::V4(number.into()))
    }

    async fn is_given_up(body: &Reservation) -> bool {
        tokio::select! {
            biased;
            () = body.given_up() => true,
            () = std::future::ready(()) => false,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_slowest_body_goes_first() {
        let memory = BodyMemory::new(4 * MIB);
        let slow = memory.begin(network(1));
        slow.resize(100).expect("room");
        advance(Duration::from_secs(5)).await;
        let (fast, other) = (memory.begin(network(1)), memory.begin(network(2)));
        fast.resize(MIB).expect("room");
        advance(Duration::from_secs(1)).await;
        other.resize(MIB).expect("room");
        fast.resize(2 * MIB).expect_err("as much is for others, and what is slow makes too little room");
        assert_eq!((is_given_up(&slow).await, is_given_up(&other).await), (true, false));
        assert_eq!(slow.resize(200), Err(NoRoom), "what was given up stays so");
        assert_eq!(memory.taken(), 2 * MIB);
        drop((slow, fast, other));
        assert_eq!(memory.taken(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn one_network_leaves_as_much_as_it_takes_and_short_bodies_always_fit() {
        let memory = BodyMemory::new(8 * MIB);
        let kept: Vec<Reservation> = (0..4)
            .map(|_| {
                let body = memory.begin(network(1));
                body.resize(MIB).expect("room");
                body.complete();
                body
            })
            .collect();
        let more = memory.begin(network(1));
        assert_eq!(more.resize(MIB), Err(NoRoom));
        more.resize(SHORT).expect("room");
        let other = memory.begin(network(2));
        other.resize(MIB).expect("room for another network");
        for body in &kept {
            assert!(!is_given_up(body).await, "what has arrived is kept");
        }
        drop(kept);
        more.resize(MIB).expect("room again");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_kept_gives_its_memory_back() {
        let memory = BodyMemory::new(MIB);
        let body = memory.begin(network(1));
        body.resize(MIB / 2).expect("room");
        body.resize(0).expect("less");
        assert_eq!(memory.taken(), 0);
        body.resize(1_000).expect("room");
        assert_eq!(memory.taken(), 1_000);
    }
}
