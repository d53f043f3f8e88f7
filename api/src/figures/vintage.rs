//! What was public when: every state of countries, categories, metadata and year sheets that was ever published.
//!
//! In memory is what is public now, and what the next state of each sheet is held against (`history.rs`): that is stored from
//! time to time (`checkpoint.rs`), so that a start costs what is public and not how long the past is. Earlier states are read
//! from publications and revisions on demand (`past.rs`).
//!
//! Publications are in the order of their changes. A moment only says how far back one must go, and never goes back itself:
//! what a clock that was ahead called later was published no later than what came after it.

mod checkpoint;
pub mod graphql;
mod history;
mod live;
mod past;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use chrono::{DateTime, Utc};
use entities::{CategoryCode, DisclosurePolicy, DocumentKind, Version, Year, clock_correction, document, publication};
use imbl::OrdMap;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use self::{
    checkpoint::write as write_checkpoint,
    past::{FigureState, Past, Place, Release, Vintage},
};
use crate::{
    editorial::revision,
    error::{Error, Result},
    figures::{
        category::Category,
        country::Country,
        disclosure::Sheet,
        metadata::FactSheetMetadata,
        year_sheet::{Withheld, YearSheet},
    },
};
use history::History;
use live::{Current, current};

/// How many publications are read at once when all of them are gone through.
const BATCH: u64 = 200;

/// The category and year of a sheet.
pub type SheetKey = (CategoryCode, Year);

/// A place in the feed of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The change.
    pub seq: i64,
    /// When it was made, as it says of itself.
    pub at: DateTime<Utc>,
}

/// Where the clock was set back: these changes were made at an earlier moment than those before them say of themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Corrections(Arc<[Position]>);

impl Corrections {
    async fn read(transaction: &DatabaseTransaction) -> Result<Self> {
        let rows = clock_correction::Entity::find().order_by_asc(clock_correction::COLUMN.seq).all(transaction).await?;
        Ok(Self(rows.into_iter().map(|row| Position { seq: row.seq, at: row.at }).collect()))
    }

    /// When a change was made, as far as those after it tell.
    #[must_use]
    pub fn moment(&self, Position { seq, at }: Position) -> DateTime<Utc> {
        let later = &self.0[self.0.partition_point(|correction| correction.seq <= seq)..];
        later.iter().map(|correction| correction.at).fold(at, DateTime::min)
    }
}

/// Something that became public, or was withdrawn.
#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    Country(Uuid, Option<Arc<Country>>),
    Category(Uuid, Option<Arc<Category>>),
    Metadata(Option<Arc<FactSheetMetadata>>),
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
    fn apply(&mut self, what: &What) {
        fn put<K: Ord + Clone, V>(map: &mut OrdMap<K, Arc<V>>, key: &K, value: Option<&Arc<V>>) {
            match value {
                Some(value) => map.insert(key.clone(), Arc::clone(value)),
                None => map.remove(key),
            };
        }
        match what {
            What::Country(id, country) => put(&mut self.countries, id, country.as_ref()),
            What::Category(id, category) => put(&mut self.categories, id, category.as_ref()),
            What::Metadata(metadata) => self.metadata.clone_from(metadata),
            What::Sheet(key, sheet) => put(&mut self.sheets, key, sheet.as_ref()),
        }
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

/// The kinds of documents that figures are made of.
const KINDS: [DocumentKind; 4] =
    [DocumentKind::Country, DocumentKind::Category, DocumentKind::YearSheet, DocumentKind::FactSheetMetadata];

/// A publication with what it published. A sheet is as it was counted: it does not leave this room but through
/// [`History`].
struct Publication {
    document: Uuid,
    position: Position,
    what: Counted,
}

enum Counted {
    Other(What),
    Sheet(SheetKey, Option<YearSheet>),
}

impl Publication {
    /// None when it is nothing of figures.
    fn read(changed: &Changed, content: Option<serde_json::Value>) -> Result<Option<Self>> {
        let Changed { publication: row, kind, key } = changed;
        let position = Position { seq: row.change_seq, at: row.published_at };
        Self::of(row.document_id, *kind, sheet_of(*kind, key)?, position, content)
    }

    /// `sheet` is what the document is about, if it is a sheet. None when it is nothing of figures.
    fn of(
        document: Uuid,
        kind: DocumentKind,
        sheet: Option<SheetKey>,
        position: Position,
        content: Option<serde_json::Value>,
    ) -> Result<Option<Self>> {
        fn read<T: serde::de::DeserializeOwned>(content: Option<serde_json::Value>) -> Result<Option<T>> {
            Ok(content.map(serde_json::from_value).transpose()?)
        }
        let what = match (kind, sheet) {
            (_, Some(key)) => Counted::Sheet(key, read(content)?),
            (DocumentKind::Country, _) => Counted::Other(What::Country(document, read(content)?.map(Arc::new))),
            (DocumentKind::Category, _) => Counted::Other(What::Category(document, read(content)?.map(Arc::new))),
            (DocumentKind::FactSheetMetadata, _) => Counted::Other(What::Metadata(read(content)?.map(Arc::new))),
            _ => return Ok(None),
        };
        Ok(Some(Self { document, position, what }))
    }

    /// What is published together takes place in this order: sheets last, by category and year.
    fn order(&self) -> (i64, Option<&SheetKey>) {
        let key = match &self.what {
            Counted::Other(_) => None,
            Counted::Sheet(key, _) => Some(key),
        };
        (self.position.seq, key)
    }
}

/// What is public of figures, as far as it may be shown, what is needed to tell the next state, and the way to the earlier
/// ones. Cloning it costs little.
#[derive(Clone, Debug)]
pub struct Vintages {
    policy: DisclosurePolicy,
    corrections: Corrections,
    /// What is public now.
    now: Contents,
    sheets: OrdMap<SheetKey, Arc<History>>,
    /// The newest change that is told of.
    through: i64,
    /// The newest publication of anything but a sheet.
    others: Option<Position>,
    /// What is public and no publication tells of: something else than Almanac wrote it, or it is a draft that is shown.
    unwritten: Vec<Unwritten>,
    /// How many publications were gone through since the process began.
    pushed: u64,
    saved: Arc<Saved>,
    past: Arc<Past>,
}

/// What the last checkpoint holds that this process knows of.
#[derive(Debug, Default)]
struct Saved {
    /// How many of the publications that it has gone through.
    pushed: AtomicU64,
    /// Up to which change.
    through: AtomicI64,
}

/// Something that is public without a publication.
#[derive(Clone, Debug)]
struct Unwritten {
    key: Option<SheetKey>,
    position: Position,
    is_withdrawn: bool,
}

impl Vintages {
    fn new(policy: DisclosurePolicy) -> Self {
        Self {
            policy,
            corrections: Corrections::default(),
            now: Contents::default(),
            sheets: OrdMap::new(),
            through: 0,
            others: None,
            unwritten: Vec::new(),
            pushed: 0,
            saved: Arc::default(),
            past: Arc::default(),
        }
    }

    /// Reads what is public, and what was published since the last checkpoint. What the live tables hold and no publication
    /// tells of counts as published at `now`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn load(transaction: &DatabaseTransaction, policy: DisclosurePolicy, now: DateTime<Utc>) -> Result<Self> {
        let Current { countries, categories, metadata, sheets } = current(transaction).await?;
        let newest = crate::change::latest(transaction).await?;
        let corrections = Corrections::read(transaction).await?;
        let mut vintages = Self::restore(transaction, policy, corrections, &sheets, newest).await?;
        vintages.go_through(transaction).await?;
        let known: BTreeSet<SheetKey> = vintages.sheets.keys().chain(sheets.keys()).cloned().collect();
        for key in known {
            let live = sheets.get(&key);
            let is_told = match vintages.sheets.get(&key) {
                Some(history) => history.counted(&key, live)?,
                None => live.is_none_or(YearSheet::is_empty),
            };
            if !is_told {
                // It comes after all that is told of.
                let position = Position { seq: vintages.through + 1, at: now };
                vintages.push_unwritten(Uuid::nil(), position, Counted::Sheet(key, live.cloned()))?;
            }
        }
        vintages.now = Contents { countries, categories, metadata, ..vintages.now };
        Ok(vintages)
    }

    /// As the last checkpoint says, as far as it is of use under this policy.
    async fn restore(
        transaction: &DatabaseTransaction,
        policy: DisclosurePolicy,
        corrections: Corrections,
        live: &BTreeMap<SheetKey, YearSheet>,
        newest: i64,
    ) -> Result<Self> {
        let new = Self { corrections, ..Self::new(policy) };
        let mut vintages = new.clone();
        let Some(checkpoint) = checkpoint::read(transaction, policy, newest).await? else { return Ok(vintages) };
        let is_same = checkpoint.is_same_policy;
        for (key, document, stored) in checkpoint.histories {
            let restored = History::restore(document, stored, policy, is_same, live.get(&key));
            let Some(history) = restored else { return Ok(new) };
            if let Some(shown) = history.shown() {
                vintages.now.sheets.insert(key.clone(), Arc::clone(shown));
            }
            vintages.note_update(history.last);
            vintages.sheets.insert(key, Arc::new(history));
        }
        vintages.through = checkpoint.through;
        vintages.saved.through.store(checkpoint.through, Ordering::Release);
        vintages.others = checkpoint.others;
        Ok(vintages)
    }

    /// Goes through all that was published after what is known, of sheets; of everything else only the newest counts, which
    /// the live tables hold.
    async fn go_through(&mut self, transaction: &DatabaseTransaction) -> Result<()> {
        let mut after = (self.through, None::<Uuid>);
        loop {
            let (seq, document) = after;
            let mut is_after = Condition::any().add(publication::COLUMN.change_seq.gt(seq));
            if let Some(document) = document {
                let same = Condition::all().add(publication::COLUMN.change_seq.eq(seq));
                is_after = is_after.add(same.add(publication::COLUMN.document_id.gt(document)));
            }
            let rows = publication::Entity::find()
                .find_also_related(document::Entity)
                .filter(document::COLUMN.kind.is_in(KINDS))
                .filter(is_after)
                .order_by_asc(publication::COLUMN.change_seq)
                .order_by_asc(publication::COLUMN.document_id)
                .limit(BATCH)
                .all(transaction)
                .await?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            after = (last.change_seq, Some(last.document_id));
            let mut sheets = Vec::new();
            for (row, document) in rows.into_iter().filter_map(|(row, document)| Some((row, document?))) {
                match document.kind {
                    DocumentKind::YearSheet => {
                        sheets.push(Changed { publication: row, kind: document.kind, key: document.key });
                    }
                    _ => {
                        self.others = Some(Position { seq: row.change_seq, at: row.published_at });
                        self.through = self.through.max(row.change_seq);
                        self.pushed += 1;
                    }
                }
            }
            for publication in publications(transaction, &sheets.iter().collect::<Vec<_>>()).await? {
                self.push(publication)?;
            }
        }
    }

    /// The same, and what was published since; what of it is known already is passed over. Reads the revisions that were
    /// published and nothing else. All that a change published must be there. Another policy, or a clock that was set back,
    /// takes [`Vintages::load`].
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn advance(&self, transaction: &DatabaseTransaction, changed: &[Changed]) -> Result<Self> {
        let is_new = |changed: &&Changed| changed.publication.change_seq > self.through;
        let changed: Vec<&Changed> = changed.iter().filter(is_new).collect();
        self.with(publications(transaction, &changed).await?)
    }

    /// The same, and what was published since.
    fn with(&self, mut published: Vec<Publication>) -> Result<Self> {
        published.sort_by(|a, b| a.order().cmp(&b.order()));
        let mut next = self.clone();
        for one in published {
            next.push(one)?;
        }
        Ok(next)
    }

    /// The same, and this publication, which is not carried out.
    ///
    /// # Errors
    /// When the content is not of the kind of its document.
    pub fn with_draft(&self, publication: Changed, content: serde_json::Value) -> Result<Self> {
        let mut next = self.clone();
        if let Some(Publication { document, position, what }) = Publication::read(&publication, Some(content))? {
            next.push_unwritten(document, position, what)?;
        }
        Ok(next)
    }

    fn push(&mut self, published: Publication) -> Result<()> {
        let Publication { document, position, what } = published;
        self.bring_in(document, position, what)?;
        self.through = self.through.max(position.seq);
        self.pushed += 1;
        Ok(())
    }

    fn push_unwritten(&mut self, document: Uuid, position: Position, what: Counted) -> Result<()> {
        let (key, is_withdrawn) = match &what {
            Counted::Sheet(key, sheet) => (Some(key.clone()), sheet.is_none()),
            Counted::Other(_) => (None, false),
        };
        self.unwritten.push(Unwritten { key, position, is_withdrawn });
        self.bring_in(document, position, what)
    }

    fn bring_in(&mut self, document: Uuid, position: Position, what: Counted) -> Result<()> {
        let what = match what {
            Counted::Other(what) => {
                self.others = Some(position);
                what
            }
            Counted::Sheet(key, counted) => {
                let known = self.sheets.entry(key.clone());
                let history = known.or_insert_with(|| Arc::new(History::new(document, self.policy)));
                let shown = Arc::make_mut(history).next(position, counted)?;
                self.note_update(position);
                What::Sheet(key, shown)
            }
        };
        self.now.apply(&what);
        Ok(())
    }

    fn note_update(&mut self, position: Position) {
        self.now.updated_at = self.now.updated_at.max(Some(self.corrections.moment(position)));
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

    /// The newest change that is told of; 0 when there is none.
    #[must_use]
    pub const fn through(&self) -> i64 {
        self.through
    }

    /// When the newest of all that is public became public.
    #[must_use]
    pub fn newest(&self) -> Option<DateTime<Utc>> {
        let unwritten = self.unwritten.iter().map(|one| one.position);
        let sheets = self.sheets.values().map(|history| history.last);
        let newest = sheets.chain(self.others).chain(unwritten).max_by_key(|position| position.seq)?;
        Some(self.corrections.moment(newest))
    }

    /// How often sheets were published or withdrawn; only those of this category and year, if it is given.
    #[must_use]
    pub fn publications(&self, key: Option<&SheetKey>) -> u64 {
        match key {
            Some(key) => self.sheets.get(key).map_or(0, |history| history.publications),
            None => self.sheets.values().map(|history| history.publications).sum(),
        }
    }

    /// How many sheets were published or withdrawn after a moment.
    #[must_use]
    pub fn sheets_since(&self, moment: DateTime<Utc>) -> usize {
        self.sheets.values().filter(|history| self.corrections.moment(history.last) > moment).count()
    }

    /// Whether so much was published up to change `seq` since the last checkpoint that it is time for another one. What no
    /// publication tells of cannot be in one.
    #[must_use]
    pub fn is_checkpoint_due(&self, seq: i64) -> bool {
        let published = self.pushed.saturating_sub(self.saved.pushed.load(Ordering::Acquire));
        let changes = seq.saturating_sub(self.saved.through.load(Ordering::Acquire));
        let is_due = published >= checkpoint::INTERVAL || changes >= checkpoint::INTERVAL_OF_CHANGES;
        self.unwritten.is_empty() && is_due
    }

    /// What is withheld of every sheet that was ever public, for an export: whoever imports it withholds the same.
    pub fn withheld(&self) -> impl Iterator<Item = (&SheetKey, Withheld)> {
        self.sheets.iter().filter_map(|(key, history)| Some((key, history.withheld()?)))
    }

    /// What is withheld of one sheet; none when it was never public, or the policy hides nothing.
    #[must_use]
    pub fn withheld_of(&self, key: &SheetKey) -> Option<Withheld> {
        self.sheets.get(key)?.withheld()
    }

    /// The earlier states.
    #[must_use]
    pub const fn past(&self) -> &Arc<Past> {
        &self.past
    }
}

/// What these published, in the order in which it took place.
async fn publications(transaction: &DatabaseTransaction, changed: &[&Changed]) -> Result<Vec<Publication>> {
    let revisions = changed.iter().map(|one| (one.publication.document_id, one.publication.number));
    let contents = RevisionContents::read(transaction, revisions).await?;
    let mut published = Vec::with_capacity(changed.len());
    for one in changed {
        let content = contents.get(one.publication.document_id, one.publication.number)?;
        published.extend(Publication::read(one, content)?);
    }
    published.sort_by(|a, b| a.order().cmp(&b.order()));
    Ok(published)
}

/// The category and year of a document of this kind with this key (`YEAR_SHEET/RESIDENT/2022`); none when it is no sheet.
fn sheet_of(kind: DocumentKind, key: &str) -> Result<Option<SheetKey>> {
    if kind != DocumentKind::YearSheet {
        return Ok(None);
    }
    let mut parts = key.split('/').skip(1);
    let (category, year) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    Ok(Some((category.parse().map_err(Error::internal)?, year.parse().map_err(Error::internal)?)))
}

/// What revisions hold.
struct RevisionContents(HashMap<(Uuid, Version), serde_json::Value>);

impl RevisionContents {
    /// Reads the revisions of documents with these numbers, all at once. One that was withdrawn has no number.
    async fn read(
        connection: &impl ConnectionTrait,
        revisions: impl Iterator<Item = (Uuid, Option<Version>)>,
    ) -> Result<Self> {
        let numbers: Vec<(Uuid, Version)> =
            revisions.filter_map(|(document, number)| Some((document, number?))).collect();
        let found = revision::of(connection, &numbers).await?;
        Ok(Self(found.into_iter().map(|found| ((found.document_id, found.number), found.content)).collect()))
    }

    /// What a revision holds; it may be published, withdrawn and published again. None where there is no number.
    fn get(&self, document: Uuid, number: Option<Version>) -> Result<Option<serde_json::Value>> {
        let content = |number| self.0.get(&(document, number)).cloned().ok_or(Error::not_found("the revision"));
        number.map(content).transpose()
    }
}
