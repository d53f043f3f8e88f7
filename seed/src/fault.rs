//! What is wrong with a dataset, and where.

use std::{error::Error, fmt};

use entities::Rule;

/// How many characters of a faulty value a fault quotes.
const EXCERPT_CHARS: usize = 40;

/// One rule that one place of a dataset breaks. `Display` is one line:
/// `figures/visit_counts.csv:12:4: value: must be a whole number, got "1.5"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The path of the file in the dataset, with forward slashes.
    pub file: String,
    /// The line, from 1. In a CSV record that spans several lines it is the line on which the field begins.
    pub line: usize,
    /// The column, from 1. In CSV it is the number of the field in its record, as a spreadsheet counts columns; in
    /// TOML and Markdown, and wherever a file breaks the rules of encoding, it is the number of the character in its
    /// line.
    pub column: usize,
    /// The name of the column or key, if the fault belongs to one.
    pub field: Option<String>,
    /// The rule that is broken.
    pub rule: Rule,
    /// The value that breaks it, cut short; absent where there is none to show.
    pub got: Option<String>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.file, self.line, self.column)?;
        if let Some(field) = &self.field {
            write!(f, "{field}: ")?;
        }
        self.rule.fmt(f)?;
        match &self.got {
            Some(got) => write!(f, ", got {got:?}"),
            None => Ok(()),
        }
    }
}

impl Error for Fault {}

/// Every fault of a dataset: at least one, ordered by file, line and column. `Display` lists them all, one a line,
/// and closes with their number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// The faults in order.
    #[must_use]
    pub fn as_slice(&self) -> &[Fault] {
        &self.0
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fault in &self.0 {
            writeln!(f, "{fault}")?;
        }
        match self.0.len() {
            1 => f.write_str("1 fault"),
            many => write!(f, "{many} faults"),
        }
    }
}

impl Error for Faults {}

impl IntoIterator for Faults {
    type Item = Fault;
    type IntoIter = std::vec::IntoIter<Fault>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// A place in a file, both numbers from 1.
#[derive(Clone, Copy)]
pub(crate) struct Spot<'a> {
    pub(crate) file: &'a str,
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl<'a> Spot<'a> {
    /// Where a fault of the file as a whole stands.
    pub(crate) const fn start(file: &'a str) -> Self {
        Self { file, line: 1, column: 1 }
    }
}

/// The faults found so far. Readers add to it and read on, with nothing in the place of what was faulty.
#[derive(Default)]
pub(crate) struct Report(Vec<Fault>);

impl Report {
    /// Adds a fault that belongs to no field.
    pub(crate) fn add(&mut self, spot: Spot<'_>, rule: Rule) {
        self.push(spot, None, rule, "");
    }

    /// Adds a fault of a field. An empty `got` is not quoted.
    pub(crate) fn add_field(&mut self, spot: Spot<'_>, field: &str, rule: Rule, got: &str) {
        self.push(spot, Some(field.to_owned()), rule, got);
    }

    fn push(&mut self, spot: Spot<'_>, field: Option<String>, rule: Rule, got: &str) {
        let got = (!got.is_empty()).then(|| excerpt(got));
        self.0.push(Fault { file: spot.file.to_owned(), line: spot.line, column: spot.column, field, rule, got });
    }

    /// How many faults have been found, to tell whether what has been read since is without.
    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }

    /// The value, if there is no fault. A reader that has no value to give has added the reason before.
    pub(crate) fn conclude<T>(mut self, value: Option<T>) -> Result<T, Faults> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => {
                self.0.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
                Err(Faults(self.0))
            }
        }
    }
}

fn excerpt(text: &str) -> String {
    match text.char_indices().nth(EXCERPT_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_one_line_that_names_place_field_rule_and_value() {
        let mut report = Report::default();
        let spot = Spot { file: "figures/visit_counts.csv", line: 12, column: 4 };
        report.add_field(spot, "value", Rule::NotAnInteger, "1.5");
        report.add_field(Spot { line: 3, ..spot }, "note_ja", Rule::ControlCharacter, &"い\n".repeat(50));
        let faults = report.conclude::<()>(None).map_err(|faults| faults.to_string());
        let expected = format!(
            "figures/visit_counts.csv:3:4: note_ja: must not contain control characters, got \"{}…\"\n\
             figures/visit_counts.csv:12:4: value: must be a whole number, got \"1.5\"\n\
             2 faults",
            "い\\n".repeat(20),
        );
        assert_eq!(faults, Err(expected));
    }
}
