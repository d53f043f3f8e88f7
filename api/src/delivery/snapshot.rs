//! Everything that the public may read, in memory, as of one change. A public resolver reads this and nothing else.

use std::{
    collections::BTreeSet,
    sync::{Arc, OnceLock},
};

use chrono::{DateTime, Utc};
use entities::{DocumentKind, document, publication};
use sea_orm::{DatabaseTransaction, EntityTrait, QueryFilter};
use uuid::Uuid;

use crate::{
    access::{api_token::memory, key},
    change::{self, Change, StableUntil},
    content::{self, body::Bodies},
    database::Database,
    delivery::{documents, sizes::Sizes},
    error::Result,
    figures::{self, vintage::Changed},
};

/// The most publications that are brought in one by one; with more, everything is read again.
const MAX_STEPS: usize = 500;

/// One state of the published content. Never changed; the next one shares with it all that stayed.
#[derive(Debug)]
pub struct Snapshot {
    /// The newest change before which no other one is still to come; it contains all up to here.
    pub seq: i64,
    /// Changes that it contains beyond `seq`: before them a number is missing that may still come.
    ahead: BTreeSet<i64>,
    /// How many states of this process came before it. Two states differ in this, even where `seq` is the same.
    generation: u64,
    /// The site, pages and staff.
    pub content: content::Published,
    /// Countries, categories and figures.
    pub figures: Arc<figures::Published>,
    /// When each tag last changed, as far as this process has seen it change.
    changed: imbl::HashMap<Arc<str>, i64>,
    /// The change from which on `changed` says everything.
    since: i64,
    sizes: OnceLock<Sizes>,
}

impl Snapshot {
    /// Reads the live tables, all as of the same moment.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn load(database: &Database, now: DateTime<Utc>, stable: StableUntil) -> Result<Self> {
        let transaction = database.begin_read().await?;
        let changes = change::since(&transaction, stable.seq()).await?;
        let (seq, ahead) = place(stable.seq(), &changes);
        let snapshot = Self { seq, ahead, ..Self::read(&transaction, now).await? };
        transaction.commit().await?;
        Ok(snapshot)
    }

    /// Reads the live tables as this transaction sees them, at `now`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn read(transaction: &DatabaseTransaction, now: DateTime<Utc>) -> Result<Self> {
        let seq = change::latest(transaction).await?;
        let content = content::Published::load(transaction).await?;
        let figures = Arc::new(figures::Published::load(transaction, now).await?);
        let (ahead, changed) = (BTreeSet::new(), imbl::HashMap::new());
        let sizes = OnceLock::new();
        Ok(Self { seq, ahead, generation: 1, content, figures, changed, since: seq, sizes })
    }

    /// The newest state. Only what was published since this one is read. However many changes there are, it is labelled
    /// with the last before which none can come any more: by `stable`, and where no number is missing.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn advance(
        &self,
        database: &Database,
        bodies: &Bodies,
        now: DateTime<Utc>,
        stable: Option<StableUntil>,
    ) -> Result<Self> {
        let transaction = database.begin_read().await?;
        let next = self.read_on(&transaction, bodies, now, stable.map_or(0, StableUntil::seq)).await?;
        transaction.commit().await?;
        Ok(next)
    }

    async fn read_on(
        &self,
        transaction: &DatabaseTransaction,
        bodies: &Bodies,
        now: DateTime<Utc>,
        stable: i64,
    ) -> Result<Self> {
        let mut changes = change::since(transaction, self.seq).await?;
        let (seq, ahead) = place(stable.max(self.seq), &changes);
        let generation = self.generation + 1;
        changes.retain(|change| !self.contains(change.seq));
        // What came after a change that commits late was put together without it.
        let is_late = |change: &Change| self.ahead.last().is_some_and(|last| change.seq < *last);
        let publications = publication::Entity::find()
            .find_also_related(document::Entity)
            .filter(publication::COLUMN.change_seq.gt(self.seq))
            .all(transaction)
            .await?;
        let publications: Vec<_> =
            publications.into_iter().filter(|(publication, _)| !self.contains(publication.change_seq)).collect();
        let mut last_changed = self.changed.clone();
        for change in &changes {
            for tag in &change.tags {
                let last = last_changed.entry(tag.as_str().into()).or_insert(change.seq);
                *last = change.seq.max(*last);
            }
        }

        let (mut pages, mut staff): (BTreeSet<Uuid>, BTreeSet<Uuid>) = Default::default();
        // Whatever else was changed is not known one by one.
        let is_known = |change: &Change| {
            change.tags.iter().all(|tag| [key::TAG, memory::TAG, documents::TAG].contains(&tag.as_str()))
                || publications.iter().any(|(publication, _)| publication.change_seq == change.seq)
        };
        let mut of_figures = Vec::new();
        let is_of_clock = |change: &Change| change.tags.iter().any(|tag| tag == change::tag::CLOCK);
        let mut of_site = publications.len() > MAX_STEPS
            || changes.iter().any(|change| !is_known(change) || is_late(change) || is_of_clock(change));
        for (publication, document) in publications.iter().filter_map(|(row, document)| Some((row, document.as_ref()?)))
        {
            match document.kind {
                DocumentKind::Page => drop(pages.insert(document.id)),
                DocumentKind::PageText => pages.extend(document.owner_id),
                DocumentKind::StaffMember => drop(staff.insert(document.id)),
                DocumentKind::StaffText => staff.extend(document.owner_id),
                DocumentKind::Site => of_site = true,
                DocumentKind::Country
                | DocumentKind::Category
                | DocumentKind::YearSheet
                | DocumentKind::FactSheetMetadata => of_figures.push(Changed {
                    publication: publication.clone(),
                    kind: document.kind,
                    key: document.key.clone(),
                }),
            }
        }
        if of_site {
            // Which locales there are and what small counts must become holds for everything.
            let whole = Self::read(transaction, now).await?;
            whole.figures.vintages.past().set_budget(self.figures.vintages.past().budget());
            return Ok(Self { seq, ahead, generation, changed: last_changed, since: self.since, ..whole });
        }
        let content = self.content.advance(transaction, &pages, &staff).await?;
        // At hand before the first reader comes.
        let texts = pages.iter().filter_map(|id| content.page(*id)).flat_map(|page| page.texts.values());
        bodies.load(transaction, texts.map(|text| text.body)).await?;
        let figures = if of_figures.is_empty() {
            Arc::clone(&self.figures)
        } else {
            Arc::new(self.figures.advance(transaction, &of_figures).await?)
        };
        let sizes = OnceLock::new();
        Ok(Self { seq, ahead, generation, content, figures, changed: last_changed, since: self.since, sizes })
    }

    /// How much there is of everything, counted when it is first asked for.
    #[must_use]
    pub fn sizes(&self) -> &Sizes {
        self.sizes.get_or_init(|| Sizes::of(self))
    }

    /// Whether it contains the change with this number.
    #[must_use]
    pub fn contains(&self, seq: i64) -> bool {
        seq <= self.seq || self.ahead.contains(&seq)
    }

    /// The newest change that it contains.
    #[must_use]
    pub fn newest(&self) -> i64 {
        self.ahead.last().copied().unwrap_or(self.seq)
    }

    /// A number that no other state of what this process publishes has.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// The same moment with something else on show, such as a draft.
    #[must_use]
    pub fn showing(&self, content: content::Published, figures: Arc<figures::Published>) -> Self {
        let (ahead, changed, sizes) = (self.ahead.clone(), self.changed.clone(), OnceLock::new());
        Self { seq: self.seq, ahead, generation: self.generation, content, figures, changed, since: self.since, sizes }
    }

    /// Whether a change after number `seq` bears this tag.
    #[must_use]
    pub fn has_changed(&self, tag: &str, seq: i64) -> bool {
        self.changed.get(tag).is_some_and(|changed| *changed > seq)
    }

    /// Whether an answer that was made of change `seq`, and that depends on nothing but these tags, would be the same now.
    #[must_use]
    pub fn still_holds<'a>(&self, seq: i64, tags: impl IntoIterator<Item = &'a str>) -> bool {
        seq >= self.since && tags.into_iter().all(|tag| self.changed.get(tag).is_none_or(|changed| *changed <= seq))
    }
}

/// What a state is labelled with that contains these changes, of which those up to `stable` have no gap that will be
/// filled; and those that it contains beyond that.
fn place(stable: i64, changes: &[Change]) -> (i64, BTreeSet<i64>) {
    let newer = changes.partition_point(|change| change.seq <= stable);
    let newer = changes.get(newer..).unwrap_or_default();
    let seq = change::contiguous_until(stable, newer);
    (seq, newer.iter().map(|change| change.seq).filter(|number| *number > seq).collect())
}
