//! Writing what is said of the figures as a whole.

use async_graphql::{Context, InputObject, MaybeUndefined, Object, SimpleObject};
use entities::{CategoryCode, CountryCode, Date, Email, Line, Rule, Url, Version, Year};

use super::{
    DocumentPayload,
    input::{Save, Target, save},
};
use crate::{
    error::Result,
    figures::metadata::{
        self, Break, FactSheetMetadata, Footnote, FootnotePlace,
        graphql::{BreakKind, PeriodKind},
    },
    graphql::{Faults, Input, LocalizedText, LocalizedTextInput, Mutated, Scalar},
};

/// What is said of the figures as a whole, in every locale.
#[derive(SimpleObject)]
pub struct FactSheetMetadataContent {
    /// What the figures are called.
    title: Vec<LocalizedText>,
    /// What they show.
    description: Vec<LocalizedText>,
    /// Who makes and publishes them.
    producer: Vec<LocalizedText>,
    /// Where questions about them go.
    contact_email: Option<Scalar<Email>>,
    /// A page of the producer about them.
    contact_url: Option<Scalar<Url>>,
    /// How they are made.
    method: Vec<LocalizedText>,
    /// What is counted.
    unit: Vec<LocalizedText>,
    /// What a year is.
    period_kind: PeriodKind,
    /// The name of the licence.
    licence: Vec<LocalizedText>,
    /// The address of the text of the licence.
    licence_url: Option<Scalar<Url>>,
    /// How to cite them.
    citation: Vec<LocalizedText>,
    /// When the next ones are expected.
    next_update: Option<Scalar<Date>>,
    /// Where figures cannot be compared, and what happened.
    breaks: Vec<BreakContent>,
    /// The footnotes, in order.
    footnotes: Vec<FootnoteContent>,
}

/// A year from which on figures are not what they were.
#[derive(SimpleObject)]
pub struct BreakContent {
    /// The first year that it holds for.
    year: Scalar<Year>,
    /// The code of the category concerned; null for all.
    category: Option<Scalar<CategoryCode>>,
    /// What kind of break it is.
    kind: BreakKind,
    /// What it is called, in every locale.
    label: Vec<LocalizedText>,
}

/// A footnote.
#[derive(SimpleObject)]
pub struct FootnoteContent {
    /// It, in every locale.
    text: Vec<LocalizedText>,
    /// What it holds for; the whole table when empty.
    places: Vec<FootnotePlaceContent>,
}

/// What a footnote holds for: everything with this category, country and year, as far as they are given.
#[derive(SimpleObject)]
pub struct FootnotePlaceContent {
    /// The category's code.
    category: Option<Scalar<CategoryCode>>,
    /// The country's code.
    country: Option<Scalar<CountryCode>>,
    /// The year.
    year: Option<Scalar<Year>>,
}

impl From<FactSheetMetadata> for FactSheetMetadataContent {
    fn from(metadata: FactSheetMetadata) -> Self {
        let broken = |found: Break| BreakContent {
            year: Scalar(found.year),
            category: found.category.map(Scalar),
            kind: found.kind.into(),
            label: LocalizedText::all(&found.label),
        };
        let place = |place: FootnotePlace| FootnotePlaceContent {
            category: place.category.map(Scalar),
            country: place.country.map(Scalar),
            year: place.year.map(Scalar),
        };
        let footnote = |footnote: Footnote| FootnoteContent {
            text: LocalizedText::all(&footnote.text),
            places: footnote.places.into_iter().map(place).collect(),
        };
        Self {
            title: LocalizedText::all(&metadata.title),
            description: LocalizedText::all(&metadata.description),
            producer: LocalizedText::all(&metadata.producer),
            contact_email: metadata.contact_email.map(Scalar),
            contact_url: metadata.contact_url.map(Scalar),
            method: LocalizedText::all(&metadata.method),
            unit: LocalizedText::all(&metadata.unit),
            period_kind: metadata.period.into(),
            licence: LocalizedText::all(&metadata.licence),
            licence_url: metadata.licence_url.map(Scalar),
            citation: LocalizedText::all(&metadata.citation),
            next_update: metadata.next_update.map(Scalar),
            breaks: metadata.breaks.into_iter().map(broken).collect(),
            footnotes: metadata.footnotes.into_iter().map(footnote).collect(),
        }
    }
}

/// What is to change of what is said of the figures as a whole. What is left out stays as it is; null clears.
#[derive(InputObject)]
pub struct FactSheetMetadataSaveInput {
    /// The version that the change is based on; 0 when nothing has been said yet.
    expected_version: Input<Version>,
    /// What the figures are called, in all locales.
    title: MaybeUndefined<Vec<LocalizedTextInput>>,
    /// What they show, in all locales.
    description: MaybeUndefined<Vec<LocalizedTextInput>>,
    /// Who makes and publishes them, in all locales.
    producer: MaybeUndefined<Vec<LocalizedTextInput>>,
    /// Where questions about them go.
    contact_email: MaybeUndefined<Input<Email>>,
    /// A page of the producer about them.
    contact_url: MaybeUndefined<Input<Url>>,
    /// How they are made, in all locales.
    method: MaybeUndefined<Vec<LocalizedTextInput>>,
    /// What is counted, in all locales.
    unit: MaybeUndefined<Vec<LocalizedTextInput>>,
    /// What a year is.
    period_kind: Option<PeriodKind>,
    /// The name of the licence, in all locales.
    licence: MaybeUndefined<Vec<LocalizedTextInput>>,
    /// The address of the text of the licence.
    licence_url: MaybeUndefined<Input<Url>>,
    /// How to cite them, in all locales.
    citation: MaybeUndefined<Vec<LocalizedTextInput>>,
    /// When the next ones are expected.
    next_update: MaybeUndefined<Input<Date>>,
    /// Where figures cannot be compared, and what happened: all of them.
    breaks: MaybeUndefined<Vec<BreakInput>>,
    /// The footnotes, all of them, in order.
    footnotes: MaybeUndefined<Vec<FootnoteInput>>,
    /// Why, in your words.
    reason: Option<Input<Line>>,
}

/// A year from which on figures are not what they were.
#[derive(Clone, InputObject)]
pub struct BreakInput {
    /// The first year that it holds for.
    year: Input<Year>,
    /// The code of the category concerned; all when left out.
    category: Option<Input<CategoryCode>>,
    /// What kind of break it is.
    kind: BreakKind,
    /// What it is called, in all locales.
    label: Vec<LocalizedTextInput>,
}

/// A footnote.
#[derive(Clone, InputObject)]
pub struct FootnoteInput {
    /// It, in all locales.
    text: Vec<LocalizedTextInput>,
    /// What it holds for; the whole table when empty.
    #[graphql(default)]
    places: Vec<FootnotePlaceInput>,
}

/// What a footnote holds for: everything with this category, country and year, as far as they are given.
#[derive(Clone, InputObject)]
pub struct FootnotePlaceInput {
    /// The category's code.
    category: Option<Input<CategoryCode>>,
    /// The country's code.
    country: Option<Input<CountryCode>>,
    /// The year.
    year: Option<Input<Year>>,
}

/// The most breaks, and the most footnotes.
const MAX_ITEMS: usize = FactSheetMetadata::MAX_ITEMS;
/// The most places that one footnote holds for.
const MAX_PLACES: usize = FactSheetMetadata::MAX_PLACES;

fn breaks(faults: &mut Faults, inputs: Vec<BreakInput>) -> Vec<Break> {
    if inputs.len() > MAX_ITEMS {
        faults.push(&["breaks"], Rule::TooMany { max: MAX_ITEMS });
    }
    let mut breaks = Vec::new();
    for (index, input) in inputs.into_iter().take(MAX_ITEMS).enumerate() {
        let index = index.to_string();
        let at = |field| ["breaks", index.as_str(), field];
        let year = faults.take(&at("year"), input.year);
        let category = input.category.and_then(|code| faults.take(&at("category"), code));
        let label = faults.take_localized(&at("label"), input.label);
        breaks.extend(year.map(|year| Break { year, category, kind: input.kind.into(), label }));
    }
    breaks
}

fn footnotes(faults: &mut Faults, inputs: Vec<FootnoteInput>) -> Vec<Footnote> {
    if inputs.len() > MAX_ITEMS {
        faults.push(&["footnotes"], Rule::TooMany { max: MAX_ITEMS });
    }
    let mut footnotes = Vec::new();
    for (index, input) in inputs.into_iter().take(MAX_ITEMS).enumerate() {
        let index = index.to_string();
        let text = faults.take_localized(&["footnotes", &index, "text"], input.text);
        if input.places.len() > MAX_PLACES {
            faults.push(&["footnotes", &index, "places"], Rule::TooMany { max: MAX_PLACES });
        }
        let mut places = Vec::new();
        for (place, input) in input.places.into_iter().take(MAX_PLACES).enumerate() {
            let place = place.to_string();
            let at = |field| ["footnotes", index.as_str(), "places", place.as_str(), field];
            places.push(FootnotePlace {
                category: input.category.and_then(|code| faults.take(&at("category"), code)),
                country: input.country.and_then(|code| faults.take(&at("country"), code)),
                year: input.year.and_then(|year| faults.take(&at("year"), year)),
            });
        }
        footnotes.push(Footnote { text, places });
    }
    footnotes
}

/// The list patched in an input field: omitted keeps, null clears.
fn list<I, T>(
    input: MaybeUndefined<Vec<I>>,
    current: Vec<T>,
    faults: &mut Faults,
    parse: impl FnOnce(&mut Faults, Vec<I>) -> Vec<T>,
) -> Vec<T> {
    match input {
        MaybeUndefined::Undefined => current,
        MaybeUndefined::Null => Vec::new(),
        MaybeUndefined::Value(inputs) => parse(faults, inputs),
    }
}

/// Mutations of what is said of the figures as a whole.
#[derive(Default)]
pub struct MetadataMutation;

#[Object]
impl MetadataMutation {
    /// Changes what is said of the figures as a whole, as a draft: producer, method, period, licence, breaks, footnotes.
    async fn fact_sheet_metadata_save(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: FactSheetMetadataSaveInput,
    ) -> Result<Mutated<DocumentPayload>> {
        let basis = Save { expected: input.expected_version, reason: input.reason };
        let target = |_: &mut Faults| Target::Key(Some(metadata::KEY.to_owned()));
        save(ctx, "factSheetMetadataSave", basis, target, |known: Option<FactSheetMetadata>, faults| {
            let known = known.unwrap_or_default();
            Some(FactSheetMetadata {
                title: faults.take_texts(&["title"], input.title, known.title),
                description: faults.take_texts(&["description"], input.description, known.description),
                producer: faults.take_texts(&["producer"], input.producer, known.producer),
                contact_email: faults.take_optional(&["contactEmail"], input.contact_email, known.contact_email),
                contact_url: faults.take_optional(&["contactUrl"], input.contact_url, known.contact_url),
                method: faults.take_texts(&["method"], input.method, known.method),
                unit: faults.take_texts(&["unit"], input.unit, known.unit),
                period: input.period_kind.map_or(known.period, Into::into),
                licence: faults.take_texts(&["licence"], input.licence, known.licence),
                licence_url: faults.take_optional(&["licenceUrl"], input.licence_url, known.licence_url),
                citation: faults.take_texts(&["citation"], input.citation, known.citation),
                next_update: faults.take_optional(&["nextUpdate"], input.next_update, known.next_update),
                breaks: list(input.breaks, known.breaks, faults, breaks),
                footnotes: list(input.footnotes, known.footnotes, faults, footnotes),
            })
        })
        .await
    }
}
