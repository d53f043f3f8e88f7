//! Every GraphQL document in README.md, ARCHITECTURE.md and docs/ runs, in the order in which a reader tries them: those
//! that stand in a block of their own, and those inside a call of `curl`.

use std::{collections::BTreeMap, fs, path::Path};

use api::access::audit::sha256;
use serde_json::{Value, json};
use tests::{ADMINISTRATOR, commands, on_both_databases, start};

/// A fenced block of a Markdown file: what follows the opening fence, and the text.
struct Block {
    info: String,
    text: String,
}

/// A request that the docs tell a reader to send.
struct Request {
    document: String,
    /// What the document is asked for by, when that is not its text.
    id: Option<String>,
    variables: Value,
    signed_in: bool,
    /// How many errors its payload has.
    errors: usize,
    /// The shell variable that bears the token of a preview.
    preview: Option<String>,
    /// The shell variable that a part of the answer is put into, and the path of that part.
    keeps: Option<(String, String)>,
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

/// A parameter of the query string, from a call that has each between single quotes.
fn parameter<'a>(call: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = call.split_once(&format!("--data-urlencode '{name}="))?;
    rest.split_once('\'').map(|(value, _)| value)
}

/// The name of a shell variable at the end of a text, such as in `PAGE=$(`.
fn assigned(text: &str) -> Option<String> {
    let name = text.trim_end().strip_suffix("=$(")?.rsplit(char::is_whitespace).next()?;
    Some(name.to_owned())
}

/// The requests of a shell block: one for each call of `curl` to `/graphql`. Shell variables stand in them as they are
/// written, `$NAME`.
fn calls(shell: &str) -> Vec<Request> {
    let parts: Vec<&str> = shell.split("curl ").collect();
    let call = |(before, call): (&&str, &&str)| {
        let signed_in = call.contains("Authorization: Bearer");
        let path = call.split_once("| jq -r .").and_then(|(_, path)| path.split(')').next());
        let keeps = assigned(before).zip(path.map(|path| format!("/{}", path.replace('.', "/"))));
        let preview = call.split_once("Almanac-Preview: $").and_then(|(_, name)| name.split('"').next());
        let preview = preview.map(str::to_owned);
        if let Some(id) = parameter(call, "documentId") {
            let variables = parameter(call, "variables").map(|text| serde_json::from_str(text).expect("JSON"));
            let (document, variables) = (String::new(), variables.unwrap_or_else(|| json!({})));
            return Request { document, id: Some(id.to_owned()), variables, signed_in, errors: 0, preview, keeps };
        }
        if let Some(document) = quoted(call, "--data-urlencode 'query=") {
            let document = document.to_owned();
            return Request { document, id: None, variables: json!({}), signed_in, errors: 0, preview, keeps };
        }
        let body = quoted(call, "-d '").unwrap_or_else(|| panic!("a call that sends nothing: {call}"));
        let body =
            body.replace("'\"$PASSWORD\"'", ADMINISTRATOR.password).replace("admin@example.org", ADMINISTRATOR.email);
        let body = body.replace("'\"$", "$").replace("\"'", "");
        let body: Value = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"));
        let document = body["query"].as_str().expect("a document").to_owned();
        // Nobody can know the token that a reader will hold.
        let errors = usize::from(document.contains("refreshSession"));
        Request { document, id: None, variables: body["variables"].clone(), signed_in, errors, preview, keeps }
    };
    parts.iter().zip(parts.iter().skip(1)).filter(|(_, call)| call.contains("/graphql ")).map(call).collect()
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
                    id: None,
                    variables: next.map_or(json!({}), |next| serde_json::from_str(&next.text).expect("JSON")),
                    signed_in: marks.contains(&"editor"),
                    errors: usize::from(marks.contains(&"conflict")),
                    preview: None,
                    keeps: None,
                });
            }
            _ => {}
        }
    }
    requests
}

/// The text with the values of the shell variables in it.
fn filled(text: &str, values: &BTreeMap<String, String>) -> String {
    values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("${name}"), value))
}

/// In the order in which a reader tries them.
const FILES: [&str; 6] =
    ["README.md", "docs/clients.md", "docs/figures.md", "ARCHITECTURE.md", "docs/editing.md", "docs/people.md"];

/// Every Markdown file of the repository, by its path from the root.
fn all_files() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    let mut folders = vec![root.clone(), root.join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if entry.is_dir() && folder != root {
                folders.push(entry);
            } else if entry.extension().is_some_and(|extension| extension == "md") {
                files.push(entry.strip_prefix(&root).expect("below the root").to_str().expect("UTF-8").to_owned());
            }
        }
    }
    files
}

/// What a heading is called in a link, as GitHub does it.
fn anchor(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || [' ', '-', '_'].contains(c);
    heading.trim().to_lowercase().chars().filter(kept).map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn every_link_in_the_docs_leads_somewhere_and_every_request_in_them_is_tried() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut links = 0;
    for file in all_files() {
        let text = fs::read_to_string(root.join(&file)).expect("a text");
        for target in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target) {
            // The text of a page in a request has links of its site.
            if target.contains("://") || target.starts_with('/') || target.chars().any(char::is_whitespace) {
                continue;
            }
            links += 1;
            let (path, heading) =
                target.split_once('#').map_or((target, None), |(path, heading)| (path, Some(heading)));
            let folder = root.join(&file).parent().expect("a folder").to_owned();
            let path = if path.is_empty() { root.join(&file) } else { folder.join(path) };
            assert!(path.exists(), "{file} links to {target}, which is not there");
            if let Some(heading) = heading {
                let there = fs::read_to_string(&path).expect("a text");
                let is_there = there
                    .lines()
                    .filter_map(|line| line.strip_prefix('#'))
                    .any(|line| anchor(line.trim_start_matches('#')) == heading);
                assert!(is_there, "{file} links to {target}, where no heading is called so");
            }
        }
        assert!(FILES.contains(&file.as_str()) || requests(&file).is_empty(), "{file} has requests that no test tries");
    }
    assert!(links > 40, "only {links} links");
}

on_both_databases! {
    async fn every_document_in_the_docs_runs(app: TestApp) {
        let mut tried = 0;
        for file in FILES {
            // The date by the test's clock.
            let expires = (start() + chrono::Duration::days(90)).to_rfc3339();
            let mut values: BTreeMap<String, String> = BTreeMap::from([("EXPIRES".to_owned(), expires)]);
            // By the ids that `almanac documents add` gives to the files that a reader writes them into.
            let mut named = BTreeMap::new();
            for Request { document, id, variables, signed_in, errors, preview, keeps } in requests(file) {
                let mut client = if signed_in { app.administrator().await } else { app.anonymous() };
                if let Some(preview) = preview {
                    client = client.previewing(&values[&preview]);
                }
                let document = filled(&document, &values);
                let variables = filled(&variables.to_string(), &values);
                let variables: Value = serde_json::from_str(&variables).expect("JSON");
                let reply = if let Some(id) = id {
                    let text: &String = named.get(&id).unwrap_or_else(|| panic!("{file} shows no document {id}"));
                    commands::trust(app.state(), &[("menu", text)]).await.expect("a document");
                    client.post(&json!({ "documentId": id, "variables": variables })).await
                } else {
                    let text = document.trim_end().to_owned();
                    named.insert(format!("sha256:{}", sha256(text.as_bytes())), text);
                    client.run(&document, variables).await
                };
                assert_eq!(reply.status(), 200, "{file}: {document}\n{}", reply.text());
                for payload in reply.data().as_object().expect("data").values() {
                    assert!(!payload.is_null(), "{file}: {document}\n{}", reply.text());
                    let found = payload["errors"].as_array().map_or(0, Vec::len);
                    assert_eq!(found, errors, "{file}: {document}\n{}", reply.text());
                }
                if let Some((name, path)) = keeps {
                    values.insert(name, reply.at(&path).as_str().expect("a text").to_owned());
                }
                tried += 1;
            }
        }
        assert!(tried >= 40, "only {tried} requests");
    }
}
