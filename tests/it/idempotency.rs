//! `Idempotency-Key`: the same request sent again takes effect once and is answered alike.

use chrono::Duration;
use entities::{AuditOutcome, idempotency_key};
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use tests::{
    Client, EDITOR, TestApp, on_both_databases,
    tables::{audit_log, everything},
};
use tokio::task::JoinSet;

mod rights;

/// The answers that are kept.
async fn kept(app: &TestApp) -> Vec<idempotency_key::Model> {
    idempotency_key::Entity::find().all(app.state().database().reader()).await.expect("the answers")
}

/// Whether there is a page with this slug, draft or not.
async fn exists(client: &Client, slug: &str) -> bool {
    let reply =
        client.run("query($slug: Slug!) { document(by: { page: $slug }) { id } }", json!({ "slug": slug })).await;
    reply.data()["document"].is_object()
}

/// A new page, as a draft.
async fn page(client: &Client, slug: &str) -> Value {
    client.done("pageCreate", json!({ "slug": slug })).await["document"].clone()
}

on_both_databases! {
    async fn a_request_sent_again_is_answered_alike_and_takes_effect_once(app: TestApp) {
        let client = app.editor().await.keyed("first");
        let log = audit_log(&app).await.len();
        let first = client.mutate("pageCreate", json!({ "slug": "once" })).await;
        assert_eq!(first.at("/data/pageCreate/document/version"), 1);
        let after = everything(&app).await;
        let second = client.mutate("pageCreate", json!({ "slug": "once" })).await;
        assert_eq!((second.status(), second.text()), (200, first.text()));
        assert_eq!(everything(&app).await, after);
        assert_eq!(audit_log(&app).await.len(), log + 1);
        // Without the key it is a new request.
        let third = app.editor().await.mutate("pageCreate", json!({ "slug": "once" })).await;
        assert_eq!(third.at("/data/pageCreate/errors/0/rule"), "TAKEN");
    }

    async fn what_was_published_by_a_request_is_published_once(app: TestApp) {
        let editor = app.editor().await;
        let document = page(&editor, "public").await;
        let input = json!({ "id": document["id"], "expectedVersion": 1 });
        let first = editor.keyed("out").mutate("publish", input.clone()).await;
        assert_eq!(first.at("/data/publish/document/state"), "PUBLISHED");
        let after = everything(&app).await;
        assert_eq!(editor.keyed("out").mutate("publish", input).await.text(), first.text());
        assert_eq!(everything(&app).await, after, "neither a publication nor a change more");
    }

    async fn the_same_request_eight_times_at_once_on_two_processes_takes_effect_once(app: TestApp) {
        let other = app.reopen().await;
        let client = app.editor().await.keyed("at once");
        let elsewhere = other.bearer(client.token().expect("a token")).keyed("at once");
        let log = audit_log(&app).await.len();
        let mut requests = JoinSet::new();
        for index in 0..8 {
            let client = if index % 2 == 0 { client.clone() } else { elsewhere.clone() };
            requests.spawn(async move { client.mutate("pageCreate", json!({ "slug": "at-once" })).await });
        }
        let replies = requests.join_all().await;
        for reply in &replies {
            assert_eq!(reply.at("/data/pageCreate/document/version"), 1);
            assert_eq!(reply.text(), replies[0].text());
        }
        assert_eq!(audit_log(&app).await.len(), log + 1);
        assert_eq!(kept(&app).await.len(), 1);
    }

    async fn an_answer_outlives_the_process(app: TestApp) {
        let client = app.editor().await.keyed("restart");
        let first = client.mutate("pageCreate", json!({ "slug": "before" })).await;
        let app = app.reopen().await;
        let after = everything(&app).await;
        let client = app.bearer(client.token().expect("a token")).keyed("restart");
        let second = client.mutate("pageCreate", json!({ "slug": "before" })).await;
        assert_eq!(second.text(), first.text());
        assert_eq!(everything(&app).await, after);
    }

    async fn another_request_with_the_key_is_refused_and_writes_nothing(app: TestApp) {
        let client = app.editor().await.keyed("used");
        let first = client.mutate("pageCreate", json!({ "slug": "one" })).await;
        let (before, log) = (everything(&app).await, audit_log(&app).await.len());
        // Other variables; another mutation by the same name, at which the first one's answer stands.
        let other = "mutation { pageCreate: staffMemberCreate(input: { slug: \"one\" }) { errors { code } } }";
        for reply in
            [client.mutate("pageCreate", json!({ "slug": "two" })).await, client.run(other, json!({})).await]
        {
            assert_eq!(reply.user_codes("pageCreate"), ["IDEMPOTENCY_KEY_REUSED"]);
        }
        assert_eq!(everything(&app).await, before);
        let log = audit_log(&app).await.split_off(log);
        let told: Vec<_> = log.iter().map(|entry| (entry.outcome, entry.code.as_deref())).collect();
        assert_eq!(told, [(AuditOutcome::Refused, Some("IDEMPOTENCY_KEY_REUSED")); 2]);
        // The first answer is still there.
        assert_eq!(client.mutate("pageCreate", json!({ "slug": "one" })).await.text(), first.text());
    }

    async fn callers_do_not_share_keys(app: TestApp) {
        let (editor, administrator) = (app.editor().await, app.administrator().await);
        let first = editor.keyed("shared").mutate("pageCreate", json!({ "slug": "ours" })).await;
        assert_eq!(first.user_codes("pageCreate"), [] as [&str; 0]);
        let second = administrator.keyed("shared").mutate("pageCreate", json!({ "slug": "ours" })).await;
        assert_eq!(second.at("/data/pageCreate/errors/0/rule"), "TAKEN", "not the other one's answer");
        let third = administrator.keyed("shared").mutate("pageCreate", json!({ "slug": "theirs" })).await;
        assert_eq!(third.user_codes("pageCreate"), ["IDEMPOTENCY_KEY_REUSED"], "but one's own is one's own");
        let nobody = app.anonymous().keyed("shared").mutate("pageCreate", json!({ "slug": "ours" })).await;
        assert_eq!(nobody.code(), "UNAUTHENTICATED");
    }

    async fn a_key_is_kept_for_a_day_and_then_free(app: TestApp) {
        let first = app.editor().await.keyed("daily").mutate("pageCreate", json!({ "slug": "today" })).await;
        app.clock().advance(Duration::hours(24) - Duration::milliseconds(1));
        let client = app.bearer(&app.sign_in(EDITOR).await.access_token).keyed("daily");
        let still = client.mutate("pageCreate", json!({ "slug": "today" })).await;
        assert_eq!(still.text(), first.text());
        app.clock().advance(Duration::milliseconds(1));
        let then = client.mutate("pageCreate", json!({ "slug": "tomorrow" })).await;
        assert_eq!(then.at("/data/pageCreate/document/key"), "PAGE/tomorrow");
        assert_eq!(kept(&app).await.len(), 1, "what is past its time is dropped");
        assert_eq!(client.mutate("pageCreate", json!({ "slug": "tomorrow" })).await.text(), then.text());
    }

    async fn a_refusal_is_repeated_even_when_it_would_be_none_by_now(app: TestApp) {
        let editor = app.editor().await;
        let document = page(&editor, "moving").await;
        let change = |version: i64| json!({ "id": document["id"], "expectedVersion": version, "position": 7 });

        let invalid = editor.keyed("invalid").mutate("pageCreate", json!({ "slug": "moving" })).await;
        assert_eq!(invalid.at("/data/pageCreate/errors/0/rule"), "TAKEN");
        let conflict = editor.keyed("conflict").mutate("pageUpdate", change(2)).await;
        assert_eq!(conflict.user_codes("pageUpdate"), ["VERSION_CONFLICT"]);
        let reader = app.bearer(&app.sign_in(tests::READER).await.access_token);
        let forbidden = reader.keyed("forbidden").mutate("pageUpdate", change(1)).await;
        assert_eq!(forbidden.user_codes("pageUpdate"), ["FORBIDDEN"]);

        // The name becomes free, and the version comes to be.
        let renamed = json!({ "id": document["id"], "expectedVersion": 1, "slug": "moved" });
        editor.done("pageUpdate", renamed).await;
        let (before, log) = (everything(&app).await, audit_log(&app).await.len());
        let again = editor.keyed("invalid").mutate("pageCreate", json!({ "slug": "moving" })).await;
        assert_eq!(again.text(), invalid.text());
        assert_eq!(editor.keyed("conflict").mutate("pageUpdate", change(2)).await.text(), conflict.text());
        assert_eq!(reader.keyed("forbidden").mutate("pageUpdate", change(1)).await.text(), forbidden.text());
        assert_eq!((everything(&app).await, audit_log(&app).await.len()), (before, log));
        // They were refused for their time only.
        editor.done("pageCreate", json!({ "slug": "moving" })).await;
        editor.done("pageUpdate", change(2)).await;
    }

    async fn each_field_of_a_document_has_its_own_answer(app: TestApp) {
        let document = "mutation {
            one: pageCreate(input: { slug: \"one\" }) { document { id } errors { code } }
            again: pageCreate(input: { slug: \"one\" }) { document { id } errors { code } }
            two: pageCreate(input: { slug: \"two\" }) { document { id } errors { code } }
        }";
        let client = app.editor().await.keyed("several");
        let first = client.run(document, json!({})).await;
        assert_eq!(first.at("/data/again/errors/0/code"), "BAD_USER_INPUT");
        assert_ne!(first.at("/data/one/document/id"), first.at("/data/two/document/id"));
        let after = everything(&app).await;
        assert_eq!(client.run(document, json!({})).await.text(), first.text());
        assert_eq!(everything(&app).await, after);
        assert_eq!(kept(&app).await.len(), 3);
    }

    async fn a_failure_at_the_top_level_is_not_kept(app: TestApp) {
        let ended = app.bearer(&app.sign_in(EDITOR).await.access_token);
        ended.done("signOut", Value::Null).await;
        let input = || json!({ "slug": "later" });
        assert_eq!(ended.keyed("top").mutate("pageCreate", input()).await.code(), "UNAUTHENTICATED");
        let editor = app.editor().await.keyed("top");
        // Not even run: the document does not fit the schema.
        let reply = editor.run("mutation { pageCreate(input: { slug: \"later\" }) { nothing } }", json!({})).await;
        assert_eq!((reply.status(), reply.code()), (400, "GRAPHQL_VALIDATION_FAILED"));
        assert!(kept(&app).await.is_empty());
        editor.done("pageCreate", input()).await;
        assert_eq!(kept(&app).await.len(), 1);
    }

    async fn a_kept_answer_can_be_read_with_its_key_only(app: TestApp) {
        let client = app.anonymous().keyed("a secret of the client");
        let input = json!({ "email": EDITOR.email, "password": EDITOR.password });
        let first = client.mutate("signIn", input.clone()).await;
        assert_eq!(client.mutate("signIn", input).await.text(), first.text(), "it is kept");
        let all = everything(&app).await;
        let answers = kept(&app).await;
        for secret in [
            first.at("/data/signIn/session/accessToken").as_str().expect("a token"),
            first.at("/data/signIn/session/refreshToken").as_str().expect("a token"),
            "a secret of the client",
            EDITOR.password,
        ] {
            assert!(!all.iter().any(|row| row.contains(secret)));
            for answer in &answers {
                let bytes = secret.as_bytes();
                assert!(!answer.answer.windows(bytes.len()).any(|window| window == bytes));
            }
        }
        // Nor anything else of the answer.
        assert!(!answers[0].answer.windows(6).any(|window| window == b"signIn" || window == b"access"));
    }

    async fn a_key_on_a_query_does_nothing(app: TestApp) {
        let client = app.editor().await.keyed("query");
        let document = "{ pages { totalCount } }";
        let first = client.run(document, json!({})).await;
        assert_eq!(first.text(), app.anonymous().run(document, json!({})).await.text());
        assert!(kept(&app).await.is_empty());
        // It is still free.
        client.done("pageCreate", json!({ "slug": "free" })).await;
        assert!(exists(&app.editor().await, "free").await);
        assert_eq!(client.run(document, json!({})).await.text(), first.text());
    }
}

#[tokio::test]
async fn a_key_that_is_none_is_refused_before_anything_is_done() {
    let app = TestApp::new().await;
    let editor = app.editor().await;
    for (what, client) in [
        ("empty", editor.keyed("")),
        ("too long", editor.keyed(&"k".repeat(256))),
        ("twice", editor.keyed("one").keyed("two")),
        ("twice the same", editor.keyed("one").keyed("one")),
        ("not ASCII", editor.keyed("clé")),
    ] {
        let reply = client.mutate("pageCreate", json!({ "slug": "never" })).await;
        assert_eq!((reply.status(), reply.code()), (400, "BAD_REQUEST"), "{what}");
        assert!(!exists(&editor, "never").await, "{what}");
    }
    editor.keyed(&"k".repeat(255)).done("pageCreate", json!({ "slug": "never" })).await;
}
