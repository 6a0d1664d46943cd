//! Notices tasks that have records and do not process them, although the worker takes one step after the other.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Report, Worker};
use crate::record::TaskId;
use crate::runtime::long_wait::Awaited;
use crate::runtime::stall::{Stall, StallCause};
use crate::runtime::task::{Opening, Task};

/// How often the worker looks.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Since when tasks have been waiting.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    looked: Option<Duration>,
    tasks: BTreeMap<TaskId, Since>,
}

#[derive(Debug)]
struct Since {
    at: Duration,
    /// How many records had been processed then, and how many calls of handlers had ended.
    processed: u64,
    is_told: bool,
}

impl Worker {
    /// Reports tasks that have had records for longer than `task.stall.timeout.ms` and have processed none.
    pub(super) fn look_for_waiting_tasks(&mut self, now: Duration) {
        if self.waiting.looked.is_some_and(|looked| now.saturating_sub(looked) < LOOK_INTERVAL) {
            return;
        }
        self.waiting.looked = Some(now);
        self.tell_long_waits(now);
        let waits_on_purpose = self.seed.common.is_paused()
            || self.failed
            || self.standing.is_ending()
            || self.rest.left(now).is_some()
            || self.failures.set_aside.next_due().is_some();
        let mut tasks = std::mem::take(&mut self.waiting.tasks);
        tasks.retain(|id, _| !waits_on_purpose && self.slots.running_task(*id).is_some());
        if !waits_on_purpose {
            let settings = &self.seed.common.settings;
            let after = settings.task_stall_timeout + settings.task_idle.unwrap_or_default();
            let stalls = self.slots.running().filter_map(|task| self.stall_of(task, &mut tasks, now, after));
            stalls.collect::<Vec<_>>().into_iter().for_each(|stall| self.report(Report::Stalled(stall)));
        }
        self.waiting.tasks = tasks;
    }

    /// Says what the worker itself waits for, if that takes long.
    fn tell_long_waits(&mut self, now: Duration) {
        let (awaited, shared) = (self.awaits(now), &self.seed.common);
        self.long_wait.note(now, &format!("worker {}", self.seed.number), awaited, shared.is_out_of_reach());
    }

    fn awaits(&self, now: Duration) -> Option<Awaited> {
        if !self.producer_ready && !self.failed {
            let what = "the log to register its transactional id";
            return Some(Awaited::of(what).because(self.init_trouble.as_ref()));
        }
        // Most commits are over soon, and another one is the next time that somebody looks.
        let commit = self.commit.as_ref().and_then(|commit| commit.awaits());
        if let Some((_, awaited)) = commit.filter(|(since, _)| now.saturating_sub(*since) > LOOK_INTERVAL * 2) {
            return Some(awaited);
        }
        if self.is_proving() || self.proof.is_awaited() {
            return Some(Awaited::of("the group's answer whether this is still a member of it"));
        }
        if let Some(topic) = self.collector.borrow().looks_up() {
            return Some(Awaited::of(format!("the log to tell of output topic {topic}")));
        }
        self.slots.openings().find_map(Opening::awaits)
    }

    fn stall_of(
        &self,
        task: &Task,
        waiting: &mut BTreeMap<TaskId, Since>,
        now: Duration,
        after: Duration,
    ) -> Option<Stall> {
        let processed = task.metrics.processed + task.handlers_ended();
        let wall_clock = self.seed.common.clock.now();
        let Some(input) = task.inputs.iter().find(|input| input.fetched() > 0 && input.due(wall_clock).is_none())
        else {
            waiting.remove(&task.id);
            return None;
        };
        let since = waiting.entry(task.id).or_insert(Since { at: now, processed, is_told: false });
        if since.processed != processed {
            *since = Since { at: now, processed, is_told: false };
        }
        let lasting = now.saturating_sub(since.at);
        if lasting < after || std::mem::replace(&mut since.is_told, true) {
            return None;
        }
        let (input, position) = (input.partition.clone(), input.position);
        let cause = StallCause::Waiting { input, position, waits_for: self.what_keeps(task) };
        Some(Stall { worker: self.seed.number, task: Some(task.id), lasting, cause })
    }

    /// What a task with records waits for.
    fn what_keeps(&self, task: &Task) -> String {
        if self.commit.is_some() {
            return "a commit that the log has neither made nor refused".to_owned();
        }
        if self.is_proving() || self.proof.is_awaited() {
            return "the group's answer whether this is still a member".to_owned();
        }
        if self.collector.borrow().is_backed_up() {
            return "the log, which does not take what was written to it".to_owned();
        }
        if task.is_full() {
            return "handlers, which are not done with the records that it has accepted (`.max_records(..)`)"
                .to_owned();
        }
        let empty: Vec<_> = task.inputs.iter().filter(|input| input.fetched() == 0).collect();
        if !empty.is_empty() {
            let empty: Vec<_> = empty.iter().map(|input| input.partition.to_string()).collect();
            return format!(
                "records of {}, which has some that it does not give out (`max.task.idle.ms`)",
                empty.join(", ")
            );
        }
        match self.seed.common.alignment {
            Some(_) => "other tasks, which may still send older records (`event.time.alignment`)".to_owned(),
            None => "nothing that the worker knows of".to_owned(),
        }
    }
}
