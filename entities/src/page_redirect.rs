//! `page_redirects`: former slugs of pages, so that old addresses still lead somewhere.

use sea_orm::entity::prelude::*;

use crate::Slug;

/// A former slug of a page.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "page_redirects")]
pub struct Model {
    /// The slug.
    #[sea_orm(primary_key, auto_increment = false)]
    pub slug: Slug,
    /// The document of kind `PAGE`, which need not be published.
    pub page_id: Uuid,
    /// The document.
    #[sea_orm(belongs_to, from = "page_id", to = "id")]
    pub page: BelongsTo<super::document::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
