//! Which of a handler's records is next.
//!
//! A record goes through these places: it waits behind another one of its key, until the commit that accepted it, until it
//! may start, or until it is tried again. One that has been taken to be handled is in none of them, but stays the first of
//! its key until it is done with. Numbers say who came first.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use super::Order;

/// The records of a task that are not being handled, each in its place.
#[derive(Debug)]
pub(super) struct Schedule {
    order: Order,
    /// The records of each key. The first one is waiting or being handled, the others wait for it.
    lanes: HashMap<Box<[u8]>, VecDeque<i64>>,
    /// Records with smaller numbers may start.
    accepted_to: i64,
    /// Records that may start after a commit.
    uncommitted: BTreeSet<i64>,
    ready: BTreeSet<i64>,
    delayed: BTreeSet<(Duration, i64)>,
}

impl Schedule {
    /// With `waits_for_commits`, a record may start only after a commit.
    pub(super) fn new(order: Order, waits_for_commits: bool) -> Self {
        Self {
            order,
            lanes: HashMap::new(),
            accepted_to: if waits_for_commits { i64::MIN } else { i64::MAX },
            uncommitted: BTreeSet::new(),
            ready: BTreeSet::new(),
            delayed: BTreeSet::new(),
        }
    }

    /// Adds a record, which comes after all others. Returns whether it is the first of its key.
    pub(super) fn add(&mut self, number: i64, key: Option<&[u8]>) -> bool {
        if let Some(key) = key.filter(|_| self.order == Order::PerKey) {
            if let Some(lane) = self.lanes.get_mut(key) {
                lane.push_back(number);
                return false;
            }
            self.lanes.insert(key.into(), VecDeque::from([number]));
        }
        true
    }

    /// Lets a record start that is the first of its key.
    pub(super) fn offer(&mut self, number: i64) {
        if number < self.accepted_to {
            self.ready.insert(number);
        } else {
            self.uncommitted.insert(number);
        }
    }

    /// Lets a record start at a time of the monotonic clock.
    pub(super) fn delay(&mut self, number: i64, until: Duration) {
        self.delayed.insert((until, number));
    }

    /// Records with smaller numbers are committed.
    pub(super) fn committed(&mut self, next_number: i64) {
        self.accepted_to = self.accepted_to.max(next_number);
        let later = self.uncommitted.split_off(&self.accepted_to);
        self.ready.append(&mut self.uncommitted);
        self.uncommitted = later;
    }

    /// Lets records start whose time has come.
    pub(super) fn pass_time(&mut self, now: Duration) {
        while let Some((until, number)) = self.delayed.first().copied().filter(|(until, _)| *until <= now) {
            self.delayed.remove(&(until, number));
            self.offer(number);
        }
    }

    /// Takes up to `count` records that may start, those that came first.
    pub(super) fn take(&mut self, count: usize) -> Vec<i64> {
        std::iter::from_fn(|| self.ready.pop_first()).take(count).collect()
    }

    /// How many may start.
    pub(super) fn ready(&self) -> usize {
        self.ready.len()
    }

    /// When the next record's time comes.
    pub(super) fn next_due(&self) -> Option<Duration> {
        self.delayed.first().map(|(until, _)| *until)
    }

    /// A record is done with that was taken. The next one of its key may start.
    pub(super) fn done(&mut self, number: i64, key: Option<&[u8]>) {
        let Some(key) = key.filter(|_| self.order == Order::PerKey) else { return };
        let Some(lane) = self.lanes.get_mut(key) else { return };
        if lane.front() == Some(&number) {
            lane.pop_front();
        }
        match lane.front().copied() {
            Some(next) => self.offer(next),
            None => _ = self.lanes.remove(key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(order: Order, waits: bool, records: &[(i64, &str)]) -> Schedule {
        let mut schedule = Schedule::new(order, waits);
        for (number, key) in records {
            let key = (!key.is_empty()).then_some(key.as_bytes());
            if schedule.add(*number, key) {
                schedule.offer(*number);
            }
        }
        schedule
    }

    #[test]
    fn records_of_a_key_come_one_after_the_other_and_others_go_on() {
        let mut schedule = schedule(Order::PerKey, false, &[(0, "a"), (1, "a"), (2, "b"), (3, ""), (4, ""), (5, "a")]);
        assert_eq!(schedule.take(10), [0, 2, 3, 4]);
        schedule.delay(0, Duration::from_secs(5));
        schedule.done(2, Some(b"b"));
        assert!(schedule.take(10).is_empty(), "1 and 5 wait for 0");
        schedule.pass_time(Duration::from_secs(4));
        assert_eq!((schedule.next_due(), schedule.take(10)), (Some(Duration::from_secs(5)), vec![]));
        schedule.pass_time(Duration::from_secs(5));
        assert_eq!(schedule.take(10), [0]);
        for (done, next) in [(0, &[1][..]), (1, &[5]), (5, &[])] {
            schedule.done(done, Some(b"a"));
            assert_eq!(schedule.take(10), next);
        }
        assert!(schedule.lanes.is_empty());
    }

    #[test]
    fn without_an_order_nobody_waits_for_anybody() {
        let mut schedule = schedule(Order::Any, false, &[(0, "a"), (1, "a"), (2, "b")]);
        assert_eq!(schedule.take(2), [0, 1]);
        schedule.done(1, Some(b"a"));
        assert_eq!(schedule.take(2), [2]);
    }

    #[test]
    fn a_record_starts_after_the_commit_that_accepted_it() {
        let mut schedule = schedule(Order::PerKey, true, &[(0, "a"), (1, "b"), (2, "a")]);
        assert!(schedule.take(10).is_empty());
        schedule.committed(2);
        assert_eq!(schedule.take(10), [0, 1]);
        schedule.done(0, Some(b"a"));
        assert!(schedule.take(10).is_empty(), "2 came after the commit");
        schedule.committed(3);
        assert_eq!(schedule.take(10), [2]);
    }
}
