//! `page_texts` (live): a published page in one locale.

use sea_orm::entity::prelude::*;

use crate::{Line, Locale, Markdown, Prose};

/// A published page in one locale.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "page_texts")]
pub struct Model {
    /// The document of kind `PAGE_TEXT`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub document_id: Uuid,
    /// The page.
    #[sea_orm(unique_key = "page_texts_page_locale")]
    pub page_id: Uuid,
    /// The locale.
    #[sea_orm(unique_key = "page_texts_page_locale")]
    pub locale: Locale,
    /// The heading.
    pub title: Line,
    /// What stands in lists.
    pub summary: Option<Prose>,
    /// What stands in search results.
    pub description: Option<Line>,
    /// Who signs, for a greeting.
    pub signature: Option<Prose>,
    /// The text.
    pub body: Markdown,
    /// When this text became public.
    pub published_at: DateTimeUtc,
    /// The document.
    #[sea_orm(belongs_to, from = "document_id", to = "id")]
    pub document: BelongsTo<super::document::Entity>,
    /// The page.
    #[sea_orm(belongs_to, from = "page_id", to = "document_id")]
    pub page: BelongsTo<super::page::Entity>,
    /// The locale.
    #[sea_orm(belongs_to, from = "locale", to = "locale")]
    pub site_locale: BelongsTo<super::site_locale::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
