//! What a running Almanac holds: settings, database, clock, randomness, keys, and the published content in memory.
//!
//! Built once, cloned cheaply, passed in everywhere. Nothing else reads the clock, the environment or the system's
//! random numbers (`clippy.toml`).

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicI64, Ordering},
};

use arc_swap::ArcSwap;
use chrono::{DateTime, SubsecRound, TimeZone, Utc};
use rand::{Rng, SeedableRng, TryRng, rngs::StdRng, rngs::SysRng};
use sea_orm::ConnectionTrait;
use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    access::{
        api_token::memory::{self, ApiTokens, Uses},
        issuer::Issuers,
        key::{self, KeyRing},
        quota::Quota,
        throttle::Throttle,
    },
    change::{self, StableUntil, head},
    compute_pool::ComputePool,
    config::Config,
    content::body::Bodies,
    database::{self, Database},
    delivery::{
        answer::Answers,
        documents::{self, Documents},
        feed::Feed,
        reading::Reading,
        response_memory::ResponseMemory,
        snapshot::Snapshot,
    },
    document::preview::Previews,
    error::{Error, Result},
};

/// How many texts of pages are in memory before the first request is answered; the others follow.
const READY_BODIES: u64 = 200;

/// The state of one process.
#[derive(Clone)]
pub struct State(Arc<Inner>);

struct Inner {
    config: Config,
    database: Database,
    clock: Clock,
    random: Random,
    keys: ArcSwap<KeyRing>,
    api_tokens: ArcSwap<ApiTokens>,
    uses: Uses,
    documents: ArcSwap<Documents>,
    snapshot: ArcSwap<Snapshot>,
    bodies: Arc<Bodies>,
    answers: Answers,
    response_memory: Arc<ResponseMemory>,
    // Held while the snapshot is rebuilt, so that many writers at once cost few rebuilds.
    rebuild: tokio::sync::Mutex<()>,
    feed: Feed,
    throttle: Throttle,
    quota: Quota,
    issuers: Issuers,
    previews: Previews,
    compute_pool: ComputePool,
    /// Why the process cannot go on.
    failure: watch::Sender<Option<Arc<str>>>,
}

impl State {
    /// A state over a migrated database that has its keys; reads what is published.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn open(config: Config, database: Database, clock: Clock, random: Random) -> Result<Self> {
        let keys = KeyRing::load(&database).await?;
        let opened = clock.now();
        let stable = change::stable_until(&database).await?;
        let snapshot = Snapshot::load(&database, opened, stable).await?;
        snapshot.figures.vintages.past().set_budget(config.earlier_figures_bytes);
        let head = head::find(database.reader(), snapshot.seq).await?;
        let documents = Documents::load(&database).await?;
        let bodies = Bodies::new(config.page_body_bytes);
        let compute_pool = ComputePool::default();
        let answers = Answers::new(config.response_cache_bytes, compute_pool.clone());
        let response_memory = ResponseMemory::new(config.max_response_bytes, config.response_cache_bytes);
        bodies.fill(database.reader(), Some(READY_BODIES)).await?;
        let throttle = Throttle::new(clock.clone());
        let quota = Quota::new(config.rate_limit, database.shared().is_some());
        let issuers = Issuers::read(config.trusted_issuers.as_deref()).map_err(Error::internal)?;
        let api_tokens = ApiTokens::load(&database, &issuers, opened).await?;
        Ok(Self(Arc::new(Inner {
            config,
            database,
            clock,
            random,
            keys: ArcSwap::from_pointee(keys),
            api_tokens: ArcSwap::from_pointee(api_tokens),
            uses: Uses::default(),
            documents: ArcSwap::from_pointee(documents),
            snapshot: ArcSwap::from_pointee(snapshot),
            bodies: Arc::new(bodies),
            answers,
            response_memory: Arc::new(response_memory),
            rebuild: tokio::sync::Mutex::default(),
            feed: Feed::new(opened, head),
            throttle,
            quota,
            issuers,
            previews: Previews::default(),
            compute_pool,
            failure: watch::Sender::new(None),
        })))
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.0.database
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.0.clock.now()
    }

    /// Random numbers.
    #[must_use]
    pub fn random(&self) -> &Random {
        &self.0.random
    }

    /// A new UUID version 7: ordered by the clock.
    #[must_use]
    pub fn new_id(&self) -> Uuid {
        let millis = u64::try_from(self.now().timestamp_millis()).unwrap_or_default();
        uuid::Builder::from_unix_timestamp_millis(millis, &self.random().bytes()).into_uuid()
    }

    /// The keys that sign and verify.
    #[must_use]
    pub fn keys(&self) -> Arc<KeyRing> {
        self.0.keys.load_full()
    }

    /// The API tokens that work, as far as this process has heard.
    #[must_use]
    pub fn api_tokens(&self) -> Arc<ApiTokens> {
        self.0.api_tokens.load_full()
    }

    /// The uses of API tokens and foreign accounts that are to be written down.
    #[must_use]
    pub fn uses(&self) -> &Uses {
        &self.0.uses
    }

    /// The limits on attempts to sign in.
    #[must_use]
    pub fn throttle(&self) -> &Throttle {
        &self.0.throttle
    }

    /// Where whatever takes long is done.
    #[must_use]
    pub fn compute_pool(&self) -> &ComputePool {
        &self.0.compute_pool
    }

    /// How much each caller may ask for.
    #[must_use]
    pub fn quota(&self) -> &Quota {
        &self.0.quota
    }

    /// The identity providers whose tokens are taken beside ours.
    #[must_use]
    pub fn issuers(&self) -> &Issuers {
        &self.0.issuers
    }

    /// What was previewed lately.
    #[must_use]
    pub fn previews(&self) -> &Previews {
        &self.0.previews
    }

    /// The documents that front ends run by name.
    #[must_use]
    pub fn documents(&self) -> Arc<Documents> {
        self.0.documents.load_full()
    }

    /// What the public may read, as of one change.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.0.snapshot.load_full()
    }

    /// What a request reads of this state.
    #[must_use]
    pub fn reading_of(&self, snapshot: Arc<Snapshot>) -> Reading {
        Reading::new(snapshot, Arc::clone(&self.0.bodies))
    }

    /// What was answered lately.
    #[must_use]
    pub fn answers(&self) -> &Answers {
        &self.0.answers
    }

    /// The memory for responses that are being written or sent.
    #[must_use]
    pub fn response_memory(&self) -> &Arc<ResponseMemory> {
        &self.0.response_memory
    }

    /// The texts of pages that are in memory.
    #[must_use]
    pub fn bodies(&self) -> &Bodies {
        &self.0.bodies
    }

    /// What the process knows of its place in the change feed.
    #[must_use]
    pub fn feed(&self) -> &Feed {
        &self.0.feed
    }

    /// Brings keys, API tokens, trusted documents and snapshot up to date, unless these changes are in memory already, and known
    /// to be stable as far as they are. The one way by which what is served moves on: it passes over no gap but by `stable`.
    ///
    /// # Errors
    /// When the database cannot be read; what was published before is served on.
    pub async fn catch_up(&self, changes: &[i64], stable: Option<StableUntil>) -> Result<()> {
        let _rebuilding = self.0.rebuild.lock().await;
        let seen = self.snapshot();
        let is_here = changes.iter().all(|seq| seen.contains(*seq));
        if !is_here || stable.is_some_and(|stable| stable.seq() > seen.seq) {
            let next = seen.advance(self.database(), self.bodies(), self.now(), stable).await?;
            // First what the state needs: what is passed over here is never looked at again.
            if next.has_changed(key::TAG, seen.seq) {
                self.0.keys.store(Arc::new(KeyRing::load(self.database()).await?));
            }
            if next.has_changed(memory::TAG, seen.seq) {
                let api_tokens = ApiTokens::load(self.database(), self.issuers(), self.now()).await?;
                self.0.api_tokens.store(Arc::new(api_tokens));
            }
            if next.has_changed(documents::TAG, seen.seq) {
                self.0.documents.store(Arc::new(Documents::load(self.database()).await?));
            }
            let seq = next.seq;
            self.0.snapshot.store(Arc::new(next));
            self.0.feed.remember(head::find(self.database().reader(), seq).await?);
        }
        Ok(())
    }

    /// The time as the database tells it, where it is a server with a clock of its own; else the time.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn database_now(&self, connection: &impl ConnectionTrait) -> Result<DateTime<Utc>> {
        match self.0.clock {
            Clock::System => Ok(database::clock(connection).await?.unwrap_or_else(|| self.now())),
            Clock::Manual(_) => Ok(self.now()),
        }
    }

    /// Notes that the process cannot go on, and why: it writes nothing any more, tells whoever asks for its health, and ends.
    /// What it was first is what it stays.
    pub fn give_up(&self, reason: &str) {
        self.0.failure.send_if_modified(|failure| {
            let is_first = failure.is_none();
            if is_first {
                tracing::error!(reason, "this process cannot go on");
                *failure = Some(reason.into());
            }
            is_first
        });
    }

    /// Why the process cannot go on, if it cannot.
    #[must_use]
    pub fn failure(&self) -> Option<Arc<str>> {
        self.0.failure.borrow().clone()
    }

    /// Waits until the process cannot go on, and says why.
    pub async fn failed(&self) -> Arc<str> {
        let mut failure = self.0.failure.subscribe();
        match failure.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            // There is a sender for as long as there is a state.
            Err(_) => Arc::default(),
        }
    }
}

/// The time: the system's, or a test's.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The system's clock.
    System,
    /// Stands still until it is moved; holds Unix milliseconds.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at `start`.
    #[must_use]
    pub fn manual(start: DateTime<Utc>) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(start.timestamp_millis())))
    }

    /// Moves a manual clock; the system's clock goes its own way.
    pub fn advance(&self, by: chrono::Duration) {
        if let Self::Manual(millis) = self {
            millis.fetch_add(by.num_milliseconds(), Ordering::SeqCst);
        }
    }

    /// The time, to the millisecond: both databases keep at least that.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        match self {
            #[expect(clippy::disallowed_methods, reason = "the one place that reads the system's clock")]
            Self::System => Utc::now().trunc_subsecs(3),
            Self::Manual(millis) => {
                Utc.timestamp_millis_opt(millis.load(Ordering::SeqCst)).single().unwrap_or_default()
            }
        }
    }
}

/// A cryptographically secure generator, seeded once.
#[derive(Debug)]
pub struct Random(Mutex<StdRng>);

impl Random {
    /// Seeded by the operating system.
    ///
    /// # Errors
    /// When the operating system has no random numbers to give.
    pub fn from_system() -> Result<Self> {
        let mut seed = <StdRng as SeedableRng>::Seed::default();
        SysRng.try_fill_bytes(&mut seed).map_err(Error::internal)?;
        Ok(Self(Mutex::new(StdRng::from_seed(seed))))
    }

    /// `N` random bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut bytes);
        bytes
    }
}
