//! The audit log, as those read it who may.

use chrono::Duration;
use entities::audit_entry;
use sea_orm::{EntityTrait, PaginatorTrait};
use serde_json::{Value, json};
use tests::{ADMINISTRATOR, EDITOR, READER, Reply, STATISTICIAN, TRANSLATOR, TestApp, on_both_databases, start};

const LOG: &str = "query($first: Int, $after: String, $filter: AuditFilter) {
    auditLog(first: $first, after: $after, filter: $filter) {
        pageInfo { hasNextPage hasPreviousPage endCursor }
        nodes { seq at actorKind actor apiTokenId action outcome code documentId version targetId requestId network hash }
    }
}";

const UPDATE: &str = "mutation($input: VisitCountsUpdateInput!) { visitCountsUpdate(input: $input) {
    yearSheet { version } errors { code }
} }";

const SIGN_IN: &str = "mutation($input: SignInInput!) { signIn(input: $input) { errors { code } } }";

async fn log(app: &TestApp, filter: Value) -> Vec<Value> {
    let reply = app.administrator().await.run(LOG, json!({ "first": 100, "filter": filter })).await;
    reply.at("/data/auditLog/nodes").as_array().expect("entries").clone()
}

async fn count(app: &TestApp) -> u64 {
    audit_entry::Entity::find().count(app.state().database().reader()).await.expect("a number")
}

on_both_databases! {
    async fn the_log_is_read_backwards_page_by_page_while_it_grows(app: TestApp) {
        app.sign_in(EDITOR).await;
        let administrator = app.administrator().await;
        let total = count(&app).await;
        let (mut seqs, mut after) = (Vec::new(), Value::Null);
        loop {
            let reply = administrator.run(LOG, json!({ "first": 2, "after": after })).await;
            let nodes = reply.at("/data/auditLog/nodes").as_array().expect("entries");
            seqs.extend(nodes.iter().map(|node| node["seq"].as_u64().expect("a number")));
            after = reply.at("/data/auditLog/pageInfo/endCursor").clone();
            if reply.at("/data/auditLog/pageInfo/hasNextPage") == false {
                break;
            }
            app.sign_in(READER).await;
        }
        assert_eq!(seqs, (1..=total).rev().collect::<Vec<_>>());
        let foreign = administrator.run("{ accounts(first: 1) { pageInfo { endCursor } } }", json!({})).await;
        let foreign = foreign.at("/data/accounts/pageInfo/endCursor");
        let reply = administrator.run(LOG, json!({ "first": -1, "after": foreign })).await;
        assert_eq!(reply.code(), "BAD_USER_INPUT");
        assert_eq!(reply.at("/errors/0/extensions/faults").as_array().map(Vec::len), Some(2));
    }

    async fn refused_attempts_are_in_the_log_with_actor_network_request_id_and_code(app: TestApp) {
        let app = app.with(|config| config.trusted_proxies = 1).await;
        let reader = app.sign_in(READER).await.access_token;
        let client = app.raw();
        let input = json!({ "category": "TRAVEL", "year": 2050, "expectedVersion": 0, "total": 1 });
        let request = client.post("/graphql").header("x-forwarded-for", "192.0.2.77").header("x-request-id", "refused-1");
        let request = request.header("authorization", format!("Bearer {reader}"));
        let response = request.body_json(&json!({ "query": UPDATE, "variables": { "input": input } })).send().await;
        assert_eq!(Reply::read(response).await.user_codes("visitCountsUpdate"), ["FORBIDDEN"]);
        let request = client.post("/graphql").header("x-forwarded-for", "2001:db8:1:2::3").header("x-request-id", "refused-2");
        let input = json!({ "email": EDITOR.email, "password": "a wrong password" });
        request.body_json(&json!({ "query": SIGN_IN, "variables": { "input": input } })).send().await;

        let refused = log(&app, json!({ "outcome": "REFUSED" })).await;
        let shown = |entry: &Value| {
            ["actorKind", "actor", "action", "code", "requestId", "network"].map(|name| entry[name].clone())
        };
        let expected = [
            [json!("ANONYMOUS"), Value::Null, json!("signIn"), json!("INVALID_CREDENTIALS"), json!("refused-2"), json!("2001:db8:1::/48")],
            [json!("ACCOUNT"), json!(READER.email), json!("visitCountsUpdate"), json!("FORBIDDEN"), json!("refused-1"), json!("192.0.2.0/24")],
        ];
        assert_eq!(refused.iter().map(shown).collect::<Vec<_>>(), expected);
    }

    async fn throttled_and_nameless_attempts_do_not_make_the_log_grow_without_bound(app: TestApp) {
        let before = count(&app).await;
        for _ in 0..200 {
            app.try_sign_in(EDITOR.email, "a wrong password").await;
        }
        let after_sign_in = count(&app).await;
        assert!(after_sign_in - before <= 35, "{}", after_sign_in - before);
        app.clock().advance(Duration::hours(1));
        for _ in 0..100 {
            assert_eq!(app.try_refresh("unknown").await.user_codes("refreshSession"), ["SESSION_ENDED"]);
        }
        assert_eq!(count(&app).await - after_sign_in, 30);
    }

    async fn the_log_is_filtered_by_actor_action_outcome_time_and_document(app: TestApp) {
        let editor = app.editor().await;
        app.clock().advance(Duration::minutes(1));
        let update = async |year: i32| {
            let input = json!({ "category": "TRAVEL", "year": year, "expectedVersion": 0, "total": 1 });
            editor.run(UPDATE, json!({ "input": input })).await
        };
        assert_eq!(update(2050).await.user_codes("visitCountsUpdate"), [] as [&str; 0]);
        app.clock().advance(Duration::minutes(1));
        assert_eq!(update(2018).await.user_codes("visitCountsUpdate"), ["VERSION_CONFLICT"]);
        let actions = async |filter: Value| -> Vec<(String, String)> {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let entries = log(&app, filter).await;
            entries.iter().map(|entry| (text(&entry["action"]), text(&entry["outcome"]))).collect()
        };
        let entry = |action: &str, outcome: &str| (action.to_owned(), outcome.to_owned());
        let (done, refused) = (entry("visitCountsUpdate", "DONE"), entry("visitCountsUpdate", "REFUSED"));
        let by_actor = actions(json!({ "actor": "Editor@example.org" })).await;
        assert_eq!(by_actor, [refused.clone(), done.clone(), entry("signIn", "DONE")]);
        assert_eq!(actions(json!({ "action": "visitCountsUpdate", "outcome": "DONE" })).await, std::slice::from_ref(&done));
        let minute = |minutes: i64| start() + Duration::minutes(minutes);
        assert_eq!(actions(json!({ "since": minute(1), "until": minute(2), "actor": EDITOR.email })).await, std::slice::from_ref(&done));
        assert_eq!(actions(json!({ "since": minute(2), "actor": EDITOR.email })).await, [refused]);
        let about = log(&app, json!({ "action": "visitCountsUpdate", "outcome": "DONE" })).await[0]["documentId"].clone();
        assert_eq!(actions(json!({ "documentId": about })).await, [done]);

        let filter = json!({ "actor": "nobody@example.org", "since": minute(2), "until": minute(1), "documentId": "x" });
        let reply = app.administrator().await.run(LOG, json!({ "filter": filter })).await;
        let faults = reply.at("/errors/0/extensions/faults").as_array().expect("faults");
        let paths: Vec<String> = faults.iter().map(|fault| fault["path"].to_string()).collect();
        assert_eq!(paths, [r#"["filter","actor"]"#, r#"["filter","since"]"#, r#"["filter","documentId"]"#]);
    }

    async fn only_those_who_may_read_the_log(app: TestApp) {
        let before = count(&app).await;
        assert_eq!(app.anonymous().run(LOG, json!({})).await.code(), "UNAUTHENTICATED");
        for somebody in [EDITOR, TRANSLATOR, STATISTICIAN, READER] {
            let client = app.bearer(&app.sign_in(somebody).await.access_token);
            let filter = json!({ "actor": "nobody@example.org" });
            assert_eq!(client.run(LOG, json!({ "filter": filter })).await.code(), "FORBIDDEN", "{}", somebody.email);
        }
        let administrator = app.administrator().await;
        assert_eq!(log(&app, json!({ "actor": ADMINISTRATOR.email })).await.len(), 1);
        administrator.run(LOG, json!({})).await;
        assert_eq!(count(&app).await, before + 5, "reading leaves no entry; each signing in did");
    }

    async fn an_entry_about_an_account_or_a_token_names_it_refused_or_not(app: TestApp) {
        let administrator = app.administrator().await;
        let invite = json!({ "email": "new@example.org", "role": "READER" });
        let account = administrator.done("accountInvite", invite).await["account"]["id"].clone();
        administrator.done("accountUpdate", json!({ "id": account, "role": "EDITOR" })).await;
        administrator.done("accountLinkCreate", json!({ "id": account })).await;
        administrator.done("accountDisable", json!({ "id": account })).await;
        let refused = administrator.mutate("accountLinkCreate", json!({ "id": account })).await;
        assert_eq!(refused.user_codes("accountLinkCreate"), ["BAD_USER_INPUT"]);
        administrator.done("accountEnable", json!({ "id": account })).await;
        let token = json!({ "name": "A script", "capabilities": ["READ_DRAFTS"], "expiresAt": start() + Duration::days(1) });
        let token = administrator.done("apiTokenCreate", token).await["apiToken"]["id"].clone();
        administrator.done("apiTokenRevoke", json!({ "id": token })).await;
        let entries = log(&app, json!({ "actor": ADMINISTRATOR.email })).await;
        let about = |id: &Value| -> Vec<(String, String)> {
            let mut found: Vec<_> = entries.iter().filter(|entry| entry["targetId"] == *id).collect();
            found.reverse();
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            found.into_iter().map(|entry| (text(&entry["action"]), text(&entry["outcome"]))).collect()
        };
        let expected = [
            ("accountInvite", "DONE"),
            ("accountUpdate", "DONE"),
            ("accountLinkCreate", "DONE"),
            ("accountDisable", "DONE"),
            ("accountLinkCreate", "REFUSED"),
            ("accountEnable", "DONE"),
        ];
        assert_eq!(about(&account), expected.map(|(action, outcome)| (action.to_owned(), outcome.to_owned())));
        let expected = ["apiTokenCreate", "apiTokenRevoke"].map(|action| (action.to_owned(), "DONE".to_owned()));
        assert_eq!(about(&token), expected);
    }

    async fn a_dry_run_and_a_conflict_over_hidden_figures_are_recorded_with_every_sheet(app: TestApp) {
        let administrator = app.administrator().await;
        let site = "{ document(by: { site: true }) { id version } }";
        let site = administrator.run(site, json!({})).await.data()["document"].clone();
        let policy = json!({ "expectedVersion": site["version"], "disclosure": { "method": "SUPPRESS", "threshold": 10 } });
        let saved = administrator.done("siteSave", policy).await["document"].clone();
        administrator.done("publish", json!({ "id": saved["id"], "expectedVersion": saved["version"] })).await;
        let statistician = app.bearer(&app.sign_in(STATISTICIAN).await.access_token);
        let sheet = |category: &str, version: i64| json!({ "category": category, "year": 2022, "expectedVersion": version });
        let sheets = [sheet("TRAVEL", 1), sheet("RESIDENT", 1)];
        let readings = async || {
            let mine = json!({ "actor": STATISTICIAN.email, "action": "confidentialReading" });
            let mut read: Vec<_> = log(&app, mine).await.into_iter().map(|entry| entry["documentId"].clone()).collect();
            read.sort_by_key(Value::to_string);
            read.dedup();
            read.len()
        };
        assert_eq!(readings().await, 0);
        statistician.done("visitCountsBulkUpdate", json!({ "sheets": sheets, "dryRun": true })).await;
        assert_eq!(readings().await, 2, "a dry run writes nothing, and tells all the same");
        let late = json!({ "category": "TRAVEL", "year": 2021, "expectedVersion": 7, "total": 1 });
        let refused = statistician.mutate("visitCountsUpdate", late).await;
        assert_eq!(refused.user_codes("visitCountsUpdate"), ["VERSION_CONFLICT"]);
        assert_eq!(readings().await, 3, "a conflict tells what stands there");
    }
}
