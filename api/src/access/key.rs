//! The secrets that every replica shares: keys that sign access tokens, and the key that authenticates cursors.
//!
//! They live in the database, so that replicas need nothing else in common; whoever can read the database can sign
//! (ARCHITECTURE.md, "Deliberate oddities"). Rotation appends a change, and every replica loads the new key with it.

use aws_lc_rs::{
    hmac,
    signature::{Ed25519KeyPair, KeyPair},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, Duration, Utc};
use entities::{KeyPurpose, key};
use jsonwebtoken::{DecodingKey, EncodingKey};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder,
};
use serde::Serialize;

use crate::{
    access::Administrator,
    database::Database,
    error::{Error, Result},
    state::Random,
    transaction::Transaction,
};

/// The tag of a change of keys in the change feed.
pub const TAG: &str = "keys";

/// How long a new key is known before it signs, so that no replica meets a token whose key it has not loaded yet.
pub const HANDOVER: Duration = Duration::seconds(5);

/// The keys in force.
pub struct KeyRing {
    signing: Vec<SigningKey>,
    cursor: hmac::Key,
}

/// A key for access tokens.
pub struct SigningKey {
    /// The `kid` of its tokens.
    pub id: String,
    /// Signs.
    pub encoding: EncodingKey,
    /// Verifies.
    pub decoding: DecodingKey,
    /// From when on it signs nothing new.
    pub retired_at: Option<DateTime<Utc>>,
    public: Vec<u8>,
}

/// A public key after RFC 7517 and RFC 8037.
#[derive(Serialize)]
pub struct Jwk {
    kty: &'static str,
    crv: &'static str,
    #[serde(rename = "use")]
    usage: &'static str,
    alg: &'static str,
    kid: String,
    x: String,
}

/// A key set after RFC 7517.
#[derive(Serialize)]
pub struct JwkSet {
    keys: Vec<Jwk>,
}

impl KeyRing {
    /// Reads the keys.
    ///
    /// # Errors
    /// When the database cannot be read, or has no keys yet ([`ensure`]).
    pub async fn load(database: &Database) -> Result<Self> {
        let rows = key::Entity::find().order_by_asc(key::COLUMN.created_at).all(database.reader()).await?;
        let mut signing = Vec::new();
        let mut cursor = None;
        for row in rows {
            match row.purpose {
                KeyPurpose::AccessToken => signing.push(SigningKey::new(row)?),
                KeyPurpose::Cursor => cursor = Some(hmac::Key::new(hmac::HMAC_SHA256, &row.secret)),
            }
        }
        let cursor = cursor.ok_or_else(|| Error::internal("the database has no cursor key"))?;
        Ok(Self { signing, cursor })
    }

    /// The key that signs at `now`: the oldest that is not retired.
    ///
    /// # Errors
    /// When every key is retired.
    pub fn current(&self, now: DateTime<Utc>) -> Result<&SigningKey> {
        self.signing
            .iter()
            .find(|key| key.retired_at.is_none_or(|retired| now < retired))
            .ok_or_else(|| Error::internal("the database has no signing key"))
    }

    /// The key with this `kid`, if it signed anything that may still be valid at `now`.
    #[must_use]
    pub fn verifying(&self, id: &str, now: DateTime<Utc>) -> Option<&SigningKey> {
        self.signing.iter().find(|key| key.id == id && key.is_valid(now))
    }

    /// The public halves of all keys whose tokens may still be valid.
    #[must_use]
    pub fn jwks(&self, now: DateTime<Utc>) -> JwkSet {
        JwkSet { keys: self.signing.iter().filter(|key| key.is_valid(now)).map(SigningKey::jwk).collect() }
    }

    /// Authenticates cursors.
    #[must_use]
    pub const fn cursor(&self) -> &hmac::Key {
        &self.cursor
    }
}

impl SigningKey {
    fn new(row: key::Model) -> Result<Self> {
        let pair = Ed25519KeyPair::from_pkcs8(&row.secret).map_err(Error::internal)?;
        let public = pair.public_key().as_ref().to_vec();
        Ok(Self {
            id: row.id,
            encoding: EncodingKey::from_ed_der(&row.secret),
            decoding: DecodingKey::from_ed_der(&public),
            retired_at: row.retired_at,
            public,
        })
    }

    /// A retired key verifies until the last token that it can have signed has expired (60 minutes at most).
    fn is_valid(&self, now: DateTime<Utc>) -> bool {
        self.retired_at.is_none_or(|retired| now < retired + Duration::minutes(61))
    }

    fn jwk(&self) -> Jwk {
        Jwk {
            kty: "OKP",
            crv: "Ed25519",
            usage: "sig",
            alg: "EdDSA",
            kid: self.id.clone(),
            x: BASE64_URL_SAFE_NO_PAD.encode(&self.public),
        }
    }
}

/// Makes the keys that a new database lacks.
///
/// # Errors
/// When the database cannot be written.
pub async fn ensure(transaction: &DatabaseTransaction, random: &Random, now: DateTime<Utc>) -> Result<()> {
    for purpose in [KeyPurpose::AccessToken, KeyPurpose::Cursor] {
        let present = key::Entity::find().filter(key::COLUMN.purpose.eq(purpose)).one(transaction).await?;
        if present.is_none() {
            insert(transaction, random, now, purpose).await?;
        }
    }
    Ok(())
}

/// Makes a key that signs access tokens from [`HANDOVER`] later on, and retires the present one at that moment. Tokens that are
/// out stay valid until they expire.
///
/// # Errors
/// When the database cannot be written.
pub async fn rotate(transaction: &mut Transaction, _: &Administrator) -> Result<String> {
    let now = transaction.now();
    key::Entity::update_many()
        .filter(key::COLUMN.purpose.eq(KeyPurpose::AccessToken))
        .filter(key::COLUMN.retired_at.is_null())
        .set(key::ActiveModel { retired_at: Set(Some(now + HANDOVER)), ..Default::default() })
        .exec(transaction.connection())
        .await?;
    transaction.tag([TAG.to_owned()]);
    insert(transaction.connection(), transaction.state().random(), now, KeyPurpose::AccessToken).await
}

async fn insert(
    connection: &impl ConnectionTrait,
    random: &Random,
    now: DateTime<Utc>,
    purpose: KeyPurpose,
) -> Result<String> {
    let secret = match purpose {
        KeyPurpose::AccessToken => {
            let pair = Ed25519KeyPair::from_seed_unchecked(&random.bytes::<32>()).map_err(Error::internal)?;
            pair.to_pkcs8v1().map_err(Error::internal)?.as_ref().to_vec()
        }
        KeyPurpose::Cursor => random.bytes::<32>().to_vec(),
    };
    let id = BASE64_URL_SAFE_NO_PAD.encode(random.bytes::<12>());
    let row = key::ActiveModel {
        id: Set(id.clone()),
        purpose: Set(purpose),
        secret: Set(secret),
        created_at: Set(now),
        retired_at: Set(None),
    };
    key::Entity::insert(row).exec(connection).await?;
    Ok(id)
}
