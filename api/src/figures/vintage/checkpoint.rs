//! Where the past was gone through up to: what each sheet's history remembers, stored, so that a start reads what was
//! published since and not all that ever was.
//!
//! It is a cache, and worth nothing to anybody but the code that made it: another policy, or another way to disclose, and the
//! past is gone through once more.

use std::sync::atomic::Ordering;

use entities::{DisclosurePolicy, figure_checkpoint};
use sea_orm::{ActiveValue::Set, ConnectionTrait, DatabaseTransaction, EntityTrait, sea_query::OnConflict};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Position, SheetKey, Vintages, history::StoredHistory};
use crate::{database::Database, error::Result};

/// After how many publications the next checkpoint is written: so many a start goes through at most, and those of the time
/// until the writer comes.
pub const INTERVAL: u64 = 64;
/// The same in changes of any kind: what is no figure is passed over, but not for nothing.
pub const INTERVAL_OF_CHANGES: i64 = 2_048;

/// Which code made a checkpoint: whatever decides what is remembered.
const CODE: u64 = {
    let disclosure = hash(0, include_bytes!("../disclosure.rs"));
    let memory = hash(disclosure, include_bytes!("../disclosure/memory.rs"));
    let revised = hash(memory, include_bytes!("../disclosure/revised.rs"));
    let rounding = hash(revised, include_bytes!("../disclosure/rounding.rs"));
    let suppression = hash(rounding, include_bytes!("../disclosure/suppression.rs"));
    let history = hash(suppression, include_bytes!("history.rs"));
    hash(history, include_bytes!("../year_sheet.rs"))
};

/// FNV-1a.
const fn hash(seed: u64, bytes: &[u8]) -> u64 {
    let mut hash = seed ^ 0xcbf2_9ce4_8422_2325;
    let mut index = 0;
    while index < bytes.len() {
        hash = (hash ^ bytes[index] as u64).wrapping_mul(0x0100_0000_01b3);
        index += 1;
    }
    hash
}

/// The row that says what holds for all the others.
const HEAD: Uuid = Uuid::nil();

#[derive(Serialize, Deserialize)]
struct Head {
    code: u64,
    policy: DisclosurePolicy,
    /// Every change up to this one was gone through.
    through: i64,
    /// The newest publication of anything of figures that is no sheet.
    others: Option<Position>,
}

/// What is stored of a sheet.
#[derive(Serialize, Deserialize)]
struct Row {
    key: SheetKey,
    history: StoredHistory,
}

/// What was gone through before.
pub(super) struct Checkpoint {
    pub(super) through: i64,
    pub(super) others: Option<Position>,
    pub(super) is_same_policy: bool,
    /// The histories, with the documents that they are of.
    pub(super) histories: Vec<(SheetKey, Uuid, StoredHistory)>,
}

/// The checkpoint, if there is one that this code wrote.
///
/// # Errors
/// When the database cannot be read.
pub(super) async fn read(
    transaction: &DatabaseTransaction,
    policy: DisclosurePolicy,
    newest: i64,
) -> Result<Option<Checkpoint>> {
    let (mut head, mut histories) = (None, Vec::new());
    for row in figure_checkpoint::Entity::find().all(transaction).await? {
        if row.document_id == HEAD {
            head = serde_json::from_value::<Head>(row.content).ok();
        } else {
            histories.push((row.document_id, row.content));
        }
    }
    let head = head.filter(|head| head.code == CODE && head.through <= newest);
    let Some(Head { policy: of, through, others, .. }) = head else { return Ok(None) };
    let read = |(document, content)| {
        let Row { key, history } = serde_json::from_value(content)?;
        Ok((key, document, history))
    };
    let Ok(histories) = histories.into_iter().map(read).collect::<Result<_>>() else { return Ok(None) };
    Ok(Some(Checkpoint { through, others, is_same_policy: of == policy, histories }))
}

/// Writes one, unless a newer one is there: the sheets that changed since the last one, or all of them when that is of no use.
/// `through` is the change up to which everything is told of.
///
/// # Errors
/// When the database cannot be written.
pub async fn write(database: &Database, vintages: &Vintages, through: i64) -> Result<()> {
    let transaction = database.begin_write().await?;
    let known = figure_checkpoint::Entity::find_by_id(HEAD).one(&*transaction).await?;
    let known = known.and_then(|row| serde_json::from_value::<Head>(row.content).ok());
    let known = known.filter(|head| head.code == CODE && head.policy == vintages.policy);
    if known.as_ref().is_none_or(|head| head.through < through) {
        let since = known.map_or(-1, |head| head.through);
        if since < 0 {
            figure_checkpoint::Entity::delete_many().exec(&*transaction).await?;
        }
        for (key, history) in vintages.sheets.iter().filter(|(_, history)| history.last.seq > since) {
            let row = Row { key: key.clone(), history: history.store() };
            put(&*transaction, history.document, serde_json::to_value(row)?).await?;
        }
        let head = Head { code: CODE, policy: vintages.policy, through, others: vintages.others };
        put(&*transaction, HEAD, serde_json::to_value(head)?).await?;
        transaction.commit().await?;
    }
    vintages.saved.pushed.fetch_max(vintages.pushed, Ordering::AcqRel);
    vintages.saved.through.fetch_max(through, Ordering::AcqRel);
    Ok(())
}

async fn put(connection: &impl ConnectionTrait, document: Uuid, content: serde_json::Value) -> Result<()> {
    let row = figure_checkpoint::ActiveModel { document_id: Set(document), content: Set(content) };
    let replace = OnConflict::column(figure_checkpoint::Column::DocumentId)
        .update_column(figure_checkpoint::Column::Content)
        .to_owned();
    figure_checkpoint::Entity::insert(row).on_conflict(replace).exec_without_returning(connection).await?;
    Ok(())
}
