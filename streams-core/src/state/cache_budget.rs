//! How many bytes a worker's caches may hold together.
//!
//! All caches of a worker share one budget, whichever tasks they belong to, and report what they hold. A cache never
//! refuses a row: the worker makes room between two records, when the budget is exceeded.

use std::cell::Cell;
use std::rc::Rc;

/// The share of the budget that is freed when it is exceeded, so that this does not happen at every record.
const SHARE_TO_FREE: usize = 64;

/// A budget, shared by those who hold a clone.
#[derive(Debug, Clone)]
pub(crate) struct CacheBudget(Rc<Budget>);

#[derive(Debug)]
struct Budget {
    limit: usize,
    held: Cell<usize>,
    changes: Cell<u64>,
}

impl Default for CacheBudget {
    fn default() -> Self {
        Self::off()
    }
}

impl CacheBudget {
    /// A budget of so many bytes; with 0 there are no caches.
    #[must_use]
    pub(crate) fn new(limit: usize) -> Self {
        Self(Rc::new(Budget { limit, held: Cell::new(0), changes: Cell::new(0) }))
    }

    /// No caches.
    #[must_use]
    pub(crate) fn off() -> Self {
        Self::new(0)
    }

    /// Whether there are no caches.
    #[must_use]
    pub(crate) fn is_off(&self) -> bool {
        self.0.limit == 0
    }

    /// How many bytes the caches hold.
    #[must_use]
    pub(crate) fn held(&self) -> usize {
        self.0.held.get()
    }

    /// Whether the caches hold more than they may.
    #[inline]
    #[must_use]
    pub(crate) fn is_exceeded(&self) -> bool {
        self.0.held.get() > self.0.limit
    }

    /// Whether rows are to be dropped, once the budget was exceeded.
    #[must_use]
    pub(crate) fn has_to_free(&self) -> bool {
        self.0.held.get() > self.0.limit - self.0.limit / SHARE_TO_FREE
    }

    /// How often a row in a cache was changed so far.
    #[must_use]
    pub(crate) fn changes(&self) -> u64 {
        self.0.changes.get()
    }

    /// Notes that a row in a cache is changed.
    #[inline]
    pub(super) fn note_change(&self) {
        self.0.changes.set(self.0.changes.get() + 1);
    }

    pub(super) fn add(&self, bytes: usize) {
        self.0.held.set(self.0.held.get() + bytes);
    }

    pub(super) fn remove(&self, bytes: usize) {
        self.0.held.set(self.0.held.get().saturating_sub(bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_freed_a_little_below_what_it_allows() {
        let budget = CacheBudget::new(6_400);
        let other = budget.clone();
        other.add(6_400);
        assert_eq!((budget.held(), budget.is_exceeded(), budget.has_to_free()), (6_400, false, true));
        budget.add(1);
        assert!(other.is_exceeded());
        other.remove(101);
        assert_eq!((budget.held(), budget.is_exceeded(), budget.has_to_free()), (6_300, false, false));
        assert!(!budget.is_off() && CacheBudget::off().is_off());
    }
}
