//! `revisions`: every state a document ever had. Append-only; a trigger refuses changes.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{ActorKind, Version};

/// A content as it is stored: whole, or what changed since an earlier revision. Reading one takes
/// `editorial::revision::whole` in `api`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveValueType)]
pub struct StoredContent(Json);

impl StoredContent {
    /// To be stored.
    #[must_use]
    pub const fn new(json: Json) -> Self {
        Self(json)
    }

    /// As it is stored.
    #[must_use]
    pub fn into_json(self) -> Json {
        self.0
    }
}

/// How a revision came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, EnumIter, DeriveActiveEnum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RevisionAction {
    /// An editor saved it.
    Save,
    /// A dataset brought it.
    Import,
    /// An older revision was brought back.
    Restore,
}

/// One state of one document.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "revisions")]
pub struct Model {
    /// The document.
    #[sea_orm(primary_key, auto_increment = false)]
    pub document_id: Uuid,
    /// 1 for the first revision of the document, then one more each time.
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: Version,
    /// The earlier revision, stored whole, of which `content` says what changed; none when it is whole itself.
    pub base: Option<Version>,
    /// The content, in the form of the document's kind, or a merge patch to `base` (RFC 7396).
    pub content: StoredContent,
    /// How it came to be.
    pub action: RevisionAction,
    /// Why, in the editor's words.
    #[sea_orm(column_type = "Text", nullable)]
    pub reason: Option<String>,
    /// What kind of actor saved it.
    pub actor_kind: ActorKind,
    /// The account that saved it, when the actor is an account.
    pub editor_id: Option<Uuid>,
    /// When it was saved.
    pub created_at: DateTimeUtc,
    /// The document.
    #[sea_orm(belongs_to, from = "document_id", to = "id")]
    pub document: BelongsTo<super::document::Entity>,
    /// The account.
    #[sea_orm(belongs_to, from = "editor_id", to = "id")]
    pub editor: BelongsTo<Option<super::account::Entity>>,
}

impl ActiveModelBehavior for ActiveModel {}
