//! `figures/withheld.csv`: which figures of published sheets the disclosure policy withholds, so that they stay withheld where
//! the dataset is imported. A row without a country is about the total, and there is one for every sheet that was public.

use std::collections::BTreeMap;

use entities::{CategoryCode, Count, CountryCode, Form, Locale, Rule, Year};

use crate::{
    Files,
    fault::Report,
    files::WITHHELD,
    key::Keys,
    table::{Layout, Row, cell},
    text,
};

const LAYOUT: Layout =
    Layout { path: WITHHELD, fixed: &["category", "year", "country", "confidentiality", "at_least"], localized: &[] };
const CATEGORY: usize = 0;
const YEAR: usize = 1;
const COUNTRY: usize = 2;
const CONFIDENTIALITY: usize = 3;
const AT_LEAST: usize = 4;

/// What is shown, and what is withheld.
const FREE: &str = "FREE";
const HIDDEN: &str = "WITHHELD";

/// What of the figures of a category and year stays withheld.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withheld {
    /// The category of the visits.
    pub category: CategoryCode,
    /// The calendar year.
    pub year: Year,
    /// Whether the total stays withheld.
    pub total: bool,
    /// The countries whose figures stay withheld, each with the least that it may have before the total is withheld.
    pub countries: BTreeMap<CountryCode, Count>,
}

pub(crate) fn read(
    files: &Files,
    locales: Option<&[Locale]>,
    categories: &Keys<CategoryCode>,
    countries: &Keys<CountryCode>,
    report: &mut Report,
) -> Vec<Withheld> {
    let mut sheets: BTreeMap<(CategoryCode, Year), Withheld> = BTreeMap::new();
    let Some(text) = files.get(WITHHELD).and_then(|bytes| text::decode(WITHHELD, bytes, report)) else {
        return Vec::new();
    };
    let Some((heading, mut records)) = LAYOUT.open(&text, locales, report) else { return Vec::new() };
    let mut keys = Keys::new(true);
    while let Some(row) = heading.next(&mut records, report) {
        let category = row.required::<CategoryCode>(CATEGORY, report);
        let year = row.required::<Year>(YEAR, report);
        let country = row.optional::<CountryCode>(COUNTRY, report);
        if let Some(Err(rule)) = category.as_ref().map(|category| categories.check(category)) {
            row.fault(CATEGORY, rule, report);
        }
        if let Some(Err(rule)) = country.as_ref().map(|country| countries.check(country)) {
            row.fault(COUNTRY, rule, report);
        }
        let is_total = row.text(COUNTRY) == Some("");
        let hidden = read_confidentiality(&row, is_total, report);
        let at_least = if is_total { row.optional(AT_LEAST, report) } else { row.required::<Count>(AT_LEAST, report) };
        if is_total && at_least.is_some() {
            row.fault(AT_LEAST, Rule::Format { expected: Form::EmptyForTotal }, report);
        }
        let (Some(category), Some(year)) = (category, year) else { continue };
        if let Err(rule) = keys.add((category.clone(), year, country.clone())) {
            row.key_fault(&[CATEGORY, YEAR, COUNTRY], rule, report);
        }
        // Without a row of its own, a total is withheld.
        let sheet = sheets.entry((category.clone(), year)).or_insert_with(|| Withheld {
            category,
            year,
            total: true,
            countries: BTreeMap::new(),
        });
        match country {
            Some(country) => sheet.countries.extend(at_least.map(|at_least| (country, at_least))),
            None => sheet.total = hidden.unwrap_or(true),
        }
    }
    sheets.into_values().collect()
}

/// Whether the figure is withheld: the total may be shown, a country that is listed is withheld.
fn read_confidentiality(row: &Row<'_, '_>, is_total: bool, report: &mut Report) -> Option<bool> {
    match row.text(CONFIDENTIALITY)? {
        HIDDEN => Some(true),
        FREE if is_total => Some(false),
        _ => {
            let allowed = if is_total { format!("{FREE}, {HIDDEN}") } else { HIDDEN.to_owned() };
            row.fault(CONFIDENTIALITY, Rule::NotOneOf { allowed }, report);
            None
        }
    }
}

pub(crate) fn render(sheets: &[Withheld], locales: &[Locale]) -> String {
    let mut rows = Vec::new();
    for sheet in sheets {
        let total = if sheet.total { HIDDEN } else { FREE };
        rows.push((sheet, None, total, None));
        rows.extend(sheet.countries.iter().map(|(country, least)| (sheet, Some(country), HIDDEN, Some(least))));
    }
    LAYOUT.render(locales, &rows, |(sheet, country, confidentiality, least)| {
        vec![
            sheet.category.to_string(),
            sheet.year.to_string(),
            cell(*country),
            (*confidentiality).to_owned(),
            cell(*least),
        ]
    })
}
