//! Earlier states of figures, read on demand and kept as far as there is room.
//!
//! What is kept is little: the list of all publications, and of each sheet that was asked for its states, with each figure once
//! for as long as it stayed what it was.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwap;
use chrono::{DateTime, Utc};
use entities::{CountryCode, DocumentKind, ReleaseKind, Version, Year, document, publication};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use uuid::Uuid;

use super::{
    BATCH, Contents, Corrections, Counted, KINDS, Position, Publication, RevisionContents, SheetKey, Vintages,
    history::History, sheet_of,
};
use crate::{
    error::Result,
    figures::disclosure::{self, Figure},
};

/// How many bytes the states of sheets may take unless something else is set.
const DEFAULT_BUDGET: u64 = 64 * 1024 * 1024;

/// Why something became public, or was withdrawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// When.
    pub at: DateTime<Utc>,
    /// Why, for figures.
    pub kind: Option<ReleaseKind>,
    /// Why, in the editor's words.
    pub reason: Option<String>,
    /// The account that did it; none at the command line.
    pub editor: Option<Uuid>,
}

/// A publication of a sheet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vintage {
    /// Why.
    pub release: Release,
    /// The category and year.
    pub key: SheetKey,
    /// Whether the sheet was withdrawn.
    pub is_withdrawn: bool,
}

/// What a figure became; none when there is nothing of it since then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FigureState {
    /// Why.
    pub release: Release,
    /// What it is.
    pub figure: Option<Arc<Figure>>,
}

/// One publication of figures, without what it published.
#[derive(Clone, Debug)]
struct Entry {
    position: Position,
    /// When it was carried out, as far as those after it tell.
    moment: DateTime<Utc>,
    document: Uuid,
    /// None for what is no sheet.
    sheet: Option<SheetKey>,
    kind: DocumentKind,
    number: Option<Version>,
    cause: (Option<ReleaseKind>, Option<String>, Option<Uuid>),
}

impl Entry {
    fn release(&self) -> Release {
        let (kind, reason, editor) = self.cause.clone();
        Release { at: self.moment, kind, reason, editor }
    }
}

/// Every publication of figures, in order.
#[derive(Debug, Default)]
struct Calendar {
    entries: Vec<Entry>,
    through: i64,
}

impl Calendar {
    /// The same, with those that came after it. Publications are in the order of their changes, and no moment goes back.
    fn with(&self, more: Vec<Entry>, through: i64, corrections: &Corrections) -> Self {
        let mut entries: Vec<Entry> = self.entries.iter().cloned().chain(more).collect();
        entries.sort_by(|a, b| (a.position.seq, &a.sheet).cmp(&(b.position.seq, &b.sheet)));
        let mut latest = DateTime::<Utc>::MAX_UTC;
        for entry in entries.iter_mut().rev() {
            latest = latest.min(corrections.moment(entry.position));
            entry.moment = latest;
        }
        Self { entries, through }
    }

    /// The change of the last publication up to a moment, among those up to a change; 0 before the first.
    fn seq(&self, moment: DateTime<Utc>, through: i64) -> i64 {
        let known = &self.entries[..self.entries.partition_point(|entry| entry.position.seq <= through)];
        let after = known.partition_point(|entry| entry.moment <= moment);
        after.checked_sub(1).map_or(0, |last| known[last].position.seq)
    }

    /// The publications up to a change.
    fn until(&self, seq: i64) -> &[Entry] {
        &self.entries[..self.entries.partition_point(|entry| entry.position.seq <= seq)]
    }
}

/// The states of one sheet.
#[derive(Clone, Debug)]
struct Timeline {
    history: History,
    /// The change of each state.
    seqs: Vec<i64>,
    states: disclosure::Timeline,
}

impl Timeline {
    fn through(&self) -> i64 {
        self.seqs.last().copied().unwrap_or_default()
    }

    /// What was public after a change.
    fn at(&self, seq: i64) -> Option<disclosure::Sheet> {
        self.states.at(self.seqs.partition_point(|known| *known <= seq).checked_sub(1)?)
    }

    fn bytes(&self) -> u64 {
        self.states.bytes() + (self.seqs.len() * size_of::<i64>()) as u64
    }
}

/// What is known of the past. Shared by all states of what is published that know the same past.
pub struct Past {
    budget: AtomicU64,
    calendar: ArcSwap<Calendar>,
    /// The last is the one that was asked for last.
    timelines: Mutex<Vec<(SheetKey, Arc<Timeline>)>>,
    /// Held while the past is read: who asks for much of it waits for others who do, and nobody else.
    reading: tokio::sync::Mutex<()>,
}

impl Default for Past {
    fn default() -> Self {
        Self {
            budget: AtomicU64::new(DEFAULT_BUDGET),
            calendar: ArcSwap::default(),
            timelines: Mutex::default(),
            reading: tokio::sync::Mutex::default(),
        }
    }
}

impl fmt::Debug for Past {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Past").field("bytes", &self.bytes()).finish_non_exhaustive()
    }
}

impl Past {
    /// How many bytes the states of sheets may take. The one that was asked for last is always kept.
    pub fn set_budget(&self, bytes: u64) {
        self.budget.store(bytes, Ordering::Relaxed);
    }

    /// How many bytes may be taken.
    #[must_use]
    pub fn budget(&self) -> u64 {
        self.budget.load(Ordering::Relaxed)
    }

    /// How many bytes the states of sheets take.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let timelines = self.timelines.lock().unwrap_or_else(PoisonError::into_inner);
        timelines.iter().map(|(_, timeline)| timeline.bytes()).sum()
    }

    /// Waits for others who read the past.
    pub async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.reading.lock().await
    }

    fn get(&self, key: &SheetKey) -> Option<Arc<Timeline>> {
        let mut known = self.timelines.lock().unwrap_or_else(PoisonError::into_inner);
        let index = known.iter().position(|(known, _)| known == key)?;
        known[index..].rotate_left(1);
        known.last().map(|(_, timeline)| Arc::clone(timeline))
    }

    fn put(&self, key: &SheetKey, timeline: &Arc<Timeline>) {
        let mut known = self.timelines.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(known, _)| known != key);
        known.push((key.clone(), Arc::clone(timeline)));
        let mut bytes: u64 = known.iter().map(|(_, timeline)| timeline.bytes()).sum();
        while known.len() > 1 && bytes > self.budget() {
            bytes -= known.remove(0).1.bytes();
        }
    }
}

/// Where a moment lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Nothing was published since.
    Now,
    /// After this change, and before the next publication.
    After(i64),
}

impl Vintages {
    /// Where a moment lies, if that is known without reading.
    #[must_use]
    pub fn place(&self, moment: DateTime<Utc>) -> Option<Place> {
        if self.newest().is_none_or(|newest| newest <= moment) {
            return Some(Place::Now);
        }
        let calendar = self.past().calendar.load();
        (calendar.through >= self.through()).then(|| Place::After(calendar.seq(moment, self.through())))
    }

    /// Reads the list of publications, as far as it is not known. Whoever calls this holds [`Past::turn`].
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn read_calendar(&self, connection: &impl ConnectionTrait) -> Result<()> {
        let known = self.past().calendar.load_full();
        if known.through >= self.through() {
            return Ok(());
        }
        let rows = publication::Entity::find()
            .find_also_related(document::Entity)
            .filter(document::COLUMN.kind.is_in(KINDS))
            .filter(publication::COLUMN.change_seq.gt(known.through))
            .filter(publication::COLUMN.change_seq.lte(self.through()))
            .order_by_asc(publication::COLUMN.change_seq)
            .all(connection)
            .await?;
        let mut more = Vec::with_capacity(rows.len());
        for (row, document) in rows.into_iter().filter_map(|(row, document)| Some((row, document?))) {
            let sheet = sheet_of(document.kind, &document.key)?;
            more.push(Entry {
                position: Position { seq: row.change_seq, at: row.published_at },
                moment: row.published_at,
                document: row.document_id,
                sheet,
                kind: document.kind,
                number: row.number,
                cause: (row.release_kind, row.reason, row.editor_id),
            });
        }
        self.past().calendar.store(Arc::new(known.with(more, self.through(), &self.corrections)));
        Ok(())
    }

    /// What was public after a change. Whoever calls this holds [`Past::turn`], and has read the calendar.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn after(&self, connection: &impl ConnectionTrait, seq: i64) -> Result<Contents> {
        let calendar = self.past().calendar.load_full();
        let known = calendar.until(seq);
        let mut contents = match self.others {
            Some(others) if others.seq > seq => others_of(connection, known).await?,
            _ => Contents { sheets: imbl::OrdMap::new(), ..self.now().clone() },
        };
        contents.updated_at = known.iter().rev().find(|entry| entry.sheet.is_some()).map(|entry| entry.moment);
        let published: BTreeSet<&SheetKey> = known.iter().filter_map(|entry| entry.sheet.as_ref()).collect();
        for (key, history) in self.sheets.iter().filter(|(key, _)| published.contains(key)) {
            let sheet = if history.last.seq <= seq {
                self.now().sheets.get(key).cloned()
            } else {
                self.timeline(connection, &calendar, key, seq).await?.at(seq).map(Arc::new)
            };
            if let Some(sheet) = sheet {
                contents.sheets.insert(key.clone(), sheet);
            }
        }
        Ok(contents)
    }

    /// The states of a sheet, at least those up to a change.
    async fn timeline(
        &self,
        connection: &impl ConnectionTrait,
        calendar: &Calendar,
        key: &SheetKey,
        seq: i64,
    ) -> Result<Arc<Timeline>> {
        let known = self.past().get(key);
        let through = known.as_ref().map_or(0, |known| known.through());
        let is_of_sheet = |entry: &&Entry| entry.sheet.as_ref() == Some(key);
        let missing =
            calendar.until(seq.max(through)).iter().filter(is_of_sheet).filter(|entry| entry.position.seq > through);
        if let Some(known) = &known
            && missing.clone().next().is_none()
        {
            return Ok(Arc::clone(known));
        }
        // All that there is: whoever asks for one state will ask for the next.
        let entries = calendar.until(self.through()).iter().filter(is_of_sheet);
        let missing: Vec<&Entry> = entries.filter(|entry| entry.position.seq > through).collect();
        let new = || Timeline {
            history: History::new(Uuid::nil(), self.policy()),
            seqs: Vec::new(),
            states: disclosure::Timeline::default(),
        };
        let mut timeline = known.map_or_else(new, Arc::unwrap_or_clone);
        for batch in missing.chunks(usize::try_from(BATCH).unwrap_or(usize::MAX)) {
            for publication in read(connection, batch).await? {
                let Publication { position, what: Counted::Sheet(_, counted), .. } = publication else { continue };
                let shown = timeline.history.next(position, counted)?;
                timeline.states.push(shown.as_deref());
                timeline.seqs.push(position.seq);
            }
        }
        let timeline = Arc::new(timeline);
        self.past().put(key, &timeline);
        Ok(timeline)
    }

    /// Every publication of sheets, the oldest first; only of this category or year, if one is given.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn list(
        &self,
        connection: &impl ConnectionTrait,
        wanted: impl Fn(&SheetKey) -> bool,
    ) -> Result<Vec<Vintage>> {
        if self.past().calendar.load().through < self.through() {
            let _turn = self.past().turn().await;
            self.read_calendar(connection).await?;
        }
        let calendar = self.past().calendar.load_full();
        let written = calendar.until(self.through()).iter().filter_map(|entry| {
            let key = entry.sheet.clone().filter(&wanted)?;
            Some(Vintage { release: entry.release(), key, is_withdrawn: entry.number.is_none() })
        });
        let unwritten = self.unwritten.iter().filter_map(|one| {
            let key = one.key.clone().filter(&wanted)?;
            Some(Vintage { release: unwritten(one.position.at), key, is_withdrawn: one.is_withdrawn })
        });
        Ok(written.chain(unwritten).collect())
    }

    /// What became of a figure: of a country, or of the total where there is none.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn figure(
        &self,
        connection: &impl ConnectionTrait,
        (category, year): (&entities::CategoryCode, Year),
        country: Option<&CountryCode>,
    ) -> Result<Vec<FigureState>> {
        let key = (category.clone(), year);
        if !self.sheets.contains_key(&key) {
            return Ok(Vec::new());
        }
        let _turn = self.past().turn().await;
        self.read_calendar(connection).await?;
        let calendar = self.past().calendar.load_full();
        let timeline = self.timeline(connection, &calendar, &key, self.through()).await?;
        let entries: Vec<&Entry> =
            calendar.until(self.through()).iter().filter(|entry| entry.sheet.as_ref() == Some(&key)).collect();
        let changes = timeline.states.changes(country);
        let mut states: Vec<FigureState> = changes
            .filter_map(|(state, figure)| {
                Some(FigureState { release: entries.get(state)?.release(), figure: figure.cloned() })
            })
            .collect();
        if let Some(last) = self.unwritten.iter().rev().find(|one| one.key.as_ref() == Some(&key)) {
            let figure = self.now().sheets.get(&key).and_then(|sheet| match country {
                Some(country) => sheet.counts().get(country),
                None => sheet.total(),
            });
            let figure = figure.cloned();
            states.push(FigureState { release: unwritten(last.position.at), figure });
        }
        Ok(states)
    }
}

/// What is said of something that no publication tells of.
const fn unwritten(at: DateTime<Utc>) -> Release {
    Release { at, kind: None, reason: None, editor: None }
}

/// What is public, but for sheets, after these publications: the last of each document counts.
async fn others_of(connection: &impl ConnectionTrait, entries: &[Entry]) -> Result<Contents> {
    let mut seen = BTreeSet::new();
    let others = entries.iter().rev().filter(|entry| entry.sheet.is_none());
    let newest: Vec<&Entry> = others.filter(|entry| seen.insert(entry.document)).collect();
    let mut contents = Contents::default();
    for publication in read(connection, &newest).await? {
        if let Counted::Other(what) = &publication.what {
            contents.apply(what);
        }
    }
    Ok(contents)
}

/// What these published, in the same order.
async fn read(connection: &impl ConnectionTrait, entries: &[&Entry]) -> Result<Vec<Publication>> {
    let contents =
        RevisionContents::read(connection, entries.iter().map(|entry| (entry.document, entry.number))).await?;
    let mut published = Vec::with_capacity(entries.len());
    for entry in entries {
        let content = contents.get(entry.document, entry.number)?;
        published.extend(Publication::of(entry.document, entry.kind, entry.sheet.clone(), entry.position, content)?);
    }
    Ok(published)
}

#[cfg(test)]
mod tests {
    use chrono::{Duration, TimeZone};
    use proptest::prelude::*;

    use super::*;

    fn moment(minute: i64) -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 1, 15, 0, 0, 0).unwrap() + Duration::minutes(minute)
    }

    fn entry(seq: i64, minute: i64) -> Entry {
        Entry {
            position: Position { seq, at: moment(minute) },
            moment: moment(minute),
            document: Uuid::nil(),
            sheet: None,
            kind: DocumentKind::Country,
            number: None,
            cause: (None, None, None),
        }
    }

    /// Publications at these minutes, each a change, with other changes between them at the minutes that are none.
    fn calendar(minutes: &[(i64, bool)]) -> (Calendar, Vec<Entry>) {
        let changes: Vec<(i64, i64, bool)> =
            (1..).zip(minutes).map(|(seq, (minute, is_of_figures))| (seq, *minute, *is_of_figures)).collect();
        let back = changes.windows(2).filter(|pair| pair[1].1 < pair[0].1);
        let corrections = Corrections(back.map(|pair| Position { seq: pair[1].0, at: moment(pair[1].1) }).collect());
        let entries: Vec<Entry> =
            changes.iter().filter(|change| change.2).map(|(seq, minute, _)| entry(*seq, *minute)).collect();
        let through = i64::try_from(minutes.len()).unwrap();
        let half = entries.len() / 2;
        let first = Calendar::default().with(entries[..half].to_vec(), through / 2, &corrections);
        (first.with(entries[half..].to_vec(), through, &corrections), entries)
    }

    #[test]
    fn what_a_clock_that_was_ahead_called_later_was_published_before_what_came_after_it() {
        let ahead = 400 * 24 * 60;
        let (corrected, _) = calendar(&[(0, true), (ahead, true), (60, false)]);
        let (calendar, _) = calendar(&[(0, true), (ahead, true), (60, true), (120, true)]);
        let moments: Vec<DateTime<Utc>> = calendar.entries.iter().map(|entry| entry.moment).collect();
        assert_eq!(moments, [0, 60, 60, 120].map(moment));
        for (minute, seq) in [(-1, 0), (0, 1), (59, 1), (60, 3), (119, 3), (120, 4), (ahead, 4)] {
            assert_eq!(calendar.seq(moment(minute), 4), seq, "{minute}");
        }
        assert_eq!(calendar.seq(moment(120), 3), 3, "who knows less is told no more");
        // The clock is set right before anything else is published: that is a change, too.
        assert_eq!((corrected.seq(moment(59), 3), corrected.seq(moment(60), 3)), (1, 2));
    }

    proptest! {
        #[test]
        fn a_moment_lies_after_the_last_change_that_was_made_by_then(
            minutes in prop::collection::vec((0..40_i64, any::<bool>()), 0..24),
            at in -1..41_i64,
        ) {
            let (calendar, entries) = calendar(&minutes);
            let moments: Vec<DateTime<Utc>> = calendar.entries.iter().map(|entry| entry.moment).collect();
            prop_assert!(moments.is_sorted());
            let by_then = (1..).zip(&minutes).filter(|(_, (minute, _))| *minute <= at).map(|(seq, _)| seq).max();
            let expected = entries.iter().map(|entry| entry.position.seq).filter(|seq| Some(*seq) <= by_then).max();
            prop_assert_eq!(calendar.seq(moment(at), i64::MAX), expected.unwrap_or_default());
        }
    }
}
