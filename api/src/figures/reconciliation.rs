//! What was published against what it is made of: for each category and year, and along both margins.

use entities::{Count, Year};

use crate::figures::fact_sheet::{CategoryFigures, FactSheet, YearlyTotal};

/// A published total held against the sum of its parts. All of it is as far as it may be told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reconciliation {
    /// The index of the category; none across all categories of the fact sheet.
    pub category: Option<usize>,
    /// The year; none across all years of the fact sheet.
    pub year: Option<Year>,
    /// The total as published; across a margin, the sum of the published totals when every one of them is known.
    pub published: Option<i64>,
    /// The sum of the countries; across a margin, when every part of it is known.
    pub sum: Option<i64>,
    /// What of the sum belongs to no country in particular.
    pub unallocated: Option<i64>,
    /// The sum less the published total.
    pub difference: Option<i64>,
}

impl Reconciliation {
    /// How much of the published total is broken down by country: 1 when all of it is. More than 1 when the source has
    /// more visits in its rows than in its total. None without both, or when the total is 0.
    #[must_use]
    pub fn coverage(&self) -> Option<f64> {
        let allocated = self.sum? - self.unallocated.unwrap_or_default();
        let published = self.published.filter(|published| *published != 0)?;
        // Counts and their sums are well below 2^53.
        #[expect(clippy::cast_precision_loss, reason = "counts and their sums lie well below 2^53")]
        Some(allocated as f64 / published as f64)
    }

    fn of(category: usize, total: &YearlyTotal<'_>) -> Self {
        let value = |figure: Option<&super::disclosure::Figure>| figure?.value().map(Count::get);
        Self {
            category: Some(category),
            year: Some(total.year),
            published: value(total.published()),
            sum: total.sum(),
            unallocated: value(total.unallocated()),
            difference: total.difference(),
        }
    }

    /// Across these. What is unknown of one is unknown of all.
    fn across(category: Option<usize>, year: Option<Year>, parts: &[Self]) -> Self {
        let all = |field: fn(&Self) -> Option<i64>| {
            parts.iter().map(field).sum::<Option<i64>>().filter(|_| !parts.is_empty())
        };
        Self {
            category,
            year,
            published: all(|part| part.published),
            sum: all(|part| part.sum),
            unallocated: parts.iter().filter_map(|part| part.unallocated).reduce(|sum, part| sum + part),
            difference: all(|part| part.difference),
        }
    }
}

/// Every category and year of a fact sheet, each category across the years, each year across the categories, and all.
/// Years in which a category has no sheet are left out of its margin.
#[must_use]
pub fn reconcile(sheet: &FactSheet<'_>) -> Vec<Reconciliation> {
    let of = |figures: &CategoryFigures<'_>| -> Vec<Reconciliation> {
        let published = figures.totals().filter(YearlyTotal::is_there);
        published.map(|total| Reconciliation::of(figures.category, &total)).collect()
    };
    let mut all = Vec::new();
    let mut cells = Vec::new();
    for figures in &sheet.categories {
        let parts = of(figures);
        all.extend_from_slice(&parts);
        all.push(Reconciliation::across(Some(figures.category), None, &parts));
        cells.extend(parts);
    }
    for year in &sheet.years {
        let parts: Vec<_> = cells.iter().filter(|part| part.year == Some(*year)).copied().collect();
        all.push(Reconciliation::across(None, Some(*year), &parts));
    }
    if !cells.is_empty() {
        all.push(Reconciliation::across(None, None, &cells));
    }
    all
}
