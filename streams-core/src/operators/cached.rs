//! Flushing a node's typed cache: what happens to a table's held-back changes at a commit.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use super::{Context, Flush, NodeBuilder, OperatorError, Outputs};
use crate::record::Change;
use crate::state::rows::{ChangeOf, RowError, RowLayout, Rows};
use crate::state::window_store::WindowRows;
use crate::windows::Windowed;
use crate::wire::{Key, Value};

/// Rows that are written and forwarded in batches.
pub(super) trait CachedRows: 'static {
    type Key: Clone + 'static;
    type Value: Clone + 'static;

    fn is_cached(&self) -> bool;

    fn cached_bytes(&self) -> usize;

    fn set_cache_bytes(&mut self, bytes: usize);

    /// Writes some dirty rows and adds what is to be forwarded; returns whether there are more.
    fn flush(
        &mut self,
        rows_max: usize,
        forward: Option<&mut Vec<ChangeOf<Self::Key, Self::Value>>>,
    ) -> Result<bool, RowError>;
}

impl<L: RowLayout, V: Value> CachedRows for Rows<L, V> {
    type Key = L::Key;
    type Value = V;

    fn is_cached(&self) -> bool {
        Self::is_cached(self)
    }

    fn cached_bytes(&self) -> usize {
        Self::cached_bytes(self)
    }

    fn set_cache_bytes(&mut self, bytes: usize) {
        Self::set_cache_bytes(self, bytes);
    }

    fn flush(&mut self, rows_max: usize, forward: Option<&mut Vec<ChangeOf<L::Key, V>>>) -> Result<bool, RowError> {
        Self::flush(self, rows_max, forward)
    }
}

impl<K: Key, V: Value> CachedRows for WindowRows<K, V> {
    type Key = Windowed<K>;
    type Value = V;

    fn is_cached(&self) -> bool {
        Self::is_cached(self)
    }

    fn cached_bytes(&self) -> usize {
        Self::cached_bytes(self)
    }

    fn set_cache_bytes(&mut self, bytes: usize) {
        Self::set_cache_bytes(self, bytes);
    }

    fn flush(
        &mut self,
        rows_max: usize,
        forward: Option<&mut Vec<ChangeOf<Windowed<K>, V>>>,
    ) -> Result<bool, RowError> {
        Self::flush(self, rows_max, forward)
    }
}

/// Has the rows' cache, if they have one, flushed at commits, forwarding to `outputs`.
pub(super) fn flush_at_commit<R: CachedRows>(
    builder: &mut NodeBuilder<'_>,
    rows: &Rc<RefCell<R>>,
    outputs: &Outputs<R::Key, Change<R::Value>>,
) {
    if rows.borrow().is_cached() {
        let node = Arc::clone(builder.name());
        let flusher = Flusher { node, rows: Rc::clone(rows), outputs: outputs.clone(), changes: Vec::new() };
        builder.flush_at_commit(Rc::new(RefCell::new(flusher)));
    }
}

struct Flusher<R: CachedRows> {
    node: Arc<str>,
    rows: Rc<RefCell<R>>,
    outputs: Outputs<R::Key, Change<R::Value>>,
    changes: Vec<ChangeOf<R::Key, R::Value>>,
}

/// How many rows are written before they are forwarded: so many copies exist at a time.
const ROWS_PER_STEP: usize = 256;

impl<R: CachedRows> Flush for Flusher<R> {
    fn flush(&mut self, context: &mut Context) -> Result<(), OperatorError> {
        loop {
            // The rows are let go before anything is forwarded: nodes downstream may look them up.
            let forward = (!self.outputs.is_empty()).then_some(&mut self.changes);
            let flushed = self.rows.borrow_mut().flush(ROWS_PER_STEP, forward);
            let more = flushed.map_err(|error| OperatorError::rows(&self.node, error))?;
            for change in self.changes.drain(..) {
                self.outputs.forward(context, change)?;
            }
            if !more {
                return Ok(());
            }
        }
    }

    fn cached_bytes(&self) -> usize {
        self.rows.borrow().cached_bytes()
    }

    fn set_budget(&mut self, bytes: usize) {
        self.rows.borrow_mut().set_cache_bytes(bytes);
    }
}
