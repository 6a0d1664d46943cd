//! What happens in the world: a list of operations derived from a seed before anything runs, so that a failing list
//! can be printed, repeated and shortened.

use std::time::Duration;

use fastrand::Rng;

use super::workload::{Event, Workload};
use crate::runtime::tests::faulty_log::FaultKind;
use crate::runtime::{Guarantee, Settings};

/// The number of seats in which an instance can run, each with its own state folder.
pub(super) const SEATS: usize = 3;

/// One operation. If it makes no sense, for instance because nothing runs in the seat, it does nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Operation {
    Send(Event),
    /// Steps an instance's control a few times.
    Control {
        seat: usize,
        steps: u8,
    },
    /// Steps an instance's worker a few times.
    Worker {
        seat: usize,
        number: usize,
        steps: u8,
    },
    /// Steps both until there is nothing left to do.
    Settle {
        seat: usize,
    },
    /// Time passes while instances that are awake keep running.
    Pass {
        ms: u64,
        worker_first: bool,
    },
    /// Time passes without any instance being stepped.
    Leap {
        ms: u64,
    },
    /// An instance stands still for a while.
    Pause {
        seat: usize,
        ms: u64,
    },
    /// An instance starts, in a new folder if its own is `lost`.
    Start {
        seat: usize,
        lost: bool,
    },
    /// An instance is asked to stop.
    Stop {
        seat: usize,
    },
    /// An instance ends as in a crash.
    Kill {
        seat: usize,
    },
    /// For a while most transaction markers are delayed.
    MarkersLate {
        ms: u64,
    },
    /// For a while records do not reach the replicas.
    ReplicasLate {
        ms: u64,
    },
    /// The log serves one instance badly for a while.
    Fault {
        seat: usize,
        kind: FaultKind,
        ms: u64,
    },
}

/// Everything about one run.
#[derive(Debug, Clone)]
pub(super) struct Script {
    pub(super) seed: u64,
    pub(super) workload: Workload,
    pub(super) partitions: u32,
    pub(super) settings: Settings,
    pub(super) operations: Vec<Operation>,
}

/// The number of kinds of runs, which consecutive seeds take in turn.
pub(super) const FAMILIES: u64 = 8;

impl Script {
    pub(super) fn from_seed(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let guarantee = if seed & 1 == 1 { Guarantee::ExactlyOnce } else { Guarantee::AtLeastOnce };
        let intervals = match guarantee {
            Guarantee::ExactlyOnce => [100, 1_000, 4_000],
            Guarantee::AtLeastOnce => [200, 3_000, 30_000],
        };
        let settings = Settings {
            guarantee,
            workers: rng.usize(1..=2),
            commit_interval: rng.choice(intervals).map(Duration::from_millis),
            cache_bytes: if seed & 4 == 0 { 0 } else { 1 << 20 },
            records_per_round: rng.choice([1, 3, 1_000]).unwrap_or(1),
            buffered_records: rng.choice([1, 5, 1_000]).unwrap_or(1),
            ..Settings::default()
        };
        let mut script = Self {
            seed,
            workload: if seed & 2 == 0 { Workload::Keyed } else { Workload::Windowed },
            partitions: rng.u32(1..=3),
            settings,
            operations: (0..rng.usize(1..=SEATS)).map(|seat| Operation::Start { seat, lost: false }).collect(),
        };
        script.operations.push(Operation::Pass { ms: 10_000, worker_first: false });
        let mix = Mix::draw(&mut rng);
        let (words, mut ids) = (rng.u8(1..=4), 0);
        for _ in 0..rng.usize(30..120) {
            let operation = mix.operation(&mut rng, words, &mut ids);
            script.operations.push(operation);
        }
        script
    }
}

/// How often each operation happens. Every world has its own mix, and in some nothing goes wrong.
struct Mix {
    weights: [u32; 10],
    pass_max: u64,
}

impl Mix {
    fn draw(rng: &mut Rng) -> Self {
        let pass_max = rng.choice([500, 10_000, 100_000]).unwrap_or(500);
        let weights = match rng.u8(0..4) {
            // Members come and go, and some are not stepped meanwhile.
            0 => [20, 20, 10, 30, 2, 0, 20, 10, 2, 0],
            // Members stand still.
            1 => [20, 5, 5, 10, 30, 20, 10, 4, 4, 2],
            // The log has faults.
            2 => [20, 5, 5, 10, 30, 2, 10, 2, 4, 20],
            _ => std::array::from_fn(|_| rng.u32(1..=30)),
        };
        Self { weights, pass_max }
    }

    fn operation(&self, rng: &mut Rng, words: u8, ids: &mut u32) -> Operation {
        let seat = rng.usize(0..SEATS);
        let mut drawn = rng.u32(0..self.weights.iter().sum());
        let kind = self.weights.iter().position(|weight| match drawn.checked_sub(*weight) {
            None => true,
            Some(rest) => {
                drawn = rest;
                false
            }
        });
        match kind.unwrap_or(0) {
            0 => {
                *ids += 1;
                Operation::Send(Event { id: *ids, word: rng.u8(0..words), at: rng.i64(0..40_000) })
            }
            1 => Operation::Control { seat, steps: rng.u8(1..6) },
            2 => Operation::Worker { seat, number: rng.usize(0..2), steps: rng.u8(1..6) },
            3 => Operation::Settle { seat },
            4 if rng.u8(0..4) == 0 => Operation::Leap { ms: rng.u64(1..5_000) },
            4 => Operation::Pass { ms: duration(rng, self.pass_max), worker_first: rng.bool() },
            5 if rng.bool() => Operation::Pause { seat, ms: rng.u64(30_000..400_000) },
            5 => Operation::Pause { seat, ms: duration(rng, 400_000) },
            6 => Operation::Start { seat, lost: rng.u8(0..4) == 0 },
            7 => Operation::Stop { seat },
            8 => Operation::Kill { seat },
            9 if rng.u8(0..3) == 0 => Operation::MarkersLate { ms: duration(rng, 30_000) },
            9 if rng.u8(0..6) == 0 => Operation::ReplicasLate { ms: duration(rng, 20_000) },
            _ => Operation::Fault { seat, kind: FaultKind::draw(rng), ms: duration(rng, 60_000) },
        }
    }
}

/// Short durations are as likely as long ones.
fn duration(rng: &mut Rng, max: u64) -> u64 {
    let exponent = rng.f64() * (max as f64).ln();
    exponent.exp() as u64
}

impl std::fmt::Display for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { seed, workload, partitions, settings, operations } = self;
        let Settings { guarantee, workers, commit_interval, cache_bytes, records_per_round, buffered_records, .. } =
            settings;
        writeln!(f, "seed {seed}: {workload:?}, {guarantee:?}, {partitions} partitions, {workers} workers,")?;
        writeln!(
            f,
            "  commit interval {commit_interval:?}, cache {cache_bytes}, {records_per_round} records a round, {buffered_records} buffered"
        )?;
        operations.iter().enumerate().try_for_each(|(number, operation)| writeln!(f, "  {number:2} {operation:?}"))
    }
}
