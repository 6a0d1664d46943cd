//! Undoes the work since the last commit, and does it again: because the log could not take it for now, or without a
//! record that has failed.

use std::fmt::Display;

use super::standing::Standing;
use super::{Report, Worker};
use crate::config::OnError;
use crate::operators::OperatorError;
use crate::record::{Offset, TaskId, TopicPartition};
use crate::runtime::AppError;
use crate::runtime::failures::Fate;
use crate::runtime::task::tell_retry;

impl Worker {
    /// If records could not be sent but a retry may succeed, or if the application goes on without a record that has
    /// failed, the work since the last commit is undone and repeated; anything else is an error.
    pub(super) fn recover(&mut self, error: AppError) -> Result<(), AppError> {
        let trouble = self.collector.borrow_mut().take_trouble();
        match (trouble, error) {
            (_, error) if self.failed => Err(error),
            (Some(trouble), _) => self.undo(&trouble),
            (None, AppError::Record { task, partition, offset, error }) => {
                if self.set_aside(task, &partition, Offset(offset), &error) {
                    return self.undo(&error);
                }
                Err(AppError::Record { task, partition, offset, error })
            }
            (None, error) => Err(error),
        }
    }

    /// Decides what becomes of a record that has failed when it comes again. Returns whether the application goes on.
    fn set_aside(&mut self, id: TaskId, partition: &TopicPartition, offset: Offset, error: &OperatorError) -> bool {
        let failures = self.failures.clone();
        if matches!(failures.set_aside.fate(partition, offset), Some(Fate::LeftOut { .. })) {
            // It is left out already, so something else has failed: its dead letter cannot be written.
            return false;
        }
        let Some(task) = self.slots.running_task(id) else { return false };
        let fate = match task.answer(partition, offset, error) {
            OnError::Fail => return false,
            OnError::Skip => Fate::LeftOut { error: error.clone(), is_dead_letter: false },
            OnError::DeadLetter => Fate::LeftOut { error: error.clone(), is_dead_letter: true },
            OnError::Retry(after) => {
                tell_retry(id, partition, offset, after, error);
                Fate::Again(self.seed.common.clock.monotonic() + after)
            }
        };
        failures.set_aside.decide(partition, offset, fate);
        true
    }

    /// Undoes the work since the last commit: the worker's tasks are opened again from there.
    pub(super) fn undo(&mut self, error: &dyn Display) -> Result<(), AppError> {
        tracing::warn!(worker = self.seed.number, %error, "work since the last commit is undone and done again");
        let held =
            |id: &TaskId| self.slots.get(*id).filter(|slot| !slot.is_suspended()).map(|slot| slot.given().clone());
        let ids = self.slots.ids().into_iter().filter_map(|id| Some((id, held(&id)?))).collect::<Vec<_>>();
        self.drop_tasks();
        if self.failed {
            return Ok(());
        }
        for (id, given) in ids {
            self.open(id, given);
        }
        if let Standing::Assigned { epoch, told, .. } = &mut self.standing {
            *told = false;
            let epoch = *epoch;
            self.report(Report::Opening { worker: self.seed.number, epoch });
        }
        Ok(())
    }
}
