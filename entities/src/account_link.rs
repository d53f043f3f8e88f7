//! `account_links`: one-time links with which somebody sets the password of an account, as their hashes.

use sea_orm::entity::prelude::*;

/// A link.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "account_links")]
pub struct Model {
    /// SHA-256 of the secret in the link, in lower-case hexadecimal.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub hash: String,
    /// The account whose password it sets.
    pub account_id: Uuid,
    /// Who made it; none when it was made at the command line.
    pub created_by: Option<Uuid>,
    /// When it was made.
    pub created_at: DateTimeUtc,
    /// When it ends.
    pub expires_at: DateTimeUtc,
    /// When it was used.
    pub used_at: Option<DateTimeUtc>,
    /// The API token with which it was made, if it was made with one.
    pub api_token_id: Option<Uuid>,
    /// What the token of another provider allowed whose bearer made it, if it was made with one: capabilities and locales
    /// as JSON.
    pub scopes: Option<Json>,
    /// The account.
    #[sea_orm(belongs_to, from = "account_id", to = "id")]
    pub account: BelongsTo<super::account::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
