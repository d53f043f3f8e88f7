//! How every mutation runs: one transaction, one audit entry, one answer, which a repeated request gets again.
//!
//! A resolver hands its operation to [`mutate`] and returns the [`Mutated`] that it gets. The operation
//! writes and does not commit. The answer is resolved as far as the client selected it, stored with the write if the
//! request bears an idempotency key, and then everything is committed at once. So there is no effect without its audit
//! entry, and no answer to a write that is not durable.

use std::{borrow::Cow, collections::BTreeSet, pin::Pin, time::Duration};

use async_graphql::{
    Context, ContextSelectionSet, OutputType, Positioned, ServerError, ServerResult, Value, parser::types::Field,
    registry::Registry,
};
use entities::{Rule, document};
use sea_orm::{EntityTrait, QueryFilter};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::{ContextExt, Expected, expected, place::error_in_input};
use crate::{
    access::{Actor, Editor, permission::Action},
    database,
    delivery::change_token,
    error::{Blocker, Code, Error, Fault, Result},
    idempotency::{self, Answer, Holder, Slot},
    transaction::{Prepared, Transaction},
};

/// How long a mutation may take to write, and again to be answered. Its commit has a limit of its own.
const LONGEST: Duration = Duration::from_secs(30);

/// The payload of a mutation that is committed when it has been resolved.
pub struct Mutated<P>(Outcome<P>);

enum Outcome<P> {
    /// It was carried out or refused just now.
    Fresh { payload: P, ending: Mutex<Option<Box<Ending>>> },
    /// The same request was answered before.
    Repeated { answer: Value, change: Option<i64> },
}

impl<P> Mutated<P> {
    /// A refusal that leaves no trace: one of too many.
    ///
    /// # Errors
    /// What no client expects.
    pub fn unrecorded<T>(error: Error) -> Result<Self>
    where
        P: From<Expected<T>>,
    {
        Ok(Self(Outcome::Fresh { payload: P::from(expected::<T>(Err(error))?), ending: Mutex::new(None) }))
    }
}

/// What is left to do once the answer is known.
struct Ending {
    transaction: Transaction,
    action: &'static str,
    refused: Option<Code>,
    slot: Option<Slot>,
}

impl Ending {
    /// Writes what is left to be written, the answer included; only the commit remains.
    async fn prepare(self, answer: &Value) -> Result<Prepared> {
        let Self { mut transaction, action, refused, slot } = self;
        if let Some(slot) = slot {
            // Written as it is sent, so that it comes back with its fields in the order of the selection.
            let change = if refused.is_none() { transaction.append_change().await? } else { None };
            let readings = transaction.readings().clone();
            let answer = Answer { json: serde_json::to_vec(answer)?, change, readings };
            idempotency::keep(&transaction, &slot, &answer).await?;
            // What was refused has been taken back; the answer that says so stays.
            transaction.checkpoint().await?;
        }
        match refused {
            None => transaction.prepare(action, None).await,
            Some(code) => transaction.prepare_refusal(action, code).await,
        }
    }
}

impl<P: OutputType> OutputType for Mutated<P> {
    fn type_name() -> Cow<'static, str> {
        P::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        P::create_type_info(registry)
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        // With it, the client reads what it has written, whichever process answers. Of several mutations in one request the
        // last one counts.
        let tell = |change: Option<i64>| {
            if let Some(seq) = change {
                ctx.insert_http_header(change_token::HEADER, change_token::encode(seq));
            }
        };
        let (payload, ending) = match &self.0 {
            Outcome::Repeated { answer, change } => {
                tell(*change);
                return Ok(answer.clone());
            }
            Outcome::Fresh { payload, ending } => (payload, ending),
        };
        let error = |error| -> ServerError {
            ctx.set_error_path(async_graphql::Error::new_with_source(error).into_server_error(field.pos))
        };
        let Some(ending) = ending.lock().await.take() else { return payload.resolve(ctx, field).await };
        let database = ending.transaction.state().database().clone();
        // Boxed, as below.
        let prepared = database::in_time(LONGEST, async {
            let answer = match Box::pin(payload.resolve(ctx, field)).await {
                Ok(answer) => answer,
                Err(failed) => return Ok(Err(failed)),
            };
            let prepared = Box::pin(ending.prepare(&answer)).await.inspect_err(|error| database.note_failure(error))?;
            Ok(Ok((answer, prepared)))
        });
        let (answer, prepared) = prepared.await.map_err(error)??;
        tell(Box::pin(prepared.commit()).await.map_err(error)?);
        Ok(answer)
    }
}

/// Runs a mutation of a caller who must be signed in. Boxed: the engine keeps room for the resolvers of all mutations in one
/// frame, and a thread's stack would not have it.
///
/// # Errors
/// [`Error::Unauthenticated`] without a valid token; or when the database cannot be reached.
pub fn mutate<T, P: From<Expected<T>>>(
    ctx: &Context<'_>,
    action: &'static str,
    operation: impl AsyncFnOnce(&mut Transaction, &Editor) -> Result<T>,
) -> Pin<Box<impl Future<Output = Result<Mutated<P>>>>> {
    Box::pin(mutate_signed_in(ctx, action, operation))
}

async fn mutate_signed_in<T, P: From<Expected<T>>>(
    ctx: &Context<'_>,
    action: &'static str,
    operation: impl AsyncFnOnce(&mut Transaction, &Editor) -> Result<T>,
) -> Result<Mutated<P>> {
    let (state, caller) = (ctx.state(), ctx.caller());
    let field = field(ctx);
    if caller.credential.is_none() {
        return turn_away(ctx, action).await;
    }
    let mut transaction = Transaction::begin(state, Actor::Anonymous, caller.origin.clone()).await?;
    let editor = match caller.editor(state, transaction.connection()).await {
        Ok(editor) => editor,
        Err(Error::Unauthenticated) => {
            drop(transaction);
            return turn_away(ctx, action).await;
        }
        Err(error) => return Err(error),
    };
    transaction.acts_as(editor.actor());
    transaction.checkpoint().await?;
    let place = place(ctx, Holder::of(&editor)?, field)?;
    let operation = async move |transaction: &mut Transaction| match operation(transaction, &editor).await {
        Err(Error::Blocked(blockers)) => Err(Error::Blocked(told(transaction, &editor, blockers).await?)),
        outcome => outcome,
    };
    run(ctx, action, transaction, place, operation).await
}

/// What an editor may be told of what stands in the way: of documents that they may publish and not read, no more than that there is
/// something. A sum of figures that the policy hides is recorded as a reading of them.
async fn told(transaction: &mut Transaction, editor: &Editor, blockers: Vec<Blocker>) -> Result<Vec<Blocker>> {
    let ids: BTreeSet<Uuid> = blockers.iter().map(|blocker| blocker.document_id).collect();
    let kinds = document::Entity::find().filter(document::COLUMN.id.is_in(ids.iter().copied()));
    let kinds = kinds.all(transaction.connection()).await?;
    let readable = kinds.iter().filter(|row| editor.grants().allow(Action::Read, row.kind, None));
    let readable: BTreeSet<Uuid> = readable.map(|row| row.id).collect();
    let (mut told, mut unreadable) = (Vec::new(), BTreeSet::new());
    for mut blocker in blockers {
        if readable.contains(&blocker.document_id) {
            told.push(blocker);
        } else if unreadable.insert(blocker.document_id) {
            blocker.fault = Fault { path: Vec::new(), rule: Rule::Unpublishable };
            told.push(blocker);
        }
    }
    let sums = told.iter().filter(|blocker| matches!(blocker.fault.rule, Rule::Unexplained(_)));
    let sums: BTreeSet<Uuid> = sums.map(|blocker| blocker.document_id).collect();
    if !sums.is_empty() {
        // As they stand: what this transaction has saved is taken back.
        let stand = document::Entity::find().filter(document::COLUMN.id.is_in(sums));
        for row in stand.all(transaction.state().database().reader()).await? {
            transaction.reads(row.id, row.version);
        }
    }
    Ok(told)
}

/// Runs a mutation of a caller who need not be signed in. `admit` looks whether what they show, a password or a token, is
/// good at this moment; before an answer is given again, too.
///
/// # Errors
/// When the database cannot be reached.
pub fn mutate_openly<A, T, P: From<Expected<T>>>(
    ctx: &Context<'_>,
    action: &'static str,
    admit: impl AsyncFnOnce(&mut Transaction) -> Result<A>,
    operation: impl AsyncFnOnce(&mut Transaction, A) -> Result<T>,
) -> Pin<Box<impl Future<Output = Result<Mutated<P>>>>> {
    Box::pin(mutate_anonymous(ctx, action, admit, operation))
}

async fn mutate_anonymous<A, T, P: From<Expected<T>>>(
    ctx: &Context<'_>,
    action: &'static str,
    admit: impl AsyncFnOnce(&mut Transaction) -> Result<A>,
    operation: impl AsyncFnOnce(&mut Transaction, A) -> Result<T>,
) -> Result<Mutated<P>> {
    let field = field(ctx);
    let mut transaction = Transaction::begin(ctx.state(), Actor::Anonymous, ctx.caller().origin.clone()).await?;
    transaction.checkpoint().await?;
    let admitted = match database::in_time(LONGEST, Box::pin(admit(&mut transaction))).await {
        Ok(admitted) => admitted,
        Err(error) => return refused(ctx, action, transaction, error, None).await,
    };
    let place = place(ctx, Holder::ANONYMOUS, field)?;
    run(ctx, action, transaction, place, async move |transaction| operation(transaction, admitted).await).await
}

/// The name of the field that is being resolved, if its answer is to be kept. Asked for once, before anything else: fields
/// are told apart by their order.
fn field(ctx: &Context<'_>) -> Option<String> {
    let request = ctx.request().idempotency.as_ref()?;
    Some(request.next_field(ctx.item.node.response_key().node.as_str()))
}

/// Where its answer is kept.
fn place(ctx: &Context<'_>, holder: Holder, field: Option<String>) -> Result<Option<Slot>> {
    let keyed = ctx.request().idempotency.as_ref().zip(field);
    keyed.map(|(request, field)| Slot::new(request, holder, field)).transpose()
}

async fn run<T, P: From<Expected<T>>>(
    ctx: &Context<'_>,
    action: &'static str,
    mut transaction: Transaction,
    place: Option<Slot>,
    operation: impl AsyncFnOnce(&mut Transaction) -> Result<T>,
) -> Result<Mutated<P>> {
    let mut slot = None;
    if let Some(place) = place {
        match idempotency::recall(&transaction, &place).await {
            Ok(None) => slot = Some(place),
            Ok(Some(Answer { json, change, readings })) => {
                // It is told once more, and recorded once more.
                for (document, version) in readings {
                    transaction.reads(document, version);
                }
                transaction.record_readings().await?;
                return Ok(Mutated(Outcome::Repeated { answer: serde_json::from_slice(&json)?, change }));
            }
            Err(error) => return refused(ctx, action, transaction, error, None).await,
        }
    }
    // Boxed: a mutation of many steps is a large future, and the stack of a worker thread is not.
    match database::in_time(LONGEST, Box::pin(operation(&mut transaction))).await {
        Ok(done) => {
            let ending = Box::new(Ending { transaction, action, refused: None, slot });
            Ok(Mutated(Outcome::Fresh { payload: P::from(Ok(done)), ending: Mutex::new(Some(ending)) }))
        }
        Err(error) => refused(ctx, action, transaction, error, slot).await,
    }
}

async fn refused<T, P: From<Expected<T>>>(
    ctx: &Context<'_>,
    action: &'static str,
    mut transaction: Transaction,
    error: Error,
    slot: Option<Slot>,
) -> Result<Mutated<P>> {
    ctx.state().database().note_failure(&error);
    let error = error_in_input(ctx, error);
    let code = error.code();
    // Nobody knows who it was. Attempts beyond a throttle have been counted before the transaction.
    if transaction.actor() == Actor::Anonymous
        && code != Code::RateLimited
        && !ctx.state().throttle().record(ctx.caller().origin.network)
    {
        return Mutated::unrecorded::<T>(error);
    }
    let payload = P::from(expected::<T>(Err(error))?);
    transaction.roll_back().await?;
    let ending = Box::new(Ending { transaction, action, refused: Some(code), slot });
    Ok(Mutated(Outcome::Fresh { payload, ending: Mutex::new(Some(ending)) }))
}

/// Refuses somebody who is not signed in. Their attempts are recorded only as fast as one network may make them: the
/// audit log is not theirs to fill.
async fn turn_away<P>(ctx: &Context<'_>, action: &'static str) -> Result<Mutated<P>> {
    let (state, caller) = (ctx.state(), ctx.caller());
    if state.throttle().record(caller.origin.network) {
        let mut transaction = Transaction::begin(state, Actor::Anonymous, caller.origin.clone()).await?;
        transaction.checkpoint().await?;
        transaction.refuse(action, Code::Unauthenticated).await?;
    }
    Err(Error::Unauthenticated)
}
