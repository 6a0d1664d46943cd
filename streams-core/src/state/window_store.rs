//! A windowed table's rows, typed: one per key and window.
//!
//! In the store a row's key begins with its window's start, so that windows whose time is over are deleted
//! as one range. They are deleted as the newest window advances, some windows at a time, and without a word
//! to the changelog: its own retention drops them there.

use std::marker::PhantomData;

use hashbrown::DefaultHashBuilder;

use super::rows::{Cause, ChangeOf, Changed, Row, RowError, RowLayout, RowQuery, Rows, hash_of};
use super::{StoreAccess, window_key};
use crate::record::Timestamp;
use crate::windows::{Window, Windowed};
use crate::wire::{EncodeError, Key, Value};

/// A windowed table's rows.
pub(crate) struct WindowRows<K: Key, V> {
    rows: Rows<ByWindow<K>, V>,
    retention_ms: i64,
    /// The newest window's start that was written.
    newest: i64,
    /// Windows that start before this are deleted.
    floor: i64,
}

/// A key whose hash is known, to be looked up in several windows.
#[derive(Debug)]
pub(crate) struct HashedKey<'a, K> {
    key: &'a K,
    hash: u64,
}

impl<K> Clone for HashedKey<'_, K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for HashedKey<'_, K> {}

impl<'a, K> HashedKey<'a, K> {
    /// The key.
    #[must_use]
    pub(crate) const fn key(self) -> &'a K {
        self.key
    }
}

/// Windows are deleted in at most about this many steps per retention: a store has to remember each
/// deleted range for a while.
const STEPS_PER_RETENTION: i64 = 16;

impl<K: Key, V: Value> WindowRows<K, V> {
    /// Rows over `access` that are kept until a window starts `retention_ms` later, with a cache of at most
    /// about `cache_bytes`; 0 switches the cache off.
    #[must_use]
    pub(crate) fn new(access: StoreAccess, cache_bytes: usize, retention_ms: i64) -> Self {
        Self { rows: Rows::new(access, cache_bytes), retention_ms, newest: i64::MIN, floor: i64::MIN }
    }

    /// Keeps rows at least until a window starts `retention_ms` later.
    pub(crate) fn keep_for(&mut self, retention_ms: i64) {
        self.retention_ms = self.retention_ms.max(retention_ms);
    }

    /// Whether changes wait for [`WindowRows::flush`].
    #[must_use]
    pub(crate) const fn is_cached(&self) -> bool {
        self.rows.is_cached()
    }

    /// How many bytes the cache holds, roughly.
    #[must_use]
    pub(crate) fn cached_bytes(&self) -> usize {
        self.rows.cached_bytes()
    }

    /// As [`Rows::set_cache_bytes`].
    pub(crate) fn set_cache_bytes(&mut self, bytes: usize) {
        self.rows.set_cache_bytes(bytes);
    }

    /// As [`Rows::want_old_values`].
    pub(crate) const fn want_old_values(&mut self, wanted: bool) {
        self.rows.want_old_values(wanted);
    }

    /// Hashes a key once for all its windows.
    #[must_use]
    pub(crate) fn hashed<'a>(&self, key: &'a K) -> HashedKey<'a, K> {
        HashedKey { key, hash: hash_of(self.rows.hasher(), key) }
    }

    /// A row as of the last change, flushed or not. Only the window's start matters: a key that was read
    /// from a topic does not know its window's end.
    ///
    /// # Errors
    /// When the store fails, or holds something else.
    pub(crate) fn get(&mut self, key: HashedKey<'_, K>, window: Window) -> Result<Option<Row<V>>, RowError> {
        // Not kept in the cache: rows there are forwarded with their window, whose end must be right.
        self.rows.peek(InWindow { key, window })
    }

    /// As [`Rows::update`], for a key's row in a window.
    ///
    /// # Errors
    /// As [`Rows::update`].
    #[inline]
    pub(crate) fn update(
        &mut self,
        key: HashedKey<'_, K>,
        window: Window,
        cause: Cause<'_>,
        update: impl FnOnce(Option<Row<V>>) -> (Option<V>, Timestamp),
    ) -> Result<Option<Changed<V>>, RowError> {
        if window.start.0 > self.newest {
            self.newest = window.start.0;
            self.expire();
        }
        self.rows.update(InWindow { key, window }, cause, update)
    }

    /// As [`Rows::flush`].
    ///
    /// # Errors
    /// As [`Rows::flush`].
    pub(crate) fn flush(
        &mut self,
        rows_max: usize,
        forward: Option<&mut Vec<ChangeOf<Windowed<K>, V>>>,
    ) -> Result<bool, RowError> {
        self.rows.flush(rows_max, forward)
    }

    /// Deletes the windows that start `retention_ms` or more before the newest.
    fn expire(&mut self) {
        let floor = self.newest.saturating_sub(self.retention_ms).saturating_add(1);
        let step = (self.retention_ms / STEPS_PER_RETENTION).max(1);
        if floor.saturating_sub(self.floor) >= step {
            self.floor = floor;
            let mut bytes = Vec::with_capacity(size_of::<i64>());
            window_key::write_start(Timestamp(floor), &mut bytes);
            self.rows.delete_below(bytes);
        }
    }
}

/// The layout of [`WindowRows`].
struct ByWindow<K>(PhantomData<fn() -> K>);

impl<K: Key> RowLayout for ByWindow<K> {
    type Key = Windowed<K>;

    fn store_key(key: &Windowed<K>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        window_key::write_start(key.window.start, out);
        key.key.encode(out)
    }

    fn changelog_key(store_key: &[u8], out: &mut Vec<u8>) {
        window_key::write_changelog(store_key, out);
    }
}

struct InWindow<'a, K> {
    key: HashedKey<'a, K>,
    window: Window,
}

impl<K> Clone for InWindow<'_, K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for InWindow<'_, K> {}

impl<K: Key> RowQuery<ByWindow<K>> for InWindow<'_, K> {
    #[inline]
    fn hash(&self, _hasher: &DefaultHashBuilder) -> u64 {
        mix(self.key.hash, self.window.start.0)
    }

    #[inline]
    fn is(&self, key: &Windowed<K>) -> bool {
        key.window.start == self.window.start && key.key == *self.key.key
    }

    fn to_key(&self) -> Windowed<K> {
        Windowed { key: self.key.key.clone(), window: self.window }
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        window_key::write_start(self.window.start, out);
        self.key.key.encode(out)
    }
}

/// A hash for a key in a window: the upper and lower half of a product depend on all bits of both.
#[allow(clippy::cast_sign_loss, clippy::cast_possible_truncation, reason = "bits are bits")]
const fn mix(hash: u64, start: i64) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let product = ((hash ^ (start as u64).wrapping_mul(ODD)) as u128) * (ODD as u128);
    (product as u64) ^ ((product >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::ops::Bound;
    use std::rc::Rc;

    use super::*;
    use crate::record::Headers;
    use crate::state::{Changelog, Memory, StateBackend, StoreError, StoreIndex, TaskState};

    /// The keys that reach the changelog.
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
            let (key, window) = (key.to_owned(), Window { start: Timestamp(start), end: Timestamp(start + 10) });
            let cause = Cause { timestamp: window.start, headers: &Headers::new() };
            rows.update(rows.hashed(&key), window, cause, |_| (Some(1), window.start)).unwrap();
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
