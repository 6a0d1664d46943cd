//! `cargo xtask chaos`: see the library.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Parser, ValueEnum};
use millstream::kafka::Kafka;
use millstream_chaos::audit::{Verdict, commits, read};
use millstream_chaos::conduct::{Conductor, Done, Stop};
use millstream_chaos::disk::Disk;
use millstream_chaos::events::{Events, PARTITIONS};
use millstream_chaos::faults::SPECIAL;
use millstream_chaos::interrupt::Interrupt;
use millstream_chaos::ledger;
use millstream_chaos::load::{self, Ending, Pace};
use millstream_chaos::places::{Application, Place};
use millstream_chaos::plan::{self, Cycle, Fault, PLACES};
use millstream_chaos::progress::Progress;
use millstream_chaos::states;
use millstream_chaos::summary::Figures;
use millstream_chaos::topologies::{Kind, WITNESS, topic_name};
use millstream_chaos::whole::Traces;
use millstream_tests::kafka::OwnCluster;
use millstream_tests::proxy::Proxy;
use millstream_tests::records::TopicOf;
use streams_core::log::Isolation;

/// Kills, pauses and restarts processes of a stateful application on a real Kafka under load, and audits what they leave.
#[derive(Parser, Debug, Clone)]
#[command(name = "cargo xtask chaos")]
struct Arguments {
    /// How many rounds of load with a fault in them
    #[arg(long, default_value_t = 25)]
    cycles: usize,
    /// How many records in all
    #[arg(long, default_value_t = 1_000_000)]
    records: i64,
    /// One or three brokers
    #[arg(long, default_value_t = 1, value_parser = brokers)]
    brokers: usize,
    /// The faults, which take turns
    #[arg(long, value_enum, value_delimiter = ',', default_value = "kill")]
    faults: Vec<Fault>,
    #[arg(long, value_enum, default_value = "exactly_once")]
    guarantee: Guarantee,
    #[arg(long, value_enum, default_value = "hops")]
    topology: Kind,
    /// Determines records and faults; a random one otherwise
    #[arg(long)]
    seed: Option<u64>,
    /// Worker threads of each process
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// At most so many records a second
    #[arg(long, default_value_t = 5_000)]
    rate: i64,
    /// The time between two commits, in milliseconds
    #[arg(long, default_value_t = 500)]
    commit_interval: u64,
    /// The session timeout in milliseconds
    #[arg(long, default_value_t = 6_000)]
    session_timeout: u64,
    /// Adds the run to the ledger
    #[arg(long)]
    record: bool,
    /// Leaves the processes' folders where they are, and says where
    #[arg(long)]
    keep: bool,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
#[value(rename_all = "snake_case")]
enum Guarantee {
    ExactlyOnce,
    AtLeastOnce,
}

impl Guarantee {
    const fn name(self) -> &'static str {
        match self {
            Self::ExactlyOnce => "exactly_once",
            Self::AtLeastOnce => "at_least_once",
        }
    }
}

fn brokers(text: &str) -> Result<usize, String> {
    match text {
        "1" => Ok(1),
        "3" => Ok(3),
        _ => Err("1 or 3".to_owned()),
    }
}

/// The exit code after Ctrl-C, as shells have it.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Err(error) = check(&arguments) {
        eprintln!("{error}");
        return ExitCode::from(2);
    }
    let interrupt = match Interrupt::watch() {
        Ok(interrupt) => interrupt,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    ExitCode::from(run(&arguments, &interrupt))
}

fn check(arguments: &Arguments) -> Result<(), String> {
    if arguments.faults.contains(&Fault::Broker) && arguments.brokers == 1 {
        return Err("a broker that is killed needs two others: add --brokers 3".to_owned());
    }
    if arguments.cycles == 0 || arguments.records < i64::try_from(arguments.cycles).unwrap_or(i64::MAX) {
        return Err("there must be cycles, and records in each of them".to_owned());
    }
    Ok(())
}

fn run(arguments: &Arguments, interrupt: &Interrupt) -> u8 {
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
    let Arguments { cycles, records, brokers, topology, guarantee, .. } = arguments;
    println!(
        "chaos: --seed {seed} --cycles {cycles} --records {records} --brokers {brokers} --topology {} --guarantee {}",
        topology.name(),
        guarantee.name()
    );
    let cycles = plan::cycles(seed, *cycles, &arguments.faults);
    let mut folder = match tempfile::Builder::new().prefix("millstream-chaos-").tempdir() {
        Ok(folder) => folder,
        Err(error) => {
            eprintln!("{error}");
            return 1;
        }
    };
    if arguments.keep {
        folder.disable_cleanup(true);
        println!("folders: {}", folder.path().display());
    }
    let rig = Rig { arguments, seed, cycles, folder: folder.path() };
    let mut done = Done::default();
    match rig.run(interrupt, &mut done) {
        Ok((figures, verdict)) => rig.judge(&figures, &verdict),
        Err(Stop::Interrupted) => {
            let figures = Figures { kills: done.killed.len() as u64, ..Figures::of(&done, &Default::default(), 0) };
            println!("interrupted after {} cycles and {} kills; nothing was audited", done.cycles, figures.kills);
            INTERRUPTED
        }
        Err(Stop::Failed(why)) => {
            println!("FAILED after {} cycles and {} kills: {why}", done.cycles, done.killed.len());
            1
        }
    }
}

/// Everything that a run needs.
struct Rig<'a> {
    arguments: &'a Arguments,
    seed: u64,
    cycles: Vec<Cycle>,
    folder: &'a Path,
}

impl Rig<'_> {
    fn run(&self, interrupt: &Interrupt, done: &mut Done) -> Result<(Figures, Verdict), Stop> {
        let proxies: Vec<Proxy> = (0..self.arguments.brokers).map(|_| Proxy::new()).collect();
        let cluster = OwnCluster::start_behind_all(&proxies, "chaos");
        interrupt.check()?;
        let servers = cluster.bootstrap_servers();
        let (kafka, kind) = (Kafka::at(servers), self.arguments.topology);
        let application = self.application();
        let topic = |end: &&str| TopicOf::create(&kafka, &topic_name(&application.id, end), PARTITIONS);
        let inputs: Vec<TopicOf<'_>> = kind.inputs().iter().map(topic).collect();
        let _outputs: Vec<TopicOf<'_>> = kind.outputs().iter().chain(&[WITNESS]).map(topic).collect();
        let pace = Pace::default();
        let mut places: Vec<Place> =
            (0..=PLACES).map(|number| self.place(&format!("place-{number}"), servers)).collect();
        let disk = self.disk().map_err(Stop::Failed)?;
        if let Some(place) = places.get_mut(SPECIAL) {
            place.servers = proxies.iter().map(Proxy::address).collect::<Vec<_>>().join(",");
            place.folder = disk.as_ref().map_or_else(|| place.folder.clone(), |disk| disk.folder.join("state"));
        }
        let mut conductor = Conductor {
            application,
            places,
            cluster: &cluster,
            proxies: &proxies,
            disk,
            pace: &pace,
            progress: Progress::of(self.cycles.len(), self.arguments.records),
            interrupt: interrupt.clone(),
            done: Done::default(),
            last_number: 0,
        };
        let (records, rate, events) = (self.arguments.records, self.arguments.rate, self.events(kind));
        let outcome = std::thread::scope(|scope| {
            let writing = scope.spawn(|| load::write(&events, &inputs, records, rate, &pace));
            let ending = Ending(&pace);
            let outcome = conductor.begin(PLACES).and_then(|()| conductor.run(&self.cycles, records));
            drop(ending);
            if writing.join().is_err() {
                return outcome.and(Err(Stop::Failed("the load could not be written".to_owned())));
            }
            outcome
        });
        if outcome.is_ok() {
            (0..conductor.places.len()).for_each(|place| conductor.finish(place));
        }
        let lived = conductor.lived_now();
        conductor.done.lived.add(lived);
        *done = conductor.done.clone();
        outcome?;
        self.audit(&mut conductor, &kafka)
    }

    fn application(&self) -> Application {
        let program = std::env::current_exe().unwrap_or_else(|_| "chaos".into()).with_file_name("chaos-instance");
        Application {
            program,
            id: "chaos".to_owned(),
            kind: self.arguments.topology,
            exactly_once: self.is_exactly_once(),
            threads: self.arguments.threads,
            commit_interval: Duration::from_millis(self.arguments.commit_interval),
            session: Duration::from_millis(self.arguments.session_timeout),
            transaction: None,
            // A full disk is noticed when files are written.
            write_buffer_bytes: if self.arguments.faults.contains(&Fault::Disk) { 1 << 20 } else { 8 << 20 },
        }
    }

    /// The first place's own disk, if it is to be full.
    fn disk(&self) -> Result<Option<Disk>, String> {
        let is_wanted = self.arguments.faults.contains(&Fault::Disk);
        is_wanted.then(|| Disk::mount(&self.folder.join("disk"))).transpose()
    }

    fn is_exactly_once(&self) -> bool {
        self.arguments.guarantee == Guarantee::ExactlyOnce
    }

    fn place(&self, name: &str, servers: &str) -> Place {
        Place { folder: self.folder.join(name), servers: servers.to_owned(), instance: None }
    }

    /// Event time ends about now.
    fn events(&self, kind: Kind) -> Events {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let begin_ms = i64::try_from(now).unwrap_or(0) - self.arguments.records;
        Events { seed: self.seed, keys: kind.keys(), inputs: kind.inputs().len(), begin_ms }
    }

    fn audit(&self, conductor: &mut Conductor<'_>, kafka: &Kafka) -> Result<(Figures, Verdict), Stop> {
        let (kind, once) = (self.arguments.topology, self.is_exactly_once());
        let id = conductor.application.id.clone();
        conductor.progress.say("everything is processed; auditing");
        let traces = Traces::read(kafka, kind, &id).map_err(Stop::Failed)?;
        conductor.interrupt.check()?;
        let mut verdict = traces.check(kind, once);
        let positions = read::topic(kafka, commits::TOPIC, commits::TOPIC_PARTITIONS, Isolation::ReadCommitted);
        verdict.add(traces.check_commits(kind, &id, &positions, once));
        let mut aborts = traces.aborts();
        if !once {
            aborts.died_inside = millstream_chaos::audit::coverage::died_with_work(&traces.witness);
        }
        let records = traces.inputs.iter().map(Vec::len).sum::<usize>() as u64;
        let figures = Figures::of(&conductor.done, &aborts, records);
        verdict.add(states::check_all(conductor, kafka, self.place("auditor", conductor.cluster.bootstrap_servers()))?);
        if conductor.done.lived.dropped > 0 {
            verdict.error(format!("{} records were dropped", conductor.done.lived.dropped));
        }
        println!("{} changelog records were restored in all", conductor.done.lived.restored_records);
        Ok((figures, verdict))
    }

    /// Prints the result, notes it in the ledger, and returns the exit code.
    fn judge(&self, figures: &Figures, verdict: &Verdict) -> u8 {
        for error in &verdict.told {
            println!("  {error}");
        }
        if verdict.errors > verdict.told.len() as u64 {
            println!("  .. and {} more", verdict.errors - verdict.told.len() as u64);
        }
        println!("{}", figures.line(verdict));
        let records = self.arguments.records.unsigned_abs();
        let vacuous = figures.vacuous(&self.cycles, records, self.is_exactly_once());
        if !vacuous.is_empty() {
            println!("vacuous: {}", vacuous.join(", "));
        }
        if self.arguments.record
            && vacuous.is_empty()
            && let Err(error) = ledger::add(&ledger_file(), &self.entry(figures, verdict))
        {
            eprintln!("the ledger: {error}");
            return 1;
        }
        let is_good = verdict.is_good() && vacuous.is_empty();
        println!("{}", if is_good { "passed" } else { "FAILED" });
        u8::from(!is_good)
    }

    fn entry(&self, figures: &Figures, verdict: &Verdict) -> ledger::Entry {
        let Arguments { topology, guarantee, brokers, records, faults, .. } = self.arguments;
        ledger::Entry {
            date: ledger::today(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            topology: topology.name().to_owned(),
            guarantee: guarantee.name().to_owned(),
            faults: faults.iter().map(|fault| fault.name()).collect::<Vec<_>>().join(","),
            brokers: *brokers,
            seed: self.seed,
            cycles: self.cycles.len(),
            records: *records,
            kills: figures.kills,
            inside: figures.inside,
            rebalances: figures.rebalances,
            aborts: figures.aborts,
            restores: figures.restores,
            lost: verdict.lost,
            doubled: verdict.doubled,
            reordered: verdict.reordered,
            errors: verdict.errors,
        }
    }
}

fn ledger_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("ledger.jsonl")
}
