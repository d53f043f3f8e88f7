//! Datasets in and out: the one place where the files of `seed` meet documents of every kind.
//!
//! Import goes through the same operations as an editor's work and leaves revisions, publications, one change and one
//! audit entry. It is one transaction: all of the dataset or nothing. It adds and changes; what a dataset does not
//! mention stays. Export writes what is published (`dataset/export.rs`).

mod export;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::DateTime;
use entities::{
    CategoryCode, DisclosurePolicy, DocumentKind, Locale, ReleaseKind, RevisionAction, Rule, Slug, Version, Year,
    document, site,
};
use sea_orm::EntityTrait;
use seed::Dataset;
use uuid::Uuid;

pub use export::export;

use crate::{
    access::Editor,
    content::{
        page::{Page, PageText, address},
        site::{OfferedLocale, Site},
        staff::{StaffMember, StaffText},
    },
    document::{Content, publish},
    editorial::{Edit, Kind, Release, revision},
    error::{Blocker, Error, Result},
    figures::{
        self,
        category::{Category, Label},
        country::Country,
        year_sheet::{self, Cell, Total, Withheld, YearSheet},
    },
    transaction::Transaction,
};

/// How many documents an import touched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// New documents.
    pub added: usize,
    /// Documents with a new revision.
    pub changed: usize,
    /// Documents that were as the dataset has them.
    pub unchanged: usize,
}

/// What an operator says of an import.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// Why; kept with every revision.
    pub reason: &'a str,
    /// Whether the dataset may bring a disclosure policy that keeps less from the public than the one in force.
    pub may_weaken_disclosure: bool,
}

/// Brings a dataset in and publishes it. Figures that were out already change as a revision for the reason given. An empty
/// database takes what an export wrote as it is; what is published into one that has documents must have no blockers, as when
/// an editor publishes it.
///
/// # Errors
/// [`Error::Invalid`] when the dataset does not fit what is there, such as a locale left out that is still in use, or a
/// weaker disclosure policy that the terms do not allow; [`Error::Blocked`].
pub async fn import(
    transaction: &mut Transaction,
    editor: &Editor,
    dataset: &Dataset,
    terms: Terms<'_>,
) -> Result<Imported> {
    let restoring = document::Entity::find().one(transaction.connection()).await?.is_none();
    let edit = Edit::new(transaction, editor);
    let mut import = Import { edit, terms, imported: Imported::default(), published: Vec::new() };
    import.all(dataset).await?;
    let blockers = if restoring { Vec::new() } else { import.blockers().await? };
    if blockers.is_empty() { Ok(import.imported) } else { Err(Error::Blocked(blockers)) }
}

/// Brings a dataset into a database that has no document yet; does nothing to any other.
///
/// # Errors
/// When the database cannot be written.
pub async fn seed(transaction: &mut Transaction, editor: &Editor, dataset: &Dataset) -> Result<bool> {
    if document::Entity::find().one(transaction.connection()).await?.is_some() {
        return Ok(false);
    }
    let terms = Terms { reason: "First dataset", may_weaken_disclosure: false };
    import(transaction, editor, dataset, terms).await?;
    Ok(true)
}

struct Import<'a> {
    edit: Edit<'a>,
    terms: Terms<'a>,
    imported: Imported,
    /// What was published, to be looked at once everything is.
    published: Vec<(Uuid, Content)>,
}

impl Import<'_> {
    /// What others refer to comes first: locales, parents, countries, categories.
    async fn all(&mut self, dataset: &Dataset) -> Result<()> {
        self.one(&site(&dataset.site, self.disclosure(&dataset.site).await?)).await?;
        let mut pages: HashMap<&Slug, Uuid> = HashMap::new();
        for page in parents_first(&dataset.pages) {
            let parent = page.parent.as_ref().map(|slug| known(&pages, slug)).transpose()?;
            let slug = page.slug.clone();
            let content = Page { slug, parent, position: page.position, replaces_redirect: false };
            let id = self.page(content, &page.former_slugs).await?;
            pages.insert(&page.slug, id);
            for (locale, text) in &page.texts {
                self.one(&page_text(id, locale, text)).await?;
            }
        }
        for member in &dataset.staff {
            let content = StaffMember {
                slug: member.slug.clone(),
                position: member.position,
                email: member.email.clone(),
                telephone: member.telephone.clone(),
            };
            let id = self.one(&content).await?;
            for (locale, text) in &member.texts {
                self.one(&staff_text(id, locale, text)).await?;
            }
        }
        for country in &dataset.countries {
            let (code, names) = (country.code.clone(), country.names.clone());
            self.one(&Country { code, position: country.position, names }).await?;
        }
        for category in &dataset.categories {
            let label = |label: &seed::CategoryLabel| Label {
                name: label.name.clone(),
                description: label.description.clone(),
            };
            let labels = category.labels.iter().map(|(locale, text)| (locale.clone(), label(text))).collect();
            self.one(&Category { code: category.code.clone(), position: category.position, labels }).await?;
        }
        self.sheets(dataset).await?;
        if let Some(metadata) = &dataset.fact_sheet {
            self.one(metadata).await?;
        }
        Ok(())
    }

    /// The disclosure policy that holds after the import: what the folder says, or the one in force if it says nothing.
    async fn disclosure(&self, site: &seed::Site) -> Result<DisclosurePolicy> {
        let live = site::Entity::find().one(self.edit.connection()).await?;
        let in_force =
            live.map(|live| DisclosurePolicy { method: live.disclosure_method, threshold: live.disclosure_threshold });
        let Some(in_force) = in_force else { return Ok(site.disclosure.unwrap_or_default()) };
        let wanted = site.disclosure.unwrap_or(in_force);
        if wanted.is_at_least_as_strict_as(in_force) || self.terms.may_weaken_disclosure {
            return Ok(wanted);
        }
        let current = format!("{} {}", in_force.method, in_force.threshold);
        Err(Error::invalid(["site.toml", "disclosure"], Rule::WeakerDisclosure { current }))
    }

    /// The year sheets, with what was withheld of them where the dataset comes from.
    async fn sheets(&mut self, dataset: &Dataset) -> Result<()> {
        let known = if dataset.withheld.is_empty() {
            None
        } else {
            // What this site withholds by itself already needs no word.
            Some(figures::Published::load(self.edit.connection(), DateTime::UNIX_EPOCH).await?.vintages)
        };
        let mut withheld = BTreeMap::new();
        for sheet in &dataset.withheld {
            let brought = Withheld { total: sheet.total, countries: sheet.countries.clone() };
            let key = (sheet.category.clone(), sheet.year);
            let own = known.as_ref().and_then(|known| known.withheld_of(&key));
            if !own.is_some_and(|own| own.covers(&brought)) {
                withheld.insert(key, brought);
            }
        }
        for mut sheet in year_sheets(dataset) {
            let brought = withheld.remove(&(sheet.category.clone(), sheet.year));
            let stored = self.stored_sheet(&sheet.key()).await?;
            sheet.withheld = stored.and_then(|(_, stored)| stored.withheld);
            if let Some(brought) = brought {
                sheet.withheld.get_or_insert_default().extend(&brought);
            }
            self.one(&sheet).await?;
        }
        // Sheets that were public once, and of which the dataset has no figures.
        for ((category, year), brought) in withheld {
            let stored = self.stored_sheet(&year_sheet::key(&category, year)).await?;
            let (is_published, mut sheet) = stored.unwrap_or_else(|| (false, YearSheet::empty(category, year)));
            sheet.withheld.get_or_insert_default().extend(&brought);
            if is_published {
                self.one(&sheet).await?;
            } else {
                self.draft(&sheet).await?;
            }
        }
        Ok(())
    }

    /// The sheet with this key, as it is published or else as it was saved last, and whether it is published.
    async fn stored_sheet(&self, key: &str) -> Result<Option<(bool, YearSheet)>> {
        let connection = self.edit.connection();
        let Some(document) = revision::find(connection, DocumentKind::YearSheet, key).await? else { return Ok(None) };
        let number = document.published_number.unwrap_or(document.version);
        let stored = revision::content(&revision::get(connection, document.id, number).await?)?;
        Ok(Some((document.published_number.is_some(), stored)))
    }

    /// Saves a document and publishes nothing, unless that is what was saved last.
    async fn draft<K: Kind + Into<Content>>(&mut self, content: &K) -> Result<()> {
        let found = revision::find(self.edit.connection(), K::KIND, &content.key()).await?;
        let expected = found.map_or(Version::NONE, |document| document.version);
        let base = self.edit.base(&content.key(), expected).await?;
        match base.content() {
            Some(known) if known == content => {
                self.imported.unchanged += 1;
                return Ok(());
            }
            Some(_) => self.imported.changed += 1,
            None => self.imported.added += 1,
        }
        let saved = self.edit.save(base, content, RevisionAction::Import, Some(self.terms.reason.to_owned())).await;
        saved.map(drop).map_err(|error| error.within(name(content)))
    }

    /// What may not stay as it is in what was published.
    async fn blockers(&self) -> Result<Vec<Blocker>> {
        let mut blockers = Vec::new();
        for (id, content) in &self.published {
            blockers.extend(publish::verify(self.edit.connection(), *id, content).await?);
        }
        Ok(blockers)
    }

    /// A page and the slugs that it had before. These are no part of its content, but public all the same: one that is
    /// new has its revision and publication with the reason, like every other change.
    async fn page(&mut self, mut content: Page, former_slugs: &BTreeSet<Slug>) -> Result<Uuid> {
        let connection = self.edit.connection();
        let mut known = BTreeSet::new();
        if let Some(document) = revision::find(connection, DocumentKind::Page, &content.key()).await? {
            let newest = revision::get(connection, document.id, document.version).await?;
            // No part of what is public.
            content.replaces_redirect = revision::content::<Page>(&newest)?.replaces_redirect;
            known = address::former_slugs(connection, document.id).await?;
        }
        let id = self.put(&content, !former_slugs.is_subset(&known)).await?;
        let redirected = address::redirect(self.edit.connection(), id, former_slugs).await;
        redirected.map_err(|error| error.within(name(&content)))?;
        Ok(id)
    }

    async fn one<K: Kind + Into<Content>>(&mut self, content: &K) -> Result<Uuid> {
        self.put(content, false).await
    }

    /// Saves and publishes a document, unless that is what is published already and there is no `more` to it.
    async fn put<K: Kind + Into<Content>>(&mut self, content: &K, more: bool) -> Result<Uuid> {
        let found = revision::find(self.edit.connection(), K::KIND, &content.key()).await?;
        let mut expected = Version::NONE;
        let mut kind = (K::KIND == DocumentKind::YearSheet).then_some(ReleaseKind::Release);
        if let Some(document) = found {
            expected = document.version;
            if let Some(number) = document.published_number {
                let published = revision::get(self.edit.connection(), document.id, number).await?;
                if !more && revision::content::<K>(&published)? == *content {
                    self.imported.unchanged += 1;
                    return Ok(document.id);
                }
                kind = kind.map(|_| ReleaseKind::Revision);
            }
            self.imported.changed += 1;
        } else {
            self.imported.added += 1;
        }
        let reason = Some(self.terms.reason.to_owned());
        // Faults name fields of one document; say of which.
        let base = self.edit.base(&content.key(), expected).await?;
        let saved = self.edit.save(base, content, RevisionAction::Import, reason.clone()).await;
        let saved = saved.map_err(|error| error.within(name(content)))?;
        let requirements = content.requirements(self.edit.connection(), saved.id).await?;
        if !requirements.is_empty() {
            return Err(Error::Invalid(requirements).within(name(content)));
        }
        self.edit.publish(&saved, content, None, Release { kind, reason }).await?;
        self.published.push((saved.id, content.clone().into()));
        Ok(saved.id)
    }
}

/// What a fault calls a document.
fn name<K: Kind>(content: &K) -> String {
    format!("{} {}", K::KIND.as_str(), content.key())
}

fn known(pages: &HashMap<&Slug, Uuid>, slug: &Slug) -> Result<Uuid> {
    pages.get(slug).copied().ok_or_else(|| Error::internal(format!("the dataset has no page {slug}")))
}

/// Every page after the page above it; `seed` has refused loops and unknown parents.
fn parents_first(pages: &[seed::Page]) -> Vec<&seed::Page> {
    let mut below: BTreeMap<Option<&Slug>, Vec<&seed::Page>> = BTreeMap::new();
    for page in pages {
        below.entry(page.parent.as_ref()).or_default().push(page);
    }
    let mut ordered = below.remove(&None).unwrap_or_default();
    let mut next = 0;
    while let Some(page) = ordered.get(next) {
        let children = below.remove(&Some(&page.slug)).unwrap_or_default();
        ordered.extend(children);
        next += 1;
    }
    ordered
}

fn site(site: &seed::Site, disclosure: DisclosurePolicy) -> Site {
    let locale = |locale: &seed::SiteLocale| OfferedLocale {
        code: locale.code.clone(),
        name: locale.name.clone(),
        direction: locale.direction,
        fallback: locale.fallback.clone(),
    };
    Site {
        default_locale: site.default_locale.clone(),
        name: site.name.clone(),
        locales: site.locales.iter().map(locale).collect(),
        required_locales: site.required_locales.clone(),
        disclosure,
    }
}

fn page_text(page: Uuid, locale: &Locale, text: &seed::PageText) -> PageText {
    PageText {
        page,
        locale: locale.clone(),
        title: text.title.clone(),
        summary: text.summary.clone(),
        description: text.description.clone(),
        signature: text.signature.clone(),
        body: text.body.clone(),
    }
}

fn staff_text(staff: Uuid, locale: &Locale, text: &seed::StaffText) -> StaffText {
    StaffText {
        staff,
        locale: locale.clone(),
        name: text.name.clone(),
        role: text.role.clone(),
        degree: text.degree.clone(),
        field: text.field.clone(),
    }
}

fn year_sheets(dataset: &Dataset) -> Vec<YearSheet> {
    let mut sheets: BTreeMap<(&CategoryCode, Year), YearSheet> = BTreeMap::new();
    for row in &dataset.visit_counts {
        let sheet =
            sheets.entry((&row.category, row.year)).or_insert_with(|| YearSheet::empty(row.category.clone(), row.year));
        let cell = Cell { observation: row.observation, note: row.note.clone() };
        sheet.counts.insert(row.country.clone(), cell);
    }
    for row in &dataset.yearly_totals {
        let sheet =
            sheets.entry((&row.category, row.year)).or_insert_with(|| YearSheet::empty(row.category.clone(), row.year));
        // Only what has a value is a total; `seed` has refused the rest.
        sheet.total = Total::new(row.value, row.flags, row.note.clone()).ok();
    }
    sheets.into_values().collect()
}
