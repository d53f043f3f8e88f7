//! `figures/yearly_totals.csv`: the totals as they were published, which need not be the sums of the visit counts.

use entities::{CategoryCode, Count, Flags, Locale, Localized, Prose, Rule, Year};

use crate::{
    Files,
    fault::Report,
    files::YEARLY_TOTALS,
    key::Keys,
    table::{Layout, Row, cell},
    text,
};

const LAYOUT: Layout =
    Layout { path: YEARLY_TOTALS, fixed: &["category", "year", "value", "status"], localized: &["note"] };
const CATEGORY: usize = 0;
const YEAR: usize = 1;
const VALUE: usize = 2;
const STATUS: usize = 3;

/// The published total of a category in one calendar year. There is one at most for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct YearlyTotal {
    /// The category of the visits.
    pub category: CategoryCode,
    /// The calendar year.
    pub year: Year,
    /// The number of visits that was published.
    pub value: Count,
    /// What kind of figure that is; always one that has a value.
    pub flags: Flags,
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
        let flags = read_flags(&row, report);
        let note = row.localized(report);
        if let Some(Err(rule)) = category.as_ref().map(|category| categories.check(category)) {
            row.fault(CATEGORY, rule, report);
        }
        let (Some(category), Some(year)) = (category, year) else { continue };
        if let Err(rule) = keys.add((category.clone(), year)) {
            row.key_fault(&[CATEGORY, YEAR], rule, report);
        }
        totals.extend(value.zip(flags).map(|(value, flags)| YearlyTotal { category, year, value, flags, note }));
    }
    totals
}

/// The statuses, which must be of a figure that has a value.
fn read_flags(row: &Row<'_, '_>, report: &mut Report) -> Option<Flags> {
    let flags = row.required::<Flags>(STATUS, report)?;
    if !flags.principal().has_value() {
        row.fault(STATUS, Rule::ValueNotAllowed, report);
        return None;
    }
    Some(flags)
}

pub(crate) fn render(totals: &[YearlyTotal], locales: &[Locale]) -> String {
    LAYOUT.render(locales, totals, |total| {
        let mut cells =
            vec![total.category.to_string(), total.year.to_string(), total.value.to_string(), total.flags.to_string()];
        cells.extend(locales.iter().map(|locale| cell(total.note.get(locale))));
        cells
    })
}
