//! Positions that the log no longer has.
//!
//! A position that was committed and does not exist any more is an error, unless the application said where to go
//! on (rule F12: never a silent reset). Two things come before that:
//!
//! * What was fetched already is processed first, as in Kafka Streams.
//! * Membership is proven, by committing again what is committed. A member that was put out without knowing it finds
//!   that its successor, or time, has deleted what it stood before; for it nothing is lost, its tasks are somebody
//!   else's.

use std::task::Poll;
use std::time::Duration;

use super::Worker;
use crate::log::{CommitOutcome, Isolation, LogError, OffsetToCommit, Reply};
use crate::record::{Offset, TopicPartition};
use crate::runtime::AppError;
use crate::runtime::retry::Retry;
use crate::runtime::settings::OffsetReset;

/// How long to wait before asking again for what the log could not decide.
const RETRY_AFTER: Duration = Duration::from_millis(50);

/// An input's position that the log does not have. It goes with its input: what is answered to somebody who has lost
/// the task meanwhile is heard by nobody.
#[derive(Debug)]
pub(crate) struct LostPosition {
    position: Offset,
    step: Doubt,
    retry: Retry,
}

#[derive(Debug)]
enum Doubt {
    /// The log has said so.
    Told,
    /// Whether this is still a member is being asked.
    Proving(Reply<CommitOutcome>),
    /// It is; where the input is to go on is to be asked.
    Proven,
    /// Where the input is to go on is being asked.
    Asking(Reply<Result<Vec<Offset>, LogError>>),
}

/// What becomes of a lost position.
enum Settled {
    /// Not known yet.
    Pending,
    /// The input goes on there.
    GoOn(Offset),
    /// The task is somebody else's.
    NotOurs(LogError),
}

impl Worker {
    /// The log has said that it does not have a position.
    pub(super) fn position_is_lost(&mut self, partition: &TopicPartition, position: Offset) {
        if let Some(input) = self.input_of(partition) {
            input.lost = Some(LostPosition { position, step: Doubt::Told, retry: Retry::after(RETRY_AFTER) });
            self.has_lost_positions = true;
        }
    }

    /// Whether a commit that proves membership is under way: another one could overtake it.
    pub(super) fn is_proving(&self) -> bool {
        let inputs = || self.slots.running().flat_map(|task| &task.inputs);
        self.has_lost_positions
            && inputs().any(|input| matches!(input.lost, Some(LostPosition { step: Doubt::Proving(_), .. })))
    }

    /// Goes on with every lost position whose input has nothing left to process.
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
                    self.seed.common.plan.is_repartition_topic(&partition.topic),
                    self.seed.common.settings.out_of_range,
                );
                let partition = partition.clone();
                lost.step = Doubt::Asking(match reset {
                    _ if is_internal => return Err(AppError::InternalOutOfRange { partition, position }),
                    OffsetReset::None => {
                        return Err(AppError::InputOutOfRange { partition, position, detail: String::new() });
                    }
                    OffsetReset::Earliest => self.admin.start_offsets(one),
                    OffsetReset::Latest => self.admin.end_offsets(one, Isolation::ReadUncommitted),
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

    /// Moves an input to where `auto.offset.reset` says.
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
