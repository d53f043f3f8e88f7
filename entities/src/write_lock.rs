//! `write_lock`: one row, which the writer of the moment locks on PostgreSQL, and which is written to find out whether
//! writing works.

use sea_orm::entity::prelude::*;

/// The id of the one row.
pub const ID: i32 = 1;

/// The row.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "write_lock")]
pub struct Model {
    /// Always [`ID`].
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i32,
    /// Room that was needed to find out whether there is room.
    #[sea_orm(column_type = "Blob", nullable)]
    pub probe: Option<Vec<u8>>,
}

impl ActiveModelBehavior for ActiveModel {}
