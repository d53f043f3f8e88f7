//! `yearSheet` and `visitCountsUpdate`.

use serde_json::{Value, json};
use tests::{EDITOR, Reply, TestApp, on_both_databases};

const UPDATE: &str = r"mutation($input: VisitCountsUpdateInput!) { visitCountsUpdate(input: $input) {
    yearSheet {
        version publishedVersion hasUnpublishedChanges changedAt changedBy
        draft { total totalNote { locale text } sumOfCountries difference counts { country value status note { locale text } } }
        published { total counts { country value status } }
    }
    errors {
        __typename code path message
        ... on ValidationError { rule }
        ... on VersionConflict { expectedVersion currentVersion changedBy changedAt changedFields
            current { version content { ... on YearSheetContent { total counts { country value } } } } }
    }
} }";

async fn update(app: &TestApp, input: Value) -> Reply {
    app.editor().await.run(UPDATE, json!({ "input": input })).await
}

async fn version(app: &TestApp, category: &str, year: i32) -> Value {
    let document =
        "query($category: CategoryCode!, $year: Year!) { yearSheet(category: $category, year: $year) { version } }";
    let reply = app.editor().await.run(document, json!({ "category": category, "year": year })).await;
    reply.at("/data/yearSheet/version").clone()
}

/// What the public reads of RESIDENT 2023.
async fn public(app: &TestApp) -> Value {
    let document = r#"{ factSheet(categories: ["RESIDENT"], from: 2023, to: 2023, locale: "en") { years categories {
        yearlyTotals { publishedTotal sumOfCountries difference note }
        countries { country { code } counts { value status note } }
    } } }"#;
    app.anonymous().run(document, json!({})).await.data()["factSheet"].clone()
}

/// Every fault of a refused update, as `path rule`.
fn faults(reply: &Reply) -> Vec<String> {
    let one = |error: &Value| {
        let path: Vec<_> = error["path"].as_array().expect("a path").iter().filter_map(Value::as_str).collect();
        format!("{} {}", path.join("."), error["rule"].as_str().unwrap_or_default())
    };
    reply.user_errors("visitCountsUpdate").iter().map(one).collect()
}

fn first_figures() -> Value {
    json!({
        "category": "RESIDENT", "year": 2023, "expectedVersion": 0, "publish": true, "total": 13,
        "counts": [{ "country": "CN", "value": 10 }, { "country": "VN", "value": 3 }, { "country": "US", "value": 0 }],
    })
}

on_both_databases! {
    async fn new_figures_are_public_as_soon_as_they_are_acknowledged(app: TestApp) {
        assert_eq!(public(&app).await["years"], json!([]));
        let reply = update(&app, first_figures()).await;
        let sheet = &reply.data()["visitCountsUpdate"]["yearSheet"];
        assert_eq!(reply.user_errors("visitCountsUpdate"), [] as [Value; 0]);
        assert_eq!((&sheet["version"], &sheet["publishedVersion"]), (&json!(1), &json!(1)));
        assert_eq!(sheet["hasUnpublishedChanges"], false);
        assert_eq!(sheet["changedBy"], EDITOR.email);
        let expected = json!({
            "years": [2023],
            "categories": [{
                "yearlyTotals": [{ "publishedTotal": 13, "sumOfCountries": 13, "difference": 0, "note": null }],
                "countries": [
                    { "country": { "code": "CN" }, "counts": [{ "value": 10, "status": "FINAL", "note": null }] },
                    { "country": { "code": "VN" }, "counts": [{ "value": 3, "status": "FINAL", "note": null }] },
                    { "country": { "code": "US" }, "counts": [{ "value": 0, "status": "FINAL", "note": null }] },
                ],
            }],
        });
        assert_eq!(public(&app).await, expected);
    }

    async fn a_draft_is_for_editors_only_until_it_is_published(app: TestApp) {
        let mut draft = first_figures();
        draft["publish"] = json!(false);
        let reply = update(&app, draft).await;
        let sheet = &reply.data()["visitCountsUpdate"]["yearSheet"];
        assert_eq!((&sheet["publishedVersion"], &sheet["published"]), (&Value::Null, &Value::Null));
        assert_eq!(sheet["hasUnpublishedChanges"], true);
        assert_eq!(public(&app).await["years"], json!([]), "not even that there is a draft");

        let document = r#"{ yearSheet(category: "RESIDENT", year: 2023) { version draft { total } published { total } } }"#;
        let reply = app.editor().await.run(document, json!({})).await;
        assert_eq!(reply.data()["yearSheet"], json!({ "version": 1, "draft": { "total": 13 }, "published": null }));
        let reply = app.anonymous().run(document, json!({})).await;
        assert_eq!((reply.code(), reply.at("/data/yearSheet")), ("UNAUTHENTICATED", &Value::Null));

        let input = json!({ "category": "RESIDENT", "year": 2023, "expectedVersion": 1, "publish": true });
        assert_eq!(faults(&update(&app, input).await), [] as [&str; 0]);
        assert_eq!(public(&app).await["years"], json!([2023]));
    }

    async fn a_sheet_that_does_not_exist_yet_has_version_0_and_is_empty(app: TestApp) {
        let document = r#"{ yearSheet(category: "TRAVEL", year: 2199) {
            version publishedVersion hasUnpublishedChanges changedAt changedBy published { total }
            draft { total sumOfCountries difference counts { country } }
        } }"#;
        let reply = app.editor().await.run(document, json!({})).await;
        let expected = json!({
            "version": 0, "publishedVersion": null, "hasUnpublishedChanges": false, "changedAt": null,
            "changedBy": null, "published": null,
            "draft": { "total": null, "sumOfCountries": null, "difference": null, "counts": [] },
        });
        assert_eq!(reply.data()["yearSheet"], expected);
    }

    async fn the_same_update_again_is_a_conflict_that_carries_the_sheet_as_it_stands(app: TestApp) {
        update(&app, first_figures()).await;
        let before = public(&app).await;
        let mut again = first_figures();
        again["counts"][0]["value"] = json!(99);
        let reply = update(&app, again).await;
        let [conflict] = reply.user_errors("visitCountsUpdate") else { panic!("one error, not {}", reply.text()) };
        assert_eq!(conflict["__typename"], "VersionConflict");
        assert_eq!(conflict["code"], "VERSION_CONFLICT");
        assert_eq!(conflict["path"], json!(["input", "expectedVersion"]));
        assert_eq!((&conflict["expectedVersion"], &conflict["currentVersion"]), (&json!(0), &json!(1)));
        assert_eq!(conflict["changedBy"], EDITOR.email);
        assert_eq!(conflict["changedAt"], "2026-01-15T00:00:00+00:00");
        assert_eq!(conflict["current"]["content"]["counts"][0], json!({ "country": "CN", "value": 10 }));
        assert_eq!(reply.data()["visitCountsUpdate"]["yearSheet"], Value::Null);
        assert_eq!(public(&app).await, before, "nothing was written");
    }

    async fn a_conflict_names_the_fields_that_changed_since(app: TestApp) {
        let seeded = version(&app, "RESIDENT", 2022).await;
        let change = json!({
            "category": "RESIDENT", "year": 2022, "expectedVersion": seeded, "total": 68,
            "counts": [{ "country": "CN", "value": 41 }],
        });
        assert_eq!(faults(&update(&app, change.clone()).await), [] as [&str; 0]);
        let reply = update(&app, change).await;
        let conflict = &reply.user_errors("visitCountsUpdate")[0];
        assert_eq!(conflict["changedFields"], json!(["counts.CN.value", "total.value"]));
    }

    async fn a_version_that_never_was_is_refused(app: TestApp) {
        for (year, expected) in [(2022, 7), (2023, 1)] {
            let input = json!({ "category": "RESIDENT", "year": year, "expectedVersion": expected, "total": 1 });
            let reply = update(&app, input).await;
            let code = &reply.user_errors("visitCountsUpdate")[0]["code"];
            assert!(["VERSION_CONFLICT", "NOT_FOUND"].contains(&code.as_str().unwrap_or_default()), "{code}");
        }
        for expected in [json!(-1), json!(4_000_000_000_i64)] {
            let input = json!({ "category": "RESIDENT", "year": 2023, "expectedVersion": expected, "total": 1 });
            assert_eq!(faults(&update(&app, input).await), ["input.expectedVersion OUT_OF_RANGE"]);
        }
        let input = json!({ "category": "RESIDENT", "year": 2023, "total": 1 });
        let reply = update(&app, input).await;
        assert_eq!((reply.status(), reply.code()), (400, "BAD_USER_INPUT"), "without a version nothing runs at all");
    }

    async fn some_counts_change_and_the_others_stay(app: TestApp) {
        let input = json!({
            "category": "RESIDENT", "year": 2022, "expectedVersion": version(&app, "RESIDENT", 2022).await,
            "counts": [{ "country": "HK", "note": [{ "locale": "en", "text": "Checked" }] }, { "country": "JM", "value": 0 }],
        });
        let reply = update(&app, input).await;
        let draft = &reply.data()["visitCountsUpdate"]["yearSheet"]["draft"];
        let cell = |code: &str| {
            draft["counts"].as_array().expect("counts").iter().find(|cell| cell["country"] == code).expect(code).clone()
        };
        assert_eq!(cell("HK"), json!({ "country": "HK", "value": 2, "status": "IMPUTED", "note": [{ "locale": "en", "text": "Checked" }] }));
        assert_eq!(cell("JM"), json!({ "country": "JM", "value": 0, "status": "FINAL", "note": [] }));
        assert_eq!(cell("CN"), json!({ "country": "CN", "value": 40, "status": "FINAL", "note": [] }));
        assert_eq!((&draft["total"], &draft["sumOfCountries"], &draft["difference"]), (&json!(67), &json!(67), &json!(0)));
    }

    async fn null_clears_and_absence_keeps(app: TestApp) {
        let mut input = first_figures();
        input["publish"] = json!(false);
        input["totalNote"] = json!([{ "locale": "ja", "text": "速報" }, { "locale": "en", "text": "Early" }]);
        update(&app, input).await;
        let keep = json!({ "category": "RESIDENT", "year": 2023, "expectedVersion": 1, "counts": [{ "country": "CN", "status": "PROVISIONAL" }] });
        let reply = update(&app, keep).await;
        let draft = &reply.data()["visitCountsUpdate"]["yearSheet"]["draft"];
        assert_eq!(draft["totalNote"].as_array().map(Vec::len), Some(2));
        assert_eq!(draft["counts"][0], json!({ "country": "CN", "value": 10, "status": "PROVISIONAL", "note": [] }));
        let clear = json!({
            "category": "RESIDENT", "year": 2023, "expectedVersion": 2, "total": null,
            "counts": [{ "country": "CN", "value": null, "status": "NOT_YET" }],
        });
        let reply = update(&app, clear).await;
        let draft = &reply.data()["visitCountsUpdate"]["yearSheet"]["draft"];
        assert_eq!((&draft["total"], &draft["totalNote"], &draft["difference"]), (&Value::Null, &json!([]), &Value::Null));
        assert_eq!(draft["counts"][0], json!({ "country": "CN", "value": null, "status": "NOT_YET", "note": [] }));
    }

    async fn every_fault_of_every_row_is_reported_and_nothing_is_written(app: TestApp) {
        let input = json!({
            "category": "RESIDENT", "year": 2023, "expectedVersion": 0, "publish": true, "total": -5, "kind": "CORRECTION",
            "totalNote": [{ "locale": "fr", "text": " " }],
            "counts": [
                { "country": "CN", "value": 1 },
                { "country": "CN", "value": 2 },
                { "country": "cn", "value": 3 },
                { "country": "ZZ", "value": 4 },
                { "country": "US", "value": -1 },
                { "country": "VN", "value": 5, "status": "MISSING" },
                { "country": "KR", "value": null, "status": "FINAL" },
                { "country": "TH" },
                { "country": "PL", "value": 6, "note": [{ "locale": "en", "text": "a" }, { "locale": "en", "text": "b" }] },
                { "country": "NP", "value": 7, "note": [{ "locale": "fr", "text": "c" }] },
                { "country": "ES", "value": 8, "note": [{ "locale": "fr", "text": "d" }] },
            ],
        });
        let reply = update(&app, input).await;
        let mut found = faults(&reply);
        found.sort();
        let mut expected = [
            "input.total OUT_OF_RANGE",
            "input.totalNote.0.text REQUIRED",
            "input.kind NOT_ONE_OF",
            "input.counts.1.country DUPLICATE",
            "input.counts.2.country FORMAT",
            "input.counts.3.country UNKNOWN",
            "input.counts.4.value OUT_OF_RANGE",
            "input.counts.5.value VALUE_NOT_ALLOWED",
            "input.counts.6.value VALUE_MISSING",
            "input.counts.7.status REQUIRED",
            "input.counts.8.note.1.locale DUPLICATE",
            "input.counts.9.note.0.locale UNKNOWN",
            "input.counts.10.note.0.locale UNKNOWN",
        ];
        expected.sort_unstable();
        assert_eq!(found, expected);
        assert_eq!(version(&app, "RESIDENT", 2023).await, 0);
        assert_eq!(public(&app).await["years"], json!([]));
    }

    async fn a_sheet_of_an_unknown_category_or_an_impossible_year_is_refused(app: TestApp) {
        for (category, year, fault) in [
            ("NONE", 2023, "input.category UNKNOWN"),
            ("resident", 2023, "input.category FORMAT"),
            ("RESIDENT", 1899, "input.year OUT_OF_RANGE"),
            ("RESIDENT", 2201, "input.year OUT_OF_RANGE"),
        ] {
            let input = json!({ "category": category, "year": year, "expectedVersion": 0, "total": 1 });
            assert_eq!(faults(&update(&app, input).await), [fault]);
        }
        let document = r#"{ yearSheet(category: "NONE", year: 2023) { version } }"#;
        assert_eq!(app.editor().await.run(document, json!({})).await.code(), "BAD_USER_INPUT");
    }

    async fn a_value_that_is_no_whole_number_never_reaches_the_sheet(app: TestApp) {
        for value in [json!(1.5), json!("3"), json!(true), json!([1]), json!(1e300)] {
            let mut input = first_figures();
            input["counts"][0]["value"] = value.clone();
            let reply = update(&app, input).await;
            assert_eq!(reply.code(), "BAD_USER_INPUT", "{value}");
            assert!(reply.text().contains("counts"), "the message says where: {}", reply.text());
        }
        let mut input = first_figures();
        input["total"] = json!("thirteen");
        assert_eq!(update(&app, input).await.code(), "BAD_USER_INPUT");
        assert_eq!(version(&app, "RESIDENT", 2023).await, 0);
    }

    async fn figures_too_large_for_a_sum_are_refused(app: TestApp) {
        let mut input = first_figures();
        input["counts"] = json!([{ "country": "CN", "value": i32::MAX }, { "country": "VN", "value": 1 }]);
        assert_eq!(faults(&update(&app, input).await), ["input.counts SUM_TOO_LARGE"]);
        let mut input = first_figures();
        input["counts"][0]["value"] = json!(i64::from(i32::MAX) + 1);
        let reply = update(&app, input).await;
        assert!(reply.text().contains("counts"), "{}", reply.text());
        assert_eq!(version(&app, "RESIDENT", 2023).await, 0);
    }

    async fn figures_that_are_out_change_only_for_a_reason(app: TestApp) {
        update(&app, first_figures()).await;
        let change = |kind: Value, reason: Value| {
            json!({
                "category": "RESIDENT", "year": 2023, "expectedVersion": 1, "publish": true, "kind": kind, "reason": reason,
                "counts": [{ "country": "CN", "value": 11 }], "total": 14,
            })
        };
        for (kind, reason, fault) in [
            (Value::Null, Value::Null, "input.kind REQUIRED"),
            (json!("RELEASE"), json!("late data"), "input.kind NOT_ONE_OF"),
            (json!("REVISION"), Value::Null, "input.reason REQUIRED"),
            (json!("CORRECTION"), json!("  "), "input.reason REQUIRED"),
        ] {
            let found = faults(&update(&app, change(kind, reason)).await);
            assert!(found.contains(&fault.to_owned()), "{found:?}");
        }
        assert_eq!(faults(&update(&app, change(json!("CORRECTION"), json!("A patient was counted twice"))).await), [] as [&str; 0]);
        assert_eq!(public(&app).await["categories"][0]["yearlyTotals"][0]["publishedTotal"], 14);
    }

    async fn messages_come_in_the_editor_s_language(app: TestApp) {
        let document = r#"mutation { visitCountsUpdate(input: {
            category: "RESIDENT", year: 2023, expectedVersion: 0, counts: [{ country: "CN", value: -1 }]
        }) { errors { english: message japanese: message(locale: "ja") other: message(locale: "vi") } } }"#;
        let reply = app.editor().await.run(document, json!({})).await;
        let expected = json!({
            "english": "must be between 0 and 2147483647",
            "japanese": "0から2147483647までの数を入力してください",
            "other": "must be between 0 and 2147483647",
        });
        assert_eq!(reply.user_errors("visitCountsUpdate"), [expected]);
    }
}
