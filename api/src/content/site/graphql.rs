//! The site and its locales.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use entities::Locale;

use crate::{
    delivery::snapshot::Snapshot,
    error::Result,
    graphql::{ContextExt, Input, NameLocale, Scalar, global_id},
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

/// A locale that the site offers.
#[derive(SimpleObject)]
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

impl SiteLocale {
    fn all(snapshot: &Snapshot) -> Vec<Self> {
        let locales = &snapshot.content.locales;
        let one = |locale: &crate::locale::SiteLocale| Self {
            code: Scalar(locale.code.clone()),
            name: locale.name.clone(),
            direction: locale.direction.into(),
            is_default: locale.code == locales.default,
            fallback: locale.fallback.iter().cloned().map(Scalar).collect(),
        };
        locales.all.iter().map(one).collect()
    }
}

/// The site.
pub struct Site {
    snapshot: Arc<Snapshot>,
    preference: Preference,
}

/// The site.
#[Object]
impl Site {
    /// Its global id.
    async fn id(&self) -> ID {
        global_id("Site", self.snapshot.content.site_id)
    }

    /// Its name; null when it has none in the locale asked for or its fallbacks.
    async fn name(&self) -> Option<&str> {
        self.preference.pick(&self.snapshot.content.site_name).map(|(_, name)| name.as_str())
    }

    #[graphql(flatten)]
    async fn locale(&self) -> NameLocale {
        NameLocale::new(&self.preference, &self.snapshot.content.site_name)
    }

    /// The locale that is served when none is asked for.
    async fn default_locale(&self) -> Scalar<Locale> {
        Scalar(self.snapshot.content.locales.default.clone())
    }

    /// The locales offered, in the order of the language menu.
    async fn locales(&self) -> Vec<SiteLocale> {
        SiteLocale::all(&self.snapshot)
    }
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
        Ok(Site { snapshot: ctx.snapshot(), preference: ctx.preference(locale, fallback)? })
    }

    /// The locales offered, in the order of the language menu.
    async fn locales(&self, ctx: &Context<'_>) -> Vec<SiteLocale> {
        SiteLocale::all(&ctx.snapshot())
    }
}
