//! Versioned stores in processors: their own, and those of tables, which they can read.

use std::any::TypeId;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use super::ReadOnly;
use super::{ProcessorStore, StoreOrigin, StoreSpec, StoreUse};
use crate::operators::{BuildError, NodeBuilder, StoreId};
use crate::record::Timestamp;
use crate::state::kinds::Versioned;
use crate::state::versioned_rows::VersionedRows;
use crate::state::{StoreKind, Version, VersionedStore, Written};
use crate::windows::WindowSizes;
use crate::wire::{Key, Shapes, Value, refuse_windows};

/// A versioned store, borrowed while a record is processed. Failures are as those of a [`StoreRef`](super::StoreRef).
///
/// A version is valid from the timestamp that it was written with until that of the next one, or of a deletion. Versions
/// can be written in any order. When one has ended for longer than the store's history, it is neither found nor changed
/// any more; the latest one always is (KIP-889).
///
/// ```
/// use millstream::prelude::*;
/// use millstream::testing::TestDriver;
/// use std::time::Duration;
///
/// const PRICES: Topic<String, i64> = Topic::new("prices");
/// const CORRECTIONS: Topic<String, i64> = Topic::new("price-corrections");
/// const HISTORY: VersionedStore<String, i64> = VersionedStore::new("prices", Duration::from_secs(24 * 60 * 60));
///
/// // Prices come in any order. How far is each from the one that it replaces?
/// let builder = StreamsBuilder::new();
/// builder
///     .stream(PRICES)
///     .process(HISTORY, |mut prices, product, price, out| {
///         let before = prices.get_as_of(product, out.timestamp()).map_or(0, |version| version.value);
///         prices.put(product, price, out.timestamp());
///         out.send(product.clone(), price - before);
///     })
///     .to(CORRECTIONS);
///
/// let mut driver = TestDriver::new(builder.build()?);
/// for (time, price) in [(1_000, 500), (3_000, 900), (2_000, 600)] {
///     driver.pipe_at(&PRICES, "tea", price, Timestamp(time));
/// }
/// let corrections = [500, 400, 100].map(|price| ("tea".to_owned(), price));
/// assert_eq!(driver.read(&CORRECTIONS), corrections);
/// assert_eq!(driver.get_as_of(&HISTORY, "tea", Timestamp(2_500)), Some(600));
/// # Ok::<(), TopologyError>(())
/// ```
pub struct VersionedStoreRef<'a, K, V> {
    store: &'a RefCell<VersionedRows<K, V>>,
    use_: &'a StoreUse,
}

/// A table's versioned store, borrowed while a record is processed, to be read as a [`VersionedStoreRef`].
pub struct VersionedTableRef<'a, K, V>(VersionedStoreRef<'a, K, V>);

impl<K: Value, V: Value> VersionedStoreRef<'_, K, V> {
    /// Writes the value that a key has from `from` on, until the version that follows it, if there is one already. What
    /// is older than the history is refused, and counted as dropped.
    pub fn put(&mut self, key: &K, value: V, from: Timestamp) -> Written {
        self.write(key, Some(&value), from)
    }

    /// Deletes a key from `at` on, until the version that follows. Returns the version that was valid at that time. What
    /// is older than the history is refused, and counted as dropped.
    pub fn delete(&mut self, key: &K, at: Timestamp) -> Option<Version<V>> {
        let was = self.get_as_of(key, at);
        (self.write(key, None, at) != Written::Refused).then_some(was).flatten()
    }

    /// The latest version of a key.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<Version<V>> {
        self.use_.attempt(self.store, |store| store.get(key)).flatten()
    }

    /// The version of a key that was valid at a time; `None` if there was none, or if it is no longer known.
    #[must_use]
    pub fn get_as_of(&self, key: &K, at: Timestamp) -> Option<Version<V>> {
        self.use_.attempt(self.store, |store| store.get_as_of(key, at)).flatten()
    }

    fn write(&self, key: &K, value: Option<&V>, at: Timestamp) -> Written {
        let written = self.use_.attempt(self.store, |store| store.put(key, value, at));
        self.use_.count_expired(written.map(|written| written != Written::Refused));
        written.unwrap_or(Written::Refused)
    }
}

impl<K: Value, V: Value> VersionedTableRef<'_, K, V> {
    /// As [`VersionedStoreRef::get`].
    #[must_use]
    pub fn get(&self, key: &K) -> Option<Version<V>> {
        self.0.get(key)
    }

    /// As [`VersionedStoreRef::get_as_of`].
    #[must_use]
    pub fn get_as_of(&self, key: &K, at: Timestamp) -> Option<Version<V>> {
        self.0.get_as_of(key, at)
    }
}

impl<K: Value, V: Value> ProcessorStore for VersionedStore<K, V> {
    type Ref<'a> = VersionedStoreRef<'a, K, V>;
    type Open = Rc<RefCell<VersionedRows<K, V>>>;

    fn spec(&self) -> StoreSpec {
        const {
            refuse_windows::<V>();
            assert!(K::WINDOWS == 0, "the keys of a processors' versioned store cannot contain windows");
        };
        spec::<Self, K, V>(self, StoreOrigin::Processor)
    }

    fn open(builder: &mut NodeBuilder<'_>, store: StoreId) -> Result<Self::Open, BuildError> {
        builder.store(store, VersionedRows::new)
    }

    fn lend<'a>(open: &'a Self::Open, use_: &'a StoreUse) -> VersionedStoreRef<'a, K, V> {
        VersionedStoreRef { store: open, use_ }
    }
}

impl<K, V> VersionedStore<K, V> {
    /// The store of a table of this name, for a processor that reads its rows and what they were; see
    /// [`KeyValueStore::read_only`](crate::state::KeyValueStore::read_only).
    #[must_use]
    pub const fn read_only(self) -> ReadOnly<Self> {
        ReadOnly(self)
    }
}

impl<K: Key, V: Value> ProcessorStore for ReadOnly<VersionedStore<K, V>> {
    type Ref<'a> = VersionedTableRef<'a, K, V>;
    type Open = Rc<RefCell<VersionedRows<K, V>>>;

    fn spec(&self) -> StoreSpec {
        spec::<Self, K, V>(&self.0, StoreOrigin::Table)
    }

    fn open(builder: &mut NodeBuilder<'_>, store: StoreId) -> Result<Self::Open, BuildError> {
        builder.store(store, VersionedRows::new)
    }

    fn lend<'a>(open: &'a Self::Open, use_: &'a StoreUse) -> VersionedTableRef<'a, K, V> {
        open.borrow_mut().look_again();
        VersionedTableRef(VersionedStoreRef { store: open, use_ })
    }
}

fn spec<S: 'static, K: Value, V: Value>(
    store: &VersionedStore<K, V>,
    origin: impl FnOnce(Arc<dyn StoreKind>) -> StoreOrigin,
) -> StoreSpec {
    StoreSpec {
        name: store.name().to_owned(),
        types: TypeId::of::<S>(),
        type_names: format!("versions of {} and {}", std::any::type_name::<K>(), std::any::type_name::<V>()),
        shapes: Shapes::of::<K, V>(),
        windows_in_keys: 0,
        windows: WindowSizes::NONE,
        origin: origin(Arc::new(Versioned { history: store.history() })),
    }
}
