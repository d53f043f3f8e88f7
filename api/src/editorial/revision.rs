//! Reading documents and their revisions, and telling two of them apart.

use std::collections::BTreeSet;

use entities::{DocumentKind, Version, document, revision};
use sea_orm::{ConnectionTrait, EntityTrait, QueryFilter};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    editorial::{Kind, kind::document_key},
    error::{Conflict, Error, Result},
};

/// The document with this key within its kind.
///
/// # Errors
/// When the database cannot be read.
pub async fn find(connection: &impl ConnectionTrait, kind: DocumentKind, key: &str) -> Result<Option<document::Model>> {
    let key = document_key(kind, key);
    Ok(document::Entity::find().filter(document::COLUMN.key.eq(key)).one(connection).await?)
}

/// One revision of a document.
///
/// # Errors
/// When the database cannot be read, or has no such revision.
pub async fn get(connection: &impl ConnectionTrait, document: Uuid, number: Version) -> Result<revision::Model> {
    let found = revision::Entity::find_by_id((document, number)).one(connection).await?;
    found.ok_or_else(|| Error::internal(format!("revision {number} of document {document} is missing")))
}

/// The content of a revision.
///
/// # Errors
/// When the stored content is not of this kind.
pub fn content<K: Kind>(revision: &revision::Model) -> Result<K> {
    Ok(serde_json::from_value(revision.content.clone())?)
}

/// What a writer is told who expected `expected`, when `document` stands elsewhere.
pub(super) async fn conflict(
    connection: &impl ConnectionTrait,
    document: &document::Model,
    expected: Version,
) -> Result<Error> {
    let current = get(connection, document.id, document.version).await?;
    // A version that never was has no content to compare with.
    let base = revision::Entity::find_by_id((document.id, expected)).one(connection).await?;
    let base = base.map_or(Value::Null, |base| base.content);
    Ok(Error::Conflict(Box::new(Conflict {
        document_id: document.id,
        expected,
        current: document.version,
        editor_id: current.editor_id,
        changed_at: current.created_at,
        changed_fields: changed_fields(&base, &current.content),
    })))
}

/// The paths at which two contents differ, each as deep as both have an object there (`counts.CN.value`).
#[must_use]
pub fn changed_fields(old: &Value, new: &Value) -> Vec<String> {
    let mut paths = Vec::new();
    collect_changes(old, new, "", &mut paths);
    paths
}

fn collect_changes(old: &Value, new: &Value, path: &str, paths: &mut Vec<String>) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for name in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
                let at = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                collect_changes(
                    old.get(name).unwrap_or(&Value::Null),
                    new.get(name).unwrap_or(&Value::Null),
                    &at,
                    paths,
                );
            }
        }
        // The content as a whole is no field; without a base, every field of the new content counts.
        (_, Value::Object(new)) if path.is_empty() => paths.extend(new.keys().cloned()),
        _ if old != new => paths.push(path.to_owned()),
        _ => {}
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
    }
}
