//! A windowed table's typed rows, one per key and window.
//!
//! In the store a row's key begins with its window's start, so that expired windows are deleted as one range. This
//! happens as the newest window advances, several windows at a time. Nothing is written to the changelog, whose own
//! retention removes them.

use std::marker::PhantomData;
use std::ops::Bound;
use std::time::Duration;

use super::key_range::{KeyRange, behind};
use super::row_key::KeyBuffer;
use super::rows::{Cause, Changed, Row, RowError, RowLayout, Rows};
use super::spans::Spans;
use super::{CacheBudget, FreshRows, StoreAccess, StoreError, StoreView, window_key};
use crate::record::Timestamp;
use crate::windows::{Window, WindowSize, Windowed};
use crate::wire::encoded_key::AsKey;
use crate::wire::{DecodeError, EncodeError, Key, Value};

/// A windowed table's rows.
pub(crate) struct WindowRows<K: Key, V> {
    rows: Rows<ByWindow<K>, V>,
    /// The latest window start written so far.
    newest: i64,
    /// The latest window start at which expired windows are to be deleted again.
    expire_at: i64,
    /// How far the newest window advances between two deletions.
    expiry_step: i64,
    retention_ms: i64,
    spans: Spans,
    /// Whether rows are forwarded when their windows close. They expire only after that.
    is_read_on_close: bool,
}

/// What is left to be read of a range of windows.
pub(crate) struct Rest {
    from: Bound<Vec<u8>>,
    to: Bound<Vec<u8>>,
}

impl Rest {
    /// The windows that start between two moments, both included.
    pub(crate) fn between(first: Timestamp, last: Timestamp) -> Self {
        Self { from: Bound::Included(window_key::start(first).to_vec()), to: behind(&window_key::start(last)) }
    }
}

/// Rows with their keys.
pub(crate) type Page<K, V> = Vec<(Windowed<K>, Row<V>)>;

/// A key that is encoded once and then looked up in several windows.
#[derive(Debug)]
pub(crate) struct KeyInWindows(KeyBuffer);

impl KeyInWindows {
    /// Takes another key.
    ///
    /// # Errors
    /// When the key cannot be encoded in its format.
    #[inline]
    pub(crate) fn set<K>(&mut self, key: &impl AsKey<K>) -> Result<(), EncodeError> {
        self.0.encode_behind(window_key::start(Timestamp(0)), key)
    }

    #[inline]
    fn at(&mut self, start: Timestamp) -> &KeyBuffer {
        self.0.set_prefix(window_key::start(start));
        &self.0
    }
}

/// Windows are deleted in at most about this many steps per retention period, because a store has to remember each
/// deleted range for a while.
const STEPS_PER_RETENTION: i64 = 16;

impl<K: Key, V: Value> WindowRows<K, V> {
    /// Rows in `access`, each kept as long as its kind says, with a cache on that budget unless it is off.
    #[must_use]
    pub(crate) fn new(access: StoreAccess, budget: CacheBudget) -> Self {
        let retention = access.kind().retention().unwrap_or(Duration::MAX);
        let retention_ms = i64::try_from(retention.as_millis()).unwrap_or(i64::MAX);
        let expiry_step = (retention_ms / STEPS_PER_RETENTION).max(1);
        let (rows, spans) = (Rows::new(access, budget), Spans::of(retention));
        let (newest, expire_at, is_read_on_close) = (i64::MIN, i64::MIN, false);
        Self { rows, newest, expire_at, expiry_step, retention_ms, spans, is_read_on_close }
    }

    pub(crate) const fn rows(&self) -> &Rows<ByWindow<K>, V> {
        &self.rows
    }

    pub(crate) const fn rows_mut(&mut self) -> &mut Rows<ByWindow<K>, V> {
        &mut self.rows
    }

    #[must_use]
    pub(crate) fn key_in_windows(&self) -> KeyInWindows {
        KeyInWindows(self.rows.key_buffer())
    }

    /// A key's row, including changes that are not flushed yet, unless its window is over. Only the window's start matters,
    /// because a key read from a topic does not know its window's end.
    ///
    /// # Errors
    /// When the store fails or holds bytes of another type.
    pub(crate) fn get(&mut self, key: &mut KeyInWindows, window: Window) -> Result<Option<Row<V>>, RowError> {
        if self.is_over(window) {
            return Ok(None);
        }
        self.rows.peek(key.at(window.start))
    }

    /// As [`WindowRows::get`], as of the last flush.
    ///
    /// # Errors
    /// As [`WindowRows::get`].
    pub(crate) fn get_forwarded(&mut self, key: &mut KeyInWindows, window: Window) -> Result<Option<Row<V>>, RowError> {
        if self.is_over(window) {
            return Ok(None);
        }
        let key = key.at(window.start);
        // What is forwarded on close is never held back by a cache.
        if !self.is_read_on_close && self.rows.is_dirty(key) { self.rows.flushed(key) } else { self.rows.peek(key) }
    }

    /// As [`Rows::update`], for the key's row in one window.
    ///
    /// # Errors
    /// As [`Rows::update`].
    #[inline]
    pub(crate) fn update(
        &mut self,
        key: &mut KeyInWindows,
        window: Window,
        cause: Cause<'_>,
        update: impl FnOnce(Option<Row<V>>) -> (Option<V>, Timestamp),
    ) -> Result<Option<Changed<V>>, RowError> {
        if window.start.0 > self.newest {
            self.newest = window.start.0;
            if !self.is_read_on_close {
                self.expire();
            }
        }
        let is_over = self.is_over(window);
        self.rows.update(key.at(window.start), cause, |row| update(row.filter(|_| !is_over)))
    }

    /// The last start of a window whose row is not found any more.
    const fn over_until(&self) -> i64 {
        self.newest.saturating_sub(self.retention_ms)
    }

    /// Whether a row of this window is not found any more, whether it is deleted already or not.
    const fn is_over(&self, window: Window) -> bool {
        window.start.0 <= self.over_until()
    }

    /// Whether a row of this window is not kept even for a moment, because all windows of its [span](Spans) are over. That
    /// happens where several nodes share a store, each with its own stream time.
    #[must_use]
    #[inline]
    pub(crate) const fn refuses(&self, window: Window) -> bool {
        let over = self.over_until();
        window.start.0 <= over && self.spans.number(window.start) < self.spans.number(Timestamp(over))
    }

    /// Rows are forwarded when their windows close, and expire only when [`WindowRows::expire`] is called.
    pub(crate) const fn read_on_close(&mut self) {
        self.is_read_on_close = true;
    }

    /// The first rows of what is left of a range, in the order of the windows' starts and the keys' bytes. If there are
    /// `rows_max` of them, more may be left then.
    ///
    /// # Errors
    /// When the store fails or holds something else.
    pub(crate) fn take_page(&mut self, rest: &mut Rest, rows_max: usize) -> Result<Page<K, V>, RowError> {
        let sizes = *self.rows.windows();
        let (mut page, mut unreadable) = (Vec::new(), None);
        let (from, to) = (rest.from.as_ref().map(Vec::as_slice), rest.to.as_ref().map(Vec::as_slice));
        let mut last = None;
        self.rows.scan_rows(KeyRange::between(from, to), &mut |key, row| {
            match ByWindow::<K>::typed_key(key, sizes.as_slice()) {
                Ok(typed) => page.push((typed, row)),
                Err(reason) => unreadable = Some(reason.to_string()),
            }
            let goes_on = page.len() < rows_max && unreadable.is_none();
            if !goes_on {
                last = Some(key.to_vec());
            }
            goes_on
        })?;
        if let Some(reason) = unreadable {
            return Err(StoreError::unreadable(self.rows.name(), "key", &reason).into());
        }
        if let Some(last) = last {
            rest.from = Bound::Excluded(last);
        }
        Ok(page)
    }

    /// Deletes what is over, now and then.
    pub(crate) fn expire(&mut self) {
        if self.newest < self.expire_at {
            return;
        }
        self.expire_at = self.newest.saturating_add(self.expiry_step);
        if let Some(floor) = self.rows.kind().over_below(Timestamp(self.newest)) {
            self.rows.delete_below(floor);
        }
    }
}

impl<K: Key, V: Value> StoreView for WindowRows<K, V> {
    fn fresh_rows(&mut self) -> &mut dyn FreshRows {
        &mut self.rows
    }

    fn newest(&self) -> Option<Timestamp> {
        Some(Timestamp(self.newest))
    }
}

/// The layout of [`WindowRows`].
pub(crate) struct ByWindow<K>(PhantomData<fn() -> K>);

impl<K: Key> RowLayout for ByWindow<K> {
    type Key = Windowed<K>;

    fn typed_key(key: &[u8], windows: &[WindowSize]) -> Result<Windowed<K>, DecodeError> {
        let Some((start, key)) = window_key::split(key) else {
            return Err(DecodeError::new::<Windowed<K>>("its window's start is missing"));
        };
        let mut key = Windowed { key: K::decode(key)?, window: Window { start, end: Timestamp(i64::MAX) } };
        key.set_window_sizes(windows);
        Ok(key)
    }

    const PREFIX: usize = window_key::START;

    fn changelog_key(store_key: &[u8], out: &mut Vec<u8>) {
        window_key::write_changelog(store_key, out);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;
    use crate::record::Headers;
    use crate::state::{Changelog, KeyRange, Memory, StateBackend, StoreError, StoreIndex, TaskState};

    /// Records the keys written to the changelog.
    #[derive(Default)]
    struct Keys(Vec<Vec<u8>>);

    impl Changelog for Keys {
        fn append(&mut self, key: &[u8], _: Option<&[u8]>, _: Timestamp, _: &Headers) -> Result<(), StoreError> {
            self.0.push(key.to_vec());
            Ok(())
        }
    }

    #[test]
    fn rows_lie_in_the_store_by_time_then_key_and_in_the_changelog_as_javas_do() {
        let store = Memory.open(std::path::Path::new("unused"), &["store".to_owned()]).unwrap();
        let state = Rc::new(RefCell::new(TaskState::new(store)));
        let changelog = Rc::new(RefCell::new(Keys::default()));
        let access = StoreAccess::new("store".into(), StoreIndex(1), Rc::clone(&state), Some(changelog.clone() as _));
        let mut rows = WindowRows::<String, i64>::new(access, CacheBudget::off());
        for (key, start) in [("b", 10), ("a", 20), ("a", 0), ("b", 0)] {
            let window = Window { start: Timestamp(start), end: Timestamp(start + 10) };
            let cause = Cause { timestamp: window.start, headers: &Headers::new() };
            let mut in_windows = rows.key_in_windows();
            in_windows.set(&key.to_owned()).unwrap();
            rows.update(&mut in_windows, window, cause, |_| (Some(1), window.start)).unwrap();
        }

        let mut stored = Vec::new();
        let mut see = |key: &[u8], _: &[u8]| {
            let (start, key) = window_key::split(key).unwrap();
            stored.push((start.0, String::from_utf8(key.to_vec()).unwrap()));
            true
        };
        state.borrow().scan(StoreIndex(1), KeyRange::ALL, &mut see).unwrap();
        assert_eq!(stored, [(0, "a"), (0, "b"), (10, "b"), (20, "a")].map(|(start, key)| (start, key.to_owned())));

        // Key, start, sequence number.
        let logged = [("b", 10), ("a", 20), ("a", 0), ("b", 0)]
            .map(|(key, start)| [key.as_bytes(), &i64::to_be_bytes(start), &[0; 4]].concat());
        assert_eq!(changelog.borrow().0, logged);
    }

    /// A row that was put by key and window is found by the bytes that they have in the store.
    #[test]
    fn a_cached_row_is_found_by_its_bytes() {
        let store = Memory.open(std::path::Path::new("unused"), &["store".to_owned()]).unwrap();
        let state = Rc::new(RefCell::new(TaskState::new(store)));
        let access = StoreAccess::new("store".into(), StoreIndex(1), state, None);
        let mut rows = WindowRows::<String, i64>::new(access, CacheBudget::new(1 << 20));
        let window = Window { start: Timestamp(10), end: Timestamp(20) };
        let cause = Cause { timestamp: window.start, headers: &Headers::new() };
        let mut in_windows = rows.key_in_windows();
        in_windows.set(&"a".to_owned()).unwrap();
        rows.update(&mut in_windows, window, cause, |_| (Some(1), window.start)).unwrap();
        let key = [&window_key::start(window.start)[..], b"a"].concat();
        let row = rows.fresh_rows().get(&key).unwrap().expect("a row");
        assert_eq!(row, [10_i64.to_be_bytes(), 1_i64.to_be_bytes()].concat());
    }
}
