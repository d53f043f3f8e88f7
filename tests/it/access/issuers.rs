//! Tokens of foreign identity providers: whose are believed, and when their keys are asked for.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use api::access::issuer::{FRESH, ForeignIdentity, IssuerError, Issuers, MAX_KEY_SET_BYTES, PAUSE, USABLE};
use aws_lc_rs::{
    encoding::AsDer,
    rsa::{KeySize, PublicKeyComponents},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, Duration, Utc};
use entities::Role;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use tests::start;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::Notify,
};

const ISSUER: &str = "https://login.example.org/realms/hospital";

/// A key pair, and how a provider publishes it.
pub(super) struct Pair {
    algorithm: Algorithm,
    encoding: EncodingKey,
    jwk: Value,
}

fn base64(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

impl Pair {
    fn rsa(kid: &str) -> Self {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("an RSA key");
        let public: PublicKeyComponents<Vec<u8>> = pair.public_key().into();
        let pkcs8 = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&pair).expect("PKCS#8");
        Self {
            algorithm: Algorithm::RS256,
            encoding: EncodingKey::from_rsa_der(&rsa_private_key(pkcs8.as_ref())),
            jwk: json!({ "kty": "RSA", "kid": kid, "use": "sig", "alg": "RS256", "n": base64(public.n), "e": base64(public.e) }),
        }
    }

    fn p256(kid: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a P-256 key");
        let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
        Self {
            algorithm: Algorithm::ES256,
            encoding: EncodingKey::from_ec_der(pair.to_pkcs8v1().expect("PKCS#8").as_ref()),
            jwk: json!({ "kty": "EC", "crv": "P-256", "kid": kid, "use": "sig", "x": base64(x), "y": base64(y) }),
        }
    }

    pub(super) fn ed25519(kid: &str) -> Self {
        let pair = Ed25519KeyPair::generate().expect("an Ed25519 key");
        Self {
            algorithm: Algorithm::EdDSA,
            encoding: EncodingKey::from_ed_der(pair.to_pkcs8v1().expect("PKCS#8").as_ref()),
            jwk: json!({ "kty": "OKP", "crv": "Ed25519", "kid": kid, "x": base64(pair.public_key()) }),
        }
    }

    fn kid(&self) -> &str {
        self.jwk["kid"].as_str().expect("a kid")
    }

    /// A key as published, changed.
    fn published(&self, name: &str, value: Value) -> Value {
        let mut jwk = self.jwk.clone();
        jwk[name] = value;
        jwk
    }

    /// A token with these claims.
    pub(super) fn token(&self, claims: &Value) -> String {
        self.signed(&json!({ "alg": format!("{:?}", self.algorithm), "kid": self.kid(), "typ": "JWT" }), claims)
    }

    fn signed(&self, header: &Value, claims: &Value) -> String {
        sign(header, claims, &self.encoding, self.algorithm)
    }
}

/// The `RSAPrivateKey` inside PKCS#8, which is its last part: an octet string of two bytes of length.
fn rsa_private_key(pkcs8: &[u8]) -> Vec<u8> {
    let at = pkcs8.windows(2).position(|pair| pair == [0x04, 0x82]).expect("an octet string");
    pkcs8[at + 4..].to_vec()
}

fn sign(header: &Value, claims: &Value, key: &EncodingKey, algorithm: Algorithm) -> String {
    let message = format!("{}.{}", base64(header.to_string()), base64(claims.to_string()));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).expect("a signature");
    format!("{message}.{signature}")
}

/// Claims that are good for an hour from the start.
fn claims() -> Value {
    let now = start().timestamp();
    json!({
        "iss": ISSUER, "aud": "almanac", "sub": "7f3a", "iat": now, "nbf": now, "exp": now + 36_000,
        "email": "Nurse@Example.org", "realm_access": { "roles": ["translators-vi", "offline_access"] },
    })
}

pub(super) fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().expect("an object").remove(name).expect("there was such a claim");
    claims
}

/// How a provider answers.
#[derive(Clone)]
enum Answer {
    /// With this key set.
    Keys(Vec<Value>),
    /// With these bytes, as they are.
    Raw(String),
    /// Not at all.
    HangUp,
}

/// An identity provider on a port of its own, that counts how often it is asked.
pub(super) struct Provider {
    address: String,
    answer: Arc<Mutex<Answer>>,
    asked: Arc<AtomicUsize>,
    /// When set, each answer waits for one word.
    gate: Arc<Mutex<Option<Arc<Notify>>>>,
}

impl Provider {
    pub(super) async fn new(keys: &[&Pair]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let provider = Self {
            address: listener.local_addr().expect("an address").to_string(),
            answer: Arc::new(Mutex::new(Answer::HangUp)),
            asked: Arc::default(),
            gate: Arc::default(),
        };
        provider.publish(keys);
        let (answer, asked, gate) =
            (Arc::clone(&provider.answer), Arc::clone(&provider.asked), Arc::clone(&provider.gate));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.expect("a head"));
                }
                asked.fetch_add(1, Ordering::SeqCst);
                let wait = gate.lock().expect("a gate").clone();
                if let Some(word) = wait {
                    word.notified().await;
                }
                let answer = answer.lock().expect("an answer").clone();
                let response = match answer {
                    Answer::Keys(keys) => ok(&json!({ "keys": keys }).to_string()),
                    Answer::Raw(response) => response,
                    Answer::HangUp => continue,
                };
                // Whoever has read enough may hang up before the end.
                let _ = stream.write_all(response.as_bytes()).await;
            }
        });
        provider
    }

    fn answers(&self, answer: Answer) {
        *self.answer.lock().expect("an answer") = answer;
    }

    fn publish(&self, keys: &[&Pair]) {
        self.answers(Answer::Keys(keys.iter().map(|key| key.jwk.clone()).collect()));
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// An Almanac that believes it.
    fn issuers(&self) -> Issuers {
        self.believed_for("\"RS256\", \"ES256\", \"EdDSA\"")
    }

    fn believed_for(&self, algorithms: &str) -> Issuers {
        Issuers::parse(&self.settings(algorithms)).expect("settings")
    }

    /// What an operator writes to have it believed.
    pub(super) fn settings(&self, algorithms: &str) -> String {
        format!(
            r#"
            [[issuer]]
            issuer = "{ISSUER}"
            audience = "almanac"
            jwks_url = "http://{}/certs"
            algorithms = [{algorithms}]
            role_claim = "realm_access.roles"
            [issuer.roles]
            almanac-editors = "EDITOR"
            almanac-administrators = "ADMINISTRATOR"
            translators-vi = {{ role = "TRANSLATOR", locales = ["vi"] }}
            translators-ja = {{ role = "TRANSLATOR", locales = ["ja"] }}
            "#,
            self.address
        )
    }
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

fn after(duration: Duration) -> DateTime<Utc> {
    start() + duration
}

async fn verify(issuers: &Issuers, token: &str, now: DateTime<Utc>) -> Result<String, IssuerError> {
    issuers.verify(token, now).await.map(|identity| identity.subject)
}

const ACCEPTED: Result<&str, IssuerError> = Ok("7f3a");
const INVALID: Result<&str, IssuerError> = Err(IssuerError::Invalid);
const UNAVAILABLE: Result<&str, IssuerError> = Err(IssuerError::Unavailable);

macro_rules! expect {
    ($issuers:expr, $token:expr, $now:expr, $expected:expr) => {
        expect!($issuers, $token, $now, $expected, "")
    };
    ($issuers:expr, $token:expr, $now:expr, $expected:expr, $why:expr) => {
        assert_eq!(verify($issuers, $token, $now).await, $expected.map(str::to_owned), "{}", $why)
    };
}

#[tokio::test]
async fn a_token_of_a_provider_says_who_somebody_is_and_what_they_may() {
    let (rsa, p256, ed25519) = (Pair::rsa("r"), Pair::p256("p"), Pair::ed25519("e"));
    let provider = Provider::new(&[&rsa, &p256, &ed25519]).await;
    let issuers = provider.issuers();
    for pair in [&rsa, &p256, &ed25519] {
        let identity = issuers.verify(&pair.token(&claims()), start()).await.expect("a good token");
        let ForeignIdentity { issuer, subject, email, role, issued_at } = identity;
        assert_eq!(issued_at, Some(start()));
        assert_eq!((issuer.as_str(), subject.as_str()), (ISSUER, "7f3a"));
        assert_eq!(email.map(String::from).as_deref(), Some("nurse@example.org"));
        let role = role.expect("a role");
        assert_eq!(role.role, Role::Translator);
        assert_eq!(role.locales.iter().map(ToString::to_string).collect::<Vec<_>>(), ["vi"]);
    }
    assert_eq!(provider.asked(), 1, "the keys are known");
    let role = async |roles: Value| {
        let token = ed25519.token(&with("realm_access", json!({ "roles": roles })));
        let role = issuers.verify(&token, start()).await.expect("a good token").role?;
        Some((role.role, role.locales.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")))
    };
    let some = |role: Role, locales: &str| Some((role, locales.to_owned()));
    assert_eq!(role(json!(["translators-vi", "almanac-editors"])).await, some(Role::Editor, ""));
    assert_eq!(role(json!(["translators-vi", "translators-ja"])).await, some(Role::Translator, "ja vi"));
    assert_eq!(role(json!("almanac-editors")).await, some(Role::Editor, ""));
    assert_eq!(role(json!(["ADMINISTRATOR"])).await, None);
    for audience in [json!("almanac"), json!(["account", "almanac"])] {
        expect!(&issuers, &rsa.token(&with("aud", audience)), start(), ACCEPTED);
    }
    for media_type in ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt"] {
        let header = json!({ "alg": "RS256", "kid": "r", "typ": media_type });
        expect!(&issuers, &rsa.signed(&header, &claims()), start(), ACCEPTED, media_type);
    }
    expect!(&issuers, &rsa.signed(&json!({ "alg": "RS256", "kid": "r" }), &claims()), start(), ACCEPTED, "no type");
    for optional in ["nbf", "iat", "email", "realm_access"] {
        expect!(&issuers, &rsa.token(&without(optional)), start(), ACCEPTED, optional);
    }
}

#[tokio::test]
async fn no_forged_token_of_a_provider_passes() {
    let (rsa, p256) = (Pair::rsa("r"), Pair::p256("p"));
    let (stranger, stranger_p256) = (Pair::rsa("r"), Pair::p256("p"));
    let provider = Provider::new(&[&rsa, &p256]).await;
    let issuers = provider.issuers();
    let now = start().timestamp();
    let header = |name: &str, value: Value| {
        let mut header = json!({ "alg": "RS256", "kid": "r", "typ": "JWT" });
        header[name] = value;
        header
    };
    let hs256 = |secret: &[u8]| {
        sign(&header("alg", json!("HS256")), &claims(), &EncodingKey::from_secret(secret), Algorithm::HS256)
    };
    let none =
        |name: &str| format!("{}.{}.", base64(header("alg", json!(name)).to_string()), base64(claims().to_string()));
    let good = rsa.token(&claims());
    let (message, signature) = good.rsplit_once('.').expect("a signature");
    let (head, _) = message.split_once('.').expect("a header");
    let modulus = rsa.jwk["n"].as_str().expect("a modulus");
    let link = json!("http://evil.example/certs");

    expect!(&issuers, &good, start(), ACCEPTED, "the same hands made what fails below");
    for (attack, token) in [
        ("alg none", none("none")),
        ("alg None", none("None")),
        ("alg none, signature left on", format!("{}{signature}", none("none"))),
        ("no signature", format!("{message}.")),
        ("two parts", message.to_owned()),
        ("four parts", format!("{good}.x")),
        ("nothing", String::new()),
        ("edited claims", format!("{head}.{}.{signature}", base64(with("sub", json!("boss")).to_string()))),
        ("HS256 with the public key as published", hs256(modulus.as_bytes())),
        ("HS256 with the public key", hs256(&BASE64_URL_SAFE_NO_PAD.decode(modulus).expect("base64url"))),
        ("HS256 with the key document", hs256(rsa.jwk.to_string().as_bytes())),
        ("another key, same kid", stranger.token(&claims())),
        ("another P-256 key, same kid", stranger_p256.token(&claims())),
        ("embedded key", stranger.signed(&header("jwk", stranger.jwk.clone()), &claims())),
        ("linked keys", stranger.signed(&header("jku", link.clone()), &claims())),
        ("linked certificate", stranger.signed(&header("x5u", link), &claims())),
        ("no kid", rsa.signed(&header("kid", Value::Null), &claims())),
        ("kid that is a number", rsa.signed(&header("kid", json!(7)), &claims())),
        ("critical extension", rsa.signed(&header("crit", json!(["b64"])), &claims())),
        ("no critical extension, but the word", rsa.signed(&header("crit", Value::Null), &claims())),
        ("a token of logging out", rsa.signed(&header("typ", json!("logout+jwt")), &claims())),
        ("a proof of possession", rsa.signed(&header("typ", json!("dpop+jwt")), &claims())),
        ("a type that is a number", rsa.signed(&header("typ", json!(7)), &claims())),
        ("a type that is nothing", rsa.signed(&header("typ", Value::Null), &claims())),
        ("RSA key for ES256", rsa.signed(&header("alg", json!("ES256")), &claims())),
        ("P-256 key for RS256", p256.signed(&header("kid", json!("p")), &claims())),
        (
            "an algorithm of the key, not of the settings",
            sign(&header("alg", json!("RS512")), &claims(), &rsa.encoding, Algorithm::RS512),
        ),
        ("wrong issuer", rsa.token(&with("iss", json!("https://evil.example")))),
        ("issuer with a slash more", rsa.token(&with("iss", json!(format!("{ISSUER}/"))))),
        ("list of issuers", rsa.token(&with("iss", json!([ISSUER])))),
        ("no issuer", rsa.token(&without("iss"))),
        ("wrong audience", rsa.token(&with("aud", json!("another")))),
        ("wrong audiences", rsa.token(&with("aud", json!(["another", "Almanac", 7])))),
        ("no audience", rsa.token(&without("aud"))),
        ("expired this second", rsa.token(&with("exp", json!(now)))),
        ("expired by a second", rsa.token(&with("exp", json!(now - 1)))),
        ("expired by a moment", rsa.token(&with("exp", json!(-0.5)))),
        ("no expiry", rsa.token(&without("exp"))),
        ("expiry as text", rsa.token(&with("exp", json!("9999999999")))),
        ("not yet valid", rsa.token(&with("nbf", json!(now + 1)))),
        ("begins at some word", rsa.token(&with("nbf", json!("now")))),
        ("issued tomorrow", rsa.token(&with("iat", json!(now + 86_400)))),
        ("issued in a second", rsa.token(&with("iat", json!(now + 1)))),
        ("issued at some word", rsa.token(&with("iat", json!("now")))),
        ("nobody", rsa.token(&without("sub"))),
        ("subject that is a number", rsa.token(&with("sub", json!(7)))),
    ] {
        expect!(&issuers, &token, start(), INVALID, attack);
    }
    assert_eq!(provider.asked(), 1, "none of it was worth a question");

    let only_es256 = provider.believed_for("\"ES256\"");
    expect!(&only_es256, &good, start(), INVALID);
    expect!(&only_es256, &p256.token(&claims()), start(), ACCEPTED);
}

#[tokio::test]
async fn a_token_is_good_to_its_last_moment() {
    let pair = Pair::ed25519("e");
    let issuers = Provider::new(&[&pair]).await.issuers();
    let token = pair.token(&with("exp", json!(start().timestamp() + 60)));
    expect!(&issuers, &token, after(Duration::microseconds(59_999_999)), ACCEPTED);
    expect!(&issuers, &token, after(Duration::seconds(60)), INVALID);
    expect!(&issuers, &token, after(Duration::microseconds(-1)), INVALID, "not yet");
}

#[tokio::test]
async fn a_key_is_good_for_what_the_provider_says_it_is_for() {
    let pair = Pair::rsa("r");
    let token = pair.token(&claims());
    for (jwk, expected) in [
        (pair.published("use", json!("enc")), INVALID),
        (pair.published("alg", json!("RS512")), INVALID),
        (pair.published("alg", json!("RSA-OAEP-256")), INVALID),
        (pair.published("kty", json!("oct")), INVALID),
        (pair.published("key_ops", json!(["encrypt"])), INVALID),
        (pair.published("key_ops", json!(["verify"])), ACCEPTED),
        (pair.published("use", Value::Null), ACCEPTED),
        (pair.published("alg", Value::Null), ACCEPTED),
    ] {
        let provider = Provider::new(&[]).await;
        let strange = json!({ "kty": "AKP", "kid": "s", "use": "future", "alg": "ML-DSA-65" });
        provider.answers(Answer::Keys(vec![strange, json!("no key"), jwk.clone()]));
        expect!(&provider.issuers(), &token, start(), expected, jwk);
    }
}

#[tokio::test]
async fn an_unknown_kid_is_asked_for_once_and_then_not_for_ten_seconds() {
    let (known, unknown) = (Pair::ed25519("known"), Pair::ed25519("unknown"));
    let provider = Provider::new(&[&known]).await;
    let issuers = provider.issuers();
    expect!(&issuers, &known.token(&claims()), start(), ACCEPTED);
    assert_eq!(provider.asked(), 1);
    let invented = |n: i64| Pair::ed25519(&format!("invented {n}")).token(&claims());
    expect!(&issuers, &unknown.token(&claims()), after(PAUSE), INVALID);
    assert_eq!(provider.asked(), 2);
    for second in 0..10 {
        expect!(&issuers, &invented(second), after(PAUSE + Duration::seconds(second)), INVALID);
    }
    assert_eq!(provider.asked(), 2);
    provider.publish(&[&known, &unknown]);
    expect!(&issuers, &unknown.token(&claims()), after(PAUSE * 2), ACCEPTED);
    assert_eq!(provider.asked(), 3);
}

#[tokio::test]
async fn a_new_key_counts_at_once_and_one_that_was_withdrawn_after_five_minutes() {
    let (old, new) = (Pair::rsa("old"), Pair::p256("new"));
    let provider = Provider::new(&[&old]).await;
    let issuers = provider.issuers();
    expect!(&issuers, &old.token(&claims()), start(), ACCEPTED);
    provider.publish(&[&old, &new]);
    expect!(&issuers, &new.token(&claims()), after(PAUSE), ACCEPTED);
    provider.publish(&[&new]);
    expect!(&issuers, &old.token(&claims()), after(PAUSE + FRESH - Duration::milliseconds(1)), ACCEPTED);
    assert_eq!(provider.asked(), 2);
    expect!(&issuers, &old.token(&claims()), after(PAUSE + FRESH), INVALID);
    expect!(&issuers, &new.token(&claims()), after(PAUSE + FRESH), ACCEPTED);
    assert_eq!(provider.asked(), 3);
}

#[tokio::test]
async fn while_a_provider_is_away_known_keys_are_good_for_an_hour() {
    let (known, unknown) = (Pair::ed25519("known"), Pair::ed25519("unknown"));
    let provider = Provider::new(&[&known]).await;
    let issuers = provider.issuers();
    let token = known.token(&claims());
    expect!(&issuers, &token, start(), ACCEPTED);
    provider.answers(Answer::HangUp);
    expect!(&issuers, &token, after(FRESH), ACCEPTED);
    assert_eq!(provider.asked(), 2);
    expect!(&issuers, &token, after(FRESH + Duration::seconds(9)), ACCEPTED);
    assert_eq!(provider.asked(), 2, "a provider in trouble is left alone, too");
    expect!(&issuers, &unknown.token(&claims()), after(FRESH + PAUSE), UNAVAILABLE, "nobody can tell");
    expect!(&issuers, &token, after(USABLE - Duration::milliseconds(1)), ACCEPTED);
    expect!(&issuers, &token, after(USABLE), UNAVAILABLE);
    expect!(&issuers, &token, after(USABLE + Duration::seconds(30)), UNAVAILABLE);
    provider.publish(&[&known]);
    expect!(&issuers, &token, after(USABLE + Duration::seconds(40)), ACCEPTED);
}

#[tokio::test]
async fn a_provider_that_was_never_there_is_unavailable() {
    let pair = Pair::ed25519("e");
    let provider = Provider::new(&[]).await;
    provider.answers(Answer::HangUp);
    let issuers = provider.issuers();
    expect!(&issuers, &pair.token(&claims()), start(), UNAVAILABLE);
    expect!(&issuers, &pair.token(&claims()), after(Duration::seconds(1)), UNAVAILABLE);
    assert_eq!(provider.asked(), 1);
}

#[tokio::test]
async fn an_answer_that_is_no_key_set_is_none() {
    let pair = Pair::ed25519("e");
    let token = pair.token(&claims());
    let elsewhere = Provider::new(&[&pair]).await;
    let set = |size: usize| {
        let body = json!({ "keys": [pair.jwk], "more": "" }).to_string();
        let blanks = " ".repeat(size - body.len());
        body.replace("\"more\":\"\"", &format!("\"more\":\"{blanks}\""))
    };
    let chunked = |body: &str| {
        format!(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
            body.len()
        )
    };
    for (what, response, expected) in [
        ("as large as may be", ok(&set(MAX_KEY_SET_BYTES)), ACCEPTED),
        ("a byte larger", ok(&set(MAX_KEY_SET_BYTES + 1)), UNAVAILABLE),
        ("of a size that is not announced", chunked(&set(MAX_KEY_SET_BYTES + 1)), UNAVAILABLE),
        ("cut off", ok(&set(1_000))[..900].to_owned(), UNAVAILABLE),
        ("no JSON", ok("<html>"), UNAVAILABLE),
        ("no keys", ok("{}"), UNAVAILABLE),
        (
            "elsewhere",
            format!(
                "HTTP/1.1 302 Found\r\nlocation: http://{}/certs\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
                elsewhere.address
            ),
            UNAVAILABLE,
        ),
        ("a fault", ok(&set(1_000)).replace("200 OK", "500 Internal Server Error"), UNAVAILABLE),
    ] {
        let provider = Provider::new(&[]).await;
        provider.answers(Answer::Raw(response));
        expect!(&provider.issuers(), &token, start(), expected, what);
    }
    assert_eq!(elsewhere.asked(), 0, "redirects are not followed");
}

#[tokio::test]
async fn of_many_who_need_the_same_key_one_asks() {
    let pair = Pair::ed25519("e");
    let provider = Provider::new(&[&pair]).await;
    let issuers = Arc::new(provider.issuers());
    let word = Arc::new(Notify::new());
    *provider.gate.lock().expect("a gate") = Some(Arc::clone(&word));
    let token = pair.token(&claims());
    // The first hangs up while it waits; the others must not be held up for that.
    let ask = || {
        let (issuers, token) = (Arc::clone(&issuers), token.clone());
        tokio::spawn(async move { issuers.verify(&token, start()).await })
    };
    let first = ask();
    while provider.asked() == 0 {
        tokio::task::yield_now().await;
    }
    first.abort();
    let others: Vec<_> = (0..20).map(|_| ask()).collect();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    word.notify_one();
    for other in others {
        assert!(other.await.expect("not broken").is_ok());
    }
    assert_eq!(provider.asked(), 1);

    // Whoever has a key that will do does not wait until a slow provider has answered.
    let slow = tokio::spawn({
        let (issuers, token) = (Arc::clone(&issuers), token.clone());
        async move { issuers.verify(&token, after(FRESH)).await }
    });
    while provider.asked() == 1 {
        tokio::task::yield_now().await;
    }
    expect!(&issuers, &token, after(FRESH), ACCEPTED);
    assert!(!slow.is_finished());
    word.notify_one();
    assert!(slow.await.expect("not broken").is_ok());
}
