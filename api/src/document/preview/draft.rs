//! A revision on top of what is published, in memory: what the public would see if it were published now. Reads that
//! revision and nothing else, writes nothing, and comes into the snapshot by the way on which published documents come.

use std::{collections::BTreeSet, sync::Arc};

use chrono::{DateTime, Utc};
use entities::{ActorKind, DocumentKind, ReleaseKind, Rule, Slug, Version, document, publication};
use sea_orm::ConnectionTrait;
use serde_json::Value;

use crate::{
    content::page,
    delivery::snapshot::Snapshot,
    document::{Content, publish},
    editorial::revision,
    error::{Error, Fault, Result},
    figures::{self, vintage::Changed, year_sheet::YearSheet},
};

/// One revision of a document, as it is stored.
#[derive(Clone)]
struct Seen {
    row: document::Model,
    version: Version,
    content: Content,
    stored: Value,
    /// The slugs that lead to a page, as far as they are known beside what is public.
    former_slugs: BTreeSet<Slug>,
}

impl Seen {
    async fn read(connection: &impl ConnectionTrait, row: document::Model, version: Version) -> Result<Self> {
        let stored = revision::get(connection, row.id, version).await?.content;
        let former_slugs = match row.kind {
            DocumentKind::Page => page::address::former_slugs(connection, row.id).await?,
            _ => BTreeSet::new(),
        };
        Ok(Self { content: Content::read(row.kind, stored.clone())?, row, version, stored, former_slugs })
    }

    /// The texts that come back with a page or staff record when it is published.
    async fn returning(connection: &impl ConnectionTrait, owner: &document::Model) -> Result<Vec<Self>> {
        let texts = publish::texts_that_return(connection, owner).await?;
        let seen = |(row, content): (document::Model, Content)| Self {
            version: row.version,
            row,
            content,
            stored: Value::Null,
            former_slugs: BTreeSet::new(),
        };
        Ok(texts.into_iter().map(seen).collect())
    }
}

/// What a preview shows.
pub(super) struct Draft {
    seen: Seen,
    /// What is shown before it: the page or staff record of a text, when that is not public, in its newest version, since a
    /// text needs its page; and the texts that publishing brings back with a page or staff record.
    before: Vec<Seen>,
}

impl Draft {
    /// Reads a revision; with that of its `owner`, if it has one that is not public.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(super) async fn read(
        connection: &impl ConnectionTrait,
        row: document::Model,
        version: Version,
        owner: Option<document::Model>,
    ) -> Result<Self> {
        let mut before = Vec::new();
        if let Some(owner) = owner {
            let (texts, newest) = (Seen::returning(connection, &owner).await?, owner.version);
            before.push(Seen::read(connection, owner, newest).await?);
            before.extend(texts);
        }
        let texts = Seen::returning(connection, &row).await?;
        let seen = Seen::read(connection, row, version).await?;
        if !texts.is_empty() {
            // They need it, and it stays as it is when it is shown again.
            before.push(seen.clone());
            before.extend(texts);
        }
        Ok(Self { seen, before })
    }

    /// The state that has this draft on top of what is published, as published at `now`.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it could not be published beside what is public.
    pub(super) fn on(&self, base: &Snapshot, now: DateTime<Utc>) -> Result<Snapshot> {
        let mut shown = base.showing(base.content.for_drafts(), Arc::clone(&base.figures));
        for seen in self.before.iter().chain([&self.seen]) {
            shown = show(&shown, seen, now)?;
        }
        Ok(shown)
    }
}

fn show(base: &Snapshot, seen: &Seen, now: DateTime<Utc>) -> Result<Snapshot> {
    let id = seen.row.id;
    let content = match &seen.content {
        Content::Site(site) => {
            let next = base.content.with_site(id, site);
            next.and_then(|next| offers_all_of(&next, &base.figures).map(|()| next))
        }
        Content::Page(page) => base.content.with_page(id, page, seen.former_slugs.clone()),
        Content::PageText(text) => base.content.with_page_text(id, seen.version, text, now),
        Content::StaffMember(member) => base.content.with_staff_member(id, member),
        Content::StaffText(text) => base.content.with_staff_text(text),
        Content::YearSheet(sheet) => refers_to_what_is_there(sheet, &base.figures).map(|()| base.content.clone()),
        Content::Country(_) | Content::Category(_) | Content::FactSheetMetadata(_) => Ok(base.content.clone()),
    };
    let content = content.map_err(|fault| Error::Invalid(vec![fault]))?;
    let figures = match seen.row.kind {
        DocumentKind::Country | DocumentKind::Category | DocumentKind::YearSheet | DocumentKind::FactSheetMetadata => {
            Arc::new(base.figures.with_draft(publication(base, seen, now), seen.stored.clone())?)
        }
        // The site among them: its policy on small counts is not in force before it is published.
        _ => Arc::clone(&base.figures),
    };
    Ok(base.showing(content, figures))
}

/// The publication that there would be.
fn publication(base: &Snapshot, seen: &Seen, now: DateTime<Utc>) -> Changed {
    let row = &seen.row;
    let is_release = row.kind == DocumentKind::YearSheet && row.published_number.is_none();
    let publication = publication::Model {
        document_id: row.id,
        change_seq: base.seq + 1,
        number: Some(seen.version),
        // Whether a change would be a revision or a correction is said when it is published.
        release_kind: is_release.then_some(ReleaseKind::Release),
        reason: None,
        actor_kind: ActorKind::Account,
        editor_id: None,
        published_at: now,
    };
    Changed { publication, kind: row.kind, key: row.key.clone() }
}

/// A category or a country may have been withdrawn since the sheet was saved.
fn refers_to_what_is_there(sheet: &YearSheet, figures: &figures::Published) -> Result<(), Fault> {
    if figures.category(&sheet.category).is_none() {
        return Err(Fault::new(["category"], Rule::Unknown));
    }
    let unknown = sheet.counts.keys().find(|country| figures.country(country).is_none());
    unknown.map_or(Ok(()), |code| Err(Fault::new(["counts", code.as_str(), "country"], Rule::Unknown)))
}

/// The site keeps the locales in which figures have names.
fn offers_all_of(content: &crate::content::Published, figures: &figures::Published) -> Result<(), Fault> {
    let countries = figures.countries.iter().flat_map(|country| country.names.keys());
    let categories = figures.categories.iter().flat_map(|category| category.labels.keys());
    content.offers(countries.chain(categories))
}
