//! What a kind of document has to say for itself.

use std::future::Future;

use chrono::{DateTime, Utc};
use entities::{DocumentKind, Locale, Position};
use sea_orm::DatabaseTransaction;
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::{
    editorial::Release,
    error::{Fault, Result},
};

/// The content of one kind of document: what its revisions hold as JSON.
pub trait Kind: Clone + PartialEq + Serialize + DeserializeOwned + Send + Sync {
    /// Its kind.
    const KIND: DocumentKind;

    /// The input field by which mutations name a document of this kind.
    const HANDLE: &'static str;

    /// The natural key of the document within its kind, such as `RESIDENT/2022`.
    fn key(&self) -> String;

    /// What a list calls it.
    fn title(&self) -> String {
        self.key()
    }

    /// The locale that the document is in, when it is the text of another document.
    fn locale(&self) -> Option<&Locale> {
        None
    }

    /// The document whose text it is.
    fn owner(&self) -> Option<Uuid> {
        None
    }

    /// The locales in which it has text.
    fn locales(&self) -> Vec<Locale> {
        self.locale().into_iter().cloned().collect()
    }

    /// Its place in the order of its kind, when the kind has one.
    fn position(&mut self) -> Option<&mut Position> {
        None
    }

    /// The tags of answers that must be made again when this changes: what [`crate::delivery::reading`] notes of a reading.
    /// `document` is the one that it belongs to.
    fn tags(&self, document: Uuid) -> Vec<String>;

    /// The rules that need other documents: names that must exist, sums that must fit. Checked before every save and
    /// again before it is published. `document` is the one that it belongs to, once there is one.
    fn check(
        &self,
        transaction: &DatabaseTransaction,
        document: Option<Uuid>,
    ) -> impl Future<Output = Result<Vec<Fault>>> + Send;

    /// What must be public before this can be.
    fn requirements(
        &self,
        _transaction: &DatabaseTransaction,
        _document: Uuid,
    ) -> impl Future<Output = Result<Vec<Fault>>> + Send {
        async { Ok(Vec::new()) }
    }

    /// Replaces the rows of the live tables that this document feeds. `live` is what they hold, where the caller has it.
    fn project(
        &self,
        transaction: &DatabaseTransaction,
        document: Uuid,
        live: Option<&Self>,
        now: DateTime<Utc>,
    ) -> impl Future<Output = Result<()>> + Send;

    /// What must not stay as it is now that this is public, together with all that was published with it.
    fn blockers(
        &self,
        _transaction: &DatabaseTransaction,
        _document: Uuid,
    ) -> impl Future<Output = Result<Vec<Fault>>> + Send {
        async { Ok(Vec::new()) }
    }

    /// Removes the rows of the live tables that this document feeds.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::error::Error::Invalid) when something else that is public needs it.
    fn withdraw(&self, transaction: &DatabaseTransaction, document: Uuid) -> impl Future<Output = Result<()>> + Send;

    /// What must be told of a publication; `published` is whether something of this document was public before.
    ///
    /// # Errors
    /// The fault of what was told.
    fn release(&self, release: Release, _published: bool) -> Result<Release, Fault> {
        if release.kind.is_some() {
            return Err(Fault::new(["kind"], entities::Rule::OnlyForFigures));
        }
        Ok(release)
    }
}

/// The key of a document among all kinds, as `documents.key` holds it.
pub(super) fn document_key(kind: DocumentKind, key: &str) -> String {
    format!("{}/{key}", kind.as_str())
}
