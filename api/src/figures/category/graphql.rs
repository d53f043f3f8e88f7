//! Categories as front ends read them.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use entities::{CategoryCode, Locale};

use crate::{
    error::Result,
    figures::{Published, published},
    graphql::{ContextExt, Input, NameLocale, Scalar, global_id},
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

    fn category(&self) -> &published::Category {
        &self.published.categories[self.index]
    }

    fn label(&self) -> Option<&published::CategoryLabel> {
        self.preference.pick(&self.category().labels).map(|(_, label)| label)
    }
}

/// A category of visits.
#[Object]
impl Category {
    /// Its global id.
    pub async fn id(&self) -> ID {
        global_id("Category", self.category().id)
    }

    /// Its code.
    async fn code(&self) -> Scalar<CategoryCode> {
        Scalar(self.category().code.clone())
    }

    /// What it is called; null when it has no name in the locale asked for or its fallbacks.
    async fn name(&self) -> Option<&str> {
        self.label().map(|label| label.name.as_str())
    }

    /// What it covers.
    async fn description(&self) -> Option<&str> {
        self.label().and_then(|label| label.description.as_deref())
    }

    #[graphql(flatten)]
    async fn locale(&self) -> NameLocale {
        NameLocale::new(&self.preference, &self.category().labels)
    }
}

/// Queries about categories.
#[derive(Default)]
pub struct CategoryQuery;

#[Object]
impl CategoryQuery {
    /// All categories of visits, in the publisher's order.
    #[graphql(complexity = "5 * child_complexity + 1")]
    async fn categories(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The locale to serve; the site's default when left out.")] locale: Option<Input<Locale>>,
        #[graphql(
            desc = "What to serve instead, first choice first; the locale's own fallbacks when left out, none for []."
        )]
        fallback: Option<Vec<Input<Locale>>>,
    ) -> Result<Vec<Category>> {
        let (published, preference) = (ctx.figures(), ctx.preference(locale, fallback)?);
        let all = 0..published.categories.len();
        Ok(all.map(|index| Category::serve(&published, index, &preference)).collect())
    }
}
