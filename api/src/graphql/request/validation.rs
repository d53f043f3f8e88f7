//! Whether an operation is well-formed and valid: parsed and validated by apollo-compiler, which is nearly complete; what it
//! leaves out is checked here and in `literals`. How far this agrees with graphql-js is held by `tests/graphql-js/`.

use std::{
    fmt::{self, Write as _},
    sync::LazyLock,
};

use apollo_compiler::{
    Node, Schema, ast,
    diagnostic::ToCliReport,
    executable,
    parser::Parser,
    validation::{DiagnosticList, Valid},
};
use async_graphql::{Name, parser::types::ExecutableDocument};

use super::{
    RequestError, completeness, convert,
    error::{MAX_ERRORS, MAX_MESSAGE},
    literals,
    source::Source,
};
use crate::{
    error::{Code, Error},
    schema::{
        self,
        limits::{self, Limits},
    },
};

/// A document that is valid.
#[derive(Debug)]
pub(super) struct Checked {
    /// As the engine executes it.
    pub(super) document: ExecutableDocument,
    /// With the definitions of its fields.
    pub(super) typed: Valid<executable::ExecutableDocument>,
}

/// Holds operations against the schema.
pub(super) struct Validator {
    schema: Valid<Schema>,
}

/// The schema is the same for all of a process, and takes longer to read than an operation.
static VALIDATOR: LazyLock<Result<Validator, String>> = LazyLock::new(|| {
    let schema = Schema::parse_and_validate(without_descriptions(&schema::sdl()), "schema.graphql");
    schema.map(|schema| Validator { schema }).map_err(|invalid| invalid.errors.to_string())
});

impl Validator {
    /// The validator of our schema.
    ///
    /// # Errors
    /// When our own schema is not valid, which a test rules out.
    pub(super) fn get() -> Result<&'static Self, Error> {
        VALIDATOR.as_ref().map_err(|error| Error::internal(error.as_str()))
    }

    /// The schema.
    pub(super) const fn schema(&self) -> &Valid<Schema> {
        &self.schema
    }

    /// The operations of a document that is within the limits, well-formed and valid.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub(super) fn check(&self, text: &str, limits: &Limits) -> Result<Checked, RequestError> {
        // First what bounds the work of everything that follows.
        limits::scan(text, limits)?;
        let source = Source::new(text);
        let mut ast = parse_ast(text, &source)?;
        let document = convert::document(&ast, &source)?;
        limits::check(&document, limits)?;
        forget_null_defaults(&mut ast);
        let valid = self.validate(&ast).map_err(|errors| refuse(&errors, &source, Code::GraphqlValidationFailed))?;
        literals::check(&self.schema, &valid, &source)?;
        self.check_lists(ast, &source)?;
        Ok(Checked { document, typed: valid })
    }

    fn validate(&self, ast: &ast::Document) -> Result<Valid<executable::ExecutableDocument>, DiagnosticList> {
        ast.to_executable_validate(&self.schema).map_err(|invalid| invalid.errors)
    }

    /// Two fields of one response key are in conflict when lists in their arguments differ only in their length, which
    /// validation overlooks: it compares lists item by item, as far as both go. So each list is given an end that is no
    /// item of another one.
    fn check_lists(&self, mut ast: ast::Document, source: &Source<'_>) -> Result<(), RequestError> {
        let has_lists = source.text().bytes().filter(|byte| *byte == b'[').nth(1).is_some();
        if !has_lists || !literals::end_lists(&mut ast) {
            return Ok(());
        }
        let Err(errors) = self.validate(&ast) else { return Ok(()) };
        let is_conflict = errors.iter().any(|found| found.error.unstable_error_name() == Some(CONFLICT));
        if is_conflict { Err(refuse_some(&errors, source, |name| name == Some(CONFLICT))) } else { Ok(()) }
    }
}

/// The name of the error of two fields that differ in an argument.
const CONFLICT: &str = "ConflictingFieldArgument";

/// Reads a document without knowing the schema.
///
/// # Errors
/// When it is not well-formed.
pub fn parse(text: &str) -> Result<ExecutableDocument, RequestError> {
    let source = Source::new(text);
    convert::document(&parse_ast(text, &source)?, &source)
}

/// The names of the operations of a document, in their order; one that has no name has none here.
pub fn operation_names(text: &str) -> Vec<String> {
    let Ok(document) = parse(text) else { return Vec::new() };
    let mut operations: Vec<_> = document.operations.iter().collect();
    operations.sort_by_key(|(_, operation)| operation.pos);
    operations.into_iter().filter_map(|(name, _)| name.map(Name::to_string)).collect()
}

fn parse_ast(text: &str, source: &Source<'_>) -> Result<ast::Document, RequestError> {
    let parsed = Parser::new().parse_ast(limits::without_commas(text), "operation");
    let ast = parsed.map_err(|invalid| refuse(&invalid.errors, source, Code::GraphqlParseFailed))?;
    if ast.definitions.is_empty() {
        return Err(RequestError::new(Code::GraphqlParseFailed, "The document is empty."));
    }
    completeness::check(&ast, source)?;
    if let Some(offset) = literals::empty_selection(&ast) {
        let place = source.position(offset);
        return Err(RequestError::at(Code::GraphqlParseFailed, "A selection of fields is empty.", Some(place)));
    }
    Ok(ast)
}

/// A default of null says no more than none, and must not make a nullable variable fit where null is not allowed:
/// validation takes it for a value.
fn forget_null_defaults(ast: &mut ast::Document) {
    let is_null = |variable: &Node<ast::VariableDefinition>| {
        !variable.ty.is_non_null() && variable.default_value.as_ref().is_some_and(|default| default.is_null())
    };
    for definition in &mut ast.definitions {
        if let ast::Definition::OperationDefinition(operation) = definition
            && operation.variables.iter().any(is_null)
        {
            for variable in operation.make_mut().variables.iter_mut().filter(|variable| is_null(variable)) {
                variable.make_mut().default_value = None;
            }
        }
    }
}

/// A schema without its descriptions, which validation does not need: most of its memory.
fn without_descriptions(sdl: &str) -> String {
    const FENCE: &str = "\"\"\"";
    // Outside, inside, outside, ...: our descriptions are blocks, and hold no fence.
    sdl.split(FENCE).step_by(2).collect()
}

fn refuse(errors: &DiagnosticList, source: &Source<'_>, code: Code) -> RequestError {
    let mut refused = refuse_some(errors, source, |_| true);
    refused.code = code;
    refused.errors = refused.errors.into_iter().map(|error| schema::with_code(error, code)).collect();
    refused
}

fn refuse_some(errors: &DiagnosticList, source: &Source<'_>, which: impl Fn(Option<&str>) -> bool) -> RequestError {
    let code = Code::GraphqlValidationFailed;
    let found = errors.iter().filter(|found| which(found.error.unstable_error_name())).take(MAX_ERRORS);
    let errors = found.map(|found| {
        let place = ToCliReport::location(found.error).map(|span| source.position(span.offset()));
        schema::with_code(async_graphql::ServerError::new(message(found.error), place), code)
    });
    RequestError { code, errors: errors.collect() }
}

/// A message, as far as it is for people: it may quote the whole document.
fn message(error: &impl fmt::Display) -> String {
    struct Bounded(String);
    impl fmt::Write for Bounded {
        fn write_str(&mut self, part: &str) -> fmt::Result {
            let room = MAX_MESSAGE.saturating_sub(self.0.len());
            if part.len() <= room {
                self.0.push_str(part);
                return Ok(());
            }
            self.0.push_str(&part[..part.floor_char_boundary(room)]);
            self.0.push('…');
            Err(fmt::Error)
        }
    }
    let mut bounded = Bounded(String::new());
    // An error means that it was cut.
    let _ = write!(bounded, "{error}");
    bounded.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(text: &str) -> Result<(), Code> {
        let validator = Validator::get().expect("a schema");
        validator.check(text, &Limits::default()).map(|_| ()).map_err(|refused| {
            assert!(!refused.errors.is_empty(), "{text}");
            refused.code
        })
    }

    #[test]
    fn what_the_specification_takes_is_taken() {
        for text in [
            "{ locales { code } }",
            "\u{feff}query Q { locales { code } }",
            "\"What it is for.\" query Q { locales { code } }",
            "query($n: [ ID! ] ! = [\"a\"]) { nodes(ids: $n) { id } }",
            "{ page(slug: \"\"\"about-us\"\"\") { slug } }",
            "{ page(slug: \"\\u0061bout-us\") { slug } }",
            "{ page(slug: \"\\u{61}bout-us\") { slug } }",
            "{ node(id: \"\\uD83D\\uDE00\") { id } }",
            "{ node(id: -0) { id } }",
            "{ page(slug , : # a comment\n \"a\") { slug } }",
            ",{,locales,{,a,: # , \n code,},},",
            "\"What, it is for.\" , query Q { locales { code } }",
            "query($n: Int = null) { pages(first: $n) { totalCount } }",
            "query($n: Int = 1) { pages(first: $n) { totalCount } }",
            "{ nodes(ids: [\"a\", \"b\"]) { id } nodes(ids: [\"a\", \"b\"]) { id } }",
            "query A { locales { code } } query B { locales { code } }",
            "query on { on: locales { code } ... @include(if: true) { locales { code } } ...query } fragment query on Query { site { name } }",
            "\"query\" query($true: Boolean = true) { page(slug: \"a\") @include(if: $true) { ... on Page { slug } } }",
        ] {
            assert_eq!(verdict(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_the_specification_refuses_is_refused() {
        for text in [
            "",
            "# nothing",
            "{",
            "{}",
            "{ locales {} }",
            "query() { locales { code } }",
            "{ locales() { code } }",
            "{ page(slug: \"\\uD83D\") { slug } }",
            "{ page(slug: \"\\u{110000}\") { slug } }",
            "{ node(id: 01) { id } }",
            "{ node(id: 1x) { id } }",
            "{ page(slug: \"a\nb\") { slug } }",
            "{ page(slug \"a\") { slug } }",
            "{ page(slug # : \n \"a\") { slug } }",
            "{ pages(filter: { parent \"a\" }) { totalCount } }",
            "query($n Int) { pages(first: $n) { totalCount } }",
            "query($f: PageFilter = { parent \"a\" }) { pages(filter: $f) { totalCount } }",
            "{ pages(filter: { parent: \"a\" nope }) { totalCount } }",
            "{ pages(filter: { nope parent: \"a\" }) { totalCount } }",
            "{ pages(filter: { on }) { totalCount } }",
            "{ pages(filter: { nope: }) { totalCount } }",
            "query($f: PageFilter = { nope }) { pages(filter: $f) { totalCount } }",
            "{ page(slug: \"a\", nope) { slug } }",
            "{ locales @skip(if) { code } }",
            "{ locales @skip(if true) { code } }",
            "query($n) { pages(first: $n) { totalCount } }",
            "query Q",
            "{ ...on }",
            "fragment on on Page { slug } { locales { code } }",
        ] {
            assert_eq!(verdict(text), Err(Code::GraphqlParseFailed), "{text}");
        }
        for text in [
            "{ nope }",
            "{ locales }",
            "{ locales { code { a } } }",
            "{ locales { code } } { locales { code } }",
            "{ locales { code } } query Q { locales { code } }",
            "query Q { locales { code } } query Q { locales { code } }",
            "{ ...F } fragment F on Query { locales { code } } fragment F on Query { locales { code } }",
            "type T { a: Int } { locales { code } }",
            "{ ...A } fragment A on Query { ...A }",
            "{ locales { code } } fragment F on Query { locales { code } }",
            // Conflicts, behind fragments, and in lists of different lengths.
            "{ ...A ...B } fragment A on Query { x: page(slug: \"a\") { slug } } fragment B on Query { x: page(slug: \"b\") { slug } }",
            "{ nodes(ids: [\"a\"]) { id } nodes(ids: [\"a\", \"b\"]) { id } }",
            "{ nodes(ids: []) { id } nodes(ids: [\"a\"]) { id } }",
            // Values.
            "{ pages(first: \"1\") { totalCount } }",
            "{ pages(first: 1.0) { totalCount } }",
            "{ pages(first: 2147483648) { totalCount } }",
            "{ pages(filter: { parent: \"a\", parent: \"b\" }) { totalCount } }",
            "{ pages(filter: { nope: \"a\" }) { totalCount } }",
            "query($n: [String]) { nodes(ids: [$n]) { id } }",
            "query($n: ID) { nodes(ids: [$n]) { id } }",
            "query($n: [ID!] = null) { nodes(ids: $n) { id } }",
            "query($n: Int! = null) { pages(first: $n) { totalCount } }",
            "query($n: Nope) { pages(first: $n) { totalCount } }",
            "query($n: [Nope!] = [1]) { nodes(ids: $n) { id } }",
            "query($n: Page) { pages(first: $n) { totalCount } }",
            "query($n: Int, $n: Int) { pages(first: $n) { totalCount } }",
            "query($n: Int) { locales { code } }",
            "{ pages(first: $n) { totalCount } }",
            "{ locales @nope { code } }",
            "{ locales @skip { code } }",
            "{ locales @skip(if: true) @skip(if: true) { code } }",
        ] {
            assert_eq!(verdict(text), Err(Code::GraphqlValidationFailed), "{text}");
        }
    }

    #[test]
    fn literals_of_scalars_are_read_before_anything_runs() {
        for text in [
            "{ page(slug: 1) { slug } }",
            "{ page(slug: \"No Slug\") { slug } }",
            "{ page(slug: \"a\", fallback: [\"ja\", \"!\"]) { slug } }",
            "query($l: Locale = \"!\") { page(slug: \"a\", locale: $l) { slug } }",
        ] {
            assert_eq!(verdict(text), Err(Code::BadUserInput), "{text}");
        }
    }

    #[test]
    fn a_message_quotes_only_so_much() {
        let text = format!("{{ {} }}", "a".repeat(60_000));
        let refused = Validator::get().expect("a schema").check(&text, &Limits::default()).expect_err("unknown");
        assert!(refused.errors.iter().all(|error| error.message.len() <= MAX_MESSAGE + 3));
    }
}
