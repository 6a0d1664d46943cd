//! Rows of runs that are forwarded once, when their windows close.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use super::{Context, OperatorError, Outputs};
use crate::record::{Change, Headers, Record, Timestamp};
use crate::state::open_windows::OpenWindows;
use crate::state::rows::RowError;
use crate::state::runs::{RunId, RunLayout, Runs};
use crate::wire::Value;

/// The rows of a node's table whose windows have not closed yet.
pub(super) struct OpenRows<L: RunLayout, V> {
    node: Arc<str>,
    rows: Rc<RefCell<Runs<L, V>>>,
    outputs: Outputs<L::Key, Change<V>>,
    windows: OpenWindows<L::Place>,
    /// Whether those in the store are known.
    is_complete: bool,
}

impl<L: RunLayout, V: Value> OpenRows<L, V> {
    /// The rows' node forwards nothing else.
    pub(super) fn new(node: Arc<str>, rows: &Rc<RefCell<Runs<L, V>>>, outputs: &Outputs<L::Key, Change<V>>) -> Self {
        rows.borrow_mut().read_on_close();
        let (rows, outputs) = (Rc::clone(rows), outputs.clone());
        Self { node, rows, outputs, windows: OpenWindows::new(), is_complete: false }
    }

    /// Before the first record: looks for the windows in the store that are no earlier than `open_from`.
    pub(super) fn complete(&mut self, open_from: Timestamp) -> Result<(), RowError> {
        if self.is_complete {
            return Ok(());
        }
        let windows = &mut self.windows;
        self.rows.borrow_mut().each_place(open_from.max(Timestamp(0)), &mut |key, place| windows.add(key, place))?;
        self.is_complete = true;
        Ok(())
    }

    /// A window of a run has a row.
    pub(super) fn add(&mut self, run: RunId, place: L::Place) {
        self.windows.add(self.rows.borrow().key(run), place);
    }

    /// A window of a run has no row any more.
    pub(super) fn remove(&mut self, run: RunId, place: L::Place) {
        self.windows.remove(self.rows.borrow().key(run), place);
    }

    /// Forwards the rows whose windows are before a moment.
    pub(super) fn close_before(
        &mut self,
        context: &mut Context,
        time: Timestamp,
        headers: &Headers,
    ) -> Result<(), OperatorError> {
        while let Some((place, key)) = self.windows.close_before(time) {
            // The rows are let go before one is forwarded, because nodes downstream may look it up.
            let row = self.rows.borrow_mut().peek_encoded(&key, place);
            let row = row.map_err(|error| OperatorError::rows(&self.node, error))?;
            let Some((value, timestamp)) = row else { continue };
            let key = self.rows.borrow().typed_key(&key, place);
            let key = key.map_err(|error| OperatorError::rows(&self.node, error))?;
            let (value, timestamp) = (Change::latest(None, Some(value)), L::forwarded(place, timestamp));
            let record = Record { key, value, timestamp, headers: headers.clone() };
            context.release(|context| self.outputs.forward(context, record))?;
        }
        Ok(())
    }
}
