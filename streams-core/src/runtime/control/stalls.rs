//! Notices workers that do not come back from a step, and decides what becomes of them and of tasks that wait for too long
//! (`task.stall.timeout.ms`, `task.stall.handler`).

use std::sync::Arc;
use std::time::Duration;

use crate::config::OnStall;
use crate::runtime::Settings;
use crate::runtime::pulse::Pulse;
use crate::runtime::stall::{Stall, StallCause};
use crate::runtime::voice::PEOPLE;

/// What the workers' pulses tell.
pub(super) struct Stalls {
    pulses: Vec<Arc<Pulse>>,
    /// When the steps began that were told of, by worker.
    told: Vec<Option<Duration>>,
    after: Duration,
    answer: OnStall,
}

impl Stalls {
    pub(super) fn new(pulses: Vec<Arc<Pulse>>, settings: &Settings) -> Self {
        let told = vec![None; pulses.len()];
        Self { pulses, told, after: settings.task_stall_timeout, answer: settings.task_stall }
    }

    /// What becomes of a worker or task that does not get on.
    pub(super) const fn answer(&self) -> OnStall {
        self.answer
    }

    /// A worker whose step takes too long, once for each such step.
    pub(super) fn step(&mut self, now: Duration) -> Option<Stall> {
        for (worker, (pulse, told)) in self.pulses.iter().zip(&mut self.told).enumerate() {
            let began = pulse.began();
            if let Some(since) = *told
                && began != Some(since)
            {
                *told = None;
                let seconds = now.saturating_sub(since).as_secs();
                tracing::warn!(target: PEOPLE, worker, seconds, "worker {worker} gets on again, after {seconds} s");
            }
            let Some(began) = began.filter(|began| told.is_none() && now.saturating_sub(*began) >= self.after) else {
                continue;
            };
            *told = Some(began);
            return Some(stall_of(worker, pulse, began, now));
        }
        None
    }

    /// A worker that is still in the step that was told of.
    pub(super) fn stuck(&self, worker: usize, now: Duration) -> Option<Stall> {
        let since = self.told.get(worker).copied().flatten()?;
        self.pulses
            .get(worker)
            .filter(|pulse| pulse.began() == Some(since))
            .map(|pulse| stall_of(worker, pulse, since, now))
    }

    /// Nothing that the worker sends from now on is sent.
    pub(super) fn give_up(&self, worker: usize) {
        if let Some(pulse) = self.pulses.get(worker) {
            pulse.give_up();
        }
    }
}

fn stall_of(worker: usize, pulse: &Pulse, since: Duration, now: Duration) -> Stall {
    let (task, record) = pulse.in_hand().map_or((None, None), |(task, record)| (Some(task), record));
    Stall { worker, task, lasting: now.saturating_sub(since), cause: StallCause::Busy(record) }
}
