//! How a sheet is read: where its header is, and what each column is. It is guessed, so it is shown.

use std::ops::Range;

use entities::{CategoryCode, Locale, Year};

use super::{
    super::COLUMNS,
    Overrides,
    grid::{Cell, Sheet, letters},
    names::{Lookup, fold, is_total},
    number,
};

/// How figures are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// A country a row and a year a column.
    WideYears,
    /// A figure a row.
    Long,
    /// No table was found; nothing of the sheet is read.
    Nothing,
}

/// What a column is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// The country, by code or name.
    Country,
    /// The country by name, beside its code.
    CountryName,
    /// The category, by code or name.
    Category,
    /// The category by name, beside its code.
    CategoryName,
    /// The figures of a year.
    Year(Year),
    /// The year of each figure.
    Period,
    /// The figures.
    Value,
    /// Their statuses.
    Status,
    /// What was done to them before they were written.
    Confidentiality,
    /// What a reader must know about them.
    Note,
    /// The locale of that.
    NoteLocale,
    /// Sums over the years, which are not stored.
    Total,
    /// Not read.
    Ignored,
}

/// A column of the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappedColumn {
    /// Its letters.
    pub letters: String,
    /// What the header calls it.
    pub header: String,
    /// What it is read as.
    pub column: Column,
}

/// Where the category of a table is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CategoryFrom {
    /// The caller said so.
    Caller,
    /// Each row says its own.
    Column,
    /// A title above the table, by the number of its row, or the corner of its header.
    Title(usize),
    /// The name of the sheet.
    SheetName,
    /// The table before it on the same sheet.
    TableBefore,
}

/// Why a row is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It stands above the header.
    Title,
    /// There is nothing in it.
    Blank,
    /// It names no country and has no figure: a source, a remark, the title of the next table.
    Remark,
}

/// How one table of a sheet is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The name of the sheet.
    pub sheet: Option<String>,
    /// How its figures are laid out.
    pub layout: Layout,
    /// The number of the header's row.
    pub header_row: Option<usize>,
    /// The columns.
    pub columns: Vec<MappedColumn>,
    /// The category, unless each row says its own.
    pub category: Option<CategoryCode>,
    /// Where the category is from; none if nothing says.
    pub category_from: Option<CategoryFrom>,
    /// The year, when the caller said it and no column does.
    pub year: Option<Year>,
    /// The locale of notes that do not say theirs.
    pub note_locale: Option<Locale>,
    /// The numbers of the rows that are not read, and why.
    pub unread: Vec<(usize, Unread)>,
}

impl Mapping {
    /// Of a sheet without a table.
    pub(super) fn of_nothing(sheet: &Sheet) -> Self {
        Self {
            sheet: sheet.name.clone(),
            layout: Layout::Nothing,
            header_row: None,
            columns: Vec::new(),
            category: None,
            category_from: None,
            year: None,
            note_locale: None,
            unread: Vec::new(),
        }
    }
}

/// A table of a sheet: how it is read, and in which rows its figures stand, counted from 0.
pub(super) struct Block {
    pub(super) mapping: Mapping,
    pub(super) rows: Range<usize>,
    /// Whether it is an export of ours, which says what it says exactly.
    pub(super) is_own: bool,
    /// The columns of which there is one at most, and where they are.
    single: Vec<(Column, usize)>,
}

impl Block {
    /// Which column is this, counted from 0.
    pub(super) fn index(&self, wanted: Column) -> Option<usize> {
        self.single.iter().find(|(column, _)| *column == wanted).map(|(_, index)| *index)
    }
}

pub(super) fn is_own(sheet: &Sheet) -> bool {
    let same = |row: &Vec<Cell>| row.iter().map(Cell::text).eq(COLUMNS);
    sheet.rows.first().is_some_and(same)
}

/// The tables of a sheet, one below the other.
pub(super) fn blocks(sheet: &Sheet, lookup: &Lookup, overrides: &Overrides) -> Vec<Block> {
    let own = is_own(sheet);
    let mut headers: Vec<(usize, Layout, Vec<Column>)> = Vec::new();
    for (index, row) in sheet.rows.iter().enumerate() {
        let Some((layout, columns, is_named)) = header(row, lookup) else { continue };
        // Below a header, a row of figures may look like years; a second header says that it is one, or repeats the first.
        let repeats = |first: usize| sheet.rows.get(first).is_some_and(|first| first == row);
        if headers.first().is_none_or(|(first, ..)| is_named || repeats(*first)) {
            headers.push((index, layout, columns));
        }
        if own {
            break;
        }
    }
    let mut blocks: Vec<Block> = Vec::new();
    for (place, (index, layout, columns)) in headers.iter().enumerate() {
        let end = headers.get(place + 1).map_or(sheet.rows.len(), |(next, ..)| *next);
        let begin = blocks.last().map_or(0, |block| block.rows.start);
        let cells = sheet.rows.get(*index).map(Vec::as_slice).unwrap_or_default();
        let has_category = columns.contains(&Column::Category) || columns.contains(&Column::CategoryName);
        let (category, category_from) = if let Some(category) = &overrides.category {
            (Some(category.clone()), Some(CategoryFrom::Caller))
        } else if let Some((category, row)) = titled(sheet, begin..*index + 1, lookup) {
            (Some(category), Some(CategoryFrom::Title(row)))
        } else if let Some(category) = sheet.name.as_deref().and_then(|name| lookup.category_in(name)) {
            (Some(category), Some(CategoryFrom::SheetName))
        } else {
            let before = blocks.last().and_then(|block| block.mapping.category.clone());
            let from = before.as_ref().map(|_| CategoryFrom::TableBefore);
            (before, from)
        };
        let by_row = has_category && overrides.category.is_none();
        let unread = match place {
            0 => (0..*index).map(|row| (row + 1, why_above(sheet, row))).collect(),
            _ => Vec::new(),
        };
        let header_of = |index: usize| cells.get(index).map(|cell| super::excerpt(&cell.text())).unwrap_or_default();
        let columns: Vec<MappedColumn> = columns
            .iter()
            .enumerate()
            .map(|(index, &column)| MappedColumn { letters: letters(index), header: header_of(index), column })
            .collect();
        let is_single = |mapped: &MappedColumn| !matches!(mapped.column, Column::Year(_) | Column::Ignored);
        let single = (0..).zip(&columns).filter(|(_, mapped)| is_single(mapped));
        let single = single.map(|(index, mapped)| (mapped.column, index)).collect();
        let has = |wanted: Column| columns.iter().any(|mapped| mapped.column == wanted);
        let in_japanese = |mapped: &MappedColumn| mapped.column == Column::Note && !mapped.header.is_ascii();
        let said_by_header = if columns.iter().any(in_japanese) { "ja" } else { "en" };
        let note_locale = overrides.note_locale.clone().or_else(|| {
            let assumed = has(Column::Note) && !has(Column::NoteLocale);
            said_by_header.parse().ok().filter(|_| assumed)
        });
        let mapping = Mapping {
            sheet: sheet.name.clone(),
            layout: *layout,
            header_row: Some(index + 1),
            category: category.filter(|_| !by_row),
            category_from: if by_row { Some(CategoryFrom::Column) } else { category_from },
            year: overrides.year.filter(|_| *layout == Layout::Long && !has(Column::Period)),
            note_locale,
            columns,
            unread,
        };
        blocks.push(Block { mapping, rows: index + 1..end, is_own: own, single });
    }
    blocks
}

fn why_above(sheet: &Sheet, row: usize) -> Unread {
    let blank = sheet.rows.get(row).is_none_or(|row| row.iter().all(Cell::is_blank));
    if blank { Unread::Blank } else { Unread::Title }
}

/// The category that the nearest of these rows speaks of, the header's among them, and the number of that row. A row of
/// more than three cells is no title.
fn titled(sheet: &Sheet, rows: Range<usize>, lookup: &Lookup) -> Option<(CategoryCode, usize)> {
    const ROWS: usize = 10;
    let header = rows.end.checked_sub(1)?;
    rows.rev().take(ROWS).find_map(|row| {
        let cells = sheet.rows.get(row)?;
        if row != header && cells.iter().filter(|cell| !cell.is_blank()).count() > 3 {
            return None;
        }
        let text = |cell: &Cell| matches!(cell, Cell::Text(_)).then(|| lookup.category_in(&cell.text())).flatten();
        cells.iter().find_map(text).map(|category| (category, row + 1))
    })
}

/// What a row says if it is a header, and whether it calls a column that of the countries.
fn header(row: &[Cell], lookup: &Lookup) -> Option<(Layout, Vec<Column>, bool)> {
    let mut columns: Vec<Column> = Vec::with_capacity(row.len());
    for cell in row {
        let column = match column(cell) {
            // Of two that are the same, the first is meant.
            column if !matches!(column, Column::Year(_)) && columns.contains(&column) => Column::Ignored,
            column => column,
        };
        columns.push(column);
    }
    let is_country = |column: &Column| matches!(column, Column::Country | Column::CountryName);
    let is_year = |column: &Column| matches!(column, Column::Year(_));
    let years = columns.iter().filter(|column| is_year(column)).count();
    let is_wide = years > 0 && !columns.contains(&Column::Period);
    if columns.iter().any(is_country) {
        return match (is_wide, columns.contains(&Column::Value)) {
            (true, _) => Some((Layout::WideYears, columns.into_iter().map(in_wide).collect(), true)),
            (false, true) => Some((Layout::Long, columns.into_iter().map(in_long).collect(), true)),
            (false, false) => None,
        };
    }
    // The corner of a table often has no name, or that of the table.
    let corner = columns.iter().position(is_year)?.checked_sub(1)?;
    let cell = row.get(corner)?;
    let is_text = matches!(cell, Cell::Empty | Cell::Text(_))
        && matches!(columns.get(corner), Some(Column::Ignored | Column::Period));
    if years < 2 || !is_text || lookup.country(&cell.text()).is_some() {
        return None;
    }
    if let Some(column) = columns.get_mut(corner) {
        *column = Column::Country;
    }
    Some((Layout::WideYears, columns.into_iter().map(in_wide).collect(), false))
}

/// What the column is read as where a country has a row.
fn in_wide(column: Column) -> Column {
    match column {
        Column::Period | Column::Value | Column::Status | Column::Confidentiality => Column::Ignored,
        column => column,
    }
}

/// What the column is read as where a figure has a row.
fn in_long(column: Column) -> Column {
    if matches!(column, Column::Year(_)) { Column::Ignored } else { column }
}

fn column(cell: &Cell) -> Column {
    const MAX_CHARS: usize = 40;
    if cell.text().chars().nth(MAX_CHARS).is_some() {
        return Column::Ignored;
    }
    if let Ok(Some(year)) = number::year(cell) {
        return Column::Year(year);
    }
    let Cell::Text(text) = cell else { return Column::Ignored };
    let name: String = fold(text).chars().filter(|letter| !matches!(letter, '_' | '-')).collect();
    match name.as_str() {
        "国" | "国名" | "国地域" | "国地域名" | "国名地域名" | "国籍" | "国コード" | "country" | "countrycode"
        | "countryorarea" | "iso" | "isocode" => Column::Country,
        "countryname" => Column::CountryName,
        "区分" | "区分コード" | "category" | "categorycode" => Column::Category,
        "区分名" | "categoryname" => Column::CategoryName,
        "年" | "年次" | "年度" | "暦年" | "year" => Column::Period,
        "人数" | "件数" | "延べ人数" | "延人数" | "延べ件数" | "延件数" | "値" | "数値" | "value" | "count"
        | "visits" => Column::Value,
        "状態" | "status" | "flags" | "flag" | "obsstatus" => Column::Status,
        "confidentiality" | "confstatus" => Column::Confidentiality,
        "備考" | "注" | "注記" | "note" | "notes" => Column::Note,
        "notelocale" => Column::NoteLocale,
        name if is_total(name) => Column::Total,
        _ => Column::Ignored,
    }
}
