//! What is read, and in which ways: each document as a client asks for it the first time, again, compressed, or only to
//! hear that nothing has changed.
//!
//! `READS` has the documents. What does not belong here: how answers are timed (`load.rs`).

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, bail, ensure};
use aws_lc_rs::digest::{SHA256, digest};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tests::big_dataset;
use tokio::time::sleep;

use crate::{
    database::Data,
    load::{Answer, Call, Connection, NUMBER_DIGITS},
    process::CEILING,
};

/// Where the name of the operation stands in a document.
const NAME: &str = "Measured";
/// Pages of the long list in one answer.
const LISTED: u32 = 20;
/// Which answer of the long list is far from its front.
const FAR: u32 = 400;
/// The most nodes that can be asked for at once.
const AT_ONCE: u32 = 100;
/// How often an answer is asked for until it comes compressed: who compresses beside the requests takes a moment.
const PATIENCE: u32 = 100;

/// A document to be read.
#[derive(Clone, Copy, Debug)]
pub struct Read {
    /// What it is called, here and on the command line.
    pub name: &'static str,
    /// On which data.
    pub data: Data,
    /// The fields; `SLUG` stands for a slug, `AFTER` for a cursor.
    fields: &'static str,
    /// A part of the answer that must be there, so that nothing fast is measured that is empty.
    part: (&'static str, usize),
}

/// Everything that is read.
pub const READS: [Read; 9] = [
    Read { name: "page", data: Data::Seeded, fields: PAGE, part: ("/data/page/title", 0) },
    Read { name: "fact-sheet", data: Data::Seeded, fields: FACT_SHEET, part: ("/data/factSheet/categories", 2) },
    Read { name: "staff", data: Data::Seeded, fields: STAFF, part: ("/data/staff", 6) },
    Read { name: "page-of-many", data: Data::Big, fields: PAGE, part: ("/data/page/title", 0) },
    Read { name: "staff-of-many", data: Data::Big, fields: STAFF, part: ("/data/staff", 300) },
    Read { name: "list", data: Data::Big, fields: LIST, part: ("/data/pages/nodes", 20) },
    Read { name: LIST_FAR, data: Data::Big, fields: LIST_AFTER, part: ("/data/pages/nodes", 20) },
    Read { name: "fact-sheet-of-many", data: Data::Big, fields: FACT_SHEET, part: ("/data/factSheet/categories", 2) },
    Read { name: "big-fact-sheet", data: Data::Big, fields: BIG_FACT_SHEET, part: ("/data/factSheet/years", 30) },
];

/// The list far from its front.
pub const LIST_FAR: &str = "list-400";

const PAGE: &str = r#"page(slug: "SLUG", locale: "en") {
    slug title summary description publishedAt servedLocale isFallback availableLocales body { html }
    parent { slug title } children { slug title }
}"#;
const STAFF: &str = r#"staff(locale: "en") { slug name role degree field email telephone servedLocale }"#;
const FACT_SHEET: &str = "factSheet { years categories {
    category { code name } yearlyTotals { year publishedTotal sumOfCountries difference }
    countries { country { code name } counts { year value } }
} }";
const BIG_FACT_SHEET: &str = "factSheet { years categories {
    category { code name } yearlyTotals { year publishedTotal sumOfCountries difference }
    countries { country { code name } counts { year value status } }
} }";
const LIST: &str = r#"pages(first: 20, locale: "en") {
    totalCount nodes { slug title summary publishedAt } pageInfo { hasNextPage endCursor }
}"#;
const LIST_AFTER: &str = r#"pages(first: 20, after: "AFTER", locale: "en") {
    totalCount nodes { slug title summary publishedAt } pageInfo { hasNextPage endCursor }
}"#;

/// How a document is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The same request again and again, by GET and the id of a trusted document.
    ById,
    /// The same request again and again, by GET.
    Get,
    /// The same request again and again, by POST.
    Post,
    /// The same request again and again, for a compressed answer.
    Compressed,
    /// The same request again and again, by who has the answer already.
    Unchanged,
    /// A document that the server knows, without the response cache.
    Miss,
    /// A document that the server has never seen: each request has an operation of another name.
    FirstSight,
}

impl Way {
    /// All of them that are measured with the response cache.
    pub const CACHED: [Self; 6] =
        [Self::ById, Self::Get, Self::Post, Self::Compressed, Self::Unchanged, Self::FirstSight];

    /// What the table calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ById => "hit, GET by id",
            Self::Get => "hit, GET",
            Self::Post => "hit, POST",
            Self::Compressed => "hit, br",
            Self::Unchanged => "hit, 304",
            Self::Miss => "miss, known document",
            Self::FirstSight => "first sight",
        }
    }
}

impl Read {
    /// The document to ask for. Finding it may take asking.
    ///
    /// # Errors
    /// When there is no such list.
    pub async fn document(&self, connection: &mut Connection) -> anyhow::Result<String> {
        let mut document = self.text();
        if !self.is_fixed() {
            document = document.replace("AFTER", &cursor(connection, (FAR - 1) * LISTED).await?);
        }
        Ok(document)
    }

    /// The document, as far as it is known beforehand.
    pub fn text(&self) -> String {
        let slug = match self.data {
            Data::Seeded => "mission-and-vision".to_owned(),
            Data::Big | Data::Costly => big_dataset::slug(big_dataset::PAGES / 2 + 1),
        };
        format!("query {NAME} {{ {} }}", self.fields.replace("SLUG", &slug))
    }

    /// Whether all of the document is known beforehand, so that it is among the trusted ones, by the name of this.
    pub fn is_fixed(&self) -> bool {
        !self.fields.contains("AFTER")
    }

    /// The query string by which a cache in front knows the document.
    fn address(&self, document: &str) -> String {
        if self.is_fixed() {
            format!("documentId={}", self.name)
        } else {
            format!("query={}", utf8_percent_encode(document, NON_ALPHANUMERIC))
        }
    }

    /// The first answer to the document, after which all others are judged.
    ///
    /// # Errors
    /// When it is an error, or empty.
    pub async fn first_answer(&self, connection: &mut Connection, document: &str) -> anyhow::Result<Vec<u8>> {
        let answer = connection.ask(&post(document, "", "")).await?;
        let data = data(&answer)?;
        let (pointer, length) = self.part;
        let part = data.pointer(pointer).with_context(|| format!("{} has no {pointer}: {data}", self.name))?;
        let found = part.as_array().map_or(0, Vec::len);
        ensure!(!part.is_null() && found == length, "{}: {found} at {pointer} instead of {length}", self.name);
        Ok(answer.body.to_vec())
    }
}

/// The call that asks for a document in one way; nothing when the server does not serve it so. `body` is the first answer.
///
/// # Errors
/// When the server answers otherwise than it did first.
pub async fn call(
    connection: &mut Connection,
    read: &Read,
    document: &str,
    way: Way,
    body: &[u8],
) -> anyhow::Result<Option<Arc<Call>>> {
    let identity = |request| Call { request, number: None, status: 200, body: body.to_vec() };
    let address = read.address(document);
    let call = match way {
        Way::ById if !read.is_fixed() => return Ok(None),
        Way::ById => identity(get(&address, "")),
        Way::Get => identity(get(&format!("query={}", utf8_percent_encode(document, NON_ALPHANUMERIC)), "")),
        Way::Post | Way::Miss => identity(post(document, "", "")),
        Way::FirstSight => {
            let never_again = "9".repeat(NUMBER_DIGITS);
            let request = post(&document.replacen(NAME, &format!("Q{never_again}"), 1), "", "");
            let place = request.windows(NUMBER_DIGITS).position(|bytes| bytes == never_again.as_bytes());
            Call { number: place, ..identity(request) }
        }
        Way::Compressed => match compressed(connection, get(&address, "accept-encoding: br\r\n")).await? {
            Some(call) => call,
            None => return Ok(None),
        },
        Way::Unchanged => {
            let answer = connection.ask(&get(&address, "")).await?;
            let Some(tag) = answer.header("etag") else { return Ok(None) };
            let request = get(&address, &format!("if-none-match: {tag}\r\n"));
            Call { request, number: None, status: 304, body: Vec::new() }
        }
    };
    let answer = connection.ask(&call.request).await?;
    let same = answer.status == call.status && answer.body == call.body;
    ensure!(same, "{}: the answer differs from the first: status {}", way.name(), answer.status);
    Ok(Some(Arc::new(call)))
}

/// The call whose answers are compressed; nothing when they never are.
async fn compressed(connection: &mut Connection, request: Vec<u8>) -> anyhow::Result<Option<Call>> {
    for _ in 0..PATIENCE {
        let answer = connection.ask(&request).await?;
        ensure!(answer.status == 200, "status {} for a compressed answer", answer.status);
        if answer.header("content-encoding") == Some("br") {
            let body = answer.body.to_vec();
            return Ok(Some(Call { request, number: None, status: 200, body }));
        }
        if answer.header("vary").is_none_or(|vary| !vary.to_ascii_lowercase().contains("accept-encoding")) {
            return Ok(None);
        }
        sleep(Duration::from_millis(20)).await;
    }
    Ok(None)
}

/// The call that asks for as many bytes as an answer has, without GraphQL.
pub fn ceiling(bytes: usize) -> Arc<Call> {
    let request = format!("GET {CEILING}{bytes} HTTP/1.1\r\nhost: localhost\r\naccept: application/json\r\n\r\n");
    Arc::new(Call { request: request.into_bytes(), number: None, status: 200, body: vec![b'1'; bytes] })
}

/// The cursor behind the first `count` pages of the list.
async fn cursor(connection: &mut Connection, count: u32) -> anyhow::Result<String> {
    let mut cursor = String::new();
    let mut passed = 0;
    while passed < count {
        let first = AT_ONCE.min(count - passed);
        let after = if cursor.is_empty() { String::new() } else { format!(", after: \"{cursor}\"") };
        let document = format!("{{ pages(first: {first}{after}, locale: \"en\") {{ pageInfo {{ endCursor }} }} }}");
        let data = data(&connection.ask(&post(&document, "", "")).await?)?;
        let end = data.pointer("/data/pages/pageInfo/endCursor").and_then(Value::as_str);
        cursor = end.with_context(|| format!("the list ends before {count}"))?.to_owned();
        passed += first;
    }
    Ok(cursor)
}

/// The JSON of an answer without errors.
///
/// # Errors
/// When it has some.
pub fn data(answer: &Answer<'_>) -> anyhow::Result<Value> {
    let json: Value = serde_json::from_slice(answer.body)?;
    if answer.status != 200 || json.get("errors").is_some() {
        bail!("status {}: {json}", answer.status);
    }
    Ok(json)
}

fn get(address: &str, headers: &str) -> Vec<u8> {
    format!(
        "GET /graphql?{address} HTTP/1.1\r\nhost: localhost\r\naccept: application/graphql-response+json\r\n{headers}\r\n"
    )
    .into_bytes()
}

/// A POST request, with an access token unless that is empty, and with variables unless these are.
pub fn post(document: &str, variables: &str, token: &str) -> Vec<u8> {
    let query = json!(document);
    let body = match variables {
        "" => format!("{{\"query\":{query}}}"),
        _ => format!("{{\"query\":{query},\"variables\":{variables}}}"),
    };
    post_body(&body, token)
}

/// The hash by which a persisted operation is known.
pub fn persisted_hash(document: &str) -> String {
    digest(&SHA256, document.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A POST request with this body, with an access token unless that is empty.
pub fn post_body(body: &str, token: &str) -> Vec<u8> {
    let authorization = if token.is_empty() { String::new() } else { format!("authorization: Bearer {token}\r\n") };
    let length = body.len();
    format!(
        "POST /graphql HTTP/1.1\r\nhost: localhost\r\naccept: application/graphql-response+json\r\n\
         content-type: application/json\r\n{authorization}content-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}
