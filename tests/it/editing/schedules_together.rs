//! Schedules that meet: of one moment for one document, withdrawals that others need, and one that cannot be carried out.

use api::document::schedule::run_due;
use chrono::{Duration, TimeDelta};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use tests::{TestApp, on_both_databases, sabotage::Sabotage};

use super::{Desk, look, public, seen, seen_with};

/// The input of a schedule this much later.
fn later(app: &TestApp, document: &Value, action: &str, after: TimeDelta) -> Value {
    let at = (app.clock().now() + after).format("%Y-%m-%dT%H:%M:%SZ").to_string();
    seen_with(document, &json!({ "action": action, "at": at, "timeZone": "UTC" }))
}

fn breaking(mut input: Value) -> Value {
    input["breakLinks"] = json!(true);
    input
}

async fn run(app: &TestApp) -> usize {
    run_due(app.state()).await.expect("schedules are carried out")
}

/// The outcome and the failure of each schedule that a document tells of.
async fn outcomes(desk: &Desk, document: &Value) -> Vec<(Value, Value)> {
    let now = desk.now(document).await;
    let schedules = now["schedules"].as_array().expect("schedules");
    schedules.iter().map(|one| (one["outcome"].clone(), one["failureCode"].clone())).collect()
}

on_both_databases! {
    async fn nothing_is_scheduled_to_come_and_to_go_at_one_moment(app: TestApp) {
        let desk = Desk::of(&app).await;
        let (page, texts) = desk.published("both", &["ja", "en"]).await;
        let draft = desk.write(&texts[1], "Second").await;
        let minute = Duration::minutes(1);
        for (first, second) in [
            ((&draft, "PUBLISH"), (&draft, "UNPUBLISH")),
            ((&draft, "UNPUBLISH"), (&draft, "PUBLISH")),
            ((&draft, "PUBLISH"), (&page, "UNPUBLISH")),
            ((&page, "UNPUBLISH"), (&draft, "PUBLISH")),
        ] {
            let set = desk.done("schedule", later(&app, first.0, first.1, minute)).await;
            let refused = desk.refused("schedule", later(&app, second.0, second.1, minute)).await;
            assert_eq!(refused, ["input.at OPPOSITE_SCHEDULE"], "{} then {}", first.1, second.1);
            // A moment later it may, and what is called off opposes nothing.
            desk.done("schedule", later(&app, second.0, second.1, minute + Duration::seconds(1))).await;
            for document in [&set, second.0] {
                for schedule in desk.now(document).await["schedules"].as_array().expect("schedules") {
                    desk.done("scheduleCancel", json!({ "id": schedule["id"] })).await;
                }
            }
        }
        // A page may go on without one of its texts.
        desk.done("schedule", later(&app, &page, "PUBLISH", minute)).await;
        desk.done("schedule", later(&app, &draft, "UNPUBLISH", minute)).await;
    }

    async fn what_comes_and_goes_at_one_moment_all_the_same_is_gone_and_holds_up_nothing(app: TestApp) {
        let (desk, past) = (Desk::of(&app).await, Sabotage::of(&app).await);
        let (page, texts) = desk.published("both", &["ja", "en"]).await;
        let (other, _) = desk.published("other", &["ja"]).await;
        let draft = desk.write(&texts[1], "Second").await;
        desk.done("schedule", later(&app, &page, "UNPUBLISH", Duration::minutes(1))).await;
        desk.done("schedule", later(&app, &draft, "PUBLISH", Duration::minutes(2))).await;
        desk.done("schedule", later(&app, &draft, "UNPUBLISH", Duration::minutes(3))).await;
        desk.done("schedule", later(&app, &other, "UNPUBLISH", Duration::minutes(4))).await;
        // As an earlier version of Almanac let them be set.
        let together = "UPDATE schedules SET due_at = (SELECT min(due_at) FROM schedules)";
        past.connection().execute_unprepared(together).await.expect("one moment");
        app.clock().advance(Duration::minutes(5));
        assert_eq!(run(&app).await, 4);
        look(&app).await;
        assert_eq!((public(&app, "both", "en").await, public(&app, "other", "ja").await), (Value::Null, Value::Null));
        for document in [&page, &draft, &other] {
            assert_eq!(outcomes(&desk, document).await, [], "{}", document["key"]);
            assert_eq!(desk.now(document).await["state"], "UNPUBLISHED");
        }
        assert_eq!(run(&app).await, 0);
    }

    async fn a_schedule_that_fails_for_no_known_reason_is_told_and_holds_up_nothing(app: TestApp) {
        let (desk, sabotage) = (Desk::of(&app).await, Sabotage::of(&app).await);
        let mut documents = Vec::new();
        for slug in ["cursed", "same-moment", "next-moment"] {
            documents.push(desk.published(slug, &["ja"]).await.0);
        }
        for (document, minutes) in documents.iter().zip([1, 1, 2]) {
            desk.done("schedule", later(&app, document, "UNPUBLISH", Duration::minutes(minutes))).await;
        }
        sabotage.refuse_publications_of(&documents[0]["id"]).await;
        app.clock().advance(Duration::minutes(3));
        assert_eq!(run(&app).await, 3);
        sabotage.mend().await;
        assert_eq!(outcomes(&desk, &documents[0]).await, [(json!("FAILED"), json!("INTERNAL"))]);
        let found = desk.ask("{ documents(filter: { failedSchedule: true }) { nodes { id } } }", json!({})).await;
        assert_eq!(found["documents"]["nodes"], json!([{ "id": documents[0]["id"] }]));
        look(&app).await;
        assert!(public(&app, "cursed", "ja").await.is_object(), "nothing is half done");
        for slug in ["same-moment", "next-moment"] {
            assert_eq!(public(&app, slug, "ja").await, Value::Null, "{slug}");
        }
        assert_eq!(run(&app).await, 0, "what has failed is not tried again");
    }

    async fn a_scheduled_withdrawal_breaks_links_only_on_purpose(app: TestApp) {
        let desk = Desk::of(&app).await;
        let (target, target_texts) = desk.published("target", &["en"]).await;
        let (linking, texts) = desk.published("linking", &["en"]).await;
        let text = desk.write(&texts[0], "See [there](/target).").await;
        desk.publish(&[&text]).await;
        desk.done("schedule", later(&app, &target, "UNPUBLISH", Duration::minutes(1))).await;
        app.clock().advance(Duration::minutes(1));
        assert_eq!(run(&app).await, 1);
        assert_eq!(outcomes(&desk, &target).await, [(json!("FAILED"), json!("BAD_USER_INPUT"))]);
        assert!(public(&app, "target", "en").await.is_object());
        // What links to it may go with it, whichever goes first.
        let back = desk.write(&target_texts[0], "Back to [it](/linking).").await;
        desk.publish(&[&back]).await;
        for page in [&target, &linking] {
            desk.done("schedule", later(&app, page, "UNPUBLISH", Duration::minutes(1))).await;
        }
        app.clock().advance(Duration::minutes(1));
        assert_eq!(run(&app).await, 2);
        for page in [&target, &linking] {
            assert_eq!(desk.now(page).await["state"], "UNPUBLISHED", "{}", page["key"]);
        }
        desk.publish(&[&target, &linking]).await;
        let set = desk.done("schedule", breaking(later(&app, &target, "UNPUBLISH", Duration::minutes(1)))).await;
        let of_set = "query($id: ID!) { document(by: { id: $id }) { schedules { breakLinks } } }";
        let told = desk.ask(of_set, json!({ "id": set["id"] })).await;
        assert_eq!(told["document"]["schedules"][0], json!({ "breakLinks": true }), "the next one first");
        app.clock().advance(Duration::minutes(1));
        assert_eq!(run(&app).await, 1);
        assert_eq!(desk.now(&target).await["state"], "UNPUBLISHED");
    }

    async fn a_text_in_a_required_locale_stays_as_long_as_others_do(app: TestApp) {
        let desk = Desk::of_administrator(&app).await;
        let (page, texts) = desk.published("both", &["ja", "en"]).await;
        let site = desk.find(json!({ "site": true })).await;
        let site = desk
            .done("siteSave", json!({ "expectedVersion": site["version"], "requiredLocales": ["ja"] }))
            .await;
        desk.publish(&[&site]).await;
        for mutation in ["unpublish", "archive"] {
            assert_eq!(desk.refused(mutation, seen(&texts[0])).await, ["input.id REQUIRED_LOCALE"], "{mutation}");
        }
        desk.done("schedule", later(&app, &texts[0], "UNPUBLISH", Duration::minutes(1))).await;
        app.clock().advance(Duration::minutes(1));
        assert_eq!(run(&app).await, 1);
        assert_eq!(outcomes(&desk, &texts[0]).await, [(json!("FAILED"), json!("BAD_USER_INPUT"))]);
        // Together they may go, and with their page.
        for text in &texts {
            desk.done("schedule", later(&app, text, "UNPUBLISH", Duration::minutes(1))).await;
        }
        app.clock().advance(Duration::minutes(1));
        assert_eq!(run(&app).await, 2);
        desk.publish(&[&texts[0], &texts[1]]).await;
        for document in [&texts[0], &page] {
            desk.done("schedule", later(&app, document, "UNPUBLISH", Duration::minutes(1))).await;
        }
        app.clock().advance(Duration::minutes(1));
        assert_eq!(run(&app).await, 2);
        assert_eq!(outcomes(&desk, &texts[0]).await, []);
        desk.publish(&[&page]).await;
        // The last one may go by itself.
        desk.done("unpublish", seen(&texts[1])).await;
        desk.done("unpublish", seen(&texts[0])).await;
    }
}
