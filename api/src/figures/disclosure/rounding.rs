//! `ROUND`: every figure is rounded to a multiple of a base.
//!
//! A rounded count says that the count lies in an interval. A rounded total says the same of the sum of all counts, and near
//! the ends of what the sum can be at all that would narrow a count: of 0 to 4 and 5 to 14, only 4 and 14 are 18.
//!
//! # The first state with a total
//!
//! The counts as they are rounded, and the difference between sum and total, say from where to where the total can lie
//! (`Range`), and so what it can round to. Only the lowest and the highest of these multiples can narrow a count. If
//! neither does, the total is told. Otherwise it is withheld where it rounds to one of those that do, and to as many next to
//! them as it takes for "one of these" not to narrow a count either; it is told where it rounds to any other. Which these
//! are follows from what is shown.
//!
//! # Later states
//!
//! A total is told again only while all counts and the total are what they were. When one of them changed, no total is told
//! any more, whether the change shows or not: two totals that are known to differ through one count would narrow it. Those
//! who know which counts changed learn nothing from that.
//!
//! Beside a figure that is withheld by hand the total is withheld, since how much of it is that figure's is not known.

use std::{collections::BTreeMap, sync::Arc};

use entities::{Count, CountryCode, DisclosurePolicy, Localized, Observation, ObservationStatus};
use serde::{Deserialize, Serialize};

use super::{Confidentiality, Sheet, free, is_withheld_by_hand, without_total};
use crate::figures::{
    sum,
    year_sheet::{Cell, Total, YearSheet},
};

/// Whether the total of one category and year is told.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Rounding {
    base: i64,
    /// Whether no total is told from here on.
    withholds_total: bool,
    /// What was counted in the first state with a total.
    first: Option<Counted>,
}

/// All that a total can be held against.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Counted {
    counts: BTreeMap<CountryCode, Count>,
    total: Option<Count>,
}

impl Counted {
    fn of(sheet: &YearSheet) -> Self {
        let value = |(country, cell): (&CountryCode, &Cell)| Some((country.clone(), cell.observation.value()?));
        Self { counts: sheet.counts.iter().filter_map(value).collect(), total: sheet.total.as_ref().map(Total::value) }
    }
}

impl Rounding {
    pub(super) fn new(policy: DisclosurePolicy) -> Self {
        Self { base: policy.threshold.get().into(), withholds_total: false, first: None }
    }

    pub(super) const fn withholds_total(&self) -> bool {
        self.withholds_total
    }

    /// What may be shown of the next state.
    pub(super) fn next(&mut self, sheet: &YearSheet) -> Sheet {
        self.withholds_total |= sheet.withheld.as_ref().is_some_and(|before| before.total) || !self.tells_total(sheet);
        let mut rounded = rounded(self.base, sheet);
        if self.withholds_total {
            rounded = without_total(rounded);
        }
        rounded.sum = sum(rounded.counts.values().filter_map(|figure| figure.value()));
        rounded
    }

    /// Whether a total is told, if there is one.
    fn tells_total(&mut self, sheet: &YearSheet) -> bool {
        if sheet.counts.values().any(is_withheld_by_hand) {
            return false;
        }
        let counted = Counted::of(sheet);
        if let Some(first) = &self.first {
            return *first == counted;
        }
        let Some(total) = counted.total else { return true };
        let range = Range::of(counted.counts.values().map(|count| count.get()), sheet.difference(), self.base);
        self.first = Some(counted);
        range.is_none_or(|range| range.tells(total.get(), self.base))
    }
}

fn rounded(base: i64, sheet: &YearSheet) -> Sheet {
    let figure = |observation: Observation, note: &Localized<entities::Prose>| {
        let mut figure = Arc::unwrap_or_clone(free(observation, note));
        if let Some(value) = observation.value() {
            // The largest count may round to more than a count can be.
            let rounded = Count::try_from(Interval::around(value.get(), base).rounded).unwrap_or(value);
            figure.observation = Observation::new(Some(rounded), observation.flags()).unwrap_or(observation);
            figure.confidentiality = Confidentiality::Rounded;
        }
        if figure.value().is_some() || observation.status() == ObservationStatus::Suppressed {
            // A note may say the number.
            figure.note = Localized::new();
        }
        Arc::new(figure)
    };
    Sheet {
        total: sheet.total.as_ref().map(|total| figure(total.observation(), &total.note)),
        counts: sheet.counts.iter().map(|(code, cell)| (code.clone(), figure(cell.observation, &cell.note))).collect(),
        ..Sheet::default()
    }
}

/// The counts that round to the same multiple of a base.
#[derive(Clone, Copy)]
struct Interval {
    rounded: i64,
    from: i64,
    to: i64,
}

impl Interval {
    /// Those that round, half up, as this one does; down where there is no larger count.
    fn around(count: i64, base: i64) -> Self {
        let nearest = (count + base / 2).div_euclid(base) * base;
        let rounded = if nearest > Count::MAX { nearest - base } else { nearest };
        let from = (rounded - base / 2).max(0);
        let is_last = rounded + base > Count::MAX;
        Self { rounded, from, to: if is_last { Count::MAX } else { rounded - base / 2 + base - 1 } }
    }

    const fn length(self) -> i64 {
        self.to - self.from
    }
}

/// What a total can be, for those who see the counts as they are rounded.
#[derive(Clone, Copy)]
struct Range {
    from: i64,
    to: i64,
    /// By how much the widest of the counts can vary.
    widest: i64,
}

impl Range {
    /// None when there is no count.
    fn of(counts: impl Iterator<Item = i64>, difference: Option<i64>, base: i64) -> Option<Self> {
        let intervals: Vec<Interval> = counts.map(|count| Interval::around(count, base)).collect();
        let difference = difference.unwrap_or_default();
        let sum = |end: fn(&Interval) -> i64| intervals.iter().map(end).sum::<i64>() - difference;
        Some(Self {
            from: sum(|interval| interval.from),
            to: sum(|interval| interval.to),
            widest: intervals.iter().map(|interval| interval.length()).max()?,
        })
    }

    /// Whether a total may be told, given what it rounds to.
    fn tells(self, total: i64, base: i64) -> bool {
        let around = |count: i64| Interval::around(count.clamp(0, Count::MAX), base);
        let (lowest, highest, found) = (around(self.from), around(self.to), around(total));
        // By how much a count can vary if the total is told to round to the lowest of what it can be, or to the highest.
        let (below, above) = (lowest.to - self.from, self.to - highest.from);
        let is_lowest = found.rounded == lowest.rounded;
        let is_highest = found.rounded == highest.rounded;
        match (below < self.widest, above < self.widest) {
            (false, false) => true,
            // Together they leave a count everything from both of its ends to the middle.
            (true, true) if below + above + 1 >= self.widest => !is_lowest && !is_highest,
            (true, narrows_above) => {
                let next = around(lowest.to + 1);
                !is_lowest && found.rounded != next.rounded && !(is_highest && narrows_above)
            }
            (false, true) => {
                let next = around(highest.from - 1);
                !is_highest && found.rounded != next.rounded
            }
        }
    }
}
