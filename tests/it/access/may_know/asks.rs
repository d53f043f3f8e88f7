//! What can be asked about a thing with each query and mutation.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{
    TYPES, global_id,
    things::{Kind, Thing},
    version,
};

/// A request.
pub struct Ask {
    pub document: String,
    pub variables: Value,
}

/// Nothing names such a thing.
pub const fn nothing(_: &Thing) -> Vec<Ask> {
    Vec::new()
}

pub fn ask(document: impl Into<String>, variables: Value) -> Vec<Ask> {
    vec![Ask { document: document.into(), variables }]
}

/// A mutation with its input, as a client of the harness sends it.
pub fn input(mutation: &str, input: Value) -> Vec<Ask> {
    ask(tests::mutation(mutation, &input), json!({ "input": input }))
}

pub fn by_id(mutation: &str, thing: &Thing, also: Value) -> Vec<Ask> {
    if thing.kind.name().is_none() {
        return Vec::new();
    }
    let mut fields = json!({ "id": thing.document_id(), "expectedVersion": version(thing) });
    for (name, value) in also.as_object().into_iter().flatten() {
        fields[name] = value.clone();
    }
    input(mutation, fields)
}

pub fn many(mutation: &str, thing: &Thing) -> Vec<Ask> {
    input(mutation, json!({ "documents": [{ "id": thing.document_id(), "expectedVersion": version(thing) }] }))
}

/// All names that it has or had.
pub fn names(thing: &Thing) -> impl Iterator<Item = &str> {
    std::iter::once(thing.name.as_str()).chain(thing.other_name.as_deref())
}

pub fn is_page(thing: &Thing) -> bool {
    matches!(thing.kind, Kind::Page | Kind::PageText)
}

/// What readers see of a page: the names of another page's draft are not public, even where the page is.
pub fn page(thing: &Thing) -> Vec<Ask> {
    if !is_page(thing) {
        return Vec::new();
    }
    let document = "query($slug: Slug!) { page(slug: $slug, locale: \"en\") {
        id slug title summary movedTo availableLocales servedLocale children { slug } body { html }
    } }";
    names(thing).flat_map(|slug| ask(document, json!({ "slug": slug }))).collect()
}

pub fn pages(thing: &Thing) -> Vec<Ask> {
    if !is_page(thing) {
        return Vec::new();
    }
    let by_slug = "query($slug: Slug!) { pages(filter: { slugs: [$slug] }) { totalCount nodes { id slug title } } }";
    let by_parent = "query($slug: Slug!) { pages(filter: { parent: $slug }) { totalCount nodes { id slug title } } }";
    let both = |slug: &str| [by_slug, by_parent].map(|query| ask(query, json!({ "slug": slug })));
    names(thing).flat_map(both).flatten().collect()
}

pub fn fact_sheet(thing: &Thing) -> Vec<Ask> {
    let select = "years categories { category { code } yearlyTotals { year publishedTotal } }";
    match thing.kind {
        Kind::Category => ask(
            format!("query($code: CategoryCode!) {{ factSheet(categories: [$code]) {{ {select} }} }}"),
            json!({ "code": thing.name }),
        ),
        Kind::YearSheet => ask(
            format!("query($year: Year!) {{ factSheet(from: $year, to: $year) {{ {select} }} }}"),
            json!({ "year": thing.year }),
        ),
        _ => Vec::new(),
    }
}

pub fn visit_counts(thing: &Thing) -> Vec<Ask> {
    let filter = match thing.kind {
        Kind::Category => json!({ "categories": [thing.name] }),
        Kind::Country => json!({ "countries": [thing.name] }),
        Kind::YearSheet => json!({ "from": thing.year, "to": thing.year }),
        _ => return Vec::new(),
    };
    let document = "query($filter: VisitCountsFilter) { visitCounts(filter: $filter, groupBy: [YEAR]) { sum year } }";
    ask(document, json!({ "filter": filter }))
}

pub fn vintages(thing: &Thing) -> Vec<Ask> {
    let document =
        "query($category: CategoryCode, $year: Year) { vintages(category: $category, year: $year) { publishedAt } }";
    match thing.kind {
        Kind::Category => ask(document, json!({ "category": thing.name })),
        Kind::YearSheet => ask(document, json!({ "category": "TRAVEL", "year": thing.year })),
        _ => Vec::new(),
    }
}

pub fn figure_history(thing: &Thing) -> Vec<Ask> {
    let document = "query($category: CategoryCode!, $country: CountryCode, $year: Year!) {
        figureHistory(category: $category, country: $country, year: $year) { publishedAt publishedBy }
    }";
    match thing.kind {
        Kind::Category => ask(document, json!({ "category": thing.name, "year": 2018 })),
        Kind::Country => ask(document, json!({ "category": "TRAVEL", "country": thing.name, "year": 2018 })),
        Kind::YearSheet => ask(document, json!({ "category": "TRAVEL", "year": thing.year })),
        _ => Vec::new(),
    }
}

pub fn year_sheet(thing: &Thing) -> Vec<Ask> {
    let document = "query($category: CategoryCode!, $year: Year!) { yearSheet(category: $category, year: $year) {
        version draft { total }
    } }";
    match thing.kind {
        Kind::YearSheet => ask(document, json!({ "category": "TRAVEL", "year": thing.year })),
        _ => Vec::new(),
    }
}

pub fn node(thing: &Thing) -> Vec<Ask> {
    let type_name = match thing.kind {
        Kind::Page => "Page",
        Kind::StaffMember => "StaffMember",
        Kind::Country => "Country",
        Kind::Category => "Category",
        _ => "Document",
    };
    let id = global_id(type_name, thing.id);
    ask("query($id: ID!) { node(id: $id) { __typename id } }", json!({ "id": id }))
}

/// Its id as that of each type: what is no type of it must not be found either.
pub fn nodes(thing: &Thing) -> Vec<Ask> {
    let schedule = thing.schedule.map(|id| global_id("Schedule", id));
    let preview = thing.preview_id.map(|id| global_id("Preview", id));
    let ids = TYPES.iter().map(|name| global_id(name, thing.id)).chain(schedule).chain(preview);
    let ids: Vec<String> = ids.collect();
    ask("query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }", json!({ "ids": ids }))
}

pub fn document(thing: &Thing) -> Vec<Ask> {
    let text = |slug: &str| json!({ "slug": slug, "locale": "en" });
    let by_name = |slug: &str| match thing.kind {
        Kind::Page => json!({ "page": slug }),
        Kind::PageText => json!({ "pageText": text(slug) }),
        Kind::StaffMember => json!({ "staffMember": slug }),
        Kind::StaffText => json!({ "staffText": text(slug) }),
        Kind::Country => json!({ "country": slug }),
        Kind::Category => json!({ "category": slug }),
        Kind::YearSheet => json!({ "yearSheet": { "category": "TRAVEL", "year": thing.year } }),
        _ => json!({ "id": thing.document_id() }),
    };
    let by_id = json!({ "id": thing.document_id() });
    let document =
        "query($by: DocumentSelector!) { document(by: $by) { id key title version state content { __typename } } }";
    names(thing).map(by_name).chain([by_id]).flat_map(|by| ask(document, json!({ "by": by }))).collect()
}

pub fn documents(thing: &Thing) -> Vec<Ask> {
    let document =
        "query($filter: DocumentFilter) { documents(filter: $filter) { totalCount counts { count } nodes { id } } }";
    match thing.kind {
        Kind::Page | Kind::StaffMember => ask(document, json!({ "filter": { "ownerId": thing.document_id() } })),
        Kind::PageText | Kind::StaffText => {
            let owner = thing.owner.map(|id| global_id("Document", id));
            ask(document, json!({ "filter": { "ownerId": owner } }))
        }
        _ => Vec::new(),
    }
}

pub fn history(thing: &Thing) -> Vec<Ask> {
    let document = "query($id: ID!) { history(id: $id) { revisions { version } publications { publishedAt } } }";
    ask(document, json!({ "id": thing.document_id() }))
}

pub fn diff(thing: &Thing) -> Vec<Ask> {
    ask("query($id: ID!) { diff(id: $id, a: 1, b: 1) { path } }", json!({ "id": thing.document_id() }))
}

pub fn publish_check(thing: &Thing) -> Vec<Ask> {
    let document = "query($ids: [ID!]!) { publishCheck(ids: $ids) { rule message } }";
    ask(document, json!({ "ids": [thing.document_id()] }))
}

pub fn previews(thing: &Thing) -> Vec<Ask> {
    let document = "query($id: ID!) { previews(documentId: $id) { nodes { id version documentId } } }";
    ask(document, json!({ "id": thing.document_id() }))
}

pub fn audit_log(thing: &Thing) -> Vec<Ask> {
    let document = "query($id: ID!) { auditLog(filter: { documentId: $id }) { nodes { action } } }";
    ask(document, json!({ "id": thing.document_id() }))
}

pub fn account_invite(thing: &Thing) -> Vec<Ask> {
    match thing.kind {
        Kind::Account => input("accountInvite", json!({ "email": thing.name, "role": "EDITOR" })),
        _ => Vec::new(),
    }
}

pub fn account(mutation: &str, thing: &Thing) -> Vec<Ask> {
    match thing.kind {
        Kind::Account => input(mutation, json!({ "id": global_id("Account", thing.id) })),
        _ => Vec::new(),
    }
}

pub fn account_update(thing: &Thing) -> Vec<Ask> {
    match thing.kind {
        Kind::Account => input("accountUpdate", json!({ "id": global_id("Account", thing.id), "role": "EDITOR" })),
        _ => Vec::new(),
    }
}

pub fn api_token_revoke(thing: &Thing) -> Vec<Ask> {
    match thing.kind {
        Kind::ApiToken => input("apiTokenRevoke", json!({ "id": global_id("ApiToken", thing.id) })),
        _ => Vec::new(),
    }
}

pub fn site_save(thing: &Thing) -> Vec<Ask> {
    match thing.kind {
        Kind::Site => input("siteSave", json!({ "expectedVersion": version(thing), "requiredLocales": ["en"] })),
        _ => Vec::new(),
    }
}

/// By its slug, and as the parent of another one: also what is no page.
pub fn page_create(thing: &Thing) -> Vec<Ask> {
    let below = input("pageCreate", json!({ "slug": "below-it", "parentId": thing.document_id() }));
    let same = input("pageCreate", json!({ "slug": thing.name }));
    if thing.kind == Kind::Page { same.into_iter().chain(below).collect() } else { below }
}

pub fn page_text_save(thing: &Thing) -> Vec<Ask> {
    let text = json!({ "pageId": thing.document_id(), "locale": "en", "expectedVersion": 0, "title": "A title" });
    input("pageTextSave", text)
}

pub fn staff_member_create(thing: &Thing) -> Vec<Ask> {
    match thing.kind {
        Kind::StaffMember => input("staffMemberCreate", json!({ "slug": thing.name })),
        _ => Vec::new(),
    }
}

pub fn staff_text_save(thing: &Thing) -> Vec<Ask> {
    let mut text = json!({ "staffId": thing.document_id(), "locale": "en", "expectedVersion": 0 });
    (text["name"], text["role"]) = (json!("A name"), json!("A role"));
    input("staffTextSave", text)
}

/// The version that a save by key expects: one that no document has, so that nobody's save succeeds.
const LATER: i64 = 999;

pub fn country_save(thing: &Thing) -> Vec<Ask> {
    match thing.kind {
        Kind::Country => input("countrySave", json!({ "code": thing.name, "expectedVersion": LATER, "position": 3 })),
        _ => Vec::new(),
    }
}

pub fn category_save(thing: &Thing) -> Vec<Ask> {
    match thing.kind {
        Kind::Category => input("categorySave", json!({ "code": thing.name, "expectedVersion": LATER, "position": 3 })),
        _ => Vec::new(),
    }
}

/// What a change of figures names: a sheet, or a category or country in one.
pub fn changes(thing: &Thing) -> Option<Value> {
    Some(match thing.kind {
        Kind::YearSheet => json!({ "category": "TRAVEL", "year": thing.year, "expectedVersion": LATER, "total": 3 }),
        Kind::Category => json!({ "category": thing.name, "year": 1990, "expectedVersion": 0, "total": 3 }),
        Kind::Country => {
            let counts = json!([{ "country": thing.name, "value": 3 }]);
            json!({ "category": "TRAVEL", "year": 1990, "expectedVersion": 0, "counts": counts })
        }
        _ => return None,
    })
}

pub fn visit_counts_update(thing: &Thing) -> Vec<Ask> {
    changes(thing).map_or_else(Vec::new, |changes| input("visitCountsUpdate", changes))
}

pub fn visit_counts_bulk_update(thing: &Thing) -> Vec<Ask> {
    let bulk = |changes: Value| input("visitCountsBulkUpdate", json!({ "sheets": [changes], "dryRun": true }));
    changes(thing).map_or_else(Vec::new, bulk)
}

pub fn figures_import(thing: &Thing) -> Vec<Ask> {
    let (category, year, country) = match thing.kind {
        Kind::YearSheet => ("TRAVEL", thing.year, "中国"),
        Kind::Category => (thing.name.as_str(), 1990, "中国"),
        Kind::Country => ("TRAVEL", 1990, thing.name.as_str()),
        _ => return Vec::new(),
    };
    let file = STANDARD.encode(format!("国名,{year}年\n{country},3\n合計,3\n"));
    input("figuresImport", json!({ "category": category, "content": file, "dryRun": true }))
}

pub fn metadata_save(thing: &Thing) -> Vec<Ask> {
    let place = match thing.kind {
        Kind::FactSheetMetadata => json!({}),
        Kind::Category => json!({ "category": thing.name }),
        Kind::Country => json!({ "country": thing.name }),
        _ => return Vec::new(),
    };
    let text = json!([{ "locale": "en", "text": "A note" }]);
    let footnotes = json!([{ "text": text, "places": [place] }]);
    input("factSheetMetadataSave", json!({ "expectedVersion": 2, "footnotes": footnotes }))
}

pub fn schedule_cancel(thing: &Thing) -> Vec<Ask> {
    let cancel = |id| input("scheduleCancel", json!({ "id": global_id("Schedule", id) }));
    thing.schedule.map_or_else(Vec::new, cancel)
}

pub fn preview_revoke(thing: &Thing) -> Vec<Ask> {
    let revoke = |id| input("previewRevoke", json!({ "id": global_id("Preview", id) }));
    thing.preview_id.map_or_else(Vec::new, revoke)
}
