//! Which figures may be shown: the only place that lets a count out.
//!
//! A count of one patient from one country in one year can point to a person. What the public sees of figures is made of
//! [`Figure`] and [`Sheet`], and only this file can make them, out of all the states of a sheet that were ever public.
//! Everything that leaves Almanac (GraphQL, sums, files, charts, earlier states) is computed from them, never from what
//! was counted, so no exit can tell more than another.
//!
//! **What is published of true counts.** For each category and year, the figures that are shown, and at most one sum
//! that contains hidden ones: the published total (with MERGE, also the sum of what was merged, which is the same
//! equation). Sums over years, categories or countries are made of shown figures only.
//!
//! **What is promised for SUPPRESS and MERGE.** Whoever knows all that was ever published, and even which hidden figures
//! changed between two states and which did not, cannot narrow a hidden count to an interval shorter than the threshold.
//! That holds because for each category and year
//! - what is hidden stays hidden, in every state that comes after, so a state never reveals what another hides;
//! - the total is shown only where at least two counts are hidden and what each of them had at least, in every state
//!   with a total, sums to the threshold or more. Then any hidden count can grow at the others' expense, or shrink in
//!   their favour, by the same amount in all states, over a range at least that long, and every equation still holds;
//! - where a state needs a count hidden that an earlier one showed, or the sum gets too small, its total is withheld,
//!   and so is that of every state after it. Without a total there is no equation.
//!
//! That is about what is published. Who also knows this rule knows that a count which is withheld for itself is small, and
//! may exclude some splits of a sum: of two counts that sum to 18, both below 10, each is 9. No suppression keeps its own
//! rule secret from everybody; where that matters, choose a threshold that leaves room, or `ROUND`.
//!
//! **What is promised for ROUND.** A count lies anywhere in the interval that rounds to what is shown: the total is
//! withheld where it would narrow one of them.

use std::collections::{BTreeMap, BTreeSet};
use std::{fmt, str::FromStr, sync::Arc};

use entities::{
    Count, CountryCode, DisclosureMethod, DisclosurePolicy, Localized, Observation, ObservationStatus, Rule,
};

use crate::figures::{
    sum,
    year_sheet::{Cell, Total, Withheld, YearSheet},
};

/// What was done to a figure before it was shown, after the SDMX code list `CONF_STATUS`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidentiality {
    /// It is shown as it is (SDMX `F`).
    #[default]
    Free,
    /// It is rounded (no code of its own in SDMX; `N`).
    Rounded,
    /// It is withheld, by itself or because others could be computed from it (SDMX `C`).
    Withheld,
    /// It is withheld, and counted in the row of the others (SDMX `C`).
    Merged,
}

impl Confidentiality {
    /// Every one of them.
    pub const ALL: [Self; 4] = [Self::Free, Self::Rounded, Self::Withheld, Self::Merged];

    /// The name as it is written to files (`FREE`).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Free => "FREE",
            Self::Rounded => "ROUNDED",
            Self::Withheld => "WITHHELD",
            Self::Merged => "MERGED",
        }
    }
}

impl fmt::Display for Confidentiality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Confidentiality {
    type Err = Rule;
    fn from_str(text: &str) -> Result<Self, Rule> {
        if text.is_empty() {
            return Err(Rule::Required);
        }
        Self::ALL
            .into_iter()
            .find(|confidentiality| confidentiality.as_str() == text)
            .ok_or_else(|| Rule::NotOneOf { allowed: Self::ALL.map(Self::as_str).join(", ") })
    }
}

/// A figure as it may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    observation: Observation,
    confidentiality: Confidentiality,
    note: Localized<String>,
}

impl Figure {
    /// The figure, or why there is none.
    #[must_use]
    pub const fn observation(&self) -> Observation {
        self.observation
    }

    /// The value, if there is one to show.
    #[must_use]
    pub const fn value(&self) -> Option<Count> {
        self.observation.value()
    }

    /// What was done to it.
    #[must_use]
    pub const fn confidentiality(&self) -> Confidentiality {
        self.confidentiality
    }

    /// What a reader must know about it. The note on a figure that is withheld is withheld with it.
    #[must_use]
    pub const fn note(&self) -> &Localized<String> {
        &self.note
    }
}

/// What may be shown of a category and year.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sheet {
    total: Option<Arc<Figure>>,
    counts: BTreeMap<CountryCode, Arc<Figure>>,
    others: Option<Arc<Figure>>,
    sum: Option<i64>,
    difference: Option<i64>,
}

impl Sheet {
    /// The total as it was published.
    #[must_use]
    pub const fn total(&self) -> Option<&Arc<Figure>> {
        self.total.as_ref()
    }

    /// The figure of each country that has one.
    #[must_use]
    pub const fn counts(&self) -> &BTreeMap<CountryCode, Arc<Figure>> {
        &self.counts
    }

    /// What was counted together because it was too small to be shown apart; none where nothing was.
    #[must_use]
    pub const fn others(&self) -> Option<&Arc<Figure>> {
        self.others.as_ref()
    }

    /// The sum of all countries, as far as it may be told; none when no country has a value, or one is withheld.
    #[must_use]
    pub const fn sum(&self) -> Option<i64> {
        self.sum
    }

    /// The sum less the total, as far as it may be told.
    #[must_use]
    pub const fn difference(&self) -> Option<i64> {
        self.difference
    }

    /// Refers to the figures of another state where they are the same. Every state that was ever public is kept, and most
    /// of a correction is as it was.
    fn share(&mut self, before: &Self) {
        let mut theirs = before.counts.iter().peekable();
        for (country, figure) in &mut self.counts {
            while theirs.next_if(|(other, _)| *other < country).is_some() {}
            if let Some((_, same)) = theirs.next_if(|(other, their)| *other == country && **their == *figure) {
                figure.clone_from(same);
            }
        }
    }
}

/// Says what may be shown of each state of one category and year, in the order in which they become public. What may be
/// shown of a state depends on those before it, of which this remembers what matters.
#[derive(Clone)]
pub struct Discloser {
    policy: DisclosurePolicy,
    /// What was shown of the state before; none before the first.
    before: Option<Arc<Sheet>>,
    hidden: Hidden,
}

/// Nothing of what it remembers: true counts are among it.
impl fmt::Debug for Discloser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Discloser").field("policy", &self.policy).finish_non_exhaustive()
    }
}

impl Discloser {
    /// Before the first state.
    #[must_use]
    pub fn new(policy: DisclosurePolicy) -> Self {
        Self { policy, before: None, hidden: Hidden::default() }
    }

    /// What is withheld by now, which is what a later state depends on; none before the first state, or when the policy hides
    /// nothing. With it, another site goes on where this one stands ([`YearSheet::withheld`]).
    #[must_use]
    pub fn withheld(&self) -> Option<Withheld> {
        if !self.policy.hides() || self.before.is_none() {
            return None;
        }
        let least = |(country, least): (&CountryCode, &i64)| Some((country.clone(), Count::try_from(*least).ok()?));
        Some(Withheld { total: self.hidden.total, countries: self.hidden.at_least.iter().filter_map(least).collect() })
    }

    /// What may be shown of the next state.
    pub fn next(&mut self, sheet: &YearSheet) -> Arc<Sheet> {
        if let Some(withheld) = &sheet.withheld {
            self.hidden.inherit(withheld);
        }
        let mut shown = match self.policy.method {
            DisclosureMethod::Off | DisclosureMethod::Warn => whole(sheet),
            DisclosureMethod::Round => self.round(sheet),
            DisclosureMethod::Suppress | DisclosureMethod::Merge => self.hide(sheet),
        };
        if let Some(before) = &self.before {
            shown.share(before);
        }
        let shown = Arc::new(shown);
        self.before = Some(Arc::clone(&shown));
        shown
    }

    fn hide(&mut self, sheet: &YearSheet) -> Sheet {
        let (policy, hidden) = (self.policy, &mut self.hidden);
        // Of an imported sheet, other states were public before.
        let is_first = self.before.is_none() && sheet.withheld.is_none();
        let by_editor = |cell: &Cell| cell.observation.status() == ObservationStatus::Suppressed;
        let small = sheet.counts.iter().filter(|(_, cell)| is_small(policy, cell) || by_editor(cell));
        let new: Vec<&CountryCode> =
            small.map(|(country, _)| country).filter(|country| !hidden.countries.contains(country)).collect();
        if !is_first && !new.is_empty() {
            // An earlier state showed it.
            hidden.total = true;
        }
        for country in new {
            hidden.hide(country, sheet);
        }
        if sheet.total.as_ref().is_some_and(|total| policy.is_small(total.value().get())) {
            hidden.total = true;
        }
        if !hidden.total {
            for (country, at_least) in &mut hidden.at_least {
                *at_least = value(sheet, country).min(*at_least);
            }
        }
        if is_first && !hidden.total && !hidden.is_safe(policy) {
            // The smallest of those that could be shown protects the others; every one of them is large enough.
            let others = sheet.counts.iter().filter(|(country, _)| !hidden.countries.contains(*country));
            let with_value = others.filter_map(|(country, cell)| Some((cell.observation.value()?, country)));
            let smallest = with_value.filter(|(value, _)| value.get() > 0).min().map(|(_, country)| country.clone());
            if let Some(country) = smallest {
                hidden.hide(&country, sheet);
            }
        }
        hidden.total |= !hidden.is_safe(policy);
        with_hidden(policy, sheet, hidden)
    }

    fn round(&mut self, sheet: &YearSheet) -> Sheet {
        let mut rounded = rounded(self.policy, sheet);
        // Two states that differ, one of them through a total, could be held against each other.
        let differs = self.before.as_ref().is_some_and(|before| {
            before.counts.iter().map(value_of).ne(rounded.counts.iter().map(value_of))
                || before.total.as_ref().and_then(|total| total.value())
                    != rounded.total.as_ref().and_then(|total| total.value())
        });
        self.hidden.total |= differs || !total_is_safe(self.policy, sheet);
        if self.hidden.total {
            rounded = without_total(rounded);
        }
        rounded.sum = sum(rounded.counts.values().filter_map(|figure| figure.value()));
        rounded
    }
}

/// What may be shown of each state of a category and year that was ever public, in the same order.
#[must_use]
pub fn disclose(policy: DisclosurePolicy, states: &[&YearSheet]) -> Vec<Sheet> {
    let mut discloser = Discloser::new(policy);
    let shown: Vec<Arc<Sheet>> = states.iter().map(|sheet| discloser.next(sheet)).collect();
    shown.into_iter().map(Arc::unwrap_or_clone).collect()
}

/// The countries whose counts in a sheet are small, for its editors.
#[must_use]
pub fn small_counts(policy: DisclosurePolicy, sheet: &YearSheet) -> Vec<CountryCode> {
    if policy.method == DisclosureMethod::Off {
        return Vec::new();
    }
    sheet.counts.iter().filter(|(_, cell)| is_small(policy, cell)).map(|(country, _)| country.clone()).collect()
}

fn is_small(policy: DisclosurePolicy, cell: &Cell) -> bool {
    cell.observation.value().is_some_and(|value| policy.is_small(value.get()))
}

fn free(observation: Observation, note: &Localized<entities::Prose>) -> Arc<Figure> {
    let note = note.iter().map(|(locale, text)| (locale.clone(), text.to_string())).collect();
    Arc::new(Figure { observation, confidentiality: Confidentiality::Free, note })
}

/// Nothing of the figure, not even why there would be none.
fn withheld(confidentiality: Confidentiality) -> Option<Arc<Figure>> {
    let observation = Observation::new(None, ObservationStatus::Suppressed).ok()?;
    Some(Arc::new(Figure { observation, confidentiality, note: Localized::new() }))
}

fn whole(sheet: &YearSheet) -> Sheet {
    Sheet {
        total: sheet.total.as_ref().map(|total| free(total.observation(), &total.note)),
        counts: sheet.counts.iter().map(|(code, cell)| (code.clone(), free(cell.observation, &cell.note))).collect(),
        others: None,
        sum: sheet.sum(),
        difference: sheet.difference(),
    }
}

/// What of one category and year is hidden, and since when.
#[derive(Clone, Default)]
struct Hidden {
    /// The countries; once hidden, always hidden.
    countries: BTreeSet<CountryCode>,
    /// What each of them had at least, in every state whose total is shown.
    at_least: BTreeMap<CountryCode, i64>,
    /// Whether the total is withheld from here on.
    total: bool,
}

impl Hidden {
    /// Whether a sum of all that is hidden may be told.
    fn is_safe(&self, policy: DisclosurePolicy) -> bool {
        self.countries.is_empty()
            || (self.countries.len() >= 2 && self.at_least.values().sum::<i64>() >= i64::from(policy.threshold.get()))
    }

    /// Goes on withholding what was withheld before.
    fn inherit(&mut self, withheld: &Withheld) {
        self.total |= withheld.total;
        for (country, least) in &withheld.countries {
            self.countries.insert(country.clone());
            let known = self.at_least.entry(country.clone()).or_insert(least.get());
            *known = (*known).min(least.get());
        }
    }

    fn hide(&mut self, country: &CountryCode, sheet: &YearSheet) {
        self.countries.insert(country.clone());
        self.at_least.insert(country.clone(), value(sheet, country));
    }
}

/// What a country had in a sheet; nothing is nothing.
fn value(sheet: &YearSheet, country: &CountryCode) -> i64 {
    sheet.counts.get(country).and_then(|cell| cell.observation.value()).map_or(0, Count::get)
}

fn with_hidden(policy: DisclosurePolicy, sheet: &YearSheet, hidden: &Hidden) -> Sheet {
    let merges = policy.method == DisclosureMethod::Merge && !hidden.total;
    let mut all = whole(sheet);
    if hidden.countries.is_empty() {
        return if hidden.total { without_total(all) } else { all };
    }
    let confidentiality = if merges { Confidentiality::Merged } else { Confidentiality::Withheld };
    for country in &hidden.countries {
        // A figure that is not there would tell that it is not hidden.
        all.counts.extend(withheld(confidentiality).map(|figure| (country.clone(), figure)));
    }
    if !merges {
        (all.sum, all.difference) = (None, None);
        return if hidden.total { without_total(all) } else { all };
    }
    let together = sum(hidden.countries.iter().filter_map(|country| sheet.counts.get(country)?.observation.value()));
    let together = together.and_then(|sum| Count::try_from(sum).ok()).map(Observation::known);
    all.others = together.map(|observation| free(observation, &Localized::new()));
    all
}

fn without_total(mut sheet: Sheet) -> Sheet {
    if sheet.total.is_some() {
        sheet.total = withheld(Confidentiality::Withheld);
    }
    // With the sum and the difference, the total could be computed, and with it what is hidden.
    (sheet.sum, sheet.difference) = (None, None);
    sheet
}

/// The counts that round to the same multiple of a base.
#[derive(Clone, Copy)]
struct Interval {
    from: i64,
    to: i64,
}

impl Interval {
    /// Those that round, half up, as this one does; down where there is no larger count.
    fn around(count: i64, base: i64) -> (i64, Self) {
        let nearest = (count + base / 2).div_euclid(base) * base;
        let rounded = if nearest > Count::MAX { nearest - base } else { nearest };
        let from = (rounded - base / 2).max(0);
        let is_last = rounded + base > Count::MAX;
        (rounded, Self { from, to: if is_last { Count::MAX } else { rounded - base / 2 + base - 1 } })
    }

    const fn length(self) -> i64 {
        self.to - self.from
    }
}

fn value_of<'a>((country, figure): (&'a CountryCode, &'a Arc<Figure>)) -> (&'a CountryCode, Option<Count>) {
    (country, figure.value())
}

fn rounded(policy: DisclosurePolicy, sheet: &YearSheet) -> Sheet {
    let base = i64::from(policy.threshold.get());
    let figure = |observation: Observation, note: &Localized<entities::Prose>| {
        let mut figure = Arc::unwrap_or_clone(free(observation, note));
        if let Some(value) = observation.value() {
            // The largest count may round to more than a count can be.
            let rounded = Count::try_from(Interval::around(value.get(), base).0).unwrap_or(value);
            figure.observation = Observation::new(Some(rounded), observation.flags()).unwrap_or(observation);
            figure.confidentiality = Confidentiality::Rounded;
            // A note may say the number.
            figure.note = Localized::new();
        }
        Arc::new(figure)
    };
    let total = |total: &Total| figure(total.observation(), &total.note);
    Sheet {
        total: sheet.total.as_ref().map(total),
        counts: sheet.counts.iter().map(|(code, cell)| (code.clone(), figure(cell.observation, &cell.note))).collect(),
        ..Sheet::default()
    }
}

/// Whether no count can be told more exactly with the rounded total than without. The difference between sum and total
/// counts as known.
fn total_is_safe(policy: DisclosurePolicy, sheet: &YearSheet) -> bool {
    let Some(total) = &sheet.total else { return true };
    let base = i64::from(policy.threshold.get());
    let counts = sheet.counts.values().filter_map(|cell| cell.observation.value());
    let intervals: Vec<Interval> = counts.map(|count| Interval::around(count.get(), base).1).collect();
    let difference = sheet.difference().unwrap_or_default();
    let total = Interval::around(total.value().get(), base).1;
    let widest = intervals.iter().map(|interval| interval.length()).max().unwrap_or_default();
    let least: i64 = intervals.iter().map(|interval| interval.from).sum();
    let most: i64 = intervals.iter().map(|interval| interval.to).sum();
    total.from + difference <= most - widest && least + widest <= total.to + difference
}
