//! Edit leases: who says to be at work on a document. They warn, they never block: what decides is the version.

use chrono::{DateTime, Duration, Utc};
use entities::{Rule, lease};
use sea_orm::{ActiveValue::Set, EntityTrait, QueryFilter, sea_query::OnConflict};
use uuid::Uuid;

use crate::{
    access::permission::Action,
    change::head,
    editorial::Edit,
    error::{Error, Result},
};

/// How long a lease lasts unless it is taken again.
pub const LASTS: Duration = Duration::minutes(5);

/// Takes the lease of a document, or prolongs one's own. Somebody else's stays theirs until it expires, unless `take_over`
/// says otherwise; then it tells from whom it was taken. Returns whether the lease is the editor's now.
///
/// # Errors
/// [`Error::Forbidden`]; [`Error::Invalid`] when there is no such document.
pub async fn take(edit: &mut Edit<'_>, document: Uuid, take_over: bool) -> Result<bool> {
    let account = holder(edit, document).await?;
    let now = edit.transaction().now();
    let held = lease::Entity::find_by_id(document).one(edit.connection()).await?.filter(|lease| is_held(lease, now));
    let (taken_at, taken_from) = match held {
        Some(held) if held.account_id == account => (held.taken_at, held.taken_from),
        Some(_) if !take_over => return Ok(false),
        Some(held) => (now, Some(held.account_id)),
        None => (now, None),
    };
    let row = lease::ActiveModel {
        document_id: Set(document),
        account_id: Set(account),
        taken_at: Set(taken_at),
        expires_at: Set(now + LASTS),
        taken_from: Set(taken_from),
    };
    let replace = OnConflict::column(lease::Column::DocumentId)
        .update_columns([
            lease::Column::AccountId,
            lease::Column::TakenAt,
            lease::Column::ExpiresAt,
            lease::Column::TakenFrom,
        ])
        .to_owned();
    lease::Entity::insert(row).on_conflict(replace).exec(edit.connection()).await?;
    Ok(true)
}

/// Gives one's own lease of a document back; does nothing to anybody else's.
///
/// # Errors
/// [`Error::Forbidden`]; [`Error::Invalid`] when there is no such document.
pub async fn release(edit: &mut Edit<'_>, document: Uuid) -> Result<()> {
    let account = holder(edit, document).await?;
    lease::Entity::delete_many()
        .filter(lease::COLUMN.document_id.eq(document))
        .filter(lease::COLUMN.account_id.eq(account))
        .exec(edit.connection())
        .await?;
    Ok(())
}

/// Whether a lease holds at `now`.
#[must_use]
pub fn is_held(lease: &lease::Model, now: DateTime<Utc>) -> bool {
    head::has_begun(lease.taken_at, now) && now < lease.expires_at
}

/// Whoever may save a document may say that they work on it.
async fn holder(edit: &mut Edit<'_>, document: Uuid) -> Result<Uuid> {
    super::permitted(edit, document, Action::Save, || Error::invalid(["id"], Rule::Unknown)).await?;
    edit.editor().actor().account().ok_or(Error::Forbidden)
}
