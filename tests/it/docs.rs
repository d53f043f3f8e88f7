//! Every GraphQL document in README.md and ARCHITECTURE.md runs, in the order in which a reader tries them.

use std::{fs, path::Path};

use serde_json::{Value, json};
use tests::{EDITOR, on_both_databases};

/// A fenced block of a Markdown file: what follows the opening fence, and the text.
struct Block {
    info: String,
    text: String,
}

fn blocks(file: &str) -> Vec<Block> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{file}: {error}"));
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for line in text.lines() {
        match (line.trim_start().strip_prefix("```"), &mut open) {
            (Some(info), None) => open = Some(Block { info: info.trim().to_owned(), text: String::new() }),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) => block.text += &format!("{line}\n"),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "{file} has a fence that is not closed");
    blocks
}

on_both_databases! {
    async fn every_document_in_the_docs_runs(app: TestApp) {
        let mut tried = 0;
        for file in ["README.md", "ARCHITECTURE.md"] {
            let blocks = blocks(file);
            for (index, block) in blocks.iter().enumerate() {
                let mut words = block.info.split_whitespace();
                if words.next() != Some("graphql") {
                    continue;
                }
                let marks: Vec<&str> = words.collect();
                let next = blocks.get(index + 1).filter(|next| next.info == "json");
                let mut variables: Value = next.map_or(json!({}), |next| serde_json::from_str(&next.text).expect("JSON"));
                if marks.contains(&"sign-in") {
                    variables = json!({ "email": EDITOR.email, "password": EDITOR.password });
                }
                let client = if marks.contains(&"editor") { app.editor().await } else { app.anonymous() };
                let reply = client.run(&block.text, variables).await;
                assert_eq!(reply.status(), 200, "{file}: {}\n{}", block.text, reply.text());
                let payload = reply.data().as_object().and_then(|data| data.values().next()).expect("data");
                let errors = payload["errors"].as_array().map_or(0, Vec::len);
                assert_eq!(errors, usize::from(marks.contains(&"conflict")), "{file}: {}\n{}", block.text, reply.text());
                tried += 1;
            }
        }
        assert!(tried >= 7, "five queries, a sign-in and a mutation at the least, not {tried}");
    }
}
