//! Remembers input records whose timestamps an output topic may refuse, so that an error about a result can name its
//! input.
//!
//! A result has its input record's timestamp unless the application sets another, and is refused long after that
//! record was processed. So the records since the last commit that are ahead of the clock are remembered, up to a
//! limit, and the oldest one.

use super::Task;
use crate::log::{LogError, LogErrorKind};
use crate::record::{Offset, TaskId, Timestamp, TopicPartition};
use crate::runtime::AppError;

/// How many records ahead of the clock are remembered. The earliest are enough, because they are refused first.
const AHEAD_MAX: usize = 64;

/// Input records with timestamps that may be refused.
#[derive(Debug, Default)]
pub(crate) struct OddTimes {
    ahead: Vec<Seen>,
    oldest: Option<Seen>,
}

/// An input record; `input` is the number of its input.
#[derive(Debug, Clone, Copy)]
struct Seen {
    timestamp: Timestamp,
    input: usize,
    offset: Offset,
}

impl OddTimes {
    /// Remembers a processed record if its timestamp may be refused.
    pub(super) fn note(&mut self, timestamp: Timestamp, now: Timestamp, input: usize, offset: Offset) {
        if timestamp > now && self.ahead.len() < AHEAD_MAX {
            self.ahead.push(Seen { timestamp, input, offset });
        }
        if self.oldest.is_none_or(|oldest| timestamp < oldest.timestamp) {
            self.oldest = Some(Seen { timestamp, input, offset });
        }
    }

    /// Call this when all records so far were written.
    pub(super) fn clear(&mut self) {
        self.ahead.clear();
        self.oldest = None;
    }

    fn at(&self, timestamp: Timestamp) -> Option<Seen> {
        self.ahead.iter().chain(&self.oldest).find(|seen| seen.timestamp == timestamp).copied()
    }
}

/// The input record of which a record was made that is refused because of its timestamp, if it is known.
pub(crate) fn origin_of<'a>(
    error: &LogError,
    tasks: impl Iterator<Item = &'a Task>,
) -> Option<(TaskId, TopicPartition, Offset)> {
    let LogErrorKind::Timestamp(timestamp) = error.kind else { return None };
    tasks.into_iter().find_map(|task| {
        let seen = task.odd_times.at(timestamp)?;
        Some((task.id, task.inputs.get(seen.input)?.partition.clone(), seen.offset))
    })
}

/// The error for records that could not be written. If a timestamp was refused, it names the input record with that
/// timestamp, if one is known.
pub(crate) fn writing_failed<'a>(mut error: LogError, tasks: impl Iterator<Item = &'a Task>) -> AppError {
    let origin = origin_of(&error, tasks);
    error.message.extend(origin.map(|(task, partition, offset)| {
        format!("; task {task} made it from offset {offset} of {partition}, which has that timestamp")
    }));
    AppError::log("writing records", error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ahead_of_the_clock_and_what_is_oldest_is_found_until_it_came_through() {
        let mut times = OddTimes::default();
        for (at, offset) in [(50, 0), (200, 1), (20, 2), (300, 3), (100, 4)] {
            times.note(Timestamp(at), Timestamp(100), 0, Offset(offset));
        }
        let found =
            |times: &OddTimes| [50, 200, 20, 300, 100].map(|at| times.at(Timestamp(at)).map(|seen| seen.offset.0));
        assert_eq!(found(&times), [None, Some(1), Some(2), Some(3), None]);
        times.clear();
        assert_eq!(found(&times), [None; 5]);
        (0..1_000).for_each(|at| times.note(Timestamp(at), Timestamp(-1), 0, Offset(at)));
        assert_eq!(times.ahead.len(), AHEAD_MAX);
    }
}
