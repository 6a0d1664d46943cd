//! When to commit, and what waits for a commit to be done.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::{Finish, PURGE_INTERVAL, Report, STOP_PATIENCE, Worker, panic_message};
use crate::log::{LogError, LogErrorKind};
use crate::runtime::commit::{Commit, Progress};
use crate::runtime::task::Task;
use crate::runtime::{AppError, TaskPhase};

impl Worker {
    pub(super) fn begin_commit_if_due(&mut self, now: Duration) {
        if self.commit.is_some() || self.failed {
            return;
        }
        let settings = &self.seed.shared.settings;
        let uncommitted: usize = self.tasks.values().map(|task| task.state.borrow().uncommitted_bytes()).sum();
        let due = now.saturating_sub(self.last_commit) >= settings.commit_interval()
            || self.tasks.values().any(|task| task.context.commit_requested)
            || uncommitted > settings.uncommitted_bytes / settings.workers.max(1);
        if due {
            self.begin_commit(now);
        }
    }

    /// Begins a commit if there is anything to commit.
    pub(super) fn begin_commit(&mut self, now: Duration) {
        self.last_commit = now;
        let Some(metadata) = &self.metadata else { return };
        if self.tasks.values().any(Task::needs_commit) {
            self.commit = Some(Commit::new(self.seed.shared.settings.guarantee, metadata.clone()));
        }
    }

    /// Goes on with a commit, and with what was waiting for it; whether processing has to wait.
    pub(super) fn advance_commit(&mut self, now: Duration) -> Result<bool, AppError> {
        if self.commit.is_none() && self.finish.is_some() {
            self.begin_commit(now);
        }
        if self.commit.is_some() && self.stopping_since.is_some_and(|since| now.saturating_sub(since) > STOP_PATIENCE) {
            // Nobody waits for ever for a log that is away. The error's own kind does not matter: it is the end.
            self.commit = None;
            let message = "it did not answer in time; what was not committed is done again at the next start";
            return Err(AppError::log("committing before the end", LogError::new(LogErrorKind::Unavailable, message)));
        }
        if let Some(commit) = &mut self.commit {
            let committer = Arc::clone(&self.seed.shared.committer);
            let progress =
                catch_unwind(AssertUnwindSafe(|| commit.advance(&mut self.tasks, &self.collector, &*committer, now)))
                    .unwrap_or_else(|panic| {
                        Err(AppError::Panic {
                            thread: format!("worker {}", self.seed.number),
                            message: panic_message(&*panic),
                        })
                    });
            match progress? {
                Progress::Pending { blocks } => return Ok(blocks || self.finish.is_some()),
                Progress::Done => {
                    self.commit = None;
                    self.last_commit = now;
                    self.purge_repartition_topics(now);
                }
                Progress::Lost(error) => {
                    tracing::warn!(worker = self.seed.number, %error, "a commit was refused; the tasks are dropped with what they did since their last commit");
                    self.drop_tasks();
                    self.report(Report::Fenced { worker: self.seed.number });
                }
                Progress::Undone(error) => self.undo(&error)?,
            }
            // A commit may have begun before the last records were processed.
            if self.finish.is_some() && self.tasks.values().any(Task::needs_commit) {
                return Ok(true);
            }
        }
        self.finish(now);
        Ok(false)
    }

    /// Everything is committed: suspends or closes the tasks as was asked.
    pub(super) fn finish(&mut self, now: Duration) {
        match self.finish.take() {
            None => {}
            Some(Finish::Revoke) => {
                for (id, mut task) in std::mem::take(&mut self.tasks) {
                    self.stop_reading(&mut task);
                    task.metrics.phase = TaskPhase::Suspended;
                    self.suspended.insert(id, task);
                }
                self.revoked = true;
                self.publish(now, true);
                self.report(Report::Revoked { worker: self.seed.number });
            }
            Some(Finish::Stop) => {
                let wall_clock = self.seed.shared.clock.now();
                for mut task in std::mem::take(&mut self.tasks)
                    .into_values()
                    .chain(std::mem::take(&mut self.suspended).into_values())
                {
                    if let Err(error) = task.close(wall_clock) {
                        tracing::warn!(task = %task.id, %error, "state could not be synced to disk; it will be restored from its changelog");
                    }
                    self.publish_closed(task.id, task.metrics());
                }
                for opening in std::mem::take(&mut self.openings).into_values() {
                    self.publish_closed(opening.id, opening.metrics);
                }
                self.stopped = true;
                self.report(Report::Stopped { worker: self.seed.number });
            }
        }
    }

    /// Deletes what was processed and committed from repartition topics, now and then.
    pub(super) fn purge_repartition_topics(&mut self, now: Duration) {
        if now.saturating_sub(self.last_purge) < PURGE_INTERVAL {
            return;
        }
        self.last_purge = now;
        let plan = &self.seed.shared.plan;
        let done = self
            .tasks
            .values()
            .flat_map(|task| &task.inputs)
            .filter(|input| plan.is_repartition_topic(&input.partition.topic))
            .map(|input| (input.partition.clone(), input.committed))
            .collect::<Vec<_>>();
        if !done.is_empty() {
            self.purge = Some(self.admin.delete_records(done));
        }
    }
}
