//! What is said of the figures as a whole: who makes them, how, of which period; where they cannot be compared; and
//! footnotes.

pub mod graphql;

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use entities::{
    BreakKind, CategoryCode, CountryCode, DocumentKind, Email, Language, Line, Locale, Localized, PeriodKind, Prose,
    Rule, Url, Year, category, country, fact_sheet_metadata,
};
use sea_orm::{ActiveValue::Set, DatabaseTransaction, EntityTrait, QuerySelect, sea_query::OnConflict};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    editorial::Kind,
    error::{Fault, Result},
    locale,
};

/// The natural key of the one document of this kind.
pub const KEY: &str = "fact-sheet";

/// The most breaks, and the most footnotes.
pub const MAX_ITEMS: usize = 200;

/// The most places that one footnote holds for.
pub const MAX_PLACES: usize = 500;

/// The content of the one document of kind `FACT_SHEET_METADATA`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FactSheetMetadata {
    /// What the figures are called.
    pub title: Localized<Line>,
    /// What they show.
    pub description: Localized<Prose>,
    /// Who makes and publishes them.
    pub producer: Localized<Line>,
    /// Where questions about them go.
    pub contact_email: Option<Email>,
    /// A page of the producer about them.
    pub contact_url: Option<Url>,
    /// How they are made.
    pub method: Localized<Prose>,
    /// What is counted.
    pub unit: Localized<Line>,
    /// What a year is.
    pub period: PeriodKind,
    /// The name of the licence.
    pub licence: Localized<Line>,
    /// The text of the licence.
    pub licence_url: Option<Url>,
    /// How to cite them.
    pub citation: Localized<Prose>,
    /// When the next figures are expected.
    pub next_update: Option<NaiveDate>,
    /// Where figures cannot be compared, and what happened.
    pub breaks: Vec<Break>,
    /// The footnotes, in order.
    pub footnotes: Vec<Footnote>,
}

/// The first and the last day of a year of this kind.
#[must_use]
pub fn days(kind: PeriodKind, year: Year) -> (NaiveDate, NaiveDate) {
    let date = |year: i32, month, day| NaiveDate::from_ymd_opt(year, month, day).unwrap_or_default();
    let year = year.get();
    match kind {
        PeriodKind::CalendarYear => (date(year, 1, 1), date(year, 12, 31)),
        PeriodKind::JapaneseFiscalYear => (date(year, 4, 1), date(year + 1, 3, 31)),
    }
}

/// What people call a year of this kind.
#[must_use]
pub fn label(kind: PeriodKind, year: Year, language: Language) -> String {
    match (kind, language) {
        (PeriodKind::CalendarYear, Language::English) => format!("{year}"),
        (PeriodKind::CalendarYear, Language::Japanese) => format!("{year}年"),
        (PeriodKind::JapaneseFiscalYear, Language::English) => format!("FY{year}"),
        (PeriodKind::JapaneseFiscalYear, Language::Japanese) => format!("{year}年度"),
    }
}

/// A year from which on figures are not what they were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Break {
    /// The first year that it holds for.
    pub year: Year,
    /// The category concerned; none for all.
    pub category: Option<CategoryCode>,
    /// What kind of break it is.
    pub kind: BreakKind,
    /// What it is called, in a few words.
    pub label: Localized<Line>,
}

/// A footnote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Footnote {
    /// It.
    pub text: Localized<Prose>,
    /// What it holds for; the whole table when there is nothing here.
    #[serde(default)]
    pub places: Vec<FootnotePlace>,
}

/// What a footnote holds for: everything with this category, country and year, as far as they are given. A partial key,
/// as SDMX attaches attributes: all three name a figure, a country a row, a year a column.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct FootnotePlace {
    /// The category.
    pub category: Option<CategoryCode>,
    /// The country.
    pub country: Option<CountryCode>,
    /// The year.
    pub year: Option<Year>,
}

impl FootnotePlace {
    /// Whether it takes in the place where these are given; what is none there is none of it.
    #[must_use]
    pub fn is_at(&self, category: Option<&CategoryCode>, country: Option<&CountryCode>, year: Option<Year>) -> bool {
        self.category.as_ref() == category && self.country.as_ref() == country && self.year == year
    }
}

impl FactSheetMetadata {
    /// The indices of the footnotes attached to a place: to a figure when all three are given, to a row without a year,
    /// to a column without a country. A footnote on a country or year of all categories is attached to each of them.
    #[must_use]
    pub fn footnotes_at(
        &self,
        category: &CategoryCode,
        country: Option<&CountryCode>,
        year: Option<Year>,
    ) -> Vec<usize> {
        let holds = |place: &FootnotePlace| {
            place.is_at(Some(category), country, year)
                || ((country.is_some() || year.is_some()) && place.is_at(None, country, year))
        };
        let with = self.footnotes.iter().enumerate().filter(|(_, footnote)| footnote.places.iter().any(holds));
        with.map(|(index, _)| index).collect()
    }

    /// Every locale that a text is in, with where that text is.
    fn texts(&self) -> Vec<(Vec<String>, Vec<Locale>)> {
        fn keys<T>(texts: &Localized<T>) -> Vec<Locale> {
            texts.keys().cloned().collect()
        }
        let of = |field: &str, locales| (vec![field.to_owned()], locales);
        let mut texts = vec![
            of("title", keys(&self.title)),
            of("description", keys(&self.description)),
            of("producer", keys(&self.producer)),
            of("method", keys(&self.method)),
            of("unit", keys(&self.unit)),
            of("licence", keys(&self.licence)),
            of("citation", keys(&self.citation)),
        ];
        let item = |list: &str, index: usize, field: &str| vec![list.to_owned(), index.to_string(), field.to_owned()];
        for (index, found) in self.breaks.iter().enumerate() {
            texts.push((item("breaks", index, "label"), keys(&found.label)));
        }
        for (index, footnote) in self.footnotes.iter().enumerate() {
            texts.push((item("footnotes", index, "text"), keys(&footnote.text)));
        }
        texts
    }
}

impl Kind for FactSheetMetadata {
    const KIND: DocumentKind = DocumentKind::FactSheetMetadata;
    const HANDLE: &'static str = "id";

    fn key(&self) -> String {
        KEY.to_owned()
    }

    fn locales(&self) -> Vec<Locale> {
        self.texts().into_iter().flat_map(|(_, locales)| locales).collect::<BTreeSet<_>>().into_iter().collect()
    }

    fn tags(&self) -> Vec<String> {
        vec!["figures".to_owned()]
    }

    async fn check(&self, transaction: &DatabaseTransaction, _: Option<Uuid>) -> Result<Vec<Fault>> {
        let offered = locale::offered(transaction).await?;
        let mut faults = Vec::new();
        for (path, locales) in self.texts() {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            faults.extend(locale::unknown(&offered, &path, locales.iter()));
        }
        let countries = country::Entity::find().select_only().column(country::Column::Code);
        let countries: BTreeSet<CountryCode> =
            countries.into_tuple::<CountryCode>().all(transaction).await?.into_iter().collect();
        let categories = category::Entity::find().select_only().column(category::Column::Code);
        let categories: BTreeSet<CategoryCode> =
            categories.into_tuple::<CategoryCode>().all(transaction).await?.into_iter().collect();
        for (index, found) in self.breaks.iter().enumerate() {
            let twice = self.breaks[..index].contains(found);
            let index = index.to_string();
            if twice {
                faults.push(Fault::new(["breaks", &index], Rule::Duplicate));
            }
            if found.category.as_ref().is_some_and(|code| !categories.contains(code)) {
                faults.push(Fault::new(["breaks", &index, "category"], Rule::Unknown));
            }
            if found.label.is_empty() {
                faults.push(Fault::new(["breaks", &index, "label"], Rule::Required));
            }
        }
        for (index, footnote) in self.footnotes.iter().enumerate() {
            let twice = self.footnotes[..index].contains(footnote);
            let index = index.to_string();
            if footnote.text.is_empty() {
                faults.push(Fault::new(["footnotes", &index, "text"], Rule::Required));
            } else if twice {
                faults.push(Fault::new(["footnotes", &index], Rule::Duplicate));
            }
            for (place, found) in footnote.places.iter().enumerate() {
                let twice = footnote.places[..place].contains(found);
                let place = place.to_string();
                if *found == FootnotePlace::default() {
                    faults.push(Fault::new(["footnotes", &index, "places", &place], Rule::Required));
                } else if twice {
                    faults.push(Fault::new(["footnotes", &index, "places", &place], Rule::Duplicate));
                }
                let at = |field| ["footnotes", &index, "places", &place, field].map(str::to_owned);
                if found.category.as_ref().is_some_and(|code| !categories.contains(code)) {
                    faults.push(Fault::new(at("category"), Rule::Unknown));
                }
                if found.country.as_ref().is_some_and(|code| !countries.contains(code)) {
                    faults.push(Fault::new(at("country"), Rule::Unknown));
                }
            }
        }
        Ok(faults)
    }

    async fn project(&self, transaction: &DatabaseTransaction, document: Uuid, _: DateTime<Utc>) -> Result<()> {
        let row =
            fact_sheet_metadata::ActiveModel { document_id: Set(document), content: Set(serde_json::to_value(self)?) };
        let replace = OnConflict::column(fact_sheet_metadata::Column::DocumentId)
            .update_column(fact_sheet_metadata::Column::Content)
            .to_owned();
        fact_sheet_metadata::Entity::insert(row).on_conflict(replace).exec(transaction).await?;
        Ok(())
    }

    async fn withdraw(&self, transaction: &DatabaseTransaction, document: Uuid) -> Result<()> {
        fact_sheet_metadata::Entity::delete_by_id(document).exec(transaction).await?;
        Ok(())
    }
}
