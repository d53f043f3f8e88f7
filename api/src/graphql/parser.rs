//! Reads documents. The engine's parser backtracks through a grammar, which takes longer than all else that becomes of a
//! document that is seen for the first time. What front ends send needs none of that: here it is read in one pass, into the
//! same tree. Whatever is out of the ordinary, a text that is not ASCII, an escape, a mistake of any kind, is left to the
//! engine's parser, which also words what is wrong.

use std::collections::{HashMap, hash_map::Entry};

use async_graphql::{
    Pos, Positioned,
    parser::{
        Error, parse_query,
        types::{
            Directive, DocumentOperations, ExecutableDocument, Field, FragmentDefinition, FragmentSpread,
            InlineFragment, OperationDefinition, OperationType, Selection, SelectionSet, Type, TypeCondition,
            VariableDefinition,
        },
    },
};
use async_graphql_value::{ConstValue, Name, Number, Value};

/// Brackets inside each other at most. The limits stop at fewer.
const NESTING: usize = 64;

/// Reads a document. Its brackets must be within the limits: both parsers recurse.
///
/// # Errors
/// What the engine's parser finds wrong with it.
pub fn parse(text: &str) -> Result<ExecutableDocument, Error> {
    at_once(text).map_or_else(|| parse_query(text), Ok)
}

/// The document, if it is an ordinary one.
fn at_once(text: &str) -> Option<ExecutableDocument> {
    // So a column is a byte, and a line ends in one way only.
    let is_plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\t'));
    is_plain.then_some(Reader { text, at: 0, line: 1, line_start: 0, depth: 0 })?.document()
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    line_start: usize,
    depth: usize,
}

const fn is_name_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

const fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

impl<'a> Reader<'a> {
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The next byte that means something.
    fn peek(&mut self) -> Option<u8> {
        loop {
            match self.byte()? {
                b' ' | b',' | b'\t' => self.at += 1,
                b'\n' => {
                    self.at += 1;
                    self.line += 1;
                    self.line_start = self.at;
                }
                b'#' => {
                    while self.byte().is_some_and(|byte| byte != b'\n') {
                        self.at += 1;
                    }
                }
                byte => return Some(byte),
            }
        }
    }

    /// Where the next byte stands that means something.
    fn position(&mut self) -> Pos {
        self.peek();
        Pos { line: self.line, column: self.at - self.line_start + 1 }
    }

    fn sees(&mut self, byte: u8) -> bool {
        self.peek() == Some(byte)
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        self.sees(byte).then(|| self.at += 1)
    }

    /// What goes on from here for as long as the bytes are such.
    fn run(&mut self, such: impl Fn(u8) -> bool) -> &'a str {
        let start = self.at;
        while self.byte().is_some_and(&such) {
            self.at += 1;
        }
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn word(&mut self) -> Option<&'a str> {
        let is_there = self.peek().is_some_and(is_name_start);
        is_there.then(|| self.run(is_name))
    }

    fn name(&mut self) -> Option<Positioned<Name>> {
        let position = self.position();
        Some(Positioned::new(Name::new(self.word()?), position))
    }

    /// What stands between two brackets, one item after the other, at least `least`.
    fn between<T>(
        &mut self,
        (open, close): (u8, u8),
        least: usize,
        item: impl Fn(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        self.take(open)?;
        self.depth += 1;
        if self.depth > NESTING {
            return None;
        }
        let mut items = Vec::new();
        while !self.sees(close) {
            items.push(item(self)?);
        }
        self.at += 1;
        self.depth -= 1;
        (items.len() >= least).then_some(items)
    }

    fn document(mut self) -> Option<ExecutableDocument> {
        let mut operations: Option<DocumentOperations> = None;
        let mut fragments = HashMap::new();
        while let Some(byte) = self.peek() {
            let position = self.position();
            let kind = match byte {
                b'{' => "query",
                _ => self.word()?,
            };
            let ty = match kind {
                "query" => OperationType::Query,
                "mutation" => OperationType::Mutation,
                "subscription" => OperationType::Subscription,
                "fragment" => {
                    let (name, fragment) = self.fragment()?;
                    let Entry::Vacant(place) = fragments.entry(name) else { return None };
                    place.insert(Positioned::new(fragment, position));
                    continue;
                }
                _ => return None,
            };
            let (name, operation) = self.operation(ty, byte != b'{')?;
            let operation = Positioned::new(operation, position);
            operations = Some(match (name, operations) {
                (None, None) => DocumentOperations::Single(operation),
                (Some(name), None) => DocumentOperations::Multiple(HashMap::from([(name, operation)])),
                (Some(name), Some(DocumentOperations::Multiple(mut others))) => {
                    let Entry::Vacant(place) = others.entry(name) else { return None };
                    place.insert(operation);
                    DocumentOperations::Multiple(others)
                }
                _ => return None,
            });
        }
        Some(ExecutableDocument { operations: operations?, fragments })
    }

    fn operation(&mut self, ty: OperationType, has_head: bool) -> Option<(Option<Name>, OperationDefinition)> {
        let mut name = None;
        let (mut variable_definitions, mut directives) = (Vec::new(), Vec::new());
        if has_head {
            if self.peek().is_some_and(is_name_start) {
                name = Some(self.name()?.node);
            }
            if self.sees(b'(') {
                variable_definitions = self.between((b'(', b')'), 0, Self::variable_definition)?;
            }
            directives = self.directives()?;
        }
        let selection_set = self.selection_set()?;
        Some((name, OperationDefinition { ty, variable_definitions, directives, selection_set }))
    }

    fn fragment(&mut self) -> Option<(Name, FragmentDefinition)> {
        let name = self.name()?.node;
        let on = self.position();
        if name == "on" || self.word()? != "on" {
            return None;
        }
        let type_condition = self.type_condition(on)?;
        let directives = self.directives()?;
        Some((name, FragmentDefinition { type_condition, directives, selection_set: self.selection_set()? }))
    }

    /// A type condition whose first word was read, at that place.
    fn type_condition(&mut self, on: Pos) -> Option<Positioned<TypeCondition>> {
        // The engine wants white space here, and no comment, which would end the line.
        matches!(self.byte(), Some(b' ' | b',' | b'\t' | b'\n')).then_some(())?;
        let line = self.line;
        let name = self.name()?;
        (line == self.line).then(|| Positioned::new(TypeCondition { on: name }, on))
    }

    fn selection_set(&mut self) -> Option<Positioned<SelectionSet>> {
        let position = self.position();
        let items = self.between((b'{', b'}'), 1, Self::selection)?;
        Some(Positioned::new(SelectionSet { items }, position))
    }

    fn selection(&mut self) -> Option<Positioned<Selection>> {
        let position = self.position();
        let selection = if self.sees(b'.') {
            self.spread(position)?
        } else {
            Selection::Field(Positioned::new(self.field()?, position))
        };
        Some(Positioned::new(selection, position))
    }

    fn spread(&mut self, position: Pos) -> Option<Selection> {
        self.text.get(self.at..)?.starts_with("...").then(|| self.at += 3)?;
        let mut type_condition = None;
        if self.peek().is_some_and(is_name_start) {
            let on = self.position();
            let name = self.name()?;
            if name.node != "on" {
                let spread = FragmentSpread { fragment_name: name, directives: self.directives()? };
                return Some(Selection::FragmentSpread(Positioned::new(spread, position)));
            }
            type_condition = Some(self.type_condition(on)?);
        }
        let directives = self.directives()?;
        let fragment = InlineFragment { type_condition, directives, selection_set: self.selection_set()? };
        Some(Selection::InlineFragment(Positioned::new(fragment, position)))
    }

    fn field(&mut self) -> Option<Field> {
        let (mut alias, mut name) = (None, self.name()?);
        if self.take(b':').is_some() {
            alias = Some(std::mem::replace(&mut name, self.name()?));
        }
        let (arguments, directives) = (self.arguments()?, self.directives()?);
        let selection_set = if self.sees(b'{') { self.selection_set()? } else { Positioned::default() };
        Some(Field { alias, name, arguments, directives, selection_set })
    }

    fn arguments(&mut self) -> Option<Vec<(Positioned<Name>, Positioned<Value>)>> {
        if !self.sees(b'(') {
            return Some(Vec::new());
        }
        self.between((b'(', b')'), 1, |reader| {
            let name = reader.name()?;
            reader.take(b':')?;
            let position = reader.position();
            Some((name, Positioned::new(reader.value()?, position)))
        })
    }

    fn directives(&mut self) -> Option<Vec<Positioned<Directive>>> {
        let mut directives = Vec::new();
        while self.sees(b'@') {
            let position = self.position();
            self.at += 1;
            let directive = Directive { name: self.name()?, arguments: self.arguments()? };
            directives.push(Positioned::new(directive, position));
        }
        Some(directives)
    }

    fn variable_definition(&mut self) -> Option<Positioned<VariableDefinition>> {
        let position = self.position();
        self.take(b'$')?;
        let name = self.name()?;
        self.take(b':')?;
        let type_position = self.position();
        let written = self.run(|byte| is_name(byte) || matches!(byte, b'[' | b']' | b'!'));
        let var_type = Positioned::new(is_type(written).then(|| Type::new(written))??, type_position);
        let directives = self.directives()?;
        let mut default_value = None;
        if self.take(b'=').is_some() {
            let position = self.position();
            default_value = Some(Positioned::new(self.constant()?, position));
        }
        Some(Positioned::new(VariableDefinition { name, var_type, directives, default_value }, position))
    }

    fn constant(&mut self) -> Option<ConstValue> {
        self.value()?.into_const()
    }

    fn value(&mut self) -> Option<Value> {
        Some(match self.peek()? {
            b'$' => {
                self.at += 1;
                Value::Variable(self.name()?.node)
            }
            b'"' => Value::String(self.string()?.to_owned()),
            b'[' => Value::List(self.between((b'[', b']'), 0, Self::value)?),
            b'{' => {
                let members = self.between((b'{', b'}'), 0, |reader| {
                    let name = reader.name()?.node;
                    reader.take(b':')?;
                    Some((name, reader.value()?))
                })?;
                Value::Object(members.into_iter().collect())
            }
            byte if is_name_start(byte) => match self.word()? {
                "true" => Value::Boolean(true),
                "false" => Value::Boolean(false),
                "null" => Value::Null,
                // The engine takes no name that begins like one of these.
                word if ["true", "false", "null"].iter().any(|start| word.starts_with(start)) => return None,
                word => Value::Enum(Name::new(word)),
            },
            _ => Value::Number(self.whole_number()?),
        })
    }

    /// A string without escapes, on one line.
    fn string(&mut self) -> Option<&'a str> {
        self.take(b'"')?;
        let content = self.run(|byte| !matches!(byte, b'"' | b'\\' | b'\n'));
        (self.byte() == Some(b'"')).then(|| self.at += 1)?;
        let opens_block = content.is_empty() && self.byte() == Some(b'"');
        (!opens_block).then_some(content)
    }

    fn whole_number(&mut self) -> Option<Number> {
        let written = self.run(|byte| byte.is_ascii_digit() || byte == b'-');
        let digits = written.strip_prefix('-').unwrap_or(written);
        let is_whole = digits == "0" && digits == written
            || digits.starts_with(|first: char| first.is_ascii_digit() && first != '0') && !digits.contains('-');
        let ends = self.byte().is_none_or(|byte| !is_name_start(byte) && byte != b'.');
        // More than 19 digits would be read as a fraction.
        (is_whole && ends && digits.len() < 19).then(|| written.parse().ok())?
    }
}

/// Whether this is a type as it is written, without white space.
fn is_type(written: &str) -> bool {
    let inner = written.strip_suffix('!').unwrap_or(written);
    match inner.strip_prefix('[') {
        Some(item) => item.strip_suffix(']').is_some_and(is_type),
        None => inner.bytes().next().is_some_and(is_name_start) && inner.bytes().all(is_name),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Holds what was read at once against what the engine reads; tells whether it was.
    fn agrees(text: &str) -> bool {
        let Some(read) = at_once(text) else { return false };
        let by_engine = parse_query(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let json = |document| serde_json::to_value(document).expect("JSON");
        assert_eq!(json(read), json(by_engine), "{text}");
        true
    }

    #[test]
    fn ordinary_documents_are_read_at_once_and_as_the_engine_reads_them() {
        for text in [
            "{a}",
            "query{a}",
            "query Q{a,b:c}",
            "# first\n{\n\ta # last\n  b\n}",
            "query Q($a: Int, $b: [Slug!]! = [\"x\", \"\"] $c: In = {a: 1, b: [TRUE_, -12], a: null}) @d(e: $a) { a(b: $b) }",
            "mutation M { m(input: {a: \"text # no comment\", b: {c: [[], {}]}}) { e { f } } } fragment F on P { ...F }",
            "{ a { ...F ... on P @include(if: true) { b } ... @skip(if: false) { c } ... { d } } } fragment F on Q @x { y }",
            "query A { a } query B { b } subscription S { s }",
            "{ a(n: 0, m: 123456789012345678, o: -1) }",
            "query() { a }",
        ] {
            assert!(agrees(text), "{text}");
        }
        let page = "query Page($slug: Slug!, $locale: Locale) {\n  page(slug: $slug, locale: $locale) {\n    ...Text\n  }\n}\n\n\
            fragment Text on Page {\n  title\n  children { slug }\n}\n";
        assert!(agrees(page));
    }

    #[test]
    fn what_is_out_of_the_ordinary_is_left_to_the_engine() {
        for text in [
            "",
            "{",
            "{}",
            "a",
            "{a}}",
            "{a} {b}",
            "{a} query Q {b}",
            "query Q {a} query Q {b}",
            "{\"a\"}",
            "{a(b: 1.5)}",
            "{a(b: 1e3)}",
            "{a(b: 01)}",
            "{a(b: -0)}",
            "{a(b: --1)}",
            "{a(b: 12345678901234567890)}",
            "{a(b: \"\\n\")}",
            "{a(b: \"\"\"c\"\"\")}",
            "{a(b: \"日本\")}",
            "{a}\r\n",
            "{a(b: nullable)}",
            "{a()}",
            "{...on}",
            "{...on{a}}",
            "queryQ{a}",
            "{a} fragment on on P {b}",
            "{a} fragmentF on P {b}",
            "{a} fragment F on#\nP {b}",
            "query($a: [ Int ]) {a}",
            "query($a: Int!!) {a}",
            "query($a: Int = $b) {a}",
            "{a(b: 1c)}",
            "{a(b: \"c)}",
        ] {
            assert!(at_once(text).is_none(), "{text}");
        }
        let deep = |levels: usize| format!("{}a{}", "{a".repeat(levels), "}".repeat(levels));
        assert!(at_once(&deep(NESTING)).is_some());
        assert!(at_once(&deep(NESTING + 1)).is_none());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn whatever_is_read_at_once_is_what_the_engine_reads(
            tokens in prop::collection::vec(prop::sample::select(vec![
                "{", "}", "(", ")", "[", "]", ":", "=", "$", "@", "!", "...", "on", "query", "mutation", "fragment", "a", "B", "_1",
                "true", "null", "0", "-7", "12", "\"s\"", "\"", "#", "\n", " ", ",", "\t", "{a}", "(a: $b)", "... on A {a}",
                "($a: [A!] = [1])", "fragment F on A ", "query Q ", "@a(b: \"\")",
            ]), 0..24),
            start in prop::sample::select(vec!["", "{ a ", "query Q ", "{a} fragment F on A ", "query ($a: A) { a(b: "]),
            end in prop::sample::select(vec!["", "}", " }", ") }"]),
        ) {
            agrees(&format!("{start}{}{end}", tokens.concat()));
            agrees(&format!("{start}{}{end}", tokens.join(" ")));
        }

        #[test]
        fn a_letter_more_or_less_makes_no_difference_between_them(place in any::<prop::sample::Index>(), letter in "[ -~\n]?") {
            let text = "query Q($a: [A!]! = [\"x\"], $b: B) @d { a: b(c: {d: $a, e: -1}, f: TRUE) { ...F ... on G { h } } } fragment F on G { i }";
            let at = place.index(text.len());
            agrees(&format!("{}{letter}{}", &text[..at], &text[at..]));
            agrees(&format!("{}{letter}{}", &text[..at], &text[at + 1..]));
        }
    }
}
