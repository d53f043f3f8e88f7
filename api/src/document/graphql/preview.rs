//! Links that show drafts: making, listing and ending them.

use async_graphql::{
    Context, ID, InputObject, Object, SimpleObject,
    connection::{Connection, Edge},
};
use chrono::Duration;
use entities::{Rule, Version, preview};

use super::DocumentKind;
use crate::{
    access::account,
    delivery::cursor,
    document::preview::{self as previews, Place},
    editorial::Edit,
    error::{Error, Result},
    graphql::{
        At, ContextExt, Described, Expected, Faults, Input, Mutated, Paging, Scalar, UserError, global_id, mutate,
        named,
    },
};

/// What to show to whoever has the link.
#[derive(InputObject)]
pub struct PreviewCreateInput {
    /// The document.
    id: ID,
    /// The version to show.
    version: Input<Version>,
    /// Minutes until the link ends, from 1 to 10,080 (a week); 60 when left out.
    minutes: Option<i32>,
}

/// Which preview to end.
#[derive(InputObject)]
pub struct PreviewRevokeInput {
    /// The preview.
    id: ID,
}

/// A link to one revision of one document.
#[derive(SimpleObject, Clone)]
pub struct Preview {
    /// Its global id, with which it can be revoked.
    #[graphql(owned)]
    pub id: ID,
    /// What a request sends in the header `Almanac-Preview` to see the revision. Everyone who has it sees it. Only
    /// `previewCreate` tells it, once; null elsewhere.
    token: Option<String>,
    /// When it ends.
    expires_at: At,
    /// The document that it shows.
    document_id: ID,
    /// The kind of the document.
    kind: DocumentKind,
    /// The version that it shows.
    version: Scalar<Version>,
    /// When it was made.
    created_at: At,
    /// The e-mail address of the account that made it. The link ends when that account may no longer read the document.
    created_by: Option<String>,
    /// The API token that it was made with; null when it was made with none. The link ends with it.
    api_token_id: Option<ID>,
}

impl Preview {
    /// This preview, with its token where it was just made, made by the account with this e-mail address.
    pub fn new(
        row: preview::Model,
        kind: entities::DocumentKind,
        token: Option<String>,
        created_by: Option<String>,
    ) -> Self {
        Self {
            id: global_id(previews::TYPE_NAME, row.id),
            token,
            expires_at: row.expires_at.into(),
            document_id: global_id("Document", row.document_id),
            kind: kind.into(),
            version: Scalar(row.version),
            created_at: row.created_at.into(),
            created_by,
            api_token_id: row.api_token_id.map(|id| global_id(crate::access::api_token::TYPE_NAME, id)),
        }
    }
}

/// The outcome of `previewCreate`.
#[derive(SimpleObject)]
pub struct PreviewCreatePayload {
    /// The preview.
    preview: Option<Preview>,
    /// Why there is none.
    errors: Vec<UserError>,
}

impl From<Expected<Preview>> for PreviewCreatePayload {
    fn from(outcome: Expected<Preview>) -> Self {
        match outcome {
            Ok(preview) => Self { preview: Some(preview), errors: Vec::new() },
            Err(errors) => Self { preview: None, errors },
        }
    }
}

/// The outcome of `previewRevoke`.
#[derive(SimpleObject)]
pub struct PreviewRevokePayload {
    /// Whether the preview has ended.
    revoked: bool,
    /// Why it has not.
    errors: Vec<UserError>,
}

impl From<Expected<()>> for PreviewRevokePayload {
    fn from(outcome: Expected<()>) -> Self {
        match outcome {
            Ok(()) => Self { revoked: true, errors: Vec::new() },
            Err(errors) => Self { revoked: false, errors },
        }
    }
}

/// Queries about previews.
#[derive(Default)]
pub struct PreviewQuery;

#[Object]
impl PreviewQuery {
    /// The previews that have not ended, the newest first: those that the caller made, and those of documents that the
    /// caller may publish. For those who may read drafts.
    async fn previews(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Of this document only.")] document_id: Option<ID>,
        #[graphql(desc = "How many, from 0 to 100; 20 when left out.")] first: Option<i32>,
        #[graphql(desc = "The cursor after which to start.")] after: Option<String>,
    ) -> Result<Described<Connection<String, Preview>>> {
        let editor = ctx.editor().await?;
        let (state, reader, keys) = (ctx.state(), ctx.state().database().reader(), ctx.state().keys());
        let mut faults = Faults::default();
        let document = document_id.and_then(|id| faults.take_id(&["documentId"], &id));
        let list = document.map_or_else(|| "previews".to_owned(), |id| format!("previews/{id}"));
        let (first, after) = Paging { first, after }.read::<Place>(&mut faults, &keys, &list);
        faults.into_result()?;
        let (found, has_more) = previews::list(reader, &editor, state.now(), document, first, after).await?;
        let emails = account::emails(reader, found.iter().map(|(row, _)| row.created_by).collect()).await?;
        let mut connection = Connection::new(after.is_some(), has_more);
        connection.edges.extend(found.into_iter().map(|(row, kind)| {
            let place: Place = (row.created_at.timestamp_millis(), row.id);
            let maker = emails.get(&row.created_by).cloned();
            Edge::new(cursor::encode(&keys, &list, &place), Preview::new(row, kind, None, maker))
        }));
        Ok(Described(connection))
    }
}

/// Mutations of previews.
#[derive(Default)]
pub struct PreviewMutation;

#[Object]
impl PreviewMutation {
    /// Makes a link that shows one version of a document to everyone who has it, for a while. Small counts are shown by the
    /// disclosure policy in force; where that hides figures, a year sheet is shown only to requests with `READ_CONFIDENTIAL` of their own. The link ends early when its maker may no longer read the document.
    async fn preview_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to show.")] input: PreviewCreateInput,
    ) -> Result<Mutated<PreviewCreatePayload>> {
        mutate(ctx, "previewCreate", async move |transaction, editor| {
            let mut faults = Faults::default();
            let id = faults.take_id(&["id"], &input.id);
            let version = faults.take(&["version"], input.version);
            let lasts = input.minutes.map_or(previews::USUAL, |minutes| Duration::minutes(minutes.into()));
            if !(Duration::minutes(1)..=previews::LONGEST).contains(&lasts) {
                let max = previews::LONGEST.num_minutes();
                faults.push(&["minutes"], Rule::OutOfRange { min: 1, max });
            }
            faults.into_result()?;
            let (id, version) = id.zip(version).ok_or(Error::not_found("the revision"))?;
            let (made, kind, token) = previews::create(&mut Edit::new(transaction, editor), id, version, lasts).await?;
            let maker = account::find(transaction.connection(), made.created_by).await?.email.into();
            Ok(Preview::new(made, kind, Some(token), Some(maker)))
        })
        .await
    }

    /// Ends a preview before its time. For the account that made it, and for those who may publish its document.
    async fn preview_revoke(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which preview.")] input: PreviewRevokeInput,
    ) -> Result<Mutated<PreviewRevokePayload>> {
        mutate(ctx, "previewRevoke", async move |transaction, editor| {
            previews::revoke(&mut Edit::new(transaction, editor), named(&input.id, previews::TYPE_NAME)?).await
        })
        .await
    }
}
