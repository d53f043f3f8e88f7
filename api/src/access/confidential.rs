//! The one gate in front of figures that the disclosure policy keeps from the public. It asks for the capability, and writes
//! to the audit log before anything is told. What decides is the policy in force on the site: neither a preview nor a version
//! of the settings that is not published has a say.

use entities::Version;
use uuid::Uuid;

use super::{Editor, TrueValues, audit, permission::Capability};
use crate::{error::Result, state::State, transaction::Origin};

/// Lets an editor read all published figures as they were counted, which is always recorded.
///
/// # Errors
/// [`Error::Forbidden`](crate::error::Error::Forbidden); or when the audit log cannot be written.
pub async fn read_published(state: &State, editor: &Editor, origin: &Origin) -> Result<TrueValues> {
    editor.require(Capability::ReadConfidential)?;
    audit::confidential_reading(state, editor, origin, &[]).await?;
    Ok(TrueValues(()))
}

/// Lets an editor read these versions of year sheets. That is recorded where the policy in force hides figures: elsewhere
/// they show no more than the public sees.
///
/// # Errors
/// [`Error::Forbidden`](crate::error::Error::Forbidden); or when the audit log cannot be written.
pub async fn read_sheets(state: &State, editor: &Editor, origin: &Origin, sheets: &[(Uuid, Version)]) -> Result<()> {
    if sheets.is_empty() {
        return Ok(());
    }
    editor.require(Capability::ReadConfidential)?;
    if !state.snapshot().figures.policy.hides() {
        return Ok(());
    }
    audit::confidential_reading(state, editor, origin, sheets).await
}
