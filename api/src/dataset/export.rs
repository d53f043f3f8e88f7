//! Everything that is published, as a dataset, and what the disclosure policy withholds of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::DateTime;
use entities::{
    CategoryCode, CountryCode, DisclosurePolicy, DocumentKind, Localized, Slug, category, category_name, country,
    country_name, document, fact_sheet_metadata, page, page_redirect, page_text, site, site_locale, staff, staff_text,
    visit_count, yearly_total,
};
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder};
use seed::Dataset;
use uuid::Uuid;

use crate::{
    database::Database,
    editorial::revision,
    error::{Error, Result},
    figures::{
        self,
        vintage::SheetKey,
        year_sheet::{Cell, Total, Withheld, YearSheet},
    },
};

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
        withheld: export_withheld(&transaction).await?,
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

/// What is withheld of every sheet that was ever public, here or, as its draft remembers, where it came from. A figure of a
/// country that is not public by now is shown to nobody.
async fn export_withheld(transaction: &DatabaseTransaction) -> Result<Vec<seed::Withheld>> {
    let published = figures::Published::load(transaction, DateTime::UNIX_EPOCH).await?;
    let mut withheld: BTreeMap<SheetKey, Withheld> =
        published.vintages.withheld().map(|(key, withheld)| (key.clone(), withheld)).collect();
    let never_published = document::Entity::find()
        .filter(document::COLUMN.kind.eq(DocumentKind::YearSheet))
        .filter(document::COLUMN.published_number.is_null())
        .all(transaction)
        .await?;
    for row in never_published {
        let sheet: YearSheet = revision::content(&revision::get(transaction, row.id, row.version).await?)?;
        if let Some(known) = sheet.withheld {
            withheld.entry((sheet.category, sheet.year)).or_default().extend(&known);
        }
    }
    let is_known = |(category, _): &SheetKey| published.category(category).is_some();
    let sheet = |((category, year), Withheld { total, mut countries }): (SheetKey, Withheld)| {
        countries.retain(|country, _| published.country(country).is_some());
        seed::Withheld { category, year, total, countries }
    };
    Ok(withheld.into_iter().filter(|(key, _)| is_known(key)).map(sheet).collect())
}

async fn export_metadata(transaction: &DatabaseTransaction) -> Result<Option<seed::FactSheetMetadata>> {
    let row = fact_sheet_metadata::Entity::find().one(transaction).await?;
    Ok(row.map(|row| serde_json::from_value(row.content)).transpose()?)
}

async fn export_site(transaction: &DatabaseTransaction) -> Result<seed::Site> {
    let site = site::Entity::find().one(transaction).await?.ok_or(Error::not_found("the site"))?;
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
        disclosure: Some(DisclosurePolicy { method: site.disclosure_method, threshold: site.disclosure_threshold }),
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
