//! The table: every query and mutation, what can be asked with it about a thing, and who may know of the thing. What a row
//! tells to more people than that is told has its reason beside it.

use serde_json::json;

use super::{
    asks::*,
    callers::Caller,
    things::{Kind, Thing},
    version,
};

/// Who may know that a thing exists, by what a field answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knows {
    /// All, of what the public sees; of other things nobody.
    Public,
    /// All, of what the public sees; of other things those who may read drafts of their kind.
    Seers,
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
            Self::Seers => reads || thing.state.is_public(),
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
    Field::query("node", Knows::Seers, node),
    Field::query("nodes", Knows::Seers, nodes),
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
