//! From what is published to a table that can be written to a file.

use std::collections::BTreeSet;

use entities::{CountryCode, Language, Localized, Year};

use super::{About, Row, Table};
use crate::{
    error::Result,
    figures::{
        Published,
        disclosure::Figure,
        fact_sheet::{CategoryFigures, Selection, assemble},
        metadata,
    },
    locale::Preference,
};

/// The figures of a selection as a table in one locale. Only figures that a sheet has become rows: the gaps of the grid
/// are no figures. `address` is where the table is served.
///
/// # Errors
/// As [`assemble`].
pub fn table(
    published: &Published,
    selection: Selection,
    preference: &Preference,
    address: Option<String>,
) -> Result<Table> {
    let sheet = assemble(published, selection)?;
    let named = |names: &Localized<String>, code: &str| {
        preference.pick(names).map_or_else(|| code.to_owned(), |(_, name)| name.clone())
    };
    let shown: BTreeSet<usize> =
        sheet.categories.iter().flat_map(|figures| figures.countries().map(|series| series.country)).collect();
    let country = |index: usize| &published.countries[index];
    let mut rows = Vec::new();
    for figures in &sheet.categories {
        rows.extend(rows_of(published, figures, preference));
    }
    let categories = sheet.categories.iter().map(|figures| {
        let category = &published.categories[figures.category];
        let label = preference.pick(&category.labels);
        (category.code.clone(), label.map_or_else(|| category.code.to_string(), |(_, label)| label.name.clone()))
    });
    Ok(Table {
        about: about(published, &sheet.years, preference, address),
        categories: categories.collect(),
        countries: shown
            .into_iter()
            .map(|index| (country(index).code.clone(), named(&country(index).names, country(index).code.as_str())))
            .collect(),
        years: sheet.years,
        rows,
    })
}

fn rows_of(published: &Published, figures: &CategoryFigures<'_>, preference: &Preference) -> Vec<Row> {
    let category = &published.categories[figures.category].code;
    let row = |country: Option<&CountryCode>, year: Year, figure: &Figure| Row {
        category: category.clone(),
        country: country.cloned(),
        year,
        observation: figure.observation(),
        confidentiality: figure.confidentiality(),
        note: preference.pick(figure.note()).map(|(locale, text)| (locale.clone(), text.clone())),
        footnotes: metadata::footnotes_at(&published.metadata, category, country, Some(year)),
    };
    let mut rows = Vec::new();
    for series in figures.countries() {
        let country = &published.countries[series.country].code;
        let counts = series.counts().filter_map(|count| Some((count.year, count.figure?)));
        rows.extend(counts.map(|(year, figure)| row(Some(country), year, figure)));
    }
    let totals = figures.totals().filter_map(|total| Some((total.year, total.published()?)));
    rows.extend(totals.map(|(year, figure)| row(None, year, figure)));
    rows
}

fn about(published: &Published, years: &[Year], preference: &Preference, address: Option<String>) -> About {
    fn text<T: ToString>(texts: &Localized<T>, preference: &Preference) -> Option<String> {
        preference.pick(texts).map(|(_, text)| text.to_string())
    }
    let about = &published.metadata;
    let text_of = |texts: &Localized<entities::Line>| text(texts, preference);
    let prose_of = |texts: &Localized<entities::Prose>| text(texts, preference);
    let contact =
        [about.contact_email.as_ref().map(ToString::to_string), about.contact_url.as_ref().map(ToString::to_string)];
    let contact: Vec<String> = contact.into_iter().flatten().collect();
    let fallback_title = match Language::of(preference.requested()) {
        Language::English => "Fact sheet",
        Language::Japanese => "統計表",
    };
    About {
        locale: Some(preference.requested().clone()),
        title: text_of(&about.title).unwrap_or_else(|| fallback_title.to_owned()),
        description: prose_of(&about.description),
        publisher: text_of(&about.producer),
        contact: (!contact.is_empty()).then(|| contact.join(", ")),
        method: prose_of(&about.method),
        unit: text_of(&about.unit),
        licence: text_of(&about.licence).map(|name| (name, about.licence_url.as_ref().map(ToString::to_string))),
        citation: prose_of(&about.citation),
        updated_at: published.updated_at,
        next_update: about.next_update.map(Into::into),
        period: years
            .first()
            .zip(years.last())
            .map(|(first, last)| (metadata::days(about.period, *first).0, metadata::days(about.period, *last).1)),
        address,
        // Their numbers are their places, so one that is in none of the locales keeps its place.
        footnotes: about.footnotes.iter().map(|footnote| prose_of(&footnote.text).unwrap_or_default()).collect(),
    }
}
