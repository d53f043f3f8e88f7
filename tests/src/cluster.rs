//! Servers of PostgreSQL that belong to one test, which may stop them, start them again, and have one follow another.
//!
//! As in `postgres`, a keeper that waits for its standard input stops them when the test ends, however it ends.

use std::{
    io::{BufRead, BufReader, Write},
    os::unix::{fs::chown, process::CommandExt},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use crate::{postgres, scratch};

/// One of the servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Member {
    /// The one that is there from the start.
    First,
    /// The one that follows the first after [`Cluster::follow`].
    Second,
}

impl Member {
    const fn port(self) -> u16 {
        match self {
            Self::First => 5432,
            Self::Second => 5433,
        }
    }
}

/// Up to two servers in a folder of their own.
pub struct Cluster {
    folder: PathBuf,
    keeper: Child,
    answers: BufReader<std::process::ChildStdout>,
}

impl Cluster {
    /// The first server, started; nothing where PostgreSQL is not installed.
    pub fn start() -> Option<Self> {
        let Some(programs) = postgres::programs() else {
            assert!(!postgres::is_required(), "PostgreSQL is required, and its programs were not found");
            writeln!(std::io::stderr(), "a test that stops PostgreSQL is SKIPPED: its programs were not found").ok();
            return None;
        };
        let owner = postgres::owner().expect("somebody to run the server");
        let folder = scratch::folder("almanac-cluster-").keep();
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER, "sh"]).arg(programs).arg(&folder).current_dir(&folder);
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        if let Some((user, group)) = owner {
            chown(&folder, Some(user), Some(group)).expect("the folder can be given away");
            command.uid(user).gid(group);
        }
        let mut keeper = command.spawn().expect("a shell");
        let answers = BufReader::new(keeper.stdout.take().expect("a pipe"));
        let mut cluster = Self { folder, keeper, answers };
        cluster.order("create");
        Some(cluster)
    }

    /// The URL that names these servers, in this order.
    pub fn url(&self, members: &[Member]) -> String {
        let folder = self.folder.to_str().expect("a path in UTF-8").replace('/', "%2F");
        let hosts: Vec<String> = members.iter().map(|member| format!("{folder}:{}", member.port())).collect();
        format!("postgres://postgres@{}/postgres", hosts.join(","))
    }

    /// Stops a server as a power cut does.
    pub fn cut(&mut self, member: Member) {
        self.order(&format!("cut {}", member.port()));
    }

    /// Starts a server that was stopped.
    pub fn restart(&mut self, member: Member) {
        self.order(&format!("start {}", member.port()));
    }

    /// Makes the second server, which follows the first: what the first acknowledges, the second has. The first is
    /// stopped for the time that takes.
    pub fn follow(&mut self) {
        self.order("follow");
    }

    /// Makes the second server accept writes.
    pub fn promote(&mut self) {
        self.order("promote");
    }

    fn order(&mut self, order: &str) {
        let input = self.keeper.stdin.as_mut().expect("a pipe");
        writeln!(input, "{order}").and_then(|()| input.flush()).expect("the keeper listens");
        let mut said = String::new();
        loop {
            let mut line = String::new();
            let read = self.answers.read_line(&mut line).expect("the keeper answers");
            assert!(read > 0 && line != "failed\n", "{order}: {said}");
            if line == "done\n" {
                return;
            }
            said += &line;
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        self.keeper.wait().ok();
    }
}

/// `$1` has the programs, `$2` is the folder. Nothing has to survive a power cut of the machine, so nothing is synced; a
/// server that is cut off loses nothing that it acknowledged all the same.
const KEEPER: &str = r#"
programs=$1 folder=$2
start() { "$programs/pg_ctl" start -w -D "$folder/$1" -l "$folder/server.log"; }
cut() { "$programs/pg_ctl" stop -w -D "$folder/$1" -m immediate; }
create() {
    "$programs/initdb" -D "$folder/5432" -U postgres -A trust -E UTF8 --locale=C --no-sync || return
    cat >>"$folder/5432/postgresql.conf" <<END || return
unix_socket_directories = '$folder'
listen_addresses = ''
port = 5432
max_connections = 100
fsync = off
wal_level = replica
max_wal_senders = 4
hot_standby = on
END
    start 5432
}
follow() {
    "$programs/pg_ctl" stop -w -D "$folder/5432" -m fast || return
    cp -a "$folder/5432" "$folder/5433" || return
    cat >>"$folder/5433/postgresql.conf" <<END || return
port = 5433
primary_conninfo = 'host=$folder port=5432 user=postgres'
END
    cat >>"$folder/5432/postgresql.conf" <<END || return
synchronous_standby_names = '*'
synchronous_commit = remote_apply
END
    touch "$folder/5433/standby.signal" && start 5432 && start 5433
}
promote() { "$programs/pg_ctl" promote -w -D "$folder/5433"; }
while read -r order; do
    if $order >"$folder/log" 2>&1; then
        echo done
    else
        cat "$folder/log" "$folder/server.log"
        echo failed
    fi
done
for port in 5432 5433; do
    "$programs/pg_ctl" stop -D "$folder/$port" -m immediate >/dev/null 2>&1
done
cd /
rm -rf "$folder"
"#;
