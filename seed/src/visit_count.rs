//! `figures/visit_counts.csv`: visits by category, country and year.

use std::collections::BTreeMap;

use entities::{CategoryCode, Count, CountryCode, Flags, Locale, Localized, Observation, Prose, Rule, Year};

use crate::{
    Files,
    fault::Report,
    files::VISIT_COUNTS,
    key::Keys,
    table::{Layout, Row, cell},
    text,
};

const LAYOUT: Layout =
    Layout { path: VISIT_COUNTS, fixed: &["category", "country", "year", "value", "status"], localized: &["note"] };
const CATEGORY: usize = 0;
const COUNTRY: usize = 1;
const YEAR: usize = 2;
const VALUE: usize = 3;
const STATUS: usize = 4;

/// The visits from one country in one calendar year, under one category. There is one figure at most for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VisitCount {
    /// The category of the visits.
    pub category: CategoryCode,
    /// The country that the visitors come from.
    pub country: CountryCode,
    /// The calendar year.
    pub year: Year,
    /// How many visits, and what kind of figure that is.
    pub observation: Observation,
    /// What readers must know about the figure.
    pub note: Localized<Prose>,
}

pub(crate) fn read(
    files: &Files,
    locales: Option<&[Locale]>,
    categories: &Keys<CategoryCode>,
    countries: &Keys<CountryCode>,
    report: &mut Report,
) -> Vec<VisitCount> {
    let mut figures = Vec::new();
    let Some(text) = text::required(files, VISIT_COUNTS, report) else { return figures };
    let Some((heading, mut records)) = LAYOUT.open(&text, locales, report) else { return figures };
    let mut keys = Keys::new(true);
    let mut sums: BTreeMap<(CategoryCode, Year), i64> = BTreeMap::new();
    while let Some(row) = heading.next(&mut records, report) {
        let category = row.required::<CategoryCode>(CATEGORY, report);
        let country = row.required::<CountryCode>(COUNTRY, report);
        let year = row.required::<Year>(YEAR, report);
        let observation = read_observation(&row, report);
        let note = row.localized(report);
        if let Some(Err(rule)) = category.as_ref().map(|category| categories.check(category)) {
            row.fault(CATEGORY, rule, report);
        }
        if let Some(Err(rule)) = country.as_ref().map(|country| countries.check(country)) {
            row.fault(COUNTRY, rule, report);
        }
        let (Some(category), Some(country), Some(year)) = (category, country, year) else { continue };
        if let Err(rule) = keys.add((category.clone(), country.clone(), year)) {
            row.key_fault(&[CATEGORY, COUNTRY, YEAR], rule, report);
        }
        let Some(observation) = observation else { continue };
        let sum = sums.entry((category.clone(), year)).or_default();
        let before = *sum;
        *sum = before.saturating_add(observation.value().map_or(0, Count::get));
        if before <= Count::MAX && *sum > Count::MAX {
            // Said once, of the figure that is one too many.
            row.fault(VALUE, Rule::SumTooLarge { max: Count::MAX }, report);
        }
        figures.push(VisitCount { category, country, year, observation, note });
    }
    figures
}

fn read_observation(row: &Row<'_, '_>, report: &mut Report) -> Option<Observation> {
    let status = row.required::<Flags>(STATUS, report);
    let value = row.optional::<Count>(VALUE, report);
    // A value that is there and faulty has been reported, and is not missing.
    if value.is_none() && row.text(VALUE) != Some("") {
        return None;
    }
    match Observation::new(value, status?) {
        Ok(observation) => Some(observation),
        Err(rule) => {
            row.fault(VALUE, rule, report);
            None
        }
    }
}

pub(crate) fn render(figures: &[VisitCount], locales: &[Locale]) -> String {
    LAYOUT.render(locales, figures, |figure| {
        let mut cells = vec![
            figure.category.to_string(),
            figure.country.to_string(),
            figure.year.to_string(),
            cell(figure.observation.value().as_ref()),
            figure.observation.flags().to_string(),
        ];
        cells.extend(locales.iter().map(|locale| cell(figure.note.get(locale))));
        cells
    })
}
