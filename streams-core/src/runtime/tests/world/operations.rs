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
    /// An instance stands still for a while, or one of its threads does.
    Pause {
        seat: usize,
        part: Part,
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
    /// For a while most transaction markers are delayed, or strictly all of them.
    MarkersLate {
        ms: u64,
        strictly: bool,
    },
    /// For a while records do not reach the replicas.
    ReplicasLate {
        ms: u64,
    },
    /// The input that is committed is deleted.
    Retention,
    /// The log serves one instance badly for a while.
    Fault {
        seat: usize,
        kind: FaultKind,
        ms: u64,
    },
}

/// What stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Both,
    /// The member is not heard of, and the tasks are processed.
    Control,
    /// The tasks stand still, and the member is heard of.
    Worker,
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
        // Under at-least-once a member that the group removes before its session ends may write behind its successor.
        let deadlines = match guarantee {
            Guarantee::ExactlyOnce => [20, 60],
            Guarantee::AtLeastOnce => [60, 60],
        };
        let settings = Settings {
            guarantee: Some(guarantee),
            workers: rng.usize(1..=2),
            commit_interval: rng.choice(intervals).map(Duration::from_millis),
            cache_bytes: if seed & 4 == 0 { 0 } else { rng.choice([1_000, 1 << 20, 1 << 20]).unwrap_or(1_000) },
            rebalance_timeout: Duration::from_secs(rng.choice(deadlines).unwrap_or(60)),
            records_per_round: rng.choice([1, 3, 1_000]).unwrap_or(1),
            buffered_records: rng.choice([1, 5, 1_000]).unwrap_or(1),
            ..Settings::default()
        };
        let operations = super::moves::draw(rng.fork(), &settings);
        let workload = if seed & 2 == 0 { Workload::Keyed } else { Workload::Windowed };
        Self { seed, workload, partitions: rng.u32(1..=3), settings, operations }
    }
}

/// Short durations are as likely as long ones.
pub(super) fn duration(rng: &mut Rng, max: u64) -> u64 {
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
