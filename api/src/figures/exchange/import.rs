//! From a file to year sheets: how it was understood, what it would change, and the change itself.

pub mod graphql;

use std::collections::BTreeMap;

use entities::{Flags, Localized, Prose, RevisionAction, Rule, Version};

use super::{
    Reported,
    reading::{FileFault, Names, Overrides, Reading, read_while},
};
use crate::{
    access::{Editor, permission::Action},
    compute_pool::{Client, ComputePool, Priority},
    editorial::{Edit, Release},
    error::{Error, Fault, Result},
    figures::{
        Published,
        disclosure::Confidentiality,
        vintage::SheetKey,
        year_sheet::{
            self, YearSheet,
            update::{Batch, CellChanges, Changes, ErrorPolicy, Outcome, Patch, update_all},
        },
    },
    transaction::Transaction,
};

/// The most sheets that one file may change.
const MAX_SHEETS: usize = 200;

/// What is to become of the figures of a file.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The versions that the editor has seen, of the sheets that the file is about. None for a dry run, which is held
    /// against what stands.
    pub seen: Option<BTreeMap<SheetKey, Version>>,
    /// What becomes of figures with faults.
    pub policy: ErrorPolicy,
    /// Whether the sheets are published in the same step.
    pub publish: bool,
    /// Why; the reason is kept with every revision.
    pub release: Release,
}

/// What became of a file.
#[derive(Clone, Debug)]
pub struct Imported {
    /// How it was understood, and what is wrong with it.
    pub reading: Reading,
    /// The sheets that it is about, with the version that each had before.
    pub bases: Vec<(SheetKey, Version)>,
    /// What became of them, or would; nothing when the faults of the file kept it from being used.
    pub outcome: Option<Outcome>,
    /// Whether it is written.
    pub is_written: bool,
}

/// Every name that a file may give to what is published.
#[must_use]
pub fn names(published: &Published) -> Names {
    let category = |category: &crate::figures::published::Category| {
        (category.code.clone(), category.labels.values().map(|label| label.name.clone()).collect())
    };
    let country = |country: &crate::figures::published::Country| {
        (country.code.clone(), country.names.values().cloned().collect())
    };
    Names {
        categories: published.categories.iter().map(category).collect(),
        countries: published.countries.iter().map(country).collect(),
    }
}

/// Reads a file in the pool: a large one takes a while.
///
/// # Errors
/// [`Error::Overloaded`]; or when the process is shutting down.
pub async fn understand(
    pool: &ComputePool,
    client: &Client,
    bytes: Vec<u8>,
    names: Names,
    overrides: Overrides,
) -> Result<Reading> {
    pool.run(Priority::Normal, client, move |cancellation| {
        read_while(&bytes, &names, &overrides, &|| !cancellation.is_cancelled())
    })
    .await
}

/// Brings the figures of a file into their year sheets. What the file does not mention stays; what was withheld, rounded
/// or merged when it was written does not say what was counted, and stays too.
///
/// # Errors
/// [`Error::Forbidden`]; [`Error::Conflict`]; [`Error::Invalid`] for a sheet of which no version was named;
/// [`Error::Blocked`]. Faults of the file itself are part of what became of it.
pub async fn import(
    transaction: &mut Transaction,
    editor: &Editor,
    mut reading: Reading,
    wish: Wish,
) -> Result<Imported> {
    editor.permit(Action::Save, entities::DocumentKind::YearSheet, None)?;
    let mut sheets: BTreeMap<SheetKey, Vec<usize>> = BTreeMap::new();
    for (index, figure) in reading.figures.iter().enumerate() {
        if figure.confidentiality == Confidentiality::Free {
            sheets.entry((figure.category.clone(), figure.year)).or_default().push(index);
        }
    }
    if sheets.len() > MAX_SHEETS {
        return Err(Error::invalid(["file"], Rule::TooMany { max: MAX_SHEETS }));
    }
    let mut edit = Edit::new(transaction, editor);
    let mut bases = Vec::with_capacity(sheets.len());
    let mut changes = Vec::with_capacity(sheets.len());
    let mut faults = Vec::new();
    for (key, figures) in &sheets {
        let newest = edit.newest::<YearSheet>(&year_sheet::key(&key.0, key.1)).await?;
        let current = newest.expected();
        let seen = match &wish.seen {
            None => Some(current),
            Some(seen) => seen.get(key).copied(),
        };
        if seen.is_none() {
            let path = ["expectedVersions".to_owned(), key.0.to_string(), key.1.to_string()];
            faults.push(Fault::new(path, Rule::Required));
        }
        bases.push((key.clone(), current));
        let figures = figures.iter().map(|index| (*index, &reading.figures[*index]));
        let mut of_sheet = of_sheet(key, seen.unwrap_or(current), newest.content(), figures);
        if of_sheet.expected == current {
            of_sheet.base = Some(Box::new(newest));
        }
        changes.push((of_sheet, Vec::new()));
    }
    let has_faults = !reading.faults.is_empty() || reading.more_faults > 0;
    if has_faults && wish.policy == ErrorPolicy::AllOrNone || sheets.is_empty() {
        return Ok(Imported { reading, bases, outcome: None, is_written: false });
    }
    if !faults.is_empty() {
        return Err(Error::Invalid(faults));
    }
    let is_dry = wish.seen.is_none();
    let batch = Batch {
        sheets: changes,
        policy: wish.policy,
        action: RevisionAction::Import,
        publish: wish.publish,
        release: wish.release,
    };
    let outcome = match update_all(transaction, editor, batch).await {
        Ok(mut outcome) => {
            let rejected = std::mem::take(&mut outcome.rejected);
            reading.faults.extend(rejected.into_iter().filter_map(|fault| in_file(&reading.figures, fault).ok()));
            outcome
        }
        Err(Error::Invalid(faults)) => {
            let (in_file, others): (Vec<_>, Vec<_>) =
                faults.into_iter().map(|fault| in_file(&reading.figures, fault)).partition(Result::is_ok);
            let others: Vec<Fault> = others.into_iter().filter_map(Result::err).collect();
            if !others.is_empty() {
                return Err(Error::Invalid(others));
            }
            reading.faults.extend(in_file.into_iter().filter_map(Result::ok));
            transaction.roll_back().await?;
            return Ok(Imported { reading, bases, outcome: None, is_written: false });
        }
        // Where the input names a sheet is no place in the file. Who lost the race sees their faults when they try again.
        Err(Error::Several(mut errors)) => {
            errors.retain(|error| !matches!(error, Error::Invalid(_)));
            return Err(Error::all(errors));
        }
        Err(error) => return Err(error),
    };
    if is_dry {
        transaction.roll_back().await?;
    }
    Ok(Imported { reading, bases, outcome: Some(outcome), is_written: !is_dry })
}

/// What the figures of a file change of a sheet.
fn of_sheet<'a>(
    (category, year): &SheetKey,
    expected: Version,
    base: Option<&YearSheet>,
    figures: impl Iterator<Item = (usize, &'a Reported)>,
) -> Changes {
    let mut changes = Changes::none(category.clone(), *year, expected);
    for (index, figure) in figures {
        let before = base.and_then(|sheet| sheet.figure(figure.country.as_ref()));
        let flags = flags(figure.observation.flags(), before.as_ref().map(|cell| cell.observation.flags()));
        let note = figure.note.as_ref().map(|note| patched(before.map(|cell| cell.note).unwrap_or_default(), note));
        let note = note.map_or(Patch::Keep, Patch::Set);
        let value = figure.observation.value().map_or(Patch::Clear, Patch::Set);
        match figure.country.clone() {
            Some(country) => {
                changes.counts.push(CellChanges {
                    row: index,
                    country,
                    remove: false,
                    value,
                    flags: Some(flags),
                    note,
                });
            }
            None => {
                (changes.total, changes.total_note) = (value, note);
                changes.total_flags = figure.observation.value().map(|_| flags);
            }
        }
    }
    changes
}

/// That a figure was revised is worked out from what was published, so an export that says it of a figure that does not
/// say it of itself is no change.
fn flags(reported: Flags, before: Option<Flags>) -> Flags {
    let revised = entities::ObservationStatus::Revised;
    match before {
        Some(before) if !before.contains(revised) => reported.unrevised(),
        _ => reported,
    }
}

/// The note with the text of one locale as a file has it.
fn patched(mut note: Localized<Prose>, (locale, text): &(entities::Locale, String)) -> Localized<Prose> {
    // `reading` has refused what is no note.
    match text.parse() {
        Ok(text) => note.insert(locale.clone(), text),
        Err(_) => note.remove(locale),
    };
    note
}

/// A fault of a row of a sheet as one of the figure in the file.
///
/// # Errors
/// The fault itself when it is about no figure.
fn in_file(figures: &[Reported], fault: Fault) -> Result<FileFault, Fault> {
    let figure = match fault.path.as_slice() {
        [sheets, _, counts, row, ..] if sheets == "sheets" && counts == "counts" => row.parse().ok(),
        _ => None,
    };
    match figure.and_then(|index: usize| figures.get(index)) {
        Some(figure) => {
            let value = figure.observation.value().map(|value| value.to_string()).unwrap_or_default();
            Ok(FileFault { place: figure.place.clone(), value, rule: fault.rule })
        }
        None => Err(fault),
    }
}
