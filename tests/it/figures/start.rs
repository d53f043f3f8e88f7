//! What a start costs depends on what is public, not on how long the past is; and the past is there when it is asked for.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use api::{database::Database, delivery::checkpoint, state::Random};
use chrono::Duration;
use entities::{
    ActorKind, DisclosureMethod, ReleaseKind, RevisionAction, Version, change, document, publication, revision,
    revision::StoredContent,
};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, EntityTrait, QueryFilter, QueryOrder};
use serde_json::{Value, json};
use tests::{TestApp, on_both_databases};

use super::{bulk_done, whole};

const KEY: &str = "YEAR_SHEET/RESIDENT/2022";

/// Publishes a sheet so many times, a minute apart, past the API: each time with another value for China, at last with the
/// one that is live.
async fn publish_often(app: &TestApp, times: i64) {
    let transaction = app.state().database().begin_write().await.expect("a turn");
    let found = document::Entity::find().filter(document::COLUMN.key.eq(KEY)).one(&*transaction).await;
    let sheet = found.expect("a read").expect("a sheet");
    let newest = api::editorial::revision::get(&*transaction, sheet.id, sheet.version).await;
    let content = newest.expect("a revision").content;
    let last = change::Entity::find().order_by_desc(change::COLUMN.seq).one(&*transaction).await;
    let last = last.expect("a read").expect("a change");
    let (mut changes, mut revisions, mut publications) = (Vec::new(), Vec::new(), Vec::new());
    for time in 1..=times {
        let mut content = content.clone();
        if time < times {
            content["counts"]["CN"]["value"] = json!(1_000 + time);
        }
        let at = last.at + Duration::minutes(time);
        let number = Version::try_from(sheet.version.get() + time).expect("a version");
        changes.push(change::ActiveModel { seq: Set(last.seq + time), tags: Set(json!(["figures"])), at: Set(at) });
        revisions.push(revision::ActiveModel {
            document_id: Set(sheet.id),
            number: Set(number),
            base: Set(None),
            content: Set(StoredContent::new(content)),
            action: Set(RevisionAction::Save),
            reason: Set(None),
            actor_kind: Set(ActorKind::CommandLine),
            editor_id: Set(None),
            created_at: Set(at),
        });
        publications.push(publication::ActiveModel {
            document_id: Set(sheet.id),
            change_seq: Set(last.seq + time),
            number: Set(Some(number)),
            release_kind: Set(Some(ReleaseKind::Correction)),
            reason: Set(Some("Counted again".to_owned())),
            actor_kind: Set(ActorKind::CommandLine),
            editor_id: Set(None),
            published_at: Set(at),
        });
    }
    for rows in changes.chunks(500) {
        change::Entity::insert_many(rows.to_vec()).exec(&*transaction).await.expect("changes");
    }
    for rows in revisions.chunks(500) {
        revision::Entity::insert_many(rows.to_vec()).exec(&*transaction).await.expect("revisions");
    }
    for rows in publications.chunks(500) {
        publication::Entity::insert_many(rows.to_vec()).exec(&*transaction).await.expect("publications");
    }
    let version = Version::try_from(sheet.version.get() + times).expect("a version");
    let row = document::ActiveModel {
        id: Set(sheet.id),
        version: Set(version),
        published_number: Set(Some(version)),
        ..Default::default()
    };
    row.update(&*transaction).await.expect("the document");
    transaction.commit().await.expect("a commit");
    app.clock().advance(Duration::minutes(times + 1));
}

/// How many statements a process runs until it serves.
async fn start(app: &TestApp) -> usize {
    let mut database = Database::open(app.database_url(), None).await.expect("the database opens");
    let statements = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&statements);
    database.on_statement(move || {
        count.fetch_add(1, Ordering::SeqCst);
    });
    let random = Random::from_system().expect("random numbers");
    let config = app.state().config().clone();
    api::setup::open(config, database, app.clock().clone(), random).await.expect("the state opens");
    statements.load(Ordering::SeqCst)
}

async fn as_of(app: &TestApp, minute: i64) -> Value {
    let moment = (tests::start() + Duration::minutes(minute)).to_rfc3339();
    let arguments = format!("categories: [\"RESIDENT\"], from: 2022, to: 2022, asOf: \"{moment}\"");
    let reply = whole(&app.anonymous(), &arguments).await;
    let countries = reply.at("/data/factSheet/categories/0/countries").as_array().expect("countries").clone();
    let china = countries.iter().find(|one| one["country"]["code"] == "CN").expect("China").clone();
    json!([china["counts"][0]["value"], china["counts"][0]["flags"]])
}

async fn set(app: &TestApp, method: DisclosureMethod) {
    let administrator = app.bearer(&app.sign_in(tests::ADMINISTRATOR).await.access_token);
    let site = administrator.run("{ document(by: { site: true }) { version } }", json!({})).await;
    let method = match method {
        DisclosureMethod::Suppress => "SUPPRESS",
        _ => "WARN",
    };
    let disclosure = json!({ "method": method, "threshold": 10 });
    let input = json!({ "expectedVersion": site.at("/data/document/version"), "disclosure": disclosure });
    let saved = administrator.done("siteSave", input).await["document"].clone();
    administrator.done("publish", json!({ "id": saved["id"], "expectedVersion": saved["version"] })).await;
}

on_both_databases! {
    async fn a_start_costs_the_same_however_much_was_published_before(app: TestApp) {
        let short = start(&app).await;
        publish_often(&app, 1_000).await;
        let long = start(&app).await;
        assert!(long > short + 4, "the past is gone through once: {long} statements after {short}");
        let process = app.reopen().await;
        checkpoint::write(process.state()).await.expect("a checkpoint");
        process.statements().reset();
        checkpoint::write(process.state()).await.expect("a checkpoint");
        assert_eq!(process.statements().so_far(), 0, "there is nothing new to write down");
        let again = start(&app).await;
        assert!(again <= short + 2, "{again} statements after {short}");

        // What was public is what it was, in a process that read none of it at its start.
        let process = app.reopen().await;
        let live = as_of(&process, 1_001).await;
        assert_eq!(as_of(&process, 1).await, json!([1_001, ["REVISED"]]));
        assert_eq!(as_of(&process, 700).await, json!([1_700, ["REVISED"]]));
        assert_eq!(as_of(&process, 0).await, json!([live[0], ["FINAL"]]));
        assert_eq!(live[1], json!(["REVISED"]), "it was another one in between");
        let history = "{ figureHistory(category: \"RESIDENT\", country: \"CN\", year: 2022) { publishedAt } vintages(year: 2022) { kind } }";
        let told = process.anonymous().run(history, json!({})).await;
        assert_eq!(told.at("/data/figureHistory").as_array().map(Vec::len), Some(1_001));
        assert!(process.state().snapshot().figures.vintages.past().bytes() < 1024 * 1024);
    }

    async fn what_a_checkpoint_remembers_goes_on_as_if_all_had_been_gone_through(app: TestApp) {
        for method in [DisclosureMethod::Warn, DisclosureMethod::Suppress] {
            set(&app, method).await;
            let known = app.reopen().await;
            publish_often(&known, 70).await;
            // The first one goes through all of it and writes it down, the second begins there.
            let gone_through = app.reopen().await;
            checkpoint::write(gone_through.state()).await.expect("a checkpoint");
            let restored = app.reopen().await;
            let sheets = async |process: &TestApp| {
                whole(&process.anonymous(), "locale: \"en\"").await.text().to_owned()
            };
            assert_eq!(sheets(&restored).await, sheets(&gone_through).await);
            let editor = restored.bearer(&restored.sign_in(tests::EDITOR).await.access_token);
            let found = editor.run("{ yearSheet(category: \"RESIDENT\", year: 2022) { version } }", json!({})).await;
            let sheet = json!({
                "category": "RESIDENT", "year": 2022, "expectedVersion": found.at("/data/yearSheet/version"),
                "counts": [{ "country": "CN", "value": 3 }, { "country": "US", "value": 4 }], "total": null,
            });
            bulk_done(&editor, json!({ "sheets": [sheet], "publish": true, "kind": "CORRECTION", "reason": "Counted again" })).await;
            api::delivery::feed::look(gone_through.state()).await.expect("a look");
            assert_eq!(sheets(&restored).await, sheets(&gone_through).await);
            assert_eq!(sheets(&app.reopen().await).await, sheets(&gone_through).await);
        }
    }

    async fn earlier_states_take_no_more_memory_than_is_set(app: TestApp) {
        publish_often(&app, 300).await;
        let process = app.with(|config| config.earlier_figures_bytes = 65_536).await;
        for minute in [1, 150, 299, 2] {
            assert_eq!(as_of(&process, minute).await[0], 1_000 + minute);
        }
        let past = process.state().snapshot();
        let past = past.figures.vintages.past();
        assert!(past.budget() == 65_536 && past.bytes() < 1024 * 1024, "{past:?}");
    }
}
