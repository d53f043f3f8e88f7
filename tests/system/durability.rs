//! What was acknowledged stays, whatever happens to the process; and nobody's write is lost to somebody else's.

use std::{collections::BTreeSet, sync::Arc};

use entities::{AuditOutcome, DocumentKind, audit_entry, document, publication, visit_count};
use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, PaginatorTrait, QueryFilter};
use serde_json::{Value, json};
use tokio::{sync::mpsc::unbounded_channel, task::JoinSet, time::timeout};

use crate::{
    blank::{Blank, on_each_database},
    http::{Answer, Client},
    ledger,
    process::{PATIENCE, Server},
};

pub(crate) const ADMIN: &str = "admin@example.org";
pub(crate) const PASSWORD: &str = "a password from a file";
/// The key of the sheet that is written, which the example has not.
const SHEET: &str = "YEAR_SHEET/RESIDENT/2030";

const UPDATE: &str = "mutation($input: VisitCountsUpdateInput!) { visitCountsUpdate(input: $input) {
    yearSheet { version publishedVersion }
    errors { code ... on VersionConflict { expectedVersion currentVersion } }
} }";
const READ: &str =
    r#"{ yearSheet(category: "RESIDENT", year: 2030) { version published { counts { country value } } } }"#;

/// A server over an empty database, and its administrator.
pub(crate) async fn start(blank: &Blank) -> (Server, Client) {
    let file = blank.file("password", PASSWORD);
    let server = Server::start(blank.serve(&["--admin-password-file", &file, "--log", "warn"])).await;
    let client = server.anonymous().sign_in(ADMIN, PASSWORD).await;
    (server, client)
}

/// The input that sets one cell and publishes it.
fn input(expected: i64, country: &str, value: i64) -> Value {
    let mut input = json!({
        "category": "RESIDENT", "year": 2030, "expectedVersion": expected, "publish": true,
        "counts": [{ "country": country, "value": value }],
    });
    if expected > 0 {
        input["kind"] = json!("REVISION");
        input["reason"] = json!("Counted on");
    }
    json!({ "input": input })
}

/// The version that a write made, or the version that stands in its way.
#[track_caller]
fn outcome(answer: &Answer) -> Result<i64, i64> {
    let errors = answer.at("/data/visitCountsUpdate/errors").as_array().expect("errors");
    match errors.as_slice() {
        [] => Ok(answer.number_at("/data/visitCountsUpdate/yearSheet/version")),
        [conflict] if conflict["code"] == "VERSION_CONFLICT" => {
            Err(answer.number_at("/data/visitCountsUpdate/errors/0/currentVersion"))
        }
        _ => panic!("neither written nor in conflict: {}", answer.text),
    }
}

/// The sheet's version and the published value of China.
async fn read(client: &Client) -> (i64, Option<i64>) {
    let answer = client.run(READ, json!({})).await;
    let value = answer.json.pointer("/data/yearSheet/published/counts/0/value").and_then(Value::as_i64);
    (answer.number_at("/data/yearSheet/version"), value)
}

/// The sheet's document, revisions, publications, live rows and audit entries tell of the same versions.
async fn verify(connection: &DatabaseConnection, version: i64) {
    ledger::verify(connection).await;
    let found = document::Entity::find().filter(document::Column::Key.eq(SHEET)).one(connection).await;
    let sheet = found.expect("a read").expect("the sheet");
    assert_eq!((sheet.kind, sheet.version.get()), (DocumentKind::YearSheet, version));
    assert_eq!(sheet.published_number, Some(sheet.version));
    let publications =
        publication::Entity::find().filter(publication::Column::DocumentId.eq(sheet.id)).count(connection).await;
    assert_eq!(i64::try_from(publications.expect("a count")), Ok(version), "every version was published, once");
    let written = audit_entry::Entity::find()
        .filter(audit_entry::Column::Action.eq("visitCountsUpdate"))
        .filter(audit_entry::Column::DocumentId.eq(sheet.id))
        .filter(audit_entry::Column::Outcome.eq(AuditOutcome::Done))
        .all(connection)
        .await
        .expect("audit entries");
    let versions: BTreeSet<i64> =
        written.iter().filter_map(|entry| entry.version).map(entities::Version::get).collect();
    assert_eq!(
        (i64::try_from(written.len()), versions),
        (Ok(version), (1..=version).collect()),
        "every version is in the audit log"
    );

    let content = ledger::contents(connection).await.remove(&(sheet.id, version)).expect("a revision");
    let live = visit_count::Entity::find().filter(visit_count::Column::Year.eq(2030)).all(connection).await;
    let live = live.expect("the live rows");
    assert_eq!(content["counts"].as_object().map(serde_json::Map::len), Some(live.len()));
    for row in live {
        let value = row.value.map(entities::Count::get);
        assert_eq!(content["counts"][row.country.as_str()]["value"].as_i64(), value, "{}", row.country);
    }
}

on_each_database! {
    async fn what_was_acknowledged_survives_a_kill_and_writing_goes_on(blank: Blank) {
        let connection = blank.connect().await;
        let (mut server, mut client) = start(&blank).await;
        let mut version = 0;
        for acknowledgements in [3, 11, 24] {
            // Version n sets the value to n, so that a value tells which write it is of.
            let (acknowledge, mut acknowledged) = unbounded_channel();
            let writing = tokio::spawn(async move {
                let mut version = version;
                while let Ok(answer) = client.try_run(UPDATE, input(version, "CN", version + 1)).await {
                    version = outcome(&answer).unwrap_or_else(|current| panic!("nobody else writes, yet {current}"));
                    acknowledge.send(version).ok();
                }
            });
            let mut last = version;
            for _ in 0..acknowledgements {
                last = timeout(PATIENCE, acknowledged.recv()).await.expect("a write in time").expect("a write");
            }
            server.kill().await;
            timeout(PATIENCE, writing).await.expect("the writer notices").expect("no conflict");
            while let Ok(more) = acknowledged.try_recv() {
                last = more;
            }
            assert!(last >= version + acknowledgements);

            (server, client) = start(&blank).await;
            let (now, value) = read(&client).await;
            // The write under way may or may not have made it; no other can have.
            assert!(now == last || now == last + 1, "version {now}, though {last} was acknowledged");
            assert_eq!(value, Some(now), "the value is that of the version");
            verify(&connection, now).await;
            version = now;
        }
        let answer = client.run(UPDATE, input(version, "CN", version + 1)).await;
        assert_eq!(outcome(&answer), Ok(version + 1));
        server.stop().await;
        verify(&connection, version + 1).await;
    }

    async fn a_server_stopped_in_the_middle_of_writing_loses_nothing(blank: Blank) {
        let connection = blank.connect().await;
        let (server, client) = start(&blank).await;
        let (acknowledge, mut acknowledged) = unbounded_channel();
        let writing = tokio::spawn(async move {
            let mut version = 0;
            while let Ok(answer) = client.try_run(UPDATE, input(version, "CN", version + 1)).await {
                version = outcome(&answer).expect("nobody else writes");
                acknowledge.send(version).ok();
            }
            version
        });
        for _ in 0..5 {
            timeout(PATIENCE, acknowledged.recv()).await.expect("a write in time").expect("a write");
        }
        server.stop().await;
        let last = timeout(PATIENCE, writing).await.expect("the writer notices").expect("no conflict");
        // A stop finishes what it has begun, so not even the last write is in doubt.
        verify(&connection, last).await;
    }

    async fn of_a_hundred_writers_at_once_one_a_version_succeeds_and_the_others_are_told(blank: Blank) {
        const WRITERS: i64 = 50;
        const VERSIONS: i64 = 3;
        let (server, client) = start(&blank).await;
        let countries = Arc::new(countries(&client).await);
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let (client, countries) = (client.clone(), Arc::clone(&countries));
            writers.spawn(async move {
                let mut won = Vec::new();
                for expected in 0..VERSIONS {
                    let country = &countries[usize::try_from(writer).expect("small") % countries.len()];
                    let answer = client.run(UPDATE, input(expected, country, writer)).await;
                    match outcome(&answer) {
                        Ok(version) => won.push(version),
                        Err(current) => assert!(current > expected, "{}", answer.text),
                    }
                }
                won
            });
        }
        let won = writers.join_all().await;
        let mut won: Vec<i64> = won.into_iter().flatten().collect();
        won.sort_unstable();
        assert_eq!(won, (1..=VERSIONS).collect::<Vec<_>>(), "one success a version");
        assert_eq!(read(&client).await.0, VERSIONS);
        server.stop().await;
        verify(&blank.connect().await, VERSIONS).await;
    }

    async fn fifty_writers_who_try_again_all_succeed_and_no_update_is_lost(blank: Blank) {
        const WRITERS: i64 = 50;
        let (server, client) = start(&blank).await;
        let countries = Arc::new(countries(&client).await);
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let (client, countries) = (client.clone(), Arc::clone(&countries));
            writers.spawn(async move {
                let country = countries[usize::try_from(writer).expect("small") % countries.len()].clone();
                let mut expected = 0;
                loop {
                    let answer = client.run(UPDATE, input(expected, &country, writer)).await;
                    match outcome(&answer) {
                        Ok(version) => return (version, country, writer),
                        Err(current) => expected = current,
                    }
                }
            });
        }
        let mut written = writers.join_all().await;
        written.sort_unstable();
        let versions: Vec<i64> = written.iter().map(|(version, ..)| *version).collect();
        assert_eq!(versions, (1..=WRITERS).collect::<Vec<_>>(), "a version for each writer");
        server.stop().await;
        let connection = blank.connect().await;
        verify(&connection, WRITERS).await;
        // The last writer of each country wins, and every country has one.
        let live = visit_count::Entity::find().filter(visit_count::Column::Year.eq(2030)).all(&connection).await;
        let live = live.expect("the live rows");
        assert_eq!(live.len(), countries.len());
        for row in live {
            let last = written.iter().rev().find(|(_, country, _)| country == row.country.as_str());
            assert_eq!(row.value.map(entities::Count::get), last.map(|(.., value)| *value), "{}", row.country);
        }
    }
}

/// The codes of all countries.
async fn countries(client: &Client) -> Vec<String> {
    let answer = client.run("{ countries { code } }", json!({})).await;
    let countries = answer.at("/data/countries").as_array().expect("countries").clone();
    countries.iter().map(|country| country["code"].as_str().expect("a code").to_owned()).collect()
}
