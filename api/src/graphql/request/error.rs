//! Why a request is not executed, in the terms of the specification: a request error.

use async_graphql::{Pos, ServerError};

use crate::{
    error::{Code, Error, Fault},
    schema::{limits::LimitExceeded, with_code},
};

/// Errors that a client gets to see at most, so that a short document cannot cause a long response.
pub(super) const MAX_ERRORS: usize = 100;
/// Bytes of a message, or of a name in it, that a client gets to see at most: names and values come out of the request.
pub(super) const MAX_MESSAGE: usize = 500;

/// Why a request is not executed.
#[derive(Debug)]
pub struct RequestError {
    /// Decides on the HTTP status.
    pub code: Code,
    /// All that is wrong, each with its code and its place in the document.
    pub errors: Vec<ServerError>,
}

impl RequestError {
    /// Refuses with one error.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self::at(code, message, None)
    }

    /// Refuses with one error that has a place in the document.
    pub fn at(code: Code, message: impl Into<String>, place: Option<Pos>) -> Self {
        Self { code, errors: vec![with_code(ServerError::new(message, place), code)] }
    }

    /// Refuses values that break rules.
    pub(super) fn invalid(faults: Vec<Fault>, place: Pos) -> Self {
        let error = async_graphql::Error::new_with_source(Error::Invalid(faults)).into_server_error(place);
        Self { code: Code::BadUserInput, errors: vec![error] }
    }

    /// Refuses for all of these reasons; nothing without any.
    pub(super) fn all(errors: impl IntoIterator<Item = Self>) -> Result<(), Self> {
        let joined = errors.into_iter().reduce(|mut first, next| {
            first.errors.extend(next.errors);
            first
        });
        match joined {
            Some(mut error) => {
                error.errors.truncate(MAX_ERRORS);
                Err(error)
            }
            None => Ok(()),
        }
    }
}

impl From<LimitExceeded> for RequestError {
    fn from(exceeded: LimitExceeded) -> Self {
        let mut error = with_code(ServerError::new(exceeded.to_string(), None), Code::LimitExceeded);
        if let Some(extensions) = &mut error.extensions {
            extensions.set("limit", exceeded.limit);
            extensions.set("maximum", exceeded.maximum);
        }
        Self { code: Code::LimitExceeded, errors: vec![error] }
    }
}
