//! What is known about the run, for everybody who shows it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use millstream::log::Doorbell;
use millstream::record::TaskId;
use millstream::runtime::TaskPhase;

use crate::pace::Pace;
use crate::reference::{Reference, Tally};
use crate::results::Results;
use crate::view::thousands;

/// The rate of events is that of so long.
const MEASURE_OVER: Duration = Duration::from_secs(2);

/// What the run is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stage {
    /// Topics are created, the first tasks are assigned, the users are sent.
    #[default]
    Starting,
    /// Visitors visit.
    Live,
    /// The traffic has ended; everything sent is waited for.
    Settling,
    /// The numbers are final.
    Ended,
}

/// One task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskRow {
    /// Sub-topology and partition.
    pub id: TaskId,
    /// Which worker runs it, from 1.
    pub worker: usize,
    /// What it is doing; `None` if its instance was killed.
    pub phase: Option<TaskPhase>,
    /// Input records processed since this instance started.
    pub processed: u64,
    /// Changelog records read to get the state back.
    pub restored: u64,
    /// Input records that wait; `None` while it is not known.
    pub lag: Option<i64>,
}

impl TaskRow {
    /// Whether it processes records.
    pub fn is_running(&self) -> bool {
        self.phase == Some(TaskPhase::Running)
    }

    /// What it is doing, in a word.
    pub fn doing(&self) -> &'static str {
        self.phase.map_or("killed", TaskPhase::as_str)
    }
}

/// One kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    /// When, since the traffic began.
    pub at: Duration,
    /// How long until every task was running again; `None` while it is not.
    pub lasted: Option<Duration>,
    /// Changelog records read to get the state back.
    pub restored: u64,
}

impl Outage {
    /// Where the state came from.
    pub fn recovery(&self) -> String {
        match self.restored {
            0 => "its state was on disk".to_owned(),
            1 => "1 changelog record was read for its state".to_owned(),
            records => format!("{} changelog records were read for its state", thousands(records)),
        }
    }
}

/// The run as it is now.
#[derive(Default)]
pub struct Board {
    /// What it is doing.
    pub stage: Stage,
    /// What the application's instance is doing, in Kafka Streams' words, or `KILLED`.
    pub instance: String,
    /// Its tasks.
    pub tasks: Vec<TaskRow>,
    /// The kills so far.
    pub outages: Vec<Outage>,
    /// What was sent and what must come of it, once the traffic has begun.
    pub reference: Option<Reference>,
    /// How what came out compares with it.
    pub tally: Tally,
    /// Windows of pages and of visitors that were found equal and are no longer kept.
    pub settled: (u64, u64),
    /// What was found in the end.
    pub verdict: Option<Verdict>,
    /// News, in order.
    pub news: Vec<String>,
    /// How many events had been sent when, of late.
    sent_at: VecDeque<(Duration, u64)>,
}

/// What was found in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Numbers that are not what they must be.
    pub mismatches: Vec<String>,
}

impl Board {
    /// How many windows were found equal.
    pub fn windows_checked(&self) -> u64 {
        self.tally.windows() + self.settled.0 + self.settled.1
    }

    /// Takes note of how much has been sent by now.
    pub fn measure(&mut self, now: Duration) {
        let Some(reference) = &self.reference else { return };
        self.sent_at.push_back((now, reference.sent.total()));
        while self.sent_at.front().is_some_and(|(at, _)| *at + MEASURE_OVER < now) {
            self.sent_at.pop_front();
        }
    }

    /// How many events were sent per second of late.
    pub fn events_per_second(&self) -> f64 {
        let (Some((began, before)), Some((ended, after))) = (self.sent_at.front(), self.sent_at.back()) else {
            return 0.0;
        };
        let seconds = ended.saturating_sub(*began).as_secs_f64();
        if seconds > 0.0 { (after - before) as f64 / seconds } else { 0.0 }
    }

    /// Adds a piece of news.
    pub fn tell(&mut self, at: Duration, news: &str) {
        self.news.push(format!("{} {news}", clock(at)));
    }
}

/// What the threads share.
#[derive(Default)]
pub struct Shared {
    board: Mutex<Board>,
    /// What has come out.
    pub results: Mutex<Results>,
    /// The run's time.
    pub pace: Pace,
    /// Rung when there is something to do for the conductor.
    pub doorbell: Doorbell,
    stop: AtomicBool,
    kill: AtomicBool,
    /// When the traffic is to end by itself, in milliseconds after it began, plus one; 0 is never.
    end_at_ms: AtomicU64,
}

impl Shared {
    /// The board.
    pub fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has come out. Locked after the board, if both are.
    pub fn results(&self) -> MutexGuard<'_, Results> {
        self.results.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for the end.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
        self.doorbell.ring();
    }

    /// Lets the traffic end by itself once it has gone on for so long.
    pub fn end_at(&self, passed: Duration) {
        self.end_at_ms.store(u64::try_from(passed.as_millis()).unwrap_or(u64::MAX - 1) + 1, Ordering::SeqCst);
    }

    /// When the traffic ends by itself.
    pub fn ends_at(&self) -> Option<Duration> {
        self.end_at_ms.load(Ordering::SeqCst).checked_sub(1).map(Duration::from_millis)
    }

    /// Whether the end was asked for, or its time has come.
    pub fn is_over(&self) -> bool {
        self.stop.load(Ordering::SeqCst) || self.ends_at().is_some_and(|end| self.pace.passed() >= end)
    }

    /// Asks for a kill.
    pub fn kill(&self) {
        self.kill.store(true, Ordering::SeqCst);
        self.doorbell.ring();
    }

    /// Whether a kill was asked for since the last call.
    pub fn take_kill(&self) -> bool {
        self.kill.swap(false, Ordering::SeqCst)
    }
}

/// Minutes and seconds, as `02:07`.
pub fn clock(passed: Duration) -> String {
    format!("{:02}:{:02}", passed.as_secs() / 60, passed.as_secs() % 60)
}
