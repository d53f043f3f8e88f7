//! Pages: a part that all locales share, and a text per locale. Two documents, so that saving one locale touches
//! neither another nor what they share.

pub mod graphql;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use entities::{DocumentKind, Line, Locale, Markdown, Position, Prose, Rule, Slug, page, page_redirect, page_text};
use futures_util::TryStreamExt;
use percent_encoding::percent_decode_str;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter,
    QuerySelect, sea_query::OnConflict,
};
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

/// Slugs that a front end on the same host needs for other things.
const RESERVED: [&str; 8] = ["admin", "api", "figures", "graphql", "healthz", "preview", "readyz", "studio"];

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
        let holder = page::Entity::find().filter(page::COLUMN.slug.eq(self.slug.clone())).one(transaction).await?;
        let former = page_redirect::Entity::find_by_id(self.slug.clone()).one(transaction).await?;
        if holder.is_some_and(|page| Some(page.document_id) != document) {
            faults.push(Fault::new(["slug"], Rule::Taken));
        } else if RESERVED.contains(&self.slug.as_str())
            || former.is_some_and(|redirect| Some(redirect.page_id) != document)
        {
            faults.push(Fault::new(["slug"], Rule::Reserved));
        }
        faults.extend(self.check_parents(transaction, document).await?);
        Ok(faults)
    }

    async fn requirements(&self, transaction: &DatabaseTransaction, document: Uuid) -> Result<Vec<Fault>> {
        // The public may still see other parents than the drafts have.
        let mut above = self.parent;
        let mut depth = 0;
        while let Some(id) = above {
            if id == document || depth == MAX_DEPTH {
                return Ok(vec![Fault::new(["parentId"], Rule::ParentLoop)]);
            }
            match page::Entity::find_by_id(id).one(transaction).await? {
                Some(parent) => above = parent.parent_id,
                None => return Ok(vec![Fault::new(["parentId"], Rule::NotPublished)]),
            }
            depth += 1;
        }
        Ok(Vec::new())
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
            remember(transaction, before.slug, document).await?;
        }
        // The slug may be one that it had before.
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
        remember(transaction, self.slug.clone(), document).await
    }
}

/// Has a slug lead to the page that had it.
async fn remember(transaction: &DatabaseTransaction, slug: Slug, page: Uuid) -> Result<()> {
    let redirect = page_redirect::Model { slug, page_id: page };
    page_redirect::Entity::insert(redirect.into_active_model()).exec(transaction).await?;
    Ok(())
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
        for target in outline.links {
            let is_dead = match links_to(&target) {
                LinkTarget::Elsewhere => false,
                LinkTarget::Page(slug) => !is_public(transaction, &slug).await?,
                LinkTarget::NoPage => true,
            };
            if is_dead {
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

/// The slugs that a page had before and that lead to it.
///
/// # Errors
/// When the database cannot be read.
pub async fn former_slugs(connection: &impl ConnectionTrait, page: Uuid) -> Result<BTreeSet<Slug>> {
    let redirects =
        page_redirect::Entity::find().filter(page_redirect::COLUMN.page_id.eq(page)).all(connection).await?;
    Ok(redirects.into_iter().map(|redirect| redirect.slug).collect())
}

/// Lets these slugs lead to a page, as if it had had them before. Those that lead to it already stay as they are, others
/// too.
///
/// # Errors
/// [`Error::Invalid`] when one of them is the slug of a page now, be it unpublished, leads to another page, or is one of
/// Almanac's own.
pub async fn redirect(transaction: &DatabaseTransaction, page: Uuid, slugs: &BTreeSet<Slug>) -> Result<()> {
    let mut faults = Vec::new();
    for slug in slugs.difference(&former_slugs(transaction, page).await?) {
        let holder = page::Entity::find().filter(page::COLUMN.slug.eq(slug.clone())).one(transaction).await?;
        let rule =
            if holder.is_some() || revision::find(transaction, DocumentKind::Page, slug.as_str()).await?.is_some() {
                Rule::Taken
            } else if RESERVED.contains(&slug.as_str())
                || page_redirect::Entity::find_by_id(slug.clone()).one(transaction).await?.is_some()
            {
                Rule::Reserved
            } else {
                let redirect = page_redirect::Model { slug: slug.clone(), page_id: page };
                page_redirect::Entity::insert(redirect.into_active_model()).exec(transaction).await?;
                continue;
            };
        faults.push(Fault::new(["formerSlugs", slug.as_str()], rule));
    }
    if faults.is_empty() { Ok(()) } else { Err(Error::Invalid(faults)) }
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

/// Where a link in a text leads.
#[derive(Debug, PartialEq, Eq)]
enum LinkTarget {
    /// To another host, to a place within the text, or to a file.
    Elsewhere,
    /// To the page with this slug.
    Page(Slug),
    /// To what looks like a page of the site and cannot be one, such as `/ABOUT-US`: slugs are in lower case.
    NoPage,
}

/// Where a link leads, by the last part of its path, whatever a front end puts before it (`/about-us`,
/// `../en/about-us#staff`). The part is compared as a browser sends it and a server reads it: percent-encoded or not.
fn links_to(target: &str) -> LinkTarget {
    let path = target.split(['#', '?']).next().unwrap_or_default();
    let last = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    if path.starts_with("//") || path.contains(':') {
        return LinkTarget::Elsewhere;
    }
    let Ok(last) = percent_decode_str(last).decode_utf8() else { return LinkTarget::NoPage };
    match last.parse() {
        Ok(slug) => LinkTarget::Page(slug),
        Err(_) if last.to_lowercase().parse::<Slug>().is_ok() => LinkTarget::NoPage,
        Err(_) => LinkTarget::Elsewhere,
    }
}

/// The published pages whose links to this page are dead, because it has no published text.
///
/// # Errors
/// When the database cannot be read.
pub async fn linking_to(transaction: &DatabaseTransaction, page: Uuid) -> Result<BTreeSet<Slug>> {
    let mut slugs = former_slugs(transaction, page).await?;
    slugs.extend(page::Entity::find_by_id(page).one(transaction).await?.map(|page| page.slug));
    let text = page_text::Entity::find().filter(page_text::COLUMN.page_id.eq(page)).one(transaction).await?;
    if text.is_some() {
        return Ok(BTreeSet::new());
    }
    // Few texts name the page at all. An address can also be written with escapes.
    let may_link =
        |body: &str| body.contains(['%', '&', '\\']) || slugs.iter().any(|slug| body.contains(slug.as_str()));
    let mut linking = BTreeSet::new();
    let mut texts = page_text::Entity::find().find_also_related(page::Entity).stream(transaction).await?;
    while let Some((text, page)) = texts.try_next().await? {
        let leads_there = |target: &String| matches!(links_to(target), LinkTarget::Page(slug) if slugs.contains(&slug));
        if let Some(page) = page
            && may_link(text.body.as_str())
            && markdown::outline(&text.body).links.iter().any(leads_there)
        {
            linking.insert(page.slug);
        }
    }
    Ok(linking)
}

async fn is_public(transaction: &DatabaseTransaction, slug: &Slug) -> Result<bool> {
    let page = page::Entity::find().filter(page::COLUMN.slug.eq(slug.clone())).one(transaction).await?;
    let id = match page {
        Some(page) => page.document_id,
        None => match page_redirect::Entity::find_by_id(slug.clone()).one(transaction).await? {
            Some(redirect) => redirect.page_id,
            None => return Ok(false),
        },
    };
    let text = page_text::Entity::find().filter(page_text::COLUMN.page_id.eq(id)).one(transaction).await?;
    Ok(text.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_within_the_site_ends_with_a_slug() {
        let page = |slug: &str| LinkTarget::Page(slug.parse().expect("a slug"));
        for (target, leads) in [
            ("/about-us", page("about-us")),
            ("about-us", page("about-us")),
            ("../en/about-us/?x=1#staff", page("about-us")),
            ("/%61bout-us", page("about-us")),
            ("/ABOUT-US", LinkTarget::NoPage),
            ("/About%2Dus", LinkTarget::NoPage),
            ("/%ff", LinkTarget::NoPage),
            ("/files/form.pdf", LinkTarget::Elsewhere),
            ("/ファイル", LinkTarget::Elsewhere),
            ("#staff", LinkTarget::Elsewhere),
            ("/", LinkTarget::Elsewhere),
            ("//example.org/about-us", LinkTarget::Elsewhere),
            ("https://example.org/ABOUT-US", LinkTarget::Elsewhere),
            ("mailto:a@example.org", LinkTarget::Elsewhere),
        ] {
            assert_eq!(links_to(target), leads, "{target}");
        }
    }
}
