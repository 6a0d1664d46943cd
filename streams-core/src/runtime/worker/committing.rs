//! When to commit, and what is done after a commit.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::slots::Phase;
use super::standing::Standing;
use super::{PURGE_INTERVAL, Report, STOP_PATIENCE, Worker, panic_message};
use crate::log::{LogError, LogErrorKind};
use crate::runtime::commit::{Commit, CommitProgress};
use crate::runtime::task::Task;
use crate::runtime::{AppError, age};

/// The least time after which a transaction's outcome counts as unknown.
const COMMIT_PATIENCE_MIN: Duration = Duration::from_secs(30);

impl Worker {
    pub(super) fn begin_commit_if_due(&mut self, now: Duration, is_idle: bool) {
        if self.commit.is_some() || self.failed || self.is_proving() {
            return;
        }
        let settings = &self.seed.common.settings;
        let due = now.saturating_sub(self.last_commit) >= settings.commit_interval_when(is_idle)
            || self.slots.running().any(|task| task.context.commit_requested)
            || self.is_over_budget();
        if due {
            self.begin_commit(now);
        }
    }

    /// Whether there is more uncommitted state than `statestore.uncommitted.max.bytes` allows.
    fn is_over_budget(&self) -> bool {
        let settings = &self.seed.common.settings;
        let uncommitted: usize = self.slots.running().map(|task| task.state.borrow().uncommitted_bytes()).sum();
        uncommitted > settings.uncommitted_bytes / settings.workers.max(1)
    }

    /// Called while positions cannot be committed. Records may still be processed, but not without limit. Returns
    /// whether processing has to stop.
    fn is_held_up(&mut self) -> bool {
        let is_over = self.is_over_budget();
        if is_over && !self.is_held_up {
            tracing::warn!(
                worker = self.seed.number,
                bytes = self.seed.common.settings.uncommitted_bytes,
                "positions cannot be committed, and `statestore.uncommitted.max.bytes` is reached: processing stops until they can"
            );
        }
        self.is_held_up = is_over;
        is_over
    }

    /// Whether a stopping worker has been trying to commit for too long and gives up.
    pub(super) fn is_out_of_patience(&self, now: Duration) -> bool {
        let patience = STOP_PATIENCE.saturating_add(self.longest_wait_for_handlers());
        self.standing.stopping_since().is_some_and(|since| now.saturating_sub(since) > patience)
    }

    /// Starts a commit if there is anything to commit.
    pub(super) fn begin_commit(&mut self, now: Duration) {
        self.last_commit = now;
        let Some(metadata) = self.standing.metadata() else { return };
        if self.slots.running().any(Task::needs_commit) {
            self.commit = Some(Commit::new(self.seed.common.settings.guarantee(), metadata.clone()));
        }
    }

    /// How long the log may take to decide about a transaction. It gives it up itself after `transaction.timeout.ms`, and its
    /// coordinator may be about to move.
    fn commit_patience(&self) -> Duration {
        (self.seed.common.settings.transaction_timeout() * 2).max(COMMIT_PATIENCE_MIN)
    }

    /// Advances a commit and whatever has to follow it. Returns whether processing has to wait.
    pub(super) fn advance_commit(&mut self, now: Duration) -> Result<bool, AppError> {
        let ending = self.standing.is_ending();
        if self.is_proving() && !self.is_out_of_patience(now) {
            return Ok(ending);
        }
        if self.commit.is_none() && ending {
            let waits = self.awaits_handlers(now)?;
            // A transaction must not stay open until the last handler has ended.
            let is_due = now.saturating_sub(self.last_commit) >= self.seed.common.settings.commit_interval();
            if !waits || is_due {
                self.begin_commit(now);
            }
            if waits && self.commit.is_none() {
                return Ok(true);
            }
        }
        if self.commit.is_some() && self.is_out_of_patience(now) {
            // Do not wait for ever for a log that cannot be reached. The error's kind does not matter, because the
            // worker ends.
            self.commit = None;
            let message = "it did not answer in time; what was not committed is done again at the next start";
            return Err(AppError::log("committing before the end", LogError::new(LogErrorKind::Unavailable, message)));
        }
        let (is_out_of_reach, patience) = (self.seed.common.is_out_of_reach(), self.commit_patience());
        if let Some(commit) = &mut self.commit {
            if is_out_of_reach {
                commit.excuse();
            }
            let committer = Arc::clone(&self.seed.common.committer);
            let progress = catch_unwind(AssertUnwindSafe(|| {
                commit.advance(&mut self.slots, &self.collector, &*committer, (now, patience))
            }))
            .unwrap_or_else(|panic| {
                Err(AppError::Panic { thread: format!("worker {}", self.seed.number), message: panic_message(&*panic) })
            });
            match progress? {
                CommitProgress::Pending { blocks } => return Ok(blocks || ending || self.is_held_up()),
                CommitProgress::Done => {
                    self.commit = None;
                    self.rest.is_over();
                    let running = self.slots.running().map(|task| task.id).collect();
                    self.full_disks.committed(&running, now);
                    // `last_commit` is still when it began, and `now` is when this turn did.
                    let ended = self.seed.common.clock.monotonic();
                    self.timings.commit.note(ended.saturating_sub(self.last_commit));
                    self.last_commit = now;
                    self.purge_repartition_topics(now);
                }
                CommitProgress::Lost(error) => {
                    tracing::warn!(worker = self.seed.number, %error, "a commit was refused; the tasks are dropped with what they did since their last commit");
                    self.lose_tasks();
                }
                CommitProgress::Undone(error) => self.undo(&error)?,
            }
            // The commit may have started before the last records were processed, or while handlers were running.
            let is_done =
                || !self.slots.running().any(Task::needs_commit) && self.patience_with_handlers(now).is_none();
            if self.standing.is_ending() && !is_done() {
                return Ok(true);
            }
        }
        self.finish(now);
        Ok(false)
    }

    /// Called when a commit was refused: the tasks belong to another member, or will be assigned again.
    pub(super) fn lose_tasks(&mut self) {
        let epoch = match &self.standing {
            Standing::Assigned { epoch, .. } | Standing::Revoking { epoch, .. } => Some(*epoch),
            _ => None,
        };
        self.drop_tasks();
        if let Some(epoch) = epoch {
            self.report(Report::Fenced { worker: self.seed.number, epoch });
        }
    }

    /// Called when everything is committed: suspends or closes the tasks as commanded.
    pub(super) fn finish(&mut self, now: Duration) {
        match std::mem::replace(&mut self.standing, Standing::Without) {
            Standing::Revoking { metadata, tasks, epoch } => {
                for id in tasks {
                    self.suspend(id, &metadata);
                }
                self.standing = Standing::Assigned { metadata, epoch, told: true };
                self.publish(now, true);
                self.report(Report::Revoked { worker: self.seed.number, epoch });
            }
            Standing::Stopping { .. } => {
                self.close_in_good_order();
                self.standing = Standing::Stopped;
                self.report(Report::Stopped { worker: self.seed.number });
            }
            standing => self.standing = standing,
        }
    }

    /// Closes all tasks whose work is committed and whose state is therefore complete.
    fn close_in_good_order(&mut self) {
        let wall_clock = self.seed.common.clock.now();
        for id in self.slots.ids() {
            if let Some(Phase::Open(task)) = self.slots.get_mut(id).map(|slot| &mut slot.phase)
                && let Err(error) = task.close(wall_clock)
            {
                tracing::warn!(task = %id, %error, "state could not be synced to disk; it will be restored from its changelog");
            }
            self.close(id);
        }
    }

    /// Records from time to time that the tasks' state has followed its changelogs until now, even without new
    /// records. It does so for one task at a time, because it writes to the task's store.
    pub(super) fn note_ages(&mut self, now: Duration) -> Result<(), AppError> {
        let (next, at) = self.next_note;
        if now < at {
            return Ok(());
        }
        let Some(id) = self.slots.running_from(next).first().copied() else { return Ok(()) };
        let wall_clock = self.seed.common.clock.now();
        if let Some(task) = self.slots.running_task(id) {
            task.note_age(wall_clock, now)?;
        }
        let behind = self.slots.running().map(|task| task.id).find(|other| *other > id);
        self.next_note = match behind {
            Some(behind) => (Some(behind), now),
            None => (None, now + age::NOTE_INTERVAL),
        };
        Ok(())
    }

    /// Deletes processed and committed records from repartition and retry topics from time to time.
    pub(super) fn purge_repartition_topics(&mut self, now: Duration) {
        if now.saturating_sub(self.last_purge) < PURGE_INTERVAL {
            return;
        }
        self.last_purge = now;
        let plan = &self.seed.common.plan;
        let done = self
            .slots
            .running()
            .flat_map(|task| &task.inputs)
            .filter(|input| plan.is_read_back(&input.partition.topic))
            .map(|input| (input.partition.clone(), input.committed))
            .collect::<Vec<_>>();
        if !done.is_empty() {
            self.purge = Some(self.admin.delete_records(done));
        }
    }
}
