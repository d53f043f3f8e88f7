//! The texts of pages, rendered, in a cache of bounded size.
//!
//! A text belongs to one revision and never changes with it, so what is cached is never stale: a new text is another
//! revision. Texts that are not in the cache are read from the revisions and rendered when somebody asks for them.

use std::{collections::BTreeSet, sync::Arc};

use entities::{DocumentKind, Version, document};
use quick_cache::{Weighter, sync::Cache};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use crate::{
    content::{
        markdown::{self, Rendered},
        page::PageText,
    },
    editorial::revision,
    error::Result,
};

/// How many texts are read at once.
const BATCH: usize = 100;
/// What an entry takes beside its text.
const OVERHEAD: u64 = 128;

/// Which text: a revision of a document of kind `PAGE_TEXT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BodyKey {
    /// The document.
    pub document: Uuid,
    /// The number of the revision.
    pub version: Version,
}

/// A text in three forms, each as a JSON string with quotes and escapes: so it is copied into answers as it is.
#[derive(Debug)]
pub struct Body {
    /// As it was written.
    pub markdown: Box<str>,
    /// Sanitised HTML.
    pub html: Box<str>,
    /// Without any markup.
    pub text: Box<str>,
}

impl From<Rendered> for Body {
    fn from(rendered: Rendered) -> Self {
        // A string always has a JSON form.
        let json = |text: &str| serde_json::to_string(text).unwrap_or_default().into_boxed_str();
        Self { markdown: json(&rendered.markdown), html: json(&rendered.html), text: json(&rendered.text) }
    }
}

impl Body {
    fn bytes(&self) -> u64 {
        u64::try_from(self.markdown.len() + self.html.len() + self.text.len()).unwrap_or(u64::MAX)
    }
}

#[derive(Clone, Debug)]
struct ByBytes;

impl Weighter<BodyKey, Arc<Body>> for ByBytes {
    fn weight(&self, _: &BodyKey, body: &Arc<Body>) -> u64 {
        body.bytes() + OVERHEAD
    }
}

/// The texts that are in memory.
#[derive(Debug)]
pub struct Bodies(Cache<BodyKey, Arc<Body>, ByBytes>);

impl Bodies {
    /// Room for texts of that many bytes together.
    #[must_use]
    pub fn new(bytes: u64) -> Self {
        // An estimate that sizes tables: a text of 2 kB in three forms.
        let items = usize::try_from(bytes / 6_000).unwrap_or(usize::MAX).max(64);
        Self(Cache::with_weighter(items, bytes, ByBytes))
    }

    /// A text, if it is in memory.
    #[must_use]
    pub fn get(&self, key: BodyKey) -> Option<Arc<Body>> {
        self.0.get(&key)
    }

    /// How many bytes the texts in memory take.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.weight()
    }

    /// Reads those of these texts that are not in memory, and renders them. Returns all of them.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn load(
        &self,
        connection: &impl ConnectionTrait,
        keys: impl IntoIterator<Item = BodyKey>,
    ) -> Result<Vec<(BodyKey, Arc<Body>)>> {
        let (mut found, mut missing) = (Vec::new(), Vec::new());
        for key in keys {
            match self.get(key) {
                Some(body) => found.push((key, body)),
                None => missing.push(key),
            }
        }
        for batch in missing.chunks(BATCH) {
            let numbers: Vec<(Uuid, Version)> = batch.iter().map(|key| (key.document, key.version)).collect();
            for row in revision::of(connection, &numbers).await? {
                let key = BodyKey { document: row.document_id, version: row.number };
                let text: PageText = serde_json::from_value(row.content)?;
                let body = Arc::new(Body::from(markdown::render(&text.body)));
                self.0.insert(key, Arc::clone(&body));
                found.push((key, body));
            }
        }
        Ok(found)
    }

    /// Reads published texts until there is no more room, or no more of them; at most `limit`, if there is one.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn fill(&self, connection: &impl ConnectionTrait, limit: Option<u64>) -> Result<()> {
        let published = document::Entity::find()
            .filter(document::COLUMN.kind.eq(DocumentKind::PageText))
            .filter(document::COLUMN.published_number.is_not_null())
            .order_by_asc(document::COLUMN.id)
            .limit(limit)
            .all(connection)
            .await?;
        let keys: BTreeSet<BodyKey> = published
            .into_iter()
            .filter_map(|row| Some(BodyKey { document: row.id, version: row.published_number? }))
            .collect();
        for batch in keys.into_iter().collect::<Vec<_>>().chunks(BATCH) {
            let before = self.0.len();
            self.load(connection, batch.iter().copied()).await?;
            if self.0.len() <= before && self.0.weight() > self.0.capacity() / 2 {
                // From here on, one comes for one that goes.
                break;
            }
        }
        Ok(())
    }
}
