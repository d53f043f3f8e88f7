//! A revision of a year sheet is stored as what changed, and read as a whole whoever reads it.

use entities::revision;
use sea_orm::{ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, Statement};
use serde_json::{Value, json};
use tests::{TestApp, on_both_databases};

use super::{bulk, bulk_done};

const COUNTRIES: &str = "{ countries { code } }";

/// How often one figure is corrected.
const CORRECTIONS: i64 = 60;

/// The content of every revision, by version, as the history tells of it.
async fn history(app: &TestApp, id: &Value) -> Vec<Value> {
    let document = "query($id: ID!, $before: Version) { history(id: $id, first: 40, before: $before) { revisions {
        version content { ... on YearSheetContent {
            total totalNote { locale text } counts { country value status note { locale text } }
        } }
    } } }";
    let (editor, mut revisions, mut before) = (app.editor().await, Vec::new(), Value::Null);
    loop {
        let reply = editor.run(document, json!({ "id": id, "before": before })).await;
        let page = reply.at("/data/history/revisions").as_array().expect("revisions").clone();
        let Some(last) = page.last() else { break };
        before = last["version"].clone();
        revisions.extend(page);
    }
    revisions.reverse();
    revisions.into_iter().map(|mut revision| revision["content"].take()).collect()
}

/// The content of every revision as somebody sees it who reads the database: in JSON, by the view.
async fn view(app: &TestApp, document: uuid::Uuid) -> Vec<Value> {
    let database = app.state().database().reader();
    let sql = "SELECT content FROM revision_contents WHERE document_id = $1 ORDER BY number";
    let statement = Statement::from_sql_and_values(database.get_database_backend(), sql, [document.into()]);
    let rows = database.query_all_raw(statement).await.expect("rows");
    rows.iter().map(|row| row.try_get_by_index::<Value>(0).expect("a content")).collect()
}

on_both_databases! {
    async fn a_revision_of_a_sheet_is_stored_as_what_changed_and_read_as_a_whole(app: TestApp) {
        let editor = app.editor().await;
        let reply = app.anonymous().run(COUNTRIES, json!({})).await;
        let codes: Vec<&str> =
            reply.at("/data/countries").as_array().expect("countries").iter().filter_map(|one| one["code"].as_str()).collect();
        let note = json!([{ "locale": "ja", "text": "速報値" }]);
        let counts: Vec<Value> =
            codes.iter().map(|code| json!({ "country": code, "value": 100, "note": note })).collect();
        let total = 100 * codes.len();
        let first = json!({ "category": "TRAVEL", "year": 2030, "expectedVersion": 0, "total": total, "counts": counts });
        let made = bulk_done(&editor, json!({ "sheets": [first], "publish": true })).await;
        let mut expected = vec![made["yearSheets"][0]["draft"].clone()];
        for version in 1..=CORRECTIONS {
            let place = usize::try_from(version).expect("few") % codes.len();
            // A value, one less of them, a note that goes, a total that goes and comes.
            let mut change = json!({ "category": "TRAVEL", "year": 2030, "expectedVersion": version });
            match version % 6 {
                0 => change["counts"] = json!([{ "country": codes[place], "remove": true }]),
                1 => change["counts"] = json!([{ "country": codes[place], "note": [] }]),
                2 => change["total"] = Value::Null,
                3 => change["total"] = json!(total),
                4 => change["counts"] = json!([{ "country": codes[place], "value": null, "status": "MISSING" }]),
                _ => change["counts"] = json!([{ "country": codes[place], "value": 1000 + version }]),
            }
            let done = bulk_done(&editor, json!({ "sheets": [change] })).await;
            expected.push(done["yearSheets"][0]["draft"].clone());
        }

        let found = editor.run("{ yearSheet(category: \"TRAVEL\", year: 2030) { id } }", json!({})).await;
        let read = history(&app, found.at("/data/yearSheet/id")).await;
        assert_eq!(read.len(), expected.len());
        for (version, (read, expected)) in read.iter().zip(&expected).enumerate() {
            assert_eq!(read["total"], expected["total"], "{version}");
            let cells = |sheet: &Value| -> Vec<Value> {
                let cell = |cell: &Value| json!([cell["country"], cell["value"], cell["status"], cell["note"]]);
                sheet["counts"].as_array().expect("counts").iter().map(cell).collect()
            };
            assert_eq!(cells(read), cells(expected), "{version}");
        }

        let reader = app.state().database().reader();
        let key = entities::document::COLUMN.key.eq("YEAR_SHEET/TRAVEL/2030");
        let document = entities::document::Entity::find().filter(key).one(reader).await.expect("a read").expect("a sheet");
        let rows = revision::Entity::find().filter(revision::COLUMN.document_id.eq(document.id));
        let rows = rows.order_by_asc(revision::COLUMN.number).all(reader).await.expect("revisions");
        let stored: usize = rows.iter().map(|row| row.content.clone().into_json().to_string().len()).sum();
        let whole: Vec<Value> = view(&app, document.id).await;
        let in_full: usize = whole.iter().map(|content| content.to_string().len()).sum();
        assert!(stored * 4 < in_full, "{stored} of {in_full} bytes");
        for (content, expected) in whole.iter().zip(&expected) {
            assert_eq!(content["counts"].as_object().map(serde_json::Map::len), expected["counts"].as_array().map(Vec::len));
            for cell in expected["counts"].as_array().expect("counts") {
                let country = cell["country"].as_str().expect("a code");
                assert_eq!(content["counts"][country].get("value").unwrap_or(&Value::Null), &cell["value"]);
            }
        }

        // Who works on an old state is told what changed since, and may have it back.
        let stale = json!({
            "category": "TRAVEL", "year": 2030, "expectedVersion": CORRECTIONS, "counts": [{ "country": codes[0], "value": 5 }]
        });
        let refused = bulk(&editor, json!({ "sheets": [stale] })).await;
        assert_eq!(refused["errors"][0]["currentVersion"], CORRECTIONS + 1, "{refused}");
        let diff = format!("{{ diff(id: \"{}\", a: 1, b: {}) {{ path }} }}", found.at("/data/yearSheet/id").as_str().expect("an id"), 2);
        let diff = editor.run(&diff, json!({})).await;
        let field = format!("counts.{}.note.ja", codes[1]);
        assert_eq!(diff.at("/data/diff/0/path").as_str().map(|found| field.starts_with(found)), Some(true), "{}", diff.text());
        let restored = json!({ "id": found.at("/data/yearSheet/id"), "expectedVersion": CORRECTIONS + 1, "version": 7 });
        editor.done("restore", restored).await;
        let read = history(&app, found.at("/data/yearSheet/id")).await;
        assert_eq!(read.last(), read.get(6));
    }
}
