//! Documents of every kind, as editors work with them: the one room that knows all kinds at once.
//!
//! `editorial` knows what can be done to a document, whatever it holds; `content` and `figures` know what theirs hold.
//! Here the two meet: a row of `documents` and a revision's JSON become a [`Content`], and what an editor does to a
//! document by its id, whatever kind it is, is done to that.

pub mod graphql;
pub mod lease;
pub mod preview;
pub mod publish;
pub mod schedule;
pub mod worklist;

use std::{
    collections::{BTreeSet, HashMap},
    pin::Pin,
    sync::Arc,
};

use entities::{
    DocumentKind, Locale, RevisionAction, Rule, ScheduleAction, ScheduleOutcome, Version, document, lease as leases,
    schedule as schedules,
};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    access::{Editor, account::emails, permission::Action},
    content::{
        page::{Page, PageText},
        site::Site,
        staff::{StaffMember, StaffText},
    },
    editorial::{self, Edit, Kind, revision::Revision},
    error::{Error, Fault, Result},
    figures::{
        category::Category,
        country::Country,
        metadata::FactSheetMetadata,
        year_sheet::{self, YearSheet},
    },
};

/// The content of a document, whatever kind it is.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// The site's settings.
    Site(Site),
    /// What all locales of a page share.
    Page(Page),
    /// A page in one locale.
    PageText(PageText),
    /// What all locales of a staff record share.
    StaffMember(StaffMember),
    /// A staff record in one locale.
    StaffText(StaffText),
    /// A country.
    Country(Country),
    /// A category of visits.
    Category(Category),
    /// The figures of a category and year.
    YearSheet(YearSheet),
    /// What is said of the figures as a whole.
    FactSheetMetadata(FactSheetMetadata),
}

/// Runs an expression on the content, whatever kind it is.
macro_rules! each {
    ($content:expr, $name:ident => $body:expr) => {
        match $content {
            $crate::document::Content::Site($name) => $body,
            $crate::document::Content::Page($name) => $body,
            $crate::document::Content::PageText($name) => $body,
            $crate::document::Content::StaffMember($name) => $body,
            $crate::document::Content::StaffText($name) => $body,
            $crate::document::Content::Country($name) => $body,
            $crate::document::Content::Category($name) => $body,
            $crate::document::Content::YearSheet($name) => $body,
            $crate::document::Content::FactSheetMetadata($name) => $body,
        }
    };
}
use each;

macro_rules! content_of {
    ($($kind:ident),*) => {
        $(impl From<$kind> for Content {
            fn from(content: $kind) -> Self {
                Self::$kind(content)
            }
        })*
    };
}
content_of!(Site, Page, PageText, StaffMember, StaffText, Country, Category, YearSheet, FactSheetMetadata);

impl Content {
    /// Reads what a revision of a document of this kind holds.
    ///
    /// # Errors
    /// When the stored content is not of this kind.
    pub fn read(kind: DocumentKind, content: Value) -> Result<Self> {
        Ok(match kind {
            DocumentKind::Site => Self::Site(serde_json::from_value(content)?),
            DocumentKind::Page => Self::Page(serde_json::from_value(content)?),
            DocumentKind::PageText => Self::PageText(serde_json::from_value(content)?),
            DocumentKind::StaffMember => Self::StaffMember(serde_json::from_value(content)?),
            DocumentKind::StaffText => Self::StaffText(serde_json::from_value(content)?),
            DocumentKind::Country => Self::Country(serde_json::from_value(content)?),
            DocumentKind::Category => Self::Category(serde_json::from_value(content)?),
            DocumentKind::YearSheet => Self::YearSheet(serde_json::from_value(content)?),
            DocumentKind::FactSheetMetadata => Self::FactSheetMetadata(serde_json::from_value(content)?),
        })
    }

    /// What a list calls it.
    #[must_use]
    pub fn title(&self) -> String {
        each!(self, content => content.title())
    }

    /// The locale that it is in, when it is a text.
    #[must_use]
    pub fn locale(&self) -> Option<&Locale> {
        each!(self, content => content.locale())
    }
}

/// A document as editors see it.
#[derive(Clone, Debug)]
pub struct Document {
    /// The document.
    pub row: document::Model,
    /// Its newest revision.
    pub newest: Revision,
    /// The content of its newest revision.
    pub content: Content,
    /// The content that the public sees.
    pub published: Option<Content>,
    /// What is still to be done to it, the next first, and what could not be done, the latest first.
    pub schedules: Vec<schedules::Model>,
    /// Who works on it, as far as they said so.
    pub lease: Option<leases::Model>,
    /// The addresses of the accounts named by these.
    pub emails: Arc<HashMap<Uuid, String>>,
}

impl Document {
    /// The address of an account.
    #[must_use]
    pub fn email(&self, account: Option<Uuid>) -> Option<&str> {
        self.emails.get(&account?).map(String::as_str)
    }
}

/// The document with this id, for an editor who may read drafts.
///
/// # Errors
/// [`Error::Forbidden`] for an editor who may read none; [`Error::NotFound`], also for a document of a kind that this
/// editor may not read.
pub async fn read(connection: &impl ConnectionTrait, editor: &Editor, id: Uuid) -> Result<Document> {
    let missing = || Error::not_found("the document");
    editor.permit_any(Action::Read)?;
    let row = document::Entity::find_by_id(id).one(connection).await?.ok_or_else(missing)?;
    editor.permit_found(Action::Read, row.kind, None, missing)?;
    load(connection, vec![row]).await?.pop().ok_or_else(missing)
}

/// Those of the documents with these ids that an editor may read.
///
/// # Errors
/// [`Error::Forbidden`] for an editor who may read none; or when the database cannot be read.
pub async fn among(connection: &impl ConnectionTrait, editor: &Editor, ids: &BTreeSet<Uuid>) -> Result<Vec<Document>> {
    editor.permit_any(Action::Read)?;
    let mut rows =
        document::Entity::find().filter(document::COLUMN.id.is_in(ids.iter().copied())).all(connection).await?;
    rows.retain(|row| editor.grants().allow(Action::Read, row.kind, None));
    load(connection, rows).await
}

/// A document after a mutation, as far as the editor may see it.
#[derive(Clone, Debug)]
pub struct Written {
    /// What everyone who may write a document is told of it.
    pub row: document::Model,
    /// The document; nothing for an editor who may write documents of this kind but not read their drafts.
    pub document: Option<Document>,
}

/// These documents after a mutation, in the same order: the one way from a mutation to what it answers. That it tells figures which
/// the policy hides is recorded.
///
/// # Errors
/// When the database cannot be read.
pub async fn written(edit: &mut Edit<'_>, ids: &[Uuid]) -> Result<Vec<Written>> {
    let connection = edit.connection();
    let rows = document::Entity::find().filter(document::COLUMN.id.is_in(ids.iter().copied())).all(connection).await?;
    let rows: HashMap<Uuid, document::Model> = rows.into_iter().map(|row| (row.id, row)).collect();
    let may_read = |row: &&document::Model| edit.editor().grants().allow(Action::Read, row.kind, None);
    let readable = load(connection, rows.values().filter(may_read).cloned().collect()).await?;
    for (id, version) in readable.iter().flat_map(|document| year_sheet::shown_versions(&document.row)) {
        edit.transaction().reads(id, version);
    }
    let mut readable: HashMap<Uuid, Document> =
        readable.into_iter().map(|document| (document.row.id, document)).collect();
    let written = |id: &Uuid| {
        let row = rows.get(id).cloned().ok_or(Error::not_found("the document"))?;
        Ok(Written { row, document: readable.remove(id) })
    };
    ids.iter().map(written).collect()
}

/// The same of one document.
///
/// # Errors
/// As [`written`].
pub async fn written_one(edit: &mut Edit<'_>, id: Uuid) -> Result<Written> {
    written(edit, &[id]).await?.pop().ok_or(Error::not_found("the document"))
}

/// These documents with all that is told of them, in the same order: a fixed number of statements, however many there are.
///
/// # Errors
/// When the database cannot be read.
pub async fn load(connection: &impl ConnectionTrait, rows: Vec<document::Model>) -> Result<Vec<Document>> {
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let numbers = rows.iter().flat_map(|row| [Some(row.version), row.published_number].map(|number| (row.id, number)));
    let numbers: BTreeSet<(Uuid, Version)> = numbers.filter_map(|(id, number)| Some((id, number?))).collect();
    let numbers: Vec<(Uuid, Version)> = numbers.into_iter().collect();
    let mut revisions: HashMap<(Uuid, Version), Revision> = HashMap::new();
    for revision in editorial::revision::of(connection, &numbers).await? {
        revisions.insert((revision.document_id, revision.number), revision);
    }
    let told = Condition::any()
        .add(schedules::COLUMN.outcome.is_null())
        .add(schedules::COLUMN.outcome.eq(ScheduleOutcome::Failed));
    let mut all_schedules: HashMap<Uuid, Vec<schedules::Model>> = HashMap::new();
    for schedule in schedules::Entity::find()
        .filter(schedules::COLUMN.document_id.is_in(ids.iter().copied()))
        .filter(told)
        .order_by_asc(schedules::COLUMN.settled_at)
        .order_by_asc(schedules::COLUMN.due_at)
        .all(connection)
        .await?
    {
        all_schedules.entry(schedule.document_id).or_default().push(schedule);
    }
    let mut all_leases: HashMap<Uuid, leases::Model> = HashMap::new();
    for lease in
        leases::Entity::find().filter(leases::COLUMN.document_id.is_in(ids.iter().copied())).all(connection).await?
    {
        all_leases.insert(lease.document_id, lease);
    }
    let accounts = revisions.values().filter_map(|revision| revision.editor_id);
    let accounts = accounts.chain(all_schedules.values().flatten().map(|schedule| schedule.created_by));
    let leased = all_leases.values().flat_map(|lease| [Some(lease.account_id), lease.taken_from]).flatten();
    let emails = Arc::new(emails(connection, accounts.chain(leased).collect()).await?);

    let mut documents = Vec::with_capacity(rows.len());
    for row in rows {
        let newest = revisions.get(&(row.id, row.version)).cloned();
        let newest = newest.ok_or_else(|| Error::internal(format!("document {} has no newest revision", row.id)))?;
        let published = row.published_number.and_then(|number| revisions.get(&(row.id, number)));
        let mut schedules = all_schedules.remove(&row.id).unwrap_or_default();
        // Pending ones first; databases differ in where they sort a null.
        schedules.retain(|schedule| still_matters(schedule, &row, &newest));
        schedules.sort_by_key(|schedule| (schedule.settled_at.is_some(), schedule.due_at));
        documents.push(Document {
            content: Content::read(row.kind, newest.content.clone())?,
            published: published.map(|revision| Content::read(row.kind, revision.content.clone())).transpose()?,
            schedules,
            lease: all_leases.remove(&row.id),
            emails: Arc::clone(&emails),
            newest,
            row,
        });
    }
    Ok(documents)
}

/// Whether a schedule is pending, or has failed and nobody has done anything about it: neither saved since, nor done by
/// hand what it was to do. The same as in `worklist::failed`.
fn still_matters(schedule: &schedules::Model, document: &document::Model, newest: &Revision) -> bool {
    schedule.settled_at.is_none_or(|settled_at| {
        newest.created_at <= settled_at
            && match schedule.action {
                ScheduleAction::Publish => document.published_number != Some(document.version),
                ScheduleAction::Unpublish => document.published_number.is_some(),
            }
    })
}

/// A document that somebody names together with the version that they had seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The document.
    pub id: Uuid,
    /// The version.
    pub version: Version,
}

/// The document with this id and its newest content, for an editor who may do this to it.
///
/// # Errors
/// [`Error::Forbidden`]; `missing` when there is no such document, or none that this editor may know of.
async fn permitted(
    edit: &mut Edit<'_>,
    id: Uuid,
    action: Action,
    missing: impl Fn() -> Error,
) -> Result<(document::Model, Content)> {
    edit.editor().permit_any(action)?;
    let row = document::Entity::find_by_id(id).one(edit.connection()).await?.ok_or_else(&missing)?;
    edit.transaction().about(row.id, row.version);
    let newest = editorial::revision::get(edit.connection(), row.id, row.version).await?;
    let content = Content::read(row.kind, newest.content)?;
    edit.editor().permit_found(action, row.kind, content.locale(), missing)?;
    Ok((row, content))
}

/// The document as it was seen, with its content, for an editor who may do this to it.
///
/// # Errors
/// A fault at `path` and `id` when there is none; [`Error::Forbidden`]; [`Error::Conflict`] when it has moved on.
async fn seen(edit: &mut Edit<'_>, seen: Seen, action: Action, path: &[String]) -> Result<(document::Model, Content)> {
    let missing = || Error::invalid(path.iter().map(String::as_str).chain(["id"]), Rule::Unknown);
    let (row, content) = permitted(edit, seen.id, action, missing).await?;
    edit.transaction().about(row.id, seen.version);
    edit.expect(&row, seen.version).await.map_err(|error| error.at(path))?;
    Ok((row, content))
}

/// Refuses what cannot be done to an archived document.
fn refuse_archived(row: &document::Model, path: &[String]) -> Result<()> {
    if row.archived_at.is_none() {
        return Ok(());
    }
    Err(Error::Invalid(vec![Fault::new(path.iter().map(String::as_str).chain(["id"]), Rule::Archived)]))
}

/// Makes an older revision of a document its newest one, as a draft.
///
/// # Errors
/// [`Error::Forbidden`]; [`Error::Conflict`]; [`Error::Invalid`] when the document has no such version, or its content
/// breaks a rule by now.
pub async fn restore(edit: &mut Edit<'_>, document: Seen, version: Version, reason: Option<String>) -> Result<Uuid> {
    let (row, newest) = seen(edit, document, Action::Save, &[]).await?;
    let old = editorial::revision::at(edit.connection(), row.id, version).await?;
    let old = old.ok_or_else(|| Error::invalid(["version"], Rule::Unknown))?;
    let mut content = Content::read(row.kind, old.content)?;
    match (&mut content, newest) {
        // What must stay withheld is not for editors to bring back.
        (Content::YearSheet(content), Content::YearSheet(newest)) => content.withheld = newest.withheld,
        // The redirect that it was to replace then need not be the one of today.
        (Content::Page(content), _) => content.replaces_redirect = false,
        _ => {}
    }
    save_again(edit, document, &content, RevisionAction::Restore, reason).await?;
    Ok(row.id)
}

/// Saves a document by its id, whatever kind it is. Boxed: the futures of all kinds in one frame are more than a thread's stack
/// has room for.
fn save_again<'a>(
    edit: &'a mut Edit<'_>,
    document: Seen,
    content: &'a Content,
    action: RevisionAction,
    reason: Option<String>,
) -> Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>> {
    async fn save<K: Kind>(
        edit: &mut Edit<'_>,
        document: Seen,
        content: &K,
        action: RevisionAction,
        reason: Option<String>,
    ) -> Result<()> {
        let base = edit.base_by_id(document.id, document.version).await?;
        edit.save(base, content, action, reason).await?;
        Ok(())
    }
    each!(content, content => Box::pin(save(edit, document, content, action, reason)))
}

/// Puts documents of one kind into this order, each as a draft; those that stand where they belong stay as they are.
///
/// # Errors
/// [`Error::Forbidden`]; [`Error::Conflict`]; [`Error::Invalid`] when they are not all of one kind that has an order.
pub async fn reorder(edit: &mut Edit<'_>, documents: &[Seen], reason: Option<&str>) -> Result<Vec<Uuid>> {
    let mut kind = None;
    let mut refused = Vec::new();
    for (index, document) in documents.iter().enumerate() {
        let path = ["documents".to_owned(), index.to_string()];
        let (row, mut content) = match seen(edit, *document, Action::Save, &path).await {
            Err(error) if error.is_of_one_document() => {
                refused.push(error);
                continue;
            }
            found => found?,
        };
        let position = i64::try_from(index + 1).ok().and_then(|place| place.try_into().ok());
        let changed = each!(&mut content, content => match (content.position(), position) {
            (Some(place), Some(position)) if *kind.get_or_insert(row.kind) == row.kind => {
                let changed = *place != position;
                *place = position;
                changed
            }
            _ => return Err(Error::invalid(["documents", index.to_string().as_str(), "id"], Rule::NoOrder)),
        });
        if changed {
            save_again(edit, *document, &content, RevisionAction::Save, reason.map(str::to_owned)).await?;
        }
    }
    if refused.is_empty() {
        Ok(documents.iter().map(|document| document.id).collect())
    } else {
        Err(Error::all(refused))
    }
}
