//! Figures as pictures: [`svg()`] and [`png()`] draw a [`Chart`], [`page()`] says the same as a table.
//!
//! A picture stands by itself: no script, no reference to anything outside it. The same chart always gives the same
//! bytes. What has no value is never drawn as zero, and no line joins figures that cannot be compared.

mod page;
mod palette;
pub mod plan;
mod png;
mod svg;
mod table;
mod text;
mod words;

#[cfg(test)]
mod tests;

use std::io;

use entities::{Count, Language, ObservationStatus, Year};

pub use self::{
    page::page,
    png::{png, workspace},
    svg::svg,
    words::number,
};

/// How many series fit in one picture.
pub const MAX_SERIES: usize = 12;
/// How many years fit in one picture.
pub const MAX_YEARS: usize = 120;
/// How many breaks and events fit in one picture.
pub const MAX_MARKS: usize = 12;
/// How many footnotes fit in one picture.
pub const MAX_FOOTNOTES: usize = 50;

/// What a chart shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Totals by year, a line for each category, with their values.
    YearlyTotals,
    /// Countries by year, a line for each.
    Countries,
    /// What each series has of the whole, as stacked bars by year.
    Share,
}

/// What is drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chart {
    /// What it shows.
    pub kind: Kind,
    /// The language of the words that are not given: statuses, summary.
    pub language: Language,
    /// What it is called.
    pub title: String,
    /// What it shows, for those who cannot see it.
    pub description: String,
    /// What is counted (`visits`).
    pub unit: String,
    /// The years, ascending.
    pub years: Vec<Year>,
    /// What is compared, at most [`MAX_SERIES`].
    pub series: Vec<Series>,
    /// Where figures are no longer comparable.
    pub breaks: Vec<Break>,
    /// What a reader must know about a year.
    pub events: Vec<Event>,
    /// What a reader must know about the figures; shortened in the picture if there is no room, whole in the table.
    pub footnotes: Vec<String>,
    /// Where the figures come from.
    pub source: Option<String>,
    /// For which background.
    pub theme: Theme,
    /// From 320 to 2400 pixels.
    pub width: u32,
    /// From 240 to 1600 pixels.
    pub height: u32,
}

/// One line, or one part of every bar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// What it is called.
    pub label: String,
    /// One for each year of the chart.
    pub points: Vec<Point>,
}

/// One figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// From 0 to [`Count::MAX`], exactly when the status has a value.
    pub value: Option<i64>,
    /// The principal status.
    pub status: ObservationStatus,
}

/// Figures from this year on are not comparable with those before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Break {
    /// The first year that is counted otherwise.
    pub year: Year,
    /// Why.
    pub label: String,
}

/// Something happened in a year that shows in its figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The year.
    pub year: Year,
    /// What happened.
    pub label: String,
    /// Whether the year stands apart: no line leads to it or away from it.
    pub interrupts: bool,
}

/// For which background a chart is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the reader's system prefers; light in a PNG.
    #[default]
    Auto,
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

/// Why a chart cannot be drawn.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChartError {
    /// Too small, too large, or too many pixels at this scale.
    #[error("a chart is 320 to 2400 pixels wide and 240 to 1600 high, and has at most 6 million pixels")]
    Size,
    /// More series, marks or footnotes than fit.
    #[error("a chart has at most {MAX_SERIES} series, {MAX_MARKS} breaks and events, and {MAX_FOOTNOTES} footnotes")]
    TooMany,
    /// More years than fit.
    #[error("a chart has at most {MAX_YEARS} years")]
    TooManyYears,
    /// The years do not ascend, or a series has not one point for each.
    #[error("the years of a chart ascend, and every series has one point for each")]
    Years,
    /// A value is out of range, or contradicts its status.
    #[error("a value is from 0 to {}, and is there exactly when the status has one", Count::MAX)]
    Value,
    /// No installed font has the letters of the chart.
    #[error("no installed font has the letters of this chart")]
    NoFont,
    /// The picture could not be made from the SVG.
    #[error("the picture could not be made: {0}")]
    Picture(String),
    /// What it is written to takes no more.
    #[error("the picture is not written to its end")]
    Unwritten,
}

impl From<io::Error> for ChartError {
    fn from(_: io::Error) -> Self {
        Self::Unwritten
    }
}

impl Chart {
    fn check(&self) -> Result<(), ChartError> {
        if !(320..=2400).contains(&self.width) || !(240..=1600).contains(&self.height) {
            return Err(ChartError::Size);
        }
        let marks = self.breaks.len() + self.events.len();
        if self.series.len() > MAX_SERIES || marks > MAX_MARKS || self.footnotes.len() > MAX_FOOTNOTES {
            return Err(ChartError::TooMany);
        }
        if self.years.len() > MAX_YEARS {
            return Err(ChartError::TooManyYears);
        }
        let ascending = self.years.windows(2).all(|pair| pair[0] < pair[1]);
        if !ascending || self.series.iter().any(|series| series.points.len() != self.years.len()) {
            return Err(ChartError::Years);
        }
        let fits = |point: &Point| match point.value {
            Some(value) => point.status.has_value() && (0..=Count::MAX).contains(&value),
            None => !point.status.has_value(),
        };
        if self.series.iter().flat_map(|series| &series.points).all(fits) { Ok(()) } else { Err(ChartError::Value) }
    }

    fn is_empty(&self) -> bool {
        self.series.iter().all(|series| series.last().is_none())
    }

    /// Whether a line may lead to this year from the one before it in the chart.
    fn joins(&self, series: &Series, index: usize) -> bool {
        let Some(before) = index.checked_sub(1) else { return false };
        let (from, to) = (self.years[before], self.years[index]);
        let apart = |event: &Event| event.interrupts && (event.year == from || event.year == to);
        from.get() + 1 == to.get()
            && series.points[before].value.is_some()
            && series.points[index].value.is_some()
            && series.points[index].status != ObservationStatus::Break
            && !self.breaks.iter().any(|cut| cut.year == to)
            && !self.events.iter().any(apart)
    }

    /// The sum of all values of a year, when there are any.
    fn whole(&self, index: usize) -> Option<i64> {
        self.series.iter().filter_map(|series| series.points[index].value).reduce(|sum, value| sum + value)
    }

    /// What is said about years, in their order: breaks before events, those of one year together.
    fn marks(&self) -> Vec<Mark> {
        let breaks = self.breaks.iter().map(|cut| (cut.year, false, &cut.label));
        let events = self.events.iter().map(|event| (event.year, true, &event.label));
        let mut all: Vec<_> = breaks.chain(events).collect();
        all.sort_by_key(|(year, event, _)| (*year, *event));
        let mut marks: Vec<Mark> = Vec::new();
        for (year, event, label) in all {
            match marks.last_mut() {
                Some(mark) if mark.year == year && mark.event == event => {
                    mark.label = format!("{} / {label}", mark.label);
                }
                _ => marks.push(Mark { year, event, label: label.clone() }),
            }
        }
        marks
    }
}

/// What is said about a year: an event, or that a break comes before it.
struct Mark {
    year: Year,
    event: bool,
    label: String,
}

impl Series {
    /// The last year with a value, by its index.
    fn last(&self) -> Option<usize> {
        self.points.iter().rposition(|point| point.value.is_some())
    }

    /// The one reason why none of the years has a value.
    fn blank(&self) -> Option<ObservationStatus> {
        let first = self.points.first()?;
        let same = self.points.iter().all(|point| point.status == first.status);
        (first.value.is_none() && same).then_some(first.status)
    }
}
