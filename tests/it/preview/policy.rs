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

    async fn a_draft_of_figures_is_not_shown_by_a_link_to_those_who_may_not_read_what_the_policy_hides(app: TestApp) {
        const DRAFT: &str = "{ factSheet(categories: [\"TRAVEL\"], from: 2060) { categories {
            yearlyTotals { publishedTotal } countries { country { code } counts { value } }
        } } }";
        let statistician = app.bearer(&app.sign_in(STATISTICIAN).await.access_token);
        let counts = |values: &[(&str, i32)]| -> Vec<serde_json::Value> {
            values.iter().map(|(country, value)| json!({ "country": country, "value": value })).collect()
        };
        let drafted = json!({
            "category": "TRAVEL", "year": 2060, "expectedVersion": 0, "total": 148,
            "counts": counts(&[("CN", 90), ("VN", 40), ("KR", 1), ("US", 8), ("TW", 9)]),
        });
        let sheet = statistician.done("visitCountsUpdate", drafted).await["yearSheet"].clone();
        let sheet = document(&statistician, json!({ "yearSheet": { "category": "TRAVEL", "year": 2060 } })).await["id"]
            .as_str()
            .map(|id| json!({ "id": id, "version": sheet["version"] }))
            .expect("an id");
        let link = preview(&statistician, &sheet).await;
        let shown = app.anonymous().previewing(&link).run(DRAFT, json!({})).await;
        assert_eq!(shown.at("/data/factSheet/categories/0/yearlyTotals/0/publishedTotal"), 148, "nothing is hidden");

        // With what is published afterwards, what the rules let a link show would tell the count of KR.
        set(&app, "SUPPRESS", true).await;
        let reader = app.bearer(&app.sign_in(READER).await.access_token);
        for client in [app.anonymous(), reader] {
            let refused = client.previewing(&link).run(DRAFT, json!({})).await;
            assert_eq!((refused.status(), refused.code()), (403, "FORBIDDEN"));
            assert_eq!(client.previewing(&link).get("/figures/fact-sheet.csv?from=2060").await.status(), 403);
        }
        let shown = statistician.previewing(&link).run(DRAFT, json!({})).await;
        let shown = shown.at("/data/factSheet/categories/0/countries").to_string();
        assert!(shown.contains("90") && !shown.contains(":1}"), "as the public would see it: {shown}");
    }

    async fn figures_that_are_told_by_a_mutation_are_recorded_once_for_each_version_and_each_time(app: TestApp) {
        let statistician = app.bearer(&app.sign_in(STATISTICIAN).await.access_token);
        set(&app, "SUPPRESS", true).await;
        let selector = json!({ "yearSheet": { "category": "RESIDENT", "year": 2022 } });
        let sheet = document(&statistician, selector).await;
        let update = |version: &serde_json::Value, total: i32| json!({
            "category": "RESIDENT", "year": 2022, "expectedVersion": version, "total": total, "publish": true,
            "kind": "CORRECTION", "reason": "Why",
        });
        let read = async || -> Vec<i64> {
            let entries = audit_log(&app).await.into_iter().filter(|entry| entry.action == "confidentialReading");
            entries.map(|entry| i64::from(entry.version.expect("a version"))).collect()
        };
        // A sum in an error tells of the figures that it is made of.
        let before = read().await.len();
        let refused = statistician.mutate("visitCountsUpdate", update(&sheet["version"], 99_999)).await;
        assert_eq!(refused.user_codes("visitCountsUpdate"), ["PUBLISH_BLOCKED"]);
        assert_eq!(read().await[before..], [1]);
        // What a mutation answers, and what it answers again.
        let keyed = statistician.keyed("a key");
        for times in 1..=2 {
            let before = read().await.len();
            assert_eq!(keyed.done("leaseTake", json!({ "id": sheet["id"] })).await["document"]["version"], 1);
            assert_eq!(read().await[before..], [1], "{times}");
        }
        // Each version that is shown, and no other.
        let draft = json!({ "category": "RESIDENT", "year": 2022, "expectedVersion": 1, "counts": [{ "country": "CN", "value": 77 }] });
        statistician.done("visitCountsUpdate", draft).await;
        for (question, versions) in [
            ("query($id: ID!) { document(by: { id: $id }) { version } }", vec![1, 2]),
            ("query($id: ID!) { history(id: $id, before: 2) { revisions { version } } }", vec![1]),
            ("query($id: ID!) { diff(id: $id, a: 1, b: 2) { path } }", vec![1, 2]),
        ] {
            let before = read().await.len();
            assert!(statistician.run(question, json!({ "id": sheet["id"] })).await.errors().is_empty(), "{question}");
            let mut found = read().await.split_off(before);
            found.sort_unstable();
            assert_eq!(found, versions, "{question}");
        }
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
