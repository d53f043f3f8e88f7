//! A compute pool that is busy, for as long as a test wants it to be.

use api::{
    access::network::Network,
    compute_pool::{Client, ComputePool, Permit, Priority},
};
use tokio::task::JoinSet;

/// Holds every permit of a priority, and places in its queue.
pub struct Crowd {
    permits: Vec<Permit>,
    waiting: JoinSet<()>,
}

impl Crowd {
    /// Takes every permit, so that whatever comes next waits until the crowd is dropped.
    pub async fn take_permits(pool: &ComputePool, priority: Priority) -> Self {
        let mut permits = Vec::new();
        for _ in 0..pool.load(priority).permits {
            permits.push(pool.acquire(priority, &Client::PROCESS).await.expect("a permit"));
        }
        Self { permits, waiting: JoinSet::new() }
    }

    /// Takes every permit, and every place in the queue that clients without an address have.
    pub async fn fill(pool: &ComputePool, priority: Priority) -> Self {
        let mut crowd = Self::take_permits(pool, priority).await;
        let (refused, _) = pool.refused_and_abandoned();
        while pool.refused_and_abandoned().0 == refused {
            let pool = pool.clone();
            crowd.waiting.spawn(async move {
                let permit = pool.acquire(priority, &Client::in_network(Network::default())).await;
                if permit.is_ok() {
                    std::future::pending::<()>().await;
                }
            });
            tokio::task::yield_now().await;
        }
        crowd
    }

    /// How many permits it holds.
    #[must_use]
    pub fn permits(&self) -> usize {
        self.permits.len()
    }
}
