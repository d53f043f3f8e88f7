//! What of a sheet is withheld, in the form in which one site tells it to another.

use std::collections::BTreeMap;

use entities::{Count, CountryCode};
use serde::{Deserialize, Serialize};

/// What the disclosure policy withholds of a sheet from all states that were ever public.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withheld {
    /// Whether the total is withheld.
    pub total: bool,
    /// The countries whose figures are withheld, each with the least that it may have in a later state: with less, the total
    /// of that state is withheld.
    pub countries: BTreeMap<CountryCode, Count>,
}

impl Withheld {
    /// Whether all that the other withholds is withheld by this, too.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let is_covered =
            |(country, least): (&CountryCode, &Count)| self.countries.get(country).is_some_and(|known| known >= least);
        (self.total || !other.total) && other.countries.iter().all(is_covered)
    }

    /// Withholds what the other withholds, too.
    pub fn extend(&mut self, other: &Self) {
        self.total |= other.total;
        for (country, least) in &other.countries {
            let known = self.countries.entry(country.clone()).or_insert(*least);
            *known = (*known).max(*least);
        }
    }
}
