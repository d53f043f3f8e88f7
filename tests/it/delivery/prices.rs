//! What operations cost is true: over a big dataset, no generated operation costs more than twice what was estimated before
//! it ran, in fields, in bytes, and in memory; and no list that the public can ask for is without a rule.

use std::collections::BTreeMap;

use proptest::{
    collection::vec,
    prelude::any,
    strategy::{Strategy, ValueTree},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use serde_json::{Value, json};
use tests::{TestApp, big_dataset, commands};

/// Fewer pages than are measured on, since making them takes long. As many figures, and as many pages below one.
const PAGES: u32 = 400;
/// How many operations are made up.
const CASES: u32 = 300;
/// How far a generated selection goes down.
const DEPTH: usize = 6;

/// An object type's fields: name, type, and whether an object is behind it.
type Fields = Vec<(String, String, bool)>;

/// What there is to select, as the schema says.
struct Types(BTreeMap<String, Fields>);

impl Types {
    async fn read(app: &TestApp) -> Self {
        let query = "{ __schema { types { name kind fields { name args { name } type { ...T } } } } }
            fragment T on __Type { name kind ofType { name kind ofType { name kind ofType { name kind } } } }";
        let reply = app.anonymous().run(query, json!({})).await;
        let types = reply.at("/data/__schema/types").as_array().expect("types").clone();
        let object = types.iter().filter(|found| found["kind"] == "OBJECT" || found["kind"] == "INTERFACE");
        let fields = |found: &Value| {
            let fields = found["fields"].as_array().expect("fields").iter();
            // Fields with arguments are asked for as roots only.
            let plain = fields.filter(|field| field["args"].as_array().expect("arguments").is_empty());
            plain
                .map(|field| {
                    let mut of = &field["type"];
                    while !of["ofType"].is_null() {
                        of = &of["ofType"];
                    }
                    let text = |value: &Value| value.as_str().expect("a name").to_owned();
                    (text(&field["name"]), text(&of["name"]), of["kind"] == "OBJECT" || of["kind"] == "INTERFACE")
                })
                .collect::<Fields>()
        };
        Self(object.map(|found| (found["name"].as_str().expect("a name").to_owned(), fields(found))).collect())
    }
}

/// The roots that somebody who is not signed in can ask for, with their types, and arguments to choose from.
const ROOTS: [(&str, &str, &[&str]); 14] = [
    ("site", "Site", &["", "(locale: \"en\")"]),
    ("locales", "SiteLocale", &[""]),
    ("page", "Page", &["(slug: \"page-00000\")", "(slug: \"page-00101\", locale: \"en\")", "(slug: \"none\")"]),
    (
        "pages",
        "PageConnection",
        &[
            "",
            "(first: 1)",
            "(first: 100)",
            "(first: 100, order: { field: TITLE })",
            "(filter: { parent: \"page-00000\" }, first: 100)",
            "(filter: { slugs: [\"page-00000\", \"page-00001\"] })",
        ],
    ),
    ("staff", "StaffMember", &["", "(locale: \"en\")"]),
    ("countries", "Country", &["", "(locale: \"en\")"]),
    ("categories", "Category", &[""]),
    (
        "factSheet",
        "FactSheet",
        &["", "(from: 2020)", "(categories: [RESIDENT], to: 1995)", "(asOf: \"2026-01-14T00:00:00Z\")"],
    ),
    (
        "visitCounts",
        "VisitCountGroup",
        &[
            "",
            "(groupBy: [YEAR])",
            "(groupBy: [COUNTRY, YEAR, CATEGORY])",
            "(groupBy: [COUNTRY], top: 10)",
            "(groupBy: [REGION, YEAR])",
            "(groupBy: [COUNTRY, YEAR], filter: { from: 2015, categories: [TRAVEL] })",
        ],
    ),
    ("vintages", "Vintage", &["", "(category: \"TRAVEL\", year: 2000)"]),
    ("figureHistory", "FigureChange", &["(category: \"TRAVEL\", country: \"CN\", year: 2000)"]),
    ("figureChanges", "FigureDeltas", &["(since: \"2026-01-15T00:00:00Z\")"]),
    ("observationStatuses", "ObservationStatusLabel", &[""]),
    ("__schema", "__Schema", &[""]),
];

/// Makes a document of choices.
struct Author<'a> {
    types: &'a Types,
    choices: std::slice::Iter<'a, u16>,
    aliases: usize,
}

impl Author<'_> {
    fn choose(&mut self, options: usize) -> usize {
        self.choices.next().map_or(0, |choice| usize::from(*choice) % options.max(1))
    }

    fn document(types: &Types, choices: &[u16]) -> String {
        let mut author = Author { types, choices: choices.iter(), aliases: 0 };
        let mut text = "{".to_owned();
        for _ in 0..=author.choose(3) {
            let (name, of, arguments) = ROOTS[author.choose(ROOTS.len())];
            let arguments = arguments[author.choose(arguments.len())].replace("[RESIDENT]", "[\"RESIDENT\"]");
            let arguments = arguments.replace("[TRAVEL]", "[\"TRAVEL\"]");
            author.aliases += 1;
            text += &format!(" r{}: {name}{arguments} ", author.aliases);
            author.selection(of, DEPTH, &mut text);
        }
        text + "}"
    }

    fn selection(&mut self, type_name: &str, depth: usize, text: &mut String) {
        *text += "{ __typename ";
        let fields = self.types.0.get(type_name).cloned().unwrap_or_default();
        for _ in 0..=self.choose(5) {
            let Some((name, of, is_object)) = fields.get(self.choose(fields.len())) else { break };
            // Long keys are bytes, too.
            let key = if self.choose(12) == 0 && self.aliases < 60 {
                self.aliases += 1;
                format!("{}{}: ", "x".repeat(200), self.aliases)
            } else {
                String::new()
            };
            match (is_object, depth) {
                (false, _) => *text += &format!("{key}{name} "),
                (true, 0) => {}
                (true, depth) => {
                    *text += &format!("{key}{name} ");
                    self.selection(of, depth - 1, text);
                }
            }
        }
        *text += "} ";
    }
}

/// How many members the objects of a response have.
fn fields(value: &Value) -> u64 {
    match value {
        Value::Object(members) => members.values().map(|value| 1 + fields(value)).sum(),
        Value::Array(items) => items.iter().map(fields).sum(),
        _ => 0,
    }
}

#[test]
fn nothing_costs_more_than_twice_its_price() {
    // All of a request happens on this thread, so what is allocated on it is allocated for the request.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let app = runtime.block_on(async {
        let app = TestApp::new().await;
        let dataset = big_dataset::big(PAGES).expect("a dataset");
        commands::import_weakening(app.state(), &dataset, "Big").await.expect("the dataset fits");
        app.with(|config| {
            config.response_cache_bytes = 0;
            config.page_body_bytes = 64 * 1024 * 1024;
            config.rate_limit = 0;
        })
        .await
    });
    let types = runtime.block_on(Types::read(&app));
    // The same operations each time: a bound that holds on most days is none.
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let strategy = vec(any::<u16>(), 1..200);
    let (mut claims, mut answered, mut refused) = (Claims::default(), 0, 0);
    for _ in 0..CASES {
        let choices = strategy.new_tree(&mut runner).expect("choices").current();
        let document = Author::document(&types, &choices);
        // Once for what is remembered of it: the operation, and texts that were not in memory.
        runtime.block_on(ask(&app, &document));
        let mut body = Vec::new();
        let used = allocation_counter::measure(|| body = runtime.block_on(ask(&app, &document)));
        let reply: Value = serde_json::from_slice(&body).expect("JSON");
        if let Some(errors) = reply.get("errors") {
            assert_eq!(errors[0]["extensions"]["code"], "LIMIT_EXCEEDED", "{document}\n{reply}");
            refused += 1;
            continue;
        }
        answered += 1;
        let number = |name: &str| reply["extensions"]["cost"][name].as_u64().expect("a number");
        let (estimate, total) = (number("estimate"), number("total"));
        let points = fields(&reply["data"]).max(reply["data"].to_string().len() as u64 / 100);
        claims.hold("points that came, of the total", points, total, 1, &document);
        claims.hold("points that came, of the estimate", points, estimate, 2, &document);
        let memory = used.bytes_max.saturating_sub(FIXED_MEMORY) / MEMORY_PER_POINT;
        claims.hold("memory, of the estimate", memory, estimate, 2, &document);
        let allocations = used.count_total.saturating_sub(FIXED_ALLOCATIONS) / ALLOCATIONS_PER_POINT;
        claims.hold("allocations, of the estimate", allocations, estimate, 2, &document);
    }
    assert!(claims.0.is_empty(), "{}", claims.worst());
    assert!(answered > CASES / 2, "{answered} answered, {refused} refused");
}

async fn ask(app: &TestApp, document: &str) -> Vec<u8> {
    let client = app.raw();
    let request = client.post("/graphql").header("accept", "application/graphql-response+json");
    let response = request.body_json(&json!({ "query": document })).send().await;
    response.0.into_body().into_vec().await.expect("a body")
}

/// What was found not to hold: what, how many times as much as there should be at most, and where.
#[derive(Default)]
struct Claims(Vec<(&'static str, u64, String)>);

impl Claims {
    /// Holds a number against what it was said to be, with a point for what is rounded.
    fn hold(&mut self, what: &'static str, found: u64, said: u64, times: u64, document: &str) {
        if found > times * said + times {
            let permille = found * 1_000 / said.max(1);
            self.0.push((what, permille, format!("{found} of {said}: {document}")));
        }
    }

    fn worst(mut self) -> String {
        self.0.sort_by_key(|(what, permille, _)| (*what, std::cmp::Reverse(*permille)));
        let count = self.0.len();
        let mut text = format!("{count} do not hold");
        for of in self.0.chunk_by(|(a, ..), (b, ..)| a == b) {
            for (what, permille, found) in of.iter().take(3) {
                text += &format!("\n\n{what} ({} times, {permille} thousandths): {found}", of.len());
            }
        }
        text
    }
}

/// What every request takes, its operation and the client of the test included; and what a point stands for.
const FIXED_MEMORY: u64 = 256 * 1024;
const MEMORY_PER_POINT: u64 = 200;
const FIXED_ALLOCATIONS: u64 = 3_000;
const ALLOCATIONS_PER_POINT: u64 = 4;
