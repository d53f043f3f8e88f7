//! A database that went back behind what a server has served, as that of a former primary has: the server ends.

use sea_orm::ConnectionTrait;
use tests::Backend;

use crate::{
    blank::{Blank, on_each_database},
    durability::start,
};

on_each_database! {
    async fn a_server_whose_database_has_lost_what_it_served_ends_and_one_that_is_started_anew_serves(blank: Blank) {
        let (server, _) = start(&blank).await;
        let connection = blank.connect().await;
        let release = match blank.backend() {
            Backend::Sqlite => "DROP TRIGGER changes_refuse_DELETE; DROP TRIGGER publications_refuse_DELETE",
            Backend::Postgres => {
                "DROP TRIGGER changes_refuse ON changes; DROP TRIGGER publications_refuse ON publications"
            }
        };
        for statement in [
            release,
            "DELETE FROM publications WHERE change_seq = (SELECT max(seq) FROM changes)",
            "DELETE FROM changes WHERE seq = (SELECT max(seq) FROM changes)",
        ] {
            connection.execute_unprepared(statement).await.expect(statement);
        }
        connection.close().await.expect("closes");
        let ended = server.end().await;
        assert_eq!(ended.code, Some(1), "{}", ended.log);
        let message = "almanac: the database is older than what this server has served; the server stops";
        assert!(ended.log.contains(message), "{}", ended.log);

        let (server, client) = start(&blank).await;
        drop(client);
        server.stop().await;
    }
}
