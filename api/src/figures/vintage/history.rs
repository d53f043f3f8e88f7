//! The states of one category and year, one after the other. What was counted goes in, what may be shown comes out.
//!
//! A history remembers of what was counted only what the next state is held against. None of it leaves this file but
//! through [`disclosure`](crate::figures::disclosure).

use std::{fmt, sync::Arc};

use entities::{Count, CountryCode, DisclosurePolicy};
use imbl::{OrdMap, Vector};

use super::{Event, Origin, SheetKey, What};
use crate::figures::{
    disclosure::Discloser,
    year_sheet::{Withheld, YearSheet},
};

/// What became of the figures of one category and year. Cloning it costs little, however long it is.
#[derive(Clone)]
pub(super) struct History {
    events: Vector<Arc<Event>>,
    marks: Marks,
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
        Self { events: Vector::new(), marks: Marks::default(), discloser: Discloser::new(policy) }
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
        let shown = counted.map(|mut sheet| {
            self.marks.put_on(&mut sheet);
            self.discloser.next(&sheet)
        });
        let event = Arc::new(origin.event(What::Sheet(key, shown)));
        self.events.push_back(Arc::clone(&event));
        event
    }
}

/// Which figures were published with different values. A figure is revised from the moment on at which it is published
/// with another value than before.
#[derive(Clone, Default)]
struct Marks {
    total: Option<Mark>,
    // Most of a correction is as it was, and costs nothing here.
    countries: OrdMap<CountryCode, Mark>,
}

/// What was published of a figure.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Mark {
    last: Count,
    is_revised: bool,
}

impl Mark {
    fn after(before: Option<&Self>, value: Count) -> Self {
        let is_revised = before.is_some_and(|before| before.is_revised || before.last != value);
        Self { last: value, is_revised }
    }
}

impl Marks {
    /// Marks what is revised in the next state.
    fn put_on(&mut self, sheet: &mut YearSheet) {
        for (country, cell) in &mut sheet.counts {
            let Some(value) = cell.observation.value() else { continue };
            let before = self.countries.get(country);
            let mark = Mark::after(before, value);
            if before != Some(&mark) {
                self.countries.insert(country.clone(), mark);
            }
            if mark.is_revised {
                cell.observation = cell.observation.revised();
            }
        }
        if let Some(total) = &mut sheet.total {
            let mark = Mark::after(self.total.as_ref(), total.value());
            self.total = Some(mark);
            if mark.is_revised {
                total.revise();
            }
        }
    }
}
