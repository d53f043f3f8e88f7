//! Which country and which category a text names.

use std::collections::HashMap;

use entities::{CategoryCode, CountryCode};
use unicode_normalization::UnicodeNormalization;

use super::super::TOTAL;

/// Longer texts name nothing.
const MAX_CHARS: usize = 200;

/// What countries and categories are called, in all languages that a file may use.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Every category with its names.
    pub categories: Vec<(CategoryCode, Vec<String>)>,
    /// Every country with its names.
    pub countries: Vec<(CountryCode, Vec<String>)>,
}

/// The country of a figure, or that it is a total.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Named {
    Country(CountryCode),
    Total,
}

/// The same names, to be looked up as they are written in files. A name of two things names neither.
pub(super) struct Lookup {
    categories: HashMap<String, Option<CategoryCode>>,
    countries: HashMap<String, Option<CountryCode>>,
}

impl Lookup {
    pub(super) fn new(names: &Names) -> Self {
        Self { categories: index(&names.categories), countries: index(&names.countries) }
    }

    pub(super) fn country(&self, text: &str) -> Option<Named> {
        let name = fold(text);
        if is_total(&name) {
            return Some(Named::Total);
        }
        self.countries.get(&name).cloned().flatten().map(Named::Country)
    }

    pub(super) fn category(&self, text: &str) -> Option<CategoryCode> {
        self.categories.get(&fold(text)).cloned().flatten()
    }

    /// The category that a title speaks of: the longest name in it. Where others stand beside that one, it is not clear
    /// which is meant.
    pub(super) fn category_in(&self, title: &str) -> Option<CategoryCode> {
        let title = fold(title);
        if let Some(exact) = self.categories.get(&title) {
            return exact.clone();
        }
        let inside = || self.categories.iter().filter(|(name, _)| name.chars().count() > 1 && title.contains(*name));
        let (longest, category) = inside().max_by_key(|(name, _)| name.len())?;
        let others = title.replace(longest, " ");
        let clear = inside().all(|(name, other)| other == category || !others.contains(name));
        category.clone().filter(|_| clear)
    }
}

fn index<C: Clone + PartialEq + AsRef<str>>(names: &[(C, Vec<String>)]) -> HashMap<String, Option<C>> {
    let mut index: HashMap<String, Option<C>> = HashMap::new();
    for (code, names) in names {
        for name in names.iter().map(String::as_str).chain([code.as_ref()]) {
            let name = fold(name);
            if name.is_empty() {
                continue;
            }
            let known = index.entry(name).or_insert_with(|| Some(code.clone()));
            if known.as_ref().is_some_and(|known| known != code) {
                *known = None;
            }
        }
    }
    index
}

/// Whether a folded text stands for the total of a column or row.
pub(super) fn is_total(name: &str) -> bool {
    matches!(name, "合計" | "計" | "総計" | "総数" | "total") || name == TOTAL.to_lowercase()
}

/// A text with full-width and half-width letters made one (NFKC).
pub(super) fn compatible(text: &str) -> String {
    text.nfkc().collect()
}

/// A text as names are compared: NFKC, lower case, without spaces and middle dots; empty if it is too long for a name.
pub(super) fn fold(text: &str) -> String {
    if text.chars().nth(MAX_CHARS).is_some() {
        return String::new();
    }
    let unseen = |letter: &char| {
        letter.is_whitespace() || matches!(letter, '\u{b7}' | '\u{2022}' | '\u{2027}' | '\u{22c5}' | '\u{30fb}')
    };
    text.nfkc().filter(|letter| !unseen(letter)).flat_map(char::to_lowercase).collect()
}
