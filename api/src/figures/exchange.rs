//! Figures as files: what all formats have in common.
//!
//! A [`Table`] is what is written: figures that may be shown, one row each, with everything that a reader must know
//! about them. What is read is a list of [`Reported`] figures, each with its place in the file.

pub mod csv;
pub mod import;
pub mod json_ld;
pub mod json_stat;
pub mod reading;
pub mod table;
pub mod xlsx;

#[cfg(test)]
mod round_trip;
#[cfg(test)]
mod sample;

use std::{borrow::Cow, collections::BTreeMap, fmt};

use chrono::{DateTime, NaiveDate, Utc};
use entities::{CategoryCode, Count, CountryCode, Language, Locale, Observation, Year};

use crate::figures::disclosure::Confidentiality;

/// The code of the published total among the countries, as SDMX writes totals.
pub const TOTAL: &str = "_T";

/// The columns of the long form: a figure a row.
pub const COLUMNS: [&str; 10] = [
    "category",
    "category_name",
    "country",
    "country_name",
    "year",
    "value",
    "status",
    "confidentiality",
    "note",
    "note_locale",
];

/// Figures to be written, in one locale.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// What holds for all of them.
    pub about: About,
    /// Every category with its name, in the tenant's order.
    pub categories: Vec<(CategoryCode, String)>,
    /// Every country that has a row, with its name, in the tenant's order.
    pub countries: Vec<(CountryCode, String)>,
    /// Every year that has a row, in order.
    pub years: Vec<Year>,
    /// The figures, ordered by category, country (the total last) and year. No two have the same of these.
    pub rows: Vec<Row>,
}

/// One figure of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The category.
    pub category: CategoryCode,
    /// The country; none for the published total.
    pub country: Option<CountryCode>,
    /// The year.
    pub year: Year,
    /// The figure as it may be shown, or why there is none.
    pub observation: Observation,
    /// What was done to it before it was shown.
    pub confidentiality: Confidentiality,
    /// What a reader must know about it, with the locale it is in.
    pub note: Option<(Locale, String)>,
    /// Indices of the footnotes that hold for it, in `about.footnotes`.
    pub footnotes: Vec<usize>,
}

/// What holds for all figures of a table. Texts are in its locale, or in the nearest there is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct About {
    /// The locale of the table.
    pub locale: Option<Locale>,
    /// What the table is called.
    pub title: String,
    /// What it shows.
    pub description: Option<String>,
    /// Who publishes it.
    pub publisher: Option<String>,
    /// How to reach them.
    pub contact: Option<String>,
    /// How the figures are made.
    pub method: Option<String>,
    /// What is counted (`visits`).
    pub unit: Option<String>,
    /// The licence: its name, and its address if it has one.
    pub licence: Option<(String, Option<String>)>,
    /// How to cite it.
    pub citation: Option<String>,
    /// When the newest of the figures was published.
    pub updated_at: Option<DateTime<Utc>>,
    /// When the next figures are expected.
    pub next_update: Option<NaiveDate>,
    /// The first and the last day that the figures cover.
    pub period: Option<(NaiveDate, NaiveDate)>,
    /// Where this table is served, when the site has an address.
    pub address: Option<String>,
    /// The footnotes, in order.
    pub footnotes: Vec<String>,
}

/// A figure as a file reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// Where it stands.
    pub place: Place,
    /// The category.
    pub category: CategoryCode,
    /// The country; none for the total.
    pub country: Option<CountryCode>,
    /// The year.
    pub year: Year,
    /// The figure, or why there is none.
    pub observation: Observation,
    /// What was done to it before it was written: only what is free says what the figure is.
    pub confidentiality: Confidentiality,
    /// What a reader must know about it; none where the file has no column for it. An empty text is no note.
    pub note: Option<(Locale, String)>,
}

/// A place in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The name of the sheet, in a workbook.
    pub sheet: Option<String>,
    /// The number of the row, from 1; none for the file or sheet as a whole.
    pub row: Option<usize>,
    /// The letters of the column as spreadsheets name them (`A`, `AB`); none for the row as a whole.
    pub column: Option<String>,
}

impl Table {
    /// The language of what Almanac itself says in this table.
    #[must_use]
    pub fn language(&self) -> Language {
        self.about.locale.as_ref().map(Language::of).unwrap_or_default()
    }
}

/// The name of the published total.
#[must_use]
pub const fn total_name(language: Language) -> &'static str {
    match language {
        Language::Japanese => "合計",
        Language::English => "Total",
    }
}

/// A text that no spreadsheet takes for a formula: what begins like one gets an apostrophe, and so does what begins
/// with an apostrophe, or [`original`] could not tell the two apart.
#[must_use]
pub fn neutral(text: &str) -> Cow<'_, str> {
    if text.starts_with(is_telling) { format!("'{text}").into() } else { text.into() }
}

/// The text that [`neutral`] was given. An apostrophe that it cannot have written stays.
#[must_use]
pub fn original(text: &str) -> Cow<'_, str> {
    text.strip_prefix('\'').filter(|rest| rest.starts_with(is_telling)).unwrap_or(text).into()
}

const fn is_telling(first: char) -> bool {
    matches!(first, '=' | '+' | '-' | '@' | '\t' | '\r' | '\'')
}

/// A cell of the long form.
enum Cell<'a> {
    Empty,
    Number(i64),
    /// A text that is [`neutral`].
    Text(Cow<'a, str>),
}

impl fmt::Display for Cell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => Ok(()),
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// The rows of a table in the long form, in its order.
fn records(table: &Table) -> impl Iterator<Item = [Cell<'_>; COLUMNS.len()]> {
    let categories: BTreeMap<_, _> = table.categories.iter().map(|(code, name)| (code, name.as_str())).collect();
    let countries: BTreeMap<_, _> = table.countries.iter().map(|(code, name)| (code, name.as_str())).collect();
    let total = total_name(table.language());
    let text = |text| Cell::Text(neutral(text));
    table.rows.iter().map(move |row| {
        let country = row.country.as_ref();
        let country_name = country.map_or(Some(total), |code| countries.get(code).copied());
        let note = row.note.as_ref();
        [
            text(row.category.as_str()),
            categories.get(&row.category).copied().map_or(Cell::Empty, text),
            text(country.map_or(TOTAL, CountryCode::as_str)),
            country_name.map_or(Cell::Empty, text),
            Cell::Number(row.year.into()),
            row.observation.value().map(Count::get).map_or(Cell::Empty, Cell::Number),
            Cell::Text(row.observation.flags().to_string().into()),
            text(row.confidentiality.as_str()),
            note.map_or(Cell::Empty, |(_, note)| text(note)),
            note.map_or(Cell::Empty, |(locale, _)| text(locale.as_str())),
        ]
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_begins_like_a_formula() {
        for (text, written) in [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM", "'@SUM"),
            ("\tx", "'\tx"),
            ("\rx", "'\rx"),
            ("'", "''"),
            ("'=1", "''=1"),
            ("1=1", "1=1"),
            ("", ""),
        ] {
            assert_eq!(neutral(text), written);
            assert_eq!(original(written), text);
        }
        assert_eq!(original("'t Hof"), "'t Hof");
    }

    proptest! {
        #[test]
        fn every_text_comes_back(text in "['=+@\t\r-]{0,3}(?s:.*)") {
            let written = neutral(&text).into_owned();
            prop_assert_eq!(original(&written).into_owned(), text);
            prop_assert!(!written.starts_with(['=', '+', '-', '@', '\t', '\r']));
        }
    }
}
