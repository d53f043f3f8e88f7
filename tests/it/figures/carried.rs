//! What is withheld stays withheld where an export is imported: the other site goes on where the one that it comes from stands.

use std::{fmt::Debug, sync::Arc};

use api::{
    dataset,
    figures::{
        disclosure::{Discloser, Figure, Sheet},
        year_sheet::{Cell, Total, YearSheet},
    },
};
use entities::{
    Count, DisclosureMethod, DisclosurePolicy, Flags, Localized, Observation, ObservationStatus, Threshold,
};
use proptest::prelude::*;
use seed::{Dataset, Files};
use serde_json::{Value, json};
use tests::{Client, TestApp, commands, on_both_databases};

use super::{bulk_done, sheet};

const COUNTRIES: [&str; 5] = ["CN", "KR", "RU", "US", "VN"];
const THRESHOLD: i64 = 10;

fn count(value: i64) -> Count {
    Count::try_from(value).expect("a count")
}

/// A state of a sheet: of each country nothing, that an editor withholds it, or a count; and how far the total is off, if there
/// is one.
type State = (Vec<Option<Option<i64>>>, Option<i64>);

fn state() -> impl Strategy<Value = State> {
    let value = prop_oneof![Just(0), 1..THRESHOLD, THRESHOLD..4 * THRESHOLD];
    let cell = prop::option::weighted(0.9, prop::option::weighted(0.95, value));
    (prop::collection::vec(cell, COUNTRIES.len()), prop::option::weighted(0.8, -1..2_i64))
}

fn year_sheet((cells, off): &State) -> YearSheet {
    let mut sheet = YearSheet::empty("RESIDENT".parse().expect("a code"), 2022.try_into().expect("a year"));
    for (country, cell) in COUNTRIES.iter().zip(cells) {
        let observation = match cell {
            None => continue,
            Some(None) => Observation::new(None, ObservationStatus::Suppressed).expect("no value"),
            Some(Some(value)) => Observation::known(count(*value)),
        };
        sheet.counts.insert(country.parse().expect("a code"), Cell { observation, note: Localized::new() });
    }
    let total = off.map(|off| count((sheet.sum().unwrap_or_default() + off).max(0)));
    sheet.total = total.map(|total| Total::new(total, Flags::FINAL, Localized::new()).expect("a total"));
    sheet
}

/// All that a sheet tells but which figures are revised: what was shown before, the other site does not know.
fn told(sheet: &Sheet) -> impl PartialEq + Debug {
    let figure =
        |figure: &Arc<Figure>| (figure.value(), figure.observation().status().has_value(), figure.confidentiality());
    let counts: Vec<_> = sheet.counts().iter().map(|(country, count)| (country.clone(), figure(count))).collect();
    (counts, sheet.total().map(figure), sheet.others().map(figure), sheet.sum(), sheet.difference())
}

proptest! {
    /// Corrections go on on both sites, and both show the same.
    #[test]
    fn a_site_goes_on_where_the_one_it_was_exported_from_stands(
        states in prop::collection::vec(state(), 1..7),
        at in any::<prop::sample::Index>(),
        method in prop::sample::select(DisclosureMethod::ALL.to_vec()),
    ) {
        let policy = DisclosurePolicy { method, threshold: Threshold::try_from(THRESHOLD).expect("a threshold") };
        let sheets: Vec<YearSheet> = states.iter().map(year_sheet).collect();
        let at = at.index(sheets.len());
        let mut first = Discloser::new(policy);
        let mut shown: Vec<Sheet> = Vec::new();
        let mut withheld = None;
        for (index, sheet) in sheets.iter().enumerate() {
            shown.push(first.next(sheet).as_ref().clone());
            if index == at {
                withheld = first.withheld();
            }
        }
        prop_assert_eq!(withheld.is_some(), policy.hides());
        let mut second = Discloser::new(policy);
        for (sheet, expected) in sheets.iter().zip(&shown).skip(at) {
            let sheet = YearSheet { withheld: withheld.clone(), ..sheet.clone() };
            let seen = second.next(&sheet);
            prop_assert_eq!(told(&seen), told(expected));
        }
        prop_assert_eq!(second.withheld(), first.withheld());
    }
}

/// Sets the site's policy and publishes it.
async fn set(app: &TestApp, method: &str) {
    let administrator = app.administrator().await;
    let site = administrator.run("{ document(by: { site: true }) { version } }", json!({})).await;
    let disclosure = json!({ "method": method, "threshold": THRESHOLD });
    let input = json!({ "expectedVersion": site.at("/data/document/version"), "disclosure": disclosure });
    let saved = administrator.done("siteSave", input).await["document"].clone();
    administrator.done("publish", json!({ "id": saved["id"], "expectedVersion": saved["version"] })).await;
}

/// Publishes counts and the total of RESIDENT 2023.
async fn publish(client: &Client, counts: &[(&str, i64)], total: i64) {
    let found = sheet(client, "RESIDENT", 2023).await;
    let counts: Vec<Value> =
        counts.iter().map(|(country, value)| json!({ "country": country, "value": value })).collect();
    let version = found["version"].as_i64().unwrap_or_default();
    let change =
        json!({ "category": "RESIDENT", "year": 2023, "expectedVersion": version, "total": total, "counts": counts });
    let mut input = json!({ "sheets": [change], "publish": true });
    if found["publishedVersion"].is_number() {
        (input["kind"], input["reason"]) = (json!("CORRECTION"), json!("Counted again"));
    }
    bulk_done(client, input).await;
}

/// What the public sees of a year of residents: each country with its value, and the total.
async fn shown(app: &TestApp, year: i32) -> (Vec<(String, Option<i64>)>, Option<i64>) {
    let document = format!(
        "{{ factSheet(categories: [\"RESIDENT\"], from: {year}, to: {year}) {{ categories {{
            countries {{ country {{ code }} counts {{ value }} }} yearlyTotals {{ publishedTotal }}
        }} }} }}"
    );
    let reply = app.anonymous().run(&document, json!({})).await;
    let category = reply.at("/data/factSheet/categories/0");
    let row =
        |row: &Value| (row["country"]["code"].as_str().expect("a code").to_owned(), row["counts"][0]["value"].as_i64());
    let countries = category["countries"].as_array().expect("countries").iter().map(row).collect();
    (countries, category["yearlyTotals"][0]["publishedTotal"].as_i64())
}

async fn export(app: &TestApp) -> Files {
    dataset::export(app.state().database()).await.expect("an export").render()
}

/// Another site into which this one's export was imported.
async fn moved(app: &TestApp, files: &Files) -> TestApp {
    let copy = Dataset::parse(files).unwrap_or_else(|faults| panic!("{faults}"));
    let other = TestApp::on(app.backend()).await.expect("the same database as before");
    commands::import(other.state(), &copy, "Moved").await.expect("an import");
    other
}

fn values(of: &[(&str, Option<i64>)]) -> Vec<(String, Option<i64>)> {
    of.iter().map(|(country, value)| ((*country).to_owned(), *value)).collect()
}

on_both_databases! {
    async fn what_an_earlier_state_hid_is_hidden_where_the_export_is_imported(app: TestApp) {
        set(&app, "SUPPRESS").await;
        let editor = app.editor().await;
        publish(&editor, &[("CN", 50), ("VN", 20), ("KR", 3), ("RU", 31)], 104).await;
        publish(&editor, &[("VN", 40)], 124).await;
        // The order is that of the site.
        let expected = shown(&app, 2023).await;
        let mut sorted = expected.0.clone();
        sorted.sort();
        assert_eq!(sorted, values(&[("CN", Some(50)), ("KR", None), ("RU", Some(31)), ("VN", None)]));
        assert_eq!(expected.1, Some(124));

        let files = export(&app).await;
        let other = moved(&app, &files).await;
        assert_eq!(shown(&other, 2023).await, expected);
        assert_eq!(shown(&other.reopen().await, 2023).await, expected, "and after a start");
        assert_eq!(export(&other).await, files);
        // And so it goes on, whatever is corrected on both.
        for (counts, total) in [([("CN", 51), ("US", 12)], 137), ([("CN", 51), ("RU", 4)], 110)] {
            for app in [&app, &other] {
                publish(&app.editor().await, &counts, total).await;
            }
            assert_eq!(shown(&other, 2023).await, shown(&app, 2023).await);
        }
        assert_eq!(export(&other).await, export(&app).await);
    }

    async fn importing_what_was_exported_under_a_policy_changes_nothing(app: TestApp) {
        for method in ["SUPPRESS", "MERGE", "ROUND"] {
            set(&app, method).await;
            let files = export(&app).await;
            assert!(files.get("figures/withheld.csv").is_some(), "{method}");
            let again = Dataset::parse(&files).unwrap_or_else(|faults| panic!("{faults}"));
            let imported = commands::import(app.state(), &again, "Again").await.expect("an import");
            assert_eq!((imported.added, imported.changed), (0, 0), "{method}");
            assert_eq!(export(&app).await, files, "{method}");
        }
        set(&app, "WARN").await;
        assert_eq!(export(&app).await.get("figures/withheld.csv"), None, "nothing is withheld");
    }

    async fn a_sheet_that_was_withdrawn_hides_the_same_when_it_comes_back_elsewhere(app: TestApp) {
        set(&app, "SUPPRESS").await;
        let editor = app.editor().await;
        let first = [("CN", 50), ("VN", 20), ("KR", 3), ("RU", 31)];
        publish(&editor, &first, 104).await;
        let expected = shown(&app, 2023).await;
        let found = sheet(&editor, "RESIDENT", 2023).await;
        editor.done("unpublish", json!({ "id": found["id"], "expectedVersion": found["version"] })).await;
        let files = export(&app).await;
        let other = moved(&app, &files).await;
        assert_eq!(shown(&other, 2023).await, (Vec::new(), None));
        assert_eq!(export(&other).await, files, "it is told on");
        // With other counts another country would be hidden, were this the first state.
        let again = [("CN", 50), ("VN", 40), ("KR", 3), ("RU", 31)];
        publish(&other.editor().await, &again, 124).await;
        let (countries, total) = shown(&other, 2023).await;
        let hidden = |countries: &[(String, Option<i64>)]| -> Vec<String> {
            countries.iter().filter(|(_, value)| value.is_none()).map(|(country, _)| country.clone()).collect()
        };
        assert_eq!((hidden(&countries), total), (hidden(&expected.0), Some(124)));
    }

    async fn figures_that_were_changed_in_the_folder_are_no_first_state(app: TestApp) {
        set(&app, "SUPPRESS").await;
        publish(&app.editor().await, &[("CN", 50), ("KR", 30), ("RU", 31)], 111).await;
        let mut files = export(&app).await;
        let change = |files: &mut Files, path: &str, from: &str, to: &str| {
            let text = String::from_utf8(files.get(path).expect("a file").to_vec()).expect("a text");
            assert!(text.contains(from), "{text}");
            files.insert(path, text.replace(from, to));
        };
        change(&mut files, "figures/visit_counts.csv", "RESIDENT,KR,2023,30,", "RESIDENT,KR,2023,3,");
        change(&mut files, "figures/yearly_totals.csv", "RESIDENT,2023,111,", "RESIDENT,2023,84,");
        let other = moved(&app, &files).await;
        let (countries, total) = shown(&other, 2023).await;
        assert_eq!(total, None, "84 less what the first site shows of the others would be 3");
        assert!(countries.contains(&("KR".to_owned(), None)), "{countries:?}");
    }
}
