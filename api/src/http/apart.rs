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

/// Has this thread run when no other one wants to, nearly. Other systems than Linux have no word for that.
fn stand_back() {
    #[cfg(target_os = "linux")]
    {
        use thread_priority::{
            NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy,
            thread_native_id,
        };
        let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
        // A low priority alone is not enough: its turns, though few, are whole time slices of milliseconds.
        if let Err(error) = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle) {
            tracing::warn!(%error, "a thread keeps its priority");
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use thread_priority::{NormalThreadSchedulePolicy, ThreadSchedulePolicy, thread_schedule_policy};

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn what_may_take_long_gets_the_core_when_nobody_else_wants_it() {
        let apart = Apart::default();
        let policy = async |may_take_long| apart.run(may_take_long, async { thread_schedule_policy() }).await;
        let normal = |policy| Ok(ThreadSchedulePolicy::Normal(policy));
        assert_eq!(policy(true).await, normal(NormalThreadSchedulePolicy::Idle));
        assert_eq!(policy(false).await, normal(NormalThreadSchedulePolicy::Other));
    }
}
