//! Transactions: who may write under a transactional id, what its open transaction includes, and the markers that end
//! it.
//!
//! ```text
//!   Idle --first batch or offsets--> Ongoing --end--> Ending --all markers delivered--> Idle
//!                                        \--timeout, or a new producer--> Ending (abort, fenced)
//! ```
//!
//! The end of a transaction is decided in one step and carried out in several: each partition and group in it gets a
//! [`Marker`], which the driver delivers at any time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::offsets::METADATA_BYTES_MAX;
use super::{Model, ModelChange, Notice, Now, PartitionId, Refusal};
use crate::log::{GroupMetadata, OffsetToCommit};

/// Kafka's `transaction.max.timeout.ms`.
const TIMEOUT_MAX: Duration = Duration::from_secs(15 * 60);

/// Kafka's `transactional.id.expiration.ms`: a transactional id that has not been used for this long is forgotten.
const UNUSED_MAX_MS: i64 = 7 * 24 * 60 * 60 * 1_000;

/// The largest epoch that a producer gets; one more is reserved for fencing it.
const EPOCH_MAX: i16 = i16::MAX - 1;

/// A producer's id and epoch. A newer epoch fences older ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProducerTag {
    pub(crate) producer: i64,
    pub(crate) epoch: i16,
}

/// The result of registering a producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InitProducer {
    Ready(ProducerTag),
    /// An earlier transaction with the same id is still being ended: ask again once its markers have been delivered.
    Ending,
}

/// The progress of a transaction's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Done,
    /// Decided, but not all markers have been delivered.
    Ending,
}

/// Tells a partition or group that a transaction has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Marker {
    id: Arc<str>,
    tag: ProducerTag,
    commit: bool,
    target: Target,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Target {
    Partition(PartitionId),
    Group(Arc<str>),
}

/// All transactional ids.
#[derive(Debug, Default)]
pub(super) struct Coordinator {
    next_producer: i64,
    ids: BTreeMap<Arc<str>, Transactional>,
    markers: VecDeque<Marker>,
}

#[derive(Debug)]
struct Transactional {
    tag: ProducerTag,
    timeout: Duration,
    stage: TransactionStage,
    used_ms: i64,
}

#[derive(Debug)]
enum TransactionStage {
    /// No transaction. Records how the last one ended, if there was one since the producer was registered.
    Idle {
        last: Option<bool>,
    },
    Ongoing {
        deadline: Duration,
        targets: BTreeSet<Target>,
    },
    Ending {
        commit: bool,
        targets: BTreeSet<Target>,
    },
}

impl Model {
    /// Assigns an id to a producer that writes outside transactions.
    pub(crate) fn new_producer(&mut self) -> ProducerTag {
        let producer = self.coordinator.next_producer;
        self.coordinator.next_producer += 1;
        self.changes.push(ModelChange::ProducerIds);
        ProducerTag { producer, epoch: 0 }
    }

    /// Registers a producer under a transactional id: earlier producers with that id are fenced, and their open
    /// transaction is aborted.
    pub(crate) fn init_producer(
        &mut self,
        now: Now,
        id: &Arc<str>,
        timeout: Duration,
    ) -> Result<InitProducer, Refusal> {
        if timeout.is_zero() || timeout > TIMEOUT_MAX {
            let reason = "the transaction timeout must be more than 0 and at most 15 minutes";
            return Err(Refusal::TransactionState { id: Arc::clone(id), reason });
        }
        let tag = match self.coordinator.ids.get(id) {
            Some(Transactional { stage: TransactionStage::Ending { .. }, .. }) => return Ok(InitProducer::Ending),
            Some(Transactional { stage: TransactionStage::Ongoing { .. }, .. }) => {
                self.fence_and_abort(id);
                return Ok(InitProducer::Ending);
            }
            Some(Transactional { tag, .. }) if tag.epoch < EPOCH_MAX => {
                ProducerTag { producer: tag.producer, epoch: tag.epoch + 1 }
            }
            _ => self.new_producer(),
        };
        let stage = TransactionStage::Idle { last: None };
        self.coordinator.ids.insert(Arc::clone(id), Transactional { tag, timeout, stage, used_ms: now.wall.0 });
        self.changes.push(ModelChange::TransactionalId(Arc::clone(id)));
        Ok(InitProducer::Ready(tag))
    }

    /// Adds a partition to the producer's transaction, and starts one if necessary.
    pub(super) fn add_to_transaction(
        &mut self,
        now: Now,
        id: &Arc<str>,
        tag: ProducerTag,
        at: PartitionId,
    ) -> Result<(), Refusal> {
        self.touch(now, id, tag, Target::Partition(at))
    }

    /// Adds a group's positions to the producer's transaction (KIP-447). Refused unless the metadata belongs to a member
    /// of the group's current generation.
    pub(crate) fn send_offsets(
        &mut self,
        now: Now,
        id: &Arc<str>,
        tag: ProducerTag,
        metadata: &GroupMetadata,
        offsets: &[OffsetToCommit],
    ) -> Result<(), Refusal> {
        self.check_member(metadata)?;
        let group: Arc<str> = metadata.group.as_str().into();
        self.check_offsets(&group, offsets)?;
        self.touch(now, id, tag, Target::Group(Arc::clone(&group)))?;
        if let Some(known) = self.groups.get_mut(&group) {
            known.offsets.commit_later(tag.producer, offsets);
        }
        Ok(())
    }

    /// Ends the producer's transaction. If the question is repeated because the answer was lost, so is the answer.
    pub(crate) fn end_transaction(
        &mut self,
        now: Now,
        id: &Arc<str>,
        tag: ProducerTag,
        commit: bool,
    ) -> Result<Ended, Refusal> {
        let transactional = self.coordinator.owned(id, tag)?;
        transactional.used_ms = now.wall.0;
        match &transactional.stage {
            TransactionStage::Idle { last } if *last == Some(commit) => Ok(Ended::Done),
            TransactionStage::Ending { commit: decided, .. } if *decided == commit => Ok(Ended::Ending),
            TransactionStage::Idle { .. } | TransactionStage::Ending { .. } => {
                let reason = "there is no open transaction that could end in this way";
                Err(Refusal::TransactionState { id: Arc::clone(id), reason })
            }
            TransactionStage::Ongoing { .. } => {
                self.coordinator.decide(id, commit);
                Ok(Ended::Ending)
            }
        }
    }

    /// The number of markers that wait to be delivered.
    pub(crate) fn markers_waiting(&self) -> usize {
        self.coordinator.markers.len()
    }

    /// Takes a marker to deliver, counted from the oldest.
    pub(crate) fn take_marker(&mut self, number: usize) -> Option<Marker> {
        self.coordinator.markers.remove(number)
    }

    /// Whether the end of a transaction is decided but not all of its markers have been delivered.
    pub(crate) fn is_ending(&self, id: &str) -> bool {
        let stage = self.coordinator.ids.get(id).map(|transactional| &transactional.stage);
        matches!(stage, Some(TransactionStage::Ending { .. }))
    }

    /// Delivers a marker. Delivering it twice is harmless, but takes another offset.
    pub(crate) fn deliver(&mut self, now: Now, marker: Marker) {
        let Marker { id, tag, commit, target } = marker;
        match &target {
            Target::Partition(at) => self.end_in_partition(now, *at, tag, commit),
            Target::Group(group) => self.end_in_group(group, tag.producer, commit),
        }
        let Some(transactional) = self.coordinator.ids.get_mut(&id) else { return };
        if let TransactionStage::Ending { targets, .. } = &mut transactional.stage {
            targets.remove(&target);
            if targets.is_empty() {
                transactional.stage = TransactionStage::Idle { last: Some(commit) };
            }
        }
    }

    /// Delivers all markers, in order.
    #[cfg(test)]
    pub(crate) fn deliver_markers(&mut self, now: Now) {
        while let Some(marker) = self.take_marker(0) {
            self.deliver(now, marker);
        }
    }

    pub(super) fn tick_transactions(&mut self, now: Now) {
        let mut overdue = Vec::new();
        let mut deadlines = Vec::new();
        for (id, transactional) in &self.coordinator.ids {
            if let TransactionStage::Ongoing { deadline, .. } = transactional.stage {
                if deadline <= now.monotonic {
                    overdue.push(Arc::clone(id));
                } else {
                    deadlines.push(deadline);
                }
            }
        }
        for id in overdue {
            self.fence_and_abort(&id);
        }
        for deadline in deadlines {
            self.due_at(deadline);
        }
    }

    /// Forgets transactional ids that nobody has used for a long time.
    pub(super) fn expire_transactional_ids(&mut self, now: Now) {
        let before_ms = now.wall.0.saturating_sub(UNUSED_MAX_MS);
        let unused = |transactional: &Transactional| {
            transactional.used_ms < before_ms && matches!(transactional.stage, TransactionStage::Idle { .. })
        };
        let changes = &mut self.changes;
        self.coordinator.ids.retain(|id, transactional| {
            let keep = !unused(transactional);
            if !keep {
                changes.push(ModelChange::TransactionalId(Arc::clone(id)));
            }
            keep
        });
    }

    /// The id of the next producer, to be stored.
    pub(crate) const fn next_producer(&self) -> i64 {
        self.coordinator.next_producer
    }

    /// The producer that may write under a transactional id, to be stored.
    pub(crate) fn transactional_id(&self, id: &str) -> Option<ProducerTag> {
        self.coordinator.ids.get(id).map(|transactional| transactional.tag)
    }

    /// Restores the id of the next producer.
    pub(crate) fn restore_next_producer(&mut self, next: i64) {
        self.coordinator.next_producer = next;
    }

    /// Restores the producer of a transactional id. If it had an open transaction, [`Model::abort_orphans`] aborts that.
    pub(crate) fn restore_transactional_id(&mut self, id: Arc<str>, tag: ProducerTag, used_ms: i64) {
        let stage = TransactionStage::Idle { last: None };
        self.coordinator.ids.insert(id, Transactional { tag, timeout: TIMEOUT_MAX, stage, used_ms });
    }

    /// Aborts the open transactions in all partitions: their producers died with the process that wrote what has just
    /// been restored.
    pub(crate) fn abort_orphans(&mut self, now: Now) {
        let open: Vec<(PartitionId, i64)> = self
            .topics
            .partitions_mut()
            .flat_map(|(at, _, partition)| {
                partition.open_producers().map(move |producer| (at, producer)).collect::<Vec<_>>()
            })
            .collect();
        for (at, producer) in open {
            // Producers of a dead process never come back with the same epoch.
            self.end_in_partition(now, at, ProducerTag { producer, epoch: 0 }, false);
        }
    }

    fn touch(&mut self, now: Now, id: &Arc<str>, tag: ProducerTag, target: Target) -> Result<(), Refusal> {
        let transactional = self.coordinator.owned(id, tag)?;
        match &mut transactional.stage {
            TransactionStage::Ending { .. } => return Err(Refusal::TransactionEnding(Arc::clone(id))),
            TransactionStage::Ongoing { targets, .. } => {
                targets.insert(target);
            }
            TransactionStage::Idle { .. } => {
                let deadline = now.monotonic.saturating_add(transactional.timeout);
                transactional.stage = TransactionStage::Ongoing { deadline, targets: BTreeSet::from([target]) };
                self.due_at(deadline);
            }
        }
        Ok(())
    }

    fn fence_and_abort(&mut self, id: &Arc<str>) {
        if let Some(transactional) = self.coordinator.ids.get_mut(id) {
            transactional.tag.epoch = transactional.tag.epoch.saturating_add(1);
            self.changes.push(ModelChange::TransactionalId(Arc::clone(id)));
            self.coordinator.decide(id, false);
        }
    }

    fn end_in_group(&mut self, group: &Arc<str>, producer: i64, commit: bool) {
        let Some(known) = self.groups.get_mut(group) else { return };
        for partition in known.offsets.end_transaction(producer, commit) {
            self.changes.push(ModelChange::Offset { group: Arc::clone(group), partition });
        }
        self.notices.push(Notice::Offsets(Arc::clone(group)));
    }

    pub(super) fn check_offsets(&self, group: &Arc<str>, offsets: &[OffsetToCommit]) -> Result<(), Refusal> {
        for offset in offsets {
            self.topics.resolve(&offset.partition)?;
            let size = offset.metadata.len();
            if size > METADATA_BYTES_MAX {
                let (group, partition) = (Arc::clone(group), offset.partition.clone());
                return Err(Refusal::MetadataTooLarge { group, partition, size });
            }
        }
        Ok(())
    }
}

impl Coordinator {
    /// The transactional id, if it belongs to this producer.
    fn owned(&mut self, id: &Arc<str>, tag: ProducerTag) -> Result<&mut Transactional, Refusal> {
        self.ids
            .get_mut(id)
            .filter(|transactional| transactional.tag == tag)
            .ok_or_else(|| Refusal::ProducerFenced(Arc::clone(id)))
    }

    /// Decides how the open transaction ends and queues its markers.
    fn decide(&mut self, id: &Arc<str>, commit: bool) {
        let Some(transactional) = self.ids.get_mut(id) else { return };
        let TransactionStage::Ongoing { targets, .. } = &mut transactional.stage else { return };
        let targets = std::mem::take(targets);
        let tag = transactional.tag;
        self.markers.extend(targets.iter().map(|target| Marker {
            id: Arc::clone(id),
            tag,
            commit,
            target: target.clone(),
        }));
        transactional.stage = TransactionStage::Ending { commit, targets };
    }
}
