//! What a value of each scalar must look like, in one table, whether it stands in the document or in a variable.

use async_graphql::Value;
use entities::{CategoryCode, CountryCode, Date, LocalDateTime, Locale, Markdown, Moment, Rule, Slug, Version, Year};

use crate::graphql::scalar::ScalarValue;

/// Why a value is none of a scalar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Misfit {
    /// It cannot be read as one at all.
    Unreadable(Rule),
    /// It can be read, and breaks a rule. Resolvers of mutations get to see it all the same: they report every broken rule
    /// of their input, in the payload and in the language of the editor.
    Invalid(Rule),
}

/// Reads a value of a scalar.
pub(super) type Reader = fn(&Value) -> Result<(), Misfit>;

/// The reader of a custom scalar that a client can send.
pub(super) fn reader(name: &str) -> Option<Reader> {
    Some(match name {
        "CategoryCode" => typed::<CategoryCode>,
        "CountryCode" => typed::<CountryCode>,
        "Date" => strict::<Date>,
        "DateTime" => strict::<Moment>,
        "LocalDateTime" => strict::<LocalDateTime>,
        "Locale" => typed::<Locale>,
        "Markdown" => typed::<Markdown>,
        "Slug" => typed::<Slug>,
        "Version" => typed::<Version>,
        "Year" => typed::<Year>,
        _ => return None,
    })
}

fn typed<T: ScalarValue>(value: &Value) -> Result<(), Misfit> {
    match T::read(value) {
        Some(read) => read.map(|_| ()).map_err(Misfit::Invalid),
        None => Err(Misfit::Unreadable(T::WRONG_KIND)),
    }
}

/// Scalars of time: a value that breaks a rule stops the request, so that no mutation of it is done without the others.
fn strict<T: ScalarValue>(value: &Value) -> Result<(), Misfit> {
    typed::<T>(value).map_err(|misfit| match misfit {
        Misfit::Invalid(rule) | Misfit::Unreadable(rule) => Misfit::Unreadable(rule),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use apollo_compiler::{Schema, schema::ExtendedType};

    use super::*;
    use crate::schema;

    #[test]
    fn every_scalar_that_a_client_can_send_has_a_reader() {
        let schema = Schema::parse_and_validate(schema::sdl(), "schema.graphql").expect("a schema");
        let mut sent = HashSet::new();
        for definition in schema.types.values() {
            match definition {
                ExtendedType::InputObject(input) => sent.extend(input.fields.values().map(|field| field.ty.clone())),
                ExtendedType::Object(object) => {
                    let arguments = object.fields.values().flat_map(|field| &field.arguments);
                    sent.extend(arguments.map(|argument| argument.ty.clone()));
                }
                _ => {}
            }
        }
        let mut custom = 0;
        for ty in sent {
            let name = ty.inner_named_type();
            if let Some(ExtendedType::Scalar(scalar)) = schema.types.get(name)
                && !scalar.is_built_in()
            {
                custom += 1;
                assert!(reader(name).is_some(), "{name} has no reader in this file");
            }
        }
        assert!(custom > 8);
    }

    #[test]
    fn values_of_every_scalar_are_told_apart() {
        let read = |name: &str, json: serde_json::Value| {
            reader(name).expect("a scalar")(&Value::from_json(json).expect("a value"))
        };
        for (name, good, invalid, unreadable) in [
            ("CategoryCode", "\"TRAVEL\"", Some("\"travel\""), "1"),
            ("CountryCode", "\"JP\"", Some("\"jp\""), "true"),
            ("DateTime", "\"2026-04-01T09:00:00Z\"", None, "\"2026-04-01\""),
            ("DateTime", "\"0001-01-01T00:00:00+00:00\"", None, "\"-262143-01-01T00:00:00Z\""),
            ("DateTime", "\"9999-12-31T23:59:59Z\"", None, "\"+12026-01-01T00:00:00Z\""),
            ("Locale", "\"ja\"", Some("\"!\""), "[]"),
            ("Date", "\"2026-04-01\"", None, "\"2026-04-31\""),
            ("LocalDateTime", "\"2026-04-01T09:00:00\"", None, "1"),
            ("Slug", "\"about-us\"", Some("\"About us\""), "{}"),
            ("Version", "0.0", Some("-1"), "\"0\""),
            ("Version", "1", Some("1.5"), "\"0\""),
            ("Year", "2018.0", Some("12"), "null"),
        ] {
            let read = |text: &str| read(name, serde_json::from_str(text).expect("JSON"));
            assert_eq!(read(good), Ok(()), "{name} {good}");
            assert!(matches!(read(unreadable), Err(Misfit::Unreadable(_))), "{name} {unreadable}");
            if let Some(invalid) = invalid {
                assert!(matches!(read(invalid), Err(Misfit::Invalid(_))), "{name} {invalid}");
            }
        }
    }
}
