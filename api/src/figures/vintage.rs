//! What was public when: every state of countries, categories, metadata and year sheets that was ever published.

pub mod graphql;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use entities::{
    CategoryCode, Count, CountryCode, DisclosurePolicy, DocumentKind, Line, Localized, ReleaseKind, Year, category,
    category_name, country, country_name, document, fact_sheet_metadata, publication, revision, visit_count,
    yearly_total,
};
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder};
use uuid::Uuid;

use crate::{
    error::{Error, Result},
    figures::{
        category::{Category, Label},
        country::Country,
        disclosure::{self, Sheet},
        metadata::FactSheetMetadata,
        year_sheet::{Cell, Total, YearSheet},
    },
};

/// The category and year of a sheet.
pub type SheetKey = (CategoryCode, Year);

/// Something that became public, or was withdrawn.
#[derive(Clone, Debug)]
pub struct Event {
    /// The change that carried it out.
    pub seq: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// Why, for figures.
    pub kind: Option<ReleaseKind>,
    /// Why, in the editor's words.
    pub reason: Option<String>,
    /// The account that did it; none at the command line.
    pub editor: Option<Uuid>,
    /// What it was.
    pub what: What,
}

/// What became public; none inside when it was withdrawn.
#[derive(Clone, Debug)]
pub enum What {
    /// The document of a country.
    Country(Uuid, Option<Arc<Country>>),
    /// The document of a category.
    Category(Uuid, Option<Arc<Category>>),
    /// What is said of the figures as a whole.
    Metadata(Option<Arc<FactSheetMetadata>>),
    /// The figures of a category and year, as they may be shown.
    Sheet(SheetKey, Option<Arc<Sheet>>),
}

/// Everything that is public at one moment.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    /// The countries, by document.
    pub countries: BTreeMap<Uuid, Arc<Country>>,
    /// The categories, by document.
    pub categories: BTreeMap<Uuid, Arc<Category>>,
    /// What is said of the figures as a whole.
    pub metadata: Option<Arc<FactSheetMetadata>>,
    /// The sheets, as they may be shown.
    pub sheets: BTreeMap<SheetKey, Arc<Sheet>>,
    /// When the newest of the sheets was published or withdrawn.
    pub updated_at: Option<DateTime<Utc>>,
}

impl Contents {
    /// What is public after these events.
    #[must_use]
    pub fn after<'a>(events: impl Iterator<Item = &'a Event>) -> Self {
        fn put<K: Ord + Clone, V>(map: &mut BTreeMap<K, Arc<V>>, key: &K, value: Option<&Arc<V>>) {
            match value {
                Some(value) => map.insert(key.clone(), Arc::clone(value)),
                None => map.remove(key),
            };
        }
        let mut contents = Self::default();
        for event in events {
            match &event.what {
                What::Country(id, country) => put(&mut contents.countries, id, country.as_ref()),
                What::Category(id, category) => put(&mut contents.categories, id, category.as_ref()),
                What::Metadata(metadata) => contents.metadata.clone_from(metadata),
                What::Sheet(key, sheet) => {
                    put(&mut contents.sheets, key, sheet.as_ref());
                    contents.updated_at = Some(event.at);
                }
            }
        }
        contents
    }
}

/// A state of a sheet as it was counted. It does not leave this file but through [`disclosure`].
struct Counted {
    at: Origin,
    sheet: Option<YearSheet>,
}

/// Where an event comes from.
#[derive(Clone)]
struct Origin {
    seq: i64,
    at: DateTime<Utc>,
    kind: Option<ReleaseKind>,
    reason: Option<String>,
    editor: Option<Uuid>,
}

impl Origin {
    fn event(self, what: What) -> Event {
        let Self { seq, at, kind, reason, editor } = self;
        Event { seq, at, kind, reason, editor, what }
    }
}

/// What the live tables hold. Its sheets are as they were counted: they do not leave this file but through
/// [`disclosure`].
pub struct Current {
    countries: BTreeMap<Uuid, Arc<Country>>,
    categories: BTreeMap<Uuid, Arc<Category>>,
    metadata: Option<Arc<FactSheetMetadata>>,
    sheets: BTreeMap<SheetKey, YearSheet>,
}

impl Current {
    /// Countries, categories and metadata as they are here, the sheets as they are `shown`.
    #[must_use]
    pub fn contents(self, shown: Contents) -> Contents {
        let Self { countries, categories, metadata, .. } = self;
        Contents { countries, categories, metadata, ..shown }
    }
}

/// Reads the live tables.
///
/// # Errors
/// When the database cannot be read.
pub async fn current(transaction: &DatabaseTransaction) -> Result<Current> {
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
    for row in visit_count::Entity::find().all(transaction).await? {
        let cell = Cell::read(&row)?;
        let key = (row.category, row.year);
        let sheet = sheets.entry(key).or_insert_with_key(|(category, year)| YearSheet::empty(category.clone(), *year));
        sheet.counts.insert(row.country, cell);
    }
    Ok(sheets)
}

/// What became public since the beginning, in order, as far as it may be shown. What of `current` differs from the last
/// publication counts as published at `now`.
///
/// # Errors
/// When the database cannot be read.
pub async fn load(
    transaction: &DatabaseTransaction,
    policy: DisclosurePolicy,
    current: &Current,
    now: DateTime<Utc>,
) -> Result<Vec<Event>> {
    let mut events = Vec::new();
    let mut counted: BTreeMap<SheetKey, Vec<Counted>> = BTreeMap::new();
    let kinds =
        [DocumentKind::Country, DocumentKind::Category, DocumentKind::YearSheet, DocumentKind::FactSheetMetadata];
    let documents = document::Entity::find().filter(document::COLUMN.kind.is_in(kinds)).all(transaction).await?;
    let documents: HashMap<Uuid, document::Model> = documents.into_iter().map(|row| (row.id, row)).collect();
    let rows = publication::Entity::find()
        .find_also_linked(RevisionPublished)
        .order_by_asc(publication::COLUMN.change_seq)
        .all(transaction)
        .await?;
    for (row, revision) in rows {
        let Some(document) = documents.get(&row.document_id) else { continue };
        let origin = Origin {
            seq: row.change_seq,
            at: row.published_at,
            kind: row.release_kind,
            reason: row.reason,
            editor: row.editor_id,
        };
        let content = revision.map(|revision| revision.content);
        let id = document.id;
        match document.kind {
            DocumentKind::Country => events.push(origin.event(What::Country(id, read(content)?))),
            DocumentKind::Category => events.push(origin.event(What::Category(id, read(content)?))),
            DocumentKind::FactSheetMetadata => events.push(origin.event(What::Metadata(read(content)?))),
            _ => {
                let sheet: Option<Arc<YearSheet>> = read(content)?;
                let key = sheet_key(&document.key)?;
                counted.entry(key).or_default().push(Counted { at: origin, sheet: sheet.map(Arc::unwrap_or_clone) });
            }
        }
    }
    let latest =
        events.iter().map(|event: &Event| event.seq).chain(counted.values().flatten().map(|state| state.at.seq));
    let unwritten = Origin { seq: latest.max().unwrap_or_default(), at: now, kind: None, reason: None, editor: None };
    catch_up(&mut counted, current, &unwritten);
    for (key, states) in counted {
        events.extend(disclosed(policy, &key, states));
    }
    events.sort_by_key(|event| event.seq);
    Ok(events)
}

/// From a publication to the revision that it published.
struct RevisionPublished;

impl sea_orm::Linked for RevisionPublished {
    type FromEntity = publication::Entity;
    type ToEntity = revision::Entity;

    fn link(&self) -> Vec<sea_orm::LinkDef> {
        let relation = publication::Entity::belongs_to(revision::Entity)
            .from((publication::Column::DocumentId, publication::Column::Number))
            .to((revision::Column::DocumentId, revision::Column::Number))
            .into();
        vec![relation]
    }
}

fn read<T: serde::de::DeserializeOwned>(content: Option<serde_json::Value>) -> Result<Option<Arc<T>>> {
    Ok(content.map(serde_json::from_value).transpose()?)
}

/// The category and year in the key of a document (`YEAR_SHEET/RESIDENT/2022`).
fn sheet_key(key: &str) -> Result<SheetKey> {
    let mut parts = key.split('/').skip(1);
    let (category, year) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    Ok((category.parse().map_err(Error::internal)?, year.parse().map_err(Error::internal)?))
}

/// Brings in what is public and not yet among the publications: a preview is computed before anything is noted.
fn catch_up(counted: &mut BTreeMap<SheetKey, Vec<Counted>>, current: &Current, origin: &Origin) {
    let known: BTreeSet<SheetKey> = counted.keys().chain(current.sheets.keys()).cloned().collect();
    for key in known {
        let sheet = current.sheets.get(&key);
        // A sheet without any figure has no rows, and shows nothing.
        let states = counted.entry(key).or_default();
        let last = states.last().and_then(|state| state.sheet.as_ref()).filter(|sheet| !sheet.is_empty());
        if last != sheet {
            states.push(Counted { at: origin.clone(), sheet: sheet.cloned() });
        }
    }
}

fn disclosed(policy: DisclosurePolicy, key: &SheetKey, mut states: Vec<Counted>) -> Vec<Event> {
    mark_revisions(&mut states);
    let sheets: Vec<&YearSheet> = states.iter().filter_map(|state| state.sheet.as_ref()).collect();
    let mut shown = disclosure::disclose(policy, &sheets).into_iter();
    let event = |state: &Counted| {
        let sheet = state.sheet.as_ref().and_then(|_| shown.next()).map(Arc::new);
        state.at.clone().event(What::Sheet(key.clone(), sheet))
    };
    states.iter().map(event).collect()
}

/// A figure is revised from the moment on at which it is published with another value than before.
fn mark_revisions(states: &mut [Counted]) {
    let mut values: BTreeMap<Option<CountryCode>, Count> = BTreeMap::new();
    let mut revised: BTreeSet<Option<CountryCode>> = BTreeSet::new();
    let mut is_revised = |country: Option<CountryCode>, value: Count| {
        let before = values.insert(country.clone(), value);
        if before.is_some_and(|before| before != value) {
            revised.insert(country.clone());
        }
        revised.contains(&country)
    };
    for sheet in states.iter_mut().filter_map(|state| state.sheet.as_mut()) {
        for (country, cell) in &mut sheet.counts {
            if let Some(value) = cell.observation.value()
                && is_revised(Some(country.clone()), value)
            {
                cell.observation = cell.observation.revised();
            }
        }
        if let Some(total) = &mut sheet.total
            && is_revised(None, total.value())
        {
            total.revise();
        }
    }
}
