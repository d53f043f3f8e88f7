//! A whole Almanac, and its clients.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use api::{
    config::{Config, LogFormat},
    database::Database,
    state::{Clock, Random, State},
};
use chrono::{DateTime, TimeZone, Utc};
use poem::{
    Endpoint, EndpointExt, Response,
    endpoint::BoxEndpoint,
    test::{TestClient, TestRequestBuilder},
};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::{
    database::{Backend, TestDatabase},
    reply::Reply,
};

/// What somebody signs in with.
#[derive(Clone, Copy, Debug)]
pub struct Credentials {
    /// The address.
    pub email: &'static str,
    /// The password.
    pub password: &'static str,
}

/// An account that may write.
pub const EDITOR: Credentials = Credentials { email: "editor@example.org", password: "an editor's password" };
/// An account that may do everything.
pub const ADMINISTRATOR: Credentials =
    Credentials { email: "administrator@example.org", password: "an administrator's password" };

/// An account that may write texts in English.
pub const TRANSLATOR: Credentials =
    Credentials { email: "translator@example.org", password: "a translator's password" };
/// An account that may write figures.
pub const STATISTICIAN: Credentials =
    Credentials { email: "statistician@example.org", password: "a statistician's password" };
/// An account that may read drafts.
pub const READER: Credentials = Credentials { email: "reader@example.org", password: "a reader's password" };

/// When every test starts.
#[must_use]
pub fn start() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 1, 15, 0, 0, 0).single().expect("a moment")
}

/// Literal settings: a test run reads neither environment nor command line.
pub(crate) fn config() -> Config {
    Config {
        database_url: None,
        database_password_file: None,
        data_dir: "nowhere".into(),
        bind: ([127, 0, 0, 1], 0).into(),
        public_url: Some("https://almanac.example.org".to_owned()),
        dataset: None,
        admin_email: ADMINISTRATOR.email.parse().expect("an e-mail address"),
        admin_password_file: None,
        trusted_issuers: None,
        allowed_origins: Vec::new(),
        access_token_minutes: 10,
        session_days: 30,
        max_connections: 16,
        max_connections_per_network: 16,
        max_body_bytes: 2 * 1024 * 1024,
        rate_limit: 2_000_000,
        response_cache_bytes: 4 * 1024 * 1024,
        max_response_bytes: 64 * 1024 * 1024,
        shared_max_age: 5,
        stale_while_revalidate: 5,
        page_body_bytes: 4 * 1024 * 1024,
        earlier_figures_bytes: 4 * 1024 * 1024,
        trusted_proxies: 0,
        trusted_documents_only: false,
        log: "off".to_owned(),
        log_format: LogFormat::Text,
    }
}

/// One process of Almanac over a database of its own: migrated, seeded with the built-in example, and with an account of
/// each role. It is [`start`] and stays so until the clock is moved.
pub struct TestApp {
    state: State,
    clock: Clock,
    endpoint: Arc<BoxEndpoint<'static, Response>>,
    statements: Statements,
    editor: OnceCell<String>,
    administrator: OnceCell<String>,
    // Last, so that the connections are gone before the database is.
    database: Arc<TestDatabase>,
}

impl TestApp {
    /// An app on SQLite, for promises that no database has a part in.
    pub async fn new() -> Self {
        Self::on(Backend::Sqlite).await.expect("SQLite is always there")
    }

    /// An app on a fresh database; nothing when there is no PostgreSQL for it.
    pub async fn on(backend: Backend) -> Option<Self> {
        let database = Arc::new(TestDatabase::new(backend).await?);
        Some(Self::open(database, config(), Clock::manual(start())).await)
    }

    /// A second process over the same database and clock, with settings changed by `change`. It knows nothing of the
    /// first one's memory: neither its snapshot nor the attempts that it has counted.
    pub async fn with(&self, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = self.state.config().clone();
        change(&mut config);
        Self::open(Arc::clone(&self.database), config, self.clock.clone()).await
    }

    /// A second process over the same database and clock: a replica, or this one after a restart.
    pub async fn reopen(&self) -> Self {
        self.with(|_| ()).await
    }

    async fn open(test_database: Arc<TestDatabase>, config: Config, clock: Clock) -> Self {
        let statements = Statements::default();
        let mut database = Database::open(test_database.url(), None).await.expect("the test's database opens");
        let counter = statements.clone();
        database.on_statement(move || counter.count());
        let random = Random::from_system().expect("random numbers");
        let state = api::setup::open(config, database, clock.clone(), random).await.expect("the state opens");
        let endpoint = Arc::new(api::http::app(&state).expect("settings that can be served").boxed());
        statements.reset();
        Self {
            state,
            clock,
            endpoint,
            statements,
            editor: OnceCell::new(),
            administrator: OnceCell::new(),
            database: test_database,
        }
    }

    /// What the process holds.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The clock of this process and of all that came of it.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Which database it runs on.
    pub fn backend(&self) -> Backend {
        self.database.backend()
    }

    /// The URL of its database.
    pub fn database_url(&self) -> &str {
        self.database.url()
    }

    /// The SQL statements that the process runs.
    pub fn statements(&self) -> &Statements {
        &self.statements
    }

    /// Everything that is served, for tests of HTTP itself.
    pub fn raw(&self) -> TestClient<impl Endpoint<Output = Response> + use<>> {
        TestClient::new(Arc::clone(&self.endpoint))
    }

    /// Somebody without a token.
    pub fn anonymous(&self) -> Client {
        Client { endpoint: Arc::clone(&self.endpoint), token: None, headers: Vec::new() }
    }

    /// Somebody with this access token.
    pub fn bearer(&self, token: &str) -> Client {
        Client { token: Some(token.to_owned()), ..self.anonymous() }
    }

    /// [`EDITOR`], signed in when first asked for. The token expires after ten minutes of the test's clock.
    pub async fn editor(&self) -> Client {
        self.bearer(self.editor.get_or_init(|| self.access_token(EDITOR)).await)
    }

    /// [`ADMINISTRATOR`], signed in when first asked for. The token expires after ten minutes of the test's clock.
    pub async fn administrator(&self) -> Client {
        self.bearer(self.administrator.get_or_init(|| self.access_token(ADMINISTRATOR)).await)
    }

    async fn access_token(&self, credentials: Credentials) -> String {
        self.sign_in(credentials).await.access_token
    }

    /// Signs in: a new session each time.
    pub async fn sign_in(&self, credentials: Credentials) -> Session {
        let reply = self.try_sign_in(credentials.email, credentials.password).await;
        Session::read(reply.at("/data/signIn/session"))
    }

    /// Tries to sign in.
    pub async fn try_sign_in(&self, email: &str, password: &str) -> Reply {
        let input = json!({ "input": { "email": email, "password": password } });
        self.anonymous().run(SIGN_IN, input).await
    }

    /// Tries to exchange a refresh token.
    pub async fn try_refresh(&self, refresh_token: &str) -> Reply {
        let input = json!({ "input": { "refreshToken": refresh_token } });
        self.anonymous().run(REFRESH_SESSION, input).await
    }

    /// Exchanges a refresh token.
    pub async fn refresh(&self, refresh_token: &str) -> Session {
        Session::read(self.try_refresh(refresh_token).await.at("/data/refreshSession/session"))
    }
}

const SIGN_IN: &str = "mutation($input: SignInInput!) { signIn(input: $input) {
    session { accessToken refreshToken expiresAt viewer { email role } }
    errors { __typename code message path }
} }";

const REFRESH_SESSION: &str = "mutation($input: RefreshSessionInput!) { refreshSession(input: $input) {
    session { accessToken refreshToken expiresAt viewer { email role } }
    errors { __typename code message path }
} }";

/// What somebody holds who is signed in.
#[derive(Clone, Debug)]
pub struct Session {
    /// The access token.
    pub access_token: String,
    /// The refresh token.
    pub refresh_token: String,
    /// When the access token expires, as sent.
    pub expires_at: String,
}

impl Session {
    fn read(session: &Value) -> Self {
        let text = |name: &str| session[name].as_str().unwrap_or_else(|| panic!("no {name}: {session}")).to_owned();
        Self { access_token: text("accessToken"), refresh_token: text("refreshToken"), expires_at: text("expiresAt") }
    }
}

/// A caller.
#[derive(Clone)]
pub struct Client {
    endpoint: Arc<BoxEndpoint<'static, Response>>,
    token: Option<String>,
    headers: Vec<(&'static str, String)>,
}

impl Client {
    /// The access token, if there is one.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// The same caller, whose requests bear this idempotency key.
    #[must_use]
    pub fn keyed(&self, key: &str) -> Self {
        self.with("idempotency-key", key)
    }

    /// The same caller with the link of a preview.
    #[must_use]
    pub fn previewing(&self, token: &str) -> Self {
        self.with("almanac-preview", token)
    }

    /// The same caller with this header.
    #[must_use]
    pub fn with(&self, header: &'static str, value: &str) -> Self {
        let mut client = self.clone();
        client.headers.push((header, value.to_owned()));
        client
    }

    /// Runs a document by POST, as a client of today does: `Accept: application/graphql-response+json`.
    pub async fn run(&self, document: &str, variables: Value) -> Reply {
        self.post(&json!({ "query": document, "variables": variables })).await
    }

    /// Sends the parameters of a request by POST, as a client of today does.
    pub async fn post(&self, body: &Value) -> Reply {
        let client = TestClient::new(Arc::clone(&self.endpoint));
        let request = client.post("/graphql").header("accept", "application/graphql-response+json").body_json(body);
        self.send(request).await
    }

    /// Asks for an address by GET.
    pub async fn get(&self, address: &str) -> Reply {
        let client = TestClient::new(Arc::clone(&self.endpoint));
        self.send(client.get(address)).await
    }

    async fn send<E: Endpoint>(&self, request: TestRequestBuilder<'_, E>) -> Reply {
        let request = match &self.token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        };
        let request = self.headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
        Reply::read(request.send().await).await
    }
}

/// Counts SQL statements.
#[derive(Clone, Default)]
pub struct Statements(Arc<AtomicUsize>);

impl Statements {
    fn count(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    /// How many ran since the last [`Statements::reset`].
    #[must_use]
    pub fn so_far(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// Counts from zero again.
    pub fn reset(&self) {
        self.0.store(0, Ordering::SeqCst);
    }
}
