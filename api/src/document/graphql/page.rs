//! Writing pages: the part that all locales share, and a text per locale.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object};
use entities::{Line, Locale, Markdown, Position, Prose, Rule, Slug, Version};

use super::{
    DocumentPayload,
    input::{Save, Target, create, save},
};
use crate::{
    content::page::{self, Page, PageText},
    editorial::Edit,
    error::{Error, Result},
    graphql::{Faults, Input, Mutated, mutate},
};

/// A page to be.
#[derive(InputObject)]
pub struct PageCreateInput {
    /// Its name in addresses, the same in every locale.
    slug: Input<Slug>,
    /// The document of the page above it; none at the top.
    parent_id: Option<ID>,
    /// Its place among its siblings, lowest first; 0 when left out.
    position: Option<Input<Position>>,
    /// Whether the page may have the old address of another page. The redirect from there ends when this page is published.
    #[graphql(default)]
    replace_redirect: bool,
    /// Why, in your words.
    reason: Option<Input<Line>>,
}

/// What is to change of the part of a page that all locales share. What is left out stays as it is.
#[derive(InputObject)]
pub struct PageUpdateInput {
    /// The document of the page.
    id: ID,
    /// The version that the change is based on.
    expected_version: Input<Version>,
    /// A new name in addresses. Once it is published, the old one leads to it. It may be that of a published page whose draft
    /// has another name already; the two are then published together.
    slug: MaybeUndefined<Input<Slug>>,
    /// The document of the page above it; null for the top.
    parent_id: MaybeUndefined<ID>,
    /// Its place among its siblings.
    position: MaybeUndefined<Input<Position>>,
    /// Whether the page may have the old address of another page. The redirect from there ends when this page is published.
    /// When left out, true stays true as long as the slug stays.
    replace_redirect: Option<bool>,
    /// Why, in your words.
    reason: Option<Input<Line>>,
}

/// What is to change of a page in one locale. What is left out stays as it is.
#[derive(InputObject)]
pub struct PageTextSaveInput {
    /// The document of the page.
    page_id: ID,
    /// The locale.
    locale: Input<Locale>,
    /// The version that the change is based on; 0 for a text that does not exist yet.
    expected_version: Input<Version>,
    /// The heading. Needed for a new text.
    title: MaybeUndefined<Input<Line>>,
    /// What stands in lists; null for nothing.
    summary: MaybeUndefined<Input<Prose>>,
    /// What stands in search results; null for nothing.
    description: MaybeUndefined<Input<Line>>,
    /// Who signs, for a greeting; null for nobody.
    signature: MaybeUndefined<Input<Prose>>,
    /// The text in Markdown; empty when left out of a new text.
    body: MaybeUndefined<Input<Markdown>>,
    /// Why, in your words.
    reason: Option<Input<Line>>,
}

/// Mutations of pages.
#[derive(Default)]
pub struct PageMutation;

#[Object]
impl PageMutation {
    /// Creates a page as a draft, still without text.
    async fn page_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The page.")] input: PageCreateInput,
    ) -> Result<Mutated<DocumentPayload>> {
        mutate(ctx, "pageCreate", async move |transaction, editor| {
            let mut faults = Faults::default();
            let slug = faults.take(&["slug"], input.slug);
            let parent = input.parent_id.and_then(|id| faults.take_id(&["parentId"], &id));
            let position = input.position.and_then(|position| faults.take(&["position"], position));
            let reason = input.reason.and_then(|reason| faults.take(&["reason"], reason)).map(String::from);
            faults.into_result()?;
            let slug = slug.ok_or_else(|| Error::invalid(["slug"], Rule::Required))?;
            let position = position.unwrap_or_default();
            let page = Page { slug, parent, position, replaces_redirect: input.replace_redirect };
            create(&mut Edit::new(transaction, editor), &page, "slug", reason).await
        })
        .await
    }

    /// Renames or moves a page, as a draft. No locale counts as changed by that.
    async fn page_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: PageUpdateInput,
    ) -> Result<Mutated<DocumentPayload>> {
        let basis = Save { expected: input.expected_version, reason: input.reason };
        let target = move |faults: &mut Faults| Target::Id(faults.take_id(&["id"], &input.id));
        save(ctx, "pageUpdate", basis, target, |page: Option<Page>, faults| {
            let page = page?;
            let parent = match input.parent_id {
                MaybeUndefined::Undefined => page.parent,
                MaybeUndefined::Null => None,
                MaybeUndefined::Value(id) => faults.take_id(&["parentId"], &id),
            };
            let position = faults.take_required(&["position"], input.position, Some(page.position));
            let slug = faults.take_required(&["slug"], input.slug, Some(page.slug.clone()))?;
            let replaces_redirect = input.replace_redirect.unwrap_or(page.replaces_redirect && slug == page.slug);
            Some(Page { slug, parent, position: position?, replaces_redirect })
        })
        .await
    }

    /// Writes a page in one locale, as a draft. Touches neither other locales nor what they share.
    async fn page_text_save(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to write.")] input: PageTextSaveInput,
    ) -> Result<Mutated<DocumentPayload>> {
        let basis = Save { expected: input.expected_version, reason: input.reason };
        let mut faults = Faults::default();
        let page = faults.take_id(&["pageId"], &input.page_id);
        let locale = faults.take(&["locale"], input.locale);
        let key = page.zip(locale.as_ref()).map(|(page, locale)| page::key(page, locale));
        let target = move |all: &mut Faults| {
            all.append(faults);
            Target::Key(key)
        };
        save(ctx, "pageTextSave", basis, target, |text: Option<PageText>, faults| {
            let (title, summary, description, signature, body) = match text {
                Some(text) => (Some(text.title), text.summary, text.description, text.signature, Some(text.body)),
                None => (None, None, None, None, Some(Markdown::default())),
            };
            let title = faults.take_required(&["title"], input.title, title);
            let body = faults.take_required(&["body"], input.body, body);
            let summary = faults.take_optional(&["summary"], input.summary, summary);
            let description = faults.take_optional(&["description"], input.description, description);
            let signature = faults.take_optional(&["signature"], input.signature, signature);
            let (title, body) = (title?, body?);
            Some(PageText { page: page?, locale: locale?, title, summary, description, signature, body })
        })
        .await
    }
}
