//! Figures as a workbook: a sheet for people for each category, then all figures in the long form, then a legend.
//!
//! A number stays a number: what is said about it stands in a narrow column of its own beside it. No font is forced, so
//! that a Japanese Excel chooses a Japanese one. The same table gives the same bytes.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
};

use entities::{CategoryCode, Count, CountryCode, Language, ObservationStatus, Year};
use rust_xlsxwriter::{
    DocProperties, ExcelDateTime, Format, FormatAlign, FormatBorder, Workbook, Worksheet, XlsxError,
};

use crate::figures::{
    exchange::{COLUMNS, Cell, Row, Table, records, total_name},
    status,
};

/// The sheet with the long form.
pub const DATA: &str = "data";

/// Bytes of memory that a cell takes before the workbook is packed, about.
const CELL_BYTES: usize = 160;

/// Bytes of memory that it takes to write the table as a workbook, about: it is put together before any of it is written.
#[must_use]
pub fn workspace(table: &Table) -> usize {
    // A country has a name, and two cells a year.
    let grid = table.categories.len() * (table.countries.len() + 1) * (1 + 2 * table.years.len());
    (grid + table.rows.len() * COLUMNS.len()) * CELL_BYTES
}

/// Writes the table as a workbook. `out` is flushed before each sheet is made.
///
/// # Errors
/// More rows, columns or characters in a cell than Excel takes; when `out` takes no more.
pub fn write(table: &Table, mut out: impl io::Write + Send) -> Result<(), XlsxError> {
    let language = table.language();
    let mut workbook = Workbook::new();
    // The time of writing would make every workbook a new one.
    let created = table.about.updated_at.map_or(0, |updated_at| updated_at.timestamp());
    workbook.set_properties(
        &DocProperties::new()
            .set_title(&table.about.title)
            .set_author(table.about.publisher.as_deref().unwrap_or_default())
            .set_creation_datetime(&ExcelDateTime::from_timestamp(created)?),
    );
    let legend = say(language, "凡例", "Legend");
    // Excel keeps "History" for itself.
    let mut taken: BTreeSet<String> = [DATA, legend, "history"].map(str::to_lowercase).into();
    for (code, name) in &table.categories {
        out.flush()?;
        let sheet = workbook.add_worksheet();
        sheet.set_name(sheet_name(name, code, &mut taken))?;
        write_category(sheet, table, code, name)?;
    }
    out.flush()?;
    write_data(workbook.add_worksheet().set_name(DATA)?, table)?;
    write_legend(workbook.add_worksheet().set_name(legend)?, language)?;
    out.flush()?;
    workbook.save_to_writer(out)
}

fn say(language: Language, japanese: &'static str, english: &'static str) -> &'static str {
    match language {
        Language::Japanese => japanese,
        Language::English => english,
    }
}

/// A name that Excel takes for a sheet and that no other sheet has: at most 31 UTF-16 units, none of `[]:*?/\`, no
/// apostrophe at either end.
fn sheet_name(name: &str, code: &CategoryCode, taken: &mut BTreeSet<String>) -> String {
    const MAX: usize = 31;
    let clean = |text: &str, max: usize| -> String {
        let mut units = 0;
        let allowed: String = text
            .chars()
            .map(|c| if c.is_control() || "[]:*?/\\\u{fffe}\u{ffff}".contains(c) { ' ' } else { c })
            .skip_while(|c| c.is_whitespace() || *c == '\'')
            .take_while(|c| {
                units += c.len_utf16();
                units <= max
            })
            .collect();
        allowed.trim_end_matches(|c: char| c.is_whitespace() || c == '\'').to_owned()
    };
    let name = if clean(name, MAX).is_empty() { code.as_str() } else { name };
    let numbered = (2..).map(|number| {
        let ending = format!(" ({number})");
        clean(name, MAX - ending.len()) + &ending
    });
    let free = [clean(name, MAX)].into_iter().chain(numbered).find(|name| taken.insert(name.to_lowercase()));
    free.unwrap_or_default()
}

/// What is said below the figures about some of them, each with its number.
#[derive(Default)]
struct Remarks(BTreeMap<String, usize>);

impl Remarks {
    fn number(&mut self, text: String) -> usize {
        let next = self.0.len() + 1;
        *self.0.entry(text).or_insert(next)
    }

    fn in_order(self) -> Vec<String> {
        let mut remarks: Vec<(usize, String)> = self.0.into_iter().map(|(text, number)| (number, text)).collect();
        remarks.sort_unstable();
        remarks.into_iter().map(|(number, text)| format!("{number}) {text}")).collect()
    }
}

/// What stands beside a number: the signs of its statuses, and the numbers of the remarks on it.
fn beside(row: &Row, table: &Table, remarks: &mut Remarks) -> String {
    let signs = match row.observation.value() {
        Some(_) => status::signs(row.observation.flags(), table.language()),
        None => String::new(),
    };
    let footnotes = row.footnotes.iter().filter_map(|index| table.about.footnotes.get(*index)).cloned();
    let note = row.note.as_ref().map(|(locale, note)| {
        // A reader must see when a note is not in the language of the rest.
        if table.about.locale.as_ref() == Some(locale) { note.clone() } else { format!("{note} [{locale}]") }
    });
    let numbers = footnotes.chain(note).map(|text| format!("{})", remarks.number(text)));
    let parts: Vec<String> = Some(signs).filter(|signs| !signs.is_empty()).into_iter().chain(numbers).collect();
    parts.join(" ")
}

/// The sheet of a category: a row for each country, the total last, two columns for each year.
fn write_category(sheet: &mut Worksheet, table: &Table, code: &CategoryCode, name: &str) -> Result<(), XlsxError> {
    let (about, language) = (&table.about, table.language());
    let rows: Vec<&Row> = table.rows.iter().filter(|row| row.category == *code).collect();
    let present: BTreeSet<Option<&CountryCode>> = rows.iter().map(|row| row.country.as_ref()).collect();
    let countries: Vec<(Option<&CountryCode>, &str)> = table
        .countries
        .iter()
        .map(|(code, name)| (Some(code), name.as_str()))
        .chain([(None, total_name(language))])
        .filter(|(code, _)| present.contains(code))
        .collect();
    let mut remarks = Remarks::default();
    let cells: BTreeMap<(Option<&CountryCode>, Year), (&Row, String)> =
        rows.iter().map(|row| ((row.country.as_ref(), row.year), (*row, beside(row, table, &mut remarks)))).collect();

    let corner = say(language, "国・地域", "Country or area");
    let first = countries.iter().map(|(_, name)| width(name)).chain([width(corner)]).max().unwrap_or(0);
    let widths = [(first + 2).clamp(16, 40)].into_iter().chain(table.years.iter().flat_map(|year| {
        let cells = || table_column(&cells, *year);
        let value = cells().filter_map(|(row, _)| row.observation.value()).map(grouped_width).max().unwrap_or(0);
        let signs = cells().map(|(_, beside)| width(beside)).max().unwrap_or(0);
        [value.max(6) + 2, (signs + 3).clamp(3, 24)]
    }));
    let mut page = Page { sheet, row: 0, last: 0, width: 0 };
    page.lay_out(widths)?;

    page.line(&about.title, &Format::new().set_bold().set_font_size(14))?;
    page.sheet.set_row_height(0, (page.height(&about.title) * 24).min(409))?;
    page.line(name, &Format::new().set_bold())?;
    let plain = Format::new();
    let description = about.description.as_deref().unwrap_or_default();
    // What is above the figures stays in view, so it must be short.
    let short = page.height(description) <= 3;
    if short {
        page.line(description, &plain)?;
    }
    let unit = about.unit.as_ref().map(|unit| format!("{}: {unit}", say(language, "単位", "Unit")));
    page.line(&unit.unwrap_or_default(), &plain.clone().set_align(FormatAlign::Left))?;

    write_grid(&mut page, &table.years, corner, &countries, &cells, language)?;

    page.row += 1;
    let remarks = remarks.in_order();
    let of_none = |index: &usize| !table.rows.iter().any(|row| row.footnotes.contains(index));
    let general = about.footnotes.iter().enumerate().filter(|(index, _)| of_none(index)).map(|(_, text)| text);
    for remark in remarks.iter().chain(general) {
        page.line(remark, &plain)?;
    }
    let legend =
        say(language, "記号の意味はシート「凡例」にあります。", "The signs are explained in the sheet “Legend”.");
    page.line(legend, &plain)?;
    page.row += 1;
    let licence = about.licence.as_ref().map(|(name, address)| match address {
        Some(address) => format!("{name} ({address})"),
        None => name.clone(),
    });
    for (japanese, english, text) in [
        ("説明", "Description", about.description.clone().filter(|_| !short)),
        ("作成方法", "Method", about.method.clone()),
        ("引用", "Cite as", about.citation.clone()),
        ("公表者", "Publisher", about.publisher.clone()),
        ("連絡先", "Contact", about.contact.clone()),
        ("ライセンス", "Licence", licence),
        ("更新", "Updated", about.updated_at.map(|at| at.format("%Y-%m-%d %H:%M UTC").to_string())),
        ("次回更新予定", "Next update", about.next_update.map(|day| day.to_string())),
        ("アドレス", "Address", about.address.clone()),
    ] {
        if let Some(text) = text {
            page.line(&format!("{}: {text}", say(language, japanese, english)), &plain)?;
        }
    }
    Ok(())
}

type Cells<'a> = BTreeMap<(Option<&'a CountryCode>, Year), (&'a Row, String)>;

fn table_column<'a>(cells: &'a Cells<'_>, year: Year) -> impl Iterator<Item = &'a (&'a Row, String)> {
    cells.iter().filter(move |((_, other), _)| *other == year).map(|(_, cell)| cell)
}

fn write_grid(
    page: &mut Page<'_>,
    years: &[Year],
    corner: &str,
    countries: &[(Option<&CountryCode>, &str)],
    cells: &Cells<'_>,
    language: Language,
) -> Result<(), XlsxError> {
    let columns = || (1_u16..).step_by(2).zip(years);
    let head = Format::new().set_bold().set_border_bottom(FormatBorder::Thin);
    let year_head = head.clone().set_align(FormatAlign::Right).set_num_format("0");
    let sheet = &mut *page.sheet;
    sheet.write_string_with_format(page.row, 0, corner, &head)?;
    for (column, year) in columns() {
        sheet.write_with_format(page.row, column, year.get(), &year_head)?;
        sheet.write_blank(page.row, column + 1, &head)?;
    }
    page.row += 1;
    sheet.set_repeat_rows(page.row - 1, page.row - 1)?;
    sheet.set_freeze_panes(page.row, 1)?;

    for (country, name) in countries {
        let line = match country {
            Some(_) => Format::new(),
            None => Format::new().set_bold().set_border_top(FormatBorder::Thin).set_border_bottom(FormatBorder::Thin),
        };
        let signs = line.clone().set_align(FormatAlign::Left).set_indent(1);
        let number = line.clone().set_align(FormatAlign::Right).set_num_format("#,##0");
        sheet.write_string_with_format(page.row, 0, *name, &line.clone().set_text_wrap())?;
        for (column, year) in columns() {
            sheet.write_blank(page.row, column, &line)?;
            sheet.write_blank(page.row, column + 1, &line)?;
            let Some((row, beside)) = cells.get(&(*country, *year)) else { continue };
            match row.observation.value() {
                Some(value) => sheet.write_with_format(page.row, column, value.get(), &number)?,
                None => {
                    let sign = status::sign(row.observation.status(), language);
                    sheet.write_string_with_format(page.row, column, sign, &number)?
                }
            };
            if !beside.is_empty() {
                sheet.write_string_with_format(page.row, column + 1, beside, &signs)?;
            }
        }
        page.row += 1;
    }
    Ok(())
}

/// A sheet that is written from top to bottom.
struct Page<'a> {
    sheet: &'a mut Worksheet,
    /// The next row to write.
    row: u32,
    /// The last column that texts run to.
    last: u16,
    /// How many narrow characters go into a text that runs over all columns.
    width: u16,
}

impl Page<'_> {
    /// Sets the widths of the columns. Texts run over at least 80 characters, however few columns there are.
    fn lay_out(&mut self, widths: impl IntoIterator<Item = u16>) -> Result<(), XlsxError> {
        const SPARE: u16 = 8;
        let mut column = 0;
        for width in widths {
            self.sheet.set_column_width(column, width)?;
            self.width = self.width.saturating_add(width);
            column += 1;
        }
        while column < 2 || self.width < 80 {
            self.sheet.set_column_width(column, SPARE)?;
            self.width += SPARE;
            column += 1;
        }
        self.last = column - 1;
        self.sheet.set_landscape().set_paper_size(9).set_print_fit_to_pages(1, 0);
        Ok(())
    }

    /// Writes a text over all columns, unless it is empty. Excel does not fit the height of such a row by itself.
    fn line(&mut self, text: &str, format: &Format) -> Result<(), XlsxError> {
        if text.is_empty() {
            return Ok(());
        }
        let format = format.clone().set_text_wrap().set_align(FormatAlign::Top);
        self.sheet.merge_range(self.row, 0, self.row, self.last, text, &format)?;
        // Excel takes 409 points at most.
        self.sheet.set_row_height(self.row, (self.height(text) * 18).min(409))?;
        self.row += 1;
        Ok(())
    }

    /// How many lines a text takes over all columns.
    fn height(&self, text: &str) -> u16 {
        text.lines().map(|line| width(line).div_ceil(self.width).max(1)).fold(0, u16::saturating_add).min(100)
    }
}

/// The width of a text in narrow characters; those of East Asia are twice as wide.
fn width(text: &str) -> u16 {
    let line = |line: &str| line.chars().map(|c| if c < '\u{1100}' { 1 } else { 2 }).fold(0, u16::saturating_add);
    text.lines().map(line).max().unwrap_or(0).min(10_000)
}

/// The width of a count with its thousands separators.
fn grouped_width(count: Count) -> u16 {
    let digits = width(&count.to_string());
    digits + (digits - 1) / 3
}

fn write_data(sheet: &mut Worksheet, table: &Table) -> Result<(), XlsxError> {
    let head = Format::new().set_bold();
    let mut widths = COLUMNS.map(width);
    for (column, name) in (0..).zip(COLUMNS) {
        sheet.write_string_with_format(0, column, name, &head)?;
    }
    let mut last = 0;
    for record in records(table) {
        last += 1;
        for ((column, cell), widest) in (0..).zip(record).zip(&mut widths) {
            *widest = width(&cell.to_string()).max(*widest);
            match cell {
                Cell::Empty => {}
                Cell::Number(number) => {
                    sheet.write(last, column, number)?;
                }
                Cell::Text(text) => {
                    sheet.write_string(last, column, text)?;
                }
            }
        }
    }
    for (column, width) in (0..).zip(widths) {
        sheet.set_column_width(column, (width + 2).min(40))?;
    }
    sheet.set_freeze_panes(1, 0)?.autofilter(0, 0, last, 9)?;
    sheet.set_landscape().set_paper_size(9).set_print_fit_to_pages(1, 0);
    Ok(())
}

fn write_legend(sheet: &mut Worksheet, language: Language) -> Result<(), XlsxError> {
    let head = Format::new().set_bold().set_border_bottom(FormatBorder::Thin);
    let titles = [
        say(language, "記号", "Sign"),
        "SDMX",
        say(language, "名称", "Label"),
        say(language, "コード", "Code"),
        say(language, "説明", "Description"),
    ];
    let lines = ObservationStatus::ALL.map(|status| {
        [
            status::sign(status, language),
            status::sdmx_code(status),
            status::label(status, language),
            status.as_str(),
            status::description(status, language),
        ]
    });
    let mut widths = titles.map(width);
    for (row, line) in (0..).zip([titles].into_iter().chain(lines)) {
        for ((column, text), widest) in (0..).zip(line).zip(&mut widths) {
            *widest = width(text).max(*widest);
            if row == 0 {
                sheet.write_string_with_format(row, column, text, &head)?;
            } else {
                sheet.write_string(row, column, text)?;
            }
        }
    }
    for (column, width) in (0..).zip(widths) {
        sheet.set_column_width(column, width + 2)?;
    }
    sheet.set_freeze_panes(1, 0)?.set_landscape().set_paper_size(9).set_print_fit_to_pages(1, 0);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read};

    use calamine::{Data, Range, Reader, Xlsx};
    use proptest::prelude::*;

    use super::*;
    use crate::figures::exchange::sample;

    fn written(table: &Table) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(table, &mut bytes).unwrap();
        bytes
    }

    fn open(bytes: &[u8]) -> Xlsx<Cursor<&[u8]>> {
        Xlsx::new(Cursor::new(bytes)).unwrap()
    }

    fn read(bytes: &[u8]) -> Vec<Row> {
        let data = open(bytes).worksheet_range(DATA).unwrap();
        let mut rows = data.rows().map(|row| row.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(rows.next().unwrap(), COLUMNS);
        rows.map(|row| sample::row_of(&row.iter().map(String::as_str).collect::<Vec<_>>())).collect()
    }

    /// The row of a sheet that begins with this text.
    fn line<'a>(sheet: &'a Range<Data>, first: &str) -> &'a [Data] {
        sheet.rows().find(|row| row[0] == Data::String(first.to_owned())).unwrap()
    }

    #[test]
    fn people_read_numbers_and_signs() {
        let bytes = written(&sample::small());
        let mut book = open(&bytes);
        assert_eq!(book.sheet_names(), ["住民, 国内", "data", "凡例"]);
        let sheet = book.worksheet_range("住民, 国内").unwrap();
        let text = |text: &str| Data::String(text.to_owned());
        assert_eq!(
            line(&sheet, "国・地域")[..5],
            [text("国・地域"), 2021.0.into(), Data::Empty, 2022.0.into(), Data::Empty]
        );
        assert_eq!(line(&sheet, "日本")[1..5], [1234.0.into(), text("1)"), 0.0.into(), text("b r 2)")]);
        assert_eq!(line(&sheet, "フランス")[1..5], [text("x"), Data::Empty, Data::Empty, Data::Empty]);
        assert_eq!(line(&sheet, "合計")[1..3], [1300.0.into(), text("p 3)")]);
        for below in
            ["1) 2021年は9か月分。", "2) =1+1, \"x\"\n二行目", "3) See the report. [en]", "次回更新予定: 2023-12-01"]
        {
            line(&sheet, below);
        }
        let data = book.worksheet_formula(DATA).unwrap();
        assert!(data.is_empty(), "a formula");
        let legend = book.worksheet_range("凡例").unwrap();
        assert_eq!(legend.rows().count(), 1 + ObservationStatus::ALL.len());
    }

    #[test]
    fn the_same_table_gives_the_same_bytes() {
        let both = || [sample::small(), Table::default()].map(|table| written(&table));
        let first = both();
        assert!(first == both());
        // Nor does a workbook name the second in which it was written.
        for bytes in first {
            let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
            let mut properties = String::new();
            archive.by_name("docProps/core.xml").unwrap().read_to_string(&mut properties).unwrap();
            let created = properties.split("W3CDTF\">").nth(1).unwrap();
            assert!(created.starts_with("1970-01-01") || created.starts_with("2023-11-14"), "{created}");
        }
    }

    #[test]
    fn an_empty_table_is_a_header_and_a_legend() {
        let bytes = written(&Table::default());
        assert_eq!(open(&bytes).sheet_names(), ["data", "Legend"]);
        assert!(read(&bytes).is_empty());
    }

    #[test]
    fn sheets_have_names_that_excel_takes() {
        let code = "RESIDENT".parse().unwrap();
        let mut taken = BTreeSet::from(["data".to_owned()]);
        let mut name = |name: &str| sheet_name(name, &code, &mut taken);
        assert_eq!(name("a/b [c]: d?"), "a b  c   d");
        assert_eq!(name("Data"), "Data (2)");
        assert_eq!(name("'quoted'"), "quoted");
        assert_eq!(name("???"), "RESIDENT");
        assert_eq!(name(&"住".repeat(40)), "住".repeat(31));
        assert_eq!(name(&"住".repeat(41)), "住".repeat(27) + " (2)");
        assert_eq!(name(&"😀".repeat(40)), "😀".repeat(15));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_table_comes_back(table in sample::tables()) {
            let bytes = written(&table);
            prop_assert_eq!(read(&bytes), sample::reported(&table));
            prop_assert_eq!(open(&bytes).sheet_names().len(), table.categories.len() + 2);
        }
    }
}
