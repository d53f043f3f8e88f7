//! What is to happen at a moment to come.

use api::document::schedule::run_due;
use chrono::{Duration, TimeDelta};
use entities::{ActorKind, AuditOutcome, Role, audit_entry};
use sea_orm::{EntityTrait, QueryOrder};
use serde_json::{Value, json};
use tests::{EDITOR, TestApp, commands, on_both_databases, sabotage::Sabotage};

use super::{Desk, look, public, seen, seen_with, written};

/// The input of a schedule this much later, as it is said in Tokyo.
fn later(app: &TestApp, document: &Value, action: &str, after: TimeDelta) -> Value {
    let at = (app.clock().now() + after + Duration::hours(9)).format("%Y-%m-%dT%H:%M:%S").to_string();
    seen_with(document, &json!({ "action": action, "at": at, "timeZone": "Asia/Tokyo" }))
}

async fn run(app: &TestApp) -> usize {
    run_due(app.state()).await.expect("schedules are carried out")
}

/// A page that is public and a text of it that is not.
async fn draft(desk: &Desk, slug: &str, body: &str) -> Value {
    let page = desk.page(slug).await;
    desk.publish(&[&page]).await;
    desk.text(&page, "en", slug, body).await
}

/// How the schedules of a document stand, the pending ones first.
async fn outcomes(desk: &Desk, document: &Value) -> Vec<(Value, Value)> {
    let now = desk.now(document).await;
    let schedules = now["schedules"].as_array().expect("schedules");
    schedules.iter().map(|one| (one["outcome"].clone(), one["failureCode"].clone())).collect()
}

async fn failed(desk: &Desk) -> Vec<Value> {
    let found = desk.ask("{ documents(filter: { failedSchedule: true }) { nodes { id } } }", json!({})).await;
    found["documents"]["nodes"].as_array().expect("documents").iter().map(|node| node["id"].clone()).collect()
}

async fn publications(desk: &Desk, document: &Value) -> Vec<Value> {
    let query =
        "query($id: ID!) { history(id: $id) { publications { version actor publishedBy reason publishedAt } } }";
    let found = desk.ask(query, json!({ "id": document["id"] })).await;
    found["history"]["publications"].as_array().expect("publications").clone()
}

on_both_databases! {
    async fn a_failure_is_told_until_somebody_has_seen_to_it(app: TestApp) {
        let desk = Desk::of(&app).await;
        let text = draft(&desk, "dead-end", "See [there](/nowhere).").await;
        desk.done("schedule", later(&app, &text, "PUBLISH", Duration::minutes(2))).await;
        app.clock().advance(Duration::minutes(2));
        assert_eq!(run(&app).await, 1);
        assert_eq!(outcomes(&desk, &text).await, [(json!("FAILED"), json!("PUBLISH_BLOCKED"))]);
        assert_eq!(failed(&desk).await, [text["id"].clone()]);
        app.clock().advance(Duration::seconds(1));
        let mended = json!({
            "pageId": text["ownerId"], "locale": "en", "expectedVersion": text["version"], "body": "See [us](/about-us)."
        });
        let text = desk.done("pageTextSave", mended).await;
        assert_eq!((outcomes(&desk, &text).await, failed(&desk).await), (Vec::new(), Vec::new()));
    }

    async fn a_schedule_that_the_database_cannot_carry_out_now_is_carried_out_later(app: TestApp) {
        let (desk, sabotage) = (Desk::of(&app).await, Sabotage::of(&app).await);
        let text = draft(&desk, "patient", "Now").await;
        desk.done("schedule", later(&app, &text, "PUBLISH", Duration::minutes(2))).await;
        app.clock().advance(Duration::minutes(2));
        for fails_at_commit in [false, true] {
            if fails_at_commit {
                sabotage.fail_commits("53100").await;
            } else {
                sabotage.fail_statements("53100").await;
            }
            run_due(app.state()).await.expect_err("no room");
            sabotage.mend().await;
            assert_eq!(outcomes(&desk, &text).await, [(Value::Null, Value::Null)], "still pending");
        }
        assert_eq!(run(&app).await, 1);
        assert_eq!((outcomes(&desk, &text).await, publications(&desk, &text).await.len()), (Vec::new(), 1));
    }

    async fn a_schedule_fires_exactly_once_though_two_processes_look(app: TestApp) {
        let desk = Desk::of(&app).await;
        let replica = app.reopen().await;
        let text = draft(&desk, "soon", "Now").await;
        let mut input = later(&app, &text, "PUBLISH", Duration::minutes(2));
        input["reason"] = json!("Opening day");
        let set = desk.done("schedule", input).await;
        assert_eq!((&set["state"], &set["schedules"][0]["createdBy"]), (&json!("SCHEDULED"), &json!(EDITOR.email)));
        assert_eq!(set["schedules"][0]["at"], "2026-01-15T00:02:00+00:00");
        app.clock().advance(Duration::seconds(119));
        assert_eq!((run(&app).await, run(&replica).await), (0, 0), "not a second early");
        app.clock().advance(Duration::seconds(1));
        let (here, there) = tokio::join!(run(&app), run(&replica));
        assert_eq!(here + there, 1);
        assert_eq!((run(&app).await, run(&replica).await), (0, 0), "and not again");
        for process in [&app, &replica] {
            look(process).await;
            assert_eq!(public(process, "soon", "en").await["body"]["markdown"], "Now");
        }
        let text = desk.now(&text).await;
        assert_eq!((&text["state"], &text["schedules"]), (&json!("PUBLISHED"), &json!([])));

        let published = publications(&desk, &text).await;
        let expected = json!([{
            "version": 1, "actor": "SCHEDULE", "publishedBy": EDITOR.email, "reason": "Opening day",
            "publishedAt": "2026-01-15T00:02:00+00:00",
        }]);
        assert_eq!(json!(published), expected);
        let newest = audit_entry::Entity::find().order_by_desc(audit_entry::COLUMN.seq);
        let entry = newest.one(app.state().database().reader()).await.expect("readable").expect("an entry");
        assert_eq!((entry.actor_kind, entry.outcome, entry.code), (ActorKind::Schedule, AuditOutcome::Done, None));
        assert_eq!(entry.version.map(i64::from), Some(1));
    }

    async fn a_notice_is_published_and_withdrawn_when_it_was_said(app: TestApp) {
        let desk = Desk::of(&app).await;
        let text = draft(&desk, "notice", "Closed tomorrow").await;
        desk.done("schedule", later(&app, &text, "UNPUBLISH", Duration::minutes(4))).await;
        let set = desk.done("schedule", later(&app, &text, "PUBLISH", Duration::minutes(2))).await;
        let actions: Vec<_> =
            set["schedules"].as_array().expect("schedules").iter().map(|one| one["action"].clone()).collect();
        assert_eq!(actions, ["PUBLISH", "UNPUBLISH"], "the next one first");
        app.clock().advance(Duration::minutes(2));
        assert_eq!(run(&app).await, 1);
        assert_eq!(public(&app, "notice", "en").await["body"]["markdown"], "Closed tomorrow");
        // A corrected word does not keep it from going.
        let text = desk.write(&text, "Closed today").await;
        app.clock().advance(Duration::minutes(2));
        assert_eq!(run(&app).await, 1);
        assert_eq!(public(&app, "notice", "en").await, Value::Null);
        assert_eq!(desk.now(&text).await["state"], "UNPUBLISHED");
        let actors: Vec<_> = publications(&desk, &text).await.iter().map(|one| one["actor"].clone()).collect();
        assert_eq!(actors, ["SCHEDULE", "SCHEDULE"]);
    }

    async fn a_process_that_slept_does_both_in_their_order(app: TestApp) {
        let desk = Desk::of(&app).await;
        let text = draft(&desk, "notice", "Closed tomorrow").await;
        desk.done("schedule", later(&app, &text, "UNPUBLISH", Duration::minutes(4))).await;
        desk.done("schedule", later(&app, &text, "PUBLISH", Duration::minutes(2))).await;
        app.clock().advance(Duration::minutes(8));
        assert_eq!(run(&app).await, 2);
        let versions: Vec<_> = publications(&desk, &text).await.iter().map(|one| one["version"].clone()).collect();
        assert_eq!(versions, [Value::Null, json!(1)]);
    }

    async fn a_time_must_be_to_come_exist_and_be_one(app: TestApp) {
        let desk = Desk::of(&app).await;
        let text = draft(&desk, "soon", "").await;
        let at = |at: &str, zone: &str| seen_with(&text, &json!({ "action": "PUBLISH", "at": at, "timeZone": zone }));
        for (input, fault) in [
            (at("2026-01-15T09:00:00", "Asia/Tokyo"), "input.at IN_THE_PAST"),
            (at("2026-01-15T08:59:59", "Asia/Tokyo"), "input.at IN_THE_PAST"),
            (at("2026-10-25T02:30:00", "Europe/Berlin"), "input.occurrence AMBIGUOUS_TIME"),
            (at("2026-03-29T02:30:00", "Europe/Berlin"), "input.at NONEXISTENT_TIME"),
            (at("2026-10-25T02:30:00", "Europe/Tokyo"), "input.timeZone UNKNOWN"),
            (at("2026-10-25T02:30:00", ""), "input.timeZone UNKNOWN"),
        ] {
            assert_eq!(desk.refused("schedule", input.clone()).await, [fault], "{input}");
        }
        for (occurrence, moment) in [("FIRST", "2026-10-25T00:30:00+00:00"), ("SECOND", "2026-10-25T01:30:00+00:00")] {
            let mut input = at("2026-10-25T02:30:00", "Europe/Berlin");
            input["occurrence"] = json!(occurrence);
            let set = desk.done("schedule", input).await;
            assert_eq!(set["schedules"].as_array().map(Vec::len), Some(1), "the new one replaces the old one");
            assert_eq!(set["schedules"][0]["at"], moment);
            assert_eq!(set["schedules"][0]["timeZone"], "Europe/Berlin");
        }
        let reply = desk.client.mutate("schedule", at("tomorrow", "Asia/Tokyo")).await;
        assert_eq!((reply.status(), reply.code()), (400, "BAD_USER_INPUT"), "nothing runs of such a request");
        assert_eq!(reply.at("/errors/0/extensions/faults/0/path"), &json!(["$input", "at"]));
    }

    async fn what_was_saved_since_is_not_published_and_the_schedule_says_why(app: TestApp) {
        let desk = Desk::of(&app).await;
        let text = draft(&desk, "soon", "Looked at").await;
        assert_eq!(failed(&desk).await, [] as [Value; 0]);
        desk.done("schedule", later(&app, &text, "PUBLISH", Duration::minutes(1))).await;
        let text = desk.write(&text, "Not looked at").await;
        assert_eq!(text["state"], "SCHEDULED");
        app.clock().advance(Duration::minutes(1));
        assert_eq!(run(&app).await, 1);
        assert_eq!(public(&app, "soon", "en").await, Value::Null);
        let text = desk.now(&text).await;
        assert_eq!(text["state"], "NEVER_PUBLISHED");
        let schedule = &text["schedules"][0];
        assert_eq!((&schedule["outcome"], &schedule["failureCode"]), (&json!("FAILED"), &json!("VERSION_CONFLICT")));
        assert!(schedule["failureMessage"].as_str().is_some_and(str::is_ascii), "{schedule}");
        assert!(schedule["failureMessageJa"].as_str().is_some_and(|text| !text.is_ascii()), "{schedule}");
        assert_eq!(failed(&desk).await, [text["id"].clone()]);
        let newest = audit_entry::Entity::find().order_by_desc(audit_entry::COLUMN.seq);
        let entry = newest.one(app.state().database().reader()).await.expect("readable").expect("an entry");
        assert_eq!((entry.actor_kind, entry.outcome), (ActorKind::Schedule, AuditOutcome::Refused));
        assert_eq!(entry.code.as_deref(), Some("VERSION_CONFLICT"));
        assert_eq!(run(&app).await, 0, "what has failed is not tried again");
    }

    async fn what_no_longer_passes_the_checks_is_not_published(app: TestApp) {
        let desk = Desk::of(&app).await;
        let (target, _) = desk.published("target", &["en"]).await;
        let text = draft(&desk, "soon", "[There](/target)").await;
        desk.done("schedule", later(&app, &text, "PUBLISH", Duration::minutes(1))).await;
        desk.done("unpublish", seen(&target)).await;
        app.clock().advance(Duration::minutes(1));
        assert_eq!(run(&app).await, 1);
        assert_eq!(outcomes(&desk, &text).await, [(json!("FAILED"), json!("PUBLISH_BLOCKED"))]);
        assert_eq!(public(&app, "soon", "en").await, Value::Null);
        assert_eq!(publications(&desk, &text).await, [] as [Value; 0], "nothing of it stays");
    }

    async fn whoever_was_shut_out_publishes_nothing_any_more(app: TestApp) {
        commands::add(app.state(), "leaver@example.org", Role::Editor, &[], "a leaver's password").await.expect("an account");
        let reply = app.try_sign_in("leaver@example.org", "a leaver's password").await;
        let token = reply.at("/data/signIn/session/accessToken").as_str().expect("a token").to_owned();
        let leaver = Desk { client: app.bearer(&token) };
        let text = draft(&leaver, "soon", "Revenge").await;
        leaver.done("schedule", later(&app, &text, "PUBLISH", Duration::minutes(1))).await;
        commands::disable(app.state(), "leaver@example.org").await.expect("disabled");
        app.clock().advance(Duration::minutes(1));
        assert_eq!(run(&app).await, 1);
        let desk = Desk::of(&app).await;
        assert_eq!(outcomes(&desk, &text).await, [(json!("FAILED"), json!("FORBIDDEN"))]);
        assert_eq!(public(&app, "soon", "en").await, Value::Null);
    }

    async fn a_schedule_called_off_replaced_or_done_by_hand_does_not_fire(app: TestApp) {
        let desk = Desk::of(&app).await;
        let [called_off, by_hand, replaced, archived] = [
            draft(&desk, "called-off", "").await,
            draft(&desk, "by-hand", "").await,
            draft(&desk, "replaced", "").await,
            draft(&desk, "put-away", "").await,
        ];
        for text in [&called_off, &by_hand, &replaced, &archived] {
            desk.done("schedule", later(&app, text, "PUBLISH", Duration::minutes(1))).await;
        }
        let id = desk.now(&called_off).await["schedules"][0]["id"].clone();
        let document = desk.done("scheduleCancel", json!({ "id": id })).await;
        assert_eq!((&document["state"], &document["schedules"]), (&json!("NEVER_PUBLISHED"), &json!([])));
        assert_eq!(desk.refused("scheduleCancel", json!({ "id": id })).await, ["NOT_FOUND"]);
        assert_eq!(desk.refused("scheduleCancel", json!({ "id": called_off["id"] })).await, ["input.id UNKNOWN"]);
        desk.done("publish", seen(&by_hand)).await;
        desk.done("schedule", later(&app, &replaced, "PUBLISH", Duration::minutes(3))).await;
        desk.done("archive", seen(&archived)).await;
        app.clock().advance(Duration::minutes(2));
        assert_eq!(run(&app).await, 0);
        assert_eq!(publications(&desk, &by_hand).await.len(), 1);
        assert_eq!(public(&app, "replaced", "en").await, Value::Null);
        app.clock().advance(Duration::minutes(1));
        assert_eq!(run(&app).await, 1);
        assert!(public(&app, "replaced", "en").await.is_object());
        assert_eq!(failed(&desk).await, [] as [Value; 0]);
        assert_eq!(desk.refused("schedule", later(&app, &archived, "PUBLISH", Duration::minutes(1))).await, ["input.id ARCHIVED"]);
    }

    async fn what_is_due_at_one_moment_goes_together_in_whatever_order_it_was_set(app: TestApp) {
        let desk = Desk::of(&app).await;
        let page = desk.page("opening").await;
        let text = desk.text(&page, "ja", "開院", "See [parking](/parking).").await;
        let below = desk.done("pageCreate", json!({ "slug": "below", "parentId": page["id"] })).await;
        let other = desk.page("parking").await;
        let other_text = desk.text(&other, "ja", "駐車場", "Back to [the opening](/opening).").await;
        // What needs others first, what others need last.
        for document in [&text, &other_text, &below, &page, &other] {
            desk.done("schedule", later(&app, document, "PUBLISH", Duration::minutes(2))).await;
        }
        let before = written(&app).await;
        app.clock().advance(Duration::minutes(2));
        assert_eq!(run(&app).await, 5);
        for document in [&text, &other_text, &below, &page, &other] {
            let now = desk.now(document).await;
            assert_eq!((&now["state"], &now["schedules"]), (&json!("PUBLISHED"), &json!([])), "{}", now["key"]);
        }
        assert!(public(&app, "opening", "ja").await.is_object());
        let after = written(&app).await;
        assert_eq!((after[2] - before[2], after[3] - before[3]), (1, 5), "one change, and an audit entry for each schedule");

        for document in [&page, &below, &other] {
            desk.done("schedule", later(&app, document, "UNPUBLISH", Duration::minutes(2))).await;
        }
        app.clock().advance(Duration::minutes(2));
        assert_eq!(run(&app).await, 3);
        assert_eq!((failed(&desk).await, public(&app, "opening", "ja").await), (Vec::new(), Value::Null));
    }

    async fn what_cannot_be_kept_holds_up_nothing_that_is_due_at_the_same_moment(app: TestApp) {
        let desk = Desk::of(&app).await;
        let page = desk.page("fit").await;
        let text = desk.text(&page, "ja", "Fit", "").await;
        let dead = draft(&desk, "dead-end", "See [there](/nowhere).").await;
        let moved_on = draft(&desk, "moved-on", "First").await;
        // Links to what cannot go out, and so cannot either.
        let needs_dead = draft(&desk, "needs-dead", "See [it](/dead-end).").await;
        for document in [&dead, &needs_dead, &moved_on, &text, &page] {
            desk.done("schedule", later(&app, document, "PUBLISH", Duration::minutes(2))).await;
        }
        desk.write(&moved_on, "Second").await;
        app.clock().advance(Duration::minutes(2));
        assert_eq!(run(&app).await, 5);
        assert!(public(&app, "fit", "ja").await.is_object());
        for (document, code) in
            [(&dead, "PUBLISH_BLOCKED"), (&needs_dead, "PUBLISH_BLOCKED"), (&moved_on, "VERSION_CONFLICT")]
        {
            assert_eq!(outcomes(&desk, document).await, [(json!("FAILED"), json!(code))], "{}", document["key"]);
        }
    }
}
