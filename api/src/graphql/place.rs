//! Where in the input a fault is. Contents keep texts by their locale and figures by their country; an input lists them, and
//! its fields are named by their place in the list.

use async_graphql::{Context, Value};

use crate::error::{Error, Fault};

/// The fields that name an item of an input list.
const KEYS: [&str; 3] = ["locale", "code", "country"];

/// The same faults, each with its path as the argument `input` of the field that is being resolved has it.
pub fn faults_in_input(ctx: &Context<'_>, mut faults: Vec<Fault>) -> Vec<Fault> {
    let arguments = ctx.field().arguments().unwrap_or_default();
    if let Some((_, input)) = arguments.into_iter().find(|(name, _)| name == "input") {
        for fault in &mut faults {
            fault.path = path_in(&input, std::mem::take(&mut fault.path));
        }
    }
    faults
}

/// The same error, with the path of each fault likewise.
pub(super) fn error_in_input(ctx: &Context<'_>, error: Error) -> Error {
    match error {
        Error::Invalid(faults) => Error::Invalid(faults_in_input(ctx, faults)),
        Error::Several(errors) => Error::Several(errors.into_iter().map(|error| error_in_input(ctx, error)).collect()),
        error => error,
    }
}

fn path_in(input: &Value, path: Vec<String>) -> Vec<String> {
    let mut found = Vec::with_capacity(path.len() + 1);
    let mut at = Some(input);
    let last = path.len().saturating_sub(1);
    for (place, step) in path.into_iter().enumerate() {
        match at {
            Some(Value::List(items)) => {
                if let Some((index, item, key)) = named(items, &step) {
                    found.push(index.to_string());
                    if place == last {
                        found.push(key.to_owned());
                    }
                    at = Some(item);
                } else {
                    at = step.parse().ok().and_then(|index: usize| items.get(index));
                    found.push(step);
                }
            }
            Some(Value::Object(members)) => {
                at = members.get(step.as_str());
                found.push(step);
            }
            _ => {
                at = None;
                found.push(step);
            }
        }
    }
    found
}

/// The item that this key names, its place, and the field that holds the key.
fn named<'a>(items: &'a [Value], key: &str) -> Option<(usize, &'a Value, &'static str)> {
    items.iter().enumerate().find_map(|(index, item)| {
        let Value::Object(members) = item else { return None };
        let has = |field: &&str| match members.get(*field) {
            // Locales are written in many cases, and kept in one.
            Some(Value::String(text)) => text.eq_ignore_ascii_case(key),
            _ => false,
        };
        KEYS.into_iter().find(has).map(|field| (index, item, field))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_fault_of_a_locale_or_a_country_is_where_the_input_names_it() {
        let input = Value::from_json(json!({
            "names": [{ "locale": "ja", "text": "x" }, { "locale": "FR", "text": "y" }],
            "locales": [{ "code": "en", "fallback": ["zz"] }],
            "sheets": [{ "counts": [{ "country": "CN", "note": [{ "locale": "xx", "text": "n" }] }] }],
            "slug": "a",
        }))
        .expect("a value");
        for (from, to) in [
            ("names.fr", "names.1.locale"),
            ("names.1.locale", "names.1.locale"),
            ("names.de", "names.de"),
            ("locales.en.fallback", "locales.0.fallback"),
            ("sheets.0.counts.0.note.xx", "sheets.0.counts.0.note.0.locale"),
            ("sheets.7.year", "sheets.7.year"),
            ("slug", "slug"),
            ("parentId", "parentId"),
        ] {
            let path = from.split('.').map(str::to_owned).collect();
            assert_eq!(path_in(&input, path).join("."), to, "{from}");
        }
    }
}
