//! JSON-stat 2.0, with our extension for what the format has no word for.

use std::collections::HashMap;

use entities::{Flaw, Locale, Observation, ObservationStatus, Rule};
use serde_json::Value;

use super::{
    super::{Place, Reported},
    FileFault, Overrides, Report,
    grid::{Cell, MAX_CELLS, too_many},
    names::{Lookup, Named},
    number::{self, Said},
    rows::{Figures, confidentiality, note, observation},
};
use crate::figures::disclosure::Confidentiality;

/// The codes of SDMX and what they stand for here.
const CODES: [(&str, ObservationStatus); 8] = [
    ("A", ObservationStatus::Final),
    ("P", ObservationStatus::Provisional),
    ("E", ObservationStatus::Estimated),
    ("I", ObservationStatus::Imputed),
    ("B", ObservationStatus::Break),
    ("O", ObservationStatus::Missing),
    ("M", ObservationStatus::NotApplicable),
    ("Q", ObservationStatus::Suppressed),
];

/// Three are of use; others, of one code each, are passed over.
const MAX_DIMENSIONS: usize = 20;

struct Dimension {
    id: String,
    /// The code of each position; a text that is no code names nothing, and that is said of its figures.
    codes: Vec<String>,
}

/// Reads a dataset. A figure's place is its number in the flat list, from 1.
pub(super) fn read(text: &str, lookup: &Lookup, overrides: &Overrides, figures: &mut Figures, report: &mut Report) {
    match parse(text) {
        Ok((dataset, dimensions)) => figures_of(&dataset, &dimensions, lookup, overrides, figures, report),
        Err(fault) => report.push(fault),
    }
}

fn flawed(value: &str, flaw: Flaw) -> FileFault {
    FileFault::of_file(value, Rule::Flawed(flaw))
}

fn parse(text: &str) -> Result<(Value, Vec<Dimension>), FileFault> {
    let dataset: Value = serde_json::from_str(text).map_err(|_| flawed("", Flaw::NotJson))?;
    let texts = |value: &Value| -> Option<Vec<String>> {
        value.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
    };
    let ids = texts(&dataset["id"]).filter(|_| dataset["class"] == "dataset");
    let ids = ids.ok_or_else(|| flawed("", Flaw::NotJsonStat))?;
    if ids.len() > MAX_DIMENSIONS {
        return Err(too_many("id", MAX_DIMENSIONS));
    }
    let mut dimensions: Vec<Dimension> = Vec::new();
    let mut cells = 1_usize;
    for (place, id) in ids.into_iter().enumerate() {
        let category = &dataset["dimension"][id.as_str()]["category"];
        let codes = match &category["index"] {
            Value::Object(index) => {
                let mut codes = vec![None; index.len()];
                for (code, position) in index {
                    let position = position.as_u64().and_then(|position| usize::try_from(position).ok());
                    if let Some(free) = position.and_then(|position| codes.get_mut(position)) {
                        *free = Some(code.clone());
                    }
                }
                codes.into_iter().collect::<Option<Vec<String>>>()
            }
            // A dimension of one code needs no index.
            Value::Null => category["label"]
                .as_object()
                .filter(|labels| labels.len() == 1)
                .map(|labels| labels.keys().cloned().collect()),
            list => texts(list),
        };
        let size = dataset["size"][place].as_u64();
        let codes = codes.filter(|codes| size == Some(codes.len() as u64));
        let codes = codes.ok_or_else(|| flawed(&id, Flaw::DimensionSize))?;
        if codes.len() > 1 && !matches!(id.as_str(), "category" | "country" | "year") {
            return Err(FileFault::of_file(&id, Rule::UnknownField));
        }
        cells = cells
            .checked_mul(codes.len())
            .filter(|cells| *cells <= MAX_CELLS)
            .ok_or_else(|| too_many("cells", MAX_CELLS))?;
        if dimensions.iter().any(|known| known.id == id) {
            return Err(FileFault::of_file(&id, Rule::Duplicate));
        }
        dimensions.push(Dimension { id, codes });
    }
    if !dimensions.iter().any(|dimension| dimension.id == "country") {
        return Err(FileFault::of_file("country", Rule::NotATable));
    }
    Ok((dataset, dimensions))
}

fn figures_of(
    dataset: &Value,
    dimensions: &[Dimension],
    lookup: &Lookup,
    overrides: &Overrides,
    figures: &mut Figures,
    report: &mut Report,
) {
    let cells: usize = dimensions.iter().map(|dimension| dimension.codes.len()).product();
    if dataset["value"].as_array().is_some_and(|values| values.len() != cells) {
        report.push(flawed("value", Flaw::ValueCount));
        return;
    }
    let mut entries: HashMap<usize, &Value> = HashMap::new();
    for entry in dataset["extension"]["almanac"]["rows"].as_array().into_iter().flatten() {
        match entry["index"].as_u64().and_then(|index| usize::try_from(index).ok()).filter(|index| *index < cells) {
            Some(index) => drop(entries.insert(index, entry)),
            None => report.push(FileFault::of_file(&entry["index"].to_string(), Rule::Unknown)),
        }
    }
    let has = |id: &str| dimensions.iter().any(|dimension| dimension.id == id);
    if overrides.category.is_none() && !has("category") {
        report.push(FileFault::of_file("", Rule::NoCategory));
        return;
    }
    if overrides.year.is_none() && !has("year") {
        report.push(FileFault::of_file("", Rule::NoYear));
        return;
    }
    for index in 0..cells {
        let entry = entries.get(&index).copied();
        let place = Place { sheet: None, row: Some(index + 1), column: None };
        let value = at(&dataset["value"], index);
        let observation = match observation_of(value, &dataset["status"], index, entry) {
            Ok(Some(observation)) => observation,
            Ok(None) => continue,
            Err(rule) => {
                report.add(place, &shown(value), rule);
                continue;
            }
        };
        // Where in each dimension the figure stands: the last one runs fastest.
        let mut rest = index;
        let mut codes = [""; 3];
        for dimension in dimensions.iter().rev() {
            let size = dimension.codes.len().max(1);
            let code = dimension.codes.get(rest % size).map(String::as_str).unwrap_or_default();
            rest /= size;
            if let Some(slot) = ["category", "country", "year"].iter().position(|id| *id == dimension.id) {
                codes[slot] = code;
            }
        }
        let category = overrides.category.clone().or_else(|| lookup.category(codes[0]));
        let country = lookup.country(codes[1]);
        let year = if has("year") {
            number::year(&Cell::Text(codes[2].into())).and_then(|year| year.ok_or(Rule::Required)).map(Some)
        } else {
            Ok(overrides.year)
        };
        let extra = entry.map_or(Ok((Confidentiality::Free, None)), |entry| said_beside(entry, overrides));
        let (category, country, year, (confidentiality, note)) = match (category, country, year, extra) {
            (Some(category), Some(country), Ok(Some(year)), Ok(extra)) => (category, country, year, extra),
            (None, ..) => {
                report.add(place, codes[0], Rule::Unknown);
                continue;
            }
            (_, None, ..) => {
                report.add(place, codes[1], Rule::Unknown);
                continue;
            }
            (_, _, Err(rule), _) => {
                report.add(place, codes[2], rule);
                continue;
            }
            (.., Err((value, rule))) => {
                report.add(place, &value, rule);
                continue;
            }
            (_, _, Ok(None), _) => continue,
        };
        let country = match country {
            Named::Country(country) => Some(country),
            Named::Total => None,
        };
        let figure = Reported { place, category, country, year, observation, confidentiality, note };
        figures.add(figure, &shown(value), report);
    }
}

/// An item of a list, or of an object whose keys are the numbers of the items.
fn at(list: &Value, index: usize) -> &Value {
    if list.is_array() { &list[index] } else { &list[index.to_string().as_str()] }
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn observation_of(
    value: &Value,
    status: &Value,
    index: usize,
    entry: Option<&Value>,
) -> Result<Option<Observation>, Rule> {
    let said: Option<Said> = match value {
        Value::Null => None,
        Value::Number(count) => number::value(&Cell::Text(count.to_string().trim_end_matches(".0").into()))?,
        Value::String(text) => number::value(&Cell::Text(text.as_str().into()))?,
        _ => return Err(Rule::NotAnInteger),
    };
    let code = if status.is_string() { status } else { at(status, index) };
    let statuses = match (entry.and_then(|entry| entry["status"].as_str()), code) {
        (Some(own), _) => number::statuses(own)?,
        (None, Value::Null) => Vec::new(),
        (None, code) => {
            let known = CODES.iter().find(|(known, _)| code == known);
            let allowed = || Rule::NotOneOf { allowed: CODES.map(|(code, _)| code).join(", ") };
            vec![known.ok_or_else(allowed)?.1]
        }
    };
    observation(said, statuses)
}

type Beside = (Confidentiality, Option<(Locale, String)>);

/// What our extension says of a figure besides its status; or what of that is faulty.
fn said_beside(entry: &Value, overrides: &Overrides) -> Result<Beside, (String, Rule)> {
    let text = entry["confidentiality"].as_str().unwrap_or_default();
    let confidentiality = confidentiality(text).map_err(|rule| (text.to_owned(), rule))?;
    let Some(text) = entry["note"].as_str() else { return Ok((confidentiality, None)) };
    let text = note(text).map_err(|rule| (text.to_owned(), rule))?;
    let locale = match entry["noteLocale"].as_str() {
        Some(locale) => Some(locale.parse().map_err(|rule| (locale.to_owned(), rule))?),
        None => overrides.note_locale.clone(),
    };
    match locale {
        Some(locale) => Ok((confidentiality, Some((locale, text)))),
        None if text.is_empty() => Ok((confidentiality, None)),
        None => Err((text, Rule::Required)),
    }
}
