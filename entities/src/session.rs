//! `sessions`: one a sign-in. The refresh tokens of a session are one family: reuse of one ends them all.

use sea_orm::entity::prelude::*;

/// A session.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sessions")]
pub struct Model {
    /// UUID version 7; the `sid` claim of its access tokens.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Who signed in.
    pub account_id: Uuid,
    /// When.
    pub created_at: DateTimeUtc,
    /// When it ends at the latest, however often it is refreshed.
    pub expires_at: DateTimeUtc,
    /// When it was ended: by signing out, by reuse of a refresh token, or with its account.
    pub ended_at: Option<DateTimeUtc>,
    /// Who signed in.
    #[sea_orm(belongs_to, from = "account_id", to = "id")]
    pub account: BelongsTo<super::account::Entity>,
    /// Its refresh tokens.
    #[sea_orm(has_many)]
    pub refresh_tokens: HasMany<super::refresh_token::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
