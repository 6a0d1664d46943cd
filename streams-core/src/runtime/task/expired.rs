//! Positions that the group no longer has, although the task's state rests on them.
//!
//! Kafka forgets the positions of a group that has had no member for `offsets.retention.minutes`, and tools delete them.
//! The state is still there then. To read on from where `auto.offset.reset` says would process records twice, or leave some
//! out, and nobody would notice. So each position that is committed is noted beside the state. Where nothing is noted,
//! under exactly-once a changelog's records tell: they and a position were committed together, or not at all. (A member
//! that the group has given up without its knowledge may read records that its successor has committed since, so it asks
//! once more.) Under at-least-once they may also be what a first run left behind that ended before its first commit, so
//! that is only told.

use super::opening::OpenedTask;
use super::{Input, TaskStore};
use crate::log::CommittedOffset;
use crate::record::{Offset, TaskId, TopicPartition};
use crate::runtime::AppError;
use crate::runtime::bounds::Extent;
use crate::runtime::error::RestsOn;
use crate::runtime::notes::{note_position, noted_position};
use crate::runtime::settings::Guarantee;
use crate::runtime::voice::PEOPLE;
use crate::runtime::worker::Common;
use crate::state::{StoreBatch, StoreError};

/// Refuses to open a task whose state was committed with positions that the group does not have.
pub(super) fn check_noted(
    task: TaskId,
    shared: &Common,
    opened: &OpenedTask,
    committed: &[Option<CommittedOffset>],
) -> Result<(), AppError> {
    let unknown = opened.inputs.iter().enumerate().filter(|(number, _)| !is_committed(committed, *number));
    for (_, input) in unknown {
        let noted = noted_position(&*opened.store, &input.topic, opened.folder.path());
        if let Some(position) = noted.map_err(|error: StoreError| AppError::Store { task, error })? {
            let rests_on = RestsOn::State { position: position.0, folder: opened.folder.path().to_owned() };
            return Err(gone(shared.plan.application_id.to_string(), input, rests_on));
        }
    }
    Ok(())
}

/// What a task of which nothing is noted rests on, although none of its inputs has a position.
#[derive(Default)]
pub(super) enum Unknown {
    /// There is a position, or nothing that would need one.
    #[default]
    Nothing,
    /// Committed records of a changelog would prove that there was a position of this group in this input.
    Perhaps { group: String, input: TopicPartition },
}

impl Unknown {
    /// Looks at a task's positions, and at the changelogs that it writes to, whose extents are known.
    pub(super) fn of(
        task: TaskId,
        shared: &Common,
        opened: &OpenedTask,
        committed: &[Option<CommittedOffset>],
        extents: &[Extent],
    ) -> Self {
        let Some(input) = opened.inputs.first().filter(|_| !committed.iter().any(Option::is_some)) else {
            return Self::Nothing;
        };
        if shared.settings.guarantee() == Guarantee::ExactlyOnce {
            return Self::Perhaps { group: shared.plan.application_id.to_string(), input: input.clone() };
        }
        let has_records = |changelog: &TopicPartition| {
            let number = opened.follower.partitions().position(|followed| followed == changelog);
            number.and_then(|number| extents.get(number)).is_some_and(|extent| extent.end > extent.start)
        };
        if let Some(changelog) = own_changelogs(&opened.stores).find(|changelog| has_records(changelog)) {
            tracing::warn!(
                target: PEOPLE, %task, %changelog,
                "the group has no position in {input}, although {changelog} has records: the application ended before its \
                 first commit, or the position has expired (`offsets.retention.minutes`) or was deleted. Task {task} begins \
                 where `auto.offset.reset` says, so records may be processed twice or left out"
            );
        }
        Self::Nothing
    }

    /// The error, if committed records of this changelog prove that a position is gone.
    pub(super) fn proven_by(&self, stores: &[TaskStore], changelog: &TopicPartition) -> Option<AppError> {
        let Self::Perhaps { group, input } = self else { return None };
        let is_own = own_changelogs(stores).any(|own| own == changelog);
        is_own.then(|| gone(group.clone(), input, RestsOn::Changelog(changelog.clone())))
    }
}

/// Adds the positions to the batch that holds the state of that moment, unless they are noted already.
pub(super) fn note<'a>(batch: &mut StoreBatch, positions: impl Iterator<Item = (&'a mut Input, Offset)>) {
    for (input, position) in positions {
        if input.noted.replace(position) != Some(position) {
            note_position(batch, &input.partition.topic, position);
        }
    }
}

fn is_committed(committed: &[Option<CommittedOffset>], number: usize) -> bool {
    committed.get(number).is_some_and(Option::is_some)
}

/// The changelogs that only this task writes to.
fn own_changelogs(stores: &[TaskStore]) -> impl Iterator<Item = &TopicPartition> {
    let changelogs = stores.iter().filter_map(|store| store.changelog.as_ref());
    changelogs.filter(|changelog| !changelog.is_input).map(|changelog| &changelog.partition)
}

fn gone(group: String, input: &TopicPartition, rests_on: RestsOn) -> AppError {
    AppError::PositionGone { group, partition: input.clone(), rests_on: Box::new(rests_on) }
}
