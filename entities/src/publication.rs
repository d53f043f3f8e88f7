//! `publications`: which revision became public when, by whom and why. Append-only; the vintages of a year sheet.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{ActorKind, Version};

/// Why figures are published, after the revision policies of official statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, EnumIter, DeriveActiveEnum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReleaseKind {
    /// Figures come out for the first time.
    Release,
    /// Published figures change because better data or a better method is there.
    Revision,
    /// Published figures change because they were wrong.
    Correction,
}

/// One act of publishing one revision, or of withdrawing a document.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "publications")]
pub struct Model {
    /// The document.
    #[sea_orm(primary_key, auto_increment = false)]
    pub document_id: Uuid,
    /// The change that carried it out.
    #[sea_orm(primary_key, auto_increment = false)]
    pub change_seq: i64,
    /// The revision that became public; none when the document was withdrawn.
    pub number: Option<Version>,
    /// Why, for figures.
    pub release_kind: Option<ReleaseKind>,
    /// Why, in the editor's words.
    #[sea_orm(column_type = "Text", nullable)]
    pub reason: Option<String>,
    /// What kind of actor published it, or withdrew it.
    pub actor_kind: ActorKind,
    /// The account that published it, or that set the schedule which did; none at the command line.
    pub editor_id: Option<Uuid>,
    /// When.
    pub published_at: DateTimeUtc,
    /// The document.
    #[sea_orm(belongs_to, from = "document_id", to = "id")]
    pub document: BelongsTo<super::document::Entity>,
    /// The change.
    #[sea_orm(belongs_to, from = "change_seq", to = "seq")]
    pub change: BelongsTo<super::change::Entity>,
    /// The account.
    #[sea_orm(belongs_to, from = "editor_id", to = "id")]
    pub editor: BelongsTo<Option<super::account::Entity>>,
}

impl ActiveModelBehavior for ActiveModel {}
