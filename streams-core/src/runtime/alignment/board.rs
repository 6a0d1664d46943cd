//! How far the workers of a process are in event time.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::record::Timestamp;

/// One place per worker, where it says how far the slowest of its tasks is.
pub(crate) struct Board(Box<[AtomicI64]>);

/// The time of a worker that holds nobody up.
const NOBODY: i64 = i64::MAX;

impl Board {
    pub(super) fn new(workers: usize) -> Self {
        Self((0..workers).map(|_| AtomicI64::new(NOBODY)).collect())
    }

    /// Says how far a worker is; `None` if it holds nobody up.
    pub(crate) fn set(&self, worker: usize, time: Option<Timestamp>) {
        if let Some(place) = self.0.get(worker) {
            place.store(time.map_or(NOBODY, |time| time.0), Ordering::Release);
        }
    }

    /// How far the slowest of the other workers is, if any holds others up.
    pub(crate) fn others(&self, worker: usize) -> Option<Timestamp> {
        let others = self.0.iter().enumerate().filter(|(number, _)| *number != worker);
        let slowest = others.map(|(_, place)| place.load(Ordering::Acquire)).min()?;
        (slowest != NOBODY).then_some(Timestamp(slowest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_of_the_others_counts() {
        let board = Board::new(3);
        assert_eq!(board.others(0), None);
        board.set(0, Some(Timestamp(5)));
        board.set(1, Some(Timestamp(9)));
        let others = || [0, 1, 2].map(|worker| board.others(worker).map(|time| time.0));
        assert_eq!(others(), [Some(9), Some(5), Some(5)]);
        board.set(0, None);
        assert_eq!(others(), [Some(9), None, Some(9)]);
        assert_eq!(Board::new(1).others(0), None);
    }
}
