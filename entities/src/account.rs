//! `accounts`: who may sign in.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::Email;

/// What an account may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, EnumIter, DeriveActiveEnum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Role {
    /// Everything an editor may, and the accounts.
    Administrator,
    /// Writing and publishing all content and figures.
    Editor,
}

/// An account.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "accounts")]
pub struct Model {
    /// UUID version 7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The address it signs in with.
    #[sea_orm(unique)]
    pub email: Email,
    /// The password as an Argon2id PHC string.
    #[sea_orm(column_type = "Text")]
    pub password_hash: String,
    /// What it may do.
    pub role: Role,
    /// When it was shut out.
    pub disabled_at: Option<DateTimeUtc>,
    /// When it was created.
    pub created_at: DateTimeUtc,
    /// Its sessions.
    #[sea_orm(has_many)]
    pub sessions: HasMany<super::session::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
