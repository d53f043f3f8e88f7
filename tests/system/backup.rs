//! Copies of the database that are made beside a running server.

use std::{fs, os::unix::fs::PermissionsExt};

use sea_orm::ConnectionTrait;
use serde_json::json;
use tests::Backend;
use tokio::sync::watch;

use crate::{
    blank::{Blank, connect},
    durability::start,
    ledger,
    process::{Server, almanac, run},
};

const UPDATE: &str = "mutation($input: VisitCountsUpdateInput!) { visitCountsUpdate(input: $input) {
    yearSheet { version } errors { code }
} }";

#[tokio::test]
async fn a_backup_beside_a_writer_is_whole_and_has_all_that_was_acknowledged_before_it() {
    let blank = Blank::on(Backend::Sqlite).await.expect("SQLite is always there");
    let (server, client) = start(&blank).await;
    let (acknowledge, mut acknowledged) = watch::channel(0_i64);
    let writing = tokio::spawn(async move {
        let mut version = 0;
        loop {
            let input = json!({
                "category": "RESIDENT", "year": 2030, "expectedVersion": version, "publish": true,
                "kind": if version == 0 { "RELEASE" } else { "REVISION" }, "reason": "Counted on",
                "counts": [{ "country": "CN", "value": version + 1 }],
            });
            let Ok(answer) = client.try_run(UPDATE, json!({ "input": input })).await else { return version };
            assert_eq!(answer.at("/data/visitCountsUpdate/errors"), &json!([]), "{}", answer.text);
            version += 1;
            acknowledge.send_replace(version);
        }
    });
    let mut taken = Vec::new();
    for name in ["first.db", "second.db"] {
        let version = *acknowledged.wait_for(|version| *version >= 3).await.expect("the writer lives");
        run(blank.almanac(&["backup", name]), "").await.ok();
        taken.push((name, version));
        // The writer was not held up for good.
        acknowledged.wait_for(|now| *now > version).await.expect("the writer lives");
    }
    server.stop().await;
    writing.await.expect("the writer was never told anything wrong");

    for (name, version) in taken {
        let path = blank.path(name);
        assert_eq!(fs::metadata(&path).expect("the backup").permissions().mode() & 0o777, 0o600, "keys are in it");
        let url = format!("sqlite://{path}");
        let mut verify = almanac(&["audit", "verify"]);
        verify.env("ALMANAC_DATABASE_URL", &url);
        run(verify, "").await.ok();
        let copy = connect(&url).await;
        assert_eq!(ledger::texts(&copy, "PRAGMA integrity_check").await, ["ok"]);
        ledger::verify(&copy).await;
        let value = ledger::texts(&copy, "SELECT CAST(value AS TEXT) FROM visit_counts WHERE year = 2030").await;
        let value: i64 = value.concat().parse().expect("a number");
        assert!(value >= version, "{value} in the backup, though {version} was acknowledged before it began");
        copy.close().await.expect("closes");

        // It serves like the original.
        let mut serve = almanac(&["serve", "--bind", "127.0.0.1:0"]);
        serve.env("ALMANAC_DATABASE_URL", &url);
        let restored = Server::start(serve).await;
        let query =
            "{ factSheet(categories: [\"RESIDENT\"], from: 2030) { categories { countries { counts { value } } } } }";
        let answer = restored.anonymous().run(query, json!({})).await;
        assert_eq!(answer.number_at("/data/factSheet/categories/0/countries/0/counts/0/value"), value);
        restored.stop().await;
    }
    let left = fs::read_dir(blank.folder()).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let left: Vec<_> = left.filter(|name| name.to_string_lossy().contains("unfinished")).collect();
    assert_eq!(left, [] as [&str; 0]);
}

#[tokio::test]
async fn a_backup_never_replaces_a_file_and_a_failed_one_leaves_nothing_behind() {
    let blank = Blank::on(Backend::Sqlite).await.expect("SQLite is always there");
    run(blank.almanac(&["migrate"]), "").await.ok();
    let precious = blank.file("precious", "not to be lost");
    let complaint = run(blank.almanac(&["backup", &precious]), "").await.complaint();
    assert!(complaint.contains("precious exists already"), "{complaint}");
    assert_eq!(fs::read_to_string(&precious).expect("the file"), "not to be lost");
    let complaint = run(blank.almanac(&["backup", "nowhere/copy.db"]), "").await.complaint();
    assert!(complaint.contains("nowhere/copy.db.unfinished cannot be made"), "{complaint}");

    let mut absent = almanac(&["backup", &blank.path("copy.db")]);
    absent.env("ALMANAC_DATABASE_URL", format!("sqlite://{}", blank.path("absent.db")));
    let complaint = run(absent, "").await.complaint();
    assert!(complaint.contains("there is no database"), "{complaint}");
    assert!(
        !fs::exists(blank.path("copy.db")).expect("readable")
            && !fs::exists(blank.path("absent.db")).expect("readable")
    );
}

#[tokio::test]
async fn postgresql_is_backed_up_with_its_own_tools() {
    let Some(blank) = Blank::on(Backend::Postgres).await else { return };
    let complaint = run(blank.almanac(&["backup", "copy.db"]), "").await.complaint();
    assert!(complaint.contains("pg_dump"), "{complaint}");
    assert!(!fs::exists(blank.path("copy.db")).expect("readable"));
}

/// The size of the write-ahead log.
fn log(blank: &Blank) -> u64 {
    fs::metadata(format!("{}-wal", blank.path("almanac.db"))).map_or(0, |log| log.len())
}

#[tokio::test]
async fn a_write_ahead_log_that_has_grown_large_is_cut_off() {
    let blank = Blank::on(Backend::Sqlite).await.expect("SQLite is always there");
    run(blank.almanac(&["migrate"]), "").await.ok();
    let database = api::database::Database::open(blank.url(), None).await.expect("the database opens");
    // As beside a long reader: nothing is folded while it grows.
    let writer = connect(blank.url()).await;
    for sql in [
        "PRAGMA wal_autocheckpoint = 0",
        "CREATE TABLE ballast (bytes BLOB)",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20) INSERT INTO ballast SELECT zeroblob(1048576) FROM n",
    ] {
        writer.execute_unprepared(sql).await.expect(sql);
    }
    assert!(log(&blank) > 16 * 1_048_576);
    database.fold_log().await.expect("folded");
    assert_eq!(log(&blank), 0);
    assert_eq!(ledger::texts(&writer, "SELECT CAST(count(*) AS TEXT) FROM ballast").await, ["20"]);
    database.fold_log().await.expect("and again, with nothing to do");
}
