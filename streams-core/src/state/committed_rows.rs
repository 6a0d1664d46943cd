//! A store's rows as the last commit left them.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use super::rows::RowError;
use super::{FreshRows, KeyOrder, KeyRange, StoreIndex, TaskState};

/// Reads one store of a task beneath the uncommitted writes.
pub(crate) struct CommittedRows {
    name: Arc<str>,
    index: StoreIndex,
    state: Rc<RefCell<TaskState>>,
}

impl CommittedRows {
    pub(crate) const fn new(name: Arc<str>, index: StoreIndex, state: Rc<RefCell<TaskState>>) -> Self {
        Self { name, index, state }
    }
}

impl FreshRows for CommittedRows {
    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn get(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, RowError> {
        Ok(self.state.borrow_mut().committed().get(self.index, key)?)
    }

    fn scan(&mut self, range: KeyRange<'_>, each: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<(), RowError> {
        let mut state = self.state.borrow_mut();
        let store = state.committed();
        let pairs = match range.order {
            KeyOrder::Ascending => store.range(self.index, range.from, range.to),
            KeyOrder::Descending => store.range_reverse(self.index, range.from, range.to),
        };
        for pair in pairs {
            let (key, row) = pair?;
            if !each(&key, &row) {
                break;
            }
        }
        Ok(())
    }
}
