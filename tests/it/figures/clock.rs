//! Clocks that are ahead, and set right again: what was published is in its order, and no moment goes back.

use api::delivery::feed;
use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};
use tests::{Client, EDITOR, TestApp, on_both_databases};

use super::{bulk_done, whole};

async fn editor(app: &TestApp) -> Client {
    app.bearer(&app.sign_in(EDITOR).await.access_token)
}

/// Publishes a value for a year of its own, and tells the fact sheet that is public then.
async fn publish(app: &TestApp, editor: &Client, version: i64, value: i64) -> String {
    let sheet = json!({
        "category": "TRAVEL", "year": 2040, "expectedVersion": version, "total": value,
        "counts": [{ "country": "CN", "value": value }],
    });
    let mut input = json!({ "sheets": [sheet], "publish": true });
    if version > 0 {
        input["kind"] = json!("CORRECTION");
        input["reason"] = json!("Counted again");
    }
    bulk_done(editor, input).await;
    whole(&app.anonymous(), "locale: \"en\"").await.answer()
}

async fn as_of(app: &TestApp, moment: DateTime<Utc>) -> String {
    let arguments = format!("locale: \"en\", asOf: \"{}\"", moment.to_rfc3339());
    whole(&app.anonymous(), &arguments).await.answer()
}

/// When each publication of the year was, as three queries tell.
async fn moments(app: &TestApp) -> Vec<DateTime<Utc>> {
    let document = "{
        vintages(year: 2040) { publishedAt }
        figureHistory(category: \"TRAVEL\", country: \"CN\", year: 2040) { publishedAt }
        factSheet(from: 2040) { provenance { lastUpdate } }
    }";
    let reply = app.anonymous().run(document, json!({})).await;
    let told = |place: &str| -> Vec<DateTime<Utc>> {
        let list = reply.at(place).as_array().expect("a list").iter();
        list.map(|one| one["publishedAt"].as_str().expect("a moment").parse().expect("a moment")).collect()
    };
    let vintages = told("/data/vintages");
    assert_eq!(told("/data/figureHistory"), vintages);
    let last: DateTime<Utc> =
        reply.at("/data/factSheet/provenance/lastUpdate").as_str().expect("a moment").parse().expect("a moment");
    assert_eq!(Some(&last), vintages.last());
    vintages
}

const AHEAD: Duration = Duration::days(400);
/// How long a clock must say that it is earlier than the newest change before it is believed.
const BELIEVED: Duration = Duration::minutes(10);

on_both_databases! {
    async fn what_was_published_while_the_clock_was_ahead_is_there_as_of_now_and_so_is_what_came_after(app: TestApp) {
        app.clock().advance(Duration::minutes(1));
        let (first, at_first) = (publish(&app, &editor(&app).await, 0, 10).await, app.clock().now());
        app.clock().advance(AHEAD);
        publish(&app, &editor(&app).await, 1, 20).await;
        app.clock().advance(Duration::minutes(1) - AHEAD);

        // Nothing is published since; still, what is public is what is told of now, once the clock is believed.
        for _ in 0..2 {
            feed::look(app.state()).await.expect("a look");
            app.clock().advance(BELIEVED);
        }
        let second = whole(&app.anonymous(), "locale: \"en\"").await.answer();
        assert!(second.contains("\"publishedTotal\":20"), "{second}");
        assert_eq!(as_of(&app, app.clock().now()).await, second);
        assert_eq!(as_of(&app, at_first).await, first);

        app.clock().advance(Duration::hours(1));
        let before_third = app.clock().now();
        app.clock().advance(Duration::minutes(1));
        let third = publish(&app, &editor(&app).await, 2, 30).await;
        app.clock().advance(Duration::hours(1));
        for process in [&app, &app.reopen().await] {
            assert_eq!(as_of(process, process.clock().now()).await, third);
            assert_eq!(as_of(process, before_third).await, second);
            assert_eq!(as_of(process, at_first).await, first);
            let moments = moments(process).await;
            assert_eq!(moments.len(), 3);
            assert!(moments.is_sorted() && moments[2] < process.clock().now(), "{moments:?}");
            for (moment, expected) in moments.into_iter().zip([&first, &second, &third]) {
                assert_eq!(&as_of(process, moment).await, expected, "{moment}");
            }
        }
        let changes = format!("{{ figureChanges(since: \"{}\") {{ until figures {{ after {{ value }} }} }} }}", before_third.to_rfc3339());
        let changes = app.anonymous().run(&changes, json!({})).await;
        assert_eq!(changes.at("/data/figureChanges/figures/0/after/value"), 30);
        let until: DateTime<Utc> = changes.at("/data/figureChanges/until").as_str().expect("a moment").parse().expect("a moment");
        assert!(until <= app.clock().now());
    }

    async fn a_clock_that_is_behind_for_a_while_changes_no_moment_of_what_was_published(app: TestApp) {
        app.clock().advance(Duration::minutes(1));
        let first = publish(&app, &editor(&app).await, 0, 10).await;
        app.clock().advance(Duration::minutes(1));
        publish(&app, &editor(&app).await, 1, 20).await;
        let before = moments(&app).await;
        for behind in [Duration::seconds(90), Duration::days(1), Duration::days(2_000)] {
            app.clock().advance(-behind);
            // As at the start of a machine, before its clock is set.
            for process in [&app, &app.reopen().await] {
                feed::look(process.state()).await.expect("a look");
                process.clock().advance(BELIEVED - Duration::seconds(1));
                feed::look(process.state()).await.expect("a look");
                process.clock().advance(Duration::seconds(1) - BELIEVED);
            }
            app.clock().advance(behind);
            feed::look(app.state()).await.expect("a look");
            for process in [&app, &app.reopen().await] {
                assert_eq!(moments(process).await, before);
                assert_eq!(as_of(process, before[0]).await, first);
            }
        }
    }

    async fn what_is_published_at_once_after_the_clock_was_set_right_is_there_as_of_then(app: TestApp) {
        app.clock().advance(Duration::minutes(1));
        let (first, at_first) = (publish(&app, &editor(&app).await, 0, 10).await, app.clock().now());
        app.clock().advance(AHEAD);
        publish(&app, &editor(&app).await, 1, 20).await;
        app.clock().advance(Duration::minutes(1) - AHEAD);
        // No look at the feed between.
        let (third, at_third) = (publish(&app, &editor(&app).await, 2, 30).await, app.clock().now());
        app.clock().advance(Duration::minutes(1));
        for process in [&app, &app.reopen().await] {
            assert_eq!(as_of(process, at_third).await, third);
            assert_eq!(as_of(process, at_third - Duration::milliseconds(1)).await, first);
            assert_eq!(as_of(process, at_first).await, first);
            assert!(moments(process).await.is_sorted());
        }
    }

    async fn of_two_processes_whose_clocks_differ_a_little_the_later_publication_is_later(app: TestApp) {
        app.clock().advance(Duration::minutes(1));
        publish(&app, &editor(&app).await, 0, 10).await;
        app.clock().advance(Duration::seconds(-30));
        let later = publish(&app, &editor(&app).await, 1, 20).await;
        app.clock().advance(Duration::minutes(2));
        let moments = moments(&app).await;
        assert!(moments[0] < moments[1], "{moments:?}");
        assert_eq!(as_of(&app, moments[1]).await, later);
    }

    async fn what_was_begun_while_the_clock_was_ahead_does_not_last_until_then(app: TestApp) {
        app.clock().advance(AHEAD);
        let session = app.sign_in(EDITOR).await;
        let ahead = app.bearer(&session.access_token);
        let page = ahead.run("{ document(by: { page: \"about-us\" }) { id version } }", json!({})).await;
        let id = page.at("/data/document/id").clone();
        let preview = ahead.done("previewCreate", json!({ "id": id, "version": page.at("/data/document/version") })).await;
        ahead.run("mutation($id: ID!) { leaseTake(input: { id: $id }) { errors { code } } }", json!({ "id": id })).await;
        ahead.keyed("a key that is used again").done("leaseRelease", json!({ "id": id })).await;
        ahead.run("mutation($id: ID!) { leaseTake(input: { id: $id }) { errors { code } } }", json!({ "id": id })).await;
        app.clock().advance(-AHEAD);

        assert_eq!(app.try_refresh(&session.refresh_token).await.at("/data/refreshSession/errors/0/code"), "SESSION_ENDED");
        assert_eq!(ahead.run("{ viewer { email } }", json!({})).await.code(), "UNAUTHENTICATED");
        let token = preview["preview"]["token"].as_str().expect("a token");
        assert_eq!(app.anonymous().previewing(token).run("{ site { name } }", json!({})).await.code(), "PREVIEW_ENDED");
        let now = editor(&app).await;
        let lease = now.run("query($id: ID!) { document(by: { id: $id }) { lease { holder } } }", json!({ "id": id })).await;
        assert_eq!(lease.at("/data/document/lease"), &Value::Null);
        // The answer of then is not given again, and one of now is kept.
        for _ in 0..2 {
            now.keyed("a key that is used again").done("leaseRelease", json!({ "id": id })).await;
        }
    }

    async fn a_process_whose_clock_was_set_back_does_not_pass_for_fresh(app: TestApp) {
        feed::look(app.state()).await.expect("a look");
        app.clock().advance(-Duration::days(1));
        feed::look(app.state()).await.expect("a look");
        app.clock().advance(Duration::seconds(90));
        assert_eq!(app.state().feed().age(app.clock().now()).as_secs(), 90);
    }
}
