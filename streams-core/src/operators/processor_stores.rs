//! How a program's own code accesses stores: it passes constants and gets borrowed handles.
//!
//! `(SEEN, TOTALS)` names two stores; while a record is processed, the code has a [`StoreRef`] to each. Its methods
//! return no errors. After a first failure they do nothing more, and the record fails when the code returns.

use std::any::TypeId;
use std::cell::{Cell, RefCell};
use std::ops::{ControlFlow, RangeBounds};
use std::rc::Rc;

use super::{BuildError, NodeBuilder, StoreId};
use crate::record::Timestamp;
use crate::state::key_value::{KeyBound, KeyValue};
use crate::state::rows::RowError;
use crate::state::{KeyOrder, KeyValueStore};
use crate::windows::WindowSizes;
use crate::wire::{Value, refuse_windows};

/// A store that a processor asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreSpec {
    /// The store's name.
    pub name: String,
    /// The store's Rust types. All processors that use the store must agree on them.
    pub types: TypeId,
    /// The types' names, for error messages.
    pub type_names: String,
    /// How many windows a key contains.
    pub windows_in_keys: usize,
    /// The sizes of those windows, as far as the constant sets them.
    pub windows: WindowSizes,
}

/// A store constant that a processor can use.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name a store that a processor can use",
    label = "not a store for processors",
    note = "declare one with `const NAME: KeyValueStore<Key, Value> = KeyValueStore::new(\"name\")`"
)]
pub trait ProcessorStore: Clone + Send + Sync + 'static {
    /// The handle that the code gets.
    type Ref<'a>;
    /// The store in a task.
    #[doc(hidden)]
    type Open: 'static;

    /// Describes the store to the topology.
    fn spec(&self) -> StoreSpec;

    /// Opens the store for a task.
    #[doc(hidden)]
    fn open(builder: &mut NodeBuilder<'_>, store: StoreId) -> Result<Self::Open, BuildError>;

    /// Lends the store while a record is processed.
    #[doc(hidden)]
    fn lend<'a>(open: &'a Self::Open, use_: &'a StoreUse) -> Self::Ref<'a>;
}

/// The stores a processor uses: none (`()`), one constant, or a tuple of up to six.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name stores that a processor can use",
    label = "expected store constants",
    note = "pass `()`, one `KeyValueStore` constant, or a tuple of up to six of them"
)]
pub trait StoreTuple: Clone + Send + Sync + 'static {
    /// The handles that the code gets: for a tuple, a tuple of [`StoreRef`]s.
    type Refs<'a>;
    /// The stores in a task.
    #[doc(hidden)]
    type Open: 'static;

    /// Describes the stores to the topology, in order.
    fn specs(&self) -> Vec<StoreSpec>;

    /// Opens the stores for a task; `stores` are those of [`StoreTuple::specs`], in order.
    #[doc(hidden)]
    fn open(builder: &mut NodeBuilder<'_>, stores: &[StoreId]) -> Result<Self::Open, BuildError>;

    /// Lends the stores while a record is processed.
    #[doc(hidden)]
    fn lend<'a>(open: &'a Self::Open, use_: &'a StoreUse) -> Self::Refs<'a>;
}

/// The handles for a processor's stores.
pub type Refs<'a, S> = <S as StoreTuple>::Refs<'a>;

/// The access to stores during one record or punctuation.
#[doc(hidden)]
#[derive(Debug)]
pub struct StoreUse {
    timestamp: Timestamp,
    failed: Cell<bool>,
    failure: RefCell<Option<RowError>>,
}

impl StoreUse {
    pub(super) const fn new(timestamp: Timestamp) -> Self {
        Self { timestamp, failed: Cell::new(false), failure: RefCell::new(None) }
    }

    /// Reports the first failure, if there was one.
    pub(super) fn finish(self) -> Result<(), RowError> {
        self.failure.into_inner().map_or(Ok(()), Err)
    }

    fn fail(&self, error: RowError) {
        if !self.failed.replace(true) {
            *self.failure.borrow_mut() = Some(error);
        }
    }
}

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

impl<K: Value, V: Value> StoreRef<'_, K, V> {
    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<V> {
        self.attempt(|store| store.get(key)).flatten()
    }

    /// Sets the value of a key.
    pub fn put(&mut self, key: &K, value: V) {
        self.attempt(|store| store.put(key, Some(&value), self.use_.timestamp));
    }

    /// Deletes a key, if it is there.
    pub fn delete(&mut self, key: &K) {
        self.attempt(|store| store.put(key, None, self.use_.timestamp));
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

    /// All pairs, ordered by the keys' encoded bytes.
    #[must_use]
    pub fn all(&self) -> Vec<(K, V)> {
        self.range(..)
    }

    /// The pairs whose keys' encoded bytes start with those of `prefix`, ordered by them. For strings, these are the keys
    /// that start with the string.
    #[must_use]
    pub fn prefix(&self, prefix: &impl Value) -> Vec<(K, V)> {
        let mut pairs = Vec::new();
        let bounds = self.attempt(|_| KeyValue::<K, V>::bounds_of(prefix));
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
    #[must_use]
    pub fn count(&self) -> usize {
        self.attempt(|store| store.count()).unwrap_or(0)
    }

    fn attempt<R>(&self, action: impl FnOnce(&mut KeyValue<K, V>) -> Result<R, RowError>) -> Option<R> {
        if self.use_.failed.get() {
            return None;
        }
        match action(&mut self.store.borrow_mut()) {
            Ok(result) => Some(result),
            Err(error) => {
                self.use_.fail(error);
                None
            }
        }
    }
}

impl<K: Value, V: Value> ProcessorStore for KeyValueStore<K, V> {
    type Ref<'a> = StoreRef<'a, K, V>;
    type Open = Rc<RefCell<KeyValue<K, V>>>;

    fn spec(&self) -> StoreSpec {
        const { refuse_windows::<V>() };
        StoreSpec {
            name: self.name().to_owned(),
            types: TypeId::of::<Self>(),
            type_names: format!("{} and {}", std::any::type_name::<K>(), std::any::type_name::<V>()),
            windows_in_keys: K::WINDOWS,
            windows: self.windows(),
        }
    }

    fn open(builder: &mut NodeBuilder<'_>, store: StoreId) -> Result<Self::Open, BuildError> {
        builder.store(store, KeyValue::new)
    }

    fn lend<'a>(open: &'a Self::Open, use_: &'a StoreUse) -> StoreRef<'a, K, V> {
        StoreRef { store: open, use_ }
    }
}

impl<K: Value, V: Value> StoreTuple for KeyValueStore<K, V> {
    type Refs<'a> = StoreRef<'a, K, V>;
    type Open = <Self as ProcessorStore>::Open;

    fn specs(&self) -> Vec<StoreSpec> {
        vec![self.spec()]
    }

    fn open(builder: &mut NodeBuilder<'_>, stores: &[StoreId]) -> Result<Self::Open, BuildError> {
        <Self as ProcessorStore>::open(builder, *stores.first().ok_or_else(|| missing(builder))?)
    }

    fn lend<'a>(open: &'a Self::Open, use_: &'a StoreUse) -> StoreRef<'a, K, V> {
        <Self as ProcessorStore>::lend(open, use_)
    }
}

fn missing(builder: &NodeBuilder<'_>) -> BuildError {
    builder.error("it was not given as many stores as it asked for")
}

macro_rules! store_tuples {
    ($(($($name:ident $position:tt),*))*) => {$(
        impl<$($name: ProcessorStore),*> StoreTuple for ($($name,)*) {
            type Refs<'a> = ($($name::Ref<'a>,)*);
            type Open = ($($name::Open,)*);

            fn specs(&self) -> Vec<StoreSpec> {
                vec![$(self.$position.spec()),*]
            }

            #[allow(unused_variables, reason = "there may be no stores")]
            fn open(builder: &mut NodeBuilder<'_>, stores: &[StoreId]) -> Result<Self::Open, BuildError> {
                Ok(($($name::open(builder, *stores.get($position).ok_or_else(|| missing(builder))?)?,)*))
            }

            #[allow(clippy::unused_unit, unused_variables, reason = "there may be no stores")]
            fn lend<'a>(open: &'a Self::Open, use_: &'a StoreUse) -> Self::Refs<'a> {
                ($($name::lend(&open.$position, use_),)*)
            }
        }
    )*};
}

store_tuples! {
    ()
    (A 0)
    (A 0, B 1)
    (A 0, B 1, C 2)
    (A 0, B 1, C 2, D 3)
    (A 0, B 1, C 2, D 3, E 4)
    (A 0, B 1, C 2, D 3, E 4, F 5)
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
