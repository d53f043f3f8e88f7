//! Previews: links that show one revision of one document, in its locale, to whoever holds them, for a while.
//!
//! A link carries a signed token. A request that bears one is answered from a snapshot of its own, as it would be if that
//! revision had been published just now; everything else in it is what the public sees. The snapshot is made by
//! publishing in a transaction that is never committed, so a preview shows exactly what publishing would show.

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use entities::{DocumentKind, Version, document, page, preview, staff};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, DatabaseTransaction, EntityTrait};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    access::{delegation::Delegation, permission::Action, token},
    change,
    delivery::snapshot::Snapshot,
    document::{Content, each},
    editorial::{Edit, Kind, revision},
    error::{Error, Result},
    state::State,
};

/// The longest that a preview may last.
pub const LONGEST: Duration = Duration::days(7);
/// How long it lasts when nothing else is said.
pub const USUAL: Duration = Duration::hours(1);

/// The media type and the audience of the tokens, so that none passes for an access token.
const TYPE: &str = "preview+jwt";
const AUDIENCE: &str = "almanac-preview";

/// What the token of a preview says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    iss: String,
    aud: String,
    /// The preview.
    jti: Uuid,
    nbf: i64,
    exp: i64,
}

impl token::Lifetime for Claims {
    fn not_before(&self) -> i64 {
        self.nbf
    }

    fn expires(&self) -> i64 {
        self.exp
    }
}

/// A new preview.
#[derive(Clone, Debug)]
pub struct Link {
    /// Its id, with which it can be revoked.
    pub id: Uuid,
    /// What a request bears to see it.
    pub token: String,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

/// Makes a preview of one revision of a document.
///
/// # Errors
/// [`Error::Forbidden`]; [`Error::NotFound`] when the document has no such revision.
pub async fn create(edit: &mut Edit<'_>, document: Uuid, version: Version, lasts: Duration) -> Result<Link> {
    edit.editor().permit(Action::Read, DocumentKind::Page, None)?;
    if let Some(found) = document::Entity::find_by_id(document).one(edit.connection()).await? {
        edit.editor().permit(Action::Read, found.kind, None)?;
    }
    let maker = edit.editor().delegation()?.clone();
    let found = entities::revision::Entity::find_by_id((document, version)).one(edit.connection()).await?;
    found.ok_or(Error::NotFound("the revision"))?;
    edit.transaction().about(document, version);
    let now = edit.transaction().now();
    let expires_at = maker.bounded(now + lasts.clamp(Duration::minutes(1), LONGEST));
    let state = edit.transaction().state().clone();
    let id = state.new_id();
    let row = preview::ActiveModel {
        id: Set(id),
        document_id: Set(document),
        version: Set(version),
        created_by: Set(maker.account),
        api_token_id: Set(maker.api_token),
        scopes: Set(maker.scopes.clone()),
        created_at: Set(now),
        expires_at: Set(expires_at),
        revoked_at: Set(None),
    };
    preview::Entity::insert(row).exec(edit.connection()).await?;
    let claims = Claims {
        iss: state.config().public_url(),
        aud: AUDIENCE.to_owned(),
        jti: id,
        nbf: now.timestamp(),
        exp: expires_at.timestamp(),
    };
    Ok(Link { id, token: token::sign(&state, TYPE, &claims)?, expires_at })
}

/// Ends a preview before its time.
///
/// # Errors
/// [`Error::Forbidden`]; [`Error::NotFound`].
pub async fn revoke(edit: &mut Edit<'_>, id: Uuid) -> Result<()> {
    edit.editor().permit(Action::Read, DocumentKind::Page, None)?;
    let found = preview::Entity::find_by_id(id).one(edit.connection()).await?.ok_or(Error::NotFound("the preview"))?;
    edit.transaction().about(found.document_id, found.version);
    let now = edit.transaction().now();
    let revoked = Set(Some(found.revoked_at.unwrap_or(now)));
    preview::ActiveModel { id: Set(id), revoked_at: revoked, ..Default::default() }.update(edit.connection()).await?;
    Ok(())
}

/// What whoever bears this token sees.
///
/// # Errors
/// [`Error::PreviewEnded`] when the token is not one of ours, has expired or was revoked, or when its revision cannot be
/// shown any more.
pub async fn snapshot(state: &State, token: &str) -> Result<Arc<Snapshot>> {
    let claims: Claims = token::open(state, TYPE, AUDIENCE, token).ok_or(Error::PreviewEnded)?;
    let reader = state.database().reader();
    let preview = preview::Entity::find_by_id(claims.jti).one(reader).await?;
    let preview = preview.filter(|preview| preview.revoked_at.is_none() && state.now() < preview.expires_at);
    let preview = preview.ok_or(Error::PreviewEnded)?;
    let maker = Delegation::stored(preview.created_by, preview.api_token_id, preview.scopes.clone());
    let grants = maker.grants(state, reader).await?.ok_or(Error::PreviewEnded)?;
    // Asked each time: what was never public is archived without a change that others see.
    let row = document::Entity::find_by_id(preview.document_id).one(reader).await?.ok_or(Error::PreviewEnded)?;
    if ![DocumentKind::Page, row.kind].iter().all(|kind| grants.allow(Action::Read, *kind, None)) {
        return Err(Error::PreviewEnded);
    }
    if row.archived_at.is_some() {
        return Err(Error::PreviewEnded);
    }
    let seq = change::latest(reader).await?;
    if let Some(known) = state.previews().get(preview.id, seq) {
        return Ok(known);
    }
    let transaction = state.database().begin_write().await?;
    project(&transaction, &preview, &row, state.now()).await?;
    let snapshot = Arc::new(Snapshot::read(&transaction, state.now()).await?);
    drop(transaction);
    state.previews().put(preview.id, &snapshot);
    Ok(snapshot)
}

async fn project(
    transaction: &DatabaseTransaction,
    preview: &preview::Model,
    row: &document::Model,
    now: DateTime<Utc>,
) -> Result<()> {
    if let Some(owner) = row.owner_id
        && page::Entity::find_by_id(owner).one(transaction).await?.is_none()
        && staff::Entity::find_by_id(owner).one(transaction).await?.is_none()
    {
        // A text needs its page. Only what gives it an address is shown of that.
        let (owner, newest) = match revision::newest(transaction, owner, DocumentKind::Page).await? {
            Some(found) => found,
            None => {
                revision::newest(transaction, owner, DocumentKind::StaffMember).await?.ok_or(Error::PreviewEnded)?
            }
        };
        show(transaction, owner.id, Content::read(owner.kind, newest.content)?, now).await?;
    }
    let seen = revision::get(transaction, row.id, preview.version).await?;
    show(transaction, row.id, Content::read(row.kind, seen.content)?, now).await?;
    // As publishing does: whoever reads what is published finds this revision.
    let published_number = Set(Some(preview.version));
    document::ActiveModel { id: Set(row.id), published_number, ..Default::default() }.update(transaction).await?;
    Ok(())
}

async fn show(transaction: &DatabaseTransaction, id: Uuid, mut content: Content, now: DateTime<Utc>) -> Result<()> {
    if let Content::Page(page) = &mut content
        && let Some(parent) = page.parent
        && page::Entity::find_by_id(parent).one(transaction).await?.is_none()
    {
        // The page above it is a draft of its own, and not what this link is for.
        page.parent = None;
    }
    let faults = each!(&content, content => {
        let mut faults = content.check(transaction, Some(id)).await?;
        faults.extend(content.requirements(transaction, id).await?);
        faults
    });
    if !faults.is_empty() {
        return Err(Error::PreviewEnded);
    }
    each!(&content, content => content.project(transaction, id, None, now).await)
}

/// Snapshots of previews that were asked for lately: a front end asks several times for one page.
#[derive(Debug, Default)]
pub struct Previews(std::sync::Mutex<Vec<(Uuid, Arc<Snapshot>)>>);

impl Previews {
    /// How many are kept.
    const KEPT: usize = 8;

    fn get(&self, id: Uuid, seq: i64) -> Option<Arc<Snapshot>> {
        let known = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        known.iter().find(|(known, snapshot)| *known == id && snapshot.seq == seq).map(|(_, found)| Arc::clone(found))
    }

    fn put(&self, id: Uuid, snapshot: &Arc<Snapshot>) {
        let mut known = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        known.retain(|(known, _)| *known != id);
        if known.len() == Self::KEPT {
            known.remove(0);
        }
        known.push((id, Arc::clone(snapshot)));
    }
}
