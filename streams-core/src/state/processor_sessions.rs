//! The typed session store of the Processor API.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Bound;
use std::rc::Rc;
use std::time::Duration;

use super::definition::StoreName;
use super::kinds::{Sessions, split_session, write_session};
use super::processor_windows::unreadable;
use super::rows::RowError;
use super::spanned_rows::{Rest, SpannedRead, SpannedRows};
use super::{FreshRows, KeyOrder, StoreAccess, StoreView};
use crate::record::{Headers, Timestamp};
use crate::topic::NameError;
use crate::windows::Window;
use crate::wire::Value;

/// Names a session store of processors and its types: rows by key and a session, which is a period from the time of its
/// first record to the time of its last one.
///
/// A row is kept for the retention in stream time, counted from the end of its session and measured by the newest one
/// that was ever put. A row that comes later is refused and counted as dropped.
///
/// ```
/// use millstream::prelude::*;
/// use millstream::dsl::processor::ProcessorSessionStore;
/// use millstream::testing::TestDriver;
/// use millstream::windows::Window;
/// use std::time::Duration;
///
/// const CLICKS: Topic<String, i64> = Topic::new("clicks");
/// const VISITS: Topic<String, i64> = Topic::new("visits");
/// const OPEN: ProcessorSessionStore<String, i64> =
///     ProcessorSessionStore::new("open-visits", Duration::from_secs(3_600));
///
/// let builder = StreamsBuilder::new();
/// builder
///     .stream(CLICKS)
///     .process(OPEN, |mut open, user, clicks, out| {
///         let now = out.timestamp();
///         let (mut visit, mut total) = (Window { start: now, end: now }, clicks);
///         for (session, clicks) in open.find(user, Timestamp(now.0 - 60_000), Timestamp(now.0 + 60_000)) {
///             open.remove(user, session);
///             visit = Window { start: visit.start.min(session.start), end: visit.end.max(session.end) };
///             total += clicks;
///         }
///         open.put(user, visit, total);
///         out.send(user.clone(), total);
///     })
///     .to(VISITS);
///
/// let mut driver = TestDriver::new(builder.build()?);
/// for second in [100, 130, 300] {
///     driver.pipe_at(&CLICKS, "ada", 1, Timestamp(second * 1_000));
/// }
/// assert_eq!(driver.read(&VISITS), [1, 2, 1].map(|total| ("ada".to_owned(), total)));
/// # Ok::<(), TopologyError>(())
/// ```
pub struct ProcessorSessionStore<K, V> {
    name: StoreName,
    kind: Sessions,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K, V> ProcessorSessionStore<K, V> {
    /// Names a store whose rows are kept for `retention`. Meant for constants, where a bad name is a compile error.
    ///
    /// # Panics
    /// When the name breaks one of the rules in [`NameError`]. In a constant this is a compile error.
    #[must_use]
    pub const fn new(name: &'static str, retention: Duration) -> Self {
        Self { name: StoreName::constant(name), kind: Sessions { retention }, types: PhantomData }
    }

    /// Names a store at run time.
    ///
    /// # Errors
    /// When the name breaks one of the rules in [`NameError`].
    pub fn named(name: impl Into<String>, retention: Duration) -> Result<Self, NameError> {
        Ok(Self { name: StoreName::checked(name.into())?, kind: Sessions { retention }, types: PhantomData })
    }

    /// The store's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name.0
    }

    pub(crate) const fn kind(&self) -> Sessions {
        self.kind
    }
}

impl<K, V> Clone for ProcessorSessionStore<K, V> {
    fn clone(&self) -> Self {
        Self { name: self.name.clone(), kind: self.kind, types: PhantomData }
    }
}

impl<K, V> fmt::Debug for ProcessorSessionStore<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProcessorSessionStore({:?})", self.name.0)
    }
}

/// A processors' session store in a task.
pub struct SessionsOf<K, V> {
    rows: SpannedRows,
    key: Vec<u8>,
    row: Vec<u8>,
    types: PhantomData<fn(K) -> V>,
}

/// Which rows of a session store are read.
pub(crate) struct SessionRead {
    read: SpannedRead,
    /// The keys' own bytes.
    keys: (Bound<Vec<u8>>, Bound<Vec<u8>>),
    earliest_end: Timestamp,
    latest_start: Timestamp,
}

/// A session of a key with its row.
pub(crate) type SessionRow<K, V> = (K, Window, V);

impl<K: Value, V: Value> SessionsOf<K, V> {
    /// A typed view of `access`; `newest` is kept for the store.
    pub(crate) fn new(access: StoreAccess, newest: Rc<Cell<Timestamp>>) -> Self {
        Self { rows: SpannedRows::new(access, newest), key: Vec::new(), row: Vec::new(), types: PhantomData }
    }

    fn take_key(&mut self, key: &K, session: Window) -> Result<(), RowError> {
        self.key.clear();
        key.encode(&mut self.key)?;
        write_session(session, &mut self.key);
        Ok(())
    }

    /// Sets or deletes a row; `now` is the time of the record being processed. Returns whether the row's time is not
    /// over. What is refused is logged nevertheless, as in Kafka Streams.
    ///
    /// # Errors
    /// When the changelog fails, or the key or value cannot be encoded.
    pub(crate) fn put(
        &mut self,
        key: &K,
        session: Window,
        value: Option<&V>,
        now: Timestamp,
    ) -> Result<bool, RowError> {
        self.take_key(key, session)?;
        self.row.clear();
        if let Some(value) = value {
            value.encode(&mut self.row)?;
        }
        let row = value.map(|_| self.row.as_slice());
        let kept = self.rows.put(session.end, &self.key, row);
        self.rows.access().log(&self.key, row, now, &Headers::new())?;
        Ok(kept)
    }

    /// The row of exactly this session.
    ///
    /// # Errors
    /// When the store fails or holds bytes of another type, or the key cannot be encoded.
    pub(crate) fn get(&mut self, key: &K, session: Window) -> Result<Option<V>, RowError> {
        self.take_key(key, session)?;
        let row = self.rows.get(session.end, &self.key)?;
        row.map(|row| V::decode(&row)).transpose().map_err(|error| unreadable::<V>(self.rows.access(), &error))
    }

    /// The sessions of a key that end no earlier and start no later.
    ///
    /// # Errors
    /// When the key cannot be encoded.
    pub(crate) fn of_key(
        &self,
        key: &K,
        (earliest_end, latest_start): (Timestamp, Timestamp),
        order: KeyOrder,
    ) -> Result<SessionRead, RowError> {
        let mut own = Vec::new();
        key.encode(&mut own)?;
        let keys = (Bound::Included(own.clone()), Bound::Included(own.clone()));
        let mut read = self.of_keys(keys, (earliest_end, latest_start), order);
        let logged = |start, end| {
            let mut logged = own.clone();
            write_session(Window { start, end }, &mut logged);
            Bound::Included(logged)
        };
        let first = logged(Timestamp(0), read.earliest_end);
        read.read.keys = (first, logged(latest_start, Timestamp(i64::MAX)));
        Ok(read)
    }

    /// The sessions of a range of keys, given by their bytes, that end no earlier and start no later.
    pub(crate) fn of_keys(
        &self,
        keys: (Bound<Vec<u8>>, Bound<Vec<u8>>),
        (earliest_end, latest_start): (Timestamp, Timestamp),
        order: KeyOrder,
    ) -> SessionRead {
        let earliest_end = earliest_end.max(self.rows.oldest()).max(Timestamp(0));
        let from = match &keys.0 {
            Bound::Included(key) | Bound::Excluded(key) => Bound::Included(key.clone()),
            Bound::Unbounded => Bound::Unbounded,
        };
        let times = (earliest_end, Timestamp(i64::MAX));
        let read = SpannedRead { keys: (from, Bound::Unbounded), order, times };
        SessionRead { read, keys, earliest_end, latest_start }
    }

    /// All rows of a read.
    ///
    /// # Errors
    /// When the store fails or holds bytes of another type.
    pub(crate) fn rows(&self, read: &SessionRead) -> Result<Vec<SessionRow<K, V>>, RowError> {
        let (mut rows, mut failure) = (Vec::new(), None);
        let all: Rest = self.rows.start(&read.read);
        self.rows.page(&read.read, all, &mut |logged, row| {
            let Some((key, session)) = split_session(logged) else { return true };
            let in_keys = std::ops::RangeBounds::<Vec<u8>>::contains(&read.keys, &key.to_vec());
            if !in_keys || session.end < read.earliest_end || session.start > read.latest_start {
                return true;
            }
            match self.decode(key, session, row) {
                Ok(row) => rows.push(row),
                Err(error) => failure = Some(error),
            }
            failure.is_none()
        })?;
        failure.map_or(Ok(rows), Err)
    }

    fn decode(&self, key: &[u8], session: Window, row: &[u8]) -> Result<SessionRow<K, V>, RowError> {
        let mut key = K::decode(key).map_err(|error| unreadable::<K>(self.rows.access(), &error))?;
        key.set_window_sizes(self.rows.access().windows().as_slice());
        let value = V::decode(row).map_err(|error| unreadable::<V>(self.rows.access(), &error))?;
        Ok((key, session, value))
    }
}

impl<K: 'static, V: 'static> StoreView for SessionsOf<K, V> {
    fn fresh_rows(&mut self) -> &mut dyn FreshRows {
        self.rows.access_mut()
    }

    fn newest(&self) -> Option<Timestamp> {
        Some(self.rows.newest())
    }
}
