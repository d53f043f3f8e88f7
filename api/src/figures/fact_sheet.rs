//! The fact sheet: published totals, the figures of each country, their sum, and the difference between the two.
//! This is where a fact sheet is put together; it has no table of its own.

pub mod graphql;

use std::{collections::BTreeSet, sync::Arc};

use entities::{CategoryCode, Count, Flags, ObservationStatus, Rule, Year};

use crate::{
    error::{Error, Fault, Result},
    figures::{
        Published,
        disclosure::{Figure, Sheet},
        published::Column,
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

/// What a fact sheet extends over. It owns nothing of what is published, and holds for the state it was worked out for.
#[derive(Clone, Debug)]
pub struct Extent {
    /// Every year in which any of the categories has a figure, within the bounds.
    pub years: Arc<[Year]>,
    /// The indexes of the categories, in the tenant's order.
    pub categories: Vec<usize>,
}

impl Extent {
    /// The part about each category.
    pub fn categories<'a>(&self, published: &'a Published) -> impl Iterator<Item = CategoryFigures<'a>> {
        self.categories.iter().map(|category| {
            let columns = &published.figures[*category].columns;
            CategoryFigures {
                category: *category,
                years: Arc::clone(&self.years),
                columns: self.years.iter().map(|year| columns.get(year).map(AsRef::as_ref)).collect(),
                countries: published.countries.len(),
            }
        })
    }
}

/// A fact sheet. It refers to the published data that it was put together from.
#[derive(Debug)]
pub struct FactSheet<'a> {
    /// Every year in which any of the categories has a figure, within the bounds.
    pub years: Arc<[Year]>,
    /// The categories in the tenant's order.
    pub categories: Vec<CategoryFigures<'a>>,
}

/// The part of a fact sheet about one category. What it shows is looked up when it is asked for.
#[derive(Debug)]
pub struct CategoryFigures<'a> {
    /// The index of the category.
    pub category: usize,
    years: Arc<[Year]>,
    /// What there is of each of the years.
    columns: Box<[Option<&'a Column>]>,
    /// How many countries there are.
    countries: usize,
}

impl<'a> CategoryFigures<'a> {
    /// A total for each year of the fact sheet.
    pub fn totals(&self) -> impl Iterator<Item = YearlyTotal<'a>> {
        let total = |(year, column): (&Year, &Option<&'a Column>)| YearlyTotal {
            year: *year,
            sheet: column.map(Column::sheet),
        };
        self.years.iter().zip(&self.columns).map(total)
    }

    /// A series for each country that has a figure, value or not, in the tenant's order.
    pub fn countries(&self) -> impl Iterator<Item = CountrySeries<'_>> {
        let has_figure =
            |country: &usize| self.columns.iter().flatten().any(|column| column.figure(*country).is_some());
        let series = |country| CountrySeries { country, years: &self.years, columns: &self.columns };
        (0..self.countries).filter(has_figure).map(series)
    }
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
#[derive(Clone, Copy, Debug)]
pub struct CountrySeries<'a> {
    /// The index of the country.
    pub country: usize,
    years: &'a [Year],
    columns: &'a [Option<&'a Column>],
}

impl<'a> CountrySeries<'a> {
    /// Its figures.
    pub fn counts(&self) -> impl Iterator<Item = VisitCount<'a>> {
        let country = self.country;
        let count = move |(year, column): (&Year, &Option<&'a Column>)| VisitCount {
            year: *year,
            figure: column.and_then(|column| column.figure(country)),
        };
        self.years.iter().zip(self.columns).map(count)
    }
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
/// As [`extent`].
pub fn assemble(published: &Published, selection: Selection) -> Result<FactSheet<'_>> {
    let extent = extent(published, selection)?;
    Ok(FactSheet { categories: extent.categories(published).collect(), years: extent.years })
}

/// Works out what a fact sheet extends over.
///
/// # Errors
/// [`Error::Invalid`] for a category that does not exist or stands twice, and for `from` after `to`.
pub fn extent(published: &Published, selection: Selection) -> Result<Extent> {
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
        .flat_map(|category| published.figures[*category].columns.keys())
        .copied()
        .filter(within)
        .collect();
    Ok(Extent { years: years.into_iter().collect(), categories })
}
