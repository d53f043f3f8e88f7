//! Accounts, as administrators manage them: invited, changed, shut out; and the links to set a password with.

use api::delivery::feed;
use chrono::{DateTime, Duration, Utc};
use entities::{account, account_link};
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use tests::{
    ADMINISTRATOR, Client, Credentials, EDITOR, READER, Reply, STATISTICIAN, Session, TRANSLATOR, TestApp,
    on_both_databases, start,
};

/// A password of which nobody thinks.
const PASSWORD: &str = "otters whistle by the marsh";
/// And another one.
const OTHER: &str = "seven lanterns, one quiet boat";

/// Runs a mutation that takes an input of this type, and asks for its errors too.
pub(super) async fn mutate(client: &Client, field: &str, input_type: &str, input: Value, selection: &str) -> Reply {
    let document = format!(
        "mutation($input: {input_type}!) {{ {field}(input: $input) {{
            {selection} errors {{ code path ... on ValidationError {{ rule }} }}
        }} }}"
    );
    client.run(&document, json!({ "input": input })).await
}

/// Path and rule of each error in the payload.
#[track_caller]
pub(super) fn faults(reply: &Reply, field: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let path = |error: &Value| error["path"].as_array().expect("a path").iter().map(text).collect::<Vec<_>>().join(".");
    reply.user_errors(field).iter().map(|error| (path(error), text(&error["rule"]))).collect()
}

fn fault(path: &str, rule: &str) -> (String, String) {
    (path.to_owned(), rule.to_owned())
}

const ACCOUNT: &str = "account { id email role locales state lastSeenAt createdAt issuer }";

async fn invite(client: &Client, email: &str, role: &str, locales: &[&str]) -> Reply {
    let input = json!({ "email": email, "role": role, "locales": locales });
    let selection = format!("{ACCOUNT} link {{ token url expiresAt }}");
    mutate(client, "accountInvite", "AccountInviteInput", input, &selection).await
}

async fn new_link(client: &Client, id: &Value) -> Reply {
    let selection = "account { id } link { token }";
    mutate(client, "accountLinkCreate", "AccountInput", json!({ "id": id }), selection).await
}

async fn update(client: &Client, input: Value) -> Reply {
    mutate(client, "accountUpdate", "AccountUpdateInput", input, ACCOUNT).await
}

async fn disable(client: &Client, id: &Value) -> Reply {
    mutate(client, "accountDisable", "AccountInput", json!({ "id": id }), ACCOUNT).await
}

async fn enable(client: &Client, id: &Value) -> Reply {
    mutate(client, "accountEnable", "AccountInput", json!({ "id": id }), ACCOUNT).await
}

async fn set_password(app: &TestApp, token: &str, password: &str) -> Reply {
    let selection = "session { accessToken refreshToken expiresAt viewer { email role capabilities locales } }";
    let input = json!({ "token": token, "password": password });
    mutate(&app.anonymous(), "passwordSet", "PasswordSetInput", input, selection).await
}

async fn change_password(client: &Client, current: &str, new: &str) -> Reply {
    let input = json!({ "currentPassword": current, "newPassword": new });
    mutate(client, "passwordChange", "PasswordChangeInput", input, "changed").await
}

#[track_caller]
fn token(reply: &Reply, field: &str) -> String {
    reply.at(&format!("/data/{field}/link/token")).as_str().expect("a token").to_owned()
}

/// The id of an account, as an administrator sees it.
pub(super) async fn id_of(app: &TestApp, somebody: Credentials) -> Value {
    let reply = app.administrator().await.run("{ accounts { nodes { id email } } }", json!({})).await;
    let accounts = reply.at("/data/accounts/nodes").as_array().expect("accounts");
    accounts.iter().find(|account| account["email"] == somebody.email).expect("the account")["id"].clone()
}

async fn viewer_code(app: &TestApp, access_token: &str) -> String {
    app.bearer(access_token).run("{ viewer { email } }", json!({})).await.code().to_owned()
}

fn session(reply: &Reply, field: &str) -> Session {
    let text = |name: &str| reply.at(&format!("/data/{field}/session/{name}")).as_str().expect("a text").to_owned();
    Session { access_token: text("accessToken"), refresh_token: text("refreshToken"), expires_at: text("expiresAt") }
}

on_both_databases! {
    async fn accounts_are_listed_by_their_addresses_page_by_page(app: TestApp) {
        let administrator = app.administrator().await;
        let document = "query($after: String) { accounts(first: 2, after: $after) {
            totalCount pageInfo { hasNextPage endCursor } nodes { email role locales state issuer }
        } }";
        let (mut found, mut after) = (Vec::new(), Value::Null);
        loop {
            let reply = administrator.run(document, json!({ "after": after })).await;
            assert_eq!(reply.at("/data/accounts/totalCount"), 5);
            found.extend(reply.at("/data/accounts/nodes").as_array().expect("accounts").clone());
            after = reply.at("/data/accounts/pageInfo/endCursor").clone();
            if reply.at("/data/accounts/pageInfo/hasNextPage") == false {
                break;
            }
        }
        let account = |somebody: Credentials, role: &str, locales: &[&str]| {
            json!({ "email": somebody.email, "role": role, "locales": locales, "state": "ACTIVE", "issuer": null })
        };
        let expected = [
            account(ADMINISTRATOR, "ADMINISTRATOR", &[]),
            account(EDITOR, "EDITOR", &[]),
            account(READER, "READER", &[]),
            account(STATISTICIAN, "STATISTICIAN", &[]),
            account(TRANSLATOR, "TRANSLATOR", &["en"]),
        ];
        assert_eq!(found, expected);
        let foreign = administrator.run(document, json!({ "after": "AAAA" })).await;
        assert_eq!(foreign.code(), "BAD_USER_INPUT");
    }

    async fn an_invited_account_cannot_sign_in_before_it_has_set_its_password(app: TestApp) {
        let administrator = app.administrator().await;
        let reply = invite(&administrator, "New@Example.org", "TRANSLATOR", &["en", "ja"]).await;
        assert_eq!(faults(&reply, "accountInvite"), []);
        let account = reply.at("/data/accountInvite/account");
        assert_eq!((&account["email"], &account["state"]), (&json!("new@example.org"), &json!("INVITED")));
        assert_eq!((&account["role"], &account["locales"]), (&json!("TRANSLATOR"), &json!(["en", "ja"])));
        let token = token(&reply, "accountInvite");
        let url = format!("https://almanac.example.org/account-link#{token}");
        assert_eq!(reply.at("/data/accountInvite/link/url"), &json!(url));
        let ends = reply.at("/data/accountInvite/link/expiresAt").as_str().expect("a moment");
        assert_eq!(ends.parse::<DateTime<Utc>>().expect("a moment"), start() + Duration::days(7));

        for password in ["", PASSWORD] {
            assert_eq!(app.try_sign_in("new@example.org", password).await.user_codes("signIn"), ["INVALID_CREDENTIALS"]);
        }
        let set = set_password(&app, &token, PASSWORD).await;
        assert_eq!(faults(&set, "passwordSet"), []);
        let viewer = set.at("/data/passwordSet/session/viewer");
        assert_eq!((&viewer["email"], &viewer["locales"]), (&json!("new@example.org"), &json!(["en", "ja"])));
        let client = app.bearer(&session(&set, "passwordSet").access_token);
        assert_eq!(client.run("{ viewer { email } }", json!({})).await.at("/data/viewer/email"), "new@example.org");
        let signed_in = app.try_sign_in("new@example.org", PASSWORD).await;
        assert_eq!(signed_in.user_codes("signIn"), [] as [&str; 0]);
        let listed = administrator.run("{ accounts { nodes { email state lastSeenAt } } }", json!({})).await;
        let nodes = listed.at("/data/accounts/nodes").as_array().expect("accounts");
        let new = nodes.iter().find(|account| account["email"] == "new@example.org").expect("the account");
        assert_eq!(new["state"], "ACTIVE");
        assert!(new["lastSeenAt"].is_string(), "{new}");
    }

    async fn a_link_works_once(app: TestApp) {
        let invited = invite(&app.administrator().await, "new@example.org", "READER", &[]).await;
        let token = token(&invited, "accountInvite");
        assert_eq!(set_password(&app, &token, PASSWORD).await.user_codes("passwordSet"), [] as [&str; 0]);
        let again = set_password(&app, &token, OTHER).await;
        assert_eq!(again.user_codes("passwordSet"), ["LINK_ENDED"]);
        assert_eq!(app.try_sign_in("new@example.org", PASSWORD).await.user_codes("signIn"), [] as [&str; 0]);
    }

    async fn of_two_who_use_a_link_at_once_one_gets_in(app: TestApp) {
        let invited = invite(&app.administrator().await, "new@example.org", "READER", &[]).await;
        let (token, replica) = (token(&invited, "accountInvite"), app.reopen().await);
        let (one, other) = tokio::join!(set_password(&app, &token, PASSWORD), set_password(&replica, &token, OTHER));
        let mut codes = [one.user_codes("passwordSet").concat(), other.user_codes("passwordSet").concat()];
        codes.sort();
        assert_eq!(codes, ["", "LINK_ENDED"]);
    }

    async fn an_expired_an_unknown_and_a_replaced_link_have_ended(app: TestApp) {
        let invited = invite(&app.administrator().await, "new@example.org", "READER", &[]).await;
        let first = token(&invited, "accountInvite");
        let second = new_link(&app.administrator().await, invited.at("/data/accountInvite/account/id")).await;
        let second = token(&second, "accountLinkCreate");
        for ended in [first.as_str(), "unknown", ""] {
            assert_eq!(set_password(&app, ended, PASSWORD).await.user_codes("passwordSet"), ["LINK_ENDED"]);
        }
        app.clock().advance(Duration::days(7));
        assert_eq!(set_password(&app, &second, PASSWORD).await.user_codes("passwordSet"), ["LINK_ENDED"]);
    }

    async fn a_link_is_good_until_its_last_moment_and_does_not_suffer_from_a_weak_password(app: TestApp) {
        let invited = invite(&app.administrator().await, "hanako@example.org", "READER", &[]).await;
        let token = token(&invited, "accountInvite");
        for (password, rule) in [
            ("elevenchars", "PASSWORD_TOO_SHORT"),
            ("passwordpassword", "PASSWORD_TOO_WEAK"),
            ("hanako@example.org", "PASSWORD_TOO_WEAK"),
            (&"x".repeat(257), "TOO_LONG"),
        ] {
            let reply = set_password(&app, &token, password).await;
            assert_eq!(faults(&reply, "passwordSet"), [fault("input.password", rule)], "{password}");
        }
        app.clock().advance(Duration::days(7) - Duration::milliseconds(1));
        assert_eq!(set_password(&app, &token, PASSWORD).await.user_codes("passwordSet"), [] as [&str; 0]);
    }

    async fn a_link_for_a_forgotten_password_leaves_the_old_one_until_it_is_used_and_then_ends_all_sessions(app: TestApp) {
        let signed_in = app.sign_in(EDITOR).await;
        let reply = new_link(&app.administrator().await, &id_of(&app, EDITOR).await).await;
        let other = app.sign_in(EDITOR).await;
        let set = set_password(&app, &token(&reply, "accountLinkCreate"), PASSWORD).await;
        let new = session(&set, "passwordSet");
        for ended in [&signed_in, &other] {
            assert_eq!(viewer_code(&app, &ended.access_token).await, "UNAUTHENTICATED");
            assert_eq!(app.try_refresh(&ended.refresh_token).await.user_codes("refreshSession"), ["SESSION_ENDED"]);
        }
        app.refresh(&new.refresh_token).await;
        assert_eq!(app.try_sign_in(EDITOR.email, EDITOR.password).await.user_codes("signIn"), ["INVALID_CREDENTIALS"]);
    }

    async fn the_secret_of_a_link_is_nowhere_in_the_database(app: TestApp) {
        let invited = invite(&app.administrator().await.keyed("a key"), "new@example.org", "READER", &[]).await;
        let token = token(&invited, "accountInvite");
        let rows = account_link::Entity::find().all(app.state().database().reader()).await.expect("links");
        assert_eq!(rows.len(), 1);
        assert!(!format!("{rows:?}").contains(&token));
        assert_eq!(rows[0].hash, api::access::audit::sha256(token.as_bytes()));
        let again = invite(&app.administrator().await.keyed("a key"), "new@example.org", "READER", &[]).await;
        assert_eq!(again.json(), invited.json(), "a repeated request gets the same link");
    }

    async fn who_tries_too_many_links_has_to_wait(app: TestApp) {
        for _ in 0..30 {
            assert_eq!(set_password(&app, "unknown", PASSWORD).await.user_codes("passwordSet"), ["LINK_ENDED"]);
        }
        assert_eq!(set_password(&app, "unknown", PASSWORD).await.user_codes("passwordSet"), ["RATE_LIMITED"]);
        app.clock().advance(Duration::seconds(2));
        assert_eq!(set_password(&app, "unknown", PASSWORD).await.user_codes("passwordSet"), ["LINK_ENDED"]);
    }

    async fn every_fault_of_an_invitation_is_named(app: TestApp) {
        let administrator = app.administrator().await;
        let reply = invite(&administrator, EDITOR.email, "TRANSLATOR", &["en", "xx", "en"]).await;
        let expected = [
            fault("input.email", "TAKEN"),
            fault("input.locales.1", "UNKNOWN"),
            fault("input.locales.2", "DUPLICATE"),
        ];
        assert_eq!(faults(&reply, "accountInvite"), expected);
        let reply = invite(&administrator, "nobody", "READER", &["not a locale"]).await;
        assert_eq!(faults(&reply, "accountInvite"), [fault("input.email", "FORMAT"), fault("input.locales.0", "FORMAT")]);
        for (role, locales) in [("TRANSLATOR", [].as_slice()), ("EDITOR", &["en"])] {
            let reply = invite(&administrator, "new@example.org", role, locales).await;
            assert_eq!(faults(&reply, "accountInvite"), [fault("input.locales", "LOCALES_OF_ROLE")], "{role}");
        }
        let accounts = account::Entity::find().all(app.state().database().reader()).await.expect("accounts");
        assert_eq!(accounts.len(), 5, "nothing was done");
    }

    async fn an_account_is_changed_at_once_and_what_is_left_out_stays(app: TestApp) {
        let administrator = app.administrator().await;
        let translator = app.bearer(&app.sign_in(TRANSLATOR).await.access_token);
        let id = id_of(&app, TRANSLATOR).await;
        let viewer = async || {
            let reply = translator.run("{ viewer { role locales } }", json!({})).await;
            reply.at("/data/viewer").clone()
        };
        let reply = update(&administrator, json!({ "id": id, "locales": ["ja"] })).await;
        assert_eq!(reply.user_codes("accountUpdate"), [] as [&str; 0]);
        assert_eq!(viewer().await, json!({ "role": "TRANSLATOR", "locales": ["ja"] }));
        let kept = update(&administrator, json!({ "id": id, "role": "EDITOR" })).await;
        assert_eq!(faults(&kept, "accountUpdate"), [fault("input.locales", "LOCALES_OF_ROLE")]);
        let reply = update(&administrator, json!({ "id": id, "role": "EDITOR", "locales": [] })).await;
        assert_eq!(reply.user_codes("accountUpdate"), [] as [&str; 0]);
        assert_eq!(viewer().await, json!({ "role": "EDITOR", "locales": null }));
        let reply = update(&administrator, json!({ "id": id, "role": null, "locales": ["xx"] })).await;
        assert_eq!(faults(&reply, "accountUpdate"), [fault("input.role", "REQUIRED")]);
        let reply = update(&administrator, json!({ "id": "nonsense", "role": "READER" })).await;
        assert_eq!(faults(&reply, "accountUpdate"), [fault("input.id", "UNKNOWN")]);
    }

    async fn nobody_shuts_out_or_demotes_themselves_or_the_last_administrator(app: TestApp) {
        let administrator = app.administrator().await;
        let own = id_of(&app, ADMINISTRATOR).await;
        let refused = [fault("input.id", "LAST_ADMINISTRATOR")];
        let demote = |id: &Value| json!({ "id": id, "role": "READER" });
        assert_eq!(faults(&disable(&administrator, &own).await, "accountDisable"), refused);
        assert_eq!(faults(&update(&administrator, demote(&own)).await, "accountUpdate"), refused);
        let invited = invite(&administrator, "second@example.org", "ADMINISTRATOR", &[]).await;
        // Themselves, though there is another one, who has no password yet.
        assert_eq!(faults(&disable(&administrator, &own).await, "accountDisable"), refused);
        let set = set_password(&app, &token(&invited, "accountInvite"), PASSWORD).await;
        let second = app.bearer(&session(&set, "passwordSet").access_token);
        assert_eq!(faults(&update(&administrator, demote(&own)).await, "accountUpdate"), refused);
        // The other way round.
        assert_eq!(faults(&update(&second, demote(&own)).await, "accountUpdate"), []);
        assert_eq!(invite(&administrator, "x@example.org", "READER", &[]).await.user_codes("accountInvite"), ["FORBIDDEN"]);
        let id = invited.at("/data/accountInvite/account/id");
        assert_eq!(faults(&disable(&second, id).await, "accountDisable"), refused);
    }

    async fn disabling_ends_access_token_refresh_token_and_api_token_at_once_in_every_process(app: TestApp) {
        let administrator = app.administrator().await;
        let id = id_of(&app, EDITOR).await;
        assert_eq!(update(&administrator, json!({ "id": id, "role": "ADMINISTRATOR" })).await.user_codes("accountUpdate"), [] as [&str; 0]);
        let signed_in = app.sign_in(EDITOR).await;
        let input = json!({ "name": "A script", "capabilities": ["READ_DRAFTS"], "expiresAt": start() + Duration::days(1) });
        let made = mutate(&app.bearer(&signed_in.access_token), "apiTokenCreate", "ApiTokenCreateInput", input, "token").await;
        let api_token = made.at("/data/apiTokenCreate/token").as_str().expect("a token").to_owned();
        let link = token(&new_link(&administrator, &id).await, "accountLinkCreate");
        let replica = app.reopen().await;
        for app in [&app, &replica] {
            for token in [&signed_in.access_token, &api_token] {
                let reply = app.bearer(token).run("{ documents { totalCount } }", json!({})).await;
                assert!(reply.at("/data/documents/totalCount").is_u64());
            }
        }

        let disabled = disable(&administrator, &id).await;
        assert_eq!(disabled.at("/data/accountDisable/account/state"), "DISABLED");
        let drafts = replica.bearer(&api_token).run("{ documents { totalCount } }", json!({})).await;
        assert_eq!((drafts.status(), drafts.code()), (401, "UNAUTHENTICATED"), "also before the other process has heard");
        feed::look(replica.state()).await.expect("the feed can be read");
        for app in [&app, &replica] {
            let reply = app.bearer(&signed_in.access_token).run("{ documents { totalCount } }", json!({})).await;
            assert_eq!(reply.code(), "UNAUTHENTICATED");
            let reply = app.bearer(&api_token).run("{ pages { totalCount } }", json!({})).await;
            assert_eq!((reply.status(), reply.code()), (401, "UNAUTHENTICATED"));
            assert_eq!(app.try_refresh(&signed_in.refresh_token).await.user_codes("refreshSession"), ["SESSION_ENDED"]);
            assert_eq!(app.try_sign_in(EDITOR.email, EDITOR.password).await.user_codes("signIn"), ["INVALID_CREDENTIALS"]);
            assert_eq!(set_password(app, &link, PASSWORD).await.user_codes("passwordSet"), ["LINK_ENDED"]);
        }
        assert_eq!(faults(&new_link(&administrator, &id).await, "accountLinkCreate"), [fault("input.id", "ACCOUNT_DISABLED")]);

        let enabled = enable(&administrator, &id).await;
        assert_eq!(enabled.at("/data/accountEnable/account/state"), "ACTIVE");
        assert_eq!(viewer_code(&app, &signed_in.access_token).await, "UNAUTHENTICATED", "sessions stay ended");
        assert_eq!(set_password(&app, &link, PASSWORD).await.user_codes("passwordSet"), ["LINK_ENDED"], "so do links");
        assert_eq!(app.try_sign_in(EDITOR.email, EDITOR.password).await.user_codes("signIn"), [] as [&str; 0]);
        let reply = app.bearer(&api_token).run("{ documents { totalCount } }", json!({})).await;
        assert!(reply.at("/data/documents/totalCount").is_u64(), "API tokens work again");
    }

    async fn who_changes_their_password_goes_on_and_their_other_sessions_end(app: TestApp) {
        let (here, elsewhere) = (app.sign_in(EDITOR).await, app.sign_in(EDITOR).await);
        let client = app.bearer(&here.access_token);
        let wrong = change_password(&client, "not my password at all", PASSWORD).await;
        assert_eq!(wrong.user_codes("passwordChange"), ["INVALID_CREDENTIALS"]);
        let weak = change_password(&client, EDITOR.password, "passwordpassword").await;
        assert_eq!(faults(&weak, "passwordChange"), [fault("input.newPassword", "PASSWORD_TOO_WEAK")]);
        app.clock().advance(Duration::minutes(3));
        let changed = change_password(&client, EDITOR.password, PASSWORD).await;
        assert_eq!(changed.at("/data/passwordChange/changed"), true);
        assert_eq!(client.run("{ viewer { email } }", json!({})).await.at("/data/viewer/email"), EDITOR.email);
        app.refresh(&here.refresh_token).await;
        assert_eq!(viewer_code(&app, &elsewhere.access_token).await, "UNAUTHENTICATED");
        assert_eq!(app.try_refresh(&elsewhere.refresh_token).await.user_codes("refreshSession"), ["SESSION_ENDED"]);
        assert_eq!(app.try_sign_in(EDITOR.email, EDITOR.password).await.user_codes("signIn"), ["INVALID_CREDENTIALS"]);
        assert_eq!(app.try_sign_in(EDITOR.email, PASSWORD).await.user_codes("signIn"), [] as [&str; 0]);
    }

    async fn guessing_the_current_password_is_throttled_like_signing_in(app: TestApp) {
        let client = app.editor().await;
        app.clock().advance(Duration::minutes(3));
        for _ in 0..5 {
            let reply = change_password(&client, "not my password at all", PASSWORD).await;
            assert_eq!(reply.user_codes("passwordChange"), ["INVALID_CREDENTIALS"]);
        }
        let reply = change_password(&client, EDITOR.password, PASSWORD).await;
        assert_eq!(reply.user_codes("passwordChange"), ["RATE_LIMITED"]);
        // The guesses of a stolen session do not keep its owner out.
        assert_eq!(app.try_sign_in(EDITOR.email, EDITOR.password).await.user_codes("signIn"), [] as [&str; 0]);
    }

    async fn only_administrators_manage_people(app: TestApp) {
        let id = id_of(&app, READER).await;
        for somebody in [EDITOR, TRANSLATOR, STATISTICIAN, READER] {
            let client = app.bearer(&app.sign_in(somebody).await.access_token);
            assert_eq!(client.run("{ accounts { totalCount } }", json!({})).await.code(), "FORBIDDEN");
            assert_eq!(client.run("{ apiTokens { id } }", json!({})).await.code(), "FORBIDDEN");
            for (field, reply) in [
                ("accountInvite", invite(&client, "new@example.org", "READER", &[]).await),
                ("accountLinkCreate", new_link(&client, &id).await),
                ("accountUpdate", update(&client, json!({ "id": id, "role": "ADMINISTRATOR" })).await),
                ("accountDisable", disable(&client, &id).await),
                ("accountEnable", enable(&client, &id).await),
            ] {
                assert_eq!(reply.user_codes(field), ["FORBIDDEN"], "{} {field}", somebody.email);
            }
        }
        let anonymous = app.anonymous();
        assert_eq!(anonymous.run("{ accounts { totalCount } }", json!({})).await.code(), "UNAUTHENTICATED");
        assert_eq!(invite(&anonymous, "new@example.org", "READER", &[]).await.code(), "UNAUTHENTICATED");
        assert_eq!(change_password(&anonymous, EDITOR.password, PASSWORD).await.code(), "UNAUTHENTICATED");
    }
}
