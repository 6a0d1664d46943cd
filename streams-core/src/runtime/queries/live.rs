//! The changes of one store's rows, from the workers to whoever follows them.
//!
//! A worker publishes what some rows have become as one batch, for all followers together, and the control tells them that
//! there is something, so it costs a worker nothing how many there are. The last batches are kept for a while. A follower takes
//! them when it has time, and one that falls too far behind reads the store anew.

use std::collections::VecDeque;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::record::{Partition, TaskId};
use crate::state::selection::Area;

/// How much is kept for followers.
const BYTES_MAX: usize = 8 << 20;
const BATCHES_MAX: usize = 4_096;

/// What some rows of a task have become.
pub(crate) struct LiveBatch {
    pub(crate) task: TaskId,
    rows: LiveRows,
}

/// Rows that have changed, in one piece of memory: a worker makes many of them, and other threads let go of them.
#[derive(Default)]
pub(crate) struct LiveRows {
    bytes: Vec<u8>,
    rows: Vec<Extent>,
}

/// Where a row's bytes lie.
#[derive(Clone, Copy)]
struct Extent {
    begin: usize,
    /// Where its place ends, and the row begins.
    middle: usize,
    /// `None` if there is no row any more.
    end: Option<usize>,
}

/// A row that has changed.
#[derive(Clone, Copy)]
pub(crate) struct LiveRow<'a> {
    /// The key as it is in the store.
    pub(crate) place: &'a [u8],
    /// The stored bytes that are there now; `None` if there are none.
    pub(crate) row: Option<&'a [u8]>,
}

impl LiveRows {
    /// Adds a row: its place, and what `read` appends, if that returns that there is something.
    ///
    /// # Errors
    /// As `read`; then nothing is added.
    pub(crate) fn add<E>(&mut self, place: &[u8], read: impl FnOnce(&mut Vec<u8>) -> Result<bool, E>) -> Result<(), E> {
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(place);
        let middle = self.bytes.len();
        let is_there = read(&mut self.bytes).inspect_err(|_| self.bytes.truncate(begin))?;
        let end = is_there.then_some(self.bytes.len());
        self.rows.push(Extent { begin, middle, end });
        Ok(())
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn row(&self, extent: Extent) -> LiveRow<'_> {
        let bytes = |from, to| self.bytes.get(from..to).unwrap_or_default();
        LiveRow { place: bytes(extent.begin, extent.middle), row: extent.end.map(|end| bytes(extent.middle, end)) }
    }
}

impl LiveBatch {
    /// Stands for the task of a global table's rows, which belong to none.
    pub(crate) const OF_GLOBAL: TaskId = TaskId { subtopology: u32::MAX, partition: Partition(0) };

    /// Puts the rows into the order of the store's keys, so that whoever wants few of them need not look at all.
    pub(crate) fn new(task: TaskId, mut rows: LiveRows) -> Self {
        let mut order = std::mem::take(&mut rows.rows);
        order.sort_unstable_by(|left, right| rows.row(*left).place.cmp(rows.row(*right).place));
        rows.rows = order;
        Self { task, rows }
    }

    /// The rows that are in a part of the store.
    pub(crate) fn within(&self, area: &Area) -> impl Iterator<Item = LiveRow<'_>> {
        let place = |extent: &Extent| self.rows.row(*extent).place;
        let is_before = |extent: &Extent| match &area.from {
            Bound::Included(from) => *place(extent) < **from,
            Bound::Excluded(from) => *place(extent) <= **from,
            Bound::Unbounded => false,
        };
        let is_inside = |extent: &Extent| match &area.to {
            Bound::Included(to) => *place(extent) <= **to,
            Bound::Excluded(to) => *place(extent) < **to,
            Bound::Unbounded => true,
        };
        let all = &self.rows.rows;
        let rest = all.get(all.partition_point(is_before)..).unwrap_or_default();
        let inside = rest.get(..rest.partition_point(is_inside)).unwrap_or_default();
        inside.iter().map(|extent| self.rows.row(*extent))
    }

    fn bytes(&self) -> usize {
        self.rows.bytes.capacity() + self.rows.rows.capacity() * size_of::<Extent>()
    }
}

/// The changes of one store.
pub(crate) struct LiveStore {
    /// Another one for each list of changes that there ever is.
    number: u64,
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
    pub(super) fn new(number: u64) -> Self {
        Self { number, ring: Mutex::default(), news: watch::Sender::new(0) }
    }

    /// By which it is told from all others.
    pub(crate) const fn number(&self) -> u64 {
        self.number
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
        LiveBatch::new(TaskId { subtopology: 0, partition: Partition(0) }, rows(&[&vec![0; bytes]]))
    }

    fn rows(places: &[&[u8]]) -> LiveRows {
        let mut rows = LiveRows::default();
        for place in places {
            rows.add(place, |_| Ok::<_, ()>(false)).expect("it is added");
        }
        rows
    }

    #[test]
    fn rows_are_found_by_the_part_of_the_store_that_they_are_in() {
        use Bound::{Excluded, Included, Unbounded};
        let rows = rows(&[b"d", b"a", b"c", b"b", b"ab"]);
        let batch = LiveBatch::new(TaskId { subtopology: 0, partition: Partition(0) }, rows);
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
            let found = batch.within(&area).map(|row| String::from_utf8_lossy(row.place).into_owned());
            assert_eq!(found.collect::<Vec<_>>().join(" "), expected, "{area:?}");
        }
    }

    #[test]
    fn a_row_that_cannot_be_read_leaves_nothing_behind() {
        let mut rows = LiveRows::default();
        for (place, row) in [("b", Ok(Some("2"))), ("x", Err("cannot be read")), ("a", Ok(None)), ("c", Ok(Some("")))] {
            let added = rows.add(place.as_bytes(), |bytes| {
                bytes.extend_from_slice(row.unwrap_or(Some("half")).unwrap_or_default().as_bytes());
                row.map(|row| row.is_some())
            });
            assert_eq!(added, row.map(|_| ()));
        }
        let batch = LiveBatch::new(TaskId { subtopology: 0, partition: Partition(0) }, rows);
        let found = batch.within(&Area::ALL).map(|row| (row.place, row.row));
        let expected: [(&[u8], Option<&[u8]>); 3] = [(b"a", None), (b"b", Some(b"2")), (b"c", Some(b""))];
        assert_eq!(found.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn batches_are_numbered_and_the_oldest_go_first() {
        let live = LiveStore::new(1);
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
