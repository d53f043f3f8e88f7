//! Pages: a part that all locales share, and a text per locale. Two documents, so that saving one locale touches
//! neither another nor what they share.

pub mod address;
pub mod graphql;

use chrono::{DateTime, Utc};
use entities::{DocumentKind, Line, Locale, Markdown, Position, Prose, Rule, Slug, page, page_redirect, page_text};
use sea_orm::{ActiveValue::Set, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect, sea_query::OnConflict};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    change::tag,
    content::markdown,
    editorial::{Kind, revision},
    error::{Error, Fault, Result},
    locale,
};

/// The content of a document of kind `PAGE`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// Its name in addresses.
    pub slug: Slug,
    /// The document of the page above it.
    pub parent: Option<Uuid>,
    /// Its place among its siblings.
    pub position: Position,
    /// Whether a redirect from its slug to another page ends when it is published.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replaces_redirect: bool,
}

/// The content of a document of kind `PAGE_TEXT`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageText {
    /// The document of the page.
    pub page: Uuid,
    /// The locale.
    pub locale: Locale,
    /// The heading.
    pub title: Line,
    /// What stands in lists.
    pub summary: Option<Prose>,
    /// What stands in search results.
    pub description: Option<Line>,
    /// Who signs, for a greeting.
    pub signature: Option<Prose>,
    /// The text.
    pub body: Markdown,
}

/// The most pages above one another.
const MAX_DEPTH: usize = 50;

impl Kind for Page {
    const KIND: DocumentKind = DocumentKind::Page;
    const HANDLE: &'static str = "id";

    fn key(&self) -> String {
        self.slug.to_string()
    }

    fn position(&mut self) -> Option<&mut Position> {
        Some(&mut self.position)
    }

    fn tags(&self, document: Uuid) -> Vec<String> {
        tag::of_page(document)
    }

    async fn check(&self, transaction: &DatabaseTransaction, document: Option<Uuid>) -> Result<Vec<Fault>> {
        let mut faults = Vec::new();
        let rule = address::check(transaction, &self.slug, self.replaces_redirect, document).await?;
        faults.extend(rule.map(|rule| Fault::new(["slug"], rule)));
        faults.extend(self.check_parents(transaction, document).await?);
        Ok(faults)
    }

    async fn requirements(&self, transaction: &DatabaseTransaction, document: Uuid) -> Result<Vec<Fault>> {
        let mut faults = Vec::new();
        if address::is_given_up(transaction, &self.slug, document).await? {
            faults.push(Fault::new(["slug"], Rule::StillHeld));
        }
        faults.extend(self.check_public_parents(transaction, document).await?);
        Ok(faults)
    }

    async fn project(
        &self,
        transaction: &DatabaseTransaction,
        document: Uuid,
        _: Option<&Self>,
        _: DateTime<Utc>,
    ) -> Result<()> {
        let before = page::Entity::find_by_id(document).one(transaction).await?;
        if let Some(before) = before.filter(|before| before.slug != self.slug) {
            address::remember(transaction, before.slug, document).await?;
        }
        // The slug may be one that it had before, or that leads to a page which it replaces.
        page_redirect::Entity::delete_by_id(self.slug.clone()).exec(transaction).await?;
        let row = page::ActiveModel {
            document_id: Set(document),
            slug: Set(self.slug.clone()),
            parent_id: Set(self.parent),
            position: Set(self.position),
        };
        let replace = OnConflict::column(page::Column::DocumentId)
            .update_columns([page::Column::Slug, page::Column::ParentId, page::Column::Position])
            .to_owned();
        page::Entity::insert(row).on_conflict(replace).exec(transaction).await?;
        Ok(())
    }

    async fn withdraw(&self, transaction: &DatabaseTransaction, document: Uuid) -> Result<()> {
        let below = page::Entity::find().filter(page::COLUMN.parent_id.eq(document)).one(transaction).await?;
        if below.is_some() {
            return Err(Error::invalid(["id"], Rule::InUse));
        }
        page::Entity::delete_by_id(document).exec(transaction).await?;
        // It may come back under another name.
        address::remember(transaction, self.slug.clone(), document).await
    }
}

impl Page {
    /// The pages above it, by their newest revisions: each must be there, none may be the page itself.
    async fn check_parents(&self, transaction: &DatabaseTransaction, document: Option<Uuid>) -> Result<Option<Fault>> {
        let mut above = self.parent;
        let mut depth = 0;
        while let Some(id) = above {
            if Some(id) == document || depth == MAX_DEPTH {
                return Ok(Some(Fault::new(["parentId"], Rule::ParentLoop)));
            }
            let Some((parent, newest)) = revision::newest(transaction, id, DocumentKind::Page).await? else {
                return Ok(Some(Fault::new(["parentId"], Rule::Unknown)));
            };
            if depth == 0 && parent.archived_at.is_some() {
                return Ok(Some(Fault::new(["parentId"], Rule::Archived)));
            }
            above = revision::content::<Self>(&newest)?.parent;
            depth += 1;
        }
        Ok(None)
    }

    /// The pages above it as the public sees them: the drafts may have other parents.
    async fn check_public_parents(&self, transaction: &DatabaseTransaction, document: Uuid) -> Result<Option<Fault>> {
        let mut above = self.parent;
        let mut depth = 0;
        while let Some(id) = above {
            if id == document || depth == MAX_DEPTH {
                return Ok(Some(Fault::new(["parentId"], Rule::ParentLoop)));
            }
            match page::Entity::find_by_id(id).one(transaction).await? {
                Some(parent) => above = parent.parent_id,
                None => return Ok(Some(Fault::new(["parentId"], Rule::NotPublished))),
            }
            depth += 1;
        }
        Ok(None)
    }
}

impl Kind for PageText {
    const KIND: DocumentKind = DocumentKind::PageText;
    const HANDLE: &'static str = "pageId";

    fn key(&self) -> String {
        key(self.page, &self.locale)
    }

    fn title(&self) -> String {
        self.title.to_string()
    }

    fn locale(&self) -> Option<&Locale> {
        Some(&self.locale)
    }

    fn owner(&self) -> Option<Uuid> {
        Some(self.page)
    }

    fn tags(&self, _: Uuid) -> Vec<String> {
        tag::of_page(self.page)
    }

    async fn check(&self, transaction: &DatabaseTransaction, _: Option<Uuid>) -> Result<Vec<Fault>> {
        let offered = locale::offered(transaction).await?;
        let mut faults = Vec::new();
        if !offered.contains(&self.locale) {
            faults.push(Fault::new(["locale"], Rule::Unknown));
        }
        faults.extend(revision::check_owner(transaction, self.page, DocumentKind::Page, "pageId").await?);
        Ok(faults)
    }

    async fn requirements(&self, transaction: &DatabaseTransaction, _: Uuid) -> Result<Vec<Fault>> {
        let page = page::Entity::find_by_id(self.page).one(transaction).await?;
        Ok(page.is_none().then(|| Fault::new(["pageId"], Rule::NotPublished)).into_iter().collect())
    }

    async fn project(
        &self,
        transaction: &DatabaseTransaction,
        document: Uuid,
        _: Option<&Self>,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let row = page_text::ActiveModel {
            document_id: Set(document),
            page_id: Set(self.page),
            locale: Set(self.locale.clone()),
            title: Set(self.title.clone()),
            summary: Set(self.summary.clone()),
            description: Set(self.description.clone()),
            signature: Set(self.signature.clone()),
            body: Set(self.body.clone()),
            published_at: Set(now),
        };
        let replace = OnConflict::column(page_text::Column::DocumentId)
            .update_columns([
                page_text::Column::Title,
                page_text::Column::Summary,
                page_text::Column::Description,
                page_text::Column::Signature,
                page_text::Column::Body,
                page_text::Column::PublishedAt,
            ])
            .to_owned();
        page_text::Entity::insert(row).on_conflict(replace).exec(transaction).await?;
        Ok(())
    }

    async fn blockers(&self, transaction: &DatabaseTransaction, _: Uuid) -> Result<Vec<Fault>> {
        let outline = markdown::outline(&self.body);
        let unseen = outline.images.into_iter().filter(|image| !image.has_text);
        let mut faults: Vec<Fault> =
            unseen.map(|image| Fault::new(["body"], Rule::ImageText { source: image.source })).collect();
        faults.extend(outline.refused.into_iter().map(|target| Fault::new(["body"], Rule::LinkScheme { target })));
        for target in outline.links {
            if address::is_dead(transaction, &target).await? {
                faults.push(Fault::new(["body"], Rule::DeadLink { target }));
            }
        }
        let texts = page_text::Entity::find().filter(page_text::COLUMN.page_id.eq(self.page)).select_only();
        let published: Vec<Locale> = texts.column(page_text::Column::Locale).into_tuple().all(transaction).await?;
        faults.extend(locale::missing(transaction, &published).await?);
        Ok(faults)
    }

    async fn withdraw(&self, transaction: &DatabaseTransaction, document: Uuid) -> Result<()> {
        page_text::Entity::delete_by_id(document).exec(transaction).await?;
        Ok(())
    }
}

/// How many published pages are above this one; 0 for what is no published page.
///
/// # Errors
/// When the database cannot be read.
pub async fn depth(transaction: &DatabaseTransaction, page: Uuid) -> Result<usize> {
    let mut depth = 0;
    let mut at = page::Entity::find_by_id(page).one(transaction).await?;
    while let Some(parent) = at.and_then(|page| page.parent_id).filter(|_| depth < MAX_DEPTH) {
        depth += 1;
        at = page::Entity::find_by_id(parent).one(transaction).await?;
    }
    Ok(depth)
}

/// The natural key of a page's text.
#[must_use]
pub fn key(page: Uuid, locale: &Locale) -> String {
    format!("{page}/{locale}")
}
