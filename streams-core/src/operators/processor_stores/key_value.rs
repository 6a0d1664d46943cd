//! Key-value stores in processors.

use std::any::TypeId;
use std::cell::RefCell;
use std::ops::{ControlFlow, RangeBounds};
use std::rc::Rc;
use std::sync::Arc;

use super::{ProcessorStore, StoreOrigin, StoreSpec, StoreUse, late};
use crate::operators::expiry::expire_unseen;
use crate::operators::{BuildError, NodeBuilder, StoreId};
use crate::state::key_value::{KeyBound, KeyValue};
use crate::state::kinds::{Plain, Table};
use crate::state::rows::RowError;
use crate::state::{KeyOrder, KeyValueStore, StoreKind, StoreValue};
use crate::wire::{Shape, Shapes, Value};

/// A key-value store, borrowed while a record is processed.
///
/// If the store fails, or a key or value cannot be encoded, the record fails when the code returns, and the
/// application stops with an error that names the node and the store. Until then, reads return nothing, writes do
/// nothing, and nothing that the code sends is delivered.
pub struct StoreRef<'a, K, V> {
    store: &'a RefCell<KeyValue<K, V>>,
    use_: &'a StoreUse,
}

/// How many pairs are read from the store at once.
const PAGE: usize = 256;

impl<K: Value, V: StoreValue> StoreRef<'_, K, V> {
    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<V> {
        self.attempt(|store| store.get(key)).flatten()
    }

    /// Sets the value of a key.
    pub fn put(&mut self, key: &K, value: V) {
        self.set(key, Some(&value));
    }

    /// Deletes a key, if it is there.
    pub fn delete(&mut self, key: &K) {
        self.set(key, None);
    }

    fn set(&self, key: &K, value: Option<&V>) {
        let times = (self.use_.timestamp, self.use_.stream_time);
        self.use_.count_expired(self.attempt(|store| store.put(key, value, times)));
    }

    /// Deletes a key and returns the value that it had.
    pub fn take(&mut self, key: &K) -> Option<V> {
        let value = self.get(key);
        self.delete(key);
        value
    }

    /// Sets the value of a key that has none, and returns the one that it has otherwise.
    pub fn put_if_absent(&mut self, key: &K, value: V) -> Option<V> {
        let there = self.get(key);
        if there.is_none() {
            self.put(key, value);
        }
        there
    }

    /// The pairs in a range of keys, ordered by the keys' encoded bytes as in Kafka Streams. For text and
    /// non-negative numbers this is their natural order.
    #[must_use]
    pub fn range(&self, keys: impl RangeBounds<K>) -> Vec<(K, V)> {
        let mut pairs = Vec::new();
        self.visit(keys, |key, value| {
            pairs.push((key, value));
            ControlFlow::Continue(())
        });
        pairs
    }

    /// As [`StoreRef::range`], in reverse order.
    #[doc(alias = "reverse_range")]
    #[must_use]
    pub fn range_reverse(&self, keys: impl RangeBounds<K>) -> Vec<(K, V)> {
        let mut pairs = Vec::new();
        self.visit_reverse(keys, |key, value| {
            pairs.push((key, value));
            ControlFlow::Continue(())
        });
        pairs
    }

    /// All pairs, ordered by the keys' encoded bytes.
    #[must_use]
    pub fn all(&self) -> Vec<(K, V)> {
        self.range(..)
    }

    /// The pairs whose keys' encoded bytes start with those of `prefix`, ordered by them. For strings, these are the keys
    /// that start with the string.
    #[doc(alias = "prefix_scan")]
    #[must_use]
    pub fn prefix(&self, prefix: &impl Value) -> Vec<(K, V)> {
        let mut pairs = Vec::new();
        let bounds = self.attempt(|store| store.bounds_of(prefix));
        self.visit_between(bounds, KeyOrder::Ascending, |key, value| {
            pairs.push((key, value));
            ControlFlow::Continue(())
        });
        pairs
    }

    /// Calls `each` with the pairs in a range of keys, ordered by the keys' encoded bytes, until it breaks. For
    /// ranges that are too large for [`StoreRef::range`].
    pub fn visit(&self, keys: impl RangeBounds<K>, each: impl FnMut(K, V) -> ControlFlow<()>) {
        self.visit_between(self.bounds(keys), KeyOrder::Ascending, each);
    }

    /// As [`StoreRef::visit`], in reverse order.
    #[doc(alias = "reverse_all")]
    pub fn visit_reverse(&self, keys: impl RangeBounds<K>, each: impl FnMut(K, V) -> ControlFlow<()>) {
        self.visit_between(self.bounds(keys), KeyOrder::Descending, each);
    }

    fn bounds(&self, keys: impl RangeBounds<K>) -> Option<(KeyBound, KeyBound)> {
        self.attempt(|store| Ok((store.bound(keys.start_bound())?, store.bound(keys.end_bound())?)))
    }

    fn visit_between(
        &self,
        bounds: Option<(KeyBound, KeyBound)>,
        order: KeyOrder,
        mut each: impl FnMut(K, V) -> ControlFlow<()>,
    ) {
        let Some((mut from, mut to)) = bounds else { return };
        // The state is not borrowed between pages, so `each` may use other stores.
        while let Some((pairs, next)) = self.attempt(|store| store.page((&from, &to), order, PAGE)) {
            for (key, value) in pairs {
                if each(key, value).is_break() {
                    return;
                }
            }
            let Some(next) = next else { return };
            match order {
                KeyOrder::Ascending => from = next,
                KeyOrder::Descending => to = next,
            }
        }
    }

    /// Counts the keys by reading the whole store.
    #[doc(alias = "approximate_num_entries")]
    #[must_use]
    pub fn count(&self) -> usize {
        self.attempt(|store| store.count()).unwrap_or(0)
    }

    fn attempt<R>(&self, action: impl FnOnce(&mut KeyValue<K, V>) -> Result<R, RowError>) -> Option<R> {
        self.use_.attempt(self.store, action)
    }
}

impl<K: Value, V: StoreValue> ProcessorStore for KeyValueStore<K, V> {
    type Ref<'a> = StoreRef<'a, K, V>;
    type Open = Rc<RefCell<KeyValue<K, V>>>;

    fn spec(&self) -> StoreSpec {
        const { V::CHECKED };
        let kind: Arc<dyn StoreKind> = if V::TIMESTAMPED { Arc::new(Table) } else { Arc::new(Plain) };
        StoreSpec {
            name: self.name().to_owned(),
            types: TypeId::of::<Self>(),
            type_names: format!("{} and {}", std::any::type_name::<K>(), std::any::type_name::<V>()),
            shapes: Shapes { key: Shape::of::<K>(), value: V::shape() },
            windows_in_keys: K::WINDOWS,
            windows: self.windows(),
            origin: StoreOrigin::Processor(kind),
        }
    }

    fn open(builder: &mut NodeBuilder<'_>, store: StoreId) -> Result<Self::Open, BuildError> {
        let rows = late::store(builder, store, KeyValue::new)?;
        if builder.expires_after(store)?.is_some() {
            expire_unseen(builder, &rows);
        }
        Ok(rows)
    }

    fn lend<'a>(open: &'a Self::Open, use_: &'a StoreUse) -> StoreRef<'a, K, V> {
        StoreRef { store: open, use_ }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operators::process;
    use crate::operators::testing::{Chain, Setup, at};

    const NUMBERS: KeyValueStore<String, i64> = KeyValueStore::new("numbers");

    #[test]
    fn stores_are_read_in_reverse_and_by_prefix() {
        let recipe = process::recipe(&NUMBERS, vec![StoreId(0)], |mut numbers, (): &(), limit: usize, out| {
            for number in 0..600 {
                numbers.put(&format!("{number:03}"), number);
            }
            let mut last = Vec::new();
            numbers.visit_reverse(.."500".to_owned(), |_, number| {
                last.push(number);
                if last.len() == limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            let prefix = numbers.prefix(&"01".to_owned()).into_iter().map(|(_, number)| number);
            out.send(last, prefix.collect::<Vec<_>>());
        });
        let setup = Setup { stores: vec!["numbers"], ..Setup::default() };
        let mut chain: Chain<(), usize, Vec<i64>, Vec<i64>> = Chain::with(setup, &recipe);
        for limit in [3, 300, 10_000] {
            chain.send(at(1, (), limit));
        }
        for (record, count) in chain.received().into_iter().zip([3, 300, 500]) {
            assert_eq!(record.key, (0..500).rev().take(count).collect::<Vec<_>>());
            assert_eq!(record.value, (10..20).collect::<Vec<_>>());
        }
    }
}
