//! The keys of a table: unique, and what other tables refer to.

use std::collections::BTreeSet;

use entities::Rule;

/// The keys read so far.
pub(crate) struct Keys<K> {
    seen: BTreeSet<K>,
    whole: bool,
}

impl<K: Ord> Keys<K> {
    /// No key yet. `whole` says whether every key of the table is going to be seen: if its file or its key column
    /// cannot be read, a key that is not here may well exist, and nobody is accused of referring to nothing.
    pub(crate) const fn new(whole: bool) -> Self {
        Self { seen: BTreeSet::new(), whole }
    }

    /// Takes note that there may be keys that are not going to be seen after all.
    pub(crate) const fn doubt(&mut self) {
        self.whole = false;
    }

    /// Adds a key.
    ///
    /// # Errors
    /// [`Rule::Duplicate`] if it is there already.
    pub(crate) fn add(&mut self, key: K) -> Result<(), Rule> {
        if self.seen.insert(key) { Ok(()) } else { Err(Rule::Duplicate) }
    }

    /// # Errors
    /// [`Rule::Unknown`] if there is certainly no such key.
    pub(crate) fn check(&self, key: &K) -> Result<(), Rule> {
        if !self.whole || self.seen.contains(key) { Ok(()) } else { Err(Rule::Unknown) }
    }
}
