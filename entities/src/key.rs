//! `keys`: the secrets that every replica must share.

use sea_orm::entity::prelude::*;

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum KeyPurpose {
    /// Signs access tokens (Ed25519, PKCS #8).
    AccessToken,
    /// Authenticates cursors (HMAC-SHA256, 32 bytes).
    Cursor,
}

/// A key.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "keys")]
pub struct Model {
    /// Its name; the `kid` of the tokens that it signs.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub id: String,
    /// What it is for.
    pub purpose: KeyPurpose,
    /// The secret itself.
    #[sea_orm(column_type = "Blob")]
    pub secret: Vec<u8>,
    /// When it was made.
    pub created_at: DateTimeUtc,
    /// From when on it signs nothing new; what it signed stays valid until it expires.
    pub retired_at: Option<DateTimeUtc>,
}

impl ActiveModelBehavior for ActiveModel {}
