//! The states of one category and year, one after the other. What was counted goes in, what may be shown comes out.
//!
//! A history remembers of what was counted only what the next state is held against. None of it leaves this file but
//! through [`disclosure`](crate::figures::disclosure).

use std::{fmt, sync::Arc};

use entities::DisclosurePolicy;
use imbl::Vector;

use super::{Event, Origin, SheetKey, What};
use crate::figures::{
    disclosure::Discloser,
    year_sheet::{Withheld, YearSheet},
};

/// What became of the figures of one category and year. Cloning it costs little, however long it is.
#[derive(Clone)]
pub(super) struct History {
    events: Vector<Arc<Event>>,
    discloser: Discloser,
}

/// Only its events: true counts are among the rest.
impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History").field("events", &self.events).finish_non_exhaustive()
    }
}

impl History {
    /// Before anything was published.
    pub(super) fn new(policy: DisclosurePolicy) -> Self {
        Self { events: Vector::new(), discloser: Discloser::new(policy) }
    }

    /// Everything that happened, in order.
    pub(super) const fn events(&self) -> &Vector<Arc<Event>> {
        &self.events
    }

    /// What is withheld of all its states, with what later states are held against.
    pub(super) fn withheld(&self) -> Option<Withheld> {
        self.discloser.withheld()
    }

    /// Takes what was counted, or that it was withdrawn, and tells what became public by that.
    pub(super) fn next(&mut self, origin: Origin, key: SheetKey, counted: Option<YearSheet>) -> Arc<Event> {
        let shown = counted.map(|sheet| self.discloser.next(&sheet));
        let event = Arc::new(origin.event(What::Sheet(key, shown)));
        self.events.push_back(Arc::clone(&event));
        event
    }
}
