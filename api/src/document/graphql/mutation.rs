//! What editors do to a document whatever kind it is: publish, withdraw, schedule, archive, restore, reorder.

use async_graphql::{Context, Enum, ID, InputObject, Object};
use chrono_tz::Tz;
use entities::{Line, LocalDateTime, Rule, Version};

use super::{DocumentPayload, DocumentsPayload, ScheduleAction, input::SeenInput};
use crate::{
    document::{
        self, Seen, Written,
        publish::{self, Links},
        schedule::{self, Plan},
    },
    editorial::{Edit, Release, schedule::moment},
    error::{Error, Result},
    figures::graphql::ReleaseKind,
    graphql::{Faults, Input, Mutated, mutate, named},
};

/// The most documents of one mutation.
pub const MAX_DOCUMENTS: usize = 200;

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

/// A document to withdraw, as you have seen it, and why.
#[derive(InputObject)]
pub struct DocumentWithdrawInput {
    /// The document.
    id: ID,
    /// Its version as you have seen it.
    expected_version: Input<Version>,
    /// Why, in your words.
    reason: Option<Input<Line>>,
    /// Whether to withdraw a page although published pages link to it. Those links lead nowhere then.
    #[graphql(default)]
    break_links: bool,
}

impl DocumentWithdrawInput {
    fn parts(self) -> (DocumentInput, Links) {
        let Self { id, expected_version, reason, break_links } = self;
        (DocumentInput { id, expected_version, reason }, break_links.into())
    }
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
    /// The date and time, such as `2026-04-01T09:00:00` or `2026-04-01 09:00`. With an offset from UTC or `Z`, such as
    /// `2026-04-01T09:00:00+09:00`, it is that moment whatever the time zone.
    at: Input<LocalDateTime>,
    /// The time zone in which it is that time, and in which it is shown (IANA), such as `Asia/Tokyo`.
    time_zone: String,
    /// Which of the two moments, for a time that occurs twice.
    occurrence: Option<Occurrence>,
    /// For figures: `RELEASE` the first time, `REVISION` or `CORRECTION` once figures of the year are out.
    kind: Option<ReleaseKind>,
    /// Why, in your words.
    reason: Option<Input<Line>>,
    /// For `UNPUBLISH`: whether to withdraw a page although published pages link to it by then. Those links lead nowhere then.
    #[graphql(default)]
    break_links: bool,
}

/// Which schedule to call off.
#[derive(InputObject)]
pub struct ScheduleCancelInput {
    /// The schedule.
    id: ID,
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
    Ok((seen.ok_or(Error::not_found("the document"))?, reason))
}

/// Runs a mutation that does something to one document as it was seen.
async fn one(
    ctx: &Context<'_>,
    action: &'static str,
    input: DocumentInput,
    operation: impl AsyncFnOnce(&mut Edit<'_>, Seen, Option<&str>) -> Result<()>,
) -> Result<Mutated<DocumentPayload>> {
    mutate(ctx, action, async move |transaction, editor| {
        let (document, reason) = seen(input.id, input.expected_version, input.reason)?;
        let mut edit = Edit::new(transaction, editor);
        operation(&mut edit, document, reason.as_deref()).await?;
        document::written_one(&mut edit, document.id).await
    })
    .await
}

async fn all(edit: &mut Edit<'_>, seen: &[Seen]) -> Result<Vec<Written>> {
    let ids: Vec<_> = seen.iter().map(|document| document.id).collect();
    document::written(edit, &ids).await
}

/// Mutations of documents of any kind.
#[derive(Default)]
pub struct DocumentMutation;

#[Object]
impl DocumentMutation {
    /// Makes the newest version of a document public. Refused with every blocker when anything stands in the way. With a page
    /// or staff record come back the texts that were withdrawn with it, as far as they were not changed since.
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
            document::written_one(&mut edit, document.id).await
        })
        .await
    }

    /// Makes the newest versions of several documents public in one step: all of them, or none. A kind of release counts for
    /// the figures among them.
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
            all(&mut edit, &documents).await
        })
        .await
    }

    /// Takes a document out of the public's sight, with its texts if it has any. Its versions stay. A page that published
    /// pages link to stays, unless `breakLinks` says otherwise.
    async fn unpublish(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to withdraw.")] input: DocumentWithdrawInput,
    ) -> Result<Mutated<DocumentPayload>> {
        let (input, links) = input.parts();
        let operation = async |edit: &mut Edit<'_>, document, reason: Option<&str>| {
            publish::unpublish(edit, document, reason, links).await
        };
        one(ctx, "unpublish", input, operation).await
    }

    /// Puts a document away, with its texts if it has any: what is public of it is withdrawn, what is scheduled called off.
    /// A page that published pages link to stays, unless `breakLinks` says otherwise.
    async fn archive(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to put away.")] input: DocumentWithdrawInput,
    ) -> Result<Mutated<DocumentPayload>> {
        let (input, links) = input.parts();
        let operation = async |edit: &mut Edit<'_>, document, reason: Option<&str>| {
            publish::archive(edit, document, reason, links).await
        };
        one(ctx, "archive", input, operation).await
    }

    /// Brings an archived document back, with the texts that were archived with it, as drafts.
    async fn unarchive(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to bring back.")] input: DocumentInput,
    ) -> Result<Mutated<DocumentPayload>> {
        one(ctx, "unarchive", input, async |edit, document, _| publish::unarchive(edit, document).await).await
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
            let (document, version) = document.zip(version).ok_or(Error::not_found("the document"))?;
            let mut edit = Edit::new(transaction, editor);
            document::restore(&mut edit, document, version, reason).await?;
            document::written_one(&mut edit, document.id).await
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
            all(&mut edit, &documents).await
        })
        .await
    }

    /// Schedules that a document is published or withdrawn, instead of what was scheduled of that kind before. When the
    /// version to publish is not the newest one by then, or something stands in its way, nothing happens and the
    /// schedule says why. What is due at one moment goes together.
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
            if zone.is_none() {
                faults.push(&["timeZone"], Rule::Unknown);
            }
            let local = faults.take(&["at"], input.at);
            let at = zone.zip(local).map(|(zone, local)| moment(local, zone, input.occurrence.map(Into::into)));
            let at = at.and_then(|at| at.map_err(|fault| faults.add(fault)).ok());
            faults.into_result()?;
            let (document, at) = document.zip(at).ok_or(Error::not_found("the document"))?;
            let release = Release { kind: input.kind.map(Into::into), reason };
            let (action, links) = (input.action.into(), input.break_links.into());
            let plan = Plan { action, at, time_zone: input.time_zone, release, links };
            let mut edit = Edit::new(transaction, editor);
            schedule::set(&mut edit, document, plan).await?;
            document::written_one(&mut edit, document.id).await
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
            let id = named(&input.id, schedule::TYPE_NAME)?;
            let mut edit = Edit::new(transaction, editor);
            let document = schedule::cancel(&mut edit, id).await?;
            document::written_one(&mut edit, document).await
        })
        .await
    }
}
