//! `document_locales`: in which locales a document has text, published or not.

use sea_orm::entity::prelude::*;

use crate::Locale;

/// A locale in which the newest revision of a document has text.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "document_locales")]
pub struct Model {
    /// The document.
    #[sea_orm(primary_key, auto_increment = false)]
    pub document_id: Uuid,
    /// The locale.
    #[sea_orm(primary_key, auto_increment = false)]
    pub locale: Locale,
    /// The document.
    #[sea_orm(belongs_to, from = "document_id", to = "id")]
    pub document: BelongsTo<super::document::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
