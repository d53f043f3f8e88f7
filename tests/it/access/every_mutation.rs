//! Every field of the two roots and who may use it. A field that is not in these tables fails the tests.

use std::collections::BTreeSet;

use entities::{Role, audit_entry};
use sea_orm::{EntityTrait, PaginatorTrait};
use serde_json::{Value, json};
use tests::{ADMINISTRATOR, Client, EDITOR, Reply, TestApp, commands, on_both_databases};

/// Who may use a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    /// Everybody.
    Anyone,
    /// Editors and administrators.
    Editor,
}

/// A field with a document that does what the field is there for.
struct Entry {
    field: &'static str,
    who: Who,
    document: &'static str,
}

const MUTATIONS: [Entry; 4] = [
    Entry {
        field: "signIn",
        who: Who::Anyone,
        document: "mutation { signIn(input: { email: \"editor@example.org\", password: \"an editor's password\" }) {
            session { accessToken } errors { code }
        } }",
    },
    Entry {
        field: "refreshSession",
        who: Who::Anyone,
        document: "mutation($refreshToken: String!) { refreshSession(input: { refreshToken: $refreshToken }) {
            session { accessToken } errors { code }
        } }",
    },
    Entry { field: "signOut", who: Who::Editor, document: "mutation { signOut { signedOut errors { code } } }" },
    Entry {
        field: "visitCountsUpdate",
        who: Who::Editor,
        document: "mutation($year: Year!) { visitCountsUpdate(input: {
            category: \"TRAVEL\", year: $year, expectedVersion: 0, total: 1, publish: true, kind: RELEASE
        }) { yearSheet { version } errors { code } } }",
    },
];

const QUERIES: [Entry; 11] = [
    Entry { field: "site", who: Who::Anyone, document: "{ site { name } }" },
    Entry { field: "locales", who: Who::Anyone, document: "{ locales { code } }" },
    Entry { field: "page", who: Who::Anyone, document: "{ page(slug: \"about-us\") { title } }" },
    Entry { field: "pages", who: Who::Anyone, document: "{ pages { totalCount } }" },
    Entry { field: "staff", who: Who::Anyone, document: "{ staff { name } }" },
    Entry { field: "countries", who: Who::Anyone, document: "{ countries { code } }" },
    Entry { field: "categories", who: Who::Anyone, document: "{ categories { code } }" },
    Entry { field: "factSheet", who: Who::Anyone, document: "{ factSheet { years } }" },
    Entry { field: "node", who: Who::Anyone, document: "{ node(id: \"x\") { id } }" },
    Entry { field: "nodes", who: Who::Anyone, document: "{ nodes(ids: []) { id } }" },
    Entry { field: "viewer", who: Who::Anyone, document: "{ viewer { email } }" },
];

const GUARDED_QUERIES: [Entry; 1] = [Entry {
    field: "yearSheet",
    who: Who::Editor,
    document: "{ yearSheet(category: \"TRAVEL\", year: 2018) { version draft { total } } }",
}];

fn all_queries() -> impl Iterator<Item = &'static Entry> {
    QUERIES.iter().chain(&GUARDED_QUERIES)
}

/// The callers that may not, each with a name.
async fn outsiders(app: &TestApp) -> Vec<(&'static str, Client)> {
    let signed_out = app.sign_in(ADMINISTRATOR).await;
    let client = app.bearer(&signed_out.access_token);
    let reply = client.run("mutation { signOut { signedOut } }", json!({})).await;
    assert_eq!(reply.at("/data/signOut/signedOut"), true);
    let password = "a former password";
    commands::add(app.state(), "former@example.org", Role::Administrator, &[], password).await.expect("an account");
    let reply = app.try_sign_in("former@example.org", password).await;
    let disabled = app.bearer(reply.at("/data/signIn/session/accessToken").as_str().expect("a token"));
    commands::disable(app.state(), "former@example.org").await.expect("disabled");
    vec![("anonymous", app.anonymous()), ("signed out", client), ("disabled", disabled)]
}

/// Runs the document. `year` has no figures yet.
async fn run(app: &TestApp, client: &Client, entry: &Entry, year: i32) -> Reply {
    let variables = match entry.field {
        // A token of its own each time, since it works once.
        "refreshSession" => json!({ "refreshToken": app.sign_in(EDITOR).await.refresh_token }),
        "visitCountsUpdate" => json!({ "year": year }),
        _ => json!({}),
    };
    client.run(entry.document, variables).await
}

async fn entries(app: &TestApp) -> u64 {
    audit_entry::Entity::find().count(app.state().database().reader()).await.expect("a number")
}

async fn roots(app: &TestApp) -> (BTreeSet<String>, BTreeSet<String>) {
    let document = "{ __schema { queryType { fields { name } } mutationType { fields { name } } } }";
    let reply = app.anonymous().run(document, json!({})).await;
    let names = |pointer: &str| {
        let fields = reply.at(pointer).as_array().expect("fields");
        fields.iter().map(|field| field["name"].as_str().expect("a name").to_owned()).collect()
    };
    (names("/data/__schema/queryType/fields"), names("/data/__schema/mutationType/fields"))
}

#[tokio::test]
async fn the_tables_have_every_field_and_no_other() {
    let (queries, mutations) = roots(&TestApp::new().await).await;
    assert_eq!(mutations, MUTATIONS.iter().map(|entry| entry.field.to_owned()).collect());
    assert_eq!(queries, all_queries().map(|entry| entry.field.to_owned()).collect());
}

on_both_databases! {
    async fn no_outsider_runs_a_guarded_mutation(app: TestApp) {
        for (name, client) in outsiders(&app).await {
            for entry in MUTATIONS.iter().filter(|entry| entry.who != Who::Anyone) {
                let before = entries(&app).await;
                let reply = run(&app, &client, entry, 2050).await;
                assert_eq!((reply.status(), reply.code()), (200, "UNAUTHENTICATED"), "{name} {}", entry.field);
                assert_eq!(reply.at("/data"), &Value::Null, "{name} {}", entry.field);
                assert_eq!(entries(&app).await, before, "{name} {}", entry.field);
            }
        }
    }

    async fn no_outsider_runs_a_guarded_query(app: TestApp) {
        for (name, client) in outsiders(&app).await {
            for entry in &GUARDED_QUERIES {
                let reply = run(&app, &client, entry, 2050).await;
                assert_eq!((reply.status(), reply.code()), (200, "UNAUTHENTICATED"), "{name} {}", entry.field);
                assert_eq!(reply.at("/data")[entry.field], Value::Null, "{name} {}", entry.field);
            }
        }
    }

    async fn everybody_who_may_run_a_mutation_can(app: TestApp) {
        for (year, credentials) in (2050..).zip([None, Some(EDITOR), Some(ADMINISTRATOR)]) {
            for entry in MUTATIONS.iter().filter(|entry| credentials.is_some() || entry.who == Who::Anyone) {
                // Back to the full number of attempts.
                app.clock().advance(chrono::Duration::minutes(3));
                let client = match credentials {
                    Some(credentials) => app.bearer(&app.sign_in(credentials).await.access_token),
                    None => app.anonymous(),
                };
                let reply = run(&app, &client, entry, year).await;
                assert_eq!(reply.user_errors(entry.field), [] as [Value; 0], "{credentials:?} {}", entry.field);
            }
        }
    }

    async fn everybody_who_may_run_a_query_can(app: TestApp) {
        for (who, client) in [
            ("anonymous", app.anonymous()),
            ("editor", app.editor().await),
            ("administrator", app.administrator().await),
        ] {
            for entry in all_queries().filter(|entry| who != "anonymous" || entry.who == Who::Anyone) {
                let reply = run(&app, &client, entry, 2050).await;
                assert!(reply.data().get(entry.field).is_some(), "{who} {}", entry.field);
            }
        }
    }
}
