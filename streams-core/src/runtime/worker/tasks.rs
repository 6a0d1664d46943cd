//! Which tasks the worker has: carries out the control's commands, and handles failures.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::TryRecvError;
use std::task::Poll;

use super::slots::{Phase, Slot};
use super::standing::Standing;
use super::{Command, Report, Worker, WorkerSeed};
use crate::log::{Admin, CommitOutcome, GroupMetadata, ProducerOptions};
use crate::record::{TaskId, Timestamp};
use crate::runtime::collector::ProducerCollector;
use crate::runtime::failures::Uncaught;
use crate::runtime::output_topics::OutputTopics;
use crate::runtime::settings::Guarantee;
use crate::runtime::task::{Opening, Task};
use crate::runtime::{AppError, TaskMetrics, TaskPhase};

impl Worker {
    /// Carries out commands. Returns whether there were any.
    pub(super) fn obey(&mut self) -> Result<bool, AppError> {
        let mut any = false;
        // A stopping worker takes no more commands.
        while !matches!(self.standing, Standing::Stopping { .. } | Standing::Stopped) {
            let command = match self.seed.commands.try_recv() {
                Ok(command) => command,
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => Command::Stop,
            };
            any = true;
            match command {
                Command::Assign { tasks, metadata, epoch } => self.assign(&tasks, metadata, epoch),
                Command::Revoke { tasks, metadata, epoch } => {
                    self.standing = Standing::Revoking { metadata, tasks, epoch };
                    self.hold_nobody_up();
                }
                Command::Lose => {
                    self.standing = Standing::Without;
                    self.drop_tasks();
                }
                Command::Stop => {
                    let metadata = self.standing.metadata().cloned();
                    self.standing = Standing::Stopping { metadata, since: self.seed.common.clock.monotonic() };
                    self.hold_nobody_up();
                }
            }
        }
        Ok(any)
    }

    /// Takes over a new set of tasks: those it already has stay open, others are opened or closed.
    fn assign(&mut self, tasks: &BTreeSet<TaskId>, metadata: GroupMetadata, epoch: u64) {
        // An assignment in the middle of a revocation means that the worker missed the deadline: its uncommitted work
        // must not be committed.
        let is_late = matches!(self.standing, Standing::Revoking { .. });
        self.standing = Standing::Assigned { metadata: metadata.clone(), epoch, told: false };
        let goes_on = |id: TaskId, slot: &Slot| tasks.contains(&id) && slot.may_go_on(&metadata);
        let ends = |task: &Task| self.slots.get(task.id).is_none_or(|slot| !goes_on(task.id, slot));
        let unfinished = |task: &Task| ends(task) && task.needs_commit();
        if is_late || self.is_exactly_once() && self.slots.running().any(unfinished) {
            // The ending tasks' output is in the transaction. The others' next commit would commit it without its
            // positions.
            self.drop_tasks();
        }
        for id in self.slots.ids() {
            if self.slots.get(id).is_some_and(|slot| !goes_on(id, slot)) {
                self.close(id);
            }
        }
        self.full_disks.keep(tasks);
        if self.failed {
            return;
        }
        for id in tasks {
            match self.slots.get_mut(*id) {
                Some(slot) => {
                    let was_suspended = slot.is_suspended();
                    slot.give(metadata.clone());
                    if was_suspended {
                        self.begin_reading(*id);
                    }
                }
                None => self.open(*id, metadata.clone()),
            }
        }
    }

    /// Starts opening a task.
    pub(super) fn open(&mut self, id: TaskId, given: GroupMetadata) {
        if let Some(alignment) = &self.seed.common.alignment {
            // The others wait until it is known what this task has to do.
            alignment.board.set(self.seed.number, Some(Timestamp::UNKNOWN));
        }
        let metrics = self.seed.common.metrics.get(id);
        let now = self.seed.common.clock.monotonic();
        let mut opening = Opening::new(id, metrics);
        if let Some(pause) = self.full_disks.pause_of(id, now) {
            opening.wait_for_space(now, pause);
        }
        self.slots.insert(id, Slot::opening(opening, given));
    }

    /// Closes a task and starts opening it again.
    pub(super) fn reopen(&mut self, id: TaskId) {
        let Some(slot) = self.slots.get(id) else { return };
        let (given, is_suspended) = (slot.given().clone(), slot.is_suspended());
        self.close(id);
        self.open(id, given.clone());
        if is_suspended {
            self.suspend(id, &given);
        }
    }

    /// Starts reading a task's inputs from their positions, if it is open and not suspended.
    pub(super) fn begin_reading(&mut self, id: TaskId) {
        let worker = self.seed.number;
        let Some(task) = self.slots.running_task(id) else { return };
        for (index, input) in task.inputs.iter_mut().enumerate() {
            input.clear();
            self.routes.insert(input.partition.clone(), (id, index));
            self.consumer.add(&input.partition, input.position_to_commit());
        }
        task.metrics.phase = TaskPhase::Running;
        task.metrics.worker = worker;
        task.measure();
        self.watch_task(id);
    }

    /// Stops reading a task's inputs.
    fn stop_reading(&mut self, task: &mut Task) {
        for input in &mut task.inputs {
            self.consumer.remove(&input.partition);
            self.routes.remove(&input.partition);
            input.clear();
        }
    }

    /// Suspends a revoked task whose work is committed. It waits to be assigned again or closed.
    pub(super) fn suspend(&mut self, id: TaskId, metadata: &GroupMetadata) {
        let Some(mut slot) = self.slots.remove(id) else { return };
        if let Phase::Open(task) = &mut slot.phase {
            self.stop_reading(task);
            // If it moves, its next owner begins with the same records.
            task.withdraw();
            task.metrics.phase = TaskPhase::Suspended;
        }
        slot.suspend(metadata.clone());
        self.slots.insert(id, slot);
    }

    /// Drops a task, whatever it is doing, with its work since the last commit.
    pub(super) fn close(&mut self, id: TaskId) {
        let Some(slot) = self.slots.remove(id) else { return };
        match slot.phase {
            Phase::Open(mut task) => {
                self.stop_reading(&mut task);
                self.publish_closed(id, task.metrics());
            }
            Phase::Opening(opening) => {
                for changelog in opening.changelogs() {
                    self.restore_consumer.remove(&changelog);
                }
                self.publish_closed(id, opening.metrics);
            }
        }
    }

    fn close_all(&mut self) {
        for id in self.slots.ids() {
            self.close(id);
        }
    }

    pub(super) fn publish_closed(&self, id: TaskId, mut metrics: TaskMetrics) {
        // What is in flight is so for whoever has the task next.
        metrics.handlers.values_mut().for_each(|handler| (handler.running, handler.waiting) = (0, 0));
        let metrics = TaskMetrics { phase: TaskPhase::Closed, uncommitted: 0, stores: BTreeMap::new(), ..metrics };
        self.seed.common.metrics.publish(id, metrics);
    }

    /// Drops every task with its work since the last commit.
    pub(super) fn drop_tasks(&mut self) {
        self.commit = None;
        self.hold_nobody_up();
        self.close_all();
        if let Err(error) = self.replace_producer() {
            let verdict = self.failures.policy.uncaught(&error);
            self.fail(error, verdict);
        }
    }

    /// A producer whose transaction or outcome is in doubt is never used again; its successor with the same
    /// transactional id fences it.
    fn replace_producer(&mut self) -> Result<(), AppError> {
        self.collector = new_collector(&self.seed, &self.admin)?;
        self.producer_ready = !self.is_exactly_once();
        Ok(())
    }

    pub(super) fn fail(&mut self, error: AppError, verdict: Uncaught) {
        if self.failed {
            // The first error has been reported. A commit that fails as well is not retried: the failure it detected
            // may be reported only once, and a second attempt would then commit positions without the records that
            // belong to them.
            tracing::warn!(worker = self.seed.number, %error, "failed again while ending; what was not committed is done again at the next start");
            self.commit = None;
            self.close_all();
            return;
        }
        // Whoever hears the report tells everybody.
        tracing::debug!(worker = self.seed.number, %error, "worker failed");
        self.failed = true;
        self.hold_nobody_up();
        self.commit = None;
        match &error {
            // The other tasks' work is sound and can still be committed, unless it shares a transaction with the
            // failed one's.
            AppError::Record { task, .. } | AppError::Operator { task, .. } | AppError::Store { task, .. }
                if !self.is_exactly_once() =>
            {
                self.close(*task);
                // A task whose restoring was interrupted may lack the records read last.
                let openings = self.slots.openings_mut().map(|opening| opening.id).collect::<Vec<_>>();
                for opening in openings {
                    self.close(opening);
                }
            }
            _ => self.close_all(),
        }
        if self.is_exactly_once()
            && let Err(error) = self.replace_producer()
        {
            tracing::warn!(%error, "the failed transaction is left to its time-out");
        }
        self.report(Report::Failed { worker: self.seed.number, error, verdict });
    }

    pub(super) fn is_exactly_once(&self) -> bool {
        self.seed.common.settings.guarantee() == Guarantee::ExactlyOnce
    }

    /// Registers the transactional id. Returns whether the producer can be used; until then there are no tasks.
    pub(super) fn initialise_producer(&mut self) -> Result<bool, AppError> {
        if self.producer_ready || self.failed {
            return Ok(self.producer_ready);
        }
        match self.collector.borrow_mut().producer().init_transactions() {
            Poll::Pending => Ok(false),
            Poll::Ready(CommitOutcome::Retriable(error) | CommitOutcome::Unknown(error)) => {
                self.init_trouble = Some(error);
                Ok(false)
            }
            Poll::Ready(CommitOutcome::Done) => {
                (self.producer_ready, self.init_trouble) = (true, None);
                Ok(true)
            }
            Poll::Ready(
                CommitOutcome::Fenced(error) | CommitOutcome::AbortRequired(error) | CommitOutcome::Fatal(error),
            ) => Err(AppError::log("registering the transactional id", error)),
        }
    }
}

pub(super) fn new_collector(
    seed: &WorkerSeed,
    admin: &Arc<dyn Admin>,
) -> Result<Rc<RefCell<ProducerCollector>>, AppError> {
    let shared = &seed.common;
    let transactional = shared.settings.guarantee() == Guarantee::ExactlyOnce;
    let options = ProducerOptions {
        client_id: format!("{}-{}-producer", shared.client_id(), seed.number),
        // The id is the same after a restart, so that the new producer fences its predecessor.
        transactional_id: transactional
            .then(|| format!("{}-{}-{}", shared.plan.application_id, shared.directory.process_id(), seed.number)),
        transaction_timeout_ms: u32::try_from(shared.settings.transaction_timeout().as_millis()).unwrap_or(u32::MAX),
        queue_bytes: shared.memory.queue_bytes,
    };
    let producer = shared
        .log
        .producer(options, seed.doorbell.clone())
        .map_err(|error| AppError::log("creating a producer", error))?;
    let topics = OutputTopics::of(&shared.plan, Arc::clone(admin), shared.log.creates_output_topics());
    let collector = ProducerCollector::new(producer, topics, Arc::clone(&shared.clock), transactional);
    let collector = collector.heeding(&seed.pulse);
    Ok(Rc::new(RefCell::new(collector)))
}
