//! Follows the change feed: brings into memory what other processes have published, and knows when that was last found to
//! be all there is.
//!
//! PostgreSQL tells when there is a change; SQLite cannot, and what stands between may not pass it on, so the feed is also
//! looked at from time to time. Nothing is passed over: what is committed is served at once, and a number counts as seen
//! when no number before it is missing that may still come (`change.rs`).

use std::{
    sync::{
        PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::ConnectionTrait;
use tokio::{
    sync::Mutex,
    time::{Instant, sleep, timeout},
};

use crate::{
    background::Backoff,
    change::{
        self,
        head::{self, Head},
        tag,
    },
    database::{self, Listener},
    error::{Error, Result},
    state::State,
};

/// How often the feed is looked at by who is not told. A process's own writes are in memory before they are answered.
const INTERVAL: Duration = Duration::from_millis(250);
/// How often the feed is looked at by who is told.
const INTERVAL_WHEN_TOLD: Duration = Duration::from_secs(1);
/// The longest wait between two looks while the database is away.
const LONGEST_OUTAGE_INTERVAL: Duration = Duration::from_secs(2);
/// The longest wait before listening is tried again where it is refused.
const LONGEST_DEAFNESS: Duration = Duration::from_mins(1);
/// How long a look may take, with the loading of what has changed.
const LONGEST_LOOK: Duration = Duration::from_mins(1);
/// How long the clock must be behind the newest change before that change is held to have been made with a clock that was ahead.
const CLOCK_PATIENCE: TimeDelta = TimeDelta::minutes(10);
/// How long a reader waits for a change that it names.
const REACH_PATIENCE: Duration = Duration::from_secs(5);

/// What a process knows of its place in the feed, beside its snapshot.
pub struct Feed {
    /// When the snapshot was last known to hold all that was published: Unix milliseconds.
    confirmed: AtomicI64,
    /// When the last look on behalf of readers began. Held while they look.
    looked: Mutex<Option<Instant>>,
    /// The newest change that was ever served.
    head: std::sync::Mutex<Option<Head>>,
    /// Since when the clock is behind the newest change.
    behind_since: std::sync::Mutex<Option<DateTime<Utc>>>,
}

impl Feed {
    /// A process that has read all that is published, up to `head`, at `now`.
    #[must_use]
    pub fn new(now: DateTime<Utc>, head: Option<Head>) -> Self {
        let confirmed = AtomicI64::new(now.timestamp_millis());
        Self {
            confirmed,
            looked: Mutex::default(),
            head: std::sync::Mutex::new(head),
            behind_since: std::sync::Mutex::default(),
        }
    }

    /// Notes the newest change that is served.
    pub fn remember(&self, head: Option<Head>) {
        let mut known = self.head.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(head) = head.filter(|head| known.as_ref().is_none_or(|known| known.seq < head.seq)) {
            *known = Some(head);
        }
    }

    /// Whether the clock has been behind the newest change long enough to be believed: then it was ahead when that change was made.
    /// A clock that is behind itself, as at the start of a machine, is usually set right before.
    fn is_clock_behind(&self, now: DateTime<Utc>, newest: Option<&Head>) -> bool {
        let mut since = self.behind_since.lock().unwrap_or_else(PoisonError::into_inner);
        if !head::is_from_the_future(now, newest) {
            *since = None;
            return false;
        }
        // Set back further, it begins anew.
        let begun = since.filter(|since| *since <= now).unwrap_or(now);
        *since = Some(begun);
        now - begun >= CLOCK_PATIENCE
    }

    fn head(&self) -> Option<Head> {
        self.head.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How long ago, at `now`, the snapshot was last known to hold all that was published.
    #[must_use]
    pub fn age(&self, now: DateTime<Utc>) -> Duration {
        let age = now.timestamp_millis() - self.confirmed.load(Ordering::Acquire);
        TimeDelta::milliseconds(age).to_std().unwrap_or_default()
    }
}

/// Follows the feed for as long as the process runs. While the database is away, what is in memory is served on.
pub async fn follow(state: State) {
    let mut outage = Backoff::new(INTERVAL, LONGEST_OUTAGE_INTERVAL);
    let mut ear = Ear::new();
    loop {
        let wait = match database::in_time(LONGEST_LOOK, look(&state)).await {
            Ok(()) if ear.open(&state).await => continue,
            Ok(()) => {
                outage.reset();
                ear.interval()
            }
            Err(error) => {
                if outage.is_new() {
                    tracing::warn!(error = &error as &dyn std::error::Error, "the change feed cannot be read");
                }
                outage.next(state.random())
            }
        };
        ear.wait(&state, wait).await;
    }
}

/// Where changes are heard of, as long as they are.
struct Ear {
    listener: Option<Listener>,
    deafness: Backoff,
    try_again: Option<Instant>,
}

impl Ear {
    fn new() -> Self {
        Self { listener: None, deafness: Backoff::new(INTERVAL, LONGEST_DEAFNESS), try_again: None }
    }

    /// Begins to listen, where that is possible and not done yet. True when it has begun just now: what was announced
    /// before was missed.
    async fn open(&mut self, state: &State) -> bool {
        if self.listener.is_some() || self.try_again.is_some_and(|moment| Instant::now() < moment) {
            return false;
        }
        match state.database().listen().await {
            Ok(listener) => self.listener = listener,
            Err(error) => self.close(state, &error),
        }
        self.listener.is_some()
    }

    fn close(&mut self, state: &State, error: &Error) {
        if self.deafness.is_new() {
            tracing::warn!(
                error = error as &dyn std::error::Error,
                "changes are looked for until they are heard of again"
            );
        }
        self.listener = None;
        self.try_again = Some(Instant::now() + self.deafness.next(state.random()));
    }

    const fn interval(&self) -> Duration {
        if self.listener.is_some() { INTERVAL_WHEN_TOLD } else { INTERVAL }
    }

    /// Waits until something is heard, but no longer than `longest`.
    async fn wait(&mut self, state: &State, longest: Duration) {
        let Some(listener) = &mut self.listener else { return sleep(longest).await };
        match timeout(longest, listener.heard()).await {
            Ok(Err(error)) => self.close(state, &error),
            // Heard, or listened for as long as was to be.
            Ok(Ok(())) | Err(_) => self.deafness.reset(),
        }
    }
}

/// Catches up with the newest change.
///
/// # Errors
/// When the database cannot be read.
pub async fn look(state: &State) -> Result<()> {
    let asked = state.now();
    let newest = newest(state, state.database().reader()).await?;
    if state.feed().is_clock_behind(asked, newest.as_ref()) {
        correct_clock(state, newest.as_ref()).await?;
    }
    let (changes, stable) = change::stable_changes(state.database(), state.snapshot().seq).await?;
    let changes: Vec<i64> = changes.into_iter().map(|change| change.seq).collect();
    state.catch_up(&changes, Some(stable)).await?;
    // Not the larger of two: a clock that was set back would make what is served look new for ever.
    state.feed().confirmed.store(asked.timestamp_millis(), Ordering::Release);
    Ok(())
}

/// The newest change in the database.
///
/// # Errors
/// When the database cannot be read; [`Error::FeedWentBack`] when it has lost a change that this process has served, as a
/// server has that was the primary before a failover. The process ends then: what it holds is not what is stored.
pub async fn newest(state: &State, connection: &impl ConnectionTrait) -> Result<Option<Head>> {
    let newest = head::newest(connection, state.feed().head().as_ref()).await;
    if let Err(error @ Error::FeedWentBack { .. }) = &newest {
        state.give_up(&error.to_string());
    }
    newest
}

/// Says in the feed what time it is, when its newest change claims to be from the future: what was published until then was
/// published by now.
async fn correct_clock(state: &State, known: Option<&Head>) -> Result<()> {
    // A server of its own decides, so that no process whose clock is behind corrects the others.
    let reader = state.database().reader();
    if !head::is_from_the_future(state.database_now(reader).await?, known) {
        return Ok(());
    }
    let turn = state.database().begin_write().await?;
    let now = state.database_now(&*turn).await?;
    // Another process may have been faster.
    let newest = newest(state, &*turn).await?;
    if head::is_from_the_future(now, newest.as_ref()) {
        tracing::warn!(
            claimed = %newest.map(|newest| newest.at).unwrap_or_default(),
            "the newest change claims a moment that is still to come, so the clock was ahead then; it counts as made by now"
        );
        change::append(&turn, now, [tag::CLOCK, tag::FIGURES].map(str::to_owned)).await?;
        turn.commit().await?;
    }
    Ok(())
}

/// Brings change `seq` into memory, which a reader names, if it is not there yet.
///
/// # Errors
/// [`Error::ChangeNotSeen`] when the database has no such change, is away, or takes too long.
pub async fn reach(state: &State, seq: i64) -> Result<()> {
    let arrived = Instant::now();
    let looking = async {
        // Anybody can name any number, so however many readers wait, they share one look.
        let mut looked = state.feed().looked.lock().await;
        if !state.snapshot().contains(seq) && looked.is_none_or(|looked| looked < arrived) {
            *looked = Some(Instant::now());
            look(state).await?;
        }
        Ok::<_, Error>(())
    };
    if !state.snapshot().contains(seq) {
        // Why it failed is in the log of whoever follows the feed.
        timeout(REACH_PATIENCE, looking).await.ok().and_then(Result::ok);
    }
    if state.snapshot().contains(seq) { Ok(()) } else { Err(Error::ChangeNotSeen) }
}
