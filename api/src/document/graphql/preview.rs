//! Showing a draft to somebody.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use chrono::Duration;
use entities::{Rule, Version};

use crate::{
    document::preview,
    editorial::Edit,
    error::{Error, Result},
    graphql::{At, Expected, Faults, Input, Mutated, Scalar, UserError, global_id, mutate, named},
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
#[derive(SimpleObject)]
pub struct Preview {
    /// Its id, with which it can be revoked.
    id: ID,
    /// What a request bears in the header `Almanac-Preview` to see the revision. Whoever has it sees it.
    token: String,
    /// When it ends.
    expires_at: At,
    /// The version that it shows.
    version: Scalar<Version>,
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

/// Mutations of previews.
#[derive(Default)]
pub struct PreviewMutation;

#[Object]
impl PreviewMutation {
    /// Makes a link that shows one version of a document to whoever has it, for a while.
    async fn preview_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to show.")] input: PreviewCreateInput,
    ) -> Result<Mutated<PreviewCreatePayload>> {
        mutate(ctx, "previewCreate", async move |transaction, editor| {
            let mut faults = Faults::default();
            let id = faults.take_id(&["id"], &input.id);
            let version = faults.take(&["version"], input.version);
            let lasts = input.minutes.map_or(preview::USUAL, |minutes| Duration::minutes(minutes.into()));
            if !(Duration::minutes(1)..=preview::LONGEST).contains(&lasts) {
                let max = preview::LONGEST.num_minutes();
                faults.push(&["minutes"], Rule::OutOfRange { min: 1, max });
            }
            faults.into_result()?;
            let (id, version) = id.zip(version).ok_or(Error::NotFound("the revision"))?;
            let link = preview::create(&mut Edit::new(transaction, editor), id, version, lasts).await?;
            Ok(Preview {
                id: global_id("Preview", link.id),
                token: link.token,
                expires_at: link.expires_at.into(),
                version: Scalar(version),
            })
        })
        .await
    }

    /// Ends a preview before its time.
    async fn preview_revoke(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which preview.")] input: PreviewRevokeInput,
    ) -> Result<Mutated<PreviewRevokePayload>> {
        mutate(ctx, "previewRevoke", async move |transaction, editor| {
            preview::revoke(&mut Edit::new(transaction, editor), named(&input.id, "Preview")?).await
        })
        .await
    }
}
