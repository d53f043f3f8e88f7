//! The fact sheet: published totals, the figures of each country, their sum, and the difference between the two.
//! This is where a fact sheet is put together; it has no table of its own.

pub mod graphql;

use std::collections::BTreeSet;

use entities::{CategoryCode, Count, Flags, ObservationStatus, Rule, Year};

use crate::{
    error::{Error, Fault, Result},
    figures::{Published, disclosure::Figure, published::Column},
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

/// What a selection comes to: which years and categories a fact sheet has. It does not refer to what it was read from,
/// so it can be kept beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Every year in which any of the categories has a figure, within the bounds, in order.
    pub years: Vec<Year>,
    /// The indices of the categories, in the tenant's order.
    pub categories: Vec<usize>,
}

impl Extent {
    /// The figures of each category.
    pub fn figures<'a>(&self, published: &'a Published) -> impl Iterator<Item = CategoryFigures<'a>> {
        self.categories.iter().map(|category| CategoryFigures::new(published, *category, &self.years))
    }
}

/// A fact sheet. It refers to the published data that it was put together from.
#[derive(Debug)]
pub struct FactSheet<'a> {
    /// Every year in which any of the categories has a figure, within the bounds.
    pub years: Vec<Year>,
    /// The categories in the tenant's order.
    pub categories: Vec<CategoryFigures<'a>>,
}

/// The part of a fact sheet about one category: a view of the published figures, which are looked up by index when they
/// are asked for.
#[derive(Debug)]
pub struct CategoryFigures<'a> {
    /// The index of the category.
    pub category: usize,
    /// The years of the fact sheet, and what is published of each.
    columns: Vec<(Year, Option<&'a Column>)>,
    /// How many countries there are, with figures or not.
    countries: usize,
}

impl<'a> CategoryFigures<'a> {
    /// The figures of the category with this index in these years.
    #[must_use]
    pub fn new(published: &'a Published, category: usize, years: &[Year]) -> Self {
        let figures = published.figures.get(category);
        let column = |year: &Year| (*year, figures.and_then(|figures| figures.columns.get(year)).map(AsRef::as_ref));
        Self { category, columns: years.iter().map(column).collect(), countries: published.countries.len() }
    }

    /// A total for each year of the fact sheet.
    pub fn totals(&self) -> impl ExactSizeIterator<Item = YearlyTotal<'a>> {
        self.columns.iter().map(|(year, column)| YearlyTotal { year: *year, column: *column })
    }

    /// A series for each country that has a figure, value or not, in the tenant's order.
    pub fn countries(&self) -> impl Iterator<Item = CountrySeries<'_>> {
        let series = |country| CountrySeries { country, columns: &self.columns };
        (0..self.countries).map(series).filter(|series| series.counts().any(|count| count.figure.is_some()))
    }
}

/// The total of one year.
#[derive(Clone, Copy, Debug)]
pub struct YearlyTotal<'a> {
    /// The year.
    pub year: Year,
    column: Option<&'a Column>,
}

impl<'a> YearlyTotal<'a> {
    /// Whether anything of the year is published.
    #[must_use]
    pub const fn is_there(&self) -> bool {
        self.column.is_some()
    }

    /// The total as published, if one is.
    #[must_use]
    pub fn published(&self) -> Option<&'a Figure> {
        self.column?.sheet().total().map(AsRef::as_ref)
    }

    /// The sum of the countries, at most [`Count::MAX`](entities::Count::MAX); none when no country has a value or the sum
    /// may not be told.
    #[must_use]
    pub fn sum(&self) -> Option<i64> {
        self.column?.sheet().sum()
    }

    /// The sum of the countries less the published total; none without both.
    #[must_use]
    pub fn difference(&self) -> Option<i64> {
        self.column?.sheet().difference()
    }

    /// The visits that are known to belong to no country in particular.
    #[must_use]
    pub fn unallocated(&self) -> Option<&'a Figure> {
        self.column?.unallocated()
    }

    /// What was counted together because it was too small to be shown apart.
    #[must_use]
    pub fn others(&self) -> Option<&'a Figure> {
        self.column?.sheet().others().map(AsRef::as_ref)
    }
}

/// The figures of one country, one for each year of the fact sheet.
#[derive(Clone, Copy, Debug)]
pub struct CountrySeries<'a> {
    /// The index of the country.
    pub country: usize,
    columns: &'a [(Year, Option<&'a Column>)],
}

impl<'a> CountrySeries<'a> {
    /// Its figures, in the order of the years.
    pub fn counts(self) -> impl ExactSizeIterator<Item = VisitCount<'a>> {
        let Self { country, columns } = self;
        columns.iter().map(move |(year, column)| VisitCount {
            year: *year,
            figure: column.and_then(|column| column.figure(country)),
        })
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

/// Finds which years and categories a fact sheet has.
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

/// Puts a fact sheet together.
///
/// # Errors
/// As [`extent`].
pub fn assemble(published: &Published, selection: Selection) -> Result<FactSheet<'_>> {
    let extent = extent(published, selection)?;
    Ok(FactSheet { categories: extent.figures(published).collect(), years: extent.years })
}
