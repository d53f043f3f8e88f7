//! Databases without anything in them, not even tables.

use std::{path::Path, process::Command};

use sea_orm::{ConnectOptions, ConnectionTrait, DatabaseConnection};
use tempfile::TempDir;
use tests::{Backend, TestDatabase};

use crate::process::almanac;

/// Makes two tests of each promise: `a_promise::sqlite` and `a_promise::postgres`. The latter does nothing where there
/// is no PostgreSQL.
macro_rules! on_each_database {
    ($($(#[$attribute:meta])* async fn $name:ident($blank:ident: Blank) $promise:block)+) => {$(
        $(#[$attribute])*
        mod $name {
            use super::*;

            async fn promise($blank: Blank) $promise

            #[tokio::test]
            async fn sqlite() {
                promise(Blank::on(tests::Backend::Sqlite).await.expect("SQLite is always there")).await;
            }

            #[tokio::test]
            async fn postgres() {
                if let Some(blank) = Blank::on(tests::Backend::Postgres).await {
                    promise(blank).await;
                }
            }
        }
    )+};
}
pub(crate) use on_each_database;

/// An empty database and a folder for whatever else the test needs; both go with it.
pub struct Blank {
    url: String,
    folder: TempDir,
    backend: Backend,
    _database: Option<TestDatabase>,
}

impl Blank {
    /// Nothing when there is no PostgreSQL.
    pub async fn on(backend: Backend) -> Option<Self> {
        let folder = TempDir::new().expect("a folder");
        match backend {
            Backend::Sqlite => {
                let url = format!("sqlite://{}", folder.path().join("almanac.db").display());
                Some(Self { url, folder, backend, _database: None })
            }
            Backend::Postgres => {
                let database = TestDatabase::new(backend).await?;
                let connection = connect(database.url()).await;
                let emptied = connection.execute_unprepared("DROP SCHEMA public CASCADE; CREATE SCHEMA public").await;
                emptied.expect("the copy of the template can be emptied");
                connection.close().await.expect("the connection closes");
                Some(Self { url: database.url().to_owned(), folder, backend, _database: Some(database) })
            }
        }
    }

    /// Where the database is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Which one it is.
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// A folder of the test's own.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A file in that folder.
    pub fn file(&self, name: &str, content: &str) -> String {
        let path = self.folder().join(name);
        std::fs::write(&path, content).expect("a file");
        self.path(name)
    }

    /// A path in that folder.
    pub fn path(&self, name: &str) -> String {
        self.folder().join(name).to_str().expect("a path in UTF-8").to_owned()
    }

    /// A connection past the product.
    pub async fn connect(&self) -> DatabaseConnection {
        connect(&self.url).await
    }

    /// The binary with this database.
    pub fn almanac(&self, arguments: &[&str]) -> Command {
        let mut command = almanac(arguments);
        command.env("ALMANAC_DATABASE_URL", &self.url).current_dir(self.folder());
        command
    }

    /// The binary, to serve this database on whatever port is free.
    pub fn serve(&self, arguments: &[&str]) -> Command {
        self.almanac(&[&["serve", "--bind", "127.0.0.1:0"], arguments].concat())
    }
}

/// A connection past the product, made for this URL.
pub async fn connect(url: &str) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url);
    options.max_connections(1).sqlx_logging(false);
    options.map_sqlx_sqlite_opts(|options| options.create_if_missing(true));
    sea_orm::Database::connect(options).await.expect("the database can be reached")
}
