//! Staff records as front ends read them.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use entities::{Email, Locale, Slug};

use crate::{
    content::published,
    delivery::snapshot::Snapshot,
    error::Result,
    graphql::{ContextExt, Input, Scalar, TextLocale, global_id},
    locale::Preference,
};

/// A member of the staff in one locale.
pub struct StaffMember {
    snapshot: Arc<Snapshot>,
    index: usize,
    locale: Locale,
    preference: Preference,
}

impl StaffMember {
    /// The record at `index`, if it has a text that may be served.
    pub fn serve(snapshot: &Arc<Snapshot>, index: usize, preference: &Preference) -> Option<Self> {
        let member = snapshot.content.staff.get(index)?;
        let (locale, _) = preference.pick(&member.texts)?;
        Some(Self { snapshot: Arc::clone(snapshot), index, locale: locale.clone(), preference: preference.clone() })
    }

    fn member(&self) -> &published::StaffMember {
        &self.snapshot.content.staff[self.index]
    }

    fn text(&self) -> &published::StaffText {
        &self.member().texts[&self.locale]
    }
}

/// A member of the staff in one locale.
#[Object]
impl StaffMember {
    /// Its global id, the same in every locale.
    pub async fn id(&self) -> ID {
        global_id("StaffMember", self.member().id)
    }

    /// Its name in addresses, the same in every locale.
    async fn slug(&self) -> Scalar<Slug> {
        Scalar(self.member().slug.clone())
    }

    /// Its place in the list, lowest first.
    async fn position(&self) -> i32 {
        self.member().position.get()
    }

    /// Where mail reaches the person.
    async fn email(&self) -> Option<Scalar<Email>> {
        self.member().email.clone().map(Scalar)
    }

    /// Where a call reaches the person.
    async fn telephone(&self) -> Option<&str> {
        self.member().telephone.as_deref()
    }

    /// The person's name.
    async fn name(&self) -> &str {
        &self.text().name
    }

    /// What the person is in the section.
    async fn role(&self) -> &str {
        &self.text().role
    }

    /// Academic degree.
    async fn degree(&self) -> Option<&str> {
        self.text().degree.as_deref()
    }

    /// Field of work.
    async fn field(&self) -> Option<&str> {
        self.text().field.as_deref()
    }

    #[graphql(flatten)]
    async fn locale(&self) -> TextLocale {
        TextLocale::new(&self.preference, &self.locale)
    }
}

/// Queries about the staff.
#[derive(Default)]
pub struct StaffQuery;

#[Object]
impl StaffQuery {
    /// The staff that may be served in these locales, in their order.
    #[graphql(complexity = "10 * child_complexity + 1")]
    async fn staff(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The locale to serve; the site's default when left out.")] locale: Option<Input<Locale>>,
        #[graphql(
            desc = "What to serve instead, first choice first; the locale's own fallbacks when left out, none for []."
        )]
        fallback: Option<Vec<Input<Locale>>>,
    ) -> Result<Vec<StaffMember>> {
        let (snapshot, preference) = (ctx.snapshot(), ctx.preference(locale, fallback)?);
        let all = 0..snapshot.content.staff.len();
        Ok(all.filter_map(|index| StaffMember::serve(&snapshot, index, &preference)).collect())
    }
}
