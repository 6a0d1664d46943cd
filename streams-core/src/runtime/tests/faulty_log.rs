//! A log that serves one instance badly for a while: requests fail, answers come late, or are lost after the request
//! was carried out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use fastrand::Rng;

use super::wrapped_log::{Answer, Ask, Asking, Fetch, Fetching, Wrap, WrappedLog};
use crate::clock::{Clock as _, ManualClock};
use crate::log::{
    Admin, CommitOutcome, CommittedOffset, Committer, Consumer, Doorbell, Embedded, FetchEvent, GroupMetadata,
    LogError, LogErrorKind, Member, MemberEvent, OffsetToCommit, OutgoingRecord, Producer, Reply, SendError,
    TopicHandle,
};
use crate::record::{Offset, Partition, TopicPartition};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum FaultKind {
    /// Requests about topics and offsets are not answered.
    AdminAway,
    /// They are carried out at once, but the answers arrive when the fault ends.
    AdminLate,
    /// They are carried out and answered when the fault ends.
    AdminSlow,
    /// Positions cannot be committed.
    CommitsAway,
    /// They are committed, but the answer is lost.
    CommitsUnknown,
    /// They are committed, but the answer arrives when the fault ends.
    CommitsLate,
    /// The group's committed positions cannot be read.
    PositionsAway,
    /// They are read at once, but the answer arrives when the fault ends.
    PositionsLate,
    /// The member cannot reach the group and reports nothing.
    MemberSilent,
    /// The member reports that it cannot reach the group.
    MemberFails,
    /// The producer accepts no records.
    ProducerFull,
    /// Nothing is acknowledged.
    ProducerSlow,
    /// Records are lost in transit, and this is reported.
    RecordsLost,
    /// The transactional id cannot be registered.
    InitAway,
    /// Positions currently cannot be added to a transaction.
    OffsetsAway,
    /// A transaction currently cannot be ended.
    EndAway,
    /// A transaction is committed, but the answer is lost.
    EndLost,
    /// A transaction is not committed, and there is no answer.
    EndUnknown,
    /// Nothing is fetched.
    FetchNothing,
    /// The consumer reports that it cannot reach the log.
    FetchFails,
}

const KINDS: [FaultKind; 20] = [
    FaultKind::AdminAway,
    FaultKind::AdminLate,
    FaultKind::AdminSlow,
    FaultKind::CommitsAway,
    FaultKind::CommitsUnknown,
    FaultKind::CommitsLate,
    FaultKind::PositionsAway,
    FaultKind::PositionsLate,
    FaultKind::MemberSilent,
    FaultKind::MemberFails,
    FaultKind::ProducerFull,
    FaultKind::ProducerSlow,
    FaultKind::RecordsLost,
    FaultKind::InitAway,
    FaultKind::OffsetsAway,
    FaultKind::EndAway,
    FaultKind::EndLost,
    FaultKind::EndUnknown,
    FaultKind::FetchNothing,
    FaultKind::FetchFails,
];

impl FaultKind {
    pub(super) fn draw(rng: &mut Rng) -> Self {
        rng.choice(KINDS).unwrap_or(Self::AdminAway)
    }
}

/// The current faults.
#[derive(Clone)]
pub(super) struct Faults {
    clock: ManualClock,
    inner: Arc<Mutex<Inner>>,
}

type Late = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Inner {
    until: BTreeMap<FaultKind, Duration>,
    /// Answers held back until a fault ends.
    late: Vec<(FaultKind, Late)>,
    /// Answers held back until all faults end.
    last: Vec<Late>,
}

impl Faults {
    pub(super) fn new(clock: &ManualClock) -> Self {
        Self { clock: clock.clone(), inner: Arc::default() }
    }

    pub(super) fn begin(&self, kind: FaultKind, lasts: Duration) {
        let until = self.clock.monotonic() + lasts;
        self.guard().until.insert(kind, until);
    }

    /// Starts a fault that lasts until [`Faults::end_all`].
    pub(super) fn begin_for_ever(&self, kind: FaultKind) {
        self.guard().until.insert(kind, Duration::MAX);
    }

    /// Ends a fault for new requests; earlier ones wait until [`Faults::end_all`].
    pub(super) fn forget(&self, kind: FaultKind) {
        let mut inner = self.guard();
        inner.until.remove(&kind);
        let late = std::mem::take(&mut inner.late);
        let (forgotten, late): (Vec<_>, _) = late.into_iter().partition(|(of, _)| *of == kind);
        inner.late = late;
        inner.last.extend(forgotten.into_iter().map(|(_, tell)| tell));
    }

    pub(super) fn end_all(&self) {
        self.guard().until.clear();
        self.tell_late();
        let last = std::mem::take(&mut self.guard().last);
        last.into_iter().for_each(|tell| tell());
    }

    /// Delivers what faults that have ended held back.
    pub(super) fn tell_late(&self) {
        let now = self.clock.monotonic();
        let due: Vec<_> = {
            let mut inner = self.guard();
            inner.until.retain(|_, until| *until > now);
            let (later, due) =
                std::mem::take(&mut inner.late).into_iter().partition(|(kind, _)| inner.until.contains_key(kind));
            inner.late = later;
            due
        };
        due.into_iter().for_each(|(_, tell)| tell());
    }

    pub(super) fn any(&self) -> bool {
        let now = self.clock.monotonic();
        self.guard().until.values().any(|until| *until > now)
    }

    fn has(&self, kind: FaultKind) -> bool {
        let now = self.clock.monotonic();
        self.guard().until.get(&kind).is_some_and(|until| *until > now)
    }

    /// Answers at once, or when the fault ends.
    fn answer<T: Send + 'static>(&self, kind: FaultKind, doorbell: &Doorbell, mut reply: Reply<T>) -> Reply<T> {
        if !self.has(kind) {
            return reply;
        }
        match reply.poll() {
            Poll::Ready(Some(answer)) => {
                let (sender, later) = Reply::later();
                let doorbell = doorbell.clone();
                let tell = move || {
                    // The requester may be gone.
                    let _ = sender.send(answer);
                    doorbell.ring();
                };
                self.guard().late.push((kind, Box::new(tell)));
                later
            }
            Poll::Ready(None) | Poll::Pending => reply,
        }
    }

    fn guard(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn away() -> LogError {
    LogError::new(LogErrorKind::Unavailable, "the log cannot be reached")
}

/// The log as one instance sees it.
pub(super) fn faulty_log(log: &Embedded, faults: &Faults) -> WrappedLog<Faults> {
    WrappedLog { log: log.clone(), wrap: faults.clone() }
}

impl Wrap for Faults {
    fn consumer(&self, inner: Box<dyn Consumer>) -> Box<dyn Consumer> {
        Box::new(Fetching { inner, fetch: self.clone() })
    }

    fn producer(&self, inner: Box<dyn Producer>) -> Box<dyn Producer> {
        Box::new(FaultyProducer { inner, faults: self.clone(), lost: false })
    }

    fn member(&self, inner: Box<dyn Member>, doorbell: Doorbell) -> Box<dyn Member> {
        Box::new(FaultyMember { inner, faults: self.clone(), doorbell })
    }

    fn admin(&self, inner: Arc<dyn Admin>, doorbell: Doorbell) -> Arc<dyn Admin> {
        Arc::new(Asking(FaultyAdmin { inner, faults: self.clone(), doorbell }))
    }
}

impl Fetch for Faults {
    fn fetch(&mut self, inner: &mut dyn Consumer, records_max: usize, events: &mut Vec<FetchEvent>) {
        if self.has(FaultKind::FetchFails) {
            events.push(FetchEvent::Error { partition: None, error: away() });
        } else if !self.has(FaultKind::FetchNothing) {
            inner.fetch(records_max, events);
        }
    }
}

struct FaultyProducer {
    inner: Box<dyn Producer>,
    faults: Faults,
    /// Whether a record was lost without a report so far.
    lost: bool,
}

impl Producer for FaultyProducer {
    fn topic(&mut self, name: &str) -> TopicHandle {
        self.inner.topic(name)
    }

    fn send(&mut self, topic: TopicHandle, partition: Partition, record: OutgoingRecord<'_>) -> Result<(), SendError> {
        if self.faults.has(FaultKind::ProducerFull) {
            return Err(SendError::Full);
        }
        if self.faults.has(FaultKind::RecordsLost) {
            self.lost = true;
            return Ok(());
        }
        self.inner.send(topic, partition, record)
    }

    fn poll(&mut self) -> Result<(), LogError> {
        if std::mem::take(&mut self.lost) {
            return Err(LogError::new(LogErrorKind::Timeout, "a record was lost on its way"));
        }
        self.inner.poll()
    }

    fn flush(&mut self) -> Poll<Result<(), LogError>> {
        if self.faults.has(FaultKind::ProducerSlow) {
            return Poll::Pending;
        }
        if self.lost {
            return Poll::Ready(self.poll());
        }
        self.inner.flush()
    }

    fn in_flight(&self) -> usize {
        self.inner.in_flight()
    }

    fn acknowledged(&self, topic: TopicHandle, partition: Partition) -> Option<Offset> {
        self.inner.acknowledged(topic, partition)
    }

    fn init_transactions(&mut self) -> Poll<CommitOutcome> {
        if self.faults.has(FaultKind::InitAway) {
            return Poll::Ready(CommitOutcome::Retriable(away()));
        }
        self.inner.init_transactions()
    }

    fn begin_transaction(&mut self) -> Result<(), LogError> {
        self.inner.begin_transaction()
    }

    fn send_offsets(&mut self, offsets: &[OffsetToCommit], group: &GroupMetadata) -> Poll<CommitOutcome> {
        if self.faults.has(FaultKind::OffsetsAway) {
            return Poll::Ready(CommitOutcome::Retriable(away()));
        }
        self.inner.send_offsets(offsets, group)
    }

    fn commit_transaction(&mut self) -> Poll<CommitOutcome> {
        if self.faults.has(FaultKind::EndAway) {
            return Poll::Ready(CommitOutcome::Retriable(away()));
        }
        if self.faults.has(FaultKind::EndUnknown) {
            return Poll::Ready(CommitOutcome::Unknown(away()));
        }
        let outcome = self.inner.commit_transaction();
        match outcome {
            Poll::Ready(CommitOutcome::Done) if self.faults.has(FaultKind::EndLost) => {
                Poll::Ready(CommitOutcome::Unknown(away()))
            }
            outcome => outcome,
        }
    }

    fn abort_transaction(&mut self) -> Poll<CommitOutcome> {
        self.inner.abort_transaction()
    }
}

struct FaultyMember {
    inner: Box<dyn Member>,
    faults: Faults,
    doorbell: Doorbell,
}

impl Member for FaultyMember {
    fn poll(&mut self) -> Option<MemberEvent> {
        if self.faults.has(FaultKind::MemberSilent) {
            return None;
        }
        if self.faults.has(FaultKind::MemberFails) {
            return Some(MemberEvent::Failed(away()));
        }
        self.inner.poll()
    }

    fn acknowledge_revoked(&mut self) {
        self.inner.acknowledge_revoked();
    }

    fn committer(&self) -> Arc<dyn Committer> {
        let inner = self.inner.committer();
        Arc::new(FaultyCommitter { inner, faults: self.faults.clone(), doorbell: self.doorbell.clone() })
    }

    fn leave(&mut self) -> Poll<()> {
        self.inner.leave()
    }
}

struct FaultyCommitter {
    inner: Arc<dyn Committer>,
    faults: Faults,
    doorbell: Doorbell,
}

impl Committer for FaultyCommitter {
    fn commit(&self, metadata: &GroupMetadata, offsets: Vec<OffsetToCommit>) -> Reply<CommitOutcome> {
        if self.faults.has(FaultKind::CommitsAway) {
            return Reply::ready(CommitOutcome::Retriable(away()));
        }
        let reply = self.inner.commit(metadata, offsets);
        if self.faults.has(FaultKind::CommitsUnknown) {
            return Reply::ready(CommitOutcome::Unknown(away()));
        }
        self.faults.answer(FaultKind::CommitsLate, &self.doorbell, reply)
    }

    fn committed(&self, partitions: Vec<TopicPartition>) -> Reply<Result<Vec<Option<CommittedOffset>>, LogError>> {
        if self.faults.has(FaultKind::PositionsAway) {
            return Reply::ready(Err(away()));
        }
        let reply = self.inner.committed(partitions);
        self.faults.answer(FaultKind::PositionsLate, &self.doorbell, reply)
    }
}

struct FaultyAdmin {
    inner: Arc<dyn Admin>,
    faults: Faults,
    doorbell: Doorbell,
}

impl Ask for FaultyAdmin {
    fn ask<T: Send + 'static>(
        &self,
        _what: &'static str,
        question: impl FnOnce(&dyn Admin) -> Answer<T> + Send + 'static,
    ) -> Answer<T> {
        if self.faults.has(FaultKind::AdminAway) {
            return Reply::ready(Err(away()));
        }
        if self.faults.has(FaultKind::AdminSlow) {
            let (sender, later) = Reply::later();
            let (admin, doorbell) = (Arc::clone(&self.inner), self.doorbell.clone());
            let ask = move || {
                if let Poll::Ready(Some(answer)) = question(&*admin).poll() {
                    // The requester may be gone.
                    let _ = sender.send(answer);
                }
                doorbell.ring();
            };
            self.faults.guard().late.push((FaultKind::AdminSlow, Box::new(ask)));
            return later;
        }
        self.faults.answer(FaultKind::AdminLate, &self.doorbell, question(&*self.inner))
    }
}
