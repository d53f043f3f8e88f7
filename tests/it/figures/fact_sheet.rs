//! `factSheet`, `countries` and `categories`, against the tenant's source.

use serde_json::{Value, json};
use tests::{TestApp, on_both_databases};

const EVERYTHING: &str = r#"{ factSheet(locale: "en") { years categories {
    category { code name }
    yearlyTotals { year publishedTotal sumOfCountries difference note }
    countries { country { code name } counts { year value status note noteLocale } }
} } }"#;

async fn categories(app: &TestApp) -> Vec<Value> {
    let reply = app.anonymous().run(EVERYTHING, json!({})).await;
    assert_eq!(reply.data()["factSheet"]["years"], json!([2018, 2019, 2020, 2021, 2022]));
    reply.data()["factSheet"]["categories"].as_array().expect("a list").clone()
}

fn list<'a>(value: &'a Value, field: &str) -> &'a Vec<Value> {
    value[field].as_array().expect("a list")
}

fn totals(category: &Value) -> Vec<(Value, Value, Value)> {
    let total =
        |total: &Value| (total["publishedTotal"].clone(), total["sumOfCountries"].clone(), total["difference"].clone());
    list(category, "yearlyTotals").iter().map(total).collect()
}

on_both_databases! {
    async fn residents_sum_to_the_published_totals_in_every_year(app: TestApp) {
        let resident = &categories(&app).await[1];
        assert_eq!(resident["category"], json!({ "code": "RESIDENT", "name": "Resident in Japan" }));
        let expected = [70, 97, 70, 56, 67].map(|total| (json!(total), json!(total), json!(0)));
        assert_eq!(totals(resident), expected);
        assert_eq!(list(resident, "countries").len(), 39);
    }

    async fn the_source_s_own_contradiction_is_shown_and_explained(app: TestApp) {
        let travel = &categories(&app).await[0];
        assert_eq!(travel["category"]["code"], "TRAVEL");
        let expected = [(64, 65, 1), (38, 38, 0), (4, 4, 0), (2, 2, 0), (5, 5, 0)]
            .map(|(published, sum, difference)| (json!(published), json!(sum), json!(difference)));
        assert_eq!(totals(travel), expected);
        assert!(travel["yearlyTotals"][0]["note"].as_str().is_some_and(|note| note.contains("64") && note.contains("65")));
        assert_eq!(travel["yearlyTotals"][1]["note"], Value::Null);
    }

    async fn every_figure_has_a_status_and_every_imputed_one_says_why(app: TestApp) {
        let mut statuses = std::collections::BTreeMap::new();
        for category in categories(&app).await {
            for count in list(&category, "countries").iter().flat_map(|series| list(series, "counts")) {
                let status = count["status"].as_str().expect("a status").to_owned();
                assert_eq!(count["value"].is_null(), status == "MISSING", "{count}");
                if status == "IMPUTED" {
                    assert!(count["note"].as_str().is_some_and(|note| !note.is_empty()), "{count}");
                    assert_eq!(count["noteLocale"], "en");
                }
                *statuses.entry(status).or_insert(0) += 1;
            }
        }
        // 12 and 39 rows of five years: 30 exact figures, 63 placed ones, and the cells that the source leaves empty.
        assert_eq!(statuses.get("FINAL"), Some(&30));
        assert_eq!(statuses.get("IMPUTED"), Some(&63));
        assert_eq!(statuses.values().sum::<i32>(), (12 + 39) * 5);
    }

    async fn a_country_that_the_source_lists_without_a_value_says_so(app: TestApp) {
        let travel = &categories(&app).await[0];
        assert_eq!(list(travel, "countries").len(), 12);
        let india = list(travel, "countries").iter().find(|series| series["country"]["code"] == "IN").expect("India");
        for count in list(india, "counts") {
            assert_eq!((&count["value"], &count["status"]), (&Value::Null, &json!("MISSING")));
            assert!(count["note"].as_str().is_some_and(|note| !note.is_empty()));
        }
    }

    async fn series_are_as_long_as_the_years_and_in_the_publisher_s_order(app: TestApp) {
        let reply = app.anonymous().run("{ countries { code } }", json!({})).await;
        let order: Vec<&Value> = list(reply.data(), "countries").iter().map(|country| &country["code"]).collect();
        assert_eq!(order.len(), 40);
        assert_eq!(order[..4], ["CN", "VN", "RU", "IN"]);
        for category in categories(&app).await {
            let places: Vec<_> = list(&category, "countries")
                .iter()
                .map(|series| order.iter().position(|code| **code == series["country"]["code"]))
                .collect();
            assert!(places.is_sorted());
            for series in list(&category, "countries") {
                let years: Vec<&Value> = list(series, "counts").iter().map(|count| &count["year"]).collect();
                assert_eq!(years, [2018, 2019, 2020, 2021, 2022]);
            }
        }
    }

    async fn categories_and_years_narrow_the_fact_sheet(app: TestApp) {
        let document = r"query($categories: [CategoryCode!], $from: Year, $to: Year) {
            factSheet(categories: $categories, from: $from, to: $to) { years categories { category { code } countries { country { code } } } }
        }";
        let narrowed = json!({ "categories": ["TRAVEL"], "from": 2021, "to": 2022 });
        let reply = app.anonymous().run(document, narrowed).await;
        assert_eq!(reply.at("/data/factSheet/years"), &json!([2021, 2022]));
        assert_eq!(reply.at("/data/factSheet/categories/0/category/code"), "TRAVEL");
        let codes: Vec<&Value> =
            list(reply.at("/data/factSheet/categories/0"), "countries").iter().map(|series| &series["country"]["code"]).collect();
        assert_eq!(codes, ["VN", "IN", "US", "KZ"], "only countries with a figure in these years");

        let reply = app.anonymous().run(document, json!({ "from": 1900, "to": 1950 })).await;
        assert_eq!(reply.at("/data/factSheet/years"), &json!([]));
        let reply = app.anonymous().run(document, json!({ "categories": [] })).await;
        assert_eq!(reply.at("/data/factSheet"), &json!({ "years": [], "categories": [] }));
    }

    async fn a_fact_sheet_of_nonsense_is_refused_with_every_fault(app: TestApp) {
        for (arguments, faults) in [
            ("from: 1899", json!([["from", "OUT_OF_RANGE"]])),
            ("from: 2022, to: 2018", json!([["from", "EMPTY_RANGE"]])),
            ("to: 2201, categories: [\"resident\"]", json!([["to", "OUT_OF_RANGE"], ["categories.0", "FORMAT"]])),
            (
                "categories: [\"RESIDENT\", \"NONE\", \"RESIDENT\"]",
                json!([["categories.1", "UNKNOWN"], ["categories.2", "DUPLICATE"]]),
            ),
        ] {
            let reply = app.anonymous().run(&format!("{{ factSheet({arguments}) {{ years }} }}"), json!({})).await;
            assert_eq!(reply.code(), "BAD_USER_INPUT", "{arguments}");
            let found = reply.at("/errors/0/extensions/faults").as_array().expect("faults").iter().map(|fault| {
                let path: Vec<_> = list(fault, "path").iter().filter_map(Value::as_str).collect();
                json!([path.join("."), fault["rule"]])
            });
            assert_eq!(found.collect::<Value>(), faults, "{arguments}");
        }
        let reply = app.anonymous().run("{ factSheet(from: 2018.5) { years } }", json!({})).await;
        assert_eq!(reply.code(), "BAD_USER_INPUT");
        let reply = app.anonymous().run("{ factSheet(from: \"2018\") { years } }", json!({})).await;
        assert_eq!((reply.status(), reply.code()), (400, "BAD_USER_INPUT"));
    }

    async fn categories_say_what_they_cover(app: TestApp) {
        let reply = app.anonymous().run("{ categories { code name description isFallback } }", json!({})).await;
        let categories = list(reply.data(), "categories");
        assert_eq!(categories.iter().map(|category| &category["name"]).collect::<Vec<_>>(), ["渡航受診", "日本在住"]);
        assert!(categories.iter().all(|category| category["description"].is_string()));
    }
}
