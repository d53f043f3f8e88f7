//! Reading documents and their revisions, and telling two of them apart.

use std::collections::BTreeSet;

use entities::{DocumentKind, Rule, Version, document, revision};
use sea_orm::{
    ConnectionTrait, EntityTrait, ExprTrait, LinkDef, Linked, QueryFilter, RelationDef,
    sea_query::{Expr, IntoCondition},
};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    editorial::{Kind, kind::document_key},
    error::{Conflict, Error, Fault, Result},
};

/// The document with this key within its kind.
///
/// # Errors
/// When the database cannot be read.
pub async fn find(connection: &impl ConnectionTrait, kind: DocumentKind, key: &str) -> Result<Option<document::Model>> {
    let key = document_key(kind, key);
    Ok(document::Entity::find().filter(document::COLUMN.key.eq(key)).one(connection).await?)
}

/// The same with one of its revisions, if there is that one.
///
/// # Errors
/// When the database cannot be read.
pub async fn find_at(
    connection: &impl ConnectionTrait,
    kind: DocumentKind,
    key: &str,
    number: Version,
) -> Result<Option<(document::Model, Option<revision::Model>)>> {
    let found = document::Entity::find().find_also_linked(At(number));
    Ok(found.filter(document::COLUMN.key.eq(document_key(kind, key))).one(connection).await?)
}

/// From a document to its revision with this number.
struct At(Version);

impl Linked for At {
    type FromEntity = document::Entity;
    type ToEntity = revision::Entity;

    fn link(&self) -> Vec<LinkDef> {
        let number = self.0;
        let revisions: RelationDef = revision::Entity::belongs_to(document::Entity)
            .from(revision::Column::DocumentId)
            .to(document::Column::Id)
            .into();
        let with_number =
            move |_, revision| Expr::col((revision, revision::Column::Number)).eq(number).into_condition();
        vec![revisions.rev().on_condition(with_number)]
    }
}

/// One revision of a document.
///
/// # Errors
/// When the database cannot be read, or has no such revision.
pub async fn get(connection: &impl ConnectionTrait, document: Uuid, number: Version) -> Result<revision::Model> {
    let found = revision::Entity::find_by_id((document, number)).one(connection).await?;
    found.ok_or_else(|| Error::internal(format!("revision {number} of document {document} is missing")))
}

/// Nothing, if the document still is at the version that somebody has seen.
///
/// # Errors
/// [`Error::Conflict`] when it stands at another one. Whoever publishes or archives means all of what they saw, so every
/// field that changed is one that they would have decided about.
pub(super) async fn expect(connection: &impl ConnectionTrait, document: &document::Model, seen: Version) -> Result<()> {
    if document.version == seen {
        return Ok(());
    }
    let base = revision::Entity::find_by_id((document.id, seen)).one(connection).await?.map(|base| base.content);
    let current = get(connection, document.id, document.version).await?.content;
    let changed = changed_fields(base.as_ref().unwrap_or(&Value::Null), &current);
    Err(conflict(connection, document, seen, base, changed).await?)
}

/// The document of this kind with this id, and its newest revision.
///
/// # Errors
/// When the database cannot be read.
pub async fn newest(
    connection: &impl ConnectionTrait,
    id: Uuid,
    kind: DocumentKind,
) -> Result<Option<(document::Model, revision::Model)>> {
    let found = document::Entity::find_by_id(id).one(connection).await?;
    let Some(document) = found.filter(|document| document.kind == kind) else { return Ok(None) };
    let revision = get(connection, id, document.version).await?;
    Ok(Some((document, revision)))
}

/// Whether a text may belong to this document: it must be there, of this kind and not archived. `field` names it.
///
/// # Errors
/// When the database cannot be read.
pub async fn check_owner(
    connection: &impl ConnectionTrait,
    id: Uuid,
    kind: DocumentKind,
    field: &str,
) -> Result<Option<Fault>> {
    let found = document::Entity::find_by_id(id).one(connection).await?.filter(|document| document.kind == kind);
    Ok(match found {
        None => Some(Fault::new([field], Rule::Unknown)),
        Some(owner) => owner.archived_at.map(|_| Fault::new([field], Rule::Archived)),
    })
}

/// The content of a revision.
///
/// # Errors
/// When the stored content is not of this kind.
pub fn content<K: Kind>(revision: &revision::Model) -> Result<K> {
    Ok(serde_json::from_value(revision.content.clone())?)
}

/// What a writer is told who expected `expected` and wanted to change `attempted` of `base`, when `document` stands
/// elsewhere.
pub(super) async fn conflict(
    connection: &impl ConnectionTrait,
    document: &document::Model,
    expected: Version,
    base: Option<Value>,
    attempted: Vec<String>,
) -> Result<Error> {
    let current = get(connection, document.id, document.version).await?;
    Ok(Error::Conflict(Box::new(Conflict {
        document_id: document.id,
        expected,
        current: document.version,
        editor_id: current.editor_id,
        changed_at: current.created_at,
        changed_fields: changed_fields(base.as_ref().unwrap_or(&Value::Null), &current.content),
        attempted_fields: attempted,
        base,
    })))
}

/// The paths at which two contents differ, each as deep as both have an object there (`counts.CN.value`), in the order
/// of their parts. A field that is null is absent. A content is an object, or null where there is none: then every
/// field of the other one counts.
#[must_use]
pub fn changed_fields(old: &Value, new: &Value) -> Vec<String> {
    changes(old, new).into_iter().map(|change| change.path).collect()
}

/// A place where two contents differ, and what each has there: null for nothing.
pub(super) struct Change<'a> {
    /// As [`changed_fields`] names it.
    pub(super) path: String,
    /// What the old content has there.
    pub(super) old: &'a Value,
    /// What the new content has there.
    pub(super) new: &'a Value,
}

/// The places behind [`changed_fields`].
pub(super) fn changes<'a>(old: &'a Value, new: &'a Value) -> Vec<Change<'a>> {
    let mut found = Vec::new();
    // The content as a whole is no field: what is no object has no fields.
    compare(old.as_object(), new.as_object(), "", &mut found);
    found
}

type Fields<'a> = Option<&'a Map<String, Value>>;

fn compare<'a>(old: Fields<'a>, new: Fields<'a>, path: &str, found: &mut Vec<Change<'a>>) {
    let at = |fields: Fields<'a>, name: &str| fields.and_then(|fields| fields.get(name)).unwrap_or(&Value::Null);
    for name in old.into_iter().chain(new).flat_map(Map::keys).collect::<BTreeSet<_>>() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        match (at(old, name), at(new, name)) {
            (Value::Object(old), Value::Object(new)) => compare(Some(old), Some(new), &path, found),
            (old, new) if old != new => found.push(Change { path, old, new }),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn changed_fields_name_the_innermost_fields_that_differ() {
        let old = json!({"total": {"value": 3}, "counts": {"CN": {"value": 1}, "JP": {"value": 2}}});
        let new = json!({"total": {"value": 4}, "counts": {"CN": {"value": 1}, "US": {"value": 2}}});
        assert_eq!(changed_fields(&old, &new), ["counts.JP", "counts.US", "total.value"]);
        assert_eq!(changed_fields(&old, &old), Vec::<String>::new());
        assert_eq!(changed_fields(&Value::Null, &new), ["counts", "total"]);
        assert_eq!(changed_fields(&new, &Value::Null), ["counts", "total"]);
        assert_eq!(changed_fields(&json!({"note": null}), &json!({})), Vec::<String>::new());
    }
}
