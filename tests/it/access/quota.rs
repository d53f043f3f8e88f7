//! Quotas: what a request draws, who pays, and what happens to those who have used up theirs.

use chrono::Duration;
use serde_json::{Value, json};
use tests::{Backend, Client, Reply, TestApp, on_both_databases, start};

use super::people::mutate;

const SITE: &str = "{ site { name } }";
/// The same by GET, as caches in front see it.
const SITE_BY_GET: &str = "/graphql?query=%7Bsite%7Bname%7D%7D";

/// What a front end asks for to show a page with its way up and down and its neighbours in every language.
const PAGE: &str = "query($slug: Slug!, $locale: Locale!) {
    site(locale: $locale) { name locales { code name direction isDefault } }
    page(slug: $slug, locale: $locale) {
        id slug movedTo title summary description signature publishedAt
        body { html }
        requestedLocale servedLocale isFallback availableLocales
        parent { slug title parent { slug title } }
        children { id slug title summary servedLocale isFallback }
    }
}";

/// Points left and seconds to go, as the answer says.
#[track_caller]
fn left(reply: &Reply) -> (u64, u64) {
    let header =
        reply.header("ratelimit").unwrap_or_else(|| panic!("no RateLimit: {} {}", reply.status(), reply.text()));
    let numbers = header.strip_prefix("\"cost\";r=").and_then(|rest| rest.split_once(";t=")).expect("its form");
    (numbers.0.parse().expect("points"), numbers.1.parse().expect("seconds"))
}

/// What the last request drew, as a cheap one before and after tells.
async fn drawn(client: &Client, request: impl AsyncFnOnce(&Client) -> Reply) -> (Reply, u64) {
    let before = left(&client.run("{", json!({})).await).0;
    let reply = request(client).await;
    let after = left(&client.run("{", json!({})).await).0;
    (reply, before - after - 1)
}

/// Asks until the quota is used up.
async fn use_up(client: &Client) -> Reply {
    for _ in 0..1_000 {
        let reply = client.run("{ viewer { email } }", json!({})).await;
        if reply.status() != 200 {
            return reply;
        }
    }
    panic!("the quota does not end");
}

fn cost(reply: &Reply) -> u64 {
    reply.at("/extensions/cost/total").as_u64().expect("a cost")
}

async fn api_token(app: &TestApp, name: &str) -> String {
    let input = json!({ "name": name, "capabilities": ["READ_DRAFTS"], "expiresAt": start() + Duration::days(1) });
    let reply = mutate(&app.administrator().await, "apiTokenCreate", "ApiTokenCreateInput", input, "token").await;
    reply.at("/data/apiTokenCreate/token").as_str().expect("a token").to_owned()
}

on_both_databases! {
    async fn who_has_used_up_the_quota_is_told_when_to_come_back_and_is_served_then(app: TestApp) {
        let app = app.with(|config| config.rate_limit = 40).await;
        app.clock().advance(Duration::seconds(48));
        let refused = use_up(&app.anonymous()).await;
        assert_eq!((refused.status(), refused.code()), (429, "RATE_LIMITED"));
        assert_eq!(refused.at("/errors/0/message"), "the quota of this minute is used up; try again in 12 seconds");
        assert_eq!((refused.header("retry-after"), left(&refused)), (Some("12"), (0, 12)));
        assert_eq!(refused.header("cache-control"), Some("private, no-store"));
        assert!(refused.json().get("data").is_none(), "nothing was executed: {}", refused.text());

        // Whatever the media type, the method and the request.
        let body = json!({ "query": SITE });
        for accept in ["application/json", "*/*"] {
            let request = app.raw().post("/graphql").header("accept", accept).body_json(&body).send().await;
            let reply = Reply::read(request).await;
            assert_eq!((reply.status(), reply.code(), reply.header("retry-after")), (429, "RATE_LIMITED", Some("12")));
        }
        assert_eq!(app.anonymous().get(SITE_BY_GET).await.status(), 429);
        assert_eq!(app.anonymous().run("{", json!({})).await.status(), 429);
        assert_eq!(app.bearer("no token").run(SITE, json!({})).await.status(), 429);

        app.clock().advance(Duration::seconds(11));
        assert_eq!(app.anonymous().run(SITE, json!({})).await.header("retry-after"), Some("1"));
        app.clock().advance(Duration::seconds(1));
        let reply = app.anonymous().run("{ viewer { email } }", json!({})).await;
        assert_eq!((reply.status(), left(&reply)), (200, (40 - cost(&reply), 60)));
    }

    async fn a_mutation_over_the_quota_changes_nothing(app: TestApp) {
        let app = app.with(|config| config.rate_limit = 400).await;
        let editor = app.editor().await;
        use_up(&editor).await;
        let before = tests::tables::everything(&app).await;
        let input = json!({ "slug": "too-late" });
        let reply = mutate(&editor, "pageCreate", "PageCreateInput", input, "document { id }").await;
        assert_eq!((reply.status(), reply.code()), (429, "RATE_LIMITED"));
        assert_eq!(tests::tables::everything(&app).await, before);
    }

    async fn each_caller_has_a_quota_of_its_own(app: TestApp) {
        let (one, other) = (api_token(&app, "One").await, api_token(&app, "Other").await);
        let app = app.with(|config| { config.rate_limit = 300; config.trusted_proxies = 1; }).await;
        let from = |address: &str| app.anonymous().with("x-forwarded-for", address);
        let (one, other) = (app.bearer(&one), app.bearer(&other));
        let account = app.administrator().await;
        for client in [&one, &from("192.0.2.1"), &from("2001:db8:1:2::1")] {
            assert_eq!(use_up(client).await.status(), 429);
        }
        for same in [from("192.0.2.1"), from("2001:db8:1:2:ffff::1")] {
            assert_eq!(same.run(SITE, json!({})).await.status(), 429, "one network");
        }
        for client in [&other, &account, &from("192.0.2.2"), &from("2001:db8:1:3::1")] {
            assert_eq!(client.run(SITE, json!({})).await.status(), 200, "another caller");
        }
        // Whoever is signed in does not pay for their neighbours, and has one quota in all sessions and places.
        let editor = app.editor().await.with("x-forwarded-for", "192.0.2.1");
        assert_eq!(use_up(&editor).await.status(), 429);
        let elsewhere = app.sign_in(tests::EDITOR).await;
        assert_eq!(app.bearer(&elsewhere.access_token).run(SITE, json!({})).await.status(), 429);
    }

    async fn a_request_draws_what_it_costs(app: TestApp) {
        let anonymous = app.anonymous();
        let (reply, points) = drawn(&anonymous, async |client| client.run(SITE, json!({})).await).await;
        assert_eq!(points, cost(&reply));
        let (again, points) = drawn(&anonymous, async |client| client.run(SITE, json!({})).await).await;
        assert_eq!((again.text(), points), (reply.text(), 1), "it was answered before");
        let etag = anonymous.get(SITE_BY_GET).await.header("etag").expect("a tag").to_owned();
        let (known, points) = drawn(&anonymous.with("if-none-match", &etag), async |client| {
            client.get(SITE_BY_GET).await
        }).await;
        assert_eq!((known.status(), points), (304, 1));

        let sign_in = async |_: &Client| app.try_sign_in("nobody@example.org", "a wrong password").await;
        let (reply, points) = drawn(&anonymous, sign_in).await;
        assert_eq!(points, cost(&reply) + 50, "a mutation costs more than its fields");
    }

    async fn a_refused_request_draws_one_point(app: TestApp) {
        let anonymous = app.anonymous();
        let (down, up) = ("parent { children { ".repeat(6), " } }".repeat(6));
        let dear = format!("{{ pages(first: 100) {{ nodes {{ {down}slug{up} }} }} }}");
        for (document, code) in [("{ nope }", "GRAPHQL_VALIDATION_FAILED"), (&*dear, "LIMIT_EXCEEDED")] {
            let (reply, points) = drawn(&anonymous, async |client| client.run(document, json!({})).await).await;
            assert_eq!((reply.code(), points), (code, 1));
        }
        let unacceptable = async |_: &Client| {
            Reply::read(app.raw().post("/graphql").header("accept", "text/html").body_json(&json!({})).send().await).await
        };
        let bad_token = async |_: &Client| app.bearer("no token").run(SITE, json!({})).await;
        let bad_preview = async |client: &Client| client.previewing("no token").run(SITE, json!({})).await;
        for (met, status) in [
            (drawn(&anonymous, unacceptable).await, 406),
            (drawn(&anonymous, bad_token).await, 401),
            (drawn(&anonymous, bad_preview).await, 403),
        ] {
            assert_eq!((met.0.status(), met.1), (status, 1), "{}", met.0.text());
        }
    }
}

#[tokio::test]
async fn every_answer_tells_the_policy_and_only_those_that_nobody_keeps_what_is_left() {
    let app = TestApp::new().await;
    let policy = Some("\"cost\";q=2000000;w=60");
    let kept = app.anonymous().get(SITE_BY_GET).await;
    let again = app.anonymous().with("if-none-match", kept.header("etag").expect("a tag")).get(SITE_BY_GET).await;
    for reply in [&kept, &again] {
        assert!(reply.header("cache-control").is_some_and(|value| value.starts_with("public")));
        assert_eq!((reply.header("ratelimit-policy"), reply.header("ratelimit")), (policy, None));
    }
    let posted = app.anonymous().run(SITE, json!({})).await;
    let signed_in = app.editor().await.get(SITE_BY_GET).await;
    let refused = app.anonymous().run("{", json!({})).await;
    let not_acceptable = app.anonymous().with("accept", "text/html").get(SITE_BY_GET).await;
    for reply in [&posted, &signed_in, &refused, &not_acceptable] {
        assert_eq!(reply.header("ratelimit-policy"), policy);
        assert_eq!(left(reply).1, 60);
        assert_eq!(reply.header("cache-control"), Some("private, no-store"));
    }
    let policy_of = |reply: Reply| reply.header("ratelimit-policy").map(str::to_owned);
    assert_eq!(policy_of(app.anonymous().get("/healthz").await), None);
}

#[tokio::test]
async fn without_a_limit_there_is_nothing_to_tell() {
    let app = TestApp::new().await.with(|config| config.rate_limit = 0).await;
    for reply in [app.anonymous().run(SITE, json!({})).await, app.anonymous().run("{", json!({})).await] {
        assert_eq!((reply.header("ratelimit-policy"), reply.header("ratelimit")), (None, None));
    }
}

#[tokio::test]
async fn two_processes_on_postgresql_share_a_quota() {
    let Some(app) = TestApp::on(Backend::Postgres).await else { return };
    let here = app.with(|config| config.rate_limit = 100).await;
    let there = here.reopen().await;
    let share = async |app: &TestApp| api::access::quota::share(app.state()).await.expect("shared");
    let ask = async |app: &TestApp| left(&app.anonymous().run("{", json!({})).await).0;

    use_up(&here.anonymous()).await;
    assert_eq!(ask(&there).await, 99, "what was drawn here is not known there");
    share(&here).await;
    share(&there).await;
    let refused = there.anonymous().run(SITE, json!({})).await;
    assert_eq!((refused.status(), refused.code(), left(&refused).0), (429, "RATE_LIMITED", 0));

    // A new minute, each process has drawn something, and both know the sum.
    app.clock().advance(Duration::minutes(1));
    for _ in 0..10 {
        ask(&here).await;
        ask(&there).await;
    }
    share(&here).await;
    share(&there).await;
    assert_eq!(ask(&there).await, 79);
    assert_eq!(ask(&here).await, 89, "it has not heard of the other one yet");
    share(&there).await;
    share(&here).await;
    assert_eq!(ask(&here).await, 77);
    // What was told is told once.
    share(&here).await;
    share(&here).await;
    assert_eq!(ask(&here).await, 76);
    share(&here).await;

    // Neither an address nor what is long over is kept.
    app.clock().advance(Duration::minutes(5));
    ask(&here).await;
    share(&here).await;
    let rows = tests::tables::everything(&here).await;
    let rows: Vec<&String> = rows.iter().filter(|row| row.starts_with("rate_limit ")).collect();
    assert_eq!(rows.len(), 1, "{rows:?}");
}

#[tokio::test]
async fn without_its_database_a_process_counts_by_itself_and_shares_later() {
    let Some(app) = TestApp::on(Backend::Postgres).await else { return };
    let here = app.with(|config| config.rate_limit = 100).await;
    here.state().database().clone().close().await.expect("closes");
    here.anonymous().run("{", json!({})).await;
    api::access::quota::share(here.state()).await.expect_err("no database");
    assert_eq!(left(&here.anonymous().run("{", json!({})).await).0, 98);
    assert_eq!(use_up(&here.anonymous()).await.status(), 429);
}

#[tokio::test]
async fn quotas_cost_no_statement_where_there_is_one_process() {
    let app = TestApp::new().await;
    app.anonymous().run("{", json!({})).await;
    app.statements().reset();
    app.anonymous().run("{", json!({})).await;
    api::access::quota::share(app.state()).await.expect("nothing to do");
    assert_eq!(app.statements().so_far(), 0);
}

#[tokio::test]
async fn building_a_big_site_in_a_minute_stays_within_the_quota() {
    let app = TestApp::new().await;
    let ask = async |slug: &str| app.anonymous().run(PAGE, json!({ "slug": slug, "locale": "en" })).await;
    let page = ask("about-us").await;
    assert!(page.at("/data/page/children").as_array().is_some_and(|children| !children.is_empty()), "{}", page.text());
    // The cost is that of the document, whatever it finds.
    assert_eq!(cost(&page), cost(&ask("mission-and-vision").await));
    let lists = app.anonymous().run("{ pages(first: 100) { nodes { slug availableLocales } } }", json!({})).await;
    let (pages, locales) = (500, 6);
    let all = locales * (pages * cost(&page) + pages.div_ceil(100) * cost(&lists));
    let (quota, _) = left(&app.editor().await.run("{", json!({})).await);
    assert!(all < quota / 2, "{all} of {quota}: {} a page", cost(&page));
    assert_eq!(page.at("/extensions/cost/maximum"), &Value::from(100_000));
}
