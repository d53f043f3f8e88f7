//! Staff records as front ends read them.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use entities::{Email, Locale, Position, Slug};
use uuid::Uuid;

use crate::{
    content::published,
    delivery::reading::Reading,
    error::Result,
    graphql::{
        Asking, ContextExt, Input, Output, Root, Scalar, ScalarRef, TextLocale, current_preference, localized_id,
        object,
    },
    locale::Preference,
};

/// A member of the staff in one locale.
pub struct StaffMember {
    member: Arc<published::StaffMember>,
    text: Arc<published::StaffText>,
    preference: Preference,
}

impl StaffMember {
    /// The record, if it has a text that may be served.
    pub fn serve(member: &Arc<published::StaffMember>, preference: &Preference) -> Option<Self> {
        let (_, text) = preference.pick(&member.texts)?;
        Some(Self { member: Arc::clone(member), text: Arc::clone(text), preference: preference.clone() })
    }

    /// The record that has a global id, if it may be served.
    pub fn find(reading: &Arc<Reading>, id: Uuid, variant: &str) -> Option<Self> {
        Self::serve(reading.staff_member(id)?, &current_preference(reading, variant)?)
    }
}

object! {
[
/// A member of the staff in one locale.
#[Object]
]
impl StaffMember {
    /// Its global id, another one for each choice of `locale` and `fallback`: `node` finds the record in the same language.
    pub fn id(&self) -> ID {
        localized_id("StaffMember", self.member.id, &self.preference)
    }

    /// Its name in addresses, the same in every locale.
    fn slug(&self) -> ScalarRef<'_, Slug> {
        ScalarRef(&self.member.slug)
    }

    /// Its place in the list, lowest first.
    fn position(&self) -> Scalar<Position> {
        Scalar(self.member.position)
    }

    /// Where mail reaches the person.
    fn email(&self) -> Option<ScalarRef<'_, Email>> {
        self.member.email.as_ref().map(ScalarRef)
    }

    /// Where a call reaches the person.
    fn telephone(&self) -> Option<&str> {
        self.member.telephone.as_deref()
    }

    /// The person's name.
    fn name(&self) -> &str {
        &self.text.name
    }

    /// What the person is in the section.
    fn role(&self) -> &str {
        &self.text.role
    }

    /// Academic degree.
    fn degree(&self) -> Option<&str> {
        self.text.degree.as_deref()
    }

    /// Field of work.
    fn field(&self) -> Option<&str> {
        self.text.field.as_deref()
    }
}
flatten fn locale(&self) -> TextLocale {
    TextLocale::new(&self.preference, &self.text.locale)
}
}

/// `staff`, without the engine.
pub const STAFF: Root = Root {
    name: "staff",
    shape: StaffMember::SHAPE,
    write: |asking, arguments, plan, out| {
        out.list(list(asking, arguments.get("locale")?, arguments.get("fallback")?)?, plan);
        Ok(())
    },
};

fn list(
    asking: &Asking,
    locale: Option<Input<Locale>>,
    fallback: Option<Vec<Input<Locale>>>,
) -> Result<Vec<StaffMember>> {
    let preference = asking.preference(locale, fallback)?;
    Ok(asking.reading.staff().filter_map(|member| StaffMember::serve(member, &preference)).collect())
}

/// Queries about the staff.
#[derive(Default)]
pub struct StaffQuery;

#[Object]
impl StaffQuery {
    /// The staff that may be served in these locales, in their order.
    async fn staff(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The locale to serve; the site's default when left out.")] locale: Option<Input<Locale>>,
        #[graphql(
            desc = "What to serve instead, first choice first; the locale's own fallbacks when left out, none for []."
        )]
        fallback: Option<Vec<Input<Locale>>>,
    ) -> Result<Vec<StaffMember>> {
        list(ctx.asking(), locale, fallback)
    }
}
