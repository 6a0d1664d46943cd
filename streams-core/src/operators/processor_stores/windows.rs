//! Window stores in processors.

use std::any::TypeId;
use std::cell::RefCell;
use std::ops::{Bound, ControlFlow, RangeBounds, RangeInclusive};
use std::rc::Rc;
use std::sync::Arc;

use super::{ProcessorStore, StoreOrigin, StoreSpec, StoreUse, late};
use crate::operators::{BuildError, NodeBuilder, StoreId};
use crate::record::Timestamp;
use crate::state::processor_windows::{WindowRead, WindowsOf};
use crate::state::rows::RowError;
use crate::state::{KeyOrder, ProcessorWindowStore, StoreKind, StoreValue};
use crate::windows::{WindowSizes, Windowed};
use crate::wire::{Shape, Shapes, Value};

/// A window store, borrowed while a record is processed. Failures are as those of a
/// [`StoreRef`](super::StoreRef).
///
/// Times are the starts of windows, and both ends of a range of times are included. What starts before 1970 is not found.
/// Rows of several keys come as in Kafka Streams: by spans of half the retention (at least a minute), in each by the
/// keys' encoded bytes, then by their windows' starts.
pub struct WindowStoreRef<'a, K, V> {
    store: &'a RefCell<WindowsOf<K, V>>,
    use_: &'a StoreUse,
}

/// How many rows are read from the store at once.
const PAGE: usize = 256;

/// All times.
const ALWAYS: RangeInclusive<Timestamp> = Timestamp(0)..=Timestamp(i64::MAX);

impl<'a, K, V> WindowStoreRef<'a, K, V> {
    pub(super) const fn of(store: &'a RefCell<WindowsOf<K, V>>, use_: &'a StoreUse) -> Self {
        Self { store, use_ }
    }
}

impl<K: Value, V: StoreValue> WindowStoreRef<'_, K, V> {
    /// Sets the row of a key and the window that starts at `start`; in a store with duplicates, adds one. A row whose
    /// time is over is refused, and counted as dropped.
    pub fn put(&mut self, key: &K, value: V, start: Timestamp) {
        self.set(key, Some(&value), start);
    }

    /// Deletes the row of a key and window, if it is there. In a store with duplicates nothing can be deleted.
    pub fn delete(&mut self, key: &K, start: Timestamp) {
        self.set(key, None, start);
    }

    fn set(&self, key: &K, value: Option<&V>, start: Timestamp) {
        let kept = self.use_.attempt(self.store, |store| store.put(key, start, value, self.use_.timestamp));
        self.use_.count_expired(kept);
    }

    /// The row of a key and window; in a store with duplicates the one that was put last.
    #[doc(alias = "fetch")]
    #[must_use]
    pub fn get(&self, key: &K, start: Timestamp) -> Option<V> {
        self.use_.attempt(self.store, |store| store.get(key, start)).flatten()
    }

    /// The rows of a key whose windows start in a period, by their starts.
    #[must_use]
    pub fn fetch(&self, key: &K, starts: RangeInclusive<Timestamp>) -> Vec<(Timestamp, V)> {
        self.of_key(key, &starts, KeyOrder::Ascending)
    }

    /// As [`WindowStoreRef::fetch`], in reverse order.
    #[doc(alias = "backward_fetch")]
    #[must_use]
    pub fn fetch_reverse(&self, key: &K, starts: RangeInclusive<Timestamp>) -> Vec<(Timestamp, V)> {
        self.of_key(key, &starts, KeyOrder::Descending)
    }

    fn of_key(&self, key: &K, starts: &RangeInclusive<Timestamp>, order: KeyOrder) -> Vec<(Timestamp, V)> {
        let mut rows = Vec::new();
        let each = |row: Windowed<K>, value| {
            rows.push((row.window.start, value));
            ControlFlow::Continue(())
        };
        self.visit_read(|store| store.of_key(key, ends(starts), order), each);
        rows
    }

    /// The rows of a range of keys whose windows start in a period.
    #[doc(alias = "fetch_all")]
    #[must_use]
    pub fn fetch_keys(&self, keys: impl RangeBounds<K>, starts: RangeInclusive<Timestamp>) -> Vec<(Windowed<K>, V)> {
        let mut rows = Vec::new();
        self.visit(keys, starts, |key, value| {
            rows.push((key, value));
            ControlFlow::Continue(())
        });
        rows
    }

    /// As [`WindowStoreRef::fetch_keys`], in reverse order.
    #[doc(alias = "backward_fetch_all")]
    #[must_use]
    pub fn fetch_keys_reverse(
        &self,
        keys: impl RangeBounds<K>,
        starts: RangeInclusive<Timestamp>,
    ) -> Vec<(Windowed<K>, V)> {
        let mut rows = Vec::new();
        self.visit_reverse(keys, starts, |key, value| {
            rows.push((key, value));
            ControlFlow::Continue(())
        });
        rows
    }

    /// All rows.
    #[must_use]
    pub fn all(&self) -> Vec<(Windowed<K>, V)> {
        self.fetch_keys(.., ALWAYS)
    }

    /// All rows in reverse order.
    #[must_use]
    pub fn all_reverse(&self) -> Vec<(Windowed<K>, V)> {
        self.fetch_keys_reverse(.., ALWAYS)
    }

    /// Calls `each` with the rows of a range of keys whose windows start in a period, until it breaks. For what is too
    /// large for [`WindowStoreRef::fetch_keys`].
    pub fn visit(
        &self,
        keys: impl RangeBounds<K>,
        starts: RangeInclusive<Timestamp>,
        each: impl FnMut(Windowed<K>, V) -> ControlFlow<()>,
    ) {
        self.visit_keys(&keys, &starts, KeyOrder::Ascending, each);
    }

    /// As [`WindowStoreRef::visit`], in reverse order.
    pub fn visit_reverse(
        &self,
        keys: impl RangeBounds<K>,
        starts: RangeInclusive<Timestamp>,
        each: impl FnMut(Windowed<K>, V) -> ControlFlow<()>,
    ) {
        self.visit_keys(&keys, &starts, KeyOrder::Descending, each);
    }

    fn visit_keys(
        &self,
        keys: &impl RangeBounds<K>,
        starts: &RangeInclusive<Timestamp>,
        order: KeyOrder,
        each: impl FnMut(Windowed<K>, V) -> ControlFlow<()>,
    ) {
        let read = |store: &mut WindowsOf<K, V>| {
            let keys = (encoded(keys.start_bound())?, encoded(keys.end_bound())?);
            Ok(store.of_keys(keys, ends(starts), order))
        };
        self.visit_read(read, each);
    }

    fn visit_read(
        &self,
        read: impl FnOnce(&mut WindowsOf<K, V>) -> Result<WindowRead, RowError>,
        mut each: impl FnMut(Windowed<K>, V) -> ControlFlow<()>,
    ) {
        let begin = |store: &mut WindowsOf<K, V>| {
            let read = read(store)?;
            let all = store.start(&read);
            Ok((read, all))
        };
        let Some((read, mut rest)) = self.use_.attempt(self.store, begin) else { return };
        // The store is not borrowed between pages, so `each` may use it.
        while let Some((rows, left)) = self.use_.attempt(self.store, |store| store.page(&read, rest, PAGE)) {
            for (key, value) in rows {
                if each(key, value).is_break() {
                    return;
                }
            }
            match left {
                Some(left) => rest = left,
                None => return,
            }
        }
    }
}

fn ends(times: &RangeInclusive<Timestamp>) -> (Timestamp, Timestamp) {
    (*times.start(), *times.end())
}

/// A bound in the order of encoded keys.
pub(super) fn encoded<K: Value>(bound: Bound<&K>) -> Result<Bound<Vec<u8>>, RowError> {
    let encoded = |key: &K| {
        let mut bytes = Vec::new();
        key.encode(&mut bytes).map(|()| bytes)
    };
    Ok(match bound {
        Bound::Included(key) => Bound::Included(encoded(key)?),
        Bound::Excluded(key) => Bound::Excluded(encoded(key)?),
        Bound::Unbounded => Bound::Unbounded,
    })
}

impl<K: Value, V: StoreValue> ProcessorStore for ProcessorWindowStore<K, V> {
    type Ref<'a> = WindowStoreRef<'a, K, V>;
    type Open = Rc<RefCell<WindowsOf<K, V>>>;

    fn spec(&self) -> StoreSpec {
        const {
            let () = V::CHECKED;
            assert!(K::WINDOWS == 0, "the keys of a processors' window store cannot contain windows");
        };
        let kind: Arc<dyn StoreKind> = Arc::new(self.kind());
        StoreSpec {
            name: self.name().to_owned(),
            types: TypeId::of::<Self>(),
            type_names: format!("windows of {} and {}", std::any::type_name::<K>(), std::any::type_name::<V>()),
            shapes: Shapes { key: Shape::of::<K>(), value: V::shape() },
            windows_in_keys: 0,
            windows: WindowSizes::NONE,
            origin: StoreOrigin::Processor(kind),
        }
    }

    fn open(builder: &mut NodeBuilder<'_>, store: StoreId) -> Result<Self::Open, BuildError> {
        late::timed_store(builder, store, WindowsOf::new)
    }

    fn lend<'a>(open: &'a Self::Open, use_: &'a StoreUse) -> WindowStoreRef<'a, K, V> {
        WindowStoreRef::of(open, use_)
    }
}
