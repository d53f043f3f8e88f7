//! `yearly_totals` (live): the total of a year as it is published. Data, not a sum.

use sea_orm::entity::prelude::*;

use crate::{CategoryCode, Count, ObservationStatus, Year};

/// The published total of one category and year.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "yearly_totals")]
pub struct Model {
    /// The category.
    #[sea_orm(primary_key, auto_increment = false)]
    pub category: CategoryCode,
    /// The year.
    #[sea_orm(primary_key, auto_increment = false)]
    pub year: Year,
    /// The total.
    pub value: Count,
    /// What kind of figure it is; always one that has a value.
    pub status: ObservationStatus,
    /// The other statuses that it has, a JSON array; nearly always empty.
    pub flags: Json,
    /// What a reader must know about it, a JSON object from locale to text.
    pub note: Json,
    /// The category.
    #[sea_orm(belongs_to, from = "category", to = "code")]
    pub of_category: BelongsTo<super::category::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
