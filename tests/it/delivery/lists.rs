//! Lists that change while somebody goes through them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tests::{Client, TestApp, on_both_databases};

use super::{change_page, change_text, find, import, page};

/// Pages of the dataset that nobody touches, beside those of the example.
const STEADY: usize = 200;
/// Pages of the dataset that are there to be changed.
const RESTLESS: usize = 100;
/// How many are read at once.
const FIRST: usize = 25;

fn orders() -> Vec<(&'static str, &'static str)> {
    let fields = ["POSITION", "SLUG", "TITLE", "PUBLISHED_AT"];
    fields.into_iter().flat_map(|field| [(field, "ASC"), (field, "DESC")]).collect()
}

/// A page of a list: its nodes as slug and title, its total, and where it goes on.
async fn read(client: &Client, order: (&str, &str), after: &Value) -> (Vec<(String, String)>, Value, Value) {
    let query = format!(
        "query($after: String, $first: Int) {{ pages(
            after: $after, first: $first, order: {{ field: {}, direction: {} }}
        ) {{ totalCount nodes {{ slug title }} pageInfo {{ hasNextPage endCursor }} }} }}",
        order.0, order.1
    );
    let reply = client.run(&query, json!({ "after": after, "first": FIRST })).await;
    let pages = &reply.data()["pages"];
    let text = |node: &Value, field: &str| node[field].as_str().expect("text").to_owned();
    let nodes = pages["nodes"].as_array().expect("nodes");
    let nodes = nodes.iter().map(|node| (text(node, "slug"), text(node, "title"))).collect();
    let info = &pages["pageInfo"];
    let next = if info["hasNextPage"] == true { info["endCursor"].clone() } else { Value::Null };
    (nodes, pages["totalCount"].clone(), next)
}

/// The slugs of a list from its start to its end.
async fn walk(client: &Client, order: (&str, &str)) -> Vec<String> {
    let (mut slugs, mut after) = (Vec::new(), Value::Null);
    loop {
        let (nodes, _, next) = read(client, order, &after).await;
        slugs.extend(nodes.into_iter().map(|(slug, _)| slug));
        if next.is_null() {
            return slugs;
        }
        after = next;
    }
}

/// A hundred and more steady pages and restless ones among them, in every order.
async fn crowd(app: &TestApp) {
    import(app, |dataset| {
        for number in 0..STEADY {
            // In sections, so that the order by position has something to do.
            let section = format!("steady-{:03}", number / 20 * 20);
            let parent = (!number.is_multiple_of(20)).then_some(section.as_str());
            let title = format!("{:03} steady", number * 7 % STEADY);
            let position = i64::try_from(number % 5).expect("small");
            dataset.pages.push(page(&format!("steady-{number:03}"), parent, position, &["ja", "en"], &title, ""));
        }
        for number in 0..RESTLESS {
            let section = format!("steady-{:03}", number / 10 * 20);
            let parent = (!number.is_multiple_of(3)).then_some(section.as_str());
            let title = format!("{:03} restless", number * 13 % STEADY);
            let position = i64::try_from(number % 7).expect("small");
            dataset.pages.push(page(&format!("restless-{number:03}"), parent, position, &["ja"], &title, ""));
        }
    })
    .await;
}

/// Creates a page with a text, and publishes both.
async fn create(editor: &Client, slug: &str, title: &str) {
    let page = editor.done("pageCreate", json!({ "slug": slug, "position": 3 })).await["document"].clone();
    let text = json!({ "pageId": page["id"], "locale": "ja", "expectedVersion": 0, "title": title, "body": "" });
    let text = editor.done("pageTextSave", text).await["document"].clone();
    let seen = |document: &Value| json!({ "id": document["id"], "expectedVersion": document["version"] });
    editor.done("publishMany", json!({ "documents": [seen(&page), seen(&text)] })).await;
}

/// Takes a page off the site.
async fn withdraw(editor: &Client, slug: &str) {
    let page = find(editor, json!({ "page": slug })).await;
    editor.done("unpublish", json!({ "id": page["id"], "expectedVersion": page["version"] })).await;
}

on_both_databases! {
    async fn whoever_pages_through_a_list_that_changes_meets_every_page_that_stays_exactly_once(app: TestApp) {
        crowd(&app).await;
        let (editor, public) = (app.editor().await, app.anonymous());
        let mut walks: Vec<_> =
            orders().into_iter().map(|order| (order, Value::Null, Vec::<String>::new(), false)).collect();
        let mut total = walk(&public, ("SLUG", "ASC")).await.len();
        assert_eq!(total, STEADY + RESTLESS + 6);
        let steady: BTreeSet<String> = walk(&public, ("SLUG", "ASC")).await.into_iter()
            .filter(|slug| !slug.starts_with("restless")).collect();
        let mut round = 0;
        while walks.iter().any(|(_, _, _, ended)| !ended) {
            for (order, after, slugs, ended) in walks.iter_mut().filter(|(_, _, _, ended)| !ended) {
                let (nodes, counted, next) = read(&public, *order, after).await;
                assert_eq!(counted, total, "{order:?} in round {round}");
                slugs.extend(nodes.into_iter().map(|(slug, _)| slug));
                (*ended, *after) = (next.is_null(), next);
            }
            app.clock().advance(chrono::Duration::seconds(1));
            // One comes, one goes, one is renamed, and one gets another title.
            create(&editor, &format!("restless-new-{round:02}"), &format!("{:03} new", round * 37 % STEADY)).await;
            withdraw(&editor, &format!("restless-{:03}", round * 4)).await;
            let renamed = format!("restless-{:03}", round * 4 + 1);
            change_page(&editor, &renamed, json!({ "slug": format!("{renamed}-renamed") })).await;
            let retitled = format!("restless-{:03}", round * 4 + 2);
            change_text(&editor, &retitled, "ja", json!({ "title": format!("{:03} again", round * 53 % STEADY) })).await;
            round += 1;
            total = STEADY + RESTLESS + 6;
            assert!(round < RESTLESS / 4, "it comes to an end");
        }
        assert!(round > 10);
        for (order, _, slugs, _) in &walks {
            let met: Vec<&String> = slugs.iter().filter(|slug| steady.contains(*slug)).collect();
            assert_eq!(met.len(), steady.len(), "{order:?}");
            assert_eq!(met.into_iter().collect::<BTreeSet<_>>(), steady.iter().collect::<BTreeSet<_>>(), "{order:?}");
        }
        // What the lists have become is what they are for a process that has never known them otherwise.
        let fresh = app.reopen().await.anonymous();
        for order in orders() {
            assert_eq!(walk(&public, order).await, walk(&fresh, order).await, "{order:?}");
        }
    }

    async fn totals_follow_every_page_that_comes_or_goes_in_every_list_that_it_is_part_of(app: TestApp) {
        let (editor, public) = (app.editor().await, app.anonymous());
        let query = r#"{
            all: pages { totalCount } english: pages(locale: "en", fallback: []) { totalCount }
            top: pages(filter: { parent: null }) { totalCount }
            below: pages(filter: { parent: "about-us" }) { totalCount }
            chosen: pages(filter: { slugs: ["newcomer", "staff"] }) { totalCount }
        }"#;
        let totals = async || {
            let reply = public.run(query, json!({})).await;
            let names = ["all", "english", "top", "below", "chosen"];
            names.map(|name| reply.data()[name]["totalCount"].as_i64().expect("a number"))
        };
        assert_eq!(totals().await, [6, 6, 1, 5, 1]);
        create(&editor, "newcomer", "新").await;
        assert_eq!(totals().await, [7, 6, 2, 5, 2], "it has a text in Japanese only");
        let above = find(&editor, json!({ "page": "about-us" })).await;
        change_page(&editor, "newcomer", json!({ "parentId": above["id"] })).await;
        assert_eq!(totals().await, [7, 6, 1, 6, 2]);
        withdraw(&editor, "newcomer").await;
        assert_eq!(totals().await, [6, 6, 1, 5, 1]);
    }

    async fn a_page_that_moves_takes_its_place_and_those_below_it_in_lists_that_were_asked_for_before(app: TestApp) {
        import(&app, |dataset| {
            for (slug, parent, position) in [
                ("first", None, 10), ("first-a", Some("first"), 1), ("first-b", Some("first"), 2),
                ("second", None, 20), ("second-a", Some("second"), 1), ("moving", Some("first"), 3),
                ("below", Some("moving"), 1), ("deeper", Some("below"), 1),
            ] {
                dataset.pages.push(page(slug, parent, position, &["ja", "en"], slug, ""));
            }
        }).await;
        let (editor, public) = (app.editor().await, app.anonymous());
        let query = r#"{
            all: pages(first: 100) { nodes { slug } }
            reversed: pages(first: 100, order: { field: POSITION, direction: DESC }) { nodes { slug } }
            english: pages(first: 100, locale: "en") { nodes { slug } }
            first: pages(filter: { parent: "first" }) { nodes { slug } }
            second: pages(filter: { parent: "second" }) { nodes { slug } }
            moved: pages(filter: { parent: "moving" }) { nodes { slug } }
        }"#;
        let lists = async |client: &Client| -> BTreeMap<String, Vec<String>> {
            let reply = client.run(query, json!({})).await;
            let slugs = |list: &Value| {
                let nodes = list["nodes"].as_array().expect("nodes").iter();
                let slugs = nodes.map(|node| node["slug"].as_str().expect("a slug").to_owned());
                slugs.filter(|slug| ["first", "second", "moving", "below", "deeper"].iter().any(|own| slug.starts_with(own)))
                    .collect::<Vec<_>>()
            };
            reply.data().as_object().expect("lists").iter().map(|(name, list)| (name.clone(), slugs(list))).collect()
        };
        let before = lists(&public).await;
        assert_eq!(before["all"], ["first", "first-a", "first-b", "moving", "below", "deeper", "second", "second-a"]);
        let second = find(&editor, json!({ "page": "second" })).await;
        let top = ["second-a", "moving"];
        for (fields, all, below_second) in [
            (
                json!({ "parentId": second["id"], "position": 0 }),
                ["first", "first-a", "first-b", "second", "moving", "below", "deeper", "second-a"],
                &["moving", "second-a"] as &[&str],
            ),
            (
                json!({ "position": 9 }),
                ["first", "first-a", "first-b", "second", "second-a", "moving", "below", "deeper"],
                &top,
            ),
            (
                json!({ "parentId": null, "position": 0 }),
                ["moving", "below", "deeper", "first", "first-a", "first-b", "second", "second-a"],
                &["second-a"],
            ),
        ] {
            change_page(&editor, "moving", fields.clone()).await;
            let after = lists(&public).await;
            assert_eq!(after["all"], all, "{fields}");
            assert_eq!(after["english"], all, "{fields}");
            let mut reversed = after["reversed"].clone();
            reversed.reverse();
            assert_eq!(reversed, all, "{fields}");
            assert_eq!(after["first"], ["first-a", "first-b"], "{fields}");
            assert_eq!(after["second"], below_second, "{fields}");
            assert_eq!(after["moved"], ["below"], "{fields}");
            assert_eq!(after, lists(&app.reopen().await.anonymous()).await, "{fields}");
        }
    }
}
