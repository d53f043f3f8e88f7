//! Access tokens: what they say, who can verify them, and what does not pass for one.

use api::{access::key, delivery::feed};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, Duration};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Validation, decode, decode_header, jwk::JwkSet};
use serde_json::{Value, json};
use tests::{EDITOR, Reply, TestApp, on_both_databases, start};

const ISSUER: &str = "https://almanac.example.org";
const LOCALES: &str = "{ locales { code } }";

/// A token taken apart, to be put together in ways that nobody should accept.
#[derive(Clone)]
struct Forgery {
    header: Value,
    claims: Value,
}

impl Forgery {
    fn of(token: &str) -> Self {
        let mut parts = token.split('.').map(|part| {
            let json = BASE64_URL_SAFE_NO_PAD.decode(part).expect("base64url");
            serde_json::from_slice(&json).unwrap_or_default()
        });
        Self { header: parts.next().expect("a header"), claims: parts.next().expect("claims") }
    }

    fn header(mut self, name: &str, value: Value) -> Self {
        self.header[name] = value;
        self
    }

    fn claim(mut self, name: &str, value: Value) -> Self {
        self.claims[name] = value;
        self
    }

    fn without(mut self, name: &str) -> Self {
        let claims = self.claims.as_object_mut().expect("an object");
        claims.remove(name).expect("there was such a claim");
        self
    }

    fn message(&self) -> String {
        let encode = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}", encode(&self.header), encode(&self.claims))
    }

    fn signed(&self, key: &EncodingKey, algorithm: Algorithm) -> String {
        let message = self.message();
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).expect("a signature");
        format!("{message}.{signature}")
    }

    /// Signed with the key that this app signs with.
    fn signed_by(&self, app: &TestApp) -> String {
        self.signed(&app.state().keys().current(app.state().now()).expect("a key").encoding, Algorithm::EdDSA)
    }
}

/// Somebody else's Ed25519 key, as PKCS#8 version 1.
fn stranger() -> EncodingKey {
    let prefix = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
    EncodingKey::from_ed_der(&[prefix.as_slice(), &[7; 32]].concat())
}

async fn keys(app: &TestApp) -> Vec<String> {
    let reply = app.anonymous().get("/.well-known/jwks.json").await;
    let keys = reply.at("/keys").as_array().expect("a list");
    keys.iter().map(|key| key["kid"].as_str().expect("a kid").to_owned()).collect()
}

async fn accepts(app: &TestApp, token: &str) -> bool {
    let reply = app.bearer(token).run("{ viewer { email } }", json!({})).await;
    match reply.status() {
        200 => reply.at("/data/viewer/email") == EDITOR.email,
        status => {
            assert_eq!((status, reply.code()), (401, "UNAUTHENTICATED"));
            false
        }
    }
}

fn id_of(token: &str) -> String {
    decode_header(token).expect("a header").kid.expect("a kid")
}

on_both_databases! {
    async fn a_token_says_who_issued_it_for_whom_and_for_how_long(app: TestApp) {
        let session = app.sign_in(EDITOR).await;
        let Forgery { header, claims } = Forgery::of(&session.access_token);
        assert_eq!(header, json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": keys(&app).await[0] }));
        let now = start().timestamp();
        assert_eq!((&claims["iss"], &claims["aud"]), (&json!(ISSUER), &json!("almanac")));
        assert_eq!((&claims["iat"], &claims["nbf"], &claims["exp"]), (&json!(now), &json!(now), &json!(now + 600)));
        let expires_at: DateTime<chrono::Utc> = session.expires_at.parse().expect("a time");
        assert_eq!(expires_at.timestamp(), now + 600);
        let mut names: Vec<_> = claims.as_object().expect("an object").keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["aud", "exp", "iat", "iss", "nbf", "sid", "sub"], "no address, no role, no secret");
    }

    async fn a_stranger_can_verify_a_token_with_the_served_keys(app: TestApp) {
        let token = app.sign_in(EDITOR).await.access_token;
        let served = app.anonymous().get("/.well-known/jwks.json").await;
        let keys: JwkSet = serde_json::from_value(served.json().clone()).expect("a key set");
        let key = keys.find(&id_of(&token)).expect("the key of the token");
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&["almanac"]);
        validation.set_issuer(&[ISSUER]);
        // A stranger's clock is not the test's.
        validation.validate_exp = false;
        let verified = decode::<Value>(&token, &DecodingKey::from_jwk(key).expect("a key"), &validation);
        assert_eq!(verified.expect("verifies").claims["iss"], ISSUER);
        let forged = Forgery::of(&token).signed(&stranger(), Algorithm::EdDSA);
        assert!(decode::<Value>(&forged, &DecodingKey::from_jwk(key).expect("a key"), &validation).is_err());
    }

    async fn a_token_is_good_from_its_first_second_until_just_before_its_last(app: TestApp) {
        let token = app.sign_in(EDITOR).await.access_token;
        assert!(accepts(&app, &token).await);
        app.clock().advance(Duration::seconds(599));
        assert!(accepts(&app, &token).await);
        app.clock().advance(Duration::milliseconds(999));
        assert!(accepts(&app, &token).await);
        app.clock().advance(Duration::milliseconds(1));
        assert!(!accepts(&app, &token).await, "expired");
        app.clock().advance(Duration::seconds(-600));
        assert!(accepts(&app, &token).await);
        app.clock().advance(Duration::milliseconds(-1));
        assert!(!accepts(&app, &token).await, "not yet valid");
    }

    async fn no_forged_token_passes_or_runs_as_anonymous(app: TestApp) {
        let session = app.sign_in(EDITOR).await;
        let genuine = Forgery::of(&session.access_token);
        let served = app.anonymous().get("/.well-known/jwks.json").await;
        let jwk = served.at("/keys/0").clone();
        let public = BASE64_URL_SAFE_NO_PAD.decode(jwk["x"].as_str().expect("a key")).expect("base64url");
        let now = start().timestamp();
        let hs256 = |secret: &[u8]| {
            genuine.clone().header("alg", json!("HS256")).signed(&EncodingKey::from_secret(secret), Algorithm::HS256)
        };
        let none = |name: &str| format!("{}.", genuine.clone().header("alg", json!(name)).message());
        let mut parts = session.access_token.split('.');
        let mut part = || parts.next().expect("three parts");
        let (head, _, signature) = (part(), part(), part());
        let other_claims = genuine.clone().claim("sub", json!("00000000-0000-7000-8000-000000000000")).message();
        let edited = format!("{head}.{}.{signature}", other_claims.split('.').nth(1).expect("claims"));
        let with = |claim: &str, value: Value| genuine.clone().claim(claim, value).signed_by(&app);
        let link = json!("https://evil.example/jwks.json");
        let own_jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": BASE64_URL_SAFE_NO_PAD.encode([7; 32]) });

        // The same hands put a genuine token together, so what fails below fails for its own reason.
        assert!(accepts(&app, &genuine.signed_by(&app)).await);
        for (attack, token) in [
            ("edited payload", edited),
            ("no signature", format!("{}.", genuine.message())),
            ("half a signature", session.access_token[..session.access_token.len() - 43].to_owned()),
            ("alg none", none("none")),
            ("alg None", none("None")),
            ("alg none, signature left on", format!("{}{signature}", none("none"))),
            ("HS256 with the public key", hs256(&public)),
            ("HS256 with the public key as served", hs256(jwk["x"].as_str().expect("a key").as_bytes())),
            ("HS256 with the key document", hs256(served.text().as_bytes())),
            ("HS256 with nothing", hs256(b"")),
            ("another key, same kid", genuine.signed(&stranger(), Algorithm::EdDSA)),
            ("unknown kid", genuine.clone().header("kid", json!("unknown")).signed_by(&app)),
            ("kid that is a path", genuine.clone().header("kid", json!("../../dev/null")).signed_by(&app)),
            ("kid that is SQL", genuine.clone().header("kid", json!("' OR 1=1 --")).signed_by(&app)),
            ("no kid", genuine.clone().header("kid", Value::Null).signed_by(&app)),
            ("embedded key", genuine.clone().header("jwk", own_jwk.clone()).signed(&stranger(), Algorithm::EdDSA)),
            ("linked key", genuine.clone().header("jku", link).signed(&stranger(), Algorithm::EdDSA)),
            ("wrong type", genuine.clone().header("typ", json!("JWT")).signed_by(&app)),
            ("no type", genuine.clone().header("typ", Value::Null).signed_by(&app)),
            ("critical extension", genuine.clone().header("crit", json!(["b64"])).signed_by(&app)),
            ("no critical extension, but the word", genuine.clone().header("crit", Value::Null).signed_by(&app)),
            ("issued in the future", with("iat", json!(now + 1))),
            ("issued at no time", genuine.clone().without("iat").signed_by(&app)),
            ("wrong audience", with("aud", json!("another"))),
            ("no audience", genuine.clone().without("aud").signed_by(&app)),
            ("wrong issuer", with("iss", json!("https://evil.example"))),
            ("no issuer", genuine.clone().without("iss").signed_by(&app)),
            ("expired this second", with("exp", json!(now))),
            ("no expiry", genuine.clone().without("exp").signed_by(&app)),
            ("expiry as text", with("exp", json!("9999999999"))),
            ("not yet valid", with("nbf", json!(now + 1))),
            ("no beginning", genuine.clone().without("nbf").signed_by(&app)),
            ("no subject", genuine.clone().without("sub").signed_by(&app)),
            ("subject that is no id", with("sub", json!("editor@example.org"))),
            ("a refresh token", session.refresh_token.clone()),
            ("nothing", String::new()),
            ("blank", "   ".to_owned()),
            ("dots", "..".to_owned()),
            ("two tokens", format!("{0}, {0}", session.access_token)),
            ("a token and more", format!("{} x", session.access_token)),
            ("four parts", format!("{}.x", session.access_token)),
        ] {
            let reply = app.bearer(&token).run(LOCALES, json!({})).await;
            assert_eq!((reply.status(), reply.code()), (401, "UNAUTHENTICATED"), "{attack}: {}", reply.text());
            assert!(reply.json().get("data").is_none(), "{attack}: {}", reply.text());
        }
        assert!(accepts(&app, &session.access_token).await, "the session has survived all of it");
    }

    async fn a_genuine_token_for_somebody_elses_session_opens_nothing(app: TestApp) {
        let genuine = Forgery::of(&app.sign_in(EDITOR).await.access_token);
        let other = Forgery::of(app.administrator().await.token().expect("a token"));
        for forged in [
            genuine.clone().claim("sub", other.claims["sub"].clone()),
            genuine.clone().claim("sid", other.claims["sid"].clone()),
            genuine.clone().claim("sid", json!("00000000-0000-7000-8000-000000000000")),
        ] {
            let client = app.bearer(&forged.signed_by(&app));
            let reply = client.run("{ viewer { email } }", json!({})).await;
            assert_eq!((reply.code(), reply.at("/data/viewer")), ("UNAUTHENTICATED", &Value::Null));
        }
    }

    async fn a_rotated_key_signs_nothing_new_and_verifies_until_its_last_token_has_expired(app: TestApp) {
        let old = app.sign_in(EDITOR).await.access_token;
        let old_key = app.state().keys().current(app.state().now()).expect("a key").encoding.clone();
        let replica = app.reopen().await;
        let new_id = tests::commands::rotate_key(app.state()).await.expect("rotates");
        let between = app.sign_in(EDITOR).await.access_token;
        assert_eq!(id_of(&between), id_of(&old), "until every replica knows the new key, the old one signs");
        app.clock().advance(key::HANDOVER);
        let new = app.sign_in(EDITOR).await.access_token;
        assert_eq!(id_of(&new), new_id);
        assert_ne!(id_of(&old), new_id);
        assert!(accepts(&app, &old).await && accepts(&app, &new).await);
        let mut served = keys(&app).await;
        served.sort_unstable();
        let mut both = vec![id_of(&old), new_id.clone()];
        both.sort_unstable();
        assert_eq!(served, both);

        feed::look(replica.state()).await.expect("catches up");
        assert!(accepts(&replica, &old).await && accepts(&replica, &new).await);
        assert_eq!(id_of(&replica.sign_in(EDITOR).await.access_token), new_id, "replicas sign with it too");
        assert!(accepts(&app.reopen().await, &old).await, "a restart forgets neither");

        // Made with the old key, but not by this Almanac: it never expires.
        let endless = Forgery::of(&old).claim("exp", json!(i64::MAX)).signed(&old_key, Algorithm::EdDSA);
        app.clock().advance(Duration::minutes(60));
        assert_eq!(keys(&app).await.len(), 2, "a token may live that long");
        assert!(accepts(&app, &endless).await);
        app.clock().advance(Duration::minutes(1));
        assert_eq!(keys(&app).await, [new_id]);
        assert!(!accepts(&app, &endless).await);
    }
}

#[tokio::test]
async fn a_header_that_is_not_exactly_one_bearer_token_is_refused() {
    let app = TestApp::new().await;
    let token = app.sign_in(EDITOR).await.access_token;
    let client = app.raw();
    let send = async |values: &[String]| {
        let mut request = client.post("/graphql").header("accept", "application/graphql-response+json");
        for value in values {
            request = request.header("authorization", value);
        }
        Reply::read(request.body_json(&json!({ "query": "{ viewer { email } }" })).send().await).await
    };
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let reply = send(&[format!("{scheme} {token}")]).await;
        assert_eq!(reply.at("/data/viewer/email"), EDITOR.email, "the name of a scheme has no case");
    }
    for values in [
        vec![String::new()],
        vec!["Bearer".to_owned()],
        vec!["Bearer ".to_owned()],
        vec![token.clone()],
        vec![format!("Basic {}", base64::prelude::BASE64_STANDARD.encode("editor@example.org:password"))],
        vec![format!("Basic {token}")],
        vec![format!("Bearer: {token}")],
        vec![format!("Token {token}")],
        vec![format!("Bearer {token}"), format!("Bearer {token}")],
        vec![format!("Bearer {token}"), "Bearer x".to_owned()],
        vec!["Bearer x".to_owned(), format!("Bearer {token}")],
        vec![format!("Bearer {token}"), String::new()],
    ] {
        let reply = send(&values).await;
        assert_eq!((reply.status(), reply.code()), (401, "UNAUTHENTICATED"), "{values:?}");
    }
}

#[tokio::test]
async fn a_token_is_read_from_nowhere_but_its_header() {
    let app = TestApp::new().await;
    let token = app.sign_in(EDITOR).await.access_token;
    let client = app.raw();
    let request = client.get("/graphql").query("query", &"{ viewer { email } }").query("access_token", &token);
    let request = request.header("cookie", format!("access_token={token}; token={token}"));
    let reply = Reply::read(request.send().await).await;
    assert_eq!(reply.data(), &json!({ "viewer": null }));
}

#[tokio::test]
async fn the_life_of_a_token_is_a_setting() {
    let app = TestApp::new().await.with(|config| config.access_token_minutes = 1).await;
    let token = app.sign_in(EDITOR).await.access_token;
    app.clock().advance(Duration::seconds(59));
    assert!(accepts(&app, &token).await);
    app.clock().advance(Duration::seconds(1));
    assert!(!accepts(&app, &token).await);
}

#[tokio::test]
async fn a_token_of_another_almanac_is_refused() {
    let app = TestApp::new().await;
    let token = app.sign_in(EDITOR).await.access_token;
    let renamed = app.with(|config| config.public_url = Some("https://other.example.org/".to_owned())).await;
    assert!(!accepts(&renamed, &token).await);
}
