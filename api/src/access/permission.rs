//! The one table of who may do what.
//!
//! A role is a set of capabilities; an action on a kind of document needs one capability; a translator's and a token's
//! capabilities may be narrowed to some locales. Nothing else in Almanac decides on a permission: the functions that
//! read drafts or write ask [`Grants`], which only [`Caller::editor`](super::Caller::editor) hands out.

use std::collections::BTreeSet;

use entities::{DocumentKind, Locale, Role};
use serde::{Deserialize, Serialize};

/// Something that an account or a token may be allowed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Capability {
    /// Read drafts, history and the work list.
    ReadDrafts,
    /// Write the texts of pages and staff records.
    WriteTexts,
    /// Write what all locales of a page or staff record share: slug, parent, order, contact.
    WriteContent,
    /// Publish, schedule, withdraw and archive pages and staff records.
    PublishContent,
    /// Write figures and the names of countries and categories.
    WriteFigures,
    /// Publish, schedule, withdraw and archive figures, countries and categories.
    PublishFigures,
    /// Change the site's settings, its locales included.
    ManageSite,
    /// Invite, change and shut out accounts, and hand out tokens.
    ManagePeople,
    /// Read the audit log.
    ReadAudit,
    /// Read figures before they are published, and those that the disclosure policy keeps from the public.
    ReadConfidential,
}

impl Capability {
    /// As it is sent and stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReadDrafts => "READ_DRAFTS",
            Self::WriteTexts => "WRITE_TEXTS",
            Self::WriteContent => "WRITE_CONTENT",
            Self::PublishContent => "PUBLISH_CONTENT",
            Self::WriteFigures => "WRITE_FIGURES",
            Self::PublishFigures => "PUBLISH_FIGURES",
            Self::ManageSite => "MANAGE_SITE",
            Self::ManagePeople => "MANAGE_PEOPLE",
            Self::ReadAudit => "READ_AUDIT",
            Self::ReadConfidential => "READ_CONFIDENTIAL",
        }
    }
}

use Capability::{
    ManagePeople, ManageSite, PublishContent, PublishFigures, ReadAudit, ReadConfidential, ReadDrafts, WriteContent,
    WriteFigures, WriteTexts,
};

/// What is done to a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Its drafts or its history are read.
    Read,
    /// A revision is added.
    Save,
    /// What the public sees of it changes, now or on a schedule, or it is archived or brought back.
    Publish,
}

/// What each role may do.
#[must_use]
pub const fn capabilities(role: Role) -> &'static [Capability] {
    match role {
        Role::Administrator => &[
            ReadDrafts,
            WriteTexts,
            WriteContent,
            PublishContent,
            WriteFigures,
            PublishFigures,
            ManageSite,
            ManagePeople,
            ReadAudit,
            ReadConfidential,
        ],
        Role::Editor => {
            &[ReadDrafts, WriteTexts, WriteContent, PublishContent, WriteFigures, PublishFigures, ReadConfidential]
        }
        // In their locales only.
        Role::Translator => &[ReadDrafts, WriteTexts],
        Role::Statistician => &[ReadDrafts, WriteFigures, PublishFigures, ReadConfidential],
        Role::Reader => &[ReadDrafts],
    }
}

/// What an action on a kind of document needs.
#[must_use]
pub const fn needed(action: Action, kind: DocumentKind) -> Capability {
    match (action, kind) {
        (Action::Read, DocumentKind::YearSheet) => ReadConfidential,
        (Action::Read, _) => ReadDrafts,
        (_, DocumentKind::Site) => ManageSite,
        (Action::Save, DocumentKind::PageText | DocumentKind::StaffText) => WriteTexts,
        (Action::Save, DocumentKind::Page | DocumentKind::StaffMember) => WriteContent,
        (
            Action::Save,
            DocumentKind::Country | DocumentKind::Category | DocumentKind::YearSheet | DocumentKind::FactSheetMetadata,
        ) => WriteFigures,
        (
            Action::Publish,
            DocumentKind::Page | DocumentKind::PageText | DocumentKind::StaffMember | DocumentKind::StaffText,
        ) => PublishContent,
        (
            Action::Publish,
            DocumentKind::Country | DocumentKind::Category | DocumentKind::YearSheet | DocumentKind::FactSheetMetadata,
        ) => PublishFigures,
    }
}

/// What somebody may do, right now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grants {
    capabilities: BTreeSet<Capability>,
    /// The locales in which they may write; none for all.
    locales: Option<BTreeSet<Locale>>,
}

impl Grants {
    /// What a role may do. `locales` count for translators only.
    #[must_use]
    pub fn of(role: Role, locales: Vec<Locale>) -> Self {
        let locales = (role == Role::Translator).then(|| locales.into_iter().collect());
        Self { capabilities: capabilities(role).iter().copied().collect(), locales }
    }

    /// What is left of these when they are narrowed to some capabilities and, if given, to some locales.
    #[must_use]
    pub fn narrowed(mut self, capabilities: &[Capability], locales: Option<Vec<Locale>>) -> Self {
        self.capabilities.retain(|capability| capabilities.contains(capability));
        if let Some(locales) = locales {
            let locales = locales.into_iter().collect();
            self.locales = Some(match self.locales {
                Some(own) => own.intersection(&locales).cloned().collect(),
                None => locales,
            });
        }
        self
    }

    /// What both these and the others allow.
    #[must_use]
    pub fn common(self, others: &Self) -> Self {
        let capabilities: Vec<Capability> = others.capabilities().collect();
        self.narrowed(&capabilities, others.locales.as_ref().map(|locales| locales.iter().cloned().collect()))
    }

    /// Whether they allow everything that the others allow: nobody hands out more than they have.
    #[must_use]
    pub fn cover(&self, others: &Self) -> bool {
        others.capabilities.is_subset(&self.capabilities)
            && match (&self.locales, &others.locales) {
                (None, _) => true,
                (Some(_), None) => false,
                (Some(own), Some(others)) => others.is_subset(own),
            }
    }

    /// Whether they include this.
    #[must_use]
    pub fn include(&self, capability: Capability) -> bool {
        self.capabilities.contains(&capability)
    }

    /// Whether they allow this action on a document of this kind; `locale` is the one that the document is in, if it is
    /// in one. Who may write in some locales only may write nothing that belongs to all of them. Who changes figures is
    /// told how they stand and what they sum to, and so must be allowed to read them.
    #[must_use]
    pub fn allow(&self, action: Action, kind: DocumentKind, locale: Option<&Locale>) -> bool {
        self.include(needed(action, kind))
            && (kind != DocumentKind::YearSheet || self.include(needed(Action::Read, kind)))
            && (action == Action::Read
                || self.locales.as_ref().is_none_or(|own| locale.is_some_and(|locale| own.contains(locale))))
    }

    /// Whether they allow this action on documents of this kind, in whatever locale.
    #[must_use]
    pub fn allow_somewhere(&self, action: Action, kind: DocumentKind) -> bool {
        match &self.locales {
            Some(locales) => locales.iter().any(|locale| self.allow(action, kind, Some(locale))),
            None => self.allow(action, kind, None),
        }
    }

    /// The capabilities, in the order of the table.
    pub fn capabilities(&self) -> impl Iterator<Item = Capability> {
        self.capabilities.iter().copied()
    }

    /// The locales in which they may write; none for all.
    #[must_use]
    pub const fn locales(&self) -> Option<&BTreeSet<Locale>> {
        self.locales.as_ref()
    }
}
