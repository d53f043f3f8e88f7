//! What is said of the figures as a whole: who makes them, how, of which period; where they cannot be compared; and
//! footnotes.

pub mod graphql;

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
pub use entities::fact_sheet_metadata::{Break, FactSheetMetadata, Footnote, FootnotePlace};
use entities::{
    CategoryCode, CountryCode, DocumentKind, Language, Locale, Localized, PeriodKind, Rule, Year, category, country,
    fact_sheet_metadata,
};
use sea_orm::{ActiveValue::Set, DatabaseTransaction, EntityTrait, QuerySelect, sea_query::OnConflict};
use uuid::Uuid;

use crate::{
    change::tag,
    editorial::Kind,
    error::{Fault, Result},
    locale,
};

/// The natural key of the one document of this kind.
pub const KEY: &str = "fact-sheet";

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

/// The indices of the footnotes attached to a place: to a figure when all three are given, to a row without a year,
/// to a column without a country. A footnote on a country or year of all categories is attached to each of them.
#[must_use]
pub fn footnotes_at(
    metadata: &FactSheetMetadata,
    category: &CategoryCode,
    country: Option<&CountryCode>,
    year: Option<Year>,
) -> Vec<usize> {
    let holds = |place: &FootnotePlace| {
        let of_category = match &place.category {
            Some(of) => of == category,
            None => country.is_some() || year.is_some(),
        };
        of_category && place.country.as_ref() == country && place.year == year
    };
    let with = metadata.footnotes.iter().enumerate().filter(|(_, footnote)| footnote.places.iter().any(holds));
    with.map(|(index, _)| index).collect()
}

/// Every locale that a text is in, with where that text is.
fn texts(metadata: &FactSheetMetadata) -> Vec<(Vec<String>, Vec<Locale>)> {
    fn keys<T>(texts: &Localized<T>) -> Vec<Locale> {
        texts.keys().cloned().collect()
    }
    let of = |field: &str, locales| (vec![field.to_owned()], locales);
    let mut texts = vec![
        of("title", keys(&metadata.title)),
        of("description", keys(&metadata.description)),
        of("producer", keys(&metadata.producer)),
        of("method", keys(&metadata.method)),
        of("unit", keys(&metadata.unit)),
        of("licence", keys(&metadata.licence)),
        of("citation", keys(&metadata.citation)),
    ];
    let item = |list: &str, index: usize, field: &str| vec![list.to_owned(), index.to_string(), field.to_owned()];
    for (index, found) in metadata.breaks.iter().enumerate() {
        texts.push((item("breaks", index, "label"), keys(&found.label)));
    }
    for (index, footnote) in metadata.footnotes.iter().enumerate() {
        texts.push((item("footnotes", index, "text"), keys(&footnote.text)));
    }
    texts
}

impl Kind for FactSheetMetadata {
    const KIND: DocumentKind = DocumentKind::FactSheetMetadata;
    const HANDLE: &'static str = "id";

    fn key(&self) -> String {
        KEY.to_owned()
    }

    fn locales(&self) -> Vec<Locale> {
        texts(self).into_iter().flat_map(|(_, locales)| locales).collect::<BTreeSet<_>>().into_iter().collect()
    }

    fn tags(&self, _: Uuid) -> Vec<String> {
        vec![tag::FIGURES.to_owned()]
    }

    async fn check(&self, transaction: &DatabaseTransaction, _: Option<Uuid>) -> Result<Vec<Fault>> {
        let offered = locale::offered(transaction).await?;
        let mut faults = Vec::new();
        for (path, locales) in texts(self) {
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

    async fn project(
        &self,
        transaction: &DatabaseTransaction,
        document: Uuid,
        _: Option<&Self>,
        _: DateTime<Utc>,
    ) -> Result<()> {
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
