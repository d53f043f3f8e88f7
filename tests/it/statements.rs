//! How many SQL statements a request costs: none for the public, a fixed number for editors.

use serde_json::{Value, json};
use tests::on_both_databases;

const PUBLIC: &str = r#"{
    site { name locales { code } } locales { code }
    page(slug: "about-us") { title body { markdown html text } parent { slug } children { title body { html } parent { slug } } }
    pages(first: 100, order: { field: TITLE }) { totalCount nodes { title children { slug } } }
    staff { name }
    countries { name }
    categories { name }
    factSheet { categories { category { name } yearlyTotals { publishedTotal } countries { country { name } counts { value note } } } }
    earlier: factSheet(asOf: "2026-01-15T00:00:00Z") { years reconciliation { difference } provenance { lastUpdate } footnotes { number } }
    visitCounts(groupBy: [YEAR, CATEGORY, COUNTRY], top: 3) { sum share change country { name region { name } } }
    node(id: "x") { id } nodes(ids: ["x"]) { id }
    viewer { email }
    __schema { types { name } }
}"#;

const PAST: &str = r#"{
    vintages { publishedAt publishedBy reason }
    figureHistory(category: "TRAVEL", year: 2018) { publishedBy after { value } }
    figureChanges(since: "2026-01-14T00:00:00Z") { figures { after { value } } }
    factSheet(asOf: "2026-01-14T00:00:00Z") { years }
}"#;

fn update(year: i32, expected: i64, rows: usize) -> Value {
    let countries =
        ["CN", "VN", "RU", "IN", "ID", "KR", "TW", "TH", "US", "AU", "MN", "KZ", "PL", "LK", "PH", "UA", "LV", "GB"];
    let counts: Vec<Value> =
        countries[..rows].iter().map(|country| json!({ "country": country, "value": 1 })).collect();
    json!({ "input": {
        "category": "RESIDENT", "year": year, "expectedVersion": expected, "total": rows, "counts": counts, "publish": true
    } })
}

on_both_databases! {
    async fn the_public_never_reads_the_database(app: TestApp) {
        app.statements().reset();
        let reply = app.anonymous().run(PUBLIC, json!({})).await;
        assert!(reply.data()["page"]["title"].is_string());
        assert_eq!(app.statements().so_far(), 0);

        // Earlier figures are read when somebody first asks for them, and never again.
        for expected in [1..=4, 0..=0] {
            app.statements().reset();
            let earlier = PAST.replace('\n', if expected == (0..=0) { " " } else { "\n" });
            assert!(app.anonymous().run(&earlier, json!({})).await.data()["vintages"].is_array());
            assert!(expected.contains(&app.statements().so_far()), "{} statements", app.statements().so_far());
        }
    }

    async fn a_write_costs_the_same_number_of_statements_however_many_rows_it_has(app: TestApp) {
        let document = "mutation($input: VisitCountsUpdateInput!) { visitCountsUpdate(input: $input) { yearSheet { version } errors { message } } }";
        let editor = app.editor().await;
        let mut costs = Vec::new();
        for (year, rows) in [(2030, 1), (2031, 9), (2032, 18)] {
            app.statements().reset();
            let reply = editor.run(document, update(year, 0, rows)).await;
            assert_eq!(reply.at("/data/visitCountsUpdate/yearSheet/version"), 1);
            costs.push(app.statements().so_far());
        }
        assert_eq!(costs, [costs[0]; 3]);
        assert!(costs[0] <= 25, "{} statements for one update", costs[0]);
    }

    async fn an_editor_s_read_costs_a_handful_of_statements(app: TestApp) {
        let editor = app.editor().await;
        app.statements().reset();
        let document = r#"{ yearSheet(category: "RESIDENT", year: 2022) { version draft { counts { country value } } published { total } changedBy } }"#;
        assert!(editor.run(document, json!({})).await.data()["yearSheet"]["version"].is_number());
        assert!((1..=5).contains(&app.statements().so_far()), "{}", app.statements().so_far());
    }
}
