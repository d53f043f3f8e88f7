//! How answers to the public are made and kept: directly or by the engine, from the cache or anew, in lists that go on
//! changing, from texts that are in memory or not. What the answers say is promised in `content` and `figures`.

mod attack;
mod bodies;
mod caching;
mod differential;
mod lists;
mod prices;
mod response_size;

use std::fmt::Write as _;

use seed::{Dataset, Files};
use serde_json::{Value, json};
use tests::{Client, Reply, TestApp, commands, dataset::page};

/// The address of a query with these parameters beside it.
fn address(query: &str, more: &[(&str, &str)]) -> String {
    let mut address = "/graphql?query=".to_owned();
    let encode = |text: &str, address: &mut String| {
        for byte in text.bytes() {
            if byte.is_ascii_alphanumeric() {
                address.push(byte.into());
            } else {
                write!(address, "%{byte:02X}").expect("memory");
            }
        }
    };
    encode(query, &mut address);
    for (name, value) in more {
        write!(address, "&{name}=").expect("memory");
        encode(value, &mut address);
    }
    address
}

/// The public's answer to a query by GET.
async fn get(app: &TestApp, query: &str) -> Reply {
    app.anonymous().get(&address(query, &[])).await
}

/// The example, changed.
async fn import(app: &TestApp, change: impl FnOnce(&mut Dataset)) {
    let mut dataset = Dataset::parse(&Files::example()).expect("the example has no fault");
    change(&mut dataset);
    commands::import(app.state(), &dataset, "A test").await.expect("the dataset fits");
}

/// A document as an editor finds it.
async fn find(editor: &Client, by: Value) -> Value {
    let query = "query($by: DocumentSelector!) { document(by: $by) { id version } }";
    let reply = editor.run(query, json!({ "by": by })).await;
    let document = reply.data()["document"].clone();
    assert!(document.is_object(), "{by}");
    document
}

/// Runs a mutation and publishes the document that comes of it.
async fn publish(editor: &Client, mutation: &str, input: Value) -> Value {
    let saved = editor.done(mutation, input).await["document"].clone();
    let input = json!({ "id": saved["id"], "expectedVersion": saved["version"] });
    editor.done("publish", input).await["document"].clone()
}

/// Saves and publishes fields of a page.
async fn change_page(editor: &Client, slug: &str, fields: Value) {
    let page = find(editor, json!({ "page": slug })).await;
    let mut input = json!({ "id": page["id"], "expectedVersion": page["version"] });
    fields.as_object().expect("fields").iter().for_each(|(name, value)| input[name] = value.clone());
    publish(editor, "pageUpdate", input).await;
}

/// Saves and publishes fields of a page's text.
async fn change_text(editor: &Client, slug: &str, locale: &str, fields: Value) {
    let page = find(editor, json!({ "page": slug })).await;
    let text = find(editor, json!({ "pageText": { "slug": slug, "locale": locale } })).await;
    let mut input = json!({ "pageId": page["id"], "locale": locale, "expectedVersion": text["version"] });
    fields.as_object().expect("fields").iter().for_each(|(name, value)| input[name] = value.clone());
    publish(editor, "pageTextSave", input).await;
}
