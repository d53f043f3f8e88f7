//! What stands in the database, all of it.

use std::collections::BTreeSet;

use entities::audit_entry;
use sea_orm::{EntityTrait, QueryOrder};

use crate::TestApp;

/// The rows of every table but the audit log, each with the name of its table.
pub async fn everything(app: &TestApp) -> BTreeSet<String> {
    let reader = app.state().database().reader();
    let mut all = BTreeSet::new();
    macro_rules! tables {
        ($($table:ident)*) => {$({
            let rows = entities::$table::Entity::find().all(reader).await.expect("rows");
            all.extend(rows.iter().map(|row| format!("{} {row:?}", stringify!($table))));
        })*};
    }
    tables!(account account_link api_token category category_name change country country_name document document_locale);
    tables!(fact_sheet_metadata);
    tables!(idempotency_key key lease page page_redirect page_text preview publication rate_limit refresh_token revision);
    tables!(schedule session site site_locale staff staff_text trusted_document visit_count yearly_total);
    all
}

/// The audit log.
pub async fn audit_log(app: &TestApp) -> Vec<audit_entry::Model> {
    let entries = audit_entry::Entity::find().order_by_asc(audit_entry::COLUMN.seq);
    entries.all(app.state().database().reader()).await.expect("the entries")
}
