//! What editors do to a document whatever kind it is: publish, withdraw, schedule, archive, restore, reorder, lease,
//! preview.

use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Duration, NaiveDateTime, Utc};
use chrono_tz::Tz;
use entities::{Line, Rule, Version};

use super::{Document, DocumentPayload, DocumentsPayload, ScheduleAction, input::SeenInput};
use crate::{
    document::{
        self, Seen, lease, preview, publish,
        schedule::{self, Plan},
    },
    editorial::{Edit, Release, schedule::moment},
    error::{Error, Result},
    figures::graphql::ReleaseKind,
    graphql::{Expected, Faults, Input, Mutated, Scalar, UserError, global_id, mutate, named},
};

/// The most documents of one mutation.
const MAX_DOCUMENTS: usize = 200;

/// What to publish.
#[derive(InputObject)]
pub struct PublishInput {
    /// The document.
    id: ID,
    /// Its version as you have seen it.
    expected_version: Input<Version>,
    /// For figures: `RELEASE` the first time, `REVISION` or `CORRECTION` once figures of the year are out.
    kind: Option<ReleaseKind>,
    /// Why, in your words. Needed for `REVISION` and `CORRECTION`.
    reason: Option<Input<Line>>,
}

/// What to publish together.
#[derive(InputObject)]
pub struct PublishManyInput {
    /// The documents, at most 200.
    documents: Vec<SeenInput>,
    /// For figures: `RELEASE` the first time, `REVISION` or `CORRECTION` once figures of the year are out.
    kind: Option<ReleaseKind>,
    /// Why, in your words. Needed for `REVISION` and `CORRECTION`.
    reason: Option<Input<Line>>,
}

/// A document, as you have seen it, and why something is done to it.
#[derive(InputObject)]
pub struct DocumentInput {
    /// The document.
    id: ID,
    /// Its version as you have seen it.
    expected_version: Input<Version>,
    /// Why, in your words.
    reason: Option<Input<Line>>,
}

/// Which revision to bring back.
#[derive(InputObject)]
pub struct RestoreInput {
    /// The document.
    id: ID,
    /// Its version as you have seen it.
    expected_version: Input<Version>,
    /// The version whose content is to be the newest again.
    version: Input<Version>,
    /// Why, in your words.
    reason: Option<Input<Line>>,
}

/// An order of documents.
#[derive(InputObject)]
pub struct ReorderInput {
    /// The documents in their new order, at most 200, all of one kind.
    documents: Vec<SeenInput>,
    /// Why, in your words.
    reason: Option<Input<Line>>,
}

/// Which of the two moments, when the clocks are set back and a local time occurs twice.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "crate::editorial::schedule::Occurrence")]
pub enum Occurrence {
    /// The earlier one.
    First,
    /// The later one.
    Second,
}

/// What is to be done to a document when.
#[derive(InputObject)]
pub struct ScheduleInput {
    /// The document.
    id: ID,
    /// Its version as you have seen it: the one that will be published.
    expected_version: Input<Version>,
    /// What is to be done.
    action: ScheduleAction,
    /// The local date and time (ISO 8601, without offset), such as `2026-04-01T09:00:00`.
    at: NaiveDateTime,
    /// The time zone in which it is that time (IANA), such as `Asia/Tokyo`.
    time_zone: String,
    /// Which of the two moments, for a time that occurs twice.
    occurrence: Option<Occurrence>,
    /// For figures: `RELEASE` the first time, `REVISION` or `CORRECTION` once figures of the year are out.
    kind: Option<ReleaseKind>,
    /// Why, in your words.
    reason: Option<Input<Line>>,
}

/// Which schedule to call off.
#[derive(InputObject)]
pub struct ScheduleCancelInput {
    /// The schedule.
    id: ID,
}

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

/// The outcome of `leaseTake`.
#[derive(SimpleObject)]
pub struct LeaseTakePayload {
    /// Whether the lease is yours now.
    acquired: bool,
    /// The document with its lease, whoever holds it.
    document: Option<Document>,
    /// Why nothing was done.
    errors: Vec<UserError>,
}

impl From<Expected<(bool, document::Document)>> for LeaseTakePayload {
    fn from(outcome: Expected<(bool, document::Document)>) -> Self {
        match outcome {
            Ok((acquired, document)) => Self { acquired, document: Some(Document(document)), errors: Vec::new() },
            Err(errors) => Self { acquired: false, document: None, errors },
        }
    }
}

/// A link to one revision of one document.
#[derive(SimpleObject)]
pub struct Preview {
    /// Its id, with which it can be revoked.
    id: ID,
    /// What a request bears in the header `Almanac-Preview` to see the revision. Whoever has it sees it.
    token: String,
    /// When it ends.
    expires_at: DateTime<Utc>,
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

/// The documents of an input, if all of them can be named.
fn documents(faults: &mut Faults, inputs: Vec<SeenInput>) -> Vec<Seen> {
    if inputs.is_empty() {
        faults.push(&["documents"], Rule::Required);
    }
    if inputs.len() > MAX_DOCUMENTS {
        faults.push(&["documents"], Rule::TooMany { max: MAX_DOCUMENTS });
    }
    let mut documents: Vec<Seen> = Vec::with_capacity(inputs.len().min(MAX_DOCUMENTS));
    for (index, input) in inputs.into_iter().take(MAX_DOCUMENTS).enumerate() {
        let index = index.to_string();
        let Some(seen) = input.parse(faults, &["documents", &index]) else { continue };
        if documents.iter().any(|other| other.id == seen.id) {
            faults.push(&["documents", &index, "id"], Rule::Duplicate);
        }
        documents.push(seen);
    }
    documents
}

fn reason(faults: &mut Faults, reason: Option<Input<Line>>) -> Option<String> {
    reason.and_then(|reason| faults.take(&["reason"], reason)).map(String::from)
}

/// The document and the reason of an input, or all its faults.
fn seen(id: ID, expected: Input<Version>, why: Option<Input<Line>>) -> Result<(Seen, Option<String>)> {
    let mut faults = Faults::default();
    let seen = SeenInput { id, expected_version: expected }.parse(&mut faults, &[]);
    let reason = reason(&mut faults, why);
    faults.into_result()?;
    Ok((seen.ok_or(Error::NotFound("the document"))?, reason))
}

async fn all(edit: &Edit<'_>, seen: &[Seen]) -> Result<Vec<document::Document>> {
    let mut documents = Vec::with_capacity(seen.len());
    for Seen { id, .. } in seen {
        documents.push(document::get(edit.connection(), *id).await?);
    }
    Ok(documents)
}

/// Mutations of documents of any kind.
#[derive(Default)]
pub struct DocumentMutation;

#[Object]
impl DocumentMutation {
    /// Makes the newest version of a document public. Refused with every blocker when anything stands in the way.
    async fn publish(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to publish.")] input: PublishInput,
    ) -> Result<Mutated<DocumentPayload>> {
        mutate(ctx, "publish", async move |transaction, editor| {
            let (document, reason) = seen(input.id, input.expected_version, input.reason)?;
            let release = Release { kind: input.kind.map(Into::into), reason };
            let mut edit = Edit::new(transaction, editor);
            publish::publish(&mut edit, &[document], &release, |_| Vec::new()).await?;
            document::get(edit.connection(), document.id).await
        })
        .await
    }

    /// Makes the newest versions of several documents public in one step: all of them, or none.
    async fn publish_many(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to publish.")] input: PublishManyInput,
    ) -> Result<Mutated<DocumentsPayload>> {
        mutate(ctx, "publishMany", async move |transaction, editor| {
            let mut faults = Faults::default();
            let documents = documents(&mut faults, input.documents);
            let reason = reason(&mut faults, input.reason);
            faults.into_result()?;
            let release = Release { kind: input.kind.map(Into::into), reason };
            let mut edit = Edit::new(transaction, editor);
            let path = |index: usize| vec!["documents".to_owned(), index.to_string()];
            publish::publish(&mut edit, &documents, &release, path).await?;
            all(&edit, &documents).await
        })
        .await
    }

    /// Takes a document out of the public's sight, with its texts if it has any. Its versions stay.
    async fn unpublish(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to withdraw.")] input: DocumentInput,
    ) -> Result<Mutated<DocumentPayload>> {
        mutate(ctx, "unpublish", async move |transaction, editor| {
            let (document, reason) = seen(input.id, input.expected_version, input.reason)?;
            let mut edit = Edit::new(transaction, editor);
            publish::unpublish(&mut edit, document, reason.as_deref()).await?;
            document::get(edit.connection(), document.id).await
        })
        .await
    }

    /// Puts a document away, with its texts if it has any: what is public of it is withdrawn, what is scheduled called off.
    async fn archive(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to put away.")] input: DocumentInput,
    ) -> Result<Mutated<DocumentPayload>> {
        mutate(ctx, "archive", async move |transaction, editor| {
            let (document, reason) = seen(input.id, input.expected_version, input.reason)?;
            let mut edit = Edit::new(transaction, editor);
            publish::archive(&mut edit, document, reason.as_deref()).await?;
            document::get(edit.connection(), document.id).await
        })
        .await
    }

    /// Brings an archived document back, with the texts that were archived with it, as drafts.
    async fn unarchive(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to bring back.")] input: DocumentInput,
    ) -> Result<Mutated<DocumentPayload>> {
        mutate(ctx, "unarchive", async move |transaction, editor| {
            let (document, _) = seen(input.id, input.expected_version, input.reason)?;
            let mut edit = Edit::new(transaction, editor);
            publish::unarchive(&mut edit, document).await?;
            document::get(edit.connection(), document.id).await
        })
        .await
    }

    /// Makes the content of an older version the newest one, as a draft. Nothing is published by that.
    async fn restore(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to bring back.")] input: RestoreInput,
    ) -> Result<Mutated<DocumentPayload>> {
        mutate(ctx, "restore", async move |transaction, editor| {
            let mut faults = Faults::default();
            let document = SeenInput { id: input.id, expected_version: input.expected_version }.parse(&mut faults, &[]);
            let version = faults.take(&["version"], input.version);
            let reason = reason(&mut faults, input.reason);
            faults.into_result()?;
            let (document, version) = document.zip(version).ok_or(Error::NotFound("the document"))?;
            let mut edit = Edit::new(transaction, editor);
            document::restore(&mut edit, document, version, reason).await?;
            document::get(edit.connection(), document.id).await
        })
        .await
    }

    /// Puts pages, staff records, countries or categories into a new order, as drafts.
    async fn reorder(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The new order.")] input: ReorderInput,
    ) -> Result<Mutated<DocumentsPayload>> {
        mutate(ctx, "reorder", async move |transaction, editor| {
            let mut faults = Faults::default();
            let documents = documents(&mut faults, input.documents);
            let reason = reason(&mut faults, input.reason);
            faults.into_result()?;
            let mut edit = Edit::new(transaction, editor);
            document::reorder(&mut edit, &documents, reason.as_deref()).await?;
            all(&edit, &documents).await
        })
        .await
    }

    /// Schedules that a document is published or withdrawn, instead of what was scheduled of that kind before. When the
    /// version to publish is not the newest one by then, or something stands in its way, nothing happens and the
    /// schedule says why.
    async fn schedule(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do when.")] input: ScheduleInput,
    ) -> Result<Mutated<DocumentPayload>> {
        mutate(ctx, "schedule", async move |transaction, editor| {
            let mut faults = Faults::default();
            let document = SeenInput { id: input.id, expected_version: input.expected_version }.parse(&mut faults, &[]);
            let reason = reason(&mut faults, input.reason);
            let zone: Option<Tz> = input.time_zone.parse().ok();
            let at = match zone.map(|zone| moment(input.at, zone, input.occurrence.map(Into::into))) {
                None => {
                    faults.push(&["timeZone"], Rule::Unknown);
                    None
                }
                Some(Err(fault)) => {
                    faults.add(fault);
                    None
                }
                Some(Ok(at)) => Some(at),
            };
            faults.into_result()?;
            let (document, at) = document.zip(at).ok_or(Error::NotFound("the document"))?;
            let release = Release { kind: input.kind.map(Into::into), reason };
            let plan = Plan { action: input.action.into(), at, time_zone: input.time_zone, release };
            let mut edit = Edit::new(transaction, editor);
            schedule::set(&mut edit, document, plan).await?;
            document::get(edit.connection(), document.id).await
        })
        .await
    }

    /// Calls off a schedule that is still pending.
    async fn schedule_cancel(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which schedule.")] input: ScheduleCancelInput,
    ) -> Result<Mutated<DocumentPayload>> {
        mutate(ctx, "scheduleCancel", async move |transaction, editor| {
            let id = named(&input.id, "Schedule")?;
            let mut edit = Edit::new(transaction, editor);
            let document = schedule::cancel(&mut edit, id).await?;
            document::get(edit.connection(), document).await
        })
        .await
    }

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
            let id = id.ok_or(Error::NotFound("the document"))?;
            let mut edit = Edit::new(transaction, editor);
            let acquired = lease::take(&mut edit, id, input.take_over).await?;
            Ok((acquired, document::get(edit.connection(), id).await?))
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
            let id = id.ok_or(Error::NotFound("the document"))?;
            let mut edit = Edit::new(transaction, editor);
            lease::release(&mut edit, id).await?;
            document::get(edit.connection(), id).await
        })
        .await
    }

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
                expires_at: link.expires_at,
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
