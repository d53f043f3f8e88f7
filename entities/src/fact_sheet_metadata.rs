//! `fact_sheet_metadata` (live): the one row of what is said of the fact sheet as a whole.

use std::{fmt, str::FromStr};

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{CategoryCode, CountryCode, Date, Email, Line, Localized, Prose, Rule, Url, Year, text::required};

/// What is published about the figures: who makes them, how, of which period, under which licence.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "fact_sheet_metadata")]
pub struct Model {
    /// The document of kind `FACT_SHEET_METADATA`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub document_id: Uuid,
    /// The content of the published revision: it is always read as a whole.
    pub content: Json,
    /// The document.
    #[sea_orm(belongs_to, from = "document_id", to = "id")]
    pub document: BelongsTo<super::document::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

/// What is said of the figures as a whole: who makes them, how, of which period; where they cannot be compared; and
/// footnotes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FactSheetMetadata {
    /// What the figures are called.
    pub title: Localized<Line>,
    /// What they show.
    pub description: Localized<Prose>,
    /// Who makes and publishes them.
    pub producer: Localized<Line>,
    /// Where questions about them go.
    pub contact_email: Option<Email>,
    /// A page of the producer about them.
    pub contact_url: Option<Url>,
    /// How they are made.
    pub method: Localized<Prose>,
    /// What is counted.
    pub unit: Localized<Line>,
    /// What a year is.
    pub period: PeriodKind,
    /// The name of the licence.
    pub licence: Localized<Line>,
    /// The text of the licence.
    pub licence_url: Option<Url>,
    /// How to cite them.
    pub citation: Localized<Prose>,
    /// When the next figures are expected.
    pub next_update: Option<Date>,
    /// Where figures cannot be compared, and what happened; none stands twice.
    pub breaks: Vec<Break>,
    /// The footnotes, in order; none stands twice.
    pub footnotes: Vec<Footnote>,
}

impl FactSheetMetadata {
    /// The most breaks, and the most footnotes.
    pub const MAX_ITEMS: usize = 200;

    /// The most places that one footnote holds for.
    pub const MAX_PLACES: usize = 500;
}

/// A year from which on figures are not what they were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Break {
    /// The first year that it holds for.
    pub year: Year,
    /// The category concerned; none for all.
    pub category: Option<CategoryCode>,
    /// What kind of break it is.
    pub kind: BreakKind,
    /// What it is called, in a few words and in one locale at least.
    pub label: Localized<Line>,
}

/// A footnote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Footnote {
    /// It, in one locale at least.
    pub text: Localized<Prose>,
    /// What it holds for, each once; the whole table when there is nothing here.
    #[serde(default)]
    pub places: Vec<FootnotePlace>,
}

/// What a footnote holds for: everything with this category, country and year, as far as they are given. One of them
/// is: a footnote for everything has no place instead. A partial key, as SDMX attaches attributes: all three name a figure,
/// a country a row, a year a column.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct FootnotePlace {
    /// The category.
    pub category: Option<CategoryCode>,
    /// The country.
    pub country: Option<CountryCode>,
    /// The year.
    pub year: Option<Year>,
}

/// As in a file: what is given, separated by commas.
impl fmt::Display for FootnotePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let category = self.category.as_ref().map(ToString::to_string);
        let country = self.country.as_ref().map(ToString::to_string);
        let year = self.year.map(|year| year.to_string());
        f.write_str(&[category, country, year].into_iter().flatten().collect::<Vec<_>>().join(","))
    }
}

/// What a year is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PeriodKind {
    /// January to December.
    #[default]
    CalendarYear,
    /// April to March of the year after, as Japan counts fiscal years (年度).
    JapaneseFiscalYear,
}

impl PeriodKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::CalendarYear, Self::JapaneseFiscalYear];

    /// The name as it is stored and sent (`CALENDAR_YEAR`).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CalendarYear => "CALENDAR_YEAR",
            Self::JapaneseFiscalYear => "JAPANESE_FISCAL_YEAR",
        }
    }
}

impl fmt::Display for PeriodKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for PeriodKind {
    type Err = Rule;
    fn from_str(text: &str) -> Result<Self, Rule> {
        required(text)?;
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| Rule::NotOneOf { allowed: Self::ALL.map(Self::as_str).join(", ") })
    }
}

/// What kind of break it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum BreakKind {
    /// The figures are made in another way from this year on, and cannot be compared with those before.
    SeriesBreak,
    /// Something happened in this year that its figures cannot be read without, such as a pandemic.
    Event,
}

impl BreakKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::SeriesBreak, Self::Event];

    /// The name as it is stored and sent (`SERIES_BREAK`).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SeriesBreak => "SERIES_BREAK",
            Self::Event => "EVENT",
        }
    }
}

impl fmt::Display for BreakKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for BreakKind {
    type Err = Rule;
    fn from_str(text: &str) -> Result<Self, Rule> {
        required(text)?;
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| Rule::NotOneOf { allowed: Self::ALL.map(Self::as_str).join(", ") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_has_one_name_wherever_it_is_written() -> Result<(), serde_json::Error> {
        for kind in PeriodKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
            assert_eq!(serde_json::to_string(&kind)?, format!("\"{kind}\""));
        }
        for kind in BreakKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
            assert_eq!(serde_json::to_string(&kind)?, format!("\"{kind}\""));
        }
        assert_eq!(" ".parse::<BreakKind>(), Err(Rule::Required));
        assert_eq!("event".parse::<BreakKind>(), Err(Rule::NotOneOf { allowed: "SERIES_BREAK, EVENT".to_owned() }));
        Ok(())
    }
}
