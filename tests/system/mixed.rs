//! Writes of every kind, cut off in the middle; and many writers at one text.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tokio::{
    sync::mpsc::{UnboundedSender, unbounded_channel},
    task::JoinSet,
    time::timeout,
};

use crate::{
    blank::{Blank, on_each_database},
    durability::start,
    http::{Answer, Client},
    ledger,
    process::PATIENCE,
};

/// What a mutation answers; nothing when the server is gone.
async fn try_change(client: &Client, mutation: &str, input: Value) -> Option<Answer> {
    let (input_type, done) = match mutation {
        "publishMany" => ("PublishMany".to_owned(), "documents { id version }"),
        "visitCountsUpdate" => ("VisitCountsUpdate".to_owned(), "yearSheet { id version }"),
        "unpublish" | "archive" => ("DocumentWithdraw".to_owned(), "document { id version }"),
        "unarchive" => ("Document".to_owned(), "document { id version }"),
        _ => (mutation[..1].to_uppercase() + &mutation[1..], "document { id version }"),
    };
    let text = format!(
        "mutation($input: {input_type}Input!) {{ {mutation}(input: $input) {{
            {done} errors {{ code message path ... on VersionConflict {{ currentVersion }} }}
        }} }}"
    );
    client.try_run(&text, json!({ "input": input })).await.ok()
}

/// What was changed; nothing when the server is gone.
async fn change(client: &Client, mutation: &str, input: Value) -> Option<Value> {
    let answer = try_change(client, mutation, input).await?;
    let payload = answer.at(&format!("/data/{mutation}"));
    assert_eq!(payload["errors"], json!([]), "{mutation}: {}", answer.text);
    ["document", "documents", "yearSheet"].into_iter().find_map(|field| payload.get(field)).cloned()
}

/// Something that was acknowledged: a document, its version, and how many changes of what the public sees of it.
struct Acknowledged {
    id: String,
    version: i64,
    publications: usize,
}

struct Writer {
    client: Client,
    number: usize,
    acknowledge: UnboundedSender<Acknowledged>,
}

impl Writer {
    /// Runs a mutation and reports what came of it.
    async fn write(&self, mutation: &str, input: Value, publications: usize) -> Option<Value> {
        let done = change(&self.client, mutation, input).await?;
        for document in done.as_array().unwrap_or(&vec![done.clone()]) {
            let id = document["id"].as_str().expect("an id").to_owned();
            let version = document["version"].as_i64().expect("a version");
            self.acknowledge.send(Acknowledged { id, version, publications }).ok();
        }
        Some(done)
    }

    async fn version(&self, by: Value) -> Option<i64> {
        let query = "query($by: DocumentSelector!) { document(by: $by) { version } }";
        let answer = self.client.try_run(query, json!({ "by": by })).await.ok()?;
        Some(answer.json.pointer("/data/document/version").and_then(Value::as_i64).unwrap_or_default())
    }

    /// A round of every kind of write.
    async fn round(&self, name: &str) -> Option<()> {
        let seen = |document: &Value| json!({ "id": document["id"], "expectedVersion": document["version"] });
        let page = self.write("pageCreate", json!({ "slug": name, "position": 9 }), 0).await?;
        let text = |version: i64, body: &str| {
            let page = &page["id"];
            json!({ "pageId": page, "locale": "en", "expectedVersion": version, "title": name, "body": body })
        };
        let draft = self.write("pageTextSave", text(0, "First"), 0).await?;
        let both = json!({ "documents": [seen(&draft), seen(&page)] });
        self.write("publishMany", both, 1).await?;
        let mut plan = seen(&draft);
        plan["action"] = json!("UNPUBLISH");
        plan["at"] = json!("2199-01-01T00:00:00");
        plan["timeZone"] = json!("Asia/Tokyo");
        self.write("schedule", plan, 0).await?;
        let newer = self.write("pageTextSave", text(1, "Second"), 0).await?;
        self.write("unpublish", seen(&newer), 1).await?;
        self.write("archive", seen(&page), 1).await?;
        self.write("unarchive", seen(&page), 0).await?;

        let code = ["FJ", "TO", "WS"][self.number];
        let version = self.version(json!({ "country": code })).await?;
        let names = json!([{ "locale": "en", "text": name }]);
        let country = json!({ "code": code, "expectedVersion": version, "names": names });
        let country = self.write("countrySave", country, 0).await?;
        self.write("publish", seen(&country), 1).await?;
        let slug = ["miyuki-sone", "yoko-nakahama", "hiroshi-igaki"][self.number];
        let version = self.version(json!({ "staffText": { "slug": slug, "locale": "en" } })).await?;
        let member = json!({ "by": { "staffMember": slug } });
        let query = "query($by: DocumentSelector!) { document(by: $by) { id } }";
        let member = self.client.try_run(query, member).await.ok()?.at("/data/document/id").clone();
        let staff = json!({ "staffId": member, "locale": "en", "expectedVersion": version, "field": name });
        let staff = self.write("staffTextSave", staff, 0).await?;
        self.write("publish", seen(&staff), 1).await?;
        let year = 2040 + self.number;
        let version = self.version(json!({ "yearSheet": { "category": "TRAVEL", "year": year } })).await?;
        let mut sheet = json!({
            "category": "TRAVEL", "year": year, "expectedVersion": version, "publish": true,
            "counts": [{ "country": "CN", "value": version }],
        });
        if version > 0 {
            sheet["kind"] = json!("REVISION");
            sheet["reason"] = json!("Counted on");
        }
        self.write("visitCountsUpdate", sheet, 1).await?;
        Some(())
    }
}

on_each_database! {
    async fn whatever_was_being_written_when_it_was_killed_all_tables_agree(blank: Blank) {
        let connection = blank.connect().await;
        let (mut server, mut client) = start(&blank).await;
        let mut known: BTreeMap<String, (i64, usize)> = BTreeMap::new();
        for (life, acknowledgements) in [2, 9, 23, 41].into_iter().enumerate() {
            let (acknowledge, mut acknowledged) = unbounded_channel();
            let mut writers = JoinSet::new();
            for number in 0..3 {
                let writer = Writer { client: client.clone(), number, acknowledge: acknowledge.clone() };
                writers.spawn(async move {
                    let mut round = 0;
                    while writer.round(&format!("life-{life}-writer-{number}-round-{round}")).await.is_some() {
                        round += 1;
                    }
                });
            }
            drop(acknowledge);
            let mut note = |one: Acknowledged| {
                let entry = known.entry(one.id).or_default();
                *entry = (entry.0.max(one.version), entry.1 + one.publications);
            };
            for _ in 0..acknowledgements {
                note(timeout(PATIENCE, acknowledged.recv()).await.expect("a write in time").expect("a write"));
            }
            server.kill().await;
            timeout(PATIENCE, writers.join_all()).await.expect("the writers notice");
            while let Ok(more) = acknowledged.try_recv() {
                note(more);
            }
            ledger::verify(&connection).await;

            (server, client) = start(&blank).await;
            let query = "query($id: ID!) {
                document(by: { id: $id }) { version } history(id: $id, first: 100) { publications { version } }
            }";
            for (id, (version, publications)) in &known {
                let answer = client.run(query, json!({ "id": id })).await;
                let now = answer.number_at("/data/document/version");
                // The write under way may or may not have made it; no other can have.
                assert!(now == *version || now == version + 1, "version {now}, though {version} was acknowledged");
                let published = answer.at("/data/history/publications").as_array().map_or(0, Vec::len);
                assert!(published >= *publications, "{published} of {publications} publications");
            }
        }
        server.stop().await;
        ledger::verify(&connection).await;
    }

    async fn of_a_hundred_writers_of_one_text_one_a_version_succeeds_and_the_others_are_told(blank: Blank) {
        const WRITERS: usize = 100;
        const VERSIONS: i64 = 2;
        let (server, client) = start(&blank).await;
        let page = change(&client, "pageCreate", json!({ "slug": "crowded" })).await.expect("a page");
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let (client, page) = (client.clone(), page["id"].clone());
            writers.spawn(async move {
                let mut won = Vec::new();
                for expected in 0..VERSIONS {
                    let input = json!({
                        "pageId": page, "locale": "en", "expectedVersion": expected, "title": format!("Writer {writer}"),
                    });
                    let answer = try_change(&client, "pageTextSave", input).await.expect("an answer");
                    match answer.at("/data/pageTextSave/errors").as_array().expect("errors").as_slice() {
                        [] => won.push((answer.number_at("/data/pageTextSave/document/version"), writer)),
                        // Whoever is early for a text that is not there yet is told that.
                        [refusal] if refusal["code"] == "NOT_FOUND" => assert!(expected > 0, "{}", answer.text),
                        [conflict] => {
                            assert_eq!(conflict["code"], "VERSION_CONFLICT", "{}", answer.text);
                            assert_ne!(conflict["currentVersion"], expected, "{}", answer.text);
                        }
                        _ => panic!("{}", answer.text),
                    }
                }
                won
            });
        }
        let mut won: Vec<(i64, usize)> = writers.join_all().await.into_iter().flatten().collect();
        won.sort_unstable();
        let versions: Vec<i64> = won.iter().map(|(version, _)| *version).collect();
        assert_eq!(versions, (1..=VERSIONS).collect::<Vec<_>>(), "one success a version");
        let query = r#"{ document(by: { pageText: { slug: "crowded", locale: "en" } }) { version title } }"#;
        let answer = client.run(query, json!({})).await;
        let (version, winner) = won.last().expect("a winner");
        let expected = json!({ "version": version, "title": format!("Writer {winner}") });
        assert_eq!(answer.at("/data/document"), &expected, "the text is that of the last winner");
        server.stop().await;
        ledger::verify(&blank.connect().await).await;
    }
}
