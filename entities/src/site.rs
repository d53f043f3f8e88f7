//! `site` (live): the one row of the site's settings.

use sea_orm::entity::prelude::*;

use crate::{DisclosureMethod, Locale, Threshold};

/// The published settings of the site.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "site")]
pub struct Model {
    /// The document of kind `SITE`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub document_id: Uuid,
    /// The locale served when none is asked for.
    pub default_locale: Locale,
    /// The site's name, a JSON object from locale to text.
    pub name: Json,
    /// The locales in which a text must be public before it is in any other: a JSON array.
    pub required_locales: Json,
    /// What is done about small counts.
    pub disclosure_method: DisclosureMethod,
    /// Which counts are small.
    pub disclosure_threshold: Threshold,
    /// The document.
    #[sea_orm(belongs_to, from = "document_id", to = "id")]
    pub document: BelongsTo<super::document::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
