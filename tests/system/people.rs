//! Accounts at the command line: every role, shut out and let in again, listed.

use serde_json::json;

use crate::{
    blank::{Blank, on_each_database},
    process::{Server, run},
};

const PASSWORD: &str = "otters whistle by the marsh\n";

on_each_database! {
    async fn every_role_can_be_added_and_is_listed_with_its_locales(blank: Blank) {
        Server::start(blank.serve(&[])).await.stop().await;
        let add = async |email: &str, rest: &[&str]| {
            let arguments = [&["user", "add", email, "--password-stdin", "--role"], rest].concat();
            run(blank.almanac(&arguments), PASSWORD).await
        };
        for role in ["administrator", "editor", "statistician", "reader"] {
            add(&format!("{role}@example.org"), &[role]).await.ok();
        }
        add("translator@example.org", &["translator", "--locale", "en", "--locale", "ja"]).await.ok();
        let none = add("nobody@example.org", &["translator"]).await.complaint();
        assert!(none.contains("locales: a translator needs at least one locale"), "{none}");
        let unknown = add("nobody@example.org", &["translator", "--locale", "xx"]).await.complaint();
        assert!(unknown.contains("locales.0: names something that does not exist"), "{unknown}");
        let weak = ["user", "add", "nobody@example.org", "--role", "reader", "--password-stdin"];
        let weak = run(blank.almanac(&weak), "passwordpassword\n").await.complaint();
        assert!(weak.contains("password: is easily guessed"), "{weak}");

        run(blank.almanac(&["user", "disable", "reader@example.org"]), "").await.ok();
        let listed = run(blank.almanac(&["user", "list"]), "").await.ok().output;
        let expected = "admin@example.org\tADMINISTRATOR\tACTIVE\t-\t-\n\
                        administrator@example.org\tADMINISTRATOR\tACTIVE\t-\t-\n\
                        editor@example.org\tEDITOR\tACTIVE\t-\t-\n\
                        reader@example.org\tREADER\tDISABLED\t-\t-\n\
                        statistician@example.org\tSTATISTICIAN\tACTIVE\t-\t-\n\
                        translator@example.org\tTRANSLATOR\tACTIVE\ten,ja\t-\n";
        assert_eq!(listed, expected);
    }

    async fn who_was_shut_out_signs_in_when_let_in_again(blank: Blank) {
        let server = Server::start(blank.serve(&[])).await;
        let add = ["user", "add", "editor@example.org", "--role", "editor", "--password-stdin"];
        run(blank.almanac(&add), PASSWORD).await.ok();
        run(blank.almanac(&["user", "disable", "editor@example.org"]), "").await.ok();
        let refused = server.anonymous().try_sign_in("editor@example.org", PASSWORD.trim_end()).await;
        assert_eq!(refused.at("/data/signIn/errors/0/code"), &json!("INVALID_CREDENTIALS"));
        run(blank.almanac(&["user", "enable", "editor@example.org"]), "").await.ok();
        server.anonymous().sign_in("editor@example.org", PASSWORD.trim_end()).await;
        server.stop().await;
        let complaint = run(blank.almanac(&["user", "enable", "nobody@example.org"]), "").await.complaint();
        assert!(complaint.contains("the account does not exist"), "{complaint}");
    }
}
