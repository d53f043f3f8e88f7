//! The schema: every room's roots merged, the limits of the engine, and the mask through which every error passes.

pub mod cost;
mod introspection;
pub mod limits;
pub mod node;

use std::error::Error as _;

use async_graphql::{
    EmptySubscription, MergedObject, SDLExportOptions, SchemaBuilder, ServerError, ValidationMode, Value, value,
};
use entities::Language;

use crate::{
    access::{
        account::graphql::{AccountMutation, AccountQuery},
        api_token::graphql::{ApiTokenMutation, ApiTokenQuery},
        audit::graphql::AuditQuery,
        graphql::{AccessMutation, AccessQuery},
    },
    content::{
        page::{self, graphql::PageQuery},
        site::{self, graphql::SiteQuery},
        staff::{self, graphql::StaffQuery},
    },
    document::graphql::{
        DocumentMutation, DocumentQuery, LeaseMutation, MetadataMutation, PageMutation, PreviewMutation, PreviewQuery,
        SiteMutation, StaffMutation, TaxonomyMutation,
    },
    error::{Code, Error},
    figures::{
        aggregate::{self, graphql::AggregateQuery},
        category::{self, graphql::CategoryQuery},
        country::{self, graphql::CountryQuery},
        exchange::import::graphql::ImportMutation,
        fact_sheet::{self, graphql::FactSheetQuery},
        status::graphql::StatusQuery,
        vintage::graphql::VintageQuery,
        year_sheet::graphql::{YearSheetMutation, YearSheetQuery},
    },
    graphql::{CountValues, Root},
    state::State,
};
use node::NodeQuery;

/// The most points that an operation may cost, estimated before it runs and counted while its response is written
/// ([`cost`]).
pub const MAX_COST: usize = 100_000;

/// All queries.
#[derive(MergedObject, Default)]
pub struct Query(
    SiteQuery,
    PageQuery,
    StaffQuery,
    CountryQuery,
    CategoryQuery,
    FactSheetQuery,
    AggregateQuery,
    VintageQuery,
    StatusQuery,
    YearSheetQuery,
    NodeQuery,
    DocumentQuery,
    PreviewQuery,
    AccessQuery,
    AccountQuery,
    ApiTokenQuery,
    AuditQuery,
);

/// The queries that are answered without the engine.
pub static ROOTS: &[Root] = &[
    site::graphql::SITE,
    site::graphql::LOCALES,
    page::graphql::PAGE,
    page::graphql::PAGES,
    staff::graphql::STAFF,
    country::graphql::COUNTRIES,
    category::graphql::CATEGORIES,
    fact_sheet::graphql::FACT_SHEET,
    aggregate::graphql::VISIT_COUNTS,
    introspection::SCHEMA,
    introspection::TYPE,
];

/// The queries about the schema itself.
static INTROSPECTION: &[Root] = &[introspection::SCHEMA, introspection::TYPE];

/// The queries whose answers hold until something that they show changes: they ask for nothing but what is published, and
/// not for the time.
pub const LASTING: [&str; 17] = [
    "__schema",
    "__type",
    "__typename",
    "categories",
    "countries",
    "factSheet",
    "figureHistory",
    "locales",
    "node",
    "nodes",
    "observationStatuses",
    "page",
    "pages",
    "site",
    "staff",
    "vintages",
    "visitCounts",
];

/// The other queries for what is published only, whose answers pass with the time.
pub const PASSING: [&str; 1] = ["figureChanges"];

/// All mutations.
#[derive(MergedObject, Default)]
pub struct Mutation(
    AccessMutation,
    AccountMutation,
    ApiTokenMutation,
    SiteMutation,
    PageMutation,
    StaffMutation,
    TaxonomyMutation,
    YearSheetMutation,
    ImportMutation,
    MetadataMutation,
    DocumentMutation,
    LeaseMutation,
    PreviewMutation,
);

/// The schema.
pub type Schema = async_graphql::Schema<Query, Mutation, EmptySubscription>;

/// The schema of a running Almanac. It executes what has passed `graphql/request.rs`, and validates no further than it must.
#[must_use]
pub fn schema(state: State) -> Schema {
    builder().validation_mode(ValidationMode::Fast).data(state).extension(CountValues).finish()
}

/// The schema in the schema definition language: `api/schema.graphql`.
#[must_use]
pub fn sdl() -> String {
    let options = SDLExportOptions::new().include_specified_by();
    builder().finish().sdl_with_options(options)
}

/// The schema before it is finished.
pub fn builder() -> SchemaBuilder<Query, Mutation, EmptySubscription> {
    Schema::build(Query::default(), Mutation::default(), EmptySubscription)
        // What the engine counts recursively is bounded by `limits` before it gets here.
        .limit_recursive_depth(limits::Limits::default().nesting)
        // Suggestions would cost more than the answer.
        .disable_suggestions()
}

/// The most characters of a message that a client reads. It may repeat a value that was refused, and that is as long as a
/// request.
const MESSAGE_CHARS: usize = 1_000;

/// The most faults of one error that a client reads.
const MAX_FAULTS: usize = 100;

/// The error with the beginning of its message, if that is too long.
#[must_use]
pub fn shorten(mut error: ServerError) -> ServerError {
    cut(&mut error.message);
    error
}

/// Leaves the beginning of a text that repeats what was sent.
fn cut(text: &mut String) {
    if let Some((end, _)) = text.char_indices().nth(MESSAGE_CHARS) {
        text.truncate(end);
        text.push('…');
    }
}

/// The mask: what a client reads of an error. Our own errors say what they may, in the language of the client; the engine's speak about the request;
/// everything else is logged and replaced, so that no driver's text ever leaves.
#[must_use]
pub fn present(error: ServerError, request_id: &str, language: Language) -> ServerError {
    // Raised by the engine or at the door, and marked there (`http/graphql.rs`).
    if error.source.is_none() && error.extensions.as_ref().is_some_and(|extensions| extensions.get("code").is_some()) {
        return shorten(error);
    }
    let ours = error.source.as_ref().and_then(|source| source.downcast_ref::<Error>()).cloned();
    let ours = ours.unwrap_or_else(|| Error::internal(error.message.clone()));
    log(&ours, request_id);
    let mut presented = ServerError { message: ours.message(language), source: None, extensions: None, ..error };
    if let Error::Invalid(faults) = &ours {
        let faults = faults.iter().take(MAX_FAULTS).map(|fault| {
            let (mut path, mut message) = (fault.path.clone(), fault.rule.message(language));
            path.iter_mut().chain([&mut message]).for_each(cut);
            value!({ "path": path, "rule": (fault.rule.code()), "message": message })
        });
        presented.extensions.get_or_insert_default().set("faults", Value::List(faults.collect()));
    }
    shorten(with_code(presented, ours.code()))
}

/// Marks an error with its code in the catalogue.
#[must_use]
pub fn with_code(mut error: ServerError, code: Code) -> ServerError {
    error.extensions.get_or_insert_default().set("code", code.as_str());
    error
}

/// Logs what an operator must know of an error and a client must not, once.
pub fn log(error: &Error, request_id: &str) {
    if let Some(source) = error.source() {
        tracing::error!(request.id = request_id, error = source, "{error}");
    }
}
