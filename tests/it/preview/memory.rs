//! A preview is the published state with a draft on top, in memory: it shows what publishing shows, and costs and holds up
//! nothing.

use chrono::Duration;
use serde_json::{Value, json};
use tests::{Client, READER, TestApp, on_both_databases};
use tokio::task::JoinSet;

use super::{document, draft, preview, title};

/// Everything that readers can ask, for a site with these two pages.
const EVERYTHING: &str = "{
    site { name } locales { code name direction }
    ja: pages(locale: \"ja\", first: 100) { totalCount nodes {
        slug title summary description signature publishedAt availableLocales servedLocale parent { slug }
        children { slug } body { markdown html text }
    } }
    en: pages(locale: \"en\", first: 100, order: { field: TITLE }) { nodes { slug title } }
    moved: page(slug: \"about-us\") { slug movedTo }
    staff { slug name role degree field email telephone servedLocale }
    abroad: staff(locale: \"en\") { name role servedLocale }
    countries { code name servedLocale } categories { code name description servedLocale }
    factSheet(locale: \"en\") {
        years categories {
            category { code name } footnotes
            yearlyTotals { year publishedTotal sumOfCountries difference note published { value status flags confidentiality } }
            countries { country { code name } counts { year value status flags confidentiality note } }
        }
        provenance { title { text } lastUpdate } footnotes { number text { text } }
    }
    then: factSheet(asOf: \"2026-01-15T00:00:00Z\") { categories { yearlyTotals { year publishedTotal } } }
    figureChanges(since: \"2026-01-14T00:00:00Z\") { figures { category country year after { value } } }
    visitCounts(groupBy: [CATEGORY]) { sum category { code } }
}";

const FILES: [&str; 4] =
    ["/figures/fact-sheet.csv", "/figures/fact-sheet.json", "/figures/chart.svg", "/figures/chart.svg?kind=countries"];

async fn everything(client: &Client) -> Vec<String> {
    let mut shown = vec![client.run(EVERYTHING, json!({})).await.data().to_string()];
    for file in FILES {
        shown.push(client.get(file).await.text().to_owned());
    }
    shown
}

/// A draft of every kind of document: a mutation, and its input.
async fn drafts(administrator: &Client) -> Vec<(&'static str, Value)> {
    let text = |text: &str| json!([{ "locale": "ja", "text": text }, { "locale": "en", "text": text }]);
    let label = json!([{ "locale": "ja", "name": "Drafted" }, { "locale": "en", "name": "Drafted" }]);
    let by = |by: Value| document(administrator, by);
    let person = by(json!({ "staffMember": "tatsunori-shimoi" })).await;
    let page = by(json!({ "page": "about-us" })).await;
    let page_text = by(json!({ "pageText": { "slug": "about-us", "locale": "ja" } })).await;
    let site = by(json!({ "site": true })).await;
    let metadata = by(json!({ "factSheetMetadata": true })).await;
    let body = "# A *draft*\n\n| a | b |\n|---|---|\n| 1 | 2 |";
    vec![
        ("siteSave", json!({ "expectedVersion": site["version"], "name": text("Drafted") })),
        (
            "pageUpdate",
            json!({ "id": page["id"], "expectedVersion": page["version"], "slug": "about-them", "position": 9 }),
        ),
        (
            "pageTextSave",
            json!({
                "pageId": page["id"], "locale": "ja", "expectedVersion": page_text["version"],
                "title": "Drafted", "summary": "Short", "body": body,
            }),
        ),
        ("pageCreate", json!({ "slug": "new-page", "parentId": page["id"] })),
        (
            "staffMemberUpdate",
            json!({ "id": person["id"], "expectedVersion": person["version"], "slug": "drafted", "email": "a@example.org" }),
        ),
        (
            "staffTextSave",
            json!({ "staffId": person["id"], "locale": "en", "expectedVersion": 1, "name": "Drafted", "role": "Role" }),
        ),
        ("countrySave", json!({ "code": "CN", "expectedVersion": 1, "names": text("Drafted"), "position": 99 })),
        ("countrySave", json!({ "code": "FR", "expectedVersion": 0, "names": text("Drafted"), "position": 1 })),
        ("categorySave", json!({ "code": "TRAVEL", "expectedVersion": 1, "labels": label })),
        (
            "visitCountsUpdate",
            json!({
                "category": "TRAVEL", "year": 2018, "expectedVersion": 1, "total": 424_242, "totalNote": text("Drafted"),
                "counts": [{ "country": "CN", "value": 7 }, { "country": "US", "value": 20 }],
            }),
        ),
        (
            "visitCountsUpdate",
            json!({
                "category": "RESIDENT", "year": 2024, "expectedVersion": 0, "total": 12,
                "counts": [{ "country": "CN", "value": 12, "note": text("A note") }],
            }),
        ),
        ("factSheetMetadataSave", json!({ "expectedVersion": metadata["version"], "title": text("Drafted") })),
    ]
}

/// A preview of every kind of draft against what is shown once it is published, under a policy on small counts.
async fn compare(app: &TestApp, method: &str) {
    let administrator = app.administrator().await;
    let site = document(&administrator, json!({ "site": true })).await;
    let disclosure = json!({ "method": method, "threshold": 10 });
    let saved =
        administrator.done("siteSave", json!({ "expectedVersion": site["version"], "disclosure": disclosure })).await;
    let seen = json!({ "id": saved["document"]["id"], "expectedVersion": saved["document"]["version"] });
    administrator.done("publish", seen).await;
    let mut kinds = Vec::new();
    for (mutation, input) in drafts(&administrator).await {
        let before = everything(&app.anonymous()).await;
        let payload = administrator.done(mutation, input).await;
        let saved = if payload["yearSheet"].is_object() { &payload["yearSheet"] } else { &payload["document"] };
        // Drafts of figures are for those who may read what the policy hides.
        let viewer = administrator.previewing(&preview(&administrator, saved).await);
        let previewed = everything(&viewer).await;
        assert_eq!(everything(&app.anonymous()).await, before, "{mutation} is a draft");
        let document = "query($id: ID!) { document(by: { id: $id }) { kind publishedVersion } }";
        let about = administrator.run(document, json!({ "id": saved["id"] })).await.data()["document"].clone();
        let mut publish = json!({ "id": saved["id"], "expectedVersion": saved["version"] });
        if about["kind"] == "YEAR_SHEET" && about["publishedVersion"].is_number() {
            publish["kind"] = json!("CORRECTION");
            publish["reason"] = json!("Counted again");
        }
        administrator.done("publish", publish).await;
        let published = everything(&app.anonymous()).await;
        for (previewed, published) in previewed.iter().zip(&published) {
            assert_eq!(previewed, published, "{mutation}");
        }
        // A page without a text is in no list.
        assert!(mutation == "pageCreate" || published != before, "{mutation} shows");
        kinds.push(about["kind"].as_str().expect("a kind").to_owned());
    }
    kinds.sort_unstable();
    kinds.dedup();
    assert_eq!(kinds.len(), 9, "{kinds:?}");
}

on_both_databases! {
    async fn a_link_shows_of_every_kind_what_publishing_shows(app: TestApp) {
        compare(&app, "WARN").await;
    }

    async fn a_link_hides_of_every_kind_what_publishing_hides(app: TestApp) {
        compare(&app, "SUPPRESS").await;
    }

    async fn a_link_to_a_page_that_was_withdrawn_shows_the_texts_that_come_back_with_it(app: TestApp) {
        let administrator = app.administrator().await;
        for by in [json!({ "page": "mission-and-vision" }), json!({ "staffMember": "tatsunori-shimoi" })] {
            let found = document(&administrator, by.clone()).await;
            let seen = json!({ "id": found["id"], "expectedVersion": found["version"], "breakLinks": true });
            administrator.done("unpublish", seen).await;
            let withdrawn = everything(&app.anonymous()).await;
            let previewed = everything(&app.anonymous().previewing(&preview(&administrator, &found).await)).await;
            assert_ne!(previewed, withdrawn, "{by}");
            administrator.done("publish", json!({ "id": found["id"], "expectedVersion": found["version"] })).await;
            assert_eq!(previewed, everything(&app.anonymous()).await, "{by}");
        }
    }

    async fn a_link_is_answered_while_somebody_writes_and_holds_nobody_up(app: TestApp) {
        let editor = app.editor().await;
        let text = draft(&editor, "about-us", "Seen").await;
        let viewer = app.anonymous().previewing(&preview(&editor, &text).await);
        // It would wait for the other writer if it wrote, be it only to take it back.
        let writing = app.state().database().begin_write().await.expect("a transaction");
        assert_eq!(title(&viewer, "about-us").await, "Seen");
        drop(writing);
    }

    async fn a_link_costs_a_few_statements_and_less_when_it_was_asked_for_before(app: TestApp) {
        let editor = app.editor().await;
        let text = draft(&editor, "about-us", "Seen").await;
        let viewer = app.anonymous().previewing(&preview(&editor, &text).await);
        let mut costs = Vec::new();
        for _ in 0..2 {
            app.statements().reset();
            assert_eq!(title(&viewer, "about-us").await, "Seen");
            costs.push(app.statements().so_far());
        }
        assert!(costs[0] <= 3 && costs[1] < costs[0], "the preview, its maker and the revision: {costs:?}");
        // Many who ask at once have it made once.
        let page = document(&editor, json!({ "page": "about-us" })).await;
        draft(&editor, "mission-and-vision", "Other").await;
        editor.done("publish", json!({ "id": text["id"], "expectedVersion": text["version"] })).await;
        let other = app.anonymous().previewing(&preview(&editor, &page).await);
        app.statements().reset();
        let asked = (0..20).map(|_| {
            let other = other.clone();
            async move { title(&other, "about-us").await }
        });
        asked.collect::<JoinSet<_>>().join_all().await;
        assert!(app.statements().so_far() <= 20 * 2 + 2, "{}", app.statements().so_far());
    }

    async fn many_links_of_one_reader_cost_the_same_each_and_leave_those_of_others_alone(app: TestApp) {
        let editor = app.editor().await;
        let text = draft(&editor, "about-us", "Seen").await;
        let theirs = app.anonymous().previewing(&preview(&editor, &text).await);
        assert_eq!(title(&theirs, "about-us").await, "Seen");
        let reader = app.bearer(&app.sign_in(READER).await.access_token);
        let mut links = Vec::new();
        for _ in 0..9 {
            links.push(app.anonymous().previewing(&preview(&reader, &text).await));
        }
        app.statements().reset();
        for link in links.iter().chain(&links) {
            assert_eq!(title(link, "about-us").await, "Seen");
        }
        assert!(app.statements().so_far() <= 18 * 3, "{}", app.statements().so_far());
        app.statements().reset();
        assert_eq!(title(&theirs, "about-us").await, "Seen");
        assert!(app.statements().so_far() <= 2, "it is still there: {}", app.statements().so_far());
    }

    async fn what_a_link_shows_of_the_past_is_never_taken_for_what_was_public(app: TestApp) {
        let administrator = app.administrator().await;
        let input = json!({
            "category": "TRAVEL", "year": 2018, "expectedVersion": 1, "total": 424_242,
            "totalNote": [{ "locale": "en", "text": "Drafted" }],
        });
        let saved = administrator.done("visitCountsUpdate", input).await["yearSheet"].clone();
        let viewer = app.anonymous().previewing(&preview(&administrator, &saved).await);
        let now = app.state().now().to_rfc3339();
        let earlier = format!(
            "{{ factSheet(asOf: \"{now}\", categories: [\"TRAVEL\"], from: 2018, to: 2018) {{
                categories {{ yearlyTotals {{ publishedTotal }} }}
            }} }}"
        );
        assert!(viewer.run(&earlier, json!({})).await.text().contains("424242"));
        // The public past grows by as many events as the preview has.
        let input = json!({ "code": "CN", "expectedVersion": 1, "names": [{ "locale": "en", "text": "Other" }] });
        let country = administrator.done("countrySave", input).await["document"].clone();
        administrator.done("publish", json!({ "id": country["id"], "expectedVersion": 2 })).await;
        app.clock().advance(Duration::minutes(1));
        let seen = app.anonymous().run(&earlier, json!({})).await;
        assert!(!seen.text().contains("424242"), "{}", seen.text());
    }
}
