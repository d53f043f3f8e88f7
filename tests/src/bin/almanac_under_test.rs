//! The binary `almanac` once more, because Cargo tells a test only where the binaries of its own package are. On Linux it can
//! be told that its disk is full: SIGUSR1 takes all room away, SIGUSR2 gives it back.

use std::process::ExitCode;

fn main() -> ExitCode {
    #[cfg(target_os = "linux")]
    disk::obey();
    api::cli::main()
}

#[cfg(target_os = "linux")]
#[expect(clippy::expect_used, reason = "without this there is nothing to test")]
mod disk {
    use std::{sync::mpsc::channel, thread};

    use nix::sys::{
        resource::{Resource, getrlimit, setrlimit},
        signal::Signal,
    };
    use tokio::{
        runtime::Builder,
        select,
        signal::unix::{SignalKind, signal},
    };

    /// Obeys from now on, on a thread of its own.
    pub(super) fn obey() {
        let (ready, wait) = channel();
        thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let mut full = signal(SignalKind::user_defined1()).expect("a signal");
                let mut roomy = signal(SignalKind::user_defined2()).expect("a signal");
                // Somebody listens, so a write that is refused is an error and not the end of the process.
                let _refused = signal(SignalKind::from_raw(Signal::SIGXFSZ as i32)).expect("a signal");
                let (_, most) = getrlimit(Resource::RLIMIT_FSIZE).expect("a limit");
                ready.send(()).expect("somebody waits");
                loop {
                    let room = select! {
                        Some(()) = full.recv() => 0,
                        Some(()) = roomy.recv() => most,
                        else => return,
                    };
                    setrlimit(Resource::RLIMIT_FSIZE, room, most).expect("the limit of this process");
                }
            });
        });
        wait.recv().expect("the thread is ready");
    }
}
