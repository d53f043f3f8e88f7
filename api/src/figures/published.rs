//! What is published of figures, in memory: now, and at every moment before.

use std::{
    collections::{BTreeMap, HashMap},
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

use chrono::{DateTime, Utc};
use entities::{CategoryCode, CountryCode, DisclosurePolicy, Localized, Year, site};
use imbl::OrdMap;
use sea_orm::{ConnectionTrait, DatabaseTransaction, EntityTrait};
use uuid::Uuid;

use crate::{
    access::TrueValues,
    error::{Error, Result},
    figures::{
        disclosure::{Figure, Sheet},
        metadata::FactSheetMetadata,
        vintage::{Changed, Contents, Place, Vintages},
    },
};

/// Countries, categories and figures, as far as they may be shown. A state shares with the one before all that stayed as
/// it was.
#[derive(Debug)]
pub struct Published {
    /// All countries in the tenant's order.
    pub countries: Arc<[Country]>,
    /// All categories in the tenant's order.
    pub categories: Arc<[Category]>,
    /// The figures of each category, in the order of `categories`.
    pub figures: Vec<Figures>,
    /// What is said of the figures as a whole.
    pub metadata: Arc<FactSheetMetadata>,
    /// What is done about small counts.
    pub policy: DisclosurePolicy,
    /// When the newest figures were published.
    pub updated_at: Option<DateTime<Utc>>,
    /// The way to all that was ever published. What was public at an earlier moment has it, too.
    pub vintages: Vintages,
    countries_by_code: Arc<HashMap<CountryCode, usize>>,
    categories_by_code: Arc<HashMap<CategoryCode, usize>>,
    /// What all of this is made of.
    contents: Contents,
    earlier: Arc<Earlier>,
    /// How many bytes it takes, about, beside the state that it was asked of.
    own_bytes: u64,
}

/// A country and its names.
#[derive(Debug, PartialEq, Eq)]
pub struct Country {
    /// Its document.
    pub id: Uuid,
    /// Its code.
    pub code: CountryCode,
    /// Its names.
    pub names: Localized<String>,
}

/// A category and its names.
#[derive(Debug, PartialEq, Eq)]
pub struct Category {
    /// Its document.
    pub id: Uuid,
    /// Its code.
    pub code: CategoryCode,
    /// Its names and what it covers.
    pub labels: Localized<CategoryLabel>,
}

/// What a category is called in one locale.
#[derive(Debug, PartialEq, Eq)]
pub struct CategoryLabel {
    /// The name.
    pub name: String,
    /// What it covers.
    pub description: Option<String>,
}

/// The figures of one category.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// What may be shown of each year.
    pub columns: BTreeMap<Year, Arc<Column>>,
}

/// What may be shown of one category and year, with the figure of each country at the country's index.
#[derive(Debug, PartialEq, Eq)]
pub struct Column {
    sheet: Arc<Sheet>,
    cells: Box<[Option<Arc<Figure>>]>,
    unallocated: Option<Arc<Figure>>,
}

impl Column {
    fn new(sheet: &Arc<Sheet>, countries: &HashMap<CountryCode, usize>) -> Self {
        let mut cells = vec![None; countries.len()].into_boxed_slice();
        let mut unallocated = None;
        for (code, figure) in sheet.counts() {
            if code.is_unallocated() {
                unallocated = Some(Arc::clone(figure));
            }
            if let Some(cell) = countries.get(code).and_then(|index| cells.get_mut(*index)) {
                *cell = Some(Arc::clone(figure));
            }
        }
        Self { sheet: Arc::clone(sheet), cells, unallocated }
    }

    /// The sheet that it shows.
    #[must_use]
    pub fn sheet(&self) -> &Sheet {
        &self.sheet
    }

    /// The figure of the country with this index; none where the sheet says nothing of it.
    #[must_use]
    pub fn figure(&self, country: usize) -> Option<&Figure> {
        self.cells.get(country)?.as_deref()
    }

    /// Every figure of a country, with the index of the country.
    pub fn figures(&self) -> impl Iterator<Item = (usize, &Figure)> {
        self.cells.iter().enumerate().filter_map(|(country, figure)| Some((country, figure.as_deref()?)))
    }

    /// The visits that are known to belong to no country in particular.
    #[must_use]
    pub fn unallocated(&self) -> Option<&Figure> {
        self.unallocated.as_deref()
    }
}

/// Earlier states that were asked for lately, by the change after which they were public: front ends ask for the same moment
/// again and again. What was public once stays what it was, so a state that knows more answers from these, too.
#[derive(Debug, Default)]
struct Earlier(Mutex<Vec<(i64, Arc<Published>)>>);

impl Earlier {
    /// How many are kept. They share most of what they hold.
    const KEPT: usize = 8;

    /// What part of the room for the past they may take.
    const SHARE: u64 = 4;

    fn get(&self, seq: i64) -> Option<Arc<Published>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let index = known.iter().position(|(known, _)| *known == seq)?;
        // The last is the one that was asked for last.
        known[index..].rotate_left(1);
        known.last().map(|(_, found)| Arc::clone(found))
    }

    fn put(&self, seq: i64, published: &Arc<Published>) {
        let room = published.vintages.past().budget() / Self::SHARE;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(known, _)| *known != seq);
        known.push((seq, Arc::clone(published)));
        // The last one stays, however large it is.
        while known.len() > Self::KEPT
            || (known.len() > 1 && known.iter().map(|(_, one)| one.own_bytes).sum::<u64>() > room)
        {
            known.remove(0);
        }
    }
}

impl Published {
    /// Reads what is published, as far as the site's policy lets it be shown. `now` is when what no publication tells of
    /// counts as published: it was written by something else than Almanac.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn load(transaction: &DatabaseTransaction, now: DateTime<Utc>) -> Result<Self> {
        let site = site::Entity::find().one(transaction).await?;
        let policy =
            site.map(|site| DisclosurePolicy { method: site.disclosure_method, threshold: site.disclosure_threshold });
        Ok(Self::of(Vintages::load(transaction, policy.unwrap_or_default(), now).await?))
    }

    /// The same without the policy: what was counted.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn true_values(transaction: &DatabaseTransaction, _: &TrueValues, now: DateTime<Utc>) -> Result<Self> {
        let policy = DisclosurePolicy { method: entities::DisclosureMethod::Off, ..DisclosurePolicy::default() };
        Ok(Self::of(Vintages::load(transaction, policy, now).await?))
    }

    /// What is published after these changes, which are all of figures that came after this state, each of them whole.
    /// What is here already is passed over. It costs what changed. When the site's policy changed,
    /// [`load`](Self::load) again: another policy shows another past.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn advance(&self, transaction: &DatabaseTransaction, changed: &[Changed]) -> Result<Self> {
        Ok(self.with(self.vintages.advance(transaction, changed).await?))
    }

    /// What would be public if `content` were published by `publication`, in memory: under the policy in force, whatever a
    /// draft says of policies. Earlier states are kept apart from those of what is published: the next real publication is
    /// another one.
    ///
    /// # Errors
    /// When the content is not of the kind of its document.
    pub fn with_draft(&self, publication: Changed, content: serde_json::Value) -> Result<Self> {
        let vintages = self.vintages.with_draft(publication, content)?;
        Ok(Self::assemble(vintages.now().clone(), vintages, Arc::default(), Some(self)))
    }

    /// What was public at a moment, if it is in memory; else [`Published::read_as_of`] reads it.
    #[must_use]
    pub fn as_of(self: &Arc<Self>, moment: DateTime<Utc>) -> Option<Arc<Self>> {
        match self.vintages.place(moment)? {
            Place::Now => Some(Arc::clone(self)),
            Place::After(seq) => self.earlier.get(seq),
        }
    }

    /// What was public at a moment.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn read_as_of(
        self: &Arc<Self>,
        connection: &impl ConnectionTrait,
        moment: DateTime<Utc>,
    ) -> Result<Arc<Self>> {
        if let Some(known) = self.as_of(moment) {
            return Ok(known);
        }
        let past = Arc::clone(self.vintages.past());
        let _turn = past.turn().await;
        self.vintages.read_calendar(connection).await?;
        let place = self.vintages.place(moment).ok_or_else(|| Error::internal("a calendar that was read is gone"))?;
        let Place::After(seq) = place else { return Ok(Arc::clone(self)) };
        // Somebody else may have asked for the same.
        if let Some(known) = self.earlier.get(seq) {
            return Ok(known);
        }
        let contents = self.vintages.after(connection, seq).await?;
        // States that remember each other would never be freed.
        let mut published = Self::assemble(contents, self.vintages.clone(), Arc::default(), Some(self));
        published.own_bytes = published.bytes_beside(self);
        let published = Arc::new(published);
        self.earlier.put(seq, &published);
        Ok(published)
    }

    /// How many bytes it takes, about, that another state does not.
    fn bytes_beside(&self, other: &Self) -> u64 {
        /// A cell of a column, and the figure in its sheet.
        const CELL: usize = 80;
        let columns = self.figures.iter().zip(&self.categories[..]).flat_map(|(figures, category)| {
            figures.columns.iter().map(move |(year, column)| (&category.code, year, column))
        });
        let is_shared = |code: &CategoryCode, year: &Year, column: &Arc<Column>| {
            let theirs = other.category(code).and_then(|category| other.figures[category].columns.get(year));
            theirs.is_some_and(|theirs| Arc::ptr_eq(theirs, column))
        };
        let own = columns.filter(|(code, year, column)| !is_shared(code, year, column));
        own.map(|(_, _, column)| (column.cells.len() + column.sheet.counts().len()) * CELL).sum::<usize>() as u64
    }

    /// The sheets, as they may be shown.
    pub(super) const fn sheets(&self) -> &OrdMap<(CategoryCode, Year), Arc<Sheet>> {
        &self.contents.sheets
    }

    pub(super) fn of(vintages: Vintages) -> Self {
        Self::assemble(vintages.now().clone(), vintages, Arc::default(), None)
    }

    pub(super) fn with(&self, vintages: Vintages) -> Self {
        Self::assemble(vintages.now().clone(), vintages, Arc::clone(&self.earlier), Some(self))
    }

    /// The contents in the form in which they are read, with all that is the same in `known`.
    fn assemble(contents: Contents, vintages: Vintages, earlier: Arc<Earlier>, known: Option<&Self>) -> Self {
        let (countries, countries_by_code) = match known {
            Some(known) if same(&contents.countries, &known.contents.countries) => {
                (Arc::clone(&known.countries), Arc::clone(&known.countries_by_code))
            }
            _ => {
                let countries = countries(&contents);
                let codes = countries.iter().map(|country| &country.code);
                let by_code = indices(codes, known.map(|known| &known.countries_by_code));
                (countries, by_code)
            }
        };
        let (categories, categories_by_code) = match known {
            Some(known) if same(&contents.categories, &known.contents.categories) => {
                (Arc::clone(&known.categories), Arc::clone(&known.categories_by_code))
            }
            _ => {
                let categories = categories(&contents);
                let codes = categories.iter().map(|category| &category.code);
                let by_code = indices(codes, known.map(|known| &known.categories_by_code));
                (categories, by_code)
            }
        };
        // Cells are by the index of the country, so columns outlive new names, but no new order.
        let known = known.filter(|known| Arc::ptr_eq(&known.countries_by_code, &countries_by_code));
        let column = |(category, year): &(CategoryCode, Year), sheet: &Arc<Sheet>| {
            let known = known.and_then(|known| known.figures[known.category(category)?].columns.get(year));
            match known.filter(|column| Arc::ptr_eq(&column.sheet, sheet)) {
                Some(column) => Arc::clone(column),
                None => Arc::new(Column::new(sheet, &countries_by_code)),
            }
        };
        let mut figures: Vec<Figures> = categories.iter().map(|_| Figures::default()).collect();
        for (key, sheet) in &contents.sheets {
            let Some(category) = categories_by_code.get(&key.0) else { continue };
            figures[*category].columns.insert(key.1, column(key, sheet));
        }
        Self {
            countries,
            categories,
            figures,
            metadata: contents.metadata.clone().unwrap_or_default(),
            policy: vintages.policy(),
            updated_at: contents.updated_at,
            vintages,
            countries_by_code,
            categories_by_code,
            contents,
            earlier,
            own_bytes: 0,
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

fn countries(contents: &Contents) -> Arc<[Country]> {
    let mut countries: Vec<_> = contents.countries.iter().collect();
    countries.sort_by(|(_, a), (_, b)| (a.position, &a.code).cmp(&(b.position, &b.code)));
    let country = |(id, country): (&Uuid, &Arc<super::country::Country>)| Country {
        id: *id,
        code: country.code.clone(),
        names: country.names.iter().map(|(locale, name)| (locale.clone(), name.to_string())).collect(),
    };
    countries.into_iter().map(country).collect()
}

fn categories(contents: &Contents) -> Arc<[Category]> {
    let mut categories: Vec<_> = contents.categories.iter().collect();
    categories.sort_by(|(_, a), (_, b)| (a.position, &a.code).cmp(&(b.position, &b.code)));
    let label = |label: &super::category::Label| CategoryLabel {
        name: label.name.to_string(),
        description: label.description.as_ref().map(ToString::to_string),
    };
    let category = |(id, category): (&Uuid, &Arc<super::category::Category>)| Category {
        id: *id,
        code: category.code.clone(),
        labels: category.labels.iter().map(|(locale, text)| (locale.clone(), label(text))).collect(),
    };
    categories.into_iter().map(category).collect()
}

/// Whether two maps hold the same. Most are one.
fn same<T: Eq>(a: &OrdMap<Uuid, Arc<T>>, b: &OrdMap<Uuid, Arc<T>>) -> bool {
    a.ptr_eq(b) || a == b
}

/// The index of each code, as it is known where it is the same.
fn indices<'a, C: Clone + Eq + Hash + 'a>(
    codes: impl Iterator<Item = &'a C>,
    known: Option<&Arc<HashMap<C, usize>>>,
) -> Arc<HashMap<C, usize>> {
    let found: HashMap<C, usize> = codes.enumerate().map(|(index, code)| (code.clone(), index)).collect();
    known.filter(|known| ***known == found).map_or_else(|| Arc::new(found), Arc::clone)
}
