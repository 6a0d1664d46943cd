//! Stores of the program's own code whose changes are logged at commits.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use crate::operators::{BuildError, Context, Flush, NodeBuilder, OperatorError, StoreId};
use crate::record::Timestamp;
use crate::state::late_changelog::LateChangelog;
use crate::state::{CacheBudget, StoreAccess, StoreError, StoreView};

/// The store's view, whose changes are logged at commits if the store is to be cached, or else at once.
pub(super) fn store<S: StoreView>(
    builder: &mut NodeBuilder<'_>,
    store: StoreId,
    make: impl FnOnce(StoreAccess) -> S,
) -> Result<Rc<RefCell<S>>, BuildError> {
    let mut late = None;
    let view = builder.cached_store(store, |access, budget| make(waiting(access, budget, &mut late)))?;
    flush_at_commit(builder, late);
    Ok(view)
}

/// As [`store`], for rows that expire; see [`NodeBuilder::timed_store`].
pub(super) fn timed_store<S: StoreView>(
    builder: &mut NodeBuilder<'_>,
    store: StoreId,
    make: impl FnOnce(StoreAccess, Rc<Cell<Timestamp>>) -> S,
) -> Result<Rc<RefCell<S>>, BuildError> {
    let mut late = None;
    let view = builder.timed_store(store, |access, budget, time| make(waiting(access, budget, &mut late), time))?;
    flush_at_commit(builder, late);
    Ok(view)
}

type Late = Option<Rc<RefCell<LateChangelog>>>;

fn waiting(access: StoreAccess, budget: CacheBudget, late: &mut Late) -> StoreAccess {
    if budget.is_off() {
        return access;
    }
    let (access, changelog) = access.logging_late(budget);
    *late = changelog;
    access
}

fn flush_at_commit(builder: &mut NodeBuilder<'_>, late: Late) {
    if let Some(changelog) = late {
        let node = Arc::clone(builder.name());
        builder.flush_at_commit(Rc::new(RefCell::new(Flusher { node, changelog })));
    }
}

struct Flusher {
    node: Arc<str>,
    changelog: Rc<RefCell<LateChangelog>>,
}

impl Flusher {
    fn log(&self, write: impl FnOnce(&mut LateChangelog) -> Result<bool, StoreError>) -> Result<bool, OperatorError> {
        write(&mut self.changelog.borrow_mut()).map_err(|error| OperatorError::rows(&self.node, error.into()))
    }
}

impl Flush for Flusher {
    fn flush(&mut self, _: &mut Context, rows_max: usize) -> Result<bool, OperatorError> {
        self.log(|changelog| changelog.flush(rows_max))
    }

    fn make_room(&mut self, _: &mut Context, rows_max: usize) -> Result<bool, OperatorError> {
        self.log(|changelog| changelog.make_room(rows_max))
    }

    /// All that it has is not written.
    fn drop_clean(&mut self, _: usize) -> bool {
        true
    }
}
