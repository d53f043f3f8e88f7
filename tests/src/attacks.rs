//! Requests made to cost more than they look, and the pages that they are made for. Tests ask what becomes of them, the
//! benchmark what they cost.

use seed::Dataset;
use serde_json::{Value, json};

use crate::dataset::page;

/// What meets a hostile document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is answered without an error.
    Answered,
    /// It is refused with this code, before anything is executed.
    Refused(&'static str),
    /// A field is refused with this code.
    Failed(&'static str),
}

/// A field that only the engine answers.
pub const BY_ENGINE: &str = " zzz: node(id: \"unknown\") { id } ";

use Fate::{Answered, Failed, Refused};

const LIMIT: Fate = Refused("LIMIT_EXCEEDED");

/// A request that is made to cost more than it looks.
#[derive(Clone, Debug)]
pub struct Attack {
    /// What is hostile about it.
    pub name: &'static str,
    /// The document.
    pub document: String,
    /// The variables.
    pub variables: Value,
    /// What becomes of it.
    pub fate: Fate,
    /// Whether an administrator sends it.
    pub signed_in: bool,
}

fn attack(name: &'static str, document: impl Into<String>, fate: Fate) -> Attack {
    Attack { name, document: document.into(), variables: json!({}), fate, signed_in: false }
}

fn signed_in(attack: Attack) -> Attack {
    Attack { signed_in: true, ..attack }
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

/// All of them, over the pages of [`crowd`].
#[expect(clippy::too_many_lines, reason = "a list")]
pub fn attacks() -> Vec<Attack> {
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
                    "a{n}: factSheet {{ categories {{ countries {{ counts {{ value status note }} }} }} }} "
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
        attack(
            "100 sums of everything at an earlier moment",
            format!(
                "{{ {} }}",
                names(99, &|n| format!("a{n}: visitCounts(asOf: \"2026-01-14T00:00:{:02}Z\") {{ sum }} ", n % 60))
            ),
            Answered,
        ),
        attack(
            "90 names of 600 letters for each sum",
            format!(
                "{{ visitCounts(groupBy: [COUNTRY, YEAR, CATEGORY]) {{ {} }} }}",
                names(90, &|n| format!("{}{n}: rank ", "x".repeat(600)))
            ),
            LIMIT,
        ),
        attack(
            "fields of possible types of interfaces of possible types, 60 times",
            format!(
                "{{ __type(name: \"UserError\") {{ possibleTypes {{ interfaces {{ possibleTypes {{ {} }} }} }} }} }}",
                names(60, &|n| format!("a{n}: fields {{ name description }} "))
            ),
            LIMIT,
        ),
        attack(
            "fields of possible types, 60 times",
            format!(
                "{{ __type(name: \"UserError\") {{ possibleTypes {{ {} }} }} }}",
                names(60, &|n| format!("a{n}: fields {{ name description type {{ name ofType {{ name }} }} }} "))
            ),
            Answered,
        ),
        attack(
            "all types and their fields, 99 times",
            format!(
                "{{ {} }}",
                names(99, &|n| format!("a{n}: __schema {{ types {{ name fields {{ name description }} }} }} "))
            ),
            LIMIT,
        ),
        attack(
            "all types and their fields, 16 times",
            format!(
                "{{ {} }}",
                names(16, &|n| format!("a{n}: __schema {{ types {{ name fields {{ name description }} }} }} "))
            ),
            Answered,
        ),
        attack("what IDEs ask for", include_str!("../it/introspection.graphql"), Answered),
        attack("one very long page", "{ page(slug: \"long\") { body { markdown html text } } }", Answered),
        attack(
            "90 very long pages",
            format!(
                "{{ {} }}",
                names(90, &|n| format!("a{n}: page(slug: \"long\") {{ body {{ markdown html text }} }} "))
            ),
            LIMIT,
        ),
        signed_in(attack(
            "100 documents, as they are and as they are published",
            "{ documents(first: 100) { nodes { id content { ...C } published { ...C } } } }
             fragment C on DocumentContent { ... on PageTextContent { title body { markdown html text } } }",
            Answered,
        )),
        signed_in(attack(
            "what happened, ten times",
            format!("{{ {} }}", names(10, &|n| format!("a{n}: auditLog(first: 100) {{ nodes {{ seq action }} }} "))),
            Answered,
        )),
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

/// Adds pages enough for lists to be long, and for one page to have many below it.
pub fn crowd(dataset: &mut Dataset) {
    dataset.pages.push(page("wide", None, 10, &["ja"], "Wide", ""));
    dataset.pages.push(page(
        "long",
        None,
        11,
        &["ja"],
        "Long",
        &"A long text is made of many such words. ".repeat(4_900),
    ));
    for number in 0..1_000_usize {
        let parent = number.is_multiple_of(10).then_some("wide");
        dataset.pages.push(page(&format!("page-{number:04}"), parent, 20, &["ja"], &format!("{number}"), "Text"));
    }
}
