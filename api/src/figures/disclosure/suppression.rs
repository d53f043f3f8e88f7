//! `SUPPRESS` and `MERGE`: small counts are withheld, and where their sum would tell too much, others with them or the
//! total.
//!
//! *t* is the threshold, *p* the number of small counts. They lie between 1 and *t* - 1.
//!
//! # The first state
//!
//! 1. **The small counts alone.** Their sum is told if it is at least *p* + *t* and at most *p*(*t* - 1) - (*t* - 2). Then each
//!    of them can be any number from 1 to *t* - 1, the others making up for it within their own range.
//! 2. **With others.** Else large counts are withheld too: the smallest; if the next one is below 3*t*, that one as well, and
//!    all below 2*t* (`Shelter`). It follows from the counts that stay shown that each of these *k* lies between *t* and a
//!    `top` of at least 2*t* - 1; and whatever they are in there, these same would have been chosen. The sum of all is told if
//!    it is between *p* + (*k* + 1)*t* and *p* + *k* `top`. Then the small ones can sum to anything from *p* to *p* + *t* - 2,
//!    which fails the first step, the others making up for it. So each small one can be any number from 1 to *t* - 1, and
//!    each of the others has *t* - 1 possible values.
//! 3. **Without the total.** Else no sum is told. With all but one small count at 1, and the others at *t*, both steps fail
//!    whatever the one is; with all small counts at 1, the second fails for *t* values of each of the others. So that it
//!    failed tells nothing. What was chosen in step 2 stays withheld: shown, it would tell which sums failed.
//!
//! If the total itself is small, or a figure is withheld by hand, no sum is told either.
//!
//! # Later states
//!
//! What is withheld stays withheld. No sum is told from the first state on that withholds a count which an earlier one
//! showed, or in which a withheld count is smaller than it was at first: a small one at all, one that protects by *t* or
//! more.
//!
//! While the sum is told, take any counts with which the first state would have been shown as it was, and have each count
//! differ from the true one by the same amount in all later states. Every sum is the same, every count changed when it
//! changed and by as much as it did, none is below 1, and so all was shown as it was. So later states take nothing from the
//! range that a count has in the first. When the sum is withheld because a count fell, that count may as well have fallen
//! to 0, from anything that it can have been at first.
//!
//! Whether a sum was told is a matter of all states, so it does not come back: each time that it did, it would tell
//! something of the states between.

use entities::{Count, CountryCode, DisclosureMethod, DisclosurePolicy, Localized, Observation};
use serde::{Deserialize, Serialize};

use super::{Confidentiality, Sheet, free, is_withheld_by_hand, whole, withheld, without_total};
use crate::figures::{
    sum,
    year_sheet::{Withheld, YearSheet},
};

/// What of one category and year is withheld, and since when.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Suppression {
    policy: DisclosurePolicy,
    is_first: bool,
    withheld: Withheld,
}

impl Suppression {
    pub(super) fn new(policy: DisclosurePolicy) -> Self {
        Self { policy, is_first: true, withheld: Withheld::default() }
    }

    pub(super) const fn withheld(&self) -> &Withheld {
        &self.withheld
    }

    /// What may be shown of the next state.
    pub(super) fn next(&mut self, sheet: &YearSheet) -> Sheet {
        if let Some(before) = &sheet.withheld {
            let is_known = |country: &CountryCode| self.withheld.countries.contains_key(country);
            // An earlier state of this site showed it.
            self.withheld.total |= !self.is_first && !before.countries.keys().all(is_known);
            self.withheld.extend(before);
            // Of an imported sheet, other states were public before.
            self.is_first = false;
        }
        if self.is_first {
            self.begin(sheet);
        } else {
            self.go_on(sheet);
        }
        self.is_first = false;
        self.withheld.total |= sheet.total.as_ref().is_some_and(|total| self.policy.is_small(total.value().get()));
        self.show(sheet)
    }

    fn begin(&mut self, sheet: &YearSheet) {
        let threshold = self.policy.least_shown();
        let mut small = Small::default();
        let mut large = Vec::new();
        for (country, cell) in &sheet.counts {
            match cell.observation.value() {
                Some(value) if self.policy.is_small(value.get()) => {
                    small.add(value.get());
                    // At least 1: it may not fall.
                    self.withheld.countries.insert(country.clone(), value);
                }
                Some(value) if value.get() >= threshold => large.push((value.get(), country)),
                _ if is_withheld_by_hand(cell) => {
                    self.withheld.countries.insert(country.clone(), Count::default());
                    self.withheld.total = true;
                }
                _ => {}
            }
        }
        if small.number == 0 || self.withheld.total || small.is_safe_alone(threshold) {
            return;
        }
        large.sort_unstable();
        let shelter = Shelter::of(&large, threshold);
        let chosen = large.get(..shelter.number).unwrap_or_default();
        self.withheld.total = !shelter.protects(small, chosen.iter().map(|(value, _)| value).sum(), threshold);
        // At least the threshold: each may fall by one less.
        let falls_to = |(value, country): &(i64, &CountryCode)| {
            ((*country).clone(), Count::try_from(value - threshold + 1).unwrap_or_default())
        };
        self.withheld.countries.extend(chosen.iter().map(falls_to));
    }

    fn go_on(&mut self, sheet: &YearSheet) {
        for (country, cell) in &sheet.counts {
            let is_small = cell.observation.value().is_some_and(|value| self.policy.is_small(value.get()));
            if (is_small || is_withheld_by_hand(cell)) && !self.withheld.countries.contains_key(country) {
                // An earlier state showed it.
                self.withheld.countries.insert(country.clone(), Count::default());
                self.withheld.total = true;
            }
        }
        self.withheld.total |=
            self.withheld.countries.iter().any(|(country, least)| value(sheet, country) < least.get());
    }

    fn show(&self, sheet: &YearSheet) -> Sheet {
        let merges = self.policy.method == DisclosureMethod::Merge && !self.withheld.total;
        let mut all = whole(sheet);
        let confidentiality = if merges { Confidentiality::Merged } else { Confidentiality::Withheld };
        for country in self.withheld.countries.keys() {
            // A figure that is not there would tell that it is not hidden.
            all.counts.extend(withheld(confidentiality).map(|figure| (country.clone(), figure)));
        }
        if self.withheld.total {
            return without_total(all);
        }
        if self.withheld.countries.is_empty() {
            return all;
        }
        if !merges {
            (all.sum, all.difference) = (None, None);
            return all;
        }
        // While the total is told, each of them has a value.
        let values =
            self.withheld.countries.keys().filter_map(|country| sheet.counts.get(country)?.observation.value());
        let together = sum(values).and_then(|sum| Count::try_from(sum).ok()).map(Observation::known);
        all.others = together.map(|observation| free(observation, &Localized::new()));
        all
    }
}

/// What a country had in a sheet; nothing is nothing.
fn value(sheet: &YearSheet, country: &CountryCode) -> i64 {
    sheet.counts.get(country).and_then(|cell| cell.observation.value()).map_or(0, Count::get)
}

/// Small counts.
#[derive(Clone, Copy, Default)]
struct Small {
    number: i64,
    sum: i64,
}

impl Small {
    const fn add(&mut self, value: i64) {
        self.number += 1;
        self.sum += value;
    }

    /// Whether their sum leaves each of them its whole range.
    const fn is_safe_alone(self, threshold: i64) -> bool {
        let most = self.number * (threshold - 1) - (threshold - 2);
        self.number + threshold <= self.sum && self.sum <= most
    }
}

/// The large counts that are withheld to protect the small ones: the smallest.
#[derive(Clone, Copy)]
struct Shelter {
    number: usize,
    /// The most that each of them can be, for those who see the others; none where there are no others.
    top: Option<i64>,
}

impl Shelter {
    /// Those among counts that ascend.
    fn of(large: &[(i64, &CountryCode)], threshold: i64) -> Self {
        let value = |index: usize| large.get(index).map(|(value, _)| *value);
        if value(1).is_none_or(|second| second >= 3 * threshold) {
            // As large as the second, it might not have been chosen.
            return Self { number: large.len().min(1), top: value(1).map(|second| second - 1) };
        }
        let number = large.partition_point(|(value, _)| *value < 2 * threshold).max(2);
        let most = if number == 2 { 3 * threshold - 1 } else { 2 * threshold - 1 };
        Self { number, top: Some(value(number).map_or(most, |next| most.min(next - 1))) }
    }

    /// Whether the sum of them and the small ones leaves each its whole range.
    fn protects(self, small: Small, sum: i64, threshold: i64) -> bool {
        let Ok(number) = i64::try_from(self.number) else { return false };
        let together = small.sum + sum;
        number > 0
            && small.number + (number + 1) * threshold <= together
            && self.top.is_none_or(|top| together <= small.number + number * top)
    }
}
