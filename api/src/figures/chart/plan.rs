//! From what is published to a chart: which series there are, and what is said of them.

use std::collections::{BTreeMap, BTreeSet};

use entities::{BreakKind, CountryCode, Flags, Language, Localized, ObservationStatus, Rule, Year};

use super::{Break, Chart, Event, Kind, MAX_MARKS, MAX_SERIES, Point, Series, Theme};
use crate::{
    error::{Error, Result},
    figures::{
        Published,
        disclosure::{Confidentiality, Figure},
        fact_sheet::{CategoryFigures, FactSheet, Selection, assemble},
    },
    locale::Preference,
};

/// How many countries are drawn when nobody says which.
const TOP: usize = 5;

/// What somebody wants to see.
#[derive(Clone, Debug)]
pub struct Request {
    /// What it shows.
    pub kind: Kind,
    /// Of which figures.
    pub selection: Selection,
    /// Of which countries; those with the most visits when nothing is said.
    pub countries: Option<Vec<CountryCode>>,
    /// How many of those with the most visits.
    pub top: Option<usize>,
    /// For which background.
    pub theme: Theme,
    /// How wide, in pixels.
    pub width: u32,
    /// How high, in pixels.
    pub height: u32,
}

/// The chart of what is published.
///
/// # Errors
/// [`Error::Invalid`] for a category or country that does not exist, or more countries than a chart can hold.
pub fn plan(published: &Published, request: Request, preference: &Preference) -> Result<Chart> {
    let Request { kind, selection, countries, top, theme, width, height } = request;
    let sheet = assemble(published, selection)?;
    let language = Language::of(preference.requested());
    let chosen = chosen(published, countries.as_deref(), top)?;
    let series = match kind {
        Kind::YearlyTotals => totals(published, &sheet, preference),
        Kind::Countries => of_countries(published, &sheet, preference, language, chosen),
        Kind::Share => parts(of_countries(published, &sheet, preference, language, chosen), sheet.years.len()),
    };
    let about = &published.metadata;
    let text = |texts: &Localized<entities::Line>| preference.pick(texts).map(|(_, text)| text.to_string());
    let title = text(&about.title).unwrap_or_else(|| super::words::say(language, "Fact sheet", "統計表").to_owned());
    let shown: Vec<String> =
        sheet.categories.iter().map(|figures| name_of_category(published, figures.category, preference)).collect();
    let what = match kind {
        Kind::YearlyTotals => super::words::say(language, "totals by year", "年ごとの総数"),
        Kind::Countries => super::words::say(language, "countries by year", "国・地域の推移"),
        Kind::Share => super::words::say(language, "share of countries", "国・地域の割合"),
    };
    let of_sheet = |category: Option<&entities::CategoryCode>, year: Year| {
        let category = category.map(|code| published.category(code));
        sheet.years.contains(&year)
            && category.is_none_or(|index| sheet.categories.iter().any(|figures| Some(figures.category) == index))
    };
    let marks = about.breaks.iter().filter(|found| of_sheet(found.category.as_ref(), found.year)).take(MAX_MARKS);
    let (mut breaks, mut events) = (Vec::new(), Vec::new());
    for found in marks {
        let Some(label) = text(&found.label) else { continue };
        match found.kind {
            BreakKind::SeriesBreak => breaks.push(Break { year: found.year, label }),
            BreakKind::Event => events.push(Event { year: found.year, label, interrupts: true }),
        }
    }
    let prose = |texts: &Localized<entities::Prose>| preference.pick(texts).map(|(_, text)| text.to_string());
    let general = about.footnotes.iter().filter(|footnote| footnote.places.is_empty());
    Ok(Chart {
        kind,
        language,
        title: format!("{title}: {what}"),
        description: shown.join(super::words::say(language, ", ", "、")),
        unit: text(&about.unit).unwrap_or_default(),
        years: sheet.years,
        series,
        breaks,
        events,
        footnotes: general.filter_map(|footnote| prose(&footnote.text)).take(super::MAX_FOOTNOTES).collect(),
        source: text(&about.producer),
        theme,
        width,
        height,
    })
}

/// The countries that are wanted, or how many.
enum Chosen {
    These(Vec<usize>),
    Top(usize),
}

fn chosen(published: &Published, countries: Option<&[CountryCode]>, top: Option<usize>) -> Result<Chosen> {
    // One place is left for the others.
    let most = MAX_SERIES - 1;
    let Some(codes) = countries else {
        let top = top.unwrap_or(TOP);
        let out_of_range = Rule::OutOfRange { min: 1, max: i64::try_from(most).unwrap_or_default() };
        return if (1..=most).contains(&top) {
            Ok(Chosen::Top(top))
        } else {
            Err(Error::invalid(["top"], out_of_range))
        };
    };
    if codes.len() > most {
        return Err(Error::invalid(["country"], Rule::TooMany { max: most }));
    }
    let mut found = Vec::with_capacity(codes.len());
    for code in codes {
        let index = published.country(code).ok_or_else(|| Error::invalid(["country"], Rule::Unknown))?;
        if found.contains(&index) {
            return Err(Error::invalid(["country"], Rule::Duplicate));
        }
        found.push(index);
    }
    Ok(Chosen::These(found))
}

fn name_of_category(published: &Published, category: usize, preference: &Preference) -> String {
    let category = &published.categories[category];
    let label = preference.pick(&category.labels);
    label.map_or_else(|| category.code.to_string(), |(_, label)| label.name.clone())
}

fn totals(published: &Published, sheet: &FactSheet<'_>, preference: &Preference) -> Vec<Series> {
    let series = sheet.categories.iter().take(MAX_SERIES).map(|figures| Series {
        label: name_of_category(published, figures.category, preference),
        points: figures.totals().map(|total| sum(total.published().into_iter())).collect(),
    });
    series.collect()
}

/// A line for each country that is wanted, and one for all others.
fn of_countries(
    published: &Published,
    sheet: &FactSheet<'_>,
    preference: &Preference,
    language: Language,
    chosen: Chosen,
) -> Vec<Series> {
    let mut figures: BTreeMap<usize, Vec<Vec<&Figure>>> = BTreeMap::new();
    for series in sheet.categories.iter().flat_map(CategoryFigures::countries) {
        let years = figures.entry(series.country).or_insert_with(|| vec![Vec::new(); sheet.years.len()]);
        for (year, count) in years.iter_mut().zip(series.counts()) {
            year.extend(count.figure);
        }
    }
    let drawn = match chosen {
        Chosen::These(countries) => countries,
        Chosen::Top(top) => {
            let known = |years: &[Vec<&Figure>]| -> i64 {
                years.iter().flatten().filter_map(|figure| figure.value()).map(entities::Count::get).sum()
            };
            let mut all: Vec<(i64, usize)> = figures.iter().map(|(country, years)| (known(years), *country)).collect();
            all.sort_by_key(|(visits, country)| (std::cmp::Reverse(*visits), *country));
            all.into_iter().filter(|(visits, _)| *visits > 0).take(top).map(|(_, country)| country).collect()
        }
    };
    let nothing = vec![Vec::new(); sheet.years.len()];
    let line = |country: &usize| {
        let country_figures = figures.get(country).unwrap_or(&nothing);
        let named = &published.countries[*country];
        let name = preference.pick(&named.names).map_or_else(|| named.code.to_string(), |(_, name)| name.clone());
        Series { label: name, points: country_figures.iter().map(|year| sum(year.iter().copied())).collect() }
    };
    let mut series: Vec<Series> = drawn.iter().map(line).collect();
    let drawn: BTreeSet<usize> = drawn.into_iter().collect();
    let rest: Vec<&Vec<Vec<&Figure>>> =
        figures.iter().filter(|(country, _)| !drawn.contains(country)).map(|(_, years)| years).collect();
    if !rest.is_empty() {
        let points = (0..sheet.years.len()).map(|year| sum(rest.iter().flat_map(|years| years[year].iter().copied())));
        let label = super::words::say(language, "Others", "その他").to_owned();
        series.push(Series { label, points: points.collect() });
    }
    series
}

/// Of a whole of which a part is withheld, no part has a share.
fn parts(mut series: Vec<Series>, years: usize) -> Vec<Series> {
    for year in 0..years {
        if series.iter().any(|series| series.points[year].status == ObservationStatus::Suppressed) {
            for series in &mut series {
                series.points[year] = Point { value: None, status: ObservationStatus::Suppressed };
            }
        }
    }
    series
}

/// Several figures as one: their sum, unless one of them is withheld.
fn sum<'a>(figures: impl Iterator<Item = &'a Figure>) -> Point {
    let mut value: Option<i64> = None;
    let mut statuses = BTreeSet::new();
    let mut reason = ObservationStatus::Missing;
    for figure in figures {
        let withheld = matches!(figure.confidentiality(), Confidentiality::Withheld | Confidentiality::Merged);
        if withheld || figure.observation().status() == ObservationStatus::Suppressed {
            return Point { value: None, status: ObservationStatus::Suppressed };
        }
        match figure.value() {
            Some(count) => {
                value = Some(value.unwrap_or_default() + count.get());
                statuses.extend(figure.observation().flags().iter());
            }
            None => reason = figure.observation().status(),
        }
    }
    if statuses.len() > 1 {
        statuses.remove(&ObservationStatus::Final);
    }
    let status = match (value, Flags::new(statuses)) {
        (Some(_), Ok(flags)) => flags.principal(),
        (Some(_), Err(_)) => ObservationStatus::Final,
        (None, _) => reason,
    };
    Point { value, status }
}
