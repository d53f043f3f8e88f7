//! The compute pool: whatever takes long runs here, a few jobs at a time, so that it can neither fill the memory nor keep
//! the threads that answer short requests.
//!
//! A job waits for a permit in a fair queue (`queue`) and is refused with [`Error::Overloaded`] when the queue is full.
//! The permit belongs to the job, not to the request: a client that hangs up leaves the queue, but a job that has begun
//! keeps its permit until it ends. [`ComputePool::run`] tells such a job that nobody waits for it, so that it can stop.
//!
//! A job must not ask for another permit: it would wait for itself.

mod database_threads;
mod queue;

use std::{
    fmt,
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::available_parallelism,
};

use rayon_core::{ThreadPool, ThreadPoolBuilder};
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    sync::{Notify, oneshot},
    task::{block_in_place, spawn_blocking},
};
use tracing::Instrument;
use uuid::Uuid;

use self::{
    database_threads::DatabaseThreads,
    queue::{Bounds, FairQueue},
};
use crate::{
    access::{Caller, network::Network, quota::Subject},
    error::{Error, Result},
};

/// Jobs that wait, by client and in total.
pub const WAITING: Bounds = Bounds { client: 64, total: 512 };
/// Jobs of each priority that run at once at most, on however many cores: each may take some tens of megabytes.
const MOST_IDLE: usize = 4;
const MOST_NORMAL: usize = 2;

/// Which threads do a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// Threads that run after those that answer short requests: for jobs of editors, and for passwords.
    Normal,
    /// Threads that run when no other one wants to: for jobs that anybody can cause.
    Idle,
}

impl Priority {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Normal, Self::Idle];

    /// Its name in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Idle => "idle",
        }
    }
}

/// Who takes turns with others for permits: an account, an API token, or a network.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Client(Option<Subject>);

impl Client {
    /// The process itself.
    pub const PROCESS: Self = Self(None);

    /// The client that sends a request.
    #[must_use]
    pub fn of(caller: &Caller) -> Self {
        Self(Some(Subject::of(caller)))
    }

    /// What an account does, also through those whom it has given a link.
    #[must_use]
    pub fn account(id: Uuid) -> Self {
        Self(Some(Subject::Account(id)))
    }

    /// Whoever is in a network, for a request that only its network tells apart.
    #[must_use]
    pub fn in_network(network: Network) -> Self {
        Self(Some(Subject::Network(network)))
    }
}

/// The pool. Cloned cheaply: all clones are the same pool.
#[derive(Clone)]
pub struct ComputePool(Arc<Inner>);

struct Inner {
    lanes: Mutex<Lanes>,
    permits: [usize; 2],
    /// Those of each priority, made when they are needed; nothing, if the system grants no threads.
    threads: [OnceLock<Option<ThreadPool>>; 2],
    database_threads: DatabaseThreads,
    refused: AtomicU64,
    abandoned: AtomicU64,
    /// Told whenever the load changes.
    changed: Notify,
}

/// What each priority has.
struct Lanes {
    free: [usize; 2],
    waiting: [FairQueue<Client, oneshot::Sender<Permit>>; 2],
}

/// What the pool is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Jobs of a priority that may run at once.
    pub permits: usize,
    /// Permits that are out: jobs that run.
    pub running: usize,
    /// Jobs that wait for a permit.
    pub waiting: usize,
}

impl Default for ComputePool {
    fn default() -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        // A core is left for those who ask for little.
        Self::with_permits((cores / 2).clamp(1, MOST_NORMAL), cores.saturating_sub(1).clamp(1, MOST_IDLE))
    }
}

impl ComputePool {
    fn with_permits(normal: usize, idle: usize) -> Self {
        let permits = [normal, idle];
        let waiting = [FairQueue::new(WAITING), FairQueue::new(WAITING)];
        Self(Arc::new(Inner {
            lanes: Mutex::new(Lanes { free: permits, waiting }),
            permits,
            threads: [OnceLock::new(), OnceLock::new()],
            database_threads: DatabaseThreads::default(),
            refused: AtomicU64::new(0),
            abandoned: AtomicU64::new(0),
            changed: Notify::new(),
        }))
    }

    /// Waits for a permit, in turn with other clients. Whoever stops waiting leaves the queue.
    ///
    /// # Errors
    /// [`Error::Overloaded`] when too many wait already.
    pub async fn acquire(&self, priority: Priority, client: &Client) -> Result<Permit> {
        let refuse = || {
            self.0.refused.fetch_add(1, Ordering::Relaxed);
            Error::Overloaded
        };
        let (granted, id) = {
            let mut lanes = self.0.lanes();
            let lane = priority as usize;
            if lanes.free[lane] > 0 {
                lanes.free[lane] -= 1;
                drop(lanes);
                self.0.changed.notify_waiters();
                return Ok(Permit { pool: Some(Arc::clone(&self.0)), priority });
            }
            let (grant, granted) = oneshot::channel();
            let id = lanes.waiting[lane].push(client, grant);
            drop(lanes);
            self.0.changed.notify_waiters();
            (granted, id.ok_or_else(refuse)?)
        };
        let mut place = Place { pool: &self.0, priority, client, id, granted };
        // A place that is given to another client ends like this, too.
        (&mut place.granted).await.map_err(|_| refuse())
    }

    /// Has `work` done on a thread of this priority, and waits for it. When the client hangs up, what has begun keeps its
    /// permit until it is done, and is told by [`Cancellation`] that it may stop.
    ///
    /// # Errors
    /// [`Error::Overloaded`] when too many wait already; when the work panics, or the process is shutting down.
    pub async fn run<T: Send + 'static>(
        &self,
        priority: Priority,
        client: &Client,
        work: impl FnOnce(&Cancellation) -> T + Send + 'static,
    ) -> Result<T> {
        let permit = self.acquire(priority, client).await?;
        let cancellation = Cancellation::default();
        let mut on_hang_up = CancelOnDrop { pool: Some(&self.0), cancellation: cancellation.clone() };
        let (tell, told) = oneshot::channel();
        let job = move || {
            let outcome = (!cancellation.is_cancelled()).then(|| work(&cancellation));
            drop(permit);
            if let Some(outcome) = outcome {
                // Nobody may be left to hear it.
                let _ = tell.send(outcome);
            }
        };
        match self.0.threads(priority) {
            Some(threads) => threads.spawn(job),
            None => drop(spawn_blocking(job)),
        }
        let outcome = told.await;
        on_hang_up.pool = None;
        outcome.map_err(Error::internal)
    }

    /// [`ComputePool::run`] for work that may wait for the database.
    ///
    /// # Errors
    /// The same.
    pub async fn run_async<T: Send + 'static, F: Future<Output = T>>(
        &self,
        priority: Priority,
        client: &Client,
        work: impl FnOnce(Cancellation) -> F + Send + 'static,
    ) -> Result<T> {
        let (runtime, span) = (Handle::current(), tracing::Span::current());
        let work = move |cancellation: &Cancellation| runtime.block_on(work(cancellation.clone()).instrument(span));
        self.run(priority, client, work).await
    }

    /// Works on `work`, which may borrow, on a thread of this priority. A client that hangs up is noticed only when it is
    /// done.
    ///
    /// # Errors
    /// [`Error::Overloaded`] when too many wait already.
    pub async fn run_in_place<T: Send>(
        &self,
        priority: Priority,
        client: &Client,
        work: impl Future<Output = T> + Send,
    ) -> Result<T> {
        let permit = self.acquire(priority, client).await?;
        let runtime = Handle::current();
        if runtime.runtime_flavor() == RuntimeFlavor::CurrentThread {
            let outcome = work.await;
            drop(permit);
            return Ok(outcome);
        }
        let work = || runtime.block_on(work);
        // The others that were to go on here go on elsewhere.
        let outcome = block_in_place(|| match self.0.threads(priority) {
            Some(threads) => threads.install(work),
            None => work(),
        });
        drop(permit);
        Ok(outcome)
    }

    /// Has work done that waits for the database again and again, without a permit, on threads of its own. It ends where it
    /// waits when the client hangs up.
    ///
    /// # Errors
    /// When it panics, or the process is shutting down.
    pub async fn run_with_database<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T> {
        self.0.database_threads.run(work).await
    }

    /// What the jobs of this priority are doing.
    #[must_use]
    pub fn load(&self, priority: Priority) -> Load {
        let lanes = self.0.lanes();
        let (lane, permits) = (priority as usize, self.0.permits[priority as usize]);
        Load { permits, running: permits - lanes.free[lane], waiting: lanes.waiting[lane].len() }
    }

    /// Waits until the load of this priority is so.
    pub async fn until(&self, priority: Priority, is_so: impl Fn(Load) -> bool) {
        loop {
            let mut changed = pin!(self.0.changed.notified());
            changed.as_mut().enable();
            if is_so(self.load(priority)) {
                return;
            }
            changed.await;
        }
    }

    /// How many jobs were refused for want of room, and how many lost their client after they had begun.
    #[must_use]
    pub fn refused_and_abandoned(&self) -> (u64, u64) {
        (self.0.refused.load(Ordering::Relaxed), self.0.abandoned.load(Ordering::Relaxed))
    }
}

impl Inner {
    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a permit on to the next who waits.
    fn release(self: Arc<Self>, priority: Priority) {
        let lane = priority as usize;
        loop {
            let next = {
                let mut lanes = self.lanes();
                let next = lanes.waiting[lane].pop();
                if next.is_none() {
                    lanes.free[lane] += 1;
                }
                next
            };
            self.changed.notify_waiters();
            let Some(grant) = next else { return };
            match grant.send(Permit { pool: Some(Arc::clone(&self)), priority }) {
                Ok(()) => return,
                // That one stopped waiting just now.
                Err(mut permit) => permit.pool = None,
            }
        }
    }

    fn threads(&self, priority: Priority) -> Option<&ThreadPool> {
        let threads = self.threads[priority as usize].get_or_init(|| {
            let threads = ThreadPoolBuilder::new()
                .num_threads(self.permits[priority as usize])
                .thread_name(move |_| format!("compute-{}", priority.as_str()))
                .start_handler(move |_| lower_thread_priority(priority))
                // The job ends; who waits for it learns that it gave no result.
                .panic_handler(|_| tracing::error!("a job of the compute pool panicked"))
                .build();
            threads.inspect_err(|error| tracing::warn!(%error, "no threads for what may take long")).ok()
        });
        threads.as_ref()
    }
}

/// Leave to run one job. Dropped, it goes to the next who waits.
pub struct Permit {
    pool: Option<Arc<Inner>>,
    priority: Priority,
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.take() {
            pool.release(self.priority);
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("priority", &self.priority).finish_non_exhaustive()
    }
}

/// A place in the queue, which is left when nobody waits any more.
struct Place<'a> {
    pool: &'a Inner,
    priority: Priority,
    client: &'a Client,
    id: u64,
    granted: oneshot::Receiver<Permit>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let removed = self.pool.lanes().waiting[self.priority as usize].remove(self.client, self.id);
        // A permit that was granted and not received goes back with `granted`.
        if removed.is_some() {
            self.pool.changed.notify_waiters();
        }
    }
}

/// Whether a job has lost its client.
#[derive(Clone, Debug, Default)]
pub struct Cancellation(Arc<AtomicBool>);

impl Cancellation {
    /// Whether nobody waits for the outcome.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Tells the job that nobody waits for the outcome any more.
    pub(crate) fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Nothing, as long as somebody waits for the outcome.
    ///
    /// # Errors
    /// When nobody does; nobody reads the error either.
    pub fn check(&self) -> Result<()> {
        if self.is_cancelled() { Err(Error::internal("the client has hung up")) } else { Ok(()) }
    }
}

struct CancelOnDrop<'a> {
    /// Nothing once the outcome is there.
    pool: Option<&'a Inner>,
    cancellation: Cancellation,
}

impl Drop for CancelOnDrop<'_> {
    fn drop(&mut self) {
        if let Some(pool) = self.pool {
            self.cancellation.cancel();
            pool.abandoned.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Has this thread run after those that answer short requests; at idle priority, when no other one wants to, nearly. Other
/// systems than Linux have no word for that.
#[cfg_attr(not(target_os = "linux"), expect(unused_variables, reason = "only Linux has a word for it"))]
fn lower_thread_priority(priority: Priority) {
    #[cfg(target_os = "linux")]
    {
        use thread_priority::{
            NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy,
            thread_native_id,
        };
        // For idle jobs a low priority alone is not enough: its turns, though few, are whole time slices of milliseconds.
        let (policy, niceness) = match priority {
            // A niceness of 9, an eighth of the time where others want it, too.
            Priority::Normal => (
                NormalThreadSchedulePolicy::Other,
                24.try_into().map_or(ThreadPriority::Min, ThreadPriority::Crossplatform),
            ),
            Priority::Idle => (NormalThreadSchedulePolicy::Idle, ThreadPriority::Min),
        };
        let policy = ThreadSchedulePolicy::Normal(policy);
        if let Err(error) = set_thread_priority_and_policy(thread_native_id(), niceness, policy) {
            tracing::warn!(%error, "a thread keeps its priority");
        }
    }
}

#[cfg(test)]
mod tests;
