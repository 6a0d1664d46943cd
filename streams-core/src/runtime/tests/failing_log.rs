//! A log in which exactly one call or answer fails. Each run picks another one.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use super::wrapped_log::{Answer, Ask, Asking, Fetch, Fetching, Wrap, WrappedLog};
use crate::log::{
    Admin, CommitOutcome, CommittedOffset, Committer, Consumer, Doorbell, Embedded, FetchEvent, GroupMetadata,
    LogError, LogErrorKind, Member, MemberEvent, OffsetToCommit, OutgoingRecord, Producer, Reply, SendError,
    TopicHandle,
};
use crate::record::{Offset, Partition, TopicPartition};
use crate::state::{Memory, StateBackend, Store, StoreError, StoreErrorKind};

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// With an error that a retry does not fix.
    Refusal,
    /// With a panic.
    Panic,
}

/// The call that fails: the n-th with a given name, counted from 1, whoever makes it.
pub(super) struct Fault {
    name: String,
    at: usize,
    failure: Failure,
    calls: Mutex<BTreeMap<String, usize>>,
    is_member: AtomicBool,
    nobody_leaves: AtomicBool,
}

impl Fault {
    pub(super) fn new(name: &str, at: usize, failure: Failure) -> Arc<Self> {
        let (name, calls, no) = (name.to_owned(), Mutex::default(), || AtomicBool::new(false));
        Arc::new(Self { name, at, failure, calls, is_member: no(), nobody_leaves: no() })
    }

    /// No call fails.
    pub(super) fn none() -> Arc<Self> {
        Self::new("none", 0, Failure::Refusal)
    }

    /// From now on the group does not answer leave requests.
    pub(super) fn let_nobody_leave(&self) {
        self.nobody_leaves.store(true, Ordering::SeqCst);
    }

    /// The names of all calls so far.
    pub(super) fn names(&self) -> Vec<String> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// Whether the call that should fail was made.
    pub(super) fn is_hit(&self) -> bool {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.get(&self.name).is_some_and(|calls| *calls >= self.at)
    }

    /// Counts a call.
    fn call(&self, what: &str) -> Result<(), LogError> {
        let name = if self.is_member.load(Ordering::SeqCst) { format!("{what}, as a member") } else { what.to_owned() };
        let is_it = {
            let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
            let number = calls.entry(name.clone()).or_default();
            *number += 1;
            (&name, *number) == (&self.name, self.at)
        };
        let message = format!("{name}: it was to fail");
        match self.failure {
            _ if !is_it => Ok(()),
            Failure::Refusal => Err(LogError::new(LogErrorKind::Invalid, message)),
            Failure::Panic => panic!("{message}"),
        }
    }

    /// Counts a request and answers it.
    fn answer<T>(&self, what: &str, ask: impl FnOnce() -> Reply<Result<T, LogError>>) -> Reply<Result<T, LogError>> {
        self.call(what).map_or_else(|error| Reply::ready(Err(error)), |()| ask())
    }

    /// Counts an outcome once it is known.
    fn outcome(&self, what: &str, outcome: Poll<CommitOutcome>) -> Poll<CommitOutcome> {
        match outcome.is_ready().then(|| self.call(what)) {
            Some(Err(error)) => Poll::Ready(CommitOutcome::Fatal(error)),
            _ => outcome,
        }
    }
}

/// State in memory; opening it counts as a call.
pub(super) struct FailingState(pub(super) Arc<Fault>);

struct Failing<T> {
    inner: T,
    fault: Arc<Fault>,
}

/// A log that injects the fault.
pub(super) fn failing_log(log: Embedded, fault: &Arc<Fault>) -> WrappedLog<Arc<Fault>> {
    WrappedLog { log, wrap: Arc::clone(fault) }
}

impl Wrap for Arc<Fault> {
    fn create(&self, client: &str) -> Result<(), LogError> {
        self.call(&format!("creating {client}"))
    }

    fn consumer(&self, inner: Box<dyn Consumer>) -> Box<dyn Consumer> {
        Box::new(Fetching { inner, fetch: Arc::clone(self) })
    }

    fn producer(&self, inner: Box<dyn Producer>) -> Box<dyn Producer> {
        Box::new(Failing { inner, fault: Arc::clone(self) })
    }

    fn member(&self, inner: Box<dyn Member>, _doorbell: Doorbell) -> Box<dyn Member> {
        self.is_member.store(true, Ordering::SeqCst);
        Box::new(Failing { inner, fault: Arc::clone(self) })
    }

    fn admin(&self, inner: Arc<dyn Admin>, _doorbell: Doorbell) -> Arc<dyn Admin> {
        Arc::new(Asking(Failing { inner, fault: Arc::clone(self) }))
    }
}

impl Ask for Failing<Arc<dyn Admin>> {
    fn ask<T: Send + 'static>(
        &self,
        what: &'static str,
        question: impl FnOnce(&dyn Admin) -> Answer<T> + Send + 'static,
    ) -> Answer<T> {
        self.fault.answer(what, || question(&*self.inner))
    }
}

impl Member for Failing<Box<dyn Member>> {
    fn poll(&mut self) -> Option<MemberEvent> {
        let event = self.inner.poll()?;
        Some(self.fault.call("being a member").map_or_else(MemberEvent::Failed, |()| event))
    }

    fn acknowledge_revoked(&mut self) {
        self.inner.acknowledge_revoked();
    }

    fn committer(&self) -> Arc<dyn Committer> {
        Arc::new(Failing { inner: self.inner.committer(), fault: Arc::clone(&self.fault) })
    }

    fn leave(&mut self) -> Poll<()> {
        if self.fault.nobody_leaves.load(Ordering::SeqCst) { Poll::Pending } else { self.inner.leave() }
    }
}

impl Committer for Failing<Arc<dyn Committer>> {
    fn commit(&self, metadata: &GroupMetadata, offsets: Vec<OffsetToCommit>) -> Reply<CommitOutcome> {
        match self.fault.call("committing positions") {
            Ok(()) => self.inner.commit(metadata, offsets),
            Err(error) => Reply::ready(CommitOutcome::Fatal(error)),
        }
    }

    fn committed(&self, partitions: Vec<TopicPartition>) -> Reply<Result<Vec<Option<CommittedOffset>>, LogError>> {
        self.fault.answer("asking for positions", || self.inner.committed(partitions))
    }
}

impl Fetch for Arc<Fault> {
    fn fetch(&mut self, inner: &mut dyn Consumer, records_max: usize, events: &mut Vec<FetchEvent>) {
        let before = events.len();
        inner.fetch(records_max, events);
        if events.len() > before
            && let Err(error) = self.call("reading")
        {
            events.truncate(before);
            events.push(FetchEvent::Error { partition: None, error });
        }
    }
}

impl Producer for Failing<Box<dyn Producer>> {
    fn topic(&mut self, name: &str) -> TopicHandle {
        self.inner.topic(name)
    }

    fn send(&mut self, topic: TopicHandle, partition: Partition, record: OutgoingRecord<'_>) -> Result<(), SendError> {
        self.fault.call("sending a record")?;
        self.inner.send(topic, partition, record)
    }

    fn poll(&mut self) -> Result<(), LogError> {
        self.inner.poll()
    }

    fn flush(&mut self) -> Poll<Result<(), LogError>> {
        match self.inner.flush() {
            Poll::Ready(Ok(())) => Poll::Ready(self.fault.call("flushing")),
            other => other,
        }
    }

    fn in_flight(&self) -> usize {
        self.inner.in_flight()
    }

    fn acknowledged(&self, topic: TopicHandle, partition: Partition) -> Option<Offset> {
        self.inner.acknowledged(topic, partition)
    }

    fn init_transactions(&mut self) -> Poll<CommitOutcome> {
        let outcome = self.inner.init_transactions();
        self.fault.outcome("registering a transactional id", outcome)
    }

    fn begin_transaction(&mut self) -> Result<(), LogError> {
        self.fault.call("beginning a transaction")?;
        self.inner.begin_transaction()
    }

    fn send_offsets(&mut self, offsets: &[OffsetToCommit], group: &GroupMetadata) -> Poll<CommitOutcome> {
        let outcome = self.inner.send_offsets(offsets, group);
        self.fault.outcome("sending positions", outcome)
    }

    fn commit_transaction(&mut self) -> Poll<CommitOutcome> {
        let outcome = self.inner.commit_transaction();
        self.fault.outcome("committing a transaction", outcome)
    }

    fn abort_transaction(&mut self) -> Poll<CommitOutcome> {
        let outcome = self.inner.abort_transaction();
        self.fault.outcome("aborting a transaction", outcome)
    }
}

impl StateBackend for FailingState {
    fn name(&self) -> &'static str {
        Memory.name()
    }

    fn is_persistent(&self) -> bool {
        false
    }

    fn open(&self, folder: &Path, stores: &[String]) -> Result<Box<dyn Store>, StoreError> {
        let fails = |error: LogError| StoreError::new(StoreErrorKind::Other, error.message);
        self.0.call("opening a store").map_err(fails)?;
        Memory.open(folder, stores)
    }
}
