//! Threads for what asks the database again and again and computes in between, as mutations do: a permit of the pool would be
//! kept while it waits, and the threads that answer short requests would be kept while it computes. They have the priority of
//! [`Priority::Normal`].

use std::{sync::OnceLock, thread::available_parallelism};

use tokio::{
    runtime::{Builder, Handle, Runtime, RuntimeFlavor},
    task::JoinSet,
};
use tracing::Instrument;

use super::{Priority, lower_thread_priority};
use crate::error::{Error, Result};

/// On however many cores: one writes at a time, and the others read.
const MOST_THREADS: usize = 4;

/// Made when they are needed; nothing, if the system grants no threads.
#[derive(Default)]
pub(super) struct DatabaseThreads(OnceLock<Option<Runtime>>);

impl DatabaseThreads {
    /// Has `work` done there, and waits for it. It is dropped where it waits when this is dropped. On a runtime of one thread
    /// it is done in place.
    ///
    /// # Errors
    /// When it panics, or the process is shutting down.
    pub(super) async fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Result<T> {
        if Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
            return Ok(work.await);
        }
        let Some(runtime) = self.runtime() else { return Ok(work.await) };
        // A set, since it ends its tasks when it is dropped.
        let mut set = JoinSet::new();
        set.spawn_on(work.in_current_span(), runtime.handle());
        let done = set.join_next().await.ok_or_else(|| Error::internal("the work was not begun"))?;
        done.map_err(Error::internal)
    }

    fn runtime(&self) -> Option<&Runtime> {
        let runtime = self.0.get_or_init(|| {
            let threads = available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
            let runtime = Builder::new_multi_thread()
                .worker_threads(threads)
                .thread_name("database")
                .on_thread_start(|| lower_thread_priority(Priority::Normal))
                .enable_all()
                .build();
            runtime.inspect_err(|error| tracing::warn!(%error, "no threads for what waits for the database")).ok()
        });
        runtime.as_ref()
    }
}

impl Drop for DatabaseThreads {
    fn drop(&mut self) {
        // Nobody waits for what they do any more, and a runtime must not be waited for from within another one.
        if let Some(runtime) = self.0.take().flatten() {
            runtime.shutdown_background();
        }
    }
}
