//! `pages` (live): the part of a published page that all locales share.

use sea_orm::entity::prelude::*;

use crate::{Position, Slug};

/// A published page.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "pages")]
pub struct Model {
    /// The document of kind `PAGE`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub document_id: Uuid,
    /// Its name in addresses.
    #[sea_orm(unique)]
    pub slug: Slug,
    /// The page above it.
    pub parent_id: Option<Uuid>,
    /// Its place among its siblings.
    pub position: Position,
    /// The document.
    #[sea_orm(belongs_to, from = "document_id", to = "id")]
    pub document: BelongsTo<super::document::Entity>,
    /// Its texts.
    #[sea_orm(has_many)]
    pub texts: HasMany<super::page_text::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
