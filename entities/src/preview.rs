//! `previews`: links with which one revision can be looked at by whoever has the link.

use sea_orm::entity::prelude::*;

use crate::Version;

/// A preview.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "previews")]
pub struct Model {
    /// UUID version 7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The document.
    pub document_id: Uuid,
    /// The number of the revision that it shows.
    pub version: Version,
    /// Who made it.
    pub created_by: Uuid,
    /// When.
    pub created_at: DateTimeUtc,
    /// When it ends.
    pub expires_at: DateTimeUtc,
    /// When it was ended early.
    pub revoked_at: Option<DateTimeUtc>,
    /// The API token with which it was made, if it was made with one.
    pub api_token_id: Option<Uuid>,
    /// What the token of another provider allowed whose bearer made it, if it was made with one: capabilities and locales
    /// as JSON.
    pub scopes: Option<Json>,
    /// Who made it.
    #[sea_orm(belongs_to, from = "created_by", to = "id")]
    pub creator: BelongsTo<super::account::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
