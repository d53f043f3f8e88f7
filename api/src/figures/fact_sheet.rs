//! The fact sheet: published totals, the figures of each country, their sum, and the difference between the two.
//! This is where a fact sheet is put together; it has no table of its own.

pub mod graphql;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use entities::{CategoryCode, Count, Flags, ObservationStatus, Rule, Year};

use crate::{
    error::{Error, Fault, Result},
    figures::{
        Published,
        disclosure::{Figure, Sheet},
        published::Figures,
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
    sheet: Option<&'a Sheet>,
}

impl<'a> YearlyTotal<'a> {
    /// Whether anything of the year is published.
    #[must_use]
    pub const fn is_there(&self) -> bool {
        self.sheet.is_some()
    }

    /// The total as published, if one is.
    #[must_use]
    pub fn published(&self) -> Option<&'a Figure> {
        self.sheet.and_then(Sheet::total).map(AsRef::as_ref)
    }

    /// The sum of the countries, at most [`Count::MAX`](entities::Count::MAX); none when no country has a value or the sum
    /// may not be told.
    #[must_use]
    pub fn sum(&self) -> Option<i64> {
        self.sheet.and_then(Sheet::sum)
    }

    /// The sum of the countries less the published total; none without both.
    #[must_use]
    pub fn difference(&self) -> Option<i64> {
        self.sheet.and_then(Sheet::difference)
    }

    /// The visits that are known to belong to no country in particular.
    #[must_use]
    pub fn unallocated(&self) -> Option<&'a Figure> {
        let mut counts = self.sheet?.counts().iter();
        counts.find(|(country, _)| country.is_unallocated()).map(|(_, figure)| figure.as_ref())
    }

    /// What was counted together because it was too small to be shown apart.
    #[must_use]
    pub fn others(&self) -> Option<&'a Figure> {
        self.sheet.and_then(Sheet::others).map(AsRef::as_ref)
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
    /// The figure. Where the sheet of the year says nothing of the country, there is none, and it is missing.
    pub figure: Option<&'a Figure>,
}

impl VisitCount<'_> {
    /// The number of visits, if there is one to show.
    #[must_use]
    pub fn value(&self) -> Option<Count> {
        self.figure.and_then(Figure::value)
    }

    /// Every status that it has.
    #[must_use]
    pub fn flags(&self) -> Flags {
        self.figure.map_or(ObservationStatus::Missing.into(), |figure| figure.observation().flags())
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
        .flat_map(|category| published.figures[*category].sheets.keys())
        .copied()
        .filter(within)
        .collect();
    let years: Vec<Year> = years.into_iter().collect();
    let categories = categories.into_iter().map(|category| of_category(&published.figures[category], category, &years));
    Ok(FactSheet { categories: categories.collect(), years })
}

fn of_category<'a>(figures: &'a Figures, category: usize, years: &[Year]) -> CategoryFigures<'a> {
    let count = |series: &'a BTreeMap<Year, Arc<Figure>>, year: &Year| VisitCount {
        year: *year,
        figure: series.get(year).map(AsRef::as_ref),
    };
    let countries = figures
        .counts
        .iter()
        .filter(|(_, series)| years.iter().any(|year| series.contains_key(year)))
        .map(|(country, series)| CountrySeries {
            country: *country,
            counts: years.iter().map(|year| count(series, year)).collect(),
        })
        .collect();
    let total = |year: &Year| YearlyTotal { year: *year, sheet: figures.sheets.get(year).map(AsRef::as_ref) };
    CategoryFigures { category, totals: years.iter().map(total).collect(), countries }
}
