//! What a [`Discloser`] remembers, in a form that is stored, so that a process that starts anew need not go through every
//! earlier state again.

use std::{collections::BTreeMap, sync::Arc};

use entities::{CountryCode, DisclosurePolicy, Localized, Observation};
use serde::{Deserialize, Serialize};

use super::{Confidentiality, Control, Discloser, Figure, Marks, Sheet};

/// What is stored. Only a discloser is made of it.
#[derive(Serialize, Deserialize)]
pub struct Memory {
    before: Option<StoredSheet>,
    control: Control,
    marks: Marks,
    counted: Marks,
}

#[derive(Serialize, Deserialize)]
struct StoredSheet {
    total: Option<StoredFigure>,
    counts: BTreeMap<CountryCode, StoredFigure>,
    others: Option<StoredFigure>,
    sum: Option<i64>,
    difference: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct StoredFigure {
    observation: Observation,
    confidentiality: Confidentiality,
    note: Localized<String>,
}

impl From<&Figure> for StoredFigure {
    fn from(Figure { observation, confidentiality, note }: &Figure) -> Self {
        Self { observation: *observation, confidentiality: *confidentiality, note: note.clone() }
    }
}

impl From<StoredFigure> for Arc<Figure> {
    fn from(StoredFigure { observation, confidentiality, note }: StoredFigure) -> Self {
        Self::new(Figure { observation, confidentiality, note })
    }
}

impl From<&Sheet> for StoredSheet {
    fn from(Sheet { total, counts, others, sum, difference }: &Sheet) -> Self {
        let figure = |figure: &Arc<Figure>| StoredFigure::from(figure.as_ref());
        Self {
            total: total.as_ref().map(figure),
            counts: counts.iter().map(|(country, count)| (country.clone(), figure(count))).collect(),
            others: others.as_ref().map(figure),
            sum: *sum,
            difference: *difference,
        }
    }
}

impl From<StoredSheet> for Sheet {
    fn from(StoredSheet { total, counts, others, sum, difference }: StoredSheet) -> Self {
        Self {
            total: total.map(Into::into),
            counts: counts.into_iter().map(|(country, count)| (country, count.into())).collect(),
            others: others.map(Into::into),
            sum,
            difference,
        }
    }
}

impl Discloser {
    /// What it remembers.
    #[must_use]
    pub fn memory(&self) -> Memory {
        let Self { policy: _, control, marks, counted, before } = self;
        let before = before.as_deref().map(Into::into);
        Memory { before, control: control.clone(), marks: marks.clone(), counted: counted.clone() }
    }

    /// One that remembers this. The policy is the one under which it was remembered.
    #[must_use]
    pub fn remembering(policy: DisclosurePolicy, memory: Memory) -> Self {
        let Memory { before, control, marks, counted } = memory;
        Self { policy, control, marks, counted, before: before.map(|before| Arc::new(Sheet::from(before))) }
    }

    /// One that shows figures as they were counted, by what one under another policy remembers; none where the policy hides
    /// figures. What the last state showed is not known: it has to be the next state again.
    #[must_use]
    pub fn of_what_was_counted(policy: DisclosurePolicy, memory: Memory) -> Option<Self> {
        let new = Self::new(policy);
        let Control::None = new.control else { return None };
        let marks = if let Control::None = memory.control { memory.marks } else { memory.counted };
        Some(Self { marks, ..new })
    }

    /// What was shown of the last state; none before the first.
    #[must_use]
    pub const fn shown(&self) -> Option<&Arc<Sheet>> {
        self.before.as_ref()
    }
}
