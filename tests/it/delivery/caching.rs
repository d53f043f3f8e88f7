//! Which answers are kept, for whom, how long, and in which form.

use std::{collections::BTreeSet, io::Read as _, time::Duration};

use serde_json::{Value, json};
use tests::{Client, Reply, TestApp, on_both_databases};

use super::{address, change_page, change_text, find, get, publish};

const SHARED: &str = "public, max-age=0, s-maxage=5, stale-while-revalidate=5";
const PRIVATE: &str = "private, no-store";

const PAGE: &str = "{ page(slug: \"about-us\", locale: \"en\") { title summary body { html } } }";
/// Long enough to be worth compressing.
const LONG: &str = "{ countries { code name } factSheet { categories { countries { counts { value } } } } }";

/// How long a test waits for what happens in the background.
const PATIENCE: Duration = Duration::from_secs(30);

fn etag(reply: &Reply) -> String {
    reply.header("etag").unwrap_or_else(|| panic!("no ETag: {} {}", reply.status(), reply.text())).to_owned()
}

#[track_caller]
fn is_shared(reply: &Reply) {
    assert_eq!(reply.header("cache-control"), Some(SHARED), "{}", reply.text());
    assert!(reply.header("etag").is_some());
}

#[track_caller]
fn is_private(reply: &Reply, what: &str) {
    assert_eq!(reply.header("cache-control"), Some(PRIVATE), "{what}: {}", reply.text());
    for header in ["etag", "surrogate-key", "cache-tag"] {
        assert_eq!(reply.header(header), None, "{what}: {header}");
    }
}

/// The answer in an encoding, as soon as it is there.
async fn encoded(client: &Client, address: &str, encoding: &str) -> Reply {
    let client = client.with("accept-encoding", encoding);
    let asking = async {
        loop {
            let reply = client.get(address).await;
            if reply.header("content-encoding") == Some(encoding) {
                return reply;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.unwrap_or_else(|_| panic!("it is never sent in {encoding}"))
}

fn decode(encoding: &str, bytes: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::new();
    match encoding {
        "gzip" => flate2::read::GzDecoder::new(bytes).read_to_end(&mut decoded),
        "br" => brotli::Decompressor::new(bytes, 4096).read_to_end(&mut decoded),
        "zstd" => zstd::stream::read::Decoder::new(bytes).and_then(|mut decoder| decoder.read_to_end(&mut decoded)),
        other => panic!("nobody asked for {other}"),
    }
    .expect("the encoding that the header names");
    decoded
}

on_both_databases! {
    async fn an_answer_to_the_public_says_how_long_it_holds_and_what_it_depends_on(app: TestApp) {
        let reply = get(&app, PAGE).await;
        assert!(reply.data()["page"]["title"].is_string());
        is_shared(&reply);
        let vary = reply.header("vary").expect("Vary").to_ascii_lowercase();
        for name in ["accept", "accept-encoding", "authorization", "almanac-preview"] {
            assert!(vary.split(',').any(|found| found.trim() == name), "{vary}");
        }
        let page = find(&app.editor().await, json!({ "page": "about-us" })).await;
        let keys = reply.header("surrogate-key").expect("Surrogate-Key");
        let tags = reply.header("cache-tag").expect("Cache-Tag");
        assert_eq!(keys.split(' ').collect::<Vec<_>>(), tags.split(',').collect::<Vec<_>>());
        assert!(keys.split(' ').any(|key| key == "site") && keys.contains("page:"), "{keys}");
        assert!(page["id"].is_string());
    }

    async fn who_has_an_answer_is_told_so_without_body_or_statement_until_it_changes(app: TestApp) {
        let address = address(PAGE, &[]);
        let first = app.anonymous().get(&address).await;
        let known = etag(&first);
        let client = app.anonymous().with("if-none-match", &known);
        app.statements().reset();
        for named in [known.clone(), format!("W/{known}"), format!("\"other\", {known}"), "*".to_owned()] {
            let reply = app.anonymous().with("if-none-match", &named).get(&address).await;
            assert_eq!((reply.status(), reply.bytes()), (304, &[] as &[u8]), "{named}");
            assert_eq!(etag(&reply), known);
            is_shared(&reply);
            assert_eq!(reply.header("content-encoding"), None);
        }
        assert_eq!(app.anonymous().with("if-none-match", "\"other\"").get(&address).await.status(), 200);
        assert_eq!(app.statements().so_far(), 0);

        let editor = app.editor().await;
        let page = find(&editor, json!({ "page": "about-us" })).await;
        let text = find(&editor, json!({ "pageText": { "slug": "about-us", "locale": "en" } })).await;
        let draft = json!({
            "pageId": page["id"], "locale": "en", "expectedVersion": text["version"], "title": "Another title",
        });
        let draft = editor.done("pageTextSave", draft).await["document"].clone();
        assert_eq!(client.get(&address).await.status(), 304, "a draft is no change of what is public");
        editor.done("publish", json!({ "id": draft["id"], "expectedVersion": draft["version"] })).await;
        let changed = client.get(&address).await;
        assert_eq!((changed.status(), changed.at("/data/page/title")), (200, &Value::from("Another title")));
        assert_ne!(etag(&changed), known);
        assert_eq!(app.anonymous().with("if-none-match", &etag(&changed)).get(&address).await.status(), 304);
    }

    async fn a_write_changes_the_answers_with_its_tags_and_no_others(app: TestApp) {
        let editor = app.editor().await;
        let staff = find(&editor, json!({ "staffMember": "tatsunori-shimoi" })).await;
        let nodes = "{ staff(locale: \"en\") { id slug } page(slug: \"staff\", locale: \"en\") { id } }";
        let nodes = app.anonymous().run(nodes, json!({})).await;
        let id_of = |index: usize| nodes.at(&format!("/data/staff/{index}/id")).as_str().expect("an id").to_owned();
        let node = |id: &str| {
            format!("{{ node(id: \"{id}\") {{ id ... on StaffMember {{ name }} ... on Page {{ title }} }} }}")
        };
        // Each with whether it shows the record's name.
        let queries: Vec<(String, bool)> = vec![
            ("{ staff(locale: \"en\") { name } }".to_owned(), true),
            ("{ staff(locale: \"ja\") { slug name role } site { name } }".to_owned(), true),
            (node(&id_of(0)), true),
            (format!("{} {{ pages {{ totalCount }} }}", "query A { staff { name } } query B"), false),
            (node(&id_of(1)), false),
            (node(nodes.at("/data/page/id").as_str().expect("an id")), false),
            (PAGE.to_owned(), false),
            ("{ pages(locale: \"en\") { totalCount nodes { title } } }".to_owned(), false),
            ("{ site { name } locales { code } }".to_owned(), false),
            (LONG.to_owned(), false),
            ("{ visitCounts(groupBy: [YEAR]) { sum } }".to_owned(), false),
            ("{ page(slug: \"staff\") { title children { title } } countries { name } }".to_owned(), false),
            ("{ page(slug: \"nothing-here\") { title } }".to_owned(), false),
        ];
        let ask = async |query: &str| {
            let more: &[(&str, &str)] = if query.starts_with("query A") { &[("operationName", "B")] } else { &[] };
            let mut with_tags = vec![("extensions", "{\"cacheTags\":true}")];
            with_tags.extend(more);
            let tagged = app.anonymous().get(&address(query, &with_tags)).await;
            let tags: BTreeSet<String> = tagged.at("/extensions/cacheTags").as_array().expect("tags").iter()
                .map(|tag| tag.as_str().expect("a tag").to_owned()).collect();
            let plain = app.anonymous().get(&address(query, more)).await;
            let keys: BTreeSet<String> =
                plain.header("surrogate-key").expect("keys").split(' ').map(str::to_owned).collect();
            assert_eq!(tags, keys, "{query}");
            assert!(plain.at("/extensions").get("cacheTags").is_none(), "nobody asked for them");
            (etag(&plain), tags)
        };
        let mut before = Vec::new();
        for (query, _) in &queries {
            before.push(ask(query).await);
        }
        let seq = app.state().snapshot().seq;
        let mut changed = BTreeSet::new();
        for locale in ["ja", "en"] {
            let text = find(&editor, json!({ "staffText": { "slug": "tatsunori-shimoi", "locale": locale } })).await;
            let input = json!({
                "staffId": staff["id"], "locale": locale, "expectedVersion": text["version"], "name": format!("New {locale}"),
            });
            publish(&editor, "staffTextSave", input).await;
        }
        for change in api::change::since(app.state().database().reader(), seq).await.expect("changes") {
            changed.extend(change.tags);
        }
        assert!(changed.contains("staff") && changed.len() == 2, "{changed:?}");
        for ((query, shows), (etag, tags)) in queries.iter().zip(&before) {
            let after = ask(query).await;
            assert_eq!(tags.is_disjoint(&changed), !shows, "{query}: {tags:?}");
            assert_eq!(after.0 != *etag, *shows, "{query}");
            assert_eq!(after.1, *tags, "{query}");
        }
        // The same of a page.
        change_page(&editor, "staff", json!({ "position": 99 })).await;
        for ((query, _), (etag, tags)) in queries.iter().zip(&before).filter(|(_, (_, tags))| !tags.contains("staff")) {
            if !tags.iter().any(|tag| tag.starts_with("page") || tag.starts_with("staff")) {
                assert_eq!(ask(query).await.0, *etag, "{query}");
            }
        }
    }

    async fn every_process_sees_a_change_at_its_next_look_whatever_it_has_kept(app: TestApp) {
        let other = app.reopen().await;
        let before = etag(&get(&other, PAGE).await);
        assert_eq!(etag(&get(&app, PAGE).await), before, "the same bytes have the same tag everywhere");
        change_text(&app.editor().await, "about-us", "en", json!({ "title": "Another title" })).await;
        api::delivery::feed::look(other.state()).await.expect("the feed can be read");
        let after = get(&other, PAGE).await;
        assert_eq!(after.at("/data/page/title"), "Another title");
        assert_eq!(etag(&after), etag(&get(&app, PAGE).await));
    }

    async fn what_is_not_for_everybody_is_neither_kept_nor_served_to_others(app: TestApp) {
        let editor = app.editor().await;
        let page = find(&editor, json!({ "page": "about-us" })).await;
        let text = find(&editor, json!({ "pageText": { "slug": "about-us", "locale": "en" } })).await;
        let draft = json!({
            "pageId": page["id"], "locale": "en", "expectedVersion": text["version"], "title": "A secret draft",
        });
        let draft = editor.done("pageTextSave", draft).await["document"].clone();
        let preview = json!({ "id": draft["id"], "version": draft["version"] });
        let preview = editor.done("previewCreate", preview).await["preview"]["token"].clone();
        let previewing = app.anonymous().previewing(preview.as_str().expect("a token"));
        let address_of_page = address(PAGE, &[]);
        let kept = app.state().answers().len();

        for _ in 0..2 {
            let seen = previewing.get(&address_of_page).await;
            assert_eq!(seen.at("/data/page/title"), "A secret draft");
            is_private(&seen, "a preview");
        }
        is_private(&editor.get(&address_of_page).await, "with a token");
        is_private(&app.bearer("nonsense").get(&address_of_page).await, "with a bad token");
        is_private(&app.anonymous().previewing("nonsense").get(&address_of_page).await, "with a bad link");
        let viewer = address("{ viewer { email } site { name } }", &[]);
        assert!(editor.get(&viewer).await.at("/data/viewer/email").is_string());
        let nobody = app.anonymous().get(&viewer).await;
        assert_eq!(nobody.at("/data/viewer"), &Value::Null);
        is_private(&nobody, "what depends on who asks");
        for (query, what) in [
            ("{ page(slug: \"Not A Slug\") { title } site { name } }", "an error of a field"),
            ("{ nothing }", "a document that is not valid"),
            ("{ site { name }", "a document that cannot be parsed"),
            ("{ documents { totalCount } }", "what is for editors"),
            ("mutation { signOut { signedOut } }", "a mutation"),
        ] {
            for _ in 0..2 {
                is_private(&get(&app, query).await, what);
            }
        }
        is_private(&app.anonymous().get("/graphql").await, "no query");
        assert_eq!(app.state().answers().len(), kept, "none of them was kept");

        let public = app.anonymous().get(&address_of_page).await;
        assert_ne!(public.at("/data/page/title"), "A secret draft");
        is_shared(&public);
        // What is kept for all is not what these see, either.
        assert_eq!(previewing.get(&address_of_page).await.at("/data/page/title"), "A secret draft");
        let posted = app.anonymous().run(PAGE, json!({})).await;
        assert_eq!(posted.bytes(), public.bytes());
        for _ in 0..2 {
            is_private(&app.anonymous().run(PAGE, json!({})).await, "what is posted");
            is_private(&app.anonymous().with("if-none-match", &etag(&public)).run(PAGE, json!({})).await, "what is posted");
        }
    }

    async fn a_request_that_only_asks_for_the_head_is_answered_from_what_is_kept_for_get(app: TestApp) {
        let client = app.raw();
        let ask = async |method: poem::http::Method| {
            Reply::read(client.request(method, address(PAGE, &[])).send().await).await
        };
        let (head, get) = (ask(poem::http::Method::HEAD).await, ask(poem::http::Method::GET).await);
        assert_eq!((head.status(), head.bytes()), (200, &b""[..]));
        assert!(head.header("etag").is_some());
        assert_eq!(head.header("etag"), get.header("etag"));
        assert_eq!(head.header("cache-control"), get.header("cache-control"));
        assert_eq!(app.state().answers().len(), 1);
    }

    async fn documents_variables_and_operations_never_share_an_answer(app: TestApp) {
        let two = "query A { site { id } } query B { locales { code } }";
        let localised = "query($l: Locale, $f: [Locale!]) { site(locale: $l, fallback: $f) { name servedLocale } }";
        let switched = "query($b: Boolean = true) { site { id name @include(if: $b) } }";
        let ask = |query: &'static str, more: &'static [(&'static str, &'static str)]| {
            let client = app.anonymous();
            async move { client.get(&address(query, more)).await }
        };
        let asked: Vec<(&str, &[(&str, &str)])> = vec![
            (two, &[("operationName", "A")]),
            (two, &[("operationName", "B")]),
            (two, &[]),
            (two, &[("operationName", "C")]),
            (localised, &[]),
            (localised, &[("variables", "{\"l\":\"ja\",\"f\":[]}")]),
            (localised, &[("variables", "{\"l\":\"en\"}")]),
            (localised, &[("variables", "{\"l\":\"fr\"}")]),
            (localised, &[("variables", "{\"l\":[\"en\"]}")]),
            (switched, &[]),
            (switched, &[("variables", "{\"b\":false}")]),
            (switched, &[("variables", "{\"b\":null}")]),
            ("{ site { id } }", &[]),
            ("{ site { name } }", &[]),
            ("{ site { id name } }", &[]),
            ("{ site { name id } }", &[]),
            ("{ site { x: id } }", &[]),
            ("{ site { x: id } } ", &[]),
            ("{ site { id } }", &[("extensions", "{\"cacheTags\":true}")]),
            ("{ site { id } }", &[("extensions", "{\"cacheTags\":false}")]),
        ];
        // What each is without any cache.
        let without = app.with(|config| config.response_cache_bytes = 0).await;
        let mut expected = Vec::new();
        for (query, more) in &asked {
            expected.push(without.anonymous().get(&address(query, more)).await);
        }
        for round in 0..3 {
            for ((query, more), expected) in asked.iter().zip(&expected) {
                let reply = ask(query, more).await;
                assert_eq!(reply.text(), expected.text(), "{query} {more:?} in round {round}");
                assert_eq!(reply.header("etag"), expected.header("etag"), "{query} {more:?}");
            }
        }
        // However it is written, the same is the same.
        let written = [
            address(localised, &[("variables", "{\"l\":\"en\"}")]),
            address(localised, &[("variables", "{ \"l\" : \"e\\u006e\" }")]),
            format!("{}&nothing=1", address(localised, &[("variables", "{\"l\":\"en\"}")])),
        ];
        for address in &written {
            let reply = app.anonymous().get(address).await;
            assert_eq!(reply.bytes(), app.anonymous().get(&written[0]).await.bytes(), "{address}");
        }
    }

    async fn nothing_is_kept_in_a_cache_of_no_bytes_and_everything_is_answered(app: TestApp) {
        let app = app.with(|config| config.response_cache_bytes = 0).await;
        let first = get(&app, LONG).await;
        is_shared(&first);
        for _ in 0..3 {
            let again = app.anonymous().with("accept-encoding", "br, gzip").get(&address(LONG, &[])).await;
            assert_eq!((again.bytes(), again.header("content-encoding")), (first.bytes(), None));
            assert_eq!(etag(&again), etag(&first));
        }
        let known = app.anonymous().with("if-none-match", &etag(&first)).get(&address(LONG, &[])).await;
        assert_eq!(known.status(), 304);
        assert!(app.state().answers().is_empty());
    }
}

#[tokio::test]
async fn an_encoded_answer_is_the_plain_one_and_each_has_a_tag_that_is_known_again() {
    let app = TestApp::new().await;
    let (client, address) = (app.anonymous(), address(LONG, &[]));
    let plain = client.get(&address).await;
    assert_eq!(plain.header("content-encoding"), None);
    let mut tags = BTreeSet::from([etag(&plain)]);
    for encoding in ["br", "gzip", "zstd"] {
        let reply = encoded(&client, &address, encoding).await;
        is_shared(&reply);
        assert!(reply.bytes().len() < plain.bytes().len() / 2, "{encoding}");
        assert_eq!(decode(encoding, reply.bytes()), plain.bytes(), "{encoding}");
        tags.insert(etag(&reply));
    }
    assert_eq!(tags.len(), 4, "each form has its own: {tags:?}");
    for known in &tags {
        for encoding in ["identity", "br", "gzip", "zstd"] {
            let client = client.with("if-none-match", known).with("accept-encoding", encoding);
            let reply = client.get(&address).await;
            assert_eq!((reply.status(), reply.bytes()), (304, &[] as &[u8]), "{known} {encoding}");
            assert_eq!(reply.header("content-encoding"), None);
        }
    }
    for (accepted, chosen) in [
        ("gzip, br", Some("br")),
        ("gzip;q=1, br;q=0.5", Some("gzip")),
        ("br;q=0, gzip;q=0", None),
        ("br;q=0, zstd", Some("zstd")),
        ("identity;q=1, br;q=0.1", None),
        ("deflate", None),
        ("GZIP", Some("gzip")),
        ("br;q=nonsense", None),
        ("gzip;level=9;q=1", None),
        ("", None),
    ] {
        let reply = client.with("accept-encoding", accepted).get(&address).await;
        assert_eq!(reply.header("content-encoding"), chosen, "{accepted}");
    }
}

#[tokio::test]
async fn the_cache_keeps_to_its_bytes_however_much_is_asked() {
    const ROOM: u64 = 128 * 1024;
    let app = TestApp::new().await.with(|config| config.response_cache_bytes = ROOM).await;
    let answers = app.state().answers();
    for number in 0..600 {
        let query = match number % 3 {
            0 => format!("{{ a{number}: site {{ id }} }}"),
            1 => format!("{{ a{number}: pages(first: 100) {{ nodes {{ slug title body {{ html }} }} }} }}"),
            _ => format!("{{ site {{ id }} }} #{}", "x".repeat(number * 4)),
        };
        assert_eq!(get(&app, &query).await.status(), 200);
        assert!(answers.bytes() <= ROOM, "{} bytes after {number}", answers.bytes());
    }
    assert!(!answers.is_empty());
}

#[tokio::test]
async fn many_who_ask_at_once_all_get_the_whole_answer() {
    let app = TestApp::new().await;
    let expected = get(&app.with(|config| config.response_cache_bytes = 0).await, LONG).await;
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let client = app.anonymous();
        asking.spawn(async move { client.get(&address(LONG, &[])).await });
    }
    while let Some(reply) = asking.join_next().await {
        assert_eq!(reply.expect("an answer").bytes(), expected.bytes());
    }
    assert_eq!(app.state().answers().len(), 1);
}
