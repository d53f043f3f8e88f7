//! Connections after the Relay specification, forward, over sorted items in memory. A cursor names the place after an
//! item by the item's sort key, so that items that come and go elsewhere neither repeat nor hide one.

use async_graphql::{
    OutputType, SimpleObject,
    connection::{Connection, Edge},
};
use entities::Rule;
use serde::{Serialize, de::DeserializeOwned};

use super::Faults;
use crate::{access::key::KeyRing, delivery::cursor, error::Result};

/// How many items a page has when `first` is left out.
pub const DEFAULT_FIRST: i32 = 20;
/// The most items of a page.
pub const MAX_FIRST: i32 = 100;

/// What a connection tells beside its items.
#[derive(SimpleObject)]
pub struct Total {
    /// How many items the whole list has.
    total_count: usize,
}

/// A page of a list.
pub type PageOf<T> = Connection<String, T, Total>;

/// The arguments of a connection.
pub struct Paging {
    /// How many items.
    pub first: Option<i32>,
    /// The cursor after which to start.
    pub after: Option<String>,
}

/// How many items, from 1 to 100; or a fault.
pub fn page_size(first: Option<i32>, faults: &mut Faults) -> usize {
    let first = first.unwrap_or(DEFAULT_FIRST);
    if !(1..=MAX_FIRST).contains(&first) {
        faults.push(&["first"], Rule::OutOfRange { min: 1, max: i64::from(MAX_FIRST) });
    }
    usize::try_from(first).unwrap_or_default()
}

impl Paging {
    /// How many items, and the place after which to start; or faults. `list` names the list with its order, filter and
    /// locale.
    pub fn read<K: DeserializeOwned>(self, faults: &mut Faults, keys: &KeyRing, list: &str) -> (usize, Option<K>) {
        let first = page_size(self.first, faults);
        let after = self.after.map(|after| cursor::decode::<K>(keys, list, &after)).transpose();
        let after = after.unwrap_or_else(|rule| {
            faults.push(&["after"], rule);
            None
        });
        (first, after)
    }
}

/// Cuts a page out of a sorted list. `list` names the list with its order, filter and locale; `key` is an item's place
/// in it, and no two are the same.
///
/// # Errors
/// `Error::Invalid` when `first` is out of range, or `after` is not a cursor of this list.
pub fn paginate<I, K, T>(
    keys: &KeyRing,
    list: &str,
    paging: Paging,
    items: &[I],
    key: impl Fn(&I) -> K,
    node: impl Fn(&I) -> T,
) -> Result<PageOf<T>>
where
    K: Ord + Serialize + DeserializeOwned,
    T: OutputType,
{
    let mut faults = Faults::default();
    let (first, after) = paging.read::<K>(&mut faults, keys, list);
    faults.into_result()?;
    let start = after.map_or(0, |after| items.partition_point(|item| key(item) <= after));
    let end = items.len().min(start + first);
    let mut connection =
        Connection::with_additional_fields(start > 0, end < items.len(), Total { total_count: items.len() });
    connection
        .edges
        .extend(items[start..end].iter().map(|item| Edge::new(cursor::encode(keys, list, &key(item)), node(item))));
    Ok(connection)
}
