//! Work that may take long is done apart from the threads that answer everybody else, and not more of it at once than there
//! are cores: a hostile document costs who sent it time, and nobody else.

use std::thread::available_parallelism;

use tokio::{
    runtime::{Handle, RuntimeFlavor},
    sync::Semaphore,
    task::block_in_place,
};

/// The longest document, in bytes, that is read and answered where it came in.
pub const LONG: usize = 2 * 1024;
/// What a document costs at most that the engine answers where it came in.
pub const DEAR: usize = 5_000;

/// The turns of those who work apart.
pub struct Apart(Semaphore);

impl Default for Apart {
    fn default() -> Self {
        Self(Semaphore::new(available_parallelism().map_or(1, usize::from)))
    }
}

impl Apart {
    /// Does this apart if it `may_take_long`, when there is a turn.
    pub async fn run<T>(&self, may_take_long: bool, work: impl Future<Output = T>) -> T {
        let runtime = Handle::current();
        if !may_take_long || runtime.runtime_flavor() == RuntimeFlavor::CurrentThread {
            return work.await;
        }
        let _turn = self.0.acquire().await;
        // The others that were to go on here go on elsewhere.
        block_in_place(|| runtime.block_on(work))
    }
}
