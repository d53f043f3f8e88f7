//! `idempotency_keys`: what was answered to requests that may be sent again.

use sea_orm::entity::prelude::*;

/// An answer that is given again when the same request comes again.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "idempotency_keys")]
pub struct Model {
    /// SHA-256 of the key that the client chose, in lower-case hexadecimal.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub key_hash: String,
    /// The field that was asked for with it.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub field: String,
    /// SHA-256 of the request: the same key with another request is a mistake.
    #[sea_orm(column_type = "Text")]
    pub request_hash: String,
    /// The answer.
    #[sea_orm(column_type = "Blob")]
    pub answer: Vec<u8>,
    /// When it was given.
    pub created_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
