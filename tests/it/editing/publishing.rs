//! Publishing several documents together, and what stands in the way.

use entities::change;
use sea_orm::{EntityTrait, PaginatorTrait};
use serde_json::{Value, json};
use tests::{Reply, TestApp, on_both_databases};

use super::{Desk, fault, public, seen, seen_with, together, written};

const CHECK: &str = r#"query($ids: [ID!]!) { publishCheck(ids: $ids) {
    __typename code path message ja: message(locale: "ja") rule remedy remedyJa: remedy(locale: "ja") documentId
} }"#;

async fn check(desk: &Desk, documents: &[&Value]) -> Vec<Value> {
    let ids: Vec<_> = documents.iter().map(|document| document["id"].clone()).collect();
    desk.ask(CHECK, json!({ "ids": ids })).await["publishCheck"].as_array().expect("blockers").clone()
}

/// Publishing is refused for exactly what the check says, and neither of them changes anything.
async fn blocked(app: &TestApp, desk: &Desk, documents: &[&Value]) -> Vec<Value> {
    let before = written(app).await;
    let checked = check(desk, documents).await;
    assert_eq!(written(app).await, before, "a check writes nothing, not even an audit entry");
    let outcome = desk.run("publishMany", together(documents)).await;
    assert_eq!(outcome.errors.iter().map(plain).collect::<Vec<_>>(), checked);
    assert_eq!(outcome.done, json!([]));
    let [revisions, publications, changes, audit] = before;
    assert_eq!(
        written(app).await,
        [revisions, publications, changes, audit + 1],
        "the refusal is all that is recorded"
    );
    checked
}

/// A refusal as the check tells it: it knows one type of blocker, and no numbers beside its words.
fn plain(error: &Value) -> Value {
    let mut error = error.clone();
    if error["__typename"] == "ReconciliationError" {
        error["__typename"] = "PublishBlocker".into();
        let fields = error.as_object_mut().expect("fields");
        for field in ["category", "year", "publishedTotal", "sumOfCountries", "difference"] {
            assert!(fields.remove(field).is_some(), "no {field}");
        }
    }
    error
}

async fn changes(app: &TestApp) -> u64 {
    change::Entity::find().count(app.state().database().reader()).await.expect("a number")
}

/// Sets the locales that a text must be in first.
async fn require(app: &TestApp, locales: &[&str]) {
    let desk = Desk::of_administrator(app).await;
    let site = desk.find(json!({ "site": true })).await;
    let input = json!({ "expectedVersion": site["version"], "requiredLocales": locales });
    let site = desk.done("siteSave", input).await;
    desk.done("publish", seen(&site)).await;
}

on_both_databases! {
    async fn documents_are_published_together_in_any_order_as_one_change(app: TestApp) {
        let desk = Desk::of(&app).await;
        let above = desk.page("above").await;
        let below = desk.done("pageCreate", json!({ "slug": "below", "parentId": above["id"] })).await;
        let en = desk.text(&below, "en", "Below", "").await;
        let ja = desk.text(&below, "ja", "下", "").await;
        let top = desk.text(&above, "en", "Above", "").await;
        let before = changes(&app).await;
        let done = desk.publish(&[&en, &below, &ja, &top, &above]).await;
        assert_eq!(changes(&app).await, before + 1);
        let ids: Vec<_> = done.iter().map(|document| document["id"].clone()).collect();
        assert_eq!(json!(ids), json!([en["id"], below["id"], ja["id"], top["id"], above["id"]]), "in the order of the input");
        assert!(done.iter().all(|document| document["state"] == "PUBLISHED"));
        assert_eq!(public(&app, "below", "en").await["parent"]["slug"], "above");
        assert_eq!(public(&app, "below", "ja").await["title"], "下");
        desk.publish(&[&done[0]]).await;
        assert_eq!(changes(&app).await, before + 1, "what is public already stays as it is");
    }

    async fn one_that_cannot_be_published_keeps_all_back(app: TestApp) {
        let desk = Desk::of(&app).await;
        let (good, bad) = (desk.page("good").await, desk.page("bad").await);
        let text = desk.text(&good, "en", "Good", "").await;
        let dead = desk.text(&bad, "en", "Bad", "[No](/nowhere)").await;
        let found = blocked(&app, &desk, &[&good, &text, &bad, &dead]).await;
        assert_eq!(found.iter().map(fault).collect::<Vec<_>>(), ["body DEAD_LINK"]);
        for document in [&good, &text, &bad, &dead] {
            assert_eq!(desk.now(document).await["state"], "NEVER_PUBLISHED");
        }
        assert_eq!(public(&app, "good", "en").await, Value::Null);

        let newer = desk.write(&text, "Newer").await;
        let stale = together(&[&good, &text]);
        let outcome = desk.run("publishMany", stale).await;
        assert_eq!(outcome.faults(), ["VERSION_CONFLICT"]);
        assert_eq!(outcome.errors[0]["current"]["id"], text["id"]);
        assert_eq!(desk.now(&good).await["state"], "NEVER_PUBLISHED");
        let archived = desk.done("archive", seen(&bad)).await;
        let input = together(&[&good, &newer, &archived]);
        assert_eq!(desk.refused("publishMany", input).await, ["input.documents.2.id ARCHIVED"]);
        let reply = desk.client.run(CHECK, json!({ "ids": [good["id"], archived["id"]] })).await;
        assert_eq!(reply.at("/data/publishCheck/0/rule"), "ARCHIVED");
        assert_eq!(reply.at("/data/publishCheck/0/documentId"), &archived["id"]);
        let twice = together(&[&good, &newer, &good]);
        assert_eq!(desk.refused("publishMany", twice).await, ["input.documents.2.id DUPLICATE"]);
        assert_eq!(desk.refused("publishMany", together(&[])).await, ["input.documents REQUIRED"]);
        let stranger = json!({ "documents": [seen(&good), { "id": "x", "expectedVersion": 1 }] });
        assert_eq!(desk.refused("publishMany", stranger).await, ["input.documents.1.id UNKNOWN"]);
        let many = vec![seen(&good); 201];
        assert!(desk.refused("publishMany", json!({ "documents": many })).await.contains(&"input.documents TOO_MANY".to_owned()));
        desk.publish(&[&newer, &good]).await;
    }

    async fn every_blocker_says_where_why_and_what_to_do_in_both_languages(app: TestApp) {
        let desk = Desk::of(&app).await;
        require(&app, &["ja"]).await;
        let above = desk.page("above").await;
        let below = desk.done("pageCreate", json!({ "slug": "below", "parentId": above["id"] })).await;
        let orphan = desk.text(&desk.page("orphan").await, "ja", "孤児", "").await;
        let page = desk.page("flawed").await;
        let body = "![](chart.png) and [there](/nowhere#part) and [here](/about-us) and [out](https://example.org/x)";
        let flawed = desk.text(&page, "en", "Flawed", body).await;
        let input = json!({
            "category": "RESIDENT", "year": 2030, "expectedVersion": 0, "total": 5,
            "counts": [{ "country": "CN", "value": 3 }],
        });
        let sheet = desk.done("visitCountsUpdate", input).await;
        let all = [&below, &orphan, &page, &flawed, &sheet];
        let found = blocked(&app, &desk, &all).await;
        let mut told: Vec<(String, &Value)> = found.iter().map(|one| (fault(one), &one["documentId"])).collect();
        told.sort_by(|one, other| one.0.cmp(&other.0));
        let sheet_id = &desk.find(json!({ "yearSheet": { "category": "RESIDENT", "year": 2030 } })).await["id"];
        let expected = [
            ("body DEAD_LINK".to_owned(), &flawed["id"]),
            ("body IMAGE_TEXT".to_owned(), &flawed["id"]),
            ("locale REQUIRED_LOCALE".to_owned(), &flawed["id"]),
            ("pageId NOT_PUBLISHED".to_owned(), &orphan["id"]),
            ("parentId NOT_PUBLISHED".to_owned(), &below["id"]),
            ("total UNEXPLAINED_DIFFERENCE".to_owned(), sheet_id),
        ];
        assert_eq!(told, expected);
        for blocker in &found {
            assert_eq!((&blocker["__typename"], &blocker["code"]), (&json!("PublishBlocker"), &json!("PUBLISH_BLOCKED")));
            for (english, japanese) in [("message", "ja"), ("remedy", "remedyJa")] {
                assert!(blocker[english].as_str().is_some_and(|text| text.is_ascii() && !text.is_empty()), "{blocker}");
                assert!(blocker[japanese].as_str().is_some_and(|text| !text.is_ascii()), "{blocker}");
            }
        }
        let refused = desk.run("publishMany", together(&all)).await.errors;
        let told = refused.iter().find(|one| one["__typename"] == "ReconciliationError").expect("the total");
        let numbers = ["category", "year", "publishedTotal", "sumOfCountries", "difference"].map(|field| &told[field]);
        assert_eq!(json!(numbers), json!(["RESIDENT", 2030, 5, 3, -2]));
        let dead = found.iter().find(|one| one["rule"] == "DEAD_LINK").expect("the link");
        assert_eq!(dead["message"], "the link /nowhere#part leads to no published page");
        let staff = desk.done("staffMemberCreate", json!({ "slug": "nobody" })).await;
        let input = json!({ "staffId": staff["id"], "locale": "ja", "expectedVersion": 0, "name": "誰", "role": "室員" });
        let text = desk.done("staffTextSave", input).await;
        let found = blocked(&app, &desk, &[&text]).await;
        assert_eq!(found.iter().map(fault).collect::<Vec<_>>(), ["staffId NOT_PUBLISHED"]);
    }

    async fn what_is_mended_can_be_published(app: TestApp) {
        let desk = Desk::of(&app).await;
        require(&app, &["ja"]).await;
        let page = desk.page("mended").await;
        let en = desk.text(&page, "en", "Mended", "![A chart](chart.png) [there](/about-us)").await;
        assert_eq!(check(&desk, &[&page, &en]).await.iter().map(fault).collect::<Vec<_>>(), ["locale REQUIRED_LOCALE"]);
        let ja = desk.text(&page, "ja", "直した", "").await;
        assert_eq!(check(&desk, &[&page, &en, &ja]).await, [] as [Value; 0]);
        assert_eq!(check(&desk, &[]).await, [] as [Value; 0]);
        desk.publish(&[&en, &ja, &page]).await;

        let input = json!({
            "category": "RESIDENT", "year": 2030, "expectedVersion": 0, "total": 5,
            "totalNote": [{ "locale": "en", "text": "Two could not be placed" }],
            "counts": [{ "country": "CN", "value": 3 }],
        });
        desk.done("visitCountsUpdate", input).await;
        let sheet = desk.find(json!({ "yearSheet": { "category": "RESIDENT", "year": 2030 } })).await;
        let done = desk.publish(&[&sheet]).await.remove(0);
        let again = json!({ "category": "RESIDENT", "year": 2030, "expectedVersion": 1, "total": 6 });
        desk.done("visitCountsUpdate", again).await;
        let sheet = desk.now(&done).await;
        assert_eq!(desk.refused("publish", seen(&sheet)).await, ["input.kind REQUIRED"]);
        let release = |kind: &str| seen_with(&sheet, &json!({ "kind": kind }));
        assert_eq!(desk.refused("publish", release("RELEASE")).await, ["input.kind NOT_ONE_OF"]);
        assert_eq!(desk.refused("publish", release("CORRECTION")).await, ["input.reason REQUIRED"]);
        desk.done("publish", seen_with(&sheet, &json!({ "kind": "CORRECTION", "reason": "Miscounted" }))).await;
        let page = desk.page("no-figures").await;
        let input = seen_with(&page, &json!({ "kind": "RELEASE" }));
        assert_eq!(desk.refused("publish", input).await, ["input.kind ONLY_FOR_FIGURES"]);
    }

    async fn pages_that_link_to_each_other_are_published_together(app: TestApp) {
        let desk = Desk::of(&app).await;
        let (one, other) = (desk.page("one").await, desk.page("other").await);
        let first = desk.text(&one, "en", "One", "[Other](/en/other)").await;
        let second = desk.text(&other, "en", "Other", "[One](one#top)").await;
        for alone in [[&one, &first], [&other, &second]] {
            let found = blocked(&app, &desk, &alone).await;
            assert_eq!(found.iter().map(fault).collect::<Vec<_>>(), ["body DEAD_LINK"]);
        }
        assert_eq!(check(&desk, &[&first, &second, &one, &other]).await, [] as [Value; 0]);
        desk.publish(&[&first, &second, &one, &other]).await;
        // A renamed page is still where links lead.
        let renamed = desk.done("pageUpdate", seen_with(&other, &json!({ "slug": "another" }))).await;
        desk.publish(&[&renamed]).await;
        let first = desk.write(&first, "[The other](/en/other)").await;
        desk.publish(&[&first]).await;
        assert_eq!(public(&app, "other", "en").await["movedTo"], "another");
    }

    async fn a_check_is_for_those_who_may_read_drafts(app: TestApp) {
        let desk = Desk::of(&app).await;
        let page = desk.page("secret").await;
        let reply: Reply = app.anonymous().run(CHECK, json!({ "ids": [page["id"]] })).await;
        assert_eq!(reply.code(), "UNAUTHENTICATED");
        let reader = app.bearer(&app.sign_in(tests::READER).await.access_token);
        assert_eq!(reader.run(CHECK, json!({ "ids": [page["id"]] })).await.data()["publishCheck"], json!([]));
    }
}
