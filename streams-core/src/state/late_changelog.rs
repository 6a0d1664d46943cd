//! Changes of a store that are logged at a commit, so that a row that changes often is logged once.
//!
//! Only the log waits. The rows are in the task's state at once, among its uncommitted writes, so whoever reads them sees
//! the changes in any case.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use hashbrown::HashMap;

use super::{CacheBudget, Changelog, StoreError};
use crate::record::{Headers, Timestamp};

/// A changelog in front of another one.
pub(crate) struct LateChangelog {
    changelog: Rc<RefCell<dyn Changelog>>,
    /// By number, in the order in which keys changed last.
    changes: BTreeMap<u64, Change>,
    numbers: HashMap<Rc<[u8]>, u64>,
    next: u64,
    bytes: usize,
    budget: CacheBudget,
}

struct Change {
    key: Rc<[u8]>,
    value: Option<Box<[u8]>>,
    timestamp: Timestamp,
    headers: Headers,
}

/// The memory of a change beside its key and value, roughly: two entries in maps that are about three quarters full.
const CHANGE_BYTES: usize = (size_of::<Change>() + 2 * size_of::<u64>() + size_of::<Rc<[u8]>>()) * 4 / 3;

impl Change {
    fn bytes(&self) -> usize {
        CHANGE_BYTES + self.key.len() + self.value.as_ref().map_or(0, |value| value.len())
    }
}

impl LateChangelog {
    /// Nothing waits yet; what will is counted in `budget`.
    pub(crate) fn new(changelog: Rc<RefCell<dyn Changelog>>, budget: CacheBudget) -> Self {
        Self { changelog, changes: BTreeMap::new(), numbers: HashMap::new(), next: 0, bytes: 0, budget }
    }

    /// Logs at most `changes_max` changes, those that have waited longest first. Returns whether there are more.
    ///
    /// # Errors
    /// As [`Changelog::append`]. The task cannot go on then.
    pub(crate) fn flush(&mut self, changes_max: usize) -> Result<bool, StoreError> {
        for _ in 0..changes_max {
            if !self.log_first()? {
                return Ok(false);
            }
        }
        Ok(!self.changes.is_empty())
    }

    /// Logs changes until the budget is kept, but no more than `changes_max`. Returns whether nothing waits any more.
    ///
    /// # Errors
    /// As [`LateChangelog::flush`].
    pub(crate) fn make_room(&mut self, changes_max: usize) -> Result<bool, StoreError> {
        for _ in 0..changes_max {
            if !self.budget.has_to_free() || !self.log_first()? {
                break;
            }
        }
        Ok(self.changes.is_empty())
    }

    fn log_first(&mut self) -> Result<bool, StoreError> {
        let Some((_, change)) = self.changes.pop_first() else { return Ok(false) };
        self.numbers.remove(&change.key);
        self.forget(&change);
        let Change { key, value, timestamp, headers } = change;
        self.changelog.borrow_mut().append(&key, value.as_deref(), timestamp, &headers)?;
        Ok(true)
    }

    fn forget(&mut self, change: &Change) {
        self.bytes -= change.bytes();
        self.budget.remove(change.bytes());
    }
}

impl Changelog for LateChangelog {
    fn append(
        &mut self,
        key: &[u8],
        value: Option<&[u8]>,
        timestamp: Timestamp,
        headers: &Headers,
    ) -> Result<(), StoreError> {
        let before = self.numbers.get(key).and_then(|number| self.changes.remove(number));
        if let Some(before) = &before {
            self.forget(before);
        }
        let key = before.map_or_else(|| Rc::from(key), |before| before.key);
        self.numbers.insert(Rc::clone(&key), self.next);
        let change = Change { key, value: value.map(Box::from), timestamp, headers: headers.clone() };
        self.bytes += change.bytes();
        self.budget.add(change.bytes());
        self.changes.insert(self.next, change);
        self.next += 1;
        Ok(())
    }
}

impl Drop for LateChangelog {
    fn drop(&mut self) {
        self.budget.remove(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Logged(Vec<String>);

    impl Changelog for Logged {
        fn append(
            &mut self,
            key: &[u8],
            value: Option<&[u8]>,
            timestamp: Timestamp,
            _: &Headers,
        ) -> Result<(), StoreError> {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            self.0.push(format!("{}={}@{}", text(key), value.map_or("-".to_owned(), text), timestamp.0));
            Ok(())
        }
    }

    fn changed(limit: usize) -> (LateChangelog, Rc<RefCell<Logged>>, CacheBudget) {
        let (logged, budget) = (Rc::new(RefCell::new(Logged::default())), CacheBudget::new(limit));
        let mut late = LateChangelog::new(Rc::clone(&logged) as _, budget.clone());
        for (time, key, value) in [(1, "a", Some("1")), (2, "b", Some("1")), (3, "a", Some("2")), (4, "c", None)] {
            let value = value.map(str::as_bytes);
            late.append(key.as_bytes(), value, Timestamp(time), &Headers::new()).expect("it waits");
        }
        (late, logged, budget)
    }

    #[test]
    fn keys_are_logged_once_in_the_order_of_their_last_changes() {
        let (mut late, logged, budget) = changed(1 << 20);
        assert_eq!(logged.borrow().0, [""; 0]);
        assert_eq!((late.flush(2), late.flush(2)), (Ok(true), Ok(false)));
        assert_eq!(logged.borrow().0, ["b=1@2", "a=2@3", "c=-@4"]);
        assert_eq!(budget.held(), 0);
    }

    #[test]
    fn what_waits_longest_makes_room() {
        let (mut late, logged, budget) = changed(2 * (CHANGE_BYTES + 2) * 66 / 64);
        assert!(budget.is_exceeded());
        assert_eq!(late.make_room(10), Ok(false));
        assert_eq!(logged.borrow().0, ["b=1@2"]);
        drop(late);
        assert_eq!(budget.held(), 0);
    }
}
