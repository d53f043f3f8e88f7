//! One transaction of one actor: what it writes, one change, one audit entry and the stored answer, or nothing.
//!
//! Operations take `&mut Transaction` and never commit. Whoever began it commits it under the name of the mutation or
//! command (`graphql/mutation.rs`, `cli.rs`), or has a refusal recorded in it.

use std::{collections::BTreeSet, sync::Arc};

use chrono::{DateTime, Utc};
use entities::{Version, publication};
use sea_orm::{ActiveValue::Set, DatabaseTransaction, EntityTrait};
use uuid::Uuid;

use crate::{
    access::{Actor, audit, network::Network},
    change,
    database::{self, WriteTransaction},
    error::{Code, Result},
    state::State,
};

/// Both databases bound the parameters of one statement (32,766 on SQLite).
const ROWS_PER_STATEMENT: usize = 1_000;

/// Where a request came from. Empty at the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The name of the request in the log.
    pub request_id: Option<Arc<str>>,
    /// The network of the client.
    pub network: Network,
    /// The API token that was used, if one was.
    pub api_token: Option<Uuid>,
}

/// An open transaction. Everything is rolled back when it is dropped without [`Transaction::commit`].
pub struct Transaction {
    state: State,
    inner: WriteTransaction,
    now: DateTime<Utc>,
    actor: Actor,
    origin: Origin,
    pending: Pending,
}

/// What is written when the transaction is committed.
#[derive(Default)]
struct Pending {
    tags: BTreeSet<String>,
    publications: Vec<publication::ActiveModel>,
    subject: Option<(Uuid, Version)>,
    target: Option<(&'static str, Uuid)>,
    /// Audit entries beside the one of the mutation or command.
    entries: Vec<audit::Entry>,
    /// Versions of year sheets that were read though the policy hides some of their figures from the public.
    readings: BTreeSet<(Uuid, Version)>,
}

impl Pending {
    fn is_change(&self) -> bool {
        !self.publications.is_empty() || !self.tags.is_empty()
    }
}

impl Transaction {
    /// Waits for the other writers and begins.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn begin(state: &State, actor: Actor, origin: Origin) -> Result<Self> {
        let inner = state.database().begin_write().await?;
        let now = state.now();
        Ok(Self { state: state.clone(), inner, now, actor, origin, pending: Pending::default() })
    }

    /// To read and write with.
    #[must_use]
    pub fn connection(&self) -> &DatabaseTransaction {
        &self.inner
    }

    /// The state of the process.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// When everything in this transaction happens.
    #[must_use]
    pub const fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// Who writes.
    #[must_use]
    pub const fn actor(&self) -> Actor {
        self.actor
    }

    /// From here on it is known who writes.
    pub(crate) const fn acts_as(&mut self, actor: Actor) {
        self.actor = actor;
    }

    /// What happens from here on happens by a schedule or the like that was made with this API token.
    pub(crate) const fn acts_with(&mut self, api_token: Option<Uuid>) {
        self.origin.api_token = api_token;
    }

    /// What the transaction is about, for the audit log, when it is about one document. What is said last counts, also
    /// when the rest is taken back.
    pub const fn about(&mut self, document: Uuid, version: Version) {
        self.pending.subject = Some((document, version));
    }

    /// What the transaction is about beside a document, for the audit log: the name of its type in the API, and its id. What is
    /// said last counts, also when the rest is taken back.
    pub const fn targets(&mut self, type_name: &'static str, id: Uuid) {
        self.pending.target = Some((type_name, id));
    }

    /// Notes for the audit log that the answer tells what this version of a year sheet holds, where the policy in force hides
    /// figures. It is recorded even if what was written is taken back, as in a dry run.
    pub fn reads(&mut self, document: Uuid, version: Version) {
        if self.state.snapshot().figures.policy.hides() {
            self.pending.readings.insert((document, version));
        }
    }

    /// Notes what other processes must look at again.
    pub fn tag(&mut self, tags: impl IntoIterator<Item = String>) {
        self.pending.tags.extend(tags);
    }

    /// Notes that a revision became public, or that a document was withdrawn. The number of the change is filled in when
    /// it is known: one change, however many documents it publishes.
    pub(crate) fn publication(&mut self, publication: publication::ActiveModel) {
        self.pending.publications.push(publication);
    }

    /// What was written so far stays, even when the rest is refused.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn checkpoint(&mut self) -> Result<()> {
        database::savepoint(&self.inner).await
    }

    /// Takes back what was written since the last checkpoint.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn roll_back(&mut self) -> Result<()> {
        let Pending { subject, target, .. } = self.pending;
        // What was read is known, whatever becomes of what was written.
        let readings = std::mem::take(&mut self.pending.readings);
        self.pending = Pending { subject, target, readings, ..Pending::default() };
        database::roll_back_to_savepoint(&self.inner).await
    }

    /// Writes the change and the audit entry, commits, and returns when this process serves what was published.
    /// `action` is the name of the mutation or command.
    ///
    /// # Errors
    /// When the database cannot be written; then nothing is.
    pub async fn commit(self, action: &'static str) -> Result<()> {
        self.end(action, None).await.map(drop)
    }

    /// As [`Transaction::commit`]; returns the number of the change, if there was anything for other processes to see.
    ///
    /// # Errors
    /// When the database cannot be written; then nothing is.
    pub async fn commit_change(self, action: &'static str) -> Result<Option<i64>> {
        self.end(action, None).await
    }

    /// The number that the change will have, if there is anything for other processes to see so far.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn upcoming_change(&self) -> Result<Option<i64>> {
        if self.pending.is_change() { Ok(Some(change::latest(&*self.inner).await? + 1)) } else { Ok(None) }
    }

    /// Records that the action was refused, and commits what stood at the last checkpoint.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn refuse(mut self, action: &'static str, code: Code) -> Result<()> {
        self.roll_back().await?;
        self.end(action, Some(code)).await.map(drop)
    }

    /// Notes for the audit log that this was done, or refused, by whoever acts now and to what the transaction is about now.
    /// For transactions of several actors: [`Transaction::commit_recorded`] ends them.
    pub(crate) fn record(&mut self, action: &'static str, refused: Option<Code>) {
        self.pending.entries.push(self.entry(action, refused));
    }

    /// As [`Transaction::commit`], with the audit entries that were noted and no other.
    ///
    /// # Errors
    /// When the database cannot be written; then nothing is.
    pub(crate) async fn commit_recorded(self) -> Result<()> {
        self.write(None).await.map(drop)
    }

    async fn end(self, action: &'static str, refused: Option<Code>) -> Result<Option<i64>> {
        let entry = self.entry(action, refused);
        self.write(Some(entry)).await
    }

    fn reading(&self, subject: (Uuid, Version)) -> audit::Entry {
        let (actor, origin) = (self.actor, self.origin.clone());
        let action = audit::CONFIDENTIAL_READING;
        audit::Entry { actor, action, refused: None, subject: Some(subject), target: None, origin }
    }

    fn entry(&self, action: &'static str, refused: Option<Code>) -> audit::Entry {
        let Pending { subject, target, .. } = self.pending;
        audit::Entry { actor: self.actor, action, refused, subject, target, origin: self.origin.clone() }
    }

    async fn write(self, entry: Option<audit::Entry>) -> Result<Option<i64>> {
        let is_change = self.pending.is_change();
        let readings: Vec<audit::Entry> = self.pending.readings.iter().map(|reading| self.reading(*reading)).collect();
        let Pending { tags, publications, entries, .. } = self.pending;
        let mut seq = None;
        if is_change {
            let number = change::append(&self.inner, self.now, tags).await?;
            for publications in publications.chunks(ROWS_PER_STATEMENT) {
                let rows = publications
                    .iter()
                    .map(|publication| publication::ActiveModel { change_seq: Set(number), ..publication.clone() });
                publication::Entity::insert_many(rows).exec(&*self.inner).await?;
            }
            seq = Some(number);
        }
        for entry in readings.into_iter().chain(entries).chain(entry) {
            audit::record(&self.inner, self.now, entry).await?;
        }
        self.inner.commit().await?;
        if let Some(seq) = seq
            && let Err(error) = self.state.catch_up(seq).await
        {
            // The write is done and durable; the feed brings it into memory when the database answers again.
            tracing::warn!(error = %error, seq, "published, but not yet served");
        }
        Ok(seq)
    }
}
