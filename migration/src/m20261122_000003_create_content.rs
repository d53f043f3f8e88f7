//! Live tables of content: the site, its pages and its staff.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("site_locales")
                    .col(text("locale").primary_key())
                    .col(integer("position").check(Expr::cust("position >= 0")))
                    .col(text("name").check(not_blank("name")))
                    .col(text("direction").check(Expr::col("direction").is_in(["ltr", "rtl"])))
                    .col(json("fallback"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("site")
                    .col(uuid("document_id").primary_key())
                    .col(text("default_locale"))
                    .col(json("name"))
                    .foreign_key(ForeignKey::create().from("site", "document_id").to("documents", "id"))
                    .foreign_key(ForeignKey::create().from("site", "default_locale").to("site_locales", "locale"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("pages")
                    .col(uuid("document_id").primary_key())
                    .col(text("slug").unique_key().check(slug("slug")))
                    .col(uuid_null("parent_id"))
                    .col(integer("position").check(Expr::cust("position >= 0")))
                    .check(Expr::cust("parent_id <> document_id"))
                    .foreign_key(ForeignKey::create().from("pages", "document_id").to("documents", "id"))
                    .foreign_key(ForeignKey::create().from("pages", "parent_id").to("pages", "document_id"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("page_texts")
                    .col(uuid("document_id").primary_key())
                    .col(uuid("page_id"))
                    .col(text("locale"))
                    .col(text("title").check(not_blank("title")))
                    .col(text_null("summary"))
                    .col(text_null("description"))
                    .col(text_null("signature"))
                    .col(text("body"))
                    .col(timestamp_with_time_zone("published_at"))
                    .index(Index::create().unique().name("page_texts_page_locale").col("page_id").col("locale"))
                    .foreign_key(ForeignKey::create().from("page_texts", "document_id").to("documents", "id"))
                    .foreign_key(ForeignKey::create().from("page_texts", "page_id").to("pages", "document_id"))
                    .foreign_key(ForeignKey::create().from("page_texts", "locale").to("site_locales", "locale"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("staff")
                    .col(uuid("document_id").primary_key())
                    .col(text("slug").unique_key().check(slug("slug")))
                    .col(integer("position").check(Expr::cust("position >= 0")))
                    .foreign_key(ForeignKey::create().from("staff", "document_id").to("documents", "id"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("staff_texts")
                    .col(uuid("document_id").primary_key())
                    .col(uuid("staff_id"))
                    .col(text("locale"))
                    .col(text("name").check(not_blank("name")))
                    .col(text("role").check(not_blank("role")))
                    .col(text_null("degree"))
                    .col(text_null("field"))
                    .index(Index::create().unique().name("staff_texts_staff_locale").col("staff_id").col("locale"))
                    .foreign_key(ForeignKey::create().from("staff_texts", "document_id").to("documents", "id"))
                    .foreign_key(ForeignKey::create().from("staff_texts", "staff_id").to("staff", "document_id"))
                    .foreign_key(ForeignKey::create().from("staff_texts", "locale").to("site_locales", "locale"))
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["staff_texts", "staff", "page_texts", "pages", "site", "site_locales"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}

fn not_blank(column: &'static str) -> Expr {
    Expr::cust(format!("trim({column}) <> ''"))
}

/// What both databases can say of a slug without a regular expression; the type says the rest.
fn slug(column: &'static str) -> Expr {
    Expr::cust(format!("{column} <> '' AND {column} = lower({column}) AND {column} NOT LIKE '%/%'"))
}
