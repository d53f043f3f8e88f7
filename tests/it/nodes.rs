//! `node` and `nodes`: whatever has a global id is found by it, as it was handed out, by those who may see it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::Duration;
use serde_json::{Value, json};
use tests::{Client, EDITOR, READER, STATISTICIAN, TRANSLATOR, TestApp, on_both_databases};

const NODE: &str = "query($id: ID!) { node(id: $id) { __typename id } }";

/// The object with this global id, as far as the client may see it.
async fn node(client: &Client, id: &Value) -> Value {
    client.run(NODE, json!({ "id": id })).await.at("/data/node").clone()
}

/// What a query answers at a place.
async fn at(client: &Client, query: &str, pointer: &str) -> Value {
    client.run(query, json!({})).await.at(&format!("/data{pointer}")).clone()
}

/// The object types that implement `Node`, and those that have a field `id`, as the schema says.
async fn types(app: &TestApp) -> (BTreeSet<String>, BTreeSet<String>) {
    let query =
        "{ __type(name: \"Node\") { possibleTypes { name } } __schema { types { kind name fields { name } } } }";
    let reply = app.anonymous().run(query, json!({})).await;
    let name = |of: &Value| of["name"].as_str().expect("a name").to_owned();
    let possible = reply.at("/data/__type/possibleTypes").as_array().expect("types").iter().map(name).collect();
    let has_id = |of: &&Value| {
        of["kind"] == "OBJECT"
            && of["fields"].as_array().is_some_and(|fields| fields.iter().any(|field| name(field) == "id"))
    };
    let with_id = reply.at("/data/__schema/types").as_array().expect("types").iter().filter(has_id).map(name).collect();
    (possible, with_id)
}

async fn document(client: &Client, by: &str) -> Value {
    at(client, &format!("{{ document(by: {by}) {{ id version }} }}"), "/document").await
}

/// The id of an object of each type that implements `Node`, as the API hands it out.
async fn instances(app: &TestApp) -> BTreeMap<String, Value> {
    let administrator = app.administrator().await;
    let page = document(&administrator, "{ page: \"about-us\" }").await;
    let mut ids = BTreeMap::new();
    for name in types(app).await.0 {
        let id = match name.as_str() {
            "Page" => at(&administrator, "{ page(slug: \"about-us\") { id } }", "/page/id").await,
            "StaffMember" => at(&administrator, "{ staff { id } }", "/staff/3/id").await,
            "Site" => at(&administrator, "{ site { id } }", "/site/id").await,
            "Country" => at(&administrator, "{ countries { id } }", "/countries/39/id").await,
            "Category" => at(&administrator, "{ categories { id } }", "/categories/1/id").await,
            "Document" => page["id"].clone(),
            "YearSheet" => {
                at(&administrator, "{ yearSheet(category: \"TRAVEL\", year: 2018) { id } }", "/yearSheet/id").await
            }
            "Schedule" => {
                let input = json!({
                    "id": page["id"], "expectedVersion": page["version"], "action": "UNPUBLISH",
                    "at": "2026-06-01 09:00", "timeZone": "Asia/Tokyo",
                });
                administrator.done("schedule", input).await["document"]["schedules"][0]["id"].clone()
            }
            "Preview" => {
                let input = json!({ "id": page["id"], "version": page["version"] });
                administrator.done("previewCreate", input).await["preview"]["id"].clone()
            }
            "Account" => at(&administrator, "{ accounts { nodes { id } } }", "/accounts/nodes/0/id").await,
            "ApiToken" => {
                let input =
                    json!({ "name": "One", "capabilities": ["READ_DRAFTS"], "expiresAt": "2026-02-01T00:00:00Z" });
                administrator.done("apiTokenCreate", input).await["apiToken"]["id"].clone()
            }
            name => panic!("an object of the type {name} is to be made here, too"),
        };
        assert!(id.is_string(), "{name}: {id}");
        ids.insert(name, id);
    }
    ids
}

/// An id of the same form that names nothing.
fn unknown(name: &str) -> Value {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
    BASE64_URL_SAFE_NO_PAD.encode(format!("{name}:019a8f3c-1b2d-7c3e-9f4a-5b6c7d8e9f0a")).into()
}

on_both_databases! {
    async fn every_type_with_a_global_id_is_found_by_it(app: TestApp) {
        let (possible, with_id) = types(&app).await;
        assert_eq!(possible, with_id, "whatever has an id implements Node");
        assert!(possible.len() > 10);
        let administrator = app.administrator().await;
        let ids = instances(&app).await;
        for (name, id) in &ids {
            assert_eq!(node(&administrator, id).await, json!({ "__typename": name, "id": id }));
        }
        let all: Vec<&Value> = ids.values().collect();
        let reply = administrator.run("query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }", json!({ "ids": all })).await;
        let expected: Vec<Value> = ids.iter().map(|(name, id)| json!({ "__typename": name, "id": id })).collect();
        assert_eq!(reply.at("/data/nodes"), &json!(expected), "in their order");
        let twice = administrator.run("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", json!({ "ids": [all[2], "x", all[2]] })).await;
        assert_eq!(twice.at("/data/nodes"), &json!([{ "id": all[2] }, null, { "id": all[2] }]));
    }

    async fn node_and_nodes_take_nothing_but_ids(app: TestApp) {
        let reply = app.anonymous().run("{ __type(name: \"Query\") { fields { name args { name } } } }", json!({})).await;
        for (field, argument) in [("node", "id"), ("nodes", "ids")] {
            let fields = reply.at("/data/__type/fields").as_array().expect("fields");
            let found = fields.iter().find(|found| found["name"] == field).expect("the field");
            assert_eq!(found["args"], json!([{ "name": argument }]));
        }
    }

    async fn what_may_not_be_seen_is_answered_as_what_does_not_exist(app: TestApp) {
        let ids = instances(&app).await;
        let public = ["Page", "StaffMember", "Site", "Country", "Category"];
        let texts = ["Document", "Schedule"];
        let editorial = ["Document", "Schedule", "YearSheet", "Preview"];
        let figures = ["Document", "Schedule", "YearSheet"];
        for (credentials, seen) in
            [(None, &[][..]), (Some(READER), &texts), (Some(TRANSLATOR), &texts), (Some(STATISTICIAN), &figures), (Some(EDITOR), &editorial)]
        {
            let client = match credentials {
                Some(credentials) => app.bearer(&app.sign_in(credentials).await.access_token),
                None => app.anonymous(),
            };
            for (name, id) in &ids {
                let found = client.run(NODE, json!({ "id": id })).await;
                if public.contains(&name.as_str()) || seen.contains(&name.as_str()) {
                    assert_eq!(found.at("/data/node"), &json!({ "__typename": name, "id": id }));
                } else {
                    let missing = client.run(NODE, json!({ "id": unknown(name) })).await;
                    assert_eq!(found.at("/data/node"), &Value::Null, "{name} {credentials:?}");
                    assert_eq!(found.answer(), missing.answer(), "{name} {credentials:?}");
                }
            }
        }
    }

    async fn whose_session_has_ended_is_told_so_and_not_that_there_is_nothing(app: TestApp) {
        let ids = instances(&app).await;
        let client = app.editor().await;
        client.mutate("signOut", Value::Null).await;
        assert_eq!(client.run(NODE, json!({ "id": ids["Document"] })).await.code(), "UNAUTHENTICATED");
    }

    async fn the_public_finds_nothing_of_editors_and_asks_no_database_for_it(app: TestApp) {
        let ids = instances(&app).await;
        let all: Vec<&Value> = ids.values().collect();
        app.statements().reset();
        let reply = app.anonymous().run("query($ids: [ID!]!) { nodes(ids: $ids) { __typename } }", json!({ "ids": all })).await;
        assert_eq!(reply.at("/data/nodes").as_array().map(|nodes| nodes.iter().filter(|node| !node.is_null()).count()), Some(5));
        assert_eq!(app.statements().so_far(), 0);
    }

    async fn an_object_is_found_in_the_language_in_which_it_was_served(app: TestApp) {
        let client = app.anonymous();
        let mut seen = BTreeSet::new();
        for (root, fields) in [
            ("page(slug: \"about-us\", WANTED)", "title parent { id } children { id title requestedLocale }"),
            ("staff(WANTED)", "name role"),
            ("site(WANTED)", "name"),
            ("countries(WANTED)", "name region { name }"),
            ("categories(WANTED)", "name description"),
        ] {
            for wanted in ["locale: \"ja\"", "locale: \"en\"", "locale: \"en\", fallback: []", "locale: \"en\", fallback: [\"ja\"]"] {
                let fields = format!("__typename id requestedLocale servedLocale isFallback {fields}");
                let served = client.run(&format!("{{ found: {} {{ {fields} }} }}", root.replace("WANTED", wanted)), json!({})).await;
                let served = served.at("/data/found");
                let served = if served.is_array() { &served[0] } else { served };
                let name = served["__typename"].as_str().expect("a type");
                let refetch = format!("query($id: ID!) {{ node(id: $id) {{ ... on {name} {{ {fields} }} }} }}");
                let found = client.run(&refetch, json!({ "id": served["id"] })).await;
                assert_eq!(found.at("/data/node"), served, "{root} {wanted}");
                assert!(seen.insert(served["id"].clone().to_string()), "two that differ share an id: {root} {wanted}");
            }
        }
        let without = at(&client, "{ page(slug: \"about-us\") { id } }", "/page/id").await;
        assert!(!seen.insert(without.to_string()), "the default locale is the locale itself");
    }

    async fn a_page_that_was_asked_for_by_an_old_slug_is_found_with_the_hint_and_its_own_id_without(app: TestApp) {
        let editor = app.editor().await;
        let page = document(&editor, "{ page: \"about-us\" }").await;
        let input = json!({ "id": page["id"], "expectedVersion": page["version"], "slug": "about" });
        let page = editor.done("pageUpdate", input).await["document"].clone();
        editor.done("publish", json!({ "id": page["id"], "expectedVersion": page["version"] })).await;
        let mut ids = BTreeSet::new();
        for (slug, moved_to) in [("about", Value::Null), ("about-us", json!("about"))] {
            let served = at(&app.anonymous(), &format!("{{ page(slug: \"{slug}\") {{ id movedTo slug }} }}"), "/page").await;
            assert_eq!(served["movedTo"], moved_to);
            let refetch = "query($id: ID!) { node(id: $id) { ... on Page { id movedTo slug } } }";
            assert_eq!(app.anonymous().run(refetch, json!({ "id": served["id"] })).await.at("/data/node"), &served);
            ids.insert(served["id"].to_string());
        }
        assert_eq!(ids.len(), 2);
    }

    async fn a_country_of_an_earlier_fact_sheet_is_found_as_it_was(app: TestApp) {
        let (editor, client) = (app.editor().await, app.anonymous());
        let before = app.clock().now();
        app.clock().advance(Duration::minutes(1));
        let country = document(&editor, "{ country: \"CN\" }").await;
        let names = json!([{ "locale": "ja", "text": "新しい名" }, { "locale": "en", "text": "New name" }]);
        let input = json!({ "code": "CN", "expectedVersion": country["version"], "names": names });
        let saved = editor.done("countrySave", input).await["document"].clone();
        editor.done("publish", json!({ "id": saved["id"], "expectedVersion": saved["version"] })).await;
        app.clock().advance(Duration::minutes(1));
        let sheet = |arguments: &str| {
            format!("{{ factSheet({arguments}locale: \"en\") {{ categories {{ countries {{ country {{ id code name }} }} }} }} }}")
        };
        let mut ids = BTreeSet::new();
        for (arguments, name) in [(String::new(), "New name"), (format!("asOf: \"{}\", ", before.to_rfc3339()), "China")] {
            let reply = client.run(&sheet(&arguments), json!({})).await;
            let all = reply.at("/data/factSheet/categories/0/countries").as_array().expect("countries").clone();
            let served = &all.iter().find(|series| series["country"]["code"] == "CN").expect("China")["country"];
            assert_eq!(served["name"], name);
            let refetch = "query($id: ID!) { node(id: $id) { ... on Country { id code name } } }";
            let found = client.run(refetch, json!({ "id": served["id"] })).await;
            assert_eq!(found.at("/data/node"), served);
            // What is put together for it is paid for.
            let price = found.at("/extensions/cost/estimate").as_u64().expect("a price");
            assert_eq!(price > 40, name == "China", "{price}");
            ids.insert(served["id"].to_string());
        }
        assert_eq!(ids.len(), 2);
    }

    async fn mutations_take_the_ids_that_queries_hand_out(app: TestApp) {
        let editor = app.administrator().await;
        let ids = instances(&app).await;
        for name in ["Page", "StaffMember", "Site", "Country", "Category", "Document", "YearSheet"] {
            let taken = editor.done("leaseTake", json!({ "id": ids[name] })).await;
            let document = &taken["document"]["id"];
            assert_eq!(node(&editor, document).await["__typename"], "Document", "{name}");
        }
        let english = at(&editor, "{ page(slug: \"about-us\", locale: \"en\", fallback: []) { id } }", "/page/id").await;
        assert_eq!(editor.done("leaseTake", json!({ "id": english })).await["document"]["key"], "PAGE/about-us");
    }

    async fn a_year_sheet_has_an_id_before_it_exists_and_a_dry_run_none_of_its_own(app: TestApp) {
        let editor = app.editor().await;
        let sheet = "{ yearSheet(category: \"TRAVEL\", year: 2030) { __typename id version } }";
        let blank = at(&editor, sheet, "/yearSheet").await;
        assert_eq!(blank["version"], 0);
        assert_eq!(node(&editor, &blank["id"]).await["id"], blank["id"]);
        assert_eq!(node(&app.anonymous(), &blank["id"]).await, Value::Null);
        let input = |value: i64, dry_run: bool| json!({
            "dryRun": dry_run,
            "sheets": [{ "category": "TRAVEL", "year": 2030, "expectedVersion": 0, "counts": [{ "country": "CN", "value": value }] }],
        });
        let mut ids = BTreeSet::from([blank["id"].to_string()]);
        for value in [1, 2] {
            let tried = editor.done("visitCountsBulkUpdate", input(value, true)).await["yearSheets"][0]["id"].clone();
            assert_eq!(node(&editor, &tried).await, Value::Null, "nothing of it is there");
            assert!(ids.insert(tried.to_string()), "two that differ have two ids");
        }
        let written = editor.done("visitCountsBulkUpdate", input(3, false)).await["yearSheets"][0]["id"].clone();
        assert!(ids.insert(written.to_string()));
        assert_eq!(at(&editor, sheet, "/yearSheet/id").await, written);
        assert_eq!(node(&editor, &written).await["id"], written);
        assert_eq!(node(&editor, &blank["id"]).await, Value::Null, "it is no blank sheet any more");
    }

    async fn hidden_figures_that_are_read_by_an_id_are_in_the_audit_log(app: TestApp) {
        let administrator = app.administrator().await;
        let site = document(&administrator, "{ site: true }").await;
        let policy = json!({ "expectedVersion": site["version"], "disclosure": { "method": "SUPPRESS", "threshold": 10 } });
        let saved = administrator.done("siteSave", policy).await["document"].clone();
        administrator.done("publish", json!({ "id": saved["id"], "expectedVersion": saved["version"] })).await;
        let sheet = "{ yearSheet(category: \"TRAVEL\", year: 2018) { id } }";
        let sheet = at(&administrator, sheet, "/yearSheet/id").await;
        let draft = document(&administrator, "{ yearSheet: { category: \"TRAVEL\", year: 2018 } }").await["id"].clone();
        let statistician = app.bearer(&app.sign_in(STATISTICIAN).await.access_token);
        let readings = async || {
            let query = "query($filter: AuditFilter) { auditLog(filter: $filter) { nodes { documentId } } }";
            let filter = json!({ "actor": STATISTICIAN.email, "action": "confidentialReading" });
            let reply = administrator.run(query, json!({ "filter": filter })).await;
            reply.at("/data/auditLog/nodes").as_array().expect("entries").clone()
        };
        assert_eq!(readings().await, [] as [Value; 0]);
        for (index, id) in [&sheet, &draft].into_iter().enumerate() {
            assert_eq!(node(&statistician, id).await["id"], *id);
            assert_eq!(readings().await, vec![json!({ "documentId": draft }); index + 1]);
        }
        // Who may not read them leaves no entry, since nothing was told.
        let reader = app.bearer(&app.sign_in(READER).await.access_token);
        assert_eq!(node(&reader, &sheet).await, Value::Null);
        assert_eq!(readings().await.len(), 2);
    }

    async fn an_id_that_names_nothing_is_null(app: TestApp) {
        use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
        let editor = app.editor().await;
        let page = at(&editor, "{ page(slug: \"about-us\", locale: \"en\") { id } }", "/page/id").await;
        let page = BASE64_URL_SAFE_NO_PAD.decode(page.as_str().expect("an id")).expect("base64");
        let page = String::from_utf8(page).expect("text");
        let uuid = page.split(':').nth(1).expect("a UUID");
        let encode = |text: String| BASE64_URL_SAFE_NO_PAD.encode(text);
        for id in [
            String::new(),
            "x".to_owned(),
            "UGFnZTp4".to_owned(),
            encode(format!("Page:{uuid}")),
            encode(format!("Page:{uuid}:fr")),
            encode(format!("Page:{uuid}:EN")),
            encode(format!("Page:{uuid}:en:fr")),
            encode(format!("Page:{uuid}:en:,")),
            encode(format!("Page:{uuid}:en@2026-01-01T00:00:00+00:00")),
            encode(format!("Page:{}:en", uuid.to_uppercase())),
            encode(format!("Country:{uuid}:en")),
            encode(format!("Country:{uuid}:en@yesterday")),
            encode(format!("YearSheet:{uuid}")),
            encode(format!("YearSheet:{uuid}:TRAVEL/2018")),
            encode("YearSheet:00000000-0000-0000-0000-000000000000:TRAVEL/02018".to_owned()),
            encode("YearSheet:00000000-0000-0000-0000-000000000000:TRAVEL/2018".to_owned()),
            encode("YearSheet:00000000-0000-0000-0000-000000000000:NOTHING/2018".to_owned()),
            encode(format!("Document:{uuid}:en")),
            encode(format!("Account:{uuid}")),
            encode(format!("Nothing:{uuid}")),
        ] {
            for client in [app.anonymous(), editor.clone()] {
                let reply = client.run(NODE, json!({ "id": id })).await;
                assert_eq!(reply.data()["node"], Value::Null, "{id}");
            }
        }
        let future = encode(format!("Country:{uuid}:en@2099-01-01T00:00:00+00:00"));
        let reply = app.anonymous().run(NODE, json!({ "id": future })).await;
        assert_eq!((reply.code(), reply.at("/errors/0/extensions/faults/0/rule")), ("BAD_USER_INPUT", &json!("IN_THE_FUTURE")));
    }

    async fn more_than_a_hundred_ids_are_refused(app: TestApp) {
        let document = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }";
        let reply = app.anonymous().run(document, json!({ "ids": vec!["x"; 100] })).await;
        assert_eq!(reply.data()["nodes"].as_array().map(Vec::len), Some(100));
        let reply = app.anonymous().run(document, json!({ "ids": vec!["x"; 101] })).await;
        assert_eq!(reply.code(), "BAD_USER_INPUT");
        assert_eq!(reply.at("/errors/0/extensions/faults/0/rule"), "TOO_MANY");
    }
}
