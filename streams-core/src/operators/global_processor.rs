//! The source of a global processor: it passes its topic's records to the program's own code, which fills a store that
//! every task can read.
//!
//! Like that of a [global table](super::global_source) it runs outside any task: the store's owner feeds it records and
//! stores the rows that it sends, or what it has written to its state. So the rows of a batch and the position after it are
//! written at once, and each record changes the store exactly once, whatever the guarantee. Until then, the code finds its
//! own writes in the open store ([`FilledStore`]).

use std::marker::PhantomData;
use std::sync::Arc;

use super::processor_stores::{FilledStore, StoreUse};
use super::source::{read_key, undecodable};
use super::{BuiltNode, Context, Destination, OperatorError, Recipe, SourceNode, StoreId};
use crate::log::RecordRef;
use crate::record::{Partition, Record};
use crate::topic::TopicRef;
use crate::windows::WindowSizes;
use crate::wire::{Field, refuse_windows};

/// Calls `code` with each record and the store, which it writes to.
#[must_use]
pub(crate) fn recipe<K: Field, V: Field, S: FilledStore>(
    topic: TopicRef,
    (store, windows): (StoreId, WindowSizes),
    code: impl Fn(&mut S::Filled<'_>, Record<K, V>) + Send + Sync + 'static,
) -> Recipe {
    const { refuse_windows::<V>() };
    let code = Arc::new(code);
    Recipe::new(move |builder| {
        let (node, sink) = (Arc::clone(builder.name()), builder.destination(&topic)?);
        let (open, code) = (S::open_filled(builder, store)?, Arc::clone(&code));
        Ok(BuiltNode::source(GlobalProcessor::<_, K, V, S> { node, open, sink, windows, code, types: PhantomData }))
    })
    .of_topic::<K, V>(windows)
    .of_rows(store, S::shapes())
}

struct GlobalProcessor<C, K, V, S: FilledStore> {
    node: Arc<str>,
    open: S::OpenFilled,
    sink: Destination,
    windows: WindowSizes,
    code: Arc<C>,
    types: PhantomData<fn(K, V)>,
}

impl<C, K: Field, V: Field, S: FilledStore> SourceNode for GlobalProcessor<C, K, V, S>
where
    C: Fn(&mut S::Filled<'_>, Record<K, V>) + 'static,
{
    fn process(&mut self, context: &mut Context, record: RecordRef<'_>) -> Result<(), OperatorError> {
        let key = read_key::<K>(&record, &self.windows)?;
        let value = V::read(record.value).map_err(|error| undecodable("value", error, record.value))?;
        // As in a global table's topic, any timestamp is accepted, even a negative one.
        let (timestamp, headers) = (record.timestamp, record.headers());
        let use_ = StoreUse::new(timestamp, context.stream_time);
        let record = Record { key, value, timestamp, headers: headers.clone() };
        (self.code)(&mut S::lend_filled(&self.open, &use_), record);
        use_.finish(&self.node, context)?;
        for (key, changed) in S::take_written(&self.open) {
            let (value, timestamp) = match &changed {
                Some((value, timestamp)) => (Some(value.as_slice()), *timestamp),
                None => (None, timestamp),
            };
            context.send(&self.node, &self.sink, Partition(0), Some(&key), value, timestamp, &headers)?;
        }
        Ok(())
    }
}
