//! The stores of windowed tables in processors, which can read them.
//!
//! The rows of tumbling and hopping windows, of sliding windows and of sessions lie in different orders, and each sort of
//! operator has a view of its own. Here they are read through what all of these views have in common, the bytes of their
//! freshest rows, which the store's kind explains.

use std::any::TypeId;
use std::cell::{OnceCell, RefCell};
use std::marker::PhantomData;
use std::ops::{Bound, RangeBounds, RangeInclusive};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::tables::{ReadOnly, unreadable};
use super::windows::encoded;
use super::{ProcessorStore, StoreOrigin, StoreSpec, StoreUse};
use crate::operators::{BuildError, NodeBuilder, OpenViews, StoreId};
use crate::record::Timestamp;
use crate::state::key_range::behind;
use crate::state::kinds::{Sessions, StoredRow, Windows};
use crate::state::rows::RowError;
use crate::state::spans::{SPAN, Spans};
use crate::state::{
    FreshRows, KeyRange, SessionStore, StoreAccess, StoreError, StoreErrorKind, StoreKind, StoreView, Timestamped,
    WindowStore, window_key,
};
use crate::windows::{Window, WindowSize, WindowSizes, Windowed};
use crate::wire::{Key, Shapes, Value};

/// The store of a windowed table in a task.
pub struct WindowedRows {
    store: StoreId,
    access: StoreAccess,
    views: OpenViews,
    view: OnceCell<Rc<RefCell<dyn StoreView>>>,
}

const ALWAYS: (Timestamp, Timestamp) = (Timestamp(i64::MIN), Timestamp(i64::MAX));

type Keys = (Bound<Vec<u8>>, Bound<Vec<u8>>);

impl WindowedRows {
    fn open(builder: &mut NodeBuilder<'_>, store: StoreId) -> Result<RefCell<Self>, BuildError> {
        let (access, views) = (builder.access(store)?, builder.open_views());
        Ok(RefCell::new(Self { store, access, views, view: OnceCell::new() }))
    }

    /// The table's own view, which is there when all nodes are built.
    fn view(&self) -> Result<Rc<RefCell<dyn StoreView>>, RowError> {
        if self.view.get().is_none() {
            let view = self.views.find(self.store).ok_or_else(|| {
                let message = format!("store {} is not there", self.access.name());
                StoreError::new(StoreErrorKind::Closed, message)
            })?;
            _ = self.view.set(view);
        }
        self.view.get().map(Rc::clone).ok_or_else(|| self.unexpected("view"))
    }

    fn unexpected(&self, what: &str) -> RowError {
        let message = format!("store {} holds an unexpected {what}", self.access.name());
        StoreError::new(StoreErrorKind::Decode, message).into()
    }

    /// Reads the rows near there that `is_wanted` wants and that are not over, ordered by spans of time and then by their
    /// keys.
    fn read<T>(
        &self,
        near: &Near<'_>,
        is_wanted: impl Fn(&[u8], Window) -> bool,
        decode: impl Fn(StoredRow<'_>, Window) -> Result<T, RowError>,
    ) -> Result<Vec<T>, RowError> {
        let view = self.view()?;
        let newest = view.borrow().newest();
        let kind = self.access.kind();
        let spans = Spans::of(kind.retention().unwrap_or(Duration::MAX));
        let (mut rows, mut failure) = (Vec::new(), None);
        let mut each = |key: &[u8], row: &[u8]| {
            if !kind.is_shown(key, row) {
                return true;
            }
            let Some((row, window)) = kind.read(key, row).and_then(|row| Some((row, row.window?))) else {
                failure = Some(self.unexpected("row"));
                return false;
            };
            if is_wanted(row.key, window) && newest.is_none_or(|newest| !kind.is_over(&row, newest)) {
                let key = row.key.to_vec();
                match decode(row, window) {
                    Ok(row) => rows.push(((key, window), row)),
                    Err(error) => failure = Some(error),
                }
            }
            failure.is_none()
        };
        let mut view = view.borrow_mut();
        if kind.is_in_order_of_time() {
            near.in_order_of_time(view.fresh_rows(), &mut each)?;
        } else {
            near.in_spans(view.fresh_rows(), spans, &mut each)?;
        }
        if let Some(error) = failure {
            return Err(error);
        }
        // Rows of sessions and sliding windows lie in this order already.
        if kind.is_in_order_of_time() {
            rows.sort_by(|((one, first), _), ((other, second), _)| {
                let place = |window: &Window| spans.number(window.start);
                (place(first), one, first.start).cmp(&(place(second), other, second.start))
            });
        }
        Ok(rows.into_iter().map(|(_, row)| row).collect())
    }

    fn key<K: Value>(&self, row: &StoredRow<'_>) -> Result<K, RowError> {
        K::decode(row.key).map_err(|error| unreadable(self.access.name(), &error))
    }

    fn value<V: Value>(&self, row: &StoredRow<'_>) -> Result<V, RowError> {
        V::decode(row.value).map_err(|error| unreadable(self.access.name(), &error))
    }

    fn timestamped<V: Value>(&self, row: &StoredRow<'_>) -> Result<Timestamped<V>, RowError> {
        let timestamp = row.timestamp.ok_or_else(|| self.unexpected("row"))?;
        Ok(Timestamped { value: self.value(row)?, timestamp })
    }
}

/// Where rows are looked for.
struct Near<'a> {
    /// The key's own bytes, if it is one.
    key: Option<&'a [u8]>,
    /// The first and the last time by which rows lie: the starts of windows, the ends of sessions.
    times: (Timestamp, Timestamp),
}

type Each<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> bool;

impl Near<'_> {
    /// Visits rows that lie by time and then by their keys.
    fn in_order_of_time(&self, rows: &mut dyn FreshRows, each: Each<'_>) -> Result<(), RowError> {
        let (from, to) = self.times;
        if from > to {
            return Ok(());
        }
        let (mut first, mut last) = (Vec::new(), Vec::new());
        window_key::write_start(from, &mut first);
        window_key::write_start(to, &mut last);
        if let Some(key) = self.key.filter(|_| from == to) {
            first.extend_from_slice(key);
            return rows.scan(KeyRange::between(Bound::Included(&first), Bound::Included(&first)), each);
        }
        rows.scan(KeyRange::between(Bound::Included(&first), bytes(&behind(&last))), each)
    }

    /// Visits rows that lie by spans of time, then by their keys. Spans without rows cost nothing.
    fn in_spans(&self, rows: &mut dyn FreshRows, spans: Spans, each: Each<'_>) -> Result<(), RowError> {
        let (from, to) = self.times;
        if from > to {
            return Ok(());
        }
        let (mut from, to) = (Bound::Included(spans.rows(from).to_vec()), behind(&spans.rows(to)));
        loop {
            let mut span = None;
            rows.scan(KeyRange::between(bytes(&from), bytes(&to)), &mut |key, _| {
                span = key.first_chunk::<SPAN>().copied();
                false
            })?;
            let Some(span) = span else { return Ok(()) };
            let first = [&span[..], self.key.unwrap_or_default()].concat();
            let mut goes_on = true;
            rows.scan(KeyRange::between(Bound::Included(&first), bytes(&behind(&first))), &mut |key, row| {
                goes_on = each(key, row);
                goes_on
            })?;
            match behind(&span) {
                Bound::Excluded(next) if goes_on => from = Bound::Included(next),
                _ => return Ok(()),
            }
        }
    }
}

fn bytes(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    bound.as_ref().map(Vec::as_slice)
}

fn encoded_key<K: Value>(key: &K) -> Result<Vec<u8>, RowError> {
    let mut bytes = Vec::new();
    key.encode(&mut bytes)?;
    Ok(bytes)
}

fn keys<K: Value>(keys: &impl RangeBounds<K>) -> Result<Keys, RowError> {
    Ok((encoded(keys.start_bound())?, encoded(keys.end_bound())?))
}

fn has(keys: &Keys, key: &[u8]) -> bool {
    let is_behind = match &keys.0 {
        Bound::Included(from) => from.as_slice() <= key,
        Bound::Excluded(from) => from.as_slice() < key,
        Bound::Unbounded => true,
    };
    is_behind
        && match &keys.1 {
            Bound::Included(to) => key <= to.as_slice(),
            Bound::Excluded(to) => key < to.as_slice(),
            Bound::Unbounded => true,
        }
}

/// The store of a windowed table, borrowed while a record is processed; see [`WindowStore::read_only`]. Its rows are as
/// fresh as those that joins find: they include changes that still wait in the table's cache. Failures are as those of a
/// [`StoreRef`](super::StoreRef).
///
/// Times are the starts of windows, and both ends of a range of times are included. Rows of several keys come as in Kafka
/// Streams: by spans of half the retention (at least a minute), in each by the keys' encoded bytes, then by their windows'
/// starts. A read looks at the rows of the period; for a single key in sliding windows, at that key's alone.
pub struct WindowTableRef<'a, K, V> {
    rows: &'a RefCell<WindowedRows>,
    use_: &'a StoreUse,
    types: PhantomData<fn(K) -> V>,
}

impl<K: Key, V: Value> WindowTableRef<'_, K, V> {
    /// The value of a key and the window that starts at `start`.
    #[must_use]
    pub fn get(&self, key: &K, start: Timestamp) -> Option<V> {
        self.fetch(key, start..=start).pop().map(|(_, row)| row.value)
    }

    /// The rows of a key whose windows start in a period, by their starts, each with the time of the record that it comes
    /// from.
    #[must_use]
    pub fn fetch(&self, key: &K, starts: RangeInclusive<Timestamp>) -> Vec<(Timestamp, Timestamped<V>)> {
        let found = self.use_.attempt(self.rows, |rows| {
            let key = encoded_key(key)?;
            let near = Near { key: Some(&key), times: (*starts.start(), *starts.end()) };
            let is_wanted = |found: &[u8], window: Window| found == key && starts.contains(&window.start);
            rows.read(&near, is_wanted, |row, window| Ok((window.start, rows.timestamped(&row)?)))
        });
        found.unwrap_or_default()
    }

    /// The rows of a range of keys whose windows start in a period.
    #[must_use]
    pub fn fetch_keys(
        &self,
        range: impl RangeBounds<K>,
        starts: RangeInclusive<Timestamp>,
    ) -> Vec<(Windowed<K>, Timestamped<V>)> {
        let found = self.use_.attempt(self.rows, |rows| {
            let range = keys(&range)?;
            let is_wanted = |key: &[u8], window: Window| has(&range, key) && starts.contains(&window.start);
            let decode =
                |row: StoredRow<'_>, window| Ok((Windowed { key: rows.key(&row)?, window }, rows.timestamped(&row)?));
            let near = Near { key: None, times: (*starts.start(), *starts.end()) };
            rows.read(&near, is_wanted, decode)
        });
        found.unwrap_or_default()
    }

    /// All rows.
    #[must_use]
    pub fn all(&self) -> Vec<(Windowed<K>, Timestamped<V>)> {
        self.fetch_keys(.., ALWAYS.0..=ALWAYS.1)
    }
}

impl<K: Value, V> WindowStore<K, V> {
    /// The store of a windowed table of this name, for a processor that reads its rows; see
    /// [`KeyValueStore::read_only`](crate::state::KeyValueStore::read_only).
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    /// use std::time::Duration;
    ///
    /// const LOGINS: Topic<String, String> = Topic::new("logins");
    /// const ORDERS: Topic<String, i64> = Topic::new("orders");
    /// const SUSPICIOUS: Topic<String, i64> = Topic::new("suspicious-orders");
    /// const PER_HOUR: WindowStore<String, i64> = WindowStore::new("logins-per-hour");
    ///
    /// let hours = Tumbling::of(Duration::from_secs(60 * 60)).no_grace();
    /// let builder = StreamsBuilder::new();
    /// let per_hour = builder.stream(LOGINS).group_by_key().windowed_by(hours).count().stored_as(PER_HOUR);
    /// per_hour.retention(Duration::from_secs(3 * 60 * 60));
    /// builder
    ///     .stream(ORDERS)
    ///     .process_values(PER_HOUR.read_only(), |logins, customer, cents, out| {
    ///         let (now, before) = (out.timestamp(), Timestamp(out.timestamp().0 - 2 * 60 * 60 * 1_000));
    ///         if logins.fetch(customer, before..=now).iter().map(|(_, count)| count.value).sum::<i64>() > 2 {
    ///             out.send(cents);
    ///         }
    ///     })
    ///     .to(SUSPICIOUS);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// for minute in [0, 59, 61] {
    ///     driver.pipe_at(&LOGINS, "ada", "web", Timestamp(minute * 60_000));
    /// }
    /// for (customer, minute) in [("bob", 90), ("ada", 100), ("ada", 190)] {
    ///     driver.pipe_at(&ORDERS, customer, 500, Timestamp(minute * 60_000));
    /// }
    /// assert_eq!(driver.read(&SUSPICIOUS), [("ada".to_owned(), 500)]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[must_use]
    pub const fn read_only(self) -> ReadOnly<Self> {
        ReadOnly(self)
    }
}

impl<K: Key, V: Value> ProcessorStore for ReadOnly<WindowStore<K, V>> {
    type Ref<'a> = WindowTableRef<'a, K, V>;
    type Open = RefCell<WindowedRows>;

    fn spec(&self) -> StoreSpec {
        const { assert!(K::WINDOWS == 0, "a processor cannot read a table of windows within windows") };
        let kind = Windows { size: WindowSize::Millis(1), retention: Duration::MAX };
        spec::<Self, K, V>(self.0.name(), Arc::new(kind))
    }

    fn open(builder: &mut NodeBuilder<'_>, store: StoreId) -> Result<Self::Open, BuildError> {
        WindowedRows::open(builder, store)
    }

    fn lend<'a>(open: &'a Self::Open, use_: &'a StoreUse) -> WindowTableRef<'a, K, V> {
        WindowTableRef { rows: open, use_, types: PhantomData }
    }
}

/// The store of a table of sessions, borrowed while a record is processed; see [`SessionStore::read_only`]. Otherwise as a
/// [`WindowTableRef`]. A read for a single key looks at its sessions alone.
pub struct SessionTableRef<'a, K, V> {
    rows: &'a RefCell<WindowedRows>,
    use_: &'a StoreUse,
    types: PhantomData<fn(K) -> V>,
}

impl<K: Key, V: Value> SessionTableRef<'_, K, V> {
    /// All sessions of a key, by their ends.
    #[must_use]
    pub fn fetch(&self, key: &K) -> Vec<(Window, V)> {
        self.find(key, ALWAYS.0, ALWAYS.1)
    }

    /// The sessions of a key that end at `earliest_end` or later and start at `latest_start` or earlier, by their ends.
    #[must_use]
    pub fn find(&self, key: &K, earliest_end: Timestamp, latest_start: Timestamp) -> Vec<(Window, V)> {
        let found = self.use_.attempt(self.rows, |rows| {
            let key = encoded_key(key)?;
            let near = Near { key: Some(&key), times: (earliest_end, ALWAYS.1) };
            let is_wanted = |found: &[u8], session: Window| {
                found == key && session.end >= earliest_end && session.start <= latest_start
            };
            rows.read(&near, is_wanted, |row, session| Ok((session, rows.value(&row)?)))
        });
        found.unwrap_or_default()
    }

    /// All sessions of a range of keys.
    #[must_use]
    pub fn fetch_keys(&self, range: impl RangeBounds<K>) -> Vec<(K, Window, V)> {
        let found = self.use_.attempt(self.rows, |rows| {
            let range = keys(&range)?;
            let decode = |row: StoredRow<'_>, session| Ok((rows.key(&row)?, session, rows.value(&row)?));
            rows.read(&Near { key: None, times: ALWAYS }, |key, _| has(&range, key), decode)
        });
        found.unwrap_or_default()
    }
}

impl<K: Value, V> SessionStore<K, V> {
    /// The store of a table of sessions of this name, for a processor that reads its rows; see
    /// [`KeyValueStore::read_only`](crate::state::KeyValueStore::read_only).
    #[must_use]
    pub const fn read_only(self) -> ReadOnly<Self> {
        ReadOnly(self)
    }
}

impl<K: Key, V: Value> ProcessorStore for ReadOnly<SessionStore<K, V>> {
    type Ref<'a> = SessionTableRef<'a, K, V>;
    type Open = RefCell<WindowedRows>;

    fn spec(&self) -> StoreSpec {
        const { assert!(K::WINDOWS == 0, "a processor cannot read a table of sessions of windowed keys") };
        spec::<Self, K, V>(self.0.name(), Arc::new(Sessions { retention: Duration::MAX }))
    }

    fn open(builder: &mut NodeBuilder<'_>, store: StoreId) -> Result<Self::Open, BuildError> {
        WindowedRows::open(builder, store)
    }

    fn lend<'a>(open: &'a Self::Open, use_: &'a StoreUse) -> SessionTableRef<'a, K, V> {
        SessionTableRef { rows: open, use_, types: PhantomData }
    }
}

fn spec<S: 'static, K: Value, V: Value>(name: &str, kind: Arc<dyn StoreKind>) -> StoreSpec {
    StoreSpec {
        name: name.to_owned(),
        types: TypeId::of::<S>(),
        type_names: format!("windows of {} and {}", std::any::type_name::<K>(), std::any::type_name::<V>()),
        shapes: Shapes::of::<K, V>(),
        windows_in_keys: 0,
        windows: WindowSizes::NONE,
        origin: StoreOrigin::Table(kind),
    }
}
