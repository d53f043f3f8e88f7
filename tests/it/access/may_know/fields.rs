//! The table: every query and mutation, what can be asked with it about a thing, and who may know of the thing. What a row
//! tells to more people than that is told has its reason beside it.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{
    TYPES,
    callers::Caller,
    global_id,
    things::{Kind, Thing},
    version,
};

/// A request.
pub struct Ask {
    pub document: String,
    pub variables: Value,
}

/// Who may know that a thing exists, by what a field answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knows {
    /// All, of what the public sees; of other things nobody.
    Public,
    /// All, of what the public ever saw.
    History,
    /// Those who may read drafts of its kind.
    Readers,
    /// Those, and those who may save such documents.
    Savers,
    /// Those who may read or save such documents, or texts of them.
    TextSavers,
    /// Those who may read or publish such documents.
    Publishers,
    /// Those who may read the audit log.
    Auditors,
    /// Nobody, whatever they may.
    Nobody,
}

impl Knows {
    pub fn of(self, caller: &Caller, thing: &Thing) -> bool {
        let kind = thing.kind;
        let reads = caller.reads(kind);
        match self {
            Self::Public => thing.state.is_public(),
            Self::History => thing.state.was_public(),
            Self::Readers => reads,
            Self::Savers => reads || caller.saves(kind),
            Self::TextSavers => {
                let texts = match kind {
                    Kind::Page => caller.saves(Kind::PageText),
                    Kind::StaffMember => caller.saves(Kind::StaffText),
                    _ => caller.saves(kind),
                };
                reads || texts
            }
            Self::Publishers => reads || caller.publishes(kind),
            Self::Auditors => caller.may("READ_AUDIT"),
            Self::Nobody => false,
        }
    }
}

/// A row of the table.
pub struct Field {
    pub name: &'static str,
    pub is_query: bool,
    pub knows: Knows,
    pub asks: fn(&Thing) -> Vec<Ask>,
    /// How it is asked without naming anything.
    pub list: Option<&'static str>,
    /// Why others may know than those who may read, or why nothing is asked.
    pub reason: &'static str,
}

impl Field {
    const fn query(name: &'static str, knows: Knows, asks: fn(&Thing) -> Vec<Ask>) -> Self {
        Self { name, is_query: true, knows, asks, list: None, reason: "" }
    }

    const fn mutation(name: &'static str, knows: Knows, asks: fn(&Thing) -> Vec<Ask>) -> Self {
        Self { is_query: false, ..Self::query(name, knows, asks) }
    }

    const fn list(self, list: &'static str) -> Self {
        Self { list: Some(list), ..self }
    }

    const fn because(self, reason: &'static str) -> Self {
        Self { reason, ..self }
    }
}

const fn nothing(_: &Thing) -> Vec<Ask> {
    Vec::new()
}

/// Every query and every mutation.
pub const FIELDS: &[Field] = &[
    Field::query("site", Knows::Public, nothing).list("{ site { id name defaultLocale locales { code } } }"),
    Field::query("locales", Knows::Public, nothing).list("{ locales { code name } }"),
    Field::query("page", Knows::Public, page),
    Field::query("pages", Knows::Public, pages).list("{ pages(first: 100) { totalCount nodes { id slug title } } }"),
    Field::query("staff", Knows::Public, nothing).list("{ staff { id slug name } }"),
    Field::query("countries", Knows::Public, nothing).list("{ countries { id code name } }"),
    Field::query("categories", Knows::Public, nothing).list("{ categories { id code name } }"),
    Field::query("factSheet", Knows::Public, fact_sheet).list(
        "{ factSheet { years categories { category { code } countries { country { code } } } breaks { year } } }",
    ),
    Field::query("visitCounts", Knows::Public, visit_counts)
        .list("{ visitCounts(groupBy: [CATEGORY, COUNTRY, YEAR]) { sum year category { code } country { code } } }"),
    Field::query("vintages", Knows::History, vintages)
        .list("{ vintages { publishedAt } }")
        .because("a publication stays in the history, also of what was withdrawn"),
    Field::query("figureHistory", Knows::History, figure_history)
        .because("a publication stays in the history, also of what was withdrawn"),
    Field::query("figureChanges", Knows::History, nothing)
        .list("{ figureChanges(since: \"2026-01-14T00:00:00Z\") { figures { category country year } } }"),
    Field::query("observationStatuses", Knows::Public, nothing).list("{ observationStatuses { sign } }"),
    Field::query("yearSheet", Knows::Readers, year_sheet),
    Field::query("node", Knows::Public, node),
    Field::query("nodes", Knows::Public, nodes),
    Field::query("document", Knows::Readers, document),
    Field::query("documents", Knows::Readers, documents).list(
        "{ documents(first: 100, filter: { kind: [YEAR_SHEET] }) { totalCount counts { state count } nodes { id } } }",
    ),
    Field::query("history", Knows::Readers, history),
    Field::query("diff", Knows::Readers, diff),
    Field::query("publishCheck", Knows::Readers, publish_check),
    Field::query("previews", Knows::Readers, previews).list("{ previews(first: 100) { nodes { id documentId } } }"),
    Field::query("viewer", Knows::Public, nothing).because("it tells of nobody but the caller"),
    Field::query("accounts", Knows::Readers, nothing)
        .because("administrators see all accounts, others none: matrix.rs"),
    Field::query("apiTokens", Knows::Readers, nothing).because("administrators see all tokens, others none: matrix.rs"),
    Field::query("auditLog", Knows::Auditors, audit_log)
        .list("{ auditLog(first: 100) { nodes { seq } } }")
        .because("the log names everything that was done: who may read it knows what there is"),
    //
    Field::mutation("signIn", Knows::Nobody, nothing)
        .because("sign_in.rs: an unknown address is refused as a wrong password is"),
    Field::mutation("refreshSession", Knows::Nobody, nothing).because("it names a secret of the caller"),
    Field::mutation("signOut", Knows::Nobody, nothing).because("it names nothing"),
    Field::mutation("passwordSet", Knows::Nobody, nothing).because("it names a secret of the caller"),
    Field::mutation("passwordChange", Knows::Nobody, nothing).because("it names nothing"),
    Field::mutation("accountInvite", Knows::Readers, account_invite),
    Field::mutation("accountLinkCreate", Knows::Readers, |thing| account("accountLinkCreate", thing)),
    Field::mutation("accountUpdate", Knows::Readers, account_update),
    Field::mutation("accountDisable", Knows::Readers, |thing| account("accountDisable", thing)),
    Field::mutation("accountEnable", Knows::Readers, |thing| account("accountEnable", thing)),
    Field::mutation("apiTokenCreate", Knows::Nobody, nothing).because("it names nothing"),
    Field::mutation("apiTokenRevoke", Knows::Readers, api_token_revoke),
    //
    Field::mutation("siteSave", Knows::Savers, site_save),
    Field::mutation("pageCreate", Knows::Savers, page_create)
        .because("a new page needs a slug that is free, and a parent"),
    Field::mutation("pageUpdate", Knows::Savers, |thing| by_id("pageUpdate", thing, json!({ "position": 9 }))),
    Field::mutation("pageTextSave", Knows::TextSavers, page_text_save).because("a text needs its page"),
    Field::mutation("staffMemberCreate", Knows::Savers, staff_member_create)
        .because("a new record needs a slug that is free"),
    Field::mutation("staffMemberUpdate", Knows::Savers, |thing| {
        by_id("staffMemberUpdate", thing, json!({ "position": 9 }))
    }),
    Field::mutation("staffTextSave", Knows::TextSavers, staff_text_save).because("a text needs its record"),
    Field::mutation("countrySave", Knows::Savers, country_save)
        .because("those who save may also make one, by its code"),
    Field::mutation("categorySave", Knows::Savers, category_save)
        .because("those who save may also make one, by its code"),
    Field::mutation("visitCountsUpdate", Knows::Savers, visit_counts_update),
    Field::mutation("visitCountsBulkUpdate", Knows::Savers, visit_counts_bulk_update),
    Field::mutation("figuresImport", Knows::Savers, figures_import),
    Field::mutation("factSheetMetadataSave", Knows::Savers, metadata_save)
        .because("there is one, known to all: only the places of its footnotes are asked about"),
    //
    Field::mutation("publish", Knows::Publishers, |thing| by_id("publish", thing, json!({}))),
    Field::mutation("publishMany", Knows::Publishers, |thing| many("publishMany", thing)),
    Field::mutation("unpublish", Knows::Publishers, |thing| by_id("unpublish", thing, json!({}))),
    Field::mutation("archive", Knows::Publishers, |thing| by_id("archive", thing, json!({}))),
    Field::mutation("unarchive", Knows::Publishers, |thing| by_id("unarchive", thing, json!({}))),
    Field::mutation("restore", Knows::Savers, |thing| by_id("restore", thing, json!({ "version": 1 }))),
    Field::mutation("reorder", Knows::Savers, |thing| many("reorder", thing)),
    Field::mutation("schedule", Knows::Publishers, |thing| {
        let when = json!({ "action": "PUBLISH", "at": "2030-01-01T09:00:00", "timeZone": "Asia/Tokyo" });
        by_id("schedule", thing, when)
    }),
    Field::mutation("scheduleCancel", Knows::Publishers, schedule_cancel),
    Field::mutation("leaseTake", Knows::Savers, |thing| input("leaseTake", json!({ "id": thing.document_id() }))),
    Field::mutation("leaseRelease", Knows::Savers, |thing| input("leaseRelease", json!({ "id": thing.document_id() }))),
    Field::mutation("previewCreate", Knows::Readers, |thing| {
        input("previewCreate", json!({ "id": thing.document_id(), "version": version(thing) }))
    }),
    Field::mutation("previewRevoke", Knows::Readers, preview_revoke),
];

fn ask(document: impl Into<String>, variables: Value) -> Vec<Ask> {
    vec![Ask { document: document.into(), variables }]
}

/// A mutation with its input, as a client of the harness sends it.
fn input(mutation: &str, input: Value) -> Vec<Ask> {
    ask(tests::mutation(mutation, &input), json!({ "input": input }))
}

fn by_id(mutation: &str, thing: &Thing, also: Value) -> Vec<Ask> {
    if thing.kind.name().is_none() {
        return Vec::new();
    }
    let mut fields = json!({ "id": thing.document_id(), "expectedVersion": version(thing) });
    for (name, value) in also.as_object().into_iter().flatten() {
        fields[name] = value.clone();
    }
    input(mutation, fields)
}

fn many(mutation: &str, thing: &Thing) -> Vec<Ask> {
    input(mutation, json!({ "documents": [{ "id": thing.document_id(), "expectedVersion": version(thing) }] }))
}

/// All names that it has or had.
fn names(thing: &Thing) -> impl Iterator<Item = &str> {
    std::iter::once(thing.name.as_str()).chain(thing.other_name.as_deref())
}

fn is_page(thing: &Thing) -> bool {
    matches!(thing.kind, Kind::Page | Kind::PageText)
}

/// What readers see of a page: the names of another page's draft are not public, even where the page is.
fn page(thing: &Thing) -> Vec<Ask> {
    if !is_page(thing) {
        return Vec::new();
    }
    let document = "query($slug: Slug!) { page(slug: $slug, locale: \"en\") {
        id slug title summary movedTo availableLocales servedLocale children { slug } body { html }
    } }";
    names(thing).flat_map(|slug| ask(document, json!({ "slug": slug }))).collect()
}

fn pages(thing: &Thing) -> Vec<Ask> {
    if !is_page(thing) {
        return Vec::new();
    }
    let by_slug = "query($slug: Slug!) { pages(filter: { slugs: [$slug] }) { totalCount nodes { id slug title } } }";
    let by_parent = "query($slug: Slug!) { pages(filter: { parent: $slug }) { totalCount nodes { id slug title } } }";
    let both = |slug: &str| [by_slug, by_parent].map(|query| ask(query, json!({ "slug": slug })));
    names(thing).flat_map(both).flatten().collect()
}

fn fact_sheet(thing: &Thing) -> Vec<Ask> {
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

fn visit_counts(thing: &Thing) -> Vec<Ask> {
    let filter = match thing.kind {
        Kind::Category => json!({ "categories": [thing.name] }),
        Kind::Country => json!({ "countries": [thing.name] }),
        Kind::YearSheet => json!({ "from": thing.year, "to": thing.year }),
        _ => return Vec::new(),
    };
    let document = "query($filter: VisitCountsFilter) { visitCounts(filter: $filter, groupBy: [YEAR]) { sum year } }";
    ask(document, json!({ "filter": filter }))
}

fn vintages(thing: &Thing) -> Vec<Ask> {
    let document =
        "query($category: CategoryCode, $year: Year) { vintages(category: $category, year: $year) { publishedAt } }";
    match thing.kind {
        Kind::Category => ask(document, json!({ "category": thing.name })),
        Kind::YearSheet => ask(document, json!({ "category": "TRAVEL", "year": thing.year })),
        _ => Vec::new(),
    }
}

fn figure_history(thing: &Thing) -> Vec<Ask> {
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

fn year_sheet(thing: &Thing) -> Vec<Ask> {
    let document = "query($category: CategoryCode!, $year: Year!) { yearSheet(category: $category, year: $year) {
        version draft { total }
    } }";
    match thing.kind {
        Kind::YearSheet => ask(document, json!({ "category": "TRAVEL", "year": thing.year })),
        _ => Vec::new(),
    }
}

fn node(thing: &Thing) -> Vec<Ask> {
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
fn nodes(thing: &Thing) -> Vec<Ask> {
    let schedule = thing.schedule.map(|id| global_id("Schedule", id));
    let preview = thing.preview_id.map(|id| global_id("Preview", id));
    let ids = TYPES.iter().map(|name| global_id(name, thing.id)).chain(schedule).chain(preview);
    let ids: Vec<String> = ids.collect();
    ask("query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }", json!({ "ids": ids }))
}

fn document(thing: &Thing) -> Vec<Ask> {
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

fn documents(thing: &Thing) -> Vec<Ask> {
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

fn history(thing: &Thing) -> Vec<Ask> {
    let document = "query($id: ID!) { history(id: $id) { revisions { version } publications { publishedAt } } }";
    ask(document, json!({ "id": thing.document_id() }))
}

fn diff(thing: &Thing) -> Vec<Ask> {
    ask("query($id: ID!) { diff(id: $id, a: 1, b: 1) { path } }", json!({ "id": thing.document_id() }))
}

fn publish_check(thing: &Thing) -> Vec<Ask> {
    let document = "query($ids: [ID!]!) { publishCheck(ids: $ids) { rule message } }";
    ask(document, json!({ "ids": [thing.document_id()] }))
}

fn previews(thing: &Thing) -> Vec<Ask> {
    let document = "query($id: ID!) { previews(documentId: $id) { nodes { id version documentId } } }";
    ask(document, json!({ "id": thing.document_id() }))
}

fn audit_log(thing: &Thing) -> Vec<Ask> {
    let document = "query($id: ID!) { auditLog(filter: { documentId: $id }) { nodes { action } } }";
    ask(document, json!({ "id": thing.document_id() }))
}

fn account_invite(thing: &Thing) -> Vec<Ask> {
    match thing.kind {
        Kind::Account => input("accountInvite", json!({ "email": thing.name, "role": "EDITOR" })),
        _ => Vec::new(),
    }
}

fn account(mutation: &str, thing: &Thing) -> Vec<Ask> {
    match thing.kind {
        Kind::Account => input(mutation, json!({ "id": global_id("Account", thing.id) })),
        _ => Vec::new(),
    }
}

fn account_update(thing: &Thing) -> Vec<Ask> {
    match thing.kind {
        Kind::Account => input("accountUpdate", json!({ "id": global_id("Account", thing.id), "role": "EDITOR" })),
        _ => Vec::new(),
    }
}

fn api_token_revoke(thing: &Thing) -> Vec<Ask> {
    match thing.kind {
        Kind::ApiToken => input("apiTokenRevoke", json!({ "id": global_id("ApiToken", thing.id) })),
        _ => Vec::new(),
    }
}

fn site_save(thing: &Thing) -> Vec<Ask> {
    match thing.kind {
        Kind::Site => input("siteSave", json!({ "expectedVersion": version(thing), "requiredLocales": ["en"] })),
        _ => Vec::new(),
    }
}

/// By its slug, and as the parent of another one: also what is no page.
fn page_create(thing: &Thing) -> Vec<Ask> {
    let below = input("pageCreate", json!({ "slug": "below-it", "parentId": thing.document_id() }));
    let same = input("pageCreate", json!({ "slug": thing.name }));
    if thing.kind == Kind::Page { same.into_iter().chain(below).collect() } else { below }
}

fn page_text_save(thing: &Thing) -> Vec<Ask> {
    let text = json!({ "pageId": thing.document_id(), "locale": "en", "expectedVersion": 0, "title": "A title" });
    input("pageTextSave", text)
}

fn staff_member_create(thing: &Thing) -> Vec<Ask> {
    match thing.kind {
        Kind::StaffMember => input("staffMemberCreate", json!({ "slug": thing.name })),
        _ => Vec::new(),
    }
}

fn staff_text_save(thing: &Thing) -> Vec<Ask> {
    let mut text = json!({ "staffId": thing.document_id(), "locale": "en", "expectedVersion": 0 });
    (text["name"], text["role"]) = (json!("A name"), json!("A role"));
    input("staffTextSave", text)
}

/// The version that a save by key expects: one that no document has, so that nobody's save succeeds.
const LATER: i64 = 999;

fn country_save(thing: &Thing) -> Vec<Ask> {
    match thing.kind {
        Kind::Country => input("countrySave", json!({ "code": thing.name, "expectedVersion": LATER, "position": 3 })),
        _ => Vec::new(),
    }
}

fn category_save(thing: &Thing) -> Vec<Ask> {
    match thing.kind {
        Kind::Category => input("categorySave", json!({ "code": thing.name, "expectedVersion": LATER, "position": 3 })),
        _ => Vec::new(),
    }
}

/// What a change of figures names: a sheet, or a category or country in one.
fn changes(thing: &Thing) -> Option<Value> {
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

fn visit_counts_update(thing: &Thing) -> Vec<Ask> {
    changes(thing).map_or_else(Vec::new, |changes| input("visitCountsUpdate", changes))
}

fn visit_counts_bulk_update(thing: &Thing) -> Vec<Ask> {
    let bulk = |changes: Value| input("visitCountsBulkUpdate", json!({ "sheets": [changes], "dryRun": true }));
    changes(thing).map_or_else(Vec::new, bulk)
}

fn figures_import(thing: &Thing) -> Vec<Ask> {
    let (category, year, country) = match thing.kind {
        Kind::YearSheet => ("TRAVEL", thing.year, "中国"),
        Kind::Category => (thing.name.as_str(), 1990, "中国"),
        Kind::Country => ("TRAVEL", 1990, thing.name.as_str()),
        _ => return Vec::new(),
    };
    let file = STANDARD.encode(format!("国名,{year}年\n{country},3\n合計,3\n"));
    input("figuresImport", json!({ "category": category, "content": file, "dryRun": true }))
}

fn metadata_save(thing: &Thing) -> Vec<Ask> {
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

fn schedule_cancel(thing: &Thing) -> Vec<Ask> {
    let cancel = |id| input("scheduleCancel", json!({ "id": global_id("Schedule", id) }));
    thing.schedule.map_or_else(Vec::new, cancel)
}

fn preview_revoke(thing: &Thing) -> Vec<Ask> {
    let revoke = |id| input("previewRevoke", json!({ "id": global_id("Preview", id) }));
    thing.preview_id.map_or_else(Vec::new, revoke)
}
