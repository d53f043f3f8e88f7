//! What is published of content, in memory.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use entities::{
    Email, Localized, Position, Slug, page, page_redirect, page_text, site, site_locale, staff, staff_text,
};
use sea_orm::{DatabaseTransaction, EntityTrait, QueryOrder};
use uuid::Uuid;

use crate::{
    content::markdown::{self, Rendered},
    error::{Error, Result},
    locale::{SiteLocale, SiteLocales},
};

/// The site, its pages and its staff.
#[derive(Debug)]
pub struct Published {
    /// The site's name.
    pub site_name: Localized<String>,
    /// The locales offered.
    pub locales: SiteLocales,
    /// The document of the site's settings.
    pub site_id: Uuid,
    /// All pages, parents before their children, siblings in their order.
    pub pages: Vec<Page>,
    /// All staff records in their order.
    pub staff: Vec<StaffMember>,
    pages_by_slug: HashMap<Slug, usize>,
    /// Which page a former slug leads to.
    redirects: HashMap<Slug, usize>,
    pages_by_id: HashMap<Uuid, usize>,
}

/// A page and its texts.
#[derive(Debug)]
pub struct Page {
    /// Its document.
    pub id: Uuid,
    /// Its name in addresses.
    pub slug: Slug,
    /// The index of the page above it.
    pub parent: Option<usize>,
    /// The indexes of the pages below it, in their order.
    pub children: Vec<usize>,
    /// Its place among its siblings.
    pub position: Position,
    /// Its texts.
    pub texts: Localized<PageText>,
}

/// A page in one locale.
#[derive(Debug)]
pub struct PageText {
    /// The heading.
    pub title: String,
    /// What stands in lists.
    pub summary: Option<String>,
    /// What stands in search results.
    pub description: Option<String>,
    /// Who signs.
    pub signature: Option<String>,
    /// The text.
    pub body: Rendered,
    /// When it became public.
    pub published_at: DateTime<Utc>,
}

/// A staff record and its texts.
#[derive(Debug)]
pub struct StaffMember {
    /// Its document.
    pub id: Uuid,
    /// Its name in addresses.
    pub slug: Slug,
    /// Its place in the list.
    pub position: Position,
    /// Where mail reaches the person.
    pub email: Option<Email>,
    /// Where a call reaches the person.
    pub telephone: Option<String>,
    /// Its texts.
    pub texts: Localized<StaffText>,
}

/// A staff record in one locale.
#[derive(Debug)]
pub struct StaffText {
    /// The person's name.
    pub name: String,
    /// What the person is in the section.
    pub role: String,
    /// Academic degree.
    pub degree: Option<String>,
    /// Field of work.
    pub field: Option<String>,
}

impl Published {
    /// Reads the live tables.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn load(transaction: &DatabaseTransaction) -> Result<Self> {
        let site = match site::Entity::find().one(transaction).await? {
            Some(site) => site,
            // Before the first dataset there is nothing to serve, in no language ("undetermined", RFC 5646).
            None => site::Model {
                disclosure_method: entities::DisclosureMethod::default(),
                disclosure_threshold: entities::Threshold::default(),
                document_id: Uuid::nil(),
                default_locale: "und".parse().map_err(Error::internal)?,
                name: serde_json::json!({}),
                required_locales: serde_json::json!([]),
            },
        };
        let locales = site_locale::Entity::find().order_by_asc(site_locale::COLUMN.position).all(transaction).await?;
        let all = locales.into_iter().map(|row| {
            Ok(SiteLocale {
                code: row.locale,
                name: row.name.into(),
                direction: row.direction,
                fallback: serde_json::from_value(row.fallback)?,
            })
        });
        let pages = load_pages(transaction).await?;
        Ok(Self {
            site_name: serde_json::from_value(site.name)?,
            locales: SiteLocales { default: site.default_locale, all: all.collect::<Result<_>>()? },
            site_id: site.document_id,
            redirects: load_redirects(transaction, &pages).await?,
            pages_by_slug: pages.iter().enumerate().map(|(index, page)| (page.slug.clone(), index)).collect(),
            pages_by_id: pages.iter().enumerate().map(|(index, page)| (page.id, index)).collect(),
            pages,
            staff: load_staff(transaction).await?,
        })
    }

    /// The index of the page with this slug.
    #[must_use]
    pub fn page_by_slug(&self, slug: &Slug) -> Option<usize> {
        self.pages_by_slug.get(slug).copied()
    }

    /// The index of the page that had this slug before.
    #[must_use]
    pub fn page_by_former_slug(&self, slug: &Slug) -> Option<usize> {
        self.redirects.get(slug).copied()
    }

    /// The index of the page with this document.
    #[must_use]
    pub fn page_by_id(&self, id: Uuid) -> Option<usize> {
        self.pages_by_id.get(&id).copied()
    }
}

async fn load_redirects(transaction: &DatabaseTransaction, pages: &[Page]) -> Result<HashMap<Slug, usize>> {
    let indexes: HashMap<Uuid, usize> = pages.iter().enumerate().map(|(index, page)| (page.id, index)).collect();
    let redirects = page_redirect::Entity::find().all(transaction).await?;
    // A page that was withdrawn keeps its former slugs, in case it comes back.
    Ok(redirects.into_iter().filter_map(|row| Some((row.slug, *indexes.get(&row.page_id)?))).collect())
}

async fn load_pages(transaction: &DatabaseTransaction) -> Result<Vec<Page>> {
    let mut texts: HashMap<Uuid, Localized<PageText>> = HashMap::new();
    for row in page_text::Entity::find().all(transaction).await? {
        let text = PageText {
            title: row.title.into(),
            summary: row.summary.map(Into::into),
            description: row.description.map(Into::into),
            signature: row.signature.map(Into::into),
            body: markdown::render(&row.body),
            published_at: row.published_at,
        };
        texts.entry(row.page_id).or_default().insert(row.locale, text);
    }
    let mut below: BTreeMap<Option<Uuid>, Vec<page::Model>> = BTreeMap::new();
    for row in page::Entity::find().all(transaction).await? {
        below.entry(row.parent_id).or_default().push(row);
    }
    for siblings in below.values_mut() {
        // Popped from the end below, so in descending order.
        siblings.sort_by(|a, b| (b.position, &b.slug).cmp(&(a.position, &a.slug)));
    }

    // Depth first, without recursion: a branch may be as deep as there are pages.
    let mut pages: Vec<Page> = Vec::new();
    let mut path: Vec<(Option<usize>, Vec<page::Model>)> = vec![(None, below.remove(&None).unwrap_or_default())];
    while let Some((parent, siblings)) = path.last_mut() {
        let parent = *parent;
        let Some(row) = siblings.pop() else {
            path.pop();
            continue;
        };
        let index = pages.len();
        if let Some(parent) = parent {
            pages[parent].children.push(index);
        }
        path.push((Some(index), below.remove(&Some(row.document_id)).unwrap_or_default()));
        pages.push(Page {
            texts: texts.remove(&row.document_id).unwrap_or_default(),
            id: row.document_id,
            slug: row.slug,
            parent,
            children: Vec::new(),
            position: row.position,
        });
    }
    Ok(pages)
}

async fn load_staff(transaction: &DatabaseTransaction) -> Result<Vec<StaffMember>> {
    let mut texts: HashMap<Uuid, Localized<StaffText>> = HashMap::new();
    for row in staff_text::Entity::find().all(transaction).await? {
        let text = StaffText {
            name: row.name.into(),
            role: row.role.into(),
            degree: row.degree.map(Into::into),
            field: row.field.map(Into::into),
        };
        texts.entry(row.staff_id).or_default().insert(row.locale, text);
    }
    let rows = staff::Entity::find().all(transaction).await?;
    let mut staff: Vec<StaffMember> = rows
        .into_iter()
        .map(|row| StaffMember {
            texts: texts.remove(&row.document_id).unwrap_or_default(),
            id: row.document_id,
            slug: row.slug,
            position: row.position,
            email: row.email,
            telephone: row.telephone.map(Into::into),
        })
        .collect();
    staff.sort_by(|a, b| (a.position, &a.slug).cmp(&(b.position, &b.slug)));
    Ok(staff)
}
