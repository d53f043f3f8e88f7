//! Previews: links that show one revision of one document, in its locale, to everyone who has the link, for a while.
//!
//! A link carries a signed token. A request with one is answered as it would be if that revision had just been published;
//! everything else in the answer is what the public sees, small counts included: a preview is shown under the disclosure
//! policy in force, whatever the revision says. `draft.rs` makes the state in memory, `cache.rs` keeps it for the next
//! request. Nothing here waits for writers or holds them up.
//!
//! Whoever made a link must still be allowed to read what it shows, by the same account and API token: that is looked at
//! with every request.

mod cache;
mod draft;

use std::{collections::BTreeSet, sync::Arc};

use chrono::{DateTime, Duration, Utc};
use entities::{DocumentKind, Rule, Version, document, preview, revision};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, ExprTrait, Iterable, LinkDef, Linked, QueryFilter,
    QueryOrder, QuerySelect, SelectTwo,
    sea_query::{Expr, Query},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    access::{
        Caller, Editor,
        delegation::Delegation,
        permission::{Action, Capability},
        token,
    },
    change::head,
    compute_pool::{Client, Priority},
    delivery::snapshot::Snapshot,
    editorial::Edit,
    error::{Error, Result},
    state::State,
};
use cache::Key;
pub use cache::Previews;
use draft::Draft;

/// What the API calls a preview.
pub const TYPE_NAME: &str = "Preview";

/// The longest that a preview may last.
pub const LONGEST: Duration = Duration::days(7);
/// How long it lasts when nothing else is said.
pub const USUAL: Duration = Duration::hours(1);

const PREVIEW: token::Kind = token::Kind { media_type: "preview+jwt", audience: "almanac-preview" };

/// What the token of a preview says.
#[derive(Clone, Serialize, Deserialize)]
struct Claims {
    /// The preview.
    jti: Uuid,
}

/// Makes a preview of one revision of a document; returns it with its token, which cannot be read again.
///
/// # Errors
/// [`Error::Forbidden`]; [`Error::Invalid`] when there is no such document, or none that this editor may know of, or when it
/// has no such version.
pub async fn create(
    edit: &mut Edit<'_>,
    document: Uuid,
    version: Version,
    lasts: Duration,
) -> Result<(preview::Model, DocumentKind, String)> {
    let missing = || Error::invalid(["id"], Rule::Unknown);
    edit.editor().permit_any(Action::Read)?;
    let kind = document::Entity::find_by_id(document).one(edit.connection()).await?.ok_or_else(missing)?.kind;
    edit.editor().permit_found(Action::Read, kind, None, missing)?;
    let maker = edit.editor().delegation()?.clone();
    let found = revision::Entity::find_by_id((document, version)).one(edit.connection()).await?;
    found.ok_or_else(|| Error::invalid(["version"], Rule::Unknown))?;
    edit.transaction().about(document, version);
    let now = edit.transaction().now();
    let expires_at = maker.bounded(now + lasts.clamp(Duration::minutes(1), LONGEST));
    let state = edit.transaction().state().clone();
    let row = preview::ActiveModel {
        id: Set(state.new_id()),
        document_id: Set(document),
        version: Set(version),
        created_by: Set(maker.account),
        api_token_id: Set(maker.api_token),
        scopes: Set(maker.scopes),
        created_at: Set(now),
        expires_at: Set(expires_at),
        revoked_at: Set(None),
    };
    let made = row.insert(edit.connection()).await?;
    edit.transaction().targets(TYPE_NAME, made.id);
    let token = token::sign(&state, PREVIEW, (now, expires_at), Claims { jti: made.id })?;
    Ok((made, kind, token))
}

/// Whether an editor manages the previews of all documents of this kind: those who may publish them do.
fn manages(editor: &Editor, kind: DocumentKind) -> bool {
    editor.grants().allow(Action::Publish, kind, None)
}

/// Whether an editor may know of the previews of documents of this kind that their account made. A token of that account may
/// be narrower than the account, and so may its role be by now.
fn knows_own(editor: &Editor, kind: DocumentKind) -> bool {
    editor.grants().allow(Action::Read, kind, None)
}

/// Ends a preview before its time: by the account that made it, or by those who decide what becomes public of its document.
///
/// # Errors
/// [`Error::Forbidden`], also for what does not exist, except for those who may end every preview: they are told
/// [`Error::NotFound`].
pub async fn revoke(edit: &mut Edit<'_>, id: Uuid) -> Result<()> {
    let editor = edit.editor();
    editor.permit_any(Action::Read)?;
    let found = preview::Entity::find_by_id(id).find_also_linked(OfDocument).one(edit.connection()).await?;
    let Some((found, Some(document))) = found else {
        let manages_all = DocumentKind::iter().all(|kind| manages(editor, kind));
        return Err(if manages_all { Error::not_found("the preview") } else { Error::Forbidden });
    };
    edit.transaction().about(found.document_id, found.version);
    edit.transaction().targets(TYPE_NAME, found.id);
    let is_own = editor.actor().account() == Some(found.created_by) && knows_own(editor, document.kind);
    if !is_own && !manages(editor, document.kind) {
        return Err(Error::Forbidden);
    }
    let now = edit.transaction().now();
    let revoked = Set(Some(found.revoked_at.unwrap_or(now)));
    preview::ActiveModel { id: Set(id), revoked_at: revoked, ..Default::default() }.update(edit.connection()).await?;
    Ok(())
}

/// From a preview to the document that it shows.
struct OfDocument;

impl Linked for OfDocument {
    type FromEntity = preview::Entity;
    type ToEntity = document::Entity;

    fn link(&self) -> Vec<LinkDef> {
        let relation = preview::Entity::belongs_to(document::Entity)
            .from(preview::Column::DocumentId)
            .to(document::Column::Id)
            .into();
        vec![relation]
    }
}

/// A preview's place in the list: when it was made (Unix milliseconds), and its id.
pub type Place = (i64, Uuid);

/// The previews that have not ended and that somebody looks after.
fn visible(editor: &Editor, now: DateTime<Utc>) -> Result<SelectTwo<preview::Entity, document::Entity>> {
    editor.permit_any(Action::Read)?;
    let of_kinds = |is_theirs: fn(&Editor, DocumentKind) -> bool| {
        let kinds = DocumentKind::iter().filter(|kind| is_theirs(editor, *kind));
        let its_document =
            Expr::col((document::Entity, document::Column::Id)).equals((preview::Entity, preview::Column::DocumentId));
        // Looked up for each preview: a list of all documents of these kinds would be as long as the site.
        let document = Query::select()
            .expr(Expr::val(1))
            .from(document::Entity)
            .and_where(its_document)
            .and_where(document::COLUMN.kind.is_in(kinds))
            .to_owned();
        Expr::exists(document)
    };
    let own = editor
        .actor()
        .account()
        .map(|account| Condition::all().add(preview::COLUMN.created_by.eq(account)).add(of_kinds(knows_own)));
    let theirs = Condition::any().add(of_kinds(manages)).add_option(own);
    Ok(preview::Entity::find()
        .find_also_linked(OfDocument)
        .filter(theirs)
        .filter(preview::COLUMN.revoked_at.is_null())
        .filter(preview::COLUMN.expires_at.gt(now)))
}

/// Those of the previews with these ids that have not ended and that somebody looks after.
///
/// # Errors
/// [`Error::Forbidden`]; or when the database cannot be read.
pub async fn among(
    connection: &impl ConnectionTrait,
    editor: &Editor,
    now: DateTime<Utc>,
    ids: &BTreeSet<Uuid>,
) -> Result<Vec<(preview::Model, DocumentKind)>> {
    let select = visible(editor, now)?.filter(preview::COLUMN.id.is_in(ids.iter().copied()));
    let rows = select.all(connection).await?;
    Ok(rows.into_iter().filter_map(|(row, document)| Some((row, document?.kind))).collect())
}

/// The previews that have not ended and that somebody looks after, the newest first, after a place; and whether there are
/// more.
///
/// # Errors
/// [`Error::Forbidden`]; or when the database cannot be read.
pub async fn list(
    connection: &impl ConnectionTrait,
    editor: &Editor,
    now: DateTime<Utc>,
    document: Option<Uuid>,
    first: usize,
    after: Option<Place>,
) -> Result<(Vec<(preview::Model, DocumentKind)>, bool)> {
    let mut select = visible(editor, now)?;
    if let Some(document) = document {
        select = select.filter(preview::COLUMN.document_id.eq(document));
    }
    if let Some((at, id)) = after {
        let at = DateTime::from_timestamp_millis(at).unwrap_or_default();
        let same = Condition::all().add(preview::COLUMN.created_at.eq(at)).add(preview::COLUMN.id.lt(id));
        select = select.filter(Condition::any().add(preview::COLUMN.created_at.lt(at)).add(same));
    }
    let limit = u64::try_from(first).unwrap_or_default() + 1;
    let select = select.order_by_desc(preview::COLUMN.created_at).order_by_desc(preview::COLUMN.id).limit(limit);
    let rows = select.all(connection).await?;
    let mut previews: Vec<_> = rows.into_iter().filter_map(|(row, document)| Some((row, document?.kind))).collect();
    let has_more = previews.len() > first;
    previews.truncate(first);
    Ok((previews, has_more))
}

/// What a request of this caller with this token is answered from.
///
/// Where the policy in force hides figures, a draft of figures is shown only to those who may read them: what a draft shows by the
/// rules, and what is published later shows by them, may tell a hidden count when both are held together.
///
/// # Errors
/// [`Error::Forbidden`] for a draft of hidden figures; [`Error::PreviewEnded`] when the token is not one of ours, has expired or was revoked, when its maker may not read the
/// document any more, or when its revision cannot be shown beside what is public by now.
pub async fn snapshot(state: &State, caller: &Caller, token: &str) -> Result<Arc<Snapshot>> {
    let claims: Claims = token::open(state, PREVIEW, token).ok_or(Error::PreviewEnded)?;
    let (reader, now) = (state.database().reader(), state.now());
    let found = preview::Entity::find_by_id(claims.jti).find_also_linked(OfDocument).one(reader).await?;
    let Some((preview, Some(row))) = found else { return Err(Error::PreviewEnded) };
    // Looked at each time: what was never public is archived without a change that others see.
    let has_begun = head::has_begun(preview.created_at, now);
    if preview.revoked_at.is_some() || !has_begun || now >= preview.expires_at || row.archived_at.is_some() {
        return Err(Error::PreviewEnded);
    }
    let maker = Delegation::stored(preview.created_by, preview.api_token_id, preview.scopes);
    let grants = maker.grants(state, reader).await?.ok_or(Error::PreviewEnded)?;
    if ![DocumentKind::Page, row.kind].iter().all(|kind| grants.allow(Action::Read, *kind, None)) {
        return Err(Error::PreviewEnded);
    }

    let base = state.snapshot();
    if row.kind == DocumentKind::YearSheet && base.figures.policy.hides() {
        match caller.editor(state, reader).await {
            Ok(editor) => editor.require(Capability::ReadConfidential)?,
            Err(Error::Unauthenticated) if caller.credential.is_none() => return Err(Error::Forbidden),
            Err(error) => return Err(error),
        }
    }
    let owner = match row.owner_id.filter(|owner| !base.content.has(*owner)) {
        Some(owner) => document::Entity::find_by_id(owner).one(reader).await?,
        None => None,
    };
    let owner_version = owner.as_ref().map(|owner| owner.version);
    let key = Key { preview: preview.id, generation: base.generation(), owner_version };
    let slot = state.previews().slot(key, preview.created_by);
    let made = slot.get_or_try_init(async || {
        let draft = Draft::read(reader, row, preview.version, owner).await?;
        let (base, maker) = (Arc::clone(&base), Client::account(preview.created_by));
        let shown = state.compute_pool().run(Priority::Normal, &maker, move |_| draft.on(&base, now)).await??;
        Ok(Arc::new(shown))
    });
    match made.await {
        Ok(snapshot) => Ok(Arc::clone(snapshot)),
        Err(Error::Invalid(_)) => Err(Error::PreviewEnded),
        Err(error) => Err(error),
    }
}
