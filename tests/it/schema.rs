//! The public contract: `api/schema.graphql`, and that it explains itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::Path,
};

use serde_json::{Value, json};
use tests::on_both_databases;

#[test]
#[expect(clippy::disallowed_methods, reason = "UPDATE is this test's own switch")]
fn the_schema_file_is_the_schema() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../api/schema.graphql");
    if env::var("UPDATE").is_ok() {
        fs::write(&path, api::schema::sdl()).expect("the file can be written");
    }
    let file = fs::read_to_string(&path).expect("the file is there");
    assert!(
        file == api::schema::sdl(),
        "api/schema.graphql is not the schema; look at the difference, then: UPDATE=1 cargo test -p tests schema"
    );
}

const EVERYTHING: &str = "{ __schema {
    types {
        kind name description
        fields(includeDeprecated: true) {
            name description args(includeDeprecated: true) { name description type { ...Of } } type { ...Of }
        }
        inputFields(includeDeprecated: true) { name description }
        enumValues(includeDeprecated: true) { name description }
    }
    directives { name description args(includeDeprecated: true) { name description } }
} }
fragment Of on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }";

#[test]
fn no_default_says_that_what_is_left_out_is_null() {
    // Left out means unchanged: a gateway that fills in defaults would clear fields.
    assert!(!api::schema::sdl().contains("= null"));
}

fn list<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value[field].as_array().into_iter().flatten()
}

fn name(value: &Value) -> &str {
    value["name"].as_str().expect("a name")
}

/// A type as it is written in the schema definition language.
fn written(of: &Value) -> String {
    match of["kind"].as_str() {
        Some("NON_NULL") => format!("{}!", written(&of["ofType"])),
        Some("LIST") => format!("[{}]", written(&of["ofType"])),
        _ => name(of).to_owned(),
    }
}

/// The fields of a type, with their types.
fn fields(schema: &Value, type_name: &str) -> BTreeMap<String, String> {
    let of = list(schema, "types").find(|of| name(of) == type_name).unwrap_or_else(|| panic!("no type {type_name}"));
    list(of, "fields").map(|field| (name(field).to_owned(), written(&field["type"]))).collect()
}

/// The names of the types of connections.
fn connections(schema: &Value) -> Vec<String> {
    list(schema, "types").map(name).filter(|name| name.ends_with("Connection")).map(str::to_owned).collect()
}

on_both_databases! {
    async fn everything_in_the_schema_is_described(app: TestApp) {
        let reply = app.anonymous().run(EVERYTHING, json!({})).await;
        let schema = reply.at("/data/__schema");
        let (mut bare, mut seen) = (Vec::new(), 0);
        let mut look = |path: String, value: &Value| {
            seen += 1;
            if value["description"].as_str().is_none_or(|text| text.trim().is_empty()) {
                bare.push(path);
            }
        };
        for one in list(schema, "types") {
            look(name(one).to_owned(), one);
            // Those of introspection are the specification's.
            let members = ["fields", "inputFields", "enumValues"].into_iter().filter(|_| !name(one).starts_with("__"));
            for member in members.flat_map(|members| list(one, members)) {
                let path = format!("{}.{}", name(one), name(member));
                list(member, "args").for_each(|argument| look(format!("{path}({})", name(argument)), argument));
                look(path, member);
            }
        }
        for directive in list(schema, "directives") {
            let path = format!("@{}", name(directive));
            list(directive, "args").for_each(|argument| look(format!("{path}({})", name(argument)), argument));
            look(path, directive);
        }
        assert_eq!(bare, Vec::<String>::new());
        assert!(seen > 1_000, "{seen}");
    }

    async fn every_connection_is_one_after_the_relay_specification(app: TestApp) {
        let reply = app.anonymous().run(EVERYTHING, json!({})).await;
        let schema = reply.at("/data/__schema");
        let connections = connections(schema);
        assert!(connections.len() >= 5, "{connections:?}");
        for connection in &connections {
            let item = connection.strip_suffix("Connection").expect("a name");
            let found = fields(schema, connection);
            assert_eq!(found["pageInfo"], "PageInfo!");
            assert_eq!(found["edges"], format!("[{item}Edge!]!"));
            let edge = fields(schema, &format!("{item}Edge"));
            let expected = [("cursor", "String!".to_owned()), ("node", format!("{item}!"))];
            assert_eq!(edge, expected.map(|(name, of)| (name.to_owned(), of)).into());
        }
        let expected = [
            ("endCursor", "String"), ("hasNextPage", "Boolean!"), ("hasPreviousPage", "Boolean!"), ("startCursor", "String"),
        ];
        assert_eq!(fields(schema, "PageInfo"), expected.map(|(name, of)| (name.to_owned(), of.to_owned())).into());
        // What leads to one takes the forward arguments, and no half of the others.
        let mut leading = BTreeSet::new();
        for (one, field) in list(schema, "types").flat_map(|one| list(one, "fields").map(move |field| (one, field))) {
            let of = written(&field["type"]);
            let Some(connection) = connections.iter().find(|connection| of.trim_end_matches('!') == **connection) else {
                continue;
            };
            let arguments: BTreeMap<&str, String> =
                list(field, "args").map(|argument| (name(argument), written(&argument["type"]))).collect();
            let path = format!("{}.{}", name(one), name(field));
            assert_eq!((arguments["first"].as_str(), arguments["after"].as_str()), ("Int", "String"), "{path}");
            assert!(!arguments.contains_key("last") && !arguments.contains_key("before"), "{path}");
            leading.insert(connection.as_str());
        }
        assert_eq!(leading.len(), connections.len());
    }

    async fn every_connection_is_walked_by_its_cursors(app: TestApp) {
        let administrator = app.administrator().await;
        let page = administrator.run("{ document(by: { page: \"about-us\" }) { id version } }", json!({})).await;
        let page = page.at("/data/document");
        for _ in 0..3 {
            administrator.done("previewCreate", json!({ "id": page["id"], "version": page["version"] })).await;
        }
        let reply = app.anonymous().run(EVERYTHING, json!({})).await;
        let schema = reply.at("/data/__schema");
        let roots = fields(schema, "Query").into_iter().filter(|(_, of)| of.ends_with("Connection!"));
        let roots: Vec<String> = roots.map(|(root, _)| root).collect();
        assert_eq!(roots.len(), connections(schema).len());
        for root in roots {
            let query = format!("query($first: Int, $after: String) {{ {root}(first: $first, after: $after) {{
                edges {{ cursor node {{ __typename }} }} nodes {{ __typename }}
                pageInfo {{ hasPreviousPage hasNextPage startCursor endCursor }}
            }} }}");
            let (mut after, mut cursors) = (Value::Null, Vec::new());
            // As it is asked for, the audit log grows by nothing.
            while cursors.len() < 3 {
                let reply = administrator.run(&query, json!({ "first": 1, "after": after })).await;
                let part = reply.at(&format!("/data/{root}"));
                let info = &part["pageInfo"];
                assert_eq!(part["edges"].as_array().map(Vec::len), Some(1), "{root}: {part}");
                assert_eq!(part["nodes"][0], part["edges"][0]["node"]);
                let cursor = part["edges"][0]["cursor"].clone();
                assert_eq!((&info["startCursor"], &info["endCursor"]), (&cursor, &cursor), "{root}");
                assert_eq!(info["hasPreviousPage"], !cursors.is_empty(), "{root}");
                assert!(!cursors.contains(&cursor), "{root} stands still");
                cursors.push(cursor.clone());
                after = cursor;
                if info["hasNextPage"] == false {
                    break;
                }
            }
            assert_eq!(cursors.len(), 3, "{root} has three items");
            let reply = administrator.run(&query, json!({ "first": 0 })).await;
            let info = json!({ "hasPreviousPage": false, "hasNextPage": true, "startCursor": null, "endCursor": null });
            assert_eq!(reply.at(&format!("/data/{root}")), &json!({ "edges": [], "nodes": [], "pageInfo": info }), "{root}");
        }
    }
}
