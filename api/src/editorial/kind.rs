//! What a kind of document has to say for itself.

use std::future::Future;

use chrono::{DateTime, Utc};
use entities::DocumentKind;
use sea_orm::DatabaseTransaction;
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::error::{Fault, Result};

/// The content of one kind of document: what its revisions hold as JSON.
pub trait Kind: Clone + PartialEq + Serialize + DeserializeOwned + Send + Sync {
    /// Its kind.
    const KIND: DocumentKind;

    /// The natural key of the document within its kind, such as `RESIDENT/2022`.
    fn key(&self) -> String;

    /// What a reader holds that must be refreshed when this changes, such as `page:about-us`.
    fn tags(&self) -> Vec<String>;

    /// The rules that need other documents: names that must exist, sums that must fit. Checked before every save.
    fn check(&self, transaction: &DatabaseTransaction) -> impl Future<Output = Result<Vec<Fault>>> + Send;

    /// Replaces the rows of the live tables that this document feeds.
    fn project(
        &self,
        transaction: &DatabaseTransaction,
        document: Uuid,
        now: DateTime<Utc>,
    ) -> impl Future<Output = Result<()>> + Send;
}

/// The key of a document among all kinds, as `documents.key` holds it.
pub(super) fn document_key(kind: DocumentKind, key: &str) -> String {
    format!("{}/{key}", kind.as_str())
}
