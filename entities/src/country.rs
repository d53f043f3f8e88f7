//! `countries` (live): the countries and areas that figures are broken down by.

use sea_orm::entity::prelude::*;

use crate::{CountryCode, Position};

/// A country or area.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "countries")]
pub struct Model {
    /// Its code.
    #[sea_orm(primary_key, auto_increment = false)]
    pub code: CountryCode,
    /// The document of kind `COUNTRY`.
    #[sea_orm(unique)]
    pub document_id: Uuid,
    /// Its place in the tenant's order.
    pub position: Position,
    /// The document.
    #[sea_orm(belongs_to, from = "document_id", to = "id")]
    pub document: BelongsTo<super::document::Entity>,
    /// Its names.
    #[sea_orm(has_many)]
    pub names: HasMany<super::country_name::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
