//! A windowed table's typed rows, one per key and window.
//!
//! In the store a row's key begins with its window's start, so that expired windows are deleted as one range. This
//! happens as the newest window advances, several windows at a time. Nothing is written to the changelog, whose own
//! retention removes them.

use std::marker::PhantomData;

use super::row_key::KeyBuffer;
use super::rows::{Cause, Changed, Row, RowError, RowLayout, Rows};
use super::{StoreAccess, window_key};
use crate::record::Timestamp;
use crate::windows::{Window, Windowed};
use crate::wire::{DecodeError, EncodeError, Key, Value};

/// A windowed table's rows.
pub(crate) struct WindowRows<K: Key, V> {
    rows: Rows<ByWindow<K>, V>,
    retention_ms: i64,
    /// The latest window start written so far.
    newest: i64,
    /// Windows that start before this have been deleted.
    floor: i64,
}

/// A key that is encoded once and then looked up in several windows.
#[derive(Debug)]
pub(crate) struct KeyInWindows(KeyBuffer);

impl KeyInWindows {
    /// Takes another key.
    ///
    /// # Errors
    /// When the key cannot be encoded in its format.
    #[inline]
    pub(crate) fn set(&mut self, key: &impl Value) -> Result<(), EncodeError> {
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
    /// Rows in `access`, each kept until some window starts `retention_ms` after its own, with a cache of about
    /// `cache_bytes` at most; 0 turns caching off.
    #[must_use]
    pub(crate) fn new(access: StoreAccess, cache_bytes: usize, retention_ms: i64) -> Self {
        let layout = ByWindow { size_ms: i64::MAX, keys: PhantomData };
        Self { rows: Rows::new(layout, access, cache_bytes), retention_ms, newest: i64::MIN, floor: i64::MIN }
    }

    /// Raises the retention to at least `retention_ms`.
    pub(crate) fn keep_for(&mut self, retention_ms: i64) {
        self.retention_ms = self.retention_ms.max(retention_ms);
    }

    /// Sets the windows' length, which is needed to forward rows with their windows' ends.
    pub(crate) const fn windows_are(&mut self, size_ms: i64) {
        self.rows.layout().size_ms = size_ms;
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

    /// A key's row, including changes that are not flushed yet. Only the window's start matters, because a key read
    /// from a topic does not know its window's end.
    ///
    /// # Errors
    /// When the store fails or holds bytes of another type.
    pub(crate) fn get(&mut self, key: &mut KeyInWindows, window: Window) -> Result<Option<Row<V>>, RowError> {
        self.rows.peek(key.at(window.start))
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
            self.expire();
        }
        self.rows.update(key.at(window.start), cause, update)
    }

    fn expire(&mut self) {
        let floor = self.newest.saturating_sub(self.retention_ms).saturating_add(1);
        let step = (self.retention_ms / STEPS_PER_RETENTION).max(1);
        if floor.saturating_sub(self.floor) >= step {
            self.floor = floor;
            self.rows.delete_below(window_key::start(Timestamp(floor)).to_vec());
        }
    }
}

/// The layout of [`WindowRows`].
pub(crate) struct ByWindow<K> {
    size_ms: i64,
    keys: PhantomData<fn() -> K>,
}

impl<K: Key> RowLayout for ByWindow<K> {
    type Key = Windowed<K>;

    fn typed_key(&self, key: &[u8], rest: &[u8]) -> Result<Windowed<K>, DecodeError> {
        let Some((start, key)) = window_key::split(key) else {
            return Err(DecodeError::new::<Windowed<K>>("its window's start is missing"));
        };
        let mut key = K::decode(key)?;
        key.decode_rest(rest);
        Ok(Windowed { key, window: Window { start, end: Timestamp(start.0.saturating_add(self.size_ms)) } })
    }

    fn changelog_key(store_key: &[u8], out: &mut Vec<u8>) {
        window_key::write_changelog(store_key, out);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::ops::Bound;
    use std::rc::Rc;

    use super::*;
    use crate::record::Headers;
    use crate::state::{Changelog, Memory, StateBackend, StoreError, StoreIndex, TaskState};

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
        let mut rows = WindowRows::<String, i64>::new(access, 0, 1_000);
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
        state.borrow().scan(StoreIndex(1), Bound::Unbounded, Bound::Unbounded, &mut see).unwrap();
        assert_eq!(stored, [(0, "a"), (0, "b"), (10, "b"), (20, "a")].map(|(start, key)| (start, key.to_owned())));

        // Key, start, sequence number.
        let logged = [("b", 10), ("a", 20), ("a", 0), ("b", 0)]
            .map(|(key, start)| [key.as_bytes(), &i64::to_be_bytes(start), &[0; 4]].concat());
        assert_eq!(changelog.borrow().0, logged);
    }
}
