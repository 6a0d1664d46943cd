//! What was decided about records that failed, until they come again.
//!
//! A record that has left traces cannot be left out on the spot: the work since the last commit is undone first. When it
//! is done again, the record comes a second time, and its fate is found here. Nothing is kept on disk: whoever takes the
//! task over finds the failure, and decides, again.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use crate::operators::OperatorError;
use crate::record::{Offset, TopicPartition};

/// What becomes of a record when it comes again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is processed, but not before this moment of the monotonic clock.
    Again(Duration),
    /// It is left out.
    LeftOut {
        /// Why.
        error: OperatorError,
        /// Whether it becomes a dead letter.
        is_dead_letter: bool,
    },
}

#[derive(Debug)]
struct Entry {
    attempts: u32,
    fate: Fate,
}

/// The records of a worker's tasks that were set aside.
#[derive(Debug, Default)]
pub(crate) struct SetAside {
    entries: RefCell<BTreeMap<TopicPartition, BTreeMap<Offset, Entry>>>,
    /// So that records cost nothing as long as none fails.
    is_used: Cell<bool>,
}

impl SetAside {
    /// Whether any record is set aside.
    #[inline]
    pub(crate) fn is_used(&self) -> bool {
        self.is_used.get()
    }

    /// Decides about a record.
    pub(crate) fn decide(&self, partition: &TopicPartition, offset: Offset, fate: Fate) {
        self.is_used.set(true);
        let mut entries = self.entries.borrow_mut();
        let records = entries.entry(partition.clone()).or_default();
        let attempts = records.get(&offset).map_or(0, |entry| entry.attempts);
        let attempts = if matches!(fate, Fate::Again(_)) { attempts + 1 } else { attempts };
        records.insert(offset, Entry { attempts, fate });
    }

    /// How often a record was processed again.
    pub(crate) fn attempts(&self, partition: &TopicPartition, offset: Offset) -> u32 {
        self.look(partition, offset, |entry| entry.attempts).unwrap_or(0)
    }

    /// What was decided about a record, if anything was.
    pub(crate) fn fate(&self, partition: &TopicPartition, offset: Offset) -> Option<Fate> {
        self.look(partition, offset, |entry| entry.fate.clone())
    }

    /// When the first of the records that are to be processed again may be.
    pub(crate) fn next_due(&self) -> Option<Duration> {
        if !self.is_used.get() {
            return None;
        }
        let entries = self.entries.borrow();
        let due = entries.values().flat_map(BTreeMap::values).filter_map(|entry| match entry.fate {
            Fate::Again(at) => Some(at),
            Fate::LeftOut { .. } => None,
        });
        due.min()
    }

    /// Forgets the records of a partition that are committed.
    pub(crate) fn committed(&self, partition: &TopicPartition, position: Offset) {
        if !self.is_used.get() {
            return;
        }
        let mut entries = self.entries.borrow_mut();
        if let Some(records) = entries.get_mut(partition) {
            *records = records.split_off(&position);
            if records.is_empty() {
                entries.remove(partition);
            }
        }
        self.is_used.set(!entries.is_empty());
    }

    fn look<T>(&self, partition: &TopicPartition, offset: Offset, look: impl FnOnce(&Entry) -> T) -> Option<T> {
        self.entries.borrow().get(partition)?.get(&offset).map(look)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_decided_is_known_until_it_is_committed() {
        let ms = Duration::from_millis;
        let (set_aside, [a, b]) = (SetAside::default(), [0, 1].map(|number| TopicPartition::new("in", number)));
        let error = OperatorError::NegativeTimestamp(-1);
        let left_out = Fate::LeftOut { error, is_dead_letter: true };
        assert_eq!((set_aside.fate(&a, Offset(3)), set_aside.next_due()), (None, None));
        for at in [40, 90] {
            set_aside.decide(&a, Offset(3), Fate::Again(ms(at)));
        }
        set_aside.decide(&b, Offset(3), Fate::Again(ms(70)));
        set_aside.decide(&a, Offset(5), left_out.clone());
        assert_eq!([3, 4, 5].map(|offset| set_aside.attempts(&a, Offset(offset))), [2, 0, 0]);
        assert_eq!(set_aside.fate(&a, Offset(3)), Some(Fate::Again(ms(90))));
        assert_eq!(set_aside.next_due(), Some(ms(70)));
        set_aside.decide(&a, Offset(3), left_out.clone());
        assert_eq!((set_aside.attempts(&a, Offset(3)), set_aside.fate(&a, Offset(3))), (2, Some(left_out.clone())));
        set_aside.committed(&a, Offset(5));
        assert_eq!(set_aside.fate(&a, Offset(3)), None);
        assert_eq!(set_aside.fate(&a, Offset(5)), Some(left_out));
        set_aside.committed(&a, Offset(6));
        set_aside.committed(&b, Offset(4));
        assert!(!set_aside.is_used.get());
        assert_eq!((set_aside.fate(&b, Offset(3)), set_aside.next_due()), (None, None));
    }
}
