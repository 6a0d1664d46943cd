//! Which input records have times that a topic may not take, so that an error about a result can name its input.
//!
//! A result has the time of an input record unless the application says otherwise, and is refused long after that
//! record was processed. Noted is, since the last commit, what is ahead of the clock, up to a point, and the oldest.

use super::Task;
use crate::log::{LogError, LogErrorKind};
use crate::record::{Offset, Timestamp};
use crate::runtime::AppError;

/// So many that are ahead of the clock are noted: the first of them is the one that is refused first.
const AHEAD_MAX: usize = 64;

/// Input records with odd times.
#[derive(Debug, Default)]
pub(crate) struct OddTimes {
    ahead: Vec<Seen>,
    oldest: Option<Seen>,
}

/// An input record, by the number of its input.
#[derive(Debug, Clone, Copy)]
struct Seen {
    timestamp: Timestamp,
    input: usize,
    offset: Offset,
}

impl OddTimes {
    /// Takes note of a record that is processed.
    pub(super) fn note(&mut self, timestamp: Timestamp, now: Timestamp, input: usize, offset: Offset) {
        if timestamp > now && self.ahead.len() < AHEAD_MAX {
            self.ahead.push(Seen { timestamp, input, offset });
        }
        if self.oldest.is_none_or(|oldest| timestamp < oldest.timestamp) {
            self.oldest = Some(Seen { timestamp, input, offset });
        }
    }

    /// What was noted came through.
    pub(super) fn clear(&mut self) {
        self.ahead.clear();
        self.oldest = None;
    }

    fn at(&self, timestamp: Timestamp) -> Option<Seen> {
        self.ahead.iter().chain(&self.oldest).find(|seen| seen.timestamp == timestamp).copied()
    }
}

/// The error when records could not be written; names the input record where a time was refused, if one has it.
pub(crate) fn writing_failed<'a>(mut error: LogError, tasks: impl Iterator<Item = &'a Task>) -> AppError {
    if let LogErrorKind::Timestamp(timestamp) = error.kind {
        let input = tasks.into_iter().find_map(|task| {
            let seen = task.odd_times.at(timestamp)?;
            let partition = &task.inputs.get(seen.input)?.partition;
            Some(format!(
                "; task {} made it from offset {} of {partition}, which has that timestamp",
                task.id, seen.offset
            ))
        });
        error.message.extend(input);
    }
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
