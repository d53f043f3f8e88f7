//! Countries as front ends read them.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use entities::{CountryCode, Locale};
use uuid::Uuid;

use crate::{
    error::Result,
    figures::{
        Published, published,
        region::{Place, graphql::Region},
    },
    graphql::{Asking, ContextExt, Input, NameLocale, Output, Root, ScalarRef, localized_id, object},
    locale::Preference,
};

/// A country or area.
pub struct Country {
    published: Arc<Published>,
    index: usize,
    preference: Preference,
}

impl Country {
    /// The country at `index`.
    pub fn serve(published: &Arc<Published>, index: usize, preference: &Preference) -> Self {
        Self { published: Arc::clone(published), index, preference: preference.clone() }
    }

    /// The country with this document, if there is one.
    pub fn find(published: &Arc<Published>, document: Uuid, preference: &Preference) -> Option<Self> {
        let index = published.countries.iter().position(|country| country.id == document)?;
        Some(Self::serve(published, index, preference))
    }

    fn country(&self) -> &published::Country {
        &self.published.countries[self.index]
    }
}

object! {
[
/// A country or area.
#[Object]
]
impl Country {
    /// Its global id, another one for each choice of `locale`, `fallback` and `asOf`: `node` finds the country in the same
    /// language, as it was.
    pub fn id(&self) -> ID {
        localized_id("Country", self.country().id, &self.preference)
    }

    /// Its code.
    fn code(&self) -> ScalarRef<'_, CountryCode> {
        ScalarRef(&self.country().code)
    }

    /// What the publisher calls it; null when it has no name in the locale asked for or its fallbacks.
    fn name(&self) -> Option<&str> {
        self.preference.pick(&self.country().names).map(|(_, name)| name.as_str())
    }

    /// The region of the world that it lies in; null for Antarctica and for `ZZ`, which lie in none.
    fn region(&self) -> Option<Region> {
        Place::of(&self.country().code).map(|place| Region::new(place.region, &self.preference))
    }

    /// The sub-region that it lies in; null where there is no region.
    fn sub_region(&self) -> Option<Region> {
        Place::of(&self.country().code).map(|place| Region::new(place.sub_region, &self.preference))
    }
}
flatten fn locale(&self) -> NameLocale {
    NameLocale::new(&self.preference, &self.country().names)
}
}

/// `countries`, without the engine.
pub const COUNTRIES: Root = Root {
    name: "countries",
    shape: Country::SHAPE,
    write: |asking, arguments, plan, out| {
        out.list(list(asking, arguments.get("locale")?, arguments.get("fallback")?)?, plan);
        Ok(())
    },
};

fn list(asking: &Asking, locale: Option<Input<Locale>>, fallback: Option<Vec<Input<Locale>>>) -> Result<Vec<Country>> {
    let (published, preference) = (asking.figures(), asking.preference(locale, fallback)?);
    let all = 0..published.countries.len();
    Ok(all.map(|index| Country::serve(&published, index, &preference)).collect())
}

/// Queries about countries.
#[derive(Default)]
pub struct CountryQuery;

#[Object]
impl CountryQuery {
    /// All countries that figures are broken down by, in the publisher's order.
    async fn countries(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The locale to serve; the site's default when left out.")] locale: Option<Input<Locale>>,
        #[graphql(
            desc = "What to serve instead, first choice first; the locale's own fallbacks when left out, none for []."
        )]
        fallback: Option<Vec<Input<Locale>>>,
    ) -> Result<Vec<Country>> {
        list(ctx.asking(), locale, fallback)
    }
}
