//! Which figures changed since they were first shown. What is compared is what was shown: a mark on a figure that rounds
//! to the same as before, or on a total that was withheld in between, would tell of true counts.

use entities::{Count, CountryCode};
use imbl::OrdMap;
use std::sync::Arc;

use super::{Figure, Sheet};

/// What was shown of each figure last, and whether it was ever shown with another value.
#[derive(Clone, Default)]
pub(super) struct Marks {
    total: Option<Mark>,
    // Most of a correction is as it was, and costs nothing here.
    countries: OrdMap<CountryCode, Mark>,
}

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

    fn put_on(self, figure: &mut Arc<Figure>) {
        if self.is_revised {
            let figure = Arc::make_mut(figure);
            figure.observation = figure.observation.revised();
        }
    }
}

impl Marks {
    /// Marks what is revised in the next state. A figure without a shown value says nothing, and is not remembered.
    pub(super) fn put_on(&mut self, sheet: &mut Sheet) {
        for (country, figure) in &mut sheet.counts {
            let Some(value) = figure.value() else { continue };
            let before = self.countries.get(country);
            let mark = Mark::after(before, value);
            if before != Some(&mark) {
                self.countries.insert(country.clone(), mark);
            }
            mark.put_on(figure);
        }
        if let Some((figure, value)) =
            sheet.total.as_mut().and_then(|figure| figure.value().map(|value| (figure, value)))
        {
            let mark = Mark::after(self.total.as_ref(), value);
            self.total = Some(mark);
            mark.put_on(figure);
        }
    }
}
