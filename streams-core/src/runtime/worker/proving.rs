//! The proof that this is still a member of its group, after it has stood still for long (see `runtime/heard.rs`).
//!
//! The worker commits a committed position again and sends nothing until the group has answered. Exactly-once needs no proof:
//! what a member writes that was removed is aborted with its transaction.

use std::task::Poll;
use std::time::Duration;

use super::Worker;
use crate::log::{CommitOutcome, OffsetToCommit, Reply};
use crate::runtime::AppError;
use crate::runtime::retry::Retry;
use crate::runtime::settings::Guarantee;

/// How long to wait before repeating a request that the log could not decide.
const RETRY_AFTER: Duration = Duration::from_millis(50);

/// What is proven.
#[derive(Debug)]
pub(super) struct Proof {
    /// How often the member had stood still when its membership was proven last.
    pauses: u64,
    /// How often it had stood still when it asked, and the answer.
    asked: Option<(u64, Reply<CommitOutcome>)>,
    retry: Retry,
}

impl Default for Proof {
    fn default() -> Self {
        Self { pauses: 0, asked: None, retry: Retry::after(RETRY_AFTER) }
    }
}

impl Proof {
    /// Whether it waits for the group's answer, or for the time to ask again.
    pub(super) const fn is_awaited(&self) -> bool {
        self.asked.is_some() || self.retry.ends_at().is_some()
    }
}

impl Worker {
    /// Whether nothing speaks against sending records: either the member has not stood still, or it has proven since that it
    /// is still one. If it is none, its tasks are gone after this call.
    pub(super) fn is_proven(&mut self, now: Duration) -> Result<bool, AppError> {
        let pauses = self.seed.common.heard.pauses();
        if self.proof.pauses == pauses || self.seed.common.settings.guarantee() == Guarantee::ExactlyOnce {
            return Ok(true);
        }
        let Some(offset) = self.committed_position() else {
            // No task has anything to send. One that is being opened may, later.
            return Ok(true);
        };
        if self.commit.as_ref().is_some_and(|commit| !commit.is_flushing()) {
            // It has sent what it has to send, and its answer is a proof, too. Another one might overtake it.
            self.advance_commit(now)?;
            return Ok(false);
        }
        if self.proof.retry.is_pausing(now) || self.is_proving() {
            return Ok(false);
        }
        let Some(metadata) = self.standing.metadata() else { return Ok(true) };
        let committer = &self.seed.common.committer;
        let asked = self.proof.asked.get_or_insert_with(|| (pauses, committer.commit(metadata, vec![offset])));
        let asked_at = asked.0;
        let Poll::Ready(outcome) = asked.1.poll() else { return Ok(false) };
        self.proof.asked = None;
        match outcome {
            Some(CommitOutcome::Done) => self.proof.pauses = asked_at,
            Some(CommitOutcome::Fenced(error)) => {
                tracing::warn!(worker = self.seed.number, %error, "this member stood still, and others have its tasks");
                self.lose_tasks();
            }
            Some(CommitOutcome::Fatal(error) | CommitOutcome::AbortRequired(error)) => {
                return Err(AppError::log("asking whether this is still a member of the group", error));
            }
            Some(CommitOutcome::Retriable(_) | CommitOutcome::Unknown(_)) | None => self.proof.retry.pause(now),
        }
        Ok(self.proof.pauses == pauses)
    }

    /// A position that is committed already.
    fn committed_position(&self) -> Option<OffsetToCommit> {
        let input = self.slots.running().flat_map(|task| &task.inputs).next()?;
        let (partition, metadata) = (input.partition.clone(), input.committed_metadata.clone());
        Some(OffsetToCommit { partition, offset: input.committed, metadata })
    }
}
