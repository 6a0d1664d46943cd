//! Which punctuator fires next, in Kafka Streams' order.
//!
//! Kafka Streams keeps punctuators in a `java.util.PriorityQueue`. That is a binary heap, so those that are due at the
//! same time fire in an order that depends on how they moved in it: neither first in, first out, nor any other simple
//! rule. What punctuators do may depend on each other, so this is that heap, move by move. A task's inputs lie in such a
//! heap too, by the timestamps of their first records, which [`SingleTask`](crate::runtime::SingleTask) copies.

use crate::record::Timestamp;

/// When something is due, and its number.
type Due = (Timestamp, usize);

/// A queue of numbers, the next one first.
#[derive(Debug, Default)]
pub(crate) struct DueQueue(Vec<Due>);

impl DueQueue {
    /// When the next one is due.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.0.first().map(|(at, _)| *at)
    }

    /// Adds a number (Java's `siftUp`).
    pub(crate) fn add(&mut self, at: Timestamp, number: usize) {
        let mut place = self.0.len();
        self.0.push((at, number));
        while let Some(parent) = place.checked_sub(1).map(|below| below / 2)
            && self.at(place) < self.at(parent)
        {
            self.0.swap(place, parent);
            place = parent;
        }
    }

    /// Takes the next one out if it is due at `now` (Java's `siftDown`).
    pub(crate) fn take_due(&mut self, now: Timestamp) -> Option<Due> {
        self.next().filter(|at| *at <= now)?;
        let due = self.0.swap_remove(0);
        let mut place = 0;
        loop {
            let (left, right) = (2 * place + 1, 2 * place + 2);
            let Some(mut child) = self.at(left).map(|_| left) else { break };
            if self.at(right).is_some_and(|right| self.at(left) > Some(right)) {
                child = right;
            }
            if self.at(place) <= self.at(child) {
                break;
            }
            self.0.swap(place, child);
            place = child;
        }
        Some(due)
    }

    fn at(&self, place: usize) -> Option<Timestamp> {
        self.0.get(place).map(|(at, _)| *at)
    }
}
