//! `category_names` (live): what a category is called and what it covers, per locale.

use sea_orm::entity::prelude::*;

use crate::{CategoryCode, Line, Locale, Prose};

/// A category's name in one locale.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "category_names")]
pub struct Model {
    /// The category.
    #[sea_orm(primary_key, auto_increment = false)]
    pub category: CategoryCode,
    /// The locale.
    #[sea_orm(primary_key, auto_increment = false)]
    pub locale: Locale,
    /// The name.
    pub name: Line,
    /// What it covers.
    pub description: Option<Prose>,
    /// The category.
    #[sea_orm(belongs_to, from = "category", to = "code")]
    pub of: BelongsTo<super::category::Entity>,
    /// The locale.
    #[sea_orm(belongs_to, from = "locale", to = "locale")]
    pub site_locale: BelongsTo<super::site_locale::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
