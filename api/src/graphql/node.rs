//! Global ids after the Relay specification: opaque to clients, the type's name and the document's UUID to us.

use async_graphql::ID;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use entities::Rule;
use uuid::Uuid;

use crate::error::{Error, Result};

/// The global id of a document of this GraphQL type.
#[must_use]
pub fn global_id(type_name: &str, document: Uuid) -> ID {
    ID(BASE64_URL_SAFE_NO_PAD.encode(format!("{type_name}:{document}")))
}

/// The type's name and the document; `None` for anything that is no global id.
#[must_use]
pub fn parse_global_id(id: &ID) -> Option<(String, Uuid)> {
    let decoded = BASE64_URL_SAFE_NO_PAD.decode(id.as_str()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (type_name, document) = text.split_once(':')?;
    Some((type_name.to_owned(), document.parse().ok()?))
}

/// The UUID in the input field `id`, which must be the global id of something of this type.
///
/// # Errors
/// [`Error::Invalid`] for the id of anything else.
pub fn named(id: &ID, type_name: &str) -> Result<Uuid> {
    let found = parse_global_id(id).filter(|(found, _)| found == type_name);
    found.map(|(_, id)| id).ok_or_else(|| Error::invalid(["id"], Rule::Unknown))
}
