//! The states of one category and year, one after the other. What was counted goes in, what may be shown comes out.
//!
//! A history remembers of what was counted only what the next state is held against. None of it leaves this file but
//! through [`disclosure`](crate::figures::disclosure), or into the checkpoint of the database that it came from.

use std::{fmt, sync::Arc};

use chrono::DateTime;
use entities::DisclosurePolicy;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Position, SheetKey};
use crate::{
    access::audit::sha256,
    error::Result,
    figures::{
        disclosure::{Discloser, Memory, Sheet},
        year_sheet::{Withheld, YearSheet},
    },
};

/// What became of the figures of one category and year, as far as the next state depends on it.
#[derive(Clone)]
pub(super) struct History {
    /// The document.
    pub(super) document: Uuid,
    /// Its newest publication.
    pub(super) last: Position,
    /// How often it was published or withdrawn.
    pub(super) publications: u64,
    is_public: bool,
    /// What the newest publication counted, hashed.
    counted: Option<String>,
    discloser: Discloser,
}

/// Nothing of what was counted.
impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History").field("last", &self.last).finish_non_exhaustive()
    }
}

impl History {
    /// Before anything was published.
    pub(super) fn new(document: Uuid, policy: DisclosurePolicy) -> Self {
        let last = Position { seq: 0, at: DateTime::UNIX_EPOCH };
        Self { document, last, publications: 0, is_public: false, counted: None, discloser: Discloser::new(policy) }
    }

    /// Takes what was counted, or that it was withdrawn, and tells what is public since then.
    pub(super) fn next(&mut self, position: Position, counted: Option<YearSheet>) -> Result<Option<Arc<Sheet>>> {
        self.last = position;
        self.publications += 1;
        self.is_public = counted.is_some();
        self.counted = counted.as_ref().map(digest).transpose()?;
        Ok(counted.map(|sheet| self.discloser.next(&sheet)))
    }

    /// What is withheld of all its states, with what later states are held against.
    pub(super) fn withheld(&self) -> Option<Withheld> {
        self.discloser.withheld()
    }

    /// What is public; nothing when it was withdrawn.
    pub(super) fn shown(&self) -> Option<&Arc<Sheet>> {
        self.discloser.shown().filter(|_| self.is_public)
    }

    /// Whether the newest publication counted what the live tables hold. A sheet without any figure has no rows there.
    pub(super) fn counted(&self, key: &SheetKey, live: Option<&YearSheet>) -> Result<bool> {
        let counted = match live {
            Some(live) => digest(live)?,
            None if !self.is_public => return Ok(true),
            None => digest(&YearSheet::empty(key.0.clone(), key.1))?,
        };
        Ok(self.counted.as_ref() == Some(&counted))
    }

    /// To be stored.
    pub(super) fn store(&self) -> StoredHistory {
        let Self { document: _, last, publications, is_public, counted, discloser } = self;
        StoredHistory {
            last: *last,
            publications: *publications,
            is_public: *is_public,
            counted: counted.clone(),
            memory: discloser.memory(),
        }
    }

    /// As it was stored under the same policy; or under another one, where this policy shows what was counted as it is, and
    /// `live` is that. None where only its past can tell.
    pub(super) fn restore(
        document: Uuid,
        stored: StoredHistory,
        policy: DisclosurePolicy,
        is_same_policy: bool,
        live: Option<&YearSheet>,
    ) -> Option<Self> {
        let StoredHistory { last, publications, is_public, counted, memory } = stored;
        let discloser = if is_same_policy {
            Discloser::remembering(policy, memory)
        } else {
            let mut discloser = Discloser::of_what_was_counted(policy, memory)?;
            if is_public {
                discloser.next(live.filter(|live| digest(live).ok() == counted)?);
            }
            discloser
        };
        Some(Self { document, last, publications, is_public, counted, discloser })
    }
}

/// What is stored of a history.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredHistory {
    last: Position,
    publications: u64,
    is_public: bool,
    counted: Option<String>,
    memory: Memory,
}

/// Of what the live tables hold of a sheet: its figures ([`YearSheet::has_figures_of`]).
fn digest(sheet: &YearSheet) -> Result<String> {
    Ok(sha256(&serde_json::to_vec(&(&sheet.total, &sheet.counts))?))
}
