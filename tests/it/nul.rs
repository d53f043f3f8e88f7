//! A text with a NUL in it, which SQLite stores and PostgreSQL does not, in every place of the schema that takes a text: it is
//! refused or not found, and never passes for a fault of ours or for an outage.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tests::on_both_databases;

const INTROSPECTION: &str = include_str!("introspection.graphql");
/// How deep in the input a text may be.
const DEPTH: usize = 5;

type Types = BTreeMap<String, Value>;

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map_or(&[], Vec::as_slice)
}

fn name(value: &Value) -> &str {
    value["name"].as_str().unwrap_or_default()
}

/// The ways to all texts in a value of this type.
fn texts(types: &Types, reference: &Value, depth: usize) -> Vec<Vec<String>> {
    match reference["kind"].as_str() {
        Some("NON_NULL" | "LIST") => texts(types, &reference["ofType"], depth),
        Some("SCALAR") if !["Int", "Float", "Boolean"].contains(&name(reference)) => vec![Vec::new()],
        Some("INPUT_OBJECT") if depth > 0 => {
            let fields = list(&types[name(reference)], "inputFields").iter();
            let below = |field: &Value| {
                let ways = texts(types, &field["type"], depth - 1).into_iter();
                let field = name(field).to_owned();
                ways.map(move |way| [vec![field.clone()], way].concat()).collect::<Vec<_>>()
            };
            fields.flat_map(below).collect()
        }
        _ => Vec::new(),
    }
}

/// A value of this type as a literal: what it must have, and a NUL at the end of the way.
fn literal(types: &Types, reference: &Value, way: Option<&[String]>) -> String {
    match reference["kind"].as_str() {
        Some("NON_NULL") => literal(types, &reference["ofType"], way),
        Some("LIST") => format!("[{}]", literal(types, &reference["ofType"], way)),
        Some("ENUM") => name(&list(&types[name(reference)], "enumValues")[0]).to_owned(),
        Some("INPUT_OBJECT") => {
            let fields = list(&types[name(reference)], "inputFields").iter().filter_map(|field| {
                let way = way.and_then(|way| way.split_first()).filter(|(first, _)| *first == name(field));
                let is_required = field["type"]["kind"] == "NON_NULL" && field["defaultValue"].is_null();
                let value = || literal(types, &field["type"], way.map(|(_, rest)| rest));
                (way.is_some() || is_required).then(|| format!("{}: {}", name(field), value()))
            });
            format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
        }
        _ => match (name(reference), way) {
            ("Int", _) => "1".to_owned(),
            ("Float", _) => "1.5".to_owned(),
            ("Boolean", _) => "true".to_owned(),
            (_, Some(_)) => r#""a\u0000b""#.to_owned(),
            (_, None) => r#""x""#.to_owned(),
        },
    }
}

fn innermost(reference: &Value) -> &Value {
    if reference["ofType"].is_object() { innermost(&reference["ofType"]) } else { reference }
}

on_both_databases! {
    async fn a_nul_is_refused_or_not_found_wherever_a_text_is_taken(app: TestApp) {
        let administrator = app.administrator().await;
        let schema = administrator.run(INTROSPECTION, json!({})).await;
        let types = list(schema.at("/data/__schema"), "types").iter();
        let types: Types = types.map(|kind| (name(kind).to_owned(), kind.clone())).collect();
        let mut places = 0;
        for (operation, root) in [("query", "Query"), ("mutation", "Mutation")] {
            for field in list(&types[root], "fields") {
                for argument in list(field, "args") {
                    for way in texts(&types, &argument["type"], DEPTH) {
                        let arguments = list(field, "args").iter().filter_map(|other| {
                            let way = (other == argument).then_some(way.as_slice());
                            let is_required = other["type"]["kind"] == "NON_NULL" && other["defaultValue"].is_null();
                            let value = || literal(&types, &other["type"], way);
                            (way.is_some() || is_required).then(|| format!("{}: {}", name(other), value()))
                        });
                        let arguments = arguments.collect::<Vec<_>>().join(", ");
                        let is_leaf = ["SCALAR", "ENUM"].map(Value::from).contains(&innermost(&field["type"])["kind"]);
                        let selection = if is_leaf { "" } else { "{ __typename }" };
                        let document = format!("{operation} {{ {}({arguments}) {selection} }}", name(field));
                        let reply = administrator.run(&document, json!({})).await;
                        let codes = reply.errors().iter().map(|error| &error["extensions"]["code"]);
                        for code in codes {
                            assert!(code != "INTERNAL" && code != "UNAVAILABLE", "{document}: {}", reply.text());
                        }
                        places += 1;
                    }
                }
            }
        }
        assert!(places > 150, "only {places} places take a text");
    }
}
