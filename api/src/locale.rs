//! Which locale to serve. Every localised text goes through [`Preference`], so that fallback text is always labelled
//! and an absent or unpublished locale is never shown as itself.

use std::{collections::BTreeSet, sync::Arc};

use entities::{Locale, Localized, Rule, TextDirection, site, site_locale};
use sea_orm::{DatabaseTransaction, EntityTrait};

use crate::error::{Error, Fault, Result};

/// The most locales of a fallback list.
const MAX_FALLBACK: usize = 20;

/// A locale that the site offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteLocale {
    /// Its language tag.
    pub code: Locale,
    /// What it calls itself.
    pub name: String,
    /// The direction of its script.
    pub direction: TextDirection,
    /// What to serve when a text is missing, first choice first.
    pub fallback: Vec<Locale>,
}

/// The locales that the site offers, in the order of its language menu.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteLocales {
    /// Served when none is asked for.
    pub default: Locale,
    /// All of them.
    pub all: Vec<SiteLocale>,
}

impl SiteLocales {
    /// The preference that a request states; what it leaves out, the site's settings say.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a locale that the site does not have.
    pub fn preference(&self, locale: Option<Locale>, fallback: Option<Vec<Locale>>) -> Result<Preference> {
        let requested = locale.unwrap_or_else(|| self.default.clone());
        let known = |code: &Locale| self.all.iter().find(|offered| offered.code == *code);
        let offered = known(&requested).ok_or_else(|| Error::invalid(["locale"], Rule::Unknown))?;
        let fallback = match fallback {
            None => offered.fallback.clone(),
            Some(list) if list.len() > MAX_FALLBACK => {
                return Err(Error::invalid(["fallback"], Rule::TooMany { max: MAX_FALLBACK }));
            }
            Some(list) => list,
        };
        let unknown = fallback.iter().enumerate().filter(|(_, code)| known(code).is_none());
        let faults: Vec<Fault> =
            unknown.map(|(index, _)| Fault::new(["fallback".to_owned(), index.to_string()], Rule::Unknown)).collect();
        if faults.is_empty() { Ok(Preference(Arc::new((requested, fallback)))) } else { Err(Error::Invalid(faults)) }
    }
}

/// The locale that a reader asked for, and what they accept instead, first choice first.
#[derive(Clone, Debug)]
pub struct Preference(Arc<(Locale, Vec<Locale>)>);

impl Preference {
    /// The locale that was asked for.
    #[must_use]
    pub fn requested(&self) -> &Locale {
        &self.0.0
    }

    /// The text to serve, and the locale it is in.
    #[must_use]
    pub fn pick<'a, T>(&self, texts: &'a Localized<T>) -> Option<(&'a Locale, &'a T)> {
        std::iter::once(self.requested()).chain(&self.0.1).find_map(|locale| texts.get_key_value(locale))
    }

    /// The preference as text: two with the same text serve the same.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        std::iter::once(self.requested()).chain(&self.0.1).map(Locale::as_str).collect::<Vec<_>>().join(",")
    }
}

/// The locales that the site offers, as they stand in this transaction.
///
/// # Errors
/// When the database cannot be read.
pub async fn offered(transaction: &DatabaseTransaction) -> Result<BTreeSet<Locale>> {
    Ok(site_locale::Entity::find().all(transaction).await?.into_iter().map(|row| row.locale).collect())
}

/// A fault for each locale that the site requires, as it stands in this transaction, and that is not among those in which
/// a text is `published`.
///
/// # Errors
/// When the database cannot be read.
pub async fn missing(transaction: &DatabaseTransaction, published: &[Locale]) -> Result<Vec<Fault>> {
    let site = site::Entity::find().one(transaction).await?;
    let required: Option<Vec<Locale>> = site.map(|site| serde_json::from_value(site.required_locales)).transpose()?;
    let missing = required.unwrap_or_default().into_iter().filter(|locale| !published.contains(locale));
    let fault = |locale: Locale| Fault::new(["locale"], Rule::RequiredLocale { locale: locale.into() });
    Ok(missing.map(fault).collect())
}

/// A fault for each locale that is not among those offered, at `path` and the locale.
pub fn unknown<'a>(
    offered: &BTreeSet<Locale>,
    path: &[&str],
    locales: impl IntoIterator<Item = &'a Locale>,
) -> impl Iterator<Item = Fault> {
    let unknown = locales.into_iter().filter(|locale| !offered.contains(*locale));
    unknown.map(|locale| Fault::new(path.iter().copied().chain([locale.as_str()]), Rule::Unknown))
}
