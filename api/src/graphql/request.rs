//! A GraphQL request before anything runs: the operation is parsed once, held against the limits and the schema, priced and
//! planned; its variables are coerced. Whatever is wrong with a request is found here, and answered without `data`.
//!
//! `validation` parses and validates (with apollo-compiler), `literals` adds what it leaves out, `coercion` reads variables,
//! `uses` tells where they stand, `scalars` knows what a value of each scalar must look like, `convert` makes the document that the engine executes,
//! and `operation` keeps all of it for the next request that asks for the same.
//!
//! What does not belong here: HTTP, who the caller is, and execution.

mod coercion;
mod completeness;
mod convert;
mod error;
mod literals;
mod operation;
mod scalars;
mod source;
mod uses;
mod validation;

pub use error::RequestError;
pub use operation::{Operation, OperationCache, PreparedOperation};
pub use validation::{operation_names, parse};
