//! `rate_limits`: what each caller has drawn of the quota of a minute, in all processes together. Only PostgreSQL has rows.

use sea_orm::entity::prelude::*;

/// What a caller has drawn in a window.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "rate_limits")]
pub struct Model {
    /// SHA-256 of who it is, in lower-case hexadecimal: neither addresses nor networks are kept.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub subject: String,
    /// When the window began, in Unix seconds.
    #[sea_orm(primary_key, auto_increment = false)]
    pub window_start: i64,
    /// Points.
    pub used: i64,
}

impl ActiveModelBehavior for ActiveModel {}
