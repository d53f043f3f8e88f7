//! A direct answer is byte for byte what the engine answers.
//!
//! The engine can be forced from outside: a document that asks for `node` has no plan. So each document is asked twice,
//! once as it is and once with such a field at its end, which is cut off the answer again.

use std::collections::{BTreeMap, BTreeSet};

use api::schema::sdl;
use async_graphql::parser::{
    parse_schema,
    types::{BaseType, Type, TypeKind, TypeSystemDefinition},
};
use proptest::{
    collection::vec,
    prelude::{Strategy as _, any},
    strategy::ValueTree as _,
    test_runner::{Config, TestRunner},
};
use serde_json::{Map, Value, json};
use tests::{Client, TestApp};

use super::{import, page, publish};

/// What makes the engine answer, and its answer.
const FORCED: &str = " zzz: node(id: \"unknown\") { id }";
const FORCED_ANSWER: &str = r#","zzz":null}"#;

/// How many documents are made up.
const CASES: u32 = 400;
/// How far a generated selection goes down.
const DEPTH: usize = 6;
/// Below the limits of a request, with room for what forces the engine.
const MAX_FIELDS: usize = 300;
const MAX_ALIASES: usize = 60;
const MAX_DIRECTIVES: usize = 40;

/// The roots that are answered directly.
const ROOTS: [&str; 9] =
    ["site", "locales", "page", "pages", "staff", "countries", "categories", "factSheet", "visitCounts"];

/// Text in which everything stands that JSON or a reader could stumble over.
const AWKWARD: &str = "\"quotes\" \\backslash\\ \u{2028}\u{2029} \u{feff}😀👩‍👩‍👧 </script> <b>&amp;</b> \u{202e}rtl \u{e000} \u{fffd} \u{7e}\u{a0}x /*";

fn named(base: &BaseType) -> &str {
    match base {
        BaseType::Named(name) => name.as_str(),
        BaseType::List(item) => named(&item.base),
    }
}

/// The object types of the schema: of each field without required arguments its name, and the type of what it leads to.
struct Types(BTreeMap<String, Vec<(String, String)>>);

impl Types {
    fn read() -> Self {
        let mut all = BTreeMap::new();
        for definition in parse_schema(sdl()).expect("the schema is a schema").definitions {
            let TypeSystemDefinition::Type(definition) = definition else { continue };
            let TypeKind::Object(object) = &definition.node.kind else { continue };
            let is_required = |ty: &Type, has_default: bool| !ty.nullable && !has_default;
            let fields = object.fields.iter().filter(|field| {
                let arguments = &field.node.arguments;
                !arguments
                    .iter()
                    .any(|argument| is_required(&argument.node.ty.node, argument.node.default_value.is_some()))
                    || definition.node.name.node == "Query"
            });
            let fields =
                fields.map(|field| (field.node.name.node.to_string(), named(&field.node.ty.node.base).to_owned()));
            all.insert(definition.node.name.node.to_string(), fields.collect());
        }
        Self(all)
    }

    fn fields(&self, name: &str) -> Option<&[(String, String)]> {
        self.0.get(name).map(Vec::as_slice)
    }
}

/// Decisions, taken one after another. When there are no more, each is the first and simplest.
struct Choices<'a>(std::slice::Iter<'a, u16>);

impl Choices<'_> {
    fn below(&mut self, count: usize) -> usize {
        usize::from(self.0.next().copied().unwrap_or_default()) % count
    }

    /// Once in so many times.
    fn once_in(&mut self, count: usize) -> bool {
        self.below(count) == count - 1
    }

    fn of<'b, T: ?Sized>(&mut self, items: &[&'b T]) -> &'b T {
        items[self.below(items.len())]
    }
}

/// A document to ask, without its closing brace.
#[derive(Clone, Debug)]
struct Question {
    document: String,
    variables: Value,
}

/// Makes up documents.
struct Author<'a> {
    types: &'a Types,
    choices: Choices<'a>,
    cursor: &'a str,
    fields: usize,
    aliases: usize,
    directives: usize,
    declared: Vec<String>,
    sent: Map<String, Value>,
    /// The type of each fragment, how deep it goes, and its text.
    fragments: Vec<(String, usize, String)>,
    /// Root fields with their arguments, to be selected again.
    heads: Vec<(String, String)>,
}

/// A value as a literal and as JSON.
type Literal = (String, Value);

fn text(text: &str) -> Literal {
    (Value::from(text).to_string(), text.into())
}

fn token(name: &str) -> Literal {
    (name.to_owned(), name.into())
}

fn number(number: i64) -> Literal {
    (number.to_string(), number.into())
}

fn list(items: Vec<Literal>) -> Literal {
    let (literals, values): (Vec<String>, Vec<Value>) = items.into_iter().unzip();
    (format!("[{}]", literals.join(" ")), values.into())
}

fn object(members: Vec<(&str, Literal)>) -> Literal {
    let literals: Vec<String> = members.iter().map(|(name, (literal, _))| format!("{name}: {literal}")).collect();
    let values = members.into_iter().map(|(name, (_, value))| (name.to_owned(), value)).collect::<Map<_, _>>();
    (format!("{{ {} }}", literals.join(", ")), values.into())
}

impl<'a> Author<'a> {
    fn question(types: &'a Types, choices: &'a [u16], cursor: &'a str) -> Question {
        let mut author = Self {
            types,
            choices: Choices(choices.iter()),
            cursor,
            fields: 0,
            aliases: 0,
            directives: 0,
            declared: Vec::new(),
            sent: Map::new(),
            fragments: Vec::new(),
            heads: Vec::new(),
        };
        let mut selected = author.roots();
        if author.choices.once_in(4) {
            let more = author.roots();
            selected = format!("{selected} ... on Query {{ {more} }}");
        }
        if author.choices.once_in(6) {
            selected.push_str(" __typename");
        }
        let fragments: String = author.fragments.iter().map(|(_, _, text)| format!("{text} ")).collect();
        let declared = match author.declared.as_slice() {
            [] => String::new(),
            declared => format!("({})", declared.join(", ")),
        };
        // Fragments stand before, so that what is added at the end moves nothing.
        let document = format!("{fragments}query Q{declared} {{ {selected}");
        Question { document, variables: Value::Object(author.sent) }
    }

    fn roots(&mut self) -> String {
        let count = 1 + self.choices.below(3);
        (0..count).map(|_| self.root() + " ").collect()
    }

    fn root(&mut self) -> String {
        let (head, leads_to) = if !self.heads.is_empty() && self.choices.once_in(4) {
            let index = self.choices.below(self.heads.len());
            self.heads[index].clone()
        } else {
            let name = self.choices.of(&ROOTS);
            let arguments = self.arguments(name);
            let arguments = if arguments.is_empty() { String::new() } else { format!("({})", arguments.join(", ")) };
            let fields = self.types.fields("Query").expect("the root");
            let (_, leads_to) = fields.iter().find(|(field, _)| field == name).expect("a root field");
            self.aliases += 1;
            let head = (format!("r{}: {name}{arguments}", self.heads.len()), leads_to.clone());
            self.heads.push(head.clone());
            head
        };
        let directives = self.directives();
        let selection = self.selection(&leads_to, DEPTH);
        format!("{head}{directives} {selection}")
    }

    /// A value where an argument stands: written there, or in a variable of this type.
    fn value(&mut self, ty: &str, (literal, value): Literal) -> String {
        let name = format!("v{}", self.declared.len());
        let nullable = !ty.ends_with('!');
        match self.choices.below(7) {
            0..=2 => return literal,
            3 => self.declare(&name, ty, None, Some(value)),
            4 if nullable => self.declare(&name, ty, Some(&literal), None),
            5 if nullable => self.declare(&name, ty, Some(&literal), Some(value)),
            6 if nullable => {
                let sent = self.choices.once_in(2).then_some(Value::Null);
                self.declare(&name, ty, None, sent);
            }
            _ => self.declare(&name, &format!("{}!", ty.trim_end_matches('!')), None, Some(value)),
        }
        format!("${name}")
    }

    fn declare(&mut self, name: &str, ty: &str, default: Option<&str>, sent: Option<Value>) {
        let default = default.map_or_else(String::new, |default| format!(" = {default}"));
        self.declared.push(format!("${name}: {ty}{default}"));
        if let Some(sent) = sent {
            self.sent.insert(name.to_owned(), sent);
        }
    }

    fn locale(&mut self) -> Literal {
        let locale = match self.choices.below(12) {
            0..=3 => "ja",
            4..=6 => "en",
            7..=9 => "vi",
            10 => "fr",
            _ => "not a locale",
        };
        text(locale)
    }

    fn slug(&mut self) -> Literal {
        let slugs = [
            "about-us",
            "awkward",
            "only-english",
            "only-vietnamese",
            "former",
            "staff",
            "child-of-awkward",
            "unknown",
            "fact-sheet",
            "Not A Slug",
        ];
        text(self.choices.of(&slugs))
    }

    fn year(&mut self) -> Literal {
        number([2018, 2019, 2020, 2021, 2022, 2030, 1900, 3000][self.choices.below(8)])
    }

    fn items(&mut self, most: usize, item: impl Fn(&mut Self) -> Literal) -> Literal {
        let count = self.choices.below(most + 1);
        list((0..count).map(|_| item(self)).collect())
    }

    /// Arguments of a root field, each with its name.
    fn arguments(&mut self, root: &str) -> Vec<String> {
        let mut arguments = Vec::new();
        let mut add = |author: &mut Self, name: &str, ty: &str, make: &dyn Fn(&mut Self) -> Literal| {
            let literal = make(author);
            arguments.push(format!("{name}: {}", author.value(ty, literal)));
        };
        if root == "page" {
            add(self, "slug", "Slug!", &Self::slug);
        }
        if root == "pages" {
            // Always, for the price.
            add(self, "first", "Int", &|author| number([3, 1, 2, 5, 100, 0][author.choices.below(6)]));
            if self.choices.once_in(2) {
                add(self, "order", "PageOrder", &|author| {
                    let field = token(author.choices.of(&["POSITION", "SLUG", "TITLE", "PUBLISHED_AT"]));
                    let mut members = vec![("field", field)];
                    if author.choices.once_in(2) {
                        members.push(("direction", token(author.choices.of(&["DESC", "ASC"]))));
                    }
                    object(members)
                });
            }
            if self.choices.once_in(2) {
                add(self, "filter", "PageFilter", &|author| {
                    let mut members = Vec::new();
                    if author.choices.once_in(2) {
                        let top = ("null".to_owned(), Value::Null);
                        members.push(("parent", if author.choices.once_in(4) { top } else { author.slug() }));
                    }
                    if author.choices.once_in(2) {
                        members.push(("slugs", author.items(4, Self::slug)));
                    }
                    object(members)
                });
            }
            if self.choices.once_in(8) {
                add(self, "after", "String", &|author| text(author.choices.of(&[author.cursor, "nonsense"])));
            }
        }
        let category = |author: &mut Self| text(author.choices.of(&["TRAVEL", "RESIDENT", "UNKNOWN"]));
        if root == "factSheet" {
            if self.choices.once_in(2) {
                add(self, "categories", "[CategoryCode!]", &|author| author.items(3, category));
            }
            for bound in ["from", "to"] {
                if self.choices.once_in(3) {
                    add(self, bound, "Year", &Self::year);
                }
            }
            if self.choices.once_in(12) {
                add(self, "confidential", "Boolean!", &|author| {
                    let confidential = author.choices.once_in(2);
                    (confidential.to_string(), confidential.into())
                });
            }
        }
        if root == "visitCounts" {
            if self.choices.once_in(2) {
                add(self, "groupBy", "[VisitCountDimension!]", &|author| {
                    let dimensions = ["YEAR", "CATEGORY", "COUNTRY", "REGION", "SUB_REGION"];
                    author.items(3, |author| token(author.choices.of(&dimensions)))
                });
            }
            if self.choices.once_in(3) {
                add(self, "top", "Int", &|author| number([3, 1, 10, 0][author.choices.below(4)]));
            }
            if self.choices.once_in(2) {
                add(self, "filter", "VisitCountsFilter", &|author| {
                    let mut members = Vec::new();
                    if author.choices.once_in(2) {
                        members.push(("categories", author.items(2, category)));
                    }
                    if author.choices.once_in(2) {
                        let country = |author: &mut Self| text(author.choices.of(&["CN", "VN", "US", "ZZ"]));
                        members.push(("countries", author.items(3, country)));
                    }
                    if author.choices.once_in(3) {
                        members.push(("from", author.year()));
                    }
                    object(members)
                });
            }
        }
        if ["factSheet", "visitCounts"].contains(&root) && self.choices.once_in(6) {
            let moments = ["2026-01-15T00:00:00Z", "2026-01-14T00:00:00Z", "2026-01-15T09:30:00+09:00", "yesterday"];
            add(self, "asOf", "DateTime", &|author| text(author.choices.of(&moments)));
        }
        if root != "locales" {
            if self.choices.once_in(2) {
                add(self, "locale", "Locale", &Self::locale);
            }
            if self.choices.once_in(3) {
                add(self, "fallback", "[Locale!]", &|author| author.items(3, Self::locale));
            }
        }
        arguments
    }

    fn directives(&mut self) -> String {
        let mut written = String::new();
        while self.directives < MAX_DIRECTIVES && self.choices.once_in(10) {
            self.directives += 1;
            // Mostly such that something is left.
            let keeps = !self.choices.once_in(3);
            let (name, condition) = if self.choices.once_in(2) { ("skip", !keeps) } else { ("include", keeps) };
            let literal = (condition.to_string(), condition.into());
            let value = match self.choices.below(3) {
                0 => literal.0,
                1 => {
                    let name = format!("b{}", self.declared.len());
                    self.declare(&name, "Boolean!", None, Some(literal.1));
                    format!("${name}")
                }
                _ => {
                    let name = format!("b{}", self.declared.len());
                    self.declare(&name, "Boolean", Some(&literal.0), None);
                    format!("${name}")
                }
            };
            written += &format!(" @{name}(if: {value})");
        }
        written
    }

    /// The selection of a field that leads to this type; nothing for a leaf.
    fn selection(&mut self, type_name: &str, depth: usize) -> String {
        if self.types.fields(type_name).is_none() {
            return String::new();
        }
        format!("{{ {} }}", self.selections(type_name, depth))
    }

    fn selections(&mut self, type_name: &str, depth: usize) -> String {
        let mut selected = String::new();
        let count = 1 + self.choices.below(5);
        for _ in 0..count {
            selected += &self.one_of(type_name, depth);
            selected.push(' ');
        }
        selected
    }

    fn one_of(&mut self, type_name: &str, depth: usize) -> String {
        let types = self.types;
        let is_full = self.fields > MAX_FIELDS;
        match self.choices.below(12) {
            9 if depth > 0 && !is_full => {
                let on = if self.choices.once_in(2) { format!(" on {type_name}") } else { String::new() };
                let directives = self.directives();
                return format!("...{on}{directives} {{ {} }}", self.selections(type_name, depth - 1));
            }
            10 if depth > 0 && !is_full => {
                let known = self.fragments.iter().enumerate();
                let mut known = known.filter(|(_, (of, deep, _))| of == type_name && *deep <= depth);
                let place = match known.next().map(|(place, _)| place) {
                    Some(place) if self.choices.once_in(2) => place,
                    _ => {
                        let body = self.selections(type_name, depth - 1);
                        let place = self.fragments.len();
                        let written = format!("fragment F{place} on {type_name} {{ {body} }}");
                        self.fragments.push((type_name.to_owned(), depth, written));
                        place
                    }
                };
                return format!("...F{place}{}", self.directives());
            }
            11 => {
                let alias = if self.choices.once_in(3) { "kind: " } else { "" };
                self.aliases += usize::from(!alias.is_empty());
                return format!("{alias}__typename");
            }
            _ => {}
        }
        self.fields += 1;
        let fields = types.fields(type_name).expect("an object");
        let is_leaf = |field: &&(String, String)| types.fields(&field.1).is_none();
        let leaves: Vec<&(String, String)> = fields.iter().filter(is_leaf).collect();
        let (name, leads_to) = if depth == 0 || is_full {
            match leaves.as_slice() {
                [] => return "__typename".to_owned(),
                leaves => self.choices.of(leaves),
            }
        } else {
            &fields[self.choices.below(fields.len())]
        };
        // An alias says which field it is, so that those with the same one always merge.
        let alias = if self.aliases < MAX_ALIASES && self.choices.once_in(5) {
            self.aliases += 1;
            format!("{name}_{}: ", self.choices.below(2))
        } else {
            String::new()
        };
        let directives = self.directives();
        let selection = self.selection(leads_to, depth.saturating_sub(1));
        format!("{alias}{name}{directives} {selection}")
    }
}

/// What came of comparing.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Clone, Copy)]
enum Compared {
    /// Data without errors, byte for byte.
    Data,
    /// The same errors, the same data beside them.
    Errors,
    /// Refused before anything was executed, both times alike.
    Refused,
    /// Too dear, with or without what was added.
    TooMuch,
}

/// Asks with and without the engine, and compares.
async fn compare(client: &Client, question: &Question) -> Result<Compared, String> {
    let direct = client.run(&format!("{} }}", question.document), question.variables.clone()).await;
    let forced = client.run(&format!("{}{FORCED} }}", question.document), question.variables.clone()).await;
    let describe = |what: &str| {
        Err(format!(
            "{what}\n{} }}\n{}\ndirectly:\n{}\nby the engine:\n{}",
            question.document,
            question.variables,
            direct.text(),
            forced.text()
        ))
    };
    let exceeds = |reply: &tests::Reply| !reply.errors().is_empty() && reply.code() == "LIMIT_EXCEEDED";
    if exceeds(&direct) || exceeds(&forced) {
        return Ok(Compared::TooMuch);
    }
    if direct.status() != forced.status() {
        return describe("another status");
    }
    if direct.json().get("data").is_none() {
        // Neither came as far as a plan. The engine tells what is not valid in no certain order.
        if direct.code() != forced.code() || forced.json().get("data").is_some() {
            return describe("another refusal");
        }
        return Ok(Compared::Refused);
    }
    if !direct.errors().is_empty() || !forced.errors().is_empty() {
        let mut cut = forced.json()["data"].clone();
        if let Some(data) = cut.as_object_mut() {
            data.remove("zzz");
        }
        if direct.errors() != forced.errors() || direct.json()["data"] != cut {
            return describe("another error");
        }
        return Ok(Compared::Errors);
    }
    let data = |text: &str| {
        let text = text.strip_prefix(r#"{"data":"#)?;
        let end = text.rfind(r#","extensions":{"cost":"#)?;
        Some(text[..end].to_owned())
    };
    let (Some(direct_data), Some(forced_data)) = (data(direct.text()), data(forced.text())) else {
        return describe("not in the usual form");
    };
    let expected = match direct_data.as_str() {
        "{}" => format!("{{{}", &FORCED_ANSWER[1..]),
        data => format!("{}{FORCED_ANSWER}", &data[..data.len() - 1]),
    };
    if forced_data == expected { Ok(Compared::Data) } else { describe("another answer") }
}

/// An app with awkward content of every kind, and a cursor of its list of pages.
async fn awkward() -> (TestApp, String) {
    let app = TestApp::new().await;
    import(&app, |dataset| {
        dataset.site.locales.push(seed::SiteLocale {
            code: "vi".parse().expect("a locale"),
            name: "Tiếng Việt".parse().expect("a line"),
            direction: entities::TextDirection::LeftToRight,
            fallback: ["en", "ja"].map(|code| code.parse().expect("a locale")).to_vec(),
        });
        let title: String = AWKWARD.chars().take(290).collect();
        let body = format!(
            "# {AWKWARD}\n\n\tcode \"\\\n\n- {AWKWARD}\n\n```\n{AWKWARD}\n```\n\n<div title='\"'>{AWKWARD}</div>\n\n\u{2028}line\u{2029}"
        );
        let mut strange = page("awkward", Some("about-us"), 7, &["ja", "en"], &title, &body);
        for text in strange.texts.values_mut() {
            text.summary = Some(format!("{AWKWARD}\n\t{AWKWARD}").parse().expect("prose"));
            text.description = Some(title.parse().expect("a line"));
            text.signature = Some("\"\n\\\n\t'".parse().expect("prose"));
        }
        strange.former_slugs = ["former".parse().expect("a slug")].into();
        dataset.pages.extend([
            strange,
            page("child-of-awkward", Some("awkward"), 0, &["en"], "Child", ""),
            page("only-english", Some("about-us"), 7, &["en"], "Only in English", "Text"),
            page("only-vietnamese", None, 7, &["vi"], "Tiếng Việt", "Tiếng \"Việt\""),
        ]);
        let member = dataset.staff.first_mut().expect("staff");
        member.email = Some("somebody@example.org".parse().expect("an address"));
        member.telephone = Some("+81 \"3\" \\".parse().expect("a line"));
        for text in member.texts.values_mut() {
            text.name = title.parse().expect("a line");
        }
    })
    .await;
    let editor = app.editor().await;
    let notes = |text: &str| json!([{ "locale": "ja", "text": text }, { "locale": "en", "text": AWKWARD }]);
    let counts = json!([
        { "country": "CN", "value": 40, "flags": ["REVISED", "PROVISIONAL", "BREAK"], "note": notes("注記") },
        { "country": "VN", "value": 3, "status": "ESTIMATED" },
        { "country": "RU", "value": 4, "flags": ["PROVISIONAL"], "note": notes("\"\\\n'") },
        { "country": "IN", "value": null, "status": "NOT_YET" },
        { "country": "ID", "value": null, "status": "SUPPRESSED", "note": [{ "locale": "en", "text": "English" }] },
        { "country": "US", "value": 0, "status": "FINAL" },
    ]);
    for (year, total) in [(2030, 47), (2029, 47)] {
        let input = json!({
            "category": "RESIDENT", "year": year, "expectedVersion": 0, "counts": counts, "total": total,
            "totalNote": notes("合計"), "publish": true,
        });
        editor.done("visitCountsUpdate", input).await;
    }
    let administrator = app.administrator().await;
    let site = super::find(&administrator, json!({ "site": true })).await;
    let input = json!({ "expectedVersion": site["version"], "disclosure": { "method": "SUPPRESS", "threshold": 5 } });
    publish(&administrator, "siteSave", input).await;
    let cursor = app.anonymous().run("{ pages(first: 3) { pageInfo { endCursor } } }", json!({})).await;
    let cursor = cursor.at("/data/pages/pageInfo/endCursor").as_str().expect("a cursor").to_owned();
    let app = app.with(|config| config.response_cache_bytes = 0).await;
    (app, cursor)
}

#[tokio::test]
async fn a_direct_answer_is_byte_for_byte_what_the_engine_answers() {
    let (app, cursor) = awkward().await;
    let client = app.anonymous();
    let types = Types::read();
    let mut runner = TestRunner::new(Config { cases: CASES, failure_persistence: None, ..Config::default() });
    let strategy = vec(any::<u16>(), 0..600);
    let mut seen: BTreeMap<Compared, usize> = BTreeMap::new();
    let mut asked: BTreeSet<String> = BTreeSet::new();
    for _ in 0..CASES {
        let mut tree = strategy.new_tree(&mut runner).expect("choices");
        let question = Author::question(&types, &tree.current(), &cursor);
        asked.extend(ROOTS.iter().filter(|root| question.document.contains(**root)).map(|root| (*root).to_owned()));
        let mut failure = match compare(&client, &question).await {
            Ok(compared) => {
                *seen.entry(compared).or_default() += 1;
                continue;
            }
            Err(failure) => failure,
        };
        // The smallest document that fails.
        for _ in 0..500 {
            if !tree.simplify() {
                break;
            }
            loop {
                match compare(&client, &Author::question(&types, &tree.current(), &cursor)).await {
                    Err(found) => {
                        failure = found;
                        break;
                    }
                    Ok(_) if !tree.complicate() => break,
                    Ok(_) => {}
                }
            }
        }
        panic!("{failure}");
    }
    assert_eq!(asked.len(), ROOTS.len(), "{asked:?}");
    let of = |compared| seen.get(&compared).copied().unwrap_or_default();
    let cases = usize::try_from(CASES).expect("a few");
    assert!(of(Compared::Data) > cases / 4, "{seen:?}");
    assert!(of(Compared::Errors) > cases / 50, "{seen:?}");
    assert!(of(Compared::Refused) < cases / 2, "{seen:?}");
    assert!(of(Compared::TooMuch) < cases / 4, "{seen:?}");
}

/// Documents that somebody thought of, without their closing brace, with their variables.
#[expect(clippy::too_many_lines, reason = "a list")]
fn nasty() -> Vec<(&'static str, Value)> {
    vec![
        ("{ __typename", json!({})),
        (
            "fragment T on __Type { kind name description specifiedByURL isOneOf ofType { kind name ofType { name } } } \
             fragment V on __InputValue { name description type { ...T } defaultValue isDeprecated deprecationReason } \
             { __schema { description queryType { name } mutationType { name } subscriptionType { name } types { ...T \
             fields(includeDeprecated: true) { name description args { ...V } type { ...T } isDeprecated deprecationReason } \
             inputFields { ...V } interfaces { ...T } possibleTypes { ...T __typename } \
             enumValues(includeDeprecated: false) { name description isDeprecated deprecationReason } } \
             directives { name description locations isRepeatable args(includeDeprecated: true) { ...V __typename } } }",
            json!({}),
        ),
        ("{ a: __type(name: \"Page\") { name fields { name } } b: __type(name: \"Nothing\") { name }", json!({})),
        ("query($n: String!) { __type(name: $n) { name enumValues { name } }", json!({ "n": "PageOrderField" })),
        ("query($n: String!) { __type(name: $n) { name }", json!({ "n": 1 })),
        (
            "query($d: Boolean!) { __type(name: \"Query\") { fields(includeDeprecated: $d) { name } }",
            json!({ "d": true }),
        ),
        ("query($d: Boolean) { __type(name: \"Query\") { fields(includeDeprecated: $d) { name } }", json!({})),
        ("{ __schema { types { possibleTypes { interfaces { name } } } } site { name }", json!({})),
        ("{ a: __typename b: __typename", json!({})),
        ("{ site @skip(if: true) { name }", json!({})),
        ("{ ... @include(if: false) { site { name } }", json!({})),
        ("{ site { name @skip(if: true) }", json!({})),
        ("{ staff { name @skip(if: true) }", json!({})),
        ("{ pages(first: 2) { nodes { title @include(if: false) } }", json!({})),
        ("{ site { name @skip(if: false) @include(if: false) id }", json!({})),
        ("query($b: Boolean!) { site { name @skip(if: $b) @include(if: $b) id }", json!({ "b": true })),
        ("query($b: Boolean = true) { site { name @skip(if: $b) id }", json!({})),
        ("query($b: Boolean = true) { site { name @skip(if: $b) id }", json!({ "b": false })),
        ("query($b: Boolean = true) { site { name @skip(if: $b) id }", json!({ "b": null })),
        ("query($b: Boolean!) { site { name @skip(if: $b) id }", json!({})),
        ("query($b: Boolean!) { site { name @skip(if: $b) id }", json!({ "b": "true" })),
        // The first of two fields stands where its key appeared first, whatever is left out of it.
        ("{ site { name @skip(if: true) id name }", json!({})),
        ("{ site { id } site { name } site { id locales { code } } site { locales { name code } }", json!({})),
        ("{ a: site { id } b: site { id } a: site { name }", json!({})),
        (
            "{ page(slug: \"awkward\") { parent { slug } children { slug } parent { title slug } ... { parent { id } } }",
            json!({}),
        ),
        (
            "fragment A on Page { title parent { ...B } } fragment B on Page { slug children { title } } \
             { page(slug: \"awkward\") { ...A ...B parent { children { slug } } }",
            json!({}),
        ),
        ("fragment A on Query { site { ...B } } fragment B on Site { name } { ...A ...A site { id ...B }", json!({})),
        ("fragment A on Node { id } { page(slug: \"awkward\") { ...A slug }", json!({})),
        ("{ page(slug: \"awkward\") { ... on Node { id } slug }", json!({})),
        ("{ page(slug: \"awkward\") { ... on Page { ... on Node { ... on Page { title } } } }", json!({})),
        ("{ page(slug: \"awkward\") { x: title x: title }", json!({})),
        ("{ page(slug: \"awkward\") { x: title x: slug }", json!({})),
        ("{ page(slug: \"awkward\") { parent { x: title } parent { x: slug } }", json!({})),
        ("{ page(slug: \"awkward\") { parent { x: title } ... on Page { parent { x: slug } } }", json!({})),
        ("fragment A on Page { parent { x: slug } } { page(slug: \"awkward\") { parent { x: title } ...A }", json!({})),
        ("{ site { name } ... { site(locale: \"en\") { name } }", json!({})),
        ("{ page(slug: \"awkward\") { id } page(slug: \"staff\") { id }", json!({})),
        (
            "{ page(slug: \"former\") { slug movedTo title body { markdown html text } parent { movedTo slug } }",
            json!({}),
        ),
        ("{ page(slug: \"none\") { slug }", json!({})),
        ("{ page(slug: \"Not A Slug\") { slug } site { name }", json!({})),
        ("{ page(slug: \"\") { slug }", json!({})),
        ("{ page(slug: 1) { slug }", json!({})),
        ("{ page(slug: awkward) { slug }", json!({})),
        ("{ page { slug }", json!({})),
        ("{ page(slug: null) { slug }", json!({})),
        ("{ page(slug: \"\\u0061wkward\") { title }", json!({})),
        ("{ page(slug: \"\"\"awkward\"\"\") { title }", json!({})),
        ("query($s: Slug!) { page(slug: $s) { title }", json!({ "s": 1 })),
        ("query($s: Slug!) { page(slug: $s) { title }", json!({ "s": ["awkward"] })),
        ("query($s: Slug! = \"awkward\") { page(slug: $s) { title }", json!({})),
        ("query($s: Slug! = \"awkward\") { page(slug: $s) { title }", json!({ "s": null })),
        ("query($l: Locale) { site(locale: $l) { name servedLocale } staff(locale: $l) { name }", json!({})),
        ("query($l: Locale) { site(locale: $l) { name servedLocale }", json!({ "l": null })),
        ("query($l: Locale = \"en\") { site(locale: $l) { name servedLocale }", json!({ "l": null })),
        ("query($l: Locale = null) { site(locale: $l) { name servedLocale }", json!({})),
        ("{ site(locale: null, fallback: null) { name servedLocale }", json!({})),
        ("{ site(locale: \"EN\") { name requestedLocale }", json!({})),
        ("{ site(locale: \"vi\", fallback: \"en\") { name servedLocale isFallback }", json!({})),
        ("query($f: [Locale!]) { site(locale: \"vi\", fallback: $f) { servedLocale }", json!({ "f": "en" })),
        ("query($f: Locale!) { site(locale: \"vi\", fallback: [$f, \"ja\"]) { servedLocale }", json!({ "f": "en" })),
        ("query($f: Locale) { site(locale: \"vi\", fallback: [$f]) { servedLocale }", json!({})),
        ("{ site(locale: \"vi\", fallback: [null]) { servedLocale }", json!({})),
        ("{ site(locale: \"vi\", fallback: [\"vi\", \"vi\"]) { servedLocale name isFallback }", json!({})),
        ("{ pages(first: 2, first: 3) { totalCount }", json!({})),
        ("{ pages(first: 2147483648) { totalCount }", json!({})),
        ("{ pages(first: 2.0) { totalCount }", json!({})),
        ("{ pages(first: \"2\") { totalCount }", json!({})),
        ("query($n: Int) { pages(first: $n) { totalCount }", json!({ "n": 2.0 })),
        ("query($n: Int) { pages(first: $n) { totalCount }", json!({ "n": 2.5 })),
        ("query($n: Int) { pages(first: $n) { totalCount }", json!({ "n": "2" })),
        ("query($n: Int) { pages(first: $n) { totalCount }", json!({ "n": 99_999_999_999_i64 })),
        ("query($n: Int) { pages(first: $n) { totalCount nodes { slug } }", json!({ "n": null })),
        ("query($n: Int = 2) { pages(first: $n) { nodes { slug } }", json!({})),
        ("{ pages(order: { field: TITLE, direction: null }) { nodes { slug } }", json!({})),
        ("{ pages(order: { direction: DESC }) { nodes { slug } }", json!({})),
        ("{ pages(order: null, filter: null) { totalCount }", json!({})),
        ("{ pages(order: { field: \"TITLE\" }) { totalCount }", json!({})),
        ("{ pages(order: {}) { totalCount }", json!({})),
        ("{ pages(filter: {}) { totalCount }", json!({})),
        ("{ pages(filter: { nothing: 1 }) { totalCount }", json!({})),
        ("query($d: OrderDirection) { pages(order: { field: SLUG, direction: $d }) { nodes { slug } }", json!({})),
        (
            "query($d: OrderDirection! = DESC) { pages(order: { field: SLUG, direction: $d }) { nodes { slug } }",
            json!({}),
        ),
        ("query($f: PageOrderField!) { pages(order: { field: $f }) { nodes { slug } }", json!({ "f": "TITLE" })),
        ("query($f: PageOrderField!) { pages(order: { field: $f }) { nodes { slug } }", json!({ "f": "title" })),
        ("query($p: Slug) { pages(filter: { parent: $p }) { nodes { slug } }", json!({})),
        ("query($p: Slug) { pages(filter: { parent: $p }) { nodes { slug } }", json!({ "p": null })),
        ("query($p: PageFilter) { pages(filter: $p) { nodes { slug } }", json!({ "p": { "parent": null } })),
        ("query($p: PageFilter) { pages(filter: $p) { nodes { slug } }", json!({ "p": { "slugs": "awkward" } })),
        ("query($p: PageFilter) { pages(filter: $p) { nodes { slug } }", json!({ "p": { "slugs": [null] } })),
        ("query($p: PageFilter) { pages(filter: $p) { nodes { slug } }", json!({ "p": { "nothing": [null] } })),
        ("query($p: PageFilter) { pages(filter: $p) { nodes { slug } }", json!({ "p": [] })),
        (
            "{ pages(filter: { slugs: [\"awkward\", \"awkward\", \"former\"] }) { totalCount nodes { slug } \
             edges { cursor node { slug } } pageInfo { startCursor endCursor hasNextPage hasPreviousPage } }",
            json!({}),
        ),
        ("{ pages(filter: { slugs: [] }) { totalCount nodes { slug } pageInfo { startCursor } }", json!({})),
        (
            "{ pages(first: 1) { pageInfo { __typename } edges { __typename node { __typename } } __typename }",
            json!({}),
        ),
        ("{ pages(first: 1) { nodes { slug } edges { node { slug title } cursor } nodes { title } }", json!({})),
        ("{ factSheet { asOf years periods { year kind start end label } breaks { year } }", json!({})),
        ("{ factSheet(categories: []) { years categories { category { code } } }", json!({})),
        ("{ factSheet(categories: [\"TRAVEL\", \"TRAVEL\"]) { categories { category { code } } }", json!({})),
        ("{ factSheet(from: 2022, to: 2018) { years }", json!({})),
        (
            "{ factSheet(from: 2030) { categories { countries { country { code name } counts { value flags note } } } }",
            json!({}),
        ),
        ("{ factSheet(asOf: \"2026-01-15T00:00:00Z\") { asOf years }", json!({})),
        ("{ factSheet(confidential: true) { years } site { name }", json!({})),
        ("query($c: Boolean!) { factSheet(confidential: $c) { years }", json!({ "c": false })),
        ("query($c: Boolean) { factSheet(confidential: $c) { years }", json!({})),
        ("{ visitCounts(groupBy: []) { sum }", json!({})),
        ("{ visitCounts(groupBy: [YEAR, YEAR]) { sum year }", json!({})),
        (
            "{ visitCounts(groupBy: [COUNTRY, YEAR], top: 2) { sum share change changeRate rank isOthers year \
             country { name region { name code } } region { name } }",
            json!({}),
        ),
        ("query A { site { name } } query B { locales { code }", json!({})),
        ("query @skip(if: true) { site { name }", json!({})),
        ("{ site @unknown { name }", json!({})),
        ("{ site { name @skip }", json!({})),
        ("{ nothing", json!({})),
        ("{ site", json!({})),
        ("{ site { name { x } }", json!({})),
        ("{ locales { code name direction isDefault fallback }", json!({})),
        ("{ viewer { email } site { name }", json!({})),
    ]
}

#[tokio::test]
async fn whether_a_variable_fits_does_not_depend_on_what_was_asked_before() {
    let app = TestApp::new().await;
    let cases = [
        ("query($f: PageFilter) { pages(filter: $f) { totalCount } }", "f", json!({}), json!({ "nothing": 1 })),
        (
            "query($o: PageOrder) { pages(order: $o) { totalCount } }",
            "o",
            json!(null),
            json!({ "field": "SLUG", "x": 1 }),
        ),
        ("query($f: VisitCountsFilter) { visitCounts(filter: $f) { sum } }", "f", json!({}), json!({ "nothing": [] })),
        (
            "query($p: Slug) { pages(filter: { parent: $p }) { totalCount } }",
            "p",
            json!("staff"),
            json!({ "slug": "x" }),
        ),
        ("query($f: [Locale!]) { site(fallback: $f) { id } }", "f", json!(["en"]), json!([{ "code": "en" }])),
    ];
    for (document, name, fits, does_not) in cases {
        let fits = app.anonymous().run(document, json!({ name: fits })).await;
        assert!(fits.errors().is_empty(), "{document}: {}", fits.text());
        let known = app.anonymous().run(document, json!({ name: does_not })).await;
        let fresh = app.reopen().await.anonymous().run(document, json!({ name: does_not })).await;
        assert_eq!((known.status(), known.text()), (fresh.status(), fresh.text()), "{document}");
        assert_eq!(known.code(), "BAD_USER_INPUT", "{document}");
    }
}

#[tokio::test]
async fn documents_that_somebody_thought_of_are_answered_alike_too() {
    let (app, _) = awkward().await;
    let client = app.anonymous();
    let mut failures = Vec::new();
    let mut answered = 0;
    for (document, variables) in nasty() {
        let question = Question { document: document.to_owned(), variables };
        match compare(&client, &question).await {
            Ok(compared) => answered += usize::from(compared == Compared::Data),
            Err(failure) => failures.push(failure),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    assert!(answered > 50, "only {answered} were answered");
}

/// Every field of a type, and of those that it leads to, so far down.
fn everything(types: &Types, type_name: &str, depth: usize) -> String {
    let Some(fields) = types.fields(type_name) else { return String::new() };
    let fields = fields.iter().filter(|(_, leads_to)| depth > 0 || types.fields(leads_to).is_none());
    let fields = fields.map(|(name, leads_to)| {
        let below = if depth == 0 { String::new() } else { everything(types, leads_to, depth - 1) };
        format!("{name} {below}")
    });
    format!("{{ __typename {} }}", fields.collect::<Vec<_>>().join(" "))
}

#[tokio::test]
async fn everything_that_a_type_has_is_answered_alike() {
    let (app, _) = awkward().await;
    let client = app.anonymous();
    let types = Types::read();
    for (root, arguments) in [
        ("site", ""),
        ("site", "(locale: \"vi\")"),
        ("locales", ""),
        ("page", "(slug: \"awkward\")"),
        ("page", "(slug: \"former\", locale: \"en\")"),
        ("page", "(slug: \"child-of-awkward\")"),
        ("pages", "(first: 5)"),
        ("pages", "(first: 9, locale: \"vi\", order: { field: TITLE, direction: DESC })"),
        ("staff", ""),
        ("staff", "(locale: \"vi\")"),
        ("countries", "(locale: \"en\")"),
        ("categories", "(locale: \"vi\", fallback: [])"),
        ("factSheet", "(from: 2029, locale: \"en\")"),
        ("factSheet", "(categories: [\"RESIDENT\"], from: 2030)"),
        ("visitCounts", "(groupBy: [YEAR, CATEGORY, REGION])"),
        ("visitCounts", "(groupBy: [COUNTRY, YEAR], top: 5)"),
    ] {
        let (_, leads_to) = types.fields("Query").expect("the root").iter().find(|(name, _)| name == root).expect(root);
        let depth = if root == "factSheet" { 3 } else { 2 };
        let document = format!("{{ {root}{arguments} {}", everything(&types, leads_to, depth));
        let question = Question { document, variables: json!({}) };
        assert_eq!(compare(&client, &question).await, Ok(Compared::Data), "{root}{arguments}");
    }
}
