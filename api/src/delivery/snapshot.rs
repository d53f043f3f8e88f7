//! Everything that the public may read, in memory, as of one change. A public resolver reads this and nothing else.

use std::{collections::BTreeSet, sync::Arc};

use chrono::{DateTime, Utc};
use entities::{DocumentKind, document, publication};
use sea_orm::{DatabaseTransaction, EntityTrait, QueryFilter};
use uuid::Uuid;

use crate::{
    access::{api_token::memory, key},
    change::{self, Change},
    content::{self, body::Bodies},
    database::Database,
    delivery::documents,
    error::Result,
    figures::{self, vintage::Changed},
};

/// The most publications that are brought in one by one; with more, everything is read again.
const MAX_STEPS: usize = 500;

/// One state of the published content. Never changed; the next one shares with it all that stayed.
#[derive(Debug)]
pub struct Snapshot {
    /// The newest change that it contains, and all before it.
    pub seq: i64,
    /// The site, pages and staff.
    pub content: content::Published,
    /// Countries, categories and figures.
    pub figures: Arc<figures::Published>,
    /// When each tag last changed, as far as this process has seen it change.
    changed: imbl::HashMap<Arc<str>, i64>,
    /// The change from which on `changed` says everything.
    since: i64,
}

impl Snapshot {
    /// Reads the live tables, all as of the same moment. No change up to `settled` may be on its way still.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn load(database: &Database, now: DateTime<Utc>, settled: i64) -> Result<Self> {
        let transaction = database.begin_read().await?;
        let mut snapshot = Self::read(&transaction, now).await?;
        snapshot.seq = change::reached(settled, &change::since(&transaction, settled).await?);
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
        Ok(Self { seq, content, figures, changed: imbl::HashMap::new(), since: seq })
    }

    /// The newest state. Only what was published since this one is read. No change up to `settled` may be on its way still; a
    /// later one that is here before its predecessor is not counted, so it is looked at again.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn advance(
        &self,
        database: &Database,
        bodies: &Bodies,
        now: DateTime<Utc>,
        settled: i64,
    ) -> Result<Self> {
        let transaction = database.begin_read().await?;
        let next = self.read_on(&transaction, bodies, now, settled).await?;
        transaction.commit().await?;
        Ok(next)
    }

    async fn read_on(
        &self,
        transaction: &DatabaseTransaction,
        bodies: &Bodies,
        now: DateTime<Utc>,
        settled: i64,
    ) -> Result<Self> {
        let changes = change::since(transaction, self.seq).await?;
        let newer = changes.partition_point(|change| change.seq <= settled);
        let seq = change::reached(settled, changes.get(newer..).unwrap_or_default());
        let publications = publication::Entity::find()
            .find_also_related(document::Entity)
            .filter(publication::COLUMN.change_seq.gt(self.seq))
            .all(transaction)
            .await?;
        let mut last_changed = self.changed.clone();
        for change in &changes {
            for tag in &change.tags {
                last_changed.insert(tag.as_str().into(), change.seq);
            }
        }

        let (mut pages, mut staff): (BTreeSet<Uuid>, BTreeSet<Uuid>) = Default::default();
        // Whatever else was changed is not known one by one.
        let is_known = |change: &Change| {
            change.tags.iter().all(|tag| [key::TAG, memory::TAG, documents::TAG].contains(&tag.as_str()))
                || publications.iter().any(|(publication, _)| publication.change_seq == change.seq)
        };
        let mut of_figures = Vec::new();
        let mut of_site = publications.len() > MAX_STEPS || !changes.iter().all(is_known);
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
            return Ok(Self { seq, changed: last_changed, since: self.since, ..whole });
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
        Ok(Self { seq, content, figures, changed: last_changed, since: self.since })
    }

    /// The same moment with something else on show, such as a draft.
    #[must_use]
    pub fn showing(&self, content: content::Published, figures: Arc<figures::Published>) -> Self {
        Self { seq: self.seq, content, figures, changed: self.changed.clone(), since: self.since }
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
