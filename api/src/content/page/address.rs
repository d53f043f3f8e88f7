//! The addresses of pages: which slugs are free, which lead to a page that had them before, how a slug goes from one page to
//! another, and which links lead where.

use std::collections::BTreeSet;

use entities::{DocumentKind, Locale, Rule, Slug, is_visible, page, page_redirect, page_text};
use futures_util::TryStreamExt;
use percent_encoding::percent_decode_str;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait,
    IntoActiveModel, QueryFilter,
};
use uuid::Uuid;

use crate::{
    content::markdown,
    editorial::revision,
    error::{Error, Fault, Result},
    locale,
};

/// Slugs that a front end on the same host needs for other things.
const RESERVED: [&str; 9] = ["admin", "api", "figures", "graphql", "healthz", "metrics", "preview", "readyz", "studio"];

/// Why a page may not have this slug, if it may not. A slug that a published page has is free for drafts once the draft of
/// that page has another one; [`is_given_up`] tells whether it can be published.
pub(super) async fn check(
    transaction: &DatabaseTransaction,
    slug: &Slug,
    replaces_redirect: bool,
    document: Option<Uuid>,
) -> Result<Option<Rule>> {
    if let Some(holder) = other_holder(transaction, slug, document).await?
        && !gives_up(transaction, holder, slug).await?
    {
        return Ok(Some(Rule::Taken));
    }
    let redirect = page_redirect::Entity::find_by_id(slug.clone()).one(transaction).await?;
    let is_kept = redirect.is_some_and(|redirect| Some(redirect.page_id) != document) && !replaces_redirect;
    Ok((is_kept || RESERVED.contains(&slug.as_str())).then_some(Rule::Reserved))
}

/// Whether another published page still has this slug and only its draft gives it up.
pub(super) async fn is_given_up(transaction: &DatabaseTransaction, slug: &Slug, document: Uuid) -> Result<bool> {
    match other_holder(transaction, slug, Some(document)).await? {
        Some(holder) => gives_up(transaction, holder, slug).await,
        None => Ok(false),
    }
}

async fn other_holder(connection: &impl ConnectionTrait, slug: &Slug, document: Option<Uuid>) -> Result<Option<Uuid>> {
    let holder = page::Entity::find().filter(page::COLUMN.slug.eq(slug.clone())).one(connection).await?;
    Ok(holder.map(|page| page.document_id).filter(|id| Some(*id) != document))
}

async fn gives_up(connection: &impl ConnectionTrait, holder: Uuid, slug: &Slug) -> Result<bool> {
    let draft = revision::find(connection, DocumentKind::Page, slug.as_str()).await?;
    Ok(draft.is_none_or(|document| document.id != holder))
}

/// Slugs on their way from one published page to another, in one transaction. Two pages may change slugs with each other, so
/// those that leave have a slug of no meaning until they get their new one.
#[derive(Default)]
pub struct Handover {
    placeholders: Vec<Slug>,
}

impl Handover {
    /// Takes the slugs from pages that are about to get another one, as far as other pages are about to get theirs. `pages` are
    /// all that are about to be projected, each with its new slug.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn begin(
        transaction: &DatabaseTransaction,
        pages: &[(Uuid, &Slug)],
        mut new_id: impl FnMut() -> Uuid,
    ) -> Result<Self> {
        let mut placeholders = Vec::new();
        for (id, slug) in pages {
            let Some(holder) = other_holder(transaction, slug, Some(*id)).await? else { continue };
            if pages.iter().all(|(other, wanted)| *other != holder || wanted == slug) {
                continue;
            }
            let placeholder: Slug = new_id().to_string().parse().map_err(Error::internal)?;
            let row =
                page::ActiveModel { document_id: Set(holder), slug: Set(placeholder.clone()), ..Default::default() };
            row.update(transaction).await?;
            placeholders.push(placeholder);
        }
        Ok(Self { placeholders })
    }

    /// Forgets the slugs that the pages had meanwhile.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn end(self, transaction: &DatabaseTransaction) -> Result<()> {
        if self.placeholders.is_empty() {
            return Ok(());
        }
        let redirects = page_redirect::Entity::delete_many();
        redirects.filter(page_redirect::COLUMN.slug.is_in(self.placeholders)).exec(transaction).await?;
        Ok(())
    }
}

/// The page that a link to this slug leads readers to: one with a published text.
///
/// # Errors
/// When the database cannot be read.
pub async fn served(connection: &impl ConnectionTrait, slug: &Slug) -> Result<Option<Uuid>> {
    let page = match other_holder(connection, slug, None).await? {
        Some(page) => page,
        None => match page_redirect::Entity::find_by_id(slug.clone()).one(connection).await? {
            Some(redirect) => redirect.page_id,
            None => return Ok(None),
        },
    };
    Ok(has_text(connection, page).await?.then_some(page))
}

async fn has_text(connection: &impl ConnectionTrait, page: Uuid) -> Result<bool> {
    let text = page_text::Entity::find().filter(page_text::COLUMN.page_id.eq(page)).one(connection).await?;
    Ok(text.is_some())
}

/// Has a slug lead to the page that had it.
pub(super) async fn remember(transaction: &DatabaseTransaction, slug: Slug, page: Uuid) -> Result<()> {
    let redirect = page_redirect::Model { slug, page_id: page };
    page_redirect::Entity::insert(redirect.into_active_model()).exec(transaction).await?;
    Ok(())
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

/// Where a link in a text leads.
#[derive(Debug, PartialEq, Eq)]
enum LinkTarget {
    /// To another host, to a place within the text, or to a file.
    Elsewhere,
    /// To the page with this slug, below a part of the path that may be a locale.
    Page { slug: Slug, below: Option<Locale> },
    /// To what looks like a page of the site and cannot be one, such as `/ABOUT-US`: slugs are in lower case.
    NoPage,
}

/// Where a link leads, by the last part of its path, whatever a front end puts before it (`/about-us`,
/// `../en/about-us#staff`). The part is compared as a browser sends it and a server reads it: percent-encoded or not.
fn links_to(target: &str) -> LinkTarget {
    let path = target.split(['#', '?']).next().unwrap_or_default();
    let mut parts = path.trim_end_matches('/').rsplit('/');
    let (last, before) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    if path.starts_with("//") || path.contains(':') {
        return LinkTarget::Elsewhere;
    }
    let Ok(last) = percent_decode_str(last).decode_utf8() else { return LinkTarget::NoPage };
    // What a reader takes for a slug: in another case, with a space or an invisible letter in it, or with parameters.
    let looks_like = || {
        let shown = last.split(';').next().unwrap_or_default().to_lowercase();
        let shown: String = shown.chars().filter(|letter| is_visible(letter.encode_utf8(&mut [0; 4]))).collect();
        shown.parse::<Slug>().is_ok()
    };
    match last.parse() {
        Ok(slug) => LinkTarget::Page { slug, below: before.parse().ok() },
        Err(_) if looks_like() => LinkTarget::NoPage,
        Err(_) => LinkTarget::Elsewhere,
    }
}

/// The published pages whose links to this page are dead, because it has no published text.
///
/// # Errors
/// When the database cannot be read.
pub async fn linking_to(transaction: &DatabaseTransaction, page: Uuid) -> Result<BTreeSet<Slug>> {
    if has_text(transaction, page).await? {
        return Ok(BTreeSet::new());
    }
    let mut slugs = former_slugs(transaction, page).await?;
    slugs.extend(page::Entity::find_by_id(page).one(transaction).await?.map(|page| page.slug));
    linking_to_any(transaction, &slugs).await
}

/// The published pages with links to one of these slugs.
///
/// # Errors
/// When the database cannot be read.
pub async fn linking_to_any(transaction: &DatabaseTransaction, slugs: &BTreeSet<Slug>) -> Result<BTreeSet<Slug>> {
    // Few texts name the page at all. An address can also be written with escapes.
    let may_link =
        |body: &str| body.contains(['%', '&', '\\']) || slugs.iter().any(|slug| body.contains(slug.as_str()));
    let mut linking = BTreeSet::new();
    let mut texts = page_text::Entity::find().find_also_related(page::Entity).stream(transaction).await?;
    while let Some((text, page)) = texts.try_next().await? {
        let leads_there =
            |target: &String| matches!(links_to(target), LinkTarget::Page { slug, .. } if slugs.contains(&slug));
        if let Some(page) = page
            && may_link(text.body.as_str())
            && markdown::outline(&text.body).links.iter().any(leads_there)
        {
            linking.insert(page.slug);
        }
    }
    Ok(linking)
}

/// Whether this is a language in which the site offers nothing. A page may have a name that looks like one.
async fn is_unknown_locale(transaction: &DatabaseTransaction, below: Option<Locale>) -> Result<bool> {
    let Some(locale) = below.filter(|locale| locale.as_str().split('-').next().is_some_and(|tag| tag.len() <= 3))
    else {
        return Ok(false);
    };
    if locale::offered(transaction).await?.contains(&locale) {
        return Ok(false);
    }
    match locale.as_str().to_lowercase().parse() {
        Ok(slug) => Ok(served(transaction, &slug).await?.is_none()),
        Err(_) => Ok(true),
    }
}

/// Whether a link within the site leads to no published page.
pub(super) async fn is_dead(transaction: &DatabaseTransaction, target: &str) -> Result<bool> {
    Ok(match links_to(target) {
        LinkTarget::Elsewhere => false,
        LinkTarget::Page { slug, below } => {
            served(transaction, &slug).await?.is_none() || is_unknown_locale(transaction, below).await?
        }
        LinkTarget::NoPage => true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_within_the_site_ends_with_a_slug() {
        let below = |slug: &str, below: &str| LinkTarget::Page {
            slug: slug.parse().expect("a slug"),
            below: below.parse().ok(),
        };
        let page = |slug: &str| below(slug, "");
        for (target, leads) in [
            ("/about-us", page("about-us")),
            ("about-us", page("about-us")),
            ("../en/about-us/?x=1#staff", below("about-us", "en")),
            ("/%61bout-us", page("about-us")),
            ("/ABOUT-US", LinkTarget::NoPage),
            ("/About%2Dus", LinkTarget::NoPage),
            ("/%ff", LinkTarget::NoPage),
            ("/about-us%20", LinkTarget::NoPage),
            ("/about-us;x", LinkTarget::NoPage),
            ("/about-us\u{200b}", LinkTarget::NoPage),
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
