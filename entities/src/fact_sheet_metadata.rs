//! `fact_sheet_metadata` (live): the one row of what is said of the fact sheet as a whole.

use std::{fmt, str::FromStr};

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{Rule, text::required};

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
