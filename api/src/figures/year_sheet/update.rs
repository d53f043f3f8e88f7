//! Changing year sheets: one, or several together. This is where a count is written.

use std::collections::{BTreeMap, BTreeSet};

use entities::{
    CategoryCode, Count, CountryCode, DocumentKind, Flags, Localized, Observation, ObservationStatus, Prose,
    RevisionAction, Rule, Version, Year, document,
};

use super::{Cell, Editable, KnownNames, Saved, Total, YearSheet, is_category, key, load, shown_versions};
use crate::{
    access::{Editor, permission::Action},
    editorial::{Base, Edit, Kind, Release, revision},
    error::{Blocker, Error, Fault, Result},
    transaction::Transaction,
};

/// What is to change of a sheet. What is left out stays as it is.
#[derive(Clone, Debug)]
pub struct Changes {
    /// The category.
    pub category: CategoryCode,
    /// The year.
    pub year: Year,
    /// The version that the editor had seen; [`Version::NONE`] for a sheet that does not exist yet.
    pub expected: Version,
    /// Whether to begin with an empty sheet.
    pub clear: bool,
    /// The sheet whose countries to take over, each with a figure that is still to come.
    pub copy_from: Option<(CategoryCode, Year)>,
    /// The published total.
    pub total: Patch<Count>,
    /// Its statuses; when left out, those that stood there, else `FINAL`.
    pub total_flags: Option<Flags>,
    /// Its note.
    pub total_note: Patch<Localized<Prose>>,
    /// The cells.
    pub counts: Vec<CellChanges>,
    /// The sheet at that version, where it was read already.
    pub base: Option<Box<Base<YearSheet>>>,
}

impl Changes {
    /// No change of a sheet.
    #[must_use]
    pub const fn none(category: CategoryCode, year: Year, expected: Version) -> Self {
        Self {
            category,
            year,
            expected,
            clear: false,
            copy_from: None,
            total: Patch::Keep,
            total_flags: None,
            total_note: Patch::Keep,
            counts: Vec::new(),
            base: None,
        }
    }
}

/// What is to change of one cell.
#[derive(Clone, Debug)]
pub struct CellChanges {
    /// The position of the row in the input, for its faults.
    pub row: usize,
    /// The country.
    pub country: CountryCode,
    /// Whether the country is to leave the sheet.
    pub remove: bool,
    /// The figure.
    pub value: Patch<Count>,
    /// Its statuses; when left out, those that stood there if they fit, else `FINAL` for a value.
    pub flags: Option<Flags>,
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

/// What becomes of rows with faults when several sheets are changed together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ErrorPolicy {
    /// One fault, and nothing is written.
    #[default]
    AllOrNone,
    /// Rows without fault are written, the others reported. What is wrong with a sheet as a whole still stops all.
    GoodRows,
}

/// What is to become of several sheets together.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The changes of each sheet, and the faults that its rows had already.
    pub sheets: Vec<(Changes, Vec<Fault>)>,
    /// What becomes of rows with faults.
    pub policy: ErrorPolicy,
    /// How the revisions come to be.
    pub action: RevisionAction,
    /// Whether it is published in the same step.
    pub publish: bool,
    /// Why, for what is published; the reason is kept with every revision.
    pub release: Release,
}

/// What became of several sheets.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The sheets, in the order of the input.
    pub sheets: Vec<Editable>,
    /// What became of each figure of each sheet.
    pub differences: Vec<Difference>,
    /// The faults of the rows that were left out.
    pub rejected: Vec<Fault>,
}

/// What became of one figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The category.
    pub category: CategoryCode,
    /// The country; none for the published total.
    pub country: Option<CountryCode>,
    /// The year.
    pub year: Year,
    /// What was there.
    pub before: Option<Observation>,
    /// What is there.
    pub after: Option<Observation>,
    /// Whether the note is another one.
    pub note_changed: bool,
}

/// What happened to a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DifferenceKind {
    /// It was not there before.
    Added,
    /// It, its statuses or its note are others than before.
    Changed,
    /// It is there no more.
    Removed,
    /// It is what it was.
    Unchanged,
}

impl Difference {
    /// What happened to it.
    #[must_use]
    pub fn kind(&self) -> DifferenceKind {
        match (self.before, self.after) {
            (None, Some(_)) => DifferenceKind::Added,
            (Some(_), None) => DifferenceKind::Removed,
            (before, after) if before != after || self.note_changed => DifferenceKind::Changed,
            _ => DifferenceKind::Unchanged,
        }
    }
}

/// Saves the changes of one sheet as a new revision and publishes it if asked, all or nothing. `faults` are those that
/// the input had already; the faults found here are reported with them.
///
/// # Errors
/// [`Error::Forbidden`]; [`Error::Conflict`] when somebody saved in between; [`Error::Invalid`] with every fault of
/// every row; [`Error::Blocked`] when the figures cannot be published as they are.
pub async fn update(
    transaction: &mut Transaction,
    editor: &Editor,
    changes: Changes,
    mut faults: Vec<Fault>,
    release: Option<Release>,
    reason: Option<String>,
) -> Result<Editable> {
    let mut edit = Edit::new(transaction, editor);
    let Prepared { base, sheet, rows } = prepare(&mut edit, changes, &mut faults).await?;
    if let Some(release) = &release {
        faults.extend(sheet.release(release.clone(), is_published(&base)).err());
    }
    // Stale input may look wrong against the newer sheet: who lost the race is told that first.
    let live = base.live().cloned();
    let mut document = match edit.save(base, &sheet, RevisionAction::Save, reason).await {
        Ok(document) if faults.is_empty() => document,
        Ok(_) => return Err(Error::Invalid(faults)),
        Err(Error::Invalid(more)) => {
            faults.extend(more.into_iter().map(|fault| by_row(fault, &rows)));
            return Err(Error::Invalid(faults));
        }
        Err(error) => return Err(error),
    };
    if let Some(release) = release {
        let unpublished = sheet.unpublished(edit.connection(), live.as_ref()).await?;
        if !unpublished.is_empty() {
            return Err(Error::Invalid(unpublished.into_iter().map(|fault| by_row(fault, &rows)).collect()));
        }
        document = edit.publish(&document, &sheet, live.as_ref(), release).await?;
        let blockers = sheet.blockers(edit.connection(), document.id).await?;
        if !blockers.is_empty() {
            let blocker = |fault| Blocker { document_id: document.id, fault };
            return Err(Error::Blocked(blockers.into_iter().map(blocker).collect()));
        }
    }
    // As it stands before the commit lets the next writer in: an answer that already has their version would have this
    // editor overwrite figures that they never saw.
    as_written(&mut edit, document, sheet, live).await
}

/// A sheet as editors see it after it was written in this transaction. `live` is what was public before, if that is known.
async fn as_written(
    edit: &mut Edit<'_>,
    document: document::Model,
    draft: YearSheet,
    live: Option<YearSheet>,
) -> Result<Editable> {
    let published = match document.published_number {
        Some(number) if number == document.version => Some(draft.clone()),
        Some(number) if live.is_none() => {
            Some(revision::content(&revision::get(edit.connection(), document.id, number).await?)?)
        }
        Some(_) => live,
        None => None,
    };
    for (id, version) in shown_versions(&document) {
        edit.transaction().reads(id, version);
    }
    let saved = Saved { at: edit.transaction().now(), by: edit.editor().actor().account() };
    Ok(Editable { document: Some(document), saved: Some(saved), draft, published })
}

/// Changes several sheets together, each as one new revision, and publishes them if asked. A sheet that the changes leave
/// as it is gets no revision.
///
/// # Errors
/// [`Error::Forbidden`]; [`Error::Conflict`]; [`Error::Invalid`] with every fault of every sheet, at `sheets` and its
/// place; [`Error::Blocked`] with everything that stands in the way of publishing.
pub async fn update_all(transaction: &mut Transaction, editor: &Editor, batch: Batch) -> Result<Outcome> {
    let Batch { sheets, policy, action, publish, release } = batch;
    let mut edit = Edit::new(transaction, editor);
    edit.editor().permit(Action::Save, DocumentKind::YearSheet, None)?;
    let mut outcome = Outcome::default();
    let (mut faults, mut refused) = (Vec::new(), Vec::new());
    let mut prepared = Vec::with_capacity(sheets.len());
    let mut seen = BTreeSet::new();
    for (index, (changes, mut found)) in sheets.into_iter().enumerate() {
        let place = |fault: Fault| within_sheet(index, fault);
        if !seen.insert((changes.category.clone(), changes.year)) {
            faults.push(place(Fault::new(["year"], Rule::Duplicate)));
            continue;
        }
        let prepared_sheet = match prepare(&mut edit, changes, &mut found).await {
            Err(Error::Invalid(found)) => {
                faults.extend(found.into_iter().map(place));
                continue;
            }
            Err(error) if error.is_of_one_document() => {
                refused.push(error.at(&place_of(index)));
                continue;
            }
            prepared => prepared?,
        };
        if let Some(document) = prepared_sheet.base.document() {
            edit.transaction().reads(document.id, document.version);
        }
        prepared.push((index, prepared_sheet, found));
    }
    let known = KnownNames::of(edit.connection(), prepared.iter().map(|(_, prepared, ..)| &prepared.sheet)).await?;
    for (index, Prepared { base, sheet, rows }, found) in &mut prepared {
        let (index, mut found) = (*index, std::mem::take(found));
        let place = |fault: Fault| within_sheet(index, fault);
        let mut of_sheet = Vec::new();
        let of_names = sheet.check_names(&known);
        if of_names.is_empty() {
            base.note_checked();
        }
        for fault in of_names {
            match row_of(&fault) {
                Some(country) => {
                    restore_cell(sheet, base, &country);
                    found.push(by_row(fault, rows));
                }
                None => of_sheet.push(fault),
            }
        }
        let (by_rows, others) =
            found.into_iter().partition::<Vec<_>, _>(|fault| fault.path.first().is_some_and(|field| field == "counts"));
        of_sheet.extend(others);
        match policy {
            ErrorPolicy::AllOrNone => faults.extend(by_rows.into_iter().map(place)),
            ErrorPolicy::GoodRows => outcome.rejected.extend(by_rows.into_iter().map(place)),
        }
        faults.extend(of_sheet.into_iter().map(place));
    }
    if !faults.is_empty() {
        refused.push(Error::Invalid(faults));
    }
    if !refused.is_empty() {
        return Err(Error::all(refused));
    }

    let mut documents = Vec::with_capacity(prepared.len());
    let mut published = Vec::new();
    for (index, Prepared { base, sheet, rows }, _) in prepared {
        let (before, live) = (base.content().cloned(), base.live().cloned());
        let was_published = is_published(&base);
        outcome.differences.extend(differences(before.as_ref(), &sheet));
        let known = base.document().cloned();
        let is_changed = known.is_none() || before.as_ref() != Some(&sheet);
        let saved = match known {
            Some(document) if !is_changed => edit.expect(&document, base.expected()).await.map(|()| document),
            _ => edit.save(base, &sheet, action, release.reason.clone()).await,
        };
        let mut document = match saved {
            Ok(document) => document,
            Err(Error::Invalid(faults)) => {
                refused.push(Error::Invalid(faults.into_iter().map(|fault| within_sheet(index, fault)).collect()));
                continue;
            }
            Err(error) if error.is_of_one_document() => {
                refused.push(error.at(&place_of(index)));
                continue;
            }
            Err(error) => return Err(error),
        };
        if publish && document.published_number != Some(document.version) {
            // What comes out for the first time is a release, whatever the others are.
            let kind = release.kind.filter(|_| was_published);
            let unpublished = sheet.unpublished(edit.connection(), live.as_ref()).await?;
            if !unpublished.is_empty() {
                let place = |fault: Fault| within_sheet(index, by_row(fault, &rows));
                return Err(Error::Invalid(unpublished.into_iter().map(place).collect()));
            }
            document = edit.publish(&document, &sheet, live.as_ref(), Release { kind, ..release.clone() }).await?;
            published.push((document.id, sheet.clone()));
        }
        documents.push((document, is_changed.then_some((sheet, live))));
    }
    if !refused.is_empty() {
        return Err(Error::all(refused));
    }
    let mut blockers = Vec::new();
    for (id, sheet) in published {
        let found = sheet.blockers(edit.connection(), id).await?;
        blockers.extend(found.into_iter().map(|fault| Blocker { document_id: id, fault }));
    }
    if !blockers.is_empty() {
        return Err(Error::Blocked(blockers));
    }
    for (document, written) in documents {
        outcome.sheets.push(match written {
            Some((sheet, live)) => as_written(&mut edit, document, sheet, live).await?,
            None => load(edit.connection(), document).await?,
        });
    }
    Ok(outcome)
}

/// A sheet with its changes, before it is saved.
struct Prepared {
    base: Base<YearSheet>,
    sheet: YearSheet,
    /// The row of each country in the input.
    rows: BTreeMap<CountryCode, usize>,
}

async fn prepare(edit: &mut Edit<'_>, mut changes: Changes, faults: &mut Vec<Fault>) -> Result<Prepared> {
    edit.editor().permit(Action::Save, DocumentKind::YearSheet, None)?;
    let base = match changes.base.take() {
        Some(base) => Ok(*base),
        None => edit.base::<YearSheet>(&key(&changes.category, changes.year), changes.expected).await,
    };
    // What there is a sheet of is there itself.
    let is_new = base.as_ref().map_or(true, |base| base.document().is_none());
    if is_new && !is_category(edit.connection(), &changes.category).await? {
        faults.push(Fault::new(["category"], Rule::Unknown));
        return Err(Error::Invalid(std::mem::take(faults)));
    }
    let mut base = base?;
    let again = |current: YearSheet| {
        let start = if changes.clear { YearSheet::empty(changes.category.clone(), changes.year) } else { current };
        Some(apply(start, changes.clone(), &mut Vec::new()))
    };
    edit.note_overwritten(&mut base, again).await?;
    let rows = changes.counts.iter().rev().map(|cell| (cell.country.clone(), cell.row)).collect();
    let empty = || YearSheet::empty(changes.category.clone(), changes.year);
    let mut sheet = base.content().filter(|_| !changes.clear).cloned().unwrap_or_else(empty);
    // What must stay withheld is not for editors to clear.
    sheet.withheld = base.content().and_then(|content| content.withheld.clone());
    if let Some((category, year)) = &changes.copy_from {
        match revision::find(edit.connection(), DocumentKind::YearSheet, &key(category, *year)).await? {
            Some(document) => {
                let newest = revision::get(edit.connection(), document.id, document.version).await?;
                copy_countries(&revision::content(&newest)?, &mut sheet)?;
            }
            None => faults.push(Fault::new(["copyFrom"], Rule::Unknown)),
        }
    }
    let sheet = apply(sheet, changes, faults);
    Ok(Prepared { base, sheet, rows })
}

/// The countries of the one that the other does not have, each with a figure that is still to come.
fn copy_countries(from: &YearSheet, to: &mut YearSheet) -> Result<()> {
    let observation = Observation::new(None, ObservationStatus::NotYet).map_err(Error::internal)?;
    for country in from.counts.keys() {
        to.counts.entry(country.clone()).or_insert_with(|| Cell { observation, note: Localized::new() });
    }
    Ok(())
}

fn is_published(base: &Base<YearSheet>) -> bool {
    base.document().is_some_and(|document| document.published_number.is_some())
}

/// The sheet after the changes. Changes that contradict themselves leave a fault instead.
fn apply(mut sheet: YearSheet, changes: Changes, faults: &mut Vec<Fault>) -> YearSheet {
    let (value, flags, note) = match sheet.total.take() {
        Some(total) => (Some(total.value()), Some(total.observation().flags()), Some(total.note)),
        None => (None, None, None),
    };
    match (changes.total.apply(value), changes.total_note) {
        (Some(value), change) => {
            let flags = changes.total_flags.or(flags).unwrap_or(Flags::FINAL);
            match Total::new(value, flags, change.apply(note).unwrap_or_default()) {
                Ok(total) => sheet.total = Some(total),
                Err(rule) => faults.push(Fault::new(["totalFlags"], rule)),
            }
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
        let current = sheet.counts.get(&change.country).cloned();
        if change.remove {
            sheet.counts.remove(&change.country);
            if current.is_none() {
                faults.push(Fault::new(at("country"), Rule::Unknown));
            }
            continue;
        }
        let (old, note) = current.map_or((None, None), |cell| (Some(cell.observation), Some(cell.note)));
        let value = change.value.apply(old.and_then(Observation::value));
        let fitting = old.map(Observation::flags).filter(|flags| flags.principal().has_value() == value.is_some());
        let flags = change.flags.or(fitting).or(value.map(|_| Flags::FINAL));
        let observation = match flags {
            Some(flags) => Observation::new(value, flags).map_err(|rule| (rule, "value")),
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

/// What became of each figure, by country, the total last.
#[must_use]
pub fn differences(before: Option<&YearSheet>, after: &YearSheet) -> Vec<Difference> {
    let countries: BTreeSet<&CountryCode> =
        before.into_iter().chain([after]).flat_map(|sheet| sheet.counts.keys()).collect();
    let of = |sheet: Option<&YearSheet>, country: Option<&CountryCode>| sheet?.figure(country);
    let difference = |country: Option<&CountryCode>| {
        let (old, new) = (of(before, country), of(Some(after), country));
        Difference {
            category: after.category.clone(),
            country: country.cloned(),
            year: after.year,
            before: old.as_ref().map(|cell| cell.observation),
            after: new.as_ref().map(|cell| cell.observation),
            note_changed: old.zip(new).is_some_and(|(old, new)| old.note != new.note),
        }
    };
    let all = countries.into_iter().map(|country| difference(Some(country))).chain([difference(None)]);
    all.filter(|difference| difference.before.is_some() || difference.after.is_some()).collect()
}

/// The country that a fault of the content is about, if it is about one.
fn row_of(fault: &Fault) -> Option<CountryCode> {
    match fault.path.as_slice() {
        [counts, country, ..] if counts == "counts" => country.parse().ok(),
        _ => None,
    }
}

/// Takes back what was changed of a country.
fn restore_cell(sheet: &mut YearSheet, base: &Base<YearSheet>, country: &CountryCode) {
    match base.content().and_then(|content| content.counts.get(country)) {
        Some(cell) => sheet.counts.insert(country.clone(), cell.clone()),
        None => sheet.counts.remove(country),
    };
}

/// The fault of a sheet as a fault of the batch.
#[must_use]
pub fn within_sheet(index: usize, mut fault: Fault) -> Fault {
    fault.path.splice(0..0, place_of(index));
    fault
}

fn place_of(sheet: usize) -> [String; 2] {
    ["sheets".to_owned(), sheet.to_string()]
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
