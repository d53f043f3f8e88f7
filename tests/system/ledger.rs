//! What must hold between the tables of any Almanac, whatever happened to it.

use std::collections::{BTreeMap, BTreeSet};

use entities::{Version, audit_entry, change, document, publication, revision};
use sea_orm::{ConnectionTrait, DatabaseConnection, EntityTrait, PaginatorTrait, QueryOrder, Statement};

/// How many rows each table has that only ever grows.
pub async fn rows(connection: &DatabaseConnection) -> BTreeMap<&'static str, u64> {
    macro_rules! count {
        ($($module:ident)+) => {[$((
            stringify!($module),
            entities::$module::Entity::find().count(connection).await.expect("a number of rows"),
        )),+]};
    }
    let counts = count!(document revision publication change audit_entry account session refresh_token key);
    BTreeMap::from(counts)
}

/// The first column of every row, as text.
pub async fn texts(connection: &impl ConnectionTrait, sql: &str) -> Vec<String> {
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let rows = connection.query_all_raw(statement).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    rows.iter().map(|row| row.try_get_by_index::<String>(0).expect("a text")).collect()
}

/// Documents, revisions, publications, changes and audit entries tell the same story.
pub async fn verify(connection: &DatabaseConnection) {
    let documents = document::Entity::find().all(connection).await.expect("documents");
    let revisions = revision::Entity::find().all(connection).await.expect("revisions");
    let publications = publication::Entity::find().all(connection).await.expect("publications");
    let changes = change::Entity::find().order_by_asc(change::COLUMN.seq).all(connection).await.expect("changes");

    let mut numbers: BTreeMap<_, Vec<i64>> = BTreeMap::new();
    for revision in &revisions {
        numbers.entry(revision.document_id).or_default().push(revision.number.get());
    }
    let mut newest: BTreeMap<_, (i64, Option<Version>)> = BTreeMap::new();
    for publication in &publications {
        let entry = newest.entry(publication.document_id).or_insert((0, None));
        *entry = (*entry).max((publication.change_seq, publication.number));
    }
    assert_eq!(numbers.len(), documents.len(), "every revision is one of a document");
    for document in &documents {
        let numbers = numbers.get_mut(&document.id).expect("a document has revisions");
        numbers.sort_unstable();
        let expected: Vec<i64> = (1..=document.version.get()).collect();
        assert_eq!(*numbers, expected, "the revisions of {} have no gap and end with its version", document.key);
        let published = newest.get(&document.id).and_then(|(_, number)| *number);
        assert_eq!(published, document.published_number, "{} is published as the publications say", document.key);
    }

    let numbers: Vec<i64> = changes.iter().map(|change| change.seq).collect();
    let expected: Vec<i64> = (1..).take(changes.len()).collect();
    assert_eq!(numbers, expected, "the change feed has no gap");
    let keys = serde_json::json!([api::access::key::TAG]);
    let published: BTreeSet<i64> = publications.iter().map(|publication| publication.change_seq).collect();
    let of_content: BTreeSet<i64> =
        changes.iter().filter(|change| change.tags != keys).map(|change| change.seq).collect();
    assert_eq!(published, of_content, "every change of content has its publications, and they have it");

    audit_chain(connection).await;
}

/// No audit entry is missing or was changed.
pub async fn audit_chain(connection: &DatabaseConnection) {
    let entries = audit_entry::Entity::find().order_by_asc(audit_entry::COLUMN.seq).all(connection).await;
    let mut previous = (0, String::new());
    for entry in entries.expect("audit entries") {
        assert_eq!(entry.seq, previous.0 + 1, "the audit log has no gap");
        assert_eq!(entry.previous_hash, previous.1, "entry {} follows the one before", entry.seq);
        assert_eq!(
            api::access::audit::hash(&entry).ok(),
            Some(entry.hash.clone()),
            "entry {} is as written",
            entry.seq
        );
        previous = (entry.seq, entry.hash);
    }
}
