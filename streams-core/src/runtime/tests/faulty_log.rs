//! A log that serves one instance badly for a while: requests fail, answers come late, or are lost after the request
//! was carried out.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use fastrand::Rng;

use super::tally::{Happening, Tally};
use super::wrapped_log::{Answer, Ask, Asking, Fetch, Fetching, Wrap, WrappedLog};
use crate::clock::{Clock as _, ManualClock};
use crate::log::{
    Admin, CommitOutcome, CommittedOffset, Committer, Consumer, Doorbell, Embedded, FetchEvent, GroupMetadata,
    LogError, LogErrorKind, Member, MemberEvent, MemberOptions, OffsetToCommit, OutgoingRecord, Producer, Reply,
    SendError, TopicHandle,
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
    /// The group has forgotten them. No outage does that, so it is never drawn.
    PositionsForgotten,
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
    /// Whether it merely holds things up, so that not even at-least-once repeats work because of it.
    pub(super) const fn only_delays(self) -> bool {
        !matches!(self, Self::RecordsLost | Self::MemberSilent | Self::MemberFails)
    }

    pub(super) fn draw(rng: &mut Rng) -> Self {
        rng.choice(KINDS).unwrap_or(Self::AdminAway)
    }

    pub(super) fn draw_of_writing(rng: &mut Rng) -> Self {
        rng.choice(KINDS_OF_WRITING).unwrap_or(Self::ProducerFull)
    }
}

/// Those that are about records, commits and transactions.
const KINDS_OF_WRITING: [FaultKind; 11] = [
    FaultKind::ProducerFull,
    FaultKind::ProducerSlow,
    FaultKind::RecordsLost,
    FaultKind::RecordsLost,
    FaultKind::RecordsLost,
    FaultKind::CommitsAway,
    FaultKind::CommitsLate,
    FaultKind::OffsetsAway,
    FaultKind::EndAway,
    FaultKind::EndLost,
    FaultKind::EndUnknown,
];

/// The current faults.
#[derive(Clone)]
pub(super) struct Faults {
    clock: ManualClock,
    inner: Arc<Mutex<Inner>>,
    /// What came of them, and of everything else that passes here.
    pub(super) tally: Tally,
}

type Late = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Inner {
    until: BTreeMap<FaultKind, Duration>,
    /// Answers held back until a fault ends.
    late: Vec<(FaultKind, Late)>,
    /// Answers held back until all faults end.
    last: Vec<Late>,
    /// When the group last heard of the member.
    heard: Option<Duration>,
    /// How many records went to changelogs, and how often somebody waited for acknowledgements.
    logged: usize,
    flushes: usize,
    has_missed_deadline: bool,
    /// Whether members join without an instance id, as those do whose state is in memory.
    is_dynamic: bool,
    /// The membership in which tasks were last assigned, also to an earlier instance.
    assigned: Option<GroupMetadata>,
}

impl Faults {
    pub(super) fn new(clock: &ManualClock) -> Self {
        Self::noting(clock, &Tally::default())
    }

    /// The same; what happens is noted.
    pub(super) fn noting(clock: &ManualClock, tally: &Tally) -> Self {
        Self { clock: clock.clone(), inner: Arc::default(), tally: tally.clone() }
    }

    /// When the group last heard of the instance's member.
    pub(super) fn heard(&self) -> Option<Duration> {
        self.guard().heard
    }

    /// Whether a worker of the instance did not give its tasks up in time.
    pub(super) fn has_missed_deadline(&self) -> bool {
        self.guard().has_missed_deadline
    }

    /// Makes members dynamic from now on.
    pub(super) fn make_dynamic(&self) {
        self.guard().is_dynamic = true;
    }

    /// A new member has not been heard of yet.
    pub(super) fn begin_member(&self) {
        self.guard().heard = None;
    }

    /// How many records the instance has written to changelogs so far, and how often it has waited until everything
    /// was acknowledged, which it does when it commits.
    pub(super) fn written(&self) -> (usize, usize) {
        let inner = self.guard();
        (inner.logged, inner.flushes)
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

fn lost() -> LogError {
    LogError::new(LogErrorKind::Timeout, "a record was lost on its way")
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
        Box::new(FaultyProducer {
            inner,
            faults: self.clone(),
            changelogs: HashSet::new(),
            lost: false,
            in_transaction: false,
        })
    }

    fn member(&self, inner: Box<dyn Member>, doorbell: Doorbell) -> Box<dyn Member> {
        Box::new(FaultyMember { inner, faults: self.clone(), doorbell, deadline: None })
    }

    fn member_options(&self, options: MemberOptions) -> MemberOptions {
        match self.guard().is_dynamic {
            true => MemberOptions { instance_id: None, ..options },
            false => options,
        }
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
            let before = events.len();
            inner.fetch(records_max, events);
            if events.iter().skip(before).any(|event| matches!(event, FetchEvent::OutOfRange { .. })) {
                self.tally.note(Happening::PositionLost);
            }
        }
    }
}

struct FaultyProducer {
    inner: Box<dyn Producer>,
    faults: Faults,
    changelogs: HashSet<TopicHandle>,
    /// Whether a record was lost without a report so far.
    lost: bool,
    in_transaction: bool,
}

impl FaultyProducer {
    fn note(&mut self, outcome: Poll<CommitOutcome>) -> Poll<CommitOutcome> {
        match &outcome {
            Poll::Ready(CommitOutcome::Fenced(_) | CommitOutcome::AbortRequired(_)) => {
                self.faults.tally.note(Happening::CommitFenced);
            }
            Poll::Ready(CommitOutcome::Unknown(_)) => self.faults.tally.note(Happening::CommitUnknown),
            _ => {}
        }
        outcome
    }
}

impl Drop for FaultyProducer {
    fn drop(&mut self) {
        if self.in_transaction {
            self.faults.tally.note(Happening::TransactionGivenUp);
        }
    }
}

impl Producer for FaultyProducer {
    fn topic(&mut self, name: &str) -> TopicHandle {
        let handle = self.inner.topic(name);
        if name.ends_with("-changelog") {
            self.changelogs.insert(handle);
        }
        handle
    }

    fn send(&mut self, topic: TopicHandle, partition: Partition, record: OutgoingRecord<'_>) -> Result<(), SendError> {
        if self.faults.has(FaultKind::ProducerFull) {
            self.faults.tally.note(Happening::RecordRefused);
            return Err(SendError::Full);
        }
        if self.changelogs.contains(&topic) {
            self.faults.guard().logged += 1;
        }
        if self.faults.has(FaultKind::RecordsLost) {
            self.faults.tally.note(Happening::RecordLost);
            self.lost = true;
            return Ok(());
        }
        self.inner.send(topic, partition, record)
    }

    fn poll(&mut self) -> Result<(), LogError> {
        // While the fault lasts, only a flush hears of it: a report takes its time.
        if self.lost && !self.faults.has(FaultKind::RecordsLost) {
            self.lost = false;
            return Err(lost());
        }
        match self.faults.has(FaultKind::ProducerSlow) {
            // What was sent is still on its way, and lost if the instance ends.
            true => Ok(()),
            false => self.inner.poll(),
        }
    }

    fn flush(&mut self) -> Poll<Result<(), LogError>> {
        self.faults.guard().flushes += 1;
        if self.faults.has(FaultKind::ProducerSlow) {
            return Poll::Pending;
        }
        if std::mem::take(&mut self.lost) {
            return Poll::Ready(Err(lost()));
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
        self.in_transaction = true;
        self.inner.begin_transaction()
    }

    fn send_offsets(&mut self, offsets: &[OffsetToCommit], group: &GroupMetadata) -> Poll<CommitOutcome> {
        if self.faults.has(FaultKind::OffsetsAway) {
            return Poll::Ready(CommitOutcome::Retriable(away()));
        }
        let outcome = self.inner.send_offsets(offsets, group);
        self.note(outcome)
    }

    fn commit_transaction(&mut self) -> Poll<CommitOutcome> {
        if self.faults.has(FaultKind::EndAway) {
            return Poll::Ready(CommitOutcome::Retriable(away()));
        }
        if self.faults.has(FaultKind::EndUnknown) {
            return self.note(Poll::Ready(CommitOutcome::Unknown(away())));
        }
        let mut outcome = self.inner.commit_transaction();
        if matches!(outcome, Poll::Ready(CommitOutcome::Done)) {
            self.in_transaction = false;
            if self.faults.has(FaultKind::EndLost) {
                outcome = Poll::Ready(CommitOutcome::Unknown(away()));
            }
        }
        self.note(outcome)
    }

    fn abort_transaction(&mut self) -> Poll<CommitOutcome> {
        self.inner.abort_transaction()
    }
}

struct FaultyMember {
    inner: Box<dyn Member>,
    faults: Faults,
    doorbell: Doorbell,
    /// When the group removes the member unless it gives up its tasks.
    deadline: Option<Duration>,
}

impl Member for FaultyMember {
    fn poll(&mut self) -> Option<MemberEvent> {
        if self.faults.has(FaultKind::MemberSilent) {
            return None;
        }
        if self.faults.has(FaultKind::MemberFails) {
            return Some(MemberEvent::Failed(away()));
        }
        let now = self.faults.clock.monotonic();
        self.faults.guard().heard = Some(now);
        let event = self.inner.poll();
        if let Some(MemberEvent::Revoked { deadline, .. }) = &event {
            self.deadline = Some(now + deadline.mul_f32(0.9));
        }
        if let Some(MemberEvent::Assigned { metadata, .. }) = &event {
            let before = self.faults.guard().assigned.replace(metadata.clone());
            if before.is_some_and(|before| before.generation == metadata.generation) {
                self.faults.tally.note(Happening::PlaceTaken);
            }
        }
        event
    }

    fn acknowledge_revoked(&mut self) {
        if self.deadline.take().is_some_and(|deadline| self.faults.clock.monotonic() >= deadline) {
            self.faults.tally.note(Happening::DeadlineMissed);
            self.faults.guard().has_missed_deadline = true;
        }
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
            self.faults.tally.note(Happening::CommitRepeated);
            return Reply::ready(CommitOutcome::Retriable(away()));
        }
        let mut reply = self.inner.commit(metadata, offsets);
        if self.faults.has(FaultKind::CommitsUnknown) {
            self.faults.tally.note(Happening::CommitUnknown);
            return Reply::ready(CommitOutcome::Unknown(away()));
        }
        if let Poll::Ready(Some(outcome)) = reply.poll() {
            if matches!(outcome, CommitOutcome::Fenced(_)) {
                self.faults.tally.note(Happening::CommitFenced);
            }
            reply = Reply::ready(outcome);
        }
        if self.faults.has(FaultKind::CommitsLate) {
            self.faults.tally.note(Happening::CommitLate);
        }
        self.faults.answer(FaultKind::CommitsLate, &self.doorbell, reply)
    }

    fn committed(&self, partitions: Vec<TopicPartition>) -> Reply<Result<Vec<Option<CommittedOffset>>, LogError>> {
        if self.faults.has(FaultKind::PositionsAway) {
            return Reply::ready(Err(away()));
        }
        if self.faults.has(FaultKind::PositionsForgotten) {
            return Reply::ready(Ok(vec![None; partitions.len()]));
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
