//! The fact sheet: published totals, the figures of each country, their sum, and the difference between the two.
//! This is where a fact sheet is put together; it has no table of its own.

pub mod graphql;

use std::collections::BTreeSet;

use entities::{CategoryCode, Count, Localized, ObservationStatus, Rule, Year};

use crate::{
    error::{Error, Fault, Result},
    figures::{
        Published,
        published::{Figures, PublishedCount, PublishedTotal},
        sum,
    },
};

/// What a fact sheet shows. Without bounds, everything that is published.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// The categories; all when left out.
    pub categories: Option<Vec<CategoryCode>>,
    /// The first year.
    pub from: Option<Year>,
    /// The last year.
    pub to: Option<Year>,
}

/// A fact sheet. It refers to the published data that it was put together from.
#[derive(Debug)]
pub struct FactSheet<'a> {
    /// Every year in which any of the categories has a figure, within the bounds.
    pub years: Vec<Year>,
    /// The categories in the tenant's order.
    pub categories: Vec<CategoryFigures<'a>>,
}

/// The part of a fact sheet about one category.
#[derive(Debug)]
pub struct CategoryFigures<'a> {
    /// The index of the category.
    pub category: usize,
    /// A total for each year of the fact sheet.
    pub totals: Vec<YearlyTotal<'a>>,
    /// A series for each country that has a figure, value or not, in the tenant's order.
    pub countries: Vec<CountrySeries<'a>>,
}

/// The total of one year.
#[derive(Clone, Copy, Debug)]
pub struct YearlyTotal<'a> {
    /// The year.
    pub year: Year,
    /// The total as published, if one is.
    pub published: Option<&'a PublishedTotal>,
    /// The sum of the countries that have a value, at most [`Count::MAX`]; none when no country has one.
    pub sum: Option<i64>,
}

impl YearlyTotal<'_> {
    /// The sum of the countries less the published total; none without both.
    #[must_use]
    pub fn difference(&self) -> Option<i64> {
        Some(self.sum? - self.published?.value.get())
    }
}

/// The figures of one country, one for each year of the fact sheet.
#[derive(Debug)]
pub struct CountrySeries<'a> {
    /// The index of the country.
    pub country: usize,
    /// Its figures.
    pub counts: Vec<VisitCount<'a>>,
}

/// One figure.
#[derive(Clone, Copy, Debug)]
pub struct VisitCount<'a> {
    /// The year.
    pub year: Year,
    figure: Option<&'a PublishedCount>,
}

impl<'a> VisitCount<'a> {
    /// The number of visits, if the status has one.
    #[must_use]
    pub fn value(&self) -> Option<Count> {
        self.figure.and_then(|figure| figure.observation.value())
    }

    /// What kind of figure it is. Where the sheet of the year says nothing of the country, the figure is missing.
    #[must_use]
    pub fn status(&self) -> ObservationStatus {
        self.figure.map_or(ObservationStatus::Missing, |figure| figure.observation.status())
    }

    /// What a reader must know about it.
    #[must_use]
    pub fn note(&self) -> Option<&'a Localized<String>> {
        self.figure.map(|figure| &figure.note)
    }
}

/// Puts a fact sheet together.
///
/// # Errors
/// [`Error::Invalid`] for a category that does not exist or stands twice, and for `from` after `to`.
pub fn assemble(published: &Published, selection: Selection) -> Result<FactSheet<'_>> {
    let mut faults = Vec::new();
    let mut categories: Vec<usize> = (0..published.categories.len()).collect();
    if let Some(codes) = selection.categories {
        let mut chosen = BTreeSet::new();
        for (index, code) in codes.iter().enumerate() {
            let rule = match published.category(code) {
                None => Rule::Unknown,
                Some(category) if !chosen.insert(category) => Rule::Duplicate,
                Some(_) => continue,
            };
            faults.push(Fault::new(["categories".to_owned(), index.to_string()], rule));
        }
        categories.retain(|category| chosen.contains(category));
    }
    let (from, to) = (selection.from, selection.to);
    if let (Some(from), Some(to)) = (from, to)
        && from > to
    {
        faults.push(Fault::new(["from"], Rule::EmptyRange));
    }
    if !faults.is_empty() {
        return Err(Error::Invalid(faults));
    }

    let within = |year: &Year| from.is_none_or(|from| from <= *year) && to.is_none_or(|to| *year <= to);
    let years: BTreeSet<Year> = categories
        .iter()
        .map(|category| &published.figures[*category])
        .flat_map(|figures| figures.totals.keys().chain(figures.counts.values().flat_map(|series| series.keys())))
        .copied()
        .filter(within)
        .collect();
    let years: Vec<Year> = years.into_iter().collect();
    let categories = categories.into_iter().map(|category| of_category(&published.figures[category], category, &years));
    Ok(FactSheet { categories: categories.collect(), years })
}

fn of_category<'a>(figures: &'a Figures, category: usize, years: &[Year]) -> CategoryFigures<'a> {
    let countries: Vec<CountrySeries<'a>> = figures
        .counts
        .iter()
        .filter(|(_, series)| years.iter().any(|year| series.contains_key(year)))
        .map(|(country, series)| CountrySeries {
            country: *country,
            counts: years.iter().map(|year| VisitCount { year: *year, figure: series.get(year) }).collect(),
        })
        .collect();
    let total = |(index, year): (usize, &Year)| YearlyTotal {
        year: *year,
        published: figures.totals.get(year),
        sum: sum(countries.iter().filter_map(|series| series.counts[index].value())),
    };
    let totals = years.iter().enumerate().map(total).collect();
    CategoryFigures { category, totals, countries }
}
