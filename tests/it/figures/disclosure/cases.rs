//! Attacks that succeeded once, each through what is served.

use api::figures::disclosure::disclose;
use entities::{DisclosureMethod, Flags};
use serde_json::{Value, json};
use tests::{TestApp, on_both_databases};

use super::{Key, Shown, code, collect, empty, known, policy, set, total};
use crate::figures::{bulk_done, later, whole};

/// Publishes the figures of a year that has none yet.
async fn release(app: &TestApp, counts: Value, total: i64, note: Option<&str>) {
    let mut year =
        json!({ "category": "RESIDENT", "year": 2023, "expectedVersion": 0, "total": total, "counts": counts });
    if let Some(note) = note {
        year["totalNote"] = json!([{ "locale": "en", "text": note }]);
    }
    bulk_done(&app.editor().await, json!({ "sheets": [year], "publish": true })).await;
}

/// Corrects the figures of that year.
async fn correct(app: &TestApp, version: i64, counts: Value, total: i64) {
    let year = json!({
        "category": "RESIDENT", "year": 2023, "expectedVersion": version, "counts": counts, "total": total,
    });
    let input = json!({ "sheets": [year], "publish": true, "kind": "CORRECTION", "reason": "Recounted" });
    bulk_done(&app.editor().await, input).await;
}

fn counts(of: &[(&str, i64)]) -> Value {
    of.iter().map(|(country, value)| json!({ "country": country, "value": value, "status": "FINAL" })).collect()
}

fn year_2023() -> Key {
    ("RESIDENT".to_owned(), 2023)
}

on_both_databases! {
    async fn a_figure_that_is_withheld_by_hand_is_in_no_sum_and_no_row_of_others(app: TestApp) {
        let rows = json!([
            { "country": "CN", "value": 50 }, { "country": "VN", "value": 20 }, { "country": "RU", "value": 31 },
            { "country": "KR", "value": null, "status": "SUPPRESSED" },
        ]);
        release(&app, rows, 104, Some("Includes a country that is not shown.")).await;
        for method in ["MERGE", "SUPPRESS"] {
            set(&app, method, 10).await;
            let reply = whole(&app.anonymous(), "categories: [\"RESIDENT\"], from: 2023").await;
            let year = reply.at("/data/factSheet/categories/0/yearlyTotals/0");
            for field in ["publishedTotal", "sumOfCountries", "difference", "others"] {
                assert!(year[field].is_null(), "{method} {field}: {year}");
            }
            for row in reply.at("/data/factSheet/reconciliation").as_array().expect("rows") {
                for field in ["publishedTotal", "sumOfCountries", "difference", "coverage"] {
                    assert!(row[field].is_null(), "{method} {field}: {row}");
                }
            }
            let sums = "{ visitCounts(filter: { categories: [\"RESIDENT\"], from: 2023 }) { sum missing isComplete isWithheld share } \
                by: visitCounts(filter: { categories: [\"RESIDENT\"], from: 2023 }, groupBy: [COUNTRY], top: 1) { sum isOthers isComplete isWithheld } }";
            let reply = app.anonymous().run(sums, json!({})).await;
            let whole = reply.at("/data/visitCounts/0");
            assert_eq!((&whole["sum"], &whole["share"]), (&Value::Null, &Value::Null), "{method}");
            assert_eq!((&whole["isComplete"], &whole["isWithheld"]), (&json!(false), &json!(true)), "{method}");
            let rest = reply.at("/data/by/1");
            assert_eq!((&rest["isOthers"], &rest["sum"], &rest["isWithheld"]), (&json!(true), &Value::Null, &json!(true)));
        }
    }

    async fn a_change_that_rounds_to_the_same_is_told_nowhere(app: TestApp) {
        let before = [("CN", 1), ("VN", 1), ("RU", 1), ("IN", 1), ("ID", 0), ("KR", 0), ("TW", 0), ("TH", 0), ("US", 0)];
        let after = [("CN", 0), ("VN", 0), ("RU", 0), ("IN", 0), ("ID", 1), ("KR", 1), ("TW", 1), ("TH", 1), ("US", 0)];
        set(&app, "ROUND", 10).await;
        release(&app, counts(&before), 4, None).await;
        let released = later(&app, 1);
        let reader = app.anonymous();
        let shown = async || {
            let reply = whole(&reader, "categories: [\"RESIDENT\"], from: 2023").await;
            reply.at("/data/factSheet/categories/0/countries").clone()
        };
        let shown_before = shown().await;
        correct(&app, 1, counts(&after), 4).await;
        assert_eq!(shown().await, shown_before, "neither another number nor REVISED");
        for (country, _) in before {
            let history = format!("{{ figureHistory(category: \"RESIDENT\", country: \"{country}\", year: 2023) {{ publishedAt }} }}");
            let reply = reader.run(&history, json!({})).await;
            assert_eq!(reply.at("/data/figureHistory").as_array().expect("a history").len(), 1, "{country}");
        }
        let changes = "query($since: DateTime!) { figureChanges(since: $since) { figures { country after { value } } } }";
        let reply = reader.run(changes, json!({ "since": released })).await;
        let changed = reply.at("/data/figureChanges/figures").as_array().expect("figures");
        assert!(changed.iter().all(|figure| figure["country"].is_null()), "{changed:?}");
        // Two totals that are both nearly nothing would tell how nine counts shared it.
        let states = collect(&app).await;
        assert_eq!(states[&year_2023()].last().expect("a state").total, None);
        // What changes visibly is marked.
        later(&app, 1);
        correct(&app, 2, counts(&[("US", 40)]), 44).await;
        let series = shown().await;
        let of = |code: &str| {
            let series = series.as_array().expect("countries").iter().find(|series| series["country"]["code"] == code);
            series.expect("a series")["counts"][0]["flags"].clone()
        };
        assert_eq!((of("US"), of("CN")), (json!(["REVISED"]), json!(["FINAL"])));
    }

    async fn where_the_threshold_is_three_a_total_of_ones_is_withheld(app: TestApp) {
        set(&app, "SUPPRESS", 3).await;
        let states = collect(&app).await;
        let public = states[&("TRAVEL".to_owned(), 2019)].last().expect("a state");
        let four: Vec<&String> = public.withheld().collect();
        for country in ["MN", "RU", "TW", "VN"] {
            assert!(four.iter().any(|withheld| *withheld == country), "{four:?}");
        }
        assert_eq!(public.counts["CN"], Shown::Value(31));
        assert_eq!((public.total, public.sum, public.difference), (None, None, None));
    }

    async fn a_threshold_with_which_only_ones_are_small_can_withhold_nothing(app: TestApp) {
        let administrator = app.administrator().await;
        for method in ["SUPPRESS", "MERGE"] {
            let input = json!({ "expectedVersion": 1, "disclosure": { "method": method, "threshold": 2 } });
            let refused = administrator.mutate("siteSave", input).await;
            let errors = &refused.data()["siteSave"]["errors"];
            assert_eq!(crate::figures::faults(errors), ["input.disclosure.threshold OUT_OF_RANGE"], "{errors}");
        }
        for method in ["OFF", "WARN", "ROUND"] {
            set(&app, method, 2).await;
        }
    }

    async fn a_withheld_count_that_falls_takes_the_total_with_it_and_one_that_rises_does_not(app: TestApp) {
        set(&app, "SUPPRESS", 10).await;
        release(&app, counts(&[("CN", 50), ("VN", 20), ("KR", 3), ("RU", 31)]), 104, None).await;
        let told = async || collect(&app).await[&year_2023()].iter().map(|public| public.total).collect::<Vec<_>>();
        assert_eq!(told().await, [Some(104)]);
        later(&app, 1);
        correct(&app, 1, counts(&[("VN", 40)]), 124).await;
        assert_eq!(told().await, [Some(104), Some(124)]);
        later(&app, 1);
        correct(&app, 2, counts(&[("KR", 1)]), 122).await;
        assert_eq!(told().await, [Some(104), Some(124), None], "that it fell to 1 would tell that it was more");
        later(&app, 1);
        correct(&app, 3, counts(&[("RU", 33)]), 124).await;
        assert_eq!(told().await, [Some(104), Some(124), None, None], "for good");
    }
}

#[test]
fn whether_a_rounded_total_is_withheld_follows_from_what_is_shown() {
    let told = |china: i64, vietnam: i64| {
        let mut sheet = empty();
        sheet.counts.insert(code("CN"), known(china));
        sheet.counts.insert(code("VN"), known(vietnam));
        sheet.total = Some(total(china + vietnam));
        let shown = disclose(policy(DisclosureMethod::Round, 10), &[&sheet]);
        shown[0].total().expect("a total").value()
    };
    for china in 0..5 {
        for vietnam in 5..15 {
            assert_eq!(told(china, vietnam), None, "{china} {vietnam}");
        }
    }
    assert_eq!(told(0, 20), None, "0 and 20: from 15 to 28, so 20 or 30, and 30 would tell");
}

#[test]
fn a_rounded_total_is_told_until_a_count_changes_whether_the_change_shows_or_not() {
    let mut sheet = empty();
    for (country, value) in [("CN", 23), ("KR", 31), ("US", 42), ("VN", 12)] {
        sheet.counts.insert(code(country), known(value));
    }
    sheet.total = Some(total(108));
    let mut other = sheet.clone();
    other.counts.insert(code("CN"), known(24));
    other.total = Some(total(109));
    let shown = disclose(policy(DisclosureMethod::Round, 10), &[&sheet, &sheet, &other, &sheet]);
    let totals: Vec<_> = shown.iter().map(|sheet| sheet.total().expect("a total").value()).collect();
    let totals: Vec<_> = totals.into_iter().map(|total| total.map(entities::Count::get)).collect();
    assert_eq!(totals, [Some(110), Some(110), None, None]);
    let mut flags = shown.iter().flat_map(|sheet| sheet.counts().values()).map(|figure| figure.observation().flags());
    assert!(flags.all(|flags| flags == Flags::FINAL));
}
