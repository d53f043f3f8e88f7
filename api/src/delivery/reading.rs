//! What one request reads: one state of everything public, so that no answer mixes two; the texts of pages that had to be
//! fetched for it; and a note of what was looked at, by the tags of changes, so that it is known when the answer no longer
//! holds. There is no way to the state but through here.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use chrono::{DateTime, Utc};
use entities::Slug;
use uuid::Uuid;

use crate::{
    change::tag,
    content::{
        List, Order, PageKey, Scope,
        body::{Bodies, Body, BodyKey},
        published::{Page, Site, StaffMember},
    },
    database::Database,
    delivery::snapshot::Snapshot,
    error::Result,
    figures,
    locale::Preference,
};

/// How many pages below other pages one request reads at most. Nobody says beforehand how many there are, so the cost of a
/// document cannot tell, and with each level of `children` they multiply.
pub const MAX_CHILDREN: usize = 20_000;
/// How many of them it reads before it is known that it reads many.
const FEW_CHILDREN: usize = 50;

/// What one request reads.
#[derive(Debug)]
pub struct Reading {
    snapshot: Arc<Snapshot>,
    bodies: Arc<Bodies>,
    fetched: HashMap<BodyKey, Arc<Body>>,
    /// Earlier states of figures, by the moment that was asked for.
    earlier: HashMap<DateTime<Utc>, Arc<figures::Published>>,
    notes: Mutex<Notes>,
    /// How many pages were read below others.
    children: AtomicUsize,
    /// How many may be.
    most_children: usize,
}

#[derive(Debug, Default)]
struct Notes {
    tags: BTreeSet<Tag>,
    missing: BTreeSet<BodyKey>,
    missing_moments: BTreeSet<DateTime<Utc>>,
}

impl Notes {
    fn is_incomplete(&self) -> bool {
        !self.missing.is_empty() || !self.missing_moments.is_empty()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Tag {
    All(&'static str),
    Page(Uuid),
    StaffMember(Uuid),
}

impl Reading {
    /// Reads this state.
    #[must_use]
    pub fn new(snapshot: Arc<Snapshot>, bodies: Arc<Bodies>) -> Self {
        Self {
            snapshot,
            bodies,
            fetched: HashMap::new(),
            earlier: HashMap::new(),
            notes: Mutex::default(),
            children: AtomicUsize::new(0),
            most_children: FEW_CHILDREN,
        }
    }

    fn note(&self, tag: Tag) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).tags.insert(tag);
    }

    /// The state itself, for estimates of what a response will cost: nothing of it reaches a client, so nothing is noted.
    #[must_use]
    pub fn unnoted(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The newest change before which no other one is still to come.
    #[must_use]
    pub fn seq(&self) -> i64 {
        self.snapshot.seq
    }

    /// The newest change that the state contains, even if one before it is still to come.
    #[must_use]
    pub fn newest(&self) -> i64 {
        self.snapshot.newest()
    }

    /// What was looked at so far.
    #[must_use]
    pub fn tags(&self) -> Vec<String> {
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        let tags = notes.tags.iter().map(|tag| match tag {
            Tag::All(tag) => (*tag).to_owned(),
            Tag::Page(id) => tag::page(*id),
            Tag::StaffMember(id) => tag::staff_member(*id),
        });
        std::iter::once(tag::SITE.to_owned()).chain(tags).collect()
    }

    /// The site's settings.
    #[must_use]
    pub fn site(&self) -> &Arc<Site> {
        &self.snapshot.content.site
    }

    /// The page with this slug.
    #[must_use]
    pub fn page_by_slug(&self, slug: &Slug) -> Option<&Arc<Page>> {
        let page = self.snapshot.content.page_by_slug(slug);
        // Of a page that is not there it is not known which one it would be.
        self.note(page.map_or(Tag::All(tag::PAGES), |page| Tag::Page(page.id)));
        page
    }

    /// The page that had this slug before.
    #[must_use]
    pub fn page_by_former_slug(&self, slug: &Slug) -> Option<&Arc<Page>> {
        self.note(Tag::All(tag::PAGES));
        self.snapshot.content.page_by_former_slug(slug)
    }

    /// The page with this document.
    #[must_use]
    pub fn page(&self, id: Uuid) -> Option<&Arc<Page>> {
        self.note(Tag::Page(id));
        self.snapshot.content.page(id)
    }

    /// The pages below this one, in their order; none any more once [`Reading::is_exhausted`].
    pub fn children(&self, parent: Uuid) -> impl Iterator<Item = &Arc<Page>> {
        self.note(Tag::All(tag::PAGES));
        let children = self.snapshot.content.children(Some(parent));
        children.take_while(|_| self.children.fetch_add(1, Ordering::Relaxed) < self.most_children)
    }

    /// Whether more pages below others were asked for than this reads. What was read is of no use then.
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        self.children.load(Ordering::Relaxed) > self.most_children
    }

    /// Whether it may read many pages.
    #[must_use]
    pub fn is_large(&self) -> bool {
        self.most_children == MAX_CHILDREN
    }

    /// The same reading anew, of [`MAX_CHILDREN`]; or nothing, if it was one of those.
    #[must_use]
    pub fn enlarge(&self) -> Option<Self> {
        let enlarged = || Self { most_children: MAX_CHILDREN, ..self.anew(self.fetched.clone()) };
        (!self.is_large()).then(enlarged)
    }

    fn anew(&self, fetched: HashMap<BodyKey, Arc<Body>>) -> Self {
        let (snapshot, bodies) = (Arc::clone(&self.snapshot), Arc::clone(&self.bodies));
        let earlier = self.earlier.clone();
        Self { fetched, earlier, most_children: self.most_children, ..Self::new(snapshot, bodies) }
    }

    /// The pages that have a text to serve, in an order; only those of this scope.
    #[must_use]
    pub fn pages(&self, order: Order, scope: Scope, preference: &Preference) -> List {
        self.note(Tag::All(tag::PAGES));
        self.snapshot.content.list(order, scope, preference)
    }

    /// Those of the pages with these slugs that have a text to serve, in an order; only those of this scope.
    #[must_use]
    pub fn pages_among(&self, slugs: &[Slug], order: Order, scope: Scope, preference: &Preference) -> List {
        self.note(Tag::All(tag::PAGES));
        let content = &self.snapshot.content;
        let pages = slugs.iter().filter_map(|slug| content.page_by_slug(slug));
        let pages = pages.filter(|page| scope.has(page));
        pages.filter_map(|page| Some((PageKey::of(content, page, order, preference)?, page.id))).collect()
    }

    /// A page that stands in a list. The list was noted.
    #[must_use]
    pub fn listed(&self, id: Uuid) -> Option<&Arc<Page>> {
        self.snapshot.content.page(id)
    }

    /// All staff records in their order.
    pub fn staff(&self) -> impl Iterator<Item = &Arc<StaffMember>> {
        self.note(Tag::All(tag::STAFF));
        self.snapshot.content.staff()
    }

    /// The staff record with this document.
    #[must_use]
    pub fn staff_member(&self, id: Uuid) -> Option<&Arc<StaffMember>> {
        self.note(Tag::StaffMember(id));
        self.snapshot.content.staff_member(id)
    }

    /// Countries, categories and figures.
    #[must_use]
    pub fn figures(&self) -> &Arc<figures::Published> {
        self.note(Tag::All(tag::FIGURES));
        &self.snapshot.figures
    }

    /// Countries, categories and figures as they were at a moment. When that is not in memory, these are others, and the whole
    /// answer has to be made again after [`Reading::fetch`].
    #[must_use]
    pub fn figures_as_of(&self, moment: DateTime<Utc>) -> Arc<figures::Published> {
        let now = self.figures();
        if let Some(known) = self.earlier.get(&moment).cloned().or_else(|| now.as_of(moment)) {
            return known;
        }
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).missing_moments.insert(moment);
        Arc::clone(now)
    }

    /// The text of a page. When it is not in memory there is none, and the whole answer has to be made again after
    /// [`Reading::fetch`].
    #[must_use]
    pub fn body(&self, key: BodyKey) -> Option<Arc<Body>> {
        let body = self.fetched.get(&key).cloned().or_else(|| self.bodies.get(key));
        if body.is_none() {
            self.notes.lock().unwrap_or_else(PoisonError::into_inner).missing.insert(key);
        }
        body
    }

    /// Whether something was asked for that is not in memory.
    #[must_use]
    pub fn is_incomplete(&self) -> bool {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).is_incomplete()
    }

    /// The same reading with the texts and earlier states that were missing, and without notes.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn fetch(&self, database: &Database) -> Result<Self> {
        let (missing, moments) = {
            let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
            (std::mem::take(&mut notes.missing), std::mem::take(&mut notes.missing_moments))
        };
        let mut fetched = self.fetched.clone();
        fetched.extend(self.bodies.load(database.reader(), missing).await?);
        let mut reading = self.anew(fetched);
        for moment in moments {
            let found = self.snapshot.figures.read_as_of(database.reader(), moment).await?;
            reading.earlier.insert(moment, found);
        }
        Ok(reading)
    }
}
