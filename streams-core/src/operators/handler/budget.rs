//! How many bytes the records of all handlers of a process may take together, of those that have no limit of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What they may take, and what they do.
#[derive(Debug, Clone)]
pub(crate) struct InFlightBudget {
    held: Arc<AtomicUsize>,
    max: usize,
}

impl InFlightBudget {
    pub(crate) fn of(max: usize) -> Self {
        Self { held: Arc::default(), max }
    }

    /// The part of somebody who holds nothing yet.
    pub(super) fn share(&self) -> Share {
        Share { budget: self.clone(), bytes: 0 }
    }
}

/// What one task's records take, which is given back with it.
#[derive(Debug)]
pub(super) struct Share {
    budget: InFlightBudget,
    bytes: usize,
}

impl Share {
    /// From now on they take so many bytes.
    pub(super) fn set(&mut self, bytes: usize) {
        // Whoever looks meanwhile may see too much, and never too little.
        self.budget.held.fetch_add(bytes, Ordering::Relaxed);
        self.budget.held.fetch_sub(self.bytes, Ordering::Relaxed);
        self.bytes = bytes;
    }

    /// Whether no more should be added. Who has nothing may take one record in any case, so that everybody gets on.
    pub(super) fn is_used_up(&self) -> bool {
        self.bytes > 0 && self.budget.held.load(Ordering::Relaxed) >= self.budget.max
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_shares_count_together_and_nobody_is_locked_out() {
        let budget = InFlightBudget::of(100);
        let (mut one, mut other) = (budget.share(), budget.share());
        for (bytes, expected) in
            [((0, 0), (false, false)), ((99, 0), (false, false)), ((99, 1), (true, true)), ((500, 0), (true, false))]
        {
            one.set(bytes.0);
            other.set(bytes.1);
            assert_eq!((one.is_used_up(), other.is_used_up()), expected, "{bytes:?}");
        }
        other.set(1);
        drop(one);
        assert!(!other.is_used_up());
    }
}
