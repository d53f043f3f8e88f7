//! Limits on attempts to sign in, within one process: per network, per account and network, and per known device.
//!
//! There is no limit per account alone: it would let anyone lock an account by failing.

use std::{
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_lc_rs::digest;
use chrono::{DateTime, Utc};
use entities::Email;
use governor::{NotUntil, Quota, RateLimiter, middleware::NoOpMiddleware, state::keyed::DashMapStateStore};
use uuid::Uuid;

use crate::{
    access::network::Network,
    error::{Error, Result},
    state::Clock,
};

/// Attempts on one account from one network or one known device: five at once, then one every 30 seconds.
pub const PER_ACCOUNT: (u32, Duration) = (5, Duration::from_secs(30));
/// Attempts from one network: thirty at once, then one every 2 seconds; a ward shares one address.
pub const PER_NETWORK: (u32, Duration) = (30, Duration::from_secs(2));
/// Refusals of one network that are recorded: thirty at once, then one every 10 seconds.
const RECORDED: (u32, Duration) = (30, Duration::from_secs(10));
/// How many keys are kept before those that are back at full quota are dropped.
const KEYS: usize = 10_000;

type Limiter = RateLimiter<[u8; 32], DashMapStateStore<[u8; 32]>, ThrottleClock, NoOpMiddleware<Duration>>;

/// Counts attempts in memory. Keys are hashed: neither addresses nor networks are kept.
pub struct Throttle {
    accounts: Limiter,
    networks: Limiter,
    records: Limiter,
}

impl Throttle {
    /// A throttle that counts from now on.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        let clock = ThrottleClock::new(clock);
        Self {
            accounts: RateLimiter::dashmap_with_clock(quota(PER_ACCOUNT), clock.clone()),
            networks: RateLimiter::dashmap_with_clock(quota(PER_NETWORK), clock.clone()),
            records: RateLimiter::dashmap_with_clock(quota(RECORDED), clock),
        }
    }

    /// Counts one attempt to sign in from a network. An unknown account counts like a known one.
    ///
    /// # Errors
    /// [`Error::RateLimited`] with the time to wait.
    pub fn attempt(&self, email: &Email, network: Network) -> Result<()> {
        self.attempt_from(network)?;
        check(&self.accounts, &format!("{email}\0network\0{network}"))
    }

    /// Counts one attempt to sign in from a device that this account has signed in on before. Attempts by others, from
    /// the same network too, do not count against it.
    ///
    /// # Errors
    /// [`Error::RateLimited`] with the time to wait.
    pub fn attempt_on(&self, email: &Email, device: Uuid) -> Result<()> {
        check(&self.accounts, &format!("{email}\0device\0{device}"))
    }

    /// Counts one attempt on an account that is not named, such as one with a link.
    ///
    /// # Errors
    /// [`Error::RateLimited`] with the time to wait.
    pub fn attempt_from(&self, network: Network) -> Result<()> {
        check(&self.networks, &network.to_string())
    }

    /// Whether the refusal of somebody unknown is to be recorded: an audit log that anybody can fill hides what matters.
    #[must_use]
    pub fn record(&self, network: Network) -> bool {
        check(&self.records, &network.to_string()).is_ok()
    }
}

fn quota((burst, period): (u32, Duration)) -> Quota {
    let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
    Quota::with_period(period).unwrap_or_else(|| Quota::per_minute(NonZeroU32::MIN)).allow_burst(burst)
}

fn check(limiter: &Limiter, key: &str) -> Result<()> {
    if limiter.len() > KEYS {
        limiter.retain_recent();
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, key.as_bytes()).as_ref());
    let wait = |until: NotUntil<Duration>| {
        Error::RateLimited(until.wait_time_from(governor::clock::Clock::now(limiter.clock())))
    };
    limiter.check_key(&hash).map_err(wait)
}

/// How much time has passed. A clock that is set back makes it stand still for a moment; else nobody could sign in until the
/// clock is where it was.
#[derive(Clone)]
struct ThrottleClock {
    clock: Clock,
    passed: Arc<Mutex<Passed>>,
}

struct Passed {
    time: Duration,
    until: DateTime<Utc>,
}

impl ThrottleClock {
    fn new(clock: Clock) -> Self {
        let passed = Passed { time: Duration::ZERO, until: clock.now() };
        Self { clock, passed: Arc::new(Mutex::new(passed)) }
    }
}

impl governor::clock::Clock for ThrottleClock {
    /// Since the throttle began.
    type Instant = Duration;

    fn now(&self) -> Duration {
        let now = self.clock.now();
        let mut passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        let since = (now - passed.until).to_std().unwrap_or_default();
        passed.time += since;
        passed.until = now;
        passed.time
    }
}
