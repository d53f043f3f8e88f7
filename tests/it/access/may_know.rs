//! Whether something exists is told only to those who may know: for every query and every mutation, by every kind of caller,
//! over documents of every kind and state, with and without a preview.
//!
//! Each request is sent twice: about something that exists, and about something that never did. Where `may_know/fields.rs` says
//! that the caller may not know, the two answers are equal, byte by byte, headers included, apart from the names that the
//! caller sent. What never was public changes no list, either. `may_know/things.rs` makes what is asked about,
//! `may_know/callers.rs` those who ask. A new query or mutation without a row fails a test.

mod asks;
mod callers;
mod fields;
mod things;

use std::collections::{BTreeSet, HashMap};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tests::{Client, Reply, TestApp, on_both_databases, tables::everything};

use asks::Ask;
use callers::{Caller, Group};
use fields::{FIELDS, Field, Knows};
use things::{Kind, State, Thing};

/// Headers that differ from request to request, whatever is asked.
const OWN_HEADERS: [&str; 3] = ["x-request-id", "ratelimit", "date"];

/// The types whose global ids a caller can make up.
const TYPES: [&str; 13] = [
    "Document",
    "Page",
    "PageText",
    "StaffMember",
    "StaffText",
    "Country",
    "Category",
    "YearSheet",
    "Site",
    "Schedule",
    "Preview",
    "Account",
    "ApiToken",
];

fn global_id(type_name: &str, id: impl std::fmt::Display) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("{type_name}:{id}"))
}

/// A site of its own: no quota ends a run of thousands of requests, and no token expires.
async fn site(app: &TestApp) -> TestApp {
    app.with(|config| {
        config.rate_limit = 0;
        config.access_token_minutes = 60;
    })
    .await
}

/// An answer as somebody sees it who knows the names that they sent, and no more.
fn seen(reply: &Reply, thing: &Thing) -> String {
    let names = thing.names();
    let is_own = |name: &str| OWN_HEADERS.iter().any(|own| name.starts_with(own));
    let headers = reply.headers().iter().filter(|(name, _)| !is_own(name.as_str()));
    let mut text: String =
        headers.map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap_or("?"))).collect();
    text.push_str(&format!("{}\n{}", reply.status(), reply.text()));
    let mut hidden = String::with_capacity(text.len());
    let is_inside = |letter: char| letter.is_alphanumeric() || letter == '-' || letter == '_';
    for token in text.split_inclusive(|letter| !is_inside(letter)) {
        let word = token.trim_end_matches(|letter| !is_inside(letter));
        let end = &token[word.len()..];
        hidden.push_str(if names.contains(word) { "(what was asked for)" } else { word });
        hidden.push_str(end);
    }
    hidden
}

/// Compares, for one caller, everything that can be asked about these things with the same about things that never were.
struct Comparison<'a> {
    caller: &'a Caller,
    client: &'a Client,
    preview: &'static str,
    /// What the caller is answered about what never was, by what was asked.
    absent: HashMap<String, String>,
    leaks: Vec<String>,
}

impl<'a> Comparison<'a> {
    fn new(caller: &'a Caller, client: &'a Client, preview: &'static str) -> Self {
        Self { caller, client, preview, absent: HashMap::new(), leaks: Vec::new() }
    }

    async fn ask(&mut self, field: &Field, thing: &Thing) {
        let twin = thing.that_never_was();
        for (Ask { document, variables }, absent) in (field.asks)(thing).into_iter().zip((field.asks)(&twin)) {
            let found = seen(&self.client.run(&document, variables.clone()).await, thing);
            let question = format!("{} {}", absent.document, absent.variables);
            let missing = match self.absent.get(&question) {
                Some(known) => known.clone(),
                None => {
                    let missing = seen(&self.client.run(&absent.document, absent.variables).await, &twin);
                    self.absent.insert(question, missing.clone());
                    missing
                }
            };
            if found != missing {
                let (caller, preview) = (self.caller.name, self.preview);
                self.leaks.push(format!(
                    "{caller}{preview}: {} of {:?} {:?}\n  asked {document} {variables}\n  exists: {found}\n  never did: {missing}",
                    field.name, thing.kind, thing.state,
                ));
            }
        }
    }
}

/// Everything that this group of callers may not know.
async fn compare(app: &TestApp, group: Group) {
    let app = site(app).await;
    let things = things::all(&app).await;
    let shown = things::preview(&app, &things::draft_page(&app, "shown-by-a-link").await).await;
    let callers = callers::of(&app, group).await;
    let before = everything(&app).await;
    let mut leaks = Vec::new();
    for caller in &callers {
        let plain = (caller.client.clone(), "", false);
        let with_preview = (caller.client.previewing(&shown), ", with a preview of something else", true);
        for (client, label, is_preview) in [plain, with_preview] {
            let mut comparison = Comparison::new(caller, &client, label);
            for field in FIELDS {
                // At the door, and where a preview stands beside a mutation, one of each kind says as much as all of them.
                let is_brief = caller.is_turned_away || is_preview && !field.is_query;
                let asked = |thing: &&Thing| !is_brief || thing.state == State::Draft || thing.kind.is_single();
                for thing in things.iter().filter(asked).filter(|thing| !field.knows.of(caller, thing)) {
                    comparison.ask(field, thing).await;
                }
            }
            leaks.append(&mut comparison.leaks);
        }
        // Of a link to a draft, readers see the draft and nothing else of it.
        for thing in things.iter().filter(|thing| thing.state == State::Draft && thing.preview.is_some()) {
            let client = caller.client.previewing(thing.preview.as_deref().unwrap_or_default());
            let mut comparison = Comparison::new(caller, &client, ", with a preview of it");
            for field in
                FIELDS.iter().filter(|field| field.is_query && !matches!(field.knows, Knows::Public | Knows::History))
            {
                if !field.knows.of(caller, thing) {
                    comparison.ask(field, thing).await;
                }
            }
            leaks.append(&mut comparison.leaks);
        }
    }
    let count = leaks.len();
    assert!(
        leaks.is_empty(),
        "{count} answers tell what exists:\n{}",
        leaks.into_iter().take(40).collect::<Vec<_>>().join("\n")
    );
    let after = everything(&app).await;
    let traces: Vec<&String> = before.symmetric_difference(&after).collect();
    assert_eq!(traces, [] as [&String; 0], "what was refused did something");
}

fn names(reply: &Reply, pointer: &str) -> BTreeSet<String> {
    let named = reply.at(pointer).as_array().expect("a list");
    named.iter().map(|named| named["name"].as_str().expect("a name").to_owned()).collect()
}

#[tokio::test]
async fn every_query_and_mutation_has_a_row() {
    let document = "{ __schema { queryType { fields { name } } mutationType { fields { name } } } }";
    let reply = TestApp::new().await.anonymous().run(document, json!({})).await;
    for (pointer, is_query) in
        [("/data/__schema/queryType/fields", true), ("/data/__schema/mutationType/fields", false)]
    {
        let rows = FIELDS.iter().filter(|field| field.is_query == is_query).map(|field| field.name.to_owned());
        assert_eq!(names(&reply, pointer), rows.collect::<BTreeSet<_>>());
    }
    for field in FIELDS {
        let is_asked = Kind::ALL.into_iter().any(|kind| !(field.asks)(&Thing::example(kind)).is_empty());
        assert!(is_asked || field.list.is_some() || !field.reason.is_empty(), "{}: why is it not asked?", field.name);
    }
}

#[tokio::test]
async fn every_kind_of_document_is_asked_about() {
    let document = "{ __type(name: \"DocumentKind\") { enumValues { name } } }";
    let reply = TestApp::new().await.anonymous().run(document, json!({})).await;
    let kinds = Kind::ALL.into_iter().filter_map(Kind::name).map(str::to_owned).collect();
    assert_eq!(names(&reply, "/data/__type/enumValues"), kinds);
}

on_both_databases! {
    async fn callers_without_a_right_learn_of_nothing_that_is_not_public(app: TestApp) {
        compare(&app, Group::WithoutRights).await;
    }

    async fn roles_learn_only_of_what_they_may_read(app: TestApp) {
        compare(&app, Group::Roles).await;
    }

    async fn a_token_of_one_scope_learns_only_of_what_that_scope_is_about(app: TestApp) {
        compare(&app, Group::Scopes).await;
    }

    async fn those_who_may_know_are_told_so_the_comparison_means_something(app: TestApp) {
        let app = site(&app).await;
        let things = things::all(&app).await;
        let caller = callers::administrator(&app).await;
        let mut told: BTreeSet<&str> = BTreeSet::new();
        for field in FIELDS {
            for thing in things.iter().filter(|thing| field.knows.of(&caller, thing)) {
                let twin = thing.that_never_was();
                for (found, missing) in (field.asks)(thing).into_iter().zip((field.asks)(&twin)) {
                    let found = seen(&caller.client.run(&found.document, found.variables).await, thing);
                    let missing = seen(&caller.client.run(&missing.document, missing.variables).await, &twin);
                    if found != missing {
                        told.insert(field.name);
                    }
                }
            }
        }
        let asked = FIELDS.iter().filter(|field| Kind::ALL.into_iter().any(|kind| !(field.asks)(&Thing::example(kind)).is_empty()));
        let silent: Vec<&str> = asked.map(|field| field.name).filter(|name| !told.contains(name)).collect();
        assert_eq!(silent, [] as [&str; 0], "nobody is told, so these rows ask the wrong thing");
    }

    async fn what_was_never_public_changes_no_list_of_those_who_may_not_know(app: TestApp) {
        let app = site(&app).await;
        let mut callers = callers::of(&app, Group::WithoutRights).await;
        callers.extend(callers::of(&app, Group::Scopes).await);
        callers.extend(callers::of(&app, Group::Roles).await);
        let lists: Vec<(&Field, &str)> = FIELDS.iter().filter_map(|field| Some((field, field.list?))).collect();
        let example = Thing::example(Kind::Page);
        let ask = async |field: &Field, list: &str, caller: &Caller| {
            // Other kinds are not asked for.
            let kinds: &[Kind] = if field.name == "documents" { &[Kind::YearSheet] } else { &[Kind::Page, Kind::YearSheet] };
            if kinds.iter().any(|kind| field.knows.of(caller, &Thing::example(*kind))) {
                return None;
            }
            Some(seen(&caller.client.run(list, json!({})).await, &example))
        };
        let mut before = Vec::new();
        for caller in &callers {
            for (field, list) in &lists {
                before.push(ask(field, list, caller).await);
            }
        }
        things::never_public(&app).await;
        let mut before = before.into_iter();
        for caller in &callers {
            for (field, list) in &lists {
                let (before, after) = (before.next().flatten(), ask(field, list, caller).await);
                assert_eq!(before, after, "{} {}", caller.name, field.name);
            }
        }
        assert!(before.next().is_none());
    }
}

/// The value of a field of a thing, for the rows of the table.
fn version(thing: &Thing) -> Value {
    thing.version.into()
}
