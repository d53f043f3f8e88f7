//! Every state of a sheet that was shown, in little room: each figure once for as long as it stays what it is.

use std::{collections::BTreeMap, sync::Arc};

use entities::CountryCode;

use super::{Figure, Sheet};

/// The states of a sheet, one after the other, by their place from 0.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    states: usize,
    public: Track<()>,
    total: Track<Arc<Figure>>,
    counts: BTreeMap<CountryCode, Track<Arc<Figure>>>,
    others: Track<Arc<Figure>>,
    sum: Track<i64>,
    difference: Track<i64>,
}

/// A value and from which state on it is that; none where there is nothing.
#[derive(Clone, Debug)]
struct Track<T>(Vec<(usize, Option<T>)>);

impl<T> Default for Track<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Clone + PartialEq> Track<T> {
    fn push(&mut self, state: usize, value: Option<&T>) {
        if self.0.last().and_then(|(_, last)| last.as_ref()) != value {
            self.0.push((state, value.cloned()));
        }
    }

    fn at(&self, state: usize) -> Option<&T> {
        let after = self.0.partition_point(|(from, _)| *from <= state);
        self.0.get(after.checked_sub(1)?)?.1.as_ref()
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

impl Timeline {
    /// Adds the next state; none when the sheet was withdrawn.
    pub fn push(&mut self, sheet: Option<&Sheet>) {
        let state = self.states;
        self.states += 1;
        let nothing = Sheet::default();
        let Sheet { total, counts, others, sum, difference } = sheet.unwrap_or(&nothing);
        self.public.push(state, sheet.map(|_| &()));
        self.total.push(state, total.as_ref());
        self.others.push(state, others.as_ref());
        self.sum.push(state, sum.as_ref());
        self.difference.push(state, difference.as_ref());
        for (country, track) in &mut self.counts {
            track.push(state, counts.get(country));
        }
        for (country, figure) in counts {
            if !self.counts.contains_key(country) {
                self.counts.entry(country.clone()).or_default().push(state, Some(figure));
            }
        }
    }

    /// How many states there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.states
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.states == 0
    }

    /// What was shown in a state; none when the sheet was withdrawn.
    #[must_use]
    pub fn at(&self, state: usize) -> Option<Sheet> {
        self.public.at(state)?;
        let counts =
            self.counts.iter().filter_map(|(country, track)| Some((country.clone(), track.at(state)?.clone())));
        Some(Sheet {
            total: self.total.at(state).cloned(),
            counts: counts.collect(),
            others: self.others.at(state).cloned(),
            sum: self.sum.at(state).copied(),
            difference: self.difference.at(state).copied(),
        })
    }

    /// The states in which the figure of a country, or the total where there is none, became another one, and what it
    /// became.
    pub fn changes(&self, country: Option<&CountryCode>) -> impl Iterator<Item = (usize, Option<&Arc<Figure>>)> {
        let track = match country {
            Some(country) => self.counts.get(country),
            None => Some(&self.total),
        };
        track.into_iter().flat_map(|track| track.0.iter()).map(|(state, figure)| (*state, figure.as_ref()))
    }

    /// How many bytes it takes, about.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        /// A figure of its own, with its place and what allocators add.
        const FIGURE: usize = 160;
        const NUMBER: usize = 32;
        let figures = self.total.len() + self.others.len() + self.counts.values().map(Track::len).sum::<usize>();
        let numbers = self.sum.len() + self.difference.len() + self.public.len();
        let notes = |track: &Track<Arc<Figure>>| -> usize {
            let figures = track.0.iter().filter_map(|(_, figure)| figure.as_ref());
            figures.flat_map(|figure| figure.note.values()).map(String::len).sum()
        };
        let notes = notes(&self.total) + self.counts.values().map(notes).sum::<usize>();
        (figures * FIGURE + numbers * NUMBER + self.counts.len() * 2 * NUMBER + notes) as u64
    }
}
