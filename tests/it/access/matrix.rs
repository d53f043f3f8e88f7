//! Who may do what, in one table: a row for each mutation and each kind of document and locale that it can be done to,
//! and a row for each query. A field of the schema without a row fails the tests.
//!
//! Each cell is tried on a document made for it. What is allowed must have its effect; what is refused must say why,
//! change nothing in any table, and leave one entry in the audit log. The table is written by hand: it says what is
//! promised, while `api/src/access/permission.rs` says what is.
//!
//! A new mutation needs rows, its input in `Workshop::input`, its effect in `Workshop::assert_done`, and, unless it
//! returns a document, what to select of it in `tests/src/editing.rs`.

use std::{
    collections::BTreeSet,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::Duration;
use entities::{ActorKind, AuditOutcome, Role, audit_entry};
use sea_orm::{EntityTrait, QueryFilter, QueryOrder};
use serde_json::{Value, json};
use tests::{
    ADMINISTRATOR, Client, Credentials, EDITOR, READER, Reply, STATISTICIAN, TRANSLATOR, TestApp, commands,
    on_both_databases, tables::everything,
};

use super::existence::absent;

/// What somebody gets who tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum May {
    Allowed,
    Forbidden,
    /// They must sign in first.
    Unauthenticated,
    /// They might, but this cannot be done to a document of this kind.
    Impossible,
    /// They are answered as if there were no such document, which they may not know of.
    Hidden,
}

const A: May = May::Allowed;
const F: May = May::Forbidden;
const U: May = May::Unauthenticated;
const X: May = May::Impossible;
const H: May = May::Hidden;

/// What a mutation is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum On {
    Nothing,
    Site,
    Page,
    PageText(&'static str),
    NewPageText(&'static str),
    StaffMember,
    StaffText(&'static str),
    NewStaffText(&'static str),
    Country,
    NewCountry,
    Category,
    NewCategory,
    YearSheet,
    /// One that is saved and published in one step.
    YearSheetAtOnce,
    /// One that is saved and published together with another.
    YearSheets,
    /// One that comes out of a file and is published with it.
    SheetFile,
    Metadata,
    /// Somebody who was invited.
    Account,
    /// The link that somebody was invited with.
    Link,
    /// The password of the caller.
    OwnPassword,
    ApiToken,
}

/// A mutation, what it is done to, and who may: nobody in particular, a reader, a translator of English, a statistician,
/// an editor, an administrator.
#[derive(Clone, Copy, Debug)]
struct Row(&'static str, On, [May; 6]);

const MUTATIONS: &[Row] = &[
    Row("signIn", On::Nothing, [A, A, A, A, A, A]),
    Row("refreshSession", On::Nothing, [A, A, A, A, A, A]),
    Row("signOut", On::Nothing, [U, A, A, A, A, A]),
    Row("passwordSet", On::Link, [A, A, A, A, A, A]),
    //
    Row("accountInvite", On::Nothing, [U, F, F, F, F, A]),
    Row("accountUpdate", On::Account, [U, F, F, F, F, A]),
    Row("accountDisable", On::Account, [U, F, F, F, F, A]),
    Row("accountEnable", On::Account, [U, F, F, F, F, A]),
    Row("accountLinkCreate", On::Account, [U, F, F, F, F, A]),
    Row("apiTokenCreate", On::Nothing, [U, F, F, F, F, A]),
    Row("apiTokenRevoke", On::ApiToken, [U, F, F, F, F, A]),
    //
    Row("siteSave", On::Site, [U, F, F, F, F, A]),
    Row("pageCreate", On::Page, [U, F, F, F, A, A]),
    Row("pageUpdate", On::Page, [U, F, F, F, A, A]),
    Row("pageTextSave", On::NewPageText("en"), [U, F, A, F, A, A]),
    Row("pageTextSave", On::NewPageText("ja"), [U, F, F, F, A, A]),
    Row("pageTextSave", On::PageText("en"), [U, F, A, F, A, A]),
    Row("pageTextSave", On::PageText("ja"), [U, F, F, F, A, A]),
    Row("staffMemberCreate", On::StaffMember, [U, F, F, F, A, A]),
    Row("staffMemberUpdate", On::StaffMember, [U, F, F, F, A, A]),
    Row("staffTextSave", On::NewStaffText("en"), [U, F, A, F, A, A]),
    Row("staffTextSave", On::NewStaffText("ja"), [U, F, F, F, A, A]),
    Row("staffTextSave", On::StaffText("en"), [U, F, A, F, A, A]),
    Row("staffTextSave", On::StaffText("ja"), [U, F, F, F, A, A]),
    Row("countrySave", On::NewCountry, [U, F, F, A, A, A]),
    Row("countrySave", On::Country, [U, F, F, A, A, A]),
    Row("categorySave", On::NewCategory, [U, F, F, A, A, A]),
    Row("categorySave", On::Category, [U, F, F, A, A, A]),
    Row("visitCountsUpdate", On::YearSheet, [U, F, F, A, A, A]),
    Row("visitCountsUpdate", On::YearSheetAtOnce, [U, F, F, A, A, A]),
    Row("visitCountsBulkUpdate", On::YearSheets, [U, F, F, A, A, A]),
    Row("figuresImport", On::SheetFile, [U, F, F, A, A, A]),
    Row("factSheetMetadataSave", On::Metadata, [U, F, F, A, A, A]),
    //
    Row("publish", On::Site, [U, F, F, F, F, A]),
    Row("publish", On::Page, [U, F, F, F, A, A]),
    Row("publish", On::PageText("en"), [U, F, F, F, A, A]),
    Row("publish", On::PageText("ja"), [U, F, F, F, A, A]),
    Row("publish", On::StaffMember, [U, F, F, F, A, A]),
    Row("publish", On::StaffText("en"), [U, F, F, F, A, A]),
    Row("publish", On::StaffText("ja"), [U, F, F, F, A, A]),
    Row("publish", On::Country, [U, F, F, A, A, A]),
    Row("publish", On::Category, [U, F, F, A, A, A]),
    Row("publish", On::YearSheet, [U, F, F, A, A, A]),
    Row("publish", On::Metadata, [U, F, F, A, A, A]),
    //
    Row("publishMany", On::Site, [U, F, F, F, F, A]),
    Row("publishMany", On::Page, [U, F, F, F, A, A]),
    Row("publishMany", On::PageText("en"), [U, F, F, F, A, A]),
    Row("publishMany", On::PageText("ja"), [U, F, F, F, A, A]),
    Row("publishMany", On::StaffMember, [U, F, F, F, A, A]),
    Row("publishMany", On::StaffText("en"), [U, F, F, F, A, A]),
    Row("publishMany", On::StaffText("ja"), [U, F, F, F, A, A]),
    Row("publishMany", On::Country, [U, F, F, A, A, A]),
    Row("publishMany", On::Category, [U, F, F, A, A, A]),
    Row("publishMany", On::YearSheet, [U, F, F, A, A, A]),
    Row("publishMany", On::Metadata, [U, F, F, A, A, A]),
    //
    Row("unpublish", On::Site, [U, F, F, F, F, X]),
    Row("unpublish", On::Page, [U, F, F, F, A, A]),
    Row("unpublish", On::PageText("en"), [U, F, F, F, A, A]),
    Row("unpublish", On::PageText("ja"), [U, F, F, F, A, A]),
    Row("unpublish", On::StaffMember, [U, F, F, F, A, A]),
    Row("unpublish", On::StaffText("en"), [U, F, F, F, A, A]),
    Row("unpublish", On::StaffText("ja"), [U, F, F, F, A, A]),
    Row("unpublish", On::Country, [U, F, F, A, A, A]),
    Row("unpublish", On::Category, [U, F, F, A, A, A]),
    Row("unpublish", On::YearSheet, [U, F, F, A, A, A]),
    Row("unpublish", On::Metadata, [U, F, F, A, A, A]),
    //
    Row("archive", On::Site, [U, F, F, F, F, X]),
    Row("archive", On::Page, [U, F, F, F, A, A]),
    Row("archive", On::PageText("en"), [U, F, F, F, A, A]),
    Row("archive", On::PageText("ja"), [U, F, F, F, A, A]),
    Row("archive", On::StaffMember, [U, F, F, F, A, A]),
    Row("archive", On::StaffText("en"), [U, F, F, F, A, A]),
    Row("archive", On::StaffText("ja"), [U, F, F, F, A, A]),
    Row("archive", On::Country, [U, F, F, A, A, A]),
    Row("archive", On::Category, [U, F, F, A, A, A]),
    Row("archive", On::YearSheet, [U, F, F, A, A, A]),
    Row("archive", On::Metadata, [U, F, F, A, A, A]),
    //
    Row("unarchive", On::Site, [U, F, F, F, F, A]),
    Row("unarchive", On::Page, [U, F, F, F, A, A]),
    Row("unarchive", On::PageText("en"), [U, F, F, F, A, A]),
    Row("unarchive", On::PageText("ja"), [U, F, F, F, A, A]),
    Row("unarchive", On::StaffMember, [U, F, F, F, A, A]),
    Row("unarchive", On::StaffText("en"), [U, F, F, F, A, A]),
    Row("unarchive", On::StaffText("ja"), [U, F, F, F, A, A]),
    Row("unarchive", On::Country, [U, F, F, A, A, A]),
    Row("unarchive", On::Category, [U, F, F, A, A, A]),
    Row("unarchive", On::YearSheet, [U, F, F, A, A, A]),
    Row("unarchive", On::Metadata, [U, F, F, A, A, A]),
    //
    Row("restore", On::Site, [U, F, F, F, F, A]),
    Row("restore", On::Page, [U, F, F, F, A, A]),
    Row("restore", On::PageText("en"), [U, F, A, F, A, A]),
    Row("restore", On::PageText("ja"), [U, F, F, F, A, A]),
    Row("restore", On::StaffMember, [U, F, F, F, A, A]),
    Row("restore", On::StaffText("en"), [U, F, A, F, A, A]),
    Row("restore", On::StaffText("ja"), [U, F, F, F, A, A]),
    Row("restore", On::Country, [U, F, F, A, A, A]),
    Row("restore", On::Category, [U, F, F, A, A, A]),
    Row("restore", On::YearSheet, [U, F, H, A, A, A]),
    Row("restore", On::Metadata, [U, F, F, A, A, A]),
    //
    Row("reorder", On::Site, [U, F, F, F, F, X]),
    Row("reorder", On::Page, [U, F, F, F, A, A]),
    Row("reorder", On::PageText("en"), [U, F, X, F, X, X]),
    Row("reorder", On::PageText("ja"), [U, F, F, F, X, X]),
    Row("reorder", On::StaffMember, [U, F, F, F, A, A]),
    Row("reorder", On::StaffText("en"), [U, F, X, F, X, X]),
    Row("reorder", On::StaffText("ja"), [U, F, F, F, X, X]),
    Row("reorder", On::Country, [U, F, F, A, A, A]),
    Row("reorder", On::Category, [U, F, F, A, A, A]),
    Row("reorder", On::YearSheet, [U, F, H, X, X, X]),
    Row("reorder", On::Metadata, [U, F, F, X, X, X]),
    //
    Row("schedule", On::Site, [U, F, F, F, F, A]),
    Row("schedule", On::Page, [U, F, F, F, A, A]),
    Row("schedule", On::PageText("en"), [U, F, F, F, A, A]),
    Row("schedule", On::PageText("ja"), [U, F, F, F, A, A]),
    Row("schedule", On::StaffMember, [U, F, F, F, A, A]),
    Row("schedule", On::StaffText("en"), [U, F, F, F, A, A]),
    Row("schedule", On::StaffText("ja"), [U, F, F, F, A, A]),
    Row("schedule", On::Country, [U, F, F, A, A, A]),
    Row("schedule", On::Category, [U, F, F, A, A, A]),
    Row("schedule", On::YearSheet, [U, F, F, A, A, A]),
    Row("schedule", On::Metadata, [U, F, F, A, A, A]),
    //
    Row("scheduleCancel", On::Site, [U, F, F, F, F, A]),
    Row("scheduleCancel", On::Page, [U, F, F, F, A, A]),
    Row("scheduleCancel", On::PageText("en"), [U, F, F, F, A, A]),
    Row("scheduleCancel", On::PageText("ja"), [U, F, F, F, A, A]),
    Row("scheduleCancel", On::StaffMember, [U, F, F, F, A, A]),
    Row("scheduleCancel", On::StaffText("en"), [U, F, F, F, A, A]),
    Row("scheduleCancel", On::StaffText("ja"), [U, F, F, F, A, A]),
    Row("scheduleCancel", On::Country, [U, F, F, A, A, A]),
    Row("scheduleCancel", On::Category, [U, F, F, A, A, A]),
    Row("scheduleCancel", On::YearSheet, [U, F, F, A, A, A]),
    Row("scheduleCancel", On::Metadata, [U, F, F, A, A, A]),
    //
    Row("leaseTake", On::Site, [U, F, F, F, F, A]),
    Row("leaseTake", On::Page, [U, F, F, F, A, A]),
    Row("leaseTake", On::PageText("en"), [U, F, A, F, A, A]),
    Row("leaseTake", On::PageText("ja"), [U, F, F, F, A, A]),
    Row("leaseTake", On::StaffMember, [U, F, F, F, A, A]),
    Row("leaseTake", On::StaffText("en"), [U, F, A, F, A, A]),
    Row("leaseTake", On::StaffText("ja"), [U, F, F, F, A, A]),
    Row("leaseTake", On::Country, [U, F, F, A, A, A]),
    Row("leaseTake", On::Category, [U, F, F, A, A, A]),
    Row("leaseTake", On::YearSheet, [U, F, H, A, A, A]),
    Row("leaseTake", On::Metadata, [U, F, F, A, A, A]),
    //
    Row("leaseRelease", On::Site, [U, F, F, F, F, A]),
    Row("leaseRelease", On::Page, [U, F, F, F, A, A]),
    Row("leaseRelease", On::PageText("en"), [U, F, A, F, A, A]),
    Row("leaseRelease", On::PageText("ja"), [U, F, F, F, A, A]),
    Row("leaseRelease", On::StaffMember, [U, F, F, F, A, A]),
    Row("leaseRelease", On::StaffText("en"), [U, F, A, F, A, A]),
    Row("leaseRelease", On::StaffText("ja"), [U, F, F, F, A, A]),
    Row("leaseRelease", On::Country, [U, F, F, A, A, A]),
    Row("leaseRelease", On::Category, [U, F, F, A, A, A]),
    Row("leaseRelease", On::YearSheet, [U, F, H, A, A, A]),
    Row("leaseRelease", On::Metadata, [U, F, F, A, A, A]),
    //
    Row("previewCreate", On::Site, [U, A, A, A, A, A]),
    Row("previewCreate", On::Page, [U, A, A, A, A, A]),
    Row("previewCreate", On::PageText("en"), [U, A, A, A, A, A]),
    Row("previewCreate", On::PageText("ja"), [U, A, A, A, A, A]),
    Row("previewCreate", On::StaffMember, [U, A, A, A, A, A]),
    Row("previewCreate", On::StaffText("en"), [U, A, A, A, A, A]),
    Row("previewCreate", On::StaffText("ja"), [U, A, A, A, A, A]),
    Row("previewCreate", On::Country, [U, A, A, A, A, A]),
    Row("previewCreate", On::Category, [U, A, A, A, A, A]),
    Row("previewCreate", On::YearSheet, [U, H, H, A, A, A]),
    Row("previewCreate", On::Metadata, [U, A, A, A, A, A]),
    //
    Row("previewRevoke", On::Site, [U, F, F, F, F, A]),
    Row("previewRevoke", On::Page, [U, F, F, F, A, A]),
    Row("previewRevoke", On::PageText("en"), [U, F, F, F, A, A]),
    Row("previewRevoke", On::PageText("ja"), [U, F, F, F, A, A]),
    Row("previewRevoke", On::StaffMember, [U, F, F, F, A, A]),
    Row("previewRevoke", On::StaffText("en"), [U, F, F, F, A, A]),
    Row("previewRevoke", On::StaffText("ja"), [U, F, F, F, A, A]),
    Row("previewRevoke", On::Country, [U, F, F, A, A, A]),
    Row("previewRevoke", On::Category, [U, F, F, A, A, A]),
    Row("previewRevoke", On::YearSheet, [U, F, F, A, A, A]),
    Row("previewRevoke", On::Metadata, [U, F, F, A, A, A]),
    // Last, since it ends the other sessions of whoever does it.
    Row("passwordChange", On::OwnPassword, [U, A, A, A, A, A]),
];

/// A query, how it is asked, and who may: in the same order. `$id` is asked for a document of each kind, but for those of which
/// `CONFIDENTIAL_QUERIES` tells.
#[derive(Clone, Copy, Debug)]
struct Question(&'static str, &'static str, [May; 6]);

/// Whoever asks for a document that only those may read who may see what is confidential: figures before they are
/// published. Every query of `QUERIES` that takes an id.
const CONFIDENTIAL_QUERIES: &[(&str, [May; 6])] = &[
    ("node", [H, H, H, A, A, A]),
    ("nodes", [H, H, H, A, A, A]),
    ("document", [U, H, H, A, A, A]),
    ("history", [U, H, H, A, A, A]),
    ("diff", [U, H, H, A, A, A]),
    ("publishCheck", [U, H, H, A, A, A]),
];

const QUERIES: &[Question] = &[
    Question("site", "{ site { name } }", [A, A, A, A, A, A]),
    Question("locales", "{ locales { code } }", [A, A, A, A, A, A]),
    Question("page", "{ page(slug: \"about-us\") { title } }", [A, A, A, A, A, A]),
    Question("pages", "{ pages { totalCount } }", [A, A, A, A, A, A]),
    Question("staff", "{ staff { name } }", [A, A, A, A, A, A]),
    Question("countries", "{ countries { code } }", [A, A, A, A, A, A]),
    Question("categories", "{ categories { code } }", [A, A, A, A, A, A]),
    Question("factSheet", "{ factSheet { years } }", [A, A, A, A, A, A]),
    Question("factSheet", "{ factSheet(asOf: \"2026-01-15T00:00:00Z\") { years asOf } }", [A, A, A, A, A, A]),
    Question("vintages", "{ vintages { publishedAt } }", [A, A, A, A, A, A]),
    Question(
        "figureHistory",
        "{ figureHistory(category: \"TRAVEL\", year: 2018) { publishedAt publishedBy } }",
        [A, A, A, A, A, A],
    ),
    Question(
        "figureChanges",
        "{ figureChanges(since: \"2026-01-15T00:00:00Z\") { until figures { year } } }",
        [A, A, A, A, A, A],
    ),
    Question("visitCounts", "{ visitCounts { sum } }", [A, A, A, A, A, A]),
    Question("observationStatuses", "{ observationStatuses { sign } }", [A, A, A, A, A, A]),
    // Null for those who may not see it.
    Question("node", "query($id: ID!) { node(id: $id) { id } }", [A, A, A, A, A, A]),
    Question("nodes", "query($id: ID!) { nodes(ids: [$id]) { id } }", [A, A, A, A, A, A]),
    // Null for the public.
    Question("viewer", "{ viewer { email } }", [A, A, A, A, A, A]),
    Question("accounts", "{ accounts { totalCount nodes { id } } }", [U, F, F, F, F, A]),
    Question("apiTokens", "{ apiTokens { id } }", [U, F, F, F, F, A]),
    Question("auditLog", "{ auditLog { nodes { seq } } }", [U, F, F, F, F, A]),
    Question(
        "yearSheet",
        "{ yearSheet(category: \"TRAVEL\", year: 2018) { version draft { total } } }",
        [U, F, F, A, A, A],
    ),
    Question(
        "document",
        "query($id: ID!) { document(by: { id: $id }) { version content { __typename } } }",
        [U, A, A, A, A, A],
    ),
    Question("documents", "{ documents { totalCount nodes { id } counts { count } } }", [U, A, A, A, A, A]),
    Question("history", "query($id: ID!) { history(id: $id) { revisions { version } } }", [U, A, A, A, A, A]),
    Question("diff", "query($id: ID!) { diff(id: $id, a: 1, b: 1) { path } }", [U, A, A, A, A, A]),
    Question("previews", "{ previews { nodes { id kind } } }", [U, A, A, A, A, A]),
    Question("publishCheck", "query($id: ID!) { publishCheck(ids: [$id]) { rule } }", [U, A, A, A, A, A]),
];

/// Somebody who tries.
struct Caller {
    name: &'static str,
    credentials: Option<Credentials>,
    /// Its place in a row of the table.
    column: usize,
    client: Client,
}

/// Somebody of each column, and two who were somebody once.
async fn callers(app: &TestApp) -> Vec<Caller> {
    let mut callers = vec![Caller { name: "anonymous", credentials: None, column: 0, client: app.anonymous() }];
    let signed_out = app.bearer(&app.sign_in(ADMINISTRATOR).await.access_token);
    let reply = signed_out.run("mutation { signOut { signedOut } }", json!({})).await;
    assert_eq!(reply.at("/data/signOut/signedOut"), true);
    callers.push(Caller { name: "signed out", credentials: None, column: 0, client: signed_out });
    let former = Credentials { email: "former@example.org", password: "a former password" };
    commands::add(app.state(), former.email, Role::Administrator, &[], former.password).await.expect("an account");
    let disabled = app.bearer(&app.sign_in(former).await.access_token);
    commands::disable(app.state(), former.email).await.expect("disabled");
    callers.push(Caller { name: "disabled", credentials: None, column: 0, client: disabled });
    for (column, (name, credentials)) in (1..).zip([
        ("READER", READER),
        ("TRANSLATOR", TRANSLATOR),
        ("STATISTICIAN", STATISTICIAN),
        ("EDITOR", EDITOR),
        ("ADMINISTRATOR", ADMINISTRATOR),
    ]) {
        let client = app.bearer(&app.sign_in(credentials).await.access_token);
        callers.push(Caller { name, credentials: Some(credentials), column, client });
    }
    callers
}

async fn last_entry(app: &TestApp) -> i64 {
    let last = audit_entry::Entity::find().order_by_desc(audit_entry::COLUMN.seq);
    last.one(app.state().database().reader()).await.expect("readable").map_or(0, |entry| entry.seq)
}

/// A document as it stands, or one to be, whose version is 0.
#[derive(Clone, Debug, Default)]
struct Doc {
    id: String,
    version: i64,
    /// How a save names it: its slug, code, year, or the document that it is a text of.
    handle: Value,
    /// What else the mutation needs: a schedule, a preview, another document.
    also: Value,
}

/// What somebody who was invited chooses.
const NEW_PASSWORD: &str = "seven quiet lanterns by the harbour";

/// Makes documents, as an administrator, and looks what became of them.
struct Workshop {
    app: TestApp,
    administrator: Client,
    made: AtomicUsize,
    years: AtomicUsize,
    country_codes: Vec<String>,
    /// Public pages and staff records that have no text yet.
    owners: Mutex<Vec<Value>>,
}

const DOCUMENT: &str = "query($id: ID!) { document(by: { id: $id }) {
    version publishedVersion archivedAt changedBy lease { holder } schedules { action }
    content {
        ... on PageContent { position } ... on StaffMemberContent { position }
        ... on CountryContent { position } ... on CategoryContent { position }
    }
} }";

impl Workshop {
    async fn new(app: &TestApp) -> Self {
        // The clock moves on with every cell, so that nobody is throttled; nobody's token shall end by that.
        let app = app.with(|config| config.access_token_minutes = 7 * 24 * 60).await;
        let administrator = app.administrator().await;
        let reply = app.anonymous().run("{ countries { code } }", json!({})).await;
        let countries = reply.at("/data/countries").as_array().expect("countries");
        let letters = || (b'A'..=b'Z').map(char::from);
        let codes = letters().flat_map(|first| letters().map(move |second| format!("{first}{second}")));
        let country_codes = codes.filter(|code| !countries.iter().any(|country| country["code"] == **code)).collect();
        Self {
            app,
            administrator,
            made: AtomicUsize::new(0),
            years: AtomicUsize::new(1900),
            country_codes,
            owners: Mutex::default(),
        }
    }

    /// A number that was not there before.
    fn number(&self) -> usize {
        self.made.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// The mutation that saves a document, and its input.
    fn save(&self, on: On, doc: &Doc) -> (&'static str, Value) {
        let number = self.number();
        let (handle, version) = (&doc.handle, doc.version);
        let text = |text: &str| json!([{ "locale": "en", "text": format!("{text} {number}") }]);
        match on {
            On::Nothing | On::Account | On::Link | On::OwnPassword | On::ApiToken => panic!("nothing to be saved"),
            On::Site => {
                let name = json!([{ "locale": "ja", "text": format!("サイト{number}") }]);
                ("siteSave", json!({ "expectedVersion": version, "name": name }))
            }
            On::Page if version == 0 => ("pageCreate", json!({ "slug": handle })),
            On::Page => ("pageUpdate", json!({ "id": doc.id, "expectedVersion": version, "position": number })),
            On::PageText(locale) | On::NewPageText(locale) => {
                let title = format!("Title {number}");
                let input = json!({ "pageId": handle, "locale": locale, "expectedVersion": version, "title": title });
                ("pageTextSave", input)
            }
            On::StaffMember if version == 0 => ("staffMemberCreate", json!({ "slug": handle })),
            On::StaffMember => {
                ("staffMemberUpdate", json!({ "id": doc.id, "expectedVersion": version, "position": number }))
            }
            On::StaffText(locale) | On::NewStaffText(locale) => {
                let name = format!("Name {number}");
                let mut input = json!({ "staffId": handle, "locale": locale, "expectedVersion": version });
                (input["name"], input["role"]) = (name.into(), "Physician".into());
                ("staffTextSave", input)
            }
            On::Country | On::NewCountry => {
                ("countrySave", json!({ "code": handle, "expectedVersion": version, "names": text("Country") }))
            }
            On::Category | On::NewCategory => {
                let labels = json!([{ "locale": "en", "name": format!("Category {number}") }]);
                ("categorySave", json!({ "code": handle, "expectedVersion": version, "labels": labels }))
            }
            On::YearSheet | On::YearSheetAtOnce => {
                let mut input = json!({ "category": "TRAVEL", "year": handle, "expectedVersion": version });
                (input["total"], input["publish"]) = (number.into(), (on == On::YearSheetAtOnce).into());
                ("visitCountsUpdate", input)
            }
            On::YearSheets => {
                let sheet = |category: &str| json!({ "category": category, "year": handle, "expectedVersion": version, "total": number });
                ("visitCountsBulkUpdate", json!({ "sheets": [sheet("TRAVEL"), sheet("RESIDENT")], "publish": true }))
            }
            On::SheetFile => {
                let year = handle.as_i64().expect("a year");
                let file = format!("国名,{year}年\n中国,{number}\n合計,{number}\n");
                let versions = json!([{ "category": "TRAVEL", "year": handle, "version": version }]);
                let mut input = json!({ "category": "TRAVEL", "dryRun": false, "publish": true });
                (input["content"], input["expectedVersions"]) = (STANDARD.encode(file).into(), versions);
                ("figuresImport", input)
            }
            On::Metadata => ("factSheetMetadataSave", json!({ "expectedVersion": version, "title": text("Figures") })),
        }
    }

    /// A document to be.
    async fn plan(&self, on: On) -> Doc {
        let number = self.number();
        let slug = Value::from(format!("made-{number}"));
        let handle = match on {
            On::Nothing | On::Account | On::Link | On::OwnPassword | On::ApiToken => Value::Null,
            On::Site => {
                let query = "{ document(by: { site: true }) { id version } }";
                let reply = self.administrator.run(query, json!({})).await;
                let site = &reply.data()["document"];
                let (id, version) = (site["id"].as_str().expect("an id"), site["version"].as_i64());
                return Doc { id: id.to_owned(), version: version.expect("a version"), ..Doc::default() };
            }
            On::Page | On::StaffMember => slug,
            On::PageText(_) | On::NewPageText(_) => self.owner("pageCreate", "PageCreateInput").await,
            On::StaffText(_) | On::NewStaffText(_) => self.owner("staffMemberCreate", "StaffMemberCreateInput").await,
            On::Country | On::NewCountry => self.country_codes[number].clone().into(),
            On::Category | On::NewCategory => format!("C{number}").into(),
            On::YearSheet | On::YearSheetAtOnce | On::YearSheets | On::SheetFile => {
                self.years.fetch_add(1, Ordering::SeqCst).into()
            }
            On::Metadata => {
                // There is but one, which stays what the row before made of it.
                let query = "{ document(by: { factSheetMetadata: true }) { id version archivedAt lease { holder } } }";
                let reply = self.administrator.run(query, json!({})).await;
                let found = &reply.data()["document"];
                let Some(id) = found["id"].as_str() else { return Doc::default() };
                let mut doc = Doc { id: id.to_owned(), ..Doc::default() };
                doc.version = found["version"].as_i64().expect("a version");
                if found["archivedAt"].is_string() {
                    let seen = json!({ "id": doc.id, "expectedVersion": doc.version });
                    self.administrator.done("unarchive", seen).await;
                }
                if found["lease"].is_object() {
                    self.administrator.done("leaseTake", json!({ "id": doc.id, "takeOver": true })).await;
                    self.administrator.done("leaseRelease", json!({ "id": doc.id })).await;
                }
                return doc;
            }
        };
        Doc { handle, ..Doc::default() }
    }

    /// Something public that can have texts. Many are made at once: whatever is published costs a new snapshot.
    async fn owner(&self, mutation: &str, input_type: &str) -> Value {
        const AT_ONCE: usize = 50;
        let known = self.owners.lock().expect("not poisoned").pop();
        if let Some(owner) = known {
            return owner;
        }
        let (mut variables, mut fields, mut input) = (String::new(), String::new(), json!({}));
        for index in 0..AT_ONCE {
            variables.push_str(&format!("$i{index}: {input_type}! "));
            fields.push_str(&format!("m{index}: {mutation}(input: $i{index}) {{ document {{ id }} }} "));
            input[format!("i{index}")] = json!({ "slug": format!("owner-{}", self.number()) });
        }
        let reply = self.administrator.run(&format!("mutation({variables}) {{ {fields} }}"), input).await;
        let made = reply.data().as_object().expect("payloads").values();
        let made: Vec<Value> = made.map(|payload| payload["document"]["id"].clone()).collect();
        let documents: Vec<Value> = made.iter().map(|id| json!({ "id": id, "expectedVersion": 1 })).collect();
        self.administrator.done("publishMany", json!({ "documents": documents })).await;
        let mut owners = self.owners.lock().expect("not poisoned");
        owners.extend(made);
        owners.pop().expect("just made")
    }

    /// The document after a save.
    async fn saved(&self, on: On, doc: Doc) -> Doc {
        let (mutation, input) = self.save(on, &doc);
        let payload = self.administrator.done(mutation, input).await;
        let saved = if mutation == "visitCountsUpdate" { &payload["yearSheet"] } else { &payload["document"] };
        let id = saved["id"].as_str().expect("an id").to_owned();
        Doc { id, version: saved["version"].as_i64().expect("a version"), ..doc }
    }

    /// A document to which the mutation of this row can be done by this client.
    async fn document(&self, Row(mutation, on, _): Row, client: &Client) -> Doc {
        let mut doc = self.plan(on).await;
        match on {
            On::Account | On::Link => {
                let input = json!({ "email": format!("invited-{}@example.org", self.number()), "role": "READER" });
                let invited = self.administrator.done("accountInvite", input).await;
                doc.id = invited["account"]["id"].as_str().expect("an id").to_owned();
                doc.also = invited["link"]["token"].clone();
                if mutation == "accountEnable" {
                    self.administrator.done("accountDisable", json!({ "id": doc.id })).await;
                }
                return doc;
            }
            On::ApiToken => {
                let made = self.administrator.done("apiTokenCreate", self.api_token()).await;
                made["apiToken"]["id"].as_str().expect("an id").clone_into(&mut doc.id);
                doc.also = made["token"].clone();
                return doc;
            }
            On::OwnPassword => return doc,
            _ => {}
        }
        let is_new = matches!(on, On::NewPageText(_) | On::NewStaffText(_) | On::NewCountry | On::NewCategory);
        if on == On::Nothing || is_new || mutation.ends_with("Create") && !mutation.starts_with("preview") {
            if mutation == "refreshSession" {
                doc.also = self.app.sign_in(EDITOR).await.refresh_token.into();
            }
            return doc;
        }
        if matches!(on, On::YearSheetAtOnce | On::YearSheets | On::SheetFile) {
            return doc;
        }
        doc = self.saved(on, doc).await;
        let seen = json!({ "id": doc.id, "expectedVersion": doc.version });
        match mutation {
            "unpublish" if on != On::Site => drop(self.administrator.done("publish", seen).await),
            "unarchive" if on != On::Site => drop(self.administrator.done("archive", seen).await),
            "restore" => return self.saved(on, doc).await,
            "reorder" if matches!(on, On::Page | On::StaffMember | On::Country | On::Category) => {
                let other = self.saved(on, self.plan(on).await).await;
                doc.also = json!({ "id": other.id, "expectedVersion": other.version });
            }
            "scheduleCancel" => {
                let input = self.input("schedule", on, &doc, None);
                let scheduled = self.administrator.done("schedule", input).await;
                doc.also = scheduled["document"]["schedules"][0]["id"].clone();
            }
            "leaseRelease" => drop(client.done("leaseTake", json!({ "id": doc.id })).await),
            "previewRevoke" => {
                let input = json!({ "id": doc.id, "version": doc.version });
                doc.also = self.administrator.done("previewCreate", input).await["preview"].clone();
            }
            _ => {}
        }
        doc
    }

    /// What a token is asked for with.
    fn api_token(&self) -> Value {
        let expires = self.app.state().now() + Duration::days(30);
        json!({ "name": "a build", "capabilities": ["READ_DRAFTS"], "expiresAt": expires })
    }

    /// The input with which somebody does the mutation to the document; null for none.
    fn input(&self, mutation: &str, on: On, doc: &Doc, credentials: Option<Credentials>) -> Value {
        let Doc { id, version, also, .. } = doc;
        let seen = json!({ "id": id, "expectedVersion": version });
        match mutation {
            "signOut" => Value::Null,
            "signIn" => {
                let Credentials { email, password } = credentials.unwrap_or(EDITOR);
                json!({ "email": email, "password": password })
            }
            "refreshSession" => json!({ "refreshToken": also }),
            "passwordSet" => json!({ "token": also, "password": NEW_PASSWORD }),
            "passwordChange" => {
                let Credentials { password, .. } = credentials.unwrap_or(EDITOR);
                json!({ "currentPassword": password, "newPassword": password })
            }
            "accountInvite" => {
                json!({ "email": format!("guest-{}@example.org", self.number()), "role": "STATISTICIAN" })
            }
            "accountUpdate" => json!({ "id": id, "role": "EDITOR" }),
            "apiTokenCreate" => self.api_token(),
            "publish" | "unpublish" | "archive" | "unarchive" => seen,
            "publishMany" => json!({ "documents": [seen] }),
            "restore" => json!({ "id": id, "expectedVersion": version, "version": version - 1 }),
            "reorder" if also.is_null() => json!({ "documents": [seen] }),
            "reorder" => json!({ "documents": [also, seen] }),
            "schedule" => {
                let (at, zone) = ("2030-01-01T09:00:00", "Asia/Tokyo");
                json!({ "id": id, "expectedVersion": version, "action": "PUBLISH", "at": at, "timeZone": zone })
            }
            "scheduleCancel" => json!({ "id": also }),
            "leaseTake" | "leaseRelease" | "accountDisable" | "accountEnable" | "accountLinkCreate"
            | "apiTokenRevoke" => json!({ "id": id }),
            "previewCreate" => json!({ "id": id, "version": version }),
            "previewRevoke" => json!({ "id": also["id"] }),
            _ => {
                let (saves, input) = self.save(on, doc);
                assert_eq!(saves, mutation, "a mutation of which nobody has said how it is tried");
                input
            }
        }
    }

    /// Fails unless the mutation did what it is there for.
    async fn assert_done(&self, Row(mutation, on, _): Row, doc: &Doc, caller: &Caller, client: &Client, reply: &Reply) {
        let payload = &reply.data()[mutation];
        let who = "{ viewer { email } }";
        let email = caller.credentials.map_or(Value::Null, |credentials| credentials.email.into());
        match mutation {
            "signIn" | "refreshSession" | "passwordSet" => {
                let token = payload["session"]["accessToken"].as_str().expect("a token");
                assert!(self.app.bearer(token).run(who, json!({})).await.at("/data/viewer/email").is_string());
                return;
            }
            "passwordChange" => {
                assert_eq!(payload["changed"], true);
                return assert_eq!(client.run(who, json!({})).await.at("/data/viewer/email"), &email);
            }
            "accountInvite" | "accountLinkCreate" => {
                let input = json!({ "token": payload["link"]["token"], "password": NEW_PASSWORD });
                return drop(self.app.anonymous().done("passwordSet", input).await);
            }
            "accountUpdate" => return assert_eq!(payload["account"]["role"], "EDITOR"),
            "accountDisable" => return assert_eq!(payload["account"]["state"], "DISABLED"),
            "accountEnable" => return assert_eq!(payload["account"]["state"], "INVITED"),
            "apiTokenCreate" => {
                let client = self.app.bearer(payload["token"].as_str().expect("a token"));
                return assert_eq!(client.run(who, json!({})).await.at("/data/viewer/email"), &email);
            }
            "apiTokenRevoke" => {
                let client = self.app.bearer(doc.also.as_str().expect("a token"));
                return assert_eq!(client.run(who, json!({})).await.code(), "UNAUTHENTICATED");
            }
            "signOut" => return assert_eq!(client.run(who, json!({})).await.code(), "UNAUTHENTICATED"),
            "previewCreate" => {
                let token = payload["preview"]["token"].as_str().expect("a token");
                let reply = self.app.anonymous().previewing(token).run("{ site { name } }", json!({})).await;
                assert_eq!(reply.status(), 200, "{}", reply.text());
                return;
            }
            "previewRevoke" => {
                let token = doc.also["token"].as_str().expect("a token");
                let reply = self.app.anonymous().previewing(token).run("{ site { name } }", json!({})).await;
                assert_eq!(reply.code(), "PREVIEW_ENDED");
                return;
            }
            _ => {}
        }
        let ids = [&payload["document"]["id"], &payload["yearSheet"]["id"], &payload["yearSheets"][0]["id"]];
        let known = ids.into_iter().find(|id| id.is_string());
        let id = known.cloned().unwrap_or_else(|| doc.id.clone().into());
        let reply = self.administrator.run(DOCUMENT, json!({ "id": id })).await;
        let found = &reply.data()["document"];
        let (version, next) = (json!(doc.version), json!(doc.version + 1));
        match mutation {
            "publish" | "publishMany" => assert_eq!(found["publishedVersion"], version),
            "unpublish" => assert_eq!(found["publishedVersion"], Value::Null),
            "archive" => assert!(found["archivedAt"].is_string()),
            "unarchive" => assert_eq!(found["archivedAt"], Value::Null),
            "restore" => {
                assert_eq!((&found["version"], &found["changedBy"]), (&next, &email));
                let document = "query($id: ID!, $a: Version!, $b: Version!) { diff(id: $id, a: $a, b: $b) { path } }";
                let variables = json!({ "id": id, "a": doc.version - 1, "b": doc.version + 1 });
                assert_eq!(self.administrator.run(document, variables).await.at("/data/diff"), &json!([]));
            }
            "reorder" => {
                assert_eq!((&found["version"], &found["changedBy"]), (&next, &email));
                assert_eq!(found["content"]["position"], 2);
            }
            "schedule" => assert_eq!(found["schedules"], json!([{ "action": "PUBLISH" }])),
            "scheduleCancel" => assert_eq!(found["schedules"], json!([])),
            "leaseTake" => assert_eq!(found["lease"]["holder"], email),
            "leaseRelease" => assert_eq!(found["lease"], Value::Null),
            _ => {
                assert_eq!((&found["version"], &found["changedBy"]), (&next, &email));
                let at_once = matches!(on, On::YearSheetAtOnce | On::YearSheets | On::SheetFile);
                assert_eq!(found["publishedVersion"] == next, at_once);
            }
        }
    }

    /// One try, with the one audit entry that it leaves.
    async fn attempt(&self, row: Row, doc: &Doc, caller: &Caller, client: &Client) -> Reply {
        let Row(mutation, on, may) = row;
        self.app.clock().advance(Duration::seconds(30));
        let before = last_entry(&self.app).await;
        let input = self.input(mutation, on, doc, caller.credentials);
        let reply = client.mutate(mutation, input).await;
        let cell = format!("{} {mutation} {on:?}", caller.name);
        let code = match may[caller.column] {
            May::Allowed => None,
            May::Forbidden => Some("FORBIDDEN"),
            May::Impossible | May::Hidden => Some("BAD_USER_INPUT"),
            May::Unauthenticated => Some("UNAUTHENTICATED"),
        };
        if may[caller.column] == May::Unauthenticated {
            assert_eq!((reply.status(), reply.code()), (200, "UNAUTHENTICATED"), "{cell}");
            assert_eq!(reply.at("/data"), &Value::Null, "{cell}");
        } else {
            assert_eq!(reply.user_codes(mutation), code.into_iter().collect::<Vec<_>>(), "{cell} {}", reply.text());
        }
        let entries = audit_entry::Entity::find().filter(audit_entry::COLUMN.seq.gt(before));
        let entries = entries.all(self.app.state().database().reader()).await.expect("readable");
        let [entry] = entries.as_slice() else { panic!("{cell} left {} audit entries", entries.len()) };
        assert_eq!((entry.action.as_str(), entry.code.as_deref()), (mutation, code), "{cell}");
        let outcome = if code.is_none() { AuditOutcome::Done } else { AuditOutcome::Refused };
        assert_eq!(entry.outcome, outcome, "{cell}");
        // Who signs in or refreshes is known by then, token or not.
        if ["signIn", "refreshSession", "passwordSet"].contains(&mutation) || caller.credentials.is_some() {
            assert_eq!(entry.actor_kind, ActorKind::Account, "{cell}");
        } else {
            assert_eq!(entry.actor_kind, ActorKind::Anonymous, "{cell}");
        }
        reply
    }
}

/// Tries every cell of the rows of these things.
async fn try_all(app: &TestApp, of: impl Fn(On) -> bool) {
    let workshop = Workshop::new(app).await;
    let callers = callers(&workshop.app).await;
    let rows: Vec<Row> = MUTATIONS.iter().copied().filter(|Row(_, on, _)| of(*on)).collect();
    assert!(!rows.is_empty());
    // What is refused comes first, on documents to which nothing happens: one will do for everybody. There is but one
    // site, and one of what is said of the figures, so their rows go one by one.
    let is_single = |Row(_, on, _): &Row| matches!(on, On::Site | On::Metadata);
    let at_once = if rows.iter().any(is_single) { 1 } else { rows.len() };
    for rows in rows.chunks(at_once) {
        let mut documents = Vec::new();
        for row in rows {
            documents.push(workshop.document(*row, &workshop.administrator).await);
        }
        let before = everything(&workshop.app).await;
        for (row, doc) in rows.iter().zip(&documents) {
            for caller in callers.iter().filter(|caller| row.2[caller.column] != A) {
                workshop.attempt(*row, doc, caller, &caller.client).await;
            }
        }
        let after = everything(&workshop.app).await;
        let traces: Vec<&String> = before.symmetric_difference(&after).collect();
        assert_eq!(traces, [] as [&String; 0], "what was refused did something");
        for row in rows {
            for caller in callers.iter().filter(|caller| row.2[caller.column] == A) {
                let client = match caller.credentials {
                    // Of each caller's sessions, one ends here, or all others.
                    Some(credentials) if ["signOut", "passwordChange"].contains(&row.0) => {
                        workshop.app.bearer(&workshop.app.sign_in(credentials).await.access_token)
                    }
                    _ => caller.client.clone(),
                };
                let doc = workshop.document(*row, &client).await;
                let reply = workshop.attempt(*row, &doc, caller, &client).await;
                workshop.assert_done(*row, &doc, caller, &client, &reply).await;
            }
        }
    }
}

fn names(reply: &Reply, pointer: &str) -> BTreeSet<String> {
    let named = reply.at(pointer).as_array().expect("a list");
    named.iter().map(|named| named["name"].as_str().expect("a name").to_owned()).collect()
}

#[tokio::test]
async fn the_table_has_every_mutation_and_every_query_and_no_other() {
    let document = "{ __schema { queryType { fields { name } } mutationType { fields { name } } } }";
    let reply = TestApp::new().await.anonymous().run(document, json!({})).await;
    let mutations: BTreeSet<String> = MUTATIONS.iter().map(|Row(mutation, ..)| (*mutation).to_owned()).collect();
    assert_eq!(names(&reply, "/data/__schema/mutationType/fields"), mutations);
    let queries: BTreeSet<String> = QUERIES.iter().map(|Question(query, ..)| (*query).to_owned()).collect();
    assert_eq!(names(&reply, "/data/__schema/queryType/fields"), queries);
}

#[tokio::test]
async fn the_table_has_every_kind_of_document_for_whatever_can_be_done_to_any() {
    let document = "{ __type(name: \"DocumentKind\") { enumValues { name } } }";
    let reply = TestApp::new().await.anonymous().run(document, json!({})).await;
    let kinds = names(&reply, "/data/__type/enumValues");
    for mutation in [
        "publish",
        "publishMany",
        "unpublish",
        "archive",
        "unarchive",
        "restore",
        "reorder",
        "schedule",
        "scheduleCancel",
        "leaseTake",
        "leaseRelease",
        "previewCreate",
        "previewRevoke",
    ] {
        let of = |on: On| match on {
            On::Site => "SITE",
            On::Page => "PAGE",
            On::PageText(_) => "PAGE_TEXT",
            On::StaffMember => "STAFF_MEMBER",
            On::StaffText(_) => "STAFF_TEXT",
            On::Country => "COUNTRY",
            On::Category => "CATEGORY",
            On::YearSheet => "YEAR_SHEET",
            On::Metadata => "FACT_SHEET_METADATA",
            _ => "",
        };
        let rows = MUTATIONS.iter().filter(|Row(name, ..)| *name == mutation);
        let found: BTreeSet<String> = rows.map(|Row(_, on, _)| of(*on).to_owned()).collect();
        assert_eq!(found, kinds, "{mutation}");
    }
}

fn of_pages(on: On) -> bool {
    matches!(on, On::Page | On::PageText(_) | On::NewPageText(_))
}

fn of_staff(on: On) -> bool {
    matches!(on, On::StaffMember | On::StaffText(_) | On::NewStaffText(_))
}

fn of_figures(on: On) -> bool {
    let labels = matches!(on, On::Country | On::NewCountry | On::Category | On::NewCategory);
    labels || matches!(on, On::YearSheet | On::YearSheetAtOnce | On::YearSheets | On::SheetFile)
}

// A database each, so that they run at the same time.
on_both_databases! {
    async fn everybody_does_with_sessions_and_the_site_what_the_table_says_and_no_more(app: TestApp) {
        // And whatever comes to be beside documents.
        try_all(&app, |on| !of_pages(on) && !of_staff(on) && !of_figures(on) && on != On::Metadata).await;
    }

    async fn everybody_does_to_pages_what_the_table_says_and_no_more(app: TestApp) {
        try_all(&app, of_pages).await;
    }

    async fn everybody_does_to_staff_records_what_the_table_says_and_no_more(app: TestApp) {
        try_all(&app, of_staff).await;
    }

    async fn everybody_does_to_figures_what_the_table_says_and_no_more(app: TestApp) {
        try_all(&app, of_figures).await;
    }

    async fn everybody_does_to_what_is_said_of_figures_what_the_table_says_and_no_more(app: TestApp) {
        try_all(&app, |on| on == On::Metadata).await;
    }

    async fn who_may_not_read_what_is_confidential_is_not_told_that_there_are_such_documents(app: TestApp) {
        let all = "{ documents(first: 1) { totalCount } }";
        let of_kind = "{ documents(filter: { kind: [YEAR_SHEET] }) { totalCount nodes { id } counts { count } } }";
        for (credentials, sees) in
            [(READER, false), (TRANSLATOR, false), (STATISTICIAN, true), (EDITOR, true), (ADMINISTRATOR, true)]
        {
            let client = app.bearer(&app.sign_in(credentials).await.access_token);
            let sheets = client.run(of_kind, json!({})).await;
            let sheets = &sheets.data()["documents"];
            assert_eq!(sheets["totalCount"] == 10, sees, "{} {sheets}", credentials.email);
            let counted: i64 =
                sheets["counts"].as_array().expect("counts").iter().filter_map(|one| one["count"].as_i64()).sum();
            assert_eq!(counted > 0, sees, "{} {sheets}", credentials.email);
            assert_eq!(sheets["nodes"].as_array().is_some_and(|nodes| !nodes.is_empty()), sees);
            let others = "{ documents(filter: { kind: [SITE, PAGE, PAGE_TEXT, STAFF_MEMBER, STAFF_TEXT, COUNTRY, CATEGORY, FACT_SHEET_METADATA] }, first: 1) { totalCount } }";
            let others = client.run(others, json!({})).await.at("/data/documents/totalCount").as_i64().expect("a number");
            let expected = if sees { others + 10 } else { others };
            assert_eq!(client.run(all, json!({})).await.at("/data/documents/totalCount"), expected);
        }
    }

    async fn everybody_asks_what_the_table_says_and_no_more(app: TestApp) {
        let callers = callers(&app).await;
        let list = "query($kind: DocumentKind!) { documents(filter: { kind: [$kind] }, first: 1) { nodes { id } } }";
        let administrator = app.administrator().await;
        let kinds = administrator.run("{ __type(name: \"DocumentKind\") { enumValues { name } } }", json!({})).await;
        let mut ids = Vec::new();
        for kind in names(&kinds, "/data/__type/enumValues") {
            let reply = administrator.run(list, json!({ "kind": kind })).await;
            ids.push((kind, reply.at("/data/documents/nodes/0/id").clone()));
        }
        let nothing = [(String::new(), Value::Null)];
        let before = (everything(&app).await, last_entry(&app).await);
        for caller in &callers {
            for Question(query, document, may) in QUERIES {
                let about = if document.contains("$id") { ids.as_slice() } else { &nothing };
                for (kind, id) in about {
                    let of_confidential = || CONFIDENTIAL_QUERIES.iter().find(|(name, _)| name == query);
                    let may = match kind.as_str() {
                        "YEAR_SHEET" => &of_confidential().expect("a row of its own").1,
                        _ => may,
                    };
                    let reply = caller.client.run(document, json!({ "id": id })).await;
                    if may[caller.column] == May::Hidden {
                        let missing = caller.client.run(document, json!({ "id": absent("Document") })).await;
                        assert_eq!(reply.text(), missing.text(), "{} {query} {kind}", caller.name);
                        continue;
                    }
                    let code = match may[caller.column] {
                        May::Allowed | May::Impossible | May::Hidden => None,
                        May::Forbidden => Some("FORBIDDEN"),
                        May::Unauthenticated => Some("UNAUTHENTICATED"),
                    };
                    // Whose session has ended must learn so, and not pass for the public.
                    let code = if ["viewer", "node", "nodes"].contains(query) && ["signed out", "disabled"].contains(&caller.name) {
                        Some("UNAUTHENTICATED")
                    } else {
                        code
                    };
                    let cell = format!("{} {query} {kind} {}", caller.name, reply.text());
                    match code {
                        None => assert!(reply.data().get(*query).is_some(), "{cell}"),
                        Some(code) => {
                            assert_eq!((reply.status(), reply.code()), (200, code), "{cell}");
                            let answer = &reply.at("/data");
                            assert!(answer.is_null() || answer[*query].is_null(), "{cell}");
                        }
                    }
                }
            }
        }
        assert_eq!((everything(&app).await, last_entry(&app).await), before, "a query leaves nothing behind");
    }
}
