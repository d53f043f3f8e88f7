//! Every GraphQL document in README.md and ARCHITECTURE.md runs, in the order in which a reader tries them: those that
//! stand in a block of their own, and those inside a call of `curl`.

use std::{fs, path::Path};

use serde_json::{Value, json};
use tests::{EDITOR, on_both_databases};

/// A fenced block of a Markdown file: what follows the opening fence, and the text.
struct Block {
    info: String,
    text: String,
}

/// A request that the docs tell a reader to send.
struct Request {
    document: String,
    variables: Value,
    signed_in: bool,
    /// How many errors its payload has.
    errors: usize,
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

/// What stands between the first pair of single quotes after `start`.
fn quoted<'a>(shell: &'a str, start: &str) -> Option<&'a str> {
    let (_, rest) = shell.split_once(start)?;
    rest.rsplit_once('\'').map(|(quoted, _)| quoted)
}

/// The requests of a shell block: one for each call of `curl` to `/graphql`.
fn calls(shell: &str) -> Vec<Request> {
    let call = |call: &str| {
        let signed_in = call.contains("Authorization: Bearer");
        if let Some(document) = quoted(call, "--data-urlencode 'query=") {
            return Request { document: document.to_owned(), variables: json!({}), signed_in, errors: 0 };
        }
        let body = quoted(call, "-d '").unwrap_or_else(|| panic!("a call that sends nothing: {call}"));
        let body = body.replace("'\"$PASSWORD\"'", EDITOR.password).replace("admin@example.org", EDITOR.email);
        let body: Value = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"));
        let document = body["query"].as_str().expect("a document").to_owned();
        // Nobody can know the token that a reader will hold.
        let errors = usize::from(document.contains("refreshSession"));
        Request { document, variables: body["variables"].clone(), signed_in, errors }
    };
    shell.split("curl ").skip(1).filter(|call| call.contains("/graphql ")).map(call).collect()
}

fn requests(file: &str) -> Vec<Request> {
    let blocks = blocks(file);
    let mut requests = Vec::new();
    for (index, block) in blocks.iter().enumerate() {
        match block.info.split_whitespace().collect::<Vec<_>>()[..] {
            ["sh"] => requests.extend(calls(&block.text)),
            ["graphql", ref marks @ ..] => {
                let next = blocks.get(index + 1).filter(|next| next.info == "json");
                requests.push(Request {
                    document: block.text.clone(),
                    variables: next.map_or(json!({}), |next| serde_json::from_str(&next.text).expect("JSON")),
                    signed_in: marks.contains(&"editor"),
                    errors: usize::from(marks.contains(&"conflict")),
                });
            }
            _ => {}
        }
    }
    requests
}

on_both_databases! {
    async fn every_document_in_the_docs_runs(app: TestApp) {
        let mut tried = 0;
        for file in ["README.md", "ARCHITECTURE.md"] {
            for Request { document, variables, signed_in, errors } in requests(file) {
                let client = if signed_in { app.editor().await } else { app.anonymous() };
                let reply = client.run(&document, variables).await;
                assert_eq!(reply.status(), 200, "{file}: {document}\n{}", reply.text());
                let payload = reply.data().as_object().and_then(|data| data.values().next()).expect("data");
                assert!(!payload.is_null(), "{file}: {document}");
                let found = payload["errors"].as_array().map_or(0, Vec::len);
                assert_eq!(found, errors, "{file}: {document}\n{}", reply.text());
                tried += 1;
            }
        }
        assert!(tried >= 11, "five queries, four mutations and more, not {tried}");
    }
}
