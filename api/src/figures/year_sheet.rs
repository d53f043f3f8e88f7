//! The year sheet, what an editor of figures works on: one category, one year, a cell for each country, the published
//! total. This is where a count is written.

pub mod graphql;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use entities::{
    CategoryCode, Count, CountryCode, DocumentKind, Localized, Observation, ObservationStatus, Prose, ReleaseKind,
    RevisionAction, Rule, Version, Year, category, country, document, revision as revisions, visit_count, yearly_total,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    access::{Editor, permission::Action},
    editorial::{Edit, Kind, Release, revision},
    error::{Blocker, Error, Fault, Result},
    figures::sum,
    locale,
    transaction::Transaction,
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
}

/// A published total.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Total {
    /// The total.
    pub value: Count,
    /// What a reader must know about it.
    #[serde(default)]
    pub note: Localized<Prose>,
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

impl YearSheet {
    /// A sheet without any figure.
    #[must_use]
    pub const fn empty(category: CategoryCode, year: Year) -> Self {
        Self { category, year, total: None, counts: BTreeMap::new() }
    }

    /// The sum of all cells that have a value; none when none has.
    #[must_use]
    pub fn sum(&self) -> Option<i64> {
        sum(self.counts.values().filter_map(|cell| cell.observation.value()))
    }

    /// The sum of the cells less the total; none without both.
    #[must_use]
    pub fn difference(&self) -> Option<i64> {
        self.sum().zip(self.total.as_ref()).map(|(sum, total)| sum - total.value.get())
    }

    /// Whether a note says what a reader must know about the total.
    fn is_explained(&self) -> bool {
        self.total.as_ref().is_some_and(|total| !total.note.is_empty())
    }
}

impl Kind for YearSheet {
    const KIND: DocumentKind = DocumentKind::YearSheet;
    const HANDLE: &'static str = "category";

    fn key(&self) -> String {
        key(&self.category, self.year)
    }

    fn tags(&self) -> Vec<String> {
        vec![format!("figures:{}:{}", self.category, self.year)]
    }

    async fn check(&self, transaction: &DatabaseTransaction, _: Option<Uuid>) -> Result<Vec<Fault>> {
        let mut faults = Vec::new();
        if category::Entity::find_by_id(self.category.clone()).one(transaction).await?.is_none() {
            faults.push(Fault::new(["category"], Rule::Unknown));
        }
        let known = country::Entity::find().select_only().column(country::Column::Code);
        let known: BTreeSet<CountryCode> =
            known.into_tuple::<CountryCode>().all(transaction).await?.into_iter().collect();
        for code in self.counts.keys().filter(|code| !known.contains(code)) {
            faults.push(Fault::new(["counts", code.as_str(), "country"], Rule::Unknown));
        }
        let offered = locale::offered(transaction).await?;
        if let Some(total) = &self.total {
            faults.extend(locale::unknown(&offered, &["totalNote"], total.note.keys()));
        }
        for (code, cell) in &self.counts {
            faults.extend(locale::unknown(&offered, &["counts", code.as_str(), "note"], cell.note.keys()));
        }
        if self.sum().is_some_and(|sum| sum > Count::MAX) {
            faults.push(Fault::new(["counts"], Rule::SumTooLarge { max: Count::MAX }));
        }
        Ok(faults)
    }

    async fn project(&self, transaction: &DatabaseTransaction, document: Uuid, _: DateTime<Utc>) -> Result<()> {
        self.withdraw(transaction, document).await?;
        let mut counts = Vec::with_capacity(self.counts.len());
        for (country, cell) in &self.counts {
            counts.push(visit_count::ActiveModel {
                category: Set(self.category.clone()),
                country: Set(country.clone()),
                year: Set(self.year),
                value: Set(cell.observation.value()),
                status: Set(cell.observation.status()),
                note: Set(serde_json::to_value(&cell.note)?),
            });
        }
        if !counts.is_empty() {
            visit_count::Entity::insert_many(counts).exec(transaction).await?;
        }
        if let Some(total) = &self.total {
            let row = yearly_total::ActiveModel {
                category: Set(self.category.clone()),
                year: Set(self.year),
                value: Set(total.value),
                note: Set(serde_json::to_value(&total.note)?),
            };
            yearly_total::Entity::insert(row).exec(transaction).await?;
        }
        Ok(())
    }

    async fn withdraw(&self, transaction: &DatabaseTransaction, _: Uuid) -> Result<()> {
        visit_count::Entity::delete_many()
            .filter(visit_count::COLUMN.category.eq(self.category.clone()))
            .filter(visit_count::COLUMN.year.eq(self.year))
            .exec(transaction)
            .await?;
        yearly_total::Entity::delete_many()
            .filter(yearly_total::COLUMN.category.eq(self.category.clone()))
            .filter(yearly_total::COLUMN.year.eq(self.year))
            .exec(transaction)
            .await?;
        Ok(())
    }

    async fn blockers(&self, _: &DatabaseTransaction, _: Uuid) -> Result<Vec<Fault>> {
        let unexplained = self.difference().filter(|difference| *difference != 0 && !self.is_explained());
        let fault = |difference| Fault::new(["total"], Rule::Unexplained { difference });
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

/// A sheet as editors see it: its newest revision and the published one.
#[derive(Clone, Debug)]
pub struct Editable {
    /// The document, once there is one.
    pub document: Option<document::Model>,
    /// The newest revision, once there is one.
    pub newest: Option<revisions::Model>,
    /// The content of the newest revision; empty when there is none.
    pub draft: YearSheet,
    /// The content that the public sees.
    pub published: Option<YearSheet>,
}

/// The sheet of a category and year, for editors. A sheet that does not exist yet is empty and has no document.
///
/// # Errors
/// [`Error::NotFound`] for a category that does not exist.
pub async fn find(
    connection: &impl ConnectionTrait,
    editor: &Editor,
    category: &CategoryCode,
    year: Year,
) -> Result<Editable> {
    editor.permit(Action::Read, DocumentKind::YearSheet, None)?;
    if category::Entity::find_by_id(category.clone()).one(connection).await?.is_none() {
        return Err(Error::NotFound("the category"));
    }
    match revision::find(connection, DocumentKind::YearSheet, &key(category, year)).await? {
        Some(document) => load(connection, document).await,
        None => {
            let draft = YearSheet::empty(category.clone(), year);
            Ok(Editable { document: None, newest: None, draft, published: None })
        }
    }
}

/// The sheet with this document, for editors.
///
/// # Errors
/// [`Error::NotFound`] when there is none.
pub async fn get(connection: &impl ConnectionTrait, editor: &Editor, id: Uuid) -> Result<Editable> {
    editor.permit(Action::Read, DocumentKind::YearSheet, None)?;
    let document = document::Entity::find_by_id(id).one(connection).await?;
    load(connection, document.ok_or(Error::NotFound("the year sheet"))?).await
}

async fn load(connection: &impl ConnectionTrait, document: document::Model) -> Result<Editable> {
    let newest = revision::get(connection, document.id, document.version).await?;
    let draft = revision::content(&newest)?;
    let published = match document.published_number {
        Some(number) if number == document.version => Some(YearSheet::clone(&draft)),
        Some(number) => Some(revision::content(&revision::get(connection, document.id, number).await?)?),
        None => None,
    };
    Ok(Editable { document: Some(document), newest: Some(newest), draft, published })
}

/// What is to change of a sheet. What is left out stays as it is.
#[derive(Clone, Debug)]
pub struct Changes {
    /// The category.
    pub category: CategoryCode,
    /// The year.
    pub year: Year,
    /// The version that the editor had seen; [`Version::NONE`] for a sheet that does not exist yet.
    pub expected: Version,
    /// The published total.
    pub total: Patch<Count>,
    /// Its note.
    pub total_note: Patch<Localized<Prose>>,
    /// The cells.
    pub counts: Vec<CellChanges>,
    /// Whether the new revision is published in the same step.
    pub publish: bool,
    /// Why, for what is published.
    pub release: Release,
}

/// What is to change of one cell.
#[derive(Clone, Debug)]
pub struct CellChanges {
    /// The position of the row in the input, for its faults.
    pub row: usize,
    /// The country.
    pub country: CountryCode,
    /// The figure.
    pub value: Patch<Count>,
    /// Its status; when left out, the status that stood there if it fits, else `FINAL` for a value.
    pub status: Option<ObservationStatus>,
    /// The note.
    pub note: Patch<Localized<Prose>>,
}

/// A field of a change: left alone, cleared, or set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Patch<T> {
    /// Left as it is.
    #[default]
    Keep,
    /// Made empty.
    Clear,
    /// Replaced.
    Set(T),
}

impl<T> Patch<T> {
    fn apply(self, current: Option<T>) -> Option<T> {
        match self {
            Self::Keep => current,
            Self::Clear => None,
            Self::Set(value) => Some(value),
        }
    }
}

/// Saves changes as a new revision and publishes it if asked, all or nothing. `faults` are those that the input had
/// already; the faults found here are reported with them.
///
/// # Errors
/// [`Error::Forbidden`]; [`Error::Conflict`] when somebody saved in between; [`Error::Invalid`] with every fault of
/// every row; [`Error::Blocked`] when the figures cannot be published as they are.
pub async fn update(
    transaction: &mut Transaction,
    editor: &Editor,
    changes: Changes,
    mut faults: Vec<Fault>,
) -> Result<Editable> {
    let mut edit = Edit::new(transaction, editor);
    edit.editor().permit(Action::Save, DocumentKind::YearSheet, None)?;
    if category::Entity::find_by_id(changes.category.clone()).one(edit.connection()).await?.is_none() {
        faults.push(Fault::new(["category"], Rule::Unknown));
        return Err(Error::Invalid(faults));
    }
    let base = edit.base::<YearSheet>(&key(&changes.category, changes.year), changes.expected).await?;
    let rows: BTreeMap<CountryCode, usize> =
        changes.counts.iter().rev().map(|cell| (cell.country.clone(), cell.row)).collect();
    let empty = YearSheet::empty(changes.category.clone(), changes.year);
    let release = changes.publish.then(|| changes.release.clone());
    if let Some(release) = &release {
        let published = base.document().is_some_and(|document| document.published_number.is_some());
        faults.extend(empty.release(release.clone(), published).err());
    }
    let reason = changes.release.reason.clone();
    let sheet = apply(base.content().cloned().unwrap_or(empty), changes, &mut faults);

    // Stale input may look wrong against the newer sheet: who lost the race is told that first.
    let document = match edit.save(base, &sheet, RevisionAction::Save, reason).await {
        Ok(document) if faults.is_empty() => document,
        Ok(_) => return Err(Error::Invalid(faults)),
        Err(Error::Invalid(more)) => {
            faults.extend(more.into_iter().map(|fault| by_row(fault, &rows)));
            return Err(Error::Invalid(faults));
        }
        Err(error) => return Err(error),
    };
    if let Some(release) = release {
        edit.publish(&document, &sheet, release).await?;
        let blockers = sheet.blockers(edit.connection(), document.id).await?;
        if !blockers.is_empty() {
            let blocker = |fault| Blocker { document_id: document.id, fault };
            return Err(Error::Blocked(blockers.into_iter().map(blocker).collect()));
        }
    }
    // Read before the commit lets the next writer in: an answer that already has their version would have this editor
    // overwrite figures that they never saw.
    get(edit.connection(), editor, document.id).await
}

/// The sheet after the changes. Changes that contradict themselves leave a fault instead.
fn apply(mut sheet: YearSheet, changes: Changes, faults: &mut Vec<Fault>) -> YearSheet {
    let (value, note) = sheet.total.take().map_or((None, None), |total| (Some(total.value), Some(total.note)));
    match (changes.total.apply(value), changes.total_note) {
        (Some(value), change) => {
            sheet.total = Some(Total { value, note: change.apply(note).unwrap_or_default() });
        }
        // A note on nothing.
        (None, Patch::Set(note)) if !note.is_empty() => faults.push(Fault::new(["total"], Rule::Required)),
        (None, _) => {}
    }
    let mut seen = BTreeSet::new();
    for change in changes.counts {
        let at = |field: &str| ["counts".to_owned(), change.row.to_string(), field.to_owned()];
        if !seen.insert(change.country.clone()) {
            faults.push(Fault::new(at("country"), Rule::Duplicate));
            continue;
        }
        let current = sheet.counts.remove(&change.country);
        let (old, note) = current.map_or((None, None), |cell| (Some(cell.observation), Some(cell.note)));
        let value = change.value.apply(old.and_then(Observation::value));
        let fitting = old.map(Observation::status).filter(|status| status.has_value() == value.is_some());
        let status = change.status.or(fitting).or(value.map(|_| ObservationStatus::Final));
        let observation = match status {
            Some(status) => Observation::new(value, status).map_err(|rule| (rule, "value")),
            // No value and no reason: the status is what is missing.
            None => Err((Rule::Required, "status")),
        };
        match observation {
            Ok(observation) => {
                let note = change.note.apply(note).unwrap_or_default();
                sheet.counts.insert(change.country, Cell { observation, note });
            }
            Err((rule, field)) => faults.push(Fault::new(at(field), rule)),
        }
    }
    sheet
}

/// Content names a cell by its country, input by its row.
fn by_row(mut fault: Fault, rows: &BTreeMap<CountryCode, usize>) -> Fault {
    if let [counts, country, ..] = fault.path.as_mut_slice()
        && counts == "counts"
        && let Some((_, row)) = rows.iter().find(|(code, _)| code.as_str() == country)
    {
        *country = row.to_string();
    }
    fault
}

/// The natural key of the sheet of a category and year.
#[must_use]
pub fn key(category: &CategoryCode, year: Year) -> String {
    format!("{category}/{year}")
}
