//! `clock_corrections`: where the moments of changes go back, since the clock was ahead before. Append-only.

use sea_orm::entity::prelude::*;

/// A change that was made at an earlier moment than its predecessors say of themselves.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "clock_corrections")]
pub struct Model {
    /// The change.
    #[sea_orm(primary_key, auto_increment = false)]
    pub seq: i64,
    /// When it was made. Nothing before it was made later.
    pub at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
