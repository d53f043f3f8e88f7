//! Publishing and withdrawing, archiving and bringing back: of one document or of several together.

use entities::{DocumentKind, Rule, ScheduleAction, document};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, EntityTrait, QueryFilter};
use uuid::Uuid;

use crate::{
    access::permission::Action,
    content::page::Page,
    document::{Content, Seen, each, permitted, refuse_archived, seen},
    editorial::{Edit, Kind, Release, schedule},
    error::{Blocker, Error, Result},
};

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
    let blockers = carry_out(edit, documents, path, Some(release)).await?;
    if blockers.is_empty() { Ok(()) } else { Err(Error::Blocked(blockers)) }
}

/// What would stand in the way of publishing these documents together. Writes, so the transaction must be dropped.
///
/// # Errors
/// [`Error::Forbidden`]; [`Error::Invalid`] for what is archived or not there.
pub async fn check(edit: &mut Edit<'_>, documents: &[Uuid]) -> Result<Vec<Blocker>> {
    edit.editor().permit_any(Action::Read)?;
    let mut newest = Vec::with_capacity(documents.len());
    for (index, id) in documents.iter().enumerate() {
        let missing = || Error::invalid(["ids", index.to_string().as_str()], Rule::Unknown);
        let (row, _) = permitted(edit, *id, Action::Read, missing).await?;
        newest.push(Seen { id: *id, version: row.version });
    }
    carry_out(edit, &newest, |index| vec!["ids".to_owned(), index.to_string()], None).await
}

async fn carry_out(
    edit: &mut Edit<'_>,
    documents: &[Seen],
    path: impl Fn(usize) -> Vec<String>,
    release: Option<&Release>,
) -> Result<Vec<Blocker>> {
    let mut all = Vec::with_capacity(documents.len());
    for (index, document) in documents.iter().enumerate() {
        let path = path(index);
        let action = if release.is_some() { Action::Publish } else { Action::Read };
        let (row, content) = seen(edit, *document, action, &path).await?;
        refuse_archived(&row, &path)?;
        all.push((row, content));
    }
    all.retain(|(row, _)| row.published_number != Some(row.version));
    let all = dependencies_first(all);

    let mut blockers = Vec::new();
    let mut published = Vec::new();
    for (row, content) in &all {
        let faults = each!(content, content => {
            let mut faults = content.check(edit.connection(), Some(row.id)).await?;
            faults.extend(content.requirements(edit.connection(), row.id).await?);
            match release {
                _ if !faults.is_empty() => {}
                Some(release) => {
                    edit.publish(row, content, None, release.clone()).await?;
                    published.push((row, Content::from(content.clone())));
                }
                None => {
                    content.project(edit.connection(), row.id, None, row.created_at).await?;
                    published.push((row, Content::from(content.clone())));
                }
            }
            faults
        });
        blockers.extend(faults.into_iter().map(|fault| Blocker { document_id: row.id, fault }));
    }
    for (row, content) in published {
        blockers.extend(verify(edit, row.id, &content).await?);
    }
    Ok(blockers)
}

/// What may not stay as it is, now that this is public.
///
/// # Errors
/// When the database cannot be read.
pub async fn verify(edit: &Edit<'_>, document: Uuid, content: &Content) -> Result<Vec<Blocker>> {
    let faults = each!(content, content => content.blockers(edit.connection(), document).await?);
    Ok(faults.into_iter().map(|fault| Blocker { document_id: document, fault }).collect())
}

/// What others need comes first: locales before texts, pages before those below them and before their texts.
fn dependencies_first(mut all: Vec<(document::Model, Content)>) -> Vec<(document::Model, Content)> {
    let rank = |kind: DocumentKind| match kind {
        DocumentKind::Site => 0,
        DocumentKind::Country | DocumentKind::Category => 1,
        DocumentKind::Page | DocumentKind::StaffMember => 2,
        DocumentKind::PageText
        | DocumentKind::StaffText
        | DocumentKind::YearSheet
        | DocumentKind::FactSheetMetadata => 3,
    };
    all.sort_by_key(|(row, _)| rank(row.kind));
    let mut ordered: Vec<(document::Model, Content)> = Vec::with_capacity(all.len());
    while !all.is_empty() {
        let waits = |content: &Content| {
            let Content::Page(Page { parent: Some(parent), .. }) = content else { return false };
            all.iter().any(|(row, _)| row.id == *parent)
        };
        // Pages in a loop wait for each other: then any may go first and is found to be blocked.
        let next = all.iter().position(|(_, content)| !waits(content)).unwrap_or_default();
        ordered.push(all.remove(next));
    }
    ordered
}

/// Takes a document out of the public's sight, with its texts if it has any.
///
/// # Errors
/// [`Error::Forbidden`]; [`Error::Conflict`]; [`Error::Invalid`] when nothing of it is public, or something else that is
/// public needs it.
pub async fn unpublish(edit: &mut Edit<'_>, document: Seen, reason: Option<&str>) -> Result<()> {
    let (row, _) = seen(edit, document, Action::Publish, &[]).await?;
    if row.published_number.is_none() {
        return Err(Error::invalid(["id"], Rule::NothingPublished));
    }
    withdraw(edit, &row, reason).await
}

async fn withdraw(edit: &mut Edit<'_>, row: &document::Model, reason: Option<&str>) -> Result<()> {
    let texts = texts_of(edit, row.id).await?;
    for row in texts.iter().chain([row]) {
        let Some(number) = row.published_number else { continue };
        let published = crate::editorial::revision::get(edit.connection(), row.id, number).await?;
        let published = Content::read(row.kind, published.content)?;
        each!(&published, published => edit.withdraw(row, published, reason.map(str::to_owned)).await?);
    }
    Ok(())
}

async fn texts_of(edit: &Edit<'_>, owner: Uuid) -> Result<Vec<document::Model>> {
    let texts = document::Entity::find().filter(document::COLUMN.owner_id.eq(owner));
    Ok(texts.all(edit.connection()).await?)
}

/// Puts a document away, with its texts if it has any: what is public of it is withdrawn, what is scheduled called off.
///
/// # Errors
/// As [`unpublish`], but nothing need be public.
pub async fn archive(edit: &mut Edit<'_>, document: Seen, reason: Option<&str>) -> Result<()> {
    let (row, _) = seen(edit, document, Action::Publish, &[]).await?;
    refuse_archived(&row, &[])?;
    if row.kind == DocumentKind::Site {
        return Err(Error::invalid(["id"], Rule::AlwaysPublished));
    }
    withdraw(edit, &row, reason).await?;
    let now = edit.transaction().now();
    for row in texts_of(edit, row.id).await?.iter().filter(|text| text.archived_at.is_none()).chain([&row]) {
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
    let texts = texts_of(edit, row.id).await?;
    for row in texts.iter().filter(|text| text.archived_at == row.archived_at).chain([&row]) {
        set_archived(edit, row.id, None).await?;
    }
    Ok(())
}

async fn set_archived(edit: &Edit<'_>, id: Uuid, at: Option<chrono::DateTime<chrono::Utc>>) -> Result<()> {
    document::ActiveModel { id: Set(id), archived_at: Set(at), ..Default::default() }.update(edit.connection()).await?;
    Ok(())
}
