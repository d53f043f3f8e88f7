//! `figures/yearly_totals.csv`: the totals as they were published, which need not be the sums of the visit counts.

use entities::{CategoryCode, Count, Locale, Localized, Prose, Year};

use crate::{
    Files,
    fault::Report,
    files::YEARLY_TOTALS,
    key::Keys,
    table::{Layout, cell},
    text,
};

const LAYOUT: Layout = Layout { path: YEARLY_TOTALS, fixed: &["category", "year", "value"], localized: &["note"] };
const CATEGORY: usize = 0;
const YEAR: usize = 1;
const VALUE: usize = 2;

/// The published total of a category in one calendar year. There is one at most for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct YearlyTotal {
    /// The category of the visits.
    pub category: CategoryCode,
    /// The calendar year.
    pub year: Year,
    /// The number of visits that was published.
    pub value: Count,
    /// What readers must know about the total.
    pub note: Localized<Prose>,
}

pub(crate) fn read(
    files: &Files,
    locales: Option<&[Locale]>,
    categories: &Keys<CategoryCode>,
    report: &mut Report,
) -> Vec<YearlyTotal> {
    let mut totals = Vec::new();
    let Some(text) = text::required(files, YEARLY_TOTALS, report) else { return totals };
    let Some((heading, mut records)) = LAYOUT.open(&text, locales, report) else { return totals };
    let mut keys = Keys::new(true);
    while let Some(row) = heading.next(&mut records, report) {
        let category = row.required::<CategoryCode>(CATEGORY, report);
        let year = row.required::<Year>(YEAR, report);
        let value = row.required(VALUE, report);
        let note = row.localized(report);
        if let Some(Err(rule)) = category.as_ref().map(|category| categories.check(category)) {
            row.fault(CATEGORY, rule, report);
        }
        let (Some(category), Some(year)) = (category, year) else { continue };
        if let Err(rule) = keys.add((category.clone(), year)) {
            row.key_fault(&[CATEGORY, YEAR], rule, report);
        }
        totals.extend(value.map(|value| YearlyTotal { category, year, value, note }));
    }
    totals
}

pub(crate) fn render(totals: &[YearlyTotal], locales: &[Locale]) -> String {
    LAYOUT.render(locales, totals, |total| {
        let mut cells = vec![total.category.to_string(), total.year.to_string(), total.value.to_string()];
        cells.extend(locales.iter().map(|locale| cell(total.note.get(locale))));
        cells
    })
}
