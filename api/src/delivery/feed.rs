//! The reading half of the change feed: brings into memory what other processes have published.

use std::time::Duration;

use crate::{background::repeat, change, error::Result, state::State};

/// How often other processes' changes are looked for. A process's own writes are in memory before they are answered.
const INTERVAL: Duration = Duration::from_millis(250);

/// Follows the feed for as long as the process runs. While the database is away, what is in memory is served on.
pub async fn follow(state: State) {
    repeat(state, INTERVAL, "the change feed cannot be read", |state| async move { look(&state).await }).await;
}

/// Catches up with the newest change.
///
/// # Errors
/// When the database cannot be read.
pub async fn look(state: &State) -> Result<()> {
    let seq = change::latest(state.database().reader()).await?;
    state.catch_up(seq).await
}
