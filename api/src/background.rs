//! Work that a process does by itself, again and again, for as long as it runs.

use std::time::Duration;

use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use crate::{
    database,
    error::Result,
    state::{Random, State},
};

/// How long a piece of work may take.
const LONGEST: Duration = Duration::from_mins(5);

/// The tasks that a process cannot do without, each watched: when one ends that should go on, or panics, the process gives
/// up. They end with this.
#[derive(Default)]
pub struct Tasks(JoinSet<()>);

impl Tasks {
    /// Starts a task that goes on for as long as the process does.
    pub fn keep(&mut self, state: &State, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.watch(state, name, task, true);
    }

    /// Starts a task that may end.
    pub fn start(&mut self, state: &State, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.watch(state, name, task, false);
    }

    fn watch(
        &mut self,
        state: &State,
        name: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
        goes_on: bool,
    ) {
        let state = state.clone();
        self.0.spawn(async move {
            // In a set of its own, so that a panic is seen and an abort is passed on.
            let mut inner = JoinSet::new();
            inner.spawn(task);
            match inner.join_next().await {
                Some(Err(error)) if error.is_panic() => state.give_up(&format!("the task that {name} has panicked")),
                _ if goes_on => state.give_up(&format!("the task that {name} has ended")),
                _ => {}
            }
        });
    }
}

/// Waits between attempts that fail: each twice as long as the one before, less up to half of it by chance, so that
/// processes that lost the same database do not all come back at once.
#[derive(Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
}

impl Backoff {
    /// Waits from `first` to `longest`.
    #[must_use]
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, failures: 0 }
    }

    /// Whether nothing has failed yet, or nothing since the last success.
    #[must_use]
    pub const fn is_new(&self) -> bool {
        self.failures == 0
    }

    /// Counts a failure, and says how long to wait.
    pub fn next(&mut self, random: &Random) -> Duration {
        let wait = self.first.saturating_mul(2_u32.saturating_pow(self.failures)).min(self.longest);
        self.failures = self.failures.saturating_add(1);
        let [chance] = random.bytes::<1>();
        wait / 2 + wait / 2 * u32::from(chance) / 255
    }

    /// Counts a success.
    pub const fn reset(&mut self) {
        self.failures = 0;
    }
}

/// Does the work every `period`. While it fails, which is while the database is away, it is tried again; `complaint` is
/// logged once an outage, not each time.
pub async fn repeat<F>(state: State, period: Duration, complaint: &'static str, work: impl Fn(State) -> F + Send)
where
    F: Future<Output = Result<()>> + Send,
{
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut works = true;
    loop {
        ticks.tick().await;
        match database::in_time(LONGEST, work(state.clone())).await {
            Ok(()) => works = true,
            Err(error) if works => {
                works = false;
                tracing::warn!(error = &error as &dyn std::error::Error, "{complaint}");
            }
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_are_never_cut_by_more_than_half() {
        let random = Random::from_system().expect("random numbers");
        let (first, longest) = (Duration::from_millis(100), Duration::from_secs(1));
        let mut backoff = Backoff::new(first, longest);
        for whole in [100, 200, 400, 800, 1_000, 1_000] {
            let (whole, wait) = (Duration::from_millis(whole), backoff.next(&random));
            assert!(whole / 2 <= wait && wait <= whole, "{wait:?} of {whole:?}");
        }
        assert!(!backoff.is_new());
        backoff.reset();
        assert!(backoff.is_new() && backoff.next(&random) <= first);
        backoff.failures = u32::MAX;
        assert!(backoff.next(&random) <= longest);
    }
}
