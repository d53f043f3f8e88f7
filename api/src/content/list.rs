//! Pages in every order that can be asked for, so that a page of a list costs the same wherever it begins.
//!
//! An order is an index that is made when it is first asked for and kept up to date from state to state, one step for each
//! page that changes. It depends on which text is served, so there is one for each choice of locales.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use entities::{Position, Slug};
use imbl::OrdMap;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    content::{Published, published::Page},
    locale::Preference,
};

/// How many entries all indexes of a state have together, at most; the one that was not asked for longest goes first.
const MAX_ENTRIES: usize = 200_000;

/// By what pages are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// The order of a table of contents: each page followed by those below it.
    Position,
    /// The slug.
    Slug,
    /// The title, by Unicode code points.
    Title,
    /// When the text became public.
    PublishedAt,
}

/// Which pages a list is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// All of them.
    All,
    /// Those directly below this one; those at the top for none.
    Below(Option<Uuid>),
}

impl Scope {
    /// Whether a page is among them.
    #[must_use]
    pub fn has(self, page: &Page) -> bool {
        match self {
            Self::All => true,
            Self::Below(parent) => page.parent == parent,
        }
    }
}

/// A page's place in an order. The slug makes it unique.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum PageKey {
    /// Its own position and slug after those of the pages above it.
    Path(Vec<(Position, Slug)>),
    /// A text.
    Text(String, Slug),
    /// A moment in Unix milliseconds.
    Time(i64, Slug),
}

impl PageKey {
    /// The place of a page, if it has a text to serve.
    #[must_use]
    pub fn of(published: &Published, page: &Page, order: Order, preference: &Preference) -> Option<Self> {
        let (_, text) = preference.pick(&page.texts)?;
        Some(match order {
            Order::Position => {
                let mut path = vec![(page.position, page.slug.clone())];
                let mut above = page.parent;
                while let Some(page) = above.and_then(|id| published.page(id)) {
                    path.push((page.position, page.slug.clone()));
                    above = page.parent;
                }
                path.reverse();
                Self::Path(path)
            }
            Order::Slug => Self::Text(String::new(), page.slug.clone()),
            Order::Title => Self::Text(text.title.clone(), page.slug.clone()),
            Order::PublishedAt => Self::Time(text.published_at.timestamp_millis(), page.slug.clone()),
        })
    }
}

/// Pages in an order.
pub type List = OrdMap<PageKey, Uuid>;

/// A page before and after.
pub(super) struct Change {
    pub(super) before: Option<Arc<Page>>,
    pub(super) after: Option<Arc<Page>>,
}

impl Change {
    /// Whether the paths of the pages below it are others than before.
    fn moves_others(&self, before: &Published) -> bool {
        match (&self.before, &self.after) {
            (Some(old), Some(new)) => !old.stands_where(new) && before.children(Some(old.id)).next().is_some(),
            _ => false,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct ListKey {
    order: Order,
    scope: Scope,
    locales: String,
}

#[derive(Clone, Debug)]
struct Kept {
    list: List,
    preference: Preference,
    /// When it was last asked for, in requests for lists.
    used: u64,
}

/// The indexes of one state.
#[derive(Debug, Default)]
pub(super) struct Lists(Mutex<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    kept: HashMap<ListKey, Kept>,
    requests: u64,
    /// How many entries all of them have together, at most.
    max_entries: usize,
}

impl Default for Inner {
    fn default() -> Self {
        Self { kept: HashMap::new(), requests: 0, max_entries: MAX_ENTRIES }
    }
}

impl Clone for Lists {
    fn clone(&self) -> Self {
        Self(Mutex::new(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()))
    }
}

impl Published {
    /// The pages that have a text to serve, in an order.
    #[must_use]
    pub fn list(&self, order: Order, scope: Scope, preference: &Preference) -> List {
        let key = ListKey { order, scope, locales: preference.fingerprint() };
        if let Some(list) = self.lists.get(&key) {
            return list;
        }
        let place = |page: &Arc<Page>| Some((PageKey::of(self, page, order, preference)?, page.id));
        let list: List = match scope {
            Scope::All => self.pages().filter_map(place).collect(),
            Scope::Below(parent) => self.children(parent).filter_map(place).collect(),
        };
        self.lists.put(key, list.clone(), preference);
        list
    }
}

impl Lists {
    /// No index yet, and room for few.
    pub(super) fn limited_to(max_entries: usize) -> Self {
        Self(Mutex::new(Inner { max_entries, ..Inner::default() }))
    }

    fn get(&self, key: &ListKey) -> Option<List> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.requests += 1;
        let requests = inner.requests;
        let kept = inner.kept.get_mut(key)?;
        kept.used = requests;
        Some(kept.list.clone())
    }

    fn put(&self, key: ListKey, list: List, preference: &Preference) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let used = inner.requests;
        inner.kept.insert(key, Kept { list, preference: preference.clone(), used });
        // An empty list takes room, too.
        while inner.kept.values().map(|kept| kept.list.len() + 100).sum::<usize>() > inner.max_entries
            && inner.kept.len() > 1
        {
            let oldest = inner.kept.iter().min_by_key(|(_, kept)| kept.used).map(|(key, _)| key.clone());
            oldest.and_then(|key| inner.kept.remove(&key));
        }
    }

    /// The indexes of the next state.
    pub(super) fn advance(&self, before: &Published, after: &Published, changes: &[Change]) -> Self {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if changes.iter().any(|change| change.moves_others(before)) {
            inner.kept.retain(|key, _| key.order != Order::Position);
        }
        for (key, kept) in &mut inner.kept {
            let is_in = |page: &&Arc<Page>| key.scope.has(page);
            for page in changes.iter().filter_map(|change| change.before.as_ref()).filter(is_in) {
                if let Some(place) = PageKey::of(before, page, key.order, &kept.preference) {
                    kept.list.remove(&place);
                }
            }
            for page in changes.iter().filter_map(|change| change.after.as_ref()).filter(is_in) {
                if let Some(place) = PageKey::of(after, page, key.order, &kept.preference) {
                    kept.list.insert(place, page.id);
                }
            }
        }
        Self(Mutex::new(inner))
    }
}
