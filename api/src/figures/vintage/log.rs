//! Everything that became public, in order, and what was public after any part of it. Two states of the log share all
//! that they have in common, so neither keeping many nor adding to one copies what was there.

use std::{cmp::Ordering, sync::Arc};

use chrono::{DateTime, Utc};
use imbl::Vector;

use super::{Contents, Event};

/// After how many events what is public then is kept, so that no more than these are gone through again.
const STRIDE: usize = 128;

/// Events, and what was public after them.
#[derive(Clone, Debug, Default)]
pub(super) struct Log {
    entries: Vector<Entry>,
    /// What was public after each [`STRIDE`] events.
    states: Vector<Contents>,
    latest: Contents,
}

#[derive(Clone, Debug)]
struct Entry {
    event: Arc<Event>,
    /// The latest moment up to here. Clocks of several processes differ, so the moments alone may go back.
    latest: DateTime<Utc>,
}

impl Log {
    /// Adds what happened next.
    pub(super) fn push(&mut self, event: Arc<Event>) {
        let latest = self.entries.last().map_or(event.at, |last| last.latest.max(event.at));
        self.latest.apply(&event);
        self.entries.push_back(Entry { event, latest });
        if self.entries.len().is_multiple_of(STRIDE) {
            self.states.push_back(self.latest.clone());
        }
    }

    /// All events, in order.
    pub(super) fn events(&self) -> impl Iterator<Item = &Event> {
        self.entries.iter().map(|entry| entry.event.as_ref())
    }

    /// The newest change that is told of; 0 when there is none.
    pub(super) fn seq(&self) -> i64 {
        self.entries.last().map_or(0, |last| last.event.seq)
    }

    /// How many events there are before the first one that is later than a moment.
    pub(super) fn until(&self, moment: DateTime<Utc>) -> usize {
        let side = |entry: &Entry| if entry.latest <= moment { Ordering::Less } else { Ordering::Greater };
        self.entries.binary_search_by(side).unwrap_or_else(|place| place)
    }

    /// What was public after so many events.
    pub(super) fn after(&self, events: usize) -> Contents {
        if events >= self.entries.len() {
            return self.latest.clone();
        }
        let kept = events / STRIDE;
        let mut contents = kept.checked_sub(1).and_then(|index| self.states.get(index)).cloned().unwrap_or_default();
        for index in kept * STRIDE..events {
            if let Some(entry) = self.entries.get(index) {
                contents.apply(&entry.event);
            }
        }
        contents
    }
}
