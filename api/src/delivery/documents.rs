//! The documents that front ends run by name: in memory, brought up to date by the change feed, and how an operator adds
//! and removes them.
//!
//! An id never gets another text, because caches between here and a front end know an answer by it. `manifest` reads the
//! files that front ends' tools write. Whether a document fits the schema is for `http/graphql/validate.rs` to say, who
//! may run which one for `http/documents.rs`.

pub mod manifest;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use entities::trusted_document;
use sea_orm::{ActiveValue::Set, EntityTrait, QueryFilter, QueryOrder};

use crate::{
    access::{Administrator, audit::sha256},
    database::Database,
    error::Result,
    transaction::Transaction,
};

/// The tag of a change of trusted documents in the change feed.
pub const TAG: &str = "documents";

/// The most characters of an id.
pub const MAX_ID: usize = 128;

/// What the draft of GraphQL over HTTP puts before the hash of a document to make it an id.
const HASH_PREFIX: &str = "sha256:";

/// Rows of one statement: both databases bound its parameters (32,766 on SQLite).
const ROWS_PER_STATEMENT: usize = 1_000;

/// The trusted documents, as of one change. Never changed; replaced as a whole.
#[derive(Debug, Default)]
pub struct Documents {
    by_id: HashMap<String, Arc<str>>,
    by_hash: HashMap<String, Arc<str>>,
}

impl Documents {
    /// Reads them.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn load(database: &Database) -> Result<Self> {
        let rows = trusted_document::Entity::find().all(database.reader()).await?;
        Ok(rows.into_iter().map(|row| (row.id, row.body)).collect())
    }

    /// The text of the document with this id: one that it was added with, or `sha256:` and the hash of its text.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Arc<str>> {
        let by_hash = || self.with_hash(id.strip_prefix(HASH_PREFIX)?);
        self.by_id.get(id).cloned().or_else(by_hash)
    }

    /// The text with this SHA-256, in lower-case hexadecimal.
    #[must_use]
    pub fn with_hash(&self, hash: &str) -> Option<Arc<str>> {
        self.by_hash.get(hash).cloned()
    }
}

impl FromIterator<(String, String)> for Documents {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(documents: I) -> Self {
        let mut all = Self::default();
        for (id, text) in documents {
            // Two ids may have one text.
            let text = Arc::clone(all.by_hash.entry(sha256(text.as_bytes())).or_insert_with(|| text.into()));
            all.by_id.insert(id, text);
        }
        all
    }
}

/// What is wrong with a list of documents to add or remove.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The id is not made as the draft of GraphQL over HTTP makes ids, or is too long.
    #[error("{0:?}: an id is 1 to {MAX_ID} letters, digits, \"-\", \".\", \"_\", \"~\" and \":\"")]
    NoId(String),
    /// The id says that it is the hash of the text, and is not.
    #[error("{0}: the SHA-256 of the text is {1}")]
    WrongHash(String, String),
    /// There is a document with this id and another text.
    #[error("{0}: this id has another text, and an id never changes its text")]
    Taken(String),
    /// There is no document with this id.
    #[error("{0}: there is no document with this id")]
    Missing(String),
}

/// How an addition ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Added {
    /// Documents that are new.
    pub added: usize,
    /// Documents that were there already.
    pub unchanged: usize,
}

/// Puts a document into a list of documents to add.
///
/// # Errors
/// When its id is none, or has another text in the list.
pub fn collect(documents: &mut BTreeMap<String, String>, id: String, text: String) -> Result<(), Fault> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte);
    if !(1..=MAX_ID).contains(&id.len()) || !id.bytes().all(fits) {
        return Err(Fault::NoId(id));
    }
    if let Some(hash) = id.strip_prefix(HASH_PREFIX) {
        let right = sha256(text.as_bytes());
        if hash != right {
            return Err(Fault::WrongHash(id, right));
        }
    }
    match documents.get(&id) {
        Some(other) if *other != text => Err(Fault::Taken(id)),
        _ => {
            documents.insert(id, text);
            Ok(())
        }
    }
}

/// Adds documents: id and text, which must be valid. With a fault, nothing is written.
///
/// # Errors
/// When the database cannot be written.
pub async fn add(
    transaction: &mut Transaction,
    _: &Administrator,
    documents: BTreeMap<String, String>,
) -> Result<Result<Added, Vec<Fault>>> {
    let stored = trusted_document::Entity::find().all(transaction.connection()).await?;
    let stored: HashMap<String, String> = stored.into_iter().map(|row| (row.id, row.body)).collect();
    let (known, new): (Vec<_>, Vec<_>) = documents.into_iter().partition(|(id, _)| stored.contains_key(id));
    let outcome = Added { added: new.len(), unchanged: known.len() };
    let taken = known.into_iter().filter(|(id, text)| stored.get(id) != Some(text)).map(|(id, _)| Fault::Taken(id));
    let taken: Vec<Fault> = taken.collect();
    if !taken.is_empty() {
        return Ok(Err(taken));
    }
    let now = transaction.now();
    for new in new.chunks(ROWS_PER_STATEMENT) {
        let rows = new.iter().map(|(id, text)| trusted_document::ActiveModel {
            id: Set(id.clone()),
            body: Set(text.clone()),
            added_at: Set(now),
        });
        trusted_document::Entity::insert_many(rows).exec(transaction.connection()).await?;
    }
    if outcome.added > 0 {
        transaction.tag([TAG.to_owned()]);
    }
    Ok(Ok(outcome))
}

/// All documents, in the order of their ids: id and text.
///
/// # Errors
/// When the database cannot be read.
pub async fn all(database: &Database) -> Result<Vec<(String, String)>> {
    let rows = trusted_document::Entity::find().order_by_asc(trusted_document::COLUMN.id).all(database.reader());
    let mut all: Vec<_> = rows.await?.into_iter().map(|row| (row.id, row.body)).collect();
    // By code points, whatever order the database knows.
    all.sort();
    Ok(all)
}

/// Removes the documents with these ids. With a fault, nothing is written.
///
/// # Errors
/// When the database cannot be written.
pub async fn remove(
    transaction: &mut Transaction,
    _: &Administrator,
    ids: &[String],
) -> Result<Result<(), Vec<Fault>>> {
    let mut missing = Vec::new();
    for id in ids {
        let removed = trusted_document::Entity::delete_many()
            .filter(trusted_document::COLUMN.id.eq(id.as_str()))
            .exec(transaction.connection())
            .await?;
        if removed.rows_affected == 0 {
            missing.push(Fault::Missing(id.clone()));
        }
    }
    if !missing.is_empty() {
        return Ok(Err(missing));
    }
    transaction.tag([TAG.to_owned()]);
    Ok(Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "{ site { name } }";

    #[test]
    fn a_document_is_found_by_its_id_and_by_the_hash_of_its_text() {
        let documents: Documents = [("a", TEXT), ("b", TEXT), ("c", "{ locales { code } }")]
            .map(|(id, text)| (id.to_owned(), text.to_owned()))
            .into_iter()
            .collect();
        let hash = sha256(TEXT.as_bytes());
        for id in ["a", "b", &format!("sha256:{hash}")] {
            assert_eq!(documents.get(id).as_deref(), Some(TEXT), "{id}");
        }
        assert_eq!(documents.with_hash(&hash).as_deref(), Some(TEXT));
        for id in ["", "d", "sha256:", "sha256:a", &hash] {
            assert_eq!(documents.get(id), None, "{id}");
        }
        let (Some(a), Some(b)) = (documents.get("a"), documents.get("b")) else { panic!("both are there") };
        assert!(Arc::ptr_eq(&a, &b), "one text is kept once");
    }

    #[test]
    fn an_id_is_what_the_draft_says_and_keeps_its_text() {
        let mut documents = BTreeMap::new();
        let mut put = |id: &str, text: &str| collect(&mut documents, id.to_owned(), text.to_owned());
        let (hash, other) = (sha256(TEXT.as_bytes()), sha256(b"{ other }"));
        for id in ["a", "x-app:1.0_2~3", &"i".repeat(MAX_ID), &format!("sha256:{hash}")] {
            assert_eq!(put(id, TEXT), Ok(()), "{id}");
            assert_eq!(put(id, TEXT), Ok(()), "{id} once more");
        }
        for id in ["", "a b", "a\tb", "a/b", "頁", &"i".repeat(MAX_ID + 1)] {
            assert_eq!(put(id, TEXT), Err(Fault::NoId(id.to_owned())));
        }
        let lie = format!("sha256:{other}");
        assert_eq!(put(&lie, TEXT), Err(Fault::WrongHash(lie, hash)));
        assert_eq!(put("a", "{ other }"), Err(Fault::Taken("a".to_owned())));
        assert_eq!(documents.len(), 4);
    }
}
