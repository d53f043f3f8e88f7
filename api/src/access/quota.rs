//! How much each caller may ask for in a minute, counted in points of cost.
//!
//! [`Quota::draw`] counts in the memory of this process and waits for nothing. Where several processes share a database,
//! [`follow`] tells the others what was counted here and learns what they counted: about twice a second, in a table that
//! holds the last minutes only. So a caller who goes from one process to the next gets what half a second lets through
//! beyond the quota, and no more. While the database is away, each process counts by itself.
//!
//! What a request costs, and what a caller who has used up the quota is told, is in `http/meter.rs`. Attempts to sign in
//! have limits of their own, in `access/throttle.rs`.

use std::{
    collections::{BTreeMap, HashMap},
    convert::Infallible,
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, Utc};
use entities::rate_limit;
use quick_cache::sync::Cache;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter,
    sea_query::{Expr, OnConflict},
};
use uuid::Uuid;

use super::{Caller, Credential, audit::sha256, network::Network};
use crate::{
    background::repeat,
    error::{Error, Result},
    state::State,
};

/// The length of a window, in seconds. Windows begin with the minutes of the clock.
pub const WINDOW: i64 = 60;
/// How many callers are counted at once. Of more than that, those go first who have not been here for long.
const CALLERS: usize = 100_000;
/// How often processes tell each other what they have counted.
const INTERVAL: Duration = Duration::from_millis(500);
/// Rows of one statement: three values each, of 65,535.
const ROWS: usize = 5_000;

/// Whose quota it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// An account that is signed in, in all its sessions.
    Account(Uuid),
    /// An API token.
    ApiToken(Uuid),
    /// A network with somebody in it who is not signed in.
    Network(Network),
}

impl Subject {
    /// Whose quota a request draws from.
    #[must_use]
    pub fn of(caller: &Caller) -> Self {
        match &caller.credential {
            Some(Credential::Session(claims)) => Self::Account(claims.sub),
            Some(Credential::Foreign(foreign)) => Self::Account(foreign.account),
            Some(Credential::ApiToken(id)) => Self::ApiToken(*id),
            None => Self::Network(caller.origin.network),
        }
    }

    /// What it is called in the table: the same in every process.
    fn key(&self) -> String {
        let name = match self {
            Self::Account(id) => format!("account {id}"),
            Self::ApiToken(id) => format!("token {id}"),
            Self::Network(network) => format!("network {network}"),
        };
        sha256(name.as_bytes())
    }
}

/// What is left of a quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remaining {
    /// Points.
    pub points: u64,
    /// Seconds until there is a whole quota again: 1 to 60.
    pub reset: i64,
}

/// The quota of this window is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// Seconds until there is a whole quota again: 1 to 60.
    pub reset: i64,
}

/// What one caller has drawn.
struct Counter {
    subject: Subject,
    tally: Mutex<Tally>,
}

#[derive(Default)]
struct Tally {
    /// When the window began, in Unix seconds.
    window: i64,
    /// Points drawn in the window, here and, as far as it is known, elsewhere.
    used: u64,
    /// Those of them that were drawn here and that the others do not know of.
    unshared: u64,
    /// Whether the counter is among those that are to be shared.
    is_listed: bool,
}

/// The quotas of all callers, as this process knows them.
pub struct Quota {
    limit: u64,
    counters: Cache<Subject, Arc<Counter>>,
    /// The counters that the other processes do not know all of; nothing where there are no others.
    unshared: Option<Mutex<Vec<Arc<Counter>>>>,
    /// The window in which old rows were last deleted.
    swept: AtomicI64,
}

impl Quota {
    /// A quota of `limit` points a minute for each caller; 0 is none. `is_shared` says whether other processes count, too.
    #[must_use]
    pub fn new(limit: u64, is_shared: bool) -> Self {
        Self {
            limit,
            counters: Cache::new(CALLERS),
            unshared: is_shared.then(Mutex::default),
            swept: AtomicI64::default(),
        }
    }

    /// Draws `cost` points. Whoever has a point left is served, even if that is more than what is left: the wait that
    /// the others are told is true for every request, however dear. 0 points ask whether the quota is used up.
    ///
    /// # Errors
    /// When the quota is used up; then nothing is drawn.
    pub fn draw(&self, subject: &Subject, cost: u64, now: DateTime<Utc>) -> Result<Remaining, Exceeded> {
        let (window, reset) = window(now);
        if self.limit == 0 {
            return Ok(Remaining { points: u64::MAX, reset });
        }
        let counter = || Ok::<_, Infallible>(Arc::new(Counter { subject: subject.clone(), tally: Mutex::default() }));
        let Ok(counter) = self.counters.get_or_insert_with(subject, counter);
        let mut tally = lock(&counter.tally);
        // Those who read the clock just before the minute ended count in the next one. A clock that was set back is believed.
        if !(0..=WINDOW).contains(&(tally.window - window)) {
            *tally = Tally { window, is_listed: tally.is_listed, ..Tally::default() };
        }
        if tally.used >= self.limit {
            return Err(Exceeded { reset });
        }
        tally.used = tally.used.saturating_add(cost);
        let points = self.limit.saturating_sub(tally.used);
        if cost > 0 && self.unshared.is_some() {
            tally.unshared = tally.unshared.saturating_add(cost);
            self.list(&counter, &mut tally);
        }
        Ok(Remaining { points, reset })
    }

    /// Notes that a counter has something to share. When too many have, because the database is away, it stays unnoted
    /// until it counts again.
    fn list(&self, counter: &Arc<Counter>, tally: &mut Tally) {
        let Some(unshared) = &self.unshared else { return };
        if tally.is_listed {
            return;
        }
        let mut unshared = lock(unshared);
        if unshared.len() < CALLERS {
            unshared.push(Arc::clone(counter));
            tally.is_listed = true;
        }
    }

    /// Adds what was counted here to what all processes have counted, and takes over the sums.
    async fn exchange(&self, connection: &impl ConnectionTrait, now: DateTime<Utc>) -> Result<()> {
        let Some(unshared) = &self.unshared else { return Ok(()) };
        let listed = mem::take(&mut *lock(unshared));
        if listed.is_empty() {
            return Ok(());
        }
        let shares = shares(listed);
        // In the order of their keys, so that two processes never wait for each other's rows.
        for (done, chunk) in shares.chunks(ROWS).enumerate() {
            match add(connection, chunk).await {
                Ok(sums) => chunk.iter().for_each(|share| share.take_over(&sums)),
                Err(error) => {
                    shares.iter().skip(done * ROWS).for_each(|share| self.take_back(share));
                    return Err(error);
                }
            }
        }
        let (window, _) = window(now);
        if self.swept.swap(window, Ordering::Relaxed) != window {
            // The clocks of two machines may be apart: the window before is left alone.
            let old = rate_limit::Column::WindowStart.lt(window - WINDOW);
            rate_limit::Entity::delete_many().filter(old).exec(connection).await?;
        }
        Ok(())
    }

    /// Has a share wait for the next time.
    fn take_back(&self, share: &Share) {
        // A caller has several counters when the first was dropped for want of room; one of them can speak for all.
        let Some(counter) = share.counters.last() else { return };
        let mut tally = lock(&counter.tally);
        if tally.window == share.window {
            tally.unshared = tally.unshared.saturating_add(share.points);
            self.list(counter, &mut tally);
        }
    }
}

/// What one caller has drawn here in a window that the others do not know of.
struct Share {
    key: String,
    window: i64,
    points: u64,
    counters: Vec<Arc<Counter>>,
}

impl Share {
    /// Goes on from the sum of all processes.
    fn take_over(&self, sums: &HashMap<(String, i64), u64>) {
        let Some(sum) = sums.get(&(self.key.clone(), self.window)) else { return };
        for counter in &self.counters {
            let mut tally = lock(&counter.tally);
            if tally.window == self.window {
                tally.used = sum.saturating_add(tally.unshared);
            }
        }
    }
}

/// Takes out of these counters what is to be shared.
fn shares(counters: Vec<Arc<Counter>>) -> Vec<Share> {
    let mut shares = BTreeMap::<(String, i64), Share>::new();
    for counter in counters {
        let mut tally = lock(&counter.tally);
        tally.is_listed = false;
        let (window, points) = (tally.window, mem::take(&mut tally.unshared));
        drop(tally);
        if points > 0 {
            let key = counter.subject.key();
            let empty = || Share { key: key.clone(), window, points: 0, counters: Vec::new() };
            let share = shares.entry((key.clone(), window)).or_insert_with(empty);
            share.points = share.points.saturating_add(points);
            share.counters.push(counter);
        }
    }
    shares.into_values().collect()
}

/// Adds shares to the table, and reads the sums.
async fn add(connection: &impl ConnectionTrait, shares: &[Share]) -> Result<HashMap<(String, i64), u64>> {
    let rows = shares.iter().map(|share| rate_limit::ActiveModel {
        subject: Set(share.key.clone()),
        window_start: Set(share.window),
        used: Set(i64::try_from(share.points).unwrap_or(i64::MAX)),
    });
    let sum = Expr::col((rate_limit::Entity, rate_limit::Column::Used))
        .add(Expr::col(("excluded", rate_limit::Column::Used)));
    let add = OnConflict::columns([rate_limit::Column::Subject, rate_limit::Column::WindowStart])
        .value(rate_limit::Column::Used, sum)
        .to_owned();
    let rows = rate_limit::Entity::insert_many(rows).on_conflict(add).exec_with_returning(connection).await?;
    let sum = |row: rate_limit::Model| {
        Ok(((row.subject, row.window_start), u64::try_from(row.used).map_err(Error::internal)?))
    };
    rows.into_iter().map(sum).collect()
}

/// Shares quotas with the other processes for as long as this one runs; returns at once where there are none.
pub async fn follow(state: State) {
    if state.database().shared().is_some() && state.config().rate_limit > 0 {
        repeat(state, INTERVAL, "quotas cannot be shared", |state| async move { share(&state).await }).await;
    }
}

/// Tells the other processes what was drawn here, and learns what was drawn there.
///
/// # Errors
/// When the database cannot be written; what was drawn here is told the next time.
pub async fn share(state: &State) -> Result<()> {
    match state.database().shared() {
        Some(connection) => state.quota().exchange(connection, state.now()).await,
        None => Ok(()),
    }
}

/// When the window of this moment began, in Unix seconds, and the seconds until it ends.
fn window(now: DateTime<Utc>) -> (i64, i64) {
    let elapsed = now.timestamp().rem_euclid(WINDOW);
    (now.timestamp() - elapsed, WINDOW - elapsed)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).expect("a moment")
    }

    fn network(number: u32) -> Subject {
        Subject::Network(Network::of(IpAddr::V4(number.into())))
    }

    #[test]
    fn a_quota_is_for_one_caller_and_one_minute() {
        let quota = Quota::new(100, false);
        assert_eq!(quota.draw(&network(1), 60, at(120)), Ok(Remaining { points: 40, reset: 60 }));
        assert_eq!(quota.draw(&network(1), 60, at(150)), Ok(Remaining { points: 0, reset: 30 }));
        assert_eq!(quota.draw(&network(1), 1, at(179)), Err(Exceeded { reset: 1 }));
        assert_eq!(quota.draw(&network(2), 1, at(179)), Ok(Remaining { points: 99, reset: 1 }));
        assert_eq!(quota.draw(&network(1), 1, at(180)), Ok(Remaining { points: 99, reset: 60 }));
    }

    #[test]
    fn a_clock_that_is_read_late_or_set_back_gives_nothing_away_and_shuts_nobody_out() {
        let quota = Quota::new(100, false);
        quota.draw(&network(1), 100, at(3_600)).expect("a quota");
        assert!(quota.draw(&network(1), 1, at(3_599)).is_err(), "read late");
        assert!(quota.draw(&network(1), 1, at(60)).is_ok(), "set back");
    }

    #[test]
    fn without_a_limit_nothing_is_counted() {
        let quota = Quota::new(0, true);
        for _ in 0..3 {
            assert_eq!(quota.draw(&network(1), u64::MAX, at(0)), Ok(Remaining { points: u64::MAX, reset: 60 }));
        }
        assert_eq!(quota.counters.len(), 0);
    }

    #[test]
    fn callers_without_number_take_no_more_memory_than_there_is_for_them() {
        let quota = Quota::new(100, true);
        for number in 0..u32::try_from(CALLERS * 2).expect("not that many") {
            quota.draw(&network(number), 1, at(0)).expect("a quota");
        }
        assert!(quota.counters.len() <= CALLERS);
        assert_eq!(quota.unshared.map(|unshared| lock(&unshared).len()), Some(CALLERS));
    }

    #[test]
    fn what_could_not_be_shared_is_shared_the_next_time() {
        let quota = Quota::new(100, true);
        let listed = || mem::take(&mut *lock(quota.unshared.as_ref().expect("others")));
        quota.draw(&network(1), 30, at(0)).expect("a quota");
        let failed = shares(listed());
        quota.draw(&network(1), 2, at(1)).expect("a quota");
        quota.take_back(&failed[0]);
        let next = shares(listed());
        assert_eq!((next.len(), next[0].points), (1, 32));
        next[0].take_over(&HashMap::from([((next[0].key.clone(), 0), 90)]));
        assert_eq!(quota.draw(&network(1), 3, at(2)), Ok(Remaining { points: 7, reset: 58 }));
    }
}
