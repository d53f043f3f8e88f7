//! Previews: a link that shows one revision of one document to whoever has it, for a while, and nothing else.

mod memory;
mod policy;
mod rights;

use chrono::Duration;
use serde_json::{Value, json};
use tests::{
    ADMINISTRATOR, Client, EDITOR, READER, TestApp, commands, on_both_databases,
    tables::{audit_log, everything},
};

/// The newest version of a document.
async fn document(client: &Client, by: Value) -> Value {
    let document = "query($by: DocumentSelector!) { document(by: $by) { id version } }";
    client.run(document, json!({ "by": by })).await.data()["document"].clone()
}

/// The token of a new preview of this version.
async fn preview(client: &Client, document: &Value) -> String {
    let input = json!({ "id": document["id"], "version": document["version"] });
    let payload = client.done("previewCreate", input).await;
    payload["preview"]["token"].as_str().expect("a token").to_owned()
}

/// A draft of the Japanese text of a page that is public.
async fn draft(client: &Client, slug: &str, title: &str) -> Value {
    let page = document(client, json!({ "page": slug })).await;
    let text = document(client, json!({ "pageText": { "slug": slug, "locale": "ja" } })).await;
    let input = json!({ "pageId": page["id"], "locale": "ja", "expectedVersion": text["version"], "title": title });
    client.done("pageTextSave", input).await["document"].clone()
}

/// The title of a page, as the client sees it; null when it sees none.
async fn title(client: &Client, slug: &str) -> Value {
    let reply = client.run("query($slug: Slug!) { page(slug: $slug) { title } }", json!({ "slug": slug })).await;
    reply.data()["page"]["title"].clone()
}

const PUBLIC: &str = "{
    site { name } locales { code } pages { totalCount nodes { slug title availableLocales children { slug } } }
    staff { slug name } countries { code name } categories { code name }
    factSheet(categories: [\"TRAVEL\"]) { years categories { yearlyTotals { publishedTotal } } }
}";

on_both_databases! {
    async fn a_link_shows_one_version_of_one_document_and_everything_else_as_it_is_public(app: TestApp) {
        let editor = app.editor().await;
        let before = app.anonymous().run(PUBLIC, json!({})).await;
        let mission = title(&app.anonymous(), "mission-and-vision").await;
        let text = draft(&editor, "about-us", "Seen").await;
        draft(&editor, "mission-and-vision", "Not seen").await;
        let token = preview(&editor, &text).await;
        let viewer = app.anonymous().previewing(&token);
        assert_eq!(title(&viewer, "about-us").await, "Seen");
        assert_eq!(title(&viewer, "mission-and-vision").await, mission);
        // A newer draft is another one, which the link does not show.
        draft(&editor, "about-us", "Later").await;
        assert_eq!(title(&viewer, "about-us").await, "Seen");
        assert_eq!(title(&app.reopen().await.anonymous().previewing(&token), "about-us").await, "Seen");
        // An older one can be shown as well.
        let first = preview(&editor, &json!({ "id": text["id"], "version": 1 })).await;
        assert_ne!(title(&app.anonymous().previewing(&first), "about-us").await, "Later");
        // Who edits sees by it what everybody sees by it.
        assert_eq!(title(&editor.previewing(&token), "about-us").await, "Seen");
        // Only the one title differs.
        let mut seen = viewer.run(PUBLIC, json!({})).await.data().clone();
        let index = before.at("/data/pages/nodes").as_array().expect("pages").iter();
        let index = index.clone().position(|page| page["slug"] == "about-us").expect("a page");
        seen["pages"]["nodes"][index]["title"] = before.at("/data/pages/nodes")[index]["title"].clone();
        assert_eq!(&seen, before.data());
        for client in [app.anonymous(), editor] {
            assert_eq!(client.run(PUBLIC, json!({})).await.text(), before.text(), "without it nothing is different");
        }
    }

    async fn a_link_shows_what_was_never_public(app: TestApp) {
        let editor = app.editor().await;
        let before = app.anonymous().run(PUBLIC, json!({})).await;
        let page = editor.done("pageCreate", json!({ "slug": "soon" })).await["document"].clone();
        let save = |locale: &str, title: &str| {
            json!({ "pageId": page["id"], "locale": locale, "expectedVersion": 0, "title": title, "body": "# Soon" })
        };
        let english = editor.done("pageTextSave", save("en", "Soon")).await["document"].clone();
        editor.done("pageTextSave", save("ja", "近日")).await;
        let viewer = app.anonymous().previewing(&preview(&editor, &english).await);
        let document = "{ page(slug: \"soon\", locale: \"en\") {
            title servedLocale availableLocales body { html } parent { slug }
        } }";
        let reply = viewer.run(document, json!({})).await;
        let page = &reply.data()["page"];
        assert_eq!((&page["title"], &page["servedLocale"]), (&json!("Soon"), &json!("en")));
        assert_eq!(page["availableLocales"], json!(["en"]), "the other draft is not shown");
        assert!(page["body"]["html"].as_str().is_some_and(|html| html.contains("Soon</h1>")));

        let member = editor.done("staffMemberCreate", json!({ "slug": "newcomer" })).await["document"].clone();
        let input =
            json!({ "staffId": member["id"], "locale": "ja", "expectedVersion": 0, "name": "Newcomer", "role": "R" });
        let text = editor.done("staffTextSave", input).await["document"].clone();
        let viewer = app.anonymous().previewing(&preview(&editor, &text).await);
        let reply = viewer.run("{ staff { slug name } page(slug: \"soon\") { title } }", json!({})).await;
        let staff = reply.at("/data/staff").as_array().expect("staff");
        assert!(staff.contains(&json!({ "slug": "newcomer", "name": "Newcomer" })));
        assert_eq!(reply.at("/data/page"), &Value::Null);
        assert_eq!(app.anonymous().run(PUBLIC, json!({})).await.text(), before.text());
    }

    async fn a_link_shows_a_draft_of_any_kind(app: TestApp) {
        let administrator = app.administrator().await;
        let before = app.anonymous().run(PUBLIC, json!({})).await;
        let text = |text: &str| json!([{ "locale": "ja", "text": text }]);
        let label = json!([{ "locale": "ja", "name": "Drafted" }]);
        let site = document(&administrator, json!({ "site": true })).await["version"].clone();
        let person = document(&administrator, json!({ "staffMember": "tatsunori-shimoi" })).await;
        let cases = vec![
            (
                "siteSave",
                json!({ "expectedVersion": site, "name": text("Drafted") }),
                "/data/site/name",
                json!("Drafted"),
            ),
            (
                "countrySave",
                json!({ "code": "CN", "expectedVersion": 1, "names": text("Drafted") }),
                "/data/countries/0/name",
                json!("Drafted"),
            ),
            (
                "categorySave",
                json!({ "code": "TRAVEL", "expectedVersion": 1, "labels": label }),
                "/data/categories/0/name",
                json!("Drafted"),
            ),
            (
                "visitCountsUpdate",
                json!({
                    "category": "TRAVEL", "year": 2018, "expectedVersion": 1, "total": 424_242,
                    "totalNote": text("Drafted"),
                }),
                "/data/factSheet/categories/0/yearlyTotals/0/publishedTotal",
                json!(424_242),
            ),
            (
                "staffMemberUpdate",
                json!({ "id": person["id"], "expectedVersion": 1, "slug": "drafted" }),
                "/data/staff/0/slug",
                json!("drafted"),
            ),
        ];
        for (mutation, input, pointer, expected) in cases {
            let payload = administrator.done(mutation, input).await;
            let saved = if payload["yearSheet"].is_object() { &payload["yearSheet"] } else { &payload["document"] };
            let viewer = app.anonymous().previewing(&preview(&administrator, saved).await);
            assert_ne!(before.at(pointer), &expected, "{mutation}");
            assert_eq!(viewer.run(PUBLIC, json!({})).await.at(pointer), &expected, "{mutation}");
            assert_eq!(app.anonymous().run(PUBLIC, json!({})).await.text(), before.text(), "{mutation}");
        }
    }

    async fn a_link_ends_to_the_second(app: TestApp) {
        let editor = app.editor().await;
        let text = draft(&editor, "about-us", "Seen").await;
        let input = json!({ "id": text["id"], "version": text["version"], "minutes": 1 });
        let made = editor.done("previewCreate", input).await["preview"].clone();
        assert_eq!(made["expiresAt"], "2026-01-15T00:01:00+00:00");
        let viewer = app.anonymous().previewing(made["token"].as_str().expect("a token"));
        app.clock().advance(Duration::seconds(59));
        assert_eq!(title(&viewer, "about-us").await, "Seen");
        app.clock().advance(Duration::seconds(1));
        let reply = viewer.run(PUBLIC, json!({})).await;
        assert_eq!((reply.status(), reply.code()), (403, "PREVIEW_ENDED"));
        assert!(reply.json().get("data").is_none());
    }

    async fn a_link_that_is_revoked_ends_at_once_on_every_process(app: TestApp) {
        let editor = app.editor().await;
        let text = draft(&editor, "about-us", "Seen").await;
        let input = json!({ "id": text["id"], "version": text["version"] });
        let made = editor.done("previewCreate", input).await["preview"].clone();
        let token = made["token"].as_str().expect("a token");
        let kept = preview(&editor, &text).await;
        let other = app.reopen().await;
        for app in [&app, &other] {
            assert_eq!(title(&app.anonymous().previewing(token), "about-us").await, "Seen");
        }
        editor.done("previewRevoke", json!({ "id": made["id"] })).await;
        for app in [&app, &other, &app.reopen().await] {
            let reply = app.anonymous().previewing(token).run(PUBLIC, json!({})).await;
            assert_eq!((reply.status(), reply.code()), (403, "PREVIEW_ENDED"));
            assert_eq!(title(&app.anonymous().previewing(&kept), "about-us").await, "Seen", "the other one goes on");
        }
    }

    async fn a_link_ends_with_the_account_that_made_it(app: TestApp) {
        let other = app.reopen().await;
        let text = draft(&app.editor().await, "about-us", "Seen").await;
        let token = preview(&app.editor().await, &text).await;
        let theirs = preview(&app.administrator().await, &text).await;
        for app in [&app, &other] {
            assert_eq!(title(&app.anonymous().previewing(&token), "about-us").await, "Seen");
        }
        commands::disable(app.state(), EDITOR.email).await.expect("disabled");
        for app in [&app, &other] {
            let reply = app.anonymous().previewing(&token).run(PUBLIC, json!({})).await;
            assert_eq!((reply.status(), reply.code()), (403, "PREVIEW_ENDED"));
            assert_eq!(title(&app.anonymous().previewing(&theirs), "about-us").await, "Seen");
        }
    }

    async fn a_link_ends_when_its_document_is_archived_even_if_that_was_never_public(app: TestApp) {
        let editor = app.editor().await;
        let page = editor.done("pageCreate", json!({ "slug": "soon" })).await["document"].clone();
        let input = json!({ "pageId": page["id"], "locale": "ja", "expectedVersion": 0, "title": "Soon" });
        let text = editor.done("pageTextSave", input).await["document"].clone();
        let viewer = app.anonymous().previewing(&preview(&editor, &text).await);
        assert_eq!(title(&viewer, "soon").await, "Soon");
        editor.done("archive", json!({ "id": page["id"], "expectedVersion": 1 })).await;
        assert_eq!(viewer.run(PUBLIC, json!({})).await.code(), "PREVIEW_ENDED");
        editor.done("unarchive", json!({ "id": page["id"], "expectedVersion": 1 })).await;
        assert_eq!(title(&viewer, "soon").await, "Soon");
    }

    async fn what_is_not_a_link_of_ours_is_refused(app: TestApp) {
        let text = draft(&app.editor().await, "about-us", "Seen").await;
        let token = preview(&app.editor().await, &text).await;
        assert_eq!(title(&app.anonymous().previewing(&token), "about-us").await, "Seen");
        let mut edited = token.clone().into_bytes();
        let middle = token.find('.').expect("a dot") + 8;
        edited[middle] = if edited[middle] == b'A' { b'B' } else { b'A' };
        let edited = String::from_utf8(edited).expect("still ASCII");
        // Another Almanac has another key.
        let stranger = TestApp::new().await;
        let strange = draft(&stranger.editor().await, "about-us", "Strange").await;
        let strange = preview(&stranger.editor().await, &strange).await;
        let access = app.sign_in(ADMINISTRATOR).await.access_token;
        for token in [&edited, &strange, &access, "", "nonsense", &token[..token.len() - 1]] {
            let reply = app.anonymous().previewing(token).run(PUBLIC, json!({})).await;
            assert_eq!((reply.status(), reply.code()), (403, "PREVIEW_ENDED"), "{token}");
            assert!(reply.json().get("data").is_none());
        }
        let reply = app.bearer(&token).run("{ viewer { email } }", json!({})).await;
        assert_eq!((reply.status(), reply.code()), (401, "UNAUTHENTICATED"));
    }

    async fn what_a_link_shows_is_kept_by_no_cache_and_leaves_nothing_behind(app: TestApp) {
        let editor = app.editor().await;
        let text = draft(&editor, "about-us", "Seen").await;
        let token = preview(&editor, &text).await;
        let (before, log) = (everything(&app).await, audit_log(&app).await.len());
        let address = "/graphql?query=%7Bpage(slug:%22about-us%22)%7Btitle%7D%7D";
        let viewer = app.anonymous().previewing(&token);
        for reply in [viewer.run(PUBLIC, json!({})).await, viewer.get(address).await] {
            assert_eq!(reply.status(), 200);
            assert_eq!(reply.header("cache-control"), Some("private, no-store"));
            assert!(reply.text().contains("Seen"));
        }
        let refused = app.anonymous().previewing("nonsense").get(address).await;
        assert_eq!(refused.header("cache-control"), Some("private, no-store"));
        assert_eq!(everything(&app).await, before, "neither in the live tables nor in the feed of changes");
        assert_eq!(audit_log(&app).await.len(), log);
    }

    async fn readers_make_links_and_strangers_do_not(app: TestApp) {
        let text = draft(&app.editor().await, "about-us", "Seen").await;
        let input = json!({ "id": text["id"], "version": text["version"] });
        let reply = app.anonymous().mutate("previewCreate", input.clone()).await;
        assert_eq!(reply.code(), "UNAUTHENTICATED");
        let reader = app.bearer(&app.sign_in(READER).await.access_token);
        let token = preview(&reader, &text).await;
        assert_eq!(title(&app.anonymous().previewing(&token), "about-us").await, "Seen");
        // A link opens what it shows, not what editors ask.
        let reply = app.anonymous().previewing(&token).run("{ documents { totalCount } }", json!({})).await;
        assert_eq!(reply.code(), "UNAUTHENTICATED");
        assert_eq!(app.anonymous().previewing(&token).mutate("previewCreate", input).await.code(), "UNAUTHENTICATED");
    }

    async fn a_link_to_a_version_that_does_not_exist_or_for_too_long_is_refused(app: TestApp) {
        let editor = app.editor().await;
        let text = draft(&editor, "about-us", "Seen").await;
        let before = everything(&app).await;
        let input = json!({ "id": text["id"], "version": 99 });
        assert_eq!(editor.mutate("previewCreate", input).await.user_codes("previewCreate"), ["BAD_USER_INPUT"]);
        for minutes in [0, -1, 7 * 24 * 60 + 1] {
            let input = json!({ "id": text["id"], "version": text["version"], "minutes": minutes });
            let reply = editor.mutate("previewCreate", input).await;
            assert_eq!(reply.at("/data/previewCreate/errors/0/rule"), "OUT_OF_RANGE", "{minutes}");
        }
        assert_eq!(everything(&app).await, before);
    }
}
