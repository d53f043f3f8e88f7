//! What is said of the figures as a whole, as front ends read it.

use async_graphql::{Enum, SimpleObject};
use chrono::{DateTime, Utc};
use entities::{Date, Email, Language, Locale, Localized, Url, Year};

use crate::{
    figures::metadata::{self, FactSheetMetadata, Footnote},
    graphql::{At, Scalar, enums, record},
    locale::Preference,
};

/// What a year is.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "entities::PeriodKind")]
pub enum PeriodKind {
    /// January to December.
    CalendarYear,
    /// April to March of the year after, as Japan counts fiscal years.
    JapaneseFiscalYear,
}

/// What kind of break it is.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "entities::BreakKind")]
pub enum BreakKind {
    /// The figures are made in another way from this year on, and cannot be compared with those before.
    SeriesBreak,
    /// Something happened in this year that its figures cannot be read without, such as a pandemic.
    Event,
}

enums!(PeriodKind, BreakKind);

record! {
[
/// A text in the locale that is nearest to the one asked for.
#[derive(SimpleObject)]
]
pub struct ServedText {
    /// The text.
    text: String,
    /// The locale that it is in.
    served_locale: Scalar<Locale>,
    /// Whether that is another locale than the one asked for.
    is_fallback: bool,
}
}

impl ServedText {
    /// What to serve of these texts.
    pub fn new<T: ToString>(texts: &Localized<T>, preference: &Preference) -> Option<Self> {
        let (locale, text) = preference.pick(texts)?;
        let is_fallback = locale != preference.requested();
        Some(Self { text: text.to_string(), served_locale: Scalar(locale.clone()), is_fallback })
    }
}

record! {
[
/// Who makes the figures, how, of which period, and how to cite them.
#[derive(SimpleObject)]
]
pub struct Provenance {
    /// What the figures are called.
    title: Option<ServedText>,
    /// What they show.
    description: Option<ServedText>,
    /// Who makes and publishes them.
    producer: Option<ServedText>,
    /// Where questions about them go.
    contact_email: Option<Scalar<Email>>,
    /// A page of the producer about them.
    contact_url: Option<Scalar<Url>>,
    /// How they are made.
    method: Option<ServedText>,
    /// What is counted.
    unit: Option<ServedText>,
    /// What a year is.
    period_kind: PeriodKind,
    /// The name of the licence.
    licence: Option<ServedText>,
    /// The address of the text of the licence.
    licence_url: Option<Scalar<Url>>,
    /// How to cite them.
    citation: Option<ServedText>,
    /// When the newest of them was published; null when nothing is.
    last_update: Option<At>,
    /// When the next ones are expected.
    next_update: Option<Scalar<Date>>,
}
}

impl Provenance {
    /// What to serve of the metadata.
    pub fn new(metadata: &FactSheetMetadata, last_update: Option<DateTime<Utc>>, preference: &Preference) -> Self {
        Self {
            title: ServedText::new(&metadata.title, preference),
            description: ServedText::new(&metadata.description, preference),
            producer: ServedText::new(&metadata.producer, preference),
            contact_email: metadata.contact_email.clone().map(Scalar),
            contact_url: metadata.contact_url.clone().map(Scalar),
            method: ServedText::new(&metadata.method, preference),
            unit: ServedText::new(&metadata.unit, preference),
            period_kind: metadata.period.into(),
            licence: ServedText::new(&metadata.licence, preference),
            licence_url: metadata.licence_url.clone().map(Scalar),
            citation: ServedText::new(&metadata.citation, preference),
            last_update: last_update.map(Into::into),
            next_update: metadata.next_update.map(Scalar),
        }
    }
}

record! {
[
/// The time that the figures of a year are about.
#[derive(SimpleObject)]
]
pub struct ReferencePeriod {
    /// The year.
    year: Scalar<Year>,
    /// What a year is.
    kind: PeriodKind,
    /// The first day.
    start: Scalar<Date>,
    /// The last day.
    end: Scalar<Date>,
    /// What people call it, in Japanese for `ja` and in English otherwise, such as `2024年度` or `FY2024`.
    label: String,
}
}

impl ReferencePeriod {
    /// The period of a year.
    pub fn new(kind: entities::PeriodKind, year: Year, language: Language) -> Self {
        let (start, end) = metadata::days(kind, year);
        Self {
            year: Scalar(year),
            kind: kind.into(),
            start: Scalar(start.into()),
            end: Scalar(end.into()),
            label: metadata::label(kind, year, language),
        }
    }
}

record! {
[
/// A year from which on figures are not what they were.
#[derive(SimpleObject)]
]
pub struct Break {
    /// The first year that it holds for.
    year: Scalar<Year>,
    /// The code of the category concerned; null for all.
    category: Option<Scalar<entities::CategoryCode>>,
    /// What kind of break it is.
    kind: BreakKind,
    /// What it is called, in a few words.
    label: Option<ServedText>,
}
}

impl Break {
    /// What to serve of a break.
    pub fn new(found: &metadata::Break, preference: &Preference) -> Self {
        Self {
            year: Scalar(found.year),
            category: found.category.clone().map(Scalar),
            kind: found.kind.into(),
            label: ServedText::new(&found.label, preference),
        }
    }
}

record! {
[
/// A footnote. Figures, rows, years and the table as a whole name their footnotes by number.
#[derive(SimpleObject)]
]
pub struct FactSheetFootnote {
    /// Its number, from 1, in the publisher's order.
    number: i32,
    /// It; null when it is in none of the locales asked for.
    text: Option<ServedText>,
    /// Whether it holds for the table as a whole.
    is_general: bool,
}
}

impl FactSheetFootnote {
    /// What to serve of the footnote with this index.
    pub fn new(index: usize, footnote: &Footnote, preference: &Preference) -> Self {
        Self {
            number: number(index),
            text: ServedText::new(&footnote.text, preference),
            is_general: footnote.places.is_empty(),
        }
    }
}

/// The number of the footnote with this index.
pub fn number(index: usize) -> i32 {
    i32::try_from(index).map_or(i32::MAX, |index| index.saturating_add(1))
}
