//! `schedules`: what is to be published or withdrawn by itself, and what came of it.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{ReleaseKind, Version};

/// What a schedule is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, EnumIter, DeriveActiveEnum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ScheduleAction {
    /// Publish the document.
    Publish,
    /// Withdraw the document.
    Unpublish,
}

/// What came of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, EnumIter, DeriveActiveEnum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ScheduleOutcome {
    /// It was carried out.
    Done,
    /// It could not be carried out.
    Failed,
    /// Somebody took it back before it was due.
    Cancelled,
}

/// A schedule. A document has at most one of each action that is pending.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "schedules")]
pub struct Model {
    /// UUID version 7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The document.
    pub document_id: Uuid,
    /// The version of the document that it was set for.
    pub version: Version,
    /// What it is to do.
    pub action: ScheduleAction,
    /// When.
    pub due_at: DateTimeUtc,
    /// The time zone in which the moment was chosen (`Asia/Tokyo`).
    #[sea_orm(column_type = "Text")]
    pub time_zone: String,
    /// Why, for figures.
    pub release_kind: Option<ReleaseKind>,
    /// Why, in the editor's words.
    #[sea_orm(column_type = "Text", nullable)]
    pub reason: Option<String>,
    /// Whether links of published pages to what it withdraws may lead nowhere from then on.
    pub break_links: bool,
    /// The account that set it, and in whose name it acts.
    pub created_by: Uuid,
    /// When it was set.
    pub created_at: DateTimeUtc,
    /// The API token with which it was made, if it was made with one.
    pub api_token_id: Option<Uuid>,
    /// What the token of another provider allowed whose bearer made it, if it was made with one: capabilities and locales
    /// as JSON.
    pub scopes: Option<Json>,
    /// What came of it; none while it is pending.
    pub outcome: Option<ScheduleOutcome>,
    /// What went wrong, exactly when it failed.
    pub failure: Option<Json>,
    /// When it was carried out, failed or taken back.
    pub settled_at: Option<DateTimeUtc>,
    /// The document.
    #[sea_orm(belongs_to, from = "document_id", to = "id")]
    pub document: BelongsTo<super::document::Entity>,
    /// The account that set it.
    #[sea_orm(belongs_to, from = "created_by", to = "id")]
    pub creator: BelongsTo<super::account::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
