//! A database for each test: a copy of a template that is migrated, seeded and given its accounts once per process.

use std::path::PathBuf;

use api::{
    config::Config,
    database::Database,
    state::{Clock, Random},
};
use entities::Role;
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::{
    app::{ADMINISTRATOR, EDITOR, READER, STATISTICIAN, TRANSLATOR, config, start},
    commands, postgres, scratch,
};

/// What a test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

/// A database that belongs to one test, and goes with it.
pub struct TestDatabase(Kind);

enum Kind {
    Sqlite { _folder: TempDir, url: String },
    Postgres(postgres::Copy),
}

impl TestDatabase {
    /// A copy of the template; nothing when there is no PostgreSQL.
    pub async fn new(backend: Backend) -> Option<Self> {
        match backend {
            Backend::Sqlite => Some(Self(sqlite().await)),
            Backend::Postgres => {
                let server = postgres::server().await?;
                Some(Self(Kind::Postgres(server.copy().await)))
            }
        }
    }

    /// Which one it is.
    #[must_use]
    pub const fn backend(&self) -> Backend {
        match self.0 {
            Kind::Sqlite { .. } => Backend::Sqlite,
            Kind::Postgres(_) => Backend::Postgres,
        }
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> &str {
        match &self.0 {
            Kind::Sqlite { url, .. } => url,
            Kind::Postgres(copy) => copy.url(),
        }
    }
}

async fn sqlite() -> Kind {
    // Kept in memory, because nobody tidies up after a `static`.
    static TEMPLATE: OnceCell<Vec<u8>> = OnceCell::const_new();
    let template = TEMPLATE
        .get_or_init(|| async {
            let (folder, url) = file();
            fill(&url).await;
            let left: Vec<_> = std::fs::read_dir(folder.path()).expect("a folder").collect();
            assert_eq!(left.len(), 1, "closing a database folds its log into it: {left:?}");
            std::fs::read(path(&folder)).expect("the template")
        })
        .await;
    let (folder, url) = file();
    std::fs::write(path(&folder), template).expect("a copy of the template");
    Kind::Sqlite { _folder: folder, url }
}

fn file() -> (TempDir, String) {
    let folder = scratch::folder("almanac-sqlite-");
    let url = format!("sqlite://{}", path(&folder).display());
    (folder, url)
}

fn path(folder: &TempDir) -> PathBuf {
    folder.path().join("almanac.db")
}

/// Brings an empty database to where every test starts, as a first start does, and adds an account of each other role.
pub(crate) async fn fill(url: &str) {
    let folder = TempDir::new().expect("a folder");
    let password_file = folder.path().join("password");
    std::fs::write(&password_file, ADMINISTRATOR.password).expect("a password file");
    let config = Config { admin_password_file: Some(password_file), ..config() };

    api::database::create_file(url).expect("a place for the template");
    let database = Database::open(url, None).await.expect("the template opens");
    let random = Random::from_system().expect("random numbers");
    let state = api::setup::open(config, database, Clock::manual(start()), random).await.expect("the template opens");
    api::setup::fill(&state).await.expect("the example can be seeded");
    for (somebody, role, locales) in [
        (EDITOR, Role::Editor, [].as_slice()),
        (TRANSLATOR, Role::Translator, &["en"]),
        (STATISTICIAN, Role::Statistician, &[]),
        (READER, Role::Reader, &[]),
    ] {
        commands::add(&state, somebody.email, role, locales, somebody.password).await.expect("an account");
    }
    state.database().clone().close().await.expect("the template closes");
}
