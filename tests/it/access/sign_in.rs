//! Signing in, and what keeps strangers from trying for long.

use chrono::Duration;
use serde_json::{Value, json};
use tests::{ADMINISTRATOR, EDITOR, Reply, TestApp, commands, on_both_databases};

/// Tries to sign in through proxies that say this.
async fn try_sign_in_from(app: &TestApp, forwarded_for: &str, email: &str, password: &str) -> Reply {
    try_sign_in_on(app, forwarded_for, email, password, None).await
}

/// Tries to sign in through proxies that say this, on a device that has this token.
async fn try_sign_in_on(
    app: &TestApp,
    forwarded_for: &str,
    email: &str,
    password: &str,
    device_token: Option<&str>,
) -> Reply {
    let document = "mutation($input: SignInInput!) { signIn(input: $input) {
        session { accessToken refreshToken deviceToken } errors { code }
    } }";
    let input = json!({ "email": email, "password": password, "deviceToken": device_token });
    let body = json!({ "query": document, "variables": { "input": input } });
    let client = app.raw();
    let request = client.post("/graphql").header("x-forwarded-for", forwarded_for).body_json(&body);
    Reply::read(request.send().await).await
}

/// Uses up what one network may try: 30 attempts, of which 5 get as far as a password.
async fn exhaust_network(app: &TestApp, forwarded_for: impl Fn(usize) -> String) {
    for attempt in 0..30 {
        let reply = try_sign_in_from(app, &forwarded_for(attempt), "victim@example.org", "a wrong password").await;
        let expected = if attempt < 5 { "INVALID_CREDENTIALS" } else { "RATE_LIMITED" };
        assert_eq!(reply.user_codes("signIn"), [expected], "attempt {attempt}");
    }
}

on_both_databases! {
    async fn the_right_password_opens_a_session_for_its_account(app: TestApp) {
        for (credentials, role) in [(EDITOR, "EDITOR"), (ADMINISTRATOR, "ADMINISTRATOR")] {
            let reply = app.try_sign_in(credentials.email, credentials.password).await;
            assert_eq!(reply.user_errors("signIn"), [] as [Value; 0]);
            let viewer = json!({ "email": credentials.email, "role": role });
            assert_eq!(reply.at("/data/signIn/session/viewer"), &viewer);
            let token = reply.at("/data/signIn/session/accessToken").as_str().expect("a token");
            let reply = app.bearer(token).run("{ viewer { email role } }", json!({})).await;
            assert_eq!(reply.at("/data/viewer"), &viewer);
        }
        let nobody = app.anonymous().run("{ viewer { email } }", json!({})).await;
        assert_eq!(nobody.data(), &json!({ "viewer": null }));
    }

    async fn a_wrong_password_an_unknown_address_and_a_disabled_account_look_alike(app: TestApp) {
        commands::disable(app.state(), ADMINISTRATOR.email).await.expect("disabled");
        let long = "x".repeat(10_000);
        let replies = [
            app.try_sign_in(EDITOR.email, "a wrong password").await,
            app.try_sign_in(EDITOR.email, "").await,
            app.try_sign_in(EDITOR.email, &long).await,
            app.try_sign_in(EDITOR.email, &format!("{} ", EDITOR.password)).await,
            app.try_sign_in("nobody@example.org", EDITOR.password).await,
            app.try_sign_in(ADMINISTRATOR.email, ADMINISTRATOR.password).await,
        ];
        for reply in &replies {
            assert_eq!(reply.user_codes("signIn"), ["INVALID_CREDENTIALS"]);
            assert_eq!((reply.status(), reply.text()), (200, replies[0].text()));
        }
        assert_eq!(replies[0].at("/data/signIn/session"), &Value::Null);
    }

    async fn an_address_is_one_address_however_it_is_written(app: TestApp) {
        for email in ["EDITOR@EXAMPLE.ORG", "Editor@Example.Org", "  editor@example.org "] {
            let reply = app.try_sign_in(email, EDITOR.password).await;
            assert_eq!(reply.at("/data/signIn/session/viewer/email"), EDITOR.email, "{email}");
        }
        // They also count as one: these were three of five attempts.
        for email in ["EDITOR@example.org", "editor@EXAMPLE.org"] {
            let reply = app.try_sign_in(email, "a wrong password").await;
            assert_eq!(reply.user_codes("signIn"), ["INVALID_CREDENTIALS"]);
        }
        assert_eq!(app.try_sign_in(EDITOR.email, EDITOR.password).await.user_codes("signIn"), ["RATE_LIMITED"]);
    }

    async fn five_attempts_are_enough_and_time_gives_one_back(app: TestApp) {
        for email in [EDITOR.email, "nobody@example.org"] {
            for _ in 0..5 {
                let reply = app.try_sign_in(email, "a wrong password").await;
                assert_eq!(reply.user_codes("signIn"), ["INVALID_CREDENTIALS"]);
            }
        }
        let known = app.try_sign_in(EDITOR.email, EDITOR.password).await;
        let unknown = app.try_sign_in("nobody@example.org", EDITOR.password).await;
        assert_eq!(known.user_codes("signIn"), ["RATE_LIMITED"], "even with the right password");
        assert_eq!(known.text(), unknown.text(), "an unknown account counts like a known one");
        let other = app.try_sign_in(ADMINISTRATOR.email, ADMINISTRATOR.password).await;
        assert_eq!(other.user_errors("signIn"), [] as [Value; 0], "another account is not affected");

        app.clock().advance(Duration::seconds(29));
        assert_eq!(app.try_sign_in(EDITOR.email, EDITOR.password).await.user_codes("signIn"), ["RATE_LIMITED"]);
        app.clock().advance(Duration::seconds(1));
        assert_eq!(app.try_sign_in(EDITOR.email, EDITOR.password).await.user_errors("signIn"), [] as [Value; 0]);
        assert_eq!(app.try_sign_in(EDITOR.email, EDITOR.password).await.user_codes("signIn"), ["RATE_LIMITED"]);
    }
}

#[tokio::test]
async fn the_message_says_how_long_to_wait() {
    let app = TestApp::new().await;
    for _ in 0..5 {
        app.try_sign_in("nobody@example.org", "a wrong password").await;
    }
    let reply = app.try_sign_in("nobody@example.org", "a wrong password").await;
    assert_eq!(reply.at("/data/signIn/errors/0/message"), "too many attempts; try again in 30 seconds");
}

#[tokio::test]
async fn what_is_no_address_is_a_mistake_of_the_form_and_no_attempt() {
    let app = TestApp::new().await;
    for email in ["", "editor", "editor@", "@example.org", "a@b@c", "a b@example.org"] {
        for _ in 0..6 {
            let reply = app.try_sign_in(email, EDITOR.password).await;
            assert_eq!(reply.user_codes("signIn"), ["BAD_USER_INPUT"], "{email}");
            assert_eq!(reply.at("/data/signIn/errors/0/path"), &json!(["input", "email"]));
        }
    }
}

#[tokio::test]
async fn what_a_client_says_about_its_address_is_ignored() {
    let app = TestApp::new().await;
    exhaust_network(&app, |attempt| format!("192.0.2.{attempt}")).await;
    let reply = try_sign_in_from(&app, "198.51.100.1", EDITOR.email, EDITOR.password).await;
    assert_eq!(reply.user_codes("signIn"), ["RATE_LIMITED"]);
}

#[tokio::test]
async fn what_a_trusted_proxy_says_about_the_address_counts_and_nothing_left_of_it() {
    let app = TestApp::new().await.with(|config| config.trusted_proxies = 1).await;
    // The client made up everything but the last.
    exhaust_network(&app, |attempt| format!("198.51.100.{attempt}, 203.0.113.9,192.0.2.1")).await;
    let same = try_sign_in_from(&app, "198.51.100.99, 192.0.2.1", EDITOR.email, EDITOR.password).await;
    assert_eq!(same.user_codes("signIn"), ["RATE_LIMITED"]);
    let other = try_sign_in_from(&app, "192.0.2.1, 192.0.2.2", EDITOR.email, EDITOR.password).await;
    assert_eq!(other.user_codes("signIn"), [] as [&str; 0]);
}

#[tokio::test]
async fn with_two_proxies_the_address_before_the_last_counts() {
    let app = TestApp::new().await.with(|config| config.trusted_proxies = 2).await;
    exhaust_network(&app, |attempt| format!("198.51.100.{attempt}, 192.0.2.1, 10.0.0.{attempt}")).await;
    let same = try_sign_in_from(&app, "192.0.2.1, 10.0.0.200", EDITOR.email, EDITOR.password).await;
    assert_eq!(same.user_codes("signIn"), ["RATE_LIMITED"]);
    let other = try_sign_in_from(&app, "192.0.2.2, 10.0.0.1", EDITOR.email, EDITOR.password).await;
    assert_eq!(other.user_codes("signIn"), [] as [&str; 0]);
}

#[tokio::test]
async fn addresses_of_one_ipv6_network_count_as_one() {
    let app = TestApp::new().await.with(|config| config.trusted_proxies = 1).await;
    exhaust_network(&app, |attempt| format!("2001:db8:1:2::{attempt:x}")).await;
    let same = try_sign_in_from(&app, "2001:db8:1:2:ffff::1", EDITOR.email, EDITOR.password).await;
    assert_eq!(same.user_codes("signIn"), ["RATE_LIMITED"]);
    let other = try_sign_in_from(&app, "2001:db8:1:3::1", EDITOR.email, EDITOR.password).await;
    assert_eq!(other.user_codes("signIn"), [] as [&str; 0]);
}

#[tokio::test]
async fn strangers_never_keep_an_account_out_from_another_network() {
    let app = TestApp::new().await.with(|config| config.trusted_proxies = 1).await;
    for attempt in 0..40 {
        try_sign_in_from(&app, "198.51.100.7", ADMINISTRATOR.email, "a wrong password").await;
        let network = format!("203.0.113.{attempt}");
        let reply = try_sign_in_from(&app, &network, ADMINISTRATOR.email, "a wrong password").await;
        assert_eq!(reply.user_codes("signIn"), ["INVALID_CREDENTIALS"], "the first attempt from {network}");
    }
    let reply = try_sign_in_from(&app, "192.0.2.1", ADMINISTRATOR.email, ADMINISTRATOR.password).await;
    assert_eq!(reply.user_codes("signIn"), [] as [&str; 0]);
}

#[tokio::test]
async fn strangers_on_the_same_network_never_keep_a_known_device_out() {
    let app = TestApp::new().await;
    let known = try_sign_in_from(&app, "", ADMINISTRATOR.email, ADMINISTRATOR.password).await;
    let token = known.at("/data/signIn/session/deviceToken").as_str().expect("a token").to_owned();
    for _ in 0..40 {
        try_sign_in_from(&app, "", ADMINISTRATOR.email, "a wrong password").await;
    }
    let unknown = try_sign_in_from(&app, "", ADMINISTRATOR.email, ADMINISTRATOR.password).await;
    assert_eq!(unknown.user_codes("signIn"), ["RATE_LIMITED"]);
    let known = try_sign_in_on(&app, "", ADMINISTRATOR.email, ADMINISTRATOR.password, Some(&token)).await;
    assert_eq!(known.user_codes("signIn"), [] as [&str; 0]);
}

#[tokio::test]
async fn a_device_token_buys_no_more_attempts_than_a_network_and_is_worth_nothing_for_another_account() {
    let app = TestApp::new().await;
    let known = try_sign_in_from(&app, "", EDITOR.email, EDITOR.password).await;
    let token = known.at("/data/signIn/session/deviceToken").as_str().expect("a token").to_owned();
    for attempt in 0..7 {
        let reply = try_sign_in_on(&app, "", EDITOR.email, "a wrong password", Some(&token)).await;
        let expected = if attempt < 5 { "INVALID_CREDENTIALS" } else { "RATE_LIMITED" };
        assert_eq!(reply.user_codes("signIn"), [expected], "attempt {attempt}");
    }
    for other in ["", "no token", token.as_str()] {
        let reply = try_sign_in_on(&app, "", ADMINISTRATOR.email, "a wrong password", Some(other)).await;
        assert_eq!(reply.user_codes("signIn"), ["INVALID_CREDENTIALS"], "counted by network");
    }
    for _ in 0..2 {
        try_sign_in_on(&app, "", ADMINISTRATOR.email, "a wrong password", Some(&token)).await;
    }
    let reply = try_sign_in_on(&app, "", ADMINISTRATOR.email, ADMINISTRATOR.password, Some(&token)).await;
    assert_eq!(reply.user_codes("signIn"), ["RATE_LIMITED"]);
}

#[tokio::test]
async fn a_device_token_opens_nothing_and_an_access_token_is_no_device_token() {
    let app = TestApp::new().await;
    let known = try_sign_in_from(&app, "", EDITOR.email, EDITOR.password).await;
    let device = known.at("/data/signIn/session/deviceToken").as_str().expect("a token").to_owned();
    let access = known.at("/data/signIn/session/accessToken").as_str().expect("a token").to_owned();
    assert_eq!(app.bearer(&device).run("{ viewer { email } }", json!({})).await.status(), 401);
    for _ in 0..5 {
        try_sign_in_from(&app, "", EDITOR.email, "a wrong password").await;
    }
    let reply = try_sign_in_on(&app, "", EDITOR.email, EDITOR.password, Some(&access)).await;
    assert_eq!(reply.user_codes("signIn"), ["RATE_LIMITED"]);
}
