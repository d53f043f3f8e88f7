//! What was published when: earlier answers to the letter, what changed since, why, and who may know by whom.

use entities::Role;
use serde_json::{Value, json};
use tests::{Client, EDITOR, READER, TestApp, commands, on_both_databases};

use super::{bulk, bulk_done, faults, later, publish_country, sheet, whole};

const ENGLISH: &str = "locale: \"en\"";

const FIGURE: &str = "{ value status flags confidentiality }";

/// What became of a figure, as somebody is told.
async fn history(client: &Client, place: &str) -> Vec<Value> {
    let document = format!(
        "{{ figureHistory({place}) {{ publishedAt kind reason publishedBy before {FIGURE} after {FIGURE} }} }}"
    );
    client.run(&document, json!({})).await.data()["figureHistory"].as_array().expect("changes").clone()
}

/// The figures that are others now than they were then, as `category country year before after`.
async fn changes(app: &TestApp, since: &str) -> Vec<Value> {
    let document = format!(
        "query($since: DateTime!) {{ figureChanges(since: $since) {{
            until figures {{ category country year before {FIGURE} after {FIGURE} }}
        }} }}"
    );
    let reply = app.anonymous().run(&document, json!({ "since": since })).await;
    let until = reply.at("/data/figureChanges/until").as_str().expect("a moment");
    let until: chrono::DateTime<chrono::Utc> = until.parse().expect("a moment");
    assert!(until <= app.state().now(), "what is sent next time has come");
    let figures = reply.at("/data/figureChanges/figures").as_array().expect("figures");
    let told = |figure: &Value| {
        let value = |side: &str| figure[side].get("value").cloned().unwrap_or(json!("nothing"));
        json!([figure["category"], figure["country"], figure["year"], value("before"), value("after")])
    };
    figures.iter().map(told).collect()
}

async fn vintages(client: &Client, arguments: &str) -> Vec<Value> {
    let document =
        format!("{{ vintages{arguments} {{ publishedAt category year withdrawn kind reason publishedBy }} }}");
    client.run(&document, json!({})).await.data()["vintages"].as_array().expect("vintages").clone()
}

/// The same fact sheet as it was at a moment.
async fn as_of(app: &TestApp, moment: &str) -> String {
    whole(&app.anonymous(), &format!("{ENGLISH}, asOf: \"{moment}\"")).await.answer()
}

async fn now(app: &TestApp) -> String {
    whole(&app.anonymous(), ENGLISH).await.answer()
}

/// Figures of 2023 for both categories.
fn both(travel: i64) -> Value {
    json!([
        {
            "category": "TRAVEL", "year": 2023, "expectedVersion": 0, "total": 12,
            "counts": [{ "country": "CN", "value": travel }, { "country": "VN", "value": 5 }],
        },
        {
            "category": "RESIDENT", "year": 2023, "expectedVersion": 0, "total": 30,
            "counts": [{ "country": "CN", "value": 20 }, { "country": "US", "value": 10 }],
        },
    ])
}

/// A change of the number of residents from China in 2023, and of the total with it.
fn residents(version: i64, value: i64, reason: &Value) -> Value {
    let change = json!({
        "category": "RESIDENT", "year": 2023, "expectedVersion": version, "total": value + 10,
        "counts": [{ "country": "CN", "value": value }],
    });
    json!({ "sheets": [change], "publish": true, "kind": "CORRECTION", "reason": reason })
}

const CHINA: &str = "category: \"RESIDENT\", country: \"CN\", year: 2023";

fn value(figure: &Value) -> Value {
    json!([figure["value"], figure["flags"]])
}

on_both_databases! {
    async fn a_year_is_entered_mended_published_and_corrected_and_every_earlier_answer_stays(app: TestApp) {
        let editor = app.editor().await;
        let seeded = now(&app).await;
        let before_release = later(&app, 1);

        let refused = bulk(&editor, json!({ "sheets": both(8), "publish": true })).await;
        let [error] = refused["errors"].as_array().expect("errors").as_slice() else { panic!("{refused}") };
        assert_eq!(error["__typename"], "ReconciliationError");
        let told = json!([error["category"], error["year"], error["publishedTotal"], error["sumOfCountries"], error["difference"]]);
        assert_eq!(told, json!(["TRAVEL", 2023, 12, 13, 1]));
        assert_eq!(now(&app).await, seeded);
        bulk_done(&editor, json!({ "sheets": both(7), "publish": true })).await;
        let released = now(&app).await;
        let before = later(&app, 1);
        assert_ne!(released, seeded);

        let refused = bulk(&editor, residents(1, 19, &Value::Null)).await;
        assert_eq!(faults(&refused["errors"]), ["input.reason REQUIRED"]);
        assert_eq!(now(&app).await, released);
        let reason = json!("One patient was counted twice");
        bulk_done(&editor, residents(1, 19, &reason)).await;
        let corrected = now(&app).await;
        let after = later(&app, 1);

        assert_eq!(as_of(&app, &before_release).await, seeded, "byte for byte");
        assert_eq!(as_of(&app, &before).await, released);
        assert_eq!(as_of(&app, &after).await, corrected);
        assert_eq!(now(&app).await, corrected);
        let replica = app.reopen().await;
        assert_eq!(as_of(&replica, &before).await, released, "in another process");
        let empty = whole(&app.anonymous(), "asOf: \"2000-01-01T00:00:00Z\"").await;
        assert_eq!(empty.at("/data/factSheet/years"), &json!([]));

        // The correction shows where it is, and only from then on.
        let count = |text: &str| -> Value {
            let reply: Value = serde_json::from_str(text).expect("JSON");
            let categories = &reply["data"]["factSheet"]["categories"];
            let series = categories[1]["countries"].as_array().expect("countries");
            let china = series.iter().find(|one| one["country"]["code"] == "CN").expect("China");
            json!([value(&china["counts"][5]), value(&categories[1]["yearlyTotals"][5]["published"]), value(&china["counts"][4])])
        };
        assert_eq!(count(&corrected), json!([[19, ["REVISED"]], [29, ["REVISED"]], [40, ["FINAL"]]]));
        assert_eq!(count(&released), json!([[20, ["FINAL"]], [30, ["FINAL"]], [40, ["FINAL"]]]));

        assert_eq!(changes(&app, &before).await, [
            json!(["RESIDENT", "CN", 2023, 20, 19]), json!(["RESIDENT", null, 2023, 30, 29]),
        ]);
        assert_eq!(changes(&app, &after).await, [] as [Value; 0]);
        assert_eq!(changes(&app, &before_release).await, [
            json!(["RESIDENT", "CN", 2023, "nothing", 19]), json!(["RESIDENT", "US", 2023, "nothing", 10]),
            json!(["RESIDENT", null, 2023, "nothing", 29]), json!(["TRAVEL", "CN", 2023, "nothing", 7]),
            json!(["TRAVEL", "VN", 2023, "nothing", 5]), json!(["TRAVEL", null, 2023, "nothing", 12]),
        ]);
    }

    async fn the_history_of_a_figure_says_what_it_was_what_it_is_and_why_and_to_editors_by_whom(app: TestApp) {
        let editor = app.editor().await;
        bulk_done(&editor, json!({ "sheets": both(7), "publish": true })).await;
        later(&app, 1);
        bulk_done(&editor, residents(1, 19, &json!("Counted twice"))).await;
        // Another figure of the same sheet changes: no history of this one.
        later(&app, 1);
        let other = json!({ "category": "RESIDENT", "year": 2023, "expectedVersion": 2, "total": 30, "counts": [{ "country": "US", "value": 11 }] });
        bulk_done(&editor, json!({ "sheets": [other], "publish": true, "kind": "REVISION", "reason": "Late report" })).await;

        let told = history(&editor, CHINA).await;
        let [release, correction] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!((&release["before"], value(&release["after"])), (&Value::Null, json!([20, ["FINAL"]])));
        assert_eq!((&release["kind"], &release["reason"]), (&json!("RELEASE"), &Value::Null));
        assert_eq!(value(&correction["before"]), json!([20, ["FINAL"]]));
        assert_eq!(value(&correction["after"]), json!([19, ["REVISED"]]));
        assert_eq!((&correction["kind"], &correction["reason"]), (&json!("CORRECTION"), &json!("Counted twice")));
        assert_eq!(correction["publishedAt"], "2026-01-15T00:01:00+00:00");
        assert_eq!((&release["publishedBy"], &correction["publishedBy"]), (&json!(EDITOR.email), &json!(EDITOR.email)));
        let totals = history(&editor, "category: \"RESIDENT\", year: 2023").await;
        let values: Vec<_> = totals.iter().map(|one| one["after"]["value"].clone()).collect();
        assert_eq!(values, [30, 29, 30], "a total that is again what it was has a past all the same");
        assert_eq!(value(&totals[2]["after"]), json!([30, ["REVISED"]]));

        // Who it was is for those who may read drafts.
        let reader = app.bearer(&app.sign_in(READER).await.access_token);
        assert_eq!(history(&reader, CHINA).await, told);
        let mut nameless = told.clone();
        for one in &mut nameless {
            one["publishedBy"] = Value::Null;
        }
        assert_eq!(history(&app.anonymous(), CHINA).await, nameless);
        for vintage in vintages(&app.anonymous(), "").await {
            assert_eq!(vintage["publishedBy"], Value::Null);
        }
        let seeded = history(&editor, "category: \"TRAVEL\", year: 2018").await;
        assert_eq!(seeded.len(), 1);
        assert_eq!(seeded[0]["publishedBy"], Value::Null, "the command line is nobody");
    }

    async fn what_is_to_come_or_does_not_exist_is_refused(app: TestApp) {
        let anonymous = app.anonymous();
        for (question, path, rule) in [
            ("factSheet(asOf: \"2026-01-15T00:00:01Z\") { years }", "asOf", "IN_THE_FUTURE"),
            ("figureChanges(since: \"2026-01-15T00:00:01Z\") { until }", "since", "IN_THE_FUTURE"),
            ("figureHistory(category: \"NONE\", year: 2018) { kind }", "category", "UNKNOWN"),
            ("figureHistory(category: \"TRAVEL\", country: \"XX\", year: 2018) { kind }", "country", "UNKNOWN"),
            ("figureHistory(category: \"TRAVEL\", country: \"china\", year: 2018) { kind }", "country", "FORMAT"),
            ("figureHistory(category: \"TRAVEL\", year: 1899) { kind }", "year", "OUT_OF_RANGE"),
            ("vintages(year: 1899) { kind }", "year", "OUT_OF_RANGE"),
        ] {
            let reply = anonymous.run(&format!("{{ {question} }}"), json!({})).await;
            assert_eq!(reply.code(), "BAD_USER_INPUT", "{question}");
            let fault = reply.at("/errors/0/extensions/faults/0");
            assert_eq!((&fault["path"], &fault["rule"]), (&json!([path]), &json!(rule)), "{question}");
        }
        assert_eq!(history(&anonymous, "category: \"TRAVEL\", year: 2199").await, [] as [Value; 0]);
        assert_eq!(whole(&anonymous, "asOf: \"2026-01-15T00:00:00Z\"").await.status(), 200, "this very moment has come");
    }

    async fn what_is_said_later_of_a_country_or_category_does_not_change_what_was_said(app: TestApp) {
        let editor = app.editor().await;
        let first = now(&app).await;
        let before = later(&app, 1);
        publish_country(&editor, "CN", "Middle Kingdom").await;
        let found = editor.run("{ document(by: { category: \"TRAVEL\" }) { version } }", json!({})).await;
        let labels = json!([{ "locale": "en", "name": "Tourists" }]);
        let input = json!({ "code": "TRAVEL", "expectedVersion": found.at("/data/document/version"), "labels": labels, "position": 9 });
        let saved = editor.done("categorySave", input).await["document"].clone();
        editor.done("publish", json!({ "id": saved["id"], "expectedVersion": saved["version"] })).await;
        let renamed = now(&app).await;
        assert!(renamed.contains("Middle Kingdom") && renamed.contains("Tourists"));
        assert!(!first.contains("Middle Kingdom") && first.contains("China"));
        assert_eq!(as_of(&app, &before).await, first);
        let after = later(&app, 1);
        assert_eq!(as_of(&app, &after).await, renamed);
    }

    async fn figures_that_were_withdrawn_are_gone_now_and_there_as_of_then(app: TestApp) {
        let editor = app.editor().await;
        bulk_done(&editor, json!({ "sheets": both(7), "publish": true })).await;
        let with = now(&app).await;
        let before = later(&app, 1);
        let found = sheet(&editor, "RESIDENT", 2023).await;
        editor.done("unpublish", json!({ "id": found["id"], "expectedVersion": found["version"] })).await;
        let without = now(&app).await;
        let after = later(&app, 1);
        assert_ne!(with, without);
        let of_2023 = "categories: [\"RESIDENT\"], from: 2023";
        assert_eq!(whole(&app.anonymous(), of_2023).await.at("/data/factSheet/years"), &json!([]));
        assert_eq!(as_of(&app, &before).await, with);
        assert_eq!(as_of(&app, &after).await, without);
        assert_eq!(changes(&app, &before).await, [
            json!(["RESIDENT", "CN", 2023, 20, "nothing"]), json!(["RESIDENT", "US", 2023, 10, "nothing"]),
            json!(["RESIDENT", null, 2023, 30, "nothing"]),
        ]);
        let told = history(&app.anonymous(), CHINA).await;
        assert_eq!((told.len(), &told[1]["after"]), (2, &Value::Null));

        let listed = vintages(&editor, "(category: \"RESIDENT\", year: 2023)").await;
        let listed: Vec<_> = listed.iter().map(|one| json!([one["publishedAt"], one["withdrawn"], one["kind"], one["publishedBy"]])).collect();
        let expected = [
            json!(["2026-01-15T00:00:00+00:00", false, "RELEASE", EDITOR.email]),
            json!(["2026-01-15T00:01:00+00:00", true, null, EDITOR.email]),
        ];
        assert_eq!(listed, expected);

        // Out again, with the figures that they were: they were public before, so it takes a reason no more than then.
        let kind = json!({ "id": found["id"], "expectedVersion": found["version"], "kind": "RELEASE" });
        editor.done("publish", kind).await;
        assert_eq!(changes(&app, &before).await, [] as [Value; 0]);
        assert_eq!(as_of(&app, &after).await, without);
    }

    async fn every_publication_is_listed_and_leads_to_what_was_public(app: TestApp) {
        let editor = app.editor().await;
        let seeded = vintages(&app.anonymous(), "").await;
        assert_eq!(seeded.len(), 10);
        let mut answers = Vec::new();
        later(&app, 1);
        bulk_done(&editor, json!({ "sheets": both(7), "publish": true })).await;
        answers.push(now(&app).await);
        for version in 1..4 {
            later(&app, 1);
            bulk_done(&editor, residents(version, 20 - version, &json!("Counted twice"))).await;
            answers.push(now(&app).await);
        }
        let listed = vintages(&app.anonymous(), "(year: 2023)").await;
        let kinds: Vec<_> = listed.iter().map(|one| one["kind"].clone()).collect();
        assert_eq!(kinds, ["RELEASE", "RELEASE", "CORRECTION", "CORRECTION", "CORRECTION"]);
        assert_eq!(vintages(&app.anonymous(), "").await.len(), 15);
        let mut moments: Vec<&str> = listed.iter().filter_map(|one| one["publishedAt"].as_str()).collect();
        moments.dedup();
        assert_eq!(moments.len(), answers.len());
        for (moment, answer) in moments.into_iter().zip(&answers) {
            assert_eq!(&as_of(&app, moment).await, answer, "{moment}");
        }
        assert_eq!(vintages(&app.anonymous(), "(category: \"TRAVEL\", year: 2023)").await.len(), 1);
        assert_eq!(vintages(&app.anonymous(), "(category: \"TRAVEL\", year: 2199)").await, [] as [Value; 0]);
    }

    async fn a_figure_that_only_gets_a_note_or_goes_back_and_forth_keeps_its_mark(app: TestApp) {
        let editor = app.editor().await;
        bulk_done(&editor, json!({ "sheets": both(7), "publish": true })).await;
        let shown = async || {
            let reply = whole(&app.anonymous(), "categories: [\"RESIDENT\"], from: 2023").await;
            value(reply.at("/data/factSheet/categories/0/countries/0/counts/0"))
        };
        let note = json!([{ "locale": "en", "text": "Checked" }]);
        let noted = json!({ "category": "RESIDENT", "year": 2023, "expectedVersion": 1, "counts": [{ "country": "CN", "note": note }] });
        bulk_done(&editor, json!({ "sheets": [noted], "publish": true, "kind": "REVISION", "reason": "A note" })).await;
        assert_eq!(shown().await, json!([20, ["FINAL"]]), "the number is what it was");
        bulk_done(&editor, residents(2, 19, &json!("Counted twice"))).await;
        assert_eq!(shown().await, json!([19, ["REVISED"]]));
        bulk_done(&editor, residents(3, 20, &json!("Not counted twice"))).await;
        assert_eq!(shown().await, json!([20, ["REVISED"]]), "it was another one in between");
        // What editors work on has no such mark of its own, and a provisional figure keeps being that.
        let draft = sheet(&editor, "RESIDENT", 2023).await;
        assert_eq!(draft["draft"]["counts"][0]["flags"], json!(["FINAL"]));
        let mut provisional = residents(4, 21, &json!("Late report"));
        provisional["sheets"][0]["counts"][0]["status"] = "PROVISIONAL".into();
        bulk_done(&editor, provisional).await;
        assert_eq!(shown().await, json!([21, ["PROVISIONAL", "REVISED"]]));
    }

    async fn somebody_who_is_shut_out_stays_named_in_what_they_published(app: TestApp) {
        let credentials = ("former@example.org", "seven quiet lanterns by the harbour");
        commands::add(app.state(), credentials.0, Role::Statistician, &[], credentials.1).await.expect("an account");
        let reply = app.try_sign_in(credentials.0, credentials.1).await;
        let former = app.bearer(reply.at("/data/signIn/session/accessToken").as_str().expect("a token"));
        bulk_done(&former, json!({ "sheets": both(7), "publish": true })).await;
        commands::disable(app.state(), credentials.0).await.expect("disabled");
        assert_eq!(history(&app.editor().await, CHINA).await[0]["publishedBy"], credentials.0);
        let document = format!("{{ figureHistory({CHINA}) {{ publishedBy }} }}");
        assert_eq!(former.run(&document, json!({})).await.code(), "UNAUTHENTICATED");
    }
}
