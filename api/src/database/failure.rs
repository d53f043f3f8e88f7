//! What an error of the database means: whether trying again helps, and whether writing works at all.

use std::borrow::Cow;

use sea_orm::{
    DbErr, RuntimeErr,
    sqlx::{self, error::DatabaseError, postgres::PgDatabaseError},
};

/// The kinds of failure that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// There is no connection, or the server is starting, stopping or a standby.
    Unreachable,
    /// It is there, and a lock or a connection took too long.
    Busy,
    /// Its disk is full.
    StorageFull,
    /// Its disk fails, or its file is damaged.
    StorageFailed,
    /// It refuses: the role lacks a privilege, or the file is read-only.
    Denied,
    /// The statement or a value in it is wrong, which is a mistake of ours.
    Statement,
}

impl Failure {
    /// What an error is.
    #[must_use]
    pub fn of(error: &DbErr) -> Self {
        let (DbErr::Conn(cause) | DbErr::Exec(cause) | DbErr::Query(cause)) = error else {
            return if matches!(error, DbErr::ConnectionAcquire(_)) { Self::Unreachable } else { Self::Statement };
        };
        match cause {
            RuntimeErr::SqlxError(error) => Self::of_driver(error),
            RuntimeErr::Internal(_) if matches!(error, DbErr::Conn(_)) => Self::Unreachable,
            RuntimeErr::Internal(_) => Self::Statement,
        }
    }

    fn of_driver(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            // A connection that is in a transaction without knowing it, or the other way round.
            | sqlx::Error::BeginFailed
            | sqlx::Error::InvalidSavePointStatement => Self::Unreachable,
            sqlx::Error::Database(error) => Self::of_server(error.as_ref()),
            _ => Self::Statement,
        }
    }

    fn of_server(error: &dyn DatabaseError) -> Self {
        let code = error.code().unwrap_or_default();
        if error.try_downcast_ref::<PgDatabaseError>().is_some() { of_postgres(&code) } else { of_sqlite(&code) }
    }

    /// Whether writing fails until something is done about it, though the database is there.
    #[must_use]
    pub const fn stops_writing(self) -> bool {
        matches!(self, Self::StorageFull | Self::StorageFailed | Self::Denied)
    }

    /// In words, for a probe.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "database unreachable",
            Self::Busy => "database busy",
            Self::StorageFull => "writing fails: the disk of the database is full",
            Self::StorageFailed => "writing fails: the disk of the database fails",
            Self::Denied => "writing fails: the database denies it",
            Self::Statement => "the database refused a statement",
        }
    }
}

/// Whether a commit that failed like this may stand in the write-ahead log of SQLite as a whole. No connection sees it now,
/// but a process that reads the log after a crash would. When a page could not be written, the mark at the end of the
/// transaction was not written either; when the log could not be synchronised or indexed afterwards, it was.
#[must_use]
pub fn may_be_in_log(error: &DbErr) -> bool {
    const PAGE_NOT_WRITTEN: &str = "778";
    Failure::of(error) == Failure::StorageFailed && sqlite_code(error).is_some_and(|code| code != PAGE_NOT_WRITTEN)
}

/// Whether a COMMIT of SQLite failed because an error before it had rolled the transaction back.
#[must_use]
pub fn was_in_no_transaction(error: &DbErr) -> bool {
    const ERROR: &str = "1";
    sqlite_code(error).is_some_and(|code| code == ERROR)
}

fn sqlite_code(error: &DbErr) -> Option<String> {
    let (DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause))) = error else {
        return None;
    };
    let sqlx::Error::Database(cause) = cause.as_ref() else { return None };
    let is_sqlite = cause.try_downcast_ref::<PgDatabaseError>().is_none();
    cause.code().filter(|_| is_sqlite).map(Cow::into_owned)
}

/// Appendix A of the manual of PostgreSQL.
fn of_postgres(code: &str) -> Failure {
    match code {
        // Connection exceptions, shutdown, and a server that has become a standby.
        _ if code.starts_with("08") || code.starts_with("57P") => Failure::Unreachable,
        "25006" => Failure::Unreachable,
        "53100" => Failure::StorageFull,
        // Insufficient resources; a lock took too long; a statement did; a deadlock; a serialization failure.
        _ if code.starts_with("53") => Failure::Busy,
        "55P03" | "57014" | "40P01" | "40001"
        // An error before this one has ended the transaction: what it was, is told where it was met.
        | "25P02" => Failure::Busy,
        // System errors, such as an input or output error; a damaged page or index.
        _ if code.starts_with("58") || code.starts_with("XX") => Failure::StorageFailed,
        // Insufficient privilege, invalid authorization.
        _ if code == "42501" || code.starts_with("28") => Failure::Denied,
        _ => Failure::Statement,
    }
}

/// <https://www.sqlite.org/rescode.html>: the primary code is in the low byte.
fn of_sqlite(code: &str) -> Failure {
    // IOERR_SHMSIZE: there is no room for the index of the log.
    const NO_ROOM_FOR_INDEX: u32 = 4_874;
    match code.parse::<u32>().map(|code| if code == NO_ROOM_FOR_INDEX { 13 } else { code & 0xff }) {
        // BUSY, LOCKED, NOMEM, INTERRUPT.
        Ok(5 | 6 | 7 | 9) => Failure::Busy,
        Ok(13) => Failure::StorageFull,
        // IOERR, CORRUPT, CANTOPEN, NOTADB.
        Ok(10 | 11 | 14 | 26) => Failure::StorageFailed,
        // PERM, READONLY, AUTH.
        Ok(3 | 8 | 23) => Failure::Denied,
        _ => Failure::Statement,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_postgresql_are_what_its_manual_says() {
        use Failure::{Busy, Denied, Statement, StorageFailed, StorageFull, Unreachable};
        for (code, expected) in [
            ("08006", Unreachable),
            ("57P01", Unreachable),
            ("25006", Unreachable),
            ("53100", StorageFull),
            ("53300", Busy),
            ("55P03", Busy),
            ("25P02", Busy),
            ("58030", StorageFailed),
            ("42501", Denied),
            ("28P01", Denied),
            // A NUL in a text, a moment that PostgreSQL does not know, a key that is taken.
            ("22021", Statement),
            ("22008", Statement),
            ("23505", Statement),
        ] {
            assert_eq!(of_postgres(code), expected, "{code}");
        }
    }

    #[test]
    fn errors_of_sqlite_are_what_their_primary_code_says() {
        use Failure::{Busy, Denied, Statement, StorageFailed, StorageFull};
        for (code, expected) in [
            ("5", Busy),
            ("517", Busy),
            ("13", StorageFull),
            ("4874", StorageFull),
            ("778", StorageFailed),
            ("1034", StorageFailed),
            ("8", Denied),
            ("1032", Denied),
            ("1555", Statement),
            ("1", Statement),
        ] {
            assert_eq!(of_sqlite(code), expected, "{code}");
        }
    }
}
