//! Writing the site's settings.

use async_graphql::{Context, InputObject, MaybeUndefined, Object};
use entities::{Line, Locale, Rule, Threshold, Version};

use super::{
    DocumentPayload,
    input::{Save, Target, save},
};
use crate::{
    content::site::{OfferedLocale, Site, graphql::TextDirection},
    error::Result,
    figures::graphql::DisclosureMethod,
    graphql::{Faults, Input, LocalizedTextInput, Mutated},
};

/// The most locales of a site.
const MAX_LOCALES: usize = 100;

/// What is to change of the site's settings. What is left out stays as it is.
#[derive(InputObject)]
pub struct SiteSaveInput {
    /// The version that the change is based on.
    expected_version: Input<Version>,
    /// The site's name, in all locales.
    name: MaybeUndefined<Vec<LocalizedTextInput>>,
    /// The locale served when none is asked for.
    default_locale: MaybeUndefined<Input<Locale>>,
    /// The locales offered, all of them, in the order of the language menu.
    locales: MaybeUndefined<Vec<SiteLocaleInput>>,
    /// The locales in which a text must be public before it is in any other; null for none.
    required_locales: MaybeUndefined<Vec<Input<Locale>>>,
    /// What is done about counts so small that they could point to a person.
    disclosure: Option<DisclosurePolicyInput>,
    /// Why, in your words.
    reason: Option<Input<Line>>,
}

/// What is done about small counts.
#[derive(Clone, InputObject)]
pub struct DisclosurePolicyInput {
    /// What is done.
    method: DisclosureMethod,
    /// A count from 1 to just below this is small; for `ROUND`, the base. From 2 to 1000, for `SUPPRESS` and `MERGE` from 3.
    /// Kept when left out.
    threshold: Option<Input<Threshold>>,
}

/// A locale to offer.
#[derive(Clone, InputObject)]
pub struct SiteLocaleInput {
    /// Its language tag.
    code: Input<Locale>,
    /// What it calls itself.
    name: Input<Line>,
    /// The direction of its script.
    direction: TextDirection,
    /// What to serve when a text is missing, first choice first.
    #[graphql(default)]
    fallback: Vec<Input<Locale>>,
}

fn locales(faults: &mut Faults, inputs: Vec<SiteLocaleInput>) -> Vec<OfferedLocale> {
    if inputs.len() > MAX_LOCALES {
        faults.push(&["locales"], Rule::TooMany { max: MAX_LOCALES });
    }
    let mut locales = Vec::new();
    for (index, input) in inputs.into_iter().take(MAX_LOCALES).enumerate() {
        let index = index.to_string();
        let at = |field| ["locales", index.as_str(), field];
        let code = faults.take(&at("code"), input.code);
        let name = faults.take(&at("name"), input.name);
        let fallback = faults.take_list(&at("fallback"), input.fallback);
        if let (Some(code), Some(name)) = (code, name) {
            locales.push(OfferedLocale { code, name, direction: input.direction.into(), fallback });
        }
    }
    locales
}

/// Mutations of the site's settings.
#[derive(Default)]
pub struct SiteMutation;

#[Object]
impl SiteMutation {
    /// Changes the site's settings, as a draft: published, they take effect at once, without a restart.
    async fn site_save(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: SiteSaveInput,
    ) -> Result<Mutated<DocumentPayload>> {
        let basis = Save { expected: input.expected_version, reason: input.reason };
        let target = |_: &mut Faults| Target::Key(Some("site".to_owned()));
        save(ctx, "siteSave", basis, target, |site: Option<Site>, faults| {
            let site = site?;
            let name = faults.take_texts(&["name"], input.name, site.name);
            let default_locale =
                faults.take_required(&["defaultLocale"], input.default_locale, Some(site.default_locale));
            let locales = match input.locales {
                MaybeUndefined::Undefined => site.locales,
                MaybeUndefined::Null => {
                    faults.push(&["locales"], Rule::Required);
                    return None;
                }
                MaybeUndefined::Value(inputs) => locales(faults, inputs),
            };
            let required_locales = match input.required_locales {
                MaybeUndefined::Undefined => site.required_locales,
                MaybeUndefined::Null => Vec::new(),
                MaybeUndefined::Value(inputs) => faults.take_list(&["requiredLocales"], inputs),
            };
            let mut disclosure = site.disclosure;
            if let Some(policy) = input.disclosure {
                let threshold = policy.threshold;
                let threshold = threshold.and_then(|number| faults.take(&["disclosure", "threshold"], number));
                disclosure.method = policy.method.into();
                disclosure.threshold = threshold.unwrap_or(disclosure.threshold);
            }
            Some(Site { default_locale: default_locale?, name, locales, required_locales, disclosure })
        })
        .await
    }
}
