//! The store of a global processor, which it alone writes to.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use super::StoreUse;
use super::tables::{read, unreadable};
use super::windows::encoded;
use crate::record::Timestamp;
use crate::state::rows::{Row, RowError};
use crate::state::{GlobalStore, Timestamped};
use crate::wire::{Key, Value};

/// The store of a global processor, borrowed while a record is processed. Failures are as those of a
/// [`StoreRef`](super::StoreRef).
///
/// Each value has a timestamp, as the rows of a table do: that of the record, unless [`GlobalStoreRef::put_timestamped`]
/// gives it another one.
pub struct GlobalStoreRef<'a, K, V> {
    rows: &'a RefCell<GlobalRows>,
    use_: &'a StoreUse,
    types: PhantomData<fn(K) -> V>,
}

/// An encoded value with its time; `None` if the key was deleted.
pub(super) type Changed = Option<(Vec<u8>, Timestamp)>;

/// A global store's rows, under what a batch of records has changed and is not written yet.
pub struct GlobalRows {
    store: Arc<GlobalStore>,
    changed: BTreeMap<Vec<u8>, Changed>,
    /// What the record that is being processed has changed, in order.
    written: Vec<(Vec<u8>, Changed)>,
}

impl GlobalRows {
    pub(crate) const fn new(store: Arc<GlobalStore>) -> Self {
        Self { store, changed: BTreeMap::new(), written: Vec::new() }
    }

    /// Takes what was changed since the last call.
    pub(crate) fn take_written(&mut self) -> Vec<(Vec<u8>, Changed)> {
        std::mem::take(&mut self.written)
    }

    fn get<V: Value>(&self, key: &[u8]) -> Result<Option<Row<V>>, RowError> {
        match self.changed.get(key) {
            Some(changed) => self.changed_row(changed),
            None => self.store.get(key)?.map(|row| read(&self.store, &row)).transpose(),
        }
    }

    fn changed_row<V: Value>(&self, changed: &Changed) -> Result<Option<Row<V>>, RowError> {
        let Some((value, timestamp)) = changed else { return Ok(None) };
        Ok(Some((V::decode(value).map_err(|error| unreadable(self.store.name(), &error))?, *timestamp)))
    }

    fn put(&mut self, key: Vec<u8>, change: Changed) {
        self.changed.insert(key.clone(), change.clone());
        self.written.push((key, change));
    }

    /// The rows between two keys, by the keys' bytes.
    fn range<V: Value>(&self, keys: &(Bound<Vec<u8>>, Bound<Vec<u8>>)) -> Result<BTreeMap<Vec<u8>, Row<V>>, RowError> {
        let (mut rows, mut failure) = (BTreeMap::new(), None);
        self.store.scan(&mut |key, row| {
            if RangeBounds::<Vec<u8>>::contains(keys, &key.to_vec()) && !self.changed.contains_key(key) {
                match read(&self.store, row) {
                    Ok(row) => _ = rows.insert(key.to_vec(), row),
                    Err(error) => failure = Some(error),
                }
            }
            failure.is_none()
        })?;
        for (key, changed) in self.changed.iter().filter(|(key, _)| RangeBounds::<Vec<u8>>::contains(keys, *key)) {
            rows.extend(self.changed_row(changed)?.map(|row| (key.clone(), row)));
        }
        failure.map_or(Ok(rows), Err)
    }
}

impl<'a, K: Key, V: Value> GlobalStoreRef<'a, K, V> {
    pub(crate) const fn new(rows: &'a RefCell<GlobalRows>, use_: &'a StoreUse) -> Self {
        Self { rows, use_, types: PhantomData }
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<V> {
        self.get_timestamped(key).map(|row| row.value)
    }

    /// The value of a key with its timestamp.
    #[must_use]
    pub fn get_timestamped(&self, key: &K) -> Option<Timestamped<V>> {
        let row = self.use_.attempt(self.rows, |rows| rows.get(&bytes_of(key)?)).flatten();
        row.map(|(value, timestamp)| Timestamped { value, timestamp })
    }

    /// Sets the value of a key, with the timestamp of the record that is being processed.
    pub fn put(&mut self, key: &K, value: V) {
        self.put_timestamped(key, Timestamped { value, timestamp: self.use_.timestamp });
    }

    /// Sets the value of a key and its timestamp.
    pub fn put_timestamped(&mut self, key: &K, Timestamped { value, timestamp }: Timestamped<V>) {
        self.use_.attempt(self.rows, |rows| {
            let (key, value) = (bytes_of(key)?, bytes_of(&value)?);
            rows.put(key, Some((value, timestamp)));
            Ok(())
        });
    }

    /// Deletes a key, if it is there.
    pub fn delete(&mut self, key: &K) {
        self.use_.attempt(self.rows, |rows| {
            rows.put(bytes_of(key)?, None);
            Ok(())
        });
    }

    /// The pairs in a range of keys, ordered by the keys' encoded bytes. This reads the whole store.
    #[must_use]
    pub fn range(&self, keys: impl RangeBounds<K>) -> Vec<(K, Timestamped<V>)> {
        let found = self.use_.attempt(self.rows, |rows| {
            let keys = (encoded(keys.start_bound())?, encoded(keys.end_bound())?);
            let found = rows.range(&keys)?.into_iter();
            let decode = |(key, (value, timestamp)): (Vec<u8>, Row<V>)| {
                let key = K::decode(&key).map_err(|error| unreadable(rows.store.name(), &error))?;
                Ok((key, Timestamped { value, timestamp }))
            };
            found.map(decode).collect::<Result<Vec<_>, RowError>>()
        });
        found.unwrap_or_default()
    }

    /// All pairs, ordered by the keys' encoded bytes.
    #[must_use]
    pub fn all(&self) -> Vec<(K, Timestamped<V>)> {
        self.range(..)
    }
}

fn bytes_of(value: &impl Value) -> Result<Vec<u8>, RowError> {
    let mut bytes = Vec::new();
    value.encode(&mut bytes)?;
    Ok(bytes)
}
