//! The typed window store of the Processor API.

use std::any::type_name;
use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Bound;
use std::rc::Rc;
use std::time::Duration;

use super::definition::StoreName;
use super::kinds::{ProcessorWindows, split_logged, write_logged};
use super::rows::RowError;
use super::spanned_rows::{Rest, SpannedRead, SpannedRows};
use super::{FreshRows, KeyOrder, KeyRange, StoreAccess, StoreError, StoreErrorKind, StoreValue, StoreView};
use crate::record::{Headers, Timestamp};
use crate::topic::NameError;
use crate::windows::{Window, WindowSize, Windowed};
use crate::wire::Value;

/// Names a window store of processors and its types: rows by key and the start of a window.
///
/// A row is kept for the retention in stream time, counted from the start of its window and measured by the newest row
/// that was ever put. A row that comes later is refused and counted as dropped.
///
/// ```
/// use millstream::prelude::*;
/// use millstream::dsl::processor::ProcessorWindowStore;
/// use millstream::testing::TestDriver;
/// use std::time::Duration;
///
/// const ALERTS: Topic<String, String> = Topic::new("alerts");
/// const ALARMS: Topic<String, u64> = Topic::new("alarms");
/// const RECENT: ProcessorWindowStore<String, String> =
///     ProcessorWindowStore::new("recent", Duration::from_secs(1), Duration::from_secs(600)).with_duplicates();
///
/// let builder = StreamsBuilder::new();
/// builder
///     .stream(ALERTS)
///     .process(RECENT, |mut recent, host, alert, out| {
///         let now = out.timestamp();
///         recent.put(host, alert, now);
///         let minute_ago = Timestamp(now.0 - 60_000);
///         if recent.fetch(host, minute_ago..=now).len() == 3 {
///             out.send(host.clone(), 3);
///         }
///     })
///     .to(ALARMS);
///
/// let mut driver = TestDriver::new(builder.build()?);
/// for (second, host) in [(100, "a"), (110, "b"), (150, "a"), (150, "a"), (220, "b")] {
///     driver.pipe_at(&ALERTS, host, "disk full", Timestamp(second * 1_000));
/// }
/// assert_eq!(driver.read(&ALARMS), [("a".to_owned(), 3)]);
/// # Ok::<(), TopologyError>(())
/// ```
pub struct ProcessorWindowStore<K, V> {
    name: StoreName,
    kind: ProcessorWindows,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K: Value, V: StoreValue> ProcessorWindowStore<K, V> {
    /// Names a store whose windows are that long, and whose rows are kept for `retention`. Meant for constants, where a
    /// mistake is a compile error.
    ///
    /// # Panics
    /// When the name breaks one of the rules in [`NameError`], the size is below a millisecond, or the retention is
    /// shorter than it. In a constant this is a compile error.
    #[must_use]
    pub const fn new(name: &'static str, size: Duration, retention: Duration) -> Self {
        Self::of(StoreName::constant(name), size, retention)
    }

    /// Names a store at run time.
    ///
    /// # Errors
    /// When the name breaks one of the rules in [`NameError`].
    ///
    /// # Panics
    /// As [`ProcessorWindowStore::new`], except for the name.
    pub fn named(name: impl Into<String>, size: Duration, retention: Duration) -> Result<Self, NameError> {
        Ok(Self::of(StoreName::checked(name.into())?, size, retention))
    }

    const fn of(name: StoreName, size: Duration, retention: Duration) -> Self {
        assert!(size.as_millis() > 0, "a window must be at least one millisecond long");
        assert!(retention.as_millis() >= size.as_millis(), "a row must be kept at least as long as its window lasts");
        let kind = ProcessorWindows { size, retention, duplicates: false, timestamped: V::TIMESTAMPED };
        Self { name, kind, types: PhantomData }
    }

    /// Keeps rows with the same key and window side by side, in the order in which they are put. Nothing can be deleted
    /// then.
    #[must_use]
    pub const fn with_duplicates(mut self) -> Self {
        self.kind.duplicates = true;
        self
    }
}

impl<K, V> ProcessorWindowStore<K, V> {
    /// The store's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name.0
    }

    pub(crate) const fn kind(&self) -> ProcessorWindows {
        self.kind
    }
}

impl<K, V> Clone for ProcessorWindowStore<K, V> {
    fn clone(&self) -> Self {
        Self { name: self.name.clone(), kind: self.kind, types: PhantomData }
    }
}

impl<K, V> fmt::Debug for ProcessorWindowStore<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProcessorWindowStore({:?})", self.name.0)
    }
}

/// A processors' window store in a task.
pub struct WindowsOf<K, V> {
    rows: SpannedRows,
    size: WindowSize,
    /// The number of the row that was put last, in a store with duplicates.
    sequence: Option<u32>,
    /// Whether there were rows when the task was opened. `None` until it matters.
    had_rows: Option<bool>,
    key: Vec<u8>,
    row: Vec<u8>,
    types: PhantomData<fn(K) -> V>,
}

/// Which rows of a window store are read.
pub(crate) struct WindowRead {
    read: SpannedRead,
    /// The keys' own bytes.
    keys: (Bound<Vec<u8>>, Bound<Vec<u8>>),
    starts: (Timestamp, Timestamp),
}

/// Rows, and what is left of the read if there may be more.
pub(crate) type WindowPage<K, V> = (Vec<(Windowed<K>, V)>, Option<Rest>);

impl<K: Value, V: StoreValue> WindowsOf<K, V> {
    /// A typed view of `access`; `newest` is kept for the store.
    pub(crate) fn new(access: StoreAccess, newest: Rc<Cell<Timestamp>>) -> Self {
        let size = access.kind().window_size().unwrap_or(WindowSize::Millis(i64::MAX));
        Self {
            size,
            sequence: access.kind().keeps_duplicates().then_some(0),
            rows: SpannedRows::new(access, newest),
            had_rows: None,
            key: Vec::new(),
            row: Vec::new(),
            types: PhantomData,
        }
    }

    fn window(&self, start: Timestamp) -> Window {
        Window { start, end: self.size.end(start) }
    }

    /// Sets or deletes a row; `now` is the time of the record being processed. Returns whether the row's time is not
    /// over. What is refused is logged nevertheless, as in Kafka Streams.
    ///
    /// # Errors
    /// When the changelog fails, or the key or value cannot be encoded.
    pub(crate) fn put(
        &mut self,
        key: &K,
        start: Timestamp,
        value: Option<&V>,
        now: Timestamp,
    ) -> Result<bool, RowError> {
        self.key.clear();
        key.encode(&mut self.key)?;
        let own = self.key.len();
        write_logged(start, self.next_sequence(own, start)?, &mut self.key);
        self.row.clear();
        if let Some(value) = value {
            value.write_row(&mut self.row)?;
        }
        let row = value.map(|_| self.row.as_slice());
        // With duplicates there is nothing that could be deleted.
        let kept = match row {
            None if self.sequence.is_some() => true,
            row => self.rows.put(start, &self.key, row),
        };
        let logged = row.map(|row| V::logged(row, now));
        let (value, timestamp) = logged.map_or((None, now), |(value, timestamp)| (Some(value), timestamp));
        self.rows.access().log(&self.key, value, timestamp, &Headers::new())?;
        Ok(kept)
    }

    /// The number of a new row. Numbers begin again when the task is opened, as in Kafka Streams, but come after those that
    /// rows with the same key and window have from before, so that rows stay in the order in which they were put.
    fn next_sequence(&mut self, own: usize, start: Timestamp) -> Result<u32, RowError> {
        let Some(last) = self.sequence else { return Ok(0) };
        let earlier = if self.had_rows()? { self.last_sequence(own, start)? } else { 0 };
        let sequence = last.max(earlier).wrapping_add(1) & (u32::MAX >> 1);
        self.sequence = Some(sequence);
        Ok(sequence)
    }

    fn had_rows(&mut self) -> Result<bool, RowError> {
        if let Some(had_rows) = self.had_rows {
            return Ok(had_rows);
        }
        let mut has_rows = false;
        self.rows.access().scan(KeyRange::ALL, &mut |_, _| {
            has_rows = true;
            false
        })?;
        self.had_rows = Some(has_rows);
        Ok(has_rows)
    }

    /// The largest number of the rows with the key in the buffer and this window, or 0.
    fn last_sequence(&self, own: usize, start: Timestamp) -> Result<u32, RowError> {
        let own = self.key.get(..own).unwrap_or_default();
        let logged = |sequence| {
            let mut logged = own.to_vec();
            write_logged(start, sequence, &mut logged);
            Bound::Included(logged)
        };
        let keys = (logged(0), logged(u32::MAX));
        let read = SpannedRead { keys, order: KeyOrder::Descending, times: (start, start) };
        let mut last = 0;
        self.rows.page(&read, self.rows.start(&read), &mut |logged, _| match split_logged(logged) {
            Some((key, time, sequence)) if key == own && time == start => {
                last = sequence;
                false
            }
            _ => true,
        })?;
        Ok(last)
    }

    /// The row of a key and window; with duplicates the one that was put last.
    ///
    /// # Errors
    /// When the store fails or holds bytes of another type, or the key cannot be encoded.
    pub(crate) fn get(&self, key: &K, start: Timestamp) -> Result<Option<V>, RowError> {
        let read = self.of_key(key, (start, start), KeyOrder::Descending)?;
        let (rows, _) = self.page(&read, self.start(&read), 1)?;
        Ok(rows.into_iter().next().map(|(_, value)| value))
    }

    /// The rows of a key whose windows start between two times, both included.
    ///
    /// # Errors
    /// When the key cannot be encoded.
    pub(crate) fn of_key(
        &self,
        key: &K,
        starts: (Timestamp, Timestamp),
        order: KeyOrder,
    ) -> Result<WindowRead, RowError> {
        let starts = self.visible(starts);
        let mut own = Vec::new();
        key.encode(&mut own)?;
        let logged = |start, sequence| {
            let mut logged = own.clone();
            write_logged(start, sequence, &mut logged);
            Bound::Included(logged)
        };
        let keys = (logged(starts.0, 0), logged(starts.1, u32::MAX));
        let read = SpannedRead { keys, order, times: starts };
        Ok(WindowRead { read, keys: (Bound::Included(own.clone()), Bound::Included(own)), starts })
    }

    /// The rows of a range of keys, given by their bytes, whose windows start between two times, both included.
    pub(crate) fn of_keys(
        &self,
        keys: (Bound<Vec<u8>>, Bound<Vec<u8>>),
        starts: (Timestamp, Timestamp),
        order: KeyOrder,
    ) -> WindowRead {
        let starts = self.visible(starts);
        // A key that another one begins with may come after it, because of what follows: the own bytes are compared too.
        let from = match &keys.0 {
            Bound::Included(key) | Bound::Excluded(key) => Bound::Included(key.clone()),
            Bound::Unbounded => Bound::Unbounded,
        };
        WindowRead { read: SpannedRead { keys: (from, Bound::Unbounded), order, times: starts }, keys, starts }
    }

    /// No row before 1970 and none that is over is seen, as in Kafka Streams.
    fn visible(&self, (from, to): (Timestamp, Timestamp)) -> (Timestamp, Timestamp) {
        (from.max(self.rows.oldest()).max(Timestamp(0)), to)
    }

    pub(crate) fn start(&self, read: &WindowRead) -> Rest {
        self.rows.start(&read.read)
    }

    /// The first `rows_max` of what is left of a read.
    ///
    /// # Errors
    /// When the store fails or holds bytes of another type.
    pub(crate) fn page(&self, read: &WindowRead, rest: Rest, rows_max: usize) -> Result<WindowPage<K, V>, RowError> {
        let (mut rows, mut failure) = (Vec::new(), None);
        let rest = self.rows.page(&read.read, rest, &mut |logged, row| {
            let Some((key, start, _)) = split_logged(logged) else { return true };
            let in_keys = std::ops::RangeBounds::<Vec<u8>>::contains(&read.keys, &key.to_vec());
            if !in_keys || start < read.starts.0 || start > read.starts.1 {
                return true;
            }
            match self.decode(key, start, row) {
                Ok(row) => rows.push(row),
                Err(error) => failure = Some(error),
            }
            failure.is_none() && rows.len() < rows_max
        })?;
        failure.map_or(Ok((rows, rest)), Err)
    }

    fn decode(&self, key: &[u8], start: Timestamp, row: &[u8]) -> Result<(Windowed<K>, V), RowError> {
        let mut key = K::decode(key).map_err(|error| unreadable::<K>(self.rows.access(), &error))?;
        key.set_window_sizes(self.rows.access().windows().as_slice());
        let value = V::read_row(row).map_err(|error| unreadable::<V>(self.rows.access(), &error))?;
        Ok((Windowed { key, window: self.window(start) }, value))
    }
}

/// The error for bytes that are not of a type.
pub(super) fn unreadable<T>(access: &StoreAccess, error: &crate::wire::DecodeError) -> RowError {
    let message = format!(
        "store {} holds something that cannot be read as {}: {error}; if the type or its format has changed, give the \
         store a new name or reset the application",
        access.name(),
        type_name::<T>()
    );
    StoreError::new(StoreErrorKind::Decode, message).into()
}

impl<K: 'static, V: 'static> StoreView for WindowsOf<K, V> {
    fn fresh_rows(&mut self) -> &mut dyn FreshRows {
        self.rows.access_mut()
    }

    fn newest(&self) -> Option<Timestamp> {
        Some(self.rows.newest())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::path::Path;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::state::{Memory, StateBackend as _, StoreIndex, TaskState};
    use crate::windows::WindowSizes;

    const RETENTION_MS: i64 = 300_000;
    const SPAN_MS: i64 = RETENTION_MS / 2;

    fn store(duplicates: bool, newest: i64) -> (WindowsOf<String, i64>, Rc<RefCell<TaskState>>) {
        let opened = Memory.open(Path::new("unused"), &["store".to_owned()]).expect("memory always opens");
        let state = Rc::new(RefCell::new(TaskState::new(opened)));
        (reopened(&state, duplicates, newest), state)
    }

    fn reopened(state: &Rc<RefCell<TaskState>>, duplicates: bool, newest: i64) -> WindowsOf<String, i64> {
        let retention = Duration::from_millis(RETENTION_MS.unsigned_abs());
        let kind = ProcessorWindows { size: Duration::from_secs(1), retention, duplicates, timestamped: false };
        let access = StoreAccess::new("store".into(), StoreIndex(1), Rc::clone(state), None);
        let newest = Rc::new(Cell::new(Timestamp(newest)));
        WindowsOf::new(access.of(Arc::new(kind), WindowSizes::NONE), newest)
    }

    type Found = Vec<(String, i64, i64)>;
    /// The span, the changelog's key, the key, the start and the value.
    type ModelRow = (i64, Vec<u8>, String, i64, i64);

    fn read(store: &WindowsOf<String, i64>, read: &WindowRead, page: usize) -> Found {
        let (mut found, mut rest) = (Vec::new(), Some(store.start(read)));
        while let Some(left) = rest {
            let (rows, next) = store.page(read, left, page).expect("its own rows");
            found.extend(rows.into_iter().map(|(key, value)| (key.key, key.window.start.0, value)));
            rest = next;
        }
        found
    }

    /// What puts of (key, start, value) leave, in Kafka Streams' order, and whether each was kept.
    fn model(puts: &[(usize, i64, Option<i64>)], duplicates: bool) -> (Vec<ModelRow>, Vec<bool>) {
        let mut rows: Vec<ModelRow> = Vec::new();
        let (mut kept, mut newest) = (Vec::new(), -1);
        for (sequence, (key, start, value)) in (1_u32..).zip(puts) {
            if duplicates && value.is_none() {
                kept.push(true);
                continue;
            }
            newest = newest.max(*start);
            let first = (newest - RETENTION_MS).div_euclid(SPAN_MS);
            kept.push(start / SPAN_MS >= first);
            if start / SPAN_MS < first {
                continue;
            }
            let key = KEYS[*key].to_owned();
            let mut logged = key.clone().into_bytes();
            write_logged(Timestamp(*start), if duplicates { sequence } else { 0 }, &mut logged);
            rows.retain(|(_, other, ..)| *other != logged);
            rows.extend(value.map(|value| (start / SPAN_MS, logged, key, *start, value)));
        }
        rows.retain(|(.., start, _)| *start > newest - RETENTION_MS);
        rows.sort();
        (rows, kept)
    }

    const KEYS: [&str; 5] = ["", "a", "a\0", "ab", "b"];

    proptest! {
        #[test]
        fn rows_are_found_in_kafka_streams_order_as_long_as_they_are_kept(
            puts in prop::collection::vec((0..5_usize, 0..1_000_000_i64, prop::option::weighted(0.8, 0..100_i64)), 0..30),
            duplicates: bool,
            page in 1..5_usize,
            keys in (0..5_usize, 0..5_usize),
            starts in (-10..1_000_000_i64, 0..1_000_000_i64),
        ) {
            let (mut store, _) = store(duplicates, -1);
            let (rows, kept) = model(&puts, duplicates);
            for ((key, start, value), kept) in puts.iter().zip(kept) {
                let put = store.put(&KEYS[*key].to_owned(), Timestamp(*start), value.as_ref(), Timestamp(7)).unwrap();
                prop_assert_eq!(put, kept, "{}", start);
            }
            let times = (Timestamp(starts.0), Timestamp(starts.1));
            let (first, last) = (KEYS[keys.0], KEYS[keys.1]);
            let bounds = (Bound::Included(first.into()), Bound::Excluded(last.into()));
            for order in [KeyOrder::Ascending, KeyOrder::Descending] {
                let expected = |in_range: &dyn Fn(&str, i64) -> bool| {
                    let rows = rows.iter().filter(|(_, _, key, start, _)| in_range(key, *start));
                    let mut found: Found = rows.map(|(_, _, key, start, value)| (key.clone(), *start, *value)).collect();
                    if order == KeyOrder::Descending {
                        found.reverse();
                    }
                    found
                };
                let in_time = |start: i64| starts.0 <= start && start <= starts.1;
                let of_key = store.of_key(&first.to_owned(), times, order).unwrap();
                prop_assert_eq!(read(&store, &of_key, page), expected(&|key, start| key == first && in_time(start)));
                let in_keys = |key: &str| first <= key && key < last;
                let of_keys = store.of_keys(bounds.clone(), times, order);
                prop_assert_eq!(read(&store, &of_keys, page), expected(&|key, start| in_keys(key) && in_time(start)));
                let all = store.of_keys((Bound::Unbounded, Bound::Unbounded), (Timestamp(0), Timestamp(i64::MAX)), order);
                prop_assert_eq!(read(&store, &all, page), expected(&|_, _| true));
            }
        }
    }

    #[test]
    fn duplicates_that_were_there_before_a_restart_stay_and_come_first() {
        let (mut before, state) = store(true, -1);
        let key = "k".to_owned();
        // Other rows use up numbers, so that those of the key are larger than the first one after the restart.
        for (other, value) in [("other", 0), ("k", 1), ("k\0", 0), ("k", 2)] {
            before.put(&other.to_owned(), Timestamp(5), Some(&value), Timestamp(5)).unwrap();
        }
        let mut after = reopened(&state, true, 5);
        after.put(&key, Timestamp(5), Some(&3), Timestamp(5)).unwrap();
        let of_key = after.of_key(&key, (Timestamp(5), Timestamp(5)), KeyOrder::Ascending).unwrap();
        assert_eq!(read(&after, &of_key, 9), [1, 2, 3].map(|value| (key.clone(), 5, value)));
        assert_eq!(after.get(&key, Timestamp(5)).unwrap(), Some(3));
    }
}
