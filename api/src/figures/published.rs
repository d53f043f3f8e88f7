//! What is published of figures, in memory.

use std::collections::{BTreeMap, HashMap};

use entities::{
    CategoryCode, Count, CountryCode, Localized, Observation, Year, category, category_name, country, country_name,
    visit_count, yearly_total,
};
use sea_orm::{DatabaseTransaction, EntityTrait};
use uuid::Uuid;

use crate::error::{Error, Result};

/// Countries, categories and figures.
#[derive(Debug)]
pub struct Published {
    /// All countries in the tenant's order.
    pub countries: Vec<Country>,
    /// All categories in the tenant's order.
    pub categories: Vec<Category>,
    /// The figures of each category, in the order of `categories`.
    pub figures: Vec<Figures>,
    countries_by_code: HashMap<CountryCode, usize>,
    categories_by_code: HashMap<CategoryCode, usize>,
}

/// A country and its names.
#[derive(Debug)]
pub struct Country {
    /// Its document.
    pub id: Uuid,
    /// Its code.
    pub code: CountryCode,
    /// Its names.
    pub names: Localized<String>,
}

/// A category and its names.
#[derive(Debug)]
pub struct Category {
    /// Its document.
    pub id: Uuid,
    /// Its code.
    pub code: CategoryCode,
    /// Its names and what it covers.
    pub labels: Localized<CategoryLabel>,
}

/// What a category is called in one locale.
#[derive(Debug)]
pub struct CategoryLabel {
    /// The name.
    pub name: String,
    /// What it covers.
    pub description: Option<String>,
}

/// The figures of one category.
#[derive(Debug, Default)]
pub struct Figures {
    /// The totals as published.
    pub totals: BTreeMap<Year, PublishedTotal>,
    /// The counts of each country, by the index of the country.
    pub counts: BTreeMap<usize, BTreeMap<Year, PublishedCount>>,
}

/// A total as published.
#[derive(Debug)]
pub struct PublishedTotal {
    /// The total.
    pub value: Count,
    /// What a reader must know about it.
    pub note: Localized<String>,
}

/// A count as published.
#[derive(Debug)]
pub struct PublishedCount {
    /// The figure, or why there is none.
    pub observation: Observation,
    /// What a reader must know about it.
    pub note: Localized<String>,
}

impl Published {
    /// Reads the live tables.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn load(transaction: &DatabaseTransaction) -> Result<Self> {
        let countries = load_countries(transaction).await?;
        let categories = load_categories(transaction).await?;
        let countries_by_code: HashMap<_, _> =
            countries.iter().enumerate().map(|(index, country)| (country.code.clone(), index)).collect();
        let categories_by_code: HashMap<_, _> =
            categories.iter().enumerate().map(|(index, category)| (category.code.clone(), index)).collect();

        let mut figures: Vec<Figures> = categories.iter().map(|_| Figures::default()).collect();
        for row in yearly_total::Entity::find().all(transaction).await? {
            let total = PublishedTotal { value: row.value, note: serde_json::from_value(row.note)? };
            figures[categories_by_code[&row.category]].totals.insert(row.year, total);
        }
        for row in visit_count::Entity::find().all(transaction).await? {
            let observation = Observation::new(row.value, row.status).map_err(Error::internal)?;
            let count = PublishedCount { observation, note: serde_json::from_value(row.note)? };
            let counts = &mut figures[categories_by_code[&row.category]].counts;
            counts.entry(countries_by_code[&row.country]).or_default().insert(row.year, count);
        }
        Ok(Self { countries, categories, figures, countries_by_code, categories_by_code })
    }

    /// The index of the country with this code.
    #[must_use]
    pub fn country(&self, code: &CountryCode) -> Option<usize> {
        self.countries_by_code.get(code).copied()
    }

    /// The index of the category with this code.
    #[must_use]
    pub fn category(&self, code: &CategoryCode) -> Option<usize> {
        self.categories_by_code.get(code).copied()
    }
}

async fn load_countries(transaction: &DatabaseTransaction) -> Result<Vec<Country>> {
    let mut names: HashMap<CountryCode, Localized<String>> = HashMap::new();
    for row in country_name::Entity::find().all(transaction).await? {
        names.entry(row.country).or_default().insert(row.locale, row.name.into());
    }
    let mut rows = country::Entity::find().all(transaction).await?;
    rows.sort_by(|a, b| (a.position, &a.code).cmp(&(b.position, &b.code)));
    let country = |row: country::Model| Country {
        id: row.document_id,
        names: names.remove(&row.code).unwrap_or_default(),
        code: row.code,
    };
    Ok(rows.into_iter().map(country).collect())
}

async fn load_categories(transaction: &DatabaseTransaction) -> Result<Vec<Category>> {
    let mut labels: HashMap<CategoryCode, Localized<CategoryLabel>> = HashMap::new();
    for row in category_name::Entity::find().all(transaction).await? {
        let label = CategoryLabel { name: row.name.into(), description: row.description.map(Into::into) };
        labels.entry(row.category).or_default().insert(row.locale, label);
    }
    let mut rows = category::Entity::find().all(transaction).await?;
    rows.sort_by(|a, b| (a.position, &a.code).cmp(&(b.position, &b.code)));
    let category = |row: category::Model| Category {
        id: row.document_id,
        labels: labels.remove(&row.code).unwrap_or_default(),
        code: row.code,
    };
    Ok(rows.into_iter().map(category).collect())
}
