//! How much one GraphQL request may ask for, decided before anything recursive or exponential looks at it.
//!
//! Parser, validator and executor all walk a document recursively and write fragments out wherever they are spread, so
//! a short text can cost unbounded stack or time. Three checks stand in front of them, none of which recurses:
//! [`scan`] reads the source text before the parser does, [`check`] reads the parsed document before validation does,
//! and [`check_variables`] reads the JSON of the variables before it becomes GraphQL values.
//!
//! What does not belong here: the price of a field (that needs the schema), rate limits (those need the caller), and
//! whether a document is valid.

use std::collections::HashMap;

use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};
use serde_json::{Map, Value};

/// What one request may contain. Every limit is inclusive: a request exactly at its limit passes.
///
/// The defaults leave room for the introspection query of GraphiQL, which is 15 fields deep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Length of the source text in bytes of UTF-8, comments and white space included.
    pub document_bytes: usize,
    /// Lexical tokens of the source text: punctuators, names, numbers and strings.
    pub tokens: usize,
    /// Brackets of any kind, `(`, `[` and `{`, that are open at the same time in the source text; and selection sets
    /// inside each other after fragments are written out. The engine by itself stops at 32 of the latter.
    pub nesting: usize,
    /// Directives written in the source text.
    pub directives: usize,
    /// Values directly inside one list, in a literal or in a variable.
    pub list_items: usize,
    /// Fields with an alias, summed over all operations after fragments are written out.
    pub aliases: usize,
    /// Fields on the longest way from an operation to a leaf, after fragments are written out.
    pub depth: usize,
    /// Fields and fragments selected, summed over all operations after fragments are written out.
    pub selections: usize,
    /// Lists and objects open at the same time inside one variable.
    pub variable_nesting: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            document_bytes: 64 * 1024,
            tokens: 5_000,
            nesting: 32,
            directives: 50,
            list_items: 1_000,
            aliases: 100,
            depth: 15,
            selections: 2_000,
            variable_nesting: 16,
        }
    }
}

/// A request went over one of its [`Limits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("This request exceeds the limit \"{limit}\": at most {maximum} allowed, found {actual} or more.")]
pub struct LimitExceeded {
    /// Name of the limit, as it is called in [`Limits`].
    pub limit: &'static str,
    /// What the limit allows.
    pub maximum: usize,
    /// What was counted until counting stopped. The true number may be higher.
    pub actual: usize,
}

fn at_most(maximum: usize, actual: usize, limit: &'static str) -> Result<(), LimitExceeded> {
    if actual > maximum { Err(LimitExceeded { limit, maximum, actual }) } else { Ok(()) }
}

/// Checks the source text of a document in one pass, before the parser sees it.
///
/// It does not decide whether the text is valid. Where the text is malformed it counts too much rather than too little:
/// after a quotation mark that opens no complete string, the rest is read as code.
pub fn scan(source: &str, limits: &Limits) -> Result<(), LimitExceeded> {
    at_most(limits.document_bytes, source.len(), "document_bytes")?;

    let bytes = source.as_bytes();
    let mut at = 0;
    let mut tokens = 0;
    let mut directives = 0;
    // One entry for every open bracket: `Some(items so far)` for a list, `None` for anything else.
    let mut open: Vec<Option<usize>> = Vec::new();
    // Looking for the end of a block string again and again would be quadratic, so one failure is remembered.
    let mut block_strings_end = true;

    while at < bytes.len() {
        let rest = &bytes[at..];
        let (length, starts_value) = match rest[0] {
            b' ' | b'\t' | b'\n' | b'\r' | b',' => {
                at += 1;
                continue;
            }
            b'#' => {
                at += rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(rest.len());
                continue;
            }
            _ if rest.starts_with("\u{feff}".as_bytes()) => {
                at += "\u{feff}".len();
                continue;
            }
            b'"' if block_strings_end && rest.starts_with(b"\"\"\"") => match block_string_length(rest) {
                Some(length) => (length, true),
                None => {
                    block_strings_end = false;
                    continue;
                }
            },
            b'"' => (string_length(rest).unwrap_or(1), true),
            b'.' if rest.starts_with(b"...") => (3, false),
            byte if byte.is_ascii_alphabetic() || byte == b'_' => {
                (length_while(rest, |byte| byte.is_ascii_alphanumeric() || byte == b'_'), true)
            }
            byte if byte.is_ascii_digit() || byte == b'-' => (number_length(rest), true),
            byte => (1, matches!(byte, b'[' | b'{')),
        };

        tokens += 1;
        at_most(limits.tokens, tokens, "tokens")?;
        if starts_value && let Some(Some(items)) = open.last_mut() {
            *items += 1;
            at_most(limits.list_items, *items, "list_items")?;
        }
        match rest[0] {
            b'@' => {
                directives += 1;
                at_most(limits.directives, directives, "directives")?;
            }
            bracket @ (b'(' | b'[' | b'{') => {
                open.push((bracket == b'[').then_some(0));
                at_most(limits.nesting, open.len(), "nesting")?;
            }
            b')' | b']' | b'}' => {
                open.pop();
            }
            _ => {}
        }
        at += length;
    }
    Ok(())
}

fn length_while(bytes: &[u8], belongs: impl Fn(u8) -> bool) -> usize {
    bytes.iter().position(|byte| !belongs(*byte)).unwrap_or(bytes.len())
}

/// Length of the number that `bytes` starts with. Exact, because numbers may follow each other without a space: the
/// parser reads `00` as two of them.
fn number_length(bytes: &[u8]) -> usize {
    let digits = |at: usize| length_while(bytes.get(at..).unwrap_or_default(), |byte| byte.is_ascii_digit());
    let mut at = usize::from(bytes[0] == b'-');
    at += if bytes.get(at) == Some(&b'0') { 1 } else { digits(at) };
    if bytes.get(at) == Some(&b'.') && digits(at + 1) > 0 {
        at += 1 + digits(at + 1);
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits(at + 1 + sign);
        if exponent > 0 {
            at += 1 + sign + exponent;
        }
    }
    at.max(1)
}

/// Length of the string that `bytes` starts with, quotation marks included, if it ends on its line.
fn string_length(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\n' | b'\r' => return None,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// Length of the block string that `bytes` starts with, quotation marks included, if it ends.
fn block_string_length(bytes: &[u8]) -> Option<usize> {
    let mut at = 3;
    while at < bytes.len() {
        let rest = &bytes[at..];
        if rest.starts_with(b"\"\"\"") {
            return Some(at + 3);
        }
        at += if rest.starts_with(b"\\\"\"\"") { 4 } else { 1 };
    }
    None
}

/// Checks a parsed document: how large it is once every fragment is written out where it is spread.
///
/// All operations count, not only the one that will run, because validation visits all of them. Every fragment is
/// weighed once, however often it is spread. A fragment that spreads itself weighs nothing there: validation refuses
/// such a document, and the engine's own limit on recursion (32) bounds what it does until then.
pub fn check(document: &ExecutableDocument, limits: &Limits) -> Result<(), LimitExceeded> {
    let mut weighed: HashMap<&str, Weighing<'_>> = HashMap::new();
    for (name, fragment) in &document.fragments {
        // Depth first with a stack of our own; a fragment is settled when it is met for the second time.
        let mut stack = vec![(name.as_str(), &fragment.node.selection_set.node)];
        while let Some((name, selection_set)) = stack.last().copied() {
            match weighed.get(name) {
                None => {
                    let own = own_weight(selection_set);
                    for (spread, _) in &own.spreads {
                        if !weighed.contains_key(spread)
                            && let Some(fragment) = document.fragments.get(*spread)
                        {
                            stack.push((*spread, &fragment.node.selection_set.node));
                        }
                    }
                    weighed.insert(name, Weighing::Open(own));
                }
                Some(Weighing::Open(own)) => {
                    let total = own.total(&weighed);
                    weighed.insert(name, Weighing::Settled(total));
                    stack.pop();
                }
                Some(Weighing::Settled(_)) => {
                    stack.pop();
                }
            }
        }
    }

    let operations = document.operations.iter().fold(Weight::default(), |sum, (_, operation)| {
        sum.and(own_weight(&operation.node.selection_set.node).total(&weighed), Place::default())
    });
    // A fragment that no operation spreads is an error, but validation looks into it to find that out.
    let fragments = weighed.values().filter_map(|weighing| match weighing {
        Weighing::Settled(weight) => Some(*weight),
        Weighing::Open(_) => None,
    });
    for weight in std::iter::once(operations).chain(fragments) {
        at_most(limits.nesting, weight.nesting, "nesting")?;
        at_most(limits.depth, weight.depth, "depth")?;
        at_most(limits.aliases, weight.aliases, "aliases")?;
        at_most(limits.selections, weight.selections, "selections")?;
    }
    Ok(())
}

/// What a selection set costs with its fragments written out.
#[derive(Clone, Copy, Debug, Default)]
struct Weight {
    nesting: usize,
    depth: usize,
    aliases: usize,
    selections: usize,
}

impl Weight {
    /// This weight and another one that hangs at some place inside.
    fn and(self, other: Self, place: Place) -> Self {
        Self {
            nesting: self.nesting.max(place.selection_sets.saturating_add(other.nesting)),
            depth: self.depth.max(place.fields.saturating_add(other.depth)),
            aliases: self.aliases.saturating_add(other.aliases),
            selections: self.selections.saturating_add(other.selections),
        }
    }
}

/// What surrounds something inside a selection set.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    selection_sets: usize,
    fields: usize,
}

/// What a selection set costs by itself, and which fragments it spreads where.
struct OwnWeight<'a> {
    weight: Weight,
    spreads: Vec<(&'a str, Place)>,
}

impl OwnWeight<'_> {
    fn total(&self, weighed: &HashMap<&str, Weighing<'_>>) -> Weight {
        self.spreads.iter().fold(self.weight, |sum, (name, place)| match weighed.get(name) {
            Some(Weighing::Settled(weight)) => sum.and(*weight, *place),
            // Unknown, or spread within itself.
            Some(Weighing::Open(_)) | None => sum,
        })
    }
}

enum Weighing<'a> {
    Open(OwnWeight<'a>),
    Settled(Weight),
}

fn own_weight(selection_set: &SelectionSet) -> OwnWeight<'_> {
    let mut own = OwnWeight { weight: Weight::default(), spreads: Vec::new() };
    let mut stack = vec![(selection_set, Place::default())];
    while let Some((selection_set, outside)) = stack.pop() {
        // A field without sub-fields has an empty selection set, which is not there in the source.
        if selection_set.items.is_empty() {
            continue;
        }
        let here = Place { selection_sets: outside.selection_sets + 1, ..outside };
        own.weight.nesting = own.weight.nesting.max(here.selection_sets);
        own.weight.selections += selection_set.items.len();
        for selection in &selection_set.items {
            match &selection.node {
                Selection::Field(field) => {
                    let below = Place { fields: here.fields + 1, ..here };
                    own.weight.depth = own.weight.depth.max(below.fields);
                    own.weight.aliases += usize::from(field.node.alias.is_some());
                    stack.push((&field.node.selection_set.node, below));
                }
                Selection::InlineFragment(fragment) => stack.push((&fragment.node.selection_set.node, here)),
                Selection::FragmentSpread(spread) => own.spreads.push((&spread.node.fragment_name.node, here)),
            }
        }
    }
    own
}

/// Checks the variables, or any other JSON object that comes with a request.
pub fn check_variables(variables: &Map<String, Value>, limits: &Limits) -> Result<(), LimitExceeded> {
    let mut stack: Vec<(&Value, usize)> = variables.values().map(|value| (value, 1)).collect();
    while let Some((value, nesting)) = stack.pop() {
        match value {
            Value::Array(items) => {
                at_most(limits.variable_nesting, nesting, "variable_nesting")?;
                at_most(limits.list_items, items.len(), "list_items")?;
                stack.extend(items.iter().map(|item| (item, nesting + 1)));
            }
            Value::Object(members) => {
                at_most(limits.variable_nesting, nesting, "variable_nesting")?;
                stack.extend(members.values().map(|member| (member, nesting + 1)));
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;
    use serde_json::json;

    use super::*;

    fn scanned(source: &str) -> Result<(), &'static str> {
        scan(source, &Limits::default()).map_err(|exceeded| exceeded.limit)
    }

    fn checked(source: &str) -> Result<(), &'static str> {
        let limits = Limits::default();
        scan(source, &limits).expect("passes the scan");
        check(&parse_query(source).expect("parses"), &limits).map_err(|exceeded| exceeded.limit)
    }

    /// A chain of fragments, each of which spreads the next one twice.
    fn doubling(levels: usize) -> String {
        let mut source = String::from("{ ...F0 }");
        for level in 0..levels {
            source += &format!(" fragment F{level} on Query {{ ...F{0} ...F{0} }}", level + 1);
        }
        source + &format!(" fragment F{levels} on Query {{ leaf }}")
    }

    #[test]
    fn the_message_names_the_limit_and_both_numbers() {
        let exceeded = LimitExceeded { limit: "aliases", maximum: 100, actual: 101 };
        assert_eq!(
            exceeded.to_string(),
            "This request exceeds the limit \"aliases\": at most 100 allowed, found 101 or more."
        );
    }

    #[test]
    fn hostile_source_fails_the_scan() {
        assert_eq!(scanned(&" ".repeat(10 * 1024 * 1024)), Err("document_bytes"));
        assert_eq!(scanned(&format!("{{ f(a: {}{}) }}", "[".repeat(5_000), "]".repeat(5_000))), Err("nesting"));
        assert_eq!(scanned(&format!("{{ f(a: {}1{}) }}", "{a:".repeat(5_000), "}".repeat(5_000))), Err("nesting"));
        assert_eq!(scanned(&format!("{}a{}", "{a".repeat(5_000), "}".repeat(5_000))), Err("nesting"));
        assert_eq!(scanned(&format!("query ($a: {}Int{}) {{ f }}", "[".repeat(99), "]".repeat(99))), Err("nesting"));
        assert_eq!(scanned(&format!("{{ f {} }}", "@a".repeat(10_000))), Err("directives"));
        assert_eq!(scanned(&format!("{{ f(a: [{}]) }}", "1,".repeat(1_001))), Err("list_items"));
        let aliases: String = (0..10_000).map(|n| format!("a{n}:f ")).collect();
        let generous = Limits { document_bytes: usize::MAX, ..Limits::default() };
        assert_eq!(scan(&format!("{{ {aliases} }}"), &generous).map_err(|exceeded| exceeded.limit), Err("tokens"));
    }

    #[test]
    fn what_is_exactly_at_a_limit_passes() {
        assert_eq!(scanned(&format!("{{ f(a: [{}]) }}", "1,".repeat(1_000))), Ok(()));
        assert_eq!(scanned(&format!("{{ f(a: {}{}) }}", "[".repeat(30), "]".repeat(30))), Ok(()));
        assert_eq!(scanned(&format!("{{ f(a: {}{}) }}", "[".repeat(31), "]".repeat(31))), Err("nesting"));
        assert_eq!(scanned(&format!("{{ f {} }}", "@a".repeat(50))), Ok(()));
        assert_eq!(scanned(&format!("{{ f {} }}", "@a".repeat(51))), Err("directives"));
    }

    #[test]
    fn only_the_values_directly_inside_a_list_are_its_items() {
        let limits = Limits { list_items: 2, ..Limits::default() };
        assert_eq!(scan("{ f(a: [[1 2] [-1.5e+3 $b]], b: {c: 1, d: 2, e: 3}) }", &limits), Ok(()));
        assert_eq!(scan("{ f(a: [{a: 1 b: 2 c: 3} \"x\"]) }", &limits), Ok(()));
        assert!(scan("{ f(a: [{} {} {}]) }", &limits).is_err());
        assert!(scan("{ f(a: [000]) }", &limits).is_err());
        assert!(scan("{ f(a: [1-1.5e3-2]) }", &limits).is_err());
        assert!(scan("{ f(a: [\"\" \"\"\"\"\"\" A]) }", &limits).is_err());
    }

    #[test]
    fn strings_and_comments_hide_what_is_in_them() {
        let brackets = "[".repeat(100);
        assert_eq!(scanned(&format!("\u{feff}{{ f(a: \"{brackets}\\\"{brackets}\") }}")), Ok(()));
        assert_eq!(scanned(&format!("{{ f(a: \"\"\"{brackets}\n\\\"\"\"{brackets}\"\"\") }}")), Ok(()));
        assert_eq!(scanned(&format!("# {brackets}\r# {brackets}\n{{ f }}")), Ok(()));
    }

    #[test]
    fn a_malformed_string_hides_nothing() {
        let brackets = "[".repeat(100);
        // A parser may read an unfinished block string as an empty string and go on behind it.
        assert_eq!(scanned(&format!("{{ f(a: [\"\"\"a\" {brackets}")), Err("nesting"));
        assert_eq!(scanned(&format!("{{ f(a: \"\n{brackets}")), Err("nesting"));
        assert_eq!(scanned(&format!("{{ f(a: \"\\{brackets}")), Err("nesting"));
        assert_eq!(scanned(&"\"\"\"".repeat(1_001)), Ok(()));
    }

    #[test]
    fn hostile_documents_fail_the_check() {
        assert_eq!(checked(&doubling(30)), Err("selections"));
        assert_eq!(checked(&doubling(29).replacen("...F0", "leaf", 1)), Err("selections"), "although never spread");
        assert_eq!(checked(&doubling(300)), Err("nesting"));
        let aliases: String = (0..101).map(|n| format!("a{n}:f ")).collect();
        assert_eq!(checked(&format!("{{ {aliases} }}")), Err("aliases"));
        assert_eq!(checked(&format!("{}{}", "{a".repeat(16), "}".repeat(16))), Err("depth"));
    }

    #[test]
    fn fragments_count_wherever_they_are_spread() {
        let limits = Limits { aliases: 4, depth: 3, selections: 9, ..Limits::default() };
        let check = |source: &str| check(&parse_query(source).expect("parses"), &limits).map_err(|e| e.limit);
        assert_eq!(check("{ a { ...F } b { ...F } } fragment F on T { x: y { z } w: v }"), Err("selections"));
        assert_eq!(check("{ a { ...F } ...F } fragment F on T { x: y w: v }"), Ok(()));
        assert_eq!(check("{ k: a { ...F } ...F } fragment F on T { x: y w: v }"), Err("aliases"));
        assert_eq!(check("{ a { b { ...F } } } fragment F on T { ... on T { c { d } } }"), Err("depth"));
        assert_eq!(check("query A { a { b } c } query B { a { b } c } query C { a { b } c d }"), Err("selections"));
    }

    #[test]
    fn nesting_goes_through_fragments() {
        let limits = Limits { nesting: 4, ..Limits::default() };
        let check = |source: &str| check(&parse_query(source).expect("parses"), &limits).map_err(|e| e.limit);
        assert_eq!(check("{ a { ...F } } fragment F on T { b { c } }"), Ok(()));
        assert_eq!(check("{ a { ...F } } fragment F on T { b { ... { c } } }"), Err("nesting"));
        assert_eq!(check("{ a } fragment F on T { ...G } fragment G on T { b { c { d { e } } } }"), Err("nesting"));
        assert_eq!(check("{ a } fragment F on T { b { ...F } } fragment G on T { ...F ...G }"), Ok(()));
    }

    #[test]
    fn fragments_that_spread_each_other_are_left_to_validation() {
        assert_eq!(checked("{ ...A } fragment A on Q { a ...B } fragment B on Q { b ...A ...B }"), Ok(()));
        assert_eq!(checked("{ ...Missing }"), Ok(()));
    }

    #[test]
    fn variables_have_limits_of_their_own() {
        let checked = |value: Value| {
            let variables = Map::from_iter([("a".to_owned(), value)]);
            check_variables(&variables, &Limits::default()).map_err(|exceeded| exceeded.limit)
        };
        let nested = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!([inner]));
        assert_eq!(checked(nested(16)), Ok(()));
        assert_eq!(checked(nested(17)), Err("variable_nesting"));
        assert_eq!(checked((0..17).fold(json!(1), |inner, _| json!({ "a": inner }))), Err("variable_nesting"));
        assert_eq!(checked(json!(vec![1; 1_000])), Ok(()));
        assert_eq!(checked(json!({ "b": [vec![1; 1_001]] })), Err("list_items"));
    }
}
