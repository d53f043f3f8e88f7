//! The costly requests: every kind of work that a client can cause, anonymous and signed in.
//!
//! Each is made anew for every number, so that no cache has its answer, and says what its answer must look like: a request
//! that is refused for another reason than it is here for would measure nothing.

use std::sync::Arc;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tests::{
    attacks::{BY_ENGINE, attacks},
    big_dataset::{self, CATEGORIES},
    mutation,
};

use super::{material::Material, writes};
use crate::reading::{persisted_hash, post, post_body};

/// Makes a request with a number.
type Make = Box<dyn Fn(usize) -> Vec<u8> + Send + Sync>;

/// A costly request.
pub struct Costly {
    /// What is costly about it.
    pub name: String,
    /// Whether an editor sends it.
    pub signed_in: bool,
    /// The request with this number, which is like no other.
    pub make: Make,
    /// The statuses of which its answer has one.
    pub statuses: &'static [u16],
    /// A part of the body of its answer.
    pub part: &'static str,
    /// How much of it is sent when the client hangs up, in hundredths.
    pub sent_when_hung_up: usize,
}

/// All of them, in the order in which they are measured: what adds figures comes last.
pub fn requests(material: &Arc<Material>) -> Vec<Costly> {
    let groups = [
        documents,
        introspection,
        persisted,
        figures,
        writes::sign_ins,
        lists,
        previews,
        oversized,
        writes::saves,
        writes::imports,
    ];
    groups.iter().flat_map(|group| group(material)).collect()
}

pub fn costly(
    name: impl Into<String>,
    part: &'static str,
    make: impl Fn(usize) -> Vec<u8> + Send + Sync + 'static,
) -> Costly {
    let make = Box::new(make);
    Costly { name: name.into(), signed_in: false, make, statuses: &[200], part, sent_when_hung_up: 100 }
}

/// An operation without variables. The comment makes it unlike any other.
fn query(name: impl Into<String>, part: &'static str, text: impl Into<String>) -> Costly {
    let text = text.into();
    costly(name, part, move |number| post(&format!("{text} #{number}"), "", ""))
}

/// An operation of an editor.
fn editors(material: &Material, name: &str, part: &'static str, text: impl Into<String>) -> Costly {
    let (text, token) = (text.into(), material.token.clone());
    Costly { signed_in: true, ..costly(name, part, move |number| post(&format!("{text} #{number}"), "", &token)) }
}

/// A mutation of an editor, with the input that it has for a number.
pub fn mutates(
    material: &Arc<Material>,
    name: &str,
    what: &'static str,
    input: impl Fn(&Material, usize) -> Value + Send + Sync + 'static,
) -> Costly {
    let material = Arc::clone(material);
    let make = move |number| {
        let input = input(&material, number);
        post(&mutation(what, &input), &json!({ "input": input }).to_string(), &material.token)
    };
    Costly { signed_in: true, ..costly(name, what, make) }
}

fn aliases(count: usize, make: impl Fn(usize) -> String) -> String {
    let fields: String = (0..count).map(|alias| format!("a{alias}: {} ", make(alias))).collect();
    format!("{{ {fields} }}")
}

/// The hostile documents that the tests know, each as it is and with a field that only the engine answers.
fn documents(material: &Arc<Material>) -> Vec<Costly> {
    let mut requests = Vec::new();
    for attack in attacks() {
        let mut by_engine = attack.document.clone();
        if let Some(start) = by_engine.find('{') {
            by_engine.insert_str(start + 1, BY_ENGINE);
        }
        for (document, by) in [(attack.document, ""), (by_engine, ", by the engine")] {
            let token = if attack.signed_in { material.token.clone() } else { String::new() };
            let variables = attack.variables.to_string();
            let make = move |number| post(&format!("{document} #{number}"), &variables, &token);
            // What becomes of them is for tests to say, over their own pages.
            let request = costly(format!("{}{by}", attack.name), "", make);
            requests.push(Costly { signed_in: attack.signed_in, statuses: &[200, 400], ..request });
        }
    }
    let bodies = "body { html text markdown }";
    let sheet = "factSheet { years categories { category { code name } yearlyTotals { year publishedTotal \
                 sumOfCountries difference } countries { country { code name } counts { year value status } } } }";
    let filter = "filter: { from: 1995, to: 2020 }";
    requests.extend([
        query("100 pages with their texts by slug", "a99", aliases(100, |n| format!("page(slug: \"{}\") {{ {bodies} }}", big_dataset::slug(u32::try_from(n).unwrap_or_default() * 90)))),
        query("all figures", "yearlyTotals", format!("{{ {sheet} }}")),
        costly("all figures, compressed", "", {
            let query = format!("query M {{ {sheet} }}");
            move |number| {
                let query = utf8_percent_encode(&format!("{query} #{number}"), NON_ALPHANUMERIC).to_string();
                get(&format!("/graphql?query={query}"), "accept-encoding: br, zstd, gzip\r\n", "")
            }
        }),
        query("3 aggregates by country, year and category", "a2", aliases(3, |n| format!("visitCounts({filter}, groupBy: [COUNTRY, YEAR, CATEGORY], top: {}) {{ rank }}", n + 1))),
        query("20 aggregates with every field", "a19", aliases(20, |n| format!("visitCounts({filter}, groupBy: [REGION, YEAR], top: {}) {{ sum share change changeRate rank missing flags isOthers }}", n + 1))),
        query("an aggregate of as many figures as may be", "visitCounts", "{ visitCounts(filter: { from: 2012 }, groupBy: [COUNTRY, YEAR, CATEGORY]) { sum figures country { code name } year category { code } region { code } share change changeRate rank } }"),
        query("90 histories of figures", "a89", aliases(90, |n| format!("figureHistory(category: \"{}\", country: \"CN\", year: {}) {{ publishedAt before {{ value }} after {{ value }} }}", CATEGORIES[n % 2], 1993 + n % 30))),
        query("what changed since long ago, which is too much, 3 times", "TOO_MANY", aliases(3, |n| format!("figureChanges(since: \"2001-01-01T00:00:{n:02}Z\") {{ until figures {{ year }} }}"))),
        query("all vintages, 30 times", "", aliases(30, |n| format!("vintages(category: \"{}\") {{ publishedAt year }}", CATEGORIES[n % 2]))),
        query("all figures of an earlier moment", "yearlyTotals", format!("{{ {} }}", sheet.replacen("factSheet", &format!("factSheet(asOf: \"{}\")", material.moment), 1))),
    ]);
    requests
}

fn introspection(_: &Arc<Material>) -> Vec<Costly> {
    let all = "__schema { types { name description fields { name description args { name type { name } } } } }";
    vec![
        query("introspection as IDEs ask", "__schema", include_str!("../../../it/introspection.graphql")),
        query(
            "introspection as IDEs ask, with a field",
            "__schema",
            include_str!("../../../it/introspection.graphql").replacen('{', "{ site { name } ", 1),
        ),
        Costly {
            statuses: &[200, 400],
            ..query(
                "deep introspection",
                "",
                format!("{{ __schema {{ types {{ {}name{} }} }} }}", "fields { type { ".repeat(6), " } }".repeat(6)),
            )
        },
        Costly {
            statuses: &[200, 400],
            ..query("introspection under 99 aliases", "", aliases(99, |_| all.to_owned()))
        },
        Costly { statuses: &[200, 400], ..query("introspection under 8 aliases", "", aliases(8, |_| all.to_owned())) },
        query(
            "introspection of 90 types",
            "a89",
            aliases(90, |_| "__type(name: \"Page\") { name fields { name description type { name } } }".to_owned()),
        ),
    ]
}

/// A long operation that the server knows by its hash, and one that it does not know yet.
fn persisted(material: &Arc<Material>) -> Vec<Costly> {
    let known = material.persisted.clone();
    let extensions = |hash: &str| json!({ "persistedQuery": { "version": 1, "sha256Hash": hash } });
    vec![
        costly("a long persisted operation with another variable", "totalCount", move |number| {
            let fallback: Vec<&str> = (0..16).map(|digit| ["ja", "en"][number >> digit & 1]).collect();
            let variables = json!({ "first": number % 100 + 1, "fallback": fallback });
            post_body(
                &json!({ "variables": variables, "extensions": extensions(&persisted_hash(&known)) }).to_string(),
                "",
            )
        }),
        costly("a long operation to be persisted", "totalCount", {
            let known = material.persisted.clone();
            move |number| {
                let document = format!("{known} #{number}");
                let body = json!({ "query": document, "variables": { "first": 1 }, "extensions": extensions(&persisted_hash(&document)) });
                post_body(&body.to_string(), "")
            }
        }),
    ]
}

/// A GET request, with an access token unless that is empty.
fn get(address: &str, headers: &str, token: &str) -> Vec<u8> {
    let authorization = if token.is_empty() { String::new() } else { format!("authorization: Bearer {token}\r\n") };
    format!("GET {address} HTTP/1.1\r\nhost: localhost\r\n{authorization}{headers}\r\n").into_bytes()
}

/// Parameters that say the same for every number and look like no others: empty members of a list count for nothing.
fn unlike_others(number: usize) -> String {
    let commas = |count: usize| ",".repeat(count);
    let [first, second, third] = [number % 32, number / 32 % 32, number / 1_024 % 32];
    format!("category={}{}{},{}{}", commas(first), CATEGORIES[0], commas(second), CATEGORIES[1], commas(third))
}

/// Files and pictures, as large as they may be; each for anybody, and the dearest for an editor, too.
fn figures(material: &Arc<Material>) -> Vec<Costly> {
    let mut requests = Vec::new();
    let mut add = |name: &str, address: &str, part: &'static str, signed_in: bool| {
        let token = if signed_in { material.token.clone() } else { String::new() };
        let address = address.to_owned();
        let make = move |number| get(&format!("{address}{}", unlike_others(number)), "", &token);
        requests.push(Costly { signed_in, ..costly(name, part, make) });
    };
    for (name, address, part) in [
        ("CSV of all figures", "/figures/fact-sheet.csv?", "TRAVEL"),
        ("workbook of all figures", "/figures/fact-sheet.xlsx?", "PK"),
        ("JSON-stat of all figures", "/figures/fact-sheet.json?", "dataset"),
        ("JSON-LD of all figures", "/figures/fact-sheet.jsonld?", "Dataset"),
        (
            "CSV of earlier figures",
            &format!("/figures/fact-sheet.csv?asOf={}&", utf8_percent_encode(&material.moment, NON_ALPHANUMERIC)),
            "TRAVEL",
        ),
        ("SVG of totals", "/figures/chart.svg?width=2400&height=1600&", "<svg"),
        ("SVG of countries", "/figures/chart.svg?kind=countries&top=11&width=2400&height=1600&", "<svg"),
        ("SVG of shares", "/figures/chart.svg?kind=share&top=11&width=2400&height=1600&", "<svg"),
        ("chart as HTML", "/figures/chart.html?kind=countries&top=11&width=2400&height=1600&", "<table"),
        ("PNG of usual size", "/figures/chart.png?", "PNG"),
        (
            "PNG of countries, six megapixels",
            "/figures/chart.png?kind=countries&top=11&width=1500&height=1000&scale=2&",
            "PNG",
        ),
        ("PNG of shares, six megapixels", "/figures/chart.png?kind=share&top=11&width=750&height=500&scale=4&", "PNG"),
        ("PNG of totals, the largest", "/figures/chart.png?width=2400&height=1600&scale=1&", "PNG"),
    ] {
        add(name, address, part, false);
    }
    add("workbook for an editor", "/figures/fact-sheet.xlsx?", "PK", true);
    add(
        "PNG for an editor, six megapixels",
        "/figures/chart.png?kind=countries&top=11&width=1500&height=1000&scale=2&",
        "PNG",
        true,
    );
    requests
}

/// What editors list and compare.
fn lists(material: &Arc<Material>) -> Vec<Costly> {
    let content = "content { ...C } published { ...C }";
    let fragment = "fragment C on DocumentContent { ... on PageTextContent { title body { markdown html text } } \
                    ... on YearSheetContent { total counts { country value status } } }";
    let ids = |ids: &[String], count: usize| json!(ids.iter().take(count).collect::<Vec<_>>()).to_string();
    let page = material.pages.first().cloned().unwrap_or_default();
    vec![
        editors(
            material,
            "33 documents with their texts",
            "nodes",
            format!(
                "{{ documents(first: 33, filter: {{ kind: [PAGE_TEXT] }}) {{ nodes {{ id {content} }} }} }} {fragment}"
            ),
        ),
        Costly {
            statuses: &[200, 400],
            ..editors(
                material,
                "100 year sheets with their figures",
                "",
                format!(
                    "{{ documents(first: 100, filter: {{ kind: [YEAR_SHEET] }}) {{ nodes {{ id {content} }} }} }} {fragment}"
                ),
            )
        },
        editors(
            material,
            "20 year sheets with their figures",
            "",
            format!(
                "{{ documents(first: 20, filter: {{ kind: [YEAR_SHEET] }}) {{ nodes {{ id {content} }} }} }} {fragment}"
            ),
        ),
        Costly {
            statuses: &[200, 400],
            ..editors(
                material,
                "60 year sheets",
                "",
                aliases(60, |n| {
                    format!(
                        "yearSheet(category: \"{}\", year: {}) {{ draft {{ total counts {{ country value }} }} published {{ counts {{ country value }} }} }}",
                        CATEGORIES[n % 2],
                        1993 + n / 2
                    )
                }),
            )
        },
        editors(
            material,
            "the audit log, ten times 100",
            "a9",
            aliases(10, |_| "auditLog(first: 100) { nodes { seq at action actor network hash } }".to_owned()),
        ),
        editors(
            material,
            "the accounts, ten times 100",
            "a9",
            aliases(10, |_| "accounts(first: 100) { nodes { id email role lastSeenAt } }".to_owned()),
        ),
        editors(
            material,
            "the previews, ten times 100",
            "a9",
            aliases(10, |_| "previews(first: 100) { nodes { id documentId expiresAt } }".to_owned()),
        ),
        editors(
            material,
            "what stands in the way of 200 documents",
            "publishCheck",
            format!("{{ publishCheck(ids: {}) {{ code }} }}", ids(&material.texts, 200)),
        ),
        editors(
            material,
            "33 objects by id",
            "nodes",
            format!(
                "{{ nodes(ids: {}) {{ id ... on Document {{ {content} }} }} }} {fragment}",
                ids(&material.texts, 33)
            ),
        ),
        editors(
            material,
            "30 histories of a document",
            "a29",
            aliases(30, |_| {
                format!(
                    "history(id: \"{page}\", first: 100) {{ revisions {{ version content {{ __typename }} }} publications {{ __typename }} }}"
                )
            }),
        ),
    ]
}

/// Links that show a draft: made, and followed for the first time.
fn previews(material: &Arc<Material>) -> Vec<Costly> {
    let follow = |name: &str, part: &'static str, of_figures: bool, text: &'static str| {
        let material = Arc::clone(material);
        costly(name, part, move |number| {
            let tokens = if of_figures { &material.sheet_previews } else { &material.page_previews };
            let token = tokens.get(number % tokens.len().max(1)).map(String::as_str).unwrap_or_default();
            let body = json!({ "query": format!("{text} #{number}") }).to_string();
            let head = format!(
                "almanac-preview: {token}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n",
                body.len()
            );
            [
                format!("POST /graphql HTTP/1.1\r\nhost: localhost\r\naccept: application/json\r\n{head}\r\n")
                    .into_bytes(),
                body.into_bytes(),
            ]
            .concat()
        })
    };
    vec![
        mutates(
            material,
            "a preview, made",
            "previewCreate",
            |material, number| json!({ "id": material.texts.get(number % material.texts.len().max(1)), "version": 1 }),
        ),
        follow(
            "a preview of a page, read",
            "pages",
            false,
            "{ pages(first: 100) { totalCount nodes { slug title body { html } parent { slug } } } }",
        ),
        follow(
            "a preview of figures, read",
            "factSheet",
            true,
            "{ factSheet { years categories { yearlyTotals { publishedTotal } countries { counts { value status } } } } }",
        ),
        follow(
            "a preview of figures, summed up",
            "visitCounts",
            true,
            "{ visitCounts(groupBy: [COUNTRY, YEAR]) { sum rank } }",
        ),
    ]
}

/// What is too large, too deep or not what it says.
fn oversized(_: &Arc<Material>) -> Vec<Costly> {
    let refused = |name: &str, statuses, make: Make| Costly { statuses, ..costly(name, "", make) };
    let body = |text: String| post_body(&text, "");
    let numbers = format!("[{}]", vec!["1"; 990_000].join(","));
    let nested = format!("{}{}", "[".repeat(900_000), "]".repeat(900_000));
    let long = "x".repeat(1_900_000);
    let many: String = (0..50_000).map(|alias| format!("a{alias}:site{{id}}")).collect();
    let deep = format!("{{ page(slug: \"about-us\") {{ {}slug{} }} }}", "parent {".repeat(1_000), "}".repeat(1_000));
    let lists = format!("{{ pages(filter: {}{}) {{ totalCount }} }}", "[".repeat(20_000), "]".repeat(20_000));
    let half = |request: Costly| Costly { sent_when_hung_up: 50, ..request };
    vec![
        half(refused(
            "2 MB of numbers",
            &[400],
            Box::new(move |n| body(format!("{{\"query\":\"{{site{{id}}}} #{n}\",\"variables\":{{\"a\":{numbers}}}}}"))),
        )),
        half(refused(
            "2 MB of nested lists",
            &[400],
            Box::new(move |n| body(format!("{{\"query\":\"{{site{{id}}}} #{n}\",\"variables\":{{\"a\":{nested}}}}}"))),
        )),
        half(refused(
            "a literal of 1.9 MB",
            &[400],
            Box::new(move |n| post(&format!("{{ page(slug: \"{long}\") {{ slug }} }} #{n}"), "", "")),
        )),
        refused("50,000 aliases", &[400], Box::new(move |n| post(&format!("{{ {many} }} #{n}"), "", ""))),
        refused("1,000 levels", &[400], Box::new(move |n| post(&format!("{deep} #{n}"), "", ""))),
        refused("20,000 levels of lists", &[400], Box::new(move |n| post(&format!("{lists} #{n}"), "", ""))),
        half(refused(
            "a body over the limit",
            &[413],
            Box::new(move |n| body(format!("{{\"query\":\"{}{n}\"}}", "x".repeat(3_000_000)))),
        )),
        refused(
            "a body of 2 MB that is not JSON",
            &[400],
            Box::new(move |n| body(format!("{n}{}", "\u{e9}".repeat(1_000_000)))),
        ),
        refused(
            "an address of 70 kB",
            &[414],
            Box::new(|n| get(&format!("/graphql?query={{site{{id}}}}{n}{}", "x".repeat(70_000)), "", "")),
        ),
        refused(
            "140 kB of headers",
            &[400, 431],
            Box::new(|n| get("/graphql?query={site{id}}", &format!("x-{n}: {}\r\n", "y".repeat(140_000)), "")),
        ),
        refused(
            "200 header fields",
            &[400, 431],
            Box::new(|n| {
                get(
                    "/graphql?query={site{id}}",
                    &(0..200).map(|field| format!("x-{n}-{field}: y\r\n")).collect::<String>(),
                    "",
                )
            }),
        ),
    ]
}

/// A body that is long enough to be sent slowly.
pub fn slow_body() -> Vec<u8> {
    post_body(&format!("{{\"query\":\"{}\"}}", "x".repeat(1_900_000)), "")
}
