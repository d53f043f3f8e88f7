//! One transaction in which an editor writes: revisions, projections, one change and one audit entry, or nothing.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use entities::{ReleaseKind, RevisionAction, Version, document, publication, revision};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, DatabaseTransaction, EntityTrait};
use uuid::Uuid;

use crate::{
    access::{Editor, audit},
    change,
    editorial::{
        Kind,
        kind::document_key,
        revision::{conflict, find},
    },
    error::{Error, Result},
    state::State,
};

/// Both databases bound the parameters of one statement (32,766 on SQLite).
const ROWS_PER_STATEMENT: usize = 1_000;

/// Why something is published.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Release {
    /// The kind of release, for figures.
    pub kind: Option<ReleaseKind>,
    /// Why, in the editor's words.
    pub reason: Option<String>,
}

/// A document after it was saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Saved {
    /// The document.
    pub id: Uuid,
    /// Its new version.
    pub version: Version,
}

/// An open transaction of one editor. Everything is rolled back when it is dropped without [`Edit::commit`].
pub struct Edit<'a> {
    state: &'a State,
    editor: &'a Editor,
    transaction: DatabaseTransaction,
    now: DateTime<Utc>,
    tags: BTreeSet<String>,
    publications: Vec<publication::ActiveModel>,
}

impl<'a> Edit<'a> {
    /// Waits for the other writers and begins.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn begin(state: &'a State, editor: &'a Editor) -> Result<Self> {
        let transaction = state.database().begin_write().await?;
        let now = state.now();
        Ok(Self { state, editor, transaction, now, tags: BTreeSet::new(), publications: Vec::new() })
    }

    /// The transaction, for reading what is about to be changed.
    #[must_use]
    pub const fn transaction(&self) -> &DatabaseTransaction {
        &self.transaction
    }

    /// Appends a revision. `expected` is the version that the writer had seen, [`Version::NONE`] for a new document.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the document stands at another version; [`Error::Invalid`] when the content breaks a
    /// rule that needs other documents.
    pub async fn save<K: Kind>(
        &mut self,
        content: &K,
        expected: Version,
        action: RevisionAction,
        reason: Option<String>,
    ) -> Result<Saved> {
        let found = find(&self.transaction, K::KIND, &content.key()).await?;
        let current = found.as_ref().map_or(Version::NONE, |document| document.version);
        if current != expected {
            return Err(match &found {
                Some(document) => conflict(&self.transaction, document, expected).await?,
                None => Error::NotFound("the version"),
            });
        }
        let faults = content.check(&self.transaction).await?;
        if !faults.is_empty() {
            return Err(Error::Invalid(faults));
        }

        let version = expected.next();
        let id = match found {
            Some(document) => {
                let change =
                    document::ActiveModel { id: Set(document.id), version: Set(version), ..Default::default() };
                change.update(&self.transaction).await?;
                document.id
            }
            None => self.insert_document::<K>(content, version).await?,
        };
        // The key (document, number) arbitrates should two writers ever get this far.
        let row = revision::ActiveModel {
            document_id: Set(id),
            number: Set(version),
            content: Set(serde_json::to_value(content)?),
            action: Set(action),
            reason: Set(reason),
            actor_kind: Set(self.editor.actor().kind()),
            editor_id: Set(self.editor.actor().account()),
            created_at: Set(self.now),
        };
        revision::Entity::insert(row).exec(&self.transaction).await?;
        Ok(Saved { id, version })
    }

    async fn insert_document<K: Kind>(&self, content: &K, version: Version) -> Result<Uuid> {
        let id = self.state.new_id();
        let row = document::ActiveModel {
            id: Set(id),
            kind: Set(K::KIND),
            key: Set(document_key(K::KIND, &content.key())),
            version: Set(version),
            published_number: Set(None),
            publish_at: Set(None),
            archived_at: Set(None),
            created_at: Set(self.now),
        };
        document::Entity::insert(row).exec(&self.transaction).await?;
        Ok(id)
    }

    /// Makes a saved revision public: projects it into the live tables and notes the change.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn publish<K: Kind>(&mut self, saved: Saved, content: &K, release: Release) -> Result<()> {
        content.project(&self.transaction, saved.id, self.now).await?;
        document::ActiveModel { id: Set(saved.id), published_number: Set(Some(saved.version)), ..Default::default() }
            .update(&self.transaction)
            .await?;
        self.tags.extend(content.tags());
        self.publications.push(publication::ActiveModel {
            document_id: Set(saved.id),
            // Known when the transaction is committed: one change, however many documents it publishes.
            change_seq: Set(0),
            number: Set(Some(saved.version)),
            release_kind: Set(release.kind),
            reason: Set(release.reason),
            actor_kind: Set(self.editor.actor().kind()),
            editor_id: Set(self.editor.actor().account()),
            published_at: Set(self.now),
        });
        Ok(())
    }

    /// Writes the change and the audit entry, commits, and returns when this process serves what was published.
    /// `action` is the name of the mutation or command, `subject` the one document that it was about, if it was one.
    ///
    /// # Errors
    /// When the database cannot be written; then nothing is.
    pub async fn commit(self, action: &'static str, subject: Option<Saved>) -> Result<()> {
        let mut seq = None;
        if !self.publications.is_empty() {
            let number = change::append(&self.transaction, self.now, self.tags).await?;
            for publications in self.publications.chunks(ROWS_PER_STATEMENT) {
                let rows = publications
                    .iter()
                    .map(|publication| publication::ActiveModel { change_seq: Set(number), ..publication.clone() });
                publication::Entity::insert_many(rows).exec(&self.transaction).await?;
            }
            seq = Some(number);
        }
        let mut entry = audit::Entry::done(self.editor.actor(), action).request(self.editor.request_id());
        if let Some(saved) = subject {
            entry = entry.document(saved.id, saved.version);
        }
        audit::record(&self.transaction, self.now, entry).await?;
        self.transaction.commit().await?;
        if let Some(seq) = seq
            && let Err(error) = self.state.catch_up(seq).await
        {
            // The write is done and durable; the feed brings it into memory when the database answers again.
            tracing::warn!(error = %error, seq, "published, but not yet served");
        }
        Ok(())
    }
}
