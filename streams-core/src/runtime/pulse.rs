//! What a worker is doing and since when, for the control to see.
//!
//! Membership of the group is kept by the control's thread, so it does not prove that the workers get on. Code of the
//! application may wait for something that never comes, and a thread cannot be interrupted. So each worker notes when a
//! step begins and ends, and which record a task has in hand; the control looks at that (`control/stalls.rs`).

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::record::{Offset, TaskId, TopicPartition};

/// What a worker is doing. The worker writes it, and the control reads it.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    /// When the step in hand began, in milliseconds of the monotonic clock plus 1; 0 between two steps.
    began_ms: AtomicU64,
    /// What the task at work has in hand.
    at_work: Mutex<Option<Arc<InHand>>>,
    is_given_up: AtomicBool,
}

impl Pulse {
    /// The worker begins a step.
    pub(crate) fn begin(&self, now: Duration) {
        let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        self.began_ms.store(now.saturating_add(1), Ordering::Relaxed);
    }

    /// The step is over.
    pub(crate) fn rest(&self) {
        self.began_ms.store(0, Ordering::Relaxed);
    }

    /// From now on, a task is at work; `None` if none is.
    pub(crate) fn at_work(&self, on: Option<&Arc<InHand>>) {
        *self.at_work.lock().unwrap_or_else(PoisonError::into_inner) = on.map(Arc::clone);
    }

    /// When the step in hand began, if there is one.
    pub(crate) fn began(&self) -> Option<Duration> {
        self.began_ms.load(Ordering::Relaxed).checked_sub(1).map(Duration::from_millis)
    }

    /// The task at work, and the record that it has in hand; neither if it is the worker itself that is busy, and no record
    /// if it is a punctuator or a cache.
    pub(crate) fn in_hand(&self) -> Option<(TaskId, Option<(TopicPartition, Offset)>)> {
        let at_work = self.at_work.lock().unwrap_or_else(PoisonError::into_inner);
        at_work.as_ref().map(|in_hand| (in_hand.task, in_hand.record()))
    }

    /// The worker's tasks are given to others, although it has not come back: whatever it sends when it does is too late.
    pub(crate) fn give_up(&self) {
        self.is_given_up.store(true, Ordering::SeqCst);
    }

    /// Whether nothing may be sent on behalf of the group any more.
    pub(crate) fn is_given_up(&self) -> bool {
        self.is_given_up.load(Ordering::Relaxed)
    }
}

/// The record that a task has in hand.
#[derive(Debug)]
pub(crate) struct InHand {
    task: TaskId,
    inputs: Vec<TopicPartition>,
    /// Which of the inputs; beyond them if there is no record in hand.
    input: AtomicUsize,
    offset: AtomicI64,
}

impl InHand {
    /// Nothing yet.
    pub(crate) fn of(task: TaskId, inputs: impl Iterator<Item = TopicPartition>) -> Arc<Self> {
        let (input, offset) = (AtomicUsize::new(usize::MAX), AtomicI64::new(0));
        Arc::new(Self { task, inputs: inputs.collect(), input, offset })
    }

    /// The task begins with this record of one of its inputs.
    #[inline]
    pub(crate) fn take_up(&self, input: usize, offset: Offset) {
        self.offset.store(offset.0, Ordering::Relaxed);
        self.input.store(input, Ordering::Relaxed);
    }

    /// The task is done with its record.
    pub(crate) fn put_down(&self) {
        self.input.store(usize::MAX, Ordering::Relaxed);
    }

    /// Only of use when the task has stood still: otherwise the parts may be of two records.
    fn record(&self) -> Option<(TopicPartition, Offset)> {
        let input = self.inputs.get(self.input.load(Ordering::Relaxed))?;
        Some((input.clone(), Offset(self.offset.load(Ordering::Relaxed))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Partition;

    #[test]
    fn a_pulse_tells_since_when_and_with_what() {
        let (pulse, task) = (Pulse::default(), TaskId { subtopology: 1, partition: Partition(2) });
        assert_eq!((pulse.began(), pulse.in_hand()), (None, None));
        pulse.begin(Duration::ZERO);
        assert_eq!(pulse.began(), Some(Duration::ZERO), "the clock may begin at 0");
        let inputs = ["left", "right"].map(|topic| TopicPartition::new(topic, 2));
        let in_hand = InHand::of(task, inputs.iter().cloned());
        pulse.at_work(Some(&in_hand));
        assert_eq!(pulse.in_hand(), Some((task, None)));
        in_hand.take_up(1, Offset(7));
        assert_eq!(pulse.in_hand(), Some((task, Some((inputs[1].clone(), Offset(7))))));
        in_hand.put_down();
        pulse.rest();
        assert_eq!((pulse.began(), pulse.in_hand()), (None, Some((task, None))));
        pulse.at_work(None);
        assert_eq!(pulse.in_hand(), None);
    }
}
