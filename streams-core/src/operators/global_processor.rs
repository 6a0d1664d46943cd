//! The source of a global processor: it passes its topic's records to the program's own code, which fills a store that
//! every task can read.
//!
//! Like that of a [global table](super::global_source) it runs outside any task: the store's owner feeds it records and
//! stores the rows it sends. So the rows of a batch and the position after it are written at once, and what the code has
//! written is processed exactly once, whatever the guarantee. Until then, the code finds its own writes
//! in [`GlobalRows`].

use std::cell::RefCell;
use std::marker::PhantomData;
use std::sync::Arc;

use super::processor_stores::{GlobalRows, GlobalStoreRef, StoreUse};
use super::source::{read_key, undecodable};
use super::{BuiltNode, Context, Destination, OperatorError, Recipe, SourceNode, StoreId};
use crate::log::RecordRef;
use crate::record::{Partition, Record};
use crate::topic::TopicRef;
use crate::windows::WindowSizes;
use crate::wire::{Field, Key, Value, refuse_windows};

/// Calls `code` with each record and the store. What it has written is sent as rows.
#[must_use]
pub(crate) fn recipe<K: Field, V: Field, SK: Key, SV: Value>(
    topic: TopicRef,
    (store, windows): (StoreId, WindowSizes),
    code: impl Fn(&mut GlobalStoreRef<'_, SK, SV>, Record<K, V>) + Send + Sync + 'static,
) -> Recipe {
    const {
        refuse_windows::<V>();
        refuse_windows::<SV>();
        assert!(SK::WINDOWS == 0, "the keys of a global store cannot contain windows");
    };
    let code = Arc::new(code);
    Recipe::new(move |builder| {
        let (node, sink) = (Arc::clone(builder.name()), builder.destination(&topic)?);
        let rows = RefCell::new(GlobalRows::new(builder.global_store(store)?));
        let code = Arc::clone(&code);
        Ok(BuiltNode::source(GlobalProcessor { node, rows, sink, windows, code, types: PhantomData }))
    })
}

struct GlobalProcessor<C, K, V, SK, SV> {
    node: Arc<str>,
    rows: RefCell<GlobalRows>,
    sink: Destination,
    windows: WindowSizes,
    code: Arc<C>,
    types: PhantomData<fn(K, V, SK, SV)>,
}

impl<C, K: Field, V: Field, SK: Key, SV: Value> SourceNode for GlobalProcessor<C, K, V, SK, SV>
where
    C: Fn(&mut GlobalStoreRef<'_, SK, SV>, Record<K, V>) + 'static,
{
    fn process(&mut self, context: &mut Context, record: RecordRef<'_>) -> Result<(), OperatorError> {
        let key = read_key::<K>(&record, &self.windows)?;
        let value = V::read(record.value).map_err(|error| undecodable("value", error, record.value))?;
        // As in a global table's topic, any timestamp is accepted, even a negative one.
        let (timestamp, headers) = (record.timestamp, record.headers());
        let use_ = StoreUse::new(timestamp, context.stream_time);
        let record = Record { key, value, timestamp, headers: headers.clone() };
        (self.code)(&mut GlobalStoreRef::new(&self.rows, &use_), record);
        use_.finish(&self.node, context)?;
        for (key, changed) in self.rows.borrow_mut().take_written() {
            let (value, timestamp) = match &changed {
                Some((value, timestamp)) => (Some(value.as_slice()), *timestamp),
                None => (None, timestamp),
            };
            context.send(&self.node, &self.sink, Partition(0), Some(&key), value, timestamp, &headers)?;
        }
        Ok(())
    }
}
