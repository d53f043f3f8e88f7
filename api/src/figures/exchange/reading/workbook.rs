//! Excel workbooks: what is packed in them, and the cells of their sheets.
//!
//! A workbook is a zip archive of XML parts that anybody may have sent, so every part is unpacked into a bounded buffer,
//! only the parts that hold cells are, and nothing in them is believed about how much there is. Libraries for workbooks
//! make room for as many texts as a file says it has, and copy a style for each of its uses: a small file can end the
//! process.

use std::{
    borrow::Cow,
    collections::HashMap,
    io::{Cursor, Read},
    sync::Arc,
};

use chrono::{Days, NaiveDate};
use entities::{Flaw, Prose, Rule};
use quick_xml::{
    Reader, XmlVersion,
    events::{BytesStart, Event},
};
use zip::ZipArchive;

use super::{
    FileFault, excerpt,
    grid::{Cell, MAX_CELLS, MAX_SHEETS, Room, Sheet, too_many},
};

/// The most that the parts of a workbook may unpack to, in MiB.
pub const MAX_UNPACKED_MIB: usize = 32;
/// The most parts of a workbook.
const MAX_PARTS: usize = 2_000;
/// A sheet of equal rows is packed to a hundredth; what is packed much tighter is not meant to be read.
const MAX_RATIO: u64 = 250;
/// Small parts may be packed as tightly as they like.
const SMALL_PART: u64 = 1 << 20;
/// One more than the longest text there is a use for, so that a longer one is still seen to be too long.
const MAX_TEXT_CHARS: usize = Prose::MAX_CHARS + 1;

/// The sheets of a workbook.
pub(super) fn sheets(bytes: &[u8]) -> Result<Vec<Sheet>, FileFault> {
    let mut archive = Archive::open(bytes)?;
    let package = archive.relations("_rels/.rels", "")?;
    let path = target(&package, "officeDocument").unwrap_or_else(|| "xl/workbook.xml".to_owned());
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
    let relations = archive.relations(&format!("{folder}/_rels/{name}.rels"), folder)?;
    let list = sheet_list(&archive.part(&path)?.ok_or_else(|| FileFault::of_file("", Rule::ForeignFormat))?)?;
    let texts = match target(&relations, "sharedStrings") {
        Some(path) => archive.part(&path)?.map_or_else(|| Ok(Vec::new()), |part| shared_texts(&part))?,
        None => Vec::new(),
    };
    let dates = match target(&relations, "styles") {
        Some(path) => archive.part(&path)?.map_or_else(|| Ok(Vec::new()), |part| date_styles(&part))?,
        None => Vec::new(),
    };
    let mut room = Room::new();
    let mut sheets = Vec::new();
    for (name, relation) in list {
        let of = |fault: FileFault| fault.in_sheet(&name);
        let Some(relation) = relations.iter().find(|known| known.id == relation) else { return Err(of(damaged())) };
        // Sheets of charts have no cells.
        let rows = if relation.kind == "worksheet" {
            let part = archive.part(&relation.target)?.ok_or_else(|| of(damaged()))?;
            cells(&part, &texts, &dates, &mut room).map_err(of)?
        } else {
            Vec::new()
        };
        sheets.push(Sheet { name: Some(name), rows });
    }
    Ok(sheets)
}

fn damaged() -> FileFault {
    FileFault::of_file("", Rule::Flawed(Flaw::Workbook))
}

fn too_big() -> FileFault {
    FileFault::of_file("", Rule::TooBigInside { max_mib: MAX_UNPACKED_MIB })
}

struct Archive<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
    /// How many bytes may still be unpacked.
    left: usize,
}

impl<'a> Archive<'a> {
    /// Opens an archive if it is a workbook, and one without anything that must not be in it.
    fn open(bytes: &'a [u8]) -> Result<Self, FileFault> {
        let mut zip = ZipArchive::new(Cursor::new(bytes)).map_err(|_| damaged())?;
        if zip.len() > MAX_PARTS {
            return Err(too_big());
        }
        let left = MAX_UNPACKED_MIB << 20;
        let mut declared = 0_u64;
        let mut has_sheets = false;
        for index in 0..zip.len() {
            let part = zip.by_index_raw(index).map_err(|_| damaged())?;
            let name = String::from_utf8_lossy(part.name_raw()).replace('\\', "/").to_lowercase();
            let shown = |rule| FileFault::of_file(&name, rule);
            if name.ends_with("vbaproject.bin") || name.starts_with("xl/macrosheets/") {
                return Err(shown(Rule::Macros));
            }
            if name.starts_with("xl/externallinks/") {
                return Err(shown(Rule::ExternalLinks));
            }
            if part.encrypted() || name == "xl/workbook.bin" || name == "mimetype" {
                return Err(FileFault::of_file("", Rule::ForeignFormat));
            }
            has_sheets |= name.starts_with("xl/");
            declared = declared.saturating_add(part.size());
            let ratio = part.size() / part.compressed_size().max(1);
            if declared > left as u64 || (part.size() > SMALL_PART && ratio > MAX_RATIO) {
                return Err(too_big());
            }
        }
        if !has_sheets {
            return Err(FileFault::of_file("", Rule::ForeignFormat));
        }
        Ok(Self { zip, left })
    }

    /// A part as text. What it says of its own size counts for nothing here: it is unpacked as far as there is room.
    fn part(&mut self, path: &str) -> Result<Option<String>, FileFault> {
        let Some(index) = self.zip.index_for_name(path) else { return Ok(None) };
        let part = self.zip.by_index(index).map_err(|_| damaged())?;
        let mut bytes = Vec::new();
        part.take(self.left as u64 + 1).read_to_end(&mut bytes).map_err(|_| damaged())?;
        self.left = self.left.checked_sub(bytes.len()).ok_or_else(too_big)?;
        String::from_utf8(bytes).map(Some).map_err(|_| damaged())
    }

    /// The relations of a part: what else belongs to it, and where that is.
    fn relations(&mut self, path: &str, folder: &str) -> Result<Vec<Relation>, FileFault> {
        let Some(part) = self.part(path.trim_start_matches('/'))? else { return Err(damaged()) };
        let mut relations = Vec::new();
        each_start(&part, |name, element| {
            if name == "Relationship" {
                let kind = attribute(element, "Type");
                let target = attribute(element, "Target");
                let target = match target.strip_prefix('/') {
                    Some(absolute) => absolute.to_owned(),
                    None if folder.is_empty() => target,
                    None => format!("{folder}/{target}"),
                };
                let kind = kind.rsplit('/').next().unwrap_or_default().to_owned();
                relations.push(Relation { id: attribute(element, "Id"), kind, target });
            }
            if relations.len() > MAX_PARTS { Err(too_big()) } else { Ok(()) }
        })?;
        Ok(relations)
    }
}

struct Relation {
    id: String,
    kind: String,
    target: String,
}

fn target(relations: &[Relation], kind: &str) -> Option<String> {
    relations.iter().find(|relation| relation.kind == kind).map(|relation| relation.target.clone())
}

fn reader(part: &str) -> Reader<&[u8]> {
    let mut reader = Reader::from_str(part);
    reader.config_mut().expand_empty_elements = true;
    reader
}

fn each_start(
    part: &str,
    mut take: impl FnMut(&str, &BytesStart<'_>) -> Result<(), FileFault>,
) -> Result<(), FileFault> {
    let mut reader = reader(part);
    loop {
        match reader.read_event().map_err(|_| damaged())? {
            Event::Start(element) => take(element.local_name().into_inner(), &element)?,
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

/// The value of an attribute; empty if it is not there. Looking for doubles would take a square of their number.
fn attribute(element: &BytesStart<'_>, name: &str) -> String {
    element
        .attributes()
        .with_checks(false)
        .filter_map(Result::ok)
        .find(|attribute| attribute.key.local_name().into_inner() == name)
        .and_then(|attribute| attribute.normalized_value(XmlVersion::Implicit1_0).ok().map(Cow::into_owned))
        .unwrap_or_default()
}

/// The name of each sheet and the relation under which its part is found.
fn sheet_list(part: &str) -> Result<Vec<(String, String)>, FileFault> {
    let mut sheets = Vec::new();
    each_start(part, |name, element| {
        if name == "sheet" {
            sheets.push((excerpt(&attribute(element, "name")), attribute(element, "id")));
        }
        if sheets.len() > MAX_SHEETS { Err(too_many("sheets", MAX_SHEETS)) } else { Ok(()) }
    })?;
    Ok(sheets)
}

/// The texts that cells share, without the readings that stand above Japanese words.
fn shared_texts(part: &str) -> Result<Vec<Arc<str>>, FileFault> {
    let mut reader = reader(part);
    let mut texts = Vec::new();
    let mut text = Text::default();
    loop {
        let event = reader.read_event().map_err(|_| damaged())?;
        match &event {
            Event::Start(element) => match element.local_name().into_inner() {
                "rPh" => {
                    reader.read_to_end(element.name()).map_err(|_| damaged())?;
                }
                "t" => text.open = true,
                _ => {}
            },
            Event::End(element) => match element.local_name().into_inner() {
                "t" => text.open = false,
                "si" if texts.len() < MAX_CELLS => texts.push(text.take().into()),
                "si" => return Err(too_many("texts", MAX_CELLS)),
                _ => {}
            },
            Event::Eof => return Ok(texts),
            _ => text.add(&event)?,
        }
    }
}

/// Text between tags, collected as far as it is of use.
#[derive(Default)]
struct Text {
    open: bool,
    read: String,
    chars: usize,
}

impl Text {
    fn add(&mut self, event: &Event<'_>) -> Result<(), FileFault> {
        let piece = match event {
            _ if !self.open => return Ok(()),
            Event::Text(text) => text.xml10_content(),
            Event::CData(text) => text.xml10_content(),
            Event::GeneralRef(name) => match name.resolve_char_ref().map_err(|_| damaged())? {
                Some(letter) => letter.to_string().into(),
                // Only what XML itself defines: a file's own definitions are never followed.
                None => match name.xml10_content().as_ref() {
                    "amp" => "&".into(),
                    "lt" => "<".into(),
                    "gt" => ">".into(),
                    "quot" => "\"".into(),
                    "apos" => "'".into(),
                    _ => return Err(damaged()),
                },
            },
            _ => return Ok(()),
        };
        for letter in piece.chars().take(MAX_TEXT_CHARS.saturating_sub(self.chars)) {
            self.read.push(letter);
            self.chars += 1;
        }
        Ok(())
    }

    fn take(&mut self) -> String {
        self.chars = 0;
        unescaped(&std::mem::take(&mut self.read))
    }
}

/// A text as it was before it was written: `_x000D_` stands for a character that XML has no place for, and `_x005F_` for
/// the underscore of a text that would look like that (ECMA-376, part 1, 22.9.2.19).
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("_x") {
        let code = rest.get(start + 2..start + 6).filter(|_| rest.as_bytes().get(start + 6) == Some(&b'_'));
        let code = code.filter(|code| code.bytes().all(|byte| byte.is_ascii_hexdigit()));
        match code.and_then(|code| u32::from_str_radix(code, 16).ok()).and_then(char::from_u32) {
            Some(letter) => {
                plain.push_str(&rest[..start]);
                plain.push(letter);
                rest = &rest[start + 7..];
            }
            None => {
                plain.push_str(&rest[..start + 2]);
                rest = &rest[start + 2..];
            }
        }
    }
    plain + rest
}

/// Whether each style of cells shows dates.
fn date_styles(part: &str) -> Result<Vec<bool>, FileFault> {
    let mut formats: HashMap<String, bool> = HashMap::new();
    let mut styles = Vec::new();
    let mut reader = reader(part);
    let mut in_cells = false;
    loop {
        match reader.read_event().map_err(|_| damaged())? {
            Event::Start(element) => match element.local_name().into_inner() {
                "numFmt" => {
                    formats.insert(attribute(&element, "numFmtId"), shows_date(&attribute(&element, "formatCode")));
                }
                "cellXfs" => in_cells = true,
                "xf" if in_cells => {
                    let id = attribute(&element, "numFmtId");
                    let built_in = || matches!(id.parse(), Ok(14..=22 | 27..=36 | 45..=47 | 50..=58));
                    styles.push(formats.get(&id).copied().unwrap_or_else(built_in));
                }
                _ => {}
            },
            Event::End(element) if element.local_name().into_inner() == "cellXfs" => in_cells = false,
            Event::Eof => return Ok(styles),
            _ => {}
        }
    }
}

/// Whether a format, without what it quotes, names parts of a date or time.
fn shows_date(format: &str) -> bool {
    let mut letters = format.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => drop(letters.by_ref().find(|&letter| letter == '"')),
            '[' => drop(letters.by_ref().find(|&letter| letter == ']')),
            '\\' | '_' | '*' => drop(letters.next()),
            'd' | 'D' | 'm' | 'M' | 'y' | 'Y' | 'h' | 'H' | 's' | 'S' => return true,
            _ => {}
        }
    }
    false
}

/// What is known of a cell while it is being read.
#[derive(Default)]
struct Open {
    column: usize,
    kind: String,
    is_date: bool,
    is_formula: bool,
}

fn cells(part: &str, texts: &[Arc<str>], dates: &[bool], room: &mut Room) -> Result<Vec<Vec<Cell>>, FileFault> {
    let mut reader = reader(part);
    let mut sheet = Sheet::default();
    let mut text = Text::default();
    let mut cell = Open::default();
    let (mut row, mut next_row, mut next_column) = (0, 0, 0);
    loop {
        let event = reader.read_event().map_err(|_| damaged())?;
        match &event {
            Event::Start(element) => match element.local_name().into_inner() {
                "row" => {
                    row = match attribute(element, "r").as_str() {
                        "" => next_row,
                        number => {
                            number.parse::<usize>().ok().and_then(|row| row.checked_sub(1)).ok_or_else(damaged)?
                        }
                    };
                    (next_row, next_column) = (row.saturating_add(1), 0);
                }
                "c" => {
                    let column = column(&attribute(element, "r")).unwrap_or(next_column);
                    let style = attribute(element, "s").parse::<usize>().ok();
                    let is_date = style.and_then(|style| dates.get(style)).copied().unwrap_or_default();
                    cell = Open { column, kind: attribute(element, "t"), is_date, is_formula: false };
                    next_column = column.saturating_add(1);
                }
                "f" => cell.is_formula = true,
                "v" | "t" => text.open = true,
                "rPh" => {
                    reader.read_to_end(element.name()).map_err(|_| damaged())?;
                }
                _ => {}
            },
            Event::End(element) => match element.local_name().into_inner() {
                "v" | "t" => text.open = false,
                "c" => {
                    let value = value(&cell, text.take(), texts)?;
                    if value != Cell::Empty {
                        room.put(&mut sheet, row, cell.column, value)?;
                    }
                }
                _ => {}
            },
            Event::Eof => return Ok(sheet.rows),
            _ => text.add(&event)?,
        }
    }
}

fn value(cell: &Open, text: String, texts: &[Arc<str>]) -> Result<Cell, FileFault> {
    if cell.is_formula {
        return Ok(Cell::Formula);
    }
    if text.is_empty() {
        return Ok(Cell::Empty);
    }
    Ok(match cell.kind.as_str() {
        "s" => {
            let shared = text.trim().parse::<usize>().ok().and_then(|index| texts.get(index)).ok_or_else(damaged)?;
            if shared.is_empty() { Cell::Empty } else { Cell::Text(Arc::clone(shared)) }
        }
        "b" => Cell::Other(if text.trim() == "1" { "TRUE" } else { "FALSE" }.to_owned()),
        "e" | "d" => Cell::Other(text),
        "" | "n" => match text.trim().parse::<f64>() {
            Ok(number) if !number.is_finite() => Cell::Other(text),
            Ok(days) if cell.is_date => Cell::Other(date(days)),
            Ok(number) => Cell::Number(number),
            Err(_) => Cell::Other(text),
        },
        _ => Cell::Text(text.into()),
    })
}

/// The day that a number of days since the end of 1899 stands for, so that a fault shows what the editor saw.
fn date(days: f64) -> String {
    let whole = days.floor().to_string().parse::<u64>().ok();
    NaiveDate::from_ymd_opt(1899, 12, 30)
        .zip(whole)
        .and_then(|(start, days)| start.checked_add_days(Days::new(days)))
        .map_or_else(|| days.to_string(), |day| day.to_string())
}

/// The column, from 0, of a reference such as `AB12`.
fn column(reference: &str) -> Option<usize> {
    let letters = reference.bytes().take_while(u8::is_ascii_alphabetic);
    let number =
        letters.take(6).fold(0, |number, letter| number * 26 + usize::from(letter.to_ascii_uppercase() - b'A' + 1));
    number.checked_sub(1)
}
