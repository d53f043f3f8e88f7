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
    transaction::Origin,
};

/// What is to be recorded.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Who did it, or tried to.
    pub actor: Actor,
    /// The name of the mutation or command.
    pub action: &'static str,
    /// Why it was refused, if it was.
    pub refused: Option<Code>,
    /// The document that it was about and the version that came of it, when it was about one.
    pub subject: Option<(Uuid, Version)>,
    /// Where the request came from.
    pub origin: Origin,
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
        document_id: entry.subject.map(|(id, _)| id),
        version: entry.subject.map(|(_, version)| version),
        request_id: entry.origin.request_id,
        network: entry.origin.network,
        api_token_id: entry.origin.api_token,
        previous_hash,
        hash: String::new(),
    };
    row.hash = hash(&row)?;
    audit_entry::Entity::insert(row.into_active_model()).exec(transaction).await?;
    Ok(())
}

/// SHA-256 over the entry's columns but `hash`, as a JSON array: in the order of the columns, but network and API token
/// last, and only where there is one of them. So entries from before there were these columns keep their hash.
///
/// # Errors
/// None that can happen: every column is plain JSON.
pub fn hash(row: &audit_entry::Model) -> Result<String> {
    let mut columns = serde_json::to_value((
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
    if let Some(columns) = columns.as_array_mut()
        && (row.network.is_some() || row.api_token_id.is_some())
    {
        columns.extend([serde_json::to_value(&row.network)?, serde_json::to_value(row.api_token_id)?]);
    }
    Ok(sha256(&serde_json::to_vec(&columns)?))
}

/// SHA-256 in lower-case hexadecimal.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    digest::digest(&digest::SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use entities::ActorKind;

    use super::*;

    #[test]
    fn an_entry_from_before_there_were_networks_and_api_tokens_keeps_its_hash() -> Result<()> {
        let entry = audit_entry::Model {
            seq: 1,
            at: DateTime::UNIX_EPOCH,
            actor_kind: ActorKind::CommandLine,
            actor_id: None,
            action: "seed".to_owned(),
            outcome: AuditOutcome::Done,
            code: None,
            document_id: None,
            version: None,
            request_id: None,
            network: None,
            api_token_id: None,
            previous_hash: String::new(),
            hash: String::new(),
        };
        let before = br#"[1,0,"COMMAND_LINE",null,"seed","DONE",null,null,null,null,""]"#;
        assert_eq!(hash(&entry)?, sha256(before));
        let entry = audit_entry::Model { network: Some("192.0.2.1".to_owned()), ..entry };
        let since = br#"[1,0,"COMMAND_LINE",null,"seed","DONE",null,null,null,null,"","192.0.2.1",null]"#;
        assert_eq!(hash(&entry)?, sha256(since));
        Ok(())
    }
}
