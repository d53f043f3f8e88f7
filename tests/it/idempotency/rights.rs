//! An answer is given again only to the credential that got it, and only while that credential still allows all of it; a key
//! belongs to one whole request.

use chrono::Duration;
use entities::Role;
use serde_json::{Value, json};
use tests::{Client, Credentials, EDITOR, TestApp, commands, on_both_databases, start, tables::everything};

use super::{exists, kept};

/// A token of this caller with these capabilities.
async fn token(app: &TestApp, maker: &Client, capabilities: &[&str]) -> Client {
    let input = json!({ "name": "A script", "capabilities": capabilities, "expiresAt": start() + Duration::days(1) });
    let made = maker.done("apiTokenCreate", input).await;
    app.bearer(made["token"].as_str().expect("a token"))
}

const MOVER: Credentials = Credentials { email: "mover@example.org", password: "a mover's password" };

/// Somebody with this role, and the id of their account.
async fn mover(app: &TestApp, role: Role) -> (Client, Value) {
    commands::add(app.state(), MOVER.email, role, &[], MOVER.password).await.expect("an account");
    let accounts = "{ accounts(first: 100) { nodes { id email } } }";
    let accounts = app.administrator().await.run(accounts, json!({})).await;
    let accounts = accounts.at("/data/accounts/nodes").as_array().expect("accounts").clone();
    let id = accounts.iter().find(|account| account["email"] == MOVER.email).expect("the account")["id"].clone();
    (app.bearer(&app.sign_in(MOVER).await.access_token), id)
}

on_both_databases! {
    async fn no_token_gets_the_answer_of_another_one_or_of_its_account(app: TestApp) {
        let administrator = app.administrator().await;
        let wide = token(&app, &administrator, &["MANAGE_PEOPLE", "READ_DRAFTS"]).await;
        let narrow = token(&app, &administrator, &["READ_DRAFTS"]).await;
        let alike = token(&app, &administrator, &["MANAGE_PEOPLE", "READ_DRAFTS"]).await;
        let input = json!({ "name": "Secret", "capabilities": ["READ_DRAFTS"], "expiresAt": start() + Duration::days(1) });
        let first = wide.keyed("k").mutate("apiTokenCreate", input.clone()).await;
        let secret = first.at("/data/apiTokenCreate/token").as_str().expect("a token").to_owned();
        assert_eq!(wide.keyed("k").mutate("apiTokenCreate", input.clone()).await.text(), first.text());
        let refused = narrow.keyed("k").mutate("apiTokenCreate", input.clone()).await;
        assert_eq!(refused.user_codes("apiTokenCreate"), ["FORBIDDEN"]);
        for client in [&alike, &administrator] {
            let own = client.keyed("k").mutate("apiTokenCreate", input.clone()).await;
            assert!(own.at("/data/apiTokenCreate/token").is_string() && !own.text().contains(&secret));
        }
    }

    async fn who_was_given_a_smaller_role_reads_no_answer_of_before(app: TestApp) {
        let (client, id) = mover(&app, Role::Statistician).await;
        let document = "mutation { visitCountsUpdate(input: {
            category: \"RESIDENT\", year: 2031, expectedVersion: 0, total: 271828, counts: [{ country: \"CN\", value: 31415 }]
        }) { yearSheet { version draft { total counts { value } } } errors { code } } }";
        let client = client.keyed("figures");
        let first = client.run(document, json!({})).await;
        assert!(first.text().contains("271828") && first.text().contains("31415"), "{}", first.text());
        app.administrator().await.done("accountUpdate", json!({ "id": id, "role": "READER" })).await;
        let (again, before) = (client.run(document, json!({})).await, everything(&app).await.len());
        assert_eq!(again.user_codes("visitCountsUpdate"), ["FORBIDDEN"]);
        assert!(!again.text().contains("271828") && !again.text().contains("31415"), "{}", again.text());
        assert_eq!(everything(&app).await.len(), before);
        // More than then is enough.
        app.administrator().await.done("accountUpdate", json!({ "id": id, "role": "EDITOR" })).await;
        assert_eq!(client.run(document, json!({})).await.text(), first.text());
    }

    async fn a_sign_in_is_not_answered_again_after_the_account_was_shut_out(app: TestApp) {
        mover(&app, Role::Editor).await;
        let client = app.anonymous().keyed("in");
        let input = json!({ "email": MOVER.email, "password": MOVER.password });
        let first = client.mutate("signIn", input.clone()).await;
        assert_eq!(client.mutate("signIn", input.clone()).await.text(), first.text());
        let refresh = json!({ "refreshToken": first.at("/data/signIn/session/refreshToken") });
        let refreshed = client.mutate("refreshSession", refresh.clone()).await;
        assert_eq!(refreshed.user_codes("refreshSession"), ["IDEMPOTENCY_KEY_REUSED"], "a key is for one request");
        let other = app.anonymous().keyed("on");
        let refreshed = other.mutate("refreshSession", refresh.clone()).await;
        assert_eq!(other.mutate("refreshSession", refresh.clone()).await.text(), refreshed.text());
        commands::disable(app.state(), MOVER.email).await.expect("disabled");
        let again = client.mutate("signIn", input).await;
        assert_eq!(again.user_codes("signIn"), ["INVALID_CREDENTIALS"]);
        assert_eq!(again.at("/data/signIn/session"), &Value::Null);
        let again = other.mutate("refreshSession", refresh).await;
        assert_eq!(again.user_codes("refreshSession"), ["SESSION_ENDED"]);
        assert_eq!(again.at("/data/refreshSession/session"), &Value::Null);
    }

    async fn a_link_is_not_answered_again_after_the_account_was_shut_out(app: TestApp) {
        let invited = app.administrator().await.done("accountInvite", json!({ "email": MOVER.email, "role": "READER" })).await;
        let client = app.anonymous().keyed("link");
        let input = json!({ "token": invited["link"]["token"], "password": "seven lanterns, one quiet boat" });
        let first = client.mutate("passwordSet", input.clone()).await;
        assert_eq!(first.user_codes("passwordSet"), [] as [&str; 0]);
        assert_eq!(client.mutate("passwordSet", input.clone()).await.text(), first.text());
        commands::disable(app.state(), MOVER.email).await.expect("disabled");
        assert_eq!(client.mutate("passwordSet", input).await.user_codes("passwordSet"), ["LINK_ENDED"]);
    }

    async fn a_key_is_refused_with_any_other_request_whatever_it_asks_for(app: TestApp) {
        let editor = app.editor().await;
        let client = editor.keyed("whole");
        let one = "mutation { one: pageCreate(input: { slug: \"one\" }) { document { version } errors { code } } }";
        let first = client.run(one, json!({})).await;
        assert_eq!(first.user_codes("one"), [] as [&str; 0]);
        let more = "mutation {
            one: pageCreate(input: { slug: \"one\" }) { document { version } errors { code } }
            two: pageCreate(input: { slug: \"two\" }) { document { version } errors { code } }
        }";
        let refused = client.run(more, json!({})).await;
        for field in ["one", "two"] {
            assert_eq!(refused.user_codes(field), ["IDEMPOTENCY_KEY_REUSED"], "{field}");
        }
        let other = "mutation { two: pageCreate(input: { slug: \"two\" }) { document { version } errors { code } } }";
        assert_eq!(client.run(other, json!({})).await.user_codes("two"), ["IDEMPOTENCY_KEY_REUSED"]);
        assert!(!exists(&editor, "two").await, "nothing of another request is done");
        assert_eq!(client.run(one, json!({})).await.text(), first.text());
    }

    async fn of_two_mutations_with_one_name_none_is_passed_over(app: TestApp) {
        let editor = app.editor().await;
        let document = "mutation { page: pageCreate(input: { slug: \"first\" }) { errors { code } } ...Second }
            fragment Second on Mutation { page: pageCreate(input: { slug: \"second\" }) { errors { code } } }";
        let client = editor.keyed("twins");
        let reply = client.run(document, json!({})).await;
        let done = (exists(&editor, "first").await, exists(&editor, "second").await);
        // Either it is no valid document, or both are carried out, once.
        if reply.status() == 200 {
            assert_eq!(done, (true, true), "{}", reply.text());
            let before = everything(&app).await;
            assert_eq!(client.run(document, json!({})).await.text(), reply.text());
            assert_eq!(everything(&app).await, before);
        } else {
            assert_eq!((reply.code(), done), ("GRAPHQL_VALIDATION_FAILED", (false, false)));
        }
    }

    async fn a_request_is_not_told_by_what_is_stored_of_it(app: TestApp) {
        let client = app.anonymous().keyed("a secret of the client");
        let input = json!({ "email": EDITOR.email, "password": EDITOR.password });
        client.mutate("signIn", input.clone()).await;
        let other = app.anonymous().keyed("another secret");
        other.mutate("signIn", input).await;
        let rows = kept(&app).await;
        assert_eq!(rows.len(), 2);
        assert_ne!(rows[0].request_hash, rows[1].request_hash, "the same request, hashed with another key");
    }
}
