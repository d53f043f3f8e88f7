//! TOML tables read key by key, each fault with its place; and the one way in which we write strings.

use std::{fmt::Write, rc::Rc, str::FromStr};

use entities::{Form, Locale, Localized, Rule};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::fault::{Report, Spot};

/// What a table by locale has to be.
/// Where TOML stands: `text` is the whole file, and the TOML in it begins at byte `start`.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) path: &'a str,
    pub(crate) text: &'a str,
    pub(crate) start: usize,
}

impl<'a> Source<'a> {
    /// Reads the TOML `text`, which is a part of the file. What can be understood is understood; the rest is reported.
    pub(crate) fn parse(self, text: &'a str, report: &mut Report) -> Table<'a> {
        let (table, errors) = DeTable::parse_recoverable(text);
        let source = Lines { source: self, ends: self.text.match_indices('\n').map(|(end, _)| end).collect() };
        for error in &errors {
            let offset = error.span().map_or(0, |span| span.start);
            report.add(source.spot(offset), Rule::Syntax(error.message().to_owned()));
        }
        let whole = errors.is_empty();
        Table { source, prefix: String::new(), start: None, entries: table.into_inner(), whole }
    }
}

/// The lines of a source. A file can have as many faults as it has lines, and the place of each is asked for.
#[derive(Clone)]
struct Lines<'a> {
    source: Source<'a>,
    /// The bytes at which lines of the file end.
    ends: Rc<[usize]>,
}

impl<'a> Lines<'a> {
    fn spot(&self, offset: usize) -> Spot<'a> {
        let Source { path, text, start } = self.source;
        let offset = start + offset;
        let line = self.ends.partition_point(|&end| end < offset);
        let begin = line.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |end| end + 1);
        let column = text.get(begin..offset).unwrap_or_default().chars().count() + 1;
        Spot { file: path, line: line + 1, column }
    }
}

/// A table whose keys are taken one after the other; what is left over at the end is not known here.
pub(crate) struct Table<'a> {
    source: Lines<'a>,
    /// What the names of its keys begin with in a fault (`locales.`).
    prefix: String,
    /// Where the table begins; the root has no beginning of its own and stands for the file.
    start: Option<usize>,
    entries: DeTable<'a>,
    /// Whether all of it could be parsed, so that a key that is not there is truly missing.
    pub(crate) whole: bool,
}

impl<'a> Table<'a> {
    /// The value of a key that must have one.
    pub(crate) fn required<T: FromStr<Err = Rule>>(&mut self, key: &str, report: &mut Report) -> Option<T> {
        match self.take(key, report) {
            Some(value) => self.text(key, &value, report),
            None => None,
        }
    }

    /// The value of a key that may be absent.
    pub(crate) fn optional<T: FromStr<Err = Rule>>(&mut self, key: &str, report: &mut Report) -> Option<T> {
        let value = self.entries.remove(key)?;
        self.text(key, &value, report)
    }

    /// The value of a key that may be absent and is to pass a check. A value that does not is reported, and given.
    pub(crate) fn optional_checked<T: FromStr<Err = Rule>>(
        &mut self,
        key: &str,
        check: impl FnOnce(&T) -> Result<(), Rule>,
        report: &mut Report,
    ) -> Option<T> {
        let entry = self.entries.remove(key)?;
        let value = self.text(key, &entry, report)?;
        if let Err(rule) = check(&value) {
            let got = entry.get_ref().as_str().unwrap_or_default();
            self.fault(self.source.spot(entry.span().start), key, rule, got, report);
        }
        Some(value)
    }

    /// The texts of an array that must be there, each with its spot.
    pub(crate) fn texts<T: FromStr<Err = Rule>>(&mut self, key: &str, report: &mut Report) -> Vec<(T, Spot<'a>)> {
        self.take(key, report).map_or_else(Vec::new, |value| self.list(key, value, report))
    }

    /// The texts of an array that may be absent, each with its spot.
    pub(crate) fn optional_texts<T: FromStr<Err = Rule>>(
        &mut self,
        key: &str,
        report: &mut Report,
    ) -> Vec<(T, Spot<'a>)> {
        self.entries.remove(key).map_or_else(Vec::new, |value| self.list(key, value, report))
    }

    fn list<T: FromStr<Err = Rule>>(
        &self,
        key: &str,
        value: Spanned<DeValue<'a>>,
        report: &mut Report,
    ) -> Vec<(T, Spot<'a>)> {
        let spot = self.source.spot(value.span().start);
        let DeValue::Array(items) = value.into_inner() else {
            self.fault(spot, key, Rule::Format { expected: Form::TomlTexts }, "", report);
            return Vec::new();
        };
        let read =
            |item: &Spanned<DeValue<'a>>| Some((self.text(key, item, report)?, self.source.spot(item.span().start)));
        items.iter().filter_map(read).collect()
    }

    /// The table under a key that must be there.
    pub(crate) fn table(&mut self, key: &str, report: &mut Report) -> Option<Table<'a>> {
        let value = self.take(key, report)?;
        self.inner(key, value, Form::TomlLocalized, report)
    }

    /// The table under a key that may be absent; `expected` says what it has to be.
    pub(crate) fn optional_table(&mut self, key: &str, expected: Form, report: &mut Report) -> Option<Table<'a>> {
        let value = self.entries.remove(key)?;
        self.inner(key, value, expected, report)
    }

    /// The tables of an array of tables that must be there.
    pub(crate) fn tables(&mut self, key: &str, report: &mut Report) -> Option<Vec<Table<'a>>> {
        let expected = Form::TomlLocales;
        let value = self.take(key, report)?;
        let tables = self.array(key, value, expected, report)?;
        let tables: Vec<_> = tables.into_iter().map(|item| self.inner(key, item, expected, report)).collect();
        tables.into_iter().collect()
    }

    /// The tables of an array that may be absent; `expected` says what it has to be. Of more than `max`, the first that
    /// is too many is reported, and none from there on is read.
    pub(crate) fn optional_tables(
        &mut self,
        key: &str,
        expected: Form,
        max: usize,
        report: &mut Report,
    ) -> Vec<Table<'a>> {
        let Some(value) = self.entries.remove(key) else { return Vec::new() };
        let Some(items) = self.array(key, value, expected, report) else { return Vec::new() };
        if let Some(item) = items.get(max) {
            self.fault(self.source.spot(item.span().start), key, Rule::TooMany { max }, "", report);
        }
        items.into_iter().take(max).filter_map(|item| self.inner(key, item, expected, report)).collect()
    }

    /// The texts of a table that may be absent.
    pub(crate) fn optional_localized<T: FromStr<Err = Rule>>(
        &mut self,
        key: &str,
        locales: Option<&[Locale]>,
        report: &mut Report,
    ) -> Localized<T> {
        self.optional_table(key, Form::TomlLocalized, report)
            .map_or_else(Localized::new, |table| table.localized(locales, report))
    }

    /// The texts of a table that must be there and hold one at least.
    pub(crate) fn required_localized<T: FromStr<Err = Rule>>(
        &mut self,
        key: &str,
        locales: Option<&[Locale]>,
        report: &mut Report,
    ) -> Localized<T> {
        let Some(table) = self.table(key, report) else { return Localized::new() };
        if self.whole && table.is_empty() {
            self.fault(table.spot(), key, Rule::Required, "", report);
        }
        table.localized(locales, report)
    }

    /// The texts of all keys that are left, each of which is a locale: one of `locales`, as far as these are known.
    pub(crate) fn localized<T: FromStr<Err = Rule>>(
        mut self,
        locales: Option<&[Locale]>,
        report: &mut Report,
    ) -> Localized<T> {
        let mut texts = Localized::new();
        for (key, value) in std::mem::take(&mut self.entries) {
            let spot = || self.source.spot(key.span().start);
            let text = self.text(key.get_ref(), &value, report);
            let locale = match key.get_ref().parse::<Locale>() {
                Ok(locale) => locale,
                Err(rule) => {
                    self.fault(spot(), key.get_ref(), rule, "", report);
                    continue;
                }
            };
            let Some(text) = text else { continue };
            if locales.is_some_and(|locales| !locales.contains(&locale)) {
                self.fault(spot(), locale.as_str(), Rule::Unknown, "", report);
            }
            // Two spellings of one tag (`ja` and `JA`) are two keys.
            if texts.contains_key(&locale) {
                self.fault(spot(), locale.as_str(), Rule::Duplicate, "", report);
            }
            texts.insert(locale, text);
        }
        texts
    }

    /// Reports every key that has not been taken.
    pub(crate) fn finish(self, report: &mut Report) {
        for key in self.entries.keys() {
            self.fault(self.source.spot(key.span().start), key.get_ref(), Rule::UnknownField, "", report);
        }
    }

    /// Whether the key has a value that has not been taken, of whatever kind.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// Whether no key is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Where the value of a key stands.
    pub(crate) fn spot_of(&self, key: &str) -> Spot<'a> {
        self.entries.get(key).map_or_else(|| self.spot(), |value| self.source.spot(value.span().start))
    }

    /// Where the table stands.
    pub(crate) fn spot(&self) -> Spot<'a> {
        self.start.map_or(Spot::start(self.source.source.path), |start| self.source.spot(start))
    }

    /// Reports a fault of a key.
    pub(crate) fn fault(&self, spot: Spot<'_>, key: &str, rule: Rule, got: &str, report: &mut Report) {
        report.add_field(spot, &format!("{}{key}", self.prefix), rule, got);
    }

    fn take(&mut self, key: &str, report: &mut Report) -> Option<Spanned<DeValue<'a>>> {
        let value = self.entries.remove(key);
        if value.is_none() && self.whole {
            self.fault(self.spot(), key, Rule::Required, "", report);
        }
        value
    }

    fn text<T: FromStr<Err = Rule>>(&self, key: &str, value: &Spanned<DeValue<'a>>, report: &mut Report) -> Option<T> {
        let (rule, got) = match value.get_ref() {
            DeValue::String(text) => match text.parse() {
                Ok(value) => return Some(value),
                Err(rule) => (rule, text.as_ref()),
            },
            _ => (Rule::Format { expected: Form::TomlText }, ""),
        };
        self.fault(self.source.spot(value.span().start), key, rule, got, report);
        None
    }

    fn array(
        &self,
        key: &str,
        value: Spanned<DeValue<'a>>,
        expected: Form,
        report: &mut Report,
    ) -> Option<Vec<Spanned<DeValue<'a>>>> {
        let start = value.span().start;
        let DeValue::Array(items) = value.into_inner() else {
            self.fault(self.source.spot(start), key, Rule::Format { expected }, "", report);
            return None;
        };
        Some(items.into_iter().collect())
    }

    fn inner(&self, key: &str, value: Spanned<DeValue<'a>>, expected: Form, report: &mut Report) -> Option<Table<'a>> {
        let start = value.span().start;
        let DeValue::Table(entries) = value.into_inner() else {
            self.fault(self.source.spot(start), key, Rule::Format { expected }, "", report);
            return None;
        };
        let prefix = format!("{}{key}.", self.prefix);
        Some(Table { source: self.source.clone(), prefix, start: Some(start), entries, whole: self.whole })
    }
}

/// A basic string on one line, whatever it holds: there is one way to write each text.
pub(crate) fn string(text: &str) -> String {
    let mut toml = String::with_capacity(text.len() + 2);
    toml.push('"');
    for c in text.chars() {
        match c {
            '"' => toml.push_str("\\\""),
            '\\' => toml.push_str("\\\\"),
            '\n' => toml.push_str("\\n"),
            '\t' => toml.push_str("\\t"),
            control if control.is_control() => {
                // Writing to a string cannot fail.
                let _ = write!(toml, "\\u{:04X}", u32::from(control));
            }
            other => toml.push(other),
        }
    }
    toml.push('"');
    toml
}
