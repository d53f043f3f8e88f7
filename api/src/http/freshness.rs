//! How fresh an answer is: the change that a client wants to see in it, and how old it may be at worst.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use poem::{
    Request, Response,
    http::{HeaderName, HeaderValue},
};

use super::{CHANGE_TOKEN, PREVIEW, graphql::Refusal};
use crate::{
    access::Caller,
    delivery::{change_token, feed, snapshot::Snapshot},
    document::preview,
    error::Code,
    state::State,
};

/// The header of an answer that may be older than [`FRESH`]: how many seconds.
const SNAPSHOT_AGE: HeaderName = HeaderName::from_static("almanac-snapshot-age");
/// An answer that is at most so old is as fresh as answers are: the change feed is looked at more often.
const FRESH: Duration = Duration::from_secs(2);

/// What a request is answered from: what is published, or previewed, with the change in it that the request names.
///
/// # Errors
/// When the change is not here, or the preview has ended; or a header is not what it should be.
pub(super) async fn snapshot(state: &State, caller: &Caller, request: &Request) -> Result<Arc<Snapshot>, Refusal> {
    if let Some(seq) = named_change(request)? {
        Box::pin(feed::reach(state, seq)).await?;
    }
    let mut previews = request.headers().get_all(PREVIEW).iter();
    match previews.next() {
        Some(_) if previews.next().is_some() => {
            Err(Refusal::new(Code::BadRequest, "The header Almanac-Preview must stand once."))
        }
        Some(token) => {
            let token = token.to_str().unwrap_or_default();
            Ok(Box::pin(preview::snapshot(state, caller, token)).await?)
        }
        None => Ok(state.snapshot()),
    }
}

/// The change that a request names.
fn named_change(request: &Request) -> Result<Option<i64>, Refusal> {
    let refuse = |message| Err(Refusal::new(Code::BadRequest, message));
    let mut tokens = request.headers().get_all(CHANGE_TOKEN).iter();
    match (tokens.next(), tokens.next()) {
        (None, _) => Ok(None),
        (Some(token), None) => match token.to_str().ok().and_then(change_token::decode) {
            Some(seq) => Ok(Some(seq)),
            None => refuse("The header Almanac-Change-Token must be what an answer to a mutation had in it."),
        },
        (Some(_), Some(_)) => refuse("The header Almanac-Change-Token must stand once."),
    }
}

/// Says how old an answer may be, if it may be older than a client expects.
pub(super) fn mark(state: &State, now: DateTime<Utc>, response: &mut Response) {
    let age = state.feed().age(now);
    if age > FRESH {
        response.headers_mut().insert(SNAPSHOT_AGE, HeaderValue::from(age.as_secs()));
    }
}
