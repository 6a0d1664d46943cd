//! What has happened in a simulated world, so that a suite can prove that it has seen everything it is about.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Something that makes a history worth checking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Happening {
    /// A task ran on another instance than before.
    TaskMoved,
    /// A revoked task came back and continued with the state that it had.
    TaskResumed,
    /// An instance opened a task again that it had before.
    TaskReopened,
    /// A task read records of its changelog.
    StateRestored,
    /// An instance ended as in a crash while tasks were running.
    Killed,
    /// A member took its predecessor's place in the same generation.
    PlaceTaken,
    /// An instance was not stepped within its session timeout.
    StoodStill,
    /// Only its worker was not, and its member went on.
    WorkerStoodStill,
    /// A member that believed to be heard was removed from the group.
    Zombie,
    /// A worker did not give its tasks up before the rebalance's deadline.
    DeadlineMissed,
    /// A commit was refused because of the group's generation, or because of the transaction.
    CommitFenced,
    /// A commit's outcome was not known.
    CommitUnknown,
    /// The answer to a commit came late.
    CommitLate,
    /// Positions could not be committed at once.
    CommitRepeated,
    /// A producer was dropped in the middle of a transaction.
    TransactionGivenUp,
    /// A transaction's marker came late.
    MarkerLate,
    /// A record was lost on its way, and this was reported.
    RecordLost,
    /// A full producer refused a record.
    RecordRefused,
    /// A reader's position was no longer there.
    PositionLost,
    /// A repartition topic was purged.
    Purged,
    /// A record was left out because of its flaw.
    DeadLetter,
    /// A cache wrote rows between two commits to make room.
    CacheMadeRoom,
}

/// How often each of them has happened.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally(Arc<Mutex<BTreeMap<Happening, u64>>>);

impl Tally {
    pub(super) fn note(&self, what: Happening) {
        *self.guard().entry(what).or_default() += 1;
    }

    pub(super) fn has(&self, what: Happening) -> bool {
        self.guard().contains_key(&what)
    }

    fn guard(&self) -> MutexGuard<'_, BTreeMap<Happening, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.guard().iter().try_for_each(|(what, times)| write!(f, "{what:?} {times}, "))
    }
}
