//! Publishing: tells those who follow a store which of its rows have changed, and what they have become.
//!
//! Nothing is done as long as nobody follows. A row that changes many times between two rounds of publishing is looked up
//! once, and publishing takes a millisecond of a round at most: what is left is published later, if it has not changed again.

use std::sync::Arc;
use std::time::Duration;

use super::Worker;
use crate::record::TaskId;
use crate::runtime::queries::{Freshness, LiveBatch};
use crate::runtime::task::Task;

/// How often changes are published.
const LIVE_INTERVAL: Duration = Duration::from_millis(100);

/// How long that may take in a round.
const PUBLISHING_MAX: Duration = Duration::from_millis(1);

/// How many rows are looked up between two looks at the clock.
const ROWS_PER_LOOK: usize = 64;

impl Worker {
    /// Publishes changes if that is due. Returns when to come back for what is left.
    pub(super) fn publish_changes(&mut self) -> Option<Duration> {
        self.notice_followers();
        let desk = Arc::clone(&self.seed.common.desk);
        if !self.slots.running().any(Task::has_changes) {
            return None;
        }
        let clock = Arc::clone(&self.seed.common.clock);
        let now = clock.monotonic();
        if now < self.last_live + LIVE_INTERVAL {
            return Some(self.last_live + LIVE_INTERVAL - now);
        }
        let mut has_published = false;
        for id in self.slots.running_from(self.next_to_publish.take()) {
            let Some(task) = self.slots.running_task(id) else { continue };
            for live in task.take_missed().iter().filter_map(|store| desk.live(store, Freshness::Committed)) {
                live.restart();
            }
            for (store, freshness) in task.changed_stores() {
                let Some(live) = desk.live(&store, freshness) else { continue };
                loop {
                    let rows = task.take_changed(&store, freshness, ROWS_PER_LOOK);
                    if rows.is_empty() {
                        break;
                    }
                    live.publish(LiveBatch::new(id, rows));
                    has_published = true;
                    if clock.monotonic().saturating_sub(now) >= PUBLISHING_MAX {
                        self.next_to_publish = Some(id);
                        self.seed.control_doorbell.ring();
                        return Some(Duration::ZERO);
                    }
                }
            }
        }
        self.last_live = now;
        if has_published {
            // The control tells all who follow.
            self.seed.control_doorbell.ring();
        }
        None
    }

    /// Sees to it that changes of those stores are noted that somebody follows. Whoever has been given rows must hear of all
    /// later changes, so this belongs to every answer.
    pub(super) fn notice_followers(&mut self) {
        let desk = &self.seed.common.desk;
        let version = desk.live_version();
        if self.live_version != version {
            self.live_version = version;
            let desk = Arc::clone(desk);
            self.slots
                .running_mut()
                .for_each(|task| task.watch(|store, freshness| desk.live(store, freshness).is_some()));
        }
    }

    /// A task is this worker's from now on, and those who follow its stores begin anew.
    pub(super) fn watch_task(&mut self, id: TaskId) {
        let desk = Arc::clone(&self.seed.common.desk);
        let Some(task) = self.slots.running_task(id) else { return };
        task.watch(|store, freshness| {
            let live = desk.live(store, freshness);
            live.iter().for_each(|live| live.restart());
            live.is_some()
        });
    }
}
