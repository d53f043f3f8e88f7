//! From the rows of a table to figures.

use std::collections::HashMap;

use entities::{CategoryCode, CountryCode, Flags, Locale, Observation, ObservationStatus, Prose, Rule, Year};

use super::{
    super::{Place, Reported},
    Report,
    grid::{Cell, Sheet, letters},
    mapping::{Block, Column, Layout, Unread},
    names::{Lookup, Named},
    number::{self, Said},
};
use crate::figures::{disclosure::Confidentiality, exchange::original};

/// The most that all notes of a file may take, in MiB. Cells of a workbook share their texts, figures do not.
const MAX_NOTES_MIB: usize = 16;

/// The figures found so far. There is one for each category, country and year.
#[derive(Default)]
pub(super) struct Figures {
    pub(super) list: Vec<Reported>,
    /// How many bytes their notes take.
    notes: usize,
    seen: HashMap<(CategoryCode, Option<CountryCode>, Year), usize>,
}

impl Figures {
    pub(super) fn add(&mut self, mut figure: Reported, shown: &str, report: &mut Report) {
        let key = (figure.category.clone(), figure.country.clone(), figure.year);
        match self.seen.get(&key).and_then(|&first| self.list.get(first)) {
            Some(first) => {
                let first = spot(&first.place);
                let is_total = figure.country.is_none();
                let rule = if is_total { Rule::TwoTotals { first } } else { Rule::FigureTwice { first } };
                report.add(figure.place, shown, rule);
            }
            None => {
                self.notes = self.notes.saturating_add(figure.note.as_ref().map_or(0, |(_, note)| note.len()));
                if self.notes > MAX_NOTES_MIB << 20 && figure.note.take().is_some() {
                    report.add(figure.place.clone(), "", Rule::TooBigInside { max_mib: MAX_NOTES_MIB });
                }
                self.seen.insert(key, self.list.len());
                self.list.push(figure);
            }
        }
    }
}

/// A place as spreadsheets name it (`data!C5`).
fn spot(place: &Place) -> String {
    let sheet = place.sheet.as_ref().map(|sheet| format!("{sheet}!")).unwrap_or_default();
    let column = place.column.as_deref().unwrap_or_default();
    let row = place.row.map(|row| row.to_string()).unwrap_or_default();
    format!("{sheet}{column}{row}")
}

/// The observation of a value and the statuses beside it; none where nothing is said.
pub(super) fn observation(said: Option<Said>, statuses: Vec<ObservationStatus>) -> Result<Option<Observation>, Rule> {
    let Said { count, statuses: signs } = said.unwrap_or_default();
    let mut all: Vec<ObservationStatus> = statuses.into_iter().chain(signs).collect();
    match (count, all.is_empty()) {
        (None, true) => return Ok(None),
        (Some(_), true) => all.push(ObservationStatus::Final),
        _ => {}
    }
    Observation::new(count, Flags::new(all)?).map(Some)
}

pub(super) fn confidentiality(text: &str) -> Result<Confidentiality, Rule> {
    match text.trim().to_uppercase().as_str() {
        "" | "FREE" => Ok(Confidentiality::Free),
        "ROUNDED" => Ok(Confidentiality::Rounded),
        "WITHHELD" => Ok(Confidentiality::Withheld),
        "MERGED" => Ok(Confidentiality::Merged),
        _ => Err(Rule::NotOneOf { allowed: "FREE, ROUNDED, WITHHELD, MERGED".to_owned() }),
    }
}

/// A note that can be stored; an empty one is none.
pub(super) fn note(text: &str) -> Result<String, Rule> {
    if text.is_empty() { Ok(String::new()) } else { text.parse::<Prose>().map(String::from) }
}

/// What the columns that hold for a whole row say.
struct Common {
    category: Option<CategoryCode>,
    country: Option<CountryCode>,
    note: Option<(Locale, String)>,
}

/// Reads the rows of a table.
pub(super) fn read(sheet: &Sheet, block: &mut Block, lookup: &Lookup, figures: &mut Figures, report: &mut Report) {
    let mut reader = RowReader { sheet, block, lookup, carried: None };
    let mut unread = Vec::new();
    reader.read(&mut unread, figures, report);
    block.mapping.unread.extend(unread);
}

struct RowReader<'a> {
    sheet: &'a Sheet,
    block: &'a Block,
    lookup: &'a Lookup,
    /// The category of the row above, which merged cells leave out in those below.
    carried: Option<CategoryCode>,
}

const NOTHING: &Cell = &Cell::Empty;

impl<'a> RowReader<'a> {
    fn read(&mut self, unread: &mut Vec<(usize, Unread)>, figures: &mut Figures, report: &mut Report) {
        if let Some(header) = self.block.mapping.header_row {
            let cells = self.sheet.rows.get(header - 1).map(Vec::as_slice).unwrap_or_default();
            // It may hide a year, and with it a column of figures.
            for (column, _) in cells.iter().enumerate().filter(|(_, cell)| **cell == Cell::Formula) {
                report.add(self.place(header - 1, column), "", Rule::Formula);
            }
            let place = || Place { sheet: self.sheet.name.clone(), row: Some(header), column: None };
            if self.block.mapping.category_from.is_none() {
                report.add(place(), "", Rule::NoCategory);
            }
            let has_year = self.block.index(Column::Period).is_some() || self.block.mapping.year.is_some();
            if self.block.mapping.layout == Layout::Long && !has_year {
                report.add(place(), "", Rule::NoYear);
            }
        }
        let wide: Vec<(usize, Year)> = self
            .block
            .mapping
            .columns
            .iter()
            .enumerate()
            .filter_map(|(index, mapped)| match mapped.column {
                Column::Year(year) => Some((index, year)),
                _ => None,
            })
            .collect();
        for row in self.block.rows.clone() {
            let why = match self.sheet.rows.get(row) {
                Some(cells) if !cells.iter().all(Cell::is_blank) => {
                    let read = match self.block.mapping.layout {
                        Layout::WideYears => self.wide_row(row, cells, &wide, figures, report),
                        Layout::Long => self.long_row(row, cells, figures, report),
                        Layout::Nothing => false,
                    };
                    (!read).then_some(Unread::Remark)
                }
                _ => Some(Unread::Blank),
            };
            unread.extend(why.map(|why| (row + 1, why)));
        }
    }

    /// Whether the row is one of figures.
    fn wide_row(
        &mut self,
        row: usize,
        cells: &'a [Cell],
        years: &[(usize, Year)],
        figures: &mut Figures,
        report: &mut Report,
    ) -> bool {
        // A row may be much shorter than the header.
        let years = || years.iter().map_while(|(column, year)| Some((*column, *year, cells.get(*column)?)));
        let has_figures = years().any(|(_, _, cell)| !cell.is_blank());
        let Some(mut common) = self.common(row, cells, has_figures, report) else { return has_figures };
        // A note of the row holds for each of its figures; that there is none says nothing of any.
        common.note.take_if(|(_, note)| note.is_empty());
        for (column, year, cell) in years() {
            match number::value(cell).and_then(|said| observation(said, Vec::new())) {
                Ok(Some(observation)) => {
                    let place = self.place(row, column);
                    add(&common, place, year, observation, Confidentiality::Free, &cell.text(), figures, report);
                }
                Ok(None) => {}
                Err(rule) => report.add(self.place(row, column), &cell.text(), rule),
            }
        }
        true
    }

    fn long_row(&mut self, row: usize, cells: &'a [Cell], figures: &mut Figures, report: &mut Report) -> bool {
        let (value_at, value) = self.cell(cells, Column::Value);
        let (status_at, status) = self.cell(cells, Column::Status);
        let has_figures = !value.is_blank() || !status.is_blank();
        let Some(common) = self.common(row, cells, has_figures, report) else { return has_figures };
        if !has_figures {
            return true;
        }
        let (year_at, year) = self.cell(cells, Column::Period);
        let year = match (number::year(year), self.block.mapping.year) {
            (Ok(Some(year)), _) | (Ok(None), Some(year)) => Some(year),
            // That there is no such column has been said of the header.
            (Ok(None), None) if self.block.index(Column::Period).is_none() => None,
            (Ok(None), None) => report.none(self.place(row, year_at), "", Rule::Required),
            (Err(rule), _) => report.none(self.place(row, year_at), &year.text(), rule),
        };
        let said = number::value(value).map_err(|rule| (value_at, value, rule));
        let statuses =
            self.text(status).and_then(|text| number::statuses(&text)).map_err(|rule| (status_at, status, rule));
        let observation = match (said, statuses) {
            (Ok(said), Ok(statuses)) => observation(said, statuses).map_err(|rule| (value_at, value, rule)),
            (Err(fault), Err(other)) => {
                report.add(self.place(row, other.0), &other.1.text(), other.2);
                Err(fault)
            }
            (Err(fault), _) | (_, Err(fault)) => Err(fault),
        };
        let (confidentiality_at, cell) = self.cell(cells, Column::Confidentiality);
        let confidentiality = match self.text(cell).and_then(|text| confidentiality(&text)) {
            Ok(confidentiality) => Some(confidentiality),
            Err(rule) => report.none(self.place(row, confidentiality_at), &cell.text(), rule),
        };
        match observation {
            Ok(Some(observation)) => {
                if let (Some(year), Some(confidentiality)) = (year, confidentiality) {
                    let place = self.place(row, value_at);
                    add(&common, place, year, observation, confidentiality, &value.text(), figures, report);
                }
            }
            Ok(None) => {}
            Err((column, cell, rule)) => report.add(self.place(row, column), &cell.text(), rule),
        }
        true
    }

    /// Category, country and note of a row; none if the row has no country, which is a fault if it has figures.
    fn common(&mut self, row: usize, cells: &'a [Cell], has_figures: bool, report: &mut Report) -> Option<Common> {
        let category = self.category(row, cells, has_figures, report);
        let (mut column, mut cell) = self.cell(cells, Column::Country);
        if cell.is_blank()
            && let Some(index) = self.block.index(Column::CountryName)
        {
            (column, cell) = (index, cells.get(index).unwrap_or(NOTHING));
        }
        let country = match self.text(cell) {
            Ok(text) => match self.lookup.country(&text) {
                Some(Named::Country(country)) => Some(country),
                Some(Named::Total) => None,
                None if !has_figures => return None,
                None if text.trim().is_empty() => return report.none(self.place(row, column), "", Rule::Required),
                None => return report.none(self.place(row, column), &text, Rule::Unknown),
            },
            Err(_) if !has_figures => return None,
            Err(rule) => return report.none(self.place(row, column), "", rule),
        };
        let note = if has_figures { self.note(row, cells, report) } else { None };
        Some(Common { category, country, note })
    }

    fn category(&mut self, row: usize, cells: &[Cell], has_figures: bool, report: &mut Report) -> Option<CategoryCode> {
        if let Some(category) = &self.block.mapping.category {
            return Some(category.clone());
        }
        let columns = [Column::Category, Column::CategoryName].map(|column| self.block.index(column));
        let cell = |column: &usize| cells.get(*column).is_some_and(|cell| !cell.is_blank());
        let first = columns.into_iter().flatten().next()?;
        let Some(column) = columns.into_iter().flatten().find(cell) else {
            if self.carried.is_none() && has_figures {
                report.add(self.place(row, first), "", Rule::Required);
            }
            return self.carried.clone();
        };
        let cell = cells.get(column).unwrap_or(NOTHING);
        let category = match self.text(cell) {
            Ok(text) => self.lookup.category(&text).ok_or(Rule::Unknown),
            Err(rule) => Err(rule),
        };
        match category {
            Ok(category) => {
                // Our own exports leave nothing out.
                self.carried = Some(category.clone()).filter(|_| !self.block.is_own);
                Some(category)
            }
            Err(rule) => {
                self.carried = None;
                if has_figures { report.none(self.place(row, column), &cell.text(), rule) } else { None }
            }
        }
    }

    fn note(&self, row: usize, cells: &'a [Cell], report: &mut Report) -> Option<(Locale, String)> {
        let column = self.block.index(Column::Note)?;
        let cell = cells.get(column).unwrap_or(NOTHING);
        let text = match self.text(cell) {
            Ok(text) if self.block.is_own => note(&text),
            Ok(text) => note(text.trim()),
            Err(rule) => Err(rule),
        };
        let text = match text {
            Ok(text) => text,
            Err(rule) => return report.none(self.place(row, column), &cell.text(), rule),
        };
        let (locale_at, locale) = self.cell(cells, Column::NoteLocale);
        let said = if locale.is_blank() { None } else { Some(locale.text().trim().parse::<Locale>()) };
        match (said, &self.block.mapping.note_locale) {
            (Some(Ok(locale)), _) => Some((locale, text)),
            (Some(Err(rule)), _) => report.none(self.place(row, locale_at), &locale.text(), rule),
            (None, Some(locale)) => Some((locale.clone(), text)),
            // In which locale there is no note, nobody has said.
            (None, None) if text.is_empty() => None,
            (None, None) => report.none(self.place(row, locale_at), "", Rule::Required),
        }
    }

    /// The cell of a row in a column, and where that is.
    fn cell(&self, cells: &'a [Cell], column: Column) -> (usize, &'a Cell) {
        let index = self.block.index(column);
        let cell = index.and_then(|index| cells.get(index)).unwrap_or(NOTHING);
        (index.unwrap_or_default(), cell)
    }

    /// The text of a cell. Exports of ours put an apostrophe before what a spreadsheet would take for a formula.
    fn text(&self, cell: &Cell) -> Result<String, Rule> {
        if *cell == Cell::Formula {
            return Err(Rule::Formula);
        }
        let text = cell.text();
        Ok(if self.block.is_own { original(&text).into_owned() } else { text.into_owned() })
    }

    fn place(&self, row: usize, column: usize) -> Place {
        Place { sheet: self.sheet.name.clone(), row: Some(row + 1), column: Some(letters(column)) }
    }
}

fn add(
    common: &Common,
    place: Place,
    year: Year,
    observation: Observation,
    confidentiality: Confidentiality,
    shown: &str,
    figures: &mut Figures,
    report: &mut Report,
) {
    // Why there is no category has been said.
    let Some(category) = common.category.clone() else { return };
    let (country, note) = (common.country.clone(), common.note.clone());
    let figure = Reported { place, category, country, year, observation, confidentiality, note };
    figures.add(figure, shown, report);
}
