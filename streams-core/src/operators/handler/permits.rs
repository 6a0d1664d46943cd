//! How many handlers run at the same time, over all tasks of a process.
//!
//! A permit belongs to the future that runs and comes back when that is really gone, not when nobody wants it any more: so
//! there are never more of them, although one that was cancelled may take a while to end.
//!
//! Tasks are served in turn. One that comes too early is put off, and rung when it is its turn. One whose turn it is but who
//! does not come, because its worker rests or has more important things to do, is passed over after a few such visits.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::log::Doorbell;

/// How often others are put off in favour of one who does not come.
const VISITS: u32 = 3;

/// All permits of one handler.
#[derive(Debug, Clone)]
pub(super) struct Permits(Arc<Mutex<Pool>>);

#[derive(Debug)]
struct Pool {
    free: usize,
    /// Who waits, in the order of their turns.
    queue: VecDeque<(u64, Doorbell)>,
    /// How often somebody else has come since it is the first one's turn.
    visits: u32,
    next_id: u64,
}

/// One that asks for permits.
#[derive(Debug)]
pub(super) struct Applicant {
    permits: Permits,
    id: u64,
    doorbell: Doorbell,
}

/// What one handler needs to run.
#[derive(Debug)]
pub(super) struct Permit(Permits);

/// What an applicant is told.
#[derive(Debug)]
pub(super) enum Answer {
    Granted(Permit),
    /// It is somebody else's turn: come again soon.
    NotYet,
    /// There are none: the doorbell rings when there are.
    AllTaken,
}

impl Permits {
    pub(super) fn new(permits: usize) -> Self {
        Self(Arc::new(Mutex::new(Pool { free: permits, queue: VecDeque::new(), visits: 0, next_id: 0 })))
    }

    /// Somebody who asks for permits, and is rung when it is their turn.
    pub(super) fn applicant(&self, doorbell: Doorbell) -> Applicant {
        let mut pool = self.pool();
        let id = pool.next_id;
        pool.next_id += 1;
        drop(pool);
        Applicant { permits: self.clone(), id, doorbell }
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pool {
    fn ring_first(&self) {
        if let Some((_, doorbell)) = self.queue.front().filter(|_| self.free > 0) {
            doorbell.ring();
        }
    }

    /// It is somebody else's turn now.
    fn pass(&mut self) {
        self.visits = 0;
        self.ring_first();
    }
}

impl Applicant {
    /// Asks for a permit.
    pub(super) fn ask(&self) -> Answer {
        let mut pool = self.permits.pool();
        let is_queued = pool.queue.iter().any(|(id, _)| *id == self.id);
        let is_first = pool.queue.front().is_none_or(|(id, _)| *id == self.id);
        if pool.free > 0 && is_first {
            if is_queued {
                pool.queue.pop_front();
            }
            pool.free -= 1;
            pool.pass();
            return Answer::Granted(Permit(self.permits.clone()));
        }
        if !is_queued {
            pool.queue.push_back((self.id, self.doorbell.clone()));
        }
        if pool.free == 0 {
            return Answer::AllTaken;
        }
        pool.visits += 1;
        if pool.visits > VISITS {
            pool.queue.rotate_left(1);
            pool.pass();
        }
        Answer::NotYet
    }

    /// Needs none for now.
    pub(super) fn withdraw(&self) {
        let mut pool = self.permits.pool();
        let before = pool.queue.len();
        pool.queue.retain(|(id, _)| *id != self.id);
        if pool.queue.len() != before {
            pool.pass();
        }
    }
}

impl Drop for Applicant {
    fn drop(&mut self) {
        self.withdraw();
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut pool = self.0.pool();
        pool.free += 1;
        pool.ring_first();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn granted(applicant: &Applicant) -> Option<Permit> {
        match applicant.ask() {
            Answer::Granted(permit) => Some(permit),
            Answer::NotYet | Answer::AllTaken => None,
        }
    }

    #[test]
    fn there_are_never_more_than_so_many_and_tasks_are_served_in_turn() {
        let permits = Permits::new(2);
        let bells = [Doorbell::new(), Doorbell::new()];
        let [a, b] = [0, 1].map(|index: usize| permits.applicant(bells[index].clone()));
        let first = granted(&a).expect("one is free");
        let second = granted(&a).expect("one is free");
        assert!(granted(&a).is_none() && granted(&b).is_none(), "there are only two");
        drop(first);
        assert!(bells[0].wait(Duration::ZERO) && !bells[1].wait(Duration::ZERO), "the first one's turn");
        assert!(matches!(b.ask(), Answer::NotYet));
        let _third = granted(&a).expect("its turn");
        assert!(granted(&a).is_none());
        drop(second);
        assert!(bells[1].wait(Duration::ZERO), "now it is the other's turn");
        assert!(matches!(a.ask(), Answer::NotYet));
        assert!(granted(&b).is_some());
    }

    #[test]
    fn who_does_not_come_holds_nobody_up() {
        let permits = Permits::new(1);
        let [gone, idle, busy] = [(); 3].map(|()| permits.applicant(Doorbell::new()));
        let only = granted(&busy).expect("one is free");
        assert!([&gone, &idle, &busy].iter().all(|applicant| granted(applicant).is_none()));
        drop(only);
        drop(gone);
        let visits = (1..).find(|_| granted(&busy).is_some()).expect("it has its turn");
        assert_eq!(visits, VISITS + 2, "`idle` is passed over after a while");
    }

    #[test]
    fn who_needs_none_any_more_lets_the_next_one_go_first() {
        let permits = Permits::new(1);
        let bell = Doorbell::new();
        let (a, b, c) =
            (permits.applicant(Doorbell::new()), permits.applicant(Doorbell::new()), permits.applicant(bell.clone()));
        let only = granted(&a).expect("one is free");
        assert!(granted(&b).is_none() && granted(&c).is_none());
        drop(only);
        b.withdraw();
        assert!(bell.wait(Duration::ZERO));
        assert!(granted(&c).is_some());
    }
}
