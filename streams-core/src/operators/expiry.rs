//! Rows that expire: deleted, and their deletions forwarded, before a record is processed that has advanced stream time.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use super::{Context, NodeBuilder, OperatorError, Outputs};
use crate::record::{Change, Headers, Record};
use crate::state::StoreValue;
use crate::state::expiring_rows::{Expired, ExpiringRows};
use crate::state::key_value::KeyValue;
use crate::wire::{Key, Value};

/// A node whose rows expire.
pub(crate) trait Expire {
    /// Deletes what has expired at the context's stream time.
    ///
    /// # Errors
    /// As [`Next::process`](super::Next::process).
    fn expire(&mut self, context: &mut Context) -> Result<(), OperatorError>;
}

/// How many rows are deleted before their deletions are forwarded.
const ROWS_PER_STEP: usize = 256;

/// Has the rows of the node being built expire as stream time advances. Deletions have the times when rows have expired, and
/// no headers; the earliest come first, and those of the same time in the order of their keys' bytes.
pub(super) fn expire<K: Key, V: Value>(
    builder: &mut NodeBuilder<'_>,
    rows: &Rc<RefCell<ExpiringRows<K, V>>>,
    outputs: &Outputs<K, Change<V>>,
) {
    let (node, rows, outputs) = (Arc::clone(builder.name()), Rc::clone(rows), outputs.clone());
    let sends_old_values = builder.sends_old_values();
    builder.expire(Rc::new(RefCell::new(Expiry { node, rows, outputs, sends_old_values })));
}

struct Expiry<K, V> {
    node: Arc<str>,
    rows: Rc<RefCell<ExpiringRows<K, V>>>,
    outputs: Outputs<K, Change<V>>,
    sends_old_values: bool,
}

impl<K: Key, V: Value> Expire for Expiry<K, V> {
    fn expire(&mut self, context: &mut Context) -> Result<(), OperatorError> {
        loop {
            // The rows are let go before anything is forwarded, because nodes downstream may look them up.
            let expired = self.rows.borrow_mut().take_expired(context.stream_time, ROWS_PER_STEP);
            let expired = expired.map_err(|error| OperatorError::rows(&self.node, error))?;
            let is_last = expired.len() < ROWS_PER_STEP;
            for Expired { key, value, at } in expired {
                let value = Change::latest(Some(value).filter(|_| self.sends_old_values), None);
                let record = Record { key, value, timestamp: at, headers: Headers::new() };
                context.release(|context| self.outputs.forward(context, record))?;
            }
            if is_last {
                return Ok(());
            }
        }
    }
}

/// As [`expire`], for the rows of a processors' store: nobody is told.
pub(super) fn expire_unseen<K: Value, V: StoreValue>(
    builder: &mut NodeBuilder<'_>,
    rows: &Rc<RefCell<KeyValue<K, V>>>,
) {
    let (node, rows) = (Arc::clone(builder.name()), Rc::clone(rows));
    builder.expire(Rc::new(RefCell::new(UnseenExpiry { node, rows })));
}

struct UnseenExpiry<K, V> {
    node: Arc<str>,
    rows: Rc<RefCell<KeyValue<K, V>>>,
}

impl<K: Value, V: StoreValue> Expire for UnseenExpiry<K, V> {
    fn expire(&mut self, context: &mut Context) -> Result<(), OperatorError> {
        let expired = self.rows.borrow_mut().expire(context.stream_time);
        expired.map_err(|error| OperatorError::rows(&self.node, error))
    }
}
