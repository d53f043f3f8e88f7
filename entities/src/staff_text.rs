//! `staff_texts` (live): a published staff record in one locale.

use sea_orm::entity::prelude::*;

use crate::{Line, Locale};

/// A published staff record in one locale.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "staff_texts")]
pub struct Model {
    /// The document of kind `STAFF_TEXT`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub document_id: Uuid,
    /// The staff record.
    #[sea_orm(unique_key = "staff_texts_staff_locale")]
    pub staff_id: Uuid,
    /// The locale.
    #[sea_orm(unique_key = "staff_texts_staff_locale")]
    pub locale: Locale,
    /// The person's name.
    pub name: Line,
    /// What the person is in the section.
    pub role: Line,
    /// Academic degree.
    pub degree: Option<Line>,
    /// Field of work.
    pub field: Option<Line>,
    /// The document.
    #[sea_orm(belongs_to, from = "document_id", to = "id")]
    pub document: BelongsTo<super::document::Entity>,
    /// The staff record.
    #[sea_orm(belongs_to, from = "staff_id", to = "document_id")]
    pub staff: BelongsTo<super::staff::Entity>,
    /// The locale.
    #[sea_orm(belongs_to, from = "locale", to = "locale")]
    pub site_locale: BelongsTo<super::site_locale::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
