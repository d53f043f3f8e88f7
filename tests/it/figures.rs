//! The fact sheet, the year sheets that it is put together from, what the public never learns of them; sums, files and
//! pictures of their figures.

mod aggregate;
mod bulk;
mod carried;
mod clock;
mod disclosure;
mod exchange;
mod fact_sheet;
mod growth;
mod metadata;
mod reconciliation;
mod start;
mod statuses;
mod storage;
mod vintages;
mod year_sheet;

use serde_json::{Value, json};
use tests::{Client, Reply, TestApp};

/// Everything that a fact sheet has, but for the moment that it was asked for.
const WHOLE: &str = "{
    years periods { year kind start end label }
    categories {
        category { code name } footnotes
        yearlyTotals {
            year publishedTotal sumOfCountries difference note noteLocale footnotes
            published { value status flags confidentiality } unallocated { value } others { value flags confidentiality }
        }
        countries {
            country { code name } footnotes
            counts { year value status flags confidentiality note noteLocale footnotes }
        }
    }
    reconciliation { category year publishedTotal sumOfCountries unallocated difference coverage note }
    provenance {
        title { text servedLocale isFallback } description { text } producer { text } contactEmail contactUrl
        method { text } unit { text } periodKind licence { text } licenceUrl citation { text } lastUpdate nextUpdate
    }
    breaks { year category kind label { text servedLocale isFallback } }
    footnotes { number text { text servedLocale isFallback } isGeneral }
}";

/// The whole fact sheet, as the arguments narrow it.
async fn whole(client: &Client, arguments: &str) -> Reply {
    client.run(&format!("{{ factSheet({arguments}) {WHOLE} }}"), json!({})).await
}

/// Everything that the public can ask about figures, as it is answered to the letter.
async fn answers(client: &Client) -> Vec<String> {
    let figure = "{ value status flags confidentiality }";
    let mut texts =
        vec![whole(client, "locale: \"ja\"").await.answer(), whole(client, "locale: \"en\"").await.answer()];
    for question in [
        "{ vintages { publishedAt category year withdrawn kind reason } }".to_owned(),
        format!(
            "{{ figureChanges(since: \"2026-01-14T00:00:00Z\") {{
                figures {{ category country year before {figure} after {figure} }}
            }} }}"
        ),
        format!(
            "{{ figureHistory(category: \"RESIDENT\", country: \"CN\", year: 2022) {{ publishedAt after {figure} }} }}"
        ),
        "{ countries { code name } categories { code name description } site { name } }".to_owned(),
    ] {
        texts.push(client.run(&question, json!({})).await.answer());
    }
    texts
}

const BULK: &str = r#"mutation($input: VisitCountsBulkUpdateInput!) { visitCountsBulkUpdate(input: $input) {
    yearSheets {
        category year version publishedVersion
        draft { total totalFlags counts { country value status flags note { locale text } } }
    }
    differences { change category country year before { value flags } after { value flags } noteChanged }
    counts { added changed removed unchanged }
    rejected { path rule }
    errors {
        __typename code path message ja: message(locale: "ja")
        ... on ValidationError { rule }
        ... on ReconciliationError { rule documentId category year publishedTotal sumOfCountries difference }
        ... on VersionConflict { expectedVersion currentVersion }
    }
} }"#;

/// What comes of changing several sheets together.
async fn bulk(client: &Client, input: Value) -> Value {
    client.run(BULK, json!({ "input": input })).await.data()["visitCountsBulkUpdate"].clone()
}

/// What comes of changing several sheets together, which must not be refused.
#[track_caller]
fn bulk_done(client: &Client, input: Value) -> impl Future<Output = Value> {
    let at = std::panic::Location::caller();
    async move {
        let payload = bulk(client, input).await;
        assert_eq!(payload["errors"], json!([]), "{at}");
        payload
    }
}

/// Errors or rejected rows as `path RULE`; the code where there is no rule.
fn faults(errors: &Value) -> Vec<String> {
    let one = |error: &Value| {
        let path: Vec<_> = error["path"].as_array().expect("a path").iter().filter_map(Value::as_str).collect();
        match error["rule"].as_str() {
            Some(rule) => format!("{} {rule}", path.join(".")),
            None => error["code"].as_str().expect("a code").to_owned(),
        }
    };
    errors.as_array().expect("errors").iter().map(one).collect()
}

/// The sheet of a category and year as editors see it.
async fn sheet(client: &Client, category: &str, year: i32) -> Value {
    let document = "query($category: CategoryCode!, $year: Year!) { yearSheet(category: $category, year: $year) {
        id version publishedVersion smallCounts
        draft { total totalFlags totalNote { locale text } counts { country value status flags note { locale text } } }
    } }";
    client.run(document, json!({ "category": category, "year": year })).await.data()["yearSheet"].clone()
}

/// A published country with a name in English.
async fn publish_country(client: &Client, code: &str, name: &str) -> Value {
    let names = json!([{ "locale": "en", "text": name }, { "locale": "ja", "text": format!("{name} (和)") }]);
    let found = client.run(&format!("{{ document(by: {{ country: \"{code}\" }}) {{ version }} }}"), json!({})).await;
    let version = found.data()["document"]["version"].as_i64().unwrap_or_default();
    let input = json!({ "code": code, "expectedVersion": version, "names": names, "position": 90 });
    let saved = client.done("countrySave", input).await["document"].clone();
    client.done("publish", json!({ "id": saved["id"], "expectedVersion": saved["version"] })).await["document"].clone()
}

/// Lets some minutes pass, and tells the moment before.
fn later(app: &TestApp, minutes: i64) -> String {
    let before = app.state().now().to_rfc3339();
    app.clock().advance(chrono::Duration::minutes(minutes));
    before
}
