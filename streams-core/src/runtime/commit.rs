//! Commits under at-least-once and exactly-once, side by side.
//!
//! Both start between two records and end with input positions and local state that match.
//!
//! | step | at-least-once | exactly-once |
//! |---|---|---|
//! | 1 | flush caches in topological order, tell event times | the same |
//! | 2 | wait until everything sent is acknowledged | the same |
//! | 3 | write state and stream times in one batch | positions into the transaction |
//! | 4 | commit positions through the group | commit the transaction |
//! | 5 | record the changelog offsets | write state, changelog offsets, stream times in one batch |
//!
//! Under at-least-once, the changelog offsets are recorded only after the group has accepted the positions. A member
//! that was removed from the group without noticing may have written after its successor's changelog records, and
//! must read those if it gets the task again. Applying changes that the state already contains is harmless.
//!
//! After a crash before the last step, positions are older than outputs and some work is repeated (at-least-once), or
//! nothing is visible at all (exactly-once). Either way the state on disk is at a committed point. Only this file
//! commits.

use std::cell::RefCell;
use std::task::Poll;
use std::time::Duration;

use super::AppError;
use super::collector::{ProducerCollector, may_be_repeated};
use super::long_wait::Awaited;
use super::retry::Retry;
use super::settings::Guarantee;
use super::task::{Task, writing_failed};
use super::worker::Slots;
use crate::log::{CommitOutcome, Committer, GroupMetadata, LogError, LogErrorKind, OffsetToCommit, Reply};

/// A commit in progress of all tasks of a worker.
pub(crate) struct Commit {
    guarantee: Guarantee,
    metadata: GroupMetadata,
    offsets: Vec<OffsetToCommit>,
    step: CommitStep,
    retry: Retry,
    /// Since when the log has not answered the request of this step.
    asked_since: Option<Duration>,
    /// Why the log has not taken the commit, as it has said last.
    trouble: Option<LogError>,
    span: tracing::Span,
}

/// How long to wait before repeating a request that the log could not decide.
const RETRY_AFTER: Duration = Duration::from_millis(50);

/// How many rows are flushed between two looks at the producer, and how often that is done in one step.
const ROWS_PER_SLICE: usize = 1_000;
const SLICES_PER_STEP: usize = 16;

enum CommitStep {
    FlushCaches,
    AwaitAcknowledgements,
    SendOffsets,
    CommitTransaction,
    WriteState,
    CommitPositions(Option<Reply<CommitOutcome>>),
}

/// The progress of a commit.
pub(crate) enum CommitProgress {
    /// Not finished yet.
    Pending {
        /// Whether processing has to wait for it.
        blocks: bool,
    },
    /// Committed.
    Done,
    /// The tasks belong to another member: drop them and their uncommitted work.
    Lost(LogError),
    /// The work since the last commit must be dropped and repeated with a new producer.
    Undone(LogError),
}

impl Commit {
    /// Starts a commit with the membership in `metadata`.
    pub(crate) fn new(guarantee: Guarantee, metadata: GroupMetadata) -> Self {
        let span = tracing::debug_span!("commit", generation = metadata.generation);
        Self {
            guarantee,
            metadata,
            offsets: Vec::new(),
            step: CommitStep::FlushCaches,
            retry: Retry::after(RETRY_AFTER),
            asked_since: None,
            trouble: None,
            span,
        }
    }

    /// Whether there are caches to flush, so that there is something to do and nothing to wait for.
    pub(crate) const fn is_flushing(&self) -> bool {
        matches!(self.step, CommitStep::FlushCaches)
    }

    /// What it has been waiting for, and since when.
    pub(crate) fn awaits(&self) -> Option<(Duration, Awaited)> {
        let what = match self.step {
            CommitStep::FlushCaches | CommitStep::WriteState => return None,
            CommitStep::AwaitAcknowledgements => "the log to acknowledge what was written to it",
            CommitStep::SendOffsets => "the log to take positions into a transaction",
            CommitStep::CommitTransaction => "the log to commit a transaction",
            CommitStep::CommitPositions(_) => "the group to take positions",
        };
        Some((self.asked_since?, Awaited::of(what).because(self.trouble.as_ref())))
    }

    /// A transaction that the log has neither committed nor refused when its time is up counts as one of which nobody knows:
    /// it may have been committed in the meantime, or given up. Asking on would tell nothing new.
    fn is_beyond_knowing(&self, now: Duration, patience: Duration) -> bool {
        let is_of_transaction = matches!(self.step, CommitStep::SendOffsets | CommitStep::CommitTransaction);
        is_of_transaction && self.asked_since.is_some_and(|since| now.saturating_sub(since) > patience)
    }

    fn unknown(&mut self, now: Duration) -> LogError {
        let seconds = self.asked_since.map_or(0, |since| now.saturating_sub(since).as_secs());
        let why = self.trouble.take().map_or_else(|| "there is no answer".to_owned(), |error| error.message);
        let message = format!("the log has not said within {seconds} s what has become of a transaction: {why}");
        LogError::new(LogErrorKind::Timeout, message)
    }

    /// The log's outages do not count as time in which it could have answered.
    pub(crate) const fn excuse(&mut self) {
        self.asked_since = None;
    }

    fn go_on_with(&mut self, step: CommitStep) {
        (self.step, self.asked_since, self.trouble) = (step, None, None);
    }

    /// Advances as far as possible without waiting. After `patience` without a decision, a transaction's outcome counts as
    /// unknown.
    pub(crate) fn advance(
        &mut self,
        slots: &mut Slots,
        collector: &RefCell<ProducerCollector>,
        committer: &dyn Committer,
        (now, patience): (Duration, Duration),
    ) -> Result<CommitProgress, AppError> {
        if self.is_beyond_knowing(now, patience) {
            return Ok(CommitProgress::Undone(self.unknown(now)));
        }
        if self.retry.is_pausing(now) {
            return Ok(self.pending());
        }
        let _span = self.span.clone().entered();
        loop {
            match &mut self.step {
                CommitStep::FlushCaches => {
                    match flushed(slots, collector)? {
                        Poll::Pending => return Ok(CommitProgress::Pending { blocks: true }),
                        Poll::Ready(Err(error)) => return not_written(error, slots),
                        Poll::Ready(Ok(())) => {}
                    }
                    let told = slots.running_mut().try_for_each(|task| task.tell(collector));
                    if let Err(error) = told {
                        return not_written(error, slots);
                    }
                    self.go_on_with(CommitStep::AwaitAcknowledgements);
                }
                CommitStep::AwaitAcknowledgements => {
                    match acknowledged(&mut collector.borrow_mut()) {
                        Poll::Pending => return Ok(self.wait(now)),
                        Poll::Ready(Err(error)) => return not_written(error, slots),
                        Poll::Ready(Ok(())) => {}
                    }
                    let collector = &*collector.borrow();
                    self.offsets = slots.running_mut().flat_map(|task| task.offsets(collector)).collect();
                    self.go_on_with(match self.guarantee {
                        Guarantee::AtLeastOnce => CommitStep::WriteState,
                        Guarantee::ExactlyOnce => CommitStep::SendOffsets,
                    });
                }
                CommitStep::SendOffsets => {
                    let mut collector = collector.borrow_mut();
                    if let Err(error) = collector.ensure_transaction() {
                        return Ok(CommitProgress::Undone(error));
                    }
                    match collector.producer().send_offsets(&self.offsets, &self.metadata) {
                        Poll::Pending => return Ok(self.wait(now)),
                        Poll::Ready(CommitOutcome::Done) => {
                            slots.running_mut().try_for_each(Task::begin_ending_transaction)?;
                            self.go_on_with(CommitStep::CommitTransaction);
                        }
                        Poll::Ready(outcome) => match in_transaction(outcome) {
                            Ok(decided) => return decided,
                            Err(error) => return Ok(self.ask_again(now, error)),
                        },
                    }
                }
                CommitStep::CommitTransaction => {
                    let mut collector = collector.borrow_mut();
                    let outcome = collector.producer().commit_transaction();
                    let is_aborted =
                        matches!(outcome, Poll::Ready(CommitOutcome::AbortRequired(_) | CommitOutcome::Fenced(_)));
                    match outcome {
                        Poll::Pending => return Ok(self.wait(now)),
                        Poll::Ready(CommitOutcome::Done) => {
                            collector.transaction_ended();
                            self.go_on_with(CommitStep::WriteState);
                        }
                        Poll::Ready(outcome) => match in_transaction(outcome) {
                            Ok(decided) => {
                                if is_aborted {
                                    slots.running_mut().try_for_each(Task::transaction_not_committed)?;
                                }
                                return decided;
                            }
                            Err(error) => return Ok(self.ask_again(now, error)),
                        },
                    }
                }
                CommitStep::WriteState => {
                    for task in slots.running_mut() {
                        task.write_state(&collector.borrow(), self.guarantee == Guarantee::ExactlyOnce)?;
                        task.work_is_written();
                    }
                    match self.guarantee {
                        Guarantee::AtLeastOnce => self.go_on_with(CommitStep::CommitPositions(None)),
                        Guarantee::ExactlyOnce => return self.done(slots),
                    }
                }
                CommitStep::CommitPositions(reply) => {
                    let reply = reply.get_or_insert_with(|| committer.commit(&self.metadata, self.offsets.clone()));
                    match reply.poll() {
                        Poll::Pending => return Ok(self.wait(now)),
                        Poll::Ready(Some(CommitOutcome::Done)) => return self.done(slots),
                        Poll::Ready(Some(CommitOutcome::Fenced(error))) => return Ok(CommitProgress::Lost(error)),
                        Poll::Ready(Some(CommitOutcome::Fatal(error) | CommitOutcome::AbortRequired(error))) => {
                            return Err(AppError::log("committing input positions", error));
                        }
                        // Committing the same positions twice is harmless, so an unknown outcome is retried.
                        Poll::Ready(Some(CommitOutcome::Retriable(error) | CommitOutcome::Unknown(error))) => {
                            self.step = CommitStep::CommitPositions(None);
                            return Ok(self.ask_again(now, error));
                        }
                        Poll::Ready(None) => {
                            self.step = CommitStep::CommitPositions(None);
                            let error = LogError::new(LogErrorKind::Unavailable, "the log gave no answer");
                            return Ok(self.ask_again(now, error));
                        }
                    }
                }
            }
        }
    }

    fn ask_again(&mut self, now: Duration, error: LogError) -> CommitProgress {
        self.retry.pause(now);
        self.trouble = Some(error);
        self.wait(now)
    }

    fn wait(&mut self, now: Duration) -> CommitProgress {
        self.asked_since.get_or_insert(now);
        self.pending()
    }

    /// Once its state is written, an at-least-once commit no longer has to hold up new records.
    const fn pending(&self) -> CommitProgress {
        CommitProgress::Pending { blocks: !matches!(self.step, CommitStep::CommitPositions(_)) }
    }

    fn done(&self, slots: &mut Slots) -> Result<CommitProgress, AppError> {
        let offsets = self.offsets.iter().map(|offset| (&offset.partition, offset)).collect();
        for task in slots.running_mut() {
            task.committed(&offsets)?;
        }
        Ok(CommitProgress::Done)
    }
}

/// Ready when the caches are flushed; an error if a record was lost. Goes on only as long as the producer takes what
/// they write, and not for long: nothing is processed meanwhile, so what is left stays as it is.
fn flushed(slots: &mut Slots, collector: &RefCell<ProducerCollector>) -> Result<Poll<Result<(), LogError>>, AppError> {
    for _ in 0..SLICES_PER_STEP {
        match collector.borrow_mut().drain() {
            Ok(true) => {}
            Ok(false) => return Ok(Poll::Pending),
            Err(error) => return Ok(Poll::Ready(Err(error))),
        }
        if !flush_slice(slots)? {
            return Ok(Poll::Ready(Ok(())));
        }
    }
    Ok(Poll::Pending)
}

/// Flushes some rows of the first task that has any. Returns whether there may be more.
fn flush_slice(slots: &mut Slots) -> Result<bool, AppError> {
    for task in slots.running_mut() {
        if task.flush_caches(ROWS_PER_SLICE)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What it means for a commit that a record was not written.
fn not_written(error: LogError, slots: &Slots) -> Result<CommitProgress, AppError> {
    if may_be_repeated(&error) {
        Ok(CommitProgress::Undone(error))
    } else {
        Err(writing_failed(error, slots.running()))
    }
}

/// Ready when everything sent is acknowledged; an error if a record was lost.
fn acknowledged(collector: &mut ProducerCollector) -> Poll<Result<(), LogError>> {
    match collector.drain() {
        Ok(true) => collector.producer().flush(),
        Ok(false) => Poll::Pending,
        Err(error) => Poll::Ready(Err(error)),
    }
}

/// What a transactional outcome other than `Done` means for the commit.
///
/// # Errors
/// The reason to retry.
fn in_transaction(outcome: CommitOutcome) -> Result<Result<CommitProgress, AppError>, LogError> {
    match outcome {
        CommitOutcome::Done => Err(LogError::new(LogErrorKind::Other, "it is done")),
        CommitOutcome::Retriable(error) => Err(error),
        CommitOutcome::AbortRequired(error) | CommitOutcome::Unknown(error) => Ok(Ok(CommitProgress::Undone(error))),
        CommitOutcome::Fenced(error) => Ok(Ok(CommitProgress::Lost(error))),
        CommitOutcome::Fatal(error) => Ok(Err(AppError::log("committing a transaction", error))),
    }
}
