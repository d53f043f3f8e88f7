//! What is published of figures, in memory: now, and at every moment before.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use entities::{CategoryCode, CountryCode, DisclosurePolicy, Localized, Year, site};
use sea_orm::{DatabaseTransaction, EntityTrait};
use uuid::Uuid;

use crate::{
    access::TrueValues,
    error::Result,
    figures::{
        disclosure::{Figure, Sheet},
        metadata::FactSheetMetadata,
        vintage::{self, Contents, Event},
    },
};

/// Countries, categories and figures, as far as they may be shown.
#[derive(Debug)]
pub struct Published {
    /// All countries in the tenant's order.
    pub countries: Vec<Country>,
    /// All categories in the tenant's order.
    pub categories: Vec<Category>,
    /// The figures of each category, in the order of `categories`.
    pub figures: Vec<Figures>,
    /// What is said of the figures as a whole.
    pub metadata: Arc<FactSheetMetadata>,
    /// What is done about small counts.
    pub policy: DisclosurePolicy,
    /// When the newest figures were published.
    pub updated_at: Option<DateTime<Utc>>,
    /// Everything that was ever published, in order.
    pub events: Arc<Vec<Event>>,
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
    /// What may be shown of each year.
    pub columns: BTreeMap<Year, Arc<Column>>,
}

impl Figures {
    /// What may be shown of a year.
    #[must_use]
    pub fn sheet(&self, year: Year) -> Option<&Sheet> {
        self.columns.get(&year).map(|column| column.sheet())
    }
}

/// The figures of one category and year.
#[derive(Debug)]
pub struct Column {
    sheet: Arc<Sheet>,
    /// By the index of the country.
    figures: Box<[Option<Arc<Figure>>]>,
}

impl Column {
    fn new(sheet: Arc<Sheet>, countries: &[Country]) -> Self {
        let figures = countries.iter().map(|country| sheet.counts().get(&country.code).cloned()).collect();
        Self { sheet, figures }
    }

    /// What may be shown.
    #[must_use]
    pub fn sheet(&self) -> &Sheet {
        &self.sheet
    }

    /// The figure of the country with this index.
    #[must_use]
    pub fn figure(&self, country: usize) -> Option<&Figure> {
        self.figures.get(country)?.as_deref()
    }
}

impl Published {
    /// Reads what is published, as far as the site's policy lets it be shown. `now` is when what is not yet noted as
    /// published becomes public, in a preview.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn load(transaction: &DatabaseTransaction, now: DateTime<Utc>) -> Result<Self> {
        let site = site::Entity::find().one(transaction).await?;
        let policy =
            site.map(|site| DisclosurePolicy { method: site.disclosure_method, threshold: site.disclosure_threshold });
        Self::with_policy(transaction, policy.unwrap_or_default(), now).await
    }

    /// The same without the policy: what was counted.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn true_values(transaction: &DatabaseTransaction, _: &TrueValues, now: DateTime<Utc>) -> Result<Self> {
        let policy = DisclosurePolicy { method: entities::DisclosureMethod::Off, ..DisclosurePolicy::default() };
        Self::with_policy(transaction, policy, now).await
    }

    async fn with_policy(
        transaction: &DatabaseTransaction,
        policy: DisclosurePolicy,
        now: DateTime<Utc>,
    ) -> Result<Self> {
        let current = vintage::current(transaction).await?;
        let events = Arc::new(vintage::load(transaction, policy, &current, now).await?);
        let sheets = Contents::after(events.iter());
        Ok(Self::assemble(current.contents(sheets), events, policy))
    }

    /// What was public at a moment.
    #[must_use]
    pub fn as_of(&self, moment: DateTime<Utc>) -> Self {
        let contents = Contents::after(self.events.iter().take_while(|event| event.at <= moment));
        Self::assemble(contents, Arc::clone(&self.events), self.policy)
    }

    fn assemble(contents: Contents, events: Arc<Vec<Event>>, policy: DisclosurePolicy) -> Self {
        let mut countries: Vec<_> = contents.countries.into_iter().collect();
        countries.sort_by(|(_, a), (_, b)| (a.position, &a.code).cmp(&(b.position, &b.code)));
        let country = |(id, country): (Uuid, Arc<super::country::Country>)| Country {
            id,
            code: country.code.clone(),
            names: country.names.iter().map(|(locale, name)| (locale.clone(), name.to_string())).collect(),
        };
        let countries: Vec<Country> = countries.into_iter().map(country).collect();
        let mut categories: Vec<_> = contents.categories.into_iter().collect();
        categories.sort_by(|(_, a), (_, b)| (a.position, &a.code).cmp(&(b.position, &b.code)));
        let label = |label: &super::category::Label| CategoryLabel {
            name: label.name.to_string(),
            description: label.description.as_ref().map(ToString::to_string),
        };
        let category = |(id, category): (Uuid, Arc<super::category::Category>)| Category {
            id,
            code: category.code.clone(),
            labels: category.labels.iter().map(|(locale, text)| (locale.clone(), label(text))).collect(),
        };
        let categories: Vec<Category> = categories.into_iter().map(category).collect();
        let countries_by_code: HashMap<_, _> =
            countries.iter().enumerate().map(|(index, country)| (country.code.clone(), index)).collect();
        let categories_by_code: HashMap<_, _> =
            categories.iter().enumerate().map(|(index, category)| (category.code.clone(), index)).collect();

        let mut figures: Vec<Figures> = categories.iter().map(|_| Figures::default()).collect();
        for ((category, year), sheet) in contents.sheets {
            let Some(category) = categories_by_code.get(&category) else { continue };
            figures[*category].columns.insert(year, Arc::new(Column::new(sheet, &countries)));
        }
        Self {
            countries,
            categories,
            figures,
            metadata: contents.metadata.unwrap_or_default(),
            policy,
            updated_at: contents.updated_at,
            events,
            countries_by_code,
            categories_by_code,
        }
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
