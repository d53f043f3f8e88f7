//! `categories` (live): the kinds of visits that are counted apart.

use sea_orm::entity::prelude::*;

use crate::{CategoryCode, Position};

/// A category of visits.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "categories")]
pub struct Model {
    /// Its code.
    #[sea_orm(primary_key, auto_increment = false)]
    pub code: CategoryCode,
    /// The document of kind `CATEGORY`.
    #[sea_orm(unique)]
    pub document_id: Uuid,
    /// Its place in the tenant's order.
    pub position: Position,
    /// The document.
    #[sea_orm(belongs_to, from = "document_id", to = "id")]
    pub document: BelongsTo<super::document::Entity>,
    /// Its names.
    #[sea_orm(has_many)]
    pub names: HasMany<super::category_name::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
