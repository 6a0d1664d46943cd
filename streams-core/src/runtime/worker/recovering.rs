//! Undoes the work since the last commit, and does it again: because the log could not take it for now, or without a
//! record that has failed.

use std::fmt::Display;

use super::slots::Phase;
use super::standing::Standing;
use super::{Report, Worker};
use crate::config::OnError;
use crate::operators::OperatorError;
use crate::record::{Offset, TaskId, TopicPartition};
use crate::runtime::AppError;
use crate::runtime::failures::{Fate, Uncaught};
use crate::runtime::task::{origin_of, tell_retry};
use crate::runtime::voice::PEOPLE;
use crate::state::{StoreError, StoreErrorKind};

impl Worker {
    /// If records could not be sent but a retry may succeed, or if the application goes on without a record that has
    /// failed, the work since the last commit is undone and repeated; anything else is an error.
    pub(super) fn recover(&mut self, error: AppError) -> Result<(), AppError> {
        let trouble = self.collector.borrow_mut().take_trouble();
        match (trouble, error) {
            (_, error) if self.failed => Err(error),
            (Some(trouble), _) => self.undo(&trouble),
            (None, AppError::Store { task, error }) if error.kind == StoreErrorKind::Full => {
                self.wait_for_space(task, error)
            }
            (None, error) if error.damaged_state().is_some() => self.rebuild(error),
            (None, AppError::Record { task, partition, offset, error }) => {
                if self.set_aside(task, &partition, Offset(offset), &error) {
                    return self.begin_task_again(task, &error);
                }
                Err(AppError::Record { task, partition, offset, error })
            }
            (None, AppError::Log { doing, error }) => {
                // The log has refused it after the operators were done with it.
                let origin = origin_of(&error, self.slots.running());
                let refused = OperatorError::Send { node: "producer".to_owned(), error: error.clone() };
                if let Some((task, partition, offset)) = origin
                    && self.set_aside(task, &partition, offset, &refused)
                {
                    return self.begin_task_again(task, &refused);
                }
                Err(AppError::Log { doing, error })
            }
            (None, error) => Err(error),
        }
    }

    /// What becomes of the worker with an error that nothing else has taken: it does the work since the last commit again in
    /// spite of it, after a pause, if the application wants that. Otherwise it ends.
    pub(super) fn give_up(&mut self, error: AppError) {
        let verdict = if self.failed { Uncaught::default() } else { self.failures.policy.uncaught(&error) };
        if self.failed || self.standing.is_ending() || verdict != Uncaught::RestartWorker {
            return self.fail(error, verdict);
        }
        let pause = self.rest.begin(self.seed.common.clock.monotonic());
        tracing::warn!(
            target: PEOPLE, worker = self.seed.number, %error, ?pause,
            "a worker has failed and begins again: {error}"
        );
        if let Err(error) = self.undo(&error) {
            self.fail(error, Uncaught::default());
        }
    }

    /// Builds a task's damaged state anew from its changelogs.
    fn rebuild(&mut self, error: AppError) -> Result<(), AppError> {
        let Some((task, damage)) = error.damaged_state() else { return Err(error) };
        let shared = &self.seed.common;
        let unlogged = shared.plan.unlogged_stores(task);
        if !unlogged.is_empty() {
            let stores = unlogged.join(", ");
            let message = format!(
                "{damage} (not done for you, because nothing else has the contents of {stores}, without a changelog)"
            );
            return Err(AppError::Store { task, error: StoreError::new(damage.kind, message) });
        }
        if !shared.directory.distrust(task, shared.clock.now()) {
            return Err(error);
        }
        self.begin_task_again(task, &error)
    }

    /// Does a task's work since the last commit again, and that of others only if it cannot be told apart.
    ///
    /// If a task that fills a repartition topic did it again as well, under at-least-once, the records with which the task
    /// behind that topic fails would come anew each time, and so without end.
    pub(super) fn begin_task_again(&mut self, task: TaskId, error: &dyn Display) -> Result<(), AppError> {
        // One that is being opened has done nothing yet.
        let is_opening = self.slots.get(task).is_some_and(|slot| matches!(slot.phase, Phase::Opening(_)));
        let is_apart = !self.is_exactly_once() && self.commit.is_none() && self.slots.running_task(task).is_some();
        if !is_opening && !is_apart {
            return self.undo(error);
        }
        // The other tasks' work is sound, and does not share a transaction with this one's.
        tracing::warn!(%task, %error, "the task is opened again");
        self.reopen(task);
        self.tell_opening();
        Ok(())
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
        self.tell_opening();
        Ok(())
    }

    /// Tells the control that not all tasks are running.
    fn tell_opening(&mut self) {
        if let Standing::Assigned { epoch, told, .. } = &mut self.standing {
            *told = false;
            let epoch = *epoch;
            self.report(Report::Opening { worker: self.seed.number, epoch });
        }
    }
}
