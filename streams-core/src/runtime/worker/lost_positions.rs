//! Positions that the log no longer has.
//!
//! A committed position that no longer exists is an error unless the application set where to continue: nothing is
//! reset silently. Before that, two things happen:
//!
//! * Records that are already fetched are processed first, as in Kafka Streams.
//! * Membership is verified by committing the committed positions again. A zombie may find that its successor, or
//!   retention, has deleted the records at its position. Nothing is then lost: its tasks belong to another member.

use std::task::Poll;
use std::time::Duration;

use super::Worker;
use crate::log::{CommitOutcome, LogError, OffsetToCommit, Reply};
use crate::record::{Offset, TopicPartition};
use crate::runtime::AppError;
use crate::runtime::retry::Retry;
use crate::runtime::settings::OffsetReset;

/// How long to wait before repeating a request that the log could not decide.
const RETRY_AFTER: Duration = Duration::from_millis(50);

/// An input's position that the log does not have. It is dropped with its input, so an answer that arrives after the
/// task was lost has no effect.
#[derive(Debug)]
pub(crate) struct LostPosition {
    position: Offset,
    step: Doubt,
    retry: Retry,
}

#[derive(Debug)]
enum Doubt {
    /// The log has reported the position as out of range.
    Told,
    /// The commit that proves membership is in progress.
    Proving(Reply<CommitOutcome>),
    /// Membership is proven; next, look up where the input continues.
    Proven,
    /// The offset to continue from is being looked up.
    Asking(Reply<Result<Vec<Offset>, LogError>>),
}

/// The outcome for a lost position.
enum Settled {
    /// Not known yet.
    Pending,
    /// The input continues at that offset.
    GoOn(Offset),
    /// The task belongs to another member.
    NotOurs(LogError),
}

impl Worker {
    /// Called when the log reports a position as out of range.
    pub(super) fn position_is_lost(&mut self, partition: &TopicPartition, position: Offset) {
        if let Some(input) = self.input_of(partition) {
            input.lost = Some(LostPosition { position, step: Doubt::Told, retry: Retry::after(RETRY_AFTER) });
            self.has_lost_positions = true;
        }
    }

    /// Whether a commit that proves membership is in progress. No other commit may start meanwhile, because it could
    /// overtake this one.
    pub(super) fn is_proving(&self) -> bool {
        let inputs = || self.slots.running().flat_map(|task| &task.inputs);
        self.has_lost_positions
            && inputs().any(|input| matches!(input.lost, Some(LostPosition { step: Doubt::Proving(_), .. })))
    }

    /// Advances every lost position whose input has no more fetched records.
    pub(super) fn settle_lost_positions(&mut self, now: Duration) -> Result<(), AppError> {
        if !self.has_lost_positions {
            return Ok(());
        }
        let lost = |input: &&crate::runtime::task::Input| input.lost.is_some();
        let inputs = self.slots.running().flat_map(|task| {
            let id = task.id;
            task.inputs.iter().filter(lost).map(move |input| (id, input.partition.clone()))
        });
        let inputs: Vec<_> = inputs.collect();
        self.has_lost_positions = !inputs.is_empty();
        for (task, partition) in inputs {
            match self.settle(&partition, now)? {
                Settled::Pending => {}
                Settled::GoOn(target) => self.go_on_at(&partition, target),
                Settled::NotOurs(error) => {
                    tracing::warn!(%task, %partition, %error, "a position is gone, and so is the task: others have it");
                    self.lose_tasks();
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn settle(&mut self, partition: &TopicPartition, now: Duration) -> Result<Settled, AppError> {
        let may_prove = self.commit.is_none();
        let Some(metadata) = self.standing.metadata().cloned() else { return Ok(Settled::Pending) };
        let Some((task, index)) = self.routes.get(partition).copied() else { return Ok(Settled::Pending) };
        let input = self.slots.running_task(task).and_then(|task| task.inputs.get_mut(index));
        let Some(input) = input.filter(|input| input.buffered() == 0) else { return Ok(Settled::Pending) };
        let Some(lost) = &mut input.lost else { return Ok(Settled::Pending) };
        if lost.retry.is_pausing(now) {
            return Ok(Settled::Pending);
        }
        match &mut lost.step {
            Doubt::Told if may_prove => {
                let offset = OffsetToCommit {
                    partition: partition.clone(),
                    offset: input.committed,
                    metadata: input.committed_metadata.clone(),
                };
                lost.step = Doubt::Proving(self.seed.common.committer.commit(&metadata, vec![offset]));
            }
            Doubt::Told => {}
            Doubt::Proving(reply) => match reply.poll() {
                Poll::Pending => {}
                Poll::Ready(Some(CommitOutcome::Done)) => lost.step = Doubt::Proven,
                Poll::Ready(Some(CommitOutcome::Fenced(error))) => return Ok(Settled::NotOurs(error)),
                Poll::Ready(Some(CommitOutcome::Fatal(error) | CommitOutcome::AbortRequired(error))) => {
                    return Err(AppError::log("asking whether this is still a member of the group", error));
                }
                Poll::Ready(Some(CommitOutcome::Retriable(_) | CommitOutcome::Unknown(_)) | None) => {
                    lost.step = Doubt::Told;
                    lost.retry.pause(now);
                }
            },
            Doubt::Proven => {
                let (position, one) = (lost.position.0, vec![partition.clone()]);
                let (is_internal, reset) = (
                    self.seed.common.plan.is_read_back(&partition.topic),
                    self.seed.common.plan.reset_of(&partition.topic).unwrap_or(self.seed.common.settings.out_of_range),
                );
                let partition = partition.clone();
                lost.step = Doubt::Asking(match reset {
                    _ if is_internal => return Err(AppError::InternalOutOfRange { partition, position }),
                    OffsetReset::None => {
                        return Err(AppError::InputOutOfRange { partition, position, detail: String::new() });
                    }
                    OffsetReset::Earliest | OffsetReset::At(_) => self.admin.start_offsets(one),
                    OffsetReset::Since(time) => self.admin.offsets_at(one, time),
                    OffsetReset::ByDuration(age) => {
                        self.admin.offsets_at(one, self.seed.common.clock.now().before(age))
                    }
                    OffsetReset::Latest => self.admin.end_offsets(one, self.seed.common.settings.input_isolation()),
                });
            }
            Doubt::Asking(reply) => match reply.poll() {
                Poll::Pending => {}
                Poll::Ready(Some(Ok(offsets))) => {
                    return Ok(Settled::GoOn(offsets.first().copied().unwrap_or_default()));
                }
                Poll::Ready(Some(Err(error))) if !error.is_transient() => {
                    return Err(AppError::log(format!("asking where {partition} begins and ends"), error));
                }
                Poll::Ready(_) => {
                    lost.step = Doubt::Proven;
                    lost.retry.pause(now);
                }
            },
        }
        Ok(Settled::Pending)
    }

    /// Moves an input to the offset chosen by `auto.offset.reset`.
    fn go_on_at(&mut self, partition: &TopicPartition, target: Offset) {
        let Some(input) = self.input_of(partition) else { return };
        let Some(lost) = input.lost.take() else { return };
        tracing::warn!(%partition, position = lost.position.0, target = target.0,
            "position does not exist; going on where `auto.offset.reset` says");
        input.clear();
        input.position = target;
        self.consumer.add(partition, target);
    }
}
