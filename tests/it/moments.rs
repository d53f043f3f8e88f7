//! Moments are those that can be written and put in order: of the years 0001 to 9999, wherever they come in.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tests::{TestApp, on_both_databases};

/// The moments that lie outside, as RFC 3339 would be written if it could, and those whose offset leads out.
const OUTSIDE: [&str; 5] = [
    "-262143-01-01T00:00:00Z",
    "0000-12-31T23:59:59Z",
    "0001-01-01T00:00:00+09:00",
    "+12026-04-01T09:00:00Z",
    "9999-12-31T23:59:59-09:00",
];

/// Where a moment, day or local time comes in, with a document that sends `$at` there.
fn places() -> Vec<(&'static str, &'static str)> {
    vec![
        ("AuditFilter.since", "query($at: DateTime!) { auditLog(filter: { since: $at }) { nodes { __typename } } }"),
        ("AuditFilter.until", "query($at: DateTime!) { auditLog(filter: { until: $at }) { nodes { __typename } } }"),
        (
            "DocumentFilter.changedSince",
            "query($at: DateTime!) { documents(filter: { changedSince: $at }) { nodes { __typename } } }",
        ),
        ("Query.factSheet.asOf", "query($at: DateTime!) { factSheet(asOf: $at) { years } }"),
        ("Query.visitCounts.asOf", "query($at: DateTime!) { visitCounts(asOf: $at) { sum } }"),
        ("Query.figureChanges.since", "query($at: DateTime!) { figureChanges(since: $at) { until } }"),
        (
            "ApiTokenCreateInput.expiresAt",
            "mutation($at: DateTime!) { apiTokenCreate(input: { name: \"x\", capabilities: [READ_DRAFTS], expiresAt: $at }) { \
             errors { __typename message ... on ValidationError { rule } path } } }",
        ),
        (
            "ScheduleInput.at",
            "mutation($at: LocalDateTime!, $id: ID!) { schedule(input: { id: $id, expectedVersion: 1, action: PUBLISH, at: $at, \
             timeZone: \"UTC\" }) { errors { __typename message ... on ValidationError { rule } path } } }",
        ),
        (
            "FactSheetMetadataSaveInput.nextUpdate",
            "mutation($at: Date!) { factSheetMetadataSave(input: { expectedVersion: 1, nextUpdate: $at }) { \
             errors { __typename message ... on ValidationError { rule } path } } }",
        ),
    ]
}

/// Every argument and input field of the schema that takes a moment, a day or a local time.
async fn inputs(app: &TestApp) -> BTreeSet<String> {
    const NAMED: &str = "name type { name ofType { name ofType { name ofType { name } } } }";
    let document =
        format!("{{ __schema {{ types {{ name inputFields {{ {NAMED} }} fields {{ name args {{ {NAMED} }} }} }} }} }}");
    let reply = app.anonymous().run(&document, json!({})).await;
    let is_time = |input: &Value| {
        let mut of = &input["type"];
        while of["name"].is_null() {
            of = &of["ofType"];
        }
        ["DateTime", "Date", "LocalDateTime"].contains(&of["name"].as_str().expect("a name"))
    };
    let name = |value: &Value| value["name"].as_str().expect("a name").to_owned();
    let mut found = BTreeSet::new();
    for one in reply.at("/data/__schema/types").as_array().expect("types") {
        for field in one["inputFields"].as_array().into_iter().flatten().filter(|field| is_time(field)) {
            found.insert(format!("{}.{}", name(one), name(field)));
        }
        for field in one["fields"].as_array().into_iter().flatten() {
            for argument in field["args"].as_array().into_iter().flatten().filter(|argument| is_time(argument)) {
                found.insert(format!("{}.{}.{}", name(one), name(field), name(argument)));
            }
        }
    }
    found
}

on_both_databases! {
    async fn a_moment_outside_the_years_that_can_be_written_is_refused_wherever_it_comes_in(app: TestApp) {
        let known: BTreeSet<String> = places().into_iter().map(|(place, ..)| place.to_owned()).collect();
        assert_eq!(inputs(&app).await, known, "a place that is new is tried here, too");
        let administrator = app.administrator().await;
        let page = administrator.run("{ document(by: { page: \"about-us\" }) { id } }", json!({})).await;
        for (place, document) in places() {
            for at in OUTSIDE {
                // Without an offset there is none that leads out.
                let text = match place {
                    "ScheduleInput.at" => at.rsplit_once(['Z', '+', '-']).map_or(at, |(text, _)| text),
                    "FactSheetMetadataSaveInput.nextUpdate" => at.rsplit_once('T').map_or(at, |(day, _)| day),
                    _ => at,
                };
                if text != at && (text.starts_with("0001") || text.starts_with("9999")) {
                    continue;
                }
                let text = if place == "ScheduleInput.at" { text.trim_end_matches('Z') } else { text };
                let variables = json!({ "at": text, "id": page.at("/data/document/id") });
                let reply = administrator.run(document, variables).await;
                assert_eq!((reply.status(), reply.code()), (400, "BAD_USER_INPUT"), "{place} {text}: {}", reply.text());
                assert!(reply.json().get("data").is_none(), "nothing runs of such a request");
                let error = reply.at("/errors/0/extensions/faults/0");
                assert_eq!(error["path"], json!(["$at"]), "{place} {text}: {}", reply.text());
                assert_eq!(error["rule"], "OUTSIDE_CALENDAR", "{place} {text}: {}", reply.text());
            }
        }
        for address in ["/figures/fact-sheet.csv?asOf=", "/figures/chart.svg?asOf="] {
            for at in OUTSIDE {
                let reply = app.anonymous().get(&format!("{address}{}", at.replace('+', "%2B"))).await;
                assert_eq!((reply.status(), reply.code()), (400, "BAD_USER_INPUT"), "{address}{at}: {}", reply.text());
            }
        }
    }

    async fn a_local_time_that_is_outside_in_utc_is_refused(app: TestApp) {
        let editor = app.editor().await;
        let page = editor.run("{ document(by: { page: \"about-us\" }) { id version } }", json!({})).await;
        for (at, zone) in [("9999-12-31T23:00:00", "America/New_York"), ("0001-01-01T00:30:00", "Asia/Tokyo")] {
            let document = page.at("/data/document");
            let input = json!({
                "id": document["id"], "expectedVersion": document["version"], "action": "UNPUBLISH", "at": at, "timeZone": zone,
            });
            let mutation = "mutation($input: ScheduleInput!) { schedule(input: $input) { errors { ... on ValidationError { rule path } } } }";
            let reply = editor.run(mutation, json!({ "input": input })).await;
            let error = reply.at("/data/schedule/errors/0");
            assert_eq!((&error["rule"], &error["path"]), (&json!("OUTSIDE_CALENDAR"), &json!(["input", "at"])), "{at} {zone}");
        }
    }
}
