//! What a task tells those who follow its stores: which rows have changed, and what they are now.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::Task;
use crate::runtime::queries::{Freshness, LiveRows};
use crate::runtime::worker::panic_message;
use crate::state::FreshRows;

impl Task {
    /// Notes changes of those stores from now on that somebody follows, and of no others.
    pub(crate) fn watch(&self, is_followed: impl Fn(&Arc<str>, Freshness) -> bool) {
        let (state, has_uncommitted) = (self.state.borrow(), self.needs_commit());
        for store in &self.stores {
            let followed = |freshness| is_followed(&store.name, freshness);
            state.watches().set(
                store.index,
                (followed(Freshness::Latest), followed(Freshness::Committed)),
                has_uncommitted,
            );
        }
    }

    /// Whether there are changed rows that somebody wants to hear of.
    pub(crate) fn has_changes(&self) -> bool {
        let state = self.state.borrow();
        let watches = state.watches();
        watches.is_any() && [false, true].into_iter().any(|committed| watches.has_changes(committed))
    }

    /// The stores whose committed rows have to be read anew by those who follow them.
    pub(crate) fn take_missed(&self) -> Vec<Arc<str>> {
        let missed = self.state.borrow().watches().take_missed();
        self.stores.iter().filter(|store| missed.contains(&store.index)).map(|store| Arc::clone(&store.name)).collect()
    }

    /// The stores with such rows.
    pub(crate) fn changed_stores(&self) -> Vec<(Arc<str>, Freshness)> {
        let state = self.state.borrow();
        let mut found = Vec::new();
        for (freshness, is_committed) in [(Freshness::Latest, false), (Freshness::Committed, true)] {
            let changed = state.watches().changed_stores(is_committed);
            let stores = self.stores.iter().filter(|store| changed.contains(&store.index));
            found.extend(stores.map(|store| (Arc::clone(&store.name), freshness)));
        }
        found
    }

    /// Takes some changed rows of a store, as they are now. One that cannot be encoded is told and left out; the task will
    /// not get beyond it.
    pub(crate) fn take_changed(&mut self, store: &Arc<str>, freshness: Freshness, rows_max: usize) -> LiveRows {
        let Some(index) = self.stores.iter().find(|other| other.name == *store).map(|found| found.index) else {
            return LiveRows::default();
        };
        let keys = self.state.borrow().watches().take(freshness == Freshness::Committed, index, rows_max);
        let view = self.view(store).filter(|_| freshness == Freshness::Latest);
        let mut committed = self.committed_rows(store, index);
        let mut changed = LiveRows::default();
        for place in keys {
            // What a panic leaves behind belongs to no row.
            let added = catch_unwind(AssertUnwindSafe(|| {
                changed.add(&place, |bytes| match &view {
                    Some(view) => view.borrow_mut().fresh_rows().append(&place, bytes),
                    None => committed.append(&place, bytes),
                })
            }));
            match added {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(%store, %error, "a row that has changed cannot be read"),
                Err(panic) => {
                    let panic = panic_message(&*panic);
                    tracing::error!(%store, panic, "a row that has changed cannot be encoded");
                }
            }
        }
        changed
    }
}
