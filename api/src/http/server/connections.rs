//! Which connections are open, and which of them makes room when there are too many.
//!
//! Each network has a share of its own, so that one address cannot take all places. When the places run out, the connection
//! that has been silent longest is closed, of the network that has most. Where none can be closed, a few connections more
//! are taken in for a moment, on which the process only tells whether it is alive.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{sync::Notify, time::Instant};

use super::progress::{Phase, Progress};
use crate::access::network::Network;

/// How many connections may be open.
#[derive(Clone, Copy, Debug)]
pub struct Places {
    /// All together.
    pub total: usize,
    /// Of one network; 0 sets no limit.
    pub network: usize,
    /// Beyond these, for those who ask whether the process is alive.
    pub reserve: usize,
}

/// The connections of a server. Cloned cheaply: all clones are the same.
#[derive(Clone, Debug)]
pub struct Connections(Arc<Mutex<Registry>>);

#[derive(Debug)]
struct Registry {
    places: Places,
    open: HashMap<u64, Open>,
    by_network: HashMap<Network, usize>,
    in_reserve: usize,
    next_id: u64,
    hung_up: u64,
}

#[derive(Debug)]
struct Open {
    network: Network,
    progress: Progress,
    close: Arc<Notify>,
    is_reserve: bool,
}

/// The place of one connection; free again when it is dropped.
#[derive(Debug)]
pub struct Place {
    /// Where it belongs.
    pub connections: Connections,
    id: u64,
    /// Told when the connection has to make room.
    pub close: Arc<Notify>,
    /// Whether only questions after the health of the process are answered on it.
    pub is_reserve: bool,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.registry().remove(self.id);
    }
}

impl Connections {
    /// None is open yet.
    #[must_use]
    pub fn new(places: Places) -> Self {
        Self(Arc::new(Mutex::new(Registry {
            places,
            open: HashMap::new(),
            by_network: HashMap::new(),
            in_reserve: 0,
            next_id: 0,
            hung_up: 0,
        })))
    }

    /// How many are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.registry().open.len()
    }

    /// How many clients hung up before anybody looked at their request.
    #[must_use]
    pub fn hung_up(&self) -> u64 {
        self.registry().hung_up
    }

    /// One more.
    pub fn count_hung_up(&self) {
        self.registry().hung_up += 1;
    }

    /// A place for a new connection; nothing when there is none, not even in the reserve.
    pub fn admit(&self, network: Network, progress: &Progress) -> Option<Place> {
        let mut registry = self.registry();
        let is_reserve = !registry.make_room(network);
        if is_reserve && registry.in_reserve >= registry.places.reserve && !registry.make_room_in_reserve() {
            return None;
        }
        let (id, close) = (registry.next_id, Arc::new(Notify::new()));
        registry.next_id += 1;
        registry.open.insert(id, Open { network, progress: progress.clone(), close: Arc::clone(&close), is_reserve });
        if is_reserve {
            registry.in_reserve += 1;
        } else {
            *registry.by_network.entry(network).or_default() += 1;
        }
        drop(registry);
        Some(Place { connections: self.clone(), id, close, is_reserve })
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registry {
    fn of(&self, network: Network) -> usize {
        self.by_network.get(&network).copied().unwrap_or_default()
    }

    /// Sees to it that there is a place for one more connection of this network.
    fn make_room(&mut self, network: Network) -> bool {
        let Places { total, network: share, .. } = self.places;
        let own = self.of(network);
        if share > 0 && own >= share && !self.close_silent(|open| open.network == network) {
            return false;
        }
        if self.open.len() - self.in_reserve < total {
            return true;
        }
        let mut networks: Vec<(usize, Network)> =
            self.by_network.iter().map(|(network, open)| (*open, *network)).collect();
        networks.sort_unstable_by_key(|(open, _)| std::cmp::Reverse(*open));
        if networks.iter().any(|(_, network)| self.close_silent(|open| open.network == *network)) {
            return true;
        }
        // Where each network has a share, one that uses much of it gives way to one that uses little, even in the middle of
        // an answer.
        match networks.first() {
            Some((most, largest)) if share > 0 && *most > own + 1 => self.close_first(|open| open.network == *largest),
            _ => false,
        }
    }

    fn make_room_in_reserve(&mut self) -> bool {
        self.close(|open, phase| open.is_reserve && phase != Phase::InFlight)
    }

    /// Closes the connection that has been silent longest, of those that are not being answered.
    fn close_silent(&mut self, which: impl Fn(&Open) -> bool) -> bool {
        self.close(|open, phase| !open.is_reserve && phase != Phase::InFlight && which(open))
    }

    /// Closes the connection whose answer has taken longest.
    fn close_first(&mut self, which: impl Fn(&Open) -> bool) -> bool {
        self.close(|open, _| !open.is_reserve && which(open))
    }

    fn close(&mut self, which: impl Fn(&Open, Phase) -> bool) -> bool {
        let oldest = |found: Option<(Instant, u64)>, (id, open): (&u64, &Open)| {
            let (phase, since) = open.progress.get();
            if which(open, phase) && found.is_none_or(|(oldest, _)| since < oldest) {
                Some((since, *id))
            } else {
                found
            }
        };
        let Some((_, id)) = self.open.iter().fold(None, oldest) else { return false };
        if let Some(open) = self.remove(id) {
            open.close.notify_one();
        }
        true
    }

    fn remove(&mut self, id: u64) -> Option<Open> {
        let open = self.open.remove(&id)?;
        if open.is_reserve {
            self.in_reserve -= 1;
        } else if let Some(count) = self.by_network.get_mut(&open.network) {
            *count -= 1;
            if *count == 0 {
                self.by_network.remove(&open.network);
            }
        }
        Some(open)
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn network(number: u32) -> Network {
        Network::of(IpAddr::V4(number.into()))
    }

    /// A connection in this phase.
    fn admit(connections: &Connections, network: Network, phase: Phase) -> Option<Place> {
        let progress = Progress::new();
        progress.set(phase);
        connections.admit(network, &progress)
    }

    async fn is_closed(place: &Place) -> bool {
        tokio::select! {
            biased;
            () = place.close.notified() => true,
            () = std::future::ready(()) => false,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_network_beyond_its_share_loses_the_connection_that_is_silent_longest() {
        let connections = Connections::new(Places { total: 10, network: 3, reserve: 2 });
        let mut places = Vec::new();
        for phase in [Phase::InFlight, Phase::Idle, Phase::Idle, Phase::Head] {
            places.push(admit(&connections, network(1), phase).expect("a place"));
            tokio::time::advance(std::time::Duration::from_secs(1)).await;
        }
        let other = admit(&connections, network(2), Phase::Idle).expect("a place");
        assert!(places.iter().chain([&other]).all(|place| !place.is_reserve));
        let mut closed = Vec::new();
        for place in &places {
            closed.push(is_closed(place).await);
        }
        assert_eq!((closed, is_closed(&other).await), (vec![false, true, false, false], false));
        assert_eq!(connections.open(), 4);
        drop(places);
        assert_eq!(connections.open(), 1, "what was closed is not counted twice");
    }

    #[tokio::test(start_paused = true)]
    async fn when_places_run_out_the_largest_network_makes_room() {
        let connections = Connections::new(Places { total: 4, network: 3, reserve: 1 });
        let small = admit(&connections, network(1), Phase::Idle).expect("a place");
        let mut large = Vec::new();
        for _ in 0..3 {
            tokio::time::advance(std::time::Duration::from_secs(1)).await;
            large.push(admit(&connections, network(2), Phase::Idle).expect("a place"));
        }
        let new = admit(&connections, network(3), Phase::New).expect("a place");
        assert!(!new.is_reserve && is_closed(&large[0]).await && !is_closed(&small).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_network_that_keeps_all_places_busy_gives_way_and_one_that_does_not_is_spared() {
        let connections = Connections::new(Places { total: 4, network: 4, reserve: 1 });
        let mut busy = Vec::new();
        for _ in 0..4 {
            busy.push(admit(&connections, network(1), Phase::InFlight).expect("a place"));
            tokio::time::advance(std::time::Duration::from_secs(1)).await;
        }
        let other = admit(&connections, network(2), Phase::InFlight).expect("a place");
        assert!(!other.is_reserve && is_closed(&busy[0]).await && !is_closed(&busy[1]).await);
        assert_eq!(connections.open(), 4);
        let own = admit(&connections, network(1), Phase::New).expect("a place in the reserve");
        assert!(own.is_reserve, "it does not cut off its own answers");
        assert!(!is_closed(&other).await);
    }

    #[tokio::test(start_paused = true)]
    async fn without_shares_answers_are_not_cut_off_and_the_reserve_stays_reachable() {
        let connections = Connections::new(Places { total: 2, network: 0, reserve: 2 });
        let busy: Vec<Place> =
            (0..2).map(|_| admit(&connections, network(1), Phase::InFlight).expect("a place")).collect();
        let silent: Vec<Place> =
            (0..2).map(|_| admit(&connections, network(1), Phase::New).expect("a place")).collect();
        assert!(silent.iter().all(|place| place.is_reserve));
        let probe = admit(&connections, network(2), Phase::InFlight).expect("a place");
        assert!(probe.is_reserve);
        let mut closed = 0;
        for place in busy.iter().chain(&silent) {
            closed += usize::from(is_closed(place).await);
        }
        assert_eq!(closed, 1, "one that was silent in the reserve");
        drop(busy);
        assert!(!admit(&connections, network(1), Phase::New).expect("a place").is_reserve, "places are free again");
    }
}
