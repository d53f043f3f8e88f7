//! Saying that one works on a document.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::{Document, DocumentPayload};
use crate::{
    document::{self, Written, lease},
    editorial::Edit,
    error::{Error, Result},
    graphql::{Expected, Faults, Mutated, UserError, mutate},
};

/// Which lease to take.
#[derive(InputObject)]
pub struct LeaseTakeInput {
    /// The document.
    id: ID,
    /// Whether to take it even when somebody else holds it; they are told.
    #[graphql(default)]
    take_over: bool,
}

/// Which lease to give back.
#[derive(InputObject)]
pub struct LeaseReleaseInput {
    /// The document.
    id: ID,
}

/// The outcome of `leaseTake`.
#[derive(SimpleObject)]
pub struct LeaseTakePayload {
    /// Whether the lease is yours now.
    acquired: bool,
    /// The document with its lease, whether it is yours or another editor's; null for those who may not read drafts.
    document: Option<Document>,
    /// Why nothing was done.
    errors: Vec<UserError>,
}

impl From<Expected<(bool, Written)>> for LeaseTakePayload {
    fn from(outcome: Expected<(bool, Written)>) -> Self {
        match outcome {
            Ok((acquired, written)) => Self { acquired, document: written.document.map(Document), errors: Vec::new() },
            Err(errors) => Self { acquired: false, document: None, errors },
        }
    }
}

/// Mutations of edit leases.
#[derive(Default)]
pub struct LeaseMutation;

#[Object]
impl LeaseMutation {
    /// Says that you work on a document, for five minutes or until you say so again. It warns others, it never blocks them.
    async fn lease_take(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which document.")] input: LeaseTakeInput,
    ) -> Result<Mutated<LeaseTakePayload>> {
        mutate(ctx, "leaseTake", async move |transaction, editor| {
            let mut faults = Faults::default();
            let id = faults.take_id(&["id"], &input.id);
            faults.into_result()?;
            let id = id.ok_or(Error::not_found("the document"))?;
            let mut edit = Edit::new(transaction, editor);
            let acquired = lease::take(&mut edit, id, input.take_over).await?;
            Ok((acquired, document::written_one(&mut edit, id).await?))
        })
        .await
    }

    /// Says that you no longer work on a document.
    async fn lease_release(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which document.")] input: LeaseReleaseInput,
    ) -> Result<Mutated<DocumentPayload>> {
        mutate(ctx, "leaseRelease", async move |transaction, editor| {
            let mut faults = Faults::default();
            let id = faults.take_id(&["id"], &input.id);
            faults.into_result()?;
            let id = id.ok_or(Error::not_found("the document"))?;
            let mut edit = Edit::new(transaction, editor);
            lease::release(&mut edit, id).await?;
            document::written_one(&mut edit, id).await
        })
        .await
    }
}
