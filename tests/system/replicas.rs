//! Two processes on one database.

use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    blank::{Blank, on_each_database},
    http::Client,
    ledger,
    process::{PATIENCE, Server, run},
};

const ADMIN: &str = "admin@example.org";
const PASSWORD: &str = "a password from a file";
const EDITOR: &str = "editor@example.org";

async fn start(blank: &Blank) -> Server {
    let file = blank.file("password", PASSWORD);
    Server::start(blank.serve(&["--admin-password-file", &file, "--log", "warn"])).await
}

/// Asks until the answer is yes.
async fn until<F: Future<Output = bool>>(ask: impl Fn() -> F) {
    let asking = async {
        while !ask().await {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, asking).await.expect("it happens in time");
}

async fn change(client: &Client, mutation: &str, input: Value) -> Value {
    let input_type = mutation[..1].to_uppercase() + &mutation[1..];
    let done = if mutation == "publishMany" { "documents" } else { "document" };
    let text = format!(
        "mutation($input: {input_type}Input!) {{ {mutation}(input: $input) {{
            {done} {{ id version changedAt }} errors {{ code message path }}
        }} }}"
    );
    let answer = client.run(&text, json!({ "input": input })).await;
    assert_eq!(answer.at(&format!("/data/{mutation}/errors")), &json!([]), "{}", answer.text);
    answer.at(&format!("/data/{mutation}/{done}")).clone()
}

/// A page and its text, both drafts.
async fn drafts(client: &Client, slug: &str) -> [Value; 2] {
    let page = change(client, "pageCreate", json!({ "slug": slug })).await;
    let text = json!({ "pageId": page["id"], "locale": "en", "expectedVersion": 0, "title": slug });
    let text = change(client, "pageTextSave", text).await;
    [page, text]
}

fn seen(document: &Value) -> Value {
    json!({ "id": document["id"], "expectedVersion": document["version"] })
}

/// Whether the public sees the page there.
async fn shows(client: &Client, slug: &str) -> bool {
    let query = "query($slug: Slug!) { page(slug: $slug, locale: \"en\") { title } }";
    client.run(query, json!({ "slug": slug })).await.at("/data/page").is_object()
}

on_each_database! {
    async fn what_is_published_by_one_process_is_served_by_the_other(blank: Blank) {
        let (here, there) = (start(&blank).await, start(&blank).await);
        let editor = here.anonymous().sign_in(ADMIN, PASSWORD).await;
        let [page, text] = drafts(&editor, "news").await;
        assert!(!shows(&there.anonymous(), "news").await);
        change(&editor, "publishMany", json!({ "documents": [seen(&page), seen(&text)] })).await;
        assert!(shows(&here.anonymous(), "news").await, "at once where it was published");
        until(async || shows(&there.anonymous(), "news").await).await;
        here.stop().await;
        there.stop().await;
        ledger::verify(&blank.connect().await).await;
    }

    async fn a_schedule_is_carried_out_once_and_seen_by_both_processes(blank: Blank) {
        let (here, there) = (start(&blank).await, start(&blank).await);
        let editor = here.anonymous().sign_in(ADMIN, PASSWORD).await;
        let [page, text] = drafts(&editor, "soon").await;
        change(&editor, "publishMany", json!({ "documents": [seen(&page)] })).await;
        // The server says what time it is.
        let now: DateTime<Utc> = text["changedAt"].as_str().and_then(|at| at.parse().ok()).expect("a moment");
        let at = (now + Duration::seconds(3)).format("%Y-%m-%dT%H:%M:%S%.3f").to_string();
        let mut input = seen(&text);
        input["action"] = json!("PUBLISH");
        input["at"] = json!(at);
        input["timeZone"] = json!("UTC");
        change(&editor, "schedule", input).await;
        assert!(!shows(&here.anonymous(), "soon").await, "not before its time");
        until(async || shows(&here.anonymous(), "soon").await && shows(&there.anonymous(), "soon").await).await;
        let query = "query($id: ID!) { history(id: $id) { publications { actor version publishedAt } } }";
        let answer = editor.run(query, json!({ "id": text["id"] })).await;
        let publications = answer.at("/data/history/publications").as_array().expect("publications");
        let [published] = publications.as_slice() else { panic!("exactly once: {}", answer.text) };
        assert_eq!((&published["actor"], &published["version"]), (&json!("SCHEDULE"), &json!(1)));
        let done: DateTime<Utc> = published["publishedAt"].as_str().and_then(|at| at.parse().ok()).expect("a moment");
        assert!(done >= now + Duration::seconds(3), "never early");
        here.stop().await;
        there.stop().await;
        ledger::verify(&blank.connect().await).await;
    }

    async fn whoever_is_shut_out_is_refused_by_every_process_at_once(blank: Blank) {
        let (here, there) = (start(&blank).await, start(&blank).await);
        let add = ["user", "add", EDITOR, "--role", "editor", "--password-stdin"];
        run(blank.almanac(&add), "the editor's password\n").await.ok();
        let session = here.anonymous().sign_in(EDITOR, "the editor's password").await;
        let (query, no) = ("{ documents { totalCount } }", json!({}));
        let elsewhere = there.anonymous().try_sign_in(EDITOR, "the editor's password").await;
        let elsewhere = there.anonymous().bearer(&elsewhere.text_at("/data/signIn/session/accessToken"));
        for client in [&session, &elsewhere] {
            assert!(client.run(query, no.clone()).await.number_at("/data/documents/totalCount") > 0);
        }
        run(blank.almanac(&["user", "disable", EDITOR]), "").await.ok();
        for client in [&session, &elsewhere] {
            let answer = client.run(query, no.clone()).await;
            assert_eq!(answer.text_at("/errors/0/extensions/code"), "UNAUTHENTICATED");
        }
        here.stop().await;
        there.stop().await;
    }
}
