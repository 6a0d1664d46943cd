//! A task that does not get on, as a sentence.

use std::fmt;
use std::time::Duration;

use crate::record::{Offset, TaskId, TopicPartition};

/// A task that does not get on, or a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stall {
    pub(crate) worker: usize,
    /// `None` if it is the worker itself.
    pub(crate) task: Option<TaskId>,
    pub(crate) lasting: Duration,
    pub(crate) cause: StallCause,
}

/// What keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StallCause {
    /// A step of the worker does not end, with this record in hand or with none.
    Busy(Option<(TopicPartition, Offset)>),
    /// Its records are not processed because it waits for this.
    Waiting { input: TopicPartition, position: Offset, waits_for: String },
}

impl fmt::Display for Stall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.task {
            Some(task) => write!(f, "task {task}")?,
            None => write!(f, "worker {}", self.worker)?,
        }
        write!(f, " has not got on for {} s", self.lasting.as_secs())?;
        match &self.cause {
            StallCause::Busy(Some((partition, offset))) => write!(
                f,
                ": worker {} is still busy with the record at offset {offset} of {partition}; look what the application's \
                 code does with that record, and give whatever it waits for a time limit",
                self.worker
            ),
            StallCause::Busy(None) if self.task.is_some() => write!(
                f,
                ": worker {} is still busy in one of its punctuators, or with what its caches forward; look what the \
                 application's code waits for, and give that a time limit",
                self.worker
            ),
            StallCause::Busy(None) => f.write_str(
                ": it is still busy with a step in which it commits, or opens or closes stores; look at the disk of the state \
                 folder, and at code of the application that is called with what caches forward",
            ),
            StallCause::Waiting { input, position, waits_for } => {
                write!(f, " although it has records of {input} from offset {position} on: it waits for {waits_for}")
            }
        }
    }
}
