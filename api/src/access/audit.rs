//! The audit log: one entry for each mutation, command and sign-in, chained by hash so that a changed or missing row
//! shows. Entries are written in the transaction that they speak of; the database refuses to change them, and whoever gets
//! around that is found out by [`verify`].

pub mod graphql;

use std::{fmt, str::FromStr, sync::Arc};

use aws_lc_rs::digest;
use chrono::{DateTime, Utc};
use entities::{AuditOutcome, Line, Version, audit_entry};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect,
};
use uuid::Uuid;

use crate::{
    access::{Actor, Editor, permission::Capability},
    change,
    error::{Code, Error, Result},
    state::State,
    transaction::Origin,
};

/// How many entries are verified at once.
const PAGE: u64 = 1_000;

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
    /// What it was about beside a document, when it was about such a thing: the name of its type in the API, and its id.
    pub target: Option<(&'static str, Uuid)>,
    /// Where the request came from.
    pub origin: Origin,
}

/// Appends an entry, and returns its number and hash. The transaction must come from `Database::begin_write`, which lets
/// one writer in at a time. A writer past that lock may take a number first; then this takes the next.
///
/// # Errors
/// When the database cannot be written; [`Error::Busy`] when another writer holds the number and does not end.
pub async fn record(transaction: &DatabaseTransaction, now: DateTime<Utc>, entry: Entry) -> Result<Mark> {
    let mut row = audit_entry::Model {
        seq: 1,
        at: now,
        actor_kind: entry.actor.kind(),
        actor_id: entry.actor.account(),
        action: entry.action.to_owned(),
        outcome: if entry.refused.is_some() { AuditOutcome::Refused } else { AuditOutcome::Done },
        code: entry.refused.map(|code| code.as_str().to_owned()),
        document_id: entry.subject.map(|(id, _)| id),
        version: entry.subject.map(|(_, version)| version),
        target_kind: entry.target.map(|(kind, _)| kind.to_owned()),
        target_id: entry.target.map(|(_, id)| id),
        request_id: entry.origin.request_id.map(|id| id.to_string()),
        network: entry.origin.network.prefix(),
        api_token_id: entry.origin.api_token,
        previous_hash: String::new(),
        hash: String::new(),
    };
    for _ in 0..change::ATTEMPTS {
        let last = audit_entry::Entity::find().order_by_desc(audit_entry::COLUMN.seq).one(transaction).await?;
        if let Some(last) = last {
            row.seq = last.seq + 1;
            row.previous_hash = last.hash;
        }
        row.hash = hash(&row)?;
        let mark = Mark { seq: row.seq, hash: row.hash.clone() };
        let inserted =
            change::insert_unless_taken(transaction, row.clone().into_active_model(), audit_entry::Column::Seq);
        if inserted.await? {
            return Ok(mark);
        }
    }
    Err(Error::Busy(Arc::new(DbErr::RecordNotInserted)))
}

/// Whether this entry is there, as it was written.
///
/// # Errors
/// When the database cannot be read.
pub async fn contains(connection: &impl ConnectionTrait, mark: &Mark) -> Result<bool> {
    let found = audit_entry::Entity::find_by_id(mark.seq).one(connection).await?;
    Ok(found.is_some_and(|entry| entry.hash == mark.hash))
}

/// The action under which the reading of figures that the policy keeps from the public is recorded.
pub const CONFIDENTIAL_READING: &str = "confidentialReading";

/// Records that somebody reads figures which the disclosure policy keeps from the public: of these documents, or of all
/// that are published. What is read is told only once this is durable.
///
/// # Errors
/// When the database cannot be written.
pub(super) async fn confidential_reading(
    state: &State,
    editor: &Editor,
    origin: &Origin,
    documents: &[(Uuid, Version)],
) -> Result<()> {
    let subjects = if documents.is_empty() { vec![None] } else { documents.iter().copied().map(Some).collect() };
    let transaction = state.database().begin_write().await?;
    for subject in subjects {
        let (actor, origin) = (editor.actor(), origin.clone());
        let entry = Entry { actor, action: CONFIDENTIAL_READING, refused: None, subject, target: None, origin };
        record(&transaction, state.now(), entry).await?;
    }
    transaction.commit().await
}

/// Which entries to list. Conditions are combined with "and".
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this account, or of a schedule that it had set.
    pub actor: Option<Uuid>,
    /// Of this mutation or command.
    pub action: Option<Line>,
    /// That ended so.
    pub outcome: Option<AuditOutcome>,
    /// At this moment or later.
    pub since: Option<DateTime<Utc>>,
    /// Before this moment.
    pub until: Option<DateTime<Utc>>,
    /// About this document.
    pub document: Option<Uuid>,
}

/// A part of the list, the newest first: at most `first` entries older than entry `before`, and whether there are more.
///
/// # Errors
/// [`Error::Forbidden`]; or when the database cannot be read.
pub async fn list(
    connection: &impl ConnectionTrait,
    editor: &Editor,
    filter: Filter,
    first: usize,
    before: Option<i64>,
) -> Result<(Vec<audit_entry::Model>, bool)> {
    editor.require(Capability::ReadAudit)?;
    let mut select = audit_entry::Entity::find();
    if let Some(before) = before {
        select = select.filter(audit_entry::COLUMN.seq.lt(before));
    }
    if let Some(actor) = filter.actor {
        select = select.filter(audit_entry::COLUMN.actor_id.eq(actor));
    }
    if let Some(action) = filter.action {
        select = select.filter(audit_entry::COLUMN.action.eq(action.as_str()));
    }
    if let Some(outcome) = filter.outcome {
        select = select.filter(audit_entry::COLUMN.outcome.eq(outcome));
    }
    if let Some(since) = filter.since {
        select = select.filter(audit_entry::COLUMN.at.gte(since));
    }
    if let Some(until) = filter.until {
        select = select.filter(audit_entry::COLUMN.at.lt(until));
    }
    if let Some(document) = filter.document {
        select = select.filter(audit_entry::COLUMN.document_id.eq(document));
    }
    let limit = u64::try_from(first).unwrap_or_default() + 1;
    let mut entries = select.order_by_desc(audit_entry::COLUMN.seq).limit(limit).all(connection).await?;
    let has_more = entries.len() > first;
    entries.truncate(first);
    Ok((entries, has_more))
}

/// An entry and its hash, `SEQ:HASH`: what an operator keeps elsewhere to find out later whether the log up to there is
/// still the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The number of the entry.
    pub seq: i64,
    /// Its hash.
    pub hash: String,
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.hash)
    }
}

impl FromStr for Mark {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mark = text.split_once(':').and_then(|(seq, hash)| {
            let seq = seq.parse().ok().filter(|seq| *seq >= 1)?;
            let is_hash = hash.len() == 64 && hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
            is_hash.then(|| Self { seq, hash: hash.to_owned() })
        });
        mark.ok_or("must be the number of an entry, a colon and its hash, as printed by an earlier run")
    }
}

/// The last entry; none when the log is empty.
///
/// # Errors
/// When the database cannot be read.
pub async fn head(connection: &impl ConnectionTrait) -> Result<Option<Mark>> {
    let last = audit_entry::Entity::find().order_by_desc(audit_entry::COLUMN.seq).one(connection).await?;
    Ok(last.map(|last| Mark { seq: last.seq, hash: last.hash }))
}

/// Writes the last entry into the process's log, for `almanac audit verify --expect`: what is collected from there is out of
/// reach of those who can change the database.
///
/// # Errors
/// When the database cannot be read.
pub async fn log_head(state: &State) -> Result<()> {
    if let Some(head) = head(state.database().reader()).await? {
        tracing::info!(audit.head = %head, "the audit log ends here");
    }
    Ok(())
}

/// What is wrong with the log, at the first entry where it shows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// Something is not as it was written.
    #[error("entry {0} is not as it was written: its hash does not fit")]
    Changed(i64),
    /// Entries were removed.
    #[error("entry {0} is missing")]
    Missing(i64),
    /// The entry before is not the one that it was written after.
    #[error("entry {0} was not written after the one before it")]
    Unlinked(i64),
    /// The log is sound, but another one.
    #[error("entry {0} is not the one that was expected: the log was written anew")]
    Replaced(i64),
    /// The log is sound, but shorter than it was.
    #[error("the log ends with entry {last}, and entry {expected} was expected: its end was cut off")]
    CutOff {
        /// The last entry that there is.
        last: i64,
        /// The entry that was there once.
        expected: i64,
    },
}

/// A log that is as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sound {
    /// How many entries it has.
    pub entries: i64,
    /// Its last entry; none when it is empty.
    pub last: Option<Mark>,
}

/// Computes the chain again, from the first entry to the last. A chain whose end was cut off, or that was written anew
/// from some entry on, is sound in itself: only a mark that was kept elsewhere tells.
///
/// # Errors
/// When the database cannot be read.
pub async fn verify(connection: &impl ConnectionTrait, expect: Option<&Mark>) -> Result<Result<Sound, Damage>> {
    let mut last = Mark { seq: 0, hash: String::new() };
    loop {
        let page = audit_entry::Entity::find()
            .filter(audit_entry::COLUMN.seq.gt(last.seq))
            .order_by_asc(audit_entry::COLUMN.seq)
            .limit(PAGE)
            .all(connection)
            .await?;
        if page.is_empty() {
            break;
        }
        for entry in page {
            if let Some(damage) = damage(&last, &entry, expect)? {
                return Ok(Err(damage));
            }
            last = Mark { seq: entry.seq, hash: entry.hash };
        }
    }
    if let Some(expect) = expect
        && last.seq < expect.seq
    {
        return Ok(Err(Damage::CutOff { last: last.seq, expected: expect.seq }));
    }
    Ok(Ok(Sound { entries: last.seq, last: (last.seq > 0).then_some(last) }))
}

fn damage(before: &Mark, entry: &audit_entry::Model, expect: Option<&Mark>) -> Result<Option<Damage>> {
    Ok(if entry.seq != before.seq + 1 {
        Some(Damage::Missing(before.seq + 1))
    } else if hash(entry)? != entry.hash {
        Some(Damage::Changed(entry.seq))
    } else if entry.previous_hash != before.hash {
        Some(Damage::Unlinked(entry.seq))
    } else if expect.is_some_and(|expect| expect.seq == entry.seq && expect.hash != entry.hash) {
        Some(Damage::Replaced(entry.seq))
    } else {
        None
    })
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
    // What there was no column for does not count where there is nothing in it.
    let target = (row.target_kind.is_some() || row.target_id.is_some()).then_some((&row.target_kind, row.target_id));
    if let Some(columns) = columns.as_array_mut()
        && (row.network.is_some() || row.api_token_id.is_some() || target.is_some())
    {
        columns.extend([serde_json::to_value(&row.network)?, serde_json::to_value(row.api_token_id)?]);
        columns.extend(target.map(serde_json::to_value).transpose()?);
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
            target_kind: None,
            target_id: None,
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
