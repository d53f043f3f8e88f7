//! Setting schedules, calling them off, and carrying them out when they are due: exactly once, whichever process comes
//! first, since only one transaction writes at a time and each looks whether the schedule is still pending.

use std::time::Duration;

use entities::{Moment, Rule, ScheduleAction, ScheduleOutcome, schedule as schedules};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use serde_json::json;
use uuid::Uuid;

use crate::{
    access::{Actor, Editor, delegation::Delegation, permission::Action},
    background::repeat,
    document::{Seen, publish, refuse_archived, seen},
    editorial::{Edit, Release, schedule},
    error::{Error, Result},
    state::State,
    transaction::{Origin, Transaction},
};

/// The name of a carried-out schedule in the audit log.
const ACTION: &str = "schedule";
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
    schedule::settle(edit.connection(), &row, &[plan.action], now).await?;
    let new = schedules::ActiveModel {
        id: Set(edit.transaction().state().new_id()),
        document_id: Set(row.id),
        version: Set(row.version),
        action: Set(plan.action),
        due_at: Set(plan.at.get()),
        time_zone: Set(plan.time_zone),
        release_kind: Set(plan.release.kind),
        reason: Set(plan.release.reason),
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

/// Calls off a schedule that is still pending.
///
/// # Errors
/// [`Error::Forbidden`]; [`Error::NotFound`] when there is no such schedule, or it was carried out by now.
pub async fn cancel(edit: &mut Edit<'_>, id: Uuid) -> Result<Uuid> {
    let missing = || Error::NotFound("the pending schedule");
    edit.editor().permit_any(Action::Publish)?;
    let found = schedules::Entity::find_by_id(id).one(edit.connection()).await?;
    let pending = found.filter(|schedule| schedule.outcome.is_none()).ok_or_else(missing)?;
    let (document, _) = super::permitted(edit, pending.document_id, Action::Publish, missing).await?;
    let now = edit.transaction().now();
    schedule::settle(edit.connection(), &document, &[pending.action], now).await?;
    Ok(document.id)
}

/// Carries out what is due for as long as the process runs.
pub async fn follow(state: State) {
    let work = |state| async move { run_due(&state).await.map(drop) };
    repeat(state, INTERVAL, "schedules cannot be carried out", work).await;
}

/// Carries out what is due, and returns how many schedules this process settled.
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
    for schedule in due {
        settled += usize::from(carry_out(state, schedule.id).await?);
    }
    Ok(settled)
}

async fn carry_out(state: &State, id: Uuid) -> Result<bool> {
    let mut transaction = Transaction::begin(state, Actor::CommandLine, Origin::default()).await?;
    let found = schedules::Entity::find_by_id(id).one(transaction.connection()).await?;
    // Another process may have been faster.
    let Some(plan) = found.filter(|schedule| schedule.outcome.is_none()) else { return Ok(false) };
    transaction.acts_as(Actor::Schedule(plan.created_by));
    transaction.acts_with(plan.api_token_id);
    transaction.checkpoint().await?;
    let done = attempt(&mut transaction, &plan).await;
    if let Err(error @ Error::Unavailable(_)) = done {
        return Err(error);
    }
    let mut outcome = schedules::ActiveModel { id: Set(id), settled_at: Set(Some(state.now())), ..Default::default() };
    match done {
        Ok(()) => {
            outcome.outcome = Set(Some(ScheduleOutcome::Done));
            outcome.update(transaction.connection()).await?;
            schedule::note_due(transaction.connection(), plan.document_id).await?;
            transaction.about(plan.document_id, plan.version);
            transaction.commit(ACTION).await?;
        }
        Err(error) => {
            tracing::warn!(schedule = %id, document = %plan.document_id, error = %error, "a schedule could not be kept");
            transaction.roll_back().await?;
            outcome.outcome = Set(Some(ScheduleOutcome::Failed));
            outcome.failure = Set(Some(failure(&error)));
            outcome.update(transaction.connection()).await?;
            schedule::note_due(transaction.connection(), plan.document_id).await?;
            transaction.about(plan.document_id, plan.version);
            transaction.checkpoint().await?;
            transaction.refuse(ACTION, error.code()).await?;
        }
    }
    Ok(true)
}

async fn attempt(transaction: &mut Transaction, plan: &schedules::Model) -> Result<()> {
    let maker = Delegation::stored(plan.created_by, plan.api_token_id, plan.scopes.clone());
    let editor = Editor::of_schedule(transaction.state(), transaction.connection(), maker).await?;
    let mut edit = Edit::new(transaction, &editor);
    let id = plan.document_id;
    match plan.action {
        ScheduleAction::Publish => {
            let document = Seen { id, version: plan.version };
            let release = Release { kind: plan.release_kind, reason: plan.reason.clone() };
            publish::publish(&mut edit, &[document], &release, |_| Vec::new()).await
        }
        ScheduleAction::Unpublish => {
            // A notice that expires must go, even if somebody has corrected a word of it since.
            let missing = || Error::NotFound("the document");
            let (document, _) = super::permitted(&mut edit, id, Action::Publish, missing).await?;
            let version = document.version;
            publish::unpublish(&mut edit, Seen { id, version }, plan.reason.as_deref()).await
        }
    }
}

/// What is kept of a failure: its code, and its words in each language that Almanac speaks.
fn failure(error: &Error) -> serde_json::Value {
    json!({
        "code": error.code().as_str(),
        "en": error.message(entities::Language::English),
        "ja": error.message(entities::Language::Japanese),
    })
}
