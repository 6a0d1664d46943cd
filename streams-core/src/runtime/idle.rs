//! Waits until an application has nothing left to do, and logs why if nothing happens for a long time.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::AppError;
use super::app::Handle;
use super::lifecycle::AppState;
use super::metrics::{TaskMetrics, TaskPhase};
use super::voice::PEOPLE;
use crate::clock::SharedClock;
use crate::log::{Admin, Doorbell, Isolation};
use crate::record::{Offset, TaskId, TopicPartition};

/// How often to check whether there is nothing left to do.
const LOOK_INTERVAL: Duration = Duration::from_millis(25);
/// How often to check before the application is running, because starting may take very little time.
const START_INTERVAL: Duration = Duration::from_millis(3);

/// How long nothing may change before what is being waited for is logged.
const TELL_AFTER: Duration = Duration::from_secs(10);
/// How long to wait before logging it again.
const TELL_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// Waits for an application to become idle.
pub(super) struct Idleness<'a> {
    app: &'a Handle,
    admin: Arc<dyn Admin>,
    doorbell: Doorbell,
    clock: SharedClock,
    stillness: Stillness,
}

/// What an application still has to do or to wait for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Awaited {
    /// The application is not running yet, or is interrupted.
    Running(AppState),
    /// These tasks are not ready, have uncommitted work, or wait for handlers.
    Tasks(Vec<TaskId>),
    /// This input has more records than were processed.
    Input { partition: TopicPartition, position: Offset, end: Offset },
}

impl<'a> Idleness<'a> {
    /// `doorbell` must be the one that `admin` rings.
    pub(super) fn new(app: &'a Handle, admin: Arc<dyn Admin>, doorbell: Doorbell, clock: SharedClock) -> Self {
        Self { app, admin, doorbell, clock, stillness: Stillness::default() }
    }

    /// Blocks until everything written so far is processed and committed, or the application has ended.
    pub(super) fn wait(mut self) -> Result<(), AppError> {
        loop {
            let (state, tasks) = (self.app.state(), self.app.tasks());
            if state.is_final() {
                return Ok(());
            }
            let Some(awaited) = self.awaited(state, &tasks)? else { return Ok(()) };
            let is_long = self.stillness.is_long(self.clock.monotonic(), (state, tasks));
            // A log that cannot be reached is told by whoever asks it.
            if is_long && awaited != Awaited::Running(AppState::Disconnected) {
                let waiting_for = self.explain(&awaited);
                tracing::warn!(target: PEOPLE, waiting_for, "nothing has happened for a while: waiting for {waiting_for}");
            }
            let is_starting = matches!(awaited, Awaited::Running(_));
            self.doorbell.wait(if is_starting { START_INTERVAL } else { LOOK_INTERVAL });
        }
    }

    /// What is still to be waited for. `tasks` must be read before: a task with nothing uncommitted at the end of its
    /// inputs has written all its output, so end offsets requested later include it.
    fn awaited(&self, state: AppState, tasks: &BTreeMap<TaskId, TaskMetrics>) -> Result<Option<Awaited>, AppError> {
        if state != AppState::Running {
            return Ok(Some(Awaited::Running(state)));
        }
        // Tasks of other instances do not matter here.
        let assigned = self.app.assignment();
        let is_busy =
            |task: &TaskMetrics| task.uncommitted > 0 || task.in_flight() > 0 || task.phase != TaskPhase::Running;
        let busy = assigned.keys().filter(|id| tasks.get(id).is_none_or(is_busy)).copied().collect::<Vec<_>>();
        if !busy.is_empty() {
            return Ok(Some(Awaited::Tasks(busy)));
        }
        let own = tasks.iter().filter(|(id, _)| assigned.contains_key(id));
        let positions = own.flat_map(|(_, task)| &task.positions).collect::<Vec<_>>();
        let partitions = positions.iter().map(|(partition, _)| (*partition).clone()).collect();
        // The actual ends: a record of an open transaction has been written, so idleness waits for it even if the reader
        // cannot see it yet.
        let ends = match self.admin.end_offsets(partitions, Isolation::ReadUncommitted).wait() {
            Some(Ok(ends)) => ends,
            Some(Err(error)) if !error.is_transient() => {
                return Err(AppError::log("asking where the inputs end", error));
            }
            _ => return Ok(Some(Awaited::Running(AppState::Disconnected))),
        };
        let mut behind = positions.iter().zip(ends).filter(|((_, position), end)| **position < *end);
        Ok(behind.next().map(|((partition, position), end)| Awaited::Input {
            partition: (*partition).clone(),
            position: **position,
            end,
        }))
    }

    /// Describes what is being waited for.
    fn explain(&self, awaited: &Awaited) -> String {
        let Awaited::Input { partition, position, .. } = awaited else { return awaited.to_string() };
        match self.admin.end_offsets(vec![partition.clone()], Isolation::ReadCommitted).wait() {
            Some(Ok(stable)) if stable.first().is_some_and(|stable| stable <= position) => format!(
                "{awaited}; there an open transaction of another program begins, and only committed records are read: \
                 it has to end that, or its time-out has to pass"
            ),
            _ => awaited.to_string(),
        }
    }
}

impl fmt::Display for Awaited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Running(AppState::Disconnected) => f.write_str("the log, which cannot be reached"),
            Self::Running(state) => write!(f, "the application to run, which is {state}"),
            Self::Tasks(tasks) => {
                let tasks = tasks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                write!(
                    f,
                    "tasks {tasks} to be restored, to commit what they did, or to be done with what handlers work on"
                )
            }
            Self::Input { partition, position, end } => {
                write!(f, "records of {partition} from offset {position} on; it ends at {end}")
            }
        }
    }
}

/// Notices when nothing has changed for a long time.
#[derive(Debug, Default)]
struct Stillness {
    last: Option<(AppState, BTreeMap<TaskId, TaskMetrics>)>,
    since: Duration,
    told_at: Option<Duration>,
}

impl Stillness {
    /// Whether it is time to log that nothing has changed.
    fn is_long(&mut self, now: Duration, seen: (AppState, BTreeMap<TaskId, TaskMetrics>)) -> bool {
        if self.last.as_ref() != Some(&seen) {
            *self = Self { last: Some(seen), since: now, told_at: None };
            return false;
        }
        let is_long = match self.told_at {
            None => now.saturating_sub(self.since) >= TELL_AFTER,
            Some(told_at) => now.saturating_sub(told_at) >= TELL_AGAIN_AFTER,
        };
        if is_long {
            self.told_at = Some(now);
        }
        is_long
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Partition;

    #[test]
    fn stillness_is_told_after_a_while_and_not_too_often() {
        let mut stillness = Stillness::default();
        let task = TaskId { subtopology: 0, partition: Partition(0) };
        let of = |processed| {
            let metrics = TaskMetrics { processed, ..TaskMetrics::default() };
            (AppState::Running, [(task, metrics)].into())
        };
        for (seconds, processed, expected) in [
            (0, 1, false),
            (9, 1, false),
            (10, 1, true),
            (11, 1, false),
            (69, 1, false),
            (70, 1, true),
            (75, 2, false),
            (84, 2, false),
            (85, 2, true),
        ] {
            let is_long = stillness.is_long(Duration::from_secs(seconds), of(processed));
            assert_eq!(is_long, expected, "{seconds}");
        }
    }
}
