//! Global ids after the Relay specification: opaque to clients, the type's name and the document's UUID to us.

use async_graphql::ID;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use uuid::Uuid;

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
