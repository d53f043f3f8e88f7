//! What a request to `/graphql` costs its caller, and how the caller learns what is left.
//!
//! Counting is in `access/quota.rs`. The headers are those of draft-ietf-httpapi-ratelimit-headers. What caches in front may
//! keep says nothing of what is left: it is given to others, later.

use async_graphql::parser::types::OperationType;
use chrono::{DateTime, Utc};
use poem::{
    Request, Response,
    http::{HeaderName, HeaderValue},
};

use super::{
    caller,
    graphql::{Prepared, Refusal},
};
use crate::{
    access::{
        Caller,
        quota::{Exceeded, Remaining, Subject, WINDOW},
    },
    state::State,
};

/// What every mutation costs beside its fields, which tell nothing of the writing: the lock, the transaction, the disk.
const MUTATION: u64 = 50;
/// What it costs to be answered without anything being worked out.
pub(super) const LEAST: u64 = 1;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STATE: HeaderName = HeaderName::from_static("ratelimit");

/// The value of `RateLimit-Policy`; nothing when there is no limit.
pub(super) fn policy(limit: u64) -> Option<HeaderValue> {
    if limit == 0 { None } else { HeaderValue::try_from(format!("\"cost\";q={limit};w={WINDOW}")).ok() }
}

/// What a request is to draw.
pub(super) fn price(prepared: &Prepared) -> u64 {
    let fields = u64::try_from(prepared.cost).unwrap_or(u64::MAX);
    match prepared.operation.operation.kind {
        OperationType::Mutation => fields.saturating_add(MUTATION),
        _ => fields,
    }
}

/// Draws what one request costs.
pub(super) struct Meter<'a> {
    state: &'a State,
    now: DateTime<Utc>,
    subject: Option<Subject>,
    remaining: Option<Remaining>,
    is_charged: bool,
}

impl<'a> Meter<'a> {
    /// For a request of somebody who is not known yet.
    pub(super) fn new(state: &'a State, now: DateTime<Utc>) -> Self {
        Self { state, now, subject: None, remaining: None, is_charged: false }
    }

    /// From now on it is known who sends the request.
    ///
    /// # Errors
    /// When their quota is used up, so that nothing more need be looked at.
    pub(super) fn identify(&mut self, caller: &Caller) -> Result<(), Refusal> {
        self.subject = Some(Subject::of(caller));
        self.draw(0)
    }

    /// Draws what the request costs.
    ///
    /// # Errors
    /// When the quota is used up.
    pub(super) fn charge(&mut self, points: u64) -> Result<(), Refusal> {
        self.is_charged = true;
        self.draw(points)
    }

    /// Draws what the response came to beyond what was drawn for it. The response is there, so it is not refused any more.
    pub(super) fn settle(&mut self, excess: u64) {
        if excess > 0
            && let Some(subject) = &self.subject
            && let Ok(remaining) = self.state.quota().draw(subject, excess, self.now)
        {
            self.remaining = Some(remaining);
        }
    }

    /// Draws what it costs to refuse the request, if nothing was drawn yet. As long as nobody has a good token, the network
    /// pays.
    ///
    /// # Errors
    /// When the quota is used up, which is then the reason to refuse.
    pub(super) fn charge_refused(&mut self, request: &Request) -> Result<(), Refusal> {
        if self.is_charged {
            return Ok(());
        }
        self.subject.get_or_insert_with(|| Subject::Network(caller::network(self.state, request)));
        self.charge(LEAST)
    }

    fn draw(&mut self, points: u64) -> Result<(), Refusal> {
        let Some(subject) = &self.subject else { return Ok(()) };
        match self.state.quota().draw(subject, points, self.now) {
            Ok(remaining) => {
                self.remaining = Some(remaining);
                Ok(())
            }
            Err(exceeded) => {
                let Exceeded { reset } = exceeded;
                self.remaining = Some(Remaining { points: 0, reset });
                self.is_charged = true;
                Err(exceeded.into())
            }
        }
    }

    /// Tells the caller what the policy is and, unless others may be given the same response, what is left.
    pub(super) fn tell(&self, policy: Option<&HeaderValue>, is_shared: bool, response: &mut Response) {
        let Some(policy) = policy else { return };
        let headers = response.headers_mut();
        headers.insert(POLICY, policy.clone());
        if let Some(Remaining { points, reset }) = self.remaining
            && !is_shared
            && let Ok(state) = HeaderValue::try_from(format!("\"cost\";r={points};t={reset}"))
        {
            headers.insert(STATE, state);
        }
    }
}
