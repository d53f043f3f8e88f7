//! What must hold between the tables of any Almanac, whatever happened to it.

use std::collections::{BTreeMap, BTreeSet};

use entities::{
    DocumentKind, Version, audit_entry, category, category_name, change, country, country_name, document,
    document_locale, fact_sheet_metadata, page, page_text, publication, revision, staff, staff_text, visit_count,
    yearly_total,
};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, EntityTrait, FromQueryResult, PaginatorTrait, QueryOrder, Statement,
};
use serde_json::{Value, json};
use uuid::Uuid;

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
    let of_other_things = [api::access::key::TAG, api::access::api_token::memory::TAG, api::delivery::documents::TAG]
        .map(|tag| json!([tag]));
    let published: BTreeSet<i64> = publications.iter().map(|publication| publication.change_seq).collect();
    let of_content: BTreeSet<i64> =
        changes.iter().filter(|change| !of_other_things.contains(&change.tags)).map(|change| change.seq).collect();
    assert_eq!(published, of_content, "every change of content has its publications, and they have it");

    let of_changes: BTreeSet<i64> = changes.iter().map(|change| change.seq).collect();
    assert!(published.is_subset(&of_changes), "every publication is part of a change that exists");

    let whole = contents(connection).await;
    assert_eq!(whole.len(), revisions.len(), "every revision is shown whole");
    let content =
        |document: &document::Model, number: Option<Version>| whole.get(&(document.id, number?.get())).cloned();
    let mut expected = Rows::new();
    let mut locales = BTreeSet::new();
    for document in &documents {
        if let Some(content) = content(document, document.published_number) {
            project(document, &content, &mut expected);
        }
        let newest = content(document, Some(document.version)).expect("a newest revision");
        locales.extend(locales_of(&newest).into_iter().map(|locale| (document.id, locale)));
    }
    assert_eq!(live(connection).await, expected, "the public sees what the published revisions hold");
    let noted = document_locale::Entity::find().all(connection).await.expect("locales");
    let noted: BTreeSet<_> = noted.into_iter().map(|row| (row.document_id, row.locale.to_string())).collect();
    assert_eq!(noted, locales, "the locales of a document are those of its newest revision");

    audit_chain(connection).await;
}

/// A revision as people see it who read the database.
#[derive(FromQueryResult)]
struct Whole {
    document_id: Uuid,
    number: i64,
    content: Value,
}

/// The content of every revision, without the product: by the view that the database has for it.
pub async fn contents(connection: &DatabaseConnection) -> BTreeMap<(Uuid, i64), Value> {
    let statement = Statement::from_string(
        connection.get_database_backend(),
        "SELECT document_id, number, content FROM revision_contents",
    );
    let rows = Whole::find_by_statement(statement).all(connection).await.expect("contents");
    rows.into_iter().map(|row| ((row.document_id, row.number), row.content)).collect()
}

/// Rows of the live tables, each under its table and key.
type Rows = BTreeMap<String, Value>;

/// The rows of the live tables that a published document feeds, derived without the product.
fn project(document: &document::Model, content: &Value, rows: &mut Rows) {
    let id = document.id;
    let pick = |content: &Value, fields: &[&str]| -> Value {
        fields.iter().map(|field| ((*field).to_owned(), content[*field].clone())).collect()
    };
    let named = |value: &Value| value.as_str().expect("a text").to_owned();
    match document.kind {
        DocumentKind::Site => {}
        DocumentKind::Page => {
            rows.insert(format!("page {id}"), pick(content, &["slug", "parent", "position"]));
        }
        DocumentKind::PageText => {
            let fields = ["page", "locale", "title", "summary", "description", "signature", "body"];
            rows.insert(format!("page text {id}"), pick(content, &fields));
        }
        DocumentKind::StaffMember => {
            rows.insert(format!("staff {id}"), pick(content, &["slug", "position", "email", "telephone"]));
        }
        DocumentKind::StaffText => {
            let fields = ["staff", "locale", "name", "role", "degree", "field"];
            rows.insert(format!("staff text {id}"), pick(content, &fields));
        }
        DocumentKind::Country => {
            rows.insert(format!("country {id}"), pick(content, &["code", "position"]));
            for (locale, name) in content["names"].as_object().expect("names") {
                rows.insert(format!("country {} {locale}", named(&content["code"])), json!({ "name": name }));
            }
        }
        DocumentKind::Category => {
            rows.insert(format!("category {id}"), pick(content, &["code", "position"]));
            for (locale, label) in content["labels"].as_object().expect("labels") {
                let key = format!("category {} {locale}", named(&content["code"]));
                rows.insert(key, pick(label, &["name", "description"]));
            }
        }
        DocumentKind::YearSheet => {
            let sheet = format!("{} {}", named(&content["category"]), content["year"]);
            for (country, cell) in content["counts"].as_object().expect("counts") {
                let mut row = pick(cell, &["value", "status", "note"]);
                row["flags"] = cell.get("flags").cloned().unwrap_or_else(|| json!([]));
                rows.insert(format!("count {sheet} {country}"), row);
            }
            if content["total"].is_object() {
                let mut row = pick(&content["total"], &["value", "note"]);
                let statuses = content["total"]["status"].as_array().cloned().unwrap_or_else(|| vec![json!("FINAL")]);
                (row["status"], row["flags"]) = (statuses[0].clone(), json!(statuses[1..]));
                rows.insert(format!("total {sheet}"), row);
            }
        }
        DocumentKind::FactSheetMetadata => {
            rows.insert(format!("fact sheet metadata {id}"), content.clone());
        }
    }
}

/// The locales in which a content has text.
fn locales_of(content: &Value) -> Vec<String> {
    let own = content["locale"].as_str().map(str::to_owned);
    let fields =
        ["name", "names", "labels", "title", "description", "producer", "method", "unit", "licence", "citation"];
    let maps = fields.into_iter().filter_map(|field| content[field].as_object());
    let items = [("breaks", "label"), ("footnotes", "text")].into_iter().flat_map(|(list, field)| {
        content[list].as_array().into_iter().flatten().filter_map(move |item| item[field].as_object())
    });
    own.into_iter().chain(maps.chain(items).flat_map(|texts| texts.keys().cloned())).collect()
}

/// The rows that the public's answers are made of.
async fn live(connection: &DatabaseConnection) -> Rows {
    macro_rules! all {
        ($module:ident) => {
            $module::Entity::find().all(connection).await.expect(stringify!($module))
        };
    }
    let mut rows = Rows::new();
    for row in all!(page) {
        let value = json!({ "slug": row.slug, "parent": row.parent_id, "position": row.position });
        rows.insert(format!("page {}", row.document_id), value);
    }
    for row in all!(page_text) {
        let value = json!({
            "page": row.page_id, "locale": row.locale, "title": row.title, "summary": row.summary,
            "description": row.description, "signature": row.signature, "body": row.body,
        });
        rows.insert(format!("page text {}", row.document_id), value);
    }
    for row in all!(staff) {
        let value =
            json!({ "slug": row.slug, "position": row.position, "email": row.email, "telephone": row.telephone });
        rows.insert(format!("staff {}", row.document_id), value);
    }
    for row in all!(staff_text) {
        let value = json!({
            "staff": row.staff_id, "locale": row.locale, "name": row.name, "role": row.role, "degree": row.degree,
            "field": row.field,
        });
        rows.insert(format!("staff text {}", row.document_id), value);
    }
    for row in all!(country) {
        rows.insert(format!("country {}", row.document_id), json!({ "code": row.code, "position": row.position }));
    }
    for row in all!(country_name) {
        rows.insert(format!("country {} {}", row.country, row.locale), json!({ "name": row.name }));
    }
    for row in all!(category) {
        rows.insert(format!("category {}", row.document_id), json!({ "code": row.code, "position": row.position }));
    }
    for row in all!(category_name) {
        let value = json!({ "name": row.name, "description": row.description });
        rows.insert(format!("category {} {}", row.category, row.locale), value);
    }
    for row in all!(visit_count) {
        let value = json!({ "value": row.value, "status": row.status, "flags": row.flags, "note": row.note });
        rows.insert(format!("count {} {} {}", row.category, row.year, row.country), value);
    }
    for row in all!(yearly_total) {
        let value = json!({ "value": row.value, "status": row.status, "flags": row.flags, "note": row.note });
        rows.insert(format!("total {} {}", row.category, row.year), value);
    }
    for row in all!(fact_sheet_metadata) {
        rows.insert(format!("fact sheet metadata {}", row.document_id), row.content);
    }
    rows
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
