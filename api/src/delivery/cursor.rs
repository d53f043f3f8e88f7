//! Keyset cursors: the place after one item of one list, authenticated, so that an edited cursor or one of another list
//! is refused instead of quietly leading nowhere. What they carry is public.

use aws_lc_rs::hmac;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use entities::Rule;
use serde::{Serialize, de::DeserializeOwned};

use crate::access::key::KeyRing;

/// How many bytes of the authentication code a cursor carries.
const TAG_LEN: usize = 12;

/// The cursor after the item with this sort key in this list. `list` names the list with its order, filter and locale.
#[must_use]
pub fn encode(keys: &KeyRing, list: &str, key: &impl Serialize) -> String {
    // A sort key is made of strings and numbers, which always have a JSON form.
    let key = serde_json::to_vec(key).unwrap_or_default();
    let mut bytes = hmac::sign(keys.cursor(), &message(list, &key)).as_ref()[..TAG_LEN].to_vec();
    bytes.extend(key);
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// The sort key in a cursor of this list.
///
/// # Errors
/// [`Rule::ForeignCursor`] for everything that [`encode`] did not make for this list.
pub fn decode<K: DeserializeOwned>(keys: &KeyRing, list: &str, cursor: &str) -> Result<K, Rule> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).map_err(|_| Rule::ForeignCursor)?;
    let (tag, key) = bytes.split_at_checked(TAG_LEN).ok_or(Rule::ForeignCursor)?;
    if &hmac::sign(keys.cursor(), &message(list, key)).as_ref()[..TAG_LEN] != tag {
        return Err(Rule::ForeignCursor);
    }
    serde_json::from_slice(key).map_err(|_| Rule::ForeignCursor)
}

fn message(list: &str, key: &[u8]) -> Vec<u8> {
    [list.as_bytes(), &[0], key].concat()
}
