//! The public contract: `api/schema.graphql`, and that it explains itself.

use std::{env, fs, path::Path};

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

const TYPES: &str = "{ __schema { types {
    name kind description
    fields { name description args { name description } }
    inputFields { name description }
    enumValues { name description }
} } }";

on_both_databases! {
    async fn everything_in_the_schema_is_described(app: TestApp) {
        let reply = app.anonymous().run(TYPES, json!({})).await;
        let mut bare = Vec::new();
        let described = |value: &Value| value["description"].as_str().is_some_and(|text| !text.trim().is_empty());
        for one in reply.at("/data/__schema/types").as_array().expect("types") {
            let name = one["name"].as_str().expect("a name");
            // Roots and what the engine brings along describe themselves.
            let foreign = name.starts_with("__")
                || name.ends_with("Connection")
                || ["Query", "Mutation", "Boolean", "Float", "ID", "Int", "String"].contains(&name);
            if !foreign && !described(one) {
                bare.push(name.to_owned());
            }
            for list in ["fields", "inputFields", "enumValues"] {
                for member in one[list].as_array().into_iter().flatten().filter(|_| !name.starts_with("__")) {
                    let path = format!("{name}.{}", member["name"].as_str().expect("a name"));
                    let arguments = member["args"].as_array().into_iter().flatten();
                    bare.extend(
                        arguments.filter(|argument| !described(argument)).map(|argument| format!("{path}({})", argument["name"])),
                    );
                    if !described(member) {
                        bare.push(path);
                    }
                }
            }
        }
        // Fields of an interface take their arguments' words from the types behind it.
        bare.retain(|path| !path.contains("message("));
        assert_eq!(bare, Vec::<String>::new());
    }
}
