//! `changes`: the one feed of all that became public, in order. Append-only and without gaps.

use sea_orm::entity::prelude::*;

/// One transaction that changed what the public sees.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "changes")]
pub struct Model {
    /// 1 for the first change, then one more each time, in the order of the commits.
    #[sea_orm(primary_key, auto_increment = false)]
    pub seq: i64,
    /// What changed: an array of tags such as `pages` and `page:<document>`.
    pub tags: Json,
    /// When.
    pub at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
