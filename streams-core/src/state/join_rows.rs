//! The buffered records of one side of a join of two streams.
//!
//! Each record is written, and logged as in Java, when it comes. The other side looks up those of a key in a range of
//! time. Which of them are still visible depends on the newest record here, to the millisecond, as in Java; what is no
//! longer visible is deleted a whole span at a time.
//!
//! Records with the same key and timestamp are told apart by a sequence number. As in Java each record takes the next
//! one, even if it changes nothing because it is null or too late, and a new task begins with 1. But a task that has been
//! restarted goes on behind every number that it may have used, so that no record takes another one's place.

use std::cell::Cell;
use std::ops::Bound;
use std::rc::Rc;
use std::sync::Arc;

use super::kinds::{BufferedAt, JoinBuffer};
use super::rows::RowError;
use super::{FreshRows, KeyRange, StoreAccess, StoreError, StoreView};
use crate::record::{Headers, Timestamp};

/// The records of one side.
pub(crate) struct JoinRows {
    access: StoreAccess,
    layout: JoinBuffer,
    /// The newest record's timestamp.
    newest: Rc<Cell<Timestamp>>,
    /// The number that was used last; `None` before the first use.
    sequence: Option<i64>,
    /// Numbers up to this one are noted as used, in case the task is restarted.
    reserved: i64,
    /// The first span that has not been deleted.
    first_span: i64,
    /// The changelog's key, behind the span.
    buffer: Vec<u8>,
}

/// A buffered record, as it is put.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Buffered<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) timestamp: Timestamp,
    pub(crate) headers: &'a Headers,
}

/// The name of the number that is noted.
const SEQUENCE: &str = "sequence";
/// How many numbers are noted as used at a time.
const RESERVED_AT_ONCE: i64 = 1_024;
/// Sequence numbers have 31 bits, and begin again after that.
const SEQUENCE_MASK: i64 = 0x7fff_ffff;

impl JoinRows {
    pub(crate) fn new(access: StoreAccess, layout: JoinBuffer) -> Self {
        let newest = Rc::new(Cell::new(Timestamp::UNKNOWN));
        Self { access, layout, newest, sequence: None, reserved: 0, first_span: i64::MIN, buffer: Vec::new() }
    }

    /// Keeps the newest record's timestamp there.
    pub(crate) fn keep_newest_in(&mut self, newest: Rc<Cell<Timestamp>>) {
        self.newest = newest;
    }

    /// Moves the time by which records are visible, as a record that is not put does. Returns the newest time.
    pub(crate) fn advance(&self, time: Timestamp) -> Timestamp {
        let newest = self.newest.get().max(time);
        self.newest.set(newest);
        newest
    }

    /// Logs a record, and stores it unless it is null or too late. Returns whether it counts as late.
    ///
    /// # Errors
    /// When the store or the changelog fails.
    pub(crate) fn put(&mut self, record: Buffered<'_>) -> Result<bool, StoreError> {
        let Buffered { key, value, timestamp, headers } = record;
        let sequence = self.next_sequence()?;
        self.buffer.clear();
        self.buffer.extend_from_slice(&JoinBuffer::prefix(self.layout.span(timestamp.0)));
        let prefix = self.buffer.len();
        JoinBuffer::write_changelog(BufferedAt { key, timestamp: timestamp.0, sequence }, &mut self.buffer);
        let logged = self.buffer.get(prefix..).unwrap_or_default();
        self.access.log(logged, value, timestamp, headers)?;
        let Some(value) = value else { return Ok(false) };
        self.newest.set(self.newest.get().max(timestamp));
        let oldest = self.oldest();
        if timestamp.0 < oldest {
            return Ok(self.layout.is_refused(timestamp.0, self.newest.get().0));
        }
        self.access.put(&self.buffer, Some(value));
        self.expire(oldest);
        Ok(false)
    }

    /// Calls `each` with the timestamps and values of a key's records in a range of time (both ends included), in the
    /// order of time and then of arrival. `each` must not write to the task's state.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) fn fetch(
        &mut self,
        key: &[u8],
        (from, to): (i64, i64),
        each: &mut dyn FnMut(Timestamp, &[u8]),
    ) -> Result<(), StoreError> {
        self.prepare()?;
        let from = from.max(self.oldest());
        if from > to {
            return Ok(());
        }
        for span in self.layout.span(from)..=self.layout.span(to) {
            let bound = |timestamp, sequence| {
                let mut bound = JoinBuffer::prefix(span).to_vec();
                JoinBuffer::write_changelog(BufferedAt { key, timestamp, sequence }, &mut bound);
                bound
            };
            let (first, last) = (bound(from, 0), bound(to, u32::MAX));
            let range = KeyRange::between(Bound::Included(&first), Bound::Included(&last));
            self.access.scan(range, &mut |found, value| {
                // A longer key may lie between those of the key.
                if let Some(at) = JoinBuffer::split(found).filter(|at| at.key == key) {
                    each(Timestamp(at.timestamp), value);
                }
                true
            })?;
        }
        Ok(())
    }

    fn oldest(&self) -> i64 {
        self.layout.oldest(self.newest.get().0)
    }

    /// Deletes spans of which nothing is visible any more.
    fn expire(&mut self, oldest: i64) {
        let span = self.layout.span(oldest);
        if span > self.first_span {
            self.first_span = span;
            self.access.delete_below(&JoinBuffer::prefix(span));
        }
    }

    fn next_sequence(&mut self) -> Result<u32, StoreError> {
        let next = self.prepare()? + 1;
        self.sequence = Some(next);
        if next > self.reserved {
            self.reserved = next + RESERVED_AT_ONCE - 1;
            self.access.note(SEQUENCE, self.reserved);
        }
        Ok(u32::try_from(next & SEQUENCE_MASK).unwrap_or(0))
    }

    /// Finds out where a task that was restarted goes on. Returns the number that was used last.
    fn prepare(&mut self) -> Result<i64, StoreError> {
        if let Some(sequence) = self.sequence {
            return Ok(sequence);
        }
        let sequence = match self.access.noted(SEQUENCE)? {
            Some(reserved) if self.newest.get() != Timestamp::UNKNOWN => reserved,
            reserved => self.look_through()?.max(reserved.unwrap_or(0)),
        };
        (self.sequence, self.reserved) = (Some(sequence), sequence);
        Ok(sequence)
    }

    /// The largest number among the records. Both it and the newest timestamp may be lost, for instance if the records were
    /// restored from the changelog alone.
    fn look_through(&self) -> Result<i64, StoreError> {
        let (mut sequence, mut newest) = (0, self.newest.get());
        self.access.scan(KeyRange::ALL, &mut |key, _| {
            if let Some(at) = JoinBuffer::split(key) {
                sequence = sequence.max(i64::from(at.sequence));
                newest = newest.max(Timestamp(at.timestamp));
            }
            true
        })?;
        self.newest.set(newest);
        Ok(sequence)
    }
}

impl StoreView for JoinRows {
    fn fresh_rows(&mut self) -> &mut dyn FreshRows {
        self
    }

    fn newest(&self) -> Option<Timestamp> {
        Some(self.newest.get())
    }
}

/// Only what is still visible.
impl FreshRows for JoinRows {
    fn name(&self) -> &Arc<str> {
        self.access.name()
    }

    fn get(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, RowError> {
        let oldest = self.oldest();
        let is_visible = JoinBuffer::split(key).is_some_and(|at| at.timestamp >= oldest);
        Ok(if is_visible { self.access.get(key)? } else { None })
    }

    fn scan(&mut self, range: KeyRange<'_>, each: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<(), RowError> {
        let oldest = self.oldest();
        self.access.scan(range, &mut |key, value| {
            let is_visible = JoinBuffer::split(key).is_none_or(|at| at.timestamp >= oldest);
            !is_visible || each(key, value)
        })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::state::{Changelog, Memory, StateBackend, StoreIndex, TaskState};

    /// The keys, values and timestamps that were logged.
    #[derive(Default)]
    struct Logged(Vec<(Vec<u8>, Option<Vec<u8>>, i64)>);

    impl Changelog for Logged {
        fn append(
            &mut self,
            key: &[u8],
            value: Option<&[u8]>,
            timestamp: Timestamp,
            headers: &Headers,
        ) -> Result<(), StoreError> {
            assert_eq!(headers.len(), 1, "the record's own");
            self.0.push((key.to_vec(), value.map(<[u8]>::to_vec), timestamp.0));
            Ok(())
        }
    }

    struct Test {
        state: Rc<RefCell<TaskState>>,
        logged: Rc<RefCell<Logged>>,
        rows: JoinRows,
    }

    /// Pairs are 4 s apart at most, and records are kept for 5 s.
    const LAYOUT: JoinBuffer = JoinBuffer { size: Duration::from_secs(4), retention: Duration::from_secs(5) };

    impl Test {
        fn new() -> Self {
            let store = Memory.open(Path::new("unused"), &["buffer".to_owned()]).expect("memory always opens");
            Self::over(Rc::new(RefCell::new(TaskState::new(store))))
        }

        fn over(state: Rc<RefCell<TaskState>>) -> Self {
            let logged = Rc::<RefCell<Logged>>::default();
            let changelog = Rc::clone(&logged) as Rc<RefCell<dyn Changelog>>;
            let access = StoreAccess::new("buffer".into(), StoreIndex(1), Rc::clone(&state), Some(changelog));
            Self { state, logged, rows: JoinRows::new(access, LAYOUT) }
        }

        /// As after a restart from what was committed.
        fn restarted(self) -> Self {
            self.state.borrow_mut().discard();
            Self::over(self.state)
        }

        fn commit(&self) {
            let mut state = self.state.borrow_mut();
            let batch = state.pending_batch();
            state.write(batch).expect("written");
        }

        /// Returns whether it is too late.
        fn put(&mut self, key: &str, value: &str, timestamp: i64) -> bool {
            let value = (value != "-").then_some(value.as_bytes());
            let mut headers = Headers::new();
            headers.push("h", "x");
            let record = Buffered { key: key.as_bytes(), value, timestamp: Timestamp(timestamp), headers: &headers };
            self.rows.put(record).expect("put")
        }

        fn fetch(&mut self, key: &str, range: (i64, i64)) -> Vec<(i64, String)> {
            let mut found = Vec::new();
            let mut each =
                |time: Timestamp, value: &[u8]| found.push((time.0, String::from_utf8_lossy(value).into_owned()));
            self.rows.fetch(key.as_bytes(), range, &mut each).expect("fetched");
            found
        }

        fn stored(&self) -> usize {
            let mut stored = 0;
            let mut count = |_: &[u8], _: &[u8]| {
                stored += 1;
                true
            };
            self.state.borrow().scan(StoreIndex(1), KeyRange::ALL, &mut count).expect("scanned");
            stored
        }
    }

    fn values(found: &[(i64, String)]) -> Vec<&str> {
        found.iter().map(|(_, value)| value.as_str()).collect()
    }

    #[test]
    fn a_keys_records_are_found_by_time_and_arrival_and_duplicates_are_kept() {
        let mut test = Test::new();
        for (key, value, time) in [
            ("a", "3", 3_000),
            ("b", "other", 3_000),
            ("a", "1", 1_000),
            ("a", "3", 3_000),
            ("a\0", "longer", 3_000),
            ("a", "2", 2_499),
            ("a", "2", 2_500),
        ] {
            assert!(!test.put(key, value, time));
        }
        let all = [(1_000, "1"), (2_499, "2"), (2_500, "2"), (3_000, "3"), (3_000, "3")];
        assert_eq!(test.fetch("a", (0, 9_000)), all.map(|(time, value)| (time, value.to_owned())));
        assert_eq!(values(&test.fetch("a", (1_001, 2_999))), ["2", "2"]);
        assert_eq!(values(&test.fetch("a", (2_500, 2_500))), ["2"]);
        assert_eq!(values(&test.fetch("a", (3_001, 2_000))), [""; 0]);
        assert_eq!(values(&test.fetch("", (0, 9_000))), [""; 0]);
    }

    #[test]
    fn every_record_takes_a_number_and_is_logged_even_if_it_changes_nothing() {
        let mut test = Test::new();
        assert!(!test.put("a", "new", 79_000));
        assert!(!test.put("a", "-", 79_500), "null");
        assert!(!test.put("a", "late", 74_000), "nobody finds it, but Java keeps it");
        assert!(!test.put("a", "just in time", 74_001));
        assert!(test.put("a", "later", 59_999), "its segment of a minute has expired");
        let logged = |sequence: u8, value: Option<&str>, time: i64| {
            let key = [b"a", &time.to_be_bytes()[..], &[0, 0, 0, sequence]].concat();
            (key, value.map(|value| value.as_bytes().to_vec()), time)
        };
        let expected = [
            logged(1, Some("new"), 79_000),
            logged(2, None, 79_500),
            logged(3, Some("late"), 74_000),
            logged(4, Some("just in time"), 74_001),
            logged(5, Some("later"), 59_999),
        ];
        assert_eq!(test.logged.borrow().0, expected);
        assert_eq!(values(&test.fetch("a", (0, 99_999))), ["just in time", "new"]);
    }

    #[test]
    fn what_is_too_old_is_not_found_and_deleted_with_its_span() {
        let mut test = Test::new();
        // Spans are 2.5 s long.
        for (time, found, stored) in
            [(0, 1, 1), (2_499, 2, 2), (2_500, 3, 3), (5_000, 3, 4), (7_498, 4, 5), (7_499, 4, 4), (20_000, 1, 1)]
        {
            test.put("a", "v", time);
            assert_eq!((test.fetch("a", (0, 99_999)).len(), test.stored()), (found, stored), "at {time}");
        }
        let mut visible = 0;
        test.put("a", "v", 16_000);
        test.put("a", "v", 21_000);
        let mut count = |_: &[u8], _: &[u8]| {
            visible += 1;
            true
        };
        FreshRows::scan(&mut test.rows, KeyRange::ALL, &mut count).expect("scanned");
        assert_eq!((visible, test.stored()), (2, 3), "seen from outside, too");
    }

    #[test]
    fn a_restarted_task_goes_on_behind_every_number_that_was_used() {
        let mut test = Test::new();
        for number in 0..3 {
            test.put("a", &format!("first {number}"), 1);
        }
        test.commit();
        test.put("a", "never committed", 1);
        let mut test = test.restarted();
        for number in 0..3 {
            test.put("a", &format!("second {number}"), 1);
        }
        let all = test.fetch("a", (1, 1));
        assert_eq!(values(&all), ["first 0", "first 1", "first 2", "second 0", "second 1", "second 2"]);

        // The state is restored from the changelog: the note and the newest time are gone.
        let rows: Vec<_> = {
            let mut rows = Vec::new();
            let mut keep = |key: &[u8], value: &[u8]| {
                rows.push((key.to_vec(), value.to_vec()));
                true
            };
            test.put("a", "newest", 3_000);
            test.state.borrow().scan(StoreIndex(1), KeyRange::ALL, &mut keep).expect("scanned");
            rows
        };
        let restored = Test::new();
        rows.iter().for_each(|(key, value)| restored.state.borrow_mut().put(StoreIndex(1), key, Some(value)));
        restored.commit();
        let mut restored = restored.restarted();
        restored.put("a", "third", 1);
        assert_eq!(restored.fetch("a", (1, 1)).len(), 7);
        restored.put("a", "late", -2_000);
        assert_eq!(restored.fetch("a", (-9_000, 0)), [], "3,000 is still the newest");
    }

    #[test]
    fn numbers_are_noted_ahead_of_their_use() {
        let mut test = Test::new();
        for number in 0..2_000 {
            test.put("a", "v", number % 3);
        }
        test.commit();
        let mut test = test.restarted();
        assert_eq!(test.rows.next_sequence(), Ok(2_049));
        test.rows.sequence = Some(SEQUENCE_MASK);
        assert_eq!(test.rows.next_sequence(), Ok(0), "31 bits");
    }
}
