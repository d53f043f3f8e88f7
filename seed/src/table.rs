//! The tables of a dataset: a header that is exactly what the format says, typed cells, faults with their place.

use std::{array, str::FromStr};

use entities::{Locale, Localized, Rule};

use crate::{
    fault::{Report, Spot},
    record::{self, Field, Record, Records},
};

/// The columns of one table: the fixed ones, then the localized ones for each locale of the site, in its order
/// (`name_ja,role_ja,name_en,role_en`).
pub(crate) struct Layout {
    pub(crate) path: &'static str,
    pub(crate) fixed: &'static [&'static str],
    pub(crate) localized: &'static [&'static str],
}

impl Layout {
    fn columns(&self, locales: &[Locale]) -> Vec<String> {
        let mut columns: Vec<String> = self.fixed.iter().map(|&name| name.to_owned()).collect();
        for locale in locales {
            columns.extend(self.localized.iter().map(|prefix| format!("{prefix}_{locale}")));
        }
        columns
    }

    /// The table as a file. `cells` gives the cells of one record in the order of the columns.
    pub(crate) fn render<T>(&self, locales: &[Locale], records: &[T], cells: impl Fn(&T) -> Vec<String>) -> String {
        let mut csv = String::new();
        record::write(&mut csv, &self.columns(locales));
        for record in records {
            record::write(&mut csv, &cells(record));
        }
        csv
    }

    /// Reads the header of a table. Without `locales` (the site's could not be read) the header is taken at its word.
    pub(crate) fn open<'a>(
        &self,
        text: &'a str,
        locales: Option<&[Locale]>,
        report: &mut Report,
    ) -> Option<(Heading, Records<'a>)> {
        let mut records = Records::new(text);
        let Some(header) = records.next() else {
            report.add(Spot::start(self.path), Rule::Required);
            return None;
        };
        let locales = locales.map_or_else(|| self.locales_of(&header), <[Locale]>::to_vec);
        let columns = self.columns(&locales);
        let places = places(self.path, &columns, &header, report);
        let width = header.fields.len();
        Some((Heading { path: self.path, columns, places, width, fixed: self.fixed.len(), locales }, records))
    }

    fn locales_of(&self, header: &Record<'_>) -> Vec<Locale> {
        let mut locales: Vec<Locale> = Vec::new();
        for field in &header.fields {
            let tag = self.localized.iter().find_map(|prefix| field.text.strip_prefix(prefix)?.strip_prefix('_'));
            if let Some(locale) = tag.and_then(|tag| tag.parse().ok())
                && !locales.contains(&locale)
            {
                locales.push(locale);
            }
        }
        locales
    }
}

/// Where in the file's header each expected column stands. Whatever is wrong with the header, the columns that can be
/// told apart are read, so that the faults below them are found as well.
fn places(path: &'static str, columns: &[String], header: &Record<'_>, report: &mut Report) -> Vec<Option<usize>> {
    report_quoting(path, header, report);
    let mut places = vec![None; columns.len()];
    let mut furthest = None;
    let mut ordered = true;
    for (index, field) in header.fields.iter().enumerate() {
        let spot = Spot { file: path, line: field.line, column: index + 1 };
        let name = field.text.as_ref();
        let Some(column) = columns.iter().position(|column| column == name) else {
            report.add_field(spot, name, Rule::UnknownField, "");
            continue;
        };
        if places[column].is_some() {
            report.add_field(spot, name, Rule::Duplicate, "");
            continue;
        }
        places[column] = Some(index);
        if furthest > Some(column) && ordered {
            // Said once: the first column out of place puts all that follow it in doubt.
            ordered = false;
            report.add_field(spot, name, Rule::ColumnOrder { expected: columns.join(", ") }, "");
        }
        furthest = furthest.max(Some(column));
    }
    for (column, name) in columns.iter().enumerate().filter(|&(column, _)| places[column].is_none()) {
        report.add_field(Spot { file: path, line: header.line, column: column + 1 }, name, Rule::Required, "");
    }
    places
}

fn report_quoting(path: &str, record: &Record<'_>, report: &mut Report) {
    for fault in &record.faults {
        let spot = Spot { file: path, line: fault.line, column: fault.index + 1 };
        report.add(spot, Rule::Flawed(fault.flaw));
    }
}

/// The header of a table that is being read.
pub(crate) struct Heading {
    path: &'static str,
    columns: Vec<String>,
    /// The index in a record of each column; a column that the header lacks has none.
    places: Vec<Option<usize>>,
    width: usize,
    fixed: usize,
    locales: Vec<Locale>,
}

impl Heading {
    /// Whether the file has the column.
    pub(crate) fn has(&self, column: usize) -> bool {
        self.places.get(column).is_some_and(Option::is_some)
    }

    /// The next record of the table.
    pub(crate) fn next<'h, 'a>(&'h self, records: &mut Records<'a>, report: &mut Report) -> Option<Row<'h, 'a>> {
        let record = records.next()?;
        report_quoting(self.path, &record, report);
        let found = record.fields.len();
        // What stands behind a bad field may have been pushed into the wrong column, so only what comes before is read;
        // with a wrong number of fields, only the first, which is the key or its beginning.
        let readable = if found == self.width {
            record.faults.first().map_or(found, |fault| fault.index)
        } else {
            let column = found.min(self.width) + 1;
            let spot = Spot { file: self.path, line: record.line, column };
            report.add(spot, Rule::FieldCount { expected: self.width });
            1
        };
        Some(Row { heading: self, record, readable })
    }
}

/// One record below its header. A cell that cannot be read has been reported; it gives nothing and breaks no rule.
pub(crate) struct Row<'h, 'a> {
    heading: &'h Heading,
    record: Record<'a>,
    readable: usize,
}

impl<'a> Row<'_, 'a> {
    fn field(&self, column: usize) -> Option<&Field<'a>> {
        let index = (*self.heading.places.get(column)?)?;
        self.record.fields.get(index).filter(|_| index < self.readable)
    }

    /// Whether the cell can be read and nothing in the record can have swallowed what follows it.
    pub(crate) fn is_sound(&self, column: usize) -> bool {
        self.record.faults.is_empty() && self.field(column).is_some()
    }

    /// The text of a cell; nothing if the cell cannot be read.
    pub(crate) fn text(&self, column: usize) -> Option<&str> {
        self.field(column).map(|field| field.text.as_ref())
    }

    /// The value of a cell that must have one.
    pub(crate) fn required<T: FromStr<Err = Rule>>(&self, column: usize, report: &mut Report) -> Option<T> {
        match self.text(column)?.parse() {
            Ok(value) => Some(value),
            Err(rule) => {
                self.fault(column, rule, report);
                None
            }
        }
    }

    /// The value of a cell that may be empty.
    pub(crate) fn optional<T: FromStr<Err = Rule>>(&self, column: usize, report: &mut Report) -> Option<T> {
        match self.text(column)? {
            "" => None,
            blank if blank.trim().is_empty() => {
                self.fault(column, Rule::SurroundingSpace, report);
                None
            }
            _ => self.required(column, report),
        }
    }

    /// Reports what is wrong with a cell, and quotes it.
    pub(crate) fn fault(&self, column: usize, rule: Rule, report: &mut Report) {
        self.fault_of(column, rule, self.text(column).unwrap_or_default(), report);
    }

    /// Reports what is wrong with one of the values in a cell, and quotes that.
    pub(crate) fn fault_of(&self, column: usize, rule: Rule, got: &str, report: &mut Report) {
        let name = self.heading.columns.get(column).map_or("", String::as_str);
        report.add_field(self.spot(column), name, rule, got);
    }

    /// Reports what is wrong with a key of several columns, in the place of the first.
    pub(crate) fn key_fault(&self, columns: &[usize], rule: Rule, report: &mut Report) {
        let names: Vec<_> = columns.iter().filter_map(|&column| self.heading.columns.get(column)).collect();
        let names = names.into_iter().map(String::as_str).collect::<Vec<_>>().join(",");
        let texts = columns.iter().filter_map(|&column| self.text(column)).collect::<Vec<_>>().join(",");
        let spot = self.spot(columns.first().copied().unwrap_or_default());
        report.add_field(spot, &names, rule, &texts);
    }

    /// The columns of each locale, `N` of them, in the order of the layout.
    pub(crate) fn groups<const N: usize>(&self) -> impl Iterator<Item = (&Locale, [usize; N])> {
        let fixed = self.heading.fixed;
        self.heading
            .locales
            .iter()
            .enumerate()
            .map(move |(place, locale)| (locale, array::from_fn(|column| fixed + place * N + column)))
    }

    /// The texts of a layout with one localized column, which may be empty in any locale.
    pub(crate) fn localized<T: FromStr<Err = Rule>>(&self, report: &mut Report) -> Localized<T> {
        self.groups::<1>()
            .filter_map(|(locale, [column])| Some((locale.clone(), self.optional(column, report)?)))
            .collect()
    }

    /// Whether any of the cells holds something.
    pub(crate) fn any(&self, columns: &[usize]) -> bool {
        columns.iter().any(|&column| self.text(column).is_some_and(|text| !text.is_empty()))
    }

    /// Reports the first of these cells when all of them can be read and are empty.
    pub(crate) fn require_one(&self, columns: impl Iterator<Item = usize>, report: &mut Report) {
        let columns: Vec<usize> = columns.collect();
        if let Some(&first) = columns.first()
            && columns.iter().all(|&column| self.text(column) == Some(""))
        {
            self.fault(first, Rule::Required, report);
        }
    }

    fn spot(&self, column: usize) -> Spot<'static> {
        let index = self.heading.places.get(column).copied().flatten().unwrap_or(column);
        let line = self.record.fields.get(index).map_or(self.record.line, |field| field.line);
        Spot { file: self.heading.path, line, column: index + 1 }
    }
}

/// The text of an optional cell.
pub(crate) fn cell<T: ToString>(value: Option<&T>) -> String {
    value.map(T::to_string).unwrap_or_default()
}
