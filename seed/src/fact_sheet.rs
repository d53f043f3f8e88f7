//! `figures/fact-sheet.toml`: what is said of the figures as a whole.

use std::collections::BTreeSet;

pub use entities::fact_sheet_metadata::{Break, FactSheetMetadata, Footnote, FootnotePlace};
use entities::{CategoryCode, CountryCode, Date, Form, Locale, Localized, Rule};

use crate::{
    Files,
    fault::Report,
    files::FACT_SHEET,
    key::Keys,
    text,
    toml_table::{Source, Table, string},
};

/// What the texts and codes of the file may refer to.
struct Known<'a> {
    locales: Option<&'a [Locale]>,
    categories: &'a Keys<CategoryCode>,
    countries: &'a Keys<CountryCode>,
}

/// Reads the file, if there is one.
pub(crate) fn read(
    files: &Files,
    locales: Option<&[Locale]>,
    categories: &Keys<CategoryCode>,
    countries: &Keys<CountryCode>,
    report: &mut Report,
) -> Option<FactSheetMetadata> {
    let text = text::decode(FACT_SHEET, files.get(FACT_SHEET)?, report)?;
    let mut root = Source { path: FACT_SHEET, text: &text, start: 0 }.parse(&text, report);
    let known = Known { locales, categories, countries };
    let period = root.required("period", report);
    let metadata = FactSheetMetadata {
        title: root.optional_localized("title", locales, report),
        description: root.optional_localized("description", locales, report),
        producer: root.optional_localized("producer", locales, report),
        contact_email: root.optional("contact_email", report),
        contact_url: root.optional("contact_url", report),
        method: root.optional_localized("method", locales, report),
        unit: root.optional_localized("unit", locales, report),
        period: period.unwrap_or_default(),
        licence: root.optional_localized("licence", locales, report),
        licence_url: root.optional("licence_url", report),
        citation: root.optional_localized("citation", locales, report),
        next_update: root.optional::<Date>("next_update", report),
        breaks: read_breaks(&mut root, &known, report),
        footnotes: read_footnotes(&mut root, &known, report),
    };
    root.finish(report);
    Some(metadata)
}

fn read_breaks(root: &mut Table<'_>, known: &Known<'_>, report: &mut Report) -> Vec<Break> {
    let expected = Form::TomlBreaks;
    let mut breaks = Vec::new();
    for mut table in root.optional_tables("breaks", expected, FactSheetMetadata::MAX_ITEMS, report) {
        let sound = report.len();
        let year = table.required("year", report);
        let category = table.optional_checked("category", |code| known.categories.check(code), report);
        let kind = table.required("kind", report);
        let label = table.required_localized("label", known.locales, report);
        if let (Some(year), Some(kind)) = (year, kind)
            && report.len() == sound
        {
            let found = Break { year, category, kind, label };
            if breaks.contains(&found) {
                report.add_field(table.spot(), "breaks", Rule::Duplicate, "");
            }
            breaks.push(found);
        }
        table.finish(report);
    }
    breaks
}

fn read_footnotes(root: &mut Table<'_>, known: &Known<'_>, report: &mut Report) -> Vec<Footnote> {
    let expected = Form::TomlFootnotes;
    let mut footnotes = Vec::new();
    for mut table in root.optional_tables("footnotes", expected, FactSheetMetadata::MAX_ITEMS, report) {
        let sound = report.len();
        let text = table.required_localized("text", known.locales, report);
        let places = read_places(&mut table, known, report);
        if report.len() == sound {
            let footnote = Footnote { text, places };
            if footnotes.contains(&footnote) {
                report.add_field(table.spot(), "footnotes", Rule::Duplicate, "");
            }
            footnotes.push(footnote);
        }
        table.finish(report);
    }
    footnotes
}

fn read_places(footnote: &mut Table<'_>, known: &Known<'_>, report: &mut Report) -> Vec<FootnotePlace> {
    let expected = Form::TomlPlaces;
    let mut seen = BTreeSet::new();
    let mut places = Vec::new();
    for mut table in footnote.optional_tables("places", expected, FactSheetMetadata::MAX_PLACES, report) {
        let sound = report.len();
        if table.is_empty() {
            report.add_field(table.spot(), "footnotes.places", Rule::Required, "");
        }
        let place = FootnotePlace {
            category: table.optional_checked("category", |code| known.categories.check(code), report),
            country: table.optional_checked("country", |code| known.countries.check(code), report),
            year: table.optional("year", report),
        };
        // Of a place that cannot be read in full nobody knows whether it is another.
        if report.len() == sound && !seen.insert(place.clone()) {
            report.add_field(table.spot(), "footnotes.places", Rule::Duplicate, &place.to_string());
        }
        places.push(place);
        table.finish(report);
    }
    places
}

pub(crate) fn render(metadata: &FactSheetMetadata, locales: &[Locale]) -> String {
    let mut toml = String::new();
    let values = [
        ("period", Some(metadata.period.to_string())),
        ("contact_email", metadata.contact_email.as_ref().map(ToString::to_string)),
        ("contact_url", metadata.contact_url.as_ref().map(ToString::to_string)),
        ("licence_url", metadata.licence_url.as_ref().map(ToString::to_string)),
        ("next_update", metadata.next_update.map(|day| day.to_string())),
    ];
    push_values(&mut toml, values);
    push_table(&mut toml, "title", &metadata.title, locales);
    push_table(&mut toml, "description", &metadata.description, locales);
    push_table(&mut toml, "producer", &metadata.producer, locales);
    push_table(&mut toml, "method", &metadata.method, locales);
    push_table(&mut toml, "unit", &metadata.unit, locales);
    push_table(&mut toml, "licence", &metadata.licence, locales);
    push_table(&mut toml, "citation", &metadata.citation, locales);
    for found in &metadata.breaks {
        toml.push_str("\n[[breaks]]\n");
        let values = [
            ("year", Some(found.year.to_string())),
            ("category", found.category.as_ref().map(ToString::to_string)),
            ("kind", Some(found.kind.to_string())),
        ];
        push_values(&mut toml, values);
        push_texts(&mut toml, "label.", &found.label, locales);
    }
    for footnote in &metadata.footnotes {
        toml.push_str("\n[[footnotes]]\n");
        push_texts(&mut toml, "text.", &footnote.text, locales);
        push_places(&mut toml, &footnote.places);
    }
    toml
}

fn push_values<const N: usize>(toml: &mut String, values: [(&str, Option<String>); N]) {
    for (key, value) in values {
        if let Some(value) = value {
            toml.push_str(&format!("{key} = {}\n", string(&value)));
        }
    }
}

/// A table of its own for texts that stand at the top; none for none.
fn push_table<T: AsRef<str>>(toml: &mut String, key: &str, texts: &Localized<T>, locales: &[Locale]) {
    if locales.iter().any(|locale| texts.contains_key(locale)) {
        toml.push_str(&format!("\n[{key}]\n"));
        push_texts(toml, "", texts, locales);
    }
}

/// The texts, one a line. Those of an item stand among its other keys, so that nobody has to say again whose they are.
fn push_texts<T: AsRef<str>>(toml: &mut String, prefix: &str, texts: &Localized<T>, locales: &[Locale]) {
    for (locale, text) in locales.iter().filter_map(|locale| Some((locale, texts.get(locale)?))) {
        toml.push_str(&format!("{prefix}{locale} = {}\n", string(text.as_ref())));
    }
}

/// The places, one a line, so that they can be compared like the records of a table.
fn push_places(toml: &mut String, places: &[FootnotePlace]) {
    if places.is_empty() {
        return;
    }
    toml.push_str("places = [\n");
    for place in places {
        let keys = [
            ("category", place.category.as_ref().map(ToString::to_string)),
            ("country", place.country.as_ref().map(ToString::to_string)),
            ("year", place.year.map(|year| year.to_string())),
        ];
        let keys = keys.into_iter().filter_map(|(key, value)| Some(format!("{key} = {}", string(&value?))));
        toml.push_str(&format!("    {{ {} }},\n", keys.collect::<Vec<_>>().join(", ")));
    }
    toml.push_str("]\n");
}
