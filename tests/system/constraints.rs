//! What the database itself refuses, whoever writes: a table of bad rows, each with the constraint that it must meet.

use sea_orm::{ConnectionTrait, DatabaseConnection, Statement, TransactionTrait};
use tests::{Backend, on_both_databases};

use crate::blank::connect;
use By::{AppendOnly, Check, ForeignKey, Key, NotNull};

/// What refuses a row.
enum By {
    /// A check: a part of its text on SQLite, its name on PostgreSQL.
    Check(&'static str, &'static str),
    /// A foreign key: its name on PostgreSQL; SQLite names none.
    ForeignKey(&'static str),
    /// A unique or primary key: its columns on SQLite, its name on PostgreSQL.
    Key(&'static str, &'static str),
    /// A column that must have a value.
    NotNull(&'static str),
    /// The trigger of a table.
    AppendOnly(&'static str),
}

impl By {
    /// What the database says, in one of these two ways.
    fn says(&self, backend: Backend) -> String {
        match (self, backend) {
            (Self::Check(text, _), Backend::Sqlite) => format!("CHECK constraint failed: {text}"),
            (Self::Check(_, name), Backend::Postgres) => format!("violates check constraint \"{name}\""),
            (Self::ForeignKey(_), Backend::Sqlite) => "FOREIGN KEY constraint failed".to_owned(),
            (Self::ForeignKey(name), Backend::Postgres) => format!("foreign key constraint \"{name}\""),
            (Self::Key(columns, _), Backend::Sqlite) => format!("UNIQUE constraint failed: {columns}"),
            (Self::Key(_, name), Backend::Postgres) => format!("unique constraint \"{name}\""),
            (Self::NotNull(column), Backend::Sqlite) => format!("NOT NULL constraint failed: {column}"),
            (Self::NotNull(column), Backend::Postgres) => {
                let (table, column) = column.split_once('.').expect("a table and a column");
                format!("null value in column \"{column}\" of relation \"{table}\"")
            }
            (Self::AppendOnly(table), _) => format!("{table} is append-only"),
        }
    }
}

/// The words that stand for others in the statements below. `{sheet}` and `{page}` are ids of documents, `{editor}` of an
/// account, `{id}`, of which each database has its own idea, of none.
const SHORTHAND: &[(&str, &str)] = &[
    ("{insert count}", "INSERT INTO visit_counts (category, country, year, value, status, note) VALUES"),
    ("{insert total}", "INSERT INTO yearly_totals (category, year, value, note) VALUES"),
    ("{insert document}", "INSERT INTO documents (id, kind, key, version, created_at) VALUES"),
    (
        "{insert revision}",
        "INSERT INTO revisions (document_id, number, content, action, actor_kind, created_at) VALUES",
    ),
    (
        "{insert publication}",
        "INSERT INTO publications \
         (document_id, change_seq, number, release_kind, reason, actor_kind, published_at) VALUES",
    ),
    ("{insert entry}", "INSERT INTO audit_entries (seq, at, actor_kind, action, outcome, previous_hash, hash) SELECT"),
    (
        "{insert schedule}",
        "INSERT INTO schedules (id, document_id, version, action, due_at, time_zone, created_by, created_at, outcome, \
         failure, settled_at) VALUES",
    ),
    ("{insert lease}", "INSERT INTO leases (document_id, account_id, taken_at, expires_at, taken_from) VALUES"),
    ("{insert key}", "INSERT INTO idempotency_keys (key_hash, field, request_hash, answer, created_at) VALUES"),
    ("{insert preview}", "INSERT INTO previews (id, document_id, version, created_by, created_at, expires_at) VALUES"),
    ("{insert link}", "INSERT INTO account_links (hash, account_id, created_by, created_at, expires_at) VALUES"),
    (
        "{insert token}",
        "INSERT INTO api_tokens (id, account_id, name, hash, capabilities, created_at, expires_at) VALUES",
    ),
    ("{insert trusted}", "INSERT INTO trusted_documents (id, body, added_at) VALUES"),
    ("{sheet}", "(SELECT id FROM documents WHERE key = 'YEAR_SHEET/RESIDENT/2022')"),
    ("{page}", "(SELECT document_id FROM pages WHERE slug = 'about-us')"),
    ("{editor}", "(SELECT id FROM accounts WHERE role = 'EDITOR')"),
    ("{hash}", "'0000000000000000000000000000000000000000000000000000000000000000'"),
    ("{now}", "'2026-01-15 00:00:00+00:00'"),
];

fn sql(statement: &str, backend: Backend) -> String {
    let id = match backend {
        Backend::Sqlite => "randomblob(16)",
        Backend::Postgres => "gen_random_uuid()",
    };
    let statement = statement.replace("{id}", id);
    SHORTHAND.iter().fold(statement, |statement, (short, long)| statement.replace(short, long))
}

/// Rows that are wrong, and what must refuse them.
const BAD_ROWS: &[(&str, By)] = &[
    // Figures.
    ("{insert count} ('RESIDENT', 'CN', 1899, 1, 'FINAL', '{}')", Check("year", "visit_counts_year_check")),
    ("{insert count} ('RESIDENT', 'CN', 2201, 1, 'FINAL', '{}')", Check("year", "visit_counts_year_check")),
    ("{insert count} ('RESIDENT', 'CN', 2030, -1, 'FINAL', '{}')", Check("value", "visit_counts_value_check")),
    ("{insert count} ('RESIDENT', 'CN', 2030, 2147483648, 'FINAL', '{}')", Check("value", "visit_counts_value_check")),
    (
        "{insert count} ('RESIDENT', 'CN', 2030, NULL, 'FINAL', '{}')",
        Check("(\"value\" IS NOT NULL) = (\"status\" IN", "visit_counts_check"),
    ),
    (
        "{insert count} ('RESIDENT', 'CN', 2030, 0, 'MISSING', '{}')",
        Check("(\"value\" IS NOT NULL) = (\"status\" IN", "visit_counts_check"),
    ),
    ("{insert count} ('RESIDENT', 'CN', 2030, NULL, 'GUESSED', '{}')", Check("status", "visit_counts_status_check")),
    ("{insert count} ('RESIDENT', 'XX', 2030, 1, 'FINAL', '{}')", ForeignKey("visit_counts_country_fkey")),
    ("{insert count} ('NONE', 'CN', 2030, 1, 'FINAL', '{}')", ForeignKey("visit_counts_category_fkey")),
    (
        "INSERT INTO visit_counts SELECT * FROM visit_counts",
        Key("visit_counts.category, visit_counts.country, visit_counts.year", "visit_counts_pkey"),
    ),
    ("{insert count} ('RESIDENT', 'CN', 2030, 1, 'FINAL', NULL)", NotNull("visit_counts.note")),
    ("UPDATE visit_counts SET flags = NULL", NotNull("visit_counts.flags")),
    ("{insert total} ('RESIDENT', 2030, -1, '{}')", Check("value", "yearly_totals_value_check")),
    ("{insert total} ('RESIDENT', 1899, 1, '{}')", Check("year", "yearly_totals_year_check")),
    ("{insert total} ('RESIDENT', 2030, NULL, '{}')", NotNull("yearly_totals.value")),
    ("{insert total} ('NONE', 2030, 1, '{}')", ForeignKey("yearly_totals_category_fkey")),
    (
        "INSERT INTO yearly_totals SELECT * FROM yearly_totals",
        Key("yearly_totals.category, yearly_totals.year", "yearly_totals_pkey"),
    ),
    // A total that is not there has no row, so no status of one that has no value.
    ("UPDATE yearly_totals SET status = 'MISSING'", Check("status", "yearly_totals_status_check")),
    ("UPDATE yearly_totals SET status = 'GUESSED'", Check("status", "yearly_totals_status_check")),
    ("UPDATE yearly_totals SET status = NULL", NotNull("yearly_totals.status")),
    ("UPDATE yearly_totals SET flags = NULL", NotNull("yearly_totals.flags")),
    (
        "INSERT INTO fact_sheet_metadata (document_id, content) VALUES ({id}, '{}')",
        ForeignKey("fact_sheet_metadata_document_id_fkey"),
    ),
    (
        "INSERT INTO fact_sheet_metadata (document_id, content) VALUES ({sheet}, NULL)",
        NotNull("fact_sheet_metadata.content"),
    ),
    (
        "INSERT INTO fact_sheet_metadata (document_id, content) VALUES ({sheet}, '{}'), ({sheet}, '{}')",
        Key("fact_sheet_metadata.document_id", "fact_sheet_metadata_pkey"),
    ),
    // Countries and categories.
    (
        "INSERT INTO countries (code, document_id, position) VALUES ('xx', {sheet}, 1)",
        Check("length(code) = 2 AND code = upper(code)", "countries_code_check"),
    ),
    (
        "INSERT INTO countries (code, document_id, position) VALUES ('XXX', {sheet}, 1)",
        Check("length(code) = 2 AND code = upper(code)", "countries_code_check"),
    ),
    (
        "INSERT INTO countries (code, document_id, position) VALUES ('XX', {sheet}, -1)",
        Check("position >= 0", "countries_position_check"),
    ),
    (
        "INSERT INTO countries (code, document_id, position) VALUES ('XX', {id}, 1)",
        ForeignKey("countries_document_id_fkey"),
    ),
    (
        "UPDATE countries SET document_id = (SELECT document_id FROM countries WHERE code = 'CN') WHERE code = 'VN'",
        Key("countries.document_id", "countries_document_id_key"),
    ),
    ("DELETE FROM countries WHERE code = 'CN'", ForeignKey("country_names_country_fkey")),
    (
        "INSERT INTO country_names (country, locale, name) VALUES ('CN', 'fr', 'Chine')",
        ForeignKey("country_names_locale_fkey"),
    ),
    (
        "INSERT INTO country_names (country, locale, name) VALUES ('XX', 'en', 'Nowhere')",
        ForeignKey("country_names_country_fkey"),
    ),
    ("UPDATE country_names SET name = ' '", Check("trim(name) <> ''", "country_names_name_check")),
    (
        "INSERT INTO categories (code, document_id, position) VALUES ('other', {sheet}, 3)",
        Check("code <> '' AND code = upper(code)", "categories_code_check"),
    ),
    (
        "INSERT INTO categories (code, document_id, position) VALUES ('OTHER', {sheet}, -1)",
        Check("position >= 0", "categories_position_check"),
    ),
    (
        "INSERT INTO categories (code, document_id, position) VALUES ('OTHER', {id}, 3)",
        ForeignKey("categories_document_id_fkey"),
    ),
    (
        "INSERT INTO category_names (category, locale, name) VALUES ('TRAVEL', 'fr', 'Voyage')",
        ForeignKey("category_names_locale_fkey"),
    ),
    ("UPDATE category_names SET name = ''", Check("trim(name) <> ''", "category_names_name_check")),
    // The site, pages and staff.
    ("UPDATE site SET default_locale = 'fr'", ForeignKey("site_default_locale_fkey")),
    ("UPDATE site SET disclosure_method = 'GUESS'", Check("disclosure_method", "site_disclosure_method_check")),
    ("UPDATE site SET disclosure_method = NULL", NotNull("site.disclosure_method")),
    ("UPDATE site SET disclosure_threshold = 1", Check("disclosure_threshold", "site_disclosure_threshold_check")),
    ("UPDATE site SET disclosure_threshold = 1001", Check("disclosure_threshold", "site_disclosure_threshold_check")),
    ("UPDATE site SET disclosure_threshold = NULL", NotNull("site.disclosure_threshold")),
    ("UPDATE site_locales SET direction = 'up'", Check("direction", "site_locales_direction_check")),
    ("UPDATE site_locales SET name = ''", Check("trim(name) <> ''", "site_locales_name_check")),
    ("UPDATE site_locales SET position = -1", Check("position >= 0", "site_locales_position_check")),
    ("DELETE FROM site_locales WHERE locale = 'en'", ForeignKey("page_texts_locale_fkey")),
    (
        "UPDATE pages SET slug = 'About-Us' WHERE slug = 'about-us'",
        Check("slug <> '' AND slug = lower(slug)", "pages_slug_check"),
    ),
    (
        "UPDATE pages SET slug = 'about/us' WHERE slug = 'about-us'",
        Check("slug <> '' AND slug = lower(slug)", "pages_slug_check"),
    ),
    (
        "UPDATE pages SET slug = '' WHERE slug = 'about-us'",
        Check("slug <> '' AND slug = lower(slug)", "pages_slug_check"),
    ),
    ("UPDATE pages SET slug = 'staff' WHERE slug = 'about-us'", Key("pages.slug", "pages_slug_key")),
    ("UPDATE pages SET parent_id = document_id", Check("parent_id <> document_id", "pages_check")),
    ("UPDATE pages SET parent_id = {id}", ForeignKey("pages_parent_id_fkey")),
    ("UPDATE pages SET position = -1", Check("position >= 0", "pages_position_check")),
    ("DELETE FROM pages WHERE slug = 'about-us'", ForeignKey("pages_parent_id_fkey")),
    ("UPDATE page_texts SET locale = 'fr' WHERE locale = 'en'", ForeignKey("page_texts_locale_fkey")),
    ("UPDATE page_texts SET locale = 'en'", Key("page_texts.page_id, page_texts.locale", "page_texts_page_locale")),
    ("UPDATE page_texts SET title = '  '", Check("trim(title) <> ''", "page_texts_title_check")),
    (
        "UPDATE page_texts SET page_id = {sheet} WHERE document_id = (SELECT document_id FROM page_texts LIMIT 1)",
        ForeignKey("page_texts_page_id_fkey"),
    ),
    ("UPDATE staff SET slug = 'X'", Check("slug <> '' AND slug = lower(slug)", "staff_slug_check")),
    ("UPDATE staff SET position = -1", Check("position >= 0", "staff_position_check")),
    ("UPDATE staff_texts SET locale = 'fr' WHERE locale = 'en'", ForeignKey("staff_texts_locale_fkey")),
    (
        "UPDATE staff_texts SET locale = 'en'",
        Key("staff_texts.staff_id, staff_texts.locale", "staff_texts_staff_locale"),
    ),
    ("UPDATE staff_texts SET name = ''", Check("trim(name) <> ''", "staff_texts_name_check")),
    ("UPDATE staff_texts SET role = ''", Check("trim(role) <> ''", "staff_texts_role_check")),
    // Documents.
    (
        "UPDATE documents SET published_number = version + 1",
        Check("published_number BETWEEN 1 AND version", "documents_check"),
    ),
    ("UPDATE documents SET published_number = 0", Check("published_number BETWEEN 1 AND version", "documents_check")),
    ("UPDATE documents SET version = 9, published_number = 9", ForeignKey("documents_published_revision")),
    ("{insert document} ({id}, 'PAGE', 'PAGE/new', -1, {now})", Check("version >= 0", "documents_version_check")),
    ("{insert document} ({id}, 'POEM', 'POEM/new', 0, {now})", Check("kind", "documents_kind_check")),
    (
        "{insert document} ({id}, 'YEAR_SHEET', 'YEAR_SHEET/RESIDENT/2022', 0, {now})",
        Key("documents.key", "documents_key_key"),
    ),
    ("DELETE FROM documents WHERE key = 'YEAR_SHEET/RESIDENT/2022'", ForeignKey("revisions_document_id_fkey")),
    ("UPDATE documents SET owner_id = {id}", ForeignKey("documents_owner_id_fkey")),
    ("UPDATE documents SET archived_at = {now}", Check("documents_archived_check", "documents_archived_check")),
    (
        "INSERT INTO document_locales (document_id, locale) VALUES ({id}, 'fr')",
        ForeignKey("document_locales_document_id_fkey"),
    ),
    (
        "INSERT INTO document_locales (document_id, locale) VALUES ({sheet}, 'fr'), ({sheet}, 'fr')",
        Key("document_locales.document_id, document_locales.locale", "document_locales_pkey"),
    ),
    // Schedules.
    (
        "{insert schedule} ({id}, {id}, 1, 'PUBLISH', {now}, 'UTC', {editor}, {now}, NULL, NULL, NULL)",
        ForeignKey("schedules_document_id_fkey"),
    ),
    (
        "{insert schedule} ({id}, {sheet}, 2, 'PUBLISH', {now}, 'UTC', {editor}, {now}, NULL, NULL, NULL)",
        ForeignKey("schedules_revision"),
    ),
    (
        "{insert schedule} ({id}, {sheet}, 0, 'PUBLISH', {now}, 'UTC', {editor}, {now}, NULL, NULL, NULL)",
        Check("version >= 1", "schedules_version_check"),
    ),
    (
        "{insert schedule} ({id}, {sheet}, 1, 'ARCHIVE', {now}, 'UTC', {editor}, {now}, NULL, NULL, NULL)",
        Check("action", "schedules_action_check"),
    ),
    (
        "{insert schedule} ({id}, {sheet}, 1, 'PUBLISH', NULL, 'UTC', {editor}, {now}, NULL, NULL, NULL)",
        NotNull("schedules.due_at"),
    ),
    (
        "{insert schedule} ({id}, {sheet}, 1, 'PUBLISH', {now}, ' ', {editor}, {now}, NULL, NULL, NULL)",
        Check("trim(time_zone) <> ''", "schedules_time_zone_check"),
    ),
    (
        "{insert schedule} ({id}, {sheet}, 1, 'PUBLISH', {now}, 'UTC', {id}, {now}, NULL, NULL, NULL)",
        ForeignKey("schedules_created_by_fkey"),
    ),
    (
        "INSERT INTO schedules \
         (id, document_id, version, action, due_at, time_zone, release_kind, created_by, created_at) \
         VALUES ({id}, {sheet}, 1, 'PUBLISH', {now}, 'UTC', 'RUMOUR', {editor}, {now})",
        Check("release_kind", "schedules_release_kind_check"),
    ),
    (
        "{insert schedule} ({id}, {sheet}, 1, 'PUBLISH', {now}, 'UTC', {editor}, {now}, 'LOST', NULL, {now})",
        Check("outcome", "schedules_outcome_check"),
    ),
    (
        "{insert schedule} ({id}, {sheet}, 1, 'PUBLISH', {now}, 'UTC', {editor}, {now}, 'DONE', NULL, NULL)",
        Check("(outcome IS NULL) = (settled_at IS NULL)", "schedules_check"),
    ),
    (
        "{insert schedule} ({id}, {sheet}, 1, 'PUBLISH', {now}, 'UTC', {editor}, {now}, NULL, NULL, {now})",
        Check("(outcome IS NULL) = (settled_at IS NULL)", "schedules_check"),
    ),
    (
        "{insert schedule} ({id}, {sheet}, 1, 'PUBLISH', {now}, 'UTC', {editor}, {now}, 'FAILED', NULL, {now})",
        Check("(outcome IS NOT NULL AND outcome = 'FAILED') = (failure IS NOT NULL)", "schedules_check1"),
    ),
    (
        "{insert schedule} ({id}, {sheet}, 1, 'PUBLISH', {now}, 'UTC', {editor}, {now}, 'DONE', '{}', {now})",
        Check("(outcome IS NOT NULL AND outcome = 'FAILED') = (failure IS NOT NULL)", "schedules_check1"),
    ),
    (
        "{insert schedule} ({id}, {sheet}, 1, 'PUBLISH', {now}, 'UTC', {editor}, {now}, NULL, '{}', NULL)",
        Check("(outcome IS NOT NULL AND outcome = 'FAILED') = (failure IS NOT NULL)", "schedules_check1"),
    ),
    (
        "{insert schedule} ({id}, {sheet}, 1, 'PUBLISH', {now}, 'UTC', {editor}, {now}, NULL, NULL, NULL), \
         ({id}, {sheet}, 1, 'PUBLISH', {now}, 'UTC', {editor}, {now}, NULL, NULL, NULL)",
        Key("schedules.document_id, schedules.action", "schedules_pending"),
    ),
    // Trusted documents.
    (
        "{insert trusted} ('', '{ site { name } }', {now})",
        Check("length(id) BETWEEN 1 AND 128", "trusted_documents_id_check"),
    ),
    (
        "{insert trusted} ({hash} || {hash} || '0', '{ site { name } }', {now})",
        Check("length(id) BETWEEN 1 AND 128", "trusted_documents_id_check"),
    ),
    ("{insert trusted} ('menu', NULL, {now})", NotNull("trusted_documents.body")),
    (
        "{insert trusted} ('menu', '{ a }', {now}), ('menu', '{ b }', {now})",
        Key("trusted_documents.id", "trusted_documents_pkey"),
    ),
    // Leases, keys of requests, previews and former slugs.
    ("{insert lease} ({id}, {editor}, {now}, {now}, NULL)", ForeignKey("leases_document_id_fkey")),
    ("{insert lease} ({sheet}, {id}, {now}, {now}, NULL)", ForeignKey("leases_account_id_fkey")),
    ("{insert lease} ({sheet}, {editor}, {now}, {now}, {id})", ForeignKey("leases_taken_from_fkey")),
    (
        "{insert lease} ({sheet}, {editor}, {now}, {now}, NULL), ({sheet}, {editor}, {now}, {now}, NULL)",
        Key("leases.document_id", "leases_pkey"),
    ),
    (
        "{insert key} ('short', 'signIn', {hash}, '', {now})",
        Check("length(key_hash) = 64", "idempotency_keys_key_hash_check"),
    ),
    (
        "{insert key} ({hash}, 'signIn', 'short', '', {now})",
        Check("length(request_hash) = 64", "idempotency_keys_request_hash_check"),
    ),
    ("{insert key} ({hash}, 'signIn', {hash}, NULL, {now})", NotNull("idempotency_keys.answer")),
    (
        "{insert key} ({hash}, 'signIn', {hash}, '', {now}), ({hash}, 'signIn', {hash}, '', {now})",
        Key("idempotency_keys.key_hash, idempotency_keys.field", "idempotency_keys_pkey"),
    ),
    ("{insert preview} ({id}, {sheet}, 2, {editor}, {now}, {now})", ForeignKey("previews_revision")),
    ("{insert preview} ({id}, {id}, 1, {editor}, {now}, {now})", ForeignKey("previews_revision")),
    ("{insert preview} ({id}, {sheet}, 1, {id}, {now}, {now})", ForeignKey("previews_created_by_fkey")),
    (
        "INSERT INTO page_redirects (slug, page_id) VALUES ('About', {page})",
        Check("slug <> '' AND slug = lower(slug)", "page_redirects_slug_check"),
    ),
    (
        "INSERT INTO page_redirects (slug, page_id) VALUES ('about/old', {page})",
        Check("slug <> '' AND slug = lower(slug)", "page_redirects_slug_check"),
    ),
    (
        "INSERT INTO page_redirects (slug, page_id) VALUES ('old', {page}), ('old', {page})",
        Key("page_redirects.slug", "page_redirects_pkey"),
    ),
    ("INSERT INTO page_redirects (slug, page_id) VALUES ('old', {id})", ForeignKey("page_redirects_page_id_fkey")),
    // Revisions.
    (
        "{insert revision} ({sheet}, 1, '{}', 'SAVE', 'COMMAND_LINE', {now})",
        Key("revisions.document_id, revisions.number", "revisions_pkey"),
    ),
    (
        "{insert revision} ({sheet}, 0, '{}', 'SAVE', 'COMMAND_LINE', {now})",
        Check("number >= 1", "revisions_number_check"),
    ),
    ("{insert revision} ({sheet}, 2, '{}', 'GUESS', 'COMMAND_LINE', {now})", Check("action", "revisions_action_check")),
    (
        "{insert revision} ({sheet}, 2, '{}', 'SAVE', 'ACCOUNT', {now})",
        Check("(actor_kind = 'ACCOUNT') = (editor_id IS NOT NULL)", "revisions_check"),
    ),
    (
        "{insert revision} ({sheet}, 2, '{}', 'SAVE', 'ANONYMOUS', {now})",
        Check("actor_kind", "revisions_actor_kind_check"),
    ),
    (
        "INSERT INTO revisions (document_id, number, content, action, actor_kind, editor_id, created_at) \
         VALUES ({sheet}, 2, '{}', 'SAVE', 'ACCOUNT', {id}, {now})",
        ForeignKey("revisions_editor_id_fkey"),
    ),
    ("{insert revision} ({id}, 1, '{}', 'SAVE', 'COMMAND_LINE', {now})", ForeignKey("revisions_document_id_fkey")),
    ("UPDATE revisions SET reason = 'Another'", AppendOnly("revisions")),
    ("DELETE FROM revisions WHERE number = 1", AppendOnly("revisions")),
    (
        "{insert revision} ({sheet}, 1, '{}', 'SAVE', 'COMMAND_LINE', {now}) \
             ON CONFLICT (document_id, number) DO UPDATE SET content = '{}'",
        AppendOnly("revisions"),
    ),
    // Changes and publications.
    ("INSERT INTO changes (seq, tags, at) VALUES (0, '[]', {now})", Check("seq >= 1", "changes_seq_check")),
    ("INSERT INTO changes (seq, tags, at) VALUES (1, '[]', {now})", Key("changes.seq", "changes_pkey")),
    ("UPDATE changes SET tags = '[]'", AppendOnly("changes")),
    ("DELETE FROM changes", AppendOnly("changes")),
    (
        "{insert publication} ({sheet}, 2, 1, 'CORRECTION', NULL, 'COMMAND_LINE', {now})",
        Check("release_kind IS NULL OR release_kind = 'RELEASE' OR reason IS NOT NULL", "publications_check1"),
    ),
    (
        "{insert publication} ({sheet}, 2, 1, 'REVISION', NULL, 'COMMAND_LINE', {now})",
        Check("release_kind IS NULL OR release_kind = 'RELEASE' OR reason IS NOT NULL", "publications_check1"),
    ),
    (
        "{insert publication} ({sheet}, 2, 1, 'RUMOUR', 'Why not', 'COMMAND_LINE', {now})",
        Check("release_kind", "publications_release_kind_check"),
    ),
    (
        "{insert publication} ({sheet}, 2, 1, NULL, NULL, 'ACCOUNT', {now})",
        Check("(actor_kind = 'COMMAND_LINE') = (editor_id IS NULL)", "publications_check"),
    ),
    (
        "{insert publication} ({sheet}, 2, 1, NULL, NULL, 'SCHEDULE', {now})",
        Check("(actor_kind = 'COMMAND_LINE') = (editor_id IS NULL)", "publications_check"),
    ),
    (
        "INSERT INTO publications (document_id, change_seq, number, actor_kind, editor_id, published_at) \
         VALUES ({sheet}, 2, 1, 'COMMAND_LINE', {editor}, {now})",
        Check("(actor_kind = 'COMMAND_LINE') = (editor_id IS NULL)", "publications_check"),
    ),
    (
        "INSERT INTO publications (document_id, change_seq, number, actor_kind, editor_id, published_at) \
         VALUES ({sheet}, 2, 1, 'ANONYMOUS', {editor}, {now})",
        Check("actor_kind", "publications_actor_kind_check"),
    ),
    (
        "{insert publication} ({sheet}, 2, 1, NULL, NULL, 'COMMAND_LINE', {now})",
        ForeignKey("publications_change_seq_fkey"),
    ),
    (
        "{insert publication} ({sheet}, 1, 1, NULL, NULL, 'COMMAND_LINE', {now})",
        Key("publications.document_id, publications.change_seq", "publications_pkey"),
    ),
    ("UPDATE publications SET reason = 'Another'", AppendOnly("publications")),
    ("DELETE FROM publications", AppendOnly("publications")),
    // Accounts, sessions and keys.
    (
        "UPDATE accounts SET email = 'Editor@example.org' WHERE role = 'EDITOR'",
        Check("email = lower(email)", "accounts_email_check"),
    ),
    ("UPDATE accounts SET email = 'editor@example.org'", Key("accounts.email", "accounts_email_key")),
    (
        "UPDATE accounts SET password_hash = 'password'",
        Check("password_hash LIKE '$argon2id$%'", "accounts_password_hash_check"),
    ),
    (
        "UPDATE accounts SET password_hash = '$argon2i$v=19$m=8,t=1,p=1$YWJjZGVmZ2g$YWJj'",
        Check("password_hash LIKE '$argon2id$%'", "accounts_password_hash_check"),
    ),
    ("UPDATE accounts SET role = 'OWNER'", Check("role", "accounts_role_check")),
    ("UPDATE accounts SET locales = NULL", NotNull("accounts.locales")),
    (
        "UPDATE accounts SET issuer = 'https://id.example.org'",
        Check("accounts_identity_check", "accounts_identity_check"),
    ),
    ("UPDATE accounts SET subject = '1'", Check("accounts_identity_check", "accounts_identity_check")),
    (
        "UPDATE accounts SET issuer = 'https://id.example.org', subject = '1'",
        Key("accounts.issuer, accounts.subject", "accounts_issuer_subject"),
    ),
    ("{insert link} ('short', {editor}, NULL, {now}, {now})", Check("length(hash) = 64", "account_links_hash_check")),
    ("{insert link} ({hash}, {id}, NULL, {now}, {now})", ForeignKey("account_links_account_id_fkey")),
    ("{insert link} ({hash}, {editor}, {id}, {now}, {now})", ForeignKey("account_links_created_by_fkey")),
    (
        "{insert link} ({hash}, {editor}, NULL, {now}, {now}), ({hash}, {editor}, NULL, {now}, {now})",
        Key("account_links.hash", "account_links_pkey"),
    ),
    ("{insert token} ({id}, {id}, 'CI', {hash}, '[]', {now}, {now})", ForeignKey("api_tokens_account_id_fkey")),
    (
        "{insert token} ({id}, {editor}, ' ', {hash}, '[]', {now}, {now})",
        Check("trim(name) <> ''", "api_tokens_name_check"),
    ),
    (
        "{insert token} ({id}, {editor}, 'CI', 'short', '[]', {now}, {now})",
        Check("length(hash) = 64", "api_tokens_hash_check"),
    ),
    (
        "{insert token} ({id}, {editor}, 'CI', {hash}, '[]', {now}, {now}), \
         ({id}, {editor}, 'CI', {hash}, '[]', {now}, {now})",
        Key("api_tokens.hash", "api_tokens_hash_key"),
    ),
    (
        "INSERT INTO api_tokens (id, account_id, name, hash, capabilities, created_at, expires_at, parent_id) \
         VALUES ({id}, {editor}, 'CI', {hash}, '[]', {now}, {now}, {id})",
        ForeignKey("api_tokens_parent_id_fkey"),
    ),
    (
        "INSERT INTO account_links (hash, account_id, created_by, created_at, expires_at, api_token_id) \
         VALUES ({hash}, {editor}, {editor}, {now}, {now}, {id})",
        ForeignKey("account_links_api_token_id_fkey"),
    ),
    (
        "INSERT INTO previews (id, document_id, version, created_by, created_at, expires_at, api_token_id) \
         VALUES ({id}, {sheet}, 1, {editor}, {now}, {now}, {id})",
        ForeignKey("previews_api_token_id_fkey"),
    ),
    (
        "INSERT INTO schedules \
         (id, document_id, version, action, due_at, time_zone, created_by, created_at, api_token_id) \
         VALUES ({id}, {sheet}, 1, 'PUBLISH', {now}, 'UTC', {editor}, {now}, {id})",
        ForeignKey("schedules_api_token_id_fkey"),
    ),
    (
        "INSERT INTO sessions (id, account_id, created_at, expires_at) VALUES ({id}, {id}, {now}, {now})",
        ForeignKey("sessions_account_id_fkey"),
    ),
    (
        "INSERT INTO refresh_tokens (hash, session_id, created_at) VALUES ('short', {id}, {now})",
        Check("length(hash) = 64", "refresh_tokens_hash_check"),
    ),
    (
        "INSERT INTO refresh_tokens (hash, session_id, created_at) \
         VALUES ('0000000000000000000000000000000000000000000000000000000000000000', {id}, {now})",
        ForeignKey("refresh_tokens_session_id_fkey"),
    ),
    (
        "INSERT INTO refresh_tokens (hash, session_id, created_at, exchanges) VALUES ({hash}, {id}, {now}, 3)",
        Check("exchanges BETWEEN 0 AND 2", "refresh_tokens_exchanges_check"),
    ),
    (
        "INSERT INTO refresh_tokens (hash, session_id, created_at, generation) VALUES ({hash}, {id}, {now}, -1)",
        Check("generation >= 0", "refresh_tokens_generation_check"),
    ),
    ("UPDATE keys SET purpose = 'DOOR'", Check("purpose", "keys_purpose_check")),
    (
        "INSERT INTO keys (id, purpose, secret, created_at) VALUES ('short', 'CURSOR', 'secret', {now})",
        Check("length(secret) >= 32", "keys_secret_check"),
    ),
    // The audit log.
    ("UPDATE audit_entries SET action = 'nothing'", AppendOnly("audit_entries")),
    ("DELETE FROM audit_entries", AppendOnly("audit_entries")),
    (
        "{insert entry} 1, at, actor_kind, action, outcome, previous_hash, hash FROM audit_entries WHERE seq = 1",
        Key("audit_entries.seq", "audit_entries_pkey"),
    ),
    (
        "{insert entry} 0, at, actor_kind, action, outcome, hash, hash FROM audit_entries WHERE seq = 1",
        Check("seq >= 1", "audit_entries_seq_check"),
    ),
    (
        "{insert entry} 99, at, 'ACCOUNT', action, outcome, hash, hash FROM audit_entries WHERE seq = 1",
        Check("(actor_kind IN ('ACCOUNT', 'SCHEDULE')) = (actor_id IS NOT NULL)", "audit_entries_check1"),
    ),
    (
        "{insert entry} 99, at, 'SCHEDULE', action, outcome, hash, hash FROM audit_entries WHERE seq = 1",
        Check("(actor_kind IN ('ACCOUNT', 'SCHEDULE')) = (actor_id IS NOT NULL)", "audit_entries_check1"),
    ),
    (
        "{insert entry} 99, at, 'NOBODY', action, outcome, hash, hash FROM audit_entries WHERE seq = 1",
        Check("actor_kind", "audit_entries_actor_kind_check"),
    ),
    (
        "{insert entry} 99, at, actor_kind, action, 'REFUSED', hash, hash FROM audit_entries WHERE seq = 1",
        Check("(outcome = 'REFUSED') = (code IS NOT NULL)", "audit_entries_check2"),
    ),
    (
        "{insert entry} 99, at, actor_kind, action, 'MAYBE', hash, hash FROM audit_entries WHERE seq = 1",
        Check("outcome", "audit_entries_outcome_check"),
    ),
    (
        "{insert entry} 99, at, actor_kind, action, outcome, '', hash FROM audit_entries WHERE seq = 1",
        Check("length(previous_hash) =", "audit_entries_check"),
    ),
    (
        "{insert entry} 99, at, actor_kind, action, outcome, hash, '' FROM audit_entries WHERE seq = 1",
        Check("length(hash) = 64", "audit_entries_hash_check"),
    ),
];

/// What the database says to a statement, whose effect is undone.
async fn answer(connection: &DatabaseConnection, sql: &str) -> Result<u64, String> {
    let transaction = connection.begin().await.expect("a transaction");
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let result = transaction.execute_raw(statement).await;
    transaction.rollback().await.expect("the transaction is rolled back");
    result.map(|done| done.rows_affected()).map_err(|error| error.to_string())
}

on_both_databases! {
    async fn the_database_itself_refuses_bad_rows(app: TestApp) {
        let connection = connect(app.database_url()).await;
        let mut surprises = Vec::new();
        for (statement, by) in BAD_ROWS {
            let (sql, expected) = (sql(statement, app.backend()), by.says(app.backend()));
            match answer(&connection, &sql).await {
                Err(error) if error.contains(&expected) => {}
                // What keeps a row from being replaced may speak up before its key does.
                Err(error) if matches!(by, Key(..)) && error.contains("is append-only") => {}
                other => surprises.push(format!("{sql}\n  expected: {expected}\n  got: {other:?}")),
            }
        }
        assert!(surprises.is_empty(), "{}", surprises.join("\n"));
    }

    async fn the_same_rows_without_the_mistake_are_taken(app: TestApp) {
        let connection = connect(app.database_url()).await;
        for statement in [
            "{insert count} ('RESIDENT', 'CN', 1900, 0, 'FINAL', '{}')",
            "{insert count} ('RESIDENT', 'CN', 2200, 2147483647, 'BREAK', '{}')",
            "{insert count} ('RESIDENT', 'CN', 2030, NULL, 'MISSING', '{}')",
            "{insert total} ('RESIDENT', 2030, 1, '{}')",
            "UPDATE visit_counts SET flags = '[\"REVISED\"]' WHERE category = 'RESIDENT' AND country = 'CN' AND year = 2022",
            "UPDATE yearly_totals SET status = 'BREAK', flags = '[\"REVISED\"]' WHERE category = 'RESIDENT' AND year = 2022",
            "INSERT INTO fact_sheet_metadata (document_id, content) VALUES ({sheet}, '{}')",
            "UPDATE site SET disclosure_method = 'MERGE', disclosure_threshold = 2",
            "UPDATE site SET disclosure_method = 'OFF', disclosure_threshold = 1000",
            "{insert document} ({id}, 'FACT_SHEET_METADATA', 'FACT_SHEET_METADATA/another', 0, {now})",
            "INSERT INTO countries (code, document_id, position) VALUES ('XX', {sheet}, 1)",
            "{insert document} ({id}, 'PAGE', 'PAGE/new', 0, {now})",
            "{insert revision} ({sheet}, 2, '{}', 'SAVE', 'COMMAND_LINE', {now})",
            "INSERT INTO changes (seq, tags, at) VALUES (2, '[]', {now})",
            "{insert entry} 99, at, actor_kind, action, outcome, hash, hash FROM audit_entries WHERE seq = 1",
            "INSERT INTO audit_entries \
             (seq, at, actor_kind, actor_id, action, outcome, previous_hash, hash, network, api_token_id) \
             SELECT 99, at, 'SCHEDULE', {editor}, action, outcome, hash, hash, '192.0.2.1', {id} \
             FROM audit_entries WHERE seq = 1",
            "{insert revision} ({sheet}, 2, '{}', 'RESTORE', 'COMMAND_LINE', {now})",
            "UPDATE documents SET archived_at = {now}, published_number = NULL WHERE id = {sheet}",
            "UPDATE documents SET owner_id = {page}, due_at = {now} WHERE id = {sheet}",
            "INSERT INTO document_locales (document_id, locale) VALUES ({sheet}, 'fr')",
            "{insert schedule} ({id}, {sheet}, 1, 'PUBLISH', {now}, 'UTC', {editor}, {now}, NULL, NULL, NULL)",
            "{insert schedule} ({id}, {sheet}, 1, 'UNPUBLISH', {now}, 'UTC', {editor}, {now}, 'DONE', NULL, {now})",
            "{insert schedule} ({id}, {sheet}, 1, 'PUBLISH', {now}, 'UTC', {editor}, {now}, 'FAILED', '{}', {now})",
            "{insert lease} ({sheet}, {editor}, {now}, {now}, {editor})",
            "{insert key} ({hash}, 'signIn', {hash}, '', {now})",
            "{insert preview} ({id}, {sheet}, 1, {editor}, {now}, {now})",
            "INSERT INTO page_redirects (slug, page_id) VALUES ('old', {page})",
            "UPDATE accounts SET password_hash = NULL, issuer = 'https://id.example.org', subject = '1' \
             WHERE id = {editor}",
            "UPDATE accounts SET role = 'TRANSLATOR', locales = '[\"en\"]' WHERE id = {editor}",
            "{insert link} ({hash}, {editor}, NULL, {now}, {now})",
            "{insert token} ({id}, {editor}, 'CI', {hash}, '[\"READ\"]', {now}, {now})",
            "{insert trusted} ('m', '{ site { name } }', {now})",
            "{insert trusted} (lower(replace({hash} || {hash}, '0', 'A')), '{ site { name } }', {now})",
        ] {
            let sql = sql(statement, app.backend());
            assert_eq!(answer(&connection, &sql).await, Ok(1), "{sql}");
        }
    }

    async fn what_is_append_only_cannot_be_replaced_or_emptied_by_the_database_s_own_shortcuts(app: TestApp) {
        let connection = connect(app.database_url()).await;
        for table in ["revisions", "changes", "publications", "audit_entries"] {
            let shortcut = match app.backend() {
                Backend::Sqlite => format!("INSERT OR REPLACE INTO {table} SELECT * FROM {table} LIMIT 1"),
                Backend::Postgres => format!("TRUNCATE {table} CASCADE"),
            };
            let said = answer(&connection, &shortcut).await.expect_err(&shortcut);
            assert!(said.contains("is append-only"), "{shortcut}: {said}");
        }
    }
}
