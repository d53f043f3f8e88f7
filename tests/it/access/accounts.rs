//! Accounts, as the command line manages them.

use api::error::{Code, Error};
use entities::{Role, Rule};
use serde_json::json;
use tests::{ADMINISTRATOR, EDITOR, TestApp, commands, on_both_databases};

async fn create(app: &TestApp, address: &str, password: &str) -> Result<(), Error> {
    commands::add(app.state(), address, Role::Editor, &[], password).await
}

#[track_caller]
fn assert_breaks(result: Result<(), Error>, field: &str, rule: &Rule) {
    match result {
        Err(Error::Invalid(faults)) => {
            assert_eq!(faults.len(), 1);
            assert_eq!((faults[0].path.as_slice(), &faults[0].rule), ([field.to_owned()].as_slice(), rule));
        }
        other => panic!("{other:?}"),
    }
}

on_both_databases! {
    async fn a_new_account_may_sign_in(app: TestApp) {
        create(&app, "New@Example.org", "a new password").await.expect("an account");
        let reply = app.try_sign_in("new@example.org", "a new password").await;
        assert_eq!(reply.at("/data/signIn/session/viewer"), &json!({ "email": "new@example.org", "role": "EDITOR" }));
    }

    async fn an_address_has_one_account(app: TestApp) {
        assert_breaks(create(&app, "EDITOR@example.org", "a new password").await, "email", &Rule::Taken);
        let reply = app.try_sign_in(EDITOR.email, EDITOR.password).await;
        assert_eq!(reply.user_codes("signIn"), [] as [&str; 0], "the one that there is stays as it is");
    }

    async fn a_password_has_12_to_256_characters(app: TestApp) {
        let set = async |password: &str| commands::set_password(app.state(), EDITOR.email, password).await;
        for short in ["", "elevenchars", "十一文字のパスワード"] {
            let rule = Rule::PasswordTooShort { min: 12 };
            assert_breaks(create(&app, "new@example.org", short).await, "password", &rule);
            assert_breaks(set(short).await, "password", &rule);
        }
        let long = "x".repeat(257);
        assert_breaks(create(&app, "new@example.org", &long).await, "password", &Rule::TooLong { max: 256 });
        assert_breaks(set(&long).await, "password", &Rule::TooLong { max: 256 });
        assert_eq!(app.try_sign_in(EDITOR.email, EDITOR.password).await.user_codes("signIn"), [] as [&str; 0]);

        let longest: String = "十二文字のパスワードです。".chars().cycle().take(256).collect();
        for password in ["twelve chars", "十二文字のパスワードです。", &longest] {
            set(password).await.expect("a password");
            let reply = app.try_sign_in(EDITOR.email, password).await;
            assert_eq!(reply.user_codes("signIn"), [] as [&str; 0], "{password}");
        }
        let more = app.try_sign_in(EDITOR.email, &format!("{longest}語")).await;
        assert_eq!(more.user_codes("signIn"), ["INVALID_CREDENTIALS"], "nothing is cut off");
    }

    async fn the_first_account_is_made_once(app: TestApp) {
        let filled = api::setup::fill(app.state()).await.expect("nothing to do");
        assert!(filled.is_none(), "a second start changes nothing");
        let reply = app.try_sign_in(ADMINISTRATOR.email, ADMINISTRATOR.password).await;
        assert_eq!(reply.at("/data/signIn/session/viewer/role"), "ADMINISTRATOR");
    }

    async fn an_account_that_is_not_there_cannot_be_changed(app: TestApp) {
        let nobody = "nobody@example.org";
        let disabled = commands::disable(app.state(), nobody).await;
        assert_eq!(disabled.map_err(|error| error.code()), Err(Code::NotFound));
        let set = commands::set_password(app.state(), nobody, "another password").await;
        assert_eq!(set.map_err(|error| error.code()), Err(Code::NotFound));
    }
}
