//! Event time alignment (`event.time.alignment`): tasks advance by event time, so that a replay is like a live run.
//!
//! Where there is a backlog, tasks are as far apart as chance has it, and what meets behind a repartition topic is late by
//! that much. With a bound, two rules hold instead:
//!
//! * Within a process the task whose next record is the oldest goes first, and none goes ahead of the others by more than
//!   the bound, whichever workers they are on ([`Board`], `worker/aligning.rs`, `task/event_time.rs`).
//! * A record of a repartition topic waits until no task upstream can still send one that is older by more than the bound,
//!   wherever those tasks run ([`Lanes`]). For that, records say who sent them and how far the sender is
//!   (`operators/marks.rs`).
//!
//! Tasks that are at the end of their inputs hold nobody up, nor do those that are being opened.

mod board;
mod lanes;
mod senders;

pub(crate) use board::Board;
pub(crate) use lanes::Lanes;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::offset_metadata::SENDERS_MAX;
use super::plan::Plan;
use super::{AppError, Settings};
use crate::record::{TaskId, Timestamp};

/// How long an input whose records are on their way holds others up.
pub(crate) const FETCH_PATIENCE: Duration = Duration::from_secs(10);

/// What the workers of a process know about alignment.
pub(crate) struct Alignment {
    /// How far apart tasks may be, in milliseconds.
    bound_ms: i64,
    pub(crate) board: Board,
    /// How long others wait for a sender that is silent.
    pub(crate) patience: Duration,
    /// If more records of an input wait for their senders, the tasks of this process that are ahead wait, too.
    pub(crate) waiting_max: usize,
    senders: BTreeMap<Arc<str>, Vec<TaskId>>,
}

/// So many times `buffered.records.per.partition` may wait before others have to.
const WAITING_PER_BUFFERED: usize = 20;

/// So many times does a sender that has nothing to say say so before the others lose patience.
const SIGNS_OF_LIFE: u32 = 4;

impl Alignment {
    /// `None` if tasks go as fast as they can.
    ///
    /// # Errors
    /// When more tasks send to a repartition topic than can be kept track of.
    pub(crate) fn of(settings: &Settings, plan: &Plan) -> Result<Option<Self>, AppError> {
        let Some(bound) = settings.event_time_alignment else { return Ok(None) };
        let bound_ms = i64::try_from(bound.as_millis()).unwrap_or(i64::MAX);
        let senders = senders::senders(plan);
        if let Some((topic, many)) = senders.iter().find(|(_, senders)| senders.len() > SENDERS_MAX) {
            let reason = format!(
                "{} tasks send to {topic}, and no more than {SENDERS_MAX} can be aligned; leave it out, or use topics with \
                 fewer partitions",
                many.len()
            );
            return Err(AppError::Setting { setting: "event.time.alignment".to_owned(), reason });
        }
        // A live sender is heard with every commit. A dead one is replaced once its session has expired.
        let patience = settings.session_timeout.max(settings.commit_interval()) * 2;
        let waiting_max = settings.buffered_records.saturating_mul(WAITING_PER_BUFFERED);
        Ok(Some(Self { bound_ms, board: Board::new(settings.workers), patience, waiting_max, senders }))
    }

    /// The tasks that send to a repartition topic, if its records are aligned.
    pub(crate) fn senders_of(&self, topic: &str) -> Option<&[TaskId]> {
        self.senders.get(topic).map(Vec::as_slice)
    }

    /// How often a sender says that it is there.
    pub(crate) fn sign_of_life(&self) -> Duration {
        self.patience / SIGNS_OF_LIFE
    }

    /// The latest time that a record may have while others are at `time`.
    pub(crate) const fn limit(&self, time: Timestamp) -> Timestamp {
        Timestamp(time.0.saturating_add(self.bound_ms))
    }
}
