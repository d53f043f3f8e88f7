//! What a file holds before anybody knows what it means: sheets of cells, no more of them than fit in memory.

use std::{borrow::Cow, sync::Arc};

use entities::Rule;

use super::FileFault;

/// The most sheets of a workbook.
pub const MAX_SHEETS: usize = 64;
/// The most rows of a file, over all of its sheets.
pub const MAX_ROWS: usize = 100_000;
/// The most columns of a sheet.
pub const MAX_COLUMNS: usize = 2_000;
/// The most cells of a file, with the empty ones that stand between others.
pub const MAX_CELLS: usize = 500_000;

/// The formats that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Values separated by commas, tabs or semicolons.
    Csv,
    /// An Excel workbook.
    Xlsx,
    /// JSON-stat 2.0.
    JsonStat,
}

/// One cell.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Cell {
    /// Nothing.
    #[default]
    Empty,
    /// A text. Workbooks share texts among cells, and so do we.
    Text(Arc<str>),
    /// A number.
    Number(f64),
    /// A formula. What it came to when the file was saved is not kept: nobody can check it.
    Formula,
    /// What no figure can be: a date, a truth value, an error, as text.
    Other(String),
}

impl Cell {
    /// Whether there is nothing to be seen in it.
    pub fn is_blank(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Text(text) => text.trim().is_empty(),
            _ => false,
        }
    }

    /// As a reader sees it; a formula shows nothing.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Empty | Self::Formula => Cow::Borrowed(""),
            Self::Text(text) => Cow::Borrowed(text),
            Self::Number(number) => Cow::Owned(number.to_string()),
            Self::Other(text) => Cow::Borrowed(text),
        }
    }
}

/// One sheet. Rows end at their last cell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sheet {
    /// Its name; a CSV file has none.
    pub name: Option<String>,
    /// Its rows, the blank ones too.
    pub rows: Vec<Vec<Cell>>,
}

/// A file as sheets.
#[derive(Clone, Debug, PartialEq)]
pub struct Workbook {
    /// Its format.
    pub format: Format,
    /// Its sheets, in order.
    pub sheets: Vec<Sheet>,
}

/// How much room is left for what is still to be read.
pub(super) struct Room {
    rows: usize,
    cells: usize,
}

impl Room {
    pub(super) const fn new() -> Self {
        Self { rows: MAX_ROWS, cells: MAX_CELLS }
    }

    /// Puts a cell in its place, counted from 0, and makes the empty ones before it.
    pub(super) fn put(&mut self, sheet: &mut Sheet, row: usize, column: usize, cell: Cell) -> Result<(), FileFault> {
        if column >= MAX_COLUMNS {
            return Err(too_many("columns", MAX_COLUMNS));
        }
        let rows = (row + 1).saturating_sub(sheet.rows.len());
        self.rows = self.rows.checked_sub(rows).ok_or_else(|| too_many("rows", MAX_ROWS))?;
        sheet.rows.resize_with(sheet.rows.len() + rows, Vec::new);
        let Some(cells) = sheet.rows.get_mut(row) else { return Ok(()) };
        let padding = (column + 1).saturating_sub(cells.len());
        self.cells = self.cells.checked_sub(padding).ok_or_else(|| too_many("cells", MAX_CELLS))?;
        cells.resize(cells.len() + padding, Cell::Empty);
        if let Some(place) = cells.get_mut(column) {
            *place = cell;
        }
        Ok(())
    }
}

pub(super) fn too_many(what: &str, max: usize) -> FileFault {
    FileFault::of_file(what, Rule::TooMany { max })
}

/// The letters by which spreadsheets name a column, counted from 0.
pub(super) fn letters(column: usize) -> String {
    let mut letters = Vec::new();
    let mut rest = column + 1;
    while rest > 0 {
        rest -= 1;
        letters.push(char::from(b'A' + u8::try_from(rest % 26).unwrap_or_default()));
        rest /= 26;
    }
    letters.into_iter().rev().collect()
}
