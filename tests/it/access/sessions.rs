//! Sessions: refresh tokens work once, and everything that ends a session ends it at once.

use chrono::Duration;
use entities::{account as accounts, audit_entry, refresh_token, session as sessions};
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use tests::{ADMINISTRATOR, EDITOR, Session, TestApp, commands, on_both_databases};
use tokio::task::JoinSet;

const UPDATE: &str = "mutation($input: VisitCountsUpdateInput!) { visitCountsUpdate(input: $input) {
    yearSheet { version } errors { code }
} }";

/// Whether the access token opens neither `viewer` nor a write, nor the refresh token a next session.
async fn assert_ended(app: &TestApp, session: &Session) {
    let client = app.bearer(&session.access_token);
    let viewer = client.run("{ viewer { email } }", json!({})).await;
    assert_eq!((viewer.code(), viewer.at("/data/viewer")), ("UNAUTHENTICATED", &Value::Null));
    let input = json!({ "category": "TRAVEL", "year": 2050, "expectedVersion": 0, "total": 1 });
    let write = client.run(UPDATE, json!({ "input": input })).await;
    assert_eq!((write.code(), write.at("/data")), ("UNAUTHENTICATED", &Value::Null));
    let refreshed = app.try_refresh(&session.refresh_token).await;
    assert_eq!(refreshed.user_codes("refreshSession"), ["SESSION_ENDED"]);
    assert_eq!(refreshed.at("/data/refreshSession/session"), &Value::Null);
}

async fn assert_live(app: &TestApp, session: &Session) {
    let viewer = app.bearer(&session.access_token).run("{ viewer { email } }", json!({})).await;
    assert!(viewer.data()["viewer"]["email"].is_string());
}

async fn sign_out(app: &TestApp, session: &Session) {
    let reply =
        app.bearer(&session.access_token).run("mutation { signOut { signedOut errors { code } } }", json!({})).await;
    assert_eq!(reply.data(), &json!({ "signOut": { "signedOut": true, "errors": [] } }));
}

on_both_databases! {
    async fn a_refresh_gives_the_next_pair_and_leaves_the_access_token_alone(app: TestApp) {
        let first = app.sign_in(EDITOR).await;
        app.clock().advance(Duration::minutes(9));
        let second = app.refresh(&first.refresh_token).await;
        assert_ne!(first.refresh_token, second.refresh_token);
        assert_live(&app, &first).await;
        app.clock().advance(Duration::minutes(9));
        assert_live(&app, &second).await;
        let third = app.refresh(&second.refresh_token).await;
        assert_live(&app, &third).await;
    }

    async fn a_refresh_token_that_comes_twice_ends_its_family_and_no_other(app: TestApp) {
        let first = app.sign_in(EDITOR).await;
        let elsewhere = app.sign_in(EDITOR).await;
        let second = app.refresh(&first.refresh_token).await;
        let third = app.refresh(&second.refresh_token).await;
        app.clock().advance(Duration::seconds(10));
        let again = app.try_refresh(&first.refresh_token).await;
        assert_eq!(again.user_codes("refreshSession"), ["SESSION_ENDED"]);
        for session in [&first, &second, &third] {
            assert_ended(&app, session).await;
        }
        assert_live(&app, &elsewhere).await;
    }

    async fn two_tabs_may_refresh_at_once_and_both_stay_signed_in(app: TestApp) {
        let session = app.sign_in(EDITOR).await;
        let replica = app.reopen().await;
        let token = &session.refresh_token;
        let (one, other) = tokio::join!(app.refresh(token), replica.refresh(token));
        assert_ne!(one.refresh_token, other.refresh_token);
        app.clock().advance(Duration::milliseconds(9_999));
        for session in [&one, &other] {
            assert_live(&app, session).await;
        }
        for session in [&one, &other] {
            assert_live(&app, &app.refresh(&session.refresh_token).await).await;
        }
    }

    async fn an_answer_that_got_lost_is_asked_for_once_more_until_ten_seconds_have_passed(app: TestApp) {
        let session = app.sign_in(EDITOR).await;
        app.refresh(&session.refresh_token).await;
        app.clock().advance(Duration::milliseconds(9_999));
        let again = app.refresh(&session.refresh_token).await;
        app.clock().advance(Duration::milliseconds(1));
        assert_live(&app, &app.refresh(&again.refresh_token).await).await;
        assert_eq!(app.try_refresh(&session.refresh_token).await.user_codes("refreshSession"), ["SESSION_ENDED"]);
        assert_ended(&app, &again).await;
    }

    async fn of_twenty_that_refresh_at_once_two_go_on_and_no_more_ever_after(app: TestApp) {
        let session = app.sign_in(EDITOR).await;
        let replica = app.reopen().await;
        let mut tokens = vec![session.refresh_token.clone()];
        for round in 0..3 {
            let mut asking = JoinSet::new();
            for index in 0..20 {
                let input = json!({ "refreshToken": tokens[index % tokens.len()] });
                let client = if index % 3 == 0 { app.anonymous() } else { replica.anonymous() };
                asking.spawn(async move { client.mutate("refreshSession", input).await });
            }
            let (mut next, mut refused) = (Vec::new(), 0);
            for reply in asking.join_all().await {
                match reply.data()["refreshSession"]["session"]["refreshToken"].as_str() {
                    Some(token) => next.push(token.to_owned()),
                    None => {
                        assert_eq!(reply.user_codes("refreshSession"), ["SESSION_ENDED"]);
                        refused += 1;
                    }
                }
            }
            assert_eq!((next.len(), refused), (2, 18), "round {round}");
            assert_ne!(next[0], next[1]);
            tokens = next;
        }
        assert_live(&app, &session).await;
    }

    async fn of_two_forks_one_goes_on_and_the_other_one_found_later_ends_the_session(app: TestApp) {
        let session = app.sign_in(EDITOR).await;
        let owner = app.refresh(&session.refresh_token).await;
        let thief = app.refresh(&session.refresh_token).await;
        app.clock().advance(Duration::minutes(5));
        let owner = app.refresh(&owner.refresh_token).await;
        app.clock().advance(Duration::seconds(10));
        assert_live(&app, &owner).await;
        assert_eq!(app.try_refresh(&thief.refresh_token).await.user_codes("refreshSession"), ["SESSION_ENDED"]);
        assert_ended(&app, &owner).await;
    }

    async fn a_refresh_token_that_nobody_handed_out_opens_nothing(app: TestApp) {
        let session = app.sign_in(EDITOR).await;
        let rows = refresh_token::Entity::find().all(app.state().database().reader()).await.expect("rows");
        for token in ["", "x", session.access_token.as_str(), rows[0].hash.as_str(), "' OR ''='"] {
            assert_eq!(app.try_refresh(token).await.user_codes("refreshSession"), ["SESSION_ENDED"], "{token}");
        }
        assert_live(&app, &session).await;
    }

    async fn signing_out_ends_the_session_at_once_and_no_other(app: TestApp) {
        let first = app.sign_in(EDITOR).await;
        let second = app.refresh(&first.refresh_token).await;
        let elsewhere = app.sign_in(EDITOR).await;
        sign_out(&app, &first).await;
        assert_ended(&app, &first).await;
        assert_ended(&app, &second).await;
        assert_ended(&app.reopen().await, &second).await;
        assert_live(&app, &elsewhere).await;
    }

    async fn a_session_ends_after_its_days_however_often_it_is_refreshed(app: TestApp) {
        let app = app.with(|config| config.session_days = 2).await;
        let mut session = app.sign_in(EDITOR).await;
        for _ in 0..8 {
            app.clock().advance(Duration::hours(5));
            session = app.refresh(&session.refresh_token).await;
        }
        app.clock().advance(Duration::hours(8) - Duration::milliseconds(1));
        session = app.refresh(&session.refresh_token).await;
        assert_live(&app, &session).await;
        app.clock().advance(Duration::milliseconds(1));
        assert_ended(&app, &session).await;
        let again = app.sign_in(EDITOR).await;
        assert_live(&app, &again).await;
    }

    async fn disabling_an_account_ends_its_sessions_at_once(app: TestApp) {
        let sessions = [app.sign_in(EDITOR).await, app.sign_in(EDITOR).await];
        let other = app.sign_in(ADMINISTRATOR).await;
        let replica = app.reopen().await;
        commands::disable(app.state(), EDITOR.email).await.expect("disabled");
        for session in &sessions {
            assert_ended(&app, session).await;
            assert_ended(&replica, session).await;
        }
        assert_live(&app, &other).await;
    }

    async fn a_new_password_ends_the_sessions_of_the_old_one_at_once(app: TestApp) {
        let session = app.sign_in(EDITOR).await;
        let other = app.sign_in(ADMINISTRATOR).await;
        commands::set_password(app.state(), EDITOR.email, "another password").await.expect("a password");
        assert_ended(&app, &session).await;
        assert_live(&app, &other).await;
        let old = app.try_sign_in(EDITOR.email, EDITOR.password).await;
        assert_eq!(old.user_codes("signIn"), ["INVALID_CREDENTIALS"]);
        let new = app.try_sign_in(EDITOR.email, "another password").await;
        assert_eq!(new.user_codes("signIn"), [] as [&str; 0]);
    }

    async fn no_row_holds_a_token_or_a_password(app: TestApp) {
        let first = app.sign_in(EDITOR).await;
        let second = app.refresh(&first.refresh_token).await;
        app.try_sign_in(EDITOR.email, "a password that is wrong").await;
        let database = app.state().database().reader();
        let tokens = refresh_token::Entity::find().all(database).await.expect("rows");
        assert_eq!(tokens.len(), 2);
        let accounts = accounts::Entity::find().all(database).await.expect("rows");
        let argon2id = |hash: &str| hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$");
        assert!(accounts.iter().all(|account| account.password_hash.as_deref().is_some_and(argon2id)));
        let rows = format!(
            "{tokens:?} {accounts:?} {:?} {:?}",
            sessions::Entity::find().all(database).await.expect("rows"),
            audit_entry::Entity::find().all(database).await.expect("rows"),
        );
        for session in [&first, &second] {
            assert!(!rows.contains(&session.refresh_token) && !rows.contains(&session.access_token));
        }
        for password in [EDITOR.password, ADMINISTRATOR.password, "a password that is wrong"] {
            assert!(!rows.contains(password));
        }
        assert!(rows.contains(EDITOR.email), "the rows are those that would hold them");
    }
}
