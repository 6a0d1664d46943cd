//! The changes of one store's rows, from the workers to whoever follows them.
//!
//! A worker publishes what some rows have become as one batch, for all followers together, and the control tells them that
//! there is something, so it costs a worker nothing how many there are. The last batches are kept for a while. A follower takes
//! them when it has time, and one that falls too far behind reads the store anew.

use std::collections::VecDeque;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::record::TaskId;
use crate::state::selection::Area;

/// How much is kept for followers.
const BYTES_MAX: usize = 8 << 20;
const BATCHES_MAX: usize = 4_096;

/// What some rows of a task have become.
pub(crate) struct LiveBatch {
    pub(crate) task: TaskId,
    /// In the order of the store's keys, so that whoever wants few of them need not look at all.
    rows: Vec<LiveRow>,
}

/// A row that has changed.
pub(crate) struct LiveRow {
    /// The key as it is in the store.
    pub(crate) place: Box<[u8]>,
    /// The stored bytes that are there now; `None` if there are none.
    pub(crate) row: Option<Box<[u8]>>,
}

impl LiveBatch {
    pub(crate) fn new(task: TaskId, mut rows: Vec<LiveRow>) -> Self {
        rows.sort_unstable_by(|left, right| left.place.cmp(&right.place));
        Self { task, rows }
    }

    /// The rows that are in a part of the store.
    pub(crate) fn within(&self, area: &Area) -> &[LiveRow] {
        let is_before = |row: &LiveRow| match &area.from {
            Bound::Included(from) => *row.place < **from,
            Bound::Excluded(from) => *row.place <= **from,
            Bound::Unbounded => false,
        };
        let is_inside = |row: &LiveRow| match &area.to {
            Bound::Included(to) => *row.place <= **to,
            Bound::Excluded(to) => *row.place < **to,
            Bound::Unbounded => true,
        };
        let rest = self.rows.get(self.rows.partition_point(is_before)..).unwrap_or_default();
        rest.get(..rest.partition_point(is_inside)).unwrap_or_default()
    }

    fn bytes(&self) -> usize {
        let bytes = |row: &LiveRow| row.place.len() + row.row.as_ref().map_or(0, |row| row.len());
        self.rows.iter().map(bytes).sum::<usize>() + self.rows.len() * size_of::<LiveRow>()
    }
}

/// The changes of one store.
pub(crate) struct LiveStore {
    ring: Mutex<Ring>,
    /// The number behind the last batch, for those who wait for the next one.
    news: watch::Sender<u64>,
}

#[derive(Default)]
struct Ring {
    batches: VecDeque<Arc<LiveBatch>>,
    bytes: usize,
    /// The number of the first batch that is kept.
    first: u64,
}

impl LiveStore {
    pub(super) fn new() -> Self {
        Self { ring: Mutex::default(), news: watch::Sender::new(0) }
    }

    /// Adds a batch, of which followers hear with [`LiveStore::tell_news`].
    pub(crate) fn publish(&self, batch: LiveBatch) {
        let mut ring = self.lock();
        ring.bytes += batch.bytes();
        ring.batches.push_back(Arc::new(batch));
        while ring.bytes > BYTES_MAX || ring.batches.len() > BATCHES_MAX {
            let Some(oldest) = ring.batches.pop_front() else { break };
            ring.bytes -= oldest.bytes();
            ring.first += 1;
        }
    }

    /// Wakes all followers, if there is something new. That takes its time, so it is not for a worker to do.
    pub(crate) fn tell_news(&self) {
        let end = self.end();
        if *self.news.borrow() != end {
            self.news.send_replace(end);
        }
    }

    /// Whoever follows has to begin anew: tasks have come or gone, or what they did is undone.
    pub(crate) fn restart(&self) {
        let mut ring = self.lock();
        // A number is left out, so that nobody can go on where they are.
        ring.first += ring.batches.len() as u64 + 1;
        ring.batches.clear();
        ring.bytes = 0;
        drop(ring);
        self.tell_news();
    }

    /// The number of the next batch.
    pub(crate) fn end(&self) -> u64 {
        let ring = self.lock();
        ring.first + ring.batches.len() as u64
    }

    /// The batches from a number on; `None` if some are gone.
    pub(crate) fn since(&self, number: u64) -> Option<Vec<Arc<LiveBatch>>> {
        let ring = self.lock();
        let skipped = usize::try_from(number.checked_sub(ring.first)?).ok()?;
        Some(ring.batches.iter().skip(skipped).cloned().collect())
    }

    /// Tells when there is more.
    pub(crate) fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Partition;

    fn batch(bytes: usize) -> LiveBatch {
        let row = LiveRow { place: vec![0; bytes].into(), row: None };
        LiveBatch::new(TaskId { subtopology: 0, partition: Partition(0) }, vec![row])
    }

    #[test]
    fn rows_are_found_by_the_part_of_the_store_that_they_are_in() {
        use Bound::{Excluded, Included, Unbounded};
        let rows = ["d", "a", "c", "b", "ab"].map(|place| LiveRow { place: place.as_bytes().into(), row: None });
        let batch = LiveBatch::new(TaskId { subtopology: 0, partition: Partition(0) }, rows.into());
        for (from, to, expected) in [
            (Unbounded, Unbounded, "a ab b c d"),
            (Included("b"), Included("c"), "b c"),
            (Excluded("b"), Excluded("d"), "c"),
            (Included("a"), Excluded("b"), "a ab"),
            (Included("b"), Included("b"), "b"),
            (Included("bb"), Included("bb"), ""),
            (Excluded("d"), Unbounded, ""),
            (Unbounded, Excluded("a"), ""),
            (Included("d"), Included("a"), ""),
        ] {
            let bound = |bound: Bound<&str>| bound.map(|place| place.as_bytes().to_vec());
            let area = Area { from: bound(from), to: bound(to), ..Area::ALL };
            let found = batch.within(&area).iter().map(|row| String::from_utf8_lossy(&row.place).into_owned());
            assert_eq!(found.collect::<Vec<_>>().join(" "), expected, "{area:?}");
        }
    }

    #[test]
    fn batches_are_numbered_and_the_oldest_go_first() {
        let live = LiveStore::new();
        let count = |number| live.since(number).map(|batches| batches.len());
        assert_eq!((live.end(), count(0), count(1)), (0, Some(0), Some(0)));
        (0..3).for_each(|_| live.publish(batch(1)));
        assert_eq!((live.end(), count(0), count(2)), (3, Some(3), Some(1)));
        assert_eq!(*live.news().borrow(), 0, "nobody was told yet");
        live.tell_news();
        assert_eq!(*live.news().borrow(), 3);
        live.publish(batch(BYTES_MAX));
        assert_eq!((live.end(), count(3), count(4)), (4, None, Some(0)), "not even the new one is kept");
        live.restart();
        assert_eq!((live.end(), count(4), count(5)), (5, None, Some(0)), "nobody goes on as if nothing had happened");
        assert_eq!(*live.news().borrow(), 5);
    }
}
