//! What an editor does to documents within one transaction: save, publish, withdraw.

use entities::{
    DocumentKind, ReleaseKind, RevisionAction, Rule, ScheduleAction, Version, document, document_locale, publication,
    revision,
};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter};
use uuid::Uuid;

use crate::{
    access::{Editor, permission::Action},
    editorial::{
        Kind,
        kind::document_key,
        revision::{
            Keyframe, Revision, at, changed_fields, conflict, content, expect, find, find_at, find_newest, get, store,
        },
        schedule,
    },
    error::{Error, Result},
    transaction::Transaction,
};

/// Why something is published.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Release {
    /// The kind of release, for figures.
    pub kind: Option<ReleaseKind>,
    /// Why, in the editor's words.
    pub reason: Option<String>,
}

/// The state of a document that a change is based on.
#[derive(Clone, Debug)]
pub struct Base<K> {
    /// The version that the editor had seen; [`Version::NONE`] for a new document.
    expected: Version,
    /// The document and its content at that version; none for a new document.
    seen: Option<(document::Model, K)>,
    /// What the next revision may be stored as a change of.
    keyframe: Option<Keyframe>,
    /// The fields that the change would write into what others have saved since.
    overwrites: Vec<String>,
    /// Whether nothing was found wrong with what is to be saved.
    is_checked: bool,
}

impl<K> Base<K> {
    const fn new(expected: Version, seen: Option<(document::Model, K)>, keyframe: Option<Keyframe>) -> Self {
        Self { expected, seen, keyframe, overwrites: Vec::new(), is_checked: false }
    }

    /// [`Kind::check`] has found nothing wrong, in this transaction, with the content that is to be saved.
    pub const fn note_checked(&mut self) {
        self.is_checked = true;
    }

    /// The content that the editor had seen; none for a new document.
    pub const fn content(&self) -> Option<&K> {
        match &self.seen {
            Some((_, content)) => Some(content),
            None => None,
        }
    }

    /// The content that is public, if that is what the editor had seen.
    pub fn live(&self) -> Option<&K> {
        let (document, content) = self.seen.as_ref()?;
        (document.published_number == Some(self.expected)).then_some(content)
    }

    /// The version that the editor had seen.
    pub const fn expected(&self) -> Version {
        self.expected
    }

    /// The document, if there is one.
    pub const fn document(&self) -> Option<&document::Model> {
        match &self.seen {
            Some((document, _)) => Some(document),
            None => None,
        }
    }
}

/// An editor at work in a transaction.
pub struct Edit<'a> {
    transaction: &'a mut Transaction,
    editor: &'a Editor,
}

impl<'a> Edit<'a> {
    /// Sets an editor to work.
    pub const fn new(transaction: &'a mut Transaction, editor: &'a Editor) -> Self {
        Self { transaction, editor }
    }

    /// To read what is about to be changed.
    #[must_use]
    pub fn connection(&self) -> &DatabaseTransaction {
        self.transaction.connection()
    }

    /// The transaction.
    #[must_use]
    pub const fn transaction(&mut self) -> &mut Transaction {
        self.transaction
    }

    /// Who is at work.
    #[must_use]
    pub const fn editor(&self) -> &'a Editor {
        self.editor
    }

    /// What a change to the document with this natural key is based on. Without a document, `expected` must be
    /// [`Version::NONE`].
    ///
    /// # Errors
    /// [`Error::Conflict`] when there never was such a version; [`Error::NotFound`] when there is no document.
    pub async fn base<K: Kind>(&mut self, key: &str, expected: Version) -> Result<Base<K>> {
        let missing = || Error::not_found("the document");
        self.permit_some::<K>()?;
        match find_at(self.connection(), K::KIND, key, expected).await? {
            Some((document, seen)) => self.base_of(document, seen, expected, missing).await,
            None if expected == Version::NONE => Ok(Base::new(expected, None, None)),
            None => Err(missing()),
        }
    }

    /// The same, based on what stands.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; or when the database cannot be read.
    pub async fn newest<K: Kind>(&mut self, key: &str) -> Result<Base<K>> {
        let missing = || Error::not_found("the document");
        self.permit_some::<K>()?;
        match find_newest(self.connection(), K::KIND, key).await? {
            Some((document, newest)) => {
                let version = document.version;
                self.base_of(document, Some(newest), version, missing).await
            }
            None => Ok(Base::new(Version::NONE, None, None)),
        }
    }

    /// The same for the document with this id.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there is no such document of this kind; [`Error::Conflict`] when there never was such a
    /// version.
    pub async fn base_by_id<K: Kind>(&mut self, id: Uuid, expected: Version) -> Result<Base<K>> {
        let missing = || Error::invalid([K::HANDLE], Rule::Unknown);
        self.permit_some::<K>()?;
        let found = document::Entity::find_by_id(id).one(self.connection()).await?;
        let document = found.filter(|document| document.kind == K::KIND).ok_or_else(missing)?;
        let seen = at(self.connection(), document.id, expected).await?;
        self.base_of(document, seen, expected, missing).await
    }

    /// Nothing, if the editor may save documents of this kind in some locale: asked before one is looked for.
    fn permit_some<K: Kind>(&self) -> Result<()> {
        if self.editor.grants().allow_somewhere(Action::Save, K::KIND) { Ok(()) } else { Err(Error::Forbidden) }
    }

    /// Notes, if others have saved the document since, what the same change would write into what they have saved. A form
    /// that is sent as a whole holds old values of fields that its editor never touched.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn note_overwritten<K: Kind>(
        &self,
        base: &mut Base<K>,
        change: impl FnOnce(K) -> Option<K>,
    ) -> Result<()> {
        let moved_on = base.document().filter(|document| document.version != base.expected);
        let Some(document) = moved_on else { return Ok(()) };
        let current = get(self.connection(), document.id, document.version).await?;
        if let Some(again) = change(content(&current)?) {
            base.overwrites = changed_fields(&current.content, &serde_json::to_value(again)?);
        }
        Ok(())
    }

    /// Nothing, if the document still is at the version that the editor had seen.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it stands at another one.
    pub async fn expect(&mut self, document: &document::Model, seen: Version) -> Result<()> {
        expect(self.connection(), document, seen).await.map_err(|error| self.redact(document.kind, error))
    }

    /// An error without what this editor may not read of documents of this kind: of a conflict, only the versions. What is
    /// told of figures is recorded.
    fn redact(&mut self, kind: DocumentKind, error: Error) -> Error {
        match error {
            Error::Conflict(mut conflict) if !self.editor.grants().allow(Action::Read, kind, None) => {
                conflict.editor_id = None;
                conflict.base = None;
                conflict.changed_fields.clear();
                conflict.attempted_fields.clear();
                conflict.overwritten_fields.clear();
                Error::Conflict(conflict)
            }
            Error::Conflict(conflict) => {
                if kind == DocumentKind::YearSheet {
                    self.transaction.reads(conflict.document_id, conflict.current);
                }
                Error::Conflict(conflict)
            }
            error => error,
        }
    }

    async fn base_of<K: Kind>(
        &mut self,
        document: document::Model,
        seen: Option<Revision>,
        expected: Version,
        missing: impl FnOnce() -> Error,
    ) -> Result<Base<K>> {
        self.transaction.about(document.id, expected);
        match seen {
            Some(seen) => {
                let before: K = content(&seen)?;
                self.editor.permit_found(Action::Save, K::KIND, before.locale(), missing)?;
                Ok(Base::new(expected, Some((document, before)), Some(seen.into_keyframe())))
            }
            // What was to change is unknown without a base: every field counts, or a client that merges by itself would
            // overwrite what it never saw.
            None => {
                let current = get(self.connection(), document.id, document.version).await?;
                self.editor.permit_found(Action::Save, K::KIND, content::<K>(&current)?.locale(), missing)?;
                let attempted = changed_fields(&serde_json::Value::Null, &current.content);
                let conflict = conflict(self.connection(), &document, expected, None, attempted).await?;
                Err(self.redact(K::KIND, Error::Conflict(conflict)))
            }
        }
    }

    /// Appends a revision.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::Conflict`] when the document has moved on from its base; [`Error::Invalid`] when
    /// the document is archived or the content breaks a rule that needs other documents.
    pub async fn save<K: Kind>(
        &mut self,
        base: Base<K>,
        content: &K,
        action: RevisionAction,
        reason: Option<String>,
    ) -> Result<document::Model> {
        self.editor.permit(Action::Save, K::KIND, content.locale())?;
        let Base { expected, seen, keyframe, overwrites, is_checked } = base;
        if let Some((document, before)) = &seen {
            if document.version != expected {
                let value = serde_json::to_value(content)?;
                let before = serde_json::to_value(before)?;
                let attempted = changed_fields(&before, &value);
                let mut conflict = conflict(self.connection(), document, expected, Some(before), attempted).await?;
                conflict.overwritten_fields = overwrites;
                return Err(self.redact(K::KIND, Error::Conflict(conflict)));
            }
            if document.archived_at.is_some() {
                return Err(Error::invalid([K::HANDLE], Rule::Archived));
            }
        }
        if !is_checked {
            let faults = content.check(self.connection(), seen.as_ref().map(|(document, _)| document.id)).await?;
            if !faults.is_empty() {
                return Err(Error::Invalid(faults));
            }
        }

        let version = expected.next();
        let key = document_key(K::KIND, &content.key());
        let locales = content.locales();
        let (document, known_locales) = match seen {
            Some((document, before)) => {
                if document.key != key && find(self.connection(), K::KIND, &content.key()).await?.is_some() {
                    return Err(Error::invalid(["slug"], Rule::Taken));
                }
                let change = document::ActiveModel {
                    id: Set(document.id),
                    key: Set(key),
                    version: Set(version),
                    owner_id: Set(content.owner()),
                    ..Default::default()
                };
                (change.update(self.connection()).await?, before.locales())
            }
            None => (self.insert_document(content, key, version).await?, Vec::new()),
        };
        if locales != known_locales {
            self.note_locales(document.id, locales).await?;
        }
        let (base, stored) = store(keyframe.as_ref(), content)?;
        // The key (document, number) arbitrates should two writers ever get this far.
        let row = revision::ActiveModel {
            document_id: Set(document.id),
            number: Set(version),
            base: Set(base),
            content: Set(stored),
            action: Set(action),
            reason: Set(reason),
            actor_kind: Set(self.editor.actor().kind()),
            editor_id: Set(self.editor.actor().account()),
            created_at: Set(self.transaction.now()),
        };
        revision::Entity::insert(row).exec(self.connection()).await?;
        self.transaction.about(document.id, version);
        Ok(document)
    }

    async fn insert_document<K: Kind>(&self, content: &K, key: String, version: Version) -> Result<document::Model> {
        let row = document::ActiveModel {
            id: Set(self.transaction.state().new_id()),
            kind: Set(K::KIND),
            key: Set(key),
            owner_id: Set(content.owner()),
            version: Set(version),
            created_at: Set(self.transaction.now()),
            ..Default::default()
        };
        Ok(row.insert(self.connection()).await?)
    }

    async fn note_locales(&self, document: Uuid, locales: Vec<entities::Locale>) -> Result<()> {
        document_locale::Entity::delete_many()
            .filter(document_locale::COLUMN.document_id.eq(document))
            .exec(self.connection())
            .await?;
        let rows = locales
            .into_iter()
            .map(|locale| document_locale::Model { document_id: document, locale }.into_active_model());
        document_locale::Entity::insert_many(rows).exec(self.connection()).await?;
        Ok(())
    }

    /// Makes the newest revision of a document public: projects it into the live tables and notes the change. What must
    /// be public before ([`Kind::requirements`]) and what may not stay as it is after ([`Kind::blockers`]) is the
    /// caller's to ask, since that depends on what else is published in the same transaction. `live` is what is public of it
    /// so far, where the caller has it: then only what differs need be written. Returns the document as it is then.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::Invalid`] when kind or reason of the release do not fit.
    pub async fn publish<K: Kind>(
        &mut self,
        document: &document::Model,
        content: &K,
        live: Option<&K>,
        release: Release,
    ) -> Result<document::Model> {
        self.editor.permit(Action::Publish, K::KIND, content.locale())?;
        let release = content.release(release, document.published_number.is_some());
        let release = release.map_err(|fault| Error::Invalid(vec![fault]))?;
        let now = self.transaction.now();
        content.project(self.connection(), document.id, live, now).await?;
        let change = document::ActiveModel {
            id: Set(document.id),
            published_number: Set(Some(document.version)),
            // What was published before was published no later, whatever a clock that was ahead said of it.
            first_published_at: Set(Some(document.first_published_at.map_or(now, |first| first.min(now)))),
            ..Default::default()
        };
        let document = change.update(self.connection()).await?;
        schedule::settle(self.connection(), &document, &[ScheduleAction::Publish], now).await?;
        self.note(&document, Some(document.version), release, content.tags(document.id));
        Ok(document)
    }

    /// Takes a document out of the public's sight. Its revisions stay.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::Invalid`] when something else that is public needs it.
    pub async fn withdraw<K: Kind>(
        &mut self,
        document: &document::Model,
        published: &K,
        reason: Option<String>,
    ) -> Result<()> {
        self.editor.permit(Action::Publish, K::KIND, published.locale())?;
        published.withdraw(self.connection(), document.id).await?;
        document::ActiveModel { id: Set(document.id), published_number: Set(None), ..Default::default() }
            .update(self.connection())
            .await?;
        schedule::settle(self.connection(), document, &[ScheduleAction::Unpublish], self.transaction.now()).await?;
        self.note(document, None, Release { kind: None, reason }, published.tags(document.id));
        Ok(())
    }

    fn note(&mut self, document: &document::Model, number: Option<Version>, release: Release, tags: Vec<String>) {
        self.transaction.tag(tags);
        let row = publication::ActiveModel {
            document_id: Set(document.id),
            // Known when the transaction is committed.
            change_seq: Set(0),
            number: Set(number),
            release_kind: Set(release.kind),
            reason: Set(release.reason),
            actor_kind: Set(self.editor.actor().kind()),
            editor_id: Set(self.editor.actor().account()),
            published_at: Set(self.transaction.now()),
        };
        self.transaction.publication(document.id, row);
    }
}
