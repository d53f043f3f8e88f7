//! What the live tables hold of figures.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use entities::{
    CategoryCode, CountryCode, Line, Localized, category, category_name, country, country_name, fact_sheet_metadata,
    visit_count, yearly_total,
};
use futures_util::TryStreamExt;
use imbl::OrdMap;
use sea_orm::{DatabaseTransaction, EntityTrait};
use uuid::Uuid;

use super::SheetKey;
use crate::{
    error::Result,
    figures::{
        category::{Category, Label},
        country::Country,
        metadata::FactSheetMetadata,
        year_sheet::{Cell, Total, YearSheet},
    },
};

/// What the live tables hold. Its sheets are as they were counted: they do not leave this room but through
/// [`History`](super::history::History).
pub(super) struct Current {
    /// The countries, by document.
    pub(super) countries: OrdMap<Uuid, Arc<Country>>,
    /// The categories, by document.
    pub(super) categories: OrdMap<Uuid, Arc<Category>>,
    /// What is said of the figures as a whole.
    pub(super) metadata: Option<Arc<FactSheetMetadata>>,
    /// The sheets.
    pub(super) sheets: BTreeMap<SheetKey, YearSheet>,
}

/// Reads the live tables.
///
/// # Errors
/// When the database cannot be read.
pub(super) async fn current(transaction: &DatabaseTransaction) -> Result<Current> {
    let mut names: HashMap<CountryCode, Localized<Line>> = HashMap::new();
    for row in country_name::Entity::find().all(transaction).await? {
        names.entry(row.country).or_default().insert(row.locale, row.name);
    }
    let country = |row: country::Model| {
        let names = names.remove(&row.code).unwrap_or_default();
        (row.document_id, Arc::new(Country { code: row.code, position: row.position, names }))
    };
    let countries = country::Entity::find().all(transaction).await?.into_iter().map(country).collect();

    let mut labels: HashMap<CategoryCode, Localized<Label>> = HashMap::new();
    for row in category_name::Entity::find().all(transaction).await? {
        let label = Label { name: row.name, description: row.description };
        labels.entry(row.category).or_default().insert(row.locale, label);
    }
    let category = |row: category::Model| {
        let labels = labels.remove(&row.code).unwrap_or_default();
        (row.document_id, Arc::new(Category { code: row.code, position: row.position, labels }))
    };
    let categories = category::Entity::find().all(transaction).await?.into_iter().map(category).collect();

    let metadata = fact_sheet_metadata::Entity::find().one(transaction).await?;
    let metadata = metadata.map(|row| serde_json::from_value(row.content)).transpose()?.map(Arc::new);
    Ok(Current { countries, categories, metadata, sheets: live_sheets(transaction).await? })
}

/// The sheets that the live tables hold, as they were counted.
///
/// # Errors
/// When the database cannot be read.
async fn live_sheets(transaction: &DatabaseTransaction) -> Result<BTreeMap<SheetKey, YearSheet>> {
    let mut sheets: BTreeMap<SheetKey, YearSheet> = BTreeMap::new();
    for row in yearly_total::Entity::find().all(transaction).await? {
        let total = Total::read(&row)?;
        let key = (row.category, row.year);
        sheets.entry(key).or_insert_with_key(|(category, year)| YearSheet::empty(category.clone(), *year)).total =
            Some(total);
    }
    // One by one: together, as the database hands them over, they take several times what is kept of them.
    let mut rows = visit_count::Entity::find().stream(transaction).await?;
    while let Some(row) = rows.try_next().await? {
        let cell = Cell::read(&row)?;
        let key = (row.category, row.year);
        let sheet = sheets.entry(key).or_insert_with_key(|(category, year)| YearSheet::empty(category.clone(), *year));
        sheet.counts.insert(row.country, cell);
    }
    Ok(sheets)
}
