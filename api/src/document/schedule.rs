//! Setting schedules, calling them off, and carrying them out when they are due: exactly once, whichever process comes
//! first, since only one transaction writes at a time and each looks whether the schedule is still pending.

use std::{collections::BTreeSet, time::Duration};

use entities::{Moment, Rule, ScheduleAction, ScheduleOutcome, document, schedule as schedules};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    access::{Actor, Editor, delegation::Delegation, permission::Action},
    background::repeat,
    content::page,
    document::{
        Seen,
        publish::{self, Item, Links, Refusal, Withdrawn},
        refuse_archived, seen,
    },
    editorial::{Edit, Release, schedule},
    error::{Error, Result},
    state::State,
    transaction::{Origin, Transaction},
};

/// The name of a carried-out schedule in the audit log.
const ACTION: &str = "schedule";
/// What global ids of schedules, and the audit log, call a schedule.
pub const TYPE_NAME: &str = "Schedule";
/// How often a process looks for what is due.
const INTERVAL: Duration = Duration::from_millis(250);

/// What is to be done when.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What.
    pub action: ScheduleAction,
    /// When.
    pub at: Moment,
    /// The zone in which the editor thinks of it (IANA).
    pub time_zone: String,
    /// Why.
    pub release: Release,
    /// What a withdrawal does to the links of published pages.
    pub links: Links,
}

/// Schedules that this version of a document is published or withdrawn, instead of what was scheduled of that action
/// before.
///
/// # Errors
/// [`Error::Forbidden`]; [`Error::Conflict`]; [`Error::Invalid`] when the moment has passed or the document is archived.
pub async fn set(edit: &mut Edit<'_>, document: Seen, plan: Plan) -> Result<()> {
    let (row, _) = seen(edit, document, Action::Publish, &[]).await?;
    refuse_archived(&row, &[])?;
    let now = edit.transaction().now();
    if plan.at.get() <= now {
        return Err(Error::invalid(["at"], Rule::InThePast));
    }
    let maker = edit.editor().delegation()?.clone();
    if maker.is_outlived_by(plan.at.get()) {
        return Err(Error::invalid(["at"], Rule::OutlivesToken));
    }
    if is_opposed(edit.connection(), &row, &plan).await? {
        return Err(Error::invalid(["at"], Rule::OppositeSchedule));
    }
    schedule::settle(edit.connection(), &row, &[plan.action], now).await?;
    let id = edit.transaction().state().new_id();
    edit.transaction().targets(TYPE_NAME, id);
    let new = schedules::ActiveModel {
        id: Set(id),
        document_id: Set(row.id),
        version: Set(row.version),
        action: Set(plan.action),
        due_at: Set(plan.at.get()),
        time_zone: Set(plan.time_zone),
        release_kind: Set(plan.release.kind),
        reason: Set(plan.release.reason),
        break_links: Set(plan.links == Links::Break),
        created_by: Set(maker.account),
        api_token_id: Set(maker.api_token),
        scopes: Set(maker.scopes),
        created_at: Set(now),
        outcome: Set(None),
        failure: Set(None),
        settled_at: Set(None),
    };
    schedules::Entity::insert(new).exec(edit.connection()).await?;
    schedule::note_due(edit.connection(), row.id).await
}

/// Whether another schedule does the opposite at the same moment: publishes what this one withdraws, or the other way round.
/// A page is withdrawn with its texts.
async fn is_opposed(connection: &impl ConnectionTrait, row: &document::Model, plan: &Plan) -> Result<bool> {
    let pending = schedules::Entity::find()
        .filter(schedules::COLUMN.outcome.is_null())
        .filter(schedules::COLUMN.due_at.eq(plan.at.get()));
    let opposite = match plan.action {
        ScheduleAction::Publish => {
            let withdrawn = std::iter::once(row.id).chain(row.owner_id);
            pending
                .filter(schedules::COLUMN.action.eq(ScheduleAction::Unpublish))
                .filter(schedules::COLUMN.document_id.is_in(withdrawn))
        }
        ScheduleAction::Unpublish => {
            let texts = document::Entity::find().filter(document::COLUMN.owner_id.eq(row.id));
            let texts: Vec<Uuid> =
                texts.select_only().column(document::Column::Id).into_tuple().all(connection).await?;
            pending
                .filter(schedules::COLUMN.action.eq(ScheduleAction::Publish))
                .filter(schedules::COLUMN.document_id.is_in(std::iter::once(row.id).chain(texts)))
        }
    };
    Ok(opposite.one(connection).await?.is_some())
}

/// Calls off a schedule that is still pending.
///
/// # Errors
/// [`Error::Forbidden`]; [`Error::NotFound`] when there is no such schedule, or it was carried out by now.
pub async fn cancel(edit: &mut Edit<'_>, id: Uuid) -> Result<Uuid> {
    let missing = || Error::not_found("the pending schedule");
    edit.editor().permit_any(Action::Publish)?;
    let found = schedules::Entity::find_by_id(id).one(edit.connection()).await?;
    let pending = found.filter(|schedule| schedule.outcome.is_none()).ok_or_else(missing)?;
    let (document, _) = super::permitted(edit, pending.document_id, Action::Publish, missing).await?;
    edit.transaction().targets(TYPE_NAME, id);
    let now = edit.transaction().now();
    schedule::settle(edit.connection(), &document, &[pending.action], now).await?;
    Ok(document.id)
}

/// Those of the schedules with these ids, carried out or not, whose documents an editor may read.
///
/// # Errors
/// [`Error::Forbidden`] for an editor who may read none; or when the database cannot be read.
pub async fn among(
    connection: &impl ConnectionTrait,
    editor: &Editor,
    ids: &BTreeSet<Uuid>,
) -> Result<Vec<schedules::Model>> {
    editor.permit_any(Action::Read)?;
    let found = schedules::Entity::find().filter(schedules::COLUMN.id.is_in(ids.iter().copied()));
    let mut found = found.all(connection).await?;
    let documents: BTreeSet<Uuid> = found.iter().map(|schedule| schedule.document_id).collect();
    let documents = document::Entity::find().filter(document::COLUMN.id.is_in(documents)).all(connection).await?;
    let may_read = |document: &&document::Model| editor.grants().allow(Action::Read, document.kind, None);
    let readable: BTreeSet<Uuid> = documents.iter().filter(may_read).map(|document| document.id).collect();
    found.retain(|schedule| readable.contains(&schedule.document_id));
    Ok(found)
}

/// Carries out what is due for as long as the process runs.
pub async fn follow(state: State) {
    let work = |state| async move { run_due(&state).await.map(drop) };
    repeat(state, INTERVAL, "schedules cannot be carried out", work).await;
}

/// Carries out what is due, and returns how many schedules this process settled. What cannot be carried out for a reason that
/// nobody foresaw has failed, and holds up nothing else.
///
/// # Errors
/// When the database cannot be reached; then what was not settled is still due.
pub async fn run_due(state: &State) -> Result<usize> {
    let due = schedules::Entity::find()
        .filter(schedules::COLUMN.outcome.is_null())
        .filter(schedules::COLUMN.due_at.lte(state.now()))
        .order_by_asc(schedules::COLUMN.due_at)
        .order_by_asc(schedules::COLUMN.id)
        .all(state.database().reader())
        .await?;
    let mut settled = 0;
    for together in due.chunk_by(|one, next| one.due_at == next.due_at) {
        let ids: Vec<Uuid> = together.iter().map(|schedule| schedule.id).collect();
        settled += match carry_out(state, &ids).await {
            Err(error) if !error.is_transient() => apart(state, &ids).await?,
            settled => settled?,
        };
    }
    Ok(settled)
}

/// Carries out one after the other what could not be carried out together, though no check stood in its way.
async fn apart(state: &State, ids: &[Uuid]) -> Result<usize> {
    let mut settled = 0;
    for id in ids {
        settled += match carry_out(state, &[*id]).await {
            Err(error) if !error.is_transient() => give_up(state, *id, &error).await?,
            settled => settled?,
        };
    }
    Ok(settled)
}

async fn give_up(state: &State, id: Uuid, error: &Error) -> Result<usize> {
    let mut transaction = Transaction::begin(state, Actor::CommandLine, Origin::default()).await?;
    let pending = schedules::Entity::find_by_id(id).filter(schedules::COLUMN.outcome.is_null());
    let Some(plan) = pending.one(transaction.connection()).await? else { return Ok(0) };
    settle(&mut transaction, &plan, Some(error)).await?;
    transaction.commit_recorded().await?;
    Ok(1)
}

/// A pending schedule and the editor on whose authority it is carried out.
struct Due {
    plan: schedules::Model,
    editor: Editor,
}

/// Carries out what is due at one moment, in one transaction: documents that need each other go together, in whatever
/// order their schedules were set. What cannot be kept is left out, and the rest is tried again without it.
async fn carry_out(state: &State, ids: &[Uuid]) -> Result<usize> {
    let mut transaction = Transaction::begin(state, Actor::CommandLine, Origin::default()).await?;
    let found = schedules::Entity::find()
        .filter(schedules::COLUMN.id.is_in(ids.iter().copied()))
        // Another process may have been faster.
        .filter(schedules::COLUMN.outcome.is_null())
        .order_by_asc(schedules::COLUMN.id)
        .all(transaction.connection())
        .await?;
    let mut failed: Vec<(schedules::Model, Error)> = Vec::new();
    let mut due: Vec<Due> = Vec::new();
    for plan in found {
        let maker = Delegation::stored(plan.created_by, plan.api_token_id, plan.scopes.clone());
        match Editor::of_schedule(state, transaction.connection(), maker).await {
            Ok(editor) => due.push(Due { plan, editor }),
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => failed.push((plan, error)),
        }
    }
    transaction.checkpoint().await?;
    while !due.is_empty() {
        let Err(refusal) = attempt(&mut transaction, &due).await else { break };
        if let Refusal::Of(errors) = &refusal
            && let Some((_, error)) = errors.iter().find(|(_, error)| error.is_transient())
        {
            // They are still due, and no fault of theirs.
            return Err(error.clone());
        }
        transaction.roll_back().await?;
        failed.extend(leave_out(&mut due, refusal));
    }
    let settled = due.len() + failed.len();
    let done = due.into_iter().map(|due| (due.plan, None));
    let failed = failed.into_iter().map(|(plan, error)| (plan, Some(error)));
    for (plan, error) in done.chain(failed) {
        settle(&mut transaction, &plan, error.as_ref()).await?;
    }
    if settled > 0 {
        transaction.commit_recorded().await?;
    }
    Ok(settled)
}

/// Takes those out that cannot be kept: whatever a refusal names, or all of them when it names none.
fn leave_out(due: &mut Vec<Due>, refusal: Refusal) -> Vec<(schedules::Model, Error)> {
    match refusal {
        // From the end, so that the places before stay what they are.
        Refusal::Of(errors) => errors.into_iter().rev().map(|(index, error)| (due.remove(index).plan, error)).collect(),
        Refusal::Blocked(blockers) => {
            let of = |due: &Due| blockers.iter().any(|blocker| blocker.document_id == due.plan.document_id);
            // A text that comes back with its page has no schedule of its own.
            let names_any = due.iter().any(of);
            let (out, rest) = std::mem::take(due).into_iter().partition(|due| !names_any || of(due));
            *due = rest;
            let out: Vec<Due> = out;
            let error_of = |document: Uuid| {
                let own = blockers.iter().filter(|blocker| !names_any || blocker.document_id == document);
                Error::Blocked(own.cloned().collect())
            };
            out.into_iter().map(|due| (due.plan.clone(), error_of(due.plan.document_id))).collect()
        }
    }
}

/// Notes how a schedule ended, on the schedule and in the audit log.
async fn settle(transaction: &mut Transaction, plan: &schedules::Model, error: Option<&Error>) -> Result<()> {
    if let Some(error) = error {
        tracing::warn!(schedule = %plan.id, document = %plan.document_id, error = %error, "a schedule could not be kept");
    }
    let outcome = if error.is_none() { ScheduleOutcome::Done } else { ScheduleOutcome::Failed };
    let settled = schedules::ActiveModel {
        id: Set(plan.id),
        settled_at: Set(Some(transaction.now())),
        outcome: Set(Some(outcome)),
        failure: Set(error.map(failure)),
        ..Default::default()
    };
    settled.update(transaction.connection()).await?;
    schedule::note_due(transaction.connection(), plan.document_id).await?;
    transaction.acts_as(Actor::Schedule(plan.created_by));
    transaction.acts_with(plan.api_token_id);
    transaction.about(plan.document_id, plan.version);
    transaction.targets(TYPE_NAME, plan.id);
    transaction.record(ACTION, error.map(Error::code));
    Ok(())
}

async fn attempt(transaction: &mut Transaction, due: &[Due]) -> Result<(), Refusal> {
    let of_action = |action| due.iter().enumerate().filter(move |(_, due)| due.plan.action == action);
    let (indices, items): (Vec<usize>, Vec<Item<'_>>) = of_action(ScheduleAction::Publish)
        .map(|(index, Due { plan, editor })| {
            let document = Seen { id: plan.document_id, version: plan.version };
            let release = Release { kind: plan.release_kind, reason: plan.reason.clone() };
            (index, Item { editor, document, release, path: Vec::new() })
        })
        .unzip();
    publish::publish_all(transaction, &items).await.map_err(|refusal| match refusal {
        Refusal::Of(errors) => {
            let of_due = |(place, error)| (indices.get(place).copied().unwrap_or_default(), error);
            Refusal::Of(errors.into_iter().map(of_due).collect())
        }
        blocked @ Refusal::Blocked(_) => blocked,
    })?;
    let mut withdrawn = Vec::new();
    for (index, Due { plan, editor }) in withdrawals(transaction, due).await? {
        let mut edit = Edit::new(transaction, editor);
        let one = withdraw(&mut edit, plan).await.map_err(|error| Refusal::of(index, error))?;
        withdrawn.push((index, one, plan));
    }
    for (index, one, plan) in withdrawn {
        let spared = publish::spare(transaction.connection(), &one, plan.break_links.into()).await;
        spared.map_err(|error| Refusal::of(index, error))?;
    }
    Ok(())
}

async fn withdraw(edit: &mut Edit<'_>, plan: &schedules::Model) -> Result<Withdrawn> {
    // A notice that expires must go, even if a word of it was corrected since.
    let missing = || Error::not_found("the document");
    let (document, _) = super::permitted(edit, plan.document_id, Action::Publish, missing).await?;
    let seen = Seen { id: plan.document_id, version: document.version };
    publish::withdraw(edit, seen, plan.reason.as_deref()).await
}

/// What is to be withdrawn, pages below others first: a page stays as long as one below it is public. Texts of a page that
/// is withdrawn itself go with it.
async fn withdrawals<'a>(transaction: &Transaction, due: &'a [Due]) -> Result<Vec<(usize, &'a Due)>, Refusal> {
    let of_action = |due: &Due| due.plan.action == ScheduleAction::Unpublish;
    let all: BTreeSet<Uuid> = due.iter().filter(|due| of_action(due)).map(|due| due.plan.document_id).collect();
    let mut withdrawals = Vec::new();
    for (index, due) in due.iter().enumerate().filter(|(_, due)| of_action(due)) {
        let of = |error: Error| Refusal::of(index, error);
        let document = document::Entity::find_by_id(due.plan.document_id).one(transaction.connection()).await;
        let owner = document.map_err(|error| of(error.into()))?.and_then(|document| document.owner_id);
        if owner.is_some_and(|owner| all.contains(&owner)) {
            continue;
        }
        let depth = page::depth(transaction.connection(), due.plan.document_id).await;
        withdrawals.push((depth.map_err(of)?, index, due));
    }
    withdrawals.sort_by_key(|(depth, ..)| std::cmp::Reverse(*depth));
    Ok(withdrawals.into_iter().map(|(_, index, due)| (index, due)).collect())
}

/// What is kept of a failure: its code, and its words in each language that Almanac speaks.
fn failure(error: &Error) -> serde_json::Value {
    let words = |language| match error {
        // It is about the document, and not about an input of which fields could be named.
        Error::Invalid(faults) => {
            faults.iter().map(|fault| fault.rule.message(language)).collect::<Vec<_>>().join("; ")
        }
        error => error.message(language),
    };
    json!({
        "code": error.code().as_str(),
        "en": words(entities::Language::English),
        "ja": words(entities::Language::Japanese),
    })
}
