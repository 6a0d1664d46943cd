//! What a handler has done, in numbers.

use std::collections::BTreeMap;

/// What a handler has done in one task since the application started in this process, and what it is doing. Totals never
/// decrease.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HandlerMetrics {
    /// Records that were accepted.
    pub accepted: u64,
    /// Records with which it has succeeded.
    pub succeeded: u64,
    /// Attempts that have failed and are made again.
    pub retried: u64,
    /// Records that were moved to retry topics, which are among those that were retried. They are accepted again when they
    /// are due.
    pub moved_to_topics: u64,
    /// Records that were given up, by what the last attempt ended with: `error`, `permanent`, `panic`, `timeout`, or
    /// `cancelled`.
    pub given_up: BTreeMap<&'static str, u64>,
    /// Records that are being handled now.
    pub running: u64,
    /// Records that wait: for a handler, for another one of their key, or until they are tried again.
    pub waiting: u64,
}

impl HandlerMetrics {
    /// Adds the totals of an earlier time.
    pub(crate) fn after(mut self, before: &Self) -> Self {
        self.accepted += before.accepted;
        self.succeeded += before.succeeded;
        self.retried += before.retried;
        self.moved_to_topics += before.moved_to_topics;
        for (reason, count) in &before.given_up {
            *self.given_up.entry(reason).or_default() += count;
        }
        self
    }

    /// The records that are not done with.
    #[must_use]
    pub const fn in_flight(&self) -> u64 {
        self.running + self.waiting
    }
}
