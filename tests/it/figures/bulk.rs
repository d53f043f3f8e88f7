//! `visitCountsBulkUpdate`: several sheets in one step, all or nothing or the good rows, tried first or at once.

use entities::{change, publication};
use sea_orm::{EntityTrait, PaginatorTrait, QueryOrder};
use serde_json::{Value, json};
use tests::{TestApp, on_both_databases, tables::everything};

use super::{answers, bulk, bulk_done, faults, sheet, whole};

/// Changes of a sheet that does not exist yet.
fn new(category: &str, year: i32, total: i64, counts: &[(&str, i64)]) -> Value {
    let counts: Vec<Value> =
        counts.iter().map(|(country, value)| json!({ "country": country, "value": value })).collect();
    json!({ "category": category, "year": year, "expectedVersion": 0, "total": total, "counts": counts })
}

async fn version(app: &TestApp, category: &str, year: i32) -> Value {
    sheet(&app.editor().await, category, year).await["version"].clone()
}

async fn changes(app: &TestApp) -> u64 {
    change::Entity::find().count(app.state().database().reader()).await.expect("a number")
}

/// The cell of a country in a draft.
fn cell<'a>(sheet: &'a Value, country: &str) -> &'a Value {
    let counts = sheet["draft"]["counts"].as_array().expect("counts");
    counts.iter().find(|cell| cell["country"] == country).unwrap_or(&Value::Null)
}

fn countries(sheet: &Value) -> Vec<Value> {
    sheet["draft"]["counts"].as_array().expect("counts").iter().map(|cell| cell["country"].clone()).collect()
}

/// Two sheets of which the second has a bad row, and the first a row that contradicts another.
fn flawed() -> Value {
    let mut travel = new("TRAVEL", 2023, 5, &[("CN", 5), ("CN", 6), ("VN", 0)]);
    travel["totalNote"] = json!([{ "locale": "en", "text": "Early" }]);
    let mut resident = new("RESIDENT", 2023, 9, &[("CN", -1), ("US", 9), ("XX", 1), ("KR", 2)]);
    resident["counts"][3]["note"] = json!([{ "locale": "fr", "text": "Non" }]);
    json!({ "sheets": [travel, resident] })
}

const FLAWS: [&str; 4] = [
    "input.sheets.0.counts.1.country DUPLICATE",
    "input.sheets.1.counts.0.value OUT_OF_RANGE",
    "input.sheets.1.counts.2.country UNKNOWN",
    "input.sheets.1.counts.3.note.0.locale UNKNOWN",
];

fn sorted(mut faults: Vec<String>) -> Vec<String> {
    faults.sort();
    faults
}

on_both_databases! {
    async fn one_bad_row_keeps_every_sheet_back_and_all_bad_rows_are_told(app: TestApp) {
        let editor = app.editor().await;
        let before = everything(&app).await;
        let refused = bulk(&editor, flawed()).await;
        assert_eq!(sorted(faults(&refused["errors"])), FLAWS);
        assert_eq!((&refused["yearSheets"], &refused["differences"]), (&json!([]), &json!([])));
        assert_eq!(refused["rejected"], json!([]));
        assert_eq!(everything(&app).await, before, "nothing was written");
        for category in ["TRAVEL", "RESIDENT"] {
            assert_eq!(version(&app, category, 2023).await, 0);
        }
    }

    async fn good_rows_are_written_without_the_bad_ones_when_asked(app: TestApp) {
        let editor = app.editor().await;
        let mut input = flawed();
        input["errorPolicy"] = "GOOD_ROWS".into();
        let done = bulk_done(&editor, input.clone()).await;
        assert_eq!(sorted(faults(&done["rejected"])), FLAWS);
        let [travel, resident] = done["yearSheets"].as_array().expect("sheets").as_slice() else { panic!("{done}") };
        assert_eq!((&travel["version"], &resident["version"]), (&json!(1), &json!(1)));
        assert_eq!((countries(travel), countries(resident)), (vec![json!("CN"), json!("VN")], vec![json!("US")]));
        assert_eq!((&cell(travel, "CN")["value"], &travel["draft"]["total"]), (&json!(5), &json!(5)));
        assert_eq!(sheet(&editor, "RESIDENT", 2023).await["draft"]["counts"], resident["draft"]["counts"]);

        // A row that is bad leaves what stood there.
        let row = json!({ "country": "US", "value": 1, "note": [{ "locale": "fr", "text": "Non" }] });
        let rows = json!([row, { "country": "KR", "value": 4 }]);
        let again = json!({ "category": "RESIDENT", "year": 2023, "expectedVersion": 1, "counts": rows });
        let done = bulk_done(&editor, json!({ "sheets": [again], "errorPolicy": "GOOD_ROWS" })).await;
        assert_eq!(faults(&done["rejected"]), ["input.sheets.0.counts.0.note.0.locale UNKNOWN"]);
        let resident = &done["yearSheets"][0];
        assert_eq!((&cell(resident, "US")["value"], &cell(resident, "KR")["value"]), (&json!(9), &json!(4)));

        // What is wrong with a sheet as a whole stops all.
        let mut input = json!({ "sheets": [new("TRAVEL", 2024, 1, &[("CN", 1)]), new("NONE", 2024, 1, &[])] });
        input["errorPolicy"] = "GOOD_ROWS".into();
        assert_eq!(faults(&bulk(&editor, input.clone()).await["errors"]), ["input.sheets.1.category UNKNOWN"]);
        input["sheets"][1] = new("RESIDENT", 2024, -1, &[]);
        assert_eq!(faults(&bulk(&editor, input).await["errors"]), ["input.sheets.1.total OUT_OF_RANGE"]);
        assert_eq!(version(&app, "TRAVEL", 2024).await, 0);
        // Nor does one sheet that cannot be read at all hide what is wrong with the others.
        let input = json!({ "sheets": [new("NONE", 2024, 1, &[]), new("RESIDENT", 2024, 1, &[("XX", 1)])] });
        let told = ["input.sheets.0.category UNKNOWN", "input.sheets.1.counts.0.country UNKNOWN"];
        assert_eq!(faults(&bulk(&editor, input).await["errors"]), told);
    }

    async fn a_dry_run_tells_exactly_what_would_change_and_writes_nothing(app: TestApp) {
        let editor = app.editor().await;
        let rows = json!([
            { "country": "CN", "value": 41 }, { "country": "PH", "remove": true }, { "country": "JM", "value": 0 },
            { "country": "KR", "value": 1, "note": [{ "locale": "en", "text": "Checked" }] },
        ]);
        let changed = json!({ "category": "RESIDENT", "year": 2022, "expectedVersion": 1, "counts": rows });
        let mut input = json!({ "sheets": [changed, new("TRAVEL", 2023, 2, &[("CN", 2)])], "dryRun": true });
        (input["publish"], input["kind"], input["reason"]) = (true.into(), "CORRECTION".into(), "Recounted".into());
        let (before, public) = (everything(&app).await, answers(&app.anonymous()).await);
        let known = sheet(&editor, "RESIDENT", 2022).await;

        let told = bulk_done(&editor, input.clone()).await;
        let of = |kind: &str| -> Vec<&Value> {
            told["differences"].as_array().expect("differences").iter().filter(|one| one["change"] == kind).collect()
        };
        let expected = json!([
            {
                "change": "CHANGED", "category": "RESIDENT", "country": "CN", "year": 2022,
                "before": { "value": 40, "flags": ["FINAL"] }, "after": { "value": 41, "flags": ["FINAL"] },
                "noteChanged": false,
            },
            {
                "change": "CHANGED", "category": "RESIDENT", "country": "KR", "year": 2022,
                "before": { "value": 1, "flags": ["FINAL"] }, "after": { "value": 1, "flags": ["FINAL"] },
                "noteChanged": true,
            },
        ]);
        assert_eq!(json!(of("CHANGED")), expected);
        let removed: Vec<_> = of("REMOVED").iter().map(|one| (&one["country"], &one["before"], &one["after"])).collect();
        assert_eq!(removed, [(&json!("PH"), &json!({ "value": 1, "flags": ["FINAL"] }), &Value::Null)]);
        let added: Vec<_> = of("ADDED").iter().map(|one| json!([one["category"], one["country"], one["after"]["value"]])).collect();
        let expected = [json!(["RESIDENT", "JM", 0]), json!(["TRAVEL", "CN", 2]), json!(["TRAVEL", null, 2])];
        assert_eq!(added, expected);
        let rows = known["draft"]["counts"].as_array().map_or(0, Vec::len);
        let counts = json!({ "added": 3, "changed": 2, "removed": 1, "unchanged": rows - 3 + 1 });
        assert_eq!(told["counts"], counts, "the total of 2022 stays as well");
        assert_eq!(told["yearSheets"][0]["version"], 2, "as it would be");

        assert_eq!(everything(&app).await, before, "in any table");
        assert_eq!(answers(&app.anonymous()).await, public);
        assert_eq!(sheet(&editor, "RESIDENT", 2022).await, known);
        assert_eq!(version(&app, "TRAVEL", 2023).await, 0);
        assert_eq!(bulk_done(&editor, input.clone()).await, told, "as often as one likes");

        input["dryRun"] = false.into();
        let done = bulk_done(&editor, input).await;
        assert_eq!((&done["differences"], &done["counts"]), (&told["differences"], &told["counts"]));
        assert_ne!(answers(&app.anonymous()).await, public);
    }

    async fn a_dry_run_is_refused_for_whatever_would_refuse_the_update(app: TestApp) {
        let editor = app.editor().await;
        let mut input = json!({ "sheets": [new("TRAVEL", 2023, 9, &[("CN", 2)])], "dryRun": true });
        bulk_done(&editor, input.clone()).await;
        input["publish"] = true.into();
        assert_eq!(bulk(&editor, input.clone()).await["errors"][0]["__typename"], "ReconciliationError");
        input["sheets"][0]["expectedVersion"] = 3.into();
        assert_eq!(faults(&bulk(&editor, input).await["errors"]), ["NOT_FOUND"]);
        let stale = json!({ "category": "RESIDENT", "year": 2022, "expectedVersion": 7, "total": 1 });
        let refused = bulk(&editor, json!({ "sheets": [stale], "dryRun": true })).await;
        assert_eq!(faults(&refused["errors"]), ["VERSION_CONFLICT"]);
    }

    async fn the_same_sheet_twice_no_sheet_and_too_many_are_refused(app: TestApp) {
        let editor = app.editor().await;
        let one = new("TRAVEL", 2023, 2, &[("CN", 2)]);
        let refused = bulk(&editor, json!({ "sheets": [one, new("RESIDENT", 2023, 1, &[]), one] })).await;
        assert_eq!(faults(&refused["errors"]), ["input.sheets.2.year DUPLICATE"]);
        assert_eq!(faults(&bulk(&editor, json!({ "sheets": [] })).await["errors"]), ["input.sheets REQUIRED"]);
        let many: Vec<Value> = (1950..2051).map(|year| new("TRAVEL", year, 1, &[])).collect();
        assert_eq!(faults(&bulk(&editor, json!({ "sheets": many })).await["errors"]), ["input.sheets TOO_MANY"]);
        assert_eq!(version(&app, "TRAVEL", 2023).await, 0);
    }

    async fn a_sheet_that_stays_as_it_is_gets_no_version_and_is_looked_at_all_the_same(app: TestApp) {
        let editor = app.editor().await;
        let same = json!({
            "category": "RESIDENT", "year": 2022, "expectedVersion": 1, "counts": [{ "country": "CN", "value": 40 }],
        });
        let before = changes(&app).await;
        let mut input = json!({ "sheets": [same, new("TRAVEL", 2023, 2, &[("CN", 2)])], "publish": true });
        let done = bulk_done(&editor, input.clone()).await;
        assert_eq!((&done["yearSheets"][0]["version"], &done["yearSheets"][1]["version"]), (&json!(1), &json!(1)));
        let kinds = done["differences"].as_array().expect("differences").iter();
        assert!(kinds.filter(|one| one["category"] == "RESIDENT").all(|one| one["change"] == "UNCHANGED"));
        assert_eq!(changes(&app).await, before + 1);
        assert_eq!(version(&app, "RESIDENT", 2022).await, 1);

        input["sheets"] = json!([same]);
        bulk_done(&editor, input.clone()).await;
        assert_eq!(changes(&app).await, before + 1, "nothing is published when nothing changes");
        input["sheets"][0]["expectedVersion"] = 7.into();
        assert_eq!(faults(&bulk(&editor, input).await["errors"]), ["VERSION_CONFLICT"]);
    }

    async fn next_year_s_sheet_begins_with_last_year_s_countries_still_to_come(app: TestApp) {
        let editor = app.editor().await;
        let mut input = json!({ "category": "RESIDENT", "year": 2023, "expectedVersion": 0, "copyFrom": { "year": 2022 } });
        input["counts"] = json!([{ "country": "CN", "value": 12 }, { "country": "US", "value": 3 }]);
        let done = bulk_done(&editor, json!({ "sheets": [input] })).await;
        let (last, next) = (sheet(&editor, "RESIDENT", 2022).await, &done["yearSheets"][0]);
        let mut expected = countries(&last);
        assert!(!expected.is_empty() && !expected.contains(&json!("US")), "{last}");
        for code in expected.iter().filter_map(Value::as_str).filter(|code| *code != "CN") {
            let to_come = json!({ "country": code, "value": null, "status": "NOT_YET", "flags": ["NOT_YET"], "note": [] });
            assert_eq!(cell(next, code), &to_come);
        }
        assert_eq!((&cell(next, "CN")["value"], &cell(next, "US")["value"]), (&json!(12), &json!(3)));
        expected.push(json!("US"));
        expected.sort_by_key(ToString::to_string);
        assert_eq!(countries(next), expected);
        assert_eq!(next["draft"]["total"], Value::Null);

        // What is there already stays, whatever is copied, from another category as well.
        let other = json!({ "category": "TRAVEL", "year": 2018 });
        let input = json!({ "category": "RESIDENT", "year": 2023, "expectedVersion": 1, "copyFrom": other });
        let done = bulk_done(&editor, json!({ "sheets": [input] })).await;
        let next = &done["yearSheets"][0];
        assert_eq!((&cell(next, "CN")["value"], &cell(next, "AU")["status"]), (&json!(12), &json!("NOT_YET")));
        let input = json!({ "category": "RESIDENT", "year": 2024, "expectedVersion": 0, "copyFrom": { "year": 1950 } });
        assert_eq!(faults(&bulk(&editor, json!({ "sheets": [input] })).await["errors"]), ["input.sheets.0.copyFrom UNKNOWN"]);
    }

    async fn clearing_a_sheet_leaves_only_what_is_sent_with_it(app: TestApp) {
        let editor = app.editor().await;
        let rows = countries(&sheet(&editor, "RESIDENT", 2022).await).len();
        let mut input = json!({ "category": "RESIDENT", "year": 2022, "expectedVersion": 1, "clear": true, "total": 8 });
        input["counts"] = json!([{ "country": "CN", "value": 5 }, { "country": "ES", "value": 3 }]);
        let done = bulk_done(&editor, json!({ "sheets": [input] })).await;
        assert_eq!(countries(&done["yearSheets"][0]), ["CN", "ES"]);
        // The total and China's figure are others; all other countries are gone.
        assert_eq!((&done["counts"]["changed"], &done["counts"]["removed"]), (&json!(2), &json!(rows - 1)));
        let input = json!({ "category": "RESIDENT", "year": 2022, "expectedVersion": 2, "clear": true });
        let done = bulk_done(&editor, json!({ "sheets": [input] })).await;
        let draft = &done["yearSheets"][0]["draft"];
        assert_eq!((&draft["counts"], &draft["total"]), (&json!([]), &Value::Null));
    }

    async fn a_row_is_taken_away_and_one_that_is_not_there_cannot_be(app: TestApp) {
        let editor = app.editor().await;
        let remove = |country: &str, version: i64| {
            let row = json!({ "country": country, "remove": true });
            json!({ "sheets": [{ "category": "RESIDENT", "year": 2022, "expectedVersion": version, "counts": [row] }] })
        };
        let done = bulk_done(&editor, remove("CN", 1)).await;
        assert_eq!(cell(&done["yearSheets"][0], "CN"), &Value::Null);
        assert!(!countries(&done["yearSheets"][0]).is_empty());
        for country in ["CN", "JP"] {
            let refused = bulk(&editor, remove(country, 2)).await;
            assert_eq!(faults(&refused["errors"]), ["input.sheets.0.counts.0.country UNKNOWN"], "{country}");
        }
        // Not the same as a figure of which nothing is known.
        let public = whole(&app.anonymous(), "from: 2022").await;
        assert!(public.text().contains("\"code\":\"CN\""), "a draft");
    }

    async fn a_lost_race_for_one_sheet_writes_none(app: TestApp) {
        let (editor, other) = (app.editor().await, app.administrator().await);
        let change = |value: i64| {
            json!({
                "category": "RESIDENT", "year": 2022, "expectedVersion": 1,
                "counts": [{ "country": "CN", "value": value }],
            })
        };
        bulk_done(&other, json!({ "sheets": [change(39)] })).await;
        let before = everything(&app).await;
        for policy in ["ALL_OR_NONE", "GOOD_ROWS"] {
            let sheets = json!([new("TRAVEL", 2023, 2, &[("CN", 2)]), change(41)]);
            let refused = bulk(&editor, json!({ "sheets": sheets, "publish": true, "errorPolicy": policy })).await;
            let [conflict] = refused["errors"].as_array().expect("errors").as_slice() else { panic!("{refused}") };
            assert_eq!(conflict["__typename"], "VersionConflict");
            assert_eq!((&conflict["expectedVersion"], &conflict["currentVersion"]), (&json!(1), &json!(2)));
            assert_eq!(everything(&app).await, before, "{policy}");
        }
    }

    async fn both_sheets_become_public_at_once_as_one_change(app: TestApp) {
        let editor = app.editor().await;
        let before = changes(&app).await;
        let correction = json!({
            "category": "RESIDENT", "year": 2022, "expectedVersion": 1, "total": 66,
            "counts": [{ "country": "CN", "value": 39 }],
        });
        let mut input = json!({ "sheets": [correction, new("TRAVEL", 2023, 2, &[("CN", 2)])], "publish": true });
        assert_eq!(faults(&bulk(&editor, input.clone()).await["errors"]), ["input.kind REQUIRED"]);
        input["kind"] = "CORRECTION".into();
        assert_eq!(faults(&bulk(&editor, input.clone()).await["errors"]), ["input.reason REQUIRED"]);
        assert_eq!(changes(&app).await, before);
        input["reason"] = "Counted twice".into();
        let done = bulk_done(&editor, input).await;
        let published: Vec<_> = done["yearSheets"].as_array().expect("sheets").iter().collect();
        assert!(published.iter().all(|sheet| sheet["publishedVersion"] == sheet["version"]), "{done}");
        assert_eq!(changes(&app).await, before + 1);
        let rows = publication::Entity::find().order_by_desc(publication::COLUMN.change_seq);
        let rows = rows.all(app.state().database().reader()).await.expect("publications");
        let last = rows.first().expect("a publication").change_seq;
        assert_eq!(rows.iter().filter(|row| row.change_seq == last).count(), 2);

        // What comes out for the first time is a release, whatever the others are.
        let reply = app.anonymous().run("{ vintages { category year kind } }", json!({})).await;
        let vintages = reply.at("/data/vintages").as_array().expect("vintages");
        let newest: Vec<_> = vintages.iter().rev().take(2).map(|one| (&one["category"], &one["kind"])).collect();
        assert!(newest.contains(&(&json!("TRAVEL"), &json!("RELEASE"))), "{newest:?}");
        assert!(newest.contains(&(&json!("RESIDENT"), &json!("CORRECTION"))), "{newest:?}");
        let public = whole(&app.anonymous(), "from: 2022").await;
        assert_eq!(public.at("/data/factSheet/years"), &json!([2022, 2023]));
        assert_eq!(public.at("/data/factSheet/categories/1/yearlyTotals/0/publishedTotal"), 66);
    }
}

on_both_databases! {
    async fn more_years_than_fit_in_a_picture_are_refused_as_such(app: TestApp) {
        for years in [1900..=1980, 1981..=2017] {
            let sheets: Vec<Value> = years.map(|year| new("TRAVEL", year, 1, &[("CN", 1)])).collect();
            bulk_done(&app.editor().await, json!({ "sheets": sheets, "publish": true })).await;
        }
        for kind in ["svg", "png"] {
            let reply = app.anonymous().get(&format!("/figures/chart.{kind}")).await;
            assert_eq!((reply.status(), reply.code()), (400, "BAD_USER_INPUT"), "{kind}: {}", reply.text());
            assert_eq!(reply.at("/errors/0/extensions/faults/0"), &json!({
                "path": ["from"], "rule": "TOO_MANY", "message": "must have at most 120 items",
            }));
            let reply = app.anonymous().get(&format!("/figures/chart.{kind}?from=1950")).await;
            assert_eq!(reply.status(), 200, "{kind}: {}", reply.text());
        }
    }
}
