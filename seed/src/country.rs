//! `countries.csv`: the countries and areas that figures are recorded for.

use entities::{CountryCode, Line, Locale, Localized, Position};

use crate::{
    Files,
    fault::Report,
    files::COUNTRIES,
    key::Keys,
    table::{Layout, cell},
    text,
};

const LAYOUT: Layout = Layout { path: COUNTRIES, fixed: &["code", "position"], localized: &["name"] };
const CODE: usize = 0;
const POSITION: usize = 1;

/// A country or area.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Country {
    /// Its code; no other country has it.
    pub code: CountryCode,
    /// Its place in lists.
    pub position: Position,
    /// Its name, in one locale at least.
    pub names: Localized<Line>,
}

pub(crate) fn read(
    files: &Files,
    locales: Option<&[Locale]>,
    report: &mut Report,
) -> (Vec<Country>, Keys<CountryCode>) {
    let mut countries = Vec::new();
    let Some(text) = text::required(files, COUNTRIES, report) else { return (countries, Keys::new(false)) };
    let Some((heading, mut records)) = LAYOUT.open(&text, locales, report) else {
        return (countries, Keys::new(false));
    };
    let mut codes = Keys::new(heading.has(CODE));
    while let Some(row) = heading.next(&mut records, report) {
        if !row.is_sound(CODE) {
            codes.doubt();
        }
        let code = row.required::<CountryCode>(CODE, report);
        let position = row.required(POSITION, report);
        if let Some(code) = &code
            && let Err(rule) = codes.add(code.clone())
        {
            row.fault(CODE, rule, report);
        }
        let names = row.localized(report);
        row.require_one(row.groups().map(|(_, [name])| name), report);
        if let Some((code, position)) = code.zip(position) {
            countries.push(Country { code, position, names });
        }
    }
    (countries, codes)
}

pub(crate) fn render(countries: &[Country], locales: &[Locale]) -> String {
    LAYOUT.render(locales, countries, |country| {
        let mut cells = vec![country.code.to_string(), country.position.to_string()];
        cells.extend(locales.iter().map(|locale| cell(country.names.get(locale))));
        cells
    })
}
