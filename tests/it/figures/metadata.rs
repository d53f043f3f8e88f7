//! What is said of the figures as a whole: provenance, periods, breaks and footnotes.

use serde_json::{Value, json};
use tests::{Client, TestApp, on_both_databases};

use super::{faults, later, whole};

fn texts(english: &str, japanese: &str) -> Value {
    json!([{ "locale": "en", "text": english }, { "locale": "ja", "text": japanese }])
}

async fn version(client: &Client) -> Value {
    let found = client.run("{ document(by: { factSheetMetadata: true }) { version } }", json!({})).await;
    found.at("/data/document").get("version").cloned().unwrap_or(json!(0))
}

/// Saves on top of what stands, and publishes that.
async fn publish(app: &TestApp, fields: Value) {
    let editor = app.editor().await;
    let mut input = fields;
    input["expectedVersion"] = version(&editor).await;
    let saved = editor.done("factSheetMetadataSave", input).await["document"].clone();
    editor.done("publish", json!({ "id": saved["id"], "expectedVersion": saved["version"] })).await;
}

/// Every fault of a refused save.
async fn refused(app: &TestApp, fields: Value) -> Vec<String> {
    let editor = app.editor().await;
    let mut input = fields;
    input["expectedVersion"] = version(&editor).await;
    let reply = editor.mutate("factSheetMetadataSave", input).await;
    faults(&reply.data()["factSheetMetadataSave"]["errors"])
}

async fn fact_sheet(app: &TestApp, arguments: &str) -> Value {
    whole(&app.anonymous(), arguments).await.data()["factSheet"].clone()
}

/// The numbers of the footnotes on a place of RESIDENT: on a figure, a row, a year or the category.
fn numbers(sheet: &Value, country: Option<&str>, year: Option<i64>) -> Value {
    let categories = sheet["categories"].as_array().expect("categories");
    let resident = categories.iter().find(|one| one["category"]["code"] == "RESIDENT").expect("residents");
    let of_year = |list: &Value| {
        let found = list.as_array().expect("a list").iter().find(|one| one["year"] == json!(year));
        found.expect("the year")["footnotes"].clone()
    };
    match (country, year) {
        (None, None) => resident["footnotes"].clone(),
        (None, Some(_)) => of_year(&resident["yearlyTotals"]),
        (Some(country), year) => {
            let series = resident["countries"].as_array().expect("countries");
            let row = series.iter().find(|one| one["country"]["code"] == country).expect("the country");
            if year.is_none() { row["footnotes"].clone() } else { of_year(&row["counts"]) }
        }
    }
}

on_both_databases! {
    async fn what_is_said_of_figures_is_public_once_it_is_published_and_not_before(app: TestApp) {
        let editor = app.editor().await;
        let before = fact_sheet(&app, "locale: \"en\"").await;
        assert_eq!(before["provenance"]["periodKind"], "CALENDAR_YEAR");
        let mut input = json!({
            "expectedVersion": 1, "title": texts("Foreign patients", "外国人患者数"), "periodKind": "JAPANESE_FISCAL_YEAR",
            "producer": texts("The hospital", "病院"), "contactEmail": "figures@example.org",
            "contactUrl": "https://example.org/figures", "method": texts("Counted", "集計"), "unit": texts("Patients", "人"),
            "licence": texts("CC BY 4.0", "CC BY 4.0"), "licenceUrl": "https://creativecommons.org/licenses/by/4.0/",
            "citation": texts("Cite us", "出典"), "nextUpdate": "2027-04-01", "description": texts("Visits", "受診"),
        });
        let saved = editor.done("factSheetMetadataSave", input.clone()).await["document"].clone();
        assert_eq!(fact_sheet(&app, "locale: \"en\"").await, before, "a draft");
        editor.done("publish", json!({ "id": saved["id"], "expectedVersion": saved["version"] })).await;
        let provenance = fact_sheet(&app, "locale: \"ja\"").await["provenance"].clone();
        let title = json!({ "text": "外国人患者数", "servedLocale": "ja", "isFallback": false });
        assert_eq!(provenance["title"], title);
        for (field, expected) in [
            ("periodKind", "JAPANESE_FISCAL_YEAR"), ("contactEmail", "figures@example.org"),
            ("contactUrl", "https://example.org/figures"), ("nextUpdate", "2027-04-01"),
            ("licenceUrl", "https://creativecommons.org/licenses/by/4.0/"), ("lastUpdate", "2026-01-15T00:00:00+00:00"),
        ] {
            assert_eq!(provenance[field], expected, "{field}");
        }
        for (field, expected) in [("producer", "病院"), ("method", "集計"), ("unit", "人"), ("licence", "CC BY 4.0"), ("citation", "出典"), ("description", "受診")] {
            assert_eq!(provenance[field]["text"], expected, "{field}");
        }

        // What is left out stays, null clears; a stale version conflicts.
        publish(&app, json!({ "contactEmail": null, "method": null })).await;
        let after = fact_sheet(&app, "locale: \"ja\"").await["provenance"].clone();
        assert_eq!((&after["contactEmail"], &after["method"], &after["title"]), (&Value::Null, &Value::Null, &title));
        input["expectedVersion"] = 1.into();
        let reply = editor.mutate("factSheetMetadataSave", input).await;
        assert_eq!(reply.user_codes("factSheetMetadataSave"), ["VERSION_CONFLICT"]);

        editor.done("unpublish", json!({ "id": saved["id"], "expectedVersion": 3 })).await;
        let nothing = fact_sheet(&app, "locale: \"en\"").await;
        assert_eq!((&nothing["provenance"]["title"], &nothing["footnotes"]), (&Value::Null, &json!([])));
    }

    async fn a_text_in_another_locale_than_asked_for_says_so(app: TestApp) {
        let only = json!([{ "locale": "ja", "text": "外国人患者数" }]);
        let footnote = json!({ "text": [{ "locale": "ja", "text": "注" }] });
        let label = json!({ "year": 2020, "kind": "EVENT", "label": [{ "locale": "ja", "text": "感染症" }] });
        publish(&app, json!({ "title": only, "footnotes": [footnote], "breaks": [label] })).await;
        let english = fact_sheet(&app, "locale: \"en\"").await;
        let served = |text: &str, is_fallback: bool| json!({ "text": text, "servedLocale": "ja", "isFallback": is_fallback });
        assert_eq!(english["provenance"]["title"], served("外国人患者数", true));
        assert_eq!(english["footnotes"][0]["text"], served("注", true));
        assert_eq!(english["breaks"][0]["label"], served("感染症", true));
        let japanese = fact_sheet(&app, "locale: \"ja\"").await;
        assert_eq!(japanese["provenance"]["title"], served("外国人患者数", false));
        let strict = fact_sheet(&app, "locale: \"en\", fallback: []").await;
        assert_eq!((&strict["provenance"]["title"], &strict["footnotes"][0]["text"]), (&Value::Null, &Value::Null));
        assert_eq!(strict["footnotes"][0]["number"], 1, "its number stays, since others count on it");
    }

    async fn figures_rows_years_categories_and_the_table_name_their_footnotes_by_number(app: TestApp) {
        let note = |text: &str, places: Value| json!({ "text": texts(text, text), "places": places });
        publish(&app, json!({ "footnotes": [
            note("a figure", json!([{ "category": "RESIDENT", "country": "CN", "year": 2022 }])),
            note("a row", json!([{ "category": "RESIDENT", "country": "CN" }])),
            note("a year", json!([{ "category": "RESIDENT", "year": 2022 }])),
            note("a category", json!([{ "category": "RESIDENT" }])),
            note("the table", json!([])),
            note("a country in every category", json!([{ "country": "CN" }])),
            note("a year in every category", json!([{ "year": 2022 }])),
            note("two places", json!([{ "category": "RESIDENT", "country": "VN", "year": 2021 }, { "category": "RESIDENT", "country": "CN", "year": 2022 }])),
        ] })).await;
        let sheet = fact_sheet(&app, "locale: \"en\"").await;
        assert_eq!(numbers(&sheet, Some("CN"), Some(2022)), json!([1, 8]));
        assert_eq!(numbers(&sheet, Some("VN"), Some(2021)), json!([8]));
        assert_eq!(numbers(&sheet, Some("CN"), Some(2021)), json!([]));
        assert_eq!(numbers(&sheet, Some("CN"), None), json!([2, 6]));
        assert_eq!(numbers(&sheet, Some("VN"), None), json!([]));
        assert_eq!(numbers(&sheet, None, Some(2022)), json!([3, 7]));
        assert_eq!(numbers(&sheet, None, Some(2021)), json!([]));
        assert_eq!(numbers(&sheet, None, None), json!([4]));
        let general: Vec<_> = sheet["footnotes"].as_array().expect("footnotes").iter().map(|one| json!([one["number"], one["isGeneral"]])).collect();
        let expected: Vec<_> = (1..9).map(|number| json!([number, number == 5])).collect();
        assert_eq!(general, expected);
        // Numbers are those of the whole table, however little of it is shown.
        let narrow = fact_sheet(&app, "locale: \"en\", categories: [\"RESIDENT\"], from: 2022").await;
        assert_eq!(numbers(&narrow, Some("CN"), Some(2022)), json!([1, 8]));
    }

    async fn what_names_no_category_country_or_locale_is_refused_with_where_it_stands(app: TestApp) {
        let text = texts("A", "ア");
        let french = json!([{ "locale": "fr", "text": "Un" }]);
        for (fields, expected) in [
            (json!({ "title": french }), "title.0.locale UNKNOWN"),
            (json!({ "footnotes": [{ "text": text }, { "text": french }] }), "footnotes.1.text.0.locale UNKNOWN"),
            (json!({ "footnotes": [{ "text": text, "places": [{ "year": 2020 }, { "category": "NONE" }] }] }), "footnotes.0.places.1.category UNKNOWN"),
            (json!({ "footnotes": [{ "text": text, "places": [{ "country": "XX" }] }] }), "footnotes.0.places.0.country UNKNOWN"),
            (json!({ "footnotes": [{ "text": text, "places": [{ "country": "x" }] }] }), "footnotes.0.places.0.country FORMAT"),
            (json!({ "footnotes": [{ "text": text, "places": [{ "year": 1899 }] }] }), "footnotes.0.places.0.year OUT_OF_RANGE"),
            (json!({ "footnotes": [{ "text": [] }] }), "footnotes.0.text REQUIRED"),
            (json!({ "breaks": [{ "year": 2020, "kind": "EVENT", "label": text, "category": "NONE" }] }), "breaks.0.category UNKNOWN"),
            (json!({ "breaks": [{ "year": 2020, "kind": "EVENT", "label": [] }] }), "breaks.0.label REQUIRED"),
            (json!({ "breaks": [{ "year": 2020, "kind": "EVENT", "label": french }] }), "breaks.0.label.0.locale UNKNOWN"),
            (json!({ "breaks": [{ "year": 2201, "kind": "SERIES_BREAK", "label": text }] }), "breaks.0.year OUT_OF_RANGE"),
            (json!({ "contactEmail": "nobody" }), "contactEmail FORMAT"),
            (json!({ "licenceUrl": "javascript:alert(1)" }), "licenceUrl FORMAT"),
        ] {
            assert_eq!(refused(&app, fields.clone()).await, [format!("input.{expected}")], "{fields}");
        }
        let many = vec![json!({ "text": text }); 201];
        assert_eq!(refused(&app, json!({ "footnotes": many })).await, ["input.footnotes TOO_MANY"]);
        assert_eq!(version(&app.editor().await).await, 1, "nothing was written");
    }

    async fn a_fiscal_year_ends_in_the_spring_after_and_is_called_so(app: TestApp) {
        let period = async |locale: &str| {
            let sheet = fact_sheet(&app, &format!("locale: \"{locale}\", from: 2022, to: 2022")).await;
            sheet["periods"].clone()
        };
        let expected = |kind: &str, start: &str, end: &str, label: &str| {
            json!([{ "year": 2022, "kind": kind, "start": start, "end": end, "label": label }])
        };
        assert_eq!(period("en").await, expected("CALENDAR_YEAR", "2022-01-01", "2022-12-31", "2022"));
        assert_eq!(period("ja").await, expected("CALENDAR_YEAR", "2022-01-01", "2022-12-31", "2022年"));
        publish(&app, json!({ "periodKind": "JAPANESE_FISCAL_YEAR" })).await;
        assert_eq!(period("en").await, expected("JAPANESE_FISCAL_YEAR", "2022-04-01", "2023-03-31", "FY2022"));
        assert_eq!(period("ja").await, expected("JAPANESE_FISCAL_YEAR", "2022-04-01", "2023-03-31", "2022年度"));
        assert_eq!(fact_sheet(&app, "from: 1950, to: 1960").await["periods"], json!([]));
    }

    async fn breaks_are_shown_with_the_years_and_categories_that_they_part(app: TestApp) {
        let found = |year: i64, category: Value, kind: &str| json!({ "year": year, "category": category, "kind": kind, "label": texts("B", "変") });
        publish(&app, json!({ "breaks": [
            found(2020, Value::Null, "EVENT"), found(2021, json!("RESIDENT"), "SERIES_BREAK"), found(2015, Value::Null, "EVENT"),
        ] })).await;
        let years = async |arguments: &str| -> Vec<Value> {
            let sheet = fact_sheet(&app, arguments).await;
            let breaks = sheet["breaks"].as_array().expect("breaks").clone();
            breaks.iter().map(|one| json!([one["year"], one["category"], one["kind"]])).collect()
        };
        let (event, series) = (json!([2020, null, "EVENT"]), json!([2021, "RESIDENT", "SERIES_BREAK"]));
        assert_eq!(years("locale: \"en\"").await, [event.clone(), series.clone()], "no figures of 2015 are shown");
        assert_eq!(years("from: 2021").await, [series]);
        assert_eq!(years("categories: [\"TRAVEL\"]").await, [event]);
        assert_eq!(years("to: 2019").await, [] as [Value; 0]);
    }

    async fn what_was_said_of_earlier_figures_stays_with_them(app: TestApp) {
        let whole_then = whole(&app.anonymous(), "locale: \"en\"").await.answer();
        let before = later(&app, 1);
        publish(&app, json!({ "title": texts("Renamed", "改題"), "periodKind": "JAPANESE_FISCAL_YEAR" })).await;
        let as_of = whole(&app.anonymous(), &format!("locale: \"en\", asOf: \"{before}\"")).await;
        assert_eq!(as_of.answer(), whole_then);
        assert_ne!(whole(&app.anonymous(), "locale: \"en\"").await.answer(), whole_then);
    }
}
