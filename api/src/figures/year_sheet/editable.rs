//! Year sheets as editors see them, read from revisions.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use entities::{CategoryCode, DocumentKind, Version, Year, category, document};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::{YearSheet, key};
use crate::{
    access::{Editor, permission::Action},
    editorial::revision,
    error::{Error, Result},
};

/// A sheet as editors see it: its newest revision and the published one.
#[derive(Clone, Debug)]
pub struct Editable {
    /// The document, once there is one.
    pub document: Option<document::Model>,
    /// When the newest revision was saved and by which account, once there is one.
    pub saved: Option<Saved>,
    /// The content of the newest revision; empty when there is none.
    pub draft: YearSheet,
    /// The content that the public sees.
    pub published: Option<YearSheet>,
}

/// How a revision came to be.
#[derive(Clone, Copy, Debug)]
pub struct Saved {
    /// When.
    pub at: DateTime<Utc>,
    /// The account; none at the command line.
    pub by: Option<Uuid>,
}

/// The sheet of a category and year, for editors. A sheet that does not exist yet is empty and has no document.
///
/// # Errors
/// [`Error::NotFound`] for a category that does not exist.
pub async fn find(
    connection: &impl ConnectionTrait,
    editor: &Editor,
    category: &CategoryCode,
    year: Year,
) -> Result<Editable> {
    editor.permit(Action::Read, DocumentKind::YearSheet, None)?;
    if category::Entity::find_by_id(category.clone()).one(connection).await?.is_none() {
        return Err(Error::not_found("the category"));
    }
    match revision::find(connection, DocumentKind::YearSheet, &key(category, year)).await? {
        Some(document) => load(connection, document).await,
        None => {
            let draft = YearSheet::empty(category.clone(), year);
            Ok(Editable { document: None, saved: None, draft, published: None })
        }
    }
}

/// The sheets with these documents, for editors, by document.
///
/// # Errors
/// [`Error::Forbidden`]; or when the database cannot be read.
pub async fn among(
    connection: &impl ConnectionTrait,
    editor: &Editor,
    ids: &BTreeSet<Uuid>,
) -> Result<HashMap<Uuid, Editable>> {
    editor.permit(Action::Read, DocumentKind::YearSheet, None)?;
    let documents = document::Entity::find()
        .filter(document::COLUMN.id.is_in(ids.iter().copied()))
        .filter(document::COLUMN.kind.eq(DocumentKind::YearSheet))
        .all(connection)
        .await?;
    let numbers = |document: &document::Model| [Some(document.version), document.published_number];
    let numbers = documents.iter().flat_map(|document| numbers(document).map(|number| Some((document.id, number?))));
    let numbers: BTreeSet<(Uuid, Version)> = numbers.flatten().collect();
    let revisions = revision::of(connection, &numbers.into_iter().collect::<Vec<_>>()).await?;
    let revisions: HashMap<_, _> =
        revisions.into_iter().map(|revision| ((revision.document_id, revision.number), revision)).collect();
    let mut sheets = HashMap::with_capacity(documents.len());
    for document in documents {
        let newest = revisions.get(&(document.id, document.version));
        let newest = newest.ok_or_else(|| Error::internal(format!("sheet {} has no newest revision", document.id)))?;
        let published = document.published_number.and_then(|number| revisions.get(&(document.id, number)));
        let sheet = Editable {
            saved: Some(Saved { at: newest.created_at, by: newest.editor_id }),
            draft: revision::content(newest)?,
            published: published.map(revision::content).transpose()?,
            document: Some(document),
        };
        sheets.extend(sheet.document.as_ref().map(|document| document.id).map(|id| (id, sheet)));
    }
    Ok(sheets)
}

/// What editors see of this document.
///
/// # Errors
/// When the database cannot be read.
pub(super) async fn load(connection: &impl ConnectionTrait, document: document::Model) -> Result<Editable> {
    let newest = revision::get(connection, document.id, document.version).await?;
    let draft = revision::content(&newest)?;
    let published = match document.published_number {
        Some(number) if number == document.version => Some(YearSheet::clone(&draft)),
        Some(number) => Some(revision::content(&revision::get(connection, document.id, number).await?)?),
        None => None,
    };
    let saved = Saved { at: newest.created_at, by: newest.editor_id };
    Ok(Editable { document: Some(document), saved: Some(saved), draft, published })
}
