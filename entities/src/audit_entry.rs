//! `audit_entries`: who did what, refused attempts included. Append-only, each entry chained to the one before.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::Version;

/// What kind of actor did something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, EnumIter, DeriveActiveEnum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ActorKind {
    /// Somebody who is not signed in.
    Anonymous,
    /// A signed-in account.
    Account,
    /// Somebody at the command line of the server.
    CommandLine,
    /// A schedule that an account had set.
    Schedule,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, EnumIter, DeriveActiveEnum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AuditOutcome {
    /// It was done.
    Done,
    /// It was refused.
    Refused,
}

/// An entry.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_entries")]
pub struct Model {
    /// 1 for the first entry, then one more each time.
    #[sea_orm(primary_key, auto_increment = false)]
    pub seq: i64,
    /// When.
    pub at: DateTimeUtc,
    /// What kind of actor.
    pub actor_kind: ActorKind,
    /// The account, when the actor is one or a schedule that one had set.
    pub actor_id: Option<Uuid>,
    /// What was attempted: the name of the mutation or command.
    #[sea_orm(column_type = "Text")]
    pub action: String,
    /// How it ended.
    pub outcome: AuditOutcome,
    /// The error code, when it was refused.
    #[sea_orm(column_type = "Text", nullable)]
    pub code: Option<String>,
    /// The document that it was about, when it was about one.
    pub document_id: Option<Uuid>,
    /// The version that came of it.
    pub version: Option<Version>,
    /// The kind of what it was about beside a document, as in its global id (`Preview`).
    #[sea_orm(column_type = "Text", nullable)]
    pub target_kind: Option<String>,
    /// What it was about beside a document.
    pub target_id: Option<Uuid>,
    /// The request, as named in the log.
    #[sea_orm(column_type = "Text", nullable)]
    pub request_id: Option<String>,
    /// The network that the request came from.
    #[sea_orm(column_type = "Text", nullable)]
    pub network: Option<String>,
    /// The API token that it was made with, when it was made with one.
    pub api_token_id: Option<Uuid>,
    /// SHA-256 of the entry before, in lower-case hexadecimal; empty for the first.
    #[sea_orm(column_type = "Text")]
    pub previous_hash: String,
    /// SHA-256 over all columns above, without network and API token where there is neither.
    #[sea_orm(column_type = "Text")]
    pub hash: String,
}

impl ActiveModelBehavior for ActiveModel {}
