//! Addresses of pages that go from one page to another: the old address of a page is given to a new one, and pages change
//! addresses with each other.

use api::document::schedule::run_due;
use entities::page_redirect;
use sea_orm::{EntityTrait, PaginatorTrait};
use serde_json::{Value, json};
use tests::{TestApp, on_both_databases};

use super::{Desk, fault, public, seen, seen_with, together};

/// What stands in the way of publishing these documents together.
async fn check(desk: &Desk, documents: &[&Value]) -> Vec<String> {
    let query = "query($ids: [ID!]!) { publishCheck(ids: $ids) { __typename code path rule message } }";
    let ids: Vec<&Value> = documents.iter().map(|document| &document["id"]).collect();
    let found = desk.ask(query, json!({ "ids": ids })).await;
    found["publishCheck"].as_array().expect("blockers").iter().map(fault).collect()
}

/// What the public finds at an address: the title, or where it is sent.
async fn at(app: &TestApp, slug: &str) -> Value {
    let page = public(app, slug, "en").await;
    if page["movedTo"].is_null() { page["title"].clone() } else { json!({ "movedTo": page["movedTo"] }) }
}

/// A new slug of a page, as a draft.
async fn rename(desk: &Desk, page: &Value, slug: &str) -> Value {
    desk.done("pageUpdate", seen_with(&desk.now(page).await, &json!({ "slug": slug }))).await
}

/// How many former slugs there are.
async fn redirects(app: &TestApp) -> u64 {
    page_redirect::Entity::find().count(app.state().database().reader()).await.expect("a number")
}

on_both_databases! {
    async fn the_old_address_of_a_page_is_given_to_a_new_one_on_purpose(app: TestApp) {
        let desk = Desk::of(&app).await;
        for away in ["unpublish", "archive"] {
            let slug = format!("intake-{away}");
            let (last_year, _) = desk.published(&slug, &["en"]).await;
            desk.done("unpublish", seen(&last_year)).await;
            let last_year = rename(&desk, &last_year, &format!("{slug}-2025")).await;
            if away == "archive" {
                desk.done("archive", seen(&last_year)).await;
            }
            assert_eq!(desk.refused("pageCreate", json!({ "slug": slug })).await, ["input.slug RESERVED"]);
            let page = desk.done("pageCreate", json!({ "slug": slug, "replaceRedirect": true })).await;
            let text = desk.text(&page, "en", "This year", "Open").await;
            assert_eq!(check(&desk, &[&page, &text]).await, [] as [&str; 0]);
            let page = desk.publish(&[&page, &text]).await.remove(0);
            assert_eq!(at(&app, &slug).await, "This year");
            // Its own name has the page that is away when it comes back, and leaves the other alone.
            if away == "archive" {
                desk.done("unarchive", seen(&last_year)).await;
            }
            desk.done("publish", seen(&last_year)).await;
            assert_eq!(at(&app, &format!("{slug}-2025")).await, format!("{slug} en"));
            assert_eq!(at(&app, &slug).await, "This year");
            // What follows is the new page's address alone.
            let page = rename(&desk, &page, &format!("{slug}-new")).await;
            desk.publish(&[&page]).await;
            assert_eq!(at(&app, &slug).await, json!({ "movedTo": format!("{slug}-new") }));
        }
    }

    async fn the_old_address_leads_where_it_led_until_the_new_page_is_published(app: TestApp) {
        let desk = Desk::of(&app).await;
        let (old, _) = desk.published("campaign", &["en"]).await;
        let old = rename(&desk, &old, "campaign-2025").await;
        desk.publish(&[&old]).await;
        let draft = desk.page("draft").await;
        let taking = seen_with(&draft, &json!({ "slug": "campaign", "replaceRedirect": true }));
        let draft = desk.done("pageUpdate", taking).await;
        let text = desk.text(&draft, "en", "New", "").await;
        assert_eq!(at(&app, "campaign").await, json!({ "movedTo": "campaign-2025" }));
        // Other changes of the page do not take the permission back; another slug, or an older version, does.
        let draft = desk.done("pageUpdate", seen_with(&draft, &json!({ "position": 3 }))).await;
        let elsewhere = rename(&desk, &draft, "elsewhere").await;
        let back = seen_with(&elsewhere, &json!({ "slug": "campaign" }));
        assert_eq!(desk.refused("pageUpdate", back).await, ["input.slug RESERVED"]);
        let restored = seen_with(&elsewhere, &json!({ "version": draft["version"] }));
        assert_eq!(desk.refused("restore", restored).await, ["input.slug RESERVED"]);
        let back = seen_with(&elsewhere, &json!({ "slug": "campaign", "replaceRedirect": true }));
        let draft = desk.done("pageUpdate", back).await;
        desk.publish(&[&draft, &text]).await;
        assert_eq!(at(&app, "campaign").await, "New");
        assert_eq!(at(&app, "campaign-2025").await, "campaign en");
        // Publishing the old page again brings nothing back.
        let old = desk.done("pageUpdate", seen_with(&desk.now(&old).await, &json!({ "position": 9 }))).await;
        desk.publish(&[&old]).await;
        let draft = rename(&desk, &draft, "campaign-2026").await;
        desk.publish(&[&draft]).await;
        assert_eq!(at(&app, "campaign").await, json!({ "movedTo": "campaign-2026" }));
    }

    async fn names_of_almanac_s_own_and_of_others_are_not_replaced(app: TestApp) {
        let desk = Desk::of(&app).await;
        let (page, _) = desk.published("held", &["en"]).await;
        let taking = |slug: &str| json!({ "slug": slug, "replaceRedirect": true });
        assert_eq!(desk.refused("pageCreate", taking("graphql")).await, ["input.slug RESERVED"]);
        assert_eq!(desk.refused("pageCreate", taking("held")).await, ["input.slug TAKEN"]);
        desk.done("unpublish", seen(&page)).await;
        assert_eq!(desk.refused("pageCreate", taking("held")).await, ["input.slug TAKEN"], "its page may come back");
    }

    async fn two_pages_swap_their_addresses_in_one_step(app: TestApp) {
        let desk = Desk::of(&app).await;
        let (a, _) = desk.published("swap-a", &["en"]).await;
        let (b, _) = desk.published("swap-b", &["en"]).await;
        let before = redirects(&app).await;
        let a = rename(&desk, &a, "swap-aside").await;
        let b = rename(&desk, &b, "swap-a").await;
        let a = rename(&desk, &a, "swap-b").await;
        assert_eq!((at(&app, "swap-a").await, at(&app, "swap-b").await), (json!("swap-a en"), json!("swap-b en")));
        for alone in [&a, &b] {
            assert_eq!(check(&desk, &[alone]).await, ["slug STILL_HELD"]);
            assert_eq!(desk.refused("publish", seen(alone)).await, ["slug STILL_HELD"]);
        }
        assert_eq!(check(&desk, &[&a, &b]).await, [] as [&str; 0]);
        assert_eq!((at(&app, "swap-a").await, at(&app, "swap-b").await), (json!("swap-a en"), json!("swap-b en")));
        desk.publish(&[&a, &b]).await;
        assert_eq!((at(&app, "swap-a").await, at(&app, "swap-b").await), (json!("swap-b en"), json!("swap-a en")));
        assert_eq!(public(&app, "swap-aside", "en").await, Value::Null);
        assert_eq!(redirects(&app).await, before, "nothing but the two pages was ever at these addresses");
    }

    async fn addresses_go_round_and_the_first_goes_to_a_new_page(app: TestApp) {
        let desk = Desk::of(&app).await;
        let mut pages = Vec::new();
        for slug in ["ring-a", "ring-b", "ring-c"] {
            pages.push(desk.published(slug, &["en"]).await.0);
        }
        // c leaves, b becomes c, a becomes b, and a new page becomes a: below one another, too.
        let c = rename(&desk, &pages[2], "ring-d").await;
        let b = rename(&desk, &pages[1], "ring-c").await;
        let a = rename(&desk, &pages[0], "ring-b").await;
        let a = desk.done("pageUpdate", seen_with(&a, &json!({ "parentId": b["id"] }))).await;
        let new = desk.done("pageCreate", json!({ "slug": "ring-a", "parentId": a["id"] })).await;
        let text = desk.text(&new, "en", "New", "[c](/ring-c) [d](/ring-d)").await;
        assert_eq!(check(&desk, &[&text, &new, &a, &b]).await, ["slug STILL_HELD", "body DEAD_LINK"]);
        desk.publish(&[&text, &new, &a, &b, &c]).await;
        for (slug, title) in [("ring-a", "New"), ("ring-b", "ring-a en"), ("ring-c", "ring-b en"), ("ring-d", "ring-c en")] {
            assert_eq!(at(&app, slug).await, title, "{slug}");
        }
        assert_eq!(public(&app, "ring-a", "en").await["parent"]["slug"], "ring-b");
        // The same after everything was read anew.
        let fresh = app.reopen().await;
        for (slug, title) in [("ring-a", "New"), ("ring-b", "ring-a en"), ("ring-c", "ring-b en"), ("ring-d", "ring-c en")] {
            assert_eq!(at(&fresh, slug).await, title, "{slug}");
        }
    }

    async fn a_swap_that_is_blocked_changes_nothing(app: TestApp) {
        let desk = Desk::of(&app).await;
        let (a, _) = desk.published("stay-a", &["en"]).await;
        let (b, texts) = desk.published("stay-b", &["en"]).await;
        let a = rename(&desk, &a, "stay-aside").await;
        let b = rename(&desk, &b, "stay-a").await;
        let a = rename(&desk, &a, "stay-b").await;
        let text = desk.write(&texts[0], "[nowhere](/nowhere)").await;
        let all = [&a, &b, &text];
        assert_eq!(check(&desk, &all).await, ["body DEAD_LINK"]);
        assert_eq!(desk.refused("publishMany", together(&all)).await, ["body DEAD_LINK"]);
        assert_eq!((at(&app, "stay-a").await, at(&app, "stay-b").await), (json!("stay-a en"), json!("stay-b en")));
    }

    async fn an_address_that_others_link_to_does_not_go_to_a_page_without_a_text(app: TestApp) {
        let desk = Desk::of(&app).await;
        let (old, _) = desk.published("linked", &["en"]).await;
        let (_, texts) = desk.published("linking", &["en"]).await;
        let text = desk.write(&texts[0], "[there](/linked)").await;
        desk.publish(&[&text]).await;
        let old = rename(&desk, &old, "linked-before").await;
        let new = desk.page("linked").await;
        assert_eq!(check(&desk, &[&old, &new]).await, ["slug LINKED_FROM"]);
        assert_eq!(desk.refused("publishMany", together(&[&old, &new])).await, ["slug LINKED_FROM"]);
        let text = desk.text(&new, "en", "New", "").await;
        desk.publish(&[&old, &new, &text]).await;
        assert_eq!(at(&app, "linked").await, "New");
    }

    async fn schedules_of_one_moment_swap_addresses(app: TestApp) {
        let desk = Desk::of(&app).await;
        let (a, _) = desk.published("later-a", &["en"]).await;
        let (b, _) = desk.published("later-b", &["en"]).await;
        let a = rename(&desk, &a, "later-aside").await;
        let b = rename(&desk, &b, "later-a").await;
        let a = rename(&desk, &a, "later-b").await;
        let at_noon = (app.state().now() + chrono::Duration::hours(1)).format("%Y-%m-%dT%H:%M:%S").to_string();
        for page in [&a, &b] {
            let more = json!({ "action": "PUBLISH", "at": at_noon, "timeZone": "UTC" });
            desk.done("schedule", seen_with(page, &more)).await;
        }
        app.clock().advance(chrono::Duration::hours(2));
        run_due(app.state()).await.expect("schedules are carried out");
        assert_eq!((at(&app, "later-a").await, at(&app, "later-b").await), (json!("later-b en"), json!("later-a en")));
    }

    async fn a_preview_shows_the_page_at_the_address_that_it_takes(app: TestApp) {
        let desk = Desk::of(&app).await;
        let (old, _) = desk.published("seen-before", &["en"]).await;
        let old = rename(&desk, &old, "seen-2025").await;
        desk.publish(&[&old]).await;
        let new = desk.done("pageCreate", json!({ "slug": "seen-before", "replaceRedirect": true })).await;
        let text = desk.text(&new, "en", "Seen", "").await;
        let preview = desk.client.done("previewCreate", json!({ "id": text["id"], "version": 1 })).await;
        let token = preview["preview"]["token"].as_str().expect("a token").to_owned();
        let query = "{ old: page(slug: \"seen-2025\", locale: \"en\") { title } new: page(slug: \"seen-before\", locale: \"en\") { title movedTo } }";
        let shown = app.anonymous().previewing(&token).run(query, json!({})).await;
        assert_eq!(*shown.data(), json!({ "old": { "title": "seen-before en" }, "new": { "title": "Seen", "movedTo": null } }));
        assert_eq!(at(&app, "seen-before").await, json!({ "movedTo": "seen-2025" }));
    }

    async fn publish_check_sees_the_texts_that_come_back_with_a_page(app: TestApp) {
        let desk = Desk::of(&app).await;
        let (target, _) = desk.published("check-target", &["en"]).await;
        let (page, texts) = desk.published("check-back", &["en"]).await;
        let text = desk.write(&texts[0], "[there](/check-target)").await;
        desk.publish(&[&text]).await;
        desk.done("unpublish", seen(&page)).await;
        desk.done("unpublish", seen(&target)).await;
        assert_eq!(desk.refused("publish", seen(&page)).await, ["body DEAD_LINK"]);
        assert_eq!(check(&desk, &[&page]).await, ["body DEAD_LINK"]);
        desk.done("publish", seen(&target)).await;
        assert_eq!(check(&desk, &[&page]).await, [] as [&str; 0]);
        desk.done("publish", seen(&page)).await;
        assert_eq!(at(&app, "check-back").await, "check-back en");
    }
}
