//! `almanac audit verify`: whoever gets around the database's own refusal to change the audit log is found out.

use api::access::audit;
use entities::audit_entry;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ConnectionTrait, DatabaseConnection, EntityTrait, IntoActiveModel, QueryOrder,
};
use tests::Backend;

use crate::{
    blank::{Blank, on_each_database},
    process::{Finished, Server, run},
};

/// An Almanac with `entries` audit entries at least, which has stopped.
async fn filled(blank: &Blank, entries: i64) -> DatabaseConnection {
    Server::start(blank.serve(&[])).await.stop().await;
    let connection = blank.connect().await;
    let last = audit_entry::Entity::find().order_by_desc(audit_entry::COLUMN.seq).one(&connection).await;
    let mut last = last.expect("readable").expect("an entry");
    let mut rows = Vec::new();
    while last.seq < entries {
        last = audit_entry::Model { seq: last.seq + 1, previous_hash: last.hash.clone(), ..last };
        last.hash = audit::hash(&last).expect("a hash");
        rows.push(last.clone().into_active_model());
    }
    for rows in rows.chunks(500) {
        audit_entry::Entity::insert_many(rows.to_vec()).exec(&connection).await.expect("rows");
    }
    connection
}

/// Takes away what protects the log.
async fn unprotect(blank: &Blank, connection: &DatabaseConnection) {
    let statements: &[&str] = match blank.backend() {
        Backend::Sqlite => &[
            "DROP TRIGGER audit_entries_refuse_UPDATE",
            "DROP TRIGGER audit_entries_refuse_DELETE",
            "DROP TRIGGER audit_entries_refuse_INSERT",
        ],
        Backend::Postgres => &["DROP TRIGGER audit_entries_refuse ON audit_entries"],
    };
    for statement in statements {
        connection.execute_unprepared(statement).await.expect(statement);
    }
}

async fn verify(blank: &Blank, arguments: &[&str]) -> Finished {
    run(blank.almanac(&[&["audit", "verify"], arguments].concat()), "").await
}

/// The mark that a run prints.
fn mark(finished: &Finished) -> String {
    let line = finished.output.lines().find_map(|line| line.strip_prefix("The last is "));
    line.unwrap_or_else(|| panic!("no mark in {}", finished.output)).to_owned()
}

on_each_database! {
    async fn a_sound_log_is_found_sound_and_stays_so_as_it_grows(blank: Blank) {
        let connection = filled(&blank, 2_500).await;
        let first = verify(&blank, &[]).await.ok();
        assert!(first.output.starts_with("2500 entries, "), "{}", first.output);
        let kept = mark(&first);
        run(blank.almanac(&["user", "add", "new@example.org", "--role", "reader"]), "").await.ok();
        let second = verify(&blank, &["--expect", &kept]).await.ok();
        assert!(second.output.starts_with("2501 entries, ") && mark(&second) != kept, "{}", second.output);
        drop(connection);
    }

    async fn a_changed_row_is_named(blank: Blank) {
        let connection = filled(&blank, 1_200).await;
        unprotect(&blank, &connection).await;
        for column in ["action = 'nothing'", "request_id = 'x'", "previous_hash = hash", "network = '192.0.2.0/24'", "target_kind = 'Preview'"] {
            let change = format!("UPDATE audit_entries SET {column} WHERE seq = 1100");
            let before = audit_entry::Entity::find_by_id(1100).one(&connection).await.expect("readable").expect("there");
            connection.execute_unprepared(&change).await.expect("changed");
            let complaint = verify(&blank, &[]).await.complaint();
            assert!(complaint.contains("entry 1100 is not as it was written"), "{column}: {complaint}");
            audit_entry::Entity::update(before.into_active_model().reset_all()).exec(&connection).await.expect("put back");
        }
        verify(&blank, &[]).await.ok();
    }

    async fn a_changed_row_with_a_new_hash_breaks_the_link_to_the_next(blank: Blank) {
        let connection = filled(&blank, 10).await;
        unprotect(&blank, &connection).await;
        let found = audit_entry::Entity::find_by_id(5).one(&connection).await.expect("readable");
        let row = audit_entry::Model { action: "nothing".to_owned(), ..found.expect("the row") };
        let hash = audit::hash(&row).expect("a hash");
        let change = audit_entry::ActiveModel {
            seq: Set(5),
            action: Set(row.action),
            hash: Set(hash),
            ..Default::default()
        };
        audit_entry::Entity::update(change).exec(&connection).await.expect("changed");
        let complaint = verify(&blank, &[]).await.complaint();
        assert!(complaint.contains("entry 6 was not written after the one before it"), "{complaint}");
    }

    async fn a_removed_row_is_named(blank: Blank) {
        let connection = filled(&blank, 1_200).await;
        unprotect(&blank, &connection).await;
        connection.execute_unprepared("DELETE FROM audit_entries WHERE seq = 1001").await.expect("removed");
        let complaint = verify(&blank, &[]).await.complaint();
        assert!(complaint.contains("entry 1001 is missing"), "{complaint}");
        connection.execute_unprepared("DELETE FROM audit_entries WHERE seq = 1").await.expect("removed");
        let complaint = verify(&blank, &[]).await.complaint();
        assert!(complaint.contains("entry 1 is missing"), "{complaint}");
    }

    async fn a_tail_that_was_cut_off_shows_when_the_last_entry_was_kept_elsewhere(blank: Blank) {
        let connection = filled(&blank, 20).await;
        let kept = mark(&verify(&blank, &[]).await.ok());
        unprotect(&blank, &connection).await;
        connection.execute_unprepared("DELETE FROM audit_entries WHERE seq > 15").await.expect("removed");
        verify(&blank, &[]).await.ok();
        let complaint = verify(&blank, &["--expect", &kept]).await.complaint();
        assert!(complaint.contains("ends with entry 15, and entry 20 was expected"), "{complaint}");
    }

    async fn a_log_that_was_written_anew_is_not_the_one_that_was_expected(blank: Blank) {
        let connection = filled(&blank, 5).await;
        let kept = mark(&verify(&blank, &[]).await.ok());
        unprotect(&blank, &connection).await;
        connection.execute_unprepared("DELETE FROM audit_entries WHERE seq > 3").await.expect("removed");
        for _ in 0..3 {
            run(blank.almanac(&["key", "rotate"]), "").await.ok();
        }
        verify(&blank, &[]).await.ok();
        let complaint = verify(&blank, &["--expect", &kept]).await.complaint();
        assert!(complaint.contains("entry 5 is not the one that was expected"), "{complaint}");
    }

    async fn what_is_no_mark_is_a_mistake_of_usage_and_an_empty_log_is_sound(blank: Blank) {
        run(blank.almanac(&["migrate"]), "").await.ok();
        assert_eq!(verify(&blank, &[]).await.ok().output, "0 entries, all as they were written.\n");
        let hash = "0".repeat(64);
        for wrong in ["5", "5:", "0:0", &hash, &format!("0:{hash}"), &format!("5:{}", &hash[1..])] {
            assert_eq!(verify(&blank, &["--expect", wrong]).await.code, Some(2), "{wrong}");
        }
        let complaint = verify(&blank, &["--expect", &format!("1:{hash}")]).await.complaint();
        assert!(complaint.contains("ends with entry 0, and entry 1 was expected"), "{complaint}");
    }
}
