//! Reading documents and their revisions, and telling two of them apart.
//!
//! A revision is stored whole, or as what changed since an earlier one (`revision/patch.rs`). [`whole`] is the only way from
//! what is stored to a content.

mod patch;

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};

use entities::{ActorKind, DocumentKind, RevisionAction, Rule, Version, document, revision, revision::StoredContent};
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

/// How many revisions one statement asks for.
const PER_STATEMENT: usize = 200;

/// A revision with its whole content.
#[derive(Clone, Debug, PartialEq)]
pub struct Revision {
    /// The document.
    pub document_id: Uuid,
    /// Its number.
    pub number: Version,
    /// The content, in the form of the document's kind.
    pub content: Value,
    /// How it came to be.
    pub action: RevisionAction,
    /// Why, in the editor's words.
    pub reason: Option<String>,
    /// What kind of actor saved it.
    pub actor_kind: ActorKind,
    /// The account that saved it, when the actor is an account.
    pub editor_id: Option<Uuid>,
    /// When it was saved.
    pub created_at: DateTime<Utc>,
    /// The revision of which it is stored what changed; none when it is stored whole.
    base: Option<(Version, Value)>,
}

impl Revision {
    /// The nearest revision that is stored whole: what the next one may be a patch to.
    #[must_use]
    pub fn into_keyframe(self) -> Keyframe {
        let (number, content) = self.base.unwrap_or((self.number, self.content));
        Keyframe { number, content }
    }
}

/// A revision that is stored whole, of the same document as what is to be stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Keyframe {
    number: Version,
    content: Value,
}

/// How a content of this kind is stored: as what changed since `keyframe` where that is much less, else whole. The number
/// is that of the keyframe.
pub(super) fn store<K: Kind>(keyframe: Option<&Keyframe>, content: &K) -> Result<(Option<Version>, StoredContent)> {
    let value = serde_json::to_value(content)?;
    // Other contents are mostly text, of which a patch holds as much as the whole.
    if K::KIND != DocumentKind::YearSheet {
        return Ok((None, StoredContent::new(value)));
    }
    // A merge patch cannot say null. What is null is as good as absent, which is looked at here.
    let value = if patch::has_nulls(&value) {
        let value = patch::without_nulls(value);
        if K::deserialize(&value).ok().as_ref() != Some(content) {
            return Ok((None, StoredContent::new(serde_json::to_value(content)?)));
        }
        value
    } else {
        value
    };
    if let Some(Keyframe { number, content: base }) = keyframe {
        let nullless = patch::has_nulls(base).then(|| patch::without_nulls(base.clone()));
        let patch = patch::diff(nullless.as_ref().unwrap_or(base), &value);
        if patch::size(&patch) * PATCH_PAYS <= patch::size(&value) {
            return Ok((Some(*number), StoredContent::new(patch)));
        }
    }
    Ok((None, StoredContent::new(value)))
}

/// How many times smaller than the whole a patch must be. Patches grow with each revision until one is stored whole again.
const PATCH_PAYS: usize = 6;

/// These revisions with their whole contents, in the same order.
///
/// # Errors
/// When the database cannot be read, or lacks what a revision is based on.
pub async fn whole(connection: &impl ConnectionTrait, rows: Vec<revision::Model>) -> Result<Vec<Revision>> {
    let wanted: BTreeSet<(Uuid, Version)> = rows.iter().filter_map(|row| Some((row.document_id, row.base?))).collect();
    let mut bases: HashMap<(Uuid, Version), Value> = HashMap::with_capacity(wanted.len());
    let wanted: Vec<(Uuid, Version)> = wanted.into_iter().collect();
    for wanted in wanted.chunks(PER_STATEMENT) {
        for row in stored(connection, wanted).await? {
            bases.insert((row.document_id, row.number), row.content.into_json());
        }
    }
    let one = |row: revision::Model| {
        let stored = row.content.into_json();
        let (content, base) = match row.base {
            None => (stored, None),
            Some(number) => {
                let base = bases.get(&(row.document_id, number)).cloned();
                let base = base.ok_or_else(|| missing(row.document_id, number))?;
                (patch::apply(base.clone(), stored), Some((number, base)))
            }
        };
        Ok(Revision {
            document_id: row.document_id,
            number: row.number,
            content,
            action: row.action,
            reason: row.reason,
            actor_kind: row.actor_kind,
            editor_id: row.editor_id,
            created_at: row.created_at,
            base,
        })
    };
    rows.into_iter().map(one).collect()
}

/// Those of these revisions that there are, with their whole contents, in no order.
///
/// # Errors
/// When the database cannot be read.
pub async fn of(connection: &impl ConnectionTrait, numbers: &[(Uuid, Version)]) -> Result<Vec<Revision>> {
    let mut found = Vec::with_capacity(numbers.len());
    for numbers in numbers.chunks(PER_STATEMENT) {
        found.extend(whole(connection, stored(connection, numbers).await?).await?);
    }
    Ok(found)
}

async fn stored(connection: &impl ConnectionTrait, numbers: &[(Uuid, Version)]) -> Result<Vec<revision::Model>> {
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    let key = Expr::tuple([Expr::col(revision::Column::DocumentId), Expr::col(revision::Column::Number)]);
    let numbers: Vec<(Uuid, i64)> = numbers.iter().map(|(id, number)| (*id, i64::from(*number))).collect();
    Ok(revision::Entity::find().filter(key.in_tuples(numbers)).all(connection).await?)
}

fn missing(document: Uuid, number: Version) -> Error {
    Error::internal(format!("revision {number} of document {document} is missing"))
}

/// The revision of a document with this number, if there is one.
///
/// # Errors
/// When the database cannot be read.
pub async fn at(connection: &impl ConnectionTrait, document: Uuid, number: Version) -> Result<Option<Revision>> {
    let found = revision::Entity::find_by_id((document, number)).one(connection).await?;
    Ok(whole(connection, found.into_iter().collect()).await?.pop())
}

/// The document with this key within its kind.
///
/// # Errors
/// When the database cannot be read.
pub async fn find(connection: &impl ConnectionTrait, kind: DocumentKind, key: &str) -> Result<Option<document::Model>> {
    let key = document_key(kind, key);
    Ok(document::Entity::find().filter(document::COLUMN.key.eq(key)).one(connection).await?)
}

/// The documents with these keys within their kind, each with its key; those that there are.
///
/// # Errors
/// When the database cannot be read.
pub async fn find_all<'a>(
    connection: &impl ConnectionTrait,
    kind: DocumentKind,
    keys: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<(String, document::Model)>> {
    let keys: HashMap<String, &str> = keys.into_iter().map(|key| (document_key(kind, key), key)).collect();
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let found = document::Entity::find().filter(document::COLUMN.key.is_in(keys.keys().cloned()));
    let found = found.all(connection).await?.into_iter();
    Ok(found.filter_map(|document| Some(((*keys.get(&document.key)?).to_owned(), document))).collect())
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
) -> Result<Option<(document::Model, Option<Revision>)>> {
    let found = document::Entity::find().find_also_linked(At(number));
    let found = found.filter(document::COLUMN.key.eq(document_key(kind, key))).one(connection).await?;
    let Some((document, revision)) = found else { return Ok(None) };
    Ok(Some((document, whole(connection, revision.into_iter().collect()).await?.pop())))
}

/// The same with its newest revision.
///
/// # Errors
/// When the database cannot be read.
pub async fn find_newest(
    connection: &impl ConnectionTrait,
    kind: DocumentKind,
    key: &str,
) -> Result<Option<(document::Model, Revision)>> {
    let found = document::Entity::find().find_also_linked(Newest);
    let found = found.filter(document::COLUMN.key.eq(document_key(kind, key))).one(connection).await?;
    let Some((document, revision)) = found else { return Ok(None) };
    let revision = whole(connection, revision.into_iter().collect()).await?.pop();
    let revision = revision.ok_or_else(|| missing(document.id, document.version))?;
    Ok(Some((document, revision)))
}

/// From a document to its revision with this number.
struct At(Version);

/// From a document to its newest revision.
struct Newest;

fn revision_of_document() -> RelationDef {
    let of_document: RelationDef = revision::Entity::belongs_to(document::Entity)
        .from(revision::Column::DocumentId)
        .to(document::Column::Id)
        .into();
    of_document.rev()
}

impl Linked for Newest {
    type FromEntity = document::Entity;
    type ToEntity = revision::Entity;

    fn link(&self) -> Vec<LinkDef> {
        let is_newest = |document, revision| {
            let number = Expr::col((revision, revision::Column::Number));
            number.equals((document, document::Column::Version)).into_condition()
        };
        vec![revision_of_document().on_condition(is_newest)]
    }
}

impl Linked for At {
    type FromEntity = document::Entity;
    type ToEntity = revision::Entity;

    fn link(&self) -> Vec<LinkDef> {
        let number = self.0;
        let with_number =
            move |_, revision| Expr::col((revision, revision::Column::Number)).eq(number).into_condition();
        vec![revision_of_document().on_condition(with_number)]
    }
}

/// One revision of a document.
///
/// # Errors
/// When the database cannot be read, or has no such revision.
pub async fn get(connection: &impl ConnectionTrait, document: Uuid, number: Version) -> Result<Revision> {
    at(connection, document, number).await?.ok_or_else(|| missing(document, number))
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
    let base = at(connection, document.id, seen).await?.map(|base| base.content);
    let current = get(connection, document.id, document.version).await?.content;
    let changed = changed_fields(base.as_ref().unwrap_or(&Value::Null), &current);
    Err(Error::Conflict(conflict(connection, document, seen, base, changed).await?))
}

/// The document of this kind with this id, and its newest revision.
///
/// # Errors
/// When the database cannot be read.
pub async fn newest(
    connection: &impl ConnectionTrait,
    id: Uuid,
    kind: DocumentKind,
) -> Result<Option<(document::Model, Revision)>> {
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
pub fn content<K: Kind>(revision: &Revision) -> Result<K> {
    Ok(K::deserialize(&revision.content)?)
}

/// What a writer is told who expected `expected` and wanted to change `attempted` of `base`, when `document` stands
/// elsewhere.
pub(super) async fn conflict(
    connection: &impl ConnectionTrait,
    document: &document::Model,
    expected: Version,
    base: Option<Value>,
    attempted: Vec<String>,
) -> Result<Box<Conflict>> {
    let current = get(connection, document.id, document.version).await?;
    Ok(Box::new(Conflict {
        document_id: document.id,
        path: Vec::new(),
        expected,
        current: document.version,
        editor_id: current.editor_id,
        changed_at: current.created_at,
        changed_fields: changed_fields(base.as_ref().unwrap_or(&Value::Null), &current.content),
        attempted_fields: attempted,
        overwritten_fields: Vec::new(),
        base,
    }))
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
