//! `leases`: who is editing what, for the time being. A courtesy among editors; the version decides who writes.

use sea_orm::entity::prelude::*;

/// A document that somebody is editing.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "leases")]
pub struct Model {
    /// The document.
    #[sea_orm(primary_key, auto_increment = false)]
    pub document_id: Uuid,
    /// Who is editing it.
    pub account_id: Uuid,
    /// Since when.
    pub taken_at: DateTimeUtc,
    /// Until when, unless it is renewed.
    pub expires_at: DateTimeUtc,
    /// Whose lease it was before, when it was taken over from somebody.
    pub taken_from: Option<Uuid>,
    /// The document.
    #[sea_orm(belongs_to, from = "document_id", to = "id")]
    pub document: BelongsTo<super::document::Entity>,
    /// Who is editing it.
    #[sea_orm(belongs_to, from = "account_id", to = "id")]
    pub account: BelongsTo<super::account::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
