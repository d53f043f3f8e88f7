//! What is over is kept for a while, so that people can see how it ended, and then removed. docs/operating.md ("Replicas, outages and
//! backup") has the rule. History is never removed: revisions, publications, changes and audit entries.

use std::time::Duration as StdDuration;

use chrono::{DateTime, Duration, Utc};
use entities::{account_link, idempotency_key, lease, preview, rate_limit, refresh_token, schedule, session};
use sea_orm::{
    ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    sea_query::IntoCondition,
};
use uuid::Uuid;

use crate::{background::repeat, error::Result, idempotency, state::State};

/// How long sessions with their refresh tokens, previews, and links to set a password are kept after they ended.
pub const CREDENTIALS: Duration = Duration::days(7);
/// How long a lease is kept after it expired.
pub const LEASES: Duration = Duration::days(1);
/// How long a schedule is kept after it was carried out, has failed or was called off.
pub const SCHEDULES: Duration = Duration::days(90);
/// How long a minute's use of quotas is kept.
pub const QUOTAS: Duration = Duration::hours(1);

/// How often it is looked for.
const INTERVAL: StdDuration = StdDuration::from_hours(1);
/// How many rows of a table are removed in one transaction: others wait to write meanwhile.
const BATCH: u64 = 500;

/// Removes what is over, for as long as the process runs.
pub async fn follow(state: State) {
    repeat(state, INTERVAL, "what is over cannot be removed", |state| async move { prune(&state).await.map(drop) })
        .await;
}

/// Removes what is over, and returns how many rows.
///
/// # Errors
/// When the database cannot be written; what was not removed is removed the next time.
pub async fn prune(state: &State) -> Result<u64> {
    let now = state.now();
    let mut removed = 0;
    loop {
        let transaction = state.database().begin_write().await?;
        let most = [
            sessions(&transaction, now - CREDENTIALS).await?,
            previews(&transaction, now - CREDENTIALS).await?,
            links(&transaction, now - CREDENTIALS).await?,
            remove::<lease::Entity>(
                &transaction,
                lease::Column::DocumentId,
                lease::Column::ExpiresAt.lte(now - LEASES),
            )
            .await?,
            schedules(&transaction, now - SCHEDULES).await?,
            keys(&transaction, now - idempotency::KEPT).await?,
            quotas(&transaction, now - QUOTAS).await?,
        ];
        transaction.commit().await?;
        removed += most.iter().sum::<u64>();
        if most.iter().all(|rows| *rows < BATCH) {
            return Ok(removed);
        }
    }
}

/// Removes some rows of a table with this primary key.
async fn remove<E: EntityTrait>(
    transaction: &DatabaseTransaction,
    key: E::Column,
    over: impl IntoCondition,
) -> Result<u64> {
    let some = E::find().select_only().column(key).filter(over).limit(BATCH).into_query();
    Ok(E::delete_many().filter(key.in_subquery(some)).exec(transaction).await?.rows_affected)
}

async fn sessions(transaction: &DatabaseTransaction, end: DateTime<Utc>) -> Result<u64> {
    let over = Condition::any().add(session::Column::EndedAt.lte(end)).add(session::Column::ExpiresAt.lte(end));
    let some = session::Entity::find()
        .select_only()
        .column(session::Column::Id)
        .filter(over)
        .order_by_asc(session::Column::Id)
        .limit(BATCH)
        .into_tuple::<Uuid>()
        .all(transaction)
        .await?;
    if some.is_empty() {
        return Ok(0);
    }
    let tokens = refresh_token::Column::SessionId.is_in(some.iter().copied());
    let tokens = refresh_token::Entity::delete_many().filter(tokens).exec(transaction).await?;
    let sessions = session::Entity::delete_many().filter(session::Column::Id.is_in(some)).exec(transaction).await?;
    Ok(tokens.rows_affected.max(sessions.rows_affected))
}

async fn previews(transaction: &DatabaseTransaction, end: DateTime<Utc>) -> Result<u64> {
    let over = Condition::any().add(preview::Column::RevokedAt.lte(end)).add(preview::Column::ExpiresAt.lte(end));
    remove::<preview::Entity>(transaction, preview::Column::Id, over).await
}

async fn links(transaction: &DatabaseTransaction, end: DateTime<Utc>) -> Result<u64> {
    let over =
        Condition::any().add(account_link::Column::UsedAt.lte(end)).add(account_link::Column::ExpiresAt.lte(end));
    remove::<account_link::Entity>(transaction, account_link::Column::Hash, over).await
}

/// One that failed is told of until somebody sees to it, but no longer than this.
async fn schedules(transaction: &DatabaseTransaction, end: DateTime<Utc>) -> Result<u64> {
    remove::<schedule::Entity>(transaction, schedule::Column::Id, schedule::Column::SettledAt.lte(end)).await
}

/// Of a key with two columns, all rows at once: there are few, since they are removed when others come, too.
async fn keys(transaction: &DatabaseTransaction, end: DateTime<Utc>) -> Result<u64> {
    let over = idempotency_key::Column::CreatedAt.lte(end);
    Ok(idempotency_key::Entity::delete_many().filter(over).exec(transaction).await?.rows_affected.min(BATCH - 1))
}

/// The same.
async fn quotas(transaction: &DatabaseTransaction, end: DateTime<Utc>) -> Result<u64> {
    let over = rate_limit::Column::WindowStart.lte(end.timestamp());
    Ok(rate_limit::Entity::delete_many().filter(over).exec(transaction).await?.rows_affected.min(BATCH - 1))
}
