//! Pages as front ends read them.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, InputObject, MaybeUndefined, Object};
use entities::{Locale, Markdown, Position, Slug};
use uuid::Uuid;

use crate::{
    content::{Order, Scope, body::Body, markdown::Rendered, published},
    delivery::reading::Reading,
    error::Result,
    graphql::{
        Arguments, Asking, At, ContextExt, Described, Faults, Html, Input, Listed, Literal, Output, PageOf, Paging,
        Root, Scalar, ScalarRef, TextLocale, current_preference, localized_id, object, paginate, variant_id,
    },
    locale::Preference,
};

/// What stands before the locales in the id of a page that was asked for by a slug that it no longer has.
const MOVED: char = '~';

/// A published page in one locale.
pub struct Page {
    reading: Arc<Reading>,
    shared: Arc<published::Page>,
    text: Arc<published::PageText>,
    preference: Preference,
    /// Whether it was asked for by a slug that it no longer has.
    moved: bool,
}

impl Page {
    /// The page, if it has a text that may be served.
    pub fn serve(reading: &Arc<Reading>, page: &Arc<published::Page>, preference: &Preference) -> Option<Self> {
        let (_, text) = preference.pick(&page.texts)?;
        Some(Self {
            reading: Arc::clone(reading),
            shared: Arc::clone(page),
            text: Arc::clone(text),
            preference: preference.clone(),
            moved: false,
        })
    }

    /// The page that has a global id, if it may be served.
    pub fn find(reading: &Arc<Reading>, id: Uuid, variant: &str) -> Option<Self> {
        let (variant, moved) = variant.strip_prefix(MOVED).map_or((variant, false), |variant| (variant, true));
        let preference = current_preference(reading, variant)?;
        Self::serve(reading, reading.page(id)?, &preference).map(|page| Self { moved, ..page })
    }
}

object! {
[
/// A published page in one locale.
#[Object]
]
impl Page {
    /// Its global id, another one for each choice of `locale` and `fallback`: `node` finds the page in the same language.
    pub fn id(&self) -> ID {
        if self.moved {
            // Tells more than the page itself does, so it is another object.
            return variant_id("Page", self.shared.id, &format!("{MOVED}{}", self.preference.text()));
        }
        localized_id("Page", self.shared.id, &self.preference)
    }

    /// Its name in addresses, the same in every locale.
    fn slug(&self) -> ScalarRef<'_, Slug> {
        ScalarRef(&self.shared.slug)
    }

    /// The slug to redirect to, when the page was asked for by one that it had before; null otherwise.
    fn moved_to(&self) -> Option<ScalarRef<'_, Slug>> {
        self.moved.then(|| ScalarRef(&self.shared.slug))
    }

    /// Its place among its siblings, lowest first.
    fn position(&self) -> Scalar<Position> {
        Scalar(self.shared.position)
    }

    /// The heading.
    fn title(&self) -> &str {
        &self.text.title
    }

    /// What stands in lists.
    fn summary(&self) -> Option<&str> {
        self.text.summary.as_deref()
    }

    /// What stands in search results (the `description` of an HTML page).
    fn description(&self) -> Option<&str> {
        self.text.description.as_deref()
    }

    /// Who signs, for a greeting.
    fn signature(&self) -> Option<&str> {
        self.text.signature.as_deref()
    }

    /// The text, in three forms.
    fn body(&self) -> RichText {
        RichText(self.reading.body(self.text.body))
    }

    /// When this text became public.
    fn published_at(&self) -> At {
        self.text.published_at.into()
    }

    /// The locales in which this page is published.
    fn available_locales(&self) -> Vec<ScalarRef<'_, Locale>> {
        let published = |locale: &&crate::locale::SiteLocale| self.shared.texts.contains_key(&locale.code);
        let offered = self.reading.site().locales.all.iter().filter(published);
        offered.map(|locale| ScalarRef(&locale.code)).collect()
    }

    /// The page above it, if it can be served in the same way.
    fn parent(&self) -> Option<Page> {
        Page::serve(&self.reading, self.reading.page(self.shared.parent?)?, &self.preference)
    }

    /// The pages below it that can be served in the same way, in their order.
    fn children(&self) -> Vec<Page> {
        let children = self.reading.children(self.shared.id);
        children.filter_map(|child| Page::serve(&self.reading, child, &self.preference)).collect()
    }
}
flatten fn locale(&self) -> TextLocale {
    TextLocale::new(&self.preference, &self.text.locale)
}
}

impl Listed for Page {
    const CONNECTION: &'static str = "PageConnection";
    const EDGE: &'static str = "PageEdge";
}

/// A text in three forms. Without one where it is still to be fetched; then the answer is made again.
pub struct RichText(Option<Arc<Body>>);

impl From<Rendered> for RichText {
    fn from(rendered: Rendered) -> Self {
        Self(Some(Arc::new(rendered.into())))
    }
}

object! {
[
/// A text in three forms.
#[Object]
]
impl RichText {
    /// As it was written.
    fn markdown(&self) -> Literal<Scalar<Markdown>> {
        Literal::new(self.0.clone(), |body| &body.markdown)
    }

    /// Sanitised HTML.
    fn html(&self) -> Literal<Html> {
        Literal::new(self.0.clone(), |body| &body.html)
    }

    /// Without any markup, a line for each block.
    fn text(&self) -> Literal<String> {
        Literal::new(self.0.clone(), |body| &body.text)
    }
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

impl From<PageOrderField> for Order {
    fn from(field: PageOrderField) -> Self {
        match field {
            PageOrderField::Position => Self::Position,
            PageOrderField::Slug => Self::Slug,
            PageOrderField::Title => Self::Title,
            PageOrderField::PublishedAt => Self::PublishedAt,
        }
    }
}

/// `page`, without the engine.
pub const PAGE: Root = Root {
    name: "page",
    shape: Page::SHAPE,
    write: |asking, arguments, plan, out| {
        let page = find(asking, arguments.get("slug")?, arguments.get("locale")?, arguments.get("fallback")?)?;
        page.write(plan, out);
        Ok(())
    },
};

/// `pages`, without the engine.
pub const PAGES: Root = Root {
    name: "pages",
    shape: PageOf::<Page>::SHAPE,
    write: |asking, arguments, plan, out| {
        list(asking, PageList::read(arguments)?)?.write(plan, out);
        Ok(())
    },
};

fn find(
    asking: &Asking,
    slug: Input<Slug>,
    locale: Option<Input<Locale>>,
    fallback: Option<Vec<Input<Locale>>>,
) -> Result<Option<Page>> {
    let mut faults = Faults::default();
    let slug = faults.take(&["slug"], slug);
    faults.into_result()?;
    let preference = asking.preference(locale, fallback)?;
    let Some(slug) = slug else { return Ok(None) };
    let serve = |page| Page::serve(&asking.reading, page, &preference);
    if let Some(page) = asking.reading.page_by_slug(&slug) {
        return Ok(serve(page));
    }
    let former = asking.reading.page_by_former_slug(&slug).and_then(serve);
    Ok(former.map(|page| Page { moved: true, ..page }))
}

/// The arguments of `pages`.
struct PageList {
    filter: Option<PageFilter>,
    order: Option<PageOrder>,
    paging: Paging,
    locale: Option<Input<Locale>>,
    fallback: Option<Vec<Input<Locale>>>,
}

impl PageList {
    fn read(arguments: &Arguments) -> Result<Self, crate::graphql::Unfit> {
        Ok(Self {
            filter: arguments.get("filter")?,
            order: arguments.get("order")?,
            paging: Paging { first: arguments.get("first")?, after: arguments.get("after")? },
            locale: arguments.get("locale")?,
            fallback: arguments.get("fallback")?,
        })
    }
}

fn list(asking: &Asking, arguments: PageList) -> Result<PageOf<Page>> {
    let PageList { filter, order, paging, locale, fallback } = arguments;
    let preference = asking.preference(locale, fallback)?;
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
    let name =
        format!("pages {parent:?} {slugs:?} {:?} {:?} {}", order.field, order.direction, preference.fingerprint());
    let reading = &asking.reading;
    let scope = match &parent {
        None => Scope::All,
        Some(None) => Scope::Below(None),
        // Below a page that is not there is nothing.
        Some(Some(slug)) => Scope::Below(Some(reading.page_by_slug(slug).map_or(Uuid::nil(), |page| page.id))),
    };
    let descending = order.direction == OrderDirection::Desc;
    let keys = asking.state.keys();
    let node = |id: &Uuid| Page::serve(reading, reading.listed(*id)?, &preference);
    let pages = match slugs {
        None => reading.pages(order.field.into(), scope, &preference),
        Some(slugs) => reading.pages_among(&slugs, order.field.into(), scope, &preference),
    };
    paginate(keys, name, paging, &pages, descending, node)
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
        find(ctx.asking(), slug, locale, fallback).transpose()
    }

    /// The pages that may be served in these locales.
    async fn pages(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which pages; all when left out.")] filter: Option<PageFilter>,
        #[graphql(desc = "How to sort; by position when left out.")] order: Option<PageOrder>,
        #[graphql(desc = "How many, from 0 to 100; 20 when left out.")] first: Option<i32>,
        #[graphql(desc = "The cursor after which to start.")] after: Option<String>,
        #[graphql(desc = "The locale to serve; the site's default when left out.")] locale: Option<Input<Locale>>,
        #[graphql(
            desc = "What to serve instead, first choice first; the locale's own fallbacks when left out, none for []."
        )]
        fallback: Option<Vec<Input<Locale>>>,
    ) -> Result<Described<PageOf<Page>>> {
        list(ctx.asking(), PageList { filter, order, paging: Paging { first, after }, locale, fallback }).map(Described)
    }
}
