//! Questions to a store with one row per key.

use std::marker::PhantomData;
use std::ops::{Bound, RangeBounds};

use super::asked::Query;
use super::rows::{Read, Rows};
use super::store::{AskedStore, Sought};
use super::{Asked, QueryError, Queryable, view_settings};
use crate::record::Timestamp;
use crate::state::selection::{Keys, PageRow, Selection};
use crate::state::timestamped::timestamped;
use crate::state::{KeyOrder, KeyValueStore, StoreFor, StoreValue, Timestamped};
use crate::wire::{IntoField, Key, Shape, Shapes, Value};

/// Questions to a [`KeyValueStore`], also of a global table.
///
/// ```
/// use millstream::prelude::*;
/// use millstream::query::QueryError;
/// use millstream::runtime::Handle;
///
/// const STOCK: KeyValueStore<u64, i64> = KeyValueStore::new("stock");
///
/// async fn report(app: &Handle) -> Result<String, QueryError> {
///     let stock = app.query(&STOCK)?;
///     let shirts = stock.get(17_u64).await?.unwrap_or(0);
///     let some: Vec<(u64, i64)> = stock.range(100..200).limit(10).await?;
///     Ok(format!("{shirts} shirts, {} other articles", some.len()))
/// }
/// ```
pub struct KeyValues<K, V> {
    pub(super) store: AskedStore,
    pub(super) types: PhantomData<fn() -> (K, V)>,
}

view_settings!(KeyValues<K, V>);

impl<K: Key, V: StoreValue + Send> Queryable for KeyValueStore<K, V> {
    type View = KeyValues<K, V>;

    fn store_name(&self) -> &str {
        self.name()
    }

    fn constant(&self) -> &'static str {
        StoreFor::constant(self)
    }

    fn shapes() -> Shapes {
        Shapes { key: Shape::of::<K>(), value: V::shape() }
    }

    fn view(store: Asked) -> Self::View {
        KeyValues { store: store.0, types: PhantomData }
    }
}

impl<K: Key, V: StoreValue + Send> KeyValues<K, V> {
    /// The value of a key.
    pub fn get(&self, key: impl IntoField<K>) -> Query<Option<V>> {
        self.look_up(key, value)
    }

    /// The value of a key with its timestamp: that of the record that it was last changed by.
    pub fn get_with_time(&self, key: impl IntoField<K>) -> Query<Option<Timestamped<V>>> {
        self.look_up(key, |store, row| {
            let timestamp = row.timestamp.unwrap_or(Timestamp::UNKNOWN);
            Ok(Timestamped { value: value(store, row)?, timestamp })
        })
    }

    fn look_up<T: Send + 'static>(
        &self,
        key: impl IntoField<K>,
        read: impl FnOnce(&AskedStore, PageRow) -> Result<T, QueryError> + Send + 'static,
    ) -> Query<Option<T>> {
        let (store, sought) = (self.store.clone(), sought(&key.into_field(), None));
        Query::new(async move {
            let (row, position) = store.get(sought?).await?;
            Ok((row.map(|row| read(&store, row)).transpose()?, position))
        })
    }

    /// All keys and values.
    pub fn all(&self) -> Rows<K, V> {
        self.rows(Keys::All)
    }

    /// The keys in a range, in the order of their bytes. Of whole numbers that is their own order from 0 on, and of texts
    /// that of their characters. A bound that cannot be encoded leaves nothing in the range.
    pub fn range(&self, keys: impl RangeBounds<K>) -> Rows<K, V> {
        match (encoded(keys.start_bound()), encoded(keys.end_bound())) {
            (Some(from), Some(to)) => self.rows(Keys::Between(from, to)),
            _ => Rows::new(self.store.clone(), None, Read { key, value }),
        }
    }

    /// The keys whose bytes begin like this, such as the texts with that beginning.
    pub fn prefixed(&self, prefix: impl AsRef<[u8]>) -> Rows<K, V> {
        self.rows(Keys::prefixed(prefix.as_ref()))
    }

    fn rows(&self, keys: Keys) -> Rows<K, V> {
        let selection = Selection { keys, times: None, order: KeyOrder::Ascending, after: None };
        Rows::new(self.store.clone(), Some(selection), Read { key, value })
    }
}

/// The key that is looked for, encoded.
pub(super) fn sought<K: Value>(key: &K, times: Option<(Timestamp, Timestamp)>) -> Result<Sought, QueryError> {
    let mut bytes = Vec::new();
    key.encode(&mut bytes).map_err(QueryError::Key)?;
    Ok(Sought { partitioned_by: K::partition_bytes(&bytes).to_vec(), key: bytes, times })
}

fn encoded<K: Value>(bound: Bound<&K>) -> Option<Bound<Vec<u8>>> {
    let encode = |key: &K| {
        let mut bytes = Vec::new();
        key.encode(&mut bytes).ok().map(|()| bytes)
    };
    Some(match bound {
        Bound::Included(key) => Bound::Included(encode(key)?),
        Bound::Excluded(key) => Bound::Excluded(encode(key)?),
        Bound::Unbounded => Bound::Unbounded,
    })
}

/// A row's own key, without its window.
pub(super) fn key<K: Value>(store: &AskedStore, row: &PageRow) -> Result<K, QueryError> {
    let mut key = K::decode(&row.key).map_err(|error| QueryError::Decode { store: store.name().to_string(), error })?;
    key.set_window_sizes(store.inner_windows().as_slice());
    Ok(key)
}

pub(super) fn value<V: StoreValue>(store: &AskedStore, row: PageRow) -> Result<V, QueryError> {
    let read = if V::TIMESTAMPED {
        V::read_row(&timestamped(row.timestamp.unwrap_or(Timestamp::UNKNOWN), &row.value))
    } else {
        V::read_row(&row.value)
    };
    read.map_err(|error| QueryError::Decode { store: store.name().to_string(), error })
}
