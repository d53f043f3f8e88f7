//! The records of a CSV file after RFC 4180, with LF for a line ending.
//!
//! Read here rather than by a CSV library, because a lenient reader makes a table of anything: it takes a stray
//! quotation mark for text, swallows the rest of the file after an unclosed one, skips empty lines and knows the line
//! of a record only, not of a field. In a dataset each of these is a fault with a place.

use std::borrow::Cow;

use entities::Flaw;

/// One field and the line on which it begins.
pub(crate) struct Field<'a> {
    pub(crate) text: Cow<'a, str>,
    pub(crate) line: usize,
}

/// A field that is not quoted as it must be.
pub(crate) struct QuotingFault {
    /// The index of the field, from 0.
    pub(crate) index: usize,
    pub(crate) line: usize,
    pub(crate) flaw: Flaw,
}

/// One record; it has at least one field.
pub(crate) struct Record<'a> {
    pub(crate) line: usize,
    pub(crate) fields: Vec<Field<'a>>,
    pub(crate) faults: Vec<QuotingFault>,
}

/// The records of a text, one after the other.
pub(crate) struct Records<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Records<'a> {
    pub(crate) const fn new(text: &'a str) -> Self {
        Self { rest: text, line: 1 }
    }

    /// Takes a field and what ends it, and says what is wrong with its quotation marks.
    fn field(&mut self) -> (Field<'a>, Option<Flaw>) {
        let line = self.line;
        let Some(quoted) = self.rest.strip_prefix('"') else {
            let text = self.take(self.rest.find([',', '\n']));
            let stray = text.contains('"').then_some(Flaw::StrayQuote);
            return (Field { text: Cow::Borrowed(text), line }, stray);
        };
        self.rest = quoted;
        let Some(end) = closing_mark(quoted) else {
            let text = self.take(None);
            return (Field { text: Cow::Borrowed(text), line }, Some(Flaw::OpenQuote));
        };
        let inner = self.take(Some(end));
        self.rest = &self.rest[1..];
        let text = if inner.contains('"') { Cow::Owned(inner.replace("\"\"", "\"")) } else { Cow::Borrowed(inner) };
        let after = self.take(self.rest.find([',', '\n']));
        let surplus = (!after.is_empty()).then_some(Flaw::TextAfterQuote);
        (Field { text, line }, surplus)
    }

    /// Takes the text up to `end`, or all that is left.
    fn take(&mut self, end: Option<usize>) -> &'a str {
        let (text, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        self.line += text.matches('\n').count();
        text
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let mut record = Record { line: self.line, fields: Vec::new(), faults: Vec::new() };
        loop {
            let (field, fault) = self.field();
            if let Some(flaw) = fault {
                record.faults.push(QuotingFault { index: record.fields.len(), line: field.line, flaw });
            }
            record.fields.push(field);
            if let Some(rest) = self.rest.strip_prefix(',') {
                self.rest = rest;
                continue;
            }
            if let Some(rest) = self.rest.strip_prefix('\n') {
                self.rest = rest;
                self.line += 1;
            }
            return Some(record);
        }
    }
}

/// Where the quotation mark stands that closes a field: the first that is not doubled.
fn closing_mark(quoted: &str) -> Option<usize> {
    let mut from = 0;
    loop {
        let mark = from + quoted[from..].find('"')?;
        if !quoted[mark + 1..].starts_with('"') {
            return Some(mark);
        }
        from = mark + 2;
    }
}

/// Adds a record to `csv`, quoting only the fields that need it.
pub(crate) fn write(csv: &mut String, fields: &[String]) {
    for (index, field) in fields.iter().enumerate() {
        if index > 0 {
            csv.push(',');
        }
        if field.contains([',', '"', '\n', '\r']) {
            csv.push('"');
            csv.push_str(&field.replace('"', "\"\""));
            csv.push('"');
        } else {
            csv.push_str(field);
        }
    }
    csv.push('\n');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Vec<(usize, Vec<(String, usize)>)> {
        Records::new(text)
            .map(|record| {
                let fields = record.fields.into_iter().map(|field| (field.text.into_owned(), field.line)).collect();
                (record.line, fields)
            })
            .collect()
    }

    #[test]
    fn a_quoted_field_may_hold_line_breaks_and_lines_are_still_counted() {
        let field = |text: &str, line| (text.to_owned(), line);
        let expected = vec![
            (1, vec![field("a", 1), field("x\n\"y\"\n", 1), field("b", 3)]),
            (4, vec![field("", 4), field("", 4), field("z", 4)]),
        ];
        assert_eq!(read("a,\"x\n\"\"y\"\"\n\",b\n,\"\",z\n"), expected);
    }

    proptest! {
        #[test]
        fn every_csv_reader_reads_what_is_written(
            records in prop::collection::vec(prop::collection::vec("[a,\"\n\r #　\t]{0,6}", 3), 1..5)
        ) {
            let mut text = String::new();
            for record in &records {
                write(&mut text, record);
            }
            let ours: Vec<Vec<String>> = read(&text)
                .into_iter()
                .map(|(_, fields)| fields.into_iter().map(|(text, _)| text).collect())
                .collect();
            prop_assert_eq!(&ours, &records);
            let mut theirs = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
            let theirs: Result<Vec<Vec<String>>, _> = theirs.deserialize().collect();
            prop_assert_eq!(theirs.map_err(|error| error.to_string()), Ok(records));
        }
    }
}
