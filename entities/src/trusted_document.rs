//! `trusted_documents`: the GraphQL documents that front ends run by name.

use sea_orm::entity::prelude::*;

/// A document. Its text never changes: caches between here and a front end know it by its id.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "trusted_documents")]
pub struct Model {
    /// What it is asked for by: 1 to 128 characters.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub id: String,
    /// Its text, byte for byte as the front end's tools wrote it.
    #[sea_orm(column_type = "Text")]
    pub body: String,
    /// When it was added.
    pub added_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
