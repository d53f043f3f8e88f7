//! Figures in memory grow with what is published, and are then what a process that starts anew reads.

use std::sync::Arc;

use api::figures::{
    Published,
    vintage::{Changed, Vintage},
};
use entities::{DocumentKind, document, publication};
use sea_orm::{DatabaseTransaction, EntityTrait, QueryFilter};
use serde_json::{Value, json};
use tests::{TestApp, on_both_databases};

use super::{bulk_done, publish_country, sheet};

/// What was published after a change.
async fn since(transaction: &DatabaseTransaction, seq: i64) -> Vec<Changed> {
    let newer = publication::Entity::find().filter(publication::COLUMN.change_seq.gt(seq));
    let rows = newer.find_also_related(document::Entity).all(transaction).await.expect("publications");
    let changed = rows.into_iter().map(|(publication, document)| {
        let document = document.expect("the document");
        Changed { publication, kind: document.kind, key: document.key }
    });
    // In no order at all.
    changed.rev().collect()
}

async fn load(app: &TestApp) -> Arc<Published> {
    let transaction = app.state().database().begin_read().await.expect("a transaction");
    Arc::new(Published::load(&transaction, app.state().now()).await.expect("figures"))
}

/// Every publication, as it is listed.
async fn listed(app: &TestApp, published: &Published) -> Vec<Vintage> {
    published.vintages.list(app.state().database().reader(), |_| true).await.expect("publications")
}

/// What was known, and what was published since.
async fn grow(app: &TestApp, known: &Published) -> Arc<Published> {
    let transaction = app.state().database().begin_read().await.expect("a transaction");
    let seq = known.vintages.through();
    let mut changed = since(&transaction, seq).await;
    // Of what is known already, nothing happens again.
    changed.extend(since(&transaction, seq - 1).await.into_iter().filter(|one| one.publication.change_seq == seq));
    app.statements().reset();
    let grown = known.advance(&transaction, &changed).await.expect("figures");
    let revisions = changed.iter().any(|one| one.publication.change_seq > seq && one.publication.number.is_some());
    assert_eq!(app.statements().so_far(), usize::from(revisions), "the new revisions are read, and nothing else");
    Arc::new(grown)
}

async fn assert_same(app: &TestApp, grown: &Published, whole: &Published) {
    assert_eq!(grown.countries, whole.countries);
    assert_eq!(grown.categories, whole.categories);
    assert_eq!(grown.figures, whole.figures);
    assert_eq!(grown.metadata, whole.metadata);
    assert_eq!((grown.policy, grown.updated_at), (whole.policy, whole.updated_at));
    assert_eq!(listed(app, grown).await, listed(app, whole).await);
}

/// Sets the site's policy and publishes it.
async fn set(app: &TestApp, method: &str) {
    let administrator = app.administrator().await;
    let site = administrator.run("{ document(by: { site: true }) { version } }", json!({})).await;
    let disclosure = json!({ "method": method, "threshold": 10 });
    let input = json!({ "expectedVersion": site.at("/data/document/version"), "disclosure": disclosure });
    let saved = administrator.done("siteSave", input).await["document"].clone();
    administrator.done("publish", json!({ "id": saved["id"], "expectedVersion": saved["version"] })).await;
}

/// A change of one figure, and of the total with it, of each of the years.
fn residents(versions: &[(i64, i64)], country: &str, value: i64, is_release: bool) -> Value {
    let change = |(year, version): &(i64, i64)| {
        json!({
            "category": "RESIDENT", "year": year, "expectedVersion": version,
            "counts": [{ "country": country, "value": value }, { "country": "US", "value": 40 }],
        })
    };
    let sheets: Vec<Value> = versions.iter().map(change).collect();
    let cause = if is_release { json!("RELEASE") } else { json!("CORRECTION") };
    let reason = if is_release { Value::Null } else { json!("Counted again") };
    json!({ "sheets": sheets, "publish": true, "kind": cause, "reason": reason })
}

on_both_databases! {
    async fn figures_that_grow_with_each_publication_are_those_that_are_read_as_a_whole(app: TestApp) {
        for (round, method) in ["WARN", "SUPPRESS", "MERGE", "ROUND"].into_iter().enumerate() {
            set(&app, method).await;
            let mut known = load(&app).await;
            let years = [2030, 2031].map(|year| year + 10 * i64::try_from(round).expect("few rounds"));
            let editor = app.editor().await;
            let moment = app.state().now();

            bulk_done(&editor, residents(&years.map(|year| (year, 0)), "CN", 30, true)).await;
            known = grow(&app, &known).await;
            assert_same(&app, &known, &*load(&app).await).await;

            for (version, value) in [(1, 7), (2, 30), (3, 3)] {
                app.clock().advance(chrono::Duration::seconds(10));
                bulk_done(&editor, residents(&[(years[0], version)], "VN", value, false)).await;
                if version != 2 {
                    // Now and then two changes are brought in together.
                    known = grow(&app, &known).await;
                    assert_same(&app, &known, &*load(&app).await).await;
                }
            }

            let found = sheet(&editor, "RESIDENT", i32::try_from(years[1]).expect("a year")).await;
            editor.done("unpublish", json!({ "id": found["id"], "expectedVersion": found["version"] })).await;
            known = grow(&app, &known).await;
            assert_same(&app, &known, &*load(&app).await).await;
            editor.done("publish", json!({ "id": found["id"], "expectedVersion": found["version"], "kind": "RELEASE" })).await;
            // A country at the end of the list, and one that is new in the middle of it.
            publish_country(&editor, "CN", method).await;
            publish_country(&editor, ["FR", "DE", "IT", "ES"][round], method).await;
            known = grow(&app, &known).await;
            assert_same(&app, &known, &*load(&app).await).await;

            let whole = load(&app).await;
            let reader = app.state().database().reader();
            let grown = known.read_as_of(reader, moment).await.expect("an earlier state");
            let read = whole.read_as_of(reader, moment).await.expect("an earlier state");
            assert_eq!((&grown.figures, &grown.countries), (&read.figures, &read.countries));
            assert_ne!(grown.figures, known.figures);
        }
    }

    async fn what_is_no_figure_changes_none(app: TestApp) {
        let known = load(&app).await;
        set(&app, "WARN").await;
        let transaction = app.state().database().begin_read().await.expect("a transaction");
        let changed = since(&transaction, 0).await;
        assert!(changed.iter().any(|one| one.kind == DocumentKind::Site) && changed.len() > 20);
        let grown = known.advance(&transaction, &changed).await.expect("figures");
        assert_same(&app, &grown, &known).await;
    }
}
