//! Which figures may be shown: the only place that lets a count out.
//!
//! A count of one patient from one country in one year can point to a person. What the public sees of figures is made of
//! [`Figure`] and [`Sheet`], and only this module can make them, out of all the states of a sheet that were ever public.
//! Everything that leaves Almanac (GraphQL, sums, files, charts, earlier states) is computed from them, never from what
//! was counted, so no exit can tell more than another. `REVISED` is no exception: `revised` compares what was shown.
//!
//! # What is promised, and against whom
//!
//! The attacker has every answer that was ever given, knows this code, the policy and its threshold *t*, which of the
//! withheld counts are small, which were withheld to protect them and which by hand, by how much each total differs from
//! its sum, and of every count in which states it is the same. For a category and year, the values that a withheld count
//! can have are those with which this code would have shown exactly what was shown.
//!
//! - **`SUPPRESS` and `MERGE`**: when a small count is first withheld, it can be any number from 1 to *t* - 1. Every other
//!   withheld count has at least *t* - 1 possible values. Without the knowledge of which counts are small, no withheld count
//!   lies in an interval shorter than *t*, even if all are counted from 1.
//! - **`ROUND`**: a count can be any number that rounds to what is shown.
//! - A figure that an editor withholds by hand has no value here, so nothing can be known of how well a sum would protect
//!   it. Next to one, no sum is told at all: no total, no row of others, no difference.
//!
//! `OFF` and `WARN` promise nothing, not even for what is withheld by hand. That figures were published again, when and
//! why, is public under every policy; which counts changed is told only of those whose shown value did.
//!
//! # Why it holds
//!
//! Of one category and year at most one sum of withheld counts is ever told, whichever way it leaves: the published total
//! less what is shown, or with `MERGE` the row of others, which is the same number. Sums over years, categories or countries
//! are made of shown figures only. So a sheet is one equation at most, and the rest is about what it tells that the equation
//! is told. Two rules carry that: whether it is told follows from numbers that are known once it is told; and where it is
//! not told, that leaves every withheld count its whole range. `suppression` and `rounding` say how.

mod memory;
mod revised;
mod rounding;
mod suppression;
mod timeline;

use std::{collections::BTreeMap, fmt, str::FromStr, sync::Arc};

use entities::{
    Count, CountryCode, DisclosureMethod, DisclosurePolicy, Localized, Observation, ObservationStatus, Rule,
};
use serde::{Deserialize, Serialize};

pub use self::{memory::Memory, timeline::Timeline};
use crate::figures::year_sheet::{Cell, Withheld, YearSheet};
use revised::Marks;
use rounding::Rounding;
use suppression::Suppression;

/// What was done to a figure before it was shown, after the SDMX code list `CONF_STATUS`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
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
    control: Control,
    marks: Marks,
    /// Of what was counted, where that is not what is shown: for those who may read it.
    counted: Marks,
    /// What was shown of the state before; none before the first.
    before: Option<Arc<Sheet>>,
}

#[derive(Clone, Serialize, Deserialize)]
enum Control {
    None,
    Suppression(Suppression),
    Rounding(Rounding),
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
        let control = match policy.method {
            DisclosureMethod::Off | DisclosureMethod::Warn => Control::None,
            DisclosureMethod::Round => Control::Rounding(Rounding::new(policy)),
            DisclosureMethod::Suppress | DisclosureMethod::Merge => Control::Suppression(Suppression::new(policy)),
        };
        Self { policy, control, marks: Marks::default(), counted: Marks::default(), before: None }
    }

    /// What is withheld by now, which is what a later state depends on; none before the first state, or when the policy hides
    /// nothing. With it, another site goes on where this one stands ([`YearSheet::withheld`]).
    #[must_use]
    pub fn withheld(&self) -> Option<Withheld> {
        self.before.as_ref()?;
        match &self.control {
            Control::None => None,
            Control::Suppression(suppression) => Some(suppression.withheld().clone()),
            Control::Rounding(rounding) => Some(Withheld { total: rounding.withholds_total(), ..Withheld::default() }),
        }
    }

    /// What may be shown of the next state.
    pub fn next(&mut self, sheet: &YearSheet) -> Arc<Sheet> {
        if !matches!(self.control, Control::None) {
            self.counted.note(sheet);
        }
        let mut shown = match &mut self.control {
            Control::None => whole(sheet),
            Control::Suppression(suppression) => suppression.next(sheet),
            Control::Rounding(rounding) => rounding.next(sheet),
        };
        self.marks.put_on(&mut shown);
        if let Some(before) = &self.before {
            shown.share(before);
        }
        let shown = Arc::new(shown);
        self.before = Some(Arc::clone(&shown));
        shown
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
    let is_small = |cell: &Cell| cell.observation.value().is_some_and(|value| policy.is_small(value.get()));
    sheet.counts.iter().filter(|(_, cell)| is_small(cell)).map(|(country, _)| country.clone()).collect()
}

/// Whether an editor withholds a figure.
fn is_withheld_by_hand(cell: &Cell) -> bool {
    cell.observation.status() == ObservationStatus::Suppressed
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

/// Without anything that the total could be computed from, and with it what is hidden.
fn without_total(mut sheet: Sheet) -> Sheet {
    if sheet.total.is_some() {
        sheet.total = withheld(Confidentiality::Withheld);
    }
    (sheet.sum, sheet.difference) = (None, None);
    sheet
}
