//! A link applies the disclosure policy in force, whatever the version that it shows says; and so do those who read what is
//! confidential by it.

use chrono::Duration;
use serde_json::json;
use tests::{Client, READER, STATISTICIAN, TRANSLATOR, TestApp, on_both_databases, start, tables::audit_log};

use super::{document, preview};

const FIGURES: &str = "{
    site { name }
    factSheet { categories {
        yearlyTotals { year publishedTotal sumOfCountries difference others { value } }
        countries { country { code } counts { year value status confidentiality note } }
    } }
    then: factSheet(asOf: \"2026-01-15T00:00:00Z\") { categories { countries { counts { value } } } }
    figureHistory(category: \"RESIDENT\", country: \"VN\", year: 2022) { after { value } }
    figureChanges(since: \"2026-01-14T00:00:00Z\") { figures { after { value } } }
    visitCounts(groupBy: [COUNTRY]) { sum country { code } }
}";

async fn figures(client: &Client) -> Vec<String> {
    let mut shown = vec![client.run(FIGURES, json!({})).await.data().to_string()];
    for file in ["/figures/fact-sheet.csv", "/figures/fact-sheet.json", "/figures/chart.svg?kind=countries"] {
        shown.push(client.get(file).await.text().to_owned());
    }
    shown
}

/// Sets the site's policy, as a draft or for all to see.
async fn set(app: &TestApp, method: &str, is_published: bool) -> serde_json::Value {
    let administrator = app.administrator().await;
    let site = document(&administrator, json!({ "site": true })).await;
    let disclosure = json!({ "method": method, "threshold": 10 });
    let saved =
        administrator.done("siteSave", json!({ "expectedVersion": site["version"], "disclosure": disclosure })).await;
    let saved = saved["document"].clone();
    if is_published {
        administrator.done("publish", json!({ "id": saved["id"], "expectedVersion": saved["version"] })).await;
    }
    saved
}

async fn readings(app: &TestApp) -> usize {
    audit_log(app).await.iter().filter(|entry| entry.action == "confidentialReading").count()
}

on_both_databases! {
    async fn a_link_to_settings_with_another_policy_shows_what_the_policy_in_force_lets_it(app: TestApp) {
        let open = figures(&app.anonymous()).await;
        let first = document(&app.administrator().await, json!({ "site": true })).await;
        set(&app, "SUPPRESS", true).await;
        let hidden = figures(&app.anonymous()).await;
        assert_ne!(open, hidden);
        let weaker = set(&app, "OFF", false).await;
        let (reader, translator) = (
            app.bearer(&app.sign_in(READER).await.access_token),
            app.bearer(&app.sign_in(TRANSLATOR).await.access_token),
        );
        let input = json!({ "name": "A script", "capabilities": ["READ_DRAFTS"], "expiresAt": start() + Duration::days(1) });
        let token = app.administrator().await.done("apiTokenCreate", input).await["token"].clone();
        let script = app.bearer(token.as_str().expect("a token"));
        for maker in [&reader, &translator, &script, &app.administrator().await] {
            for shown in [&first, &weaker] {
                let link = preview(maker, shown).await;
                for client in [app.anonymous(), reader.clone(), app.administrator().await] {
                    assert_eq!(figures(&client.previewing(&link)).await, hidden);
                }
            }
        }
        // Nor does one to a page, or to another figure.
        let page = document(&reader, json!({ "page": "about-us" })).await;
        assert_eq!(figures(&app.anonymous().previewing(&preview(&reader, &page).await)).await, hidden);
    }

    async fn reading_what_is_confidential_is_recorded_by_the_policy_in_force_with_a_link_too(app: TestApp) {
        let first = document(&app.administrator().await, json!({ "site": true })).await;
        set(&app, "SUPPRESS", true).await;
        let link = preview(&app.bearer(&app.sign_in(READER).await.access_token), &first).await;
        let statistician = app.bearer(&app.sign_in(STATISTICIAN).await.access_token).previewing(&link);
        let sheet = document(&statistician, json!({ "yearSheet": { "category": "RESIDENT", "year": 2022 } })).await;
        for question in [
            "{ factSheet(confidential: true) { years } }",
            "{ yearSheet(category: \"RESIDENT\", year: 2022) { draft { total } } }",
            "query($id: ID!) { document(by: { id: $id }) { version } }",
            "{ documents(filter: { kind: [YEAR_SHEET] }, first: 1) { nodes { version } } }",
            "query($id: ID!) { history(id: $id) { revisions { version } } }",
            "query($id: ID!) { diff(id: $id, a: 1, b: 1) { path } }",
            "query($id: ID!) { publishCheck(ids: [$id]) { rule } }",
        ] {
            let before = readings(&app).await;
            assert!(statistician.run(question, json!({ "id": sheet["id"] })).await.errors().is_empty(), "{question}");
            assert_eq!(readings(&app).await, before + 1, "{question}");
        }
        let refused = app.bearer(&app.sign_in(READER).await.access_token).previewing(&link);
        let before = readings(&app).await;
        assert_eq!(refused.run("{ factSheet(confidential: true) { years } }", json!({})).await.code(), "FORBIDDEN");
        assert_eq!(app.anonymous().previewing(&link).run("{ factSheet(confidential: true) { years } }", json!({})).await.code(), "UNAUTHENTICATED");
        assert_eq!(readings(&app).await, before);
    }
}
