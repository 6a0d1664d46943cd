//! What others may see of a sink, and tell it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use streams_core::log::Doorbell;
use streams_core::record::{Offset, TopicPartition};
use tokio::sync::watch;

use super::SinkError;

/// The partitions that a sink carries, and the offset that is next in each: the target has everything before it.
pub type Positions = BTreeMap<TopicPartition, Offset>;

/// What keeps a sink from getting on, for now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What the target or the log says.
    pub reason: String,
    /// How many attempts have failed in a row.
    pub attempts: u64,
}

/// Shared by a sink's thread and its handle.
pub(super) struct Progress {
    positions: watch::Sender<Seen>,
    trouble: Mutex<Option<Trouble>>,
    pub(super) written: AtomicU64,
    pub(super) refused: AtomicU64,
    stop: AtomicBool,
    pub(super) doorbell: Doorbell,
}

/// What those who wait look at.
#[derive(Clone, Default)]
pub(super) struct Seen {
    pub(super) positions: Positions,
    /// Set when the sink has ended.
    pub(super) end: Option<Result<(), SinkError>>,
}

impl Progress {
    pub(super) fn new(doorbell: Doorbell) -> Self {
        Self {
            positions: watch::Sender::new(Seen::default()),
            trouble: Mutex::default(),
            written: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            doorbell,
        }
    }

    pub(super) fn watch(&self) -> watch::Receiver<Seen> {
        self.positions.subscribe()
    }

    /// The target has everything of a partition before `next`.
    pub(super) fn has_reached(&self, partition: &TopicPartition, next: Offset) {
        self.positions.send_modify(|seen| {
            seen.positions.insert(partition.clone(), next);
        });
    }

    pub(super) fn has_released(&self, partition: &TopicPartition) {
        self.positions.send_modify(|seen| {
            seen.positions.remove(partition);
        });
    }

    pub(super) fn has_ended(&self, outcome: Result<(), SinkError>) {
        self.positions.send_modify(|seen| seen.end = Some(outcome));
    }

    /// Something has failed for now. Returns how often in a row.
    pub(super) fn has_trouble(&self, reason: String) -> u64 {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let attempts = trouble.as_ref().map_or(0, |trouble| trouble.attempts) + 1;
        *trouble = Some(Trouble { reason, attempts });
        attempts
    }

    /// All is well. Returns the trouble that is over.
    pub(super) fn is_well(&self) -> Option<Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn trouble(&self) -> Option<Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
        self.doorbell.ring();
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }
}
