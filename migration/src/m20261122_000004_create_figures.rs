//! Live tables of figures: countries, categories, counts and totals.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const WITH_VALUE: [&str; 6] = ["FINAL", "PROVISIONAL", "ESTIMATED", "IMPUTED", "REVISED", "BREAK"];
const WITHOUT_VALUE: [&str; 4] = ["MISSING", "NOT_APPLICABLE", "SUPPRESSED", "NOT_YET"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("countries")
                    .col(text("code").primary_key().check(Expr::cust("length(code) = 2 AND code = upper(code)")))
                    .col(uuid("document_id").unique_key())
                    .col(integer("position").check(Expr::cust("position >= 0")))
                    .foreign_key(ForeignKey::create().from("countries", "document_id").to("documents", "id"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("country_names")
                    .col(text("country"))
                    .col(text("locale"))
                    .col(text("name").check(Expr::cust("trim(name) <> ''")))
                    .primary_key(Index::create().col("country").col("locale"))
                    .foreign_key(ForeignKey::create().from("country_names", "country").to("countries", "code"))
                    .foreign_key(ForeignKey::create().from("country_names", "locale").to("site_locales", "locale"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("categories")
                    .col(text("code").primary_key().check(Expr::cust("code <> '' AND code = upper(code)")))
                    .col(uuid("document_id").unique_key())
                    .col(integer("position").check(Expr::cust("position >= 0")))
                    .foreign_key(ForeignKey::create().from("categories", "document_id").to("documents", "id"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("category_names")
                    .col(text("category"))
                    .col(text("locale"))
                    .col(text("name").check(Expr::cust("trim(name) <> ''")))
                    .col(text_null("description"))
                    .primary_key(Index::create().col("category").col("locale"))
                    .foreign_key(ForeignKey::create().from("category_names", "category").to("categories", "code"))
                    .foreign_key(ForeignKey::create().from("category_names", "locale").to("site_locales", "locale"))
                    .to_owned(),
            )
            .await?;

        let status = Expr::col("status").is_in([WITH_VALUE.as_slice(), WITHOUT_VALUE.as_slice()].concat());
        let value_matches_status = Expr::col("value").is_not_null().eq(Expr::col("status").is_in(WITH_VALUE));
        manager
            .create_table(
                Table::create()
                    .table("visit_counts")
                    .col(text("category"))
                    .col(text("country"))
                    .col(integer("year").check(year()))
                    .col(big_integer_null("value").check(count()))
                    .col(text("status").check(status))
                    .col(json("note"))
                    .primary_key(Index::create().col("category").col("country").col("year"))
                    .check(value_matches_status)
                    .foreign_key(ForeignKey::create().from("visit_counts", "category").to("categories", "code"))
                    .foreign_key(ForeignKey::create().from("visit_counts", "country").to("countries", "code"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("yearly_totals")
                    .col(text("category"))
                    .col(integer("year").check(year()))
                    .col(big_integer("value").check(count()))
                    .col(json("note"))
                    .primary_key(Index::create().col("category").col("year"))
                    .foreign_key(ForeignKey::create().from("yearly_totals", "category").to("categories", "code"))
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let tables = ["yearly_totals", "visit_counts", "category_names", "categories", "country_names", "countries"];
        for table in tables {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}

fn year() -> Expr {
    Expr::col("year").between(1900, 2200)
}

/// Not negative, and at most the largest GraphQL `Int`.
fn count() -> Expr {
    Expr::col("value").between(0, i64::from(i32::MAX))
}
