//! The catalogue of error codes: what a client can meet, and what it never reads.

use std::io::Write;

use api::{
    compute_pool::{Cancellation, Priority},
    delivery::response_memory::BodyWriter,
    error::Code,
    schema,
};
use async_graphql::{ErrorExtensions, Pos, ServerError};
use chrono::Duration;
use entities::Language;
use poem::{Body, http::Method};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use tests::{
    Backend, Crowd, EDITOR, READER, Reply, TestApp, on_both_databases,
    sabotage::{Sabotage, fill_disk},
};

use crate::storage::create_large;

const UPDATE: &str = "mutation($input: VisitCountsUpdateInput!) { visitCountsUpdate(input: $input) {
    yearSheet { version } errors { code }
} }";

/// A request that meets the code: the HTTP status under `application/graphql-response+json`, and the code.
/// What breaks the app for good comes last in [`Code::ALL`].
#[expect(clippy::too_many_lines, reason = "a list")]
async fn meet(app: &TestApp, code: Code) -> (u16, String) {
    let client = app.raw();
    let post = || client.post("/graphql").header("accept", "application/graphql-response+json");
    let query = |query: &str| json!({ "query": query });
    let request = match code {
        Code::BadRequest => post().body_json(&json!({})),
        Code::MethodNotAllowed => client.request(Method::PUT, "/graphql"),
        Code::NotAcceptable => client.post("/graphql").header("accept", "text/html").body_json(&query("{ viewer }")),
        Code::UnsupportedMediaType => post().content_type("text/plain").body("{}"),
        Code::PayloadTooLarge => {
            post().content_type("application/json").header("content-length", "99999999").body("{}")
        }
        Code::RequestTimeout => {
            let (writer, reader) = tokio::io::duplex(16);
            tokio::time::pause();
            let body = Body::from_async_read(reader);
            let reply = Reply::read(post().content_type("application/json").body(body).send().await).await;
            tokio::time::resume();
            drop(writer);
            return (reply.status(), reply.code().to_owned());
        }
        Code::NotFoundPath => client.get("/nope"),
        Code::GraphqlParseFailed => post().body_json(&query("{")),
        Code::GraphqlValidationFailed => post().body_json(&query("{ nope }")),
        Code::OperationResolutionFailure => {
            post().body_json(&json!({ "query": "{ site { name } }", "operationName": "A" }))
        }
        Code::DocumentNotFound => post().body_json(&json!({ "documentId": "unknown" })),
        Code::DocumentNotTrusted => {
            let strict = app.with(|config| config.trusted_documents_only = true).await;
            let reply = strict.anonymous().run("{ site { name } }", json!({})).await;
            return (reply.status(), reply.code().to_owned());
        }
        Code::PersistedQueryNotFound | Code::PersistedQueryHashMismatch => {
            let mut body = json!({ "extensions": { "persistedQuery": { "version": 1, "sha256Hash": "unknown" } } });
            if code == Code::PersistedQueryHashMismatch {
                body["query"] = json!("{ site { name } }");
            }
            post().body_json(&body)
        }
        Code::LimitExceeded => post().body_json(&query(&"{".repeat(100))),
        Code::BadUserInput => post().body_json(&query("{ page(slug: \"No Slug\") { title } }")),
        Code::VersionConflict | Code::NotFound => {
            // A year that has figures, and one that has none.
            let year = if code == Code::NotFound { 2100 } else { 2018 };
            let input = json!({ "category": "TRAVEL", "year": year, "expectedVersion": 99, "total": 1 });
            let reply = app.editor().await.run(UPDATE, json!({ "input": input })).await;
            return (reply.status(), reply.user_codes("visitCountsUpdate").concat());
        }
        Code::Unauthenticated => {
            post().body_json(&query("{ yearSheet(category: \"TRAVEL\", year: 2018) { version } }"))
        }
        Code::Forbidden => {
            let client = app.bearer(&app.sign_in(READER).await.access_token);
            let input = json!({ "category": "TRAVEL", "year": 2100, "expectedVersion": 0, "total": 1 });
            let reply = client.run(UPDATE, json!({ "input": input })).await;
            return (reply.status(), reply.user_codes("visitCountsUpdate").concat());
        }
        Code::PublishBlocked => {
            let counts = json!([{ "country": "CN", "value": 1 }]);
            let input = json!({
                "category": "TRAVEL", "year": 2100, "expectedVersion": 0, "total": 2, "counts": counts, "publish": true
            });
            let reply = app.editor().await.run(UPDATE, json!({ "input": input })).await;
            return (reply.status(), reply.user_codes("visitCountsUpdate").concat());
        }
        Code::IdempotencyKeyReused => {
            let client = app.editor().await.keyed("a key");
            let input = |year: i32| json!({ "input": { "category": "TRAVEL", "year": year, "expectedVersion": 9 } });
            client.run(UPDATE, input(2100)).await;
            let reply = client.run(UPDATE, input(2101)).await;
            return (reply.status(), reply.user_codes("visitCountsUpdate").concat());
        }
        Code::PreviewEnded => {
            post().header("almanac-preview", "no token").body_json(&query("{ pages { totalCount } }"))
        }
        Code::InvalidCredentials => {
            let reply = app.try_sign_in("nobody@example.org", "a wrong password").await;
            return (reply.status(), reply.user_codes("signIn").concat());
        }
        Code::SessionEnded => {
            let reply = app.try_refresh("unknown").await;
            return (reply.status(), reply.user_codes("refreshSession").concat());
        }
        Code::LinkEnded => {
            let document = "mutation { passwordSet(input: { token: \"unknown\", password: \"a new password\" }) {
                errors { code }
            } }";
            let reply = app.anonymous().run(document, json!({})).await;
            return (reply.status(), reply.user_codes("passwordSet").concat());
        }
        Code::RateLimited => {
            for _ in 0..5 {
                app.try_sign_in("somebody@example.org", "a wrong password").await;
            }
            let reply = app.try_sign_in("somebody@example.org", "a wrong password").await;
            app.clock().advance(Duration::minutes(3));
            return (reply.status(), reply.user_codes("signIn").concat());
        }
        Code::ChangeNotSeen => {
            post().header("almanac-change-token", "1.999999").body_json(&query("{ pages { totalCount } }"))
        }
        Code::Overloaded => {
            // Small enough to be taken up by a few responses that nobody reads.
            let small = app.with(|config| config.max_response_bytes = 1024 * 1024).await;
            let memory = small.state().response_memory();
            let unread = || {
                let mut body = BodyWriter::new(memory, &Cancellation::default());
                body.write_all(&vec![b'1'; memory.max_response()]).ok()?;
                body.finish().ok()
            };
            let held: Vec<_> = std::iter::from_fn(unread).collect();
            let reply = small.anonymous().run(include_str!("introspection.graphql"), json!({})).await;
            assert_eq!(
                (reply.code(), reply.header("retry-after")),
                ("OVERLOADED", Some("1")),
                "{} are held",
                held.len()
            );
            let _crowd = Crowd::fill(app.state().compute_pool(), Priority::Idle).await;
            let reply = Reply::read(client.get("/figures/chart.svg?width=640").send().await).await;
            assert_eq!(reply.header("retry-after"), Some("1"));
            return (reply.status(), reply.code().to_owned());
        }
        Code::Unavailable => {
            let replica = app.reopen().await;
            replica.state().database().clone().close().await.expect("closes");
            let reply = replica.try_refresh("unknown").await;
            return (reply.status(), reply.code().to_owned());
        }
        Code::StorageFull => {
            let (replica, sabotage) = (app.reopen().await, Sabotage::of(app).await);
            let editor = replica.editor().await;
            match app.backend() {
                Backend::Sqlite => fill_disk(replica.state().database()).await,
                Backend::Postgres => sabotage.fail_statements("53100").await,
            }
            let reply = create_large(&editor, "full").await;
            sabotage.mend().await;
            return (reply.status(), reply.code().to_owned());
        }
        Code::OutcomeUnknown => {
            let (replica, sabotage) = (app.reopen().await, Sabotage::of(app).await);
            let editor = replica.editor().await;
            sabotage.break_off_commits().await;
            let reply = create_large(&editor, "unknown").await;
            sabotage.mend().await;
            return (reply.status(), reply.code().to_owned());
        }
        Code::Internal => {
            let database = app.state().database().reader();
            database.execute_unprepared("ALTER TABLE refresh_tokens RENAME TO lost").await.expect("a lost table");
            let reply = app.try_refresh("unknown").await;
            assert_eq!(reply.at("/errors/0/message"), "internal error");
            assert!(!reply.text().contains("refresh_tokens"), "{}", reply.text());
            return (reply.status(), reply.code().to_owned());
        }
    };
    let reply = Reply::read(request.send().await).await;
    (reply.status(), reply.code().to_owned())
}

on_both_databases! {
    async fn every_code_can_be_met_with_the_status_that_the_reference_names(app: TestApp) {
        // A database that breaks off alone takes a process of its own.
        let breaks_off = |code: &Code| *code != Code::OutcomeUnknown || app.backend() == Backend::Postgres;
        for code in Code::ALL.iter().copied().filter(breaks_off) {
            let (status, met) = meet(&app, code).await;
            assert_eq!(met, code.as_str());
            assert!(code.statuses().contains(&status.to_string()), "{met}: {status}, the catalogue says {}", code.statuses());
        }
    }

    async fn without_its_database_a_process_reads_on_and_says_that_it_cannot_write(app: TestApp) {
        let session = app.sign_in(EDITOR).await;
        app.state().database().clone().close().await.expect("closes");
        let client = app.bearer(&session.access_token);
        let input = json!({ "category": "TRAVEL", "year": 2050, "expectedVersion": 0, "total": 1 });
        let write = client.run(UPDATE, json!({ "input": input })).await;
        assert_eq!((write.status(), write.code(), write.at("/data")), (200, "UNAVAILABLE", &Value::Null));
        let read = client.run("{ factSheet { years } viewer { email } }", json!({})).await;
        assert_eq!((read.code(), read.at("/data/viewer")), ("UNAVAILABLE", &Value::Null));
        assert!(read.at("/data/factSheet/years").is_array(), "the rest is served");
        for reply in [write, read] {
            assert_eq!(reply.at("/errors/0/message"), "the database cannot be reached; try again");
            assert_eq!(reply.header("retry-after"), Some("1"));
            assert!(!reply.text().contains("pool"), "{}", reply.text());
        }
    }
}

#[tokio::test]
async fn the_catalogue_has_every_code_that_a_payload_can_have() {
    let document = "{ __type(name: \"UserErrorCode\") { enumValues { name } } }";
    let reply = TestApp::new().await.anonymous().run(document, json!({})).await;
    let codes = reply.at("/data/__type/enumValues").as_array().expect("values");
    assert!(!codes.is_empty());
    for code in codes {
        let code = code["name"].as_str().expect("a name");
        assert!(Code::ALL.iter().any(|known| known.as_str() == code), "{code}");
    }
}

#[test]
fn nothing_of_a_foreign_error_reaches_a_client() {
    let secret = "password authentication failed for user \"almanac\" at 10.0.0.1";
    let at = Pos { line: 1, column: 3 };
    let io = || std::io::Error::other(secret);
    let database = || sea_orm::DbErr::Custom(secret.to_owned());
    let spoofed =
        async_graphql::Error::new_with_source(io()).extend_with(|_, extensions| extensions.set("code", secret));
    for error in [
        async_graphql::Error::new_with_source(io()),
        async_graphql::Error::new_with_source(database()),
        async_graphql::Error::new_with_source(api::error::Error::internal(io())),
        async_graphql::Error::new_with_source(api::error::Error::from(database())),
        async_graphql::Error::new(secret),
        spoofed,
    ] {
        let error = ServerError {
            path: vec![async_graphql::PathSegment::Field("site".to_owned())],
            ..error.into_server_error(at)
        };
        let presented = schema::present(error, "request", Language::English);
        let json = serde_json::to_value(&presented).expect("JSON");
        let expected = json!({
            "message": "internal error",
            "locations": [{ "line": 1, "column": 3 }],
            "path": ["site"],
            "extensions": { "code": "INTERNAL" },
        });
        assert_eq!(json, expected);
        assert!(presented.source.is_none());
    }
}
