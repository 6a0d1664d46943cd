//! Says how far the state is restored, if that takes long enough for somebody to wonder.

use std::time::Duration;

use super::metrics::{MetricsBoard, TaskPhase};
use super::voice::PEOPLE;

/// Nothing is told before.
const FIRST_AFTER: Duration = Duration::from_secs(2);

/// How often it is told.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

/// How often the metrics are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What was told about the state being restored.
#[derive(Debug, Default)]
pub(crate) struct RestoreNotices {
    look_at: Duration,
    since: Option<Since>,
    was_told: bool,
}

#[derive(Debug)]
struct Since {
    at: Duration,
    /// The records that all tasks had restored then.
    restored: u64,
    tell_at: Duration,
}

impl RestoreNotices {
    /// Whether state was being restored when it was looked at last.
    pub(crate) const fn have_begun(&self) -> bool {
        self.since.is_some()
    }

    /// Looks at the tasks' metrics from time to time, and tells what there is to tell.
    pub(crate) fn step(&mut self, now: Duration, metrics: &MetricsBoard) {
        if now < self.look_at {
            return;
        }
        self.look_at = now + LOOK_EVERY;
        let tasks = metrics.snapshot();
        let restored = tasks.values().map(|task| task.restored).sum::<u64>();
        let open = || tasks.values().filter(|task| task.phase == TaskPhase::Restoring);
        let (tasks, left) = (open().count(), open().map(|task| task.restore_remaining).sum::<u64>());
        if tasks == 0 {
            self.end(now, restored);
            return;
        }
        let since = self.since.get_or_insert(Since { at: now, restored, tell_at: now + FIRST_AFTER });
        if now < since.tell_at {
            return;
        }
        since.tell_at = now + AGAIN_AFTER;
        self.was_told = true;
        let read = restored.saturating_sub(since.restored);
        let seconds = now.saturating_sub(since.at).as_secs().max(1);
        let (percent, rate) = (read * 100 / (read + left).max(1), read / seconds);
        let plural = if tasks == 1 { "" } else { "s" };
        tracing::info!(
            target: PEOPLE,
            tasks, read, left, rate,
            "state of {tasks} task{plural} is being restored: {read} records read, {left} left ({percent} %, {rate} a second)"
        );
    }

    fn end(&mut self, now: Duration, restored: u64) {
        let Some(since) = self.since.take() else { return };
        if std::mem::take(&mut self.was_told) {
            let (read, seconds) = (restored.saturating_sub(since.restored), now.saturating_sub(since.at).as_secs());
            tracing::info!(target: PEOPLE, read, seconds, "the state is restored: {read} records read in {seconds} s");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Partition, TaskId};
    use crate::runtime::metrics::TaskMetrics;
    use crate::runtime::tests::said::said;

    fn told(millis_per_record: u64, records: u64) -> Vec<String> {
        let said = said(|| {
            let (board, mut notices) = (MetricsBoard::default(), RestoreNotices::default());
            let task = |partition| TaskId { subtopology: 0, partition: Partition(partition) };
            // One task has restored its state before.
            board.publish(task(1), TaskMetrics { restored: 77, phase: TaskPhase::Running, ..TaskMetrics::default() });
            for read in 0..=records {
                let left = records - read;
                let phase = if left > 0 { TaskPhase::Restoring } else { TaskPhase::Running };
                let metrics = TaskMetrics { restored: read, restore_remaining: left, phase, ..TaskMetrics::default() };
                board.publish(task(0), metrics);
                notices.step(Duration::from_millis(read * millis_per_record), &board);
            }
        });
        let sentence = |line: &str| {
            let sentence = line.split_once("INFO millstream: ")?.1;
            Some(sentence.split(" tasks=").next()?.split(" read=").next()?.to_owned())
        };
        said.lines().filter_map(sentence).collect()
    }

    #[test]
    fn restoring_is_told_only_if_it_takes_a_while() {
        assert_eq!(told(1, 1_500), Vec::<String>::new());
        let expected = [
            "state of 1 task is being restored: 2000 records read, 6000 left (25 %, 1000 a second)",
            "state of 1 task is being restored: 7000 records read, 1000 left (87 %, 1000 a second)",
            "the state is restored: 8000 records read in 8 s",
        ];
        assert_eq!(told(1, 8_000), expected);
    }
}
