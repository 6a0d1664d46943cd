//! The transactions of a producer: librdkafka's blocking calls, run on a thread and repeated until they are decided.
//!
//! This also replaces the producer's client if the end of a transaction, a commit or an abort, may leave a late request
//! behind. librdkafka silently repeats a request to end a transaction when the connection breaks or a timeout expires;
//! the first request may then arrive late and end the *next* transaction (KAFKA-17754; fixed by KIP-890 for clients that
//! implement it, which librdkafka does not). Registering the transactional id again raises its epoch, so that the late
//! request is refused.

use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use streams_core::log::{CommitOutcome, Doorbell, GroupMetadata, LogError, LogErrorKind, OffsetToCommit, Reply};

use crate::delivery::Deliveries;
use crate::errors::TransactionError;
use crate::helper::Helper;
use crate::native::{Client, PartitionList};

/// A call that is not decided after this time returns; it continues when it is repeated.
const SLICE_MS: i32 = 2_000;
/// How long a replacement client may take to register before the producer is abandoned.
const RENEWAL_TIMEOUT: Duration = Duration::from_secs(60);

/// Creates another client with the same settings.
pub(crate) type NewClient = Arc<dyn Fn() -> Result<Arc<Client>, LogError> + Send + Sync>;

/// The transactional calls of a producer.
pub(crate) struct Transactions {
    id: String,
    helper: Helper,
    new_client: NewClient,
    pending: Option<(Call, Reply<Answer>)>,
    is_open: bool,
    /// Set if a client was replaced but the new one could not be registered.
    broken: Option<LogError>,
    doubt: Doubt,
    /// When the end of the open transaction was first requested. librdkafka's calls are divided into slices, but its
    /// requests are not.
    ending_since: Option<Instant>,
}

/// Knows when a repeated request to end a transaction may still be in flight although the transaction has ended. A request
/// is repeated only if a connection breaks or a timeout expires.
#[derive(Debug, Clone, Copy)]
struct Doubt {
    /// The number of connections that had broken when the transaction began.
    broken_at_begin: u64,
    /// A request that takes longer may have been repeated.
    suspicious_after: Duration,
}

impl Doubt {
    /// The reason not to continue with the same client, if there is one.
    fn reason(self, broken_now: u64, took: Duration) -> Option<&'static str> {
        if broken_now != self.broken_at_begin {
            return Some("a connection broke during the transaction");
        }
        (took > self.suspicious_after).then_some("the end of the transaction took long")
    }
}

/// The outcome of a transaction, and the client to continue with if it is a new one.
pub(crate) type Ended = (CommitOutcome, Option<Arc<Client>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    Init,
    SendOffsets,
    Commit,
    Abort,
}

struct Answer {
    outcome: CommitOutcome,
    /// If the client was replaced: the new one, or why there is none.
    renewed: Option<Result<Arc<Client>, LogError>>,
}

/// The version of the request to register that came with Kafka 2.5, together with commits that are checked against the
/// group's generation (KIP-360 and KIP-447).
const CHECKED_COMMITS: i16 = 3;

/// The error if the broker cannot check who commits.
fn too_old(client: &Client, what: &str) -> Option<LogError> {
    let version = client.registration_version().filter(|version| *version < CHECKED_COMMITS)?;
    let message = format!(
        "{what}: the broker is older than Kafka 2.5 (it has version {version} of InitProducerId, and {CHECKED_COMMITS} is \
         needed), so it would take positions from a process that has lost its tasks: upgrade it, or choose \
         `processing.guarantee=at_least_once`"
    );
    Some(LogError::new(LogErrorKind::Invalid, message))
}

impl Transactions {
    /// The calls for a producer whose requests time out after `request_timeout`.
    pub(crate) fn new(
        id: &str,
        request_timeout: Duration,
        new_client: NewClient,
        doorbell: &Doorbell,
    ) -> Result<Self, LogError> {
        Ok(Self {
            id: id.to_owned(),
            helper: Helper::start("kafka-transactions", doorbell)?,
            new_client,
            pending: None,
            is_open: false,
            broken: None,
            doubt: Doubt { broken_at_begin: 0, suspicious_after: request_timeout / 2 },
            ending_since: None,
        })
    }

    /// Whether a call has been started whose outcome has not been returned yet.
    pub(crate) const fn is_asked(&self) -> bool {
        self.pending.is_some()
    }

    pub(crate) fn init(&mut self, client: &Arc<Client>) -> Poll<CommitOutcome> {
        let (client, what) = (Arc::clone(client), self.subject("registering"));
        self.run(Call::Init, move || match outcome(client.init_transactions(SLICE_MS), &what) {
            CommitOutcome::Done => too_old(&client, &what).map_or(CommitOutcome::Done, CommitOutcome::Fatal),
            outcome => outcome,
        })
        .map(|answer| answer.outcome)
    }

    pub(crate) fn begin(&mut self, client: &Client) -> Result<(), LogError> {
        if let Some(error) = self.broken.clone() {
            return Err(error);
        }
        if self.is_open {
            return Err(LogError::new(LogErrorKind::Invalid, format!("{}: one is open", self.subject("beginning"))));
        }
        self.doubt.broken_at_begin = client.broken_connections();
        self.ending_since = None;
        client.begin_transaction().map_err(|error| {
            LogError::new(
                error.code.kind(),
                format!("{}: {} [{}]", self.subject("beginning"), error.reason, error.code),
            )
        })?;
        self.is_open = true;
        Ok(())
    }

    pub(crate) fn send_offsets(
        &mut self,
        client: &Arc<Client>,
        offsets: &[OffsetToCommit],
        group: &GroupMetadata,
    ) -> Poll<CommitOutcome> {
        let what = self.subject("adding positions to");
        if self.pending.is_none() {
            // The broker would accept such a commit without any check, from anybody.
            if group.generation < 0 || group.member_id.is_empty() {
                let message = format!("{what}: the caller has never been a member of group `{}`", group.group);
                return Poll::Ready(CommitOutcome::AbortRequired(LogError::new(LogErrorKind::Invalid, message)));
            }
            let list = match offset_list(offsets) {
                Ok(list) => list,
                Err(error) => return Poll::Ready(CommitOutcome::AbortRequired(error)),
            };
            let (client, group) = (Arc::clone(client), group.clone());
            return self
                .run(Call::SendOffsets, move || outcome(client.send_offsets(&list, &group), &what))
                .map(|answer| answer.outcome);
        }
        self.run(Call::SendOffsets, || CommitOutcome::Done).map(|answer| answer.outcome)
    }

    pub(crate) fn commit(&mut self, client: &Arc<Client>) -> Poll<Ended> {
        let what = self.subject("committing");
        self.end(Call::Commit, client, move |client| outcome(client.commit_transaction(SLICE_MS), &what))
    }

    pub(crate) fn abort(&mut self, client: &Arc<Client>, deliveries: &Arc<Deliveries>) -> Poll<Ended> {
        if !self.is_open && self.pending.is_none() {
            return Poll::Ready((CommitOutcome::Done, None));
        }
        let (deliveries, what) = (Arc::clone(deliveries), self.subject("aborting"));
        self.end(Call::Abort, client, move |client| {
            deliveries.begin_abort();
            let outcome = outcome(client.abort_transaction(SLICE_MS), &what);
            if outcome == CommitOutcome::Done {
                deliveries.end_abort();
            }
            outcome
        })
    }

    /// Ends the transaction, and replaces the client if a request to do so may still be in flight.
    fn end(
        &mut self,
        call: Call,
        client: &Arc<Client>,
        end: impl FnOnce(&Client) -> CommitOutcome + Send + 'static,
    ) -> Poll<Ended> {
        let (client, id) = (Arc::clone(client), self.id.clone());
        let (new_client, doubt) = (Arc::clone(&self.new_client), self.doubt);
        let since = *self.ending_since.get_or_insert_with(Instant::now);
        let job = move || {
            let outcome = end(&client);
            let reason = doubt.reason(client.broken_connections(), since.elapsed());
            let renewed = reason.filter(|_| outcome == CommitOutcome::Done).map(|reason| {
                tracing::info!(transactional_id = id, "{reason}: the producer is renewed");
                renew(&new_client)
            });
            Answer { outcome, renewed }
        };
        let Poll::Ready(answer) = self.run_job(call, job) else { return Poll::Pending };
        let client = match answer.renewed {
            None => None,
            Some(Ok(client)) => Some(client),
            Some(Err(error)) => {
                self.broken = Some(error);
                None
            }
        };
        Poll::Ready((answer.outcome, client))
    }

    fn run(&mut self, call: Call, job: impl FnOnce() -> CommitOutcome + Send + 'static) -> Poll<Answer> {
        self.run_job(call, move || Answer { outcome: job(), renewed: None })
    }

    /// Starts a call, or checks whether the one that was started is decided.
    fn run_job(&mut self, call: Call, job: impl FnOnce() -> Answer + Send + 'static) -> Poll<Answer> {
        let (started, mut reply) = self.pending.take().unwrap_or_else(|| (call, self.helper.ask(job)));
        if started != call {
            let message = format!("{}: {started:?} is not decided yet", self.subject(&format!("{call:?} for")));
            self.pending = Some((started, reply));
            let outcome = CommitOutcome::Unknown(LogError::new(LogErrorKind::Invalid, message));
            return Poll::Ready(Answer { outcome, renewed: None });
        }
        let Poll::Ready(answer) = reply.poll() else {
            self.pending = Some((started, reply));
            return Poll::Pending;
        };
        let answer = answer.unwrap_or_else(|| {
            let error = LogError::new(LogErrorKind::Other, format!("{}: no answer", self.subject("calling")));
            Answer { outcome: CommitOutcome::Unknown(error), renewed: None }
        });
        let is_ended = matches!(call, Call::Commit | Call::Abort) && answer.outcome == CommitOutcome::Done;
        self.is_open &= !is_ended;
        Poll::Ready(answer)
    }

    fn subject(&self, doing: &str) -> String {
        format!("{doing} the transaction of `{}`", self.id)
    }
}

fn outcome(result: Result<(), TransactionError>, what: &str) -> CommitOutcome {
    result.map_or_else(|error| error.outcome(what), |()| CommitOutcome::Done)
}

/// Creates and registers a client to replace one that may have left a request behind.
fn renew(new_client: &NewClient) -> Result<Arc<Client>, LogError> {
    let started = Instant::now();
    let client = new_client()?;
    loop {
        match outcome(client.init_transactions(SLICE_MS), "registering a renewed producer") {
            CommitOutcome::Done => return Ok(client),
            CommitOutcome::Retriable(_) if started.elapsed() < RENEWAL_TIMEOUT => {}
            CommitOutcome::Retriable(error)
            | CommitOutcome::AbortRequired(error)
            | CommitOutcome::Fenced(error)
            | CommitOutcome::Unknown(error)
            | CommitOutcome::Fatal(error) => return Err(error),
        }
    }
}

/// Offsets as librdkafka takes them.
pub(crate) fn offset_list(offsets: &[OffsetToCommit]) -> Result<PartitionList, LogError> {
    let mut list = PartitionList::new();
    for OffsetToCommit { partition, offset, metadata } in offsets {
        if metadata.len() > METADATA_BYTES_MAX {
            let length = metadata.len();
            let message = format!("{partition}: {length} bytes of metadata, but {METADATA_BYTES_MAX} are allowed");
            return Err(LogError::new(LogErrorKind::TooLarge, message));
        }
        list.add_with_metadata(partition, offset.0, metadata)?;
    }
    Ok(list)
}

/// The broker's default limit (`offset.metadata.max.bytes`).
const METADATA_BYTES_MAX: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    /// Regression: the time was measured per slice of a call, none of which lasts as long as a request may.
    #[test]
    fn doubt_is_a_connection_that_broke_or_a_long_time() {
        let doubt = Doubt { broken_at_begin: 3, suspicious_after: Duration::from_secs(5) };
        for (broken_now, seconds, is_doubtful) in [(3, 0, false), (3, 5, false), (3, 6, true), (4, 0, true)] {
            let reason = doubt.reason(broken_now, Duration::from_secs(seconds));
            assert_eq!(reason.is_some(), is_doubtful, "{broken_now} {seconds}: {reason:?}");
        }
    }
}
