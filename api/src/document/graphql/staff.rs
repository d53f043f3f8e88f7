//! Writing staff records: the part that all locales share, and a text per locale.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object};
use entities::{Email, Line, Locale, Position, Rule, Slug, Version};

use super::{
    DocumentPayload,
    input::{Save, Target, create, save},
};
use crate::{
    content::staff::{self, StaffMember, StaffText},
    editorial::Edit,
    error::{Error, Result},
    graphql::{Faults, Input, Mutated, mutate},
};

/// A staff record to be.
#[derive(InputObject)]
pub struct StaffMemberCreateInput {
    /// Its name in addresses, the same in every locale.
    slug: Input<Slug>,
    /// Its place in the list, lowest first; 0 when left out.
    position: Option<Input<Position>>,
    /// Where mail reaches the person.
    email: Option<Input<Email>>,
    /// Where a call reaches the person, as it is to be shown.
    telephone: Option<Input<Line>>,
    /// Why, in your words.
    reason: Option<Input<Line>>,
}

/// What is to change of the part of a staff record that all locales share. What is left out stays as it is.
#[derive(InputObject)]
pub struct StaffMemberUpdateInput {
    /// The document of the staff record.
    id: ID,
    /// The version that the change is based on.
    expected_version: Input<Version>,
    /// A new name in addresses.
    slug: MaybeUndefined<Input<Slug>>,
    /// Its place in the list.
    position: MaybeUndefined<Input<Position>>,
    /// Where mail reaches the person; null for nowhere.
    email: MaybeUndefined<Input<Email>>,
    /// Where a call reaches the person; null for nowhere.
    telephone: MaybeUndefined<Input<Line>>,
    /// Why, in your words.
    reason: Option<Input<Line>>,
}

/// What is to change of a staff record in one locale. What is left out stays as it is.
#[derive(InputObject)]
pub struct StaffTextSaveInput {
    /// The document of the staff record.
    staff_id: ID,
    /// The locale.
    locale: Input<Locale>,
    /// The version that the change is based on; 0 for a text that does not exist yet.
    expected_version: Input<Version>,
    /// The person's name. Needed for a new text.
    name: MaybeUndefined<Input<Line>>,
    /// What the person is in the section. Needed for a new text.
    role: MaybeUndefined<Input<Line>>,
    /// Academic degree; null for none.
    degree: MaybeUndefined<Input<Line>>,
    /// Field of work; null for none.
    field: MaybeUndefined<Input<Line>>,
    /// Why, in your words.
    reason: Option<Input<Line>>,
}

/// Mutations of staff records.
#[derive(Default)]
pub struct StaffMutation;

#[Object]
impl StaffMutation {
    /// Creates a staff record as a draft, still without text.
    async fn staff_member_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The staff record.")] input: StaffMemberCreateInput,
    ) -> Result<Mutated<DocumentPayload>> {
        mutate(ctx, "staffMemberCreate", async move |transaction, editor| {
            let mut faults = Faults::default();
            let slug = faults.take(&["slug"], input.slug);
            let position = input.position.and_then(|position| faults.take(&["position"], position));
            let email = input.email.and_then(|email| faults.take(&["email"], email));
            let telephone = input.telephone.and_then(|telephone| faults.take(&["telephone"], telephone));
            let reason = input.reason.and_then(|reason| faults.take(&["reason"], reason)).map(String::from);
            faults.into_result()?;
            let slug = slug.ok_or_else(|| Error::invalid(["slug"], Rule::Required))?;
            let member = StaffMember { slug, position: position.unwrap_or_default(), email, telephone };
            create(&mut Edit::new(transaction, editor), &member, "slug", reason).await
        })
        .await
    }

    /// Changes the part of a staff record that all locales share, as a draft. No locale counts as changed by that.
    async fn staff_member_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: StaffMemberUpdateInput,
    ) -> Result<Mutated<DocumentPayload>> {
        let basis = Save { expected: input.expected_version, reason: input.reason };
        let target = move |faults: &mut Faults| Target::Id(faults.take_id(&["id"], &input.id));
        save(ctx, "staffMemberUpdate", basis, target, |member: Option<StaffMember>, faults| {
            let member = member?;
            let slug = faults.take_required(&["slug"], input.slug, Some(member.slug));
            let position = faults.take_required(&["position"], input.position, Some(member.position));
            let email = faults.take_optional(&["email"], input.email, member.email);
            let telephone = faults.take_optional(&["telephone"], input.telephone, member.telephone);
            Some(StaffMember { slug: slug?, position: position?, email, telephone })
        })
        .await
    }

    /// Writes a staff record in one locale, as a draft. Touches neither other locales nor what they share.
    async fn staff_text_save(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to write.")] input: StaffTextSaveInput,
    ) -> Result<Mutated<DocumentPayload>> {
        let basis = Save { expected: input.expected_version, reason: input.reason };
        let mut faults = Faults::default();
        let member = faults.take_id(&["staffId"], &input.staff_id);
        let locale = faults.take(&["locale"], input.locale);
        let key = member.zip(locale.as_ref()).map(|(member, locale)| staff::key(member, locale));
        let target = move |all: &mut Faults| {
            all.append(faults);
            Target::Key(key)
        };
        save(ctx, "staffTextSave", basis, target, |text: Option<StaffText>, faults| {
            let (name, role, degree, field) = match text {
                Some(text) => (Some(text.name), Some(text.role), text.degree, text.field),
                None => (None, None, None, None),
            };
            let name = faults.take_required(&["name"], input.name, name);
            let role = faults.take_required(&["role"], input.role, role);
            let degree = faults.take_optional(&["degree"], input.degree, degree);
            let field = faults.take_optional(&["field"], input.field, field);
            Some(StaffText { staff: member?, locale: locale?, name: name?, role: role?, degree, field })
        })
        .await
    }
}
