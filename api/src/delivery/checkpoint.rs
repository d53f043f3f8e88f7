//! Writes down from time to time how far the past of figures was gone through (`figures/vintage/checkpoint.rs`), so that the
//! next start begins there.

use std::time::Duration;

use crate::{background::repeat, error::Result, figures::vintage, state::State};

/// How often it is asked whether it is time.
const INTERVAL: Duration = Duration::from_secs(10);

/// Does so for as long as the process runs.
pub async fn follow(state: State) {
    let complaint = "how far the past was gone through cannot be written down";
    repeat(state, INTERVAL, complaint, |state| async move { write(&state).await }).await;
}

/// Does so once, if it is time.
///
/// # Errors
/// When the database cannot be written.
pub async fn write(state: &State) -> Result<()> {
    let snapshot = state.snapshot();
    if snapshot.figures.vintages.is_checkpoint_due(snapshot.seq) {
        vintage::write_checkpoint(state.database(), &snapshot.figures.vintages, snapshot.seq).await?;
    }
    Ok(())
}
