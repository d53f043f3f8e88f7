//! People whom another identity provider vouches for: what they may do is what the token says that they send, and what they
//! made does not outlive what the provider says of them.

use api::{access::api_token::memory, delivery::feed, document::schedule::run_due};
use chrono::Duration;
use entities::audit_entry;
use sea_orm::{EntityTrait, QueryOrder, QuerySelect};
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{Client, EDITOR, TestApp, commands, on_both_databases, start};
use tokio::task::JoinSet;

use super::issuers::{Pair, Provider, with};

/// The same Almanac as a process that believes the provider; its settings are in the folder.
async fn believing(app: &TestApp, provider: &Provider) -> (TestApp, TempDir) {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("issuers.toml");
    std::fs::write(&file, provider.settings("\"EdDSA\"")).expect("a file");
    (app.with(|config| config.trusted_issuers = Some(file)).await, folder)
}

/// Claims of an editor with this address.
fn editor(subject: &str, email: &str) -> Value {
    of_nurse(subject, email, "almanac-editors")
}

/// Claims of somebody who has this role at the provider.
fn of_nurse(subject: &str, email: &str, role: &str) -> Value {
    let mut claims = with("realm_access", json!({ "roles": [role] }));
    claims["sub"] = json!(subject);
    claims["email"] = json!(email);
    claims
}

/// The nurse with this role at the provider, by a token that was issued this many seconds after the start.
fn nurse(key: &Pair, role: &str, issued: i64) -> String {
    let mut claims = of_nurse("1", "nurse@example.org", role);
    claims["iat"] = json!(start().timestamp() + issued);
    key.token(&claims)
}

const CREATE: &str = "mutation($input: PageCreateInput!) { pageCreate(input: $input) {
    document { changedBy } errors { code }
} }";
const VIEWER: &str = "{ viewer { email role } }";

on_both_databases! {
    async fn whoever_a_trusted_provider_vouches_for_works_as_what_the_provider_says(app: TestApp) {
        let key = Pair::ed25519("k");
        let provider = Provider::new(&[&key]).await;
        let (app, _folder) = believing(&app, &provider).await;
        let nurse = app.bearer(&key.token(&editor("1", "nurse@example.org")));
        let reply = nurse.run(CREATE, json!({ "input": { "slug": "by-a-nurse" } })).await;
        assert_eq!(reply.at("/data/pageCreate/document/changedBy"), "nurse@example.org", "{}", reply.text());
        let entries = audit_entry::Entity::find().order_by_desc(audit_entry::COLUMN.seq).limit(2);
        let entries = entries.all(app.state().database().reader()).await.expect("entries");
        assert_eq!([entries[0].action.as_str(), entries[1].action.as_str()], ["pageCreate", "foreignSignIn"]);
        assert!(entries[0].actor_id.is_some() && entries[0].actor_id == entries[1].actor_id);

        // The provider takes the role away: the same person, by another token.
        let mut reduced = editor("1", "nurse@example.org");
        reduced["realm_access"] = json!({ "roles": ["translators-vi"] });
        let reduced = app.bearer(&key.token(&reduced));
        assert_eq!(reduced.run(VIEWER, json!({})).await.at("/data/viewer/role"), "TRANSLATOR");
        let reply = reduced.run(CREATE, json!({ "input": { "slug": "by-a-translator" } })).await;
        assert_eq!(reply.user_codes("pageCreate"), ["FORBIDDEN"]);
    }

    async fn a_front_end_with_a_token_of_another_provider_reads_what_is_published_from_memory(app: TestApp) {
        const READ: &str = "{ pages { totalCount } staff { name } }";
        const DRAFTS: &str = "{ documents { totalCount } }";
        let key = Pair::ed25519("k");
        let provider = Provider::new(&[&key]).await;
        let (app, _folder) = believing(&app, &provider).await;
        let (replica, _other) = believing(&app, &provider).await;
        let token = key.token(&editor("1", "nurse@example.org"));
        let (nurse, elsewhere) = (app.bearer(&token), replica.bearer(&token));
        // The account is made when its owner first comes.
        assert_eq!(nurse.run(READ, json!({})).await.status(), 200);
        feed::look(replica.state()).await.expect("the feed can be read");
        for (app, client) in [(&app, &nurse), (&replica, &elsewhere)] {
            app.statements().reset();
            assert_eq!(client.run(READ, json!({})).await.data(), app.anonymous().run(READ, json!({})).await.data());
            assert_eq!(app.statements().so_far(), 0);
            assert_eq!(client.run(DRAFTS, json!({})).await.status(), 200);
        }

        // A disabled account stays out: of drafts at once, and of everything as soon as that is heard.
        commands::disable(app.state(), "nurse@example.org").await.expect("disabled");
        feed::look(app.state()).await.expect("the feed can be read");
        for document in [READ, DRAFTS] {
            assert_eq!(nurse.run(document, json!({})).await.code(), "UNAUTHENTICATED");
        }
        assert_eq!(elsewhere.run(DRAFTS, json!({})).await.code(), "UNAUTHENTICATED");
        feed::look(replica.state()).await.expect("the feed can be read");
        assert_eq!(elsewhere.run(READ, json!({})).await.code(), "UNAUTHENTICATED");
    }

    async fn who_is_not_vouched_for_is_refused_at_the_door(app: TestApp) {
        let key = Pair::ed25519("k");
        let provider = Provider::new(&[&key]).await;
        let stranger = app.bearer(&key.token(&editor("1", "nurse@example.org")));
        let reply = stranger.run(VIEWER, json!({})).await;
        assert_eq!((reply.status(), reply.code()), (401, "UNAUTHENTICATED"), "nobody trusts the provider");

        let (app, _folder) = believing(&app, &provider).await;
        let mut no_role = editor("2", "visitor@example.org");
        no_role["realm_access"] = json!({ "roles": ["visitor"] });
        let mut expired = editor("3", "late@example.org");
        expired["exp"] = json!(start().timestamp());
        let mut nowhere = editor("4", "x@example.org");
        nowhere["email"] = Value::Null;
        for (claims, expected) in [
            (no_role, (403, "FORBIDDEN")),
            (expired, (401, "UNAUTHENTICATED")),
            (nowhere, (403, "FORBIDDEN")),
            // Whoever runs the provider must not become somebody who has an account here.
            (editor("5", EDITOR.email), (403, "FORBIDDEN")),
        ] {
            let reply = app.bearer(&key.token(&claims)).run(VIEWER, json!({})).await;
            assert_eq!((reply.status(), reply.code()), expected, "{claims}");
        }
        let ours = app.sign_in(EDITOR).await;
        assert_eq!(app.bearer(&ours.access_token).run(VIEWER, json!({})).await.at("/data/viewer/email"), EDITOR.email);
    }

    async fn a_disabled_account_stays_out_whatever_its_provider_says(app: TestApp) {
        let key = Pair::ed25519("k");
        let provider = Provider::new(&[&key]).await;
        let (app, _folder) = believing(&app, &provider).await;
        let nurse = app.bearer(&key.token(&editor("1", "nurse@example.org")));
        assert_eq!(nurse.run(VIEWER, json!({})).await.at("/data/viewer/role"), "EDITOR");
        commands::disable(app.state(), "nurse@example.org").await.expect("disabled");
        let reply = nurse.run(VIEWER, json!({})).await;
        assert_eq!((reply.status(), reply.code()), (401, "UNAUTHENTICATED"));
        let signed_in = app.try_sign_in("nurse@example.org", "").await;
        assert_eq!(signed_in.user_codes("signIn"), ["INVALID_CREDENTIALS"], "there is no password to it");
    }

    async fn two_tokens_of_one_person_never_share_a_role(app: TestApp) {
        let key = Pair::ed25519("k");
        let provider = Provider::new(&[&key]).await;
        let (app, _folder) = believing(&app, &provider).await;
        let mut asking = JoinSet::new();
        for round in 0..60 {
            let (role, expected, capabilities) = match round % 3 {
                0 => ("almanac-editors", "EDITOR", 7),
                1 => ("translators-vi", "TRANSLATOR", 2),
                _ => ("almanac-administrators", "ADMINISTRATOR", 10),
            };
            // Issued at the same moment, before each other, after each other.
            let client = app.bearer(&nurse(&key, role, round % 4 - 4));
            asking.spawn(async move {
                let reply = client.run("{ viewer { role capabilities } }", json!({})).await;
                let viewer = reply.at("/data/viewer");
                assert_eq!((&viewer["role"], viewer["capabilities"].as_array().map(Vec::len)), (&json!(expected), Some(capabilities)));
            });
        }
        asking.join_all().await;
    }

    async fn who_lost_the_role_at_the_provider_loses_the_tokens_that_they_made(app: TestApp) {
        let key = Pair::ed25519("k");
        let provider = Provider::new(&[&key]).await;
        let (app, _folder) = believing(&app, &provider).await;
        let made = async |issued: i64| {
            let administrator = app.bearer(&nurse(&key, "almanac-administrators", issued));
            let input = json!({
                "name": "A script", "capabilities": ["READ_DRAFTS", "READ_AUDIT"], "expiresAt": start() + Duration::days(9)
            });
            let made = administrator.done("apiTokenCreate", input).await;
            app.bearer(made["token"].as_str().expect("a token"))
        };
        let token = made(-60).await;
        let may = async |token: &Client| {
            let reply = token.run("{ viewer { capabilities } }", json!({})).await;
            match reply.status() {
                200 => reply.at("/data/viewer/capabilities").as_array().map(Vec::len),
                _ => {
                    assert_eq!((reply.status(), reply.code()), (401, "UNAUTHENTICATED"));
                    None
                }
            }
        };
        assert_eq!(may(&token).await, Some(2));
        // Less, then nothing at all. What was said before that does not bring it back, though it is still good by itself.
        assert_eq!(app.bearer(&nurse(&key, "translators-vi", -50)).run(VIEWER, json!({})).await.status(), 200);
        assert_eq!(may(&token).await, Some(1));
        let refused = app.bearer(&nurse(&key, "visitor", -40)).run(VIEWER, json!({})).await;
        assert_eq!((refused.status(), refused.code()), (403, "FORBIDDEN"));
        assert_eq!(may(&token).await, None);
        let before = app.bearer(&nurse(&key, "almanac-administrators", -60));
        assert_eq!(before.run(VIEWER, json!({})).await.at("/data/viewer/role"), "ADMINISTRATOR");
        assert_eq!(may(&token).await, None);
        let accounts = app.administrator().await.run("{ accounts(first: 100) { nodes { email state } } }", json!({})).await;
        let listed = accounts.at("/data/accounts/nodes").as_array().expect("accounts");
        assert!(listed.contains(&json!({ "email": "nurse@example.org", "state": "UNVOUCHED" })), "{listed:?}");
        // The provider gives the role back.
        assert_eq!(app.bearer(&nurse(&key, "almanac-administrators", -30)).run(VIEWER, json!({})).await.status(), 200);
        assert_eq!(may(&token).await, Some(2));
        // Of two things that it said at the same moment, the lesser one counts.
        assert_eq!(app.bearer(&nurse(&key, "translators-vi", -30)).run(VIEWER, json!({})).await.status(), 200);
        assert_eq!(app.bearer(&nurse(&key, "almanac-administrators", -30)).run(VIEWER, json!({})).await.status(), 200);
        assert_eq!(may(&token).await, Some(1));
        // A provider that is not trusted any more vouches for nobody.
        assert_eq!(app.bearer(&nurse(&key, "almanac-administrators", -20)).run(VIEWER, json!({})).await.status(), 200);
        assert_eq!(may(&token).await, Some(2));
        let distrustful = app.with(|config| config.trusted_issuers = None).await;
        assert_eq!(may(&distrustful.bearer(token.token().expect("a token"))).await, None);
    }

    async fn who_lost_the_role_at_the_provider_publishes_nothing_any_more(app: TestApp) {
        let key = Pair::ed25519("k");
        let provider = Provider::new(&[&key]).await;
        let (app, _folder) = believing(&app, &provider).await;
        let mut outcomes = Vec::new();
        for (slug, later) in [("kept", "almanac-editors"), ("reduced", "translators-vi"), ("gone", "visitor")] {
            let issued = i64::try_from(outcomes.len()).expect("few") * 10 - 100;
            let editor = app.bearer(&nurse(&key, "almanac-editors", issued));
            let page = editor.done("pageCreate", json!({ "slug": slug })).await["document"].clone();
            let at = (app.clock().now() + Duration::minutes(1)).format("%Y-%m-%dT%H:%M:%S").to_string();
            let schedule = json!({
                "id": page["id"], "expectedVersion": 1, "action": "PUBLISH", "at": at, "timeZone": "UTC"
            });
            editor.done("schedule", schedule).await;
            app.bearer(&nurse(&key, later, issued + 5)).run(VIEWER, json!({})).await;
            app.clock().advance(Duration::minutes(1));
            assert_eq!(run_due(app.state()).await.expect("schedules are carried out"), 1);
            let found = "query($id: ID!) { document(by: { id: $id }) { state schedules { failureCode } } }";
            let editor = app.bearer(&app.sign_in(EDITOR).await.access_token);
            let found = editor.run(found, json!({ "id": page["id"] })).await.data()["document"].clone();
            outcomes.push((found["state"].clone(), found["schedules"][0]["failureCode"].clone()));
        }
        let failed = (json!("NEVER_PUBLISHED"), json!("FORBIDDEN"));
        assert_eq!(outcomes, [(json!("PUBLISHED"), Value::Null), failed.clone(), failed]);
    }

    async fn what_somebody_made_rests_when_the_provider_has_not_vouched_for_them_for_thirty_days(app: TestApp) {
        let key = Pair::ed25519("k");
        let provider = Provider::new(&[&key]).await;
        let (app, _folder) = believing(&app, &provider).await;
        let administrator = |days: i64| {
            let issued = start().timestamp() + days * 86_400;
            let mut claims = of_nurse("1", "nurse@example.org", "almanac-administrators");
            (claims["iat"], claims["nbf"], claims["exp"]) = (json!(issued), json!(issued), json!(issued + 3_600));
            app.bearer(&key.token(&claims))
        };
        let ends = start() + Duration::days(200);
        let input = json!({ "name": "A script", "capabilities": ["READ_DRAFTS"], "expiresAt": ends });
        let made = administrator(0).done("apiTokenCreate", input).await;
        let token = app.bearer(made["token"].as_str().expect("a token"));
        let works = async || token.run("{ documents { totalCount } }", json!({})).await.status() == 200;
        // Seen again after twenty days, which is written down beside the requests.
        app.clock().advance(Duration::days(20));
        assert!(works().await);
        assert_eq!(administrator(20).run(VIEWER, json!({})).await.status(), 200);
        memory::write_uses(app.state()).await.expect("written");
        app.clock().advance(Duration::days(30) - Duration::milliseconds(1));
        assert!(works().await);
        app.clock().advance(Duration::milliseconds(1));
        assert!(!works().await);
        assert_eq!(administrator(50).run(VIEWER, json!({})).await.at("/data/viewer/role"), "ADMINISTRATOR");
        assert!(works().await);
    }
}
