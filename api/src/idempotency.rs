//! The same request sent twice takes effect once and is answered alike (draft-ietf-httpapi-idempotency-key-header).
//!
//! An answer is kept in the transaction that it tells of, so there is never one without the other. It is kept encrypted
//! under the client's own key, of which only a hash is stored: an answer may hold a token that is shown once.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    digest,
};
use chrono::Duration;
use entities::idempotency_key;
use sea_orm::{ActiveValue::Set, EntityTrait, QueryFilter};

use crate::{
    access::{Actor, audit::sha256},
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
    pub key: String,
    /// SHA-256 of everything that the request asks for.
    pub fingerprint: String,
}

/// The place of the answer of one field of one request of one caller.
pub struct Slot {
    key_hash: String,
    field: String,
    request_hash: String,
    secret: LessSafeKey,
}

impl Slot {
    /// The place of the answer to `field`, by its response key. Callers do not share keys.
    ///
    /// # Errors
    /// None that can happen: the secret has the length that the cipher asks for.
    pub fn new(request: &KeyedRequest, actor: Actor, field: &str) -> Result<Self> {
        let caller = actor.account().map(|id| id.to_string()).unwrap_or_default();
        let named = |purpose: &str| format!("{purpose}\0{caller}\0{}", request.key);
        let secret = digest::digest(&digest::SHA256, named("secret").as_bytes());
        let secret = UnboundKey::new(&AES_256_GCM, secret.as_ref()).map_err(Error::internal)?;
        Ok(Self {
            key_hash: sha256(named("name").as_bytes()),
            field: field.to_owned(),
            request_hash: request.fingerprint.clone(),
            secret: LessSafeKey::new(secret),
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
}

impl Answer {
    /// The change stands on a line of its own.
    fn to_bytes(&self) -> Vec<u8> {
        let change = self.change.map_or_else(String::new, |change| format!("\n{change}"));
        [self.json.as_slice(), change.as_bytes()].concat()
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let mut lines = bytes.splitn(2, |byte| *byte == b'\n');
        let json = lines.next().unwrap_or_default().to_vec();
        Ok(Self { json, change: lines.next().map(serde_json::from_slice).transpose()? })
    }
}

/// The answer that was given before, if one was.
///
/// # Errors
/// [`Error::IdempotencyKeyReused`] when the key came with another request.
pub async fn recall(transaction: &Transaction, slot: &Slot) -> Result<Option<Answer>> {
    let found = idempotency_key::Entity::find_by_id((slot.key_hash.clone(), slot.field.clone()))
        .one(transaction.connection())
        .await?;
    let Some(row) = found.filter(|row| transaction.now() < row.created_at + KEPT) else { return Ok(None) };
    if row.request_hash != slot.request_hash {
        return Err(Error::IdempotencyKeyReused);
    }
    let mut sealed = row.answer;
    let (nonce, answer) = sealed.split_at_mut_checked(NONCE).ok_or_else(|| Error::internal("a cut answer"))?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(Error::internal)?;
    let answer = slot.secret.open_in_place(nonce, Aad::empty(), answer).map_err(Error::internal)?;
    Answer::from_bytes(answer).map(Some)
}

const NONCE: usize = 12;

/// Keeps an answer, and drops those that are past their time.
///
/// # Errors
/// When the database cannot be written.
pub async fn keep(transaction: &Transaction, slot: &Slot, answer: &Answer) -> Result<()> {
    let nonce: [u8; NONCE] = transaction.state().random().bytes();
    let mut sealed = answer.to_bytes();
    slot.secret
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed)
        .map_err(Error::internal)?;
    idempotency_key::Entity::delete_many()
        .filter(idempotency_key::COLUMN.created_at.lte(transaction.now() - KEPT))
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
