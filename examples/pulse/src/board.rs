//! What is known about the run, for those who show it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use millstream::log::Doorbell;
use millstream::record::TaskId;
use millstream::runtime::TaskPhase;

use crate::intake::Intake;
use crate::pace::Pace;
use crate::reference::{Reference, Tally};
use crate::results::Results;
use crate::tasting::Tasting;
use crate::traffic::Event;
use crate::view::thousands;
use crate::watch::Watch;

/// The period over which the rate of events is measured.
const MEASURE_OVER: Duration = Duration::from_secs(2);

/// How many requests wait; whoever asks more often is not heard.
const REQUESTS_MAX: usize = 20;

/// What the run is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stage {
    /// Topics are created, the first tasks are assigned, the users are sent.
    #[default]
    Starting,
    /// Visitors are active.
    Live,
    /// The traffic has ended; the results of everything sent have yet to arrive.
    Settling,
    /// The numbers are final.
    Ended,
}

/// What keys and buttons ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// Kill the instance, and start it again.
    Kill,
    /// Start a second instance.
    StartSecond,
    /// Kill it.
    KillSecond,
    /// Send records that nobody can read.
    Poison,
    /// Let as many visitors come again, or leave.
    Double,
}

impl Request {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Kill, Self::StartSecond, Self::KillSecond, Self::Poison, Self::Double];

    /// Its name in a URL.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::StartSecond => "start-second",
            Self::KillSecond => "kill-second",
            Self::Poison => "poison",
            Self::Double => "double",
        }
    }
}

/// A task, as shown in the list of tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskRow {
    /// Sub-topology and partition.
    pub id: TaskId,
    /// The instance that runs it, counted from 0.
    pub instance: usize,
    /// The worker that runs it, counted from 1 through all instances.
    pub worker: usize,
    /// `None` if its instance was killed.
    pub phase: Option<TaskPhase>,
    /// The number of input records processed since this instance started.
    pub processed: u64,
    /// The number of changelog records read to restore the state.
    pub restored: u64,
    /// The number of input records not yet processed; `None` while it is not known.
    pub lag: Option<i64>,
}

impl TaskRow {
    /// Whether it is processing records.
    pub fn is_running(&self) -> bool {
        self.phase == Some(TaskPhase::Running)
    }

    /// The phase in one word.
    pub fn doing(&self) -> &'static str {
        self.phase.map_or("killed", TaskPhase::as_str)
    }
}

/// A kill and the recovery from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    /// The time since the traffic began.
    pub at: Duration,
    /// The time until every task was running again; `None` until then.
    pub lasted: Option<Duration>,
    /// The number of changelog records read to restore the state.
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

/// The current state of the run.
#[derive(Default)]
pub struct Board {
    /// How far the run has got.
    pub stage: Stage,
    /// The state of the application's instance, with Kafka Streams' names, or `KILLED`.
    pub instance: String,
    /// The tasks of all instances.
    pub tasks: Vec<TaskRow>,
    /// How many tasks there are altogether, also while some of them run nowhere.
    pub all_tasks: usize,
    /// Where the instances are served.
    pub addresses: Vec<String>,
    /// Whether there are twice as many visitors as at first.
    pub is_doubled: bool,
    /// All kills, in order.
    pub outages: Vec<Outage>,
    /// What was sent and the numbers that must result, once the traffic has begun.
    pub reference: Option<Reference>,
    /// The comparison of the results with the reference.
    pub tally: Tally,
    /// The numbers of windows and of sessions that were right and are no longer kept.
    pub settled: (u64, u64),
    /// The bots' attacks and the alerts.
    pub watch: Watch,
    /// How good the recommendations are.
    pub tasting: Tasting,
    /// Set at the end.
    pub verdict: Option<Verdict>,
    /// Messages about the run, in order.
    pub news: Vec<String>,
    /// The recent times of measurement, with the number of events sent by then.
    sent_at: VecDeque<(Duration, u64)>,
}

/// The result of the final check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The numbers that are wrong.
    pub mismatches: Vec<String>,
}

impl Board {
    /// The number of windows that were right.
    pub fn windows_checked(&self) -> u64 {
        self.tally.windows + self.settled.0
    }

    /// The number of sessions that were right.
    pub fn sessions_checked(&self) -> u64 {
        self.tally.sessions + self.settled.1
    }

    /// Records how much has been sent by now.
    pub fn measure(&mut self, now: Duration) {
        let Some(reference) = &self.reference else { return };
        self.sent_at.push_back((now, reference.sent.total()));
        while self.sent_at.front().is_some_and(|(at, _)| *at + MEASURE_OVER < now) {
            self.sent_at.pop_front();
        }
    }

    /// The recent number of events per second.
    pub fn events_per_second(&self) -> f64 {
        let (Some((began, before)), Some((ended, after))) = (self.sent_at.front(), self.sent_at.back()) else {
            return 0.0;
        };
        let seconds = ended.saturating_sub(*began).as_secs_f64();
        if seconds > 0.0 { (after - before) as f64 / seconds } else { 0.0 }
    }

    /// Adds a message.
    pub fn tell(&mut self, at: Duration, news: &str) {
        self.news.push(format!("{} {news}", clock(at)));
    }
}

/// The state that the threads share.
#[derive(Default)]
pub struct Shared {
    board: Mutex<Board>,
    /// The contents of the output topics.
    pub results: Mutex<Results>,
    /// The run's clock.
    pub pace: Pace,
    /// Rung when there is something to do for the conducting thread.
    pub doorbell: Doorbell,
    /// The way of all events into the log.
    pub intake: Intake,
    stop: AtomicBool,
    requests: Mutex<Vec<Request>>,
    failure: Mutex<Option<String>>,
    /// When the traffic ends automatically, in milliseconds after its start, plus one; 0 means never.
    end_at_ms: AtomicU64,
}

impl Shared {
    /// Locks the board.
    pub fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks the results; always after the board, if both are locked.
    pub fn results(&self) -> MutexGuard<'_, Results> {
        self.results.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for the end of the run.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
        self.doorbell.ring();
    }

    /// Makes the traffic end automatically after this time.
    pub fn end_at(&self, passed: Duration) {
        self.end_at_ms.store(u64::try_from(passed.as_millis()).unwrap_or(u64::MAX - 1) + 1, Ordering::SeqCst);
    }

    /// When the traffic ends automatically.
    pub fn ends_at(&self) -> Option<Duration> {
        self.end_at_ms.load(Ordering::SeqCst).checked_sub(1).map(Duration::from_millis)
    }

    /// Whether the end was asked for, or the time is up.
    pub fn is_over(&self) -> bool {
        self.stop.load(Ordering::SeqCst) || self.ends_at().is_some_and(|end| self.pace.passed() >= end)
    }

    /// Asks for an action.
    pub fn ask(&self, request: Request) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        if requests.len() < REQUESTS_MAX {
            requests.push(request);
        }
        drop(requests);
        self.doorbell.ring();
    }

    /// The actions that have been asked for since the last call.
    pub fn take_requests(&self) -> Vec<Request> {
        std::mem::take(&mut *self.requests.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Ends the run, because its numbers mean nothing any more.
    pub fn fail(&self, reason: String) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(reason);
        self.doorbell.ring();
    }

    /// Why the run has to end.
    pub fn take_failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Counts events that are about to be sent.
    pub fn note(&self, events: &[Event]) {
        if let Some(reference) = &mut self.board().reference {
            events.iter().for_each(|event| reference.note(event));
        }
    }

    /// Adds a message with the current time.
    pub fn tell(&self, news: &str) {
        self.board().tell(self.pace.passed(), news);
    }
}

/// Minutes and seconds, as `02:07`.
pub fn clock(passed: Duration) -> String {
    format!("{:02}:{:02}", passed.as_secs() / 60, passed.as_secs() % 60)
}
