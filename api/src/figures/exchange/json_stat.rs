//! Figures as JSON-stat 2.0: a cube of categories, countries and years.

use std::{collections::BTreeMap, io};

use chrono::SecondsFormat;
use entities::{CategoryCode, Count, CountryCode, Year};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::figures::{
    exchange::{Row, TOTAL, Table, total_name},
    status::sdmx_code,
};

/// Bytes of memory that it takes to write the table: the places of the cube, most of which have no row where figures are
/// few.
#[must_use]
pub fn workspace(table: &Table) -> usize {
    table.categories.len() * (table.countries.len() + 1) * table.years.len() * size_of::<Option<i64>>()
}

/// Writes the table as a JSON-stat dataset. The published total is a country, [`TOTAL`], whether or not a row has it. What
/// JSON-stat has no place for is in `extension.almanac.rows`, an entry for every row.
///
/// # Errors
/// When `out` takes no more.
pub fn write(table: &Table, out: impl io::Write) -> serde_json::Result<()> {
    let about = &table.about;
    let categories: Vec<(&str, &str)> =
        table.categories.iter().map(|(code, name)| (code.as_str(), name.as_str())).collect();
    let countries: Vec<(&str, &str)> = table
        .countries
        .iter()
        .map(|(code, name)| (code.as_str(), name.as_str()))
        .chain([(TOTAL, total_name(table.language()))])
        .collect();
    let years: Vec<String> = table.years.iter().map(Year::to_string).collect();
    let years: Vec<(&str, &str)> = years.iter().map(|year| (year.as_str(), year.as_str())).collect();

    let place = Places::of(table);
    let size = [categories.len(), countries.len(), years.len()];
    // Nothing is made of each row that is not written at once.
    let rows = || {
        table.rows.iter().filter_map(|row| {
            let index = place.index(&row.category, row.country.as_ref(), row.year)?;
            Some((index, row))
        })
    };
    let mut values: Vec<Option<i64>> = vec![None; size.iter().product()];
    for (index, row) in rows() {
        values[index] = row.observation.value().map(Count::get);
    }
    let dataset = Dataset {
        version: "2.0",
        class: "dataset",
        label: &about.title,
        id: ["category", "country", "year"],
        size,
        role: json!({ "time": ["year"], "geo": ["country"] }),
        dimension: json!({
            "category": dimension("category", &categories),
            "country": dimension("country", &countries),
            "year": dimension("year", &years),
        }),
        value: values,
        status: Pairs(|| rows().map(|(index, row)| (index, sdmx_code(row.observation.status())))),
        extension: Extension { almanac: Almanac { rows: List(|| rows().map(|(index, row)| Entry::new(index, row))) } },
        source: about.publisher.as_deref(),
        updated: about.updated_at.map(|updated_at| updated_at.to_rfc3339_opts(SecondsFormat::Secs, true)),
        note: about.description.iter().chain(&about.footnotes).map(String::as_str).collect(),
    };
    serde_json::to_writer(out, &dataset)
}

/// A dataset of JSON-stat.
#[derive(Serialize)]
struct Dataset<'a, S: Serialize, R: Serialize> {
    version: &'static str,
    class: &'static str,
    label: &'a str,
    id: [&'static str; 3],
    size: [usize; 3],
    role: Value,
    dimension: Value,
    value: Vec<Option<i64>>,
    status: S,
    extension: Extension<R>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    note: Vec<&'a str>,
}

#[derive(Serialize)]
struct Extension<R: Serialize> {
    almanac: Almanac<R>,
}

#[derive(Serialize)]
struct Almanac<R: Serialize> {
    rows: R,
}

/// What JSON-stat has no place for of a row.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    index: usize,
    status: String,
    confidentiality: &'static str,
    note: Option<&'a str>,
    note_locale: Option<&'a str>,
}

impl<'a> Entry<'a> {
    fn new(index: usize, row: &'a Row) -> Self {
        Self {
            index,
            status: row.observation.flags().to_string(),
            confidentiality: row.confidentiality.as_str(),
            note: row.note.as_ref().map(|(_, note)| note.as_str()),
            note_locale: row.note.as_ref().map(|(locale, _)| locale.as_str()),
        }
    }
}

/// A list that is made while it is written.
struct List<F>(F);

impl<F: Fn() -> I, I: IntoIterator<Item: Serialize>> Serialize for List<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}

/// An object that is made while it is written.
struct Pairs<F>(F);

impl<F: Fn() -> I, I: IntoIterator<Item = (usize, &'static str)>> Serialize for Pairs<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map((self.0)())
    }
}

fn dimension(label: &str, members: &[(&str, &str)]) -> Value {
    let index: Vec<&str> = members.iter().map(|(code, _)| *code).collect();
    let labels: BTreeMap<&str, &str> = members.iter().copied().collect();
    json!({ "label": label, "category": { "index": index, "label": labels } })
}

/// Where each category, country and year stands in its dimension.
struct Places<'a> {
    categories: BTreeMap<&'a CategoryCode, usize>,
    countries: BTreeMap<&'a CountryCode, usize>,
    years: BTreeMap<Year, usize>,
}

impl<'a> Places<'a> {
    fn of(table: &'a Table) -> Self {
        Self {
            categories: table.categories.iter().map(|(code, _)| code).zip(0..).collect(),
            countries: table.countries.iter().map(|(code, _)| code).zip(0..).collect(),
            years: table.years.iter().copied().zip(0..).collect(),
        }
    }

    /// The place of a figure in the cube; the years run fastest, the total comes after the countries.
    fn index(&self, category: &CategoryCode, country: Option<&CountryCode>, year: Year) -> Option<usize> {
        let category = self.categories.get(category)?;
        let country = country.map_or(Some(self.countries.len()), |code| self.countries.get(code).copied())?;
        let year = self.years.get(&year)?;
        Some((category * (self.countries.len() + 1) + country) * self.years.len() + year)
    }
}

#[cfg(test)]
mod tests {
    use entities::{Flags, Observation};
    use proptest::prelude::*;

    use super::*;
    use crate::figures::exchange::sample;

    fn written(table: &Table) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(table, &mut bytes).unwrap();
        bytes
    }

    fn read(bytes: &[u8]) -> Vec<Row> {
        let dataset: Value = serde_json::from_slice(bytes).unwrap();
        assert_eq!(dataset["id"], json!(["category", "country", "year"]));
        let members = |name: &str| -> Vec<String> {
            let category = &dataset["dimension"][name]["category"];
            let index: Vec<String> = serde_json::from_value(category["index"].clone()).unwrap();
            assert!(index.iter().all(|code| category["label"][code].is_string()), "{category}");
            index
        };
        let [categories, countries, years] = ["category", "country", "year"].map(members);
        assert_eq!(dataset["size"], json!([categories.len(), countries.len(), years.len()]));
        let cells = dataset["value"].as_array().unwrap();
        assert_eq!(cells.len(), categories.len() * countries.len() * years.len());
        let rows = dataset["extension"]["almanac"]["rows"].as_array().unwrap();
        assert_eq!(dataset["status"].as_object().unwrap().len(), rows.len());
        let row = |entry: &Value| {
            let index = usize::try_from(entry["index"].as_u64().unwrap()).unwrap();
            let (category, rest) = (index / (countries.len() * years.len()), index % (countries.len() * years.len()));
            let country = &countries[rest / years.len()];
            let flags: Flags = entry["status"].as_str().unwrap().parse().unwrap();
            let value = cells[index].as_i64().map(|value| value.try_into().unwrap());
            assert_eq!(dataset["status"][index.to_string()], sdmx_code(flags.principal()));
            Row {
                category: categories[category].parse().unwrap(),
                country: (country != TOTAL).then(|| country.parse().unwrap()),
                year: years[rest % years.len()].parse().unwrap(),
                observation: Observation::new(value, flags).unwrap(),
                confidentiality: entry["confidentiality"].as_str().unwrap().parse().unwrap(),
                note: entry["note"]
                    .as_str()
                    .map(|note| (entry["noteLocale"].as_str().unwrap().parse().unwrap(), note.to_owned())),
                footnotes: Vec::new(),
            }
        };
        rows.iter().map(row).collect()
    }

    #[test]
    fn a_table_is_a_cube() {
        let dataset: Value = serde_json::from_slice(&written(&sample::small())).unwrap();
        assert_eq!(dataset["size"], json!([1, 3, 2]));
        assert_eq!(dataset["value"], json!([1234, 0, null, null, 1300, null]));
        assert_eq!(dataset["status"], json!({ "0": "A", "1": "B", "2": "Q", "4": "P" }));
        assert_eq!(dataset["dimension"]["country"]["category"]["label"]["_T"], "合計");
        assert_eq!(dataset["updated"], "2023-11-14T22:13:20Z");
        assert_eq!(dataset["note"], json!(["国別の訪問者数", "2021年は9か月分。"]));
    }

    #[test]
    fn an_empty_table_has_no_cells() {
        assert!(read(&written(&Table::default())).is_empty());
    }

    proptest! {
        #[test]
        fn every_table_comes_back(table in sample::tables()) {
            prop_assert_eq!(read(&written(&table)), sample::reported(&table));
        }
    }
}
