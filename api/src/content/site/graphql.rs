//! The site and its locales.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use entities::Locale;
use uuid::Uuid;

use crate::{
    content::published,
    delivery::reading::Reading,
    error::Result,
    graphql::{
        Asking, ContextExt, Input, NameLocale, Output, Root, Scalar, ScalarRef, current_preference, enums,
        localized_id, object, record,
    },
    locale::Preference,
};

/// The direction in which a script is written, as the `dir` attribute of HTML names it.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "entities::TextDirection")]
pub enum TextDirection {
    /// `ltr`
    LeftToRight,
    /// `rtl`
    RightToLeft,
}

enums!(TextDirection);

record! {
[
/// A locale that the site offers.
#[derive(SimpleObject)]
]
pub struct SiteLocale {
    /// Its language tag.
    code: Scalar<Locale>,
    /// What it calls itself, such as `日本語`.
    name: String,
    /// The direction of its script.
    direction: TextDirection,
    /// Whether it is served when no locale is asked for.
    is_default: bool,
    /// The locales that are served when a text is missing, first choice first.
    fallback: Vec<Scalar<Locale>>,
}
}

impl SiteLocale {
    fn all(site: &published::Site) -> Vec<Self> {
        let one = |locale: &crate::locale::SiteLocale| Self {
            code: Scalar(locale.code.clone()),
            name: locale.name.clone(),
            direction: locale.direction.into(),
            is_default: locale.code == site.locales.default,
            fallback: locale.fallback.iter().cloned().map(Scalar).collect(),
        };
        site.locales.all.iter().map(one).collect()
    }
}

/// The site.
pub struct Site {
    site: Arc<published::Site>,
    preference: Preference,
}

impl Site {
    /// The site, if it has this global id.
    pub fn find(reading: &Arc<Reading>, id: Uuid, variant: &str) -> Option<Self> {
        let (site, preference) = (Arc::clone(reading.site()), current_preference(reading, variant)?);
        (site.id == id).then_some(Self { site, preference })
    }
}

object! {
[
/// The site.
#[Object]
]
impl Site {
    /// Its global id, another one for each choice of `locale` and `fallback`: `node` finds the site in the same language.
    pub fn id(&self) -> ID {
        localized_id("Site", self.site.id, &self.preference)
    }

    /// Its name; null when it has none in the locale asked for or its fallbacks.
    fn name(&self) -> Option<&str> {
        self.preference.pick(&self.site.name).map(|(_, name)| name.as_str())
    }

    /// The locale that is served when none is asked for.
    fn default_locale(&self) -> ScalarRef<'_, Locale> {
        ScalarRef(&self.site.locales.default)
    }

    /// The locales offered, in the order of the language menu.
    fn locales(&self) -> Vec<SiteLocale> {
        SiteLocale::all(&self.site)
    }
}
flatten fn locale(&self) -> NameLocale {
    NameLocale::new(&self.preference, &self.site.name)
}
}

/// `site`, without the engine.
pub const SITE: Root = Root {
    name: "site",
    shape: Site::SHAPE,
    write: |asking, arguments, plan, out| {
        site(asking, arguments.get("locale")?, arguments.get("fallback")?)?.write(plan, out);
        Ok(())
    },
};

/// `locales`, without the engine.
pub const LOCALES: Root = Root {
    name: "locales",
    shape: SiteLocale::SHAPE,
    write: |asking, _, plan, out| {
        SiteLocale::all(asking.reading.site()).write(plan, out);
        Ok(())
    },
};

fn site(asking: &Asking, locale: Option<Input<Locale>>, fallback: Option<Vec<Input<Locale>>>) -> Result<Site> {
    let preference = asking.preference(locale, fallback)?;
    Ok(Site { site: Arc::clone(asking.reading.site()), preference })
}

/// Queries about the site.
#[derive(Default)]
pub struct SiteQuery;

#[Object]
impl SiteQuery {
    /// The site, with its name in the locale asked for.
    async fn site(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The locale to serve; the site's default when left out.")] locale: Option<Input<Locale>>,
        #[graphql(
            desc = "What to serve instead, first choice first; the locale's own fallbacks when left out, none for []."
        )]
        fallback: Option<Vec<Input<Locale>>>,
    ) -> Result<Site> {
        site(ctx.asking(), locale, fallback)
    }

    /// The locales offered, in the order of the language menu.
    async fn locales(&self, ctx: &Context<'_>) -> Vec<SiteLocale> {
        SiteLocale::all(ctx.asking().reading.site())
    }
}
