//! `staff` (live): the part of a published staff record that all locales share.

use sea_orm::entity::prelude::*;

use crate::{Email, Line, Position, Slug};

/// A published staff record.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "staff")]
pub struct Model {
    /// The document of kind `STAFF_MEMBER`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub document_id: Uuid,
    /// Its name in addresses.
    #[sea_orm(unique)]
    pub slug: Slug,
    /// Its place in the list.
    pub position: Position,
    /// Where mail reaches the person.
    pub email: Option<Email>,
    /// Where a call reaches the person.
    pub telephone: Option<Line>,
    /// The document.
    #[sea_orm(belongs_to, from = "document_id", to = "id")]
    pub document: BelongsTo<super::document::Entity>,
    /// Its texts.
    #[sea_orm(has_many)]
    pub texts: HasMany<super::staff_text::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
