//! Figures as files: what all formats have in common.
//!
//! A [`Table`] is what is written: figures that may be shown, one row each, with everything that a reader must know
//! about them. What is read is a list of [`Reported`] figures, each with its place in the file.

use chrono::{DateTime, NaiveDate, Utc};
use entities::{CategoryCode, CountryCode, Locale, Observation, Year};

use crate::figures::disclosure::Confidentiality;

/// The code of the published total among the countries, as SDMX writes totals.
pub const TOTAL: &str = "_T";

/// Figures to be written, in one locale.
#[derive(Clone, Debug, PartialEq)]
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
