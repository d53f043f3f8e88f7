//! `refresh_tokens`: every refresh token that was handed out, as its hash.

use sea_orm::entity::prelude::*;

/// A refresh token.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "refresh_tokens")]
pub struct Model {
    /// SHA-256 of the token, in lower-case hexadecimal.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub hash: String,
    /// The session that it continues.
    pub session_id: Uuid,
    /// When it was handed out.
    pub created_at: DateTimeUtc,
    /// When it was first exchanged for the next one.
    pub used_at: Option<DateTimeUtc>,
    /// How many exchanges lie between it and the sign-in. Tokens of one session and generation count as used together.
    pub generation: i32,
    /// How often it was exchanged.
    pub exchanges: i32,
    /// The session that it continues.
    #[sea_orm(belongs_to, from = "session_id", to = "id")]
    pub session: BelongsTo<super::session::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
