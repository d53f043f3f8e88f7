//! Several statuses for a figure, what is said of the figures as a whole, and the policy on small counts.

use sea_orm_migration::{prelude::*, schema::*};

use crate::constraint::CheckChange;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const KIND: CheckChange = CheckChange {
    table: "documents",
    name: "documents_kind_check",
    before: "\"kind\" IN ('SITE', 'PAGE', 'PAGE_TEXT', 'STAFF_MEMBER', 'STAFF_TEXT', \
             'COUNTRY', 'CATEGORY', 'YEAR_SHEET')",
    after: "\"kind\" IN ('SITE', 'PAGE', 'PAGE_TEXT', 'STAFF_MEMBER', 'STAFF_TEXT', \
            'COUNTRY', 'CATEGORY', 'YEAR_SHEET', 'FACT_SHEET_METADATA')",
};

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        KIND.apply(manager).await?;
        for table in ["visit_counts", "yearly_totals"] {
            let mut flags = json("flags");
            flags.default("[]");
            manager.alter_table(Table::alter().table(table).add_column(flags).to_owned()).await?;
        }
        let with_value = ["FINAL", "PROVISIONAL", "ESTIMATED", "IMPUTED", "REVISED", "BREAK"];
        let mut status = text("status");
        status.default("FINAL").check(Expr::col("status").is_in(with_value));
        manager.alter_table(Table::alter().table("yearly_totals").add_column(status).to_owned()).await?;

        let mut method = text("disclosure_method");
        let methods = ["OFF", "WARN", "SUPPRESS", "ROUND", "MERGE"];
        method.default("WARN").check(Expr::col("disclosure_method").is_in(methods));
        let mut threshold = integer("disclosure_threshold");
        threshold.default(10).check(Expr::col("disclosure_threshold").between(2, 1_000));
        for column in [method, threshold] {
            manager.alter_table(Table::alter().table("site").add_column(column).to_owned()).await?;
        }

        manager
            .create_table(
                Table::create()
                    .table("fact_sheet_metadata")
                    .col(uuid("document_id").primary_key())
                    .col(json("content"))
                    .foreign_key(ForeignKey::create().from("fact_sheet_metadata", "document_id").to("documents", "id"))
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("fact_sheet_metadata").to_owned()).await?;
        for (table, column) in [
            ("site", "disclosure_threshold"),
            ("site", "disclosure_method"),
            ("yearly_totals", "status"),
            ("yearly_totals", "flags"),
            ("visit_counts", "flags"),
        ] {
            manager.alter_table(Table::alter().table(table).drop_column(column).to_owned()).await?;
        }
        KIND.take_back(manager).await
    }
}
