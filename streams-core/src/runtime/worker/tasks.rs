//! Which tasks the worker has: what the control commands, and what failures take away.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::mpsc::TryRecvError;
use std::task::Poll;

use super::{Command, Finish, Report, Worker, WorkerSeed};
use crate::log::{CommitOutcome, GroupMetadata, LogError, ProducerOptions};
use crate::record::TaskId;
use crate::runtime::collector::ProducerCollector;
use crate::runtime::settings::Guarantee;
use crate::runtime::task::{Opening, Task};
use crate::runtime::{AppError, TaskMetrics, TaskPhase};

impl Worker {
    /// Carries out commands; whether there were any.
    pub(super) fn obey(&mut self) -> Result<bool, AppError> {
        let mut any = false;
        // Nothing can be asked of a worker that stops.
        while self.stopping_since.is_none() {
            let command = match self.seed.commands.try_recv() {
                Ok(command) => command,
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => Command::Stop,
            };
            any = true;
            match command {
                Command::Assign { tasks, metadata } => self.assign(&tasks, metadata),
                Command::Revoke { metadata } => {
                    self.metadata = Some(metadata);
                    self.finish = Some(Finish::Revoke);
                }
                Command::Lose => {
                    self.drop_tasks();
                    if self.finish == Some(Finish::Revoke) {
                        self.finish = None;
                        self.report(Report::Revoked { worker: self.seed.number });
                    }
                }
                Command::Stop => {
                    self.finish = Some(Finish::Stop);
                    self.stopping_since = Some(self.seed.shared.clock.monotonic());
                }
            }
        }
        Ok(any)
    }

    /// Takes the tasks that are the worker's now, keeps open those it had, closes the others.
    pub(super) fn assign(&mut self, tasks: &BTreeSet<TaskId>, metadata: GroupMetadata) {
        self.metadata = Some(metadata);
        self.told_running = false;
        self.revoked = false;
        let unfinished = |(id, task): (&TaskId, &Task)| !tasks.contains(id) && task.needs_commit();
        if self.seed.shared.settings.guarantee == Guarantee::ExactlyOnce && self.tasks.iter().any(unfinished) {
            // What it did is in the transaction; with the others' next commit it would be there, its positions not.
            self.drop_tasks();
        }
        let known = self.tasks.keys().chain(self.suspended.keys()).chain(self.openings.keys());
        let given_up = known.filter(|id| !tasks.contains(id)).copied().collect::<Vec<_>>();
        for id in given_up {
            self.close(id);
        }
        if self.failed {
            return;
        }
        for id in tasks {
            if let Some(task) = self.suspended.remove(id) {
                self.run(task);
            } else if !self.tasks.contains_key(id) && !self.openings.contains_key(id) {
                let metrics = self.seed.shared.metrics.get(*id);
                self.openings.insert(*id, Opening::new(*id, metrics));
            }
        }
    }

    /// Starts reading a task's inputs from their positions.
    pub(super) fn run(&mut self, mut task: Task) {
        for (index, input) in task.inputs.iter_mut().enumerate() {
            input.clear();
            self.routes.insert(input.partition.clone(), (task.id, index));
            self.consumer.add(&input.partition, input.position);
        }
        task.metrics.phase = TaskPhase::Running;
        task.metrics.worker = self.seed.number;
        self.tasks.insert(task.id, task);
        self.share_caches();
    }

    /// Shares the worker's part of the cache out among its tasks' caches, so that clean rows alone never
    /// hold more than it.
    fn share_caches(&mut self) {
        let caches: usize = self.tasks.values().map(Task::caches).sum();
        let budget = self.seed.shared.settings.cache_bytes / self.seed.shared.settings.workers.max(1);
        for task in self.tasks.values_mut() {
            task.set_cache_budget(budget / caches.max(1));
        }
    }

    /// Stops reading a task's inputs.
    pub(super) fn stop_reading(&mut self, task: &mut Task) {
        for input in &mut task.inputs {
            self.consumer.remove(&input.partition);
            self.routes.remove(&input.partition);
            input.clear();
        }
    }

    /// Drops a task, whatever it is doing, with what it did since its last commit.
    pub(super) fn close(&mut self, id: TaskId) {
        if let Some(mut task) = self.tasks.remove(&id) {
            self.stop_reading(&mut task);
            self.publish_closed(id, task.metrics());
            self.share_caches();
        }
        if let Some(mut task) = self.suspended.remove(&id) {
            self.publish_closed(id, task.metrics());
        }
        if let Some(opening) = self.openings.remove(&id) {
            for changelog in opening.changelogs() {
                self.restore_consumer.remove(&changelog);
            }
            self.publish_closed(id, opening.metrics);
        }
    }

    fn close_all(&mut self) {
        let known = self.tasks.keys().chain(self.suspended.keys()).chain(self.openings.keys());
        for id in known.copied().collect::<Vec<_>>() {
            self.close(id);
        }
    }

    pub(super) fn publish_closed(&self, id: TaskId, metrics: TaskMetrics) {
        let metrics = TaskMetrics { phase: TaskPhase::Closed, uncommitted: 0, ..metrics };
        self.seed.shared.metrics.publish(id, metrics);
    }

    /// Drops every task and what it did since its last commit.
    pub(super) fn drop_tasks(&mut self) {
        self.commit = None;
        self.close_all();
        if let Err(error) = self.replace_producer() {
            self.fail(error);
        }
    }

    /// A producer whose transaction or outcome is in doubt is never used again; the next one with its
    /// transactional id fences it.
    pub(super) fn replace_producer(&mut self) -> Result<(), AppError> {
        self.collector = new_collector(&self.seed)?;
        self.producer_ready = self.seed.shared.settings.guarantee == Guarantee::AtLeastOnce;
        Ok(())
    }

    /// Undoes what was done since the last commit: tasks are opened again from there.
    pub(super) fn undo(&mut self, error: &LogError) -> Result<(), AppError> {
        tracing::warn!(worker = self.seed.number, %error, "work since the last commit is undone and done again");
        let ids = self.tasks.keys().chain(self.openings.keys()).copied().collect::<Vec<_>>();
        self.drop_tasks();
        self.told_running = false;
        if self.failed {
            return Ok(());
        }
        for id in ids {
            let metrics = self.seed.shared.metrics.get(id);
            self.openings.insert(id, Opening::new(id, metrics));
        }
        Ok(())
    }

    pub(super) fn fail(&mut self, error: AppError) {
        if self.failed {
            // What failed first was told. A commit that fails too is not tried again: what it found may be found
            // only once, a second try would then commit positions without what belongs to them.
            tracing::warn!(worker = self.seed.number, %error, "failed again while ending; what was not committed is done again at the next start");
            self.commit = None;
            self.close_all();
            return;
        }
        tracing::error!(worker = self.seed.number, %error, "worker failed");
        self.failed = true;
        self.commit = None;
        match &error {
            // Work of the others is sound and can still be committed, unless a transaction holds both.
            AppError::Record { task, .. } | AppError::Operator { task, .. } | AppError::Store { task, .. }
                if self.seed.shared.settings.guarantee == Guarantee::AtLeastOnce =>
            {
                self.close(*task);
                // Whose restoring was interrupted may lack what was read last.
                for opening in self.openings.keys().copied().collect::<Vec<_>>() {
                    self.close(opening);
                }
            }
            _ => self.close_all(),
        }
        if self.seed.shared.settings.guarantee == Guarantee::ExactlyOnce
            && let Err(error) = self.replace_producer()
        {
            tracing::warn!(%error, "the failed transaction is left to its time-out");
        }
        self.report(Report::Failed { worker: self.seed.number, error });
    }

    /// Registers the transactional id; whether the producer can be used. Without it there are no tasks.
    pub(super) fn initialise_producer(&mut self) -> Result<bool, AppError> {
        if self.producer_ready || self.failed {
            return Ok(self.producer_ready);
        }
        match self.collector.borrow_mut().producer().init_transactions() {
            Poll::Pending | Poll::Ready(CommitOutcome::Retriable(_) | CommitOutcome::Unknown(_)) => Ok(false),
            Poll::Ready(CommitOutcome::Done) => {
                self.producer_ready = true;
                Ok(true)
            }
            Poll::Ready(
                CommitOutcome::Fenced(error) | CommitOutcome::AbortRequired(error) | CommitOutcome::Fatal(error),
            ) => Err(AppError::log("registering the transactional id", error)),
        }
    }
}

pub(super) fn new_collector(seed: &WorkerSeed) -> Result<Rc<RefCell<ProducerCollector>>, AppError> {
    let shared = &seed.shared;
    let transactional = shared.settings.guarantee == Guarantee::ExactlyOnce;
    let options = ProducerOptions {
        client_id: format!("{}-{}-producer", shared.client_id(), seed.number),
        // The same id after a restart: the new producer fences its predecessor (rule F5).
        transactional_id: transactional
            .then(|| format!("{}-{}-{}", shared.plan.application_id, shared.directory.process_id(), seed.number)),
        transaction_timeout_ms: u32::try_from(shared.settings.transaction_timeout.as_millis()).unwrap_or(u32::MAX),
    };
    let producer = shared
        .log
        .producer(options, seed.doorbell.clone())
        .map_err(|error| AppError::log("creating a producer", error))?;
    Ok(Rc::new(RefCell::new(ProducerCollector::new(producer, transactional))))
}
