//! A run: which servers are started, in which order what is measured on them, and what is hoped for.

use std::{sync::Arc, time::Duration};

use clap::{Parser, builder::PossibleValuesParser};

use crate::{
    database::{Data, Databases},
    load::{self, Call, Connection, Load, Window},
    process::{self, Command, Server, Start},
    reading::{self, LIST_FAR, READS, Read, Way},
    report::{Measured, Report, Row, at_least, at_most, median},
    updating::{self, WRITERS, Writer},
};

/// Measures how fast content is delivered, and how fast a figure is updated.
#[derive(Debug, Parser)]
#[command(name = "cargo bench -p tests --")]
struct Arguments {
    /// Fewer and shorter rounds: less than two minutes, once the big database is there.
    #[arg(long)]
    quick: bool,
    /// Only this; repeat for more. All of it when left out.
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(names()))]
    workload: Vec<String>,
    /// Cores for the server: on one, it and the load have a core each; on two, they share both.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
    cores: u8,
    /// What Cargo says to a benchmark, and not to a test.
    #[arg(long, hide = true, global = true)]
    bench: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

/// The workload that is about starting.
const START: &str = "start";
/// The workloads that write.
const UPDATES: [(&str, Data); 2] = [("update", Data::Seeded), ("update-of-many", Data::Big)];

fn names() -> Vec<&'static str> {
    let reads = READS.iter().map(|read| read.name);
    reads.chain(UPDATES.into_iter().map(|(name, _)| name)).chain([START]).collect()
}

/// Parses the command line and carries it out.
///
/// # Errors
/// When something cannot be measured, or an answer is not what it should be.
pub fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if let Some(command) = arguments.command {
        return command.run();
    }
    if !arguments.bench {
        println!("Speed is no test: cargo bench -p tests");
        return Ok(());
    }
    let pinned = arguments.cores == 1 && std::thread::available_parallelism()?.get() > 1;
    if pinned {
        process::stay_on(1)?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if pinned {
        // Who sleeps has to be woken by the answer. Waking another core costs the one who does it tens of microseconds on a
        // virtual machine, and it would be the server who pays, for slow answers only.
        runtime.spawn(stay_awake());
    }
    let mut run = Run::new(arguments, pinned)?;
    // Whatever ends a run early, what was measured until then is told.
    let outcome = runtime.block_on(run.all());
    println!("\n{}\n{}", run.report, run.report.summary());
    outcome
}

async fn stay_awake() {
    loop {
        tokio::task::yield_now().await;
    }
}

struct Run {
    workloads: Vec<String>,
    workers: usize,
    pinned: bool,
    rounds: usize,
    length: Duration,
    starts: usize,
    databases: Databases,
    report: Report,
}

impl Run {
    fn new(arguments: Arguments, pinned: bool) -> anyhow::Result<Self> {
        let (rounds, millis, starts) = if arguments.quick { (3, 150, 1) } else { (7, 500, 5) };
        let workers = usize::from(arguments.cores);
        println!(
            "{} connections, {workers} worker thread(s), {}; {rounds} rounds of {millis} ms",
            load::CONNECTIONS,
            if pinned { "server and load on a core each" } else { "server and load on the same cores" },
        );
        if cfg!(debug_assertions) {
            println!("Without optimisation: these numbers say nothing.");
        }
        Ok(Self {
            workloads: arguments.workload,
            workers,
            pinned,
            rounds,
            length: Duration::from_millis(millis),
            starts,
            databases: Databases::new()?,
            report: Report::default(),
        })
    }

    fn wants(&self, name: &str) -> bool {
        self.workloads.is_empty() || self.workloads.iter().any(|workload| workload == name)
    }

    async fn all(&mut self) -> anyhow::Result<()> {
        for data in Data::DELIVERED {
            let reads: Vec<Read> =
                READS.into_iter().filter(|read| read.data == data && self.wants(read.name)).collect();
            if self.wants(START) {
                self.starting(data).await?;
            }
            if !reads.is_empty() {
                self.reading(data, &reads).await?;
                self.missing(data, &reads).await?;
            }
            for (name, _) in UPDATES.into_iter().filter(|(_, its)| *its == data) {
                if self.wants(name) {
                    self.updating(name, data).await?;
                }
            }
        }
        Ok(())
    }

    fn server(&mut self, data: Data, cached: bool) -> anyhow::Result<Server> {
        let core = self.pinned.then_some(0);
        Server::start(&Start {
            database: self.databases.copy(data)?,
            workers: self.workers,
            core,
            cached,
            gives_back: false,
        })
    }

    /// A line of the table is told at once, too: a run takes minutes.
    fn tell(&mut self, row: Row) {
        eprintln!("{row}");
        self.report.0.push(row);
    }

    fn tell_memory(&mut self, data: Data, when: &str, bytes: f64) {
        let (megabytes, most) = (bytes / 1e6, if data == Data::Seeded { 40.0 } else { 200.0 });
        self.tell(Row {
            workload: START.to_owned(),
            variant: format!("{}, memory after the {when}", data.name()),
            figure: format!("{megabytes:.0} MB"),
            targets: vec![at_most(megabytes, most, " MB")],
            ..Row::default()
        });
    }

    /// From the start of a process over a database that is there to the first fact sheet.
    async fn starting(&mut self, data: Data) -> anyhow::Result<()> {
        let name = if data == Data::Seeded { "fact-sheet" } else { "fact-sheet-of-many" };
        let (mut seconds, mut bytes) = (Vec::new(), Vec::new());
        for _ in 0..self.starts {
            let server = self.server(data, true)?;
            let mut connection = Connection::open(server.address()).await?;
            for read in READS.iter().filter(|read| read.name == name) {
                let document = read.document(&mut connection).await?;
                read.first_answer(&mut connection, &document).await?;
            }
            seconds.push(server.started().elapsed().as_secs_f64());
            bytes.push(server.resident_bytes()?);
            drop(connection);
            server.stop()?;
        }
        let seconds = median(seconds.into_iter());
        self.tell(Row {
            workload: START.to_owned(),
            variant: format!("{}, to the first fact sheet", data.name()),
            figure: format!("{seconds:.2} s"),
            targets: vec![at_most(seconds, if data == Data::Seeded { 0.3 } else { 2.0 }, " s")],
            ..Row::default()
        });
        self.tell_memory(data, "start", median(bytes.into_iter().map(as_number)));
        Ok(())
    }

    /// Everything that is asked of a server as it is.
    async fn reading(&mut self, data: Data, reads: &[Read]) -> anyhow::Result<()> {
        let server = self.server(data, true)?;
        let mut load = Load::open(server.address()).await?;
        for read in reads {
            for way in Way::CACHED {
                self.read(&server, &mut load, read, way).await?;
            }
        }
        let bytes = server.resident_bytes()?;
        drop(load);
        server.stop()?;
        self.tell_memory(data, "run", as_number(bytes));
        Ok(())
    }

    /// What is asked of a server without a response cache.
    async fn missing(&mut self, data: Data, reads: &[Read]) -> anyhow::Result<()> {
        let server = self.server(data, false)?;
        let mut load = Load::open(server.address()).await?;
        for read in reads {
            let far = self.read(&server, &mut load, read, Way::Miss).await?;
            if read.name == LIST_FAR
                && let Some((far, front)) = far.zip(READS.iter().find(|read| read.name == "list"))
            {
                self.far_from_the_front(&server, &mut load, &far, front).await?;
            }
        }
        drop(load);
        server.stop()
    }

    /// Measures one way of reading against the ceiling, and gives the call back.
    async fn read(
        &mut self,
        server: &Server,
        load: &mut Load,
        read: &Read,
        way: Way,
    ) -> anyhow::Result<Option<Arc<Call>>> {
        let connection = load.connection()?;
        let document = read.document(connection).await?;
        let body = read.first_answer(connection, &document).await?;
        let call = reading::call(connection, read, &document, way, &body).await?;
        let mut row = Row { workload: read.name.to_owned(), variant: way.name().to_owned(), ..Row::default() };
        let mut ratio = 0.0;
        if let Some(call) = &call {
            let (measured, against) = self.compare(server, load, call, &reading::ceiling(body.len())).await?;
            ratio = against;
            row.bytes = Some(call.body.len());
            row.measured = Some(measured);
            row.figure = format!("{ratio:.2}");
        } else {
            "not offered".clone_into(&mut row.figure);
        }
        row.targets = match (way, read.name) {
            (Way::ById | Way::Get | Way::Post, _) => vec![at_least(ratio, 0.90, "")],
            (Way::Compressed | Way::Unchanged, _) => vec![at_least(ratio, 1.05, "")],
            (Way::Miss, "fact-sheet") => vec![at_least(ratio, 0.40, "")],
            (Way::FirstSight, "fact-sheet") => vec![at_least(ratio, 0.15, "")],
            (Way::Miss | Way::FirstSight, _) => Vec::new(),
        };
        self.tell(row);
        Ok(call)
    }

    /// Holds the list far from its front against the list at its front.
    async fn far_from_the_front(
        &mut self,
        server: &Server,
        load: &mut Load,
        far: &Arc<Call>,
        front: &Read,
    ) -> anyhow::Result<()> {
        let connection = load.connection()?;
        let document = front.document(connection).await?;
        let body = front.first_answer(connection, &document).await?;
        let Some(call) = reading::call(connection, front, &document, Way::Miss, &body).await? else { return Ok(()) };
        let (measured, ratio) = self.compare(server, load, far, &call).await?;
        let dearer = 1.0 / ratio;
        self.tell(Row {
            workload: LIST_FAR.to_owned(),
            variant: "CPU, times that of list".to_owned(),
            bytes: Some(far.body.len()),
            measured: Some(measured),
            figure: format!("{dearer:.2}"),
            targets: vec![at_most(dearer, 1.1, "")],
        });
        Ok(())
    }

    /// Measures a call and another in turn: the figures of the first, and how often its processor time goes into that of
    /// the other.
    async fn compare(
        &self,
        server: &Server,
        load: &mut Load,
        call: &Arc<Call>,
        other: &Arc<Call>,
    ) -> anyhow::Result<(Measured, f64)> {
        for warming in [other, call] {
            load.window(server, warming, self.length / 3).await?;
        }
        let (mut windows, mut ratios) = (Vec::with_capacity(self.rounds), Vec::with_capacity(self.rounds));
        for _ in 0..self.rounds {
            let against = load.window(server, other, self.length).await?;
            let window = load.window(server, call, self.length).await?;
            ratios.push(against.microseconds_per_request() / window.microseconds_per_request());
            windows.push(window);
        }
        Ok((Measured::of(&windows), median(ratios.into_iter())))
    }

    /// Updates of figures, by one writer and by many.
    async fn updating(&mut self, name: &str, data: Data) -> anyhow::Result<()> {
        for count in WRITERS {
            // Each on a fresh copy: what others wrote before is not theirs to carry.
            let server = self.server(data, true)?;
            let token = updating::sign_in(server.address()).await?;
            let mut writers = Vec::with_capacity(count);
            for number in 0..count {
                writers.push(Writer::new(&server, &token, number).await?);
            }
            let mut windows: Vec<Window> = Vec::with_capacity(self.rounds);
            for _ in 0..self.rounds {
                let (window, back) = load::window(&server, writers, self.length).await?;
                writers = back;
                windows.push(window);
            }
            drop(writers);
            server.stop()?;
            let measured = Measured::of(&windows);
            let mut targets = vec![at_most(measured.microseconds, 500.0, " µs")];
            if count > 1 {
                targets.push(at_least(measured.per_second, 600.0, "/s"));
            }
            let variant = format!("{count} writer{}", if count == 1 { "" } else { "s" });
            self.tell(Row { workload: name.to_owned(), variant, measured: Some(measured), targets, ..Row::default() });
        }
        Ok(())
    }
}

/// A number of bytes, to be shown; beyond 4 GB it is no longer exact, nor of interest.
fn as_number(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes).unwrap_or(u32::MAX))
}
