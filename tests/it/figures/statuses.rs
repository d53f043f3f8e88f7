//! What kind of figure each is: one or more statuses, a value exactly when they have one.

use api::dataset;
use seed::Dataset;
use serde_json::{Value, json};
use tests::{TestApp, commands, on_both_databases};

use super::{bulk, bulk_done, faults, sheet, whole};

fn of_2023(counts: Value) -> Value {
    json!({ "category": "RESIDENT", "year": 2023, "expectedVersion": 0, "counts": counts })
}

/// What the public sees of a country in 2023.
async fn public(app: &TestApp, code: &str) -> Value {
    let reply = whole(&app.anonymous(), "categories: [\"RESIDENT\"], from: 2023, to: 2023").await;
    let series = reply.at("/data/factSheet/categories/0/countries").as_array().expect("countries");
    let found = series.iter().find(|series| series["country"]["code"] == code).expect("the country");
    let count = &found["counts"][0];
    json!([count["value"], count["status"], count["flags"]])
}

on_both_databases! {
    async fn of_several_statuses_the_one_that_matters_most_comes_first_everywhere(app: TestApp) {
        let editor = app.editor().await;
        let rows = json!([
            { "country": "CN", "value": 4, "flags": ["REVISED", "PROVISIONAL", "BREAK", "IMPUTED"] },
            { "country": "VN", "value": 3, "flags": ["PROVISIONAL", "ESTIMATED", "PROVISIONAL"] },
            { "country": "US", "value": 2, "status": "IMPUTED", "flags": ["PROVISIONAL"] },
        ]);
        let done = bulk_done(&editor, json!({ "sheets": [of_2023(rows)], "publish": true })).await;
        let expected = [
            ("CN", json!([4, "BREAK", ["BREAK", "IMPUTED", "PROVISIONAL", "REVISED"]])),
            ("US", json!([2, "IMPUTED", ["IMPUTED", "PROVISIONAL"]])),
            ("VN", json!([3, "ESTIMATED", ["ESTIMATED", "PROVISIONAL"]])),
        ];
        for (cell, (code, figure)) in done["yearSheets"][0]["draft"]["counts"].as_array().expect("counts").iter().zip(&expected) {
            assert_eq!(&json!([cell["value"], cell["status"], cell["flags"]]), figure);
            assert_eq!(&public(&app, code).await, figure);
        }
        let history = "{ figureHistory(category: \"RESIDENT\", country: \"CN\", year: 2023) { after { value status flags } } }";
        let reply = app.anonymous().run(history, json!({})).await;
        let after = reply.at("/data/figureHistory/0/after");
        assert_eq!(json!([after["value"], after["status"], after["flags"]]), expected[0].1);
    }

    async fn statuses_that_contradict_each_other_or_the_value_are_refused(app: TestApp) {
        let editor = app.editor().await;
        for (row, fault) in [
            (json!({ "value": 1, "flags": ["FINAL", "PROVISIONAL"] }), "flags STATUSES_CONTRADICT"),
            (json!({ "value": 1, "status": "FINAL", "flags": ["REVISED"] }), "flags STATUSES_CONTRADICT"),
            (json!({ "value": null, "flags": ["MISSING", "BREAK"] }), "flags STATUSES_CONTRADICT"),
            (json!({ "value": null, "flags": ["NOT_YET", "SUPPRESSED"] }), "flags STATUSES_CONTRADICT"),
            (json!({ "value": 1, "flags": [] }), "flags REQUIRED"),
            (json!({ "value": 0, "status": "MISSING" }), "value VALUE_NOT_ALLOWED"),
            (json!({ "value": 5, "flags": ["NOT_APPLICABLE"] }), "value VALUE_NOT_ALLOWED"),
            (json!({ "value": null, "flags": ["PROVISIONAL", "IMPUTED"] }), "value VALUE_MISSING"),
            (json!({ "value": null }), "status REQUIRED"),
            (json!({}), "status REQUIRED"),
        ] {
            let mut row = row;
            row["country"] = "CN".into();
            let refused = bulk(&editor, json!({ "sheets": [of_2023(json!([row]))] })).await;
            assert_eq!(faults(&refused["errors"]), [format!("input.sheets.0.counts.0.{fault}")], "{row}");
        }
        assert_eq!(sheet(&editor, "RESIDENT", 2023).await["version"], 0);
    }

    async fn zero_is_a_value_and_no_value_has_a_reason(app: TestApp) {
        let editor = app.editor().await;
        let rows = json!([
            { "country": "CN", "value": 0 },
            { "country": "VN", "value": 0, "status": "PROVISIONAL" },
            { "country": "US", "status": "MISSING" },
            { "country": "KR", "value": null, "status": "NOT_APPLICABLE" },
            { "country": "TH", "status": "NOT_YET" },
            { "country": "PL", "status": "SUPPRESSED" },
        ]);
        bulk_done(&editor, json!({ "sheets": [of_2023(rows)], "publish": true })).await;
        for (code, figure) in [
            ("CN", json!([0, "FINAL", ["FINAL"]])),
            ("VN", json!([0, "PROVISIONAL", ["PROVISIONAL"]])),
            ("US", json!([null, "MISSING", ["MISSING"]])),
            ("KR", json!([null, "NOT_APPLICABLE", ["NOT_APPLICABLE"]])),
            ("TH", json!([null, "NOT_YET", ["NOT_YET"]])),
            ("PL", json!([null, "SUPPRESSED", ["SUPPRESSED"]])),
        ] {
            assert_eq!(public(&app, code).await, figure);
        }
        let reply = whole(&app.anonymous(), "categories: [\"RESIDENT\"], from: 2023, to: 2023").await;
        let total = reply.at("/data/factSheet/categories/0/yearlyTotals/0");
        assert_eq!((&total["sumOfCountries"], &total["publishedTotal"], &total["published"]), (&json!(0), &Value::Null, &Value::Null));
    }

    async fn a_total_is_provisional_until_it_is_said_to_be_final(app: TestApp) {
        let editor = app.editor().await;
        let mut input = of_2023(json!([{ "country": "CN", "value": 7 }]));
        (input["total"], input["totalFlags"]) = (7.into(), json!(["PROVISIONAL", "ESTIMATED"]));
        bulk_done(&editor, json!({ "sheets": [input], "publish": true })).await;
        let published = async || {
            let reply = whole(&app.anonymous(), "categories: [\"RESIDENT\"], from: 2023, to: 2023").await;
            reply.at("/data/factSheet/categories/0/yearlyTotals/0/published").clone()
        };
        let figure = |status: &str, flags: Value| json!({ "value": 7, "status": status, "flags": flags, "confidentiality": "FREE" });
        assert_eq!(published().await, figure("ESTIMATED", json!(["ESTIMATED", "PROVISIONAL"])));

        let mut change = json!({ "category": "RESIDENT", "year": 2023, "expectedVersion": 1, "total": 7 });
        change["totalFlags"] = json!(["FINAL", "BREAK"]);
        assert_eq!(faults(&bulk(&editor, json!({ "sheets": [change] })).await["errors"]), ["input.sheets.0.totalFlags STATUSES_CONTRADICT"]);
        change["totalFlags"] = json!(["MISSING"]);
        assert_eq!(faults(&bulk(&editor, json!({ "sheets": [change] })).await["errors"]), ["input.sheets.0.totalFlags VALUE_NOT_ALLOWED"]);
        change["totalFlags"] = json!(["FINAL"]);
        let last = json!({ "sheets": [change], "publish": true, "kind": "REVISION", "reason": "All reports are in" });
        bulk_done(&editor, last).await;
        assert_eq!(published().await, figure("FINAL", json!(["FINAL"])), "the number is what it was, so it is not revised");
    }

    async fn files_keep_every_status(app: TestApp) {
        let editor = app.editor().await;
        let mut input = of_2023(json!([
            { "country": "CN", "value": 4, "flags": ["PROVISIONAL", "BREAK", "IMPUTED"] },
            { "country": "VN", "value": 0, "status": "PROVISIONAL" }, { "country": "US", "status": "NOT_YET" },
        ]));
        (input["total"], input["totalFlags"]) = (4.into(), json!(["PROVISIONAL", "IMPUTED"]));
        bulk_done(&editor, json!({ "sheets": [input], "publish": true })).await;
        let files = dataset::export(app.state().database()).await.expect("an export").render();
        let copy = Dataset::parse(&files).expect("what was exported has no fault");
        let other = TestApp::on(app.backend()).await.expect("the same database as before");
        commands::import(other.state(), &copy, "A copy").await.expect("an import");
        let arguments = "from: 2023, locale: \"en\"";
        let figures = async |app: &TestApp| whole(&app.anonymous(), arguments).await.at("/data/factSheet/categories").clone();
        assert_eq!(figures(&other).await, figures(&app).await);
        assert_eq!(public(&other, "CN").await, json!([4, "BREAK", ["BREAK", "IMPUTED", "PROVISIONAL"]]));
        let again = dataset::export(other.state().database()).await.expect("an export").render();
        assert_eq!(again, files);
    }
}
