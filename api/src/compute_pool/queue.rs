//! A queue that is fair to clients: they take turns, however much each of them has put in.
//!
//! The total and the part of one client are bounded. When the total is reached, the client with the longest part gives up
//! its newest entry to a client with a shorter part, so that no client can keep the others out by filling the queue.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
};

/// The queue. It knows nothing of what waits in it.
#[derive(Debug)]
pub struct FairQueue<K, T> {
    parts: HashMap<K, VecDeque<(u64, T)>>,
    /// The clients that have something in the queue, in the order of their turns.
    turns: VecDeque<K>,
    len: usize,
    next_id: u64,
    bounds: Bounds,
}

/// How much may wait.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Entries of one client.
    pub client: usize,
    /// Entries of all clients.
    pub total: usize,
}

impl<K: Clone + Eq + Hash, T> FairQueue<K, T> {
    /// An empty queue.
    pub fn new(bounds: Bounds) -> Self {
        Self { parts: HashMap::new(), turns: VecDeque::new(), len: 0, next_id: 0, bounds }
    }

    /// Entries of all clients.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Puts an entry in, and returns its id; nothing if there is no room for it. An entry of another client that had to
    /// make room is dropped.
    pub fn push(&mut self, client: &K, entry: T) -> Option<u64> {
        let own = self.parts.get(client).map_or(0, VecDeque::len);
        if own >= self.bounds.client || (self.len >= self.bounds.total && !self.make_room(own)) {
            return None;
        }
        let id = self.next_id;
        self.next_id += 1;
        self.len += 1;
        let part = self.parts.entry(client.clone()).or_default();
        if part.is_empty() {
            self.turns.push_back(client.clone());
        }
        part.push_back((id, entry));
        Some(id)
    }

    /// Takes the oldest entry of the client whose turn it is.
    pub fn pop(&mut self) -> Option<T> {
        let client = self.turns.pop_front()?;
        let part = self.parts.get_mut(&client)?;
        let (_, entry) = part.pop_front()?;
        self.len -= 1;
        if part.is_empty() {
            self.parts.remove(&client);
        } else {
            self.turns.push_back(client);
        }
        Some(entry)
    }

    /// Takes out an entry whose owner does not wait any more, if it is still there.
    pub fn remove(&mut self, client: &K, id: u64) -> Option<T> {
        let part = self.parts.get_mut(client)?;
        let place = part.iter().position(|(known, _)| *known == id)?;
        let (_, entry) = part.remove(place)?;
        let is_empty = part.is_empty();
        self.forget_if(is_empty, client);
        Some(entry)
    }

    /// Drops the newest entry of the client that has most, if it has more than another would have with one more than
    /// `own`.
    fn make_room(&mut self, own: usize) -> bool {
        let longest = self.parts.iter().max_by_key(|(_, part)| part.len());
        let Some(client) = longest.filter(|(_, part)| part.len() > own + 1).map(|(client, _)| client.clone()) else {
            return false;
        };
        let Some(part) = self.parts.get_mut(&client) else { return false };
        part.pop_back();
        let is_empty = part.is_empty();
        self.forget_if(is_empty, &client);
        true
    }

    fn forget_if(&mut self, is_empty: bool, client: &K) {
        self.len -= 1;
        if is_empty {
            self.parts.remove(client);
            self.turns.retain(|known| known != client);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(client: usize, total: usize) -> FairQueue<char, u32> {
        FairQueue::new(Bounds { client, total })
    }

    #[test]
    fn clients_take_turns_however_much_each_has_put_in() {
        let mut queue = queue(10, 20);
        for entry in [1, 2, 3, 4] {
            queue.push(&'a', entry).expect("room");
        }
        queue.push(&'b', 10).expect("room");
        queue.push(&'c', 20).expect("room");
        queue.push(&'b', 11).expect("room");
        let order: Vec<u32> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(order, [1, 10, 20, 2, 11, 3, 4]);
        assert_eq!((queue.len(), queue.parts.len(), queue.turns.len()), (0, 0, 0));
    }

    #[test]
    fn a_client_cannot_fill_the_queue_for_the_others() {
        let mut queue = queue(3, 4);
        assert_eq!([1, 2, 3, 4].map(|entry| queue.push(&'a', entry).is_some()), [true, true, true, false]);
        assert!(queue.push(&'b', 10).is_some());
        assert!(queue.push(&'c', 20).is_some(), "the newest of the client with the longest part makes room");
        assert!(queue.push(&'d', 30).is_some());
        assert!(queue.push(&'e', 40).is_none(), "no client has two more than it would");
        assert_eq!(queue.len(), 4);
        let order: Vec<u32> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(order, [1, 10, 20, 30]);
    }

    #[test]
    fn an_entry_that_is_taken_out_leaves_nothing_behind() {
        let mut queue = queue(3, 4);
        let first = queue.push(&'a', 1).expect("room");
        let second = queue.push(&'a', 2).expect("room");
        assert_eq!(queue.remove(&'a', first), Some(1));
        assert_eq!(queue.remove(&'a', first), None);
        assert_eq!(queue.remove(&'b', second), None);
        assert_eq!(queue.remove(&'a', second), Some(2));
        assert_eq!((queue.len(), queue.parts.len(), queue.turns.len()), (0, 0, 0));
        queue.push(&'a', 3).expect("room");
        assert_eq!((queue.pop(), queue.pop()), (Some(3), None));
    }
}
