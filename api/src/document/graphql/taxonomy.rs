//! Writing the names of countries and of categories of visits.

use async_graphql::{Context, InputObject, MaybeUndefined, Object};
use entities::{CategoryCode, CountryCode, Line, Locale, Localized, Position, Prose, Rule, Version};

use super::{
    DocumentPayload,
    input::{Save, Target, save},
};
use crate::{
    error::Result,
    figures::{
        category::{Category, Label},
        country::Country,
    },
    graphql::{Faults, Input, LocalizedTextInput, Mutated},
};

/// What is to change of a country or area. What is left out stays as it is.
#[derive(InputObject)]
pub struct CountrySaveInput {
    /// Its code after ISO 3166-1 alpha-2.
    code: Input<CountryCode>,
    /// The version that the change is based on; 0 for a country that is not listed yet.
    expected_version: Input<Version>,
    /// Its place in the tenant's order, lowest first; 0 when left out of a new one.
    position: MaybeUndefined<Input<Position>>,
    /// Its names, all of them. Needed for a new one.
    names: MaybeUndefined<Vec<LocalizedTextInput>>,
    /// Why, in your words.
    reason: Option<Input<Line>>,
}

/// What is to change of a category of visits. What is left out stays as it is.
#[derive(InputObject)]
pub struct CategorySaveInput {
    /// Its code.
    code: Input<CategoryCode>,
    /// The version that the change is based on; 0 for a category that does not exist yet.
    expected_version: Input<Version>,
    /// Its place in the tenant's order, lowest first; 0 when left out of a new one.
    position: MaybeUndefined<Input<Position>>,
    /// Its names and what they cover, all of them. Needed for a new one.
    labels: MaybeUndefined<Vec<CategoryLabelInput>>,
    /// Why, in your words.
    reason: Option<Input<Line>>,
}

/// What a category is called in one locale.
#[derive(Clone, InputObject)]
pub struct CategoryLabelInput {
    /// The locale.
    locale: Input<Locale>,
    /// The name.
    name: Input<Line>,
    /// What it covers.
    description: Option<Input<Prose>>,
}

fn labels(faults: &mut Faults, inputs: Vec<CategoryLabelInput>) -> Localized<Label> {
    let mut labels = Localized::new();
    for (index, input) in inputs.into_iter().enumerate() {
        let index = index.to_string();
        let at = |field| ["labels", index.as_str(), field];
        let locale = faults.take(&at("locale"), input.locale);
        let name = faults.take(&at("name"), input.name);
        let description = input.description.and_then(|description| faults.take(&at("description"), description));
        if let (Some(locale), Some(name)) = (locale, name)
            && labels.insert(locale, Label { name, description }).is_some()
        {
            faults.push(&at("locale"), Rule::Duplicate);
        }
    }
    labels
}

/// Mutations of countries and categories.
#[derive(Default)]
pub struct TaxonomyMutation;

#[Object]
impl TaxonomyMutation {
    /// Writes a country or area with its names, as a draft.
    async fn country_save(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to write.")] input: CountrySaveInput,
    ) -> Result<Mutated<DocumentPayload>> {
        let basis = Save { expected: input.expected_version, reason: input.reason };
        let mut faults = Faults::default();
        let code = faults.take(&["code"], input.code);
        let key = code.as_ref().map(ToString::to_string);
        let target = move |all: &mut Faults| {
            all.append(faults);
            Target::Key(key)
        };
        save(ctx, "countrySave", basis, target, |country: Option<Country>, faults| {
            let (position, names) = country.map_or_else(Default::default, |known| (known.position, known.names));
            let position = faults.take_required(&["position"], input.position, Some(position));
            let names = faults.take_texts(&["names"], input.names, names);
            Some(Country { code: code?, position: position?, names })
        })
        .await
    }

    /// Writes a category of visits with its names, as a draft.
    async fn category_save(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to write.")] input: CategorySaveInput,
    ) -> Result<Mutated<DocumentPayload>> {
        let basis = Save { expected: input.expected_version, reason: input.reason };
        let mut faults = Faults::default();
        let code = faults.take(&["code"], input.code);
        let key = code.as_ref().map(ToString::to_string);
        let target = move |all: &mut Faults| {
            all.append(faults);
            Target::Key(key)
        };
        save(ctx, "categorySave", basis, target, |category: Option<Category>, faults| {
            let (position, known) = category.map_or_else(Default::default, |known| (known.position, known.labels));
            let position = faults.take_required(&["position"], input.position, Some(position));
            let labels = match input.labels {
                MaybeUndefined::Undefined => known,
                MaybeUndefined::Null => Localized::new(),
                MaybeUndefined::Value(inputs) => labels(faults, inputs),
            };
            Some(Category { code: code?, position: position?, labels })
        })
        .await
    }
}
