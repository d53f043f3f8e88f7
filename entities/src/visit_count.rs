//! `visit_counts` (live): one published figure a row.

use sea_orm::entity::prelude::*;

use crate::{CategoryCode, Count, CountryCode, ObservationStatus, Year};

/// The visits of one category, country and year. The database refuses a value that contradicts the status.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "visit_counts")]
pub struct Model {
    /// The category.
    #[sea_orm(primary_key, auto_increment = false)]
    pub category: CategoryCode,
    /// The country.
    #[sea_orm(primary_key, auto_increment = false)]
    pub country: CountryCode,
    /// The year.
    #[sea_orm(primary_key, auto_increment = false)]
    pub year: Year,
    /// The figure, exactly when the status has one.
    pub value: Option<Count>,
    /// What kind of figure it is, or why there is none.
    pub status: ObservationStatus,
    /// The other statuses that it has, a JSON array; nearly always empty.
    pub flags: Json,
    /// What a reader must know about it, a JSON object from locale to text.
    pub note: Json,
    /// The category.
    #[sea_orm(belongs_to, from = "category", to = "code")]
    pub of_category: BelongsTo<super::category::Entity>,
    /// The country.
    #[sea_orm(belongs_to, from = "country", to = "code")]
    pub of_country: BelongsTo<super::country::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
