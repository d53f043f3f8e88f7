//! Work that a process does by itself, again and again, for as long as it runs.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::{error::Result, state::State};

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
        match work(state.clone()).await {
            Ok(()) => works = true,
            Err(error) if works => {
                works = false;
                tracing::warn!(error = &error as &dyn std::error::Error, "{complaint}");
            }
            Err(_) => {}
        }
    }
}
