//! Categories as front ends read them.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use entities::{CategoryCode, Locale};
use uuid::Uuid;

use crate::{
    error::Result,
    figures::{Published, published},
    graphql::{Asking, ContextExt, Input, NameLocale, Output, Root, ScalarRef, localized_id, object},
    locale::Preference,
};

/// A category of visits.
pub struct Category {
    published: Arc<Published>,
    index: usize,
    preference: Preference,
}

impl Category {
    /// The category at `index`.
    pub fn serve(published: &Arc<Published>, index: usize, preference: &Preference) -> Self {
        Self { published: Arc::clone(published), index, preference: preference.clone() }
    }

    /// The category with this document, if there is one.
    pub fn find(published: &Arc<Published>, document: Uuid, preference: &Preference) -> Option<Self> {
        let index = published.categories.iter().position(|category| category.id == document)?;
        Some(Self::serve(published, index, preference))
    }

    fn category(&self) -> &published::Category {
        &self.published.categories[self.index]
    }

    fn label(&self) -> Option<&published::CategoryLabel> {
        self.preference.pick(&self.category().labels).map(|(_, label)| label)
    }
}

object! {
[
/// A category of visits.
#[Object]
]
impl Category {
    /// Its global id, another one for each choice of `locale`, `fallback` and `asOf`: `node` finds the category in the same
    /// language, as it was.
    pub fn id(&self) -> ID {
        localized_id("Category", self.category().id, &self.preference)
    }

    /// Its code.
    fn code(&self) -> ScalarRef<'_, CategoryCode> {
        ScalarRef(&self.category().code)
    }

    /// What it is called; null when it has no name in the locale asked for or its fallbacks.
    fn name(&self) -> Option<&str> {
        self.label().map(|label| label.name.as_str())
    }

    /// What it covers.
    fn description(&self) -> Option<&str> {
        self.label().and_then(|label| label.description.as_deref())
    }
}
flatten fn locale(&self) -> NameLocale {
    NameLocale::new(&self.preference, &self.category().labels)
}
}

/// `categories`, without the engine.
pub const CATEGORIES: Root = Root {
    name: "categories",
    shape: Category::SHAPE,
    write: |asking, arguments, plan, out| {
        out.list(list(asking, arguments.get("locale")?, arguments.get("fallback")?)?, plan);
        Ok(())
    },
};

fn list(asking: &Asking, locale: Option<Input<Locale>>, fallback: Option<Vec<Input<Locale>>>) -> Result<Vec<Category>> {
    let (published, preference) = (asking.figures(), asking.preference(locale, fallback)?);
    let all = 0..published.categories.len();
    Ok(all.map(|index| Category::serve(&published, index, &preference)).collect())
}

/// Queries about categories.
#[derive(Default)]
pub struct CategoryQuery;

#[Object]
impl CategoryQuery {
    /// All categories of visits, in the publisher's order.
    async fn categories(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The locale to serve; the site's default when left out.")] locale: Option<Input<Locale>>,
        #[graphql(
            desc = "What to serve instead, first choice first; the locale's own fallbacks when left out, none for []."
        )]
        fallback: Option<Vec<Input<Locale>>>,
    ) -> Result<Vec<Category>> {
        list(ctx.asking(), locale, fallback)
    }
}
