//! Drafts on top of what is published, in memory: the state that the public would see if a draft were published now.
//!
//! Nothing is read or written here. What a draft replaces leaves the state, and what takes its place comes in by the same
//! way as what is published ([`Published::replace`]).

use std::collections::{BTreeSet, HashSet};

use chrono::{DateTime, Utc};
use entities::{Locale, Rule, Slug, Version};
use uuid::Uuid;

use super::{body::BodyKey, list::Lists, page, published, published::Published, site, staff};
use crate::{
    error::Fault,
    locale::{SiteLocale, SiteLocales},
};

/// How many entries the orders of pages of one such state have together, at most. There are many such states.
const MAX_LIST_ENTRIES: usize = 20_000;

impl Published {
    /// The same state, to put drafts on: the orders of pages that it is asked for are its own, and few.
    #[must_use]
    pub fn for_drafts(&self) -> Self {
        let mut next = self.clone();
        next.lists = Lists::limited_to(MAX_LIST_ENTRIES);
        next
    }

    /// Whether the page or the staff record with this document is public.
    #[must_use]
    pub fn has(&self, document: Uuid) -> bool {
        self.page(document).is_some() || self.staff_member(document).is_some()
    }

    /// With this draft of a page. `former_slugs` are those that lead to a page that is not public. A page that stands below
    /// one that is not public stands at the top.
    ///
    /// # Errors
    /// The fault that keeps the draft from being published beside everything else.
    pub fn with_page(&self, id: Uuid, draft: &page::Page, former_slugs: BTreeSet<Slug>) -> Result<Self, Fault> {
        if self.page_by_slug(&draft.slug).is_some_and(|holder| holder.id != id) {
            return Err(Fault::new(["slug"], Rule::StillHeld));
        }
        let former = self.page_by_former_slug(&draft.slug).filter(|former| former.id != id);
        if former.is_some() && !draft.replaces_redirect {
            return Err(Fault::new(["slug"], Rule::Reserved));
        }
        let parent = draft.parent.filter(|parent| self.page(*parent).is_some());
        let mut seen = HashSet::from([id]);
        let mut above = parent;
        while let Some(page) = above {
            if !seen.insert(page) {
                return Err(Fault::new(["parentId"], Rule::ParentLoop));
            }
            above = self.page(page).and_then(|page| page.parent);
        }
        let live = self.page(id);
        let mut former_slugs = live.map_or(former_slugs, |live| live.former_slugs.iter().cloned().collect());
        former_slugs.extend(live.map(|live| live.slug.clone()));
        former_slugs.remove(&draft.slug);
        let page = published::Page {
            id,
            slug: draft.slug.clone(),
            parent,
            position: draft.position,
            texts: live.map(|live| live.texts.clone()).unwrap_or_default(),
            former_slugs: former_slugs.into_iter().collect(),
        };
        Ok(self.replace(&BTreeSet::from([id]), vec![page]))
    }

    /// With this draft of the text of a page that is public, published at `now`.
    ///
    /// # Errors
    /// The fault that keeps the draft from being published beside everything else.
    pub fn with_page_text(
        &self,
        id: Uuid,
        version: Version,
        draft: &page::PageText,
        now: DateTime<Utc>,
    ) -> Result<Self, Fault> {
        let page = self.page(draft.page).ok_or_else(|| Fault::new(["pageId"], Rule::NotPublished))?;
        self.offered(&draft.locale)?;
        let text = published::PageText {
            locale: draft.locale.clone(),
            title: draft.title.to_string(),
            summary: draft.summary.as_ref().map(ToString::to_string),
            description: draft.description.as_ref().map(ToString::to_string),
            signature: draft.signature.as_ref().map(ToString::to_string),
            body: BodyKey { document: id, version },
            published_at: now,
        };
        let mut page = published::Page::clone(page);
        page.texts.insert(draft.locale.clone(), text.into());
        Ok(self.replace(&BTreeSet::from([page.id]), vec![page]))
    }

    /// With this draft of a staff record.
    ///
    /// # Errors
    /// The fault that keeps the draft from being published beside everything else.
    pub fn with_staff_member(&self, id: Uuid, draft: &staff::StaffMember) -> Result<Self, Fault> {
        if self.staff().any(|member| member.slug == draft.slug && member.id != id) {
            return Err(Fault::new(["slug"], Rule::Taken));
        }
        let member = published::StaffMember {
            id,
            slug: draft.slug.clone(),
            position: draft.position,
            email: draft.email.clone(),
            telephone: draft.telephone.as_ref().map(ToString::to_string),
            texts: self.staff_member(id).map(|live| live.texts.clone()).unwrap_or_default(),
        };
        Ok(self.replace_staff(&BTreeSet::from([id]), vec![member]))
    }

    /// With this draft of the text of a staff record that is public.
    ///
    /// # Errors
    /// The fault that keeps the draft from being published beside everything else.
    pub fn with_staff_text(&self, draft: &staff::StaffText) -> Result<Self, Fault> {
        let member = self.staff_member(draft.staff).ok_or_else(|| Fault::new(["staffId"], Rule::NotPublished))?;
        self.offered(&draft.locale)?;
        let text = published::StaffText {
            locale: draft.locale.clone(),
            name: draft.name.to_string(),
            role: draft.role.to_string(),
            degree: draft.degree.as_ref().map(ToString::to_string),
            field: draft.field.as_ref().map(ToString::to_string),
        };
        let mut member = published::StaffMember::clone(member);
        member.texts.insert(draft.locale.clone(), text.into());
        Ok(self.replace_staff(&BTreeSet::from([member.id]), vec![member]))
    }

    /// With this draft of the site's settings. What they say of small counts is not for here to apply.
    ///
    /// # Errors
    /// The fault that keeps the draft from being published beside everything else.
    pub fn with_site(&self, id: Uuid, draft: &site::Site) -> Result<Self, Fault> {
        let locale = |locale: &site::OfferedLocale| SiteLocale {
            code: locale.code.clone(),
            name: locale.name.to_string(),
            direction: locale.direction,
            fallback: locale.fallback.clone(),
        };
        let site = published::Site {
            id,
            name: draft.name.iter().map(|(locale, name)| (locale.clone(), name.to_string())).collect(),
            locales: SiteLocales {
                default: draft.default_locale.clone(),
                all: draft.locales.iter().map(locale).collect(),
            },
        };
        let mut next = self.clone();
        next.site = site.into();
        next.offers(self.pages().flat_map(|page| page.texts.keys()))?;
        next.offers(self.staff().flat_map(|member| member.texts.keys()))?;
        Ok(next)
    }

    /// Nothing, if the site offers all of these.
    ///
    /// # Errors
    /// The fault of the first locale that it does not offer.
    pub fn offers<'a>(&self, mut used: impl Iterator<Item = &'a Locale>) -> Result<(), Fault> {
        let offered: HashSet<&Locale> = self.site.locales.all.iter().map(|offered| &offered.code).collect();
        let missing = used.find(|locale| !offered.contains(locale));
        missing.map_or(Ok(()), |locale| Err(Fault::new(["locales", locale.as_str()], Rule::InUse)))
    }

    fn offered(&self, locale: &Locale) -> Result<(), Fault> {
        let is_offered = self.site.locales.all.iter().any(|offered| offered.code == *locale);
        if is_offered { Ok(()) } else { Err(Fault::new(["locale"], Rule::Unknown)) }
    }
}
