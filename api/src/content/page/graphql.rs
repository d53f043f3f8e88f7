//! Pages as front ends read them.

use std::{borrow::Cow, cmp::Reverse, sync::Arc};

use async_graphql::{
    Context, ContextSelectionSet, Enum, ID, InputObject, MaybeUndefined, Object, OutputType, Positioned, ServerResult,
    Value, parser::types::Field, registry::Registry,
};
use chrono::{DateTime, Utc};
use entities::{Locale, Markdown, Position, Slug};
use serde::{Deserialize, Serialize};

use crate::{
    content::{markdown::Rendered, published},
    delivery::snapshot::Snapshot,
    error::{Error, Result},
    graphql::{
        ContextExt, DEFAULT_FIRST, Faults, Html, Input, PageOf, Paging, Scalar, TextLocale, global_id, paginate,
    },
    locale::Preference,
};

/// A published page in one locale.
pub struct Page {
    snapshot: Arc<Snapshot>,
    index: usize,
    locale: Locale,
    preference: Preference,
    /// Whether it was asked for by a slug that it no longer has.
    moved: bool,
}

impl Page {
    /// The page at `index`, if it has a text that may be served.
    pub fn serve(snapshot: &Arc<Snapshot>, index: usize, preference: &Preference) -> Option<Self> {
        let page = snapshot.content.pages.get(index)?;
        let (locale, _) = preference.pick(&page.texts)?;
        Some(Self {
            snapshot: Arc::clone(snapshot),
            index,
            locale: locale.clone(),
            preference: preference.clone(),
            moved: false,
        })
    }

    fn page(&self) -> &published::Page {
        &self.snapshot.content.pages[self.index]
    }

    fn text(&self) -> &published::PageText {
        &self.page().texts[&self.locale]
    }
}

/// A published page in one locale.
#[Object]
impl Page {
    /// Its global id, the same in every locale.
    pub async fn id(&self) -> ID {
        global_id("Page", self.page().id)
    }

    /// Its name in addresses, the same in every locale.
    async fn slug(&self) -> Scalar<Slug> {
        Scalar(self.page().slug.clone())
    }

    /// The slug to redirect to, when the page was asked for by one that it had before; null otherwise.
    async fn moved_to(&self) -> Option<Scalar<Slug>> {
        self.moved.then(|| Scalar(self.page().slug.clone()))
    }

    /// Its place among its siblings, lowest first.
    async fn position(&self) -> i32 {
        self.page().position.get()
    }

    /// The heading.
    async fn title(&self) -> &str {
        &self.text().title
    }

    /// What stands in lists.
    async fn summary(&self) -> Option<&str> {
        self.text().summary.as_deref()
    }

    /// What stands in search results (the `description` of an HTML page).
    async fn description(&self) -> Option<&str> {
        self.text().description.as_deref()
    }

    /// Who signs, for a greeting.
    async fn signature(&self) -> Option<&str> {
        self.text().signature.as_deref()
    }

    /// The text, in three forms.
    async fn body(&self) -> RichText<'_> {
        RichText(&self.text().body)
    }

    /// When this text became public.
    async fn published_at(&self) -> DateTime<Utc> {
        self.text().published_at
    }

    #[graphql(flatten)]
    async fn locale(&self) -> TextLocale {
        TextLocale::new(&self.preference, &self.locale)
    }

    /// The locales in which this page is published.
    async fn available_locales(&self) -> Vec<Scalar<Locale>> {
        let published = |locale: &&crate::locale::SiteLocale| self.page().texts.contains_key(&locale.code);
        let offered = self.snapshot.content.locales.all.iter().filter(published);
        offered.map(|locale| Scalar(locale.code.clone())).collect()
    }

    /// The page above it, if it can be served in the same way.
    async fn parent(&self) -> Option<Page> {
        Self::serve(&self.snapshot, self.page().parent?, &self.preference)
    }

    /// The pages below it that can be served in the same way, in their order.
    #[graphql(complexity = "10 * child_complexity + 1")]
    async fn children(&self) -> Vec<Page> {
        let children = self.page().children.iter();
        children.filter_map(|child| Self::serve(&self.snapshot, *child, &self.preference)).collect()
    }
}

/// A text in three forms.
pub struct RichText<'a>(&'a Rendered);

/// A text in three forms.
#[Object]
impl RichText<'_> {
    /// As it was written.
    async fn markdown(&self) -> Result<Scalar<Markdown>> {
        self.0.markdown.parse().map(Scalar).map_err(Error::internal)
    }

    /// Sanitised HTML.
    async fn html(&self) -> Html {
        Html(self.0.html.clone())
    }

    /// Without any markup, a line for each block.
    async fn text(&self) -> &str {
        &self.0.text
    }
}

/// The same for a text that is not served yet.
pub struct OwnRichText(pub Rendered);

impl OutputType for OwnRichText {
    fn type_name() -> Cow<'static, str> {
        RichText::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        RichText::create_type_info(registry)
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        OutputType::resolve(&RichText(&self.0), ctx, field).await
    }
}

/// Which pages to list. Conditions are combined with "and".
#[derive(InputObject, Default)]
pub struct PageFilter {
    /// Only the pages directly below this one; null for those at the top.
    parent: MaybeUndefined<Input<Slug>>,
    /// Only these pages.
    slugs: Option<Vec<Input<Slug>>>,
}

/// By what to sort pages.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageOrderField {
    /// The order of a table of contents: each page followed by those below it.
    Position,
    /// The slug.
    Slug,
    /// The title, by Unicode code points.
    Title,
    /// When the text became public.
    PublishedAt,
}

/// In which direction to sort.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OrderDirection {
    /// Smallest, oldest or first in the alphabet first.
    #[default]
    Asc,
    /// Largest, newest or last in the alphabet first.
    Desc,
}

/// How to sort pages.
#[derive(InputObject)]
pub struct PageOrder {
    /// By what.
    field: PageOrderField,
    /// In which direction.
    #[graphql(default)]
    direction: OrderDirection,
}

/// A page's place in a sorted list. The slug makes it unique.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum SortKey {
    Path(Vec<(Position, Slug)>),
    Text(String, Slug),
    Time(i64, Slug),
}

/// Queries about pages.
#[derive(Default)]
pub struct PageQuery;

#[Object]
impl PageQuery {
    /// The page with this slug; null when there is none, or none that may be served in these locales. A slug that a page
    /// had before leads to it too, and `movedTo` says so.
    async fn page(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The page's slug.")] slug: Input<Slug>,
        #[graphql(desc = "The locale to serve; the site's default when left out.")] locale: Option<Input<Locale>>,
        #[graphql(
            desc = "What to serve instead, first choice first; the locale's own fallbacks when left out, none for []."
        )]
        fallback: Option<Vec<Input<Locale>>>,
    ) -> Option<Result<Page>> {
        let found = || {
            let mut faults = Faults::default();
            let slug = faults.take(&["slug"], slug);
            faults.into_result()?;
            let (snapshot, preference) = (ctx.snapshot(), ctx.preference(locale, fallback)?);
            let Some(slug) = slug else { return Ok(None) };
            let serve = |index| Page::serve(&snapshot, index, &preference);
            if let Some(index) = snapshot.content.page_by_slug(&slug) {
                return Ok(serve(index));
            }
            let former = snapshot.content.page_by_former_slug(&slug).and_then(serve);
            Ok(former.map(|page| Page { moved: true, ..page }))
        };
        found().transpose()
    }

    /// The pages that may be served in these locales.
    #[graphql(complexity = "first.unwrap_or(DEFAULT_FIRST).clamp(1, 100) as usize * child_complexity + 1")]
    async fn pages(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which pages; all when left out.")] filter: Option<PageFilter>,
        #[graphql(desc = "How to sort; by position when left out.")] order: Option<PageOrder>,
        #[graphql(desc = "How many, from 1 to 100; 20 when left out.")] first: Option<i32>,
        #[graphql(desc = "The cursor after which to start.")] after: Option<String>,
        #[graphql(desc = "The locale to serve; the site's default when left out.")] locale: Option<Input<Locale>>,
        #[graphql(
            desc = "What to serve instead, first choice first; the locale's own fallbacks when left out, none for []."
        )]
        fallback: Option<Vec<Input<Locale>>>,
    ) -> Result<PageOf<Page>> {
        let (snapshot, preference) = (ctx.snapshot(), ctx.preference(locale, fallback)?);
        let mut faults = Faults::default();
        let filter = filter.unwrap_or_default();
        let parent = match filter.parent {
            MaybeUndefined::Undefined => None,
            MaybeUndefined::Null => Some(None),
            MaybeUndefined::Value(slug) => faults.take(&["filter", "parent"], slug).map(Some),
        };
        let slugs = filter.slugs.map(|slugs| faults.take_list(&["filter", "slugs"], slugs));
        faults.into_result()?;
        let order = order.unwrap_or(PageOrder { field: PageOrderField::Position, direction: OrderDirection::Asc });

        // A cursor of another parent, order or locale is a cursor of another list.
        let list =
            format!("pages {parent:?} {slugs:?} {:?} {:?} {}", order.field, order.direction, preference.fingerprint());
        let above = match &parent {
            Some(Some(slug)) => match snapshot.content.page_by_slug(slug) {
                Some(index) => Some(Some(index)),
                // No such page, so nothing below it.
                None => Some(Some(usize::MAX)),
            },
            Some(None) => Some(None),
            None => None,
        };
        let mut pages: Vec<Listed<'_>> = Vec::new();
        for (index, page) in snapshot.content.pages.iter().enumerate() {
            let chosen = above.is_none_or(|above| page.parent == above)
                && slugs.as_ref().is_none_or(|slugs| slugs.contains(&page.slug));
            if let Some((locale, text)) = preference.pick(&page.texts).filter(|_| chosen) {
                let key = match order.field {
                    PageOrderField::Position => SortKey::Path(path(&snapshot, index)),
                    PageOrderField::Slug => SortKey::Text(String::new(), page.slug.clone()),
                    PageOrderField::Title => SortKey::Text(text.title.clone(), page.slug.clone()),
                    PageOrderField::PublishedAt => {
                        SortKey::Time(text.published_at.timestamp_millis(), page.slug.clone())
                    }
                };
                pages.push(Listed { key, index, locale });
            }
        }
        let node = |listed: &Listed<'_>| Page {
            snapshot: Arc::clone(&snapshot),
            index: listed.index,
            locale: listed.locale.clone(),
            preference: preference.clone(),
            moved: false,
        };
        let (keys, paging) = (ctx.state().keys(), Paging { first, after });
        match order.direction {
            OrderDirection::Asc => {
                pages.sort_unstable_by(|a, b| a.key.cmp(&b.key));
                paginate(&keys, &list, paging, &pages, |listed| listed.key.clone(), node)
            }
            OrderDirection::Desc => {
                pages.sort_unstable_by(|a, b| b.key.cmp(&a.key));
                paginate(&keys, &list, paging, &pages, |listed| Reverse(listed.key.clone()), node)
            }
        }
    }
}

/// A page in a list, before it is known whether it falls on the page of the list that is asked for.
struct Listed<'a> {
    key: SortKey,
    index: usize,
    locale: &'a Locale,
}

/// A page's place among all pages: its own position and slug after those of the pages above it.
fn path(snapshot: &Snapshot, index: usize) -> Vec<(Position, Slug)> {
    let mut path = Vec::new();
    let mut at = Some(index);
    while let Some(page) = at.and_then(|index| snapshot.content.pages.get(index)) {
        path.push((page.position, page.slug.clone()));
        at = page.parent;
    }
    path.reverse();
    path
}
