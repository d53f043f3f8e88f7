//! What the engine's answer to one request takes, counted field by field while it is resolved: the engine builds the whole
//! answer in memory before any of it is written.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_graphql::{
    PathSegment, QueryPathNode, QueryPathSegment, ServerError, ServerResult, Value,
    extensions::{Extension, ExtensionContext, ExtensionFactory, NextResolve, ResolveInfo},
};

use super::{RequestContext, writer::BYTES_PER_POINT};
use crate::{
    compute_pool::Cancellation,
    delivery::response_memory::{Overflow, Reservation, ResponseMemory},
    error::Code,
};

/// Bytes that a value takes in memory beside its text: its place in the map of its object, its key, its own parts.
const VALUE_BYTES: usize = 160;

/// How many points a field counts that the engine resolves: it takes several times the time and memory of one that is written
/// directly.
pub const ENGINE_WEIGHT: usize = 2;

/// What an answer may take, and what it takes so far.
#[derive(Debug)]
pub struct Budget(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    reservation: Reservation,
    max_bytes: usize,
    max_cost: usize,
    values: usize,
    fields: usize,
    bytes: usize,
    overflow: Option<Overflow>,
    cancellation: Cancellation,
}

impl Budget {
    /// Nothing yet, of a response that may cost so many points.
    #[must_use]
    pub fn new(memory: &Arc<ResponseMemory>, max_cost: usize) -> Self {
        let (reservation, max_bytes) = (Reservation::new(memory), memory.max_response());
        Self(Mutex::new(Inner {
            reservation,
            max_bytes,
            max_cost,
            values: 0,
            fields: 0,
            bytes: 0,
            overflow: None,
            cancellation: Cancellation::default(),
        }))
    }

    /// The same for an answer that is made again.
    #[must_use]
    pub fn anew(&self) -> Self {
        let inner = self.lock();
        Self::new(inner.reservation.memory(), inner.max_cost)
    }

    /// Resolves no more when this tells it so.
    pub fn until(&self, cancellation: Cancellation) {
        self.lock().cancellation = cancellation;
    }

    /// Why the answer is not complete, if it is not.
    #[must_use]
    pub fn overflow(&self) -> Option<Overflow> {
        self.lock().overflow
    }

    /// What the answer costs so far, in points.
    #[must_use]
    pub fn cost(&self) -> usize {
        self.lock().cost()
    }

    fn count(&self, fields: usize, bytes: usize) -> Result<(), Overflow> {
        let mut inner = self.lock();
        inner.values += 1;
        inner.fields += fields;
        inner.bytes = inner.bytes.saturating_add(bytes);
        let memory = inner.values.saturating_mul(VALUE_BYTES).saturating_add(inner.bytes);
        let found = if inner.cancellation.is_cancelled() {
            Some(Overflow::Abandoned)
        } else if inner.bytes > inner.max_bytes {
            Some(Overflow::TooLong)
        } else if inner.cost() > inner.max_cost {
            Some(Overflow::TooExpensive)
        } else {
            inner.reservation.reserve(memory).err()
        };
        inner.overflow = inner.overflow.or(found);
        inner.overflow.map_or(Ok(()), Err)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn cost(&self) -> usize {
        self.fields.max(self.bytes / BYTES_PER_POINT).saturating_mul(ENGINE_WEIGHT)
    }
}

/// Has the engine count every value that it resolves, and resolve no more once the [`Budget`] of the request is used up.
pub struct CountValues;

impl ExtensionFactory for CountValues {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Counting)
    }
}

struct Counting;

#[async_trait::async_trait]
impl Extension for Counting {
    async fn resolve(
        &self,
        ctx: &ExtensionContext<'_>,
        info: ResolveInfo<'_>,
        next: NextResolve<'_>,
    ) -> ServerResult<Option<Value>> {
        let Some(request) = ctx.data_opt::<RequestContext>() else { return next.run(ctx, info).await };
        let budget = &request.budget;
        let path = *info.path_node;
        if let Some(overflow) = budget.overflow() {
            return Err(exceeded(overflow, &path));
        }
        let is_field = matches!(path.segment, QueryPathSegment::Name(_));
        let is_leaf = info.field.selection_set.node.items.is_empty();
        let key = if is_field { info.alias.unwrap_or(info.name).len() + KEY_BYTES } else { 1 };
        let value = next.run(ctx, info).await?;
        // The values of an object or of a list were counted one by one.
        let bytes = value.as_ref().filter(|_| is_leaf).map_or(BRACKETS, json_bytes);
        match budget.count(usize::from(is_field), key + bytes) {
            Ok(()) => Ok(value),
            Err(overflow) => Err(exceeded(overflow, &path)),
        }
    }
}

/// Quotes, colon and comma.
const KEY_BYTES: usize = 4;
/// What an object or a list has beside its values.
const BRACKETS: usize = 2;

/// About how many bytes a value has as JSON.
fn json_bytes(value: &Value) -> usize {
    match value {
        Value::Null | Value::Boolean(true) => 4,
        Value::Boolean(false) => 5,
        Value::Number(number) => number.as_u64().map_or(20, |number| 1 + number.checked_ilog10().unwrap_or(0) as usize),
        Value::String(text) => text.len() + BRACKETS,
        Value::Enum(name) => name.len() + BRACKETS,
        Value::Binary(bytes) => bytes.len() * 4,
        Value::List(items) => BRACKETS + items.iter().map(|item| json_bytes(item) + 1).sum::<usize>(),
        Value::Object(members) => {
            BRACKETS + members.iter().map(|(key, value)| key.len() + KEY_BYTES + json_bytes(value)).sum::<usize>()
        }
    }
}

/// What a field is told that is not resolved any more. A mutation whose answer does not fit is undone, and its client reads
/// this; the error of a query is replaced by one for the whole request.
fn exceeded(overflow: Overflow, place: &QueryPathNode<'_>) -> ServerError {
    let (code, message) = match overflow {
        Overflow::TooLong => (Code::LimitExceeded, "The response is longer than a response may be."),
        Overflow::TooExpensive => (Code::LimitExceeded, "The response costs more than a request may cost."),
        // Of one whose client has hung up nobody reads it.
        Overflow::OutOfMemory | Overflow::Abandoned => {
            (Code::Overloaded, "The server has no memory for this response now; try again.")
        }
    };
    let segments = std::iter::successors(Some(place), |node| node.parent).map(|node| node.segment);
    let mut path: Vec<PathSegment> = segments
        .map(|segment| match segment {
            QueryPathSegment::Index(index) => PathSegment::Index(index),
            QueryPathSegment::Name(name) => PathSegment::Field(name.to_owned()),
        })
        .collect();
    path.reverse();
    let mut error = ServerError { path, ..ServerError::new(message, None) };
    error.extensions.get_or_insert_default().set("code", code.as_str());
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_more_is_resolved_when_the_client_hangs_up() {
        let memory = Arc::new(ResponseMemory::new(1_000_000, 0));
        let (budget, cancellation) = (Budget::new(&memory, 10_000), Cancellation::default());
        budget.until(cancellation.clone());
        assert_eq!(budget.count(1, 10), Ok(()));
        cancellation.cancel();
        assert_eq!(budget.count(1, 10), Err(Overflow::Abandoned));
        assert_eq!(budget.overflow(), Some(Overflow::Abandoned));
    }
}
