//! Global ids after the Relay specification: opaque to clients. To us the name of a type, a UUID and, where an object is
//! served in one of several ways, which of them: an object that is asked for by its id is the same object, in the same
//! language, and two objects that differ never share an id.

use async_graphql::ID;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use entities::Rule;
use uuid::Uuid;

use crate::{
    delivery::reading::Reading,
    error::{Error, Result},
    locale::Preference,
};

/// What a global id says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GlobalId {
    /// The name of the object's type.
    pub type_name: String,
    /// The document, or what else it is.
    pub id: Uuid,
    /// In which way it is served, for what is served in several: [`Preference::text`], or what its type makes of it.
    pub variant: Option<String>,
}

/// The global id of an object that is the same for everybody.
#[must_use]
pub fn global_id(type_name: &str, id: Uuid) -> ID {
    ID(BASE64_URL_SAFE_NO_PAD.encode(format!("{type_name}:{id}")))
}

/// The global id of an object that is served in several ways.
#[must_use]
pub fn variant_id(type_name: &str, id: Uuid, variant: &str) -> ID {
    ID(BASE64_URL_SAFE_NO_PAD.encode(format!("{type_name}:{id}:{variant}")))
}

/// The global id of an object in the language that is served.
#[must_use]
pub fn localized_id(type_name: &str, id: Uuid, preference: &Preference) -> ID {
    variant_id(type_name, id, preference.text())
}

/// What a global id says; `None` for anything that is no global id, or is one in another spelling.
#[must_use]
pub fn parse_global_id(id: &ID) -> Option<GlobalId> {
    let decoded = BASE64_URL_SAFE_NO_PAD.decode(id.as_str()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (type_name, rest) = text.split_once(':')?;
    let (uuid, variant) = rest.split_once(':').map_or((rest, None), |(uuid, variant)| (uuid, Some(variant)));
    let id: Uuid = uuid.parse().ok()?;
    let is_canonical = *id.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == *uuid;
    is_canonical.then(|| GlobalId { type_name: type_name.to_owned(), id, variant: variant.map(str::to_owned) })
}

/// The preference in the id of an object that is served as it is now.
#[must_use]
pub fn current_preference(reading: &Reading, variant: &str) -> Option<Preference> {
    let (preference, moment) = reading.site().locales.preference_of(variant)?;
    moment.is_none().then_some(preference)
}

/// Whether it is the id of something as it was at an earlier moment, which takes more work to find.
#[must_use]
pub fn is_of_earlier(id: &str) -> bool {
    let parsed = parse_global_id(&ID(id.to_owned()));
    parsed.and_then(|parsed| parsed.variant).is_some_and(|variant| variant.contains('@'))
}

/// The UUID in the input field `id`, which must be the global id of something of this type.
///
/// # Errors
/// [`Error::Invalid`] for the id of anything else.
pub fn named(id: &ID, type_name: &str) -> Result<Uuid> {
    let found = parse_global_id(id).filter(|found| found.type_name == type_name && found.variant.is_none());
    found.map(|found| found.id).ok_or_else(|| Error::invalid(["id"], Rule::Unknown))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_in_the_spelling_in_which_it_was_handed_out_and_in_no_other() {
        let uuid = Uuid::from_u128(0x019a_8f3c_1b2d_7c3e_9f4a_5b6c_7d8e_9f0a);
        for (id, variant) in [
            (global_id("Page", uuid), None),
            (
                variant_id("Page", uuid, "en:ja,fr@2026-01-01T00:00:00+00:00"),
                Some("en:ja,fr@2026-01-01T00:00:00+00:00"),
            ),
            (variant_id("Page", uuid, ""), Some("")),
        ] {
            let expected = GlobalId { type_name: "Page".to_owned(), id: uuid, variant: variant.map(str::to_owned) };
            assert_eq!(parse_global_id(&id), Some(expected));
            assert_eq!(is_of_earlier(&id), variant.is_some_and(|variant| variant.contains('@')));
        }
        let encode = |text: &str| ID(BASE64_URL_SAFE_NO_PAD.encode(text));
        for other in [
            encode("Page:019A8F3C-1B2D-7C3E-9F4A-5B6C7D8E9F0A"),
            encode("Page:019a8f3c1b2d7c3e9f4a5b6c7d8e9f0a"),
            encode("Page:{019a8f3c-1b2d-7c3e-9f4a-5b6c7d8e9f0a}"),
            encode("Page"),
            ID(format!("{}=", *global_id("Page", uuid))),
        ] {
            assert_eq!(parse_global_id(&other), None, "{}", *other);
        }
    }
}
