//! Which figures changed since they were first shown. What is compared is what was shown: a mark on a figure that rounds
//! to the same as before, or on a total that was withheld in between, would tell of true counts. Those who may read true
//! counts are told by marks of their own.

use entities::{Count, CountryCode};
use imbl::OrdMap;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use super::{Figure, Sheet};
use crate::figures::year_sheet::YearSheet;

/// What was shown of each figure last, and whether it was ever shown with another value.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct Marks {
    total: Option<Mark>,
    // Most of a correction is as it was, and costs nothing here.
    countries: OrdMap<CountryCode, Mark>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    last: Count,
    is_revised: bool,
}

impl Mark {
    fn after(before: Option<&Self>, value: Count) -> Self {
        let is_revised = before.is_some_and(|before| before.is_revised || before.last != value);
        Self { last: value, is_revised }
    }

    fn put_on(self, figure: &mut Arc<Figure>) {
        if self.is_revised {
            let figure = Arc::make_mut(figure);
            figure.observation = figure.observation.revised();
        }
    }
}

impl Marks {
    /// Marks the figures of a state as they were counted.
    pub(super) fn note(&mut self, sheet: &YearSheet) {
        for (country, cell) in &sheet.counts {
            if let Some(value) = cell.observation.value() {
                self.country(country, value);
            }
        }
        if let Some(total) = &sheet.total {
            self.total(total.value());
        }
    }

    /// Marks what is revised in the next state. A figure without a shown value says nothing, and is not remembered.
    pub(super) fn put_on(&mut self, sheet: &mut Sheet) {
        for (country, figure) in &mut sheet.counts {
            let Some(value) = figure.value() else { continue };
            self.country(country, value).put_on(figure);
        }
        if let Some((figure, value)) =
            sheet.total.as_mut().and_then(|figure| figure.value().map(|value| (figure, value)))
        {
            self.total(value).put_on(figure);
        }
    }

    fn country(&mut self, country: &CountryCode, value: Count) -> Mark {
        let before = self.countries.get(country);
        let mark = Mark::after(before, value);
        if before != Some(&mark) {
            self.countries.insert(country.clone(), mark);
        }
        mark
    }

    fn total(&mut self, value: Count) -> Mark {
        let mark = Mark::after(self.total.as_ref(), value);
        self.total = Some(mark);
        mark
    }
}
