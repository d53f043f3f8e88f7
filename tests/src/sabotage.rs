//! Faults of a database, made past the product: statements and commits that fail, and a disk without room.

use api::database::Database;
use sea_orm::{ConnectOptions, ConnectionTrait, DatabaseConnection, DbBackend, Statement};

use crate::{app::TestApp, database::Backend};

/// A connection past the product, by which its database can be made to fail.
pub struct Sabotage {
    connection: DatabaseConnection,
    backend: Backend,
}

impl Sabotage {
    /// Does nothing yet.
    pub async fn of(app: &TestApp) -> Self {
        let mut options = ConnectOptions::new(app.database_url());
        options.max_connections(1).sqlx_logging(false);
        let connection = sea_orm::Database::connect(options).await.expect("a connection");
        Self { connection, backend: app.backend() }
    }

    /// The connection.
    #[must_use]
    pub fn connection(&self) -> &DatabaseConnection {
        &self.connection
    }

    async fn run(&self, sql: &str) {
        self.connection.execute_unprepared(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// From now on the last statement of every write fails: on PostgreSQL with this code, on SQLite as on a full disk, which
    /// rolls the whole transaction back.
    pub async fn fail_statements(&self, code: &str) {
        self.run(&match self.backend {
            Backend::Sqlite => "CREATE TRIGGER sabotage BEFORE INSERT ON audit_entries \
                BEGIN SELECT RAISE(ROLLBACK, 'sabotage'); END"
                .to_owned(),
            Backend::Postgres => format!(
                "{}; CREATE TRIGGER sabotage BEFORE INSERT ON audit_entries FOR EACH ROW EXECUTE FUNCTION sabotage()",
                function(code)
            ),
        })
        .await;
    }

    /// From now on every commit of a write fails, on PostgreSQL with this code.
    pub async fn fail_commits(&self, code: &str) {
        self.run(&match self.backend {
            Backend::Sqlite => {
                "CREATE TABLE sabotaged (document TEXT REFERENCES documents(id) DEFERRABLE INITIALLY DEFERRED); \
                CREATE TRIGGER sabotage AFTER INSERT ON audit_entries BEGIN INSERT INTO sabotaged VALUES ('none'); END"
                    .to_owned()
            }
            Backend::Postgres => format!("{}; {ON_COMMIT}", function(code)),
        })
        .await;
    }

    /// From now on nothing of the document with this global id is published or withdrawn, for a reason that no code foresees.
    ///
    /// # Panics
    /// When that is not the global id of a document.
    pub async fn refuse_publications_of(&self, document: &serde_json::Value) {
        let id = api::graphql::parse_global_id(&document.as_str().expect("text").into()).expect("a global id").id;
        self.run(&match self.backend {
            Backend::Sqlite => format!(
                "CREATE TRIGGER sabotage BEFORE INSERT ON publications WHEN NEW.document_id = x'{}' \
                BEGIN SELECT RAISE(ABORT, 'sabotage'); END",
                id.simple()
            ),
            Backend::Postgres => format!(
                "{}; CREATE TRIGGER sabotage BEFORE INSERT ON publications FOR EACH ROW \
                WHEN (NEW.document_id = '{id}') EXECUTE FUNCTION sabotage()",
                function("23514")
            ),
        })
        .await;
    }

    /// From now on PostgreSQL breaks off within every commit of a write, and takes no new connection.
    ///
    /// # Panics
    /// On SQLite, which is in the process.
    pub async fn break_off_commits(&self) {
        let own = Statement::from_string(DbBackend::Postgres, "SELECT pg_backend_pid()");
        let own = self.connection.query_one_raw(own).await.expect("PostgreSQL").expect("a row");
        let own: i32 = own.try_get_by_index(0).expect("a number");
        self.run(&format!(
            "UPDATE pg_database SET datallowconn = false WHERE datname = current_database();
             CREATE FUNCTION sabotage() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE datname = current_database() AND pid NOT IN ({own}, pg_backend_pid());
                 PERFORM pg_terminate_backend(pg_backend_pid());
                 RETURN NULL;
             END $$;
             {ON_COMMIT}"
        ))
        .await;
    }

    /// Takes the faults back.
    pub async fn mend(&self) {
        self.run(match self.backend {
            Backend::Sqlite => "DROP TRIGGER IF EXISTS sabotage; DROP TABLE IF EXISTS sabotaged",
            Backend::Postgres => {
                "DROP FUNCTION IF EXISTS sabotage() CASCADE;
                 UPDATE pg_database SET datallowconn = true WHERE datname = current_database()"
            }
        })
        .await;
    }
}

const ON_COMMIT: &str = "CREATE CONSTRAINT TRIGGER sabotage AFTER INSERT ON audit_entries \
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION sabotage()";

fn function(code: &str) -> String {
    format!(
        "CREATE FUNCTION sabotage() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN RAISE EXCEPTION 'sabotage' USING ERRCODE = '{code}'; END $$"
    )
}

/// Takes the room from the connection of SQLite that writes: its next write that needs any finds the disk full. The one that
/// comes after it has room.
pub async fn fill_disk(database: &Database) {
    let transaction = database.begin_write().await.expect("a turn");
    // At least as many as there are.
    transaction.execute_unprepared("PRAGMA max_page_count = 1").await.expect("a limit");
    transaction.commit().await.expect("nothing is written");
}

/// Gives the room back that [`fill_disk`] has taken, if the connection is still the same.
///
/// # Panics
/// When the database cannot be reached.
pub async fn empty_disk(database: &Database) {
    let transaction = database.begin_write().await.expect("a turn");
    transaction.execute_unprepared("PRAGMA max_page_count = 1073741823").await.expect("a limit");
    transaction.commit().await.expect("nothing is written");
}
