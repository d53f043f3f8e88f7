//! The year sheet, what an editor of figures works on: one category, one year, a cell for each country, the published
//! total. This is where a count is written.

mod editable;
pub mod graphql;
pub mod update;
mod withheld;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use entities::{
    CategoryCode, Count, CountryCode, DocumentKind, Flags, Locale, Localized, Observation, ObservationStatus, Prose,
    ReleaseKind, Rule, Unexplained, Version, Year, category, country, document, visit_count, yearly_total,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect,
    sea_query::OnConflict,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use editable::load;
pub use editable::{Editable, Saved, among, find};
pub use withheld::Withheld;

use crate::{
    change::tag,
    editorial::{Kind, Release, revision},
    error::{Error, Fault, Result},
    figures::sum,
    locale,
};

/// The content of a document of kind `YEAR_SHEET`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct YearSheet {
    /// The category.
    pub category: CategoryCode,
    /// The year.
    pub year: Year,
    /// The total as it is published, independent of the cells.
    pub total: Option<Total>,
    /// The cells. A country that is not here has no figure.
    pub counts: BTreeMap<CountryCode, Cell>,
    /// What was withheld of the sheet before it was imported, if it was public elsewhere. It stays withheld.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withheld: Option<Withheld>,
}

/// A published total: a figure that has a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "StoredTotal", into = "StoredTotal")]
pub struct Total {
    value: Count,
    /// The same value with its statuses.
    observation: Observation,
    /// What a reader must know about it.
    pub note: Localized<Prose>,
}

/// As it is stored: most totals are final, and say nothing of it.
#[derive(Serialize, Deserialize)]
struct StoredTotal {
    value: Count,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    status: Vec<ObservationStatus>,
    #[serde(default)]
    note: Localized<Prose>,
}

impl TryFrom<StoredTotal> for Total {
    type Error = Rule;
    fn try_from(stored: StoredTotal) -> Result<Self, Rule> {
        let flags = if stored.status.is_empty() { Flags::FINAL } else { Flags::new(stored.status)? };
        Self::new(stored.value, flags, stored.note)
    }
}

impl From<Total> for StoredTotal {
    fn from(Total { value, observation, note }: Total) -> Self {
        let flags = observation.flags();
        let status = if flags == Flags::FINAL { Vec::new() } else { flags.iter().collect() };
        Self { value, status, note }
    }
}

impl Total {
    /// # Errors
    /// [`Rule::ValueNotAllowed`] when the statuses say that there is no value.
    pub fn new(value: Count, flags: Flags, note: Localized<Prose>) -> Result<Self, Rule> {
        Ok(Self { value, observation: Observation::new(Some(value), flags)?, note })
    }

    /// Reads a row of the live table.
    ///
    /// # Errors
    /// When what is stored contradicts itself.
    pub fn read(row: &yearly_total::Model) -> Result<Self> {
        let others: Vec<ObservationStatus> = serde_json::from_value(row.flags.clone())?;
        let flags = Flags::new(others.into_iter().chain([row.status])).map_err(Error::internal)?;
        Self::new(row.value, flags, serde_json::from_value(row.note.clone())?).map_err(Error::internal)
    }

    /// The number.
    #[must_use]
    pub const fn value(&self) -> Count {
        self.value
    }

    /// The number with its statuses.
    #[must_use]
    pub const fn observation(&self) -> Observation {
        self.observation
    }

    /// Marks it as changed after it was published.
    pub fn revise(&mut self) {
        self.observation = self.observation.revised();
    }
}

/// The figure of one country.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// The figure, or why there is none.
    #[serde(flatten)]
    pub observation: Observation,
    /// What a reader must know about it.
    #[serde(default)]
    pub note: Localized<Prose>,
}

impl Cell {
    /// Reads a row of the live table.
    ///
    /// # Errors
    /// When what is stored contradicts itself.
    pub fn read(row: &visit_count::Model) -> Result<Self> {
        let others: Vec<ObservationStatus> = serde_json::from_value(row.flags.clone())?;
        let flags = Flags::new(others.into_iter().chain([row.status])).map_err(Error::internal)?;
        let observation = Observation::new(row.value, flags).map_err(Error::internal)?;
        Ok(Self { observation, note: serde_json::from_value(row.note.clone())? })
    }
}

impl YearSheet {
    /// A sheet without any figure.
    #[must_use]
    pub const fn empty(category: CategoryCode, year: Year) -> Self {
        Self { category, year, total: None, counts: BTreeMap::new(), withheld: None }
    }

    /// The sum of all cells that have a value; none when none has.
    #[must_use]
    pub fn sum(&self) -> Option<i64> {
        sum(self.counts.values().filter_map(|cell| cell.observation.value()))
    }

    /// What of the sum belongs to no country in particular.
    #[must_use]
    pub fn unallocated(&self) -> Option<Count> {
        let mut cells = self.counts.iter();
        cells.find(|(country, _)| country.is_unallocated()).and_then(|(_, cell)| cell.observation.value())
    }

    /// The sum of the cells less the total; none without both.
    #[must_use]
    pub fn difference(&self) -> Option<i64> {
        self.sum().zip(self.total.as_ref()).map(|(sum, total)| sum - total.value().get())
    }

    /// The figure of a country, or the total where there is none.
    #[must_use]
    pub fn figure(&self, country: Option<&CountryCode>) -> Option<Cell> {
        match country {
            Some(country) => self.counts.get(country).cloned(),
            None => self.total.as_ref().map(|total| Cell { observation: total.observation, note: total.note.clone() }),
        }
    }

    /// Whether it has the same figures as another.
    #[must_use]
    pub fn has_figures_of(&self, other: &Self) -> bool {
        (&self.total, &self.counts) == (&other.total, &other.counts)
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.total.is_none() && self.counts.is_empty()
    }

    /// The category and the countries that are not public yet and must be before this is. What is in `live` is.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn unpublished(&self, transaction: &DatabaseTransaction, live: Option<&Self>) -> Result<Vec<Fault>> {
        let mut faults = Vec::new();
        if live.is_none() && category::Entity::find_by_id(self.category.clone()).one(transaction).await?.is_none() {
            faults.push(Fault::new(["category"], Rule::NotPublished));
        }
        let new = |code: &&CountryCode| live.is_none_or(|live| !live.counts.contains_key(*code));
        let new: Vec<&CountryCode> = self.counts.keys().filter(new).collect();
        if !new.is_empty() {
            let published = published_countries(transaction).await?;
            let missing = new.into_iter().filter(|code| !published.contains(code));
            faults.extend(missing.map(|code| Fault::new(["counts", code.as_str(), "country"], Rule::NotPublished)));
        }
        Ok(faults)
    }

    async fn withdraw_total(&self, transaction: &DatabaseTransaction) -> Result<()> {
        yearly_total::Entity::delete_many()
            .filter(yearly_total::COLUMN.category.eq(self.category.clone()))
            .filter(yearly_total::COLUMN.year.eq(self.year))
            .exec(transaction)
            .await?;
        Ok(())
    }

    /// Whether a note says what a reader must know about the total.
    fn is_explained(&self) -> bool {
        self.total.as_ref().is_some_and(|total| !total.note.is_empty())
    }
}

/// The versions that editors see of a document: the newest one and the published one. None of a document that is no year sheet, which
/// holds no figures.
pub fn shown_versions(row: &document::Model) -> impl Iterator<Item = (Uuid, Version)> + use<> {
    let published = row.published_number.filter(|number| *number != row.version);
    figures_of(row, [Some(row.version), published].into_iter().flatten())
}

/// These versions of a document, each with its id, if it is a year sheet.
pub fn figures_of<I>(row: &document::Model, versions: I) -> impl Iterator<Item = (Uuid, Version)> + use<I>
where
    I: IntoIterator<Item = Version>,
{
    let (id, is_sheet) = (row.id, row.kind == DocumentKind::YearSheet);
    versions.into_iter().filter(move |_| is_sheet).map(move |version| (id, version))
}

/// Whether there is such a category, published or in preparation.
///
/// # Errors
/// When the database cannot be read.
pub async fn is_category(transaction: &DatabaseTransaction, code: &CategoryCode) -> Result<bool> {
    Ok(category::Entity::find_by_id(code.clone()).one(transaction).await?.is_some()
        || !drafts(transaction, DocumentKind::Category, [code.as_str()]).await?.is_empty())
}

/// What the names in year sheets may be. Read once for all sheets that are looked at together.
pub struct KnownNames {
    categories: BTreeSet<CategoryCode>,
    /// Those of the countries in the sheets that are published, or about to be.
    countries: BTreeSet<CountryCode>,
    locales: BTreeSet<Locale>,
}

impl KnownNames {
    /// Those that these sheets may have.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn of<'a>(
        transaction: &DatabaseTransaction,
        sheets: impl Iterator<Item = &'a YearSheet> + Clone,
    ) -> Result<Self> {
        let mut categories = BTreeSet::new();
        for code in sheets.clone().map(|sheet| &sheet.category).collect::<BTreeSet<_>>() {
            if is_category(transaction, code).await? {
                categories.insert(code.clone());
            }
        }
        let mut countries: BTreeSet<&CountryCode> = sheets.clone().flat_map(|sheet| sheet.counts.keys()).collect();
        if !are_published(transaction, countries.iter().copied()).await? {
            let published = published_countries(transaction).await?;
            let others = countries.iter().filter(|code| !published.contains(**code)).map(|code| code.as_str());
            // A new country and its first figures are prepared together.
            let drafts = drafts(transaction, DocumentKind::Country, others).await?;
            countries.retain(|code| published.contains(*code) || drafts.contains(code.as_str()));
        }
        let has_notes = sheets.clone().any(YearSheet::has_notes);
        let locales = if has_notes { locale::offered(transaction).await? } else { BTreeSet::new() };
        Ok(Self { categories, countries: countries.into_iter().cloned().collect(), locales })
    }
}

/// Whether each of these countries is published. They are counted in the database: reading the codes of all takes longer.
async fn are_published<'a>(
    transaction: &DatabaseTransaction,
    codes: impl ExactSizeIterator<Item = &'a CountryCode>,
) -> Result<bool> {
    let expected = u64::try_from(codes.len()).unwrap_or(u64::MAX);
    let found = country::Entity::find().filter(country::COLUMN.code.is_in(codes.cloned())).count(transaction).await?;
    Ok(found == expected)
}

async fn published_countries(transaction: &DatabaseTransaction) -> Result<BTreeSet<CountryCode>> {
    let codes = country::Entity::find().select_only().column(country::Column::Code).into_tuple::<CountryCode>();
    Ok(codes.all(transaction).await?.into_iter().collect())
}

/// Those of these codes for which there is a document of this kind that is not archived.
async fn drafts<'a>(
    transaction: &DatabaseTransaction,
    kind: DocumentKind,
    codes: impl IntoIterator<Item = &'a str>,
) -> Result<BTreeSet<String>> {
    let found = revision::find_all(transaction, kind, codes).await?;
    let drafts = found.into_iter().filter(|(_, document)| document.archived_at.is_none());
    Ok(drafts.map(|(code, _)| code).collect())
}

/// The statuses beside the principal one, as the live tables hold them.
fn others(observation: Observation) -> Result<serde_json::Value> {
    Ok(serde_json::to_value(observation.flags().others().collect::<Vec<_>>())?)
}

impl YearSheet {
    /// What [`Kind::check`] finds wrong, given the names that may stand in it.
    #[must_use]
    pub fn check_names(&self, known: &KnownNames) -> Vec<Fault> {
        let mut faults = Vec::new();
        if !known.categories.contains(&self.category) {
            faults.push(Fault::new(["category"], Rule::Unknown));
        }
        for code in self.counts.keys().filter(|code| !known.countries.contains(*code)) {
            faults.push(Fault::new(["counts", code.as_str(), "country"], Rule::Unknown));
        }
        if let Some(total) = &self.total {
            faults.extend(locale::unknown(&known.locales, &["totalNote"], total.note.keys()));
        }
        for (code, cell) in &self.counts {
            faults.extend(locale::unknown(&known.locales, &["counts", code.as_str(), "note"], cell.note.keys()));
        }
        if self.sum().is_some_and(|sum| sum > Count::MAX) {
            faults.push(Fault::new(["counts"], Rule::SumTooLarge { max: Count::MAX }));
        }
        faults
    }

    fn has_notes(&self) -> bool {
        let of_total = self.total.iter().any(|total| !total.note.is_empty());
        of_total || self.counts.values().any(|cell| !cell.note.is_empty())
    }
}

impl Kind for YearSheet {
    const KIND: DocumentKind = DocumentKind::YearSheet;
    const HANDLE: &'static str = "category";

    fn key(&self) -> String {
        key(&self.category, self.year)
    }

    fn tags(&self, _: Uuid) -> Vec<String> {
        vec![tag::FIGURES.to_owned()]
    }

    async fn check(&self, transaction: &DatabaseTransaction, _: Option<Uuid>) -> Result<Vec<Fault>> {
        Ok(self.check_names(&KnownNames::of(transaction, std::iter::once(self)).await?))
    }

    async fn requirements(&self, transaction: &DatabaseTransaction, _: Uuid) -> Result<Vec<Fault>> {
        self.unpublished(transaction, None).await
    }

    async fn project(
        &self,
        transaction: &DatabaseTransaction,
        document: Uuid,
        live: Option<&Self>,
        _: DateTime<Utc>,
    ) -> Result<()> {
        // A correction changes a few figures of many.
        let nothing = Self::empty(self.category.clone(), self.year);
        let live = match live {
            Some(live) => live,
            None => {
                self.withdraw(transaction, document).await?;
                &nothing
            }
        };
        let gone: Vec<_> = live.counts.keys().filter(|country| !self.counts.contains_key(*country)).cloned().collect();
        if !gone.is_empty() {
            visit_count::Entity::delete_many()
                .filter(visit_count::COLUMN.category.eq(self.category.clone()))
                .filter(visit_count::COLUMN.year.eq(self.year))
                .filter(visit_count::COLUMN.country.is_in(gone))
                .exec(transaction)
                .await?;
        }
        let mut counts = Vec::new();
        for (country, cell) in self.counts.iter().filter(|(country, cell)| live.counts.get(*country) != Some(*cell)) {
            counts.push(visit_count::ActiveModel {
                category: Set(self.category.clone()),
                country: Set(country.clone()),
                year: Set(self.year),
                value: Set(cell.observation.value()),
                status: Set(cell.observation.status()),
                flags: Set(others(cell.observation)?),
                note: Set(serde_json::to_value(&cell.note)?),
            });
        }
        if !counts.is_empty() {
            let key = [visit_count::Column::Category, visit_count::Column::Country, visit_count::Column::Year];
            let values = [
                visit_count::Column::Value,
                visit_count::Column::Status,
                visit_count::Column::Flags,
                visit_count::Column::Note,
            ];
            let replace = OnConflict::columns(key).update_columns(values).to_owned();
            visit_count::Entity::insert_many(counts).on_conflict(replace).exec_without_returning(transaction).await?;
        }
        if live.total.is_some() && self.total.is_none() {
            self.withdraw_total(transaction).await?;
        }
        if let Some(total) = self.total.as_ref().filter(|total| live.total.as_ref() != Some(*total)) {
            let row = yearly_total::ActiveModel {
                category: Set(self.category.clone()),
                year: Set(self.year),
                value: Set(total.value()),
                status: Set(total.observation().status()),
                flags: Set(others(total.observation())?),
                note: Set(serde_json::to_value(&total.note)?),
            };
            let values = [
                yearly_total::Column::Value,
                yearly_total::Column::Status,
                yearly_total::Column::Flags,
                yearly_total::Column::Note,
            ];
            let key = [yearly_total::Column::Category, yearly_total::Column::Year];
            let replace = OnConflict::columns(key).update_columns(values).to_owned();
            yearly_total::Entity::insert(row).on_conflict(replace).exec_without_returning(transaction).await?;
        }
        Ok(())
    }

    async fn withdraw(&self, transaction: &DatabaseTransaction, _: Uuid) -> Result<()> {
        visit_count::Entity::delete_many()
            .filter(visit_count::COLUMN.category.eq(self.category.clone()))
            .filter(visit_count::COLUMN.year.eq(self.year))
            .exec(transaction)
            .await?;
        self.withdraw_total(transaction).await
    }

    async fn blockers(&self, _: &DatabaseTransaction, _: Uuid) -> Result<Vec<Fault>> {
        let sums = self.sum().zip(self.total.as_ref().map(|total| total.value().get()));
        let unexplained = sums.filter(|(sum, total)| sum != total && !self.is_explained());
        let fault = |(sum, total)| {
            let (category, year) = (self.category.clone(), self.year);
            Fault::new(["total"], Rule::Unexplained(Box::new(Unexplained { category, year, total, sum })))
        };
        Ok(unexplained.map(fault).into_iter().collect())
    }

    /// Figures come out as a release; what is out changes as a revision or correction, with a reason.
    fn release(&self, release: Release, published: bool) -> Result<Release, Fault> {
        let not_one_of = |allowed: &str| Err(Fault::new(["kind"], Rule::NotOneOf { allowed: allowed.to_owned() }));
        match (published, release.kind) {
            (false, None | Some(ReleaseKind::Release)) => Ok(Release { kind: Some(ReleaseKind::Release), ..release }),
            (false, Some(_)) => not_one_of("RELEASE"),
            (true, Some(ReleaseKind::Revision | ReleaseKind::Correction)) if release.reason.is_none() => {
                Err(Fault::new(["reason"], Rule::Required))
            }
            (true, Some(ReleaseKind::Revision | ReleaseKind::Correction)) => Ok(release),
            (true, None) => Err(Fault::new(["kind"], Rule::Required)),
            (true, Some(ReleaseKind::Release)) => not_one_of("REVISION, CORRECTION"),
        }
    }
}

/// The natural key of the sheet of a category and year.
#[must_use]
pub fn key(category: &CategoryCode, year: Year) -> String {
    format!("{category}/{year}")
}
