//! One transaction of one actor: what it writes, one change, one audit entry and the stored answer, or nothing.
//!
//! Operations take `&mut Transaction` and never commit. Whoever began it commits it under the name of the mutation or
//! command (`graphql/mutation.rs`, `cli.rs`), or has a refusal recorded in it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, Utc};
use entities::{Version, publication};
use sea_orm::{ActiveValue::Set, DatabaseTransaction, EntityTrait};
use uuid::Uuid;

use crate::{
    access::{
        Actor,
        audit::{self, Mark},
        network::Network,
    },
    change::{self, head},
    database::{self, WriteTransaction},
    delivery::feed,
    error::{Code, Error, Result},
    state::State,
};

/// Both databases bound the parameters of one statement (32,766 on SQLite).
const ROWS_PER_STATEMENT: usize = 1_000;
/// How long an answer waits until what was published is served here. It is published in any case.
const CATCH_UP_PATIENCE: Duration = Duration::from_secs(30);

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
    /// The change, once it is appended.
    appended: Option<i64>,
}

/// What is written when the transaction is committed.
#[derive(Default)]
struct Pending {
    tags: BTreeSet<String>,
    /// By document.
    publications: BTreeMap<Uuid, publication::ActiveModel>,
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
        if state.failure().is_some() {
            return Err(Error::FeedWentBack { seq: state.snapshot().seq });
        }
        let inner = state.database().begin_write().await?;
        let newest = feed::newest(state, &*inner).await?;
        let mut clock = state.now();
        if head::is_from_the_future(clock, newest.as_ref()) {
            // Either the clock was ahead then, or that of this process is behind now.
            clock = state.database_now(&*inner).await?;
        }
        let now = head::moment(clock, newest.as_ref());
        Ok(Self { state: state.clone(), inner, now, actor, origin, pending: Pending::default(), appended: None })
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

    /// What [`Self::reads`] has noted.
    #[must_use]
    pub const fn readings(&self) -> &BTreeSet<(Uuid, Version)> {
        &self.pending.readings
    }

    /// Records what [`Self::reads`] has noted, and nothing else.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn record_readings(self) -> Result<()> {
        if self.pending.readings.is_empty() {
            return Ok(());
        }
        self.write(None).await?.commit().await?;
        Ok(())
    }

    /// Notes what other processes must look at again.
    pub fn tag(&mut self, tags: impl IntoIterator<Item = String>) {
        self.pending.tags.extend(tags);
    }

    /// Notes that a revision became public, or that a document was withdrawn. The number of the change is filled in when
    /// it is known: one change, however many documents it publishes. What is published and withdrawn again by one change
    /// was never seen: what was noted last of a document counts.
    pub(crate) fn publication(&mut self, document: Uuid, publication: publication::ActiveModel) {
        self.pending.publications.insert(document, publication);
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
        self.appended = None;
        database::roll_back_to_savepoint(&self.inner).await
    }

    /// Appends the change, if there is anything for other processes to see, and returns its number: for what has to be
    /// written with the number in it.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn append_change(&mut self) -> Result<Option<i64>> {
        if self.pending.is_change() {
            let number = change::append(&self.inner, self.now, std::mem::take(&mut self.pending.tags)).await?;
            let publications = std::mem::take(&mut self.pending.publications).into_values();
            let rows = publications.map(|row| publication::ActiveModel { change_seq: Set(number), ..row });
            for rows in rows.collect::<Vec<_>>().chunks(ROWS_PER_STATEMENT) {
                publication::Entity::insert_many(rows.iter().cloned()).exec(&*self.inner).await?;
            }
            self.appended = Some(number);
        }
        Ok(self.appended)
    }

    /// Writes the change and the audit entry, commits, and returns when this process serves what was published.
    /// `action` is the name of the mutation or command.
    ///
    /// # Errors
    /// As of [`Transaction::commit_change`].
    pub async fn commit(self, action: &'static str) -> Result<()> {
        self.commit_change(action).await.map(drop)
    }

    /// As [`Transaction::commit`]; returns the number of the change, if there was anything for other processes to see.
    ///
    /// # Errors
    /// When the database cannot be written; then nothing is. [`Error::OutcomeUnknown`] when it did not confirm the commit
    /// and could not be asked.
    pub async fn commit_change(self, action: &'static str) -> Result<Option<i64>> {
        self.prepare(action, None).await?.commit().await
    }

    /// Records that the action was refused, and commits what stood at the last checkpoint.
    ///
    /// # Errors
    /// As of [`Transaction::commit_change`].
    pub async fn refuse(self, action: &'static str, code: Code) -> Result<()> {
        self.prepare_refusal(action, code).await?.commit().await.map(drop)
    }

    /// Notes for the audit log that this was done, or refused, by whoever acts now and to what the transaction is about now.
    /// For transactions of several actors: [`Transaction::commit_recorded`] ends them.
    pub(crate) fn record(&mut self, action: &'static str, refused: Option<Code>) {
        self.pending.entries.push(self.entry(action, refused));
    }

    /// As [`Transaction::commit`], with the audit entries that were noted and no other.
    ///
    /// # Errors
    /// As of [`Transaction::commit_change`].
    pub(crate) async fn commit_recorded(self) -> Result<()> {
        self.write(None).await?.commit().await.map(drop)
    }

    /// As [`Transaction::refuse`], but for the commit.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn prepare_refusal(mut self, action: &'static str, code: Code) -> Result<Prepared> {
        self.roll_back().await?;
        self.prepare(action, Some(code)).await
    }

    /// Writes everything that is still to be written. Only the commit is left.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn prepare(self, action: &'static str, refused: Option<Code>) -> Result<Prepared> {
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

    async fn write(mut self, entry: Option<audit::Entry>) -> Result<Prepared> {
        let change = self.append_change().await?;
        let readings: Vec<audit::Entry> = self.pending.readings.iter().map(|reading| self.reading(*reading)).collect();
        let Self { state, inner, now, pending, .. } = self;
        let mut mark = None;
        for entry in readings.into_iter().chain(pending.entries).chain(entry) {
            mark = Some(audit::record(&inner, now, entry).await?);
        }
        Ok(Prepared { state, inner, mark, change })
    }
}

/// A transaction in which everything is written. It has time limits of its own: one that is cut off while it commits
/// leaves nobody who knows what became of it.
#[must_use]
pub struct Prepared {
    state: State,
    inner: WriteTransaction,
    /// The last audit entry: when it is there, so is everything.
    mark: Option<Mark>,
    change: Option<i64>,
}

impl Prepared {
    /// Commits, and returns when this process serves what was published: the number of the change, if there was one.
    ///
    /// # Errors
    /// When the database does not carry it out; [`Error::OutcomeUnknown`] when it did not confirm it and could not be asked.
    pub async fn commit(self) -> Result<Option<i64>> {
        let Self { state, inner, mark, change } = self;
        if let Err(error) = inner.commit().await {
            let mark = mark.ok_or_else(|| error.clone())?;
            // Boxed, as below: most commits succeed, and a future is moved with everything that it may ever hold.
            Box::pin(find_out(&state, &mark, error)).await?;
        }
        if let Some(seq) = change
            && let Err(error) = database::in_time(CATCH_UP_PATIENCE, Box::pin(state.catch_up(&[seq], None))).await
        {
            // The write is done and durable; the feed brings it into memory when the database answers again.
            tracing::warn!(error = %error, seq, "published, but not yet served");
        }
        Ok(change)
    }
}

/// Finds out what became of a commit that failed, in a transaction of its own, on another connection: when that has begun,
/// the one before is over. What was committed all the same is no error.
async fn find_out(state: &State, mark: &Mark, error: Error) -> Result<()> {
    if error.database().is_some_and(database::was_in_no_transaction) {
        // What was written last may be there, and the rest is not.
        return Err(error);
    }
    let asking = async {
        let transaction = state.database().begin_write().await?;
        let is_committed = audit::contains(&*transaction, mark).await?;
        if !is_committed && error.database().is_some_and(database::may_be_in_log) {
            // A crash would bring it back. Something else takes its place.
            transaction.overwrite().await?;
        }
        Ok::<_, Error>(is_committed)
    };
    match asking.await {
        Ok(true) => Ok(()),
        Ok(false) => Err(error),
        Err(unanswered) => {
            let source = &unanswered as &dyn std::error::Error;
            tracing::error!(error = source, audit_entry = mark.seq, "it is not known whether this entry was committed");
            Err(Error::OutcomeUnknown(Arc::new(error)))
        }
    }
}
