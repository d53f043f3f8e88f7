//! The harness: a whole Almanac in process, on a database of its own, at a time of the test's choosing.
//!
//! A test states one promise and asks for a [`TestApp`]; [`on_both_databases!`] runs it on SQLite and on PostgreSQL:
//!
//! ```text
//! on_both_databases! {
//!     async fn an_editor_is_known_by_name(app: TestApp) {
//!         let reply = app.editor().await.run("{ viewer { email } }", json!({})).await;
//!         assert_eq!(reply.at("/data/viewer/email"), EDITOR.email);
//!     }
//! }
//! ```
//!
//! `app` has the clients, `editing` their mutations, `reply` what comes back, `database` and `postgres` the databases, `cluster` servers that a test may stop,
//! `crowd` a compute pool that is busy, `sabotage` faults of a database, `tables` what stands in them, `dataset`, `big_dataset` and `attacks` what is put in and sent. Requests go through
//! everything that is served, without a port. There is no shared state: no test can see another one's rows.

#![expect(clippy::expect_used, clippy::missing_panics_doc, clippy::panic, reason = "a harness stops where it stands")]

mod app;
pub mod attacks;
pub mod big_dataset;
pub mod cluster;
pub mod commands;
mod crowd;
mod database;
pub mod dataset;
mod editing;
mod postgres;
mod reply;
pub mod sabotage;
mod scratch;
pub mod tables;

pub use app::{
    ADMINISTRATOR, Client, Credentials, EDITOR, READER, STATISTICIAN, Session, Statements, TRANSLATOR, TestApp, start,
};
pub use crowd::Crowd;
pub use database::{Backend, TestDatabase};
pub use editing::mutation;
pub use reply::Reply;

/// Makes two tests of each promise: `a_promise::sqlite` and `a_promise::postgres`. The latter does nothing where there
/// is no PostgreSQL, and fails there when `ALMANAC_REQUIRE_POSTGRES` is set.
#[macro_export]
macro_rules! on_both_databases {
    ($($(#[$attribute:meta])* async fn $name:ident($app:ident: TestApp) $promise:block)+) => {$(
        $(#[$attribute])*
        mod $name {
            use super::*;

            async fn promise($app: $crate::TestApp) $promise

            #[tokio::test]
            async fn sqlite() {
                promise($crate::TestApp::new().await).await;
            }

            #[tokio::test]
            async fn postgres() {
                if let Some(app) = $crate::TestApp::on($crate::Backend::Postgres).await {
                    promise(app).await;
                }
            }
        }
    )+};
}
