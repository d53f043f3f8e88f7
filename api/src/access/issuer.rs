//! Tokens of foreign identity providers: whom to believe, where their keys are, and which of their roles are ours.
//!
//! A token names its issuer, and that name does nothing but choose one of those in the settings. All else that decides
//! comes from there: the address of the keys, the algorithms, the audience. Start reading at [`Issuers::verify`]; when
//! keys are fetched is said at `Issuer::find`. Own tokens are in `token.rs`.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::{Context, bail, ensure};
use arc_swap::ArcSwap;
use chrono::{DateTime, Duration, Utc};
use entities::{Email, Locale, Role};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use reqwest::{Client, StatusCode, Url, redirect::Policy};
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use super::token::{self, object};

/// How old keys may be before they are asked for again, and so how long a key that was withdrawn may still be good.
pub const FRESH: Duration = Duration::minutes(5);
/// How old keys may be while the provider cannot be reached.
pub const USABLE: Duration = Duration::hours(1);
/// How long to wait between two attempts to fetch the keys of one issuer, whatever they are for.
pub const PAUSE: Duration = Duration::seconds(10);
/// The most bytes that a key set may have.
pub const MAX_KEY_SET_BYTES: usize = 256 * 1024;
/// How long a provider may take to send its keys.
const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);

/// The roles that a provider's role may stand for, the first of them the strongest.
const ROLES: [Role; 5] = [Role::Administrator, Role::Editor, Role::Translator, Role::Statistician, Role::Reader];

/// The algorithms that an issuer may use. With a shared secret, whoever verifies could also sign, so there is none.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// Why a token was not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssuerError {
    /// The token is not valid now, or not for us, or of nobody whom we know. Whoever sent it is not authenticated.
    #[error("the token is not valid")]
    Invalid,
    /// The provider cannot be reached, and without its keys nobody can tell; try again.
    #[error("the identity provider cannot be reached")]
    Unavailable,
}

/// Who somebody is, as a provider says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignIdentity {
    /// The provider: the claim `iss`.
    pub issuer: String,
    /// Its name for this person, the same forever and unique with this issuer only: the claim `sub`.
    pub subject: String,
    /// Their address, when the token has a well-formed one and does not say that it is not verified.
    pub email: Option<Email>,
    /// What they may do here, when one of their roles there stands for a role of ours.
    pub role: Option<ForeignRole>,
    /// When the token was issued, to the millisecond, if it says so: of two tokens the later one says how things are.
    pub issued_at: Option<DateTime<Utc>>,
}

/// A role of ours that a provider's role stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignRole {
    /// Which one.
    pub role: Role,
    /// For a translator, the locales to write in, sorted, each once.
    pub locales: Vec<Locale>,
}

/// The identity providers that are believed, and what is known of their keys. Made once for a process, and shared.
#[derive(Debug)]
pub struct Issuers {
    client: Client,
    issuers: Vec<Arc<Issuer>>,
}

impl Issuers {
    /// Reads the settings in a file; without one, nobody else is believed.
    ///
    /// # Errors
    /// When the file cannot be read, and as [`Issuers::parse`].
    pub fn read(file: Option<&Path>) -> anyhow::Result<Self> {
        let Some(file) = file else { return Self::parse("") };
        let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
        Self::parse(&text).with_context(|| file.display().to_string())
    }

    /// Whether any is believed.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.issuers.is_empty()
    }

    /// Whether this issuer still vouches at `now` for somebody who was last seen with a token of it then.
    #[must_use]
    pub fn vouch(&self, issuer: &str, seen_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
        let known = self.issuers.iter().find(|known| known.name == issuer);
        known.zip(seen_at).is_some_and(|(issuer, seen_at)| now < seen_at + issuer.vouches_for)
    }

    /// Reads the settings: a TOML text with an `[[issuer]]` for each provider.
    ///
    /// ```toml
    /// [[issuer]]
    /// issuer = "https://login.example.org/realms/hospital"    # exactly the claim `iss`
    /// audience = "almanac"                                     # must be among the claim `aud`
    /// jwks_url = "https://login.example.org/realms/hospital/protocol/openid-connect/certs"
    /// algorithms = ["RS256"]                                   # this when absent
    /// email_claim = "email"                                    # this when absent
    /// role_claim = "realm_access.roles"                        # without it, nobody has a role
    /// vouch_days = 30                                          # this when absent
    /// [issuer.roles]
    /// almanac-editors = "EDITOR"
    /// translators-vi = { role = "TRANSLATOR", locales = ["vi"] }
    /// ```
    ///
    /// # Errors
    /// When the text is no TOML, has a setting that is unknown or missing, or one that would not be safe: an algorithm
    /// with a shared secret, keys fetched without TLS from another machine. Also when this machine trusts no authority
    /// for certificates, and some keys are fetched with TLS.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let settings: Settings = toml::from_str(text)?;
        let mut issuers = Vec::new();
        let mut names = BTreeSet::new();
        for settings in settings.issuer {
            let name = settings.issuer.clone();
            ensure!(names.insert(name.clone()), "issuer {name}: is there twice");
            issuers.push(Arc::new(Issuer::new(settings).with_context(|| format!("issuer {name}"))?));
        }
        let mut client =
            Client::builder().redirect(Policy::none()).no_proxy().timeout(TIMEOUT).connect_timeout(TIMEOUT);
        if issuers.iter().all(|issuer| issuer.jwks_url.scheme() == "http") {
            // There is nothing to verify, so nothing needs to be there to verify it with.
            client = client.tls_certs_only([]);
        }
        let client = client.build().context("the client for key sets (does this machine have CA certificates?)")?;
        Ok(Self { client, issuers })
    }

    /// Whom a token identifies at the moment `now`, if it is valid then: signed with a key of the issuer that it names,
    /// by an algorithm that this issuer uses, for us, not too early, not too late by a microsecond.
    ///
    /// Nothing that the token says about keys is used (`jwk`, `jku`, `x5c`, `x5u`), and a token with critical extensions
    /// (`crit`) or of another media type (`typ`) is refused. `now` is also the time by which keys grow old.
    ///
    /// # Errors
    /// [`IssuerError::Invalid`] for every token that is not valid, whatever is wrong with it;
    /// [`IssuerError::Unavailable`] when that cannot be told, since the key is not known and could not be fetched.
    pub async fn verify(&self, text: &str, now: DateTime<Utc>) -> Result<ForeignIdentity, IssuerError> {
        let invalid = IssuerError::Invalid;
        let mut parts = text.split('.');
        let (Some(header), Some(claims), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(invalid);
        };
        let header = object(header).ok_or(invalid)?;
        let unverified = object(claims).ok_or(invalid)?;
        let named = unverified.get("iss").and_then(Value::as_str).ok_or(invalid)?;
        let issuer = self.issuers.iter().find(|issuer| issuer.name == named).ok_or(invalid)?;
        let algorithm = header.get("alg").and_then(Value::as_str).and_then(|name| Algorithm::from_str(name).ok());
        let algorithm = algorithm.filter(|algorithm| issuer.algorithms.contains(algorithm)).ok_or(invalid)?;
        let kid = header.get("kid").and_then(Value::as_str).ok_or(invalid)?;
        if !token::is_understood(&header) || !is_access_token(&header) || !issuer.accepts(&unverified, now) {
            // Also spares the provider the question for the key.
            return Err(invalid);
        }
        let keys = issuer.find(&self.client, kid, now).await?;
        let key = keys.iter().find(|key| key.fits(kid, algorithm)).ok_or(invalid)?;
        let claims =
            decode::<Map<String, Value>>(text, &key.decoding, &validation(algorithm)).map_err(|_| invalid)?.claims;
        // The same bytes as before, but only now they are the issuer's words.
        if issuer.accepts(&claims, now) { issuer.identity(&claims).ok_or(invalid) } else { Err(invalid) }
    }
}

/// The signature, and nothing else: the library knows neither our clock nor how strict we are.
fn validation(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}

/// Whether a token may be an access token by the media type in its header: none, that of every JWT, or that of access
/// tokens (RFC 9068). So a token of another kind, made for another purpose with the same key, does not pass for one:
/// `logout+jwt`, `dpop+jwt`, `secevent+jwt`.
fn is_access_token(header: &Map<String, Value>) -> bool {
    let Some(media_type) = header.get("typ") else { return true };
    let media_type = media_type.as_str().map(str::to_ascii_lowercase).unwrap_or_default();
    ["jwt", "at+jwt"].contains(&media_type.strip_prefix("application/").unwrap_or(&media_type))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    #[serde(default)]
    issuer: Vec<IssuerSettings>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IssuerSettings {
    issuer: String,
    audience: String,
    jwks_url: String,
    #[serde(default = "default_algorithms")]
    algorithms: Vec<String>,
    #[serde(default = "default_email_claim")]
    email_claim: String,
    role_claim: Option<String>,
    #[serde(default)]
    roles: BTreeMap<String, toml::Value>,
    #[serde(default = "default_vouch_days")]
    vouch_days: u16,
}

/// Long enough for a holiday, short enough for somebody who has left.
const fn default_vouch_days() -> u16 {
    30
}

fn default_algorithms() -> Vec<String> {
    vec!["RS256".to_owned()]
}

fn default_email_claim() -> String {
    "email".to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RoleSettings {
    role: Role,
    #[serde(default)]
    locales: Vec<Locale>,
}

/// One provider.
#[derive(Debug)]
struct Issuer {
    name: String,
    audience: String,
    jwks_url: Url,
    algorithms: Vec<Algorithm>,
    email_claim: String,
    role_claim: Option<String>,
    roles: BTreeMap<String, ForeignRole>,
    /// How long its word counts for what somebody made, when they do not come again.
    vouches_for: Duration,
    known: ArcSwap<Known>,
    /// When the keys were last asked for. Who holds it is asking.
    asked_at: Arc<Mutex<Option<DateTime<Utc>>>>,
    /// Whether that was in vain.
    in_vain: AtomicBool,
}

/// The keys of a provider, as they were then.
#[derive(Debug, Default)]
struct Known {
    keys: Arc<Vec<Key>>,
    fetched_at: Option<DateTime<Utc>>,
}

impl Known {
    /// The keys, unless they are too old. A clock that was put back makes them old, too.
    fn within(&self, age: Duration, now: DateTime<Utc>) -> Option<&Arc<Vec<Key>>> {
        let young = self.fetched_at.is_some_and(|at| (now - at).abs() < age);
        young.then_some(&self.keys)
    }
}

impl Issuer {
    fn new(settings: IssuerSettings) -> anyhow::Result<Self> {
        ensure!(!settings.issuer.trim().is_empty(), "issuer is blank");
        ensure!(!settings.audience.trim().is_empty(), "audience is blank");
        ensure!(!settings.algorithms.is_empty(), "algorithms has none");
        ensure!((1..=366).contains(&settings.vouch_days), "vouch_days is not between 1 and 366");
        let mut roles = BTreeMap::new();
        for (name, role) in settings.roles {
            roles.insert(name.clone(), foreign_role(role).with_context(|| format!("roles.{name}"))?);
        }
        ensure!(roles.is_empty() || settings.role_claim.is_some(), "roles need a role_claim to be looked up in");
        Ok(Self {
            name: settings.issuer,
            audience: settings.audience,
            jwks_url: key_set_url(&settings.jwks_url).with_context(|| format!("jwks_url {}", settings.jwks_url))?,
            algorithms: settings.algorithms.iter().map(|name| algorithm(name)).collect::<anyhow::Result<_>>()?,
            email_claim: settings.email_claim,
            role_claim: settings.role_claim,
            roles,
            vouches_for: Duration::days(settings.vouch_days.into()),
            known: ArcSwap::default(),
            asked_at: Arc::default(),
            in_vain: AtomicBool::new(false),
        })
    }

    /// Whether these claims are of this issuer, for us, and good at this moment. The very second that `exp` names is too
    /// late; those that `nbf` and `iat` name are not too early.
    fn accepts(&self, claims: &Map<String, Value>, now: DateTime<Utc>) -> bool {
        let now = i128::from(now.timestamp_micros());
        let begun = |name| claims.get(name).is_none_or(|at| microseconds(at).is_some_and(|at| at <= now));
        let for_us = match claims.get("aud") {
            Some(Value::String(audience)) => *audience == self.audience,
            Some(Value::Array(audiences)) => audiences.iter().any(|audience| *audience == self.audience.as_str()),
            _ => false,
        };
        claims.get("iss").is_some_and(|issuer| *issuer == self.name.as_str())
            && for_us
            && claims.get("exp").and_then(microseconds).is_some_and(|at| now < at)
            && begun("nbf")
            && begun("iat")
    }

    fn identity(&self, claims: &Map<String, Value>) -> Option<ForeignIdentity> {
        // PostgreSQL stores no NUL, and no provider has a reason for it.
        let is_name = |subject: &&str| !subject.is_empty() && !subject.contains(char::is_control);
        let subject = claims.get("sub")?.as_str().filter(is_name)?.to_owned();
        // Where anybody may claim any address, an address proves nothing.
        let verified = claims.get("email_verified").is_none_or(|verified| *verified == true || *verified == "true");
        let email = at_path(claims, &self.email_claim).and_then(Value::as_str).filter(|_| verified);
        let email = email.and_then(|email| email.parse().ok());
        let issued_at = claims.get("iat").and_then(microseconds).and_then(|at| i64::try_from(at / 1_000).ok());
        let issued_at = issued_at.and_then(DateTime::from_timestamp_millis);
        Some(ForeignIdentity { issuer: self.name.clone(), subject, email, role: self.role(claims), issued_at })
    }

    /// The strongest of the roles that those in the token stand for, with the locales of all that stand for it.
    fn role(&self, claims: &Map<String, Value>) -> Option<ForeignRole> {
        let claim = at_path(claims, self.role_claim.as_deref()?)?;
        let names = match claim {
            Value::Array(names) => names.iter().collect(),
            name => vec![name],
        };
        let mapped: Vec<&ForeignRole> =
            names.into_iter().filter_map(Value::as_str).filter_map(|name| self.roles.get(name)).collect();
        let role = ROLES.into_iter().find(|role| mapped.iter().any(|mapped| mapped.role == *role))?;
        let locales = mapped.iter().filter(|mapped| mapped.role == role).flat_map(|mapped| &mapped.locales);
        let locales: BTreeSet<&Locale> = locales.collect();
        Some(ForeignRole { role, locales: locales.into_iter().cloned().collect() })
    }

    /// The keys to look for `kid` in. One of them has this name, unless the provider has said that none has.
    ///
    /// They are asked for when they are not fresh any more or the name is not among them, but never again within a pause:
    /// anybody can invent names. While the provider does not answer, those known stay in use for their hour. One asks at
    /// a time. Who has keys that will do does not wait for another who asks.
    async fn find(
        self: &Arc<Self>,
        client: &Client,
        kid: &str,
        now: DateTime<Utc>,
    ) -> Result<Arc<Vec<Key>>, IssuerError> {
        let has = |keys: &&Arc<Vec<Key>>| keys.iter().any(|key| key.id == kid);
        let known = self.known.load();
        if let Some(keys) = known.within(FRESH, now).filter(has) {
            return Ok(Arc::clone(keys));
        }
        if known.within(USABLE, now).is_some_and(|keys| has(&keys)) {
            if let Ok(asked_at) = Arc::clone(&self.asked_at).try_lock_owned() {
                self.ask(client, asked_at, now).await;
            }
        } else {
            let asked_at = Arc::clone(&self.asked_at).lock_owned().await;
            self.ask(client, asked_at, now).await;
        }
        let known = self.known.load();
        let keys = known.within(USABLE, now).ok_or(IssuerError::Unavailable)?;
        if !has(&keys) && self.in_vain.load(Ordering::Acquire) {
            // The key may be a new one; nobody can tell.
            return Err(IssuerError::Unavailable);
        }
        Ok(Arc::clone(keys))
    }

    /// Fetches the keys, unless somebody has just tried.
    async fn ask(
        self: &Arc<Self>,
        client: &Client,
        mut asked_at: tokio::sync::OwnedMutexGuard<Option<DateTime<Utc>>>,
        now: DateTime<Utc>,
    ) {
        if asked_at.is_some_and(|at| (now - at).abs() < PAUSE) {
            return;
        }
        *asked_at = Some(now);
        let (issuer, client) = (Arc::clone(self), client.clone());
        // A task of its own: whoever hangs up now would otherwise keep the others from the keys until the pause is over.
        let task = tokio::spawn(async move {
            match issuer.fetch(&client).await {
                Ok(keys) => {
                    issuer.known.store(Arc::new(Known { keys: Arc::new(keys), fetched_at: Some(now) }));
                    issuer.in_vain.store(false, Ordering::Release);
                }
                Err(error) => {
                    tracing::warn!(issuer = issuer.name, error = format!("{error:#}"), "key set not fetched");
                    issuer.in_vain.store(true, Ordering::Release);
                }
            }
            drop(asked_at);
        });
        if let Err(error) = task.await {
            tracing::error!(issuer = self.name, %error, "the task that fetches keys broke");
        }
    }

    async fn fetch(&self, client: &Client) -> anyhow::Result<Vec<Key>> {
        let mut response = client.get(self.jwks_url.clone()).header("accept", "application/json").send().await?;
        // Redirects are not followed: an address that somebody else may set is not the one in the settings.
        ensure!(response.status() == StatusCode::OK, "answered {}", response.status());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            ensure!(body.len() + chunk.len() <= MAX_KEY_SET_BYTES, "is larger than {MAX_KEY_SET_BYTES} bytes");
            body.extend_from_slice(&chunk);
        }
        let set: KeySet = serde_json::from_slice(&body)?;
        // A set may have keys of kinds that we do not know.
        Ok(set
            .keys
            .into_iter()
            .filter_map(|key| serde_json::from_value::<Jwk>(key).ok())
            .filter_map(Key::new)
            .collect())
    }
}

fn foreign_role(value: toml::Value) -> anyhow::Result<ForeignRole> {
    let settings = match value {
        role @ toml::Value::String(_) => RoleSettings { role: role.try_into()?, locales: Vec::new() },
        table => table.try_into()?,
    };
    let RoleSettings { role, locales } = settings;
    ensure!(
        locales.is_empty() != (role == Role::Translator),
        "a TRANSLATOR needs at least one locale, every other role has none"
    );
    Ok(ForeignRole { role, locales })
}

fn algorithm(name: &str) -> anyhow::Result<Algorithm> {
    let known = ALGORITHMS.map(|algorithm| format!("{algorithm:?}"));
    ensure!(!name.starts_with("HS"), "algorithm {name} needs a secret that we would have to share; use a public key");
    let found = known.iter().zip(ALGORITHMS).find(|(known, _)| *known == name);
    found.map(|(_, algorithm)| algorithm).with_context(|| format!("algorithm {name} is none of {}", known.join(", ")))
}

fn key_set_url(text: &str) -> anyhow::Result<Url> {
    let url: Url = text.parse()?;
    // The brackets of an IPv6 address belong to the URL.
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let loopback = host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback());
    match url.scheme() {
        "https" => Ok(url),
        "http" if loopback => Ok(url),
        "http" => bail!("is not https: whoever is between could send keys of their own"),
        scheme => bail!("{scheme} is not https"),
    }
}

/// A moment as a JWT has it, a number of seconds since 1970 with or without a fraction, in microseconds.
fn microseconds(value: &Value) -> Option<i128> {
    let since = std::time::Duration::try_from_secs_f64(value.as_f64()?).ok()?;
    i128::try_from(since.as_micros()).ok()
}

/// The claim at a path such as `realm_access.roles`. A name may itself have dots, as those that are addresses do.
fn at_path<'a>(claims: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    if let Some(value) = claims.get(path) {
        return Some(value);
    }
    let (first, rest) = path.split_once('.')?;
    at_path(claims.get(first)?.as_object()?, rest)
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

/// A key after RFC 7517. The library's own type refuses names that it does not know, and with one key the whole set.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: String,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// A public key, and what it may verify.
#[derive(Debug)]
struct Key {
    id: String,
    algorithms: Vec<Algorithm>,
    decoding: DecodingKey,
}

impl Key {
    /// The key, unless it is of a kind that we do not know or not for signatures.
    fn new(jwk: Jwk) -> Option<Self> {
        use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
        let for_signatures = jwk.usage.is_none_or(|usage| usage == "sig")
            && jwk.key_ops.is_none_or(|operations| operations.iter().any(|operation| operation == "verify"));
        let (mut algorithms, decoding) = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("RSA", None) => {
                (vec![RS256, RS384, RS512, PS256, PS384, PS512], DecodingKey::from_rsa_components(&jwk.n?, &jwk.e?))
            }
            ("EC", Some("P-256")) => (vec![ES256], DecodingKey::from_ec_components(&jwk.x?, &jwk.y?)),
            ("EC", Some("P-384")) => (vec![ES384], DecodingKey::from_ec_components(&jwk.x?, &jwk.y?)),
            ("OKP", Some("Ed25519")) => (vec![EdDSA], DecodingKey::from_ed_components(&jwk.x?)),
            _ => return None,
        };
        if let Some(only) = &jwk.alg {
            algorithms.retain(|algorithm| format!("{algorithm:?}") == *only);
        }
        for_signatures.then_some(Self { id: jwk.kid, algorithms, decoding: decoding.ok()? })
    }

    fn fits(&self, kid: &str, algorithm: Algorithm) -> bool {
        self.id == kid && self.algorithms.contains(&algorithm)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const HOSPITAL: &str = r#"
        [[issuer]]
        issuer = "https://login.example.org/realms/hospital"
        audience = "almanac"
        jwks_url = "https://login.example.org/realms/hospital/protocol/openid-connect/certs"
        role_claim = "realm_access.roles"
        [issuer.roles]
        almanac-editors = "EDITOR"
        readers = "READER"
        translators-vi = { role = "TRANSLATOR", locales = ["vi", "EN"] }
        translators-ja = { role = "TRANSLATOR", locales = ["ja", "vi"] }
    "#;

    fn hospital() -> Arc<Issuer> {
        let issuers = Issuers::parse(HOSPITAL).expect("settings");
        Arc::clone(issuers.issuers.first().expect("an issuer"))
    }

    fn claims(value: Value) -> Map<String, Value> {
        value.as_object().expect("an object").clone()
    }

    #[test]
    fn settings_have_defaults_that_are_safe() {
        let issuer = hospital();
        assert_eq!(
            (issuer.algorithms.as_slice(), issuer.email_claim.as_str()),
            ([Algorithm::RS256].as_slice(), "email")
        );
        assert!(Issuers::parse("").expect("nobody").issuers.is_empty());
    }

    #[test]
    fn settings_that_are_wrong_say_what_is() {
        let line = |old: &str, new: &str| HOSPITAL.replacen(old, new, 1);
        for (settings, expected) in [
            (line("audience", "audiences"), "unknown field `audiences`"),
            (line("audience = \"almanac\"", ""), "missing field `audience`"),
            (line("\"almanac\"", "\" \""), "audience is blank"),
            (format!("typo = 1\n{HOSPITAL}"), "unknown field `typo`"),
            (
                line("\"EDITOR\"", "\"BOSS\""),
                "roles.almanac-editors: unknown variant `BOSS`, expected one of `ADMINISTRATOR`, `EDITOR`",
            ),
            (line("\"EDITOR\"", "\"editor\""), "unknown variant `editor`"),
            (line("\"TRANSLATOR\"", "\"EDITOR\""), "every other role has none"),
            (line("\"vi\"", "\"not a locale\""), "BCP 47"),
            (line("locales", "locale"), "unknown field `locale`"),
            (line("role_claim = \"realm_access.roles\"", ""), "roles need a role_claim"),
            (line("role_claim", "algorithms = [\"HS256\"]\nrole_claim"), "algorithm HS256 needs a secret"),
            (line("role_claim", "algorithms = [\"none\"]\nrole_claim"), "algorithm none is none of RS256, "),
            (line("role_claim", "algorithms = []\nrole_claim"), "algorithms has none"),
            (line("role_claim", "vouch_days = 0\nrole_claim"), "vouch_days is not between 1 and 366"),
            (line("role_claim", "vouch_days = 367\nrole_claim"), "vouch_days is not between 1 and 366"),
            (line("https://login.example.org/realms/hospital/p", "http://login.example.org/p"), "is not https"),
            (line("https://login.example.org/realms/hospital/p", "http://127.0.0.1.example.org/p"), "is not https"),
            (line("https://login.example.org/realms/hospital/p", "file:///p"), "file is not https"),
            (line("https://login.example.org/realms/hospital/p", "/p"), "jwks_url /p"),
            (format!("{HOSPITAL}{HOSPITAL}"), "is there twice"),
        ] {
            let told = format!("{:#}", Issuers::parse(&settings).expect_err(expected));
            assert!(told.contains(expected), "{told}");
        }
    }

    #[test]
    fn keys_may_come_without_tls_from_this_machine_only() {
        for host in ["127.0.0.1:8080", "127.1.2.3", "[::1]:80", "localhost:8080"] {
            let settings = HOSPITAL.replace("https://login.example.org/realms/hospital/p", &format!("http://{host}/p"));
            assert!(Issuers::parse(&settings).is_ok(), "{host}");
        }
        for host in
            ["localhost.example.org", "10.0.0.1", "[::2]", "0.0.0.0", "localhost@example.org", "[::ffff:127.0.0.1]"]
        {
            assert!(key_set_url(&format!("http://{host}/p")).is_err(), "{host}");
        }
    }

    #[test]
    fn of_several_roles_the_strongest_counts_and_translators_may_all_that_any_of_theirs_may() {
        let issuer = hospital();
        let role = |roles: Value| {
            let role = issuer.role(&claims(json!({ "realm_access": { "roles": roles } })))?;
            Some((role.role, role.locales.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")))
        };
        let some = |role: Role, locales: &str| Some((role, locales.to_owned()));
        assert_eq!(role(json!(["readers", "almanac-editors", "translators-vi"])), some(Role::Editor, ""));
        assert_eq!(role(json!(["readers", "translators-ja", "translators-vi", 7])), some(Role::Translator, "en ja vi"));
        assert_eq!(role(json!("readers")), some(Role::Reader, ""));
        assert_eq!(role(json!(["EDITOR", "Almanac-Editors"])), None);
        assert_eq!(role(json!({ "almanac-editors": true })), None);
        assert_eq!(issuer.role(&claims(json!({}))), None);
        let flat =
            Issuers::parse(&HOSPITAL.replace("realm_access.roles", "https://example.org/roles")).expect("settings");
        let named = claims(json!({ "https://example.org/roles": "readers" }));
        assert!(flat.issuers.first().and_then(|issuer| issuer.role(&named)).is_some(), "a name may have dots");
    }

    #[test]
    fn an_address_counts_unless_it_is_known_to_be_unverified() {
        let issuer = hospital();
        let email = |value: Value| issuer.identity(&claims(value))?.email.map(String::from);
        assert_eq!(email(json!({ "sub": "a", "email": "A@Example.org" })).as_deref(), Some("a@example.org"));
        assert!(email(json!({ "sub": "a", "email": "a@example.org", "email_verified": true })).is_some());
        assert_eq!(email(json!({ "sub": "a", "email": "a@example.org", "email_verified": false })), None);
        assert_eq!(email(json!({ "sub": "a", "email": "nowhere" })), None);
        assert_eq!(issuer.identity(&claims(json!({ "email": "a@example.org" }))), None, "nobody");
        assert_eq!(issuer.identity(&claims(json!({ "sub": "" }))), None);
    }
}
