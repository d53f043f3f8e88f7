//! States of previews that were asked for lately: a front end asks several times for one page.

use std::sync::{Arc, Mutex, PoisonError};

use entities::Version;
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::delivery::snapshot::Snapshot;

/// How many states are kept, all on top of the newest state. They share most of what they hold with it.
const KEPT: usize = 16;
/// How many of them show previews of one account, so that many links of one do not drive out those of others.
const KEPT_OF_ONE: usize = 4;

/// Which state of which preview.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// The preview.
    pub(super) preview: Uuid,
    /// The state of what is published on top of which it is shown.
    pub(super) generation: u64,
    /// The version of a draft that is shown with it: the page of a text that is not public.
    pub(super) owner_version: Option<Version>,
}

/// A state that is made once, however many ask for it meanwhile.
pub(super) type Slot = Arc<OnceCell<Arc<Snapshot>>>;

/// The states, the one that was asked for last at the end.
#[derive(Debug, Default)]
pub struct Previews(Mutex<Vec<Kept>>);

#[derive(Debug)]
struct Kept {
    key: Key,
    maker: Uuid,
    slot: Slot,
}

impl Previews {
    /// The place of a state, which is empty when nobody has made it yet. `maker` is the account that made the preview.
    pub(super) fn slot(&self, key: Key, maker: Uuid) -> Slot {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = kept.iter().position(|kept| kept.key == key) {
            kept[index..].rotate_left(1);
            return kept.last().map(|kept| Arc::clone(&kept.slot)).unwrap_or_default();
        }
        // What is published only moves on, and states on top of an earlier one would keep all of that in memory.
        kept.retain(|kept| kept.key.generation >= key.generation && kept.key.preview != key.preview);
        let of_one = || kept.iter().filter(|kept| kept.maker == maker);
        let leaves = if of_one().count() >= KEPT_OF_ONE {
            kept.iter().position(|kept| kept.maker == maker)
        } else {
            (kept.len() >= KEPT).then_some(0)
        };
        leaves.map(|index| kept.remove(index));
        let slot = Slot::default();
        kept.push(Kept { key, maker, slot: Arc::clone(&slot) });
        slot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(preview: u128, generation: u64) -> Key {
        Key { preview: Uuid::from_u128(preview), generation, owner_version: None }
    }

    #[test]
    fn a_state_has_one_place_until_it_is_driven_out() {
        let (previews, maker) = (Previews::default(), Uuid::from_u128(1));
        let first = previews.slot(key(1, 7), maker);
        assert!(Arc::ptr_eq(&first, &previews.slot(key(1, 7), maker)));
        previews.slot(key(2, 7), maker);
        assert!(!Arc::ptr_eq(&first, &previews.slot(key(1, 8), maker)), "after a change it is another");
        assert_eq!(previews.0.lock().unwrap().len(), 1, "and all on top of the earlier state are gone");
    }

    #[test]
    fn many_previews_of_one_account_leave_those_of_others_where_they_are() {
        let previews = Previews::default();
        let theirs = previews.slot(key(1000, 7), Uuid::from_u128(2));
        for preview in 0..50 {
            previews.slot(key(preview, 7), Uuid::from_u128(1));
        }
        assert!(Arc::ptr_eq(&theirs, &previews.slot(key(1000, 7), Uuid::from_u128(2))));
        assert_eq!(previews.0.lock().unwrap().len(), KEPT_OF_ONE + 1);
        for preview in 0..50 {
            previews.slot(key(preview, 7), Uuid::from_u128(preview));
        }
        assert_eq!(previews.0.lock().unwrap().len(), KEPT);
    }
}
