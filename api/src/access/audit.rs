//! The audit log: one entry for each mutation, command and sign-in, chained by hash so that a changed or missing row
//! shows. Entries are written in the transaction that they speak of; the database refuses to change them.

use aws_lc_rs::digest;
use chrono::{DateTime, Utc};
use entities::{AuditOutcome, Version, audit_entry};
use sea_orm::{DatabaseTransaction, EntityTrait, IntoActiveModel, QueryOrder};
use uuid::Uuid;

use crate::{
    access::Actor,
    error::{Code, Result},
};

/// What is to be recorded.
#[derive(Clone, Debug)]
pub struct Entry {
    actor: Actor,
    action: &'static str,
    refused: Option<Code>,
    document: Option<(Uuid, Version)>,
    request_id: Option<String>,
}

impl Entry {
    /// Something was done. `action` is the name of the mutation or command.
    #[must_use]
    pub const fn done(actor: Actor, action: &'static str) -> Self {
        Self { actor, action, refused: None, document: None, request_id: None }
    }

    /// Something was refused with this code.
    #[must_use]
    pub const fn refused(actor: Actor, action: &'static str, code: Code) -> Self {
        Self { actor, action, refused: Some(code), document: None, request_id: None }
    }

    /// It was about this document and made this version.
    #[must_use]
    pub const fn document(mut self, id: Uuid, version: Version) -> Self {
        self.document = Some((id, version));
        self
    }

    /// It happened in this request.
    #[must_use]
    pub fn request(mut self, id: Option<&str>) -> Self {
        self.request_id = id.map(str::to_owned);
        self
    }
}

/// Appends an entry. The transaction must come from `Database::begin_write`, which lets one writer in at a time.
///
/// # Errors
/// When the database cannot be written.
pub async fn record(transaction: &DatabaseTransaction, now: DateTime<Utc>, entry: Entry) -> Result<()> {
    let last = audit_entry::Entity::find().order_by_desc(audit_entry::COLUMN.seq).one(transaction).await?;
    let (seq, previous_hash) = last.map_or((1, String::new()), |last| (last.seq + 1, last.hash));
    let mut row = audit_entry::Model {
        seq,
        at: now,
        actor_kind: entry.actor.kind(),
        actor_id: entry.actor.account(),
        action: entry.action.to_owned(),
        outcome: if entry.refused.is_some() { AuditOutcome::Refused } else { AuditOutcome::Done },
        code: entry.refused.map(|code| code.as_str().to_owned()),
        document_id: entry.document.map(|(id, _)| id),
        version: entry.document.map(|(_, version)| version),
        request_id: entry.request_id,
        previous_hash,
        hash: String::new(),
    };
    row.hash = hash(&row)?;
    audit_entry::Entity::insert(row.into_active_model()).exec(transaction).await?;
    Ok(())
}

/// SHA-256 over the entry's columns but `hash`, as a JSON array in the order of the columns.
///
/// # Errors
/// None that can happen: every column is plain JSON.
pub fn hash(row: &audit_entry::Model) -> Result<String> {
    let columns = serde_json::to_vec(&(
        row.seq,
        row.at.timestamp_millis(),
        row.actor_kind,
        row.actor_id,
        &row.action,
        row.outcome,
        &row.code,
        row.document_id,
        row.version,
        &row.request_id,
        &row.previous_hash,
    ))?;
    Ok(sha256(&columns))
}

/// SHA-256 in lower-case hexadecimal.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    digest::digest(&digest::SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
