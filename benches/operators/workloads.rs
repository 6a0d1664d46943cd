//! The workloads: topology, options, and the comparison of the output.

use std::time::Duration;

use clap::ValueEnum;
use millstream::log::Log;
use millstream::prelude::*;
use millstream::record::Partition;

use crate::input::{BACKLOG_PARTITIONS, backlog, items, sides};
use crate::measure::Measured;
use crate::reference::{Rows, Totals, backlog_counts, closed_counts, pairs, session_counts, sliding_max};
use crate::{Failure, log};

/// An operator with windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Workload {
    /// Counts in windows of a minute that begin every second, sent when they close
    HoppingOnClose,
    /// The largest value of the last 2.5 seconds, sliding
    SlidingMax,
    /// Counts of sessions with a gap of half a second
    SessionCount,
    /// An inner join of two streams within a second
    InnerJoin,
    /// A left join of two streams within a second
    LeftJoin,
    /// Counts by value in a second's windows, of a backlog that is read in the order of event time by one worker
    Replay,
    /// The same by two workers
    ReplayOnTwo,
}

impl std::fmt::Display for Workload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::HoppingOnClose => "60-overlap hopping count on close",
            Self::SlidingMax => "sliding max",
            Self::SessionCount => "session count",
            Self::InnerJoin => "stream-stream inner join",
            Self::LeftJoin => "stream-stream left join",
            Self::Replay => "aligned replay, repartitioned",
            Self::ReplayOnTwo => "the same on two workers",
        })
    }
}

const LEFT: Topic<u64, i64> = Topic::new("left");
const RIGHT: Topic<u64, i64> = Topic::new("right");
const OUTPUT: &str = "output";

const SIZE: i64 = 60_000;
const ADVANCE: i64 = 1_000;
const DIFFERENCE: i64 = 2_500;
const GAP: i64 = 500;
const WITHIN: i64 = 1_000;
const WINDOW: i64 = 1_000;
/// How far apart in time tasks may be. The grace is as long.
const BOUND: i64 = 1_000;

/// The caches' memory, so much that nothing is evicted.
const CACHE: usize = 256 << 20;

const fn ms(millis: i64) -> Duration {
    Duration::from_millis(millis.unsigned_abs())
}

impl Workload {
    pub(crate) const ALL: &[Self] = &[
        Self::HoppingOnClose,
        Self::SlidingMax,
        Self::SessionCount,
        Self::InnerJoin,
        Self::LeftJoin,
        Self::Replay,
        Self::ReplayOnTwo,
    ];

    const fn is_join(self) -> bool {
        matches!(self, Self::InnerJoin | Self::LeftJoin)
    }

    const fn is_replay(self) -> bool {
        matches!(self, Self::Replay | Self::ReplayOnTwo)
    }

    /// Runs the workload once and compares its output with the reference. Returns the number of results, too.
    pub(crate) fn measure(self, records: u64) -> Result<(Measured, u64), Failure> {
        let log = Embedded::in_memory();
        let partitions = if self.is_replay() { BACKLOG_PARTITIONS } else { 1 };
        log::create(&log, &[(LEFT.name(), partitions), (RIGHT.name(), 1), (OUTPUT, 1)])?;
        let one = Partition(0);
        if self.is_join() {
            let place = |(is_right, item)| ((if is_right { "right" } else { "left" }, one), item);
            log::write(&log, sides(records).map(place))?;
        } else if self.is_replay() {
            log::write(&log, backlog(records).map(|(partition, item)| (("left", Partition(partition)), item)))?;
        } else {
            log::write(&log, items(records).map(|item| (("left", one), item)))?;
        }
        let workers = if self == Self::ReplayOnTwo { 2 } else { 1 };
        let app = App::new("operators", self.topology()?).quiet().at_least_once().workers(workers).cache_bytes(CACHE);
        let app = if self.is_replay() { app.align_event_time(ms(BOUND)) } else { app };
        let running = log.clone();
        let measured = Measured::of(records, || app.run_until_idle(running).map(drop).map_err(Failure::from))?;
        let results = self.check(&log, records)?;
        Ok((measured, results))
    }

    fn topology(self) -> Result<Topology, Failure> {
        let builder = StreamsBuilder::new();
        let left = builder.stream(LEFT);
        let group = left.group_by_key();
        match self {
            Self::HoppingOnClose => {
                let windows = Hopping::of(ms(SIZE)).advance_by(ms(ADVANCE)).no_grace();
                let output: Topic<Windowed<u64>, Option<i64>> = Topic::named(OUTPUT)?;
                group.windowed_by(windows).emit_on_close().count().to_stream().to(output);
            }
            Self::SlidingMax => {
                let output: Topic<Windowed<u64>, Option<i64>> = Topic::named(OUTPUT)?;
                let windowed = group.windowed_by(Sliding::of(ms(DIFFERENCE)).no_grace());
                windowed.reduce(i64::max).to_stream().to(output);
            }
            Self::SessionCount => {
                let output: Topic<Windowed<u64, Session>, Option<i64>> = Topic::named(OUTPUT)?;
                group.windowed_by(Sessions::gap(ms(GAP)).grace(ms(GAP))).count().to_stream().to(output);
            }
            Self::InnerJoin | Self::LeftJoin => {
                let output: Topic<u64, i64> = Topic::named(OUTPUT)?;
                let right = builder.stream(RIGHT).within(JoinWindows::of(ms(WITHIN)).no_grace());
                let joined = match self {
                    Self::InnerJoin => left.join(right, |left, right| left + right),
                    _ => left.left_join(right, |left, right: Option<i64>| left + right.unwrap_or(0)),
                };
                joined.to(output);
            }
            Self::Replay | Self::ReplayOnTwo => {
                let output: Topic<Windowed<i64>, Option<i64>> = Topic::named(OUTPUT)?;
                let windows = Tumbling::of(ms(WINDOW)).grace(ms(BOUND));
                left.group_by(|_, value| *value).windowed_by(windows).count().to_stream().to(output);
            }
        }
        Ok(builder.build()?)
    }

    fn check(self, log: &dyn Log, records: u64) -> Result<u64, Failure> {
        if self.is_join() {
            let mut totals: Totals = (0, 0);
            log::read(log, OUTPUT, |_, value| {
                totals = (totals.0 + 1, totals.1 + number(value.ok_or("a join gives no tombstones")?)?);
                Ok(())
            })?;
            let expected = pairs(records, WITHIN, self == Self::LeftJoin);
            if totals != expected {
                return Err(format!("{self}: {totals:?} results and their sum, the reference says {expected:?}").into());
            }
            return Ok(totals.0);
        }
        let (mut rows, mut results) = (Rows::new(), 0);
        log::read(log, OUTPUT, |key, value| {
            results += 1;
            match value {
                Some(value) => rows.insert(key.to_vec(), number(value)?),
                None => rows.remove(key),
            };
            Ok(())
        })?;
        let expected = match self {
            Self::HoppingOnClose => closed_counts(records, SIZE, ADVANCE),
            Self::SlidingMax => sliding_max(records, DIFFERENCE),
            Self::Replay | Self::ReplayOnTwo => backlog_counts(records, WINDOW),
            _ => session_counts(records, GAP),
        };
        let differing = rows.iter().find(|(key, value)| expected.get(*key) != Some(*value));
        match differing {
            Some((key, value)) => {
                let (key, right) = (key.escape_ascii(), expected.get(key));
                Err(format!("{self}: {key} is {value}, the reference says {right:?}").into())
            }
            None if rows.len() != expected.len() => {
                Err(format!("{self}: {} rows, the reference says {}", rows.len(), expected.len()).into())
            }
            None => Ok(results),
        }
    }
}

fn number(bytes: &[u8]) -> Result<i64, Failure> {
    Ok(i64::from_be_bytes(bytes.try_into()?))
}
