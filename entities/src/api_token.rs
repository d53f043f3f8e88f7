//! `api_tokens`: tokens with which programs act for an account, as their hashes.

use sea_orm::entity::prelude::*;

/// A token.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "api_tokens")]
pub struct Model {
    /// UUID version 7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The account that it acts for.
    pub account_id: Uuid,
    /// What its owner calls it.
    #[sea_orm(column_type = "Text")]
    pub name: String,
    /// SHA-256 of the token, in lower-case hexadecimal.
    #[sea_orm(unique, column_type = "Text")]
    pub hash: String,
    /// What it may do, a JSON array.
    pub capabilities: Json,
    /// The locales that it may write, a JSON array of language tags; none when it is not limited to any.
    pub locales: Option<Json>,
    /// When it was made.
    pub created_at: DateTimeUtc,
    /// When it ends.
    pub expires_at: DateTimeUtc,
    /// When it was last used.
    pub last_used_at: Option<DateTimeUtc>,
    /// When it was ended early.
    pub revoked_at: Option<DateTimeUtc>,
    /// The token with which it was made, if it was made with one: it ends with it.
    pub parent_id: Option<Uuid>,
    /// The account.
    #[sea_orm(belongs_to, from = "account_id", to = "id")]
    pub account: BelongsTo<super::account::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
