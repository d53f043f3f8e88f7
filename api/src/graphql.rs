//! The GraphQL vocabulary that all rooms share: scalars, errors as data, connections, ids, and what a resolver may ask of
//! its request. Each noun's own types stand in the `graphql.rs` beside it; `schema.rs` puts them together.
//!
//! House rules: a nullable field that can fail is `Option<Result<T>>`, so that only it becomes null; input values are
//! [`Input`], so that every broken rule is reported and not only the first; objects are newtypes, never rows.

mod budget;
mod connection;
pub(crate) mod direct;
mod error;
mod faults;
mod mutation;
mod node;
mod place;
mod plan;
pub mod request;
mod scalar;
mod writer;

use std::sync::Arc;

use async_graphql::{Context, InputObject, SimpleObject};
use entities::{Language, Locale, Localized};

pub use budget::{Budget, CountValues, ENGINE_WEIGHT};
pub use connection::{DEFAULT_FIRST, Described, Listed, MAX_FIRST, PageOf, Paging, page_size, paginate};
pub use direct::{Member, Output, Shape, is_named};
pub(crate) use direct::{enums, object, record};
pub use error::{Expected, PublishBlocker, UserError, ValidationError, expected, language};
pub use faults::Faults;
pub use mutation::{Mutated, mutate, mutate_openly};
pub use node::{
    GlobalId, current_preference, global_id, is_of_earlier, localized_id, named, parse_global_id, variant_id,
};
pub use place::faults_in_input;
pub use plan::{Arguments, OperationPlan, Plan, Root, Unfit, switches};
pub use scalar::{At, Html, Input, Literal, Scalar, ScalarRef};
pub use writer::{BYTES_PER_POINT, Writer};

use crate::{
    access::{Caller, Editor},
    delivery::reading::Reading,
    error::Result,
    figures,
    idempotency::KeyedRequest,
    locale::Preference,
    state::State,
};

/// What the resolvers of one request share. One snapshot for the whole request, so that no answer mixes two states.
#[derive(Clone)]
pub struct RequestContext {
    /// Who asks.
    pub caller: Caller,
    /// What is asked.
    pub asking: Asking,
    /// The idempotency key, if the request bears one.
    pub idempotency: Option<KeyedRequest>,
    /// What the answer may take, where the engine makes it.
    pub budget: Arc<Budget>,
    /// The language in which the caller wants to be spoken to.
    pub language: Language,
}

/// What a query about published content is answered from. One state for the whole request, so that no answer mixes two.
#[derive(Clone)]
pub struct Asking {
    /// The state of the process.
    pub state: State,
    /// What is published, or previewed.
    pub reading: Arc<Reading>,
}

impl Asking {
    /// What is published of figures.
    #[must_use]
    pub fn figures(&self) -> Arc<figures::Published> {
        Arc::clone(self.reading.figures())
    }

    /// The locales that the arguments `locale` and `fallback` ask for.
    ///
    /// # Errors
    /// [`crate::error::Error::Invalid`] for what is no locale of the site.
    pub fn preference(
        &self,
        locale: Option<Input<Locale>>,
        fallback: Option<Vec<Input<Locale>>>,
    ) -> Result<Preference> {
        let mut faults = Faults::default();
        let locale = locale.and_then(|locale| faults.take(&["locale"], locale));
        let fallback = fallback.map(|list| faults.take_list(&["fallback"], list));
        faults.into_result()?;
        self.reading.site().locales.preference(locale, fallback)
    }
}

/// What a resolver may ask of its request.
pub trait ContextExt {
    /// The state of the process.
    fn state(&self) -> &State;
    /// What the resolvers of this request share.
    fn request(&self) -> &RequestContext;

    /// Who asks.
    fn caller(&self) -> &Caller {
        &self.request().caller
    }

    /// What is asked.
    fn asking(&self) -> &Asking {
        &self.request().asking
    }

    /// What is published of figures.
    fn figures(&self) -> Arc<figures::Published> {
        self.asking().figures()
    }

    /// The language of a message: that of the argument `locale`, else that of the request.
    fn language(&self, locale: Option<Input<Locale>>) -> Language {
        if locale.is_some() { language(locale) } else { self.request().language }
    }

    /// The capability to read drafts, as far as the caller has it. Mutations get theirs from [`mutate`].
    fn editor(&self) -> impl Future<Output = Result<Editor>> + Send;

    /// The locales that the arguments `locale` and `fallback` ask for.
    fn preference(&self, locale: Option<Input<Locale>>, fallback: Option<Vec<Input<Locale>>>) -> Result<Preference> {
        self.asking().preference(locale, fallback)
    }
}

impl ContextExt for Context<'_> {
    fn state(&self) -> &State {
        self.data_unchecked()
    }

    fn request(&self) -> &RequestContext {
        self.data_unchecked()
    }

    async fn editor(&self) -> Result<Editor> {
        self.caller().editor(self.state(), self.state().database().reader()).await
    }
}

record! {
[
/// Which locale was asked for, and which is served: flattened into every object that is served only with a text.
#[derive(SimpleObject)]
]
pub struct TextLocale {
    /// The locale that was asked for.
    requested_locale: Scalar<Locale>,
    /// The locale that the texts are in.
    served_locale: Scalar<Locale>,
    /// Whether the texts are in another locale than the one asked for.
    is_fallback: bool,
}
}

impl TextLocale {
    /// What to say of a text that is served in this locale.
    pub fn new(preference: &Preference, served: &Locale) -> Self {
        Self {
            requested_locale: Scalar(preference.requested().clone()),
            served_locale: Scalar(served.clone()),
            is_fallback: served != preference.requested(),
        }
    }
}

record! {
[
/// The same of an object that is served even when it has no name in any of the locales.
#[derive(SimpleObject)]
]
pub struct NameLocale {
    /// The locale that was asked for.
    requested_locale: Scalar<Locale>,
    /// The locale that the name is in; null without a name.
    served_locale: Option<Scalar<Locale>>,
    /// Whether the name is in another locale than the one asked for.
    is_fallback: bool,
}
}

impl NameLocale {
    /// What to say of a name out of these.
    pub fn new<T>(preference: &Preference, names: &Localized<T>) -> Self {
        let served = preference.pick(names).map(|(locale, _)| locale);
        Self {
            requested_locale: Scalar(preference.requested().clone()),
            served_locale: served.cloned().map(Scalar),
            is_fallback: served.is_some_and(|served| served != preference.requested()),
        }
    }
}

/// A text in one locale.
#[derive(SimpleObject, Clone)]
pub struct LocalizedText {
    /// The locale that the text is in.
    pub locale: Scalar<Locale>,
    /// The text.
    pub text: String,
}

impl LocalizedText {
    /// Every locale's text, for editors, who never see fallback.
    pub fn all<T: ToString>(texts: &Localized<T>) -> Vec<Self> {
        texts.iter().map(|(locale, text)| Self { locale: Scalar(locale.clone()), text: text.to_string() }).collect()
    }
}

/// A text in one locale, to be written.
#[derive(Clone, InputObject)]
pub struct LocalizedTextInput {
    /// The locale.
    pub locale: Input<Locale>,
    /// The text.
    pub text: String,
}
