//! What was public when: every state of countries, categories, metadata and year sheets that was ever published.

//!
//! It is read as a whole once, and then grows with each publication: [`Vintages::advance`] reads what was published since
//! and shares everything else with the state before. What was counted goes through `history.rs`, and is not kept.

pub mod graphql;

mod history;
mod log;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use entities::{
    CategoryCode, CountryCode, DisclosurePolicy, DocumentKind, Line, Localized, ReleaseKind, Version, Year, category,
    category_name, country, country_name, document, fact_sheet_metadata, publication, visit_count, yearly_total,
};
use futures_util::TryStreamExt;
use imbl::OrdMap;
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder};
use uuid::Uuid;

use crate::{
    editorial::revision,
    error::{Error, Result},
    figures::{
        category::{Category, Label},
        country::Country,
        disclosure::Sheet,
        metadata::FactSheetMetadata,
        year_sheet::{Cell, Total, Withheld, YearSheet},
    },
};
use history::History;
use log::Log;

/// How many publications are read together.
const BATCH: usize = 200;

/// The category and year of a sheet.
pub type SheetKey = (CategoryCode, Year);

/// Something that became public, or was withdrawn.
#[derive(Clone, Debug, PartialEq, Eq)]
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
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// Everything that is public at one moment. Two of them share what they have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// The countries, by document.
    pub countries: OrdMap<Uuid, Arc<Country>>,
    /// The categories, by document.
    pub categories: OrdMap<Uuid, Arc<Category>>,
    /// What is said of the figures as a whole.
    pub metadata: Option<Arc<FactSheetMetadata>>,
    /// The sheets, as they may be shown.
    pub sheets: OrdMap<SheetKey, Arc<Sheet>>,
    /// When the newest of the sheets was published or withdrawn.
    pub updated_at: Option<DateTime<Utc>>,
}

impl Contents {
    /// Brings in what happened next.
    fn apply(&mut self, event: &Event) {
        fn put<K: Ord + Clone, V>(map: &mut OrdMap<K, Arc<V>>, key: &K, value: Option<&Arc<V>>) {
            match value {
                Some(value) => map.insert(key.clone(), Arc::clone(value)),
                None => map.remove(key),
            };
        }
        match &event.what {
            What::Country(id, country) => put(&mut self.countries, id, country.as_ref()),
            What::Category(id, category) => put(&mut self.categories, id, category.as_ref()),
            What::Metadata(metadata) => self.metadata.clone_from(metadata),
            What::Sheet(key, sheet) => {
                put(&mut self.sheets, key, sheet.as_ref());
                self.updated_at = Some(event.at);
            }
        }
    }
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

/// A publication, or that something was withdrawn, as the database tells of it.
#[derive(Clone, Debug)]
pub struct Changed {
    /// The publication.
    pub publication: publication::Model,
    /// The kind of its document.
    pub kind: DocumentKind,
    /// The key of its document (`YEAR_SHEET/RESIDENT/2022`).
    pub key: String,
}

/// A publication with what it published. A sheet is as it was counted: it does not leave this file but through
/// [`History`].
struct Publication {
    origin: Origin,
    what: Counted,
}

enum Counted {
    Other(What),
    Sheet(SheetKey, Option<YearSheet>),
}

impl Publication {
    /// None when it is nothing of figures.
    fn read(changed: Changed, content: Option<serde_json::Value>) -> Result<Option<Self>> {
        let Changed { publication: row, kind, key } = changed;
        let what = match kind {
            DocumentKind::Country => Counted::Other(What::Country(row.document_id, read(content)?)),
            DocumentKind::Category => Counted::Other(What::Category(row.document_id, read(content)?)),
            DocumentKind::FactSheetMetadata => Counted::Other(What::Metadata(read(content)?)),
            DocumentKind::YearSheet => {
                Counted::Sheet(sheet_key(&key)?, content.map(serde_json::from_value).transpose()?)
            }
            _ => return Ok(None),
        };
        let origin = Origin {
            seq: row.change_seq,
            at: row.published_at,
            kind: row.release_kind,
            reason: row.reason,
            editor: row.editor_id,
        };
        Ok(Some(Self { origin, what }))
    }

    /// What is published together takes place in this order: sheets last, by category and year.
    fn order(&self) -> (i64, Option<&SheetKey>) {
        let key = match &self.what {
            Counted::Other(_) => None,
            Counted::Sheet(key, _) => Some(key),
        };
        (self.origin.seq, key)
    }
}

/// Every state of figures that was ever public, as far as it may be shown, and what is needed to tell the next one.
/// Cloning it costs little, however long it is.
#[derive(Clone, Debug)]
pub struct Vintages {
    policy: DisclosurePolicy,
    log: Log,
    /// What is public now. What something else than Almanac wrote into the live tables is not all in the log.
    now: Contents,
    histories: OrdMap<SheetKey, Arc<History>>,
}

impl Vintages {
    fn new(policy: DisclosurePolicy) -> Self {
        Self { policy, log: Log::default(), now: Contents::default(), histories: OrdMap::new() }
    }

    /// Reads everything that was ever published. What the live tables hold and no publication tells of counts as
    /// published at `now`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn load(transaction: &DatabaseTransaction, policy: DisclosurePolicy, now: DateTime<Utc>) -> Result<Self> {
        let Current { countries, categories, metadata, sheets } = current(transaction).await?;
        let mut published = all(transaction).await?;
        published.sort_by(|a, b| a.order().cmp(&b.order()));
        let latest = published.last().map_or(0, |last| last.origin.seq);
        let origin = Origin { seq: latest, at: now, kind: None, reason: None, editor: None };
        let unwritten = unwritten(&published, &sheets, &origin);
        let mut vintages = Self::new(policy);
        for one in published.into_iter().chain(unwritten) {
            vintages.push(one);
        }
        vintages.now = Contents { countries, categories, metadata, ..vintages.now };
        Ok(vintages)
    }

    /// The same, and what was published since; what of it is known already is passed over. Reads the revisions that were
    /// published and nothing else. All that a change published must be there. Another policy takes [`Vintages::load`].
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn advance(&self, transaction: &DatabaseTransaction, changed: &[Changed]) -> Result<Self> {
        let is_new = |changed: &&Changed| changed.publication.change_seq > self.log.seq();
        let changed: Vec<&Changed> = changed.iter().filter(is_new).collect();
        let published = read_changed(transaction, changed.into_iter()).await?;
        Ok(self.with(published))
    }

    /// The same, and this publication, which is not carried out.
    ///
    /// # Errors
    /// When the content is not of the kind of its document.
    pub fn with_draft(&self, publication: Changed, content: serde_json::Value) -> Result<Self> {
        Ok(self.with(Publication::read(publication, Some(content))?.into_iter().collect()))
    }

    /// The same, and what was published since.
    fn with(&self, mut published: Vec<Publication>) -> Self {
        published.sort_by(|a, b| a.order().cmp(&b.order()));
        let mut next = self.clone();
        for one in published {
            next.push(one);
        }
        next
    }

    fn push(&mut self, published: Publication) {
        let Publication { origin, what } = published;
        let event = match what {
            Counted::Other(what) => Arc::new(origin.event(what)),
            Counted::Sheet(key, counted) => {
                let known = self.histories.entry(key.clone());
                let history = known.or_insert_with(|| Arc::new(History::new(self.policy)));
                Arc::make_mut(history).next(origin, key, counted)
            }
        };
        self.now.apply(&event);
        self.log.push(event);
    }

    /// What is done about small counts.
    #[must_use]
    pub const fn policy(&self) -> DisclosurePolicy {
        self.policy
    }

    /// What is public now.
    #[must_use]
    pub const fn now(&self) -> &Contents {
        &self.now
    }

    /// Everything that became public, in order.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.log.events()
    }

    /// What became of the figures of a category and year, in order.
    pub fn history(&self, key: &SheetKey) -> impl Iterator<Item = &Event> {
        self.histories.get(key).into_iter().flat_map(|history| history.events()).map(AsRef::as_ref)
    }

    /// What is withheld of every sheet that was ever public, for an export: whoever imports it withholds the same.
    pub fn withheld(&self) -> impl Iterator<Item = (&SheetKey, Withheld)> {
        self.histories.iter().filter_map(|(key, history)| Some((key, history.withheld()?)))
    }

    /// What is withheld of one sheet; none when it was never public, or the policy hides nothing.
    #[must_use]
    pub fn withheld_of(&self, key: &SheetKey) -> Option<Withheld> {
        self.histories.get(key)?.withheld()
    }

    /// How many events there were up to a moment.
    #[must_use]
    pub fn until(&self, moment: DateTime<Utc>) -> usize {
        self.log.until(moment)
    }

    /// What was public after so many events.
    #[must_use]
    pub fn after(&self, events: usize) -> Contents {
        self.log.after(events)
    }
}

/// What the live tables hold. Its sheets are as they were counted: they do not leave this file but through [`History`].
struct Current {
    countries: OrdMap<Uuid, Arc<Country>>,
    categories: OrdMap<Uuid, Arc<Category>>,
    metadata: Option<Arc<FactSheetMetadata>>,
    sheets: BTreeMap<SheetKey, YearSheet>,
}

/// Reads the live tables.
///
/// # Errors
/// When the database cannot be read.
async fn current(transaction: &DatabaseTransaction) -> Result<Current> {
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

/// Every publication of figures.
///
/// # Errors
/// When the database cannot be read.
async fn all(transaction: &DatabaseTransaction) -> Result<Vec<Publication>> {
    let kinds =
        [DocumentKind::Country, DocumentKind::Category, DocumentKind::YearSheet, DocumentKind::FactSheetMetadata];
    let documents = document::Entity::find().filter(document::COLUMN.kind.is_in(kinds)).all(transaction).await?;
    let documents: HashMap<Uuid, document::Model> = documents.into_iter().map(|row| (row.id, row)).collect();
    let rows = publication::Entity::find().order_by_asc(publication::COLUMN.change_seq).all(transaction).await?;
    let mut changed = Vec::new();
    for publication in rows {
        let Some(document) = documents.get(&publication.document_id) else { continue };
        changed.push(Changed { publication, kind: document.kind, key: document.key.clone() });
    }
    let mut published = Vec::with_capacity(changed.len());
    for batch in changed.chunks(BATCH) {
        published.extend(read_changed(transaction, batch.iter()).await?);
    }
    Ok(published)
}

/// What was published by these.
///
/// # Errors
/// When the database cannot be read.
async fn read_changed(
    transaction: &DatabaseTransaction,
    changed: impl Iterator<Item = &Changed> + Clone,
) -> Result<Vec<Publication>> {
    let numbers = changed.clone().filter_map(|one| Some((one.publication.document_id, one.publication.number?)));
    let numbers: Vec<(Uuid, Version)> = numbers.collect();
    let mut contents: HashMap<(Uuid, Version), serde_json::Value> = HashMap::with_capacity(numbers.len());
    for found in revision::of(transaction, &numbers).await? {
        contents.insert((found.document_id, found.number), found.content);
    }
    let mut published = Vec::with_capacity(numbers.len());
    for one in changed {
        let content = match one.publication.number {
            // A revision may be published, withdrawn, and published again.
            Some(number) => {
                let found = contents.get(&(one.publication.document_id, number)).cloned();
                Some(found.ok_or(Error::NotFound("the revision"))?)
            }
            None => None,
        };
        published.extend(Publication::read(one.clone(), content)?);
    }
    Ok(published)
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

/// What is public and not among the publications: something else than Almanac wrote it.
fn unwritten(published: &[Publication], live: &BTreeMap<SheetKey, YearSheet>, origin: &Origin) -> Vec<Publication> {
    let mut last: BTreeMap<&SheetKey, Option<&YearSheet>> = live.keys().map(|key| (key, None)).collect();
    for one in published {
        if let Counted::Sheet(key, sheet) = &one.what {
            last.insert(key, sheet.as_ref());
        }
    }
    // A sheet without any figure has no rows, and shows nothing.
    let differs = |(key, last): &(&SheetKey, Option<&YearSheet>)| {
        let last = last.filter(|sheet| !sheet.is_empty());
        match (last, live.get(*key)) {
            (Some(last), Some(live)) => !last.has_figures_of(live),
            (last, live) => last.is_some() || live.is_some(),
        }
    };
    let caught_up = |(key, _): (&SheetKey, Option<&YearSheet>)| Publication {
        origin: origin.clone(),
        what: Counted::Sheet(key.clone(), live.get(key).cloned()),
    };
    last.into_iter().filter(differs).map(caught_up).collect()
}
