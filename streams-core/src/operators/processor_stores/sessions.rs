//! Session stores in processors.

use std::any::TypeId;
use std::cell::RefCell;
use std::ops::RangeBounds;
use std::rc::Rc;
use std::sync::Arc;

use super::windows::encoded;
use super::{ProcessorStore, StoreOrigin, StoreSpec, StoreUse, late};
use crate::operators::{BuildError, NodeBuilder, StoreId};
use crate::record::Timestamp;
use crate::state::processor_sessions::{SessionRead, SessionsOf};
use crate::state::rows::RowError;
use crate::state::{KeyOrder, ProcessorSessionStore, StoreKind};
use crate::windows::{Window, WindowSizes};
use crate::wire::{Shapes, Value, refuse_windows};

/// A session store, borrowed while a record is processed. Failures are as those of a [`StoreRef`](super::StoreRef).
///
/// A session's window is from the time of its first record to the time of its last one. Sessions of several keys come as
/// in Kafka Streams: by spans of half the retention (at least a minute), in each by the keys' encoded bytes, then by
/// their ends and starts.
pub struct SessionStoreRef<'a, K, V> {
    store: &'a RefCell<SessionsOf<K, V>>,
    use_: &'a StoreUse,
}

const ALWAYS: (Timestamp, Timestamp) = (Timestamp(0), Timestamp(i64::MAX));

impl<'a, K, V> SessionStoreRef<'a, K, V> {
    pub(super) const fn of(store: &'a RefCell<SessionsOf<K, V>>, use_: &'a StoreUse) -> Self {
        Self { store, use_ }
    }
}

impl<K: Value, V: Value> SessionStoreRef<'_, K, V> {
    /// Sets the row of a session. One whose time is over is refused, and counted as dropped.
    pub fn put(&mut self, key: &K, session: Window, value: V) {
        let kept = self.use_.attempt(self.store, |store| store.put(key, session, Some(&value), self.use_.timestamp));
        self.use_.count_expired(kept);
    }

    /// Deletes a session, if it is there.
    pub fn remove(&mut self, key: &K, session: Window) {
        self.use_.attempt(self.store, |store| store.put(key, session, None, self.use_.timestamp));
    }

    /// The row of exactly this session.
    #[doc(alias = "fetch_session")]
    #[must_use]
    pub fn get(&self, key: &K, session: Window) -> Option<V> {
        self.use_.attempt(self.store, |store| store.get(key, session)).flatten()
    }

    /// The sessions of a key that end at `earliest_end` or later and start at `latest_start` or earlier, by their ends.
    /// Those that a record at `t` could extend are found with `t - gap` and `t + gap`.
    #[doc(alias = "find_sessions")]
    #[must_use]
    pub fn find(&self, key: &K, earliest_end: Timestamp, latest_start: Timestamp) -> Vec<(Window, V)> {
        self.of_key(key, (earliest_end, latest_start), KeyOrder::Ascending)
    }

    /// As [`SessionStoreRef::find`], in reverse order.
    #[doc(alias = "backward_find_sessions")]
    #[must_use]
    pub fn find_reverse(&self, key: &K, earliest_end: Timestamp, latest_start: Timestamp) -> Vec<(Window, V)> {
        self.of_key(key, (earliest_end, latest_start), KeyOrder::Descending)
    }

    /// All sessions of a key, by their ends.
    #[must_use]
    pub fn fetch(&self, key: &K) -> Vec<(Window, V)> {
        self.of_key(key, ALWAYS, KeyOrder::Ascending)
    }

    /// As [`SessionStoreRef::fetch`], in reverse order.
    #[must_use]
    pub fn fetch_reverse(&self, key: &K) -> Vec<(Window, V)> {
        self.of_key(key, ALWAYS, KeyOrder::Descending)
    }

    /// All sessions of a range of keys.
    #[must_use]
    pub fn fetch_keys(&self, keys: impl RangeBounds<K>) -> Vec<(K, Window, V)> {
        self.of_keys(&keys, ALWAYS, KeyOrder::Ascending)
    }

    /// As [`SessionStoreRef::fetch_keys`], in reverse order.
    #[must_use]
    pub fn fetch_keys_reverse(&self, keys: impl RangeBounds<K>) -> Vec<(K, Window, V)> {
        self.of_keys(&keys, ALWAYS, KeyOrder::Descending)
    }

    /// The sessions of a range of keys that end at `earliest_end` or later and start at `latest_start` or earlier.
    #[must_use]
    pub fn find_keys(
        &self,
        keys: impl RangeBounds<K>,
        earliest_end: Timestamp,
        latest_start: Timestamp,
    ) -> Vec<(K, Window, V)> {
        self.of_keys(&keys, (earliest_end, latest_start), KeyOrder::Ascending)
    }

    fn of_key(&self, key: &K, times: (Timestamp, Timestamp), order: KeyOrder) -> Vec<(Window, V)> {
        let rows = self.rows(|store| store.of_key(key, times, order));
        rows.into_iter().map(|(_, session, value)| (session, value)).collect()
    }

    fn of_keys(
        &self,
        keys: &impl RangeBounds<K>,
        times: (Timestamp, Timestamp),
        order: KeyOrder,
    ) -> Vec<(K, Window, V)> {
        self.rows(|store| {
            let keys = (encoded(keys.start_bound())?, encoded(keys.end_bound())?);
            Ok(store.of_keys(keys, times, order))
        })
    }

    fn rows(&self, read: impl FnOnce(&mut SessionsOf<K, V>) -> Result<SessionRead, RowError>) -> Vec<(K, Window, V)> {
        let rows = self.use_.attempt(self.store, |store| {
            let read = read(store)?;
            store.rows(&read)
        });
        rows.unwrap_or_default()
    }
}

impl<K: Value, V: Value> ProcessorStore for ProcessorSessionStore<K, V> {
    type Ref<'a> = SessionStoreRef<'a, K, V>;
    type Open = Rc<RefCell<SessionsOf<K, V>>>;

    fn spec(&self) -> StoreSpec {
        const {
            refuse_windows::<V>();
            assert!(K::WINDOWS == 0, "the keys of a processors' session store cannot contain windows");
        };
        let kind: Arc<dyn StoreKind> = Arc::new(self.kind());
        StoreSpec {
            name: self.name().to_owned(),
            types: TypeId::of::<Self>(),
            type_names: format!("sessions of {} and {}", std::any::type_name::<K>(), std::any::type_name::<V>()),
            shapes: Shapes::of::<K, V>(),
            windows_in_keys: 0,
            windows: WindowSizes::NONE,
            origin: StoreOrigin::Processor(kind),
        }
    }

    fn open(builder: &mut NodeBuilder<'_>, store: StoreId) -> Result<Self::Open, BuildError> {
        late::timed_store(builder, store, SessionsOf::new)
    }

    fn lend<'a>(open: &'a Self::Open, use_: &'a StoreUse) -> SessionStoreRef<'a, K, V> {
        SessionStoreRef::of(open, use_)
    }
}
