//! Measuring: asks the backend from time to time how large the tasks' stores are.
//!
//! A backend may have to look into its files' lists for that, so only one task is measured in a round.

use std::time::Duration;

use super::Worker;
use crate::record::TaskId;
use crate::runtime::task::Task;

/// How often each task is measured.
const MEASURE_INTERVAL: Duration = Duration::from_secs(2);

/// The task that is measured next, and when.
#[derive(Debug, Default)]
pub(super) struct NextToMeasure(Option<TaskId>, Duration);

impl Worker {
    /// Measures one task if that is due.
    pub(super) fn measure_stores(&mut self, now: Duration) {
        let NextToMeasure(next, at) = self.next_to_measure;
        if now < at {
            return;
        }
        let Some(id) = self.slots.running_from(next).first().copied() else { return };
        self.slots.running_task(id).into_iter().for_each(Task::measure);
        let behind = self.slots.running().map(|task| task.id).find(|other| *other > id);
        self.next_to_measure = match behind {
            Some(behind) => NextToMeasure(Some(behind), now),
            None => NextToMeasure(None, now + MEASURE_INTERVAL),
        };
    }
}
