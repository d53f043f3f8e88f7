//! What is published of content, in memory. A state never changes; the next one shares with it all that stayed.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use entities::{
    Email, Line, Locale, Localized, Position, Prose, Slug, Version, document, page, page_redirect, page_text, site,
    site_locale, staff, staff_text,
};
use futures_util::TryStreamExt;
use imbl::OrdMap;
use sea_orm::{
    ColumnTrait, Condition, DatabaseTransaction, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect,
    RelationTrait,
};
use uuid::Uuid;

use crate::{
    content::{
        body::BodyKey,
        list::{Change, Lists},
    },
    error::{Error, Result},
    locale::{SiteLocale, SiteLocales},
};

/// The site, its pages and its staff.
#[derive(Clone, Debug)]
pub struct Published {
    /// The site's settings.
    pub site: Arc<Site>,
    pages: imbl::HashMap<Uuid, Arc<Page>>,
    slugs: imbl::HashMap<Slug, Uuid>,
    /// Which page a former slug leads to.
    redirects: imbl::HashMap<Slug, Uuid>,
    /// The pages below each page, and those at the top, in their order.
    children: imbl::HashMap<Option<Uuid>, OrdMap<(Position, Slug), Uuid>>,
    staff: OrdMap<(Position, Slug), Arc<StaffMember>>,
    staff_by_id: imbl::HashMap<Uuid, (Position, Slug)>,
    /// The pages in the orders that were asked for lately.
    pub(super) lists: Lists,
}

/// The site's settings.
#[derive(Debug)]
pub struct Site {
    /// The document.
    pub id: Uuid,
    /// The site's name.
    pub name: Localized<String>,
    /// The locales offered.
    pub locales: SiteLocales,
}

/// A page and its texts.
#[derive(Clone, Debug)]
pub struct Page {
    /// Its document.
    pub id: Uuid,
    /// Its name in addresses.
    pub slug: Slug,
    /// The document of the page above it.
    pub parent: Option<Uuid>,
    /// Its place among its siblings.
    pub position: Position,
    /// Its texts.
    pub texts: Localized<Arc<PageText>>,
    /// The slugs that it had before.
    pub(super) former_slugs: Vec<Slug>,
}

impl Page {
    /// Whether another state of the page stands at the same place of the tree.
    pub(super) fn stands_where(&self, other: &Self) -> bool {
        (&self.slug, self.parent, self.position) == (&other.slug, other.parent, other.position)
    }
}

/// A page in one locale.
#[derive(Debug)]
pub struct PageText {
    /// The locale.
    pub locale: Locale,
    /// The heading.
    pub title: String,
    /// What stands in lists.
    pub summary: Option<String>,
    /// What stands in search results.
    pub description: Option<String>,
    /// Who signs.
    pub signature: Option<String>,
    /// Where the text is.
    pub body: BodyKey,
    /// When it became public.
    pub published_at: DateTime<Utc>,
}

/// A staff record and its texts.
#[derive(Clone, Debug)]
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
    pub texts: Localized<Arc<StaffText>>,
}

/// A staff record in one locale.
#[derive(Debug)]
pub struct StaffText {
    /// The locale.
    pub locale: Locale,
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
        let mut published = Self {
            site: Arc::new(Site::load(transaction).await?),
            pages: imbl::HashMap::new(),
            slugs: imbl::HashMap::new(),
            redirects: imbl::HashMap::new(),
            children: imbl::HashMap::new(),
            staff: OrdMap::new(),
            staff_by_id: imbl::HashMap::new(),
            lists: Lists::default(),
        };
        for page in load_pages(transaction, None).await? {
            published.put_page(page);
        }
        for member in load_staff(transaction, None).await? {
            published.put_staff_member(member);
        }
        Ok(published)
    }

    /// The state in which these pages and staff records are as the live tables have them now, and everything else is as it
    /// is here.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn advance(
        &self,
        transaction: &DatabaseTransaction,
        pages: &BTreeSet<Uuid>,
        staff: &BTreeSet<Uuid>,
    ) -> Result<Self> {
        let mut next = self.clone();
        if !pages.is_empty() {
            next = next.replace(pages, load_pages(transaction, Some(pages)).await?);
        }
        if !staff.is_empty() {
            next = next.replace_staff(staff, load_staff(transaction, Some(staff)).await?);
        }
        Ok(next)
    }

    /// The state without these pages, as far as it has them, and with those that take their place.
    pub(super) fn replace(&self, ids: &BTreeSet<Uuid>, pages: Vec<Page>) -> Self {
        let mut next = self.clone();
        // All leave before any comes: slugs may go from one to another.
        let before: HashMap<Uuid, Arc<Page>> = ids.iter().filter_map(|id| Some((*id, next.take_page(*id)?))).collect();
        for page in pages {
            next.put_page(page);
        }
        let changes: Vec<Change> = ids
            .iter()
            .map(|id| Change { before: before.get(id).cloned(), after: next.pages.get(id).cloned() })
            .collect();
        next.lists = self.lists.advance(self, &next, &changes);
        next
    }

    /// The state without these staff records, as far as it has them, and with those that take their place.
    pub(super) fn replace_staff(&self, ids: &BTreeSet<Uuid>, members: Vec<StaffMember>) -> Self {
        let mut next = self.clone();
        for id in ids {
            if let Some(place) = next.staff_by_id.remove(id) {
                next.staff.remove(&place);
            }
        }
        for member in members {
            next.put_staff_member(member);
        }
        next
    }

    fn put_page(&mut self, page: Page) {
        // A page takes the slug that led to another one.
        if let Some(former) = self.redirects.remove(&page.slug)
            && let Some(other) = self.pages.get(&former)
        {
            let mut other = Page::clone(other);
            other.former_slugs.retain(|slug| *slug != page.slug);
            self.pages.insert(former, Arc::new(other));
        }
        self.slugs.insert(page.slug.clone(), page.id);
        for slug in &page.former_slugs {
            self.redirects.insert(slug.clone(), page.id);
        }
        self.children.entry(page.parent).or_default().insert((page.position, page.slug.clone()), page.id);
        self.pages.insert(page.id, Arc::new(page));
    }

    fn take_page(&mut self, id: Uuid) -> Option<Arc<Page>> {
        let page = self.pages.remove(&id)?;
        self.slugs.remove(&page.slug);
        for slug in &page.former_slugs {
            self.redirects.remove(slug);
        }
        if let Some(siblings) = self.children.get_mut(&page.parent) {
            siblings.remove(&(page.position, page.slug.clone()));
        }
        Some(page)
    }

    fn put_staff_member(&mut self, member: StaffMember) {
        let place = (member.position, member.slug.clone());
        self.staff_by_id.insert(member.id, place.clone());
        self.staff.insert(place, Arc::new(member));
    }

    /// The page with this slug.
    #[must_use]
    pub fn page_by_slug(&self, slug: &Slug) -> Option<&Arc<Page>> {
        self.pages.get(self.slugs.get(slug)?)
    }

    /// The page that had this slug before.
    #[must_use]
    pub fn page_by_former_slug(&self, slug: &Slug) -> Option<&Arc<Page>> {
        self.pages.get(self.redirects.get(slug)?)
    }

    /// The page with this document.
    #[must_use]
    pub fn page(&self, id: Uuid) -> Option<&Arc<Page>> {
        self.pages.get(&id)
    }

    /// How many pages there are, and how many there are below one at most.
    #[must_use]
    pub fn page_counts(&self) -> (usize, usize) {
        let below = self.children.iter().filter(|(parent, _)| parent.is_some()).map(|(_, children)| children.len());
        (self.pages.len(), below.max().unwrap_or(0))
    }

    /// All pages, in no order.
    pub fn pages(&self) -> impl Iterator<Item = &Arc<Page>> {
        self.pages.values()
    }

    /// The pages below this one, in their order; those at the top for none.
    pub fn children(&self, parent: Option<Uuid>) -> impl Iterator<Item = &Arc<Page>> {
        self.children.get(&parent).into_iter().flat_map(OrdMap::values).filter_map(|id| self.pages.get(id))
    }

    /// All staff records in their order.
    pub fn staff(&self) -> impl Iterator<Item = &Arc<StaffMember>> {
        self.staff.values()
    }

    /// The staff record with this document.
    #[must_use]
    pub fn staff_member(&self, id: Uuid) -> Option<&Arc<StaffMember>> {
        self.staff.get(self.staff_by_id.get(&id)?)
    }
}

impl Site {
    async fn load(transaction: &DatabaseTransaction) -> Result<Self> {
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
        Ok(Self {
            id: site.document_id,
            name: serde_json::from_value(site.name)?,
            locales: SiteLocales { default: site.default_locale, all: all.collect::<Result<_>>()? },
        })
    }
}

/// What is read of a text of a page: all but the text.
type TextRow = (Uuid, Uuid, Locale, Line, Option<Prose>, Option<Line>, Option<Prose>, DateTime<Utc>, Option<Version>);

/// These pages, or all. Their bodies stay where they are.
async fn load_pages(transaction: &DatabaseTransaction, ids: Option<&BTreeSet<Uuid>>) -> Result<Vec<Page>> {
    let among = |column: page_text::Column| match ids {
        Some(ids) => Condition::all().add(column.is_in(ids.iter().copied())),
        None => Condition::all(),
    };
    let mut rows = page_text::Entity::find()
        .select_only()
        .columns([
            page_text::Column::DocumentId,
            page_text::Column::PageId,
            page_text::Column::Locale,
            page_text::Column::Title,
            page_text::Column::Summary,
            page_text::Column::Description,
            page_text::Column::Signature,
            page_text::Column::PublishedAt,
        ])
        .column(document::Column::PublishedNumber)
        .join(JoinType::InnerJoin, page_text::Relation::Document.def())
        .filter(among(page_text::Column::PageId))
        .into_tuple::<TextRow>()
        .stream(transaction)
        .await?;
    let mut texts: HashMap<Uuid, Localized<Arc<PageText>>> = HashMap::new();
    // One by one: together, as the database hands them over, they take several times what is kept of them.
    while let Some(row) = rows.try_next().await? {
        let (document, page, locale, title, summary, description, signature, published_at, version) = row;
        // What is public is a revision of its document.
        let Some(version) = version else { continue };
        let text = PageText {
            locale: locale.clone(),
            title: title.into(),
            summary: summary.map(Into::into),
            description: description.map(Into::into),
            signature: signature.map(Into::into),
            body: BodyKey { document, version },
            published_at,
        };
        texts.entry(page).or_default().insert(locale, Arc::new(text));
    }
    drop(rows);
    let mut redirects = page_redirect::Entity::find();
    let mut pages = page::Entity::find();
    if let Some(ids) = ids {
        redirects = redirects.filter(page_redirect::COLUMN.page_id.is_in(ids.iter().copied()));
        pages = pages.filter(page::COLUMN.document_id.is_in(ids.iter().copied()));
    }
    // A page that was withdrawn keeps its former slugs, in case it comes back.
    let mut former_slugs: HashMap<Uuid, Vec<Slug>> = HashMap::new();
    for row in redirects.all(transaction).await? {
        former_slugs.entry(row.page_id).or_default().push(row.slug);
    }
    let page = |row: page::Model| Page {
        texts: texts.remove(&row.document_id).unwrap_or_default(),
        former_slugs: former_slugs.remove(&row.document_id).unwrap_or_default(),
        id: row.document_id,
        slug: row.slug,
        parent: row.parent_id,
        position: row.position,
    };
    Ok(pages.all(transaction).await?.into_iter().map(page).collect())
}

/// These staff records, or all.
async fn load_staff(transaction: &DatabaseTransaction, ids: Option<&BTreeSet<Uuid>>) -> Result<Vec<StaffMember>> {
    let (mut records, mut texts_of) = (staff::Entity::find(), staff_text::Entity::find());
    if let Some(ids) = ids {
        records = records.filter(staff::COLUMN.document_id.is_in(ids.iter().copied()));
        texts_of = texts_of.filter(staff_text::COLUMN.staff_id.is_in(ids.iter().copied()));
    }
    let mut texts: HashMap<Uuid, Localized<Arc<StaffText>>> = HashMap::new();
    for row in texts_of.all(transaction).await? {
        let text = StaffText {
            locale: row.locale.clone(),
            name: row.name.into(),
            role: row.role.into(),
            degree: row.degree.map(Into::into),
            field: row.field.map(Into::into),
        };
        texts.entry(row.staff_id).or_default().insert(row.locale, Arc::new(text));
    }
    let member = |row: staff::Model| StaffMember {
        texts: texts.remove(&row.document_id).unwrap_or_default(),
        id: row.document_id,
        slug: row.slug,
        position: row.position,
        email: row.email,
        telephone: row.telephone.map(Into::into),
    };
    Ok(records.all(transaction).await?.into_iter().map(member).collect())
}
