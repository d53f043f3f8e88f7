//! `almanac documents`: what front ends' tools write down, brought in through the real process.

use api::access::audit::sha256;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    blank::{Blank, on_each_database},
    http::Client,
    ledger,
    process::{PATIENCE, Server, run},
};

const MENU: &str = "query Menu($first: Int!) { pages(first: $first) { nodes { slug } } }";
const BOTH: &str = "query One($ids: [ID!]!) { nodes(ids: $ids) { id } }\nmutation Two { signOut { signedOut } }\n";
const PLAIN: &str = "{ site { name } }\n";

/// A file for each kind of list that is read, with one document each.
fn files(blank: &Blank) -> [String; 3] {
    let apollo = json!({
        "format": "apollo-persisted-query-manifest",
        "version": 1,
        "operations": [{ "id": "both", "name": "One", "type": "query", "body": BOTH }],
    });
    [
        blank.file("persisted-documents.json", &json!({ "menu": MENU }).to_string()),
        blank.file("manifest.json", &apollo.to_string()),
        blank.file("plain.graphql", PLAIN),
    ]
}

/// Asks for a document by its id until the answer is the one that is waited for.
async fn until(client: &Client, id: &str, pointer: &str, expected: impl Fn(&Value) -> bool) {
    let asking = async {
        loop {
            let answer = client.get(&format!("/graphql?documentId={id}")).await.expect("an answer");
            if answer.json.pointer(pointer).is_some_and(&expected) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, asking).await.expect("it happens in time");
}

on_each_database! {
    async fn what_the_tools_of_front_ends_write_is_trusted_and_listed(blank: Blank) {
        run(blank.almanac(&["migrate"]), "").await.ok();
        let [relay, apollo, single] = files(&blank);
        let add = ["documents", "add", &relay, &apollo, &single];
        assert_eq!(run(blank.almanac(&add), "").await.ok().output, "3 added, 0 unchanged.\n");
        let rows = ledger::rows(&blank.connect().await).await;
        assert_eq!(run(blank.almanac(&add), "").await.ok().output, "0 added, 3 unchanged.\n");
        assert_eq!(ledger::rows(&blank.connect().await).await, rows, "nothing is written when nothing is new");

        let hash = sha256(PLAIN.as_bytes());
        let listed = run(blank.almanac(&["documents", "list"]), "").await.ok().output;
        let mut expected = ["both\tOne,Two\n".to_owned(), "menu\tMenu\n".to_owned(), format!("{hash}\t\n")];
        expected.sort();
        assert_eq!(listed, expected.concat());
        run(blank.almanac(&["documents", "remove", "menu", "both"]), "").await.ok();
        assert_eq!(run(blank.almanac(&["documents", "list"]), "").await.ok().output, format!("{hash}\t\n"));
        ledger::verify(&blank.connect().await).await;
    }

    async fn a_running_server_follows(blank: Blank) {
        let server = Server::start(blank.serve(&["--trusted-documents-only"])).await;
        let client = server.anonymous();
        let code = "/errors/0/extensions/code";
        assert_eq!(client.run(PLAIN, json!({})).await.text_at(code), "DOCUMENT_NOT_TRUSTED");
        let [.., single] = files(&blank);
        let id = sha256(PLAIN.as_bytes());
        run(blank.almanac(&["documents", "add", &single]), "").await.ok();
        until(&client, &id, "/data/site/name", Value::is_string).await;
        assert!(client.run(PLAIN, json!({})).await.at("/data/site/name").is_string(), "word by word");
        run(blank.almanac(&["documents", "remove", &id]), "").await.ok();
        until(&client, &id, code, |code| code == "DOCUMENT_NOT_FOUND").await;
        server.stop().await;
        ledger::verify(&blank.connect().await).await;
    }

    async fn every_fault_is_told_with_its_document_and_nothing_is_trusted(blank: Blank) {
        run(blank.almanac(&["migrate"]), "").await.ok();
        let deep = format!("{{ page(slug: \"a\") {} }}", "{ parent ".repeat(16) + "{ slug }" + &"}".repeat(16));
        let pages = |alias: usize| format!("a{alias}: pages(first: 100) {{ nodes {{ body {{ html text markdown }} }} }} ");
        let expensive = format!("{{ {} }}", (0..20).map(pages).collect::<String>());
        let faulty = json!({
            "fine": PLAIN,
            "no-syntax": "query {",
            "no-field": "{\n  nope\n  site { neither }\n}",
            "too-deep": deep,
            "too-expensive": expensive,
            "a-subscription": "subscription { signOut { signedOut } }",
            "no id": PLAIN,
            "sha256:0": PLAIN,
        });
        let faulty = blank.file("faulty.json", &faulty.to_string());
        let other = blank.file("other.json", &json!({ "fine": MENU }).to_string());
        let complaint = run(blank.almanac(&["documents", "add", &faulty, &other]), "").await.complaint();
        for fault in [
            "no-syntax: ",
            "no-field: 2:3: ",
            "no-field: 3:10: ",
            "too-deep: This request exceeds the limit \"depth\"",
            "too-expensive: This request exceeds the limit \"cost\"",
            "a-subscription: ",
            "\"no id\": an id is",
            &format!("sha256:0: the SHA-256 of the text is {}", sha256(PLAIN.as_bytes())),
            "fine: this id has another text",
        ] {
            assert!(complaint.contains(fault), "{fault}: {complaint}");
        }
        for (name, content) in [("list.json", "[]"), ("words.json", "no JSON")] {
            let file = blank.file(name, content);
            let complaint = run(blank.almanac(&["documents", "add", &file]), "").await.complaint();
            assert!(complaint.contains(name), "{complaint}");
        }
        assert_eq!(run(blank.almanac(&["documents", "list"]), "").await.ok().output, "");
    }

    async fn an_id_keeps_its_text_and_removing_takes_all_or_none(blank: Blank) {
        run(blank.almanac(&["migrate"]), "").await.ok();
        let [relay, ..] = files(&blank);
        run(blank.almanac(&["documents", "add", &relay]), "").await.ok();
        let changed = blank.file("changed.json", &json!({ "menu": PLAIN, "new": PLAIN }).to_string());
        let complaint = run(blank.almanac(&["documents", "add", &changed]), "").await.complaint();
        assert!(complaint.contains("menu: this id has another text"), "{complaint}");
        let complaint = run(blank.almanac(&["documents", "remove", "menu", "unknown"]), "").await.complaint();
        assert!(complaint.contains("unknown: there is no document with this id"), "{complaint}");
        assert_eq!(run(blank.almanac(&["documents", "list"]), "").await.ok().output, "menu\tMenu\n");
        for usage in [&["documents", "add"][..], &["documents", "remove"]] {
            assert_eq!(run(blank.almanac(usage), "").await.code, Some(2));
        }
    }
}
