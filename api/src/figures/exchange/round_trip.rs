//! What is read of a file is what was written to it, in every format.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{
    Reported, Row, Table, csv, json_stat,
    reading::{Names, Overrides, Reading, read},
    sample, xlsx,
};

/// What a file can hold of a row: footnotes are those of the table.
fn expected(table: &Table) -> Vec<Row> {
    let mut rows = table.rows.clone();
    for row in &mut rows {
        row.footnotes.clear();
        row.note = row.note.take().filter(|(_, text)| !text.is_empty());
    }
    sorted(rows)
}

fn found(reading: &Reading) -> Vec<Row> {
    let row = |figure: &Reported| Row {
        category: figure.category.clone(),
        country: figure.country.clone(),
        year: figure.year,
        observation: figure.observation,
        confidentiality: figure.confidentiality,
        note: figure.note.clone().filter(|(_, text)| !text.is_empty()),
        footnotes: Vec::new(),
    };
    sorted(reading.figures.iter().map(row).collect())
}

fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort_by(|a, b| (&a.category, &a.country, a.year).cmp(&(&b.category, &b.country, b.year)));
    rows
}

fn names(table: &Table) -> Names {
    Names {
        categories: table.categories.iter().map(|(code, _)| (code.clone(), Vec::new())).collect(),
        countries: table.countries.iter().map(|(code, _)| (code.clone(), Vec::new())).collect(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn what_is_read_is_what_was_written(table in sample::tables()) {
        let (mut as_csv, mut as_json_stat, mut as_workbook) = (Vec::new(), Vec::new(), Vec::new());
        csv::write(&table, &mut as_csv).unwrap();
        json_stat::write(&table, &mut as_json_stat).unwrap();
        xlsx::write(&table, &mut as_workbook).unwrap();
        let files = [as_csv, as_workbook, as_json_stat];
        for file in files {
            let reading = read(&file, &names(&table), &Overrides::default());
            let rules: BTreeSet<&str> = reading.faults.iter().map(|fault| fault.rule.code()).collect();
            // A table without figures has nothing to say what it is about.
            if table.rows.is_empty() {
                prop_assert!(reading.figures.is_empty());
            } else {
                prop_assert!(rules.is_empty(), "{:?}: {:?}", reading.format, reading.faults);
                let (found, expected) = (found(&reading), expected(&table));
                for (found, expected) in found.iter().zip(&expected) {
                    prop_assert_eq!(found, expected, "{:?}", reading.format);
                }
                prop_assert_eq!(found.len(), expected.len(), "{:?}", reading.format);
            }
        }
    }
}
