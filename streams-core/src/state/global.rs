//! A global table's store: written by one thread, read by every task of the process.

use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock};

use super::{
    KeyOrder, META, Store, StoreBatch, StoreError, StoreErrorKind, StoreIndex, StorePairs, StoreProperty, StoreReader,
    StoreSize, TaskState,
};
use crate::record::Timestamp;

/// The store of a global table.
pub struct GlobalStore {
    name: String,
    index: StoreIndex,
    store: RwLock<Box<dyn Store>>,
}

impl GlobalStore {
    /// The store numbered `index` and named `name` within `store`.
    #[must_use]
    pub fn new(name: impl Into<String>, index: StoreIndex, store: Box<dyn Store>) -> Self {
        Self { name: name.into(), index, store: RwLock::new(store) }
    }

    /// The store's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The store's number within the [`Store`] that holds it.
    #[must_use]
    pub const fn index(&self) -> StoreIndex {
        self.index
    }

    /// The value of a key.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.read().unwrap_or_else(PoisonError::into_inner).get(self.index, key)
    }

    /// How large the store is.
    ///
    /// # Errors
    /// As [`Store::size`].
    pub(crate) fn size(&self) -> Result<StoreSize, StoreError> {
        self.store.read().unwrap_or_else(PoisonError::into_inner).size(self.index)
    }

    /// What else its backend knows about it.
    pub(crate) fn properties(&self) -> Vec<StoreProperty> {
        self.store.read().unwrap_or_else(PoisonError::into_inner).properties(self.index)
    }

    /// The value of a key in any store held together with this one, such as [`super::META`].
    ///
    /// # Errors
    /// As [`Store::get`].
    pub fn get_in(&self, store: StoreIndex, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.read().unwrap_or_else(PoisonError::into_inner).get(store, key)
    }

    /// Calls `each` with every key and value, ordered by the keys' bytes, until it returns `false`.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub fn scan(&self, each: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<(), StoreError> {
        let store = self.store.read().unwrap_or_else(PoisonError::into_inner);
        for pair in store.range(self.index, Bound::Unbounded, Bound::Unbounded) {
            let (key, value) = pair?;
            if !each(&key, &value) {
                break;
            }
        }
        Ok(())
    }

    /// Applies the whole batch atomically.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub fn write(&self, batch: StoreBatch) -> Result<(), StoreError> {
        self.store.write().unwrap_or_else(PoisonError::into_inner).write(batch)
    }

    /// The time of the newest row that was ever written, if its rows expire.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub(crate) fn newest(&self) -> Result<Timestamp, StoreError> {
        let noted = self.get_in(META, NEWEST)?;
        let time = noted.and_then(|noted| noted.as_slice().try_into().ok()).map(i64::from_be_bytes);
        Ok(time.map_or(Timestamp::UNKNOWN, Timestamp))
    }

    /// Adds the time of the newest row to a batch.
    pub(crate) fn note_newest(batch: &mut StoreBatch, newest: Timestamp) {
        batch.put(META, NEWEST, newest.0.to_be_bytes());
    }

    /// What the store holds, as the state of a task, whose writes stay uncommitted.
    pub(crate) fn as_state(self: &Arc<Self>) -> TaskState {
        TaskState::new(Box::new(Committed(Arc::clone(self))))
    }

    /// The first rows between two bounds.
    fn some(&self, store: StoreIndex, (from, to): (&Limit, &Limit), order: KeyOrder) -> Result<Vec<Pair>, StoreError> {
        let all = self.store.read().unwrap_or_else(PoisonError::into_inner);
        let (from, to) = (from.as_ref().map(Vec::as_slice), to.as_ref().map(Vec::as_slice));
        let pairs = match order {
            KeyOrder::Ascending => all.range(store, from, to),
            KeyOrder::Descending => all.range_reverse(store, from, to),
        };
        pairs.take(ROWS_AT_ONCE).collect()
    }
}

/// The key of the time of the newest row.
const NEWEST: &[u8] = b"newest";

/// How many rows are read while the store is locked.
const ROWS_AT_ONCE: usize = 64;

type Pair = (Box<[u8]>, Box<[u8]>);
type Limit = Bound<Vec<u8>>;

/// A global store as a task's committed state.
struct Committed(Arc<GlobalStore>);

impl Committed {
    fn pairs(&self, store: StoreIndex, from: Bound<&[u8]>, to: Bound<&[u8]>, order: KeyOrder) -> StorePairs<'_> {
        let (from, to) = (from.map(<[u8]>::to_vec), to.map(<[u8]>::to_vec));
        Box::new(Pairs { of: &self.0, store, from, to, order, read: Vec::new().into_iter(), is_done: false })
    }

    fn refused(&self) -> StoreError {
        let message = format!("the global store {} is written by the code that fills it", self.0.name());
        StoreError::new(StoreErrorKind::Other, message)
    }
}

impl Store for Committed {
    fn get(&self, store: StoreIndex, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.get_in(store, key)
    }

    fn range<'a>(&'a self, store: StoreIndex, from: Bound<&[u8]>, to: Bound<&[u8]>) -> StorePairs<'a> {
        self.pairs(store, from, to, KeyOrder::Ascending)
    }

    fn range_reverse<'a>(&'a self, store: StoreIndex, from: Bound<&[u8]>, to: Bound<&[u8]>) -> StorePairs<'a> {
        self.pairs(store, from, to, KeyOrder::Descending)
    }

    fn write(&mut self, _: StoreBatch) -> Result<(), StoreError> {
        Err(self.refused())
    }

    fn reader(&self) -> Result<Arc<dyn StoreReader>, StoreError> {
        Err(self.refused())
    }

    fn size(&self, store: StoreIndex) -> Result<StoreSize, StoreError> {
        self.0.store.read().unwrap_or_else(PoisonError::into_inner).size(store)
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// The rows between two bounds, some at a time, so that whoever fills the store need not wait for all.
struct Pairs<'a> {
    of: &'a GlobalStore,
    store: StoreIndex,
    from: Limit,
    to: Limit,
    order: KeyOrder,
    read: std::vec::IntoIter<Pair>,
    is_done: bool,
}

impl Pairs<'_> {
    fn read_on(&mut self) -> Result<(), StoreError> {
        let pairs = self.of.some(self.store, (&self.from, &self.to), self.order)?;
        self.is_done = pairs.len() < ROWS_AT_ONCE;
        if let Some((last, _)) = pairs.last() {
            let behind = Bound::Excluded(last.to_vec());
            match self.order {
                KeyOrder::Ascending => self.from = behind,
                KeyOrder::Descending => self.to = behind,
            }
        }
        self.read = pairs.into_iter();
        Ok(())
    }
}

impl Iterator for Pairs<'_> {
    type Item = Result<Pair, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(pair) = self.read.next() {
                return Some(Ok(pair));
            }
            if self.is_done {
                return None;
            }
            if let Err(error) = self.read_on() {
                self.is_done = true;
                return Some(Err(error));
            }
        }
    }
}
