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
    /// Writing texts in the locales of the account.
    Translator,
    /// Writing and publishing figures.
    Statistician,
    /// Reading drafts, and writing nothing.
    Reader,
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
    /// The password as an Argon2id PHC string; none before the first one is set, and none for whoever signs in elsewhere.
    #[sea_orm(column_type = "Text", nullable)]
    pub password_hash: Option<String>,
    /// What it may do.
    pub role: Role,
    /// When it was shut out.
    pub disabled_at: Option<DateTimeUtc>,
    /// When it was created.
    pub created_at: DateTimeUtc,
    /// The locales of a translator, a JSON array of language tags; empty for every other role.
    pub locales: Json,
    /// The foreign issuer that vouches for it, when one does.
    #[sea_orm(column_type = "Text", nullable, unique_key = "accounts_issuer_subject")]
    pub issuer: Option<String>,
    /// What that issuer calls it.
    #[sea_orm(column_type = "Text", nullable, unique_key = "accounts_issuer_subject")]
    pub subject: Option<String>,
    /// When it was last seen.
    pub last_seen_at: Option<DateTimeUtc>,
    /// When the token was issued that says what its provider said of it last; none for an account of ours.
    pub vouched_at: Option<DateTimeUtc>,
    /// Since when its provider gives it no role here; none while it has one, and for an account of ours.
    pub unvouched_at: Option<DateTimeUtc>,
    /// Its sessions.
    #[sea_orm(has_many)]
    pub sessions: HasMany<super::session::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
