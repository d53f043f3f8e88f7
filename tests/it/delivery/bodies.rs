//! Texts of pages when there are more of them than are kept in memory.

use serde_json::{Value, json};
use tests::{TestApp, on_both_databases};

use super::{change_text, import, page};

/// The smallest budget that the setting takes.
const BUDGET: u64 = 65_536;
/// How many pages there are; together their texts are many times the budget.
const PAGES: usize = 60;

fn body(number: usize) -> String {
    let paragraph = format!("The text of page {number}: \"quoted\", *emphasised*, \\ and 日本語.\n\n");
    format!("# Page {number}\n\n{}", paragraph.repeat(40))
}

async fn crowd(app: &TestApp) {
    import(app, |dataset| {
        for number in 0..PAGES {
            dataset.pages.push(page(&format!("page-{number:02}"), None, 50, &["ja"], "Title", &body(number)));
        }
        // Alone more than the whole budget.
        let long = "Far too long to be kept. ".repeat(4_000);
        dataset.pages.push(page("long", None, 60, &["ja"], "Long", &long));
    })
    .await;
}

const PAGE: &str = "query($slug: Slug!) { page(slug: $slug) { slug body { markdown html text } } }";
const LIST: &str = "{ pages(first: 100, order: { field: SLUG }) { nodes { slug body { markdown html text } } } }";

/// Two processes over the same content: one that has little room for texts, and one that has room for all. Neither
/// remembers answers.
async fn processes(app: &TestApp) -> (TestApp, TestApp) {
    crowd(app).await;
    let small = app
        .with(|config| {
            config.page_body_bytes = BUDGET;
            config.response_cache_bytes = 0;
        })
        .await;
    let large = app
        .with(|config| {
            config.page_body_bytes = 64 * 1024 * 1024;
            config.response_cache_bytes = 0;
        })
        .await;
    (small, large)
}

on_both_databases! {
    async fn texts_that_are_not_in_memory_are_served_alike_for_one_statement_each(app: TestApp) {
        let (small, large) = processes(&app).await;
        let mut fetched = 0;
        for number in 0..PAGES {
            let variables = json!({ "slug": format!("page-{number:02}") });
            let expected = large.anonymous().run(PAGE, variables.clone()).await;
            assert_eq!(expected.at("/data/page/body/markdown"), &Value::from(body(number)));
            small.statements().reset();
            let reply = small.anonymous().run(PAGE, variables.clone()).await;
            assert_eq!(reply.bytes(), expected.bytes(), "{variables}");
            assert!(small.statements().so_far() <= 1, "{variables}: {}", small.statements().so_far());
            fetched += small.statements().so_far();
        }
        assert!(fetched > PAGES / 2, "only {fetched} were not in memory");
        large.statements().reset();
        large.anonymous().run(LIST, json!({})).await;
        assert_eq!(large.statements().so_far(), 0, "all are in memory there");
    }

    async fn a_list_of_texts_that_are_not_in_memory_is_answered_whole_for_a_few_statements(app: TestApp) {
        let (small, large) = processes(&app).await;
        let expected = large.anonymous().run(LIST, json!({})).await;
        assert!(expected.data()["pages"]["nodes"].as_array().is_some_and(|nodes| nodes.len() > PAGES));
        for _ in 0..3 {
            small.statements().reset();
            let reply = small.anonymous().run(LIST, json!({})).await;
            assert_eq!(reply.bytes(), expected.bytes());
            // They never fit, so they are read each time, together; what had to make room for others once more.
            assert!((1..=3).contains(&small.statements().so_far()), "{}", small.statements().so_far());
        }
    }

    async fn a_text_longer_than_all_the_room_is_served_for_one_statement_each_time(app: TestApp) {
        let (small, large) = processes(&app).await;
        let variables = json!({ "slug": "long" });
        let expected = large.anonymous().run(PAGE, variables.clone()).await;
        for _ in 0..3 {
            small.statements().reset();
            assert_eq!(small.anonymous().run(PAGE, variables.clone()).await.bytes(), expected.bytes());
            assert_eq!(small.statements().so_far(), 1);
        }
        // What does not ask for texts needs none.
        small.statements().reset();
        small.anonymous().run("{ pages(first: 100) { nodes { slug title } } }", json!({})).await;
        assert_eq!(small.statements().so_far(), 0);
    }

    async fn an_edit_of_a_text_that_is_not_in_memory_shows_at_once(app: TestApp) {
        let (small, _) = processes(&app).await;
        let small = small.with(|config| config.response_cache_bytes = 1024 * 1024).await;
        let editor = small.editor().await;
        for number in [0, PAGES / 2, PAGES - 1] {
            let slug = format!("page-{number:02}");
            let ask = async || {
                let reply = small.anonymous().run(PAGE, json!({ "slug": slug })).await;
                reply.at("/data/page/body/markdown").as_str().expect("text").to_owned()
            };
            assert_eq!(ask().await, body(number));
            let edited = format!("{}\n\nEdited.", body(number));
            change_text(&editor, &slug, "ja", json!({ "body": edited })).await;
            assert_eq!(ask().await, edited);
            assert_eq!(ask().await, edited);
        }
    }
}
