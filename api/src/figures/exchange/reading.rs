//! From an uploaded file to figures.
//!
//! Pure functions: bytes, names and what the caller knows better go in; figures, how the file was understood, and every
//! fault come out. A file may come from anybody, so nothing in it is executed, followed or believed, and what it can make
//! us hold in memory has a limit.

mod delimited;
mod grid;
mod json_stat;
mod mapping;
mod names;
mod number;
mod rows;
#[cfg(test)]
mod tests;
mod workbook;

use entities::{CategoryCode, Locale, Rule, Year};

use super::{Place, Reported};
pub use grid::{Format, MAX_CELLS, MAX_COLUMNS, MAX_ROWS, MAX_SHEETS};
pub use mapping::{CategoryFrom, Column, Layout, MappedColumn, Mapping, Unread};
pub use names::Names;
pub use workbook::MAX_UNPACKED_MIB;

use grid::{Sheet, Workbook};
use names::Lookup;
use rows::Figures;

/// The largest file that is read.
pub const MAX_BYTES: usize = 8 << 20;
/// The most faults that are kept; the others are counted.
pub const MAX_FAULTS: usize = 1_000;
/// The most characters of a value that a fault shows.
const EXCERPT_CHARS: usize = 80;

/// What the caller knows better than the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// The category of all figures, whatever the file says.
    pub category: Option<CategoryCode>,
    /// The year of figures that have no column for it.
    pub year: Option<Year>,
    /// The only sheet to read.
    pub sheet: Option<String>,
    /// The locale of notes that do not say theirs.
    pub note_locale: Option<Locale>,
    /// The encoding that was declared for the file.
    pub encoding: Option<String>,
}

/// A rule that one place of a file breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFault {
    /// Where.
    pub place: Place,
    /// The value that breaks it, cut short; empty where there is none to show.
    pub value: String,
    /// The rule.
    pub rule: Rule,
}

impl FileFault {
    fn of_file(value: &str, rule: Rule) -> Self {
        Self { place: Place::default(), value: excerpt(value), rule }
    }

    fn in_sheet(mut self, name: &str) -> Self {
        self.place.sheet = Some(name.to_owned());
        self
    }
}

/// A file as it was understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// What kind of file it is, or passes for.
    pub format: Format,
    /// The encoding of its text; none for a workbook.
    pub encoding: Option<&'static str>,
    /// How each table was read, in order. A JSON-stat file says itself what is what, and has none.
    pub mappings: Vec<Mapping>,
    /// The figures that could be read, in order. Where there are faults, they are for show: a note may be lacking too.
    pub figures: Vec<Reported>,
    /// What is wrong with the file, in order, at most [`MAX_FAULTS`].
    pub faults: Vec<FileFault>,
    /// How many more faults there are.
    pub more_faults: usize,
}

/// The faults found so far.
#[derive(Default)]
struct Report {
    faults: Vec<FileFault>,
    more: usize,
}

impl Report {
    fn push(&mut self, fault: FileFault) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(fault);
        } else {
            self.more += 1;
        }
    }

    fn add(&mut self, place: Place, value: &str, rule: Rule) {
        self.push(FileFault { place, value: excerpt(value), rule });
    }

    /// Adds a fault, and stands for what is not there because of it.
    fn none<T>(&mut self, place: Place, value: &str, rule: Rule) -> Option<T> {
        self.add(place, value, rule);
        None
    }
}

fn excerpt(text: &str) -> String {
    text.chars().take(EXCERPT_CHARS).collect()
}

/// Reads a file. What kind it is, is taken from what is in it, never from what it is called.
pub fn read(bytes: &[u8], names: &Names, overrides: &Overrides) -> Reading {
    read_while(bytes, names, overrides, &|| true)
}

/// The same, but only as long as somebody `wants` it; asked before each sheet. What comes out then is not worth looking at.
pub fn read_while(bytes: &[u8], names: &Names, overrides: &Overrides, wants: &dyn Fn() -> bool) -> Reading {
    let lookup = Lookup::new(names);
    let mut report = Report::default();
    let mut figures = Figures::default();
    let mut mappings = Vec::new();
    let format = format(bytes);
    let mut encoding = None;
    match open(bytes, format, overrides) {
        Ok(Opened::Dataset(text, name)) => {
            encoding = Some(name);
            json_stat::read(&text, &lookup, overrides, &mut figures, &mut report);
        }
        Ok(Opened::Grid(workbook, name)) => {
            encoding = name;
            mappings = read_sheets(&workbook, &lookup, overrides, wants, &mut figures, &mut report);
        }
        Err(fault) => report.push(fault),
    }
    let Report { faults, more } = report;
    Reading { format, encoding, mappings, figures: figures.list, faults, more_faults: more }
}

enum Opened {
    Dataset(String, &'static str),
    Grid(Workbook, Option<&'static str>),
}

/// What old and encrypted documents of Office begin with.
const COMPOUND: &[u8] = &[0xd0, 0xcf, 0x11, 0xe0];

fn format(bytes: &[u8]) -> Format {
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") || bytes.starts_with(COMPOUND) {
        return Format::Xlsx;
    }
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if text.trim_ascii_start().starts_with(b"{") { Format::JsonStat } else { Format::Csv }
}

fn open(bytes: &[u8], format: Format, overrides: &Overrides) -> Result<Opened, FileFault> {
    if bytes.len() > MAX_BYTES {
        return Err(FileFault::of_file("", Rule::FileTooLarge { max_mib: MAX_BYTES >> 20 }));
    }
    if bytes.starts_with(COMPOUND) {
        return Err(FileFault::of_file("", Rule::ForeignFormat));
    }
    if format == Format::Xlsx {
        let sheets = workbook::sheets(bytes)?;
        return Ok(Opened::Grid(Workbook { format, sheets }, None));
    }
    let (text, name) = delimited::decode(bytes, overrides.encoding.as_deref())?;
    if format == Format::JsonStat {
        return Ok(Opened::Dataset(text, name));
    }
    let sheets = vec![delimited::sheet(&text)?];
    Ok(Opened::Grid(Workbook { format, sheets }, Some(name)))
}

fn read_sheets(
    workbook: &Workbook,
    lookup: &Lookup,
    overrides: &Overrides,
    wants: &dyn Fn() -> bool,
    figures: &mut Figures,
    report: &mut Report,
) -> Vec<Mapping> {
    let named = |name: &str| workbook.sheets.iter().filter(|sheet| sheet.name.as_deref() == Some(name)).collect();
    let sheets: Vec<&Sheet> = match &overrides.sheet {
        Some(name) if workbook.format == Format::Xlsx => named(name),
        _ => {
            // Of our own exports, the other sheets are for people.
            let own: Vec<&Sheet> = named("data").into_iter().filter(|sheet| mapping::is_own(sheet)).collect();
            if own.is_empty() { workbook.sheets.iter().collect() } else { own }
        }
    };
    if sheets.is_empty() {
        report.push(FileFault::of_file(overrides.sheet.as_deref().unwrap_or_default(), Rule::Unknown));
        return Vec::new();
    }
    let mut mappings = Vec::new();
    for sheet in sheets.into_iter().take_while(|_| wants()) {
        let blocks = mapping::blocks(sheet, lookup, overrides);
        if blocks.is_empty() {
            mappings.push(Mapping::of_nothing(sheet));
        }
        for mut block in blocks {
            rows::read(sheet, &mut block, lookup, figures, report);
            mappings.push(block.mapping);
        }
    }
    if mappings.iter().all(|mapping| mapping.layout == Layout::Nothing) {
        report.push(FileFault::of_file("", Rule::NotATable));
    }
    mappings
}
