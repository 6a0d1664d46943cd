//! Forwards a side's records, and then keeps them for the other side.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use crate::operators::{BuiltNode, Context, DropReason, Next, OperatorError, Outputs, Recipe, StoreId};
use crate::record::Record;
use crate::state::join_rows::{Buffered, JoinRows};
use crate::state::kinds::JoinBuffer;
use crate::wire::{EncodeError, Nullable, NullableKey};

/// Takes `Record<K, V>` and forwards it. Records with a key are logged, and kept unless they are null or so late that
/// none of the other side can find them, which is counted.
pub(super) fn recipe<K: NullableKey, V: Nullable>(store: StoreId, layout: JoinBuffer) -> Recipe {
    Recipe::new(move |builder| {
        let rows = builder.store(store, |access| JoinRows::new(access, layout))?;
        rows.borrow_mut().keep_newest_in(builder.stream_time());
        let (node, outputs) = (Arc::clone(builder.name()), builder.outputs::<K, V>()?);
        Ok(BuiltNode::link::<K, V>(Buffer { node, rows, outputs, key: Vec::new(), value: Vec::new() }))
    })
    .of_store::<K::Inner, V>(store)
}

struct Buffer<K, V> {
    node: Arc<str>,
    rows: Rc<RefCell<JoinRows>>,
    outputs: Outputs<K, V>,
    key: Vec<u8>,
    value: Vec<u8>,
}

impl<K: NullableKey, V: Nullable> Buffer<K, V> {
    /// Encodes the record before it is forwarded. Returns whether key and value are there.
    fn encode(&mut self, record: &Record<K, V>) -> Result<(bool, bool), EncodeError> {
        self.key.clear();
        self.value.clear();
        Ok((record.key.write(&mut self.key)?, record.value.write(&mut self.value)?))
    }
}

impl<K: NullableKey, V: Nullable> Next<K, V> for Buffer<K, V> {
    fn process(&mut self, context: &mut Context, record: Record<K, V>) -> Result<(), OperatorError> {
        let (timestamp, headers) = (record.timestamp, record.headers.clone());
        let (has_key, has_value) = self.encode(&record).map_err(|error| self.failed(error))?;
        self.outputs.forward(context, record)?;
        if !has_key {
            return Ok(());
        }
        let value = has_value.then_some(self.value.as_slice());
        let record = Buffered { key: &self.key, value, timestamp, headers: &headers };
        if self.rows.borrow_mut().put(record).map_err(|error| self.failed(error))? {
            context.drop_record(&self.node, DropReason::Late);
        }
        Ok(())
    }
}

impl<K, V> Buffer<K, V> {
    #[cold]
    fn failed(&self, error: impl Into<crate::state::rows::RowError>) -> OperatorError {
        OperatorError::rows(&self.node, error.into())
    }
}
