//! Tables' stores in processors, which can read them.

use std::any::TypeId;
use std::cell::RefCell;
use std::ops::{ControlFlow, RangeBounds};
use std::rc::Rc;
use std::sync::Arc;

use super::windows::encoded;
use super::{ProcessorStore, StoreOrigin, StoreSpec, StoreUse};
use crate::operators::{BuildError, NodeBuilder, StoreId};
use crate::state::expiring_rows::ExpiringRows;
use crate::state::kinds::Table;
use crate::state::rows::{Row, RowError};
use crate::state::table_store::TableStore;
use crate::state::{
    GlobalStore, KeyOrder, KeyRange, KeyValueStore, StoreError, StoreErrorKind, StoreValue as _, Timestamped,
};
use crate::wire::{DecodeError, Key, Shapes, Value};

/// The store of a table, which a processor reads; made by [`KeyValueStore::read_only`].
#[derive(Debug)]
pub struct ReadOnly<S>(pub(super) S);

impl<S: Clone> Clone for ReadOnly<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K, V> KeyValueStore<K, V> {
    /// The store of a table of this name, for a processor that reads its rows: of a [`KTable`](crate::dsl::KTable) with
    /// that [`stored_as`](crate::dsl::KTable::stored_as), or of a global one. The table must be there before the
    /// processor.
    ///
    /// A processor runs in the same task as a table that it reads, so their topics must have the same number of
    /// partitions, and a record finds the rows of its own partition. A global table's rows are found everywhere.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    ///
    /// const LIMITS: Topic<String, i64> = Topic::new("limits");
    /// const PAYMENTS: Topic<String, i64> = Topic::new("payments");
    /// const REFUSED: Topic<String, i64> = Topic::new("refused");
    /// const LIMIT: KeyValueStore<String, i64> = KeyValueStore::new("limit");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.table(LIMITS).stored_as(LIMIT);
    /// builder
    ///     .stream(PAYMENTS)
    ///     .process(LIMIT.read_only(), |limits, account, cents, out| {
    ///         if limits.get(account).is_some_and(|limit| cents > limit) {
    ///             out.send(account.clone(), cents);
    ///         }
    ///     })
    ///     .to(REFUSED);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// driver.pipe(&LIMITS, "ada", 100);
    /// for cents in [50, 200] {
    ///     driver.pipe(&PAYMENTS, "ada", cents);
    /// }
    /// assert_eq!(driver.read(&REFUSED), [("ada".to_owned(), 200)]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[must_use]
    pub const fn read_only(self) -> ReadOnly<Self> {
        ReadOnly(self)
    }
}

/// A table's rows, borrowed while a record is processed. They are as fresh as those that joins find: they include
/// changes that still wait in the table's cache. Failures are as those of a [`StoreRef`](super::StoreRef).
#[doc(alias = "ReadOnlyKeyValueStore")]
pub struct TableRef<'a, K: Key, V: Value> {
    rows: &'a OpenTable<K, V>,
    use_: &'a StoreUse,
}

/// A table's rows in a task.
pub struct OpenTable<K: Key, V: Value>(RefCell<Place<K, V>>);

enum Place<K: Key, V: Value> {
    /// The table is in the same task.
    Task(Rc<RefCell<TableStore<K, V>>>),
    /// The same, if its rows expire.
    Expiring(Rc<RefCell<ExpiringRows<K, V>>>),
    /// The table is global.
    Global(Arc<GlobalStore>),
}

impl<K: Key, V: Value> TableRef<'_, K, V> {
    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<V> {
        self.get_timestamped(key).map(|row| row.value)
    }

    /// The value of a key with the time of the record that it comes from.
    #[must_use]
    pub fn get_timestamped(&self, key: &K) -> Option<Timestamped<V>> {
        let row = self.use_.attempt(&self.rows.0, |rows| rows.get(key)).flatten();
        row.map(|(value, timestamp)| Timestamped { value, timestamp })
    }

    /// The pairs in a range of keys, ordered by the keys' encoded bytes.
    #[must_use]
    pub fn range(&self, keys: impl RangeBounds<K>) -> Vec<(K, Timestamped<V>)> {
        let mut pairs = Vec::new();
        self.visit(keys, |key, value| {
            pairs.push((key, value));
            ControlFlow::Continue(())
        });
        pairs
    }

    /// All pairs, ordered by the keys' encoded bytes.
    #[must_use]
    pub fn all(&self) -> Vec<(K, Timestamped<V>)> {
        self.range(..)
    }

    /// Calls `each` with the pairs in a range of keys, ordered by the keys' encoded bytes, until it breaks. It must not
    /// send anything.
    pub fn visit(&self, keys: impl RangeBounds<K>, mut each: impl FnMut(K, Timestamped<V>) -> ControlFlow<()>) {
        let mut rows = Vec::new();
        self.use_.attempt(&self.rows.0, |place| place.scan(&keys, &mut rows));
        for (key, (value, timestamp)) in rows {
            if each(key, Timestamped { value, timestamp }).is_break() {
                return;
            }
        }
    }
}

impl<K: Key, V: Value> Place<K, V> {
    fn get(&self, key: &K) -> Result<Option<Row<V>>, RowError> {
        match self {
            Self::Task(rows) => rows.borrow_mut().get(key),
            Self::Expiring(rows) => rows.borrow_mut().get(key),
            Self::Global(store) => {
                let mut bytes = Vec::new();
                key.encode(&mut bytes)?;
                let row = store.get(&bytes)?;
                row.map(|row| read(store, &row)).transpose()
            }
        }
    }

    fn scan(&self, keys: &impl RangeBounds<K>, rows: &mut Vec<(K, Row<V>)>) -> Result<(), RowError> {
        let (from, to) = (encoded(keys.start_bound())?, encoded(keys.end_bound())?);
        let mut failure = None;
        match self {
            Self::Task(table) => {
                let mut table = table.borrow_mut();
                let name = Arc::clone(table.rows().name());
                let range = KeyRange::between(from.as_ref().map(Vec::as_slice), to.as_ref().map(Vec::as_slice));
                let order = KeyOrder::Ascending;
                table.rows_mut().scan_rows(range.in_order(order), &mut |key, row| {
                    match K::decode(key) {
                        Ok(key) => rows.push((key, row)),
                        Err(error) => failure = Some(unreadable(&name, &error)),
                    }
                    failure.is_none()
                })?;
            }
            Self::Expiring(table) => {
                let table = table.borrow();
                table.scan_rows((&from, &to), &mut |key, row| {
                    match K::decode(key) {
                        Ok(key) => rows.push((key, row)),
                        Err(error) => failure = Some(unreadable(table.name(), &error)),
                    }
                    failure.is_none()
                })?;
            }
            Self::Global(store) => store.scan(&mut |key, row| {
                if RangeBounds::<Vec<u8>>::contains(&(from.clone(), to.clone()), &key.to_vec()) {
                    let pair = K::decode(key).map_err(|error| unreadable(store.name(), &error));
                    match pair.and_then(|key| Ok((key, read(store, row)?))) {
                        Ok(pair) => rows.push(pair),
                        Err(error) => failure = Some(error),
                    }
                }
                failure.is_none()
            })?,
        }
        failure.map_or(Ok(()), Err)
    }
}

pub(super) fn read<V: Value>(store: &GlobalStore, row: &[u8]) -> Result<Row<V>, RowError> {
    let row = Timestamped::<V>::read_row(row).map_err(|error| unreadable(store.name(), &error))?;
    Ok((row.value, row.timestamp))
}

pub(super) fn unreadable(store: &str, error: &DecodeError) -> RowError {
    StoreError::new(StoreErrorKind::Decode, format!("store {store} holds a row that cannot be read: {error}")).into()
}

impl<K: Key, V: Value> ProcessorStore for ReadOnly<KeyValueStore<K, V>> {
    type Ref<'a> = TableRef<'a, K, V>;
    type Open = OpenTable<K, V>;

    fn spec(&self) -> StoreSpec {
        StoreSpec {
            name: self.0.name().to_owned(),
            types: TypeId::of::<Self>(),
            type_names: format!("{} and {}", std::any::type_name::<K>(), std::any::type_name::<V>()),
            shapes: Shapes::of::<K, V>(),
            windows_in_keys: K::WINDOWS,
            windows: self.0.windows(),
            origin: StoreOrigin::Table(Arc::new(Table)),
        }
    }

    fn open(builder: &mut NodeBuilder<'_>, store: StoreId) -> Result<Self::Open, BuildError> {
        let place = match builder.global_store(store) {
            Ok(global) => Place::Global(global),
            Err(_) if builder.expires_after(store)?.is_some() => {
                Place::Expiring(builder.store(store, ExpiringRows::new)?)
            }
            Err(_) => Place::Task(builder.cached_store(store, TableStore::new)?),
        };
        Ok(OpenTable(RefCell::new(place)))
    }

    fn lend<'a>(open: &'a Self::Open, use_: &'a StoreUse) -> TableRef<'a, K, V> {
        TableRef { rows: open, use_ }
    }
}
