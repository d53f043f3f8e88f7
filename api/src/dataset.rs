//! Datasets in and out: the one place where the files of `seed` meet documents of every kind.
//!
//! Import goes through the same operations as an editor's work and leaves revisions, publications, one change and one
//! audit entry. It is one transaction: all of the dataset or nothing. It adds and changes; what a dataset does not
//! mention stays. Export writes what is published.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use entities::{
    CategoryCode, CountryCode, DisclosurePolicy, DocumentKind, Locale, Localized, ReleaseKind, RevisionAction, Slug,
    Version, Year, category, category_name, country, country_name, document, fact_sheet_metadata, page, page_redirect,
    page_text, site, site_locale, staff, staff_text, visit_count, yearly_total,
};
use sea_orm::{DatabaseTransaction, EntityTrait, QueryOrder};
use seed::Dataset;
use uuid::Uuid;

use crate::{
    access::Editor,
    content::{
        page::{self as content_page, Page, PageText},
        site::{OfferedLocale, Site},
        staff::{StaffMember, StaffText},
    },
    database::Database,
    document::{Content, publish},
    editorial::{Edit, Kind, Release, revision},
    error::{Blocker, Error, Result},
    figures::{
        category::{Category, Label},
        country::Country,
        year_sheet::{Cell, Total, YearSheet},
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

/// Brings a dataset in and publishes it. `reason` is kept with every revision; figures that were out already change as a
/// revision for that reason. An empty database takes what an export wrote as it is; what is published into one that has
/// documents must have no blockers, as when an editor publishes it.
///
/// # Errors
/// [`Error::Invalid`] when the dataset does not fit what is there, such as a locale left out that is still in use;
/// [`Error::Blocked`].
pub async fn import(
    transaction: &mut Transaction,
    editor: &Editor,
    dataset: &Dataset,
    reason: &str,
) -> Result<Imported> {
    let restoring = document::Entity::find().one(transaction.connection()).await?.is_none();
    let edit = Edit::new(transaction, editor);
    let mut import = Import { edit, reason, imported: Imported::default(), published: Vec::new() };
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
    import(transaction, editor, dataset, "First dataset").await?;
    Ok(true)
}

struct Import<'a> {
    edit: Edit<'a>,
    reason: &'a str,
    imported: Imported,
    /// What was published, to be looked at once everything is.
    published: Vec<(Uuid, Content)>,
}

impl Import<'_> {
    /// What others refer to comes first: locales, parents, countries, categories.
    async fn all(&mut self, dataset: &Dataset) -> Result<()> {
        self.one(&site(&dataset.site)).await?;
        let mut pages: HashMap<&Slug, Uuid> = HashMap::new();
        for page in parents_first(&dataset.pages) {
            let parent = page.parent.as_ref().map(|slug| known(&pages, slug)).transpose()?;
            let content = Page { slug: page.slug.clone(), parent, position: page.position };
            let id = self.page(&content, &page.former_slugs).await?;
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
        for sheet in year_sheets(dataset) {
            self.one(&sheet).await?;
        }
        if let Some(metadata) = &dataset.fact_sheet {
            self.one(metadata).await?;
        }
        Ok(())
    }

    /// What may not stay as it is in what was published.
    async fn blockers(&self) -> Result<Vec<Blocker>> {
        let mut blockers = Vec::new();
        for (id, content) in &self.published {
            blockers.extend(publish::verify(&self.edit, *id, content).await?);
        }
        Ok(blockers)
    }

    /// A page and the slugs that it had before. These are no part of its content, but public all the same: one that is
    /// new has its revision and publication with the reason, like every other change.
    async fn page(&mut self, content: &Page, former_slugs: &BTreeSet<Slug>) -> Result<Uuid> {
        let connection = self.edit.connection();
        let known = match revision::find(connection, DocumentKind::Page, &content.key()).await? {
            Some(document) => content_page::former_slugs(connection, document.id).await?,
            None => BTreeSet::new(),
        };
        let id = self.put(content, !former_slugs.is_subset(&known)).await?;
        let redirected = content_page::redirect(self.edit.connection(), id, former_slugs).await;
        redirected.map_err(|error| error.within(name(content)))?;
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
        let reason = Some(self.reason.to_owned());
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

fn site(site: &seed::Site) -> Site {
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
        disclosure: site.disclosure,
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

/// Everything that is published, as a dataset.
///
/// # Errors
/// When the database cannot be read.
pub async fn export(database: &Database) -> Result<Dataset> {
    let transaction = database.begin_read().await?;
    let mut dataset = Dataset {
        site: export_site(&transaction).await?,
        pages: export_pages(&transaction).await?,
        staff: export_staff(&transaction).await?,
        countries: export_countries(&transaction).await?,
        categories: export_categories(&transaction).await?,
        visit_counts: Vec::new(),
        yearly_totals: Vec::new(),
        fact_sheet: export_metadata(&transaction).await?,
    };
    for row in visit_count::Entity::find().all(&transaction).await? {
        let cell = Cell::read(&row)?;
        dataset.visit_counts.push(seed::VisitCount {
            category: row.category,
            country: row.country,
            year: row.year,
            observation: cell.observation,
            note: cell.note,
        });
    }
    for row in yearly_total::Entity::find().all(&transaction).await? {
        let total = Total::read(&row)?;
        dataset.yearly_totals.push(seed::YearlyTotal {
            category: row.category,
            year: row.year,
            value: row.value,
            flags: total.observation().flags(),
            note: total.note,
        });
    }
    transaction.commit().await?;
    dataset.sort();
    Ok(dataset)
}

async fn export_metadata(transaction: &DatabaseTransaction) -> Result<Option<seed::FactSheetMetadata>> {
    let row = fact_sheet_metadata::Entity::find().one(transaction).await?;
    Ok(row.map(|row| serde_json::from_value(row.content)).transpose()?)
}

async fn export_site(transaction: &DatabaseTransaction) -> Result<seed::Site> {
    let site = site::Entity::find().one(transaction).await?.ok_or(Error::NotFound("the site"))?;
    let rows = site_locale::Entity::find().order_by_asc(site_locale::COLUMN.position).all(transaction).await?;
    let mut locales = Vec::with_capacity(rows.len());
    for row in rows {
        let fallback = serde_json::from_value(row.fallback)?;
        locales.push(seed::SiteLocale { code: row.locale, name: row.name, direction: row.direction, fallback });
    }
    Ok(seed::Site {
        default_locale: site.default_locale,
        name: serde_json::from_value(site.name)?,
        locales,
        required_locales: serde_json::from_value(site.required_locales)?,
        disclosure: DisclosurePolicy { method: site.disclosure_method, threshold: site.disclosure_threshold },
    })
}

async fn export_pages(transaction: &DatabaseTransaction) -> Result<Vec<seed::Page>> {
    let mut texts: HashMap<Uuid, Localized<seed::PageText>> = HashMap::new();
    for row in page_text::Entity::find().all(transaction).await? {
        let text = seed::PageText {
            title: row.title,
            summary: row.summary,
            description: row.description,
            signature: row.signature,
            body: row.body,
        };
        texts.entry(row.page_id).or_default().insert(row.locale, text);
    }
    let mut former_slugs: HashMap<Uuid, BTreeSet<Slug>> = HashMap::new();
    for row in page_redirect::Entity::find().all(transaction).await? {
        former_slugs.entry(row.page_id).or_default().insert(row.slug);
    }
    let rows = page::Entity::find().all(transaction).await?;
    let slugs: HashMap<Uuid, Slug> = rows.iter().map(|row| (row.document_id, row.slug.clone())).collect();
    let page = |row: page::Model| seed::Page {
        texts: texts.remove(&row.document_id).unwrap_or_default(),
        former_slugs: former_slugs.remove(&row.document_id).unwrap_or_default(),
        parent: row.parent_id.and_then(|parent| slugs.get(&parent).cloned()),
        slug: row.slug,
        position: row.position,
    };
    Ok(rows.into_iter().map(page).collect())
}

async fn export_staff(transaction: &DatabaseTransaction) -> Result<Vec<seed::StaffMember>> {
    let mut texts: HashMap<Uuid, Localized<seed::StaffText>> = HashMap::new();
    for row in staff_text::Entity::find().all(transaction).await? {
        let text = seed::StaffText { name: row.name, role: row.role, degree: row.degree, field: row.field };
        texts.entry(row.staff_id).or_default().insert(row.locale, text);
    }
    let rows = staff::Entity::find().all(transaction).await?;
    let member = |row: staff::Model| seed::StaffMember {
        texts: texts.remove(&row.document_id).unwrap_or_default(),
        slug: row.slug,
        position: row.position,
        email: row.email,
        telephone: row.telephone,
    };
    Ok(rows.into_iter().map(member).collect())
}

async fn export_countries(transaction: &DatabaseTransaction) -> Result<Vec<seed::Country>> {
    let mut names: HashMap<CountryCode, Localized<entities::Line>> = HashMap::new();
    for row in country_name::Entity::find().all(transaction).await? {
        names.entry(row.country).or_default().insert(row.locale, row.name);
    }
    let rows = country::Entity::find().all(transaction).await?;
    let country = |row: country::Model| seed::Country {
        names: names.remove(&row.code).unwrap_or_default(),
        code: row.code,
        position: row.position,
    };
    Ok(rows.into_iter().map(country).collect())
}

async fn export_categories(transaction: &DatabaseTransaction) -> Result<Vec<seed::Category>> {
    let mut labels: HashMap<CategoryCode, Localized<seed::CategoryLabel>> = HashMap::new();
    for row in category_name::Entity::find().all(transaction).await? {
        let label = seed::CategoryLabel { name: row.name, description: row.description };
        labels.entry(row.category).or_default().insert(row.locale, label);
    }
    let rows = category::Entity::find().all(transaction).await?;
    let category = |row: category::Model| seed::Category {
        labels: labels.remove(&row.code).unwrap_or_default(),
        code: row.code,
        position: row.position,
    };
    Ok(rows.into_iter().map(category).collect())
}
