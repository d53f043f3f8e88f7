//! `site_locales` (live): the locales that the site offers. Every published text refers to one.

use sea_orm::entity::prelude::*;

use crate::{Line, Locale, Position, TextDirection};

/// A locale that the site offers.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "site_locales")]
pub struct Model {
    /// The language tag.
    #[sea_orm(primary_key, auto_increment = false)]
    pub locale: Locale,
    /// Its place in a language menu.
    pub position: Position,
    /// What it calls itself (`日本語`).
    pub name: Line,
    /// The direction of its script.
    pub direction: TextDirection,
    /// The locales to serve when a text is missing, first choice first: a JSON array of language tags.
    pub fallback: Json,
}

impl ActiveModelBehavior for ActiveModel {}
