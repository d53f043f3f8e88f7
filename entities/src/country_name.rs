//! `country_names` (live): what the tenant calls a country, per locale.

use sea_orm::entity::prelude::*;

use crate::{CountryCode, Line, Locale};

/// A country's name in one locale.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "country_names")]
pub struct Model {
    /// The country.
    #[sea_orm(primary_key, auto_increment = false)]
    pub country: CountryCode,
    /// The locale.
    #[sea_orm(primary_key, auto_increment = false)]
    pub locale: Locale,
    /// The name.
    pub name: Line,
    /// The country.
    #[sea_orm(belongs_to, from = "country", to = "code")]
    pub of: BelongsTo<super::country::Entity>,
    /// The locale.
    #[sea_orm(belongs_to, from = "locale", to = "locale")]
    pub site_locale: BelongsTo<super::site_locale::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
