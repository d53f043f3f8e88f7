//! Documents as editors see them, and what editors do to a document whatever kind it is. What is particular to a kind
//! stands in the files below.

mod content;
mod input;
mod lease;
mod metadata;
mod mutation;
mod page;
mod preview;
mod query;
mod site;
mod staff;
mod taxonomy;

pub use lease::LeaseMutation;
pub use metadata::MetadataMutation;
pub use mutation::{DocumentMutation, MAX_DOCUMENTS};
pub use page::PageMutation;
pub use preview::{Preview, PreviewMutation, PreviewQuery};
pub use query::DocumentQuery;
pub use site::SiteMutation;
pub use staff::StaffMutation;
pub use taxonomy::TaxonomyMutation;

use async_graphql::{ComplexObject, Context, Enum, ID, Object, SimpleObject};
use entities::{Language, Locale, Version, schedule};
use uuid::Uuid;

use crate::{
    access::{Editor, confidential},
    document, error,
    figures::{graphql::ReleaseKind, year_sheet},
    graphql::{At, ContextExt, Expected, Input, Scalar, UserError, global_id},
};
use content::DocumentContent;

/// What a document holds.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "entities::DocumentKind")]
pub enum DocumentKind {
    /// The site's name, locales and fallback chains; there is one.
    Site,
    /// The part of a page that all locales share.
    Page,
    /// A page in one locale.
    PageText,
    /// The part of a staff record that all locales share.
    StaffMember,
    /// A staff record in one locale.
    StaffText,
    /// A country with its names.
    Country,
    /// A category of visits with its names.
    Category,
    /// The figures of one category and year.
    YearSheet,
    /// What is said of the figures as a whole; there is one.
    FactSheetMetadata,
}

/// Where a document stands between its editors and the public.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "entities::DocumentState")]
pub enum DocumentState {
    /// Never published: a draft from the beginning.
    NeverPublished,
    /// With a schedule that is still to come, published or not.
    Scheduled,
    /// Published in its newest version.
    Published,
    /// Published with a newer draft.
    Modified,
    /// Published once and withdrawn.
    Unpublished,
    /// Put away.
    Archived,
}

/// What a schedule does.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "entities::ScheduleAction")]
pub enum ScheduleAction {
    /// It publishes the version that it names.
    Publish,
    /// It takes the document out of the public's sight.
    Unpublish,
}

/// How a schedule ended.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "entities::ScheduleOutcome")]
pub enum ScheduleOutcome {
    /// It was carried out.
    Done,
    /// It could not be kept.
    Failed,
    /// It was called off, or what it was to do was done by hand.
    Cancelled,
}

/// A document as editors see it: its newest version, what the public sees, and what is still to be done to it. Texts are
/// those of the document itself, never a fallback.
pub struct Document(pub document::Document);

/// A document as editors see it: its newest version, what the public sees, and what is still to be done to it. Texts are
/// those of the document itself, never a fallback.
#[Object]
impl Document {
    /// Its global id.
    pub async fn id(&self) -> ID {
        global_id("Document", self.0.row.id)
    }

    /// What it holds.
    async fn kind(&self) -> DocumentKind {
        self.0.row.kind.into()
    }

    /// Its natural key among all documents, such as `PAGE/about-us` or `YEAR_SHEET/RESIDENT/2022`.
    async fn key(&self) -> &str {
        &self.0.row.key
    }

    /// What to call it in a list.
    async fn title(&self) -> String {
        self.0.content.title()
    }

    /// The locale that it is in, when it is the text of a page or staff record.
    async fn locale(&self) -> Option<Scalar<Locale>> {
        self.0.content.locale().cloned().map(Scalar)
    }

    /// The document whose text it is.
    async fn owner_id(&self) -> Option<ID> {
        self.0.row.owner_id.map(|id| global_id("Document", id))
    }

    /// The version to send as `expectedVersion`.
    async fn version(&self) -> Scalar<Version> {
        Scalar(self.0.row.version)
    }

    /// The version that the public sees; null when it sees none.
    async fn published_version(&self) -> Option<Scalar<Version>> {
        self.0.row.published_number.map(Scalar)
    }

    /// Where it stands.
    async fn state(&self) -> DocumentState {
        self.0.row.state.into()
    }

    /// Its newest version.
    async fn content(&self) -> DocumentContent {
        self.0.content.clone().into()
    }

    /// What the public sees of it.
    async fn published(&self) -> Option<DocumentContent> {
        self.0.published.clone().map(Into::into)
    }

    /// When its newest version was saved.
    async fn changed_at(&self) -> At {
        self.0.newest.created_at.into()
    }

    /// The e-mail address of the account that saved its newest version; null when it was saved at the command line.
    async fn changed_by(&self) -> Option<&str> {
        self.0.email(self.0.newest.editor_id)
    }

    /// When it first became public.
    async fn first_published_at(&self) -> Option<At> {
        self.0.row.first_published_at.map(Into::into)
    }

    /// When it was put away.
    async fn archived_at(&self) -> Option<At> {
        self.0.row.archived_at.map(Into::into)
    }

    /// What is still to be done to it, the next first, then what could not be done.
    async fn schedules(&self) -> Vec<Schedule> {
        let shown = |schedule: &schedule::Model| Schedule::new(schedule, self.0.email(Some(schedule.created_by)));
        self.0.schedules.iter().map(shown).collect()
    }

    /// Who says to work on it right now. It warns; it does not keep anybody from saving.
    async fn lease(&self, ctx: &Context<'_>) -> Option<Lease> {
        use crate::graphql::ContextExt;
        let lease = self.0.lease.as_ref().filter(|lease| document::lease::is_held(lease, ctx.state().now()))?;
        Some(Lease {
            holder: self.0.email(Some(lease.account_id)).unwrap_or_default().to_owned(),
            since: lease.taken_at.into(),
            expires_at: lease.expires_at.into(),
            taken_from: self.0.email(lease.taken_from).map(str::to_owned),
        })
    }
}

/// What is to be done to a document at a moment to come, or was to be.
#[derive(SimpleObject, Clone)]
#[graphql(complex)]
pub struct Schedule {
    /// Its global id, with which it can be called off.
    #[graphql(owned)]
    pub id: ID,
    /// What it does.
    action: ScheduleAction,
    /// When.
    at: At,
    /// The time zone in which that was said (IANA), such as `Asia/Tokyo`.
    time_zone: String,
    /// The version that it publishes.
    version: Scalar<Version>,
    /// The kind of release, for figures.
    kind: Option<ReleaseKind>,
    /// Why, in the editor's words.
    reason: Option<String>,
    /// Whether it withdraws a page although published pages link to it by then.
    break_links: bool,
    /// The e-mail address of the account that set it.
    created_by: Option<String>,
    /// How it ended; null while it is pending.
    outcome: Option<ScheduleOutcome>,
    /// Why it could not be kept: an error code. Null unless it failed.
    failure_code: Option<String>,
    #[graphql(skip)]
    failure: Option<serde_json::Value>,
}

#[ComplexObject]
impl Schedule {
    /// Why it could not be kept, for people; in Japanese for `ja`, and in English otherwise. Null unless it failed.
    async fn failure_message(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The language to say it in; that of the request when left out.")] locale: Option<
            Input<Locale>,
        >,
    ) -> Option<String> {
        let words = match ctx.language(locale) {
            Language::English => "en",
            Language::Japanese => "ja",
        };
        Some(self.failure.as_ref()?.get(words)?.as_str()?.to_owned())
    }
}

impl Schedule {
    /// This schedule, set by the account with this e-mail address.
    pub fn new(schedule: &schedule::Model, created_by: Option<&str>) -> Self {
        let told = |name: &str| Some(schedule.failure.as_ref()?.get(name)?.as_str()?.to_owned());
        Self {
            id: global_id(document::schedule::TYPE_NAME, schedule.id),
            action: schedule.action.into(),
            at: schedule.due_at.into(),
            time_zone: schedule.time_zone.clone(),
            version: Scalar(schedule.version),
            kind: schedule.release_kind.map(Into::into),
            reason: schedule.reason.clone(),
            break_links: schedule.break_links,
            created_by: created_by.map(str::to_owned),
            outcome: schedule.outcome.map(Into::into),
            failure_code: told("code"),
            failure: schedule.failure.clone(),
        }
    }
}

/// Somebody at work on a document.
#[derive(SimpleObject)]
pub struct Lease {
    /// The e-mail address of who holds it.
    holder: String,
    /// Since when.
    since: At,
    /// When it ends unless it is taken again.
    expires_at: At,
    /// Whoever it was taken from, if it was taken over.
    taken_from: Option<String>,
}

/// Which version of a document a mutation has led to.
#[derive(SimpleObject)]
pub struct DocumentVersion {
    /// The document.
    document_id: ID,
    /// What it holds.
    kind: DocumentKind,
    /// The version to send as `expectedVersion`.
    version: Scalar<Version>,
    /// The version that the public sees; null when it sees none.
    published_version: Option<Scalar<Version>>,
    /// Where it stands.
    state: DocumentState,
}

impl From<&entities::document::Model> for DocumentVersion {
    fn from(row: &entities::document::Model) -> Self {
        Self {
            document_id: global_id("Document", row.id),
            kind: row.kind.into(),
            version: Scalar(row.version),
            published_version: row.published_number.map(Scalar),
            state: row.state.into(),
        }
    }
}

/// The outcome of a mutation of one document.
#[derive(SimpleObject)]
pub struct DocumentPayload {
    /// The version that the document is at after the mutation; null when nothing was done.
    written: Option<DocumentVersion>,
    /// The document after the mutation; null when nothing was done, and for those who may write it but not read drafts of
    /// its kind.
    document: Option<Document>,
    /// Why nothing was done; empty when it was.
    errors: Vec<UserError>,
}

impl From<Expected<document::Written>> for DocumentPayload {
    fn from(outcome: Expected<document::Written>) -> Self {
        match outcome {
            Ok(written) => Self {
                written: Some((&written.row).into()),
                document: written.document.map(Document),
                errors: Vec::new(),
            },
            Err(errors) => Self { written: None, document: None, errors },
        }
    }
}

/// The outcome of a mutation of several documents: of all of them, or of none.
#[derive(SimpleObject)]
pub struct DocumentsPayload {
    /// The versions that the documents are at after the mutation, in the order of the input; empty when nothing was done.
    written: Vec<DocumentVersion>,
    /// The documents after the mutation, in the order of the input, without those that you may write but not read; empty
    /// when nothing was done.
    documents: Vec<Document>,
    /// Why nothing was done; empty when it was.
    errors: Vec<UserError>,
}

impl From<Expected<Vec<document::Written>>> for DocumentsPayload {
    fn from(outcome: Expected<Vec<document::Written>>) -> Self {
        match outcome {
            Ok(documents) => Self {
                written: documents.iter().map(|written| (&written.row).into()).collect(),
                documents: documents.into_iter().filter_map(|written| written.document.map(Document)).collect(),
                errors: Vec::new(),
            },
            Err(errors) => Self { written: Vec::new(), documents: Vec::new(), errors },
        }
    }
}

/// Records that an editor reads the newest and the published version of these documents, as far as they hold figures which the
/// disclosure policy keeps from the public. What a mutation answers is recorded with it.
pub(crate) async fn record_reading<'a>(
    ctx: &Context<'_>,
    editor: &Editor,
    documents: impl IntoIterator<Item = &'a entities::document::Model> + Send,
) -> error::Result<()> {
    let versions: Vec<_> = documents.into_iter().flat_map(year_sheet::shown_versions).collect();
    record_versions(ctx, editor, versions).await
}

/// Records that an editor reads these versions of year sheets.
pub(crate) async fn record_versions(
    ctx: &Context<'_>,
    editor: &Editor,
    mut sheets: Vec<(Uuid, Version)>,
) -> error::Result<()> {
    sheets.sort_unstable();
    sheets.dedup();
    confidential::read_sheets(ctx.state(), editor, &ctx.caller().origin, &sheets).await
}
