//! `figure_checkpoints`: what the histories of figures remember, so that a start need not go through all of them. A cache.

use sea_orm::entity::prelude::*;

/// What the history of one year sheet remembers.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "figure_checkpoints")]
pub struct Model {
    /// The document; the nil UUID for what holds for all of them.
    #[sea_orm(primary_key, auto_increment = false)]
    pub document_id: Uuid,
    /// What is remembered, in the form of the code that wrote it.
    pub content: Json,
}

impl ActiveModelBehavior for ActiveModel {}
