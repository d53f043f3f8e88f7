//! Documents that are asked for by name: trusted ones, and those that clients register by themselves.

use api::{access::audit::sha256, delivery::feed};
use chrono::Duration;
use serde_json::{Value, json};
use tests::{ADMINISTRATOR, EDITOR, Reply, TestApp, commands, on_both_databases, start};

const GRAPHQL: &str = "application/graphql-response+json";
const JSON: &str = "application/json";

const MENU: &str = "query Menu($locale: Locale) { site(locale: $locale) { name } }";
const TWO: &str = "query A { a: locales { code } } query B { b: locales { code } }";
const SIGN_OUT: &str = "mutation { signOut { signedOut } }";

/// An app that trusts [`MENU`], [`TWO`] and [`SIGN_OUT`].
async fn trusting(app: &TestApp) {
    let documents = [("menu", MENU), ("two", TWO), ("sign-out", SIGN_OUT)];
    commands::trust(app.state(), &documents).await.expect("documents");
}

async fn post(app: &TestApp, media_type: &str, body: &Value) -> Reply {
    Reply::read(app.raw().post("/graphql").header("accept", media_type).body_json(body).send().await).await
}

async fn get(app: &TestApp, parameters: &[(&str, &str)]) -> Reply {
    let client = app.raw();
    let request = client.get("/graphql").header("accept", GRAPHQL);
    Reply::read(parameters.iter().fold(request, |request, (name, value)| request.query(*name, value)).send().await)
        .await
}

/// The extensions of an automatic persisted query.
fn persisted(hash: &str) -> Value {
    json!({ "persistedQuery": { "version": 1, "sha256Hash": hash } })
}

/// Asks by nothing but the hash of a document.
async fn by_hash(app: &TestApp, document: &str) -> Reply {
    app.anonymous().post(&json!({ "extensions": persisted(&sha256(document.as_bytes())) })).await
}

/// Sends a document with its hash.
async fn register(app: &TestApp, document: &str) -> Reply {
    let body = json!({ "query": document, "extensions": persisted(&sha256(document.as_bytes())) });
    app.anonymous().post(&body).await
}

#[track_caller]
fn assert_refused(reply: &Reply, status: u16, code: &str) {
    assert_eq!((reply.status(), reply.code()), (status, code), "{}", reply.text());
    assert!(reply.json().get("data").is_none(), "{}", reply.text());
}

on_both_databases! {
    async fn a_trusted_document_runs_by_its_id(app: TestApp) {
        trusting(&app).await;
        let hash = sha256(MENU.as_bytes());
        for id in ["menu", &format!("sha256:{hash}")] {
            let body = json!({ "documentId": id, "variables": { "locale": "en" } });
            let over_post = post(&app, GRAPHQL, &body).await;
            let over_get = get(&app, &[("documentId", id), ("variables", "{\"locale\":\"en\"}")]).await;
            assert_eq!(over_post.data(), over_get.data());
            assert_eq!(over_post.data(), app.anonymous().run(MENU, json!({ "locale": "en" })).await.data());
        }
        let chosen = get(&app, &[("documentId", "two"), ("operationName", "B")]).await;
        assert!(chosen.data().get("b").is_some(), "{}", chosen.text());
        assert_refused(&get(&app, &[("documentId", "two")]).await, 400, "OPERATION_RESOLUTION_FAILURE");
    }

    async fn another_process_follows_what_is_trusted(app: TestApp) {
        let replica = app.reopen().await;
        let ask = async || replica.anonymous().post(&json!({ "documentId": "menu" })).await;
        assert_eq!(ask().await.code(), "DOCUMENT_NOT_FOUND");
        trusting(&app).await;
        // A change of something else comes after it, and hides nothing.
        commands::rotate_key(app.state()).await.expect("rotates");
        feed::look(replica.state()).await.expect("a look");
        // What anybody may ask for by its text is answered by name only as long as the name is there.
        assert!(replica.anonymous().run(MENU, json!({})).await.at("/data/site/name").is_string());
        assert!(ask().await.at("/data/site/name").is_string());
        commands::distrust(app.state(), &["menu"]).await.expect("no document");
        feed::look(replica.state()).await.expect("a look");
        assert_eq!(ask().await.code(), "DOCUMENT_NOT_FOUND");
        assert!(replica.anonymous().post(&json!({ "documentId": "two", "operationName": "A" })).await.data().is_object());
        let restarted = app.reopen().await;
        assert_eq!(restarted.anonymous().post(&json!({ "documentId": "menu" })).await.code(), "DOCUMENT_NOT_FOUND");
    }

    async fn asking_by_name_reads_no_database(app: TestApp) {
        trusting(&app).await;
        register(&app, "{ locales { name } }").await;
        app.statements().reset();
        assert!(app.anonymous().post(&json!({ "documentId": "menu" })).await.at("/data/site/name").is_string());
        assert!(by_hash(&app, "{ locales { name } }").await.at("/data/locales/0/name").is_string());
        assert_eq!(app.statements().so_far(), 0);
    }
}

#[tokio::test]
async fn an_unknown_id_is_not_found_or_for_older_clients_200() {
    let app = TestApp::new().await;
    for id in ["unknown", "sha256:0", "x-unknown:id"] {
        assert_refused(&post(&app, GRAPHQL, &json!({ "documentId": id })).await, 404, "DOCUMENT_NOT_FOUND");
        assert_refused(&post(&app, JSON, &json!({ "documentId": id })).await, 200, "DOCUMENT_NOT_FOUND");
        assert_refused(&get(&app, &[("documentId", id)]).await, 404, "DOCUMENT_NOT_FOUND");
    }
}

#[tokio::test]
async fn a_request_names_one_document_in_one_way() {
    let app = TestApp::new().await;
    trusting(&app).await;
    for body in [
        json!({ "documentId": "menu", "query": MENU }),
        json!({ "documentId": "menu", "extensions": persisted("menu") }),
        json!({ "documentId": 1 }),
        json!({ "documentId": "" }),
        json!({ "extensions": { "persistedQuery": { "version": 2, "sha256Hash": "menu" } } }),
        json!({ "extensions": { "persistedQuery": "menu" } }),
    ] {
        for media_type in [GRAPHQL, JSON] {
            assert_refused(&post(&app, media_type, &body).await, 400, "BAD_REQUEST");
        }
    }
    assert_refused(&get(&app, &[("documentId", "menu"), ("query", MENU)]).await, 400, "BAD_REQUEST");
    assert_refused(&get(&app, &[("documentId", "menu"), ("documentId", "menu")]).await, 400, "BAD_REQUEST");
}

#[tokio::test]
async fn a_mutation_that_is_asked_for_by_name_runs_over_post_only() {
    let app = TestApp::new().await;
    trusting(&app).await;
    let reply = get(&app, &[("documentId", "sign-out")]).await;
    assert_refused(&reply, 405, "METHOD_NOT_ALLOWED");
    assert_eq!(reply.header("allow"), Some("POST"));
    let done = app.editor().await.post(&json!({ "documentId": "sign-out" })).await;
    assert_eq!(done.at("/data/signOut/signedOut"), true);
}

#[tokio::test]
async fn the_same_idempotency_key_knows_two_documents_apart() {
    let app = TestApp::new().await;
    let cut = "mutation($input: PageCreateInput!) { pageCreate(input: $input) { document { id } errors { code } } }";
    commands::trust(app.state(), &[("page", cut)]).await.expect("a document");
    let editor = app.editor().await.keyed("a key");
    let body = |slug: &str| json!({ "documentId": "page", "variables": { "input": { "slug": slug } } });
    let first = editor.post(&body("news")).await;
    assert!(first.at("/data/pageCreate/document/id").is_string(), "{}", first.text());
    assert_eq!(editor.post(&body("news")).await.text(), first.text());
    assert_eq!(
        editor.run(cut, json!({ "input": { "slug": "news" } })).await.text(),
        first.text(),
        "however it is named"
    );
    assert_eq!(editor.post(&body("more")).await.user_codes("pageCreate"), ["IDEMPOTENCY_KEY_REUSED"]);
}

#[tokio::test]
async fn a_client_registers_a_document_by_its_hash() {
    let app = TestApp::new().await;
    let document = "{ locales { code } }";
    let unknown = by_hash(&app, document).await;
    assert_refused(&unknown, 404, "PERSISTED_QUERY_NOT_FOUND");
    assert_eq!(unknown.at("/errors/0/message"), "PersistedQueryNotFound", "clients look for these words");
    let hash = sha256(document.as_bytes());
    assert_refused(
        &post(&app, JSON, &json!({ "extensions": persisted(&hash) })).await,
        200,
        "PERSISTED_QUERY_NOT_FOUND",
    );

    assert!(register(&app, document).await.at("/data/locales/0/code").is_string());
    assert!(by_hash(&app, document).await.at("/data/locales/0/code").is_string());
    let over_get = get(&app, &[("extensions", &persisted(&hash).to_string())]).await;
    assert!(over_get.at("/data/locales/0/code").is_string(), "{}", over_get.text());
    assert_refused(&app.anonymous().post(&json!({ "documentId": hash })).await, 404, "DOCUMENT_NOT_FOUND");
}

#[tokio::test]
async fn a_hash_that_is_not_the_document_s_own_is_refused_and_remembers_nothing() {
    let app = TestApp::new().await;
    let (document, other) = ("{ locales { code } }", "{ site { name } }");
    for hash in [sha256(other.as_bytes()), sha256(document.as_bytes()).to_uppercase()] {
        for media_type in [GRAPHQL, JSON] {
            let body = json!({ "query": document, "extensions": persisted(&hash) });
            assert_refused(&post(&app, media_type, &body).await, 400, "PERSISTED_QUERY_HASH_MISMATCH");
        }
        let by_hash = app.anonymous().post(&json!({ "extensions": persisted(&hash) })).await;
        assert_eq!(by_hash.code(), "PERSISTED_QUERY_NOT_FOUND");
    }
    assert_eq!(by_hash(&app, document).await.code(), "PERSISTED_QUERY_NOT_FOUND");
}

#[tokio::test]
async fn what_is_not_valid_is_refused_as_ever_and_never_remembered() {
    let app = TestApp::new().await;
    let deep = format!("{{ page(slug: \"a\") {}", "{ parent ".repeat(16) + "{ slug }" + &"}".repeat(17));
    for (document, code) in [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ nope }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ page(slug: 1) { slug } }", "BAD_USER_INPUT"),
        ("query($n: [Nope!] = [1]) { nodes(ids: $n) { id } }", "GRAPHQL_VALIDATION_FAILED"),
        ("query($unused: Int) { locales { code } }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ locales { code } } fragment Unused on Site { name }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { signOut { signedOut } }", "GRAPHQL_VALIDATION_FAILED"),
        (&deep, "LIMIT_EXCEEDED"),
    ] {
        let reply = register(&app, document).await;
        assert_refused(&reply, 400, code);
        assert_eq!(reply.text(), app.anonymous().run(document, json!({})).await.text(), "as without a hash");
        assert_eq!(by_hash(&app, document).await.code(), "PERSISTED_QUERY_NOT_FOUND", "{document}");
    }
}

#[tokio::test]
async fn a_document_is_valid_whatever_its_variables_are_this_time() {
    let app = TestApp::new().await;
    for document in [
        "query($first: Int) { pages(first: $first) { nodes { slug } } }",
        "query($first: Int!) { pages(first: $first) { nodes { slug } } }",
        "query($first: Int = 5) { pages(first: $first) { nodes { slug } } }",
        "query($ids: [ID!]!) { nodes(ids: $ids) { id } }",
        "query($slug: Slug!, $locale: Locale) { page(slug: $slug, locale: $locale) { title } }",
        "query($filter: PageFilter) { pages(filter: $filter) { totalCount } }",
        "query($parent: Slug!) { pages(filter: { parent: $parent }) { totalCount } }",
        "query($more: Boolean!) { site { name } locales @include(if: $more) { code } }",
        "query($first: Int!, $ids: [ID!]!) { ...F } fragment F on Query { pages(first: $first) { totalCount } ...G } \
         fragment G on Query { nodes(ids: $ids) { id } }",
        "query Idle($slug: Slug!) { page(slug: $slug) { slug } } query Anonymous { site { name } }",
        "mutation($input: SignInInput!) { signIn(input: $input) { errors { code } } }",
    ] {
        let variables = json!({ "first": "no number", "ids": 1, "slug": [], "more": "perhaps" });
        let body = json!({
            "query": document, "variables": variables, "extensions": persisted(&sha256(document.as_bytes()))
        });
        app.anonymous().post(&body).await;
        let remembered = by_hash(&app, document).await;
        let known = remembered.errors().iter().all(|e| e["extensions"]["code"] != "PERSISTED_QUERY_NOT_FOUND");
        assert!(known, "{document}: {}", remembered.text());
    }
    // Nothing of it was carried out to find that out.
    let mutation = "mutation { signOut { signedOut } }";
    let editor = app.editor().await;
    let body =
        json!({ "query": mutation, "operationName": "Unknown", "extensions": persisted(&sha256(mutation.as_bytes())) });
    assert_refused(&editor.post(&body).await, 400, "OPERATION_RESOLUTION_FAILURE");
    assert!(editor.run("{ viewer { email } }", json!({})).await.at("/data/viewer").is_object(), "still signed in");
}

#[tokio::test]
async fn a_trusted_document_is_known_to_clients_that_send_hashes() {
    let app = TestApp::new().await;
    trusting(&app).await;
    for hash in ["menu".to_owned(), sha256(MENU.as_bytes())] {
        let reply = app.anonymous().post(&json!({ "extensions": persisted(&hash) })).await;
        assert!(reply.at("/data/site/name").is_string(), "{}", reply.text());
    }
}

/// A process of the same app that lets the public run trusted documents only.
async fn strict(app: &TestApp) -> TestApp {
    trusting(app).await;
    app.with(|config| config.trusted_documents_only = true).await
}

#[tokio::test]
async fn the_public_of_a_strict_server_runs_trusted_documents_only() {
    let app = strict(&TestApp::new().await).await;
    let public = app.anonymous();
    for body in [
        json!({ "documentId": "menu" }),
        json!({ "query": MENU }),
        json!({ "query": MENU, "extensions": persisted(&sha256(MENU.as_bytes())) }),
        json!({ "extensions": persisted(&sha256(MENU.as_bytes())) }),
        json!({ "extensions": persisted("menu") }),
    ] {
        let reply = public.post(&body).await;
        assert!(reply.at("/data/site/name").is_string(), "{body}: {}", reply.text());
    }
    let locales = "{ locales { code } }";
    for body in [
        json!({ "query": locales }),
        json!({ "query": format!("{MENU} ") }),
        json!({ "query": "{ __schema { queryType { name } } }" }),
        json!({ "query": "{ __typename }" }),
        json!({ "query": "{" }),
        json!({ "query": "{".repeat(100_000) }),
        json!({ "query": SIGN_OUT.replace("signOut", "signOut2") }),
        json!({ "query": locales, "extensions": persisted(&sha256(locales.as_bytes())) }),
        json!({ "extensions": persisted(&sha256(locales.as_bytes())) }),
    ] {
        for media_type in [GRAPHQL, JSON] {
            assert_refused(&post(&app, media_type, &body).await, 403, "DOCUMENT_NOT_TRUSTED");
        }
    }
    assert_refused(&get(&app, &[("query", locales)]).await, 403, "DOCUMENT_NOT_TRUSTED");
    assert_refused(&public.post(&json!({ "documentId": "unknown" })).await, 404, "DOCUMENT_NOT_FOUND");
    // A preview is for the same front end.
    let preview = public.previewing("no token").run(locales, json!({})).await;
    assert_eq!(preview.code(), "PREVIEW_ENDED");
}

#[tokio::test]
async fn whoever_is_signed_in_to_a_strict_server_runs_what_they_like() {
    let app = strict(&TestApp::new().await).await;
    let administrator = app.administrator().await;
    let document = "{ locales { code } }";
    let input = json!({
        "name": "A script", "capabilities": ["READ_DRAFTS"], "expiresAt": start() + Duration::days(1)
    });
    let create = "mutation($input: ApiTokenCreateInput!) { apiTokenCreate(input: $input) { token errors { code } } }";
    let created = administrator.run(create, json!({ "input": input })).await;
    let token = created.at("/data/apiTokenCreate/token").as_str().expect("a token");
    let hash = sha256(document.as_bytes());
    for client in [app.editor().await, administrator, app.bearer(token)] {
        assert!(client.run(document, json!({})).await.at("/data/locales").is_array());
        assert!(client.run("{ __schema { queryType { name } } }", json!({})).await.data().is_object());
        let registered = client.post(&json!({ "query": document, "extensions": persisted(&hash) })).await;
        assert!(registered.at("/data/locales").is_array());
        assert!(client.post(&json!({ "extensions": persisted(&hash) })).await.at("/data/locales").is_array());
    }
    assert_refused(&by_hash(&app, document).await, 403, "DOCUMENT_NOT_TRUSTED");
    let bad = app.bearer("nonsense").run(MENU, json!({})).await;
    assert_refused(&bad, 401, "UNAUTHENTICATED");
}

#[tokio::test]
async fn a_strict_server_lets_people_sign_in_and_nothing_beside_it() {
    let app = strict(&TestApp::new().await).await;
    let session = app.sign_in(EDITOR).await;
    app.refresh(&session.refresh_token).await;
    let refused = app.try_sign_in(ADMINISTRATOR.email, "a wrong password").await;
    assert_eq!(refused.user_codes("signIn"), ["INVALID_CREDENTIALS"]);
    let set =
        "mutation { passwordSet(input: { token: \"unknown\", password: \"a new password\" }) { errors { code } } }";
    assert_eq!(app.anonymous().run(set, json!({})).await.user_codes("passwordSet"), ["LINK_ENDED"]);
    for more in [
        "mutation { refreshSession(input: { refreshToken: \"a\" }) { errors { code } } signOut { signedOut } }",
        "mutation A { refreshSession(input: { refreshToken: \"a\" }) { errors { code } } } query B { site { name } }",
        "mutation { ...F } fragment F on Mutation { signOut { signedOut } }",
    ] {
        let body = json!({ "query": more, "operationName": null });
        assert_refused(&app.anonymous().post(&body).await, 403, "DOCUMENT_NOT_TRUSTED");
    }
}
