//! Work that may take long is done apart from the threads that answer everybody else, on threads that stand back for them,
//! and never on all cores at once: a hostile document costs who sent it time, and nobody else.

use std::{sync::OnceLock, thread::available_parallelism};

use rayon_core::{ThreadPool, ThreadPoolBuilder};
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    sync::Semaphore,
    task::block_in_place,
};

/// The longest request, in bytes, that is read and answered where it came in.
pub const LONG: usize = 2 * 1024;
/// What a document costs at most that the engine answers where it came in.
pub const DEAR: usize = 5_000;

/// Where to work apart.
pub struct Apart {
    /// As many as there are threads.
    turns: Semaphore,
    threads: usize,
    /// Made when it is needed; nothing, if the system grants no threads.
    pool: OnceLock<Option<ThreadPool>>,
}

impl Default for Apart {
    fn default() -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        let threads = cores.saturating_sub(1).max(1);
        Self { turns: Semaphore::new(threads), threads, pool: OnceLock::new() }
    }
}

impl Apart {
    /// Does this apart if it `may_take_long`, when there is a turn.
    pub async fn run<T: Send>(&self, may_take_long: bool, work: impl Future<Output = T> + Send) -> T {
        let runtime = Handle::current();
        if !may_take_long || runtime.runtime_flavor() == RuntimeFlavor::CurrentThread {
            return work.await;
        }
        let _turn = self.turns.acquire().await;
        let work = || runtime.block_on(work);
        // The others that were to go on here go on elsewhere.
        block_in_place(|| match self.pool() {
            Some(pool) => pool.install(work),
            None => work(),
        })
    }

    fn pool(&self) -> Option<&ThreadPool> {
        let pool = self.pool.get_or_init(|| {
            let threads = ThreadPoolBuilder::new().num_threads(self.threads).thread_name(|_| "apart".to_owned());
            let pool = threads.start_handler(|_| stand_back()).build();
            pool.inspect_err(|error| tracing::warn!(%error, "no threads for what may take long")).ok()
        });
        pool.as_ref()
    }
}

/// Has this thread run when no other one wants to, nearly. Elsewhere than on Linux a whole process is meant.
fn stand_back() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(19) {
        tracing::warn!(%error, "a thread keeps its priority");
    }
}
