//! Opens tasks: restores their state and builds their operators.

use std::sync::Arc;
use std::time::Duration;

use super::Worker;
use super::slots::Phase;
use crate::log::FetchEvent;
use crate::runtime::task::{Advance, Building, Opening, Ready, Task, resolve};
use crate::runtime::{AppError, TaskMetrics, TaskPhase};

/// How many times more records are restored than processed in a round: they cost less.
const RESTORE_FACTOR: usize = 10;

impl Worker {
    /// Applies changelog records to the tasks being opened. Returns whether there were any.
    pub(super) fn restore(&mut self) -> Result<bool, AppError> {
        if !self.slots.has_openings() {
            return Ok(false);
        }
        let mut events = std::mem::take(&mut self.events);
        let records_max = self.seed.common.settings.records_per_round.saturating_mul(RESTORE_FACTOR);
        self.restore_consumer.fetch(records_max, &mut events);
        let any = !events.is_empty();
        let mut outcome = Ok(());
        for event in events.drain(..) {
            if outcome.is_ok() {
                outcome = self.restore_event(event);
            }
        }
        self.events = events;
        outcome.map(|()| any)
    }

    pub(super) fn restore_event(&mut self, event: FetchEvent) -> Result<(), AppError> {
        match event {
            FetchEvent::Records { partition, batch } => {
                self.slots.openings_mut().for_each(|opening| opening.restore(&partition, &batch));
                Ok(())
            }
            FetchEvent::End { partition, position } => {
                self.slots.openings_mut().for_each(|opening| opening.restored_to(&partition, position));
                Ok(())
            }
            FetchEvent::OutOfRange { partition, position } => {
                let is_meant = |opening: &&mut Opening| opening.restores(&partition);
                let opening = self.slots.openings_mut().find(is_meant).map(|opening| opening.id);
                if let Some(id) = opening {
                    tracing::warn!(task = %id, changelog = %partition, position = position.0,
                        "the changelog's beginning was deleted before it could be read; opening the task again");
                    self.reopen(id);
                }
                Ok(())
            }
            FetchEvent::Error { error, .. } if error.is_transient() => Ok(()),
            FetchEvent::Error { error, .. } => Err(AppError::log("restoring state", error)),
        }
    }

    /// Advances the tasks being opened. Returns whether any is now running.
    pub(super) fn advance_openings(&mut self, now: Duration) -> Result<bool, AppError> {
        let mut any = false;
        if !self.slots.has_openings() {
            return Ok(any);
        }
        for id in self.slots.ids() {
            let Some(Phase::Opening(opening)) = self.slots.get_mut(id).map(|slot| &mut slot.phase) else { continue };
            let (collector, plan) = (&self.collector, &self.seed.common.plan);
            let mut destination = |topic: &Arc<str>| resolve(plan, collector, topic);
            match opening.advance(&self.seed.common, &mut self.questions, &mut destination, now)? {
                Advance::Waiting => {}
                Advance::Restore(changelogs) => {
                    any = true;
                    for (changelog, from) in changelogs {
                        self.restore_consumer.add(&changelog, from);
                    }
                }
                Advance::Ready(ready) => {
                    any = true;
                    let metrics = opening.metrics.clone();
                    for store in &ready.stores {
                        if let Some(changelog) = &store.changelog {
                            self.restore_consumer.remove(&changelog.partition);
                        }
                    }
                    tracing::info!(task = %id, restored = metrics.restored, "task runs");
                    let mut task = self.build(*ready, metrics)?;
                    if !task.stores.is_empty() {
                        let reader = task.share_state(self.seed.common.backend.reads_beside_writing());
                        let reader = reader.map_err(|error| AppError::Store { task: id, error })?;
                        self.seed.common.desk.set_reader(id, reader);
                    }
                    if let Some(slot) = self.slots.get_mut(id) {
                        if slot.is_suspended() {
                            task.metrics.phase = TaskPhase::Suspended;
                            task.set_current(false);
                        }
                        slot.phase = Phase::Open(Box::new(task));
                    }
                    self.begin_reading(id);
                }
            }
        }
        self.questions.step(&*self.seed.common.committer, &*self.admin);
        Ok(any)
    }

    /// Builds a task's operators and connects them to its inputs.
    pub(super) fn build(&self, ready: Ready, metrics: TaskMetrics) -> Result<Task, AppError> {
        let shared = &self.seed.common;
        let building = Building {
            plan: &shared.plan,
            globals: &shared.globals,
            collector: &self.collector,
            cache_budget: &self.cache_budget,
            drops: &shared.drops,
            totals: &shared.totals,
            wall_clock: shared.clock.now(),
            timestamps: shared.settings.timestamps,
            repeats_flaws: false,
            alignment: shared.alignment.as_ref(),
            is_exactly_once: self.is_exactly_once(),
            failures: &self.failures,
            buffered: &self.buffered,
            handling: &self.handling(),
        };
        building.build(ready, metrics)
    }
}
