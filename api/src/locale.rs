//! Which locale to serve. Every localised text goes through [`Preference`], so that fallback text is always labelled
//! and an absent or unpublished locale is never shown as itself.

use std::{collections::BTreeSet, sync::Arc};

use chrono::{DateTime, Utc};
use entities::{Locale, Localized, Moment, Rule, TextDirection, site, site_locale};
use sea_orm::{DatabaseTransaction, EntityTrait};

use crate::error::{Error, Fault, Result};

/// The most locales of a fallback list.
pub const MAX_FALLBACK: usize = 20;

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
        let text = match &fallback {
            None => requested.to_string(),
            Some(list) => format!("{requested}:{}", list.iter().map(Locale::as_str).collect::<Vec<_>>().join(",")),
        };
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
        if !faults.is_empty() {
            return Err(Error::Invalid(faults));
        }
        Ok(Preference(Arc::new(Wanted { requested, fallback, text })))
    }

    /// The preference that [`Preference::text`] told, with the moment in it; none if it is no such text, or names a locale
    /// that the site does not have.
    #[must_use]
    pub fn preference_of(&self, text: &str) -> Option<(Preference, Option<Moment>)> {
        let (locales, moment) = match text.split_once('@') {
            Some((locales, moment)) => (locales, Some(moment.parse::<Moment>().ok()?)),
            None => (text, None),
        };
        let (requested, fallback) = match locales.split_once(':') {
            Some((requested, "")) => (requested, Some(Vec::new())),
            Some((requested, list)) => {
                (requested, Some(list.split(',').map(str::parse).collect::<Result<_, _>>().ok()?))
            }
            None => (locales, None),
        };
        let mut preference = self.preference(Some(requested.parse().ok()?), fallback).ok()?;
        if let Some(moment) = moment {
            preference = preference.as_of(moment.get());
        }
        // What is written in another way is not what was told.
        (preference.text() == text).then_some((preference, moment))
    }
}

/// The locale that a reader asked for, and what they accept instead, first choice first.
#[derive(Clone, Debug)]
pub struct Preference(Arc<Wanted>);

#[derive(Debug)]
struct Wanted {
    requested: Locale,
    fallback: Vec<Locale>,
    text: String,
}

impl Preference {
    /// The locale that was asked for.
    #[must_use]
    pub fn requested(&self) -> &Locale {
        &self.0.requested
    }

    /// The text to serve, and the locale it is in.
    #[must_use]
    pub fn pick<'a, T>(&self, texts: &'a Localized<T>) -> Option<(&'a Locale, &'a T)> {
        std::iter::once(self.requested()).chain(&self.0.fallback).find_map(|locale| texts.get_key_value(locale))
    }

    /// The preference as it was stated, which is a part of the global ids of what is served by it: `en` with the site's own
    /// fallbacks, `en:ja,fr` with those of the request, and `@` and a moment where something earlier is served.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The same, for what was public at a moment.
    #[must_use]
    pub fn as_of(&self, moment: DateTime<Utc>) -> Self {
        let Wanted { requested, fallback, text } = self.0.as_ref();
        let text = format!("{text}@{}", Moment::nearest(moment));
        Self(Arc::new(Wanted { requested: requested.clone(), fallback: fallback.clone(), text }))
    }

    /// The locales as text: two with the same text serve the same. A locale counts where it stands first, so that a list
    /// cannot be stated in endlessly many ways.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut locales: Vec<&str> = Vec::new();
        for locale in std::iter::once(self.requested()).chain(&self.0.fallback).map(Locale::as_str) {
            if !locales.contains(&locale) {
                locales.push(locale);
            }
        }
        locales.join(",")
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
    let missing = required(transaction).await?.into_iter().filter(|locale| !published.contains(locale));
    let fault = |locale: Locale| Fault::new(["locale"], Rule::RequiredLocale { locale: locale.into() });
    Ok(missing.map(fault).collect())
}

/// The locales in which the site requires whatever is public, as it stands in this transaction.
///
/// # Errors
/// When the database cannot be read.
pub async fn required(transaction: &DatabaseTransaction) -> Result<Vec<Locale>> {
    let site = site::Entity::find().one(transaction).await?;
    let required: Option<Vec<Locale>> = site.map(|site| serde_json::from_value(site.required_locales)).transpose()?;
    Ok(required.unwrap_or_default())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fallback_that_is_stated_again_makes_no_other_list() {
        let locale = |code: &str| code.parse::<Locale>().expect("a locale");
        let offered = |code| SiteLocale {
            code: locale(code),
            name: code.to_owned(),
            direction: TextDirection::LeftToRight,
            fallback: Vec::new(),
        };
        let locales = SiteLocales { default: locale("ja"), all: vec![offered("ja"), offered("en")] };
        let fingerprint = |fallback: &[&str]| {
            let fallback = fallback.iter().map(|code| locale(code)).collect();
            locales.preference(None, Some(fallback)).expect("locales of the site").fingerprint()
        };
        assert_eq!(fingerprint(&["en"]), "ja,en");
        assert_eq!(fingerprint(&["ja", "en", "ja", "en", "en"]), "ja,en");
        assert_eq!(fingerprint(&["ja", "ja"]), fingerprint(&[]));
    }
}
