//! The worker: the only loop.
//!
//! `slots.rs` holds its tasks, and `standing.rs` its standing in the group. `tasks.rs` takes on and gives up tasks,
//! `opening.rs` opens them, `intake.rs` brings records to them, `processing.rs` processes those, `committing.rs` decides
//! when to commit, and `recovering.rs` undoes what cannot be committed;
//! `full_disk.rs` says for how long, if a disk is full. `answering.rs` lets those who ask look into their stores,
//! `publishing.rs` tells those who follow them what has changed, and `measuring.rs` finds out how large they are.
//!
//! A worker owns its tasks, a consumer for input, a consumer for restoring, and a producer. [`Worker::run_once`] does
//! a bounded amount of whatever there is to do and never waits; a thread, a test or a simulation calls it repeatedly.
//! The group's decisions reach it as [`Command`]s from `control/`, which it answers with [`Report`]s.

use std::any::Any;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

use super::age;
use super::alignment::Alignment;
use super::busy::Busy;
use super::collector::ProducerCollector;
use super::commit::Commit;
use super::directory::StateDirectory;
use super::drop_notices::DropNotices;
use super::failures::{ErrorPolicy, Failures, Uncaught};
use super::heard::Heard;
use super::long_wait::LongWait;
use super::memory::MemoryPlan;
use super::metrics::MetricsBoard;
use super::plan::Plan;
use super::pulse::Pulse;
use super::queries::{Desk, Inbox, Question};
use super::questions::Questions;
use super::settings::Guarantee;
use super::stall::Stall;
use super::summary::Totals;
use super::task::{BufferedBytes, Input, Task};
use super::timings::WorkerTimings;
use super::{AppError, Settings};
use crate::clock::SharedClock;
use crate::executor::SharedExecutor;
use crate::log::{
    Admin, Call, Committer, Consumer, ConsumerOptions, ConsumerPurpose, Doorbell, FetchEvent, GroupMetadata, Isolation,
    Log, LogError, Reply,
};
use crate::operators::StoreId;
use crate::operators::handler::InFlightBudget;
use crate::random::SharedRandom;
use crate::record::{Offset, TaskId, TopicPartition};
use crate::state::{CacheBudget, GlobalStore, StateBackend};

mod aligning;
mod answering;
mod attending;
mod committing;
mod full_disk;
mod intake;
mod lost_positions;
mod measuring;
mod opening;
mod pace;
mod processing;
mod proving;
mod publishing;
mod recovering;
mod rest;
mod slots;
mod standing;
mod tasks;
mod waiting;

pub(crate) use lost_positions::LostPosition;
pub(crate) use slots::Slots;

use full_disk::FullDisks;
use measuring::NextToMeasure;
use pace::Pace;
use processing::Work;
use proving::Proof;
use rest::Rest;
use standing::Standing;
use tasks::new_collector;
use waiting::Waiting;

/// How long to wait for an answer that may not ring the doorbell.
const WAIT_FOR_REPLY: Duration = Duration::from_millis(1);

/// How long a stopping worker tries to commit, after it has waited for handlers.
const STOP_PATIENCE: Duration = Duration::from_secs(30);

/// Shorter waits are not worth putting the thread to sleep.
const WAIT_MIN: Duration = Duration::from_micros(100);

/// How often counters are published.
const PUBLISH_INTERVAL: Duration = Duration::from_millis(100);

/// How often processed records of repartition topics are deleted (`repartition.purge.interval.ms`).
const PURGE_INTERVAL: Duration = Duration::from_secs(30);

/// Shared by all workers of an application.
pub(crate) struct Common {
    pub(crate) settings: Arc<Settings>,
    pub(crate) memory: Arc<MemoryPlan>,
    /// What becomes of records that fail.
    pub(crate) policy: Arc<ErrorPolicy>,
    pub(crate) plan: Plan,
    pub(crate) log: Arc<dyn Log>,
    pub(crate) backend: Arc<dyn StateBackend>,
    pub(crate) directory: Arc<StateDirectory>,
    pub(crate) clock: SharedClock,
    pub(crate) random: SharedRandom,
    /// Runs handlers.
    pub(crate) executor: SharedExecutor,
    /// What the records of handlers may take.
    pub(crate) in_flight: InFlightBudget,
    pub(crate) committer: Arc<dyn Committer>,
    pub(crate) globals: BTreeMap<StoreId, Arc<GlobalStore>>,
    pub(crate) metrics: MetricsBoard,
    pub(crate) drops: DropNotices,
    pub(crate) totals: Totals,
    /// Where questions about stores are left.
    pub(crate) desk: Arc<Desk>,
    pub(crate) paused: Arc<AtomicBool>,
    pub(crate) killed: Arc<AtomicBool>,
    /// `None` if tasks go as fast as they can, whatever their records' times.
    pub(crate) alignment: Option<Alignment>,
    /// When the member was last polled.
    pub(crate) heard: Arc<Heard>,
    /// Whether the log as a whole is known to be out of reach, which is not the time to give anything up.
    pub(crate) out_of_reach: AtomicBool,
}

impl Common {
    /// Whether the user has paused the application.
    pub(crate) fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Relaxed)
    }

    /// Whether the log as a whole is known to be out of reach.
    pub(crate) fn is_out_of_reach(&self) -> bool {
        self.out_of_reach.load(Ordering::Relaxed)
    }

    /// The prefix of the clients' names.
    pub(crate) fn client_id(&self) -> &str {
        self.settings.client_id.as_deref().unwrap_or(&self.plan.application_id)
    }
}

/// The group's decisions about a worker's tasks. An answer carries the epoch of its command, so that a late one is
/// not mistaken for the answer to a later command.
#[derive(Debug)]
pub(crate) enum Command {
    /// From now on these are all of the worker's tasks; answer [`Report::Running`] when all of them are running.
    Assign { tasks: BTreeSet<TaskId>, metadata: GroupMetadata, epoch: u64 },
    /// Commit and suspend these tasks, then answer [`Report::Revoked`].
    Revoke { tasks: BTreeSet<TaskId>, metadata: GroupMetadata, epoch: u64 },
    /// The tasks belong to other members: drop them without committing.
    Lose,
    /// Commit and close everything, then answer [`Report::Stopped`].
    Stop,
}

/// What a worker reports to the control.
#[derive(Debug)]
pub(crate) enum Report {
    /// All its tasks are running.
    Running { worker: usize, epoch: u64 },
    /// It is reopening its tasks to repeat the work since the last commit.
    Opening { worker: usize, epoch: u64 },
    /// The revoked tasks are committed and suspended.
    Revoked { worker: usize, epoch: u64 },
    /// Its commit was refused and it has dropped its tasks: they belong to other members, or the transaction was open
    /// for too long.
    Fenced { worker: usize, epoch: u64 },
    /// It cannot continue, but still answers commands.
    /// `verdict` is what the application has decided about the error.
    Failed { worker: usize, error: AppError, verdict: Uncaught },
    /// A task has records and does not process them.
    Stalled(Stall),
    /// It has closed everything.
    Stopped { worker: usize },
}

/// What a worker is created from, on its own thread.
pub(crate) struct WorkerSeed {
    pub(crate) number: usize,
    pub(crate) common: Arc<Common>,
    pub(crate) commands: Receiver<Command>,
    pub(crate) reports: Sender<Report>,
    pub(crate) doorbell: Doorbell,
    pub(crate) control_doorbell: Doorbell,
    /// Questions about the stores of its tasks.
    pub(crate) inbox: Inbox,
    /// What the worker is doing, for the control.
    pub(crate) pulse: Arc<Pulse>,
}

/// Whether a worker has more to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It did something; call again at once.
    Busy,
    /// Call again when its doorbell rings, or after this long.
    Idle(Duration),
    /// It has closed everything; do not call again.
    Finished,
}

/// A worker. It never leaves its thread.
pub(crate) struct Worker {
    seed: WorkerSeed,
    admin: Arc<dyn Admin>,
    collector: Rc<RefCell<ProducerCollector>>,
    producer_ready: bool,
    consumer: Box<dyn Consumer>,
    restore_consumer: Box<dyn Consumer>,
    slots: Slots,
    failures: Failures,
    /// What the input buffers hold.
    buffered: BufferedBytes,
    /// The pause after a failure.
    rest: Rest,
    full_disks: FullDisks,
    questions: Questions,
    /// The tasks that have records and do not process them.
    waiting: Waiting,
    /// What the worker itself waits for.
    long_wait: LongWait,
    /// Why the transactional id is not registered yet, as the log has said last.
    init_trouble: Option<LogError>,
    routes: HashMap<TopicPartition, (TaskId, usize)>,
    standing: Standing,
    commit: Option<Commit>,
    /// Whether processing has stopped because positions cannot be committed.
    is_held_up: bool,
    /// Whether the next record has to wait for a task of another worker.
    is_held_back: bool,
    pace: Pace,
    /// The task that comes first in the next round.
    next_task: Option<TaskId>,
    /// What the caches of all its tasks may hold, and the task whose caches make room next.
    cache_budget: CacheBudget,
    next_to_make_room: Option<TaskId>,
    /// A record whose processing took longer than a transaction may stay open.
    slow_record: Option<(TopicPartition, Offset)>,
    /// Set when it cannot continue and only answers commands until it ends.
    failed: bool,
    last_commit: Duration,
    last_publish: Duration,
    /// How long its steps take.
    timings: WorkerTimings,
    busy: Busy,
    last_told: Duration,
    last_purge: Duration,
    /// The task whose age is recorded next, and when.
    next_note: (Option<TaskId>, Duration),
    next_to_measure: NextToMeasure,
    purge: Option<Reply<Result<(), LogError>>>,
    /// Whether some input may be at a position that the log does not have.
    has_lost_positions: bool,
    /// Whether this is still a member, after it has stood still.
    proof: Proof,
    events: Vec<FetchEvent>,
    /// Questions that wait for something that is about to happen.
    unanswered: Vec<Question>,
    /// Which stores are followed, as this worker has last heard, when their changes were last published, and the task that
    /// comes first next.
    live_version: u64,
    last_live: Duration,
    next_to_publish: Option<TaskId>,
    span: tracing::Span,
}

impl Worker {
    /// Creates a worker and its clients.
    pub(crate) fn new(seed: WorkerSeed) -> Result<Self, AppError> {
        let shared = &seed.common;
        let consumer = |purpose: ConsumerPurpose, name: &str| {
            let client_id = format!("{}-{}-{name}", shared.client_id(), seed.number);
            let isolation = match purpose {
                ConsumerPurpose::Main => shared.settings.input_isolation(),
                ConsumerPurpose::Restore => match shared.settings.restore_isolation() {
                    // Input topics may be among the changelogs.
                    Isolation::ReadUncommitted if shared.plan.topology.optimizations().reuses_source_topics() => {
                        shared.settings.input_isolation()
                    }
                    isolation => isolation,
                },
            };
            let prefetch_bytes = shared.memory.prefetch_bytes;
            let options = ConsumerOptions { client_id, purpose, isolation, prefetch_bytes };
            shared
                .log
                .consumer(options, seed.doorbell.clone())
                .map_err(|error| AppError::log("creating a consumer", error))
        };
        let now = shared.clock.monotonic();
        let admin = shared
            .log
            .admin(seed.doorbell.clone())
            .map_err(|error| AppError::log("creating an admin client", error))?;
        Ok(Self {
            collector: new_collector(&seed, &admin)?,
            admin,
            producer_ready: shared.settings.guarantee() == Guarantee::AtLeastOnce,
            consumer: consumer(ConsumerPurpose::Main, "consumer")?,
            restore_consumer: consumer(ConsumerPurpose::Restore, "restore")?,
            slots: Slots::default(),
            failures: Failures::new(Arc::clone(&shared.policy)),
            buffered: BufferedBytes::default(),
            rest: Rest::default(),
            full_disks: FullDisks::default(),
            questions: Questions::default(),
            waiting: Waiting::default(),
            long_wait: LongWait::default(),
            init_trouble: None,
            routes: HashMap::new(),
            standing: Standing::Without,
            commit: None,
            is_held_up: false,
            is_held_back: false,
            pace: Pace::new(),
            next_task: None,
            cache_budget: CacheBudget::new(shared.settings.cache_bytes / shared.settings.workers.max(1)),
            next_to_make_room: None,
            slow_record: None,
            failed: false,
            last_commit: now,
            last_publish: now,
            timings: WorkerTimings::default(),
            busy: Busy::since(now),
            last_told: now,
            last_purge: now,
            next_note: (None, now + age::NOTE_INTERVAL),
            next_to_measure: NextToMeasure::default(),
            purge: None,
            has_lost_positions: false,
            proof: Proof::default(),
            events: Vec::new(),
            unanswered: Vec::new(),
            live_version: 0,
            last_live: now,
            next_to_publish: None,
            span: tracing::info_span!("worker", application = %shared.plan.application_id, number = seed.number),
            seed,
        })
    }

    /// Whether the worker was killed, so that its thread must leave everything as it is.
    pub(crate) fn is_killed(&self) -> bool {
        self.seed.common.killed.load(Ordering::Relaxed)
    }

    /// Waits for the doorbell, and meanwhile answers questions. Only the worker's own thread calls this.
    pub(crate) fn wait(&mut self, timeout: Duration) {
        let clock = Arc::clone(&self.seed.common.clock);
        let until = clock.monotonic().saturating_add(timeout);
        let mut left = timeout;
        // A question is no reason for a turn, which costs more than most answers. What it leaves behind is.
        while self.seed.doorbell.wait_for_call(left) == Call::Knocked && !self.answer_at_rest() {
            left = until.saturating_sub(clock.monotonic());
            if left.is_zero() {
                return;
            }
        }
    }

    /// Does a bounded amount of whatever there is to do. A task's error is reported and ends the worker's processing,
    /// but the worker still answers commands.
    pub(crate) fn run_once(&mut self) -> Turn {
        if self.standing == Standing::Stopped {
            return Turn::Finished;
        }
        let _span = self.span.clone().entered();
        self.seed.common.executor.step();
        let turn = match self.turn() {
            Ok(turn) => turn,
            Err(error) => {
                if let Err(error) = self.recover(error) {
                    self.give_up(error);
                }
                Turn::Busy
            }
        };
        self.tell_readers();
        let has_questions = self.answer_questions();
        let changes = self.publish_changes();
        self.seed.pulse.rest();
        match turn {
            Turn::Idle(_) if has_questions => Turn::Busy,
            Turn::Idle(wait) => {
                let wait = if self.has_unanswered() { wait.min(WAIT_FOR_REPLY) } else { wait };
                Turn::Idle(changes.map_or(wait, |due| wait.min(due.max(WAIT_MIN))))
            }
            turn => turn,
        }
    }

    fn turn(&mut self) -> Result<Turn, AppError> {
        let now = self.seed.common.clock.monotonic();
        self.seed.pulse.begin(now);
        self.look_for_waiting_tasks(now);
        // Check this before obeying commands: a member that has been polled has sent its commands already, so they
        // are obeyed below.
        let is_heard = self.seed.common.heard.is_recent(now);
        let mut busy = self.obey()?;
        if self.standing == Standing::Stopped {
            return Ok(Turn::Finished);
        }
        if !self.initialise_producer()? {
            // Without a usable producer there are no tasks, so there is nothing to commit.
            self.finish(now);
            self.publish(now, false);
            return Ok(Turn::Idle(WAIT_FOR_REPLY));
        }
        let may_send = self.failed || self.is_out_of_patience(now) || (is_heard && self.is_proven(now)?);
        if !may_send {
            // Send nothing on behalf of a member that may have been removed from the group.
            self.hold_nobody_up();
            self.publish(now, false);
            return Ok(Turn::Idle(WAIT_FOR_REPLY));
        }
        busy |= self.restore()?;
        busy |= self.advance_openings(now)?;
        let opened = self.seed.common.clock.monotonic();
        self.busy.so_far().restore += opened.saturating_sub(now);
        self.note_ages(now)?;
        self.measure_stores(now);
        self.settle_lost_positions(now)?;
        let blocked = self.advance_commit(now)?;
        let before_fetch = self.seed.common.clock.monotonic();
        self.busy.so_far().commit += before_fetch.saturating_sub(opened);
        if self.standing == Standing::Stopped {
            return Ok(Turn::Finished);
        }
        if !blocked {
            busy |= self.fetch()?;
            let fetched = self.seed.common.clock.monotonic();
            self.timings.poll.note(fetched.saturating_sub(before_fetch));
            self.busy.so_far().poll += fetched.saturating_sub(before_fetch);
            self.look_at_times(now)?;
            let work = self.process()?;
            let is_idle = !busy && work != Work::Records && !self.collector.borrow().is_backed_up();
            busy |= work != Work::Nothing;
            let now = self.seed.common.clock.monotonic();
            if work == Work::Records {
                self.timings.process.note(now.saturating_sub(fetched));
            }
            self.busy.processed(now.saturating_sub(fetched), self.timings.punctuate.sum());
            self.begin_commit_if_due(now, is_idle);
            if self.commit.is_some() {
                busy |= self.advance_commit(now)?;
                self.busy.so_far().commit += self.seed.common.clock.monotonic().saturating_sub(now);
            }
        }
        self.publish(now, false);
        self.tell_running(now);
        Ok(self.next_turn(now, busy))
    }

    fn next_turn(&self, now: Duration, busy: bool) -> Turn {
        if busy {
            return Turn::Busy;
        }
        let is_backed_up = self.collector.borrow().is_backed_up();
        if self.commit.as_ref().is_some_and(Commit::is_flushing) && !is_backed_up {
            return Turn::Busy;
        }
        let awaits = self.commit.is_some() || self.slots.has_openings() || self.has_lost_positions || self.is_held_back;
        if awaits || is_backed_up {
            return Turn::Idle(WAIT_FOR_REPLY);
        }
        let settings = &self.seed.common.settings;
        let mut wait = settings.poll;
        if self.slots.running().any(Task::needs_commit) {
            wait = wait.min((self.last_commit + settings.commit_interval_when(true)).saturating_sub(now));
        }
        if self.slots.running().any(Task::may_tell) {
            wait = wait.min(aligning::TELL_INTERVAL);
        }
        if self.seed.common.is_paused() {
            // Records and punctuators wait.
            return Turn::Idle(wait.max(WAIT_MIN));
        }
        wait = self.next_attendance(now).map_or(wait, |due| wait.min(due));
        if let Some(left) = self.rest.left(now) {
            wait = wait.min(left);
        }
        // A record that has failed may be processed again.
        if let Some(due) = self.failures.set_aside.next_due().filter(|due| *due > now) {
            wait = wait.min(due - now);
        }
        // A buffered record may have to wait for another input; the doorbell rings when that input gets records.
        let wall_clock = self.seed.common.clock.now();
        let may_go_on = |input: &Input| input.buffered() > 0 && input.due(wall_clock).is_none();
        if self.slots.running().any(|task| task.inputs.iter().any(may_go_on)) {
            wait = wait.min(settings.task_idle.unwrap_or(settings.poll).max(WAIT_FOR_REPLY));
        }
        // A record of a retry topic will be due.
        let due = self.slots.running().flat_map(|task| &task.inputs).filter_map(|input| input.due(wall_clock));
        let punctuations = self.slots.running().filter_map(Task::next_wall_clock_punctuation);
        if let Some(next) = punctuations.chain(due).min() {
            wait = wait.min(Duration::from_millis(u64::try_from(next.0 - wall_clock.0).unwrap_or(0)));
        }
        Turn::Idle(wait.max(WAIT_MIN))
    }

    fn report(&self, report: Report) {
        // Sending fails only if the control is gone because the application is being torn down.
        let _ = self.seed.reports.send(report);
        self.seed.control_doorbell.ring();
    }

    fn tell_running(&mut self, now: Duration) {
        let Standing::Assigned { epoch, told: false, .. } = self.standing else { return };
        if self.slots.has_openings() || self.failed {
            return;
        }
        // Publish first, because whoever hears that the worker is running may read its metrics at once.
        self.publish(now, true);
        if let Standing::Assigned { told, .. } = &mut self.standing {
            *told = true;
        }
        self.report(Report::Running { worker: self.seed.number, epoch });
    }

    /// Publishes the tasks' metrics if that is due.
    fn publish(&mut self, now: Duration, at_once: bool) {
        if !at_once && now.saturating_sub(self.last_publish) < PUBLISH_INTERVAL {
            return;
        }
        self.last_publish = now;
        for (id, metrics) in self.slots.metrics() {
            self.seed.common.metrics.publish(id, metrics);
        }
        self.timings.busy = self.busy.shares(now);
        self.seed.common.metrics.publish_timings(self.seed.number, self.timings);
    }

    /// Requests a commit as soon as possible, for tests that need results at once.
    pub(crate) fn commit_now(&mut self) {
        if self.commit.is_none() && !self.failed {
            let now = self.seed.common.clock.monotonic();
            self.begin_commit(now);
        }
    }

    /// Whether nothing is in progress: no commit, no task being opened, no record waiting for the producer.
    pub(crate) fn is_settled(&self) -> bool {
        self.commit.is_none()
            && !self.slots.has_openings()
            && !self.has_lost_positions
            && !self.collector.borrow().is_backed_up()
    }

    /// Publishes all metrics now, for tests.
    pub(crate) fn publish_now(&mut self) {
        let now = self.seed.common.clock.monotonic();
        self.publish(now, true);
    }

    /// The worker's slots, for tests that look into stores.
    pub(crate) const fn slots(&self) -> &Slots {
        &self.slots
    }
}

/// The message of a panic.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text =
        panic.downcast_ref::<&str>().map(ToString::to_string).or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "no message".to_owned())
}
