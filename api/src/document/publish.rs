//! Publishing and withdrawing, archiving and bringing back: of one document or of several together.

use std::{
    collections::{BTreeSet, HashSet},
    pin::Pin,
};

use entities::{DocumentKind, Locale, Rule, ScheduleAction, Slug, document, publication};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
};
use uuid::Uuid;

use crate::{
    access::{Editor, permission::Action},
    content::page::{
        Page,
        address::{self, Handover},
    },
    document::{Content, Seen, each, permitted, refuse_archived, seen},
    editorial::{Edit, Kind, Release, schedule},
    error::{Blocker, Error, Fault, Result},
    locale,
    transaction::Transaction,
};

/// A document to be published together with others.
pub struct Item<'a> {
    /// On whose authority.
    pub editor: &'a Editor,
    /// The document, in the version that was seen.
    pub document: Seen,
    /// Why. The kind of release counts for figures; whatever goes out with figures needs none.
    pub release: Release,
    /// Where the input names it.
    pub path: Vec<String>,
}

/// Why several documents cannot be published together.
#[derive(Debug)]
pub enum Refusal {
    /// What concerns some of them, each by its place in the list.
    Of(Vec<(usize, Error)>),
    /// What stands in the way, of each document.
    Blocked(Vec<Blocker>),
}

impl Refusal {
    /// Something that concerns one of them.
    #[must_use]
    pub fn of(index: usize, error: Error) -> Self {
        Self::Of(vec![(index, error)])
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Of(errors) => Self::all(errors.into_iter().map(|(_, error)| error).collect()),
            Refusal::Blocked(blockers) => Self::Blocked(blockers),
        }
    }
}

/// Publishes the newest versions of these documents together: all of them, or none when anything stands in the way of
/// one. What is public already stays as it is. `path` leads to a document in the input, from its index.
///
/// # Errors
/// [`Error::Forbidden`]; [`Error::Conflict`]; [`Error::Blocked`] with everything that stands in the way;
/// [`Error::Invalid`] for what is archived or not there.
pub async fn publish(
    edit: &mut Edit<'_>,
    documents: &[Seen],
    release: &Release,
    path: impl Fn(usize) -> Vec<String>,
) -> Result<()> {
    let editor = edit.editor();
    let item = |(index, document): (usize, &Seen)| Item {
        editor,
        document: *document,
        release: release.clone(),
        path: path(index),
    };
    let items: Vec<Item<'_>> = documents.iter().enumerate().map(item).collect();
    Ok(Box::pin(publish_all(edit.transaction(), &items)).await?)
}

/// The same for documents that different editors publish.
///
/// # Errors
/// As [`publish`], with the document that each error is about. Then the transaction must be rolled back.
pub async fn publish_all(transaction: &mut Transaction, items: &[Item<'_>]) -> Result<(), Refusal> {
    let (mut found, mut refused) = (Vec::with_capacity(items.len()), Vec::new());
    for (index, item) in items.iter().enumerate() {
        let mut edit = Edit::new(transaction, item.editor);
        let seen = seen(&mut edit, item.document, Action::Publish, &item.path).await;
        match seen.and_then(|(row, content)| refuse_archived(&row, &item.path).map(|()| (row, content))) {
            Ok(seen) => found.push(seen),
            Err(error) if error.is_of_one_document() => refused.push((index, error)),
            Err(error) => return Err(Refusal::of(index, error)),
        }
    }
    if !refused.is_empty() {
        return Err(Refusal::Of(refused));
    }
    let blockers = project(transaction, found, Purpose::Publish(items)).await?;
    if blockers.is_empty() { Ok(()) } else { Err(Refusal::Blocked(blockers)) }
}

/// What would stand in the way of publishing these documents together. Writes, so the transaction must be dropped.
///
/// # Errors
/// [`Error::Forbidden`]; [`Error::Invalid`] for what is not there.
pub async fn check(edit: &mut Edit<'_>, documents: &[Uuid]) -> Result<Vec<Blocker>> {
    edit.editor().permit_any(Action::Read)?;
    let (mut found, mut archived) = (Vec::with_capacity(documents.len()), Vec::new());
    for (index, id) in documents.iter().enumerate() {
        let path = ["ids".to_owned(), index.to_string()];
        let missing = || Error::invalid(path.iter().map(String::as_str), Rule::Unknown);
        let (row, content) = permitted(edit, *id, Action::Read, missing).await?;
        match row.archived_at {
            Some(_) => archived.push(Blocker { document_id: row.id, fault: Fault::new(["id"], Rule::Archived) }),
            None => found.push((row, content)),
        }
    }
    let editor = edit.editor();
    let mut blockers = archived;
    blockers.extend(Box::pin(project(edit.transaction(), found, Purpose::Check(editor))).await?);
    Ok(blockers)
}

/// Why documents are projected into the live tables.
#[derive(Clone, Copy)]
enum Purpose<'a> {
    /// To publish them: each item on the authority of its editor.
    Publish(&'a [Item<'a>]),
    /// To find out what stands in the way, for this editor.
    Check(&'a Editor),
}

/// A document that is about to be published.
struct Planned {
    /// The item that it goes with.
    index: usize,
    /// Whether it comes back with its owner, and was not asked for itself.
    returns: bool,
    row: document::Model,
    content: Content,
}

/// Projects documents together, with the texts that come back with them, and returns what stands in the way: the one place
/// that says what is published and why not, for those who publish and those who only ask.
async fn project(
    transaction: &mut Transaction,
    found: Vec<(document::Model, Content)>,
    purpose: Purpose<'_>,
) -> Result<Vec<Blocker>, Refusal> {
    let of = |index| move |error: Error| Refusal::of(index, error);
    let planned = plan(transaction.connection(), found).await?;
    let (handover, taken_over) = hand_over(transaction, &planned).await.map_err(of(0))?;
    let is_figures = |kind: DocumentKind| kind == DocumentKind::YearSheet;
    let with_figures = planned.iter().any(|planned| is_figures(planned.row.kind));

    let mut blockers: Vec<Blocker> = Vec::new();
    let mut projected = Vec::new();
    for Planned { index, returns, row, content } in &planned {
        let is_blocked = |owner: Uuid| blockers.iter().any(|blocker| blocker.document_id == owner);
        if *returns && row.owner_id.is_some_and(is_blocked) {
            // What keeps the page back is told of the page.
            continue;
        }
        let faults = match purpose {
            Purpose::Publish(items) => {
                let Some(item) = items.get(*index) else { continue };
                let mut release = item.release.clone();
                if with_figures && !is_figures(row.kind) {
                    release.kind = None;
                }
                publish_one(&mut Edit::new(transaction, item.editor), row, content, Some(release)).await
            }
            Purpose::Check(editor) => publish_one(&mut Edit::new(transaction, editor), row, content, None).await,
        };
        let faults = faults.map_err(of(*index))?;
        if faults.is_empty() {
            projected.push((*index, row.id, content));
        }
        blockers.extend(faults.into_iter().map(|fault| Blocker { document_id: row.id, fault }));
    }
    let connection = transaction.connection();
    handover.end(connection).await.map_err(of(0))?;
    for (index, id, content) in projected {
        blockers.extend(verify(connection, id, content).await.map_err(of(index))?);
        if let Content::Page(page) = content
            && taken_over.contains(&id)
        {
            let fault = dead_links(connection, page).await.map_err(of(index))?;
            blockers.extend(fault.map(|fault| Blocker { document_id: id, fault }));
        }
    }
    Ok(blockers)
}

/// What is to be published of these documents and the texts that come back with them, in an order in which it can be.
async fn plan(
    connection: &DatabaseTransaction,
    found: Vec<(document::Model, Content)>,
) -> Result<Vec<Planned>, Refusal> {
    let named: HashSet<Uuid> = found.iter().map(|(row, _)| row.id).collect();
    let mut planned = Vec::with_capacity(found.len());
    for (index, (row, content)) in found.into_iter().enumerate() {
        let texts = texts_that_return(connection, &row).await.map_err(|error| Refusal::of(index, error))?;
        let texts = texts.into_iter().filter(|(text, _)| !named.contains(&text.id));
        planned.extend(texts.map(|(row, content)| Planned { index, returns: true, row, content }));
        planned.push(Planned { index, returns: false, row, content });
    }
    // What the public sees already stays as it is.
    planned.retain(|planned| planned.row.published_number != Some(planned.row.version));
    Ok(dependencies_first(planned))
}

/// Frees the slugs that published pages hand over to each other. Returned with it: the pages that take over an address at
/// which readers find another page so far.
async fn hand_over(transaction: &Transaction, planned: &[Planned]) -> Result<(Handover, HashSet<Uuid>)> {
    let pages: Vec<(Uuid, &Slug)> = planned
        .iter()
        .filter_map(|planned| match &planned.content {
            Content::Page(page) => Some((planned.row.id, &page.slug)),
            _ => None,
        })
        .collect();
    let connection = transaction.connection();
    let mut taken_over = HashSet::new();
    for (id, slug) in &pages {
        if address::served(connection, slug).await?.is_some_and(|served| served != *id) {
            taken_over.insert(*id);
        }
    }
    let handover = Handover::begin(connection, &pages, || transaction.state().new_id()).await?;
    Ok((handover, taken_over))
}

/// Links that led to a page with a text, and now lead to one without.
async fn dead_links(connection: &DatabaseTransaction, page: &Page) -> Result<Option<Fault>> {
    if address::served(connection, &page.slug).await?.is_some() {
        return Ok(None);
    }
    let linking = address::linking_to_any(connection, &BTreeSet::from([page.slug.clone()])).await?;
    Ok((!linking.is_empty()).then(|| Fault::new(["slug"], linked_from(&linking))))
}

fn linked_from(pages: &BTreeSet<Slug>) -> Rule {
    Rule::LinkedFrom { pages: pages.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ") }
}

/// Publishes a document, or says why it cannot be public; without a `release` it is projected only. Boxed: the futures of all
/// kinds in one frame are more than a thread's stack has room for.
fn publish_one<'a>(
    edit: &'a mut Edit<'_>,
    row: &'a document::Model,
    content: &'a Content,
    release: Option<Release>,
) -> Pin<Box<dyn Future<Output = Result<Vec<Fault>>> + Send + 'a>> {
    each!(content, content => Box::pin(publish_kind(edit, row, content, release)))
}

async fn publish_kind<K: Kind>(
    edit: &mut Edit<'_>,
    row: &document::Model,
    content: &K,
    release: Option<Release>,
) -> Result<Vec<Fault>> {
    let mut faults = content.check(edit.connection(), Some(row.id)).await?;
    faults.extend(content.requirements(edit.connection(), row.id).await?);
    if faults.is_empty() {
        match release {
            Some(release) => drop(edit.publish(row, content, None, release).await?),
            None => {
                let now = edit.transaction().now();
                content.project(edit.connection(), row.id, None, now).await?;
            }
        }
    }
    Ok(faults)
}

/// The texts that were withdrawn together with this document and were not changed since: they come back with it, or the
/// page would be public without anything to read.
pub(super) async fn texts_that_return(
    connection: &impl ConnectionTrait,
    owner: &document::Model,
) -> Result<Vec<(document::Model, Content)>> {
    if owner.published_number.is_some() || owner.first_published_at.is_none() {
        return Ok(Vec::new());
    }
    let latest = |id: Uuid| {
        let of_document = publication::Entity::find().filter(publication::COLUMN.document_id.eq(id));
        of_document.order_by_desc(publication::COLUMN.change_seq).limit(2).all(connection)
    };
    let Some(withdrawn) = latest(owner.id).await?.into_iter().next() else { return Ok(Vec::new()) };
    let mut returning = Vec::new();
    for text in texts_of(connection, owner.id).await? {
        if text.published_number.is_some() || text.archived_at.is_some() {
            continue;
        }
        let mut publications = latest(text.id).await?.into_iter();
        let (Some(last), Some(before)) = (publications.next(), publications.next()) else { continue };
        if last.change_seq == withdrawn.change_seq && before.number == Some(text.version) {
            let revision = crate::editorial::revision::get(connection, text.id, text.version).await?;
            let content = Content::read(text.kind, revision.content)?;
            returning.push((text, content));
        }
    }
    Ok(returning)
}

/// What may not stay as it is, now that this is public.
///
/// # Errors
/// When the database cannot be read.
pub async fn verify(connection: &DatabaseTransaction, document: Uuid, content: &Content) -> Result<Vec<Blocker>> {
    let faults = each!(content, content => content.blockers(connection, document).await?);
    Ok(faults.into_iter().map(|fault| Blocker { document_id: document, fault }).collect())
}

/// What others need comes first: locales before texts, pages before those below them and before their texts.
fn dependencies_first(mut all: Vec<Planned>) -> Vec<Planned> {
    let rank = |kind: DocumentKind| match kind {
        DocumentKind::Site => 0,
        DocumentKind::Country | DocumentKind::Category => 1,
        DocumentKind::Page | DocumentKind::StaffMember => 2,
        DocumentKind::PageText
        | DocumentKind::StaffText
        | DocumentKind::YearSheet
        | DocumentKind::FactSheetMetadata => 3,
    };
    all.sort_by_key(|planned| rank(planned.row.kind));
    let mut ordered: Vec<Planned> = Vec::with_capacity(all.len());
    while !all.is_empty() {
        let waits = |content: &Content| {
            let Content::Page(Page { parent: Some(parent), .. }) = content else { return false };
            all.iter().any(|other| other.row.id == *parent)
        };
        // Pages in a loop wait for each other: then any may go first and is found to be blocked.
        let next = all.iter().position(|planned| !waits(&planned.content)).unwrap_or_default();
        ordered.push(all.remove(next));
    }
    ordered
}

/// What happens to links from published texts to a page that is withdrawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// A page with such links is not withdrawn.
    Keep,
    /// They lead nowhere from then on.
    Break,
}

impl From<bool> for Links {
    fn from(breaks: bool) -> Self {
        if breaks { Self::Break } else { Self::Keep }
    }
}

/// A document that is out of the public's sight from this transaction on.
pub struct Withdrawn {
    row: document::Model,
    /// The language of a text.
    locale: Option<Locale>,
}

/// Takes a document out of the public's sight, with its texts if it has any.
///
/// # Errors
/// [`Error::Forbidden`]; [`Error::Conflict`]; [`Error::Invalid`] when nothing of it is public, or something else that is
/// public needs it or links to it.
pub async fn unpublish(edit: &mut Edit<'_>, document: Seen, reason: Option<&str>, links: Links) -> Result<()> {
    let withdrawn = withdraw(edit, document, reason).await?;
    spare(edit.connection(), &withdrawn, links).await
}

/// The same without a look at what needs it: that is for [`spare`], once all is withdrawn that goes together.
///
/// # Errors
/// As [`unpublish`].
pub(super) async fn withdraw(edit: &mut Edit<'_>, document: Seen, reason: Option<&str>) -> Result<Withdrawn> {
    let (row, _) = seen(edit, document, Action::Publish, &[]).await?;
    if row.published_number.is_none() {
        return Err(Error::invalid(["id"], Rule::NothingPublished));
    }
    take_out(edit, row, reason).await
}

async fn take_out(edit: &mut Edit<'_>, row: document::Model, reason: Option<&str>) -> Result<Withdrawn> {
    let mut locale = None;
    let texts = texts_of(edit.connection(), row.id).await?;
    for row in texts.iter().chain([&row]) {
        let Some(number) = row.published_number else { continue };
        let published = crate::editorial::revision::get(edit.connection(), row.id, number).await?;
        let published = Content::read(row.kind, published.content)?;
        each!(&published, published => {
            locale = published.locale().cloned();
            edit.withdraw(row, published, reason.map(str::to_owned)).await?;
        });
    }
    Ok(Withdrawn { row, locale })
}

/// Whether what stays public can do without this.
///
/// # Errors
/// [`Error::Invalid`] when published pages link to it and are to keep their links, or when it is a text in a locale that
/// the site requires and texts in other locales stay.
pub(super) async fn spare(connection: &DatabaseTransaction, withdrawn: &Withdrawn, links: Links) -> Result<()> {
    let Withdrawn { row, locale } = withdrawn;
    let page = match row.kind {
        DocumentKind::Page => Some(row.id),
        DocumentKind::PageText => row.owner_id,
        _ => None,
    };
    let mut faults = Vec::new();
    if let Some(page) = page.filter(|_| links == Links::Keep) {
        let linking = address::linking_to(connection, page).await?;
        if !linking.is_empty() {
            faults.push(Fault::new(["id"], linked_from(&linking)));
        }
    }
    if let (Some(owner), Some(locale)) = (row.owner_id, locale) {
        let stays = texts_of(connection, owner).await?.iter().any(|text| text.published_number.is_some());
        if stays && locale::required(connection).await?.contains(locale) {
            faults.push(Fault::new(["id"], Rule::RequiredLocale { locale: locale.to_string() }));
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(Error::Invalid(faults)) }
}

async fn texts_of(connection: &impl ConnectionTrait, owner: Uuid) -> Result<Vec<document::Model>> {
    let texts = document::Entity::find().filter(document::COLUMN.owner_id.eq(owner));
    Ok(texts.all(connection).await?)
}

/// Puts a document away, with its texts if it has any: what is public of it is withdrawn, what is scheduled called off.
///
/// # Errors
/// As [`unpublish`], but nothing need be public.
pub async fn archive(edit: &mut Edit<'_>, document: Seen, reason: Option<&str>, links: Links) -> Result<()> {
    let (row, _) = seen(edit, document, Action::Publish, &[]).await?;
    refuse_archived(&row, &[])?;
    if row.kind == DocumentKind::Site {
        return Err(Error::invalid(["id"], Rule::AlwaysPublished));
    }
    let withdrawn = take_out(edit, row, reason).await?;
    spare(edit.connection(), &withdrawn, links).await?;
    let Withdrawn { row, .. } = withdrawn;
    let now = edit.transaction().now();
    for row in texts_of(edit.connection(), row.id).await?.iter().filter(|text| text.archived_at.is_none()).chain([&row])
    {
        schedule::settle(edit.connection(), row, &[ScheduleAction::Publish, ScheduleAction::Unpublish], now).await?;
        set_archived(edit, row.id, Some(now)).await?;
    }
    Ok(())
}

/// Brings an archived document back, with those of its texts that were archived with it. It is public again when it is
/// published again.
///
/// # Errors
/// [`Error::Forbidden`]; [`Error::Conflict`]; [`Error::Invalid`] when it is a text of an archived document.
pub async fn unarchive(edit: &mut Edit<'_>, document: Seen) -> Result<()> {
    let (row, _) = seen(edit, document, Action::Publish, &[]).await?;
    if let Some(owner) = row.owner_id {
        let owner = document::Entity::find_by_id(owner).one(edit.connection()).await?;
        if owner.is_some_and(|owner| owner.archived_at.is_some()) {
            return Err(Error::invalid(["id"], Rule::Archived));
        }
    }
    let texts = texts_of(edit.connection(), row.id).await?;
    for row in texts.iter().filter(|text| text.archived_at == row.archived_at).chain([&row]) {
        set_archived(edit, row.id, None).await?;
    }
    Ok(())
}

async fn set_archived(edit: &Edit<'_>, id: Uuid, at: Option<chrono::DateTime<chrono::Utc>>) -> Result<()> {
    document::ActiveModel { id: Set(id), archived_at: Set(at), ..Default::default() }.update(edit.connection()).await?;
    Ok(())
}
