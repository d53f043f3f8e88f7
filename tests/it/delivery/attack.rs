//! Documents made to cost more than they look: each is answered or refused soon, and nothing that is remembered of them
//! grows without bound. What meets a limit at the door is in `limits`.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::{Client, Reply, TestApp};

use super::{address, import, page};

/// Far more than any of them takes, in a debug build on a busy machine.
const SOON: Duration = Duration::from_secs(2);

/// What meets a hostile document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It is answered without an error.
    Answered,
    /// It is refused with this code, before anything is executed.
    Refused(&'static str),
    /// A field is refused with this code.
    Failed(&'static str),
}

use Fate::{Answered, Failed, Refused};

const LIMIT: Fate = Refused("LIMIT_EXCEEDED");

#[derive(Clone)]
struct Attack {
    name: &'static str,
    document: String,
    variables: Value,
    fate: Fate,
}

fn attack(name: &'static str, document: impl Into<String>, fate: Fate) -> Attack {
    Attack { name, document: document.into(), variables: json!({}), fate }
}

fn with(attack: Attack, variables: Value) -> Attack {
    Attack { variables, ..attack }
}

/// Fields inside each other, so many at each level, which all merge.
fn merging(levels: usize, width: usize) -> String {
    match levels {
        0 => "slug".to_owned(),
        levels => format!("parent {{ {} }} ", merging(levels - 1, width)).repeat(width),
    }
}

/// Lists of fallback, each another, as many as fit a request.
fn permutations() -> String {
    let locales = ["ja", "en", "ja"];
    let mut fields = String::new();
    for number in 0..90_usize {
        let list: Vec<String> =
            (0..12).map(|place| format!("\"{}\"", locales[(number >> (place % 7)) % 2 + place % 2])).collect();
        fields += &format!("a{number}: pages(first: 1, fallback: [{}]) {{ totalCount }} ", list.join(","));
    }
    format!("{{ {fields} }}")
}

#[expect(clippy::too_many_lines, reason = "a list")]
fn documents() -> Vec<Attack> {
    let page = |selection: &str| format!("{{ page(slug: \"about-us\") {{ {selection} }} }}");
    let slugs: Vec<String> = (0..1_000).map(|number| format!("page-{number:04}")).collect();
    let names = |count: usize, make: &dyn Fn(usize) -> String| (0..count).map(make).collect::<String>();
    let long = "x".repeat(20_000);
    vec![
        attack("1,900 equal fields", page(&"title ".repeat(1_900)), Answered),
        attack("1,900 equal type names", page(&"__typename ".repeat(1_900)), Answered),
        attack("900 equal objects that merge", page(&"parent { slug } ".repeat(900)), Answered),
        attack("900 equal root fields", format!("{{ {} }}", "site { id } ".repeat(900)), Answered),
        attack("objects that merge at nine levels", page(&merging(9, 2)), Answered),
        attack("objects that merge at six levels, three times each", page(&merging(6, 3)), Answered),
        attack("objects that merge at twelve levels", page(&merging(12, 2)), LIMIT),
        attack("900 inline fragments", page(&"... { slug } ".repeat(900)), Answered),
        attack(
            "one fragment 900 times",
            format!("{} fragment F on Page {{ slug }}", page(&"...F ".repeat(900))),
            Answered,
        ),
        attack(
            "a fragment that merges with itself, doubling",
            format!(
                "{} {} fragment F8 on Page {{ slug }}",
                page("...F0"),
                names(8, &|level| format!(
                    "fragment F{level} on Page {{ parent {{ ...F{0} }} parent {{ ...F{0} }} }} ",
                    level + 1
                ))
            ),
            Answered,
        ),
        attack(
            "a fragment that doubles beyond the limit",
            format!(
                "{} {} fragment F12 on Page {{ slug }}",
                page("...F0"),
                names(12, &|level| format!(
                    "fragment F{level} on Page {{ parent {{ ...F{0} }} parent {{ ...F{0} }} }} ",
                    level + 1
                ))
            ),
            LIMIT,
        ),
        attack("a deep selection", page(&format!("{}slug{}", "parent {".repeat(20), "}".repeat(20))), LIMIT),
        attack("101 aliases", format!("{{ {} }}", names(101, &|n| format!("a{n}: site {{ id }} "))), LIMIT),
        attack(
            "100 fact sheets",
            format!(
                "{{ {} }}",
                names(100, &|n| format!(
                    "a{n}: factSheet {{ categories {{ countries {{ counts {{ value note }} }} }} }} "
                ))
            ),
            LIMIT,
        ),
        attack(
            "fact sheets as dear as can be",
            format!("{{ {} }}", names(100, &|n| format!("a{n}: factSheet {{ years breaks {{ year }} }} "))),
            Answered,
        ),
        attack(
            "100 sums in every direction",
            format!(
                "{{ {} }}",
                names(30, &|n| format!(
                    "a{n}: visitCounts(groupBy: [COUNTRY, YEAR, CATEGORY], top: {}) {{ rank }} ",
                    n + 1
                ))
            ),
            Answered,
        ),
        attack("51 directives", page(&"title @skip(if: false) ".repeat(51)), LIMIT),
        attack("a name of 20,000 letters", format!("{{ {long}: site {{ id }} }}"), Answered),
        attack("a field of 20,000 letters", format!("{{ {long} }}"), Refused("GRAPHQL_VALIDATION_FAILED")),
        attack("an operation of 20,000 letters", format!("query {long} {{ site {{ id }} }}"), Answered),
        with(
            attack(
                "a variable of 20,000 letters",
                format!("query(${long}: Locale) {{ site(locale: ${long}) {{ id }} }}"),
                Answered,
            ),
            json!({ long.clone(): "en" }),
        ),
        attack(
            "500 variables that nobody uses",
            format!("query({}) {{ site {{ id }} }}", names(500, &|n| format!("$v{n}: Int "))),
            Refused("GRAPHQL_VALIDATION_FAILED"),
        ),
        attack(
            "90 variables that are used",
            format!(
                "query({}) {{ {} }}",
                names(90, &|n| format!("$v{n}: Locale ")),
                names(90, &|n| format!("a{n}: site(locale: $v{n}) {{ id }} "))
            ),
            Answered,
        ),
        with(
            attack("values of variables that nobody declared", "{ site { id } }", Answered),
            (0..1_000)
                .map(|number| (format!("v{number}"), json!([[[number]]])))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        ),
        with(
            attack("a deep variable", "query($f: PageFilter) { pages(filter: $f) { totalCount } }", LIMIT),
            (0..40).fold(json!("x"), |inner, _| json!({ "parent": inner })),
        ),
        with(
            attack("1,000 ids", "query($i: [ID!]!) { nodes(ids: $i) { id } }", Failed("BAD_USER_INPUT")),
            json!({ "i": vec!["x"; 1_000] }),
        ),
        with(
            attack("1,001 ids", "query($i: [ID!]!) { nodes(ids: $i) { id } }", LIMIT),
            json!({ "i": vec!["x"; 1_001] }),
        ),
        with(
            attack(
                "1,000 slugs, all of which there are, in every order",
                format!(
                    "query($s: [Slug!]) {{ {} }}",
                    names(16, &|n| format!(
                        "a{n}: pages(first: 1, filter: {{ slugs: $s }}, order: {{ field: {} }}) {{ totalCount }} ",
                        ["POSITION", "SLUG", "TITLE", "PUBLISHED_AT"][n % 4]
                    ))
                ),
                Answered,
            ),
            json!({ "s": slugs }),
        ),
        with(
            attack(
                "the same slug 1,000 times",
                "query($s: [Slug!]) { pages(filter: { slugs: $s }) { totalCount } }",
                Answered,
            ),
            json!({ "s": vec!["page-0001"; 1_000] }),
        ),
        attack("90 lists of fallback, each another", permutations(), Answered),
        with(
            attack(
                "a list of fallback of 1,000",
                "query($f: [Locale!]) { site(fallback: $f) { id } }",
                Failed("BAD_USER_INPUT"),
            ),
            json!({ "f": vec!["en"; 1_000] }),
        ),
        attack(
            "children of children of a wide tree",
            "{ page(slug: \"wide\") { children { slug parent { slug children { slug } } } } }",
            Answered,
        ),
        attack(
            "children of children, a million of them",
            "{ page(slug: \"wide\") { children { parent { children { parent { children { slug } } } } } } }",
            LIMIT,
        ),
        attack("100 long pages", "{ pages(first: 100) { nodes { body { markdown html text } } } }", Answered),
        attack("a directive that there is not", "{ site @a @b @c { id } }", Refused("GRAPHQL_VALIDATION_FAILED")),
        attack(
            "1,900 fields that there are not",
            format!("{{ {} }}", names(1_900, &|n| format!("x{n} "))),
            Refused("GRAPHQL_VALIDATION_FAILED"),
        ),
        attack(
            "conflicts of every pair",
            page(&names(90, &|n| format!("x: {} ", ["title", "slug"][n % 2]))),
            Refused("GRAPHQL_VALIDATION_FAILED"),
        ),
    ]
}

/// An app with pages enough for lists to be long.
async fn crowded() -> TestApp {
    let app = TestApp::new().await;
    import(&app, |dataset| {
        dataset.pages.push(page("wide", None, 10, &["ja"], "Wide", ""));
        for number in 0..1_000_usize {
            let parent = number.is_multiple_of(10).then_some("wide");
            dataset.pages.push(page(&format!("page-{number:04}"), parent, 20, &["ja"], &format!("{number}"), "Text"));
        }
    })
    .await;
    app
}

fn fate(reply: &Reply) -> Option<Fate> {
    let code = |code: &str| {
        ["LIMIT_EXCEEDED", "BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED"].into_iter().find(|known| *known == code)
    };
    if reply.errors().is_empty() {
        return Some(Answered);
    }
    let code = code(reply.code())?;
    Some(if reply.json().get("data").is_some() { Failed(code) } else { Refused(code) })
}

async fn run(client: &Client, attack: &Attack) -> Reply {
    client.run(&attack.document, attack.variables.clone()).await
}

#[tokio::test]
async fn what_a_hostile_document_may_cost_is_decided_before_it_is_run() {
    // After a start, when texts are in memory.
    let app = crowded().await.reopen().await;
    let client = app.anonymous();
    app.statements().reset();
    let mut wrong = Vec::new();
    for attack in documents() {
        let reply = run(&client, &attack).await;
        if fate(&reply) != Some(attack.fate) {
            let text = reply.text();
            wrong.push(format!("{}: {} {}", attack.name, reply.status(), text.chars().take(300).collect::<String>()));
        }
        let errors = reply.errors().len();
        assert!(errors <= 100, "{}: {errors} errors", attack.name);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Only for texts of pages that are not in memory, and for those together.
    assert!(app.statements().so_far() <= 1, "{} statements", app.statements().so_far());
}

#[tokio::test]
async fn every_hostile_document_is_answered_or_refused_soon() {
    let app = crowded().await;
    let app = app.with(|config| config.response_cache_bytes = 0).await;
    let client = app.anonymous();
    let mut slow = Vec::new();
    for attack in documents() {
        // As it is, and by the engine.
        let start = attack.document.find('{').expect("a document") + 1;
        let mut by_engine = attack.document.clone();
        by_engine.insert_str(start, " __schema { queryType { name } } ");
        for document in [attack.document, by_engine] {
            let began = Instant::now();
            client.run(&document, attack.variables.clone()).await;
            let took = began.elapsed();
            if took > SOON {
                slow.push(format!("{}: {took:?}", attack.name));
            }
        }
    }
    assert!(slow.is_empty(), "{}", slow.join("\n"));
}

#[tokio::test]
async fn hostile_documents_leave_no_more_behind_than_there_is_room_for() {
    const ROOM: u64 = 256 * 1024;
    let app = crowded().await;
    let app = app.with(|config| config.response_cache_bytes = ROOM).await;
    for (number, attack) in documents().into_iter().cycle().take(200).enumerate() {
        // Each time another document, so that nothing is found again.
        let query = format!("{} # {number}", attack.document);
        let variables = attack.variables.to_string();
        // Longer ones do not fit an address.
        if query.len() + variables.len() > 20_000 {
            continue;
        }
        app.anonymous().get(&address(&query, &[("variables", &variables)])).await;
        assert!(app.state().answers().bytes() <= ROOM, "{}", attack.name);
    }
    let reply = app.anonymous().run("{ site { id } }", json!({})).await;
    assert!(reply.data()["site"]["id"].is_string());
}
