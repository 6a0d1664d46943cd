//! A task whose disk is full: it pauses, and is opened again after a while, until there is space. The other tasks go on.
//!
//! Nothing is lost by it. What the task could not write is either not committed, and so is done again, or it is in the
//! changelog, from which it is restored.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Worker;
use super::rest::Rest;
use super::standing::Standing;
use crate::record::TaskId;
use crate::runtime::AppError;
use crate::runtime::voice::PEOPLE;
use crate::state::{StoreError, StoreErrorKind};

/// How often a disk that is still full is told of.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// The tasks that found their disk full, until they have committed something.
#[derive(Debug, Default)]
pub(super) struct FullDisks(BTreeMap<TaskId, FullDisk>);

#[derive(Debug)]
struct FullDisk {
    since: Duration,
    told_at: Duration,
    rest: Rest,
}

impl FullDisks {
    /// How long a task that is opened now has to wait for space.
    pub(super) fn pause_of(&self, task: TaskId, now: Duration) -> Option<Duration> {
        self.0.get(&task)?.rest.left(now)
    }

    /// Begins a pause, and tells why it does, if that is not known.
    fn begin(&mut self, task: TaskId, now: Duration, error: &StoreError) {
        let disk = self.0.entry(task).or_insert_with(|| {
            tracing::warn!(
                target: PEOPLE, %task, %error,
                "task {task} pauses and is opened again when there is space: {error}"
            );
            FullDisk { since: now, told_at: now, rest: Rest::default() }
        });
        if now.saturating_sub(disk.told_at) >= TELL_EVERY {
            disk.told_at = now;
            let seconds = now.saturating_sub(disk.since).as_secs();
            tracing::warn!(
                target: PEOPLE, %task, seconds, %error,
                "task {task} has waited for space for {seconds} s: {error}"
            );
        }
        disk.rest.begin(now);
    }

    /// Call this when running tasks have committed: those have space again.
    pub(super) fn committed(&mut self, running: &BTreeSet<TaskId>, now: Duration) {
        self.0.retain(|task, disk| {
            let goes_on = running.contains(task);
            if goes_on {
                let seconds = now.saturating_sub(disk.since).as_secs();
                tracing::warn!(target: PEOPLE, %task, seconds, "task {task} has space again, after {seconds} s");
            }
            !goes_on
        });
    }

    /// Forgets tasks that are no longer this worker's.
    pub(super) fn keep(&mut self, tasks: &BTreeSet<TaskId>) {
        self.0.retain(|task, _| tasks.contains(task));
    }
}

impl Worker {
    /// Pauses a task whose disk is full. An error if the worker is about to stop, which must not take as long as that may.
    pub(super) fn wait_for_space(&mut self, task: TaskId, error: StoreError) -> Result<(), AppError> {
        debug_assert_eq!(error.kind, StoreErrorKind::Full);
        if matches!(self.standing, Standing::Stopping { .. } | Standing::Stopped) {
            return Err(AppError::Store { task, error });
        }
        self.full_disks.begin(task, self.seed.common.clock.monotonic(), &error);
        self.begin_task_again(task, &error)
    }
}
