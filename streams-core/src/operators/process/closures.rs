//! Closures as processors.

use std::marker::PhantomData;
use std::sync::Arc;

use super::{Forward, ForwardValues, Processor, ValueProcessor, processor_recipe, value_processor_recipe};
use crate::operators::processor_stores::{Refs, StoreTuple};
use crate::operators::{Recipe, StoreId};
use crate::record::Record;

/// A node that runs a closure for each `Record<K, V>` and forwards what it sends as `Record<K2, V2>`. `ids` are the
/// numbers of `stores`, in order.
pub(crate) fn recipe<S, K, V, K2, V2, F>(stores: &S, ids: Vec<StoreId>, process: F) -> Recipe
where
    S: StoreTuple,
    K: 'static,
    V: 'static,
    K2: Clone + 'static,
    V2: Clone + 'static,
    F: Fn(Refs<'_, S>, &K, V, &mut Forward<'_, K2, V2>) + Send + Sync + 'static,
{
    let _ = stores;
    let process = Arc::new(process);
    processor_recipe(ids, move || Closure::<S, F> { process: Arc::clone(&process), stores: PhantomData })
}

/// A node that runs a closure for each `Record<K, V>` and forwards what it sends under the same key. `ids` are the
/// numbers of `stores`, in order.
pub(crate) fn values_recipe<S, K, V, V2, F>(stores: &S, ids: Vec<StoreId>, process: F) -> Recipe
where
    S: StoreTuple,
    K: Clone + 'static,
    V: 'static,
    V2: Clone + 'static,
    F: Fn(Refs<'_, S>, &K, V, &mut ForwardValues<'_, V2>) + Send + Sync + 'static,
{
    let _ = stores;
    let process = Arc::new(process);
    value_processor_recipe(ids, move || Closure::<S, F> { process: Arc::clone(&process), stores: PhantomData })
}

struct Closure<S, F> {
    process: Arc<F>,
    stores: PhantomData<fn() -> S>,
}

impl<S, K, V, K2, V2, F> Processor<K, V, K2, V2> for Closure<S, F>
where
    S: StoreTuple,
    F: Fn(Refs<'_, S>, &K, V, &mut Forward<'_, K2, V2>) + 'static,
{
    type Stores = S;

    fn process(&mut self, stores: Refs<'_, S>, record: Record<K, V>, out: &mut Forward<'_, K2, V2>) {
        (self.process)(stores, &record.key, record.value, out);
    }
}

impl<S, K, V, V2, F> ValueProcessor<K, V, V2> for Closure<S, F>
where
    S: StoreTuple,
    F: Fn(Refs<'_, S>, &K, V, &mut ForwardValues<'_, V2>) + 'static,
{
    type Stores = S;

    fn process(&mut self, stores: Refs<'_, S>, record: Record<K, V>, out: &mut ForwardValues<'_, V2>) {
        (self.process)(stores, &record.key, record.value, out);
    }
}
