//! The binary as an operator runs it: started, listened to, stopped or killed.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tokio::{
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    time::timeout,
};

use crate::http::Client;

/// No test is meant to wait this long; longer than the server itself waits for anything.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// The binary with these arguments and an empty environment.
pub fn almanac(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_almanac_under_test"));
    command.env_clear().args(arguments);
    command
}

/// How a process ended and all that it said.
#[derive(Debug)]
pub struct Finished {
    /// The exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub output: String,
    /// Standard error.
    pub log: String,
}

impl Finished {
    /// The process, which must have succeeded.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{}{}", self.output, self.log);
        self
    }

    /// What a process says on standard error that must have failed in an orderly way.
    #[track_caller]
    pub fn complaint(self) -> String {
        let Self { code, output, log } = self;
        assert_eq!(code, Some(1), "{output}{log}");
        assert_eq!(output, "", "a failure belongs on standard error");
        assert!(log.contains("almanac: "), "{log}");
        for word in ["panic", "RUST_BACKTRACE", "src/", "unwrap"] {
            assert!(!log.contains(word), "{log}");
        }
        log
    }
}

/// Runs a command to its end, with `input` on its standard input.
pub async fn run(command: Command, input: &str) -> Finished {
    let mut process = Process::spawn(command);
    let mut pipe = process.child.stdin.take().expect("a pipe");
    // A process that fails early does not read its input.
    pipe.write_all(input.as_bytes()).ok();
    drop(pipe);
    process.end().await
}

struct Process {
    child: Child,
    output: Stream,
    log: Stream,
}

impl Process {
    fn spawn(mut command: Command) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let output = Stream::new(child.stdout.take().expect("a pipe"));
        let log = Stream::new(child.stderr.take().expect("a pipe"));
        Self { child, output, log }
    }

    /// Waits until the process has closed what it writes to, which it does by ending.
    async fn end(mut self) -> Finished {
        let closed = async { (self.output.end().await, self.log.end().await) };
        let (output, log) = timeout(PATIENCE, closed).await.expect("the process ends in time");
        let code = self.child.wait().expect("the process has ended").code();
        Finished { code, output, log }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// What a process writes, line by line.
struct Stream {
    lines: UnboundedReceiver<String>,
    seen: String,
}

impl Stream {
    fn new(pipe: impl Read + Send + 'static) -> Self {
        let (sender, lines) = unbounded_channel();
        std::thread::spawn(move || {
            let mut pipe = BufReader::new(pipe);
            let mut line = Vec::new();
            while pipe.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
                let text = String::from_utf8_lossy(&line).into_owned();
                line.clear();
                if sender.send(text).is_err() {
                    break;
                }
            }
        });
        Self { lines, seen: String::new() }
    }

    /// The next line that holds `text`; nothing when the stream ends without one.
    async fn line_with(&mut self, text: &str) -> Option<String> {
        while let Some(line) = self.lines.recv().await {
            self.seen += &line;
            if line.contains(text) {
                return Some(line);
            }
        }
        None
    }

    /// Everything, once it has ended.
    async fn end(&mut self) -> String {
        while let Some(line) = self.lines.recv().await {
            self.seen += &line;
        }
        std::mem::take(&mut self.seen)
    }
}

/// A process that serves.
pub struct Server {
    process: Process,
    address: SocketAddr,
}

impl Server {
    /// Starts it and waits for its greeting.
    pub async fn start(command: Command) -> Self {
        let mut process = Process::spawn(command);
        let greeting = timeout(PATIENCE, process.output.line_with("public keys")).await.expect("a greeting in time");
        let Some(line) = greeting else {
            panic!("the process ended instead of serving: {:?}", process.end().await);
        };
        let url = line.split_whitespace().last().expect("a URL");
        let authority = url.split('/').nth(2).expect("an authority");
        let address = authority.parse().unwrap_or_else(|error| panic!("{line}: {error}"));
        Self { process, address }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A client without a token.
    pub fn anonymous(&self) -> Client {
        Client::new(self.address)
    }

    /// The password that the greeting of a first start tells.
    pub async fn password(&mut self) -> String {
        let line = timeout(PATIENCE, self.process.output.line_with("  password")).await.expect("a password in time");
        let line = line.expect("a first start tells a password");
        line.split_whitespace().nth(1).expect("a password").to_owned()
    }

    /// Sends a signal by its name, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.process.child.id());
        let status = Command::new("sh").args(["-c", &kill]).status().expect("a shell");
        assert!(status.success(), "{kill}");
    }

    /// Waits until it has ended.
    pub async fn end(self) -> Finished {
        self.process.end().await
    }

    /// Stops it as an operator does.
    pub async fn stop(self) -> Finished {
        self.signal("TERM");
        self.end().await.ok()
    }

    /// Ends it as a power cut does.
    pub async fn kill(self) {
        self.signal("KILL");
        assert_eq!(self.end().await.code, None, "SIGKILL leaves no exit code");
    }
}
