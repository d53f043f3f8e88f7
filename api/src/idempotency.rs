//! The same request sent twice takes effect once and is answered alike (draft-ietf-httpapi-idempotency-key-header).
//!
//! An answer is kept in the transaction that it tells of, so there is never one without the other. It is kept encrypted
//! under the client's own key, of which only a hash is stored: an answer may hold a token that is shown once.
//!
//! An answer belongs to the credential that got it, and is given again only while that credential allows all that it
//! allowed then. A key belongs to one request, whole: with any other request it is refused, whatever that asks for.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    digest,
};
use chrono::Duration;
use entities::{Version, idempotency_key};
use sea_orm::{ActiveValue::Set, Condition, EntityTrait, QueryFilter};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    access::{Editor, audit::sha256, permission::Grants},
    change::head,
    error::{Error, Result},
    transaction::Transaction,
};

/// How long an answer is kept.
pub const KEPT: Duration = Duration::hours(24);
/// The most characters of a key.
pub const MAX_KEY: usize = 255;

/// A request that bears a key.
#[derive(Clone, Debug)]
pub struct KeyedRequest {
    /// The key, as the client made it up.
    key: String,
    /// SHA-256 of everything that the request asks for.
    fingerprint: String,
    /// How often each response key has been met.
    fields: Arc<Mutex<HashMap<String, usize>>>,
}

impl KeyedRequest {
    /// A request that asks for what has this fingerprint.
    #[must_use]
    pub fn new(key: String, fingerprint: String) -> Self {
        Self { key, fingerprint, fields: Arc::default() }
    }

    /// The name of the next field with this response key. Two fields of one request are never taken for each other, even if
    /// the engine lets two have one response key.
    #[must_use]
    pub fn next_field(&self, response_key: &str) -> String {
        let mut fields = self.fields.lock().unwrap_or_else(PoisonError::into_inner);
        let met = fields.entry(response_key.to_owned()).or_default();
        *met += 1;
        if *met == 1 { response_key.to_owned() } else { format!("{response_key} {met}") }
    }
}

/// Who asks, as far as answers are concerned.
#[derive(Clone, Debug)]
pub struct Holder {
    /// The credential; empty for somebody who is not signed in.
    credential: String,
    /// What it allows.
    grants: Option<Grants>,
}

impl Holder {
    /// Somebody who need not be signed in. What the request holds, a password or a token, has been looked at by now.
    pub const ANONYMOUS: Self = Self { credential: String::new(), grants: None };

    /// Somebody who is signed in.
    ///
    /// # Errors
    /// [`Error::Forbidden`] at the command line, which sends no requests.
    pub fn of(editor: &Editor) -> Result<Self> {
        Ok(Self { credential: editor.delegation()?.credential(), grants: Some(editor.grants().clone()) })
    }
}

/// The place of the answer of one field of one request of one credential.
pub struct Slot {
    key_hash: String,
    field: String,
    request_hash: String,
    secret: LessSafeKey,
    grants: Option<Grants>,
}

impl Slot {
    /// The place of the answer to `field`, as [`KeyedRequest::next_field`] names it. Credentials do not share keys.
    ///
    /// # Errors
    /// None that can happen: the secret has the length that the cipher asks for.
    pub fn new(request: &KeyedRequest, holder: Holder, field: String) -> Result<Self> {
        let Holder { credential, grants } = holder;
        let named = |purpose: &str| format!("{purpose}\0{credential}\0{}", request.key);
        let secret = digest::digest(&digest::SHA256, named("secret").as_bytes());
        let secret = UnboundKey::new(&AES_256_GCM, secret.as_ref()).map_err(Error::internal)?;
        Ok(Self {
            key_hash: sha256(named("name").as_bytes()),
            field,
            // With the key in it: a request may hold a password, which could be guessed from a plain hash.
            request_hash: sha256(format!("{}\0{}", named("request"), request.fingerprint).as_bytes()),
            secret: LessSafeKey::new(secret),
            grants,
        })
    }
}

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The answer as it was sent: JSON on one line.
    pub json: Vec<u8>,
    /// The number of the change that it told of, if it told of one.
    pub change: Option<i64>,
    /// The versions of year sheets of which it tells figures that the policy hides.
    pub readings: BTreeSet<(Uuid, Version)>,
}

/// What is kept beside an answer, on a line before it.
#[derive(Serialize, Deserialize)]
struct Label {
    change: Option<i64>,
    #[serde(default)]
    readings: BTreeSet<(Uuid, Version)>,
    /// What the credential allowed that got the answer.
    grants: Option<Grants>,
}

/// The answer that was given before, if one was.
///
/// # Errors
/// [`Error::IdempotencyKeyReused`] when the key came with another request; [`Error::Forbidden`] when the credential allows
/// less by now than when it got the answer.
pub async fn recall(transaction: &Transaction, slot: &Slot) -> Result<Option<Answer>> {
    let rows = idempotency_key::Entity::find()
        .filter(idempotency_key::COLUMN.key_hash.eq(slot.key_hash.clone()))
        .filter(idempotency_key::COLUMN.created_at.gt(transaction.now() - KEPT))
        // Not what a clock that was ahead has kept for long after its time.
        .filter(idempotency_key::COLUMN.created_at.lte(transaction.now() + head::MAX_CLOCK_SKEW))
        .all(transaction.connection())
        .await?;
    if rows.iter().any(|row| row.request_hash != slot.request_hash) {
        return Err(Error::IdempotencyKeyReused);
    }
    let Some(row) = rows.into_iter().find(|row| row.field == slot.field) else { return Ok(None) };
    let mut sealed = row.answer;
    let (nonce, answer) = sealed.split_at_mut_checked(NONCE).ok_or_else(|| Error::internal("a cut answer"))?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(Error::internal)?;
    let answer = slot.secret.open_in_place(nonce, Aad::empty(), answer).map_err(Error::internal)?;
    let mut lines = answer.splitn(2, |byte| *byte == b'\n');
    let Label { change, readings, grants: then } = serde_json::from_slice(lines.next().unwrap_or_default())?;
    if let Some(then) = then
        && slot.grants.as_ref().is_none_or(|now| !now.cover(&then))
    {
        return Err(Error::Forbidden);
    }
    Ok(Some(Answer { json: lines.next().unwrap_or_default().to_vec(), change, readings }))
}

const NONCE: usize = 12;

/// Keeps an answer, and drops those that are past their time.
///
/// # Errors
/// When the database cannot be written.
pub async fn keep(transaction: &Transaction, slot: &Slot, answer: &Answer) -> Result<()> {
    let nonce: [u8; NONCE] = transaction.state().random().bytes();
    let label = Label { change: answer.change, readings: answer.readings.clone(), grants: slot.grants.clone() };
    let mut sealed = [serde_json::to_vec(&label)?.as_slice(), b"\n", &answer.json].concat();
    slot.secret
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed)
        .map_err(Error::internal)?;
    idempotency_key::Entity::delete_many()
        .filter(
            Condition::any()
                .add(idempotency_key::COLUMN.created_at.lte(transaction.now() - KEPT))
                .add(idempotency_key::COLUMN.created_at.gt(transaction.now() + head::MAX_CLOCK_SKEW)),
        )
        .exec(transaction.connection())
        .await?;
    let row = idempotency_key::ActiveModel {
        key_hash: Set(slot.key_hash.clone()),
        field: Set(slot.field.clone()),
        request_hash: Set(slot.request_hash.clone()),
        answer: Set([nonce.as_slice(), &sealed].concat()),
        created_at: Set(transaction.now()),
    };
    idempotency_key::Entity::insert(row).exec(transaction.connection()).await?;
    Ok(())
}
