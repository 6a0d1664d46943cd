//! Where reading of an input starts that has no position: what the source says, or the application's settings.

use std::collections::BTreeMap;
use std::task::Poll;

use crate::log::{CommittedOffset, LogError, LogErrorKind, Reply};
use crate::record::{Offset, Timestamp, TopicPartition};
use crate::runtime::AppError;
use crate::runtime::bounds::Extent;
use crate::runtime::questions::Questions;
use crate::runtime::settings::OffsetReset;
use crate::runtime::worker::Common;

/// Where reading of an input starts that has no position. Records in transit between tasks are never skipped.
pub(super) fn reset_of(shared: &Common, partition: &TopicPartition) -> OffsetReset {
    if shared.plan.is_read_back(&partition.topic) {
        return OffsetReset::Earliest;
    }
    shared.plan.reset_of(&partition.topic).unwrap_or(shared.settings.offset_reset)
}

/// The first position in an input, whose extent is known, and `by_time` if it depends on that.
pub(super) fn first_position(
    reset: OffsetReset,
    partition: &TopicPartition,
    extent: Extent,
    by_time: Option<Offset>,
) -> Result<Offset, AppError> {
    match reset {
        OffsetReset::ByDuration(_) | OffsetReset::Since(_) => Ok(by_time.unwrap_or(extent.readable)),
        OffsetReset::At(offset) => Ok(offset.min(extent.readable).max(extent.start)),
        OffsetReset::Earliest => Ok(extent.start),
        // Not the end: the records of transactions that are still open become visible only after the start.
        OffsetReset::Latest => Ok(extent.readable),
        OffsetReset::None => Err(AppError::InputOutOfRange {
            partition: partition.clone(),
            position: 0,
            detail: ": the group has committed none".to_owned(),
        }),
    }
}

/// The offsets of inputs that are read from some time on.
pub(super) struct AskedTimes(Vec<AskedTime>);

struct AskedTime {
    numbers: Vec<usize>,
    reply: Reply<Result<Vec<Offset>, LogError>>,
    found: Option<Vec<Offset>>,
}

impl AskedTimes {
    pub(super) fn ask(
        questions: &mut Questions,
        shared: &Common,
        inputs: &[TopicPartition],
        committed: &[Option<CommittedOffset>],
    ) -> Self {
        let mut times: BTreeMap<Timestamp, Vec<usize>> = BTreeMap::new();
        let now = shared.clock.now();
        for (number, partition) in inputs.iter().enumerate() {
            let time = match reset_of(shared, partition) {
                OffsetReset::ByDuration(age) => now.before(age),
                OffsetReset::Since(time) => time,
                _ => continue,
            };
            if !committed.get(number).is_some_and(Option::is_some) {
                times.entry(time).or_default().push(number);
            }
        }
        let ask = |(time, numbers): (Timestamp, Vec<usize>)| {
            let partitions = numbers.iter().filter_map(|number| inputs.get(*number).cloned()).collect();
            AskedTime { numbers, reply: questions.offsets_at(partitions, time), found: None }
        };
        Self(times.into_iter().map(ask).collect())
    }

    /// Whether there is nothing to ask.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The offsets, by the numbers of their inputs.
    pub(super) fn poll(&mut self) -> Poll<Result<BTreeMap<usize, Offset>, LogError>> {
        for asked in &mut self.0 {
            if asked.found.is_none()
                && let Poll::Ready(answer) = asked.reply.poll()
            {
                let gone = || Err(LogError::new(LogErrorKind::Unavailable, "the log gave no answer"));
                match answer.unwrap_or_else(gone) {
                    Ok(offsets) => asked.found = Some(offsets),
                    Err(error) => return Poll::Ready(Err(error)),
                }
            }
        }
        let found = |asked: &AskedTime| Some(asked.numbers.clone().into_iter().zip(asked.found.clone()?));
        match self.0.iter().map(found).collect::<Option<Vec<_>>>() {
            Some(found) => Poll::Ready(Ok(found.into_iter().flatten().collect())),
            None => Poll::Pending,
        }
    }
}
