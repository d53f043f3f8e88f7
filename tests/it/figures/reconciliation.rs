//! Published totals against what they are made of: told where they differ, refused where nobody says why.

use serde_json::{Value, json};
use tests::{TestApp, on_both_databases};

use super::{bulk, bulk_done, faults, publish_country, whole};

/// The row of a category and year; null for a margin.
async fn row(app: &TestApp, category: Value, year: Value) -> Value {
    let reply = whole(&app.anonymous(), "locale: \"en\"").await;
    let rows = reply.at("/data/factSheet/reconciliation").as_array().expect("rows");
    let mut found = rows.iter().filter(|row| row["category"] == category && row["year"] == year);
    let row = found.next().unwrap_or(&Value::Null).clone();
    assert_eq!(found.next(), None, "one row for {category} {year}");
    row
}

fn numbers(row: &Value) -> Value {
    json!([row["publishedTotal"], row["sumOfCountries"], row["unallocated"], row["difference"]])
}

fn of_2023(total: i64, counts: &[(&str, i64)]) -> Value {
    let counts: Vec<Value> =
        counts.iter().map(|(country, value)| json!({ "country": country, "value": value })).collect();
    json!({ "category": "RESIDENT", "year": 2023, "expectedVersion": 0, "total": total, "counts": counts })
}

fn close(one: &Value, other: f64) {
    let one = one.as_f64().expect("a number");
    assert!((one - other).abs() < 1e-12, "{one} is not {other}");
}

on_both_databases! {
    async fn every_total_is_held_against_its_countries_along_both_margins(app: TestApp) {
        let totals = [("TRAVEL", [(64, 65), (38, 38), (4, 4), (2, 2), (5, 5)]), ("RESIDENT", [(70, 70), (97, 97), (70, 70), (56, 56), (67, 67)])];
        let reply = whole(&app.anonymous(), "locale: \"en\"").await;
        // Ten sheets, two categories across the years, five years across the categories, and all.
        assert_eq!(reply.at("/data/factSheet/reconciliation").as_array().map(Vec::len), Some(18));
        let mut all = (0, 0);
        for (category, years) in totals {
            let mut across = (0, 0);
            for ((published, sum), year) in years.into_iter().zip(2018..) {
                let expected = json!([published, sum, null, sum - published]);
                assert_eq!(numbers(&row(&app, json!(category), json!(year)).await), expected, "{category} {year}");
                across = (across.0 + published, across.1 + sum);
            }
            let expected = json!([across.0, across.1, null, across.1 - across.0]);
            assert_eq!(numbers(&row(&app, json!(category), Value::Null).await), expected, "{category}");
            all = (all.0 + across.0, all.1 + across.1);
        }
        for (index, year) in (2018..2023).enumerate() {
            let (published, sum) = (totals[0].1[index].0 + totals[1].1[index].0, totals[0].1[index].1 + totals[1].1[index].1);
            let expected = json!([published, sum, null, sum - published]);
            assert_eq!(numbers(&row(&app, Value::Null, json!(year)).await), expected, "{year}");
        }
        assert_eq!(numbers(&row(&app, Value::Null, Value::Null).await), json!([all.0, all.1, null, all.1 - all.0]));
    }

    async fn coverage_tells_how_much_of_a_total_has_a_country_even_when_it_is_more_than_all(app: TestApp) {
        let travel = row(&app, json!("TRAVEL"), json!(2018)).await;
        close(&travel["coverage"], 65.0 / 64.0);
        assert!(travel["note"].as_str().is_some_and(|note| note.contains("64") && note.contains("65")), "{travel}");
        close(&row(&app, json!("RESIDENT"), json!(2018)).await["coverage"], 1.0);
        close(&row(&app, json!("TRAVEL"), Value::Null).await["coverage"], 114.0 / 113.0);
    }

    async fn an_unexplained_difference_names_each_sheet_and_by_how_much_in_both_languages(app: TestApp) {
        let editor = app.editor().await;
        let mut travel = of_2023(5, &[("CN", 8)]);
        travel["category"] = "TRAVEL".into();
        let fine = json!({ "category": "RESIDENT", "year": 2024, "expectedVersion": 0, "total": 1, "counts": [{ "country": "CN", "value": 1 }] });
        let sheets = json!([of_2023(10, &[("CN", 4), ("VN", 3)]), fine, travel]);
        let refused = bulk(&editor, json!({ "sheets": sheets, "publish": true })).await;
        let errors = refused["errors"].as_array().expect("errors");
        let told: Vec<Value> = errors
            .iter()
            .map(|error| {
                assert_eq!((&error["__typename"], &error["code"]), (&json!("ReconciliationError"), &json!("PUBLISH_BLOCKED")));
                assert_eq!((&error["rule"], &error["path"]), (&json!("UNEXPLAINED_DIFFERENCE"), &json!(["total"])));
                json!([error["category"], error["year"], error["publishedTotal"], error["sumOfCountries"], error["difference"]])
            })
            .collect();
        assert_eq!(told, [json!(["RESIDENT", 2023, 10, 7, -3]), json!(["TRAVEL", 2023, 5, 8, 3])]);
        let words = "RESIDENT 2023: the countries sum to 7, the total is 10, a difference of -3 that no note explains";
        assert_eq!(errors[0]["message"], words);
        let words = "TRAVEL 2023年: 国別の合計8と総数5の間に+3の差がありますが、説明の注記がありません";
        assert_eq!(errors[1]["ja"], words);
        assert_eq!(row(&app, json!("RESIDENT"), json!(2023)).await, Value::Null, "nothing is public");
        assert_eq!(row(&app, json!("RESIDENT"), json!(2024)).await, Value::Null, "nor what is right by itself");
    }

    async fn a_difference_that_is_explained_is_shown_with_its_explanation(app: TestApp) {
        let editor = app.editor().await;
        let mut input = of_2023(10, &[("CN", 4), ("VN", 3)]);
        input["totalNote"] = json!([{ "locale": "en", "text": "Three gave no country" }, { "locale": "ja", "text": "3人は国籍不明" }]);
        bulk_done(&editor, json!({ "sheets": [input], "publish": true })).await;
        let told = row(&app, json!("RESIDENT"), json!(2023)).await;
        assert_eq!((numbers(&told), &told["note"]), (json!([10, 7, null, -3]), &json!("Three gave no country")));
        close(&told["coverage"], 0.7);
        let japanese = whole(&app.anonymous(), "locale: \"ja\", from: 2023").await;
        let total = japanese.at("/data/factSheet/categories/1/yearlyTotals/0");
        assert_eq!((&total["difference"], &total["note"]), (&json!(-3), &json!("3人は国籍不明")));
    }

    async fn visits_of_no_country_in_particular_close_the_gap_and_do_not_count_as_covered(app: TestApp) {
        let editor = app.editor().await;
        let rows = [("CN", 4), ("VN", 3), ("ZZ", 3)];
        let refused = bulk(&editor, json!({ "sheets": [of_2023(10, &rows)], "publish": true })).await;
        assert_eq!(faults(&refused["errors"]), ["input.sheets.0.counts.2.country UNKNOWN"]);
        publish_country(&editor, "ZZ", "Not allocated").await;
        bulk_done(&editor, json!({ "sheets": [of_2023(10, &rows)], "publish": true })).await;
        let told = row(&app, json!("RESIDENT"), json!(2023)).await;
        assert_eq!(numbers(&told), json!([10, 10, 3, 0]));
        close(&told["coverage"], 0.7);
        let total = whole(&app.anonymous(), "from: 2023").await;
        assert_eq!(total.at("/data/factSheet/categories/1/yearlyTotals/0/unallocated"), &json!({ "value": 3 }));
        let across = row(&app, json!("RESIDENT"), Value::Null).await;
        assert_eq!(numbers(&across), json!([370, 370, 3, 0]));
        close(&across["coverage"], 367.0 / 370.0);
    }

    async fn what_is_not_known_of_one_year_is_not_known_across_the_years(app: TestApp) {
        let editor = app.editor().await;
        bulk_done(&editor, json!({ "sheets": [of_2023(5, &[])], "publish": true })).await;
        let told = row(&app, json!("RESIDENT"), json!(2023)).await;
        assert_eq!((numbers(&told), &told["coverage"]), (json!([5, null, null, null]), &Value::Null));
        assert_eq!(numbers(&row(&app, json!("RESIDENT"), Value::Null).await), json!([365, null, null, null]));
        assert_eq!(numbers(&row(&app, json!("TRAVEL"), Value::Null).await), json!([113, 114, null, 1]));
        assert_eq!(row(&app, json!("TRAVEL"), json!(2023)).await, Value::Null, "no sheet, no row");
        assert_eq!(numbers(&row(&app, Value::Null, json!(2023)).await), json!([5, null, null, null]));
    }
}
