//! Flushes a node's typed cache at commits: writes and forwards the changes that it has held back.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use super::{Context, Flush, NodeBuilder, OperatorError, Outputs};
use crate::record::Change;
use crate::state::rows::{RowError, Rows};
use crate::state::runs::{RunLayout, Runs};
use crate::state::table_store::{ByKey, TableStore};
use crate::state::window_store::{ByWindow, WindowRows};
use crate::state::write_back::{ChangesOf, WriteBack};
use crate::wire::{Key, Value};

/// A store view whose cached rows are written and forwarded in batches.
pub(super) trait FlushedRows: 'static {
    type Rows: WriteBack;

    fn rows(&self) -> &Self::Rows;

    fn rows_mut(&mut self) -> &mut Self::Rows;
}

/// The key that such rows are forwarded with.
pub(super) type KeyOf<R> = <<R as FlushedRows>::Rows as WriteBack>::Key;

/// The value of such rows.
pub(super) type ValueOf<R> = <<R as FlushedRows>::Rows as WriteBack>::Value;

impl<K: Key, V: Value> FlushedRows for TableStore<K, V> {
    type Rows = Rows<ByKey<K>, V>;

    fn rows(&self) -> &Self::Rows {
        Self::rows(self)
    }

    fn rows_mut(&mut self) -> &mut Self::Rows {
        Self::rows_mut(self)
    }
}

impl<K: Key, V: Value> FlushedRows for WindowRows<K, V> {
    type Rows = Rows<ByWindow<K>, V>;

    fn rows(&self) -> &Self::Rows {
        Self::rows(self)
    }

    fn rows_mut(&mut self) -> &mut Self::Rows {
        Self::rows_mut(self)
    }
}

impl<L: RunLayout, V: Value> FlushedRows for Runs<L, V> {
    type Rows = Self;

    fn rows(&self) -> &Self {
        self
    }

    fn rows_mut(&mut self) -> &mut Self {
        self
    }
}

/// Registers the rows' cache, if they have one, to be flushed at commits and forwarded to `outputs`.
pub(super) fn flush_at_commit<R: FlushedRows>(
    builder: &mut NodeBuilder<'_>,
    rows: &Rc<RefCell<R>>,
    outputs: &Outputs<KeyOf<R>, Change<ValueOf<R>>>,
) {
    if rows.borrow().rows().is_cached() {
        let node = Arc::clone(builder.name());
        let flusher = Flusher { node, rows: Rc::clone(rows), outputs: outputs.clone(), changes: Vec::new() };
        builder.flush_at_commit(Rc::new(RefCell::new(flusher)));
    }
}

struct Flusher<R: FlushedRows> {
    node: Arc<str>,
    rows: Rc<RefCell<R>>,
    outputs: Outputs<KeyOf<R>, Change<ValueOf<R>>>,
    changes: ChangesOf<R::Rows>,
}

/// How many rows are written before they are forwarded. This limits the number of copies that exist at a time.
const ROWS_PER_STEP: usize = 256;

impl<R: FlushedRows> Flusher<R> {
    /// Has rows written, then forwards what has changed. The rows are let go before anything is forwarded, because
    /// nodes downstream may look them up.
    fn forward(
        &mut self,
        context: &mut Context,
        write: impl FnOnce(&mut R::Rows, Option<&mut ChangesOf<R::Rows>>) -> Result<bool, RowError>,
    ) -> Result<bool, OperatorError> {
        let forward = (!self.outputs.is_empty()).then_some(&mut self.changes);
        let written = write(self.rows.borrow_mut().rows_mut(), forward);
        let result = written.map_err(|error| OperatorError::rows(&self.node, error))?;
        for change in self.changes.drain(..) {
            context.release(|context| self.outputs.forward(context, change))?;
        }
        Ok(result)
    }
}

impl<R: FlushedRows> Flush for Flusher<R> {
    fn flush(&mut self, context: &mut Context, rows_max: usize) -> Result<bool, OperatorError> {
        let mut left = rows_max;
        loop {
            let rows = left.min(ROWS_PER_STEP);
            let more = self.forward(context, |cached, forward| cached.flush(rows, forward))?;
            left -= rows;
            if !more || left == 0 {
                return Ok(more);
            }
        }
    }

    fn make_room(&mut self, context: &mut Context, rows_max: usize) -> Result<bool, OperatorError> {
        self.forward(context, |cached, forward| cached.make_room(rows_max, forward))
    }

    fn drop_clean(&mut self, rows_max: usize) -> bool {
        self.rows.borrow_mut().rows_mut().drop_clean(rows_max)
    }
}
