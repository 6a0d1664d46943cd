//! Says how many records were dropped on purpose.
//!
//! A line per record would drown the log in a replay that drops most of it, and a counter alone is looked at by nobody.
//! So each node says how many records it has dropped, in all its tasks of this process together: soon after the first,
//! then now and then, and at the end.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::app::Handle;
use super::metrics::MetricsBoard;
use super::voice::PEOPLE;
use crate::operators::{DropReason, Dropped};
use crate::record::{TaskId, Timestamp};

/// How long after the first drop it is told, so that it is told with a number that means something.
const FIRST_AFTER: Duration = Duration::from_secs(1);

/// How often a node says more.
const AGAIN_AFTER: Duration = Duration::from_secs(10);

/// How many records a node has dropped on purpose, for one reason, in all its tasks of this process together.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DroppedRecords {
    /// The node; the topic, where records could not be read.
    pub node: String,
    /// The sub-topology that it belongs to.
    pub subtopology: u32,
    /// The reason (see [`DropReason::label`]).
    pub reason: &'static str,
    /// The reason for people: why it happens, and what helps, where that is known.
    pub explanation: &'static str,
    /// How many records, since the application was started.
    pub records: u64,
    /// When the last of them was dropped, by the application's clock.
    pub last: Timestamp,
}

/// The drops of all tasks, told with the numbers of records that the tasks processed.
#[derive(Clone)]
pub(crate) struct DropNotices(Arc<Shared>);

struct Shared {
    metrics: MetricsBoard,
    /// When something is to be told next; `i64::MAX` if there is nothing.
    due: AtomicI64,
    nodes: Mutex<Vec<NodeDrops>>,
}

struct NodeDrops {
    subtopology: u32,
    node: Box<str>,
    reason: DropReason,
    total: u64,
    /// When it has dropped the last one.
    last: Timestamp,
    untold: u64,
    /// Details of the first one that is not told.
    first: Option<String>,
    /// When it may be told next.
    due: Timestamp,
    /// What tasks had processed when they were heard last. The board may know of more.
    processed: BTreeMap<TaskId, u64>,
}

impl DropNotices {
    pub(crate) fn new(metrics: MetricsBoard) -> Self {
        let (due, nodes) = (AtomicI64::new(i64::MAX), Mutex::default());
        Self(Arc::new(Shared { metrics, due, nodes }))
    }

    /// Adds what a task has dropped, which has processed that many records so far, and tells what is due at `now`.
    pub(crate) fn note(&self, task: TaskId, processed: u64, dropped: Vec<Dropped>, now: Timestamp) {
        if dropped.is_empty() && now.0 < self.0.due.load(Ordering::Relaxed) {
            return;
        }
        let mut nodes = self.0.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        for dropped in dropped {
            let is_it = |known: &&mut NodeDrops| {
                known.subtopology == task.subtopology && known.reason == dropped.reason && known.node == dropped.node
            };
            match nodes.iter_mut().find(is_it) {
                Some(known) => known.add(dropped, now),
                None => nodes.push(NodeDrops::new(task.subtopology, dropped, now)),
            }
        }
        for node in nodes.iter_mut().filter(|node| node.subtopology == task.subtopology) {
            node.processed.insert(task, processed);
        }
        self.tell(&mut nodes, now, false);
    }

    /// How many records were dropped so far, by node (by topic, where they could not be read) and reason.
    pub(crate) fn totals(&self) -> BTreeMap<(Box<str>, DropReason), u64> {
        let nodes = self.0.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut totals = BTreeMap::new();
        for node in &*nodes {
            *totals.entry((node.node.clone(), node.reason)).or_insert(0) += node.total;
        }
        totals
    }

    /// What was dropped so far, the latest first.
    fn list(&self) -> Vec<DroppedRecords> {
        let nodes = self.0.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut list: Vec<_> = nodes.iter().map(NodeDrops::records).collect();
        list.sort_by(|one, other| {
            let place = |dropped: &DroppedRecords| (dropped.node.clone(), dropped.reason);
            other.last.cmp(&one.last).then_with(|| place(one).cmp(&place(other)))
        });
        list
    }

    /// Tells everything that was not told yet.
    pub(crate) fn tell_the_rest(&self, now: Timestamp) {
        let mut nodes = self.0.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        self.tell(&mut nodes, now, true);
    }

    fn tell(&self, nodes: &mut [NodeDrops], now: Timestamp, is_end: bool) {
        for node in nodes.iter_mut().filter(|node| node.untold > 0 && (is_end || now >= node.due)) {
            node.tell(&self.0.metrics);
            node.due = later(now, AGAIN_AFTER);
        }
        let due = nodes.iter().filter(|node| node.untold > 0).map(|node| node.due.0).min();
        self.0.due.store(due.unwrap_or(i64::MAX), Ordering::Relaxed);
    }
}

impl NodeDrops {
    fn new(subtopology: u32, dropped: Dropped, now: Timestamp) -> Self {
        let Dropped { node, reason, count, first } = dropped;
        Self {
            subtopology,
            node,
            reason,
            total: count,
            last: now,
            untold: count,
            first,
            due: later(now, FIRST_AFTER),
            processed: BTreeMap::new(),
        }
    }

    fn add(&mut self, dropped: Dropped, now: Timestamp) {
        self.total += dropped.count;
        self.last = now;
        self.untold += dropped.count;
        self.first = self.first.take().or(dropped.first);
    }

    fn records(&self) -> DroppedRecords {
        DroppedRecords {
            node: self.node.to_string(),
            subtopology: self.subtopology,
            reason: self.reason.label(),
            explanation: self.reason.explanation(),
            records: self.total,
            last: self.last,
        }
    }

    fn tell(&mut self, metrics: &MetricsBoard) {
        let (node, total, dropped) = (&*self.node, self.total, std::mem::take(&mut self.untold));
        let processed = self.processed(metrics);
        let records = match processed {
            processed if total <= processed => format!("{total} of {processed} records were"),
            _ => format!("{total} records were"),
        };
        let explanation = self.reason.explanation();
        let sentence = match (self.reason, self.first.take()) {
            (
                DropReason::Undecodable
                | DropReason::NegativeTimestamp
                | DropReason::Failed
                | DropReason::Unwritable
                | DropReason::Future
                | DropReason::Invalid,
                first,
            ) => {
                let instance = first.map_or_else(String::new, |first| format!("; for instance {first}"));
                format!("{records} skipped in topic `{node}`: {explanation}{instance}")
            }
            _ => format!("{records} dropped at {node}: {explanation}"),
        };
        let reason = self.reason.label();
        if self.reason.is_routine() {
            tracing::debug!(node, reason, dropped, total, processed, "{sentence}");
        } else {
            tracing::warn!(target: PEOPLE, node, reason, dropped, total, processed, "{sentence}");
        }
    }

    /// How many records all tasks of the sub-topology have processed.
    fn processed(&self, metrics: &MetricsBoard) -> u64 {
        let mut processed = self.processed.clone();
        for (task, metrics) in metrics.snapshot() {
            if task.subtopology == self.subtopology {
                let known = processed.entry(task).or_default();
                *known = (*known).max(metrics.processed);
            }
        }
        processed.values().sum()
    }
}

impl Handle {
    /// What was dropped on purpose since the application was started, by node and reason, the latest first. It counts what
    /// all tasks of this process have dropped, also those that others have by now.
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// const IN: Topic<String, i64> = Topic::new("in");
    /// const OUT: Topic<String, i64> = Topic::new("out");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(IN).to(OUT);
    /// let running = App::new("copy", builder.build()?).start(Embedded::in_memory())?;
    /// for dropped in running.dropped() {
    ///     println!("{}: {} records, {}", dropped.node, dropped.records, dropped.reason);
    /// }
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn dropped(&self) -> Vec<DroppedRecords> {
        self.status().drops.list()
    }
}

fn later(now: Timestamp, after: Duration) -> Timestamp {
    Timestamp(now.0.saturating_add(i64::try_from(after.as_millis()).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Partition;
    use crate::runtime::metrics::TaskMetrics;
    use crate::runtime::tests::said::said;

    const LATE: &str = "they came after their window was closed; a longer grace keeps it open";

    fn task(partition: i32) -> TaskId {
        TaskId { subtopology: 1, partition: Partition(partition) }
    }

    fn late(count: u64) -> Vec<Dropped> {
        vec![Dropped { node: "WINDOW".into(), reason: DropReason::Late, count, first: None }]
    }

    /// The sentences that were said.
    fn sentences(act: impl FnOnce()) -> Vec<String> {
        let said = said(act);
        let sentence = |line: &str| Some(line.split_once("WARN millstream: ")?.1.split_once(" node=")?.0.to_owned());
        said.lines().filter_map(sentence).collect()
    }

    #[test]
    fn a_node_tells_soon_then_every_ten_seconds_and_at_the_end() {
        let told = sentences(|| {
            let notices = DropNotices::new(MetricsBoard::default());
            for ms in (0..25_000).step_by(100) {
                notices.note(task(0), 1_000, late(1), Timestamp(ms));
            }
            notices.tell_the_rest(Timestamp(25_000));
            notices.tell_the_rest(Timestamp(99_000));
        });
        let line = |count| format!("{count} of 1000 records were dropped at WINDOW: {LATE}");
        assert_eq!(told, [11, 111, 211, 250].map(line));
    }

    #[test]
    fn a_drop_is_told_when_it_is_due_although_no_other_follows() {
        let told = sentences(|| {
            let notices = DropNotices::new(MetricsBoard::default());
            notices.note(task(0), 0, late(7), Timestamp(0));
            notices.note(task(0), 0, Vec::new(), Timestamp(999));
            notices.note(task(1), 0, Vec::new(), Timestamp(1_000));
        });
        assert_eq!(told, [format!("7 records were dropped at WINDOW: {LATE}")]);
    }

    /// Regression: with eight partitions there were eight lines.
    #[test]
    fn tasks_of_a_node_are_told_together_with_all_that_they_processed() {
        let told = sentences(|| {
            let board = MetricsBoard::default();
            // Two tasks that drop nothing, one of them of another sub-topology.
            for (id, processed) in [(task(8), 50), (TaskId { subtopology: 0, ..task(0) }, 9_999)] {
                board.publish(id, TaskMetrics { processed, ..TaskMetrics::default() });
            }
            let notices = DropNotices::new(board);
            (0..8).for_each(|partition| notices.note(task(partition), 100, late(10), Timestamp(0)));
            notices.tell_the_rest(Timestamp(1));
        });
        assert_eq!(told, [format!("80 of 850 records were dropped at WINDOW: {LATE}")]);
    }

    #[test]
    fn drops_are_listed_by_node_and_reason_the_latest_first() {
        let notices = DropNotices::new(MetricsBoard::default());
        let drop = |node: &str, reason, count| vec![Dropped { node: node.into(), reason, count, first: None }];
        notices.note(task(0), 9, drop("JOIN", DropReason::NullKey, 2), Timestamp(1_000));
        notices.note(task(0), 9, drop("WINDOW", DropReason::Late, 1), Timestamp(2_000));
        notices.note(task(1), 9, drop("JOIN", DropReason::NullKey, 3), Timestamp(3_000));
        notices.note(task(0), 9, Vec::new(), Timestamp(4_000));
        let list: Vec<_> =
            notices.list().into_iter().map(|it| (it.node, it.reason, it.records, it.last.0, it.subtopology)).collect();
        let expected = [("JOIN".to_owned(), "null-key", 5, 3_000, 1), ("WINDOW".to_owned(), "late", 1, 2_000, 1)];
        assert_eq!(list, expected);
    }

    #[test]
    fn skipped_records_are_told_with_an_instance() {
        let told = sentences(|| {
            let notices = DropNotices::new(MetricsBoard::default());
            for first in ["offset 7 of in-0: no number", "offset 9 of in-0: no number"] {
                let (node, first) = ("in".into(), Some(first.to_owned()));
                let dropped = Dropped { node, reason: DropReason::Undecodable, count: 2, first };
                notices.note(task(0), 10, vec![dropped], Timestamp(0));
            }
            notices.tell_the_rest(Timestamp(1));
        });
        let expected = "4 of 10 records were skipped in topic `in`: their bytes cannot be read; for instance offset 7 of \
                        in-0: no number";
        assert_eq!(told, [expected]);
    }
}
